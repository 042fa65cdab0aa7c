//! Patterns of texts, in the signs that people know from spreadsheets and databases: `#` is a digit, `?` any character,
//! `*` any number of them, `[a-z]` one of these, `[!a-z]` none of these. Anything else is itself.
//!
//! No regular expressions: nobody at a service desk reads them with pleasure, and an engine for them is larger than
//! what the program may still grow.

use std::fmt;

/// The signs in one sentence, for messages.
pub const SIGNS: &str = "`#` is a digit, `?` any character, `*` any number of them, `[a-z]` one of these";

/// A pattern that could be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    text: String,
    parts: Vec<Part>,
}

/// One sign.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    /// Any number of characters.
    Many,
    /// One character of these ranges, or of none of them.
    One { of: Vec<(char, char)>, denied: bool },
}

impl Part {
    fn of(from: char, to: char) -> Part {
        Part::One { of: vec![(from, to)], denied: false }
    }

    /// Whether this character can stand for the sign.
    fn takes(&self, character: char) -> bool {
        match self {
            Part::Many => true,
            Part::One { of, denied } => of.iter().any(|(from, to)| (*from..=*to).contains(&character)) != *denied,
        }
    }
}

impl Pattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// In words, what is wrong with it.
    pub fn read(text: &str) -> Result<Pattern, String> {
        let mut parts = Vec::new();
        let mut signs = text.chars();
        while let Some(sign) = signs.next() {
            parts.push(match sign {
                '*' => Part::Many,
                '?' => Part::of(char::MIN, char::MAX),
                '#' => Part::of('0', '9'),
                '[' => {
                    let (class, rest) = class(signs.as_str())?;
                    signs = rest.chars();
                    class
                }
                other => Part::of(other, other),
            });
        }
        Ok(Pattern { text: text.to_owned(), parts })
    }

    /// Whether the whole text is like this. The time grows with the length of both, however many `*` there are: only the
    /// last of them is ever tried again, because an earlier one that takes less gains nothing.
    pub fn fits(&self, text: &str) -> bool {
        let text: Vec<char> = text.chars().collect();
        let (mut at, mut sign) = (0, 0);
        let mut retry: Option<(usize, usize)> = None;
        while at < text.len() {
            match self.parts.get(sign) {
                Some(Part::Many) => {
                    sign += 1;
                    retry = Some((at, sign));
                }
                Some(part) if part.takes(text[at]) => {
                    at += 1;
                    sign += 1;
                }
                _ => match &mut retry {
                    Some((taken, after)) => {
                        *taken += 1;
                        (at, sign) = (*taken, *after);
                    }
                    None => return false,
                },
            }
        }
        self.parts[sign..].iter().all(|part| *part == Part::Many)
    }
}

/// What stands between brackets, and the rest behind them. A bracket that comes first is itself.
fn class(text: &str) -> Result<(Part, &str), String> {
    let (denied, inside) = text.strip_prefix('!').map_or((false, text), |inside| (true, inside));
    let close = inside.char_indices().skip(1).find(|(_, sign)| *sign == ']').map(|(close, _)| close);
    let close = close.ok_or("`[` is never closed; write `[[]` for the sign itself")?;
    let signs: Vec<char> = inside[..close].chars().collect();
    let mut of = Vec::new();
    let mut left = signs.as_slice();
    while let [from, rest @ ..] = left {
        match rest {
            ['-', to, rest @ ..] if from > to => return Err(format!("`{from}-{to}` runs backwards")),
            ['-', to, rest @ ..] => {
                of.push((*from, *to));
                left = rest;
            }
            _ => {
                of.push((*from, *from));
                left = rest;
            }
        }
    }
    Ok((Part::One { of, denied }, &inside[close + 1..]))
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_signs_mean_what_people_know() {
        for (pattern, fitting, others) in [
            ("INC#######", vec!["INC0001234"], vec!["INC123", "inc0001234", "INC00012345", "INC000123x"]),
            ("*.example", vec!["a.example", "b.a.example", ".example"], vec!["example", "a.example."]),
            ("*a*b*", vec!["ab", "xaxxbx", "aab"], vec!["ba", "", "a"]),
            ("[a-c][!0-9]?", vec!["bxé", "a-1"], vec!["dxx", "a1x", "bx"]),
            ("[[]#[]*-]", vec!["[1]", "[2*", "[3-"], vec!["[1x", "1]"]),
            ("", vec![""], vec!["x"]),
            ("**", vec!["", "anything"], vec![]),
        ] {
            let read = Pattern::read(pattern).unwrap();
            assert!(fitting.iter().all(|text| read.fits(text)), "{pattern}: {fitting:?}");
            assert!(!others.iter().any(|text| read.fits(text)), "{pattern}: {others:?}");
        }
        for (pattern, why) in
            [("[a-", "never closed"), ("[", "never closed"), ("[]", "never closed"), ("[9-0]", "backwards")]
        {
            assert!(Pattern::read(pattern).unwrap_err().contains(why), "{pattern}");
        }
    }

    #[test]
    fn a_hostile_pattern_takes_no_long_time() {
        let pattern = Pattern::read(&"*a".repeat(2_000)).unwrap();
        assert!(!pattern.fits(&"a".repeat(1_999)));
        assert!(pattern.fits(&"a".repeat(2_000)));
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(pattern in "[\\[\\]!a-c#?*-]{0,12}", text in "[\\[\\]!a-c0-9-]{0,12}") {
            if let Ok(read) = Pattern::read(&pattern) {
                prop_assert_eq!(read.to_string(), pattern);
                read.fits(&text);
            }
        }

        #[test]
        fn a_text_without_signs_is_like_itself(text in "[a-z0-9. é]{0,20}") {
            prop_assert!(Pattern::read(&text).unwrap().fits(&text));
        }
    }
}
