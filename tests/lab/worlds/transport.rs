//! Faults of TCP at the target.

use crate::scene::*;
use crate::world::*;
use std::io::ErrorKind::ConnectionReset;

/// What a fault of the target's port must not be blamed on.
const BELOW: &[&str] = &["link", "ip", "route", "dns", "proxy"];

pub const WORLDS: &[World] = &[
    World {
        name: "target-refuses",
        says: "the shop says it cannot connect",
        fault: |scene| scene.close("198.51.100.10:443"),
        proof: |eyes| eyes.refused("198.51.100.10:443"),
        expect: Expect {
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
            innocent: BELOW,
            ..fault(
                &["transport", "path"],
                &["tcp.timeout", "tcp.host_unreachable", "path.unreachable"],
                Culprit::Contains(NOBODY),
            )
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
            innocent: BELOW,
            ..degraded(&["transport"], &["tcp.some_dead", "tcp.timeout"], Culprit::Contains(SECOND_WEB))
        },
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
            innocent: &["link", "dns", "proxy", "tls"],
            ..degraded(&["transport", "path"], &["tcp.some_dead", "tcp.timeout"], Culprit::OneOf(&[WEB_SIX, "ipv6"]))
        },
        ..WORLD
    },
    World {
        name: "ssh-port-closed",
        says: "I cannot log in to the build server",
        run: ("one-site-fails", "www.example.test:22"),
        proof: |eyes| eyes.refused("198.51.100.10:22"),
        expect: Expect {
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
            innocent: &["link", "ip", "route", "dns", "transport"],
            ..fault(&["application"], &["app.wrong_protocol"], Culprit::OneOf(&[WEB, "www.example.test"]))
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
            cause: &["connections-redirected-here"],
            innocent: &["link", "ip", "route", "path", "dns", "tls"],
            seconds: 15.0,
            ..fault(&["host"], &["tcp.accepts_all"], Culprit::Contains("ip agent output"))
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
            cause: &["connection-says-nothing"],
            innocent: &["link", "ip", "route", "path", "dns", "host"],
            ..degraded(&["transport"], &["tcp.accepts_all"], Culprit::Contains(WEB))
        },
        ..WORLD
    },
];
