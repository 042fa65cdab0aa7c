//! Names, by dnsmasq and unbound.

use crate::scene::*;
use crate::world::*;
use std::io::ErrorKind::WouldBlock;

/// What a fault of names must not be blamed on.
const BELOW: &[&str] = &["link", "ip", "route", "path"];
const THE_RESOLVER: Culprit = Culprit::Contains(RESOLVER);

/// The client asks the first resolver only.
fn one_resolver(scene: &mut Scene) {
    scene.client.nameservers.truncate(1);
}

pub const WORLDS: &[World] = &[
    World {
        name: "real-servers-healthy",
        says: "it works, I only wanted to see",
        fault: |scene| {
            scene.unbound(SECOND_RESOLVER, "");
            scene.dnsmasq(RESOLVER, &format!("server={SECOND_RESOLVER}"));
            scene.secure_nginx(Certificate::Good, "location / { return 200 'welcome to the lab'; }");
            let control = "server { listen 198.51.100.80:80; location / { return 200 'lab control ok'; } }";
            scene.nginx(&["198.51.100.80:80"], &[], control);
            scene.chrony(Some(0));
        },
        proof: |eyes| {
            eyes.resolves(RESOLVER, "www.example.test", WEB)?;
            eyes.resolves(SECOND_RESOLVER, "both.example.test", SECOND_WEB)?;
            eyes.answers(RESOLVER, "missing.example.test", "NXDomain")?;
            eyes.page("198.51.100.10:443", "www.example.test", "200")?;
            eyes.page("198.51.100.80:80", "control.example.test", "200")?;
            eyes.clock_ahead(TIME, 0)
        },
        expect: Expect { innocent: &["dns", RESOLVER, SECOND_RESOLVER], ..HEALTHY },
        ..WORLD
    },
    World {
        name: "real-dnsmasq-without-upstream",
        says: "no page opens since the router was reset",
        run: ("dns", "www.example.test"),
        fault: |scene| {
            one_resolver(scene);
            scene.dnsmasq(RESOLVER, "");
        },
        proof: |eyes| eyes.answers(RESOLVER, "www.example.test", "Refused"),
        expect: Expect { innocent: BELOW, ..fault(&["dns"], &["dns.refused"], THE_RESOLVER) },
        ..WORLD
    },
    World {
        name: "real-dnsmasq-upstream-silent",
        says: "the internet is down",
        run: ("no-internet", ""),
        fault: |scene| {
            one_resolver(scene);
            scene.resolvers[1].mood = ResolverMood::Silent;
            scene.dnsmasq(RESOLVER, &format!("server={SECOND_RESOLVER}"));
        },
        proof: |eyes| {
            eyes.no_answer(RESOLVER, WouldBlock)?;
            eyes.connects("198.51.100.53:53")
        },
        expect: Expect {
            innocent: BELOW,
            seconds: 12.0,
            ..fault(&["dns"], &["dns.timeout", "dns.lookup_timeout"], THE_RESOLVER)
        },
        ..WORLD
    },
    World {
        name: "real-dnsmasq-knows-no-such-name",
        says: "the page in the mail does not open",
        run: ("one-site-fails", "https://wwww.example.test/"),
        fault: |scene| {
            one_resolver(scene);
            let names = scene.known_to_dnsmasq();
            scene.dnsmasq(RESOLVER, &names);
        },
        proof: |eyes| eyes.answers(RESOLVER, "wwww.example.test", "NXDomain"),
        expect: Expect {
            innocent: BELOW,
            ..fault(&["dns"], &["dns.nxdomain"], Culprit::Contains("wwww.example.test"))
        },
        ..WORLD
    },
    World {
        name: "real-dnsmasq-blocks-a-name",
        says: "the shop does not open at home, other pages do",
        fault: |scene| {
            one_resolver(scene);
            scene.dnsmasq(RESOLVER, &format!("server={SECOND_RESOLVER}\naddress=/www.example.test/0.0.0.0"));
        },
        proof: |eyes| {
            eyes.resolves(RESOLVER, "www.example.test", "0.0.0.0")?;
            eyes.resolves(RESOLVER, "control.example.test", CONTROL)
        },
        expect: Expect {
            innocent: BELOW,
            ..fault(&["dns"], &["dns.bogon"], Culprit::OneOf(&["www.example.test", RESOLVER, "0.0.0.0"]))
        },
        ..WORLD
    },
    World {
        name: "real-dnsmasq-denies-a-name-that-another-knows",
        says: "the shop does not open here, at the neighbour's it does",
        fault: |scene| {
            scene.dnsmasq(RESOLVER, &format!("server={SECOND_RESOLVER}\naddress=/www.example.test/"));
            scene.unbound(SECOND_RESOLVER, "");
        },
        proof: |eyes| {
            eyes.answers(RESOLVER, "www.example.test", "NXDomain")?;
            eyes.resolves(SECOND_RESOLVER, "www.example.test", WEB)
        },
        expect: Expect {
            innocent: &["link", "ip", "route", "path", "transport", SECOND_RESOLVER],
            ..fault(&["dns"], &["dns.answer_differs", "dns.nxdomain"], THE_RESOLVER)
        },
        ..WORLD
    },
    World {
        name: "real-dnsmasq-guards-against-rebinding",
        says: "the intranet does not open behind the new router",
        run: ("one-site-fails", "https://intranet.example.test/"),
        fault: |scene| {
            one_resolver(scene);
            scene.name("intranet.example.test", Name::Addresses(vec![ip("10.20.30.40")]));
            scene.dnsmasq(RESOLVER, &format!("server={SECOND_RESOLVER}\nstop-dns-rebind"));
        },
        proof: |eyes| {
            eyes.resolves(SECOND_RESOLVER, "intranet.example.test", "10.20.30.40")?;
            eyes.answers(RESOLVER, "intranet.example.test", "NoError")
        },
        expect: Expect {
            innocent: BELOW,
            ..fault(&["dns"], &["dns.nodata"], Culprit::OneOf(&["intranet.example.test", RESOLVER]))
        },
        ..WORLD
    },
    World {
        name: "real-unbound-finds-a-signature-wrong",
        says: "our own shop does not open, other pages do",
        fault: |scene| {
            one_resolver(scene);
            let names = scene.known_to_dnsmasq();
            scene.dnsmasq(SECOND_RESOLVER, &names);
            // The parent says that the zone is signed with this key; the zone is not signed at all.
            let digest = "49FD46E6C4B45C55D4AC69CBD3CD34AC1AFE51DE49FD46E6C4B45C55D4AC69CB";
            let lines = format!(
                " trust-anchor: \"www.example.test. DS 12345 13 2 {digest}\"\n\
                 forward-zone:\n name: \".\"\n forward-addr: {SECOND_RESOLVER}"
            );
            scene.unbound(RESOLVER, &lines);
        },
        proof: |eyes| {
            eyes.answers(RESOLVER, "www.example.test", "ServFail")?;
            eyes.resolves(RESOLVER, "control.example.test", CONTROL)
        },
        expect: Expect {
            innocent: BELOW,
            ..fault(&["dns"], &["dns.servfail"], Culprit::OneOf(&["www.example.test", RESOLVER]))
        },
        ..WORLD
    },
    World {
        name: "real-unbound-refuses-strangers",
        says: "no page opens on the guest port",
        run: ("dns", "www.example.test"),
        fault: |scene| {
            one_resolver(scene);
            scene.unbound(RESOLVER, " access-control: 192.0.2.0/24 refuse");
        },
        proof: |eyes| eyes.answers(RESOLVER, "www.example.test", "Refused"),
        expect: Expect { innocent: BELOW, ..fault(&["dns"], &["dns.refused"], THE_RESOLVER) },
        ..WORLD
    },
    World {
        name: "real-unbound-ignores-strangers",
        says: "no page opens on the guest port",
        run: ("dns", "www.example.test"),
        fault: |scene| {
            one_resolver(scene);
            scene.unbound(RESOLVER, " access-control: 192.0.2.0/24 deny");
        },
        proof: |eyes| {
            eyes.no_answer(RESOLVER, WouldBlock)?;
            eyes.pings(RESOLVER, true)
        },
        expect: Expect {
            innocent: BELOW,
            seconds: 12.0,
            ..fault(&["dns"], &["dns.timeout", "dns.lookup_timeout"], THE_RESOLVER)
        },
        ..WORLD
    },
    World {
        // The program under test must not run into the limit by itself and then complain of it.
        name: "real-unbound-limits-its-rate",
        says: "it works, I only wanted to see",
        fault: |scene| {
            one_resolver(scene);
            let names = scene.known_to_dnsmasq();
            scene.dnsmasq(SECOND_RESOLVER, &names);
            let lines = " ip-ratelimit: 30\n ip-ratelimit-factor: 0\n";
            scene.unbound(RESOLVER, &format!("{lines}forward-zone:\n name: \".\"\n forward-addr: {SECOND_RESOLVER}"));
        },
        proof: |eyes| eyes.resolves(RESOLVER, "www.example.test", WEB),
        expect: Expect { innocent: &["dns", RESOLVER, SECOND_RESOLVER], ..HEALTHY },
        ..WORLD
    },
];
