//! The playbooks in the binary, and the fragments that several of them include. Only the one that is asked for is
//! parsed, so their number costs a start nothing.

use super::parse::{self, Registry};
use super::{Mistakes, Playbook};
use std::borrow::Cow;

/// Where a built-in playbook says that it comes from.
pub const ORIGIN: &str = "built in";

macro_rules! built_in {
    ($folder:literal: $( $id:literal )*) => {
        &[ $( ($id, include_str!(concat!("../../", $folder, "/", $id, ".toml"))), )* ]
    };
}

/// Id and text of each playbook in the binary. Adding one is its file and its id here.
pub const BUILTIN: &[(&str, &str)] = built_in!("playbooks":
    "no-internet"
    "one-site-fails"
    "dns"
    "proxy"
    "vpn"
    "slow"
    "local-service"
    "this-machine"
    "no-ip-or-link"
    "slow-computer"
    "video-calls"
    "software-update"
    "wifi-join"
    "wifi-slow"
    "shared-drive"
    "printer"
    "email"
    "remote-desktop"
    "sign-in"
);

/// Name and text of each fragment that playbooks can include.
pub const FRAGMENTS: &[(&str, &str)] = built_in!("playbooks/common":
    "path"
    "service"
    "questions"
    "lease"
);

/// The text of a built-in playbook.
pub fn text(id: &str) -> Option<&'static str> {
    BUILTIN.iter().find(|(known, _)| *known == id).map(|(_, text)| *text)
}

/// The text of a fragment, or of a whole built-in playbook: both can be included.
pub fn include(name: &str) -> Option<&'static str> {
    FRAGMENTS.iter().find(|(known, _)| *known == name).map(|(_, text)| *text).or_else(|| text(name))
}

/// The built-in playbook with this id; none where there is none.
///
/// # Errors
/// Its mistakes, which would be ours: a test reads all of them.
pub fn playbook(id: &str) -> Option<Result<Playbook, Mistakes>> {
    text(id).map(|text| read(id, text, text.len()))
}

/// The same without the tests that it carries, which are half of the text and which no run needs.
///
/// # Errors
/// As `playbook`.
pub fn without_tests(id: &str) -> Option<Result<Playbook, Mistakes>> {
    text(id).map(|text| read(id, text, first_test(text)))
}

fn included(name: &str) -> Option<Cow<'static, str>> {
    include(name).map(Cow::Borrowed)
}

fn read(id: &str, text: &'static str, until: usize) -> Result<Playbook, Mistakes> {
    let playbook = parse::read_trusted(id, text, until, &included)?;
    Ok(Playbook { origin: ORIGIN.to_owned(), ..playbook })
}

/// Where the tests of a built-in playbook begin, which stand last (a test holds them to it).
fn first_test(text: &str) -> usize {
    text.find("\n[[test]]").map_or(text.len(), |before| before + 1)
}

/// Everything that is wrong with a built-in playbook, warnings included; none where there is none.
pub fn lint(id: &str) -> Option<Mistakes> {
    Some(parse::mistakes(id, text(id)?, &included, Registry::all()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnosis::judge;
    use crate::playbook::mistake::Kind;
    use crate::playbook::{matching, testing};
    use std::collections::BTreeSet;
    use std::path::Path;

    fn stems(folder: &str) -> Vec<String> {
        let Ok(entries) = std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)) else {
            return Vec::new();
        };
        let mut stems: Vec<String> = entries
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.extension().is_some_and(|extension| extension == "toml"))
            .map(|path| path.file_stem().unwrap().to_string_lossy().into_owned())
            .collect();
        stems.sort();
        stems
    }

    #[test]
    fn every_file_is_listed() {
        for (folder, list) in [("playbooks", BUILTIN), ("playbooks/common", FRAGMENTS)] {
            let mut listed: Vec<&str> = list.iter().map(|(id, _)| *id).collect();
            listed.sort_unstable();
            assert_eq!(listed, stems(folder), "{folder}");
        }
    }

    #[test]
    fn a_run_misses_nothing_but_the_tests() {
        for (id, _) in BUILTIN {
            let (whole, read) = (playbook(id).unwrap().unwrap(), without_tests(id).unwrap().unwrap());
            assert!(read.tests.is_empty() && !whole.tests.is_empty(), "{id}");
            let rest = |it: &Playbook| format!("{:?}", Playbook { tests: Vec::new(), ..it.clone() });
            assert_eq!(rest(&whole), rest(&read), "{id}");
        }
    }

    #[test]
    fn every_probe_that_a_built_in_playbook_uses_exists() {
        let missing: BTreeSet<String> = BUILTIN
            .iter()
            .flat_map(|(id, _)| {
                let mistakes = lint(id).unwrap();
                let missing = mistakes.iter().filter(|mistake| mistake.kind == Kind::UnknownProbe);
                missing.map(|mistake| mistake.message.clone()).collect::<Vec<_>>()
            })
            .collect();
        assert!(missing.is_empty(), "{missing:#?}");
    }

    #[test]
    fn every_built_in_playbook_is_without_mistakes_and_passes_its_tests() {
        for (id, _) in BUILTIN {
            let mistakes = lint(id).unwrap();
            assert!(mistakes.is_empty(), "{}", mistakes.render(false));
            let playbook = playbook(id).unwrap().unwrap();
            assert_eq!(playbook.id, *id, "the file's name is the id");
            assert!(!playbook.says.is_empty(), "{id} cannot be found by words");
            let report = testing::run(&playbook, &|playbook, seen, case| judge(playbook, seen, case).verdict);
            assert!(report.passed(), "{report}");
        }
    }

    #[test]
    fn every_cause_of_the_library_is_expected_by_one_of_its_tests() {
        let library: Vec<Playbook> = BUILTIN.iter().map(|(id, _)| playbook(id).unwrap().unwrap()).collect();
        let tests = library.iter().flat_map(|playbook| &playbook.tests);
        let expected: BTreeSet<&str> = tests.filter_map(|test| test.expect.cause.as_deref()).collect();
        let causes = library.iter().flat_map(|playbook| &playbook.causes).map(|cause| cause.id.as_str());
        let untested: BTreeSet<&str> = causes.filter(|cause| !expected.contains(cause)).collect();
        assert!(untested.is_empty(), "{untested:#?}");
    }

    #[test]
    fn the_users_words_find_the_right_one() {
        let cases = [
            ("the internet is down", "no-internet"),
            ("the crm is down", "one-site-fails"),
            ("the website won't open", "one-site-fails"),
            ("everything is slow", "slow"),
            ("the video call stutters", "video-calls"),
            ("software updates fail", "software-update"),
            ("the wifi is slow", "wifi-slow"),
            ("cannot join the wifi", "wifi-join"),
            ("my computer is slow", "slow-computer"),
            ("I get no ip address", "no-ip-or-link"),
            ("the vpn does not connect", "vpn"),
            ("the mapped drive has a red cross", "shared-drive"),
            ("the printer is offline", "printer"),
            ("mail stays in the outbox", "email"),
            ("the remote desktop stays black", "remote-desktop"),
            ("the account is locked", "sign-in"),
        ];
        for (words, id) in cases {
            let found = matching::best(words, &matching::headings());
            let ranked = matching::rank(words, &matching::headings());
            assert_eq!(found.as_deref().unwrap_or("none"), id, "{words}: {ranked:?}");
        }
    }
}
