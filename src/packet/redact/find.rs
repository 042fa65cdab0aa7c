//! Finds in a text what must be hidden: one pass of an automaton over the fixed words of all rules and over the names
//! that were learned, and one pass over dots and colons for addresses where these are hidden, too. Each candidate is
//! then looked at by its shape.

use super::Level;
use super::account::is_personal;
use super::pseudonym::{Class, is_pseudonym};
use super::rules::{Letters, PERSONAL, Rule, SECRETS, Shape};
use super::topology;
use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};
use std::net::IpAddr;
use std::ops::Range;
use std::sync::LazyLock;

/// What stands in the place of a secret.
pub(super) const HIDDEN: &str = "***";

/// Longest distance between a word and the sign that its value follows.
const LONGEST_TAIL: usize = 40;
/// Least length of credentials after the name of a scheme.
const LEAST_CREDENTIALS: usize = 8;
/// The beginning of every JSON web token (`{"` in base64url); shorter words of that kind are none.
const LEAST_WEB_TOKEN: usize = 30;

/// One thing to hide.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Hit {
    pub(super) at: Range<usize>,
    pub(super) what: What,
}

/// What it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum What {
    /// Gone for good; the class is for the report.
    Secret(&'static str),
    /// Gone for good, but no secret that is looked for elsewhere.
    Dropped(&'static str),
    /// Gets a pseudonym.
    Name(Class),
    /// A host or domain name: a pseudonym for each label.
    Host,
    /// An address, with the prefix length where it is a subnet.
    Address(IpAddr, Option<u8>),
    /// A hardware address, and what stands between its octets.
    Hardware([u8; 6], u8),
}

/// The rules of a level and the names that were learned, ready to be looked for.
pub(super) struct Finder {
    automaton: AhoCorasick,
    level: Level,
    rules: Vec<&'static Rule>,
    names: Vec<(String, Class)>,
    /// Addresses and host names are looked for, too.
    topology: bool,
}

impl Finder {
    pub(super) fn new(level: Level, names: Vec<(String, Class)>) -> Finder {
        let personal = if level >= Level::Standard { PERSONAL } else { &[] };
        let topology = level >= Level::Strict;
        let rules = SECRETS.iter().chain(personal).collect();
        Finder { topology, ..Finder::with(level, rules, names, AhoCorasickKind::DFA) }
    }

    fn with(
        level: Level,
        rules: Vec<&'static Rule>,
        names: Vec<(String, Class)>,
        automaton: AhoCorasickKind,
    ) -> Finder {
        let words = rules.iter().map(|rule| rule.anchor).chain(names.iter().map(|(name, _)| name.as_str()));
        let automaton = AhoCorasick::builder()
            .ascii_case_insensitive(true)
            .match_kind(MatchKind::Standard)
            .kind(Some(automaton))
            .build(words)
            .expect("rules and bounded names make an automaton of bounded size");
        Finder { automaton, level, rules, names, topology: false }
    }

    /// The one that looks for secrets and for nothing else, made once. It sees single values and answers, so a small
    /// automaton that is made soon serves better than the large and fast table for a whole packet.
    pub(super) fn of_secrets() -> &'static Finder {
        static SECRETS_ONLY: LazyLock<Finder> = LazyLock::new(|| {
            Finder::with(Level::Secrets, SECRETS.iter().collect(), Vec::new(), AhoCorasickKind::ContiguousNFA)
        });
        &SECRETS_ONLY
    }

    /// One that looks for these names and for nothing else.
    pub(super) fn names_only(level: Level, names: Vec<(String, Class)>) -> Finder {
        Finder::with(level, Vec::new(), names, AhoCorasickKind::DFA)
    }

    /// Whether this name is looked for.
    pub(super) fn knows(&self, name: &str) -> bool {
        self.names.iter().any(|(known, _)| known == name)
    }

    /// Everything to hide, in order and without overlaps. `secrets_only` for what a person typed.
    pub(super) fn hits(&self, text: &str, secrets_only: bool) -> Vec<Hit> {
        let strict = self.level >= Level::Strict;
        let mut found = Found { text: text.as_bytes(), strict, hits: Vec::new() };
        for candidate in self.automaton.find_overlapping_iter(text.as_bytes()) {
            let (start, end) = (candidate.start(), candidate.end());
            match self.rules.get(candidate.pattern().as_usize()) {
                Some(rule) => found.look(rule, start, end, secrets_only),
                None if secrets_only => {}
                None => {
                    let (_, class) = &self.names[candidate.pattern().as_usize() - self.rules.len()];
                    found.name(*class, start, end);
                }
            }
        }
        if self.topology {
            topology::find(text, &mut found.hits);
        }
        if found.hits.is_empty() { found.hits } else { apart(found.hits) }
    }
}

