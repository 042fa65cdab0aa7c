//! The spool: a private folder that takes every observation and its evidence as they come, so that a crash, a kill or a
//! full disk at the end loses nothing. It is removed once the packet stands.

use super::Packet;
use super::redact::Veil;
use crate::observation::{Evidence, Observation};
use crate::run::Watcher;
use crate::sys;
use etcetera::{BaseStrategy, choose_base_strategy};
use serde::{Deserialize, Serialize};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

/// All evidence of one run together; far above what the probes attach, so that it bounds only a mistake.
pub(super) const MOST_EVIDENCE_BYTES: usize = 32 << 20;

/// One line for each observation, newest form last. Held under a lock while the run goes on.
pub(super) const OBSERVATIONS: &str = "observations.ndjson";
/// The packet as it was before anything was seen.
pub(super) const HEADER: &str = "packet.json";
/// The folder of the evidence.
pub(super) const EVIDENCE: &str = "evidence";
/// The folder of all spools in a state folder.
pub(super) const SPOOLS: &str = "spool";

/// One line of the observations.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Line {
    /// Seen, or seen again in a later form. Its evidence is named as the files are.
    Seen(Box<Observation>),
    /// No longer held, by id.
    Withdrawn(String),
}

/// The folder of the run under way, for the panic message.
static CURRENT: Mutex<Option<PathBuf>> = Mutex::new(None);

/// The spool folder of the run under way, where there is one.
pub fn current() -> Option<PathBuf> {
    // A panic while the lock was held leaves the path itself whole.
    CURRENT.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone()
}

fn set_current(folder: Option<PathBuf>) {
    *CURRENT.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = folder;
}

/// The folders that may hold state, best first: the user's, the machine's for a run without a home, and one of this
/// run's own among the temporary files: its name cannot be guessed, so nobody can have prepared it.
pub fn state_folders(run: &str) -> Vec<PathBuf> {
    let is_set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let home_is_known = is_set("HOME") || is_set("XDG_STATE_HOME");
    let user = choose_base_strategy().ok().and_then(|base| base.state_dir().or_else(|| Some(base.data_dir())));
    let ordered = if home_is_known { [user, None] } else { [sys::system_state_folder(), user] };
    ordered
        .into_iter()
        .flatten()
        .map(|folder| folder.join("firstline"))
        .chain([std::env::temp_dir().join(format!("firstline-{run}"))])
        .collect()
}

/// What a run has seen so far, on disk where possible.
pub struct Spool {
    state: RefCell<State>,
}

struct State {
    /// Over all that goes to the disk: whoever finishes a run that was killed has another environment.
    veil: Veil,
    folder: Option<PathBuf>,
    lines: Option<File>,
    /// Evidence by observation and name: under which file name it goes into the packet, and its text.
    evidence: BTreeMap<(String, String), Stored>,
    bytes: usize,
    warnings: Vec<String>,
    limits: Vec<String>,
}

struct Stored {
    file: String,
    text: String,
}

impl Spool {
    /// Opens a spool for this run in the first of `folders` that can be written; in memory where none can.
    pub fn open(folders: &[PathBuf], run: &str) -> Self {
        let mut state = State {
            veil: Veil::of_environment(),
            folder: None,
            lines: None,
            evidence: BTreeMap::new(),
            bytes: 0,
            warnings: Vec::new(),
            limits: Vec::new(),
        };
        let mut reason = None;
        for base in folders {
            match prepare(base, run) {
                Ok((folder, lines)) => {
                    set_current(Some(folder.clone()));
                    (state.folder, state.lines) = (Some(folder), Some(lines));
                    break;
                }
                Err(error) => reason = reason.or(Some(format!("{}: {error}", base.display()))),
            }
        }
        if state.folder.is_none() {
            let reason = reason.unwrap_or_else(|| "there is no folder for state".to_owned());
            state.warnings.push(format!("the run is kept in memory only, because no spool can be written ({reason})"));
        }
        Spool { state: RefCell::new(state) }
    }

    /// What went wrong with the spool itself.
    pub fn warnings(&self) -> Vec<String> {
        self.state.borrow().warnings.clone()
    }

    /// What the spool did not take, because it was too much.
    pub fn limits(&self) -> Vec<String> {
        self.state.borrow().limits.clone()
    }

