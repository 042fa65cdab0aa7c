//! The machine's own addresses: none, only self-assigned, tentative, used twice, or not matching the gateway.

use super::link::{carries_traffic, is_running};
use super::{Burden, Contacts, Cost, Look, Probe, accepts, schema_of};
use crate::layer::Layer;
use crate::observation::{Observation, Via};
use crate::problem::Code;
use crate::sys::{Address, Link, LinkKind, Route};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::net::IpAddr;
use std::time::Duration;

/// The probe.
pub const PROBE: Probe = Probe {
    name: "address",
    layer: Layer::Ip,
    cost: Cost::Local,
    summary: "addresses of each interface, and whether they can be used",
    about: "Reads the addresses of every interface that is up with carrier and made to carry the user's traffic. Where \
            CAP_NET_RAW allows, two ARP probes (RFC 5227) ask whether another machine uses the same IPv4 address; \
            without it only the kernel's own duplicate detection counts. An address that the kernel's routes do not \
            call local is named: answers to it are thrown away. An interface without an address beside one \
            that works is not in use and no problem. Otherwise needs no rights.",
    contacts: Contacts::NONE,
    burden: Burden::of("at most two ARP probes on the link for each IPv4 address, where CAP_NET_RAW allows"),
    codes: &[
        Code::IpNone,
        Code::IpLinkLocalOnly,
        Code::IpTentative,
        Code::IpDuplicate,
        Code::IpNotLocal,
        Code::IpGatewayOffLink,
    ],
    params: schema_of::<Params>,
    facts: schema_of::<AddressFacts>,
    accepts: accepts::<Params>,
    run: |look| look.with(run),
};

/// The longest wait for somebody who claims our address; a LAN answers ARP within a few milliseconds, a Wi-Fi station
/// that sleeps within a beacon or two (102 ms each).
const CONFLICT_WAIT_MOST: u64 = 300;

/// How to look.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Params {
    /// Look at this interface only.
    pub interface: Option<String>,
    /// How long to wait for another machine that claims the same IPv4 address; 0 does not ask, 300 is the most.
    pub conflict_wait_ms: u64,
}

impl Default for Params {
    fn default() -> Self {
        // Short, because every healthy run pays for it; a wired LAN answers in well under half of it.
        Params { interface: None, conflict_wait_ms: 40 }
    }
}

/// What is known about the addresses of one interface.
#[derive(Debug, Default, Serialize, JsonSchema)]
pub struct AddressFacts {
    /// Interface name.
    pub interface: String,
    /// All its addresses with their prefix lengths.
    pub addresses: Vec<String>,
    /// Whether it has a usable IPv4 address.
    pub ipv4: bool,
    /// Whether it has a usable IPv6 address that is not link-local.
    pub ipv6_global: bool,
    /// Whether all that it has is link-local.
    pub link_local_only: bool,
    /// Whether anything depends on it: it has an address, or no other interface has one.
    pub used: bool,
    /// Gateways of its default routes.
    pub gateways: Vec<String>,
    /// Addresses that the kernel or another machine calls a duplicate.
    pub duplicates: Vec<String>,
    /// Hardware address of the other machine that uses one of them.
    pub claimed_by: Option<String>,
    /// The address whose packets the kernel does not take for its own, because its table of local addresses lacks it.
    pub not_local: Option<String>,
    /// Whether another machine was asked for (ARP); absent where rights do not allow it.
    pub conflict_asked: Option<bool>,
}

async fn run(look: &Look<'_>, params: Params) -> Vec<Observation> {
    let machine = &look.world.machine;
    let (links, addresses) = match (machine.links().await, machine.addresses().await) {
        (Ok(links), Ok(addresses)) => (links, addresses),
        (Err(why), _) | (_, Err(why)) => return vec![look.unknown(None, &why.to_string())],
    };
    let scene = Scene { links, addresses, routes: machine.routes().await.unwrap_or_default() };
    let looked: Vec<&Link> =
        scene.candidates().filter(|link| params.interface.as_ref().is_none_or(|only| *only == link.name)).collect();
    if looked.is_empty() {
        let why = match &params.interface {
            Some(name) => format!("{} is not an interface that is up with carrier", super::link::bounded(name)),
            None => "no interface is up with carrier".to_owned(),
        };
        return vec![look.unknown(params.interface.as_deref(), &why)];
    }
    let wait = look.within(Duration::from_millis(params.conflict_wait_ms.min(CONFLICT_WAIT_MOST)));
    let all = looked.into_iter().map(|link| async {
        let claim = claim(look, &scene, link, wait).await;
        scene.judge(look, link, claim)
    });
    futures_util::future::join_all(all).await
}

