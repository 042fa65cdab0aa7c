//! The verdict: what the JSON contract calls by that name (DESIGN section 6).

use crate::layer::Layer;
use crate::observation::Certainty;
use crate::problem::Code;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The four words that a run ends with, and its exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// The goal works; quirks are notes.
    Healthy,
    /// It works, but slowly, at times, or only by falling back.
    Degraded,
    /// It does not work.
    Fault,
    /// Cannot be said.
    Undecided,
}

impl Status {
    pub fn name(self) -> &'static str {
        match self {
            Status::Healthy => "healthy",
            Status::Degraded => "degraded",
            Status::Fault => "fault",
            Status::Undecided => "undecided",
        }
    }
}

/// One layer that is not to blame, and the observations that say so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RuledOut {
    pub layer: Layer,
    /// Observation ids.
    pub by: Vec<String>,
}

/// A suspect that is still standing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Suspect {
    pub cause: String,
    pub layer: Layer,
    pub title: String,
    /// Prior times history.
    pub weight: f64,
}

/// An independent finding beside the verdict.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Also {
    pub layer: Layer,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub cause: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub code: Option<Code>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub culprit: Option<String>,
    pub summary: String,
}

/// What a rung of the ladder says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FindingStatus {
    Ok,
    /// Blamed: a quirk that a success disproved is a note instead.
    Problem,
    Unknown,
    Skipped,
}

/// One rung of the ladder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Finding {
    pub layer: Layer,
    pub status: FindingStatus,
    pub summary: String,
}

/// Something that was not tested, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct NotTested {
    pub check: String,
    pub layer: Layer,
    pub why: String,
}

/// The verdict.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Verdict {
    pub status: Status,
    /// The layer to blame; null where there is none or several remain.
    pub layer: Option<Layer>,
    /// Where several remain.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub layers: Vec<Layer>,
    /// The playbook's cause; null where none fits or several do.
    pub cause: Option<String>,
    /// The problem at the frontier.
    pub code: Option<Code>,
    pub title: String,
    pub certainty: Certainty,
    /// The concrete thing: interface, address, resolver, proxy, host:port, certificate name, process and pid, path.
    pub culprit: Option<String>,
    /// One sentence for the ticket.
    pub summary: String,
    /// One sentence for the user.
    pub plain: String,
    /// Observation ids that the verdict rests on.
    pub because: Vec<String>,
    pub ruled_out: Vec<RuledOut>,
    pub not_tested: Vec<NotTested>,
    /// Quirks that are no fault.
    pub notes: Vec<String>,
    pub suspects: Vec<Suspect>,
    pub also: Vec<Also>,
    pub findings: Vec<Finding>,
}

/// What to do now: shown three steps at a time.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Next {
    pub workaround: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verify: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub escalate: Option<crate::playbook::Escalate>,
    /// Signs of an attack: stop, keep everything as it is, hand it to security.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub security_stop: bool,
    /// The article of the site's knowledge base.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kb: Option<String>,
    /// Web addresses to read on at.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub links: Vec<String>,
    /// A command to type next, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
}

/// How many suspects stood after an observation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct BoardStep {
    /// The observation that struck some out; empty for the start.
    pub after: String,
    pub suspects: usize,
}
