//! Rules of the packet filter from `nft --json list ruleset` (libnftables-json(5)). A rule that lists several addresses,
//! protocols, interfaces or users becomes one `FilterRule` for each, with the same handle and text. What is not
//! understood makes a rule `partial`: it may or may not apply, and nobody is blamed for it.

use crate::sys::{FilterRule, Share, TcpFlags};
use ipnet::{IpNet, Ipv4Subnets, Ipv6Subnets};
use serde_json::Value;
use std::collections::HashMap;
use std::net::IpAddr;

/// A rule of the report is a line, not a page.
const TEXT_SHOWN: usize = 200;

/// A set with more members than this is not spelled out: its rule becomes `partial`. Judgement: address lists beyond
/// it are block lists of whole countries, and thousands of rules would cost more than they tell.
const MEMBERS_SPELLED_OUT: usize = 512;

/// Families of tables that see IP packets of this machine, and the ARP without which it sends none; `bridge` looks
/// elsewhere.
const FAMILIES: &[&str] = &["inet", "ip", "ip6", "netdev", "arp"];

/// Reads a ruleset; the rules come in the kernel's order, each base chain's policy after its rules.
pub fn ruleset(text: &str) -> Result<Vec<FilterRule>, String> {
    let document: Value = serde_json::from_str(text).map_err(|error| format!("nft printed no JSON: {error}"))?;
    let items = document["nftables"].as_array().ok_or("nft printed no ruleset")?;
    let mut sets = HashMap::new();
    let mut chains: Vec<Chain> = Vec::new();
    for item in items {
        for kind in ["set", "map"] {
            if let Some(set) = item.get(kind) {
                sets.insert(
                    format!("{} {} {}", word(set, "family"), word(set, "table"), word(set, "name")),
                    &set["elem"],
                );
            }
        }
        if let Some(chain) = item.get("chain").filter(|chain| FAMILIES.contains(&word(chain, "family"))) {
            chains.push(Chain {
                path: format!("{} {} {}", word(chain, "family"), word(chain, "table"), word(chain, "name")),
                hook: chain["hook"].as_str().map(str::to_owned),
                priority: chain["prio"].as_i64().unwrap_or_default(),
                policy_drop: word(chain, "policy") == "drop",
                device: chain["dev"].as_str().map(str::to_owned),
                rules: Vec::new(),
            });
        }
        if let Some(rule) = item.get("rule") {
            let table = format!("{} {}", word(rule, "family"), word(rule, "table"));
            let path = format!("{table} {}", word(rule, "chain"));
            if let Some(chain) = chains.iter_mut().find(|chain| chain.path == path) {
                let read = Reader { table: &table, sets: &sets }.rule(rule, chain);
                chain.rules.extend(read);
            }
        }
    }
    chains.sort_by_key(|chain| chain.priority);
    Ok(chains.into_iter().flat_map(Chain::finish).collect())
}

/// Whether the ruleset holds matches of the old iptables modules, which nft cannot put into words.
pub fn has_foreign_matches(text: &str) -> bool {
    text.contains("\"xt\"")
}

struct Chain {
    path: String,
    hook: Option<String>,
    priority: i64,
    policy_drop: bool,
    /// The one interface that a chain of `netdev` is for, where nft names it.
    device: Option<String>,
    rules: Vec<FilterRule>,
}

impl Chain {
    /// Binds the rules of a chain of `netdev` to its device; without its name each of them only may apply.
    fn bind(&mut self) {
        let sees_one_device = matches!(self.hook.as_deref(), Some("ingress" | "egress"));
        for rule in self.rules.iter_mut().filter(|_| sees_one_device) {
            match self.hook.as_deref() {
                Some("egress") => rule.interface = self.device.clone(),
                _ => rule.input_interface = self.device.clone(),
            }
            rule.partial |= self.device.is_none();
        }
    }

    fn finish(mut self) -> Vec<FilterRule> {
        if self.policy_drop {
            self.rules.push(FilterRule {
                text: format!("chain {} policy drop", self.path),
                chain: self.path.clone(),
                hook: self.hook.clone(),
                verdict: "policy drop".to_owned(),
                ..FilterRule::default()
            });
        }
        self.bind();
        self.rules
    }
}

