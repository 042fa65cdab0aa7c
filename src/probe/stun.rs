//! STUN at the pace of a call: whether UDP gets through, from which address it is seen, and how much is lost or late.

mod message;

use super::argument::{self, Addresses, optional};
use super::tcp::{counted, round};
use super::udp::{self, predicate};
use super::{Burden, Contacts, Cost, Look, Probe, accepts, schema_of};
use crate::layer::Layer;
use crate::observation::Observation;
use crate::problem::Code;
use crate::world::{Dial, Failure, Volley};
use message::{Answer, Transaction};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Duration;

/// The probe.
pub const PROBE: Probe = Probe {
    name: "stun",
    layer: Layer::Transport,
    cost: Cost::Slow,
    summary: "STUN over UDP at the pace of a call: reached or not, mapped address, loss, delay and jitter",
    about: "Sends binding requests (RFC 8489) from one socket every 20 ms, as a call sends its voice, and matches the \
            answers by their transaction. An answer tells the address from which the far end sees this machine. Too much \
            loss, delay or jitter for a conversation is a problem of quality (ITU-T G.1010, G.114); no answer at all one \
            of reachability. Needs no rights; two seconds of 50 small packets each.",
    contacts: Contacts::named(&["addresses", "port"]),
    burden: Burden::of("{} small datagrams each second, for {} seconds; for {} at most where the playbook says so")
        .counting(&[1_000 / SPACING_MS, COUNT as u64 * SPACING_MS / 1_000, MOST as u64 * SPACING_MS / 1_000]),
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
        Code::PathLoss,
        Code::PathDelay,
        Code::PathJitter,
        Code::AppWrongProtocol,
    ],
    params: schema_of::<Params>,
    facts: schema_of::<StunFacts>,
    accepts: accepts::<Params>,
    run: |look| look.with(run),
};

/// Voice is sent in packets of 20 ms (RFC 3551 section 4.2).
const SPACING_MS: u64 = 20;
/// Two seconds of them: three lost ones are then three percent.
const COUNT: u16 = 100;
/// Most packets that may be asked for; a minute and more of voice.
const MOST: u16 = 3000;
/// How long answers are waited for after the last request: a round trip that is longer is useless for a call.
const TAIL: Duration = Duration::from_millis(1000);
/// More loss than this is heard (ITU-T G.1010 table I.1: conversational voice).
const LOSS_PERCENT: f64 = 3.0;
/// Voice that takes longer than 150 ms one way makes people talk at the same time (ITU-T G.114).
const DELAY_MS: f64 = 300.0;
/// What usual buffers for jitter even out (30 ms in the requirements of the large conference services).
const JITTER_MS: f64 = 30.0;
/// With fewer answers, delay and jitter are luck.
const LEAST_ANSWERS: usize = 10;

/// Arguments of the `stun` probe.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Params {
    /// IP addresses of the server, all asked at once.
    addresses: Addresses,
    /// Port; 3478 where none is named.
    #[serde(deserialize_with = "optional")]
    port: Option<u16>,
    /// How many requests; 100 if not given.
    #[serde(deserialize_with = "optional")]
    count: Option<u16>,
    /// Milliseconds between two of them; 20 if not given.
    #[serde(deserialize_with = "optional")]
    spacing_ms: Option<u64>,
}

/// Facts of the `stun` probe, for each address.
#[derive(Debug, Default, Serialize, JsonSchema)]
pub struct StunFacts {
    /// IP address.
    address: String,
    /// Port.
    port: u16,
    /// `ipv4` or `ipv6`.
    family: &'static str,
    /// Requests that were sent.
    sent: usize,
    /// Requests that were answered.
    answered: usize,
    /// Requests that were not, as a share.
    loss_percent: f64,
    /// Mean round trip.
    avg_ms: Option<f64>,
    /// Longest round trip.
    max_ms: Option<f64>,
    /// Mean difference between one round trip and the next.
    jitter_ms: Option<f64>,
    /// Answers that came in another order than their requests.
    reordered: usize,
    /// The address and port that the far end sees.
    mapped: Option<String>,
    /// Whether that is another address than this machine's: somebody on the way translates addresses.
    translated: Option<bool>,
    /// Different addresses that were seen within the series; more than one cuts calls.
    mapped_addresses: usize,
    /// The error code of a server that does not want to answer.
    refused_with: Option<u16>,
    /// What came instead of an answer, in the words of the `tcp` probe.
    error: Option<&'static str>,
    /// Who said so, where it was not the target.
    from: Option<String>,
}

async fn run(look: &Look<'_>, params: Params) -> Vec<Observation> {
    let (port, count) = (params.port.unwrap_or(STUN_PORT), params.count.unwrap_or(COUNT).clamp(1, MOST));
    let spacing = Duration::from_millis(params.spacing_ms.unwrap_or(SPACING_MS).clamp(1, 1000));
    argument::each_address(look, &params.addresses, |address| one(look, SocketAddr::new(address, port), count, spacing))
        .await
}

/// RFC 8489 section 8.1.
const STUN_PORT: u16 = 3478;

