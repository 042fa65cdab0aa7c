//! Finds addresses and host names in a text, for the level that hides where things are.

use super::find::{Hit, What};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Last labels of host names that stand in running text. Country codes that are endings of files or words are not
/// among them; names under these are learned from the fields that hold host names.
const ENDINGS: &[&str] = &[
    "com",
    "net",
    "org",
    "edu",
    "gov",
    "mil",
    "int",
    "info",
    "biz",
    "dev",
    "app",
    "cloud",
    "online",
    "site",
    "shop",
    "tech",
    "xyz",
    "io",
    "ai",
    "eu",
    "uk",
    "de",
    "fr",
    "it",
    "es",
    "nl",
    "be",
    "ch",
    "at",
    "dk",
    "se",
    "fi",
    "pl",
    "cz",
    "pt",
    "gr",
    "ie",
    "hu",
    "ro",
    "bg",
    "ua",
    "ru",
    "tr",
    "il",
    "in",
    "cn",
    "jp",
    "kr",
    "au",
    "nz",
    "ca",
    "us",
    "mx",
    "br",
    "ar",
    "cl",
    "za",
    "arpa",
    "local",
    "lan",
    "home",
    "corp",
    "internal",
    "intranet",
    "private",
    "office",
    "localdomain",
    "domain",
    "test",
    "example",
    "invalid",
    "onion",
];

/// Labels that say what a host is for and not whose it is.
const ROLES: &[&str] = &["www", "wpad", "autodiscover", "isatap", "localhost", "ip6", "in-addr"];

/// Everything that says where something is.
pub(super) fn find(text: &str, hits: &mut Vec<Hit>) {
    let bytes = text.as_bytes();
    let mut from = 0;
    let mut at = 0;
    while let Some(next) = bytes[at..].iter().position(|byte| matches!(byte, b'.' | b':' | b'-')) {
        let sign = at + next;
        at = sign + 1;
        let end = match bytes[sign] {
            b'.' => four(text, sign, from, hits).or_else(|| host(text, sign, from, hits)),
            b':' => six(text, sign, from, hits).or_else(|| hardware(text, sign, b':', from, hits)),
            _ => hardware(text, sign, b'-', from, hits),
        };
        if let Some(end) = end {
            (from, at) = (end, end.max(at));
        }
    }
}

fn run_back(bytes: &[u8], end: usize, least: usize, holds: impl Fn(u8) -> bool) -> usize {
    bytes[least..end].iter().rposition(|byte| !holds(*byte)).map_or(least, |before| least + before + 1)
}

fn run(bytes: &[u8], from: usize, holds: impl Fn(u8) -> bool) -> usize {
    bytes[from..].iter().position(|byte| !holds(*byte)).map_or(bytes.len(), |length| from + length)
}

/// The length of the prefix after a slash, and where it ends.
fn prefix(bytes: &[u8], at: usize, most: u8) -> (Option<u8>, usize) {
    if bytes.get(at) != Some(&b'/') {
        return (None, at);
    }
    let end = run(bytes, at + 1, |byte| byte.is_ascii_digit());
    let number = std::str::from_utf8(&bytes[at + 1..end]).ok().and_then(|text| text.parse().ok());
    (number.filter(|number| *number <= most), at)
}

/// Four numbers with dots; `sign` is the first dot.
fn four(text: &str, sign: usize, least: usize, hits: &mut Vec<Hit>) -> Option<usize> {
    let bytes = text.as_bytes();
    let start = run_back(bytes, sign, least.max(sign.saturating_sub(4)), |byte| byte.is_ascii_digit());
    if start == sign || (start > 0 && (bytes[start - 1].is_ascii_alphanumeric() || b"._".contains(&bytes[start - 1]))) {
        return None;
    }
    let end = run(bytes, sign, |byte| byte.is_ascii_digit() || byte == b'.');
    let end = if bytes[end - 1] == b'.' { end - 1 } else { end };
    let address: Ipv4Addr = text[start..end].parse().ok()?;
    let goes_on = |byte: &u8| byte.is_ascii_alphabetic() || *byte == b'_';
    let named = bytes.get(end) == Some(&b'.') && bytes.get(end + 1).is_some_and(goes_on);
    if named || bytes.get(end).is_some_and(goes_on) {
        return None;
    }
    let (length, end) = prefix(bytes, end, 32);
    hits.push(Hit { at: start..end, what: What::Address(IpAddr::V4(address), length) });
    Some(end)
}

