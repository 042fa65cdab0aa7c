//! A connection to the first of several addresses that answers, as programs get it (RFC 8305), with the memory of
//! those that did not: a program that falls back hides a dead address, and this step does not.

use super::Trouble;
use crate::probe::attempt::{CONFIRMED, SPACING, SUSPECTED};
use crate::probe::tcp;
use crate::problem::Code;
use crate::world::{Connection, Dial, Failure, Network, Refusal};
use futures_util::stream::{FuturesUnordered, StreamExt};
use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;
use tokio::time::{Instant, sleep_until};

/// What a connection can end in.
pub const CODES: &[Code] = &[
    Code::TcpRefused,
    Code::TcpTimeout,
    Code::TcpReset,
    Code::TcpHostUnreachable,
    Code::TcpNetUnreachable,
    Code::TcpProhibited,
    Code::TcpLocalDenied,
    Code::TcpNoAddress,
    Code::PathUnreachable,
    Code::PathProhibited,
    Code::PathLoop,
];

/// Attempts at the least, so that one lost packet convicts nobody.
const ATTEMPTS: usize = 3;

/// Addresses that are tried; more are a load balancer's list, and the first eight tell the story.
const ADDRESS_LIMIT: usize = 8;

/// A connection, and what it took.
pub struct Dialled {
    pub connection: Connection,
    pub address: SocketAddr,
    /// Addresses before it that failed or had not answered by then.
    pub failed: Vec<(SocketAddr, Failure)>,
    /// From the first attempt until the connection stood.
    pub took: Duration,
}

/// No connection.
#[derive(Debug)]
pub struct NotDialled {
    /// The most telling failure, and whose it is.
    pub failure: Failure,
    pub address: SocketAddr,
    pub failed: Vec<(SocketAddr, Failure)>,
    /// What an ICMP error said about that address, and whose it was.
    pub said: Option<(Failure, IpAddr)>,
    pub took: Duration,
    /// Whether the wait was cut short, so that silence is only a suspicion.
    pub suspected: bool,
}

/// Dials until something answers, everything has failed twice, or the silence is long enough. `suspect` is told once
/// when a fault shows.
pub async fn dial(
    network: &dyn Network,
    addresses: &[SocketAddr],
    until: Instant,
    suspect: &dyn Fn(SocketAddr, Duration),
) -> Result<Dialled, NotDialled> {
    dial_for(network, addresses, None, until, suspect).await
}

/// The same with TCP segments of at most so many bytes, so that none is lost for its size.
pub async fn dial_for(
    network: &dyn Network,
    addresses: &[SocketAddr],
    segment_bytes: Option<u16>,
    until: Instant,
    suspect: &dyn Fn(SocketAddr, Duration),
) -> Result<Dialled, NotDialled> {
    let start = Instant::now();
    let end = until.min(start + CONFIRMED);
    let mut queue = order(addresses);
    let mut flying = FuturesUnordered::new();
    let mut failed: Vec<(SocketAddr, Failure)> = Vec::new();
    let mut heard: Vec<(SocketAddr, (Failure, IpAddr))> = Vec::new();
    let mut started: Vec<SocketAddr> = Vec::new();
    let mut next = start;
    let mut told = false;
    while !(queue.is_empty() && flying.is_empty()) {
        if Instant::now() >= next
            && let Some(address) = queue.pop_front()
        {
            let wait = Dial { segment_bytes, ..Dial::within(end.saturating_duration_since(Instant::now())) };
            flying.push(async move { (address, network.try_connect(address, &wait).await) });
            started.push(address);
            next = Instant::now() + SPACING;
            continue;
        }
        let mut wake = end;
        if !queue.is_empty() {
            wake = wake.min(next);
        }
        if !told {
            wake = wake.min(start + SUSPECTED);
        }
        tokio::select! {
            biased;
            Some((address, result)) = flying.next(), if !flying.is_empty() => match result {
                Ok(connection) => {
                    let failed = not_answering(&failed, &started, address);
                    return Ok(Dialled { connection, address, failed, took: start.elapsed() });
                }
                Err(Refusal { failure, said }) => {
                    heard.extend(said.map(|said| (address, said)));
                    if failure != Failure::Timeout {
                        try_again_once(&mut queue, &failed, address);
                        next = Instant::now();
                    }
                    failed.push((address, failure));
                }
            },
            () = sleep_until(wake) => {
                if Instant::now() >= end {
                    break;
                }
                if !told && start.elapsed() >= SUSPECTED {
                    told = true;
                    suspect(started[0], start.elapsed());
                }
            }
        }
    }
    for address in started {
        if !failed.iter().any(|(other, _)| *other == address) {
            failed.push((address, Failure::Timeout));
        }
    }
    let mut given_up = give_up(failed, addresses, start.elapsed());
    let said = heard.into_iter().find(|(address, _)| *address == given_up.address);
    given_up.said = said.map(|(_, said)| said);
    Err(given_up)
}

