//! Why a cause holds or does not, in words that name the condition and the observations: for whoever compares two
//! judgements of the same observations.

use super::evaluate::{Truth, evaluate};
use super::evidence::{CASE_CHECK, Evidence};
use crate::observation::Observation;
use crate::playbook::condition::{Atom, Test};
use crate::playbook::{Condition, Playbook};

/// One sentence about a cause and these observations.
pub fn why(playbook: &Playbook, observations: &[Observation], cause: &str) -> String {
    let Some(found) = playbook.causes.iter().find(|known| known.id == cause) else {
        return format!("the playbook has no cause `{cause}`");
    };
    let evidence = Evidence::new(playbook, observations, None);
    match evaluate(&found.when, &evidence) {
        Truth::Yes(by) => {
            let ids = by.iter().map(|&index| &evidence.observations[index]);
            let ids: Vec<&str> = ids.filter(|seen| seen.check != CASE_CHECK).map(|seen| seen.id.as_str()).collect();
            let by = if ids.is_empty() { "the case".to_owned() } else { ids.join(", ") };
            format!("the conditions of `{cause}` hold by {by}")
        }
        Truth::No => format!("`{cause}` is contradicted: {}", at_fault(&found.when, &evidence, &Truth::No)),
        Truth::Maybe => format!("`{cause}` is open: {}", at_fault(&found.when, &evidence, &Truth::Maybe)),
    }
}

/// The first part of a condition that has this truth, and what was seen of its check.
fn at_fault(condition: &Condition, evidence: &Evidence<'_>, truth: &Truth) -> String {
    match condition {
        Condition::All(parts) => match parts.iter().find(|part| evaluate(part, evidence) == *truth) {
            Some(part) => at_fault(part, evidence, truth),
            None => "its conditions do not hold for one and the same subject".to_owned(),
        },
        Condition::Any(parts) => {
            let each: Vec<String> = parts.iter().map(|part| at_fault(part, evidence, truth)).collect();
            format!("none of: {}", each.join("; "))
        }
        Condition::None(parts) => match parts.iter().find(|part| evaluate(part, evidence).is_yes()) {
            Some(part) => format!("it excludes what was seen: {}", words(part, evidence)),
            None => "what it excludes was not looked at".to_owned(),
        },
        Condition::Atom(_) => words(condition, evidence),
    }
}

fn words(condition: &Condition, evidence: &Evidence<'_>) -> String {
    let Condition::Atom(atom) = condition else { return "several statements together".to_owned() };
    format!("it states that {}; seen: {}", statement(atom), seen(&atom.check, evidence))
}

fn statement(atom: &Atom) -> String {
    let check = &atom.check;
    match &atom.test {
        Test::Outcome(outcome) => format!("`{check}` ends with {outcome:?}").to_lowercase(),
        Test::Code(code) => format!("`{check}` reports {code}"),
        Test::Family(family) => format!("`{check}` reports a problem of {family}"),
        Test::Fact(name, _) => format!("`{check}` has a certain `{name}`"),
        Test::Via(kind) => format!("`{check}` used a {kind}"),
    }
}

fn seen(check: &str, evidence: &Evidence<'_>) -> String {
    let all: Vec<String> = evidence
        .of_check(check)
        .iter()
        .map(|&index| {
            let seen = evidence.observations[index];
            let codes: Vec<String> = seen.codes().map(|code| code.to_string()).collect();
            format!("{} {:?} {}", seen.id, seen.outcome, codes.join(", ")).trim_end().to_owned()
        })
        .collect();
    if all.is_empty() { "nothing".to_owned() } else { all.join("; ") }
}
