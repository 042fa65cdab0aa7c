//! Arguments as templates leave them: a number or a list may arrive as text, and what was not known as empty text.

use super::Look;
use crate::observation::Observation;
use crate::sys::Link;
use futures_util::future::join_all;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, de::Error};
use serde_json::Value;
use std::borrow::Cow;
use std::fmt::Display;
use std::net::IpAddr;
use std::str::FromStr;

/// Addresses, or names where the probe says so: a list, or text with commas or spaces between.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Addresses(pub Vec<String>);

impl Addresses {
    /// All of them, each as an address or as the text that is none; doublets are left out.
    pub fn each(&self) -> Vec<Result<IpAddr, String>> {
        let mut found: Vec<Result<IpAddr, String>> = Vec::new();
        for text in &self.0 {
            let address = text.trim_matches(['[', ']']).parse().map_err(|_| text.chars().take(SHOWN).collect());
            if !found.contains(&address) {
                found.push(address);
            }
        }
        found
    }

    /// Leaves these out; whether none is left of those that were given.
    pub fn leave_out(&mut self, others: &Addresses) -> bool {
        let given = self.0.len();
        self.0.retain(|address| !others.0.contains(address));
        given > 0 && self.0.is_empty()
    }
}

/// No arguments.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Nothing {}

/// Arguments of the probes that look at interfaces.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Interfaces {
    /// Look at this interface only.
    pub interface: Option<String>,
}

impl Interfaces {
    /// Whether this one is to be looked at.
    pub fn include(&self, link: &Link) -> bool {
        self.interface.as_ref().is_none_or(|only| *only == link.name)
    }
}

/// Looks at all addresses at once and shows each as soon as it is done, because one that answers already says much while
/// another is still silent. What is no address is unknown, and so is all where none is given.
pub async fn each_address<'a, F>(look: &Look<'a>, addresses: &Addresses, one: impl Fn(IpAddr) -> F) -> Vec<Observation>
where
    F: Future<Output = Observation>,
{
    let each = addresses.each();
    if each.is_empty() {
        return vec![look.unknown(None, "there is no address to reach")];
    }
    let several = each.len() > 1;
    let looks = each.into_iter().map(|address| async {
        let observation = match address {
            Ok(address) => one(address).await,
            Err(text) => look.unknown(Some(&text), "it is not an IP address"),
        };
        if several {
            (look.emit)(observation.clone());
        }
        observation
    });
    join_all(looks).await
}

/// Characters of a wrong argument that are repeated in the answer.
const SHOWN: usize = 100;

impl<'de> Deserialize<'de> for Addresses {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = match Value::deserialize(deserializer)? {
            Value::Null => String::new(),
            Value::String(text) => text,
            Value::Array(items) if items.iter().all(Value::is_string) => {
                items.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(",")
            }
            _ => return Err(D::Error::custom("expected a list of addresses")),
        };
        let between = |letter: char| letter.is_whitespace() || [',', '"', '\''].contains(&letter);
        // A list that a template wrote out has brackets around it; an IPv6 address may have them too.
        let parts = text.split(between).map(|part| part.trim_matches(['[', ']'])).filter(|part| !part.is_empty());
        Ok(Addresses(parts.map(str::to_owned).collect()))
    }
}

impl JsonSchema for Addresses {
    fn schema_name() -> Cow<'static, str> {
        "Addresses".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "anyOf": [{ "type": "array", "items": { "type": "string" } }, { "type": "string" }]
        })
    }
}

/// A whole number that may come as text.
///
/// # Errors
/// Where it is no whole number of this size.
pub fn number<'de, D: Deserializer<'de>, N: TryFrom<u64>>(deserializer: D) -> Result<N, D::Error> {
    let value = Value::deserialize(deserializer)?;
    let number = match &value {
        Value::String(text) => text.trim().parse().ok(),
        other => other.as_u64(),
    };
    number
        .and_then(|number: u64| N::try_from(number).ok())
        .ok_or_else(|| D::Error::custom(format!("`{value}` is not a number that can be used here")))
}

