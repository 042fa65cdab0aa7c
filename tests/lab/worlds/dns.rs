//! Faults of names.

use crate::scene::*;
use crate::world::*;
use std::io::ErrorKind::{ConnectionRefused, WouldBlock};

/// What a fault of names must not be blamed on.
const BELOW: &[&str] = &["link", "ip", "route", "path"];

/// A stub of systemd-resolved with this word on encryption, and a network that drops DNS over TLS: the stub fails where
/// it may ask nobody in the open.
fn names_over_tls(scene: &mut Scene, word: &str) {
    scene.client.nameservers = vec!["127.0.0.53".to_owned()];
    let upstream = format!("nameserver {RESOLVER}\nnameserver {SECOND_RESOLVER}\n");
    scene.client.files.push(("/run/systemd/resolve/resolv.conf".to_owned(), upstream));
    let settings = format!("[Resolve]\nDNSOverTLS={word}\n");
    scene.client.files.push(("/etc/systemd/resolved.conf".to_owned(), settings));
    let stub = Resolver { address: ip("127.0.0.53"), mood: ResolverMood::Fails, names: Vec::new() };
    scene.resolvers.push(stub);
    scene.wire.drop(|packet| packet.tcp(853));
}

pub const WORLDS: &[World] = &[
    World {
        name: "resolver-serves-only-its-own-zones",
        says: "no page opens since the new name server was entered",
        fault: |scene| scene.resolvers(ResolverMood::NoRecursion),
        proof: |eyes| eyes.connects("198.51.100.10:443"),
        expect: Expect {
            cause: &["resolver-without-recursion"],
            decides: "dns",
            innocent: BELOW,
            ..fault(&["dns"], &["dns.no_recursion"], Culprit::Contains(RESOLVER))
        },
        ..WORLD
    },
    World {
        name: "names-over-udp-dropped",
        says: "no page opens, and the name server is fine, they say",
        fault: |scene| scene.resolvers(ResolverMood::TcpOnly),
        proof: |eyes| {
            eyes.no_answer(RESOLVER, WouldBlock)?;
            eyes.connects("198.51.100.53:53")
        },
        expect: Expect {
            cause: &["names-only-over-tcp"],
            decides: "dns",
            innocent: BELOW,
            ..fault(&["dns"], &["dns.timeout"], Culprit::Contains(RESOLVER))
        },
        ..WORLD
    },
    World {
        name: "resolvers-in-turn-and-one-silent",
        says: "some pages start at once and some after seconds",
        run: ("dns", "www.example.test"),
        fault: |scene| {
            scene.client.resolver_lines.push("options rotate".to_owned());
            scene.resolvers[1].mood = ResolverMood::Silent;
        },
        proof: |eyes| {
            eyes.resolves(RESOLVER, "www.example.test", WEB)?;
            eyes.no_answer(SECOND_RESOLVER, WouldBlock)
        },
        expect: Expect {
            cause: &["rotating-onto-a-silent-resolver"],
            decides: "dns",
            innocent: &["link", "ip", "route", "path"],
            seconds: 15.0,
            ..degraded(&["dns"], &["dns.timeout"], Culprit::Contains(SECOND_RESOLVER))
        },
        ..WORLD
    },
    World {
        name: "first-resolver-silent",
        says: "every page takes five seconds to start",
        run: ("dns", "www.example.test"),
        fault: |scene| scene.resolvers[0].mood = ResolverMood::Silent,
        proof: |eyes| {
            eyes.no_answer(RESOLVER, WouldBlock)?;
            eyes.resolves(SECOND_RESOLVER, "www.example.test", WEB)
        },
        expect: Expect {
            cause: &["first-resolver-silent"],
            decides: "lookup",
            innocent: &["link", "ip", "route", "path", SECOND_RESOLVER],
            seconds: 15.0,
            ..degraded(&["dns"], &["dns.timeout"], Culprit::Contains(RESOLVER))
        },
        ..WORLD
    },
    World {
        name: "all-resolvers-silent",
        says: "the internet is down",
        run: ("no-internet", ""),
        fault: |scene| scene.resolvers(ResolverMood::Silent),
        proof: |eyes| {
            eyes.no_answer(RESOLVER, WouldBlock)?;
            eyes.no_answer(SECOND_RESOLVER, WouldBlock)?;
            eyes.connects("198.51.100.10:443")
        },
        expect: Expect {
            cause: &["resolvers-silent"],
            decides: "resolver-echo",
            innocent: BELOW,
            ..fault(&["dns"], &["dns.timeout"], Culprit::OneOf(&[RESOLVER, SECOND_RESOLVER]))
        },
        ..WORLD
    },
    World {
        name: "resolver-ports-closed",
        says: "no page opens",
        run: ("dns", "www.example.test"),
        fault: |scene| scene.resolvers(ResolverMood::Closed),
        proof: |eyes| eyes.no_answer(RESOLVER, ConnectionRefused),
        expect: Expect {
            cause: &["resolver-port-closed"],
            decides: "dns",
            innocent: BELOW,
            ..fault(&["dns"], &["dns.port_closed"], Culprit::OneOf(&[RESOLVER, SECOND_RESOLVER]))
        },
        ..WORLD
    },
    World {
        name: "resolvers-refuse",
        says: "no page opens on the guest port",
        run: ("dns", "www.example.test"),
        fault: |scene| scene.resolvers(ResolverMood::Refuses),
        proof: |eyes| eyes.answers(RESOLVER, "www.example.test", "Refused"),
        expect: Expect {
            cause: &["resolver-refuses"],
            decides: "dns",
            innocent: BELOW,
            ..fault(&["dns"], &["dns.refused"], Culprit::OneOf(&[RESOLVER, SECOND_RESOLVER]))
        },
        ..WORLD
    },
    World {
        name: "servfail-for-one-name",
        says: "our own shop does not open, other pages do",
        fault: |scene| scene.name("www.example.test", Name::Fails),
        proof: |eyes| {
            eyes.answers(RESOLVER, "www.example.test", "ServFail")?;
            eyes.resolves(RESOLVER, "control.example.test", CONTROL)
        },
        expect: Expect {
            cause: &["zone-fails"],
            decides: "dns",
            innocent: BELOW,
            ..fault(&["dns"], &["dns.servfail"], Culprit::OneOf(&["www.example.test", RESOLVER, SECOND_RESOLVER]))
        },
        ..WORLD
    },
    World {
        name: "name-does-not-exist",
        says: "the page in the mail does not open",
        run: ("one-site-fails", "https://wwww.example.test/"),
        proof: |eyes| eyes.answers(RESOLVER, "wwww.example.test", "NXDomain"),
        expect: Expect {
            cause: &["name-does-not-exist"],
            decides: "dns",
            innocent: &["link", "ip", "route", "path", RESOLVER],
            ..fault(&["dns"], &["dns.nxdomain"], Culprit::Contains("wwww.example.test"))
        },
        ..WORLD
    },
    World {
        name: "name-without-address",
        says: "the page of the new branch does not open",
        fault: |scene| scene.name("www.example.test", Name::Addresses(Vec::new())),
        proof: |eyes| eyes.answers(RESOLVER, "www.example.test", "NoError"),
        expect: Expect {
            cause: &["name-without-address"],
            decides: "dns",
            innocent: BELOW,
            ..fault(&["dns"], &["dns.nodata"], Culprit::Contains("www.example.test"))
        },
        ..WORLD
    },
    World {
        name: "hosts-file-override",
        says: "the shop fails on my machine only",
        fault: |scene| scene.client.hosts.push(format!("{NOBODY} www.example.test")),
        proof: |eyes| {
            eyes.resolves(RESOLVER, "www.example.test", WEB)?;
            eyes.sibling_connects("198.51.100.10:443", true)
        },
        expect: Expect {
            cause: &["hosts-override"],
            decides: "by-dns-address",
            innocent: &["link", "ip", "route", "path", "transport", RESOLVER],
            ..fault(&["dns"], &["dns.hosts_override"], Culprit::OneOf(&["/etc/hosts", NOBODY]))
        },
        ..WORLD
    },
    World {
        name: "resolver-invents-addresses",
        says: "the CRM shows an advertising page",
        run: ("one-site-fails", "https://crm.example.test/"),
        fault: |scene| {
            scene.resolvers(ResolverMood::Rewrites(ip("198.51.100.99")));
            scene.serve("198.51.100.99:80", Speaks::Http(Page::Login));
            scene.serve("198.51.100.99:443", Speaks::Https(Certificate::WrongName, Handshake::Normal, Page::Login));
        },
        proof: |eyes| {
            eyes.resolves(RESOLVER, "crm.example.test", "198.51.100.99")?;
            eyes.resolves(RESOLVER, "www.example.test", WEB)
        },
        expect: Expect {
            cause: &["dns-invented"],
            decides: "random-name",
            innocent: &["link", "ip", "route", "path", "tls"],
            ..fault(&["dns"], &["dns.rewritten"], Culprit::NotCompared)
        },
        ..WORLD
    },
    World {
        name: "one-resolver-lies",
        says: "the shop opens for some of us",
        fault: |scene| {
            scene.resolvers[0].names.push(("www.example.test".to_owned(), Name::Addresses(vec![ip(NOBODY)])));
        },
        proof: |eyes| {
            eyes.resolves(RESOLVER, "www.example.test", NOBODY)?;
            eyes.resolves(SECOND_RESOLVER, "www.example.test", WEB)
        },
        expect: Expect {
            cause: &["one-resolver-wrong"],
            decides: "by-other-resolver",
            innocent: &["link", "ip", "route", SECOND_RESOLVER],
            ..fault(&["dns"], &["dns.answer_differs"], Culprit::Contains(RESOLVER))
        },
        ..WORLD
    },
    World {
        name: "no-resolver-configured",
        says: "no page opens since the update",
        run: ("no-internet", ""),
        fault: |scene| scene.client.nameservers.clear(),
        proof: |eyes| eyes.connects("198.51.100.10:443"),
        expect: Expect {
            cause: &["no-resolver"],
            decides: "resolvers",
            innocent: BELOW,
            ..fault(&["dns"], &["dns.no_resolver"], Culprit::NotCompared)
        },
        ..WORLD
    },
    World {
        name: "names-not-asked-of-dns",
        says: "pages open by number only",
        run: ("dns", "www.example.test"),
        fault: |scene| scene.client.nsswitch = "files".to_owned(),
        proof: |eyes| eyes.resolves(RESOLVER, "www.example.test", WEB),
        expect: Expect {
            cause: &["nsswitch-without-dns"],
            decides: "resolvers",
            innocent: &["link", "ip", "route", "path", RESOLVER],
            ..fault(&["dns"], &["dns.not_in_nsswitch"], Culprit::NotCompared)
        },
        rule: (6, "the cause that explains why programs fail wins, though every resolver answers"),
        ..WORLD
    },
    World {
        name: "every-third-query-silent",
        says: "pages open, but not every time at once",
        run: ("dns", "www.example.test"),
        fault: |scene| scene.resolvers(ResolverMood::SilentEvery(3)),
        expect: Expect {
            cause: &["dns-flapping"],
            decides: "dns",
            innocent: BELOW,
            seconds: 15.0,
            ..degraded(&["dns"], &["dns.flapping"], Culprit::NotCompared)
        },
        rule: (7, "repeats that differ are a finding of their own, neither dead nor fine"),
        ..WORLD
    },
    World {
        name: "slow-resolvers",
        says: "every page waits before it starts",
        run: ("slow", "https://www.example.test/"),
        fault: |scene| scene.resolvers(ResolverMood::Slow(1_500)),
        expect: Expect {
            cause: &["dns-slow"],
            decides: "dns",
            innocent: &["link", "ip", "route", "path", "http"],
            seconds: 20.0,
            ..degraded(&["dns"], &["dns.slow"], Culprit::NotCompared)
        },
        ..WORLD
    },
    World {
        name: "resolvers-answer-after-two-and-a-half-seconds",
        says: "pages come, but only after ages",
        fault: |scene| scene.resolvers(ResolverMood::Slow(2_500)),
        expect: Expect {
            cause: &["dns-slow"],
            decides: "dns",
            innocent: &["link", "ip", "route", "path", "http"],
            seconds: 20.0,
            ..degraded(&["dns"], &["dns.slow"], Culprit::NotCompared)
        },
        ..WORLD
    },
    World {
        name: "closed-network-knows-no-outside-name",
        says: "the internet does not work here",
        run: ("no-internet", ""),
        fault: |scene| {
            scene.names.retain(|(name, _)| name != "control.example.test");
            scene.names.push(("control.example.test".to_owned(), Name::Missing));
        },
        proof: |eyes| eyes.answers(RESOLVER, "control.example.test", "NXDomain"),
        expect: Expect {
            cause: &["outside-names-unknown"],
            decides: "dns",
            certainty: "suspected",
            innocent: &["link", "ip", "route", "dns", RESOLVER, SECOND_RESOLVER, GATEWAY],
            ..fault(&["path"], &["dns.nxdomain"], Culprit::Contains("the way from this network"))
        },
        ..WORLD
    },
    World {
        name: "resolvers-fail",
        says: "no page opens",
        run: ("no-internet", ""),
        fault: |scene| scene.resolvers(ResolverMood::Fails),
        proof: |eyes| eyes.answers(RESOLVER, "control.example.test", "ServFail"),
        expect: Expect {
            cause: &["resolver-fails"],
            decides: "dns",
            innocent: BELOW,
            ..fault(&["dns"], &["dns.servfail"], Culprit::OneOf(&[RESOLVER, SECOND_RESOLVER]))
        },
        ..WORLD
    },
    World {
        name: "resolver-speaks-no-dns",
        says: "no page opens behind the new box",
        run: ("dns", "www.example.test"),
        fault: |scene| scene.resolvers(ResolverMood::Garbage),
        expect: Expect {
            cause: &["resolver-garbled"],
            decides: "dns",
            innocent: BELOW,
            ..fault(&["dns"], &["dns.formerr"], Culprit::OneOf(&[RESOLVER, SECOND_RESOLVER]))
        },
        ..WORLD
    },
    World {
        name: "one-name-without-answer",
        says: "only the shop's name hangs",
        run: ("dns", "www.example.test"),
        fault: |scene| scene.name("www.example.test", Name::Silent),
        proof: |eyes| {
            eyes.no_answer(RESOLVER, WouldBlock)?;
            eyes.resolves(RESOLVER, "control.example.test", CONTROL)
        },
        expect: Expect {
            cause: &["name-unanswered"],
            decides: "dns",
            innocent: BELOW,
            seconds: 15.0,
            ..fault(&["dns"], &["dns.timeout"], Culprit::NotCompared)
        },
        ..WORLD
    },
    World {
        name: "one-name-refused",
        says: "the game site does not open at work",
        fault: |scene| scene.name("www.example.test", Name::Refused),
        proof: |eyes| eyes.answers(RESOLVER, "www.example.test", "Refused"),
        expect: Expect {
            cause: &["name-refused"],
            decides: "dns",
            innocent: BELOW,
            ..fault(&["dns"], &["dns.refused"], Culprit::NotCompared)
        },
        ..WORLD
    },
    World {
        name: "large-answers-lost",
        says: "some names never resolve",
        run: ("dns", "www.example.test"),
        fault: |scene| {
            scene.resolvers(ResolverMood::Truncates);
            scene.wire.drop(|packet| packet.tcp(53));
        },
        proof: |eyes| eyes.silent("198.51.100.53:53"),
        expect: Expect {
            cause: &["dns-tcp-blocked"],
            decides: "dns",
            innocent: BELOW,
            seconds: 15.0,
            ..fault(&["dns"], &["dns.tcp_blocked"], Culprit::NotCompared)
        },
        ..WORLD
    },
    World {
        name: "names-blocked-on-the-way",
        says: "no page opens since the firewall was changed",
        run: ("no-internet", ""),
        fault: |scene| scene.wire.drop(|packet| packet.udp(53)),
        proof: |eyes| {
            eyes.no_answer(RESOLVER, WouldBlock)?;
            eyes.connects("198.51.100.53:53")?;
            eyes.pings(RESOLVER, true)
        },
        expect: Expect {
            cause: &["names-only-over-tcp"],
            decides: "resolver-echo",
            innocent: &["link", "ip", "route"],
            ..fault(&["dns"], &["dns.timeout"], Culprit::OneOf(&[RESOLVER, SECOND_RESOLVER]))
        },
        ..WORLD
    },
    World {
        name: "hijack-to-a-live-server",
        says: "the shop shows a warning, on my phone it does not",
        fault: |scene| {
            scene.resolvers[0].names.push(("www.example.test".to_owned(), Name::Addresses(vec![ip(SECOND_WEB)])));
            let page = Page::Text("another shop");
            scene.serve("198.51.100.11:443", Speaks::Https(Certificate::WrongName, Handshake::Normal, page));
        },
        proof: |eyes| {
            eyes.resolves(RESOLVER, "www.example.test", SECOND_WEB)?;
            eyes.resolves(SECOND_RESOLVER, "www.example.test", WEB)?;
            eyes.page("198.51.100.10:443", "www.example.test", "200")
        },
        expect: Expect {
            cause: &["one-resolver-wrong"],
            decides: "tls-by-other-resolver",
            innocent: &["link", "ip", "route", "path", SECOND_RESOLVER],
            ..fault(&["dns"], &["dns.answer_differs"], Culprit::Contains(RESOLVER))
        },
        rule: (1, "an open port proves that somebody is there, not that it is the right one"),
        ..WORLD
    },
    World {
        name: "filter-answers-with-an-impossible-address",
        says: "the game site does not open at work",
        fault: |scene| scene.name("www.example.test", Name::Addresses(vec![ip("0.0.0.0")])),
        proof: |eyes| eyes.resolves(RESOLVER, "www.example.test", "0.0.0.0"),
        expect: Expect {
            cause: &["dns-answers-forged"],
            decides: "dns",
            innocent: &["link", "ip", "route", "path", "host"],
            ..fault(&["dns"], &["dns.bogon"], Culprit::Contains(RESOLVER))
        },
        ..WORLD
    },
    World {
        name: "first-resolver-knows-fewer-names",
        says: "the shop opens every other time",
        fault: |scene| scene.resolvers[0].names.push(("www.example.test".to_owned(), Name::Missing)),
        proof: |eyes| {
            eyes.answers(RESOLVER, "www.example.test", "NXDomain")?;
            eyes.resolves(SECOND_RESOLVER, "www.example.test", WEB)
        },
        expect: Expect {
            cause: &["resolvers-disagree"],
            decides: "dns",
            innocent: &["link", "ip", "route", "path", SECOND_RESOLVER],
            ..fault(&["dns"], &["dns.nxdomain"], Culprit::Contains(RESOLVER))
        },
        ..WORLD
    },
    World {
        name: "resolver-settings-damaged",
        says: "no page opens since I edited a file",
        run: ("no-internet", ""),
        fault: |scene| {
            scene.client.nameservers.clear();
            scene.client.resolver_lines = vec!["nameserver 198.51.100.999".to_owned(), "nameserer x".to_owned()];
        },
        proof: |eyes| eyes.connects("198.51.100.80:80"),
        expect: Expect {
            cause: &["resolver-settings-broken"],
            decides: "resolvers",
            innocent: BELOW,
            ..fault(&["dns"], &["dns.bad_config"], Culprit::Contains("/etc/resolv.conf"))
        },
        ..WORLD
    },
    World {
        name: "both-resolvers-of-the-local-stub-dead",
        says: "no page opens since the update",
        run: ("no-internet", ""),
        fault: |scene| scene.client.nameservers = vec!["127.0.0.1".to_owned()],
        proof: |eyes| eyes.connects("198.51.100.80:80"),
        expect: Expect {
            cause: &["local-resolver-not-running"],
            decides: "dns",
            innocent: BELOW,
            ..fault(&["dns"], &["dns.port_closed"], Culprit::Contains("127.0.0.1"))
        },
        ..WORLD
    },
    World {
        name: "first-resolver-slow",
        says: "every page waits a second before it starts",
        run: ("slow", "https://www.example.test/"),
        fault: |scene| scene.resolvers[0].mood = ResolverMood::Slow(1_200),
        expect: Expect {
            cause: &["dns-slow"],
            decides: "dns",
            innocent: &["link", "ip", "route", "path", "http", SECOND_RESOLVER],
            seconds: 20.0,
            ..degraded(&["dns"], &["dns.slow"], Culprit::Is(RESOLVER))
        },
        ..WORLD
    },
    World {
        name: "resolver-off-on-the-lan",
        says: "the internet is down, but the router's page opens",
        fault: |scene| scene.client.nameservers = vec!["192.0.2.53".to_owned()],
        proof: |eyes| {
            eyes.pings(GATEWAY, true)?;
            eyes.connects("198.51.100.10:443")
        },
        expect: Expect {
            cause: &["resolver-not-on-link"],
            decides: "resolver-neighbour",
            innocent: &["link", "path", GATEWAY],
            ..fault(&["dns"], &["route.neighbour_dead", "dns.timeout"], Culprit::Is("192.0.2.53"))
        },
        ..WORLD
    },
    World {
        name: "neither-target-nor-control-is-known",
        says: "the new wiki does not open",
        run: ("one-site-fails", "https://wiki.example.test/"),
        fault: |scene| scene.name("control.example.test", Name::Missing),
        proof: |eyes| {
            eyes.answers(RESOLVER, "wiki.example.test", "NXDomain")?;
            eyes.resolves(RESOLVER, "www.example.test", WEB)
        },
        expect: Expect {
            cause: &["name-unknown-here"],
            decides: "dns",
            innocent: BELOW,
            ..fault(&["dns"], &["dns.nxdomain"], Culprit::Contains("wiki.example.test"))
        },
        ..WORLD
    },
    World {
        name: "resolver-loses-every-second-query",
        says: "pages start late or not at all",
        fault: |scene| {
            scene.client.nameservers = vec![RESOLVER.to_owned()];
            scene.resolvers[0].mood = ResolverMood::SilentEvery(2);
        },
        proof: |eyes| eyes.connects("198.51.100.10:443"),
        expect: Expect {
            cause: &["lookups-wait-for-flapping-resolver"],
            decides: "dns",
            innocent: BELOW,
            seconds: 15.0,
            ..degraded(&["dns"], &["dns.flapping"], Culprit::Is(RESOLVER))
        },
        ..WORLD
    },
    World {
        name: "names-over-tls-where-the-port-is-blocked",
        says: "at home it works, in the guest network no page opens",
        run: ("no-internet", ""),
        fault: |scene| names_over_tls(scene, "yes"),
        proof: |eyes| {
            eyes.answers("127.0.0.53", "control.example.test", "ServFail")?;
            eyes.silent("198.51.100.53:853")?;
            eyes.resolves(RESOLVER, "control.example.test", CONTROL)
        },
        expect: Expect {
            cause: &["encrypted-names-blocked"],
            decides: "resolver-over-tls",
            innocent: &["link", "ip", "route", "path", "transport"],
            seconds: 12.0,
            ..fault(&["dns"], &["tcp.timeout", "dns.servfail", "dns.lookup_failed"], Culprit::Contains(":853"))
        },
        ..WORLD
    },
    World {
        name: "search-list-leads-to-another-server",
        says: "since I am in the new office network the shop shows a certificate warning",
        fault: |scene| {
            scene.client.resolver_lines = vec!["search office.example.test".to_owned(), "options ndots:5".to_owned()];
            let made = "www.example.test.office.example.test";
            scene.name(made, Name::Addresses(vec![ip("198.51.100.99")]));
            scene.serve("198.51.100.99:443", Speaks::Https(Certificate::WrongName, Handshake::Normal, Page::Login));
        },
        proof: |eyes| {
            eyes.resolves(RESOLVER, "www.example.test", WEB)?;
            eyes.resolves(RESOLVER, "www.example.test.office.example.test", "198.51.100.99")?;
            eyes.page("198.51.100.10:443", "www.example.test", "200")
        },
        expect: Expect {
            cause: &["search-list-leads-elsewhere"],
            decides: "search-list",
            innocent: &["link", "ip", "route", "path", "transport", "tls", WEB],
            ..fault(&["dns"], &["dns.search_list", "tls.name"], Culprit::Is("www.example.test.office.example.test"))
        },
        rule: (4, "every resolver is right about the name; what convicts is the name that programs really ask for"),
        ..WORLD
    },
    World {
        name: "search-list-that-finds-nothing",
        says: "does the new search list hurt?",
        fault: |scene| {
            scene.client.resolver_lines = vec!["search office.example.test".to_owned(), "options ndots:5".to_owned()];
        },
        proof: |eyes| eyes.answers(RESOLVER, "www.example.test.office.example.test", "NXDomain"),
        expect: Expect { decides: "reproduce", innocent: &["dns", "tls", RESOLVER], ..HEALTHY },
        ..WORLD
    },
    World {
        name: "names-over-tcp-alone-where-tcp-is-closed",
        says: "no site is found, and the colleague beside me finds them all",
        fault: |scene| {
            scene.resolvers(ResolverMood::TcpClosed);
            scene.client.resolver_lines.push("options use-vc".to_owned());
        },
        proof: |eyes| eyes.resolves(RESOLVER, "www.example.test", WEB),
        expect: Expect {
            cause: &["names-asked-over-tcp-alone"],
            decides: "resolvers",
            innocent: &["link", "ip", "route", "path", "transport"],
            ..fault(&["dns"], &["dns.lookup_failed"], Culprit::Contains("use-vc"))
        },
        ..WORLD
    },
    World {
        name: "resolvers-answer-from-another-address",
        says: "no site is found since the name server was moved",
        fault: |scene| {
            scene.resolvers.truncate(1);
            scene.client.nameservers.truncate(1);
            scene.resolvers(ResolverMood::AnswersFrom(ip(SECOND_WEB)));
        },
        proof: |eyes| eyes.no_answer(RESOLVER, std::io::ErrorKind::WouldBlock),
        expect: Expect {
            cause: &["names-only-over-tcp"],
            decides: "dns",
            innocent: &["link", "ip", "route", "path", "transport", "tls"],
            ..fault(&["dns"], &["dns.timeout"], Culprit::Contains(RESOLVER))
        },
        ..WORLD
    },
    World {
        name: "hosts-file-leads-to-a-dead-neighbour",
        says: "the shop fails on my machine only",
        fault: |scene| scene.client.hosts.push("192.0.2.99 www.example.test".to_owned()),
        proof: |eyes| {
            eyes.resolves(RESOLVER, "www.example.test", WEB)?;
            eyes.sibling_connects("198.51.100.10:443", true)
        },
        expect: Expect {
            cause: &["hosts-override"],
            decides: "by-dns-address",
            innocent: &["link", "ip", "route", "path", "transport", RESOLVER],
            ..fault(&["dns"], &["dns.hosts_override"], Culprit::Contains("/etc/hosts"))
        },
        rule: (4, "that nobody is at the address is a consequence of the line that leads there"),
        ..WORLD
    },
    World {
        name: "hosts-file-leads-astray-and-the-true-server-is-filtered",
        says: "the shop fails",
        fault: |scene| {
            scene.client.hosts.push("192.0.2.99 www.example.test".to_owned());
            scene.wire.drop(|packet| packet.touches(WEB) && packet.tcp(443));
        },
        proof: |eyes| {
            eyes.resolves(RESOLVER, "www.example.test", WEB)?;
            eyes.silent("198.51.100.10:443")
        },
        expect: Expect {
            cause: &["hosts-override-and-neither-answers"],
            decides: "hosts",
            innocent: &["link", "ip", "path", RESOLVER],
            certainty: "suspected",
            // Two silences, and the second is only looked at once the first is known.
            seconds: 11.0,
            ..fault(&["dns"], &["dns.hosts_override"], Culprit::Contains("/etc/hosts"))
        },
        ..WORLD
    },
    World {
        name: "search-list-leads-to-a-dead-neighbour",
        says: "the shop fails on the new laptops",
        fault: |scene| {
            scene.client.resolver_lines = vec!["search office.example.test".to_owned(), "options ndots:5".to_owned()];
            scene.name("www.example.test.office.example.test", Name::Addresses(vec![ip("192.0.2.99")]));
        },
        proof: |eyes| eyes.resolves(RESOLVER, "www.example.test", WEB),
        expect: Expect {
            cause: &["search-list-leads-elsewhere"],
            decides: "search-list",
            innocent: &["link", "ip", "route", "path", "transport", RESOLVER],
            ..fault(&["dns"], &[], Culprit::Contains("www.example.test.office.example.test"))
        },
        ..WORLD
    },
    World {
        name: "extended-queries-asked-and-dropped",
        says: "nothing opens since the new image",
        run: ("dns", "www.example.test"),
        fault: |scene| {
            scene.resolvers(ResolverMood::DropsExtended);
            scene.client.resolver_lines.push("options edns0".to_owned());
        },
        proof: |eyes| eyes.resolves(RESOLVER, "www.example.test", WEB),
        expect: Expect {
            cause: &["resolver-drops-extended-questions"],
            decides: "dns",
            or_status: "fault",
            innocent: &["link", "ip", "route", "path"],
            ..degraded(&["dns"], &["dns.lookup_timeout"], Culprit::OneOf(&[RESOLVER, SECOND_RESOLVER]))
        },
        ..WORLD
    },
    World {
        name: "resolvers-behind-a-machine-that-forwards-nothing",
        says: "nothing opens any more",
        fault: |scene| scene.client.routes.push(route("198.51.100.52", 30, Way::Via(ip(SIBLING)))),
        proof: |eyes| {
            eyes.no_answer(RESOLVER, WouldBlock)?;
            eyes.connects("198.51.100.10:443")
        },
        expect: Expect {
            cause: &["resolver-detour-leads-nowhere"],
            decides: "resolver-route",
            innocent: &["link", "ip", "path", GATEWAY],
            ..fault(&["route"], &["dns.timeout"], Culprit::Contains(SIBLING))
        },
        rule: (1, "the gateway is not on the way to these resolvers, and their silence says nothing of it"),
        ..WORLD
    },
];
