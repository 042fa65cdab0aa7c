//! A machine and a network that say what a test tells them, for the tests of the probes that read this machine.

use super::{LONG, world};
use crate::observation::Observation;
use crate::probe::Probe;
use crate::sys::*;
use crate::world::*;
use async_trait::async_trait;
use serde_json::Value;
use std::cell::RefCell;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;
use tokio::time::Instant;

/// What the machine says. `None` stands for "unsupported here".
#[derive(Default)]
pub struct Told {
    pub links: Vec<Link>,
    pub addresses: Vec<Address>,
    pub routes: Vec<Route>,
    pub rules: Vec<Rule>,
    pub route_to: Vec<(IpAddr, Route)>,
    pub sign_on: Option<SignOn>,
    /// What the supplicant wrote into the log.
    pub supplicant_lines: Vec<&'static str>,
    pub leases: Vec<Lease>,
    /// What DHCP servers offer.
    pub offers: Option<Vec<DhcpTerms>>,
    pub processes: Vec<Process>,
    pub tunnels: Vec<Tunnel>,
    pub filter_rules: Option<Vec<FilterRule>>,
    pub resolvers: Option<ResolverConfig>,
    pub radio: Option<Radio>,
    pub uptime_s: Option<u64>,
    /// The table as each look finds it: the state from these milliseconds on.
    pub neighbours: Vec<(u64, Vec<Neighbour>)>,
    pub claims: Vec<(IpAddr, String)>,
    pub settings: Vec<(String, String)>,
    /// What sending a datagram leads to.
    pub send: Option<Failure>,
    pub started: RefCell<Option<Instant>>,
}

#[async_trait(?Send)]
impl Machine for Told {
    async fn links(&self) -> Known<Vec<Link>> {
        Ok(self.links.clone())
    }
    async fn addresses(&self) -> Known<Vec<Address>> {
        Ok(self.addresses.clone())
    }
    async fn routes(&self) -> Known<Vec<Route>> {
        Ok(self.routes.clone())
    }
    async fn rules(&self) -> Known<Vec<Rule>> {
        Ok(self.rules.clone())
    }
    async fn route_to(&self, towards: Towards) -> Known<Route> {
        let told = self.route_to.iter().find(|(address, _)| *address == towards.address);
        Ok(told.map_or(Route { kind: "none".into(), ..Route::default() }, |(_, route)| route.clone()))
    }
    async fn neighbours(&self) -> Known<Vec<Neighbour>> {
        let started = *self.started.borrow_mut().get_or_insert_with(Instant::now);
        let passed = started.elapsed().as_millis() as u64;
        Ok(self
            .neighbours
            .iter()
            .rfind(|(from, _)| *from <= passed)
            .map(|(_, table)| table.clone())
            .unwrap_or_default())
    }
    async fn who_has(&self, _: &str, address: IpAddr, _: Option<IpAddr>, wait: Duration) -> Known<Option<String>> {
        if let Some((_, mac)) = self.claims.iter().find(|(claimed, _)| *claimed == address) {
            return Ok(Some(mac.clone()));
        }
        tokio::time::sleep(wait).await;
        Err(Unknown::NeedsRight { what: "ARP".into(), right: "CAP_NET_RAW".into() })
    }
    async fn who_all_have(&self, _: &str, address: IpAddr, _: Duration) -> Known<Vec<String>> {
        Ok(self.claims.iter().filter(|(claimed, _)| *claimed == address).map(|(_, mac)| mac.clone()).collect())
    }
    async fn sign_on(&self, _: &str) -> Known<Option<SignOn>> {
        Ok(self.sign_on.clone())
    }
    async fn lines_of(&self, program: &str, _: u32) -> Known<Vec<LogLine>> {
        let lines: &[&str] = if program == "wpa_supplicant" { &self.supplicant_lines } else { &[] };
        Ok(lines.iter().map(|text| LogLine { text: (*text).to_owned(), ..LogLine::default() }).collect())
    }
    async fn leases(&self) -> Known<Vec<Lease>> {
        Ok(self.leases.clone())
    }
    async fn dhcp_offers(&self, _: &str, _: Duration) -> Known<Vec<DhcpTerms>> {
        let denied = Unknown::NeedsRight { what: "what DHCP servers offer".into(), right: "CAP_NET_RAW".into() };
        self.offers.clone().ok_or(denied)
    }
    async fn processes(&self) -> Known<Vec<Process>> {
        Ok(self.processes.clone())
    }
    async fn tunnels(&self) -> Known<Vec<Tunnel>> {
        Ok(self.tunnels.clone())
    }
    async fn filter_rules(&self) -> Known<Vec<FilterRule>> {
        let denied = Unknown::NeedsRight { what: "the rules of the packet filter".into(), right: "root".into() };
        self.filter_rules.clone().ok_or(denied)
    }
    async fn resolvers(&self) -> Known<ResolverConfig> {
        self.resolvers.clone().ok_or(Unknown::Unsupported(SYSTEM))
    }
    async fn radio(&self, _: &str) -> Known<Option<Radio>> {
        Ok(self.radio.clone())
    }
    async fn identity(&self) -> Known<Identity> {
        let uptime_s = self.uptime_s.ok_or(Unknown::Unsupported(SYSTEM))?;
        Ok(Identity { uptime_s, ..Identity::default() })
    }
    async fn kernel_setting(&self, name: &str) -> Known<String> {
        let told = self.settings.iter().find(|(setting, _)| setting == name);
        told.map(|(_, value)| value.clone()).ok_or(Unknown::Unsupported(SYSTEM))
    }
}

