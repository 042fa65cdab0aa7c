//! Faults of the link, of the client's own addresses, of its routes and of the gateway.

use crate::scene::*;
use crate::world::*;
use std::io::ErrorKind::{AddrNotAvailable, HostUnreachable, NetworkUnreachable, PermissionDenied};

/// The machine's own record of packages that were upgraded three hours ago.
fn upgraded(scene: &mut Scene, packages: &[&str]) {
    let then = jiff::Zoned::now() - jiff::SignedDuration::from_hours(3);
    let line = |name: &&str| format!("{} upgrade {name}:amd64 1.0 1.1\n", then.strftime("%Y-%m-%d %H:%M:%S"));
    scene.client.files.push(("/var/log/dpkg.log".to_owned(), packages.iter().map(line).collect()));
}

pub const WORLDS: &[World] = &[
    World {
        name: "loopback-switched-off",
        says: "the program on my own computer does not answer any more",
        run: ("local-service", "http://127.0.0.1:8080/"),
        fault: |scene| {
            scene.program("webd", Does::Serves("0.0.0.0:8080"));
            scene.client.loopback = false;
        },
        proof: |eyes| eyes.silent("127.0.0.1:8080"),
        expect: Expect {
            cause: &["loopback-down"],
            decides: "link",
            innocent: &["process", "webd", "eth0"],
            ..fault(&["link"], &["link.loopback"], Culprit::Is("lo"))
        },
        ..WORLD
    },
    World {
        name: "address-left-on-a-bridge-port",
        says: "since the bridge for the virtual machines was made, nothing works",
        run: ("no-internet", ""),
        fault: |scene| scene.client.links.push(ExtraLink::BridgeOver("br0")),
        proof: |eyes| eyes.pings(GATEWAY, false),
        expect: Expect {
            cause: &["address-on-a-port"],
            decides: "link",
            innocent: &["path", "dns", RESOLVER, GATEWAY],
            ..fault(&["link"], &["link.port_holds_address"], Culprit::Contains("eth0"))
        },
        ..WORLD
    },
    World {
        name: "source-address-of-another-network",
        says: "since the second address was added, nothing beyond the office opens",
        run: ("no-internet", ""),
        fault: |scene| {
            scene.client.addresses.push((ip("10.99.0.5"), 32));
            scene.client.routes = vec![route("0.0.0.0", 0, Way::ViaFrom(ip(GATEWAY), ip("10.99.0.5")))];
        },
        proof: |eyes| {
            eyes.pings(SIBLING, true)?;
            eyes.silent("198.51.100.10:443")
        },
        expect: Expect {
            cause: &["wrong-source-address"],
            decides: "dns",
            innocent: &["link", "path", "dns", GATEWAY],
            ..fault(&["route"], &["dns.timeout"], Culprit::Is("10.99.0.5"))
        },
        rule: (6, "the gateway answers and nothing beyond it does, for a reason that lies on this machine"),
        ..WORLD
    },
    World {
        name: "carrier-lost",
        says: "my internet is gone",
        run: ("no-internet", ""),
        fault: |scene| scene.client.carrier = false,
        proof: |eyes| {
            eyes.carrier("eth0", false)?;
            eyes.sibling_connects("198.51.100.10:443", true)
        },
        expect: Expect {
            cause: &["no-carrier"],
            decides: "link",
            innocent: &["ip", "route", "path", "dns", RESOLVER],
            ..fault(&["link"], &["link.no_carrier"], Culprit::Contains("eth0"))
        },
        rule: (2, "what fails above a cut cable is its consequence"),
        ..WORLD
    },
    World {
        name: "interface-switched-off",
        says: "nothing works since I clicked something in the network menu",
        run: ("no-internet", ""),
        fault: |scene| scene.client.up = false,
        proof: |eyes| eyes.fails("198.51.100.10:443", NetworkUnreachable),
        expect: Expect {
            cause: &["interface-off"],
            decides: "link",
            innocent: &["route", "path", "dns"],
            ..fault(&["link"], &["link.admin_down"], Culprit::Contains("eth0"))
        },
        ..WORLD
    },
    World {
        name: "no-address",
        says: "it says connected but no page opens",
        run: ("no-internet", ""),
        fault: |scene| {
            scene.client.addresses.clear();
            scene.client.routes.clear();
            scene.program("dhclient", Does::Waits);
        },
        proof: |eyes| {
            eyes.carrier("eth0", true)?;
            eyes.fails("198.51.100.10:443", NetworkUnreachable)
        },
        expect: Expect {
            cause: &["dhcp-silent"],
            decides: "dhcp",
            innocent: &["link", "path", "dns"],
            seconds: 14.0,
            ..fault(&["ip"], &["dhcp.no_server", "ip.none"], Culprit::Contains("eth0"))
        },
        ..WORLD
    },
    World {
        name: "self-assigned-address",
        says: "no internet, and the icon has a yellow sign",
        run: ("no-internet", ""),
        fault: |scene| {
            scene.client.addresses = vec![(ip("169.254.23.7"), 16)];
            scene.client.routes.clear();
            scene.program("dhclient", Does::Waits);
        },
        proof: |eyes| eyes.fails("198.51.100.10:443", NetworkUnreachable),
        expect: Expect {
            cause: &["dhcp-silent"],
            decides: "dhcp",
            innocent: &["link", "path", "dns"],
            seconds: 14.0,
            ..fault(&["ip"], &["dhcp.no_server", "ip.link_local_only"], Culprit::Is("eth0"))
        },
        ..WORLD
    },
    World {
        name: "no-default-route",
        says: "I reach the printer but no web page",
        run: ("no-internet", ""),
        fault: |scene| scene.client.routes.clear(),
        proof: |eyes| {
            eyes.fails("198.51.100.10:443", NetworkUnreachable)?;
            eyes.pings(SIBLING, true)
        },
        expect: Expect {
            cause: &["no-default-route"],
            decides: "default-route",
            innocent: &["link", "ip", "path", "dns"],
            ..fault(&["route"], &["route.no_default"], Culprit::NotCompared)
        },
        ..WORLD
    },
    World {
        name: "target-routed-into-nothing",
        says: "only this one site fails, since the security people were here",
        fault: |scene| scene.client.routes.push(route(WEB, 32, Way::Unreachable)),
        proof: |eyes| {
            eyes.fails("198.51.100.10:443", HostUnreachable)?;
            eyes.connects("198.51.100.11:443")
        },
        expect: Expect {
            cause: &["route-rejected"],
            decides: "route",
            innocent: &["link", "ip", "path", "dns", "transport"],
            ..fault(&["route"], &["route.rejected"], Culprit::Contains(WEB))
        },
        ..WORLD
    },
    World {
        name: "gateway-dead",
        says: "the internet is down",
        run: ("no-internet", ""),
        fault: |scene| scene.gateway.alive = false,
        proof: |eyes| {
            eyes.carrier("eth0", true)?;
            eyes.pings(SIBLING, true)?;
            eyes.pings(GATEWAY, false)
        },
        expect: Expect {
            cause: &["gateway-dead"],
            decides: "gateway",
            innocent: &["link", "ip", "path", "dns", RESOLVER],
            ..fault(&["route"], &["route.gateway_dead"], Culprit::Is(GATEWAY))
        },
        ..WORLD
    },
    World {
        name: "gateway-off-link",
        says: "no internet since I typed in the addresses from the sheet",
        run: ("no-internet", ""),
        fault: |scene| scene.client.routes = vec![route("0.0.0.0", 0, Way::OnLink(ip("192.0.3.1"), "eth0"))],
        proof: |eyes| {
            eyes.pings(GATEWAY, true)?;
            eyes.pings(WEB, false)
        },
        expect: Expect {
            cause: &["gateway-off-link"],
            decides: "address",
            innocent: &["link", "path", "dns"],
            ..fault(&["ip"], &["ip.gateway_off_link"], Culprit::OneOf(&["192.0.3.1", "eth0"]))
        },
        ..WORLD
    },
    World {
        name: "address-of-another-subnet",
        says: "no internet at this desk, at home it works",
        run: ("no-internet", ""),
        fault: |scene| {
            scene.client.addresses = vec![(ip("192.0.22.10"), 24)];
            scene.client.routes = vec![route("0.0.0.0", 0, Way::OnLink(ip(GATEWAY), "eth0"))];
        },
        proof: |eyes| eyes.silent("198.51.100.10:443"),
        expect: Expect {
            cause: &["gateway-off-link"],
            decides: "address",
            innocent: &["link", "dns"],
            ..fault(&["ip"], &["ip.gateway_off_link"], Culprit::OneOf(&["192.0.22.10", GATEWAY, "eth0"]))
        },
        ..WORLD
    },
    World {
        name: "neighbour-switched-off",
        says: "the wiki on the machine next door does not open",
        run: ("one-site-fails", "http://192.0.2.77:8080/"),
        proof: |eyes| eyes.pings("192.0.2.77", false),
        expect: Expect {
            cause: &["target-not-on-link"],
            decides: "neighbour",
            innocent: &["link", "ip", "dns", "path", GATEWAY],
            ..fault(&["route"], &["route.neighbour_dead"], Culprit::Contains("192.0.2.77"))
        },
        ..WORLD
    },
    World {
        name: "no-address-of-that-family",
        says: "the new intranet, the one with colons in the address, does not load",
        run: ("one-site-fails", "https://[2001:db8:2::10]/"),
        proof: |eyes| {
            eyes.fails("[2001:db8:2::10]:443", NetworkUnreachable)
                .or_else(|_| eyes.fails("[2001:db8:2::10]:443", AddrNotAvailable))
        },
        expect: Expect {
            cause: &["no-route"],
            decides: "route",
            innocent: &["link", "dns", "path"],
            ..fault(&["route"], &["route.none"], Culprit::NotCompared)
        },
        ..WORLD
    },
    World {
        name: "no-interface-at-all",
        says: "the network symbol is gone since I took the laptop out of the dock",
        run: ("no-internet", ""),
        fault: |scene| scene.client.present = false,
        proof: |eyes| eyes.fails("198.51.100.10:443", NetworkUnreachable),
        expect: Expect {
            cause: &["no-interface"],
            decides: "link",
            innocent: &["ip", "route", "path", "dns"],
            ..fault(&["link"], &["link.none"], Culprit::NotCompared)
        },
        ..WORLD
    },
    World {
        name: "no-interface-since-the-kernel-was-replaced",
        says: "since the updates last night there is no network any more",
        run: ("no-internet", ""),
        fault: |scene| {
            scene.client.present = false;
            upgraded(scene, &["linux-image-6.1.0-26-amd64"]);
        },
        proof: |eyes| eyes.fails("198.51.100.10:443", NetworkUnreachable),
        expect: Expect {
            cause: &["no-interface-since-kernel"],
            decides: "link",
            innocent: &["ip", "route", "path", "dns"],
            ..fault(&["link"], &["link.none"], Culprit::NotCompared)
        },
        ..WORLD
    },
    World {
        name: "updates-and-all-is-well",
        says: "is everything all right after the updates?",
        fault: |scene| upgraded(scene, &["linux-image-6.1.0-26-amd64", "openvpn", "libnss3"]),
        expect: Expect { decides: "reproduce", innocent: &["vpn", "dns", "host", "openvpn"], ..HEALTHY },
        ..WORLD
    },
    World {
        name: "carrier-lost-beside-unused-bridge",
        says: "my internet is gone",
        run: ("no-internet", ""),
        fault: |scene| {
            scene.client.carrier = false;
            scene.client.links.push(ExtraLink::Bridge("virbr0"));
            scene.client.links.push(ExtraLink::BridgeDown("docker0"));
        },
        proof: |eyes| {
            eyes.carrier("virbr0", false)?;
            eyes.carrier("eth0", false)
        },
        expect: Expect {
            cause: &["no-carrier"],
            decides: "link",
            innocent: &["ip", "route", "path", "dns", "virbr0", "docker0"],
            ..fault(&["link"], &["link.no_carrier"], Culprit::Is("eth0"))
        },
        ..WORLD
    },
    World {
        name: "loose-plug",
        says: "the network drops for a second again and again",
        run: ("slow", "https://www.example.test/"),
        // What counts is the rate, and all that is known of the time is since when the machine is up: for five days this
        // many are too many.
        fault: |scene| scene.client.carrier_losses = 400,
        proof: |eyes| eyes.carrier("eth0", true),
        expect: Expect {
            cause: &["link-flaps"],
            decides: "link",
            innocent: &["ip", "path", "dns", "tls", "http"],
            seconds: 20.0,
            ..degraded(&["link"], &["link.flapping"], Culprit::Is("eth0"))
        },
        rule: (7, "a state that changes is a finding, even while it happens to be good"),
        ..WORLD
    },
    World {
        name: "tiny-mtu-on-the-interface",
        says: "everything is slow since somebody tuned the network",
        run: ("slow", "https://www.example.test/"),
        fault: |scene| {
            scene.client.mtu = Some(296);
            scene.page(Page::Big(100_000));
        },
        proof: |eyes| eyes.connects("198.51.100.10:443"),
        expect: Expect {
            cause: &["mtu-too-small"],
            decides: "link",
            innocent: &["ip", "route", "dns", "tls", "http"],
            seconds: 20.0,
            ..degraded(&["link"], &["link.mtu_small"], Culprit::Is("eth0"))
        },
        ..WORLD
    },
    World {
        name: "mtu-too-small-for-answers",
        says: "nothing works since somebody tuned the network",
        run: ("no-internet", ""),
        fault: |scene| scene.client.mtu = Some(68),
        proof: |eyes| eyes.no_answer(RESOLVER, std::io::ErrorKind::WouldBlock),
        expect: Expect {
            cause: &["mtu-swallows-answers"],
            decides: "link",
            innocent: &["ip", "route", "path", "dns", RESOLVER],
            ..fault(&["link"], &["link.mtu_small"], Culprit::Is("eth0"))
        },
        ..WORLD
    },
    World {
        name: "loopback-holds-the-target",
        says: "only this one site fails, and at once, since the settings of another server were copied",
        fault: |scene| scene.client.loopback_addresses.push(ip(WEB)),
        proof: |eyes| {
            eyes.refused("198.51.100.10:443")?;
            eyes.sibling_connects("198.51.100.10:443", true)
        },
        expect: Expect {
            cause: &["target-held-by-the-loopback"],
            decides: "route",
            innocent: &["link", "path", "dns", "transport"],
            ..fault(&["ip"], &["tcp.refused"], Culprit::Contains("on lo"))
        },
        ..WORLD
    },
    World {
        name: "default-route-without-a-router",
        says: "nothing outside opens since the address was typed in by hand",
        run: ("no-internet", ""),
        fault: |scene| scene.client.routes = vec![route("0.0.0.0", 0, Way::Device("eth0"))],
        proof: |eyes| eyes.silent("198.51.100.10:443"),
        expect: Expect {
            cause: &["default-route-names-no-router"],
            decides: "resolver-neighbour",
            innocent: &["link", "path", "dns", RESOLVER],
            ..fault(&["route"], &["route.neighbour_dead"], Culprit::Contains("default route"))
        },
        ..WORLD
    },
    World {
        name: "address-used-twice",
        says: "sometimes it works, sometimes not, since the new printer came",
        run: ("slow", "https://www.example.test/"),
        fault: |scene| scene.sibling.push(ip(CLIENT)),
        expect: Expect {
            cause: &["duplicate-address"],
            decides: "address",
            innocent: &["link", "route", "path", "dns"],
            seconds: 20.0,
            ..degraded(&["ip"], &["ip.duplicate"], Culprit::Is(CLIENT))
        },
        ..WORLD
    },
    World {
        name: "address-still-tentative",
        says: "no internet right after plugging in",
        run: ("one-site-fails", "https://[2001:db8:2::10]/"),
        fault: |scene| {
            scene.client.addresses.clear();
            scene.client.routes.clear();
            scene.client.tentative = true;
            scene.with_six();
        },
        expect: Expect {
            cause: &["address-tentative"],
            decides: "address",
            innocent: &["link", "path", "dns", "transport"],
            ..fault(&["ip"], &["ip.tentative"], Culprit::Is("eth0"))
        },
        ..WORLD
    },
    World {
        name: "gateway-forwards-nothing-and-is-mute",
        says: "the internet is down for everybody",
        run: ("no-internet", ""),
        fault: |scene| {
            scene.gateway.forwards = false;
            scene.gateway.answers_echo = false;
        },
        proof: |eyes| {
            eyes.pings(GATEWAY, false)?;
            eyes.pings(SIBLING, true)?;
            eyes.sibling_connects("198.51.100.80:80", false)
        },
        expect: Expect {
            cause: &["gateway-mute"],
            decides: "gateway-echo",
            innocent: &["link", "ip", "path", "dns", RESOLVER],
            ..fault(&["route"], &["route.gateway_silent"], Culprit::Is(GATEWAY))
        },
        ..WORLD
    },
    World {
        name: "target-routed-to-a-router-that-is-gone",
        says: "only the branch office's site fails since the old router was switched off",
        fault: |scene| scene.client.routes.push(route(WEB, 32, Way::Via(ip("192.0.2.254")))),
        proof: |eyes| {
            eyes.pings("192.0.2.254", false)?;
            eyes.connects("198.51.100.11:443")
        },
        expect: Expect {
            cause: &["next-hop-dead"],
            decides: "neighbour",
            innocent: &["link", "ip", "path", "dns", "transport", GATEWAY],
            ..fault(&["route"], &["route.gateway_dead"], Culprit::Contains("192.0.2.254"))
        },
        ..WORLD
    },
    World {
        name: "refused-while-gateway-mute-and-resolver-next-door",
        says: "the shop does not open, and ping says the router is dead",
        fault: |scene| {
            scene.gateway.answers_echo = false;
            scene.client.nameservers = vec![SIBLING.to_owned()];
            scene.resolvers[0].address = ip(SIBLING);
            scene.close("198.51.100.10:443");
        },
        proof: |eyes| {
            eyes.pings(GATEWAY, false)?;
            eyes.resolves(SIBLING, "www.example.test", WEB)?;
            eyes.refused("198.51.100.10:443")
        },
        expect: Expect {
            cause: &["port-refused"],
            decides: "tcp",
            innocent: &["link", "ip", "route", "path", "dns", GATEWAY],
            ..fault(&["transport"], &["tcp.refused"], Culprit::Is("198.51.100.10:443"))
        },
        rule: (1, "the target's own refusal proves the gateway; the resolver on the same link proves nothing of it"),
        ..WORLD
    },
    World {
        name: "resolver-routed-into-nothing",
        says: "no page opens since the security people were here",
        fault: |scene| {
            scene.client.nameservers = vec![RESOLVER.to_owned()];
            scene.client.routes.push(route(RESOLVER, 32, Way::Unreachable));
        },
        proof: |eyes| {
            eyes.fails("198.51.100.53:53", HostUnreachable)?;
            eyes.connects("198.51.100.10:443")
        },
        expect: Expect {
            cause: &["resolver-route-rejected"],
            decides: "resolver-route",
            innocent: &["link", "ip", "path", "transport"],
            ..fault(&["route"], &["route.rejected"], Culprit::Contains(RESOLVER))
        },
        ..WORLD
    },
    World {
        name: "next-hop-of-a-route-dead",
        says: "only this one site fails on this machine",
        fault: |scene| scene.client.routes.push(route(WEB, 32, Way::Via(ip("192.0.2.77")))),
        proof: |eyes| {
            eyes.pings("192.0.2.77", false)?;
            eyes.sibling_connects("198.51.100.10:443", true)
        },
        expect: Expect {
            cause: &["next-hop-dead"],
            decides: "neighbour",
            innocent: &["link", "ip", "path", "dns", "transport"],
            ..fault(&["route"], &["route.gateway_dead"], Culprit::Contains("192.0.2.77"))
        },
        ..WORLD
    },
    World {
        name: "detour-to-a-machine-that-forwards-nothing",
        says: "only this one site fails on this machine",
        fault: |scene| scene.client.routes.push(route(WEB, 32, Way::Via(ip(SIBLING)))),
        proof: |eyes| {
            eyes.pings(SIBLING, true)?;
            eyes.silent("198.51.100.10:443")?;
            eyes.sibling_connects("198.51.100.10:443", true)
        },
        expect: Expect {
            cause: &["detour-leads-nowhere"],
            decides: "route",
            innocent: &["link", "ip", "path", "dns", "transport"],
            ..fault(&["route"], &["tcp.timeout"], Culprit::Contains(SIBLING))
        },
        ..WORLD
    },
    World {
        name: "gateway-entry-fixed-and-wrong",
        says: "no internet on this machine since the router was replaced",
        run: ("no-internet", ""),
        fault: |scene| scene.client.fixed_neighbours.push((ip(GATEWAY), [2, 0, 0, 0, 0, 0x66])),
        proof: |eyes| {
            eyes.pings(GATEWAY, false)?;
            eyes.silent("198.51.100.10:443")?;
            eyes.sibling_connects("198.51.100.10:443", true)
        },
        expect: Expect {
            cause: &["neighbour-entry-wrong"],
            decides: "gateway",
            innocent: &["link", "ip", "path", "dns", "transport", RESOLVER],
            ..fault(&["route"], &["route.neighbour_wrong"], Culprit::Is("02:00:00:00:00:66"))
        },
        rule: (4, "a state of this machine that nobody asked about proves nothing; who answers to ARP does"),
        ..WORLD
    },
    World {
        name: "policy-rule-forbids-the-target",
        says: "only this one site fails, at once",
        fault: |scene| scene.client.rules.push(Rule { to: (WEB, 32), port: 0, table: None, mark: None }),
        proof: |eyes| {
            eyes.fails("198.51.100.10:443", PermissionDenied)?;
            eyes.connects("198.51.100.11:443")
        },
        expect: Expect {
            cause: &["route-rejected"],
            decides: "route",
            innocent: &["link", "ip", "path", "dns", "transport"],
            ..fault(&["route"], &["route.rejected"], Culprit::Contains("100: "))
        },
        ..WORLD
    },
    World {
        name: "policy-rule-forbids-a-port",
        says: "no web page opens, and everything else works",
        fault: |scene| scene.client.rules.push(Rule { to: ("0.0.0.0", 0), port: 443, table: None, mark: None }),
        proof: |eyes| {
            eyes.fails("198.51.100.10:443", PermissionDenied)?;
            eyes.connects("198.51.100.10:80")
        },
        expect: Expect {
            cause: &["route-rejected"],
            decides: "route",
            innocent: &["link", "ip", "path", "dns", "transport", "host"],
            ..fault(&["route"], &["route.rejected"], Culprit::Contains("dport 443"))
        },
        ..WORLD
    },
    World {
        name: "policy-rule-leads-a-port-to-a-dead-router",
        says: "no web page opens since the filter box was taken away, and everything else works",
        fault: |scene| {
            scene.client.rules.push(Rule { to: ("0.0.0.0", 0), port: 443, table: Some(100), mark: None });
            let way = route("0.0.0.0", 0, Way::Via(ip("192.0.2.77")));
            scene.client.routes.push(Route { table: Some(100), ..way });
        },
        proof: |eyes| {
            eyes.pings("192.0.2.77", false)?;
            eyes.connects("198.51.100.10:80")?;
            eyes.fails("198.51.100.10:443", HostUnreachable)
        },
        expect: Expect {
            cause: &["next-hop-dead"],
            decides: "neighbour",
            innocent: &["198.51.100.10", GATEWAY],
            ..fault(&["route"], &["route.gateway_dead"], Culprit::Contains("192.0.2.77"))
        },
        ..WORLD
    },
    World {
        name: "policy-rule-leads-to-a-dead-router",
        says: "since the VPN program was removed only this one site fails",
        fault: |scene| {
            scene.client.rules.push(Rule { to: (WEB, 32), port: 0, table: Some(100), mark: None });
            let way = route("0.0.0.0", 0, Way::Via(ip("192.0.2.77")));
            scene.client.routes.push(Route { table: Some(100), ..way });
        },
        proof: |eyes| {
            eyes.pings("192.0.2.77", false)?;
            eyes.connects("198.51.100.11:443")?;
            eyes.sibling_connects("198.51.100.10:443", true)
        },
        expect: Expect {
            cause: &["next-hop-dead"],
            decides: "neighbour",
            innocent: &["link", "ip", "path", "dns", "transport"],
            ..fault(&["route"], &["route.gateway_dead"], Culprit::Contains("table 100"))
        },
        ..WORLD
    },
    World {
        name: "main-rule-gone",
        says: "since the VPN program was removed nothing works",
        fault: |scene| scene.client.main_rule = false,
        proof: |eyes| {
            eyes.fails("198.51.100.10:443", NetworkUnreachable)?;
            eyes.sibling_connects("198.51.100.10:443", true)
        },
        expect: Expect {
            cause: &["main-rule-missing"],
            decides: "resolver-route",
            innocent: &["link", "ip", "path", "dns", "transport", RESOLVER],
            ..fault(&["route"], &["route.none"], Culprit::Contains("main table"))
        },
        ..WORLD
    },
    World {
        name: "marked-packets-led-to-nobody",
        says: "since the security program was removed only this one site fails",
        fault: |scene| {
            scene.client.rules.push(Rule { to: ("0.0.0.0", 0), port: 0, table: Some(100), mark: Some(7) });
            let way = route("0.0.0.0", 0, Way::Via(ip("192.0.2.77")));
            scene.client.routes.push(Route { table: Some(100), ..way });
            scene.client.filter = "table inet marks { chain out { type route hook output priority -150; \
                ip daddr 198.51.100.10 tcp dport 443 meta mark set 7; }\n}"
                .to_owned();
        },
        proof: |eyes| {
            eyes.pings(WEB, true)?;
            eyes.connections("198.51.100.10:443", 1, 0..=0)?;
            eyes.connects("198.51.100.11:443")
        },
        expect: Expect {
            decides: "route",
            certainty: "suspected",
            innocent: &["link", "ip", "path", "dns", "tls", RESOLVER],
            ..fault(&["route"], &["tcp.host_unreachable"], Culprit::Contains("fwmark 0x7"))
        },
        rule: (4, "the kernel's route to an address is not the one that marked packets to it take"),
        ..WORLD
    },
];
