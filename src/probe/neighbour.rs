//! Does the next hop exist on the link? Asked of the neighbour table, which is proof where a ping is not: gateways drop
//! pings and work (features.md, pitfall 1).

use super::link::is_running;
use super::route::MAIN_TABLE;
use super::{Burden, Contacts, Cost, Look, Probe, accepts, schema_of};
use crate::layer::Layer;
use crate::observation::{Observation, Outcome, Skip, Via};
use crate::problem::Code;
use crate::sys::{Link, LinkKind, Neighbour, Route, Towards};
use crate::world::{Dial, Failure};
use futures_util::future::{self, FutureExt};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::net::{IpAddr, SocketAddr, SocketAddrV6};
use std::time::Duration;
use tokio::time::Instant;

/// The probe.
pub const PROBE: Probe = Probe {
    name: "neighbour",
    layer: Layer::Route,
    cost: Cost::Network,
    summary: "whether the gateway, or an on-link target, answers on the link",
    about: "Reads the kernel's neighbour table (ARP and NDP). Where it holds no fresh entry, one empty UDP datagram to \
            port 9 (discard) makes the kernel ask, and the table is watched: the kernel asks three times, one second \
            apart, so a dead gateway is suspected after 1.0 s and certain after 3.1 s. An old entry is verified in \
            the same way, by an echo request, and by ARP where CAP_NET_RAW allows, because the kernel itself would \
            take 8 s. An entry that somebody fixed is held against the device that answers to ARP. Any answer proves the \
            neighbour; silence to pings proves nothing. With `rivals` it asks instead, by ARP, whether several devices \
            have the address.",
    contacts: Contacts::named(&["address", "targets"]).and_unless("address", "the gateways, on the local network"),
    burden: Burden::of("an empty datagram, a ping and an ARP request for each neighbour")
        .and_leaves("the table of neighbours holds a fresh entry"),
    codes: &[Code::RouteGatewayDead, Code::RouteNeighbourDead, Code::RouteNeighbourWrong, Code::IpDuplicate],
    params: schema_of::<Params>,
    facts: schema_of::<NeighbourFacts>,
    accepts: accepts::<Params>,
    run: |look| look.with(run),
};

/// The kernel's second request is unanswered (limits.md section 6).
const SUSPECTED_AFTER: Duration = Duration::from_millis(1000);

/// Three requests one second apart (mcast_solicit 3, retrans_time_ms 1000; RFC 4861 section 10) and a little more.
const DEAD_AFTER: Duration = Duration::from_millis(3100);

/// The kernel gives up at 3.07 s; a little later there is nothing left to wait for.
const UNDECIDED_AFTER: Duration = Duration::from_millis(3300);

/// How long the device behind a fixed entry is waited for: an answer on the link takes milliseconds, over a radio that
/// sleeps a tenth of a second. Judgement, because silence only leaves the entry as it is.
const FIXED_WAIT: Duration = Duration::from_millis(500);

/// How long all who have an address are waited for: as for the device behind a fixed entry, and asked twice within it.
const RIVALS_WAIT: Duration = FIXED_WAIT;

/// The table is read this often at first, when an answer is a round trip on the link away, and then less often.
const POLL_FAST: Duration = Duration::from_millis(2);
const POLL_SLOW: Duration = Duration::from_millis(25);
const FAST_FOR: Duration = Duration::from_millis(40);

/// RFC 863: whoever listens there throws it away, and nearly everybody answers "port unreachable", which is an answer.
const DISCARD_PORT: u16 = 9;

/// Whom to look for.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Params {
    /// Look for this address instead of the gateways of the default routes.
    pub address: Option<IpAddr>,
    /// Only on this interface.
    pub interface: Option<String>,
    /// Look for these instead, where the kernel says that they are on the link; for one behind a router that no default
    /// route names, its router is looked for.
    pub targets: Vec<IpAddr>,
    /// The targets' port: policy rules may send it another way.
    pub port: Option<u16>,
    /// `tcp` (the default) or `udp`, for the port.
    pub protocol: Option<String>,
    /// Ask by ARP whether more than one device has the address, whatever the table says.
    pub rivals: bool,
}

