//! Printers and print servers by the line printer protocol: what they say of a queue, asked in the protocol in which old
//! printers and print servers take their jobs.

mod answer;

use super::argument::{self, Addresses};
use super::attempt;
use super::dialogue::{self, Course, Wants};
use super::way::bounded;
use super::{Burden, Contacts, Cost, Look, Probe, accepts, schema_of};
use crate::layer::Layer;
use crate::observation::Observation;
use crate::problem::Code;
use crate::world::Failure;
use answer::{Answer, State};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::net::{IpAddr, SocketAddr};

/// The probe.
pub const PROBE: Probe = Probe {
    name: "lpd",
    layer: Layer::Application,
    cost: Cost::Network,
    summary: "asks a printer or print server for the state of a queue by the line printer protocol",
    about: "Connects to each address and sends `send queue state (short)` for one queue. Nothing is printed, no job is \
        changed, and no name of a person is sent or kept: the list of jobs is counted only. The protocol leaves the \
        words of the answer to the server; those of BSD's lpd, LPRng, CUPS and Windows are understood, and every other \
        text proves no more than that somebody answers. A server that closes without a word is `unknown`: it may answer \
        source ports below 1024 only, which need a right, or have nothing to say of an empty queue. Silence is \
        suspected after three connections 200 ms apart (1.4 s) and confirmed by a fourth (3.2 s). Needs no rights. \
        Source: RFC 1179 sections 3.1 and 5.3.",
    contacts: Contacts::named(&["addresses", "port"]),
    burden: Burden::of(
        "one line to each address, {} connections where it is silent; reads at most {} KiB of each answer",
    )
    .counting(&[attempt::CONNECTIONS, MOST_BYTES as u64 / 1024])
    .and_leaves("a line in the server's log"),
    codes: &[
        Code::AppNoAnswer,
        Code::AppWrongProtocol,
        Code::AppRefused,
        Code::AppUnknownName,
        Code::PrintOffline,
        Code::PrintStopped,
        Code::PrintRejects,
    ],
    params: schema_of::<Params>,
    facts: schema_of::<LpdFacts>,
    accepts: accepts::<Params>,
    run: |look| look.with(run),
};

/// What a server says before its list of jobs, and a list of a hundred of them; more is not read.
const MOST_BYTES: usize = 8 * 1024;
/// The queue that is asked for where none is named: the first one of most servers.
const USUAL_QUEUE: &str = "lp";
/// Bytes of a queue's name; BSD's lpd takes no longer line.
const LONGEST_QUEUE: usize = 128;

/// Arguments of the `lpd` probe.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Params {
    /// IP addresses of the printer or print server.
    addresses: Addresses,
    /// Port.
    #[serde(deserialize_with = "argument::number")]
    port: u16,
    /// Name of the queue, as it stands behind the host in `lpd://printer/queue`. Without one `lp` is asked for, and that
    /// it is not there is no fault.
    queue: String,
}

impl Default for Params {
    fn default() -> Self {
        Params { addresses: Addresses::default(), port: 515, queue: String::new() }
    }
}

/// Facts of the `lpd` probe, for each address.
#[derive(Debug, Default, Serialize, JsonSchema)]
pub struct LpdFacts {
    #[serde(flatten)]
    course: Course,
    /// The queue that was asked for.
    queue: String,
    /// `ready`, `offline`, `stopped`, `closed`, `unknown` or `refused`; none where its words are not known.
    state: Option<&'static str>,
    /// The words that say so.
    message: Option<String>,
    /// Jobs that it lists.
    queued_jobs: Option<usize>,
}

async fn run(look: &Look<'_>, params: Params) -> Vec<Observation> {
    let queue = params.queue.trim().trim_matches('/');
    // A name with a line break would be a second command.
    if queue.len() > LONGEST_QUEUE || queue.bytes().any(|byte| byte.is_ascii_control() || byte == b' ') {
        return vec![look.unknown(None, &format!("`{}` is no name of a queue", bounded(queue)))];
    }
    let queue = (!queue.is_empty()).then_some(queue);
    let one = |address: IpAddr| one(look, SocketAddr::new(address, params.port), queue);
    argument::each_address(look, &params.addresses, one).await
}

