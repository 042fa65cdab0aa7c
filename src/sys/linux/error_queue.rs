//! Sockets that hear who complains about their packets: the kernel's error queue (`IP_RECVERR`, ip(7)), which needs no
//! rights. The way of tracepath, and of traceroute's unprivileged TCP mode (Linux 5.9 and later).

use crate::sys::{Complaint, Datagram, Heard, Said, said_in_ipv4, said_in_ipv6};
use nix::libc;
use nix::sys::socket::{self, ControlMessageOwned, MsgFlags, SockaddrStorage, setsockopt, sockopt};
use nix::{getsockopt_impl, setsockopt_impl, sockopt_impl};
use socket2::{Domain, Protocol, Socket, Type};
use std::io::{self, IoSliceMut};
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::time::{Duration, Instant};
use tokio::io::Interest;
use tokio::net::{TcpStream, UdpSocket};

/// The error number of a datagram that is larger than the path allows; the standard library has no kind for it.
pub const MESSAGE_TOO_LARGE: i32 = libc::EMSGSIZE;
/// The error number of a host that is down.
pub const HOST_DOWN: i32 = libc::EHOSTDOWN;

/// Larger than any link but the loopback takes; the largest UDP payload of IPv4.
const OVERSIZE: usize = 65_507;
/// MTU to assume where a datagram of `OVERSIZE` fits.
const HUGE_MTU: u32 = 65_535;
/// The UDP header.
const UDP_HEADER: u32 = 8;

sockopt_impl!(
    /// `IP_MTU_DISCOVER`.
    MtuDiscoverV4, SetOnly, libc::IPPROTO_IP, libc::IP_MTU_DISCOVER, libc::c_int
);
sockopt_impl!(
    /// `IPV6_MTU_DISCOVER`.
    MtuDiscoverV6, SetOnly, libc::IPPROTO_IPV6, libc::IPV6_MTU_DISCOVER, libc::c_int
);

/// Sends one datagram from a fresh socket, so that its source port identifies it, and waits for the ICMP error about
/// it or for an answer.
///
/// # Errors
/// Where the socket cannot be made or the packet cannot leave this machine.
pub async fn send_datagram(datagram: &Datagram, wait: Duration) -> io::Result<Heard> {
    let socket = datagram_socket(datagram.to)?;
    let ipv6 = datagram.to.is_ipv6();
    if let Some(hops) = datagram.hops {
        if ipv6 { socket.set_unicast_hops_v6(hops.into())? } else { socket.set_ttl_v4(hops.into())? }
    }
    if datagram.whole {
        forbid_fragments_on(socket.as_fd(), ipv6)?;
    }
    let source = socket.local_addr()?.as_socket().map(|address| address.ip());
    let headers = UDP_HEADER + if ipv6 { 40 } else { 20 };
    let payload = vec![0; datagram.packet_bytes.saturating_sub(headers) as usize];
    let socket = UdpSocket::from_std(socket.into())?;
    let started = Instant::now();
    if let Err(error) = socket::send(socket.as_raw_fd(), &payload, MsgFlags::MSG_DONTWAIT).map_err(io::Error::from) {
        // The kernel knows of a smaller MTU here: the same as hearing it from a router.
        return match read_error_queue(socket.as_fd()) {
            Ok(complaint) => Ok(Heard::Complaint { complaint, took: started.elapsed(), source }),
            Err(_) => Err(error),
        };
    }
    let heard = socket.async_io(Interest::READABLE | Interest::ERROR, || receive(socket.as_fd()));
    match tokio::time::timeout(wait, heard).await {
        Err(_) => Ok(Heard::Nothing),
        Ok(Ok(Some(complaint))) => Ok(Heard::Complaint { complaint, took: started.elapsed(), source }),
        Ok(Ok(None)) => Ok(Heard::Answer { took: started.elapsed() }),
        Ok(Err(error)) => Err(error),
    }
}

/// Opens a TCP connection from a fresh socket and waits for an ICMP error about it. None where the connection stood or
/// was reset.
///
/// # Errors
/// Where nothing came in time, the socket cannot be made or the kernel refuses to try.
pub async fn complaint_about_connection(to: SocketAddr, wait: Duration) -> io::Result<Option<Complaint>> {
    let socket = Socket::new(Domain::for_address(to), Type::STREAM.nonblocking(), Some(Protocol::TCP))?;
    hear_errors(&socket, to.is_ipv6(), true)?;
    match socket.connect(&to.into()) {
        Err(error) if !is_in_progress(&error) => return Err(error),
        _ => {}
    }
    let socket = TcpStream::from_std(socket.into())?;
    let heard = socket.async_io(Interest::WRITABLE | Interest::ERROR, || match read_error_queue(socket.as_fd()) {
        Ok(complaint) => Ok(Some(complaint)),
        Err(error) if error.kind() != io::ErrorKind::WouldBlock => Err(error),
        Err(would_block) => {
            let over = socket.take_error()?.is_some() || socket.peer_addr().is_ok();
            if over { Ok(None) } else { Err(would_block) }
        }
    });
    tokio::time::timeout(wait, heard).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}

