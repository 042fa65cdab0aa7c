//! Filling a check's arguments from inputs, settings and what other checks saw.

use crate::observation::{Facts, Observation, Outcome};
use crate::playbook::{Check, Playbook};
use crate::request::Request;
use minijinja::value::Serde;
use minijinja::{Environment, UndefinedBehavior};
use serde_json::{Map, Value, json};
use std::collections::HashSet;

/// What came of filling.
#[derive(Debug, Clone, PartialEq)]
pub enum Filled {
    /// All arguments, ready.
    Ready(Facts),
    /// Wait: this check has not said enough yet.
    Wait,
    /// It will never be ready, because this check does not work.
    Because(String),
}

/// A template that may come out empty says so with one of these.
const OPTIONAL: [&str; 2] = ["or none", "default("];

/// Bound on the work of one template, in minijinja's own units: far above any sane one, far below a hang.
const FUEL: u64 = 50_000;

/// The names of checks as templates write them: `-` is subtraction there.
pub fn template_name(check: &str) -> String {
    check.replace('-', "_")
}

/// The checks whose facts the arguments of this one use.
pub fn references<'a>(check: &Check, playbook: &'a Playbook) -> Vec<&'a str> {
    let environment = Environment::new();
    let mut roots = HashSet::new();
    visit(&Value::Object(check.args.clone()), &mut |text| {
        if let Ok(template) = environment.template_from_str(text) {
            roots.extend(template.undeclared_variables(false));
        }
    });
    playbook
        .checks
        .iter()
        .filter(|other| other.id != check.id && roots.contains(&template_name(&other.id)))
        .map(|other| other.id.as_str())
        .collect()
}

fn visit(value: &Value, see: &mut dyn FnMut(&str)) {
    match value {
        Value::String(text) if text.contains("{{") || text.contains("{%") => see(text),
        Value::Array(items) => items.iter().for_each(|item| visit(item, see)),
        Value::Object(map) => map.values().for_each(|item| visit(item, see)),
        _ => {}
    }
}

/// What templates may name: inputs, `target`, `settings`, and one object for each check.
pub fn scope(request: &Request, observations: &[&Observation]) -> Facts {
    let mut scope = Facts::new();
    for (name, value) in &request.inputs {
        scope.insert(template_name(name), json!(value));
    }
    if let Some(target) = &request.target {
        let mut object = serde_json::to_value(target).unwrap_or_default();
        object["url"] = json!(target.url());
        scope.insert("target".to_owned(), object);
    }
    scope.insert("settings".to_owned(), serde_json::to_value(&request.settings).unwrap_or_default());
    for check in &request.playbook.checks {
        let seen: Vec<&Observation> =
            observations.iter().copied().filter(|observation| observation.check == check.id).collect();
        if !seen.is_empty() {
            scope.insert(template_name(&check.id), check_object(&seen));
        }
    }
    scope
}

/// The facts of the first subject that works (else of the first), and beside them `ok`: the facts of every subject that
/// works, and `all`: those of every subject.
fn check_object(seen: &[&Observation]) -> Value {
    let working: Vec<&&Observation> = seen.iter().filter(|observation| observation.outcome == Outcome::Ok).collect();
    let first = working.first().copied().or(seen.first());
    let mut object = first.map_or_else(Map::new, |observation| with_subject(observation));
    object.insert("ok".to_owned(), working.iter().map(|o| Value::Object(with_subject(o))).collect());
    object.insert("all".to_owned(), seen.iter().map(|o| Value::Object(with_subject(o))).collect());
    Value::Object(object)
}

fn with_subject(observation: &Observation) -> Facts {
    let mut facts = observation.facts.clone();
    if let Some(subject) = &observation.subject {
        facts.entry("subject").or_insert(json!(subject));
    }
    facts
}

/// Fills the arguments of a check. `working` says whether a check has a subject that works, `finished` whether it will
/// say nothing more.
pub fn fill(
    check: &Check,
    playbook: &Playbook,
    scope: &Facts,
    working: &dyn Fn(&str) -> bool,
    finished: &dyn Fn(&str) -> bool,
) -> Filled {
    let needed = references(check, playbook);
    let open: Vec<&&str> = needed.iter().filter(|other| !working(other) && !finished(other)).collect();
    let (args, empty) = render(check, scope);
    if open.is_empty() {
        if !empty {
            return Filled::Ready(args);
        }
        let broken = needed.iter().find(|other| !working(other)).or(needed.first());
        return match broken {
            Some(broken) => Filled::Because((*broken).to_owned()),
            None => Filled::Ready(args),
        };
    }
    // One of several sources is enough where the template takes whichever is there.
    if open.len() < needed.len() && !empty { Filled::Ready(args) } else { Filled::Wait }
}

/// Renders all arguments; says whether one that is not optional came out empty.
fn render(check: &Check, scope: &Facts) -> (Facts, bool) {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Chainable);
    environment.set_fuel(Some(FUEL));
    let mut empty = false;
    let mut args = Facts::new();
    for (name, value) in &check.args {
        match render_value(value, &environment, scope) {
            Some(value) => {
                args.insert(name.clone(), value);
            }
            None => {
                let optional = value.as_str().is_some_and(|text| OPTIONAL.iter().any(|word| text.contains(word)));
                empty |= !optional;
            }
        }
    }
    (args, empty)
}

fn render_value(value: &Value, environment: &Environment<'_>, scope: &Facts) -> Option<Value> {
    match value {
        Value::String(text) if text.contains("{{") || text.contains("{%") => render_text(text, environment, scope),
        Value::Array(items) => {
            let items: Vec<Value> = items.iter().filter_map(|item| render_value(item, environment, scope)).collect();
            (!items.is_empty()).then_some(Value::Array(items))
        }
        other => Some(other.clone()),
    }
}

/// A text that is one expression keeps its value: a list stays a list.
fn render_text(text: &str, environment: &Environment<'_>, scope: &Facts) -> Option<Value> {
    let trimmed = text.trim();
    let expression = trimmed
        .strip_prefix("{{")
        .and_then(|rest| rest.strip_suffix("}}"))
        .filter(|inner| !inner.contains("{{") && !inner.contains("}}"));
    let value = match expression {
        Some(expression) => {
            let compiled = environment.compile_expression(expression).ok()?;
            serde_json::to_value(compiled.eval(Serde(scope)).ok()?).ok()?
        }
        None => Value::String(environment.render_str(text, Serde(scope)).ok()?),
    };
    let empty = match &value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        _ => false,
    };
    (!empty).then_some(value)
}
