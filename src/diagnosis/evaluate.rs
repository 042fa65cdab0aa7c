//! Conditions against evidence, with three values: a suspect is struck out only where it is contradicted, never
//! because something was not looked at.

use super::evidence::Evidence;
use crate::observation::Outcome;
use crate::playbook::Condition;
use crate::playbook::condition::{Atom, Over, Test};
use std::collections::BTreeSet;

/// What evidence says about a condition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Truth {
    /// It holds; these observations (by index) say so.
    Yes(BTreeSet<usize>),
    /// It is contradicted.
    No,
    /// What it needs was not seen, or not yet.
    Maybe,
}

impl Truth {
    /// Whether it holds.
    pub fn is_yes(&self) -> bool {
        matches!(self, Truth::Yes(_))
    }
}

/// Evaluates a condition.
pub fn evaluate(condition: &Condition, evidence: &Evidence<'_>) -> Truth {
    match condition {
        Condition::All(parts) => all(parts, evidence),
        Condition::Any(parts) => any(parts, evidence),
        Condition::None(parts) => match any(parts, evidence) {
            Truth::Yes(_) => Truth::No,
            Truth::No => Truth::Yes(BTreeSet::new()),
            // "None of these was seen" holds for what could not be looked at, too, once nothing more will be seen of it.
            Truth::Maybe if has_ended(parts, evidence) => Truth::Yes(BTreeSet::new()),
            Truth::Maybe => Truth::Maybe,
        },
        Condition::Atom(atom) => atom_group(&atom.check, &[atom], evidence, None),
    }
}

fn has_ended(parts: &[Condition], evidence: &Evidence<'_>) -> bool {
    let mut mentioned = Vec::new();
    parts.iter().for_each(|part| part.checks(&mut mentioned));
    mentioned.iter().all(|check| evidence.is_finished(check))
}

fn any(parts: &[Condition], evidence: &Evidence<'_>) -> Truth {
    let mut maybe = false;
    let mut seen = BTreeSet::new();
    let mut holds = false;
    for part in parts {
        match evaluate(part, evidence) {
            Truth::Yes(by) => {
                holds = true;
                seen.extend(by);
            }
            Truth::Maybe => maybe = true,
            Truth::No => {}
        }
    }
    match (holds, maybe) {
        (true, _) => Truth::Yes(seen),
        (false, true) => Truth::Maybe,
        (false, false) => Truth::No,
    }
}

/// Every part holds. Statements about the same check must hold for one and the same subject, and where two checks look
/// at the same subjects (a resolver's setting and its answers) for the same one in both.
fn all(parts: &[Condition], evidence: &Evidence<'_>) -> Truth {
    let mut groups: Vec<(&str, Vec<&Atom>)> = Vec::new();
    let mut rest: Vec<&Condition> = Vec::new();
    for part in parts {
        match part {
            Condition::Atom(atom) if atom.over == Over::Any => {
                match groups.iter_mut().find(|(c, _)| *c == atom.check) {
                    Some((_, atoms)) => atoms.push(atom),
                    None => groups.push((&atom.check, vec![atom])),
                }
            }
            other => rest.push(other),
        }
    }
    let mut truth = match groups.split_first() {
        None => Truth::Yes(BTreeSet::new()),
        Some(((anchor, atoms), others)) => anchored(anchor, atoms, others, evidence),
    };
    // What is contradicted stays so, whatever the rest says; of most causes that is so from early on.
    for part in rest {
        if truth == Truth::No {
            break;
        }
        truth = both(truth, evaluate(part, evidence));
    }
    truth
}

/// Tries each subject of the first check in turn; the others follow its subject where they know it.
fn anchored(anchor: &str, atoms: &[&Atom], others: &[(&str, Vec<&Atom>)], evidence: &Evidence<'_>) -> Truth {
    let candidates = evidence.of_check(anchor);
    let mut best = if candidates.is_empty() || !evidence.is_finished(anchor) { Truth::Maybe } else { Truth::No };
    for &candidate in candidates {
        let subject = evidence.observations[candidate].subject.as_deref();
        let mut truth = one(candidate, atoms, evidence);
        for (check, atoms) in others {
            if truth == Truth::No {
                break;
            }
            truth = both(truth, atom_group(check, atoms, evidence, subject));
        }
        best = either(best, truth);
        if best.is_yes() {
            break;
        }
    }
    best
}

/// Whether one subject of a check fulfils all statements; the given subject where the check knows it.
fn atom_group(check: &str, atoms: &[&Atom], evidence: &Evidence<'_>, subject: Option<&str>) -> Truth {
    let indices = evidence.of_check(check);
    let same: Vec<usize> = indices
        .iter()
        .copied()
        .filter(|&index| subject.is_some() && evidence.observations[index].subject.as_deref() == subject)
        .collect();
    let over = atoms.first().map_or(Over::Any, |atom| atom.over);
    let chosen: &[usize] = if same.is_empty() || over != Over::Any { indices } else { &same };
    let open = chosen.is_empty() || !evidence.is_finished(check);
    let truths = chosen.iter().map(|&index| one(index, atoms, evidence));
    match over {
        Over::Any => truths.fold(if open { Truth::Maybe } else { Truth::No }, either),
        Over::All => truths.fold(if open { Truth::Maybe } else { Truth::Yes(BTreeSet::new()) }, both),
        Over::None => match truths.fold(if open { Truth::Maybe } else { Truth::No }, either) {
            Truth::Yes(_) => Truth::No,
            Truth::No => Truth::Yes(BTreeSet::new()),
            Truth::Maybe => Truth::Maybe,
        },
    }
}

/// Whether one observation fulfils all statements.
fn one(index: usize, atoms: &[&Atom], evidence: &Evidence<'_>) -> Truth {
    let observation = evidence.observations[index];
    // A problem that a success disproved, or that lies aside, is no longer one; its facts stay facts.
    let void = observation.outcome == Outcome::Problem && !evidence.stands(index);
    let mut all_hold = true;
    for atom in atoms {
        match &atom.test {
            Test::Code(_) | Test::Family(_) | Test::Outcome(Outcome::Problem) if void => return Truth::No,
            test => match test.holds(observation) {
                Some(true) => {}
                Some(false) => return Truth::No,
                None => all_hold = false,
            },
        }
    }
    if all_hold { Truth::Yes(BTreeSet::from([index])) } else { Truth::Maybe }
}

fn both(left: Truth, right: Truth) -> Truth {
    match (left, right) {
        (Truth::No, _) | (_, Truth::No) => Truth::No,
        (Truth::Maybe, _) | (_, Truth::Maybe) => Truth::Maybe,
        (Truth::Yes(mut left), Truth::Yes(right)) => {
            left.extend(right);
            Truth::Yes(left)
        }
    }
}

fn either(left: Truth, right: Truth) -> Truth {
    match (left, right) {
        (Truth::Yes(by), _) | (_, Truth::Yes(by)) => Truth::Yes(by),
        (Truth::Maybe, _) | (_, Truth::Maybe) => Truth::Maybe,
        (Truth::No, Truth::No) => Truth::No,
    }
}
