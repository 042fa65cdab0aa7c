//! The largest packet that reaches a target, without privileges: packets that may not be cut in pieces, of several
//! sizes. Echo requests where the target answers them; else datagrams to a closed port, whose port-unreachable answer
//! proves the passage. Routers that name their limit are heard through the error queue in either case.

use super::echo;
use super::trace::failure_of;
use crate::sys::{self, Complaint, Datagram, Heard, Said};
use crate::world::{Failure, PathMtu};
use futures_util::StreamExt;
use futures_util::future::{join, join_all};
use futures_util::stream::FuturesUnordered;
use std::cell::Cell;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;
use surge_ping::Client;
use tokio::time::{Instant, sleep};

/// Every host takes packets of this size (RFC 1122 section 3.3.3). IPv6 promises 1280 bytes (RFC 8200 section 5), and the
/// search begins below that all the same: a tunnel that does not keep the promise is what is looked for.
const SMALL: u32 = 576;
/// Larger packets are not tried: no link beyond the first is larger, jumbo frames included.
const LARGEST: u32 = 9_216;
/// A high port that nothing listens on: where traceroute starts.
const CLOSED_PORT: u16 = 33_434;
/// Tries for each size: three, as RFC 8899 section 5.1.2 has it (MAX_PROBES).
const TRIES: u32 = 3;
/// Between the tries of a size, because loss comes in bursts (limits.md section 6, rule 4).
const SPACING: Duration = Duration::from_millis(250);
/// How long the small packet may take where nothing is known of the round trip (RFC 6298 section 2.1).
const FIRST_WAIT: Duration = Duration::from_secs(1);
/// Least wait for a try where the round trip is known (Linux's least retransmission time).
const LEAST_WAIT: Duration = Duration::from_millis(200);
/// A try is waited for this many round trips.
const ROUND_TRIPS: u32 = 4;
/// Sizes that are tried at once while the limit is searched by echo.
const FAN: u32 = 16;
/// Rounds of the search: 16 sizes each narrow 924 bytes down to one.
const ROUNDS: usize = 3;
/// Between the two tries of a size in these rounds: what the search rests on has been seen three times before.
const NARROW_SPACING: Duration = Duration::from_millis(100);
/// How long after a full-size datagram its small control follows: longer than packets overtake each other.
const CONTROL_AFTER: Duration = Duration::from_millis(30);
/// Limits that routers name one after the other before the search gives up.
const REPORTS: usize = 8;

/// What became of one packet.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Passage {
    Passed(Duration),
    /// A router, or the kernel, named its limit.
    Reported(u32, Option<IpAddr>),
    /// It cannot be sent at all.
    Failed,
    Vanished,
}

/// The limit that somebody named.
type Report = Cell<Option<(u32, Option<IpAddr>)>>;

pub(super) async fn path_mtu(to: IpAddr, wait: Duration) -> Result<PathMtu, String> {
    let deadline = Instant::now() + wait;
    let top = sys::link_mtu_towards(to).map_err(|error| Failure::from_io(&error).to_string())?.min(LARGEST);
    let small = SMALL.min(top);
    let report = Report::default();
    let by_echo = async { Some(Echo::proven(to, small, deadline).await?.search(small, top, &report).await) };
    let by_datagram = datagrams(to, small, top, deadline, &report);
    tokio::pin!(by_echo, by_datagram);
    // Echo is the better way, because hosts do not limit its rate and so more sizes can be tried. But a full-size
    // packet that arrives either way is proof, because some filters drop large pings only.
    let mut found = tokio::select! {
        echo = &mut by_echo => match echo {
            Some(echo) if echo.fails.is_none() || report.get().is_some() => echo,
            Some(echo) => both_ways(by_datagram.await, echo),
            None => by_datagram.await,
        },
        datagram = &mut by_datagram => match by_echo.await {
            Some(echo) => both_ways(datagram, echo),
            None => datagram,
        },
    };
    found.reported = report.get();
    Ok(found)
}

/// Datagrams prove the way there alone, because what answers them is small; echo proves both ways. Where datagrams of
/// every size get there, what echo says is about the way back.
fn both_ways(datagram: PathMtu, echo: PathMtu) -> PathMtu {
    match is_whole(&datagram) {
        true => PathMtu { returns: echo.works.filter(|_| echo.fails.is_some()), ..datagram },
        false => echo,
    }
}

