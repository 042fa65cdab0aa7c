//! The name as programs look it up: through the hosts file, the name service switch, caches and the resolver library,
//! in the order that programs then try. It differs from asking the servers directly by design, and showing both is the
//! point: a library that asks several servers hides a dead first one, and a wrong hosts line hides the servers.

use super::attempt::SUSPECTED;
use super::{Burden, Contacts, Cost, Look, Probe, accepts, schema_of};
use crate::layer::Layer;
use crate::observation::Observation;
use crate::problem::Code;
use crate::world::LookupFailure;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::net::IpAddr;
use std::pin::pin;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// How long programs' lookup is waited for: long enough to see that it is not merely slow, short of the five seconds
/// after which the C library asks its next server.
const WAIT_MS: u64 = 3000;
/// A lookup that still waits after this is suspected: the same time as for a silent server without a control.
const SUSPECT: Duration = SUSPECTED;
/// An answer after this is slow; judgement: people notice a second, and the C library's first fallback takes five.
const SLOW: Duration = Duration::from_millis(1000);
/// A failure sooner than this is tried once more, because it cost nothing; a later one has been repeated by the
/// resolver library itself.
const QUICK: Duration = Duration::from_millis(1000);
/// Addresses that are kept at most.
const MOST_ADDRESSES: usize = 64;

/// The probe.
pub const PROBE: Probe = Probe {
    name: "lookup",
    layer: Layer::Dns,
    cost: Cost::Network,
    summary: "looks a name up as programs on this machine do",
    about: "Calls the system's own name lookup (getaddrinfo) in a child process that can be killed, so hosts file, \
        nsswitch, caches, search list and all configured servers take part as they do for programs. Sends whatever the \
        system sends. Needs no rights. A static binary without the system's name service answers `unknown`.",
    contacts: Contacts::named(&["name"]).and("whom the system's own name service asks"),
    burden: Burden::of("what the system sends for one name")
        .and_leaves("the caches of the system and of its resolvers may keep the answer"),
    codes: &[Code::DnsLookupFailed, Code::DnsLookupTimeout, Code::DnsLookupSlow],
    params: schema_of::<Params>,
    facts: schema_of::<LookupFacts>,
    accepts: accepts::<Params>,
    run: |look| look.with(run),
};

/// What is looked up.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Params {
    /// The name. An address is `ok` at once.
    pub name: String,
    /// How long to wait, in milliseconds.
    pub wait_ms: u64,
}

impl Default for Params {
    fn default() -> Self {
        Params { name: String::new(), wait_ms: WAIT_MS }
    }
}

/// What programs get.
#[derive(Debug, Clone, Default, Serialize, JsonSchema)]
pub struct LookupFacts {
    /// The name.
    pub name: String,
    /// The addresses, in the order in which programs try them.
    pub addresses: Option<Vec<IpAddr>>,
    /// `hosts` where the hosts file holds the name, else `dns` (or another source of the name service switch).
    pub source: Option<String>,
    /// The family that programs try first: `ipv4` or `ipv6`.
    pub first_family: Option<String>,
    /// Milliseconds that it took, or that were waited.
    pub took_ms: Option<f64>,
    /// Why there is no address: `not_found`, `try_again`, `failed`, `timeout`.
    pub error: Option<String>,
    /// How often it was tried.
    pub tries: Option<u32>,
}

async fn run(look: &Look<'_>, params: Params) -> Vec<Observation> {
    let name = params.name.trim().trim_matches(['[', ']']);
    if name.is_empty() {
        return vec![look.unknown(None, "there is no name to look up")];
    }
    if let Ok(address) = name.parse::<IpAddr>() {
        let facts = LookupFacts { name: name.to_owned(), addresses: Some(vec![address]), ..LookupFacts::default() };
        return vec![look.ok(None, format!("{name} is an address and needs no lookup")).facts(&facts)];
    }
    let start = Instant::now();
    let wait = look.within(Duration::from_millis(params.wait_ms));
    let mut answer = watched(look, name, wait, start).await;
    let mut tries = 1;
    let worth_repeating = matches!(&answer, Err(LookupFailure::TryAgain | LookupFailure::Failed));
    if worth_repeating && start.elapsed() < QUICK {
        answer = watched(look, name, wait.saturating_sub(start.elapsed()), start).await;
        tries += 1;
    }
    // A repeated lookup took all that was waited.
    let took = match &answer {
        Ok((_, took)) if tries == 1 => *took,
        _ => start.elapsed(),
    };
    let facts = LookupFacts {
        name: name.to_owned(),
        took_ms: Some(milliseconds(took)),
        tries: Some(tries),
        ..LookupFacts::default()
    };
    let whole_wait = wait >= Duration::from_millis(params.wait_ms);
    let answer = answer.map(|(addresses, _)| addresses);
    vec![report(look, answer, facts, took, whole_wait, source(look, name).await)]
}