async fn one(look: &Look<'_>, to: SocketAddr, named: Option<&str>) -> Observation {
    let queue = named.unwrap_or(USUAL_QUEUE);
    let question = format!("\x03{queue} \n");
    let talk = |mut stream, end| {
        let question = question.as_bytes();
        async move { dialogue::ask(&mut stream, question, end, MOST_BYTES, |_| Wants::Rest).await }
    };
    let doubt = |failure: &Failure, _, _| {
        if !matches!(failure, Failure::Closed) {
            (look.emit)(dialogue::doubted(look, to, failure));
        }
    };
    let dialogue = dialogue::hold(look, to, talk, doubt).await;
    let mut facts = LpdFacts { course: dialogue.course(to), queue: queue.to_owned(), ..LpdFacts::default() };
    let observation = match dialogue.attempts.answers.first() {
        Some(bytes) => conclude(look, to, bytes, named.is_some(), &mut facts),
        None if dialogue.unreached.is_none() && matches!(dialogue.failure(), Failure::Closed) => {
            look.unknown(Some(&to.to_string()), SPEECHLESS)
        }
        None => dialogue.unanswered(look, to, "the state of a queue"),
    };
    observation.facts(&facts).via(dialogue.via)
}

/// Why a connection that is closed without a word says nothing (RFC 1179 section 3.1).
const SPEECHLESS: &str = "it closes the connection without a word, as servers do that answer source ports below 1024 \
    only, and some whose queue is empty";

fn conclude(look: &Look<'_>, to: SocketAddr, bytes: &[u8], is_named: bool, facts: &mut LpdFacts) -> Observation {
    let subject = to.to_string();
    let Some(Answer { state, message, jobs }) = answer::read(bytes) else {
        return facts.course.foreign(look, &subject, "the line printer protocol", bytes);
    };
    facts.state = state.map(State::word);
    facts.queued_jobs = jobs;
    let says = message.as_deref().map(|words| format!(": \"{words}\"")).unwrap_or_default();
    facts.message = message;
    let queue = &facts.queue;
    let (code, what) = match state {
        Some(State::Offline) => {
            (Code::PrintOffline, format!("{subject} does not reach the printer of `{queue}`{says}"))
        }
        Some(State::Stopped) => (Code::PrintStopped, format!("{subject} does not print the queue `{queue}`{says}")),
        Some(State::Closed) => (Code::PrintRejects, format!("{subject} takes no jobs for `{queue}`{says}")),
        Some(State::Refused) => (Code::AppRefused, format!("{subject} does not let this computer print{says}")),
        Some(State::Unknown) if is_named => (Code::AppUnknownName, format!("{subject} has no queue `{queue}`{says}")),
        Some(State::Ready | State::Unknown) | None => return look.ok(Some(&subject), works(&subject, state, facts)),
    };
    look.problem(Some(&subject), code, what)
}

