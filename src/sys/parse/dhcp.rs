//! DHCP messages (RFC 2131, RFC 2132) and the IPv4 packets around them: a client without an address has no socket that
//! would write those for it.

use crate::sys::DhcpTerms;
use std::net::Ipv4Addr;

/// Fixed part of a message, up to the magic cookie (RFC 2131 section 2).
const FIXED: usize = 236;
/// What options begin with (RFC 2132 section 2).
const COOKIE: [u8; 4] = [99, 130, 83, 99];
/// Relays drop messages that are shorter than a BOOTP message (RFC 1542 section 2.1).
const SHORTEST: usize = 300;
/// Addresses of one option that are kept; a network with more gateways or resolvers is not known.
const MOST_ADDRESSES: usize = 8;

const SUBNET_MASK: u8 = 1;
const ROUTERS: u8 = 3;
const RESOLVERS: u8 = 6;
const LEASE_TIME: u8 = 51;
const MESSAGE_TYPE: u8 = 53;
const SERVER: u8 = 54;
const PARAMETERS: u8 = 55;
const PAD: u8 = 0;
const END: u8 = 255;

const DISCOVER: u8 = 1;
/// Message type of an offer.
pub const OFFER: u8 = 2;
/// Message type of the answer that makes a lease.
pub const ACK: u8 = 5;

/// Port of clients (RFC 2131 section 4.1).
pub const CLIENT_PORT: u16 = 68;
const SERVER_PORT: u16 = 67;

/// A server's message, as far as it is used here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Message type: `OFFER`, `ACK`, or another one.
    pub kind: u8,
    /// The transaction, chosen by the client.
    pub transaction: u32,
    pub terms: DhcpTerms,
}

/// A request for offers, answered by broadcast, because who asks has no address yet.
pub fn discover(transaction: u32, mac: [u8; 6]) -> Vec<u8> {
    let mut message = vec![0; FIXED];
    // A request, over Ethernet, with hardware addresses of six bytes.
    message[..3].copy_from_slice(&[1, 1, 6]);
    message[4..8].copy_from_slice(&transaction.to_be_bytes());
    message[10] = 0x80;
    message[28..34].copy_from_slice(&mac);
    message.extend(COOKIE);
    message.extend([MESSAGE_TYPE, 1, DISCOVER]);
    message.extend([PARAMETERS, 4, SUBNET_MASK, ROUTERS, RESOLVERS, LEASE_TIME]);
    message.push(END);
    message.resize(SHORTEST, PAD);
    message
}

/// Reads a server's message; none where it is something else.
pub fn read(bytes: &[u8]) -> Option<Message> {
    // A reply, over Ethernet.
    if bytes.get(..2)? != [2, 1] || bytes.get(FIXED..FIXED + 4)? != COOKIE {
        return None;
    }
    let mut message = Message {
        kind: 0,
        transaction: u32::from_be_bytes(bytes[4..8].try_into().ok()?),
        terms: DhcpTerms { address: known(address(&bytes[16..20])?), ..DhcpTerms::default() },
    };
    for (code, value) in Options(&bytes[FIXED + 4..]) {
        let terms = &mut message.terms;
        match code {
            MESSAGE_TYPE => message.kind = value.first().copied().unwrap_or(0),
            SUBNET_MASK => terms.prefix_length = address(value).and_then(prefix_length),
            ROUTERS => terms.routers = addresses(value),
            RESOLVERS => terms.resolvers = addresses(value),
            LEASE_TIME => terms.seconds = value.try_into().ok().map(u32::from_be_bytes),
            SERVER => terms.server = address(value).and_then(known),
            _ => {}
        }
    }
    Some(message)
}

/// Code and value of each option, up to the end or the first one that is cut short.
struct Options<'a>(&'a [u8]);

impl<'a> Iterator for Options<'a> {
    type Item = (u8, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        while let Some((&PAD, rest)) = self.0.split_first() {
            self.0 = rest;
        }
        let (&code, rest) = self.0.split_first()?;
        let (&length, rest) = rest.split_first().filter(|_| code != END)?;
        let (value, rest) = rest.split_at_checked(usize::from(length))?;
        self.0 = rest;
        Some((code, value))
    }
}

fn address(bytes: &[u8]) -> Option<Ipv4Addr> {
    let bytes: [u8; 4] = bytes.get(..4)?.try_into().ok()?;
    Some(bytes.into())
}

/// 0.0.0.0 stands for "none".
fn known(address: Ipv4Addr) -> Option<Ipv4Addr> {
    (!address.is_unspecified()).then_some(address)
}

fn addresses(value: &[u8]) -> Vec<Ipv4Addr> {
    value.chunks_exact(4).take(MOST_ADDRESSES).filter_map(address).filter_map(known).collect()
}

/// The length of a prefix with this mask; none where the mask has gaps.
pub fn prefix_length(mask: Ipv4Addr) -> Option<u8> {
    let bits = mask.to_bits();
    (bits.leading_ones() + bits.trailing_zeros() >= u32::BITS).then_some(bits.leading_ones() as u8)
}

