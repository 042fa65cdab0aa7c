//! The first message of SMB and its answer. The messages have fixed places for everything that matters here, so that
//! reading is a matter of offsets; every one of them is looked for in bytes that a stranger sent.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The head of a frame: a zero and three bytes of length (MS-SMB2 section 2.1).
pub const FRAME: usize = 4;
/// What SMB 2 and 3 begin with, and SMB 1.
const NEW: &[u8] = b"\xfeSMB";
const OLD: &[u8] = b"\xffSMB";
/// A server's word that it does not know the called name (RFC 1002 section 4.3.1).
const NO_SESSION: u8 = 0x83;
/// Size of the header before the body.
const HEADER: usize = 64;
/// The versions that are offered.
const DIALECTS: [u16; 5] = [0x0202, 0x0210, 0x0300, 0x0302, 0x0311];
/// Contexts that 3.1.1 wants to hear of: the hash of the negotiation, and ciphers.
const INTEGRITY: u16 = 1;
const ENCRYPTION: u16 = 2;
/// Contexts that are walked through; four kinds exist.
const MOST_CONTEXTS: u16 = 16;
/// What the server can do: refer names to other servers, encrypt (before 3.1.1).
const CAN_REFER: u32 = 0x01;
const CAN_ENCRYPT: u32 = 0x40;
/// Kinds of sign-in by their object identifiers in DER, inside the token of RFC 4178.
const SIGN_INS: [(&[u8], &str); 3] = [
    (b"\x2a\x86\x48\x86\xf7\x12\x01\x02\x02", "kerberos"),
    (b"\x2a\x86\x48\x82\xf7\x12\x01\x02\x02", "kerberos"),
    (b"\x2b\x06\x01\x04\x01\x82\x37\x02\x02\x0a", "ntlm"),
];
/// Windows counts from 1601 in units of 100 ns (MS-DTYP section 2.3.3); so many seconds lie between that and 1970.
const SECONDS_FROM_1601_TO_1970: u64 = 11_644_473_600;
const UNITS_IN_A_SECOND: u64 = 10_000_000;

/// The old language's negotiation, which offers nothing but SMB 1 (MS-CIFS section 2.2.4.52).
pub const OLD_QUESTION: &[u8] =
    b"\x00\x00\x00\x2f\xffSMB\x72\0\0\0\0\x18\x53\xc8\0\0\0\0\0\0\0\0\0\0\0\0\xff\xff\xfe\xff\0\0\0\0\
    \0\x0c\x00\x02NT LM 0.12\0";

/// What came back.
#[derive(Debug)]
pub enum Answer {
    Negotiated(Negotiated),
    /// With this status.
    TurnedDown(u32),
    /// It wants a NetBIOS session first.
    NoSession,
    /// SMB 1.
    Old,
    /// Something else.
    Other,
}

/// What a server says about itself before any sign-in.
#[derive(Debug)]
pub struct Negotiated {
    dialect: u16,
    security: u16,
    capabilities: u32,
    has_cipher: bool,
    /// In units since 1601; zero where the server does not say.
    time: u64,
    pub sign_in: Vec<&'static str>,
}

impl Negotiated {
    /// As people write it.
    pub fn version(&self) -> String {
        match self.dialect {
            0x0202 => "2.0.2".to_owned(),
            0x0210 => "2.1".to_owned(),
            0x0300 => "3.0".to_owned(),
            0x0302 => "3.0.2".to_owned(),
            0x0311 => "3.1.1".to_owned(),
            other => format!("{other:#06x}"),
        }
    }

    /// Whether messages must be signed (MS-SMB2 section 2.2.4).
    pub fn signing(&self) -> &'static str {
        match self.security {
            mode if mode & 2 != 0 => "required",
            mode if mode & 1 != 0 => "possible",
            _ => "no",
        }
    }

    pub fn encrypts(&self) -> bool {
        self.has_cipher || (self.dialect >= 0x0300 && self.capabilities & CAN_ENCRYPT != 0)
    }

    pub fn refers(&self) -> bool {
        self.capabilities & CAN_REFER != 0
    }

    /// Seconds by which the server's clock is ahead of `now`; none where it does not say.
    pub fn seconds_ahead_of(&self, now: SystemTime) -> Option<i64> {
        let there = (self.time / UNITS_IN_A_SECOND).checked_sub(SECONDS_FROM_1601_TO_1970)?;
        let there = UNIX_EPOCH.checked_add(Duration::from_secs(there))?;
        let seconds = |distance: Duration| i64::try_from(distance.as_secs()).ok();
        match there.duration_since(now) {
            Ok(ahead) => seconds(ahead),
            Err(behind) => seconds(behind.duration()).map(|seconds| -seconds),
        }
    }
}

