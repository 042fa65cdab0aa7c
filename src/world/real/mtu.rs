//! The largest packet that reaches a target, without privileges: packets that may not be cut in pieces, of several
//! sizes. Echo requests where the target answers them; else datagrams to a closed port, whose port-unreachable answer
//! proves the passage. Routers that name their limit are heard through the error queue in either case.

use super::echo;
use super::trace::failure_of;
use crate::sys::{self, Complaint, Datagram, Heard, Said};
use crate::world::{Failure, PathMtu};
use futures_util::future::{join, join_all};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;
use surge_ping::Client;
use tokio::time::{Instant, sleep, sleep_until};

/// Every IPv4 host takes packets of this size (RFC 1122 section 3.3.3).
const SMALL_IPV4: u32 = 576;
/// Every IPv6 link takes packets of this size (RFC 8200 section 5).
const SMALL_IPV6: u32 = 1280;
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
/// Rounds of the search by echo: 16 sizes each narrow 924 bytes down to one.
const ECHO_ROUNDS: usize = 3;
/// Rounds of the search by datagrams: each may cost an ICMP error of the target, which sends six and then one a second.
const DATAGRAM_ROUNDS: usize = 3;
/// Limits that routers name one after the other before the search gives up.
const REPORTS: usize = 8;

/// How sizes are tried.
enum Method {
    Echo(Client),
    Datagram,
}

/// What became of one size.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Passage {
    Passed(Duration),
    /// A router, or the kernel, named its limit.
    Reported(u32, Option<IpAddr>),
    /// It cannot be sent at all.
    Failed,
    Vanished,
}

struct Search {
    to: IpAddr,
    method: Method,
    /// How long one try is waited for.
    patience: Duration,
    deadline: Instant,
}

pub(super) async fn path_mtu(to: IpAddr, wait: Duration) -> Result<PathMtu, String> {
    let deadline = Instant::now() + wait;
    let top = sys::link_mtu_towards(to).map_err(|error| Failure::from_io(&error).to_string())?.min(LARGEST);
    let small = if to.is_ipv4() { SMALL_IPV4 } else { SMALL_IPV6 }.min(top);
    let mut result = PathMtu { works: None, fails: None, reported: None, answers: false };
    // A router's report comes to a datagram even where the target answers nothing.
    let (way, report) = join(way_to(to, small, deadline), report_on(to, top, deadline)).await;
    result.reported = report;
    let Some(search) = way else {
        return Ok(result);
    };
    result.answers = true;
    result.works = Some(small);
    search.run(small, top, &mut result).await;
    Ok(result)
}

/// The first way of asking that gets a small packet answered.
async fn way_to(to: IpAddr, small: u32, deadline: Instant) -> Option<Search> {
    let by_echo = async {
        let (client, _) = echo::open(to).ok()?;
        sys::forbid_fragments(&client, to.is_ipv6()).ok()?;
        let search = Search { to, method: Method::Echo(client), patience: FIRST_WAIT, deadline };
        search.proven(small).await
    };
    let by_datagram = Search { to, method: Method::Datagram, patience: FIRST_WAIT, deadline }.proven(small);
    tokio::pin!(by_echo, by_datagram);
    // Echo is the better way, because hosts do not limit its rate; it gets the time that the other has shown to do.
    tokio::select! {
        search = &mut by_echo => match search {
            Some(search) => Some(search),
            None => by_datagram.await,
        },
        search = &mut by_datagram => match search {
            Some(search) => match tokio::time::timeout(search.patience, by_echo).await {
                Ok(Some(better)) => Some(better),
                _ => Some(search),
            },
            None => by_echo.await,
        },
    }
}

/// The limit that somebody names for a full-size datagram.
async fn report_on(to: IpAddr, top: u32, deadline: Instant) -> Option<(u32, Option<IpAddr>)> {
    let search = Search { to, method: Method::Datagram, patience: FIRST_WAIT, deadline };
    match search.once(top, 0).await {
        Passage::Reported(mtu, from) => Some((mtu, from)),
        _ => None,
    }
}

impl Search {
    /// Itself with the patience that the round trip allows, where a small packet is answered.
    async fn proven(mut self, small: u32) -> Option<Search> {
        match self.passage(small, TRIES).await {
            Passage::Passed(took) => {
                self.patience = (took * ROUND_TRIPS).max(LEAST_WAIT);
                Some(self)
            }
            _ => None,
        }
    }

