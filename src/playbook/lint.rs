//! Checks what only the whole playbook can tell: whether every name in it exists, whether every argument, fact and code
//! belongs to its probe, and whether the checks can be put in an order.

mod circle;
mod fact;
mod logic;
mod sense;
mod statement;
mod text;

use super::InputKind;
use super::draft::{Draft, DraftCause, DraftCheck, Head};
use super::given::PlacedTest;
use super::mistake::{At, Kind, Mistake, Mistakes, Source, shown};
use super::parse::Registry;
use super::template::{self, variable};
use super::when::PlacedAtom;
use crate::observation::Facts;
use crate::probe::{Probe, exec};
use crate::settings::Settings;
use fact::FactType;
use serde_json::Value;
use statement::Told;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::mem::ManuallyDrop;
use std::rc::Rc;

/// Steps that are shown at a time; a person can hold no more in mind.
const STEPS_SHOWN: usize = 3;

/// What people said is an observation like any other: its facts, and the JSON type of each. Inputs come on top, and the
/// fields of the case that are facts.
const CASE_FACTS: [(&str, &str); 12] = [
    ("target", "string"),
    ("scheme", "string"),
    ("host", "string"),
    ("port", "integer"),
    ("tls", "boolean"),
    ("http", "boolean"),
    ("is_address", "boolean"),
    ("is_control", "boolean"),
    ("internal", "boolean"),
    ("expects_proxy", "boolean"),
    ("connectivity_check", "boolean"),
    ("symptom", "boolean"),
];

/// Keys of `[[check]]` that are no arguments.
pub(super) const CHECK_KEYS: [&str; 11] =
    ["id", "probe", "title", "layer", "cost", "goal", "after", "may_affect", "control_for", "when", "context_required"];

/// Which of the included texts are asked only whether the checks that they speak of are there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trust {
    /// None.
    Nothing,
    /// Those that are built in.
    BuiltIn,
    /// Of those the ones in which nothing was found wrong before, as a part of another playbook.
    LookedAt,
}

impl Trust {
    /// For each text of a playbook whether it needs no second look. The playbook itself always does.
    fn of_texts(self, draft: &Draft, sources: &[Source]) -> Vec<bool> {
        // Most of what is built in speaks of the target, which is left to whoever includes it.
        let has_target = draft.inputs.iter().any(|input| input.input.kind == InputKind::Target);
        let is_trusted = |source: &Source| match self {
            Trust::Nothing => false,
            Trust::BuiltIn => source.is_built_in(),
            Trust::LookedAt => source.is_built_in() && LOOKED_AT.with_borrow(|all| all.contains(&source.text.as_ptr())),
        };
        let each = sources.iter().enumerate();
        each.map(|(index, source)| index > 0 && has_target && is_trusted(source)).collect()
    }
}

/// Adds every mistake that only the whole tells.
pub(super) fn check(draft: &Draft, head: &Head, registry: Registry, trust: Trust, mistakes: &mut Mistakes) {
    let trusted = trust.of_texts(draft, &mistakes.sources);
    look(draft, head, registry, trusted, mistakes);
    if trust == Trust::LookedAt && mistakes.errors() == 0 {
        let included = mistakes.sources.iter().skip(1).filter(|source| source.is_built_in());
        LOOKED_AT.with_borrow_mut(|all| all.extend(included.map(|source| source.text.as_ptr())));
    }
}

fn look(draft: &Draft, head: &Head, registry: Registry, trusted: Vec<bool>, mistakes: &mut Mistakes) {
    let mut lint = Lint {
        draft,
        registry,
        trusted,
        mistakes,
        checks: draft.checks.iter().map(|check| (check.check.id.as_str(), &**check)).collect(),
        inputs: draft.inputs.iter().map(|input| variable(&input.name)).collect(),
        expected: draft.tests.iter().filter_map(|test| test.test.expect.cause.as_deref()).collect(),
        settings: setting_names(),
        case: statement::case_facts(draft),
        changes: statement::change_facts(),
    };
    lint.head(head);
    lint.inputs();
    for check in &draft.checks {
        lint.one_check(check);
    }
    lint.cycles();
    for cause in &draft.causes {
        lint.cause(cause);
    }
    // A condition of which a part could not be read may look like another one.
    if lint.mistakes.errors() == 0 {
        lint.sense();
    }
    lint.tests();
}

fn setting_names() -> Rc<[String]> {
    match serde_json::to_value(Settings::default()) {
        Ok(Value::Object(map)) => map.keys().cloned().collect(),
        _ => Rc::from([]),
    }
}

/// The parameters and facts of a probe, from its schemas.
struct Shape {
    params: Value,
    /// What each fact can be.
    facts: BTreeMap<String, FactType>,
    /// Whether there may be other facts.
    is_open: bool,
}

