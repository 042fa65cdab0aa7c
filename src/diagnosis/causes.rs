//! Rule 6: which of the playbook's causes explain what was found, and which of them wins.

use super::evaluate::Truth;
use super::evidence::{Evidence, class, is_told};
use crate::observation::Observation;
use crate::playbook::Cause;
use crate::playbook::change::{CHANGES_CHECK, hours};
use crate::playbook::condition::{Atom, Condition, Test};
use crate::problem::{Basis, Class, Code};
use std::collections::{BTreeSet, HashMap};

/// From this loss in percent on, five packets in a row (the attempts behind a confirmed silence) are lost more often than
/// once in a hundred runs.
const LOSES_ALL: f64 = 40.0;

/// Hours within which a change counts as shortly before: most faults of a change show on the same working day, those of
/// a Friday on Monday. Judgement.
const RECENT_HOURS: f64 = 72.0;

/// How much likelier a cause is whose thing was changed shortly before: as much as one step of the prior. Judgement.
const CHANGED_WEIGHT: f64 = 2.0;

/// A cause that holds, with the observations that it explains.
#[derive(Debug, Clone)]
pub struct Holding<'a> {
    pub cause: &'a Cause,
    /// How likely it is before anything is looked at: its prior, and more where it follows a change.
    pub weight: f64,
    /// All observations that its conditions rest on, by index.
    pub matched: BTreeSet<usize>,
}

impl Holding<'_> {
    /// Whether the cause states a problem of this observation, and does not only mention one of its facts.
    pub fn explains(&self, index: usize, evidence: &Evidence<'_>) -> bool {
        self.matched.contains(&index) && states_problem_of(&self.cause.when, evidence.observations[index])
    }

    /// Whether the cause states a problem that this observation shows, and rests on another subject of its check.
    pub fn explains_sibling(&self, index: usize, evidence: &Evidence<'_>) -> bool {
        let observation = evidence.observations[index];
        let rests_on_check = self.matched.iter().any(|&other| evidence.observations[other].check == observation.check);
        rests_on_check && states_problem_of(&self.cause.when, observation)
    }

    /// The lost packets that the cause rests on.
    pub fn loss<'e>(&self, evidence: &Evidence<'e>) -> Option<&'e Observation> {
        let mut problems = self.problems(evidence).into_iter().map(|index| evidence.observations[index]);
        problems.find(|observation| observation.has(Code::PathLoss))
    }

    /// Whether this silence is one of the packets that the cause says are lost: it lies above it, and what is silent
    /// answered at other times.
    pub fn loses(&self, index: usize, evidence: &Evidence<'_>) -> bool {
        let silent = evidence.observations[index];
        let is_silence = silent.code.is_some_and(|code| code.problem().basis == Basis::Silence);
        let Some(loss) = self.loss(evidence).filter(|loss| is_silence && loss.layer <= silent.layer) else {
            return false;
        };
        let same_host = swallows(loss, silent);
        let is_lookup = silent.code == Some(Code::DnsLookupTimeout);
        let answers_at_times = || evidence.observations.iter().any(|other| other.has(Code::DnsFlapping));
        same_host || (is_lookup && answers_at_times())
    }

    /// Whether what takes long may wait for the packets that the cause says are lost: so many of them that a few in a row
    /// are, each of which is sent again only after twice the time (RFC 6298 section 5).
    pub fn delays(&self, index: usize, evidence: &Evidence<'_>) -> bool {
        let slow = evidence.observations[index];
        let loss = self.loss(evidence).filter(|loss| loss.layer < slow.layer && class(slow) == Class::Quality);
        loss.is_some_and(|loss| swallows(loss, slow))
    }

    /// The problems among them that stand, lowest first.
    pub fn problems(&self, evidence: &Evidence<'_>) -> Vec<usize> {
        let mut problems: Vec<usize> = self.matched.iter().copied().filter(|&index| evidence.stands(index)).collect();
        problems.sort_by_key(|&index| {
            let observation = evidence.observations[index];
            (observation.layer, evidence.graph.position(&observation.check))
        });
        problems
    }
}

