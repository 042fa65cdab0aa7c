//! Who answers on the way, without privileges: UDP datagrams with rising hop limits, and the ICMP errors about them.

use super::scoped;
use crate::sys::{self, Complaint, Datagram, Heard, Said};
use crate::world::{Failure, Hop, loop_in};
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout, timeout_at};

/// Between the first datagrams of two hops: nearer hops first, so that the target is seen before all higher hop limits
/// have been spent on it (hosts limit the rate of their ICMP errors; Linux sends six, then one a second).
const STAGGER: Duration = Duration::from_millis(10);
/// Hops that are asked in one wave.
const WAVE: u8 = 8;
/// Between the waves, for the same reason: a loop or a refusal is seen before its two routers have nothing left to say.
const BETWEEN_WAVES: Duration = Duration::from_millis(300);
/// When a hop that has not answered is asked again.
const SECOND_TRY: Duration = Duration::from_millis(500);
/// How long the second of two questions that were sent together may lag behind the first.
const GRACE: Duration = Duration::from_millis(20);
/// Size of a datagram's packet: the size that traceroute uses.
const PACKET_BYTES: u32 = 60;

/// What a complaint means for the measurement.
pub(super) fn failure_of(said: Said) -> Failure {
    match said {
        Said::PortUnreachable => Failure::Refused,
        Said::HostUnreachable => Failure::HostUnreachable,
        Said::NetworkUnreachable => Failure::NetworkUnreachable,
        Said::Prohibited => Failure::Prohibited,
        Said::TooLarge(_) => Failure::TooLarge,
        Said::TimeExceeded => Failure::TimeExceeded,
        Said::Other => Failure::Other("an ICMP error of another kind".to_owned()),
    }
}

pub(super) async fn trace(to: IpAddr, port: u16, hops: u8, wait: Duration) -> Result<Vec<Hop>, String> {
    let to = scoped(SocketAddr::new(to, port)).await;
    let deadline = Instant::now() + wait;
    let mut asked: FuturesUnordered<_> = (1..=hops).map(|ttl| hop(to, ttl, wait)).collect();
    let mut found: Vec<Option<Hop>> = vec![None; hops.into()];
    while let Ok(Some(answer)) = timeout_at(deadline, asked.next()).await {
        let answer = answer.map_err(|error| Failure::from_io(&error).to_string())?;
        let place = usize::from(answer.ttl) - 1;
        found[place] = Some(answer);
        if is_complete(&found) {
            break;
        }
    }
    Ok(tidy(found))
}

/// Whether nothing more can be learned: something ended the way, and every hop before that has spoken; or packets go
/// round.
fn is_complete(found: &[Option<Hop>]) -> bool {
    if loop_in(found.iter().flatten()).is_some() {
        return true;
    }
    let answered = |hop: &&Option<Hop>| hop.as_ref().is_some_and(|hop| hop.address.is_some());
    let ended = found.iter().position(|hop| hop.as_ref().is_some_and(|hop| hop.is_target || hop.said.is_some()));
    ended.is_some_and(|end| found[..end].iter().filter(answered).count() == end)
}

/// The hops up to the one that ended the way, else up to the last one that answered.
fn tidy(found: Vec<Option<Hop>>) -> Vec<Hop> {
    let mut hops: Vec<Hop> = found.into_iter().zip(1..).map(|(hop, ttl)| hop.unwrap_or(Hop::silent(ttl))).collect();
    let end = hops
        .iter()
        .position(|hop| hop.is_target || hop.said.is_some())
        .or_else(|| hops.iter().rposition(|hop| hop.address.is_some()));
    hops.truncate(end.map_or(0, |end| end + 1));
    hops
}

