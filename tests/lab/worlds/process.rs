//! Faults of programs on the client itself.

use crate::scene::*;
use crate::world::*;

/// What a fault of a local program must not be blamed on.
const BELOW: &[&str] = &["link", "ip", "route", "path", "dns", "proxy", "tls"];

const fn process(code: &'static [&'static str], culprit: Culprit) -> Expect {
    Expect { innocent: BELOW, ..fault(&["process"], code, culprit) }
}

pub const WORLDS: &[World] = &[
    World {
        name: "local-service-not-running",
        says: "the report page on this machine does not open",
        run: ("local-service", "http://127.0.0.1:8080/"),
        proof: |eyes| eyes.refused("127.0.0.1:8080"),
        expect: process(&["process.not_listening", "process.not_running"], Culprit::Contains("8080")),
        ..WORLD
    },
    World {
        name: "local-service-on-loopback-only",
        says: "colleagues cannot open the report page on my machine",
        run: ("local-service", "http://192.0.2.10:8080/"),
        fault: |scene| scene.program("reportd", Does::Serves("127.0.0.1:8080")),
        proof: |eyes| {
            eyes.refused("192.0.2.10:8080")?;
            eyes.page("127.0.0.1:8080", "localhost", "200")
        },
        expect: process(&["process.loopback_only"], Culprit::OneOf(&["reportd", "127.0.0.1:8080"])),
        ..WORLD
    },
    World {
        name: "local-service-stopped",
        says: "the report page hangs since yesterday",
        run: ("local-service", "http://127.0.0.1:8080/"),
        fault: |scene| scene.program("reportd", Does::Stopped("0.0.0.0:8080")),
        proof: |eyes| {
            eyes.connects("127.0.0.1:8080")?;
            eyes.no_page("127.0.0.1:8080", "localhost", "WouldBlock")
        },
        expect: Expect { seconds: 15.0, ..process(&["process.stopped"], Culprit::Contains("reportd")) },
        ..WORLD
    },
    World {
        name: "local-service-never-answers",
        says: "the report page hangs",
        run: ("local-service", "http://127.0.0.1:8080/"),
        fault: |scene| scene.program("reportd", Does::AcceptsOnly("0.0.0.0:8080")),
        proof: |eyes| eyes.no_page("127.0.0.1:8080", "localhost", "WouldBlock"),
        expect: Expect {
            seconds: 20.0,
            ..process(&["process.no_answer", "http.no_answer"], Culprit::Contains("reportd"))
        },
        ..WORLD
    },
    World {
        name: "local-service-does-not-accept",
        says: "the report page does not open, though it runs",
        run: ("local-service", "http://127.0.0.1:8080/"),
        fault: |scene| scene.program("reportd", Does::NeverAccepts("127.0.0.1:8080")),
        proof: |eyes| eyes.silent("127.0.0.1:8080"),
        expect: Expect { seconds: 15.0, ..process(&["process.backlog_full"], Culprit::Contains("reportd")) },
        ..WORLD
    },
    World {
        name: "local-port-held-by-another",
        says: "the report page shows garbage since the mail program was installed",
        run: ("local-service", "http://127.0.0.1:8080/"),
        arguments: &["--set", "process=reportd"],
        fault: |scene| scene.program("mailstub", Does::Greets("0.0.0.0:8080", "220 mail ready\r\n")),
        proof: |eyes| eyes.connects("127.0.0.1:8080"),
        expect: process(&["process.port_taken"], Culprit::Contains("mailstub")),
        ..WORLD
    },
];
