//! What a template names, without filling it: for the linter, the order of checks, and what a check waits for.

use super::engine::{FILTERS, environment, is_template, refused, sole_expression};
use super::{FIXED_ROOTS, check_of};
use crate::observation::Facts;
use minijinja::{Environment, Error, ErrorKind, Value};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Range;
use std::rc::Rc;

/// What a template names, as dotted paths, or why it cannot be read: a message and the bytes that it is about.
type Inspected = Result<Rc<[String]>, (String, Option<Range<usize>>)>;

/// Words that are no names in a template: its operators, its constants, and what it binds itself.
const RESERVED: [&str; 12] = ["and", "else", "false", "if", "in", "is", "loop", "none", "not", "or", "self", "true"];

/// Templates of which is remembered what they name; the library has some two thousand.
const REMEMBERED: usize = 4_096;

/// What a template names, as dotted paths, or why it cannot be read. What was inspected once is remembered: the same
/// fragments are part of nearly every playbook.
pub(crate) fn inspect(text: &str) -> Inspected {
    INSPECTED.with_borrow_mut(|inspected| {
        if let Some(known) = inspected.get(text) {
            return known.clone();
        }
        if inspected.len() >= REMEMBERED {
            inspected.clear();
        }
        let found = inspect_anew(text).map(Rc::from);
        inspected.insert(text.to_owned(), found.clone());
        found
    })
}

thread_local! {
    static INSPECTED: RefCell<HashMap<String, Inspected>> = RefCell::default();
    /// The engine for whoever wrote a template: its errors say where.
    static INSPECTING: Environment<'static> = {
        let mut environment = environment();
        environment.set_debug(true);
        environment
    };
}

fn inspect_anew(text: &str) -> Result<Vec<String>, (String, Option<Range<usize>>)> {
    if let Some((why, at)) = refused(text) {
        return Err((why.to_owned(), Some(at)));
    }
    let range = |error: &Error| error.range().filter(|range| range.end <= text.len());
    INSPECTING.with(|environment| {
        let paths = paths(environment, text).map_err(|error| (plain(&error), range(&error)))?;
        if !calls_something(text) {
            return Ok(paths);
        }
        // Unknown filters show only when the template is filled, so it is filled once with nothing.
        match environment.render_str(text, Value::from_pairs(BTreeMap::<String, String>::new())) {
            Err(error) if is_authors(error.kind()) => Err((plain(&error), range(&error))),
            _ => Ok(paths),
        }
    })
}

/// What a template names, as dotted paths; nothing where it cannot be read, which `inspect` reports. A run asks this of
/// every waiting check after every observation.
pub(crate) fn named(text: &str) -> Rc<[String]> {
    inspect(text).unwrap_or_default()
}

/// Whether a template may use a filter, a function or a test: most only name a value.
fn calls_something(text: &str) -> bool {
    text.contains(['|', '(']) || text.contains(" is ")
}

fn is_authors(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::SyntaxError
            | ErrorKind::UnknownFilter
            | ErrorKind::UnknownTest
            | ErrorKind::UnknownFunction
            | ErrorKind::UnknownMethod
            | ErrorKind::TooManyArguments
            | ErrorKind::MissingArgument
            | ErrorKind::OutOfFuel
    )
}

/// What is wrong with a template, in words that say what to do about it; the engine's own where none are known.
fn plain(error: &Error) -> String {
    let detail = error.detail().unwrap_or_default();
    let called = || detail.split(' ').nth(1).unwrap_or_default();
    match error.kind() {
        ErrorKind::SyntaxError if detail.contains("end of variable block") && detail.contains("end of input") => {
            "`{{` is never closed: add `}}`".to_owned()
        }
        ErrorKind::UnknownFilter => {
            format!("there is no filter `{}`; known here: {}", called(), FILTERS.map(|(name, _)| name).join(", "))
        }
        ErrorKind::UnknownTest | ErrorKind::UnknownFunction | ErrorKind::UnknownMethod => {
            format!("a template calls nothing but filters: {detail}")
        }
        // Said by a filter of our own.
        ErrorKind::TooManyArguments if detail.starts_with('`') => detail.to_owned(),
        kind if detail.is_empty() => kind.to_string(),
        kind => format!("{kind}: {detail}"),
    }
}

/// The roots that these arguments mention, in alphabetical order, without `inputs`, `settings` and `target`: checks (as
/// their ids are written) and inputs.
pub fn references(args: &Facts) -> Vec<String> {
    let mut roots = BTreeSet::new();
    for value in args.values() {
        each_text(value, &mut |text| {
            roots.extend(named(text).iter().filter_map(|path| path.split('.').next()).map(str::to_owned));
        });
    }
    roots.into_iter().filter(|root| !FIXED_ROOTS.contains(&root.as_str())).map(|root| check_of(&root)).collect()
}

