//! What was found in one place is hidden in all others: in the document, in the evidence, and in the names of files.

use super::Level;
use super::document::{self, each_text};
use super::find::{Finder, HIDDEN};
use super::leak::Net;
use super::pseudonym::Class;
use super::redactor::Redactor;
use super::sought::Sought;
use crate::packet::write::Files;
use serde_json::Value;
use std::borrow::Cow;
use std::collections::BTreeMap;

impl Redactor {
    /// Evidence is text; what is not is left to the scan.
    pub(super) fn files(&mut self, files: Files) -> Files {
        files.into_iter().map(|(name, bytes)| (name, rewritten(bytes, |text| self.text(text, false)))).collect()
    }

    /// Names of files are texts, too: one that tells what is hidden is called after its check. What is left of an address
    /// in a name reads like none, so outsiders get no name as it was.
    pub(super) fn rename(&mut self, document: &mut Value, files: &mut Files) {
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

    /// Hides what was found in every form that a text may hold it, and returns the net for the finished files.
    pub(super) fn again(&mut self, document: &mut Value, files: &mut [&mut Files]) -> Net {
        let sought = Sought::new(&self.secrets);
        let known = &self.finder;
        let new: Vec<(String, Class)> =
            std::mem::take(&mut self.found).into_iter().filter(|(name, _)| !known.knows(name)).collect();
        if sought.is_empty() && new.is_empty() {
            return Net::new(sought);
        }
        let names_were_found = !new.is_empty();
        let usual = std::mem::replace(&mut self.finder, Finder::names_only(self.level, new));
        each_text(document, &mut |text, typed| {
            let text = self.without(&sought, text);
            let stays = !names_were_found || (typed && self.level < Level::Strict);
            if stays { text.into_owned() } else { self.text(&text, false).into_owned() }
        });
        for (_, bytes) in files.iter_mut().flat_map(|files| files.iter_mut()) {
            *bytes = rewritten(std::mem::take(bytes), |text| match self.without(&sought, text) {
                text if !names_were_found => text,
                Cow::Borrowed(text) => self.text(text, false),
                Cow::Owned(text) => Cow::Owned(self.text(&text, false).into_owned()),
            });
        }
        self.finder = usual;
        let net = Net::new(sought);
        each_text(document, &mut |text, _| match net.leaks(text.as_bytes()) {
            Some(class) => format!("{HIDDEN} (withheld: it holds a secret, {class})"),
            None => text.to_owned(),
        });
        net
    }

    /// The text without what is sought.
    fn without<'t>(&mut self, sought: &Sought, text: &'t str) -> Cow<'t, str> {
        let Some((written, counted)) = sought.without(text) else { return Cow::Borrowed(text) };
        *self.counts.entry("secret-elsewhere").or_default() += counted;
        Cow::Owned(written)
    }
}

/// Text rewritten; bytes that are none stay as they are.
fn rewritten(bytes: Vec<u8>, rewrite: impl for<'t> FnOnce(&'t str) -> Cow<'t, str>) -> Vec<u8> {
    let changed = match std::str::from_utf8(&bytes) {
        Ok(text) => match rewrite(text) {
            Cow::Owned(text) => Some(text.into_bytes()),
            Cow::Borrowed(_) => None,
        },
        Err(_) => None,
    };
    changed.unwrap_or(bytes)
}
