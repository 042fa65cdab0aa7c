//! Finds a playbook by the user's words: overlap of normalised words with what a playbook says users say, its title and
//! its id. English only. It never guesses quietly: below a threshold the nearest ones are named instead.

use super::builtin;
use super::load::LoadError;
use std::collections::{BTreeMap, BTreeSet};
use toml::de::DeTable;

/// Words that say nothing about which playbook is meant.
const STOP: &[&str] = &[
    "a", "again", "all", "also", "am", "an", "and", "any", "are", "as", "at", "be", "been", "but", "by", "can", "do",
    "does", "for", "from", "get", "has", "have", "he", "her", "here", "his", "i", "if", "in", "is", "it", "its",
    "just", "me", "my", "of", "on", "or", "our", "please", "she", "since", "so", "that", "the", "their", "them",
    "there", "they", "this", "to", "today", "us", "very", "was", "we", "when", "will", "with", "you", "your",
];

/// Different ways to say the same; the second is what is compared. Contractions lose their apostrophe before.
const SAME: &[(&str, &str)] = &[
    ("aint", "not"),
    ("arent", "not"),
    ("broken", "down"),
    ("cannot", "not"),
    ("cant", "not"),
    ("computer", "machine"),
    ("couldnt", "not"),
    ("dead", "down"),
    ("didnt", "not"),
    ("doesnt", "not"),
    ("dont", "not"),
    ("fail", "down"),
    ("failed", "down"),
    ("failing", "down"),
    ("isnt", "not"),
    ("laptop", "machine"),
    ("loading", "load"),
    ("net", "internet"),
    ("never", "not"),
    ("no", "not"),
    ("offline", "internet"),
    ("opening", "open"),
    ("page", "site"),
    ("pc", "machine"),
    ("slowly", "slow"),
    ("sluggish", "slow"),
    ("web", "site"),
    ("webpage", "site"),
    ("website", "site"),
    ("wont", "not"),
    ("working", "work"),
    ("works", "work"),
];

/// Words that most complaints share, and what they weigh against one that names the thing: judgement, held by the
/// table in the tests.
const WEAK: &[&str] = &["down", "load", "machine", "not", "open", "work"];
const WEAK_WEIGHT: f64 = 0.5;

/// A match below this shares too little with what was typed to be run unasked; judgement, held by the table in the
/// tests.
const ENOUGH: f64 = 0.4;

/// Two matches nearer than this to each other are equally good.
const TIE: f64 = 0.02;

/// How many are named where nothing fits.
const NAMED: usize = 3;

/// What a playbook says about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heading {
    pub id: String,
    pub title: String,
    pub says: Vec<String>,
}

/// How well a playbook fits.
#[derive(Debug, Clone, PartialEq)]
pub struct Match {
    pub id: String,
    pub title: String,
    /// From 0, nothing in common, to 1, the same words.
    pub score: f64,
}

/// The headings of all built-in playbooks, without reading what is in them.
pub fn headings() -> Vec<Heading> {
    builtin::BUILTIN.iter().map(|(id, text)| heading(id, text)).collect()
}

/// The heading of one playbook.
pub fn heading(id: &str, text: &str) -> Heading {
    // What a playbook says of itself stands before its first table (TOML has no way back), and that is all that is read.
    let end = ["\n[[", "\n[inputs"].into_iter().filter_map(|table| text.find(table)).min().unwrap_or(text.len());
    let (table, _) = DeTable::parse_recoverable(&text[..end]);
    let table = table.get_ref();
    let title = table.get("title").and_then(|value| value.get_ref().as_str()).unwrap_or_default();
    let says = table
        .get("says")
        .and_then(|value| value.get_ref().as_array())
        .map(|items| items.iter().filter_map(|item| item.get_ref().as_str()).map(str::to_owned).collect());
    Heading { id: id.to_owned(), title: title.to_owned(), says: says.unwrap_or_default() }
}

