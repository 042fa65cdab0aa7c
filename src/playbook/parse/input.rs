//! Reads an input, and finds limits that contradict each other, the kind, or the default.

use super::parts::{RESERVED, kebab, placed};
use crate::playbook::draft::{DraftInput, Fill, PlacedText};
use crate::playbook::mistake::{At, Kind, Mistake, shown};
use crate::playbook::pattern::{Pattern, SIGNS};
use crate::playbook::reader::{Fields, Placed, Reader};
use crate::playbook::template::is_template;
use crate::playbook::{Input, InputKind};
use crate::target;
use toml::Spanned;
use toml::de::DeValue;

pub(in crate::playbook) const KINDS: &[(&str, InputKind)] = &[
    ("target", InputKind::Target),
    ("text", InputKind::Text),
    ("number", InputKind::Number),
    ("path", InputKind::Path),
];

/// The keys that limit what an input may be, and the kinds that they fit.
const LIMITS: [(&str, &[InputKind]); 5] = [
    ("scheme", &[InputKind::Target]),
    ("min", &[InputKind::Number]),
    ("max", &[InputKind::Number]),
    ("one_of", &[InputKind::Text, InputKind::Number, InputKind::Path]),
    ("pattern", &[InputKind::Text, InputKind::Path]),
];

pub(super) fn read_input(
    reader: &mut Reader<'_>,
    name: &str,
    at: &At,
    value: &Spanned<DeValue<'_>>,
) -> Option<DraftInput> {
    let mut fields = reader.table("[inputs.NAME]", name, value)?;
    let id = Placed { value: name.to_owned(), at: at.clone() };
    // `target` is the natural name of the input that is the target.
    let reserved: Vec<&str> = RESERVED.iter().copied().filter(|word| *word != "target").collect();
    kebab(reader, &Placed { value: name.replace('_', "-"), ..id }, &reserved);
    let kind = read_kind(reader, &mut fields);
    let schemes: Vec<_> = target::schemes().map(|scheme| (scheme, scheme)).collect();
    let scheme = fields.word(reader, "scheme", &schemes);
    let ask = fields.need(reader, "ask", "the question that a person is asked for it");
    let default = fields.get("default").and_then(|value| read_value(reader, "default", value));
    let one_of = fields.get("one_of").map(|value| read_choices(reader, value)).unwrap_or_default();
    let pattern = fields.text(reader, "pattern").and_then(|text| read_pattern(reader, &text));
    let (min, max) = (read_limit(reader, &mut fields, "min"), read_limit(reader, &mut fields, "max"));
    let wanted = fields.text(reader, "wanted");
    fields.deny_rest(reader);
    let mut texts: Vec<PlacedText> = ask.iter().chain(&wanted).map(|text| placed(text, Fill::Never)).collect();
    texts.extend(default.iter().map(|text| placed(text, Fill::Settings)));
    let kind = kind?;
    misplaced(reader, &fields, kind);
    if let (Some(least), Some(greatest)) = (&min, &max)
        && least.value > greatest.value
    {
        let message = format!("no number is at least {} and at most {}", least.value, greatest.value);
        reader.add(Mistake::new(Kind::BadInput, &greatest.at, message).related(&least.at, "the smallest"));
    }
    let value = |placed: Option<Placed<i64>>| placed.map(|number| number.value);
    let input = Input {
        kind,
        scheme,
        ask: ask?.value,
        default: default.as_ref().map(|text| text.value.clone()),
        one_of,
        pattern,
        min: value(min),
        max: value(max),
        wanted: wanted.map(|text| text.value),
    };
    if let Some(default) = &default {
        fits(reader, &input, default);
    }
    Some(DraftInput { name: name.to_owned(), input, at: at.clone(), texts })
}

fn read_kind(reader: &mut Reader<'_>, fields: &mut Fields<'_>) -> Option<InputKind> {
    if !fields.has("kind") {
        let help = "one of `target`, `text`, `number`, `path`";
        reader.add(Mistake::new(Kind::MissingKey, &fields.at, "[inputs.NAME] lacks `kind`").help(help));
    }
    fields.word(reader, "kind", KINDS)
}

/// A value as it would be typed: inputs are texts until a probe reads them.
fn read_value(reader: &mut Reader<'_>, key: &str, value: &Spanned<DeValue<'_>>) -> Option<Placed<String>> {
    match value.get_ref() {
        DeValue::Integer(_) => {
            reader.plain_value(key, value).map(|it| Placed { value: it.value.to_string(), at: it.at })
        }
        _ => reader.text(key, value),
    }
}

fn read_choices(reader: &mut Reader<'_>, value: &Spanned<DeValue<'_>>) -> Vec<String> {
    let Some(items) = value.get_ref().as_array() else {
        return reader.texts("one_of", value).into_iter().map(|text| text.value).collect();
    };
    if items.is_empty() {
        reader.add(Mistake::new(Kind::Empty, &reader.at(value), "`one_of` lists no value"));
    }
    items.iter().filter_map(|item| read_value(reader, "one_of", item)).map(|text| text.value).collect()
}

fn read_pattern(reader: &mut Reader<'_>, text: &Placed<String>) -> Option<Pattern> {
    Pattern::read(&text.value).map_err(|why| reader.add(Mistake::new(Kind::BadInput, &text.at, why).help(SIGNS))).ok()
}

fn read_limit(reader: &mut Reader<'_>, fields: &mut Fields<'_>, key: &'static str) -> Option<Placed<i64>> {
    let value = fields.get(key)?;
    let number = reader.number(key, value)?;
    let at = reader.at(value);
    if number.fract() != 0.0 || number.abs() > i64::MAX as f64 {
        reader.add(Mistake::new(Kind::WrongType, &at, format!("`{key}` must be a whole number")));
        return None;
    }
    Some(Placed { value: number as i64, at })
}

/// A limit that nothing of this kind can have.
fn misplaced(reader: &mut Reader<'_>, fields: &Fields<'_>, kind: InputKind) {
    for (key, kinds) in LIMITS.iter().filter(|(key, kinds)| fields.has(key) && !kinds.contains(&kind)) {
        let word =
            |kind: &InputKind| KINDS.iter().find(|(_, known)| known == kind).map(|(word, _)| format!("`{word}`"));
        let wanted: Vec<String> = kinds.iter().filter_map(word).collect();
        let mistake = Mistake::new(
            Kind::BadInput,
            &fields.key_at(reader, key),
            format!("`{key}` says nothing about {}", word(&kind).unwrap_or_default()),
        );
        reader.add(mistake.help(format!("it is for {}", wanted.join(", "))));
    }
}

/// A default that the input itself would refuse. Empty means none, and what the settings say is known at the run only.
fn fits(reader: &mut Reader<'_>, input: &Input, default: &Placed<String>) {
    if default.value.is_empty() || is_template(&default.value) {
        return;
    }
    if let Err(why) = input.accepts(&default.value) {
        let message = match input.kind {
            InputKind::Target => format!("the default cannot be used: {}", shown(&why)),
            _ => format!("the default must {}, not `{}`", input.must(), shown(&default.value)),
        };
        let known = input.one_of.iter().map(String::as_str);
        reader.add(Mistake::new(Kind::BadInput, &default.at, message).suggest(&default.value, known));
    }
}
