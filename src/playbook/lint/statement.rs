//! Statements of conditions and tests: whether what they look at exists, and whether it could ever be so.

use super::fact::{FactType, wrong_word};
use super::{CASE_FACTS, Lint};
use crate::diagnosis::evidence::{AGAIN_CHECK, CASE_CHECK};
use crate::packet::case::field::{FIELDS, Field, Takes};
use crate::playbook::Check;
use crate::playbook::change::{self, CHANGES_CHECK};
use crate::playbook::condition::{Compare, Test};
use crate::playbook::draft::Draft;
use crate::playbook::mistake::{At, Kind, Mistake, shown};
use crate::playbook::template::variable;
use crate::playbook::when::PlacedAtom;
use crate::probe::Probe;
use crate::problem::Code;
use serde_json::Value;
use std::collections::BTreeMap;
use std::rc::Rc;

/// The facts of what is no check, and the JSON type of each.
pub(super) type Told = BTreeMap<String, &'static str>;

/// The facts of what people said: inputs, fields of the case, and what the target is.
pub(super) fn case_facts(draft: &Draft) -> Rc<Told> {
    let inputs = draft.inputs.iter().map(|input| (variable(&input.name), "string"));
    let fields = FIELDS.iter().filter(|field| field.is_fact).map(|field| (field.name.to_owned(), "string"));
    Rc::new(inputs.chain(fields).chain(CASE_FACTS.map(|(name, kind)| (name.to_owned(), kind))).collect())
}

/// The facts of what changed.
pub(super) fn change_facts() -> Rc<Told> {
    Rc::new(change::facts().collect())
}

