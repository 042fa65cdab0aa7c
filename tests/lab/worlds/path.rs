//! Faults beyond the gateway, and tunnels.

use crate::scene::*;
use crate::wire::Packet;
use crate::world::*;
use crate::worlds::transport::SYN;
use std::io::ErrorKind::{HostUnreachable, NetworkUnreachable};
use std::time::Duration;

/// A gateway of the LAN that nobody is.
const DEAD_GATEWAY: &str = "192.0.2.250";

/// The settings name a file of this size at the second web server to measure the line by.
fn measured_by(scene: &mut Scene, name: &str, bytes: usize) {
    scene.name(name, Name::Addresses(vec![ip(SECOND_WEB)]));
    scene.serve("198.51.100.11:80", Speaks::Http(Page::Big(bytes)));
    scene.client.settings.push(format!("throughput_url = \"http://{name}/file\""));
}

/// When it works again what a run found dead: after the last query of the resolvers' series and of the looks beside it, and
/// before the look with which a run ends, which is not made sooner than a silence is confirmed (3.45 s).
const WORKS_AGAIN: Duration = Duration::from_millis(3_250);

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
        name: "loss-of-sixty-percent",
        says: "nearly nothing loads, and what does takes minutes",
        run: ("slow", "https://www.example.test/"),
        fault: |scene| {
            scene.wire.drop_every(2, |packet| !packet.outbound && packet.touches(WEB));
            scene.wire.drop_every(5, |packet| packet.outbound && packet.touches(WEB));
        },
        proof: |eyes| eyes.connections("198.51.100.10:443", 10, 0..=8),
        expect: Expect {
            cause: &["loss-on-the-way"],
            decides: "path-quality",
            innocent: &["link", "route", "tls", "http"],
            // Whether the page comes within its time is for the repeats to say.
            or_status: "fault",
            seconds: 45.0,
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
        name: "mtu-black-hole-of-ipv6-alone",
        says: "since the line has IPv6 some sites hang",
        run: ("one-site-fails", "https://six.example.test/"),
        fault: |scene| {
            scene.with_six();
            // Narrower than IPv6 allows, as a tunnel in a tunnel is; IPv4 takes another way.
            scene.wire.drop(|packet| packet.destination.is_ipv6() && packet.size > 1_100);
        },
        proof: |eyes| {
            eyes.pings_large(WEB_SIX, 1_000, true)?;
            eyes.pings_large(WEB_SIX, 1_200, false)?;
            eyes.no_page("[2001:db8:2::10]:443", "six.example.test", "")?;
            eyes.page("198.51.100.10:443", "six.example.test", "200")
        },
        expect: Expect {
            cause: &["mtu-black-hole"],
            decides: "mtu",
            innocent: &["link", "ip", "route", "dns", "transport", "tls", WEB],
            seconds: 14.0,
            ..fault(&["path"], &["path.mtu_black_hole"], Culprit::Contains(WEB_SIX))
        },
        rule: (1, "that the page comes over IPv4 proves nothing of the way of IPv6"),
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
        name: "questions-lost-on-the-way",
        says: "the shop opens, but every click takes seconds",
        run: ("one-site-fails", "http://www.example.test:8080/"),
        fault: |scene| {
            scene.serve("198.51.100.10:8080", Speaks::Http(Page::Text("the stock list")));
            // What carries data: a header of IPv4, one of TCP, and more.
            const CARRIES: usize = 100;
            scene.wire.delay = Duration::from_millis(90);
            scene.wire.drop_all_but_every(4, |packet| packet.outbound && packet.tcp(8080) && packet.size > CARRIES);
        },
        proof: |eyes| eyes.connects("198.51.100.10:8080"),
        expect: Expect {
            cause: &["question-lost-on-the-way"],
            decides: "reproduce",
            innocent: &["link", "route", "dns", "transport", "http"],
            seconds: 20.0,
            ..degraded(&["path"], &["http.slow_first_byte"], Culprit::Contains(WEB))
        },
        rule: (1, "a page that comes late says nothing of whether the server or the line took the time"),
        ..WORLD
    },
    World {
        name: "questions-swallowed-on-the-way",
        says: "since the new filter the stock list turns its wheel for ever",
        run: ("one-site-fails", "http://www.example.test:8080/"),
        fault: |scene| {
            scene.serve("198.51.100.10:8080", Speaks::Http(Page::Text("the stock list")));
            // What carries data: a header of IPv4, one of TCP, and more.
            const CARRIES: usize = 100;
            scene.wire.drop(|packet| packet.outbound && packet.tcp(8080) && packet.size > CARRIES);
        },
        proof: |eyes| eyes.connects("198.51.100.10:8080"),
        expect: Expect {
            cause: &["question-lost-on-the-way"],
            decides: "reproduce",
            innocent: &["link", "route", "dns", "transport", "http"],
            seconds: 25.0,
            ..fault(&["path"], &["http.no_answer"], Culprit::Contains(WEB))
        },
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
            scene.wire.narrow(16_000, Duration::from_millis(800));
            scene.page(Page::Big(60_000));
        },
        proof: |eyes| {
            // What the program asked for still waits for the line.
            std::thread::sleep(Duration::from_secs(1));
            eyes.connects("198.51.100.10:443")
        },
        expect: Expect {
            cause: &["line-full"],
            decides: "path-quality",
            innocent: &["link", "route", "dns", "tls"],
            // Whether the whole page comes within its time through such a line is chance.
            or_status: "fault",
            seconds: 30.0,
            ..degraded(&["path"], &["path.queueing"], Culprit::Contains(WEB))
        },
        ..WORLD
    },
    World {
        name: "queue-too-long",
        says: "when my daughter downloads something, my calls break off",
        run: ("slow", "https://www.example.test/"),
        fault: |scene| {
            scene.wire.narrow(500_000, Duration::from_millis(1_000));
            measured_by(scene, "speed.example.test", 2_000_000);
        },
        proof: |eyes| {
            std::thread::sleep(Duration::from_millis(1_500));
            eyes.page("198.51.100.10:443", "www.example.test", "200")
        },
        expect: Expect {
            cause: &["queue-too-long"],
            decides: "throughput",
            innocent: &["link", "route", "dns", "transport", "tls", "http"],
            seconds: 25.0,
            ..degraded(&["path"], &["path.queueing"], Culprit::Contains(SECOND_WEB))
        },
        rule: (1, "a line that is quick while nobody uses it says nothing of the line that is used"),
        ..WORLD
    },
    World {
        name: "line-below-its-rate",
        says: "we pay for ten megabits and downloads take for ever",
        run: ("slow", "https://www.example.test/"),
        fault: |scene| {
            scene.wire.narrow(250_000, Duration::from_millis(60));
            measured_by(scene, "speed.example.test", 2_000_000);
            scene.client.settings.push("expected_mbit_s = 10".to_owned());
        },
        proof: |eyes| {
            std::thread::sleep(Duration::from_millis(500));
            eyes.page("198.51.100.10:443", "www.example.test", "200")
        },
        expect: Expect {
            cause: &["line-below-its-rate"],
            decides: "throughput",
            innocent: &["link", "route", "dns", "transport", "tls", "http"],
            seconds: 25.0,
            ..degraded(&["path"], &["path.slow_rate"], Culprit::Contains(SECOND_WEB))
        },
        ..WORLD
    },
    World {
        name: "line-carries-what-it-should",
        says: "is the new line any good?",
        run: ("slow", "https://www.example.test/"),
        fault: |scene| {
            measured_by(scene, "speed.example.test", 2_000_000);
            scene.client.settings.push("expected_mbit_s = 10".to_owned());
        },
        expect: Expect {
            decides: "reproduce",
            innocent: &["link", "route", "path", "dns", "http"],
            seconds: 25.0,
            ..HEALTHY
        },
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
        name: "line-comes-back-during-the-run",
        says: "nothing went a minute ago",
        fault: |scene| scene.wire.drop_during(Duration::ZERO, WORKS_AGAIN, |_| true),
        proof: |eyes| {
            std::thread::sleep(WORKS_AGAIN);
            eyes.page("198.51.100.10:443", "www.example.test", "200")
        },
        expect: Expect {
            decides: "again",
            innocent: &["link", "ip", "transport", "tls", "http"],
            certainty: "suspected",
            seconds: 12.0,
            ..degraded(&["dns", "path"], &[], Culprit::NotCompared)
        },
        rule: (7, "a fault that ended during the run is not one that lasts"),
        ..WORLD
    },
    World {
        name: "resolvers-come-back-during-the-run",
        says: "no site was found a minute ago",
        fault: |scene| {
            let names = |packet: &Packet| packet.touches(RESOLVER) || packet.touches(SECOND_RESOLVER);
            scene.wire.drop_during(Duration::ZERO, WORKS_AGAIN, names);
        },
        proof: |eyes| {
            std::thread::sleep(WORKS_AGAIN);
            eyes.resolves(RESOLVER, "www.example.test", WEB)
        },
        expect: Expect {
            decides: "again",
            innocent: &["link", "ip", "route", "transport", "tls", "http"],
            certainty: "suspected",
            seconds: 12.0,
            ..degraded(&["dns", "path"], &[], Culprit::NotCompared)
        },
        rule: (7, "a fault that ended during the run is not one that lasts"),
        ..WORLD
    },
    World {
        name: "one-of-two-gateways-dead",
        says: "since the second line was installed, hardly anything loads",
        // Names come over the gateway that lives, everything else goes to the dead one.
        fault: |scene| scene.beside_a_dead_gateway(DEAD_GATEWAY, "7"),
        proof: |eyes| {
            eyes.resolves(RESOLVER, "www.example.test", WEB)?;
            eyes.connections("198.51.100.10:443", 2, 0..=0)?;
            eyes.connections("198.51.100.80:80", 2, 0..=0)?;
            eyes.pings(DEAD_GATEWAY, false)?;
            eyes.sibling_connects("198.51.100.10:443", true)
        },
        expect: Expect {
            decides: "gateway",
            cause: &["one-of-several-gateways-dead"],
            innocent: &["link", "ip", "path", "transport", "tls", RESOLVER, SECOND_RESOLVER],
            seconds: 12.0,
            ..fault(&["route"], &["route.gateway_dead"], Culprit::Is(DEAD_GATEWAY))
        },
        ..WORLD
    },
    World {
        name: "one-of-two-gateways-dead-for-this-site",
        says: "since the second line was installed the shop does not open, other pages do",
        // Of all that is asked here, the shop alone goes to the dead one.
        fault: |scene| scene.beside_a_dead_gateway(DEAD_GATEWAY, "341"),
        proof: |eyes| {
            eyes.page("198.51.100.80:80", "control.example.test", "200")?;
            eyes.connections("198.51.100.10:443", 2, 0..=0)?;
            eyes.pings(DEAD_GATEWAY, false)?;
            eyes.sibling_connects("198.51.100.10:443", true)
        },
        expect: Expect {
            decides: "gateway",
            cause: &["one-of-several-gateways-dead"],
            innocent: &["link", "ip", "path", "transport", "tls", RESOLVER, SECOND_RESOLVER],
            seconds: 12.0,
            ..fault(&["route"], &["route.gateway_dead"], Culprit::Is(DEAD_GATEWAY))
        },
        rule: (1, "another site that opens proves its own way, and of two gateways that is the other one"),
        ..WORLD
    },
    World {
        name: "one-of-two-gateways-dead-for-a-resolver",
        says: "since the second line was installed every page starts late",
        // The first resolver goes to the dead one, the second and the shop come over the one that lives.
        fault: |scene| scene.beside_a_dead_gateway(DEAD_GATEWAY, "100"),
        proof: |eyes| {
            eyes.pings(RESOLVER, false)?;
            eyes.resolves(SECOND_RESOLVER, "www.example.test", WEB)?;
            eyes.page("198.51.100.10:443", "www.example.test", "200")?;
            eyes.pings(DEAD_GATEWAY, false)
        },
        expect: Expect {
            decides: "gateway",
            cause: &["one-of-several-gateways-dead"],
            innocent: &["link", "ip", "path", "transport", "tls", "dns"],
            seconds: 15.0,
            ..degraded(&["route"], &["route.gateway_dead"], Culprit::Is(DEAD_GATEWAY))
        },
        rule: (2, "the silent resolver lies behind the dead gateway: it is a consequence"),
        ..WORLD
    },
    World {
        name: "six-alone-and-translated",
        says: "our new network has no IPv4 any more, does that hurt?",
        run: ("no-internet", ""),
        fault: |scene| scene.six_alone(Translation::Works),
        proof: |eyes| {
            eyes.fails("198.51.100.80:80", NetworkUnreachable)?;
            eyes.page("[64:ff9b::c633:6450]:80", "control.example.test", "200")
        },
        expect: Expect { decides: "reproduce", innocent: &["ip", "route", "path", "dns"], seconds: 6.0, ..HEALTHY },
        ..WORLD
    },
    World {
        name: "six-alone-without-a-translation",
        says: "in the new building some pages open and most do not",
        run: ("no-internet", ""),
        fault: |scene| scene.six_alone(Translation::None),
        proof: |eyes| {
            eyes.fails("198.51.100.80:80", NetworkUnreachable)?;
            eyes.connects("[2001:db8:2::10]:443")
        },
        expect: Expect {
            cause: &["no-translation-to-ipv4"],
            decides: "nat64",
            innocent: &["link", "ip", "dns", "transport"],
            ..fault(&["path"], &["path.nat64_none", "route.none"], Culprit::Contains("NAT64"))
        },
        rule: (2, "that there is no route to an IPv4 address is a consequence where IPv4 is not spoken at all"),
        ..WORLD
    },
    World {
        name: "six-alone-and-the-translation-is-dead",
        says: "since the outage some pages open and most do not",
        run: ("no-internet", ""),
        fault: |scene| scene.six_alone(Translation::Dead),
        proof: |eyes| {
            eyes.silent("[64:ff9b::c633:6450]:80")?;
            eyes.connects("[2001:db8:2::10]:443")
        },
        expect: Expect {
            cause: &["translation-to-ipv4-dead"],
            decides: "nat64",
            innocent: &["link", "ip", "dns", "transport"],
            seconds: 14.0,
            ..fault(&["path"], &["path.nat64_dead", "tcp.timeout", "path.silent"], Culprit::Contains("64:ff9b::/96"))
        },
        ..WORLD
    },
];
