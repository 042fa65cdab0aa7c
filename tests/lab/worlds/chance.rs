//! Worlds that throw dice, for what a line that drops every n-th packet cannot show: loss that comes when it likes.

use crate::scene::*;
use crate::world::*;

pub const WORLDS: &[World] = &[World {
    name: "loss-by-chance",
    says: "calls break up, today more than yesterday",
    run: ("slow", "https://www.example.test/"),
    // Of a hundred pings fewer than two are lost, which is no loss yet, in 3 runs of ten thousand (binomial, one in ten).
    fault: |scene| scene.wire.drop_by_chance(0.1, |packet| !packet.outbound),
    proof: |eyes| eyes.connections("198.51.100.10:443", 10, 5..=10),
    expect: Expect {
        innocent: &["link", "dns", "tls", "http"],
        seconds: 20.0,
        ..degraded(&["path"], &["path.loss"], Culprit::Contains(WEB))
    },
    ..WORLD
}];
