//! Reads conditions: the `when` of causes and checks.

use super::change::{CHANGES_CHECK, hours, topics};
use super::condition::{Atom, Compare, Condition, Over, Test};
use super::mistake::{At, Kind, Mistake, shown};
use super::reader::{Fields, Placed, Reader};
use super::unit::threshold;
use crate::observation::Outcome;
use crate::problem::{Code, PROBLEMS};
use serde_json::Value;
use toml::Spanned;
use toml::de::DeValue;

/// The words for outcomes.
pub(super) const OUTCOMES: &[(&str, Outcome)] =
    &[("ok", Outcome::Ok), ("problem", Outcome::Problem), ("unknown", Outcome::Unknown), ("skipped", Outcome::Skipped)];

pub(super) const OVERS: &[(&str, Over)] = &[("any", Over::Any), ("all", Over::All), ("none", Over::None)];

/// The kinds of elements of which it may be said that an observation used one.
pub(super) const ELEMENTS: &[(&str, &str)] = &[("gateway", "gateway"), ("resolver", "resolver"), ("proxy", "proxy")];

/// What an atom may state.
const TESTS: [&str; 5] = ["outcome", "code", "fact", "answer", "via"];

/// How a fact may be compared.
const COMPARES: [&str; 7] = ["is", "not", "one_of", "above", "below", "contains", "known"];

/// What changed of late, and within which time.
const CHANGED: [&str; 2] = ["changed", "within"];

/// What holds several conditions.
const GROUPS: [&str; 3] = ["any", "all", "none"];

const FORM: &str = "write `{ check = \"...\", outcome = \"ok\" }`, or `code = \"...\"`, or `fact = \"...\"` with one \
                    of is, not, one_of, above, below, contains, known, or `answer = \"...\"`, or `via = \"gateway\"`; or \
                    `{ changed = \"dns\", within = \"2 d\" }`";

/// A condition and the places of its atoms, in the order in which a walk through it meets them.
#[derive(Debug, Default)]
pub(super) struct PlacedCondition {
    pub condition: Option<Condition>,
    pub atoms: Vec<PlacedAtom>,
}

/// One atom, and where its parts stand.
#[derive(Debug, Clone)]
pub(super) struct PlacedAtom {
    pub atom: Atom,
    pub check: At,
    /// The code, the fact's name, or the answer.
    pub test: At,
    /// What the fact is compared with.
    pub value: At,
    /// Whether it was written as `answer`.
    pub answer: bool,
}

/// Reads a list of conditions that must all hold, or a single one, which stand under this key.
pub(super) fn read(reader: &mut Reader<'_>, key: &str, value: &Spanned<DeValue<'_>>) -> PlacedCondition {
    let mut atoms = Vec::new();
    let condition = match value.get_ref() {
        DeValue::Array(_) => parts(reader, key, value, &mut atoms).map(flat),
        _ => one(reader, value, &mut atoms),
    };
    PlacedCondition { condition, atoms }
}

/// A list of one is that one: judges and messages need not look through it.
fn flat(mut parts: Vec<Condition>) -> Condition {
    match parts.len() {
        1 => parts.remove(0),
        _ => Condition::All(parts),
    }
}

fn parts(
    reader: &mut Reader<'_>,
    key: &str,
    value: &Spanned<DeValue<'_>>,
    atoms: &mut Vec<PlacedAtom>,
) -> Option<Vec<Condition>> {
    let items: &[Spanned<DeValue<'_>>] = match value.get_ref().as_array() {
        Some(items) => items,
        None => {
            let message = format!("`{key}` must be a list of conditions");
            reader.add(Mistake::new(Kind::WrongType, &reader.at(value), message).help(FORM));
            return None;
        }
    };
    if items.is_empty() {
        let message = format!("`{key}` lists no condition");
        reader.add(Mistake::new(Kind::BadCondition, &reader.at(value), message).help(FORM));
        return None;
    }
    Some(items.iter().filter_map(|item| one(reader, item, atoms)).collect())
}

