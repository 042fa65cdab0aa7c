//! Path MTU: whether full-size packets reach the target, and whether somebody says so where they do not.

use super::argument::{self, Addresses};
use super::{Burden, Contacts, Cost, Look, Probe, accepts, schema_of};
use crate::layer::Layer;
use crate::observation::Observation;
use crate::problem::Code;
use crate::world::PathMtu;
use futures_util::future::join;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::net::IpAddr;
use std::time::Duration;
use tokio::time::{Instant, sleep_until};

/// The probe.
pub const PROBE: Probe = Probe {
    name: "mtu",
    layer: Layer::Path,
    cost: Cost::Slow,
    summary: "finds the largest packet that reaches the target",
    about: "Sends packets of several sizes that may not be cut in pieces: echo requests where the target answers them, \
        else UDP datagrams to a closed port. A black hole is called one only where small packets are answered, \
        full-size ones vanish three times without a word, and the same is seen again a second later. Needs no rights \
        (Linux). Sources: RFC 1191, RFC 8201, RFC 4821, RFC 8899, RFC 2923 section 2.1.",
    contacts: Contacts::named(&["address", "addresses"]).and("the hops on the way"),
    burden: Burden::of("packets of up to the size of the link, some at a time, for some four seconds")
        .and_leaves("the system may remember a smaller packet size for that way"),
    codes: &[Code::PathMtuBlackHole, Code::PathMtuReduced],
    params: schema_of::<Params>,
    facts: schema_of::<MtuFacts>,
    accepts: accepts::<Params>,
    run: |look| look.with(run),
};

/// One search takes no longer than this; two of them fit into three seconds where the round trip is short.
const SEARCH: Duration = Duration::from_millis(2_500);
/// The second look is made this long after the start of the first: loss comes in bursts.
const AGAIN_AFTER: Duration = Duration::from_millis(1_000);
/// The least that IPv6 asks of every link (RFC 8200 section 5), and less than any sound IPv4 tunnel leaves.
const LEAST_BYTES: u32 = 1_280;

/// Arguments of the `mtu` probe.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Params {
    /// IP addresses to reach, all at once.
    addresses: Addresses,
    /// One more IP address.
    address: Addresses,
}

/// Facts of the `mtu` probe, for each address.
#[derive(Debug, Serialize, JsonSchema)]
pub struct MtuFacts {
    /// IP address.
    address: String,
    /// The largest IP packet that was answered.
    works_bytes: Option<u32>,
    /// The smallest IP packet that was not.
    fails_bytes: Option<u32>,
    /// The limit that a router or this machine named.
    reported_bytes: Option<u32>,
    /// Who named it; absent where this machine knew it by itself.
    reported_by: Option<String>,
    /// MTU of this machine's interface towards the target.
    link_mtu_bytes: Option<u32>,
    /// Whether the target answers probes of this kind at all.
    answers: bool,
    /// The largest packet that came back from the target, where larger ones get there and their answers are lost.
    returns_bytes: Option<u32>,
}

async fn run(look: &Look<'_>, params: Params) -> Vec<Observation> {
    let all = Addresses([&params.addresses.0[..], &params.address.0[..]].concat());
    argument::each_address(look, &all, |address| one(look, address)).await
}

async fn one(look: &Look<'_>, address: IpAddr) -> Observation {
    let start = Instant::now();
    let search = || look.world.network.path_mtu(address, look.within(SEARCH));
    let (found, (via, link_mtu)) = join(search(), context(look, address)).await;
    let judged = |found: &PathMtu| conclude(look, address, found, link_mtu).via(via.clone());
    let found = match found {
        Ok(found) => found,
        Err(reason) => return look.unknown(Some(&address.to_string()), &reason).via(via),
    };
    if !is_black_hole(&found) {
        return judged(&found);
    }
    (look.emit)(judged(&found).suspected());
    sleep_until((start + AGAIN_AFTER).min(look.deadline)).await;
    match search().await {
        Ok(again) if is_black_hole(&again) => judged(&both(&found, again)),
        // The second look may have been cut short; what was seen once stays a suspicion.
        Ok(again) if again.works.is_none() => judged(&found).suspected(),
        Ok(again) => judged(&again),
        Err(_) => judged(&found).suspected(),
    }
}

/// What is used towards the target, and the MTU of its interface.
async fn context(look: &Look<'_>, address: IpAddr) -> (crate::observation::Via, Option<u32>) {
    let (mut via, links) = join(look.world.via(address), look.world.machine.links()).await;
    via.peer = Some(address.to_string());
    let link = links.unwrap_or_default().into_iter().find(|link| Some(&link.name) == via.interface.as_ref());
    (via, link.and_then(|link| link.mtu))
}

/// What two searches say together. Whatever was answered once gets through; what vanished below that was lost by chance,
/// so that lost packets do not move the limit unless both searches lose the same one.
fn both(first: &PathMtu, second: PathMtu) -> PathMtu {
    let works = first.works.max(second.works);
    let fails = [first.fails, second.fails].into_iter().flatten().filter(|fails| Some(*fails) > works).min();
    PathMtu { works, fails, ..second }
}

/// Small packets pass, larger ones vanish, and nobody names the limit at which they do.
fn is_black_hole(found: &PathMtu) -> bool {
    let (Some(works), Some(fails)) = (found.works, found.fails) else { return false };
    found.reported.is_none_or(|(reported, _)| reported >= fails && works < reported)
}