impl Shape {
    fn of(probe: &Probe) -> Self {
        let (params, facts) = ((probe.params)().to_value(), (probe.facts)().to_value());
        let listed = facts.get("properties").and_then(Value::as_object).into_iter().flatten();
        let types = listed.map(|(name, schema)| (name.clone(), FactType::of(schema, &facts))).collect();
        Shape { params, facts: types, is_open: is_open(&facts) }
    }
}

thread_local! {
    /// Included texts of this binary, by where they lie in it, that were looked at as a part of a playbook without mistakes.
    static LOOKED_AT: RefCell<HashSet<*const u8>> = RefCell::default();
    /// Shapes that were made, by the address of their probe: making them is most of the work, and whoever looks at one
    /// playbook often looks at the whole library. The process ends soon after; taking them apart piece by piece before that
    /// would be two hundredths of its work.
    static SHAPES: RefCell<ManuallyDrop<HashMap<*const Probe, Rc<Shape>>>> = RefCell::default();
}

struct Lint<'d> {
    draft: &'d Draft,
    registry: Registry,
    /// Of each text whether it needs no second look.
    trusted: Vec<bool>,
    mistakes: &'d mut Mistakes,
    checks: HashMap<&'d str, &'d DraftCheck>,
    /// How templates write the inputs.
    inputs: HashSet<String>,
    /// Causes that a test expects.
    expected: HashSet<&'d str>,
    settings: Rc<[String]>,
    case: Rc<Told>,
    changes: Rc<Told>,
}

impl<'d> Lint<'d> {
    fn add(&mut self, mistake: Mistake) {
        self.mistakes.add(mistake);
    }

    fn head(&mut self, head: &Head) {
        if self.draft.checks.is_empty() {
            let help = "add a `[[check]]`, or include a fragment that has some";
            self.add(Mistake::new(Kind::Empty, &head.at, "the playbook has no checks").help(help));
        }
        if self.draft.causes.is_empty() {
            let help = "without causes it can tell the layer, but not what to do";
            self.add(Mistake::new(Kind::NoCauses, &head.at, "the playbook has no causes").help(help));
        }
        if head.says.is_empty() {
            let help = "add `says = [\"...\"]` with what users say when they call";
            self.add(Mistake::new(Kind::NoSays, &head.at, "the playbook has no `says`").help(help));
        }
        self.texts(&head.texts);
    }

    fn inputs(&mut self) {
        let draft = self.draft;
        for input in &draft.inputs {
            self.texts(&input.texts);
            let name = variable(&input.name);
            if let Some(check) = draft.checks.iter().find(|check| variable(&check.check.id) == name) {
                let message = format!("an input and a check are both called `{}`", shown(&input.name));
                self.add(
                    Mistake::new(Kind::Duplicate, &check.at, message)
                        .related(&input.at, "the input")
                        .help("templates could not tell them apart; rename one"),
                );
            }
        }
        let targets: Vec<_> = draft.inputs.iter().filter(|input| input.input.kind == InputKind::Target).collect();
        if let [first, second, ..] = targets.as_slice() {
            self.add(
                Mistake::new(Kind::Duplicate, &second.at, "two inputs are the target")
                    .related(&first.at, "the first")
                    .help("a run has one target; make the other one a `text`"),
            );
        }
    }

    fn one_check(&mut self, draft: &'d DraftCheck) {
        let check = &draft.check;
        self.references(&check.after, &draft.after);
        self.references(&check.may_affect, &draft.may_affect);
        self.references(&check.control_for, &draft.control_for);
        if self.is_trusted(&draft.at, &draft.atoms) {
            return;
        }
        self.atoms(&draft.atoms);
        self.texts(&draft.texts);
        if let Some(probe) = self.registry.find(&check.probe) {
            self.arguments(draft, probe);
            self.undeclared(draft, probe);
        }
    }

    /// A program talks to whom it likes: only who wrote the check knows, and `firstline plan` promises to say.
    fn undeclared(&mut self, draft: &DraftCheck, probe: &Probe) {
        if probe.name == exec::PROBE.name && !draft.check.args.contains_key("connects") {
            let message = format!("`{}` does not say whom its command talks to", shown(&draft.check.id));
            let help = "add `connects = [\"host:port\"]`, or `connects = []` where it stays on this machine";
            self.add(Mistake::new(Kind::Undeclared, &draft.probe, message).help(help));
        }
    }

    fn references(&mut self, ids: &[String], places: &[At]) {
        for (id, at) in ids.iter().zip(places) {
            self.known_check(id, at);
        }
    }

