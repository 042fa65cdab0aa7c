//! The machine of a scenario: every fact as it is written, and the kernel's choice of a route.

use super::Scenario;
use crate::sys::*;
use async_trait::async_trait;
use std::net::IpAddr;
use std::time::Duration;

/// The main routing table's number.
const MAIN_TABLE: u32 = 254;

/// The machine of a scenario.
#[derive(Debug)]
pub struct FakeMachine {
    scenario: Scenario,
}

impl FakeMachine {
    pub(super) fn new(scenario: &Scenario) -> Self {
        let mut scenario = scenario.clone();
        // What the kernel always says and nobody wants to write.
        for route in scenario.routes.iter_mut().flatten() {
            if route.kind.is_empty() {
                route.kind = "unicast".to_owned();
            }
            if route.table == 0 {
                route.table = MAIN_TABLE;
            }
            let of_v6 = |net: &ipnet::IpNet| net.addr().is_ipv6();
            route.ipv6 |= route.destination.as_ref().is_some_and(of_v6) || route.gateway.is_some_and(|to| to.is_ipv6());
        }
        for (place, link) in scenario.links.iter_mut().flatten().enumerate() {
            if link.index == 0 {
                link.index = place as u32 + 1;
            }
        }
        FakeMachine { scenario }
    }

    /// The fact, or why it is not known.
    fn fact<T: Clone>(&self, name: &'static str, value: &Option<T>) -> Known<T> {
        if let Some(why) = self.scenario.unknown.get(name) {
            return Err(match why.strip_prefix("needs ") {
                Some(right) => Unknown::NeedsRight { what: name.to_owned(), right: right.to_owned() },
                None => Unknown::Failed(why.clone()),
            });
        }
        value.clone().ok_or(Unknown::Unsupported("this scenario"))
    }

    /// Whether the address is one of this machine's own.
    pub(super) fn is_own(&self, address: IpAddr) -> bool {
        address.is_loopback() || self.scenario.addresses.iter().flatten().any(|own| own.net.addr() == address)
    }

    /// The kernel's choice: an own address first, then the longest prefix, then the lowest metric.
    pub(super) fn route(&self, target: IpAddr) -> Route {
        if self.is_own(target) {
            return Route {
                interface: Some("lo".to_owned()),
                kind: "local".to_owned(),
                ipv6: target.is_ipv6(),
                source: Some(target),
                ..Route::default()
            };
        }
        let length = |route: &Route| route.destination.map_or(0, |net| net.prefix_len());
        let mut fitting: Vec<&Route> =
            self.scenario.routes.iter().flatten().filter(|route| leads_to(route, target)).collect();
        fitting.sort_by_key(|route| (std::cmp::Reverse(length(route)), route.metric.unwrap_or(0)));
        match fitting.first() {
            None => Route { kind: "none".to_owned(), ipv6: target.is_ipv6(), ..Route::default() },
            Some(route) if route.kind != "unicast" => Route { interface: None, gateway: None, ..(*route).clone() },
            Some(route) => Route { source: route.source.or(self.source(route, target)), ..(*route).clone() },
        }
    }

    fn source(&self, route: &Route, target: IpAddr) -> Option<IpAddr> {
        let addresses = self.scenario.addresses.iter().flatten();
        let own = addresses.filter(|own| route.interface.as_ref() == Some(&own.interface));
        own.map(|own| own.net.addr()).find(|own| own.is_ipv4() == target.is_ipv4())
    }

    /// Whether a program listens on this port of this machine.
    pub(super) fn listens(&self, protocol: &str, port: u16) -> bool {
        self.scenario.listeners.iter().flatten().any(|one| one.protocol == protocol && one.local.port() == port)
    }
}

fn leads_to(route: &Route, target: IpAddr) -> bool {
    match route.destination {
        Some(net) => net.contains(&target),
        None => route.ipv6 == target.is_ipv6(),
    }
}