/// What a rule demands, before its lists are spelled out. An empty list demands nothing.
#[derive(Debug, Clone, Default)]
struct Demands {
    destinations: Vec<IpNet>,
    protocols: Vec<String>,
    ports: Vec<(u16, u16)>,
    sources: Vec<IpNet>,
    source_ports: Vec<(u16, u16)>,
    interfaces: Vec<String>,
    input_interfaces: Vec<String>,
    uids: Vec<u32>,
    states: Vec<String>,
    tcp_flags: Option<TcpFlags>,
    partial: bool,
    share: Share,
}

struct Reader<'a> {
    table: &'a str,
    sets: &'a HashMap<String, &'a Value>,
}

impl Reader<'_> {
    fn rule(&self, rule: &Value, chain: &Chain) -> Vec<FilterRule> {
        let mut demands = Demands::default();
        let mut packets = None;
        let mut outcomes: Vec<(Demands, String)> = Vec::new();
        let mut words = Vec::new();
        for expression in rule["expr"].as_array().into_iter().flatten() {
            words.push(text_of(expression));
            let Some((name, value)) = expression.as_object().and_then(|object| object.iter().next()) else { continue };
            match name.as_str() {
                "match" => self.demand(value, &mut demands),
                "counter" => packets = value["packets"].as_u64().or(packets),
                "vmap" => outcomes.extend(self.verdict_map(value, &demands)),
                "limit" => demands.share = Share::Rated,
                // A quota or a count matches some packets only; `xt` is a match of an iptables module.
                "quota" | "xt" | "connlimit" | "ct count" => demands.partial = true,
                _ => outcomes.extend(verdict(name, value).map(|verdict| (demands.clone(), verdict))),
            }
        }
        let base = FilterRule {
            chain: chain.path.clone(),
            hook: chain.hook.clone(),
            text: words.join(" ").chars().take(TEXT_SHOWN).collect(),
            packets,
            handle: rule["handle"].as_u64(),
            ..FilterRule::default()
        };
        outcomes.into_iter().flat_map(|(demands, verdict)| demands.spell_out(&base, &verdict)).collect()
    }

    /// `tcp dport vmap { 22 : accept, 23 : drop }`: one verdict for each key.
    fn verdict_map(&self, map: &Value, demands: &Demands) -> Vec<(Demands, String)> {
        let data = self.members(&map["data"]);
        data.iter()
            .filter_map(|pair| {
                let (key, outcome) = (pair.get(0)?, pair.get(1)?.as_object()?);
                let (name, value) = outcome.iter().next()?;
                let mut demands = demands.clone();
                let equal = serde_json::json!({ "op": "==", "left": map["key"], "right": key });
                self.demand(&equal, &mut demands);
                Some((demands, verdict(name, value)?))
            })
            .collect()
    }

    /// Takes one match into the demands.
    fn demand(&self, condition: &Value, demands: &mut Demands) {
        let left = &condition["left"];
        let values = self.members(&condition["right"]);
        let positive = matches!(condition["op"].as_str(), Some("==" | "in"));
        if left.get("numgen").is_some() {
            demands.share = Share::Some;
            return;
        }
        let key = left["meta"]["key"].as_str();
        let payload = (left["payload"]["protocol"].as_str(), left["payload"]["field"].as_str());
        let mut understood = positive && !values.is_empty() && values.len() <= MEMBERS_SPELLED_OUT;
        if let (Some(protocol @ ("tcp" | "udp" | "sctp" | "icmp" | "icmpv6")), _) = payload {
            // Naming a field of TCP demands TCP, whatever the comparison.
            demands.protocols = vec![protocol.to_owned()];
        }
        if understood {
            understood = match (payload, key) {
                ((Some("ip" | "ip6"), Some("daddr")), _) => collect(&values, networks, &mut demands.destinations),
                ((Some("ip" | "ip6"), Some("saddr")), _) => collect(&values, networks, &mut demands.sources),
                ((Some("tcp" | "udp" | "th" | "sctp"), Some("dport")), _) => collect(&values, port, &mut demands.ports),
                ((Some("tcp" | "udp" | "th" | "sctp"), Some("sport")), _) => {
                    collect(&values, port, &mut demands.source_ports)
                }
                ((Some("ip"), Some("protocol")) | (Some("ip6"), Some("nexthdr")), _) | (_, Some("l4proto")) => {
                    collect(&values, protocol, &mut demands.protocols)
                }
                (_, Some("oifname" | "oif")) => collect(&values, name, &mut demands.interfaces),
                (_, Some("iifname" | "iif")) => collect(&values, name, &mut demands.input_interfaces),
                (_, Some("skuid")) => collect(&values, uid, &mut demands.uids),
                (_, Some("nfproto")) => collect(&values, family, &mut demands.destinations),
                _ if left["ct"]["key"] == "state" => collect(&values, state, &mut demands.states),
                _ => false,
            };
        }
        if let (false, Some(flags)) = (understood, tcp_flags(condition)) {
            understood = demands.tcp_flags.is_none();
            demands.tcp_flags = Some(flags);
        }
        if !understood {
            demands.partial = true;
        }
    }

    /// The members of a set, a named set (`@name`), a list or a single value.
    fn members(&self, value: &Value) -> Vec<Value> {
        if let Some(name) = value.as_str().and_then(|text| text.strip_prefix('@')) {
            let elements = self.sets.get(&format!("{} {name}", self.table)).and_then(|set| set.as_array());
            return elements.cloned().unwrap_or_default();
        }
        if let Some(members) = value.get("set").unwrap_or(value).as_array() {
            return members.clone();
        }
        vec![value.clone()]
    }
}

