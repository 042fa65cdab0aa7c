//! What one check saw of one subject: the flat record that the judge works on and the packet keeps.

use crate::layer::Layer;
use crate::problem::Code;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

/// The facts of an observation: typed by each probe (see its facts schema), stored as JSON.
pub type Facts = Map<String, Value>;

/// How the summary of an observation begins that is unknown; reports drop it where the word stands beside it.
pub const COULD_NOT_BE_CHECKED: &str = "could not be checked: ";

/// The four words that a check can end with. "Not checked" is never "no".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It was looked at and works.
    Ok,
    /// It was looked at and something is wrong: see `code`.
    Problem,
    /// It could not be looked at: see `reason`.
    Unknown,
    /// It was not looked at: see `skip`.
    Skipped,
}

impl Outcome {
    /// The word used in playbooks, JSON and on screen.
    pub fn name(self) -> &'static str {
        match self {
            Outcome::Ok => "ok",
            Outcome::Problem => "problem",
            Outcome::Unknown => "unknown",
            Outcome::Skipped => "skipped",
        }
    }
}

/// Why a check was not made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Skip {
    /// What it stands on does not work.
    Because(String),
    /// Its answer would not have changed the verdict.
    NotNeeded,
    /// It needs a right that this run does not have.
    NeedsRight(String),
    /// The person did not want to answer.
    RefusedByPerson,
}

/// How sure an observation or a verdict is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Certainty {
    /// Seen once: steers the next check.
    Suspected,
    /// Seen again later, or said explicitly, or convicted by a substitution.
    Confirmed,
}

impl Certainty {
    /// The word used in JSON and on screen.
    pub fn name(self) -> &'static str {
        match self {
            Certainty::Suspected => "suspected",
            Certainty::Confirmed => "confirmed",
        }
    }
}

/// Which elements a measurement actually used. An `ok` proves exactly these, and a reachability problem whose
/// elements are all among those of a success is disproved by it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Via {
    /// Interface name, such as `eth0`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interface: Option<String>,
    /// `ipv4` or `ipv6`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub family: Option<String>,
    /// Source address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// Next hop, absent where the peer is on-link.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gateway: Option<String>,
    /// The resolver that was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resolver: Option<String>,
    /// The proxy that was used, without credentials.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proxy: Option<String>,
    /// `address:port` of the far end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peer: Option<String>,
    /// Which trust store judged the certificate: `system` or `public`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trust: Option<String>,
}

impl Via {
    /// The fields that identify elements, as pairs of name and value.
    pub fn elements(&self) -> impl Iterator<Item = (&'static str, &str)> {
        [
            ("interface", &self.interface),
            ("family", &self.family),
            ("source", &self.source),
            ("gateway", &self.gateway),
            ("resolver", &self.resolver),
            ("proxy", &self.proxy),
            ("peer", &self.peer),
            ("trust", &self.trust),
        ]
        .into_iter()
        .filter_map(|(name, value)| value.as_deref().map(|value| (name, value)))
    }

    /// The host at the far end: the resolver that was asked, else the peer without its port.
    pub fn host(&self) -> Option<IpAddr> {
        let text = self.resolver.as_deref().or(self.peer.as_deref())?;
        text.parse().ok().or_else(|| text.parse().ok().map(|peer: SocketAddr| peer.ip()))
    }

    /// Whether it names no element.
    pub fn is_nothing(&self) -> bool {
        self.elements().next().is_none()
    }

    /// Whether both name an element of one kind, and different ones.
    pub fn contradicts(&self, other: &Via) -> bool {
        self.elements().any(|(name, own)| other.elements().any(|(kind, theirs)| kind == name && theirs != own))
    }

    /// Whether it names an element of this kind; none where it does not say which way was taken. A way that is known
    /// and names no gateway leads to the own network.
    pub fn uses(&self, kind: &str) -> Option<bool> {
        let named = self.elements().any(|(name, _)| name == kind);
        (named || self.interface.is_some()).then_some(named)
    }

    /// Whether an answer on the way `other` shows that this one works up to its gateway, as far as this machine can
    /// see: it left by the same interface and the same gateway. On the own network the interface is the way.
    pub fn shares_way(&self, other: &Via) -> bool {
        let interface = self.interface.is_none() || self.interface == other.interface;
        interface && (self.gateway.is_none() || self.gateway == other.gateway)
    }

    /// Whether every element of this one is also an element of `other`, and there is at least one beside the family,
    /// which is no element by itself.
    pub fn is_within(&self, other: &Via) -> bool {
        let mut any = false;
        for element in self.elements() {
            any |= element.0 != "family";
            if !other.elements().any(|candidate| candidate == element) {
                return false;
            }
        }
        any
    }
}

/// Whose view an observation is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Context {
    /// The account that the run uses.
    pub user: String,
    /// Whether it has administrator rights.
    pub elevated: bool,
}

