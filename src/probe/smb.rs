//! File servers: which version of SMB they speak, how they want to be signed in to, and what their clock says, by the
//! negotiation with which every client begins.

mod message;

use super::argument::{self, Addresses};
use super::attempt;
use super::dialogue::{self, Course, Dialogue, Wants};
use super::way::said;
use super::{Burden, Contacts, Cost, Look, Probe, accepts, schema_of};
use crate::layer::Layer;
use crate::observation::Observation;
use crate::problem::Code;
use crate::world::Failure;
use message::{Answer, Negotiated};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, SystemTime};

/// The probe.
pub const PROBE: Probe = Probe {
    name: "smb",
    layer: Layer::Application,
    cost: Cost::Network,
    summary: "asks a file server which version of SMB it speaks, and what else it says before a sign-in",
    about: "Connects to each address and sends the negotiation that a client begins with: SMB 2.0.2 to 3.1.1, signing \
        possible. No sign-in is tried and no name of a person or share is sent. The answer tells the version, whether \
        signing is required, whether encryption is possible, which kinds of sign-in are offered and what time the \
        server has. A server that hangs up is asked once more in the old language, SMB 1, which tells one that speaks \
        nothing newer. Silence is suspected after three connections 200 ms apart (1.4 s) and confirmed by a fourth \
        (3.2 s). Needs no rights. Sources: MS-SMB2 sections 2.2.3, 2.2.4 and 3.3.5.4, MS-CIFS section 2.2.4.52, RFC \
        1002 section 4.3.1.",
    contacts: Contacts::named(&["addresses", "port"]),
    burden: Burden::of(
        "one negotiation with each address, a second one where it hangs up, {} connections where it is silent; reads at most {} KiB of an answer",
    ).counting(&[attempt::CONNECTIONS, MOST_BYTES as u64 / 1024])
    .and_leaves("an unfinished session in the server's log"),
    codes: &[Code::AppNoAnswer, Code::AppWrongProtocol, Code::AppRefused, Code::AppOutdated],
    params: schema_of::<Params>,
    facts: schema_of::<SmbFacts>,
    accepts: accepts::<Params>,
    run: |look| look.with(run),
};

/// An answer to a negotiation is some 300 bytes; with every context that exists it stays far below this.
const MOST_BYTES: usize = 16 * 1024;
/// How long the question in the old language is waited for: the server has just shown how fast it closes; judgement.
const OLD_LANGUAGE: Duration = Duration::from_millis(1_500);

/// Arguments of the `smb` probe.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Params {
    /// IP addresses of the server.
    addresses: Addresses,
    /// Port.
    #[serde(deserialize_with = "argument::number")]
    port: u16,
}

impl Default for Params {
    fn default() -> Self {
        Params { addresses: Addresses::default(), port: 445 }
    }
}

/// Facts of the `smb` probe, for each address.
#[derive(Debug, Default, Serialize, JsonSchema)]
pub struct SmbFacts {
    #[serde(flatten)]
    course: Course,
    /// The version that was agreed on: `2.0.2`, `2.1`, `3.0`, `3.0.2`, `3.1.1`, or `1` where it speaks nothing newer.
    version: Option<String>,
    /// Whether messages must be signed: `required`, `possible` or `no`.
    signing: Option<&'static str>,
    /// Whether the server can encrypt what is sent.
    encryption: Option<bool>,
    /// Whether names may be referred to other servers (DFS).
    refers: Option<bool>,
    /// Kinds of sign-in on offer: `kerberos`, `ntlm`; none where the server does not say.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    sign_in: Vec<&'static str>,
    /// Seconds that this machine's clock is behind the server's; negative where it is ahead.
    clock_offset_s: Option<i64>,
    /// The status that the server turned the negotiation down with, in hexadecimal (MS-ERREF section 2.3).
    status: Option<String>,
}

async fn run(look: &Look<'_>, params: Params) -> Vec<Observation> {
    let one = |address: IpAddr| one(look, SocketAddr::new(address, params.port));
    argument::each_address(look, &params.addresses, one).await
}

async fn one(look: &Look<'_>, to: SocketAddr) -> Observation {
    let question = message::question();
    let talk = |mut stream, end| {
        let question = &question;
        async move { dialogue::ask(&mut stream, question, end, MOST_BYTES, wants).await }
    };
    let doubt = |failure: &Failure, _, _| (look.emit)(dialogue::doubted(look, to, failure));
    let dialogue = dialogue::hold(look, to, talk, doubt).await;
    let mut facts = SmbFacts { course: dialogue.course(to), ..SmbFacts::default() };
    let observation = match dialogue.attempts.answers.first() {
        Some(bytes) => conclude(look, to, bytes, &mut facts),
        None => unanswered(look, to, &dialogue, &mut facts).await,
    };
    observation.facts(&facts).via(dialogue.via)
}

