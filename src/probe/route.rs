//! Routes: the default ones, and the kernel's own choice for the addresses that matter.

use super::link::is_running;
use super::{Burden, Contacts, Cost, Look, Probe, accepts, schema_of};
use crate::layer::Layer;
use crate::observation::{Observation, Via};
use crate::problem::Code;
use crate::sys::{Address, Link, LinkKind, Route, Rule, Towards};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// The probe.
pub const PROBE: Probe = Probe {
    name: "route",
    layer: Layer::Route,
    cost: Cost::Local,
    summary: "default routes, or the route that each address takes",
    about: "Without `addresses` it reads the default routes of both families. With `addresses` it asks the kernel which \
            route each of them takes (RTM_GETROUTE, so policy rules count), and names the route or rule that rejects \
            one. Sends nothing and needs no rights.",
    contacts: Contacts::NONE,
    burden: Burden::READS,
    codes: &[
        Code::RouteNone,
        Code::RouteNoDefault,
        Code::RouteRejected,
        Code::RouteAmbiguous,
        Code::RouteReversePath,
        Code::VpnRouteLeftBehind,
    ],
    params: schema_of::<Params>,
    facts: schema_of::<RouteFacts>,
    accepts: accepts::<Params>,
    run: |look| look.with(run),
};

/// The kernel's main table.
pub(super) const MAIN_TABLE: u32 = 254;

/// Where to.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Params {
    /// Ask which route these addresses take, instead of looking at the default routes.
    pub addresses: Vec<IpAddr>,
    /// The name that the addresses belong to, for the report.
    pub host: Option<String>,
    /// The port that the packets go to: policy rules may send it another way.
    pub port: Option<u16>,
    /// `tcp` (the default) or `udp`, for the port.
    pub protocol: Option<String>,
}

/// What is known about one route.
#[derive(Debug, Default, Serialize, JsonSchema)]
pub struct RouteFacts {
    /// The address that was asked for; absent for the default routes.
    pub address: Option<String>,
    /// `ipv4` or `ipv6`.
    pub family: String,
    /// `unicast`, `local`, `blackhole`, `unreachable`, `prohibit` or `none`.
    pub kind: Option<String>,
    /// The prefix of the table entry that was chosen; `default` for the default route.
    pub destination: Option<String>,
    /// Next hop; absent where the address is on the link.
    pub gateway: Option<String>,
    /// The interface that packets leave by.
    pub interface: Option<String>,
    /// The source address that packets get.
    pub source: Option<String>,
    /// Routing table.
    pub table: Option<u32>,
    /// Metric of the route.
    pub metric: Option<u32>,
    /// Whether the address is on the link, with no gateway between.
    pub on_link: Option<bool>,
    /// The source address, where it is of another network than the next hop although this machine has an address of
    /// that one on the same interface: answers to it may not find their way back.
    pub foreign_source: Option<String>,
    /// The interface that holds the address, where it is one of this machine's own.
    pub held_by: Option<String>,
    /// Whether the best default route names no router, on an interface that is no tunnel: then every address of the
    /// world is looked for on the local network.
    pub without_gateway: Option<bool>,
    /// Whether the interface is a tunnel.
    pub tunnel: Option<bool>,
    /// Whether it goes to another router than the ones of the default routes.
    pub detour: Option<bool>,
    /// Whether the interface is switched on.
    pub interface_up: Option<bool>,
    /// Whether the interface has carrier.
    pub interface_carrier: Option<bool>,
    /// All default routes of the family, `via GATEWAY dev INTERFACE metric METRIC`.
    pub defaults: Vec<String>,
    /// Whether several default routes share the lowest metric.
    pub ambiguous: Option<bool>,
    /// Whether several gateways share the lowest metric, on purpose (multipath) or by accident: which of them a
    /// connection takes is luck.
    pub shared: Option<bool>,
    /// How many routers a packet of this machine may pass that leaves by the default route, where no program sets a limit.
    pub hop_limit: Option<u32>,
    /// The kernel's setting that says so: `net.ipv4.ip_default_ttl`, or `net.ipv6.conf.INTERFACE.hop_limit`, which router
    /// advertisements change too (RFC 4861 section 6.3.4).
    pub hop_limit_setting: Option<String>,
    /// There is no route because no policy rule leads into the main table any more, where the routes are.
    pub main_rule_missing: Option<bool>,
    /// Policy rules that lead packets which programs or the packet filter have marked elsewhere.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub marked_rules: Vec<String>,
    /// The route or policy rule that rejects the address, in the words of ip(8).
    pub rejected_by: Option<String>,
}