fn one(reader: &mut Reader<'_>, value: &Spanned<DeValue<'_>>, atoms: &mut Vec<PlacedAtom>) -> Option<Condition> {
    let mut fields = match value.get_ref().as_table() {
        Some(table) => Fields::new("a condition", table, reader.at(value)),
        None => {
            let at = reader.at(value);
            reader.add(Mistake::new(Kind::WrongType, &at, "a condition must be a table").help(FORM));
            return None;
        }
    };
    match GROUPS.into_iter().find(|key| fields.has(key)) {
        Some(key) => group(reader, &mut fields, key, atoms),
        None if fields.has("changed") => changed(reader, &mut fields, atoms),
        None if fields.has("within") && !fields.has("check") => {
            unknown_keys(reader, &fields);
            None
        }
        None => atom(reader, &mut fields, atoms),
    }
}

fn group(
    reader: &mut Reader<'_>,
    fields: &mut Fields<'_>,
    key: &'static str,
    atoms: &mut Vec<PlacedAtom>,
) -> Option<Condition> {
    let value = fields.get(key)?;
    let parts = parts(reader, key, value, atoms);
    for (other, _) in fields.rest() {
        let name = other.get_ref();
        let message = format!("a condition with `{key}` has no place for `{}`", shown(name));
        reader.add(
            Mistake::new(Kind::BadCondition, &reader.at(other), message)
                .help(format!("put it into a condition of its own, within or beside `{key}`")),
        );
    }
    let parts = parts?;
    Some(match key {
        "any" => Condition::Any(parts),
        "none" => Condition::None(parts),
        _ => Condition::All(parts),
    })
}

/// What changed of late, or within some time: short for a statement about the facts of `changes`.
fn changed(reader: &mut Reader<'_>, fields: &mut Fields<'_>, atoms: &mut Vec<PlacedAtom>) -> Option<Condition> {
    let text = fields.text(reader, "changed")?;
    let topic = topic(reader, "changed", &text);
    let within = fields.get("within").map(|value| {
        let at = reader.at(value);
        (within(reader, value), at)
    });
    for (other, _) in fields.rest() {
        let message = format!("a condition with `changed` has no place for `{}`", shown(other.get_ref()));
        let mistake = Mistake::new(Kind::BadCondition, &reader.at(other), message);
        reader.add(
            mistake.help("write `{ changed = \"dns\", within = \"2 d\" }`, and a condition of its own for the rest"),
        );
    }
    let (compare, value) = match within {
        Some((limit, at)) => (Compare::Below(limit?), at),
        None => (Compare::Known(true), text.at.clone()),
    };
    let test = Test::Fact(hours(topic?), compare);
    let atom = Atom { check: CHANGES_CHECK.to_owned(), over: Over::Any, test };
    atoms.push(PlacedAtom { atom: atom.clone(), check: text.at.clone(), test: text.at, value, answer: false });
    Some(Condition::Atom(atom))
}

/// How long ago, in hours: a text with a unit, or a number of hours.
fn within(reader: &mut Reader<'_>, value: &Spanned<DeValue<'_>>) -> Option<f64> {
    let Some(text) = value.get_ref().as_str() else { return reader.number("within", value) };
    let read = threshold(text, &hours("changed"));
    if read.is_err() {
        let message = format!("`{}` is no length of time", shown(text));
        let help = "write a number with `min`, `h` or `d`, such as `2 d`";
        reader.add(Mistake::new(Kind::WrongType, &reader.at(value), message).help(help));
    }
    read.ok()
}

