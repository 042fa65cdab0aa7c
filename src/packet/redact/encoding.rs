//! How a secret may be written that is not written plainly: base 64, hexadecimal, percent signs, UTF-16, and the escapes
//! of JSON and HTML.

use data_encoding::{BASE64_NOPAD, BASE64URL_NOPAD, HEXLOWER, HEXUPPER};
use std::fmt::Write as _;

/// A form shorter than this stands in texts by chance.
const SHORTEST: usize = 8;

/// Every form of a secret but the plain one, as bytes to look for.
pub(super) fn forms(secret: &str) -> Vec<Vec<u8>> {
    let bytes = secret.as_bytes();
    let wide = |bytes: fn(u16) -> [u8; 2]| -> Vec<u8> { secret.encode_utf16().flat_map(bytes).collect() };
    let (little, big) = (wide(u16::to_le_bytes), wide(u16::to_be_bytes));
    let percent = |holds: fn(u8) -> bool, upper: bool| {
        bytes.iter().fold(String::new(), |mut text, byte| {
            let _ = match (holds(*byte), upper) {
                (true, _) => write!(text, "{}", char::from(*byte)),
                (false, true) => write!(text, "%{byte:02X}"),
                (false, false) => write!(text, "%{byte:02x}"),
            };
            text
        })
    };
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
    let mut forms: Vec<Vec<u8>> = [
        HEXLOWER.encode(bytes),
        HEXUPPER.encode(bytes),
        percent(plain, true),
        percent(plain, false),
        percent(|_| false, true),
        percent(|_| false, false),
        json(secret),
        html(secret),
    ]
    .into_iter()
    .map(String::into_bytes)
    .collect();
    for bytes in [bytes, &little] {
        forms.extend((0..3).flat_map(|shift| in_base_64(bytes, shift)));
    }
    forms.extend([little, big]);
    forms.retain(|form| form.len() >= SHORTEST && form != bytes);
    forms.sort();
    forms.dedup();
    forms
}

/// The letters of base 64 that depend on these bytes alone, where `shift` other bytes stand before them.
fn in_base_64(bytes: &[u8], shift: usize) -> [Vec<u8>; 2] {
    let padded: Vec<u8> = std::iter::repeat_n(0, shift).chain(bytes.iter().copied()).collect();
    let first = (shift * 8).div_ceil(6);
    let last = padded.len() * 8 / 6;
    [BASE64_NOPAD.encode(&padded), BASE64URL_NOPAD.encode(&padded)]
        .map(|text| text.as_bytes()[first.min(last)..last].to_vec())
}

fn json(secret: &str) -> String {
    let text = serde_json::to_string(secret).unwrap_or_default();
    text.trim_start_matches('"').strip_suffix('"').unwrap_or_default().to_owned()
}

fn html(secret: &str) -> String {
    let escapes = [("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ("\"", "&quot;"), ("'", "&#39;")];
    escapes.into_iter().fold(secret.to_owned(), |text, (plain, escape)| text.replace(plain, escape))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_known_in_every_dress() {
        let secret = "p@ss&w\"rd-Größe7";
        let forms = forms(secret);
        let has = |text: &[u8]| forms.iter().any(|form| text.windows(form.len()).any(|part| part == form.as_slice()));
        for around in ["", "a", "ab", "abc"] {
            let text = format!("{around}{secret}:x");
            assert!(has(BASE64_NOPAD.encode(text.as_bytes()).as_bytes()), "{around}");
            assert!(has(BASE64URL_NOPAD.encode(text.as_bytes()).as_bytes()), "{around}");
            assert!(has(HEXLOWER.encode(text.as_bytes()).as_bytes()));
        }
        assert!(has(b"x=p%40ss%26w%22rd-Gr%C3%B6%C3%9Fe7&y"));
        assert!(has("p@ss&amp;w&quot;rd-Größe7".as_bytes()) && has("p@ss&w\\\"rd-Größe7".as_bytes()));
        assert!(has(&secret.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>()));
        assert!(!has(b"nothing of that kind in here"));
    }
}
