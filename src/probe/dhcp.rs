//! Which DHCP servers answer on the link, and whether what they offer fits what this machine has.

use super::argument::Interfaces;
use super::lease::{current, judged, own_addresses};
use super::{Burden, Contacts, Cost, Look, Probe, accepts, schema_of};
use crate::layer::Layer;
use crate::observation::{Observation, Via};
use crate::problem::Code;
use crate::sys::{Address, DhcpTerms, Lease, Link, Route};
use futures_util::future::join_all;
use ipnet::Ipv4Net;
use schemars::JsonSchema;
use serde::Serialize;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

/// The probe.
pub const PROBE: Probe = Probe {
    name: "dhcp",
    layer: Layer::Ip,
    cost: Cost::Slow,
    summary: "which DHCP servers answer on the link, and whether their offers fit the addresses here",
    about: "Broadcasts a DHCPDISCOVER with the interface's own hardware address, twice within five seconds, and collects \
            the offers; none is accepted, so that nothing changes here, and a server keeps the address that it offers \
            free for this machine for some seconds. No offer: no server, none that serves this machine, or none that is \
            let through. Offers with different networks, gateways or resolvers: one of the servers has no business \
            here. Needs CAP_NET_RAW, because a machine without an address has no other way to hear the answer. Sources: \
            RFC 2131 sections 3.1 and 4.1.",
    contacts: Contacts::NONE.and("the DHCP servers of the local network, by broadcast"),
    burden: Burden::of("two broadcasts within five seconds")
        .and_leaves("a DHCP server keeps the address that it offers free for some seconds, and logs the request"),
    codes: &[Code::DhcpNoServer, Code::DhcpSeveralServers, Code::DhcpOtherNetwork, Code::DhcpNoGateway],
    params: schema_of::<Interfaces>,
    facts: schema_of::<DhcpFacts>,
    accepts: accepts::<Interfaces>,
    run: |look| look.with(run),
};

/// Servers ping an address for up to three seconds before they offer it (dnsmasq; ISC dhcpd and Kea take one), and the
/// second question may be the one that they hear.
const WAIT: Duration = Duration::from_millis(5200);

/// What is known about the DHCP servers on one interface.
#[derive(Debug, Default, Serialize, JsonSchema)]
pub struct DhcpFacts {
    /// Interface name.
    pub interface: String,
    /// How many servers answered.
    pub servers: usize,
    /// The first that did, by the identifier in its offer.
    pub server: Option<String>,
    /// The others.
    pub other_servers: Vec<String>,
    /// Address that the first one offers.
    pub offered: Option<String>,
    /// The network of that address.
    pub network: Option<String>,
    /// Gateways that it names.
    pub routers: Vec<String>,
    /// Resolvers that it names.
    pub resolvers: Vec<String>,
    /// How long its lease would hold.
    pub lifetime_s: Option<u32>,
    /// A usable IPv4 address of the interface.
    pub own_address: Option<String>,
    /// Whether such an address lies in a network that is offered; absent where there is none or nothing is offered.
    pub fits: Option<bool>,
    /// Whether the server that gave the lease here is among those that answer; absent without a lease.
    pub giver_answers: Option<bool>,
    /// Whether the lease here was given by a server, so that its silence will be felt.
    pub leased: bool,
}

async fn run(look: &Look<'_>, interfaces: Interfaces) -> Vec<Observation> {
    let machine = &look.world.machine;
    let (links, addresses) = match (machine.links().await, machine.addresses().await) {
        (Ok(links), Ok(addresses)) => (links, addresses),
        (Err(why), _) | (_, Err(why)) => return vec![look.unknown(None, &why.to_string())],
    };
    let scene = Scene {
        addresses,
        leases: machine.leases().await.unwrap_or_default(),
        routes: machine.routes().await.unwrap_or_default(),
    };
    let looked = judged(&links, &interfaces);
    if looked.is_empty() {
        return vec![look.unknown(None, "no interface is up with carrier")];
    }
    join_all(looked.into_iter().map(|link| scene.look(look, link))).await
}

struct Scene {
    addresses: Vec<Address>,
    leases: Vec<Lease>,
    routes: Vec<Route>,
}

impl Scene {
    async fn look(&self, look: &Look<'_>, link: &Link) -> Observation {
        let name = Some(link.name.as_str());
        match look.world.machine.dhcp_offers(&link.name, look.within(WAIT)).await {
            Ok(mut offers) => {
                // Which of several answers first is luck.
                offers.sort_by_key(|offer| offer.server);
                self.judge(look, link, &offers)
            }
            Err(why) => look.unknown(name, &why.to_string()),
        }
        .via(Via { interface: Some(link.name.clone()), ..Via::default() })
    }