/// A network that answers nothing, or one failure to every datagram.
struct Silent(Option<Failure>);

#[async_trait(?Send)]
impl Network for Silent {
    async fn connect(&self, _: SocketAddr, _: &Dial) -> Result<Connection, Failure> {
        Err(Failure::Timeout)
    }
    async fn exchange(&self, _: SocketAddr, _: &[u8], dial: &Dial) -> Result<Reply, Failure> {
        if let Some(failure) = &self.0 {
            return Err(failure.clone());
        }
        tokio::time::sleep(dial.wait).await;
        Err(Failure::Timeout)
    }
    async fn echo(&self, _: IpAddr, _: u16, _: Duration, _: Duration, _: usize) -> Result<EchoSeries, String> {
        Err("not told".into())
    }
    async fn trace(&self, _: IpAddr, _: u16, _: u8, _: Duration) -> Result<Vec<Hop>, String> {
        Err("not told".into())
    }
    async fn path_mtu(&self, _: IpAddr, _: Duration) -> Result<PathMtu, String> {
        Err("not told".into())
    }
    async fn who_refuses(&self, _: SocketAddr, _: Duration) -> Option<(Failure, IpAddr)> {
        None
    }
    async fn lookup(&self, _: &str, _: Duration) -> Result<Vec<IpAddr>, LookupFailure> {
        Err(LookupFailure::Unsupported("not told".into()))
    }
}

/// Looks with `probe` at what the machine was told; returns what was emitted on the way and the end.
pub async fn look(probe: &'static Probe, told: Told, args: Value) -> (Vec<Observation>, Vec<Observation>) {
    let send = told.send.clone();
    let world = world(told, Silent(send));
    assert_eq!((probe.accepts)(args.as_object().expect("an object")), Ok(()));
    let (last, emitted) = super::look(probe, &world, args, LONG).await.both();
    (emitted, last)
}

/// A cable that is up.
pub fn cable(name: &str) -> Link {
    Link {
        index: 2,
        name: name.into(),
        kind: Some(LinkKind::Wired),
        mac: Some("02:00:00:00:00:01".into()),
        mtu: Some(1500),
        up: true,
        carrier: Some(true),
        operstate: Some("up".into()),
        ..Link::default()
    }
}

/// An address on an interface.
pub fn address(interface: &str, net: &str) -> Address {
    Address {
        interface: interface.into(),
        net: net.parse().expect("a prefix"),
        tentative: false,
        duplicate: false,
        deprecated: false,
        permanent: true,
    }
}

/// A route of the main table; `default` or a prefix.
pub fn route(destination: &str, gateway: Option<&str>, interface: &str, metric: Option<u32>) -> Route {
    let destination = destination.parse().ok();
    let gateway: Option<IpAddr> = gateway.map(|address| address.parse().expect("an address"));
    Route {
        destination,
        ipv6: gateway.is_some_and(|gateway| gateway.is_ipv6())
            || destination.is_some_and(|net: ipnet::IpNet| net.addr().is_ipv6()),
        gateway,
        interface: Some(interface.into()),
        metric,
        table: 254,
        kind: "unicast".into(),
        ..Route::default()
    }
}
