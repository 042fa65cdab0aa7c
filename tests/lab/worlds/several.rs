//! Worlds with more than one thing wrong: faults that hide others, independent faults, and choices between equals of
//! which only one is used.

use crate::scene::*;
use crate::world::*;
use std::io::ErrorKind::{self, ConnectionRefused};

pub const WORLDS: &[World] = &[
    World {
        name: "expired-certificate-at-one-of-two-addresses",
        says: "the intranet warns of a certificate, but not always",
        run: ("one-site-fails", "https://both.example.test/"),
        arguments: &["--symptom", "warns of a certificate, but not always"],
        fault: |scene| {
            let page = Page::Text("welcome to the lab");
            scene.serve("198.51.100.11:443", Speaks::Https(Certificate::Expired, Handshake::Normal, page));
        },
        proof: |eyes| {
            eyes.page("198.51.100.10:443", "both.example.test", "200")?;
            eyes.no_page("198.51.100.11:443", "both.example.test", "Expired")
        },
        expect: Expect {
            or_status: "fault",
            cause: &["one-address-without-good-certificate"],
            decides: "each-address",
            innocent: &["link", "ip", "route", "path", "dns", WEB],
            ..degraded(&["tls"], &["tls.expired"], Culprit::Contains("198.51.100.11"))
        },
        rule: (7, "a page that opens at one address says nothing about the certificate of the other"),
        ..WORLD
    },
    World {
        name: "server-error-at-one-of-two-addresses",
        says: "the intranet shows an error every second time",
        run: ("one-site-fails", "https://both.example.test/"),
        arguments: &["--symptom", "an error every second time"],
        fault: |scene| {
            let page = Page::Status(503);
            scene.serve("198.51.100.11:443", Speaks::Https(Certificate::Good, Handshake::Normal, page));
        },
        proof: |eyes| {
            eyes.page("198.51.100.10:443", "both.example.test", "200")?;
            eyes.page("198.51.100.11:443", "both.example.test", "503")
        },
        expect: Expect {
            cause: &["one-address-without-the-page"],
            decides: "each-address",
            innocent: &["link", "ip", "route", "path", "dns", "tls", WEB],
            ..degraded(&["http"], &["http.server_error"], Culprit::Contains("198.51.100.11"))
        },
        rule: (8, "it works now because chance led to the sound one of two servers"),
        ..WORLD
    },
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
            cause: &["preferred-gateway-dead"],
            decides: "gateway",
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
            cause: &["local-filter"],
            decides: "filter",
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
            cause: &["hosts-override"],
            decides: "by-dns-address",
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
            cause: &["no-carrier"],
            decides: "link",
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
            cause: &["gateway-dead"],
            decides: "gateway",
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
            scene.disk("/srv/data", Disk::Full);
        },
        proof: |eyes| eyes.fails("198.51.100.10:443", ConnectionRefused),
        expect: Expect {
            cause: &["port-refused"],
            decides: "tcp",
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
            cause: &["port-refused"],
            decides: "tcp",
            innocent: &["link", "ip", "route", "path", "dns", GATEWAY],
            ..fault(&["transport"], &["tcp.refused"], Culprit::Contains("198.51.100.10"))
        },
        rule: (1, "the target refuses: its answer came through the gateway that drops pings"),
        ..WORLD
    },
    World {
        name: "carrier-lost-beside-full-disk",
        says: "no internet, and saving fails too",
        run: ("no-internet", ""),
        fault: |scene| {
            scene.client.carrier = false;
            scene.disk("/srv/data", Disk::Full);
        },
        proof: |eyes| eyes.carrier("eth0", false),
        expect: Expect {
            cause: &["no-carrier"],
            decides: "link",
            also: &["host"],
            innocent: &["ip", "route", "path", "dns"],
            ..fault(&["link"], &["link.no_carrier"], Culprit::Is("eth0"))
        },
        ..WORLD
    },
    World {
        name: "expired-certificate-beside-full-disk",
        says: "the browser warns me, and downloads fail",
        fault: |scene| {
            scene.certificate(Certificate::Expired);
            scene.disk("/srv/data", Disk::Full);
        },
        proof: |eyes| eyes.no_page("198.51.100.10:443", "www.example.test", "Expired"),
        expect: Expect {
            cause: &["certificate-expired"],
            decides: "tls",
            also: &["host"],
            innocent: &["link", "ip", "route", "path", "dns", "transport"],
            ..fault(&["tls"], &["tls.expired"], Culprit::Is("www.example.test"))
        },
        ..WORLD
    },
    World {
        name: "server-error-beside-read-only-disk",
        says: "the shop shows an error, and my folder takes no files",
        fault: |scene| {
            scene.page(Page::Status(500));
            scene.disk("/srv/data", Disk::ReadOnly);
        },
        proof: |eyes| match std::fs::write("/srv/data/more", "x") {
            Err(_) => eyes.page("198.51.100.10:443", "www.example.test", "500"),
            Ok(()) => Err("the folder takes files".to_owned()),
        },
        expect: Expect {
            cause: &["server-error"],
            decides: "reproduce",
            also: &["host"],
            innocent: &["link", "ip", "route", "path", "dns", "transport", "tls"],
            ..fault(&["http"], &["http.server_error"], Culprit::Is("www.example.test"))
        },
        ..WORLD
    },
    World {
        name: "unknown-name-beside-disk-without-inodes",
        says: "the page in the mail does not open, and no file can be made",
        run: ("one-site-fails", "https://wwww.example.test/"),
        fault: |scene| scene.disk("/srv/data", Disk::NoInodes),
        proof: |eyes| eyes.answers(RESOLVER, "wwww.example.test", "NXDomain"),
        expect: Expect {
            cause: &["name-does-not-exist"],
            decides: "dns",
            also: &["host"],
            innocent: &["link", "ip", "route", "path", RESOLVER],
            ..fault(&["dns"], &["dns.nxdomain"], Culprit::Is("wwww.example.test"))
        },
        ..WORLD
    },
    World {
        name: "closed-proxy-beside-full-disk",
        says: "no page opens in the office, and saving fails too",
        run: ("proxy", "https://www.example.test/"),
        fault: |scene| {
            scene.behind_proxy(ProxyMood::Works);
            scene.close("198.51.100.90:3128");
            scene.only_proxy_and_names();
            scene.disk("/srv/data", Disk::Full);
        },
        proof: |eyes| eyes.refused("198.51.100.90:3128"),
        expect: Expect {
            cause: &["proxy-refused"],
            decides: "proxy",
            also: &["host"],
            innocent: &["link", "ip", "route", "path", "dns", "transport"],
            ..fault(&["proxy"], &["proxy.refused"], Culprit::Contains("proxy.example.test"))
        },
        ..WORLD
    },
    World {
        name: "closed-port-beside-dead-first-resolver",
        says: "the shop does not open, and everything starts slowly",
        fault: |scene| {
            scene.resolvers[0].mood = ResolverMood::Silent;
            scene.close("198.51.100.10:443");
        },
        proof: |eyes| {
            eyes.no_answer(RESOLVER, ErrorKind::WouldBlock)?;
            eyes.refused("198.51.100.10:443")
        },
        expect: Expect {
            cause: &["port-refused"],
            decides: "tcp",
            also: &["dns"],
            innocent: &["link", "ip", "route", "path", SECOND_RESOLVER],
            seconds: 15.0,
            ..fault(&["transport"], &["tcp.refused"], Culprit::Contains("198.51.100.10:443"))
        },
        ..WORLD
    },
    World {
        name: "server-error-beside-dead-first-resolver",
        says: "the shop shows an error, and everything starts slowly",
        fault: |scene| {
            scene.resolvers[0].mood = ResolverMood::Silent;
            scene.page(Page::Status(500));
        },
        proof: |eyes| eyes.no_answer(RESOLVER, ErrorKind::WouldBlock),
        expect: Expect {
            cause: &["server-error"],
            decides: "reproduce",
            also: &["dns"],
            innocent: &["link", "ip", "route", "path", "transport", "tls", SECOND_RESOLVER],
            seconds: 15.0,
            ..fault(&["http"], &["http.server_error"], Culprit::Is("www.example.test"))
        },
        ..WORLD
    },
    World {
        name: "expired-certificate-beside-dead-second-address",
        says: "the shop hangs a moment and then warns me",
        run: ("one-site-fails", "https://both.example.test/"),
        fault: |scene| {
            scene.certificate(Certificate::Expired);
            scene.wire.drop(|packet| packet.touches(SECOND_WEB));
        },
        proof: |eyes| {
            eyes.silent("198.51.100.11:443")?;
            eyes.no_page("198.51.100.10:443", "both.example.test", "Expired")
        },
        expect: Expect {
            cause: &["certificate-expired"],
            decides: "tls",
            also: &["transport"],
            innocent: &["link", "ip", "route", "path", "dns"],
            seconds: 15.0,
            ..fault(&["tls"], &["tls.expired"], Culprit::Is("both.example.test"))
        },
        ..WORLD
    },
    World {
        name: "server-error-beside-closed-second-address",
        says: "the shop shows an error, at other times it does not even connect",
        run: ("one-site-fails", "https://both.example.test/"),
        fault: |scene| {
            scene.page(Page::Status(503));
            scene.close("198.51.100.11:443");
        },
        proof: |eyes| {
            eyes.refused("198.51.100.11:443")?;
            eyes.page("198.51.100.10:443", "both.example.test", "503")
        },
        expect: Expect {
            cause: &["server-error"],
            decides: "reproduce",
            also: &["transport"],
            innocent: &["link", "ip", "route", "path", "dns", "tls"],
            ..fault(&["http"], &["http.server_error"], Culprit::Is("both.example.test"))
        },
        ..WORLD
    },
    World {
        name: "expired-certificate-beside-a-clock-ten-minutes-off",
        says: "the browser warns me, and the clock on the wall is right, mine is not",
        fault: |scene| {
            scene.certificate(Certificate::Expired);
            scene.clock_ahead_s = 600;
        },
        proof: |eyes| eyes.clock_ahead(TIME, 600),
        expect: Expect {
            cause: &["certificate-expired"],
            decides: "tls",
            also: &["host"],
            innocent: &["link", "ip", "route", "path", "dns", "transport"],
            ..fault(&["tls"], &["tls.expired"], Culprit::Is("www.example.test"))
        },
        rule: (4, "a clock that is off is not the culprit where the right time does not help"),
        ..WORLD
    },
    World {
        name: "slow-page-beside-loss",
        says: "everything is slow, the shop most of all",
        run: ("slow", "https://www.example.test/"),
        fault: |scene| {
            scene.page(Page::Slow(4_000));
            scene.wire.drop_every(10, |packet| !packet.outbound && packet.icmp());
        },
        proof: |eyes| eyes.connects("198.51.100.10:443"),
        expect: Expect {
            // Loss may slow the page, so it is the lower of the two.
            cause: &["loss-on-the-way"],
            decides: "path-quality",
            also: &["http"],
            innocent: &["link", "ip", "route", "dns", "tls"],
            seconds: 25.0,
            ..degraded(&["path"], &["path.loss"], Culprit::Contains(WEB))
        },
        ..WORLD
    },
    World {
        name: "slow-page-beside-slow-resolvers",
        says: "the shop takes ages, and other pages start late",
        run: ("slow", "https://www.example.test/"),
        fault: |scene| {
            scene.page(Page::Slow(4_000));
            scene.resolvers(ResolverMood::Slow(1_500));
        },
        expect: Expect {
            cause: &["server-slow"],
            decides: "reproduce",
            also: &["dns"],
            innocent: &["link", "ip", "route", "path", "tls"],
            seconds: 25.0,
            ..degraded(&["http"], &["http.slow_first_byte"], Culprit::Is("www.example.test"))
        },
        ..WORLD
    },
    World {
        name: "full-disk-beside-lost-carrier",
        says: "check this machine, nothing works",
        run: ("this-machine", ""),
        fault: |scene| {
            scene.client.carrier = false;
            scene.disk("/srv/data", Disk::Full);
        },
        proof: |eyes| eyes.carrier("eth0", false),
        expect: Expect {
            cause: &["no-carrier"],
            decides: "link",
            also: &["host"],
            innocent: &["ip", "dns"],
            seconds: 12.0,
            ..fault(&["link"], &["link.no_carrier"], Culprit::Is("eth0"))
        },
        ..WORLD
    },
    World {
        name: "addresses-that-fail-each-in-its-own-way",
        says: "the intranet does not open",
        run: ("one-site-fails", "https://both.example.test/"),
        fault: |scene| {
            scene.gateway.routes.push(route(WEB, 32, Way::Unreachable));
            scene.wire.drop(|packet| packet.touches(SECOND_WEB) && packet.tcp(443));
        },
        proof: |eyes| {
            eyes.fails("198.51.100.10:443", ErrorKind::HostUnreachable)?;
            eyes.silent("198.51.100.11:443")
        },
        expect: Expect {
            cause: &["addresses-fail-differently"],
            decides: "tcp",
            innocent: &["link", "ip", "route", "dns"],
            certainty: "suspected",
            ..fault(&["none"], &[], Culprit::Contains(SECOND_WEB))
        },
        rule: (2, "that a router knows no way to one address does not explain the silence of the other"),
        ..WORLD
    },
];
