//! Hides what is secret in text that this machine wrote, before any of it is stored.

/// What stands in its place.
const HIDDEN: &str = "***";

/// Words after which a value follows that nobody else may read.
const KEYS: &[&str] = &[
    "password",
    "passwd",
    "passphrase",
    "passwort",
    "pwd",
    "psk",
    "secret",
    "token",
    "apikey",
    "api_key",
    "api-key",
    "access_key",
    "private_key",
    "credential",
    "authorization",
    "cookie",
];

/// Schemes of HTTP authentication that are followed by the credentials themselves.
const SCHEMES: &[&str] = &["bearer", "basic", "digest", "negotiate", "ntlm"];

/// The beginning of every JSON web token (`{"` in base64url); shorter words of that kind are none.
const WEB_TOKEN: &str = "eyJ";
const WEB_TOKEN_LENGTH: usize = 30;

/// The text with values of passwords, tokens and keys, and user names and passwords in URLs, replaced.
pub fn mask(text: &str) -> String {
    text.split('\n').map(mask_line).collect::<Vec<_>>().join("\n")
}

fn mask_line(line: &str) -> String {
    let line = mask_urls(line);
    let mut masked = String::with_capacity(line.len());
    let mut rest = line.as_str();
    while let Some((start, end)) = next_secret(rest) {
        masked.push_str(&rest[..start]);
        masked.push_str(HIDDEN);
        rest = &rest[end..];
    }
    masked.push_str(rest);
    masked
}

/// `scheme://user:password@host` loses what stands before the last `@` of its authority.
fn mask_urls(line: &str) -> String {
    let mut masked = String::with_capacity(line.len());
    let mut rest = line;
    while let Some(at) = rest.find("://") {
        let authority_start = at + 3;
        masked.push_str(&rest[..authority_start]);
        rest = &rest[authority_start..];
        let ends = |letter: char| letter.is_whitespace() || "/?#\"'<>".contains(letter);
        let authority = &rest[..rest.find(ends).unwrap_or(rest.len())];
        if let Some(user) = authority.rfind('@') {
            masked.push_str(HIDDEN);
            rest = &rest[user..];
        }
    }
    masked.push_str(rest);
    masked
}

/// Where the next secret begins and ends.
fn next_secret(line: &str) -> Option<(usize, usize)> {
    // Lower-casing ASCII only keeps every byte at its place.
    let lower = line.to_ascii_lowercase();
    let keys = KEYS.iter().flat_map(|key| lower.match_indices(key)).filter_map(|(at, key)| {
        let after = value_after_key(&lower, at, at + key.len())?;
        Some((after, value_end(line, after, ["authorization", "cookie"].contains(&key))))
    });
    let schemes = SCHEMES.iter().flat_map(|scheme| lower.match_indices(scheme)).filter_map(|(at, scheme)| {
        let end = at + scheme.len();
        let alone =
            !lower[..at].ends_with(|letter: char| letter.is_ascii_alphanumeric()) && lower[end..].starts_with(' ');
        // A word of prose after it is no credential: those are long and hold more than letters.
        let secret = value_end(line, end + 1, false);
        let word = line.get(end + 1..secret).unwrap_or_default();
        (alone && word.len() >= 8 && !word.bytes().all(|byte| byte.is_ascii_lowercase())).then_some((end + 1, secret))
    });
    let tokens = line.match_indices(WEB_TOKEN).filter_map(|(at, _)| {
        let end = value_end(line, at, false);
        (end - at >= WEB_TOKEN_LENGTH).then_some((at, end))
    });
    keys.chain(schemes).chain(tokens).filter(|(start, end)| end > start && &line[*start..*end] != HIDDEN).min()
}

/// Where the value of a key begins: after `=` or `:`, with quotes and blanks between, or after the blank that follows an
/// option such as `--password`.
fn value_after_key(lower: &str, start: usize, end: usize) -> Option<usize> {
    let rest = &lower[end..];
    // The key may go on (`token_id`, `passwords`), quoted or not.
    let tail = rest.trim_start_matches(|letter: char| letter.is_ascii_alphanumeric() || "_-\"'".contains(letter));
    let blanks = tail.trim_start_matches(' ');
    let option = lower[..start].rsplit(' ').next().is_some_and(|word| word.starts_with('-'));
    let value = match blanks.strip_prefix(['=', ':']) {
        Some(value) => value.trim_start_matches(['=', ' ']),
        None if option && blanks.len() < tail.len() => blanks,
        None => return None,
    };
    let value = value.strip_prefix(['"', '\'']).unwrap_or(value);
    Some(lower.len() - value.len())
}

fn value_end(line: &str, start: usize, to_end_of_line: bool) -> usize {
    let rest = line.get(start..).unwrap_or_default();
    if to_end_of_line {
        return line.len();
    }
    // A quoted value ends at its quote and may hold blanks.
    let quote = line[..start].chars().next_back().filter(|letter| "\"'".contains(*letter));
    let ends = |letter: char| match quote {
        Some(quote) => letter == quote,
        None => letter.is_whitespace() || "&;,\"')}]".contains(letter),
    };
    start + rest.find(ends).unwrap_or(rest.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_hidden_and_the_rest_stays() {
        for (text, masked) in [
            ("connect password=hunter2 failed", "connect password=*** failed"),
            ("PASSWORD: hunter2", "PASSWORD: ***"),
            ("{\"token\":\"abc def\",\"x\":1}", "{\"token\":\"***\",\"x\":1}"),
            ("psk='my wifi key' ok", "psk='***' ok"),
            ("GET /x?access_token=abc&y=1", "GET /x?access_token=***&y=1"),
            ("Authorization: Basic dXNlcjpwYXNz", "Authorization: ***"),
            ("sent Bearer abc123DEF456 to", "sent Bearer *** to"),
            ("the bearer certificate", "the bearer certificate"),
            ("proxy http://ann:pa@ss@proxy:3128/ down", "proxy http://***@proxy:3128/ down"),
            ("http://proxy:3128/a@b", "http://proxy:3128/a@b"),
            ("mysqld --password hunter2 --port 1", "mysqld --password *** --port 1"),
            ("Failed password for root from 10.0.0.1", "Failed password for root from 10.0.0.1"),
            ("cookie: a=b; c=d", "cookie: ***"),
            ("jwt eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.e30.x end", "jwt *** end"),
            ("a secret=1 b token=2\npwd=3", "a secret=*** b token=***\npwd=***"),
            ("password=", "password="),
            ("übel passwort=größe", "übel passwort=***"),
            ("", ""),
        ] {
            assert_eq!(mask(text), masked);
            assert_eq!(mask(masked), masked, "masking again changes nothing");
        }
    }
}