impl Lint<'_> {
    /// A statement about what people said, or about what changed.
    fn told(&mut self, atom: &PlacedAtom, types: &Told) {
        let check = &atom.atom.check;
        let Test::Fact(name, compare) = &atom.atom.test else {
            let message = format!("`{check}` is no check of the playbook: it has facts only");
            self.add(Mistake::new(Kind::BadCompare, &atom.test, message));
            return;
        };
        match types.get(name.as_str()) {
            Some(kind) => {
                let fact = FactType { types: vec![(*kind).to_owned()], words: self.case_words(name) };
                if let Some(problem) = fact.mismatch(name, compare) {
                    let mut mistake = Mistake::new(Kind::BadCompare, &atom.value, problem);
                    if let (Some(words), Some(wrong)) = (&fact.words, wrong_word(compare, fact.words.as_deref())) {
                        mistake = mistake.suggest(&wrong, words.iter().map(String::as_str));
                    }
                    self.add(mistake);
                }
            }
            None => {
                let message = format!("`{check}` has no fact `{}`", shown(name));
                let mistake = Mistake::new(Kind::UnknownFact, &atom.test, message)
                    .suggest(name, types.keys().map(String::as_str));
                self.add(mistake);
            }
        }
    }

    /// The only words that a fact of the case can be: those of a field, or the choices of an input.
    fn case_words(&self, name: &str) -> Option<Vec<String>> {
        if let Some(Takes::Word(words)) = Field::find(name).filter(|field| field.is_fact).map(Field::takes) {
            return Some(words.iter().map(|word| (*word).to_owned()).collect());
        }
        let input = self.draft.inputs.iter().find(|input| variable(&input.name) == name)?;
        Some(input.input.one_of.clone()).filter(|choices| !choices.is_empty())
    }

    /// The facts of what is no check and may be spoken of: what people said, what changed, and what a last look saw.
    pub(super) fn told_facts(&self, check: &str) -> Option<Rc<Told>> {
        match check {
            CASE_CHECK => Some(self.case.clone()),
            CHANGES_CHECK => Some(self.changes.clone()),
            AGAIN_CHECK => Some(Rc::new(Told::from([("check".to_owned(), "string")]))),
            _ => None,
        }
    }

    pub(super) fn atoms(&mut self, atoms: &[PlacedAtom]) {
        for atom in atoms {
            if let Some(types) = self.told_facts(&atom.atom.check) {
                self.told(atom, &types);
                continue;
            }
            let Some(check) = self.known_check(&atom.atom.check, &atom.check) else { continue };
            let Some(probe) = self.registry.find(&check.check.probe) else { continue };
            match &atom.atom.test {
                Test::Outcome(_) | Test::Via(_) => {}
                Test::Code(code) => self.code(*code, &check.check, probe, &atom.test),
                Test::Family(family) => self.family(family, &check.check, probe, &atom.test),
                Test::Fact(_, compare) if atom.answer => self.answer(&check.check, probe, compare, &atom.test),
                Test::Fact(name, compare) => {
                    if self.fact(name, &check.check, probe, &atom.test) {
                        self.compare(name, compare, probe, &atom.value);
                    }
                }
            }
        }
    }

    pub(super) fn code(&mut self, code: Code, check: &Check, probe: &Probe, at: &At) {
        if !probe.codes.contains(&code) {
            let message =
                format!("`{}` uses the probe `{}`, which never reports `{}`", check.id, probe.name, code.word());
            let words = probe.codes.iter().map(|code| code.word());
            self.add(Mistake::new(Kind::ForeignCode, at, message).suggest(code.word(), words));
        }
    }

    fn family(&mut self, family: &str, check: &Check, probe: &Probe, at: &At) {
        let mut families: Vec<&str> = probe.codes.iter().filter_map(|code| code.word().split('.').next()).collect();
        families.dedup();
        if !families.contains(&family) {
            let message =
                format!("`{}` uses the probe `{}`, which reports nothing of `{family}.*`", check.id, probe.name);
            let families: Vec<String> = families.iter().map(|family| format!("{family}.*")).collect();
            let known = families.iter().map(String::as_str);
            self.add(Mistake::new(Kind::ForeignCode, at, message).suggest(&format!("{family}.*"), known));
        }
    }

    fn answer(&mut self, check: &Check, probe: &'static Probe, compare: &Compare, at: &At) {
        let shape = self.shape(probe);
        if !shape.facts.contains_key("answer") && !shape.is_open {
            let message = format!("`{}` uses the probe `{}`, which asks nobody", check.id, probe.name);
            self.add(
                Mistake::new(Kind::UnknownAnswer, at, message)
                    .help("only a check with `probe = \"ask\"` has an answer"),
            );
            return;
        }
        let offered: Vec<&str> = match check.args.get("answers") {
            Some(Value::Object(answers)) => answers.keys().map(String::as_str).collect(),
            Some(Value::Array(answers)) => answers.iter().filter_map(Value::as_str).collect(),
            _ => return,
        };
        let Compare::Is(Value::String(answer)) = compare else { return };
        if !offered.contains(&answer.as_str()) {
            let message = format!("the question `{}` does not offer the answer `{}`", check.id, shown(answer));
            self.add(Mistake::new(Kind::UnknownAnswer, at, message).suggest(answer, offered));
        }
    }

    /// Whether the fact exists; a mistake where it does not.
    pub(super) fn fact(&mut self, name: &str, check: &Check, probe: &'static Probe, at: &At) -> bool {
        let shape = self.shape(probe);
        if shape.is_open {
            return true;
        }
        let known = shape.facts.contains_key(name);
        if !known {
            let message = format!("the probe `{}` of `{}` has no fact `{}`", probe.name, check.id, shown(name));
            let mut mistake =
                Mistake::new(Kind::UnknownFact, at, message).suggest(name, shape.facts.keys().map(String::as_str));
            if mistake.help.is_none() {
                mistake = mistake.help(format!("`firstline explain probe:{}` lists its facts", probe.name));
            }
            self.add(mistake);
        }
        known
    }

    fn compare(&mut self, name: &str, compare: &Compare, probe: &'static Probe, at: &At) {
        let shape = self.shape(probe);
        let Some(fact) = shape.facts.get(name) else { return };
        if let Some(problem) = fact.mismatch(name, compare) {
            let mut mistake = Mistake::new(Kind::BadCompare, at, problem);
            if let (Some(words), Some(wrong)) = (&fact.words, wrong_word(compare, fact.words.as_deref())) {
                mistake = mistake.suggest(&wrong, words.iter().map(String::as_str));
            }
            self.add(mistake);
        }
    }
}
