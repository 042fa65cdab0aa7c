//! Worlds in which everything works, with the quirks that make naive tools cry wolf.

use crate::scene::*;
use crate::world::*;
use std::io::ErrorKind;

pub const WORLDS: &[World] = &[World {
    name: "healthy",
    says: "it works, I only wanted to see",
    proof: |eyes| {
        eyes.carrier("eth0", true)?;
        eyes.resolves(RESOLVER, "www.example.test", WEB)?;
        eyes.resolves(SECOND_RESOLVER, "both.example.test", SECOND_WEB)?;
        eyes.answers(RESOLVER, "missing.example.test", "NXDomain")?;
        eyes.page("198.51.100.10:443", "www.example.test", "200")?;
        eyes.page("198.51.100.11:443", "both.example.test", "200")?;
        eyes.page("198.51.100.80:80", "control.example.test", "200")?;
        eyes.proxy_says("200")?;
        eyes.clock_ahead(TIME, 0)?;
        eyes.pings(GATEWAY, true)?;
        eyes.pings(WEB, true)?;
        eyes.pings(SIBLING, true)?;
        eyes.refused("198.51.100.10:8443")?;
        eyes.fails("198.51.100.200:443", ErrorKind::TimedOut)?;
        eyes.sibling_connects("198.51.100.10:443", true)
    },
    expect: HEALTHY,
    ..WORLD
}];
