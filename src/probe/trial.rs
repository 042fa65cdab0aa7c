//! For tests: one look of a probe at a machine that a test describes.

use super::{Look, Probe};
use crate::observation::Observation;
use crate::sys::Machine;
use crate::world::real::RealNetwork;
use crate::world::{Nobody, Person, World};
use std::rc::Rc;
use std::time::Duration;
use tokio::time::Instant;

/// Runs the probe as the run would, with nobody to ask.
pub async fn look(probe: &'static Probe, machine: impl Machine + 'static, args: serde_json::Value) -> Vec<Observation> {
    look_with(probe, machine, Nobody, args).await
}

/// Runs the probe with this person at the terminal.
pub async fn look_with(
    probe: &'static Probe,
    machine: impl Machine + 'static,
    person: impl Person + 'static,
    args: serde_json::Value,
) -> Vec<Observation> {
    let world = World { machine: Rc::new(machine), network: Rc::new(RealNetwork), person: Rc::new(person) };
    let look = Look {
        probe,
        world: &world,
        check: "test",
        layer: probe.layer,
        args: args.as_object().cloned().unwrap_or_default(),
        deadline: Instant::now() + Duration::from_secs(30),
        emit: &|_| {}, seen: &|_| Vec::new() };
    (probe.run)(&look).await
}
