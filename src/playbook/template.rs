//! Fills `{{ }}` in arguments and texts. There are no statements and no loops: a template names a value, and may fall
//! back to another (`{{ a or b }}` gives the first of both that says something, as in Jinja2).

use crate::observation::{Facts, Observation, Outcome};
use crate::settings::Settings;
use crate::target::Target;
use minijinja::value::{Object, ObjectRepr, Serde, ValueKind};
use minijinja::{Environment, Error, ErrorKind, Output, State, UndefinedBehavior, Value};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::rc::Rc;
use std::sync::Arc;

/// Steps that one template may take. A real one takes a few dozen; without statements none can need more, so this only
/// bounds what a hostile playbook could do with filters.
const FUEL: u64 = 10_000;

/// A text that is filled does not grow beyond this: it is a sentence or an argument, not a document.
const LONGEST: usize = 16 * 1024;

/// Names at the root of a scope that are no checks.
pub const FIXED_ROOTS: [&str; 2] = ["settings", "target"];

/// What an observation adds to the facts of its check.
pub const OBSERVATION_NAMES: [&str; 6] = ["subject", "code", "outcome", "summary", "ok", "all"];

/// What `target` offers.
pub const TARGET_NAMES: [&str; 9] = ["text", "scheme", "host", "port", "is_address", "tls", "http", "path", "url"];

/// The values that templates can name: inputs by name, `target`, `settings`, and one object for each check that has
/// ended. Names with a hyphen are written with an underscore.
#[derive(Debug, Clone, Default)]
pub struct Scope {
    roots: Arc<BTreeMap<String, Value>>,
}

impl Scope {
    /// A scope before any check has ended.
    pub fn new(inputs: &BTreeMap<String, String>, target: Option<&Target>, settings: &Settings) -> Self {
        let mut roots = BTreeMap::new();
        for (name, text) in inputs {
            roots.insert(variable(name), Value::from(text.as_str()));
        }
        roots.insert("settings".to_owned(), Value::from(Serde(settings)));
        if let Some(target) = target {
            roots.insert("target".to_owned(), Value::from_object(TargetObject(target.clone())));
        }
        Scope { roots: Arc::new(roots) }
    }

    /// Adds what the checks saw. Each check is an object with the facts of the observation that speaks for it, its
    /// `subject`, `code`, `outcome` and `summary`, and beside them `ok`, the list of its subjects that work, and `all`,
    /// the list of all its subjects. The observation whose id is among `telling` speaks for its check; else the first
    /// that works, else the first.
    pub fn with_observations<'a>(
        mut self,
        observations: impl IntoIterator<Item = &'a Observation>,
        telling: &dyn Fn(&Observation) -> bool,
    ) -> Self {
        let mut by_check: BTreeMap<&str, Vec<&Observation>> = BTreeMap::new();
        for observation in observations {
            by_check.entry(&observation.check).or_default().push(observation);
        }
        for (check, seen) in by_check {
            let speaks = seen
                .iter()
                .find(|observation| telling(observation))
                .or_else(|| seen.iter().find(|observation| observation.outcome == Outcome::Ok))
                .or(seen.first());
            let Some(speaks) = speaks else { continue };
            let mut object = object(speaks);
            let all: Vec<Value> = seen.iter().map(|observation| Value::from_pairs(self::object(observation))).collect();
            let working = seen.iter().zip(&all).filter(|(observation, _)| observation.outcome == Outcome::Ok);
            object.insert("ok", working.map(|(_, value)| value.clone()).collect());
            object.insert("all", all.into_iter().collect());
            Arc::make_mut(&mut self.roots).insert(variable(check), Value::from_pairs(object));
        }
        self
    }

    fn value(&self) -> Value {
        Value::from_dyn_object(self.roots.clone())
    }
}

/// What an observation says, by name.
fn object(observation: &Observation) -> BTreeMap<&str, Value> {
    // The names that every observation has win over facts: a certificate has a `subject` too.
    let facts = observation.facts.iter().map(|(name, value)| (name.as_str(), Value::from(Serde(value))));
    let mut object: BTreeMap<&str, Value> = facts.collect();
    object.insert("outcome", Value::from(Serde(observation.outcome)));
    object.insert("summary", Value::from(observation.summary.as_str()));
    if let Some(subject) = &observation.subject {
        object.insert("subject", Value::from(subject.as_str()));
    }
    if let Some(code) = observation.code {
        object.insert("code", Value::from(code.word()));
    }
    object
}

