//! A search for the root entry of a directory, and its answer (RFC 4511 section 4.5).

use crate::probe::asn::{Item, Kind, items, number, wrap};
use crate::probe::way::printable;

/// Tags of the protocol: a search, an entry, the end of a search, and the word with which a server takes its leave.
const SEARCH: u8 = 0x63;
const ENTRY: u32 = 4;
const DONE: u32 = 5;
const LEAVES: u32 = 24;
/// Universal tags.
const BOOLEAN: u8 = 0x01;
const BYTES: u8 = 0x04;
const ENUMERATED: u8 = 0x0a;
const SEQUENCE: u8 = 0x30;
/// "Has this attribute", a filter.
const PRESENT: u8 = 0x87;
/// Seconds that the server may search; judgement: longer than anybody waits for it here.
const TIME_LIMIT_S: u32 = 10;
/// Characters of a text and values of a list that are kept.
const LONGEST: usize = 200;
const MOST_KINDS: usize = 16;

/// What the root entry is asked for.
const WANTED: [&str; 6] = [
    "defaultNamingContext",
    "namingContexts",
    "dnsHostName",
    "currentTime",
    "supportedSASLMechanisms",
    "isSynchronized",
];

/// What came back.
#[derive(Debug, PartialEq, Eq)]
pub enum Answer {
    Done { entry: RootEntry, result: i64, message: Option<String> },
    Other,
}

/// What a directory says of itself.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct RootEntry {
    pub directory: Option<String>,
    pub server: Option<String>,
    pub time: Option<String>,
    pub sign_in: Vec<String>,
    pub caught_up: Option<bool>,
}

/// The search.
pub fn question() -> Vec<u8> {
    let wanted: Vec<u8> = WANTED.iter().flat_map(|name| wrap(BYTES, name.as_bytes())).collect();
    let search = [
        // The root, itself alone, no aliases followed, at most one entry.
        wrap(BYTES, b""),
        wrap(ENUMERATED, &[0]),
        wrap(ENUMERATED, &[0]),
        number(1),
        number(TIME_LIMIT_S),
        wrap(BOOLEAN, &[0]),
        wrap(PRESENT, b"objectClass"),
        wrap(SEQUENCE, &wanted),
    ]
    .concat();
    wrap(SEQUENCE, &[number(1), wrap(SEARCH, &search)].concat())
}

/// Whether these bytes may be the beginning of an answer.
pub fn may_begin(bytes: &[u8]) -> bool {
    bytes.first() == Some(&SEQUENCE)
}

/// Whether the message that ends the search has come.
pub fn is_whole(bytes: &[u8]) -> bool {
    operations(bytes).any(|operation| operation.tag == DONE || operation.tag == LEAVES)
}

/// What each message is about.
fn operations(bytes: &[u8]) -> impl Iterator<Item = Item<'_>> {
    let messages = items(bytes).filter(|message| message.kind == Kind::Universal && message.tag == 16);
    messages.filter_map(|message| message.within().nth(1)).filter(|operation| operation.kind == Kind::Application)
}

/// Reads an answer.
pub fn read(bytes: &[u8]) -> Answer {
    let mut entry = RootEntry::default();
    for operation in operations(bytes) {
        match operation.tag {
            ENTRY => operation.within().skip(1).flat_map(Item::within).for_each(|attribute| entry.take(attribute)),
            DONE | LEAVES => {
                let mut parts = operation.within();
                let Some(result) = parts.next().and_then(Item::number) else { return Answer::Other };
                let message = parts.nth(1).map(|text| printable(text.content, LONGEST)).filter(|text| !text.is_empty());
                return Answer::Done { entry, result, message };
            }
            _ => {}
        }
    }
    Answer::Other
}

