//! A few words with a service, over connections of their own: the frame of the probes that speak a protocol. It keeps
//! three ends apart: no connection (the business of `tcp`), a connection on which nothing comes back, and an answer.

use super::Look;
use super::attempt::{self, Attempts};
use super::tcp::counted;
use super::way::{milliseconds, printable};
use crate::observation::{Observation, Via};
use crate::problem::Code;
use crate::world::{Dial, Failure, Stream};
use futures_util::future::join;
use schemars::JsonSchema;
use serde::Serialize;
use std::cell::RefCell;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, timeout_at};

/// The rest of an answer comes with its beginning or a round trip later; judgement.
const LULL: Duration = Duration::from_millis(300);
/// Each attempt ends this much before it would be cut off, so that what has come so far is kept.
const MARGIN: Duration = Duration::from_millis(20);

/// What came of it.
#[derive(Debug)]
pub struct Dialogue<T> {
    /// Every attempt; an answer is what was made of one that came to its end.
    pub attempts: Attempts<T>,
    /// Why there is no connection, where none stood.
    pub unreached: Option<Failure>,
    /// What the connections used.
    pub via: Via,
}

/// Characters of a foreign answer that are shown.
const SHOWN: usize = 40;

/// How a dialogue went, whatever was said in it: part of the facts of each probe that asks a question.
#[derive(Debug, Clone, Default, Serialize, JsonSchema)]
pub struct Course {
    /// IP address.
    pub address: String,
    /// Port.
    pub port: u16,
    /// How an answer begins that is in another protocol.
    pub first_bytes: Option<String>,
    /// How it ended where nothing came: `timeout`, `closed` or `reset`.
    pub error: Option<&'static str>,
    /// Connections that were tried.
    pub attempts: u32,
    /// Milliseconds from the first connection's start to the answer, or to the end of waiting.
    pub took_ms: f64,
}

impl Course {
    /// What to report of an answer that is not in the protocol which was spoken.
    pub fn foreign(&mut self, look: &Look<'_>, subject: &str, protocol: &str, bytes: &[u8]) -> Observation {
        let first = printable(bytes, SHOWN);
        let summary = format!("{subject} does not speak {protocol}: it answers \"{first}\"");
        self.first_bytes = Some(first);
        look.problem(Some(subject), Code::AppWrongProtocol, summary)
    }
}

/// Connects, as often as it takes to be sure, and lets `talk` speak until the given moment. `doubt` is told once where a
/// connection stands and nothing comes: the failure, the attempts so far, and how long it has been.
pub async fn hold<T, F>(
    look: &Look<'_>,
    to: SocketAddr,
    talk: impl Fn(Box<dyn Stream>, Instant) -> F,
    doubt: impl Fn(&Failure, u32, Duration),
) -> Dialogue<T>
where
    F: Future<Output = Result<T, Failure>>,
{
    let (network, start) = (&look.world.network, Instant::now());
    let unreached = RefCell::new(None);
    let attempt = |wait: Duration| {
        let (unreached, talk) = (&unreached, &talk);
        async move {
            let end = Instant::now() + wait.saturating_sub(MARGIN);
            match network.connect(to, &Dial::within(wait)).await {
                Ok(connection) => {
                    let talked = talk(connection.stream, end).await;
                    if talked.is_err() {
                        *unreached.borrow_mut() = None;
                    }
                    talked
                }
                Err(failure) => {
                    unreached.borrow_mut().get_or_insert(failure.clone());
                    Err(failure)
                }
            }
        }
    };
    let shown = |failure: &Failure, made: u32| {
        if unreached.borrow().is_none() && is_mute(failure) {
            doubt(failure, made, start.elapsed());
        }
    };
    // That the port answers does not make a mute service more suspicious: it may be busy.
    let persist = attempt::persist(1, look.deadline, attempt, shown, || false);
    let (attempts, mut via) = join(persist, look.world.via(to.ip())).await;
    via.peer = Some(to.to_string());
    let unreached = unreached.into_inner().filter(|_| attempts.answers.is_empty());
    Dialogue { attempts, unreached, via }
}

/// What is still to come of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wants {
    /// Too little to say anything: the rest is waited for like the beginning.
    More,
    /// It is clear what it is; what else comes soon is taken too.
    Rest,
    /// Nothing that may follow matters.
    Nothing,
}

