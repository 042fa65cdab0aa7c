//! The run: the only part that waits. It starts checks as their needs are met, feeds what they saw to the pure
//! diagnosis, and stops when that says that nothing more can change.

use crate::diagnosis::verdict::Verdict;
use crate::observation::Observation;
use crate::packet::Packet;
use crate::playbook::Check;
use crate::request::Request;
use crate::world::World;
use std::future::Future;

/// Sees a run while it goes on: the progress display, the spool. All methods do nothing unless overridden.
pub trait Watcher {
    /// A check starts.
    fn started(&self, _check: &Check) {}
    /// An observation was made, or replaced by a later form with the same id. Times and context are filled in and its
    /// evidence is still attached.
    fn observed(&self, _observation: &Observation) {}
    /// The suspects were halved.
    fn suspects(&self, _standing: usize, _of: usize) {}
    /// A fault shows; not yet confirmed.
    fn suspected(&self, _verdict: &Verdict) {}
}

/// A watcher that does nothing.
pub struct Unwatched;
impl Watcher for Unwatched {}

/// Runs a request to its end: settled, complete, at the deadline, or when `interrupt` is ready. The packet is always
/// complete with what is known.
pub async fn execute(
    _request: &Request,
    _world: &World,
    _watcher: &dyn Watcher,
    _interrupt: impl Future<Output = ()>,
) -> Packet {
    std::future::pending().await
}