/// Something that can be said to have changed, or a mistake with the nearest one.
pub(super) fn topic(reader: &mut Reader<'_>, key: &str, text: &Placed<String>) -> Option<&'static str> {
    let found = topics().find(|topic| *topic == text.value);
    if found.is_none() {
        let message = format!("`{}` is no word for `{key}`", shown(&text.value));
        let mistake = Mistake::new(Kind::WrongWord, &text.at, message).suggest(&text.value, topics());
        let help = "a layer, or one of `package`, `kernel`, `network`, `start`";
        reader.add(if mistake.help.is_some() { mistake } else { mistake.help(help) });
    }
    found
}

fn atom(reader: &mut Reader<'_>, fields: &mut Fields<'_>, atoms: &mut Vec<PlacedAtom>) -> Option<Condition> {
    let check = fields.need(reader, "check", "every condition names the check that it is about");
    let over = fields.word(reader, "over", OVERS).unwrap_or_default();
    let stated: Vec<&'static str> = TESTS.into_iter().filter(|key| fields.has(key)).collect();
    let test = match stated.as_slice() {
        [one] => test(reader, fields, one),
        [] => {
            let at = fields.at.clone();
            // A misspelt test is reported as an unknown key below; one message is enough.
            let known: Vec<&str> = ["check", "over"].into_iter().chain(COMPARES).collect();
            if fields.all().all(|(key, _)| known.contains(&key.get_ref().as_ref())) {
                reader.add(Mistake::new(Kind::NotOneTest, &at, "the condition states nothing").help(FORM));
            }
            None
        }
        [first, second, ..] => {
            let message = format!("the condition states both `{first}` and `{second}`");
            let (first, second) = (fields.key_at(reader, first), fields.key_at(reader, second));
            reader.add(
                Mistake::new(Kind::NotOneTest, &second, message)
                    .related(&first, "the first statement")
                    .help("write two conditions, one for each"),
            );
            return None;
        }
    };
    unknown_keys(reader, fields);
    let (check, (test, test_at, value_at)) = (check?, test?);
    let answer = stated == ["answer"];
    let atom = Atom { check: check.value, over, test };
    atoms.push(PlacedAtom { atom: atom.clone(), check: check.at, test: test_at, value: value_at, answer });
    Some(Condition::Atom(atom))
}

/// Every key that a condition can have.
pub(super) fn keys() -> impl Iterator<Item = &'static str> {
    ["check", "over"].into_iter().chain(TESTS).chain(COMPARES).chain(CHANGED).chain(GROUPS)
}

fn unknown_keys(reader: &mut Reader<'_>, fields: &Fields<'_>) {
    for (key, _) in fields.rest() {
        let name = key.get_ref().as_ref();
        let at = reader.at(key);
        if COMPARES.contains(&name) {
            // A fact with two comparisons was reported where it was read.
            if !fields.has("fact") {
                let message = format!("`{name}` compares a fact, and the condition names none");
                reader.add(Mistake::new(Kind::NotOneTest, &at, message).help("add `fact = \"...\"`"));
            }
        } else if CHANGED.contains(&name) {
            let message = format!("`{name}` says how long ago something changed, and nothing is named");
            reader.add(
                Mistake::new(Kind::NotOneTest, &at, message).help("add `changed = \"...\"`, and leave `check` out"),
            );
        } else if !TESTS.contains(&name) {
            let message = format!("a condition has no key `{}`", shown(name));
            reader.add(Mistake::new(Kind::UnknownKey, &at, message).suggest(name, keys()));
        }
    }
}

fn test(reader: &mut Reader<'_>, fields: &mut Fields<'_>, key: &'static str) -> Option<(Test, At, At)> {
    match key {
        "outcome" => {
            let outcome = fields.word(reader, "outcome", OUTCOMES)?;
            Some((Test::Outcome(outcome), fields.at.clone(), At::default()))
        }
        "code" => {
            let code = fields.text(reader, "code")?;
            let test = code_or_family(reader, &code)?;
            Some((test, code.at, At::default()))
        }
        "via" => {
            let element = fields.word(reader, "via", ELEMENTS)?;
            Some((Test::Via(element.to_owned()), fields.at.clone(), At::default()))
        }
        "answer" => {
            let answer = fields.text(reader, "answer")?;
            let compare = Compare::Is(Value::String(answer.value));
            Some((Test::Fact("answer".to_owned(), compare), answer.at.clone(), answer.at))
        }
        _ => {
            let fact = fields.need(reader, "fact", "name one of the facts of the check's probe")?;
            let (compare, at) = compare(reader, fields, &fact)?;
            Some((Test::Fact(fact.value, compare), fact.at, at))
        }
    }
}

