//! Reads typed values out of a spanned TOML tree and notes every mistake instead of stopping at the first. It knows
//! TOML and the mistakes, nothing of playbooks.

use super::mistake::{At, Kind, Mistake, Mistakes, shown};
use crate::layer::Layer;
use serde_json::{Map, Number, Value};
use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

/// A value and where it stands.
#[derive(Debug, Clone, Default)]
pub(crate) struct Placed<T> {
    pub value: T,
    pub at: At,
}

/// Notes mistakes in one of the texts.
pub(crate) struct Reader<'m> {
    pub mistakes: &'m mut Mistakes,
    pub source: usize,
}

impl Reader<'_> {
    pub fn at<T>(&self, spanned: &Spanned<T>) -> At {
        At { source: self.source, span: spanned.span() }
    }

    pub fn add(&mut self, mistake: Mistake) {
        self.mistakes.add(mistake);
    }

    fn wrong_type(&mut self, at: &At, key: &str, wanted: &str, value: &DeValue<'_>) {
        let found = kind_of(value);
        self.add(
            Mistake::new(Kind::WrongType, at, format!("`{}` must be {wanted}", shown(key)))
                .label(format!("this is {found}")),
        );
    }

    /// A text.
    pub fn text(&mut self, key: &str, value: &Spanned<DeValue<'_>>) -> Option<Placed<String>> {
        let at = self.at(value);
        match value.get_ref().as_str() {
            Some(text) => Some(Placed { value: text.to_owned(), at }),
            None => {
                self.wrong_type(&at, key, "a text", value.get_ref());
                None
            }
        }
    }

    /// A list of texts.
    pub fn texts(&mut self, key: &str, value: &Spanned<DeValue<'_>>) -> Vec<Placed<String>> {
        let Some(items) = value.get_ref().as_array() else {
            let at = self.at(value);
            self.wrong_type(&at, key, "a list of texts", value.get_ref());
            return Vec::new();
        };
        items.iter().filter_map(|item| self.item(key, item)).collect()
    }

    /// One item of a list of texts.
    pub fn item(&mut self, key: &str, value: &Spanned<DeValue<'_>>) -> Option<Placed<String>> {
        let at = self.at(value);
        let Some(text) = value.get_ref().as_str() else {
            let message = format!("every item of `{}` must be a text", shown(key));
            let found = format!("this is {}", kind_of(value.get_ref()));
            self.add(Mistake::new(Kind::WrongType, &at, message).label(found));
            return None;
        };
        Some(Placed { value: text.to_owned(), at })
    }

    /// `true` or `false`.
    pub fn flag(&mut self, key: &str, value: &Spanned<DeValue<'_>>) -> Option<bool> {
        let flag = value.get_ref().as_bool();
        if flag.is_none() {
            let at = self.at(value);
            self.wrong_type(&at, key, "`true` or `false`", value.get_ref());
        }
        flag
    }

    /// A number, whole or not.
    pub fn number(&mut self, key: &str, value: &Spanned<DeValue<'_>>) -> Option<f64> {
        let number = json_number(value.get_ref()).and_then(|number| number.as_f64());
        if number.is_none() {
            let at = self.at(value);
            self.wrong_type(&at, key, "a number", value.get_ref());
        }
        number
    }

    /// A text, number or flag: what a fact can be compared with.
    pub fn plain_value(&mut self, key: &str, value: &Spanned<DeValue<'_>>) -> Option<Placed<Value>> {
        let at = self.at(value);
        match value.get_ref() {
            DeValue::Array(_) | DeValue::Table(_) => {
                self.wrong_type(&at, key, "a text, a number, `true` or `false`", value.get_ref());
                None
            }
            _ => self.json(key, value).map(|value| Placed { value, at }),
        }
    }

    /// A table.
    pub fn table<'t>(&mut self, what: &'static str, key: &str, value: &'t Spanned<DeValue<'t>>) -> Option<Fields<'t>> {
        let at = self.at(value);
        match value.get_ref().as_table() {
            Some(table) => Some(Fields::new(what, table, at)),
            None => {
                self.wrong_type(&at, key, "a table", value.get_ref());
                None
            }
        }
    }

    /// A list of tables: `[[check]]`.
    pub fn tables<'t>(&mut self, what: &'static str, key: &str, value: &'t Spanned<DeValue<'t>>) -> Vec<Fields<'t>> {
        let Some(items) = value.get_ref().as_array() else {
            let at = self.at(value);
            self.wrong_type(&at, key, &format!("a list of tables: `[[{}]]`", shown(key)), value.get_ref());
            return Vec::new();
        };
        items.iter().filter_map(|item| self.table(what, key, item)).collect()
    }

    /// Any value, as JSON.
    pub fn json(&mut self, key: &str, value: &Spanned<DeValue<'_>>) -> Option<Value> {
        Some(match value.get_ref() {
            DeValue::String(text) => Value::String(text.to_string()),
            DeValue::Boolean(flag) => Value::Bool(*flag),
            DeValue::Datetime(time) => Value::String(time.to_string()),
            DeValue::Array(items) => Value::Array(items.iter().filter_map(|item| self.json(key, item)).collect()),
            DeValue::Table(table) => Value::Object(self.json_table(table)),
            DeValue::Integer(_) | DeValue::Float(_) => match json_number(value.get_ref()) {
                Some(number) => Value::Number(number),
                None => {
                    let at = self.at(value);
                    self.add(Mistake::new(Kind::WrongType, &at, format!("`{}` is no usable number", shown(key))));
                    return None;
                }
            },
        })
    }

    /// A table as a JSON object, in the order of the file.
    pub fn json_table(&mut self, table: &DeTable<'_>) -> Map<String, Value> {
        in_order(table)
            .filter_map(|(key, value)| Some((key.get_ref().to_string(), self.json(key.get_ref(), value)?)))
            .collect()
    }
}

