//! Conditions over what was seen: a small typed tree, evaluated with three values so that a cause is struck out only
//! when it is contradicted, never because something was not looked at.

use crate::observation::{Observation, Outcome};
use crate::packet::write::hex;
use crate::problem::Code;
use serde_json::Value;

/// Hexadecimal digits of a mark: 64 bits, far more than two comparisons of one playbook need to be told apart.
const MARK: usize = 16;

/// A condition.
#[derive(Debug, Clone, PartialEq)]
pub enum Condition {
    /// Every one holds. Atoms on the same check must hold for the same subject.
    All(Vec<Condition>),
    /// At least one holds.
    Any(Vec<Condition>),
    /// No one holds.
    None(Vec<Condition>),
    /// One statement about one check.
    Atom(Atom),
}

/// Over which subjects of the check a statement must hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Over {
    /// At least one subject; it becomes the culprit.
    #[default]
    Any,
    /// Every subject, and there is one.
    All,
    /// No subject.
    None,
}

/// One statement about one check.
#[derive(Debug, Clone, PartialEq)]
pub struct Atom {
    pub check: String,
    pub over: Over,
    pub test: Test,
}

/// What is stated.
#[derive(Debug, Clone, PartialEq)]
pub enum Test {
    /// It ended like this.
    Outcome(Outcome),
    /// It carries this problem.
    Code(Code),
    /// It carries a problem of this family: `tls.*` is written as the family `tls`.
    Family(String),
    /// A fact compares like this.
    Fact(String, Compare),
    /// It used an element of this kind: `gateway` where its packets left the own network.
    Via(String),
}

/// How a fact compares.
#[derive(Debug, Clone, PartialEq)]
pub enum Compare {
    Is(Value),
    Not(Value),
    OneOf(Vec<Value>),
    Above(f64),
    Below(f64),
    /// A list that holds this value, or a text that holds this text.
    Contains(Value),
    /// The fact is there and not empty.
    Known(bool),
}

impl Compare {
    /// Compares; none where the fact is absent and that decides nothing.
    pub fn test(&self, fact: Option<&Value>) -> Option<bool> {
        if let Compare::Known(wanted) = self {
            let known = fact.is_some_and(|value| !is_empty(value));
            return Some(known == *wanted);
        }
        let fact = fact?;
        Some(match self {
            Compare::Is(value) => same(fact, value),
            Compare::Not(value) => !same(fact, value),
            Compare::OneOf(values) => values.iter().any(|value| same(fact, value)),
            Compare::Above(limit) => fact.as_f64()? > *limit,
            Compare::Below(limit) => fact.as_f64()? < *limit,
            Compare::Contains(value) => match (fact, value) {
                (Value::Array(items), value) => items.iter().any(|item| same(item, value)),
                (Value::String(text), Value::String(part)) => text.contains(part.as_str()),
                _ => false,
            },
            Compare::Known(_) => unreachable!("handled above"),
        })
    }
}

impl Compare {
    /// What this comparison with a fact is called among the recorded truths of an observation. It stays the same from
    /// version to version, and says nothing about the value to whoever does not have the playbook.
    pub fn mark(&self, fact: &str) -> String {
        let (word, value) = match self {
            Compare::Is(value) => ("is", value.clone()),
            Compare::Not(value) => ("not", value.clone()),
            Compare::OneOf(values) => ("one_of", Value::from(values.clone())),
            Compare::Above(limit) => ("above", Value::from(*limit)),
            Compare::Below(limit) => ("below", Value::from(*limit)),
            Compare::Contains(value) => ("contains", value.clone()),
            Compare::Known(wanted) => ("known", Value::from(*wanted)),
        };
        let mut mark = hex(format!("{fact} {word} {value}").as_bytes());
        mark.truncate(MARK);
        mark
    }

    fn recorded(&self, fact: &str, observation: &Observation) -> Option<bool> {
        if observation.truths.is_empty() { None } else { observation.truths.get(&self.mark(fact)).copied() }
    }
}

fn same(left: &Value, right: &Value) -> bool {
    match (left.as_f64(), right.as_f64()) {
        (Some(left), Some(right)) => left == right,
        _ => left == right,
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty() || text == "absent",
        Value::Array(items) => items.is_empty(),
        _ => false,
    }
}

impl Test {
    /// Whether this observation states it; none where it says nothing about it.
    pub fn holds(&self, observation: &Observation) -> Option<bool> {
        match self {
            // What could not be looked at neither works nor fails.
            Test::Outcome(Outcome::Ok | Outcome::Problem) if observation.outcome == Outcome::Unknown => None,
            Test::Outcome(outcome) => Some(observation.outcome == *outcome),
            _ if matches!(observation.outcome, Outcome::Unknown | Outcome::Skipped) => None,
            Test::Code(code) => Some(observation.has(*code)),
            Test::Family(family) => Some(
                observation.outcome == Outcome::Problem
                    && observation.codes().any(|code| code.word().split('.').next() == Some(family)),
            ),
            Test::Fact(name, compare) => {
                compare.recorded(name, observation).or_else(|| compare.test(observation.facts.get(name)))
            }
            Test::Via(element) => observation.via.uses(element),
        }
    }
}

impl Condition {
    /// Every check of which it wants something to be seen, which leaves out what must not be seen.
    pub fn wanted_checks<'a>(&'a self, into: &mut Vec<&'a str>) {
        match self {
            Condition::All(parts) | Condition::Any(parts) => parts.iter().for_each(|part| part.wanted_checks(into)),
            Condition::None(_) => {}
            Condition::Atom(atom) => into.push(&atom.check),
        }
    }

    /// Every statement that it makes.
    pub fn atoms<'a>(&'a self, into: &mut Vec<&'a Atom>) {
        match self {
            Condition::All(parts) | Condition::Any(parts) | Condition::None(parts) => {
                parts.iter().for_each(|part| part.atoms(into));
            }
            Condition::Atom(atom) => into.push(atom),
        }
    }

    /// Every check that it mentions.
    pub fn checks<'a>(&'a self, into: &mut Vec<&'a str>) {
        let mut atoms = Vec::new();
        self.atoms(&mut atoms);
        into.extend(atoms.into_iter().map(|atom| atom.check.as_str()));
    }
}
