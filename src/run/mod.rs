//! The run: the only part that waits. It starts checks as their needs are met, feeds what they saw to the pure
//! diagnosis, and stops when that says that nothing more can change.

mod again;
pub mod arguments;
mod changes;
mod decision;
pub mod plan;
mod state;

use crate::diagnosis::evidence::answers_over;
use crate::diagnosis::verdict::Verdict;
use crate::observation::{Facts, Observation, Outcome, Via};
use crate::packet::Packet;
use crate::patience;
use crate::playbook::Check;
use crate::probe::{Cost, Look};
use crate::request::Request;
use crate::world::World;
use futures_util::future::LocalBoxFuture;
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};
use state::State;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::future::Future;
use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

/// Sees a run while it goes on: the progress display, the spool. All methods do nothing unless overridden.
pub trait Watcher {
    /// The run begins: the packet as it is before anything was seen.
    fn began(&self, _header: &Packet) {}
    /// An observation is gone: the check that suspected it did not uphold it.
    fn withdrawn(&self, _id: &str) {}
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

/// What is left of the deadline for judging and writing the packet once the checks are cut off: judgement, far above
/// what both take.
const CLOSING_TIME: Duration = Duration::from_millis(250);

/// A check that ends this shortly before the end of the run was cut by it: probes hand over what they know a moment
/// before their deadline (`http` 20 ms), and a loaded machine adds to that.
const CUT_MARGIN: Duration = Duration::from_millis(120);

/// How long one check may take at most. A probe bounds its own waits; this is the net beneath it.
fn budget(cost: Cost) -> Duration {
    Duration::from_secs(match cost {
        // Reading this machine is over in milliseconds; the gateway's neighbour state takes the kernel 3.1 s to settle.
        Cost::Local => 5,
        // An HTTP server is given ten seconds to answer (limits.md section 6).
        Cost::Network => 14,
        Cost::Slow => 25,
        Cost::Person => 600,
    })
}

/// How a run ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    /// Nothing that is still open could change the verdict.
    Settled,
    /// Everything was looked at.
    Complete,
    Deadline,
    Interrupted,
}

impl Ending {
    /// The word of the packet.
    fn word(self) -> &'static str {
        match self {
            Ending::Settled => "settled",
            Ending::Complete => "complete",
            Ending::Deadline => "deadline",
            Ending::Interrupted => "interrupted",
        }
    }

    /// Why checks were cut off that might have said more; none where they could change nothing.
    fn cuts_off(self) -> Option<&'static str> {
        match self {
            Ending::Settled | Ending::Complete => None,
            Ending::Deadline => Some("the deadline came first"),
            Ending::Interrupted => Some("the run was interrupted first"),
        }
    }
}

type Finished = (String, Vec<Observation>);

/// Everything seen so far by id, shared with the checks that are under way.
type Board = Rc<RefCell<BTreeMap<String, Rc<Observation>>>>;

fn working_facts(board: &Board, check: &str) -> Vec<Facts> {
    let board = board.borrow();
    let works = board.values().filter(|seen| seen.check == check && seen.outcome == Outcome::Ok);
    works.map(|seen| seen.facts.clone()).collect()
}

