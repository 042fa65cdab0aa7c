//! What administrators, their scripts and VPN programs leave behind in the kernel: entries taken away, switches turned,
//! routes and rules that outlive their reason; and a plug that is loose just now.

use crate::scene::*;
use crate::world::*;
use std::time::Duration;

/// A rule of nft in a chain of `inet`, at this hook.
fn rule(scene: &mut Scene, family: &str, chain: &str, rule: &str) {
    scene.client.filter =
        format!("table {family} site {{\nchain c {{\ntype filter hook {chain} priority 0;\n{rule}\n}}\n}}\n");
}

pub const WORLDS: &[World] = &[
    World {
        name: "own-address-not-in-the-local-table",
        says: "nothing opens since the container program was removed",
        fault: |scene| scene.command(Machine::Client, "ip route del local 192.0.2.10 dev eth0 table local"),
        proof: |eyes| eyes.pings(GATEWAY, false),
        expect: Expect {
            cause: &["address-not-local"],
            decides: "address",
            innocent: &["link", "route", "path", "dns", "host"],
            ..fault(&["ip"], &["ip.not_local"], Culprit::Is(CLIENT))
        },
        rule: (2, "a gateway that answers ARP and no ping is blamed for what this machine throws away itself"),
        ..WORLD
    },
    World {
        name: "arp-switched-off",
        says: "nothing opens since the network was tuned by a script",
        fault: |scene| scene.command(Machine::Client, "ip link set eth0 arp off"),
        proof: |eyes| eyes.pings(GATEWAY, false),
        expect: Expect {
            cause: &["arp-switched-off"],
            decides: "gateway",
            innocent: &["ip", "path", "dns", "host", GATEWAY],
            ..fault(&["link"], &["route.neighbour_wrong"], Culprit::Is("eth0"))
        },
        ..WORLD
    },
    World {
        name: "second-machine-with-the-gateways-address",
        says: "nothing opens since somebody plugged a router of his own in",
        fault: |scene| {
            scene.sibling.push(ip(GATEWAY));
            // It was heard first, and the kernel keeps to it.
            scene.command(Machine::Sibling, "ip link set eth0 address 02:00:00:00:00:66");
            scene
                .command(Machine::Client, "ip neigh replace 192.0.2.1 lladdr 02:00:00:00:00:66 dev eth0 nud reachable");
        },
        expect: Expect {
            // The kernel may hear the gateway itself while it is looked at.
            or_status: "degraded",
            cause: &["gateway-address-used-twice"],
            decides: "gateway-claims",
            innocent: &["link", "path", "dns", "host", RESOLVER],
            ..fault(&["ip"], &["ip.duplicate"], Culprit::Contains("02:00:00:00:00:66"))
        },
        rule: (2, "the line of the provider is blamed for a second machine that has the gateway's address"),
        ..WORLD
    },
    World {
        name: "plug-loose-during-the-run",
        says: "it comes and goes, just now",
        fault: |scene| {
            // So that the first second is silent whatever the machine does: what is asked gets no answer from the start.
            scene.resolvers(ResolverMood::Slow(400));
            scene.flaps(Duration::from_millis(300), 8);
        },
        expect: Expect {
            or_status: "degraded",
            cause: &["link-lost-during-the-run"],
            decides: "link-meanwhile",
            innocent: &["ip", "route", "path", "host"],
            seconds: 12.0,
            ..fault(&["link"], &["link.lost"], Culprit::Is("eth0"))
        },
        rule: (7, "a resolver that answers some queries is blamed for a plug that loses contact"),
        ..WORLD
    },
    World {
        name: "carrier-goes-for-good-during-the-run",
        says: "it stopped this second",
        fault: |scene| {
            scene.resolvers(ResolverMood::Slow(900));
            scene.commands.push(Command {
                on: Machine::Switch,
                line: "ip link set port1 down",
                after: Duration::from_millis(300),
            });
        },
        expect: Expect {
            cause: &["link-lost-during-the-run"],
            decides: "link-meanwhile",
            innocent: &["ip", "route", "path", "host"],
            seconds: 12.0,
            ..fault(&["link"], &["link.lost"], Culprit::Is("eth0"))
        },
        ..WORLD
    },
    World {
        name: "hop-limit-set-to-one-by-a-rule",
        says: "nothing opens since somebody tried to share the phone's internet",
        fault: |scene| rule(scene, "inet", "postrouting", "ip ttl set 1"),
        proof: |eyes| eyes.pings(GATEWAY, true),
        expect: Expect {
            cause: &["hop-limit-set-by-a-rule"],
            decides: "resolver-trace",
            innocent: &["link", "ip", "route", "path", "dns", GATEWAY],
            ..fault(&["host"], &["path.silent"], Culprit::Contains("ttl"))
        },
        ..WORLD
    },
    World {
        name: "router-told-a-hop-limit-of-one",
        says: "nothing opens in the new network, and the router is fine, they say",
        run: ("one-site-fails", "https://six.example.test/"),
        fault: |scene| {
            scene.six_alone(Translation::Works);
            scene.client.kernel.push(("ipv6/conf/eth0/hop_limit".to_owned(), "1".to_owned()));
        },
        proof: |eyes| eyes.pings(RESOLVER_SIX, false),
        expect: Expect {
            cause: &["hop-limit-too-small"],
            decides: "default-route",
            innocent: &["link", "ip", "route", "path", "dns"],
            ..fault(&["host"], &["dns.timeout"], Culprit::Is("net.ipv6.conf.eth0.hop_limit = 1"))
        },
        ..WORLD
    },
    World {
        name: "router-of-an-old-advertisement",
        says: "no page opens since the router was replaced",
        run: ("one-site-fails", "https://six.example.test/"),
        fault: |scene| {
            scene.six_alone(Translation::Works);
            scene.client.routes = vec![route("::", 0, Way::OnLink(ip("fe80::dead"), "eth0"))];
        },
        proof: |eyes| eyes.pings(GATEWAY_SIX, true),
        expect: Expect {
            cause: &["gateway-dead"],
            decides: "gateway",
            innocent: &["link", "ip", "path", "dns", "host"],
            ..fault(&["route"], &["route.gateway_dead"], Culprit::Is("fe80::dead"))
        },
        ..WORLD
    },
    World {
        name: "address-of-another-prefix",
        says: "no page opens since a second router announces itself",
        run: ("one-site-fails", "https://six.example.test/"),
        fault: |scene| {
            scene.six_alone(Translation::Works);
            scene.client.addresses = vec![(ip("2001:db8:99::10"), 64)];
            scene.client.routes = vec![route("::", 0, Way::OnLink(ip(GATEWAY_SIX), "eth0"))];
        },
        proof: |eyes| eyes.pings(RESOLVER_SIX, false),
        expect: Expect {
            cause: &["gateway-off-link"],
            decides: "address",
            innocent: &["link", "route", "path", "dns", "host"],
            ..fault(&["ip"], &["ip.gateway_off_link"], Culprit::Is(GATEWAY_SIX))
        },
        ..WORLD
    },
    World {
        name: "policy-rule-by-source-into-a-dead-end",
        says: "nothing opens since the second provider was cancelled",
        fault: |scene| {
            scene.command(Machine::Client, "ip route add unreachable default table 77");
            scene.command(Machine::Client, "ip rule add from 192.0.2.10 table 77 priority 90");
        },
        proof: |eyes| eyes.fails("198.51.100.10:443", std::io::ErrorKind::HostUnreachable),
        expect: Expect {
            cause: &["resolver-route-rejected"],
            decides: "resolver-route",
            innocent: &["link", "ip", "path", "dns", "host", GATEWAY],
            seconds: 4.0,
            ..fault(&["route"], &["route.rejected"], Culprit::Contains("unreachable default table 77"))
        },
        ..WORLD
    },
    World {
        name: "kill-switch-left-behind",
        says: "no page opens since the VPN program crashed",
        fault: |scene| {
            scene.client.routes.push(route("0.0.0.0", 1, Way::Blackhole));
            scene.client.routes.push(route("128.0.0.0", 1, Way::Blackhole));
        },
        proof: |eyes| eyes.pings(GATEWAY, true),
        expect: Expect {
            cause: &["resolver-route-rejected"],
            decides: "resolver-route",
            innocent: &["link", "ip", "path", "dns", "host", GATEWAY],
            seconds: 4.0,
            ..fault(&["route"], &["route.rejected"], Culprit::Contains("blackhole 128.0.0.0/1"))
        },
        ..WORLD
    },
    World {
        name: "halves-of-the-internet-led-to-a-dead-router",
        says: "no page opens since the VPN box was taken away",
        fault: |scene| {
            scene.client.routes.push(route("0.0.0.0", 1, Way::Via(ip("192.0.2.77"))));
            scene.client.routes.push(route("128.0.0.0", 1, Way::Via(ip("192.0.2.77"))));
        },
        proof: |eyes| eyes.pings(GATEWAY, true),
        expect: Expect {
            cause: &["resolver-next-hop-dead"],
            decides: "resolver-neighbour",
            innocent: &["link", "ip", "path", "dns", "host", GATEWAY],
            ..fault(&["route"], &["route.gateway_dead"], Culprit::Contains("192.0.2.77"))
        },
        ..WORLD
    },
    World {
        name: "rule-for-a-user-leads-to-a-dead-router",
        says: "no page opens for me, the other account works",
        fault: |scene| {
            scene.command(Machine::Client, "ip route add default via 192.0.2.77 table 77");
            scene.command(Machine::Client, "ip rule add uidrange 0-0 table 77 priority 90");
        },
        proof: |eyes| eyes.pings(RESOLVER, false),
        expect: Expect {
            cause: &["resolver-next-hop-dead"],
            decides: "resolver-neighbour",
            innocent: &["link", "ip", "path", "dns", "host", GATEWAY],
            ..fault(&["route"], &["route.gateway_dead"], Culprit::Contains("192.0.2.77"))
        },
        ..WORLD
    },
    World {
        name: "gateway-on-the-link-of-a-single-address",
        says: "our provider gave us one address and a router outside of it, is that right?",
        fault: |scene| {
            scene.client.addresses = vec![(ip("192.0.2.10"), 32)];
            scene.client.routes = vec![route("0.0.0.0", 0, Way::OnLink(ip(GATEWAY), "eth0"))];
        },
        proof: |eyes| eyes.connects("198.51.100.10:443"),
        expect: Expect { decides: "reproduce", innocent: &["link", "ip", "route"], ..HEALTHY },
        ..WORLD
    },
    World {
        name: "early-rule-may-drop-the-answers",
        says: "no secure page opens on this machine",
        fault: |scene| rule(scene, "netdev", "ingress device \"eth0\"", "tcp sport 443 drop"),
        proof: |eyes| eyes.silent("198.51.100.10:443"),
        expect: Expect {
            cause: &["a-rule-may-drop-it"],
            decides: "tcp",
            certainty: "suspected",
            innocent: &["link", "ip", "route", "path", "dns"],
            ..fault(&["none"], &["tcp.timeout"], Culprit::Contains("tcp sport 443 drop"))
        },
        ..WORLD
    },
];
