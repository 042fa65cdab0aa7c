//! One redaction under way: each text is searched by the finder and rewritten, and whatever was found is remembered.

use super::address;
use super::find::{Finder, HIDDEN, Hit, What};
use super::learn::Secrets;
use super::pseudonym::{self, Class, Key};
use super::store::Map;
use super::{Known, Level, mask, topology};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::net::IpAddr;

/// How often a text is looked at: a secret may hide what stands beside it, so the second look finds what the first left.
/// Two are enough for what people write; the third is for what attackers glue together.
const MOST_LOOKS: usize = 3;

/// One redaction under way.
pub(super) struct Redactor {
    key: Key,
    pub(super) level: Level,
    pub(super) finder: Finder,
    /// Every secret that was known or found, by value.
    pub(super) secrets: Secrets,
    /// Names that were found on the way.
    pub(super) found: BTreeMap<String, Class>,
    pub(super) counts: BTreeMap<&'static str, usize>,
    addresses: BTreeMap<(IpAddr, Option<u8>), IpAddr>,
    pub(super) map: Map,
}

impl Redactor {
    pub(super) fn new(level: Level, key: &Key, known: &Known) -> Redactor {
        Redactor {
            key: key.clone(),
            level,
            finder: Finder::new(level, known.names_at(level)),
            secrets: known.secrets.clone(),
            found: BTreeMap::new(),
            counts: BTreeMap::new(),
            addresses: BTreeMap::new(),
            map: Map::new(),
        }
    }

    /// A text with everything hidden that the rules and the known names say.
    pub(super) fn text<'t>(&mut self, text: &'t str, typed: bool) -> Cow<'t, str> {
        self.look(text, typed, MOST_LOOKS).map_or(Cow::Borrowed(text), Cow::Owned)
    }

    /// The text after at most so many looks; none where they change nothing. Lines that one look changed are looked at
    /// again: most lines of a log hold nothing.
    fn look(&mut self, text: &str, typed: bool, looks: usize) -> Option<String> {
        let hits = if looks > 0 { self.finder.hits(text, typed && self.level < Level::Strict) } else { Vec::new() };
        if hits.is_empty() {
            return None;
        }
        let mut written = String::with_capacity(text.len());
        let mut end = 0;
        // Where the last line begins that a hit changed.
        let mut changed: Option<usize> = None;
        for Hit { at, what } in hits {
            let between = &text[end..at.start];
            if let Some(line) = changed
                && let Some(rest) = between.find('\n')
            {
                written.push_str(&between[..rest]);
                self.look_again(&mut written, line, typed, looks);
                written.push_str(&between[rest..]);
                changed = None;
            } else {
                written.push_str(between);
            }
            let line = written.rfind('\n').map_or(0, |before| before + 1);
            let replacement = self.replacement(&text[at.clone()], &what);
            if replacement != text[at.clone()] {
                changed.get_or_insert(line);
            }
            written.push_str(&replacement);
            end = at.end;
        }
        let rest = &text[end..];
        let line_end = rest.find('\n').unwrap_or(rest.len());
        written.push_str(&rest[..line_end]);
        if let Some(line) = changed {
            self.look_again(&mut written, line, typed, looks);
        }
        written.push_str(&rest[line_end..]);
        (written != text).then_some(written)
    }

    /// Looks once more at what was written from `line` on.
    fn look_again(&mut self, written: &mut String, line: usize, typed: bool, looks: usize) {
        if let Some(again) = self.look(&written[line..], typed, looks - 1) {
            written.truncate(line);
            written.push_str(&again);
        }
    }

    fn replacement(&mut self, text: &str, what: &What) -> String {
        match what {
            What::Secret(class) => self.secret(class, text),
            What::Dropped(class) => {
                self.count(class);
                HIDDEN.to_owned()
            }
            What::Name(Class::Name) | What::Host => self.host(text),
            What::Name(class) => self.name(*class, text),
            What::Address(address, prefix) => self.address(*address, *prefix, text),
            What::Hardware(address, between) => {
                let mapped = address::hardware(&self.key, *address);
                let between = char::from(*between).to_string();
                let written = mapped.map(|octet| format!("{octet:02x}")).join(&between);
                if mapped != *address {
                    self.count("hardware-address");
                    self.map.insert(written.clone(), text.to_owned());
                }
                written
            }
        }
    }

    fn count(&mut self, class: &'static str) {
        *self.counts.entry(class).or_default() += 1;
    }

    pub(super) fn secret(&mut self, class: &'static str, text: &str) -> String {
        self.count(class);
        let mut known = Known::default();
        known.secret(class, text);
        self.secrets.extend(known.secrets);
        HIDDEN.to_owned()
    }

    pub(super) fn name(&mut self, class: Class, text: &str) -> String {
        if pseudonym::is_pseudonym(text) {
            return text.to_owned();
        }
        self.count(class.word());
        let pseudonym = pseudonym::pseudonym(&self.key, class, text);
        let mut found = Known::default();
        found.name(class, text);
        self.found.extend(found.names.into_iter().filter(|_| class != Class::Path && class != Class::Sid));
        // As it was written first: accounts are the same in capitals. People put passwords into names of networks.
        self.map.entry(pseudonym.clone()).or_insert_with(|| mask(text));
        pseudonym
    }

    /// Each label of a host name; the last one stays where it is public, and what only says what a host is for.
    pub(super) fn host(&mut self, text: &str) -> String {
        let labels: Vec<&str> = text.split('.').collect();
        let last = labels.len() - 1;
        let written: Vec<String> = labels
            .iter()
            .enumerate()
            .map(|(at, label)| {
                let stays = topology::is_role(label) || (at == last && last > 0 && topology::is_ending(label));
                if stays || pseudonym::is_pseudonym(label) {
                    return (*label).to_owned();
                }
                let pseudonym = pseudonym::pseudonym(&self.key, Class::Name, label);
                self.map.insert(pseudonym.clone(), mask(label));
                pseudonym
            })
            .collect();
        let written = written.join(".");
        if written != text {
            self.count(Class::Name.word());
        }
        written
    }

    fn address(&mut self, address: IpAddr, prefix: Option<u8>, text: &str) -> String {
        let key = &self.key;
        // The halves of the world, which tunnels take, and the whole of it.
        let mapped = *self.addresses.entry((address, prefix)).or_insert_with(|| match prefix {
            Some(prefix) if prefix < 8 => address,
            Some(prefix) => address::subnet(key, address, prefix),
            None => address::address(key, address),
        });
        if mapped == address {
            return text.to_owned();
        }
        self.count("address");
        self.map.insert(mapped.to_string(), text.to_owned());
        mapped.to_string()
    }
}
