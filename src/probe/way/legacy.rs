//! A look at a server that our TLS library cannot talk to. The library speaks TLS 1.2 and 1.3 with sound ciphers
//! only, so a server that is merely old looks like one that refuses. One ClientHello made by hand, as programs of
//! 2010 sent it, and the first record of the answer tell the two apart. Nothing is ever encrypted with it.

use crate::world::Stream;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// The server answered the real handshake at once, so it will answer this one too.
const WAIT: Duration = Duration::from_secs(2);

/// A ServerHello fits easily; more is not read.
const ANSWER_LIMIT: usize = 512;

/// Every cipher suite that servers between SSL 3.0 and TLS 1.2 are likely to have, newest first.
const CIPHERS: [u16; 24] = [
    0xc02f, 0xc030, 0xc02b, 0xc02c, 0x009c, 0x009d, 0x009e, 0x009f, 0xc013, 0xc014, 0xc009, 0xc00a, 0x0033, 0x0039,
    0x002f, 0x0035, 0x003c, 0x003d, 0x0016, 0x000a, 0xc011, 0x0005, 0x0004, 0x00ff,
];

/// Cipher suites of TLS 1.2 that browsers still take and this program's TLS library does not: RSA key exchange, and CBC
/// with SHA-1 (the lists of Firefox and Chromium, 2025). A server with nothing else is behind the times, and its pages
/// open all the same.
const ONLY_BROWSERS_TAKE: [u16; 8] = [0x009c, 0x009d, 0x002f, 0x0035, 0xc009, 0xc00a, 0xc013, 0xc014];

/// Bytes of the random that a ServerHello has between its version and its session id (RFC 5246 section 7.4.1.3).
const RANDOM_BYTES: usize = 32;

/// Whether browsers agree to this suite although this program cannot.
pub fn only_browsers_take(version: u16, cipher: u16) -> bool {
    version == 0x0303 && ONLY_BROWSERS_TAKE.contains(&cipher)
}

/// What it answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// A ServerHello with this version (0x0300 for SSL 3.0, 0x0301 for TLS 1.0, and so on) and this cipher suite.
    Chosen { version: u16, cipher: u16 },
    /// An alert with this number.
    Alert(u8),
    /// Something else, or nothing.
    Nothing,
}

/// The name of a protocol version.
pub fn version_name(version: u16) -> String {
    match version {
        0x0002 => "SSL 2.0".to_owned(),
        0x0300 => "SSL 3.0".to_owned(),
        0x0301 => "TLS 1.0".to_owned(),
        0x0302 => "TLS 1.1".to_owned(),
        0x0303 => "TLS 1.2".to_owned(),
        0x0304 => "TLS 1.3".to_owned(),
        other => format!("version {other:#06x}"),
    }
}

/// Sends the old hello and reads how the answer begins.
pub async fn look(mut stream: Box<dyn Stream>, host: &str) -> Answer {
    let mut answer = Vec::new();
    let talk = async {
        stream.write_all(&client_hello(host)).await.ok()?;
        stream.flush().await.ok()?;
        let mut buffer = [0; 256];
        while answer.len() < ANSWER_LIMIT && read_answer(&answer).is_none() {
            match stream.read(&mut buffer).await.ok()? {
                0 => break,
                count => answer.extend_from_slice(&buffer[..count]),
            }
        }
        Some(())
    };
    // Whatever ended the talk, the bytes that came say it.
    drop(tokio::time::timeout(WAIT, talk).await);
    read_answer(&answer).unwrap_or(Answer::Nothing)
}

/// The first record: a handshake record with a ServerHello, or an alert. None while it is incomplete.
fn read_answer(bytes: &[u8]) -> Option<Answer> {
    match bytes {
        [0x16, 3, _, _, _, 2, _, _, _, major, minor, rest @ ..] => {
            let session = usize::from(*rest.get(RANDOM_BYTES)?);
            let cipher = rest.get(RANDOM_BYTES + 1 + session..)?.first_chunk()?;
            Some(Answer::Chosen { version: u16::from_be_bytes([*major, *minor]), cipher: u16::from_be_bytes(*cipher) })
        }
        [0x15, 3, _, _, _, _, description, ..] => Some(Answer::Alert(*description)),
        [0x15 | 0x16, 3, ..] | [0x15 | 0x16] | [] => None,
        _ => Some(Answer::Nothing),
    }
}