async fn one(look: &Look<'_>, to: SocketAddr, count: u16, spacing: Duration) -> Observation {
    let mut via = look.world.via(to.ip()).await;
    via.peer = Some(to.to_string());
    let transactions: Vec<Transaction> = (0..count).map(|_| rand::random()).collect();
    let requests: Vec<Vec<u8>> = transactions.iter().map(|transaction| message::request(*transaction)).collect();
    let volley = look.world.network.volley(to, &requests, spacing, &Dial::within(look.within(TAIL))).await;
    match volley {
        Ok(volley) => judge(look, to, &volley, &transactions),
        Err(failure) => failed(look, to, &failure).await,
    }
    .via(via)
}

/// No datagram of ours got out, or somebody said that it goes nowhere.
async fn failed(look: &Look<'_>, to: SocketAddr, failure: &Failure) -> Observation {
    let subject = to.to_string();
    let mut facts = facts(to);
    facts.error = Some(failure.word());
    let who = match failure {
        Failure::Timeout | Failure::Refused => None,
        _ => look.world.network.who_refuses(to, look.within(TAIL)).await,
    };
    facts.from = who.as_ref().map(|(_, from)| from.to_string());
    let Some(code) = udp::code_said(to, &who).or(udp::code(failure)) else {
        return look.unknown(Some(&subject), &format!("a datagram cannot be sent: {failure}")).facts(&facts);
    };
    look.problem(Some(&subject), code, format!("{subject} {}", predicate(failure))).facts(&facts)
}

fn facts(to: SocketAddr) -> StunFacts {
    StunFacts {
        address: to.ip().to_string(),
        port: to.port(),
        family: if to.is_ipv4() { "ipv4" } else { "ipv6" },
        ..StunFacts::default()
    }
}

/// The answers to the requests, by the number of the request: its round trip, and what was said.
struct Heard {
    trips: Vec<Option<f64>>,
    mapped: BTreeSet<SocketAddr>,
    refused_with: Option<u16>,
    reordered: usize,
    /// Datagrams that are no STUN.
    foreign: usize,
}

fn heard(volley: &Volley, transactions: &[Transaction]) -> Heard {
    let mut heard = Heard {
        trips: vec![None; transactions.len()],
        mapped: BTreeSet::new(),
        refused_with: None,
        reordered: 0,
        foreign: 0,
    };
    let mut latest = 0;
    for (at, bytes) in &volley.arrivals {
        let Some((transaction, answer)) = message::read(bytes) else {
            heard.foreign += 1;
            continue;
        };
        let Some(number) = transactions.iter().position(|ours| *ours == transaction) else { continue };
        // A second answer to one request tells nothing new.
        let Some(sent) = volley.sent.get(number).filter(|_| heard.trips[number].is_none()) else { continue };
        heard.trips[number] = Some(at.saturating_sub(*sent).as_secs_f64() * 1000.0);
        heard.reordered += usize::from(number < latest);
        latest = latest.max(number);
        match answer {
            Answer::Mapped(address) => drop(heard.mapped.insert(address)),
            Answer::Refused(code) => heard.refused_with = Some(code),
            Answer::Nothing => {}
        }
    }
    heard
}

fn judge(look: &Look<'_>, to: SocketAddr, volley: &Volley, transactions: &[Transaction]) -> Observation {
    let subject = to.to_string();
    let heard = heard(volley, transactions);
    let trips: Vec<f64> = heard.trips.iter().flatten().copied().collect();
    let sent = volley.sent.len().max(1);
    let differences: Vec<f64> = trips.windows(2).map(|pair| (pair[1] - pair[0]).abs()).collect();
    let mapped = heard.mapped.first();
    let own = volley.local.map(|local| local.ip()).filter(|local| !local.is_unspecified());
    let facts = StunFacts {
        sent,
        answered: trips.len(),
        loss_percent: round(100.0 * (sent - trips.len().min(sent)) as f64 / sent as f64),
        avg_ms: mean(&trips),
        max_ms: trips.iter().copied().max_by(f64::total_cmp).map(round),
        jitter_ms: mean(&differences),
        reordered: heard.reordered,
        mapped: mapped.map(ToString::to_string),
        translated: mapped.zip(own).map(|(mapped, own)| mapped.ip() != own),
        mapped_addresses: heard.mapped.len(),
        refused_with: heard.refused_with,
        ..facts(to)
    };
    if trips.is_empty() {
        return silent(look, &subject, &heard, facts);
    }
    let mut problems = Vec::new();
    if facts.loss_percent >= LOSS_PERCENT {
        problems.push((
            Code::PathLoss,
            format!("{:.0} % of {} to {subject} were lost", facts.loss_percent, counted(sent as u32, "request")),
        ));
    }
    if trips.len() >= LEAST_ANSWERS {
        if let Some(delay) = facts.avg_ms.filter(|delay| *delay > DELAY_MS) {
            problems.push((Code::PathDelay, format!("answers of {subject} take {delay:.0} ms")));
        }
        if let Some(jitter) = facts.jitter_ms.filter(|jitter| *jitter > JITTER_MS) {
            problems
                .push((Code::PathJitter, format!("answers of {subject} vary by {jitter:.0} ms from one to the next")));
        }
    }
    let mut problems = problems.into_iter();
    match problems.next() {
        Some((code, summary)) => look.problem(Some(&subject), code, summary).also(problems.map(|(code, _)| code)),
        None => look.ok(Some(&subject), fine(&subject, &facts)),
    }
    .facts(&facts)
}