/// MTU of the link that leads to the target: what the kernel names when a datagram is refused that is larger than any
/// link takes. No packet leaves, and nothing that was learned about the path before is used.
///
/// # Errors
/// Where there is no way to the target.
pub fn link_mtu_towards(to: IpAddr) -> io::Result<u32> {
    let socket = datagram_socket(SocketAddr::new(to, DISCARD_PORT))?;
    forbid_fragments_on(socket.as_fd(), to.is_ipv6())?;
    if to.is_loopback() {
        return Ok(HUGE_MTU);
    }
    match socket.send(&[0; OVERSIZE]) {
        Ok(_) => Ok(HUGE_MTU),
        Err(error) if error.raw_os_error() == Some(MESSAGE_TOO_LARGE) => match read_error_queue(socket.as_fd())?.said {
            Said::TooLarge(mtu) => Ok(mtu),
            _ => Err(error),
        },
        Err(error) => Err(error),
    }
}

/// RFC 863; nothing is sent to it.
const DISCARD_PORT: u16 = 9;

/// Makes the echo requests of this client whole or nothing.
///
/// # Errors
/// Where the kernel refuses the option.
pub fn forbid_fragments(client: &surge_ping::Client, ipv6: bool) -> io::Result<()> {
    let socket = client.get_socket();
    // SAFETY: `socket` shares ownership of the descriptor and outlives the borrow.
    let descriptor = unsafe { BorrowedFd::borrow_raw(socket.get_native_sock()) };
    forbid_fragments_on(descriptor, ipv6)
}

/// Lets neither end send a larger TCP segment than this; to be said before connecting.
pub fn limit_segments(socket: &Socket, bytes: u16) -> io::Result<()> {
    socket.set_tcp_mss(bytes.into())
}

/// Lets the kernel acknowledge what comes next at once; it falls back by itself (tcp(7), TCP_QUICKACK). Where it cannot,
/// acknowledgements are late, and nothing else is lost.
pub fn acknowledge_at_once(socket: &Socket) {
    let _ = socket.set_tcp_quickack(true);
}

sockopt_impl!(TcpInfo, GetOnly, libc::IPPROTO_TCP, libc::TCP_INFO, libc::tcp_info);

/// How many segments of this connection had to be sent again because nobody acknowledged them in time, its opening
/// included (tcp(7), TCP_INFO).
pub fn segments_sent_again(socket: &Socket) -> Option<u32> {
    socket::getsockopt(socket, TcpInfo).ok().map(|info| info.tcpi_total_retrans)
}

/// How long the far end took to accept this connection, by the kernel's own clock: none where a segment was sent again,
/// because it is not known then which of them was answered (RFC 6298 section 3).
pub fn handshake_time(socket: &Socket) -> Option<Duration> {
    let info = socket::getsockopt(socket, TcpInfo).ok()?;
    (info.tcpi_total_retrans == 0 && info.tcpi_rtt > 0).then(|| Duration::from_micros(info.tcpi_rtt.into()))
}

/// Makes the socket use this interface only (no rights needed since Linux 5.7).
///
/// # Errors
/// Where the interface does not exist or rights are missing.
pub fn bind_to_interface(socket: &Socket, interface: &str) -> io::Result<()> {
    socket.bind_device(Some(interface.as_bytes()))
}

/// The number of an interface.
pub fn interface_index(name: &str) -> Option<u32> {
    nix::net::if_::if_nametoindex(name).ok()
}

/// Switches the error queue of a socket on or off.
///
/// # Errors
/// Where the kernel refuses the option.
pub fn hear_errors(socket: &Socket, ipv6: bool, on: bool) -> io::Result<()> {
    if ipv6 {
        setsockopt(socket, sockopt::Ipv6RecvErr, &on)?;
    } else {
        setsockopt(socket, sockopt::Ipv4RecvErr, &on)?;
    }
    Ok(())
}

/// The ICMP error that a socket has heard, where it has.
pub fn complaint_heard(socket: &Socket) -> Option<Complaint> {
    read_error_queue(socket.as_fd()).ok()
}

/// Whether a connection that does not wait has begun.
pub fn is_in_progress(error: &io::Error) -> bool {
    error.raw_os_error() == Some(libc::EINPROGRESS)
}

