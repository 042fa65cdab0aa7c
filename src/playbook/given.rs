//! Reads the tests that a playbook carries: what the checks are said to have seen, and what the verdict must say.

use super::mistake::{At, Kind, Mistake};
use super::reader::{Fields, Placed, Reader};
use super::when::{OUTCOMES, code};
use super::{Expect, Given, Test};
use crate::observation::{Certainty, Outcome, Via};
use crate::problem::Code;
use toml::Spanned;
use toml::de::DeValue;

/// The words that a verdict's status can be.
pub(super) const STATUSES: &[(&str, &str)] =
    &[("healthy", "healthy"), ("degraded", "degraded"), ("fault", "fault"), ("undecided", "undecided")];

pub(super) const CERTAINTIES: &[(&str, Certainty)] =
    &[("suspected", Certainty::Suspected), ("confirmed", Certainty::Confirmed)];

/// A test and where its parts stand.
#[derive(Debug)]
pub(super) struct PlacedTest {
    pub test: Test,
    pub at: At,
    /// In the order of `test.given`.
    pub given: Vec<PlacedGiven>,
    pub cause: At,
}

/// Where the observations of one check stand.
#[derive(Debug)]
pub(super) struct PlacedGiven {
    pub check: At,
    /// One for each observation.
    pub entries: Vec<PlacedEntry>,
}

/// Where the parts of one given observation stand.
#[derive(Debug, Default)]
pub(super) struct PlacedEntry {
    pub codes: Vec<(Code, At)>,
    pub facts: Vec<(String, At)>,
}

/// Reads one `[[test]]`.
pub(super) fn read(reader: &mut Reader<'_>, mut fields: Fields<'_>) -> Option<PlacedTest> {
    let name = fields.need(reader, "name", "say what the test shows");
    let symptom = fields.text(reader, "symptom").map(|text| text.value);
    let given_value = fields.get("given");
    if given_value.is_none() {
        let help = "`given = { CHECK = { outcome = \"ok\" } }` says what each check saw";
        reader.add(Mistake::new(Kind::MissingKey, &fields.at, "[[test]] lacks `given`").help(help));
    }
    let mut given = Vec::new();
    let mut places = Vec::new();
    if let Some(table) = given_value.and_then(|value| reader.table("`given`", "given", value)) {
        for (check, value) in table.all() {
            let (entries, entry_places) = observations(reader, value);
            given.push((check.get_ref().to_string(), entries));
            places.push(PlacedGiven { check: reader.at(check), entries: entry_places });
        }
    }
    let (expect, cause) = match fields.get("expect") {
        Some(value) => expectation(reader, value),
        None => {
            let help = "`expect = { status = \"fault\", cause = \"...\" }` says what the verdict must be";
            reader.add(Mistake::new(Kind::MissingKey, &fields.at, "[[test]] lacks `expect`").help(help));
            (Expect::default(), At::default())
        }
    };
    fields.deny_rest(reader);
    let name = name?;
    Some(PlacedTest { test: Test { name: name.value, given, expect, symptom }, at: name.at, given: places, cause })
}

fn observations(reader: &mut Reader<'_>, value: &Spanned<DeValue<'_>>) -> (Vec<Given>, Vec<PlacedEntry>) {
    let tables = match value.get_ref() {
        DeValue::Array(_) => reader.tables("a given observation", "given", value),
        _ => reader.table("a given observation", "given", value).into_iter().collect(),
    };
    tables.into_iter().map(|fields| observation(reader, fields)).unzip()
}

fn observation(reader: &mut Reader<'_>, mut fields: Fields<'_>) -> (Given, PlacedEntry) {
    let mut place = PlacedEntry::default();
    let mut given = Given {
        subject: fields.text(reader, "subject").map(|text| text.value),
        outcome: fields.word(reader, "outcome", OUTCOMES),
        certainty: fields.word(reader, "certainty", CERTAINTIES),
        ..Given::default()
    };
    if let Some(text) = fields.text(reader, "code") {
        given.code = code(reader, &text);
        place.codes.extend(given.code.map(|code| (code, text.at.clone())));
        if given.outcome.is_some_and(|outcome| outcome != Outcome::Problem) {
            let message = "an observation with a problem code has the outcome `problem`";
            reader.add(Mistake::new(Kind::Contradiction, &text.at, message).help("leave `outcome` out"));
        }
    }
    for text in fields.texts(reader, "also") {
        let also = code(reader, &text);
        given.also.extend(also);
        place.codes.extend(also.map(|code| (code, text.at)));
    }
    if let Some(facts) = fields.get("facts").and_then(|value| reader.table("`facts`", "facts", value)) {
        for (name, value) in facts.all() {
            place.facts.push((name.get_ref().to_string(), reader.at(name)));
            if let Some(json) = reader.json(name.get_ref(), value) {
                given.facts.insert(name.get_ref().to_string(), json);
            }
        }
    }
    if let Some(via) = fields.get("via").and_then(|value| reader.table("`via`", "via", value)) {
        given.via = elements(reader, via);
    }
    fields.deny_rest(reader);
    if !["outcome", "code", "facts"].iter().any(|key| fields.has(key)) {
        let message = "a given observation says neither `outcome`, `code` nor `facts`";
        reader.add(Mistake::new(Kind::MissingKey, &fields.at, message).help("add `outcome = \"ok\"` or a code"));
    }
    (given, place)
}

fn elements(reader: &mut Reader<'_>, mut fields: Fields<'_>) -> Via {
    let mut text = |key| fields.text(reader, key).map(|text: Placed<String>| text.value);
    let via = Via {
        interface: text("interface"),
        family: text("family"),
        source: text("source"),
        gateway: text("gateway"),
        resolver: text("resolver"),
        proxy: text("proxy"),
        peer: text("peer"),
        trust: text("trust"),
    };
    fields.deny_rest(reader);
    via
}

fn expectation(reader: &mut Reader<'_>, value: &Spanned<DeValue<'_>>) -> (Expect, At) {
    let Some(mut fields) = reader.table("`expect`", "expect", value) else {
        return (Expect::default(), At::default());
    };
    let status = fields.word(reader, "status", STATUSES).map(str::to_owned);
    let layer = fields.layer(reader);
    let cause = fields.text(reader, "cause");
    let culprit = fields.text(reader, "culprit").map(|text| text.value);
    fields.deny_rest(reader);
    if fields.all().next().is_none() {
        let help = "compare at least one of status, layer, cause, culprit";
        reader.add(Mistake::new(Kind::Empty, &fields.at, "the test expects nothing").help(help));
    }
    let at = cause.as_ref().map(|text| text.at.clone()).unwrap_or_default();
    (Expect { status, layer, cause: cause.map(|text| text.value), culprit }, at)
}
