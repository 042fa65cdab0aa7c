//! Calls: a STUN server beyond the gateway, and what keeps voice from it.

use crate::scene::*;
use crate::world::*;
use std::time::Duration;

/// What a fault of the way or the server must not be blamed on.
const BELOW: &[&str] = &["link", "ip", "route", "dns", "proxy", "process", "host"];

const CALL: World = World { run: ("video-calls", "stun://www.example.test:3478"), ..WORLD };

/// The call server, over UDP and over TCP.
fn calls(scene: &mut Scene) {
    scene.serve("198.51.100.10:3478", Speaks::Stun);
    scene.services.push(Service { at: at("198.51.100.10:3478"), speaks: Speaks::Nothing });
}

pub const WORLDS: &[World] = &[
    World {
        name: "calls-in-order",
        says: "are we ready for the big meeting?",
        fault: calls,
        expect: Expect { decides: "udp", innocent: BELOW, seconds: 8.0, ..HEALTHY },
        ..CALL
    },
    World {
        name: "calls-without-udp",
        says: "every meeting stays on connecting, pages are fine",
        fault: |scene| {
            calls(scene);
            scene.wire.drop(|packet| packet.udp(3478));
        },
        proof: |eyes| {
            eyes.connects("198.51.100.10:3478")?;
            eyes.pings(WEB, true)
        },
        expect: Expect {
            cause: &["udp-blocked"],
            decides: "udp",
            innocent: BELOW,
            certainty: "suspected",
            seconds: 12.0,
            ..fault(&["path"], &["udp.silent"], Culprit::Contains("198.51.100.10:3478"))
        },
        ..CALL
    },
    World {
        name: "calls-to-a-server-that-is-none",
        says: "the new meeting server never works",
        fault: |scene| scene.serve("198.51.100.10:3478", Speaks::Echo),
        expect: Expect {
            cause: &["not-a-call-server"],
            decides: "udp",
            innocent: BELOW,
            seconds: 8.0,
            ..fault(&["application"], &["app.wrong_protocol"], Culprit::Contains("198.51.100.10:3478"))
        },
        ..CALL
    },
    World {
        name: "calls-to-a-server-that-is-down",
        says: "nobody gets into a meeting",
        expect: Expect {
            cause: &["udp-closed"],
            decides: "udp",
            innocent: BELOW,
            seconds: 8.0,
            ..fault(&["transport"], &["udp.closed"], Culprit::Contains("198.51.100.10:3478"))
        },
        ..CALL
    },
    World {
        name: "calls-with-loss",
        says: "voices sound like robots",
        fault: |scene| {
            calls(scene);
            scene.wire.drop_every(8, |packet| packet.udp(3478));
        },
        expect: Expect {
            cause: &["call-loss-far"],
            decides: "udp",
            innocent: BELOW,
            seconds: 12.0,
            ..degraded(&["path"], &["path.loss"], Culprit::Contains("198.51.100.10:3478"))
        },
        ..CALL
    },
    World {
        name: "calls-with-jitter",
        says: "words come in pieces",
        fault: |scene| {
            calls(scene);
            scene.wire.unevenness = Duration::from_millis(150);
        },
        expect: Expect {
            cause: &["call-late-far"],
            decides: "udp",
            innocent: BELOW,
            seconds: 12.0,
            ..degraded(&["path"], &["path.jitter"], Culprit::Contains("198.51.100.10:3478"))
        },
        ..CALL
    },
    World {
        name: "calls-filtered-on-this-machine",
        says: "only my computer cannot join meetings",
        fault: |scene| {
            calls(scene);
            scene.client.filter = "table inet filter {
                chain output { type filter hook output priority 0; policy accept; udp dport 3478 drop; }
            }"
            .to_owned();
        },
        proof: |eyes| eyes.connects("198.51.100.10:3478"),
        expect: Expect {
            cause: &["local-filter"],
            decides: "filter",
            innocent: &["link", "ip", "route", "path", "dns", "transport"],
            seconds: 12.0,
            ..fault(&["host"], &["host.filter_drops"], Culprit::Contains("udp dport 3478 drop"))
        },
        ..CALL
    },
];
