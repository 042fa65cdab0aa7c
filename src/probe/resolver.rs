//! How names are resolved here: which servers programs ask, in which order, through which interface, and what in the
//! configuration makes no sense. Whether the servers answer is the `dns` probe's question.

use super::link::bounded;
use super::vpn::{is_tunnel_up, prefixes_of};
use super::{Burden, Contacts, Cost, Look, Probe, accepts, schema_of};
use crate::layer::Layer;
use crate::observation::{Observation, Via};
use crate::problem::Code;
use crate::settings::Network;
use crate::sys::{Address, Known, Link, LinkKind, ResolverConfig, ResolverEntry, Route, Tunnel, Unknown};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// The probe.
pub const PROBE: Probe = Probe {
    name: "resolver",
    layer: Layer::Dns,
    cost: Cost::Local,
    summary: "configured resolvers, how each is reached, search list, nsswitch",
    about: "Reads resolv.conf line by line (glibc uses the good lines of a bad file), the `hosts:` line of nsswitch.conf \
            and, behind the stub of systemd-resolved, its servers per link and whether it asks them over TLS alone; and which \
            browsers a policy sends elsewhere (DNS over HTTPS). For each server it asks the kernel which \
            interface leads there. Asks no server, and needs no rights.",
    contacts: Contacts::NONE,
    burden: Burden::READS,
    codes: &[Code::DnsNoResolver, Code::DnsBadConfig, Code::DnsNotInNsswitch, Code::VpnResolverLeftBehind],
    params: schema_of::<Params>,
    facts: schema_of::<ResolverFacts>,
    accepts: accepts::<Params>,
    run: |look| look.with(run),
};

/// Mistakes of the configuration in the summary; the facts have more of them.
const MISTAKES_SHOWN: usize = 3;

/// Words in the comments of resolv.conf that name a VPN client as its writer.
const VPN_WRITERS: &[&str] = &[
    "vpn",
    "wireguard",
    "wg-quick",
    "tailscale",
    "anyconnect",
    "globalprotect",
    "openconnect",
    "strongswan",
    "warp",
    "from tun",
    "from wg",
    "from ppp",
    "from tap",
    "tun0",
    "wg0",
];

/// What the configuration is read for.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Params {
    /// A name, to say which one programs ask for first when they want it.
    name: String,
    /// The resolvers that machines of the site should ask, as addresses or networks; any will do where there are none.
    expected: Vec<Network>,
}

