//! Kerberos: whether a key distribution centre answers, whether it serves the realm, and whether this machine's clock
//! would be accepted.

mod message;

use super::argument::{self, Addresses};
use super::attempt;
use super::dialogue::{self, Course, Wants};
use super::way::bounded;
use super::{Burden, Contacts, Cost, Look, Probe, accepts, schema_of};
use crate::layer::Layer;
use crate::observation::Observation;
use crate::problem::Code;
use crate::world::{Dial, Failure};
use futures_util::future::join;
use jiff::Timestamp;
use message::{Answer, KdcError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::net::{IpAddr, SocketAddr};

/// The probe.
pub const PROBE: Probe = Probe {
    name: "kerberos",
    layer: Layer::Application,
    cost: Cost::Network,
    summary: "asks a Kerberos server whether it serves a realm, and what time it has",
    about: "Sends each address a request for a ticket for nobody in particular (the anonymous principal), without any \
        proof, over TCP and beside it over UDP. The error that comes back tells that the server lives, whether it \
        serves the realm, and its time; where that differs from this machine's by more than five minutes, every \
        sign-in would be refused. No account is named, tried or locked. Some servers say that the client is unknown \
        before they look at the realm: then it is left open whether they serve it. Silence is suspected after three \
        connections 200 ms apart (1.4 s) and confirmed by a fourth (3.2 s). Needs no rights. Sources: RFC 4120 \
        sections 3.1, 5.4, 5.9.1, 7.2 and 7.5.9, RFC 8062.",
    contacts: Contacts::named(&["addresses", "port"]),
    burden: Burden::of("one request to each address over TCP and one over UDP, {} connections where it is silent; reads at most {} KiB").counting(&[attempt::CONNECTIONS, MOST_BYTES as u64 / 1024]).and_leaves("a refused request without a name in the server's log"),
    codes: &[Code::AppNoAnswer, Code::AppWrongProtocol, Code::AppRefused, Code::AppUnknownName, Code::HostClockOff],
    params: schema_of::<Params>,
    facts: schema_of::<KerberosFacts>,
    accepts: accepts::<Params>,
    run: |look| look.with(run),
};

/// An error is some hundred bytes, a ticket a few thousand.
const MOST_BYTES: usize = 16 * 1024;
/// What the clocks may differ by, unless an administrator set it otherwise (RFC 4120 section 5.5.1 and common practice).
const SKEW_S: u64 = 300;

/// Arguments of the `kerberos` probe.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Params {
    /// IP addresses of the server.
    addresses: Addresses,
    /// Port.
    #[serde(deserialize_with = "argument::number")]
    port: u16,
    /// The realm; domains have it in capital letters.
    realm: String,
}

impl Default for Params {
    fn default() -> Self {
        Params { addresses: Addresses::default(), port: 88, realm: String::new() }
    }
}

/// Facts of the `kerberos` probe, for each address.
#[derive(Debug, Clone, Default, Serialize, JsonSchema)]
pub struct KerberosFacts {
    #[serde(flatten)]
    course: Course,
    /// The realm that was asked for.
    realm: String,
    /// The realm that the server speaks for, where it says so.
    server_realm: Option<String>,
    /// The error's number, which is how a question without a proof is answered rightly (RFC 4120 section 7.5.9).
    error_code: Option<i64>,
    /// The same as a word: `preauth_required`, `client_unknown`, `wrong_realm` ...
    answer: Option<&'static str>,
    /// Whether it serves the realm; absent where its answer leaves that open.
    serves_realm: Option<bool>,
    /// Seconds that this machine's clock is behind the server's; negative where it is ahead.
    clock_offset_s: Option<i64>,
    /// What the same question over UDP came to: `answered`, `silent`, `closed` or `failed`.
    udp: Option<&'static str>,
}

async fn run(look: &Look<'_>, params: Params) -> Vec<Observation> {
    let realm = params.realm.trim().trim_end_matches('.').to_ascii_uppercase();
    if realm.is_empty() || !realm.is_ascii() || realm.len() > LONGEST_REALM {
        return vec![look.unknown(None, "no realm was given that could be asked for")];
    }
    let one = |address: IpAddr| one(look, SocketAddr::new(address, params.port), &realm);
    argument::each_address(look, &params.addresses, one).await
}

