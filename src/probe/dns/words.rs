//! A list of short texts in arguments, as playbooks write it: a TOML list, or one text with commas or spaces, which is
//! what a filled template gives.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserializer, SeqAccess, Visitor};
use std::borrow::Cow;
use std::fmt;

/// A list of words.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Words(pub Vec<String>);

impl Words {
    fn add(&mut self, text: &str) {
        let separators = [',', ' ', '\t', '\n', '[', ']', '"', '\''];
        self.0.extend(text.split(separators).filter(|word| !word.is_empty()).map(str::to_owned));
    }
}

impl<'de> serde::Deserialize<'de> for Words {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Words;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of texts, or one text with commas")
            }

            fn visit_unit<E>(self) -> Result<Words, E> {
                Ok(Words::default())
            }

            fn visit_str<E>(self, text: &str) -> Result<Words, E> {
                let mut words = Words::default();
                words.add(text);
                Ok(words)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Words, A::Error> {
                let mut words = Words::default();
                while let Some(item) = items.next_element::<String>()? {
                    words.add(&item);
                }
                Ok(words)
            }
        }
        deserializer.deserialize_any(Reader)
    }
}

impl JsonSchema for Words {
    fn schema_name() -> Cow<'static, str> {
        "Words".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["array", "string"], "items": { "type": "string" } })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_and_filled_templates_read_alike() {
        let table = [
            (r#"["10.0.0.1", "10.0.0.2"]"#, vec!["10.0.0.1", "10.0.0.2"]),
            (r#""10.0.0.1, 10.0.0.2""#, vec!["10.0.0.1", "10.0.0.2"]),
            (r#""[\"10.0.0.1\", \"10.0.0.2\"]""#, vec!["10.0.0.1", "10.0.0.2"]),
            (r#""""#, vec![]),
            ("null", vec![]),
            ("[]", vec![]),
        ];
        for (text, wanted) in table {
            assert_eq!(serde_json::from_str::<Words>(text).unwrap().0, wanted, "{text}");
        }
        assert!(serde_json::from_str::<Words>("5").is_err());
    }
}