/// What is known about one neighbour.
#[derive(Debug, Default, Clone, Serialize, JsonSchema)]
pub struct NeighbourFacts {
    /// The address that was looked for.
    pub address: String,
    /// The interface that it should be on.
    pub interface: String,
    /// Its hardware address.
    pub mac: Option<String>,
    /// The state of the kernel's entry at the end: `reachable`, `stale`, `delay`, `probe`, `incomplete`, `failed`,
    /// `permanent`, `noarp`, or `none`.
    pub state: String,
    /// The state at the first look.
    pub first_state: String,
    /// Always true: it is reached without a router.
    pub on_link: bool,
    /// `gateway` or `target`.
    pub role: String,
    /// What proved it: `table`, `arp`, `echo` or `datagram`.
    pub proven_by: Option<String>,
    /// The hardware address that answers to ARP, where a fixed entry names another one.
    pub answered_by: Option<String>,
    /// All hardware addresses that answer to ARP for it, where that was asked: several devices have the same address, or
    /// one router has several legs in this network.
    pub claimed_by: Vec<String>,
    /// How long it was waited for.
    pub waited_ms: u64,
    /// The own prefix that makes it a neighbour although the own address is a private one (RFC 1918) and it lies outside
    /// that private block: no such network exists, so the prefix is wrong.
    pub too_wide_prefix: Option<String>,
}

/// One neighbour to look for.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Wanted {
    address: IpAddr,
    interface: String,
    is_gateway: bool,
}

async fn run(look: &Look<'_>, params: Params) -> Vec<Observation> {
    let (links, wanted) = match (look.world.machine.links().await, wanted(look, &params).await) {
        (Ok(links), Ok(wanted)) => (links, wanted),
        (Err(why), _) => return vec![look.unknown(None, &why.to_string())],
        (_, Err(why)) => return vec![look.unknown(None, &why)],
    };
    if wanted.is_empty() {
        return vec![nobody(look, &params).await];
    }
    // Two neighbours of one address on different interfaces are told apart by the interface in the subject.
    let twice = |address: IpAddr| wanted.iter().filter(|other| other.address == address).count() > 1;
    let all = wanted.iter().map(|one| {
        let subject = match twice(one.address) {
            true => format!("{}%{}", one.address, one.interface),
            false => one.address.to_string(),
        };
        let link = links.iter().find(|link| link.name == one.interface);
        let watch = Watch { look, one, link, subject };
        let rivals = params.rivals;
        async move {
            let seen = if rivals { watch.rivals().await } else { watch.watch().await };
            // Shown at once: the gateway of another family may take three seconds to be given up.
            (look.emit)(seen.clone());
            seen
        }
    });
    future::join_all(all).await
}

/// There is no next hop to look for.
async fn nobody(look: &Look<'_>, params: &Params) -> Observation {
    let routes = look.world.machine.routes().await.unwrap_or_default();
    if !params.targets.is_empty() {
        // Not ok: that there was nothing to look for says nothing for the layer.
        return look.skipped(Skip::NotNeeded, "no target is on the link, so there is no neighbour to look for");
    }
    if routes.iter().any(Route::is_default) {
        return look.ok(None, "the default route needs no gateway, so there is no neighbour to look for");
    }
    look.skipped(Skip::NotNeeded, "there is no gateway to look for")
}