/// The entries of a table in the order of the file; the parser keeps them in that of the alphabet.
pub(crate) fn in_order<'t>(
    table: &'t DeTable<'t>,
) -> impl Iterator<Item = (&'t Spanned<DeString<'t>>, &'t Spanned<DeValue<'t>>)> {
    let mut entries: Vec<_> = table.iter().collect();
    entries.sort_by_key(|(key, _)| key.span().start);
    entries.into_iter()
}

fn json_number(value: &DeValue<'_>) -> Option<Number> {
    match value {
        DeValue::Integer(integer) => match i64::from_str_radix(integer.as_str(), integer.radix()) {
            Ok(number) => Some(number.into()),
            Err(_) => u64::from_str_radix(integer.as_str(), integer.radix()).ok().map(Number::from),
        },
        DeValue::Float(float) => float.as_str().parse().ok().and_then(Number::from_f64),
        _ => None,
    }
}

fn kind_of(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a text",
        DeValue::Integer(_) | DeValue::Float(_) => "a number",
        DeValue::Boolean(_) => "`true` or `false`",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

#[cfg(test)]
thread_local! {
    /// The keys that were asked for, by what the table is called: what editors offer is compared with it.
    pub(crate) static TAKEN: std::cell::RefCell<
        std::collections::BTreeMap<&'static str, std::collections::BTreeSet<&'static str>>,
    > = std::cell::RefCell::default();
}

/// A table of which each key is read once; what nobody asked for is a mistake.
pub(crate) struct Fields<'t> {
    /// How messages call it, such as `[[check]]`.
    pub what: &'static str,
    /// Its header, or the whole of it where it is inline.
    pub at: At,
    table: &'t DeTable<'t>,
    known: Vec<&'static str>,
}

impl<'t> Fields<'t> {
    pub fn new(what: &'static str, table: &'t DeTable<'t>, at: At) -> Self {
        Fields { what, at, table, known: Vec::new() }
    }

