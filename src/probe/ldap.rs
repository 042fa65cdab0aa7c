//! Directories: whether one answers, what it says about itself to anybody, and what time it has.

mod message;

use super::argument::{self, Addresses};
use super::attempt;
use super::dialogue::{self, Course, Wants};
use super::way::connect::again;
use super::way::handshake::{Wish, shake};
use super::way::trust::Trust;
use super::{Burden, Contacts, Cost, Look, Probe, accepts, schema_of};
use crate::layer::Layer;
use crate::observation::Observation;
use crate::problem::Code;
use crate::world::{Failure, Stream};
use jiff::Timestamp;
use message::{Answer, RootEntry};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// The probe.
pub const PROBE: Probe = Probe {
    name: "ldap",
    layer: Layer::Application,
    cost: Cost::Network,
    summary: "asks a directory for its root entry, which every directory shows to everybody",
    about: "Connects to each address, encrypted from the start for `ldaps`, and asks for the root entry (the name of \
        the directory, its kinds of sign-in, its time) without signing in; then says good-bye. No person and no entry \
        of the directory is named. Encryption that fails is the business of the `tls` probe: then the answer is \
        unknown. Silence is suspected after three connections 200 ms apart (1.4 s) and confirmed by a fourth (3.2 s). \
        Needs no rights. Sources: RFC 4511 sections 4.1.9, 4.5 and 4.4.1, RFC 4512 section 5.1, MS-ADTS section \
        3.1.1.3.2.",
    contacts: Contacts::named(&["addresses", "port"]),
    burden: Burden::of(
        "one connection and one question to each address, {} connections where it is silent; reads at most {} KiB",
    )
    .counting(&[attempt::CONNECTIONS, MOST_BYTES as u64 / 1024])
    .and_leaves("a question without a sign-in in the directory's log"),
    codes: &[Code::AppNoAnswer, Code::AppWrongProtocol, Code::AppRefused],
    params: schema_of::<Params>,
    facts: schema_of::<LdapFacts>,
    accepts: accepts::<Params>,
    run: |look| look.with(|look, params| run(look, params, None)),
};

/// A root entry with everything that is asked for has a few kilobytes.
const MOST_BYTES: usize = 64 * 1024;

/// Arguments of the `ldap` probe.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Params {
    /// Name of the server, which its certificate must be for.
    host: String,
    /// IP addresses of the server.
    addresses: Addresses,
    /// Port.
    #[serde(deserialize_with = "argument::number")]
    port: u16,
    /// `ldap`, or `ldaps` where encryption comes first.
    scheme: String,
}

impl Default for Params {
    fn default() -> Self {
        Params { host: String::new(), addresses: Addresses::default(), port: 389, scheme: "ldap".to_owned() }
    }
}

/// Facts of the `ldap` probe, for each address.
#[derive(Debug, Clone, Default, Serialize, JsonSchema)]
pub struct LdapFacts {
    #[serde(flatten)]
    course: Course,
    /// What the directory is about, such as `DC=corp,DC=example`.
    directory: Option<String>,
    /// The server's own name for itself.
    server: Option<String>,
    /// Kinds of sign-in on offer (SASL mechanisms).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    sign_in: Vec<String>,
    /// Whether the server says that it has caught up with the others of its domain.
    caught_up: Option<bool>,
    /// Seconds that this machine's clock is behind the server's; negative where it is ahead.
    clock_offset_s: Option<i64>,
    /// The result as a word: `success`, `busy`, `unavailable`, `unwilling`, `encryption_wanted`, `not_allowed` ...
    result: Option<&'static str>,
    /// What the server says about it.
    message: Option<String>,
}

