//! Pseudonyms of network and hardware addresses that keep what an outsider needs for reading them: which lie in one
//! subnet, which are private, which are the same. Each is an address again, of a range that nobody has, so a second
//! redaction leaves it alone:
//!
//! | before | after |
//! |---|---|
//! | public IPv4 | `240.0.0.0/5` (reserved, RFC 1112) |
//! | `10.0.0.0/8`, `172.16.0.0/12`, `192.168.0.0/16`, `100.64.0.0/10` | `250.`, `251.16-31.`, `252.168.`, `253.64-127.` |
//! | public IPv6 | `3fff::/20` (documentation, RFC 9637), subnets from /32 on kept |
//! | `fd00::/8` (private, RFC 4193) | `fc00::/8`, which RFC 4193 leaves undefined |
//! | `fe80::/64` (link-local) | `fe80:0:0:ffff::/64` |
//! | hardware addresses | `f2:00:00:...`, `f2:00:01:...` where it was locally administered |
//!
//! Loopback, unspecified, multicast and IPv4 link-local addresses and netmasks say nothing about anybody and stay. The
//! mapping is the prefix-preserving one of Crypto-PAn (Xu and others, 2002), one hash for each eight bits.

use super::pseudonym::Key;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The pseudonym of an address; itself where it names nobody or is a pseudonym.
pub(super) fn address(key: &Key, address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(address) => IpAddr::V4(four(key, address)),
        IpAddr::V6(address) => IpAddr::V6(six(key, address)),
    }
}

/// The pseudonym of a subnet: that of its address, with the bits beyond the prefix cleared as they were.
pub(super) fn subnet(key: &Key, network: IpAddr, prefix: u8) -> IpAddr {
    let mapped = address(key, network);
    let cleared = match (network, mapped) {
        (IpAddr::V4(_), IpAddr::V4(mapped)) if prefix < 32 => {
            let mask = u32::MAX.checked_shr(prefix.into()).unwrap_or(0);
            (network_bits(network) & u128::from(mask) == 0).then(|| Ipv4Addr::from(u32::from(mapped) & !mask).into())
        }
        (IpAddr::V6(_), IpAddr::V6(mapped)) if prefix < 128 => {
            let mask = u128::MAX.checked_shr(prefix.into()).unwrap_or(0);
            (network_bits(network) & mask == 0).then(|| Ipv6Addr::from(u128::from(mapped) & !mask).into())
        }
        _ => None,
    };
    cleared.unwrap_or(mapped)
}

fn network_bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => u32::from(address).into(),
        IpAddr::V6(address) => address.into(),
    }
}

fn four(key: &Key, address: Ipv4Addr) -> Ipv4Addr {
    let true_octets = address.octets();
    let mixed: Vec<u8> = (0..4).map(|at| mix(key, "ipv4", &true_octets, at)).collect();
    // The highest bits of an octet, kept: the tree below them is mixed all the same.
    let kept = |at: usize, bits: u32| {
        let low = 0xff >> bits;
        (true_octets[at] & !low) | (mixed[at] & low)
    };
    let [first, second, ..] = true_octets;
    let mapped = match (first, second) {
        (0 | 127 | 224.., _) | (169, 254) => true_octets,
        (10, _) => [250, mixed[1], mixed[2], mixed[3]],
        (172, 16..=31) => [251, kept(1, 4), mixed[2], mixed[3]],
        (192, 168) => [252, 168, mixed[2], mixed[3]],
        (100, 64..=127) => [253, kept(1, 2), mixed[2], mixed[3]],
        // Netmasks and the halves of the world that tunnels take.
        (128 | 192, 0) if true_octets[2..] == [0, 0] => true_octets,
        _ => [0b1111_0000 | (mixed[0] & 0b111), mixed[1], mixed[2], mixed[3]],
    };
    mapped.into()
}

fn six(key: &Key, address: Ipv6Addr) -> Ipv6Addr {
    let bytes = address.octets();
    let embedded = |prefix: [u8; 12]| {
        let [a, b, c, d] = four(key, Ipv4Addr::new(bytes[12], bytes[13], bytes[14], bytes[15])).octets();
        let mut mapped = [0; 16];
        mapped[..12].copy_from_slice(&prefix);
        mapped[12..].copy_from_slice(&[a, b, c, d]);
        Ipv6Addr::from(mapped)
    };
    let mixed = |from: usize, start: &[u8]| {
        let mut mapped = [0; 16];
        mapped[..start.len()].copy_from_slice(start);
        for (at, octet) in mapped.iter_mut().enumerate().skip(from) {
            *octet = mix(key, "ipv6", &bytes, at);
        }
        Ipv6Addr::from(mapped)
    };
    match bytes {
        _ if address.is_loopback() || address.is_unspecified() => address,
        // A solicited-node group holds the end of the address that it is for (RFC 4291 section 2.7.1).
        [0xff, 2, 0, .., 1, 0xff, _, _, _] if bytes[3..11].iter().all(|octet| *octet == 0) => {
            Ipv6Addr::new(0xff02, 0, 0, 0, 0, 1, 0xff00, 0)
        }
        [0xff | 0xfc, ..] => address,
        [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, ..] => embedded([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff]),
        [0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0, ..] => embedded([0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0]),
        [0xfe, 0x80..=0xbf, _, _, _, _, 0xff, 0xff, ..] => address,
        [0xfe, 0x80..=0xbf, ..] => mixed(8, &[0xfe, 0x80, 0, 0, 0, 0, 0xff, 0xff]),
        [0xfd, ..] => mixed(1, &[0xfc]),
        [0x3f, 0xff, 0..=0x0f, ..] => address,
        _ => {
            let site = key.hash("ipv6 /32", &bytes[..4]);
            mixed(4, &[0x3f, 0xff, site[0] & 0x0f, site[1]])
        }
    }
}

