//! Who stands on the way: this machine, its gateways, resolvers and proxies, the target, and what else was reached. Each
//! place has the observations that say something of it; the map and the matrix are drawn from these.

use super::mark::Mark;
use crate::layer::Layer;
use crate::observation::{Observation, Outcome, Via};
use crate::packet::Packet;
use crate::problem::{Class, Code};
use crate::target::Target;
use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};

/// Places of one kind; machines have two gateways (one for each family) and two or three resolvers.
const MOST_OF_A_KIND: usize = 4;
/// The check that is the complaint itself where the packet names none: the playbooks call it so.
const GOAL: &str = "reproduce";

/// What a place is to this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Gateway,
    Resolver,
    Proxy,
    Target,
    /// Reached too, but not what the complaint is about: the control pages.
    Elsewhere,
}

impl Kind {
    pub fn word(self) -> &'static str {
        match self {
            Kind::Gateway => "gateway",
            Kind::Resolver => "resolver",
            Kind::Proxy => "proxy",
            Kind::Target => "target",
            Kind::Elsewhere => "elsewhere",
        }
    }
}

/// One place.
#[derive(Debug)]
pub(super) struct Place<'a> {
    pub kind: Kind,
    pub name: String,
    /// Addresses, where the name is none.
    pub detail: String,
    /// What was seen there, or on the way there.
    pub seen: Vec<&'a Observation>,
    /// The proxy that stands before it.
    pub proxy: Option<&'a str>,
}

impl<'a> Place<'a> {
    fn new(kind: Kind, name: &str, seen: Vec<&'a Observation>) -> Self {
        Place { kind, name: name.to_owned(), detail: String::new(), seen, proxy: None }
    }

    /// What became of it as a whole. A gateway that forwards is there, whatever it says to pings; and what is slow or
    /// loses packets works in part.
    pub fn mark(&self) -> Mark {
        let works = self.seen.iter().any(|seen| seen.outcome == Outcome::Ok);
        let limps = self.seen.iter().any(|seen| works_badly(seen));
        let fails = self.seen.iter().any(|seen| seen.outcome == Outcome::Problem && !works_badly(seen));
        match (works, limps, fails) {
            (true, ..) if self.kind == Kind::Gateway => Mark::Good,
            (true, false, false) => Mark::Good,
            (true, ..) | (_, true, _) => Mark::Impaired,
            (false, false, true) => Mark::Bad,
            (false, false, false) => Mark::Idle,
        }
    }

    /// What became of the way there: an answer, also a bad one, proves it.
    pub fn way(&self) -> Mark {
        let answers =
            |seen: &&&Observation| seen.outcome == Outcome::Ok || seen.codes().any(|code| code.problem().proves_path);
        match self.mark() {
            Mark::Bad if self.seen.iter().any(|seen| answers(&seen)) => Mark::Good,
            Mark::Impaired => Mark::Good,
            mark => mark,
        }
    }

    /// The element of this kind that leads here: the first one that any observation used.
    pub fn leads(&self, element: impl Fn(&'a Via) -> &'a Option<String>) -> Option<&'a str> {
        self.seen.iter().find_map(|seen| element(&seen.via).as_deref())
    }
}

/// Whether it works badly rather than not at all.
fn works_badly(seen: &Observation) -> bool {
    let is_quality = |code: Code| code.problem().class == Class::Quality;
    seen.outcome == Outcome::Problem && seen.codes().next().is_some() && seen.codes().all(is_quality)
}

/// Every place, nearest first.
pub(super) fn places(packet: &Packet) -> Vec<Place<'_>> {
    let goal = Goal::of(packet);
    let mut places = Vec::new();
    places.extend(each(packet, Kind::Gateway, gateway_of));
    places.extend(each(packet, Kind::Resolver, |seen| seen.via.resolver.as_deref()));
    places.extend(each(packet, Kind::Proxy, |seen| seen.via.proxy.as_deref()));
    places.extend(goal.target());
    let taken: BTreeSet<IpAddr> = places.iter().filter_map(|place| place.name.parse().ok()).collect();
    let elsewhere: Vec<&Observation> = looked(packet)
        .filter(|seen| seen.via.resolver.is_none() && seen.via.proxy.is_none() && !goal.is_about(seen))
        .filter(|seen| peer(seen).is_some_and(|peer| !taken.contains(&peer) && !peer.is_loopback()))
        .collect();
    if !elsewhere.is_empty() {
        let detail = addresses(&elsewhere);
        places.push(Place { detail, ..Place::new(Kind::Elsewhere, "Another address", elsewhere) });
    }
    places
}

fn looked(packet: &Packet) -> impl Iterator<Item = &Observation> {
    packet.observations.iter().filter(|seen| matches!(seen.outcome, Outcome::Ok | Outcome::Problem))
}

/// The gateway that an observation went through, or looked at.
fn gateway_of(seen: &Observation) -> Option<&str> {
    let is_gateway = seen.facts.get("role").and_then(|role| role.as_str()) == Some("gateway");
    seen.via.gateway.as_deref().or_else(|| seen.subject.as_deref().filter(|_| is_gateway))
}

/// One place for each element of a kind that observations name.
fn each<'a>(
    packet: &'a Packet,
    kind: Kind,
    element: impl Fn(&'a Observation) -> Option<&'a str>,
) -> impl Iterator<Item = Place<'a>> {
    let mut found: Vec<Place<'a>> = Vec::new();
    for seen in looked(packet) {
        let Some(name) = element(seen) else { continue };
        match found.iter().position(|place| place.name == name) {
            Some(index) => found[index].seen.push(seen),
            None if found.len() < MOST_OF_A_KIND => found.push(Place::new(kind, name, vec![seen])),
            None => {}
        }
    }
    for place in &mut found {
        let name = place.name.clone();
        // That a setting names it, or a route, says nothing of it yet; and what fails behind a gateway may not be its fault.
        place.seen.retain(|seen| {
            let is_its_own = kind != Kind::Gateway || seen.subject.as_deref() == Some(&name);
            !is_setting(seen) && (is_its_own || seen.outcome == Outcome::Ok)
        });
    }
    found.into_iter()
}

