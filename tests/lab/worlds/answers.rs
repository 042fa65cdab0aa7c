//! Answers that come, and are wrong: of resolvers, of proxies, and of servers that send visitors elsewhere.

use crate::scene::*;
use crate::world::*;

/// What lies below all of them and works.
const BELOW: &[&str] = &["link", "ip", "route", "path", "host", "process"];
const THE_PROXY: Culprit = Culprit::Contains(":3128");

pub const WORLDS: &[World] = &[
    World {
        name: "alias-of-a-name-that-is-gone",
        says: "the shop does not open since the hoster was changed",
        fault: |scene| scene.name("www.example.test", Name::Alias("shop.old-hoster.test")),
        proof: |eyes| eyes.answers(RESOLVER, "www.example.test", "NXDomain"),
        expect: Expect {
            cause: &["alias-leads-nowhere"],
            decides: "dns",
            innocent: &["link", "ip", "route", "path", RESOLVER, SECOND_RESOLVER],
            ..fault(&["dns"], &["dns.nxdomain"], Culprit::Contains("shop.old-hoster.test"))
        },
        rule: (6, "the name exists; what is missing is the one that it stands for"),
        ..WORLD
    },
    World {
        name: "alias-of-a-name-without-address",
        says: "the shop does not open since the hoster was changed",
        fault: |scene| {
            scene.name("www.example.test", Name::Alias("shop.old-hoster.test"));
            scene.name("shop.old-hoster.test", Name::Addresses(Vec::new()));
        },
        proof: |eyes| eyes.answers(RESOLVER, "www.example.test", "NoError"),
        expect: Expect {
            cause: &["alias-without-address"],
            decides: "dns",
            innocent: &["link", "ip", "route", "path", RESOLVER, SECOND_RESOLVER],
            ..fault(&["dns"], &["dns.nodata"], Culprit::Contains("shop.old-hoster.test"))
        },
        ..WORLD
    },
    World {
        name: "resolvers-answer-with-another-name",
        says: "the shop does not open behind the new router",
        fault: |scene| scene.name("www.example.test", Name::OfAnother(ip(WEB))),
        proof: |eyes| eyes.answers(RESOLVER, "www.example.test", "NoError"),
        expect: Expect {
            cause: &["name-without-address"],
            decides: "dns",
            innocent: BELOW,
            ..fault(&["dns"], &["dns.nodata"], Culprit::OneOf(&["www.example.test", RESOLVER]))
        },
        ..WORLD
    },
    World {
        name: "resolvers-reject-extended-queries",
        says: "nothing opens since the new image",
        run: ("dns", "www.example.test"),
        fault: |scene| {
            scene.resolvers(ResolverMood::RejectsExtended);
            scene.client.resolver_lines.push("options edns0".to_owned());
        },
        proof: |eyes| eyes.resolves(RESOLVER, "www.example.test", WEB),
        expect: Expect {
            cause: &["resolver-rejects-extended-questions"],
            decides: "dns",
            innocent: BELOW,
            ..fault(&["dns"], &["dns.lookup_failed"], Culprit::OneOf(&[RESOLVER, SECOND_RESOLVER]))
        },
        ..WORLD
    },
    World {
        name: "healthy-resolvers-reject-extended-queries",
        says: "the old name server writes format errors into its log",
        run: ("dns", "www.example.test"),
        fault: |scene| scene.resolvers(ResolverMood::RejectsExtended),
        proof: |eyes| eyes.resolves(RESOLVER, "www.example.test", WEB),
        expect: Expect { decides: "lookup", innocent: &["path", "dns", RESOLVER], seconds: 6.0, ..HEALTHY },
        rule: (3, "programs here ask without EDNS, and what they do not use cannot hurt them"),
        ..WORLD
    },
    World {
        name: "resolvers-ignore-questions-for-ipv6",
        says: "every page takes ages to start",
        run: ("dns", "www.example.test"),
        fault: |scene| scene.resolvers(ResolverMood::IgnoresSix),
        proof: |eyes| eyes.resolves(RESOLVER, "www.example.test", WEB),
        expect: Expect {
            cause: &["resolver-ignores-a-type"],
            decides: "dns",
            or_status: "fault",
            innocent: BELOW,
            seconds: 15.0,
            ..degraded(&["dns"], &[], Culprit::OneOf(&[RESOLVER, SECOND_RESOLVER]))
        },
        ..WORLD
    },
    World {
        name: "port-of-a-name-behind-a-stopped-local-resolver",
        says: "the shop's program finds no server",
        run: ("one-site-fails", "tcp://www.example.test:443"),
        fault: |scene| stopped_stub(scene),
        proof: |eyes| {
            eyes.resolves(RESOLVER, "www.example.test", WEB)?;
            eyes.connects("198.51.100.10:443")
        },
        expect: Expect {
            cause: &["local-resolver-stopped"],
            decides: "stub",
            innocent: &["link", "ip", "route", "path", "transport", RESOLVER],
            seconds: 12.0,
            ..fault(&["process"], &["process.stopped"], Culprit::Contains("systemd-resolve"))
        },
        rule: (1, "a connection to an address that programs cannot find out does not clear the lookup"),
        ..WORLD
    },
    World {
        name: "port-of-a-name-behind-a-local-resolver-that-does-not-run",
        says: "the shop's program finds no server",
        run: ("one-site-fails", "tcp://www.example.test:443"),
        fault: |scene| {
            stopped_stub(scene);
            scene.client.programs.clear();
        },
        proof: |eyes| eyes.connects("198.51.100.10:443"),
        expect: Expect {
            cause: &["local-stub-not-running"],
            decides: "stub",
            innocent: &["link", "ip", "route", "path", "transport", RESOLVER],
            seconds: 12.0,
            ..fault(&["process"], &["dns.port_closed", "process.not_listening"], Culprit::Contains("systemd-resolve"))
        },
        rule: (1, "a connection to an address that programs cannot find out does not clear the lookup"),
        ..WORLD
    },
    World {
        name: "hosts-file-knows-only-an-ipv6-address",
        says: "the shop does not open on my machine since the migration",
        fault: |scene| scene.client.hosts.push(format!("{WEB_SIX} www.example.test")),
        proof: |eyes| eyes.resolves(RESOLVER, "www.example.test", WEB),
        expect: Expect {
            cause: &["hosts-override"],
            decides: "by-dns-address",
            innocent: &["link", "ip", "route", "path", "transport", RESOLVER],
            ..fault(&["dns"], &["dns.hosts_override"], Culprit::OneOf(&["/etc/hosts", WEB_SIX]))
        },
        ..WORLD
    },
    World {
        name: "proxy-looks-the-name-up-wrongly",
        says: "the shop gives a gateway error in the office, everything else opens",
        fault: |scene| scene.behind_proxy(ProxyMood::Believes(ip(CONTROL))),
        proof: |eyes| {
            eyes.refused("198.51.100.80:443")?;
            eyes.page("198.51.100.10:443", "www.example.test", "200")
        },
        expect: Expect {
            cause: &["proxy-looks-up-wrongly"],
            decides: "proxy-by-address",
            innocent: &["link", "ip", "route", "path", "dns", "transport", "tls", "http"],
            ..fault(&["proxy"], &["proxy.upstream"], THE_PROXY)
        },
        rule: (4, "the proxy reaches the address and not the name: the name is what it has wrong"),
        ..WORLD
    },
    World {
        name: "proxy-pretends-that-every-tunnel-stands",
        says: "every page gives a certificate or protocol error",
        fault: |scene| {
            scene.behind_proxy(ProxyMood::Pretends);
            scene.only_proxy_and_names();
        },
        proof: |eyes| eyes.proxy_says("200"),
        expect: Expect {
            cause: &["proxy-answers-itself"],
            decides: "control",
            innocent: &["link", "ip", "route", "path", "dns", "transport", "www.example.test"],
            ..fault(&["proxy"], &["tls.not_tls"], THE_PROXY)
        },
        rule: (4, "another site through the same proxy is as wrong, so that it is not the site"),
        ..WORLD
    },
    World {
        name: "server-hangs-up-before-the-handshake",
        says: "the shop does not open",
        fault: |scene| scene.serve("198.51.100.10:443", Speaks::HangsUp),
        proof: |eyes| eyes.connects("198.51.100.10:443"),
        expect: Expect {
            cause: &["port-reset"],
            decides: "tls",
            innocent: BELOW,
            ..fault(&["tls", "transport"], &["tls.reset", "tcp.reset"], Culprit::OneOf(&["www.example.test", WEB]))
        },
        ..WORLD
    },
    World {
        name: "redirect-to-this-computer",
        says: "the shop does not open since it was moved",
        fault: |scene| scene.page(Page::Redirect("http://localhost:3000/login")),
        proof: |eyes| eyes.page("198.51.100.10:443", "www.example.test", "302"),
        expect: Expect {
            cause: &["redirect-to-this-computer"],
            decides: "reproduce",
            innocent: &["link", "ip", "route", "path", "dns", "host", "process", "tls", "transport"],
            ..fault(&["http"], &[], Culprit::Contains("www.example.test"))
        },
        rule: (6, "that nothing listens on this computer is no fault of it: nobody should have been sent there"),
        ..WORLD
    },
    World {
        name: "redirect-to-a-closed-port",
        says: "the shop does not open since it was moved",
        fault: |scene| scene.page(Page::Redirect("https://www.example.test:8443/")),
        proof: |eyes| eyes.refused("198.51.100.10:8443"),
        expect: Expect {
            cause: &["redirect-to-a-dead-end"],
            decides: "reproduce",
            innocent: &["link", "ip", "route", "path", "dns", "host", "process", "tls"],
            ..fault(&["transport", "http"], &["tcp.refused"], Culprit::Contains("8443"))
        },
        ..WORLD
    },
    World {
        name: "two-sites-redirect-to-each-other",
        says: "the browser says too many redirects",
        fault: |scene| {
            scene.page(Page::Redirect("http://office.example.test/"));
            scene.serve("198.51.100.30:80", Speaks::Http(Page::Redirect("https://www.example.test/")));
        },
        proof: |eyes| eyes.page("198.51.100.30:80", "office.example.test", "302"),
        expect: Expect {
            cause: &["redirect-loop"],
            decides: "reproduce",
            innocent: &["link", "ip", "route", "path", "dns", "host", "process", "tls", "transport"],
            ..fault(&["http"], &["http.redirect_loop"], Culprit::OneOf(&["www.example.test", "office.example.test"]))
        },
        ..WORLD
    },
    World {
        name: "request-sent-to-the-wrong-server",
        says: "the shop shows error 421",
        fault: |scene| scene.page(Page::Status(421)),
        proof: |eyes| eyes.page("198.51.100.10:443", "www.example.test", "421"),
        expect: Expect {
            cause: &["request-rejected"],
            decides: "reproduce",
            innocent: &["link", "ip", "route", "path", "dns", "host", "process", "tls", "transport"],
            ..fault(&["http"], &["http.client_error"], Culprit::Contains("www.example.test"))
        },
        ..WORLD
    },
    World {
        name: "port-of-a-name-while-the-first-resolver-is-silent",
        says: "the shop's program takes ages to connect",
        run: ("one-site-fails", "tcp://www.example.test:443"),
        fault: |scene| scene.resolvers[0].mood = ResolverMood::Silent,
        proof: |eyes| eyes.resolves(SECOND_RESOLVER, "www.example.test", WEB),
        expect: Expect {
            cause: &["first-resolver-silent"],
            decides: "lookup",
            innocent: &["link", "ip", "route", "path", "transport", SECOND_RESOLVER],
            seconds: 15.0,
            ..degraded(&["dns"], &["dns.timeout"], Culprit::Contains(RESOLVER))
        },
        ..WORLD
    },
    World {
        name: "shell-of-a-name-behind-a-stopped-local-resolver",
        says: "ssh does not find the server",
        run: ("one-site-fails", "ssh://www.example.test:2222"),
        fault: |scene| {
            stopped_stub(scene);
            scene.serve("198.51.100.10:2222", Speaks::Greeting("SSH-2.0-OpenSSH_9.2\r\n"));
        },
        proof: |eyes| eyes.connects("198.51.100.10:2222"),
        expect: Expect {
            cause: &["local-resolver-stopped"],
            decides: "stub",
            innocent: &["link", "ip", "route", "path", "transport", "application", RESOLVER],
            seconds: 12.0,
            ..fault(&["process"], &["process.stopped"], Culprit::Contains("systemd-resolve"))
        },
        rule: (1, "a greeting from an address that programs cannot find out does not clear the lookup"),
        ..WORLD
    },
    World {
        name: "proxy-pretends-and-the-site-opens-without-it",
        says: "every page gives a certificate or protocol error",
        fault: |scene| scene.behind_proxy(ProxyMood::Pretends),
        proof: |eyes| eyes.page("198.51.100.10:443", "www.example.test", "200"),
        expect: Expect {
            cause: &["proxy-breaks-the-page"],
            decides: "direct",
            innocent: &["link", "ip", "route", "path", "dns", "transport", "www.example.test"],
            ..fault(&["proxy"], &["tls.not_tls"], THE_PROXY)
        },
        ..WORLD
    },
    World {
        name: "redirect-to-a-silent-port",
        says: "the shop jumps to the sign-in and that hangs",
        fault: |scene| {
            scene.page(Page::Redirect("https://office.example.test:8443/"));
            scene.name("office.example.test", Name::Addresses(vec![ip(SECOND_WEB)]));
            scene.wire.drop(|packet| packet.tcp(8443));
        },
        proof: |eyes| eyes.silent("198.51.100.11:8443"),
        expect: Expect {
            cause: &["redirect-to-a-dead-end"],
            decides: "reproduce",
            innocent: &["link", "ip", "route", "path", "dns", "host", "process", "tls"],
            seconds: 12.0,
            ..fault(&["transport"], &["tcp.timeout"], Culprit::Contains("office.example.test:8443"))
        },
        ..WORLD
    },
    World {
        name: "proxy-script-server-says-nothing",
        says: "every page takes ages to start",
        fault: |scene| {
            scene.proxy_by_script("http://198.51.100.90:8000/proxy.pac");
            scene.serve("198.51.100.90:8000", Speaks::Nothing);
        },
        proof: |eyes| eyes.connects("198.51.100.90:8000"),
        expect: Expect {
            cause: &["pac-unreachable"],
            decides: "proxy",
            innocent: &["link", "ip", "route", "path", "dns", "transport", "tls", "www.example.test"],
            seconds: 15.0,
            ..degraded(&["proxy"], &["proxy.pac_unreachable"], Culprit::Contains("proxy.pac"))
        },
        ..WORLD
    },
    World {
        name: "proxy-script-is-a-sign-in-page",
        says: "nothing loads in the office",
        fault: |scene| {
            scene.proxy_by_script("http://198.51.100.90:8000/proxy.pac");
            scene.serve("198.51.100.90:8000", Speaks::Http(Page::Login));
        },
        proof: |eyes| eyes.page("198.51.100.90:8000", "198.51.100.90", "200"),
        expect: Expect {
            cause: &["pac-invalid"],
            decides: "proxy",
            or_status: "degraded",
            innocent: &["link", "ip", "route", "path", "dns", "transport", "tls", "www.example.test"],
            ..fault(&["proxy"], &["proxy.pac_invalid"], Culprit::Contains("proxy.pac"))
        },
        ..WORLD
    },
    World {
        name: "local-service-started-again-and-again",
        says: "the report page works at one moment and fails at the next",
        run: ("local-service", "http://127.0.0.1:8080/"),
        fault: |scene| scene.program("reportd", Does::Restarts("127.0.0.1:8080", 1_500)),
        proof: |eyes| eyes.connections("127.0.0.1:8080", 1, 0..=1),
        expect: Expect {
            cause: &["program-restarts"],
            decides: "steady",
            innocent: &["link", "ip", "route", "path", "dns", "host", "transport", "http"],
            ..degraded(&["process"], &["process.restarting"], Culprit::Contains("reportd"))
        },
        rule: (7, "that it answers at the moment of the look does not make it steady"),
        ..WORLD
    },
];

/// The stub of systemd-resolved, suspended, and the servers behind it, which answer.
fn stopped_stub(scene: &mut Scene) {
    scene.client.nameservers = vec!["127.0.0.53".to_owned()];
    let upstream = format!("nameserver {RESOLVER}\nnameserver {SECOND_RESOLVER}\n");
    scene.client.files.push(("/run/systemd/resolve/resolv.conf".to_owned(), upstream));
    scene.program("systemd-resolved", Does::TakesNoQuestions("127.0.0.53:53"));
}
