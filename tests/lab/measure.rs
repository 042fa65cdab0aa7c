//! What is measured of one run in one world: what was expected, what was said, and how much work it took. One value is
//! one line of `results.jsonl`; the page and the ratchet read nothing else.

use crate::world::{Culprit, Expect, World};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// One world's last result.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    pub world: String,
    /// What the user says.
    pub says: String,
    pub expected: Expected,
    pub said: Said,
    pub right: Right,
    /// Every difference between the two; empty where the world is right.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub wrong: Vec<String>,
    /// Layers and things that were blamed and must not be.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub false_blame: Vec<String>,
    pub work: Work,
    /// What the reference said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<Reference>,
    /// How often the verdict changed while the processors were busy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub under_load: Option<Noise>,
}

/// The right verdict as words; what is empty is not compared.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Expected {
    pub status: String,
    /// Any of these is right.
    pub layers: Vec<String>,
    /// Any of these problem codes or causes is right.
    pub causes: Vec<String>,
    /// Any of these parts is right.
    pub culprits: Vec<String>,
    /// Layers of independent faults that must stand beside the verdict.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub also: Vec<String>,
    /// Layers that a fault hides and that must be named as not tested.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hidden: Vec<String>,
}

/// The verdict as words.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Said {
    pub status: String,
    pub certainty: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub layer: Option<String>,
    /// Where several remain.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub layers: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub culprit: Option<String>,
}

/// Right or wrong in each point; none where the world does not compare it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Right {
    pub layer: bool,
    pub cause: Option<bool>,
    pub culprit: Option<bool>,
}

/// What the verdict cost.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Work {
    /// When a fault was first shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suspected_ms: Option<u64>,
    /// When the verdict was settled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decided_ms: Option<u64>,
    /// From the start of the process to its end.
    pub took_ms: u64,
    pub checks_used: u64,
    pub checks_available: u64,
    /// Causes that the playbook knows, all of them suspects at the start.
    pub suspects: u64,
    /// Suspects that still stood at the end.
    pub left: u64,
}

/// What the reference said of the same world.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Reference {
    /// A layer, `nothing` where it found nothing wrong, or `unclear`.
    pub said: String,
    pub took_ms: u64,
}

/// Runs with busy processors.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Noise {
    pub runs: u32,
    /// Runs that ended with another verdict, by what they said.
    pub changed: BTreeMap<String, u32>,
}

impl Measured {
    /// Compares a packet with what the world expects.
    pub fn new(world: &World, packet: &Value, took_ms: u64) -> Measured {
        let said = Said::read(&packet["verdict"]);
        let expected = Expected::of(&world.expect);
        let right = Right::of(&world.expect, &expected, &said);
        let mut false_blame: Vec<String> =
            world.expect.blamed_innocents(&packet["verdict"]).map(|name| (*name).to_owned()).collect();
        if !expected.allows(&said.word()) && !matches!(said.word().as_str(), "healthy" | "undecided" | "several") {
            false_blame.push(said.word());
        }
        false_blame.sort();
        false_blame.dedup();
        Measured {
            world: world.name.to_owned(),
            says: world.says.to_owned(),
            wrong: world.expect.differences(packet),
            work: Work::read(packet, took_ms),
            expected,
            said,
            right,
            false_blame,
            ..Measured::default()
        }
    }
}

impl Expected {
    fn of(expect: &Expect) -> Expected {
        let words = |list: &[&str]| list.iter().map(|word| (*word).to_owned()).collect::<Vec<String>>();
        let culprits = match expect.culprit {
            Culprit::NotCompared => Vec::new(),
            Culprit::Is(part) | Culprit::Contains(part) => words(&[part]),
            Culprit::OneOf(parts) => words(parts),
        };
        Expected {
            status: expect.status.to_owned(),
            layers: words(expect.layer),
            causes: [words(expect.cause), words(expect.code)].concat(),
            culprits,
            also: words(expect.also),
            hidden: words(expect.hidden),
        }
    }

