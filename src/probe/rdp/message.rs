//! The first message of RDP and its answer (MS-RDPBCGR sections 2.2.1.1 and 2.2.1.2): an X.224 connection request in a
//! TPKT frame, with what is offered behind it.

/// The head of a frame: version 3, a reserved byte, two bytes of length.
pub const FRAME: usize = 4;
const VERSION: u8 = 3;
/// X.224: connection request and confirm.
const REQUEST: u8 = 0xe0;
const CONFIRM: u8 = 0xd0;
/// What follows: a request, a response, a failure.
const OFFERS: u8 = 1;
const CHOOSES: u8 = 2;
const FAILS: u8 = 3;
/// The request's frame and X.224 header, and the part behind them.
const HEADER: usize = 7;
const NEGOTIATION: usize = 8;

/// Reasons of a failure that are told apart (section 2.2.1.2.2).
pub const TLS_NOT_ALLOWED: u32 = 2;
pub const NLA_REQUIRED: u32 = 5;

/// What can be agreed on, as bits (section 2.2.1.1.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Protection(u32);

impl Protection {
    /// RDP's own, without TLS.
    pub const OLD: Protection = Protection(0);
    pub const TLS: Protection = Protection(1);
    /// TLS, and NLA with and without an early word about the sign-in.
    pub const ALL: Protection = Protection(1 | NLA);

    pub fn has_nla(self) -> bool {
        self.0 & NLA != 0
    }
}

const NLA: u32 = 2 | 8;

/// What came back.
#[derive(Debug, PartialEq, Eq)]
pub enum Answer {
    Chosen(Protection),
    /// For this reason.
    TurnedDown(u32),
    Other,
}

/// The connection request.
pub fn question(offers: Protection) -> Vec<u8> {
    let length = (FRAME + HEADER + NEGOTIATION) as u8;
    let mut bytes = vec![VERSION, 0, 0, length];
    // How much follows, the request, no references, class 0.
    bytes.extend([length - FRAME as u8 - 1, REQUEST, 0, 0, 0, 0, 0]);
    bytes.extend([OFFERS, 0, NEGOTIATION as u8, 0]);
    bytes.extend(offers.0.to_le_bytes());
    bytes
}

/// How many bytes the frame announces; none where it is none.
pub fn announced(bytes: &[u8]) -> Option<usize> {
    match bytes {
        [VERSION, _, high, low, ..] => Some(usize::from(u16::from_be_bytes([*high, *low])).max(FRAME)),
        _ => None,
    }
}

/// Whether these few bytes may be the beginning of a frame.
pub fn may_begin(bytes: &[u8]) -> bool {
    bytes.first() == Some(&VERSION)
}

/// Reads an answer.
pub fn read(bytes: &[u8]) -> Answer {
    let Some(message) = announced(bytes).and_then(|length| bytes.get(FRAME..length)) else { return Answer::Other };
    match message {
        [_, CONFIRM, _, _, _, _, _, CHOOSES, _, _, _, rest @ ..] => {
            number(rest).map_or(Answer::Other, |chosen| Answer::Chosen(Protection(chosen)))
        }
        [_, CONFIRM, _, _, _, _, _, FAILS, _, _, _, rest @ ..] => {
            number(rest).map_or(Answer::Other, Answer::TurnedDown)
        }
        // A server that says nothing about protection knows only the old one.
        [_, CONFIRM, _, _, _, _, _] => Answer::Chosen(Protection::OLD),
        _ => Answer::Other,
    }
}

fn number(bytes: &[u8]) -> Option<u32> {
    bytes.first_chunk().map(|bytes| u32::from_le_bytes(*bytes))
}

/// A reason as a word.
pub fn word(reason: u32) -> String {
    match reason {
        1 => "tls_required".to_owned(),
        TLS_NOT_ALLOWED => "tls_not_allowed".to_owned(),
        3 => "no_certificate".to_owned(),
        4 => "inconsistent".to_owned(),
        NLA_REQUIRED => "nla_required".to_owned(),
        6 => "user_certificate_required".to_owned(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn messages_are_as_the_specification_shows_them() {
        // Section 4.1.1, without the cookie and with other protocols on offer.
        assert_eq!(question(Protection::ALL), b"\x03\0\0\x13\x0e\xe0\0\0\0\0\0\x01\0\x08\0\x0b\0\0\0");
        let answers: [(&[u8], Answer); 6] = [
            (b"\x03\0\0\x13\x0e\xd0\0\0\x12\x34\0\x02\0\x08\0\x02\0\0\0", Answer::Chosen(Protection(2))),
            (b"\x03\0\0\x13\x0e\xd0\0\0\x12\x34\0\x03\0\x08\0\x05\0\0\0", Answer::TurnedDown(NLA_REQUIRED)),
            (b"\x03\0\0\x0b\x06\xd0\0\0\x12\x34\0", Answer::Chosen(Protection::OLD)),
            (b"\x03\0\0\x13\x0e\xd0\0\0\x12\x34\0\x02\0\x08", Answer::Other),
            (b"SSH-2.0-x\r\n", Answer::Other),
            (b"", Answer::Other),
        ];
        for (bytes, answer) in answers {
            assert_eq!(read(bytes), answer, "{bytes:?}");
        }
    }

    proptest! {
        #[test]
        fn foreign_bytes_are_read_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            let _ = read(&bytes);
            let _ = read(&[&[3, 0, 0, bytes.len() as u8][..], &bytes[..]].concat());
        }
    }
}
