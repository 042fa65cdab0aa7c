//! A forward proxy, by squid. Nothing but the proxy and the resolvers can be reached, as in many offices.

use crate::scene::*;
use crate::world::*;

/// What a fault of the proxy must not be blamed on.
const BELOW: &[&str] = &["link", "ip", "route", "path", "dns", "transport", "tls", "http"];
const THE_PROXY: Culprit = Culprit::OneOf(&["proxy.example.test", PROXY]);
const PROXY_OR_SITE: Culprit = Culprit::OneOf(&["proxy.example.test", PROXY, "www.example.test"]);

/// squid with these lines, and no other way out.
fn office(scene: &mut Scene, lines: &str) {
    scene.behind_squid(lines);
    scene.only_proxy_and_names();
}

pub const WORLDS: &[World] = &[
    World {
        name: "real-squid-works",
        says: "it works, I only wanted to see",
        fault: |scene| office(scene, "http_access allow all"),
        proof: |eyes| eyes.proxy_says("200"),
        expect: Expect { innocent: &["proxy", "path", "route", "transport"], ..HEALTHY },
        ..WORLD
    },
    World {
        name: "real-squid-wants-a-password",
        says: "a box asks for a password on every page",
        run: ("proxy", "https://www.example.test/"),
        fault: |scene| {
            office(
                scene,
                "auth_param basic program /usr/lib/squid/basic_ncsa_auth {folder}/users\nauth_param basic realm office\n\
                 acl known proxy_auth REQUIRED\nhttp_access allow known",
            );
        },
        proof: |eyes| eyes.proxy_says("407"),
        expect: Expect { innocent: BELOW, ..fault(&["proxy"], &["proxy.auth_required"], THE_PROXY) },
        ..WORLD
    },
    World {
        name: "real-squid-wants-a-domain-sign-in",
        says: "a box asks for a password since I changed mine",
        fault: |scene| {
            office(
                scene,
                "auth_param negotiate program /usr/lib/squid/negotiate_kerberos_auth -s HTTP/proxy.example.test\n\
                 auth_param ntlm program /usr/lib/squid/ntlm_fake_auth\n\
                 acl known proxy_auth REQUIRED\nhttp_access allow known",
            );
        },
        proof: |eyes| eyes.proxy_says("407"),
        expect: Expect { innocent: BELOW, ..fault(&["proxy"], &["proxy.auth_required"], THE_PROXY) },
        ..WORLD
    },
    World {
        name: "real-squid-forbids-a-site",
        says: "this one site is blocked",
        fault: |scene| {
            office(scene, "acl shop dstdomain www.example.test\nhttp_access deny shop\nhttp_access allow all");
        },
        proof: |eyes| eyes.proxy_says("403"),
        expect: Expect { innocent: BELOW, ..fault(&["proxy"], &["proxy.denied"], PROXY_OR_SITE) },
        ..WORLD
    },
    World {
        name: "real-squid-forbids-a-port",
        says: "the new portal opens at home but not in the office",
        run: ("one-site-fails", "https://www.example.test:8443/"),
        fault: |scene| {
            scene.serve(
                "198.51.100.10:8443",
                Speaks::Https(Certificate::Good, Handshake::Normal, Page::Text("welcome to the lab")),
            );
            office(
                scene,
                "acl secure port 443\nacl CONNECT method CONNECT\nhttp_access deny CONNECT !secure\nhttp_access allow all",
            );
        },
        proof: |eyes| eyes.proxy_says("200"),
        expect: Expect { innocent: BELOW, ..fault(&["proxy"], &["proxy.denied"], PROXY_OR_SITE) },
        ..WORLD
    },
    World {
        name: "real-squid-parent-dead",
        says: "every page shows a gateway error",
        run: ("proxy", "https://www.example.test/"),
        fault: |scene| {
            office(
                scene,
                "cache_peer 198.51.100.10 parent 3129 0 no-query default\nnever_direct allow all\nhttp_access allow all",
            );
        },
        proof: |eyes| eyes.proxy_says("500"),
        expect: Expect { innocent: BELOW, ..fault(&["proxy"], &["proxy.upstream"], PROXY_OR_SITE) },
        ..WORLD
    },
    World {
        name: "real-squid-target-refuses",
        says: "the partner's site shows a gateway error, all others open",
        fault: |scene| {
            scene.close("198.51.100.10:443");
            office(scene, "http_access allow all");
        },
        proof: |eyes| eyes.proxy_says("503"),
        expect: Expect { innocent: BELOW, ..fault(&["proxy"], &["proxy.upstream"], PROXY_OR_SITE) },
        ..WORLD
    },
    World {
        name: "real-squid-forbids-everything",
        says: "no page opens since I moved to the other building",
        run: ("proxy", "https://www.example.test/"),
        fault: |scene| {
            // The address is not among those that the rules know.
            office(scene, "acl staff src 10.0.0.0/8\nhttp_access allow staff\nhttp_access deny all");
        },
        proof: |eyes| eyes.proxy_says("403"),
        expect: Expect { innocent: BELOW, ..fault(&["proxy"], &["proxy.denied"], PROXY_OR_SITE) },
        ..WORLD
    },
    World {
        name: "real-squid-redirects-a-tunnel-to-a-block-page",
        says: "this one site gives an error",
        fault: |scene| {
            office(
                scene,
                "acl shop dstdomain www.example.test\ndeny_info 302:http://blocked.example.test/%u shop\n\
                 http_access deny shop\nhttp_access allow all",
            );
        },
        proof: |eyes| eyes.proxy_says("302"),
        expect: Expect { innocent: BELOW, ..fault(&["proxy"], &["proxy.denied"], PROXY_OR_SITE) },
        ..WORLD
    },
];