impl Demands {
    /// One rule for each combination of what a `FilterRule` holds only once.
    fn spell_out(&self, base: &FilterRule, verdict: &str) -> Vec<FilterRule> {
        let mut partial = self.partial;
        let combinations = [self.destinations.len(), self.protocols.len(), self.interfaces.len(), self.uids.len()]
            .iter()
            .map(|length| (*length).max(1))
            .product::<usize>();
        partial |= combinations > MEMBERS_SPELLED_OUT || self.input_interfaces.len() > 1;
        let mut rules = Vec::new();
        for destination in each(&self.destinations) {
            for protocol in each(&self.protocols) {
                for interface in each(&self.interfaces) {
                    for uid in each(&self.uids) {
                        if rules.len() < MEMBERS_SPELLED_OUT {
                            rules.push(FilterRule {
                                destination,
                                protocol: protocol.clone(),
                                interface: interface.clone(),
                                uid,
                                verdict: verdict.to_owned(),
                                ports: self.ports.clone(),
                                sources: self.sources.clone(),
                                source_ports: self.source_ports.clone(),
                                states: self.states.clone(),
                                tcp_flags: self.tcp_flags,
                                input_interface: self.input_interfaces.first().cloned(),
                                partial,
                                share: self.share,
                                ..base.clone()
                            });
                        }
                    }
                }
            }
        }
        rules
    }
}

/// Every member, or one "no demand".
fn each<T: Clone>(members: &[T]) -> Vec<Option<T>> {
    if members.is_empty() { vec![None] } else { members.iter().cloned().map(Some).collect() }
}

/// Reads all members; whether every one could be read.
fn collect<T>(values: &[Value], read: fn(&Value) -> Option<Vec<T>>, into: &mut Vec<T>) -> bool {
    let members: Option<Vec<Vec<T>>> =
        values.iter().map(|value| read(value.get("elem").map_or(value, inner))).collect();
    match members {
        Some(members) => {
            *into = members.into_iter().flatten().collect();
            true
        }
        None => false,
    }
}

/// `{"elem": {"val": X, "timeout": ..}}` holds X.
fn inner(element: &Value) -> &Value {
    element.get("val").unwrap_or(element)
}

fn networks(value: &Value) -> Option<Vec<IpNet>> {
    if let Some(prefix) = value.get("prefix") {
        let length = u8::try_from(prefix["len"].as_u64()?).ok()?;
        return Some(vec![IpNet::new(prefix["addr"].as_str()?.parse().ok()?, length).ok()?]);
    }
    if let Some(range) = value.get("range") {
        return match (range[0].as_str()?.parse().ok()?, range[1].as_str()?.parse().ok()?) {
            (IpAddr::V4(from), IpAddr::V4(to)) => Some(Ipv4Subnets::new(from, to, 0).map(IpNet::V4).collect()),
            (IpAddr::V6(from), IpAddr::V6(to)) => Some(Ipv6Subnets::new(from, to, 0).map(IpNet::V6).collect()),
            _ => None,
        };
    }
    Some(vec![IpNet::from(value.as_str()?.parse::<IpAddr>().ok()?)])
}

fn port(value: &Value) -> Option<Vec<(u16, u16)>> {
    let number = |value: &Value| u16::try_from(value.as_u64()?).ok();
    match value.get("range") {
        Some(range) => Some(vec![(number(&range[0])?, number(&range[1])?)]),
        None => number(value).map(|port| vec![(port, port)]),
    }
}