/// Whether another machine answers for our first IPv4 address: its hardware address, none where nobody does. The outer
/// `None` means that it could not be asked.
async fn claim(look: &Look<'_>, scene: &Scene, link: &Link, wait: Duration) -> Option<Option<(IpAddr, String)>> {
    let ours = scene.usable(link).map(|address| address.net.addr()).find(IpAddr::is_ipv4)?;
    if wait.is_zero() {
        return None;
    }
    let machine = &look.world.machine;
    let claimed = machine.who_has(&link.name, ours, None, wait).await.ok()?;
    let Some(mac) = claimed else { return Some(None) };
    // A gateway that answers for everybody (proxy ARP) is no second owner.
    let neighbours = machine.neighbours().await.unwrap_or_default();
    let proxy = neighbours.iter().any(|neighbour| neighbour.address != ours && neighbour.mac.as_ref() == Some(&mac));
    Some((!proxy).then_some((ours, mac)))
}

struct Scene {
    links: Vec<Link>,
    addresses: Vec<Address>,
    routes: Vec<Route>,
}

impl Scene {
    fn candidates(&self) -> impl Iterator<Item = &Link> {
        self.links.iter().filter(|link| {
            // A VLAN without an address is a cable into which others are plugged.
            let bare_vlan = link.driver.as_deref() == Some("vlan") && self.of(link).next().is_none();
            // Whatever holds a default route is a way out, a bridge inside a container too; tunnels are another layer.
            let way_out = link.kind == Some(LinkKind::Virtual) && self.defaults(link).next().is_some();
            (carries_traffic(link, &self.links) || way_out) && is_running(link) && !bare_vlan
        })
    }

    fn of<'a>(&'a self, link: &'a Link) -> impl Iterator<Item = &'a Address> {
        self.addresses.iter().filter(|address| address.interface == link.name)
    }

    /// Addresses that packets for other networks can use.
    fn usable<'a>(&'a self, link: &'a Link) -> impl Iterator<Item = &'a Address> {
        self.of(link).filter(|address| !address.is_link_local() && !address.tentative && !address.duplicate)
    }

    fn defaults<'a>(&'a self, link: &'a Link) -> impl Iterator<Item = &'a Route> {
        self.routes.iter().filter(|route| route.is_default() && route.interface.as_ref() == Some(&link.name))
    }

    /// Whether another interface, tunnels included, has an address and a default route.
    fn another_works(&self, link: &Link) -> bool {
        self.links.iter().any(|other| {
            other.index != link.index
                && is_running(other)
                && self.usable(other).next().is_some()
                && self.defaults(other).next().is_some()
        })
    }

    /// The first gateway that lies outside every prefix of its family. Prefixes of one address are made so on purpose
    /// (cloud networks with on-link gateways), and link-local gateways are always on the link.
    fn gateway_off_link(&self, link: &Link) -> Option<IpAddr> {
        self.defaults(link).filter_map(|route| route.gateway).find(|gateway| {
            let link_local = matches!(gateway, IpAddr::V6(v6) if v6.is_unicast_link_local());
            let nets: Vec<_> = self
                .of(link)
                .map(|address| address.net)
                .filter(|net| net.addr().is_ipv4() == gateway.is_ipv4())
                .collect();
            let wide = nets.iter().any(|net| net.prefix_len() < net.max_prefix_len());
            !link_local && wide && !nets.iter().any(|net| net.contains(gateway))
        })
    }

    /// The first usable address for which the kernel has no local route, where it shows such routes of that family at
    /// all: packets to it are not delivered here, although it can be sent from.
    fn not_local(&self, link: &Link) -> Option<IpAddr> {
        let local = |ipv6: bool| self.routes.iter().filter(move |route| route.kind == "local" && route.ipv6 == ipv6);
        self.usable(link).map(|own| own.net.addr()).find(|own| {
            let takes = |route: &Route| route.destination.is_some_and(|net| net.contains(own));
            local(own.is_ipv6()).next().is_some() && !local(own.is_ipv6()).any(takes)
        })
    }

