//! The shapes of ICMP errors, and the tables that give their types and codes a meaning (RFC 792, RFC 1812 section
//! 5.2.7.1, RFC 4443).

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// What an ICMP error says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Said {
    /// Nothing listens on the port; proves that the packet arrived, where the target itself says it.
    PortUnreachable,
    HostUnreachable,
    NetworkUnreachable,
    /// A filter forbids it.
    Prohibited,
    /// It does not fit and may not be cut in pieces; the next link's MTU in bytes.
    TooLarge(u32),
    /// The hop limit ran out.
    TimeExceeded,
    /// Anything else.
    Other,
}

/// One ICMP error about a packet that was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Complaint {
    /// Who says it; this machine's own address where the packet did not leave it.
    pub from: Option<IpAddr>,
    pub said: Said,
}

/// One datagram to send, with what ordinary sockets do not set.
#[derive(Debug, Clone, Copy)]
pub struct Datagram {
    pub to: SocketAddr,
    /// Hop limit; the system's own where none.
    pub hops: Option<u8>,
    /// Size of the whole IP packet in bytes, headers included.
    pub packet_bytes: u32,
    /// Never cut it in pieces, and do not trust what was learned about the path before.
    pub whole: bool,
}

/// What came back for a datagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heard {
    /// An ICMP error.
    Complaint { complaint: Complaint, took: Duration, source: Option<IpAddr> },
    /// A datagram of the target itself.
    Answer { took: Duration },
    /// Nothing in time.
    Nothing,
}

/// What an ICMP type and code mean in IPv4. `mtu` is the field that comes with "fragmentation needed".
pub fn said_in_ipv4(kind: u8, code: u8, mtu: u32) -> Said {
    match (kind, code) {
        (3, 0 | 6 | 11) => Said::NetworkUnreachable,
        (3, 1 | 7 | 8 | 12) => Said::HostUnreachable,
        (3, 2 | 3) => Said::PortUnreachable,
        (3, 4) => Said::TooLarge(mtu),
        (3, 9 | 10 | 13 | 14 | 15) => Said::Prohibited,
        (11, 0) => Said::TimeExceeded,
        _ => Said::Other,
    }
}

/// What an ICMPv6 type and code mean. `mtu` is the field that comes with "packet too big".
pub fn said_in_ipv6(kind: u8, code: u8, mtu: u32) -> Said {
    match (kind, code) {
        (1, 0) => Said::NetworkUnreachable,
        (1, 2 | 3) => Said::HostUnreachable,
        (1, 4) => Said::PortUnreachable,
        (1, 1 | 5 | 6) => Said::Prohibited,
        (2, _) => Said::TooLarge(mtu),
        (3, 0) => Said::TimeExceeded,
        _ => Said::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_and_codes_have_a_meaning() {
        let four = [
            ((3, 0), Said::NetworkUnreachable),
            ((3, 1), Said::HostUnreachable),
            ((3, 3), Said::PortUnreachable),
            ((3, 4), Said::TooLarge(1400)),
            ((3, 13), Said::Prohibited),
            ((11, 0), Said::TimeExceeded),
            ((11, 1), Said::Other),
        ];
        for ((kind, code), said) in four {
            assert_eq!(said_in_ipv4(kind, code, 1400), said, "{kind}/{code}");
        }
        let six = [
            ((1, 0), Said::NetworkUnreachable),
            ((1, 1), Said::Prohibited),
            ((1, 3), Said::HostUnreachable),
            ((1, 4), Said::PortUnreachable),
            ((2, 0), Said::TooLarge(1280)),
            ((3, 0), Said::TimeExceeded),
            ((128, 0), Said::Other),
        ];
        for ((kind, code), said) in six {
            assert_eq!(said_in_ipv6(kind, code, 1280), said, "{kind}/{code}");
        }
    }
}
