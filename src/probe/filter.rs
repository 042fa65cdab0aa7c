//! Does a rule of the local packet filter drop it? Walks the chains as the kernel would, for a new connection and for
//! the answers to it. A rule that is not wholly understood blames nobody: it is listed as possible.

use super::{Burden, Contacts, Cost, Look, Probe, accepts, schema_of};
use crate::layer::Layer;
use crate::observation::{Observation, Via};
use crate::problem::Code;
use crate::sys::{FilterRule, Share, TcpFlags, Towards};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::net::{IpAddr, SocketAddr};

/// The probe.
pub const PROBE: Probe = Probe {
    name: "filter",
    layer: Layer::Host,
    cost: Cost::Local,
    summary: "whether a rule of the local packet filter drops the traffic",
    about: "Reads the rules of nftables (or iptables) and follows a new connection to each address through the output \
            chains, and its answers through the input chains: rules, sets, jumps and policies; rules that send it to \
            another place are named. Needs root to read the \
            rules. Rules with matches that it does not understand are listed as possible and blame nobody.",
    contacts: Contacts::NONE,
    burden: Burden::READS,
    codes: &[Code::HostFilterDrops],
    params: schema_of::<Params>,
    facts: schema_of::<FilterFacts>,
    accepts: accepts::<Params>,
    run: |look| look.with(run),
};

/// Chains may jump into chains; the kernel allows 16 levels (NFT_JUMP_STACK_SIZE).
const DEEPEST_JUMP: usize = 16;

/// Possible rules that are listed; more would be a ruleset, not a hint.
const POSSIBLE_SHOWN: usize = 8;

/// Ports below this are never given to the near end of a connection (ip_local_port_range starts far above).
const FIRST_OWN_PORT: u16 = 1024;

const DNS_PORT: u16 = 53;

/// Ways through the internet pass up to about thirty routers (`MOST_HOPS` of the trace).
const LEAST_HOP_LIMIT: u8 = 32;

/// What should get through.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Params {
    /// Addresses of the target.
    pub addresses: Vec<IpAddr>,
    /// Its port; without one, rules that name ports are only possible.
    pub port: Option<u16>,
    /// `tcp` (the default), `udp` or `icmp`.
    pub protocol: Option<String>,
    /// Resolvers, which are checked for UDP port 53.
    pub resolvers: Vec<IpAddr>,
}

/// What is known about one destination.
#[derive(Debug, Default, Serialize, JsonSchema)]
pub struct FilterFacts {
    /// How many rules that decide over packets there are.
    pub rules: usize,
    /// Where to.
    pub destination: Option<String>,
    /// Port.
    pub port: Option<u16>,
    /// `tcp`, `udp` or `icmp`.
    pub protocol: Option<String>,
    /// `out` for what this machine sends, `in` for what arrives from itself, `answers` for what comes back.
    pub direction: Option<String>,
    /// The rule that drops it, in the tool's words.
    pub rule: Option<String>,
    /// Table and chain.
    pub chain: Option<String>,
    /// The kernel's handle of the rule.
    pub handle: Option<u64>,
    /// `drop`, `reject` or `policy drop`.
    pub verdict: Option<String>,
    /// Packets that the rule has counted.
    pub packets: Option<u64>,
    /// The rule that sends new connections to another place than their target, such as a local security agent, or
    /// sends them with another source address.
    pub redirected_by: Option<String>,
    /// Whether that rule is wholly understood and meets them for certain.
    pub redirected_for_certain: Option<bool>,
    /// The rule that sends the queries to a resolver elsewhere for certain.
    pub queries_redirected_by: Option<String>,
    /// Rules that may drop it: they have matches that are not understood, or are for another user.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub possible_rules: Vec<String>,
    /// The rule that is wholly understood and drops some of the packets, at random or in turn.
    pub some_dropped_by: Option<String>,
    /// The rule that drops what goes beyond a rate, or within it: whether any of these packets does is not known.
    pub limited_by: Option<String>,
    /// The rule that may drop ARP, by which hardware addresses of neighbours are found.
    pub neighbours_dropped_by: Option<String>,
    /// The rule that sets the hop limit of what leaves to fewer than 32 routers.
    pub hop_limit_set_by: Option<String>,
}