/// Realms are names of domains (RFC 1035 section 2.3.4).
const LONGEST_REALM: usize = 253;

async fn one(look: &Look<'_>, to: SocketAddr, realm: &str) -> Observation {
    let question = message::question(realm, rand::random());
    let framed = message::framed(&question);
    let talk = |mut stream, end| {
        let framed = &framed;
        async move { dialogue::ask(&mut stream, framed, end, MOST_BYTES, wants).await }
    };
    let doubt = |failure: &Failure, _, _| (look.emit)(dialogue::doubted(look, to, failure));
    let (dialogue, udp) = join(dialogue::hold(look, to, talk, doubt), by_datagram(look, to, &question)).await;
    let mut facts = KerberosFacts {
        course: dialogue.course(to),
        realm: bounded(realm),
        udp: Some(udp),
        ..KerberosFacts::default()
    };
    let observation = match dialogue.attempts.answers.first() {
        Some(bytes) => conclude(look, to, bytes, &mut facts),
        None => dialogue.unanswered(look, to, &format!("a ticket of {realm}")),
    };
    observation.facts(&facts).via(dialogue.via)
}

fn wants(bytes: &[u8]) -> Wants {
    match message::announced(bytes, MOST_BYTES) {
        Some(length) if bytes.len() >= length => Wants::Nothing,
        Some(_) => Wants::More,
        None if bytes.len() < 4 => Wants::More,
        None => Wants::Rest,
    }
}