/// An IPv6 address around its first colon.
fn six(text: &str, sign: usize, least: usize, hits: &mut Vec<Hit>) -> Option<usize> {
    let bytes = text.as_bytes();
    let start = run_back(bytes, sign, least, |byte| byte.is_ascii_hexdigit());
    if sign - start > 4 || (start > 0 && (bytes[start - 1].is_ascii_alphanumeric() || bytes[start - 1] == b'_')) {
        return None;
    }
    let mut end = run(bytes, sign, |byte| byte.is_ascii_hexdigit() || b":.".contains(&byte));
    // What ends a sentence is not part of it, unless it is the end of `2001:db8::`.
    let ends_sentence = |end: usize| match bytes[end - 1] {
        b'.' => true,
        b':' => end < start + 2 || bytes[end - 2] != b':',
        _ => false,
    };
    while end > sign && ends_sentence(end) {
        end -= 1;
    }
    let address: Ipv6Addr = text.get(start..end)?.parse().ok()?;
    if bytes.get(end).is_some_and(|byte| byte.is_ascii_alphabetic() || *byte == b'_') {
        return None;
    }
    // `::` alone is a path in a program.
    if end - start < 3 {
        return None;
    }
    let (length, end) = prefix(bytes, end, 128);
    hits.push(Hit { at: start..end, what: What::Address(IpAddr::V6(address), length) });
    Some(end)
}

/// Six pairs of hexadecimal digits.
fn hardware(text: &str, sign: usize, between: u8, least: usize, hits: &mut Vec<Hit>) -> Option<usize> {
    const LENGTH: usize = 17;
    let bytes = text.as_bytes();
    let start = sign.checked_sub(2).filter(|start| *start >= least)?;
    let part = bytes.get(start..start + LENGTH)?;
    let word = |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == between);
    if word(start.checked_sub(1).map(|before| &bytes[before])) || word(bytes.get(start + LENGTH)) {
        return None;
    }
    let mut address = [0; 6];
    for (pair, octet) in part.chunks(3).zip(&mut address) {
        if pair.get(2).is_some_and(|sign| *sign != between) || !pair[..2].iter().all(u8::is_ascii_hexdigit) {
            return None;
        }
        *octet = u8::from_str_radix(std::str::from_utf8(&pair[..2]).ok()?, 16).ok()?;
    }
    hits.push(Hit { at: start..start + LENGTH, what: What::Hardware(address, between) });
    Some(start + LENGTH)
}

/// A name with dots whose last label is one of a host name.
fn host(text: &str, sign: usize, least: usize, hits: &mut Vec<Hit>) -> Option<usize> {
    let bytes = text.as_bytes();
    let letter = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    let start = run_back(bytes, sign, least, letter);
    let end = run(bytes, sign, |byte| letter(byte) || byte == b'.');
    // No label has three hyphens in a row; a line of them begins something else.
    let end = bytes[sign..end].windows(3).position(|part| part == b"---").map_or(end, |line| sign + line);
    let ends_word = |byte: &u8| byte.is_ascii_alphanumeric();
    let end = bytes[sign..end].iter().rposition(ends_word).map_or(sign, |last| sign + last + 1);
    if start == sign || end <= sign + 1 {
        return None;
    }
    let (_, last) = text[start..end].rsplit_once('.')?;
    if is_ending(last) {
        hits.push(Hit { at: start..end, what: What::Host });
        return Some(end);
    }
    // Nothing in it is looked at again, label by label.
    Some(end)
}

/// Whether a label of a host name stays as it is.
pub(super) fn is_role(label: &str) -> bool {
    label.is_empty() || label.starts_with('_') || ROLES.contains(&label.to_ascii_lowercase().as_str())
}

/// Whether the last label of a name stays: it is a public one.
pub(super) fn is_ending(label: &str) -> bool {
    ENDINGS.iter().any(|ending| ending.eq_ignore_ascii_case(label))
}
