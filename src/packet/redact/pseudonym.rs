//! Pseudonyms: the same name gets the same one wherever it stands, and nobody without the key can tell which name it
//! was. They are keyed hashes (HMAC-SHA-256), so two packets of one machine can be compared.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use std::fmt;

/// Letters of a pseudonym: forty bits in base 32, where a thousand names meet by chance once in two million packets.
const LETTERS: usize = 8;
const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";

/// The key. Whoever has it can try names; it never leaves the machine.
#[derive(Clone, PartialEq, Eq)]
pub struct Key([u8; Key::BYTES]);

impl Key {
    /// Length of a key in bytes.
    pub const BYTES: usize = 32;

    /// A key that nobody had before.
    pub fn random() -> Key {
        Key(rand::random())
    }

    /// A key that was kept; none where the bytes are no key.
    pub fn from_bytes(bytes: &[u8]) -> Option<Key> {
        bytes.try_into().ok().map(Key)
    }

    /// What is kept of it.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// Bytes that depend on the key, what they are for and the value, and look random to everybody else.
    pub(super) fn hash(&self, purpose: &str, value: &[u8]) -> [u8; 32] {
        let mut hash = Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes keys of every length");
        hash.update(purpose.as_bytes());
        hash.update(&[0]);
        hash.update(value);
        hash.finalize().into_bytes().into()
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(***)")
    }
}

/// What sort of name is hidden; its word stands in the pseudonym and in the report of what was hidden.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// An account, or the part of an e-mail address before its `@`.
    User,
    /// What lies in a person's home folder.
    Path,
    /// A serial number or machine id.
    Serial,
    /// The security identifier of a Windows account.
    Sid,
    /// A wireless network.
    Ssid,
    /// One label of a host or domain name.
    Name,
}

impl Class {
    const ALL: [Class; 6] = [Class::User, Class::Path, Class::Serial, Class::Sid, Class::Ssid, Class::Name];

    /// The word of the class.
    pub fn word(self) -> &'static str {
        match self {
            Class::User => "user",
            Class::Path => "path",
            Class::Serial => "serial",
            Class::Sid => "sid",
            Class::Ssid => "ssid",
            Class::Name => "name",
        }
    }
}

/// The pseudonym of a name, such as `user-k3vq7xme5`. Names are compared without regard to case, as accounts on Windows
/// and hosts everywhere are.
pub(super) fn pseudonym(key: &Key, class: Class, name: &str) -> String {
    let hash = key.hash(class.word(), name.to_lowercase().as_bytes());
    let bits = u64::from_be_bytes(hash[..8].try_into().expect("eight bytes make a number"));
    let mut text = String::with_capacity(class.word().len() + 1 + LETTERS);
    text.push_str(class.word());
    text.push('-');
    let letters: [u8; LETTERS] = std::array::from_fn(|at| ALPHABET[(bits >> (5 * at)) as usize % ALPHABET.len()]);
    text.extend(letters.into_iter().chain([check_digit(&letters)]).map(char::from));
    text
}

/// The last letter of a pseudonym, by which it is told from a host that somebody called `name-resolver`.
fn check_digit(letters: &[u8]) -> u8 {
    const DIGITS: &[u8; 6] = b"234567";
    let sum = letters.iter().fold(0_usize, |sum, letter| sum * 31 + usize::from(*letter));
    DIGITS[sum % DIGITS.len()]
}

/// Whether a text is a pseudonym already.
pub(super) fn is_pseudonym(text: &str) -> bool {
    class_of(text).is_some()
}

/// The class that a pseudonym names; none where the text is no pseudonym.
pub(super) fn class_of(text: &str) -> Option<Class> {
    let (word, letters) = text.split_once('-')?;
    let (digit, letters) = letters.as_bytes().split_last()?;
    let class = Class::ALL.into_iter().find(|class| class.word() == word)?;
    let ours = letters.len() == LETTERS && letters.iter().all(|letter| ALPHABET.contains(letter));
    (ours && *digit == check_digit(letters)).then_some(class)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_name_gets_the_same_pseudonym_under_one_key_only() {
        let (key, other) = (Key::from_bytes(&[7; 32]).unwrap(), Key::from_bytes(&[8; 32]).unwrap());
        let ann = pseudonym(&key, Class::User, "ann");
        assert_eq!(ann, pseudonym(&key, Class::User, "Ann"));
        assert_ne!(ann, pseudonym(&other, Class::User, "ann"));
        assert_ne!(ann[5..], pseudonym(&key, Class::Name, "ann")[5..]);
        assert!(is_pseudonym(&ann) && !is_pseudonym("user-ann") && ann.len() == 14);
        for name in ["user-friendly", "name-elephants", "path-finding2", "user-", "user"] {
            assert!(!is_pseudonym(name), "{name}");
        }
        assert_eq!(format!("{key:?}"), "Key(***)");
    }
}
