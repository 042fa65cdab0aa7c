//! Filling a check's arguments from inputs, settings and what other checks saw.

use crate::diagnosis::evidence::{CASE_CHECK, Evidence};
use crate::observation::{Facts, Observation};
use crate::playbook::Check;
use crate::playbook::order::references;
use crate::playbook::template::{self, Scope};
use crate::request::Request;

/// What came of filling.
#[derive(Debug, Clone, PartialEq)]
pub enum Filled {
    /// All arguments, ready.
    Ready(Facts),
    /// A check that it uses has not said enough yet.
    Wait,
    /// It will never be ready, because this check does not work.
    Because(String),
}

/// What templates may name now.
pub fn scope(request: &Request, observations: &[&Observation]) -> Scope {
    Scope::new(&request.inputs, request.target.as_ref(), &request.settings)
        .with_observations(observations.iter().copied(), &|_| false)
}

/// Whether this check is there to look into what another one has begun to suspect: then what that one said so far is
/// enough to start from, and waiting until it is sure would double the time to the verdict.
fn asks_about_suspicion(check: &Check, other: &str, evidence: &Evidence<'_>) -> bool {
    let mut mentioned = Vec::new();
    if let Some(condition) = &check.when {
        condition.checks(&mut mentioned);
    }
    mentioned.contains(&other) && evidence.shows_problem(other)
}

/// Fills the arguments of a check. `finished` says whether a check will say nothing more.
pub fn fill(check: &Check, request: &Request, evidence: &Evidence<'_>, finished: &dyn Fn(&str) -> bool) -> Filled {
    let working = |check: &str| evidence.works(check);
    let needed = references(check, &request.playbook);
    let open = needed.iter().filter(|other| !working(other) && !finished(other)).count();
    if open > 0 && open == needed.len() && !needed.iter().any(|other| asks_about_suspicion(check, other, evidence)) {
        return Filled::Wait;
    }
    // Only what the templates name: this is asked of every waiting check after every observation.
    let named = needed.iter().map(String::as_str).chain([CASE_CHECK]).flat_map(|other| evidence.of_check(other));
    let named: Vec<&Observation> = named.map(|&index| evidence.observations[index]).collect();
    let (args, empty) = template::fill(&check.args, &scope(request, &named));
    if empty.is_empty() {
        // One of several sources is enough where the template takes whichever is there; but what is optional is
        // waited for, because it will not be asked again.
        let complete = open == 0 || !check.args.values().any(|value| value.as_str().is_some_and(template::is_optional));
        return if complete { Filled::Ready(args) } else { Filled::Wait };
    }
    if open > 0 {
        return Filled::Wait;
    }
    match needed.iter().find(|other| !working(other)).or(needed.first()) {
        Some(broken) => Filled::Because(broken.clone()),
        None => Filled::Because(CASE_CHECK.to_owned()),
    }
}