/// What is known about one server, or (without `server`) about the configuration as a whole.
#[derive(Debug, Default, Serialize, JsonSchema)]
pub struct ResolverFacts {
    /// The server's address.
    pub server: Option<String>,
    /// Its place in the order in which programs ask, from 1.
    pub position: Option<usize>,
    /// Where it is written.
    pub source: Option<String>,
    /// The link that it belongs to, where it belongs to one.
    pub link: Option<String>,
    /// The interface that leads to it; `absent` where no route does.
    pub route_interface: Option<String>,
    /// Whether only a default route leads to it.
    pub by_default_route: Option<bool>,
    /// Whether it is on the link, with no gateway between.
    pub on_link: Option<bool>,
    /// Whether it is reached through a tunnel, or belongs to one.
    pub tunnel: Option<bool>,
    /// Whether that tunnel is up.
    pub tunnel_up: Option<bool>,
    /// Whether it is this machine.
    pub loopback: Option<bool>,
    /// Whether it is one of those that the site expects, where it expects some; a stub of this machine is not asked about.
    pub expected: Option<bool>,
    /// Whether its address is a private one, which means something only in the right network.
    pub private: Option<bool>,
    /// Whether it is private, only a default route (or none) leads to it, no tunnel is up, and no address of this
    /// machine is of the same private block: it belongs to another network.
    pub foreign_private: Option<bool>,
    /// Domains that are routed to it; none for all.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub domains: Vec<String>,
    /// All servers that programs ask, in order.
    pub servers: Vec<String>,
    /// The servers behind a local stub.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub upstream: Vec<String>,
    /// The addresses among all of these that are not on the loopback: the hosts that answer in the end.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub hosts: Vec<IpAddr>,
    /// Search list.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub search: Vec<String>,
    /// Names with fewer dots than this are tried with the search list first.
    pub ndots: Option<u32>,
    /// What programs ask for before the name itself: the name with the first search domain behind it, where the name has
    /// fewer dots than `ndots`.
    pub tried_first: Option<String>,
    /// How long programs wait for one server.
    pub timeout_s: Option<u32>,
    /// How often programs ask all servers.
    pub attempts: Option<u32>,
    /// Whether programs begin with another server each time.
    pub rotate: Option<bool>,
    /// Whether programs ask over TCP alone (`options use-vc`).
    pub over_tcp: Option<bool>,
    /// Sources of host names in nsswitch.conf, in order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub nsswitch: Vec<String>,
    /// Whether a local stub resolver is in use.
    pub stub: Option<bool>,
    /// Whether the local stub encrypts what it asks (DNS over TLS): `no`, `opportunistic`, or `yes` where it asks nobody
    /// in the open.
    pub over_tls: Option<String>,
    /// Browsers that a policy of this machine tells to ask others (DNS over HTTPS), as `BROWSER: ADDRESS`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub browsers: Vec<String>,
    /// Lines that cannot be used, with their place.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub garbage: Vec<String>,
    /// The first comments of resolv.conf, which often name the program that wrote it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub written_by: Vec<String>,
}

async fn run(look: &Look<'_>, params: Params) -> Vec<Observation> {
    let machine = &look.world.machine;
    let config = match machine.resolvers().await {
        Ok(config) => config,
        Err(Unknown::NeedsRight { what, .. }) => return vec![unreadable(look, &what)],
        Err(why) => return vec![look.unknown(None, &why.to_string())],
    };
    let scene = Scene {
        links: machine.links().await.unwrap_or_default(),
        addresses: machine.addresses().await.unwrap_or_default(),
        routes: machine.routes().await.unwrap_or_default(),
        tunnels: machine.tunnels().await.unwrap_or_default(),
        expected: params.expected,
    };
    let mut observations = vec![general(look, &config, &params.name)];
    let entries = config.servers.iter().chain(&config.upstream);
    for (position, entry) in entries.enumerate() {
        let subject = name_of(entry);
        // A server may stand in the file and behind the stub as well; once is enough.
        if observations.iter().all(|seen| seen.subject.as_ref() != Some(&subject)) {
            let chosen = machine.route_to(entry.server.ip().into()).await;
            observations.push(scene.judge(look, &config, entry, position + 1, chosen));
        }
    }
    observations
}

/// The file that names the resolvers is there for every program: one that this account may not read is a fault, for
/// this account's programs cannot read it either and ask 127.0.0.1 (resolv.conf(5)).
fn unreadable(look: &Look<'_>, file: &str) -> Observation {
    let words = format!("programs of this account may not read {file}, so they know no resolver and ask 127.0.0.1");
    let facts = ResolverFacts { garbage: vec![format!("{file}: permission denied")], ..ResolverFacts::default() };
    look.problem(None, Code::DnsBadConfig, words).also([Code::DnsNoResolver]).facts(&facts)
}

/// The address; with its port where that is not the usual one.
fn name_of(entry: &ResolverEntry) -> String {
    if entry.server.port() == 53 { entry.server.ip().to_string() } else { entry.server.to_string() }
}

/// What programs ask for before the name itself (resolv.conf(5), `ndots`): a name that ends with a dot is whole, and one
/// that is too short for `ndots` is tried with the search list first.
fn tried_first(config: &ResolverConfig, name: &str) -> Option<String> {
    let is_name = !name.is_empty() && !name.ends_with('.') && name.parse::<IpAddr>().is_err();
    let dots = name.matches('.').count() as u32;
    let first = config.search.first().filter(|_| is_name && dots < config.ndots)?;
    // systemd-resolved writes `search .` where there is no domain to search: that is the name itself.
    let first = Some(first.trim_matches('.')).filter(|first| !first.is_empty())?;
    Some(format!("{name}.{first}"))
}

