//! The beginnings of the evidence files, for reports that show them: the packet's JSON holds only their names. They are
//! the same whether a packet is being written or was opened.

use super::write::Files;
use std::collections::BTreeMap;

/// Bytes of each file: two screens.
pub const LENGTH: usize = 4 << 10;
/// Files; a run has one for each observation at most.
pub const MOST: usize = 250;

/// By file name.
pub type Excerpts = BTreeMap<String, Excerpt>;

/// How a file of evidence begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Excerpt {
    /// The beginning, whole letters only; what is no UTF-8 is replaced.
    pub text: String,
    /// Bytes of the whole file.
    pub bytes: u64,
}

impl Excerpt {
    /// The excerpt of a file of so many bytes that starts like this.
    pub fn of(start: &[u8], bytes: u64) -> Excerpt {
        let start = &start[..start.len().min(LENGTH)];
        let whole = match std::str::from_utf8(start) {
            // A letter that the cut went through.
            Err(error) if error.error_len().is_none() => &start[..error.valid_up_to()],
            _ => start,
        };
        Excerpt { text: String::from_utf8_lossy(whole).into_owned(), bytes }
    }
}

/// The excerpts of these files.
pub fn excerpts(files: &Files) -> Excerpts {
    let excerpt = |(name, bytes): &(String, Vec<u8>)| (name.clone(), Excerpt::of(bytes, bytes.len() as u64));
    files.iter().take(MOST).map(excerpt).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_stay_whole() {
        let text = "ä".repeat(LENGTH);
        let excerpt = Excerpt::of(&[b"x", text.as_bytes()].concat(), 2 * LENGTH as u64 + 1);
        assert_eq!((excerpt.text.len(), excerpt.text.contains('\u{fffd}')), (LENGTH - 1, false));
        assert_eq!(Excerpt::of(b"a\xffb", 3).text, "a\u{fffd}b");
    }
}