    /// From "small works" to the limit.
    async fn run(&self, small: u32, top: u32, result: &mut PathMtu) {
        let mut size = result.reported.map_or(top, |(mtu, _)| mtu.clamp(small, top));
        for _ in 0..REPORTS {
            match self.passage(size, TRIES).await {
                Passage::Passed(_) => {
                    result.works = Some(size);
                    result.fails = (size < top).then_some(size + 1);
                    return;
                }
                Passage::Reported(mtu, from) if mtu < size && mtu >= small => {
                    result.reported = Some((mtu, from));
                    size = mtu;
                }
                _ => break,
            }
        }
        // Silence counts only while the target still answers: hosts limit the rate of their errors.
        if size == small || !self.still_answers(small).await {
            return;
        }
        result.fails = Some(size);
        self.narrow(small, size, result).await;
    }

    async fn narrow(&self, small: u32, size: u32, result: &mut PathMtu) {
        let (mut low, mut high) = (small, size);
        let (fan, rounds) = match self.method {
            Method::Echo(_) => (FAN, ECHO_ROUNDS),
            Method::Datagram => (1, DATAGRAM_ROUNDS),
        };
        for _ in 0..rounds {
            let sizes = between(low, high, fan);
            if sizes.is_empty() || self.left().is_zero() {
                break;
            }
            let tries = sizes.iter().map(|size| async move { (*size, self.passage(*size, 2).await) });
            for (size, passage) in join_all(tries).await {
                match passage {
                    Passage::Passed(_) => low = low.max(size),
                    _ => high = high.min(size),
                }
            }
            if matches!(self.method, Method::Datagram) && !self.still_answers(small).await {
                break;
            }
            result.works = Some(low);
            result.fails = Some(high.max(low + 1));
            high = high.max(low + 1);
        }
    }

    async fn still_answers(&self, small: u32) -> bool {
        matches!(self.passage(small, 2).await, Passage::Passed(_))
    }

    fn left(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }

    /// One size, tried up to `tries` times: the first thing that is heard.
    async fn passage(&self, size: u32, tries: u32) -> Passage {
        let mut pending: Vec<_> = Vec::new();
        let started = Instant::now();
        for attempt in 0..tries {
            pending.push(Box::pin(async move {
                sleep(SPACING * attempt).await;
                self.once(size, attempt as u16).await
            }));
        }
        let over = started + SPACING * (tries - 1) + self.patience;
        tokio::select! {
            heard = first_heard(pending) => heard,
            () = sleep_until(over.min(self.deadline)) => Passage::Vanished,
        }
    }

    async fn once(&self, size: u32, sequence: u16) -> Passage {
        let wait = self.patience.min(self.left());
        match &self.method {
            Method::Echo(client) => {
                let payload = vec![0x55; (size as usize).saturating_sub(echo::overhead(self.to))];
                match echo::request(client, self.to, sequence, &payload, wait).await {
                    Ok(Some(took)) => Passage::Passed(took),
                    Ok(None) | Err((Failure::TooLarge, _)) => Passage::Vanished,
                    Err(_) => Passage::Failed,
                }
            }
            Method::Datagram => {
                let to = super::scoped(SocketAddr::new(self.to, CLOSED_PORT)).await;
                let datagram = Datagram { to, hops: None, packet_bytes: size, whole: true };
                match sys::send_datagram(&datagram, wait).await {
                    Ok(Heard::Answer { took }) => Passage::Passed(took),
                    Ok(Heard::Complaint { complaint, took, .. }) => passage_of(complaint, self.to, took),
                    Ok(Heard::Nothing) => Passage::Vanished,
                    Err(_) => Passage::Failed,
                }
            }
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

/// The first try that did not vanish.
async fn first_heard<F: Future<Output = Passage> + Unpin>(tries: Vec<F>) -> Passage {
    use futures_util::StreamExt;
    let mut tries: futures_util::stream::FuturesUnordered<F> = tries.into_iter().collect();
    while let Some(passage) = tries.next().await {
        if passage != Passage::Vanished {
            return passage;
        }
    }
    Passage::Vanished
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
