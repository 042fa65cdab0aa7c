//! What stands beside the blame: independent faults, and troubles that a person would want to know of.

use super::causes::{Holding, ranked};
use super::evidence::{Evidence, class};
use super::frontier::with_roots;
use super::judge::{Blame, default_culprit};
use super::verdict::Also;
use super::words::fill;
use crate::layer::Layer;
use crate::observation::Observation;
use crate::playbook::Check;
use crate::problem::{Basis, Class, Code};
use std::collections::{HashMap, HashSet};

/// Independent faults: other groups of the frontier that the blame does not explain.
pub(super) fn also(
    blame: &Blame<'_>,
    frontier: &[Vec<usize>],
    held: &Explaining<'_, '_>,
    evidence: &Evidence<'_>,
) -> Vec<Also> {
    let is_explained = |group: &[usize]| {
        let roots = with_roots(&group.iter().copied().collect(), evidence);
        roots.iter().any(|&index| blame.rests_on(index))
    };
    frontier
        .iter()
        .filter(|group| !is_explained(group))
        .map(|group| group[0])
        .filter(|&index| {
            let other = evidence.observations[index];
            !is_background(other) && !blame.silences(index, other.layer, evidence)
        })
        .map(|index| as_also(index, held, evidence))
        .collect()
}

/// Problems beside the goal's trail that a person would want to know: what may affect it (a full disk, a wrong clock).
pub(super) fn asides(blame: &Option<Blame<'_>>, held: &Explaining<'_, '_>, evidence: &Evidence<'_>) -> Vec<Also> {
    let is_blamed = |index: usize| blame.as_ref().is_some_and(|blame| blame.rests_on(index));
    (0..evidence.observations.len())
        .filter(|&index| evidence.stands(index) && !is_blamed(index))
        .filter(|&index| {
            let observation = evidence.observations[index];
            !is_background(observation)
                && says_of_itself(observation)
                && !evidence.on_trail(&observation.check)
                && evidence.check(&observation.check).is_some_and(|check| is_worth_a_word(check, evidence))
        })
        .map(|index| as_also(index, held, evidence))
        .collect()
}

/// Whether a problem is one of what the check looked at. That a check beside the trail could not reach anybody says
/// nothing of its own; that this machine itself keeps something from being reached does.
fn says_of_itself(observation: &Observation) -> bool {
    let state = observation.codes().any(|code| code.problem().basis == Basis::State);
    match class(observation) {
        Class::Integrity => true,
        Class::Reachability => state,
        Class::Quality => false,
    }
}

/// Whether a problem beside the trail matters although it is not blamed: what is wrong with the machine itself always
/// does; what could only have spoilt the way does not where all that it may affect works.
fn is_worth_a_word(check: &Check, evidence: &Evidence<'_>) -> bool {
    let of_machine = matches!(check.layer, Layer::Host | Layer::Process);
    !check.may_affect.is_empty() && (of_machine || check.may_affect.iter().any(|other| !evidence.works(other)))
}

/// Independent troubles that a person feels beside the blamed one: causes that would degrade a working goal, on another
/// layer, and not a mere consequence of it.
pub(super) fn slighter(
    blame: &Blame<'_>,
    held: &[Holding<'_>],
    explaining: &Explaining<'_, '_>,
    evidence: &Evidence<'_>,
) -> Vec<Also> {
    let layer = blame.layer(evidence);
    ranked(held.iter().filter(|holding| holding.cause.degrades && holding.cause.layer != layer).cloned().collect())
        .into_iter()
        .filter_map(|holding| {
            let mut problems = holding.problems(evidence);
            problems.retain(|&index| holding.explains(index, evidence));
            let first = *problems.first()?;
            let delayed = || blame.holding.as_ref().is_some_and(|blamed| blamed.delays(first, evidence));
            let follows = blame.silences(first, holding.cause.layer, evidence) || delayed();
            (!follows && !problems.iter().any(|&index| blame.rests_on(index))).then_some(first)
        })
        .map(|index| as_also(index, explaining, evidence))
        .collect()
}

/// The causes that rest on each observation, by its index.
pub(super) type Explaining<'h, 'a> = HashMap<usize, Vec<&'h Holding<'a>>>;

pub(super) fn by_observation<'h, 'a>(held: &'h [Holding<'a>]) -> Explaining<'h, 'a> {
    let mut by_observation: Explaining<'h, 'a> = HashMap::new();
    for holding in held {
        for &index in &holding.matched {
            by_observation.entry(index).or_default().push(holding);
        }
    }
    by_observation
}

pub(super) fn as_also(index: usize, held: &Explaining<'_, '_>, evidence: &Evidence<'_>) -> Also {
    let observation = evidence.observations[index];
    let explaining = held.get(&index).into_iter().flatten().map(|holding| Holding::clone(holding)).collect();
    let cause = ranked(explaining).into_iter().next();
    let culprit = cause
        .as_ref()
        .and_then(|holding| fill(holding.cause.culprit.as_deref()?, evidence, &holding.matched))
        .or_else(|| default_culprit(observation));
    Also {
        layer: cause.as_ref().map_or(observation.layer, |holding| holding.cause.layer),
        code: cause.as_ref().and_then(|holding| holding.cause.code).or(observation.code),
        cause: cause.map(|holding| holding.cause.id.clone()),
        culprit,
        summary: observation.summary.clone(),
    }
}

pub(super) fn dedup(also: Vec<Also>) -> Vec<Also> {
    let mut summaries = HashSet::new();
    let mut named = HashSet::new();
    let mut kept: Vec<Also> = Vec::new();
    for item in also {
        let name = item.cause.clone().map(|cause| (cause, item.culprit.clone()));
        if summaries.contains(&item.summary) || name.as_ref().is_some_and(|name| named.contains(name)) {
            continue;
        }
        summaries.insert(item.summary.clone());
        named.extend(name);
        kept.push(item);
    }
    kept
}

/// Problems that are worth a note and never a verdict of their own: they are evidence for others.
pub(super) fn is_background(observation: &Observation) -> bool {
    matches!(observation.code, Some(Code::HostRecentBoot | Code::HostLogErrors | Code::RouteAmbiguous))
}
