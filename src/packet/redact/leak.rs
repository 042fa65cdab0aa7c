//! The second net: looks through finished bytes for secrets that are known, also where they are encoded or compressed.
//! What the first net let through is withheld and named.

use super::Level;
use super::encoding::forms;
use super::find::{Finder, What};
use aho_corasick::{AhoCorasick, AhoCorasickKind};
use data_encoding::{BASE64_NOPAD, BASE64URL_NOPAD, HEXLOWER_PERMISSIVE};
use std::collections::BTreeMap;
use std::io::Read;

/// A secret shorter than this stands in texts by chance.
pub(super) const SHORTEST_SECRET: usize = 6;
/// Wrappings within each other that are opened: a compressed text in base 64 is two.
const DEEPEST: usize = 4;
/// A run of letters that may be an encoding; shorter ones are words, and known secrets are looked for in them anyway.
const SHORTEST_RUN: usize = 32;
/// Bytes that are unpacked in all for one file, so that a bomb in the evidence costs nothing.
const MOST_UNPACKED: usize = 64 << 20;

/// The secrets of one packet.
pub(super) struct Net {
    known: Option<AhoCorasick>,
    classes: Vec<&'static str>,
    rules: Finder,
    open: bool,
}

impl Net {
    /// A net for these secrets, each with its class.
    pub(super) fn new(secrets: &BTreeMap<String, &'static str>) -> Net {
        let mut words = Vec::new();
        let mut classes = Vec::new();
        for (secret, class) in secrets.iter().filter(|(secret, _)| secret.len() >= SHORTEST_SECRET) {
            let all = std::iter::once(secret.as_bytes().to_vec()).chain(forms(secret));
            for form in all {
                words.push(form);
                classes.push(*class);
            }
        }
        let automaton = AhoCorasick::builder().kind(Some(AhoCorasickKind::ContiguousNFA)).build(words);
        // An automaton that cannot be built (gigabytes of secrets) must not mean that nothing is looked for: then
        // `leaks` says so for every file.
        let open = automaton.is_err();
        let known = automaton.ok().filter(|_| !classes.is_empty());
        Net { known, classes, rules: Finder::new(Level::Secrets, Vec::new()), open }
    }

    /// A net that lets everything through: nothing was asked to be hidden.
    pub(super) fn off() -> Net {
        Net::new(&BTreeMap::new())
    }

    /// The class of a known secret that stands in these bytes.
    pub(super) fn leaks(&self, bytes: &[u8]) -> Option<&'static str> {
        if self.open {
            return Some("secret");
        }
        let mut left = MOST_UNPACKED;
        self.plain(bytes).or_else(|| self.wrapped(bytes, DEEPEST, &mut left))
    }

    /// In these bytes as they are.
    fn plain(&self, bytes: &[u8]) -> Option<&'static str> {
        let found = self.known.as_ref()?.find(bytes)?;
        Some(self.classes[found.pattern().as_usize()])
    }

    /// In what these bytes wrap.
    fn wrapped(&self, bytes: &[u8], depth: usize, left: &mut usize) -> Option<&'static str> {
        if depth == 0 || self.known.is_none() {
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

/// What begins like gzip or zlib and unpacks.
fn unpacked(bytes: &[u8], left: &mut usize) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(next) = bytes[at..]
        .windows(2)
        .position(|pair| matches!(pair, [0x1f, 0x8b] | [0x78, 0x01 | 0x5e | 0x9c | 0xda] | [b'P', b'K']))
    {
        let start = at + next;
        at = start + 1;
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
            [b'P', b'K', ..] => None,
            _ => read(&mut flate2::read::ZlibDecoder::new(rest), left),
        };
        found.extend(text);
    }
    found
}

/// Whether base 64 of either kind, or hexadecimal, may hold this byte.
const fn is_letter(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'-' | b'_')
}

/// Where the run of letters ends that begins here.
fn run_end(bytes: &[u8], start: usize) -> usize {
    bytes[start..].iter().position(|byte| !is_letter(*byte)).map_or(bytes.len(), |length| start + length)
}

/// What long runs of letters decode to. Line breaks within base 64 are passed over, as mail and PEM have them.
fn decoded(bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(next) = bytes[at..].iter().position(|byte| is_letter(*byte)) {
        let start = at + next;
        at = run_end(bytes, start);
        if at - start < SHORTEST_RUN {
            continue;
        }
        let mut run = bytes[start..at].to_vec();
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
    use std::io::Write;

    fn net() -> Net {
        Net::new(&BTreeMap::from([("hunter2-Correct".to_owned(), "password")]))
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
