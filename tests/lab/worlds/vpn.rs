//! Faults of tunnels: left behind, mute, in the way of the local network, or not there.

use crate::scene::*;
use crate::world::*;

/// The client's address in the tunnel of the office.
const INNER: &str = "10.8.0.6";

const fn vpn(cause: &'static [&'static str], code: &'static [&'static str], decides: &'static str) -> Expect {
    let innocent = &["link", "ip", "path", "dns", "transport", "tls", "http"];
    Expect { cause, decides, innocent, ..fault(&["vpn"], code, Culprit::Contains("tun0")) }
}

pub const WORLDS: &[World] = &[
    World {
        name: "everything-routed-into-a-dead-tunnel",
        says: "since the VPN dropped nothing works at all",
        run: ("no-internet", ""),
        fault: |scene| {
            // As OpenVPN does it: two halves of the internet, each narrower than the default route.
            scene.route_into_tunnel(ExtraLink::Tunnel("tun0", INNER, 24), &[("0.0.0.0", 1), ("128.0.0.0", 1)]);
        },
        proof: |eyes| {
            eyes.silent("198.51.100.80:80")?;
            eyes.sibling_connects("198.51.100.80:80", true)
        },
        expect: Expect {
            innocent: &["link", "ip", "path", "transport", GATEWAY],
            ..vpn(&["vpn-route-left-behind"], &["vpn.route_left_behind"], "tunnels")
        },
        ..WORLD
    },
    World {
        name: "tunnel-up-and-mute",
        says: "the VPN says connected, the intranet does not open",
        run: ("vpn", "https://www.example.test/"),
        fault: |scene| scene.route_into_tunnel(ExtraLink::MuteTunnel("tun0", INNER, 24), &[(WEB, 32)]),
        proof: |eyes| {
            eyes.carrier("tun0", true)?;
            eyes.silent("198.51.100.10:443")?;
            eyes.connects("198.51.100.11:443")
        },
        expect: vpn(&["vpn-no-answer"], &["vpn.no_handshake"], "tunnel-counters"),
        ..WORLD
    },
    World {
        name: "mute-tunnel-takes-everything",
        says: "I am connected to the VPN and nothing loads, not even the news",
        run: ("no-internet", ""),
        fault: |scene| {
            scene.route_into_tunnel(ExtraLink::MuteTunnel("tun0", INNER, 24), &[("0.0.0.0", 1), ("128.0.0.0", 1)]);
        },
        proof: |eyes| {
            eyes.silent("198.51.100.80:80")?;
            eyes.sibling_connects("198.51.100.80:80", true)
        },
        expect: Expect {
            innocent: &["link", "ip", "path", "transport", GATEWAY],
            ..vpn(&["vpn-no-answer"], &["vpn.no_handshake"], "tunnel-counters")
        },
        ..WORLD
    },
    World {
        name: "resolver-behind-a-dead-tunnel",
        says: "no page opens since I closed the lid with the VPN on",
        run: ("no-internet", ""),
        fault: |scene| {
            scene.client.links.push(ExtraLink::Tunnel("tun0", INNER, 24));
            scene.client.nameservers = vec!["10.8.0.1".to_owned()];
        },
        proof: |eyes| {
            eyes.silent("10.8.0.1:53")?;
            eyes.connects("198.51.100.80:80")
        },
        expect: Expect {
            cause: &["stale-vpn-resolver"],
            decides: "resolvers",
            innocent: &["link", "ip", "path", "transport", GATEWAY],
            ..fault(&["dns"], &["dns.timeout"], Culprit::Contains("10.8.0.1"))
        },
        ..WORLD
    },
    World {
        name: "tunnel-covers-the-local-printer",
        says: "with the VPN on, the printer at home is offline",
        run: ("one-site-fails", "http://192.0.2.20:9100/"),
        fault: |scene| {
            scene.route_into_tunnel(ExtraLink::MuteTunnel("tun0", INNER, 24), &[("192.0.2.0", 25)]);
            scene.serve("192.0.2.20:9100", Speaks::Http(Page::Text("printer")));
        },
        proof: |eyes| {
            eyes.silent("192.0.2.20:9100")?;
            eyes.sibling_connects("192.0.2.20:9100", true)
        },
        expect: Expect {
            culprit: Culprit::Contains("192.0.2.0"),
            ..vpn(&["vpn-overlap"], &["vpn.overlap"], "tunnels")
        },
        ..WORLD
    },
    World {
        name: "target-not-in-the-tunnel",
        says: "the VPN is connected but one server does not answer",
        run: ("vpn", "https://www.example.test/"),
        arguments: &["--answer", "internal=yes"],
        fault: |scene| {
            scene.route_into_tunnel(ExtraLink::MuteTunnel("tun0", INNER, 24), &[]);
            scene.wire.drop(|packet| packet.touches(WEB));
        },
        proof: |eyes| eyes.silent("198.51.100.10:443"),
        expect: Expect {
            cause: &["target-not-in-tunnel"],
            decides: "route",
            innocent: &["link", "ip", "dns", "path", "tls"],
            ..fault(&["vpn"], &["vpn.route_missing"], Culprit::Contains(WEB))
        },
        ..WORLD
    },
    World {
        name: "no-tunnel-for-an-internal-target",
        says: "the intranet does not open from home",
        run: ("vpn", "https://www.example.test/"),
        arguments: &["--answer", "internal=yes"],
        fault: |scene| scene.wire.drop(|packet| packet.touches(WEB)),
        proof: |eyes| eyes.silent("198.51.100.10:443"),
        expect: Expect {
            cause: &["no-tunnel"],
            decides: "tunnels",
            innocent: &["link", "ip", "dns", "path", "tls"],
            ..fault(&["vpn"], &["vpn.route_missing"], Culprit::Is("VPN"))
        },
        ..WORLD
    },
    World {
        name: "internal-name-without-tunnel",
        says: "the wiki's name is not found at home",
        run: ("vpn", "https://wiki.corp.example.test/"),
        arguments: &["--answer", "internal=yes"],
        proof: |eyes| eyes.answers(RESOLVER, "wiki.corp.example.test", "NXDomain"),
        expect: Expect {
            cause: &["no-tunnel"],
            decides: "tunnels",
            innocent: &["link", "ip", "path", "transport", RESOLVER],
            ..fault(&["vpn"], &["vpn.route_missing"], Culprit::Is("VPN"))
        },
        ..WORLD
    },
];
