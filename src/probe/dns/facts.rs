//! The facts that the probe reports for one server.

use super::asked::{Asked, Tcp, Word};
use super::judge::address::{is_bogon, share_network};
use super::judge::{self, Case};
use schemars::JsonSchema;
use serde::Serialize;
use std::net::IpAddr;
use std::time::Duration;

/// What was seen of one resolver. Facts that were not seen are absent.
#[derive(Debug, Clone, Default, Serialize, JsonSchema)]
pub struct DnsFacts {
    /// The server, with its port where that is not 53.
    pub server: String,
    /// Its place among the servers asked, from 1; programs ask the first one first.
    pub position: usize,
    /// Where it is configured.
    pub source: Option<String>,
    /// Whether it stands behind a local stub resolver, so that programs do not ask it themselves.
    pub behind_stub: bool,
    /// Where it is a local stub itself: the servers behind it that it asks for this name.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub upstream: Vec<String>,
    /// The name that was asked for, with its suffix.
    pub name: String,
    /// `qualified`, `single_label` or `multicast` (below `.local`).
    pub name_kind: String,
    /// The response code's word: `NOERROR`, `NXDOMAIN`, `SERVFAIL`, `REFUSED` ...
    pub rcode: Option<String>,
    /// Addresses, IPv4 first as the types were asked.
    pub addresses: Option<Vec<IpAddr>>,
    /// Aliases on the way to the addresses.
    pub cname: Option<Vec<String>>,
    /// Records of other types, as text.
    pub records: Option<Vec<String>>,
    /// Smallest time to live, in seconds.
    pub ttl_s: Option<u32>,
    /// Whether the server speaks for the zone.
    pub authoritative: Option<bool>,
    /// Whether the answer over UDP did not fit.
    pub truncated: Option<bool>,
    /// Whether the server recurses.
    pub recursion_available: Option<bool>,
    /// Milliseconds until the answer that counted.
    pub took_ms: Option<f64>,
    /// Milliseconds of the quickest answer.
    pub quickest_ms: Option<f64>,
    /// Milliseconds without any answer.
    pub waited_ms: Option<f64>,
    /// Queries for the name over UDP, repeats included.
    pub queries: Option<u32>,
    /// How many of them got an answer.
    pub answered: Option<u32>,
    /// Types that got no answer although the server answered others.
    pub silent_types: Option<Vec<String>>,
    /// Types that failed although the first did not, with their response code.
    pub failed_types: Option<Vec<String>>,
    /// What TCP to the same port came to.
    pub tcp: Option<Tcp>,
    /// The server answers only queries without EDNS.
    pub without_edns: Option<bool>,
    /// What the network said instead of an answer: `refused` (port closed), `network_unreachable`,
    /// `host_unreachable`, `prohibited`, `time_exceeded`, `no_source`, `local_denied`.
    pub failure: Option<String>,
    /// The router that said so.
    pub refused_by: Option<String>,
    /// What was wrong with a malformed answer.
    pub malformed: Option<String>,
    /// The interface that the server belongs to, or else is reached by.
    pub interface: Option<String>,
    /// The interface that the route to it leaves by; `absent` where there is no route.
    pub route_interface: Option<String>,
    /// Whether it is reached without a gateway.
    pub on_link: Option<bool>,
    /// Whether it is on this machine.
    pub loopback: bool,
    /// Whether it is one of those that the site expects, where it expects some.
    pub expected: Option<bool>,
    /// Whether the route leads into a tunnel.
    pub tunnel: Option<bool>,
    /// Another server that answered while this one was silent.
    pub sibling: Option<String>,
    /// How fast that one answered, in milliseconds.
    pub sibling_took_ms: Option<f64>,
    /// The control name, where there is one.
    pub control_name: Option<String>,
    /// The response code for it, where it was asked.
    pub control_rcode: Option<String>,
    /// Whether the server gave a final word about the control name (NOERROR or NXDOMAIN).
    pub control_answered: Option<bool>,
    /// The response code for a random name that cannot exist.
    pub random_rcode: Option<String>,
    /// The addresses invented for that name.
    pub random_addresses: Option<Vec<IpAddr>>,
    /// Addresses that no public name should have.
    pub bogons: Option<Vec<IpAddr>>,
    /// The server whose answer is set beside this one.
    pub other_server: Option<String>,
    /// Its response code.
    pub other_rcode: Option<String>,
    /// Its addresses.
    pub other_addresses: Option<Vec<IpAddr>>,
    /// Whether both answers share an address or its network (/24 or /48).
    pub other_agrees: Option<bool>,
    /// The suffix behind a short name that this machine does not search by itself.
    pub suffix: Option<String>,
}