/// A ClientHello of TLS 1.2 without `supported_versions` in a record of TLS 1.0: a server picks the highest version
/// that it has (RFC 5246 appendix E.1).
fn client_hello(host: &str) -> Vec<u8> {
    let mut body = vec![3, 3];
    // The random is not secret, and no key is ever made from it.
    body.extend_from_slice(&rand::random::<[u8; 32]>());
    body.push(0);
    body.extend_from_slice(&(CIPHERS.len() as u16 * 2).to_be_bytes());
    body.extend(CIPHERS.iter().flat_map(|cipher| cipher.to_be_bytes()));
    body.extend_from_slice(&[1, 0]);
    let extensions = extensions(host);
    body.extend_from_slice(&(extensions.len() as u16).to_be_bytes());
    body.extend_from_slice(&extensions);

    let mut record = vec![0x16, 3, 1];
    record.extend_from_slice(&(body.len() as u16 + 4).to_be_bytes());
    record.extend_from_slice(&[1, 0]);
    record.extend_from_slice(&(body.len() as u16).to_be_bytes());
    record.extend_from_slice(&body);
    record
}

fn extensions(host: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    // Server name (RFC 6066 section 3), for names only.
    if host.parse::<std::net::IpAddr>().is_err() && host.len() < 256 {
        let length = host.len() as u16;
        bytes.extend_from_slice(&[0, 0]);
        bytes.extend_from_slice(&(length + 5).to_be_bytes());
        bytes.extend_from_slice(&(length + 3).to_be_bytes());
        bytes.push(0);
        bytes.extend_from_slice(&length.to_be_bytes());
        bytes.extend_from_slice(host.as_bytes());
    }
    // Groups P-256, P-384, P-521; uncompressed points; RSA and ECDSA with SHA-256, SHA-384 and SHA-1.
    bytes.extend_from_slice(&[0, 10, 0, 8, 0, 6, 0, 23, 0, 24, 0, 25]);
    bytes.extend_from_slice(&[0, 11, 0, 2, 1, 0]);
    bytes.extend_from_slice(&[0, 13, 0, 14, 0, 12, 4, 1, 4, 3, 5, 1, 5, 3, 2, 1, 2, 3]);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hello_is_well_formed() {
        let hello = client_hello("crm.test");
        let record = u16::from_be_bytes([hello[3], hello[4]]) as usize;
        assert_eq!(hello.len(), record + 5);
        let body = u16::from_be_bytes([hello[7], hello[8]]) as usize;
        assert_eq!(body + 4, record);
        assert!(hello.windows(8).any(|window| window == b"crm.test"));
        assert!(!client_hello("10.0.0.1").windows(8).any(|window| window == b"10.0.0.1"));
    }

    #[test]
    fn answers_are_told_apart() {
        let hello = |minor: u8, rest: &[u8]| {
            [&[0x16, 3, minor, 0, 50, 2, 0, 0, 46, 3, minor], &[9; RANDOM_BYTES][..], rest].concat()
        };
        let (old, resumed) = (hello(1, &[0, 0x00, 0x2f, 0]), hello(3, &[2, 7, 7, 0xc0, 0x13, 0]));
        let table: [(&[u8], Option<Answer>); 8] = [
            (&[0x16, 3, 1, 0, 50, 2, 0, 0, 46, 3, 1, 9], None),
            (&old, Some(Answer::Chosen { version: 0x0301, cipher: 0x002f })),
            (&resumed, Some(Answer::Chosen { version: 0x0303, cipher: 0xc013 })),
            (&[0x15, 3, 1, 0, 2, 2, 70], Some(Answer::Alert(70))),
            (&[0x16, 3, 1], None),
            (b"HTTP/1.1 400", Some(Answer::Nothing)),
            (b"", None),
            (&[0x16, 3, 3, 0, 50, 11, 0, 0, 46, 3, 1, 9], None),
        ];
        for (bytes, answer) in table {
            assert_eq!(read_answer(bytes), answer, "{bytes:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_answer_can_be_read(bytes: Vec<u8>) {
            read_answer(&bytes);
        }
    }
}
