//! Interfaces: carrier, administrative state, errors, radio. One observation for each interface that could carry the
//! user's traffic; others are neutral facts.

use super::{Burden, Contacts, Cost, Look, Probe, accepts, schema_of};
use crate::layer::Layer;
use crate::observation::{Observation, Via};
use crate::problem::Code;
use crate::sys::{Address, Link, LinkKind, Radio, Route};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// The probe.
pub const PROBE: Probe = Probe {
    name: "link",
    layer: Layer::Link,
    cost: Cost::Local,
    summary: "carrier, state, speed, errors and radio of each interface",
    about: "Reads every interface from the kernel. Interfaces that could carry the user's traffic (cable, Wi-Fi, mobile, \
            and bridges, bonds and VLANs on top of these) are judged: switched off, no carrier, radio not joined, weak \
            signal, half duplex, errors, a carrier that comes and goes. An interface that is down while another one is \
            up, and that holds no address, is simply not in use. Bridges of containers and tunnels are never judged \
            here, and the loopback is named only where it is down or has no address. A port of a bridge or bond that \
            holds the address itself is named, because the bridge takes its packets. Sends nothing and needs no rights.",
    contacts: Contacts::NONE,
    burden: Burden::READS,
    codes: &[
        Code::LinkNone,
        Code::LinkNoCarrier,
        Code::LinkAdminDown,
        Code::LinkWifiNotJoined,
        Code::LinkHalfDuplex,
        Code::LinkErrors,
        Code::LinkDrops,
        Code::LinkSlow,
        Code::LinkMtuSmall,
        Code::LinkWifiWeak,
        Code::LinkFlapping,
        Code::LinkLost,
        Code::LinkLoopback,
        Code::LinkPortHoldsAddress,
    ],
    params: schema_of::<Params>,
    facts: schema_of::<LinkFacts>,
    accepts: accepts::<Params>,
    run: |look| look.with(run),
};

/// Errors are blamed above this share of the packets and this number. Judgement: a sound cable has none at all, and a
/// handful from the moment it was plugged in is harmless.
const ERRORS_PERCENT: f64 = 1.0;
const ERRORS_AT_LEAST: u64 = 10;

/// Drops are blamed later than errors, because Linux also counts frames of protocols that nobody here speaks.
const DROPS_PERCENT: f64 = 5.0;
const DROPS_AT_LEAST: u64 = 100;

/// How long counters are watched once they look bad, to tell growing ones from history.
const COUNTER_WINDOW: Duration = Duration::from_millis(200);

/// The limit below which stations begin to lose the network (Wi-Fi vendors' site-survey guides; ecosystem.md P02).
const WEAK_SIGNAL_DBM: i32 = -75;

/// At least this many carrier changes, and this many an hour since the machine started, are flapping. Judgement: a
/// laptop that is docked and undocked all day stays below it.
const FLAPS_AT_LEAST: u64 = 10;
const FLAPS_PER_HOUR: f64 = 6.0;

/// 10 Mb/s is what a broken pair in the cable leaves of a modern port.
const SLOW_MBPS: u32 = 10;

/// The smallest MTU that IPv6 (RFC 8200 section 5) and IPv4 (RFC 791, what every host must take) work with.
const IPV6_LEAST_MTU: u32 = 1280;
const IPV4_LEAST_MTU: u32 = 576;

/// How to look.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Params {
    /// Look at this interface only.
    pub interface: Option<String>,
    /// What an earlier look of the same run told of each carrier (the fact `carrier_mark`): only what changed since then
    /// is a problem of this look.
    pub since: Vec<String>,
}

