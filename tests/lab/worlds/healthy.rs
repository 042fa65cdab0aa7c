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
        expect: Expect { decides: "reproduce", ..HEALTHY },
        ..WORLD
    },
    World {
        name: "healthy-no-internet-claimed",
        says: "I think the internet is down",
        run: ("no-internet", ""),
        expect: Expect { decides: "reproduce", innocent: &["link", "ip", "route", "path", "dns", "http"], ..HEALTHY },
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
        expect: Expect { decides: "reproduce", innocent: &[GATEWAY, "route", "path"], ..HEALTHY },
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
        expect: Expect { decides: "reproduce", innocent: &[GATEWAY, "route", "path"], ..HEALTHY },
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
        expect: Expect { decides: "lookup", innocent: &[RESOLVER, "path", "route"], seconds: 8.0, ..HEALTHY },
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
        expect: Expect {
            decides: "reproduce",
            innocent: &["ip", "route", "path", "transport"],
            seconds: 6.0,
            ..HEALTHY
        },
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
        expect: Expect { decides: "reproduce", innocent: &["link", "virbr0", "docker0"], ..HEALTHY },
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
        expect: Expect { decides: "reproduce", innocent: &["host"], ..HEALTHY },
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
        expect: Expect { decides: "reproduce", innocent: &["proxy", "path", "transport"], seconds: 8.0, ..HEALTHY },
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
        expect: Expect { decides: "reproduce", innocent: &["path", "transport"], seconds: 8.0, ..HEALTHY },
        ..WORLD
    },
    World {
        name: "healthy-local-service",
        says: "does my report page run?",
        run: ("local-service", "http://127.0.0.1:8080/"),
        fault: |scene| scene.program("reportd", Does::Serves("0.0.0.0:8080")),
        proof: |eyes| eyes.page("127.0.0.1:8080", "localhost", "200"),
        expect: Expect { decides: "reproduce", innocent: &["process", "reportd"], ..HEALTHY },
        ..WORLD
    },
    World {
        name: "healthy-interception-that-is-trusted",
        says: "the lock icon shows a strange name",
        fault: |scene| scene.certificate(Certificate::InterceptedTrusted),
        expect: Expect {
            decides: "reproduce",

            innocent: &["path", "dns", "transport", "tls"],
            seconds: 6.0,
            ..HEALTHY
        },
        rule: (1, "the system's own trust decides what its programs accept; the inspection is a note"),
        ..WORLD
    },
    World {
        name: "healthy-resolver-without-tcp",
        says: "is the DNS all right?",
        fault: |scene| scene.resolvers(ResolverMood::UdpOnly),
        proof: |eyes| eyes.page("198.51.100.10:443", "www.example.test", "200"),
        expect: Expect { decides: "reproduce", innocent: &["dns", "path"], ..HEALTHY },
        ..WORLD
    },
    World {
        name: "healthy-ssh-server",
        says: "can I log in to the build server?",
        run: ("one-site-fails", "ssh://www.example.test"),
        fault: |scene| scene.serve("198.51.100.10:22", Speaks::Greeting("SSH-2.0-OpenSSH_9.2\r\n")),
        proof: |eyes| eyes.connects("198.51.100.10:22"),
        expect: Expect { decides: "greeting", innocent: &["transport", "application"], ..HEALTHY },
        ..WORLD
    },
    World {
        name: "healthy-udp-service",
        says: "does the time server work?",
        run: ("one-site-fails", "udp://time.example.test:123"),
        proof: |eyes| eyes.clock_ahead(TIME, 0),
        expect: Expect { decides: "udp", innocent: &["dns", "path"], ..HEALTHY },
        ..WORLD
    },
    World {
        name: "healthy-with-five-percent-loss",
        says: "a test page says that I lose packets",
        fault: |scene| scene.wire.drop_every(20, |packet| !packet.outbound),
        proof: |eyes| eyes.connections("198.51.100.10:443", 10, 8..=10),
        expect: Expect {
            decides: "reproduce",
            innocent: &["link", "route", "dns", "transport"],
            seconds: 8.0,
            ..HEALTHY
        },
        rule: (3, "the status comes from the goal: TCP mends some loss, and the page opens at once"),
        ..WORLD
    },
    World {
        name: "healthy-network-beside-processor-hog",
        says: "the fan is loud, so the network must be slow",
        fault: |scene| scene.program("indexer", Does::Spins),
        expect: Expect {
            decides: "reproduce",
            innocent: &["link", "ip", "route", "path", "dns", "transport", "http"],
            seconds: 8.0,
            ..HEALTHY
        },
        rule: (3, "a busy processor beside a page that opens is a note, not the verdict"),
        alone: true,
        ..WORLD
    },
    World {
        name: "complaint-does-not-show",
        says: "the shop did not open an hour ago",
        arguments: &["--symptom", "the shop did not open an hour ago"],
        expect: Expect {
            status: "undecided",
            code: &["case.not_reproduced"],
            decides: "reproduce",
            innocent: &["link", "ip", "route", "path", "dns", "transport", "tls", "http"],
            ..NOTHING
        },
        rule: (8, "that it works now does not mean that it is solved"),
        ..WORLD
    },
    World {
        name: "complaint-that-the-log-remembers",
        says: "the shop did not open an hour ago",
        arguments: &["--symptom", "the shop did not open an hour ago"],
        fault: |scene| {
            scene.client.log.push(("kernel", "e1000e 0000:00:1f.6 eth0: NIC Link is Down"));
            scene.client.log.push(("NetworkManager[511]", "<error> [eth0] dhcp4: carrier lost, lease expired"));
        },
        expect: Expect {
            status: "degraded",
            certainty: "suspected",
            layer: &["host"],
            code: &["host.log_errors"],
            decides: "log",
            innocent: &["dns", "transport", "tls", "http"],
            ..NOTHING
        },
        rule: (8, "what the machine recorded at the reported time makes a suspicion of it"),
        ..WORLD
    },
    World {
        name: "healthy-hosts-file-entry",
        says: "somebody wrote into my hosts file",
        fault: |scene| scene.client.hosts.push(format!("{SECOND_WEB} www.example.test")),
        proof: |eyes| eyes.page("198.51.100.11:443", "www.example.test", "200"),
        expect: Expect { decides: "reproduce", innocent: &["dns", "transport", "/etc/hosts"], ..HEALTHY },
        rule: (2, "an entry that leads to a server that works explains nothing"),
        ..WORLD
    },
    World {
        name: "healthy-second-gateway-dead",
        says: "the network list shows a second line that is down",
        run: ("no-internet", ""),
        fault: |scene| {
            let spare = route("0.0.0.0", 0, Way::Via(ip("192.0.2.254")));
            scene.client.routes[0].metric = Some(10);
            scene.client.routes.push(Route { metric: Some(100), ..spare });
        },
        proof: |eyes| eyes.pings("192.0.2.254", false),
        expect: Expect { decides: "reproduce", innocent: &["route", "path", "192.0.2.254"], ..HEALTHY },
        ..WORLD
    },
    World {
        name: "healthy-idle-dead-tunnel",
        says: "there is a VPN in the list that is not connected",
        fault: |scene| scene.client.links.push(ExtraLink::Tunnel("tun0", "10.8.0.6", 24)),
        proof: |eyes| eyes.page("198.51.100.10:443", "www.example.test", "200"),
        expect: Expect { decides: "reproduce", innocent: &["vpn", "route", "tun0"], ..HEALTHY },
        ..WORLD
    },
    World {
        name: "healthy-reduced-path-mtu",
        says: "somebody told me that the MTU is wrong",
        run: ("slow", "https://www.example.test/"),
        fault: |scene| {
            scene.gateway.mtu = Some(1_400);
            scene.page(Page::Big(100_000));
        },
        proof: |eyes| {
            eyes.pings_large(WEB, 1_300, true)?;
            eyes.page("198.51.100.10:443", "www.example.test", "200")
        },
        expect: Expect { decides: "reproduce", innocent: &["path", "link", "tls"], seconds: 20.0, ..HEALTHY },
        ..WORLD
    },
    World {
        name: "healthy-mail-server",
        says: "can I send mail?",
        run: ("one-site-fails", "submission://mail.example.test"),
        fault: |scene| scene.serve("198.51.100.10:587", Speaks::Greeting("220 mail.example.test ESMTP\r\n")),
        proof: |eyes| eyes.connects("198.51.100.10:587"),
        expect: Expect { decides: "greeting", innocent: &["transport", "application"], ..HEALTHY },
        ..WORLD
    },
    World {
        name: "healthy-share",
        says: "is the team drive there?",
        run: ("one-site-fails", "smb://files.example.test/team"),
        fault: |scene| scene.serve("198.51.100.10:445", Speaks::Nothing),
        proof: |eyes| eyes.connects("198.51.100.10:445"),
        expect: Expect { decides: "tcp", innocent: &["transport", "application"], ..HEALTHY },
        ..WORLD
    },
    World {
        name: "healthy-udp-echo",
        says: "does the telephone port answer?",
        run: ("one-site-fails", "udp://www.example.test:5060"),
        fault: |scene| scene.serve("198.51.100.10:5060", Speaks::Echo),
        expect: Expect { decides: "udp", innocent: &["transport", "path"], ..HEALTHY },
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
        expect: Expect { decides: "reproduce", innocent: &["ip", "route", "path"], ..HEALTHY },
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
        expect: Expect { decides: "reproduce", innocent: &["route", "path", GATEWAY, "192.0.2.250"], ..HEALTHY },
        ..WORLD
    },
    World {
        name: "healthy-system-says-offline",
        says: "can I work, although the symbol says no internet?",
        fault: |scene| scene.client.files.push((SAYS_OFFLINE.0.to_owned(), SAYS_OFFLINE.1.to_owned())),
        proof: |eyes| eyes.page("198.51.100.10:443", "www.example.test", "200"),
        expect: Expect { decides: "reproduce", innocent: &["host", "path", "link"], ..HEALTHY },
        ..WORLD
    },
    World {
        name: "system-says-offline",
        says: "the mail program says that it is offline, the browser works",
        run: ("no-internet", ""),
        fault: |scene| scene.client.files.push((SAYS_OFFLINE.0.to_owned(), SAYS_OFFLINE.1.to_owned())),
        proof: |eyes| eyes.page("198.51.100.80:80", "control.example.test", "200"),
        expect: Expect {
            decides: "online",
            cause: &["system-says-offline"],
            innocent: &["link", "ip", "route", "path", "dns"],
            ..degraded(&["host"], &["host.says_offline"], Culprit::Is("systemd-networkd"))
        },
        ..WORLD
    },
    World {
        name: "healthy-policy-rule-into-an-empty-table",
        says: "the VPN program left a rule behind, does it hurt?",
        fault: |scene| scene.client.rules.push(Rule { to: (WEB, 32), port: 0, table: Some(100), mark: None }),
        proof: |eyes| eyes.page("198.51.100.10:443", "www.example.test", "200"),
        expect: Expect { decides: "reproduce", innocent: &["route", "path", "dns", "vpn"], ..HEALTHY },
        ..WORLD
    },
    World {
        name: "healthy-fixed-entry-of-somebody-else",
        says: "somebody fixed a hardware address here and made packets smaller, is that bad?",
        fault: |scene| {
            scene.client.fixed_neighbours.push((ip(SIBLING), [2, 0, 0, 0, 0, 0x66]));
            scene.client.mtu = Some(1_280);
        },
        proof: |eyes| {
            eyes.pings(SIBLING, false)?;
            eyes.page("198.51.100.10:443", "www.example.test", "200")
        },
        expect: Expect { decides: "reproduce", innocent: &["link", "route", "path"], ..HEALTHY },
        ..WORLD
    },
    World {
        name: "healthy-resolvers-drop-extended-queries",
        says: "the old firewall drops something of DNS, says the log",
        run: ("dns", "www.example.test"),
        fault: |scene| scene.resolvers(ResolverMood::DropsExtended),
        proof: |eyes| eyes.resolves(RESOLVER, "www.example.test", WEB),
        expect: Expect { decides: "lookup", innocent: &["path", "dns", RESOLVER], seconds: 6.0, ..HEALTHY },
        rule: (3, "programs here ask without EDNS, and what they do not use cannot hurt them"),
        ..WORLD
    },
];
