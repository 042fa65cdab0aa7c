//! The hops on the way: how far packets get, and who stops them. Silent hops in the middle are no fault; only what ends
//! the way counts.

use super::argument::{self, Addresses};
use super::attempt::{CONFIRMED, SUSPECTED};
use super::tcp::round;
use super::{Burden, Contacts, Cost, Look, Probe, accepts, schema_of};
use crate::layer::Layer;
use crate::observation::{Observation, Outcome, Via};
use crate::problem::Code;
use crate::world::{Dial, Failure, Hop, Refusal, loop_in};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// The probe.
pub const PROBE: Probe = Probe {
    name: "trace",
    layer: Layer::Path,
    cost: Cost::Slow,
    summary: "traces the hops to the target",
    about: "Sends UDP datagrams with rising hop limits, two for each of up to 30 hops, all at nearly the same time, and \
        reads the ICMP errors about them. A ping and, where a port is given, a TCP connection tell whether the target \
        itself answers, because many targets drop such datagrams. Nothing is called silent before a second trace, \
        later, has ended at the same place. Needs no rights (Linux). Sources: RFC 792, RFC 4443, RFC 1812 section \
        4.3.2.8 on limited rates of ICMP errors.",
    contacts: Contacts::named(&["address", "addresses", "port"]).and("the hops on the way"),
    burden: Burden::of("{} datagrams for each of at most {} hops, at nearly the same time, and the same again")
        .counting(&[PINGS.0 as u64, MOST_HOPS as u64])
        .and_leaves("intrusion detection may call it a scan"),
    codes: &[Code::PathSilent, Code::PathUnreachable, Code::PathProhibited, Code::PathLoop],
    params: schema_of::<Params>,
    facts: schema_of::<TraceFacts>,
    accepts: accepts::<Params>,
    run: |look| look.with(run),
};

/// Hops that are tried: the internet is seldom wider.
const MOST_HOPS: u8 = 30;
/// Destination port of the datagrams: where traceroute starts; nothing listens there.
const DATAGRAM_PORT: u16 = 33_434;
/// Pings to the target, and the time between them.
const PINGS: (u16, Duration) = (2, Duration::from_millis(250));
/// Bytes of payload of a ping.
const PING_BYTES: usize = 56;
/// The trace goes first, because the errors that routers still have to give are of most use to it.
const HEAD_START: Duration = Duration::from_millis(100);
/// How long the second look at an explicit answer takes at most.
const SECOND_LOOK: Duration = Duration::from_millis(750);
/// How long the target itself may take to answer after a router has refused a datagram.
const AFTER_REFUSAL: Duration = Duration::from_millis(500);

/// Arguments of the `trace` probe.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Params {
    /// IP address of the target.
    address: Addresses,
    /// More of them.
    addresses: Addresses,
    /// TCP port of the service, which tells whether the target answers; 0 for none.
    #[serde(deserialize_with = "argument::number")]
    port: u16,
    /// How often silence is looked at: twice where it is to be confirmed, once for a control.
    #[serde(deserialize_with = "argument::number")]
    looks: u8,
}

impl Default for Params {
    fn default() -> Self {
        Params { address: Addresses::default(), addresses: Addresses::default(), port: 0, looks: 2 }
    }
}

/// One hop.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct HopFacts {
    /// Number of the hop, from 1.
    ttl: u8,
    /// Who answered; absent where nobody did.
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<String>,
    /// Round trip in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    ms: Option<f64>,
    /// What it said, where that was not what a hop on the way should say: in the words of the `tcp` probe.
    #[serde(skip_serializing_if = "Option::is_none")]
    said: Option<&'static str>,
}

