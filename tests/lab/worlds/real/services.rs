//! Shells, mail, files, printers and directories, by sshd, Postfix, dovecot, smbd, cupsd and slapd.

use crate::installed::OFFICE;
use crate::scene::*;
use crate::world::*;

/// What a fault of the service must not be blamed on.
const BELOW: &[&str] = &["link", "ip", "route", "path", "dns", "proxy", "transport"];
const THE_OFFICE: Culprit = Culprit::OneOf(&["office.example.test", OFFICE]);
/// An ordinary answer is no reason to accuse anything.
const WORKS: Expect = Expect { innocent: &["transport", "application", "http", "path", "dns"], ..HEALTHY };
const EVERYBODY: &str = "Order allow,deny\nAllow all";
const READY: &str = "State Idle\nAccepting Yes";

/// "Who are you?", anonymously and in LDAP 3: a bind request (RFC 4511 section 4.2).
const LDAP_BIND: &[u8] = b"\x30\x0c\x02\x01\x01\x60\x07\x02\x01\x03\x04\x00\x80\x00";
/// An SMB1 negotiation that offers SMB 2, as every client may begin (MS-SMB2 section 3.2.4.2.2.1).
const SMB_NEGOTIATE: &[u8] =
    b"\x00\x00\x009\xffSMB\x72\0\0\0\0\x18\x53\xc8\0\0\0\0\0\0\0\0\0\0\0\0\xff\xff\xfe\xff\0\0\0\0\
    \0\x16\x00\x02SMB 2.002\0\x02SMB 2.???\0";

