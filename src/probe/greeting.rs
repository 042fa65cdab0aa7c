//! Services that speak first: whether they greet, and whether the greeting is in the protocol that is expected.

use super::argument::{self, Addresses};
use super::attempt::{self, Attempts};
use super::dialogue::{self, Dialogue, Wants, is_mute, silence};
use super::tcp::counted;
use super::way::{milliseconds, printable};
use super::{Burden, Contacts, Cost, Look, Probe, accepts, schema_of};
use crate::layer::Layer;
use crate::observation::{Certainty, Observation};
use crate::problem::Code;
use crate::world::Failure;
use futures_util::future::join_all;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;
use std::time::Duration;

/// The probe.
pub const PROBE: Probe = Probe {
    name: "greeting",
    layer: Layer::Application,
    cost: Cost::Network,
    summary: "waits for the greeting of a service that speaks first",
    about: "Connects to at most four addresses, sends nothing, reads the first line (1 KiB at most) and closes. \
        Silence is suspected after three connections 200 ms apart (1.4 s) and confirmed by a fourth (3.2 s); a mail \
        server may pause on purpose, so that its silence stays a suspicion. What comes is compared with how the \
        protocol begins: SSH and SFTP, SMTP and submission, FTP, IMAP, POP3, MySQL. Other services do not greet first \
        and are not contacted. Needs no rights. Sources: RFC 4253 section 4.2, RFC 5321 section 3.1, RFC 959 section \
        5.4, RFC 9051 section 7.1, RFC 1939 section 4, the MySQL client/server protocol (HandshakeV10).",
    contacts: Contacts::named(&["addresses", "port"]),
    burden: Burden::of("one connection to each of at most {} addresses, {} where it is silent; sends nothing")
        .counting(&[MOST_ADDRESSES as u64, attempt::CONNECTIONS])
        .and_leaves("the service may log a connection on which nothing was said"),
    codes: &[Code::AppNoGreeting, Code::AppWrongProtocol, Code::AppRefused],
    params: schema_of::<Params>,
    facts: schema_of::<GreetingFacts>,
    accepts: accepts::<Params>,
    run: |look| look.with(run),
};

/// Further addresses of one name are the same service: four show whether all of them are alike.
const MOST_ADDRESSES: usize = 4;
/// A first line is far shorter: 255 bytes for SSH, 512 for SMTP; some servers write a notice before it.
const MOST_BYTES: usize = 1024;
/// What is awaited, as verb and noun.
const GREETING: (&str, &str) = ("greet", "a greeting");
/// Characters of a greeting that are kept.
const BANNER_LIMIT: usize = 100;

/// Arguments of the `greeting` probe.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Params {
    /// IP addresses to connect to, at most four of them.
    addresses: Addresses,
    /// Port.
    #[serde(deserialize_with = "argument::number")]
    port: u16,
    /// What should be spoken: `ssh`, `sftp`, `smtp`, `submission`, `ftp`, `imap`, `pop3` or `mysql`. Others do not
    /// greet first.
    scheme: String,
}

/// Facts of the `greeting` probe, for each address.
#[derive(Debug, Default, Serialize, JsonSchema)]
pub struct GreetingFacts {
    /// IP address.
    address: String,
    /// Port.
    port: u16,
    /// The protocol that is expected.
    expected: &'static str,
    /// The greeting's line, at most 100 characters of it.
    banner: Option<String>,
    /// What came instead of a greeting, at most 100 characters of it.
    first_bytes: Option<String>,
    /// How it ended where nothing came: `timeout`, `closed` or `reset`.
    error: Option<&'static str>,
    /// Whether encryption begins later in this protocol (STARTTLS or its like), so that it was not looked at.
    tls_later: bool,
    /// Connections that were tried.
    attempts: u32,
    /// Milliseconds from the first connection's start to the greeting, or to the end of waiting.
    took_ms: f64,
}