/// The addresses in order, repeated until there are enough attempts.
fn order(addresses: &[SocketAddr]) -> VecDeque<SocketAddr> {
    let distinct = &addresses[..addresses.len().min(ADDRESS_LIMIT)];
    let count = if distinct.is_empty() { 0 } else { distinct.len().max(ATTEMPTS) };
    distinct.iter().cycle().take(count).copied().collect()
}

/// An explicit failure needs no timeout, only a second look (RFC 5461: such errors are soft).
fn try_again_once(queue: &mut VecDeque<SocketAddr>, failed: &[(SocketAddr, Failure)], address: SocketAddr) {
    let before = failed.iter().any(|(other, failure)| *other == address && *failure != Failure::Timeout);
    queue.retain(|waiting| *waiting != address);
    if !before {
        queue.push_back(address);
    }
}

fn not_answering(
    failed: &[(SocketAddr, Failure)],
    started: &[SocketAddr],
    winner: SocketAddr,
) -> Vec<(SocketAddr, Failure)> {
    let mut seen: Vec<(SocketAddr, Failure)> = Vec::new();
    let hung = started.iter().map(|address| (*address, Failure::Timeout));
    for (address, failure) in failed.iter().cloned().chain(hung) {
        if address != winner && !seen.iter().any(|(other, _)| *other == address) {
            seen.push((address, failure));
        }
    }
    seen
}

fn give_up(mut failed: Vec<(SocketAddr, Failure)>, addresses: &[SocketAddr], took: Duration) -> NotDialled {
    failed.dedup();
    let telling = failed.iter().min_by_key(|(_, failure)| rank(failure)).cloned();
    let nowhere = SocketAddr::from(([0, 0, 0, 0], 0));
    let (address, failure) = telling
        .or_else(|| addresses.first().map(|address| (*address, Failure::Timeout)))
        .unwrap_or((nowhere, Failure::Other("there is no address to connect to".to_owned())));
    let suspected = failure == Failure::Timeout && took + Duration::from_millis(50) < CONFIRMED;
    NotDialled { failure, address, failed, said: None, took, suspected }
}

/// What says most about the target comes first; a missing family ("network unreachable" for IPv6) says least.
fn rank(failure: &Failure) -> u8 {
    match failure {
        Failure::LocalDenied => 0,
        Failure::Refused => 1,
        Failure::Reset | Failure::Closed => 2,
        Failure::Prohibited => 3,
        Failure::HostUnreachable | Failure::TimeExceeded => 4,
        Failure::Timeout => 5,
        Failure::NetworkUnreachable => 6,
        Failure::NoSource => 7,
        Failure::TooLarge | Failure::Other(_) => 8,
    }
}

/// What no connection means for a server, by the same words as the `tcp` probe; a proxy's own are in `connect`. `here`
/// is this machine's address on the way there.
pub fn trouble(host: &str, failure: &NotDialled, here: Option<IpAddr>) -> Trouble {
    let Some(code) = tcp::judge(failure.address, &failure.failure, failure.said.as_ref(), here) else {
        return Trouble::unknown(format!("{host} {}", failure.words()));
    };
    let shown = if failure.address.ip().to_string() == host || failure.address.to_string() == host {
        failure.address.to_string()
    } else {
        format!("{host} ({})", failure.address)
    };
    let summary = format!("{shown} {}", failure.words());
    Trouble::new(code, summary).suspected(failure.suspected)
}