/// All playbooks by how well they fit, best first; those that share nothing are left out.
pub fn rank(words: &str, headings: &[Heading]) -> Vec<Match> {
    let asked = tokens(words);
    let rarity = rarity(headings);
    let mut matches: Vec<Match> = headings
        .iter()
        .map(|heading| Match {
            id: heading.id.clone(),
            title: heading.title.clone(),
            score: phrases(heading).map(|phrase| likeness(&asked, &tokens(phrase), &rarity)).fold(0.0, f64::max),
        })
        .filter(|found| found.score > 0.0)
        .collect();
    matches.sort_by(|left, right| right.score.total_cmp(&left.score));
    matches
}

/// The one playbook that fits.
///
/// # Errors
/// Where none fits well enough, or several do equally well.
pub fn best(words: &str, headings: &[Heading]) -> Result<String, LoadError> {
    let ranked = rank(words, headings);
    // Nobody speaks with hyphens: this is a mistyped id, and running what it resembles would be a guess.
    if words.contains('-') && !words.trim().contains(char::is_whitespace) {
        return Err(LoadError::NoMatch { words: words.to_owned(), nearest: nearest(words, &ranked, headings) });
    }
    let named = |list: &[Match]| list.iter().take(NAMED).map(|it| (it.id.clone(), it.title.clone())).collect();
    match ranked.as_slice() {
        [first, second, ..] if first.score >= ENOUGH && first.score - second.score < TIE && first.score < 1.0 => {
            let tied = ranked.partition_point(|found| first.score - found.score < TIE);
            Err(LoadError::Ambiguous { words: words.to_owned(), fitting: named(&ranked[..tied]) })
        }
        [first, ..] if first.score >= ENOUGH => Ok(first.id.clone()),
        _ => Err(LoadError::NoMatch { words: words.to_owned(), nearest: nearest(words, &ranked, headings) }),
    }
}

/// Those that share a word, filled up by those whose id looks alike.
fn nearest(words: &str, ranked: &[Match], headings: &[Heading]) -> Vec<(String, String)> {
    let mut list: Vec<(String, String)> = ranked.iter().map(|it| (it.id.clone(), it.title.clone())).collect();
    let mut others: Vec<&Heading> =
        headings.iter().filter(|heading| ranked.iter().all(|it| it.id != heading.id)).collect();
    let likeness = |heading: &Heading| strsim::jaro_winkler(&words.to_lowercase(), &heading.id);
    others.sort_by(|left, right| likeness(right).total_cmp(&likeness(left)));
    // A typing mistake in an id is likelier than a word in common, where the id is nearly the same.
    let alike = others.iter().position(|heading| likeness(heading) < 0.85).unwrap_or(others.len());
    let rest = others.split_off(alike);
    let pair = |heading: &Heading| (heading.id.clone(), heading.title.clone());
    list.splice(0..0, others.into_iter().map(pair));
    list.extend(rest.into_iter().map(pair));
    list.truncate(NAMED);
    list
}

fn phrases(heading: &Heading) -> impl Iterator<Item = &str> {
    heading.says.iter().map(String::as_str).chain([heading.title.as_str(), heading.id.as_str()])
}

/// How much a word tells: one that every playbook uses tells little.
fn rarity(headings: &[Heading]) -> BTreeMap<String, f64> {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for heading in headings {
        let words: BTreeSet<String> = phrases(heading).flat_map(tokens).collect();
        for word in words {
            *counts.entry(word).or_default() += 1;
        }
    }
    let all = headings.len().max(1) as f64;
    counts.into_iter().map(|(word, count)| (word, 1.0 + (all / count as f64).ln())).collect()
}

/// Dice's coefficient over weighted words. A word that no playbook knows counts as an ordinary one: it is most probably
/// the name of the thing that fails.
fn likeness(asked: &BTreeSet<String>, phrase: &BTreeSet<String>, rarity: &BTreeMap<String, f64>) -> f64 {
    let weight = |words: &mut dyn Iterator<Item = &String>| -> f64 {
        words
            .map(|word| {
                let factor = if WEAK.contains(&word.as_str()) { WEAK_WEIGHT } else { 1.0 };
                factor * rarity.get(word).copied().unwrap_or(1.0)
            })
            .sum()
    };
    let total = weight(&mut asked.iter()) + weight(&mut phrase.iter());
    match total > 0.0 {
        true => 2.0 * weight(&mut asked.intersection(phrase)) / total,
        false => 0.0,
    }
}

