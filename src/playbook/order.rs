//! In which order the checks of a playbook can be made: a check is ready when what it names has spoken.

use super::template;
use super::{Check, Playbook};
use crate::diagnosis::evidence::CASE_CHECK;
use crate::probe::Cost;
use std::collections::BTreeMap;

/// The checks whose facts the arguments of this one use.
pub fn references(check: &Check, playbook: &Playbook) -> Vec<String> {
    template::references(&check.args)
        .into_iter()
        .filter(|root| *root != check.id && *root != CASE_CHECK && playbook.check(root).is_some())
        .collect()
}

/// The checks that this one's condition or arguments wait for, in the order of the alphabet.
pub fn waits_for(check: &Check, playbook: &Playbook) -> Vec<String> {
    let mut names = references(check, playbook);
    if let Some(condition) = &check.when {
        let mut mentioned = Vec::new();
        condition.checks(&mut mentioned);
        names.extend(mentioned.into_iter().filter(|name| playbook.check(name).is_some()).map(str::to_owned));
    }
    names.sort();
    names.dedup();
    names
}

/// The checks by when they can be made: what waits for nothing, what waits for these, and so on. Questions are the last
/// round, whatever they wait for: a person is asked when nothing else can answer.
pub fn rounds(playbook: &Playbook) -> Vec<Vec<&Check>> {
    let (asked, looked): (Vec<&Check>, Vec<&Check>) =
        playbook.checks.iter().partition(|check| check.cost == Cost::Person);
    let waits: BTreeMap<&str, Vec<String>> =
        looked.iter().map(|check| (check.id.as_str(), waits_for(check, playbook))).collect();
    let mut left = looked;
    let mut rounds: Vec<Vec<&Check>> = Vec::new();
    while !left.is_empty() {
        let is_left = |id: &String| left.iter().any(|check| check.id == *id);
        let (ready, waiting): (Vec<&Check>, Vec<&Check>) =
            left.iter().partition(|check| !waits[check.id.as_str()].iter().any(is_left));
        // The linter refuses circles; a playbook that was not linted still gets an answer.
        let stuck = ready.is_empty();
        rounds.push(if stuck { waiting.clone() } else { ready });
        left = if stuck { Vec::new() } else { waiting };
    }
    rounds.extend((!asked.is_empty()).then_some(asked));
    rounds
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::playbook::parse;

    #[test]
    fn what_waits_comes_later_and_questions_last() {
        let text = "schema = 1\nid = 'x'\ntitle = 'x'\n\
            [[check]]\nid = 'page'\nprobe = 'http'\nurl = '{{ name.addresses }}'\n\
            [[check]]\nid = 'sure'\nprobe = 'ask'\nquestion = '?'\n\
            [[check]]\nid = 'name'\nprobe = 'lookup'\nname = 'a.test'\nwhen = [{ check = 'cable', outcome = 'ok' }]\n\
            [[check]]\nid = 'cable'\nprobe = 'link'\n";
        let playbook = parse("x", text, &|_| None).unwrap();
        let ids: Vec<Vec<&str>> =
            rounds(&playbook).iter().map(|round| round.iter().map(|check| check.id.as_str()).collect()).collect();
        assert_eq!(ids, [vec!["cable"], vec!["name"], vec!["page"], vec!["sure"]]);
    }
}
