//! Rules 2 to 4: does the goal work, and if not, which are the lowest problems that nothing beneath explains.

use super::evidence::{Evidence, class};
use crate::observation::{Outcome, Skip};
use crate::probe::Cost;
use crate::problem::{Class, Code};

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
    let goals = top_goals(evidence);
    let seen: Vec<usize> = goals.iter().flat_map(|goal| evidence.of_check(goal)).copied().collect();
    let fails: Vec<usize> = goals.iter().flat_map(|goal| evidence.blocking(goal)).collect();
    if !fails.is_empty() {
        return Goal::Fails(fails);
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

/// The goals that are not beneath another one: a port is the goal where nothing is spoken on it, and only a step towards
/// the page where there is one.
pub fn top_goals<'a>(evidence: &Evidence<'a>) -> Vec<&'a str> {
    let wanted: Vec<&str> =
        evidence.playbook.goals().map(|check| check.id.as_str()).filter(|check| !not_needed(check, evidence)).collect();
    let is_step = |goal: &str| wanted.iter().any(|upper| evidence.graph.is_beneath(goal, upper));
    wanted.iter().copied().filter(|goal| !is_step(goal)).collect()
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

/// Every standing problem is its own group.
fn each(evidence: &Evidence<'_>) -> Vec<Vec<usize>> {
    (0..evidence.observations.len()).filter(|&index| evidence.stands(index)).map(|index| vec![index]).collect()
}

fn on_trail(evidence: &Evidence<'_>) -> Vec<Vec<usize>> {
    let blocked: Vec<(&str, Vec<usize>)> = evidence
        .playbook
        .checks
        .iter()
        .filter(|check| evidence.on_trail(&check.id))
        .map(|check| (check.id.as_str(), evidence.blocking(&check.id)))
        .filter(|(check, blocking)| !blocking.is_empty() && leads_to_goal(check, evidence))
        .collect();
    blocked
        .iter()
        .filter(|(check, _)| !blocked.iter().any(|(lower, _)| evidence.graph.is_beneath(lower, check)))
        .map(|(_, group)| group.clone())
        .collect()
}

/// Whether everything between this check and a goal fails too. A check above it that works shows that the problem does
/// not hinder: a hosts-file entry is a quirk where the connection through it stands.
fn leads_to_goal(check: &str, evidence: &Evidence<'_>) -> bool {
    let top = top_goals(evidence);
    let mut open = vec![check];
    let mut visited = Vec::new();
    while let Some(current) = open.pop() {
        if visited.contains(&current) {
            continue;
        }
        visited.push(current);
        if top.contains(&current) {
            return true;
        }
        let above = evidence.playbook.checks.iter().filter(|upper| upper.after.iter().any(|lower| lower == current));
        open.extend(
            above
                .map(|upper| upper.id.as_str())
                .filter(|upper| evidence.on_trail(upper) && !uses(upper, evidence) && !not_needed(upper, evidence)),
        );
    }
    false
}

/// Whether a check works by having used what is beneath it; a setting that reads well has used nothing.
fn uses(check: &str, evidence: &Evidence<'_>) -> bool {
    let reads = evidence.playbook.check(check).is_some_and(|check| check.cost == Cost::Local);
    !reads && evidence.works(check)
}

fn not_needed(check: &str, evidence: &Evidence<'_>) -> bool {
    let seen = evidence.of_check(check);
    !seen.is_empty() && seen.iter().all(|&index| evidence.observations[index].skip == Some(Skip::NotNeeded))
}

/// Whether a working goal makes a person feel this problem: it is about quality, on the goal's trail, and of the whole
/// check and not only of one of several equal subjects; or it is the goal's own observation.
pub fn is_felt(index: usize, evidence: &Evidence<'_>) -> bool {
    let observation = evidence.observations[index];
    if top_goals(evidence).contains(&observation.check.as_str()) {
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