async fn run(look: &Look<'_>, params: Params) -> Vec<Observation> {
    let machine = &look.world.machine;
    let links = machine.links().await.unwrap_or_default();
    if params.addresses.is_empty() {
        return match machine.routes().await {
            Ok(routes) => {
                let addresses = machine.addresses().await.unwrap_or_default();
                let mut defaults = Defaults { links, addresses, routes, hop_limits: Vec::new() };
                for ipv6 in [false, true] {
                    defaults.hop_limits.extend(defaults.hop_limit(look, ipv6).await);
                }
                defaults.judge(look)
            }
            Err(why) => vec![look.unknown(None, &why.to_string())],
        };
    }
    let rules = machine.rules().await.unwrap_or_default();
    let mut observations = Vec::new();
    for address in &params.addresses {
        let towards = Towards::of(*address, params.port, params.protocol.as_deref());
        observations.push(to(look, towards, &links, &rules).await);
    }
    observations
}

/// The route to one address.
async fn to(look: &Look<'_>, towards: Towards, links: &[Link], rules: &[Rule]) -> Observation {
    let address = towards.address;
    let subject = address.to_string();
    let route = match look.world.machine.route_to(towards).await {
        Ok(route) => route,
        Err(why) => return look.unknown(Some(&subject), &why.to_string()),
    };
    let link = links.iter().find(|link| Some(&link.name) == route.interface.as_ref());
    let tunnel = link.is_some_and(|link| link.kind == Some(LinkKind::Tunnel));
    let found = route.interface.is_some();
    let detour = route.gateway.is_some() && !usual_gateways(look).await.contains(&route.gateway);
    let mut facts = RouteFacts {
        address: Some(subject.clone()),
        family: family(address.is_ipv6()).to_owned(),
        kind: Some(route.kind.clone()),
        destination: found.then(|| route.destination.map_or("default".to_owned(), |net| net.to_string())),
        gateway: route.gateway.map(|gateway| gateway.to_string()),
        interface: route.interface.clone(),
        source: route.source.map(|source| source.to_string()),
        table: (route.table > 0).then_some(route.table),
        metric: route.metric,
        on_link: found.then_some(route.gateway.is_none()),
        tunnel: found.then_some(tunnel),
        detour: found.then_some(detour),
        interface_up: link.map(|link| link.up),
        interface_carrier: link.and_then(|link| link.carrier),
        ..RouteFacts::default()
    };
    let own: Vec<&Rule> = rules.iter().filter(|rule| rule.ipv6 == address.is_ipv6()).collect();
    facts.marked_rules = own
        .iter()
        .filter(|rule| rule.mark.is_some() && rule.conditions.is_none())
        .take(RULES_SHOWN)
        .map(|rule| rule_words(rule))
        .collect();
    if route.kind == "none" && !own.is_empty() {
        facts.main_rule_missing = Some(!own.iter().any(|rule| rule.table == MAIN_TABLE && rule.mark.is_none()));
    }
    facts.foreign_source = foreign_source(look, &route).await.map(|source| source.to_string());
    if route.kind == "local" {
        let own = look.world.machine.addresses().await.unwrap_or_default();
        facts.held_by = own.into_iter().find(|own| own.net.addr() == address).map(|own| own.interface);
    }
    let via = Via {
        interface: route.interface.clone(),
        family: Some(facts.family.clone()),
        source: facts.source.clone(),
        gateway: route.certain_gateway().map(|gateway| gateway.to_string()),
        ..Via::default()
    };
    let rejected_by = match route.kind.as_str() {
        "none" => rejecting_rule(&own, towards, &route),
        "blackhole" | "unreachable" | "prohibit" | "throw" => match route.destination.is_some() || route.table > 0 {
            true => Some(words(&route)),
            false => {
                let rule = rejecting_rule(&own, towards, &route);
                rule.or_else(|| Some(format!("a {} route or rule", route.kind)))
            }
        },
        // Only packets to this machine itself may take the loopback (RFC 1122 section 3.2.1.3); all others end there.
        "unicast" if !address.is_loopback() && link.is_some_and(|link| link.kind == Some(LinkKind::Loopback)) => {
            Some(words(&route))
        }
        _ => None,
    };
    let name = route.interface.as_deref().unwrap_or("no interface");
    let observation = if let Some(culprit) = rejected_by {
        let text = format!("{address} is rejected here by `{culprit}`");
        facts.rejected_by = Some(culprit);
        look.problem(Some(&subject), Code::RouteRejected, text)
    } else if route.kind == "none" {
        look.problem(Some(&subject), Code::RouteNone, format!("this machine has no route to {address}"))
    } else if tunnel && !link.is_some_and(is_running) {
        let text = format!("the route to {address} leads into the tunnel {name}, which is down");
        look.problem(Some(&subject), Code::VpnRouteLeftBehind, text)
    } else if let Some((reason, counted)) = reverse_path(look, address, &route, links).await {
        let problem = look.problem(Some(&subject), Code::RouteReversePath, reason);
        if counted { problem } else { problem.suspected() }
    } else {
        let text = match route.gateway {
            Some(gateway) => format!("{address} goes via {gateway} on {name}"),
            None if route.kind == "local" => format!("{address} is this machine itself"),
            None => format!("{address} is on the link of {name}"),
        };
        look.ok(Some(&subject), text)
    };
    observation.facts(&facts).via(via)
}

