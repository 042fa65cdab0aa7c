//! Retention: removes from a state folder what this program wrote there by itself and what is old. Packets that somebody
//! wanted elsewhere are their own, and are never touched. It knows its own files by their names, follows no links, and leaves alone what it does not know and what a run still writes.

use super::redact::store::MAPS;
use super::spool::{OBSERVATIONS, SPOOLS};
use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long things are kept where the settings say nothing else. Judgement: second line looks back 14 days
/// (ecosystem.md B.3), and a ticket may rest for as long again.
pub const KEEP_DAYS: u32 = 30;

/// The folder of packets in a state folder.
pub const PACKETS: &str = "packets";

/// What is done with what is old.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    /// Only named.
    Name,
    /// Removed.
    Remove,
}

/// Something old.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Old {
    pub path: PathBuf,
    pub bytes: u64,
    /// Why it is still there, where it should not be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kept: Option<String>,
}

/// Names or removes what is older than `days` in a state folder: packets with what lies beside them, maps, and what
/// killed runs left behind.
///
/// # Errors
/// Where a folder that is there cannot be listed.
pub fn purge(state: &Path, days: u32, act: Act) -> io::Result<Vec<Old>> {
    let age = Duration::from_secs(u64::from(days) * 86_400);
    let mut old = Vec::new();
    for (folder, is_ours) in [(PACKETS, is_packet as fn(&str) -> bool), (MAPS, is_map)] {
        for entry in entries(&state.join(folder))? {
            if is_ours(&entry.file_name().to_string_lossy()) && is_older(&entry.path(), age, fs::FileType::is_file) {
                let bytes = entry.metadata().map_or(0, |facts| facts.len());
                let removed = if act == Act::Remove { fs::remove_file(entry.path()) } else { Ok(()) };
                old.push(Old { path: entry.path(), bytes, kept: removed.err().map(|error| error.to_string()) });
            }
        }
    }
    for entry in entries(&state.join(SPOOLS))? {
        let path = entry.path();
        if is_run(&entry.file_name().to_string_lossy())
            && is_older(&path, age, fs::FileType::is_dir)
            && !is_being_written(&path)
        {
            let bytes = size(&path);
            let removed = if act == Act::Remove { fs::remove_dir_all(&path) } else { Ok(()) };
            old.push(Old { path, bytes, kept: removed.err().map(|error| error.to_string()) });
        }
    }
    old.sort_by(|left, right| left.path.cmp(&right.path));
    Ok(old)
}

fn entries(folder: &Path) -> io::Result<Vec<fs::DirEntry>> {
    match fs::read_dir(folder) {
        Ok(entries) => Ok(entries.flatten().collect()),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

/// A packet, or what lies beside one; the part of one that a full disk or a kill left.
fn is_packet(name: &str) -> bool {
    name.trim_start_matches('.').starts_with("firstline-")
}

/// What leads from the pseudonyms of a run to the names.
fn is_map(name: &str) -> bool {
    name.strip_suffix(".json").is_some_and(is_run)
}

/// The id of a run.
fn is_run(name: &str) -> bool {
    name.len() == 16 && name.chars().all(|character| character.is_ascii_hexdigit())
}

fn is_older(path: &Path, age: Duration, kind: fn(&fs::FileType) -> bool) -> bool {
    let Ok(facts) = fs::symlink_metadata(path) else { return false };
    let since = facts.modified().ok().and_then(|time| time.elapsed().ok());
    kind(&facts.file_type()) && since.is_some_and(|since| since >= age)
}

fn is_being_written(spool: &Path) -> bool {
    File::open(spool.join(OBSERVATIONS)).is_ok_and(|file| matches!(file.try_lock(), Err(TryLockError::WouldBlock)))
}

fn size(folder: &Path) -> u64 {
    let Ok(entries) = entries(folder) else { return 0 };
    let sizes = entries.iter().map(|entry| match entry.file_type() {
        Ok(kind) if kind.is_dir() => size(&entry.path()),
        _ => entry.metadata().map_or(0, |facts| facts.len()),
    });
    sizes.sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::SystemTime;

    const RUN: &str = "0123456789abcdef";

    fn aged(path: &Path, days: u64) {
        let file = File::open(path).unwrap();
        file.set_modified(SystemTime::now() - Duration::from_secs(days * 86_400)).unwrap();
    }

    fn state() -> tempfile::TempDir {
        let state = tempfile::tempdir().unwrap();
        fs::create_dir_all(state.path().join(PACKETS)).unwrap();
        fs::create_dir_all(state.path().join(SPOOLS).join(RUN)).unwrap();
        fs::write(state.path().join(SPOOLS).join(RUN).join(OBSERVATIONS), "").unwrap();
        for name in ["firstline-dns-1.zip", "firstline-dns-2.zip", "notes.txt"] {
            fs::write(state.path().join(PACKETS).join(name), "12345").unwrap();
        }
        state
    }

    #[test]
    fn only_what_is_ours_and_old_goes() {
        let state = state();
        let packets = state.path().join(PACKETS);
        for name in ["firstline-dns-1.zip", "notes.txt"] {
            aged(&packets.join(name), 31);
        }
        aged(&state.path().join(SPOOLS).join(RUN), 31);
        let map = state.path().join(MAPS).join(format!("{RUN}.json"));
        fs::create_dir_all(state.path().join(MAPS)).unwrap();
        fs::write(&map, "{}").unwrap();
        aged(&map, 31);
        let named = purge(state.path(), 30, Act::Name).unwrap();
        assert_eq!(named.len(), 3, "{named:?}");
        assert_eq!(named[0], Old { path: packets.join("firstline-dns-1.zip"), bytes: 5, kept: None });
        assert!(named[0].path.exists());
        assert_eq!(purge(state.path(), 30, Act::Remove).unwrap(), named);
        let left: Vec<_> = fs::read_dir(&packets).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!((left.len(), map.exists()), (2, false), "{left:?}");
        assert!(packets.join("notes.txt").exists() && !state.path().join(SPOOLS).join(RUN).exists());
    }

    #[test]
    fn a_run_that_goes_on_keeps_its_spool() {
        let state = state();
        let spool = state.path().join(SPOOLS).join(RUN);
        let held = fs::OpenOptions::new().append(true).open(spool.join(OBSERVATIONS)).unwrap();
        held.try_lock().unwrap();
        assert!(!purge(state.path(), 0, Act::Remove).unwrap().iter().any(|old| old.path == spool));
        drop(held);
        assert!(purge(state.path(), 0, Act::Remove).unwrap().iter().any(|old| old.path == spool));
    }

    #[test]
    fn where_nothing_is_there_is_nothing_to_do() {
        assert_eq!(purge(Path::new("tests/no-such-folder"), 0, Act::Remove).unwrap(), []);
    }
}
