//! Whether a document is what a schema says: as much of JSON Schema as the program's own schemas use.

use serde_json::Value;

/// Where the document is something else, one line each.
pub fn differences(schema: &Value, document: &Value) -> Vec<String> {
    let mut wrong = Vec::new();
    compare(schema, schema, document, "", &mut wrong);
    wrong
}

fn compare(root: &Value, schema: &Value, value: &Value, place: &str, wrong: &mut Vec<String>) {
    if let Some(name) = schema["$ref"].as_str() {
        let target = root.pointer(name.trim_start_matches('#')).unwrap_or_else(|| panic!("{name} leads nowhere"));
        return compare(root, target, value, place, wrong);
    }
    for several in ["anyOf", "oneOf"].iter().filter_map(|word| schema[word].as_array()) {
        let fits = |one: &Value| {
            let mut wrong = Vec::new();
            compare(root, one, value, place, &mut wrong);
            wrong.is_empty()
        };
        if !several.iter().any(fits) {
            wrong.push(format!("{place}: {value} is none of what it may be"));
        }
    }
    let is = |word: &str| match word {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "null" => value.is_null(),
        other => panic!("the schema has the type {other}"),
    };
    let fits = match &schema["type"] {
        Value::String(word) => is(word),
        Value::Array(words) => words.iter().filter_map(Value::as_str).any(is),
        _ => true,
    };
    if !fits {
        wrong.push(format!("{place}: {value} is no {}", schema["type"]));
    }
    if !schema["const"].is_null() && schema["const"] != *value {
        wrong.push(format!("{place}: {value} is not {}", schema["const"]));
    }
    if let Some(words) = schema["enum"].as_array()
        && !words.contains(value)
    {
        wrong.push(format!("{place}: {value} is not among {words:?}"));
    }
    let required = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
    wrong.extend(required.filter(|name| value.get(name).is_none()).map(|name| format!("{place}: no {name}")));
    if let (Some(known), Some(fields)) = (schema["properties"].as_object(), value.as_object()) {
        for (name, field) in fields {
            let place = format!("{place}/{name}");
            match known.get(name) {
                Some(schema) => compare(root, schema, field, &place, wrong),
                None => wrong.push(format!("{place}: the schema does not know it")),
            }
        }
    }
    for (index, item) in value.as_array().into_iter().flatten().enumerate().filter(|_| schema["items"].is_object()) {
        compare(root, &schema["items"], item, &format!("{place}/{index}"), wrong);
    }
}

#[test]
fn what_is_something_else_is_named() {
    let schema = serde_json::json!({
        "type": "object", "required": ["a", "c"],
        "properties": { "a": { "$ref": "#/$defs/word" }, "b": { "type": "array", "items": { "type": "integer" } } },
        "$defs": { "word": { "oneOf": [{ "const": "x" }, { "type": "null" }] } }
    });
    let wrong = differences(&schema, &serde_json::json!({ "a": "y", "b": [1, "2"], "d": 1 }));
    assert_eq!(wrong.len(), 4, "{wrong:?}");
    assert_eq!(
        differences(&schema, &serde_json::json!({ "a": null, "b": [1], "c": 1 })),
        ["/c: the schema does not know it"]
    );
}