    fn judge(&self, look: &Look<'_>, link: &Link, claim: Option<Option<(IpAddr, String)>>) -> Observation {
        let name = link.name.as_str();
        let usable: Vec<&Address> = self.usable(link).collect();
        let kernels_duplicate = self.of(link).find(|address| address.duplicate).map(|address| address.net.addr());
        let claimed = claim.clone().flatten();
        let facts = AddressFacts {
            interface: name.to_owned(),
            addresses: self.of(link).map(|address| address.net.to_string()).collect(),
            ipv4: usable.iter().any(|address| address.net.addr().is_ipv4()),
            ipv6_global: usable.iter().any(|address| address.net.addr().is_ipv6()),
            link_local_only: self.of(link).next().is_some() && self.of(link).all(Address::is_link_local),
            used: !usable.is_empty() || !self.another_works(link),
            gateways: self
                .defaults(link)
                .filter_map(|route| route.gateway)
                .map(|gateway| gateway.to_string())
                .collect(),
            duplicates: kernels_duplicate
                .into_iter()
                .chain(claimed.iter().map(|(address, _)| *address))
                .map(|address| address.to_string())
                .collect(),
            claimed_by: claimed.as_ref().map(|(_, mac)| mac.clone()),
            not_local: self.not_local(link).map(|address| address.to_string()),
            conflict_asked: claim.as_ref().map(|_| true),
        };
        let observation = if let Some((address, mac)) = &claimed {
            let words = format!("{mac} on {name} uses the address {address} too");
            look.problem(Some(name), Code::IpDuplicate, words)
        } else if let Some(address) = kernels_duplicate {
            let words = format!("another machine on {name} uses {address}, so the kernel does not (duplicate address)");
            look.problem(Some(name), Code::IpDuplicate, words)
        } else if usable.is_empty() && facts.used {
            self.nothing_usable(look, link)
        } else if let Some(address) = &facts.not_local {
            let words =
                format!("the kernel has no local route for {address} of {name}, so that it drops what comes for it");
            look.problem(Some(name), Code::IpNotLocal, words)
        } else if let Some(gateway) = self.gateway_off_link(link) {
            let words = format!("the gateway {gateway} is in no subnet of {name} ({})", facts.addresses.join(", "));
            look.problem(Some(name), Code::IpGatewayOffLink, words)
        } else if usable.is_empty() {
            look.ok(Some(name), format!("{name} has no address and is not in use"))
        } else {
            let words: Vec<String> = usable.iter().map(|address| address.net.to_string()).collect();
            look.ok(Some(name), format!("{name} has {}", words.join(", ")))
        };
        observation.facts(&facts).via(Via { interface: Some(name.to_owned()), ..Via::default() })
    }

