//! TCP connections: a fresh socket and source port for every attempt, so that one lost SYN or one stale state in a
//! middlebox never speaks for the next attempt.

use super::scoped;
use crate::sys;
use crate::world::{Connection, Dial, Failure};
use socket2::{Domain, Protocol, Socket, Type};
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Instant;
use tokio::net::TcpSocket;

pub(super) async fn connect(to: SocketAddr, dial: &Dial) -> Result<Connection, Failure> {
    let to = scoped(to).await;
    let socket = prepared(to, dial, Type::STREAM, Protocol::TCP).map_err(|error| Failure::from_io(&error))?;
    let socket = TcpSocket::from_std_stream(socket.into());
    let started = Instant::now();
    match tokio::time::timeout(dial.wait, socket.connect(to)).await {
        Err(_) => Err(Failure::Timeout),
        Ok(Err(error)) => Err(Failure::from_io(&error)),
        Ok(Ok(stream)) => {
            let took = started.elapsed();
            Ok(Connection { local: stream.local_addr().ok(), stream: Box::new(stream), took })
        }
    }
}

/// A non-blocking socket, bound to the source and interface that the caller wants.
pub(super) fn prepared(to: SocketAddr, dial: &Dial, kind: Type, protocol: Protocol) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(to), kind, Some(protocol))?;
    socket.set_nonblocking(true)?;
    if let Some(interface) = &dial.interface {
        sys::bind_to_interface(&socket, interface)?;
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
    use std::time::Duration;
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
        assert_eq!(connect(to, &dial).await.err(), Some(Failure::Refused));
    }

    #[tokio::test]
    async fn a_source_that_is_not_ours_is_no_source() {
        let dial = Dial { source: Some("192.0.2.7".parse().unwrap()), ..Dial::within(Duration::from_secs(1)) };
        let to = "127.0.0.1:9".parse().unwrap();
        assert_eq!(connect(to, &dial).await.err(), Some(Failure::NoSource));
    }
}
