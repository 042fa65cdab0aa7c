//! Redaction: the stage between the run and everything that leaves the machine. Names are learned first (`learn`), then
//! each text is searched in one pass (`find`, by the rules in `rules` and `topology`) and rewritten with pseudonyms
//! (`pseudonym`, `address`); what was found in one place is hidden in all. `document` knows which texts of a packet are
//! words of ours; `leak` looks through the finished bytes; `store` keeps the key and the way back.

mod address;
mod document;
mod encoding;
mod find;
mod leak;
mod learn;
mod pseudonym;
mod rules;
pub mod store;
mod topology;

use leak::Net;
pub use pseudonym::{Class, Key};

use crate::diagnosis::judge;
use crate::error::{Error, Result};
use crate::observation::Observation;
use crate::packet::Packet;
use crate::packet::write::Files;
use crate::playbook::Playbook;
use crate::playbook::condition::Test;
use clap::ValueEnum;
use encoding::forms;
use find::{Finder, HIDDEN, Hit, What};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::LazyLock;
use store::Map;

/// How much is hidden; each level hides what the one before it hides. What is said here is the help of the command line.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, ValueEnum, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// Hide nothing; the packet says so in its name
    None,
    /// Hide passwords, tokens and keys: nobody chooses this, it is what the technician's own terminal shows
    #[value(skip)]
    #[serde(rename = "secrets-only")]
    Secrets,
    /// Hide secrets and persons; addresses and host names stay readable, for one's own next tier
    #[default]
    Standard,
    /// Hide addresses, hosts, domains and networks, too, behind pseudonyms: for a vendor, or anyone outside
    Strict,
}

impl Level {
    /// The word in a packet.
    pub fn word(self) -> &'static str {
        match self {
            Level::None => "none",
            Level::Secrets => "secrets-only",
            Level::Standard => "standard",
            Level::Strict => "strict",
        }
    }

    /// The level that a packet names; the least where the word is not known.
    pub fn of(packet: &Packet) -> Level {
        let known = [Level::Secrets, Level::Standard, Level::Strict];
        known.into_iter().find(|level| level.word() == packet.run.redaction).unwrap_or(Level::None)
    }
}

/// How often a text is looked at: a secret may hide what stands beside it, so the second look finds what the first left.
/// Two are enough for what people write; the third is for what attackers glue together.
const MOST_LOOKS: usize = 3;

/// Names and secrets that are to be hidden wherever they stand.
#[derive(Debug, Clone, Default)]
pub struct Known {
    names: BTreeMap<String, Class>,
    secrets: learn::Secrets,
}

/// A packet as it may leave.
pub struct Redacted {
    pub packet: Packet,
    pub files: Files,
    pub gate: Gate,
}

/// Stands between a redacted packet and the disk: what is said of it later is redacted in the same way, and its finished
/// files are looked through once more.
pub struct Gate {
    level: Level,
    key: Key,
    known: Known,
    net: Net,
    map: RefCell<Map>,
}

impl Gate {
    /// One that lets everything through: nothing was asked to be hidden.
    pub fn open() -> Gate {
        let known = Known::default();
        Gate { level: Level::None, key: Key::random(), net: Net::off(), map: RefCell::default(), known }
    }

    /// A sentence about the packet, as it may stand in it.
    pub fn text(&self, text: &str) -> String {
        if self.level == Level::None {
            return text.to_owned();
        }
        let mut redactor = Redactor::new(self.level, &self.key, &self.known);
        let text = redactor.text(text, false).into_owned();
        self.map.borrow_mut().extend(redactor.map);
        text
    }

    /// The class of a known secret that a finished file still holds.
    pub fn leaks(&self, bytes: &[u8]) -> Option<&'static str> {
        self.net.leaks(bytes)
    }

    /// What leads back from the pseudonyms; never part of the packet.
    pub fn map(&self) -> Map {
        self.map.borrow().clone()
    }
}