/// A packet as far as rules look at it.
#[derive(Debug, Clone)]
struct Packet {
    /// The far end.
    peer: IpAddr,
    port: Option<u16>,
    protocol: String,
    interface: Option<String>,
    source: Option<IpAddr>,
    uid: Option<u32>,
    is_answer: bool,
    /// Whether it comes in, as an answer or as a connection to this machine itself.
    comes_in: bool,
    is_dns: bool,
    /// What connection tracking says of it (ct state).
    state: &'static str,
}

async fn run(look: &Look<'_>, params: Params) -> Vec<Observation> {
    let rules = match look.world.machine.filter_rules().await {
        Ok(rules) => rules,
        Err(why) => return vec![look.unknown(None, &why.to_string())],
    };
    let wanted = wanted(&params);
    if wanted.is_empty() {
        let neighbours_dropped_by = drops_neighbours(&rules);
        let hop_limit_set_by = sets_hop_limit(&rules);
        let facts =
            FilterFacts { rules: rules.len(), neighbours_dropped_by, hop_limit_set_by, ..FilterFacts::default() };
        let words = format!("the local packet filter has {} rules that decide over packets", rules.len());
        return vec![look.ok(None, words).facts(&facts)];
    }
    let uid = look.world.machine.account().await.ok().map(|account| account.uid);
    let mut observations = Vec::new();
    for (peer, port, protocol, is_dns) in wanted {
        let towards = Towards::of(peer, port, Some(&protocol));
        let route = look.world.machine.route_to(towards).await.unwrap_or_default();
        let is_here = route.kind == "local";
        let (interface, source) = (route.interface, route.source);
        let packet = Packet {
            peer,
            port,
            protocol,
            interface,
            source,
            uid,
            is_answer: false,
            comes_in: false,
            is_dns,
            state: NEW,
        };
        observations.push(judge(look, &rules, &tracked(&rules, packet), is_here));
    }
    observations
}

fn wanted(params: &Params) -> Vec<(IpAddr, Option<u16>, String, bool)> {
    let protocol = params.protocol.as_deref().unwrap_or("tcp").to_lowercase();
    let targets = params.addresses.iter().map(|address| {
        let protocol = match (protocol.as_str(), address) {
            ("icmp", IpAddr::V6(_)) => "icmpv6".to_owned(),
            _ => protocol.clone(),
        };
        (*address, params.port, protocol, false)
    });
    let resolvers = params.resolvers.iter().map(|address| (*address, Some(DNS_PORT), "udp".to_owned(), true));
    targets.chain(resolvers).collect()
}

fn judge(look: &Look<'_>, rules: &[FilterRule], packet: &Packet, is_here: bool) -> Observation {
    let subject = match packet.port {
        Some(port) => SocketAddr::new(packet.peer, port).to_string(),
        None => packet.peer.to_string(),
    };
    let mut facts = FilterFacts {
        rules: rules.len(),
        destination: Some(packet.peer.to_string()),
        port: packet.port,
        protocol: Some(packet.protocol.clone()),
        neighbours_dropped_by: drops_neighbours(rules),
        hop_limit_set_by: sets_hop_limit(rules),
        ..FilterFacts::default()
    };
    let via = Via {
        family: Some(if packet.peer.is_ipv4() { "ipv4" } else { "ipv6" }.to_owned()),
        resolver: packet.is_dns.then(|| packet.peer.to_string()),
        peer: (!packet.is_dns).then(|| subject.clone()),
        ..Via::default()
    };
    let out = Walk::of(rules, packet);
    if let Some((rule, meets)) = out.redirecting() {
        facts.redirected_by = Some(format!("{} in {}", rule.text, rule.chain));
        facts.redirected_for_certain = Some(meets == Match::Yes);
        let certain = packet.is_dns && meets == Match::Yes;
        facts.queries_redirected_by = certain.then(|| facts.redirected_by.clone()).flatten();
    }
    // To what was not tracked on its way out the answer is a connection that nobody opened (nf_conntrack_proto_tcp.c).
    let state = match (packet.state, packet.protocol.as_str()) {
        (UNTRACKED, "tcp") => "invalid",
        (UNTRACKED, _) => NEW,
        _ => "established",
    };
    let answer = tracked(rules, Packet { is_answer: true, comes_in: true, state, ..packet.clone() });
    // What this machine sends to itself comes in as well.
    let arriving = Packet { comes_in: true, ..packet.clone() };
    let mut passes = vec![("out", OUT, packet), ("answers", BACK, &answer)];
    if is_here {
        passes.insert(1, ("in", BACK, &arriving));
    }
    let mut possible = Vec::new();
    for (direction, hooks, packet) in passes {
        let mut walk = Walk::of(rules, packet);
        let dropped = walk.hooks(hooks);
        possible.extend(walk.possible.iter().map(|rule| format!("{}: {}", rule.chain, rule.text)));
        facts.some_dropped_by = facts.some_dropped_by.take().or_else(|| walk.some.map(name_of));
        facts.limited_by = facts.limited_by.take().or_else(|| walk.rated.map(name_of));
        if let Some(rule) = dropped {
            facts.direction = Some(direction.to_owned());
            facts.rule = Some(name_of(rule));
            facts.chain = Some(rule.chain.clone());
            facts.handle = rule.handle;
            facts.verdict = Some(rule.verdict.clone());
            facts.packets = rule.packets;
            let handle = rule.handle.map_or(String::new(), |handle| format!(" (handle {handle})"));
            let what = if direction == "answers" { "answers from" } else { "packets to" };
            let words = format!("`{}` in {}{handle} drops {what} {subject}", rule.text, rule.chain);
            return look.problem(Some(&subject), Code::HostFilterDrops, words).facts(&facts).via(via);
        }
    }
    possible.dedup();
    let more = match possible.len() {
        0 => String::new(),
        count => format!("; {count} rules may, but are not wholly understood"),
    };
    possible.truncate(POSSIBLE_SHOWN);
    facts.possible_rules = possible;
    look.ok(Some(&subject), format!("no rule here drops packets to {subject} for certain{more}")).facts(&facts).via(via)
}