/// One octet, permuted by a tree of coin flips that depends on all octets before it: addresses with a common prefix get
/// pseudonyms with a common prefix of the same length.
fn mix(key: &Key, family: &str, octets: &[u8], at: usize) -> u8 {
    let tree = key.hash(family, &octets[..at]);
    let octet = octets[at];
    (0..8).fold(0, |mixed, bit| {
        let above = if bit == 0 { 0 } else { octet >> (8 - bit) };
        let node = (1_usize << bit) | usize::from(above);
        let flip = (tree[node / 8] >> (node % 8)) & 1;
        (mixed << 1) | (((octet >> (7 - bit)) & 1) ^ flip)
    })
}

/// The pseudonym of a hardware address; itself where it is a group's or nobody's.
pub(super) fn hardware(key: &Key, address: [u8; 6]) -> [u8; 6] {
    let hash = key.hash("hardware", &address);
    match address {
        [0, 0, 0, 0, 0, 0] | [0xf2, 0, 0 | 1, ..] => address,
        // The group of a solicited node holds the end of its address.
        [0x33, 0x33, 0xff, ..] => [0x33, 0x33, 0xff, 0, 0, 0],
        [first, ..] if first & 1 == 1 => address,
        [first, ..] => [0xf2, 0, u8::from(first & 2 == 2), hash[0], hash[1], hash[2]],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn key() -> Key {
        Key::from_bytes(&[3; 32]).unwrap()
    }

    fn mapped(text: &str) -> String {
        address(&key(), text.parse().unwrap()).to_string()
    }

    #[test]
    fn ranges_stay_visible() {
        for (range, expected) in [
            ("10.1.2.3", "250."),
            ("192.168.1.10", "252.168."),
            ("172.20.0.1", "251."),
            ("100.100.0.1", "253."),
            ("2001:db8:1::10", "3fff:"),
            ("fd12:3456:789a::1", "fc"),
            ("fe80::1", "fe80::ffff:"),
            ("::ffff:10.1.2.3", "::ffff:250."),
        ] {
            assert!(mapped(range).starts_with(expected), "{range} became {}", mapped(range));
        }
        for same in ["127.0.0.53", "0.0.0.0", "255.255.255.0", "224.0.0.251", "169.254.3.4", "::1", "::", "ff02::1"] {
            assert_eq!(mapped(same), same);
        }
        assert!((240..248).contains(&match address(&key(), "198.51.100.7".parse().unwrap()) {
            IpAddr::V4(address) => address.octets()[0],
            IpAddr::V6(_) => 0,
        }));
        let net = subnet(&key(), "10.1.2.0".parse().unwrap(), 24).to_string();
        assert!(net.ends_with(".0") && mapped("10.1.2.77").starts_with(net.trim_end_matches('0')), "{net}");
    }

    fn shared(left: u128, right: u128, bits: u32) -> u32 {
        (left ^ right).leading_zeros().saturating_sub(128 - bits).min(bits)
    }

    proptest! {
        #[test]
        fn subnets_are_kept_and_a_second_time_changes_nothing(left: u32, other: u32, prefix in 8_u32..32) {
            let right = (left & !(u32::MAX >> prefix)) | (other & (u32::MAX >> prefix));
            let (one, two) = (four(&key(), left.into()), four(&key(), right.into()));
            prop_assert_eq!(four(&key(), one), one);
            let common = shared(left.into(), right.into(), 32);
            prop_assume!(one != Ipv4Addr::from(left) && two != Ipv4Addr::from(right));
            // A private range lies amid public addresses (`192.168.0.0/16`), and is not kept near them.
            let range = |mapped: Ipv4Addr| mapped.octets()[0].max(247);
            let same_range = range(one) == range(two) && (one.octets()[0] == two.octets()[0] || common >= 8);
            prop_assert!(!same_range || shared(u32::from(one).into(), u32::from(two).into(), 32) >= common);
            prop_assert_eq!(left == right, one == two);
        }

        #[test]
        fn subnets_of_ipv6_are_kept(left: u128, other: u128, prefix in 32_u32..128) {
            let right = (left & !(u128::MAX >> prefix)) | (other & (u128::MAX >> prefix));
            let (one, two) = (six(&key(), left.into()), six(&key(), right.into()));
            prop_assert_eq!(six(&key(), one), one);
            prop_assert!(shared(one.into(), two.into(), 128) >= shared(left, right, 128).min(64));
        }

        #[test]
        fn hardware_addresses_are_hidden_once(octets: [u8; 6]) {
            let once = hardware(&key(), octets);
            prop_assert_eq!(hardware(&key(), once), once);
        }
    }
}