impl RootEntry {
    fn take(&mut self, attribute: Item<'_>) {
        let mut parts = attribute.within();
        let name = parts.next().map(|name| printable(name.content, LONGEST).to_ascii_lowercase());
        let values: Vec<String> = parts
            .next()
            .into_iter()
            .flat_map(Item::within)
            .map(|value| printable(value.content, LONGEST))
            .take(MOST_KINDS)
            .collect();
        let first = values.first().cloned();
        match name.as_deref().unwrap_or_default() {
            "defaultnamingcontext" => self.directory = first,
            // The default one says more, where there is one.
            "namingcontexts" if self.directory.is_none() => self.directory = first,
            "dnshostname" => self.server = first,
            "currenttime" => self.time = first,
            "supportedsaslmechanisms" => self.sign_in = values,
            "issynchronized" => self.caught_up = first.map(|word| word.eq_ignore_ascii_case("true")),
            _ => {}
        }
    }
}

/// A result (RFC 4511 appendix A) as a word.
pub fn word(result: i64) -> &'static str {
    match result {
        0 => "success",
        1 => "sign_in_wanted",
        2 => "protocol_error",
        3 => "time_limit",
        8 | 13 => "encryption_wanted",
        32 => "no_such_entry",
        50 => "not_allowed",
        51 => "busy",
        52 => "unavailable",
        53 => "unwilling",
        _ => "other",
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use proptest::prelude::*;

    fn message(operation: Vec<u8>) -> Vec<u8> {
        wrap(SEQUENCE, &[number(1), operation].concat())
    }

    /// The end of a search.
    pub fn done(result: u8, words: &str) -> Vec<u8> {
        let parts = [wrap(ENUMERATED, &[result]), wrap(BYTES, b""), wrap(BYTES, words.as_bytes())].concat();
        message(wrap(0x60 | DONE as u8, &parts))
    }

    /// A root entry by a clock that says this, and the end of the search.
    pub fn root_entry(time: &str) -> Vec<u8> {
        let attribute = |name: &str, values: &[&str]| {
            let values: Vec<u8> = values.iter().flat_map(|value| wrap(BYTES, value.as_bytes())).collect();
            wrap(SEQUENCE, &[wrap(BYTES, name.as_bytes()), wrap(0x31, &values)].concat())
        };
        let attributes = [
            attribute("namingContexts", &["CN=Schema", "DC=corp,DC=test"]),
            attribute("defaultNamingContext", &["DC=corp,DC=test"]),
            attribute("currentTime", &[time]),
            attribute("supportedSASLMechanisms", &["GSSAPI", "EXTERNAL"]),
            attribute("isSynchronized", &["TRUE"]),
        ]
        .concat();
        let entry = [wrap(BYTES, b""), wrap(SEQUENCE, &attributes)].concat();
        [message(wrap(0x60 | ENTRY as u8, &entry)), done(0, "")].concat()
    }

    #[test]
    fn an_answer_is_read_once_it_is_whole() {
        let bytes = root_entry("20261122070000.0Z");
        assert!(is_whole(&bytes) && !is_whole(&bytes[..bytes.len() - 1]));
        let Answer::Done { entry, result, message } = read(&bytes) else { panic!("it is an answer") };
        assert_eq!((entry.directory.as_deref(), result, message), (Some("DC=corp,DC=test"), 0, None));
        assert_eq!((entry.time.as_deref(), entry.caught_up), (Some("20261122070000.0Z"), Some(true)));
        assert_eq!(read(b"HTTP/1.1 400"), Answer::Other);
        assert_eq!(read(b""), Answer::Other);
        assert!(!is_whole(&question()) && may_begin(&question()));
    }

    proptest! {
        #[test]
        fn foreign_bytes_are_read_without_a_panic(change in prop::collection::vec((0_usize..200, any::<u8>()), 0..6), cut in 0_usize..220) {
            let mut bytes = root_entry("20261122070000.0Z");
            for (at, byte) in change {
                if let Some(place) = bytes.get_mut(at) {
                    *place = byte;
                }
            }
            bytes.truncate(cut);
            let _ = (is_whole(&bytes), read(&bytes));
        }
    }
}