    fn judge(&self, look: &Look<'_>, link: &Link, offers: &[DhcpTerms]) -> Observation {
        let name = link.name.as_str();
        let facts = self.facts(link, offers);
        let Some(first) = offers.first() else { return self.silent(look, name, &facts) };
        let mut problems = Vec::new();
        if let Some(other) = offers.iter().find(|other| contradicts(first, other)) {
            let summary =
                format!("two DHCP servers on {name} contradict each other: {}; {}", words(first), words(other));
            problems.push((Code::DhcpSeveralServers, summary));
        }
        if let (Some(own), Some(false)) = (&facts.own_address, facts.fits) {
            let how = if facts.leased { "leased earlier" } else { "set by hand" };
            let summary = format!("{own} on {name} ({how}) is not of the network here: {}", words(first));
            problems.push((Code::DhcpOtherNetwork, summary));
        }
        if offers.iter().all(|offer| offer.routers.is_empty()) && !self.has_default_route(name) {
            problems
                .push((Code::DhcpNoGateway, format!("the DHCP server on {name} names no gateway: {}", words(first))));
        }
        let mut problems = problems.into_iter();
        match problems.next() {
            Some((code, summary)) => look.problem(Some(name), code, summary).also(problems.map(|(code, _)| code)),
            None => look.ok(Some(name), format!("DHCP answers on {name}: {}", words(first))),
        }
        .facts(&facts)
    }

    /// Nobody answered: a fault where an address is waited for or borrowed, and none where it was set by hand.
    fn silent(&self, look: &Look<'_>, name: &str, facts: &DhcpFacts) -> Observation {
        if facts.own_address.is_some() && !facts.leased {
            return look
                .ok(Some(name), format!("no DHCP server answers on {name}, and its address needs none"))
                .facts(facts);
        }
        let summary = format!("no DHCP server answered on {name} in {:.0} s", WAIT.as_secs_f64());
        look.problem(Some(name), Code::DhcpNoServer, summary).facts(facts)
    }

    fn facts(&self, link: &Link, offers: &[DhcpTerms]) -> DhcpFacts {
        let own: Vec<Ipv4Addr> = own_addresses(link, &self.addresses)
            .filter_map(|address| match address.net.addr() {
                IpAddr::V4(v4) => Some(v4),
                IpAddr::V6(_) => None,
            })
            .collect();
        let networks: Vec<Ipv4Net> = offers.iter().filter_map(network).collect();
        let fits = own.iter().any(|own| networks.iter().any(|network| network.contains(own)));
        let lease = current(link, &self.addresses, &self.leases)
            .filter(|lease| lease.terms.address.is_some_and(|leased| own.contains(&leased)));
        let giver = lease.and_then(|lease| lease.terms.server);
        let first = offers.first().cloned().unwrap_or_default();
        let mut names: Vec<String> = offers.iter().map(server).collect();
        names.dedup();
        DhcpFacts {
            interface: link.name.clone(),
            servers: names.len(),
            server: names.first().cloned(),
            other_servers: names.into_iter().skip(1).collect(),
            offered: first.address.map(|address| address.to_string()),
            network: network(&first).map(|network| network.to_string()),
            routers: first.routers.iter().map(ToString::to_string).collect(),
            resolvers: first.resolvers.iter().map(ToString::to_string).collect(),
            lifetime_s: first.seconds,
            own_address: own.first().map(ToString::to_string),
            fits: (!own.is_empty() && !networks.is_empty()).then_some(fits),
            giver_answers: giver
                .filter(|_| !offers.is_empty())
                .map(|giver| offers.iter().any(|offer| offer.server == Some(giver))),
            leased: lease.is_some(),
        }
    }

    fn has_default_route(&self, interface: &str) -> bool {
        self.routes.iter().any(|route| route.is_default() && route.interface.as_deref() == Some(interface))
    }
}

/// The network of an offer.
fn network(offer: &DhcpTerms) -> Option<Ipv4Net> {
    Some(Ipv4Net::new(offer.address?, offer.prefix_length?).ok()?.trunc())
}

/// Whether two offers lead to different places. Servers that share the work differ in the address alone, and may name
/// the same resolvers in another order.
fn contradicts(one: &DhcpTerms, other: &DhcpTerms) -> bool {
    let sorted = |addresses: &[Ipv4Addr]| {
        let mut sorted = addresses.to_vec();
        sorted.sort_unstable();
        sorted
    };
    one.server != other.server
        && (network(one) != network(other)
            || sorted(&one.routers) != sorted(&other.routers)
            || sorted(&one.resolvers) != sorted(&other.resolvers))
}

