//! The last look of a run: a fault by silence may have ended meanwhile, and a verdict that says "it does not work" is
//! wrong then. What failed is tried once more; where it works now, that is an observation like any other.

use super::state::State;
use super::{Ending, look};
use crate::diagnosis::evidence::AGAIN_CHECK;
use crate::diagnosis::verdict::Status;
use crate::layer::Layer;
use crate::observation::{Observation, Outcome};
use crate::problem::Basis;
use crate::world::World;
use serde_json::json;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::Instant;

/// How long it may take to work again. Judgement: a page of a distant site comes in half a second, and a fault that
/// lasts costs every run this wait.
const AGAIN: Duration = Duration::from_millis(800);

/// Tries once more what failed, where the verdict is a fault that may have ended.
pub(super) async fn look_again(state: &mut State<'_>, world: &World, ending: Ending, end: Instant) {
    if ending.cuts_off().is_some() {
        return;
    }
    let Some((check, failed)) = what_failed(state) else { return };
    let Some(arguments) = state.arguments_of(&check).cloned() else { return };
    let until = end.min(Instant::now() + AGAIN);
    // Only how it ends counts: what it says on its way is said to nobody.
    let (unheard, _) = mpsc::unbounded_channel();
    let (_, seen) = look(state.request, world, check, arguments, until, unheard, state.board()).await;
    // A page by addresses that were known beforehand is none that programs get.
    let by_name = |now: &Observation| now.facts.get("lookup_failed") != Some(&json!(true));
    let works = |now: &&Observation| now.outcome == Outcome::Ok && failed.contains(&now.id) && by_name(now);
    if let Some(now) = seen.iter().find(works) {
        let again = observation(now, state.elapsed_ms());
        state.state(again);
        state.reconsider();
    }
}

/// The check to make again with the observations in which it failed: the complaint itself where it was tried, else what
/// is blamed.
fn what_failed(state: &State<'_>) -> Option<(String, Vec<String>)> {
    let verdict = state.verdict.as_ref().filter(|verdict| verdict.status == Status::Fault)?;
    let blamed = state.seen_as(verdict.because.first()?)?;
    let seen = state.snapshot();
    let evidence = state.evidence(&seen);
    let goal = evidence.top_goals().iter().find(|goal| evidence.shows_problem(goal));
    let check = goal.map_or_else(|| blamed.check.clone(), |goal| (*goal).to_owned());
    let problems = || seen.iter().filter(|one| one.check == check && one.outcome == Outcome::Problem);
    let may_end = may_end(&blamed) || problems().any(|problem| may_end(problem));
    may_end.then(|| (check.clone(), problems().map(|problem| problem.id.clone()).collect()))
}

/// Whether a problem of this kind comes and goes: nobody answered, or a link or neighbour was away. Who answers with a
/// refusal means it, and a setting stays as it is.
fn may_end(problem: &Observation) -> bool {
    problem.code.map(|code| code.problem()).is_some_and(|kind| match kind.basis {
        Basis::Silence => true,
        Basis::State => matches!(kind.layer, Layer::Link | Layer::Route),
        Basis::Answer => false,
    })
}

/// What is stated of it. It names no element that it used, because it says when, and not where, the fault was.
fn observation(now: &Observation, elapsed_ms: u64) -> Observation {
    let summary = format!("that ended during the run: after {:.1} s {}", elapsed_ms as f64 / 1_000.0, now.summary);
    let mut again = Observation::new(AGAIN_CHECK, now.layer, AGAIN_CHECK, None, Outcome::Ok, summary);
    again.facts.insert("check".to_owned(), json!(now.check));
    again.started_ms = elapsed_ms.saturating_sub(now.took_ms);
    again.took_ms = now.took_ms;
    again
}