/// Facts of the `trace` probe, for each address.
#[derive(Debug, Default, Serialize, JsonSchema)]
pub struct TraceFacts {
    /// IP address of the target.
    address: String,
    /// The hops, up to the last one that answered.
    hops: Vec<HopFacts>,
    /// The last one that answered.
    last_address: Option<String>,
    /// Its number.
    last_ttl: Option<u8>,
    /// Whether the target itself answered anything.
    reached: bool,
    /// How it answered: `datagram`, `ping` or `connection`.
    reached_by: Option<&'static str>,
    /// Number of the hop after which nothing more was heard, where the target did not answer.
    silent_after: Option<u8>,
    /// Whether the target or any hop behind the first answered: packets get past the gateway and back.
    beyond_gateway: bool,
    /// The router that ended the packets of every hop limit, where that was the first one: something sets the limit anew
    /// before they get there.
    one_hop_for_all: Option<String>,
    /// Who said that the packet goes no further.
    from: Option<String>,
}

/// From this many limits on, one router for all of them is no chance. Judgement: a router that answers for its neighbour
/// too shows twice.
const SAME_AT_LEAST: usize = 4;

async fn run(look: &Look<'_>, params: Params) -> Vec<Observation> {
    let all = Addresses([&params.address.0[..], &params.addresses.0[..]].concat());
    argument::each_address(look, &all, |address| one(look, address, &params)).await
}

async fn one(look: &Look<'_>, address: IpAddr, params: &Params) -> Observation {
    let port = params.port;
    let start = Instant::now();
    let mut via = look.world.via(address).await;
    via.peer = Some(if port > 0 { SocketAddr::new(address, port).to_string() } else { address.to_string() });
    let first = match once(look, address, port, SUSPECTED).await {
        Ok(first) => first,
        Err(reason) => return look.unknown(Some(&address.to_string()), &reason).via(via),
    };
    let judged = conclude(look, address, &first, &via).via(via.clone());
    let silent = judged.code == Some(Code::PathSilent);
    // A loop has been told by several packets already.
    if judged.code.is_none() || judged.code == Some(Code::PathLoop) {
        return judged;
    }
    if silent && params.looks < 2 {
        return judged.suspected();
    }
    (look.emit)(judged.clone().suspected());
    let wait = if silent { CONFIRMED.saturating_sub(start.elapsed()) } else { SECOND_LOOK };
    let Ok(again) = once(look, address, port, wait).await else {
        return judged.suspected();
    };
    let again = if silent { first.and(again) } else { again };
    let second = conclude(look, address, &again, &via).via(via);
    match (second.code, second.outcome) {
        (Some(code), _) if Some(code) == judged.code && Instant::now() < look.deadline => second,
        (None, Outcome::Ok) => second,
        (Some(_), _) if silent => second.suspected(),
        // Routers say such things only so often: what was heard once stays a suspicion.
        _ => judged.suspected(),
    }
}

/// What one trace has shown.
#[derive(Debug, Clone, Default)]
struct Seen {
    hops: Vec<Hop>,
    /// How the target itself answered.
    reached: Option<&'static str>,
    /// Who refused the connection.
    refused: Option<(Failure, IpAddr)>,
}

impl Seen {
    /// What either of two traces has shown.
    fn and(self, again: Seen) -> Seen {
        let (mut longer, shorter) =
            if again.hops.len() > self.hops.len() { (again.hops, self.hops) } else { (self.hops, again.hops) };
        for (hop, other) in longer.iter_mut().zip(shorter) {
            if hop.address.is_none() {
                *hop = other;
            }
        }
        Seen { hops: longer, reached: self.reached.or(again.reached), refused: self.refused.or(again.refused) }
    }
}