    /// The value of a key that the language has here.
    pub fn get(&mut self, key: &'static str) -> Option<&'t Spanned<DeValue<'t>>> {
        self.known.push(key);
        self.table.get(key)
    }

    /// Whether a key is there, without taking it as known.
    pub fn has(&self, key: &str) -> bool {
        self.table.contains_key(key)
    }

    /// The place of a key's name.
    pub fn key_at(&self, reader: &Reader<'_>, key: &str) -> At {
        self.table.get_key_value(key).map_or_else(|| self.at.clone(), |(name, _)| reader.at(name))
    }

    /// A text, where it is there.
    pub fn text(&mut self, reader: &mut Reader<'_>, key: &'static str) -> Option<Placed<String>> {
        self.get(key).and_then(|value| reader.text(key, value))
    }

    /// A text that must be there and say something.
    pub fn need(&mut self, reader: &mut Reader<'_>, key: &'static str, why: &str) -> Option<Placed<String>> {
        let Some(value) = self.get(key) else {
            let message = format!("{} lacks `{key}`", self.what);
            reader.add(Mistake::new(Kind::MissingKey, &self.at, message).help(why));
            return None;
        };
        let text = reader.text(key, value)?;
        if text.value.trim().is_empty() {
            reader.add(Mistake::new(Kind::Empty, &text.at, format!("`{key}` is empty")).help(why));
            return None;
        }
        Some(text)
    }

    /// A list of texts; empty where it is not there.
    pub fn texts(&mut self, reader: &mut Reader<'_>, key: &'static str) -> Vec<Placed<String>> {
        self.get(key).map(|value| reader.texts(key, value)).unwrap_or_default()
    }

    /// A flag; false where it is not there.
    pub fn flag(&mut self, reader: &mut Reader<'_>, key: &'static str) -> bool {
        self.get(key).and_then(|value| reader.flag(key, value)).unwrap_or(false)
    }

    /// One of a few words.
    pub fn word<T: Copy>(&mut self, reader: &mut Reader<'_>, key: &'static str, words: &[(&str, T)]) -> Option<T> {
        let text = self.text(reader, key)?;
        let found = words.iter().find(|(word, _)| *word == text.value).map(|(_, value)| *value);
        if found.is_none() {
            let message = format!("`{}` is no word for `{key}`", shown(&text.value));
            reader.add(
                Mistake::new(Kind::WrongWord, &text.at, message)
                    .suggest(&text.value, words.iter().map(|(word, _)| *word)),
            );
        }
        found
    }

    /// The layer that it belongs to or blames.
    pub fn layer(&mut self, reader: &mut Reader<'_>) -> Option<Layer> {
        self.word(reader, "layer", &Layer::ALL.map(|layer| (layer.name(), layer)))
    }

    /// What nobody asked for, in the order of the file.
    pub fn rest(&self) -> impl Iterator<Item = (&'t Spanned<DeString<'t>>, &'t Spanned<DeValue<'t>>)> {
        in_order(self.table).filter(|(name, _)| !self.known.contains(&name.get_ref().as_ref()))
    }

    /// Every entry, in the order of the file.
    pub fn all(&self) -> impl Iterator<Item = (&'t Spanned<DeString<'t>>, &'t Spanned<DeValue<'t>>)> {
        in_order(self.table)
    }

    /// Reports every key that nobody asked for.
    pub fn deny_rest(&self, reader: &mut Reader<'_>) {
        #[cfg(test)]
        TAKEN.with_borrow_mut(|taken| taken.entry(self.what).or_default().extend(&self.known));
        for (key, _) in self.rest() {
            let name = key.get_ref();
            let message = format!("{} has no key `{}`", self.what, shown(name));
            reader.add(
                Mistake::new(Kind::UnknownKey, &reader.at(key), message).suggest(name, self.known.iter().copied()),
            );
        }
    }
}
