//! What was sent, when and where: one line of JSON for each time, in a file beside the packet. The packet itself stays as
//! it was. Nothing in here is secret beyond what the packet's name and the ticket say.

use crate::seal::with_ending;
use serde::{Deserialize, Serialize};
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};

/// The schema that this program writes. Fields are only ever added within a version.
pub const SCHEMA: &str = "firstline.sent/1";

/// What is appended to the packet's name.
const ENDING: &str = "sent.jsonl";

/// Nobody sends one packet a thousand times; what is larger is another file.
const LARGEST: u64 = 1 << 20;

/// One time that a packet was sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sent {
    pub schema: String,
    /// RFC 3339 in UTC.
    pub at: String,
    pub connector: String,
    /// The system's address.
    pub to: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub ticket: String,
    pub bytes: usize,
    pub sha256: String,
    pub redaction: String,
    /// Who said yes: `answer` at the terminal, `flag`, or `policy NAME`.
    pub consent: String,
    /// Whether every step went well.
    pub whole: bool,
    /// What was done there, in words.
    pub done: Vec<String>,
    /// What was made there, in the words of the connector.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<String>,
}

impl Sent {
    /// Whether another one sent the same bytes to the same place.
    pub fn repeats(&self, other: &Sent) -> bool {
        (&self.sha256, &self.connector, &self.to, &self.ticket)
            == (&other.sha256, &other.connector, &other.to, &other.ticket)
    }
}

/// Where the record of a packet lies.
pub fn path(packet: &Path) -> PathBuf {
    with_ending(packet, ENDING)
}

/// Adds one time.
///
/// # Errors
/// Where the file cannot be written.
pub fn append(packet: &Path, sent: &Sent) -> io::Result<()> {
    let mut line = serde_json::to_vec(sent)?;
    line.push(b'\n');
    OpenOptions::new().create(true).append(true).open(path(packet))?.write_all(&line)
}

/// All times so far; lines that make no sense are passed over.
pub fn all(packet: &Path) -> Vec<Sent> {
    let Ok(file) = File::open(path(packet)) else { return Vec::new() };
    let lines = BufReader::new(file.take(LARGEST)).lines().map_while(Result::ok);
    lines.filter_map(|line| serde_json::from_str(&line).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_time_is_a_line_and_a_damaged_one_harms_nobody() {
        let folder = tempfile::tempdir().unwrap();
        let packet = folder.path().join("p.zip");
        assert!(all(&packet).is_empty());
        let sent = Sent {
            schema: SCHEMA.to_owned(),
            at: "2026-11-22T08:00:00Z".to_owned(),
            connector: "zammad".to_owned(),
            to: "https://desk.example".to_owned(),
            ticket: "7".to_owned(),
            bytes: 3,
            sha256: "abc".to_owned(),
            redaction: "standard".to_owned(),
            consent: "flag".to_owned(),
            whole: true,
            done: vec!["add a note".to_owned()],
            answer: None,
        };
        append(&packet, &sent).unwrap();
        std::fs::write(path(&packet), [std::fs::read(path(&packet)).unwrap(), b"{cut\n".to_vec()].concat()).unwrap();
        append(&packet, &Sent { ticket: "8".to_owned(), ..sent.clone() }).unwrap();
        let found = all(&packet);
        assert_eq!(found.len(), 2);
        assert!(found[0].repeats(&sent) && !found[1].repeats(&sent));
    }
}