/// Runs a request to its end: settled, complete, at the deadline, or when `interrupt` is ready. The packet is always
/// complete with what is known.
pub async fn execute(
    request: &Request,
    world: &World,
    watcher: &dyn Watcher,
    interrupt: impl Future<Output = ()>,
) -> Packet {
    let (sender, mut emitted) = mpsc::unbounded_channel::<Observation>();
    let mut state = State::new(request, world, watcher).await;
    // Read beside the checks, because at the end everything else would wait for it.
    let mut changes = pin!(changes::changes(world));
    let mut changed = changes.as_mut().now_or_never();
    changed.iter().for_each(|changed| state.changed(changed));
    let mut running: FuturesUnordered<LocalBoxFuture<'_, Finished>> = FuturesUnordered::new();
    let end = state.began + request.deadline.saturating_sub(CLOSING_TIME);
    let mut second = again::Second::new(request, world, state.began, end);
    let mut interrupt = pin!(interrupt);
    let ending = loop {
        // What is ready at the same time is judged together: a judgement costs more than one more look at the sockets.
        tokio::task::yield_now().await;
        while let Some(Some((check, observations))) = running.next().now_or_never() {
            state.observe_all(&mut emitted);
            state.finish(&check, observations);
        }
        state.observe_all(&mut emitted);
        state.reconsider();
        loop {
            let step = state.next_step();
            let skipped = !step.skip.is_empty() || !step.blind.is_empty();
            for (check, args) in step.start {
                running.push(look(request, world, check, args, end, sender.clone(), state.board()));
            }
            // A skipped check may decide about others.
            if !skipped {
                break;
            }
        }
        if running.is_empty() {
            // Checks bound their own waits by the end of the run, so the last of them may be over just before it.
            break if Instant::now() + CUT_MARGIN >= end { Ending::Deadline } else { Ending::Complete };
        }
        if state.is_settled() {
            break Ending::Settled;
        }
        let due = second.due;
        tokio::select! {
            biased;
            () = &mut interrupt => break Ending::Interrupted,
            Some(observation) = emitted.recv() => state.observe(observation),
            Some((check, observations)) = running.next() => {
                state.observe_all(&mut emitted);
                state.finish(&check, observations);
            }
            found = &mut changes, if changed.is_none() => {
                state.changed(&found);
                changed = Some(found);
            }
            () = sleep_until(state.next_look()) => {}
            () = second.made() => {}
            () = sleep_until(due) => second.begin(&state),
            () = sleep_until(end) => break Ending::Deadline,
        }
    };
    drop(running);
    state.observe_all(&mut emitted);
    state.reconsider();
    if ending.cuts_off().is_none() {
        tokio::select! {
            biased;
            () = &mut interrupt => {}
            () = second.conclude(&mut state) => {}
        }
    }
    let changed = match changed {
        Some(changed) => changed,
        None => {
            let found = changes.await;
            state.changed(&found);
            found
        }
    };
    state.close(ending, changed).await
}

/// One check, bounded by its budget and by the end of the run.
fn look<'a>(
    request: &'a Request,
    world: &'a World,
    id: String,
    mut args: Facts,
    end: Instant,
    sender: mpsc::UnboundedSender<Observation>,
    board: Board,
) -> LocalBoxFuture<'a, Finished> {
    Box::pin(async move {
        let Some(check) = request.playbook.check(&id) else { return (id, Vec::new()) };
        let Some(probe) = crate::probe::find(&check.probe) else { return (id, Vec::new()) };
        if let Some(answer) = request.case.answers.get(&id) {
            args.insert("answer".to_owned(), answer.clone().into());
        }
        let budget = budget(check.cost);
        let deadline = end.min(Instant::now() + budget);
        let said = RefCell::new(BTreeMap::new());
        let emit = |observation: Observation| {
            said.borrow_mut().insert(observation.id.clone(), observation.clone());
            // The receiver lives as long as the run; after it nobody is interested.
            let _ = sender.send(observation);
        };
        let seen = |check: &str| working_facts(&board, check);
        let answered = |way: &Via| board.borrow().values().any(|seen| answers_over(seen, way));
        let look = Look {
            probe,
            world,
            check: &check.id,
            layer: check.layer,
            args,
            deadline,
            emit: &emit,
            seen: &seen,
            answered: &answered,
        };
        let observations = match patience::within(budget, end, (probe.run)(&look)).await {
            Some(observations) => observations,
            // What it said before its time was over stays: a suspicion is still a suspicion.
            None if !said.borrow().is_empty() => said.take().into_values().collect(),
            None if Instant::now() >= end => vec![look.unknown(None, "the deadline came first")],
            None => vec![look.unknown(None, "it did not end in its time")],
        };
        (id, observations)
    })
}
