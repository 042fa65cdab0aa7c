//! What to start next: a pure function of the playbook and of what was seen so far.

use super::arguments::{Filled, fill};
use crate::diagnosis::elsewhere;
use crate::diagnosis::evaluate::{Truth, evaluate};
use crate::diagnosis::evidence::{CASE_CHECK, Evidence};
use crate::diagnosis::suspects::{Reach, standing};
use crate::observation::{Facts, Skip};
use crate::packet::Case;
use crate::playbook::{Check, View};
use crate::probe::Cost;
use crate::request::{Mode, Request};
use crate::sys::Account;
use std::collections::{BTreeSet, HashSet};

/// At most this many questions in a run before anything was shown: three instructions at a time.
pub(super) const QUESTIONS: usize = 3;

/// What should happen now.
#[derive(Debug, Default)]
pub struct Step {
    /// Checks to start, with their arguments.
    pub start: Vec<(String, Facts)>,
    /// Checks that will not be made, and why.
    pub skip: Vec<(String, Skip)>,
    /// Checks that this account cannot make, and the view that each needs.
    pub blind: Vec<(String, View)>,
}

/// The state of the run that planning needs.
pub struct Progress<'a> {
    pub started: &'a HashSet<String>,
    pub finished: &'a HashSet<String>,
    pub running: usize,
    pub questions_asked: usize,
    /// What people said so far.
    pub case: &'a Case,
    /// The verdict is confirmed and names one cause, or the goal works: a person need not be asked.
    pub settled: bool,
    /// Questions that are worth asking all the same: a cause that says more than the named one states their answer.
    pub may_overrule: &'a BTreeSet<String>,
    /// Who runs this program; none where the system does not say.
    pub account: Option<&'a Account>,
}

/// Decides what to start next.
pub fn next(request: &Request, evidence: &Evidence<'_>, reach: &Reach, progress: &Progress<'_>) -> Step {
    let mut step = Step::default();
    let finished = |check: &str| progress.finished.contains(check);
    for check in request.playbook.checks.iter().filter(|check| !progress.started.contains(&check.id)) {
        match wanted(check, request.mode, evidence, &finished) {
            Wanted::Wait => continue,
            Wanted::No => {
                step.skip.push((check.id.clone(), Skip::NotNeeded));
                continue;
            }
            Wanted::Yes => {}
        }
        if let Some(view) = check.context_required.filter(|view| !progress.account.is_some_and(|it| view.is_of(it))) {
            step.blind.push((check.id.clone(), view));
            continue;
        }
        match fill(check, request, evidence, &finished) {
            Filled::Ready(args) => step.start.push((check.id.clone(), args)),
            // What stands on something that was not needed is not needed either.
            Filled::Because(lower) if evidence.is_not_needed(&lower) => {
                step.skip.push((check.id.clone(), Skip::NotNeeded));
            }
            Filled::Because(lower) => step.skip.push((check.id.clone(), Skip::Because(lower))),
            Filled::Wait => {}
        }
    }
    hold_back(&mut step, request, evidence, reach, progress);
    step
}

enum Wanted {
    Yes,
    No,
    Wait,
}

fn wanted(check: &Check, mode: Mode, evidence: &Evidence<'_>, finished: &dyn Fn(&str) -> bool) -> Wanted {
    let Some(condition) = &check.when else { return Wanted::Yes };
    let mut mentioned = Vec::new();
    condition.checks(&mut mentioned);
    if mode == Mode::Full && !mentioned.contains(&CASE_CHECK) && check.cost != Cost::Person {
        return Wanted::Yes;
    }
    match evaluate(condition, evidence) {
        Truth::Yes(_) => Wanted::Yes,
        Truth::No => Wanted::No,
        Truth::Maybe if mentioned.iter().all(|other| *other == CASE_CHECK || finished(other)) => Wanted::No,
        Truth::Maybe => Wanted::Wait,
    }
}

/// Questions wait until nothing else can answer and only while they still split the suspects; the pure binary search
/// takes one check at a time.
fn hold_back(step: &mut Step, request: &Request, evidence: &Evidence<'_>, reach: &Reach, progress: &Progress<'_>) {
    let cost = |id: &str| request.playbook.check(id).map_or(Cost::Local, |check| check.cost);
    let one_by_one = request.mode == Mode::OneByOne;
    // An answer that is at hand costs nobody anything.
    let asks = |id: &str| cost(id) == Cost::Person && !request.case.answers.contains_key(id);
    let has_question = step.start.iter().any(|(id, _)| asks(id));
    if !has_question && !one_by_one {
        return;
    }
    let suspects: HashSet<usize> = standing(evidence).into_iter().collect();
    let (mut questions, mut others): (Vec<_>, Vec<_>) =
        std::mem::take(&mut step.start).into_iter().partition(|(id, _)| asks(id));
    if one_by_one {
        if progress.running > 0 {
            return;
        }
        let candidates: Vec<&str> = others.iter().map(|(id, _)| id.as_str()).collect();
        if let Some(best) = reach.best(&request.playbook, &evidence.graph, &candidates, &suspects) {
            let best = best.to_owned();
            others.retain(|(id, _)| *id == best);
        }
        others.truncate(1);
    }
    if !others.is_empty() || progress.running > 0 || progress.questions_asked >= QUESTIONS {
        questions.clear();
    }
    if progress.settled {
        questions.retain(|(id, _)| progress.may_overrule.contains(id));
    }
    let splits = |id: &str| {
        let check = request.playbook.check(id);
        reach.splits(id, &suspects) || check.is_some_and(|check| elsewhere::splits(check, evidence, progress.case))
    };
    questions.retain(|(id, _)| suspects.len() > 1 && splits(id));
    questions.truncate(1);
    step.start = others;
    step.start.append(&mut questions);
}
