//! Rule 5: an unknown widens a verdict and never moves it. What could not be looked at may be to blame as well, and then
//! no single layer is.

use super::causes::{refines, stated_codes, states_problem_of};
use super::elsewhere::Testimony;
use super::evaluate::{Truth, evaluate};
use super::evidence::{Evidence, proves_way};
use super::judge::Blame;
use super::suspects::{reachability_only, standing};
use crate::layer::Layer;
use crate::observation::{Observation, Outcome};
use crate::playbook::Cause;
use crate::problem::Basis;
use std::collections::BTreeSet;

/// What is left to blame.
pub(super) struct Remaining {
    /// The blamed layer, and those that only what was not seen would rule out.
    pub layers: Vec<Layer>,
    /// Whether a layer is not among them because of what people said of elsewhere.
    pub narrowed: bool,
}

/// The layers that remain.
pub(super) fn remaining_layers(blame: &Blame<'_>, evidence: &Evidence<'_>, testimony: &Testimony) -> Remaining {
    let primary = evidence.observations[blame.primary];
    let mut layers = BTreeSet::from([blame.layer(evidence)]);
    layers.extend(blame.holding.as_ref().and_then(|holding| holding.cause.or_layer));
    layers.extend(blame.rivals.iter().map(|rival| rival.cause.layer));
    let silent = primary.code.is_some_and(|code| code.problem().basis == Basis::Silence);
    if silent && !evidence.has_witness(blame.primary) {
        let unexplained = |check: &str| is_unseen(check, evidence) && !stands_on_trouble(check, evidence);
        let unseen = evidence.playbook.checks.iter().filter(|check| unexplained(&check.id));
        layers.extend(
            unseen.filter(|check| evidence.graph.is_beneath(&check.id, &primary.check)).map(|check| check.layer),
        );
    }
    let open = standing(evidence).into_iter().map(|index| &evidence.playbook.causes[index]);
    let open = open.filter(|cause| could_take_over(cause, blame, evidence));
    let (unfit, open): (Vec<&Cause>, Vec<&Cause>) = open.partition(|cause| testimony.speaks_against(cause));
    layers.extend(open.into_iter().map(|cause| cause.layer));
    let narrowed = unfit.into_iter().any(|cause| !layers.contains(&cause.layer));
    Remaining { layers: layers.into_iter().collect(), narrowed }
}

/// Whether a check on the goal's trail was tried and could say nothing. What could spoil the goal without being on its
/// way stays out: it explains a failure only where a cause or a substitution links the two (rule 2).
fn is_unseen(check: &str, evidence: &Evidence<'_>) -> bool {
    evidence.on_trail(check) && said_nothing(check, evidence)
}

/// Whether a check was tried and could say nothing.
fn said_nothing(check: &str, evidence: &Evidence<'_>) -> bool {
    let seen = evidence.of_check(check);
    !seen.is_empty() && seen.iter().all(|&index| evidence.observations[index].outcome == Outcome::Unknown)
}

/// Whether something beneath a check fails: that explains why the check could say nothing (rule 2).
fn stands_on_trouble(check: &str, evidence: &Evidence<'_>) -> bool {
    let lower = evidence.graph.position(check).into_iter().flat_map(|position| evidence.graph.beneath(position).iter());
    lower.into_iter().any(|position| !evidence.blocking(&evidence.playbook.checks[position].id).is_empty())
}

/// Whether a cause would explain what is blamed, or what lies beneath it, if an unseen check had shown what it states.
fn could_take_over(cause: &Cause, blame: &Blame<'_>, evidence: &Evidence<'_>) -> bool {
    let primary = evidence.observations[blame.primary];
    if evaluate(&cause.when, evidence) != Truth::Maybe {
        return false;
    }
    let mut mentioned = Vec::new();
    cause.when.checks(&mut mentioned);
    // What says all that the blamed cause says and more would win over it, wherever the check lies that it waits for.
    let would_win = blame.holding.as_ref().is_some_and(|held| refines(cause, held.cause));
    let unseen = || {
        // What stands on the blamed check fails with it, whatever it would have shown.
        let above = |check: &str| evidence.graph.is_beneath(&primary.check, check);
        let missing = move |check: &str| is_unseen(check, evidence) || would_win && said_nothing(check, evidence);
        mentioned.iter().filter(move |check| missing(check) && !above(check))
    };
    let states = states_problem_of(&cause.when, primary);
    // An answer of the far end came over link, address, route and path, and has little to do with how well.
    let carried =
        cause.layer <= Layer::Path && !names(cause, primary) || reachability_only(cause) && !states_answer(cause);
    let disproved = proves_way(primary) && carried;
    let beneath = unseen().any(|check| evidence.graph.is_beneath(check, &primary.check));
    !disproved && unseen().next().is_some() && (beneath || states)
}

/// Whether a cause states the very code of an observation, and not only that something fails.
fn names(cause: &Cause, observation: &Observation) -> bool {
    let mut codes = Vec::new();
    stated_codes(&cause.when, &mut codes);
    codes.into_iter().any(|code| observation.has(code))
}

/// Whether a cause states an answer of the far end, which the same answer higher up does not disprove.
fn states_answer(cause: &Cause) -> bool {
    let mut codes = Vec::new();
    stated_codes(&cause.when, &mut codes);
    codes.into_iter().any(|code| code.problem().proves_path)
}