fn fine(subject: &str, facts: &StunFacts) -> String {
    let seen = facts.mapped.as_ref().map(|mapped| format!(", seen as {mapped}")).unwrap_or_default();
    format!(
        "{subject} answered {} of {} requests in {:.1} ms on average, jitter {:.1} ms{seen}",
        facts.answered,
        facts.sent,
        facts.avg_ms.unwrap_or(0.0),
        facts.jitter_ms.unwrap_or(0.0)
    )
}

fn silent(look: &Look<'_>, subject: &str, heard: &Heard, mut facts: StunFacts) -> Observation {
    if heard.foreign > 0 {
        let summary = format!("{subject} answers, and not in STUN");
        return look.problem(Some(subject), Code::AppWrongProtocol, summary).facts(&facts);
    }
    facts.error = Some(Failure::Timeout.word());
    let summary = format!("{subject} answered none of {} requests", facts.sent);
    look.problem(Some(subject), Code::UdpSilent, summary).facts(&facts)
}

fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| round(values.iter().sum::<f64>() / values.len() as f64))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observation::Outcome;
    use crate::probe::testing::{LONG, look, told::Told, world};
    use crate::world::real::RealNetwork;
    use serde_json::json;
    use tokio::net::UdpSocket;

    /// Answers in STUN, but for every n-th request; the mapped address is the one that it sees.
    async fn server(forget_every: usize, garbage: bool) -> u16 {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let port = socket.local_addr().unwrap().port();
        tokio::spawn(async move {
            let mut bytes = [0; 512];
            for number in 1.. {
                let (length, from) = socket.recv_from(&mut bytes).await.unwrap();
                if number % forget_every == 0 {
                    continue;
                }
                if garbage {
                    socket.send_to(b"hello", from).await.unwrap();
                    continue;
                }
                let SocketAddr::V4(seen) = from else { unreachable!("a loopback of IPv4") };
                let mut answer = bytes[..length].to_vec();
                answer[..4].copy_from_slice(&[1, 1, 0, 12]);
                answer.extend([0, 1, 0, 8, 0, 1]);
                answer.extend(seen.port().to_be_bytes());
                answer.extend(seen.ip().octets());
                socket.send_to(&answer, from).await.unwrap();
            }
        });
        port
    }

    async fn seen(port: u16) -> Observation {
        let world = world(Told::default(), RealNetwork::default());
        let args = json!({ "addresses": "127.0.0.1", "port": port, "count": 20, "spacing_ms": 1 });
        look(&PROBE, &world, args, LONG).await.last.remove(0)
    }

    #[tokio::test]
    async fn a_server_that_answers_tells_our_address() {
        let seen = seen(server(usize::MAX, false).await).await;
        assert_eq!(seen.outcome, Outcome::Ok, "{}", seen.summary);
        assert_eq!((&seen.facts["answered"], &seen.facts["translated"]), (&json!(20), &json!(false)));
        assert!(seen.facts["mapped"].as_str().is_some_and(|mapped| mapped.starts_with("127.0.0.1:")));
    }

    #[tokio::test]
    async fn loss_silence_strangers_and_closed_ports_are_told_apart() {
        let lossy = seen(server(4, false).await).await;
        assert_eq!((lossy.code, &lossy.facts["loss_percent"]), (Some(Code::PathLoss), &json!(25.0)));
        assert_eq!(seen(server(1, false).await).await.code, Some(Code::UdpSilent));
        assert_eq!(seen(server(usize::MAX, true).await).await.code, Some(Code::AppWrongProtocol));
        let free = UdpSocket::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
        assert_eq!(seen(free).await.code, Some(Code::UdpClosed));
    }

    #[test]
    fn delay_and_jitter_come_from_matched_answers() {
        let transactions = [[1; 12], [2; 12], [3; 12]];
        let answer = |number: usize| {
            let mut bytes = message::request(transactions[number]);
            bytes[..2].copy_from_slice(&[1, 1]);
            bytes
        };
        let at = Duration::from_millis;
        let volley = Volley {
            local: None,
            sent: vec![at(0), at(20), at(40)],
            // The second overtakes the first; the third is lost; one answer comes twice.
            arrivals: vec![(at(30), answer(1)), (at(50), answer(0)), (at(60), answer(0)), (at(70), b"x".to_vec())],
        };
        let heard = heard(&volley, &transactions);
        assert_eq!(heard.trips, [Some(50.0), Some(10.0), None]);
        assert_eq!((heard.reordered, heard.foreign), (1, 1));
    }
}
