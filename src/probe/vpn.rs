//! Tunnel devices, and what belongs to each: routes, resolvers, subnets. A tunnel that nothing belongs to is nobody's
//! fault, up or down.

use super::link::{bounded, carries_traffic, is_running};
use super::{Burden, Contacts, Cost, Look, Probe, accepts, route, schema_of};
use crate::layer::Layer;
use crate::observation::{Observation, Via};
use crate::problem::Code;
use crate::sys::{Address, Link, LinkKind, ResolverConfig, Route, Tunnel};
use ipnet::IpNet;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::net::IpAddr;

/// The probe.
pub const PROBE: Probe = Probe {
    name: "vpn",
    layer: Layer::Vpn,
    cost: Cost::Local,
    summary: "tunnel devices, the routes and resolvers they own, and overlaps",
    about: "Reads tunnel devices (tun, WireGuard, PPP, IPsec interfaces ...) with their routes, resolvers and packet \
            counters. A tunnel that is down while routes or resolvers still belong to it, one that sends and has never \
            received, and a local subnet that hides one behind the tunnel are problems. IPsec without a device \
            is told by the kernel's policies (root only) and its counters of packets that they stopped. Sends nothing; the process that holds a device is seen with root only.",
    contacts: Contacts::NONE,
    burden: Burden::READS,
    codes: &[Code::VpnDown, Code::VpnNoHandshake, Code::VpnRouteLeftBehind, Code::VpnOverlap],
    params: schema_of::<Params>,
    facts: schema_of::<VpnFacts>,
    accepts: accepts::<Params>,
    run: |look| look.with(run),
};

/// So many packets out and none in. A WireGuard device sends only for somebody who wants to get through; other devices
/// send a few router solicitations of the kernel (RFC 4861: three) on their own.
const WIREGUARD_UNANSWERED: u64 = 3;
const OTHERS_UNANSWERED: u64 = 8;

/// What to look for.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Params {
    /// The tunnel device that should exist, from the settings.
    pub device: Option<String>,
    /// Addresses that should lie behind a tunnel: an overlap is a problem only where it hides one of them.
    pub targets: Vec<IpAddr>,
    /// What people call the tunnels, by device.
    pub names: BTreeMap<String, String>,
}

/// What is known about one tunnel, or that there is none.
#[derive(Debug, Default, Clone, Serialize, JsonSchema)]
pub struct VpnFacts {
    /// How many tunnel devices there are.
    pub tunnels: usize,
    /// The device.
    pub interface: Option<String>,
    /// What people here call it, where the site says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The kernel's word for its kind.
    pub driver: Option<String>,
    /// Whether it is switched on and has carrier.
    pub up: Option<bool>,
    /// Routes that lead into it, in the words of ip(8).
    pub routes: Vec<String>,
    /// Resolvers that are reached through it or lie in its subnets.
    pub resolvers: Vec<String>,
    /// Whether traffic to everywhere goes into it.
    pub takes_default: Option<bool>,
    /// Packets received since it was made.
    pub receive_packets: Option<u64>,
    /// Packets sent since it was made.
    pub transmit_packets: Option<u64>,
    /// Local subnets that overlap with its routes, `SUBNET on INTERFACE and ROUTE`.
    pub overlaps: Vec<String>,
    /// The process that holds the device, where it can be seen.
    pub holder: Option<String>,
    /// `ipsec`: which packets the kernel's policies are about, `out 192.0.2.0/24 to 10.0.0.0/8`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub policies: Vec<String>,
    /// `ipsec`: packets that the policies stopped since the start, by the kernel's name of the reason.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub stopped: Vec<String>,
}

