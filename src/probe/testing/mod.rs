//! For tests: one look of a probe at a world that the test describes. `told` is a machine that says what it is told,
//! `stage` a network that plays what it is told, `loopback` has real sockets and servers.

pub mod loopback;
pub mod stage;
pub mod told;

use super::{Look, Probe};
use crate::observation::Observation;
use crate::sys::Machine;
use crate::world::real::RealNetwork;
use crate::world::{Network, Nobody, Person, World};
use serde_json::Value;
use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;
use tokio::time::Instant;

/// The check that looks.
pub const CHECK: &str = "check";

/// How long a look may take where a test says nothing else: longer than every wait of every probe.
pub const LONG: Duration = Duration::from_secs(60);

/// What came of a look.
pub struct Seen {
    /// The final observations.
    pub last: Vec<Observation>,
    /// Those that were emitted before, and when.
    pub emitted: Vec<(Duration, Observation)>,
    pub took: Duration,
}

impl Seen {
    /// The final observations, and those before.
    pub fn both(self) -> (Vec<Observation>, Vec<Observation>) {
        (self.last, self.emitted.into_iter().map(|(_, observation)| observation).collect())
    }
}

/// Runs the probe as the run would.
pub async fn look(probe: &'static Probe, world: &World, args: Value, wait: Duration) -> Seen {
    look_by(probe, world, args, wait, async |look| (probe.run)(look).await).await
}

/// The same with another way to run it, for probes whose tests hand in more than arguments.
pub async fn look_by(
    probe: &'static Probe,
    world: &World,
    args: Value,
    wait: Duration,
    run: impl AsyncFnOnce(&Look<'_>) -> Vec<Observation>,
) -> Seen {
    let Value::Object(args) = args else { panic!("arguments are an object") };
    let emitted = RefCell::new(Vec::new());
    let start = Instant::now();
    let emit = |observation| emitted.borrow_mut().push((start.elapsed(), observation));
    let (layer, deadline) = (probe.layer, start + wait);
    let look = Look {
        probe,
        world,
        check: CHECK,
        layer,
        args,
        deadline,
        emit: &emit,
        seen: &|_| Vec::new(),
        answered: &|_| false,
    };
    let last = run(&look).await;
    let took = start.elapsed();
    for observation in &last {
        assert!(observation.codes().all(|code| probe.codes.contains(&code)), "undeclared code in {observation:?}");
    }
    Seen { last, emitted: emitted.into_inner(), took }
}

/// A world of these, with nobody to ask.
pub fn world(machine: impl Machine + 'static, network: impl Network + 'static) -> World {
    World { machine: Rc::new(machine), network: Rc::new(network), person: Rc::new(Nobody) }
}

/// Looks at this machine, with nobody to ask.
pub async fn look_at(probe: &'static Probe, machine: impl Machine + 'static, args: Value) -> Vec<Observation> {
    look(probe, &world(machine, RealNetwork::default()), args, LONG).await.last
}

/// Looks with this person at the terminal.
pub async fn look_with(
    probe: &'static Probe,
    machine: impl Machine + 'static,
    person: impl Person + 'static,
    args: Value,
) -> Vec<Observation> {
    let world = World { person: Rc::new(person), ..world(machine, RealNetwork::default()) };
    look(probe, &world, args, LONG).await.last
}
