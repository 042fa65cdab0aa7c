//! A packet of what a run left behind that was killed: the header, the observations and the evidence in its spool.

use super::Packet;
use super::read::{parse, read_capped};
use super::redact::Level;
use super::spool::{EVIDENCE, HEADER, Line, MOST_EVIDENCE_BYTES, OBSERVATIONS, SPOOLS, file_name, remove};
use super::write::Files;
use crate::error::{Error, Result};
use crate::observation::{Observation, Outcome};
use crate::playbook::Playbook;
use crate::settings::Settings;
use std::collections::{BTreeMap, HashSet};
use std::fs::{self, File, TryLockError};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// All observations of a spool; far above what a run sees, so that it bounds only a file that somebody else made.
const LARGEST_LINES: u64 = 64 << 20;

/// How long a run may take to make its spool and write its header: milliseconds, and a loaded machine.
const YOUNG: Duration = Duration::from_secs(60);

/// Why nothing is known of a check that a killed run did not come to.
const KILLED: &str = "the run was killed first";

/// A run that was left behind.
#[derive(Debug)]
pub struct Left {
    /// The packet as it was before anything was seen, with what is known about the spool in its warnings.
    header: Packet,
    observations: Vec<Observation>,
    /// The evidence that the observations name.
    pub files: Files,
    folder: PathBuf,
    /// Held until the packet stands, so that two of us do not finish the same run.
    _lock: File,
}

/// The spools in these state folders, whether their runs go on or not.
pub fn spools(state_folders: &[PathBuf]) -> Vec<PathBuf> {
    let mut spools: Vec<PathBuf> = state_folders
        .iter()
        .filter_map(|folder| fs::read_dir(folder.join(SPOOLS)).ok())
        .flat_map(|entries| entries.flatten())
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
        .map(|entry| entry.path())
        .collect();
    spools.sort();
    spools
}

/// Opens what a run left behind; none where the run still goes on, or where it was killed before it began, which leaves
/// nothing to keep.
///
/// # Errors
/// Where the spool cannot be read, or is none.
pub fn open(folder: &Path) -> Result<Option<Left>> {
    if folder.parent().and_then(Path::file_name).is_none_or(|name| name != SPOOLS) {
        return Err(Error::usage(format!("`{}` is not the spool of a run", folder.display()))
            .hint("`firstline packet finish` finds them"));
    }
    let path = folder.join(OBSERVATIONS);
    let unreadable = |error: &std::io::Error| {
        Error::environment(format!("cannot read the spool `{}`", folder.display())).because(error)
    };
    let mut file = match File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound && is_bare(folder) => {
            remove_unless_young(folder);
            return Ok(None);
        }
        Err(error) => return Err(unreadable(&error)),
    };
    match file.try_lock() {
        Err(TryLockError::WouldBlock) => return Ok(None),
        // Without locks on this file system, whoever asks for it says that the run is over.
        Ok(()) | Err(TryLockError::Error(_)) => {}
    }
    let header = match File::open(folder.join(HEADER)) {
        Ok(mut header) => read_capped(&mut header, LARGEST_LINES, folder, "its header")?,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            remove_unless_young(folder);
            return Ok(None);
        }
        Err(error) => return Err(unreadable(&error)),
    };
    let mut header = parse(folder, &header)?;
    let lines = read_capped(&mut file, LARGEST_LINES, folder, "its list of observations")?;
    let mut observations = observations(&mut header, &lines);
    let files = evidence(&mut header, &folder.join(EVIDENCE), &mut observations);
    Ok(Some(Left { header, observations, files, folder: folder.to_owned(), _lock: file }))
}

/// A run that has just made its folder has no header yet, and is not dead.
fn remove_unless_young(folder: &Path) {
    let age = fs::metadata(folder).and_then(|facts| facts.modified()).ok().and_then(|time| time.elapsed().ok());
    if age.is_some_and(|age| age > YOUNG) {
        remove(folder);
    }
}

/// Whether a folder holds nothing but the folder for evidence: the run was killed while it made its spool.
fn is_bare(folder: &Path) -> bool {
    fs::read_dir(folder).is_ok_and(|entries| entries.flatten().all(|entry| entry.file_name() == EVIDENCE))
}