async fn run(look: &Look<'_>, params: Params) -> Vec<Observation> {
    let machine = &look.world.machine;
    let tunnels = match machine.tunnels().await {
        Ok(tunnels) => tunnels,
        Err(why) => return vec![look.unknown(None, &why.to_string())],
    };
    let scene = Scene {
        links: machine.links().await.unwrap_or_default(),
        addresses: machine.addresses().await.unwrap_or_default(),
        routes: machine.routes().await.unwrap_or_default(),
        resolvers: machine.resolvers().await.unwrap_or_default(),
        count: tunnels.len(),
        params,
    };
    let mut observations: Vec<Observation> = tunnels.iter().map(|tunnel| scene.judge(look, tunnel)).collect();
    if let Some(device) = &scene.params.device
        && !tunnels.iter().any(|tunnel| tunnel.interface == *device)
    {
        let name = scene.params.names.get(device).map(|name| bounded(name));
        let device = bounded(device);
        let facts = VpnFacts {
            tunnels: scene.count,
            interface: Some(device.clone()),
            name,
            up: Some(false),
            ..VpnFacts::default()
        };
        let words = format!("the tunnel device {device} does not exist");
        let via = Via { interface: Some(device.clone()), ..Via::default() };
        observations.push(look.problem(Some(&device), Code::VpnDown, words).facts(&facts).via(via));
    }
    if observations.is_empty() {
        observations.push(look.ok(None, "there is no tunnel device").facts(&VpnFacts::default()));
    }
    observations.extend(without_device(look).await);
    observations
}

/// IPsec that has no device, where there is any. What its policies stopped was stopped at some time since the start, so
/// the counters are facts and no finding.
async fn without_device(look: &Look<'_>) -> Option<Observation> {
    let ipsec = look.world.machine.ipsec().await.ok()?;
    let stopped: Vec<String> =
        ipsec.troubles.iter().map(|(name, count)| format!("{} {count}", bounded(name))).collect();
    let policies = ipsec.policies.unwrap_or_default();
    if policies.is_empty() && stopped.is_empty() {
        return None;
    }
    let stops = if stopped.is_empty() { "nothing".to_owned() } else { stopped.join(", ") };
    let summary = format!("IPsec without a device: {} policies; stopped since the start: {stops}", policies.len());
    let policies = policies.iter().map(|policy| bounded(policy)).collect();
    Some(look.ok(Some("ipsec"), summary).facts(&VpnFacts { policies, stopped, ..VpnFacts::default() }))
}

/// Whether a tunnel carries packets.
pub(super) fn is_tunnel_up(tunnel: &Tunnel) -> bool {
    tunnel.up && tunnel.carrier != Some(false)
}

/// The prefixes that belong to a tunnel: its own subnets and the destinations of its routes, host routes of its own
/// addresses and link-local ones left out.
pub(super) fn prefixes_of(interface: &str, addresses: &[Address], routes: &[Route]) -> Vec<IpNet> {
    let subnets = addresses.iter().filter(|address| address.interface == interface && !address.is_link_local());
    let routed = routes.iter().filter(|route| route.interface.as_deref() == Some(interface) && route.kind == "unicast");
    subnets
        .map(|address| address.net.trunc())
        .chain(routed.filter_map(|route| route.destination))
        .filter(|net| !takes_everything(net) && !is_link_local(net))
        .collect()
}

/// `0.0.0.0/1` and `128.0.0.0/1` together are how VPN clients take the default route without touching it.
fn takes_everything(net: &IpNet) -> bool {
    net.prefix_len() <= 1
}

fn is_link_local(net: &IpNet) -> bool {
    match net.addr() {
        IpAddr::V4(v4) => v4.is_link_local() || v4.is_multicast(),
        IpAddr::V6(v6) => v6.is_unicast_link_local() || v6.is_multicast(),
    }
}

struct Scene {
    links: Vec<Link>,
    addresses: Vec<Address>,
    routes: Vec<Route>,
    resolvers: ResolverConfig,
    count: usize,
    params: Params,
}

impl Scene {
    /// Routes that lead into the tunnel; those that the kernel made for its own addresses are left out.
    fn routes_of<'a>(&'a self, tunnel: &'a Tunnel) -> impl Iterator<Item = &'a Route> {
        self.routes.iter().filter(|route| {
            route.interface.as_ref() == Some(&tunnel.interface)
                && route.kind == "unicast"
                && !route.destination.is_some_and(|net| is_link_local(&net))
        })
    }

