//! The first message of Kerberos and the error that answers it (RFC 4120 sections 5.4.1 and 5.9.1).

use crate::probe::asn::{Item, Kind, items, number, wrap};

/// Tags of DER: a sequence, a general string, a time, bits.
const SEQUENCE: u8 = 0x30;
const GENERAL_STRING: u8 = 0x1b;
const GENERALIZED_TIME: u8 = 0x18;
const BIT_STRING: u8 = 0x03;
/// The protocol's own messages: the request and its answers.
const AS_REQUEST: u8 = 10;
const AS_REPLY: u32 = 11;
const ERROR: u32 = 30;
/// Kinds of names: a well-known one (RFC 6111), a service with its realm.
const WELL_KNOWN: u32 = 11;
const SERVICE: u32 = 2;
/// AES with 256 and 128 bits, in the newer and the older form, and what old domains still have.
const ENCRYPTIONS: [u32; 5] = [20, 19, 18, 17, 23];
/// Characters of a realm that are kept.
const LONGEST: usize = 255;
/// Letters of a time: `20261122070000Z`.
const TIME_LENGTH: usize = 15;

/// What came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// A ticket, which nobody who is anonymous should get; it shows that the realm is served.
    Ticket,
    Error(KdcError),
    Other,
}

/// An error, which is what a question without a proof is answered with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KdcError {
    /// Section 7.5.9.
    pub code: i64,
    /// The server's time, as text: `20261122070000Z`.
    pub time: Option<String>,
    /// The realm that it speaks for.
    pub realm: Option<String>,
}

/// A request for a ticket of the realm for nobody in particular (the anonymous principal of RFC 8062), without any
/// proof: it names no person, and no account can be locked by it.
pub fn question(realm: &str, nonce: u32) -> Vec<u8> {
    let place = |place: u8, content: Vec<u8>| wrap(0xa0 | place, &content);
    let text = |text: &str| wrap(GENERAL_STRING, text.as_bytes());
    let name = |kind: u32, parts: [&str; 2]| {
        let parts: Vec<u8> = parts.iter().flat_map(|part| text(part)).collect();
        wrap(SEQUENCE, &[place(0, number(kind)), place(1, wrap(SEQUENCE, &parts))].concat())
    };
    let kinds: Vec<u8> = ENCRYPTIONS.iter().flat_map(|kind| number(*kind)).collect();
    let body = [
        place(0, wrap(BIT_STRING, &[0; 5])),
        place(1, name(WELL_KNOWN, ["WELLKNOWN", "ANONYMOUS"])),
        place(2, text(realm)),
        place(3, name(SERVICE, ["krbtgt", realm])),
        // Until whenever the server likes (section 3.1.1 of the clarifications of the time's epoch).
        place(5, wrap(GENERALIZED_TIME, b"19700101000000Z")),
        place(7, number(nonce & 0x7fff_ffff)),
        place(8, wrap(SEQUENCE, &kinds)),
    ]
    .concat();
    let request =
        [place(1, number(5)), place(2, number(u32::from(AS_REQUEST))), place(4, wrap(SEQUENCE, &body))].concat();
    wrap(0x60 | AS_REQUEST, &wrap(SEQUENCE, &request))
}

/// The same with its length before it, as TCP wants it (section 7.2.2).
pub fn framed(message: &[u8]) -> Vec<u8> {
    [&(message.len() as u32).to_be_bytes()[..], message].concat()
}

/// How many bytes the frame announces in all; none where the length is no length of a message.
pub fn announced(bytes: &[u8], most: usize) -> Option<usize> {
    let length = u32::from_be_bytes(*bytes.first_chunk()?);
    usize::try_from(length).ok().map(|length| length + 4).filter(|length| *length <= most)
}

/// Reads a message without its frame.
pub fn read(bytes: &[u8]) -> Answer {
    match items(bytes).next() {
        Some(Item { kind: Kind::Application, tag: AS_REPLY, .. }) => Answer::Ticket,
        Some(message @ Item { kind: Kind::Application, tag: ERROR, .. }) => {
            error(message).map_or(Answer::Other, Answer::Error)
        }
        _ => Answer::Other,
    }
}

fn error(message: Item<'_>) -> Option<KdcError> {
    let body = message.within().next()?;
    let words = |place: u32, most: usize| {
        let text = crate::probe::way::printable(body.at(place)?.content, most);
        (!text.is_empty()).then_some(text)
    };
    Some(KdcError { code: body.at(6)?.number()?, time: words(4, TIME_LENGTH), realm: words(9, LONGEST) })
}

/// What an error code means for a question that proves nothing.
pub fn word(code: i64) -> &'static str {
    match code {
        6 => "client_unknown",
        7 => "server_unknown",
        12 => "policy",
        14 => "encryption_unsupported",
        18 => "client_revoked",
        24 => "preauth_failed",
        25 => "preauth_required",
        37 => "clock_skew",
        52 => "too_big_for_udp",
        60 => "generic",
        68 => "wrong_realm",
        _ => "other",
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use proptest::prelude::*;

    /// An error with this code, by a clock that says this.
    pub fn error_message(code: u32, time: &str) -> Vec<u8> {
        let place = |place: u8, content: Vec<u8>| wrap(0xa0 | place, &content);
        let body = [
            place(0, number(5)),
            place(1, number(ERROR)),
            place(4, wrap(GENERALIZED_TIME, time.as_bytes())),
            place(5, number(7)),
            place(6, number(code)),
            place(9, wrap(GENERAL_STRING, b"CORP.TEST")),
        ]
        .concat();
        wrap(0x60 | ERROR as u8, &wrap(SEQUENCE, &body))
    }

    #[test]
    fn the_question_names_the_realm_and_nobody() {
        let bytes = question("CORP.TEST", 7);
        let message = items(&bytes).next().unwrap();
        assert_eq!((message.kind, message.tag), (Kind::Application, u32::from(AS_REQUEST)));
        let body = message.within().next().unwrap().at(4).unwrap();
        assert_eq!(body.at(2).unwrap().content, b"CORP.TEST");
        assert_eq!(body.at(7).unwrap().number(), Some(7));
        assert_eq!(announced(&framed(&bytes), 4_096), Some(bytes.len() + 4));
        assert_eq!(announced(b"HTTP/1.1", 4_096), None);
    }

    #[test]
    fn an_error_is_read() {
        let expected =
            KdcError { code: 25, time: Some("20261122070000Z".to_owned()), realm: Some("CORP.TEST".to_owned()) };
        assert_eq!(read(&error_message(25, "20261122070000Z")), Answer::Error(expected));
        assert_eq!(read(b"\x6b\x02\x30\x00"), Answer::Ticket);
        assert_eq!(read(b"HTTP/1.1 400"), Answer::Other);
        assert_eq!(read(b""), Answer::Other);
    }

    proptest! {
        #[test]
        fn foreign_bytes_are_read_without_a_panic(change in prop::collection::vec((0_usize..90, any::<u8>()), 0..6), cut in 0_usize..100) {
            let mut bytes = error_message(25, "20261122070000Z");
            for (at, byte) in change {
                if let Some(place) = bytes.get_mut(at) {
                    *place = byte;
                }
            }
            bytes.truncate(cut);
            let _ = read(&bytes);
        }
    }
}