/// What is known about one interface.
#[derive(Debug, Default, Clone, Serialize, JsonSchema)]
pub struct LinkFacts {
    /// Interface name.
    pub interface: String,
    /// `wired`, `wifi`, `mobile`, `tunnel` or `virtual`.
    pub kind: String,
    /// The kernel's word for its kind, such as `veth`, `bridge`, `wireguard`.
    pub driver: Option<String>,
    /// Switched on by the administrator.
    pub up: bool,
    /// Whether the layer below is up; absent while it is switched off.
    pub carrier: Option<bool>,
    /// The kernel's operational state (RFC 2863).
    pub operstate: Option<String>,
    /// Negotiated speed in megabits a second.
    pub speed_mbps: Option<u32>,
    /// `full` or `half`.
    pub duplex: Option<String>,
    /// Largest packet in bytes.
    pub mtu: Option<u32>,
    /// Hardware address.
    pub mac: Option<String>,
    /// Receive and transmit errors as a share of the packets since the interface was made.
    pub errors_percent: Option<f64>,
    /// Receive errors since the interface was made.
    pub receive_errors: u64,
    /// Transmit errors since the interface was made.
    pub transmit_errors: u64,
    /// Dropped frames in both directions since the interface was made.
    pub drops: u64,
    /// Whether errors or drops were added while the probe watched; only looked at where there are many.
    pub counters_growing: Option<bool>,
    /// How often the carrier came or went since the interface was made.
    pub carrier_changes: Option<u64>,
    /// The interface and its count of carrier changes in one word, for a later look to compare with.
    pub carrier_mark: Option<String>,
    /// How often the carrier came or went since the earlier look of the run.
    pub changed_meanwhile: Option<u64>,
    /// Name of the Wi-Fi network.
    pub ssid: Option<String>,
    /// Wi-Fi signal strength.
    pub signal_dbm: Option<i32>,
    /// Wi-Fi frequency.
    pub frequency_mhz: Option<u32>,
    /// Wi-Fi transmit rate.
    pub transmit_mbps: Option<f64>,
    /// Whether it has an address that is not link-local.
    pub has_address: bool,
    /// Whether it is in use: it has carrier, an address or a default route, or nothing else could serve.
    pub used: bool,
}

/// Whether it is made to carry the user's traffic: a cable or radio that belongs to no bridge or bond, or a bridge, bond
/// or VLAN above one.
pub(super) fn carries_traffic(link: &Link, links: &[Link]) -> bool {
    match link.kind {
        Some(LinkKind::Wired | LinkKind::Wifi | LinkKind::Mobile) => link.master.is_none(),
        Some(LinkKind::Virtual) => {
            let is_hardware =
                |link: &&Link| matches!(link.kind, Some(LinkKind::Wired | LinkKind::Wifi | LinkKind::Mobile));
            link.driver.as_deref() == Some("vlan")
                || links.iter().filter(is_hardware).any(|port| port.master == Some(link.index))
        }
        _ => false,
    }
}

/// Whether packets can leave it, as far as the link goes.
pub(super) fn is_running(link: &Link) -> bool {
    link.up && link.carrier != Some(false)
}

/// Cuts a text of strangers to a length that fits a fact.
pub(super) fn bounded(text: &str) -> String {
    text.chars().take(200).collect()
}

/// The word for a kind.
pub(super) fn kind_word(kind: Option<LinkKind>) -> &'static str {
    match kind {
        Some(LinkKind::Loopback) => "loopback",
        Some(LinkKind::Wired) => "wired",
        Some(LinkKind::Wifi) => "wifi",
        Some(LinkKind::Mobile) => "mobile",
        Some(LinkKind::Tunnel) => "tunnel",
        Some(LinkKind::Virtual) => "virtual",
        None => "unknown",
    }
}

async fn run(look: &Look<'_>, params: Params) -> Vec<Observation> {
    let machine = &look.world.machine;
    let links = match machine.links().await {
        Ok(links) => links,
        Err(why) => return vec![look.unknown(None, &why.to_string())],
    };
    let scene = Scene {
        addresses: machine.addresses().await.unwrap_or_default(),
        routes: machine.routes().await.unwrap_or_default(),
        since: &params.since,
        uptime_s: machine.identity().await.ok().map(|identity| identity.uptime_s).filter(|uptime| *uptime > 0),
        links: &links,
    };
    let mut observations: Vec<Observation> =
        scene.broken_loopback(params.interface.as_deref(), look).into_iter().collect();
    let lookout = observations.len();
    for link in scene.shown(params.interface.as_deref()) {
        let radio = match link.kind {
            Some(LinkKind::Wifi) => machine.radio(&link.name).await.ok().flatten(),
            _ => None,
        };
        let mut seen = scene.judge(link, radio);
        if seen.problems.iter().any(|(code, _)| matches!(code, Code::LinkErrors | Code::LinkDrops)) {
            seen.facts.counters_growing = growing(look, link).await;
        }
        observations.push(seen.observation(look));
    }
    if observations.len() == lookout && params.interface.as_deref().is_none_or(|name| !scene.is_loopback(name)) {
        observations.push(match params.interface {
            Some(name) => look.unknown(Some(&name), &format!("there is no interface named {}", bounded(&name))),
            None => look.problem(None, Code::LinkNone, "this machine has no network interface but the loopback"),
        });
    }
    observations
}

