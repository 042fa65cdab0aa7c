//! The second look of a run: a fault by silence may have ended meanwhile, and a verdict that says "it does not work" is
//! wrong then. What failed is tried once more; where it works now, that is an observation like any other.

use super::state::State;
use super::{Finished, look};
use crate::diagnosis::evidence::AGAIN_CHECK;
use crate::diagnosis::verdict::Status;
use crate::layer::Layer;
use crate::observation::{Observation, Outcome};
use crate::problem::{Basis, Code};
use crate::request::Request;
use crate::world::World;
use futures_util::StreamExt;
use futures_util::future::LocalBoxFuture;
use futures_util::stream::FuturesUnordered;
use serde_json::json;
use std::pin::pin;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep};

/// How long it may take to work again. Judgement: a page of a distant site comes in half a second.
const AGAIN: Duration = Duration::from_millis(800);

/// When it is tried again for the first time, so that a look is over when a silence is confirmed (after 3.15 s).
const EARLIEST: Duration = Duration::from_millis(2_300);

/// How long after the first look the second one begins; each further pause is twice as long, because who is silent for ten
/// seconds need not be asked twenty times. Judgement: what ends a moment before the run does is seen too.
const FIRST_PAUSE: Duration = Duration::from_millis(400);

/// How much longer than its checks a run takes for the last of these looks: judgement, what a name and a connection take
/// on a line of 20 ms.
const GRACE: Duration = Duration::from_millis(100);

/// The looks at what failed, made beside the last checks of a run.
pub(super) struct Second<'a> {
    request: &'a Request,
    world: &'a World,
    /// The end of the run.
    end: Instant,
    /// When [`Second::begin`] is to be called for the next one.
    pub(super) due: Instant,
    /// How long after that the one after it does.
    pause: Duration,
    /// Those under way.
    under_way: FuturesUnordered<LocalBoxFuture<'a, Finished>>,
    /// What works again.
    works: Vec<Observation>,
}

impl<'a> Second<'a> {
    pub(super) fn new(request: &'a Request, world: &'a World, began: Instant, end: Instant) -> Second<'a> {
        Second {
            request,
            world,
            end,
            due: began + EARLIEST,
            pause: FIRST_PAUSE,
            under_way: FuturesUnordered::new(),
            works: Vec::new(),
        }
    }

    /// Tries once more what has failed by now, where that may have ended.
    pub(super) fn begin(&mut self, state: &State<'_>) {
        self.due = Instant::now() + self.pause;
        self.pause *= 2;
        let Some((check, _)) = what_failed(state) else { return };
        let Some(arguments) = state.arguments_of(&check).cloned() else { return };
        let until = self.end.min(Instant::now() + AGAIN);
        // A lookup that is still under way waits for an answer that was lost: the system's own library asks again after
        // five seconds only (resolv.conf(5)).
        self.world.network.ask_anew();
        // Only how it ends counts: what it says on its way is said to nobody.
        let (unheard, _) = mpsc::unbounded_channel();
        self.under_way.push(look(self.request, self.world, check, arguments, until, unheard, state.board()));
    }

    /// Waits for a look that is under way; for ever where there is none.
    pub(super) async fn made(&mut self) {
        match self.under_way.next().await {
            Some((_, seen)) => self.works.extend(seen.into_iter().filter(works)),
            None => std::future::pending().await,
        }
    }

    /// States what came of it where that is what the verdict is about.
    pub(super) async fn conclude(mut self, state: &mut State<'_>) {
        self.begin(state);
        // Programs that wait for a processor take longer over the same, as was seen by the kernel's own count.
        let mut soon = pin!(sleep(if state.shows(Code::HostCpuBusy) { AGAIN } else { GRACE }));
        while !self.under_way.is_empty() && self.works.is_empty() {
            tokio::select! {
                () = self.made() => {}
                () = &mut soon => break,
            }
        }
        let Some((_, failed)) = what_failed(state) else { return };
        if let Some(now) = self.works.iter().find(|now| failed.contains(&now.id)) {
            let again = observation(now, state.elapsed_ms());
            state.state(again);
            state.reconsider();
        }
    }
}

/// Whether it works for programs: a page by addresses that were known beforehand is none that they get, and one of which
/// only the beginning came may stop there again.
fn works(now: &Observation) -> bool {
    let says = |fact: &str, value: bool| now.facts.get(fact) == Some(&json!(value));
    now.outcome == Outcome::Ok && !says("lookup_failed", true) && !says("body_complete", false)
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