/// The rule in its tool's words; one that demands nothing of a packet is known by its chain.
fn name_of(rule: &FilterRule) -> String {
    let counted = rule.text.strip_prefix("counter packets ").and_then(|rest| rest.split_once(' '));
    let words = counted.map_or(rule.text.as_str(), |(_, rest)| rest);
    if words == rule.verdict { format!("{} in chain {}", rule.text, rule.chain) } else { rule.text.clone() }
}

/// The rule that sets the hop limit of what leaves lower than a way through the internet is long.
fn sets_hop_limit(rules: &[FilterRule]) -> Option<String> {
    let limit = |rule: &FilterRule| rule.verdict.strip_prefix("hop limit ")?.parse::<u8>().ok();
    let leaves = |rule: &&FilterRule| rule.hook.as_deref().is_some_and(|hook| OUT.contains(&hook));
    let small = |rule: &&FilterRule| limit(rule).is_some_and(|limit| limit < LEAST_HOP_LIMIT);
    let rule = rules.iter().filter(leaves).find(small)?;
    Some(format!("{} in {}", rule.text, rule.chain))
}

/// The rule that may drop ARP: one of the tables for that, or one that sees every frame of an interface and demands
/// nothing that only IP packets have.
fn drops_neighbours(rules: &[FilterRule]) -> Option<String> {
    let sees_arp = |rule: &FilterRule| match rule.chain.split(' ').next() {
        Some("arp") => matches!(rule.hook.as_deref(), Some("input" | "output")),
        Some("netdev") => {
            let of_ip = rule.destination.is_some() || rule.protocol.is_some() || rule.uid.is_some();
            let lists = rule.sources.len() + rule.ports.len() + rule.source_ports.len() + rule.states.len();
            matches!(rule.hook.as_deref(), Some("ingress" | "egress")) && !of_ip && lists == 0
        }
        _ => false,
    };
    let drops = |rule: &&FilterRule| matches!(rule.verdict.as_str(), "drop" | "policy drop") && sees_arp(rule);
    rules.iter().find(drops).map(name_of)
}

/// The packet, untracked where a rule says so for certain: connection tracking begins after the chains of the table `raw`.
fn tracked(rules: &[FilterRule], packet: Packet) -> Packet {
    let hook = if packet.comes_in { "prerouting" } else { "output" };
    let walk = Walk::of(rules, &packet);
    let mut telling = rules.iter().filter(|rule| rule.verdict == "notrack" && rule.hook.as_deref() == Some(hook));
    let is_untracked = telling.any(|rule| walk.meets(rule) == Match::Yes);
    Packet { state: if is_untracked { UNTRACKED } else { packet.state }, ..packet }
}