/// Waits for the lookup, and says so once when it takes suspiciously long.
async fn watched(
    look: &Look<'_>,
    name: &str,
    wait: Duration,
    start: Instant,
) -> Result<(Vec<IpAddr>, Duration), LookupFailure> {
    let mut lookup = pin!(look.world.network.shared_lookup(name, wait));
    tokio::select! {
        biased;
        answer = &mut lookup => return answer,
        () = sleep(SUSPECT.saturating_sub(start.elapsed())) => {}
    }
    let facts = LookupFacts {
        name: name.to_owned(),
        took_ms: Some(milliseconds(start.elapsed())),
        error: Some("timeout".to_owned()),
        ..LookupFacts::default()
    };
    let summary = format!("programs have waited {:.1} s for {name} without an answer", start.elapsed().as_secs_f64());
    (look.emit)(look.problem(None, Code::DnsLookupTimeout, summary).suspected().facts(&facts));
    lookup.await
}

/// Where programs find the name.
async fn source(look: &Look<'_>, name: &str) -> String {
    let hosts = look.world.machine.hosts().await.unwrap_or_default();
    let wanted = name.trim_end_matches('.');
    let is_there = hosts.iter().any(|entry| entry.names.iter().any(|name| name.eq_ignore_ascii_case(wanted)));
    if is_there { "hosts" } else { "dns" }.to_owned()
}

fn report(
    look: &Look<'_>,
    answer: Result<Vec<IpAddr>, LookupFailure>,
    facts: LookupFacts,
    took: Duration,
    whole_wait: bool,
    source: String,
) -> Observation {
    let name = facts.name.clone();
    let failed = |code: Code, error: &str, summary: String| {
        look.problem(None, code, summary).facts(&LookupFacts { error: Some(error.to_owned()), ..facts.clone() })
    };
    let took_ms = took.as_secs_f64() * 1000.0;
    match answer {
        Ok(addresses) if addresses.is_empty() => {
            failed(Code::DnsLookupFailed, "not_found", format!("programs get no address for {name}"))
        }
        Ok(addresses) => {
            let summary = format!("programs get {} for {name} in {took_ms:.0} ms, from {source}", list(&addresses));
            let facts = LookupFacts {
                first_family: Some(if addresses[0].is_ipv4() { "ipv4" } else { "ipv6" }.to_owned()),
                addresses: Some(addresses.into_iter().take(MOST_ADDRESSES).collect()),
                source: Some(source),
                ..facts
            };
            if took > SLOW {
                look.problem(None, Code::DnsLookupSlow, summary).facts(&facts)
            } else {
                look.ok(None, summary).facts(&facts)
            }
        }
        Err(LookupFailure::NotFound) => {
            failed(Code::DnsLookupFailed, "not_found", format!("programs get no address for {name}: it is not found"))
        }
        Err(LookupFailure::TryAgain) => failed(
            Code::DnsLookupFailed,
            "try_again",
            format!("programs get no address for {name}: no resolver answered ({took_ms:.0} ms)"),
        ),
        Err(LookupFailure::Failed) => {
            failed(Code::DnsLookupFailed, "failed", format!("programs get no address for {name}: the resolver failed"))
        }
        Err(LookupFailure::Timeout) if !whole_wait && took < SUSPECT => {
            look.unknown(None, "the time was over before the lookup could answer")
        }
        Err(LookupFailure::Timeout) => {
            let summary = format!("programs waited {:.1} s for {name} without an answer", took.as_secs_f64());
            let observation = failed(Code::DnsLookupTimeout, "timeout", summary);
            if whole_wait { observation } else { observation.suspected() }
        }
        Err(LookupFailure::Unsupported(why)) => look.unknown(None, &why).facts(&facts),
    }
}

