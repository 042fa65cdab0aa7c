//! UDP: whether a datagram gets an answer, or somebody says that nothing listens.

use super::argument::{self, Addresses};
use super::attempt::{self, Attempts};
use super::tcp::{counted, round};
use super::{Burden, Contacts, Cost, Look, Probe, accepts, schema_of};
use crate::layer::Layer;
use crate::observation::{Certainty, Observation};
use crate::problem::Code;
use crate::world::{Dial, Failure, Reply};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// The probe.
pub const PROBE: Probe = Probe {
    name: "udp",
    layer: Layer::Transport,
    cost: Cost::Network,
    summary: "sends a datagram and waits for the answer",
    about: "Sends a few datagrams from fresh connected sockets, so that an ICMP port unreachable is heard. The payload \
        is empty, or a question that a service of this kind must answer: dns, ntp, stun, or bytes in hexadecimal. \
        Silence is a problem only where such a question was sent, because an unknown service may stay silent rightly. \
        Needs no rights. Sources: RFC 1122 section 4.1.3.3, RFC 8085, RFC 8489, RFC 5905.",
    contacts: Contacts::named(&["addresses", "port"]),
    burden: Burden::of("a few datagrams to each address")
        .and_leaves("the service may log a question that nobody needed"),
    codes: &[
        Code::UdpClosed,
        Code::UdpSilent,
        Code::TcpHostUnreachable,
        Code::TcpNetUnreachable,
        Code::TcpProhibited,
        Code::TcpLocalDenied,
        Code::TcpNoAddress,
        Code::PathUnreachable,
        Code::PathProhibited,
        Code::PathLoop,
    ],
    params: schema_of::<Params>,
    facts: schema_of::<UdpFacts>,
    accepts: accepts::<Params>,
    run: |look| look.with(run),
};

/// A query for the name servers of the root, with recursion: what every resolver answers (RFC 1035 section 4.1).
const DNS: [u8; 17] = [0x46, 0x4c, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 1];
/// A STUN binding request (RFC 8489 section 5), its transaction id filled with a fixed text.
const STUN: [u8; 20] = *b"\x00\x01\x00\x00\x21\x12\xa4\x42udp-check-01";
/// First byte of an NTP client request: no leap warning, version 4, mode 3 (RFC 5905 section 7.3).
const NTP_FIRST: u8 = 0x23;
/// Length of an NTP packet.
const NTP_LENGTH: usize = 48;
/// How long somebody is waited for who says that a datagram is refused, beside two round trips.
const WHO_LEAST: Duration = Duration::from_millis(50);
/// Payloads are at most this long, so that they fit every path.
const LONGEST: usize = 512;

/// Arguments of the `udp` probe.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Params {
    /// IP addresses to ask, all at once.
    addresses: Addresses,
    /// Port.
    #[serde(deserialize_with = "argument::number")]
    port: u16,
    /// What to send: `dns`, `ntp`, `stun`, bytes in hexadecimal (the service is then expected to answer them), or
    /// nothing for an empty datagram.
    payload: Option<String>,
}

/// Facts of the `udp` probe, for each address.
#[derive(Debug, Default, Serialize, JsonSchema)]
pub struct UdpFacts {
    /// IP address.
    address: String,
    /// Port.
    port: u16,
    /// `ipv4` or `ipv6`.
    family: &'static str,
    /// Datagrams that were sent, each from a socket of its own.
    attempts: u32,
    /// Answers.
    answered: u32,
    /// Time from the datagram to its answer.
    answer_ms: Option<f64>,
    /// Length of the answer.
    answer_bytes: Option<usize>,
    /// What came instead of an answer, in the words of the `tcp` probe.
    error: Option<&'static str>,
    /// Who said so, where it was not the target.
    from: Option<String>,
}