/// The gateways, or the one address, and the targets that are on the link.
async fn wanted(look: &Look<'_>, params: &Params) -> Result<Vec<Wanted>, String> {
    let machine = &look.world.machine;
    let mut wanted = Vec::new();
    let mut add = |address, interface: Option<String>, is_gateway| {
        let Some(interface) = interface else { return };
        let one = Wanted { address, interface, is_gateway };
        let allowed = params.interface.as_ref().is_none_or(|only| *only == one.interface);
        if allowed
            && !wanted.iter().any(|other: &Wanted| (other.address, &other.interface) == (one.address, &one.interface))
        {
            wanted.push(one);
        }
    };
    let routes = machine.routes().await.map_err(|why| why.to_string())?;
    // Where the main table has a default route, one of another table serves only what a policy rule sends there.
    let main_only = routes.iter().any(|route| route.is_default() && route.table == MAIN_TABLE);
    let is_usual = |route: &&Route| route.is_default() && (!main_only || route.table == MAIN_TABLE);
    let is_default_gateway = |address| routes.iter().filter(is_usual).any(|route| route.gateway == Some(address));
    let gateway_of = |address| routes.iter().find(|route| route.gateway == Some(address));
    match params.address {
        Some(address) => {
            let through = gateway_of(address).and_then(|route| route.interface.clone());
            let is_gateway = through.is_some();
            let chosen = match params.interface.clone().or(through) {
                Some(name) => Some(name),
                None => machine.route_to(address.into()).await.ok().and_then(|route| route.interface),
            };
            add(address, chosen, is_gateway);
        }
        None if !params.targets.is_empty() => {}
        None => {
            for route in routes.iter().filter(is_usual) {
                if let Some(gateway) = route.gateway {
                    add(gateway, route.interface.clone(), true);
                }
            }
        }
    }
    for target in &params.targets {
        let towards = Towards::of(*target, params.port, params.protocol.as_deref());
        if let Ok(route) = machine.route_to(towards).await
            && route.kind == "unicast"
        {
            match route.gateway {
                None => add(*target, route.interface, false),
                // The gateways of default routes are looked for without targets; nobody else looks for this one.
                Some(gateway) if !is_default_gateway(gateway) => add(gateway, route.interface, true),
                Some(_) => {}
            }
        }
    }
    Ok(wanted)
}

/// The private block (RFC 1918) that an address is of.
fn private_block(address: IpAddr) -> Option<ipnet::IpNet> {
    let blocks = [([10, 0, 0, 0], 8), ([172, 16, 0, 0], 12), ([192, 168, 0, 0], 16)];
    let nets = blocks.into_iter().filter_map(|(base, length)| ipnet::IpNet::new(base.into(), length).ok());
    nets.into_iter().find(|block| block.contains(&address))
}

/// What came of watching.
enum End {
    Proven(&'static str, Option<String>),
    /// A fixed entry names another device than this one, which answers.
    Another(String),
    Dead,
    NotNeeded(String),
    Undecided(String),
}

struct Watch<'a> {
    look: &'a Look<'a>,
    one: &'a Wanted,
    link: Option<&'a Link>,
    subject: String,
}