/// Marked rules that are shown; more would be a policy, not a hint.
const RULES_SHOWN: usize = 4;

/// The routers of the main table's default routes.
async fn usual_gateways(look: &Look<'_>) -> Vec<Option<IpAddr>> {
    let routes = look.world.machine.routes().await.unwrap_or_default();
    let usual = routes.iter().filter(|route| route.is_default() && route.table == MAIN_TABLE);
    usual.map(|route| route.gateway).collect()
}

/// The policy rule of this family that rejects such packets, where one does for certain.
fn rejecting_rule(rules: &[&Rule], towards: Towards, refused: &Route) -> Option<String> {
    let protocol = if towards.is_udp { "udp" } else { "tcp" };
    let rule = rules.iter().find(|rule| {
        matches!(rule.action.as_str(), "blackhole" | "unreachable" | "prohibit")
            && rule.to.is_none_or(|net| net.contains(&towards.address))
            && rule.from.is_none_or(|net| refused.source.is_some_and(|source| net.contains(&source)))
            && rule.ports.is_none_or(|(from, to)| towards.port.is_some_and(|port| (from..=to).contains(&port)))
            && rule.protocol.as_ref().is_none_or(|only| towards.port.is_some() && only == protocol)
            && rule.mark.is_none()
            && rule.conditions.is_none()
    })?;
    Some(rule_words(rule))
}

/// The source address that a route gives to packets, where its next hop is a neighbour of another address of the same
/// interface: a leftover `src` of the route, which the next hop's network does not know.
async fn foreign_source(look: &Look<'_>, route: &Route) -> Option<IpAddr> {
    let (out, source @ IpAddr::V4(_), gateway) = (route.interface.as_deref()?, route.source?, route.gateway?) else {
        return None;
    };
    let addresses = look.world.machine.addresses().await.ok()?;
    let near = |own: &&Address| own.interface == out && own.net.contains(&gateway);
    let fits = addresses.iter().filter(near).any(|own| own.net.contains(&source));
    (addresses.iter().any(|own| near(&own)) && !fits).then_some(source)
}

