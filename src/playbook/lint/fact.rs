//! What a fact of a probe can be, from its schema, and what it can be compared with.

use crate::playbook::condition::Compare;
use crate::playbook::mistake::shown;
use serde_json::Value;

/// What a fact can be, from its schema.
#[derive(Debug, Default)]
pub(super) struct FactType {
    /// JSON types; empty where the schema does not say.
    pub(super) types: Vec<String>,
    /// The only words that it can be, where there are such.
    pub(super) words: Option<Vec<String>>,
}

impl FactType {
    pub(super) fn of(schema: &Value, root: &Value) -> Self {
        let mut fact = FactType::default();
        fact.collect(schema, root, 0);
        fact.types.sort();
        fact.types.dedup();
        fact
    }

    fn collect(&mut self, schema: &Value, root: &Value, depth: usize) {
        // Schemas of facts are a few levels deep; this only guards against one that refers to itself.
        if depth > 8 {
            return;
        }
        if let Some(name) = schema.get("$ref").and_then(Value::as_str).and_then(|path| path.strip_prefix("#/$defs/"))
            && let Some(definition) = root.get("$defs").and_then(|definitions| definitions.get(name))
        {
            self.collect(definition, root, depth + 1);
        }
        for key in ["anyOf", "oneOf", "allOf"] {
            for part in schema.get(key).and_then(Value::as_array).into_iter().flatten() {
                self.collect(part, root, depth + 1);
            }
        }
        match schema.get("type") {
            Some(Value::String(name)) => self.types.push(name.clone()),
            Some(Value::Array(names)) => self.types.extend(names.iter().filter_map(Value::as_str).map(str::to_owned)),
            _ => {}
        }
        let listed = schema.get("enum").and_then(Value::as_array).into_iter().flatten();
        for word in listed.chain(schema.get("const")).filter_map(Value::as_str) {
            self.words.get_or_insert_default().push(word.to_owned());
        }
    }

    fn can_be(&self, names: &[&str]) -> bool {
        self.types.is_empty() || self.types.iter().any(|name| names.contains(&name.as_str()))
    }

    fn name(&self) -> String {
        let names: Vec<&str> = self
            .types
            .iter()
            .map(String::as_str)
            .filter(|name| *name != "null")
            .map(|name| match name {
                "string" => "a text",
                "integer" | "number" => "a number",
                "boolean" => "`true` or `false`",
                "array" => "a list",
                _ => "a table",
            })
            .collect();
        names.join(" or ")
    }

    pub(super) fn mismatch(&self, name: &str, compare: &Compare) -> Option<String> {
        let why = match compare {
            Compare::Above(_) | Compare::Below(_) if !self.can_be(&["number", "integer"]) => {
                Some("; `above` and `below` compare numbers".to_owned())
            }
            Compare::Contains(_) if !self.can_be(&["array", "string"]) => {
                Some("; `contains` looks into lists and texts".to_owned())
            }
            Compare::Is(value) | Compare::Not(value) => self.wrong_value(value),
            Compare::OneOf(values) => values.iter().find_map(|value| self.wrong_value(value)),
            _ => None,
        };
        why.map(|why| format!("the fact `{}` is {}{why}", shown(name), self.name()))
    }

    fn wrong_value(&self, value: &Value) -> Option<String> {
        if self.types == ["array"] || self.types == ["array", "null"] {
            return Some("; use `contains`".to_owned());
        }
        let fits = match value {
            Value::String(word) => match &self.words {
                Some(words) if !words.contains(word) => return Some(format!(" and is never `{}`", shown(word))),
                _ => self.can_be(&["string"]),
            },
            Value::Number(_) => self.can_be(&["number", "integer"]),
            Value::Bool(_) => self.can_be(&["boolean"]),
            _ => true,
        };
        (!fits).then(|| format!(" and can never equal `{}`", shown(&value.to_string())))
    }
}

pub(super) fn wrong_word(compare: &Compare, words: Option<&[String]>) -> Option<String> {
    let values: Vec<&Value> = match compare {
        Compare::Is(value) | Compare::Not(value) => vec![value],
        Compare::OneOf(values) => values.iter().collect(),
        _ => return None,
    };
    let known = words?;
    values.into_iter().filter_map(Value::as_str).find(|word| !known.iter().any(|it| it == word)).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_what_a_fact_can_be() {
        let root = serde_json::json!({ "$defs": { "P": { "oneOf": [{ "const": "udp" }, { "const": "tcp", "type": "string" }] } } });
        let cases = [
            (serde_json::json!({ "type": ["number", "null"] }), Compare::Above(1.0), true),
            (serde_json::json!({ "type": "string" }), Compare::Below(1.0), false),
            (
                serde_json::json!({ "anyOf": [{ "$ref": "#/$defs/P" }, { "type": "null" }] }),
                Compare::Is("tcp".into()),
                true,
            ),
            (
                serde_json::json!({ "anyOf": [{ "$ref": "#/$defs/P" }, { "type": "null" }] }),
                Compare::Is("tpc".into()),
                false,
            ),
            (serde_json::json!({ "type": "array", "items": {} }), Compare::Contains("x".into()), true),
            (serde_json::json!({ "type": "array", "items": {} }), Compare::Not("x".into()), false),
            (serde_json::json!({}), Compare::Above(1.0), true),
            (serde_json::json!({ "type": "boolean" }), Compare::Known(true), true),
        ];
        for (schema, compare, fits) in cases {
            let mismatch = FactType::of(&schema, &root).mismatch("x", &compare);
            assert_eq!(mismatch.is_none(), fits, "{schema} {compare:?}: {mismatch:?}");
        }
    }
}