    fn resolvers_of(&self, tunnel: &Tunnel) -> Vec<String> {
        let prefixes = prefixes_of(&tunnel.interface, &self.addresses, &self.routes);
        let elsewhere = |server: &IpAddr| {
            // A cable whose own subnet holds the server is nearer than a tunnel.
            self.addresses.iter().any(|address| {
                address.interface != tunnel.interface
                    && address.net.contains(server)
                    && self
                        .links
                        .iter()
                        .any(|link| link.name == address.interface && link.kind != Some(LinkKind::Tunnel))
            })
        };
        let mut servers: Vec<String> = self
            .resolvers
            .servers
            .iter()
            .chain(&self.resolvers.upstream)
            .filter(|entry| {
                let server = entry.server.ip();
                let covered = prefixes.iter().any(|net| net.contains(&server)) && !elsewhere(&server);
                entry.link.as_ref() == Some(&tunnel.interface) || covered
            })
            .map(|entry| entry.server.ip().to_string())
            .collect();
        servers.dedup();
        servers
    }

    /// Whether everything goes into it: the best default route of a table is its own, or two halves of the Internet are.
    fn takes_default(&self, tunnel: &Tunnel) -> bool {
        let own = |route: &Route| route.interface.as_ref() == Some(&tunnel.interface);
        let halves = self.routes_of(tunnel).filter_map(|route| route.destination).any(|net| takes_everything(&net));
        let best = self.routes.iter().filter(|route| own(route) && route.is_default()).any(|mine| {
            !self.routes.iter().any(|other| {
                other.is_default()
                    && !own(other)
                    && (other.ipv6, other.table) == (mine.ipv6, mine.table)
                    && other.metric.unwrap_or(0) < mine.metric.unwrap_or(0)
            })
        });
        halves || best
    }

    /// Overlaps, and whether one of them hurts: it hides a target, or the tunnel takes a local subnet away.
    fn overlaps(&self, tunnel: &Tunnel) -> (Vec<String>, bool) {
        let (mut found, mut hurts) = (Vec::new(), false);
        let local = self.addresses.iter().filter(|address| {
            !address.is_link_local()
                && self.links.iter().any(|link| {
                    link.name == address.interface && carries_traffic(link, &self.links) && is_running(link)
                })
        });
        for address in local {
            let subnet = address.net.trunc();
            // A subnet of one address is a machine, not a network that could hide another.
            if subnet.prefix_len() == subnet.max_prefix_len() {
                continue;
            }
            for net in self.routes_of(tunnel).filter_map(|route| route.destination) {
                let inside = |address: &IpAddr| subnet.contains(address) && net.contains(address);
                if takes_everything(&net) || !(subnet.contains(&net) || net.contains(&subnet)) {
                    continue;
                }
                found.push(format!("{subnet} on {} and {}", address.interface, net));
                hurts |= match self.params.targets.is_empty() {
                    true => subnet.contains(&net),
                    false => self.params.targets.iter().any(inside),
                };
            }
        }
        (found, hurts)
    }

