//! When silence counts (limits.md section 6): several spaced attempts with sockets of their own, a suspicion that is
//! shown at once, and a later look that confirms it. An explicit answer is suspected after the first attempt and
//! confirmed by a second, made at once.

use crate::patience::stood_still;
use crate::world::Failure;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use std::collections::VecDeque;
use std::time::Duration;
use tokio::time::{Instant, sleep_until};

/// Attempts before silence is suspected: three, as BFD and neighbour discovery have it.
const TRIES: u32 = 3;
/// All attempts where nothing answers: the last is made at the suspicion.
pub const CONNECTIONS: u64 = TRIES as u64 + 1;
/// So many lost packets, and this share of all, are more than the single loss that any network has. Judgement.
const LOSSY: (u32, f64) = (3, 0.2);
/// Between them, because loss comes in bursts: on a path that is bad 1 % of the time, for 100 ms each, three are lost
/// together twice in ten thousand (at 250 ms, what RFC 8305 suggests between connections, once). The 100 ms that it
/// saves of the first second and a half are for what comes before a check: start, settings, the name.
pub const SPACING: Duration = Duration::from_millis(200);
/// Silence is suspected after this: the third attempt has been waited for one second, the first timeout on an unknown
/// path (RFC 6298 section 2.1).
pub const SUSPECTED: Duration = Duration::from_millis(1_400);
/// Silence is suspected so soon where somebody else answered over the same way: the third attempt has been waited for
/// 600 ms. The way works then, and only a far end on the other side of the world is sound and silent for so long.
const SUSPECTED_BESIDE_ANSWER: Duration = Duration::from_millis(1_000);
/// Silence is confirmed after this: another attempt, made at the suspicion, has been waited for too. A little over
/// three seconds, so that the kernel's own word about a neighbour that does not answer (3.07 s) still comes in.
pub const CONFIRMED: Duration = Duration::from_millis(3_150);
/// How long the second try may take after an explicit answer: the kernel repeats a SYN after one second, and routers
/// send one error a second when they have sent several.
const SECOND_TRY: Duration = Duration::from_millis(1_500);
/// How long one of several repeated attempts is waited for: its round trip is unknown.
const PATIENCE: Duration = Duration::from_millis(1_500);

/// What came of the attempts.
#[derive(Debug)]
pub struct Attempts<T> {
    /// How many were made.
    pub made: u32,
    /// Those that succeeded.
    pub answers: Vec<T>,
    /// Those that failed, in the order of their ends; an attempt that was still waiting at the end is none of them.
    pub failures: Vec<Failure>,
    /// Whether a failure was seen often and long enough to call it confirmed.
    pub certain: bool,
    /// How long all of it took.
    pub took: Duration,
}

impl<T> Attempts<T> {
    /// Why it fails: an explicit answer before silence.
    pub fn failure(&self) -> Failure {
        let explicit = self.failures.iter().find(|failure| **failure != Failure::Timeout);
        explicit.cloned().unwrap_or(Failure::Timeout)
    }

    /// Whether repeats differ.
    pub fn differ(&self) -> bool {
        !self.answers.is_empty() && !self.failures.is_empty()
    }
}

