//! A playbook to begin with: every part once, explained where it stands, without mistakes and with tests that pass.

use super::mistake::Mistakes;
use super::parse;

const START: &str = include_str!("start.toml");

/// The text of a new playbook with this id.
///
/// # Errors
/// Where the id is no word that a playbook can have: the mistake says why.
pub fn text(id: &str) -> Result<String, Mistakes> {
    let words = id.replace('-', " ");
    let mut letters = words.chars();
    let title: String = letters.next().into_iter().flat_map(char::to_uppercase).chain(letters).collect();
    // Such letters could end the text that they are put into.
    let harmless = |text: &str| text.replace(['"', '\\', '\n', '\r'], " ");
    let text = START
        .replace("@id@", &harmless(id))
        .replace("@title@", &harmless(&format!("{title} does not work")))
        .replace("@words@", &harmless(&words));
    parse(&format!("{}.toml", harmless(id)), &text, &|_| None).map(|_| text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnosis::judge;
    use crate::playbook::{Registry, testing};

    #[test]
    fn a_new_playbook_is_without_warnings_and_passes_its_tests() {
        let text = text("leave-requests").unwrap();
        let (playbook, mistakes) = parse::check("new.toml", &text, &|_| None, Registry::all());
        assert!(mistakes.is_empty(), "{}", mistakes.render(false));
        let playbook = playbook.unwrap();
        assert_eq!((playbook.id.as_str(), playbook.title.as_str()), ("leave-requests", "Leave requests does not work"));
        let report = testing::run(&playbook, &|playbook, seen, case| judge(playbook, seen, case).verdict);
        assert!(report.passed() && report.untested.is_empty(), "{report}");
    }

    #[test]
    fn an_id_that_cannot_be_one_is_shown_as_a_mistake() {
        for id in ["", "My App", "x\"\nid = \"y", "été", "a\\", "-"] {
            let mistakes = text(id).unwrap_err();
            assert!(mistakes.iter().all(|it| ["P007", "P028", "P001"].contains(&it.kind.code())), "{mistakes}");
        }
    }
}