/// A time as a fact: milliseconds with one decimal.
pub(super) fn ms(time: Duration) -> f64 {
    (time.as_secs_f64() * 10_000.0).round() / 10.0
}

/// Fills in what came of asking.
pub(super) fn of(asked: &Asked, case: &Case, common: DnsFacts) -> DnsFacts {
    let answer = judge::deciding(asked);
    let addresses = judge::addresses(asked);
    let records = judge::records(asked);
    let (silent_types, failed_types) = judge::other_types(asked);
    let bogons: Vec<IpAddr> = addresses.iter().copied().filter(|address| is_bogon(*address)).collect();
    let other = case.other.as_ref();
    let facts = DnsFacts {
        rcode: answer.map(|answer| answer.rcode.clone()),
        cname: answer.map(|answer| answer.cname.clone()).and_then(filled),
        records: filled(records),
        ttl_s: answer.and_then(|answer| answer.ttl_s),
        authoritative: answer.map(|answer| answer.authoritative),
        truncated: answer.map(|answer| answer.truncated),
        recursion_available: answer.map(|answer| answer.recursion_available),
        took_ms: asked.took.map(ms),
        quickest_ms: asked.quickest.map(ms),
        waited_ms: asked.silent.map(|silent| ms(silent.waited)),
        queries: Some(asked.queries),
        answered: Some(asked.answered),
        silent_types: filled(silent_types),
        failed_types: filled(failed_types),
        tcp: Some(asked.tcp),
        without_edns: asked.without_edns.then_some(true),
        failure: failure(asked),
        malformed: malformed(asked),
        sibling: asked.silent.and_then(|silent| silent.sibling).map(|sibling| super::server_text(sibling.server)),
        sibling_took_ms: asked.silent.and_then(|silent| silent.sibling).map(|sibling| ms(sibling.took)),
        control_rcode: asked.control.as_ref().map(word),
        control_answered: asked.control.as_ref().map(Word::is_about_name),
        random_rcode: asked.random.as_ref().map(word),
        random_addresses: filled(judge::invented(asked).to_vec()),
        bogons: filled(bogons),
        other_server: other.map(|other| other.server.clone()),
        other_rcode: other.map(|other| other.rcode.clone()),
        other_addresses: other.map(|other| other.addresses.clone()),
        other_agrees: other.map(|other| share_network(&addresses, &other.addresses)),
        suffix: case.foreign_suffix.clone(),
        ..common
    };
    DnsFacts { addresses: answer.map(|_| addresses), ..facts }
}

fn filled<T>(list: Vec<T>) -> Option<Vec<T>> {
    (!list.is_empty()).then_some(list)
}

/// A side question's word: the response code, or what came instead.
fn word(word: &Word) -> String {
    match word {
        Word::Answer(answer) => answer.rcode.clone(),
        Word::Garbage(_) => "malformed".to_owned(),
        Word::Failure(failure) => failure.word().to_owned(),
        Word::Silence | Word::Cut => "timeout".to_owned(),
    }
}

fn failure(asked: &Asked) -> Option<String> {
    match &asked.word {
        Word::Failure(failure) => Some(failure.word().to_owned()),
        _ => None,
    }
}

fn malformed(asked: &Asked) -> Option<String> {
    match &asked.word {
        Word::Garbage(why) => Some(why.clone()),
        _ => None,
    }
}