/// The target: its parts by name, and its own text where the whole is wanted.
#[derive(Debug)]
struct TargetObject(Target);

impl Object for TargetObject {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let target = &self.0;
        Some(match key.as_str()? {
            "text" => Value::from(target.text.as_str()),
            "scheme" => Value::from(target.scheme.as_str()),
            "host" => Value::from(target.host.as_str()),
            "port" => Value::from(target.port),
            "is_address" => Value::from(target.is_address),
            "tls" => Value::from(target.tls),
            "http" => Value::from(target.http),
            "path" => Value::from(target.path.as_str()),
            "url" => Value::from(target.url()),
            _ => return None,
        })
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.text)
    }
}

/// How templates write a name: `other-machine` is `other_machine`, because a hyphen is a minus there.
pub fn variable(name: &str) -> String {
    name.replace('-', "_")
}

/// The name of the check that a template's root stands for.
pub fn check_of(root: &str) -> String {
    root.replace('_', "-")
}

/// Fills every template in the arguments of a check. A text that is one template alone becomes the value itself, so
/// that lists stay lists and numbers numbers. What comes out empty is left out and named in the second part, unless the
/// template says that it may be missing (`or none`, `default(...)`).
pub fn fill(args: &Facts, scope: &Scope) -> (Facts, Vec<String>) {
    let mut filled = Facts::new();
    let mut empty = Vec::new();
    for (name, value) in args {
        match ENVIRONMENT.with(|environment| fill_value(environment, value, scope)) {
            Some(value) => {
                filled.insert(name.clone(), value);
            }
            None if value.as_str().is_some_and(is_optional) => {}
            None => empty.push(name.clone()),
        }
    }
    (filled, empty)
}

