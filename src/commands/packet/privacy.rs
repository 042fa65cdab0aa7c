//! `firstline packet redact` and `unmask`: hide more before a packet goes on, and lead an answer about it back to the
//! names.

use super::super::handover::Desk;
use super::super::{Context, library};
use crate::cli::Stored;
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::packet::read::{self, open_with};
use crate::packet::redact::{Level, store, unmask};
use crate::packet::spool::state_folders;
use crate::packet::write::Place;
use crate::report::{self, Page, Paint};
use crate::request::run_id;
use crate::settings::Settings;
use serde_json::json;
use std::io::Read;
use std::path::Path;

/// An answer to a packet is a mail; what is larger is another file.
const LARGEST_TEXT: u64 = 64 << 20;

/// Classes of what was hidden that are shown in one line.
const CLASSES: usize = 12;

pub(super) fn redact(context: &Context, stored: &Stored, level: Level, output: Option<&Path>) -> Result<Exit> {
    let settings = Settings::load(context.common.settings.as_deref())?;
    let (path, identity) = (stored.packet.as_path(), stored.identity.as_deref());
    let packet = open_with(path, identity)?.packet;
    let before = Level::of(&packet);
    if before >= level {
        return Err(Error::usage(format!("`{}` is redacted already: {}", path.display(), before.word()))
            .hint("what a packet hides is gone from it; only the machine that made it can show more"));
    }
    let attached = read::attached(path, identity)?;
    let playbook = library::of_packet(&packet.playbook, &attached.playbook)
        .filter(|playbook| playbook.hash == packet.playbook.hash);
    let folder = match output {
        Some(folder) => folder.to_owned(),
        None => path.parent().map(Path::to_owned).unwrap_or_default(),
    };
    let state = state_folders(&run_id());
    if before >= Level::Standard && store::of_run(&state, &packet.run.id).is_none() {
        context.warn(
            "this machine did not make the packet, or has forgotten its names: those that a person typed into the ticket \
             may stay readable",
        );
    }
    let desk = Desk { level, state: &state, places: &[Place::chosen(&folder)], limit: settings.packet_bytes };
    let handed = desk.hand_over(&packet, attached, playbook.as_ref())?;
    let Some(written) = &handed.path else {
        let why = handed.warnings().pop().unwrap_or_else(|| "the packet could not be written".to_owned());
        return Err(Error::environment(why));
    };
    let run = &handed.packet.run;
    let written = written.to_string_lossy();
    if context.wants_json() {
        context.print_json(&json!({
            "packet": written, "redaction": run.redaction, "hidden": run.hidden, "withheld": run.withheld,
        }))?;
    } else {
        let mut page = Page::new(&context.terminal.style(false));
        page.headline("REDACTED", Paint::Good, &format!("{}: {written}", run.redaction));
        let mut hidden: Vec<(&String, &usize)> = run.hidden.iter().collect();
        hidden.sort_by_key(|(class, count)| (std::cmp::Reverse(**count), class.as_str()));
        let hidden: Vec<String> =
            hidden.into_iter().take(CLASSES).map(|(class, count)| format!("{count} {class}")).collect();
        page.labelled("Hidden", hidden.iter().map(String::as_str));
        page.labelled("Withheld", run.withheld.iter().map(String::as_str));
        context.print(&page.finish())?;
    }
    Ok(Exit::found(run.withheld.is_empty()))
}

pub(super) fn show_unmasked(
    context: &Context,
    file: &Path,
    identity: Option<&Path>,
    map: Option<&Path>,
) -> Result<Exit> {
    let map = match map {
        Some(map) => store::open(map)?,
        None => store::all(&state_folders(&run_id())),
    };
    if map.is_empty() {
        return Err(Error::environment("this machine has no map of pseudonyms").hint(
            "maps stay where the packet was made, for thirty days; `--map FILE` names one that was brought from there",
        ));
    }
    let text = match open_with(file, identity) {
        Ok(opened) => {
            let style = context.terminal.style(context.common.verbose);
            report::render(context.format(), &opened.packet, &style)
        }
        Err(error) if looks_like_packet(file) => return Err(error),
        Err(_) => plain(file)?,
    };
    context.print(&unmask(&text, &map))?;
    Ok(Exit::Good)
}

fn looks_like_packet(file: &Path) -> bool {
    file.extension().is_some_and(|ending| ending == "zip" || ending == "json")
}

/// The text of a file, or of standard input.
fn plain(file: &Path) -> Result<String> {
    let unreadable =
        |error: &std::io::Error| Error::environment(format!("cannot read `{}`", file.display())).because(error);
    let mut bytes = Vec::new();
    if file == Path::new("-") {
        std::io::stdin().take(LARGEST_TEXT).read_to_end(&mut bytes).map_err(|error| unreadable(&error))?;
    } else {
        let file = std::fs::File::open(file).map_err(|error| unreadable(&error))?;
        file.take(LARGEST_TEXT).read_to_end(&mut bytes).map_err(|error| unreadable(&error))?;
    }
    Ok(crate::ui::escape_lines(&String::from_utf8_lossy(&bytes)).into_owned() + "\n")
}