/// Whether errors or drops grow while we watch.
async fn growing(look: &Look<'_>, before: &Link) -> Option<bool> {
    tokio::time::sleep(look.within(COUNTER_WINDOW)).await;
    let links = look.world.machine.links().await.ok()?;
    let after = links.iter().find(|link| link.index == before.index)?;
    Some(errors(after) > errors(before) || drops(after) > drops(before))
}

fn errors(link: &Link) -> u64 {
    link.receive_errors.saturating_add(link.transmit_errors)
}

fn drops(link: &Link) -> u64 {
    link.receive_drops.saturating_add(link.transmit_drops)
}

/// The share in percent, rounded to two digits.
fn percent(part: u64, link: &Link) -> Option<f64> {
    let packets = link.receive_packets.saturating_add(link.transmit_packets).saturating_add(errors(link));
    (packets > 0).then(|| (part as f64 * 10_000.0 / packets as f64).round() / 100.0)
}

/// Everything that an interface is judged against.
struct Scene<'a> {
    links: &'a [Link],
    addresses: Vec<Address>,
    routes: Vec<Route>,
    uptime_s: Option<u64>,
    /// What an earlier look of the run told.
    since: &'a [String],
}

/// What was seen of one interface.
struct Seen {
    facts: LinkFacts,
    problems: Vec<(Code, String)>,
}

