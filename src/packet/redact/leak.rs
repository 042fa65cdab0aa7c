//! The second net: looks through finished bytes for secrets that are known, also where they are encoded or compressed.
//! What the first net let through is withheld and named.

use super::find::{Finder, What};
use super::sought::{SHORTEST_SECRET, Sought};
use data_encoding::{BASE64_NOPAD, BASE64URL_NOPAD, HEXLOWER_PERMISSIVE};
use std::io::Read;
use std::ops::Range;

/// Wrappings within each other that are opened: a compressed text in base 64 is two.
const DEEPEST: usize = 4;
/// A run of letters that may be an encoding; shorter ones are words, and known secrets are looked for in them anyway.
const SHORTEST_RUN: usize = 32;
/// Bytes that are unpacked in all for one file, so that a bomb in the evidence costs nothing.
const MOST_UNPACKED: usize = 64 << 20;

/// The secrets of one packet, and what secrets look like.
pub(super) struct Net {
    sought: Sought,
    rules: &'static Finder,
}

impl Net {
    /// A net for these secrets.
    pub(super) fn new(sought: Sought) -> Net {
        Net { sought, rules: Finder::of_secrets() }
    }

    /// The class of a known secret that stands in these bytes, or of any that is wrapped in them.
    pub(super) fn leaks(&self, bytes: &[u8]) -> Option<&'static str> {
        let mut left = MOST_UNPACKED;
        self.plain(bytes).or_else(|| self.wrapped(bytes, DEEPEST, &mut left))
    }

    /// In these bytes as they are.
    fn plain(&self, bytes: &[u8]) -> Option<&'static str> {
        self.sought.find(bytes, 0).map(|found| found.class)
    }

    /// In what these bytes wrap.
    fn wrapped(&self, bytes: &[u8], depth: usize, left: &mut usize) -> Option<&'static str> {
        if depth == 0 {
            return None;
        }
        unpacked(bytes, left)
            .into_iter()
            .chain(decoded(bytes))
            .find_map(|inner| self.inner(&inner).or_else(|| self.wrapped(&inner, depth - 1, left)))
    }

    /// In something that was unwrapped: nobody hid anything in there, so the rules are asked, too.
    fn inner(&self, bytes: &[u8]) -> Option<&'static str> {
        self.plain(bytes).or_else(|| {
            let text = std::str::from_utf8(bytes).ok()?;
            let hits = self.rules.hits(text, true);
            hits.into_iter().find_map(|hit| match hit.what {
                What::Secret(class) if hit.at.len() >= SHORTEST_SECRET => Some(class),
                _ => None,
            })
        })
    }
}

/// What begins like gzip, zlib or a file of a zip archive, and unpacks.
fn unpacked(bytes: &[u8], left: &mut usize) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    for start in memchr::memchr3_iter(0x1f, 0x78, b'P', bytes) {
        let rest = &bytes[start..];
        let read = |from: &mut dyn Read, left: &mut usize| {
            let mut text = Vec::new();
            // What is cut off in the middle still gave what came before.
            let _ = from.take(*left as u64).read_to_end(&mut text);
            *left -= text.len();
            (!text.is_empty()).then_some(text)
        };
        let text = match rest {
            [0x1f, 0x8b, ..] => read(&mut flate2::read::MultiGzDecoder::new(rest), left),
            // A local header (APPNOTE.TXT 4.3.7): method 8 is deflate, the data follow name and extra field.
            [b'P', b'K', 3, 4, _, _, _, _, 8, 0, ..] if rest.len() > 30 => {
                let long = |at: usize| usize::from(u16::from_le_bytes([rest[at], rest[at + 1]]));
                let data = rest.get(30 + long(26) + long(28)..).unwrap_or_default();
                read(&mut flate2::read::DeflateDecoder::new(data), left)
            }
            [0x78, 0x01 | 0x5e | 0x9c | 0xda, ..] => read(&mut flate2::read::ZlibDecoder::new(rest), left),
            _ => None,
        };
        found.extend(text);
    }
    found
}

/// Which bytes base 64 of either kind, or hexadecimal, may hold.
static LETTERS: [bool; 256] = {
    let mut letters = [false; 256];
    let mut byte = 0;
    while byte < letters.len() {
        letters[byte] = (byte as u8).is_ascii_alphanumeric() || matches!(byte as u8, b'+' | b'/' | b'-' | b'_');
        byte += 1;
    }
    letters
};

fn is_letter(byte: u8) -> bool {
    LETTERS[usize::from(byte)]
}

