//! Shared folders and mapped drives.

use crate::scene::*;
use crate::spoken::smb;
use crate::world::*;

/// What a fault of the file server must not be blamed on.
const BENEATH: &[&str] = &["link", "ip", "route", "path", "dns", "proxy", "transport", "tls"];
const SERVER: &str = "198.51.100.10:445";
/// An SMB1 negotiation that offers SMB 2, as every client may begin (MS-SMB2 section 3.2.4.2.2.1).
const NEGOTIATE: &[u8] =
    b"\x00\x00\x009\xffSMB\x72\0\0\0\0\x18\x53\xc8\0\0\0\0\0\0\0\0\0\0\0\0\xff\xff\xfe\xff\0\0\0\0\
    \0\x16\x00\x02SMB 2.002\0\x02SMB 2.???\0";

/// What the file server says is wrong.
const fn says(cause: &'static [&'static str], code: &'static [&'static str]) -> Expect {
    let right = fault(&["application"], code, Culprit::Contains(SERVER));
    Expect { cause, decides: "share-server", innocent: BENEATH, ..right }
}

const DRIVE: World = World { run: ("shared-drive", r"\\files.example.test\team"), ..WORLD };

pub const WORLDS: &[World] = &[
    World {
        name: "drive-works",
        says: "does the team drive work?",
        fault: |scene| scene.serve(SERVER, Speaks::Replies(smb::today)),
        proof: |eyes| eyes.connects(SERVER),
        expect: Expect { decides: "share-server", innocent: BENEATH, ..HEALTHY },
        ..DRIVE
    },
    World {
        name: "drive-server-speaks-only-the-oldest-version",
        says: "since the update of my computer the old storage box does not open",
        fault: |scene| scene.serve(SERVER, Speaks::Replies(smb::only_old)),
        proof: |eyes| eyes.hears(SERVER, NEGOTIATE, b"\xffSMB"),
        expect: says(&["smb1-only"], &["app.outdated"]),
        ..DRIVE
    },
    World {
        name: "drive-server-mute",
        says: "the drive spins for ever and then says an error",
        fault: |scene| scene.serve(SERVER, Speaks::Nothing),
        proof: |eyes| eyes.connects(SERVER),
        expect: says(&["file-server-mute"], &["app.no_answer"]),
        ..DRIVE
    },
    World {
        name: "drive-server-is-a-web-server",
        says: "the new drive cannot be connected",
        fault: |scene| scene.serve(SERVER, Speaks::Greeting("220 files.example.test FTP ready\r\n")),
        proof: |eyes| eyes.hears(SERVER, b"", b"220 "),
        expect: says(&["not-a-file-server"], &["app.wrong_protocol"]),
        ..DRIVE
    },
    World {
        name: "drive-blocked-on-the-way-home",
        says: "at home the drives have a red cross",
        fault: |scene| {
            scene.serve(SERVER, Speaks::Replies(smb::today));
            scene.wire.drop(|packet| packet.tcp(445) || packet.tcp(139));
        },
        proof: |eyes| {
            eyes.silent(SERVER)?;
            eyes.pings(WEB, true)
        },
        expect: Expect {
            cause: &["share-port-filtered"],
            decides: "target-echo",
            innocent: &["link", "ip", "route", "path", "dns", "proxy", "application"],
            ..fault(&["transport"], &["tcp.timeout"], Culprit::Is(SERVER))
        },
        ..DRIVE
    },
    World {
        name: "drive-only-at-the-old-port",
        says: "the scanner's folder cannot be opened any more",
        fault: |scene| scene.serve("198.51.100.10:139", Speaks::Nothing),
        proof: |eyes| {
            eyes.refused(SERVER)?;
            eyes.connects("198.51.100.10:139")
        },
        expect: Expect {
            cause: &["only-old-sharing-port"],
            decides: "old-port",
            innocent: &["link", "ip", "route", "path", "dns", "proxy", "tls"],
            ..fault(&["application"], &["app.outdated"], Culprit::Is("198.51.100.10:139"))
        },
        ..DRIVE
    },
    World {
        name: "drive-clock-differs",
        says: "the drive asks for my password again and again",
        fault: |scene| scene.serve(SERVER, Speaks::Replies(smb::twenty_minutes_ahead)),
        proof: |eyes| eyes.connects(SERVER),
        expect: Expect {
            cause: &["clock-differs-from-file-server"],
            decides: "share-server",
            innocent: BENEATH,
            ..degraded(&["host"], &["host.clock_off"], Culprit::Contains("clock"))
        },
        ..DRIVE
    },
    World {
        name: "drive-server-has-no-name",
        says: "the drive says that the network path is not found",
        fault: |scene| scene.name("files.example.test", Name::Missing),
        proof: |eyes| eyes.answers(RESOLVER, "files.example.test", "NXDOMAIN"),
        expect: Expect {
            cause: &["name-does-not-exist"],
            decides: "dns",
            innocent: &["link", "ip", "route", "path", "proxy", "transport", "application"],
            ..fault(&["dns"], &["dns.nxdomain"], Culprit::Contains("files.example.test"))
        },
        ..DRIVE
    },
];
