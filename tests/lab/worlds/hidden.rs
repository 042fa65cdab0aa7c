//! One fault hides another. The lower one is the verdict; the hidden one could not be seen by anybody on this machine,
//! so its layer is named as not tested and is never blamed.

use crate::scene::*;
use crate::world::*;
use std::io::ErrorKind::{HostUnreachable, NetworkUnreachable};

pub const WORLDS: &[World] = &[
    World {
        name: "interface-off-hides-silent-resolvers",
        says: "the shop does not open",
        fault: |scene| {
            scene.client.up = false;
            scene.resolvers(ResolverMood::Silent);
        },
        proof: |eyes| eyes.fails("198.51.100.10:443", NetworkUnreachable),
        expect: Expect {
            cause: &["interface-off"],
            decides: "link",
            innocent: &["ip", "route", "path", "dns", RESOLVER],
            hidden: &["dns", "tls"],
            ..fault(&["link"], &["link.admin_down"], Culprit::Is("eth0"))
        },
        ..WORLD
    },
    World {
        name: "no-address-hides-missing-page",
        says: "my bookmark does not open",
        fault: |scene| {
            scene.client.addresses.clear();
            scene.client.routes.clear();
            scene.page(Page::Status(404));
        },
        proof: |eyes| eyes.fails("198.51.100.10:443", NetworkUnreachable),
        expect: Expect {
            cause: &["no-address"],
            decides: "address",
            innocent: &["link", "route", "path", "dns", "http"],
            hidden: &["tls", "transport"],
            ..fault(&["ip"], &["ip.none"], Culprit::Is("eth0"))
        },
        ..WORLD
    },
    World {
        name: "no-default-route-hides-expired-certificate",
        says: "the shop does not open",
        fault: |scene| {
            scene.client.routes.clear();
            scene.certificate(Certificate::Expired);
        },
        proof: |eyes| eyes.fails("198.51.100.10:443", NetworkUnreachable),
        expect: Expect {
            cause: &["no-default-route"],
            decides: "default-route",
            innocent: &["link", "ip", "path", "dns", "tls"],
            hidden: &["tls"],
            ..fault(&["route"], &["route.no_default"], Culprit::Is("default route"))
        },
        ..WORLD
    },
    World {
        name: "silent-resolvers-hide-closed-port",
        says: "the shop does not open",
        fault: |scene| {
            scene.resolvers(ResolverMood::Silent);
            scene.close("198.51.100.10:443");
        },
        proof: |eyes| eyes.refused("198.51.100.10:443"),
        expect: Expect {
            cause: &["resolvers-silent"],
            decides: "resolver-echo",
            innocent: &["link", "ip", "route", "path", "transport"],
            hidden: &["transport", "tls"],
            ..fault(&["dns"], &["dns.timeout"], Culprit::Contains(RESOLVER))
        },
        ..WORLD
    },
    World {
        name: "refusing-resolvers-hide-expired-certificate",
        says: "the shop does not open at this desk",
        fault: |scene| {
            scene.resolvers(ResolverMood::Refuses);
            scene.certificate(Certificate::Expired);
        },
        proof: |eyes| eyes.answers(RESOLVER, "www.example.test", "Refused"),
        expect: Expect {
            cause: &["resolver-refuses"],
            decides: "dns",
            innocent: &["link", "ip", "route", "path", "transport", "tls"],
            hidden: &["transport", "tls"],
            ..fault(&["dns"], &["dns.refused"], Culprit::Contains(RESOLVER))
        },
        ..WORLD
    },
    World {
        name: "silent-port-hides-expired-certificate",
        says: "the shop loads for ever",
        fault: |scene| {
            scene.certificate(Certificate::Expired);
            scene.wire.drop(|packet| packet.touches(WEB) && packet.tcp(443));
        },
        proof: |eyes| eyes.silent("198.51.100.10:443"),
        expect: Expect {
            cause: &["port-silent"],
            decides: "target-echo",
            innocent: &["link", "ip", "route", "path", "dns", "tls"],
            hidden: &["tls"],
            ..fault(&["transport"], &["tcp.timeout"], Culprit::Contains("198.51.100.10:443"))
        },
        ..WORLD
    },
    World {
        name: "dead-tunnel-hides-closed-port",
        says: "the intranet does not open",
        fault: |scene| {
            scene.route_into_tunnel(ExtraLink::Tunnel("tun0", "10.8.0.6", 24), &[(WEB, 32)]);
            scene.close("198.51.100.10:443");
        },
        proof: |eyes| eyes.silent("198.51.100.10:443"),
        expect: Expect {
            cause: &["vpn-route-left-behind"],
            decides: "tunnels",
            innocent: &["link", "ip", "path", "dns", "transport", "tls"],
            hidden: &["tls"],
            ..fault(&["vpn"], &["vpn.route_left_behind"], Culprit::Contains("tun0"))
        },
        ..WORLD
    },
    World {
        name: "local-filter-hides-expired-certificate",
        says: "the shop does not open on this machine",
        fault: |scene| {
            scene.certificate(Certificate::Expired);
            scene.client.filter = "table inet filter {
                chain output { type filter hook output priority 0; policy accept; tcp dport 443 drop; }
            }"
            .to_owned();
        },
        proof: |eyes| eyes.silent("198.51.100.10:443"),
        expect: Expect {
            cause: &["local-filter"],
            decides: "filter",
            innocent: &["link", "ip", "route", "path", "dns", "transport", "tls"],
            hidden: &["tls"],
            ..fault(&["host"], &["host.filter_drops"], Culprit::Contains("dport 443"))
        },
        ..WORLD
    },
    World {
        name: "silent-login-port-hides-mute-server",
        says: "the login to the build server does not work",
        run: ("one-site-fails", "ssh://www.example.test"),
        fault: |scene| {
            scene.serve("198.51.100.10:22", Speaks::Nothing);
            scene.wire.drop(|packet| packet.tcp(22));
        },
        proof: |eyes| eyes.silent("198.51.100.10:22"),
        expect: Expect {
            cause: &["port-silent"],
            decides: "target-echo",
            innocent: &["link", "ip", "route", "path", "dns", "application"],
            hidden: &["application"],
            ..fault(&["transport"], &["tcp.timeout"], Culprit::Contains("198.51.100.10:22"))
        },
        ..WORLD
    },
    World {
        name: "router-prohibits-and-hides-silent-handshake",
        says: "the partner's site does not open",
        fault: |scene| {
            scene.gateway.routes.push(route(WEB, 32, Way::Prohibit));
            scene.handshake(Handshake::Silent);
        },
        proof: |eyes| eyes.fails("198.51.100.10:443", HostUnreachable),
        expect: Expect {
            cause: &["router-prohibits"],
            decides: "tcp",
            innocent: &["link", "ip", "route", "dns", "tls"],
            hidden: &["tls"],
            ..fault(&["path"], &["path.prohibited"], Culprit::Is(GATEWAY))
        },
        ..WORLD
    },
    World {
        name: "cut-line-hides-server-error",
        says: "the shop does not open, nothing does",
        fault: |scene| {
            scene.wire.drop(|_| true);
            scene.page(Page::Status(500));
        },
        proof: |eyes| {
            eyes.pings(GATEWAY, true)?;
            eyes.silent("198.51.100.10:443")
        },
        expect: Expect {
            cause: &["nothing-beyond-gateway"],
            decides: "gateway-echo",
            innocent: &["link", "ip", "route", "dns", "http"],
            hidden: &["transport", "tls"],
            ..fault(&["path"], &["path.silent"], Culprit::Is(GATEWAY))
        },
        ..WORLD
    },
];