/// The text with everything replaced that is a secret by its shape. For what probes store as evidence, before the spool.
pub fn mask(text: &str) -> String {
    static SECRETS: LazyLock<Finder> = LazyLock::new(|| Finder::new(Level::Secrets, Vec::new()));
    let mut hits = SECRETS.hits(text, true);
    hits.retain(|hit| matches!(hit.what, What::Secret(_)));
    let mut masked = String::with_capacity(text.len());
    let mut end = 0;
    for hit in hits {
        masked.push_str(&text[end..hit.at.start]);
        masked.push_str(HIDDEN);
        end = hit.at.end;
    }
    masked.push_str(&text[end..]);
    masked
}

/// Redacts a packet and its evidence. With the playbook of the run the verdict is worded anew from what is left, so that
/// a replay of the redacted packet gives the same bytes.
///
/// # Errors
/// Where the packet does not read back, which is a bug.
pub fn packet(
    packet: &Packet,
    files: Files,
    level: Level,
    key: &Key,
    known: &Known,
    playbook: Option<&Playbook>,
) -> Result<Redacted> {
    if level == Level::None {
        let mut packet = packet.clone();
        packet.run.redaction = level.word().to_owned();
        packet.run.redact_to = None;
        return Ok(Redacted { packet, files, gate: Gate::open() });
    }
    let mut known = known.clone();
    known.learn(packet);
    let mut redactor = Redactor::new(level, key, &known);
    let mut value = serde_json::to_value(packet).map_err(|error| broken(&error))?;
    redactor.document(&mut value);
    let mut files = redactor.files(files);
    redactor.rename(&mut value, &mut files);
    redactor.again(&mut value, &mut files);
    // By the names that were found since.
    redactor.rename(&mut value, &mut files);
    let mut redacted: Packet = serde_json::from_value(value).map_err(|error| broken(&error))?;
    if let Some(playbook) = playbook {
        record_truths(&mut redacted, packet, playbook);
        reword(&mut redacted, packet, playbook);
    }
    redacted.run.redaction = level.word().to_owned();
    redacted.run.redact_to = None;
    for (class, count) in std::mem::take(&mut redactor.counts) {
        *redacted.run.hidden.entry(class.to_owned()).or_default() += count;
    }
    let net = Net::new(&redactor.secrets);
    let files = withhold(&mut redacted, files, &net);
    let map = RefCell::new(std::mem::take(&mut redactor.map));
    let gate = Gate { level, key: key.clone(), known, net, map };
    Ok(Redacted { packet: redacted, files, gate })
}

/// Redacts observations that belong to no packet.
///
/// # Errors
/// Where they do not read back, which is a bug.
pub fn observations(seen: &[Observation], level: Level, known: &Known) -> Result<Vec<Observation>> {
    let mut known = known.clone();
    for seen in seen {
        known.name(Class::User, &seen.context.user);
    }
    let key = Key::random();
    let mut redactor = Redactor::new(level, &key, &known);
    let mut value = serde_json::json!({ "observations": seen });
    redactor.document(&mut value);
    redactor.again(&mut value, &mut Vec::new());
    serde_json::from_value(value["observations"].take()).map_err(|error| broken(&error))
}

fn broken(error: &serde_json::Error) -> Error {
    Error::internal("the packet cannot be redacted").because(error)
}

/// Keeps how the playbook's conditions compared with facts that read differently now, so that a later judgement comes to
/// the same verdict without them.
fn record_truths(redacted: &mut Packet, before: &Packet, playbook: &Playbook) {
    let of_causes = playbook.causes.iter().map(|cause| &cause.when);
    let of_checks = playbook.checks.iter().filter_map(|check| check.when.as_ref());
    let mut atoms = Vec::new();
    of_causes.chain(of_checks).for_each(|condition| condition.atoms(&mut atoms));
    for (now, was) in redacted.observations.iter_mut().zip(&before.observations) {
        for atom in atoms.iter().filter(|atom| atom.check == was.check) {
            if let Test::Fact(fact, compare) = &atom.test
                && let Some(truth) = atom.test.holds(was)
                && atom.test.holds(now) != Some(truth)
            {
                now.truths.insert(compare.mark(fact), truth);
            }
        }
    }
}

