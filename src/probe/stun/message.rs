//! STUN binding messages (RFC 8489 sections 5, 14.1, 14.2, 14.8): a header of 20 bytes and a few attributes.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// Marks a message as STUN and is what addresses are masked with.
const COOKIE: u32 = 0x2112_a442;
const HEADER: usize = 20;

const REQUEST: u16 = 0x0001;
const SUCCESS: u16 = 0x0101;
const FAILURE: u16 = 0x0111;

const MAPPED_ADDRESS: u16 = 0x0001;
const ERROR_CODE: u16 = 0x0009;
const MASKED_ADDRESS: u16 = 0x0020;

/// The number of an exchange, chosen by who asks.
pub type Transaction = [u8; 12];

/// What a server answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// The address that our packets come from, as the server sees them.
    Mapped(SocketAddr),
    /// It speaks STUN and does not want to answer, with this code (section 14.8).
    Refused(u16),
    /// It speaks STUN and names no address.
    Nothing,
}

/// A binding request.
pub fn request(transaction: Transaction) -> Vec<u8> {
    [&REQUEST.to_be_bytes()[..], &[0, 0], &COOKIE.to_be_bytes(), &transaction].concat()
}

/// Reads an answer and the exchange that it belongs to; none where it is no answer in STUN, such as an echo of the
/// question.
pub fn read(bytes: &[u8]) -> Option<(Transaction, Answer)> {
    let half = |at: usize| Some(u16::from_be_bytes(bytes.get(at..at + 2)?.try_into().ok()?));
    let (kind, length) = (half(0)?, usize::from(half(2)?));
    if bytes.get(4..8)? != COOKIE.to_be_bytes() || bytes.len() < HEADER + length {
        return None;
    }
    let transaction: Transaction = bytes[8..HEADER].try_into().ok()?;
    let attributes = &bytes[HEADER..HEADER + length];
    let answer = match kind {
        SUCCESS => {
            let masked = attribute(attributes, MASKED_ADDRESS).and_then(|value| address(value, Some(transaction)));
            masked
                .or_else(|| address(attribute(attributes, MAPPED_ADDRESS)?, None))
                .map_or(Answer::Nothing, Answer::Mapped)
        }
        FAILURE => match attribute(attributes, ERROR_CODE) {
            Some([_, _, class, number, ..]) => Answer::Refused(u16::from(class & 7) * 100 + u16::from(number % 100)),
            _ => Answer::Refused(0),
        },
        _ => return None,
    };
    Some((transaction, answer))
}

/// The value of the first attribute of this kind; values are padded to whole words.
fn attribute(mut attributes: &[u8], wanted: u16) -> Option<&[u8]> {
    loop {
        let (head, rest) = attributes.split_first_chunk::<4>()?;
        let (kind, length) =
            (u16::from_be_bytes([head[0], head[1]]), usize::from(u16::from_be_bytes([head[2], head[3]])));
        if kind == wanted {
            return rest.get(..length);
        }
        attributes = rest.get(length.next_multiple_of(4)..)?;
    }
}

/// An address, masked with the cookie and, for IPv6, with the transaction (section 14.2).
fn address(value: &[u8], masked: Option<Transaction>) -> Option<SocketAddr> {
    let (family, port) = (*value.get(1)?, u16::from_be_bytes(value.get(2..4)?.try_into().ok()?));
    let mut mask = [0_u8; 16];
    if let Some(transaction) = masked {
        mask[..4].copy_from_slice(&COOKIE.to_be_bytes());
        mask[4..].copy_from_slice(&transaction);
    }
    let port = port ^ u16::from_be_bytes([mask[0], mask[1]]);
    let octet = |at: usize| Some(value.get(4 + at)? ^ mask[at]);
    let ip: IpAddr = match family {
        1 => Ipv4Addr::new(octet(0)?, octet(1)?, octet(2)?, octet(3)?).into(),
        2 => {
            let mut octets = [0; 16];
            for (at, place) in octets.iter_mut().enumerate() {
                *place = octet(at)?;
            }
            Ipv6Addr::from(octets).into()
        }
        _ => return None,
    };
    Some(SocketAddr::new(ip, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Transaction of the test vectors (RFC 5769 section 2).
    const VECTOR: Transaction = [0xb7, 0xe7, 0xa7, 0x01, 0xbc, 0x34, 0xd6, 0x86, 0xfa, 0x87, 0xdf, 0xae];

    fn success(attributes: &[u8]) -> Vec<u8> {
        let length = (attributes.len() as u16).to_be_bytes();
        [&[1, 1][..], &length, &[0x21, 0x12, 0xa4, 0x42], &VECTOR, attributes].concat()
    }

    #[test]
    fn the_standards_vectors_are_read() {
        // Sections 2.2 and 2.3: the software's name comes first, with its padding.
        let name = [0x80, 0x22, 0, 0x0b, b't', b'e', b's', b't', b' ', b'v', b'e', b'c', b't', b'o', b'r', b' '];
        let four = [0, 0x20, 0, 8, 0, 1, 0xa1, 0x47, 0xe1, 0x12, 0xa6, 0x43];
        let answer = read(&success(&[&name[..], &four].concat()));
        assert_eq!(answer, Some((VECTOR, Answer::Mapped("192.0.2.1:32853".parse().unwrap()))));
        let six = [
            0, 0x20, 0, 0x14, 0, 2, 0xa1, 0x47, 0x01, 0x13, 0xa9, 0xfa, 0xa5, 0xd3, 0xf1, 0x79, 0xbc, 0x25, 0xf4, 0xb5,
            0xbe, 0xd2, 0xb9, 0xd9,
        ];
        let mapped = "[2001:db8:1234:5678:11:2233:4455:6677]:32853".parse().unwrap();
        assert_eq!(read(&success(&six)), Some((VECTOR, Answer::Mapped(mapped))));
    }

    #[test]
    fn older_servers_errors_and_strangers_are_told_apart() {
        let plain = [0, 1, 0, 8, 0, 1, 0x0f, 0xa0, 192, 0, 2, 9];
        assert_eq!(read(&success(&plain)), Some((VECTOR, Answer::Mapped("192.0.2.9:4000".parse().unwrap()))));
        assert_eq!(read(&success(&[])), Some((VECTOR, Answer::Nothing)));
        let mut refused = success(&[0, 9, 0, 4, 0, 0, 4, 1]);
        refused[1] = 0x11;
        assert_eq!(read(&refused), Some((VECTOR, Answer::Refused(401))));
        assert_eq!(read(&request(VECTOR)), None, "an echo of the question");
        assert_eq!(read(b"HTTP/1.1 400 Bad Request\r\n\r\n"), None);
        assert_eq!(read(&success(&plain)[..30]), None, "cut short");
    }
}