/// Who answers in the end: no stub of this machine, and nobody twice.
fn hosts(config: &ResolverConfig) -> Vec<IpAddr> {
    let mut hosts: Vec<IpAddr> = Vec::new();
    for address in config.servers.iter().chain(&config.upstream).map(|entry| entry.server.ip()) {
        if !address.is_loopback() && !hosts.contains(&address) {
            hosts.push(address);
        }
    }
    hosts
}

fn general(look: &Look<'_>, config: &ResolverConfig, name: &str) -> Observation {
    let facts = ResolverFacts {
        servers: config.servers.iter().map(name_of).collect(),
        upstream: config.upstream.iter().map(name_of).collect(),
        hosts: hosts(config),
        search: config.search.iter().map(|name| bounded(name)).collect(),
        ndots: Some(config.ndots),
        tried_first: tried_first(config, name).map(|name| bounded(&name)),
        timeout_s: Some(config.timeout_s),
        attempts: Some(config.attempts),
        rotate: Some(config.rotate),
        over_tcp: Some(config.over_tcp),
        nsswitch: config.nsswitch.clone(),
        stub: Some(config.stub),
        over_tls: config.over_tls.clone(),
        browsers: config.browsers.iter().map(|(browser, whom)| bounded(&format!("{browser}: {whom}"))).collect(),
        garbage: config.garbage.iter().map(|line| bounded(line)).collect(),
        written_by: config.comments.iter().map(|line| bounded(line)).collect(),
        ..ResolverFacts::default()
    };
    // A line that should name a server and does not is a resolver that somebody believes to have.
    let lost_servers = config.garbage.iter().filter(|line| line.contains("`nameserver")).count();
    let asks_dns =
        config.nsswitch.is_empty() || config.nsswitch.iter().any(|source| source == "dns" || source == "resolve");
    let observation = if lost_servers > 0 || (config.servers.is_empty() && !config.garbage.is_empty()) {
        let words = format!("the resolver configuration cannot be used as it is: {}", mistakes(&facts.garbage));
        let also = config.servers.is_empty().then_some(Code::DnsNoResolver);
        look.problem(None, Code::DnsBadConfig, words).also(also)
    } else if config.servers.is_empty() {
        look.problem(None, Code::DnsNoResolver, "no resolver is configured, so programs ask 127.0.0.1")
    } else if !asks_dns {
        let words = format!("nsswitch.conf asks `{}` for host names, and not DNS", config.nsswitch.join(" "));
        look.problem(None, Code::DnsNotInNsswitch, words)
    } else {
        let behind = match facts.upstream.is_empty() {
            true => String::new(),
            false => format!(", behind it {}", facts.upstream.join(", ")),
        };
        let encrypted = if config.over_tls.as_deref() == Some("yes") { ", over TLS alone" } else { "" };
        look.ok(None, format!("programs ask {}{behind}{encrypted}", facts.servers.join(", ")))
    };
    observation.facts(&facts)
}

struct Scene {
    links: Vec<Link>,
    addresses: Vec<Address>,
    routes: Vec<Route>,
    tunnels: Vec<Tunnel>,
    expected: Vec<Network>,
}