/// A protocol in which the server speaks first.
pub(super) struct Protocol {
    schemes: &'static [&'static str],
    pub(super) name: &'static str,
    /// How a server that serves begins.
    begins: &'static [&'static str],
    /// How one begins that turns the client away.
    refuses: &'static [&'static str],
    /// Whether other lines may come before.
    notice: bool,
    /// Whether servers are known to pause on purpose before they greet, against senders of spam.
    pauses: bool,
}

const PROTOCOLS: &[&Protocol] =
    &[Protocol::SSH, Protocol::SMTP, Protocol::FTP, Protocol::IMAP, Protocol::POP3, Protocol::MYSQL];

impl Protocol {
    const SSH: &'static Protocol = &Protocol {
        schemes: &["ssh", "sftp"],
        name: "SSH",
        begins: &["SSH-"],
        refuses: &["Exceeded MaxStartups", "Not allowed at this time"],
        notice: true,
        pauses: false,
    };
    pub(super) const SMTP: &'static Protocol = &Protocol {
        schemes: &["smtp", "submission"],
        name: "SMTP",
        begins: &["220 ", "220-", "220\r", "220\n"],
        refuses: &["421", "5"],
        notice: false,
        pauses: true,
    };
    const FTP: &'static Protocol = &Protocol {
        schemes: &["ftp"],
        name: "FTP",
        begins: &["220 ", "220-", "120 ", "220\r", "220\n"],
        refuses: &["421", "5"],
        notice: false,
        pauses: false,
    };
    pub(super) const IMAP: &'static Protocol = &Protocol {
        schemes: &["imap"],
        name: "IMAP",
        begins: &["* OK", "* PREAUTH"],
        refuses: &["* BYE"],
        notice: false,
        pauses: false,
    };
    pub(super) const POP3: &'static Protocol = &Protocol {
        schemes: &["pop3"],
        name: "POP3",
        begins: &["+OK"],
        refuses: &["-ERR"],
        notice: false,
        pauses: false,
    };
    /// MySQL and MariaDB greet in a packet: three bytes of length, a sequence number of zero, then the protocol's version
    /// or the mark of an error.
    const MYSQL: &'static Protocol =
        &Protocol { schemes: &["mysql"], name: "MySQL", begins: &[], refuses: &[], notice: false, pauses: false };
}

const MYSQL_HEADER: usize = 4;
const MYSQL_VERSIONS: [u8; 2] = [9, 10];
const MYSQL_ERROR: u8 = 0xff;
/// An error packet's mark and number come before its text.
const MYSQL_ERROR_HEAD: usize = 3;

/// What the bytes are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Spoken {
    Greeting,
    Refusal,
    /// Too little to say.
    Beginning,
    Other,
}

impl Protocol {
    fn of(scheme: &str) -> Option<&'static Protocol> {
        PROTOCOLS.iter().copied().find(|protocol| protocol.schemes.contains(&scheme))
    }

    /// Whether encryption begins only after the greeting, where it does (RFC 3207, 2595, 4217): all but SSH, which has
    /// its own from the next message on.
    fn encrypts_later(&self) -> bool {
        self.name != "SSH"
    }

    fn is_mysql(&self) -> bool {
        self.begins.is_empty()
    }

    pub(super) fn judge(&self, bytes: &[u8]) -> Spoken {
        if self.is_mysql() {
            return mysql(bytes);
        }
        let starts = |line: &[u8], words: &[&str]| words.iter().any(|word| line.starts_with(word.as_bytes()));
        let could = |line: &[u8], words: &[&str]| words.iter().any(|word| word.as_bytes().starts_with(line));
        let lines = bytes.split_inclusive(|byte| *byte == b'\n');
        for line in lines.take(if self.notice { usize::MAX } else { 1 }) {
            if starts(line, self.begins) {
                return Spoken::Greeting;
            }
            if starts(line, self.refuses) && is_reply(line) {
                return Spoken::Refusal;
            }
        }
        if could(bytes, self.begins) || could(bytes, self.refuses) { Spoken::Beginning } else { Spoken::Other }
    }

    /// What a person can read of it.
    pub(super) fn words(&self, bytes: &[u8]) -> String {
        let text = match bytes {
            [_, _, _, _, MYSQL_ERROR, ..] if self.is_mysql() => {
                &bytes[(MYSQL_HEADER + MYSQL_ERROR_HEAD).min(bytes.len())..]
            }
            [_, _, _, _, _, version @ ..] if self.is_mysql() && mysql(bytes) == Spoken::Greeting => {
                version.split(|byte| *byte == 0).next().unwrap_or_default()
            }
            _ => {
                let mut lines = bytes.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty());
                let own = |line: &&[u8]| self.begins.iter().any(|word| line.starts_with(word.as_bytes()));
                let first = lines.clone().next().unwrap_or_default();
                if self.notice { lines.find(own).unwrap_or(first) } else { first }
            }
        };
        printable(text, BANNER_LIMIT)
    }
}

