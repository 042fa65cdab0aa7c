//! Fills the templates of a connector: the same `{{ }}` as in playbooks, without their bound on the length, because the
//! packet itself is one of the values.

use crate::playbook::template::{self, variable};
use minijinja::value::Serde;
use minijinja::{Environment, UndefinedBehavior};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;
use std::collections::BTreeMap;
use url::Url;

/// What stands for itself everywhere in an address (RFC 3986 section 2.3); also what signatures of requests leave alone.
pub const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The name of the system's own address among the values: the one that goes into addresses as it is.
const BASE: &str = "url";

/// What templates can name.
#[derive(Debug, Clone, Default)]
pub struct Values {
    by_name: BTreeMap<String, minijinja::Value>,
}

impl Values {
    /// Puts a value; a hyphen in its name is written as an underscore in templates.
    pub fn put(&mut self, name: &str, value: &Value) {
        self.by_name.insert(variable(name), minijinja::Value::from(Serde(value)));
    }

    /// The same with one value more, for the one place that may see it.
    pub fn with(&self, name: &str, value: &str) -> Values {
        let mut values = self.clone();
        values.put(name, &Value::from(value));
        values
    }

    fn context(&self) -> minijinja::Value {
        minijinja::Value::from_pairs(self.by_name.iter().map(|(name, value)| (name.as_str(), value.clone())))
    }

    /// Fills a text.
    ///
    /// # Errors
    /// Where it names something that is not there, which the parser has ruled out for whole connectors.
    pub fn text(&self, template: &str) -> Result<String, String> {
        ENVIRONMENT.with(|environment| {
            environment.render_str(template, self.context()).map_err(|error| format!("`{template}`: {error}"))
        })
    }

    /// Fills an address. Values are encoded, so that none of them can become another part of it.
    ///
    /// # Errors
    /// As [`Values::text`], and where the result is no address.
    pub fn url(&self, template: &str) -> Result<Url, String> {
        let alone = template.trim().strip_prefix("{{").and_then(|text| text.strip_suffix("}}")).map(str::trim);
        let encoded = self.by_name.iter().map(|(name, value)| {
            let value = match value.as_str() {
                Some(text) if name == BASE && alone == Some(BASE) => text.to_owned().into(),
                Some(text) if name == BASE => text.trim_end_matches('/').to_owned().into(),
                Some(text) => utf8_percent_encode(text, UNRESERVED).to_string().into(),
                None => value.clone(),
            };
            (name.clone(), value)
        });
        let filled = Values { by_name: encoded.collect() }.text(template)?;
        Url::parse(&filled).map_err(|error| format!("`{filled}` is no address: {error}"))
    }

    /// Fills every text in a JSON value, keys of objects included. A text that is one template alone becomes the value
    /// itself; what comes out empty is left out.
    ///
    /// # Errors
    /// As [`Values::text`].
    pub fn json(&self, value: &Value) -> Result<Option<Value>, String> {
        Ok(match value {
            Value::String(text) => Some(self.json_text(text)?).filter(|filled| !is_empty(filled) || text.is_empty()),
            Value::Array(items) => {
                let filled: Result<Vec<_>, _> = items.iter().map(|item| self.json(item)).collect();
                Some(filled?.into_iter().flatten().collect())
            }
            Value::Object(object) => {
                let mut filled = serde_json::Map::new();
                for (key, value) in object {
                    if let Some(value) = self.json(value)? {
                        filled.insert(self.text(key)?, value);
                    }
                }
                Some(Value::Object(filled))
            }
            other => Some(other.clone()),
        })
    }

    fn json_text(&self, text: &str) -> Result<Value, String> {
        let Some(expression) = template::sole_expression(text) else { return self.text(text).map(Value::from) };
        let evaluated = ENVIRONMENT.with(|environment| {
            let compiled = environment.compile_expression(expression)?;
            compiled.eval(self.context())
        });
        let value = evaluated.map_err(|error| format!("`{text}`: {error}"))?;
        serde_json::to_value(&value).map_err(|error| format!("`{text}`: {error}"))
    }
}

fn is_empty(value: &Value) -> bool {
    value.is_null() || value.as_str().is_some_and(str::is_empty)
}

thread_local! {
    static ENVIRONMENT: Environment<'static> = {
        let mut environment = template::environment();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment
    };
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn values() -> Values {
        let mut values = Values::default();
        for (name, value) in [
            ("url", json!("https://desk.example/under/")),
            ("ticket", json!("A/../B?x=1#y z")),
            ("app_token", json!("")),
            ("file", json!({ "name": "a.zip", "base64": "QUJD" })),
            ("letter", json!({ "type": "doc" })),
        ] {
            values.put(name, &value);
        }
        values
    }

    #[test]
    fn no_value_becomes_another_part_of_the_address() {
        let url = |template: &str| values().url(template).unwrap().to_string();
        assert_eq!(url("{{ url }}/t/{{ ticket }}"), "https://desk.example/under/t/A%2F..%2FB%3Fx%3D1%23y%20z");
        assert_eq!(url("{{ url }}/f?name={{ file.name }}"), "https://desk.example/under/f?name=a.zip");
        assert_eq!(url("{{ url }}"), "https://desk.example/under/", "as it was given");
        assert!(values().url("{{ ticket }}").is_err() && values().url("{{ nothing }}/x").is_err());
    }

    #[test]
    fn a_template_alone_stays_what_it_is_and_the_empty_is_left_out() {
        let template = json!({
            "body": "{{ letter }}", "{{ file.name }}": "data:;base64,{{ file.base64 }}", "n": 3,
            "app": "{{ app_token }}", "list": ["{{ app_token }}", "x"],
        });
        let expected = json!({ "body": { "type": "doc" }, "a.zip": "data:;base64,QUJD", "n": 3, "list": ["x"] });
        assert_eq!(values().json(&template).unwrap(), Some(expected));
    }

    #[test]
    fn a_value_is_never_a_template_itself() {
        let values = values().with("ticket", "{{ file.base64 }}");
        assert_eq!(values.text("[{{ ticket }}]").unwrap(), "[{{ file.base64 }}]");
    }
}
