//! Leases as DHCP clients write them into their files.

use super::dhcp::{self, ACK, prefix_length};
use crate::sys::DhcpTerms;
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use std::net::Ipv4Addr;

/// Addresses of one kind that are kept; a network with more gateways or resolvers is not known.
const MOST_ADDRESSES: usize = 8;
/// Interfaces whose leases are kept of one file.
const MOST_LEASES: usize = 64;
/// Longest name of an interface (`IFNAMSIZ`, 16 with its end), with room for other systems.
const LONGEST_NAME: usize = 64;

/// A lease of a file: its interface where the file names it, and when it ends where the file says so.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Written {
    pub interface: Option<String>,
    pub terms: DhcpTerms,
    pub ends: Option<Timestamp>,
}

/// A lease of systemd-networkd or of NetworkManager's own client: lines `NAME=value`.
pub fn networkd(text: &str) -> Option<Written> {
    let value = |name: &str| {
        let of_line = |line: &'_ str| {
            line.split_once('=').filter(|(key, _)| *key == name).map(|(_, value)| value.trim().to_owned())
        };
        text.lines().find_map(of_line)
    };
    let first = |name: &str| value(name).and_then(|value| value.parse::<Ipv4Addr>().ok());
    let terms = DhcpTerms {
        address: first("ADDRESS"),
        prefix_length: first("NETMASK").and_then(prefix_length),
        server: first("SERVER_ADDRESS"),
        routers: value("ROUTER").map(|list| addresses(&list)).unwrap_or_default(),
        resolvers: value("DNS").map(|list| addresses(&list)).unwrap_or_default(),
        seconds: value("LIFETIME").and_then(|value| value.parse().ok()),
    };
    terms.address?;
    Some(Written { terms, ..Written::default() })
}

/// The leases of ISC dhclient, one for each interface: it appends, so that the last one holds.
pub fn dhclient(text: &str) -> Vec<Written> {
    let mut leases: Vec<Written> = Vec::new();
    let mut lease: Option<Written> = None;
    for line in text.lines().map(str::trim) {
        if leases.len() > MOST_LEASES {
            break;
        }
        if line.starts_with("lease ") && line.ends_with('{') {
            lease = Some(Written::default());
        } else if line == "}" {
            if let Some(done) = lease.take() {
                leases.retain(|other| other.interface != done.interface);
                leases.push(done);
            }
        } else if let Some(open) = &mut lease {
            statement(open, line.trim_end_matches(';'));
        }
    }
    leases
}

fn statement(lease: &mut Written, line: &str) {
    let (word, rest) = line.strip_prefix("option ").unwrap_or(line).split_once(' ').unwrap_or((line, ""));
    let terms = &mut lease.terms;
    match word {
        "interface" => lease.interface = Some(rest.trim_matches('"').chars().take(LONGEST_NAME).collect()),
        "fixed-address" => terms.address = rest.parse().ok(),
        "subnet-mask" => terms.prefix_length = rest.parse().ok().and_then(prefix_length),
        "routers" => terms.routers = addresses(rest),
        "domain-name-servers" => terms.resolvers = addresses(rest),
        "dhcp-server-identifier" => terms.server = rest.parse().ok(),
        "dhcp-lease-time" => terms.seconds = rest.parse().ok(),
        "expire" => lease.ends = time(rest),
        _ => {}
    }
}

/// `4 2026/11/22 06:00:00` in UTC, or `epoch 1795327200`; `never` has no end (dhclient.leases(5)).
fn time(text: &str) -> Option<Timestamp> {
    let (first, rest) = text.split_once(' ')?;
    if first == "epoch" {
        return Timestamp::from_second(rest.split([';', ' ']).next()?.parse().ok()?).ok();
    }
    DateTime::strptime("%Y/%m/%d %H:%M:%S", rest).ok()?.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp())
}

/// A lease of dhcpcd: the server's last message as it came.
pub fn dhcpcd(bytes: &[u8]) -> Option<Written> {
    let message = dhcp::read(bytes).filter(|message| message.kind == ACK)?;
    Some(Written { terms: message.terms, ..Written::default() })
}

/// Addresses with commas or spaces between.
pub fn addresses(list: &str) -> Vec<Ipv4Addr> {
    list.split([',', ' ']).filter_map(|part| part.trim().parse().ok()).take(MOST_ADDRESSES).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lease_of_systemd_networkd_is_read() {
        let text = include_str!("../../../tests/fixtures/linux/networkd-lease.txt");
        let terms = networkd(text).expect("a lease").terms;
        assert_eq!((terms.address, terms.prefix_length), (Some([192, 0, 2, 50].into()), Some(24)));
        assert_eq!((terms.server, terms.seconds), (Some([192, 0, 2, 1].into()), Some(43_200)));
        assert_eq!(terms.routers, [Ipv4Addr::new(192, 0, 2, 1)]);
        assert_eq!(terms.resolvers.len(), 2);
        assert_eq!(networkd("garbage\n=\nADDRESS=nothing\n"), None);
    }

    #[test]
    fn the_last_lease_of_dhclient_holds() {
        let leases = dhclient(include_str!("../../../tests/fixtures/linux/dhclient.leases"));
        assert_eq!(leases.len(), 2, "one for each interface");
        let of = |name: &str| leases.iter().find(|lease| lease.interface.as_deref() == Some(name)).expect("a lease");
        let (cable, radio) = (of("eth0"), of("wlan0"));
        assert_eq!(cable.terms.address, Some([192, 0, 2, 51].into()));
        assert_eq!(cable.ends.map(|ends| ends.to_string()).as_deref(), Some("2026-11-20T18:30:00Z"));
        assert_eq!(radio.ends.map(Timestamp::as_second), Some(1_795_327_200));
        assert_eq!(dhclient("lease {\n  expire never;\n}\n")[0].ends, None);
        assert_eq!(dhclient("lease {\n  fixed-address 1.2.3.4;\n"), [], "cut short");
    }

    #[test]
    fn a_lease_of_dhcpcd_is_the_servers_message() {
        let mut bytes = vec![0; 236];
        bytes[..3].copy_from_slice(&[2, 1, 6]);
        bytes[16..20].copy_from_slice(&[192, 0, 2, 52]);
        bytes.extend([99, 130, 83, 99, 53, 1, ACK, 54, 4, 192, 0, 2, 1, 255]);
        let terms = dhcpcd(&bytes).expect("a lease").terms;
        assert_eq!((terms.address, terms.server), (Some([192, 0, 2, 52].into()), Some([192, 0, 2, 1].into())));
        assert_eq!(dhcpcd(b"lease {"), None);
    }
}