/// States of connection tracking.
const NEW: &str = "new";
const UNTRACKED: &str = "untracked";

/// Hooks that what we send passes, and those that the answers pass.
const OUT: &[&str] = &["output", "postrouting", "egress"];
const BACK: &[&str] = &["ingress", "prerouting", "input"];

/// How a rule meets a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Match {
    Yes,
    No,
    Maybe,
}

/// Where a packet stands after a chain.
enum Flow<'a> {
    /// It goes on in the chain that jumped here, or to the policy.
    Goes,
    Accepted,
    Dropped(&'a FilterRule),
}

struct Walk<'a> {
    rules: &'a [FilterRule],
    packet: &'a Packet,
    possible: Vec<&'a FilterRule>,
    /// The first that drops some of the packets for certain.
    some: Option<&'a FilterRule>,
    /// The first that drops those of a rate.
    rated: Option<&'a FilterRule>,
}

impl<'a> Walk<'a> {
    fn of(rules: &'a [FilterRule], packet: &'a Packet) -> Self {
        Walk { rules, packet, possible: Vec::new(), some: None, rated: None }
    }

    /// The rule on the way out that gives a new connection another target or a fixed source, and how it meets it. It
    /// blames nobody by itself: transparent proxies work like this too. Chains that are only jumped to are left out,
    /// because a jump may not be taken.
    fn redirecting(&self) -> Option<(&'a FilterRule, Match)> {
        let changes = |rule: &FilterRule| match rule.hook.as_deref() {
            Some("output") => matches!(rule.verdict.as_str(), "redirect" | "dnat" | "tproxy"),
            Some("postrouting") => rule.verdict == "snat",
            _ => false,
        };
        let changing = self.rules.iter().filter(|rule| changes(rule));
        changing.map(|rule| (rule, self.meets(rule))).find(|(_, meets)| *meets != Match::No)
    }