impl Scene<'_> {
    /// The interfaces that get an observation.
    fn shown(&self, only: Option<&str>) -> Vec<&Link> {
        let is_shown = |link: &&Link| match only {
            Some(name) => link.name == name,
            None => {
                link.kind != Some(LinkKind::Loopback)
                    && (carries_traffic(link, self.links)
                        || matches!(link.kind, Some(LinkKind::Wired | LinkKind::Wifi | LinkKind::Mobile))
                        || link.up)
            }
        };
        self.links.iter().filter(is_shown).collect()
    }

    fn is_loopback(&self, name: &str) -> bool {
        self.links.iter().any(|link| link.name == name && link.kind == Some(LinkKind::Loopback))
    }

    /// The loopback, where programs of this machine cannot talk to each other by it. It has no trail: nothing that
    /// works elsewhere says anything about it.
    fn broken_loopback(&self, only: Option<&str>, look: &Look<'_>) -> Option<Observation> {
        let wanted = |link: &&Link| link.kind == Some(LinkKind::Loopback) && only.is_none_or(|name| link.name == name);
        let link = self.links.iter().find(wanted)?;
        // IPv6 has its own; what programs mostly use is 127.0.0.1.
        let own = |address: &Address| {
            address.interface == link.name && address.net.addr().is_ipv4() && address.net.addr().is_loopback()
        };
        let name = &link.name;
        let words = if !link.up {
            format!("the loopback {name} is switched off: programs of this machine cannot talk to each other")
        } else if !self.addresses.is_empty() && !self.addresses.iter().any(own) {
            format!("the loopback {name} has no address: programs of this machine cannot talk to each other")
        } else {
            return None;
        };
        let facts = LinkFacts {
            interface: name.clone(),
            kind: kind_word(link.kind).to_owned(),
            up: link.up,
            has_address: self.addresses.iter().any(own),
            used: true,
            ..LinkFacts::default()
        };
        Some(look.problem(Some(name), Code::LinkLoopback, words).facts(&facts))
    }

    /// The bridge or bond that takes the packets of an interface that holds an address itself: a setting that was half
    /// changed when the bridge was made. An interface of a VRF keeps its own.
    fn taken_by(&self, link: &Link) -> Option<&Link> {
        let master = self.links.iter().find(|other| Some(other.index) == link.master)?;
        let takes = matches!(master.driver.as_deref(), Some("bridge" | "bond" | "team"));
        (takes && self.has_address(link) && self.has_default_route(link)).then_some(master)
    }

    /// Whether its state matters to the user: it is made for that, or the way out of this machine leads over it.
    fn is_judged(&self, link: &Link) -> bool {
        carries_traffic(link, self.links) || (link.kind == Some(LinkKind::Virtual) && self.has_default_route(link))
    }

    fn has_address(&self, link: &Link) -> bool {
        self.addresses.iter().any(|address| address.interface == link.name && !address.is_link_local())
    }

    fn has_default_route(&self, link: &Link) -> bool {
        self.routes.iter().any(|route| route.is_default() && route.interface.as_ref() == Some(&link.name))
    }

    /// Whether it is missed when it is down: it holds an address or a default route, or no other interface runs.
    fn is_used(&self, link: &Link) -> bool {
        let other_runs = self
            .links
            .iter()
            .any(|other| other.index != link.index && carries_traffic(other, self.links) && is_running(other));
        is_running(link) || self.has_address(link) || self.has_default_route(link) || !other_runs
    }

    fn judge(&self, link: &Link, radio: Option<Radio>) -> Seen {
        let radio = radio.unwrap_or_default();
        let facts = LinkFacts {
            interface: link.name.clone(),
            kind: kind_word(link.kind).to_owned(),
            driver: link.driver.clone(),
            up: link.up,
            carrier: link.carrier,
            operstate: link.operstate.clone(),
            speed_mbps: link.speed_mbps,
            duplex: link.duplex.clone(),
            mtu: link.mtu,
            mac: link.mac.clone(),
            errors_percent: percent(errors(link), link),
            receive_errors: link.receive_errors,
            transmit_errors: link.transmit_errors,
            drops: drops(link),
            counters_growing: None,
            carrier_changes: link.carrier_changes,
            carrier_mark: link.carrier_changes.map(|changes| format!("{}={changes}", link.name)),
            changed_meanwhile: self.changed_meanwhile(link),
            ssid: radio.ssid.as_deref().map(bounded),
            signal_dbm: radio.signal_dbm,
            frequency_mhz: radio.frequency_mhz,
            transmit_mbps: radio.transmit_mbps,
            has_address: self.has_address(link),
            used: self.is_used(link),
        };
        let mut problems = Vec::new();
        if let Some(master) = self.taken_by(link) {
            let (name, master) = (&link.name, &master.name);
            let words = format!(
                "{name} holds the address and the default route, and is a port of {master}, which takes its packets"
            );
            problems.push((Code::LinkPortHoldsAddress, words));
        }
        if !self.since.is_empty() {
            self.lost(link, &facts, &mut problems);
        } else if self.is_judged(link) && facts.used {
            self.state(link, &mut problems);
            if is_running(link) {
                self.quality(link, &facts, &mut problems);
            }
            self.flapping(link, &mut problems);
        }
        Seen { facts, problems }
    }

    fn state(&self, link: &Link, problems: &mut Vec<(Code, String)>) {
        let name = &link.name;
        let is_bridge = matches!(link.driver.as_deref(), Some("bridge" | "bond" | "team"));
        if link.up && is_bridge && !self.links.iter().any(|port| port.master == Some(link.index)) {
            let words = format!(
                "{name} is a {} without any port, so nothing leaves it",
                link.driver.as_deref().unwrap_or_default()
            );
            problems.push((Code::LinkNoCarrier, words));
        } else if !link.up {
            problems.push((Code::LinkAdminDown, format!("{name} is switched off (administratively down)")));
        } else if link.carrier == Some(false) {
            problems.push(match link.kind {
                Some(LinkKind::Wifi) => {
                    (Code::LinkWifiNotJoined, format!("{name} is switched on but not joined to any Wi-Fi network"))
                }
                // The operational state follows the carrier with a delay, so it would only confuse here.
                _ => (Code::LinkNoCarrier, format!("{name} is switched on but has no carrier")),
            });
        }
    }

    fn quality(&self, link: &Link, facts: &LinkFacts, problems: &mut Vec<(Code, String)>) {
        let name = &link.name;
        if link.duplex.as_deref() == Some("half") && link.kind == Some(LinkKind::Wired) {
            problems.push((Code::LinkHalfDuplex, format!("{name} runs at half duplex")));
        }
        let (bad, lost) = (errors(link), drops(link));
        if let Some(share) = facts.errors_percent.filter(|share| *share > ERRORS_PERCENT && bad > ERRORS_AT_LEAST) {
            problems.push((Code::LinkErrors, format!("{name} counts {bad} errors, {share} % of its packets")));
        }
        if let Some(share) = percent(lost, link).filter(|share| *share > DROPS_PERCENT && lost > DROPS_AT_LEAST) {
            problems.push((Code::LinkDrops, format!("{name} has dropped {lost} frames, {share} % of its packets")));
        }
        if let Some(signal) = facts.signal_dbm.filter(|signal| *signal < WEAK_SIGNAL_DBM) {
            problems.push((
                Code::LinkWifiWeak,
                format!("{name} hears its Wi-Fi at {signal} dBm, weaker than {WEAK_SIGNAL_DBM} dBm"),
            ));
        }
        if let Some(speed) = link.speed_mbps.filter(|speed| *speed <= SLOW_MBPS && link.kind == Some(LinkKind::Wired)) {
            problems.push((Code::LinkSlow, format!("{name} runs at {speed} Mb/s")));
        }
        let has_ipv6 = self
            .addresses
            .iter()
            .any(|address| address.interface == link.name && address.net.addr().is_ipv6() && !address.is_link_local());
        let least = if has_ipv6 { IPV6_LEAST_MTU } else { IPV4_LEAST_MTU };
        if let Some(mtu) = link.mtu.filter(|mtu| *mtu < least) {
            problems.push((Code::LinkMtuSmall, format!("{name} has an MTU of {mtu} bytes, less than {least}")));
        }
    }

    fn changed_meanwhile(&self, link: &Link) -> Option<u64> {
        let of = |mark: &String| mark.strip_prefix(&link.name)?.strip_prefix('=')?.parse::<u64>().ok();
        Some(link.carrier_changes?.saturating_sub(self.since.iter().find_map(of)?))
    }

    /// A carrier that was there at the earlier look of the run and went, for a moment or for good.
    fn lost(&self, link: &Link, facts: &LinkFacts, problems: &mut Vec<(Code, String)>) {
        let Some(changes) = facts.changed_meanwhile.filter(|changes| *changes > 0 && self.is_judged(link)) else {
            return;
        };
        let now = if is_running(link) { "is there again" } else { "is gone" };
        let words = format!("the carrier of {} changed {changes} times during this run and {now}", link.name);
        problems.push((Code::LinkLost, words));
    }

    fn flapping(&self, link: &Link, problems: &mut Vec<(Code, String)>) {
        let (Some(changes), Some(uptime)) = (link.carrier_changes, self.uptime_s) else { return };
        // The interface may be younger than the machine, so the true rate is at least this.
        let an_hour = changes as f64 * 3600.0 / uptime as f64;
        if changes >= FLAPS_AT_LEAST && an_hour > FLAPS_PER_HOUR {
            problems.push((
                Code::LinkFlapping,
                format!("the carrier of {} changed {changes} times, {an_hour:.0} times an hour", link.name),
            ));
        }
    }
}