/// The IPv4 packet that carries a client's message to everybody on the link.
pub fn packet(message: &[u8]) -> Vec<u8> {
    const HEADERS: usize = 28;
    let length = (HEADERS + message.len()) as u16;
    let mut packet = vec![0x45, 0, 0, 0, 0, 0, 0, 0, 64, 17];
    packet[2..4].copy_from_slice(&length.to_be_bytes());
    packet.extend([0, 0]);
    packet.extend(Ipv4Addr::UNSPECIFIED.octets());
    packet.extend(Ipv4Addr::BROADCAST.octets());
    let sum = checksum(&packet);
    packet[10..12].copy_from_slice(&sum.to_be_bytes());
    // UDP: both ports, the length, and no checksum, which IPv4 allows (RFC 768).
    for number in [CLIENT_PORT, SERVER_PORT, length - 20, 0] {
        packet.extend(number.to_be_bytes());
    }
    packet.extend(message);
    packet
}

/// The internet checksum (RFC 1071) of a header of whole words.
fn checksum(header: &[u8]) -> u16 {
    let words = header.chunks_exact(2).map(|word| u32::from(u16::from_be_bytes([word[0], word[1]])));
    let sum: u32 = words.sum();
    let folded = (sum & 0xffff) + (sum >> 16);
    !((folded & 0xffff) + (folded >> 16)) as u16
}

/// What an IPv4 packet carries to the port of DHCP clients; none for every other packet and for fragments.
pub fn carried(packet: &[u8]) -> Option<&[u8]> {
    let (version, header) = (packet.first()? >> 4, usize::from(packet[0] & 15) * 4);
    let whole = packet.get(6)? & 0x3f == 0 && *packet.get(7)? == 0;
    let to_client = packet.get(header + 2..header + 4)? == CLIENT_PORT.to_be_bytes();
    let udp = version == 4 && header >= 20 && packet.get(9) == Some(&17);
    packet.get(header + 8..).filter(|_| whole && to_client && udp)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An offer as a server writes it.
    fn offer(options: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0; FIXED];
        bytes[..3].copy_from_slice(&[2, 1, 6]);
        bytes[4..8].copy_from_slice(&7_u32.to_be_bytes());
        bytes[16..20].copy_from_slice(&[192, 0, 2, 50]);
        bytes.extend(COOKIE);
        bytes.extend(options);
        bytes
    }

    #[test]
    fn an_offer_is_read() {
        let options = [
            &[53, 1, 2, 54, 4, 192, 0, 2, 1, 51, 4, 0, 0, 14, 16][..],
            &[1, 4, 255, 255, 255, 0, 3, 4, 192, 0, 2, 1, 0, 0, 6, 8, 1, 1, 1, 1, 9, 9, 9, 9, 255],
        ];
        let message = read(&offer(&options.concat())).expect("a message");
        assert_eq!((message.kind, message.transaction), (OFFER, 7));
        let terms = message.terms;
        assert_eq!((terms.address, terms.prefix_length), (Some([192, 0, 2, 50].into()), Some(24)));
        assert_eq!((terms.server, terms.seconds), (Some([192, 0, 2, 1].into()), Some(3600)));
        assert_eq!(terms.routers, [Ipv4Addr::new(192, 0, 2, 1)]);
        assert_eq!(terms.resolvers, [Ipv4Addr::new(1, 1, 1, 1), Ipv4Addr::new(9, 9, 9, 9)]);
    }

    #[test]
    fn what_is_cut_short_or_something_else_is_not_believed() {
        assert_eq!(read(&[]), None);
        assert_eq!(read(&discover(1, [2; 6])), None, "a client's own message");
        let cut = read(&offer(&[53, 1, 2, 3, 4, 192, 0])).expect("the rest is read");
        assert_eq!((cut.kind, cut.terms.routers.len()), (OFFER, 0));
        assert_eq!(prefix_length([255, 0, 255, 0].into()), None);
        assert_eq!(prefix_length([0, 0, 0, 0].into()), Some(0));
        assert_eq!(prefix_length([255; 4].into()), Some(32));
    }

    #[test]
    fn a_question_is_wrapped_and_an_answer_unwrapped() {
        let message = discover(0x0102_0304, [2, 0, 0, 0, 0, 9]);
        assert_eq!((message.len(), &message[28..34]), (SHORTEST, &[2, 0, 0, 0, 0, 9][..]));
        let mut packet = packet(&message);
        assert_eq!(checksum(&packet[..20]), 0, "a right header sums up to nothing");
        assert_eq!(carried(&packet), None, "it goes to the servers' port");
        packet[22..24].copy_from_slice(&CLIENT_PORT.to_be_bytes());
        assert_eq!(carried(&packet), Some(&message[..]));
        packet[6] = 0x20;
        assert_eq!(carried(&packet), None, "a fragment");
        assert_eq!(carried(&packet[..21]), None);
    }
}