/// Where the run of letters ends that begins here.
fn run_end(bytes: &[u8], start: usize) -> usize {
    bytes[start..].iter().position(|byte| !is_letter(*byte)).map_or(bytes.len(), |length| start + length)
}

/// The next long run of letters. Words are short, so most of a text is passed over by a look at its every so manieth byte.
fn long_run(bytes: &[u8], from: usize) -> Option<Range<usize>> {
    let mut start = from;
    loop {
        let window = bytes.get(start..start + SHORTEST_RUN)?;
        match window.iter().rposition(|byte| !is_letter(*byte)) {
            Some(last) => start += last + 1,
            None => return Some(start..run_end(bytes, start + SHORTEST_RUN)),
        }
    }
}

/// What long runs of letters decode to. Line breaks within base 64 are passed over, as mail and PEM have them.
fn decoded(bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(letters) = long_run(bytes, at) {
        at = letters.end;
        let mut run = bytes[letters].to_vec();
        loop {
            let breaks = bytes[at..].iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
            let end = run_end(bytes, at + breaks);
            if breaks == 0 || end == at + breaks {
                break;
            }
            run.extend_from_slice(&bytes[at + breaks..end]);
            at = end;
        }
        if run.iter().all(u8::is_ascii_hexdigit) {
            found.extend(HEXLOWER_PERMISSIVE.decode(&run[..run.len() / 2 * 2]));
        }
        // A rest of one letter holds no byte; a rest of bits that are not nought is somebody else's.
        let whole = run.len() / 4 * 4;
        let of_url = run.iter().any(|byte| b"-_".contains(byte));
        let encoding = if of_url { &BASE64URL_NOPAD } else { &BASE64_NOPAD };
        found.extend(encoding.decode(&run[..whole]));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::{Compression, write::GzEncoder, write::ZlibEncoder};
    use std::collections::BTreeMap;
    use std::io::Write;

    fn net() -> Net {
        Net::new(Sought::new(&BTreeMap::from([("hunter2-Correct".to_owned(), "password")])))
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
        packed.write_all(bytes).unwrap();
        packed.finish().unwrap()
    }

    #[test]
    fn a_secret_is_found_in_every_wrapping() {
        let text = b"some log line with hunter2-Correct in the midst of it";
        let mut zlib = ZlibEncoder::new(Vec::new(), Compression::best());
        zlib.write_all(text).unwrap();
        let wide: Vec<u8> = String::from_utf8_lossy(text).encode_utf16().flat_map(u16::to_le_bytes).collect();
        let base = |bytes: &[u8]| BASE64_NOPAD.encode(bytes).into_bytes();
        let lines: Vec<u8> = base(text).chunks(40).flat_map(|line| [line, b"\n"].concat()).collect();
        let wrappings: [(&str, Vec<u8>); 11] = [
            ("plain", text.to_vec()),
            ("base 64", base(text)),
            ("base 64 in lines", lines),
            ("base 64 twice", base(&base(text))),
            ("hexadecimal", HEXLOWER_PERMISSIVE.encode(text).into_bytes()),
            ("UTF-16", wide),
            ("gzip", gzip(text)),
            ("gzip behind other bytes", [b"noise\x00\x1f", gzip(text).as_slice(), b"tail"].concat()),
            ("zlib", zlib.finish().unwrap()),
            ("gzip in base 64", [b"data: ", base(&gzip(text)).as_slice(), b" end"].concat()),
            ("gzip in gzip", gzip(&gzip(text))),
        ];
        for (name, bytes) in wrappings {
            assert_eq!(net().leaks(&bytes), Some("password"), "{name}");
        }
        assert_eq!(net().leaks(b"nothing of the kind, though it is long enough to be looked at twice"), None);
    }

    #[test]
    fn what_was_never_seen_is_found_by_its_shape_inside_a_wrapping() {
        let text = gzip(b"GET / HTTP/1.1\r\nAuthorization: Bearer abcDEF123456\r\n");
        assert_eq!(net().leaks(&text), Some("authorization"));
    }

    #[test]
    fn a_bomb_ends() {
        let bomb = gzip(&gzip(&vec![0; MOST_UNPACKED * 2]));
        assert_eq!(net().leaks(&bomb), None);
    }

    #[test]
    fn an_archive_is_opened() {
        let mut archive = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
        archive.start_file("x.txt", zip::write::SimpleFileOptions::default()).unwrap();
        archive.write_all(b"a hunter2-Correct b hunter2-Correct c").unwrap();
        let bytes = archive.finish().unwrap().into_inner();
        assert_eq!(net().leaks(&bytes), Some("password"));
    }
}