/// Whether packets of every size pass.
fn is_whole(found: &PathMtu) -> bool {
    found.answers && found.fails.is_none()
}

/// Pairs of datagrams to a closed port: a full-size one, and shortly after it a small one as its control. Hosts limit
/// the rate of their errors, and an error that a host still had to give would have gone to the first of the pair: so
/// the full-size one vanishes only where the small ones are answered every time.
async fn datagrams(to: IpAddr, small: u32, top: u32, deadline: Instant, report: &Report) -> PathMtu {
    let pairs = (0..TRIES).map(|pair| async move {
        sleep(SPACING * pair).await;
        let control = async {
            sleep(CONTROL_AFTER).await;
            datagram(to, small, FIRST_WAIT, deadline).await
        };
        join(datagram(to, top, FIRST_WAIT, deadline), control).await
    });
    let mut pairs: FuturesUnordered<_> = pairs.collect();
    let mut answered = 0;
    while let Some((full, control)) = pairs.next().await {
        match full {
            Passage::Passed(_) => {
                return PathMtu { works: Some(top), fails: None, reported: None, answers: true, returns: None };
            }
            Passage::Reported(mtu, from) => report.set(Some((mtu, from))),
            Passage::Vanished | Passage::Failed => {}
        }
        answered += u32::from(matches!(control, Passage::Passed(_)));
    }
    let decided = answered == TRIES;
    PathMtu {
        works: decided.then_some(small),
        fails: decided.then_some(top),
        reported: None,
        answers: decided,
        returns: None,
    }
}

async fn datagram(to: IpAddr, size: u32, wait: Duration, deadline: Instant) -> Passage {
    let target = super::scoped(SocketAddr::new(to, CLOSED_PORT)).await;
    let datagram = Datagram { to: target, hops: None, packet_bytes: size, whole: true };
    match sys::send_datagram(&datagram, wait.min(deadline.saturating_duration_since(Instant::now()))).await {
        Ok(Heard::Answer { took }) => Passage::Passed(took),
        Ok(Heard::Complaint { complaint, took, .. }) => passage_of(complaint, to, took),
        Ok(Heard::Nothing) => Passage::Vanished,
        Err(_) => Passage::Failed,
    }
}

/// A search by echo requests to a target that answers small ones.
struct Echo {
    to: IpAddr,
    client: Client,
    /// How long one try is waited for.
    patience: Duration,
    deadline: Instant,
    /// Requests that are under way at once are told apart by their numbers alone: a datagram socket gives all of them its
    /// own identifier.
    sequence: Cell<u16>,
}

impl Echo {
    /// With the patience that the round trip allows, where a small request is answered.
    async fn proven(to: IpAddr, small: u32, deadline: Instant) -> Option<Echo> {
        let (client, _) = echo::open(to).ok()?;
        sys::forbid_fragments(&client, to.is_ipv6()).ok()?;
        let mut search = Echo { to, client, patience: FIRST_WAIT, deadline, sequence: Cell::new(0) };
        match search.passage(small, TRIES, SPACING).await {
            Passage::Passed(took) => {
                search.patience = (took * ROUND_TRIPS).max(LEAST_WAIT);
                Some(search)
            }
            _ => None,
        }
    }

    /// From "small works" to the limit.
    async fn search(&self, small: u32, top: u32, report: &Report) -> PathMtu {
        let mut found = PathMtu { works: Some(small), fails: None, reported: None, answers: true, returns: None };
        let mut size = top;
        for _ in 0..REPORTS {
            if let Passage::Passed(_) = self.passage(size, 1, SPACING).await {
                found.works = Some(size);
                found.fails = (size < top).then_some(size + 1);
                return found;
            }
            match report.get() {
                Some((mtu, _)) if mtu < size && mtu >= small => size = mtu,
                _ => break,
            }
        }
        // The other tries of this size go beside the first round of the search below it.
        let tries = async {
            sleep(SPACING.saturating_sub(self.patience)).await;
            self.passage(size, TRIES - 1, SPACING).await
        };
        let (whole, (mut low, mut high)) = join(tries, self.narrowed(small, size)).await;
        if let Passage::Passed(_) = whole {
            found.works = Some(size);
            return found;
        }
        // Silence counts only while the target still answers: a larger size that was answered meanwhile shows it too.
        let answers = low > small || matches!(self.passage(small, 2, NARROW_SPACING).await, Passage::Passed(_));
        if !answers {
            return PathMtu { works: None, fails: None, reported: None, answers: false, returns: None };
        }
        for _ in 1..ROUNDS {
            (low, high) = self.narrowed(low, high).await;
        }
        found.works = Some(low);
        found.fails = Some(high);
        found
    }

