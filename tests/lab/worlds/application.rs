//! What a help desk meets beside web pages: shares, remote desktops, logins, printers, directories, mail and UDP.

use crate::scene::*;
use crate::world::*;
use std::io::ErrorKind;

/// What a fault of a service's port must not be blamed on.
const BELOW: &[&str] = &["link", "ip", "route", "path", "dns", "proxy"];
/// What a fault of what is spoken must not be blamed on.
const BENEATH: &[&str] = &["link", "ip", "route", "path", "dns", "proxy", "transport"];

/// The port is closed.
const fn refused(culprit: &'static str) -> Expect {
    let right = fault(&["transport"], &["tcp.refused"], Culprit::Contains(culprit));
    Expect { cause: &["port-refused"], decides: "tcp", innocent: BELOW, ..right }
}

/// The port is filtered, its host answers pings.
const fn filtered(culprit: &'static str) -> Expect {
    let right = fault(&["transport"], &["tcp.timeout"], Culprit::Contains(culprit));
    Expect { cause: &["port-silent"], decides: "target-echo", innocent: BELOW, ..right }
}

/// The service is there and says the wrong thing, or nothing.
const fn spoken(cause: &'static [&'static str], code: &'static [&'static str], culprit: &'static str) -> Expect {
    let right = fault(&["application"], code, Culprit::Contains(culprit));
    Expect { cause, decides: "greeting", innocent: BENEATH, ..right }
}

/// The service's certificate or encryption is wrong.
const fn encryption(cause: &'static [&'static str], code: &'static [&'static str], culprit: Culprit) -> Expect {
    Expect { cause, decides: "tls", innocent: BENEATH, ..fault(&["tls"], code, culprit) }
}

