//! Which field of the case the answer to a playbook's question fills: `case = "since"`, or with words of its own
//! `case = { field = "other_device", yes = "works", no = "fails" }`.

use super::field::{Field, Takes};
use super::{Case, UNKNOWN};
use crate::error::closest;
use crate::playbook::Check;
use serde_json::Value;
use std::collections::BTreeMap;

/// How an answer becomes part of the case.
pub struct Heard {
    pub field: &'static Field,
    /// The field's word for each answer that has another.
    words: BTreeMap<String, String>,
}

impl Heard {
    /// Reads the argument of a question.
    ///
    /// # Errors
    /// In words, where there is no such field, or it does not take these words.
    pub fn read(value: &Value) -> Result<Heard, String> {
        let (name, words) = match value {
            Value::String(name) => (name.as_str(), BTreeMap::new()),
            Value::Object(table) => {
                let text = |value: &Value| value.as_str().map(str::to_owned);
                let name = table.get("field").and_then(Value::as_str).ok_or("the table lacks `field`")?;
                let rest = table.iter().filter(|(key, _)| *key != "field");
                let words = rest.map(|(key, value)| Some((key.clone(), text(value)?)));
                (name, words.collect::<Option<_>>().ok_or("every word must be a text")?)
            }
            _ => return Err("expected the name of a field of the case".to_owned()),
        };
        let field = Field::find(name).ok_or_else(|| {
            let near = closest(name, Field::names()).map(|near| format!("; did you mean `{near}`?"));
            format!("the case has no field `{name}`{}", near.unwrap_or_default())
        })?;
        for word in words.values().filter(|word| *word != UNKNOWN) {
            Case::default().say(field, word)?;
        }
        Ok(Heard { field, words })
    }

    /// How the answer to this check becomes part of the case, where it is a question that does.
    pub fn of(check: &Check) -> Option<Heard> {
        let value = check.args.get("case").filter(|_| check.probe == "ask")?;
        // The linter has read it before, so what is refused here was refused there.
        Heard::read(value).ok()
    }

    /// What the field's own word for this answer is.
    fn word<'a>(&'a self, answer: &'a str) -> &'a str {
        self.words.get(answer).map_or(answer, String::as_str)
    }

    /// Fills the field with an answer, unless somebody said so before. `meaning` is what the person read.
    pub fn tell(&self, case: &mut Case, answer: &str, meaning: Option<&str>) {
        if !self.field.said(case).is_empty() {
            return;
        }
        let word = self.word(answer);
        let text = match (self.field.takes(), meaning) {
            (Takes::Text, Some(meaning)) if word == answer && answer != UNKNOWN => meaning,
            _ => word,
        };
        if case.say(self.field, text).is_err() {
            case.asked_in_vain(self.field);
        }
    }

    /// The answer that the case gives already, so that nobody is asked twice.
    pub fn answered<'a>(&self, case: &Case, mut answers: impl Iterator<Item = &'a str>) -> Option<&'a str> {
        let said = self.field.word(case)?;
        answers.find(|answer| self.word(answer) == said)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Elsewhere;
    use super::*;
    use serde_json::json;

    #[test]
    fn an_answer_becomes_a_word_and_back() {
        let heard = Heard::read(&json!({ "field": "other_device", "yes": "works", "no": "fails" })).unwrap();
        let mut case = Case::default();
        heard.tell(&mut case, "no", Some("it fails there too"));
        assert_eq!(case.other_device, Some(Elsewhere::Fails));
        assert_eq!(heard.answered(&case, ["yes", "no", "unknown"].into_iter()), Some("no"));
        heard.tell(&mut case, "yes", None);
        assert_eq!(case.other_device, Some(Elsewhere::Fails), "what was said before stands");
        let mut case = Case::default();
        heard.tell(&mut case, "unknown", Some("not tried"));
        assert_eq!((case.other_device, case.not_known.as_slice()), (None, &["other_device".to_owned()][..]));
    }

    #[test]
    fn a_text_takes_what_the_person_read() {
        let mut case = Case::default();
        Heard::read(&json!("since")).unwrap().tell(&mut case, "week", Some("for about a week"));
        Heard::read(&json!("place")).unwrap().tell(&mut case, "unknown", Some("not known"));
        assert_eq!(case.since.as_deref(), Some("for about a week"));
        assert_eq!((case.place, case.not_known), (None, vec!["place".to_owned()]));
    }

    #[test]
    fn what_the_case_does_not_take_is_refused() {
        for (value, expected) in [
            (json!("sinse"), "did you mean `since`?"),
            (json!({ "field": "scope", "yes": "all" }), "`all` is none of"),
            (json!({ "yes": "works" }), "lacks `field`"),
            (json!(7), "expected the name"),
        ] {
            let error = Heard::read(&value).err().unwrap();
            assert!(error.contains(expected), "{error}");
        }
    }
}