/// Whether so many packets are lost that several in a row are, on the way to the host of this observation.
fn swallows(loss: &Observation, other: &Observation) -> bool {
    let lost = loss.facts.get("loss_percent").and_then(|lost| lost.as_f64()).unwrap_or_default();
    let host = other.via.host();
    host.is_some() && loss.via.host() == host && lost >= LOSES_ALL
}

/// All causes whose conditions hold.
pub fn holding<'a>(evidence: &Evidence<'a>) -> Vec<Holding<'a>> {
    let causes = evidence.playbook.causes.iter().zip(evidence.truths());
    causes
        .filter_map(|(cause, truth)| match truth {
            // What changed makes a cause likelier and never holds it up alone.
            Truth::Yes(matched) if rests_on_changes(matched, evidence) => None,
            Truth::Yes(matched) => {
                Some(Holding { cause, weight: weight_of(cause, evidence), matched: matched.clone() })
            }
            Truth::No | Truth::Maybe => None,
        })
        .collect()
}

/// Whether nothing but what changed, and what people said, speaks for a cause.
fn rests_on_changes(matched: &BTreeSet<usize>, evidence: &Evidence<'_>) -> bool {
    let check = |index: &usize| evidence.observations[*index].check.as_str();
    matched.iter().any(|index| check(index) == CHANGES_CHECK) && matched.iter().all(|index| is_told(check(index)))
}

/// The prior of a cause, and more where what it concerns was changed shortly before: change is the prime suspect.
fn weight_of(cause: &Cause, evidence: &Evidence<'_>) -> f64 {
    let own = [cause.layer.name()];
    let topics = if cause.changes.is_empty() { &own[..] } else { &cause.changes };
    let changes = evidence.of_check(CHANGES_CHECK).first().map(|&index| &evidence.observations[index].facts);
    let age = |topic: &&str| changes?.get(&hours(topic))?.as_f64();
    let is_recent = topics.iter().filter_map(age).any(|hours| hours <= RECENT_HOURS);
    cause.prior.weight() * if is_recent { CHANGED_WEIGHT } else { 1.0 }
}

/// The winner first: a cause whose conditions include another's wins over it. What is left is ordered by the number of
/// statements that it needed, then by how common it is; of equals, one that follows a change goes first.
pub fn ranked(candidates: Vec<Holding<'_>>) -> Vec<Holding<'_>> {
    let field = Field::new(&candidates);
    let beaten: Vec<bool> = (0..candidates.len()).map(|index| field.is_beaten(index)).collect();
    let mut candidates: Vec<Holding<'_>> =
        candidates.into_iter().zip(beaten).filter(|(_, beaten)| !beaten).map(|(candidate, _)| candidate).collect();
    candidates.sort_by(|left, right| {
        weight(&right.cause.when)
            .cmp(&weight(&left.cause.when))
            .then(right.cause.prior.cmp(&left.cause.prior))
            .then(right.weight.total_cmp(&left.weight))
            .then(left.cause.id.cmp(&right.cause.id))
    });
    candidates
}

/// Whether the best two cannot be told apart by what was seen. That one of them follows a change puts it first and
/// convicts it of nothing.
pub fn is_tie(ranked: &[Holding<'_>]) -> bool {
    match ranked {
        [first, second, ..] => {
            weight(&first.cause.when) == weight(&second.cause.when)
                && first.cause.prior == second.cause.prior
                && first.cause.layer != second.cause.layer
        }
        _ => false,
    }
}

/// How many statements a condition makes.
pub(super) fn weight(condition: &Condition) -> usize {
    match condition {
        Condition::All(parts) => parts.iter().map(weight).sum(),
        Condition::Any(parts) => parts.iter().map(weight).min().unwrap_or(0),
        Condition::None(parts) => parts.len().min(1),
        Condition::Atom(_) => 1,
    }
}

/// Causes that hold, findable by what they state and by what they rest on, so that each is compared only with those
/// that could include it.
struct Field<'c, 'a> {
    all: &'c [Holding<'a>],
    conjuncts: Vec<Vec<&'a Condition>>,
    /// Those that make a plain statement about a check.
    by_check: HashMap<&'a str, Vec<usize>>,
    /// Those that rest on an observation.
    by_observation: HashMap<usize, Vec<usize>>,
    everyone: Vec<usize>,
}

impl<'c, 'a> Field<'c, 'a> {
    fn new(all: &'c [Holding<'a>]) -> Field<'c, 'a> {
        let conjuncts: Vec<Vec<&'a Condition>> = all.iter().map(|holding| conjuncts(&holding.cause.when)).collect();
        let mut by_check: HashMap<&'a str, Vec<usize>> = HashMap::new();
        let mut by_observation: HashMap<usize, Vec<usize>> = HashMap::new();
        for (index, parts) in conjuncts.iter().enumerate() {
            for part in parts {
                if let Condition::Atom(atom) = part {
                    by_check.entry(&atom.check).or_default().push(index);
                }
            }
            for &observation in &all[index].matched {
                by_observation.entry(observation).or_default().push(index);
            }
        }
        Field { all, conjuncts, by_check, by_observation, everyone: (0..all.len()).collect() }
    }

    /// Whether another one beats this: it states all that this one states and more, or rests on all and more.
    fn is_beaten(&self, index: usize) -> bool {
        let nobody = Vec::new();
        let stating = match self.conjuncts[index].first() {
            Some(Condition::Atom(atom)) => self.by_check.get(atom.check.as_str()).unwrap_or(&nobody),
            _ => &self.everyone,
        };
        let resting = match self.all[index].matched.first() {
            Some(observation) => self.by_observation.get(observation).unwrap_or(&nobody),
            None => &self.everyone,
        };
        let is_other = |other: usize| self.all[other].cause.id != self.all[index].cause.id;
        stating.iter().any(|&other| is_other(other) && self.includes(other, index))
            || resting.iter().any(|&other| {
                let (larger, smaller) = (&self.all[other].matched, &self.all[index].matched);
                is_other(other) && larger.len() > smaller.len() && larger.is_superset(smaller)
            })
    }

    /// Whether every statement of `smaller` is also one of `larger`, and `larger` makes more.
    fn includes(&self, larger: usize, smaller: usize) -> bool {
        states_more(&self.conjuncts[larger], &self.conjuncts[smaller])
    }
}

