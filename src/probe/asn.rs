//! The little of ASN.1 that directories and Kerberos are asked in: values one after the other, and values within values.
//! Reading is the library's; what is here keeps it bounded and short to write.

use x509_parser::asn1_rs::{Any, Class, FromBer};

/// Values that are looked at side by side; no answer that is asked for has more.
const MOST: usize = 256;

/// One value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Item<'a> {
    pub kind: Kind,
    pub tag: u32,
    pub content: &'a [u8],
}

/// Whose tags are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Everybody's: 2 is an integer, 4 a string of bytes, 16 a sequence.
    Universal,
    /// The protocol's own.
    Application,
    /// A place within a message.
    Context,
}

/// The values that these bytes hold, one after the other; what cannot be read ends them.
pub fn items(bytes: &[u8]) -> impl Iterator<Item = Item<'_>> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let (after, any) = Any::from_ber(rest).ok()?;
        rest = after;
        let kind = match any.class() {
            Class::Universal => Kind::Universal,
            Class::Application => Kind::Application,
            Class::ContextSpecific | Class::Private => Kind::Context,
        };
        Some(Item { kind, tag: any.tag().0, content: any.data })
    })
    .take(MOST)
}

impl<'a> Item<'a> {
    /// The values within this one.
    pub fn within(self) -> impl Iterator<Item = Item<'a>> {
        items(self.content)
    }

    /// The value at a numbered place within this one.
    pub fn at(self, place: u32) -> Option<Item<'a>> {
        let found = self.within().find(|item| item.kind == Kind::Context && item.tag == place)?;
        found.within().next()
    }

    /// A whole number of at most eight bytes.
    pub fn number(self) -> Option<i64> {
        let (first, _) = self.content.split_first().filter(|_| self.content.len() <= 8)?;
        let start = if first & 0x80 == 0 { 0 } else { -1 };
        Some(self.content.iter().fold(start, |number, byte| number << 8 | i64::from(*byte)))
    }
}

/// A value with this tag, as DER has it.
pub fn wrap(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut bytes = vec![tag];
    match content.len() {
        short if short < 0x80 => bytes.push(short as u8),
        // What is written here never comes near the second bound.
        long if long <= 0xff => bytes.extend([0x81, long as u8]),
        long => {
            bytes.push(0x82);
            bytes.extend((long as u16).to_be_bytes());
        }
    }
    bytes.extend(content);
    bytes
}

/// A whole number that is not negative.
pub fn number(value: u32) -> Vec<u8> {
    let bytes = value.to_be_bytes();
    let skipped = bytes.iter().take(3).take_while(|byte| **byte == 0).count();
    let mut content = bytes[skipped..].to_vec();
    if content[0] & 0x80 != 0 {
        content.insert(0, 0);
    }
    wrap(0x02, &content)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_written_can_be_read() {
        for value in [0, 1, 127, 128, 255, 256, 65_536, u32::MAX] {
            let bytes = number(value);
            let item = items(&bytes).next().unwrap();
            assert_eq!((item.kind, item.tag, item.number()), (Kind::Universal, 2, Some(i64::from(value))));
        }
        let long = wrap(0x30, &wrap(0xa3, &wrap(0x04, &[7; 300])));
        let item = items(&long).next().unwrap();
        assert_eq!(item.at(3).unwrap().content, [7; 300]);
        assert_eq!(item.at(4), None);
        assert_eq!(items(b"\x02\x01\xff").next().unwrap().number(), Some(-1));
    }

    proptest! {
        #[test]
        fn foreign_bytes_end(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            for item in items(&bytes) {
                let _ = (item.number(), item.at(1), item.within().count());
            }
        }
    }
}
