//! Echo requests with surge-ping, timed by our own clock: the library's starts only after the send has returned.

use super::scoped;
use crate::patience::{self, Pulse};
use crate::sys;
use crate::world::{EchoSeries, EchoSocket, Failure};
use futures_util::future::join_all;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};
use surge_ping::{Client, Config, ICMP, IcmpPacket, PingIdentifier, PingSequence, SurgeError};

/// How long the library waits by itself: longer than anybody here does, because its clock knows nothing of stalls.
const NOBODY: Duration = Duration::from_secs(3_600);

/// IP and ICMP headers of an echo request, which `size` does not count.
pub(super) fn overhead(to: IpAddr) -> usize {
    if to.is_ipv4() { 20 + 8 } else { 40 + 8 }
}

pub(super) async fn echo(
    to: IpAddr,
    count: u16,
    spacing: Duration,
    wait: Duration,
    size: usize,
) -> Result<EchoSeries, String> {
    let (client, socket) = open(to)?;
    let payload = vec![0x55; size];
    let requests = (0..count).map(|sequence| {
        let (client, payload) = (&client, &payload);
        async move {
            tokio::time::sleep(spacing * u32::from(sequence)).await;
            let reply = request(client, to, sequence, payload, wait).await;
            (tokio::time::Instant::now(), reply)
        }
    });
    let mut series = EchoSeries { socket, replies: Vec::with_capacity(count.into()), error: None };
    let pulse = Pulse::default();
    for (heard, result) in pulse.beside(join_all(requests)).await {
        match result {
            // What this program was late to hear is not the network's delay.
            Ok(reply) => series.replies.push(reply.map(|took| took.saturating_sub(pulse.lost(heard - took, heard)))),
            Err(error) => {
                series.replies.push(None);
                series.error.get_or_insert(error);
            }
        }
    }
    Ok(series)
}

/// A client over the datagram socket where the system allows it, else over the raw one.
pub(super) fn open(to: IpAddr) -> Result<(Client, EchoSocket), String> {
    // Bound, because the library asks for the local address and expects to get one.
    let (kind, any) = match to {
        IpAddr::V4(_) => (ICMP::V4, IpAddr::from([0; 4])),
        IpAddr::V6(_) => (ICMP::V6, IpAddr::from([0; 16])),
    };
    let config = Config::builder().kind(kind).bind(SocketAddr::new(any, 0)).build();
    let client = Client::new(&config).map_err(|error| refusal(&error))?;
    let socket =
        if client.get_socket().get_type() == socket2::Type::RAW { EchoSocket::Raw } else { EchoSocket::Datagram };
    Ok((client, socket))
}

fn refusal(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::PermissionDenied => format!("echo requests need {}", sys::RIGHT_TO_ECHO),
        _ => format!("no echo socket can be opened: {error}"),
    }
}

/// One request. `Ok(None)` where nobody answered; the error of a router or of this machine otherwise.
pub(super) async fn request(
    client: &Client,
    to: IpAddr,
    sequence: u16,
    payload: &[u8],
    wait: Duration,
) -> Result<Option<Duration>, (Failure, Option<IpAddr>)> {
    let mut pinger = client.pinger(to, PingIdentifier(rand::random())).await;
    if let SocketAddr::V6(address) = scoped(SocketAddr::new(to, 0)).await {
        pinger.scope_id(address.scope_id());
    }
    let started = Instant::now();
    match patience::bounded(wait, pinger.timeout(NOBODY).ping(PingSequence(sequence), payload)).await {
        Some(Ok((packet, _))) => match error_in(&packet) {
            None => Ok(Some(started.elapsed())),
            Some(error) => Err(error),
        },
        Some(Err(SurgeError::IOError(error))) => Err((Failure::from_io(&error), None)),
        // Nobody, or a packet that the library could not read: nothing that counts as an answer.
        Some(Err(_)) | None => Ok(None),
    }
}

/// Raw sockets hear the errors of routers too; the library hands them over like answers.
fn error_in(packet: &IcmpPacket) -> Option<(Failure, Option<IpAddr>)> {
    use crate::sys::{said_in_ipv4, said_in_ipv6};
    let (said, from) = match packet {
        IcmpPacket::V4(packet) => match (packet.get_icmp_type().0, packet.get_icmp_code().0) {
            (0, _) => return None,
            (kind, code) => (said_in_ipv4(kind, code, 0), IpAddr::V4(packet.get_source())),
        },
        IcmpPacket::V6(packet) => match (packet.get_icmpv6_type().0, packet.get_icmpv6_code().0) {
            (129, _) => return None,
            (kind, code) => (said_in_ipv6(kind, code, 0), IpAddr::V6(packet.get_source())),
        },
    };
    Some((super::trace::failure_of(said), Some(from)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_loopback_answers_or_the_reason_is_named() {
        let loopback = "127.0.0.1".parse().unwrap();
        match echo(loopback, 3, Duration::from_millis(5), Duration::from_secs(2), 56).await {
            Ok(series) => {
                assert_eq!(series.replies.len(), 3);
                assert!(series.replies.iter().all(|reply| reply.is_some_and(|took| !took.is_zero())), "{series:?}");
            }
            Err(reason) => assert!(reason.contains(sys::RIGHT_TO_ECHO), "{reason}"),
        }
    }
}