/// Whether a line that begins with a digit begins with a code of three of them.
fn is_reply(line: &[u8]) -> bool {
    let digits = line.iter().take_while(|byte| byte.is_ascii_digit()).count();
    digits == 0 || digits == 3
}

fn mysql(bytes: &[u8]) -> Spoken {
    match bytes {
        [_, _, _, 0, version, ..] if MYSQL_VERSIONS.contains(version) => Spoken::Greeting,
        [_, _, _, 0, MYSQL_ERROR, ..] => Spoken::Refusal,
        [_, _, _, 0] => Spoken::Beginning,
        _ if bytes.len() < MYSQL_HEADER => Spoken::Beginning,
        _ => Spoken::Other,
    }
}

async fn run(look: &Look<'_>, params: Params) -> Vec<Observation> {
    let Some(protocol) = Protocol::of(&params.scheme.to_ascii_lowercase()) else {
        let scheme = printable(params.scheme.as_bytes(), BANNER_LIMIT);
        return vec![look.ok(None, format!("{} does not greet first", if scheme.is_empty() { "it" } else { &scheme }))];
    };
    let addresses = params.addresses.each();
    if addresses.is_empty() {
        return vec![look.unknown(None, "there is no address to connect to")];
    }
    let looks = addresses.into_iter().take(MOST_ADDRESSES).map(|address| async {
        match address {
            Ok(address) => one(look, protocol, SocketAddr::new(address, params.port)).await,
            Err(text) => look.unknown(Some(&text), "it is not an IP address"),
        }
    });
    join_all(looks).await
}

async fn one(look: &Look<'_>, protocol: &'static Protocol, to: SocketAddr) -> Observation {
    let talk = |mut stream, end| async move {
        dialogue::listen(&mut stream, end, MOST_BYTES, |bytes| wants(protocol, bytes)).await
    };
    let doubt = |failure: &Failure, made, took| {
        let facts = facts(protocol, to, made, took, Some(failure));
        let summary = format!("{to} accepts the connection and {} so far", silence(failure, GREETING));
        (look.emit)(look.problem(Some(&to.to_string()), Code::AppNoGreeting, summary).facts(&facts).suspected());
    };
    let Dialogue { attempts, unreached, via } = dialogue::hold(look, to, talk, doubt).await;
    match unreached {
        // Why a connection did not come about is the business of the `tcp` probe.
        Some(failure) => {
            let facts = facts(protocol, to, attempts.made, attempts.took, Some(&failure));
            look.unknown(Some(&to.to_string()), &format!("there is no connection: {failure}")).facts(&facts).via(via)
        }
        None => conclude(look, protocol, to, &attempts).via(via),
    }
}