    /// The first rule that drops the packet for certain, in any base chain of these hooks: an `accept` ends only its own
    /// base chain.
    fn hooks(&mut self, hooks: &[&str]) -> Option<&'a FilterRule> {
        let mut chains: Vec<&str> = Vec::new();
        for rule in self.rules {
            if rule.hook.as_deref().is_some_and(|hook| hooks.contains(&hook)) && !chains.contains(&rule.chain.as_str())
            {
                chains.push(&rule.chain);
            }
        }
        chains.into_iter().find_map(|chain| match self.chain(chain, true, 0) {
            Flow::Dropped(rule) => Some(rule),
            Flow::Goes | Flow::Accepted => None,
        })
    }

    fn chain(&mut self, chain: &str, mut certain: bool, depth: usize) -> Flow<'a> {
        // Past a `return` or `goto` of a base chain only its policy counts.
        let mut only_policy = false;
        for rule in self.rules.iter().filter(|rule| rule.chain == chain) {
            let is_policy = rule.verdict == "policy drop";
            if only_policy && !is_policy {
                continue;
            }
            let meets = self.meets(rule);
            if meets == Match::No {
                continue;
            }
            let understood = certain && meets == Match::Yes;
            let (sure, meets) = match rule.share {
                Share::Every => (understood, meets),
                // It may or may not be this packet.
                Share::Some | Share::Rated => (false, Match::Maybe),
            };
            match rule.verdict.as_str() {
                "drop" | "reject" if understood && rule.share == Share::Some => self.some = self.some.or(Some(rule)),
                "drop" | "reject" | "policy drop" if sure => return Flow::Dropped(rule),
                "drop" | "reject" | "policy drop" => {
                    let is_rated = understood && rule.share == Share::Rated;
                    self.rated = self.rated.or(is_rated.then_some(rule));
                    self.possible.push(rule);
                }
                // It says how the packet is tracked, and lets it go on.
                "notrack" => {}
                "return" if meets == Match::Yes => only_policy = true,
                // A program decides, or it is not sure that the rule applies: nothing after it is certain.
                "queue" | "return" => certain = false,
                verdict => match self.jump(verdict, chain, sure, depth) {
                    Flow::Dropped(rule) => return Flow::Dropped(rule),
                    Flow::Accepted if meets == Match::Yes => return Flow::Accepted,
                    Flow::Accepted => certain = false,
                    Flow::Goes => only_policy |= verdict.starts_with("goto ") && meets == Match::Yes,
                },
            }
        }
        Flow::Goes
    }

    /// Follows a jump; every other verdict lets the packet through.
    fn jump(&mut self, verdict: &str, from: &str, certain: bool, depth: usize) -> Flow<'a> {
        let Some(target) = verdict.strip_prefix("jump ").or_else(|| verdict.strip_prefix("goto ")) else {
            return Flow::Accepted;
        };
        let table = from.rsplit_once(' ').map_or("", |(table, _)| table);
        if depth >= DEEPEST_JUMP { Flow::Goes } else { self.chain(&format!("{table} {target}"), certain, depth + 1) }
    }

    fn meets(&self, rule: &FilterRule) -> Match {
        let packet = self.packet;
        let family_fits = match rule.chain.split(' ').next() {
            Some("ip") => packet.peer.is_ipv4(),
            Some("ip6") => packet.peer.is_ipv6(),
            Some("arp") => false,
            _ => true,
        };
        let state_fits = rule.states.is_empty() || rule.states.iter().any(|known| known == packet.state);
        let protocol_fits = rule.protocol.as_ref().is_none_or(|protocol| *protocol == packet.protocol);
        if !family_fits || !state_fits || !protocol_fits {
            return Match::No;
        }
        let mut meets = if rule.partial { Match::Maybe } else { Match::Yes };
        let demands = [
            self.destination(rule),
            self.source(rule),
            self.ports(rule),
            self.source_ports(rule),
            self.interfaces(rule),
            self.user(rule),
            self.flags(rule),
        ];
        for next in demands {
            meets = match (meets, next) {
                (_, Match::No) => return Match::No,
                (Match::Yes, Match::Yes) => Match::Yes,
                _ => Match::Maybe,
            };
        }
        meets
    }

    /// Answers go to our own address.
    fn destination(&self, rule: &FilterRule) -> Match {
        let Some(net) = rule.destination else { return Match::Yes };
        let to = if self.packet.is_answer { self.packet.source } else { Some(self.packet.peer) };
        // A whole family as destination only says which family.
        match to {
            Some(address) => yes_or_no(net.contains(&address)),
            None if net.prefix_len() == 0 => yes_or_no(net.addr().is_ipv4() == self.packet.peer.is_ipv4()),
            None => Match::Maybe,
        }
    }

    /// Answers come from the far end.
    fn source(&self, rule: &FilterRule) -> Match {
        let from = if self.packet.is_answer { Some(self.packet.peer) } else { self.packet.source };
        match from {
            _ if rule.sources.is_empty() => Match::Yes,
            Some(address) => yes_or_no(rule.sources.iter().any(|net| net.contains(&address))),
            None => Match::Maybe,
        }
    }

    fn ports(&self, rule: &FilterRule) -> Match {
        if self.packet.is_answer { own_port(&rule.ports) } else { far_port(&rule.ports, self.packet.port) }
    }

    fn source_ports(&self, rule: &FilterRule) -> Match {
        if self.packet.is_answer {
            far_port(&rule.source_ports, self.packet.port)
        } else {
            own_port(&rule.source_ports)
        }
    }

    fn interfaces(&self, rule: &FilterRule) -> Match {
        let (here, other) = match self.packet.comes_in {
            true => (&rule.input_interface, &rule.interface),
            false => (&rule.interface, &rule.input_interface),
        };
        // What we send has no input interface, and what we receive no output one.
        match (here, other, &self.packet.interface) {
            (_, Some(_), _) => Match::No,
            (None, ..) => Match::Yes,
            (Some(pattern), _, Some(name)) => yes_or_no(match pattern.strip_suffix('*') {
                Some(start) => name.starts_with(start),
                None => name == pattern,
            }),
            (Some(_), _, None) => Match::Maybe,
        }
    }

    /// The packet is the first of its direction; a rule for others of the same connection may meet those.
    fn flags(&self, rule: &FilterRule) -> Match {
        const LATER: &[u8] = &[
            TcpFlags::ACK,
            TcpFlags::PSH | TcpFlags::ACK,
            TcpFlags::FIN | TcpFlags::ACK,
            TcpFlags::RST,
            TcpFlags::RST | TcpFlags::ACK,
        ];
        let first = if self.packet.is_answer { TcpFlags::SYN | TcpFlags::ACK } else { TcpFlags::SYN };
        match rule.tcp_flags {
            None => Match::Yes,
            Some(wanted) if wanted.meets(first) => Match::Yes,
            Some(wanted) if LATER.iter().any(|flags| wanted.meets(*flags)) => Match::Maybe,
            Some(_) => Match::No,
        }
    }

    /// The person who complains may be another user than the one who runs this.
    fn user(&self, rule: &FilterRule) -> Match {
        match (rule.uid, self.packet.uid) {
            (None, _) => Match::Yes,
            (Some(uid), Some(own)) if uid == own && !self.packet.is_answer => Match::Yes,
            _ => Match::Maybe,
        }
    }
}

