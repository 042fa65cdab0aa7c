//! The handoff packet: the one value that every report renders from, live or stored. `spool` keeps what a run sees as
//! it comes, `write` makes the archive, `read` opens one that somebody sent.

pub mod case;
pub mod read;
pub mod spool;
pub mod write;

pub use case::Case;

use crate::diagnosis::verdict::{BoardStep, Next, Verdict};
use crate::observation::Observation;
use crate::sys::Change;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The schema that this program writes. Fields are only ever added within a version.
pub const SCHEMA: &str = "firstline.packet/1";

/// A whole run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Packet {
    pub schema: String,
    pub tool: Tool,
    pub run: Run,
    pub host: Host,
    pub case: Case,
    pub playbook: PlaybookRef,
    pub observations: Vec<Observation>,
    pub verdict: Verdict,
    /// How the suspects were halved.
    #[serde(default)]
    pub board: Vec<BoardStep>,
    pub changes: Vec<Change>,
    pub next: Next,
}

/// The program that made it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Tool {
    pub name: String,
    pub version: String,
}

/// The run itself.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Run {
    /// Random id, 16 hexadecimal digits.
    pub id: String,
    /// RFC 3339 in UTC.
    pub started: String,
    /// The machine's own offset at that time, `+02:00`, and its zone.
    pub zone: String,
    pub took_ms: u64,
    /// When a fault was first shown, in milliseconds since the start.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub suspected_ms: Option<u64>,
    /// When the verdict was confirmed; absent where it is a suspicion.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decided_ms: Option<u64>,
    /// Why it ended: `settled`, `complete`, `deadline`, `interrupted`.
    pub ended: String,
    pub deadline_ms: u64,
    pub checks_used: usize,
    pub checks_available: usize,
    pub user: String,
    pub elevated: bool,
    pub interactive: bool,
    /// What was hidden: `secrets-only`.
    pub redaction: String,
    /// Milliseconds by which the clock is off, where it was measured; positive when it is behind.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clock_offset_ms: Option<i64>,
    /// Things that went wrong with the run itself, such as a folder that could not be written.
    pub warnings: Vec<String>,
    /// Where the packet was written; none where none was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub packet_path: Option<String>,
}

/// The machine.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Host {
    pub name: String,
    pub os: String,
    pub os_version: String,
    pub kernel: String,
    pub architecture: String,
    pub uptime_s: u64,
    /// The container that the run was made in, by what made it: its addresses, routes and names are the container's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub container: Option<String>,
    /// Whether the run saw another network than the machine's first process does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub own_network: Option<bool>,
}

impl Host {
    /// Where the run looked from, if that is not the machine itself: a container, another network namespace.
    pub fn seen_from(&self) -> Option<String> {
        const WHOSE: &str = "addresses, routes and names are those in there, not the machine's around it";
        match (&self.container, self.own_network) {
            (Some(container), _) => Some(format!("inside a container ({container}): {WHOSE}")),
            (None, Some(true)) => Some(format!("inside a network namespace of its own: {WHOSE}")),
            (None, _) => None,
        }
    }
}

/// The playbook that was run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct PlaybookRef {
    pub id: String,
    pub title: String,
    pub origin: String,
    /// SHA-256 in hexadecimal.
    pub hash: String,
    /// Inputs as used, without credentials.
    pub inputs: BTreeMap<String, String>,
}
