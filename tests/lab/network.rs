//! Builds the network of a scene out of namespaces and virtual cables, by netlink, so that a bare machine needs nothing
//! installed for it.

use crate::namespace::{Host, Space};
use crate::scene::{ExtraLink, GATEWAY, GATEWAY_FAR, GATEWAY_SIX, Machine, Route, Rule, Scene, WEB_SIX, Way, ip};
use crate::wire::{self, Wire};
use futures_util::TryStreamExt;
use nix::libc;
use rtnetlink::packet_route::IpProtocol;
use rtnetlink::packet_route::address::AddressHeaderFlags;
use rtnetlink::packet_route::link::{InfoData, InfoVeth, LinkAttribute, LinkMessage, State};
use rtnetlink::packet_route::route::RouteType;
use rtnetlink::packet_route::rule::{RuleAction, RuleAttribute, RulePortRange};
use rtnetlink::{LinkBridge, LinkMessageBuilder, LinkUnspec, LinkVeth, RouteMessageBuilder, RouteNextHopBuilder};
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// The hosts of a world. The client's namespace is that of the process's first thread.
pub struct Lab {
    pub client: Host,
    pub gateway: Host,
    pub sibling: Host,
    pub far: Host,
    switch: Host,
    /// When the program under test was started; faults that begin during the run count from it.
    pub started: Arc<OnceLock<Instant>>,
}

/// Hosts and cables, addresses and routes, healthy in all but what the scene changes on the way. Cuts to the client's
/// own link come last (`Lab::cut`), because interfaces that are down take no routes.
pub fn build(scene: &mut Scene) -> Result<Lab, String> {
    let lab = Lab {
        client: Host::new("client", Space::Same)?,
        switch: Host::new("switch", Space::Fresh)?,
        gateway: Host::new("gateway", Space::Fresh)?,
        sibling: Host::new("sibling", Space::Fresh)?,
        far: Host::new("far", Space::Fresh)?,
        started: Arc::new(OnceLock::new()),
    };
    for host in [&lab.client, &lab.switch, &lab.gateway, &lab.sibling, &lab.far] {
        quiet(host, scene.six);
        up(host, "lo")?;
    }
    lab.local_network(scene)?;
    lab.far_side(scene)?;
    lab.client_side(scene)?;
    Ok(lab)
}

/// Kernel settings that keep worlds exact: no address checks that take a second, no router advertisements, no limit on
/// ICMP errors, no redirects.
fn quiet(host: &Host, six: bool) {
    for name in ["all", "default"] {
        host.set(&format!("ipv6/conf/{name}/accept_dad"), "0");
        host.set(&format!("ipv6/conf/{name}/accept_ra"), "0");
        host.set(&format!("ipv4/conf/{name}/send_redirects"), "0");
        host.set(&format!("ipv4/conf/{name}/accept_redirects"), "0");
        host.set(&format!("ipv4/conf/{name}/rp_filter"), "0");
        if !six && host.name != "client" {
            host.set(&format!("ipv6/conf/{name}/disable_ipv6"), "1");
        }
    }
    host.set("ipv4/icmp_ratelimit", "0");
    host.set("ipv6/icmp/ratelimit", "0");
    host.set("ipv4/ping_group_range", "0 0");
}