/// A frame is whole when as much has come as its head announces.
fn wants(bytes: &[u8]) -> Wants {
    match message::announced(bytes) {
        Some(length) if bytes.len() >= length => Wants::Nothing,
        Some(_) => Wants::More,
        // Not SMB, or too little to say.
        None if bytes.len() < message::FRAME && bytes.first() == Some(&0) => Wants::More,
        None => Wants::Rest,
    }
}

fn conclude(look: &Look<'_>, to: SocketAddr, bytes: &[u8], facts: &mut SmbFacts) -> Observation {
    let subject = to.to_string();
    match message::read(bytes) {
        Answer::Negotiated(negotiated) => {
            describe(facts, &negotiated, SystemTime::now());
            look.ok(Some(&subject), works(&subject, facts))
        }
        Answer::TurnedDown(status) => {
            let status = format!("{status:#010x}");
            let summary = format!("{subject} speaks SMB and turns the negotiation down ({status})");
            facts.status = Some(status);
            look.problem(Some(&subject), Code::AppRefused, summary)
        }
        Answer::NoSession => {
            let summary = format!("{subject} wants to be called by its NetBIOS name before it speaks SMB");
            look.problem(Some(&subject), Code::AppOutdated, summary)
        }
        Answer::Old => outdated(look, &subject, facts),
        Answer::Other => facts.course.foreign(look, &subject, "SMB", bytes),
    }
}

/// A server that hung up on SMB 2 may know nothing but SMB 1.
async fn unanswered(
    look: &Look<'_>,
    to: SocketAddr,
    dialogue: &Dialogue<Vec<u8>>,
    facts: &mut SmbFacts,
) -> Observation {
    let hung_up = dialogue.unreached.is_none() && matches!(dialogue.failure(), Failure::Closed | Failure::Reset);
    if hung_up && speaks_old_language(look, to).await {
        return outdated(look, &to.to_string(), facts);
    }
    dialogue.unanswered(look, to, "its version of SMB")
}

async fn speaks_old_language(look: &Look<'_>, to: SocketAddr) -> bool {
    let wait = look.within(OLD_LANGUAGE);
    let end = tokio::time::Instant::now() + wait;
    let Ok(connection) = look.world.network.connect(to, &crate::world::Dial::within(wait)).await else { return false };
    let mut stream = connection.stream;
    let answer = dialogue::ask(&mut stream, message::OLD_QUESTION, end, MOST_BYTES, wants).await;
    answer.is_ok_and(|bytes| matches!(message::read(&bytes), Answer::Old))
}

fn outdated(look: &Look<'_>, subject: &str, facts: &mut SmbFacts) -> Observation {
    facts.version = Some("1".to_owned());
    let summary = format!("{subject} speaks only SMB 1, which today's systems refuse to use");
    look.problem(Some(subject), Code::AppOutdated, summary)
}

fn describe(facts: &mut SmbFacts, negotiated: &Negotiated, now: SystemTime) {
    facts.version = Some(negotiated.version());
    facts.signing = Some(negotiated.signing());
    facts.encryption = Some(negotiated.encrypts());
    facts.refers = Some(negotiated.refers());
    facts.sign_in = negotiated.sign_in.clone();
    facts.clock_offset_s = negotiated.seconds_ahead_of(now);
}

fn works(subject: &str, facts: &SmbFacts) -> String {
    let version = facts.version.as_deref().unwrap_or_default();
    let signing = match facts.signing {
        Some("required") => ", signing required",
        _ => "",
    };
    let sign_in =
        if facts.sign_in.is_empty() { String::new() } else { format!(", sign-in by {}", facts.sign_in.join(" or ")) };
    let clock = facts.clock_offset_s.filter(|offset| offset.unsigned_abs() > NOTABLE_S).map(|offset| {
        let side = if offset > 0 { "ahead of" } else { "behind" };
        format!("; its clock is {} {side} this machine's", said(Duration::from_secs(offset.unsigned_abs())))
    });
    format!(
        "{subject} speaks SMB {version}{signing}{sign_in} in {:.1} ms{}",
        facts.course.took_ms,
        clock.unwrap_or_default()
    )
}

