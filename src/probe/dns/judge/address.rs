//! What kind of address an answer is: one that no public name has, a private one, one of the same network.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// An address that no public name should have: this network (RFC 1122), loopback, multicast, reserved (RFC 1112), and
/// their like in IPv6. Private ranges are none: split-horizon answers are normal.
pub(in crate::probe::dns) fn is_bogon(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_bogon_v4(address),
        IpAddr::V6(address) => match address.to_ipv4_mapped() {
            Some(mapped) => is_bogon_v4(mapped),
            None => {
                address == Ipv6Addr::UNSPECIFIED
                    || address == Ipv6Addr::LOCALHOST
                    || address.is_multicast()
                    || address.is_unicast_link_local()
            }
        },
    }
}

fn is_bogon_v4(address: Ipv4Addr) -> bool {
    let first = address.octets()[0];
    first == 0 || first == 127 || first >= 224 || address.is_link_local()
}

/// Whether two answers have a network in common, /24 or /48: the usual size of one announcement.
pub(in crate::probe::dns) fn share_network(left: &[IpAddr], right: &[IpAddr]) -> bool {
    left.iter().any(|one| right.iter().any(|other| network(*one) == network(*other)))
}

fn network(address: IpAddr) -> (bool, [u8; 6]) {
    let mut bytes = [0; 6];
    match address {
        IpAddr::V4(address) => bytes[..3].copy_from_slice(&address.octets()[..3]),
        IpAddr::V6(address) => bytes.copy_from_slice(&address.octets()[..6]),
    }
    (address.is_ipv4(), bytes)
}

/// RFC 1918, RFC 6598 and RFC 4193.
pub(super) fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => {
            let [first, second, ..] = address.octets();
            address.is_private() || first == 100 && (64..128).contains(&second)
        }
        IpAddr::V6(address) => address.is_unique_local(),
    }
}
