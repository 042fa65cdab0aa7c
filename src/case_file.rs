//! The case file: what people said, as TOML. Read with the reader of the playbook language, so that mistakes look the
//! same: all at once, each with file, line, caret and suggestion.

use crate::error::{Error, Kind as ErrorKind, Result};
use crate::packet::Case;
use crate::packet::case::field::{FIELDS, Field, Takes};
use crate::playbook::mistake::{At, Kind, Mistake, Mistakes, Source};
use crate::playbook::reader::{Fields, Placed, Reader};
use std::io::Read;
use std::path::Path;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// A case is a page of text; what is larger is another file.
const LARGEST: u64 = 1 << 20;

/// Reads a case file.
///
/// # Errors
/// Where it cannot be read, or has mistakes.
pub fn load(path: &Path) -> Result<Case> {
    let failed = |error: &dyn std::error::Error| {
        Error::environment(format!("cannot read the case file `{}`", path.display()))
            .because(error)
            .hint("firstline generate case > case.toml")
    };
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(|error| failed(&error))?;
    file.take(LARGEST + 1).read_to_end(&mut bytes).map_err(|error| failed(&error))?;
    if bytes.len() as u64 > LARGEST {
        return Err(Error::usage(format!("`{}` is larger than a case file can be (1 MiB)", path.display())));
    }
    let text = String::from_utf8(bytes).map_err(|error| failed(&error.utf8_error()))?;
    parse(&path.to_string_lossy(), &text).map_err(|mistakes| Error::rendered(ErrorKind::Usage, mistakes.render(false)))
}

/// Reads the text of a case file; `name` is what messages call it.
///
/// # Errors
/// All its mistakes at once.
pub fn parse(name: &str, text: &str) -> std::result::Result<Case, Mistakes> {
    let mut mistakes = Mistakes::default();
    mistakes.sources.push(Source { name: name.to_owned(), text: text.to_owned().into() });
    let (table, errors) = DeTable::parse_recoverable(text);
    for error in &errors {
        let at = At { source: 0, span: error.span().unwrap_or(0..0) };
        mistakes.add(Mistake::new(Kind::Syntax, &at, format!("not valid TOML: {}", error.message())));
    }
    let mut case = Case::default();
    if errors.is_empty() {
        let mut reader = Reader { mistakes: &mut mistakes, source: 0 };
        let mut fields = Fields::new("a case", table.get_ref(), At::default());
        for field in FIELDS {
            if let Some(value) = fields.get(field.name) {
                read(&mut reader, &mut case, field, value);
            }
        }
        fields.deny_rest(&mut reader);
    }
    mistakes.sort();
    if mistakes.is_empty() { Ok(case) } else { Err(mistakes) }
}

/// Takes what the file says about a field.
fn read(reader: &mut Reader<'_>, case: &mut Case, field: &Field, value: &Spanned<DeValue<'_>>) {
    // A list of which nobody knows anything is written as the word.
    let is_word = value.get_ref().as_str().is_some();
    let said = match field.takes() {
        Takes::Steps if !is_word => return steps(reader, case, field, value),
        Takes::Texts if !is_word => reader.texts(field.name, value),
        _ => one(reader, field, value),
    };
    for said in said {
        let answer = case.say(field, &said.value);
        note(reader, field, &said.at, answer);
    }
}

fn note(reader: &mut Reader<'_>, field: &Field, at: &At, answer: std::result::Result<(), String>) {
    if let Err(why) = answer {
        let message = format!("`{}` cannot take this: {why}", field.name);
        reader.add(Mistake::new(Kind::WrongWord, at, message).help(field.asks));
    }
}

fn steps(reader: &mut Reader<'_>, case: &mut Case, field: &Field, value: &Spanned<DeValue<'_>>) {
    for mut step in reader.tables("a step of `tried`", field.name, value) {
        let what = step.need(reader, "what", "what was done");
        let result = step.text(reader, "result").map(|result| result.value).unwrap_or_default();
        step.deny_rest(reader);
        if let Some(what) = what {
            note(reader, field, &what.at, case.add_step(&what.value, &result));
        }
    }
}

/// A text; a date or a number is what somebody wrote for "since".
fn one(reader: &mut Reader<'_>, field: &Field, value: &Spanned<DeValue<'_>>) -> Vec<Placed<String>> {
    match value.get_ref() {
        DeValue::Datetime(time) => vec![Placed { value: time.to_string(), at: reader.at(value) }],
        _ => reader.text(field.name, value).into_iter().collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packet::case::{Effect, Scope};

    #[test]
    fn a_whole_case() {
        let case = parse(
            "case.toml",
            r#"
            ticket = "INC-1042"
            symptom = "the crm is down"
            since = 2026-11-21T08:00:00+01:00
            scope = "several"
            effect = "blocked"
            contact = "unknown"
            tried = [{ what = "restarted a=b", result = "no change" }, { what = "other browser" }]
            earlier = ["INC-900", "INC-901"]
            "#,
        )
        .unwrap();
        assert_eq!((case.scope, case.effect), (Some(Scope::Several), Some(Effect::Blocked)));
        assert_eq!(case.since.as_deref(), Some("2026-11-21T08:00:00+01:00"));
        assert_eq!((case.tried.len(), case.tried[0].result.as_deref()), (2, Some("no change")));
        assert_eq!((case.tried[0].what.as_str(), case.earlier.len()), ("restarted a=b", 2));
        assert_eq!(case.not_known, ["contact"]);
    }

    #[test]
    fn every_mistake_is_shown_where_it_is() {
        let text = "sinse = \"noon\"\nscope = \"all\"\nerror = 5\n[[tried]]\nresult = \"none\"\nbut = \"x\"\n";
        let mistakes = parse("case.toml", text).unwrap_err().render(false);
        for part in [
            "case.toml:1:1",
            "did you mean `since`?",
            "case.toml:2:9",
            "one, several, site, everyone",
            "case.toml:3:9",
            "lacks `what`",
            "has no key `but`",
            "^",
        ] {
            assert!(mistakes.contains(part), "{part} is not in\n{mistakes}");
        }
        assert!(parse("case.toml", "ticket = ").unwrap_err().render(false).contains("not valid TOML"));
    }
}