    /// The evidence files of these observations, by file name; the observations' lists are brought in line with it.
    pub fn collect(&self, observations: &mut [Observation]) -> Vec<(String, Vec<u8>)> {
        let mut state = self.state.borrow_mut();
        let mut files = BTreeMap::new();
        for observation in observations {
            for evidence in std::mem::take(&mut observation.attached) {
                state.keep(&observation.id, &evidence);
            }
            let mut names = Vec::new();
            for name in &observation.evidence {
                if let Some(stored) = state.evidence.get(&(observation.id.clone(), name.clone())) {
                    names.push(stored.file.clone());
                    files.insert(stored.file.clone(), stored.text.clone().into_bytes());
                }
            }
            observation.evidence = names;
        }
        files.into_iter().collect()
    }

    /// Removes the folder: the packet stands, or none is wanted.
    pub fn remove(self) {
        let state = self.state.into_inner();
        drop(state.lines);
        if let Some(folder) = state.folder {
            remove(&folder);
        }
        set_current(None);
    }

    /// Leaves the folder where it is and says where.
    pub fn leave(self) -> Option<PathBuf> {
        self.state.into_inner().folder
    }
}

/// Removes a spool, and what lies above it where that is empty: a temporary base was made for this run alone.
pub(super) fn remove(folder: &Path) {
    let _ = fs::remove_dir_all(folder);
    for above in folder.ancestors().skip(1).take(2) {
        let _ = fs::remove_dir(above);
    }
}

impl Watcher for Spool {
    fn began(&self, header: &Packet) {
        let mut state = self.state.borrow_mut();
        let Some(folder) = state.folder.clone() else { return };
        let written = super::write::json(header).and_then(|json| {
            let json = String::from_utf8_lossy(&json);
            put(&folder.join(HEADER), state.veil.over(&json).as_bytes())
        });
        if let Err(error) = written {
            state.failed(&error);
        }
    }

    fn withdrawn(&self, id: &str) {
        self.state.borrow_mut().append(&Line::Withdrawn(id.to_owned()));
    }

    fn observed(&self, observation: &Observation) {
        let mut state = self.state.borrow_mut();
        for evidence in &observation.attached {
            state.keep(&observation.id, evidence);
        }
        if state.lines.is_none() {
            return;
        }
        let mut seen = observation.clone();
        seen.evidence.retain_mut(|name| match state.evidence.get(&(observation.id.clone(), name.clone())) {
            Some(stored) => {
                *name = stored.file.clone();
                true
            }
            None => false,
        });
        state.append(&Line::Seen(Box::new(seen)));
    }
}

impl State {
    /// One line; the file is not synchronised for each, because a power cut is not what it guards against.
    fn append(&mut self, line: &Line) {
        let Some(file) = &mut self.lines else { return };
        let Ok(line) = serde_json::to_string(line) else { return };
        let line = format!("{}\n", self.veil.over(&line));
        if let Err(error) = file.write_all(line.as_bytes()) {
            self.lines = None;
            self.failed(&error);
        }
    }

    fn keep(&mut self, observation: &str, evidence: &Evidence) {
        let key = (observation.to_owned(), evidence.name.clone());
        let before = self.evidence.get(&key).map_or(0, |stored| stored.text.len());
        if self.bytes - before + evidence.text.len() > MOST_EVIDENCE_BYTES {
            let warning = format!("evidence beyond {} MiB was left out", MOST_EVIDENCE_BYTES >> 20);
            if !self.limits.contains(&warning) {
                self.limits.push(warning);
            }
            return;
        }
        let file = match self.evidence.get(&key) {
            Some(stored) => stored.file.clone(),
            None => self.free_name(&file_name(&evidence.name)),
        };
        self.bytes = self.bytes - before + evidence.text.len();
        if self.lines.is_some()
            && let Some(folder) = &self.folder
            && let Err(error) = put(&folder.join(EVIDENCE).join(&file), self.veil.over(&evidence.text).as_bytes())
        {
            self.failed(&error);
        }
        self.evidence.insert(key, Stored { file, text: evidence.text.clone() });
    }

    /// Two observations may call their evidence the same.
    fn free_name(&self, wanted: &str) -> String {
        let taken = |name: &str| self.evidence.values().any(|stored| stored.file == name);
        if !taken(wanted) {
            return wanted.to_owned();
        }
        let (stem, ending) = wanted.rsplit_once('.').unwrap_or((wanted, "txt"));
        (2..).map(|number| format!("{stem}-{number}.{ending}")).find(|name| !taken(name)).unwrap_or_default()
    }