fn list(addresses: &[IpAddr]) -> String {
    let shown: Vec<String> = addresses.iter().take(2).map(IpAddr::to_string).collect();
    match addresses.len().saturating_sub(2) {
        0 => shown.join(" and "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

fn milliseconds(took: Duration) -> f64 {
    (took.as_secs_f64() * 10_000.0).round() / 10.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observation::{Certainty, Outcome};
    use crate::probe::testing;
    use crate::sys::{HostsEntry, Known, Machine};
    use crate::world::{Connection, Dial, EchoSeries, Failure, Hop, Network, PathMtu, Reply};
    use async_trait::async_trait;
    use serde_json::json;
    use std::net::SocketAddr;

    /// Answers with this after so long.
    struct Names(Duration, Result<Vec<IpAddr>, LookupFailure>);

    #[async_trait(?Send)]
    impl Network for Names {
        async fn connect(&self, _: SocketAddr, _: &Dial) -> Result<Connection, Failure> {
            Err(Failure::Timeout)
        }
        async fn exchange(&self, _: SocketAddr, _: &[u8], _: &Dial) -> Result<Reply, Failure> {
            Err(Failure::Timeout)
        }
        async fn echo(&self, _: IpAddr, _: u16, _: Duration, _: Duration, _: usize) -> Result<EchoSeries, String> {
            Err(String::new())
        }
        async fn trace(&self, _: IpAddr, _: u16, _: u8, _: Duration) -> Result<Vec<Hop>, String> {
            Err(String::new())
        }
        async fn path_mtu(&self, _: IpAddr, _: Duration) -> Result<PathMtu, String> {
            Err(String::new())
        }
        async fn who_refuses(&self, _: SocketAddr, _: Duration) -> Option<(Failure, IpAddr)> {
            None
        }
        async fn lookup(&self, _: &str, wait: Duration) -> Result<Vec<IpAddr>, LookupFailure> {
            sleep(self.0.min(wait)).await;
            if self.0 > wait { Err(LookupFailure::Timeout) } else { self.1.clone() }
        }
    }

    struct OneLine;

    #[async_trait(?Send)]
    impl Machine for OneLine {
        async fn hosts(&self) -> Known<Vec<HostsEntry>> {
            Ok(vec![HostsEntry {
                address: "10.0.0.9".parse().expect("an address"),
                names: vec!["Old.test".to_owned()],
                line: 4,
            }])
        }
    }

    async fn look(name: &str, network: Names, deadline: Duration) -> (Observation, Vec<Observation>) {
        let world = testing::world(OneLine, network);
        let (mut last, emitted) = testing::look(&PROBE, &world, json!({ "name": name }), deadline).await.both();
        (last.remove(0), emitted)
    }

    const LONG: Duration = Duration::from_secs(30);

    fn addresses() -> Result<Vec<IpAddr>, LookupFailure> {
        Ok(vec!["fd00::7".parse().expect("an address"), "10.0.0.7".parse().expect("an address")])
    }

    #[tokio::test(start_paused = true)]
    async fn what_programs_feel_is_told_apart() {
        let failure = |failure| Err(failure);
        let table = [
            (10, addresses(), None),
            (1200, addresses(), Some(Code::DnsLookupSlow)),
            (9000, addresses(), Some(Code::DnsLookupTimeout)),
            (10, Ok(Vec::new()), Some(Code::DnsLookupFailed)),
            (10, failure(LookupFailure::NotFound), Some(Code::DnsLookupFailed)),
            (10, failure(LookupFailure::TryAgain), Some(Code::DnsLookupFailed)),
            (10, failure(LookupFailure::Failed), Some(Code::DnsLookupFailed)),
        ];
        for (took, answer, code) in table {
            let network = Names(Duration::from_millis(took), answer);
            let (last, emitted) = look("crm.test", network, LONG).await;
            assert_eq!(last.code, code, "{last:#?}");
            assert_eq!(emitted.len(), usize::from(took > 1400), "a suspicion only where it waits: {took}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn facts_say_order_source_and_tries() {
        let (last, _) = look("OLD.test.", Names(Duration::ZERO, addresses()), LONG).await;
        assert_eq!(last.facts["source"], "hosts");
        assert_eq!(last.facts["first_family"], "ipv6");
        assert_eq!(last.facts["addresses"], json!(["fd00::7", "10.0.0.7"]));
        let (last, _) = look("crm.test", Names(Duration::ZERO, Err(LookupFailure::TryAgain)), LONG).await;
        assert_eq!((&last.facts["tries"], &last.facts["error"]), (&json!(2), &json!("try_again")));
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_not_seen_is_not_said() {
        let unsupported = Err(LookupFailure::Unsupported("static binary".to_owned()));
        let (last, _) = look("crm.test", Names(Duration::ZERO, unsupported), LONG).await;
        assert_eq!((last.outcome, last.reason.as_deref()), (Outcome::Unknown, Some("static binary")));
        let (last, _) = look("crm.test", Names(LONG, addresses()), Duration::from_millis(400)).await;
        assert_eq!(last.outcome, Outcome::Unknown, "the deadline is no answer");
        let (last, _) = look("crm.test", Names(LONG, addresses()), Duration::from_millis(2000)).await;
        assert_eq!(last.certainty, Some(Certainty::Suspected));
        let (last, _) = look("10.0.0.7", Names(LONG, addresses()), LONG).await;
        assert_eq!(last.outcome, Outcome::Ok);
    }
}
