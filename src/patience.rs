//! Waiting that counts the other side's time only. A program that gets no processor, or waits for a lock of the kernel,
//! hears an answer late; how late its own timers are tells for how long it stood still, and so much longer it listens.

use std::cell::RefCell;
use std::pin::pin;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// A timer that is later than this means that this program stood still. Judgement: programs on a busy machine wait some
/// tens of milliseconds for a processor.
const STALL: Duration = Duration::from_millis(150);

/// Longer than any run.
const NEVER: Duration = Duration::from_secs(24 * 3_600);

/// How long this program stood still, told by a timer that was due at this moment and is over: nothing where it is as
/// late as any timer.
pub fn stood_still(due: Instant) -> Duration {
    let late = Instant::now().saturating_duration_since(due);
    if late > STALL { late } else { Duration::ZERO }
}

/// What comes of `work` within `wait`, at the latest by `end`; none where nothing does. While this program stood still
/// the work could not end either: it gets that time again, at most as much as it had.
pub async fn within<T>(wait: Duration, end: Instant, work: impl Future<Output = T>) -> Option<T> {
    let mut work = pin!(work);
    let mut due = end.min(Instant::now() + wait);
    loop {
        if let Ok(done) = timeout_at(due, &mut work).await {
            return Some(done);
        }
        let lost = stood_still(due);
        if lost.is_zero() || due >= end {
            return None;
        }
        due = end.min(Instant::now() + lost.min(wait));
    }
}

/// The same without an end but its own.
pub async fn bounded<T>(wait: Duration, work: impl Future<Output = T>) -> Option<T> {
    within(wait, Instant::now() + NEVER, work).await
}

/// Between two beats of a [`Pulse`]: a few in each measurement, and nothing that a processor feels.
const BEAT: Duration = Duration::from_millis(50);

/// Notes when this program stood still, so that measurements made beside it can leave that time out.
#[derive(Debug, Default)]
pub struct Pulse(RefCell<Vec<(Instant, Instant)>>);

impl Pulse {
    /// What comes of `work`, beside which it beats.
    pub async fn beside<T>(&self, work: impl Future<Output = T>) -> T {
        let mut work = pin!(work);
        loop {
            let due = Instant::now() + BEAT;
            let done = timeout_at(due, &mut work).await;
            if !stood_still(due).is_zero() {
                self.0.borrow_mut().push((due, Instant::now()));
            }
            if let Ok(done) = done {
                return done;
            }
        }
    }

    /// How much of the time between two moments this program stood still.
    pub fn lost(&self, from: Instant, until: Instant) -> Duration {
        let stalls = self.0.borrow();
        stalls.iter().map(|(began, ended)| (*ended).min(until).saturating_duration_since((*began).max(from))).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::sleep;

    /// Work of several steps, in one of which the whole program stands still.
    async fn interrupted(still: Duration) -> &'static str {
        sleep(Duration::from_millis(10)).await;
        std::thread::sleep(still);
        sleep(Duration::from_millis(10)).await;
        "done"
    }

    #[tokio::test]
    async fn work_is_not_given_up_for_the_time_in_which_the_program_stood_still() {
        let (wait, end) = (Duration::from_millis(100), Instant::now() + Duration::from_secs(5));
        assert_eq!(within(wait, end, interrupted(Duration::from_millis(500))).await, Some("done"));
        assert_eq!(bounded(wait, interrupted(Duration::from_millis(500))).await, Some("done"));
    }

    #[tokio::test]
    async fn who_takes_too_long_by_himself_is_not_waited_for() {
        let start = Instant::now();
        let never = std::future::pending::<()>();
        assert_eq!(within(Duration::from_millis(50), start + Duration::from_secs(5), never).await, None);
        assert!(start.elapsed() < Duration::from_secs(1));
    }

    #[tokio::test]
    async fn what_is_measured_meanwhile_leaves_the_stall_out() {
        let (pulse, start) = (Pulse::default(), Instant::now());
        assert_eq!(pulse.beside(interrupted(Duration::from_millis(500))).await, "done");
        let (took, lost) = (start.elapsed(), pulse.lost(start, Instant::now()));
        assert!(took >= Duration::from_millis(500) && took - lost < Duration::from_millis(200), "{took:?}, {lost:?}");
        assert_eq!(pulse.lost(Instant::now(), Instant::now() + Duration::from_secs(1)), Duration::ZERO);
    }

    #[tokio::test]
    async fn nobody_is_waited_for_after_the_end() {
        let end = Instant::now() + Duration::from_millis(100);
        let work = interrupted(Duration::from_millis(500));
        assert_eq!(within(Duration::from_millis(100), end, work).await, None);
    }
}
