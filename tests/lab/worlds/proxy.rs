//! Faults of the forward proxy. In most of these worlds nothing but proxy and resolvers can be reached, as in many
//! offices.

use crate::scene::*;
use crate::world::*;

/// What a fault of the proxy must not be blamed on.
const BELOW: &[&str] = &["link", "ip", "route", "path", "dns", "transport"];
const THE_PROXY: Culprit = Culprit::OneOf(&["proxy.example.test", PROXY]);

pub const WORLDS: &[World] = &[
    World {
        name: "first-proxy-of-the-script-dead",
        says: "every page takes seconds to start, and then comes",
        run: ("proxy", "https://www.example.test/"),
        fault: |scene| {
            let script = "function FindProxyForURL(u, h) { return 'PROXY 198.51.100.10:3129; DIRECT'; }";
            scene.serve("198.51.100.90:80", Speaks::Http(Page::Text(script)));
            scene.proxy_by_script("http://198.51.100.90/proxy.pac");
        },
        proof: |eyes| {
            eyes.refused("198.51.100.10:3129")?;
            eyes.page("198.51.100.10:443", "www.example.test", "200")
        },
        expect: Expect {
            cause: &["first-proxy-of-the-list-dead"],
            decides: "proxy",
            innocent: BELOW,
            ..degraded(&["proxy"], &["proxy.refused"], Culprit::Contains("198.51.100.10:3129"))
        },
        ..WORLD
    },
    World {
        name: "target-mute-behind-a-working-proxy",
        says: "only the partner's site hangs, everything else opens",
        fault: |scene| {
            scene.behind_proxy(ProxyMood::Works);
            scene.handshake(Handshake::Silent);
        },
        proof: |eyes| eyes.proxy_says("200"),
        expect: Expect {
            cause: &["tls-silent"],
            decides: "reproduce",
            innocent: &["link", "ip", "route", "dns", "proxy", PROXY],
            seconds: 15.0,
            ..fault(&["tls"], &["tls.timeout"], Culprit::NotCompared)
        },
        rule: (4, "another page comes through the same proxy, which says nothing about the one that does not"),
        ..WORLD
    },
    World {
        name: "proxy-refuses-connections",
        says: "no page opens in the office",
        run: ("proxy", "https://www.example.test/"),
        fault: |scene| {
            scene.behind_proxy(ProxyMood::Works);
            scene.close("198.51.100.90:3128");
            scene.only_proxy_and_names();
        },
        proof: |eyes| eyes.refused("198.51.100.90:3128"),
        expect: Expect {
            cause: &["proxy-refused"],
            decides: "proxy",
            innocent: BELOW,
            ..fault(&["proxy"], &["proxy.refused"], THE_PROXY)
        },
        ..WORLD
    },
    World {
        name: "proxy-silent",
        says: "no page opens in the office, it just spins",
        run: ("proxy", "https://www.example.test/"),
        fault: |scene| {
            scene.behind_proxy(ProxyMood::Works);
            scene.wire.drop(|packet| !packet.touches(RESOLVER) && !packet.touches(SECOND_RESOLVER));
        },
        proof: |eyes| eyes.silent("198.51.100.90:3128"),
        expect: Expect {
            cause: &["proxy-silent"],
            decides: "proxy",
            innocent: &["link", "ip", "route", "dns"],
            ..fault(&["proxy"], &["proxy.timeout"], THE_PROXY)
        },
        ..WORLD
    },
    World {
        name: "proxy-accepts-and-is-mute",
        says: "pages spin for ever",
        run: ("proxy", "https://www.example.test/"),
        fault: |scene| scene.behind_proxy(ProxyMood::Mute),
        proof: |eyes| eyes.connects("198.51.100.90:3128"),
        expect: Expect {
            cause: &["proxy-mute-direct-works"],
            decides: "direct",
            innocent: BELOW,
            seconds: 20.0,
            ..fault(&["proxy"], &["proxy.no_answer"], THE_PROXY)
        },
        ..WORLD
    },
    World {
        name: "proxy-wants-credentials",
        says: "a box asks for a password on every page",
        run: ("proxy", "https://www.example.test/"),
        fault: |scene| {
            scene.behind_proxy(ProxyMood::Demands(&["Negotiate", "Basic realm=\"lab\""]));
            scene.only_proxy_and_names();
        },
        proof: |eyes| eyes.proxy_says("407"),
        expect: Expect {
            cause: &["proxy-wants-credentials"],
            decides: "proxy",
            innocent: BELOW,
            ..fault(&["proxy"], &["proxy.auth_required"], THE_PROXY)
        },
        ..WORLD
    },
    World {
        name: "proxy-forbids-target",
        says: "this one site is blocked",
        fault: |scene| {
            scene.behind_proxy(ProxyMood::Forbids);
            scene.only_proxy_and_names();
        },
        proof: |eyes| eyes.proxy_says("403"),
        expect: Expect {
            cause: &["proxy-forbids"],
            decides: "proxy",
            innocent: BELOW,
            ..fault(&["proxy"], &["proxy.denied"], Culprit::OneOf(&["proxy.example.test", PROXY, "www.example.test"]))
        },
        ..WORLD
    },
    World {
        name: "proxy-cannot-reach-target",
        says: "the partner's site shows a gateway error",
        fault: |scene| {
            scene.behind_proxy(ProxyMood::BadGateway);
            scene.only_proxy_and_names();
        },
        proof: |eyes| eyes.proxy_says("502"),
        expect: Expect {
            cause: &["proxy-upstream"],
            decides: "proxy",
            innocent: &["link", "ip", "route", "path", "dns"],
            ..fault(&["proxy"], &["proxy.upstream"], Culprit::OneOf(&["proxy.example.test", PROXY, "www.example.test"]))
        },
        ..WORLD
    },
    World {
        name: "proxy-left-in-environment",
        says: "nothing loads at home, in the office it does",
        fault: |scene| {
            scene.proxy_in_environment("http://10.9.9.9:8080");
            scene.gateway.routes.push(route("10.0.0.0", 8, Way::Blackhole));
        },
        proof: |eyes| {
            eyes.silent("10.9.9.9:8080")?;
            eyes.page("198.51.100.10:443", "www.example.test", "200")
        },
        expect: Expect {
            cause: &["proxy-silent-direct-works"],
            decides: "direct",
            innocent: BELOW,
            ..fault(&["proxy"], &["proxy.timeout"], Culprit::Contains("10.9.9.9"))
        },
        rule: (4, "the page that works without the proxy convicts the setting, not the network"),
        ..WORLD
    },
    World {
        name: "proxy-name-unknown",
        says: "nothing loads since the proxy was renamed",
        run: ("proxy", "https://www.example.test/"),
        fault: |scene| scene.proxy_in_environment("http://oldproxy.example.test:3128"),
        proof: |eyes| eyes.answers(RESOLVER, "oldproxy.example.test", "NXDomain"),
        expect: Expect {
            cause: &["proxy-name-direct-works"],
            decides: "direct",
            innocent: &["link", "ip", "route", "path", "transport", RESOLVER],
            ..fault(&["proxy"], &["proxy.name_unresolved"], Culprit::Contains("oldproxy.example.test"))
        },
        ..WORLD
    },
    World {
        name: "pac-file-gone",
        says: "every page takes its time since the weekend, but comes",
        run: ("proxy", "https://www.example.test/"),
        fault: |scene| scene.proxy_by_script("http://198.51.100.90/proxy.pac"),
        proof: |eyes| {
            eyes.refused("198.51.100.90:80")?;
            eyes.page("198.51.100.10:443", "www.example.test", "200")
        },
        expect: Expect {
            cause: &["pac-unreachable"],
            decides: "proxy",
            innocent: BELOW,
            ..degraded(&["proxy"], &["proxy.pac_unreachable"], Culprit::Contains("198.51.100.90/proxy.pac"))
        },
        ..WORLD
    },
    World {
        name: "pac-file-gone-and-proxy-needed",
        says: "no page opens since the weekend",
        run: ("proxy", "https://www.example.test/"),
        fault: |scene| {
            scene.proxy_by_script("http://198.51.100.90/proxy.pac");
            scene.only_proxy_and_names();
        },
        proof: |eyes| {
            eyes.refused("198.51.100.90:80")?;
            eyes.silent("198.51.100.10:443")
        },
        expect: Expect {
            cause: &["pac-unreachable"],
            decides: "proxy",
            innocent: BELOW,
            ..fault(&["proxy"], &["proxy.pac_unreachable"], Culprit::Contains("198.51.100.90/proxy.pac"))
        },
        ..WORLD
    },
    World {
        name: "proxy-is-no-proxy",
        says: "all pages say not found",
        run: ("proxy", "https://www.example.test/"),
        fault: |scene| scene.behind_proxy(ProxyMood::NotAProxy),
        proof: |eyes| eyes.proxy_says("404"),
        expect: Expect {
            cause: &["proxy-not-a-proxy"],
            decides: "proxy",
            innocent: BELOW,
            ..fault(&["proxy"], &["proxy.not_a_proxy"], THE_PROXY)
        },
        ..WORLD
    },
    World {
        name: "dead-proxy-while-the-name-is-unknown-outside",
        says: "the supplier's portal does not open in the office",
        run: ("one-site-fails", "https://portal.supplier.example.test/"),
        fault: |scene| {
            scene.behind_proxy(ProxyMood::Works);
            scene.close("198.51.100.90:3128");
            scene.only_proxy_and_names();
        },
        proof: |eyes| {
            eyes.refused("198.51.100.90:3128")?;
            eyes.answers(RESOLVER, "portal.supplier.example.test", "NXDomain")
        },
        expect: Expect {
            cause: &["proxy-refused"],
            decides: "proxy",
            innocent: &["link", "ip", "route", "path", "dns", "transport"],
            ..fault(&["proxy"], &["proxy.refused"], THE_PROXY)
        },
        rule: (4, "a direct lookup that fails does not convict DNS where names belong to the proxy"),
        ..WORLD
    },
    World {
        name: "proxy-hangs-up",
        says: "every page says connection closed",
        run: ("proxy", "https://www.example.test/"),
        fault: |scene| {
            scene.behind_proxy(ProxyMood::Works);
            scene.serve("198.51.100.90:3128", Speaks::Reset);
            scene.only_proxy_and_names();
        },
        expect: Expect {
            cause: &["proxy-resets"],
            decides: "proxy",
            innocent: BELOW,
            ..fault(&["proxy"], &["proxy.reset"], THE_PROXY)
        },
        ..WORLD
    },
    World {
        name: "proxy-host-gone",
        says: "nothing loads since the move",
        run: ("proxy", "https://www.example.test/"),
        fault: |scene| {
            scene.proxy_in_environment("http://198.51.100.90:3128");
            scene.gateway.routes.push(route(PROXY, 32, Way::Unreachable));
            scene.only_proxy_and_names();
        },
        expect: Expect {
            cause: &["proxy-unreachable"],
            decides: "proxy",
            innocent: &["link", "ip", "route", "dns", "transport"],
            ..fault(&["proxy"], &["proxy.unreachable"], Culprit::Contains(PROXY))
        },
        ..WORLD
    },
    World {
        name: "proxy-setting-mistyped",
        says: "nothing loads since I typed in the proxy",
        run: ("proxy", "https://www.example.test/"),
        fault: |scene| {
            scene.proxy_in_environment("http://proxy example test:port");
            scene.only_proxy_and_names();
        },
        expect: Expect {
            cause: &["proxy-setting-broken"],
            decides: "proxy",
            innocent: BELOW,
            ..fault(&["proxy"], &["proxy.bad_setting"], Culprit::NotCompared)
        },
        ..WORLD
    },
    World {
        name: "proxy-needed-and-not-set",
        says: "nothing loads on the new laptop",
        run: ("proxy", "https://www.example.test/"),
        arguments: &["--answer", "expects-proxy=yes"],
        fault: |scene| scene.only_proxy_and_names(),
        proof: |eyes| {
            eyes.proxy_says("200")?;
            eyes.silent("198.51.100.10:443")
        },
        expect: Expect {
            cause: &["proxy-needed"],
            decides: "expects-proxy",
            innocent: &["link", "ip", "route", "path", "dns", "transport"],
            ..fault(&["proxy"], &["tcp.timeout"], Culprit::Is("proxy setting"))
        },
        ..WORLD
    },
    World {
        name: "proxy-of-the-person-fails",
        says: "nothing loads for me, and the administrator says that it works",
        fault: |scene| ann_uses(scene, "http://198.51.100.90:8081"),
        proof: |eyes| {
            eyes.refused("198.51.100.90:8081")?;
            eyes.page("198.51.100.10:443", "www.example.test", "200")
        },
        expect: Expect {
            decides: "person",
            cause: &["proxy-of-the-person-fails"],
            innocent: BELOW,
            ..degraded(&["proxy"], &["proxy.refused"], Culprit::Is("http://198.51.100.90:8081"))
        },
        ..WORLD
    },
    World {
        name: "only-the-person-has-the-proxy",
        says: "the agent's own test fails, I can work",
        fault: |scene| {
            scene.only_proxy_and_names();
            ann_uses(scene, "http://198.51.100.90:3128");
        },
        proof: |eyes| {
            eyes.silent("198.51.100.10:443")?;
            eyes.proxy_says("200")
        },
        expect: Expect {
            decides: "person",
            cause: &["only-the-person-has-the-proxy"],
            innocent: &["link", "ip", "route", "dns"],
            ..fault(&["proxy"], &["proxy.differs_for_user"], Culprit::Contains("http://198.51.100.90:3128"))
        },
        ..WORLD
    },
    World {
        name: "proxy-variables-contradict",
        says: "the browser works and the update program does not",
        run: ("proxy", "https://www.example.test/"),
        fault: |scene| {
            scene.behind_proxy(ProxyMood::Works);
            for (name, value) in &mut scene.client.environment {
                if name == "HTTPS_PROXY" {
                    *value = "http://198.51.100.200:3128".to_owned();
                }
            }
        },
        proof: |eyes| {
            eyes.proxy_says("200")?;
            eyes.connections("198.51.100.200:3128", 1, 0..=0)
        },
        expect: Expect {
            cause: &["proxy-variables-contradict"],
            decides: "proxy",
            innocent: &["link", "ip", "route", "path", "dns", "tls", "http"],
            ..degraded(&["proxy"], &["proxy.conflict"], Culprit::Contains("HTTPS_PROXY"))
        },
        rule: (1, "a page that comes by one of two settings proves nothing about the other"),
        ..WORLD
    },
    World {
        name: "internal-site-missing-from-the-exceptions",
        says: "the intranet gives a gateway error, everything else opens",
        run: ("one-site-fails", "http://intranet.example.test/"),
        fault: |scene| {
            // The proxy asks DNS, which does not know the site; this machine's file does.
            scene.client.hosts.push(format!("{SECOND_WEB} intranet.example.test"));
            scene.serve("198.51.100.11:80", Speaks::Http(Page::Text("welcome to the intranet")));
            scene.behind_proxy(ProxyMood::Works);
            scene.client.environment.push(("no_proxy".to_owned(), "office.example.test,localhost".to_owned()));
        },
        proof: |eyes| {
            eyes.page("198.51.100.11:80", "intranet.example.test", "200")?;
            eyes.proxy_says("200")
        },
        expect: Expect {
            cause: &["missing-from-proxy-exceptions"],
            decides: "direct",
            innocent: &["link", "ip", "route", "path", "dns", "transport", "tls", "http"],
            ..fault(&["proxy"], &["proxy.upstream", "http.server_error"], Culprit::Contains("exceptions"))
        },
        rule: (4, "the proxy works for others and the site works without it: together they are what is wrong"),
        ..WORLD
    },
    World {
        name: "proxy-cuts-the-tunnel-to-one-site",
        says: "the shop does not open in the office, everything else does",
        fault: |scene| scene.behind_proxy(ProxyMood::CutsTunnels),
        proof: |eyes| eyes.page("198.51.100.10:443", "www.example.test", "200"),
        expect: Expect {
            cause: &["proxy-breaks-the-page"],
            decides: "direct",
            innocent: &["link", "ip", "route", "path", "dns", "transport", WEB],
            ..fault(&["proxy"], &["tls.reset"], Culprit::Contains(":3128"))
        },
        rule: (4, "the site works without the proxy, which convicts the proxy although it opened the tunnel"),
        ..WORLD
    },
];

/// The run is root's, called by somebody who has a proxy set for the session.
fn ann_uses(scene: &mut Scene, url: &str) {
    scene.client.files.push((
        "/etc/passwd".to_owned(),
        "root:x:0:0:root:/tmp/home:/bin/sh\nann:x:1000:1000::/tmp/ann:/bin/sh\n".to_owned(),
    ));
    let lines = format!("http_proxy={url}\nhttps_proxy={url}\n");
    scene.client.files.push(("/tmp/ann/.config/environment.d/50-proxy.conf".to_owned(), lines));
    scene.client.environment.push(("SUDO_UID".to_owned(), "1000".to_owned()));
}