/// A connected UDP socket with the error queue on.
fn datagram_socket(to: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(to), Type::DGRAM.nonblocking(), Some(Protocol::UDP))?;
    hear_errors(&socket, to.is_ipv6(), true)?;
    socket.connect(&to.into())?;
    Ok(socket)
}

/// `PROBE`: the don't-fragment bit is set and the kernel's memory of the path is ignored (RFC 4821).
fn forbid_fragments_on(descriptor: BorrowedFd<'_>, ipv6: bool) -> io::Result<()> {
    if ipv6 {
        setsockopt(&descriptor, MtuDiscoverV6, &libc::IPV6_PMTUDISC_PROBE)?;
    } else {
        setsockopt(&descriptor, MtuDiscoverV4, &libc::IP_PMTUDISC_PROBE)?;
    }
    Ok(())
}

/// An ICMP error, or none for a datagram of the target.
fn receive(descriptor: BorrowedFd<'_>) -> io::Result<Option<Complaint>> {
    match read_error_queue(descriptor) {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
        other => return other.map(Some),
    }
    let mut buffer = [0; 16];
    match socket::recv(descriptor.as_raw_fd(), &mut buffer, MsgFlags::MSG_DONTWAIT) {
        Ok(_) => Ok(None),
        Err(nix::Error::EAGAIN) => Err(io::ErrorKind::WouldBlock.into()),
        // The plain error of an ICMP message that came between the two reads: the queue has its details.
        Err(_) => read_error_queue(descriptor).map(Some),
    }
}

/// The next entry of the error queue.
fn read_error_queue(descriptor: BorrowedFd<'_>) -> io::Result<Complaint> {
    let mut payload = [0; 64];
    let mut parts = [IoSliceMut::new(&mut payload)];
    let mut control = nix::cmsg_space!(libc::sock_extended_err, libc::sockaddr_in6);
    let flags = MsgFlags::MSG_ERRQUEUE | MsgFlags::MSG_DONTWAIT;
    let message = socket::recvmsg::<SockaddrStorage>(descriptor.as_raw_fd(), &mut parts, Some(&mut control), flags)?;
    for entry in message.cmsgs()? {
        match entry {
            ControlMessageOwned::Ipv4RecvErr(error, from) => {
                let from = from.map(|address| IpAddr::from(u32::from_be(address.sin_addr.s_addr).to_be_bytes()));
                return Ok(complaint(&error, from));
            }
            ControlMessageOwned::Ipv6RecvErr(error, from) => {
                let from = from.map(|address| IpAddr::from(address.sin6_addr.s6_addr));
                return Ok(complaint(&error, from));
            }
            _ => {}
        }
    }
    Ok(Complaint { from: None, said: Said::Other })
}

fn complaint(error: &libc::sock_extended_err, from: Option<IpAddr>) -> Complaint {
    match error.ee_origin {
        libc::SO_EE_ORIGIN_ICMP => Complaint { from, said: said_in_ipv4(error.ee_type, error.ee_code, error.ee_info) },
        libc::SO_EE_ORIGIN_ICMP6 => Complaint { from, said: said_in_ipv6(error.ee_type, error.ee_code, error.ee_info) },
        _ if error.ee_errno == libc::EMSGSIZE as u32 => Complaint { from: None, said: Said::TooLarge(error.ee_info) },
        _ => Complaint { from: None, said: Said::Other },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_closed_port_on_the_loopback_is_heard() {
        let free = std::net::UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let datagram = Datagram { to: free, hops: None, packet_bytes: 600, whole: true };
        let heard = send_datagram(&datagram, Duration::from_secs(2)).await.unwrap();
        let Heard::Complaint { complaint, source, .. } = heard else { panic!("{heard:?}") };
        assert_eq!(complaint, Complaint { from: Some(free.ip()), said: Said::PortUnreachable });
        assert_eq!(source, Some(free.ip()));
    }

    #[tokio::test]
    async fn an_open_port_that_is_silent_is_nothing() {
        let server = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let datagram = Datagram { to: server.local_addr().unwrap(), hops: Some(3), packet_bytes: 60, whole: false };
        let heard = send_datagram(&datagram, Duration::from_millis(50)).await.unwrap();
        assert_eq!(heard, Heard::Nothing);
    }

    #[tokio::test]
    async fn nobody_complains_about_a_connection_that_stands_or_is_reset() {
        let server = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = server.local_addr().unwrap();
        let wait = Duration::from_secs(2);
        assert_eq!(complaint_about_connection(address, wait).await.unwrap(), None);
        drop(server);
        assert_eq!(complaint_about_connection(address, wait).await.unwrap(), None);
    }

    #[test]
    fn the_loopback_takes_everything() {
        assert_eq!(link_mtu_towards("127.0.0.1".parse().unwrap()).unwrap(), HUGE_MTU);
    }
}
