//! Names as programs look them up: the system's getaddrinfo, in a child process, because the call cannot be bounded
//! and a thread that is stuck in it cannot be ended. The child is this program with a hidden argument.

use crate::patience::bounded;
use crate::sys::{self, Flight};
use crate::world::LookupFailure;
use dns_lookup::{AddrInfoHints, LookupErrorKind, SockType, getaddrinfo};
use std::cell::RefCell;
use std::collections::HashMap;
use std::net::IpAddr;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;
use tokio::process::Command;
use tokio::time::Instant;

/// The hidden first argument of the child.
const ARGUMENT: &str = "__lookup";
/// The last line of a complete answer: without it the child was not this program's lookup.
const END: &str = "end";
/// Before the word of an error.
const ERROR: &str = "error: ";

/// How long an answer serves whoever else asks for the name: programs that ask within the same second get the same
/// from every cache on the way.
const FRESH: Duration = Duration::from_secs(1);

type Looked = Result<Found, LookupFailure>;
/// The addresses, and how long it took to get them.
type Found = (Vec<IpAddr>, Duration);

/// The lookups of a run: a child is dear, so that checks which want the same name at the same time share one. Failures
/// are not kept, because whoever asks again wants a second try.
#[derive(Debug, Default)]
pub(super) struct Lookups {
    under_way: RefCell<HashMap<String, Flight<Looked>>>,
    answers: RefCell<HashMap<String, (Instant, Found)>>,
}

impl Lookups {
    /// Whoever asks from now on asks anew.
    pub(super) fn forget(&self) {
        // Those that are under way go on for whoever waits for them.
        self.under_way.borrow_mut().clear();
        self.answers.borrow_mut().clear();
    }

    pub(super) async fn share(&self, name: &str, wait: Duration) -> Looked {
        if let Some((at, found)) = self.answers.borrow().get(name)
            && at.elapsed() < FRESH
        {
            return Ok(found.clone());
        }
        let asked = name.to_owned();
        let lookup = self.under_way.borrow_mut().entry(name.to_owned()).or_default().join(|| async move {
            let start = Instant::now();
            unbounded(&asked).await.map(|addresses| (addresses, start.elapsed()))
        });
        let found = bounded(wait, lookup).await.unwrap_or(Err(LookupFailure::Timeout))?;
        self.answers.borrow_mut().insert(name.to_owned(), (Instant::now(), found.clone()));
        Ok(found)
    }
}

pub(super) async fn lookup(name: &str, wait: Duration) -> Result<Vec<IpAddr>, LookupFailure> {
    // Dropping the lookup at the timeout ends the child.
    bounded(wait, unbounded(name)).await.unwrap_or(Err(LookupFailure::Timeout))
}

async fn unbounded(name: &str) -> Result<Vec<IpAddr>, LookupFailure> {
    if !sys::HAS_NAME_SERVICE {
        let why = "this static binary has no access to the system's name service";
        return Err(LookupFailure::Unsupported(why.to_owned()));
    }
    let program = std::env::current_exe().map_err(|error| LookupFailure::Unsupported(error.to_string()))?;
    ask(&program, name).await
}

async fn ask(program: &Path, name: &str) -> Result<Vec<IpAddr>, LookupFailure> {
    let child = Command::new(program)
        .args([ARGUMENT, name])
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .output();
    match child.await {
        Err(error) => Err(LookupFailure::Unsupported(format!("the child process cannot be started: {error}"))),
        Ok(output) => read(&String::from_utf8_lossy(&output.stdout)),
    }
}

/// Reads what the child printed.
fn read(text: &str) -> Result<Vec<IpAddr>, LookupFailure> {
    let mut addresses = Vec::new();
    for line in text.lines() {
        if let Some(word) = line.strip_prefix(ERROR) {
            return Err(match word {
                "EAI_NONAME" => LookupFailure::NotFound,
                "EAI_AGAIN" => LookupFailure::TryAgain,
                "EAI_FAIL" => LookupFailure::Failed,
                other => LookupFailure::Unsupported(format!("getaddrinfo failed: {other}")),
            });
        }
        if line == END {
            return if addresses.is_empty() { Err(LookupFailure::NotFound) } else { Ok(addresses) };
        }
        match line.parse() {
            Ok(address) => addresses.push(address),
            Err(_) => break,
        }
    }
    Err(LookupFailure::Unsupported("the child process gave no answer".to_owned()))
}

/// The name that this process was started to look up, where it is such a child.
pub fn asked() -> Option<String> {
    let mut arguments = std::env::args_os().skip(1);
    (arguments.next()? == ARGUMENT).then(|| arguments.next().unwrap_or_default().to_string_lossy().into_owned())
}

/// The whole of the child: looks the name up, prints one address per line in the order that programs try, and returns
/// the exit code.
pub fn lookup_main(name: &str) -> i32 {
    let (text, code) = match addresses_of(name) {
        Ok(addresses) => (addresses.iter().map(|address| format!("{address}\n")).collect(), 0),
        Err(word) => (format!("{ERROR}{word}\n"), 1),
    };
    use std::io::Write;
    // A parent that is gone needs no answer.
    let _ = writeln!(std::io::stdout(), "{text}{END}");
    code
}

/// What getaddrinfo gives, without doublets, or the name of its error.
fn addresses_of(name: &str) -> Result<Vec<IpAddr>, String> {
    // As most programs ask: both families, a stream socket, no flags.
    let hints = AddrInfoHints { socktype: SockType::Stream.into(), ..AddrInfoHints::default() };
    let found = getaddrinfo(Some(name), None, Some(hints)).map_err(|error| match error.kind() {
        LookupErrorKind::NoName | LookupErrorKind::NoData => "EAI_NONAME".to_owned(),
        LookupErrorKind::Again => "EAI_AGAIN".to_owned(),
        LookupErrorKind::Fail => "EAI_FAIL".to_owned(),
        other => format!("{other:?}"),
    })?;
    let mut addresses = Vec::new();
    for entry in found.flatten() {
        let address = entry.sockaddr.ip();
        if !addresses.contains(&address) {
            addresses.push(address);
        }
    }
    Ok(addresses)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_answer_of_the_child() {
        let address = |text: &str| text.parse::<IpAddr>().unwrap();
        assert_eq!(read("::1\n127.0.0.1\nend\n"), Ok(vec![address("::1"), address("127.0.0.1")]));
        assert_eq!(read("end\n"), Err(LookupFailure::NotFound));
        assert_eq!(read("error: EAI_AGAIN\nend\n"), Err(LookupFailure::TryAgain));
        assert_eq!(read("error: EAI_NONAME\nend\n"), Err(LookupFailure::NotFound));
        assert_eq!(read("error: EAI_FAIL\nend\n"), Err(LookupFailure::Failed));
        for odd in ["", "127.0.0.1\n", "running 0 tests\nend\n", "error: System\n"] {
            assert!(matches!(read(odd), Err(LookupFailure::Unsupported(_))), "{odd}");
        }
    }

    #[test]
    fn an_address_is_its_own_answer() {
        assert_eq!(addresses_of("127.0.0.1"), Ok(vec!["127.0.0.1".parse().unwrap()]));
        assert!(addresses_of("a b\0c").is_err());
    }

    #[tokio::test]
    async fn a_child_that_cannot_be_started_is_no_answer() {
        let missing = ask(Path::new("does/not/exist"), "localhost").await;
        assert!(matches!(missing, Err(LookupFailure::Unsupported(_))));
    }
}