/// One trace, and how the target itself answered meanwhile.
async fn once(look: &Look<'_>, address: IpAddr, port: u16, wait: Duration) -> Result<Seen, String> {
    let wait = look.within(wait);
    let trace = look.world.network.trace(address, DATAGRAM_PORT, MOST_HOPS, wait);
    let answer = async {
        sleep(HEAD_START).await;
        target_answers(look, SocketAddr::new(address, port), wait.saturating_sub(HEAD_START)).await
    };
    tokio::pin!(trace, answer);
    let (hops, (reached, refused)) = tokio::select! {
        hops = &mut trace => {
            let hops = hops?;
            let answered = if hops.iter().any(|hop| hop.is_target) {
                (None, None)
            } else if hops.iter().any(|hop| hop.said.is_some()) {
                // A filter may refuse these datagrams and let the service through.
                tokio::time::timeout(AFTER_REFUSAL, answer).await.unwrap_or_default()
            } else {
                answer.await
            };
            (hops, answered)
        }
        answered = &mut answer => (trace.await?, answered),
    };
    // A target that forbids them has got them.
    let by_datagram = hops.iter().any(|hop| hop.is_target || hop.address == Some(address)).then_some("datagram");
    Ok(Seen { hops, reached: by_datagram.or(reached), refused })
}

/// The first sign of life of the target, by ping or by connection; and who refuses the connection.
async fn target_answers(
    look: &Look<'_>,
    to: SocketAddr,
    wait: Duration,
) -> (Option<&'static str>, Option<(Failure, IpAddr)>) {
    let network = &look.world.network;
    let ping = async {
        let wait = wait.saturating_sub(PINGS.1 * u32::from(PINGS.0 - 1));
        let series = network.echo(to.ip(), PINGS.0, PINGS.1, wait, PING_BYTES).await;
        series.is_ok_and(|series| series.replies.iter().any(Option::is_some))
    };
    let connection = async {
        if to.port() == 0 {
            return (None, None);
        }
        match network.try_connect(to, &Dial::within(wait)).await {
            Ok(_) => (Some("connection"), None),
            Err(Refusal { said: Some((said, from)), .. }) if from != to.ip() => (None, Some((said, from))),
            Err(Refusal { failure: Failure::Reset | Failure::Refused, .. }) => (Some("connection"), None),
            Err(_) => (None, None),
        }
    };
    tokio::pin!(ping, connection);
    tokio::select! {
        answered = &mut ping => if answered { (Some("ping"), None) } else { connection.await },
        answered = &mut connection => match answered {
            (Some(by), _) => (Some(by), None),
            (None, refused) => (ping.await.then_some("ping"), refused),
        },
    }
}

fn conclude(look: &Look<'_>, address: IpAddr, seen: &Seen, via: &Via) -> Observation {
    let Seen { hops, reached, refused } = seen;
    let reached = *reached;
    let subject = address.to_string();
    let last = hops.iter().rfind(|hop| hop.address.is_some());
    let mut facts = TraceFacts {
        address: subject.clone(),
        hops: hops.iter().map(shown).collect(),
        last_address: last.and_then(|hop| hop.address).map(|address| address.to_string()),
        last_ttl: last.map(|hop| hop.ttl),
        reached: reached.is_some(),
        beyond_gateway: reached.is_some() || hops.iter().any(|hop| hop.ttl > 1 && hop.address.is_some()),
        reached_by: reached,
        one_hop_for_all: one_hop_for_all(hops).map(|address| address.to_string()),
        ..TraceFacts::default()
    };
    if reached.is_some() {
        let far = hops.iter().find(|hop| hop.is_target).map(|hop| format!(", {} hops away", hop.ttl));
        return look.ok(Some(&subject), format!("{subject} answers{}", far.unwrap_or_default())).facts(&facts);
    }
    if let Some(round) = loop_in(hops) {
        let names: Vec<String> = round.iter().map(IpAddr::to_string).collect();
        let summary = format!("packets to {subject} go round between {}", names.join(" and "));
        return look.problem(Some(&subject), Code::PathLoop, summary).facts(&facts);
    }
    let refusal = hops.iter().find_map(|hop| Some((hop.said.as_ref()?, hop.address?)));
    if let Some((said, from)) = refusal.or(refused.as_ref().map(|(said, from)| (said, *from))) {
        facts.from = Some(from.to_string());
        let code = match said {
            Failure::Prohibited | Failure::Refused => Some(Code::PathProhibited),
            Failure::HostUnreachable | Failure::NetworkUnreachable => Some(Code::PathUnreachable),
            Failure::TimeExceeded => Some(Code::PathLoop),
            _ => None,
        };
        if via.source.as_deref() == Some(from.to_string().as_str()) {
            let why = format!("this machine itself does not get the packet out: {said}");
            return look.unknown(Some(&subject), &why).facts(&facts);
        }
        if let Some(code) = code {
            let summary = format!("{from} says about {subject}: {said}");
            return look.problem(Some(&subject), code, summary).facts(&facts);
        }
    }
    match last {
        Some(hop) => {
            facts.silent_after = Some(hop.ttl);
            let name = facts.last_address.clone().unwrap_or_default();
            let summary = match &facts.one_hop_for_all {
                Some(first) => format!("{first} ends the packets to {subject} whatever their hop limit is"),
                None => format!("nothing is heard beyond hop {} ({name}) on the way to {subject}", hop.ttl),
            };
            look.problem(Some(&subject), Code::PathSilent, summary).facts(&facts)
        }
        None => look.unknown(Some(&subject), "no hop and no target answered").facts(&facts),
    }
}