/// Says this and listens.
///
/// # Errors
/// Where nothing comes back, with how that ended.
pub async fn ask(
    stream: &mut (impl Stream + ?Sized),
    says: &[u8],
    end: Instant,
    most_bytes: usize,
    wants: impl Fn(&[u8]) -> Wants,
) -> Result<Vec<u8>, Failure> {
    let said = async {
        stream.write_all(says).await?;
        stream.flush().await
    };
    match timeout_at(end, said).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => return Err(Failure::from_io(&error)),
        Err(_) => return Err(Failure::Timeout),
    }
    listen(stream, end, most_bytes, wants).await
}

/// Listens until nothing more is wanted, nothing more comes, or this many bytes have.
///
/// # Errors
/// Where nothing comes at all, with how that ended.
pub async fn listen(
    stream: &mut (impl Stream + ?Sized),
    end: Instant,
    most_bytes: usize,
    wants: impl Fn(&[u8]) -> Wants,
) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    let mut block = [0; 1024];
    while bytes.len() < most_bytes {
        let until = if bytes.is_empty() || wants(&bytes) == Wants::More { end } else { end.min(Instant::now() + LULL) };
        match timeout_at(until, stream.read(&mut block)).await {
            Ok(Ok(0)) if bytes.is_empty() => return Err(Failure::Closed),
            Ok(Err(error)) if bytes.is_empty() => return Err(Failure::from_io(&error)),
            Err(_) if bytes.is_empty() => return Err(Failure::Timeout),
            Ok(Ok(0) | Err(_)) | Err(_) => break,
            Ok(Ok(count)) => bytes.extend_from_slice(&block[..count]),
        }
        if wants(&bytes) == Wants::Nothing {
            break;
        }
    }
    bytes.truncate(most_bytes);
    Ok(bytes)
}

/// Whether this is what a service does that says nothing.
pub fn is_mute(failure: &Failure) -> bool {
    matches!(failure, Failure::Timeout | Failure::Closed | Failure::Reset)
}

/// How it says nothing: completes "accepts the connection and ...". What is awaited comes as verb and noun.
pub fn silence(failure: &Failure, (verb, noun): (&str, &str)) -> String {
    match failure {
        Failure::Closed => format!("closes it without {noun}"),
        Failure::Reset => format!("resets it without {noun}"),
        _ => format!("does not {verb}"),
    }
}

/// What is awaited of a service that was asked.
const ANSWER: (&str, &str) = ("answer", "an answer");

/// A service that was asked, and has not answered so far, as it is shown meanwhile.
pub fn doubted(look: &Look<'_>, to: SocketAddr, failure: &Failure) -> Observation {
    let summary = format!("{to} accepts the connection and {} so far", silence(failure, ANSWER));
    look.problem(Some(&to.to_string()), Code::AppNoAnswer, summary).suspected()
}

impl<T> Dialogue<T> {
    /// How it went.
    pub fn course(&self, to: SocketAddr) -> Course {
        Course {
            address: to.ip().to_string(),
            port: to.port(),
            first_bytes: None,
            error: self.attempts.answers.is_empty().then(|| self.failure().word()),
            attempts: self.attempts.made,
            took_ms: milliseconds(self.attempts.took),
        }
    }

    /// Why there is no answer.
    pub fn failure(&self) -> Failure {
        self.unreached.clone().unwrap_or_else(|| self.attempts.failure())
    }

    /// What to report where there is no answer; `asked` is what was asked for.
    pub fn unanswered(&self, look: &Look<'_>, to: SocketAddr, asked: &str) -> Observation {
        let subject = to.to_string();
        if let Some(failure) = &self.unreached {
            return look.unknown(Some(&subject), &format!("there is no connection: {failure}"));
        }
        let failure = self.attempts.failure();
        if !is_mute(&failure) {
            return look.unknown(Some(&subject), &format!("the answer cannot be read: {failure}"));
        }
        let summary = format!(
            "{subject} accepts the connection and, asked for {asked}, {} ({} in {:.1} s)",
            silence(&failure, ANSWER),
            counted(self.attempts.made, "attempt"),
            self.attempts.took.as_secs_f64()
        );
        let observation = look.problem(Some(&subject), Code::AppNoAnswer, summary);
        if self.attempts.certain { observation } else { observation.suspected() }
    }
}