async fn run(look: &Look<'_>, params: Params) -> Vec<Observation> {
    if params.port == 0 {
        return vec![look.unknown(None, "there is no port to send to")];
    }
    let wanted = params.payload.as_deref().unwrap_or_default();
    let Some(payload) = payload(wanted) else {
        return vec![look.unknown(None, "the payload is neither `dns`, `ntp`, `stun` nor hexadecimal")];
    };
    let one = |address| one(look, SocketAddr::new(address, params.port), &payload);
    argument::each_address(look, &params.addresses, one).await
}

/// The bytes to send, or none where the text means nothing.
fn payload(text: &str) -> Option<Vec<u8>> {
    match text.trim() {
        "dns" => Some(DNS.to_vec()),
        "stun" => Some(STUN.to_vec()),
        "ntp" => {
            let mut bytes = vec![0; NTP_LENGTH];
            bytes[0] = NTP_FIRST;
            Some(bytes)
        }
        text if text.len() <= 2 * LONGEST && text.is_ascii() && text.len().is_multiple_of(2) => {
            text.as_bytes().chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()).collect()
        }
        _ => None,
    }
}

async fn one(look: &Look<'_>, to: SocketAddr, payload: &[u8]) -> Observation {
    let subject = to.to_string();
    let expects = !payload.is_empty();
    let shown = |failure: &Failure, made: u32| {
        if let Some(code) = code(failure).filter(|code| *code != Code::UdpSilent || expects) {
            let summary = format!("{subject} {} so far ({})", predicate(failure), counted(made, "datagram"));
            (look.emit)(look.problem(Some(&subject), code, summary).facts(&facts(to, made, failure)).suspected());
        }
    };
    let ask = |wait| async move { look.world.network.exchange(to, payload, &Dial::within(wait)).await };
    let mut via = look.world.via(to.ip()).await;
    via.peer = Some(subject.clone());
    let attempts = attempt::persist(1, look.deadline, ask, shown, || (look.answered)(&via)).await;
    conclude(look, to, &attempts, expects).await.via(via)
}

async fn conclude(look: &Look<'_>, to: SocketAddr, attempts: &Attempts<Reply>, expects: bool) -> Observation {
    let subject = to.to_string();
    let failure = attempts.failure();
    let mut facts = facts(to, attempts.made, &failure);
    if let Some(reply) = attempts.answers.first() {
        let milliseconds = reply.took.as_secs_f64() * 1000.0;
        facts.answered = 1;
        facts.error = None;
        facts.answer_ms = Some(round(milliseconds));
        facts.answer_bytes = Some(reply.bytes.len());
        return look.ok(Some(&subject), format!("{subject} answered in {milliseconds:.1} ms")).facts(&facts);
    }
    let took = attempts.took.as_secs_f64();
    if failure == Failure::Timeout && !expects {
        let why = format!(
            "{subject} did not answer {} empty datagrams in {took:.1} s, and a service may do that rightly",
            attempts.made
        );
        return look.unknown(Some(&subject), &why).facts(&facts);
    }
    let who = match failure {
        Failure::Timeout | Failure::Refused => None,
        // The answer came at once, and so will this one.
        _ => look.world.network.who_refuses(to, look.within(attempts.took * 2 + WHO_LEAST)).await,
    };
    facts.from = who.as_ref().map(|(_, from)| from.to_string());
    let Some(code) = code_said(to, &who).or(code(&failure)) else {
        return look.unknown(Some(&subject), &format!("a datagram cannot be sent: {failure}")).facts(&facts);
    };
    let said = facts.from.as_ref().map(|from| format!(", says {from}")).unwrap_or_default();
    let summary =
        format!("{subject} {}{said} ({} in {took:.1} s)", predicate(&failure), counted(attempts.made, "datagram"));
    let mut observation = look.problem(Some(&subject), code, summary).facts(&facts);
    if !attempts.certain {
        observation.certainty = Some(Certainty::Suspected);
    }
    observation
}

fn facts(to: SocketAddr, attempts: u32, failure: &Failure) -> UdpFacts {
    UdpFacts {
        address: to.ip().to_string(),
        port: to.port(),
        family: if to.is_ipv4() { "ipv4" } else { "ipv6" },
        attempts,
        error: Some(failure.word()),
        ..UdpFacts::default()
    }
}