/// Whether a cause states all that another one states, and more: where both hold it wins.
pub(super) fn refines(cause: &Cause, other: &Cause) -> bool {
    states_more(&conjuncts(&cause.when), &conjuncts(&other.when))
}

fn states_more(larger: &[&Condition], smaller: &[&Condition]) -> bool {
    larger.len() > smaller.len() && smaller.iter().all(|part| larger.contains(part))
}

fn conjuncts(condition: &Condition) -> Vec<&Condition> {
    match condition {
        Condition::All(parts) => parts.iter().flat_map(conjuncts).collect(),
        other => vec![other],
    }
}

/// The checks on which a condition needs a problem to be seen.
pub fn problem_checks<'a>(condition: &'a Condition, into: &mut Vec<&'a str>) {
    each_problem(condition, &mut |atom| into.push(&atom.check));
}

/// The problem codes that a condition wants to be seen.
pub(super) fn stated_codes(condition: &Condition, into: &mut Vec<Code>) {
    each_problem(condition, &mut |atom| {
        if let Test::Code(code) = atom.test {
            into.push(code);
        }
    });
}

/// Whether a condition wants a problem to be seen that this observation shows.
pub(super) fn states_problem_of(condition: &Condition, observation: &Observation) -> bool {
    let mut states = false;
    each_problem(condition, &mut |atom| {
        states |= atom.check == observation.check && atom.test.holds(observation) == Some(true);
    });
    states
}

/// Visits every statement that wants a problem to be seen.
fn each_problem<'a>(condition: &'a Condition, visit: &mut dyn FnMut(&'a Atom)) {
    match condition {
        Condition::All(parts) | Condition::Any(parts) => parts.iter().for_each(|part| each_problem(part, visit)),
        Condition::None(_) => {}
        Condition::Atom(atom) if states_problem(atom) => visit(atom),
        Condition::Atom(_) => {}
    }
}

fn states_problem(atom: &Atom) -> bool {
    use crate::observation::Outcome;
    use crate::playbook::condition::Over;
    atom.over != Over::None && matches!(atom.test, Test::Code(_) | Test::Family(_) | Test::Outcome(Outcome::Problem))
}
