//! The texts of a cause, filled with what was seen.

use super::evidence::{CASE_CHECK, Evidence};
use crate::observation::{Facts, Observation, Outcome};
use minijinja::{Environment, UndefinedBehavior};
use serde_json::Value;
use std::collections::BTreeSet;

/// Fills a template. Each check id is an object with the facts of the observation that the cause rests on (else of one
/// that works, else of the first), and `subject`, `code`, `outcome`. What is missing leaves nothing behind; a template
/// that cannot be filled gives none.
pub fn fill(template: &str, evidence: &Evidence<'_>, matched: &BTreeSet<usize>) -> Option<String> {
    if !template.contains("{{") && !template.contains("{%") {
        return Some(template.to_owned());
    }
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Chainable);
    let mut scope = Facts::new();
    for check in &evidence.playbook.checks {
        if let Some(observation) = telling(&check.id, evidence, matched) {
            scope.insert(check.id.replace('-', "_"), object(observation));
        }
    }
    for &index in evidence.of_check(CASE_CHECK) {
        for (name, value) in &evidence.observations[index].facts {
            scope.insert(name.clone(), value.clone());
        }
    }
    let text = environment.render_str(template, minijinja::value::Serde(&scope)).ok()?;
    let text = text.trim().to_owned();
    (!text.is_empty()).then_some(text)
}

fn telling<'a>(check: &str, evidence: &Evidence<'a>, matched: &BTreeSet<usize>) -> Option<&'a Observation> {
    let seen = evidence.of_check(check);
    let index = seen
        .iter()
        .find(|index| matched.contains(index))
        .or_else(|| seen.iter().find(|&&index| evidence.observations[index].outcome == Outcome::Ok))
        .or_else(|| seen.first())?;
    Some(evidence.observations[*index])
}

fn object(observation: &Observation) -> Value {
    let mut object = observation.facts.clone();
    let mut put = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            object.entry(name).or_insert(Value::String(value));
        }
    };
    put("subject", observation.subject.clone());
    put("code", observation.code.map(|code| code.word().to_owned()));
    put("summary", Some(observation.summary.clone()));
    Value::Object(object)
}
