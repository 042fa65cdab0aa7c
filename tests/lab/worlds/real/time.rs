//! Time, by chronyd.

use crate::scene::*;
use crate::world::*;

/// The web server passes on the `Date` of a server behind it, whose clock is the far side's.
const BY_THAT_CLOCK: &str = "location / { proxy_pass http://198.51.100.10:8080; proxy_pass_header Date; }";

/// The servers' clock is so many seconds ahead, and their certificate an hour old.
fn clocks_differ(scene: &mut Scene, ahead_s: i64) {
    scene.clock_ahead_s = ahead_s;
    scene.serve("198.51.100.10:8080", Speaks::Http(Page::Text("welcome to the lab")));
    scene.secure_nginx(Certificate::Fresh, BY_THAT_CLOCK);
    scene.chrony(Some(ahead_s));
}

pub const WORLDS: &[World] = &[
    World {
        name: "real-chrony-two-hours-ahead",
        says: "the new page gives a warning, the old ones open",
        fault: |scene| clocks_differ(scene, 7_200),
        proof: |eyes| {
            eyes.clock_ahead(TIME, 7_200)?;
            eyes.no_page("198.51.100.10:443", "www.example.test", "NotValidYet")
        },
        expect: Expect {
            innocent: &["link", "ip", "route", "path", "dns", "transport", "tls"],
            ..fault(&["host"], &["host.clock_off"], Culprit::NotCompared)
        },
        ..WORLD
    },
    World {
        name: "real-chrony-right-certificate-too-new",
        says: "the new page gives a warning, the old ones open",
        fault: |scene| {
            scene.secure_nginx(Certificate::NotYetValid, "location / { return 200 'welcome to the lab'; }");
            scene.chrony(Some(0));
        },
        proof: |eyes| {
            eyes.clock_ahead(TIME, 0)?;
            eyes.no_page("198.51.100.10:443", "www.example.test", "NotValidYet")
        },
        expect: Expect {
            innocent: &["link", "ip", "route", "path", "dns", "transport", "host"],
            ..fault(&["tls"], &["tls.not_yet_valid"], Culprit::OneOf(&["www.example.test", WEB]))
        },
        ..WORLD
    },
    World {
        // It answers with leap indicator 3 and stratum 0: whatever time it names, it is none.
        name: "real-chrony-without-a-time",
        says: "the new page gives a warning, the old ones open",
        fault: |scene| {
            scene.secure_nginx(Certificate::NotYetValid, "location / { return 200 'welcome to the lab'; }");
            scene.chrony(None);
        },
        proof: |eyes| eyes.no_page("198.51.100.10:443", "www.example.test", "NotValidYet"),
        expect: Expect {
            decides: "tls",
            certainty: "suspected",
            innocent: &["link", "ip", "route", "path", "dns", "transport"],
            ..fault(&["none"], &["tls.not_yet_valid"], Culprit::NotCompared)
        },
        rule: (5, "a certificate of the future and nobody who tells the time: the clock is not ruled out"),
        ..WORLD
    },
];
