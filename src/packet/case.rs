//! What people said: the half of a handoff that no machine can measure. Everything is optional, because reports tell
//! "not asked" from "asked and not known", and both from an answer.

pub mod field;
pub mod heard;
pub mod priority;
mod step;

use crate::observation::{Observation, Skip};
use crate::playbook::Playbook;
use field::{FIELDS, Field};
use heard::Heard;
use priority::Priority;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The word by which people say that they were asked and do not know.
pub const UNKNOWN: &str = "unknown";
/// The word for a workaround that is not there.
const NONE: &str = "none";

/// A closed set of words: how files, flags and answers write them, and what they mean.
macro_rules! words {
    ($( #[$about:meta] $name:ident { $( $variant:ident $word:literal $meaning:literal; )+ } )+) => { $(
        #[$about]
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
        pub enum $name { $( #[doc = $meaning] #[serde(rename = $word)] $variant, )+ }

        impl $name {
            /// Every word.
            pub const WORDS: &[&str] = &[$( $word ),+];

            /// The value with this word.
            pub fn read(word: &str) -> Option<Self> {
                match word { $( $word => Some($name::$variant), )+ _ => None }
            }

            /// Its word.
            pub fn word(self) -> &'static str {
                match self { $( $name::$variant => $word, )+ }
            }

            /// What it means, in words for a letter.
            pub fn meaning(self) -> &'static str {
                match self { $( $name::$variant => $meaning, )+ }
            }
        }
    )+ };
}

words! {
    /// Who is affected.
    Scope {
        One "one" "one person";
        Several "several" "several people";
        Site "site" "a whole site";
        Everyone "everyone" "everyone, or a service that many use";
    }
    /// Whether it is always so.
    Frequency {
        Constant "constant" "all the time";
        Intermittent "intermittent" "comes and goes";
    }
    /// What it does to the work.
    Effect {
        Blocked "blocked" "the work is blocked";
        Slowed "slowed" "the work is slowed down";
        Minor "minor" "a blemish; the work goes on";
    }
    /// How soon it must be better, where somebody said so.
    Urgency {
        High "high" "high";
        Medium "medium" "medium";
        Low "low" "low";
    }
    /// What the same thing does elsewhere.
    Elsewhere {
        Works "works" "it works there";
        Fails "fails" "it fails there too";
    }
}

/// One step that somebody took before.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Tried {
    pub what: String,
    /// What came of it; none where nobody said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub result: Option<String>,
}

/// What people said. Texts are in their own words.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Case {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ticket: Option<String>,
    /// In the user's words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub symptom: Option<String>,
    /// What the run was pointed at, without credentials.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// Answers to questions, by check.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub answers: BTreeMap<String, String>,
    /// The exact error text or code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// The person who is affected.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// Site, building, room, or "at home".
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_worked: Option<String>,
    /// When it last showed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_seen: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub frequency: Option<Frequency>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scope: Option<Scope>,
    /// Who else, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub others: Option<String>,
    /// The same on another device in the same network.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub other_device: Option<Elsewhere>,
    /// The same for another account on the same computer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub other_account: Option<Elsewhere>,
    /// The same from another network.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub other_network: Option<Elsewhere>,
    /// What changed before it began.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub changed: Option<String>,
    /// Steps in the order in which they were taken.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tried: Vec<Tried>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub effect: Option<Effect>,
    /// What it costs the business.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub impact: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub urgency: Option<Urgency>,
    /// The workaround in place; `none` where there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub workaround: Option<String>,
    /// The question for the next tier.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub question: Option<String>,
    /// How to make it happen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reproduce: Option<String>,
    /// Earlier tickets about the same.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub earlier: Vec<String>,
    /// How to reach the person.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contact: Option<String>,
    /// When the person can be reached.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub available: Option<String>,
    /// Names of the fields that somebody was asked about and did not know.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub not_known: Vec<String>,
    /// The priority that follows from scope and effect: a proposal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub priority: Option<Priority>,
}

impl Case {
    /// Whether somebody says that something is wrong.
    pub fn is_complaint(&self) -> bool {
        self.symptom.is_some() || self.error.is_some()
    }

    /// Takes what was said about a field; the last word wins, and lists grow.
    ///
    /// # Errors
    /// In words, where the field does not take this.
    pub fn say(&mut self, field: &Field, text: &str) -> Result<(), String> {
        let text = text.trim();
        self.not_known.retain(|name| name != field.name);
        match text {
            "" => Err(format!("an empty text says nothing about `{}`", field.name)),
            UNKNOWN => {
                self.not_known.push(field.name.to_owned());
                Ok(())
            }
            _ => field.say(self, text),
        }
    }

    /// Takes over what `other` says, which wins where both say something.
    pub fn overrule(&mut self, other: &Case) {
        for field in FIELDS {
            if field.copy(other, self) {
                self.not_known.retain(|name| name != field.name);
            } else if other.not_known.iter().any(|name| name == field.name) && field.said(self).is_empty() {
                self.asked_in_vain(field);
            }
        }
    }

    /// Takes over what was said in answer to the questions of a run.
    pub fn hear(&mut self, playbook: &Playbook, observations: &[Observation]) {
        for (check, heard) in playbook.checks.iter().filter_map(|check| Some((check, Heard::of(check)?))) {
            for seen in observations.iter().filter(|seen| seen.check == check.id) {
                let fact = |name: &str| seen.facts.get(name).and_then(serde_json::Value::as_str);
                match fact("answer") {
                    Some(answer) => heard.tell(self, answer, fact("meaning")),
                    None if seen.skip == Some(Skip::RefusedByPerson) => self.asked_in_vain(heard.field),
                    None => {}
                }
            }
        }
    }

    /// Somebody was asked and did not know.
    pub fn asked_in_vain(&mut self, field: &Field) {
        if !self.not_known.iter().any(|name| name == field.name) {
            self.not_known.push(field.name.to_owned());
        }
    }

    /// Whether a workaround keeps the person working.
    fn has_workaround(&self) -> bool {
        self.workaround.as_ref().is_some_and(|workaround| !workaround.eq_ignore_ascii_case(NONE))
    }
}
