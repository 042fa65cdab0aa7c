//! The key and the map: what leads from a pseudonym back to the name. They stay on the machine that made them, for its
//! owner only; a map is gone after a month.

use super::pseudonym::Key;
use crate::error::{Error, Result};
use crate::packet::spool::make_folder;
use crate::sys;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// How long a map is kept: judgement. A case that is open for longer is looked at anew.
pub const MAP_LIFE: Duration = Duration::from_secs(30 * 24 * 3600);
/// A map is a few kilobytes; what is larger is another file.
const LARGEST: u64 = 64 << 20;

const KEY: &str = "redaction.key";
/// The folder of the maps in a state folder.
pub(in crate::packet) const MAPS: &str = "redaction";
const SCHEMA: &str = "firstline.pseudonyms/1";

/// From pseudonym to name.
pub type Map = BTreeMap<String, String>;

#[derive(Serialize, Deserialize)]
struct Stored {
    schema: String,
    run: String,
    names: Map,
}

/// The key of this machine, made where there is none. Where none can be kept, one for this time only.
pub fn key(state: &[PathBuf]) -> Key {
    let kept = |folder: &PathBuf| {
        let bytes = fs::read(folder.join(KEY)).ok()?;
        Key::from_bytes(&bytes)
    };
    state.iter().find_map(kept).unwrap_or_else(|| {
        let key = Key::random();
        // Another run may have been faster; then its key is the one.
        let stored = state.iter().find(|folder| {
            let put = make_folder(folder).and_then(|()| put_new(&folder.join(KEY), key.bytes()));
            put.is_ok() || kept(folder).is_some()
        });
        stored.and_then(kept).unwrap_or(key)
    })
}

/// Keeps the map of a run in the first folder that takes it, together with what was known before, and removes maps that
/// are over their time. Where it lies; none where nothing can be kept, or there is nothing to keep.
pub fn save(state: &[PathBuf], run: &str, map: &Map) -> Option<PathBuf> {
    state.iter().for_each(|folder| expire(folder, SystemTime::now()));
    if map.is_empty() {
        return None;
    }
    state.iter().find_map(|state| {
        let folder = state.join(MAPS);
        make_folder(state).and_then(|()| make_folder(&folder)).ok()?;
        let path = place(state, run);
        let mut names = read(&path).unwrap_or_default();
        names.extend(map.clone());
        let stored = Stored { schema: SCHEMA.to_owned(), run: run.to_owned(), names };
        let bytes = serde_json::to_vec_pretty(&stored).ok()?;
        let part = folder.join(format!(".{}.part", file_stem(run)));
        let _ = fs::remove_file(&part);
        put_new(&part, &bytes).and_then(|()| fs::rename(&part, &path)).ok()?;
        Some(path)
    })
}

/// The map of a run, where this machine has it.
pub fn of_run(state: &[PathBuf], run: &str) -> Option<Map> {
    state.iter().find_map(|folder| read(&place(folder, run)).ok())
}

/// Where the map of a run lies in a state folder.
fn place(state: &Path, run: &str) -> PathBuf {
    state.join(MAPS).join(format!("{}.json", file_stem(run)))
}

/// Every name that this machine can lead a pseudonym back to, of all runs.
pub fn all(state: &[PathBuf]) -> Map {
    let mut names = Map::new();
    for folder in state {
        expire(folder, SystemTime::now());
        let maps = fs::read_dir(folder.join(MAPS)).into_iter().flatten().flatten();
        maps.filter_map(|entry| read(&entry.path()).ok()).for_each(|map| names.extend(map));
    }
    names
}

/// A map that somebody named.
///
/// # Errors
/// Where it cannot be read or is no map.
pub fn open(path: &Path) -> Result<Map> {
    read(path).map_err(|error| Error::usage(format!("`{}` is no map of pseudonyms", path.display())).because(&error))
}

fn read(path: &Path) -> io::Result<Map> {
    let mut bytes = Vec::new();
    fs::File::open(path)?.take(LARGEST).read_to_end(&mut bytes)?;
    let stored: Stored = serde_json::from_slice(&bytes)?;
    if stored.schema != SCHEMA {
        return Err(io::Error::other(format!("its schema is `{}`", stored.schema)));
    }
    Ok(stored.names)
}

/// A new file for the owner only. The folders above are private already; the file is as well, should it be moved.
fn put_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = sys::make_private_file(path)?;
    file.write_all(bytes).and_then(|()| file.sync_all())
}

/// Removes the maps of a state folder that are over their time.
fn expire(state: &Path, now: SystemTime) {
    let maps = fs::read_dir(state.join(MAPS)).into_iter().flatten().flatten();
    for entry in maps {
        let made = entry.metadata().and_then(|facts| facts.modified());
        // A clock that was set back makes a map of the future; it is kept.
        let age = made.ok().and_then(|made| now.duration_since(made).ok()).unwrap_or_default();
        if age > MAP_LIFE {
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// Leads every pseudonym in a text back to its name.
pub fn unmask(text: &str, map: &Map) -> String {
    let words =
        aho_corasick::AhoCorasick::builder().match_kind(aho_corasick::MatchKind::LeftmostLongest).build(map.keys());
    let Ok(automaton) = words else { return text.to_owned() };
    let names: Vec<&String> = map.values().collect();
    let joined = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    let mut unmasked = String::with_capacity(text.len());
    automaton.replace_all_with(text, &mut unmasked, |found, pseudonym, unmasked| {
        let bytes = text.as_bytes();
        let part = joined(bytes.get(found.end())) || found.start() > 0 && joined(bytes.get(found.start() - 1));
        unmasked.push_str(if part { pseudonym } else { names[found.pattern().as_usize()] });
        true
    });
    unmasked
}

fn file_stem(run: &str) -> String {
    run.chars().filter(char::is_ascii_alphanumeric).take(40).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_key_for_a_machine_and_one_map_for_a_run() {
        let folder = tempfile::tempdir().unwrap();
        let state = [folder.path().join("state")];
        assert_eq!(key(&state), key(&state));
        let first = Map::from([("user-aaaaaaaa".to_owned(), "ann".to_owned())]);
        let second = Map::from([("name-bbbbbbbb".to_owned(), "desk".to_owned())]);
        let path = save(&state, "5f0c", &first).unwrap();
        assert_eq!(save(&state, "5f0c", &second), Some(path.clone()));
        assert_eq!(open(&path).unwrap().len(), 2);
        assert_eq!(of_run(&state, "5f0c"), open(&path).ok());
        assert_eq!(all(&state)["user-aaaaaaaa"], "ann");
        expire(&state[0], SystemTime::now() + MAP_LIFE + Duration::from_secs(60));
        assert!(!path.exists() && all(&state).is_empty());
    }

    #[test]
    fn what_is_no_map_is_refused_and_nowhere_to_keep_is_no_failure() {
        let file = tempfile::NamedTempFile::new().unwrap();
        assert!(open(file.path()).unwrap_err().to_string().contains("is no map of pseudonyms"));
        let nowhere = [file.path().to_owned()];
        assert_ne!(key(&nowhere), key(&nowhere));
        let map = Map::from([("a".to_owned(), "b".to_owned())]);
        assert_eq!(save(&nowhere, "x", &map), None);
    }
}
