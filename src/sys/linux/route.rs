//! Routes, policy rules and the kernel's own choice for a target, by netlink.

use super::netlink::{Netlink, all, words};
use crate::sys::*;
use futures_util::stream::TryStreamExt;
use ipnet::IpNet;
use rtnetlink::packet_route::AddressFamily;
use rtnetlink::packet_route::route::{
    RouteAddress, RouteAttribute, RouteFlags, RouteMessage, RouteMetric, RouteNextHop, RouteNextHopFlags, RouteType,
    RouteVia,
};
use rtnetlink::packet_route::rule::{RuleAction, RuleAttribute, RuleFlags, RuleMessage};
use rtnetlink::{Error, IpVersion};
use std::collections::HashMap;
use std::net::{Ipv4Addr, Ipv6Addr};

pub(super) async fn routes(netlink: &Netlink) -> Known<Vec<Route>> {
    let names = netlink.names().await?;
    let mut routes = Vec::new();
    for family in [AddressFamily::Inet, AddressFamily::Inet6] {
        let mut question = RouteMessage::default();
        question.header.address_family = family;
        for message in all("routes", netlink.handle().await?.route().get(question).execute()).await? {
            routes.extend(read(message, &names));
        }
    }
    Ok(routes)
}

pub(super) async fn rules(netlink: &Netlink) -> Known<Vec<Rule>> {
    let mut rules = Vec::new();
    for (version, ipv6) in [(IpVersion::V4, false), (IpVersion::V6, true)] {
        let handle = netlink.handle().await?;
        match all("rules", handle.rule().get(version).execute()).await {
            Ok(messages) => rules.extend(messages.into_iter().map(|message| read_rule(message, ipv6))),
            // A kernel without IPv6 has no IPv6 rules; without IPv4's the question itself failed.
            Err(error) if !ipv6 => return Err(error),
            Err(_) => {}
        }
    }
    rules.sort_by_key(|rule| (rule.ipv6, rule.priority));
    Ok(rules)
}

pub(super) async fn route_to(netlink: &Netlink, towards: Towards) -> Known<Route> {
    let names = netlink.names().await?;
    let target = towards.address;
    let empty = || Route { ipv6: target.is_ipv6(), ..Route::default() };
    let mut chosen = match ask(netlink, towards, None, RouteFlags::LookupTable).await? {
        Ok(message) => read(message, &names).into_iter().next().unwrap_or_else(empty),
        Err(kind) => return refused(netlink, target, None, kind).await,
    };
    // The first answer holds the source address that packets get, the second one the entry of the table behind it. It
    // is asked for with that source, because connect(2) looks twice as well: a policy rule may be for the source.
    let source = chosen.source;
    let entry = match ask(netlink, towards, source, RouteFlags::LookupTable | RouteFlags::FibMatch).await {
        Ok(Ok(message)) => {
            let entries = read(message, &names);
            if !entries.iter().any(|entry| entry.interface == chosen.interface && entry.table == chosen.table)
                && let Ok(Ok(message)) = ask(netlink, towards, source, RouteFlags::LookupTable).await
            {
                let elsewhere = read(message, &names).into_iter().next().unwrap_or_else(empty);
                chosen = Route { source: elsewhere.source.or(source), ..elsewhere };
            }
            entries.into_iter().find(|entry| entry.interface == chosen.interface).unwrap_or_default()
        }
        Ok(Err(kind)) if is_ruled_by_source(netlink, source).await => {
            return refused(netlink, target, source, kind).await;
        }
        _ => Route::default(),
    };
    let found = !entry.kind.is_empty();
    Ok(Route {
        destination: if found { entry.destination } else { None },
        metric: entry.metric.or(chosen.metric),
        protocol: entry.protocol.or(chosen.protocol.clone()),
        link_down: entry.link_down || chosen.link_down,
        mtu: entry.mtu.or(chosen.mtu),
        multipath: entry.multipath,
        ..chosen
    })
}