impl Scene {
    fn judge(
        &self,
        look: &Look<'_>,
        config: &ResolverConfig,
        entry: &ResolverEntry,
        position: usize,
        chosen: Known<Route>,
    ) -> Observation {
        let server = entry.server.ip();
        let known = chosen.is_ok();
        let chosen = chosen.unwrap_or_default();
        let interface = chosen.interface.clone().filter(|_| chosen.kind != "none");
        let owner = self.owner(entry, interface.as_deref());
        let facts = ResolverFacts {
            server: Some(name_of(entry)),
            position: Some(position),
            source: Some(entry.source.clone()),
            link: entry.link.clone(),
            route_interface: known.then(|| interface.clone().unwrap_or_else(|| "absent".to_owned())),
            by_default_route: interface.as_ref().map(|_| chosen.destination.is_none() && chosen.kind == "unicast"),
            on_link: interface.as_ref().map(|_| chosen.gateway.is_none()),
            tunnel: Some(owner.is_some()),
            tunnel_up: owner.map(is_tunnel_up),
            loopback: Some(server.is_loopback() || chosen.kind == "local"),
            expected: (!self.expected.is_empty() && !server.is_loopback())
                .then(|| self.expected.iter().any(|network| network.contains(server))),
            private: Some(is_private(server)),
            foreign_private: Some(self.is_foreign(server, chosen.destination.is_none())),
            domains: entry.domains.clone(),
            servers: config.servers.iter().map(name_of).collect(),
            hosts: hosts(config),
            ..ResolverFacts::default()
        };
        let via = Via {
            interface: interface.clone(),
            family: Some(if server.is_ipv4() { "ipv4" } else { "ipv6" }.to_owned()),
            resolver: Some(name_of(entry)),
            ..Via::default()
        };
        let name = name_of(entry);
        let way = match (&interface, facts.loopback) {
            (_, Some(true)) => "it is on this machine".to_owned(),
            (Some(interface), _) => format!("it is reached through {interface}"),
            (None, _) if known => "no route leads to it".to_owned(),
            (None, _) => "how it is reached is not known".to_owned(),
        };
        let observation = match self.left_behind_by(config, owner, &facts) {
            Some(evidence) => {
                let words = format!("the resolver {name} was left behind: {evidence}; {way}");
                look.problem(Some(&name), Code::VpnResolverLeftBehind, words)
            }
            None => look.ok(Some(&name), format!("resolver {position} is {name} ({}); {way}", entry.source)),
        };
        observation.facts(&facts).via(via)
    }

    /// The tunnel that it belongs to: the one that leads there, that its configuration names, or whose subnets hold it.
    fn owner(&self, entry: &ResolverEntry, interface: Option<&str>) -> Option<&Tunnel> {
        let named = |name: Option<&str>| self.tunnels.iter().find(|tunnel| Some(tunnel.interface.as_str()) == name);
        let server = entry.server.ip();
        let on_a_cable = self.addresses.iter().any(|address| {
            address.net.contains(&server)
                && self.links.iter().any(|link| link.name == address.interface && link.kind != Some(LinkKind::Tunnel))
        });
        named(interface).or_else(|| named(entry.link.as_deref())).or_else(|| {
            self.tunnels.iter().filter(|_| !on_a_cable).find(|tunnel| {
                prefixes_of(&tunnel.interface, &self.addresses, &self.routes).iter().any(|net| net.contains(&server))
            })
        })
    }

    fn is_foreign(&self, server: IpAddr, by_default_route: bool) -> bool {
        let own = |block: u8| self.addresses.iter().any(|address| private_block(address.net.addr()) == Some(block));
        let tunnel_is_up = self.tunnels.iter().any(is_tunnel_up);
        by_default_route && !tunnel_is_up && private_block(server).is_some_and(|block| !own(block))
    }

    /// Why it was left behind by a tunnel that is down or gone; none without evidence.
    fn left_behind_by(&self, config: &ResolverConfig, owner: Option<&Tunnel>, facts: &ResolverFacts) -> Option<String> {
        let lost = facts.route_interface.as_deref() == Some("absent") || facts.by_default_route == Some(true);
        match owner {
            Some(tunnel) if !is_tunnel_up(tunnel) => {
                Some(format!("it belongs to the tunnel {}, which is down", tunnel.interface))
            }
            Some(_) => None,
            // No device is left to ask: the address must be a private one that only a default route, or none, leads to,
            // and the file itself must say that a VPN client wrote it.
            None if facts.private == Some(true) && lost && !self.tunnels.iter().any(is_tunnel_up) => {
                let writer = config.comments.iter().find(|comment| {
                    let comment = comment.to_lowercase();
                    VPN_WRITERS.iter().any(|word| comment.contains(word))
                })?;
                Some(format!("resolv.conf says `{}`, but no tunnel is up", bounded(writer)))
            }
            None => None,
        }
    }
}

