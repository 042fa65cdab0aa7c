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
        expect: Expect {
            cause: &["nothing-listens"],
            decides: "listening",
            ..process(&["process.not_listening"], Culprit::Contains("8080"))
        },
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
        expect: Expect {
            cause: &["loopback-only"],
            decides: "listening",
            ..process(&["process.loopback_only"], Culprit::OneOf(&["reportd", "127.0.0.1:8080"]))
        },
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
        expect: Expect {
            cause: &["program-stopped"],
            decides: "holder",
            seconds: 15.0,
            ..process(&["process.stopped"], Culprit::Contains("reportd"))
        },
        ..WORLD
    },
    World {
        name: "local-service-never-answers",
        says: "the report page hangs",
        run: ("local-service", "http://127.0.0.1:8080/"),
        fault: |scene| scene.program("reportd", Does::AcceptsOnly("0.0.0.0:8080")),
        proof: |eyes| eyes.no_page("127.0.0.1:8080", "localhost", "WouldBlock"),
        expect: Expect {
            cause: &["accepts-and-never-answers"],
            decides: "reproduce",
            seconds: 20.0,
            ..process(&["process.no_answer"], Culprit::Contains("reportd"))
        },
        ..WORLD
    },
    World {
        name: "local-service-does-not-accept",
        says: "the report page does not open, though it runs",
        run: ("local-service", "http://127.0.0.1:8080/"),
        fault: |scene| scene.program("reportd", Does::NeverAccepts("127.0.0.1:8080")),
        proof: |eyes| eyes.silent("127.0.0.1:8080"),
        expect: Expect {
            cause: &["backlog-full"],
            decides: "listening",
            seconds: 15.0,
            ..process(&["process.backlog_full"], Culprit::Contains("reportd"))
        },
        ..WORLD
    },
    World {
        name: "local-port-held-by-another",
        says: "the report page shows garbage since the mail program was installed",
        run: ("local-service", "http://127.0.0.1:8080/"),
        arguments: &["--set", "process=reportd"],
        fault: |scene| scene.program("mailstub", Does::Greets("0.0.0.0:8080", "220 mail ready\r\n")),
        proof: |eyes| eyes.connects("127.0.0.1:8080"),
        expect: Expect {
            cause: &["port-taken"],
            decides: "listening",
            ..process(&["process.port_taken"], Culprit::Contains("mailstub"))
        },
        ..WORLD
    },
    World {
        name: "local-program-not-running",
        says: "the report page on this machine does not open",
        run: ("local-service", "http://127.0.0.1:8080/"),
        arguments: &["--set", "process=reportd"],
        proof: |eyes| eyes.refused("127.0.0.1:8080"),
        expect: Expect {
            cause: &["program-not-running"],
            decides: "program",
            ..process(&["process.not_running"], Culprit::Contains("reportd"))
        },
        ..WORLD
    },
    World {
        name: "local-service-on-another-address",
        says: "the report page opens for colleagues, not for me",
        run: ("local-service", "http://127.0.0.1:8080/"),
        fault: |scene| scene.program("reportd", Does::Serves("192.0.2.10:8080")),
        proof: |eyes| {
            eyes.refused("127.0.0.1:8080")?;
            eyes.connects("192.0.2.10:8080")
        },
        expect: Expect {
            cause: &["other-address"],
            decides: "listening",
            ..process(&["process.wrong_address"], Culprit::Contains("reportd"))
        },
        ..WORLD
    },
    World {
        name: "local-service-without-descriptors",
        says: "the report page hangs since this morning",
        run: ("local-service", "http://127.0.0.1:8080/"),
        fault: |scene| scene.program("reportd", Does::OutOfDescriptors("127.0.0.1:8080")),
        proof: |eyes| eyes.no_page("127.0.0.1:8080", "localhost", "WouldBlock"),
        expect: Expect {
            cause: &["out-of-descriptors"],
            decides: "holder",
            seconds: 20.0,
            ..process(&["process.descriptors"], Culprit::Contains("reportd"))
        },
        ..WORLD
    },
    World {
        name: "local-service-error-behind-full-disk",
        says: "the report page shows an error since the weekend",
        run: ("local-service", "http://127.0.0.1:8080/"),
        arguments: &["--set", "path=/srv/data"],
        fault: |scene| {
            scene.program("reportd", Does::Answers("127.0.0.1:8080", 500));
            scene.disk("/srv/data", Disk::Full);
        },
        proof: |eyes| eyes.page("127.0.0.1:8080", "localhost", "500"),
        expect: Expect {
            cause: &["disk-full-behind-error"],
            decides: "data",
            innocent: BELOW,
            ..fault(&["host"], &["host.disk_full"], Culprit::Is("/srv/data"))
        },
        rule: (
            6,
            "the cause that explains the error and the full disk wins over the one that explains the error alone",
        ),
        ..WORLD
    },
    World {
        name: "local-service-error-of-its-own",
        says: "the report page shows an error",
        run: ("local-service", "http://127.0.0.1:8080/"),
        fault: |scene| scene.program("reportd", Does::Answers("127.0.0.1:8080", 500)),
        proof: |eyes| eyes.page("127.0.0.1:8080", "localhost", "500"),
        expect: Expect {
            cause: &["server-error"],
            decides: "reproduce",
            innocent: BELOW,
            ..fault(&["http"], &["http.server_error"], Culprit::Contains("reportd"))
        },
        ..WORLD
    },
    World {
        name: "local-service-on-the-other-family",
        says: "the report page does not open, and the program says that it listens",
        run: ("local-service", "http://127.0.0.1:8080/"),
        fault: |scene| scene.program("reportd", Does::Serves("[::1]:8080")),
        proof: |eyes| {
            eyes.refused("127.0.0.1:8080")?;
            eyes.connects("[::1]:8080")
        },
        expect: Expect {
            cause: &["other-address"],
            decides: "listening",
            ..process(&["process.wrong_address"], Culprit::Contains("reportd"))
        },
        ..WORLD
    },
    World {
        name: "localhost-missing-from-the-hosts-file",
        says: "the program on my own computer does not open any more",
        run: ("local-service", "http://localhost:8080/"),
        fault: |scene| {
            scene.program("app", Does::Serves("127.0.0.1:8080"));
            scene.client.files.push(("/etc/hosts".to_owned(), "127.0.1.1 client\n".to_owned()));
        },
        proof: |eyes| eyes.connects("127.0.0.1:8080"),
        expect: Expect {
            cause: &["localhost-unknown"],
            decides: "lookup",
            innocent: &["link", "process", "transport"],
            ..fault(&["dns"], &["dns.lookup_failed"], Culprit::Is("/etc/hosts"))
        },
        ..WORLD
    },
    World {
        name: "localhost-is-another-machine",
        says: "the program on my own computer does not open any more",
        run: ("local-service", "http://localhost:8080/"),
        fault: |scene| {
            scene.program("app", Does::Serves("127.0.0.1:8080"));
            scene.client.files.push(("/etc/hosts".to_owned(), format!("{SIBLING} localhost\n")));
        },
        proof: |eyes| eyes.connects("127.0.0.1:8080"),
        expect: Expect {
            cause: &["localhost-elsewhere"],
            decides: "lookup",
            innocent: &["link", "process", "host"],
            ..fault(&["dns"], &["tcp.refused"], Culprit::Is("/etc/hosts"))
        },
        ..WORLD
    },
    World {
        name: "local-udp-service-not-running",
        says: "the telephone program on this machine gets no names",
        run: ("local-service", "udp://127.0.0.1:5353"),
        expect: Expect {
            cause: &["nothing-listens"],
            decides: "listening",
            ..process(&["process.not_listening"], Culprit::Contains("5353"))
        },
        ..WORLD
    },
    World {
        name: "local-service-not-running-beside-full-disk",
        says: "the report page on this machine does not open",
        run: ("local-service", "http://127.0.0.1:8080/"),
        fault: |scene| scene.disk("/srv/data", Disk::Full),
        proof: |eyes| eyes.refused("127.0.0.1:8080"),
        expect: Expect {
            cause: &["nothing-listens-and-disk-full"],
            decides: "listening",
            innocent: &["link", "ip", "route", "path", "dns", "http"],
            certainty: "suspected",
            ..fault(&["none"], &["process.not_listening"], Culprit::Contains("port 8080"))
        },
        rule: (5, "that the disk is full does not say that the service does not run for that reason"),
        alone: true,
        ..WORLD
    },
];
