//! Fills `{{ }}` in arguments and texts. There are no statements and no loops: a template names a value, and may fall
//! back to another (`{{ a or b }}` gives the first of both that says something, as in Jinja2).

use crate::observation::{Facts, Observation, Outcome};
use crate::settings::Settings;
use crate::target::Target;
use minijinja::value::{Object, ObjectRepr, Serde, ValueKind};
use minijinja::{Environment, Error, ErrorKind, Output, State, UndefinedBehavior, Value};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// Steps that one template may take. A real one takes a few dozen; without statements none can need more, so this only
/// bounds what a hostile playbook could do with filters.
const FUEL: u64 = 10_000;

/// A text that is filled does not grow beyond this: it is a sentence or an argument, not a document.
const LONGEST: usize = 16 * 1024;

/// Names at the root of a scope that are no checks.
pub const FIXED_ROOTS: [&str; 2] = ["settings", "target"];

/// What stands beside the facts of a check: of the chosen observation, and of every subject that works (`ok`) or of every
/// one at all (`all`).
pub const OBSERVATION_NAMES: [&str; 6] = ["subject", "code", "outcome", "summary", "ok", "all"];

/// What `target` offers.
pub const TARGET_NAMES: [&str; 9] = ["text", "scheme", "host", "port", "is_address", "tls", "http", "path", "url"];

/// A template names something that is not there (yet).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{why}")]
pub struct Missing {
    /// The check, `target`, `settings` or input that is not there; empty where the template itself is at fault.
    pub root: String,
    /// A sentence that says so.
    pub why: String,
}

/// The values that templates can name: inputs by name, `target`, `settings`, and one object for each check that has
/// ended. Names with a hyphen are written with an underscore.
#[derive(Debug, Clone, Default)]
pub struct Scope {
    roots: BTreeMap<String, Value>,
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
        Scope { roots }
    }

    /// Adds what the checks saw: for each the first observation that is ok, else its first one.
    pub fn with_observations<'a>(mut self, observations: impl IntoIterator<Item = &'a Observation>) -> Self {
        let mut seen: BTreeMap<&str, Vec<&Observation>> = BTreeMap::new();
        for observation in observations {
            seen.entry(&observation.check).or_default().push(observation);
        }
        for (check, seen) in seen {
            let works = |observation: &&Observation| observation.outcome == Outcome::Ok;
            let Some(chosen) = seen.iter().copied().find(works).or(seen.first().copied()) else { continue };
            let mut object = names(chosen);
            let list = |chosen: &mut dyn Iterator<Item = &Observation>| -> Value {
                chosen.map(|observation| Value::from_pairs(names(observation))).collect()
            };
            object.insert("ok".to_owned(), list(&mut seen.iter().copied().filter(works)));
            object.insert("all".to_owned(), list(&mut seen.iter().copied()));
            self.roots.insert(variable(check), Value::from_pairs(object));
        }
        self
    }

    /// Lets a check stand for this observation: a cause speaks of the one that it explains, not of the first.
    pub fn put(&mut self, observation: &Observation) {
        let root = variable(&observation.check);
        let mut object = names(observation);
        for list in ["ok", "all"] {
            if let Some(value) = self.roots.get(&root).and_then(|check| check.get_attr(list).ok()) {
                object.insert(list.to_owned(), value);
            }
        }
        self.roots.insert(root, Value::from_pairs(object));
    }

    fn holds(&self, path: &str) -> bool {
        let mut parts = path.split('.');
        let Some(mut value) = parts.next().and_then(|root| self.roots.get(root)).cloned() else { return false };
        for part in parts {
            match value.get_attr(part) {
                Ok(next) if !next.is_undefined() => value = next,
                _ => return false,
            }
        }
        true
    }

    fn value(&self) -> Value {
        Value::from_pairs(self.roots.clone())
    }
}