#[async_trait(?Send)]
impl Machine for FakeMachine {
    async fn links(&self) -> Known<Vec<Link>> {
        self.fact("links", &self.scenario.links)
    }
    async fn addresses(&self) -> Known<Vec<Address>> {
        self.fact("addresses", &self.scenario.addresses)
    }
    async fn routes(&self) -> Known<Vec<Route>> {
        self.fact("routes", &self.scenario.routes)
    }
    async fn rules(&self) -> Known<Vec<Rule>> {
        self.fact("rules", &self.scenario.rules)
    }
    async fn route_to(&self, towards: Towards) -> Known<Route> {
        self.fact("routes", &self.scenario.routes).map(|_| self.route(towards.address))
    }
    async fn neighbours(&self) -> Known<Vec<Neighbour>> {
        self.fact("neighbours", &self.scenario.neighbours)
    }
    async fn leases(&self) -> Known<Vec<Lease>> {
        self.fact("leases", &self.scenario.leases)
    }
    async fn dhcp_offers(&self, interface: &str, wait: Duration) -> Known<Vec<DhcpTerms>> {
        let offers = self.fact("dhcp_offers", &self.scenario.dhcp_offers)?;
        let here = offers.get(interface).cloned().unwrap_or_default();
        if here.is_empty() {
            tokio::time::sleep(wait).await;
        }
        Ok(here)
    }
    async fn sign_on(&self, interface: &str) -> Known<Option<SignOn>> {
        self.fact("sign_ons", &self.scenario.sign_ons).map(|all| all.get(interface).cloned())
    }
    async fn radio(&self, interface: &str) -> Known<Option<Radio>> {
        self.fact("radios", &self.scenario.radios).map(|radios| radios.get(interface).cloned())
    }
    async fn tunnels(&self) -> Known<Vec<Tunnel>> {
        self.fact("tunnels", &self.scenario.tunnels)
    }
    async fn ipsec(&self) -> Known<Ipsec> {
        self.fact("ipsec", &self.scenario.ipsec)
    }
    async fn group_limits(&self, _pid: Option<u32>) -> Known<GroupLimits> {
        self.fact("group_limits", &self.scenario.group_limits)
    }
    async fn filter_rules(&self) -> Known<Vec<FilterRule>> {
        self.fact("filter_rules", &self.scenario.filter_rules)
    }
    async fn resolvers(&self) -> Known<ResolverConfig> {
        self.fact("resolvers", &self.scenario.resolvers)
    }
    async fn hosts(&self) -> Known<Vec<HostsEntry>> {
        self.fact("hosts", &self.scenario.hosts)
    }
    async fn online_flags(&self) -> Known<Vec<OnlineFlag>> {
        self.fact("online_flags", &self.scenario.online_flags)
    }
    async fn proxies(&self) -> Known<ProxySettings> {
        self.fact("proxies", &self.scenario.proxies)
    }
    async fn proxies_of_people(&self) -> Known<Vec<PersonProxies>> {
        self.fact("proxies_of_people", &self.scenario.proxies_of_people)
    }
    async fn kernel_setting(&self, name: &str) -> Known<String> {
        let settings = self.fact("kernel_settings", &self.scenario.kernel_settings)?;
        settings.get(name).cloned().ok_or_else(|| Unknown::Failed(format!("no setting `{name}`")))
    }
    async fn account(&self) -> Known<Account> {
        self.fact("account", &self.scenario.account)
    }
    async fn identity(&self) -> Known<Identity> {
        self.fact("identity", &self.scenario.identity)
    }
    async fn processes(&self) -> Known<Vec<Process>> {
        self.fact("processes", &self.scenario.processes)
    }
    async fn process(&self, pid: u32) -> Known<Process> {
        let found = self.processes().await?.into_iter().find(|process| process.pid == pid);
        found.ok_or_else(|| Unknown::Failed(format!("there is no process {pid}")))
    }
    async fn listeners_on(&self, _port: u16) -> Known<Vec<Listener>> {
        self.listeners().await
    }
    async fn filesystem_of(&self, path: &str) -> Known<Filesystem> {
        let holds = |mount: &str| path.starts_with(mount.trim_end_matches('/'));
        let all = self.filesystems().await?.into_iter().filter(|one| holds(&one.mount));
        all.max_by_key(|one| one.mount.len()).ok_or_else(|| Unknown::Failed(format!("nothing holds {path}")))
    }
    async fn listeners(&self) -> Known<Vec<Listener>> {
        self.fact("listeners", &self.scenario.listeners)
    }
    async fn socket_counts(&self) -> Known<SocketCounts> {
        self.fact("socket_counts", &self.scenario.socket_counts)
    }
    async fn memory(&self) -> Known<Memory> {
        self.fact("memory", &self.scenario.memory)
    }
    async fn processor(&self) -> Known<Processor> {
        self.fact("processor", &self.scenario.processor)
    }
    async fn pressure(&self) -> Known<Pressure> {
        self.fact("pressure", &self.scenario.pressure)
    }
    async fn packages(&self) -> Known<PackageState> {
        self.fact("packages", &self.scenario.packages)
    }
    async fn power(&self) -> Known<Power> {
        self.fact("power", &self.scenario.power)
    }
    async fn filesystems(&self) -> Known<Vec<Filesystem>> {
        self.fact("filesystems", &self.scenario.filesystems)
    }
    async fn log_lines(&self, _minutes: u32) -> Known<Vec<LogLine>> {
        self.fact("log_lines", &self.scenario.log_lines)
    }
    async fn lines_of(&self, program: &str, minutes: u32) -> Known<Vec<LogLine>> {
        Ok(self.log_lines(minutes).await?.into_iter().filter(|line| line.source == program).collect())
    }
    async fn changes(&self, _days: u32) -> Known<Vec<Change>> {
        self.fact("changes", &self.scenario.changes)
    }
    async fn clock(&self) -> Known<Clock> {
        self.fact("clock", &self.scenario.clock)
    }
    async fn command(&self, arguments: &[String], _wait: Duration) -> Known<CommandOutput> {
        let commands = self.fact("commands", &self.scenario.commands)?;
        let line = arguments.join(" ");
        commands.get(&line).cloned().ok_or_else(|| Unknown::Failed(format!("`{line}` cannot be started")))
    }
    async fn service(&self, name: &str) -> Known<Service> {
        let services = self.fact("services", &self.scenario.services)?;
        let missing = || Service { state: "not-found".to_owned(), ..Service::default() };
        let service = services.get(name).cloned().unwrap_or_else(missing);
        Ok(Service { name: name.to_owned(), ..service })
    }
}