/// Words the verdict anew, where it is still the same one: its sentences then follow from the redacted facts.
fn reword(redacted: &mut Packet, before: &Packet, playbook: &Playbook) {
    let judgement = judge(playbook, &redacted.observations, &redacted.case);
    let (verdict, old) = (judgement.verdict, &before.verdict);
    let same = (verdict.status, verdict.layer, &verdict.layers, &verdict.cause, verdict.code, verdict.certainty)
        == (old.status, old.layer, &old.layers, &old.cause, old.code, old.certainty)
        && verdict.because.len() == old.because.len()
        && verdict.suspects.len() == old.suspects.len()
        && verdict.also.len() == old.also.len();
    if same {
        // A note of the run itself is nothing that the judge knows.
        let notes = std::mem::take(&mut redacted.verdict.notes);
        redacted.verdict = verdict;
        if notes.len() != redacted.verdict.notes.len() {
            redacted.verdict.notes = notes;
        }
        redacted.next = judgement.next;
    }
}

/// Takes out the files that still hold a known secret, and names them.
fn withhold(packet: &mut Packet, files: Files, net: &Net) -> Files {
    let mut kept = Vec::with_capacity(files.len());
    for (name, bytes) in files {
        match net.leaks(&bytes) {
            None => kept.push((name, bytes)),
            Some(class) => {
                let why = format!("evidence/{name} is withheld: it still holds a secret ({class})");
                packet.run.warnings.push(why);
                packet.run.withheld.push(format!("evidence/{name}"));
                packet.observations.iter_mut().for_each(|seen| seen.evidence.retain(|evidence| *evidence != name));
            }
        }
    }
    kept
}

/// Leads every pseudonym in a text back to its name.
pub fn unmask(text: &str, map: &Map) -> String {
    let words =
        aho_corasick::AhoCorasick::builder().match_kind(aho_corasick::MatchKind::LeftmostLongest).build(map.keys());
    let Ok(automaton) = words else { return text.to_owned() };
    let names: Vec<&String> = map.values().collect();
    let joined = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    let mut unmasked = String::with_capacity(text.len());
    automaton.replace_all_with(text, &mut unmasked, |found, pseudonym, unmasked| {
        let bytes = text.as_bytes();
        let part = joined(bytes.get(found.end())) || found.start() > 0 && joined(bytes.get(found.start() - 1));
        unmasked.push_str(if part { pseudonym } else { names[found.pattern().as_usize()] });
        true
    });
    unmasked
}

/// One redaction under way.
struct Redactor<'k> {
    key: &'k Key,
    level: Level,
    finder: Finder,
    /// Every secret that was known or found, by value.
    secrets: learn::Secrets,
    /// Names that were found on the way.
    found: BTreeMap<String, Class>,
    counts: BTreeMap<&'static str, usize>,
    addresses: BTreeMap<(IpAddr, Option<u8>), IpAddr>,
    map: Map,
}

