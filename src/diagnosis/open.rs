//! What could still change a verdict: a run ends when nothing of that kind is under way any more.

use super::causes::{states_problem_of, weight};
use super::evidence::Evidence;
use super::frontier::{frontier, goal, with_roots};
use super::suspects::standing;
use super::verdict::{Status, Verdict};
use crate::observation::{Certainty, Observation};
use crate::playbook::Cause;
use crate::playbook::order::waits_for;
use crate::probe::Cost;
use crate::problem::Basis;
use std::collections::{BTreeSet, HashSet};

/// What a verdict rests on and what could overturn it.
pub struct Open<'e, 'a> {
    evidence: &'e Evidence<'a>,
    /// The observation that is blamed; none where the goal works.
    primary: Option<&'a Observation>,
    /// Whether the goal fails.
    fails: bool,
    /// Whether a cause is named; where none is, everything that is still to be seen could name one.
    named: bool,
    /// The checks that a rival mentions: a cause that still stands and could take the blame.
    deciding: HashSet<&'a str>,
    /// Those among them that belong to a rival that says more than the named cause, and would win over it, with what
    /// they wait for.
    overruling: HashSet<&'a str>,
}

impl<'e, 'a> Open<'e, 'a> {
    /// Looks for what could overturn this verdict. None where it is not decided, and where each check is a goal of its
    /// own: then each may say something that nobody else says.
    pub fn of(verdict: &Verdict, evidence: &'e Evidence<'a>) -> Option<Open<'e, 'a>> {
        evidence.playbook.goals().next()?;
        let primary = match verdict.status {
            Status::Fault | Status::Degraded
                if verdict.certainty == Certainty::Confirmed && verdict.layer.is_some() =>
            {
                let id = verdict.because.first()?;
                Some(*evidence.observations.iter().find(|observation| observation.id == *id)?)
            }
            Status::Fault | Status::Degraded => return None,
            Status::Healthy | Status::Undecided => None,
        };
        let named = evidence.playbook.causes.iter().find(|cause| verdict.cause.as_ref() == Some(&cause.id));
        let said = named.map_or(0, |cause| weight(&cause.when));
        let (mut deciding, mut overruling) = (Vec::new(), Vec::new());
        for cause in rivals(verdict, evidence) {
            cause.when.checks(&mut deciding);
            if weight(&cause.when) > said {
                cause.when.checks(&mut overruling);
            }
        }
        if verdict.status == Status::Fault
            && verdict.cause.as_ref().is_some_and(|cause| may_only_degrade(cause, evidence))
        {
            deciding.extend(controls_of_goals(evidence));
        }
        let overruling = with_what_they_wait_for(overruling, evidence);
        deciding.extend(&overruling);
        let named = primary.is_none() || verdict.cause.is_some();
        let fails = verdict.status == Status::Fault;
        let [deciding, overruling] = [deciding, overruling].map(HashSet::from_iter);
        Some(Open { evidence, primary, fails, named, deciding, overruling })
    }

    /// Whether what this check has yet to say could change status, layer, cause or culprit, or costs nothing to wait for.
    pub fn matters(&self, check: &str) -> bool {
        if self.stands_on_blame(check) {
            // A state that no cause explains yet, or one that says less, waits for what a cause wants to see of the goal;
            // else it would depend on the clock which of the two came first.
            return self.overruling.contains(check);
        }
        if !self.named || self.deciding.contains(check) {
            return true;
        }
        let works = self.primary.is_none();
        match self.evidence.check(check).map_or(Cost::Person, |check| check.cost) {
            // Reading this machine is free. The gateway of a second address family beside one that answers is not.
            Cost::Local => !(works && self.evidence.works(check)),
            Cost::Network | Cost::Slow => self.evidence.on_trail(check) && !self.lies_beneath_an_answer(check),
            Cost::Person => works,
        }
    }

    /// Whether a cause that says more than the named one, and would win over it, waits for this check.
    pub fn may_overrule(&self, check: &str) -> bool {
        self.overruling.contains(check)
    }

    /// Whether a check stands on what is blamed, so that its failing would be a consequence.
    pub fn stands_on_blame(&self, check: &str) -> bool {
        // What works badly has not failed: the rest may have its own say.
        self.fails && self.primary.is_some_and(|primary| self.evidence.graph.is_beneath(&primary.check, check))
    }

    /// Whether what is blamed is an answer that came over what this check looks at: the far end has spoken, so the way
    /// beneath it carried packets, whatever the gateway of another address family does.
    fn lies_beneath_an_answer(&self, check: &str) -> bool {
        self.primary.is_some_and(|primary| {
            let answered = primary.code.is_some_and(|code| code.problem().basis == Basis::Answer);
            answered && self.evidence.graph.is_beneath(check, &primary.check)
        })
    }

    /// The check that is blamed.
    pub fn blamed_check(&self) -> Option<&'a str> {
        self.primary.map(|primary| primary.check.as_str())
    }
}

/// These checks, and what those among them wait for that were not made yet.
fn with_what_they_wait_for<'a>(checks: Vec<&'a str>, evidence: &Evidence<'a>) -> Vec<&'a str> {
    let playbook = evidence.playbook;
    let mut all = checks;
    let mut next = 0;
    while next < all.len() {
        let open = playbook.check(all[next]).filter(|check| !evidence.is_finished(&check.id));
        next += 1;
        let Some(check) = open else { continue };
        let waited = waits_for(check, playbook);
        let new = waited.iter().filter_map(|id| playbook.check(id)).map(|check| check.id.as_str());
        let new: Vec<&str> = new.filter(|id| !all.contains(id)).collect();
        all.extend(new);
    }
    all
}

/// Whether the blamed cause is one that others live with: a control of the goal tells.
fn may_only_degrade(cause: &str, evidence: &Evidence<'_>) -> bool {
    evidence.playbook.causes.iter().any(|other| other.id == cause && other.degrades)
}

fn controls_of_goals<'a>(evidence: &Evidence<'a>) -> impl Iterator<Item = &'a str> {
    let playbook = evidence.playbook;
    let of_goal = move |name: &String| playbook.check(name).is_some_and(|check| check.goal);
    let controls = playbook.checks.iter().filter(move |check| check.control_for.iter().any(of_goal));
    controls.map(|check| check.id.as_str())
}

/// The causes that still stand and could take the blame: where the goal fails, those that state a problem of the lowest
/// ones; where it works, those that a person would feel although it does.
fn rivals<'a>(verdict: &Verdict, evidence: &Evidence<'a>) -> Vec<&'a Cause> {
    let lowest: BTreeSet<usize> = match verdict.status {
        Status::Fault | Status::Degraded => {
            with_roots(&frontier(evidence, &goal(evidence)).into_iter().flatten().collect(), evidence)
        }
        Status::Healthy | Status::Undecided => BTreeSet::new(),
    };
    let explains =
        |cause: &Cause| lowest.iter().any(|&index| states_problem_of(&cause.when, evidence.observations[index]));
    let felt = |cause: &Cause| verdict.status != Status::Fault && cause.degrades;
    standing(evidence)
        .into_iter()
        .map(|index| &evidence.playbook.causes[index])
        .filter(|cause| verdict.cause.as_ref() != Some(&cause.id) && (felt(cause) || explains(cause)))
        .collect()
}