    /// The word for the confusion table: a layer, or the status where no layer is to blame.
    pub fn word(&self) -> String {
        let layer = self.layers.first().map(String::as_str);
        layer.unwrap_or(if self.status.is_empty() { "healthy" } else { &self.status }).to_owned()
    }

    /// Whether a word of the confusion table is a right one.
    pub fn allows(&self, word: &str) -> bool {
        let any_status = self.status.is_empty() && self.layers.is_empty();
        self.layers.iter().any(|layer| layer == word)
            || self.layers.is_empty() && (self.status == word || any_status && matches!(word, "healthy" | "undecided"))
    }
}

impl Said {
    fn read(verdict: &Value) -> Said {
        let word = |key: &str| verdict[key].as_str().map(str::to_owned);
        let layers = verdict["layers"].as_array().map(Vec::as_slice).unwrap_or_default();
        Said {
            status: word("status").unwrap_or_default(),
            certainty: word("certainty").unwrap_or_default(),
            layer: word("layer"),
            layers: layers.iter().filter_map(|layer| layer.as_str().map(str::to_owned)).collect(),
            cause: word("cause"),
            code: word("code"),
            culprit: word("culprit"),
        }
    }

    /// The word for the confusion table. A status that blames nobody comes first, because a layer beside it is a remark.
    pub fn word(&self) -> String {
        match (self.status.as_str(), &self.layer) {
            (status @ ("healthy" | "undecided"), _) => status.to_owned(),
            (_, Some(layer)) => layer.clone(),
            _ => "several".to_owned(),
        }
    }

    /// Whether two runs say the same to a person. Process numbers and pseudonyms differ from run to run and say nothing.
    pub fn agrees_with(&self, other: &Said) -> bool {
        let culprit = |said: &Said| said.culprit.as_deref().map(|culprit| steady(&without_process_number(culprit)));
        (&self.status, &self.layer, &self.cause, &self.certainty)
            == (&other.status, &other.layer, &other.cause, &other.certainty)
            && culprit(self) == culprit(other)
    }
}

/// The words of a culprit, each pseudonym of a user as the same.
fn steady(culprit: &str) -> String {
    let word = |word: &'_ str| if word.starts_with("user-") { "user".to_owned() } else { word.to_owned() };
    culprit.split(' ').map(word).collect::<Vec<String>>().join(" ")
}

/// `backup (pid 4711)` without its number.
fn without_process_number(culprit: &str) -> String {
    let Some((before, after)) = culprit.split_once("pid ") else { return culprit.to_owned() };
    format!("{before}pid{}", after.trim_start_matches(|letter: char| letter.is_ascii_digit()))
}

impl Right {
    fn of(expect: &Expect, expected: &Expected, said: &Said) -> Right {
        let among = |list: &[&str], word: &Option<String>| {
            list.is_empty() || word.as_deref().is_some_and(|word| list.contains(&word))
        };
        let cause = among(expect.cause, &said.cause) && among(expect.code, &said.code);
        let compares_culprit = !matches!(expect.culprit, Culprit::NotCompared);
        Right {
            layer: expected.allows(&said.word()),
            cause: (!expected.causes.is_empty()).then_some(cause),
            culprit: compares_culprit.then(|| expect.culprit.difference(said.culprit.as_deref()).is_none()),
        }
    }
}

impl Work {
    fn read(packet: &Value, took_ms: u64) -> Work {
        let run = &packet["run"];
        let board = packet["board"].as_array().map(Vec::as_slice).unwrap_or_default();
        let stood = |step: Option<&Value>| step.and_then(|step| step["suspects"].as_u64()).unwrap_or_default();
        Work {
            suspected_ms: run["suspected_ms"].as_u64(),
            decided_ms: run["decided_ms"].as_u64(),
            took_ms,
            checks_used: run["checks_used"].as_u64().unwrap_or_default(),
            checks_available: run["checks_available"].as_u64().unwrap_or_default(),
            suspects: stood(board.first()),
            left: stood(board.last()),
        }
    }

    /// Suspects struck out by each check, on average.
    pub fn struck_per_check(&self) -> f64 {
        self.suspects.saturating_sub(self.left) as f64 / self.checks_used.max(1) as f64
    }
}
