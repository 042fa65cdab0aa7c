//! Where each problem code is shown: by a world of the lab, or, for those listed here, elsewhere and why. The run of the
//! whole lab checks that this is so.

use Shown::{Fixture, Hardware, Reserved};
use firstline::problem::{Code, PROBLEMS};

/// Where a code is shown.
#[derive(Clone, Copy)]
pub enum Shown {
    /// A world's observations have it.
    Lab,
    /// A probe's test or a playbook's has it: the file, and why no world can.
    Fixture(&'static str, &'static str),
    /// It is a matter of devices that no lab has: the file with the recorded state, and which device.
    Hardware(&'static str, &'static str),
    /// Nothing reports it, and why; see "Reserved codes" in `docs/architecture.md`.
    Reserved(&'static str),
}

impl std::fmt::Display for Shown {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Shown::Lab => write!(f, "lab"),
            Shown::Fixture(file, why) => write!(f, "fixture in {file}: {why}"),
            Shown::Hardware(file, why) => write!(f, "hardware, recorded in {file}: {why}"),
            Shown::Reserved(why) => write!(f, "reserved: {why}"),
        }
    }
}

const ELSEWHERE: &[(Code, Shown)] = &[
    (Code::LinkErrors, Hardware("src/probe/link.rs", "a cable or port that damages frames; a virtual one does not")),
    (Code::LinkDrops, Hardware("playbooks/one-site-fails.toml", "a receive queue that overflows in an adapter")),
    (Code::LinkHalfDuplex, Hardware("src/probe/link.rs", "a port that negotiates; a virtual one has no duplex")),
    (Code::LinkSlow, Hardware("src/probe/link.rs", "a port that negotiates a speed")),
    (Code::LinkWifiWeak, Hardware("src/probe/link.rs", "a radio")),
    (Code::LinkWifiNotJoined, Hardware("src/probe/link.rs", "a radio")),
    (Code::LinkWifiBlocked, Hardware("src/probe/wifi.rs", "a radio")),
    (Code::LinkWifiRetries, Hardware("src/probe/wifi.rs", "a radio")),
    (Code::LinkWifiSlowRate, Hardware("src/probe/wifi.rs", "a radio")),
    (Code::LinkWrongKey, Hardware("src/probe/supplicant.rs", "a radio")),
    (Code::LinkNetworkNotFound, Hardware("src/probe/supplicant.rs", "a radio")),
    (Code::LinkJoinRejected, Hardware("src/probe/supplicant.rs", "a radio")),
    (Code::RouteAmbiguous, Fixture("src/probe/route.rs", "the kernel takes no second route of one metric for IPv4")),
    (
        Code::RouteReversePath,
        Fixture("src/probe/route.rs", "the counter that convicts is the whole machine's, and not a namespace's"),
    ),
    (
        Code::PathMtuReduced,
        Fixture("src/probe/mtu.rs", "a router between two namespaces lets nothing below 1280 bytes be set for IPv6"),
    ),
    (Code::VpnTakesDefault, Reserved("the `vpn` probe gives the fact")),
    (Code::TlsExpiresSoon, Reserved("the days left are a fact of `tls`")),
    (Code::HttpSlow, Reserved("superseded by `http.slow_first_byte`")),
    (Code::HostClockUnknown, Reserved("the offset is measured; no probe reads whether a service keeps it")),
    (
        Code::HostGroupLimit,
        Fixture("src/probe/resource/tests.rs", "the lab may not set the limits of a control group without root"),
    ),
    (
        Code::TcpProhibited,
        Fixture("src/probe/tcp.rs", "it is said where the router that forbids cannot be named; the lab's always can"),
    ),
    (
        Code::TlsRevoked,
        Fixture("src/probe/way/certificate.rs", "rustls asks nobody about revocation unless it is given a list"),
    ),
    (
        Code::TlsInvalid,
        Fixture(
            "playbooks/one-site-fails.toml",
            "the library that makes the lab's certificates makes no malformed ones",
        ),
    ),
    (
        Code::ProcessMemoryHog,
        Fixture("playbooks/this-machine.toml", "worlds share the memory of the machine that they run on"),
    ),
    (Code::ProcessServiceFailed, Fixture("src/probe/service.rs", "it takes a service manager")),
    (
        Code::HostMemoryLow,
        Fixture("src/probe/resource/tests.rs", "worlds share the memory of the machine that they run on"),
    ),
    (
        Code::HostMemoryPressure,
        Fixture("src/probe/resource/tests.rs", "worlds share the memory of the machine that they run on"),
    ),
    (
        Code::HostOomKill,
        Fixture("src/probe/resource/tests.rs", "worlds share the memory of the machine that they run on"),
    ),
    (
        Code::HostIoPressure,
        Fixture("src/probe/resource/tests.rs", "worlds share the disks of the machine that they run on"),
    ),
    (Code::HostBatteryLow, Hardware("src/probe/power.rs", "a battery")),
    (
        Code::HostRecentBoot,
        Fixture("src/probe/resource/tests.rs", "worlds share the start of the machine that they run on"),
    ),
    (Code::HostDescriptors, Fixture("src/probe/resource/tests.rs", "the table of open files is the whole machine's")),
    (Code::HostConntrackFull, Fixture("src/probe/resource/tests.rs", "the size of the table is the whole machine's")),
    (Code::AskFault, Fixture("src/probe/ask.rs", "a person says it")),
    (Code::ExecFailed, Fixture("src/probe/exec.rs", "the playbooks in the binary start no programs")),
];

/// Prints where each code is shown.
pub fn list() {
    PROBLEMS.iter().for_each(|(code, _)| println!("{code:24} {}", shown(*code)));
}

/// Where this code is shown.
pub fn shown(code: Code) -> Shown {
    ELSEWHERE.iter().find(|(other, _)| *other == code).map_or(Shown::Lab, |(_, shown)| *shown)
}
