//! When queries of a series are sent, and how long each is waited for. Pure: from what was sent and heard to moments.

use crate::probe::attempt::{SPACING, SUSPECTED};
use std::time::Duration;
use tokio::time::Instant;

/// When the first three queries of a question are sent: spaced, because loss comes in bursts.
pub(super) const FIRST_QUERIES: [Duration; 3] = [Duration::ZERO, SPACING, SPACING.saturating_mul(2)];
/// Silence is suspected so soon where another server answered meanwhile: the third query plus its retransmission time.
const SUSPECT_BESIDE_SIBLING: Duration = Duration::from_millis(750);
/// Silence is suspected so late where nobody answers: one second after the third query.
const SUSPECT_ALONE: Duration = SUSPECTED;
/// The fourth query, which confirms: a busy host may drop for longer than half a second.
const FOURTH_BESIDE_SIBLING: Duration = Duration::from_millis(1000);
/// The fourth query where nobody answers: a second after the third.
const FOURTH_ALONE: Duration = SUSPECTED;
/// Waiting for the fourth where a sibling answers, so that the whole stays below two seconds.
const LAST_WAIT_BESIDE_SIBLING: Duration = Duration::from_millis(900);
/// Waiting for the fourth where nobody answers. A server that answers after three seconds is slow and not silent, for
/// programs wait five (resolv.conf(5)); and a router that looks for a host that is gone says so after three. The lookup
/// of programs, which runs beside this, takes three seconds anyway, so that hearing the late ones costs half a second less
/// what a run needs besides: silence is confirmed within 3.5 s of its start.
const LAST_WAIT_ALONE: Duration = Duration::from_millis(2050);
/// The longest that a query's socket is kept open: the longest series.
pub(super) const LONGEST: Duration = FOURTH_ALONE.saturating_add(LAST_WAIT_ALONE);
/// Shortest time after which a query is called lost where the round trip is known: Linux's minimum retransmission
/// time (200 ms) and some for a busy machine.
const LEAST_PATIENCE: Duration = Duration::from_millis(250);
/// The same where no answer's time is known.
const UNKNOWN_PATIENCE: Duration = Duration::from_millis(1500);
/// Longest such time: programs ask again after five seconds (resolv.conf(5)), so that a slower answer is of no use.
const MOST_PATIENCE: Duration = Duration::from_millis(4500);

/// When the next query of a series is due, after `sent` ones; none after four.
pub(super) fn query_due(sent: usize, sibling: bool) -> Option<Duration> {
    match sent {
        0..=2 => Some(FIRST_QUERIES[sent]),
        3 if sibling => Some(FOURTH_BESIDE_SIBLING),
        3 => Some(FOURTH_ALONE),
        _ => None,
    }
}

pub(super) fn suspect_at(sibling: bool) -> Duration {
    if sibling { SUSPECT_BESIDE_SIBLING } else { SUSPECT_ALONE }
}

/// When a series is over: some time after its fourth query, and later by what this machine stood still.
pub(super) fn end_of_series(sent: &[Instant], start: Instant, stalled: Duration, sibling: bool) -> Option<Instant> {
    let fourth = *sent.get(3)?;
    let wait = if sibling { LAST_WAIT_BESIDE_SIBLING } else { LAST_WAIT_ALONE };
    // A stall after the fourth query eats from its wait; before it, it has already moved the query.
    let due = start + stalled + query_due(3, sibling).unwrap_or_default();
    Some(fourth.max(due) + wait)
}

/// The next moment at which something may be due.
pub(super) fn next_look(start: Instant, age: Duration, end: Option<Instant>) -> Instant {
    let looks =
        [FIRST_QUERIES[1], FIRST_QUERIES[2], SUSPECT_BESIDE_SIBLING, FOURTH_BESIDE_SIBLING, SUSPECT_ALONE, LONGEST];
    let next = looks.into_iter().find(|look| *look > age).unwrap_or(LONGEST);
    let next = start + next;
    end.map_or(next, |end| end.min(next))
}

/// After how long a query counts as lost where one answer's time is known: SRTT + 4 RTTVAR of RFC 6298, which is
/// three times the first measurement.
pub(super) fn patience(took: Option<Duration>) -> Duration {
    took.map_or(UNKNOWN_PATIENCE, |took| (took * 3).clamp(LEAST_PATIENCE, MOST_PATIENCE))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn a_series_is_at_most_four_queries_and_keeps_its_bounds() {
        for sibling in [false, true] {
            let start = Instant::now();
            let due: Vec<Duration> = (0..).map_while(|sent| query_due(sent, sibling)).collect();
            assert_eq!(due.len(), 4);
            assert!(due[3] >= 1000 * MS, "the fourth confirms and is a second later");
            let sent: Vec<Instant> = due.iter().map(|due| start + *due).collect();
            let end = end_of_series(&sent, start, Duration::ZERO, sibling).unwrap() - start;
            assert!(end < if sibling { 2000 * MS } else { 4000 * MS }, "{end:?}");
            assert!(end <= LONGEST);
            assert!(suspect_at(sibling) <= if sibling { 750 * MS } else { 1400 * MS });
        }
    }

    #[test]
    fn patience_follows_the_round_trip_within_bounds() {
        let table = [(1, 250), (20, 250), (100, 300), (400, 1200), (900, 2700), (3000, 4500)];
        for (took, wanted) in table {
            assert_eq!(patience(Some(took * MS)), wanted * MS, "{took}");
        }
        assert_eq!(patience(None), UNKNOWN_PATIENCE);
    }
}