/// Makes attempts until one succeeds, or all `repeat` of them are over, or the failure is certain. `attempt` makes one
/// that waits no longer than it is told; `doubt` is called with the failure as soon as it is suspected; `answered` says
/// whether somebody else answered over the same way meanwhile.
pub async fn persist<T, F>(
    repeat: u32,
    deadline: Instant,
    attempt: impl Fn(Duration) -> F,
    mut doubt: impl FnMut(&Failure, u32),
    answered: impl Fn() -> bool,
) -> Attempts<T>
where
    F: Future<Output = Result<T, Failure>>,
{
    let start = Instant::now();
    let many = repeat > 1;
    let planned = if many { repeat } else { TRIES };
    let mut over = start + CONFIRMED.max(if many { SPACING * (repeat - 1) + PATIENCE } else { Duration::ZERO });
    let mut end = over.min(deadline);
    let mut due: VecDeque<Instant> = (0..planned).map(|place| start + SPACING * place).collect();
    let mut waiting = FuturesUnordered::new();
    let mut seen =
        Attempts { made: 0, answers: Vec::new(), failures: Vec::new(), certain: false, took: Duration::ZERO };
    let mut explicit = 0;
    let mut doubted = false;
    let mut doubtful = start + SUSPECTED_BESIDE_ANSWER;
    loop {
        if waiting.is_empty() && due.is_empty() && (doubted || !seen.answers.is_empty()) {
            seen.certain = explicit >= 2 || seen.failures.len() as u32 >= TRIES;
            break;
        }
        let next = due.front().copied().unwrap_or(end);
        tokio::select! {
            biased;
            Some(result) = waiting.next(), if !waiting.is_empty() => match result {
                Ok(answer) => {
                    seen.answers.push(answer);
                    if !many {
                        break;
                    }
                }
                Err(failure) => {
                    if failure != Failure::Timeout {
                        explicit += 1;
                        if explicit == 1 && !many {
                            doubt(&failure, seen.made);
                            doubted = true;
                            due = VecDeque::from([Instant::now()]);
                            end = end.min(Instant::now() + SECOND_TRY);
                        }
                    }
                    seen.failures.push(failure);
                    if explicit >= 2 && !many {
                        seen.certain = true;
                        break;
                    }
                }
            },
            () = sleep_until(next), if !due.is_empty() => {
                due.pop_front();
                seen.made += 1;
                let wait = end.saturating_duration_since(Instant::now());
                waiting.push(attempt(if many { wait.min(PATIENCE) } else { wait }));
            }
            () = sleep_until(doubtful), if !doubted && seen.answers.is_empty() && doubtful < end => {
                if doubtful < start + SUSPECTED && !answered() {
                    doubtful = start + SUSPECTED;
                    continue;
                }
                doubted = true;
                // An answer gets as long after the doubt as it would have, had this program not stood still before.
                let lost = stood_still(doubtful);
                (over, end) = (over + lost, (end + lost).min(deadline));
                doubt(&Failure::Timeout, seen.made);
                due.push_back(Instant::now());
            }
            () = sleep_until(end) => {
                seen.certain = doubted && end == over;
                break;
            }
        }
    }
    seen.took = start.elapsed();
    seen
}

