//! Faults of certificates and of the handshake.

use crate::scene::*;
use crate::world::*;

/// What a fault of the handshake must not be blamed on.
const BELOW: &[&str] = &["link", "ip", "route", "path", "dns", "proxy", "transport", "host"];
const THE_SITE: Culprit = Culprit::OneOf(&["www.example.test", WEB]);

const fn tls(code: &'static [&'static str], culprit: Culprit) -> Expect {
    Expect { innocent: BELOW, ..fault(&["tls"], code, culprit) }
}

pub const WORLDS: &[World] = &[
    World {
        name: "certificate-of-the-issuer-expired",
        says: "the browser warns of the shop since this morning",
        fault: |scene| scene.certificate(Certificate::IssuerExpired),
        proof: |eyes| eyes.no_page("198.51.100.10:443", "www.example.test", "Expired"),
        expect: Expect {
            cause: &["intermediate-expired"],
            decides: "tls",
            innocent: BELOW,
            ..fault(&["tls"], &["tls.expired"], Culprit::Contains("www.example.test"))
        },
        ..WORLD
    },
    World {
        name: "certificate-expired",
        says: "the browser warns me about the shop",
        fault: |scene| scene.certificate(Certificate::Expired),
        proof: |eyes| eyes.no_page("198.51.100.10:443", "www.example.test", "Expired"),
        expect: Expect { cause: &["certificate-expired"], decides: "tls", ..tls(&["tls.expired"], THE_SITE) },
        ..WORLD
    },
    World {
        name: "certificate-not-yet-valid",
        says: "the browser warns me about the shop",
        fault: |scene| scene.certificate(Certificate::NotYetValid),
        proof: |eyes| eyes.no_page("198.51.100.10:443", "www.example.test", "NotValidYet"),
        expect: Expect {
            cause: &["certificate-not-yet-valid"],
            decides: "tls",
            ..tls(&["tls.not_yet_valid"], THE_SITE)
        },
        ..WORLD
    },
    World {
        name: "certificate-for-another-name",
        says: "the browser says the shop is not who it claims to be",
        fault: |scene| scene.certificate(Certificate::WrongName),
        proof: |eyes| eyes.no_page("198.51.100.10:443", "www.example.test", "NotValidForName"),
        expect: Expect {
            cause: &["certificate-for-another-name"],
            decides: "tls",
            ..tls(&["tls.name"], Culprit::OneOf(&["www.example.test", WEB, "intranet.example.net"]))
        },
        ..WORLD
    },
    World {
        name: "certificate-of-unknown-authority",
        says: "the browser does not trust the partner's page",
        fault: |scene| scene.certificate(Certificate::UnknownAuthority),
        proof: |eyes| eyes.no_page("198.51.100.10:443", "www.example.test", "UnknownIssuer"),
        expect: Expect {
            cause: &["issuer-unknown"],
            decides: "tls",
            ..tls(&["tls.unknown_issuer"], Culprit::OneOf(&["www.example.test", WEB, "Elsewhere Root CA"]))
        },
        ..WORLD
    },
    World {
        name: "intermediate-missing",
        says: "the app does not trust the shop, my phone does",
        fault: |scene| scene.certificate(Certificate::MissingIntermediate),
        proof: |eyes| eyes.no_page("198.51.100.10:443", "www.example.test", "UnknownIssuer"),
        expect: Expect {
            cause: &["intermediate-missing"],
            decides: "tls",
            ..tls(&["tls.missing_intermediate"], Culprit::OneOf(&["www.example.test", WEB, "Lab Issuing CA 1"]))
        },
        ..WORLD
    },
    World {
        name: "certificate-self-signed",
        says: "the browser warns me about the new server",
        fault: |scene| scene.certificate(Certificate::SelfSigned),
        proof: |eyes| eyes.no_page("198.51.100.10:443", "www.example.test", "UnknownIssuer"),
        expect: Expect { cause: &["certificate-self-signed"], decides: "tls", ..tls(&["tls.self_signed"], THE_SITE) },
        ..WORLD
    },
    World {
        name: "encryption-intercepted",
        says: "every secure page gives a warning",
        fault: |scene| scene.certificate(Certificate::Intercepted),
        proof: |eyes| eyes.no_page("198.51.100.10:443", "www.example.test", "UnknownIssuer"),
        expect: Expect {
            cause: &["tls-intercepted"],
            decides: "tls",
            ..tls(&["tls.intercepted"], Culprit::OneOf(&["FortiGate CA", "Fortinet"]))
        },
        ..WORLD
    },
    World {
        name: "plain-text-on-443",
        says: "the shop sends an invalid answer, says the browser",
        fault: |scene| scene.handshake(Handshake::PlainText),
        proof: |eyes| eyes.no_page("198.51.100.10:443", "www.example.test", "InvalidContentType"),
        expect: Expect {
            cause: &["not-tls"],
            decides: "tls",
            ..tls(&["tls.not_tls"], Culprit::OneOf(&["www.example.test", "198.51.100.10:443"]))
        },
        ..WORLD
    },
    World {
        name: "handshake-silent",
        says: "the shop loads for ever",
        fault: |scene| scene.handshake(Handshake::Silent),
        proof: |eyes| eyes.no_page("198.51.100.10:443", "www.example.test", "WouldBlock"),
        expect: Expect { cause: &["tls-silent"], decides: "tls", seconds: 12.0, ..tls(&["tls.timeout"], THE_SITE) },
        ..WORLD
    },
    World {
        name: "handshake-reset",
        says: "the connection was reset, it says",
        fault: |scene| scene.handshake(Handshake::Reset),
        proof: |eyes| eyes.no_page("198.51.100.10:443", "www.example.test", "reset"),
        expect: Expect { cause: &["tls-cut"], decides: "tls", ..tls(&["tls.reset"], THE_SITE) },
        ..WORLD
    },
    World {
        name: "server-speaks-old-tls",
        says: "the old appliance's page does not open any more",
        fault: |scene| scene.handshake(Handshake::Old),
        proof: |eyes| eyes.no_page("198.51.100.10:443", "www.example.test", "PeerIncompatible"),
        expect: Expect { cause: &["tls-too-old"], decides: "tls", ..tls(&["tls.old_protocol"], THE_SITE) },
        ..WORLD
    },
    World {
        name: "handshake-ends-in-alert",
        says: "the shop cannot be opened securely, it says",
        fault: |scene| scene.handshake(Handshake::Alert),
        proof: |eyes| eyes.no_page("198.51.100.10:443", "www.example.test", "HandshakeFailure"),
        expect: Expect { cause: &["tls-alert"], decides: "tls", ..tls(&["tls.alert"], THE_SITE) },
        ..WORLD
    },
    World {
        name: "certificate-fine-clock-behind",
        says: "all secure pages warn me since the battery was changed",
        fault: |scene| scene.clock_ahead_s = 45 * 86_400,
        proof: |eyes| {
            eyes.clock_ahead(TIME, 45 * 86_400)?;
            eyes.no_page("198.51.100.10:443", "www.example.test", "NotValidYet")
        },
        expect: Expect {
            cause: &["clock-wrong-not-yet-valid"],
            decides: "tls-right-clock",
            innocent: &["link", "ip", "route", "path", "dns", "transport", "tls"],
            ..fault(&["host"], &["host.clock_off"], Culprit::NotCompared)
        },
        ..WORLD
    },
    World {
        name: "certificate-fine-clock-ahead",
        says: "all secure pages say they have expired",
        fault: |scene| scene.clock_ahead_s = -90 * 86_400,
        proof: |eyes| {
            eyes.clock_ahead(TIME, -90 * 86_400)?;
            eyes.no_page("198.51.100.10:443", "www.example.test", "Expired")
        },
        expect: Expect {
            cause: &["clock-wrong-expired"],
            decides: "tls-right-clock",
            innocent: &["link", "ip", "route", "path", "dns", "transport", "tls"],
            ..fault(&["host"], &["host.clock_off"], Culprit::NotCompared)
        },
        ..WORLD
    },
    World {
        name: "certificate-expired-and-nobody-tells-the-time",
        says: "the browser warns me about the shop",
        fault: |scene| {
            scene.certificate(Certificate::Expired);
            scene.close("198.51.100.123:123");
            scene.close("198.51.100.80:80");
        },
        proof: |eyes| eyes.no_page("198.51.100.10:443", "www.example.test", "Expired"),
        expect: Expect {
            layer: &["none"],
            decides: "tls",
            certainty: "suspected",
            innocent: &["link", "ip", "route", "path", "dns", "transport"],
            ..fault(&["none"], &["tls.expired"], Culprit::NotCompared)
        },
        rule: (5, "where nobody tells the time, the clock is not ruled out: the verdict gets wider and less sure"),
        ..WORLD
    },
    World {
        name: "certificate-expired-on-every-device",
        says: "the browser warns all of us about the shop",
        arguments: &["--answer", "other-machine=no"],
        fault: |scene| {
            scene.certificate(Certificate::Expired);
            scene.close("198.51.100.123:123");
            scene.close("198.51.100.80:80");
        },
        proof: |eyes| eyes.no_page("198.51.100.10:443", "www.example.test", "Expired"),
        expect: Expect {
            cause: &["certificate-expired"],
            decides: "tls",
            certainty: "suspected",
            innocent: &["link", "ip", "route", "path", "dns", "transport", "host"],
            ..fault(&["tls"], &["tls.expired"], Culprit::Is("www.example.test"))
        },
        rule: (5, "nobody tells the time, but a second device sees it too: its clock would have to be wrong as well"),
        ..WORLD
    },
    World {
        name: "certificate-fine-whatever-people-say",
        says: "the shop's certificate has run out, everybody sees it",
        arguments: &["--said", "other_device=fails", "--said", "other_network=fails"],
        fault: |scene| scene.clock_ahead_s = -90 * 86_400,
        proof: |eyes| {
            eyes.clock_ahead(TIME, -90 * 86_400)?;
            eyes.no_page("198.51.100.10:443", "www.example.test", "Expired")
        },
        expect: Expect {
            cause: &["clock-wrong-expired"],
            decides: "tls-right-clock",
            innocent: &["link", "ip", "route", "path", "dns", "transport", "tls"],
            ..fault(&["host"], &["host.clock_off"], Culprit::NotCompared)
        },
        rule: (5, "what people say of other devices is no observation: the clock was measured"),
        ..WORLD
    },
    World {
        name: "certificate-of-another-server-behind-ipv6",
        says: "the browser warns me about the shop, the phone does not",
        run: ("one-site-fails", "https://six.example.test/"),
        fault: |scene| {
            scene.with_six();
            let wrong = Speaks::Https(Certificate::WrongName, Handshake::Normal, Page::Text("another server"));
            scene.serve("[2001:db8:2::10]:443", wrong);
        },
        proof: |eyes| {
            eyes.no_page("[2001:db8:2::10]:443", "six.example.test", "")?;
            eyes.page("198.51.100.10:443", "six.example.test", "200")
        },
        expect: Expect {
            cause: &["one-address-without-good-certificate"],
            decides: "tls",
            innocent: BELOW,
            ..fault(&["tls"], &["tls.name"], Culprit::Contains(WEB_SIX))
        },
        rule: (4, "one of two addresses fails, and the name is not to blame"),
        ..WORLD
    },
    World {
        name: "handshake-takes-over-two-seconds",
        says: "the shop is slow to begin, then it is quick",
        fault: |scene| scene.handshake(Handshake::Late(2300)),
        proof: |eyes| eyes.connects("198.51.100.10:443"),
        expect: Expect {
            cause: &["handshake-slow"],
            decides: "reproduce",
            innocent: &["link", "ip", "route", "path", "dns", "transport", "http"],
            seconds: 12.0,
            ..degraded(&["tls"], &["tls.slow"], Culprit::Contains("www.example.test"))
        },
        ..WORLD
    },
    World {
        name: "redirect-to-an-expired-certificate",
        says: "the shop shows a warning",
        fault: |scene| {
            scene.page(Page::Redirect("https://app.example.test/"));
            scene.name("app.example.test", Name::Addresses(vec![ip("198.51.100.30")]));
            scene.serve(
                "198.51.100.30:443",
                Speaks::Https(Certificate::Expired, Handshake::Normal, Page::Text("welcome to the lab")),
            );
        },
        proof: |eyes| eyes.page("198.51.100.10:443", "www.example.test", "302"),
        expect: Expect {
            cause: &["certificate-expired"],
            decides: "reproduce",
            innocent: &["link", "ip", "route", "path", "dns", "transport", "http"],
            ..fault(&["tls"], &["tls.expired"], Culprit::Contains("app.example.test"))
        },
        ..WORLD
    },
];
