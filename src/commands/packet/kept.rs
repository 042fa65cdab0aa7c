//! `firstline packet finish` and `purge`: what lies in the state folder.

use super::super::handover::Desk;
use super::super::{Context, library};
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::packet::finish::{self, Left};
use crate::packet::purge::{self, Act, Old};
use crate::packet::source;
use crate::packet::spool::state_folders;
use crate::packet::write::{Attached, Place};
use crate::report::{Page, Paint};
use crate::request::run_id;
use crate::settings::Settings;
use serde::Serialize;
use std::path::{Path, PathBuf};

/// One run that was left behind.
#[derive(Serialize)]
struct Finished {
    spool: PathBuf,
    run: String,
    observations: usize,
    /// Where the packet was written; none where it could not be.
    #[serde(skip_serializing_if = "Option::is_none")]
    packet: Option<String>,
    warnings: Vec<String>,
}

pub(super) fn finish(context: &Context, spool: Option<&Path>, output: Option<&Path>) -> Result<Exit> {
    let settings = Settings::load(context.common.settings.as_deref())?;
    // The third state folder is one of a run's own, so another run finds nothing there.
    let state = state_folders(&run_id());
    let absolute = |folder: &Path| std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
    let spools = match spool {
        Some(spool) => vec![absolute(spool)],
        None => finish::spools(&state),
    };
    let places: Vec<Place> =
        output.map(Place::chosen).into_iter().chain(Place::of_state(&state, settings.keep_days)).collect();
    let mut finished = Vec::new();
    let mut failed = Vec::new();
    for spool in spools {
        match finish::open(&spool) {
            Ok(Some(left)) => finished.push(finish_one(left, &settings, &state, &places)?),
            Ok(None) => {}
            Err(error) => failed.push(error),
        }
    }
    match failed.pop() {
        // The one that was asked for, or the only one.
        Some(error) if finished.is_empty() => return Err(error),
        Some(error) => context.warn(&error.to_string()),
        None => {}
    }
    show_finished(context, &finished)?;
    Ok(Exit::found(finished.iter().all(|one| one.packet.is_some())))
}

fn finish_one(left: Left, settings: &Settings, state: &[PathBuf], places: &[Place]) -> Result<Finished> {
    let stored = left.playbook();
    let mut playbook = library::load(library::reference(stored)).ok();
    playbook.iter_mut().for_each(|playbook| playbook.name_teams(&settings.teams));
    let packet = left.packet(playbook.as_ref(), settings);
    // Another one than that of the run says nothing about it.
    let own = playbook.as_ref().filter(|playbook| playbook.hash == stored.hash);
    let attached = Attached { evidence: left.files.clone(), playbook: own.map(source::files).unwrap_or_default() };
    let desk = Desk { level: left.level(), state, places, limit: settings.packet_bytes };
    let handed = desk.hand_over(&packet, attached, playbook.as_ref())?;
    let finished = Finished {
        spool: left.folder().to_owned(),
        run: packet.run.id.clone(),
        observations: left.seen(),
        packet: handed.path.as_ref().map(|path| path.to_string_lossy().into_owned()),
        warnings: handed.warnings(),
    };
    if handed.path.is_some() {
        left.remove();
    }
    Ok(finished)
}

fn show_finished(context: &Context, finished: &[Finished]) -> Result<()> {
    if context.wants_json() {
        return context.print_json(&finished);
    }
    let mut page = Page::new(&context.terminal.style(false));
    if finished.is_empty() {
        page.paragraph("No run was left behind.", Paint::Plain);
    }
    for one in finished {
        let about = format!("run {}, {} observations", one.run, one.observations);
        match &one.packet {
            Some(path) => page.headline("FINISHED", Paint::Good, &format!("{about}: {path}")),
            None => page.headline("NOT WRITTEN", Paint::Bad, &format!("{about} stay in {}", one.spool.display())),
        }
        page.labelled("Warnings", one.warnings.iter().map(String::as_str));
    }
    context.print(&page.finish())
}

pub(super) fn purge(context: &Context, older_than: Option<u32>, dry_run: bool) -> Result<Exit> {
    let settings = Settings::load(context.common.settings.as_deref())?;
    let days = older_than.unwrap_or(settings.keep_days);
    let act = if dry_run { Act::Name } else { Act::Remove };
    let mut old = Vec::new();
    for folder in state_folders(&run_id()) {
        old.extend(purge::purge(&folder, days, act).map_err(|error| {
            Error::environment(format!("cannot list the state folder `{}`", folder.display())).because(&error)
        })?);
    }
    let good = old.iter().all(|one| one.kept.is_none());
    if context.wants_json() {
        context.print_json(&old)?;
        return Ok(Exit::found(good));
    }
    let mut page = Page::new(&context.terminal.style(false));
    let bytes: u64 = old.iter().filter(|one| one.kept.is_none()).map(|one| one.bytes).sum();
    let word = if dry_run { "would be removed" } else { "removed" };
    page.paragraph(&format!("{} older than {days} days {word}, {bytes} bytes", old.len()), Paint::Strong);
    let lines = old.iter().map(|Old { path, kept, .. }| match kept {
        Some(why) => format!("{} stays: {why}", path.display()),
        None => path.display().to_string(),
    });
    page.labelled("Files", lines.collect::<Vec<_>>().iter().map(String::as_str));
    context.print(&page.finish())?;
    Ok(Exit::found(good))
}