fn works(subject: &str, state: Option<State>, facts: &LpdFacts) -> String {
    let queue = &facts.queue;
    let what = match state {
        Some(State::Unknown) => format!("the line printer protocol and has no queue `{queue}`, which nobody named"),
        Some(_) => format!("for the queue `{queue}`: ready"),
        None => format!("for the queue `{queue}` in words of its own"),
    };
    let jobs = facts.queued_jobs.map(|jobs| format!(", {jobs} waiting")).unwrap_or_default();
    let speaks = if state == Some(State::Unknown) { "speaks" } else { "answers" };
    format!("{subject} {speaks} {what}{jobs} ({:.1} ms)", facts.course.took_ms)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observation::{Certainty, Outcome};
    use crate::probe::testing::loopback::{Loopback, look, serve, world};
    use crate::sys::ProxySettings;
    use serde_json::{Value, json};
    use std::time::Duration;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    /// What a server answers; none keeps it silent.
    type Says = Option<&'static [u8]>;

    async fn asked(says: Says, queue: &str) -> (Observation, Vec<Observation>, Vec<u8>) {
        let heard = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
        let hears = heard.clone();
        let served = serve(move |mut stream| {
            let hears = hears.clone();
            async move {
                let mut line = [0; 256];
                let Ok(count) = stream.read(&mut line).await else { return };
                *hears.lock().unwrap() = line[..count].to_vec();
                match says {
                    Some(answer) => drop(stream.write_all(answer).await),
                    None => tokio::time::sleep(Duration::from_secs(60)).await,
                }
            }
        })
        .await;
        let world = world(Loopback::default(), ProxySettings::default());
        let args = json!({ "addresses": ["127.0.0.1"], "port": served.address.port(), "queue": queue });
        let (mut seen, emitted) = look(&PROBE, &world, args).await;
        assert_eq!(seen.len(), 1);
        let line = heard.lock().unwrap().clone();
        (seen.remove(0), emitted, line)
    }

    /// What a server says, of which queue, and what is seen: the outcome, its code, the state.
    type Case = (&'static [u8], &'static str, Outcome, Option<Code>, Value);

    #[tokio::test]
    async fn a_queue_says_how_it_is() {
        let cases: [Case; 8] = [
            (b"office is ready\nno entries\n", "/office", Outcome::Ok, None, json!("ready")),
            (
                b"office is not ready\nno entries\n",
                "office",
                Outcome::Problem,
                Some(Code::PrintStopped),
                json!("stopped"),
            ),
            (
                b"Warning: lp queue is turned off\nno entries\n",
                "lp",
                Outcome::Problem,
                Some(Code::PrintRejects),
                json!("closed"),
            ),
            (
                b"waiting for lp to become ready (offline ?)\n",
                "lp",
                Outcome::Problem,
                Some(Code::PrintOffline),
                json!("offline"),
            ),
            (
                b"\x01lpd: nope: unknown printer\n",
                "nope",
                Outcome::Problem,
                Some(Code::AppUnknownName),
                json!("unknown"),
            ),
            (b"lpd: lp: unknown printer\n", "", Outcome::Ok, None, json!("unknown")),
            (
                b"Your host does not have line printer access\n",
                "lp",
                Outcome::Problem,
                Some(Code::AppRefused),
                json!("refused"),
            ),
            (b"alles in bester Ordnung\n", "lp", Outcome::Ok, None, Value::Null),
        ];
        for (says, queue, outcome, code, state) in cases {
            let (seen, _, line) = asked(Some(says), queue).await;
            let said = seen.facts.get("state").cloned().unwrap_or_default();
            assert_eq!((seen.outcome, seen.code, said), (outcome, code, state), "{seen:#?}");
            let named = queue.trim_matches('/');
            let named = if named.is_empty() { "lp" } else { named };
            assert_eq!(line, format!("\x03{named} \n").as_bytes());
        }
    }

    #[tokio::test]
    async fn what_is_no_print_server_is_named() {
        let (seen, ..) = asked(Some(b"HTTP/1.1 400 Bad Request\r\n\r\n"), "lp").await;
        assert_eq!(
            (seen.code, &seen.facts["first_bytes"]),
            (Some(Code::AppWrongProtocol), &json!("HTTP/1.1 400 Bad Request"))
        );
    }

    #[tokio::test]
    async fn silence_and_a_closed_door_are_told_apart() {
        let (seen, emitted, _) = asked(None, "lp").await;
        assert_eq!((seen.code, seen.certainty), (Some(Code::AppNoAnswer), Some(Certainty::Confirmed)));
        assert_eq!(emitted[0].certainty, Some(Certainty::Suspected));
        let (seen, emitted, _) = asked(Some(b""), "lp").await;
        assert_eq!((seen.outcome, emitted.len()), (Outcome::Unknown, 0), "{seen:#?}");
    }

    #[tokio::test]
    async fn a_name_that_would_be_a_second_command_is_not_sent() {
        let (seen, _, line) = asked(Some(b"x"), "lp \n\x05lp root 1").await;
        assert_eq!((seen.outcome, line.len()), (Outcome::Unknown, 0), "{seen:#?}");
    }
}
