//! Known secrets, looked for in every form that a text may hold them. They are many words of which hardly one stands
//! anywhere, so most of a text is passed over by looking at four bytes now and then, as Wu and Manber did (1994); only
//! where these are part of a word are the words compared.

use super::encoding::forms;
use super::find::HIDDEN;
use std::collections::BTreeMap;
use std::ops::Range;

/// A secret shorter than this stands in texts by chance.
pub(super) const SHORTEST_SECRET: usize = 6;
/// Bytes that are looked at at once. No form is shorter than a secret, so each word has three such parts at least.
const GRAM: usize = 4;
/// The longest way from one look to the next. Longer ones save little and make more parts of words to be known.
const LONGEST_STEP: usize = 8;
/// Bits of the filter for each part of a word: one look in so many is in vain.
const BITS_FOR_PART: usize = 64;
/// The smallest filter, in bits: a few cache lines.
const LEAST_BITS: usize = 1 << 12;
/// The largest: it should stay in the cache of a processor core.
const MOST_BITS: usize = 1 << 21;

/// A form of a secret.
struct Word {
    bytes: Vec<u8>,
    class: &'static str,
}

/// Where a secret stands, and of which class it is.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) at: Range<usize>,
    pub(super) class: &'static str,
}

/// The secrets of one packet in all their forms.
pub(super) struct Sought {
    /// In the order of their first four bytes, the longer ones first.
    words: Vec<Word>,
    /// One bit for each hash of four bytes; set where a word has them near its beginning.
    filter: Vec<u64>,
    /// Leading bits of a hash that are no part of its place in the filter.
    shift: u32,
    /// Bytes from one look to the next: so many that no word falls between two.
    step: usize,
}

impl Sought {
    /// Looks for these secrets, each with its class, and for every form of them.
    pub(super) fn new(secrets: &BTreeMap<String, &'static str>) -> Sought {
        let long = secrets.iter().filter(|(secret, _)| secret.len() >= SHORTEST_SECRET);
        let all = long.flat_map(|(secret, class)| {
            let plain = std::iter::once(secret.as_bytes().to_vec());
            plain.chain(forms(secret)).map(|bytes| Word { bytes, class })
        });
        Sought::of(all.collect())
    }

    fn of(mut words: Vec<Word>) -> Sought {
        let order = |word: &Word| (first(&word.bytes), usize::MAX - word.bytes.len());
        words.sort_by_key(order);
        let shortest = words.iter().map(|word| word.bytes.len()).min().unwrap_or(SHORTEST_SECRET);
        let step = (shortest + 1).saturating_sub(GRAM).clamp(1, LONGEST_STEP);
        let bits = (words.len() * step * BITS_FOR_PART).next_power_of_two().clamp(LEAST_BITS, MOST_BITS);
        let mut sought = Sought { words, filter: vec![0; bits / 64], shift: u32::BITS - bits.trailing_zeros(), step };
        for word in &sought.words {
            for part in word.bytes.windows(GRAM).take(step) {
                let place = place(first(part), sought.shift);
                sought.filter[place / 64] |= 1 << (place % 64);
            }
        }
        sought
    }

    /// Whether there is nothing to look for.
    pub(super) fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    /// The first secret that begins at `from` or later, in its longest form.
    pub(super) fn find(&self, bytes: &[u8], from: usize) -> Option<Found> {
        if self.is_empty() {
            return None;
        }
        let mut at = from + self.step - 1;
        while let Some(part) = bytes.get(at..at + GRAM) {
            let place = place(first(part), self.shift);
            if self.filter[place / 64] >> (place % 64) & 1 == 1 {
                let starts = (at + 1 - self.step).max(from)..=at;
                if let Some(found) = starts.into_iter().find_map(|start| self.word_at(bytes, start)) {
                    return Some(found);
                }
            }
            at += self.step;
        }
        None
    }

    /// The text with marks in the places of what is sought, and how many; none where nothing of it is there.
    pub(super) fn without(&self, text: &str) -> Option<(String, usize)> {
        let (mut written, mut counted) = (String::new(), 0);
        let (mut end, mut from) = (0, 0);
        while let Some(found) = self.find(text.as_bytes(), from) {
            from = found.at.end;
            // A form may begin within a letter of several bytes only where the text holds no such secret.
            if let Some(before) = text.get(end..found.at.start).filter(|_| text.is_char_boundary(found.at.end)) {
                written.push_str(before);
                written.push_str(HIDDEN);
                end = found.at.end;
                counted += 1;
            }
        }
        written.push_str(&text[end..]);
        (counted > 0).then_some((written, counted))
    }

    /// The longest word that begins here.
    fn word_at(&self, bytes: &[u8], start: usize) -> Option<Found> {
        let rest = &bytes[start..];
        let gram = first(rest.get(..GRAM)?);
        let from = self.words.partition_point(|word| first(&word.bytes) < gram);
        let near = self.words[from..].iter().take_while(|word| first(&word.bytes) == gram);
        let word = near.into_iter().find(|word| rest.starts_with(&word.bytes))?;
        Some(Found { at: start..start + word.bytes.len(), class: word.class })
    }
}

/// The first four bytes as a number; words that are looked for have as many.
fn first(bytes: &[u8]) -> u32 {
    bytes.first_chunk().map_or(0, |bytes| u32::from_be_bytes(*bytes))
}

/// Where the filter has the bit of four bytes: Fibonacci hashing (Knuth, volume 3, section 6.4).
fn place(gram: u32, shift: u32) -> usize {
    (gram.wrapping_mul(0x9e37_79b9) >> shift) as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sought(words: &[Vec<u8>]) -> Sought {
        Sought::of(words.iter().map(|bytes| Word { bytes: bytes.clone(), class: "x" }).collect())
    }

    /// The same, one place after the other.
    fn plainly(words: &[Vec<u8>], text: &[u8], from: usize) -> Option<Range<usize>> {
        (from..text.len()).find_map(|start| {
            let here = words.iter().filter(|word| text[start..].starts_with(word));
            here.map(|word| start..start + word.len()).max_by_key(|at| at.end)
        })
    }

    #[test]
    fn a_secret_is_found_in_its_longest_form_and_what_is_none_is_not() {
        let secrets = BTreeMap::from([("hunter2".to_owned(), "password"), ("hunter2-correct".to_owned(), "token")]);
        let sought = Sought::new(&secrets);
        let found = |text: &str| sought.find(text.as_bytes(), 0).map(|found| (found.at, found.class));
        assert_eq!(found("hunter2"), Some((0..7, "password")));
        assert_eq!(found("say hunter2-correct now"), Some((4..19, "token")));
        assert_eq!(found("say 68756e74657232 now").map(|(_, class)| class), Some("password"), "hexadecimal");
        assert_eq!(found("hunter1 hunte"), None);
        assert!(Sought::new(&BTreeMap::new()).find(b"anything at all", 0).is_none());
    }

    proptest! {
        #[test]
        fn it_finds_what_a_plain_search_finds(
            words in prop::collection::vec("[ab]{6,14}", 1..40),
            text in "[ab]{0,300}",
            from in 0_usize..20,
        ) {
            let words: Vec<Vec<u8>> = words.into_iter().map(String::into_bytes).collect();
            let found = sought(&words).find(text.as_bytes(), from).map(|found| found.at);
            prop_assert_eq!(found, plainly(&words, text.as_bytes(), from));
        }
    }
}