/// What a text names, sorted, so that the same mistake is found first in every run.
fn paths(environment: &Environment<'_>, text: &str) -> Result<Vec<String>, Error> {
    if let Some(names) = plain_names(text) {
        return Ok(names.into_iter().map(str::to_owned).collect());
    }
    if let Some((why, _)) = refused(text) {
        return Err(Error::new(ErrorKind::SyntaxError, why));
    }
    paths_by_engine(environment, text)
}

fn paths_by_engine(environment: &Environment<'_>, text: &str) -> Result<Vec<String>, Error> {
    let found = match sole_expression(text).map(|expression| environment.compile_expression(expression)) {
        // The error's place must be one in the whole text, so only a good expression takes the short way.
        Some(Ok(expression)) => expression.undeclared_variables(true),
        _ => environment.template_from_str(text)?.undeclared_variables(true),
    };
    let mut paths: Vec<String> = found.into_iter().collect();
    paths.sort();
    Ok(paths)
}

/// The names of a template that does nothing but fill them in, as nearly all do; none where it does more. The engine would
/// say the same and builds a program for it, and a run asks about hundreds.
fn plain_names(text: &str) -> Option<BTreeSet<&str>> {
    let mut names = BTreeSet::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("{{") {
        let (inside, behind) = after.split_once("}}")?;
        let name = inside.trim();
        if before.contains('{') || !is_dotted_name(name) {
            return None;
        }
        names.insert(name);
        rest = behind;
    }
    (!rest.contains('{')).then_some(names)
}

/// Whether it is a name or names with dots between them, and no word that templates read otherwise.
fn is_dotted_name(text: &str) -> bool {
    let is_word = |word: &str| {
        word.starts_with(|first: char| first.is_ascii_lowercase())
            && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
            && !RESERVED.contains(&word)
    };
    text.split('.').all(is_word)
}

fn each_text(value: &serde_json::Value, visit: &mut impl FnMut(&str)) {
    match value {
        serde_json::Value::String(text) if is_template(text) => visit(text),
        serde_json::Value::Array(items) => items.iter().for_each(|item| each_text(item, visit)),
        serde_json::Value::Object(object) => object.values().for_each(|item| each_text(item, visit)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::super::engine::ENVIRONMENT;
    use super::*;
    use serde_json::json;

    #[test]
    fn plain_names_are_those_that_the_engine_finds() {
        let library = crate::playbook::builtin::BUILTIN.iter().chain(crate::playbook::builtin::FRAGMENTS);
        let texts = library.flat_map(|(_, text)| text.split('"')).map(str::to_owned);
        let odd = [
            "{{ a }}{{ b.c }} {{a}}",
            "{{ none }}",
            "{{ a.none }}",
            "{{ a.0 }}",
            "{{ }}",
            "{{ a",
            "{% a %} {{ b }}",
            "{{ a }}}",
        ];
        let mut plain = 0;
        for text in texts.chain(odd.map(str::to_owned)) {
            let Some(names) = plain_names(&text) else { continue };
            let found = ENVIRONMENT.with(|environment| paths_by_engine(environment, &text)).unwrap();
            assert_eq!(Vec::from_iter(names), found, "{text}");
            plain += usize::from(!found.is_empty());
        }
        assert!(plain > 100, "{plain}");
    }

    #[test]
    fn knows_what_arguments_refer_to() {
        let args = Facts::from_iter([
            ("a".to_owned(), json!("{{ resolver.chain[0].subject }}")),
            ("b".to_owned(), json!(["{{ other_machine.answer or target.host }}", "{{ settings.control_url }}"])),
            ("c".to_owned(), json!({ "d": "{{ lookup.addresses | first }}" })),
        ]);
        assert_eq!(references(&args), ["lookup", "other-machine", "resolver"]);
    }

    #[test]
    fn inspects_without_values() {
        assert_eq!(inspect("{{ a.b }} {{ c }}").unwrap()[..], ["a.b", "c"]);
        assert!(inspect("{{ a.b").is_err());
        assert!(inspect("{{ a.b | upperr }}").unwrap_err().0.contains("upperr"));
        assert!(inspect("{% for x in y %}{% endfor %}").unwrap_err().0.contains("statements"));
        assert!(inspect("{{ a.b | join(', ') }}").is_ok());
    }

    #[test]
    fn a_hostile_template_is_refused() {
        for template in [
            "{{ 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa' * 1000000 }}",
            "{{ ([1] * 1000000000) | join }}",
            "{{ range(100000) }}",
            "{{ 'a' | replace('a', 'b') }}",
        ] {
            assert!(inspect(template).is_err(), "{template}");
        }
    }
}
