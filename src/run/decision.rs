//! When a fault showed, when it was decided, and how long a run waits afterwards for what is still under way.

use super::state::State;
use crate::diagnosis::evidence::Evidence;
use crate::diagnosis::judge_so_far;
use crate::diagnosis::open::Open;
use crate::diagnosis::verdict::{Status, Verdict};
use crate::observation::{Certainty, Observation};
use crate::probe::Cost;
use crate::problem::{Basis, Code};
use crate::request::Mode;
use std::rc::Rc;
use std::time::Duration;
use tokio::time::Instant;

/// A fault that stands this long convicts without waiting for the goal to run into its own timeouts, where it needs no
/// word of the goal (a state of this machine: no carrier, no route) or where the goal has shown it too (a page that
/// stays away while large packets are seen to vanish). limits.md section 6 asks for 100 ms to rule out a flap; a second
/// gives the goal its chance.
const FAULT_STANDS: Duration = Duration::from_secs(1);

/// How long a decided run waits for what can no longer change the verdict and is under way: a control, a measurement,
/// a time server. Judgement: a way to the goal takes four round trips and such a check one or two, so it has ended
/// unless it is silent; and nobody notices this wait.
const GRACE: Duration = Duration::from_millis(150);

/// How long a check is under way at least before a run whose goal works ends without it: its first look. Three requests
/// 20 ms apart, 250 ms for the last (as for any silent one whose way is known to work), and a busy machine's delay.
const FIRST_LOOK: Duration = Duration::from_millis(400);

/// The moments of a verdict.
#[derive(Debug, Default)]
pub(super) struct Decision {
    /// Since when something is blamed.
    pub(super) suspected: Option<Instant>,
    /// Since when this cause, layer and culprit are confirmed.
    pub(super) decided: Option<Instant>,
    /// Since when the goal works.
    works: Option<Instant>,
    form: Option<Verdict>,
}

impl Decision {
    /// Takes note of a verdict, and says whether something is blamed for the first time.
    pub(super) fn take(&mut self, verdict: &Verdict, goals_ended: bool) -> bool {
        let now = Instant::now();
        let works = verdict.status == Status::Healthy || verdict.code == Some(Code::CaseNotReproduced);
        self.works = (works && goals_ended).then(|| self.works.unwrap_or(now));
        if !matches!(verdict.status, Status::Fault | Status::Degraded) {
            (self.suspected, self.decided, self.form) = (None, None, None);
            return false;
        }
        let first = self.suspected.is_none();
        self.suspected = self.suspected.or(Some(now));
        let same = self.form.as_ref().is_some_and(|before| names_the_same(before, verdict));
        let confirmed = verdict.certainty == Certainty::Confirmed;
        self.decided = confirmed.then(|| self.decided.filter(|_| same).unwrap_or(now));
        self.form = Some(verdict.clone());
        first
    }

    /// Since when there is nothing left to decide, as far as this verdict alone says.
    fn since(&self) -> Option<Instant> {
        self.works.or(self.decided)
    }
}

fn names_the_same(left: &Verdict, right: &Verdict) -> bool {
    left.cause == right.cause && left.layer == right.layer && left.culprit == right.culprit
}

impl State<'_> {
    /// Whether nothing that is still under way can change status, layer, cause and culprit.
    pub(super) fn is_settled(&self) -> bool {
        let waited = self.decision.since().is_some_and(|since| since.elapsed() >= GRACE);
        let Some(verdict) = self.verdict.as_ref().filter(|_| waited && self.request.mode != Mode::Full) else {
            return false;
        };
        let seen = self.snapshot();
        let evidence = self.evidence(&seen);
        if !(self.goals_ended() || self.stands_without_the_goals(verdict, &evidence)) {
            return false;
        }
        let works = verdict.status != Status::Fault;
        if works && self.waits_on_the_way(&evidence) || !self.questions_that_may_overrule().is_empty() {
            return false;
        }
        let Some(open) = Open::of(verdict, &evidence) else { return false };
        // A goal that shows the fault was given its chance above.
        let shown = |id: &String| !works && self.is_goal(id) && evidence.shows_problem(id);
        let over = |id: &String| shown(id) || !open.matters(id) && (!works || self.had_its_first_look(id, &evidence));
        self.running().all(over) && self.would_stand(verdict, &seen)
    }

    /// When to look at the clock again although nothing was seen.
    pub(super) fn next_look(&self) -> Instant {
        let now = Instant::now();
        let state = self.decision.suspected.map(|since| since + FAULT_STANDS);
        let decided = self.decision.since().map(|since| since + GRACE);
        let looks =
            self.decision.since().into_iter().flat_map(|_| self.running().map(|id| self.started_at(id) + FIRST_LOOK));
        let next = state.into_iter().chain(decided).chain(looks).filter(|look| *look > now).min();
        next.unwrap_or_else(|| now + Duration::from_secs(3600))
    }

    /// What is blamed has stood long enough to convict without the goals' own timeouts: it is a state of this machine,
    /// or each goal that is still under way has shown the fault.
    fn stands_without_the_goals(&self, verdict: &Verdict, evidence: &Evidence<'_>) -> bool {
        let primary = verdict.because.first().and_then(|id| self.seen_as(id));
        let is_state =
            || primary.and_then(|primary| primary.code).is_some_and(|code| code.problem().basis == Basis::State);
        let all_show = || self.running().filter(|id| self.is_goal(id)).all(|goal| evidence.shows_problem(goal));
        verdict.status == Status::Fault
            && self.decision.suspected.is_some_and(|since| since.elapsed() >= FAULT_STANDS)
            && (is_state() || all_show())
    }

    fn is_goal(&self, check: &str) -> bool {
        self.request.playbook.goals().any(|goal| goal.id == check)
    }

    /// Whether a check on the goal's way was not started yet.
    fn waits_on_the_way(&self, evidence: &Evidence<'_>) -> bool {
        let mut checks = self.request.playbook.checks.iter();
        checks.any(|check| evidence.on_trail(&check.id) && !self.is_started(&check.id))
    }

    fn had_its_first_look(&self, id: &str, evidence: &Evidence<'_>) -> bool {
        let reads = evidence.check(id).is_some_and(|check| check.cost == Cost::Local);
        reads || self.started_at(id).elapsed() >= FIRST_LOOK
    }

    /// Whether the verdict would be the same if the run ended now: what is cut off counts as not seen, and a cause that
    /// waits for it to stay silent would hold then.
    fn would_stand(&self, verdict: &Verdict, seen: &[Rc<Observation>]) -> bool {
        let last = judge_so_far(&self.evidence_at_the_end(seen), &self.request.case).verdict;
        last.status == verdict.status && last.certainty == verdict.certainty && names_the_same(&last, verdict)
    }
}