/// A value that may be absent: nothing, empty text and `none` all mean that.
///
/// # Errors
/// Where something is given that is no `T`.
pub fn optional<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: FromStr,
    T::Err: Display,
{
    let text = match Value::deserialize(deserializer)? {
        Value::Null => return Ok(None),
        Value::String(text) => text.trim().to_owned(),
        Value::Number(number) => number.to_string(),
        Value::Bool(truth) => truth.to_string(),
        other => return Err(D::Error::custom(format!("`{other}` cannot be used here"))),
    };
    if text.is_empty() || text == "none" {
        return Ok(None);
    }
    text.parse().map(Some).map_err(|error| D::Error::custom(format!("`{text}`: {error}")))
}

/// A list of words, or one text with commas between them.
///
/// # Errors
/// Where an entry is neither text nor number.
pub fn words<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    let entries = match Value::deserialize(deserializer)? {
        Value::Null => Vec::new(),
        Value::String(text) => text.trim_matches(['[', ']']).split(',').map(|part| Ok(part.to_owned())).collect(),
        Value::Array(entries) => entries.into_iter().map(word).collect(),
        other => vec![word(other)],
    };
    let trimmed = entries
        .into_iter()
        .map(|entry| entry.map(|text| text.trim().trim_matches(['"', '\'']).to_owned()).map_err(D::Error::custom));
    trimmed.filter(|entry| !entry.as_ref().is_ok_and(String::is_empty)).collect()
}

fn word(value: Value) -> Result<String, String> {
    match value {
        Value::String(text) => Ok(text),
        Value::Number(number) => Ok(number.to_string()),
        other => Err(format!("`{other}` is neither text nor number")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn lists_come_in_many_shapes() {
        let cases = [
            (json!(["10.0.0.1", "::1"]), vec!["10.0.0.1", "::1"]),
            (json!("10.0.0.1, ::1"), vec!["10.0.0.1", "::1"]),
            (json!("[\"10.0.0.1\", \"::1\"]"), vec!["10.0.0.1", "::1"]),
            (json!("[::1]"), vec!["::1"]),
            (json!(""), vec![]),
            (json!([]), vec![]),
            (json!(null), vec![]),
        ];
        for (value, expected) in cases {
            let read: Addresses = serde_json::from_value(value.clone()).unwrap();
            assert_eq!(read.0, expected, "{value}");
        }
        assert!(serde_json::from_value::<Addresses>(json!(7)).is_err());
        let mixed = Addresses(vec!["10.0.0.1".into(), "10.0.0.1".into(), "nonsense".into()]);
        assert_eq!(mixed.each(), [Ok("10.0.0.1".parse().unwrap()), Err("nonsense".to_owned())]);
    }

    #[test]
    fn numbers_come_as_text_too() {
        assert_eq!(number::<_, u16>(json!("443")).unwrap(), 443);
        assert_eq!(number::<_, u16>(json!(443)).unwrap(), 443);
        assert!(number::<_, u16>(json!(70_000)).is_err());
        assert!(number::<_, u16>(json!("x")).is_err());
        assert_eq!(optional::<_, f64>(json!("")).unwrap(), None);
        assert_eq!(optional::<_, f64>(json!(-3.5)).unwrap(), Some(-3.5));
    }

    #[test]
    fn what_templates_leave_is_read() {
        for (given, read) in [
            (json!(80), Some(80)),
            (json!("80"), Some(80)),
            (json!(" "), None),
            (json!(null), None),
            (json!("none"), None),
        ] {
            assert_eq!(optional::<_, u16>(given.clone()).ok(), Some(read), "{given}");
        }
        for given in [json!("x"), json!(70_000), json!(-1), json!([1]), json!(true)] {
            assert!(optional::<_, u16>(given.clone()).is_err(), "{given}");
        }
    }

    #[test]
    fn lists_come_as_lists_or_as_text() {
        for (given, read) in [
            (json!(["a", "b"]), vec!["a", "b"]),
            (json!("a, b"), vec!["a", "b"]),
            (json!("['a', \"b\"]"), vec!["a", "b"]),
            (json!([0, 2]), vec!["0", "2"]),
            (json!(7), vec!["7"]),
            (json!(""), vec![]),
            (json!(null), vec![]),
        ] {
            assert_eq!(words(given.clone()).ok(), Some(read.into_iter().map(str::to_owned).collect()), "{given}");
        }
        assert!(words(json!([{}])).is_err());
    }
}