    /// One round of the search: several sizes between two at once.
    async fn narrowed(&self, low: u32, high: u32) -> (u32, u32) {
        let tries = between(low, high, FAN)
            .into_iter()
            .map(|size| async move { (size, self.passage(size, 2, NARROW_SPACING).await) });
        let tried = join_all(tries).await;
        let passed = |passage: &Passage| matches!(passage, Passage::Passed(_));
        let low = tried.iter().filter(|(_, passage)| passed(passage)).map(|(size, _)| *size).max().unwrap_or(low);
        // A size that was lost by chance, below one that passed, is no limit.
        let failed = tried.iter().filter(|(size, passage)| *size > low && !passed(passage)).map(|(size, _)| *size);
        (low, failed.min().unwrap_or(high))
    }

    /// One size, tried up to `tries` times: the first thing that is heard.
    async fn passage(&self, size: u32, tries: u32, spacing: Duration) -> Passage {
        let mut pending: FuturesUnordered<_> = (0..tries)
            .map(|attempt| async move {
                sleep(spacing * attempt).await;
                self.once(size).await
            })
            .collect();
        while let Some(passage) = pending.next().await {
            if passage != Passage::Vanished {
                return passage;
            }
        }
        Passage::Vanished
    }

    async fn once(&self, size: u32) -> Passage {
        let sequence = self.sequence.get();
        self.sequence.set(sequence.wrapping_add(1));
        let wait = self.patience.min(self.deadline.saturating_duration_since(Instant::now()));
        let payload = vec![0x55; (size as usize).saturating_sub(echo::overhead(self.to))];
        match echo::request(&self.client, self.to, sequence, &payload, wait).await {
            Ok(Some(took)) => Passage::Passed(took),
            Ok(None) | Err((Failure::TooLarge, _)) => Passage::Vanished,
            Err(_) => Passage::Failed,
        }
    }
}

fn passage_of(Complaint { from, said }: Complaint, to: IpAddr, took: Duration) -> Passage {
    match said {
        Said::TooLarge(mtu) => Passage::Reported(mtu, from),
        _ if failure_of(said) == Failure::Refused && from == Some(to) => Passage::Passed(took),
        _ => Passage::Failed,
    }
}

/// At most `count` sizes spread evenly between two, both ends left out.
fn between(low: u32, high: u32, count: u32) -> Vec<u32> {
    let inside = high.saturating_sub(low).saturating_sub(1);
    let count = count.min(inside);
    (1..=count).map(|place| low + (inside + 1) * place / (count + 1)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_lie_between_and_end_in_one_byte_steps() {
        assert_eq!(between(576, 1500, 1), [1038]);
        assert_eq!(between(1398, 1400, 16), [1399]);
        assert!(between(1399, 1400, 16).is_empty());
        assert!(between(1400, 1400, 16).is_empty());
        let spread = between(576, 1500, 16);
        assert_eq!(spread.len(), 16);
        assert!(spread.windows(2).all(|pair| pair[0] < pair[1]) && spread[0] > 576 && spread[15] < 1500);
    }

    #[test]
    fn only_the_target_itself_proves_the_passage() {
        let to: IpAddr = "10.0.0.7".parse().unwrap();
        let took = Duration::from_millis(3);
        let heard = |from: &str, said| passage_of(Complaint { from: from.parse().ok(), said }, to, took);
        assert_eq!(heard("10.0.0.7", Said::PortUnreachable), Passage::Passed(took));
        assert_eq!(heard("10.0.0.1", Said::PortUnreachable), Passage::Failed);
        assert_eq!(heard("10.0.0.1", Said::TooLarge(1400)), Passage::Reported(1400, "10.0.0.1".parse().ok()));
        assert_eq!(heard("10.0.0.1", Said::HostUnreachable), Passage::Failed);
    }

    #[tokio::test]
    async fn the_loopback_takes_full_size() {
        let Ok(found) = path_mtu("127.0.0.1".parse().unwrap(), Duration::from_secs(3)).await else { return };
        assert!(found.answers);
        assert_eq!((found.works, found.fails), (Some(LARGEST), None));
    }
}