/// With `--numeric` nft prints the numbers of /etc/protocols.
fn protocol(value: &Value) -> Option<Vec<String>> {
    let word = match (value.as_u64(), value.as_str()) {
        (Some(1), _) | (_, Some("icmp")) => "icmp",
        (Some(6), _) | (_, Some("tcp")) => "tcp",
        (Some(17), _) | (_, Some("udp")) => "udp",
        (Some(58), _) | (_, Some("ipv6-icmp" | "icmpv6")) => "icmpv6",
        (Some(number), _) => return Some(vec![number.to_string()]),
        (_, Some(word)) => word,
        _ => return None,
    };
    Some(vec![word.to_owned()])
}

fn name(value: &Value) -> Option<Vec<String>> {
    value.as_str().map(|name| vec![name.to_owned()])
}

fn uid(value: &Value) -> Option<Vec<u32>> {
    match value.as_str() {
        Some("root") => Some(vec![0]),
        _ => u32::try_from(value.as_u64()?).ok().map(|uid| vec![uid]),
    }
}

/// "Any destination of this family" says which family.
fn family(value: &Value) -> Option<Vec<IpNet>> {
    let everything = match (value.as_str(), value.as_u64()) {
        (Some("ipv4"), _) | (_, Some(2)) => "0.0.0.0/0",
        (Some("ipv6"), _) | (_, Some(10)) => "::/0",
        _ => return None,
    };
    everything.parse().ok().map(|net| vec![net])
}

/// A match on TCP's flags: `tcp flags syn`, `tcp flags == syn`, `tcp flags & (syn | ack) == syn | ack`.
fn tcp_flags(condition: &Value) -> Option<TcpFlags> {
    let is_field = |value: &Value| value["payload"]["protocol"] == "tcp" && value["payload"]["field"] == "flags";
    let (left, wanted) = (&condition["left"], flag_bits(&condition["right"])?);
    let mask = match left["&"].as_array().map(Vec::as_slice) {
        Some([field, mask]) if is_field(field) => flag_bits(mask)?,
        None if is_field(left) => u8::MAX,
        _ => return None,
    };
    match condition["op"].as_str()? {
        "==" => Some(TcpFlags { mask, exactly: Some(wanted) }),
        "in" if mask == u8::MAX => Some(TcpFlags { mask: wanted, exactly: None }),
        _ => None,
    }
}

/// One flag, or several together, as numbers or names.
fn flag_bits(value: &Value) -> Option<u8> {
    match value {
        Value::String(name) => TcpFlags::bit(name),
        Value::Number(bits) => bits.as_u64().and_then(|bits| u8::try_from(bits).ok()),
        Value::Array(flags) => flags.iter().map(flag_bits).try_fold(0, |bits, flag| Some(bits | flag?)),
        Value::Object(_) => value.get("|").and_then(flag_bits),
        _ => None,
    }
}

/// The bits of `NF_CT_STATE_*` as nft prints them with `--numeric`.
fn state(value: &Value) -> Option<Vec<String>> {
    if let Some(word) = value.as_str() {
        return Some(vec![word.to_owned()]);
    }
    let bits = value.as_u64()?;
    let known = [(1, "invalid"), (2, "established"), (4, "related"), (8, "new"), (64, "untracked")];
    Some(known.iter().filter(|(bit, _)| bits & bit != 0).map(|(_, word)| (*word).to_owned()).collect())
}

/// The verdict that a statement gives; none for statements that only do something on the way.
fn verdict(name: &str, value: &Value) -> Option<String> {
    match name {
        "accept" | "drop" | "reject" | "return" | "queue" | "dnat" | "snat" | "redirect" | "masquerade" | "tproxy"
        | "notrack" => Some(name.to_owned()),
        "mangle" => {
            let field = value["key"]["payload"]["field"].as_str()?;
            matches!(field, "ttl" | "hoplimit").then(|| format!("hop limit {}", value["value"]))
        }
        "jump" | "goto" => Some(format!("{name} {}", value["target"].as_str()?)),
        _ => None,
    }
}

fn word<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}

