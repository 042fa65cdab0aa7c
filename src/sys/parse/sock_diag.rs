//! One answer of the kernel's socket diagnosis (sock_diag(7), `struct inet_diag_msg`).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// `AF_INET6` of Linux.
const INET6: u8 = 10;

/// Length of the message without attributes: 4 bytes, the 48 of the socket's identity, 5 numbers.
pub const MESSAGE_BYTES: usize = 72;

/// Length of `struct inet_diag_req_v2`.
pub const REQUEST_BYTES: usize = 56;

/// The attribute that says whether an IPv6 socket takes IPv6 only (`INET_DIAG_SKV6ONLY`).
pub const V6_ONLY: u16 = 11;

/// State of a socket, in the kernel's numbers (`include/net/tcp_states.h`).
pub mod state {
    pub const ESTABLISHED: u8 = 1;
    pub const SYN_SENT: u8 = 2;
    pub const TIME_WAIT: u8 = 6;
    /// Also an unconnected UDP socket.
    pub const CLOSE: u8 = 7;
    pub const CLOSE_WAIT: u8 = 8;
    pub const LISTEN: u8 = 10;
    /// Every state there is.
    pub const ALL: u32 = 0xfff;
}

/// One socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Socket {
    pub state: u8,
    pub local: SocketAddr,
    pub remote: SocketAddr,
    /// Of a listening socket: connections that wait to be accepted.
    pub receive_queue: u32,
    /// Of a listening socket: how many may wait.
    pub send_queue: u32,
    pub uid: u32,
    pub inode: u64,
    pub v6_only: Option<bool>,
}

/// The payload of a request for all sockets of a family and protocol in these states (a bit for each).
pub fn request(family: u8, protocol: u8, states: u32) -> [u8; REQUEST_BYTES] {
    let mut bytes = [0; REQUEST_BYTES];
    bytes[0] = family;
    bytes[1] = protocol;
    bytes[4..8].copy_from_slice(&states.to_ne_bytes());
    bytes
}

/// Reads the fixed part of an answer; none where it is too short.
pub fn socket(bytes: &[u8]) -> Option<Socket> {
    let bytes: &[u8; MESSAGE_BYTES] = bytes.get(..MESSAGE_BYTES)?.try_into().ok()?;
    let number = |at: usize| u32::from_ne_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
    let port = |at: usize| u16::from_be_bytes([bytes[at], bytes[at + 1]]);
    let v6 = bytes[0] == INET6;
    let address = |at: usize| -> IpAddr {
        let mut octets = [0; 16];
        octets.copy_from_slice(&bytes[at..at + 16]);
        if v6 {
            Ipv6Addr::from(octets).into()
        } else {
            Ipv4Addr::new(octets[0], octets[1], octets[2], octets[3]).into()
        }
    };
    Some(Socket {
        state: bytes[1],
        local: SocketAddr::new(address(8), port(4)),
        remote: SocketAddr::new(address(24), port(6)),
        receive_queue: number(56),
        send_queue: number(60),
        uid: number(64),
        inode: u64::from(number(68)),
        v6_only: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(family: u8, source: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0; MESSAGE_BYTES];
        bytes[0] = family;
        bytes[1] = state::LISTEN;
        bytes[4..6].copy_from_slice(&8080u16.to_be_bytes());
        bytes[8..8 + source.len()].copy_from_slice(source);
        bytes[56..60].copy_from_slice(&3u32.to_ne_bytes());
        bytes[60..64].copy_from_slice(&128u32.to_ne_bytes());
        bytes[64..68].copy_from_slice(&1000u32.to_ne_bytes());
        bytes[68..72].copy_from_slice(&4711u32.to_ne_bytes());
        bytes
    }

    #[test]
    fn answers_of_both_families_are_read() {
        for (family, source, local) in
            [(2, vec![127, 0, 0, 1], "127.0.0.1:8080"), (INET6, Ipv6Addr::LOCALHOST.octets().to_vec(), "[::1]:8080")]
        {
            let socket = socket(&answer(family, &source)).expect("whole answer");
            assert_eq!(socket.local.to_string(), local);
            assert_eq!((socket.receive_queue, socket.send_queue), (3, 128));
            assert_eq!((socket.uid, socket.inode, socket.state), (1000, 4711, state::LISTEN));
        }
    }

    #[test]
    fn a_cut_answer_gives_nothing() {
        assert_eq!(socket(&answer(2, &[1, 2, 3, 4])[..MESSAGE_BYTES - 1]), None);
        assert_eq!(socket(&[]), None);
    }
}
