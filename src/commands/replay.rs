//! `firstline replay`: a stored packet judged again, by this version or with another playbook.

use super::{Context, library};
use crate::diagnosis::judge;
use crate::error::Result;
use crate::exit::Exit;
use crate::packet::PlaybookRef;
use crate::packet::read::open;
use crate::report;
use std::path::Path;

pub(super) fn replay(context: &Context, path: &Path, playbook: Option<&str>) -> Result<Exit> {
    let mut packet = open(path)?.packet;
    let stored = packet.playbook.clone();
    let playbook = library::load(playbook.unwrap_or_else(|| library::reference(&stored)))?;
    let judgement = judge(&playbook, &packet.observations, &packet.case);
    packet.verdict = judgement.verdict;
    packet.next = judgement.next;
    if playbook.hash != stored.hash {
        let changed =
            format!("judged again with {} ({}), not with the playbook of the run", playbook.id, playbook.origin);
        packet.run.warnings.push(changed);
    }
    packet.playbook =
        PlaybookRef { id: playbook.id, title: playbook.title, origin: playbook.origin, hash: playbook.hash, ..stored };
    let style = context.terminal.style(context.common.verbose);
    context.print(&report::render(context.format(), &packet, &style))?;
    Ok(packet.verdict.status.into())
}