/// The last form of each observation that was not withdrawn. The line that a kill cut off is no line.
fn observations(header: &mut Packet, lines: &[u8]) -> Vec<Observation> {
    let mut seen: BTreeMap<String, Observation> =
        header.observations.drain(..).map(|observation| (observation.id.clone(), observation)).collect();
    let mut senseless = 0_usize;
    let whole = lines.iter().rposition(|byte| *byte == b'\n').map_or(&[][..], |end| &lines[..end]);
    for line in whole.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        match serde_json::from_slice(line) {
            Ok(Line::Seen(observation)) => drop(seen.insert(observation.id.clone(), *observation)),
            Ok(Line::Withdrawn(id)) => drop(seen.remove(&id)),
            Err(_) => senseless += 1,
        }
    }
    if senseless > 0 {
        header.run.warnings.push(format!("{senseless} lines of the spool cannot be read"));
    }
    seen.into_values().collect()
}

/// The files that observations name. What is missing is named, and taken from the observation.
fn evidence(header: &mut Packet, folder: &Path, observations: &mut [Observation]) -> Files {
    let mut files = BTreeMap::new();
    let mut missing = Vec::new();
    let mut room = MOST_EVIDENCE_BYTES as u64;
    for observation in observations {
        observation.evidence.retain(|name| {
            let read = || {
                let is_file = fs::symlink_metadata(folder.join(name)).is_ok_and(|facts| facts.is_file());
                let mut file = is_file.then(|| File::open(folder.join(name)).ok())??;
                read_capped(&mut file, room, folder, name).ok()
            };
            let bytes = if file_name(name) == *name { read() } else { None };
            match bytes {
                Some(bytes) => {
                    room -= bytes.len() as u64;
                    files.insert(name.clone(), bytes);
                    true
                }
                None => {
                    missing.push(name.clone());
                    false
                }
            }
        });
    }
    if !missing.is_empty() {
        header.run.warnings.push(format!("evidence missing from the spool: {}", missing.join(", ")));
    }
    files.into_iter().collect()
}

impl Left {
    /// The playbook of the run: the id of a built-in one, or the path of a file, as in the packet; and its hash.
    pub fn playbook(&self) -> &super::PlaybookRef {
        &self.header.playbook
    }

    /// The packet of what was known when the run was killed, judged with its playbook where that is still at hand. A check
    /// that nothing is known of is `unknown`, never `ok`.
    pub fn packet(&self, playbook: Option<&Playbook>, settings: &Settings) -> Packet {
        let mut packet = self.header.clone();
        packet.run.ended = "killed".to_owned();
        let same = playbook.filter(|playbook| playbook.hash == packet.playbook.hash);
        let Some(playbook) = same else {
            packet.run.warnings.push(
                "not judged, because the playbook of the run is gone or was changed; `firstline replay` takes another"
                    .to_owned(),
            );
            packet.observations = self.observations.clone();
            return packet;
        };
        let known: HashSet<&str> = self.observations.iter().map(|seen| seen.check.as_str()).collect();
        let open = playbook.checks.iter().filter(|check| !known.contains(check.id.as_str())).map(|check| {
            let summary = format!("not known: {KILLED}");
            let mut unknown = Observation::new(&check.probe, check.layer, &check.id, None, Outcome::Unknown, summary);
            unknown.reason = Some(KILLED.to_owned());
            unknown
        });
        packet.close(playbook, self.observations.iter().cloned().chain(open).collect(), settings);
        packet.run.warnings.push("the run was killed; this is what was known, without what changed of late".to_owned());
        packet
    }

    /// How much the run was told to hide; runs of before there were levels told nothing.
    pub fn level(&self) -> Level {
        self.header.run.redact_to.unwrap_or(Level::Standard)
    }

    /// How many observations it had made.
    pub fn seen(&self) -> usize {
        self.observations.len()
    }

    /// Removes the spool: the packet stands.
    pub fn remove(self) {
        remove(&self.folder);
    }

    /// Where it lies.
    pub fn folder(&self) -> &Path {
        &self.folder
    }
}