fn conclude(look: &Look<'_>, protocol: &Protocol, to: SocketAddr, attempts: &Attempts<Vec<u8>>) -> Observation {
    let (subject, name) = (to.to_string(), protocol.name);
    let Some(bytes) = attempts.answers.first() else {
        let failure = attempts.failure();
        let facts = facts(protocol, to, attempts.made, attempts.took, Some(&failure));
        if !is_mute(&failure) {
            return look.unknown(Some(&subject), &format!("the greeting cannot be read: {failure}")).facts(&facts);
        }
        let summary = format!(
            "{subject} accepts the connection and {}, where {name} servers speak first ({} in {:.1} s)",
            silence(&failure, GREETING),
            counted(attempts.made, "attempt"),
            attempts.took.as_secs_f64()
        );
        let mut observation = look.problem(Some(&subject), Code::AppNoGreeting, summary).facts(&facts);
        if !attempts.certain || (protocol.pauses && failure == Failure::Timeout) {
            observation.certainty = Some(Certainty::Suspected);
        }
        return observation;
    };
    let mut facts = facts(protocol, to, attempts.made, attempts.took, None);
    let words = protocol.words(bytes);
    match protocol.judge(bytes) {
        Spoken::Greeting => {
            let summary = format!("{subject} greets with \"{words}\" in {:.1} ms", facts.took_ms);
            facts.banner = Some(words);
            look.ok(Some(&subject), summary).facts(&facts)
        }
        Spoken::Refusal => {
            let summary = format!("{subject} speaks {name} and turns the client away: \"{words}\"");
            facts.banner = Some(words);
            look.problem(Some(&subject), Code::AppRefused, summary).facts(&facts)
        }
        Spoken::Beginning | Spoken::Other => {
            let summary = format!("{subject} does not speak {name}: it begins with \"{words}\"");
            facts.first_bytes = Some(words);
            look.problem(Some(&subject), Code::AppWrongProtocol, summary).facts(&facts)
        }
    }
}

fn facts(
    protocol: &Protocol,
    to: SocketAddr,
    attempts: u32,
    took: Duration,
    failure: Option<&Failure>,
) -> GreetingFacts {
    GreetingFacts {
        address: to.ip().to_string(),
        port: to.port(),
        expected: protocol.name,
        error: failure.map(Failure::word),
        tls_later: protocol.encrypts_later(),
        attempts,
        took_ms: milliseconds(took),
        ..GreetingFacts::default()
    }
}

/// What is still to come: a few bytes that fit so far are waited on like none at all.
fn wants(protocol: &Protocol, bytes: &[u8]) -> Wants {
    if protocol.judge(bytes) == Spoken::Beginning {
        Wants::More
    } else if is_whole(protocol, bytes) {
        Wants::Nothing
    } else {
        Wants::Rest
    }
}