/// Fills a text for people. None where nothing is left of it: what is not known leaves a gap.
pub fn text(template: &str, scope: &Scope) -> Option<String> {
    if !is_template(template) {
        return Some(template.to_owned());
    }
    if refused(template).is_some() {
        return None;
    }
    let text = bounded(ENVIRONMENT.with(|environment| environment.render_str(template, scope.value())).ok()?);
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

/// How a template says that it may come out empty.
pub fn is_optional(text: &str) -> bool {
    text.contains("or none") || text.contains("default(")
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

/// Whether there is anything to fill.
pub(crate) fn is_template(text: &str) -> bool {
    text.contains('{') && ["{{", "{%", "{#"].iter().any(|opening| text.contains(opening))
}

/// What a template names, as dotted paths, or why it cannot be read: a message and the bytes that it is about.
type Inspected = Result<Rc<[String]>, (String, Option<std::ops::Range<usize>>)>;

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

/// Why a template is never shown to the engine, and the byte that it is about; none where it is. The engine repeats what is
/// constant and counts columns while it reads, before its fuel and our lengths hold: repeating texts is the one way in which
/// a short template makes a long one.
fn refused(text: &str) -> Option<(&'static str, usize)> {
    if !is_template(text) {
        None
    } else if text.len() > LONGEST {
        Some(("a template is a sentence or an argument: this one is too long", 0))
    } else if let Some(start) = text.find('*') {
        Some(("a template does not calculate: `*` cannot be used", start))
    } else {
        // Backwards through an empty text (minijinja 3.0.5) ends in a panic.
        colon_in_brackets(text).map(|colon| ("a template takes no slices: use `first`, `last` or `list[0]`", colon))
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

fn inspect_anew(text: &str) -> Result<Vec<String>, (String, Option<std::ops::Range<usize>>)> {
    if let Some(start) = text.find("{%") {
        let message = "a template has no statements: only `{{ }}` is filled".to_owned();
        return Err((message, Some(start..start + 2)));
    }
    if let Some((why, start)) = refused(text) {
        return Err((why.to_owned(), Some(start..start + 1)));
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

/// What a template names, as dotted paths; nothing where it cannot be read, which `inspect` reports.
pub(super) fn named(text: &str) -> Vec<String> {
    if let Some(Ok(paths)) = INSPECTED.with_borrow(|inspected| inspected.get(text).cloned()) {
        return paths.to_vec();
    }
    ENVIRONMENT.with(|environment| paths(environment, text)).unwrap_or_default()
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
        kind if detail.is_empty() => kind.to_string(),
        kind => format!("{kind}: {detail}"),
    }
}

thread_local! {
    static INSPECTED: RefCell<HashMap<String, Inspected>> = RefCell::default();
    /// Made once: a run fills the arguments of every waiting check after every observation.
    static ENVIRONMENT: Environment<'static> = environment();
    /// The same for whoever wrote a template: its errors say where.
    static INSPECTING: Environment<'static> = {
        let mut environment = environment();
        environment.set_debug(true);
        environment
    };
}

/// Makes one filter known to an environment.
type Adds = fn(&mut Environment<'_>);

/// The filters, of which each does work that is bounded by the length of its input.
const FILTERS: [(&str, Adds); 10] = [
    ("first", |it| it.add_filter("first", minijinja::filters::first)),
    ("last", |it| it.add_filter("last", minijinja::filters::last)),
    ("join", |it| it.add_filter("join", minijinja::filters::join)),
    ("length", |it| it.add_filter("length", minijinja::filters::length)),
    ("lower", |it| it.add_filter("lower", minijinja::filters::lower)),
    ("upper", |it| it.add_filter("upper", minijinja::filters::upper)),
    ("default", |it| it.add_filter("default", minijinja::filters::default)),
    ("list", |it| it.add_filter("list", minijinja::filters::list)),
    ("map", |it| it.add_filter("map", minijinja::filters::map)),
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

/// The expression, where the text is exactly one.
pub(crate) fn sole_expression(text: &str) -> Option<&str> {
    let inner = text.trim().strip_prefix("{{")?.strip_suffix("}}")?;
    if inner.contains("{{") || inner.contains("}}") {
        return None;
    }
    let inner = inner.strip_prefix('-').unwrap_or(inner);
    Some(inner.strip_suffix('-').unwrap_or(inner).trim())
}

fn fill_value(environment: &Environment<'_>, value: &serde_json::Value, scope: &Scope) -> Option<serde_json::Value> {
    match value {
        serde_json::Value::String(text) if refused(text).is_some() => None,
        serde_json::Value::String(text) if is_template(text) => {
            let value = match sole_expression(text) {
                Some(expression) => evaluate(environment, expression, scope)?,
                None => bounded(environment.render_str(text, scope.value()).ok()?).into(),
            };
            (!is_empty(&value)).then_some(value)
        }
        serde_json::Value::Array(items) => {
            let filled: Vec<_> = items.iter().filter_map(|item| fill_value(environment, item, scope)).collect();
            (!filled.is_empty() || items.is_empty()).then(|| filled.into())
        }
        serde_json::Value::Object(object) => {
            let pairs = object
                .iter()
                .filter_map(|(name, value)| fill_value(environment, value, scope).map(|value| (name.clone(), value)));
            Some(serde_json::Value::Object(pairs.collect()))
        }
        other => Some(other.clone()),
    }
}

fn is_empty(value: &serde_json::Value) -> bool {
    match value {
        serde_json::Value::Null => true,
        serde_json::Value::String(text) => text.is_empty(),
        serde_json::Value::Array(items) => items.is_empty(),
        _ => false,
    }
}

fn evaluate(environment: &Environment<'_>, expression: &str, scope: &Scope) -> Option<serde_json::Value> {
    let value = environment.compile_expression(expression).ok()?.eval(scope.value()).ok()?;
    if value.downcast_object_ref::<TargetObject>().is_some() {
        return Some(value.to_string().into());
    }
    serde_json::to_value(&value).ok()
}

fn bounded(mut text: String) -> String {
    text.truncate(text.floor_char_boundary(LONGEST));
    text
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
    use super::*;
    use crate::layer::Layer;
    use crate::problem::Code;
    use serde_json::json;

    fn scope() -> Scope {
        let target = Target::parse("https://crm.test:8443/login").unwrap();
        let inputs = BTreeMap::from([("my-name".to_owned(), "intranet".to_owned())]);
        let settings = Settings { time_servers: vec!["a.test".into(), "b.test".into()], ..Settings::default() };
        let mut dead = Observation::new("dns", Layer::Dns, "resolver", Some("10.8.0.1"), Outcome::Problem, "no".into());
        dead.code = Some(Code::DnsTimeout);
        dead.facts.insert("server".into(), "10.8.0.1".into());
        let mut live = Observation::new("dns", Layer::Dns, "resolver", Some("10.0.0.1"), Outcome::Ok, "yes".into());
        live.facts.insert("server".into(), "10.0.0.1".into());
        live.facts.insert("addresses".into(), json!(["192.0.2.1", "192.0.2.2"]));
        live.facts.insert("chain".into(), json!([{ "subject": "CN=crm" }]));
        let other = Observation::new("ask", Layer::Host, "other-machine", None, Outcome::Ok, "only here".into());
        Scope::new(&inputs, Some(&target), &settings).with_observations([&dead, &live, &other], &|_| false)
    }

    fn filled(template: serde_json::Value) -> Option<serde_json::Value> {
        fill(&Facts::from_iter([("x".to_owned(), template)]), &scope()).0.remove("x")
    }

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
    fn a_template_alone_is_the_value_itself() {
        let cases = [
            (json!("{{ target.port }}"), json!(8443)),
            (json!("{{ target }}"), json!("https://crm.test:8443/login")),
            (json!("{{target.tls}}"), json!(true)),
            (json!("{{ resolver.addresses }}"), json!(["192.0.2.1", "192.0.2.2"])),
            (json!("{{ resolver.addresses[0] }}"), json!("192.0.2.1")),
            (json!("{{ settings.time_servers }}"), json!(["a.test", "b.test"])),
            (json!("{{ my_name }}"), json!("intranet")),
            (json!("{{ other_machine.summary }}"), json!("only here")),
            (json!("{{ resolver.server }}"), json!("10.0.0.1")),
            (json!("{{ target.host }}:{{ target.port }}"), json!("crm.test:8443")),
            (json!(["{{ target.host }}", 3]), json!(["crm.test", 3])),
            (json!({ "a": "{{ target.host }}" }), json!({ "a": "crm.test" })),
            (json!("at {{ resolver.addresses }}"), json!("at 192.0.2.1, 192.0.2.2")),
            (json!("to {{ target }}"), json!("to https://crm.test:8443/login")),
            (json!(7), json!(7)),
        ];
        for (template, expected) in cases {
            assert_eq!(filled(template.clone()).unwrap(), expected, "{template}");
        }
    }

    #[test]
    fn or_gives_the_first_that_says_something() {
        assert_eq!(filled(json!("{{ settings.second_resolver or target.host }}")), Some(json!("crm.test")));
        assert_eq!(filled(json!("{{ resolver.nothing or target.host }}")), Some(json!("crm.test")));
        assert_eq!(filled(json!("{{ target.host or 'x' }}")), Some(json!("crm.test")));
        assert_eq!(filled(json!("{{ resolver.nothing or 'x' }}:1")), Some(json!("x:1")));
    }

    #[test]
    fn what_is_empty_is_left_out_and_named_unless_it_may_be() {
        let cases = [
            ("{{ settings.second_resolver }}", true),
            ("{{ settings.second_resolver or none }}", false),
            ("{{ later_check.address }}", true),
            ("{{ resolver.nothing.deeper }}", true),
            ("{{ later.list | map(attribute='x') | list }}", true),
            ("{{ 1 + }}", true),
            ("{{ target.host | nofilter }}", true),
        ];
        for (template, named) in cases {
            let (args, empty) = fill(&Facts::from_iter([("x".to_owned(), json!(template))]), &scope());
            assert!(args.is_empty(), "{template}");
            assert_eq!(!empty.is_empty(), named, "{template}");
        }
        assert_eq!(filled(json!(["{{ settings.second_resolver }}", "a"])), Some(json!(["a"])));
    }

    #[test]
    fn the_observation_that_is_explained_can_stand_for_its_check() {
        let mut dead = Observation::new("dns", Layer::Dns, "resolver", Some("10.8.0.1"), Outcome::Problem, "no".into());
        dead.code = Some(Code::DnsTimeout);
        let live = Observation::new("dns", Layer::Dns, "resolver", Some("10.0.0.1"), Outcome::Ok, "yes".into());
        let scope = Scope::default().with_observations([&live, &dead], &|seen| seen.outcome == Outcome::Problem);
        assert_eq!(text("{{ resolver.subject }} {{ resolver.code }}", &scope).unwrap(), "10.8.0.1 dns.timeout");
        assert_eq!(text("{{ (resolver.ok | first).subject }}", &scope).unwrap(), "10.0.0.1");
        assert_eq!(
            text("{{ resolver.all | map(attribute='subject') | join('+') }}", &scope).unwrap(),
            "10.0.0.1+10.8.0.1"
        );
    }

    #[test]
    fn texts_for_people_are_never_raw_templates() {
        let scope = scope();
        assert_eq!(text("by {{ resolver.server }}", &scope).as_deref(), Some("by 10.0.0.1"));
        assert_eq!(text("{{ resolver.none }}", &scope), None);
        assert_eq!(text("ask {{ x.y", &scope), None);
        assert_eq!(text("plain", &scope).as_deref(), Some("plain"));
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