/// The negotiation that offers every version since 2.0.2 (MS-SMB2 section 2.2.3).
pub fn question() -> Vec<u8> {
    let mut body = Vec::new();
    body.extend(36_u16.to_le_bytes());
    body.extend((DIALECTS.len() as u16).to_le_bytes());
    // Signing is possible; no capability is claimed.
    body.extend(1_u16.to_le_bytes());
    body.extend([0; 6]);
    body.extend(rand::random::<[u8; 16]>());
    let dialects: Vec<u8> = DIALECTS.iter().flat_map(|dialect| dialect.to_le_bytes()).collect();
    // Offset of the contexts, their number, two reserved bytes: the place of eight bytes.
    let contexts_at = aligned(HEADER + body.len() + 8 + dialects.len());
    body.extend((contexts_at as u32).to_le_bytes());
    body.extend([2, 0, 0, 0]);
    body.extend(dialects);
    body.resize(contexts_at - HEADER, 0);
    // SHA-512 with a salt; AES-128-GCM, AES-128-CCM.
    let integrity = [&[1, 0, 32, 0, 1, 0][..], &rand::random::<[u8; 32]>()].concat();
    body.extend(context(INTEGRITY, &integrity));
    body.resize(aligned(body.len()), 0);
    body.extend(context(ENCRYPTION, &[2, 0, 2, 0, 1, 0]));
    framed(&[&header(0), &body[..]].concat())
}

fn aligned(length: usize) -> usize {
    length.next_multiple_of(8)
}

fn context(kind: u16, data: &[u8]) -> Vec<u8> {
    let mut context = kind.to_le_bytes().to_vec();
    context.extend((data.len() as u16).to_le_bytes());
    context.extend([0; 4]);
    context.extend(data);
    context
}

/// The header of a negotiation: all zero but for the size, the status and the credit that is asked for.
fn header(status: u32) -> Vec<u8> {
    let mut header = NEW.to_vec();
    header.extend(64_u16.to_le_bytes());
    header.extend([0; 2]);
    header.extend(status.to_le_bytes());
    header.extend([0, 0, 1, 0]);
    header.resize(HEADER, 0);
    header
}

fn framed(message: &[u8]) -> Vec<u8> {
    let mut frame = (message.len() as u32).to_be_bytes().to_vec();
    frame.extend(message);
    frame
}

/// How many bytes the frame announces in all; none where it is no frame of SMB.
pub fn announced(bytes: &[u8]) -> Option<usize> {
    match bytes {
        [0, high, middle, low, ..] => Some(FRAME + u32::from_be_bytes([0, *high, *middle, *low]) as usize),
        _ => None,
    }
}

/// Reads an answer.
pub fn read(bytes: &[u8]) -> Answer {
    let Some(message) = bytes.get(FRAME..).filter(|_| bytes[0] == 0) else {
        return if bytes.first() == Some(&NO_SESSION) { Answer::NoSession } else { Answer::Other };
    };
    if message.starts_with(OLD) {
        return Answer::Old;
    }
    let Some(status) = number::<4>(message, 8).filter(|_| message.starts_with(NEW)) else { return Answer::Other };
    if status != 0 {
        return Answer::TurnedDown(status as u32);
    }
    negotiated(message).map_or(Answer::Other, Answer::Negotiated)
}

fn negotiated(message: &[u8]) -> Option<Negotiated> {
    let place = |at: usize| usize::try_from(number::<2>(message, at)?).ok();
    let token = place(120).zip(place(122)).and_then(|(at, length)| message.get(at..at.checked_add(length)?));
    let dialect = number::<2>(message, 68)? as u16;
    Some(Negotiated {
        dialect,
        security: number::<2>(message, 66)? as u16,
        capabilities: number::<4>(message, 88)? as u32,
        has_cipher: dialect == 0x0311 && has_cipher(message),
        time: number::<8>(message, 104)?,
        sign_in: sign_ins(token.unwrap_or_default()),
    })
}