/// Hits that do not overlap: secrets win over names and grow together; of the rest the first and longest stays, up to the
/// secret that it runs into.
fn apart(hits: Vec<Hit>) -> Vec<Hit> {
    let (mut secrets, mut others): (Vec<Hit>, Vec<Hit>) =
        hits.into_iter().partition(|hit| matches!(hit.what, What::Secret(_)));
    let order = |hit: &Hit| (hit.at.start, usize::MAX - hit.at.end);
    secrets.sort_by_key(order);
    let mut merged: Vec<Hit> = Vec::with_capacity(secrets.len() + others.len());
    for hit in secrets {
        match merged.last_mut() {
            Some(last) if hit.at.start < last.at.end => last.at.end = last.at.end.max(hit.at.end),
            _ => merged.push(hit),
        }
    }
    others.sort_by_key(order);
    let mut end = 0;
    let secrets = merged.len();
    for mut hit in others {
        let next = merged[..secrets].partition_point(|secret| secret.at.end <= hit.at.start);
        if let Some(secret) = merged[..secrets].get(next).filter(|secret| secret.at.start < hit.at.end) {
            // What stands before the secret is still a name; half an address is none.
            let half = matches!(hit.what, What::Address(..) | What::Hardware(..));
            hit.at.end = if half { hit.at.start } else { secret.at.start.max(hit.at.start) };
        }
        if !hit.at.is_empty() && hit.at.start >= end {
            end = hit.at.end;
            merged.push(hit);
        }
    }
    merged.sort_by_key(|hit| hit.at.start);
    merged
}

struct Found<'t> {
    text: &'t [u8],
    strict: bool,
    hits: Vec<Hit>,
}

