//! Reads what a server says of a queue. RFC 1179 leaves the words to the server, so this is a list of those that the known
//! ones use: BSD's lpd (`displayq.c`, `lpd.c`), LPRng, CUPS (`cups-lpd.c`), and the LPD service of Windows. What is listed
//! as a job is counted and not kept: it names people and their documents.

use crate::probe::way::printable;

/// What a server says of a queue.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Answer {
    /// None where its words are not known.
    pub state: Option<State>,
    /// The words that say so.
    pub message: Option<String>,
    /// Jobs that it lists; none where it does not say.
    pub jobs: Option<usize>,
}

/// How a queue is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Ready,
    /// It waits for its printer.
    Offline,
    /// It does not print.
    Stopped,
    /// It takes no jobs.
    Closed,
    /// There is none of this name.
    Unknown,
    /// This computer may not ask.
    Refused,
}

impl State {
    /// Its word in the facts.
    pub(super) fn word(self) -> &'static str {
        match self {
            State::Ready => "ready",
            State::Offline => "offline",
            State::Stopped => "stopped",
            State::Closed => "closed",
            State::Unknown => "unknown",
            State::Refused => "refused",
        }
    }
}

/// The words of the known servers, in lower case; the first that is found counts, so what is graver comes first: a queue
/// that "is down" may still be "ready and printing" by its last status.
const WORDS: &[(&str, State)] = &[
    ("does not have line printer access", State::Refused),
    ("not available to your host", State::Refused),
    ("malformed from address", State::Refused),
    ("unknown printer", State::Unknown),
    ("printer does not exist", State::Unknown),
    ("nonexistent printer", State::Unknown),
    ("is down", State::Stopped),
    ("printing disabled", State::Stopped),
    ("is not ready", State::Stopped),
    ("(paused)", State::Stopped),
    ("queue is turned off", State::Closed),
    ("spooling disabled", State::Closed),
    ("(offline", State::Offline),
    ("is ready", State::Ready),
    ("no entries", State::Ready),
    ("no printable jobs", State::Ready),
];

/// Beginnings of the line above a list of jobs.
const HEADS: [&str; 2] = ["rank", "owner"];
/// Beginnings of what often answers at a port that is not its own.
const OTHERS: [&[u8]; 3] = [b"HTTP/", b"SSH-", b"220 "];
/// Characters of the server's words that are kept.
const SHOWN: usize = 120;

/// Reads an answer; none where it is no text, or in another protocol.
pub(super) fn read(bytes: &[u8]) -> Option<Answer> {
    // Some begin or end with the octet by which they accept or turn down a command (RFC 1179 section 2).
    let bytes = bytes.strip_prefix(b"\0").or_else(|| bytes.strip_prefix(b"\x01")).unwrap_or(bytes);
    let bytes = bytes.strip_suffix(b"\0").unwrap_or(bytes);
    let is_text = bytes.iter().all(|byte| !byte.is_ascii_control() || byte.is_ascii_whitespace());
    if !is_text || OTHERS.iter().any(|start| bytes.starts_with(start)) {
        return None;
    }
    let text = String::from_utf8_lossy(bytes);
    let is_head = |line: &str| {
        let line = line.trim_start().to_ascii_lowercase();
        HEADS.iter().any(|head| line.starts_with(head))
    };
    let before: Vec<&str> = text.lines().take_while(|line| !is_head(line)).collect();
    let said = WORDS.iter().find_map(|(words, state)| {
        let line = before.iter().find(|line| line.to_ascii_lowercase().contains(words))?;
        Some((*state, printable(line.trim().as_bytes(), SHOWN)))
    });
    let listed = text.lines().skip(before.len() + 1).filter(|line| is_job(line)).count();
    let jobs =
        if before.len() < text.lines().count() { Some(listed) } else { text.contains("no entries").then_some(0) };
    // A list of jobs without a word of warning above it is a queue at work.
    let working = (said.is_none() && jobs.is_some()).then_some(State::Ready);
    let (state, message) = said.map_or((working, None), |(state, words)| (Some(state), Some(words)));
    Some(Answer { state, message, jobs })
}

/// Whether a line below the head is a job, and not the line that underscores the head.
fn is_job(line: &str) -> bool {
    line.contains(|letter: char| letter.is_alphanumeric())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(text: &str) -> (Option<State>, Option<usize>) {
        let answer = read(text.as_bytes()).unwrap();
        (answer.state, answer.jobs)
    }

    #[test]
    fn the_words_of_known_servers_are_understood() {
        let bsd = "Warning: lp is down: lp is ready and printing\nWarning: no daemon present\n\
            Rank   Owner      Job  Files                                 Total Size\n\
            active root       30   standard input                        5 bytes\n\
            2nd    root       31   is-not-ready-offline.ps               5 bytes\n";
        let windows = "\n                         Windows LPD Server\n                       Printer Office(Paused)\n\n\
            Owner       Status         Jobname          Job-Id    Size   Pages  Priority\n\
            ----------------------------------------------------------------------------\n\
            ann         Waiting        (offline)             2     100     1       1\n";
        let cups = "office is ready and printing\nRank    Owner   Job     File(s)       Total Size\nactive  ann     12      report.pdf    12288 bytes\n";
        let cases = [
            (bsd, Some(State::Stopped), Some(2)),
            (windows, Some(State::Stopped), Some(1)),
            (cups, Some(State::Ready), Some(1)),
            ("no entries\n", Some(State::Ready), Some(0)),
            ("Printer: lp@host (printing disabled)\n Queue: no printable jobs in queue\n", Some(State::Stopped), None),
            ("Rank Owner Job\n1st ann 3 \"lp is down\"\n", Some(State::Ready), Some(1)),
            ("bitte warten", None, None),
            ("", None, None),
        ];
        for (text, expected, jobs) in cases {
            assert_eq!(state(text), (expected, jobs), "{text}");
        }
    }

    #[test]
    fn nothing_of_a_job_is_kept() {
        let answer = read(b"lp is ready\nRank Owner Job Files\n1st ann 3 notice-to-quit.pdf\n").unwrap();
        assert_eq!(answer.message.as_deref(), Some("lp is ready"));
        assert!(!format!("{answer:?}").contains("ann"));
    }

    #[test]
    fn other_protocols_are_no_answer() {
        for other in [
            &b"HTTP/1.1 400 Bad Request\r\n"[..],
            b"SSH-2.0-x\r\n",
            b"\x15\x03\x01\0\x02\x02\x46",
            b"220 mail.test\r\n",
        ] {
            assert_eq!(read(other), None, "{other:?}");
        }
    }
}