/// A difference of clocks that is worth a word; Kerberos bears five minutes (RFC 4120 section 5.5.1), and half of that
/// is on its way there.
const NOTABLE_S: u64 = 150;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observation::{Certainty, Outcome};
    use crate::probe::testing::loopback::{Loopback, look, serve, world};
    use crate::sys::ProxySettings;
    use serde_json::json;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;

    /// What a server makes of each connection's first bytes; none hangs up.
    type Says = fn(&[u8]) -> Option<Vec<u8>>;

    async fn looked_at(says: Says) -> (Observation, Vec<Observation>) {
        let served = serve(move |stream| answer(stream, says)).await;
        let world = world(Loopback::default(), ProxySettings::default());
        let args = json!({ "addresses": [served.address.ip().to_string()], "port": served.address.port() });
        let (mut seen, emitted) = look(&PROBE, &world, args).await;
        assert_eq!(seen.len(), 1);
        (seen.remove(0), emitted)
    }

    async fn answer(mut stream: TcpStream, says: Says) {
        let mut asked = vec![0; 2048];
        let Ok(count) = stream.read(&mut asked).await else { return };
        if let Some(bytes) = says(&asked[..count]) {
            drop(stream.write_all(&bytes).await);
            tokio::time::sleep(Duration::from_secs(60)).await;
        }
    }

    #[tokio::test]
    async fn a_server_of_today_says_what_it_wants() {
        let (seen, _) = looked_at(|_| Some(message::tests::negotiated(0x0311, 3, 0))).await;
        assert_eq!(seen.outcome, Outcome::Ok, "{seen:#?}");
        assert_eq!((&seen.facts["version"], &seen.facts["signing"]), (&json!("3.1.1"), &json!("required")));
        assert_eq!(seen.facts["sign_in"], json!(["kerberos", "ntlm"]));
        assert!(seen.facts["clock_offset_s"].as_i64().unwrap().abs() < 60, "{seen:#?}");
        assert!(seen.via.peer.is_some());
    }

    #[tokio::test]
    async fn a_clock_that_differs_is_said() {
        let (seen, _) = looked_at(|_| Some(message::tests::negotiated(0x0302, 1, 900))).await;
        assert!((890..=910).contains(&seen.facts["clock_offset_s"].as_i64().unwrap()), "{seen:#?}");
        assert!(seen.summary.contains("ahead of this machine's"), "{}", seen.summary);
    }

    #[tokio::test]
    async fn what_speaks_only_the_old_language_is_found_behind_its_hanging_up() {
        let old: Says = |asked| asked.windows(4).any(|word| word == b"\xffSMB").then(message::tests::old_answer);
        let (seen, _) = looked_at(old).await;
        assert_eq!((seen.code, &seen.facts["version"]), (Some(Code::AppOutdated), &json!("1")), "{seen:#?}");
        let (seen, _) = looked_at(|_| Some(message::tests::old_answer())).await;
        assert_eq!(seen.code, Some(Code::AppOutdated));
        let (seen, _) = looked_at(|_| Some(vec![0x83, 0, 0, 1, 0x82])).await;
        assert_eq!(seen.code, Some(Code::AppOutdated));
    }

    #[tokio::test]
    async fn what_is_no_file_server_is_named() {
        let (seen, _) = looked_at(|_| Some(b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec())).await;
        assert_eq!(seen.code, Some(Code::AppWrongProtocol));
        assert_eq!(seen.facts["first_bytes"], "HTTP/1.1 400 Bad Request");
        let (seen, _) = looked_at(|_| Some(message::tests::turned_down(0xc000_00bb))).await;
        assert_eq!((seen.code, &seen.facts["status"]), (Some(Code::AppRefused), &json!("0xc00000bb")));
    }

    #[tokio::test]
    async fn silence_and_hanging_up_are_told_apart_from_no_connection() {
        let (seen, emitted) = looked_at(|_| None).await;
        assert_eq!((seen.code, seen.certainty), (Some(Code::AppNoAnswer), Some(Certainty::Confirmed)));
        assert_eq!(seen.facts["error"], "closed");
        assert_eq!(emitted[0].certainty, Some(Certainty::Suspected));
        let (seen, _) = looked_at(|_| Some(Vec::new())).await;
        assert_eq!((seen.code, &seen.facts["error"]), (Some(Code::AppNoAnswer), &json!("timeout")));
        let world = world(Loopback::default(), ProxySettings::default());
        let (seen, _) = look(&PROBE, &world, json!({ "addresses": ["127.0.0.1"], "port": 1 })).await;
        assert_eq!(seen[0].outcome, Outcome::Unknown);
    }
}