/// Whether so many of the packets that were sent are lost that the way, or the far end, loses packets.
pub fn is_lossy(lost: u32, sent: u32) -> bool {
    let (least, share) = LOSSY;
    lost >= least && f64::from(lost) >= share * f64::from(sent)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::{Cell, RefCell};

    /// Runs with attempts whose ends are given by number: after how many milliseconds, and how.
    async fn run(repeat: u32, ends: impl Fn(u32) -> (u64, Result<u32, Failure>)) -> (Attempts<u32>, Vec<u64>) {
        run_beside(false, repeat, ends).await
    }

    /// The same where somebody else answers over the same way, or nobody does.
    async fn run_beside(
        beside: bool,
        repeat: u32,
        ends: impl Fn(u32) -> (u64, Result<u32, Failure>),
    ) -> (Attempts<u32>, Vec<u64>) {
        let made = Cell::new(0);
        let doubts = RefCell::new(Vec::new());
        let start = Instant::now();
        let attempts = persist(
            repeat,
            start + Duration::from_secs(60),
            |wait| {
                let number = made.replace(made.get() + 1);
                let (after, result) = ends(number);
                async move {
                    let after = Duration::from_millis(after);
                    tokio::time::sleep(after.min(wait)).await;
                    if after > wait { Err(Failure::Timeout) } else { result }
                }
            },
            |_, _| doubts.borrow_mut().push(start.elapsed().as_millis() as u64),
            || beside,
        )
        .await;
        let doubts = doubts.into_inner();
        (attempts, doubts)
    }

    #[tokio::test(start_paused = true)]
    async fn silence_is_suspected_and_later_confirmed() {
        let (attempts, doubts) = run(1, |_| (60_000, Ok(0))).await;
        assert_eq!(doubts, [1_400]);
        assert!(attempts.certain && attempts.answers.is_empty());
        assert_eq!(attempts.made, 4);
        assert_eq!(attempts.failure(), Failure::Timeout);
        assert!(attempts.took >= Duration::from_secs(3) && attempts.took <= Duration::from_millis(3_400));
    }

    #[tokio::test(start_paused = true)]
    async fn silence_beside_an_answer_is_suspected_sooner_and_confirmed_no_sooner() {
        let (attempts, doubts) = run_beside(true, 1, |_| (60_000, Ok(0))).await;
        assert_eq!(doubts, [1_000]);
        assert!(attempts.certain && attempts.took >= Duration::from_secs(3));
    }

    #[tokio::test(start_paused = true)]
    async fn a_late_success_ends_the_wait() {
        let (attempts, doubts) = run(1, |number| if number == 3 { (10, Ok(7)) } else { (60_000, Ok(0)) }).await;
        assert_eq!((attempts.answers, doubts), (vec![7], vec![1_400]));
        assert_eq!(attempts.took, Duration::from_millis(1_410));
    }

    #[tokio::test(start_paused = true)]
    async fn an_explicit_answer_is_asked_for_twice_at_once() {
        let (attempts, doubts) = run(1, |_| (20, Err(Failure::Refused))).await;
        assert_eq!(doubts, [20]);
        assert_eq!((attempts.made, attempts.certain, attempts.failure()), (2, true, Failure::Refused));
        assert_eq!(attempts.took, Duration::from_millis(40));
    }

    #[tokio::test(start_paused = true)]
    async fn an_explicit_answer_that_is_not_repeated_stays_a_suspicion() {
        let (attempts, _) =
            run(1, |number| if number == 0 { (20, Err(Failure::HostUnreachable)) } else { (60_000, Ok(0)) }).await;
        assert!(!attempts.certain && attempts.failure() == Failure::HostUnreachable);
        assert_eq!(attempts.took, Duration::from_millis(1_520));
    }

    #[tokio::test(start_paused = true)]
    async fn answers_that_differ_are_told_apart() {
        let (attempts, _) = run(1, |number| if number == 0 { (1, Err(Failure::Reset)) } else { (1, Ok(1)) }).await;
        assert!(attempts.differ());
        let (attempts, doubts) = run(8, |number| if number % 4 == 3 { (60_000, Ok(0)) } else { (5, Ok(number)) }).await;
        assert_eq!((attempts.made, attempts.answers.len(), attempts.failures.len()), (8, 6, 2));
        assert!(doubts.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn several_that_are_all_silent_are_certain() {
        let (attempts, doubts) = run(4, |_| (60_000, Ok(0))).await;
        assert_eq!(doubts, [1_400]);
        assert!(attempts.certain && attempts.failures.len() == 5);
    }

    #[tokio::test(start_paused = true)]
    async fn a_near_deadline_leaves_it_uncertain() {
        let attempts = persist::<u32, _>(
            1,
            Instant::now() + Duration::from_secs(1),
            |wait| async move {
                tokio::time::sleep(wait).await;
                Err(Failure::Timeout)
            },
            |_, _| {},
            || false,
        )
        .await;
        assert!(!attempts.certain && attempts.took <= Duration::from_millis(1_001));
    }

    #[tokio::test(start_paused = true)]
    async fn a_world_that_fails_without_waiting_is_still_looked_at_twice() {
        let (attempts, doubts) = run(1, |_| (0, Err(Failure::Timeout))).await;
        assert_eq!((attempts.made, doubts), (4, vec![1_400]));
        assert!(attempts.certain);
    }
}
