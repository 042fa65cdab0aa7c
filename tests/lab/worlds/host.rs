//! Faults of the machine itself: packet filter, disk, processor.

use crate::scene::*;
use crate::world::*;

pub const WORLDS: &[World] = &[
    World {
        name: "connections-led-to-a-dead-port",
        says: "since the test environment was set up here, the intranet refuses me",
        fault: |scene| {
            scene.client.filter = "table ip dev {
                chain output { type nat hook output priority -100; policy accept;
                    tcp dport 443 redirect to :12345; }
            }"
            .to_owned();
        },
        proof: |eyes| {
            eyes.refused("198.51.100.10:443")?;
            eyes.sibling_connects("198.51.100.10:443", true)
        },
        expect: Expect {
            cause: &["connections-led-elsewhere-here"],
            decides: "filter",
            innocent: &["link", "ip", "route", "path", "dns", "transport", WEB],
            ..fault(&["host"], &["tcp.refused"], Culprit::Contains("redirect to :12345"))
        },
        rule: (2, "a refusal that a rule of this machine made looks like the target's own"),
        ..WORLD
    },
    World {
        name: "queries-led-elsewhere",
        says: "since the ad blocker was removed nothing opens",
        run: ("no-internet", ""),
        fault: |scene| {
            scene.client.filter = "table ip dev {
                chain output { type nat hook output priority -100; policy accept;
                    udp dport 53 dnat to 198.51.100.99; }
            }"
            .to_owned();
        },
        proof: |eyes| eyes.no_answer(RESOLVER, std::io::ErrorKind::WouldBlock),
        expect: Expect {
            cause: &["queries-led-elsewhere-here"],
            decides: "filter",
            innocent: &["link", "ip", "route", "path", "dns", RESOLVER],
            ..fault(&["host"], &["dns.timeout"], Culprit::Contains("udp dport 53 dnat"))
        },
        ..WORLD
    },
    World {
        name: "local-filter-drops-the-second-step",
        says: "the shop fails on this machine only",
        fault: |scene| {
            scene.client.filter = "table inet filter {
                chain input { type filter hook input priority 0; policy accept;
                    tcp sport 443 tcp flags & (syn | ack) == syn | ack drop; }
            }"
            .to_owned();
        },
        proof: |eyes| {
            eyes.silent("198.51.100.10:443")?;
            eyes.sibling_connects("198.51.100.10:443", true)
        },
        expect: Expect {
            cause: &["local-filter"],
            decides: "filter",
            innocent: &["link", "ip", "route", "path", "dns", "transport"],
            ..fault(&["host"], &["host.filter_drops"], Culprit::Contains("drop"))
        },
        ..WORLD
    },
    World {
        name: "local-filter-drops",
        says: "the shop fails on this machine only",
        fault: |scene| {
            scene.client.filter =
                "table inet filter {
                chain output { type filter hook output priority 0; policy accept; ip daddr 198.51.100.10 tcp dport 443 drop; }
            }"
                .to_owned();
        },
        proof: |eyes| {
            eyes.silent("198.51.100.10:443")?;
            eyes.connects("198.51.100.11:443")?;
            eyes.sibling_connects("198.51.100.10:443", true)
        },
        expect: Expect {
            cause: &["local-filter"],
            decides: "filter",
            innocent: &["link", "ip", "route", "path", "dns", "transport"],
            ..fault(&["host"], &["host.filter_drops"], Culprit::NotCompared)
        },
        ..WORLD
    },
    World {
        name: "local-filter-drops-what-this-user-sends",
        says: "the shop fails for me, my colleague opens it on the same machine",
        fault: |scene| {
            scene.client.filter = "table inet filter {
                chain output { type filter hook output priority 0; policy accept; meta skuid 0 tcp dport 443 drop; }
            }"
            .to_owned();
        },
        proof: |eyes| {
            eyes.silent("198.51.100.10:443")?;
            eyes.connects("198.51.100.80:80")?;
            eyes.sibling_connects("198.51.100.10:443", true)
        },
        expect: Expect {
            cause: &["local-filter"],
            decides: "filter",
            innocent: &["link", "ip", "route", "path", "dns", "transport"],
            ..fault(&["host"], &["host.filter_drops"], Culprit::Contains("skuid"))
        },
        ..WORLD
    },
    World {
        name: "local-filter-rejects",
        says: "no secure page opens, plain ones do",
        fault: |scene| {
            scene.client.filter = "table inet filter {
                chain output { type filter hook output priority 0; policy accept; tcp dport 443 reject with tcp reset; }
            }"
            .to_owned();
        },
        proof: |eyes| {
            eyes.refused("198.51.100.10:443")?;
            eyes.connects("198.51.100.80:80")
        },
        expect: Expect {
            cause: &["local-filter"],
            decides: "filter",
            innocent: &["link", "ip", "route", "path", "dns", "transport"],
            ..fault(&["host"], &["host.filter_drops"], Culprit::NotCompared)
        },
        ..WORLD
    },
    World {
        name: "disk-full",
        says: "this machine is acting up, programs do not save",
        run: ("this-machine", ""),
        fault: |scene| scene.disk("/srv/data", Disk::Full),
        proof: |_| match std::fs::write("/srv/data/more", [1; 8192]) {
            Err(_) => Ok(()),
            Ok(()) => Err("the disk takes more".to_owned()),
        },
        expect: Expect {
            cause: &["disk-full"],
            decides: "disk",
            seconds: 10.0,
            innocent: &["link", "ip", "route", "path", "dns"],
            ..fault(&["host"], &["host.disk_full"], Culprit::Contains("/srv/data"))
        },
        alone: true,
        ..WORLD
    },
    World {
        name: "processor-hog",
        says: "the machine is slow and the fan is loud",
        run: ("this-machine", ""),
        fault: |scene| scene.program("indexer", Does::Spins),
        expect: Expect {
            // What else the machine does decides whether one program is too much or all together are.
            cause: &["processor-hog", "processors-saturated"],
            decides: "busy",
            seconds: 10.0,
            innocent: &["link", "ip", "route", "path", "dns"],
            ..degraded(&["process"], &["process.cpu_hog", "host.cpu_busy"], Culprit::Contains("indexer"))
        },
        alone: true,
        ..WORLD
    },
    World {
        name: "disk-without-inodes",
        says: "there is space left, and still no file can be made",
        run: ("this-machine", ""),
        fault: |scene| scene.disk("/srv/data", Disk::NoInodes),
        proof: |_| match std::fs::write("/srv/data/more", "") {
            Err(_) => Ok(()),
            Ok(()) => Err("the disk takes another file".to_owned()),
        },
        expect: Expect {
            cause: &["inodes-full"],
            decides: "disk",
            seconds: 10.0,
            innocent: &["link", "ip", "route", "path", "dns"],
            ..fault(&["host"], &["host.inodes_full"], Culprit::Is("/srv/data"))
        },
        ..WORLD
    },
    World {
        name: "disk-read-only",
        says: "nothing can be saved since the crash",
        run: ("this-machine", ""),
        fault: |scene| scene.disk("/srv/data", Disk::ReadOnly),
        proof: |_| match std::fs::write("/srv/data/more", "x") {
            Err(_) => Ok(()),
            Ok(()) => Err("the disk takes files".to_owned()),
        },
        expect: Expect {
            cause: &["read-only"],
            decides: "disk",
            seconds: 10.0,
            innocent: &["link", "ip", "route", "path", "dns"],
            ..fault(&["host"], &["host.read_only"], Culprit::Is("/srv/data"))
        },
        ..WORLD
    },
    World {
        name: "clock-of-this-machine-wrong",
        says: "the sign-in says that my clock is wrong",
        run: ("this-machine", ""),
        fault: |scene| scene.clock_ahead_s = 7_200,
        proof: |eyes| eyes.clock_ahead(TIME, 7_200),
        expect: Expect {
            cause: &["clock-wrong"],
            decides: "clock",
            seconds: 10.0,
            innocent: &["link", "ip", "route", "path", "dns"],
            ..fault(&["host"], &["host.clock_off"], Culprit::Is("clock"))
        },
        ..WORLD
    },
    World {
        name: "local-ports-used-up",
        says: "nothing new connects, what is open goes on",
        fault: |scene| {
            scene.client.kernel.push(("ipv4/ip_local_port_range".to_owned(), "40000 40001".to_owned()));
            scene.program("exporter", Does::HoldsPorts("198.51.100.10:443"));
        },
        expect: Expect {
            cause: &["ports-exhausted"],
            decides: "resources",
            innocent: &["link", "ip", "route", "path", "dns", "transport"],
            ..fault(&["host"], &["host.ports_exhausted"], Culprit::Is("local ports"))
        },
        ..WORLD
    },
    World {
        name: "local-filter-drops-the-answers",
        says: "no secure page opens on this machine",
        fault: |scene| {
            scene.client.filter = "table inet filter {
                chain input { type filter hook input priority 0; policy accept; tcp sport 443 drop; }
            }"
            .to_owned();
        },
        proof: |eyes| {
            eyes.silent("198.51.100.10:443")?;
            eyes.connects("198.51.100.80:80")?;
            eyes.sibling_connects("198.51.100.10:443", true)
        },
        expect: Expect {
            cause: &["local-filter"],
            decides: "filter",
            innocent: &["link", "ip", "route", "path", "dns", "transport"],
            ..fault(&["host"], &["host.filter_drops"], Culprit::Contains("tcp sport 443 drop"))
        },
        ..WORLD
    },
    World {
        name: "packets-may-pass-one-router",
        says: "nothing opens since I tuned the system, only the printer here works",
        fault: |scene| scene.client.kernel.push(("ipv4/ip_default_ttl".to_owned(), "1".to_owned())),
        proof: |eyes| {
            eyes.pings(GATEWAY, true)?;
            eyes.connections("198.51.100.10:443", 1, 0..=0)?;
            eyes.sibling_connects("198.51.100.10:443", true)
        },
        expect: Expect {
            cause: &["hop-limit-too-small"],
            decides: "default-route",
            innocent: &["link", "ip", "route", "path", "dns", RESOLVER],
            ..fault(&["host"], &["dns.timeout"], Culprit::Contains("ip_default_ttl = 1"))
        },
        rule: (1, "a trace sets its own limits, so that its success says nothing of other packets"),
        ..WORLD
    },
    World {
        name: "filter-of-an-interface-drops-the-answers",
        says: "only the shop fails, and only on this computer",
        fault: |scene| {
            scene.client.filter =
                "table netdev guard { chain in { type filter hook ingress device \"eth0\" priority 0; \
                ip saddr 198.51.100.10 tcp sport 443 drop; }\n}"
                    .to_owned();
        },
        proof: |eyes| {
            eyes.silent("198.51.100.10:443")?;
            eyes.connects("198.51.100.11:443")?;
            eyes.sibling_connects("198.51.100.10:443", true)
        },
        // Which interface the rule is bound to is not told by every version of the tool that lists it.
        expect: Expect {
            cause: &["a-rule-may-drop-it", "local-filter"],
            decides: "filter",
            innocent: &["link", "ip", "route", "path", "dns", RESOLVER],
            ..fault(&["none", "host"], &["tcp.timeout", "host.filter_drops"], Culprit::Contains("sport 443"))
        },
        ..WORLD
    },
    World {
        name: "local-filter-drops-every-fifth-packet",
        says: "everything is slow on this machine",
        run: ("slow", "https://www.example.test/"),
        fault: |scene| {
            scene.client.filter = "table inet filter {
                chain input { type filter hook input priority 0; tcp sport 443 numgen inc mod 5 == 0 drop; }
            }"
            .to_owned();
        },
        proof: |eyes| eyes.sibling_connects("198.51.100.10:443", true),
        expect: Expect {
            cause: &["local-rule-loses-packets", "local-rule-drops-some", "local-rule-drops-too-many"],
            decides: "filter",
            or_status: "fault",
            innocent: &["link", "ip", "route", "dns"],
            seconds: 20.0,
            ..degraded(&["host"], &["host.filter_drops"], Culprit::Contains("numgen"))
        },
        ..WORLD
    },
    World {
        name: "local-filter-limits-the-rate",
        says: "the shop hangs on this machine only",
        fault: |scene| {
            scene.client.filter = "table inet filter {
                chain output { type filter hook output priority 0; tcp dport 443 limit rate over 1/minute burst 3 packets drop; }
            }"
            .to_owned();
        },
        proof: |eyes| eyes.sibling_connects("198.51.100.10:443", true),
        // How many of its packets it lets through, and so what fails first, is chance; that the rule dropped them it does not say.
        expect: Expect {
            cause: &["a-rule-may-limit-it", "a-rule-may-drop-it"],
            decides: "filter",
            or_status: "degraded",
            innocent: &["link", "ip", "route", "path", "dns", RESOLVER],
            seconds: 20.0,
            ..fault(
                &["none", "http", "transport", "tls", "host"],
                &["http.no_answer", "tcp.timeout", "tls.timeout", "http.body_stalled"],
                Culprit::Contains("limit rate"),
            )
        },
        ..WORLD
    },
    World {
        name: "local-filter-loses-track-of-what-it-let-out",
        says: "the shop fails on this machine only",
        fault: |scene| {
            scene.client.filter = "table inet early {
                chain output { type filter hook output priority -300; tcp dport 443 notrack; }
            }
            table inet filter {
                chain input {
                    type filter hook input priority 0; policy drop;
                    iifname lo accept
                    ct state established,related accept
                    meta l4proto icmp accept
                }
            }"
            .to_owned();
        },
        proof: |eyes| {
            eyes.silent("198.51.100.10:443")?;
            eyes.sibling_connects("198.51.100.10:443", true)
        },
        expect: Expect {
            cause: &["local-filter"],
            decides: "filter",
            innocent: &["link", "ip", "route", "path", "dns", "transport"],
            ..fault(&["host"], &["host.filter_drops"], Culprit::Contains("policy drop"))
        },
        ..WORLD
    },
    World {
        name: "local-filter-drops-neighbour-discovery",
        says: "nothing opens on this machine",
        fault: |scene| {
            scene.client.filter = "table arp early {
                chain input { type filter hook input priority 0; policy drop; }
            }"
            .to_owned();
        },
        proof: |eyes| eyes.sibling_connects("198.51.100.10:443", true),
        expect: Expect {
            cause: &["a-rule-may-drop-neighbour-discovery"],
            decides: "filter",
            innocent: &["link", "path", "dns", "transport"],
            certainty: "suspected",
            ..fault(&["none"], &["route.gateway_dead"], Culprit::Contains("policy drop"))
        },
        rule: (5, "the gateway is not convicted of a silence that a rule here may make"),
        ..WORLD
    },
];
