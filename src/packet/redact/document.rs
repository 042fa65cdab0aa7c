//! Which texts of a packet are words of ours and which come from outside. The program's own words (codes, layers, ids of
//! checks) are what replay and reports work on, and are never touched; everything else is.

use super::learn::{field_class, hidden_from, is_address};
use super::pseudonym::Class;
use super::redactor::Redactor;
use super::rules::is_secret_field;
use super::{Level, is_secret_pair};
use crate::diagnosis::evidence::CASE_CHECK;
use crate::packet::case::field::{Field, Takes};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};

/// Fields, at any place outside of facts, that hold words of ours, numbers of versions, or times.
const OURS: &[&str] = &[
    "schema",
    "tool",
    "hash",
    "check",
    "probe",
    "layer",
    "layers",
    "outcome",
    "code",
    "certainty",
    "skip",
    "status",
    "cause",
    "family",
    "trust",
    "interface",
    "os",
    "os_version",
    "kernel",
    "architecture",
    "container",
    "time",
    "kind",
    "started",
    "zone",
    "ended",
    "redaction",
    "redact_to",
    "hidden",
    "withheld",
    "evidence",
    "consent",
    "sha256",
];
/// Fields of a case that are hidden whole from outsiders: whoever is named in them cannot be learned beforehand.
const SAID_OF_PERSONS: &[(&str, Class)] =
    &[("user", Class::User), ("others", Class::User), ("contact", Class::User), ("place", Class::Name)];
/// Fields of a playbook's mark that are ours, or its author's.
const OF_PLAYBOOK: &[&str] = &["id", "title"];
/// Fields that hold ids of observations.
const IDS: &[&str] = &["id", "because", "by", "after"];

impl Redactor {
    /// Redacts a packet in place.
    pub(super) fn document(&mut self, document: &mut Value) {
        let ids = self.ids(document);
        self.steps(document);
        each(document, &mut |text, place| match place {
            Place::Id => ids.get(text).cloned().unwrap_or_else(|| text.to_owned()),
            Place::Field(field, typed) => self.field(field, text, typed),
        });
    }

    /// What people tried: where the step says that its result is a secret, nothing in the result itself does.
    fn steps(&mut self, document: &mut Value) {
        let steps = document.get_mut("case").and_then(|case| case.get_mut("tried")).and_then(Value::as_array_mut);
        for step in steps.into_iter().flatten() {
            let (Some(what), Some(result)) = (step["what"].as_str(), step["result"].as_str()) else { continue };
            if is_secret_pair(what, result) {
                let hidden = self.secret("password", result);
                step["result"] = Value::from(hidden);
            }
        }
    }

    /// New ids of observations: what stands in brackets is redacted, and two that became one are told apart.
    fn ids(&mut self, document: &Value) -> BTreeMap<String, String> {
        let mut ids = BTreeMap::new();
        let mut taken = BTreeSet::new();
        let seen = document["observations"].as_array().into_iter().flatten();
        for id in seen.filter_map(|seen| seen["id"].as_str()) {
            let new = match id.split_once('[').and_then(|(check, rest)| Some((check, rest.strip_suffix(']')?))) {
                Some((check, subject)) => format!("{check}[{}]", self.text(subject, false)),
                None => id.to_owned(),
            };
            let mut unique = new.clone();
            let mut number = 2;
            while !taken.insert(unique.clone()) {
                unique = format!("{}~{number}]", new.trim_end_matches(']'));
                number += 1;
            }
            ids.insert(id.to_owned(), unique);
        }
        ids
    }

    /// The text of a field, whose name may say what it is.
    fn field(&mut self, field: &str, text: &str, typed: bool) -> String {
        if text.is_empty() || text == super::find::HIDDEN {
            return text.to_owned();
        }
        if let Some(class) = is_secret_field(field) {
            return self.secret(class, text);
        }
        let said = SAID_OF_PERSONS.iter().find(|(name, _)| *name == field);
        if let Some((_, class)) = said.filter(|_| typed && self.level >= Level::Strict) {
            return self.name(*class, text);
        }
        match field_class(field) {
            // Outside of facts the words of a person may stand in a field of the same name.
            Some(class) if !typed && self.level >= hidden_from(class) => match class {
                Class::User if !super::account::is_personal(text) || text.contains(' ') => {
                    self.text(text, typed).into_owned()
                }
                Class::Name if !is_address(text) && is_host(text) => self.host(text),
                Class::Name => self.text(text, typed).into_owned(),
                _ if is_address(text) => self.text(text, typed).into_owned(),
                _ => self.name(class, text),
            },
            _ => self.text(text, typed && self.level < Level::Strict).into_owned(),
        }
    }
}

/// Whether a text is a host name, of whatever ending, and not a sentence, a URL or an address with a port.
fn is_host(text: &str) -> bool {
    let letters = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    text.contains('.')
        && text.bytes().all(letters)
        && !text.starts_with('.')
        && !text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
}