/// The expression roughly as nft writes it.
fn text_of(expression: &Value) -> String {
    let Some((name, value)) = expression.as_object().and_then(|object| object.iter().next()) else {
        return plain(expression);
    };
    match name.as_str() {
        "match" if let Some(flags) = tcp_flags(value) => flags.to_string(),
        "mangle" => format!("{} set {}", plain(&value["key"]), plain(&value["value"])),
        "match" => {
            let operator = match value["op"].as_str() {
                Some("==" | "in") | None => " ".to_owned(),
                Some(other) => format!(" {other} "),
            };
            format!("{}{operator}{}", plain(&value["left"]), plain(&value["right"]))
        }
        "counter" => format!("counter packets {}", value["packets"]),
        "vmap" => format!("{} vmap {}", plain(&value["key"]), plain(&value["data"])),
        "limit" => {
            let over = if value["inv"].as_bool() == Some(true) { "over " } else { "" };
            format!("limit rate {over}{}/{}", value["rate"], word(value, "per"))
        }
        "jump" | "goto" => format!("{name} {}", word(value, "target")),
        "redirect" | "dnat" | "snat" => {
            let port = value["port"].as_u64().map(|port| format!(":{port}")).unwrap_or_default();
            match (word(value, "addr"), port.as_str()) {
                ("", "") => name.clone(),
                (address, port) => format!("{name} to {address}{port}"),
            }
        }
        "reject" => match value["type"].as_str() {
            Some(kind) => format!("reject with {kind}"),
            None => "reject".to_owned(),
        },
        _ => name.clone(),
    }
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(members) => members.iter().map(plain).collect::<Vec<_>>().join(", "),
        Value::Object(object) => match object.iter().next() {
            Some((key, inner)) => match key.as_str() {
                "payload" => format!("{} {}", word(inner, "protocol"), word(inner, "field")),
                "meta" => format!("meta {}", word(inner, "key")),
                "ct" => format!("ct {}", word(inner, "key")),
                "numgen" => format!("numgen {} mod {}", word(inner, "mode"), inner["mod"]),
                "prefix" => format!("{}/{}", word(inner, "addr"), inner["len"]),
                "range" => format!("{}-{}", plain(&inner[0]), plain(&inner[1])),
                "set" => format!("{{ {} }}", plain(inner)),
                "jump" | "goto" => format!("{key} {}", word(inner, "target")),
                _ if inner.is_null() => key.clone(),
                _ => format!("{key} ..."),
            },
            None => String::new(),
        },
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULESET: &str = include_str!("../../../tests/fixtures/linux/nft-ruleset.json");

    fn with_handle(handle: u64) -> Vec<FilterRule> {
        let rules = ruleset(RULESET).expect("recorded from nft 1.0.6");
        rules.into_iter().filter(|rule| rule.handle == Some(handle)).collect()
    }

    #[test]
    fn plain_matches_are_understood() {
        let rules = with_handle(8);
        assert_eq!(rules.len(), 1);
        let rule = &rules[0];
        assert_eq!(rule.chain, "inet filter output");
        assert_eq!(rule.hook.as_deref(), Some("output"));
        assert_eq!(rule.verdict, "drop");
        assert_eq!(rule.destination, "10.99.0.0/24".parse().ok());
        assert_eq!((rule.protocol.as_deref(), rule.ports.as_slice()), (Some("tcp"), &[(443, 443)][..]));
        assert_eq!(rule.text, "ip daddr 10.99.0.0/24 tcp dport 443 counter packets 0 drop");
        assert!(!rule.partial && rule.packets == Some(0));
    }

    #[test]
    fn flags_of_tcp_are_read() {
        let field = r#"{"payload": {"protocol": "tcp", "field": "flags"}}"#;
        let table = [
            (format!(r#"{{"op": "in", "left": {field}, "right": 2}}"#), "tcp flags syn", [true, true, false]),
            (format!(r#"{{"op": "==", "left": {field}, "right": "syn"}}"#), "tcp flags == syn", [true, false, false]),
            (
                format!(r#"{{"op": "==", "left": {{"&": [{field}, [2, 16]]}}, "right": {{"|": ["syn", "ack"]}}}}"#),
                "tcp flags syn,ack / syn,ack",
                [false, true, false],
            ),
        ];
        for (condition, words, expected) in table {
            let flags = tcp_flags(&serde_json::from_str(&condition).expect("JSON")).expect("it is understood");
            assert_eq!(flags.to_string(), words);
            assert_eq!(
                [TcpFlags::SYN, TcpFlags::SYN | TcpFlags::ACK, TcpFlags::ACK].map(|sent| flags.meets(sent)),
                expected
            );
        }
        let negated = format!(r#"{{"op": "!=", "left": {field}, "right": 2}}"#);
        assert!(tcp_flags(&serde_json::from_str(&negated).expect("JSON")).is_none());
    }

    #[test]
    fn rules_of_an_interface_are_bound_to_it() {
        let text = |device: &str| {
            format!(
                r#"{{"nftables": [
                    {{"chain": {{"family": "netdev", "table": "x", "name": "i", "hook": "ingress", "prio": 0{device}}}}},
                    {{"rule": {{"family": "netdev", "table": "x", "chain": "i", "handle": 2, "expr": [
                        {{"match": {{"op": "==", "left": {{"payload": {{"protocol": "tcp", "field": "sport"}}}}, "right": 443}}}},
                        {{"drop": null}}]}}}}]}}"#
            )
        };
        let named = ruleset(&text(r#", "dev": "eth0""#)).expect("a ruleset").remove(0);
        assert_eq!((named.input_interface.as_deref(), named.partial), (Some("eth0"), false));
        let unnamed = ruleset(&text("")).expect("a ruleset").remove(0);
        assert_eq!((unnamed.hook.as_deref(), unnamed.partial), (Some("ingress"), true));
    }

    #[test]
    fn where_a_rule_sends_connections_is_in_its_words() {
        let words = |expression: serde_json::Value| text_of(&expression);
        assert_eq!(words(serde_json::json!({ "redirect": { "port": 12345 } })), "redirect to :12345");
        assert_eq!(words(serde_json::json!({ "dnat": { "addr": "172.17.0.2", "port": 80 } })), "dnat to 172.17.0.2:80");
        assert_eq!(words(serde_json::json!({ "redirect": null })), "redirect");
    }

    #[test]
    fn lists_are_spelled_out() {
        let rules = with_handle(11);
        let destinations: Vec<String> =
            rules.iter().filter_map(|rule| rule.destination).map(|net| net.to_string()).collect();
        assert_eq!(destinations, ["192.0.2.7/32", "198.51.100.0/24"]);
        assert_eq!(rules[0].ports, [(53, 53), (1000, 2000)]);
        assert_eq!(rules[0].verdict, "reject");
        assert_eq!(with_handle(12).len(), 2, "a named set of addresses");
        assert_eq!(with_handle(13)[0].ports, [(25, 25), (465, 465)], "a named set of ports");
        assert_eq!(
            with_handle(19).iter().filter_map(|rule| rule.protocol.as_deref()).collect::<Vec<_>>(),
            ["tcp", "udp"]
        );
        assert!(with_handle(29).len() > 1 && with_handle(29).iter().all(|rule| !rule.partial), "a range of addresses");
    }

    #[test]
    fn what_is_not_understood_is_partial() {
        for handle in [17, 20, 26] {
            assert!(with_handle(handle).iter().all(|rule| rule.partial), "handle {handle}");
        }
        assert_eq!(with_handle(20)[0].protocol.as_deref(), Some("icmp"), "but what is understood stays");
        let by_source = with_handle(31);
        assert!(by_source.iter().all(|rule| !rule.partial && rule.sources == ["10.0.0.1/32".parse().unwrap()]));
    }

    #[test]
    fn states_users_interfaces_and_maps() {
        assert_eq!(with_handle(6)[0].states, ["established", "related"]);
        assert_eq!(with_handle(28)[0].states, ["new"]);
        assert_eq!((with_handle(14)[0].uid, with_handle(15)[0].uid), (Some(1000), Some(0)));
        assert_eq!(with_handle(7)[0].interface.as_deref(), Some("lo"));
        assert_eq!(with_handle(38)[0].input_interface.as_deref(), Some("lo"));
        let map: Vec<_> = with_handle(25).into_iter().map(|rule| (rule.ports[0].0, rule.verdict)).collect();
        assert_eq!(map, [(22, "accept".into()), (23, "drop".into()), (24, "jump extra".into())]);
        assert_eq!(with_handle(23)[0].states, ["invalid"]);
    }

    #[test]
    fn policies_come_after_the_rules() {
        let rules = ruleset(RULESET).expect("recorded from nft 1.0.6");
        let input: Vec<_> =
            rules.iter().filter(|rule| rule.chain == "inet filter input").map(|rule| rule.verdict.as_str()).collect();
        assert_eq!(input, ["accept", "accept", "policy drop"]);
        assert!(rules.iter().all(|rule| rule.chain != "inet filter extra" || rule.hook.is_none()));
    }

    #[test]
    fn what_is_no_ruleset_is_an_error() {
        assert!(ruleset("").is_err());
        assert!(ruleset("{}").is_err());
        assert_eq!(ruleset(r#"{"nftables":[{"rule":7},{"chain":null},{}]}"#).map(|rules| rules.len()), Ok(0));
    }
}