    fn failed(&mut self, error: &io::Error) {
        let warning = format!("the spool could not be written ({error}); the run goes on in memory");
        if !self.warnings.contains(&warning) {
            self.warnings.push(warning);
        }
    }
}

/// A file that is whole or is not there: a kill in between leaves the part, which nobody reads.
fn put(path: &Path, bytes: &[u8]) -> io::Result<()> {
    // No evidence has a name with a dot in front.
    let part = path.with_file_name(".part");
    let written = fs::write(&part, bytes).and_then(|()| fs::rename(&part, path));
    if written.is_err() {
        let _ = fs::remove_file(&part);
    }
    written
}

/// A name that every file system takes: `[a-z0-9._-]`, not hidden, of bounded length.
pub(super) fn file_name(name: &str) -> String {
    /// Shortest limit among common file systems is 255 bytes; half of it leaves room for a suffix.
    const LONGEST: usize = 120;
    let clean: String = name
        .chars()
        .take(LONGEST)
        .map(|character| character.to_ascii_lowercase())
        .map(|character| if character.is_ascii_alphanumeric() || "._-".contains(character) { character } else { '-' })
        .collect();
    let clean = clean.trim_start_matches('.');
    if clean.is_empty() { "evidence.txt".to_owned() } else { clean.to_owned() }
}

/// Makes a folder where there is none, for the owner only: what goes in speaks of a person's machine.
pub(super) fn make_folder(folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    if let Some(parent) = folder.parent() {
        fs::create_dir_all(parent)?;
    }
    match sys::make_private_folder(folder) {
        // Another run was faster.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && folder.is_dir() => Ok(()),
        made => made,
    }
}

fn prepare(base: &Path, run: &str) -> io::Result<(PathBuf, File)> {
    let spools = base.join(SPOOLS);
    make_folder(base)?;
    make_folder(&spools)?;
    let folder = spools.join(run);
    sys::make_private_folder(&folder)?;
    sys::make_private_folder(&folder.join(EVIDENCE))?;
    let lines = OpenOptions::new().create_new(true).append(true).open(folder.join(OBSERVATIONS))?;
    // Nobody else knows of the file yet; where the file system has no locks, it counts as one that was left behind.
    let _ = lines.try_lock();
    Ok((folder, lines))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layer::Layer;
    use crate::observation::Outcome;

    fn seen(check: &str, evidence: &str) -> Observation {
        Observation::new("dns", Layer::Dns, check, None, Outcome::Ok, "fine".into()).attach("Answer.TXT", evidence)
    }

    #[test]
    fn what_comes_is_on_disk_at_once_and_gone_at_the_end() {
        let base = tempfile::tempdir().unwrap();
        let spool = Spool::open(&[base.path().to_owned()], "run1");
        spool.observed(&seen("a", "first"));
        spool.observed(&seen("a", "later form"));
        spool.observed(&seen("b", "other"));
        let folder = base.path().join("spool/run1");
        assert_eq!(fs::read_to_string(folder.join(OBSERVATIONS)).unwrap().lines().count(), 3);
        assert_eq!(fs::read_to_string(folder.join("evidence/answer.txt")).unwrap(), "later form");
        let mut observations = [seen("a", "later form"), seen("b", "other")];
        let files = spool.collect(&mut observations);
        assert_eq!(observations[1].evidence, ["answer-2.txt"]);
        assert_eq!(
            files,
            [("answer-2.txt".to_owned(), b"other".to_vec()), ("answer.txt".to_owned(), b"later form".to_vec())]
        );
        spool.remove();
        assert!(!folder.exists());
    }

    #[test]
    fn without_any_folder_it_stays_in_memory_and_says_so() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let spool = Spool::open(&[file.path().to_owned()], "run2");
        spool.observed(&seen("a", "kept"));
        assert_eq!(spool.collect(&mut [seen("a", "kept")]).len(), 1);
        assert!(spool.warnings()[0].contains("in memory only"));
    }

    #[test]
    fn a_folder_that_somebody_prepared_is_not_used() {
        let base = tempfile::tempdir().unwrap();
        fs::create_dir_all(base.path().join("spool/run3")).unwrap();
        assert!(Spool::open(&[base.path().to_owned()], "run3").leave().is_none());
    }

    #[test]
    fn names_from_outside_become_file_names() {
        let cases = [("../../etc/passwd", "-..-etc-passwd"), ("A b.TXT", "a-b.txt"), ("...", "evidence.txt")];
        for (name, expected) in cases {
            assert_eq!(file_name(name), expected);
        }
    }
}