impl Lab {
    /// The LAN: a switch with client, gateway and sibling.
    fn local_network(&self, scene: &Scene) -> Result<(), String> {
        let netlink = self.switch.netlink();
        let bridge = LinkBridge::new("lan").up().build();
        self.switch.call(async move { netlink.link().add(bridge).execute().await }).map_err(failed("the switch"))?;
        let lan = index(&self.switch, "lan")?;
        for (port, host, name) in
            [("port1", &self.client, "eth0"), ("port2", &self.gateway, "lan0"), ("port3", &self.sibling, "eth0")]
        {
            cable(&self.switch, port, host, name)?;
            let plug = LinkUnspec::new_with_name(port).controller(lan).up().build();
            change(&self.switch, plug)?;
            up(host, name)?;
        }
        for (host, name) in [
            (&self.client, "eth0"),
            (&self.gateway, "lan0"),
            (&self.sibling, "eth0"),
            (&self.switch, "port1"),
            (&self.switch, "port2"),
            (&self.switch, "port3"),
        ] {
            settle(host, name, State::Up)?;
        }
        add_address(&self.gateway, "lan0", ip(GATEWAY), 24)?;
        for address in &scene.sibling {
            add_address(&self.sibling, "eth0", *address, 24)?;
        }
        add_route(&self.sibling, &crate::scene::route("0.0.0.0", 0, Way::Via(ip(GATEWAY))))?;
        if scene.six {
            add_address(&self.gateway, "lan0", ip(GATEWAY_SIX), 64)?;
        }
        Ok(())
    }

    /// The gateway's other side, the line, and all addresses of the servers.
    fn far_side(&self, scene: &mut Scene) -> Result<(), String> {
        let wire = std::mem::take(&mut scene.wire);
        if wire.is_plain() {
            cable(&self.gateway, "wan0", &self.far, "srv0")?;
        } else {
            self.line(wire)?;
        }
        if let Some(mtu) = scene.gateway.mtu {
            change(&self.gateway, LinkUnspec::new_with_name("wan0").mtu(mtu).build())?;
        }
        up(&self.gateway, "wan0")?;
        up(&self.far, "srv0")?;
        settle(&self.gateway, "wan0", State::Up)?;
        settle(&self.far, "srv0", State::Up)?;
        add_address(&self.gateway, "wan0", ip(GATEWAY_FAR), 24)?;
        let mut addresses: BTreeSet<IpAddr> = scene.services.iter().map(|service| service.at.ip()).collect();
        addresses.extend(scene.resolvers.iter().map(|resolver| resolver.address));
        addresses.extend(scene.daemon_addresses());
        // A port that nobody serves is closed, not silent: the web server's addresses exist in any case.
        addresses.extend([crate::scene::WEB, crate::scene::SECOND_WEB, crate::scene::PROXY].map(ip));
        for address in addresses.iter().filter(|address| address.is_ipv4() && far_away(address)) {
            add_address(&self.far, "srv0", *address, 24)?;
        }
        add_route(&self.far, &crate::scene::route("0.0.0.0", 0, Way::Via(ip(GATEWAY_FAR))))?;
        if scene.six {
            add_address(&self.gateway, "wan0", ip("2001:db8:2::1"), 64)?;
            for address in
                addresses.iter().filter(|address| address.is_ipv6()).chain([&ip(WEB_SIX)]).collect::<BTreeSet<_>>()
            {
                add_address(&self.far, "srv0", *address, 64)?;
            }
            add_route(&self.far, &crate::scene::route("::", 0, Way::Via(ip("2001:db8:2::1"))))?;
        }
        for route in &scene.far_routes {
            add_route(&self.far, route)?;
        }
        self.far.set("ipv4/ip_forward", "1");
        self.gateway.set("ipv4/ip_forward", if scene.gateway.forwards { "1" } else { "0" });
        self.gateway.set("ipv6/conf/all/forwarding", if scene.gateway.forwards { "1" } else { "0" });
        self.gateway.set("ipv4/icmp_echo_ignore_all", if scene.gateway.answers_echo { "0" } else { "1" });
        for route in &scene.gateway.routes {
            add_route(&self.gateway, route)?;
        }
        Ok(())
    }

