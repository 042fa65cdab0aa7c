//! Reads the parts of a playbook one by one: a check, a cause.

use super::Registry;
use crate::diagnosis::evidence::{AGAIN_CHECK, CASE_CHECK};
use crate::layer::Layer;
use crate::observation::Facts;
use crate::packet::case::{Scope, Urgency};
use crate::playbook::change::CHANGES_CHECK;
use crate::playbook::draft::{DraftCause, DraftCheck, Fill, PlacedText};
use crate::playbook::mistake::{At, Kind, Mistake, shown};
use crate::playbook::reader::{Fields, Placed, Reader};
use crate::playbook::when::PlacedAtom;
use crate::playbook::{Cause, Check, Escalation, Gravity, Place, Prior, View, when};
use crate::probe::{Cost, Probe};
use toml::Spanned;
use toml::de::DeValue;

pub(in crate::playbook) const COSTS: &[(&str, Cost)] =
    &[("local", Cost::Local), ("network", Cost::Network), ("slow", Cost::Slow), ("person", Cost::Person)];
/// Where a cause sits.
pub(in crate::playbook) const PLACES: &[(&str, Place)] =
    &[("person", Place::Person), ("machine", Place::Machine), ("network", Place::Network), ("target", Place::Target)];

pub(in crate::playbook) const PRIORS: &[(&str, Prior)] =
    &[("rare", Prior::Rare), ("occasional", Prior::Occasional), ("common", Prior::Common)];
/// Names that templates use for something else.
pub(super) const RESERVED: &[&str] = &[
    CASE_CHECK,
    CHANGES_CHECK,
    AGAIN_CHECK,
    "inputs",
    "settings",
    "target",
    "and",
    "or",
    "not",
    "in",
    "is",
    "if",
    "else",
    "true",
    "false",
    "none",
    "range",
    "dict",
    "namespace",
    "debug",
];
pub(super) fn read_check(reader: &mut Reader<'_>, mut fields: Fields<'_>, registry: Registry) -> Option<DraftCheck> {
    let id = fields.need(reader, "id", "a kebab-case word by which conditions name the check");
    if let Some(id) = &id {
        kebab(reader, id, RESERVED);
    }
    let probe = fields.need(reader, "probe", "`firstline list probes` shows the kinds of check");
    let known = probe.as_ref().and_then(|probe| find_probe(reader, probe, registry));
    let title = fields.text(reader, "title");
    let layer = fields.layer(reader);
    let cost = fields.word(reader, "cost", COSTS);
    let goal = fields.flag(reader, "goal");
    let after = fields.texts(reader, "after");
    let may_affect = fields.texts(reader, "may_affect");
    let control_for = fields.texts(reader, "control_for");
    let when = fields.get("when").map(|value| when::read(reader, "when", value)).unwrap_or_default();
    let context_required = fields.word(reader, "context_required", View::WORDS);
    let mut texts: Vec<PlacedText> = title.iter().map(|text| placed(text, Fill::Never)).collect();
    let mut args = Facts::new();
    let mut arg_places = Vec::new();
    for (key, value) in fields.rest() {
        let name = key.get_ref().to_string();
        arg_places.push((name.clone(), reader.at(key), reader.at(value)));
        templates(reader, value, &mut texts);
        if let Some(json) = reader.json(&name, value) {
            args.insert(name, json);
        }
    }
    let (id, probe) = (id?, probe?);
    let (ids, ats) = (|list: &[Placed<String>]| values(list), |list: Vec<Placed<String>>| places(list));
    let check = Check {
        id: id.value,
        probe: probe.value,
        title: title.map(|text| text.value),
        layer: layer.or(known.map(|probe| probe.layer)).unwrap_or(Layer::Host),
        cost: cost.or(known.map(|probe| probe.cost)).unwrap_or(Cost::Network),
        goal,
        after: ids(&after),
        may_affect: ids(&may_affect),
        control_for: ids(&control_for),
        when: when.condition,
        context_required,
        args,
    };
    Some(DraftCheck {
        check,
        at: id.at,
        probe: probe.at,
        after: ats(after),
        may_affect: ats(may_affect),
        control_for: ats(control_for),
        atoms: when.atoms,
        args: arg_places,
        texts,
    })
}