/// The suspicion that `dial` tells, for a server.
pub fn suspicion(host: &str, address: SocketAddr, took: Duration) -> Trouble {
    let summary = format!("{host} ({address}) does not answer for {}", super::said(took));
    Trouble::new(Code::TcpTimeout, summary).suspected(true)
}

impl NotDialled {
    /// The failure in words, to follow the name of what was dialled, with who said so.
    pub fn words(&self) -> String {
        let words = words(&self.failure, self.took);
        match &self.said {
            Some((_, from)) if *from != self.address.ip() => format!("{words}, says {from}"),
            _ => words,
        }
    }
}

fn words(failure: &Failure, took: Duration) -> String {
    match failure {
        Failure::Timeout => format!("did not answer in {}", super::said(took)),
        Failure::Refused => "refused the connection".to_owned(),
        Failure::Reset => "reset the connection".to_owned(),
        Failure::NetworkUnreachable => "is on a network that cannot be reached".to_owned(),
        Failure::HostUnreachable => "cannot be reached".to_owned(),
        Failure::TimeExceeded => "cannot be reached: packets go round in a loop".to_owned(),
        Failure::Prohibited => "is forbidden by a filter on the way".to_owned(),
        Failure::LocalDenied => "is forbidden by this machine itself".to_owned(),
        Failure::NoSource => "cannot be reached from any address of this machine".to_owned(),
        Failure::TooLarge => "needs smaller packets".to_owned(),
        Failure::Closed => "closed the connection".to_owned(),
        Failure::Other(text) => format!("failed: {}", super::bounded(text)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probe::testing::loopback::{Loopback, Served, serve};

    fn quiet(_: SocketAddr, _: Duration) {}

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(10)
    }

    #[tokio::test]
    async fn the_first_address_that_answers_wins_and_the_dead_one_is_remembered() {
        let Served { address, .. } = serve(|_| async {}).await;
        let network = Loopback::default().silent("192.0.2.1:80");
        let dead: SocketAddr = "192.0.2.1:80".parse().unwrap();
        let dialled = dial(&network, &[dead, address], soon(), &quiet).await.ok().unwrap();
        assert_eq!(dialled.address, address);
        assert_eq!(dialled.failed, [(dead, Failure::Timeout)]);
        assert!(dialled.took >= SPACING && dialled.took < Duration::from_millis(600), "{:?}", dialled.took);
    }

    #[tokio::test]
    async fn a_refusal_is_looked_at_twice_and_needs_no_wait() {
        let network = Loopback::default();
        let closed = testing_closed().await;
        let failure = dial(&network, &[closed], soon(), &quiet).await.err().unwrap();
        assert_eq!(failure.failure, Failure::Refused);
        assert!(failure.took < Duration::from_millis(200));
        assert!(!failure.suspected);
        assert_eq!(network.connects.get(), 2);
    }

    async fn testing_closed() -> SocketAddr {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        listener.local_addr().unwrap()
    }

    #[tokio::test]
    async fn silence_is_suspected_early_and_confirmed_at_three_seconds() {
        let network = Loopback::default().silent("192.0.2.1:80");
        let told = std::cell::Cell::new(Duration::ZERO);
        let dead: SocketAddr = "192.0.2.1:80".parse().unwrap();
        let failure = dial(&network, &[dead], soon(), &|_, took| told.set(took)).await.err().unwrap();
        assert_eq!(failure.failure, Failure::Timeout);
        assert!(!failure.suspected);
        assert_eq!(network.connects.get(), 3);
        assert!(told.get() >= SUSPECTED && told.get() < SUSPECTED + Duration::from_millis(400));
        assert!(failure.took >= CONFIRMED && failure.took < CONFIRMED + Duration::from_millis(400));
    }

    #[tokio::test]
    async fn a_near_deadline_leaves_a_suspicion() {
        let network = Loopback::default().silent("192.0.2.1:80");
        let dead: SocketAddr = "192.0.2.1:80".parse().unwrap();
        let until = Instant::now() + Duration::from_millis(300);
        let failure = dial(&network, &[dead], until, &quiet).await.err().unwrap();
        assert!(failure.suspected);
        assert!(dial(&network, &[], until, &quiet).await.is_err());
    }
}