/// A piece of raw evidence: a short name and the text, stored as a file in the packet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Evidence {
    /// File name within the packet's `evidence/` folder, `[a-z0-9._-]` only.
    pub name: String,
    /// The text, already free of secrets.
    pub text: String,
}

/// What one check saw of one subject.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Observation {
    /// `check` or `check[subject]`, prefixed with the probe: `dns.resolver[10.8.0.1]`. Unique in a run.
    pub id: String,
    /// The check's id in the playbook.
    pub check: String,
    /// The kind of check.
    pub probe: String,
    /// What a fan-out looked at: a resolver, an address, an interface.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// Where it belongs on the ladder.
    pub layer: Layer,
    /// How it ended.
    pub outcome: Outcome,
    /// The problem, where there is one; the most telling one where there are several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<Code>,
    /// Further problems seen in the same look.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub also: Vec<Code>,
    /// Whether a problem was seen once or twice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certainty: Option<Certainty>,
    /// Why it is unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Why it was skipped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub skip: Option<Skip>,
    /// One sentence that says what was seen, with numbers and names.
    pub summary: String,
    /// Typed facts; units are part of the names (`_ms`, `_bytes`, `_percent`).
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub facts: Facts,
    /// How conditions compared with facts that were hidden since, by the mark of the comparison: what is hidden cannot be
    /// compared again.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub truths: BTreeMap<String, bool>,
    /// Whose view it is.
    #[serde(default)]
    pub context: Context,
    /// What was actually used.
    #[serde(default)]
    pub via: Via,
    /// Milliseconds since the start of the run.
    #[serde(default)]
    pub started_ms: u64,
    /// Milliseconds that it took.
    #[serde(default)]
    pub took_ms: u64,
    /// Names of evidence files in the packet.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<String>,
    /// Evidence on its way into the spool; never part of the JSON.
    #[serde(skip)]
    pub attached: Vec<Evidence>,
}

/// Characters of a subject that are kept: a name of the greatest length (253, RFC 1035 section 2.3.4) with scheme and
/// port. Subjects may come from settings that strangers wrote.
const SUBJECT_LIMIT: usize = 300;

impl Observation {
    /// The same of one of several subjects.
    pub fn about(mut self, subject: &str) -> Self {
        let subject: String = subject.chars().take(SUBJECT_LIMIT).collect();
        self.id = format!("{}.{}[{subject}]", self.probe, self.check);
        self.subject = Some(subject);
        self
    }

    /// An observation with nothing in it yet. Times and context are filled in by the run.
    pub fn new(
        probe: &str,
        layer: Layer,
        check: &str,
        subject: Option<&str>,
        outcome: Outcome,
        summary: String,
    ) -> Self {
        let subject: Option<String> = subject.map(|subject| subject.chars().take(SUBJECT_LIMIT).collect());
        let id = match &subject {
            Some(subject) => format!("{probe}.{check}[{subject}]"),
            None => format!("{probe}.{check}"),
        };
        Observation {
            id,
            check: check.to_owned(),
            probe: probe.to_owned(),
            subject,
            layer,
            outcome,
            code: None,
            also: Vec::new(),
            certainty: None,
            reason: None,
            skip: None,
            summary,
            facts: Facts::new(),
            truths: BTreeMap::new(),
            context: Context::default(),
            via: Via::default(),
            started_ms: 0,
            took_ms: 0,
            evidence: Vec::new(),
            attached: Vec::new(),
        }
    }

    /// Adds what was actually used.
    pub fn via(mut self, via: Via) -> Self {
        self.via = via;
        self
    }

    /// Adds the probe's typed facts.
    pub fn facts<F: Serialize>(mut self, facts: &F) -> Self {
        if let Ok(Value::Object(map)) = serde_json::to_value(facts) {
            self.facts = map.into_iter().filter(|(_, value)| !value.is_null()).collect();
        }
        self
    }

    /// Marks a problem as seen once only.
    pub fn suspected(mut self) -> Self {
        self.certainty = Some(Certainty::Suspected);
        self
    }

    /// Adds further problems of the same look.
    pub fn also(mut self, codes: impl IntoIterator<Item = Code>) -> Self {
        self.also.extend(codes);
        self
    }

    /// Attaches a text that goes into the packet as a file.
    pub fn attach(mut self, name: impl Into<String>, text: impl Into<String>) -> Self {
        let evidence = Evidence { name: name.into(), text: text.into() };
        self.evidence.push(evidence.name.clone());
        self.attached.push(evidence);
        self
    }

    /// Whether it carries this problem, as its first one or beside it.
    pub fn has(&self, code: Code) -> bool {
        self.outcome == Outcome::Problem && (self.code == Some(code) || self.also.contains(&code))
    }

    /// All its problems.
    pub fn codes(&self) -> impl Iterator<Item = Code> + '_ {
        self.code.into_iter().chain(self.also.iter().copied())
    }
}
