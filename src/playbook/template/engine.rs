//! The template engine as playbooks and connectors get it: what it is never shown, which filters there are, and how it
//! writes values.

use minijinja::value::{Kwargs, Rest, ValueKind, ValueOrKwargs, from_args};
use minijinja::{Environment, Error, ErrorKind, Output, State, UndefinedBehavior, Value};
use std::fmt::{self, Write};
use std::ops::Range;

/// Steps that one template may take. A real one takes a few dozen; without statements none can need more, so this only
/// bounds what a hostile playbook could do with filters.
const FUEL: u64 = 10_000;

/// A text that is filled does not grow beyond this: it is a sentence or an argument, not a document.
const LONGEST: usize = 16 * 1024;

thread_local! {
    /// Made once: a run fills the arguments of every waiting check after every observation.
    pub(super) static ENVIRONMENT: Environment<'static> = environment();
}

/// Whether there is anything to fill.
pub(crate) fn is_template(text: &str) -> bool {
    let mut braces = text.match_indices('{');
    braces.any(|(at, _)| matches!(text.as_bytes().get(at + 1), Some(b'{' | b'%' | b'#')))
}

/// The expression, where the text is exactly one.
pub(crate) fn sole_expression(text: &str) -> Option<&str> {
    let inner = text.trim().strip_prefix("{{")?.strip_suffix("}}")?;
    if inner.contains("{{") || inner.contains("}}") {
        return None;
    }
    let inner = inner.strip_prefix('-').unwrap_or(inner);
    Some(inner.strip_suffix('-').unwrap_or(inner).trim())
}

/// Why a template is never shown to the engine, and the bytes that it is about; none where it is. The engine repeats what
/// is constant and counts columns while it reads, before its fuel and our lengths hold. Without statements nothing in a
/// template can be named twice, so what comes out grows no faster than the template.
pub(super) fn refused(text: &str) -> Option<(&'static str, Range<usize>)> {
    if !is_template(text) {
        None
    } else if let Some(start) = text.find("{%") {
        Some(("a template has no statements: only `{{ }}` is filled", start..start + 2))
    } else if text.len() > LONGEST {
        Some(("a template is a sentence or an argument: this one is too long", 0..1))
    } else if let Some(start) = text.find('*') {
        Some(("a template does not calculate: `*` cannot be used", start..start + 1))
    } else {
        // Backwards through an empty text (minijinja 3.0.5) ends in a panic.
        let colon = colon_in_brackets(text)?;
        Some(("a template takes no slices: use `first`, `last` or `list[0]`", colon..colon + 1))
    }
}

