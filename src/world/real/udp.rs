//! UDP exchanges over connected sockets: only for those the kernel reports an ICMP port unreachable.

use super::scoped;
use super::tcp::{prepared, unspecified};
use crate::patience;
use crate::world::{Dial, Failure, Reply, Volley};
use socket2::{Protocol, Type};
use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tokio::net::UdpSocket;

/// The largest UDP payload.
const LARGEST: usize = 65_535;

pub(super) async fn exchange(to: SocketAddr, datagram: &[u8], dial: &Dial) -> Result<Reply, Failure> {
    let to = scoped(to).await;
    let failed = |error: io::Error| Failure::from_io(&error);
    let sent = patience::bounded(dial.wait, send(to, datagram, dial)).await;
    let (socket, started) = sent.ok_or(Failure::Timeout)?.map_err(failed)?;
    // Only what was sent can be answered: the wait begins here, however long this program took to get here.
    let answer = patience::bounded(dial.wait, answer(&socket)).await;
    let bytes = answer.ok_or(Failure::Timeout)?.map_err(failed)?;
    Ok(Reply { bytes, local: socket.local_addr().ok(), took: started.elapsed() })
}

/// Longest answer that is kept of a volley: everything that fits a frame.
const ANSWER_BYTES: usize = 2048;

pub(super) async fn volley(
    to: SocketAddr,
    datagrams: &[Vec<u8>],
    spacing: Duration,
    dial: &Dial,
) -> Result<Volley, Failure> {
    let to = scoped(to).await;
    let failed = |error: io::Error| Failure::from_io(&error);
    let socket = connected(to, dial).await.map_err(failed)?;
    let started = Instant::now();
    let mut volley = Volley { local: socket.local_addr().ok(), ..Volley::default() };
    let mut buffer = vec![0; ANSWER_BYTES];
    let mut error = None;
    // Twice as many answers as questions, and somebody else is talking.
    let most = datagrams.len() * 2;
    for (number, datagram) in (1_u32..).zip(datagrams) {
        match socket.send(datagram).await {
            Ok(_) => {}
            // An ICMP error for an earlier one is told at the next call; what is lost so is lost.
            Err(said) if number > 1 => error = Some(said),
            Err(said) => return Err(failed(said)),
        }
        volley.sent.push(started.elapsed());
        let last = number as usize == datagrams.len();
        let until = if last { started.elapsed() + dial.wait } else { spacing * number };
        while volley.arrivals.len() < most && !(last && volley.arrivals.len() >= datagrams.len()) {
            let left = until.saturating_sub(started.elapsed());
            match tokio::time::timeout(left, socket.recv(&mut buffer)).await {
                Ok(Ok(length)) => volley.arrivals.push((started.elapsed(), buffer[..length].to_vec())),
                Ok(Err(said)) => error = Some(said),
                Err(_) => break,
            }
        }
        tokio::time::sleep((spacing * number).saturating_sub(started.elapsed())).await;
        // Who says that nothing listens need not be told so a hundred times.
        if volley.arrivals.is_empty() && error.is_some() {
            break;
        }
    }
    match error {
        Some(said) if volley.arrivals.is_empty() => Err(failed(said)),
        _ => Ok(volley),
    }
}

async fn connected(to: SocketAddr, dial: &Dial) -> io::Result<UdpSocket> {
    let socket = prepared(to, dial, Type::DGRAM, Protocol::UDP)?;
    if dial.source.is_none() {
        socket.bind(&unspecified(to).into())?;
    }
    let socket = UdpSocket::from_std(socket.into())?;
    socket.connect(to).await?;
    Ok(socket)
}

/// Sends the datagram; the socket, and when that was.
async fn send(to: SocketAddr, datagram: &[u8], dial: &Dial) -> io::Result<(UdpSocket, Instant)> {
    let socket = connected(to, dial).await?;
    let started = Instant::now();
    socket.send(datagram).await?;
    Ok((socket, started))
}

async fn answer(socket: &UdpSocket) -> io::Result<Vec<u8>> {
    // Not filled with zeros first: nearly every answer is a thousandth of what there must be room for.
    let mut bytes = Vec::with_capacity(LARGEST);
    socket.recv_buf(&mut bytes).await?;
    bytes.shrink_to_fit();
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[tokio::test]
    async fn answered_silent_and_closed() {
        let server = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let to = server.local_addr().unwrap();
        let dial = Dial::within(Duration::from_secs(2));
        let serve = async {
            let mut buffer = [0; 64];
            let (length, from) = server.recv_from(&mut buffer).await.unwrap();
            server.send_to(&buffer[..length], from).await.unwrap();
        };
        let (reply, ()) = tokio::join!(exchange(to, b"hello", &dial), serve);
        assert_eq!(reply.unwrap().bytes, b"hello");
        let short = Dial::within(Duration::from_millis(50));
        assert_eq!(exchange(to, b"x", &short).await.err(), Some(Failure::Timeout));
        drop(server);
        assert_eq!(exchange(to, b"x", &dial).await.err(), Some(Failure::Refused));
    }

    #[tokio::test]
    async fn a_query_that_waited_to_be_sent_gets_all_of_its_time() {
        let server = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let to = server.local_addr().unwrap();
        std::thread::spawn(move || {
            let mut buffer = [0; 64];
            let (length, from) = server.recv_from(&mut buffer).unwrap();
            // Later than what the stall leaves of the wait, and sooner than the wait.
            std::thread::sleep(Duration::from_millis(120));
            server.send_to(&buffer[..length], from).unwrap();
        });
        let dial = Dial::within(Duration::from_millis(200));
        let stall = async { std::thread::sleep(Duration::from_millis(250)) };
        let (reply, ()) = tokio::join!(exchange(to, b"hello", &dial), stall);
        assert_eq!(reply.unwrap().bytes, b"hello");
    }

    #[tokio::test]
    async fn a_datagram_that_no_packet_can_hold_is_too_large() {
        let dial = Dial::within(Duration::from_secs(1));
        let to = "127.0.0.1:9".parse().unwrap();
        assert_eq!(exchange(to, &vec![0; 70_000], &dial).await.err(), Some(Failure::TooLarge));
    }
}
