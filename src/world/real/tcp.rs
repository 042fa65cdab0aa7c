//! TCP connections: a fresh socket and source port for every attempt, so that one lost SYN or one stale state in a
//! middlebox never speaks for the next attempt.

use super::scoped;
use super::trace::failure_of;
use crate::patience;
use crate::sys;
use crate::world::{Connection, Dial, Failure, Refusal, Repeats};
use socket2::{Domain, Protocol, SockRef, Socket, Type};
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

pub(super) async fn connect(to: SocketAddr, dial: &Dial) -> Result<Connection, Refusal> {
    let to = scoped(to).await;
    let plain = |error: io::Error| Refusal { failure: Failure::from_io(&error), said: None };
    let socket = prepared(to, dial, Type::STREAM, Protocol::TCP).map_err(plain)?;
    // Where it cannot be heard, who refuses stays unknown.
    let _ = sys::hear_errors(&socket, to.is_ipv6(), true);
    let started = Instant::now();
    match socket.connect(&to.into()) {
        Err(error) if !sys::is_in_progress(&error) => return Err(plain(error)),
        _ => {}
    }
    let stream = TcpStream::from_std(socket.into()).map_err(plain)?;
    match patience::bounded(dial.wait, stood(&stream)).await {
        None => Err(Refusal { failure: Failure::Timeout, said: None }),
        Some(Err(error)) => Err(refusal(&stream, to, &error)),
        Some(Ok(())) => {
            let mut took = started.elapsed();
            // A connection that stands is not to be ended by an error that may be a passing one (RFC 5461).
            let _ = sys::hear_errors(&SockRef::from(&stream), to.is_ipv6(), false);
            // What is asked follows the end of a handshake in a small packet of its own; held back until the far end's
            // delayed acknowledgement it would make every page look 40 ms slower than it is.
            let _ = stream.set_nodelay(true);
            let repeats = Repeats::default();
            if took >= LEAST_REPEAT {
                let socket = SockRef::from(&stream);
                repeats.set(sys::segments_sent_again(&socket));
                // This program may have been late to hear of it.
                took = sys::handshake_time(&socket).map_or(took, |kernel| kernel.min(took));
            }
            let local = stream.local_addr().ok();
            let stream = Box::new(Prompt { stream, asked_at: Instant::now(), repeats: Rc::clone(&repeats) });
            Ok(Connection { local, stream, took, repeats })
        }
    }
}

/// Nothing is sent again sooner than this (Linux's least retransmission time), so that an answer within it needs no look.
const LEAST_REPEAT: Duration = Duration::from_millis(200);

/// A connection that counts what had to be sent again, and acknowledges each answer at once. Many proxies and servers hold
/// the second part of an answer back until the first is acknowledged (RFC 896); a delayed acknowledgement (RFC 1122
/// section 4.2.3.2, 40 ms on Linux) would be told as theirs.
struct Prompt {
    stream: TcpStream,
    asked_at: Instant,
    repeats: Repeats,
}

impl AsyncRead for Prompt {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let read = Pin::new(&mut self.stream).poll_read(cx, buffer);
        if self.asked_at.elapsed() >= LEAST_REPEAT {
            self.repeats.set(sys::segments_sent_again(&SockRef::from(&self.stream)));
        }
        read
    }
}

impl AsyncWrite for Prompt {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        if written.is_ready() {
            self.asked_at = Instant::now();
            // The kernel takes a question for the beginning of a conversation, and delays again.
            sys::acknowledge_at_once(&SockRef::from(&self.stream));
        }
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// Waits until the connection stands or has failed.
async fn stood(stream: &TcpStream) -> io::Result<()> {
    stream.writable().await?;
    match stream.take_error()? {
        Some(error) => Err(error),
        None => stream.peer_addr().map(drop),
    }
}

/// What the error means, with what its ICMP message said where there was one: the system folds several kinds of
/// refusal into one number.
fn refusal(stream: &TcpStream, to: SocketAddr, error: &io::Error) -> Refusal {
    let plain = Failure::from_io(error);
    let complaint = sys::complaint_heard(&SockRef::from(stream));
    let Some((said, from)) = complaint.and_then(|complaint| Some((failure_of(complaint.said), complaint.from?))) else {
        return Refusal { failure: plain, said: None };
    };
    let here = from != to.ip() && stream.local_addr().is_ok_and(|local| local.ip() == from);
    let failure = match said {
        Failure::Prohibited | Failure::Refused if here => Failure::LocalDenied,
        Failure::Prohibited | Failure::TimeExceeded => said.clone(),
        _ => plain,
    };
    Refusal { failure, said: Some((said, from)) }
}

/// A non-blocking socket, bound to the source and interface that the caller wants.
pub(super) fn prepared(to: SocketAddr, dial: &Dial, kind: Type, protocol: Protocol) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(to), kind, Some(protocol))?;
    socket.set_nonblocking(true)?;
    if let Some(interface) = &dial.interface {
        sys::bind_to_interface(&socket, interface)?;
    }
    if let Some(bytes) = dial.segment_bytes {
        sys::limit_segments(&socket, bytes)?;
    }
    if let Some(source) = dial.source {
        socket.bind(&SocketAddr::new(source, 0).into())?;
    }
    Ok(socket)
}

/// The address that binds to nothing in particular, of the same family.
pub(super) fn unspecified(to: SocketAddr) -> SocketAddr {
    match to {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::AsyncReadExt;

    #[tokio::test]
    async fn connects_and_is_refused() {
        let server = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let to = server.local_addr().unwrap();
        let dial = Dial { source: Some(to.ip()), ..Dial::within(Duration::from_secs(2)) };
        let mut connection = connect(to, &dial).await.unwrap();
        let (peer, from) = server.accept().await.unwrap();
        assert_eq!(connection.local, Some(from));
        drop(peer);
        assert_eq!(connection.stream.read(&mut [0; 1]).await.unwrap(), 0);
        drop(server);
        let refused = Refusal { failure: Failure::Refused, said: None };
        assert_eq!(connect(to, &dial).await.err(), Some(refused));
    }

    #[tokio::test]
    async fn a_source_that_is_not_ours_is_no_source() {
        let dial = Dial { source: Some("192.0.2.7".parse().unwrap()), ..Dial::within(Duration::from_secs(1)) };
        let to = "127.0.0.1:9".parse().unwrap();
        let refused = Refusal { failure: Failure::NoSource, said: None };
        assert_eq!(connect(to, &dial).await.err(), Some(refused));
    }
}