/// Asks the kernel for one target. The inner error is the kind of "no": it is an answer.
async fn ask(
    netlink: &Netlink,
    Towards { address: target, port, is_udp }: Towards,
    source: Option<IpAddr>,
    flags: RouteFlags,
) -> Known<Result<RouteMessage, &'static str>> {
    let mut question = RouteMessage::default();
    question.header.address_family = if target.is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 };
    question.header.destination_prefix_length = if target.is_ipv4() { 32 } else { 128 };
    question.header.flags = flags;
    question.attributes.push(RouteAttribute::Destination(target.into()));
    if let Some(source) = source.filter(|source| source.is_ipv4() == target.is_ipv4()) {
        question.header.source_prefix_length = question.header.destination_prefix_length;
        question.attributes.push(RouteAttribute::Source(source.into()));
    }
    if let Some(port) = port {
        let protocol = if is_udp { nix::libc::IPPROTO_UDP } else { nix::libc::IPPROTO_TCP };
        question.attributes.push(RouteAttribute::IpProto(protocol as u8));
        question.attributes.push(RouteAttribute::Dport(port));
    }
    let mut answers = Box::pin(netlink.handle().await?.route().get(question).execute());
    match answers.try_next().await {
        Ok(Some(message)) => Ok(Ok(message)),
        Ok(None) => Err(Unknown::Failed("the kernel gave no route and no reason".to_owned())),
        // The numbers that fib_props (net/ipv4/fib_semantics.c) and ip6_route.c give to the rejecting kinds.
        Err(Error::NetlinkError(error)) => match -error.raw_code() {
            nix::libc::ENETUNREACH => Ok(Err("none")),
            nix::libc::EHOSTUNREACH => Ok(Err("unreachable")),
            nix::libc::EINVAL => Ok(Err("blackhole")),
            nix::libc::EACCES => Ok(Err("prohibit")),
            nix::libc::EAGAIN => Ok(Err("throw")),
            _ => Err(Unknown::Failed(format!("the kernel did not choose a route: {}", error.to_io()))),
        },
        Err(error) => Err(Unknown::Failed(format!("the kernel did not choose a route: {}", words(&error)))),
    }
}

/// Whether a policy rule looks at this source address: only then is a refusal that comes with it one of the machine.
async fn is_ruled_by_source(netlink: &Netlink, source: Option<IpAddr>) -> bool {
    let rules = rules(netlink).await.unwrap_or_default();
    source.is_some_and(|source| rules.iter().filter_map(|rule| rule.from).any(|net| net.contains(&source)))
}

/// The route that says no, so that it can be named; only its kind where no route but a rule does.
async fn refused(netlink: &Netlink, target: IpAddr, source: Option<IpAddr>, kind: &str) -> Known<Route> {
    let everything = routes(netlink).await.unwrap_or_default();
    let named = everything
        .into_iter()
        .filter(|route| route.ipv6 == target.is_ipv6() && route.kind == kind)
        .filter(|route| route.destination.is_none_or(|net| net.contains(&target)))
        .max_by_key(|route| route.destination.map_or(0, |net| net.prefix_len()));
    let unnamed = Route { ipv6: target.is_ipv6(), kind: kind.to_owned(), ..Route::default() };
    Ok(Route { source, ..named.unwrap_or(unnamed) })
}

/// One message; several routes where it has several next hops.
fn read(message: RouteMessage, names: &HashMap<u32, String>) -> Vec<Route> {
    let header = message.header;
    let ipv6 = header.address_family == AddressFamily::Inet6;
    let mut route = Route {
        ipv6,
        table: u32::from(header.table),
        kind: kind_word(header.kind).to_owned(),
        protocol: Some(header.protocol.to_string()),
        link_down: header.flags.intersects(RouteFlags::Linkdown | RouteFlags::Dead),
        ..Route::default()
    };
    let mut hops: Vec<RouteNextHop> = Vec::new();
    for attribute in message.attributes {
        match attribute {
            RouteAttribute::Destination(address) => {
                route.destination = ip(&address)
                    .and_then(|address| IpNet::new(address, header.destination_prefix_length).ok())
                    .filter(|net| net.prefix_len() > 0);
            }
            RouteAttribute::PrefSource(address) => route.source = ip(&address),
            RouteAttribute::Priority(metric) => route.metric = Some(metric),
            RouteAttribute::Table(table) => route.table = table,
            RouteAttribute::Metrics(metrics) => {
                route.mtu = metrics.iter().find_map(|metric| match metric {
                    RouteMetric::Mtu(mtu) => Some(*mtu),
                    _ => None,
                });
            }
            RouteAttribute::MultiPath(several) => hops = several,
            other => next_hop(&other, &mut route, names),
        }
    }
    if matches!(route.kind.as_str(), "blackhole" | "unreachable" | "prohibit" | "throw") {
        // IPv6 notes the loopback as the interface of a route that leads nowhere.
        route.interface = None;
    }
    if hops.is_empty() {
        return vec![route];
    }
    hops.iter()
        .map(|hop| {
            let mut one = Route { multipath: hops.len() > 1, ..route.clone() };
            one.interface = names.get(&hop.interface_index).cloned();
            one.link_down = hop.flags.intersects(RouteNextHopFlags::Linkdown | RouteNextHopFlags::Dead);
            for attribute in &hop.attributes {
                next_hop(attribute, &mut one, names);
            }
            one
        })
        .collect()
}

fn next_hop(attribute: &RouteAttribute, route: &mut Route, names: &HashMap<u32, String>) {
    match attribute {
        RouteAttribute::Gateway(address) => route.gateway = ip(address),
        RouteAttribute::Via(RouteVia::Inet(address)) => route.gateway = Some(IpAddr::V4(*address)),
        RouteAttribute::Via(RouteVia::Inet6(address)) => route.gateway = Some(IpAddr::V6(*address)),
        RouteAttribute::Oif(index) => route.interface = names.get(index).cloned(),
        _ => {}
    }
}