/// The telling words of a text: lower case, no apostrophes, plurals folded, other ways to say the same replaced.
fn tokens(text: &str) -> BTreeSet<String> {
    text.to_lowercase()
        .replace(['\'', '\u{2019}'], "")
        // Wi-Fi and e-mail are one word, however they are written.
        .replace("wi-fi", "wifi")
        .replace("e-mail", "email")
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty() && !STOP.contains(word))
        .map(same)
        .collect()
}

fn same(word: &str) -> String {
    let replaced = |word: &str| SAME.iter().find(|(from, _)| *from == word).map(|(_, to)| (*to).to_owned());
    let singular = singular(word);
    replaced(word).or_else(|| replaced(&singular)).unwrap_or(singular)
}

fn singular(word: &str) -> String {
    let keep = ["dns", "https", "ss", "us", "is", "as"];
    if word.len() <= 3 || keep.iter().any(|ending| word.ends_with(ending)) {
        return word.to_owned();
    }
    if let Some(stem) = word.strip_suffix("ies") {
        return format!("{stem}y");
    }
    for ending in ["sses", "shes", "ches", "xes"] {
        if word.ends_with(ending) {
            return word[..word.len() - 2].to_owned();
        }
    }
    word.strip_suffix('s').unwrap_or(word).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn catalogue() -> Vec<Heading> {
        let heading = |id: &str, title: &str, says: &[&str]| Heading {
            id: id.into(),
            title: title.into(),
            says: says.iter().map(|text| (*text).to_owned()).collect(),
        };
        vec![
            heading("no-internet", "No internet", &["nothing loads", "the internet is down", "I am offline"]),
            heading(
                "one-site-fails",
                "One site or app does not load",
                &["the CRM is down", "page won't open", "one website does not work"],
            ),
            heading("dns", "Names are not found", &["server not found", "DNS does not work"]),
            heading("slow", "Everything is slow", &["the internet is slow", "pages load slowly"]),
            heading("vpn", "The VPN does not work", &["VPN connected but nothing works", "cannot reach the office"]),
            heading("local-service", "A program on this machine does not answer", &["localhost refuses connections"]),
            heading("this-machine", "Is this machine all right?", &["check this machine", "something is odd"]),
        ]
    }

    #[test]
    fn finds_by_the_users_words() {
        let cases = [
            ("the crm is down", "one-site-fails"),
            ("The Internet's down!", "no-internet"),
            ("our website won't open", "one-site-fails"),
            ("web pages are loading slowly", "slow"),
            ("internet very slow", "slow"),
            ("vpn does not work", "vpn"),
            ("Server not found", "dns"),
            ("check my computer", "this-machine"),
            ("my laptop is offline", "no-internet"),
            ("I can't reach the office", "vpn"),
        ];
        for (words, id) in cases {
            let found = best(words, &catalogue());
            assert_eq!(found.as_deref().unwrap_or("none"), id, "{words}: {:?}", rank(words, &catalogue()));
        }
    }

    #[test]
    fn says_so_where_nothing_fits() {
        for words in ["", "the", "my chair is wobbly", "no-internt"] {
            let Err(LoadError::NoMatch { nearest, .. }) = best(words, &catalogue()) else {
                panic!("{words} found something: {:?}", rank(words, &catalogue()))
            };
            assert_eq!(nearest.len(), 3, "{words}");
        }
        let Err(LoadError::NoMatch { nearest, .. }) = best("no-internt", &catalogue()) else { unreachable!() };
        assert_eq!(nearest[0].0, "no-internet");
    }

    #[test]
    fn says_so_where_several_fit() {
        let twice =
            ["a", "b"].map(|id| Heading { id: id.into(), title: "x".into(), says: vec!["printer jams".into()] });
        assert!(matches!(best("printer jams badly", &twice), Err(LoadError::Ambiguous { .. })));
    }

    #[test]
    fn folds_words() {
        let folded: Vec<String> = ["pages", "batteries", "classes", "DNS", "won't", "Wi-Fi", "address"]
            .iter()
            .flat_map(|text| tokens(text))
            .collect();
        assert_eq!(folded, ["site", "battery", "class", "dns", "not", "wifi", "address"]);
    }
}
