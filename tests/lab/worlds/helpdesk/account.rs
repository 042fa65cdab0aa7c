//! People who cannot sign in.

use crate::scene::*;
use crate::spoken::{kerberos, ldap};
use crate::world::*;

/// What a fault of the sign-in server must not be blamed on.
const BENEATH: &[&str] = &["link", "ip", "route", "path", "proxy", "transport"];
const KDC: &str = "198.51.100.10:88";
const DIRECTORY: &str = "198.51.100.10:389";
const RECORD: &str = "_kerberos._tcp.directory.example.test";

/// What the sign-in server says is wrong.
const fn says(cause: &'static [&'static str], code: &'static [&'static str], culprit: Culprit) -> Expect {
    Expect { cause, decides: "tickets", innocent: BENEATH, ..fault(&["application"], code, culprit) }
}

/// The sign-in server answers like this.
fn serve(scene: &mut Scene, answers: fn(&[u8]) -> Reply) {
    scene.serve(KDC, Speaks::Replies(answers));
}

const DOMAIN: World = World { run: ("sign-in", "directory.example.test"), ..WORLD };
const ADDRESS: World = World { run: ("sign-in", "kerberos://198.51.100.10"), ..WORLD };
const BOOK: World = World { run: ("sign-in", "ldap://directory.example.test"), ..WORLD };

pub const WORLDS: &[World] = &[
    World {
        name: "account-server-works",
        says: "can people sign in?",
        fault: |scene| serve(scene, kerberos::wants_a_proof),
        proof: |eyes| eyes.connects(KDC),
        expect: Expect { decides: "tickets", innocent: BENEATH, ..HEALTHY },
        ..ADDRESS
    },
    World {
        name: "account-domain-not-in-dns",
        says: "new computers cannot join, old ones sign in slowly",
        fault: |scene| serve(scene, kerberos::wants_a_proof),
        proof: |eyes| eyes.answers(RESOLVER, RECORD, "NXDOMAIN"),
        expect: Expect {
            cause: &["domain-names-no-servers"],
            decides: "records",
            innocent: BENEATH,
            ..degraded(&["dns"], &["dns.nxdomain"], Culprit::Is(RECORD))
        },
        ..DOMAIN
    },
    World {
        name: "account-clock-differs",
        says: "since the computer came back from repair nobody can sign in on it",
        fault: |scene| serve(scene, kerberos::half_an_hour_behind),
        proof: |eyes| eyes.connects(KDC),
        expect: Expect {
            cause: &["clock-refused-by-domain"],
            decides: "tickets",
            innocent: BENEATH,
            ..fault(&["host"], &["host.clock_off"], Culprit::Contains("clock"))
        },
        ..ADDRESS
    },
    World {
        name: "account-of-another-domain",
        says: "the sign-in says that the domain is not known",
        fault: |scene| serve(scene, kerberos::of_another_realm),
        proof: |eyes| eyes.connects(KDC),
        expect: says(&["realm-not-served"], &["app.unknown_name"], Culprit::Is("198.51.100.10")),
        ..ADDRESS
    },
    World {
        name: "account-server-mute",
        says: "the sign-in takes minutes and then says no server",
        fault: |scene| scene.serve(KDC, Speaks::Nothing),
        proof: |eyes| eyes.connects(KDC),
        expect: says(&["sign-in-server-mute"], &["app.no_answer"], Culprit::Is(KDC)),
        ..ADDRESS
    },
    World {
        name: "account-directory-busy",
        says: "nobody can sign in to the ticket system at nine",
        fault: |scene| scene.serve(DIRECTORY, Speaks::Replies(ldap::busy)),
        proof: |eyes| eyes.hears(DIRECTORY, b"x", b"\x0a\x01\x33"),
        expect: Expect {
            decides: "directory",
            ..says(&["sign-in-server-fails"], &["app.refused"], Culprit::Is(DIRECTORY))
        },
        ..BOOK
    },
    World {
        name: "account-directory-works",
        says: "does the directory answer?",
        fault: |scene| scene.serve(DIRECTORY, Speaks::Replies(ldap::directory)),
        proof: |eyes| eyes.hears(DIRECTORY, b"x", b"DC=example"),
        expect: Expect { decides: "directory", innocent: BENEATH, ..HEALTHY },
        ..BOOK
    },
    World {
        name: "account-directory-clock-differs",
        says: "signing in fails on this computer only",
        fault: |scene| scene.serve(DIRECTORY, Speaks::Replies(ldap::an_hour_ahead)),
        proof: |eyes| eyes.hears(DIRECTORY, b"x", b"currentTime"),
        expect: Expect {
            cause: &["clock-differs-from-directory"],
            decides: "directory",
            innocent: BENEATH,
            ..degraded(&["host"], &["host.clock_off"], Culprit::Contains("clock"))
        },
        ..BOOK
    },
    World {
        name: "account-caller-presses",
        says: "the director needs the password reset this minute, and nobody may know",
        arguments: &[
            "--symptom",
            "the director needs the password reset this minute",
            "--answer",
            "pressure=yes",
            "--answer",
            "identity=no",
        ],
        fault: |scene| serve(scene, kerberos::wants_a_proof),
        proof: |eyes| eyes.connects(KDC),
        expect: Expect {
            cause: &["caller-under-suspicion"],
            decides: "pressure",
            innocent: BENEATH,
            ..degraded(&["host"], &[], Culprit::Is("the caller's identity"))
        },
        ..ADDRESS
    },
];
