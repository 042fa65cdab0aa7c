//! What is asked of a server, and what came back, as it came.

use super::message::{Answer, Question};
use crate::world::Failure;
use std::cell::Cell;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// What one query, or a series of the same query, came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Word {
    /// A message that answers the question.
    Answer(Answer),
    /// Bytes that do not, and why.
    Garbage(String),
    /// The network's own word.
    Failure(Failure),
    /// Nobody answered.
    Silence,
    /// The run's deadline came before anything could be said.
    Cut,
}

impl Word {
    pub(super) fn is_noerror(&self) -> bool {
        matches!(self, Word::Answer(answer) if answer.rcode == "NOERROR")
    }

    /// A final word about the name: it exists or it does not.
    pub(super) fn is_about_name(&self) -> bool {
        matches!(self, Word::Answer(answer) if answer.is_about_name())
    }

    /// The addresses in it.
    pub(super) fn addresses(&self) -> &[IpAddr] {
        match self {
            Word::Answer(answer) => &answer.addresses,
            _ => &[],
        }
    }

    /// Explicit, but not about the name: worth a second try.
    pub(super) fn wants_second_try(&self) -> bool {
        match self {
            Word::Answer(answer) => !answer.is_about_name(),
            Word::Garbage(_) | Word::Failure(_) => true,
            Word::Silence | Word::Cut => false,
        }
    }

    /// Whether the server refuses our EDNS options, which RFC 6891 section 7 wants dropped then.
    pub(super) fn refuses_edns(&self) -> bool {
        matches!(self, Word::Answer(answer) if matches!(answer.rcode.as_str(), "FORMERR" | "NOTIMP" | "BADVERS"))
    }
}

/// What TCP to the same server and port came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Tcp {
    /// It answered.
    Ok,
    /// It did not answer.
    Timeout,
    /// The port is closed.
    Refused,
    /// It could not be used for another reason.
    Failed,
    /// It was not needed.
    NotAsked,
}

/// The servers that are asked side by side, and when each was first heard: a server that answers is the control that
/// makes another's silence mean something.
#[derive(Debug)]
pub(super) struct Roll(Vec<(SocketAddr, Cell<Option<Duration>>)>);

impl Roll {
    pub(super) fn new(servers: impl IntoIterator<Item = SocketAddr>) -> Self {
        Roll(servers.into_iter().map(|server| (server, Cell::new(None))).collect())
    }

    pub(super) fn heard(&self, index: usize, took: Duration) {
        if let Some((_, first)) = self.0.get(index)
            && first.get().is_none()
        {
            first.set(Some(took));
        }
    }

    /// Another server that answered. One on the loopback shares no path with one that is not.
    pub(super) fn sibling(&self, index: usize) -> Option<Sibling> {
        let own = self.0.get(index)?.0;
        self.0.iter().enumerate().find_map(|(other, (server, first))| {
            let comparable = other != index && server.ip().is_loopback() == own.ip().is_loopback();
            first.get().filter(|_| comparable).map(|took| Sibling { server: *server, took })
        })
    }
}

/// A server that answers, and how fast.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sibling {
    pub(super) server: SocketAddr,
    pub(super) took: Duration,
}

/// How long nobody answered, and how many queries that was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Silent {
    pub(super) queries: u32,
    pub(super) waited: Duration,
    pub(super) sibling: Option<Sibling>,
    /// All four queries were sent and waited for.
    pub(super) confirmed: bool,
}

/// What is to be asked of a server.
#[derive(Debug, Clone)]
pub(super) struct Asking {
    /// The same name with each type; the first type decides.
    pub(super) questions: Vec<Question>,
    /// Asked where the name fails.
    pub(super) control: Option<Question>,
    /// Asked where the server answers at all: a name that cannot exist.
    pub(super) random: Option<Question>,
    /// Rounds of two more queries after a first answer.
    pub(super) repeat: u32,
    /// Ask over TCP even where UDP is enough.
    pub(super) tcp: bool,
}

/// All that came of asking one server.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    /// What the first type came to.
    pub(super) word: Word,
    /// Where it was explicit but not about the name: the second try.
    pub(super) second: Option<Word>,
    /// What each further type came to; empty where the first decided.
    pub(super) others: Vec<(String, Word)>,
    pub(super) silent: Option<Silent>,
    /// Queries for the name over UDP, and how many got an answer.
    pub(super) queries: u32,
    pub(super) answered: u32,
    /// The query that decided, and the quickest of all.
    pub(super) took: Option<Duration>,
    pub(super) quickest: Option<Duration>,
    pub(super) tcp: Tcp,
    pub(super) tcp_answer: Option<Answer>,
    pub(super) control: Option<Word>,
    pub(super) random: Option<Word>,
    /// The server answers only without EDNS.
    pub(super) without_edns: bool,
}

pub(super) fn is_truncated(word: &Word) -> bool {
    matches!(word, Word::Answer(answer) if answer.truncated)
}

pub(super) fn is_empty(word: &Word) -> bool {
    !matches!(word, Word::Answer(answer) if answer.is_positive() || answer.truncated)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loopback_server_is_no_control_for_a_remote_one() {
        let servers = ["127.0.0.53:53", "10.0.0.1:53", "10.0.0.2:53"].map(|text| text.parse().unwrap());
        let roll = Roll::new(servers);
        roll.heard(0, Duration::from_millis(1));
        assert_eq!(roll.sibling(1), None);
        roll.heard(2, 7 * Duration::from_millis(1));
        assert_eq!(roll.sibling(1), Some(Sibling { server: servers[2], took: 7 * Duration::from_millis(1) }));
        assert_eq!(roll.sibling(2), None, "a server is not its own control");
    }
}
