//! Faults of TCP at the target.

use crate::scene::*;
use crate::world::*;
use std::io::ErrorKind::ConnectionReset;

/// Bytes of the packet that opens a connection, with Linux's options: no other packet of TCP is as long without data.
pub(super) const SYN: usize = 60;
/// What a fault of the target's port must not be blamed on.
const BELOW: &[&str] = &["link", "ip", "route", "dns", "proxy"];

pub const WORLDS: &[World] = &[
    World {
        name: "target-refuses",
        says: "the shop says it cannot connect",
        fault: |scene| scene.close("198.51.100.10:443"),
        proof: |eyes| eyes.refused("198.51.100.10:443"),
        expect: Expect {
            cause: &["port-refused"],
            decides: "tcp",
            innocent: BELOW,
            ..fault(&["transport"], &["tcp.refused"], Culprit::Contains("198.51.100.10:443"))
        },
        ..WORLD
    },
    World {
        name: "target-port-silent",
        says: "the shop loads for ever",
        fault: |scene| scene.wire.drop(|packet| packet.touches(WEB) && packet.tcp(443)),
        proof: |eyes| {
            eyes.silent("198.51.100.10:443")?;
            eyes.connects("198.51.100.11:443")?;
            eyes.pings(WEB, true)
        },
        expect: Expect {
            cause: &["port-silent"],
            decides: "target-echo",
            innocent: &["link", "ip", "route", "dns", "proxy", "path"],
            ..fault(&["transport"], &["tcp.timeout"], Culprit::Contains(WEB))
        },
        ..WORLD
    },
    World {
        name: "target-host-gone",
        says: "the old server does not answer",
        run: ("one-site-fails", "https://nobody.example.test/"),
        fault: |scene| scene.wire.drop(|packet| packet.touches(NOBODY)),
        proof: |eyes| eyes.silent("198.51.100.200:443"),
        expect: Expect {
            cause: &["router-unreachable"],
            decides: "tcp",
            innocent: BELOW,
            ..fault(&["path"], &["path.unreachable"], Culprit::Contains(NOBODY))
        },
        ..WORLD
    },
    World {
        name: "one-of-two-addresses-dead",
        says: "the shop is slow to open every other time",
        run: ("one-site-fails", "https://both.example.test/"),
        fault: |scene| scene.wire.drop(|packet| packet.touches(SECOND_WEB)),
        proof: |eyes| {
            eyes.silent("198.51.100.11:443")?;
            eyes.page("198.51.100.10:443", "both.example.test", "200")
        },
        expect: Expect {
            cause: &["one-server-dead"],
            decides: "tcp",
            innocent: BELOW,
            ..degraded(&["transport"], &["tcp.timeout"], Culprit::Contains(SECOND_WEB))
        },
        rule: (3, "the status comes from the goal: one dead address of two slows, and is no outage"),
        ..WORLD
    },
    World {
        name: "target-resets",
        says: "the connection was reset, it says",
        fault: |scene| scene.serve("198.51.100.10:443", Speaks::Reset),
        proof: |eyes| {
            eyes.no_page("198.51.100.10:443", "www.example.test", "reset")
                .or_else(|_| eyes.fails("198.51.100.10:443", ConnectionReset))
        },
        expect: Expect {
            // A reset right after the handshake of TCP may come before or after the first words of the client.
            cause: &["port-reset", "tls-cut"],
            innocent: &["link", "ip", "route", "dns", "path"],
            ..fault(&["transport", "tls"], &["tcp.reset", "tls.reset"], Culprit::OneOf(&[WEB, "www.example.test"]))
        },
        ..WORLD
    },
    World {
        name: "dead-address-family",
        says: "the shop hangs a moment before it opens",
        run: ("one-site-fails", "https://six.example.test/"),
        fault: |scene| {
            scene.with_six();
            scene.wire.drop(|packet| {
                packet.destination.is_ipv6() && !packet.touches("2001:db8:2::1") && packet.protocol != 58
            });
        },
        proof: |eyes| {
            eyes.resolves(RESOLVER, "six.example.test", WEB)?;
            eyes.silent("[2001:db8:2::10]:443")?;
            eyes.page("198.51.100.10:443", "six.example.test", "200")
        },
        expect: Expect {
            cause: &["one-address-dead"],
            decides: "tcp",
            innocent: &["link", "dns", "proxy", "tls"],
            ..degraded(&["transport"], &["tcp.timeout"], Culprit::OneOf(&[WEB_SIX, "ipv6"]))
        },
        ..WORLD
    },
    World {
        name: "ssh-port-closed",
        says: "I cannot log in to the build server",
        run: ("one-site-fails", "www.example.test:22"),
        proof: |eyes| eyes.refused("198.51.100.10:22"),
        expect: Expect {
            cause: &["port-refused"],
            decides: "tcp",
            innocent: BELOW,
            ..fault(&["transport"], &["tcp.refused"], Culprit::Contains("198.51.100.10:22"))
        },
        ..WORLD
    },
    World {
        name: "udp-port-closed",
        says: "the phone app cannot register",
        run: ("one-site-fails", "udp://www.example.test:5060"),
        expect: Expect {
            cause: &["udp-closed"],
            decides: "udp",
            innocent: BELOW,
            ..fault(&["transport"], &["udp.closed"], Culprit::Contains("198.51.100.10:5060"))
        },
        ..WORLD
    },
    World {
        name: "ssh-server-mute",
        says: "the login to the build server hangs",
        run: ("one-site-fails", "ssh://www.example.test"),
        fault: |scene| scene.serve("198.51.100.10:22", Speaks::Nothing),
        proof: |eyes| eyes.connects("198.51.100.10:22"),
        expect: Expect {
            cause: &["no-greeting"],
            decides: "greeting",
            innocent: &["link", "ip", "route", "dns", "transport"],
            seconds: 15.0,
            ..fault(&["application"], &["app.no_greeting"], Culprit::OneOf(&[WEB, "www.example.test"]))
        },
        ..WORLD
    },
    World {
        name: "ssh-port-speaks-http",
        says: "the login says something about protocol mismatch",
        run: ("one-site-fails", "ssh://www.example.test"),
        fault: |scene| scene.serve("198.51.100.10:22", Speaks::Greeting("HTTP/1.1 400 Bad Request\r\n\r\n")),
        proof: |eyes| eyes.connects("198.51.100.10:22"),
        expect: Expect {
            cause: &["wrong-service"],
            decides: "greeting",
            innocent: &["link", "ip", "route", "dns", "transport"],
            ..fault(&["application"], &["app.wrong_protocol"], Culprit::OneOf(&[WEB, "www.example.test"]))
        },
        ..WORLD
    },
    World {
        name: "one-of-two-servers-closed",
        says: "every other time the shop says it cannot connect",
        run: ("one-site-fails", "https://both.example.test/"),
        fault: |scene| scene.close("198.51.100.11:443"),
        proof: |eyes| {
            eyes.refused("198.51.100.11:443")?;
            eyes.page("198.51.100.10:443", "both.example.test", "200")
        },
        expect: Expect {
            cause: &["one-server-dead"],
            decides: "tcp",
            innocent: BELOW,
            ..degraded(&["transport"], &["tcp.refused"], Culprit::Is("198.51.100.11:443"))
        },
        ..WORLD
    },
    World {
        name: "port-names-the-protocol",
        says: "the login to the build server hangs",
        run: ("one-site-fails", "www.example.test:22"),
        fault: |scene| scene.serve("198.51.100.10:22", Speaks::Nothing),
        proof: |eyes| eyes.connects("198.51.100.10:22"),
        expect: Expect {
            decides: "greeting",
            cause: &["no-greeting"],
            innocent: &["link", "ip", "route", "dns", "transport"],
            seconds: 15.0,
            ..fault(&["application"], &["app.no_greeting"], Culprit::OneOf(&[WEB, "www.example.test"]))
        },
        ..WORLD
    },
    World {
        name: "agent-accepts-everything",
        says: "since the security program was updated, nothing loads",
        fault: |scene| {
            scene.program("agentd", Does::AcceptsOnly("127.0.0.1:9999"));
            // What an agent on the machine does: every new connection is led to it, whatever its target.
            scene.client.filter = "table ip agent {
                chain output { type nat hook output priority -100; policy accept;
                    ip daddr != 127.0.0.0/8 meta l4proto tcp redirect to :9999; }
            }"
            .to_owned();
        },
        proof: |eyes| {
            eyes.connects("198.51.100.10:1")?;
            eyes.no_page("198.51.100.10:443", "www.example.test", "WouldBlock")?;
            eyes.sibling_connects("198.51.100.10:1", false)
        },
        expect: Expect {
            decides: "filter",
            cause: &["connections-redirected-here"],
            innocent: &["link", "ip", "route", "path", "dns", "tls"],
            seconds: 15.0,
            ..fault(&["host"], &["tcp.accepts_all"], Culprit::Contains("ip agent output"))
        },
        ..WORLD
    },
    World {
        name: "every-third-connection-reset",
        says: "the intranet works most of the time",
        run: ("slow", "http://www.example.test:8080/"),
        fault: |scene| scene.serve("198.51.100.10:8080", Speaks::ResetsEvery(3)),
        proof: |eyes| eyes.connects("198.51.100.10:8080"),
        expect: Expect {
            cause: &["some-connections-are-ended"],
            decides: "port-quality",
            innocent: &["link", "ip", "route", "path", "dns"],
            seconds: 25.0,
            ..degraded(&["transport"], &["tcp.flapping"], Culprit::Contains("198.51.100.10:8080"))
        },
        ..WORLD
    },
    World {
        name: "every-third-connection-unanswered",
        says: "the shop opens at the second try",
        run: ("slow", "https://www.example.test/"),
        fault: |scene| scene.wire.drop_every(3, |packet| packet.outbound && packet.tcp(443) && packet.size == SYN),
        proof: |eyes| eyes.connections("198.51.100.10:443", 10, 1..=9),
        expect: Expect {
            cause: &["loss-on-the-way"],
            decides: "port-quality",
            innocent: &["link", "ip", "route", "dns"],
            seconds: 30.0,
            ..degraded(&["path"], &["tcp.flapping", "tcp.slow"], Culprit::Contains(WEB))
        },
        ..WORLD
    },
    World {
        name: "firewall-accepts-everything",
        says: "the shop loads for ever, and the port is open",
        fault: |scene| {
            scene.serve("198.51.100.10:443", Speaks::Nothing);
            scene.serve("198.51.100.10:1", Speaks::Nothing);
        },
        proof: |eyes| {
            eyes.connects("198.51.100.10:1")?;
            eyes.no_page("198.51.100.10:443", "www.example.test", "WouldBlock")
        },
        expect: Expect {
            decides: "closed-port",
            cause: &["accepted-in-its-place"],
            innocent: &["link", "ip", "route", "path", "dns", "tls", "host"],
            seconds: 15.0,
            ..fault(&["transport"], &["tcp.accepts_all"], Culprit::Contains(WEB))
        },
        ..WORLD
    },
    World {
        name: "open-port-that-proves-nothing",
        says: "the port test is green and the app does not work",
        run: ("one-site-fails", "www.example.test:8443"),
        fault: |scene| {
            scene.serve("198.51.100.10:8443", Speaks::Nothing);
            scene.serve("198.51.100.10:1", Speaks::Nothing);
        },
        proof: |eyes| {
            eyes.connects("198.51.100.10:1")?;
            eyes.connects("198.51.100.10:8443")
        },
        expect: Expect {
            decides: "closed-port",
            cause: &["connection-says-nothing"],
            innocent: &["link", "ip", "route", "path", "dns", "host"],
            ..degraded(&["transport"], &["tcp.accepts_all"], Culprit::Contains(WEB))
        },
        ..WORLD
    },
];
