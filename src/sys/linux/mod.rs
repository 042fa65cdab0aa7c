//! Facts about this machine on Linux, each from the kernel or the service that owns it.

mod account;
mod address;
mod arp;
mod bounded;
mod change;
mod clock;
mod command;
mod container;
mod dhcp;
mod error_queue;
mod filesystem;
mod filter;
mod group;
mod ipsec;
mod lease;
mod link;
mod log;
mod manager;
mod neighbour;
mod netlink;
mod online;
mod package;
mod packet_socket;
mod people;
mod power;
mod process;
mod proxy;
mod radio;
mod resolver;
mod resource;
mod route;
mod runtime;
mod service;
mod setting;
mod socket;
mod supplicant;
mod tail;
mod trust;
mod tunnel;

pub use error_queue::{
    HOST_DOWN, MESSAGE_TOO_LARGE, acknowledge_at_once, bind_to_interface, complaint_about_connection, complaint_heard,
    forbid_fragments, handshake_time, hear_errors, interface_index, is_in_progress, limit_segments, link_mtu_towards,
    segments_sent_again, send_datagram,
};
pub use runtime::{interrupted, is_private, local_zone, make_private_file, make_private_folder, system_state_folder};
pub use trust::bundled_roots;

use super::*;
use async_trait::async_trait;
use std::net::IpAddr;
use std::rc::Rc;
use std::time::Duration;

/// What echo requests need, where the system refuses them.
pub const RIGHT_TO_ECHO: &str =
    "net.ipv4.ping_group_range to include this user's group, or CAP_NET_RAW (administrator rights)";

/// How somebody with administrator rights types this command.
pub fn as_administrator(command: &str) -> String {
    format!("type `sudo {command}`")
}

/// This machine.
#[derive(Debug, Default)]
pub struct LocalMachine {
    netlink: Rc<netlink::Netlink>,
    links: Flight<Known<Vec<Link>>>,
    addresses: Flight<Known<Vec<Address>>>,
    routes: Flight<Known<Vec<Route>>>,
    rules: Flight<Known<Vec<Rule>>>,
}

#[async_trait(?Send)]
impl Machine for LocalMachine {
    async fn links(&self) -> Known<Vec<Link>> {
        let netlink = Rc::clone(&self.netlink);
        self.links.join(|| async move { link::links(&netlink).await }).await
    }

    async fn addresses(&self) -> Known<Vec<Address>> {
        let netlink = Rc::clone(&self.netlink);
        self.addresses.join(|| async move { address::addresses(&netlink).await }).await
    }

    async fn routes(&self) -> Known<Vec<Route>> {
        let netlink = Rc::clone(&self.netlink);
        self.routes.join(|| async move { route::routes(&netlink).await }).await
    }

    async fn rules(&self) -> Known<Vec<Rule>> {
        let netlink = Rc::clone(&self.netlink);
        self.rules.join(|| async move { route::rules(&netlink).await }).await
    }

    async fn route_to(&self, towards: Towards) -> Known<Route> {
        route::route_to(&self.netlink, towards).await
    }

    async fn neighbours(&self) -> Known<Vec<Neighbour>> {
        neighbour::neighbours(&self.netlink).await
    }

    async fn who_has(
        &self,
        interface: &str,
        address: IpAddr,
        source: Option<IpAddr>,
        wait: Duration,
    ) -> Known<Option<String>> {
        arp::who_has(&self.netlink, interface, address, source, wait).await
    }

    async fn who_all_have(&self, interface: &str, address: IpAddr, wait: Duration) -> Known<Vec<String>> {
        arp::who_all_have(&self.netlink, interface, address, wait).await
    }

    async fn leases(&self) -> Known<Vec<Lease>> {
        lease::leases(&self.netlink).await
    }

    async fn dhcp_offers(&self, interface: &str, wait: Duration) -> Known<Vec<DhcpTerms>> {
        dhcp::dhcp_offers(&self.netlink, interface, wait).await
    }

    async fn sign_on(&self, interface: &str) -> Known<Option<SignOn>> {
        supplicant::sign_on(interface).await
    }

    async fn radio(&self, interface: &str) -> Known<Option<Radio>> {
        radio::radio(&self.netlink, interface).await
    }

    async fn tunnels(&self) -> Known<Vec<Tunnel>> {
        tunnel::tunnels(&self.netlink).await
    }

    async fn ipsec(&self) -> Known<Ipsec> {
        ipsec::ipsec().await
    }

    async fn filter_rules(&self) -> Known<Vec<FilterRule>> {
        filter::filter_rules().await
    }

    async fn resolvers(&self) -> Known<ResolverConfig> {
        resolver::resolvers(&self.netlink).await
    }

    async fn hosts(&self) -> Known<Vec<HostsEntry>> {
        resolver::hosts().await
    }

    async fn online_flags(&self) -> Known<Vec<OnlineFlag>> {
        online::online_flags().await
    }

    async fn proxies(&self) -> Known<ProxySettings> {
        proxy::proxies().await
    }

    async fn proxies_of_people(&self) -> Known<Vec<PersonProxies>> {
        people::proxies_of_people().await
    }

    async fn kernel_setting(&self, name: &str) -> Known<String> {
        setting::kernel_setting(name).await
    }

    async fn kernel_counter(&self, name: &str) -> Known<u64> {
        setting::kernel_counter(name).await
    }

    async fn account(&self) -> Known<Account> {
        account::account().await
    }

    async fn identity(&self) -> Known<Identity> {
        account::identity().await
    }

    async fn processes(&self) -> Known<Vec<Process>> {
        process::processes().await
    }

    async fn process(&self, pid: u32) -> Known<Process> {
        process::process(pid).await
    }

    async fn listeners_on(&self, port: u16) -> Known<Vec<Listener>> {
        socket::listeners_on(port).await
    }

    async fn filesystem_of(&self, path: &str) -> Known<Filesystem> {
        filesystem::filesystem_of(path).await
    }

    async fn listeners(&self) -> Known<Vec<Listener>> {
        socket::listeners().await
    }

    async fn socket_counts(&self) -> Known<SocketCounts> {
        socket::socket_counts().await
    }

    async fn memory(&self) -> Known<Memory> {
        resource::memory().await
    }

    async fn processor(&self) -> Known<Processor> {
        resource::processor().await
    }

    async fn pressure(&self) -> Known<Pressure> {
        resource::pressure().await
    }

    async fn packages(&self) -> Known<PackageState> {
        package::packages().await
    }

    async fn power(&self) -> Known<Power> {
        power::power().await
    }

    async fn group_limits(&self, pid: Option<u32>) -> Known<GroupLimits> {
        group::group_limits(pid).await
    }

    async fn filesystems(&self) -> Known<Vec<Filesystem>> {
        filesystem::filesystems().await
    }

    async fn log_lines(&self, minutes: u32) -> Known<Vec<LogLine>> {
        log::log_lines(minutes).await
    }

    async fn lines_of(&self, program: &str, minutes: u32) -> Known<Vec<LogLine>> {
        log::lines_of(program, minutes).await
    }

    async fn changes(&self, days: u32) -> Known<Vec<Change>> {
        change::changes(days).await
    }

    async fn clock(&self) -> Known<Clock> {
        clock::clock().await
    }

    async fn command(&self, arguments: &[String], wait: Duration) -> Known<CommandOutput> {
        command::command(arguments, wait).await
    }

    async fn service(&self, name: &str) -> Known<Service> {
        service::service(name).await
    }
}