/// Whether it only read what this machine is set to.
fn is_setting(seen: &Observation) -> bool {
    ["resolver", "route", "filter", "proxy", "hosts", "link", "address"].contains(&seen.probe.as_str())
}

/// The complaint itself, and the addresses that it is about.
struct Goal<'a> {
    packet: &'a Packet,
    check: &'a str,
    host: Option<String>,
    addresses: BTreeSet<IpAddr>,
}

impl<'a> Goal<'a> {
    fn of(packet: &'a Packet) -> Self {
        let check = packet.next.verify.as_deref().unwrap_or(GOAL);
        let text = packet.case.target.as_ref().or(packet.playbook.inputs.get("target"));
        let host = text.and_then(|text| Target::parse(text).ok()).map(|target| target.host);
        let mut addresses: BTreeSet<IpAddr> = host.iter().filter_map(|host| host.parse().ok()).collect();
        for seen in looked(packet) {
            let names = ["name", "host"].into_iter().filter_map(|fact| seen.facts.get(fact)?.as_str());
            let named = names.map(|name| name.trim_end_matches('.')).any(|name| Some(name) == host.as_deref());
            if seen.check == check || named {
                let list = seen.facts.get("addresses").and_then(|list| list.as_array());
                addresses.extend(list.into_iter().flatten().filter_map(|it| it.as_str()?.parse::<IpAddr>().ok()));
                addresses.extend(peer(seen).filter(|_| seen.via.proxy.is_none() && seen.via.resolver.is_none()));
            }
        }
        Goal { packet, check, host, addresses }
    }

    /// Whether an observation speaks of the target or of the way there.
    fn is_about(&self, seen: &Observation) -> bool {
        let at_it = || peer(seen).is_some_and(|peer| self.addresses.contains(&peer));
        seen.check == self.check && seen.layer > Layer::Dns || seen.via.resolver.is_none() && at_it()
    }

    fn target(&self) -> Option<Place<'a>> {
        let mut seen: Vec<&Observation> =
            looked(self.packet).filter(|seen| self.is_about(seen) && !is_setting(seen)).collect();
        let goal = looked(self.packet).filter(|seen| seen.check == self.check);
        let proxy = goal.filter_map(|seen| seen.via.proxy.as_deref()).next();
        // Where programs go through a proxy, what the direct way does says nothing of theirs, nor does the proxy's own word.
        seen.retain(|seen| seen.via.proxy.as_deref() == proxy && seen.layer != Layer::Proxy);
        let name = match &self.host {
            Some(host) => host.as_str(),
            None if seen.is_empty() => return None,
            None => "The internet",
        };
        let far_ends = if proxy.is_some() { String::new() } else { addresses(&seen) };
        let detail = Some(far_ends).filter(|detail| detail != name).unwrap_or_default();
        Some(Place { detail, proxy, ..Place::new(Kind::Target, name, seen) })
    }
}

/// The far end of an observation.
fn peer(seen: &Observation) -> Option<IpAddr> {
    let text = seen.via.peer.as_deref()?;
    text.parse().ok().or_else(|| text.parse().ok().map(|peer: SocketAddr| peer.ip()))
}

/// The first two far ends, and how many more there are.
fn addresses(seen: &[&Observation]) -> String {
    let mut peers: Vec<&str> = Vec::new();
    for name in seen.iter().filter_map(|seen| seen.via.peer.as_deref()) {
        let known = peers.iter().any(|known| known.starts_with(name) || name.starts_with(known));
        if !known {
            peers.push(name);
        }
    }
    let more = peers.len().saturating_sub(2);
    let shown = peers.iter().take(2).copied().collect::<Vec<_>>().join(", ");
    if more > 0 { format!("{shown} and {more} more") } else { shown }
}

#[cfg(test)]
mod tests {
    use super::super::super::tests::fault;
    use super::*;

    fn found(packet: &Packet) -> Vec<(Kind, String, Mark)> {
        places(packet).into_iter().map(|place| (place.kind, place.name.clone(), place.mark())).collect()
    }

    #[test]
    fn a_dead_resolver_hides_the_target_and_not_the_way() {
        assert_eq!(
            found(&fault()),
            [
                (Kind::Gateway, "192.0.2.1".into(), Mark::Good),
                (Kind::Resolver, "10.8.0.1".into(), Mark::Bad),
                (Kind::Target, "crm.example.test".into(), Mark::Idle),
                (Kind::Elsewhere, "Another address".into(), Mark::Good),
            ]
        );
    }

    #[test]
    fn a_refusal_proves_the_way_to_whoever_refuses() {
        let mut packet = fault();
        let mut refused = packet.observations[4].clone();
        refused.check = GOAL.to_owned();
        refused.outcome = Outcome::Problem;
        refused.code = Some(crate::problem::Code::TcpRefused);
        refused.via.peer = Some("203.0.113.80:443".to_owned());
        packet.observations.push(refused);
        let places = places(&packet);
        let target = places.iter().find(|place| place.kind == Kind::Target).unwrap();
        assert_eq!((target.mark(), target.way()), (Mark::Bad, Mark::Good));
        assert_eq!(target.detail, "203.0.113.80:443");
        assert_eq!(target.leads(|via| &via.gateway), Some("192.0.2.1"));
    }
}
