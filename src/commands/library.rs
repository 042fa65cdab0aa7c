//! The playbooks and connectors that commands can name, with their mistakes as errors.

use crate::diagnosis::judge;
use crate::error::{Error, Kind, Result};
use crate::packet::write::Files;
use crate::packet::{PlaybookRef, source};
use crate::playbook::builtin::{BUILTIN, ORIGIN};
use crate::playbook::load::{OwnFile, check_file};
use crate::playbook::testing::{self, Report};
use crate::playbook::{LoadError, Mistakes, Playbook, builtin};
use crate::send::{self, Connector};
use std::path::Path;

/// The playbook that a reference leads to: an id, a file, or the user's words.
pub(super) fn load(reference: &str) -> Result<Playbook> {
    load_with_files(reference).map(|(playbook, _)| playbook)
}

/// The same with the files that somebody wrote for it; none for a built-in one.
pub(super) fn load_with_files(reference: &str) -> Result<(Playbook, Vec<OwnFile>)> {
    crate::playbook::load(reference).map_err(in_words)
}

pub(super) fn in_words(error: LoadError) -> Error {
    match error {
        LoadError::Mistakes(mistakes) => Error::rendered(Kind::Playbook, mistakes.render(false)),
        LoadError::Unreadable { .. } => Error::environment(error.to_string()),
        LoadError::NoMatch { .. } | LoadError::Ambiguous { .. } => Error::usage(error.to_string()),
    }
}

/// All built-in playbooks.
pub(super) fn builtin() -> Result<Vec<Playbook>> {
    ids()
        .filter_map(builtin::playbook)
        .map(|playbook| playbook.map_err(|mistakes| Error::rendered(Kind::Internal, mistakes.render(false))))
        .collect()
}

fn ids() -> impl Iterator<Item = &'static str> {
    BUILTIN.iter().map(|(id, _)| *id)
}

/// The references that a command works on: those given, or all built-in playbooks.
pub(super) fn or_all(references: &[String]) -> Vec<String> {
    if references.is_empty() { ids().map(str::to_owned).collect() } else { references.to_vec() }
}

/// A playbook that was looked through for mistakes.
pub(super) struct Linted {
    pub mistakes: Mistakes,
    /// The playbook, where it can be run and somebody wrote it, with its files.
    pub own: Option<(Playbook, Vec<OwnFile>)>,
}

/// Everything that is wrong with a playbook, warnings included.
pub(super) fn lint(reference: &str) -> Result<Linted> {
    if let Some(mistakes) = builtin::lint(reference) {
        return Ok(Linted { mistakes, own: None });
    }
    let (playbook, mistakes, files) = check_file(Path::new(reference)).map_err(in_words)?;
    Ok(Linted { mistakes, own: playbook.map(|playbook| (playbook, files)) })
}

/// Runs the tests that a playbook carries, with the diagnosis as it is.
pub(super) fn test(reference: &str) -> Result<Report> {
    let playbook = with_tests(load(reference)?)?;
    Ok(testing::run(&playbook, &|playbook, observations, case| judge(playbook, observations, case).verdict))
}

/// What is built in is loaded without its tests.
fn with_tests(loaded: Playbook) -> Result<Playbook> {
    match builtin::playbook(&loaded.id).filter(|_| loaded.origin == ORIGIN) {
        Some(whole) => whole.map_err(|mistakes| Error::rendered(Kind::Internal, mistakes.render(false))),
        None => Ok(loaded),
    }
}

/// The playbook that a packet was made with: this machine's where it is the same, else the one in the packet, which may
/// have been redacted. None where neither is to be had.
pub(super) fn of_packet(stored: &PlaybookRef, texts: &Files) -> Option<Playbook> {
    let here = load(reference(stored)).ok().filter(|playbook| playbook.hash == stored.hash);
    here.or_else(|| source::read(&stored.id, texts)?.ok())
}

/// What leads to the playbook of a packet again: a file's origin; a built-in one is found by its id.
pub(super) fn reference(stored: &PlaybookRef) -> &str {
    if stored.origin == ORIGIN { &stored.id } else { &stored.origin }
}

/// All built-in connectors.
pub(super) fn connectors() -> Result<Vec<Connector>> {
    send::builtin::all().map_err(|mistakes| Error::rendered(Kind::Internal, mistakes.render(false)))
}