    fn judge(&self, look: &Look<'_>, tunnel: &Tunnel) -> Observation {
        let name = tunnel.interface.as_str();
        let up = is_tunnel_up(tunnel);
        let (overlaps, hurts) = self.overlaps(tunnel);
        let facts = VpnFacts {
            tunnels: self.count,
            interface: Some(name.to_owned()),
            name: self.params.names.get(name).map(|name| bounded(name)),
            driver: Some(tunnel.driver.clone()),
            up: Some(up),
            routes: self.routes_of(tunnel).map(route::words).collect(),
            resolvers: self.resolvers_of(tunnel),
            takes_default: Some(self.takes_default(tunnel)),
            receive_packets: Some(tunnel.receive_packets),
            transmit_packets: Some(tunnel.transmit_packets),
            overlaps,
            holder: tunnel.holder.clone(),
            ..VpnFacts::default()
        };
        let wanted = self.params.device.as_deref() == Some(name);
        // The route of its own subnet comes with its address and leads nobody astray.
        let routed = self.routes_of(tunnel).any(|route| {
            let own_subnet = route.protocol.as_deref() == Some("kernel");
            let to_target =
                self.params.targets.iter().any(|target| route.destination.is_some_and(|net| net.contains(target)));
            !own_subnet || to_target
        });
        let belongs = wanted || routed || !facts.resolvers.is_empty();
        let observation = if !up && belongs {
            self.down(look, tunnel, &facts)
        } else if up && unanswered(tunnel) {
            let words = format!(
                "the tunnel {name} has sent {} packets and received none: no handshake, or nothing comes back",
                tunnel.transmit_packets
            );
            look.problem(Some(name), Code::VpnNoHandshake, words)
        } else if up && hurts {
            let words = format!("subnets on both sides of the tunnel {name} overlap: {}", facts.overlaps.join("; "));
            look.problem(Some(name), Code::VpnOverlap, words)
        } else if !up {
            look.ok(Some(name), format!("the tunnel device {name} is down, and nothing belongs to it"))
        } else {
            let everything = if facts.takes_default == Some(true) { ", everything goes into it" } else { "" };
            let words = format!("the tunnel {name} is up with {} routes{everything}", facts.routes.len());
            look.ok(Some(name), words)
        };
        observation.facts(&facts).via(Via { interface: Some(name.to_owned()), ..Via::default() })
    }

    fn down(&self, look: &Look<'_>, tunnel: &Tunnel, facts: &VpnFacts) -> Observation {
        let state = if tunnel.up { "has no carrier" } else { "is switched off" };
        let mut owned = Vec::new();
        if !facts.routes.is_empty() {
            owned.push(format!("routes ({})", facts.routes.join("; ")));
        }
        if !facts.resolvers.is_empty() {
            owned.push(format!("resolvers ({})", facts.resolvers.join(", ")));
        }
        let left = if owned.is_empty() { String::new() } else { format!(", but still owns {}", owned.join(" and ")) };
        let words = format!("the tunnel device {} {state}{left}", tunnel.interface);
        let also = (!facts.routes.is_empty()).then_some(Code::VpnRouteLeftBehind);
        look.problem(Some(&tunnel.interface), Code::VpnDown, words).also(also)
    }
}