async fn run(look: &Look<'_>, params: Params, trust: Option<Arc<Trust>>) -> Vec<Observation> {
    let trust = match (params.scheme.eq_ignore_ascii_case("ldaps"), trust) {
        (false, _) => None,
        (true, Some(trust)) => Some(trust),
        (true, None) => Some(Trust::of_this_machine().await),
    };
    let one = |address: IpAddr| one(look, &params.host, SocketAddr::new(address, params.port), trust.as_ref());
    argument::each_address(look, &params.addresses, one).await
}

async fn one(look: &Look<'_>, host: &str, to: SocketAddr, trust: Option<&Arc<Trust>>) -> Observation {
    let question = message::question();
    let talk = |stream: Box<dyn Stream>, end| {
        let question = &question;
        async move {
            let mut stream = match trust {
                Some(trust) => encrypted(look, stream, host, to, trust, end).await?,
                None => stream,
            };
            dialogue::ask(&mut stream, question, end, MOST_BYTES, wants).await
        }
    };
    let doubt = |failure: &Failure, _, _| (look.emit)(dialogue::doubted(look, to, failure));
    let dialogue = dialogue::hold(look, to, talk, doubt).await;
    let mut facts = LdapFacts { course: dialogue.course(to), ..LdapFacts::default() };
    let observation = match dialogue.attempts.answers.first() {
        Some(bytes) => conclude(look, to, bytes, &mut facts),
        None => dialogue.unanswered(look, to, "its root entry"),
    };
    observation.facts(&facts).via(dialogue.via)
}

async fn encrypted(
    look: &Look<'_>,
    stream: Box<dyn Stream>,
    host: &str,
    to: SocketAddr,
    trust: &Arc<Trust>,
    end: Instant,
) -> Result<Box<dyn Stream>, Failure> {
    let host = if host.is_empty() { to.ip().to_string() } else { host.to_owned() };
    let wish = Wish {
        host: &host,
        alpn: &[],
        trust,
        clock_offset_ms: None,
        round_trip: Duration::ZERO,
        until: end,
        asks: true,
    };
    let shaken = shake(stream, &again(look.world.network.as_ref(), to), &wish, &|_| {}).await;
    shaken.result.map_err(|trouble| Failure::Other(trouble.summary))
}

/// The answer is whole when the message that ends a search has come.
fn wants(bytes: &[u8]) -> Wants {
    if message::is_whole(bytes) {
        Wants::Nothing
    } else if message::may_begin(bytes) {
        Wants::More
    } else {
        Wants::Rest
    }
}

fn conclude(look: &Look<'_>, to: SocketAddr, bytes: &[u8], facts: &mut LdapFacts) -> Observation {
    let subject = to.to_string();
    let (entry, result) = match message::read(bytes) {
        Answer::Done { entry, result, message } => {
            facts.message = message;
            (entry, result)
        }
        Answer::Other => {
            return facts.course.foreign(look, &subject, "LDAP", bytes);
        }
    };
    let word = message::word(result);
    facts.result = Some(word);
    let said = facts.message.as_ref().map(|message| format!(": \"{message}\"")).unwrap_or_default();
    match word {
        "success" => {}
        // It lives and wants to be spoken to otherwise; people who sign in do so.
        "encryption_wanted" | "sign_in_wanted" => {
            return look
                .ok(Some(&subject), format!("{subject} speaks LDAP and answers only after more ({word}){said}"));
        }
        _ => {
            let summary = format!("{subject} speaks LDAP and turns the question down ({word}){said}");
            return look.problem(Some(&subject), Code::AppRefused, summary);
        }
    }
    describe(facts, entry);
    let about = facts.directory.as_ref().map(|directory| format!(" for {directory}")).unwrap_or_default();
    look.ok(Some(&subject), format!("{subject} is a directory{about}, answered in {:.1} ms", facts.course.took_ms))
}

fn describe(facts: &mut LdapFacts, entry: RootEntry) {
    facts.directory = entry.directory;
    facts.server = entry.server;
    facts.sign_in = entry.sign_in;
    facts.caught_up = entry.caught_up;
    facts.clock_offset_s = entry.time.as_deref().and_then(seconds_ahead);
}