/// What templates can name of one observation.
fn names(observation: &Observation) -> BTreeMap<String, Value> {
    let mut object: BTreeMap<String, Value> = BTreeMap::new();
    object.insert("outcome".to_owned(), Value::from(Serde(observation.outcome)));
    object.insert("summary".to_owned(), Value::from(observation.summary.as_str()));
    if let Some(subject) = &observation.subject {
        object.insert("subject".to_owned(), Value::from(subject.as_str()));
    }
    if let Some(code) = observation.code {
        object.insert("code".to_owned(), Value::from(code.word()));
    }
    // A fact wins over what has the same name: it says more.
    object.extend(observation.facts.iter().map(|(name, value)| (name.clone(), Value::from(Serde(value)))));
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
/// that lists stay lists and numbers numbers; where that value is none, the argument is left out and the probe's
/// default holds.
///
/// # Errors
/// Where a template names something that is not there.
pub fn fill(args: &Facts, scope: &Scope) -> Result<Facts, Missing> {
    let environment = environment(UndefinedBehavior::SemiStrict);
    let mut filled = Facts::new();
    for (name, value) in args {
        if let Some(value) = fill_value(&environment, value, scope)? {
            filled.insert(name.clone(), value);
        }
    }
    Ok(filled)
}

/// Fills a text for people. `a or b` takes what is there, also where the check of `a` was not made at all.
///
/// # Errors
/// Where it names something that is not there.
pub fn text(template: &str, scope: &Scope) -> Result<String, Missing> {
    if !is_template(template) {
        return Ok(template.to_owned());
    }
    let environment = environment(UndefinedBehavior::Chainable);
    environment
        .render_str(template, scope.value())
        .map(bounded)
        .map_err(|error| missing(&environment, template, scope, &error))
}

/// Fills a text for people; where something in it is not there, the given default is said instead.
pub fn text_or(template: &str, scope: &Scope, default: &str) -> String {
    text(template, scope).unwrap_or_else(|_| default.to_owned())
}

/// Fills a text for people; what is not there is replaced by `gap`, because a step that names one thing too few is
/// still worth reading.
pub fn text_with_gaps(template: &str, scope: &Scope, gap: &str) -> String {
    if !is_template(template) {
        return template.to_owned();
    }
    let mut environment = environment(UndefinedBehavior::Chainable);
    let gap_text = gap.to_owned();
    environment.set_formatter(move |output, state, value| match value.kind() {
        ValueKind::Undefined | ValueKind::None => output.write_str(&gap_text).map_err(Error::from),
        _ => format(output, state, value),
    });
    let value = scope.value();
    environment.render_str(template, value).map_or_else(|_| gap.to_owned(), bounded)
}

/// The roots that these arguments mention, in alphabetical order, without `settings` and `target`: checks (as
/// their ids are written) and inputs.
pub fn references(args: &Facts) -> Vec<String> {
    let mut roots = std::collections::BTreeSet::new();
    let environment = environment(UndefinedBehavior::SemiStrict);
    for value in args.values() {
        each_text(value, &mut |text| {
            if let Ok(paths) = paths(&environment, text) {
                roots.extend(paths.iter().filter_map(|path| path.split('.').next()).map(str::to_owned));
            }
        });
    }
    roots.into_iter().filter(|root| !FIXED_ROOTS.contains(&root.as_str())).map(|root| check_of(&root)).collect()
}

/// Whether there is anything to fill.
pub(super) fn is_template(text: &str) -> bool {
    text.contains("{{") || text.contains("{%") || text.contains("{#")
}

/// What a template names, as dotted paths, or why it cannot be read: a message and the bytes that it is about.
pub(super) fn inspect(text: &str) -> Result<Vec<String>, (String, Option<std::ops::Range<usize>>)> {
    if let Some(start) = text.find("{%") {
        let message = "a template has no statements: only `{{ }}` is filled".to_owned();
        return Err((message, Some(start..start + 2)));
    }
    if is_template(text)
        && let Some(start) = text.find('*')
    {
        // Repeating lists and texts is the one way in which a short template makes a long one.
        return Err(("a template does not calculate: `*` cannot be used".to_owned(), Some(start..start + 1)));
    }
    let mut environment = environment(UndefinedBehavior::Chainable);
    environment.set_debug(true);
    let range = |error: &Error| error.range().filter(|range| range.end <= text.len());
    let paths = paths(&environment, text).map_err(|error| (plain(&error), range(&error)))?;
    // Unknown filters show only when the template is filled, so it is filled once with nothing.
    match environment.render_str(text, Value::from_pairs(BTreeMap::<String, String>::new())) {
        Err(error) if is_authors(error.kind()) => Err((plain(&error), range(&error))),
        _ => Ok(paths),
    }
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

fn plain(error: &Error) -> String {
    match error.detail() {
        Some(detail) => format!("{}: {detail}", error.kind()),
        None => error.kind().to_string(),
    }
}

fn environment(undefined: UndefinedBehavior) -> Environment<'static> {
    // Only filters whose work and result are bounded by the length of their input.
    let mut environment = Environment::empty();
    environment.add_filter("first", minijinja::filters::first);
    environment.add_filter("last", minijinja::filters::last);
    environment.add_filter("join", minijinja::filters::join);
    environment.add_filter("length", minijinja::filters::length);
    environment.add_filter("lower", minijinja::filters::lower);
    environment.add_filter("upper", minijinja::filters::upper);
    environment.add_filter("round", minijinja::filters::round);
    environment.add_filter("default", minijinja::filters::default);
    environment.add_filter("list", minijinja::filters::list);
    environment.add_filter("map", minijinja::filters::map);
    environment.add_filter("unique", minijinja::filters::unique);
    environment.add_filter("selectattr", minijinja::filters::selectattr);
    environment.add_filter("rejectattr", minijinja::filters::rejectattr);
    environment.add_test("eq", minijinja::tests::is_eq);
    environment.add_test("ne", minijinja::tests::is_ne);
    environment.add_test("defined", minijinja::tests::is_defined);
    environment.add_test("none", minijinja::tests::is_none);
    environment.set_undefined_behavior(undefined);
    environment.set_fuel(Some(FUEL));
    environment.set_formatter(format);
    environment
}

/// Writes values as people read them: lists with commas, none as an error because it would say nothing.
fn format(output: &mut Output<'_>, state: &mut State<'_, '_>, value: &Value) -> Result<(), Error> {
    match value.kind() {
        ValueKind::None | ValueKind::Undefined => Err(Error::new(ErrorKind::UndefinedError, "the value is not known")),
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
fn sole_expression(text: &str) -> Option<&str> {
    let inner = text.trim().strip_prefix("{{")?.strip_suffix("}}")?;
    if inner.contains("{{") || inner.contains("}}") {
        return None;
    }
    let inner = inner.strip_prefix('-').unwrap_or(inner);
    Some(inner.strip_suffix('-').unwrap_or(inner).trim())
}

fn fill_value(
    environment: &Environment<'_>,
    value: &serde_json::Value,
    scope: &Scope,
) -> Result<Option<serde_json::Value>, Missing> {
    Ok(match value {
        serde_json::Value::String(text) if is_template(text) => match sole_expression(text) {
            Some(expression) => evaluate(environment, text, expression, scope)?,
            None => Some(render(environment, text, scope)?.into()),
        },
        serde_json::Value::Array(items) => {
            let mut filled = Vec::with_capacity(items.len());
            for item in items {
                filled.extend(fill_value(environment, item, scope)?);
            }
            Some(filled.into())
        }
        serde_json::Value::Object(object) => {
            let mut filled = Facts::new();
            for (name, value) in object {
                if let Some(value) = fill_value(environment, value, scope)? {
                    filled.insert(name.clone(), value);
                }
            }
            Some(filled.into())
        }
        other => Some(other.clone()),
    })
}

fn evaluate(
    environment: &Environment<'_>,
    text: &str,
    expression: &str,
    scope: &Scope,
) -> Result<Option<serde_json::Value>, Missing> {
    roots_there(environment, text, scope)?;
    let value = environment
        .compile_expression(expression)
        .and_then(|expression| expression.eval(scope.value()))
        .map_err(|error| missing(environment, text, scope, &error))?;
    if value.is_undefined() {
        return Err(missing(environment, text, scope, &Error::from(ErrorKind::UndefinedError)));
    }
    if value.is_none() {
        return Ok(None);
    }
    if value.downcast_object_ref::<TargetObject>().is_some() {
        return Ok(Some(value.to_string().into()));
    }
    serde_json::to_value(&value)
        .map(Some)
        .map_err(|error| Missing { root: String::new(), why: format!("`{text}` gives no usable value: {error}") })
}

fn render(environment: &Environment<'_>, text: &str, scope: &Scope) -> Result<String, Missing> {
    roots_there(environment, text, scope)?;
    environment.render_str(text, scope.value()).map(bounded).map_err(|error| missing(environment, text, scope, &error))
}

fn bounded(mut text: String) -> String {
    text.truncate(text.floor_char_boundary(LONGEST));
    text
}

/// A check that has not ended is missing even where the template offers another value: it might still say something.
fn roots_there(environment: &Environment<'_>, text: &str, scope: &Scope) -> Result<(), Missing> {
    let paths = paths(environment, text).unwrap_or_default();
    match paths.iter().filter_map(|path| path.split('.').next()).find(|root| !scope.roots.contains_key(*root)) {
        Some(root) => {
            let root = check_of(root);
            let why = format!("`{root}` is not known");
            Err(Missing { root, why })
        }
        None => Ok(()),
    }
}

fn missing(environment: &Environment<'_>, text: &str, scope: &Scope, error: &Error) -> Missing {
    if error.kind() == ErrorKind::UndefinedError
        && let Some(path) = paths(environment, text).unwrap_or_default().into_iter().find(|path| !scope.holds(path))
    {
        let root = path.split('.').next().map(check_of).unwrap_or_default();
        return Missing { root, why: format!("`{path}` is not known") };
    }
    Missing { root: String::new(), why: format!("`{text}` cannot be filled: {}", plain(error)) }
}

/// What a text names, sorted, so that the same mistake is found first in every run.
fn paths(environment: &Environment<'_>, text: &str) -> Result<Vec<String>, Error> {
    let found = match sole_expression(text) {
        // The error's place must be one in the whole text, so only a good expression takes the short way.
        Some(expression) if environment.compile_expression(expression).is_ok() => {
            environment.compile_expression(expression)?.undeclared_variables(true)
        }
        _ => environment.template_from_str(text)?.undeclared_variables(true),
    };
    let mut paths: Vec<String> = found.into_iter().collect();
    paths.sort();
    Ok(paths)
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
        Scope::new(&inputs, Some(&target), &settings).with_observations([&dead, &live, &other])
    }

    fn filled(template: serde_json::Value) -> Result<Facts, Missing> {
        fill(&Facts::from_iter([("x".to_owned(), template)]), &scope())
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
            (json!("{{ resolver.ok | map(attribute='server') | list }}"), json!(["10.0.0.1"])),
            (json!("{{ (resolver.all | first).subject }}"), json!("10.8.0.1")),
            (json!("{{ 'udp' if target.scheme == 'udp' else 'tcp' }}"), json!("tcp")),
            (json!("{{ settings.second_resolver or 'none' }}"), json!("none")),
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
            assert_eq!(filled(template.clone()).unwrap()["x"], expected, "{template}");
        }
    }

    #[test]
    fn or_gives_the_first_that_says_something() {
        assert_eq!(filled(json!("{{ settings.second_resolver or target.host }}")).unwrap()["x"], json!("crm.test"));
        assert_eq!(filled(json!("{{ resolver.nothing or target.host }}")).unwrap()["x"], json!("crm.test"));
        assert_eq!(filled(json!("{{ target.host or 'x' }}")).unwrap()["x"], json!("crm.test"));
        assert_eq!(filled(json!("{{ resolver.nothing or 'x' }}:1")).unwrap()["x"], json!("x:1"));
    }

    #[test]
    fn none_leaves_the_argument_out() {
        assert!(filled(json!("{{ settings.second_resolver }}")).unwrap().is_empty());
        assert_eq!(filled(json!(["{{ settings.second_resolver }}", "a"])).unwrap()["x"], json!(["a"]));
    }

    #[test]
    fn says_what_is_missing() {
        let cases = [
            ("{{ later_check.address }}", "later-check"),
            ("{{ later.address or target.host }}", "later"),
            ("{{ resolver.nothing }}", "resolver"),
            ("{{ resolver.nothing.deeper }}", "resolver"),
            ("x {{ resolver.nothing }}", "resolver"),
            ("{{ 1 + }}", ""),
            ("{{ target.host | nofilter }}", ""),
            ("x {{ settings.second_resolver }}", ""),
        ];
        for (template, root) in cases {
            assert_eq!(filled(json!(template)).unwrap_err().root, root, "{template}");
        }
    }

    #[test]
    fn the_observation_that_is_explained_can_stand_for_its_check() {
        let mut scope = scope();
        let mut dead = Observation::new("dns", Layer::Dns, "resolver", Some("10.8.0.1"), Outcome::Problem, "no".into());
        dead.code = Some(Code::DnsTimeout);
        scope.put(&dead);
        assert_eq!(text("{{ resolver.subject }} {{ resolver.code }}", &scope).unwrap(), "10.8.0.1 dns.timeout");
    }

    #[test]
    fn texts_for_people_are_never_raw_templates() {
        let scope = scope();
        assert_eq!(text_or("by {{ resolver.server }}", &scope, "by it"), "by 10.0.0.1");
        assert_eq!(text_or("by {{ resolver.nothing }}", &scope, "by it"), "by it");
        assert_eq!(text_or("{{ later.address or resolver.server }}", &scope, "it"), "10.0.0.1");
        assert_eq!(text_with_gaps("ask {{ x.y }} at {{ target.host }}", &scope, "?"), "ask ? at crm.test");
        assert_eq!(text_with_gaps("ask {{ x.y", &scope, "?"), "?");
        assert_eq!(text_with_gaps("plain", &scope, "?"), "plain");
    }

    #[test]
    fn knows_what_arguments_refer_to() {
        let args = Facts::from_iter([
            ("a".to_owned(), json!("{{ resolver.chain[0].subject }}")),
            ("b".to_owned(), json!(["{{ other_machine.answer or target.host }}", "{{ settings.control_url }}"])),
            ("c".to_owned(), json!({ "d": "{{ target }}{{ lookup.addresses | first }}" })),
        ]);
        assert_eq!(references(&args), ["lookup", "other-machine", "resolver"]);
    }

    #[test]
    fn inspects_without_values() {
        assert_eq!(inspect("{{ a.b }} {{ c }}").unwrap(), ["a.b", "c"]);
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
            "{{ range(100000) | list }}",
            "{{ 'a' | replace('a', 'b') }}",
            "{{ 'a' | indent(1000000) }}",
        ] {
            assert!(inspect(template).is_err(), "{template}");
        }
    }
}
