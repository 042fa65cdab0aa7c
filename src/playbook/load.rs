//! Finds a playbook by what somebody typed: the id of a built-in one, the path of a file, or the user's own words.

use super::parse::{self, LARGEST};
use super::{Mistakes, Playbook, builtin, matching};
use std::borrow::Cow;
use std::fs;
use std::io::Read;
use std::path::{Component, Path, PathBuf};

/// Why no playbook was loaded. The message ends with what to type next.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The words fit no playbook well.
    #[error("no playbook fits `{words}`{}\n\nhint: firstline list playbooks", listed(.nearest))]
    NoMatch {
        /// What was typed.
        words: String,
        /// The nearest ones, best first: id and title.
        nearest: Vec<(String, String)>,
    },
    /// The words fit several playbooks equally well.
    #[error("`{words}` fits more than one playbook{}\n\nhint: firstline list playbooks", listed(.fitting))]
    Ambiguous {
        /// What was typed.
        words: String,
        /// Those that fit, best first: id and title.
        fitting: Vec<(String, String)>,
    },
    /// The file cannot be read.
    #[error("cannot read the playbook `{path}`: {why}\n\nhint: firstline list playbooks")]
    Unreadable {
        /// The path as it was typed.
        path: String,
        /// What the system says.
        why: String,
    },
    /// It was read, and has mistakes.
    #[error("{0}")]
    Mistakes(Mistakes),
}

fn listed(list: &[(String, String)]) -> String {
    if list.is_empty() {
        return String::new();
    }
    let lines: Vec<String> = list.iter().map(|(id, title)| format!("\n  {id:<16} {title}")).collect();
    format!("; nearest are:{}", lines.concat())
}

/// One of the files that somebody wrote for a playbook: itself, or what it includes from beside it.
#[derive(Debug, Clone)]
pub struct OwnFile {
    pub path: PathBuf,
    /// The text as it was read: whoever vouches for it must vouch for this, not for what lies there later.
    pub text: String,
}

/// The playbook where it can be run, everything that is wrong with it, and the files that somebody wrote for it.
pub type Checked = (Option<Playbook>, Mistakes, Vec<OwnFile>);

/// Loads a playbook by the id of a built-in one, the path of a file, or the user's words. A built-in one comes without its
/// tests.
///
/// # Errors
/// Where nothing fits, a file cannot be read, or it has mistakes.
pub fn load(reference: &str) -> Result<(Playbook, Vec<OwnFile>), LoadError> {
    let reference = reference.trim();
    if let Some(playbook) = builtin::without_tests(reference) {
        return built_in(playbook);
    }
    let path = Path::new(reference);
    if is_path(reference) || path.is_file() {
        return whole(read_file(path, |name, text, include| parse::for_run(name, text, include))?);
    }
    let id = matching::best(reference, &matching::headings())?;
    match builtin::without_tests(&id) {
        Some(playbook) => built_in(playbook),
        None => Err(LoadError::NoMatch { words: reference.to_owned(), nearest: Vec::new() }),
    }
}

/// Whether somebody who typed this meant a file, existing or not.
fn is_path(reference: &str) -> bool {
    let words = reference.split_whitespace().count();
    reference.ends_with(".toml") || (words == 1 && reference.contains(['/', '\\']))
}

fn built_in(playbook: Result<Playbook, Mistakes>) -> Result<(Playbook, Vec<OwnFile>), LoadError> {
    playbook.map(|playbook| (playbook, Vec::new())).map_err(LoadError::Mistakes)
}

/// Loads a playbook from a file, with the texts that it was read from.
///
/// # Errors
/// Where it cannot be read or has mistakes.
pub fn file(path: &Path) -> Result<(Playbook, Vec<OwnFile>), LoadError> {
    whole(check_file(path)?)
}

fn whole((playbook, mistakes, files): Checked) -> Result<(Playbook, Vec<OwnFile>), LoadError> {
    playbook.map(|playbook| (playbook, files)).ok_or(LoadError::Mistakes(mistakes))
}

/// Everything that is wrong with a playbook in a file, warnings included; the playbook where it can be run; and the files
/// that somebody wrote for it.
///
/// # Errors
/// Where the file cannot be read.
pub fn check_file(path: &Path) -> Result<Checked, LoadError> {
    read_file(path, |name, text, include| parse::check(name, text, include, parse::Registry::all()))
}

fn read_file(
    path: &Path,
    parse: impl Fn(&str, &str, parse::Include<'_>) -> (Option<Playbook>, Mistakes),
) -> Result<Checked, LoadError> {
    let text = read(path)?;
    let (playbook, mistakes) = parse(&path.display().to_string(), &text, &beside(path));
    let included = mistakes.sources.iter().skip(1).filter(|source| builtin::include(&source.name).is_none());
    let folder = folder(path);
    let files = [OwnFile { path: path.to_owned(), text }]
        .into_iter()
        .chain(
            included.map(|source| OwnFile { path: folder.join(&source.name), text: source.text.clone().into_owned() }),
        )
        .collect();
    Ok((playbook, mistakes, files))
}

fn read(path: &Path) -> Result<String, LoadError> {
    read_text(path).map_err(|why| LoadError::Unreadable { path: path.display().to_string(), why })
}

/// A text file up to the largest size of a playbook and one byte more, so that the parser can say that it is too large.
fn read_text(path: &Path) -> Result<String, String> {
    let mut bytes = Vec::new();
    let metadata = fs::metadata(path).map_err(|error| error.to_string())?;
    if !metadata.is_file() {
        // A pipe or a device could keep us waiting for ever.
        return Err("it is not a regular file".to_owned());
    }
    let file = fs::File::open(path).map_err(|error| error.to_string())?;
    file.take(LARGEST as u64 + 1).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    String::from_utf8(bytes).map_err(|_| "it is not UTF-8 text".to_owned())
}

fn folder(playbook: &Path) -> PathBuf {
    playbook.parent().unwrap_or(Path::new("")).to_path_buf()
}

/// Finds included files: built-in fragments by name, other files beside the playbook. Paths that lead elsewhere are not
/// followed, because a message about a mistake shows lines of the file.
fn beside(playbook: &Path) -> impl Fn(&str) -> Option<Cow<'static, str>> + use<> {
    let folder = folder(playbook);
    move |name: &str| {
        if let Some(text) = builtin::include(name) {
            return Some(text.into());
        }
        let inside = Path::new(name).components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
        inside.then(|| read_text(&folder.join(name)).ok().map(Cow::Owned)).flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_what_cannot_be_read() {
        let error = load("./no/such/file.toml").unwrap_err().to_string();
        assert!(error.contains("no/such/file.toml") && error.contains("hint: "), "{error}");
        let error = load("zxqv wvut").unwrap_err().to_string();
        assert!(error.ends_with("hint: firstline list playbooks"), "{error}");
        let folder = tempfile::tempdir().unwrap();
        assert!(matches!(file(folder.path()), Err(LoadError::Unreadable { .. })));
    }

    #[test]
    fn includes_lie_beside_the_playbook_and_nowhere_else() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("outside.toml"), "schema = 1").unwrap();
        fs::create_dir(folder.path().join("in")).unwrap();
        fs::write(folder.path().join("in/part.toml"), "schema = 1").unwrap();
        let find = beside(&folder.path().join("in/book.toml"));
        assert!(find("part.toml").is_some());
        assert!(find("./part.toml").is_some());
        assert!(find("../outside.toml").is_none());
        assert!(find(&folder.path().join("outside.toml").display().to_string()).is_none());
    }
}
