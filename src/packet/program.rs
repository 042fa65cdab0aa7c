//! Which build of this program made a packet: the SHA-256 of its file. Reading and hashing 15 MB costs as much processor
//! time as a small run does, so the hash is kept beside the spool and made again when the file has changed.

use super::write::{hash_of, put};
use serde::{Deserialize, Serialize};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

/// The file in the state folder.
const KEPT: &str = "program.json";

/// A hash, and the file that it was made of as it was then: the marks by which build tools take a file for unchanged.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Kept {
    path: PathBuf,
    bytes: u64,
    modified_ns: u128,
    sha256: String,
}

/// SHA-256 of the running program in hexadecimal; none where its file cannot be read. What was kept in the state folder
/// is taken where the file is the same.
pub fn sha256(state: &Path) -> Option<String> {
    of(&std::env::current_exe().ok()?, state)
}

fn of(program: &Path, state: &Path) -> Option<String> {
    let mut file = File::open(program).ok()?;
    let metadata = file.metadata().ok()?;
    let modified = metadata.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
    let place = state.join(KEPT);
    let known = fs::read(&place).ok().and_then(|text| serde_json::from_slice::<Kept>(&text).ok());
    let (bytes, modified_ns) = (metadata.len(), modified.as_nanos());
    let is_same = |kept: &Kept| (kept.path.as_path(), kept.bytes, kept.modified_ns) == (program, bytes, modified_ns);
    if let Some(kept) = known.filter(is_same) {
        return Some(kept.sha256);
    }
    let kept = Kept { path: program.to_owned(), bytes, modified_ns, sha256: hash_of(&mut file).ok()? };
    // Where it cannot be kept it is made again the next time.
    let _ = serde_json::to_vec(&kept).map(|text| put(&place, &text));
    Some(kept.sha256)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_kept_until_the_file_changes() {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("program");
        fs::write(&program, "one").unwrap();
        let first = of(&program, folder.path()).unwrap();
        let kept: Kept = serde_json::from_slice(&fs::read(folder.path().join(KEPT)).unwrap()).unwrap();
        assert_eq!((kept.bytes, &kept.sha256), (3, &first));
        let forged = Kept { sha256: "kept".to_owned(), ..kept };
        fs::write(folder.path().join(KEPT), serde_json::to_vec(&forged).unwrap()).unwrap();
        assert_eq!(of(&program, folder.path()).as_deref(), Some("kept"), "an unchanged file is not read again");
        fs::write(&program, "other").unwrap();
        let second = of(&program, folder.path()).unwrap();
        assert!(second.len() == 64 && second != first);
    }

    #[test]
    fn without_a_place_to_keep_it_the_hash_is_made() {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("program");
        fs::write(&program, "one").unwrap();
        assert_eq!(of(&program, Path::new("/proc/nowhere")).unwrap().len(), 64);
        assert_eq!(of(Path::new("/nowhere"), folder.path()), None);
    }
}
