//! Who made a file, and who may read it: `signature` in the format of the stock tool `minisign`, `encryption` in that of
//! `age`. Whoever receives a packet or a playbook needs nothing of ours to check or open it. Keys come from files and
//! settings, never from the command line.

pub mod encryption;
pub mod signature;

use crate::error::{Error, Result};
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// A file with a key or a signature is a few lines; what is larger is something else.
const LARGEST_KEY: u64 = 64 << 10;

/// A path with an ending more.
pub fn with_ending(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(ending);
    PathBuf::from(name)
}

/// A small file of text.
fn text(path: &Path, what: &str) -> Result<String> {
    let unreadable =
        |error: &io::Error| Error::environment(format!("cannot read the {what} `{}`", path.display())).because(error);
    let file = File::open(path).map_err(|error| unreadable(&error))?;
    match bounded(file).map_err(|error| unreadable(&error))? {
        Some(text) => Ok(text),
        None => Err(senseless(path, what)),
    }
}

/// All that can be read, where it is text and not too long for a key.
fn bounded(from: impl Read) -> io::Result<Option<String>> {
    let mut bytes = Vec::new();
    from.take(LARGEST_KEY + 1).read_to_end(&mut bytes)?;
    Ok(String::from_utf8(bytes).ok().filter(|text| text.len() as u64 <= LARGEST_KEY))
}

fn senseless(path: &Path, what: &str) -> Error {
    Error::usage(format!("`{}` is no {what}", path.display()))
}