/// Private use (RFC 1918), shared address space (RFC 6598) and unique local IPv6 (RFC 4193).
fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.is_private() || (v4.octets()[0] == 100 && (64..128).contains(&v4.octets()[1])),
        IpAddr::V6(v6) => v6.is_unique_local(),
    }
}

/// Which private block an address is of: networks that belong together are mostly numbered from the same one.
fn private_block(address: IpAddr) -> Option<u8> {
    if !is_private(address) {
        return None;
    }
    Some(match address {
        IpAddr::V4(v4) => v4.octets()[0],
        IpAddr::V6(_) => 6,
    })
}

/// The first mistakes, those that lose a server before others, and how many more there are.
fn mistakes(garbage: &[String]) -> String {
    let mut lines: Vec<&str> = garbage.iter().map(String::as_str).collect();
    lines.sort_by_key(|line| !line.contains("`nameserver"));
    let more = lines.len().saturating_sub(MISTAKES_SHOWN);
    lines.truncate(MISTAKES_SHOWN);
    match more {
        0 => lines.join("; "),
        more => format!("{}; and {more} more", lines.join("; ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probe::testing::told::{self, Told, address, cable, route};
    use serde_json::json;

    fn config(servers: &[&str]) -> ResolverConfig {
        let entry = |server: &&str| ResolverEntry {
            server: format!("{server}:53").parse().expect("an address"),
            source: "/etc/resolv.conf".into(),
            link: None,
            domains: vec![],
            default_route: None,
        };
        ResolverConfig {
            servers: servers.iter().map(entry).collect(),
            nsswitch: vec!["files".into(), "dns".into()],
            ..ResolverConfig::default()
        }
    }

    async fn seen(told: Told) -> Vec<Observation> {
        told::look(&PROBE, told, json!({})).await.1
    }

    async fn code_of(config: ResolverConfig) -> Vec<Code> {
        seen(Told { resolvers: Some(config), ..Told::default() }).await[0].codes().collect()
    }

    fn garbage(lines: &[&str], servers: &[&str]) -> ResolverConfig {
        ResolverConfig { garbage: lines.iter().map(|line| (*line).to_owned()).collect(), ..config(servers) }
    }

    #[tokio::test]
    async fn configurations_as_a_whole() {
        assert_eq!(code_of(config(&["192.0.2.1"])).await, []);
        assert_eq!(code_of(config(&[])).await, [Code::DnsNoResolver]);
        let lost = ["/etc/resolv.conf:2: `nameserver 10.0.` is not an address"];
        assert_eq!(code_of(garbage(&lost, &["192.0.2.1"])).await, [Code::DnsBadConfig]);
        assert_eq!(code_of(garbage(&lost, &[])).await, [Code::DnsBadConfig, Code::DnsNoResolver]);
        let harmless = ["/etc/resolv.conf:2: `lookup` is no known keyword"];
        assert_eq!(code_of(garbage(&harmless, &["192.0.2.1"])).await, []);
        let files = ResolverConfig { nsswitch: vec!["files".into()], ..config(&["192.0.2.1"]) };
        assert_eq!(code_of(files).await, [Code::DnsNotInNsswitch]);
        let musl = ResolverConfig { nsswitch: vec![], ..config(&["192.0.2.1"]) };
        assert_eq!(code_of(musl).await, []);
    }

    #[test]
    fn short_names_are_tried_with_the_search_list_first() {
        let search = |ndots| ResolverConfig { search: vec!["corp.test.".into()], ndots, ..config(&[]) };
        assert_eq!(tried_first(&search(1), "crm").as_deref(), Some("crm.corp.test"));
        assert_eq!(tried_first(&search(5), "www.crm.test").as_deref(), Some("www.crm.test.corp.test"));
        for (ndots, name) in [(1, "crm.test"), (5, "www.crm.test."), (5, "192.0.2.1"), (5, "2001:db8::1"), (5, "")] {
            assert_eq!(tried_first(&search(ndots), name), None, "{name}");
        }
        assert_eq!(tried_first(&ResolverConfig { ndots: 5, ..config(&[]) }, "crm"), None);
        assert_eq!(tried_first(&ResolverConfig { search: vec![".".into()], ..search(1) }, "crm"), None);
    }

    #[tokio::test]
    async fn each_server_says_how_it_is_reached() {
        let near: IpAddr = "192.168.1.1".parse().expect("an address");
        let told = Told {
            links: vec![cable("eth0")],
            route_to: vec![(near, route("192.168.1.0/24", None, "eth0", None))],
            resolvers: Some(config(&["192.168.1.1", "10.8.0.1"])),
            ..Told::default()
        };
        let seen = seen(told).await;
        assert_eq!(seen[1].facts["route_interface"], "eth0");
        assert_eq!((&seen[1].facts["position"], &seen[1].facts["on_link"]), (&json!(1), &json!(true)));
        assert_eq!(
            (seen[2].subject.as_deref(), &seen[2].facts["route_interface"]),
            (Some("10.8.0.1"), &json!("absent"))
        );
        assert_eq!(seen[2].code, None, "no evidence of a tunnel");
    }

    #[tokio::test]
    async fn a_server_that_the_site_does_not_expect_is_said_to_be_none_of_its_own() {
        let servers = ["10.0.1.53", "9.9.9.9", "127.0.0.53"];
        let expected = json!({ "expected": ["10.0.0.53", "10.0.1.0/24"] });
        for (args, said) in
            [(expected, [Some(true), Some(false), None]), (json!({ "expected": [] }), [None, None, None])]
        {
            let told = Told { resolvers: Some(config(&servers)), ..Told::default() };
            let seen = told::look(&PROBE, told, args).await.1;
            let facts = servers.map(|server| {
                let of = seen.iter().find(|seen| seen.subject.as_deref() == Some(server)).expect("each is named");
                of.facts.get("expected").and_then(serde_json::Value::as_bool)
            });
            assert_eq!(facts, said);
        }
    }

    #[tokio::test]
    async fn left_behind_needs_evidence() {
        let tunnel = |up| Tunnel { interface: "tun0".into(), driver: "tun".into(), up, ..Tunnel::default() };
        let told = |tunnels, comments: &[&str]| Told {
            links: vec![cable("eth0")],
            addresses: vec![address("eth0", "192.168.1.5/24"), address("tun0", "10.8.0.2/24")],
            tunnels,
            resolvers: Some(ResolverConfig {
                comments: comments.iter().map(|line| (*line).to_owned()).collect(),
                ..config(&["10.8.0.1"])
            }),
            ..Told::default()
        };
        let left = Some(Code::VpnResolverLeftBehind);
        assert_eq!(seen(told(vec![tunnel(false)], &[])).await[1].code, left);
        assert_eq!(seen(told(vec![tunnel(true)], &[])).await[1].code, None);
        let gone = |comments: &[&str]| Told { addresses: vec![], ..told(vec![], comments) };
        assert_eq!(seen(gone(&["Generated by OpenVPN"])).await[1].code, left);
        assert_eq!(seen(gone(&["Generated by NetworkManager"])).await[1].code, None);
        let summary = &seen(gone(&["resolv.conf from tun0"])).await[1].summary;
        assert_eq!(
            summary,
            "the resolver 10.8.0.1 was left behind: resolv.conf says `resolv.conf from tun0`, but no tunnel is up; no route leads to it"
        );
    }
}