/// One hop, asked twice. Ends when it answered or the wait is over.
async fn hop(to: SocketAddr, ttl: u8, wait: Duration) -> io::Result<Hop> {
    let start = STAGGER * u32::from(ttl - 1) + BETWEEN_WAVES * u32::from((ttl - 1) / WAVE);
    let datagram = Datagram { to, hops: Some(ttl), packet_bytes: PACKET_BYTES, whole: false };
    let mut tries: FuturesUnordered<_> = [start, start + SECOND_TRY]
        .into_iter()
        .map(|at| async move {
            sleep(at).await;
            sys::send_datagram(&datagram, wait.saturating_sub(at)).await
        })
        .collect();
    let mut silent = Hop::silent(ttl);
    while let Some(heard) = tries.next().await {
        match heard? {
            Heard::Nothing => {}
            Heard::Answer { took } => {
                return Ok(Hop { address: Some(to.ip()), took: Some(took), is_target: true, ..silent });
            }
            Heard::Complaint { complaint: Complaint { from, said }, took, .. } => {
                silent.address = from;
                silent.took = Some(took);
                silent.is_target = from == Some(to.ip()) && said == Said::PortUnreachable;
                silent.said = (said != Said::TimeExceeded && !silent.is_target).then(|| failure_of(said));
                return Ok(silent);
            }
        }
    }
    Ok(silent)
}

/// Asks with a connection, because filters often refuse one protocol or port only, and with a datagram.
pub(super) async fn who_refuses(to: SocketAddr, wait: Duration) -> Option<(Failure, IpAddr)> {
    let to = scoped(to).await;
    let by_connection = async {
        match sys::complaint_about_connection(to, wait).await {
            Ok(complaint) => Ok(named(complaint)),
            Err(error) => Err(error),
        }
    };
    let by_datagram = async {
        let datagram = Datagram { to, hops: None, packet_bytes: PACKET_BYTES, whole: false };
        match sys::send_datagram(&datagram, wait).await {
            // That no datagram service listens there says nothing about a refusal.
            Ok(Heard::Complaint { complaint, .. }) if complaint.said != Said::PortUnreachable => named(Some(complaint)),
            _ => None,
        }
    };
    tokio::pin!(by_connection, by_datagram);
    tokio::select! {
        biased;
        answer = &mut by_connection => match answer {
            Ok(Some(answer)) => Some(answer),
            // It stood or was reset: a datagram that is refused all the same is refused by now.
            Ok(None) => timeout(GRACE, by_datagram).await.ok().flatten(),
            Err(_) => by_datagram.await,
        },
        answer = &mut by_datagram => match answer {
            // The connection's own answer is the better one; it is on its way where the datagram's has come.
            Some(answer) => match timeout(GRACE, by_connection).await {
                Ok(Ok(Some(better))) => Some(better),
                _ => Some(answer),
            },
            None => by_connection.await.ok().flatten(),
        },
    }
}

fn named(complaint: Option<Complaint>) -> Option<(Failure, IpAddr)> {
    let complaint = complaint?;
    Some((failure_of(complaint.said), complaint.from?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ttl: u8, address: Option<&str>) -> Option<Hop> {
        let address = address.map(|text| text.parse().unwrap());
        Some(Hop { ttl, address, took: None, said: None, is_target: false })
    }

    #[test]
    fn the_way_ends_where_something_ends_it() {
        let mut found = vec![at(1, Some("10.0.0.1")), None, at(3, Some("10.0.0.3")), None, None];
        assert!(!is_complete(&found));
        assert_eq!(tidy(found.clone()).len(), 3);
        found[3] = Some(Hop { is_target: true, ..at(4, Some("10.0.0.4")).unwrap() });
        assert!(!is_complete(&found), "hop 2 has not spoken");
        found[1] = at(2, Some("10.0.0.2"));
        found[4] = Some(Hop { is_target: true, ..at(5, Some("10.0.0.4")).unwrap() });
        assert!(is_complete(&found));
        assert_eq!(tidy(found).len(), 4);
        assert!(tidy(vec![None, None]).is_empty());
    }

    #[tokio::test]
    async fn the_loopback_is_one_hop_away() {
        let free = std::net::UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let Ok(hops) = trace(free.ip(), free.port(), 5, Duration::from_secs(2)).await else { return };
        assert_eq!(hops.len(), 1);
        assert!(hops[0].is_target && hops[0].took.is_some());
    }

    #[tokio::test]
    async fn nobody_refuses_the_loopback() {
        let server = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let refused = who_refuses(server.local_addr().unwrap(), Duration::from_millis(200)).await;
        assert_eq!(refused, None);
    }
}
