//! Worlds with more than one thing wrong: faults that hide others, independent faults, and choices between equals of
//! which only one is used.

use crate::scene::*;
use crate::world::*;
use std::io::ErrorKind::{self, ConnectionRefused};

pub const WORLDS: &[World] = &[
    World {
        name: "better-metric-leads-to-dead-gateway",
        says: "since the second line was installed nothing works",
        run: ("no-internet", ""),
        fault: |scene| {
            scene.client.routes = vec![
                Route { metric: Some(10), ..route("0.0.0.0", 0, Way::Via(ip("192.0.2.254"))) },
                Route { metric: Some(100), ..route("0.0.0.0", 0, Way::Via(ip(GATEWAY))) },
            ];
        },
        proof: |eyes| eyes.pings(GATEWAY, true),
        expect: Expect {
            innocent: &["link", "dns", "path", RESOLVER],
            ..fault(&["route"], &["route.gateway_dead"], Culprit::Contains("192.0.2.254"))
        },
        ..WORLD
    },
    World {
        name: "filter-drops-names",
        says: "nothing opens since the security update",
        run: ("no-internet", ""),
        fault: |scene| {
            scene.client.filter = "table inet filter {
                chain output { type filter hook output priority 0; policy accept; udp dport 53 drop; tcp dport 53 drop; }
            }"
            .to_owned();
        },
        proof: |eyes| eyes.connects("198.51.100.10:443"),
        expect: Expect {
            innocent: &["link", "ip", "route", "path", RESOLVER],
            ..fault(&["host"], &["host.filter_drops"], Culprit::Contains("dport 53"))
        },
        ..WORLD
    },
    World {
        name: "hosts-file-leads-to-another-server",
        says: "the shop shows a certificate warning on this machine only",
        fault: |scene| {
            scene.client.hosts.push("198.51.100.11 www.example.test".to_owned());
            let page = Page::Text("another shop");
            scene.serve("198.51.100.11:443", Speaks::Https(Certificate::WrongName, Handshake::Normal, page));
        },
        proof: |eyes| eyes.connects("198.51.100.11:443"),
        expect: Expect {
            innocent: &["link", "ip", "route", "path"],
            ..fault(&["dns"], &["dns.hosts_override"], Culprit::Contains("/etc/hosts"))
        },
        ..WORLD
    },
    World {
        name: "carrier-lost-hides-expired-certificate",
        says: "the shop does not open",
        fault: |scene| {
            scene.client.carrier = false;
            scene.certificate(Certificate::Expired);
        },
        proof: |eyes| eyes.carrier("eth0", false),
        expect: Expect {
            innocent: &["dns", "tls", "path"],
            hidden: &["tls"],
            ..fault(&["link"], &["link.no_carrier"], Culprit::Contains("eth0"))
        },
        ..WORLD
    },
    World {
        name: "gateway-dead-hides-closed-port",
        says: "the shop does not open",
        fault: |scene| {
            scene.gateway.alive = false;
            scene.close("198.51.100.10:443");
        },
        proof: |eyes| eyes.pings(SIBLING, true),
        expect: Expect {
            innocent: &["link", "dns", "tls"],
            hidden: &["transport"],
            ..fault(&["route"], &["route.gateway_dead"], Culprit::Contains(GATEWAY))
        },
        ..WORLD
    },
    World {
        name: "closed-port-beside-full-disk",
        says: "the shop does not open, and saving fails too",
        fault: |scene| {
            scene.close("198.51.100.10:443");
            scene.client.full_disks.push(("/srv/data".to_owned(), 1 << 20));
        },
        proof: |eyes| eyes.fails("198.51.100.10:443", ConnectionRefused),
        expect: Expect {
            also: &["host"],
            innocent: &["link", "ip", "route", "path", "dns"],
            ..fault(&["transport"], &["tcp.refused"], Culprit::Contains("198.51.100.10"))
        },
        alone: true,
        ..WORLD
    },
    World {
        name: "refused-beside-mute-gateway",
        says: "the shop does not open",
        fault: |scene| {
            scene.gateway.answers_echo = false;
            scene.close("198.51.100.10:443");
        },
        proof: |eyes| eyes.fails("198.51.100.10:443", ErrorKind::ConnectionRefused),
        expect: Expect {
            innocent: &["link", "ip", "route", "path", "dns", GATEWAY],
            ..fault(&["transport"], &["tcp.refused"], Culprit::Contains("198.51.100.10"))
        },
        ..WORLD
    },
];