/// Whether nothing that may follow changes what it is.
fn is_whole(protocol: &Protocol, bytes: &[u8]) -> bool {
    let spoken = protocol.judge(bytes);
    let ended = bytes.contains(&b'\n');
    match spoken {
        Spoken::Beginning => false,
        Spoken::Greeting if protocol.is_mysql() => bytes[MYSQL_HEADER + 1..].contains(&0),
        Spoken::Greeting => bytes.ends_with(b"\n") || (ended && !protocol.notice),
        Spoken::Refusal if protocol.is_mysql() => false,
        Spoken::Refusal => ended,
        Spoken::Other => ended && !protocol.notice,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observation::Outcome;
    use crate::probe::testing::loopback::{Loopback, answers, look, look_for, serve, world};
    use crate::sys::ProxySettings;
    use serde_json::json;
    use tokio::io::AsyncWriteExt;
    use tokio::net::TcpStream;
    use tokio::time::Instant;

    fn arguments(to: SocketAddr, scheme: &str) -> serde_json::Value {
        json!({ "addresses": [to.ip().to_string()], "port": to.port(), "scheme": scheme })
    }

    async fn greeted<F>(scheme: &str, serves: impl Fn(TcpStream) -> F + Send + 'static) -> Observation
    where
        F: std::future::Future<Output = ()> + Send + 'static,
    {
        let served = serve(serves).await;
        let world = world(Loopback::default(), ProxySettings::default());
        let (mut seen, _) = look(&PROBE, &world, arguments(served.address, scheme)).await;
        assert_eq!(seen.len(), 1);
        seen.remove(0)
    }

    async fn says(mut stream: TcpStream, bytes: &[u8]) {
        let _ = stream.write_all(bytes).await;
        tokio::time::sleep(Duration::from_secs(60)).await;
    }

    #[tokio::test]
    async fn good_greetings_are_ok() {
        let cases: [(&str, &[u8], &str); 9] = [
            ("ssh", b"SSH-2.0-OpenSSH_9.9\r\n", "SSH-2.0-OpenSSH_9.9"),
            ("sftp", b"Property of ACME\r\nSSH-2.0-x\r\n", "SSH-2.0-x"),
            ("smtp", b"220-mail ESMTP\r\n220 go\r\n", "220-mail ESMTP"),
            ("submission", b"220 mail\n", "220 mail"),
            ("ftp", b"220 ready\r\n", "220 ready"),
            ("imap", b"* OK [CAPABILITY IMAP4rev1] ready\r\n", "* OK [CAPABILITY IMAP4rev1] ready"),
            ("pop3", b"+OK\r\n", "+OK"),
            ("pop3", b"+OK without an end", "+OK without an end"),
            ("mysql", b"\x4a\0\0\0\x0a8.4.0\0\x01\x02\x03\x04rest", "8.4.0"),
        ];
        for (scheme, bytes, banner) in cases {
            let seen = greeted(scheme, move |stream| says(stream, bytes)).await;
            assert_eq!(seen.outcome, Outcome::Ok, "{seen:#?}");
            assert_eq!(seen.facts["banner"], banner);
            assert!(seen.via.peer.is_some());
            assert!(seen.facts["took_ms"].as_f64().unwrap() < 1_200.0, "{seen:#?}");
        }
    }

    #[tokio::test]
    async fn other_protocols_are_named_soon() {
        let cases: [(&str, &[u8], &str); 6] = [
            ("ssh", b"HTTP/1.1 400 Bad Request\r\n\r\n", "HTTP/1.1 400 Bad Request"),
            ("smtp", b"SSH-2.0-OpenSSH_9.9\r\n", "SSH-2.0-OpenSSH_9.9"),
            ("imap", b"+OK POP3 here\r\n", "+OK POP3 here"),
            ("ftp", b"5G router\r\n", "5G router"),
            ("mysql", b"SSH-2.0-x\r\n", "SSH-2.0-x"),
            ("smtp", b"\x1b[2J\x07\0\x15\x03\r\n", "[2J"),
        ];
        for (scheme, bytes, first) in cases {
            let seen = greeted(scheme, move |stream| says(stream, bytes)).await;
            assert_eq!((seen.code, seen.certainty), (Some(Code::AppWrongProtocol), Some(Certainty::Confirmed)));
            assert_eq!(seen.facts["first_bytes"].as_str().unwrap().trim(), first, "{seen:#?}");
            assert!(!seen.summary.chars().any(char::is_control), "{seen:#?}");
            assert!(seen.facts["took_ms"].as_f64().unwrap() < 1_200.0, "{seen:#?}");
        }
    }

    #[tokio::test]
    async fn being_turned_away_is_its_own_problem() {
        let cases: [(&str, &[u8]); 5] = [
            ("smtp", b"554 5.7.1 your address is blocked\r\n"),
            ("ftp", b"421 too many connections\r\n"),
            ("imap", b"* BYE too busy\r\n"),
            ("pop3", b"-ERR go away\r\n"),
            ("mysql", b"\x2a\0\0\0\xff\x69\x04Host '10.0.0.5' is blocked"),
        ];
        for (scheme, bytes) in cases {
            let seen = greeted(scheme, move |stream| says(stream, bytes)).await;
            assert_eq!(seen.code, Some(Code::AppRefused), "{seen:#?}");
        }
    }

    #[tokio::test]
    async fn silence_is_suspected_and_then_confirmed() {
        let served = serve(|stream| says(stream, b"")).await;
        let world = world(Loopback::default(), ProxySettings::default());
        let start = Instant::now();
        let (seen, emitted) = look(&PROBE, &world, arguments(served.address, "ssh")).await;
        assert!(start.elapsed() < Duration::from_millis(3_300));
        assert_eq!((seen[0].code, seen[0].certainty), (Some(Code::AppNoGreeting), Some(Certainty::Confirmed)));
        assert_eq!(seen[0].facts["error"], "timeout");
        assert_eq!(emitted.len(), 1);
        assert_eq!((&emitted[0].id, emitted[0].certainty), (&seen[0].id, Some(Certainty::Suspected)));
        assert!((1_350.0..1_900.0).contains(&emitted[0].facts["took_ms"].as_f64().unwrap()));
        // A mail server may be waiting for spammers to lose their patience.
        let (seen, _) = look(&PROBE, &world, arguments(served.address, "smtp")).await;
        assert_eq!(seen[0].certainty, Some(Certainty::Suspected));
        // A deadline that is nearer gives a suspicion.
        let wait = Duration::from_millis(800);
        let (seen, _) = look_for(&PROBE, &world, arguments(served.address, "ssh"), wait).await;
        assert_eq!((seen[0].code, seen[0].certainty), (Some(Code::AppNoGreeting), Some(Certainty::Suspected)));
    }

    #[tokio::test]
    async fn a_closed_connection_is_no_greeting_either() {
        let start = Instant::now();
        let seen = greeted("ssh", |stream| async move { drop(stream) }).await;
        assert_eq!((seen.code, seen.certainty), (Some(Code::AppNoGreeting), Some(Certainty::Confirmed)), "{seen:#?}");
        assert!(start.elapsed() < Duration::from_secs(1));
        let seen = greeted("ssh", answers(b"")).await;
        assert_eq!(seen.code, Some(Code::AppNoGreeting));
    }

    #[tokio::test]
    async fn endless_bytes_end() {
        let start = Instant::now();
        for scheme in ["ssh", "smtp", "mysql"] {
            let seen =
                greeted(scheme, |mut stream| async move { while stream.write_all(&[b'x'; 4096]).await.is_ok() {} });
            let seen = seen.await;
            assert_eq!(seen.code, Some(Code::AppWrongProtocol));
            assert_eq!(seen.facts["first_bytes"].as_str().unwrap().len(), BANNER_LIMIT);
        }
        let seen = greeted("ssh", |mut stream| async move {
            while stream.write_all(b"\n").await.is_ok() {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        });
        assert_eq!(seen.await.code, Some(Code::AppWrongProtocol));
        assert!(start.elapsed() < Duration::from_secs(5));
    }

    #[tokio::test]
    async fn what_cannot_be_tried_is_unknown_and_what_does_not_greet_is_left_alone() {
        let world = world(Loopback::default(), ProxySettings::default());
        let closed: SocketAddr = "127.0.0.1:1".parse().unwrap();
        let (seen, emitted) = look(&PROBE, &world, arguments(closed, "ssh")).await;
        assert_eq!(seen[0].outcome, Outcome::Unknown);
        assert!(emitted.is_empty());
        let (seen, _) = look(&PROBE, &world, json!({ "scheme": "ssh", "port": 22 })).await;
        assert_eq!(seen[0].outcome, Outcome::Unknown);
        let (seen, _) = look(&PROBE, &world, json!({ "scheme": "ssh", "port": 22, "addresses": ["x"] })).await;
        assert_eq!(seen[0].outcome, Outcome::Unknown);
        let (seen, _) = look(&PROBE, &world, arguments(closed, "postgres")).await;
        assert_eq!((seen[0].outcome, seen[0].summary.as_str()), (Outcome::Ok, "postgres does not greet first"));
    }

    #[tokio::test]
    async fn at_most_four_addresses() {
        let world = world(Loopback::default(), ProxySettings::default());
        let addresses: Vec<String> = (1..9).map(|last| format!("127.0.0.{last}")).collect();
        let (seen, _) = look(&PROBE, &world, json!({ "addresses": addresses, "port": 1, "scheme": "ftp" })).await;
        assert_eq!(seen.len(), MOST_ADDRESSES);
    }
}