impl Watch<'_> {
    async fn watch(&self) -> Observation {
        let started = Instant::now();
        let entry = self.entry().await;
        let mut facts = NeighbourFacts {
            address: self.one.address.to_string(),
            interface: self.one.interface.clone(),
            mac: entry.as_ref().and_then(|entry| entry.mac.clone()),
            state: state(entry.as_ref()).to_owned(),
            first_state: state(entry.as_ref()).to_owned(),
            on_link: true,
            role: if self.one.is_gateway { "gateway" } else { "target" }.to_owned(),
            ..NeighbourFacts::default()
        };
        let end = match facts.state.as_str() {
            // Entries that need nobody to ask, and those confirmed within the last half minute.
            "reachable" => End::Proven("table", None),
            // A cable or radio whose ARP is switched off puts its own hardware address into every entry.
            "permanent" | "noarp" if !self.needs_no_asking(&facts) => self.fixed(&facts).await,
            "noarp" => End::Proven("table", None),
            // Whatever its state: what is not there to be seen leaves nothing open.
            _ if self.link.is_some_and(|link| link.kind == Some(LinkKind::Tunnel)) => {
                End::NotNeeded(format!("the tunnel {} has no neighbour discovery", self.one.interface))
            }
            _ if self.link.is_some_and(|link| !is_running(link)) => {
                End::Undecided(format!("{} is down", self.one.interface))
            }
            _ => self.prod(&facts, started).await,
        };
        facts.too_wide_prefix = self.too_wide_prefix().await;
        if let Some(entry) = self.entry().await {
            facts.state = entry.state;
            facts.mac = entry.mac.or(facts.mac);
        }
        facts.waited_ms = started.elapsed().as_millis() as u64;
        self.observation(end, facts)
    }

    /// Who answers for the address: each machine keeps to the one that it heard first, so that some are served and some
    /// are not, and from boot to boot not the same ones.
    async fn rivals(&self) -> Observation {
        let started = Instant::now();
        let (address, interface) = (self.one.address, self.one.interface.as_str());
        if !address.is_ipv4() {
            return self.observation(End::NotNeeded("ARP is for IPv4 only".to_owned()), NeighbourFacts::default());
        }
        let wait = self.look.within(RIVALS_WAIT);
        let claims = match self.look.world.machine.who_all_have(interface, address, wait).await {
            Ok(claims) => claims,
            Err(why) => return self.look.unknown(Some(&self.subject), &why.to_string()).via(self.via()),
        };
        let facts = NeighbourFacts {
            address: address.to_string(),
            interface: interface.to_owned(),
            mac: self.entry().await.and_then(|entry| entry.mac),
            on_link: true,
            role: if self.one.is_gateway { "gateway" } else { "target" }.to_owned(),
            waited_ms: started.elapsed().as_millis() as u64,
            claimed_by: claims.clone(),
            ..NeighbourFacts::default()
        };
        let seen = match claims.as_slice() {
            [] => return self.look.unknown(Some(&self.subject), &format!("nobody answered ARP for {address}")),
            [one] => self.look.ok(Some(&self.subject), format!("{one} alone answers for {address} on {interface}")),
            several => {
                let words = format!("{} answer for {address} on {interface}", several.join(" and "));
                self.look.problem(Some(&self.subject), Code::IpDuplicate, words)
            }
        };
        seen.facts(&facts).via(self.via())
    }

    /// Whether the interface is of a kind that knows no hardware addresses.
    fn needs_no_asking(&self, facts: &NeighbourFacts) -> bool {
        let has_hardware = self.link.is_some_and(|link| matches!(link.kind, Some(LinkKind::Wired | LinkKind::Wifi)));
        facts.state == "noarp" && !has_hardware
    }

    async fn too_wide_prefix(&self) -> Option<String> {
        let addresses = self.look.world.machine.addresses().await.ok()?;
        let own = addresses.iter().filter(|own| own.interface == self.one.interface);
        let mut covering = own.map(|own| own.net).filter(|net| net.contains(&self.one.address));
        let wide =
            |net: &ipnet::IpNet| private_block(net.addr()).is_some_and(|block| !block.contains(&self.one.address));
        covering.find(wide).map(|net| net.to_string())
    }

    async fn entry(&self) -> Option<Neighbour> {
        let table = self.look.world.machine.neighbours().await.ok()?;
        table.into_iter().find(|entry| entry.address == self.one.address && entry.interface == self.one.interface)
    }

    /// An entry that somebody fixed: the kernel never asks, so that the device which has the address now may be another
    /// one. Where that cannot be asked, the entry stands.
    async fn fixed(&self, facts: &NeighbourFacts) -> End {
        let machine = &self.look.world.machine;
        let source = machine.route_to(self.one.address.into()).await.ok().and_then(|route| route.source);
        let wait = self.look.within(FIXED_WAIT);
        match machine.who_has(&self.one.interface, self.one.address, source, wait).await {
            Ok(Some(mac)) if facts.mac.as_ref().is_some_and(|fixed| !fixed.eq_ignore_ascii_case(&mac)) => {
                End::Another(mac)
            }
            Ok(Some(mac)) => End::Proven("arp", Some(mac)),
            Ok(None) | Err(_) => End::Proven("table", None),
        }
    }

    /// Makes the kernel ask, asks by other means where the entry is old, and watches.
    async fn prod(&self, facts: &NeighbourFacts, started: Instant) -> End {
        let wait = self.look.within(UNDECIDED_AFTER);
        let old = matches!(facts.first_state.as_str(), "stale" | "delay" | "probe");
        let mut table = Box::pin(self.follow(facts, started, wait, old));
        // Each of these is ready only when it has something to say; silence leaves the decision to the table.
        let mut others = Box::pin(future::select_all([
            self.datagram(wait).boxed_local(),
            self.arp(wait, old).boxed_local(),
            self.echo(wait, old).boxed_local(),
        ]));
        tokio::select! {
            biased;
            end = &mut table => end,
            (end, ..) = &mut others => end,
        }
    }

    /// Watches the table until it decides.
    async fn follow(&self, facts: &NeighbourFacts, started: Instant, wait: Duration, old: bool) -> End {
        let mut shown = false;
        let mut asked = false;
        loop {
            let passed = started.elapsed();
            tokio::time::sleep(if passed < FAST_FOR { POLL_FAST } else { POLL_SLOW }).await;
            let entry = self.entry().await;
            let (passed, state) = (started.elapsed(), state(entry.as_ref()));
            asked |= state == "incomplete";
            match state {
                "reachable" => return End::Proven("table", None),
                // A new entry that went straight past `incomplete` was answered.
                "stale" | "delay" | "probe" if !old => return End::Proven("table", None),
                // A failure that was there before we asked is old; the kernel starts again when it has to send.
                "failed" if asked || facts.first_state != "failed" => return End::Dead,
                "failed" | "incomplete" if passed >= DEAD_AFTER => return End::Dead,
                "failed" | "incomplete" if passed >= SUSPECTED_AFTER && !shown => {
                    shown = true;
                    let facts = NeighbourFacts {
                        state: state.to_owned(),
                        waited_ms: passed.as_millis() as u64,
                        ..facts.clone()
                    };
                    (self.look.emit)(self.dead(facts).suspected());
                }
                _ => {}
            }
            if passed >= wait {
                return End::Undecided(self.undecided(state, passed));
            }
        }
    }

    fn undecided(&self, state: &str, passed: Duration) -> String {
        let (address, interface) = (self.one.address, &self.one.interface);
        match state {
            "none" => format!("the kernel did not ask for {address} on {interface}"),
            "stale" | "delay" | "probe" => format!(
                "the kernel's entry for {address} on {interface} is old ({state}) and nothing confirmed it in {} ms",
                passed.as_millis()
            ),
            _ => format!("the kernel still asks for {address} on {interface} after {} ms", passed.as_millis()),
        }
    }

    /// One empty datagram. "Port unreachable" from the address itself is an answer; silence is none.
    async fn datagram(&self, wait: Duration) -> End {
        let index = self.link.map_or(0, |link| link.index);
        let to = match self.one.address {
            IpAddr::V6(v6) if v6.is_unicast_link_local() => SocketAddrV6::new(v6, DISCARD_PORT, 0, index).into(),
            address => SocketAddr::new(address, DISCARD_PORT),
        };
        let chosen =
            self.look.world.machine.route_to(self.one.address.into()).await.ok().and_then(|route| route.interface);
        let elsewhere = chosen.is_some_and(|name| name != self.one.interface);
        let interface = (elsewhere && to.is_ipv4()).then(|| self.one.interface.clone());
        match self.look.world.network.exchange(to, &[], &Dial { wait, interface, ..Dial::default() }).await {
            // A reject rule of this machine says "refused" as well, but then there is no hardware address.
            Ok(_) | Err(Failure::Refused) => match self.entry().await.and_then(|entry| entry.mac) {
                Some(mac) => End::Proven("datagram", Some(mac)),
                None => future::pending().await,
            },
            Err(Failure::LocalDenied) => {
                let why = format!("this machine's packet filter does not let a datagram out to {}", self.one.address);
                End::Undecided(why)
            }
            Err(_) => future::pending().await,
        }
    }

    /// ARP by ourselves, for an old IPv4 entry: the kernel would first trust it for 5 s.
    async fn arp(&self, wait: Duration, old: bool) -> End {
        if !old || !self.one.address.is_ipv4() {
            return future::pending().await;
        }
        let started = Instant::now();
        let machine = &self.look.world.machine;
        let source = machine.route_to(self.one.address.into()).await.ok().and_then(|route| route.source);
        let asking = machine.who_has(&self.one.interface, self.one.address, source, wait.min(DEAD_AFTER));
        tokio::pin!(asking);
        let answer = match tokio::time::timeout(SUSPECTED_AFTER, &mut asking).await {
            Ok(answer) => answer,
            Err(_) => {
                let facts = NeighbourFacts {
                    address: self.one.address.to_string(),
                    interface: self.one.interface.clone(),
                    state: "stale".to_owned(),
                    first_state: "stale".to_owned(),
                    on_link: true,
                    role: if self.one.is_gateway { "gateway" } else { "target" }.to_owned(),
                    waited_ms: started.elapsed().as_millis() as u64,
                    ..NeighbourFacts::default()
                };
                (self.look.emit)(self.dead(facts).suspected());
                asking.await
            }
        };
        match answer {
            Ok(Some(mac)) => End::Proven("arp", Some(mac)),
            Ok(None) if started.elapsed() >= DEAD_AFTER => End::Dead,
            // Not allowed, or cut short: it says nothing.
            _ => future::pending().await,
        }
    }

    /// An echo request, for an old entry. Only an answer counts.
    async fn echo(&self, wait: Duration, old: bool) -> End {
        let link_local = matches!(self.one.address, IpAddr::V6(v6) if v6.is_unicast_link_local());
        if !old || link_local {
            return future::pending().await;
        }
        let series = self.look.world.network.echo(self.one.address, 1, Duration::ZERO, wait, 0).await;
        match series {
            Ok(series) if series.replies.iter().any(Option::is_some) => End::Proven("echo", None),
            _ => future::pending().await,
        }
    }

    fn dead(&self, facts: NeighbourFacts) -> Observation {
        let (code, role) = match self.one.is_gateway {
            true => (Code::RouteGatewayDead, "gateway"),
            false => (Code::RouteNeighbourDead, "on-link target"),
        };
        let asked = if self.one.address.is_ipv4() { "ARP" } else { "neighbour discovery" };
        let words = format!(
            "the {role} {} did not answer {asked} on {} for {:.1} s",
            facts.address,
            facts.interface,
            facts.waited_ms as f64 / 1000.0
        );
        self.look.problem(Some(&self.subject), code, words).facts(&facts).via(self.via())
    }

    fn via(&self) -> Via {
        Via {
            interface: Some(self.one.interface.clone()),
            family: Some(if self.one.address.is_ipv4() { "ipv4" } else { "ipv6" }.to_owned()),
            gateway: self.one.is_gateway.then(|| self.one.address.to_string()),
            peer: (!self.one.is_gateway).then(|| self.one.address.to_string()),
            ..Via::default()
        }
    }

    fn observation(&self, end: End, mut facts: NeighbourFacts) -> Observation {
        match end {
            End::Proven(by, mac) => {
                facts.proven_by = Some(by.to_owned());
                facts.mac = mac.or(facts.mac);
                let mac = facts.mac.as_deref().map_or(String::new(), |mac| format!(" ({mac})"));
                let role = if self.one.is_gateway { "the gateway" } else { "the neighbour" };
                let words = format!("{role} {} is there on {}{mac}", facts.address, facts.interface);
                self.look.ok(Some(&self.subject), words).facts(&facts).via(self.via())
            }
            End::Another(mac) => {
                let (address, interface) = (&facts.address, &facts.interface);
                let entry = facts.mac.as_deref().unwrap_or_default();
                let words = match facts.state.as_str() {
                    "noarp" => format!(
                        "{interface} asks for no hardware addresses (its ARP is switched off), so that what is for \
                         {address} goes to {entry}, and {mac} answers to ARP for it"
                    ),
                    _ => format!(
                        "{address} has a fixed entry on {interface} for {entry}, and {mac} answers to ARP for it"
                    ),
                };
                facts.answered_by = Some(mac);
                let wrong = self.look.problem(Some(&self.subject), Code::RouteNeighbourWrong, words);
                wrong.facts(&facts).via(self.via())
            }
            End::Dead => self.dead(facts),
            End::NotNeeded(why) => {
                let (layer, check, subject) = (self.look.layer, self.look.check, Some(self.subject.as_str()));
                let mut skipped = Observation::new(PROBE.name, layer, check, subject, Outcome::Skipped, why);
                skipped.skip = Some(Skip::NotNeeded);
                skipped
            }
            End::Undecided(why) => self.look.unknown(Some(&self.subject), &why).facts(&facts).via(self.via()),
        }
    }
}