/// Seconds by which the server's clock is ahead of this machine's; `20261122070000.0Z`.
fn seconds_ahead(time: &str) -> Option<i64> {
    let whole = time.get(..14)?;
    let there = jiff::civil::DateTime::strptime("%Y%m%d%H%M%S", whole).ok()?;
    let there = there.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp();
    Some(there.as_second() - Timestamp::now().as_second())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observation::{Certainty, Outcome};
    use crate::probe::testing::loopback::{Loopback, look, serve, world};
    use crate::sys::ProxySettings;
    use serde_json::json;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    async fn asked(answer: Vec<u8>, hold: bool) -> (Observation, Vec<Observation>) {
        let served = serve(move |mut stream| {
            let answer = answer.clone();
            async move {
                let mut question = [0; 1024];
                if stream.read(&mut question).await.is_ok_and(|count| count > 0) {
                    let _ = stream.write_all(&answer).await;
                    if hold {
                        tokio::time::sleep(Duration::from_secs(60)).await;
                    }
                }
            }
        })
        .await;
        let world = world(Loopback::default(), ProxySettings::default());
        let args = json!({ "addresses": [served.address.ip().to_string()], "port": served.address.port() });
        let (mut seen, emitted) = look(&PROBE, &world, args).await;
        (seen.remove(0), emitted)
    }

    #[tokio::test]
    async fn a_directory_says_what_it_is() {
        let time = (Timestamp::now() + jiff::SignedDuration::from_secs(60)).strftime("%Y%m%d%H%M%S.0Z").to_string();
        let (seen, _) = asked(message::tests::root_entry(&time), true).await;
        assert_eq!(seen.outcome, Outcome::Ok, "{seen:#?}");
        assert_eq!((&seen.facts["directory"], &seen.facts["result"]), (&json!("DC=corp,DC=test"), &json!("success")));
        assert_eq!((&seen.facts["sign_in"], &seen.facts["caught_up"]), (&json!(["GSSAPI", "EXTERNAL"]), &json!(true)));
        assert!((55..=61).contains(&seen.facts["clock_offset_s"].as_i64().unwrap()), "{seen:#?}");
        let (seen, _) = asked(message::tests::done(13, ""), true).await;
        assert_eq!((seen.outcome, &seen.facts["result"]), (Outcome::Ok, &json!("encryption_wanted")));
    }

    #[tokio::test]
    async fn what_a_directory_says_against_it_is_named() {
        for (result, word) in [(51, "busy"), (52, "unavailable"), (53, "unwilling"), (50, "not_allowed")] {
            let (seen, _) = asked(message::tests::done(result, "not now"), true).await;
            assert_eq!((seen.code, &seen.facts["result"]), (Some(Code::AppRefused), &json!(word)), "{seen:#?}");
            assert!(seen.summary.contains("not now"));
        }
        let (seen, _) = asked(b"SSH-2.0-OpenSSH_9.9\r\n".to_vec(), true).await;
        assert_eq!(seen.code, Some(Code::AppWrongProtocol));
    }

    #[tokio::test]
    async fn silence_and_hanging_up_are_told_apart_from_no_connection() {
        let (seen, _) = asked(Vec::new(), false).await;
        assert_eq!((seen.code, seen.certainty), (Some(Code::AppNoAnswer), Some(Certainty::Confirmed)));
        let (seen, emitted) = asked(Vec::new(), true).await;
        assert_eq!((seen.code, &seen.facts["error"]), (Some(Code::AppNoAnswer), &json!("timeout")));
        assert_eq!(emitted[0].certainty, Some(Certainty::Suspected));
        let world = world(Loopback::default(), ProxySettings::default());
        let (seen, _) = look(&PROBE, &world, json!({ "addresses": ["127.0.0.1"], "port": 1 })).await;
        assert_eq!(seen[0].outcome, Outcome::Unknown);
    }
}