    fn known_check(&mut self, id: &str, at: &At) -> Option<&'d DraftCheck> {
        let known = self.checks.get(id).copied();
        if known.is_none() && self.told_facts(id).is_none() {
            let message = format!("there is no check `{}`", shown(id));
            let known: BTreeSet<&str> = self.checks.keys().copied().collect();
            let mistake = Mistake::new(Kind::UnknownCheck, at, message).suggest(id, known);
            self.add(mistake);
        }
        known
    }

    fn shape(&self, probe: &'static Probe) -> Rc<Shape> {
        let key = std::ptr::from_ref(probe);
        SHAPES.with_borrow_mut(|shapes| shapes.entry(key).or_insert_with(|| Rc::new(Shape::of(probe))).clone())
    }

    fn arguments(&mut self, draft: &DraftCheck, probe: &'static Probe) {
        let shape = self.shape(probe);
        let params = &shape.params;
        let open = is_open(params);
        let mut good = true;
        for (name, key, _) in &draft.args {
            if !open && property(params, name).is_none() {
                good = false;
                let names = properties(params);
                let message = format!("the probe `{}` takes no argument `{}`", probe.name, shown(name));
                let known: Vec<&str> = names.iter().copied().chain(CHECK_KEYS).collect();
                let mut mistake = Mistake::new(Kind::UnknownArgument, key, message).suggest(name, known);
                if mistake.help.is_none() {
                    mistake = mistake.help(match names.is_empty() {
                        true => "it takes none".to_owned(),
                        false => format!("it takes {}", quoted(&names)),
                    });
                }
                self.add(mistake);
            }
        }
        let required = params.get("required").and_then(Value::as_array);
        for name in required.into_iter().flatten().filter_map(Value::as_str) {
            if !draft.check.args.contains_key(name) {
                good = false;
                let message = format!("the probe `{}` needs `{name}`", probe.name);
                self.add(Mistake::new(Kind::MissingArgument, &draft.probe, message));
            }
        }
        if good {
            self.values(draft, probe);
        }
    }

    /// Lets the probe try to read what no template will change.
    fn values(&mut self, draft: &DraftCheck, probe: &'static Probe) {
        let fixed = without_templates(&draft.check.args);
        let Err(all) = (probe.accepts)(&fixed) else { return };
        let is_missing = |why: &str| why.starts_with("missing field");
        let mut found = false;
        for (name, _, at) in &draft.args {
            let Some(value) = fixed.get(name) else { continue };
            let alone = Facts::from_iter([(name.clone(), value.clone())]);
            if let Err(why) = (probe.accepts)(&alone)
                && !is_missing(&why)
            {
                found = true;
                let why = in_plain_words(&why);
                let message = format!("the probe `{}` cannot use this `{}`: {why}", probe.name, shown(name));
                self.add(Mistake::new(Kind::BadArgument, at, message));
            }
        }
        if !found && !is_missing(&all) {
            let message = format!("the probe `{}` cannot use these arguments: {}", probe.name, in_plain_words(&all));
            self.add(Mistake::new(Kind::BadArgument, &draft.probe, message));
        }
    }

    /// Whether it is a part of what is built in, of which only the checks that it speaks of are looked for.
    fn is_trusted(&mut self, at: &At, atoms: &[PlacedAtom]) -> bool {
        let is_trusted = self.trusted.get(at.source).copied().unwrap_or(false);
        for atom in atoms.iter().filter(|_| is_trusted) {
            self.known_check(&atom.atom.check, &atom.check);
        }
        is_trusted
    }

    fn cause(&mut self, draft: &'d DraftCause) {
        self.verify(draft);
        if self.is_trusted(&draft.at, &draft.atoms) {
            return;
        }
        self.atoms(&draft.atoms);
        self.atoms(&draft.rule_atoms);
        self.rules(draft);
        self.texts(&draft.texts);
        self.wording(draft);
        // What is included is tested by whoever wrote it, or by one of those that include it.
        if draft.at.is_own() && !self.expected.contains(draft.cause.id.as_str()) {
            let message = format!("no test expects the cause `{}`", shown(&draft.cause.id));
            let help = "add a `[[test]]` with the observations that lead to it";
            self.add(Mistake::new(Kind::Untested, &draft.at, message).help(help));
        }
    }

    fn verify(&mut self, draft: &'d DraftCause) {
        match (&draft.cause.verify, &draft.verify) {
            (Some(id), Some(at)) => {
                self.known_check(id, at);
            }
            _ => {
                let message = format!("the cause `{}` has no `verify`", shown(&draft.cause.id));
                let help = "name the check that must be ok when the fault is gone, usually the goal";
                self.add(Mistake::new(Kind::NoVerify, &draft.at, message).help(help));
            }
        }
    }

    fn tests(&mut self) {
        let draft = self.draft;
        let mut named: HashMap<&str, &PlacedTest> = HashMap::new();
        for test in &draft.tests {
            let first = *named.entry(&test.test.name).or_insert(test);
            if !std::ptr::eq(first, &raw const **test) {
                let message = format!("there are two tests with the name `{}`", shown(&test.test.name));
                self.add(
                    Mistake::new(Kind::Duplicate, &test.at, message)
                        .label("the second")
                        .related(&first.at, "the first"),
                );
            }
        }
        let causes: HashSet<&str> = draft.causes.iter().map(|known| known.cause.id.as_str()).collect();
        for test in &draft.tests {
            self.given(test);
            if let Some(cause) = &test.test.expect.cause
                && cause != "none"
                && !causes.contains(cause.as_str())
            {
                let message = format!("there is no cause `{}`", shown(cause));
                let known = draft.causes.iter().map(|known| known.cause.id.as_str());
                let mistake = Mistake::new(Kind::UnknownCause, &test.cause, message).suggest(cause, known);
                self.add(mistake);
            }
        }
    }

    /// What a test says was observed.
    fn given(&mut self, test: &PlacedTest) {
        for ((id, _), place) in test.test.given.iter().zip(&test.given) {
            if let Some(known) = self.told_facts(id) {
                for (fact, at) in place.entries.iter().flat_map(|entry| &entry.facts) {
                    if !known.contains_key(fact) {
                        let message = format!("`{id}` has no fact `{}`", shown(fact));
                        let known = known.keys().map(String::as_str);
                        self.add(Mistake::new(Kind::UnknownFact, at, message).suggest(fact, known));
                    }
                }
                continue;
            }
            let Some(check) = self.known_check(id, &place.check) else { continue };
            let Some(probe) = self.registry.find(&check.check.probe) else { continue };
            for entry in &place.entries {
                for (code, at) in &entry.codes {
                    self.code(*code, &check.check, probe, at);
                }
                for (fact, at) in &entry.facts {
                    self.fact(fact, &check.check, probe, at);
                }
            }
        }
    }
}