pub const WORLDS: &[World] = &[
    World {
        name: "real-sshd-works",
        says: "does the login server work?",
        run: ("one-site-fails", "ssh://office.example.test"),
        fault: Scene::sshd,
        proof: |eyes| eyes.hears("198.51.100.30:22", b"", b"SSH-2.0-OpenSSH"),
        expect: WORKS,
        ..WORLD
    },
    World {
        name: "real-sshd-where-mail-should-be",
        says: "the mail program cannot send",
        run: ("one-site-fails", "smtp://office.example.test:22"),
        fault: Scene::sshd,
        proof: |eyes| eyes.hears("198.51.100.30:22", b"", b"SSH-2.0-OpenSSH"),
        expect: Expect { innocent: BELOW, ..fault(&["application"], &["app.wrong_protocol"], THE_OFFICE) },
        ..WORLD
    },
    World {
        name: "real-mail-server-works",
        says: "does the mail server work?",
        run: ("one-site-fails", "smtp://office.example.test"),
        fault: |scene| scene.mail(&["-h", "mail.example.test", "198.51.100.30:25", "16"]),
        proof: |eyes| eyes.hears("198.51.100.30:25", b"", b"220 mail.example.test"),
        expect: WORKS,
        ..WORLD
    },
    World {
        name: "real-mail-server-turns-away",
        says: "the mail program cannot send",
        run: ("one-site-fails", "smtp://office.example.test"),
        fault: |scene| scene.mail(&["-h", "mail.example.test", "-Q", "connect", "198.51.100.30:25", "16"]),
        proof: |eyes| eyes.hears("198.51.100.30:25", b"", b"421 "),
        expect: Expect { innocent: BELOW, ..fault(&["application"], &["app.refused"], THE_OFFICE) },
        ..WORLD
    },
    World {
        name: "real-mail-server-closes-without-a-word",
        says: "the mail program cannot send",
        run: ("one-site-fails", "smtp://office.example.test"),
        fault: |scene| scene.mail(&["-h", "mail.example.test", "-q", "connect", "198.51.100.30:25", "16"]),
        proof: |eyes| eyes.connects("198.51.100.30:25"),
        expect: Expect { innocent: BELOW, ..fault(&["application"], &["app.no_greeting"], THE_OFFICE) },
        ..WORLD
    },
    World {
        name: "real-dovecot-works",
        says: "does the mailbox server work?",
        run: ("one-site-fails", "imap://office.example.test"),
        fault: |scene| scene.dovecot(""),
        proof: |eyes| eyes.hears("198.51.100.30:143", b"", b"* OK"),
        expect: WORKS,
        ..WORLD
    },
    World {
        name: "real-dovecot-where-a-shell-should-be",
        says: "the login says something about the protocol",
        run: ("one-site-fails", "ssh://office.example.test:143"),
        fault: |scene| scene.dovecot(""),
        proof: |eyes| eyes.hears("198.51.100.30:143", b"", b"* OK"),
        expect: Expect { innocent: BELOW, ..fault(&["application"], &["app.wrong_protocol"], THE_OFFICE) },
        ..WORLD
    },
    World {
        name: "real-samba-works",
        says: "does the file server work?",
        run: ("one-site-fails", "smb://office.example.test"),
        fault: |scene| scene.samba(""),
        proof: |eyes| eyes.hears("198.51.100.30:445", SMB_NEGOTIATE, b"\xfeSMB"),
        expect: WORKS,
        ..WORLD
    },
    World {
        name: "real-samba-drive-works",
        says: "does the team drive work?",
        run: ("shared-drive", "office.example.test"),
        fault: |scene| scene.samba(" server signing = mandatory\n"),
        proof: |eyes| eyes.hears("198.51.100.30:445", SMB_NEGOTIATE, b"\xfeSMB"),
        expect: WORKS,
        ..WORLD
    },
    World {
        name: "real-samba-speaks-only-the-oldest-version",
        says: "the old storage box does not open any more",
        run: ("shared-drive", "office.example.test"),
        fault: |scene| scene.samba(" server min protocol = NT1\n server max protocol = NT1\n"),
        proof: |eyes| eyes.connects("198.51.100.30:445"),
        expect: Expect { innocent: BELOW, ..fault(&["application"], &["app.outdated"], THE_OFFICE) },
        ..WORLD
    },
    World {
        name: "real-slapd-works",
        says: "does the directory work?",
        run: ("one-site-fails", "ldap://office.example.test"),
        fault: Scene::slapd,
        proof: |eyes| eyes.hears("198.51.100.30:389", LDAP_BIND, b"\x61\x07\x0a\x01\x00"),
        expect: WORKS,
        ..WORLD
    },
    World {
        name: "real-slapd-speaks-no-tls",
        says: "nobody can sign in since the directory was moved",
        run: ("one-site-fails", "ldaps://office.example.test:389"),
        fault: Scene::slapd,
        proof: |eyes| eyes.hears("198.51.100.30:389", LDAP_BIND, b"\x61\x07\x0a\x01\x00"),
        expect: Expect { innocent: BELOW, seconds: 12.0, ..fault(&["tls"], &["tls.not_tls", "tls.reset"], THE_OFFICE) },
        ..WORLD
    },
    World {
        name: "real-cups-works",
        says: "does the print server work?",
        run: ("one-site-fails", "ipp://office.example.test/printers/office"),
        fault: |scene| scene.cups(READY, EVERYBODY),
        proof: |eyes| eyes.hears("198.51.100.30:631", b"GET /printers/office.ppd HTTP/1.0\r\n\r\n", b"HTTP/1"),
        expect: WORKS,
        ..WORLD
    },
    World {
        name: "real-cups-forbids",
        says: "the printer does not print from here",
        run: ("one-site-fails", "ipp://office.example.test/printers/office"),
        fault: |scene| scene.cups(READY, "Order allow,deny\nDeny all"),
        proof: |eyes| eyes.hears("198.51.100.30:631", b"GET / HTTP/1.0\r\n\r\n", b" 403 "),
        expect: Expect { innocent: BELOW, ..fault(&["http"], &["http.forbidden"], THE_OFFICE) },
        ..WORLD
    },
    World {
        name: "real-cups-queue-works",
        says: "does the print queue work?",
        run: ("printer", "ipp://office.example.test/printers/office"),
        fault: |scene| scene.cups(READY, EVERYBODY),
        proof: |eyes| eyes.connects("198.51.100.30:631"),
        expect: WORKS,
        ..WORLD
    },
    World {
        name: "real-cups-queue-stopped",
        says: "nothing prints since noon",
        run: ("printer", "ipp://office.example.test/printers/office"),
        fault: |scene| scene.cups("State Stopped\nStateMessage Paused\nReason paused\nAccepting Yes", EVERYBODY),
        proof: |eyes| eyes.connects("198.51.100.30:631"),
        expect: Expect {
            cause: &["queue-paused"],
            innocent: BELOW,
            ..fault(&["application"], &["print.stopped"], THE_OFFICE)
        },
        ..WORLD
    },
    World {
        name: "real-cups-queue-takes-no-jobs",
        says: "the printer is not listed as ready",
        run: ("printer", "ipp://office.example.test/printers/office"),
        fault: |scene| scene.cups("State Idle\nAccepting No", EVERYBODY),
        proof: |eyes| eyes.connects("198.51.100.30:631"),
        expect: Expect { innocent: BELOW, ..fault(&["application"], &["print.rejects"], THE_OFFICE) },
        ..WORLD
    },
    World {
        name: "real-cups-knows-no-such-queue",
        says: "the old printer is gone",
        run: ("printer", "ipp://office.example.test/printers/second-floor"),
        fault: |scene| scene.cups(READY, EVERYBODY),
        proof: |eyes| eyes.connects("198.51.100.30:631"),
        expect: Expect { innocent: BELOW, ..fault(&["application"], &["app.unknown_name"], THE_OFFICE) },
        ..WORLD
    },
    World {
        name: "real-dovecot-mailbox-works",
        says: "does mail work?",
        // The certificate is for this name.
        run: ("email", "imap://mail.example.test"),
        fault: |scene| {
            scene.name("mail.example.test", Name::Addresses(vec![ip(OFFICE)]));
            scene.dovecot("ssl = required\nssl_cert = <{folder}/Good.pem\nssl_key = <{folder}/Good.key\n");
        },
        proof: |eyes| eyes.hears("198.51.100.30:143", b"", b"* OK"),
        expect: WORKS,
        ..WORLD
    },
    World {
        name: "real-dovecot-mailbox-in-the-open",
        says: "the mail program says that the server does not support encryption",
        run: ("email", "imap://office.example.test"),
        fault: |scene| scene.dovecot(""),
        proof: |eyes| eyes.hears("198.51.100.30:143", b"", b"* OK"),
        expect: Expect {
            cause: &["mail-without-encryption"],
            innocent: BELOW,
            ..degraded(&["application"], &["app.no_encryption"], THE_OFFICE)
        },
        ..WORLD
    },
    World {
        name: "real-mail-server-takes-mail-from-servers",
        says: "does the mail exchanger work?",
        run: ("email", "smtp://office.example.test"),
        fault: |scene| scene.mail(&["-h", "mail.example.test", "198.51.100.30:25", "16"]),
        proof: |eyes| eyes.hears("198.51.100.30:25", b"", b"220 mail.example.test"),
        expect: WORKS,
        ..WORLD
    },
    World {
        name: "real-slapd-shows-its-root-entry",
        says: "does the directory answer?",
        run: ("sign-in", "ldap://office.example.test"),
        fault: Scene::slapd,
        proof: |eyes| eyes.hears("198.51.100.30:389", LDAP_BIND, b"\x61\x07\x0a\x01\x00"),
        expect: WORKS,
        ..WORLD
    },
    World {
        name: "real-kdc-serves-its-realm",
        says: "can people sign in?",
        run: ("sign-in", "kerberos://office.example.test"),
        fault: |scene| {
            scene.kerberos();
            let known = scene.known_to_dnsmasq();
            let record = "srv-host=_kerberos._tcp.office.example.test,office.example.test,88";
            scene.dnsmasq(RESOLVER, &format!("{known}{record}"));
            scene.client.nameservers.truncate(1);
        },
        proof: |eyes| eyes.connects("198.51.100.30:88"),
        expect: WORKS,
        ..WORLD
    },
    World {
        name: "real-kdc-of-another-realm",
        says: "the sign-in says that the domain is not known",
        run: ("sign-in", "kerberos://198.51.100.30"),
        fault: Scene::kerberos,
        proof: |eyes| eyes.connects("198.51.100.30:88"),
        expect: Expect {
            innocent: &["link", "ip", "route", "path", "proxy", "transport"],
            ..fault(&["application"], &["app.unknown_name"], Culprit::Is(OFFICE))
        },
        known_wrong: "MIT's centre says that the client is unknown before it looks at the realm, in its own realm as in others, \
                      and a client that every realm knows would be an attack to ask for",
        ..WORLD
    },
];
