//! The ladder of layers, and what stands beside the blame: ruled out, not tested, quirks.

use super::beside::is_background;
use super::evidence::{Evidence, is_told};
use super::verdict::*;
use crate::layer::Layer;
use crate::observation::{Observation, Outcome, Skip};
use crate::probe::{Cost, find};
use std::collections::{BTreeMap, HashSet};

/// Why a failing check says nothing of its own layer: it stands on what is blamed, and nobody at the far end answered it.
fn follows(check: &str, verdict: &Verdict, blamed: Option<usize>, evidence: &Evidence<'_>) -> Option<String> {
    let primary = evidence.observations[blamed?];
    let seen = || evidence.of_check(check).iter().map(|&index| evidence.observations[index]);
    let heard = |observation: &Observation| {
        observation.outcome != Outcome::Problem
            || observation.code.is_some_and(|code| code.problem().proves_path)
            || verdict.because.contains(&observation.id)
    };
    let stands_on = verdict.status == Status::Fault && evidence.graph.is_beneath(&primary.check, check);
    (stands_on && !evidence.top_goals().contains(&check) && !seen().any(heard)).then(|| {
        seen().next().map_or_else(String::new, |first| format!("{}, because of {}", first.summary, primary.check))
    })
}

/// One rung for each layer that the playbook looks at.
pub(super) fn findings(verdict: &Verdict, evidence: &Evidence<'_>) -> Vec<Finding> {
    let mut rungs: BTreeMap<Layer, Vec<usize>> = BTreeMap::new();
    for (index, observation) in evidence.observations.iter().enumerate() {
        if !is_told(&observation.check) {
            rungs.entry(observation.layer).or_default().push(index);
        }
    }
    for check in &evidence.playbook.checks {
        rungs.entry(check.layer).or_default();
    }
    if let Some(layer) = verdict.layer {
        rungs.entry(layer).or_default();
    }
    rungs.into_iter().map(|(layer, seen)| finding(layer, &seen, verdict, evidence)).collect()
}

fn finding(layer: Layer, seen: &[usize], verdict: &Verdict, evidence: &Evidence<'_>) -> Finding {
    let blamed = verdict.layer == Some(layer) && verdict.status != Status::Healthy;
    let beside = verdict.also.iter().find(|also| also.layer == layer);
    let said = |outcome: Outcome| {
        let seen = seen.iter().map(|&index| evidence.observations[index]);
        seen.filter(|observation| speaks_for_layer(observation)).find(|observation| observation.outcome == outcome)
    };
    let (status, summary) = if blamed {
        (FindingStatus::Problem, verdict.summary.clone())
    } else if let Some(also) = beside {
        (FindingStatus::Problem, also.summary.clone())
    } else if let Some(open) = only_read(layer, seen, verdict, evidence) {
        open
    } else if let Some(ok) = said(Outcome::Ok) {
        let fine = fine_checks(seen, evidence);
        // One file system of twelve says nothing about the host; the names of what was looked at do.
        let several = layer == Layer::Host && fine.len() > 1;
        (FindingStatus::Ok, if several { format!("{}: fine", fine.join(", ")) } else { ok.summary.clone() })
    } else if let Some(quirk) = seen.iter().find(|&&index| evidence.disproof(index).is_some()) {
        (FindingStatus::Ok, format!("{} (no fault: what stands on it works)", evidence.observations[*quirk].summary))
    } else if let Some(carried) = carried(layer, evidence) {
        (FindingStatus::Ok, format!("it carries the rest: {}", carried.summary))
    } else if seen.iter().any(|&index| evidence.stands(index)) {
        // It is seen but not blamed: a consequence of what is beneath, or a quirk beside the goal.
        let consequence = seen.iter().copied().find(|&index| evidence.stands(index));
        let text = consequence.map_or(String::new(), |index| evidence.observations[index].summary.clone());
        (FindingStatus::Skipped, text)
    } else if let Some(unknown) = said(Outcome::Unknown) {
        (FindingStatus::Unknown, unknown.summary.clone())
    } else {
        let why = said(Outcome::Skipped).map_or("not looked at".to_owned(), |skipped| skipped.summary.clone());
        (FindingStatus::Skipped, why)
    };
    Finding { layer, status, summary }
}

/// Where a fault kept a layer from being tried, good settings do not rule it out: what its rung says instead.
fn only_read(
    layer: Layer,
    seen: &[usize],
    verdict: &Verdict,
    evidence: &Evidence<'_>,
) -> Option<(FindingStatus, String)> {
    if !matches!(verdict.status, Status::Fault | Status::Undecided) {
        return None;
    }
    let observed = |index: usize| evidence.observations[index];
    let tried = |observation: &Observation| {
        find(&observation.probe).is_none_or(|probe| probe.cost != Cost::Local) && speaks_for_layer(observation)
    };
    let good = || seen.iter().map(|&index| observed(index)).filter(|observation| observation.outcome == Outcome::Ok);
    if good().next().is_none() || good().any(tried) {
        return None;
    }
    let on_trail = |index: &usize| tried(observed(*index)) && evidence.on_trail(&observed(*index).check);
    let told = seen.iter().copied().filter(on_trail).find_map(|index| {
        let observation = observed(index);
        let status = match observation.outcome {
            Outcome::Unknown => FindingStatus::Unknown,
            Outcome::Skipped if matches!(observation.skip, Some(Skip::Because(_))) => FindingStatus::Unknown,
            // A consequence of the fault.
            Outcome::Problem if evidence.stands(index) => FindingStatus::Skipped,
            _ => return None,
        };
        Some((status, observation.summary.clone()))
    });
    let could_be_tried = || {
        let mut checks = evidence.playbook.checks.iter().filter(|check| check.layer == layer);
        checks.any(|check| matches!(check.cost, Cost::Network | Cost::Slow) && evidence.on_trail(&check.id))
    };
    told.or_else(|| could_be_tried().then(|| (FindingStatus::Skipped, "only its settings were read".to_owned())))
}