/// What serde says of a value of another type, in the words of this language; everything else as it is.
fn in_plain_words(why: &str) -> String {
    let typed = why.strip_prefix("invalid type: ").or_else(|| why.strip_prefix("invalid value: "));
    let Some((found, expected)) = typed.and_then(|rest| rest.split_once(", expected ")) else {
        return why.to_owned();
    };
    let names = [
        ("string ", "the text "),
        ("integer ", "the number "),
        ("floating point ", "the number "),
        ("boolean ", ""),
        ("sequence", "a list"),
        ("map", "a table"),
    ];
    let known = names.iter().find_map(|(serde, ours)| Some(format!("{ours}{}", found.strip_prefix(serde)?)));
    let expected = match expected {
        "u8" | "u16" | "u32" | "u64" | "usize" => "a whole number",
        "i32" | "i64" => "a whole number, which may be below zero",
        "f32" | "f64" => "a number",
        "a string" => "a text",
        "a boolean" => "`true` or `false`",
        "a sequence" => "a list",
        "a map" => "a table",
        other => other,
    };
    format!("it wants {expected}, and this is {}", known.as_deref().unwrap_or(found))
}

fn quoted(names: &[&str]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

fn property<'s>(schema: &'s Value, name: &str) -> Option<&'s Value> {
    schema.get("properties")?.get(name)
}

fn properties(schema: &Value) -> Vec<&str> {
    let properties = schema.get("properties").and_then(Value::as_object);
    properties.map(|map| map.keys().map(String::as_str).collect()).unwrap_or_default()
}

/// Whether names beyond the listed ones are allowed.
fn is_open(schema: &Value) -> bool {
    match schema.get("additionalProperties") {
        Some(Value::Bool(open)) => *open,
        Some(_) => true,
        None => false,
    }
}

/// What stays where no template will change it.
fn without_templates(args: &Facts) -> Facts {
    args.iter().filter(|(_, value)| !holds_template(value)).map(|(name, value)| (name.clone(), value.clone())).collect()
}

fn holds_template(value: &Value) -> bool {
    match value {
        Value::String(text) => template::is_template(text),
        Value::Array(items) => items.iter().any(holds_template),
        Value::Object(map) => map.values().any(holds_template),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probe::PROBES;

    #[test]
    fn no_probe_takes_an_argument_that_checks_use_themselves() {
        for probe in PROBES {
            let params = (probe.params)().to_value();
            let hidden: Vec<&str> = properties(&params).into_iter().filter(|name| CHECK_KEYS.contains(name)).collect();
            assert!(hidden.is_empty(), "{}: a playbook cannot set {hidden:?}", probe.name);
        }
    }

    #[test]
    fn every_probe_names_its_facts_so_that_a_template_can() {
        for probe in PROBES {
            let facts = (probe.facts)().to_value();
            for name in properties(&facts) {
                let word = name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
                assert!(word, "{}: `{name}` is no snake_case word", probe.name);
                assert!(!["ok", "all", "outcome"].contains(&name), "{}: `{name}` hides something else", probe.name);
            }
        }
    }
}
