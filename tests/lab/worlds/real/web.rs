//! Web pages and certificates, by nginx.

use crate::scene::*;
use crate::world::*;

/// What a fault of the handshake must not be blamed on.
const BELOW_TLS: &[&str] = &["link", "ip", "route", "path", "dns", "proxy", "transport", "host"];
/// What a fault of the page must not be blamed on.
const BELOW_HTTP: &[&str] = &["link", "ip", "route", "path", "dns", "proxy", "transport", "tls"];
const THE_SITE: Culprit = Culprit::OneOf(&["www.example.test", WEB]);
const WELCOME: &str = "location / { return 200 'welcome to the lab'; }";
const AT: &str = "198.51.100.10:443";
const NAME: &str = "www.example.test";

const fn tls(code: &'static [&'static str], culprit: Culprit) -> Expect {
    Expect { innocent: BELOW_TLS, ..fault(&["tls"], code, culprit) }
}

const fn http(code: &'static [&'static str]) -> Expect {
    Expect { innocent: BELOW_HTTP, ..fault(&["http"], code, THE_SITE) }
}

pub const WORLDS: &[World] = &[
    World {
        name: "real-nginx-certificate-expired",
        says: "the browser warns me about the shop",
        fault: |scene| scene.secure_nginx(Certificate::Expired, WELCOME),
        proof: |eyes| eyes.no_page(AT, NAME, "Expired"),
        expect: tls(&["tls.expired"], THE_SITE),
        ..WORLD
    },
    World {
        name: "real-nginx-certificate-for-another-name",
        says: "the browser says the shop is not who it claims to be",
        fault: |scene| scene.secure_nginx(Certificate::WrongName, WELCOME),
        proof: |eyes| eyes.no_page(AT, NAME, "NotValidForName"),
        expect: tls(&["tls.name"], Culprit::OneOf(&["www.example.test", WEB, "intranet.example.net"])),
        ..WORLD
    },
    World {
        name: "real-nginx-intermediate-missing",
        says: "the app does not trust the shop, my phone does",
        fault: |scene| scene.secure_nginx(Certificate::MissingIntermediate, WELCOME),
        proof: |eyes| eyes.no_page(AT, NAME, "UnknownIssuer"),
        expect: tls(&["tls.missing_intermediate"], Culprit::OneOf(&["www.example.test", WEB, "Lab Issuing CA 1"])),
        ..WORLD
    },
    World {
        name: "real-nginx-certificate-self-signed",
        says: "the browser warns me about the new server",
        fault: |scene| scene.secure_nginx(Certificate::SelfSigned, WELCOME),
        proof: |eyes| eyes.no_page(AT, NAME, "UnknownIssuer"),
        expect: tls(&["tls.self_signed"], THE_SITE),
        ..WORLD
    },
    World {
        name: "real-nginx-speaks-old-tls",
        says: "the old appliance's page does not open any more",
        fault: |scene| {
            // OpenSSL 3 speaks these only at its lowest security level.
            let old = "ssl_protocols TLSv1 TLSv1.1;\nssl_ciphers ALL:@SECLEVEL=0;\n";
            scene.secure_nginx(Certificate::Good, &format!("{old}{WELCOME}"));
        },
        proof: |eyes| eyes.no_page(AT, NAME, "ProtocolVersion"),
        expect: tls(&["tls.old_protocol"], THE_SITE),
        ..WORLD
    },
    World {
        name: "real-nginx-speaks-a-cipher-of-browsers",
        says: "the warehouse page does not open in the new program",
        fault: |scene| {
            let old = "ssl_protocols TLSv1.2;\nssl_ciphers ECDHE-ECDSA-AES128-SHA;\n";
            scene.secure_nginx(Certificate::Good, &format!("{old}{WELCOME}"));
        },
        proof: |eyes| eyes.no_page(AT, NAME, "HandshakeFailure"),
        expect: Expect {
            status: "undecided",
            decides: "",
            innocent: &["link", "ip", "route", "path", "dns", "transport", "tls"],
            ..NOTHING
        },
        rule: (5, "what this program cannot speak is unknown, and no fault: browsers can"),
        ..WORLD
    },
    World {
        name: "real-nginx-plain-text-on-443",
        says: "the shop sends an invalid answer, says the browser",
        fault: |scene| scene.nginx(&[AT], &[], &format!("server {{ listen {AT};\n{WELCOME}\n}}")),
        proof: |eyes| eyes.no_page(AT, NAME, "InvalidContentType"),
        expect: tls(&["tls.not_tls"], Culprit::OneOf(&["www.example.test", AT])),
        ..WORLD
    },
    World {
        name: "real-nginx-rejects-the-name",
        says: "the new address of the shop does not open",
        fault: |scene| {
            let lines = "listen 198.51.100.10:443 ssl default_server;\nssl_reject_handshake on;";
            scene.nginx(&[AT], &[], &format!("server {{\n{lines}\n}}"));
        },
        proof: |eyes| eyes.no_page(AT, NAME, "UnrecognisedName"),
        expect: tls(&["tls.alert"], THE_SITE),
        ..WORLD
    },
    World {
        name: "real-nginx-wants-a-client-certificate",
        says: "the bank's portal says bad request",
        fault: |scene| {
            let lines = "ssl_client_certificate {folder}/Good.pem;\nssl_verify_client on;\n";
            scene.secure_nginx(Certificate::Good, &format!("{lines}{WELCOME}"));
        },
        proof: |eyes| eyes.page(AT, NAME, "400"),
        expect: http(&["http.client_error"]),
        ..WORLD
    },
    World {
        name: "real-nginx-upstream-dead",
        says: "the shop says bad gateway",
        fault: |scene| {
            scene.secure_nginx(Certificate::Good, "location / { proxy_pass http://198.51.100.10:8080; }");
        },
        proof: |eyes| eyes.page(AT, NAME, "502"),
        expect: http(&["http.server_error"]),
        ..WORLD
    },
    World {
        name: "real-nginx-unavailable",
        says: "the shop is down for maintenance, it says",
        fault: |scene| scene.secure_nginx(Certificate::Good, "location / { return 503; }"),
        proof: |eyes| eyes.page(AT, NAME, "503"),
        expect: http(&["http.server_error"]),
        ..WORLD
    },
    World {
        name: "real-nginx-address-too-long",
        says: "the link from the mail does not open",
        run: (
            "one-site-fails",
            "https://www.example.test/?token=0123456789012345678901234567890123456789012345678901234567890123456789\
             01234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123\
             01234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123",
        ),
        fault: |scene| {
            let lines =
                "connection_pool_size 256;\nclient_header_buffer_size 256;\nlarge_client_header_buffers 1 256;\n";
            scene.secure_nginx(Certificate::Good, &format!("{lines}{WELCOME}"));
        },
        expect: http(&["http.client_error"]),
        ..WORLD
    },
    World {
        name: "real-nginx-redirect-loop",
        says: "the page redirects too often, it says",
        fault: |scene| scene.secure_nginx(Certificate::Good, "location / { return 301 https://www.example.test/; }"),
        proof: |eyes| eyes.page(AT, NAME, "301"),
        expect: http(&["http.redirect_loop"]),
        ..WORLD
    },
    World {
        name: "real-nginx-wants-a-sign-in",
        says: "the page asks for a password that I do not have",
        fault: |scene| {
            scene.secure_nginx(
                Certificate::Good,
                "location / { auth_basic office; auth_basic_user_file /dev/null; root /nowhere; }",
            );
        },
        proof: |eyes| eyes.page(AT, NAME, "401"),
        expect: http(&["http.auth_required"]),
        ..WORLD
    },
    World {
        name: "real-nginx-turns-away",
        says: "the page says too many requests",
        fault: |scene| scene.secure_nginx(Certificate::Good, "location / { return 429; }"),
        proof: |eyes| eyes.page(AT, NAME, "429"),
        expect: http(&["http.too_many_requests"]),
        ..WORLD
    },
    World {
        name: "real-nginx-closes-without-a-word",
        says: "the page sends no data, says the browser",
        fault: |scene| scene.secure_nginx(Certificate::Good, "location / { return 444; }"),
        proof: |eyes| eyes.connects(AT),
        expect: http(&["http.cut"]),
        ..WORLD
    },
    World {
        name: "real-nginx-page-gone",
        says: "my bookmark does not work any more",
        fault: |scene| scene.secure_nginx(Certificate::Good, "location / { root /nowhere; }"),
        proof: |eyes| eyes.page(AT, NAME, "404"),
        expect: http(&["http.not_found"]),
        ..WORLD
    },
    World {
        // A second request within the second would be turned away, and the person makes one.
        name: "real-nginx-limits-its-rate",
        says: "it works, I only wanted to see",
        fault: |scene| {
            let limit = "limit_req_zone $binary_remote_addr zone=each:1m rate=30r/m;\n";
            let server = format!(
                "{limit}server {{ listen {AT} ssl; ssl_certificate {{folder}}/Good.pem;\n\
                 ssl_certificate_key {{folder}}/Good.key; limit_req zone=each burst=1 nodelay;\n{WELCOME}\n}}"
            );
            scene.nginx(&[AT], &[Certificate::Good], &server);
        },
        expect: Expect { innocent: &["transport", "http", WEB], ..HEALTHY },
        ..WORLD
    },
    World {
        name: "real-nginx-withholds-for-legal-reasons",
        says: "the film does not play here",
        fault: |scene| scene.secure_nginx(Certificate::Good, "location / { return 451; }"),
        proof: |eyes| eyes.page(AT, NAME, "451"),
        expect: http(&["http.forbidden"]),
        ..WORLD
    },
    World {
        name: "real-nginx-asked-in-plain-text-on-443",
        says: "the link in the manual says bad request",
        run: ("one-site-fails", "http://www.example.test:443/"),
        fault: |scene| scene.secure_nginx(Certificate::Good, WELCOME),
        proof: |eyes| eyes.hears(AT, b"GET / HTTP/1.0\r\n\r\n", b" 400 "),
        expect: http(&["http.client_error"]),
        ..WORLD
    },
];
