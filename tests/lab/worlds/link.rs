//! Faults of the link, of the client's own addresses, of its routes and of the gateway.

use crate::scene::*;
use crate::world::*;
use std::io::ErrorKind::{AddrNotAvailable, HostUnreachable, NetworkUnreachable};

pub const WORLDS: &[World] = &[
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
            innocent: &["ip", "route", "path", "dns", RESOLVER],
            ..fault(&["link"], &["link.no_carrier"], Culprit::Contains("eth0"))
        },
        ..WORLD
    },
    World {
        name: "interface-switched-off",
        says: "nothing works since I clicked something in the network menu",
        run: ("no-internet", ""),
        fault: |scene| scene.client.up = false,
        proof: |eyes| eyes.fails("198.51.100.10:443", NetworkUnreachable),
        expect: Expect {
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
        },
        proof: |eyes| {
            eyes.carrier("eth0", true)?;
            eyes.fails("198.51.100.10:443", NetworkUnreachable)
        },
        expect: Expect {
            innocent: &["link", "path", "dns"],
            ..fault(&["ip"], &["ip.none", "ip.link_local_only"], Culprit::Contains("eth0"))
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
        },
        proof: |eyes| eyes.fails("198.51.100.10:443", NetworkUnreachable),
        expect: Expect {
            innocent: &["link", "path", "dns"],
            ..fault(&["ip"], &["ip.link_local_only"], Culprit::OneOf(&["eth0", "169.254.23.7"]))
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
            innocent: &["link", "ip", "path", "dns"],
            ..fault(&["route"], &["route.no_default", "route.none"], Culprit::NotCompared)
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
            innocent: &["link", "path", "dns"],
            ..fault(
                &["ip", "route"],
                &["ip.gateway_off_link", "route.gateway_dead"],
                Culprit::OneOf(&["192.0.3.1", "eth0"]),
            )
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
            innocent: &["link", "ip", "dns", "path", GATEWAY],
            ..fault(
                &["route", "transport"],
                &["route.neighbour_dead", "tcp.host_unreachable"],
                Culprit::Contains("192.0.2.77"),
            )
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
        expect: Expect { innocent: &["link", "dns", "path"], ..fault(&["ip", "route"], &[], Culprit::NotCompared) },
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
            innocent: &["link", "ip", "path", "dns", "transport"],
            ..fault(&["route"], &["tcp.timeout"], Culprit::Contains(SIBLING))
        },
        ..WORLD
    },
];
