//! Worlds in which everything works, with the quirks that make naive tools cry wolf.

use crate::scene::*;
use crate::world::*;
use std::io::ErrorKind;

/// What systemd-networkd writes where it holds no link to be online.
const SAYS_OFFLINE: (&str, &str) =
    ("/run/systemd/netif/state", "OPER_STATE=routable\nCARRIER_STATE=carrier\nONLINE_STATE=offline\n");

pub const WORLDS: &[World] = &[
    World {
        name: "healthy",
        says: "it works, I only wanted to see",
        proof: |eyes| {
            eyes.carrier("eth0", true)?;
            eyes.resolves(RESOLVER, "www.example.test", WEB)?;
            eyes.resolves(SECOND_RESOLVER, "both.example.test", SECOND_WEB)?;
            eyes.answers(RESOLVER, "missing.example.test", "NXDomain")?;
            eyes.page("198.51.100.10:443", "www.example.test", "200")?;
            eyes.page("198.51.100.11:443", "both.example.test", "200")?;
            eyes.page("198.51.100.80:80", "control.example.test", "200")?;
            eyes.proxy_says("200")?;
            eyes.clock_ahead(TIME, 0)?;
            eyes.pings(GATEWAY, true)?;
            eyes.pings(WEB, true)?;
            eyes.pings(SIBLING, true)?;
            eyes.refused("198.51.100.10:8443")?;
            eyes.fails("198.51.100.200:443", ErrorKind::TimedOut)?;
            eyes.sibling_connects("198.51.100.10:443", true)
        },
        expect: HEALTHY,
        ..WORLD
    },
    World {
        name: "healthy-no-internet-claimed",
        says: "I think the internet is down",
        run: ("no-internet", ""),
        expect: HEALTHY,
        ..WORLD
    },
    World {
        name: "healthy-gateway-drops-pings",
        says: "ping to the router fails, so it must be the router",
        fault: |scene| scene.gateway.answers_echo = false,
        proof: |eyes| {
            eyes.pings(GATEWAY, false)?;
            eyes.page("198.51.100.10:443", "www.example.test", "200")
        },
        expect: Expect { innocent: &[GATEWAY, "route", "path"], ..HEALTHY },
        ..WORLD
    },
    World {
        name: "healthy-icmp-blocked-everywhere",
        says: "nothing answers pings",
        run: ("no-internet", ""),
        fault: |scene| {
            scene.gateway.answers_echo = false;
            scene.wire.drop(|packet| packet.icmp());
        },
        proof: |eyes| {
            eyes.pings(GATEWAY, false)?;
            eyes.pings(WEB, false)?;
            eyes.page("198.51.100.80:80", "control.example.test", "200")
        },
        expect: Expect { innocent: &[GATEWAY, "route", "path"], ..HEALTHY },
        ..WORLD
    },
    World {
        name: "healthy-second-resolver-dead",
        says: "is the DNS all right?",
        run: ("dns", "www.example.test"),
        fault: |scene| scene.resolvers[1].mood = ResolverMood::Silent,
        proof: |eyes| {
            eyes.no_answer(SECOND_RESOLVER, ErrorKind::WouldBlock)?;
            eyes.resolves(RESOLVER, "www.example.test", WEB)
        },
        expect: Expect { innocent: &[RESOLVER, "path", "route"], seconds: 8.0, ..HEALTHY },
        ..WORLD
    },
    World {
        name: "healthy-address-family-without-internet",
        says: "a test page says my IPv6 is broken",
        fault: |scene| {
            scene.with_six();
            scene.wire.drop(|packet| packet.destination.is_ipv6());
        },
        proof: |eyes| {
            eyes.connects("[2001:db8:2::10]:443").err().map(drop).ok_or("IPv6 works beyond the gateway")?;
            eyes.page("198.51.100.10:443", "www.example.test", "200")
        },
        expect: Expect { innocent: &["ip", "route", "path", "transport"], seconds: 6.0, ..HEALTHY },
        ..WORLD
    },
    World {
        name: "healthy-idle-virtual-interfaces",
        says: "there is a red cross in the network list",
        run: ("no-internet", ""),
        fault: |scene| {
            scene.client.links.push(ExtraLink::Bridge("virbr0"));
            scene.client.links.push(ExtraLink::BridgeDown("docker0"));
        },
        proof: |eyes| {
            eyes.carrier("virbr0", false)?;
            eyes.page("198.51.100.80:80", "control.example.test", "200")
        },
        expect: Expect { innocent: &["link", "virbr0", "docker0"], ..HEALTHY },
        ..WORLD
    },
    World {
        name: "healthy-filter-with-harmless-rules",
        says: "could the firewall be it?",
        fault: |scene| {
            scene.client.filter = "table inet filter {
                chain input { type filter hook input priority 0; policy accept; tcp dport 23 drop; }
                chain forward { type filter hook forward priority 0; policy drop; }
                chain output { type filter hook output priority 0; policy accept; tcp dport 25 reject; }
            }"
            .to_owned();
        },
        proof: |eyes| eyes.page("198.51.100.10:443", "www.example.test", "200"),
        expect: Expect { innocent: &["host"], ..HEALTHY },
        ..WORLD
    },
    World {
        name: "healthy-behind-a-proxy",
        says: "is it the proxy?",
        run: ("proxy", "https://www.example.test/"),
        fault: |scene| {
            scene.behind_proxy(ProxyMood::Works);
            scene.only_proxy_and_names();
        },
        proof: |eyes| {
            eyes.proxy_says("200")?;
            eyes.silent("198.51.100.10:443")
        },
        expect: Expect { innocent: &["proxy", "path", "transport"], seconds: 8.0, ..HEALTHY },
        ..WORLD
    },
    World {
        name: "healthy-dead-proxy-not-used-for-target",
        says: "somebody set a proxy here",
        fault: |scene| {
            scene.proxy_in_environment("http://10.9.9.9:8080");
            for name in ["no_proxy", "NO_PROXY"] {
                scene.client.environment.push((name.to_owned(), "localhost,.example.test".to_owned()));
            }
            scene.gateway.routes.push(route("10.0.0.0", 8, Way::Blackhole));
        },
        proof: |eyes| eyes.silent("10.9.9.9:8080"),
        expect: Expect { innocent: &["path", "transport"], seconds: 8.0, ..HEALTHY },
        ..WORLD
    },
    World {
        name: "healthy-local-service",
        says: "does my report page run?",
        run: ("local-service", "http://127.0.0.1:8080/"),
        fault: |scene| scene.program("reportd", Does::Serves("0.0.0.0:8080")),
        proof: |eyes| eyes.page("127.0.0.1:8080", "localhost", "200"),
        expect: Expect { innocent: &["process", "reportd"], ..HEALTHY },
        ..WORLD
    },
    World {
        name: "healthy-interception-that-is-trusted",
        says: "the lock icon shows a strange name",
        fault: |scene| scene.certificate(Certificate::InterceptedTrusted),
        expect: Expect { status: "", innocent: &["path", "dns", "transport"], seconds: 6.0, ..HEALTHY },
        ..WORLD
    },
    World {
        name: "healthy-resolver-without-tcp",
        says: "is the DNS all right?",
        fault: |scene| scene.resolvers(ResolverMood::UdpOnly),
        proof: |eyes| eyes.page("198.51.100.10:443", "www.example.test", "200"),
        expect: Expect { innocent: &["dns", "path"], ..HEALTHY },
        ..WORLD
    },
    World {
        name: "healthy-ssh-server",
        says: "can I log in to the build server?",
        run: ("one-site-fails", "ssh://www.example.test"),
        fault: |scene| scene.serve("198.51.100.10:22", Speaks::Greeting("SSH-2.0-OpenSSH_9.2\r\n")),
        proof: |eyes| eyes.connects("198.51.100.10:22"),
        expect: Expect { innocent: &["transport", "application"], ..HEALTHY },
        ..WORLD
    },
    World {
        name: "healthy-udp-service",
        says: "does the time server work?",
        run: ("one-site-fails", "udp://time.example.test:123"),
        proof: |eyes| eyes.clock_ahead(TIME, 0),
        expect: Expect { status: "", innocent: &["dns", "path"], ..HEALTHY },
        ..WORLD
    },
    World {
        name: "healthy-no-ipv6-at-all",
        says: "IPv6 is switched off here, is that bad?",
        run: ("no-internet", ""),
        fault: |scene| {
            for name in ["all", "default", "lo", "eth0"] {
                scene.client.kernel.push((format!("ipv6/conf/{name}/disable_ipv6"), "1".to_owned()));
            }
        },
        proof: |eyes| {
            // Not even the loopback has an address.
            eyes.fails("[::1]:443", ErrorKind::AddrNotAvailable)?;
            eyes.page("198.51.100.80:80", "control.example.test", "200")
        },
        expect: Expect { innocent: &["ip", "route", "path"], ..HEALTHY },
        ..WORLD
    },
    World {
        name: "healthy-two-equal-gateways",
        says: "there are two routers in the list, which one is wrong?",
        fault: |scene| {
            scene.sibling.push(ip("192.0.2.250"));
            scene.client.routes =
                vec![route("0.0.0.0", 0, Way::Shared(vec![(ip(GATEWAY), 30), (ip("192.0.2.250"), 1)]))];
        },
        proof: |eyes| {
            eyes.pings("192.0.2.250", true)?;
            eyes.page("198.51.100.10:443", "www.example.test", "200")
        },
        expect: Expect { innocent: &["route", "path", GATEWAY, "192.0.2.250"], ..HEALTHY },
        ..WORLD
    },
    World {
        name: "healthy-system-says-offline",
        says: "can I work, although the symbol says no internet?",
        fault: |scene| scene.client.files.push((SAYS_OFFLINE.0.to_owned(), SAYS_OFFLINE.1.to_owned())),
        proof: |eyes| eyes.page("198.51.100.10:443", "www.example.test", "200"),
        expect: Expect { innocent: &["host", "path", "link"], ..HEALTHY },
        ..WORLD
    },
    World {
        name: "system-says-offline",
        says: "the mail program says that it is offline, the browser works",
        run: ("no-internet", ""),
        fault: |scene| scene.client.files.push((SAYS_OFFLINE.0.to_owned(), SAYS_OFFLINE.1.to_owned())),
        proof: |eyes| eyes.page("198.51.100.80:80", "control.example.test", "200"),
        expect: Expect {
            cause: &["system-says-offline"],
            innocent: &["link", "ip", "route", "path", "dns"],
            ..degraded(&["host"], &["host.says_offline"], Culprit::Is("systemd-networkd"))
        },
        ..WORLD
    },
];
