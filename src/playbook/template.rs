//! Fills `{{ }}` in arguments and texts. There are no statements and no loops: a template names a value, and may fall
//! back to another (`{{ a or b }}` gives the first of both that says something, as in Jinja2).

mod engine;
mod names;

use self::engine::{ENVIRONMENT, bounded, refused};
pub(crate) use self::engine::{environment, is_template, sole_expression};
pub use self::names::references;
pub(crate) use self::names::{inspect, named};
use crate::observation::{Facts, Observation, Outcome};
use crate::settings::Settings;
use crate::target::Target;
use minijinja::value::{Object, ObjectRepr, Serde};
use minijinja::{Environment, Value};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

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
}