/// Whether a match on the near end's port fits: the kernel chooses that.
fn own_port(ports: &[(u16, u16)]) -> Match {
    if ports.is_empty() || ports.contains(&(0, u16::MAX)) {
        return Match::Yes;
    }
    if ports.iter().all(|(_, to)| *to < FIRST_OWN_PORT) { Match::No } else { Match::Maybe }
}

/// Whether a match on the far end's port fits.
fn far_port(ports: &[(u16, u16)], port: Option<u16>) -> Match {
    match port {
        _ if ports.is_empty() => Match::Yes,
        Some(port) => yes_or_no(ports.iter().any(|(from, to)| (*from..=*to).contains(&port))),
        None => Match::Maybe,
    }
}

fn yes_or_no(yes: bool) -> Match {
    if yes { Match::Yes } else { Match::No }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observation::Outcome;
    use crate::probe::testing::told::{self, Told, route};
    use crate::sys::parse::{iptables, nft};
    use serde_json::json;

    async fn seen(rules: Vec<FilterRule>, args: serde_json::Value) -> Observation {
        let chosen = |address: &str| {
            let chosen = crate::sys::Route {
                source: "10.0.0.5".parse().ok(),
                ..route("default", Some("10.0.0.1"), "eth0", None)
            };
            (address.parse().expect("an address"), chosen)
        };
        let told = Told {
            filter_rules: Some(rules),
            route_to: vec![chosen("10.99.0.9"), chosen("203.0.113.5"), chosen("9.9.9.9")],
            ..Told::default()
        };
        told::look(&PROBE, told, args).await.1.remove(0)
    }

    fn saved(lines: &str) -> Vec<FilterRule> {
        iptables::save(&format!("*filter\n{lines}\nCOMMIT\n"), "ip")
    }

    fn web(address: &str) -> serde_json::Value {
        json!({ "addresses": [address], "port": 443 })
    }

    #[tokio::test]
    async fn a_dropping_rule_is_named() {
        let rules = saved("-A OUTPUT -d 10.99.0.0/24 -p tcp -m tcp --dport 443 -j DROP");
        let hit = seen(rules.clone(), web("10.99.0.9")).await;
        assert_eq!(hit.code, Some(Code::HostFilterDrops));
        assert_eq!(hit.subject.as_deref(), Some("10.99.0.9:443"));
        assert_eq!(hit.facts["chain"], "ip filter OUTPUT");
        assert_eq!((&hit.facts["direction"], &hit.facts["verdict"]), (&json!("out"), &json!("drop")));
        assert_eq!(seen(rules.clone(), web("9.9.9.9")).await.code, None);
        assert_eq!(seen(rules, json!({ "addresses": ["10.99.0.9"], "port": 80 })).await.code, None);
    }

    #[tokio::test]
    async fn a_rule_that_leads_connections_elsewhere_is_named_and_blames_nobody() {
        let rule = |hook: &str, verdict: &str, destination: &str| FilterRule {
            chain: "ip agent output".to_owned(),
            hook: Some(hook.to_owned()),
            text: format!("tcp {verdict} to :9999"),
            verdict: verdict.to_owned(),
            destination: destination.parse().ok(),
            ..FilterRule::default()
        };
        let cases = [
            (rule("output", "redirect", "0.0.0.0/0"), true),
            (rule("output", "dnat", "203.0.113.0/24"), true),
            (rule("output", "redirect", "10.0.0.0/8"), false),
            (rule("prerouting", "redirect", "0.0.0.0/0"), false),
            (rule("output", "masquerade", "0.0.0.0/0"), false),
            (rule("postrouting", "masquerade", "0.0.0.0/0"), false),
            (rule("postrouting", "snat", "203.0.113.0/24"), true),
        ];
        for (rule, named) in cases {
            let words = format!("{rule:?}");
            let partial = FilterRule { partial: true, ..rule.clone() };
            let unsure = seen(vec![partial], web("203.0.113.5")).await;
            let seen = seen(vec![rule], web("203.0.113.5")).await;
            assert_eq!((seen.outcome, seen.facts.contains_key("redirected_by")), (Outcome::Ok, named), "{words}");
            let certain = |seen: &Observation| seen.facts.get("redirected_for_certain").and_then(|fact| fact.as_bool());
            assert_eq!((certain(&seen), certain(&unsure)), (named.then_some(true), named.then_some(false)), "{words}");
        }
    }

    #[tokio::test]
    async fn order_jumps_and_policies_count() {
        let cases = [
            ("-A OUTPUT -d 10.99.0.9/32 -j ACCEPT\n-A OUTPUT -j DROP", None),
            ("-A OUTPUT -d 10.99.0.8/32 -j ACCEPT\n-A OUTPUT -j DROP", Some("drop")),
            (":OUTPUT DROP [0:0]\n-A OUTPUT -o lo -j ACCEPT", Some("policy drop")),
            (":OUTPUT DROP [0:0]\n-A OUTPUT -o eth+ -j ACCEPT", None),
            ("-A OUTPUT -j EXTRA\n-A EXTRA -d 10.99.0.9/32 -j REJECT", Some("reject")),
            ("-A OUTPUT -j EXTRA\n-A EXTRA -j RETURN\n-A EXTRA -j DROP", None),
            ("-A OUTPUT -j A\n-A A -j B\n-A B -j A", None),
            ("-A OUTPUT -m conntrack --ctstate INVALID -j DROP", None),
            ("-A OUTPUT -m conntrack --ctstate NEW -j DROP", Some("drop")),
            (":INPUT DROP [0:0]", Some("policy drop")),
            (":INPUT DROP [0:0]\n-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT", None),
            (":INPUT DROP [0:0]\n-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT", Some("policy drop")),
            (":INPUT DROP [0:0]\n-A INPUT -p tcp -m tcp --sport 443 -j ACCEPT", None),
            ("-A INPUT -p tcp -m tcp --dport 25 -j DROP", None),
            ("-A INPUT -p tcp -m tcp --sport 443 -j DROP", Some("drop")),
            ("-A INPUT -p tcp -m tcp --sport 80 -j DROP", None),
            ("-A INPUT -s 10.99.0.0/24 -j DROP", Some("drop")),
            ("-A INPUT -s 10.98.0.0/24 -j DROP", None),
            ("-A OUTPUT -s 10.0.0.5/32 -j DROP", Some("drop")),
            (":FORWARD DROP [0:0]", None),
        ];
        for (lines, verdict) in cases {
            let seen = seen(saved(lines), web("10.99.0.9")).await;
            assert_eq!(seen.facts.get("verdict").and_then(|word| word.as_str()), verdict, "{lines}");
        }
    }

    #[tokio::test]
    async fn what_is_not_understood_is_only_possible() {
        for lines in ["-A OUTPUT -m set --match-set bad dst -j DROP", "-A OUTPUT -m owner --uid-owner 1000 -j DROP"] {
            let seen = seen(saved(lines), web("10.99.0.9")).await;
            assert_eq!(seen.outcome, Outcome::Ok);
            assert_eq!(seen.facts["possible_rules"].as_array().map(Vec::len), Some(1), "{lines}");
        }
        let uncertain = "-A OUTPUT -m set --match-set good dst -j ACCEPT\n-A OUTPUT -j DROP";
        assert_eq!(seen(saved(uncertain), web("10.99.0.9")).await.code, None);
    }

    #[tokio::test]
    async fn a_recorded_ruleset_of_nft() {
        let text = include_str!("../../tests/fixtures/linux/nft-ruleset.json");
        let rules = || nft::ruleset(text).expect("recorded");
        let hit = seen(rules(), web("10.99.0.9")).await;
        assert_eq!((&hit.facts["handle"], &hit.facts["chain"]), (&json!(8), &json!("inet filter output")));
        let jumped = seen(rules(), web("203.0.113.5")).await;
        assert_eq!(jumped.facts["handle"], 34, "a rule of a chain that is jumped to");
        let resolver = seen(rules(), json!({ "resolvers": ["9.9.9.9"] })).await;
        assert_eq!((&resolver.facts["handle"], resolver.via.resolver.as_deref()), (&json!(19), Some("9.9.9.9")));
    }

    #[tokio::test]
    async fn a_rule_for_some_of_the_packets_is_named_apart() {
        let some = "-A INPUT -p tcp -m tcp --sport 443 -m statistic --mode random --probability 0.3 -j DROP";
        let hit = seen(saved(some), web("10.99.0.9")).await;
        assert_eq!((hit.code, &hit.facts["some_dropped_by"]), (None, &json!(some)));
        let other = seen(saved(some), json!({ "addresses": ["10.99.0.9"], "port": 80 })).await;
        assert!(!other.facts.contains_key("some_dropped_by"));
        let accepted = format!("-A INPUT -s 10.99.0.0/24 -j ACCEPT\n{some}");
        assert!(!seen(saved(&accepted), web("10.99.0.9")).await.facts.contains_key("some_dropped_by"));
        let rated =
            "-A OUTPUT -p tcp -m tcp --dport 443 -m hashlimit --hashlimit-above 1/min --hashlimit-name x -j DROP";
        let hit = seen(saved(rated), web("10.99.0.9")).await;
        assert_eq!((hit.code, &hit.facts["limited_by"]), (None, &json!(rated)));
        assert!(!hit.facts.contains_key("some_dropped_by") && hit.facts.contains_key("possible_rules"));
        let bare = seen(saved("-A OUTPUT -j EXTRA\n-A EXTRA -j DROP"), web("10.99.0.9")).await;
        assert_eq!(bare.facts["rule"], "-A EXTRA -j DROP");
    }

    #[tokio::test]
    async fn a_rule_that_may_drop_arp_is_named() {
        let rule = |chain: &str, hook: &str, verdict: &str| FilterRule {
            chain: chain.to_owned(),
            hook: Some(hook.to_owned()),
            text: verdict.to_owned(),
            verdict: verdict.to_owned(),
            ..FilterRule::default()
        };
        let of_ip = FilterRule { protocol: Some("tcp".into()), ..rule("netdev t in", "ingress", "drop") };
        let table = [
            (rule("arp t in", "input", "drop"), Some("drop in chain arp t in")),
            (rule("netdev t in", "ingress", "drop"), Some("drop in chain netdev t in")),
            (rule("arp t in", "input", "accept"), None),
            (rule("inet t in", "input", "drop"), None),
            (of_ip, None),
        ];
        for (rule, named) in table {
            let words = format!("{rule:?}");
            let seen = seen(vec![rule], web("203.0.113.5")).await;
            assert_eq!(seen.facts.get("neighbours_dropped_by").and_then(|fact| fact.as_str()), named, "{words}");
        }
    }

    #[tokio::test]
    async fn an_untracked_connection_gets_no_answer_past_a_stateful_filter() {
        let rule = |chain: &str, hook: &str, verdict: &str| FilterRule {
            chain: format!("inet fw {chain}"),
            hook: Some(hook.to_owned()),
            text: verdict.to_owned(),
            verdict: verdict.to_owned(),
            ..FilterRule::default()
        };
        let accepts = FilterRule { states: vec!["established".into()], ..rule("in", "input", "accept") };
        let policy = rule("in", "input", "policy drop");
        let untracked = |port| FilterRule { ports: vec![(port, port)], ..rule("raw", "output", "notrack") };
        for (port, code) in [(443, Some(Code::HostFilterDrops)), (25, None)] {
            let rules = vec![untracked(port), accepts.clone(), policy.clone()];
            let seen = seen(rules, web("203.0.113.5")).await;
            assert_eq!(seen.code, code, "{}", seen.summary);
        }
    }

    #[tokio::test]
    async fn without_root_it_is_unknown() {
        let (_, seen) = told::look(&PROBE, Told::default(), web("10.99.0.9")).await;
        assert_eq!(seen[0].outcome, Outcome::Unknown);
        assert_eq!(seen[0].reason.as_deref(), Some("needs root to read the rules of the packet filter"));
    }
}