/// The first router, where it ended packets of so many different hop limits that they cannot have left with these.
fn one_hop_for_all(hops: &[Hop]) -> Option<IpAddr> {
    let first = hops.first().filter(|hop| hop.ttl == 1)?.address?;
    let heard: Vec<IpAddr> = hops.iter().filter(|hop| hop.said.is_none()).filter_map(|hop| hop.address).collect();
    (heard.len() >= SAME_AT_LEAST && heard.iter().all(|address| *address == first)).then_some(first)
}

fn shown(hop: &Hop) -> HopFacts {
    HopFacts {
        ttl: hop.ttl,
        address: hop.address.map(|address| address.to_string()),
        ms: hop.took.map(|took| round(took.as_secs_f64() * 1000.0)),
        said: hop.said.as_ref().map(Failure::word),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observation::Certainty;
    use crate::probe::testing::stage::{Stage, play};
    use crate::world::{EchoSeries, EchoSocket};
    use serde_json::json;

    fn hop(ttl: u8, address: &str) -> Hop {
        let address: Option<IpAddr> = address.parse().ok();
        Hop { ttl, address, took: address.map(|_| Duration::from_millis(1)), said: None, is_target: false }
    }

    async fn follow(stage: Stage, port: u16) -> (Observation, Vec<(u64, Observation)>) {
        let (mut seen, emitted) = play(&PROBE, stage, json!({ "address": "10.9.0.7", "port": port })).await;
        (seen.remove(0), emitted)
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_middle_hop_is_no_fault() {
        let trace = |_| Ok(vec![hop(1, "10.0.0.1"), hop(2, ""), Hop { is_target: true, ..hop(3, "10.9.0.7") }]);
        let (seen, emitted) = follow(Stage { trace, ..Stage::default() }, 0).await;
        assert_eq!((seen.outcome, emitted.len()), (Outcome::Ok, 0));
        assert_eq!(seen.facts["hops"][2], json!({ "ttl": 3, "address": "10.9.0.7", "ms": 1.0 }));
        assert_eq!(seen.facts["hops"][1], json!({ "ttl": 2 }));
    }

    #[tokio::test(start_paused = true)]
    async fn one_router_for_every_limit() {
        let trace = |_| Ok((1..=30).map(|ttl| hop(ttl, "10.0.0.1")).collect());
        let (seen, _) = follow(Stage { trace, ..Stage::default() }, 0).await;
        assert_eq!((seen.code, &seen.facts["one_hop_for_all"]), (Some(Code::PathSilent), &json!("10.0.0.1")));
        let trace = |_| Ok(vec![hop(1, "10.0.0.1"), hop(2, "10.0.0.1"), hop(3, "10.1.0.1"), hop(4, "10.2.0.1")]);
        let (seen, _) = follow(Stage { trace, ..Stage::default() }, 0).await;
        assert_eq!(seen.facts.get("one_hop_for_all"), None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_target_that_answers_otherwise_is_reached() {
        let trace = |_| Ok(vec![hop(1, "10.0.0.1")]);
        let (seen, _) = follow(Stage { trace, connect: |_, _| Ok(()), ..Stage::default() }, 443).await;
        assert_eq!((seen.outcome, &seen.facts["reached_by"]), (Outcome::Ok, &json!("connection")));
        assert_eq!(seen.via.peer.as_deref(), Some("10.9.0.7:443"));
        let echo = |_: u32, _: u16| {
            let replies = vec![Some(Duration::from_millis(3)); 2];
            Ok(EchoSeries { socket: EchoSocket::Raw, replies, error: None })
        };
        let (seen, _) = follow(Stage { trace, echo, ..Stage::default() }, 0).await;
        assert_eq!((seen.outcome, &seen.facts["reached_by"]), (Outcome::Ok, &json!("ping")));
    }

    #[tokio::test(start_paused = true)]
    async fn silence_is_confirmed_by_a_second_trace() {
        let start = Instant::now();
        let trace =
            |call| Ok(if call < 1 { vec![hop(1, "10.0.0.1")] } else { vec![hop(1, "10.0.0.1"), hop(2, "10.1.0.1")] });
        let (seen, emitted) = follow(Stage { trace, ..Stage::default() }, 443).await;
        assert_eq!((seen.code, seen.certainty), (Some(Code::PathSilent), Some(Certainty::Confirmed)));
        assert_eq!(emitted[0].1.facts["silent_after"], 1);
        assert_eq!(seen.facts["last_address"], "10.1.0.1");
        assert!(start.elapsed() <= Duration::from_millis(3_400), "{:?}", start.elapsed());
        let (seen, _) = follow(Stage { trace: |_| Ok(Vec::new()), ..Stage::default() }, 0).await;
        assert_eq!(seen.outcome, Outcome::Unknown);
    }

    #[tokio::test(start_paused = true)]
    async fn refusals_and_loops_are_named() {
        fn refused(said: Failure, from: &str) -> Result<Vec<Hop>, String> {
            Ok(vec![hop(1, "10.0.0.1"), Hop { said: Some(said), ..hop(2, from) }])
        }
        let (seen, _) =
            follow(Stage { trace: |_| refused(Failure::Prohibited, "10.1.0.1"), ..Stage::default() }, 0).await;
        assert_eq!((seen.code, &seen.facts["from"]), (Some(Code::PathProhibited), &json!("10.1.0.1")));
        let (seen, _) =
            follow(Stage { trace: |_| refused(Failure::HostUnreachable, "10.1.0.1"), ..Stage::default() }, 0).await;
        assert_eq!(seen.code, Some(Code::PathUnreachable));
        // The address of this machine itself: its own neighbour discovery failed, which is another probe's matter.
        let (seen, _) =
            follow(Stage { trace: |_| refused(Failure::HostUnreachable, "10.0.0.2"), ..Stage::default() }, 0).await;
        assert_eq!(seen.outcome, Outcome::Unknown);
        let trace = |_| Ok((1..=9).map(|ttl| hop(ttl, if ttl % 2 == 0 { "10.1.0.1" } else { "10.0.0.1" })).collect());
        let (seen, _) = follow(Stage { trace, ..Stage::default() }, 0).await;
        assert_eq!(seen.code, Some(Code::PathLoop));
        assert!(seen.summary.contains("10.0.0.1 and 10.1.0.1"), "{}", seen.summary);
    }
}
