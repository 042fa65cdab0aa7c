//! The handoff packet: the one value that every report renders from, live or stored. `spool` keeps what a run sees as
//! it comes, `finish` makes a packet of one that was left behind, `fit` keeps it under its limit, `excerpt` holds how the
//! evidence begins, `manifest` says what is in it, `program` which build made it, `source` keeps the playbook's own text,
//! `purge` removes what is old, `redact` hides what nobody else may read, `write` makes the archive, `read` opens one that
//! somebody sent, `diff` compares two.

pub mod case;
pub mod diff;
pub mod excerpt;
pub mod finish;
pub mod fit;
pub mod manifest;
pub mod program;
pub mod purge;
pub mod read;
pub mod redact;
pub mod source;
pub mod spool;
pub mod write;

pub use case::Case;

use crate::diagnosis::judge;
use crate::diagnosis::verdict::{BoardStep, Next, Status, Verdict};
use crate::observation::{Certainty, Observation, Outcome};
use crate::playbook::Playbook;
use crate::playbook::trust::Trust;
use crate::settings::Settings;
use crate::sys::Change;
use excerpt::Excerpts;
use redact::Level;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashSet};

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
    /// SHA-256 of the manifest of the archive that it lies in, which the letters carry. The manifest holds the hash of
    /// the JSON, so the JSON cannot hold this.
    #[serde(skip)]
    pub manifest: Option<String>,
    /// How the evidence files beside the JSON begin.
    #[serde(skip)]
    pub excerpts: Excerpts,
}

impl Packet {
    /// Puts what was seen into order, hears what people answered, judges both, and counts what follows from it.
    /// `run.ended`, and when something was suspected and decided, must stand already.
    pub fn close(&mut self, playbook: &Playbook, mut observations: Vec<Observation>, settings: &Settings) {
        let ended = |seen: &Observation| seen.started_ms + seen.took_ms;
        observations.sort_by(|left, right| (ended(left), &left.id).cmp(&(ended(right), &right.id)));
        // An answer may be the complaint itself, so the judge is asked after it: a replay, which has the whole case,
        // must come to the same verdict.
        self.case.hear(playbook, &observations);
        let judgement = judge(playbook, &observations, &self.case);
        let verdict = judgement.verdict;
        let gravity = playbook.gravity(verdict.cause.as_deref());
        self.case.priority = settings.priority(&self.case, gravity);
        let left = verdict.suspects.len();
        let before = self.board.last().map_or(0, |step| step.suspects);
        if (1..before).contains(&left) && verdict.cause.is_some() {
            self.board.push(BoardStep { after: verdict.because[0].clone(), suspects: left });
        }
        let run = &mut self.run;
        run.took_ms = observations.iter().map(ended).max().unwrap_or(0);
        let is_sure = verdict.status != Status::Undecided && verdict.certainty == Certainty::Confirmed;
        run.decided_ms = run.decided_ms.or_else(|| is_sure.then_some(run.took_ms));
        let offset = |seen: &Observation| seen.facts.get("offset_ms")?.as_f64();
        run.clock_offset_ms = observations
            .iter()
            .filter(|seen| seen.probe == "clock")
            .find_map(offset)
            .map(|offset| offset.round() as i64);
        let looked: HashSet<&str> = observations
            .iter()
            .filter(|seen| seen.outcome != Outcome::Skipped)
            .map(|seen| seen.check.as_str())
            .collect();
        run.checks_used = playbook.checks.iter().filter(|check| looked.contains(check.id.as_str())).count();
        run.checks_available = playbook.checks.len();
        self.observations = observations;
        self.verdict = verdict;
        self.next = judgement.next;
    }
}

/// The program that made it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Tool {
    pub name: String,
    pub version: String,
    /// SHA-256 of the program file in hexadecimal, where it could be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
}

/// By what right the run looked at somebody's machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Consent {
    /// Somebody at the terminal was asked and said yes.
    Answer,
    /// Nobody was there; the site's settings name the policy that allows it.
    Policy(String),
    /// Nobody was asked, and no policy was named.
    NotAsked,
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
    /// Why it ended: `settled`, `complete`, `deadline`, `interrupted`, or `killed` where the packet was made afterwards
    /// of what the spool held.
    pub ended: String,
    pub deadline_ms: u64,
    pub checks_used: usize,
    pub checks_available: usize,
    pub user: String,
    pub elevated: bool,
    pub interactive: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub consent: Option<Consent>,
    /// How much was hidden: `none`, `secrets-only`, `standard`, `strict`.
    pub redaction: String,
    /// How much is to be hidden when the packet is made; only in the spool of a run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub redact_to: Option<Level>,
    /// What was hidden, by class, and how often.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub hidden: BTreeMap<String, usize>,
    /// Files that were left out, because they still held a known secret.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub withheld: Vec<String>,
    /// Milliseconds by which the clock is off, where it was measured; positive when it is behind.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clock_offset_ms: Option<i64>,
    /// Things that went wrong with the run itself, such as a folder that could not be written.
    pub warnings: Vec<String>,
    /// Limits that were reached, in sentences: what they left out is not in the packet.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub limits: Vec<String>,
    /// Where the packet was written; none where none was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub packet_path: Option<String>,
    /// Days after which the packet is removed by itself; none where it lies in a folder that somebody chose, and stays.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub packet_kept_days: Option<u32>,
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
    /// Who vouches for it; absent in packets of programs that did not ask.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vouched: Option<Trust>,
    /// Inputs as used, without credentials.
    pub inputs: BTreeMap<String, String>,
}