/// Whether an observation speaks for its layer as a whole. A gateway that answers says nothing of what lies beyond it,
/// nor does anything else on the own network or on this machine, and a port that is closed as it must be says nothing of
/// the target's.
fn speaks_for_layer(observation: &Observation) -> bool {
    if observation.probe == crate::probe::closed::PROBE.name {
        return false;
    }
    let fact = |name: &str| observation.facts.get(name).and_then(|value| value.as_str());
    let gateway = fact("role") == Some("gateway");
    let own = fact("address").and_then(|text| text.parse::<std::net::IpAddr>().ok()).is_some_and(|ip| ip.is_loopback());
    let near = observation.probe == "echo" && observation.via.uses("gateway") == Some(false);
    observation.layer != Layer::Path || !(gateway || own || near)
}

/// The goal, where it works over the network and so proves the layers that carry it.
fn carried<'a>(layer: Layer, evidence: &Evidence<'a>) -> Option<&'a Observation> {
    if layer > Layer::Path {
        return None;
    }
    let seen = evidence.top_goals().iter().flat_map(|goal| evidence.of_check(goal));
    seen.map(|&index| evidence.observations[index]).find(|observation| {
        observation.outcome == Outcome::Ok && observation.via.interface.as_deref().is_some_and(|name| name != "lo")
    })
}

/// The checks among these observations that saw nothing wrong, in the order of the playbook.
fn fine_checks<'a>(seen: &[usize], evidence: &Evidence<'a>) -> Vec<&'a str> {
    let outcomes = |check: &str| {
        let of = seen.iter().map(|&index| evidence.observations[index]).filter(|seen| seen.check == check);
        of.map(|observation| observation.outcome).collect::<Vec<_>>()
    };
    let fine = |check: &&str| {
        let outcomes = outcomes(check);
        outcomes.contains(&Outcome::Ok) && !outcomes.contains(&Outcome::Problem)
    };
    evidence.playbook.checks.iter().map(|check| check.id.as_str()).filter(fine).collect()
}

pub(super) fn ruled_out(verdict: &Verdict, evidence: &Evidence<'_>) -> Vec<RuledOut> {
    verdict
        .findings
        .iter()
        .filter(|finding| finding.status == FindingStatus::Ok)
        .map(|finding| RuledOut {
            layer: finding.layer,
            by: evidence
                .observations
                .iter()
                .filter(|observation| observation.layer == finding.layer && observation.outcome == Outcome::Ok)
                .filter(|observation| !is_told(&observation.check) && speaks_for_layer(observation))
                .map(|observation| observation.id.clone())
                .collect(),
        })
        .filter(|ruled| !ruled.by.is_empty())
        .collect()
}

/// The checks that say nothing of their own layer: not made, not to be made, or failed because of what is blamed.
pub(super) fn not_tested(verdict: &Verdict, blamed: Option<usize>, evidence: &Evidence<'_>) -> Vec<NotTested> {
    let mut untested = Vec::new();
    for check in &evidence.playbook.checks {
        let seen = evidence.of_check(&check.id);
        let why = if seen.is_empty() {
            // A question whose answer would have changed nothing leaves no gap.
            (check.cost != Cost::Person).then(|| "the verdict was settled before its turn".to_owned())
        } else if seen
            .iter()
            .all(|&index| matches!(evidence.observations[index].outcome, Outcome::Skipped | Outcome::Unknown))
        {
            let first = evidence.observations[seen[0]];
            (first.skip != Some(Skip::NotNeeded)).then(|| first.summary.clone())
        } else {
            follows(&check.id, verdict, blamed, evidence)
        };
        if let Some(why) = why {
            untested.push(NotTested { check: check.id.clone(), layer: check.layer, why });
        }
    }
    untested
}

/// Quirks: problems that a success disproved, that lie aside, or that nobody feels.
pub(super) fn notes(verdict: &Verdict, evidence: &Evidence<'_>) -> Vec<String> {
    let blamed: HashSet<&str> = verdict.also.iter().map(|also| also.summary.as_str()).collect();
    let because: HashSet<&str> = verdict.because.iter().map(String::as_str).collect();
    let mut notes = Vec::new();
    for (index, observation) in evidence.observations.iter().enumerate() {
        if observation.outcome != Outcome::Problem
            || because.contains(observation.id.as_str())
            || blamed.contains(observation.summary.as_str())
            || observation.summary == verdict.summary
        {
            continue;
        }
        if let Some(proof) = evidence.disproof(index) {
            notes.push(format!("{}; no fault, because {}", observation.summary, proof.summary));
        } else if evidence.is_aside(index) {
            notes.push(format!("{} (not on the way to the target)", observation.summary));
        } else if matches!(verdict.status, Status::Healthy | Status::Degraded | Status::Undecided)
            || is_background(observation)
            || evidence.works(&observation.check)
        {
            notes.push(observation.summary.clone());
        }
    }
    notes
}
