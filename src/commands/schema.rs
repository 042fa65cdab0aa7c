//! Reading the fields out of a JSON Schema, for people: what a probe takes and what it says.

use schemars::Schema;
use serde_json::Value;

/// One field of a parameter or fact type.
pub(super) struct Field {
    pub name: String,
    /// `string`, `number`, `list of string` ...
    pub kind: String,
    /// As JSON, where there is one.
    pub default: Option<String>,
    /// Its documentation.
    pub about: String,
}

/// The fields of a schema, in the order of the type.
pub(super) fn fields(schema: &Schema) -> Vec<Field> {
    let root = schema.as_value();
    let Some(properties) = root.get("properties").and_then(Value::as_object) else { return Vec::new() };
    properties
        .iter()
        .map(|(name, field)| Field {
            name: name.clone(),
            kind: kind(field, root),
            default: field.get("default").filter(|value| !value.is_null()).map(Value::to_string),
            about: described(field, root),
        })
        .collect()
}

fn described(field: &Value, root: &Value) -> String {
    let own = field.get("description").and_then(Value::as_str);
    let about = own.or_else(|| resolve(field, root).get("description").and_then(Value::as_str)).unwrap_or_default();
    about.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Follows a `$ref` to the definitions of the same schema.
fn resolve<'a>(field: &'a Value, root: &'a Value) -> &'a Value {
    let target = field.get("$ref").and_then(Value::as_str).and_then(|path| path.strip_prefix('#'));
    target.and_then(|path| root.pointer(path)).unwrap_or(field)
}

fn kind(field: &Value, root: &Value) -> String {
    let field = resolve(field, root);
    if let Some(words) = words(field) {
        return words.join(" | ");
    }
    match field.get("type") {
        Some(Value::String(word)) if word == "array" => match field.get("items") {
            Some(items) => format!("list of {}", kind(items, root)),
            None => "list".to_owned(),
        },
        Some(Value::String(word)) if word == "object" => "table".to_owned(),
        Some(Value::String(word)) => word.clone(),
        Some(Value::Array(several)) => {
            let words: Vec<&str> = several.iter().filter_map(Value::as_str).filter(|word| *word != "null").collect();
            match words[..] {
                ["array"] => kind(&without_null(field, "array"), root),
                _ => words.join(" or "),
            }
        }
        _ => match field.get("anyOf").and_then(Value::as_array) {
            Some(several) => {
                let is_null = |schema: &&Value| schema.get("type").and_then(Value::as_str) == Some("null");
                let kinds: Vec<String> =
                    several.iter().filter(|schema| !is_null(schema)).map(|schema| kind(schema, root)).collect();
                kinds.join(" or ")
            }
            None => "any".to_owned(),
        },
    }
}

fn without_null(field: &Value, word: &str) -> Value {
    let mut field = field.clone();
    field["type"] = Value::from(word);
    field
}

/// The words of an enumeration.
fn words(field: &Value) -> Option<Vec<String>> {
    let plain = field
        .get("enum")
        .and_then(Value::as_array)
        .map(|words| words.iter().filter_map(Value::as_str).map(str::to_owned).collect::<Vec<_>>());
    let documented = || {
        let several = field.get("oneOf")?.as_array()?;
        several.iter().map(|one| Some(one.get("const")?.as_str()?.to_owned())).collect::<Option<Vec<_>>>()
    };
    /// More words than this are a vocabulary, not a choice.
    const MOST: usize = 12;
    let words = plain.or_else(documented)?;
    if words.len() > MOST { Some(vec!["word".to_owned()]) } else { Some(words) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use schemars::{JsonSchema, schema_for};

    /// Wire.
    #[derive(JsonSchema)]
    #[schemars(rename_all = "snake_case")]
    #[allow(dead_code)]
    enum Wire {
        /// Datagrams.
        Udp,
        /// Streams.
        Tcp,
    }

    #[derive(JsonSchema)]
    #[allow(dead_code)]
    struct Example {
        /// The name to ask
        /// for.
        name: String,
        servers: Vec<String>,
        wire: Wire,
        wait_ms: Option<u64>,
    }

    #[test]
    fn fields_read_like_documentation() {
        let fields = fields(&schema_for!(Example));
        let seen: Vec<(&str, &str, &str)> =
            fields.iter().map(|field| (field.name.as_str(), field.kind.as_str(), field.about.as_str())).collect();
        assert_eq!(
            seen,
            [
                ("name", "string", "The name to ask for."),
                ("servers", "list of string", ""),
                ("wire", "udp | tcp", "Wire."),
                ("wait_ms", "integer", ""),
            ]
        );
    }
}
