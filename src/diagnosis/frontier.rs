//! Rules 2 to 4: does the goal work, and if not, which are the lowest problems that nothing beneath explains.

use super::evidence::{Evidence, class};
use crate::layer::Layer;
use crate::observation::{Outcome, Via};
use crate::probe::Cost;
use crate::problem::{Class, Code};
use std::collections::{BTreeSet, HashSet};

/// What became of the goal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Goal {
    /// It works.
    Works,
    /// It works, but this observation (by index) says that it is slow or partial.
    Badly(usize),
    /// It fails; these observations say so.
    Fails(Vec<usize>),
    /// It could not be tried.
    Unknown,
    /// There is no single goal: each check is one (`this-machine`).
    Each,
}

/// What became of the goal of this playbook.
pub fn goal(evidence: &Evidence<'_>) -> Goal {
    if evidence.playbook.goals().next().is_none() {
        return Goal::Each;
    }
    let goals = evidence.top_goals();
    let seen: Vec<usize> = goals.iter().flat_map(|goal| evidence.of_check(goal)).copied().collect();
    let fails: Vec<usize> = goals.iter().flat_map(|goal| evidence.blocking(goal)).collect();
    if !fails.is_empty() {
        return Goal::Fails(fails);
    }
    // What works only for somebody who knows the address does not work for programs.
    let round: Vec<usize> = goals.iter().flat_map(|goal| evidence.gone_round(goal)).collect();
    if !round.is_empty() {
        return Goal::Fails(round);
    }
    let badly =
        seen.iter().find(|&&index| evidence.stands(index) && !evidence.works(&evidence.observations[index].check));
    if let Some(&badly) = badly {
        return Goal::Badly(badly);
    }
    if seen.iter().any(|&index| evidence.observations[index].outcome == Outcome::Ok) {
        return Goal::Works;
    }
    Goal::Unknown
}

/// The lowest problems on the goal's trail: one group of observations for each check, bottom first.
pub fn frontier(evidence: &Evidence<'_>, goal: &Goal) -> Vec<Vec<usize>> {
    let mut groups = match goal {
        Goal::Each => each(evidence),
        _ => on_trail(evidence),
    };
    groups.sort_by_key(|group| {
        let first = evidence.observations[group[0]];
        (first.layer, evidence.graph.position(&first.check))
    });
    groups
}

/// These problems, and those of the same subjects beneath them: what is wrong with a resolver's setting explains that no
/// way leads to it, although another observation of that setting reads well.
pub fn with_roots(problems: &BTreeSet<usize>, evidence: &Evidence<'_>) -> BTreeSet<usize> {
    let is_root = |lower: usize, upper: usize| {
        let (lower, upper) = (evidence.observations[lower], evidence.observations[upper]);
        lower.subject.is_some()
            && lower.subject == upper.subject
            && evidence.graph.is_beneath(&lower.check, &upper.check)
    };
    let standing = (0..evidence.observations.len()).filter(|&index| evidence.stands(index));
    let roots = standing.filter(|&lower| problems.iter().any(|&upper| is_root(lower, upper)));
    roots.chain(problems.iter().copied()).collect()
}

/// Every standing problem is its own group.
fn each(evidence: &Evidence<'_>) -> Vec<Vec<usize>> {
    (0..evidence.observations.len()).filter(|&index| evidence.stands(index)).map(|index| vec![index]).collect()
}

fn on_trail(evidence: &Evidence<'_>) -> Vec<Vec<usize>> {
    let leading = leading_to_goal(evidence);
    let blocked: Vec<(&str, Vec<usize>)> = evidence
        .playbook
        .checks
        .iter()
        .filter(|check| evidence.on_trail(&check.id))
        .map(|check| (check.id.as_str(), evidence.blocking(&check.id)))
        .filter(|(check, blocking)| !blocking.is_empty() && leading.contains(check))
        .collect();
    let lower = evidence.graph.set(blocked.iter().map(|(check, _)| *check));
    blocked
        .into_iter()
        .filter(|(check, _)| {
            evidence.graph.position(check).is_none_or(|position| !evidence.graph.beneath(position).meets(&lower))
        })
        .map(|(_, group)| group)
        .collect()
}

/// The checks between which and a goal everything fails too. A check above one that works shows that the problem does
/// not hinder: a hosts-file entry is a quirk where the connection through it stands.
fn leading_to_goal<'a>(evidence: &Evidence<'a>) -> HashSet<&'a str> {
    let mut open: Vec<&str> = evidence.top_goals().to_vec();
    let mut leading: HashSet<&str> = open.iter().copied().collect();
    while let Some(upper) = open.pop() {
        if !evidence.on_trail(upper) || uses(upper, evidence) || evidence.is_not_needed(upper) {
            continue;
        }
        let Some(check) = evidence.check(upper) else { continue };
        let answers = answers(upper, evidence);
        let hinders = |lower: &str| !has_carried(lower, &answers, evidence);
        open.extend(check.after.iter().map(String::as_str).filter(|lower| hinders(lower) && leading.insert(lower)));
    }
    leading
}

/// The far end's own words about a failing check, with the layer of each; nothing where one of its problems is none.
fn answers<'a>(check: &str, evidence: &Evidence<'a>) -> Vec<(Layer, &'a Via)> {
    let problems = evidence.blocking(check);
    let answers = problems.iter().map(|&index| {
        let observation = evidence.observations[index];
        let answer = observation.code.map(|code| code.problem()).filter(|problem| problem.proves_path);
        answer.map(|problem| (problem.layer, &observation.via))
    });
    answers.collect::<Option<Vec<_>>>().unwrap_or_default()
}

/// Whether these answers came up through a lower check, which then does not hinder, though it may be slow or half dead:
/// it lies beneath the layers that answered, and none of its problems is about another element than the one in use.
fn has_carried(lower: &str, answers: &[(Layer, &Via)], evidence: &Evidence<'_>) -> bool {
    let Some(check) = evidence.check(lower) else { return false };
    let elsewhere = |via: &Via| {
        let problems = evidence.blocking(lower);
        problems.iter().any(|&index| evidence.observations[index].via.contradicts(via))
    };
    !answers.is_empty() && answers.iter().all(|(layer, via)| check.layer < *layer && !elsewhere(via))
}

/// Whether a check works by having used what is beneath it; a setting that reads well has used nothing.
fn uses(check: &str, evidence: &Evidence<'_>) -> bool {
    let reads = evidence.check(check).is_some_and(|check| check.cost == Cost::Local);
    !reads && evidence.works(check)
}

/// Whether a working goal makes a person feel this problem: it is about quality, on the goal's trail, and of the whole
/// check and not only of one of several equal subjects; or it is the goal's own observation.
pub fn is_felt(index: usize, evidence: &Evidence<'_>) -> bool {
    let observation = evidence.observations[index];
    if evidence.top_goals().contains(&observation.check.as_str()) {
        return true;
    }
    let waits = observation.has(Code::DnsLookupTimeout) || observation.has(Code::DnsLookupSlow);
    if waits && evidence.stands(index) {
        return true;
    }
    evidence.stands(index)
        && (evidence.on_trail(&observation.check) || evidence.playbook.goals().next().is_none())
        && class(observation) == Class::Quality
        && !evidence.works(&observation.check)
}