fn find_probe(reader: &mut Reader<'_>, probe: &Placed<String>, registry: Registry) -> Option<&'static Probe> {
    let known = registry.find(&probe.value);
    if known.is_none() {
        let message = format!("there is no probe `{}`", shown(&probe.value));
        reader.add(Mistake::new(Kind::UnknownProbe, &probe.at, message).suggest(&probe.value, registry.names()));
    }
    known
}

/// Every text in an argument, however deep.
fn templates(reader: &Reader<'_>, value: &Spanned<DeValue<'_>>, into: &mut Vec<PlacedText>) {
    match value.get_ref() {
        DeValue::String(text) => {
            into.push(PlacedText { text: text.to_string(), at: reader.at(value), fill: Fill::Everything });
        }
        DeValue::Array(items) => items.iter().for_each(|item| templates(reader, item, into)),
        DeValue::Table(table) => table.values().for_each(|item| templates(reader, item, into)),
        _ => {}
    }
}

fn values(list: &[Placed<String>]) -> Vec<String> {
    list.iter().map(|item| item.value.clone()).collect()
}

fn places(list: Vec<Placed<String>>) -> Vec<At> {
    list.into_iter().map(|item| item.at).collect()
}

pub(super) fn read_cause(reader: &mut Reader<'_>, mut fields: Fields<'_>) -> Option<DraftCause> {
    let id = fields.need(reader, "id", "a kebab-case word by which tests and packets name the cause");
    if let Some(id) = &id {
        // A test says `none` where no cause may be named.
        kebab(reader, id, &["none"]);
    }
    if !fields.has("layer") {
        let help = "the layer that is to blame, such as `layer = \"dns\"`";
        reader.add(Mistake::new(Kind::MissingKey, &fields.at, "[[cause]] lacks `layer`").help(help));
    }
    let layer = fields.layer(reader);
    let prior = fields.word(reader, "prior", PRIORS).unwrap_or(Prior::Occasional);
    let title = fields.need(reader, "title", "the cause in a few words, for the ticket");
    let plain = fields.need(reader, "plain", "one sentence for the user, in words that need no training");
    let when = match fields.get("when") {
        Some(value) => when::read(reader, "when", value),
        None => {
            let help = "the list of conditions under which this is the cause";
            reader.add(Mistake::new(Kind::MissingKey, &fields.at, "[[cause]] lacks `when`").help(help));
            when::PlacedCondition::default()
        }
    };
    let code = fields.text(reader, "code").and_then(|word| when::code(reader, &word));
    let culprit = fields.text(reader, "culprit");
    let technical = fields.text(reader, "technical");
    let workaround = fields.get("workaround").map(|value| read_steps(reader, value)).unwrap_or_default();
    let verify = fields.text(reader, "verify");
    let degrades = fields.flag(reader, "degrades");
    let or_layer = fields.word(reader, "or_layer", &Layer::ALL.map(|layer| (layer.name(), layer)));
    let suspected = fields.flag(reader, "suspected");
    let security_stop = fields.flag(reader, "security_stop");
    let place = fields.word(reader, "place", PLACES);
    let rules = fields.get("escalate").map(|value| read_rules(reader, value)).unwrap_or_default();
    let gravity = read_gravity(reader, &mut fields);
    let changes = fields.get("changes").map(|value| read_topics(reader, value)).unwrap_or_default();
    let kb = fields.text(reader, "kb");
    let links = read_links(reader, &mut fields);
    fields.deny_rest(reader);

    let mut texts: Vec<PlacedText> =
        title.iter().chain(&plain).chain(&culprit).chain(&technical).chain(&workaround).map(filled).collect();
    texts.extend(rules.texts);
    texts.extend(kb.iter().chain(&links).map(|text| placed(text, Fill::Never)));
    let id = id?;
    let cause = Cause {
        id: id.value,
        layer: layer?,
        prior,
        title: title?.value,
        when: when.condition?,
        code,
        culprit: culprit.map(|text| text.value),
        plain: plain?.value,
        technical: technical.map(|text| text.value),
        workaround: values(&workaround),
        verify: verify.as_ref().map(|text| text.value.clone()),
        changes,
        escalate: rules.rules,
        gravity,
        kb: kb.map(|text| text.value),
        links: values(&links),
        degrades,
        or_layer,
        suspected,
        security_stop,
        place,
    };
    let (verify, workaround) = (verify.map(|text| text.at), places(workaround));
    let (rule_atoms, rules) = (rules.atoms, rules.places);
    Some(DraftCause { cause, at: id.at, atoms: when.atoms, rule_atoms, rules, verify, workaround, texts })
}

/// The steps of a workaround: each a text, or a table that says what it risks and how it is taken back.
fn read_steps(reader: &mut Reader<'_>, value: &Spanned<DeValue<'_>>) -> Vec<Placed<String>> {
    let Some(items) = value.get_ref().as_array() else { return reader.texts("workaround", value) };
    let steps = items.iter().map(|item| match item.get_ref() {
        DeValue::Table(_) => {
            let fields = reader.table("a step of `workaround`", "workaround", item)?;
            read_step(reader, fields)
        }
        _ => reader.item("workaround", item),
    });
    steps.flatten().collect()
}

/// One sentence: whoever takes the step reads its risk and its way back with it, in every report.
fn read_step(reader: &mut Reader<'_>, mut fields: Fields<'_>) -> Option<Placed<String>> {
    let step = fields.need(reader, "step", "what to do, in one sentence");
    let care = ["risk", "undo"].map(|key| fields.text(reader, key).map(|text| format!("{key}: {}", text.value)));
    fields.deny_rest(reader);
    let step = step?;
    let care: Vec<String> = care.into_iter().flatten().collect();
    let value = if care.is_empty() { step.value } else { format!("{} ({})", step.value, care.join("; ")) };
    Some(Placed { value, at: step.at })
}

fn filled(text: &Placed<String>) -> PlacedText {
    placed(text, Fill::Everything)
}

/// The rules of `escalate`, and where their parts stand.
#[derive(Default)]
struct Rules {
    rules: Vec<Escalation>,
    places: Vec<At>,
    atoms: Vec<PlacedAtom>,
    texts: Vec<PlacedText>,
}

/// One rule, or a list of them.
fn read_rules(reader: &mut Reader<'_>, value: &Spanned<DeValue<'_>>) -> Rules {
    let tables = match value.get_ref() {
        DeValue::Array(_) => reader.tables("`escalate`", "escalate", value),
        DeValue::String(team) => {
            let message = "`escalate` must be a table: it says to whom, and when";
            let help = format!("write `escalate = {{ to = \"{}\", when = \"it comes back\" }}`", shown(team));
            let at = reader.at(value);
            reader.add(Mistake::new(Kind::WrongType, &at, message).help(help));
            return Rules::default();
        }
        _ => reader.table("`escalate`", "escalate", value).into_iter().collect(),
    };
    let mut rules = Rules::default();
    for mut fields in tables {
        let to = fields.need(reader, "to", "the team or vendor that takes it over");
        let when = fields.text(reader, "when");
        let condition = fields.get("if").map(|value| when::read(reader, "if", value));
        fields.deny_rest(reader);
        rules.texts.extend(to.iter().chain(&when).map(|text| placed(text, Fill::Never)));
        let Some(to) = to else { continue };
        let condition = condition.map(|read| (read.condition, rules.atoms.extend(read.atoms)).0);
        // A condition that could not be read was reported; without it the rule would say something else.
        if condition.as_ref().is_none_or(Option::is_some) {
            let when = when.map(|text| text.value).unwrap_or_default();
            rules.rules.push(Escalation { to: to.value, when, condition: condition.flatten() });
            rules.places.push(fields.at.clone());
        }
    }
    rules
}

/// How grave it is: of a cause, or of all causes of a playbook.
pub(super) fn read_gravity(reader: &mut Reader<'_>, fields: &mut Fields<'_>) -> Gravity {
    let scopes: Vec<(&str, Scope)> = Scope::WORDS.iter().filter_map(|word| Some((*word, Scope::read(word)?))).collect();
    let urgencies: Vec<(&str, Urgency)> =
        Urgency::WORDS.iter().filter_map(|word| Some((*word, Urgency::read(word)?))).collect();
    Gravity { impact: fields.word(reader, "impact", &scopes), urgency: fields.word(reader, "urgency", &urgencies) }
}

/// What was changed, as a rule, where it is this cause.
fn read_topics(reader: &mut Reader<'_>, value: &Spanned<DeValue<'_>>) -> Vec<&'static str> {
    let texts = reader.texts("changes", value);
    texts.iter().filter_map(|text| when::topic(reader, "changes", text)).collect()
}

