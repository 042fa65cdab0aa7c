//! Halving: which causes still stand, which check strikes out most for its cost, and when nothing more can change.

use super::causes::problem_checks;
use super::evaluate::Truth;
use super::evidence::Evidence;
use super::graph::{Graph, Set};
use crate::observation::Outcome;
use crate::playbook::{Cause, Playbook};
use crate::problem::Class;
use std::collections::{HashMap, HashSet};

/// The causes that the observations do not contradict, by position in the playbook.
///
/// Beside its own conditions, a cause is struck out by what rules 1 and 2 say of its place: a check that works proves
/// what lies beneath it, and a check that is blocked explains what lies above.
pub fn standing(evidence: &Evidence<'_>) -> Vec<usize> {
    let working = with_state(evidence, |check| proves_beneath(check, evidence));
    let proven = evidence.graph.beneath_any(&working);
    let blocked = with_state(evidence, |check| !evidence.blocking(check).is_empty());
    let causes = evidence.playbook.causes.iter().zip(evidence.truths()).enumerate();
    causes
        .filter(|(_, (cause, truth))| {
            **truth != Truth::No && !struck_by_place(cause, &proven, &blocked, &evidence.graph)
        })
        .map(|(index, _)| index)
        .collect()
}

fn with_state(evidence: &Evidence<'_>, state: impl Fn(&str) -> bool) -> Set {
    let seen = evidence.playbook.checks.iter().map(|check| check.id.as_str());
    evidence.graph.set(seen.filter(|check| !evidence.of_check(check).is_empty() && state(check)))
}

fn proves_beneath(check: &str, evidence: &Evidence<'_>) -> bool {
    let proves = |index: usize| evidence.observations[index].outcome == Outcome::Ok && !evidence.is_overtaken(index);
    evidence.of_check(check).iter().any(|&index| proves(index))
}

/// `proven` lies beneath what works; `blocked` are the checks that do not.
fn struck_by_place(cause: &Cause, proven: &Set, blocked: &Set, graph: &Graph) -> bool {
    let mut places = Vec::new();
    problem_checks(&cause.when, &mut places);
    if places.is_empty() || !reachability_only(cause) {
        return false;
    }
    let Some(places) = places.into_iter().map(|place| graph.position(place)).collect::<Option<Vec<usize>>>() else {
        return false;
    };
    let beneath_working = places.iter().all(|&place| proven.has(place));
    beneath_working || places.iter().all(|&place| graph.beneath(place).meets(blocked))
}

/// Whether every problem that the cause names is one that a success above it would disprove.
pub(super) fn reachability_only(cause: &Cause) -> bool {
    fn walk(condition: &crate::playbook::Condition) -> bool {
        use crate::playbook::Condition;
        use crate::playbook::condition::Test;
        match condition {
            Condition::All(parts) | Condition::Any(parts) => parts.iter().all(walk),
            Condition::None(_) => true,
            Condition::Atom(atom) => match &atom.test {
                Test::Code(code) => code.problem().class == Class::Reachability,
                Test::Family(_) | Test::Outcome(Outcome::Problem) => false,
                _ => true,
            },
        }
    }
    walk(&cause.when)
}

/// For each check, the weight of the suspects whose conditions speak of it.
pub struct Reach {
    by_check: HashMap<String, Vec<usize>>,
    places: Vec<Vec<usize>>,
    weights: Vec<f64>,
}

impl Reach {
    /// Reads the causes once; they do not change during a run.
    pub fn new(playbook: &Playbook, graph: &Graph) -> Reach {
        let mut by_check: HashMap<String, Vec<usize>> = HashMap::new();
        let mut places = Vec::new();
        for (index, cause) in playbook.causes.iter().enumerate() {
            let mut mentioned = Vec::new();
            cause.when.checks(&mut mentioned);
            mentioned.sort_unstable();
            mentioned.dedup();
            for check in mentioned {
                by_check.entry(check.to_owned()).or_default().push(index);
            }
            let mut place = Vec::new();
            problem_checks(&cause.when, &mut place);
            places.push(place.into_iter().filter_map(|check| graph.position(check)).collect());
        }
        Reach { by_check, places, weights: playbook.causes.iter().map(|cause| cause.prior.weight()).collect() }
    }

    /// Whether an answer of this check could strike out one of the standing suspects.
    pub fn splits(&self, check: &str, standing: &HashSet<usize>) -> bool {
        self.by_check.get(check).is_some_and(|causes| causes.iter().any(|cause| standing.contains(cause)))
    }

    /// The check among `candidates` with the largest expected strike-out per cost: the pure binary search.
    ///
    /// If a check works, the suspects at and beneath it fall; if it is blocked, those above it do. So the expected
    /// weight struck is twice the product of the two sides over the whole, largest in the middle.
    pub fn best<'a>(
        &self,
        playbook: &'a Playbook,
        graph: &Graph,
        candidates: &[&'a str],
        standing: &HashSet<usize>,
    ) -> Option<&'a str> {
        let total: f64 = standing.iter().map(|&index| self.weights[index]).sum();
        // A suspect with one place counts there; one with several, once for all of them.
        let mut at = vec![0.0; playbook.checks.len()];
        let mut several = Vec::new();
        for &index in standing {
            match self.places[index].as_slice() {
                [] => {}
                [place] => at[*place] += self.weights[index],
                places => several.push((places, self.weights[index])),
            }
        }
        let mut best: Option<(f64, &str)> = None;
        for &candidate in candidates {
            let Some(position) = graph.position(candidate) else { continue };
            let beneath = graph.beneath(position);
            let here = |place: usize| place == position || beneath.has(place);
            // In a cycle a check may be beneath itself; it still counts once.
            let single: f64 =
                at[position] + beneath.iter().filter(|&lower| lower != position).map(|lower| at[lower]).sum::<f64>();
            let shared = several.iter().filter(|(places, _)| places.iter().any(|&place| here(place)));
            let below = single + shared.map(|(_, weight)| weight).sum::<f64>();
            let score = 2.0 * below * (total - below).max(total * 0.01)
                / total.max(f64::EPSILON)
                / playbook.checks[position].cost.weight().max(f64::EPSILON);
            if best.is_none_or(|(highest, _)| score > highest) {
                best = Some((score, candidate));
            }
        }
        best.map(|(_, check)| check)
    }
}