fn server(offer: &DhcpTerms) -> String {
    offer.server.map_or_else(|| "a server without a name".to_owned(), |server| server.to_string())
}

/// An offer in words.
fn words(offer: &DhcpTerms) -> String {
    let list = |addresses: &[Ipv4Addr]| match addresses {
        [] => "none".to_owned(),
        some => some.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "),
    };
    let network = network(offer).map_or_else(|| "an address without a mask".to_owned(), |network| network.to_string());
    format!(
        "{} offers {network}, gateway {}, resolvers {}",
        server(offer),
        list(&offer.routers),
        list(&offer.resolvers)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observation::Outcome;
    use crate::probe::testing::told::{Told, address, cable, look, route};
    use serde_json::json;

    fn offer(server: &str, address: &str, routers: &[&str]) -> DhcpTerms {
        DhcpTerms {
            address: address.parse().ok(),
            prefix_length: Some(24),
            server: server.parse().ok(),
            routers: routers.iter().filter_map(|router| router.parse().ok()).collect(),
            resolvers: vec![[198, 51, 100, 53].into()],
            seconds: Some(3600),
        }
    }

    fn leased(address: &str, server: &str) -> Vec<Lease> {
        let terms = DhcpTerms { address: address.parse().ok(), server: server.parse().ok(), ..DhcpTerms::default() };
        vec![Lease { interface: "eth0".into(), source: "dhcpcd".into(), terms, ends_in_s: Some(100) }]
    }

    async fn seen(own: &[&str], leases: Vec<Lease>, offers: Option<Vec<DhcpTerms>>) -> Observation {
        let addresses = own.iter().map(|net| address("eth0", net)).collect();
        let told = Told { links: vec![cable("eth0")], addresses, leases, offers, ..Told::default() };
        look(&PROBE, told, json!({})).await.1.remove(0)
    }

    #[tokio::test]
    async fn offers_are_held_against_what_is_there() {
        let good = || offer("192.0.2.1", "192.0.2.50", &["192.0.2.1"]);
        let rogue = || offer("192.0.2.66", "10.0.0.5", &["10.0.0.1"]);
        let partner = || offer("192.0.2.2", "192.0.2.150", &["192.0.2.1"]);
        for (own, offers, outcome, code) in [
            (&[][..], vec![], Outcome::Problem, Some(Code::DhcpNoServer)),
            (&["192.0.2.9/24"], vec![], Outcome::Ok, None),
            (&[], vec![good()], Outcome::Ok, None),
            (&["192.0.2.9/24"], vec![good(), partner()], Outcome::Ok, None),
            (&[], vec![good(), rogue()], Outcome::Problem, Some(Code::DhcpSeveralServers)),
            (&["172.16.3.4/16"], vec![good()], Outcome::Problem, Some(Code::DhcpOtherNetwork)),
            (&["169.254.3.4/16"], vec![good()], Outcome::Ok, None),
            (&[], vec![offer("192.0.2.1", "192.0.2.50", &[])], Outcome::Problem, Some(Code::DhcpNoGateway)),
        ] {
            let what = format!("{own:?} {offers:?}");
            let seen = seen(own, vec![], Some(offers)).await;
            assert_eq!((seen.outcome, seen.code), (outcome, code), "{what}: {}", seen.summary);
        }
    }

    #[tokio::test]
    async fn a_lease_makes_silence_a_fault_and_a_stranger_visible() {
        let silent = seen(&["192.0.2.50/24"], leased("192.0.2.50", "192.0.2.1"), Some(vec![])).await;
        assert_eq!(silent.code, Some(Code::DhcpNoServer));
        let other = vec![offer("192.0.2.66", "192.0.2.70", &["192.0.2.1"])];
        let stranger = seen(&["192.0.2.50/24"], leased("192.0.2.50", "192.0.2.1"), Some(other)).await;
        assert_eq!((stranger.outcome, &stranger.facts["giver_answers"]), (Outcome::Ok, &json!(false)));
    }

    #[tokio::test]
    async fn without_the_right_it_is_unknown_and_a_route_needs_no_gateway_of_dhcp() {
        assert_eq!(seen(&[], vec![], None).await.outcome, Outcome::Unknown);
        let told = Told {
            links: vec![cable("eth0")],
            addresses: vec![address("eth0", "192.0.2.9/24")],
            routes: vec![route("default", Some("192.0.2.1"), "eth0", None)],
            offers: Some(vec![offer("192.0.2.1", "192.0.2.50", &[])]),
            ..Told::default()
        };
        assert_eq!(look(&PROBE, told, json!({})).await.1[0].outcome, Outcome::Ok);
    }
}