pub const WORLDS: &[World] = &[
    World {
        name: "share-port-filtered",
        says: "the drive with the red cross does not open from home",
        run: ("one-site-fails", "smb://files.example.test/team"),
        fault: |scene| scene.wire.drop(|packet| packet.tcp(445)),
        proof: |eyes| {
            eyes.silent("198.51.100.10:445")?;
            eyes.pings(WEB, true)
        },
        expect: filtered("198.51.100.10:445"),
        ..WORLD
    },
    World {
        name: "share-server-stopped",
        says: "nobody gets at the team drive",
        run: ("one-site-fails", "smb://files.example.test/team"),
        proof: |eyes| eyes.refused("198.51.100.10:445"),
        expect: refused("198.51.100.10:445"),
        ..WORLD
    },
    World {
        name: "remote-desktop-switched-off",
        says: "I cannot get on my desk computer",
        run: ("one-site-fails", "rdp://desk.example.test"),
        proof: |eyes| eyes.refused("198.51.100.10:3389"),
        expect: refused("198.51.100.10:3389"),
        ..WORLD
    },
    World {
        name: "remote-desktop-filtered",
        says: "the remote desktop keeps trying, from the office it works",
        run: ("one-site-fails", "rdp://desk.example.test"),
        fault: |scene| {
            scene.serve("198.51.100.10:3389", Speaks::Nothing);
            scene.wire.drop(|packet| packet.tcp(3389));
        },
        proof: |eyes| eyes.silent("198.51.100.10:3389"),
        expect: filtered("198.51.100.10:3389"),
        ..WORLD
    },
    World {
        name: "remote-desktop-rejected-by-a-router",
        says: "the remote desktop says at once that it cannot connect",
        run: ("one-site-fails", "rdp://desk.example.test"),
        fault: |scene| scene.gateway.routes.push(route(WEB, 32, Way::Prohibit)),
        proof: |eyes| eyes.fails("198.51.100.10:3389", ErrorKind::HostUnreachable),
        expect: Expect {
            cause: &["router-prohibits"],
            decides: "tcp",
            innocent: &["link", "ip", "route", "dns", "proxy"],
            ..fault(&["path"], &["path.prohibited"], Culprit::Is(GATEWAY))
        },
        ..WORLD
    },
    World {
        name: "login-server-turns-away",
        says: "the login to the build server closes at once",
        run: ("one-site-fails", "ssh://www.example.test"),
        fault: |scene| scene.serve("198.51.100.10:22", Speaks::Greeting("Exceeded MaxStartups\r\n")),
        proof: |eyes| eyes.connects("198.51.100.10:22"),
        expect: spoken(&["service-turns-away"], &["app.refused"], "198.51.100.10:22"),
        ..WORLD
    },
    World {
        name: "login-server-hangs-up",
        says: "the login to the build server ends without a word",
        run: ("one-site-fails", "ssh://www.example.test"),
        fault: |scene| scene.serve("198.51.100.10:22", Speaks::HangsUp),
        expect: Expect {
            cause: &["no-greeting"],
            decides: "greeting",
            innocent: BENEATH,
            ..fault(&["application"], &["app.no_greeting"], Culprit::Contains("198.51.100.10:22"))
        },
        ..WORLD
    },
    World {
        name: "printer-switched-off",
        says: "the printer is offline",
        run: ("one-site-fails", "ipp://192.0.2.77/ipp/print"),
        proof: |eyes| eyes.pings("192.0.2.77", false),
        expect: Expect {
            cause: &["target-not-on-link"],
            decides: "neighbour",
            innocent: &["link", "ip", "dns", "path", "proxy", GATEWAY],
            ..fault(&["route"], &["route.neighbour_dead"], Culprit::Contains("192.0.2.77"))
        },
        ..WORLD
    },
    World {
        name: "printer-without-ipp",
        says: "the new driver does not find the printer, though it is on",
        run: ("one-site-fails", "ipp://printer.example.test/ipp/print"),
        proof: |eyes| {
            eyes.pings(SIBLING, true)?;
            eyes.refused("192.0.2.20:631")
        },
        expect: refused("192.0.2.20:631"),
        ..WORLD
    },
    World {
        name: "printer-busy",
        says: "the printer says it is busy, all day",
        run: ("one-site-fails", "ipp://printer.example.test/ipp/print"),
        fault: |scene| scene.serve("192.0.2.20:631", Speaks::Http(Page::Status(503))),
        proof: |eyes| eyes.page("192.0.2.20:631", "printer.example.test", "503"),
        expect: Expect {
            cause: &["server-error"],
            decides: "reproduce",
            innocent: BENEATH,
            ..fault(&["http"], &["http.server_error"], Culprit::Contains("printer.example.test"))
        },
        ..WORLD
    },
    World {
        name: "printer-with-a-certificate-of-its-own",
        says: "secure printing does not work with the new printer",
        run: ("one-site-fails", "ipps://printer.example.test/ipp/print"),
        fault: |scene| {
            let page = Page::Text("printer");
            scene.serve("192.0.2.20:631", Speaks::Https(Certificate::SelfSigned, Handshake::Normal, page));
        },
        proof: |eyes| eyes.connects("192.0.2.20:631"),
        expect: encryption(
            &["certificate-self-signed"],
            &["tls.self_signed"],
            Culprit::Contains("printer.example.test"),
        ),
        ..WORLD
    },
    World {
        name: "directory-refuses",
        says: "the address book finds nobody",
        run: ("one-site-fails", "ldap://directory.example.test"),
        proof: |eyes| eyes.refused("198.51.100.10:389"),
        expect: refused("198.51.100.10:389"),
        ..WORLD
    },
    World {
        name: "directory-certificate-expired",
        says: "nobody can sign in to the ticket system since midnight",
        run: ("one-site-fails", "ldaps://directory.example.test"),
        fault: |scene| {
            scene.serve("198.51.100.10:636", Speaks::Https(Certificate::Expired, Handshake::Normal, Page::Mute));
        },
        proof: |eyes| eyes.connects("198.51.100.10:636"),
        expect: encryption(
            &["certificate-expired"],
            &["tls.expired"],
            Culprit::OneOf(&["directory.example.test", "198.51.100.10:636"]),
        ),
        ..WORLD
    },
    World {
        name: "sign-in-port-filtered",
        says: "the sign-in takes ages and then works without the drives",
        run: ("one-site-fails", "kerberos://directory.example.test"),
        fault: |scene| scene.wire.drop(|packet| packet.tcp(88)),
        proof: |eyes| eyes.silent("198.51.100.10:88"),
        expect: filtered("198.51.100.10:88"),
        ..WORLD
    },
    World {
        name: "mail-cannot-be-sent-port-filtered",
        says: "mail comes in but does not go out in this hotel",
        run: ("one-site-fails", "smtp://mail.example.test"),
        fault: |scene| {
            scene.serve("198.51.100.10:25", Speaks::Greeting("220 mail.example.test ESMTP\r\n"));
            scene.wire.drop(|packet| packet.tcp(25));
        },
        proof: |eyes| eyes.silent("198.51.100.10:25"),
        expect: filtered("198.51.100.10:25"),
        ..WORLD
    },
    World {
        name: "mail-server-turns-away",
        says: "mail stays in the outbox",
        run: ("one-site-fails", "submission://mail.example.test"),
        fault: |scene| {
            let greeting = "554 mail.example.test your address is on a block list\r\n";
            scene.serve("198.51.100.10:587", Speaks::Greeting(greeting));
        },
        proof: |eyes| eyes.connects("198.51.100.10:587"),
        expect: spoken(&["service-turns-away"], &["app.refused"], "198.51.100.10:587"),
        ..WORLD
    },
    World {
        name: "mailbox-server-mute",
        says: "the mail program hangs at checking for new mail",
        run: ("one-site-fails", "imap://mail.example.test"),
        fault: |scene| scene.serve("198.51.100.10:143", Speaks::Nothing),
        proof: |eyes| eyes.connects("198.51.100.10:143"),
        expect: Expect { seconds: 15.0, ..spoken(&["no-greeting"], &["app.no_greeting"], "198.51.100.10:143") },
        ..WORLD
    },
    World {
        name: "mailbox-port-speaks-another-protocol",
        says: "the new mail program says bad answer from the server",
        run: ("one-site-fails", "imap://mail.example.test"),
        fault: |scene| scene.serve("198.51.100.10:143", Speaks::Greeting("220 mail.example.test ESMTP\r\n")),
        proof: |eyes| eyes.connects("198.51.100.10:143"),
        expect: spoken(&["wrong-service"], &["app.wrong_protocol"], "198.51.100.10:143"),
        ..WORLD
    },
    World {
        name: "mailbox-encryption-is-plain-text",
        says: "the phone cannot fetch mail any more",
        run: ("one-site-fails", "imaps://mail.example.test"),
        fault: |scene| scene.serve("198.51.100.10:993", Speaks::Greeting("* OK IMAP4rev1 ready\r\n")),
        proof: |eyes| eyes.connects("198.51.100.10:993"),
        expect: encryption(&["not-tls"], &["tls.not_tls"], Culprit::Contains("198.51.100.10:993")),
        ..WORLD
    },
    World {
        name: "mailbox-certificate-for-another-name",
        says: "the mail program warns about the server",
        run: ("one-site-fails", "imaps://mail.example.test"),
        fault: |scene| {
            let speaks = Speaks::Https(Certificate::WrongName, Handshake::Normal, Page::Mute);
            scene.serve("198.51.100.10:993", speaks);
        },
        proof: |eyes| eyes.connects("198.51.100.10:993"),
        expect: encryption(
            &["certificate-for-another-name"],
            &["tls.name"],
            Culprit::OneOf(&["mail.example.test", "198.51.100.10:993"]),
        ),
        ..WORLD
    },
    World {
        name: "old-mailbox-server-mute",
        says: "the copier's scan to mail does not arrive",
        run: ("one-site-fails", "smtp://mail.example.test"),
        fault: |scene| scene.serve("198.51.100.10:25", Speaks::Nothing),
        proof: |eyes| eyes.connects("198.51.100.10:25"),
        expect: Expect {
            // A mail server may pause on purpose before it greets.
            certainty: "suspected",
            seconds: 15.0,
            ..spoken(&["no-greeting"], &["app.no_greeting"], "198.51.100.10:25")
        },
        ..WORLD
    },
    World {
        name: "telephone-port-forbidden-by-a-router",
        says: "the softphone does not register",
        run: ("one-site-fails", "udp://www.example.test:5060"),
        fault: |scene| scene.gateway.routes.push(route(WEB, 32, Way::Prohibit)),
        proof: |eyes| eyes.fails("198.51.100.10:443", ErrorKind::HostUnreachable),
        expect: Expect {
            cause: &["router-prohibits"],
            decides: "udp",
            innocent: &["link", "ip", "route", "dns", "proxy"],
            ..fault(&["path"], &["path.prohibited"], Culprit::Contains(GATEWAY))
        },
        ..WORLD
    },
    World {
        name: "time-server-port-closed",
        says: "the clocks drift since the server was moved",
        run: ("one-site-fails", "udp://time.example.test:123"),
        fault: |scene| {
            scene.close("198.51.100.123:123");
            scene.serve("198.51.100.123:9", Speaks::Nothing);
        },
        expect: Expect {
            cause: &["udp-closed"],
            decides: "udp",
            innocent: BELOW,
            ..fault(&["transport"], &["udp.closed"], Culprit::Contains("198.51.100.123:123"))
        },
        ..WORLD
    },
    World {
        name: "time-server-filtered",
        says: "the clocks drift since the firewall was changed",
        run: ("one-site-fails", "udp://time.example.test:123"),
        fault: |scene| scene.wire.drop(|packet| packet.udp(123)),
        proof: |eyes| eyes.pings(TIME, true),
        expect: Expect {
            cause: &["udp-silent"],
            decides: "udp",
            innocent: BELOW,
            ..fault(&["transport"], &["udp.silent"], Culprit::Contains("198.51.100.123:123"))
        },
        ..WORLD
    },
    World {
        name: "telephone-port-silent",
        says: "the softphone says registering for ever",
        run: ("one-site-fails", "udp://www.example.test:5060"),
        fault: |scene| scene.wire.drop(|packet| packet.udp(5060)),
        // A service may rightly answer nothing to an empty datagram: silence decides nothing here.
        expect: Expect { status: "undecided", innocent: BELOW, ..NOTHING },
        rule: (5, "an unknown is not a fault: a UDP service need not answer what it does not understand"),
        ..WORLD
    },
];