/// The first colon between square brackets, from the first `{{` on. Quotes are not looked at: a text of one's own that
/// holds such a colon is rarer than a way around them.
fn colon_in_brackets(text: &str) -> Option<usize> {
    let begin = text.find("{{")?;
    let mut depth = 0_usize;
    let colon = text[begin..].char_indices().find(|(_, letter)| {
        match letter {
            '[' => depth += 1,
            ']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        *letter == ':' && depth > 0
    });
    colon.map(|(at, _)| begin + at)
}

/// As much of a text as may come out of a template.
pub(super) fn bounded(mut text: String) -> String {
    text.truncate(text.floor_char_boundary(LONGEST));
    text
}

/// Makes one filter known to an environment.
type Adds = fn(&mut Environment<'_>);

/// The filters. What one gives is no larger than what it is given, or than [`LONGEST`]: the engine's own `join` makes a
/// text of texts as long as their product, and its own `map` and `list` take a text apart into its letters, one value each.
pub(super) const FILTERS: [(&str, Adds); 10] = [
    ("first", |it| it.add_filter("first", minijinja::filters::first)),
    ("last", |it| it.add_filter("last", minijinja::filters::last)),
    ("join", |it| it.add_filter("join", join)),
    ("length", |it| it.add_filter("length", minijinja::filters::length)),
    ("lower", |it| it.add_filter("lower", minijinja::filters::lower)),
    ("upper", |it| it.add_filter("upper", minijinja::filters::upper)),
    ("default", |it| it.add_filter("default", minijinja::filters::default)),
    ("list", |it| it.add_filter("list", list)),
    ("map", |it| it.add_filter("map", map)),
    ("round", |it| it.add_filter("round", minijinja::filters::round)),
];

pub(crate) fn environment() -> Environment<'static> {
    let mut environment = Environment::empty();
    for (_, add) in FILTERS {
        add(&mut environment);
    }
    // What is not there is empty, at any depth: whether that matters is said by `fill`.
    environment.set_undefined_behavior(UndefinedBehavior::Chainable);
    environment.set_fuel(Some(FUEL));
    environment.set_formatter(format);
    environment
}

/// Writes values as people read them: lists with commas, and nothing for what is not known.
fn format(output: &mut Output<'_>, state: &mut State<'_, '_>, value: &Value) -> Result<(), Error> {
    match value.kind() {
        ValueKind::None | ValueKind::Undefined => Ok(()),
        ValueKind::Seq | ValueKind::Iterable => {
            for (index, item) in value.try_iter()?.enumerate() {
                if index > 0 {
                    output.write_str(", ")?;
                }
                minijinja::escape_formatter(output, state, &item)?;
            }
            Ok(())
        }
        _ => minijinja::escape_formatter(output, state, value),
    }
}

/// A list with a text between its items. A text is its own only item.
fn join(value: &Value, between: Option<&str>) -> Result<String, Error> {
    let mut joined = Bounded::default();
    for (index, item) in items(value)?.enumerate() {
        let before = if index > 0 { between.unwrap_or_default() } else { "" };
        if write!(joined, "{before}{item}").is_err() {
            break;
        }
    }
    Ok(joined.0)
}

/// The items of a list, as a list of its own.
fn list(value: &Value) -> Result<Vec<Value>, Error> {
    Ok(items(value)?.collect())
}

/// One field of each item that has it: `map(attribute='address')`. It takes no other filter and no default, as the engine's own does:
/// a list in place of each item of a list, a few times over, is more than any memory.
fn map(value: &Value, arguments: Rest<ValueOrKwargs>) -> Result<Vec<Value>, Error> {
    let path = attribute(&arguments.into_values()).ok_or_else(|| {
        Error::new(ErrorKind::TooManyArguments, "`map` takes one field of each item: `map(attribute='name')`")
    })?;
    let field = |item: Value| path.split('.').try_fold(item, |value, name| value.get_attr(name)).ok();
    Ok(items(value)?.filter_map(field).filter(|found| !found.is_undefined() && !found.is_none()).collect())
}

/// The value of `attribute`, where it is the only argument.
fn attribute(arguments: &[Value]) -> Option<String> {
    let (options,): (Kwargs,) = from_args(arguments).ok()?;
    let path = options.get("attribute").ok()?;
    options.assert_all_used().ok().map(|()| path)
}

fn items(value: &Value) -> Result<Box<dyn Iterator<Item = Value>>, Error> {
    Ok(match value.kind() {
        ValueKind::String => Box::new(std::iter::once(value.clone())),
        _ => Box::new(value.try_iter()?),
    })
}

/// A text that takes no more than may come out of a template.
#[derive(Default)]
struct Bounded(String);

impl Write for Bounded {
    fn write_str(&mut self, more: &str) -> fmt::Result {
        let room = LONGEST - self.0.len();
        self.0.push_str(&more[..more.floor_char_boundary(room)]);
        if more.len() > room { Err(fmt::Error) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use minijinja::value::Serde;
    use serde_json::json;

    fn evaluated(expression: &str) -> Result<serde_json::Value, Error> {
        let context = Value::from(Serde(json!({ "list": [{ "a": { "b": 1 } }, { "a": { "b": 2 } }], "word": "abc" })));
        let value = ENVIRONMENT.with(|environment| environment.compile_expression(expression)?.eval(context))?;
        Ok(serde_json::to_value(&value).unwrap())
    }

    #[test]
    fn filters_take_lists_apart_and_texts_as_they_are() {
        for (expression, expected) in [
            ("list | map(attribute='a.b') | list", json!([1, 2])),
            ("list | map(attribute='a.b') | join(' and ')", json!("1 and 2")),
            ("list | map(attribute='a.c') | join('+')", json!("")),
            ("[{'a': 1}, {'a': none}, {}, 5] | map(attribute='a') | list", json!([1])),
            ("word | join(', ')", json!("abc")),
            ("word | list", json!(["abc"])),
            ("nothing | join(', ')", json!("")),
            ("nothing | map(attribute='a') | list", json!([])),
            ("['a', 'b'] | join", json!("ab")),
        ] {
            assert_eq!(evaluated(expression).unwrap(), expected, "{expression}");
        }
        for expression in ["list | map('upper')", "list | map(attribute='a', default=list)", "list | map", "5 | join"] {
            assert!(evaluated(expression).is_err(), "{expression}");
        }
    }

    #[test]
    fn joining_again_and_again_stays_within_bounds() {
        let many = vec!["'é'"; 1000].join(", ");
        let twice = format!("[{many}] | join([{many}] | join('0123456789'))");
        let text = evaluated(&twice).unwrap();
        assert!((LONGEST - 1..=LONGEST).contains(&text.as_str().unwrap().len()), "{}", text.as_str().unwrap().len());
    }
}