fn compare(reader: &mut Reader<'_>, fields: &mut Fields<'_>, fact: &Placed<String>) -> Option<(Compare, At)> {
    let used: Vec<&'static str> = COMPARES.into_iter().filter(|key| fields.has(key)).collect();
    let [key] = used.as_slice() else {
        let message = match used.as_slice() {
            [] => format!("nothing is said about the fact `{}`", shown(&fact.value)),
            _ => format!("the fact `{}` is compared in more than one way", shown(&fact.value)),
        };
        let help = "use exactly one of is, not, one_of, above, below, contains, known";
        reader.add(Mistake::new(Kind::NotOneTest, &fact.at, message).help(help));
        return None;
    };
    let value = fields.get(key)?;
    let at = reader.at(value);
    let compare = match *key {
        "is" => Compare::Is(reader.plain_value(key, value)?.value),
        "not" => Compare::Not(reader.plain_value(key, value)?.value),
        "contains" => Compare::Contains(reader.plain_value(key, value)?.value),
        "above" => Compare::Above(limit(reader, key, value, &fact.value)?),
        "below" => Compare::Below(limit(reader, key, value, &fact.value)?),
        "known" => Compare::Known(reader.flag(key, value)?),
        _ => Compare::OneOf(one_of(reader, key, value)?),
    };
    Some((compare, at))
}

/// A threshold: a number, or a text with a unit.
fn limit(reader: &mut Reader<'_>, key: &str, value: &Spanned<DeValue<'_>>, fact: &str) -> Option<f64> {
    let Some(text) = value.get_ref().as_str() else { return reader.number(key, value) };
    threshold(text, fact)
        .map_err(|why| {
            let message = format!("`{}` is no threshold for `{}`", shown(text), shown(fact));
            reader.add(Mistake::new(Kind::WrongType, &reader.at(value), message).help(why));
        })
        .ok()
}

fn one_of(reader: &mut Reader<'_>, key: &str, value: &Spanned<DeValue<'_>>) -> Option<Vec<Value>> {
    let at = reader.at(value);
    let Some(items) = value.get_ref().as_array() else {
        reader.add(Mistake::new(Kind::WrongType, &at, format!("`{key}` must be a list of values")));
        return None;
    };
    if items.is_empty() {
        reader.add(Mistake::new(Kind::Empty, &at, format!("`{key}` lists no value")));
        return None;
    }
    Some(items.iter().filter_map(|item| reader.plain_value(key, item)).map(|placed| placed.value).collect())
}

fn code_or_family(reader: &mut Reader<'_>, text: &Placed<String>) -> Option<Test> {
    match text.value.strip_suffix(".*") {
        None => code(reader, text).map(Test::Code),
        Some(family) => {
            let mut families: Vec<&str> = PROBLEMS.iter().filter_map(|(_, it)| it.code.split('.').next()).collect();
            families.dedup();
            if !families.contains(&family) {
                let message = format!("there is no family of problem codes `{}`", shown(&text.value));
                let written: Vec<String> = families.iter().map(|family| format!("{family}.*")).collect();
                reader.add(
                    Mistake::new(Kind::UnknownCode, &text.at, message)
                        .suggest(&text.value, written.iter().map(String::as_str)),
                );
                return None;
            }
            Some(Test::Family(family.to_owned()))
        }
    }
}

/// A problem code, or a mistake with the nearest one.
pub(super) fn code(reader: &mut Reader<'_>, text: &Placed<String>) -> Option<Code> {
    let code = Code::from_word(&text.value);
    if code.is_none() {
        let message = format!("there is no problem code `{}`", shown(&text.value));
        let mut mistake = Mistake::new(Kind::UnknownCode, &text.at, message)
            .suggest(&text.value, PROBLEMS.iter().map(|(_, problem)| problem.code));
        if mistake.help.is_none() {
            mistake = mistake.help("`firstline list codes` shows all of them");
        }
        reader.add(mistake);
    }
    code
}