impl Found<'_> {
    fn look(&mut self, rule: &Rule, start: usize, end: usize, secrets_only: bool) {
        let found = match rule.shape {
            Shape::Token(letters, least) => self.token(rule, letters, least, start, end),
            Shape::Value => self.value(start, end, false),
            Shape::ValueOfWord => self.stands_alone(start, end).then(|| self.value(start, end, false)).flatten(),
            Shape::Line => self.value(start, end, true),
            Shape::Scheme => self.scheme(start, end),
            Shape::Block => self.block(start, end),
            Shape::WebToken => self.web_token(rule, start),
            Shape::Next => self.next(rule, start, end),
            Shape::Pair => self.pair(start, end),
            Shape::Bot => self.bot(rule, start, end),
            Shape::Url => return self.url(end, secrets_only),
            _ if secrets_only => return,
            Shape::Home => return self.home(start, end),
            Shape::Mail => return self.mail(start, end),
            Shape::Sid => return self.sid(start, end),
            Shape::Account => return self.account(start, end),
            Shape::Serial => return self.serial(start, end),
            Shape::Request => return self.query(end - 1),
        };
        if let Some(at) = found.filter(|at| at.end > at.start && !self.text[at.clone()].starts_with(HIDDEN.as_bytes()))
        {
            self.hits.push(Hit { at, what: What::Secret(rule.class) });
        }
    }

    fn push(&mut self, at: Range<usize>, what: What) {
        if at.end > at.start {
            self.hits.push(Hit { at, what });
        }
    }

    fn run(&self, from: usize, holds: impl Fn(u8) -> bool) -> usize {
        self.text[from..].iter().position(|byte| !holds(*byte)).map_or(self.text.len(), |length| from + length)
    }

    fn before(&self, at: usize) -> Option<u8> {
        at.checked_sub(1).map(|before| self.text[before])
    }

    fn begins_word(&self, start: usize) -> bool {
        !self.before(start).is_some_and(is_word)
    }

    fn stands_alone(&self, start: usize, end: usize) -> bool {
        let joined = |byte: u8| is_word(byte) && byte != b'_';
        !self.before(start).is_some_and(joined) && !self.text.get(end).copied().is_some_and(joined)
    }

    fn token(&self, rule: &Rule, letters: Letters, least: usize, start: usize, end: usize) -> Option<Range<usize>> {
        let exact = &self.text[start..end] == rule.anchor.as_bytes() && self.begins_word(start);
        let stop = if exact { self.run(end, |byte| letters.hold(byte)) } else { end };
        (exact && stop - end >= least).then_some(start..stop)
    }

    /// Where the value of a word begins and ends: after `=` or `:`, with quotes and blanks between, or after the blank
    /// that follows an option such as `--password`.
    fn value(&self, start: usize, end: usize, to_end_of_line: bool) -> Option<Range<usize>> {
        // The word may go on (`token_id`, `passwords`), quoted or not.
        let tail = self.run(end, |byte| is_word(byte) || b"-\"'\\".contains(&byte)).min(end + LONGEST_TAIL);
        if names_a_file(&self.text[end..tail]) {
            return None;
        }
        let sign = self.run(tail, |byte| byte == b' ' || byte == b'\t');
        let mut at = match self.text.get(sign) {
            Some(b'=' | b':') => self.run(sign, |byte| b"=:> \t".contains(&byte)),
            _ if sign > tail && self.is_option(start) => sign,
            _ => return None,
        };
        let escaped = self.text.get(at) == Some(&b'\\') && matches!(self.text.get(at + 1), Some(b'"' | b'\''));
        at += usize::from(escaped);
        let quote = self.text.get(at).copied().filter(|byte| b"\"'".contains(byte));
        at += usize::from(quote.is_some());
        let stop = match quote {
            Some(quote) => self.closing(at, quote, escaped),
            None if to_end_of_line => self.run(at, |byte| byte != b'\n' && byte != b'\r'),
            None => self.run(at, |byte| !byte.is_ascii_whitespace() && !b"&;,\"')}]<>".contains(&byte)),
        };
        let nothing = [&b"null"[..], b"none", b"true", b"false", b"yes", b"no"].contains(&&self.text[at..stop]);
        (!nothing).then_some(at..stop)
    }

    /// The end of a quoted value: its quote, else the end of the line.
    fn closing(&self, from: usize, quote: u8, escaped: bool) -> usize {
        let mut at = from;
        while at < self.text.len() && !b"\r\n".contains(&self.text[at]) {
            match self.text[at] {
                b'\\' if escaped && self.text.get(at + 1) == Some(&quote) => return at,
                b'\\' => at += 1,
                byte if byte == quote => return at,
                _ => {}
            }
            at += 1;
        }
        at.min(self.text.len())
    }

    fn is_option(&self, start: usize) -> bool {
        let word = self.text[..start].iter().rposition(u8::is_ascii_whitespace).map_or(0, |blank| blank + 1);
        self.text[word..=start.min(self.text.len() - 1)].starts_with(b"-")
    }

    fn scheme(&self, start: usize, end: usize) -> Option<Range<usize>> {
        if !self.begins_word(start) {
            return None;
        }
        let stop = self.run(end, |byte| !byte.is_ascii_whitespace() && !b"&;,\"')}]<>".contains(&byte));
        let word = &self.text[end..stop];
        // A word of prose after it is no credential: those are long and hold more than letters.
        (word.len() >= LEAST_CREDENTIALS && !word.iter().all(u8::is_ascii_lowercase)).then_some(end..stop)
    }

    /// A private block, up to its end or, where that is cut off, to the end of the text.
    fn block(&self, start: usize, end: usize) -> Option<Range<usize>> {
        let title_end = self.run(end, |byte| byte != b'-' && byte != b'\n');
        let title = self.text[end..title_end].to_ascii_uppercase();
        let says = |word: &[u8]| title.windows(word.len()).any(|part| part == word);
        if !says(b"PRIVATE KEY") && !says(b"STATIC KEY") && !says(b"SECRET") {
            return None;
        }
        let rest = &self.text[title_end..];
        let close = rest.windows(9).position(|part| part.eq_ignore_ascii_case(b"-----end "));
        let stop = match close {
            Some(close) => {
                let line = self.run(title_end + close + 9, |byte| byte != b'-' && byte != b'\n');
                self.run(line, |byte| byte == b'-')
            }
            None => self.text.len(),
        };
        Some(start..stop)
    }

    fn web_token(&self, rule: &Rule, start: usize) -> Option<Range<usize>> {
        let exact = self.text[start..].starts_with(rule.anchor.as_bytes()) && self.begins_word(start);
        let stop = self.run(start, |byte| Letters::Encoded.hold(byte));
        (exact && stop - start >= LEAST_WEB_TOKEN).then_some(start..stop)
    }

    fn next(&self, rule: &Rule, start: usize, end: usize) -> Option<Range<usize>> {
        // `password` is prose; in netrc it follows a login.
        let line = self.text[..start].iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        let netrc = self.text[line..start].windows(6).any(|part| part == b"login ");
        if rule.anchor == "password " && !netrc {
            return None;
        }
        let quoted = usize::from(self.text.get(end).is_some_and(|byte| b"'\"".contains(byte)));
        let stop = self.run(end + quoted, |byte| !byte.is_ascii_whitespace() && !b"'\";".contains(&byte));
        Some(end + quoted..stop)
    }

    fn pair(&self, start: usize, end: usize) -> Option<Range<usize>> {
        let line = self.text[..start].iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        let fetches = [&b"curl"[..], b"wget", b"http"];
        let named = fetches.iter().any(|name| self.text[line..start].windows(name.len()).any(|part| part == *name));
        let quoted = usize::from(self.text.get(end).is_some_and(|byte| b"'\"".contains(byte)));
        let stop = self.run(end + quoted, |byte| !byte.is_ascii_whitespace() && !b"'\"".contains(&byte));
        let colon = self.text[end + quoted..stop].iter().position(|byte| *byte == b':')?;
        named.then_some(end + quoted + colon + 1..stop)
    }

    fn bot(&self, rule: &Rule, start: usize, end: usize) -> Option<Range<usize>> {
        let digits = self.text[..start].iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
        let stop = self.run(end, |byte| Letters::Dashed.hold(byte));
        let exact = &self.text[start..end] == rule.anchor.as_bytes();
        (exact && (8..=10).contains(&digits) && stop - end >= 30).then_some(start - digits..stop)
    }

    /// User and password lie before the last `@` of the authority; the query after the path, and a fragment with it.
    fn url(&mut self, authority: usize, secrets_only: bool) {
        let ends = |byte: u8| !byte.is_ascii_whitespace() && !b"\"'<>`".contains(&byte);
        let end = self.run(authority, |byte| ends(byte) && !b"/?#".contains(&byte));
        if let Some(at) = self.text[authority..end].iter().rposition(|byte| *byte == b'@')
            && &self.text[authority..authority + at] != HIDDEN.as_bytes()
        {
            self.push(authority..authority + at, What::Secret("url-password"));
        }
        if !secrets_only {
            self.query(end);
        }
    }

    /// The query of a path that begins here.
    fn query(&mut self, path: usize) {
        let plain = |byte: u8| !byte.is_ascii_whitespace() && !b"\"'<>`|)]},;\\".contains(&byte);
        let question = self.run(path, |byte| plain(byte) && byte != b'?');
        if self.text.get(question) == Some(&b'?') {
            let stop = self.run(question + 1, |byte| plain(byte) || b"|)]},;\\".contains(&byte));
            let stop = question + 1 + sentence_end(&self.text[question + 1..stop]);
            if !self.text[question + 1..stop].iter().all(|byte| *byte == b'*') {
                self.push(question + 1..stop, What::Dropped("query"));
            }
        }
    }

    /// The person's name in the path of a home folder, and what lies beneath. What begins with a dot are settings,
    /// which say where a fault is and nothing about the person.
    fn home(&mut self, start: usize, end: usize) {
        let escaped = self.text[start..end].ends_with(b"\\") && self.text.get(end) == Some(&b'\\');
        let name = end + usize::from(escaped);
        if !self.before(start).is_some_and(|byte| b"/\\".contains(&byte)) || self.is_in_url(start) {
            return;
        }
        let name_end = self.run(name, |byte| !b"/\\:;,\"'<>|*?`()[]{}=".contains(&byte) && !byte.is_ascii_whitespace());
        let name_end = name + sentence_end(&self.text[name..name_end]);
        self.account_at(name..name_end);
        let folder = self.run(name_end, |byte| b"/\\".contains(&byte));
        if folder == name_end || name == name_end || self.text.get(folder) == Some(&b'.') {
            return;
        }
        let stop = self.run(folder, |byte| !byte.is_ascii_whitespace() && !b"\"'<>|`:;,)]}".contains(&byte));
        let stop = folder + sentence_end(&self.text[folder..stop]);
        if !is_pseudonym(&String::from_utf8_lossy(&self.text[folder..stop])) {
            self.push(folder..stop, What::Name(Class::Path));
        }
    }

    fn is_in_url(&self, at: usize) -> bool {
        let word = self.text[..at].iter().rposition(u8::is_ascii_whitespace).map_or(0, |blank| blank + 1);
        let word = &self.text[word..at];
        let local = word.windows(8).any(|part| part == b"file:///");
        !local && word.windows(3).any(|part| part == b"://")
    }

    /// The part before `@`: the domain is topology. Units of systemd look alike, and so do names without a domain.
    fn mail(&mut self, at: usize, end: usize) {
        let local =
            self.text[..at].iter().rev().take_while(|byte| byte.is_ascii_alphanumeric() || b"._%+-".contains(byte));
        let start = at - local.count();
        let stop = self.run(end, |byte| byte.is_ascii_alphanumeric() || b".-".contains(&byte));
        let stop = end + sentence_end(&self.text[end..stop]);
        let domain = String::from_utf8_lossy(&self.text[end..stop]);
        let Some((_, last)) = domain.rsplit_once('.') else { return };
        const UNITS: [&str; 8] = ["service", "socket", "timer", "mount", "target", "scope", "slice", "device"];
        let is_domain =
            last.len() >= 2 && last.bytes().all(|byte| byte.is_ascii_alphabetic()) && !UNITS.contains(&last);
        if is_domain {
            self.account_at(start..at);
        }
    }

    fn sid(&mut self, start: usize, end: usize) {
        let stop = self.run(end, |byte| byte.is_ascii_digit() || byte == b'-');
        if self.begins_word(start) && stop > end {
            self.push(start..stop, What::Name(Class::Sid));
        }
    }

    fn account(&mut self, start: usize, end: usize) {
        if !self.begins_word(start) {
            return;
        }
        let name = self.run(end, |byte| b" \"'\\".contains(&byte));
        let stop = self.run(name, |byte| is_word(byte) || b".-$".contains(&byte));
        let stop = name + sentence_end(&self.text[name..stop]);
        // `user: the name was wrong` is prose; after a colon and a blank only a lone word is an account.
        let prose = self.text[..end].ends_with(b":") && name > end && self.text.get(stop) == Some(&b' ');
        let is_sid = || {
            let word = self.text[name..stop].to_ascii_uppercase();
            word.starts_with(b"S-1-") && word[2..].iter().all(|byte| byte.is_ascii_digit() || *byte == b'-')
        };
        if !prose && !is_sid() {
            self.account_at(name..stop);
        }
    }

    fn account_at(&mut self, at: Range<usize>) {
        let name = String::from_utf8_lossy(&self.text[at.clone()]).into_owned();
        if is_personal(&name) {
            self.push(at, What::Name(Class::User));
        }
    }

    fn serial(&mut self, start: usize, end: usize) {
        if !self.begins_word(start) {
            return;
        }
        let sign = self.run(end, |byte| b" \t\"'".contains(&byte));
        if !matches!(self.text.get(sign), Some(b'=' | b':')) {
            return;
        }
        let at = self.run(sign, |byte| b"=: \t\"'".contains(&byte));
        let stop = self.run(at, |byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'.');
        let stop = at + sentence_end(&self.text[at..stop]);
        let text = String::from_utf8_lossy(&self.text[at..stop]).into_owned();
        if text.len() >= 5 && text.bytes().any(|byte| byte.is_ascii_digit()) && !text.split('.').any(is_pseudonym) {
            self.push(at..stop, What::Name(Class::Serial));
        }
    }

    fn is_in_pseudonym(&self, start: usize, end: usize) -> bool {
        let joined = |byte: &u8| is_word(*byte) || *byte == b'-';
        let before = self.text[..start].iter().rev().take_while(|byte| joined(byte)).count();
        let after = self.text[end..].iter().take_while(|byte| joined(byte)).count();
        is_pseudonym(&String::from_utf8_lossy(&self.text[start - before..end + after]))
    }

    /// A learned name, where it stands as a word of its own.
    fn name(&mut self, class: Class, start: usize, end: usize) {
        let after = self.text.get(end).copied();
        let goes_on = |byte: u8| is_word(byte) || byte >= 0x80;
        if self.before(start).is_some_and(goes_on) || after.is_some_and(goes_on) {
            return;
        }
        // As a part of a host name it is topology, which outsiders do not see, and as a part of a pseudonym it is nobody's.
        let dotted = after == Some(b'.') && self.text.get(end + 1).is_some_and(u8::is_ascii_alphanumeric);
        let joined = self.before(start).is_some_and(|byte| b"-.".contains(&byte)) || after == Some(b'-') || dotted;
        if !joined
            || class == Class::Serial
            || class == Class::Ssid
            || (self.strict && !self.is_in_pseudonym(start, end))
        {
            self.push(start..end, What::Name(class));
        }
    }
}

/// Whether a word for a secret goes on so that its value is a place and no secret: `--password-file /run/x`.
fn names_a_file(tail: &[u8]) -> bool {
    let letters = tail.iter().rposition(u8::is_ascii_alphanumeric).map_or(&[][..], |last| &tail[..=last]);
    [&b"file"[..], b"path"]
        .iter()
        .any(|end| letters.len() >= end.len() && letters[letters.len() - end.len()..].eq_ignore_ascii_case(end))
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// How much of a text is left without the full stops that end a sentence.
fn sentence_end(text: &[u8]) -> usize {
    text.iter().rposition(|byte| !b".,;:!)]}".contains(byte)).map_or(0, |last| last + 1)
}
