//! Printers.

use crate::scene::*;
use crate::spoken::{ipp, lpd};
use crate::world::*;

/// What a fault of the printer must not be blamed on.
const BENEATH: &[&str] = &["link", "ip", "route", "path", "dns", "proxy", "transport", "tls"];
const PRINTER: &str = "192.0.2.20:631";
const LINE_PRINTER: &str = "192.0.2.20:515";
const NAMED: Culprit = Culprit::Contains("printer.example.test");

/// What the printer says is wrong.
const fn says(cause: &'static [&'static str], code: &'static [&'static str]) -> Expect {
    Expect { cause, decides: "printer", innocent: BENEATH, ..fault(&["application"], code, NAMED) }
}

const PRINTING: World = World { run: ("printer", "printer.example.test"), ..WORLD };

/// A queue of an old print server.
const LINE_PRINTING: World = World { run: ("printer", "lpd://printer.example.test/office"), ..WORLD };

pub const WORLDS: &[World] = &[
    World {
        name: "printer-prints",
        says: "does the printer work?",
        fault: |scene| scene.serve(PRINTER, Speaks::Replies(ipp::idle)),
        proof: |eyes| eyes.connects(PRINTER),
        expect: Expect { decides: "printer", innocent: BENEATH, ..HEALTHY },
        ..PRINTING
    },
    World {
        name: "printer-without-paper",
        says: "nothing comes out of the printer",
        fault: |scene| scene.serve(PRINTER, Speaks::Replies(ipp::without_paper)),
        proof: |eyes| eyes.hears(PRINTER, b"\x03", b"media-empty"),
        expect: says(&["printer-needs-a-person"], &["print.attention"]),
        ..PRINTING
    },
    World {
        name: "printer-paused",
        says: "my jobs wait since this morning",
        fault: |scene| scene.serve(PRINTER, Speaks::Replies(ipp::paused)),
        proof: |eyes| eyes.hears(PRINTER, b"\x03", b"paused"),
        expect: says(&["queue-paused"], &["print.stopped"]),
        ..PRINTING
    },
    World {
        name: "printer-behind-the-queue-is-off",
        says: "the job says processing for ever",
        fault: |scene| scene.serve(PRINTER, Speaks::Replies(ipp::does_not_reach_its_device)),
        proof: |eyes| eyes.hears(PRINTER, b"\x03", b"offline-report"),
        expect: says(&["queue-does-not-reach-its-printer"], &["print.offline"]),
        ..PRINTING
    },
    World {
        name: "printer-takes-no-jobs",
        says: "printing ends with an error at once",
        fault: |scene| scene.serve(PRINTER, Speaks::Replies(ipp::closed)),
        proof: |eyes| eyes.connects(PRINTER),
        expect: says(&["printer-takes-no-jobs"], &["print.rejects"]),
        ..PRINTING
    },
    World {
        name: "printer-holds-jobs",
        says: "the printer is ready and does not print",
        fault: |scene| scene.serve(PRINTER, Speaks::Replies(ipp::holds)),
        proof: |eyes| eyes.connects(PRINTER),
        expect: Expect {
            cause: &["jobs-wait-though-idle"],
            decides: "printer",
            innocent: BENEATH,
            certainty: "suspected",
            ..degraded(&["application"], &[], NAMED)
        },
        ..PRINTING
    },
    World {
        name: "printer-queue-renamed",
        says: "since the weekend nothing prints on the second floor",
        run: ("printer", "ipp://printer.example.test/printers/second-floor"),
        fault: |scene| scene.serve(PRINTER, Speaks::Replies(ipp::knows_no_such_queue)),
        proof: |eyes| eyes.connects(PRINTER),
        expect: says(&["queue-unknown"], &["app.unknown_name"]),
        ..PRINTING
    },
    World {
        name: "printer-with-the-raw-port-only",
        says: "the new computer does not find the old printer",
        fault: |scene| scene.serve("192.0.2.20:9100", Speaks::Nothing),
        proof: |eyes| {
            eyes.refused(PRINTER)?;
            eyes.connects("192.0.2.20:9100")
        },
        expect: Expect {
            cause: &["printer-without-this-way"],
            decides: "raw-port",
            innocent: &["link", "ip", "route", "path", "dns", "proxy", "tls"],
            ..fault(&["application"], &["tcp.refused"], Culprit::Contains(PRINTER))
        },
        ..PRINTING
    },
    World {
        name: "printer-with-the-line-printer-port-only",
        says: "the printer behind the old print server is not found",
        fault: |scene| scene.serve("192.0.2.20:515", Speaks::Nothing),
        proof: |eyes| {
            eyes.refused(PRINTER)?;
            eyes.refused("192.0.2.20:9100")?;
            eyes.connects("192.0.2.20:515")
        },
        expect: Expect {
            cause: &["printer-with-line-printer-port"],
            decides: "line-printer-port",
            innocent: &["link", "ip", "route", "path", "dns", "proxy", "tls"],
            ..fault(&["application"], &["tcp.refused"], Culprit::Contains(PRINTER))
        },
        ..PRINTING
    },
    World {
        name: "line-printer-prints",
        says: "does the queue of the old print server work?",
        fault: |scene| scene.serve(LINE_PRINTER, Speaks::Replies(lpd::ready)),
        proof: |eyes| eyes.hears(LINE_PRINTER, b"\x03office \n", b"office is ready"),
        expect: Expect { decides: "line-printer", innocent: BENEATH, ..HEALTHY },
        ..LINE_PRINTING
    },
    World {
        name: "line-printer-queue-stopped",
        says: "the warehouse's labels wait since noon",
        fault: |scene| scene.serve(LINE_PRINTER, Speaks::Replies(lpd::stopped)),
        proof: |eyes| eyes.hears(LINE_PRINTER, b"\x03office \n", b"office is not ready"),
        expect: Expect {
            cause: &["line-printer-queue-stopped"],
            decides: "line-printer",
            innocent: BENEATH,
            ..fault(&["application"], &["print.stopped"], Culprit::Contains("office"))
        },
        ..LINE_PRINTING
    },
    World {
        name: "line-printer-silent",
        says: "the warehouse prints nothing",
        fault: |scene| scene.serve(LINE_PRINTER, Speaks::Nothing),
        proof: |eyes| eyes.connects(LINE_PRINTER),
        expect: Expect {
            cause: &["line-printer-mute"],
            decides: "line-printer",
            innocent: BENEATH,
            ..fault(&["application"], &["app.no_answer"], Culprit::Contains(LINE_PRINTER))
        },
        ..LINE_PRINTING
    },
    World {
        name: "printer-hangs",
        says: "printing hangs and then fails",
        fault: |scene| scene.serve(PRINTER, Speaks::Nothing),
        proof: |eyes| eyes.connects(PRINTER),
        expect: Expect { seconds: 20.0, ..says(&["printer-mute"], &["http.no_answer"]) },
        ..PRINTING
    },
    World {
        name: "printer-gone-from-the-network",
        says: "the printer shows as offline",
        run: ("printer", "ipp://192.0.2.77/ipp/print"),
        proof: |eyes| eyes.pings("192.0.2.77", false),
        expect: Expect {
            cause: &["target-not-on-link"],
            decides: "neighbour",
            innocent: &["link", "ip", "dns", "path", "proxy", GATEWAY],
            ..fault(&["route"], &["route.neighbour_dead"], Culprit::Contains("192.0.2.77"))
        },
        ..PRINTING
    },
];
