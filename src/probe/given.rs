//! Arguments as templates leave them: a number or a list may arrive as text, and what was not known as empty text.

use serde::{Deserialize, Deserializer, de::Error};
use serde_json::Value;
use std::fmt::Display;
use std::str::FromStr;

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