/// Addresses to read on at: only what a browser opens without harm.
fn read_links(reader: &mut Reader<'_>, fields: &mut Fields<'_>) -> Vec<Placed<String>> {
    let links = fields.texts(reader, "links");
    for link in &links {
        let is_web = url::Url::parse(&link.value).is_ok_and(|url| ["http", "https"].contains(&url.scheme()));
        if !is_web {
            let message = format!("`{}` is no web address", shown(&link.value));
            let help = "write it whole, such as `https://kb.example/articles/12`";
            reader.add(Mistake::new(Kind::BadLink, &link.at, message).help(help));
        }
    }
    links
}

pub(super) fn placed(text: &Placed<String>, fill: Fill) -> PlacedText {
    PlacedText { text: text.value.clone(), at: text.at.clone(), fill }
}

/// Ids are words that can be typed, and that a template can name with `_` for `-`.
pub(super) fn kebab(reader: &mut Reader<'_>, id: &Placed<String>, reserved: &[&str]) {
    let word = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    if !id.value.split('-').all(word) || !id.value.starts_with(|first: char| first.is_ascii_lowercase()) {
        let folded: String =
            id.value.to_lowercase().chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
        let parts: Vec<&str> = folded.split('-').filter(|part| !part.is_empty()).collect();
        let better = parts.join("-");
        let mut mistake = Mistake::new(Kind::BadId, &id.at, format!("`{}` is no kebab-case word", shown(&id.value)));
        if better.starts_with(|first: char| first.is_ascii_lowercase()) {
            mistake = mistake.help(format!("write `{}`", shown(&better)));
        }
        reader.add(mistake);
    } else if reserved.contains(&id.value.as_str()) {
        let message = format!("`{}` is a word of the language", id.value);
        reader.add(Mistake::new(Kind::BadId, &id.at, message).help("choose another id"));
    }
}