fn conclude(look: &Look<'_>, address: IpAddr, found: &PathMtu, link_mtu: Option<u32>) -> Observation {
    let subject = address.to_string();
    let by = found.reported.and_then(|(_, from)| from);
    let facts = MtuFacts {
        address: subject.clone(),
        works_bytes: found.works,
        fails_bytes: found.fails,
        reported_bytes: found.reported.map(|(mtu, _)| mtu),
        reported_by: by.map(|from| from.to_string()),
        link_mtu_bytes: link_mtu,
        answers: found.answers,
        returns_bytes: found.returns,
    };
    let named = by.map_or("this machine".to_owned(), |from| from.to_string());
    let observation = match (found.works, found.fails, found.reported) {
        (Some(works), Some(fails), _) if is_black_hole(found) => {
            let summary = format!(
                "packets of {fails} bytes and more to {subject} vanish and nobody says so; {works} bytes arrive"
            );
            look.problem(Some(&subject), Code::PathMtuBlackHole, summary)
        }
        (_, _, Some((mtu, _))) if mtu < LEAST_BYTES => {
            let summary = format!("{named} lets packets of at most {mtu} bytes through to {subject}");
            look.problem(Some(&subject), Code::PathMtuReduced, summary)
        }
        (_, _, Some((mtu, _))) => {
            look.ok(Some(&subject), format!("the path to {subject} takes {mtu} bytes, and {named} says so"))
        }
        (Some(works), _, None) if found.returns.is_some() => {
            let back = found.returns.unwrap_or_default();
            let words =
                format!("packets of {works} bytes reach {subject}; of its answers to pings, {back} bytes come back");
            look.ok(Some(&subject), words)
        }
        (Some(works), _, None) => {
            look.ok(Some(&subject), format!("packets of {works} bytes reach {subject} in one piece"))
        }
        (None, _, None) => look.unknown(Some(&subject), &format!("{subject} does not answer probes")),
    };
    observation.facts(&facts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observation::{Certainty, Outcome};
    use crate::probe::testing::stage::{Stage, play};
    use serde_json::json;

    async fn search(path_mtu: fn(u32) -> Result<PathMtu, String>) -> (Observation, Vec<(u64, Observation)>) {
        let (mut seen, emitted) =
            play(&PROBE, Stage { path_mtu, ..Stage::default() }, json!({ "address": "10.9.0.7" })).await;
        (seen.remove(0), emitted)
    }

    fn found(works: Option<u32>, fails: Option<u32>, reported: Option<(u32, &str)>) -> PathMtu {
        let reported = reported.map(|(mtu, from)| (mtu, from.parse().ok()));
        PathMtu { works, fails, reported, answers: works.is_some(), returns: None }
    }

    #[tokio::test(start_paused = true)]
    async fn a_black_hole_is_seen_twice() {
        let start = Instant::now();
        let (seen, emitted) = search(|_| Ok(found(Some(1400), Some(1401), None))).await;
        assert_eq!((seen.code, seen.certainty), (Some(Code::PathMtuBlackHole), Some(Certainty::Confirmed)));
        assert_eq!((&seen.facts["works_bytes"], &seen.facts["fails_bytes"]), (&json!(1400), &json!(1401)));
        assert_eq!(emitted[0].1.certainty, Some(Certainty::Suspected));
        assert!(start.elapsed() >= Duration::from_millis(1_300) && start.elapsed() < Duration::from_secs(2));
        let (seen, emitted) = search(|call| {
            Ok(if call == 0 { found(Some(576), Some(1500), None) } else { found(Some(1500), None, None) })
        })
        .await;
        assert_eq!((seen.outcome, emitted.len()), (Outcome::Ok, 1));
    }

    #[tokio::test(start_paused = true)]
    async fn a_lost_packet_does_not_move_the_limit() {
        let exact = || found(Some(1400), Some(1401), None);
        let low = || found(Some(1350), Some(1360), None);
        for searches in [[exact(), low()], [low(), exact()], [exact(), exact()]] {
            let [first, second] = searches;
            let together = both(&first, second);
            assert_eq!((together.works, together.fails), (Some(1400), Some(1401)));
        }
        let (seen, _) = search(|call| {
            Ok(if call == 0 { found(Some(1400), Some(1401), None) } else { found(Some(1350), Some(1360), None) })
        })
        .await;
        assert_eq!((&seen.facts["works_bytes"], &seen.facts["fails_bytes"]), (&json!(1400), &json!(1401)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_limit_that_somebody_names_is_no_fault_unless_it_is_tiny() {
        let (seen, _) = search(|_| Ok(found(Some(1400), Some(1401), Some((1400, "10.0.0.1"))))).await;
        assert_eq!((seen.outcome, &seen.facts["reported_by"]), (Outcome::Ok, &json!("10.0.0.1")));
        let (seen, _) = search(|_| Ok(found(Some(1000), Some(1001), Some((1000, "10.0.0.1"))))).await;
        assert_eq!(seen.code, Some(Code::PathMtuReduced));
        // The first router names its limit, and beyond it there is a black hole all the same.
        let (seen, _) = search(|_| Ok(found(Some(1300), Some(1301), Some((1400, "10.0.0.1"))))).await;
        assert_eq!(seen.code, Some(Code::PathMtuBlackHole));
    }

    #[tokio::test(start_paused = true)]
    async fn silence_and_inability_are_unknown() {
        let (seen, _) = search(|_| Ok(found(None, None, None))).await;
        assert_eq!(seen.outcome, Outcome::Unknown);
        let (seen, _) = search(|_| Err("unsupported here".to_owned())).await;
        assert_eq!(seen.reason.as_deref(), Some("unsupported here"));
        let (seen, _) = search(|_| Ok(found(None, None, Some((1400, "10.0.0.1"))))).await;
        assert_eq!(seen.outcome, Outcome::Ok);
    }
}