/// Strict reverse-path filtering drops every packet that comes in where this machine would not send to its sender
/// (RFC 3704). Answers go to the interface that holds their destination, so a route that gives packets the source
/// address of another cable, one that filters strictly, loses them. The kernel's counter makes it certain.
async fn reverse_path(look: &Look<'_>, address: IpAddr, route: &Route, links: &[Link]) -> Option<(String, bool)> {
    let (out, IpAddr::V4(source)) = (route.interface.as_deref()?, route.source?) else { return None };
    let machine = &look.world.machine;
    let addresses = machine.addresses().await.ok()?;
    let of_out = |own: &&Address| own.interface == out && own.net.addr().is_ipv4();
    let holder = &addresses.iter().find(|own| own.net.addr() == IpAddr::V4(source))?.interface;
    let is_cable = |name: &str| {
        links.iter().any(|link| link.name == name && matches!(link.kind, Some(LinkKind::Wired | LinkKind::Wifi)))
    };
    // An interface without an address of its own borrows one, and its answers come back by itself.
    if holder == out || !is_cable(holder) || !is_cable(out) || !addresses.iter().any(|own| of_out(&own)) {
        return None;
    }
    let mut strict = false;
    for name in ["all", holder.as_str()] {
        let setting = format!("net.ipv4.conf.{}.rp_filter", name.replace('.', "/"));
        match machine.kernel_setting(&setting).await.ok()?.as_str() {
            "1" => strict = true,
            // The larger of the two values counts, and 2 is loose.
            "2" => return None,
            _ => {}
        }
    }
    let dropped = machine.kernel_counter("TcpExt.IPReversePathFilter").await.unwrap_or(0);
    let words = format!(
        "packets to {address} leave by {out} with the source {source} of {holder}, where strict rp_filter drops the \
         answers ({dropped} packets so far)"
    );
    strict.then_some((words, dropped > 0))
}

/// Whether routes of the lowest metric name more than one gateway. They come with the best first.
fn shared(routes: &[&Route]) -> bool {
    let best = |route: &&&Route| route.metric.unwrap_or(0) == routes[0].metric.unwrap_or(0);
    let gateways: Vec<_> = routes.iter().take_while(best).filter_map(|route| route.gateway).collect();
    gateways.iter().any(|gateway| *gateway != gateways[0])
}

fn family(ipv6: bool) -> &'static str {
    if ipv6 { "ipv6" } else { "ipv4" }
}

/// A route in the words of ip-route(8).
pub(super) fn words(route: &Route) -> String {
    let mut words = String::new();
    if route.kind != "unicast" {
        words.push_str(&format!("{} ", route.kind));
    }
    words.push_str(&route.destination.map_or("default".to_owned(), |net| net.to_string()));
    if let Some(gateway) = route.gateway {
        words.push_str(&format!(" via {gateway}"));
    }
    if let Some(interface) = &route.interface {
        words.push_str(&format!(" dev {interface}"));
    }
    if route.table != MAIN_TABLE && route.table > 0 {
        words.push_str(&format!(" table {}", route.table));
    }
    if let Some(metric) = route.metric {
        words.push_str(&format!(" metric {metric}"));
    }
    words
}

/// A rule in the words of ip-rule(8).
fn rule_words(rule: &Rule) -> String {
    let net = |net: &Option<ipnet::IpNet>| net.map_or("all".to_owned(), |net| net.to_string());
    let mut words = format!("{}: from {}", rule.priority, net(&rule.from));
    if rule.to.is_some() {
        words.push_str(&format!(" to {}", net(&rule.to)));
    }
    if let Some(protocol) = &rule.protocol {
        words.push_str(&format!(" ipproto {protocol}"));
    }
    if let Some(mark) = rule.mark {
        words.push_str(&format!(" fwmark {mark:#x}"));
    }
    match rule.ports {
        Some((from, to)) if from == to => words.push_str(&format!(" dport {from}")),
        Some((from, to)) => words.push_str(&format!(" dport {from}-{to}")),
        None => {}
    }
    match rule.action.as_str() {
        "to_table" => format!("{words} lookup {}", rule.table),
        action => format!("{words} {action}"),
    }
}

/// The default routes of this machine and what they need beside them.
struct Defaults {
    links: Vec<Link>,
    addresses: Vec<Address>,
    routes: Vec<Route>,
    hop_limits: Vec<HopLimit>,
}

/// How many routers a packet of one family may pass that no program set a limit for.
struct HopLimit {
    ipv6: bool,
    setting: String,
    most: u32,
}