/// Gives the evidence of observations new names; `call` is told the check and the name.
pub(super) fn each_evidence(document: &mut Value, call: &mut dyn FnMut(&str, &str) -> Option<String>) {
    for seen in document["observations"].as_array_mut().into_iter().flatten() {
        let check = seen["check"].as_str().unwrap_or_default().to_owned();
        for name in seen.get_mut("evidence").and_then(Value::as_array_mut).into_iter().flatten() {
            if let Some(new) = name.as_str().and_then(|name| call(&check, name)) {
                *name = Value::from(new);
            }
        }
    }
}

/// Rewrites every text that is not ours; it is told whether a person typed it.
pub(super) fn each_text(document: &mut Value, rewrite: &mut dyn FnMut(&str, bool) -> String) {
    each(document, &mut |text, place| match place {
        Place::Id => match text.split_once('[').and_then(|(check, rest)| Some((check, rest.strip_suffix(']')?))) {
            Some((check, subject)) => format!("{check}[{}]", rewrite(subject, false)),
            None => text.to_owned(),
        },
        Place::Field(_, typed) => rewrite(text, typed),
    });
}

/// Where a text stands.
enum Place<'f> {
    /// The id of an observation, or a reference to one.
    Id,
    /// A field of this name; whether a person typed it.
    Field(&'f str, bool),
}

type Rewrite<'r> = &'r mut dyn FnMut(&str, Place<'_>) -> String;

fn each(document: &mut Value, rewrite: Rewrite<'_>) {
    let Value::Object(sections) = document else { return };
    for (section, value) in sections.iter_mut() {
        match (section.as_str(), value) {
            ("observations", Value::Array(seen)) => seen.iter_mut().for_each(|seen| observation(seen, rewrite)),
            ("case", Value::Object(fields)) => {
                for (field, value) in fields.iter_mut().filter(|(field, _)| !is_closed(field)) {
                    // What questions are called says nothing about their answers.
                    let field = if field == "answers" { "" } else { field.as_str() };
                    said(field, value, rewrite);
                }
            }
            ("playbook", Value::Object(fields)) => {
                for (field, value) in fields.iter_mut().filter(|(field, _)| !OF_PLAYBOOK.contains(&field.as_str())) {
                    walk(field, value, field == "inputs", OURS, rewrite);
                }
            }
            ("run", Value::Object(fields)) => {
                for (field, value) in fields.iter_mut().filter(|(field, _)| *field != "id") {
                    walk(field, value, false, OURS, rewrite);
                }
            }
            ("host", Value::Object(fields)) => {
                if let Some(Value::String(name)) = fields.get_mut("name") {
                    *name = rewrite(name, Place::Field("hostname", false));
                }
            }
            (section, value) => walk(section, value, false, OURS, rewrite),
        }
    }
}

/// Fields of a case that hold words of ours.
fn is_closed(field: &str) -> bool {
    let takes_words = || Field::find(field).is_some_and(|field| matches!(field.takes(), Takes::Word(_)));
    ["not_known", "priority"].contains(&field) || takes_words()
}

/// What a person said about a field, however it is nested.
fn said(field: &str, value: &mut Value, rewrite: Rewrite<'_>) {
    match value {
        Value::String(text) => *text = rewrite(text, Place::Field(field, true)),
        Value::Array(items) => items.iter_mut().for_each(|item| said(field, item, rewrite)),
        Value::Object(map) => map.values_mut().for_each(|value| said(field, value, rewrite)),
        _ => {}
    }
}

fn observation(seen: &mut Value, rewrite: Rewrite<'_>) {
    let said = |field: &str, words: &[&str]| seen[field].as_str().is_some_and(|word| words.contains(&word));
    let typed = said("probe", &["ask", CASE_CHECK]);
    let Value::Object(fields) = seen else { return };
    for (field, value) in fields.iter_mut() {
        match field.as_str() {
            "facts" => walk(field, value, typed, &[], rewrite),
            "also" => {}
            _ => walk(field, value, typed, OURS, rewrite),
        }
    }
}

fn walk(field: &str, value: &mut Value, typed: bool, ours: &[&str], rewrite: Rewrite<'_>) {
    if ours.contains(&field) {
        return;
    }
    match value {
        Value::String(text) => {
            let is_id = !ours.is_empty() && IDS.contains(&field);
            *text = rewrite(text, if is_id { Place::Id } else { Place::Field(field, typed) });
        }
        Value::Array(items) => items.iter_mut().for_each(|item| walk(field, item, typed, ours, rewrite)),
        Value::Object(map) => {
            if ours.is_empty() && map.keys().any(|key| !is_identifier(key)) {
                *map = with_keys(std::mem::take(map), rewrite);
            }
            map.iter_mut().for_each(|(field, value)| walk(field, value, typed, ours, rewrite));
        }
        _ => {}
    }
}

/// Keys of facts that are no names of fields come from outside.
fn with_keys(map: Map<String, Value>, rewrite: Rewrite<'_>) -> Map<String, Value> {
    let mut renamed = Map::new();
    for (key, value) in map {
        let mut new = if is_identifier(&key) { key } else { rewrite(&key, Place::Field("", false)) };
        while renamed.contains_key(&new) {
            new.push('~');
        }
        renamed.insert(new, value);
    }
    renamed
}

fn is_identifier(key: &str) -> bool {
    key.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-".contains(&byte))
}