async fn by_datagram(look: &Look<'_>, to: SocketAddr, question: &[u8]) -> &'static str {
    let ask = |wait| async move { look.world.network.exchange(to, question, &Dial::within(wait)).await };
    let attempts = attempt::persist(1, look.deadline, ask, |_, _| {}, || false).await;
    match (attempts.answers.first(), attempts.failure()) {
        (Some(reply), _) if message::read(&reply.bytes) != Answer::Other => "answered",
        (None, Failure::Timeout) => "silent",
        (None, Failure::Refused) => "closed",
        _ => "failed",
    }
}

fn conclude(look: &Look<'_>, to: SocketAddr, bytes: &[u8], facts: &mut KerberosFacts) -> Observation {
    let subject = to.to_string();
    match message::read(bytes.get(4..).unwrap_or_default()) {
        Answer::Error(error) => judge(look, &subject, &error, facts),
        Answer::Ticket => {
            facts.serves_realm = Some(true);
            look.ok(
                Some(&subject),
                format!("{subject} serves the realm {} in {:.1} ms", facts.realm, facts.course.took_ms),
            )
        }
        Answer::Other => facts.course.foreign(look, &subject, "Kerberos", bytes),
    }
}

fn judge(look: &Look<'_>, subject: &str, error: &KdcError, facts: &mut KerberosFacts) -> Observation {
    let word = message::word(error.code);
    facts.error_code = Some(error.code);
    facts.answer = Some(word);
    facts.server_realm = error.realm.clone();
    facts.clock_offset_s = error.time.as_deref().and_then(seconds_ahead);
    facts.serves_realm = match word {
        "wrong_realm" | "server_unknown" => Some(false),
        "preauth_required" | "preauth_failed" | "client_revoked" | "encryption_unsupported" | "policy" => Some(true),
        _ => None,
    };
    if facts.serves_realm == Some(false) {
        let summary = format!("{subject} does not serve the realm {} ({word})", facts.realm);
        return look.problem(Some(subject), Code::AppUnknownName, summary);
    }
    if let Some(offset) = facts.clock_offset_s.filter(|offset| offset.unsigned_abs() > SKEW_S) {
        let side = if offset > 0 { "behind" } else { "ahead of" };
        let apart = offset.unsigned_abs();
        let summary =
            format!("this machine's clock is {apart} s {side} that of {subject}, which refuses every sign-in");
        return look.problem(Some(subject), Code::HostClockOff, summary);
    }
    if word == "generic" || error.code == BUSY {
        let summary = format!("{subject} speaks Kerberos and fails ({word}, {})", error.code);
        return look.problem(Some(subject), Code::AppRefused, summary);
    }
    let what = if facts.serves_realm == Some(true) { "serves the realm" } else { "answers for the realm" };
    look.ok(Some(subject), format!("{subject} {what} {} ({word}) in {:.1} ms", facts.realm, facts.course.took_ms))
}

/// "A service is not available" (RFC 4120 section 7.5.9).
const BUSY: i64 = 29;

/// Seconds by which the server's clock is ahead of this machine's.
fn seconds_ahead(time: &str) -> Option<i64> {
    let there = jiff::civil::DateTime::strptime("%Y%m%d%H%M%SZ", time).ok()?;
    let there: Timestamp = there.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp();
    Some(there.as_second() - Timestamp::now().as_second())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observation::{Certainty, Outcome};
    use crate::probe::testing::loopback::{Loopback, look, serve, world};
    use crate::sys::ProxySettings;
    use serde_json::{Value, json};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    /// The time so many seconds from now, as Kerberos writes it.
    fn time(ahead_s: i64) -> String {
        let time = Timestamp::now() + jiff::SignedDuration::from_secs(ahead_s);
        time.strftime("%Y%m%d%H%M%SZ").to_string()
    }

    async fn asked(answer: Vec<u8>) -> (Observation, Vec<Observation>) {
        let served = serve(move |mut stream| {
            let answer = answer.clone();
            async move {
                let mut question = [0; 1024];
                if stream.read(&mut question).await.is_ok_and(|count| count > 0) {
                    let _ = stream.write_all(&answer).await;
                    tokio::time::sleep(std::time::Duration::from_secs(60)).await;
                }
            }
        })
        .await;
        let world = world(Loopback::default(), ProxySettings::default());
        let (ip, port) = (served.address.ip().to_string(), served.address.port());
        let args = json!({ "addresses": [ip], "port": port, "realm": "corp.test" });
        let (mut seen, emitted) = look(&PROBE, &world, args).await;
        (seen.remove(0), emitted)
    }

    async fn error(code: u32, ahead_s: i64) -> Observation {
        asked(message::framed(&message::tests::error_message(code, &time(ahead_s)))).await.0
    }

    #[tokio::test]
    async fn an_error_is_the_right_answer() {
        let seen = error(25, 0).await;
        assert_eq!(seen.outcome, Outcome::Ok, "{seen:#?}");
        assert_eq!((&seen.facts["answer"], &seen.facts["serves_realm"]), (&json!("preauth_required"), &json!(true)));
        assert_eq!((&seen.facts["realm"], &seen.facts["udp"]), (&json!("CORP.TEST"), &json!("silent")));
        let seen = error(6, 100).await;
        assert_eq!((seen.outcome, seen.facts.get("serves_realm")), (Outcome::Ok, None::<&Value>), "{seen:#?}");
    }

    #[tokio::test]
    async fn another_realm_and_another_time_are_problems() {
        assert_eq!(error(68, 0).await.code, Some(Code::AppUnknownName));
        assert_eq!(error(7, 0).await.code, Some(Code::AppUnknownName));
        for (ahead_s, side) in [(900, "behind"), (-900, "ahead of")] {
            let seen = error(25, ahead_s).await;
            assert_eq!((seen.code, seen.layer), (Some(Code::HostClockOff), Layer::Host), "{seen:#?}");
            assert!(seen.summary.contains(side), "{}", seen.summary);
        }
        assert_eq!(error(60, 0).await.code, Some(Code::AppRefused));
    }

    #[tokio::test]
    async fn what_is_no_kerberos_is_named() {
        assert_eq!(asked(b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec()).await.0.code, Some(Code::AppWrongProtocol));
        let (seen, emitted) = asked(Vec::new()).await;
        assert_eq!((seen.code, seen.certainty), (Some(Code::AppNoAnswer), Some(Certainty::Confirmed)));
        assert_eq!(emitted[0].certainty, Some(Certainty::Suspected));
        let world = world(Loopback::default(), ProxySettings::default());
        for args in
            [json!({ "addresses": ["127.0.0.1"], "port": 1, "realm": "x" }), json!({ "addresses": ["127.0.0.1"] })]
        {
            assert_eq!(look(&PROBE, &world, args).await.0[0].outcome, Outcome::Unknown);
        }
        assert_eq!(seconds_ahead("yesterday"), None);
    }
}