fn state(entry: Option<&Neighbour>) -> &str {
    entry.map_or("none", |entry| entry.state.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observation::Certainty;
    use crate::probe::testing::told::{self, Told, cable, route};
    use serde_json::json;

    fn table(from_ms: u64, state: &str) -> (u64, Vec<Neighbour>) {
        let address = "10.0.0.1".parse().expect("an address");
        let mac = (state != "incomplete" && state != "failed").then(|| "02:00:00:00:00:01".to_owned());
        (from_ms, vec![Neighbour { address, interface: "eth0".into(), mac, state: state.into() }])
    }

    fn told(neighbours: Vec<(u64, Vec<Neighbour>)>) -> Told {
        let routes = vec![route("default", Some("10.0.0.1"), "eth0", None)];
        Told { links: vec![cable("eth0")], routes, neighbours, ..Told::default() }
    }

    async fn seen(told: Told) -> (Vec<Observation>, Observation) {
        let (emitted, mut seen) = told::look(&PROBE, told, json!({})).await;
        assert_eq!(seen.len(), 1);
        (emitted, seen.remove(0))
    }

    #[tokio::test]
    async fn a_fresh_entry_is_proof_at_once() {
        let started = Instant::now();
        let (_, seen) = seen(told(vec![table(0, "reachable")])).await;
        assert_eq!(seen.outcome, Outcome::Ok);
        assert!(started.elapsed() < SUSPECTED_AFTER);
        assert_eq!(seen.via.gateway.as_deref(), Some("10.0.0.1"));
        assert_eq!(seen.facts["role"], "gateway");
    }

    #[tokio::test]
    async fn a_missing_entry_is_asked_for() {
        let (_, seen) = seen(told(vec![(0, vec![]), table(2, "incomplete"), table(6, "reachable")])).await;
        assert_eq!(seen.outcome, Outcome::Ok);
        assert!(seen.facts["waited_ms"].as_u64().is_some_and(|waited| waited < 1000), "{seen:?}");
    }

    #[tokio::test]
    async fn a_dead_gateway_is_suspected_then_certain() {
        let (emitted, seen) = seen(told(vec![(0, vec![]), table(2, "incomplete"), table(3070, "failed")])).await;
        // The suspicion, and the end as soon as it is known.
        assert_eq!(emitted.len(), 2);
        assert_eq!((&emitted[1].id, emitted[1].certainty), (&seen.id, seen.certainty));
        assert_eq!(emitted[0].certainty, Some(Certainty::Suspected));
        assert_eq!(emitted[0].id, seen.id);
        let at = emitted[0].facts["waited_ms"].as_u64().expect("a number");
        assert!((1000..3000).contains(&at), "{at}");
        assert_eq!((seen.code, seen.certainty), (Some(Code::RouteGatewayDead), Some(Certainty::Confirmed)));
        let at = seen.facts["waited_ms"].as_u64().expect("a number");
        assert!((3070..6000).contains(&at), "{at}");
    }

    #[tokio::test]
    async fn an_old_failure_is_asked_again() {
        let (_, back) = seen(told(vec![table(0, "failed"), table(2, "incomplete"), table(5, "reachable")])).await;
        assert_eq!(back.outcome, Outcome::Ok);
        let (_, still) = seen(told(vec![table(0, "failed"), table(2, "incomplete"), table(3070, "failed")])).await;
        assert_eq!(still.code, Some(Code::RouteGatewayDead));
    }

    #[tokio::test]
    async fn an_old_entry_is_verified_or_stays_unknown() {
        let (_, silent) = seen(told(vec![table(0, "stale"), table(2, "delay")])).await;
        assert_eq!(silent.outcome, Outcome::Unknown);
        let (_, confirmed) = seen(told(vec![table(0, "stale"), table(2, "delay"), table(300, "reachable")])).await;
        assert_eq!(confirmed.outcome, Outcome::Ok);
        let refused = Told { send: Some(Failure::Refused), ..told(vec![table(0, "stale")]) };
        assert_eq!(seen(refused).await.1.facts["proven_by"], "datagram");
        let claims = vec![("10.0.0.1".parse().expect("an address"), "02:00:00:00:00:01".into())];
        let answered = Told { claims, ..told(vec![table(0, "stale")]) };
        assert_eq!(seen(answered).await.1.facts["proven_by"], "arp");
    }

    #[tokio::test]
    async fn a_fixed_entry_is_held_against_who_answers() {
        let claims = |mac: &str| vec![("10.0.0.1".parse().expect("an address"), mac.to_owned())];
        let wrong = Told { claims: claims("02:00:00:00:00:99"), ..told(vec![table(0, "permanent")]) };
        let wrong = seen(wrong).await.1;
        assert_eq!(wrong.code, Some(Code::RouteNeighbourWrong), "{}", wrong.summary);
        assert_eq!(
            (&wrong.facts["mac"], &wrong.facts["answered_by"]),
            (&json!("02:00:00:00:00:01"), &json!("02:00:00:00:00:99"))
        );
        let right = Told { claims: claims("02:00:00:00:00:01"), ..told(vec![table(0, "permanent")]) };
        assert_eq!(seen(right).await.1.facts["proven_by"], "arp");
        let unasked = seen(told(vec![table(0, "permanent")])).await.1;
        assert_eq!((unasked.outcome, &unasked.facts["proven_by"]), (Outcome::Ok, &json!("table")));
    }

    #[tokio::test]
    async fn several_devices_with_one_address_are_all_named() {
        let gateway: IpAddr = "10.0.0.1".parse().expect("an address");
        let claims = |macs: &[&str]| macs.iter().map(|mac| (gateway, (*mac).to_owned())).collect::<Vec<_>>();
        for (macs, code) in [
            (&["02:00:00:00:00:01", "02:00:00:00:00:99"][..], Some(Code::IpDuplicate)),
            (&["02:00:00:00:00:01"], None),
            (&[], None),
        ] {
            let told = Told { claims: claims(macs), ..told(vec![table(0, "reachable")]) };
            let (_, seen) = told::look(&PROBE, told, json!({ "rivals": true })).await;
            assert_eq!(seen[0].code, code, "{}", seen[0].summary);
            assert_eq!(seen[0].outcome == Outcome::Unknown, macs.is_empty());
        }
    }

    #[tokio::test]
    async fn nobody_is_blamed_without_carrier_or_behind_a_filter() {
        let dead_link = Link { carrier: Some(false), ..cable("eth0") };
        let down = Told { links: vec![dead_link], ..told(vec![]) };
        assert_eq!(seen(down).await.1.outcome, Outcome::Unknown);
        let tunnel = Link { carrier: Some(false), kind: Some(LinkKind::Tunnel), ..cable("eth0") };
        let unneeded = Told { links: vec![tunnel], ..told(vec![]) };
        assert_eq!(seen(unneeded).await.1.outcome, Outcome::Skipped);
        let denied = Told { send: Some(Failure::LocalDenied), ..told(vec![]) };
        assert_eq!(seen(denied).await.1.outcome, Outcome::Unknown);
    }

    #[tokio::test]
    async fn targets_count_where_they_are_on_the_link() {
        let near: IpAddr = "10.0.0.1".parse().expect("an address");
        let told = Told {
            route_to: vec![(near, route("10.0.0.0/24", None, "eth0", None))],
            ..told(vec![table(0, "incomplete")])
        };
        let (_, seen) = told::look(&PROBE, told, json!({ "targets": [near, "203.0.113.9"] })).await;
        assert_eq!((seen.len(), seen[0].code), (1, Some(Code::RouteNeighbourDead)));
        assert_eq!(seen[0].facts["role"], "target");
        let (_, none) = told::look(&PROBE, Told::default(), json!({})).await;
        assert_eq!(none[0].outcome, Outcome::Skipped);
    }
}
