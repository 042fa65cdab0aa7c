//! Redaction: the stage between the run and everything that leaves the machine. Names are learned first (`learn`), then
//! each text is searched in one pass (`find`, by the rules in `rules` and `topology`) and rewritten with pseudonyms
//! (`redactor`, `pseudonym`, `address`); what was found in one place is hidden in all (`elsewhere`, `sought`). `document`
//! knows which texts of a packet are words of ours; `wording` lets the verdict survive; `gate` and `leak` look through the
//! finished bytes; `store` keeps the key and the way back.

mod account;
mod address;
mod document;
mod elsewhere;
mod encoding;
mod find;
mod gate;
mod leak;
mod learn;
mod level;
mod pseudonym;
mod redactor;
mod rules;
mod sought;
pub mod store;
mod topology;
mod wording;

pub use gate::Gate;
pub use level::Level;
pub use pseudonym::{Class, Key};
pub use store::unmask;

use crate::error::{Error, Result};
use crate::observation::Observation;
use crate::packet::write::Attached;
use crate::packet::{Packet, source};
use crate::playbook::Playbook;
use find::{Finder, HIDDEN, Hit, What};
use redactor::Redactor;
use sought::Sought;
use std::borrow::Cow;
use std::collections::BTreeMap;

/// Names and secrets that are to be hidden wherever they stand.
#[derive(Debug, Clone, Default)]
pub struct Known {
    names: BTreeMap<String, Class>,
    secrets: learn::Secrets,
}

/// Hides what only this process knows to be a secret, the values of its environment, from what is kept for another that
/// does not know them.
pub struct Veil(Sought);

impl Veil {
    /// For the secrets of this process.
    pub fn of_environment() -> Veil {
        Veil(Sought::new(&Known::of_environment().secrets))
    }

    /// The text without them.
    pub fn over<'t>(&self, text: &'t str) -> Cow<'t, str> {
        self.0.without(text).map_or(Cow::Borrowed(text), |(text, _)| Cow::Owned(text))
    }
}

/// A packet as it may leave.
pub struct Redacted {
    pub packet: Packet,
    pub attached: Attached,
    pub gate: Gate,
}

/// The text with everything replaced that is a secret by its shape. For what probes store as evidence, before the spool.
pub fn mask(text: &str) -> String {
    let mut hits = Finder::of_secrets().hits(text, true);
    hits.retain(|hit| matches!(hit.what, What::Secret(_)));
    let mut masked = String::with_capacity(text.len());
    let mut end = 0;
    for hit in hits {
        masked.push_str(&text[end..hit.at.start]);
        masked.push_str(HIDDEN);
        end = hit.at.end;
    }
    masked.push_str(&text[end..]);
    masked
}

/// How people say what came of a step. What begins with one of these words is no password.
const OUTCOMES: &[&str] = &[
    "no",
    "not",
    "none",
    "nothing",
    "yes",
    "ok",
    "done",
    "did",
    "works",
    "worked",
    "helps",
    "helped",
    "fails",
    "failed",
    "still",
    "same",
    "better",
    "worse",
    "fine",
    "unchanged",
    "accepted",
    "rejected",
    "refused",
    "denied",
    "error",
];

/// Whether a text is a secret because of the text that it follows, as `hunter2` does after `the password`.
pub fn is_secret_pair(name: &str, value: &str) -> bool {
    let outcome = value.split(|letter: char| !letter.is_alphanumeric()).find(|word| !word.is_empty());
    if outcome.is_some_and(|word| OUTCOMES.contains(&word.to_ascii_lowercase().as_str())) {
        return false;
    }
    let (text, sign) = (format!("{name}={value}"), name.len());
    let touches = |hit: &Hit| {
        let between = text.get(sign + 1..hit.at.start).unwrap_or_default();
        hit.at.end > sign + 1 && between.bytes().all(|byte| b" \t\"'\\".contains(&byte))
    };
    Finder::of_secrets().hits(&text, true).iter().any(|hit| matches!(hit.what, What::Secret(_)) && touches(hit))
}

/// Redacts a packet and what is attached to it. With the playbook of the run the verdict is worded anew from what is left, so that
/// a replay of the redacted packet gives the same bytes.
///
/// # Errors
/// Where the packet does not read back, which is a bug.
pub fn packet(
    packet: &Packet,
    attached: Attached,
    level: Level,
    key: &Key,
    known: &Known,
    playbook: Option<&Playbook>,
) -> Result<Redacted> {
    if level == Level::None {
        let mut packet = packet.clone();
        packet.run.redaction = level.word().to_owned();
        packet.run.redact_to = None;
        return Ok(Redacted { packet, attached, gate: Gate::open() });
    }
    let mut known = known.clone();
    known.learn(packet);
    let mut redactor = Redactor::new(level, key, &known);
    let mut value = serde_json::to_value(packet).map_err(|error| broken(&error))?;
    redactor.document(&mut value);
    let is_public = source::is_public(&packet.playbook);
    let Attached { evidence, playbook: mut texts } = attached;
    let mut evidence = redactor.files(evidence);
    redactor.rename(&mut value, &mut evidence);
    let net = if is_public {
        redactor.again(&mut value, &mut [&mut evidence])
    } else {
        texts = redactor.files(texts);
        redactor.again(&mut value, &mut [&mut evidence, &mut texts])
    };
    // By the names that were found since.
    redactor.rename(&mut value, &mut evidence);
    let mut redacted: Packet = serde_json::from_value(value).map_err(|error| broken(&error))?;
    if let Some(playbook) = playbook {
        wording::record_truths(&mut redacted, packet, playbook);
        wording::reword(&mut redacted, packet, playbook);
    }
    redacted.run.redaction = level.word().to_owned();
    redacted.run.redact_to = None;
    for (class, count) in std::mem::take(&mut redactor.counts) {
        *redacted.run.hidden.entry(class.to_owned()).or_default() += count;
    }
    let attached = gate::withhold(&mut redacted, Attached { evidence, playbook: texts }, &net);
    Ok(Redacted { packet: redacted, attached, gate: Gate::of(redactor, net) })
}

/// Redacts observations that belong to no packet.
///
/// # Errors
/// Where they do not read back, which is a bug.
pub fn observations(seen: &[Observation], level: Level, known: &Known) -> Result<Vec<Observation>> {
    let mut known = known.clone();
    for seen in seen {
        known.name(Class::User, &seen.context.user);
    }
    let key = Key::random();
    let mut redactor = Redactor::new(level, &key, &known);
    let mut value = serde_json::json!({ "observations": seen });
    redactor.document(&mut value);
    redactor.again(&mut value, &mut []);
    serde_json::from_value(value["observations"].take()).map_err(|error| broken(&error))
}

fn broken(error: &serde_json::Error) -> Error {
    Error::internal("the packet cannot be redacted").because(error)
}

#[cfg(test)]
mod tests;