    /// A line with faults between gateway and far side.
    fn line(&self, wire: Wire) -> Result<(), String> {
        let line = Host::new("line", Space::Fresh)?;
        quiet(&line, false);
        if wire.is_narrow() {
            // CUBIC ends its slow start at delays that it happens to measure (HyStart), so that it fills a queue or not as
            // the processors are busy; Reno goes on until a packet is lost.
            self.far.must_set("ipv4/tcp_congestion_control", "reno")?;
        }
        cable(&self.gateway, "wan0", &line, "near")?;
        cable(&self.far, "srv0", &line, "away")?;
        for (host, name) in [(&self.gateway, "wan0"), (&self.far, "srv0"), (&line, "near"), (&line, "away")] {
            host.call(async move { wire::make_plain(name) }).map_err(failed("the offload switches of the line"))?;
        }
        up(&line, "near")?;
        up(&line, "away")?;
        up(&self.gateway, "wan0")?;
        up(&self.far, "srv0")?;
        settle(&line, "near", State::Up)?;
        settle(&line, "away", State::Up)?;
        let ends = [index(&line, "near")?, index(&line, "away")?];
        // Opened before anything is sent, so that no first packet is lost.
        let ends = line.call(async move { wire::open_ends(ends) }).map_err(failed("packet sockets"))?;
        let started = self.started.clone();
        // The carrying loop takes the thread of this host for itself.
        line.start(async move {
            if let Err(error) = wire::carry(wire, ends, &started) {
                eprintln!("the line broke: {error}");
            }
        });
        // The namespace must outlive this function; it ends with the world.
        std::mem::forget(line);
        Ok(())
    }

    /// The client's addresses, routes and virtual interfaces.
    fn client_side(&self, scene: &Scene) -> Result<(), String> {
        if scene.client.tentative {
            self.client.set("ipv6/conf/eth0/accept_dad", "1");
            self.client.set("ipv6/conf/eth0/dad_transmits", "100");
        }
        for (address, prefix) in &scene.client.addresses {
            let at_once = !scene.client.tentative;
            add_address_when(&self.client, "eth0", *address, *prefix, at_once)?;
        }
        for address in &scene.client.loopback_addresses {
            add_address(&self.client, "lo", *address, 32)?;
        }
        if let Some(mtu) = scene.client.mtu {
            change(&self.client, LinkUnspec::new_with_name("eth0").mtu(mtu).build())?;
        }
        for link in &scene.client.links {
            self.add_link(link)?;
        }
        for route in &scene.client.routes {
            add_route(&self.client, route)?;
        }
        scene.client.rules.iter().try_for_each(|rule| add_rule(&self.client, rule))?;
        if !scene.client.main_rule {
            delete_main_rule(&self.client)?;
        }
        for (address, mac) in &scene.client.fixed_neighbours {
            let fixed = self.client.netlink().neighbours().add(index(&self.client, "eth0")?, *address);
            self.client.call(fixed.link_layer_address(mac).execute()).map_err(failed("a fixed neighbour"))?;
        }
        scene.client.kernel.iter().try_for_each(|(name, value)| self.client.must_set(name, value))
    }

    fn add_link(&self, link: &ExtraLink) -> Result<(), String> {
        let message = match link {
            ExtraLink::Bridge(name) => LinkBridge::new(name).up().build(),
            ExtraLink::BridgeOver(name) => LinkBridge::new(name).up().build(),
            ExtraLink::BridgeDown(name) => LinkBridge::new(name).build(),
            ExtraLink::Tunnel(name, address, prefix) | ExtraLink::MuteTunnel(name, address, prefix) => {
                let (device, held) = (name.to_string(), matches!(link, ExtraLink::MuteTunnel(..)));
                self.client.call(async move { tunnel(&device, held) })?;
                up(&self.client, name)?;
                return add_address(&self.client, name, ip(address), *prefix);
            }
        };
        let netlink = self.client.netlink();
        self.client.call(async move { netlink.link().add(message).execute().await }).map_err(failed("an interface"))?;
        match link {
            ExtraLink::Bridge(name) => self.lose_carrier(name),
            ExtraLink::BridgeOver(name) => {
                let controller = index(&self.client, name)?;
                change(&self.client, LinkUnspec::new_with_name("eth0").controller(controller).build())
            }
            _ => Ok(()),
        }
    }

