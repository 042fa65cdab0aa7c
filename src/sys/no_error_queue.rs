//! The answers of systems where this program cannot read who complained about a packet: "unsupported here".

use super::{Complaint, Datagram, Heard, SYSTEM};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

fn unsupported<T>() -> io::Result<T> {
    Err(io::Error::new(io::ErrorKind::Unsupported, format!("unsupported here ({SYSTEM})")))
}

/// Sends one datagram and waits for the ICMP error about it.
///
/// # Errors
/// Always: not on this system.
pub async fn send_datagram(_: &Datagram, _: Duration) -> io::Result<Heard> {
    unsupported()
}

/// Opens a TCP connection and waits for the ICMP error about it.
///
/// # Errors
/// Always: not on this system.
pub async fn complaint_about_connection(_: SocketAddr, _: Duration) -> io::Result<Option<Complaint>> {
    unsupported()
}

/// MTU of the link that leads to the target.
///
/// # Errors
/// Always: not on this system.
pub fn link_mtu_towards(_: IpAddr) -> io::Result<u32> {
    unsupported()
}

/// Makes the echo requests of this client whole or nothing.
///
/// # Errors
/// Always: not on this system.
pub fn forbid_fragments(_: &surge_ping::Client, _: bool) -> io::Result<()> {
    unsupported()
}

/// Cannot be asked for here.
pub fn limit_segments(_: &socket2::Socket, _: u16) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Cannot be asked for here: acknowledgements come when the system sends them.
pub fn acknowledge_at_once(_: &socket2::Socket) {}

/// Cannot be asked for here.
pub fn segments_sent_again(_: &socket2::Socket) -> Option<u32> {
    None
}

/// Cannot be asked for here.
pub fn handshake_time(_: &socket2::Socket) -> Option<std::time::Duration> {
    None
}

/// Makes the socket use this interface only.
///
/// # Errors
/// Always: not on this system.
pub fn bind_to_interface(_: &socket2::Socket, _: &str) -> io::Result<()> {
    unsupported()
}

/// The number of an interface.
pub fn interface_index(_: &str) -> Option<u32> {
    None
}

/// Switches the hearing of ICMP errors on or off.
///
/// # Errors
/// Always: not on this system.
pub fn hear_errors(_: &socket2::Socket, _: bool, _: bool) -> io::Result<()> {
    unsupported()
}

/// The ICMP error that a socket has heard: none, on this system.
pub fn complaint_heard(_: &socket2::Socket) -> Option<Complaint> {
    None
}

/// Whether a connection that does not wait has begun: EINPROGRESS on Unix, WSAEWOULDBLOCK on Windows.
pub fn is_in_progress(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::WouldBlock || error.raw_os_error() == Some(IN_PROGRESS)
}

/// EINPROGRESS of the BSDs and macOS; no error number of Windows.
const IN_PROGRESS: i32 = 36;
