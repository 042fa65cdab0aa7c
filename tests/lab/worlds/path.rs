//! Faults beyond the gateway, and tunnels.

use crate::scene::*;
use crate::world::*;
use crate::worlds::transport::SYN;
use std::io::ErrorKind::HostUnreachable;
use std::time::Duration;

/// A gateway of the LAN that nobody is.
const DEAD_GATEWAY: &str = "192.0.2.250";

pub const WORLDS: &[World] = &[
    World {
        name: "gateway-forwards-nothing",
        says: "the internet is down for the whole office",
        run: ("no-internet", ""),
        fault: |scene| scene.gateway.forwards = false,
        proof: |eyes| {
            eyes.pings(GATEWAY, true)?;
            eyes.silent("198.51.100.10:443")?;
            eyes.sibling_connects("198.51.100.10:443", false)
        },
        expect: Expect {
            cause: &["nothing-beyond-gateway"],
            decides: "gateway-echo",
            innocent: &["link", "ip", "route", "dns", RESOLVER],
            ..fault(&["path"], &["path.silent"], Culprit::Contains(GATEWAY))
        },
        ..WORLD
    },
    World {
        name: "router-prohibits-target",
        says: "the partner's site stopped working this morning",
        fault: |scene| scene.gateway.routes.push(route(WEB, 32, Way::Prohibit)),
        proof: |eyes| {
            eyes.fails("198.51.100.10:443", HostUnreachable)?;
            eyes.connects("198.51.100.11:443")
        },
        expect: Expect {
            cause: &["router-prohibits"],
            decides: "tcp",
            innocent: &["link", "ip", "route", "dns"],
            ..fault(&["path"], &["path.prohibited"], Culprit::Contains(GATEWAY))
        },
        ..WORLD
    },
    World {
        name: "router-says-unreachable",
        says: "the partner's site does not open",
        fault: |scene| scene.gateway.routes.push(route(WEB, 32, Way::Unreachable)),
        proof: |eyes| eyes.fails("198.51.100.10:443", HostUnreachable),
        expect: Expect {
            cause: &["router-unreachable"],
            decides: "tcp",
            innocent: &["link", "ip", "route", "dns"],
            ..fault(&["path"], &["path.unreachable"], Culprit::OneOf(&[GATEWAY, WEB]))
        },
        ..WORLD
    },
    World {
        name: "routing-loop",
        says: "that one supplier's site never loads",
        run: ("one-site-fails", "https://far.example.test/"),
        fault: |scene| {
            // The far side sends everything that it does not know back to the gateway.
            scene.gateway.routes.push(route("203.0.113.0", 24, Way::Via(ip(WEB))));
        },
        proof: |eyes| eyes.fails("203.0.113.10:443", HostUnreachable),
        expect: Expect {
            cause: &["routing-loop"],
            decides: "tcp",
            innocent: &["link", "ip", "dns"],
            ..fault(&["path"], &["path.loop"], Culprit::OneOf(&[GATEWAY, GATEWAY_FAR, WEB, "203.0.113.10"]))
        },
        ..WORLD
    },
    World {
        name: "loss-of-five-percent",
        says: "everything feels sluggish since noon",
        run: ("slow", "https://www.example.test/"),
        fault: |scene| scene.wire.drop_every(20, |packet| !packet.outbound),
        proof: |eyes| eyes.connections("198.51.100.10:443", 10, 8..=10),
        expect: Expect {
            cause: &["loss-on-the-way"],
            decides: "path-quality",
            innocent: &["link", "dns", "tls", "http"],
            seconds: 20.0,
            ..degraded(&["path"], &["path.loss"], Culprit::NotCompared)
        },
        ..WORLD
    },
    World {
        name: "long-round-trip",
        says: "every click takes seconds",
        run: ("slow", "https://www.example.test/"),
        fault: |scene| scene.wire.delay = Duration::from_millis(200),
        proof: |eyes| eyes.connects("198.51.100.10:443"),
        expect: Expect {
            cause: &["delay-on-the-way"],
            decides: "path-quality",
            innocent: &["link", "tls", "process"],
            seconds: 20.0,
            ..degraded(&["path"], &["path.delay"], Culprit::NotCompared)
        },
        ..WORLD
    },
    World {
        name: "mtu-black-hole",
        says: "the page starts to load and then hangs",
        fault: |scene| {
            scene.wire.drop(|packet| packet.size > 1_400);
            scene.page(Page::Big(100_000));
        },
        proof: |eyes| {
            eyes.connects("198.51.100.10:443")?;
            eyes.pings_large(WEB, 1_000, true)?;
            eyes.pings_large(WEB, 1_450, false)?;
            eyes.no_page("198.51.100.10:443", "www.example.test", "")
        },
        expect: Expect {
            cause: &["mtu-black-hole"],
            decides: "mtu",
            innocent: &["link", "ip", "route", "dns", "transport"],
            seconds: 12.0,
            ..fault(&["path"], &["path.mtu_black_hole"], Culprit::NotCompared)
        },
        ..WORLD
    },
    World {
        name: "captive-portal-redirects",
        says: "I am in the hotel and nothing opens",
        run: ("no-internet", ""),
        fault: |scene| {
            scene.serve("198.51.100.80:80", Speaks::Http(Page::Portal));
            scene.name("portal.guestnet.example", Name::Addresses(vec![ip(SECOND_WEB)]));
            scene.serve("198.51.100.11:80", Speaks::Http(Page::Login));
            scene.wire.drop(|packet| packet.tcp(443));
        },
        proof: |eyes| {
            eyes.page("198.51.100.80:80", "control.example.test", "302")?;
            eyes.silent("198.51.100.10:443")
        },
        expect: Expect {
            cause: &["captive-portal"],
            decides: "portal",
            innocent: &["link", "ip", "route", "dns", "http"],
            ..fault(&["path"], &["path.captive_portal"], Culprit::OneOf(&["portal.guestnet.example", CONTROL]))
        },
        ..WORLD
    },
    World {
        name: "captive-portal-lets-the-control-page-pass",
        says: "the hotel's Wi-Fi says connected, but no page opens",
        run: ("one-site-fails", "https://www.example.test/"),
        fault: |scene| {
            scene.client.settings.push("control_urls = [\"http://check.example.test/generate_204\"]".to_owned());
            scene.name("check.example.test", Name::Addresses(vec![ip(SECOND_WEB)]));
            scene.serve("198.51.100.11:80", Speaks::Http(Page::Portal));
            scene.wire.drop(|packet| packet.tcp(443));
        },
        proof: |eyes| {
            eyes.page("198.51.100.80:80", "control.example.test", "200")?;
            eyes.page("198.51.100.11:80", "check.example.test", "302")?;
            eyes.silent("198.51.100.10:443")
        },
        expect: Expect {
            cause: &["captive-portal"],
            decides: "portal",
            innocent: &["link", "ip", "route", "dns", "http"],
            ..fault(&["path"], &["path.captive_portal"], Culprit::Contains("portal.guestnet.example"))
        },
        ..WORLD
    },
    World {
        name: "captive-portal-by-names",
        says: "the café's Wi-Fi is connected but does not work",
        run: ("no-internet", ""),
        fault: |scene| {
            scene.resolvers(ResolverMood::Hijacks(ip("198.51.100.99")));
            scene.serve("198.51.100.99:80", Speaks::Http(Page::Login));
        },
        proof: |eyes| {
            eyes.resolves(RESOLVER, "control.example.test", "198.51.100.99")?;
            eyes.page("198.51.100.99:80", "control.example.test", "200")
        },
        expect: Expect {
            cause: &["captive-portal"],
            decides: "portal",
            innocent: &["link", "ip", "route", "http"],
            ..fault(&["path"], &["path.captive_portal"], Culprit::NotCompared)
        },
        ..WORLD
    },
    World {
        name: "resolver-of-a-dropped-vpn",
        says: "no page opens since I left the office",
        run: ("no-internet", ""),
        fault: |scene| {
            scene.client.nameservers = vec!["10.8.0.1".to_owned()];
            scene.gateway.routes.push(route("10.0.0.0", 8, Way::Blackhole));
        },
        proof: |eyes| {
            eyes.silent("10.8.0.1:53")?;
            eyes.connects("198.51.100.10:443")
        },
        expect: Expect {
            cause: &["resolver-of-another-network"],
            decides: "resolvers",
            innocent: &["link", "ip", "route", "path"],
            ..fault(&["dns"], &["dns.timeout"], Culprit::Contains("10.8.0.1"))
        },
        ..WORLD
    },
    World {
        name: "route-into-a-dead-tunnel",
        says: "the intranet does not open, everything else does",
        run: ("one-site-fails", "https://www.example.test/"),
        fault: |scene| {
            scene.client.links.push(ExtraLink::Tunnel("tun0", "10.8.0.6", 24));
            scene.client.routes.push(route(WEB, 32, Way::Device("tun0")));
        },
        proof: |eyes| {
            eyes.silent("198.51.100.10:443")?;
            eyes.connects("198.51.100.11:443")
        },
        expect: Expect {
            cause: &["vpn-route-left-behind"],
            decides: "tunnels",
            innocent: &["link", "ip", "path", "dns", "transport"],
            ..fault(&["vpn"], &["vpn.route_left_behind"], Culprit::Contains("tun0"))
        },
        ..WORLD
    },
    World {
        name: "line-dies-during-the-run",
        says: "it worked a moment ago",
        run: ("slow", "https://www.example.test/"),
        // The port, the certificate and the page take three connections.
        fault: |scene| scene.wire.die_after(8, |packet| packet.outbound && packet.tcp(443) && packet.size == SYN),
        // After the program no connection succeeds; without it, the first of these do.
        proof: |eyes| eyes.connections("198.51.100.10:443", 10, 0..=9),
        expect: Expect {
            cause: &["loss-on-the-way"],
            decides: "path-quality",
            innocent: &["link", "ip", "route", "tls", "http"],
            seconds: 25.0,
            ..degraded(&["path"], &["path.loss"], Culprit::NotCompared)
        },
        ..WORLD
    },
    World {
        name: "loss-of-thirty-percent",
        says: "video calls break off, pages come in pieces",
        run: ("slow", "https://www.example.test/"),
        fault: |scene| {
            scene.wire.drop_every(10, |packet| !packet.outbound);
            scene.wire.drop_every(5, |packet| packet.outbound);
        },
        proof: |eyes| eyes.connections("198.51.100.10:443", 10, 1..=9),
        expect: Expect {
            cause: &["loss-on-the-way"],
            decides: "path-quality",
            innocent: &["link", "tls", "http"],
            seconds: 30.0,
            ..degraded(&["path"], &["path.loss"], Culprit::Contains(WEB))
        },
        ..WORLD
    },
    World {
        name: "line-cut-beyond-the-gateway",
        says: "the internet is down, the router's lamp is red",
        run: ("no-internet", ""),
        fault: |scene| scene.wire.drop(|_| true),
        proof: |eyes| {
            eyes.pings(GATEWAY, true)?;
            eyes.silent("198.51.100.80:80")?;
            eyes.sibling_connects("198.51.100.80:80", false)
        },
        expect: Expect {
            cause: &["nothing-beyond-gateway"],
            decides: "gateway-echo",
            innocent: &["link", "ip", "route", "dns", RESOLVER],
            ..fault(&["path"], &["path.silent"], Culprit::Is(GATEWAY))
        },
        ..WORLD
    },
    World {
        name: "loss-under-a-working-page",
        says: "the page opens, but calls stutter",
        run: ("slow", "https://www.example.test/"),
        fault: |scene| scene.wire.drop_every(20, |packet| packet.icmp()),
        proof: |eyes| eyes.page("198.51.100.10:443", "www.example.test", "200"),
        expect: Expect {
            cause: &["loss-on-the-way"],
            decides: "path-quality",
            innocent: &["link", "route", "dns", "transport", "tls", "http"],
            seconds: 20.0,
            ..degraded(&["path"], &["path.loss"], Culprit::Contains(WEB))
        },
        rule: (1, "a success proves that the way can be gone, and nothing of its quality"),
        ..WORLD
    },
    World {
        name: "mtu-black-hole-on-the-way-back",
        says: "small pages open, the large one hangs",
        fault: |scene| {
            scene.wire.drop(|packet| !packet.outbound && packet.size > 1_400);
            scene.page(Page::Big(100_000));
        },
        proof: |eyes| {
            eyes.pings_large(WEB, 1_450, false)?;
            eyes.no_page("198.51.100.10:443", "www.example.test", "")
        },
        expect: Expect {
            cause: &["mtu-black-hole-back"],
            decides: "small-segments",
            innocent: &["link", "ip", "route", "dns", "transport", "tls", "http"],
            seconds: 14.0,
            ..fault(&["path"], &["path.mtu_black_hole"], Culprit::Contains("1400"))
        },
        ..WORLD
    },
    World {
        name: "mtu-black-hole-under-a-small-page",
        says: "the shop opens, sending a picture hangs",
        run: ("slow", "https://www.example.test/"),
        fault: |scene| {
            // Only large requests vanish: the handshake and the small page get through.
            scene.wire.drop(|packet| packet.outbound && packet.size > 1_400);
        },
        proof: |eyes| {
            eyes.pings_large(WEB, 1_450, false)?;
            eyes.page("198.51.100.10:443", "www.example.test", "200")
        },
        expect: Expect {
            cause: &["mtu-black-hole-quietly"],
            decides: "mtu",
            innocent: &["link", "route", "dns", "transport", "tls", "http"],
            seconds: 20.0,
            ..degraded(&["path"], &["path.mtu_black_hole"], Culprit::Contains("1400"))
        },
        rule: (1, "a page that opens proves nothing about large packets"),
        ..WORLD
    },
    World {
        name: "uneven-line",
        says: "calls are choppy, pages are fine",
        run: ("slow", "https://www.example.test/"),
        fault: |scene| scene.wire.unevenness = Duration::from_millis(120),
        proof: |eyes| eyes.page("198.51.100.10:443", "www.example.test", "200"),
        expect: Expect {
            cause: &["delay-on-the-way"],
            decides: "path-quality",
            innocent: &["link", "route", "dns", "tls", "http"],
            seconds: 20.0,
            ..degraded(&["path"], &["path.jitter"], Culprit::Contains(WEB))
        },
        ..WORLD
    },
    World {
        name: "thin-line",
        says: "pages build up like in the nineties",
        run: ("slow", "https://www.example.test/"),
        fault: |scene| {
            scene.wire.bytes_per_second = Some(16_000);
            scene.page(Page::Big(60_000));
        },
        proof: |eyes| {
            // What the program asked for still fills the line for some seconds.
            std::thread::sleep(Duration::from_secs(12));
            eyes.connects("198.51.100.10:443")
        },
        expect: Expect {
            cause: &["delay-on-the-way"],
            decides: "path-quality",
            innocent: &["link", "route", "dns", "tls"],
            seconds: 30.0,
            ..degraded(&["path"], &["path.delay"], Culprit::Contains(WEB))
        },
        known_wrong: "what waits in a queue for longer than a ping is waited for counts as lost, so delay reads as loss",
        ..WORLD
    },
    World {
        name: "line-pauses-during-the-run",
        says: "it freezes for a moment now and then",
        run: ("slow", "https://www.example.test/"),
        fault: |scene| {
            let (from, until) = (Duration::from_millis(1_000), Duration::from_millis(1_500));
            scene.wire.drop_during(from, until, |_| true);
        },
        proof: |eyes| {
            std::thread::sleep(Duration::from_millis(1_500));
            eyes.connects("198.51.100.10:443")
        },
        expect: Expect {
            cause: &["loss-on-the-way"],
            decides: "path-quality",
            innocent: &["link", "route", "tls", "http"],
            seconds: 25.0,
            ..degraded(&["path"], &["path.loss"], Culprit::Contains(WEB))
        },
        rule: (7, "answers that stop and come back are a finding, not a success and not an outage"),
        ..WORLD
    },
    World {
        name: "one-of-two-gateways-dead",
        says: "since the second line was installed, hardly anything loads",
        fault: |scene| {
            // Weight instead of an even share, so that a run does not depend on luck.
            let hops = vec![(ip(GATEWAY), 1), (ip(DEAD_GATEWAY), 30)];
            scene.client.routes = vec![route("0.0.0.0", 0, Way::Shared(hops))];
            // Each connection on its own, as load is shared between lines.
            scene.client.kernel.push(("ipv4/fib_multipath_hash_policy".to_owned(), "1".to_owned()));
        },
        proof: |eyes| {
            eyes.pings(GATEWAY, true)?;
            eyes.pings(DEAD_GATEWAY, false)?;
            eyes.sibling_connects("198.51.100.10:443", true)
        },
        expect: Expect {
            decides: "gateway",
            cause: &["one-of-several-gateways-dead"],
            innocent: &["link", "ip", "path", "transport", "tls", RESOLVER, SECOND_RESOLVER],
            // One connection in thirty takes the gateway that lives, so that a page may come after all.
            or_status: "degraded",
            seconds: 12.0,
            ..fault(&["route"], &["route.gateway_dead"], Culprit::Is(DEAD_GATEWAY))
        },
        ..WORLD
    },
];