fn ip(address: &RouteAddress) -> Option<IpAddr> {
    match address {
        RouteAddress::Inet(v4) => Some(IpAddr::V4(*v4)),
        RouteAddress::Inet6(v6) => Some(IpAddr::V6(*v6)),
        _ => None,
    }
}

fn kind_word(kind: RouteType) -> &'static str {
    match kind {
        RouteType::Unicast => "unicast",
        RouteType::Local => "local",
        RouteType::Broadcast => "broadcast",
        RouteType::Anycast => "anycast",
        RouteType::Multicast => "multicast",
        RouteType::BlackHole => "blackhole",
        RouteType::Unreachable => "unreachable",
        RouteType::Prohibit => "prohibit",
        RouteType::Throw => "throw",
        RouteType::Nat => "nat",
        _ => "other",
    }
}

fn read_rule(message: RuleMessage, ipv6: bool) -> Rule {
    let header = message.header;
    let everything = if ipv6 { IpAddr::V6(Ipv6Addr::UNSPECIFIED) } else { IpAddr::V4(Ipv4Addr::UNSPECIFIED) };
    let net = |address: IpAddr, length: u8| IpNet::new(address, length).ok();
    let mut rule = Rule {
        ipv6,
        table: u32::from(header.table),
        action: action_word(header.action).to_owned(),
        // A prefix of length 0 other than "everything" does not exist, so a missing attribute stays none.
        from: (header.src_len > 0).then(|| net(everything, header.src_len)).flatten(),
        to: (header.dst_len > 0).then(|| net(everything, header.dst_len)).flatten(),
        ..Rule::default()
    };
    let mut conditions = Vec::new();
    if header.flags.contains(RuleFlags::Invert) {
        conditions.push("not".to_owned());
    }
    for attribute in message.attributes {
        match attribute {
            RuleAttribute::Source(address) => rule.from = net(address, header.src_len),
            RuleAttribute::Destination(address) => rule.to = net(address, header.dst_len),
            RuleAttribute::Priority(priority) => rule.priority = priority,
            RuleAttribute::Table(table) => rule.table = table,
            RuleAttribute::FwMark(mark) => rule.mark = Some(mark),
            RuleAttribute::Iifname(name) => conditions.push(format!("iif {name}")),
            RuleAttribute::Oifname(name) => conditions.push(format!("oif {name}")),
            RuleAttribute::UidRange(range) => conditions.push(format!("uidrange {}-{}", range.start, range.end)),
            RuleAttribute::IpProtocol(protocol) => rule.protocol = Some(format!("{protocol:?}").to_lowercase()),
            RuleAttribute::SourcePortRange(range) => conditions.push(format!("sport {}-{}", range.start, range.end)),
            RuleAttribute::DestinationPortRange(range) => rule.ports = Some((range.start, range.end)),
            _ => {}
        }
    }
    if header.tos != 0 {
        conditions.push(format!("tos {:#x}", header.tos));
    }
    rule.conditions = (!conditions.is_empty()).then(|| conditions.join(" "));
    rule
}

fn action_word(action: RuleAction) -> &'static str {
    match action {
        RuleAction::ToTable => "to_table",
        RuleAction::Goto => "goto",
        RuleAction::Nop => "nop",
        RuleAction::Blackhole => "blackhole",
        RuleAction::Unreachable => "unreachable",
        RuleAction::Prohibit => "prohibit",
        _ => "other",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_loopback_has_a_route_or_the_kernel_says_none() {
        let route = route_to(&Netlink::default(), IpAddr::V4(Ipv4Addr::LOCALHOST).into()).await.expect("an answer");
        // In a fresh namespace the loopback is down and the honest answer is "none".
        assert!(route.kind == "local" || route.kind == "none", "{route:?}");
    }

    #[tokio::test]
    async fn rules_end_with_main_and_default() {
        let rules = rules(&Netlink::default()).await.expect("netlink answers everybody");
        assert!(rules.iter().any(|rule| !rule.ipv6 && rule.priority == 32766 && rule.table == 254));
    }

    #[test]
    fn several_next_hops_are_several_routes() {
        let mut message = RouteMessage::default();
        message.header.address_family = AddressFamily::Inet;
        message.header.kind = RouteType::Unicast;
        let mut hops = vec![RouteNextHop::default(), RouteNextHop::default()];
        hops[0].interface_index = 1;
        hops[1].interface_index = 2;
        message.attributes.push(RouteAttribute::MultiPath(hops));
        let names = HashMap::from([(1, "a".to_owned()), (2, "b".to_owned())]);
        let routes = read(message, &names);
        assert_eq!(routes.len(), 2);
        assert!(routes.iter().all(|route| route.multipath && route.is_default()));
        assert_eq!(routes[1].interface.as_deref(), Some("b"));
    }
}