/// Whether the server's contexts name a cipher.
fn has_cipher(message: &[u8]) -> bool {
    let count = number::<2>(message, 70).unwrap_or_default() as u16;
    let mut at = number::<4>(message, 124).and_then(|at| usize::try_from(at).ok()).unwrap_or_default();
    for _ in 0..count.min(MOST_CONTEXTS) {
        let (Some(kind), Some(length)) = (number::<2>(message, at), number::<2>(message, at + 2)) else { return false };
        if kind as u16 == ENCRYPTION {
            // One cipher, and not the one that stands for none.
            return number::<2>(message, at + 10).is_some_and(|cipher| cipher != 0);
        }
        at = aligned(at + 8 + length as usize);
    }
    false
}

fn sign_ins(token: &[u8]) -> Vec<&'static str> {
    let mut found: Vec<&'static str> = Vec::new();
    for (identifier, name) in SIGN_INS {
        if token.windows(identifier.len()).any(|window| window == identifier) && !found.contains(&name) {
            found.push(name);
        }
    }
    found
}

/// A number of `SIZE` bytes, the least significant one first.
fn number<const SIZE: usize>(bytes: &[u8], at: usize) -> Option<u64> {
    let bytes = bytes.get(at..at.checked_add(SIZE)?)?;
    Some(bytes.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte)))
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use proptest::prelude::*;

    /// An answer of this version and signing, by a clock that is so many seconds ahead.
    pub fn negotiated(dialect: u16, security: u8, ahead_s: u64) -> Vec<u8> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        let time = (now + ahead_s + SECONDS_FROM_1601_TO_1970) * UNITS_IN_A_SECOND;
        let token: Vec<u8> = SIGN_INS.iter().flat_map(|(identifier, _)| identifier.to_vec()).collect();
        let mut body = vec![65, 0, security, 0];
        body.extend(dialect.to_le_bytes());
        body.extend([0; 18]);
        body.extend(CAN_ENCRYPT.to_le_bytes());
        body.extend([0; 12]);
        body.extend(time.to_le_bytes());
        body.extend([0; 8]);
        body.extend(128_u16.to_le_bytes());
        body.extend((token.len() as u16).to_le_bytes());
        body.extend([0; 4]);
        body.extend(token);
        framed(&[&header(0), &body[..]].concat())
    }

    pub fn turned_down(status: u32) -> Vec<u8> {
        framed(&[&header(status), &[9, 0, 0, 0, 0, 0, 0, 0, 0][..]].concat())
    }

    pub fn old_answer() -> Vec<u8> {
        let mut answer = OLD_QUESTION.to_vec();
        answer[13] |= 0x80;
        answer
    }

    #[test]
    fn the_questions_are_as_long_as_they_say() {
        for question in [question(), OLD_QUESTION.to_vec()] {
            assert_eq!(announced(&question), Some(question.len()));
        }
        let question = question();
        let contexts = number::<4>(&question[FRAME..], HEADER + 28).unwrap() as usize;
        assert_eq!(number::<2>(&question[FRAME..], contexts), Some(u64::from(INTEGRITY)));
        assert_eq!(number::<2>(&question[FRAME..], aligned(contexts + 8 + 38)), Some(u64::from(ENCRYPTION)));
    }

    #[test]
    fn an_answer_is_read() {
        let Answer::Negotiated(read) = read(&negotiated(0x0302, 1, 0)) else { panic!("it is an answer") };
        assert_eq!((read.version().as_str(), read.signing(), read.encrypts()), ("3.0.2", "possible", true));
        assert_eq!(read.sign_in, ["kerberos", "ntlm"]);
        assert!(read.seconds_ahead_of(SystemTime::now()).unwrap().abs() <= 1);
        assert!(matches!(super::read(&turned_down(5)), Answer::TurnedDown(5)));
        assert!(matches!(super::read(&old_answer()), Answer::Old));
        assert!(matches!(super::read(b"\0\0\0\x04\xfeSMB"), Answer::Other));
        assert!(matches!(super::read(b""), Answer::Other));
    }

    proptest! {
        #[test]
        fn foreign_bytes_are_read_without_a_panic(change in prop::collection::vec((0_usize..200, any::<u8>()), 0..8), cut in 0_usize..200) {
            let mut bytes = negotiated(0x0311, 3, 0);
            for (at, byte) in change {
                if let Some(place) = bytes.get_mut(at) {
                    *place = byte;
                }
            }
            bytes.truncate(cut);
            if let Answer::Negotiated(read) = read(&bytes) {
                let _ = (read.version(), read.encrypts(), read.seconds_ahead_of(SystemTime::now()));
            }
        }
    }
}