    /// A bridge loses its carrier only when its last port goes, so it is given one first.
    fn lose_carrier(&self, bridge: &'static str) -> Result<(), String> {
        let controller = index(&self.client, bridge)?;
        cable(&self.client, "vnet0", &self.client, "vnet1")?;
        change(&self.client, LinkUnspec::new_with_name("vnet0").controller(controller).build())?;
        let (netlink, port) = (self.client.netlink(), index(&self.client, "vnet0")?);
        self.client.call(async move { netlink.link().del(port).execute().await }).map_err(failed("a bridge port"))
    }

    /// The machine that has this address: the client itself, the sibling on the LAN, or the far side.
    pub fn host_of(&self, address: IpAddr) -> &Host {
        match () {
            () if address.is_loopback() => &self.client,
            () if far_away(&address) || address.is_ipv6() => &self.far,
            () => &self.sibling,
        }
    }

    /// Does what the scene says in words: at once, or when its time in the run has come.
    pub fn command(&self, scene: &Scene) -> Result<(), String> {
        for command in &scene.commands {
            let host = match command.on {
                Machine::Client => &self.client,
                Machine::Sibling => &self.sibling,
                Machine::Switch => &self.switch,
            };
            let (line, after, started) = (command.line, command.after, self.started.clone());
            if after.is_zero() {
                host.call(async move { by_words(line) }).map_err(|error| format!("{}: {error}", host.name))?;
                continue;
            }
            host.start(async move {
                while started.get().is_none_or(|started| started.elapsed() < after) {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
                if let Err(error) = by_words(line) {
                    eprintln!("{error}");
                }
            });
        }
        Ok(())
    }

    /// Cuts the links that the scene wants cut.
    pub fn cut(&self, scene: &Scene) -> Result<(), String> {
        for _ in 0..scene.client.carrier_losses {
            change(&self.switch, LinkUnspec::new_with_name("port1").down().build())?;
            settle(&self.client, "eth0", State::Down)?;
            change(&self.switch, LinkUnspec::new_with_name("port1").up().build())?;
            settle(&self.client, "eth0", State::Up)?;
        }
        if !scene.gateway.alive {
            change(&self.gateway, LinkUnspec::new_with_name("lan0").down().build())?;
        }
        if !scene.client.carrier {
            change(&self.switch, LinkUnspec::new_with_name("port1").down().build())?;
            settle(&self.client, "eth0", State::Down)?;
        }
        if !scene.client.loopback {
            change(&self.client, LinkUnspec::new_with_name("lo").down().build())?;
        }
        if !scene.client.up {
            change(&self.client, LinkUnspec::new_with_name("eth0").down().build())?;
        }
        if !scene.client.present {
            let (netlink, only) = (self.client.netlink(), index(&self.client, "eth0")?);
            self.client.call(async move { netlink.link().del(only).execute().await }).map_err(failed("eth0"))?;
        }
        Ok(())
    }
}

/// Whether an address belongs to the far side (and not to the LAN or to the client itself).
fn far_away(address: &IpAddr) -> bool {
    matches!(address, IpAddr::V4(four) if four.octets()[..3] == [198, 51, 100])
}

/// Runs a command in the namespace of the calling thread.
fn by_words(line: &str) -> Result<(), String> {
    let mut words = line.split_whitespace();
    let program = words.next().unwrap_or_default();
    let done = std::process::Command::new(program).args(words).output();
    let done = done.map_err(|error| format!("`{line}`: {error}"))?;
    if done.status.success() { Ok(()) } else { Err(format!("`{line}`: {}", String::from_utf8_lossy(&done.stderr))) }
}

fn failed<E: std::fmt::Display>(what: &str) -> impl Fn(E) -> String {
    let what = what.to_owned();
    move |error| format!("{what}: {error}")
}

/// The interface's index in this host.
fn index(host: &Host, name: &'static str) -> Result<u32, String> {
    host.call(async move { nix::net::if_::if_nametoindex(name) })
        .map_err(|error| format!("{} has no interface {name}: {error}", host.name))
}

fn change(host: &Host, message: LinkMessage) -> Result<(), String> {
    let netlink = host.netlink();
    host.call(async move { netlink.link().set(message).execute().await })
        .map_err(|error| format!("an interface of {} cannot be changed: {error}", host.name))
}

fn up(host: &Host, name: &str) -> Result<(), String> {
    change(host, LinkUnspec::new_with_name(name).up().build())
}

/// Whether an interface is in this state. Without a carrier the kernel also says "lower layer down", where it takes an
/// interface here for the other end of the cable because both have the same number.
fn is_in(seen: State, wanted: State) -> bool {
    seen == wanted || (wanted == State::Down && seen == State::LowerLayerDown)
}

/// Waits until the kernel has taken notice of a carrier: it does so in a queue of its own that may lag by a second when
/// many worlds make interfaces at once, and until then an interface drops what it should send.
fn settle(host: &Host, name: &str, wanted: State) -> Result<(), String> {
    const LIMIT: Duration = Duration::from_secs(5);
    let (netlink, wanted_name, began) = (host.netlink(), name.to_owned(), Instant::now());
    let settled = host.call(async move {
        while began.elapsed() < LIMIT {
            let mut links = netlink.link().get().match_name(wanted_name.clone()).execute();
            if let Ok(Some(link)) = links.try_next().await {
                let has =
                    |state: &LinkAttribute| matches!(state, LinkAttribute::OperState(seen) if is_in(*seen, wanted));
                if link.attributes.iter().any(has) {
                    return true;
                }
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        false
    });
    if settled { Ok(()) } else { Err(format!("{name} of {} does not become {wanted:?}", host.name)) }
}

/// A virtual cable: both ends are made where they belong, in one request.
fn cable(here: &Host, name: &str, there: &Host, other: &str) -> Result<(), String> {
    let end = LinkMessageBuilder::<LinkUnspec>::new()
        .name(other)
        .append_extra_attribute(LinkAttribute::NetNsFd(there.space()))
        .build();
    let pair = LinkVeth::new(name, other).set_info_data(InfoData::Veth(InfoVeth::Peer(end))).build();
    let netlink = here.netlink();
    here.call(async move { netlink.link().add(pair).execute().await })
        .map_err(|error| format!("no cable from {} to {}: {error}", here.name, there.name))
}

fn add_address(host: &Host, name: &'static str, address: IpAddr, prefix: u8) -> Result<(), String> {
    add_address_when(host, name, address, prefix, true)
}

/// Adds an address that is usable at once, or only when nobody else turned out to have it.
fn add_address_when(host: &Host, name: &'static str, address: IpAddr, prefix: u8, at_once: bool) -> Result<(), String> {
    let index = index(host, name)?;
    let netlink = host.netlink();
    let mut request = netlink.address().add(index, address, prefix);
    if address.is_ipv6() && at_once {
        // Nobody else in the world has it.
        request.message_mut().header.flags |= AddressHeaderFlags::Nodad;
    }
    host.call(request.execute()).map_err(|error| format!("{} does not take the address {address}: {error}", host.name))
}

fn add_route(host: &Host, route: &Route) -> Result<(), String> {
    let wrong =
        |error: String| format!("{} does not take a route to {}/{}: {error}", host.name, route.to.0, route.to.1);
    let mut builder = RouteMessageBuilder::<IpAddr>::new()
        .destination_prefix(route.to.0, route.to.1)
        .map_err(|error| wrong(format!("{error:?}")))?;
    if let Some(metric) = route.metric {
        builder = builder.priority(metric);
    }
    if let Some(table) = route.table {
        builder = builder.table_id(table);
    }
    let via = |builder: RouteMessageBuilder<IpAddr>, hop: IpAddr| {
        builder.gateway(hop).map_err(|error| wrong(format!("{error:?}")))
    };
    builder = match &route.way {
        Way::Via(hop) => via(builder, *hop)?,
        Way::ViaFrom(hop, source) => {
            let builder = builder.pref_source(*source).map_err(|error| wrong(format!("{error:?}")))?;
            via(builder, *hop)?
        }
        Way::Shared(hops) => {
            let hop = |(hop, weight): &(IpAddr, u8)| {
                // The kernel counts a weight from zero (rtnetlink(7), `rtnh_hops`).
                RouteNextHopBuilder::new_ipv4().via(*hop).map(|next| next.weight(weight - 1).build())
            };
            let hops = hops.iter().map(hop).collect::<Result<Vec<_>, _>>();
            builder.multipath(hops.map_err(|error| wrong(format!("{error:?}")))?)
        }
        Way::Device(name) => builder.output_interface(index(host, name)?),
        Way::OnLink(hop, name) => via(builder.onlink().output_interface(index(host, name)?), *hop)?,
        Way::Blackhole => builder.kind(RouteType::BlackHole),
        Way::Prohibit => builder.kind(RouteType::Prohibit),
        Way::Unreachable => builder.kind(RouteType::Unreachable),
    };
    let (netlink, message) = (host.netlink(), builder.build());
    host.call(async move { netlink.route().add(message).execute().await }).map_err(|error| wrong(error.to_string()))
}

/// A rule for packets to an IPv4 network.
fn add_rule(host: &Host, rule: &Rule) -> Result<(), String> {
    let IpAddr::V4(to) = ip(rule.to.0) else { return Err("the lab's rules are for IPv4".to_owned()) };
    // Before the rule of the main table, whose priority is 32766.
    let mut request = host.netlink().rule().add().v4().destination_prefix(to, rule.to.1).priority(100);
    if rule.port > 0 {
        let range = RulePortRange { start: rule.port, end: rule.port };
        let attributes = &mut request.message_mut().attributes;
        attributes.extend([RuleAttribute::IpProtocol(IpProtocol::Tcp), RuleAttribute::DestinationPortRange(range)]);
    }
    let request = match rule.table {
        Some(table) => request.action(RuleAction::ToTable).table_id(table),
        None => request.action(RuleAction::Prohibit),
    };
    let request = match rule.mark {
        Some(mark) => request.fw_mark(mark),
        None => request,
    };
    host.call(request.execute()).map_err(failed("a policy rule"))
}

/// Takes away the rule that leads into the main table, as it stands in every new network.
fn delete_main_rule(host: &Host) -> Result<(), String> {
    const MAIN: (u32, u32) = (254, 32_766);
    let mut main = host.netlink().rule().add().v4().table_id(MAIN.0).priority(MAIN.1).action(RuleAction::ToTable);
    let message = main.message_mut().clone();
    let netlink = host.netlink();
    host.call(async move { netlink.rule().del(message).execute().await }).map_err(failed("the main rule"))
}

/// A tunnel device: one that stays though no program holds it any more, or one whose program takes what is sent and
/// gives nothing back.
fn tunnel(name: &str, held: bool) -> Result<(), String> {
    const TUNSETIFF: libc::c_ulong = 0x4004_54ca;
    const TUNSETPERSIST: libc::c_ulong = 0x4004_54cb;
    let mut device = std::fs::OpenOptions::new()
        .read(true)
        .write(true)
        .open("/dev/net/tun")
        .map_err(|error| format!("no tunnel device: `/dev/net/tun`: {error}"))?;
    // SAFETY: the request structure lives through the calls and has the layout of `struct ifreq`.
    let made = unsafe {
        let mut request: libc::ifreq = std::mem::zeroed();
        for (to, from) in request.ifr_name.iter_mut().zip(name.bytes()) {
            *to = from as libc::c_char;
        }
        request.ifr_ifru.ifru_flags = (libc::IFF_TUN | libc::IFF_NO_PI) as libc::c_short;
        let device = std::os::fd::AsRawFd::as_raw_fd(&device);
        libc::ioctl(device, TUNSETIFF as _, &raw mut request) >= 0 && libc::ioctl(device, TUNSETPERSIST as _, 1) >= 0
    };
    if !made {
        return Err(format!("no tunnel device {name}: {}", std::io::Error::last_os_error()));
    }
    if held {
        std::thread::spawn(move || {
            let mut packet = [0; 65_536];
            while std::io::Read::read(&mut device, &mut packet).is_ok() {}
        });
    }
    Ok(())
}