impl<'k> Redactor<'k> {
    fn new(level: Level, key: &'k Key, known: &Known) -> Redactor<'k> {
        Redactor {
            key,
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
    fn text<'t>(&mut self, text: &'t str, typed: bool) -> Cow<'t, str> {
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
                let mapped = address::hardware(self.key, *address);
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

    fn secret(&mut self, class: &'static str, text: &str) -> String {
        self.count(class);
        let mut known = Known::default();
        known.secret(class, text);
        self.secrets.extend(known.secrets);
        HIDDEN.to_owned()
    }

    fn name(&mut self, class: Class, text: &str) -> String {
        if pseudonym::is_pseudonym(text) {
            return text.to_owned();
        }
        self.count(class.word());
        let pseudonym = pseudonym::pseudonym(self.key, class, text);
        let mut found = Known::default();
        found.name(class, text);
        self.found.extend(found.names.into_iter().filter(|_| class != Class::Path && class != Class::Sid));
        // As it was written first: accounts are the same in capitals.
        self.map.entry(pseudonym.clone()).or_insert_with(|| text.to_owned());
        pseudonym
    }

    /// Each label of a host name; the last one stays where it is public, and what only says what a host is for.
    fn host(&mut self, text: &str) -> String {
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
                let pseudonym = pseudonym::pseudonym(self.key, Class::Name, label);
                self.map.insert(pseudonym.clone(), (*label).to_owned());
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
        let key = self.key;
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

    /// Evidence is text; what is not is left to the scan.
    fn files(&mut self, files: Files) -> Files {
        let redacted = files.into_iter().map(|(name, bytes)| match String::from_utf8(bytes) {
            Ok(text) => match self.text(&text, false) {
                Cow::Borrowed(_) => (name, text.into_bytes()),
                Cow::Owned(text) => (name, text.into_bytes()),
            },
            Err(error) => (name, error.into_bytes()),
        });
        redacted.collect()
    }

    /// Names of files are texts, too: one that tells what is hidden is called after its check. What is left of an address
    /// in a name reads like none, so outsiders get no name as it was.
    fn rename(&mut self, document: &mut serde_json::Value, files: &mut Files) {
        let mut renamed: BTreeMap<String, String> = BTreeMap::new();
        let mut number = 0;
        let mut call = |redactor: &mut Self, name: &str, check: &str| {
            if !renamed.contains_key(name) && (redactor.level >= Level::Strict || redactor.tells(name)) {
                number += 1;
                renamed.insert(name.to_owned(), format!("{check}-{number}.txt"));
            }
            renamed.get(name).cloned()
        };
        document::each_evidence(document, &mut |check, name| call(self, name, check));
        for (name, _) in files {
            if let Some(new) = call(self, name, "evidence") {
                *name = new;
            }
        }
    }

    /// Whether the name of a file says something that its level hides.
    fn tells(&mut self, name: &str) -> bool {
        self.text(name, false) != name || self.secrets.keys().any(|secret| name.contains(secret.as_str()))
    }

    /// What was found in one place is hidden in all others, in every form that a text may hold it.
    fn again(&mut self, document: &mut serde_json::Value, files: &mut Files) {
        let long = |secret: &&String| secret.len() >= leak::SHORTEST_SECRET;
        let plain = self.secrets.keys().filter(long).cloned();
        let encoded = self.secrets.keys().filter(long).flat_map(|secret| forms(secret));
        let words: Vec<Vec<u8>> = plain.map(String::into_bytes).chain(encoded).collect();
        let known = &self.finder;
        let new: Vec<(String, Class)> =
            std::mem::take(&mut self.found).into_iter().filter(|(name, _)| !known.knows(name)).collect();
        if words.is_empty() && new.is_empty() {
            return;
        }
        let automaton = aho_corasick::AhoCorasick::builder()
            .match_kind(aho_corasick::MatchKind::LeftmostLongest)
            .build(&words)
            .ok()
            .filter(|_| !words.is_empty());
        let found_names = !new.is_empty();
        self.finder = Finder::names_only(self.level, new);
        document::each_text(document, &mut |text, typed| {
            let text = self.without(automaton.as_ref(), text);
            let stays = !found_names || (typed && self.level < Level::Strict);
            if stays { text } else { self.text(&text, false).into_owned() }
        });
        for (_, bytes) in files {
            if let Ok(text) = std::str::from_utf8(bytes) {
                let text = self.without(automaton.as_ref(), text);
                let text = if found_names { self.text(&text, false).into_owned() } else { text };
                *bytes = text.into_bytes();
            }
        }
        let net = Net::new(&self.secrets);
        document::each_text(document, &mut |text, _| match net.leaks(text.as_bytes()) {
            Some(class) => format!("{HIDDEN} (withheld: it holds a secret, {class})"),
            None => text.to_owned(),
        });
    }

    fn without(&mut self, automaton: Option<&aho_corasick::AhoCorasick>, text: &str) -> String {
        let Some(automaton) = automaton else { return text.to_owned() };
        let mut counted = 0;
        let mut written = String::with_capacity(text.len());
        let mut end = 0;
        for found in automaton.find_iter(text) {
            // A form may begin within a letter of several bytes only where the text holds no such secret.
            if let Some(before) = text.get(end..found.start()).filter(|_| text.is_char_boundary(found.end())) {
                written.push_str(before);
                written.push_str(HIDDEN);
                end = found.end();
                counted += 1;
            }
        }
        written.push_str(&text[end..]);
        if counted > 0 {
            *self.counts.entry("secret-elsewhere").or_default() += counted;
        }
        written
    }
}

#[cfg(test)]
mod tests;
