//! The manifest: what is in an archive and where it comes from, for whoever has to trust it. It follows from the packet
//! and its files alone. It covers every file but the letters, which carry its hash; `SHA256SUMS` covers all.

use super::write::{Contents, hex};
use super::{Consent, Packet, Tool};
use crate::report::USER_LETTER;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::io;

/// Its name in the archive.
pub const NAME: &str = "manifest.json";

/// The schema that this program writes. Fields are only ever added within a version.
pub const SCHEMA: &str = "firstline.manifest/1";

/// The manifest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Manifest {
    pub schema: String,
    /// The schema of `packet.json`.
    pub packet: String,
    pub tool: Tool,
    pub playbook: PlaybookMark,
    pub run: RunMark,
    pub times: Times,
    /// Limits that were reached, in sentences.
    pub limits: Vec<String>,
    /// Evidence that was cut or left out, as it was before.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub trimmed: Vec<FileMark>,
    /// Every file but the letters to the next tier, this one and the checksums.
    pub files: Vec<FileMark>,
}

/// The playbook that was run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PlaybookMark {
    pub id: String,
    pub origin: String,
    pub sha256: String,
}

/// Who ran it, and by what right.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RunMark {
    pub id: String,
    pub user: String,
    pub host: String,
    /// With administrator rights.
    pub elevated: bool,
    /// Somebody sat at a terminal.
    pub interactive: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub consent: Option<Consent>,
    /// Why it ended.
    pub ended: String,
    /// What was hidden.
    pub redaction: String,
}

/// When it was. Wall clock at the start; the rest are milliseconds of the monotonic clock, which nobody sets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Times {
    /// RFC 3339 in UTC.
    pub started: String,
    /// The machine's own offset and zone at that time.
    pub zone: String,
    /// By how much the machine's clock is off, where it was measured; positive when it is behind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clock_offset_ms: Option<i64>,
    /// Seconds from the machine's start to the start of the run.
    pub uptime_s: u64,
    /// From the start of the run, as all times of observations are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suspected_ms: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decided_ms: Option<u64>,
    pub took_ms: u64,
    pub deadline_ms: u64,
}

/// One file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FileMark {
    pub name: String,
    pub bytes: u64,
    pub sha256: String,
}

impl FileMark {
    /// The mark of a file with these bytes.
    pub fn of(name: &str, bytes: &[u8]) -> FileMark {
        FileMark { name: name.to_owned(), bytes: bytes.len() as u64, sha256: hex(bytes) }
    }
}

impl Manifest {
    /// The manifest of a packet with these files.
    pub fn of(packet: &Packet, contents: &Contents<'_>, trimmed: &[FileMark]) -> Manifest {
        let run = &packet.run;
        Manifest {
            schema: SCHEMA.to_owned(),
            packet: packet.schema.clone(),
            tool: packet.tool.clone(),
            playbook: PlaybookMark {
                id: packet.playbook.id.clone(),
                origin: packet.playbook.origin.clone(),
                sha256: packet.playbook.hash.clone(),
            },
            run: RunMark {
                id: run.id.clone(),
                user: run.user.clone(),
                host: packet.host.name.clone(),
                elevated: run.elevated,
                interactive: run.interactive,
                consent: run.consent.clone(),
                ended: run.ended.clone(),
                redaction: run.redaction.clone(),
            },
            times: Times {
                started: run.started.clone(),
                zone: run.zone.clone(),
                clock_offset_ms: run.clock_offset_ms,
                uptime_s: packet.host.uptime_s,
                suspected_ms: run.suspected_ms,
                decided_ms: run.decided_ms,
                took_ms: run.took_ms,
                deadline_ms: run.deadline_ms,
            },
            limits: limits(packet),
            trimmed: trimmed.to_vec(),
            files: contents.iter().map(|(name, bytes)| FileMark::of(name, bytes)).collect(),
        }
    }

    /// As a file of the archive.
    ///
    /// # Errors
    /// Where a value cannot be written as JSON.
    pub fn to_bytes(&self) -> io::Result<Vec<u8>> {
        let mut bytes = serde_json::to_vec_pretty(self)?;
        bytes.push(b'\n');
        Ok(bytes)
    }
}

fn limits(packet: &Packet) -> Vec<String> {
    let run = &packet.run;
    let deadline = (run.ended == "deadline").then(|| format!("the deadline of {} ms", run.deadline_ms));
    deadline.into_iter().chain(run.limits.iter().cloned()).collect()
}

/// Whether a file of an archive is a letter to the next tier: text for people at the top of it. Such letters carry the
/// manifest's hash, so the manifest cannot hold theirs.
pub fn is_letter(name: &str) -> bool {
    !name.contains('/') && name != USER_LETTER && [".txt", ".md", ".html"].iter().any(|ending| name.ends_with(ending))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_are_what_people_read_first() {
        for (name, expected) in [
            ("summary.txt", true),
            ("report.html", true),
            ("user.txt", false),
            ("evidence/answer.txt", false),
            ("packet.json", false),
            (NAME, false),
            ("SHA256SUMS", false),
        ] {
            assert_eq!(is_letter(name), expected, "{name}");
        }
    }
}
