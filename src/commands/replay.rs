//! `firstline replay`: a stored packet judged again, by this version or with another playbook. The same engine and the
//! same playbook give the same bytes; where the verdict changed, the report says what and why.

use super::{Context, library};
use crate::cli::Stored;
use crate::diagnosis::judge;
use crate::diagnosis::why::why;
use crate::error::Result;
use crate::exit::Exit;
use crate::packet::diff::{self, Change};
use crate::packet::read::{self, open_with};
use crate::packet::source::IN_THE_PACKET;
use crate::packet::{Packet, PlaybookRef};
use crate::playbook::Playbook;
use crate::report;
use crate::settings::Settings;

pub(super) fn replay(context: &Context, stored: &Stored, playbook: Option<&str>) -> Result<Exit> {
    let mut packet = open_with(&stored.packet, stored.identity.as_deref())?.packet;
    let before = packet.clone();
    let mut playbook = match playbook {
        Some(other) => library::load(other)?,
        None => own(stored, &before)?,
    };
    playbook.name_teams(&Settings::load(context.common.settings.as_deref())?.teams);
    let judgement = judge(&playbook, &packet.observations, &packet.case);
    packet.verdict = judgement.verdict;
    packet.next = judgement.next;
    packet.run.warnings.extend(reasons(&before, &packet, &playbook));
    if playbook.hash != before.playbook.hash {
        packet.playbook = PlaybookRef {
            id: playbook.id,
            title: playbook.title,
            origin: playbook.origin,
            hash: playbook.hash,
            // What allowed one playbook to start programs says nothing of another, which starts none here.
            vouched: None,
            ..before.playbook
        };
    }
    let style = context.terminal.style(context.common.verbose);
    context.print(&report::render(context.format(), &packet, &style))?;
    Ok(packet.verdict.status.into())
}

/// The playbook that the packet was made with; where it is not to be had any more, what has its name today.
fn own(stored: &Stored, before: &Packet) -> Result<Playbook> {
    let texts = read::playbook(&stored.packet, stored.identity.as_deref())?;
    match library::of_packet(&before.playbook, &texts) {
        Some(playbook) => Ok(playbook),
        None => library::load(library::reference(&before.playbook)),
    }
}

/// What is another judgement now, and why: the judge, the playbook, the conditions of the causes that came or went.
fn reasons(before: &Packet, after: &Packet, playbook: &Playbook) -> Vec<String> {
    let mut reasons = Vec::new();
    let other_playbook = playbook.hash != before.playbook.hash;
    let id = &playbook.id;
    reasons.extend(match (other_playbook, playbook.origin == IN_THE_PACKET) {
        (false, false) => None,
        (false, true) => {
            Some(format!("judged again with {id} as it is in the packet: here it is another one, or none"))
        }
        (true, true) => Some(format!("judged again with {id} as redaction left it in the packet")),
        (true, false) => {
            Some(format!("judged again with {id} ({}), not with the playbook of the run", playbook.origin))
        }
    });
    if before.verdict == after.verdict {
        return reasons;
    }
    let version = env!("CARGO_PKG_VERSION");
    if before.tool.version != version {
        reasons.push(format!("judged by {version}, the run was judged by {}", before.tool.version));
    } else if !other_playbook {
        reasons.push("the stored verdict is not what this program makes of these observations".to_owned());
    }
    let changes = diff::verdict(&before.verdict, &after.verdict);
    if changes.is_empty() {
        reasons.push("only the wording or the notes of the verdict changed".to_owned());
    }
    let none = || "none".to_owned();
    reasons.extend(changes.into_iter().map(|Change { what, before, after }| {
        format!("changed: {what} was {}, is {}", before.unwrap_or_else(none), after.unwrap_or_else(none))
    }));
    let (old, new) = (&before.verdict.cause, &after.verdict.cause);
    if old != new {
        let causes = old.iter().chain(new);
        reasons.extend(causes.map(|cause| format!("because {}", why(playbook, &before.observations, cause))));
    }
    reasons
}
