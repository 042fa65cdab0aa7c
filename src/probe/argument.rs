//! Reading arguments that templates may have filled: a list may come as text, and a number too.

use super::Look;
use crate::observation::Observation;
use futures_util::future::join_all;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer};
use std::borrow::Cow;
use std::net::IpAddr;

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
}

/// Looks at all addresses at once and shows each as soon as it is done, because one that answers already says much while
/// another is still silent. What is no address is unknown.
pub async fn each_address<'a, F>(look: &Look<'a>, addresses: &Addresses, one: impl Fn(IpAddr) -> F) -> Vec<Observation>
where
    F: Future<Output = Observation>,
{
    let each = addresses.each();
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
        let text = match serde_json::Value::deserialize(deserializer)? {
            serde_json::Value::Null => String::new(),
            serde_json::Value::String(text) => text,
            serde_json::Value::Array(items) if items.iter().all(serde_json::Value::is_string) => {
                items.iter().filter_map(serde_json::Value::as_str).collect::<Vec<_>>().join(",")
            }
            _ => return Err(serde::de::Error::custom("expected a list of addresses")),
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
    let value = serde_json::Value::deserialize(deserializer)?;
    let number = match &value {
        serde_json::Value::String(text) => text.trim().parse().ok(),
        other => other.as_u64(),
    };
    number
        .and_then(|number: u64| N::try_from(number).ok())
        .ok_or_else(|| serde::de::Error::custom(format!("`{value}` is not a number that can be used here")))
}

/// Like `number`, for what may be absent: empty text counts as absent.
///
/// # Errors
/// Where it is given and is no number.
pub fn number_or_none<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<f64>, D::Error> {
    match serde_json::Value::deserialize(deserializer)? {
        serde_json::Value::Null => Ok(None),
        serde_json::Value::String(text) if text.trim().is_empty() => Ok(None),
        serde_json::Value::String(text) => text.trim().parse().map(Some).map_err(serde::de::Error::custom),
        other => other.as_f64().map(Some).ok_or_else(|| serde::de::Error::custom("expected a number")),
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
        assert_eq!(number_or_none(json!("")).unwrap(), None);
        assert_eq!(number_or_none(json!(-3.5)).unwrap(), Some(-3.5));
    }
}