/// What a router on the way says of a datagram; none where it was the target, or nobody.
pub(super) fn code_said(to: SocketAddr, who: &Option<(Failure, IpAddr)>) -> Option<Code> {
    match who.as_ref().filter(|(_, from)| *from != to.ip())?.0 {
        Failure::Prohibited => Some(Code::PathProhibited),
        Failure::HostUnreachable | Failure::NetworkUnreachable => Some(Code::PathUnreachable),
        Failure::TimeExceeded => Some(Code::PathLoop),
        _ => None,
    }
}

/// What a datagram came to that got no answer.
pub(super) fn code(failure: &Failure) -> Option<Code> {
    Some(match failure {
        Failure::Timeout => Code::UdpSilent,
        Failure::Refused | Failure::Reset | Failure::Closed => Code::UdpClosed,
        Failure::NetworkUnreachable => Code::TcpNetUnreachable,
        Failure::HostUnreachable => Code::TcpHostUnreachable,
        Failure::Prohibited => Code::TcpProhibited,
        Failure::LocalDenied => Code::TcpLocalDenied,
        Failure::NoSource => Code::TcpNoAddress,
        Failure::TimeExceeded => Code::PathLoop,
        Failure::TooLarge | Failure::Other(_) => return None,
    })
}

/// The same in words, behind the name of the far end.
pub(super) fn predicate(failure: &Failure) -> String {
    match failure {
        Failure::Timeout => "does not answer".to_owned(),
        Failure::Refused => "says that nothing listens there".to_owned(),
        other => format!("cannot be sent to: {other}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observation::Outcome;
    use crate::probe::testing::stage::{Stage, play};
    use serde_json::json;

    #[test]
    fn payloads_are_named_or_hexadecimal() {
        assert_eq!(payload(""), Some(vec![]));
        assert_eq!(payload("00ff"), Some(vec![0, 255]));
        assert_eq!(payload("ntp").map(|bytes| (bytes.len(), bytes[0])), Some((48, 0x23)));
        assert_eq!(payload("stun").map(|bytes| bytes.len()), Some(20));
        assert!(payload("dns").is_some());
        for odd in ["0", "xy", "é0", &"00".repeat(600)] {
            assert_eq!(payload(odd), None, "{odd}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn answers_refusals_and_silence() {
        let args = |payload: &str| json!({ "addresses": ["10.9.0.7"], "port": 53, "payload": payload });
        let (seen, _) = play(&PROBE, Stage { exchange: |_, _| Ok(()), ..Stage::default() }, args("dns")).await;
        assert_eq!(seen[0].outcome, Outcome::Ok);
        let closed = Stage { exchange: |_, _| Err(Failure::Refused), ..Stage::default() };
        let (seen, emitted) = play(&PROBE, closed, args("")).await;
        assert_eq!((seen[0].code, seen[0].certainty), (Some(Code::UdpClosed), Some(Certainty::Confirmed)));
        assert_eq!(emitted.len(), 1);
        let (seen, emitted) = play(&PROBE, Stage::default(), args("dns")).await;
        assert_eq!((seen[0].code, seen[0].certainty), (Some(Code::UdpSilent), Some(Certainty::Confirmed)));
        assert_eq!(emitted[0].0, 1_400);
        let (seen, emitted) = play(&PROBE, Stage::default(), args("")).await;
        assert_eq!(seen[0].outcome, Outcome::Unknown);
        assert!(emitted.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn a_router_that_forbids_it_is_named() {
        let stage = Stage {
            exchange: |_, _| Err(Failure::HostUnreachable),
            who: Some((Failure::Prohibited, "10.0.0.1")),
            ..Stage::default()
        };
        let (seen, _) = play(&PROBE, stage, json!({ "addresses": "10.9.0.7", "port": 53 })).await;
        assert_eq!(seen[0].code, Some(Code::PathProhibited));
        assert_eq!(seen[0].facts["from"], "10.0.0.1");
    }
}