impl Seen {
    fn observation(self, look: &Look<'_>) -> Observation {
        let name = self.facts.interface.clone();
        let via = Via { interface: Some(name.clone()), ..Via::default() };
        let observation = match self.problems.first() {
            Some((code, _)) => {
                let words: Vec<&str> = self.problems.iter().map(|(_, words)| words.as_str()).collect();
                let also = self.problems.iter().skip(1).map(|(code, _)| *code);
                look.problem(Some(&name), *code, words.join("; ")).also(also)
            }
            None => look.ok(Some(&name), self.words()),
        };
        observation.facts(&self.facts).via(via)
    }

    fn words(&self) -> String {
        let facts = &self.facts;
        let mut words = match (facts.up, facts.carrier) {
            (false, _) => format!("{} is switched off and not in use", facts.interface),
            (true, Some(false)) if !facts.used => format!("{} has no carrier and is not in use", facts.interface),
            (true, Some(false)) => format!("{} is up, without carrier", facts.interface),
            _ => format!("{} is up", facts.interface),
        };
        if let Some(speed) = facts.speed_mbps {
            words.push_str(&format!(", {speed} Mb/s"));
        }
        if let Some(signal) = facts.signal_dbm {
            words.push_str(&format!(", signal {signal} dBm"));
        }
        words
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observation::Outcome;
    use crate::probe::testing::told::{self, Told, address, cable};
    use serde_json::json;

    async fn codes(told: Told) -> Vec<(String, Option<Code>)> {
        let (_, seen) = told::look(&PROBE, told, json!({})).await;
        seen.into_iter().map(|observation| (observation.subject.unwrap_or_default(), observation.code)).collect()
    }

    fn unplugged(name: &str) -> Link {
        Link { carrier: Some(false), operstate: Some("down".into()), index: 3, ..cable(name) }
    }

    #[tokio::test]
    async fn a_carrier_that_went_since_the_earlier_look() {
        for (before, code) in [("eth0=2", Some(Code::LinkLost)), ("eth0=4", None), ("eth1=2", None)] {
            let told = Told { links: vec![Link { carrier_changes: Some(4), ..cable("eth0") }], ..Told::default() };
            let (_, seen) = told::look(&PROBE, told, json!({ "since": [before] })).await;
            assert_eq!(seen[0].code, code, "{before}");
        }
    }

    #[tokio::test]
    async fn a_lost_carrier_is_certain_at_once() {
        let told = Told { links: vec![unplugged("eth0")], ..Told::default() };
        let (_, seen) = told::look(&PROBE, told, json!({})).await;
        assert_eq!(seen[0].code, Some(Code::LinkNoCarrier));
        assert_eq!(seen[0].certainty, Some(crate::observation::Certainty::Confirmed));
        assert_eq!(seen[0].via.interface.as_deref(), Some("eth0"));
        assert_eq!(seen[0].summary, "eth0 is switched on but has no carrier");
    }

    #[tokio::test]
    async fn a_second_port_without_cable_is_no_problem() {
        let links = vec![cable("eth0"), unplugged("eth1")];
        assert_eq!(codes(Told { links, ..Told::default() }).await, [("eth0".into(), None), ("eth1".into(), None)]);
    }

    #[tokio::test]
    async fn a_dead_port_that_still_holds_an_address_is() {
        let links = vec![cable("eth0"), unplugged("eth1")];
        let told = Told { links, addresses: vec![address("eth1", "10.0.0.2/24")], ..Told::default() };
        assert_eq!(codes(told).await[1].1, Some(Code::LinkNoCarrier));
    }

    #[tokio::test]
    async fn virtual_interfaces_are_never_blamed() {
        let docker =
            Link { kind: Some(LinkKind::Virtual), driver: Some("bridge".into()), index: 9, ..unplugged("docker0") };
        let off = Link { up: false, carrier: None, name: "br1".into(), ..docker.clone() };
        let told = Told {
            links: vec![cable("eth0"), docker, off],
            addresses: vec![address("docker0", "172.17.0.1/16")],
            ..Told::default()
        };
        assert_eq!(codes(told).await, [("eth0".into(), None), ("docker0".into(), None)]);
    }

    #[tokio::test]
    async fn a_bridge_above_a_cable_is_judged() {
        let port = Link { master: Some(9), ..cable("eth0") };
        let bridge = Link {
            kind: Some(LinkKind::Virtual),
            driver: Some("bridge".into()),
            index: 9,
            up: false,
            carrier: None,
            ..cable("br0")
        };
        let told = Told { links: vec![port, bridge], ..Told::default() };
        assert_eq!(codes(told).await, [("eth0".into(), None), ("br0".into(), Some(Code::LinkAdminDown))]);
    }

    #[tokio::test]
    async fn quality_is_told_with_numbers() {
        let bad = Link {
            duplex: Some("half".into()),
            speed_mbps: Some(10),
            receive_packets: 1000,
            receive_errors: 50,
            mtu: Some(500),
            carrier_changes: Some(40),
            ..cable("eth0")
        };
        let told = Told { links: vec![bad], uptime_s: Some(3600), ..Told::default() };
        let (_, seen) = told::look(&PROBE, told, json!({})).await;
        let codes: Vec<Code> = seen[0].codes().collect();
        assert_eq!(
            codes,
            [Code::LinkHalfDuplex, Code::LinkErrors, Code::LinkSlow, Code::LinkMtuSmall, Code::LinkFlapping]
        );
        assert_eq!(seen[0].facts["errors_percent"], 4.76);
        assert_eq!(seen[0].facts["counters_growing"], false);
    }

    #[tokio::test]
    async fn radios() {
        let radio = |dbm| Some(Radio { signal_dbm: Some(dbm), ssid: Some("office".into()), ..Radio::default() });
        let wifi = Link { kind: Some(LinkKind::Wifi), ..cable("wlan0") };
        let weak = Told { links: vec![wifi.clone()], radio: radio(-80), ..Told::default() };
        assert_eq!(codes(weak).await[0].1, Some(Code::LinkWifiWeak));
        let good = Told { links: vec![wifi.clone()], radio: radio(-60), ..Told::default() };
        assert_eq!(codes(good).await[0].1, None);
        let alone = Told { links: vec![Link { carrier: Some(false), ..wifi }], ..Told::default() };
        assert_eq!(codes(alone).await[0].1, Some(Code::LinkWifiNotJoined));
    }

    #[tokio::test]
    async fn nothing_but_the_loopback() {
        let lo = Link { kind: Some(LinkKind::Loopback), ..cable("lo") };
        let told = Told { links: vec![lo], ..Told::default() };
        assert_eq!(codes(told).await, [(String::new(), Some(Code::LinkNone))]);
        let (_, seen) = told::look(&PROBE, Told::default(), json!({ "interface": "eth7" })).await;
        assert_eq!(seen[0].outcome, Outcome::Unknown);
    }
}
