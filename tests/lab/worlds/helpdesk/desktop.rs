//! Remote desktops.

use crate::scene::*;
use crate::spoken::rdp;
use crate::world::*;

/// What a fault of the remote desktop must not be blamed on.
const BENEATH: &[&str] = &["link", "ip", "route", "path", "dns", "proxy", "transport"];
const DESK: &str = "198.51.100.10:3389";

/// What the remote desktop says is wrong.
const fn says(layer: &'static [&'static str], cause: &'static [&'static str], code: &'static [&'static str]) -> Expect {
    Expect { cause, decides: "desktop", innocent: BENEATH, ..fault(layer, code, Culprit::Is(DESK)) }
}

const DESKTOP: World = World { run: ("remote-desktop", "desk.example.test"), ..WORLD };

pub const WORLDS: &[World] = &[
    World {
        name: "desktop-works",
        says: "does my desk computer answer?",
        fault: |scene| scene.serve(DESK, Speaks::Desktop(Certificate::SelfSigned, DesktopMood::Works)),
        proof: |eyes| eyes.connects(DESK),
        expect: Expect { decides: "desktop", innocent: BENEATH, ..HEALTHY },
        ..DESKTOP
    },
    World {
        name: "desktop-switched-off",
        says: "my desk computer does not let me in any more",
        proof: |eyes| {
            eyes.refused(DESK)?;
            eyes.pings(WEB, true)
        },
        expect: Expect {
            cause: &["remote-desktop-switched-off"],
            decides: "tcp",
            innocent: &["link", "ip", "route", "path", "dns", "proxy"],
            ..fault(&["transport"], &["tcp.refused"], Culprit::Is(DESK))
        },
        ..DESKTOP
    },
    World {
        name: "desktop-filtered",
        says: "from home the remote desktop keeps trying",
        fault: |scene| {
            scene.serve(DESK, Speaks::Desktop(Certificate::SelfSigned, DesktopMood::Works));
            scene.wire.drop(|packet| packet.tcp(3389));
        },
        proof: |eyes| {
            eyes.silent(DESK)?;
            eyes.pings(WEB, true)
        },
        expect: Expect {
            cause: &["remote-desktop-filtered"],
            decides: "target-echo",
            innocent: &["link", "ip", "route", "path", "dns", "proxy", "application"],
            ..fault(&["transport"], &["tcp.timeout"], Culprit::Is(DESK))
        },
        ..DESKTOP
    },
    World {
        name: "desktop-hangs",
        says: "the remote desktop says securing the connection for ever",
        fault: |scene| scene.serve(DESK, Speaks::Nothing),
        proof: |eyes| eyes.connects(DESK),
        expect: says(&["application"], &["remote-desktop-mute"], &["app.no_answer"]),
        ..DESKTOP
    },
    World {
        name: "desktop-without-certificate",
        says: "the remote desktop ends with an internal error",
        fault: |scene| scene.serve(DESK, Speaks::Desktop(Certificate::SelfSigned, DesktopMood::NoCertificate)),
        proof: |eyes| eyes.connects(DESK),
        expect: says(&["application"], &["remote-desktop-without-certificate"], &["app.refused"]),
        ..DESKTOP
    },
    World {
        name: "desktop-knows-only-the-old-protection",
        says: "the new remote desktop program refuses the old machine",
        fault: |scene| scene.serve(DESK, Speaks::Desktop(Certificate::SelfSigned, DesktopMood::Old)),
        proof: |eyes| eyes.connects(DESK),
        expect: says(&["application"], &["remote-desktop-outdated"], &["app.outdated"]),
        ..DESKTOP
    },
    World {
        name: "desktop-cuts-the-encryption",
        says: "the remote desktop begins and then breaks off",
        fault: |scene| scene.serve(DESK, Speaks::Desktop(Certificate::SelfSigned, DesktopMood::CutsEncryption)),
        proof: |eyes| eyes.connects(DESK),
        expect: says(&["tls"], &["remote-desktop-encryption-fails"], &["tls.reset"]),
        ..DESKTOP
    },
    World {
        name: "desktop-certificate-expired",
        says: "a warning about the certificate comes before each session",
        fault: |scene| scene.serve(DESK, Speaks::Desktop(Certificate::Expired, DesktopMood::Works)),
        proof: |eyes| eyes.connects(DESK),
        expect: Expect {
            status: "degraded",
            ..says(&["tls"], &["remote-desktop-certificate-expired"], &["tls.expired"])
        },
        ..DESKTOP
    },
    World {
        name: "desktop-is-a-web-server",
        says: "the remote desktop says a protocol error",
        fault: |scene| scene.serve(DESK, Speaks::Replies(rdp::is_a_web_server)),
        proof: |eyes| eyes.hears(DESK, b"x", b"HTTP/1.1 400"),
        expect: says(&["application"], &["not-a-remote-desktop"], &["app.wrong_protocol"]),
        ..DESKTOP
    },
];
