//! Mail that does not go out or come in.

use crate::scene::*;
use crate::world::*;

/// What a fault of the mail server must not be blamed on.
const BENEATH: &[&str] = &["link", "ip", "route", "path", "dns", "proxy", "transport"];
const SERVER: &str = "198.51.100.10:587";
const NAMED: Culprit = Culprit::Contains("mail.example.test");

/// What the mail server says is wrong.
const fn says(layer: &'static [&'static str], cause: &'static [&'static str], code: &'static [&'static str]) -> Expect {
    Expect { cause, decides: "mail", innocent: BENEATH, ..fault(layer, code, NAMED) }
}

const SENDING: World = World { run: ("email", "mail.example.test:587"), ..WORLD };

pub const WORLDS: &[World] = &[
    World {
        name: "mail-goes-out",
        says: "does sending mail work?",
        fault: |scene| scene.serve(SERVER, Speaks::Mail(Certificate::Good, MailMood::Works)),
        proof: |eyes| eyes.hears(SERVER, b"", b"220 "),
        expect: Expect { decides: "mail", innocent: BENEATH, ..HEALTHY },
        ..SENDING
    },
    World {
        name: "mail-certificate-expired-behind-the-greeting",
        says: "since last night the mail program warns when I send",
        fault: |scene| scene.serve(SERVER, Speaks::Mail(Certificate::Expired, MailMood::Works)),
        proof: |eyes| eyes.hears(SERVER, b"", b"220 "),
        expect: says(&["tls"], &["mail-certificate-expired"], &["tls.expired"]),
        ..SENDING
    },
    World {
        name: "mail-certificate-for-another-name-behind-the-greeting",
        says: "the mail program does not trust the new server",
        fault: |scene| scene.serve(SERVER, Speaks::Mail(Certificate::WrongName, MailMood::Works)),
        proof: |eyes| eyes.hears(SERVER, b"", b"220 "),
        expect: says(&["tls"], &["mail-certificate-unfit"], &["tls.name"]),
        ..SENDING
    },
    World {
        name: "mail-encryption-breaks",
        says: "sending fails with a security error",
        fault: |scene| scene.serve(SERVER, Speaks::Mail(Certificate::Good, MailMood::BreaksEncryption)),
        proof: |eyes| eyes.hears(SERVER, b"", b"220 "),
        expect: Expect {
            seconds: 12.0,
            ..says(&["tls"], &["mail-encryption-fails"], &["tls.reset", "tls.not_tls", "tls.timeout"])
        },
        ..SENDING
    },
    World {
        name: "mail-in-the-open",
        says: "the phone says that the mail server is not secure",
        fault: |scene| scene.serve(SERVER, Speaks::Mail(Certificate::Good, MailMood::InTheOpen)),
        proof: |eyes| eyes.hears(SERVER, b"", b"220 "),
        expect: Expect {
            status: "degraded",
            ..says(&["application"], &["mail-without-encryption"], &["app.no_encryption"])
        },
        ..SENDING
    },
    World {
        name: "mail-port-for-servers",
        says: "the mail program finds no way to sign in",
        fault: |scene| scene.serve(SERVER, Speaks::Mail(Certificate::Good, MailMood::ForServersOnly)),
        proof: |eyes| eyes.hears(SERVER, b"", b"220 "),
        expect: says(&["application"], &["no-sign-in-here"], &["app.refused"]),
        ..SENDING
    },
    World {
        name: "mail-server-mute-after-the-greeting",
        says: "sending takes for ever and then fails",
        fault: |scene| scene.serve(SERVER, Speaks::Mail(Certificate::Good, MailMood::MuteAfterGreeting)),
        proof: |eyes| eyes.hears(SERVER, b"", b"220 "),
        expect: Expect { seconds: 20.0, ..says(&["application"], &["mail-server-mute"], &["app.no_answer"]) },
        ..SENDING
    },
    World {
        name: "mail-port-blocked-and-another-open",
        says: "in this hotel mail comes in and does not go out",
        fault: |scene| {
            scene.serve(SERVER, Speaks::Mail(Certificate::Good, MailMood::Works));
            scene.serve("198.51.100.10:465", Speaks::Nothing);
            scene.wire.drop(|packet| packet.tcp(587));
        },
        proof: |eyes| {
            eyes.silent(SERVER)?;
            eyes.connects("198.51.100.10:465")
        },
        expect: Expect {
            cause: &["one-mail-port-blocked"],
            decides: "other-port",
            innocent: &["link", "ip", "route", "path", "dns", "proxy", "application", "tls"],
            ..fault(&["transport"], &["tcp.timeout"], Culprit::Is(SERVER))
        },
        ..SENDING
    },
    World {
        name: "mail-domain-takes-no-mail",
        says: "nobody can write to our new shop's addresses",
        arguments: &["--set", "domain=desk.example.test"],
        fault: |scene| scene.serve(SERVER, Speaks::Mail(Certificate::Good, MailMood::Works)),
        proof: |eyes| eyes.resolves(RESOLVER, "desk.example.test", WEB),
        expect: Expect {
            cause: &["domain-takes-no-mail"],
            decides: "mx",
            innocent: &["link", "ip", "route", "path", "proxy", "transport", "tls", "application"],
            ..degraded(&["dns"], &["dns.nodata"], Culprit::Is("desk.example.test"))
        },
        ..SENDING
    },
];