    fn nothing_usable(&self, look: &Look<'_>, link: &Link) -> Observation {
        let name = link.name.as_str();
        let tentative = self.of(link).find(|address| address.tentative && !address.is_link_local());
        let self_assigned = self.of(link).find(|address| address.is_link_local() && address.net.addr().is_ipv4());
        if let Some(address) = tentative {
            let words = format!("{} on {name} is still tentative (duplicate detection runs)", address.net);
            return look.problem(Some(name), Code::IpTentative, words);
        }
        if let Some(address) = self_assigned {
            let words =
                format!("{name} has only the self-assigned address {}, as when no DHCP server answers", address.net);
            return look.problem(Some(name), Code::IpLinkLocalOnly, words);
        }
        // Every interface gives itself an fe80:: address, so that one alone says no more than none.
        let words = match self.of(link).next() {
            Some(_) => format!("{name} has no IPv4 address and only a link-local IPv6 address"),
            None => format!("{name} has no address at all"),
        };
        look.problem(Some(name), Code::IpNone, words)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observation::Outcome;
    use crate::probe::testing::told::{self, Told, address, cable, route};
    use serde_json::json;

    async fn seen(told: Told) -> Vec<Observation> {
        told::look(&PROBE, told, json!({})).await.1
    }

    #[tokio::test]
    async fn none_local_tentative_duplicate() {
        let cases: [(Vec<Address>, Option<Code>); 6] = [
            (vec![], Some(Code::IpNone)),
            (vec![address("eth0", "fe80::1/64")], Some(Code::IpNone)),
            (vec![address("eth0", "169.254.7.7/16"), address("eth0", "fe80::1/64")], Some(Code::IpLinkLocalOnly)),
            (vec![Address { tentative: true, ..address("eth0", "2001:db8::5/64") }], Some(Code::IpTentative)),
            (vec![Address { duplicate: true, ..address("eth0", "2001:db8::5/64") }], Some(Code::IpDuplicate)),
            (vec![address("eth0", "10.0.0.5/24")], None),
        ];
        for (addresses, code) in cases {
            let words = format!("{addresses:?}");
            let told = Told { links: vec![cable("eth0")], addresses, ..Told::default() };
            assert_eq!(seen(told).await[0].code, code, "{words}");
        }
    }

    #[tokio::test]
    async fn an_unaddressed_interface_beside_a_working_one_is_not_in_use() {
        let told = Told {
            links: vec![cable("eth0"), Link { index: 3, ..cable("eth1") }],
            addresses: vec![address("eth0", "10.0.0.5/24"), address("eth1", "fe80::2/64")],
            routes: vec![route("default", Some("10.0.0.1"), "eth0", None)],
            ..Told::default()
        };
        let seen = seen(told).await;
        assert_eq!(seen[1].outcome, Outcome::Ok);
        assert_eq!(seen[1].facts["used"], false);
        assert_eq!(seen[0].facts["used"], true);
    }

    #[tokio::test]
    async fn somebody_else_who_answers_for_our_address() {
        let told = |neighbours| Told {
            links: vec![cable("eth0")],
            addresses: vec![address("eth0", "10.0.0.5/24")],
            claims: vec![("10.0.0.5".parse().expect("an address"), "02:00:00:00:00:99".into())],
            neighbours,
            ..Told::default()
        };
        let twice = &seen(told(vec![])).await[0];
        assert_eq!(twice.code, Some(Code::IpDuplicate));
        assert_eq!(twice.summary, "02:00:00:00:00:99 on eth0 uses the address 10.0.0.5 too");
        let gateway = crate::sys::Neighbour {
            address: "10.0.0.1".parse().expect("an address"),
            interface: "eth0".into(),
            mac: Some("02:00:00:00:00:99".into()),
            state: "reachable".into(),
        };
        assert_eq!(seen(told(vec![(0, vec![gateway])])).await[0].code, None, "proxy ARP");
    }

    #[tokio::test]
    async fn gateways_outside_the_subnet() {
        let told = |net| Told {
            links: vec![cable("eth0")],
            addresses: vec![address("eth0", net)],
            routes: vec![route("default", Some("10.0.1.1"), "eth0", None)],
            ..Told::default()
        };
        assert_eq!(seen(told("10.0.0.5/24")).await[0].code, Some(Code::IpGatewayOffLink));
        assert_eq!(seen(told("10.0.0.5/16")).await[0].code, None);
        assert_eq!(seen(told("10.0.0.5/32")).await[0].code, None, "a cloud's on-link gateway");
    }

    #[tokio::test]
    async fn an_address_that_the_kernel_does_not_take_for_its_own() {
        let local = |net: &str| Route { kind: "local".into(), table: 255, ..route(net, None, "eth0", None) };
        let told = |nets: &[&str]| Told {
            links: vec![cable("eth0")],
            addresses: vec![address("eth0", "10.0.0.5/24")],
            routes: nets.iter().map(|net| local(net)).collect(),
            ..Told::default()
        };
        let lost = &seen(told(&["127.0.0.0/8"])).await[0];
        assert_eq!((lost.code, &lost.facts["not_local"]), (Some(Code::IpNotLocal), &json!("10.0.0.5")));
        assert_eq!(seen(told(&["127.0.0.0/8", "10.0.0.5/32"])).await[0].code, None);
        assert_eq!(seen(told(&[])).await[0].code, None, "a system that shows no such routes");
    }

    #[tokio::test]
    async fn container_bridges_and_dead_links_are_left_out() {
        let bridge =
            Link { kind: Some(LinkKind::Virtual), driver: Some("bridge".into()), index: 9, ..cable("docker0") };
        let dead = Link { carrier: Some(false), index: 4, ..cable("eth1") };
        let told = Told { links: vec![bridge, dead], ..Told::default() };
        let seen = seen(told).await;
        assert_eq!((seen.len(), seen[0].outcome), (1, Outcome::Unknown));
    }
}