/// Packets went in and nothing ever came out.
fn unanswered(tunnel: &Tunnel) -> bool {
    let limit = if tunnel.driver == "wireguard" { WIREGUARD_UNANSWERED } else { OTHERS_UNANSWERED };
    tunnel.receive_packets == 0 && tunnel.transmit_packets >= limit
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probe::testing::told::{self, Told, address, cable, route};
    use crate::sys::ResolverEntry;
    use serde_json::json;

    fn tunnel(up: bool, transmit_packets: u64, receive_packets: u64) -> Tunnel {
        Tunnel {
            interface: "tun0".into(),
            driver: "tun".into(),
            up,
            carrier: up.then_some(true),
            transmit_packets,
            receive_packets,
            holder: None,
        }
    }

    fn told(tunnel: Tunnel, routes: Vec<Route>) -> Told {
        let device = Link { kind: Some(LinkKind::Tunnel), index: 7, up: tunnel.up, ..cable("tun0") };
        Told {
            links: vec![cable("eth0"), device],
            addresses: vec![address("eth0", "192.168.1.5/24"), address("tun0", "10.8.0.2/24")],
            tunnels: vec![tunnel],
            routes,
            ..Told::default()
        }
    }

    async fn seen(told: Told, args: serde_json::Value) -> Observation {
        told::look(&PROBE, told, args).await.1.remove(0)
    }

    #[tokio::test]
    async fn no_tunnel_is_no_problem() {
        let none = seen(Told::default(), json!({})).await;
        assert_eq!((none.code, &none.facts["tunnels"]), (None, &json!(0)));
        let wanted = seen(Told::default(), json!({ "device": "wg0" })).await;
        assert_eq!(wanted.code, Some(Code::VpnDown));
        assert_eq!(wanted.subject.as_deref(), Some("wg0"));
    }

    #[tokio::test]
    async fn down_matters_only_where_something_belongs_to_it() {
        assert_eq!(seen(told(tunnel(false, 0, 0), vec![]), json!({})).await.code, None);
        let with_route = told(tunnel(false, 0, 0), vec![route("10.20.0.0/16", None, "tun0", None)]);
        let left = seen(with_route, json!({})).await;
        assert_eq!(left.codes().collect::<Vec<_>>(), [Code::VpnDown, Code::VpnRouteLeftBehind]);
        let server = ResolverEntry {
            server: "10.8.0.1:53".parse().expect("an address"),
            source: "/etc/resolv.conf".into(),
            link: None,
            domains: vec![],
            default_route: None,
        };
        let resolvers = Some(ResolverConfig { servers: vec![server], ..ResolverConfig::default() });
        let with_resolver = Told { resolvers, ..told(tunnel(false, 0, 0), vec![]) };
        let left = seen(with_resolver, json!({})).await;
        assert_eq!((left.code, &left.facts["resolvers"]), (Some(Code::VpnDown), &json!(["10.8.0.1"])));
        assert_eq!(
            seen(told(tunnel(false, 0, 0), vec![]), json!({ "device": "tun0" })).await.code,
            Some(Code::VpnDown)
        );
    }

    #[tokio::test]
    async fn sends_without_receiving() {
        assert_eq!(seen(told(tunnel(true, 40, 0), vec![]), json!({})).await.code, Some(Code::VpnNoHandshake));
        assert_eq!(seen(told(tunnel(true, 3, 0), vec![]), json!({})).await.code, None, "router solicitations");
        let wireguard = Tunnel { driver: "wireguard".into(), ..tunnel(true, 3, 0) };
        assert_eq!(seen(told(wireguard, vec![]), json!({})).await.code, Some(Code::VpnNoHandshake));
        assert_eq!(seen(told(tunnel(true, 40, 2), vec![]), json!({})).await.code, None);
    }

    #[tokio::test]
    async fn overlaps_hurt_where_they_hide_something() {
        let same = || told(tunnel(true, 9, 9), vec![route("192.168.1.0/24", None, "tun0", None)]);
        assert_eq!(seen(same(), json!({})).await.code, Some(Code::VpnOverlap));
        assert_eq!(seen(same(), json!({ "targets": ["10.0.0.1"] })).await.code, None);
        let wide = || told(tunnel(true, 9, 9), vec![route("192.168.0.0/16", None, "tun0", None)]);
        let only_a_fact = seen(wide(), json!({})).await;
        assert_eq!(only_a_fact.code, None);
        assert_eq!(only_a_fact.facts["overlaps"], json!(["192.168.1.0/24 on eth0 and 192.168.0.0/16"]));
        assert_eq!(seen(wide(), json!({ "targets": ["192.168.1.77"] })).await.code, Some(Code::VpnOverlap));
    }

    #[tokio::test]
    async fn who_takes_everything() {
        let takes = |routes| async move {
            seen(told(tunnel(true, 9, 9), routes), json!({})).await.facts["takes_default"].clone()
        };
        let cable_default = || route("default", Some("192.168.1.1"), "eth0", Some(100));
        assert_eq!(takes(vec![cable_default(), route("default", None, "tun0", Some(50))]).await, true);
        assert_eq!(takes(vec![cable_default(), route("default", None, "tun0", Some(500))]).await, false);
        assert_eq!(takes(vec![cable_default(), route("0.0.0.0/1", None, "tun0", None)]).await, true);
        let own_table = Route { table: 51820, ..route("default", None, "tun0", None) };
        assert_eq!(takes(vec![cable_default(), own_table]).await, true);
    }
}