impl Defaults {
    /// IPv4 has one limit for all, IPv6 one for each interface.
    async fn hop_limit(&self, look: &Look<'_>, ipv6: bool) -> Option<HopLimit> {
        let setting = match ipv6 {
            false => "net.ipv4.ip_default_ttl".to_owned(),
            true => {
                let interface = self.of(true).first()?.interface.clone()?;
                format!("net.ipv6.conf.{}.hop_limit", interface.replace('.', "/"))
            }
        };
        let most = look.world.machine.kernel_setting(&setting).await.ok()?.trim().parse().ok()?;
        Some(HopLimit { ipv6, setting, most })
    }

    fn judge(&self, look: &Look<'_>) -> Vec<Observation> {
        let mut both = vec![self.family(look, false), self.family(look, true)];
        // Checks that take up the default gateway use the first subject that works.
        both.sort_by_key(|seen| !seen.facts.contains_key("interface"));
        both
    }

    /// Default routes of a family with the best metric first, of the main table where it has any.
    fn of(&self, ipv6: bool) -> Vec<&Route> {
        let all = || self.routes.iter().filter(|route| route.is_default() && route.ipv6 == ipv6);
        let mut routes: Vec<&Route> = all().filter(|route| route.table == MAIN_TABLE).collect();
        if routes.is_empty() {
            routes = all().collect();
        }
        routes.sort_by_key(|route| route.metric.unwrap_or(0));
        routes
    }

    /// Whether the family could be used: a default route and an address that reaches beyond the link.
    fn works(&self, ipv6: bool) -> bool {
        let beyond = |address: &&Address| address.net.addr().is_ipv6() == ipv6 && !address.is_link_local();
        !self.of(ipv6).is_empty()
            && self.addresses.iter().filter(beyond).any(|address| !address.net.addr().is_loopback())
    }

    /// Two routes of the lowest metric that lead different ways; several hops of one route are meant to share.
    fn ambiguous(&self, routes: &[&Route]) -> bool {
        let Some(best) = routes.first() else { return false };
        let same = routes.iter().filter(|route| route.metric.unwrap_or(0) == best.metric.unwrap_or(0));
        same.filter(|route| !route.multipath && route.table == best.table)
            .any(|route| (&route.interface, route.gateway) != (&best.interface, best.gateway))
            // Routers that announce themselves beside each other are what RFC 4191 expects.
            && !best.protocol.as_deref().is_some_and(|protocol| protocol.eq_ignore_ascii_case("ra"))
    }

    fn family(&self, look: &Look<'_>, ipv6: bool) -> Observation {
        let name = family(ipv6);
        let routes = self.of(ipv6);
        let best = routes.first();
        let link = best.and_then(|best| self.links.iter().find(|link| Some(&link.name) == best.interface.as_ref()));
        let ambiguous = self.ambiguous(&routes);
        let limit = self.hop_limits.iter().find(|limit| limit.ipv6 == ipv6);
        let facts = RouteFacts {
            family: name.to_owned(),
            kind: best.map(|best| best.kind.clone()),
            gateway: best.and_then(|best| best.gateway).map(|gateway| gateway.to_string()),
            interface: best.and_then(|best| best.interface.clone()),
            source: best.and_then(|best| best.source).map(|source| source.to_string()),
            table: best.map(|best| best.table),
            metric: best.and_then(|best| best.metric),
            without_gateway: link
                .map(|link| link.kind != Some(LinkKind::Tunnel) && best.is_some_and(|best| best.gateway.is_none())),
            tunnel: link.map(|link| link.kind == Some(LinkKind::Tunnel)),
            interface_up: link.map(|link| link.up),
            interface_carrier: link.and_then(|link| link.carrier),
            defaults: routes.iter().map(|route| words(route).replacen("default ", "", 1)).collect(),
            ambiguous: (!routes.is_empty()).then_some(ambiguous),
            shared: (!routes.is_empty()).then_some(shared(&routes)),
            hop_limit: limit.map(|limit| limit.most),
            hop_limit_setting: limit.map(|limit| limit.setting.clone()),
            ..RouteFacts::default()
        };
        let via = Via {
            interface: facts.interface.clone(),
            family: Some(name.to_owned()),
            // One of several is named by luck, and the others are no less on the way.
            gateway: facts.gateway.clone().filter(|_| facts.shared != Some(true)),
            ..Via::default()
        };
        let observation = match best {
            None if !ipv6 && !self.works(true) => look.problem(
                Some(name),
                Code::RouteNoDefault,
                "there is no default route, neither for IPv4 nor for IPv6",
            ),
            None if ipv6 && self.of(false).is_empty() => {
                look.problem(Some(name), Code::RouteNoDefault, "there is no default route for IPv6 (nor for IPv4)")
            }
            None => {
                let other = if ipv6 { "IPv4" } else { "IPv6" };
                let text = format!("there is no default route for {}; {other} has one", name.replace("ipv", "IPv"));
                look.ok(Some(name), text)
            }
            Some(_) if ambiguous => {
                let text = format!("several default routes share the lowest metric: {}", facts.defaults.join("; "));
                look.problem(Some(name), Code::RouteAmbiguous, text)
            }
            Some(best) => look.ok(Some(name), format!("the default route is `{}`", words(best))),
        };
        observation.facts(&facts).via(via)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observation::Outcome;
    use crate::probe::testing::told::{self, Told, address, cable, route};
    use serde_json::json;

    async fn seen(told: Told, args: serde_json::Value) -> Vec<Observation> {
        told::look(&PROBE, told, args).await.1
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[tokio::test]
    async fn default_routes_of_both_families() {
        let v4 = || route("default", Some("10.0.0.1"), "eth0", Some(100));
        let v6 = || route("default", Some("fe80::1"), "eth0", Some(1024));
        let cases = [
            (vec![v4()], vec![], [None, None]),
            (vec![], vec![], [Some(Code::RouteNoDefault), Some(Code::RouteNoDefault)]),
            (vec![v6()], vec![address("eth0", "2001:db8::5/64")], [None, None]),
            (vec![v6()], vec![address("eth0", "fe80::5/64")], [Some(Code::RouteNoDefault), None]),
            (
                vec![v4(), route("default", Some("10.1.0.1"), "eth1", Some(100))],
                vec![],
                [Some(Code::RouteAmbiguous), None],
            ),
            (vec![v4(), route("default", Some("10.1.0.1"), "eth1", Some(600))], vec![], [None, None]),
        ];
        for (routes, addresses, expected) in cases {
            let words = format!("{routes:?}");
            let told = Told { links: vec![cable("eth0")], routes, addresses, ..Told::default() };
            let seen = seen(told, json!({})).await;
            let of =
                |family| seen.iter().find(|seen| seen.subject.as_deref() == Some(family)).and_then(|seen| seen.code);
            assert_eq!([of("ipv4"), of("ipv6")], expected, "{words}");
        }
    }

    #[tokio::test]
    async fn hops_of_one_route_are_not_ambiguous() {
        let hop = |gateway| Route { multipath: true, ..route("default", Some(gateway), "eth0", None) };
        let told = Told { routes: vec![hop("10.0.0.1"), hop("10.0.0.2")], ..Told::default() };
        assert_eq!(seen(told, json!({})).await[0].code, None);
    }

    #[tokio::test]
    async fn of_gateways_side_by_side_none_is_the_one() {
        let hop = |gateway| Route { multipath: true, ..route("default", Some(gateway), "eth0", None) };
        let with = |gateway, metric| route("default", Some(gateway), "eth0", Some(metric));
        for (routes, shared) in [
            (vec![hop("10.0.0.1"), hop("10.0.0.2")], true),
            (vec![with("10.0.0.1", 100), with("10.0.0.2", 100)], true),
            (vec![with("10.0.0.1", 100), with("10.0.0.2", 600)], false),
            (vec![with("10.0.0.1", 100)], false),
        ] {
            let words = format!("{routes:?}");
            let seen = &seen(Told { routes, ..Told::default() }, json!({})).await[0];
            assert_eq!(seen.facts["shared"], shared, "{words}");
            assert_eq!(seen.via.gateway.is_none(), shared, "{words}");
        }
    }

    #[tokio::test]
    async fn a_rejecting_route_or_rule_is_named() {
        let target = ip("203.0.113.5");
        let blackhole = Route { kind: "blackhole".into(), ..route("203.0.113.0/24", None, "", None) };
        let blackhole = Route { interface: None, ..blackhole };
        let told = Told { route_to: vec![(target, blackhole)], ..Told::default() };
        let by_route = &seen(told, json!({ "addresses": [target] })).await[0];
        assert_eq!(by_route.code, Some(Code::RouteRejected));
        assert_eq!(by_route.facts["rejected_by"], "blackhole 203.0.113.0/24");
        let rule =
            Rule { priority: 100, to: "203.0.113.0/24".parse().ok(), action: "unreachable".into(), ..Rule::default() };
        let by_rule = Told { rules: vec![rule.clone()], ..Told::default() };
        let by_rule = &seen(by_rule, json!({ "addresses": [target] })).await[0];
        assert_eq!(by_rule.facts["rejected_by"], "100: from all to 203.0.113.0/24 unreachable");
        let ported = Rule { protocol: Some("tcp".into()), ports: Some((443, 443)), ..rule.clone() };
        for (port, code) in [(443, Code::RouteRejected), (80, Code::RouteNone)] {
            let told = Told { rules: vec![ported.clone()], ..Told::default() };
            let seen = &seen(told, json!({ "addresses": [target], "port": port })).await[0];
            assert_eq!(seen.code, Some(code), "port {port}");
        }
        let unsure = Rule { conditions: Some("not".into()), ..rule };
        let unsure = &seen(Told { rules: vec![unsure], ..Told::default() }, json!({ "addresses": [target] })).await[0];
        assert_eq!(unsure.code, Some(Code::RouteNone));
    }

    #[tokio::test]
    async fn a_route_into_a_tunnel_that_is_down_was_left_behind() {
        let target = ip("10.20.0.5");
        let tunnel = |up| Link { kind: Some(LinkKind::Tunnel), up, carrier: up.then_some(true), ..cable("tun0") };
        let chosen = Route { source: Some(ip("10.8.0.2")), ..route("10.20.0.0/16", None, "tun0", None) };
        for (up, code) in [(true, None), (false, Some(Code::VpnRouteLeftBehind))] {
            let told = Told { links: vec![tunnel(up)], route_to: vec![(target, chosen.clone())], ..Told::default() };
            let seen = &seen(told, json!({ "addresses": [target], "host": "crm.example" })).await[0];
            assert_eq!(seen.code, code);
            assert_eq!(seen.facts["tunnel"], true);
            assert_eq!(seen.via.interface.as_deref(), Some("tun0"));
        }
    }

    #[tokio::test]
    async fn strict_reverse_path_only_where_it_is_certain() {
        let target = ip("192.0.2.9");
        let told = |filter: &str| Told {
            links: vec![cable("eth0"), Link { index: 3, ..cable("eth1") }],
            addresses: vec![address("eth0", "10.0.0.5/24"), address("eth1", "10.1.0.5/24")],
            route_to: vec![(
                target,
                Route { source: Some(ip("10.0.0.5")), ..route("192.0.2.0/24", None, "eth1", None) },
            )],
            settings: vec![
                ("net.ipv4.conf.all.rp_filter".into(), "0".into()),
                ("net.ipv4.conf.eth0.rp_filter".into(), filter.into()),
            ],
            ..Told::default()
        };
        let code =
            |filter: &'static str| async move { seen(told(filter), json!({ "addresses": [target] })).await[0].code };
        assert_eq!(code("1").await, Some(Code::RouteReversePath));
        assert_eq!(code("2").await, None);
        assert_eq!(code("0").await, None);
    }

    #[tokio::test]
    async fn an_address_that_is_none_is_an_unknown() {
        let look = told::look(&PROBE, Told::default(), json!({}));
        assert_eq!(look.await.1.len(), 2);
        assert!((PROBE.accepts)(json!({ "addresses": ["x"] }).as_object().expect("an object")).is_err());
        assert_eq!(seen(Told::default(), json!({ "addresses": ["::1"] })).await[0].outcome, Outcome::Problem);
    }
}
