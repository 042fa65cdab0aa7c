//! Checks what only the whole playbook can tell: whether every name in it exists, whether every argument, fact and code
//! belongs to its probe, and whether the checks can be put in an order.

use super::condition::{Compare, Test};
use super::mistake::{At, Kind, Mistake, Mistakes, shown};
use super::parse::{Draft, DraftCause, DraftCheck, Fill, Head, PlacedText, Registry};
use super::template::{self, FIXED_ROOTS, OBSERVATION_NAMES, TARGET_NAMES, variable};
use super::when::PlacedAtom;
use super::{Check, InputKind};
use crate::diagnosis::evidence::CASE_CHECK;
use crate::observation::Facts;
use crate::probe::Probe;
use crate::problem::Code;
use crate::settings::Settings;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Steps that are shown at a time; a person can hold no more in mind.
const STEPS_SHOWN: usize = 3;

/// What people said is an observation like any other: its facts, and the JSON type of each. Inputs come on top.
const CASE_FACTS: [(&str, &str); 10] = [
    ("target", "string"),
    ("scheme", "string"),
    ("host", "string"),
    ("port", "integer"),
    ("tls", "boolean"),
    ("http", "boolean"),
    ("is_address", "boolean"),
    ("is_control", "boolean"),
    ("connectivity_check", "boolean"),
    ("symptom", "boolean"),
];

/// Keys of `[[check]]` that are no arguments.
const CHECK_KEYS: [&str; 10] =
    ["id", "probe", "title", "layer", "cost", "goal", "after", "may_affect", "control_for", "when"];

/// Adds every mistake that only the whole tells.
pub(super) fn check(draft: &Draft, head: &Head, registry: Registry, mistakes: &mut Mistakes) {
    let mut lint = Lint {
        draft,
        registry,
        mistakes,
        checks: draft.checks.iter().map(|check| (check.check.id.as_str(), check)).collect(),
        schemas: BTreeMap::new(),
        settings: setting_names(),
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
        lint.twins();
    }
    lint.tests();
}

fn setting_names() -> Vec<String> {
    match serde_json::to_value(Settings::default()) {
        Ok(Value::Object(map)) => map.keys().cloned().collect(),
        _ => Vec::new(),
    }
}

/// The parameters and facts of a probe, from its schemas.
struct Shape {
    params: Value,
    facts: Value,
}

struct Lint<'d> {
    draft: &'d Draft,
    registry: Registry,
    mistakes: &'d mut Mistakes,
    checks: BTreeMap<&'d str, &'d DraftCheck>,
    schemas: BTreeMap<&'static str, Shape>,
    settings: Vec<String>,
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
        self.atoms(&draft.atoms);
        self.texts(&draft.texts);
        if let Some(probe) = self.registry.find(&check.probe) {
            self.arguments(draft, probe);
        }
    }

    fn references(&mut self, ids: &[String], places: &[At]) {
        for (id, at) in ids.iter().zip(places) {
            self.known_check(id, at);
        }
    }

    fn known_check(&mut self, id: &str, at: &At) -> Option<&'d DraftCheck> {
        let known = self.checks.get(id).copied();
        if known.is_none() && id != CASE_CHECK {
            let message = format!("there is no check `{}`", shown(id));
            let mistake = Mistake::new(Kind::UnknownCheck, at, message).suggest(id, self.checks.keys().copied());
            self.add(mistake);
        }
        known
    }

    fn shape(&mut self, probe: &'static Probe) -> &Shape {
        self.schemas
            .entry(probe.name)
            .or_insert_with(|| Shape { params: (probe.params)().to_value(), facts: (probe.facts)().to_value() })
    }

    fn arguments(&mut self, draft: &DraftCheck, probe: &'static Probe) {
        let params = self.shape(probe).params.clone();
        let names = properties(&params);
        let open = is_open(&params);
        let mut good = true;
        for (name, key, _) in &draft.args {
            if !open && !names.contains(&name.as_str()) {
                good = false;
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
                let message = format!("the probe `{}` cannot use this `{}`: {why}", probe.name, shown(name));
                self.add(Mistake::new(Kind::BadArgument, at, message));
            }
        }
        if !found && !is_missing(&all) {
            let message = format!("the probe `{}` cannot use these arguments: {all}", probe.name);
            self.add(Mistake::new(Kind::BadArgument, &draft.probe, message));
        }
    }

    /// A statement about what people said.
    fn case(&mut self, atom: &PlacedAtom) {
        let Test::Fact(name, compare) = &atom.atom.test else {
            let message = format!("`{CASE_CHECK}` is what people said: it has facts only");
            self.add(Mistake::new(Kind::BadCompare, &atom.test, message));
            return;
        };
        let types = self.case_facts();
        match types.get(name.as_str()) {
            Some(kind) => {
                let fact = FactType { types: vec![(*kind).to_owned()], words: None };
                if let Some(problem) = fact.mismatch(name, compare) {
                    self.add(Mistake::new(Kind::BadCompare, &atom.value, problem));
                }
            }
            None => {
                let message = format!("`{CASE_CHECK}` has no fact `{}`", shown(name));
                let mistake = Mistake::new(Kind::UnknownFact, &atom.test, message)
                    .suggest(name, types.keys().map(String::as_str));
                self.add(mistake);
            }
        }
    }

    fn case_facts(&self) -> BTreeMap<String, &'static str> {
        let inputs = self.draft.inputs.iter().map(|input| (variable(&input.name), "string"));
        inputs.chain(CASE_FACTS.map(|(name, kind)| (name.to_owned(), kind))).collect()
    }

    fn atoms(&mut self, atoms: &[PlacedAtom]) {
        for atom in atoms {
            if atom.atom.check == CASE_CHECK {
                self.case(atom);
                continue;
            }
            let Some(check) = self.known_check(&atom.atom.check, &atom.check) else { continue };
            let Some(probe) = self.registry.find(&check.check.probe) else { continue };
            match &atom.atom.test {
                Test::Outcome(_) | Test::Via(_) => {}
                Test::Code(code) => self.code(*code, &check.check, probe, &atom.test),
                Test::Family(family) => self.family(family, &check.check, probe, &atom.test),
                Test::Fact(_, compare) if atom.answer => self.answer(&check.check, probe, compare, &atom.test),
                Test::Fact(name, compare) => {
                    if self.fact(name, &check.check, probe, &atom.test) {
                        self.compare(name, compare, probe, &atom.value);
                    }
                }
            }
        }
    }

    fn code(&mut self, code: Code, check: &Check, probe: &Probe, at: &At) {
        if !probe.codes.contains(&code) {
            let message =
                format!("`{}` uses the probe `{}`, which never reports `{}`", check.id, probe.name, code.word());
            let words: Vec<&str> = probe.codes.iter().map(|code| code.word()).collect();
            self.add(Mistake::new(Kind::ForeignCode, at, message).suggest(code.word(), words));
        }
    }

    fn family(&mut self, family: &str, check: &Check, probe: &Probe, at: &At) {
        let mut families: Vec<&str> = probe.codes.iter().filter_map(|code| code.word().split('.').next()).collect();
        families.dedup();
        if !families.contains(&family) {
            let message =
                format!("`{}` uses the probe `{}`, which reports nothing of `{family}.*`", check.id, probe.name);
            self.add(Mistake::new(Kind::ForeignCode, at, message).suggest(family, families));
        }
    }

    fn answer(&mut self, check: &Check, probe: &'static Probe, compare: &Compare, at: &At) {
        let facts = &self.shape(probe).facts;
        if !properties(facts).contains(&"answer") && !is_open(facts) {
            let message = format!("`{}` uses the probe `{}`, which asks nobody", check.id, probe.name);
            self.add(
                Mistake::new(Kind::UnknownAnswer, at, message)
                    .help("only a check with `probe = \"ask\"` has an answer"),
            );
            return;
        }
        let offered: Vec<&str> = match check.args.get("answers") {
            Some(Value::Object(answers)) => answers.keys().map(String::as_str).collect(),
            Some(Value::Array(answers)) => answers.iter().filter_map(Value::as_str).collect(),
            _ => return,
        };
        let Compare::Is(Value::String(answer)) = compare else { return };
        if !offered.contains(&answer.as_str()) {
            let message = format!("the question `{}` does not offer the answer `{}`", check.id, shown(answer));
            self.add(Mistake::new(Kind::UnknownAnswer, at, message).suggest(answer, offered));
        }
    }

    /// Whether the fact exists; a mistake where it does not.
    fn fact(&mut self, name: &str, check: &Check, probe: &'static Probe, at: &At) -> bool {
        let facts = &self.shape(probe).facts;
        if is_open(facts) {
            return true;
        }
        let names: Vec<String> = properties(facts).into_iter().map(str::to_owned).collect();
        let known = names.iter().any(|known| known == name);
        if !known {
            let message = format!("the probe `{}` of `{}` has no fact `{}`", probe.name, check.id, shown(name));
            let mut mistake =
                Mistake::new(Kind::UnknownFact, at, message).suggest(name, names.iter().map(String::as_str));
            if mistake.help.is_none() {
                mistake = mistake.help(format!("`firstline explain probe:{}` lists its facts", probe.name));
            }
            self.add(mistake);
        }
        known
    }

    fn compare(&mut self, name: &str, compare: &Compare, probe: &'static Probe, at: &At) {
        let facts = &self.shape(probe).facts;
        let Some(property) = facts.get("properties").and_then(|all| all.get(name)) else { return };
        let fact = FactType::of(property, facts);
        if let Some(problem) = fact.mismatch(name, compare) {
            let mut mistake = Mistake::new(Kind::BadCompare, at, problem);
            if let (Some(words), Some(wrong)) = (&fact.words, wrong_word(compare, fact.words.as_deref())) {
                mistake = mistake.suggest(&wrong, words.iter().map(String::as_str));
            }
            self.add(mistake);
        }
    }

    fn cause(&mut self, draft: &'d DraftCause) {
        self.atoms(&draft.atoms);
        self.texts(&draft.texts);
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
        if let Some(fourth) = draft.workaround.get(STEPS_SHOWN) {
            let steps = draft.workaround.len();
            let message = format!("the cause `{}` has {steps} workaround steps", shown(&draft.cause.id));
            let help = format!("{STEPS_SHOWN} are shown at a time; put the safest ones first");
            self.add(Mistake::new(Kind::ManySteps, fourth, message).label("the fourth").help(help));
        }
        let expected = |test: &&super::given::PlacedTest| test.test.expect.cause.as_ref() == Some(&draft.cause.id);
        // What is included is tested by whoever wrote it, or by one of those that include it.
        let own = draft.at.source == 0;
        if own && !self.draft.tests.iter().any(|test| expected(&test)) {
            let message = format!("no test expects the cause `{}`", shown(&draft.cause.id));
            let help = "add a `[[test]]` with the observations that lead to it";
            self.add(Mistake::new(Kind::Untested, &draft.at, message).help(help));
        }
    }

    fn twins(&mut self) {
        let causes = &self.draft.causes;
        for (index, cause) in causes.iter().enumerate() {
            if let Some(twin) = causes[..index].iter().find(|other| other.cause.when == cause.cause.when) {
                let message =
                    format!("`{}` and `{}` have the same conditions", shown(&twin.cause.id), shown(&cause.cause.id));
                self.mistakes.add(
                    Mistake::new(Kind::Twins, &cause.at, message)
                        .related(&twin.at, "the same conditions")
                        .help("add the observation that tells them apart, or make them one cause"),
                );
            }
        }
    }

    fn tests(&mut self) {
        let draft = self.draft;
        for (index, test) in draft.tests.iter().enumerate() {
            if let Some(first) = draft.tests[..index].iter().find(|first| first.test.name == test.test.name) {
                let message = format!("there are two tests with the name `{}`", shown(&test.test.name));
                self.add(
                    Mistake::new(Kind::Duplicate, &test.at, message)
                        .label("the second")
                        .related(&first.at, "the first"),
                );
            }
            for ((id, _), place) in test.test.given.iter().zip(&test.given) {
                if id == CASE_CHECK {
                    let known = self.case_facts();
                    for (fact, at) in place.entries.iter().flat_map(|entry| &entry.facts) {
                        if !known.contains_key(fact) {
                            let message = format!("`{CASE_CHECK}` has no fact `{}`", shown(fact));
                            self.mistakes.add(
                                Mistake::new(Kind::UnknownFact, at, message)
                                    .suggest(fact, known.keys().map(String::as_str)),
                            );
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
            if let Some(cause) = &test.test.expect.cause
                && cause != "none"
                && !draft.causes.iter().any(|known| known.cause.id == *cause)
            {
                let message = format!("there is no cause `{}`", shown(cause));
                let known = draft.causes.iter().map(|known| known.cause.id.as_str());
                let mistake = Mistake::new(Kind::UnknownCause, &test.cause, message).suggest(cause, known);
                self.add(mistake);
            }
        }
    }

    /// Checks that wait for each other: through `after`, through the checks that `when` looks at, and through templates.
    fn cycles(&mut self) {
        let needs: BTreeMap<&'d str, Vec<(&'d str, At)>> =
            self.draft.checks.iter().map(|check| (check.check.id.as_str(), self.needs(check))).collect();
        let mut done: BTreeSet<&'d str> = BTreeSet::new();
        for check in &self.draft.checks {
            if done.contains(check.check.id.as_str()) {
                continue;
            }
            // A stack of its own instead of recursion: a hostile file can make a chain as long as it likes.
            let mut path: Vec<(&'d str, usize)> = vec![(check.check.id.as_str(), 0)];
            while let Some((id, next)) = path.last().copied() {
                let edge = needs.get(id).and_then(|edges| edges.get(next));
                match edge {
                    Some((to, at)) => {
                        if let Some((_, next)) = path.last_mut() {
                            *next += 1;
                        }
                        if let Some(start) = path.iter().position(|(on, _)| on == to) {
                            let ring: Vec<&str> = path[start..].iter().map(|(on, _)| *on).collect();
                            let mistake = ring_mistake(&ring, at);
                            self.mistakes.add(mistake);
                        } else if !done.contains(to) {
                            path.push((to, 0));
                        }
                    }
                    None => {
                        done.insert(id);
                        path.pop();
                    }
                }
            }
        }
    }

    fn needs(&self, check: &'d DraftCheck) -> Vec<(&'d str, At)> {
        let mut needs: Vec<(&'d str, At)> = Vec::new();
        for (id, at) in check.check.after.iter().zip(&check.after) {
            needs.push((id.as_str(), at.clone()));
        }
        for atom in &check.atoms {
            needs.extend(self.checks.get_key_value(atom.atom.check.as_str()).map(|(id, _)| (*id, atom.check.clone())));
        }
        for text in check.texts.iter().filter(|text| text.fill == Fill::Everything) {
            for path in template::inspect(&text.text).unwrap_or_default() {
                let id = template::check_of(path.split('.').next().unwrap_or_default());
                needs.extend(self.checks.get_key_value(id.as_str()).map(|(id, _)| (*id, text.at.clone())));
            }
        }
        needs.retain(|(id, _)| self.checks.contains_key(id));
        needs
    }

    fn texts(&mut self, texts: &[PlacedText]) {
        for text in texts.iter().filter(|text| template::is_template(&text.text)) {
            if text.fill == Fill::Never {
                let at = self.within(text, text.text.find('{').map(|start| start..start + 2));
                let help = "templates are filled in arguments, and in title, plain, technical, culprit and workaround \
                            of a cause";
                self.add(Mistake::new(Kind::BadTemplate, &at, "no template is filled here").help(help));
                continue;
            }
            match template::inspect(&text.text) {
                Err((why, range)) => {
                    let at = self.within(text, range);
                    self.add(Mistake::new(Kind::BadTemplate, &at, why));
                }
                Ok(paths) => {
                    for path in paths {
                        self.path(&path, text);
                    }
                }
            }
        }
    }

    /// A place within a text, where the text stands in the file as it is read (without escapes).
    fn within(&self, text: &PlacedText, range: Option<std::ops::Range<usize>>) -> At {
        let source = self.mistakes.sources.get(text.at.source).and_then(|it| it.text.get(text.at.span.clone()));
        match (range, source.and_then(|source| source.find(&text.text))) {
            (Some(range), Some(offset)) => {
                let start = text.at.span.start + offset;
                At { source: text.at.source, span: start + range.start..start + range.end }
            }
            _ => text.at.clone(),
        }
    }

    fn path(&mut self, path: &str, text: &PlacedText) {
        let found = text.text.find(path).map(|start| start..start + path.len());
        let at = self.within(text, found);
        let mut parts = path.split('.');
        let (root, name) = (parts.next().unwrap_or_default(), parts.next());
        if text.fill == Fill::Settings && root != "settings" {
            let message = format!("a default is filled from `settings` only, not from `{}`", shown(root));
            self.add(Mistake::new(Kind::UnknownName, &at, message));
            return;
        }
        match root {
            "settings" => {
                let known = self.settings.clone();
                self.part("settings", name, known.iter().map(String::as_str).collect(), &at);
            }
            "target" => self.target(name, &at),
            _ => self.root(root, name, text, &at),
        }
    }

    fn part(&mut self, root: &str, name: Option<&str>, known: Vec<&str>, at: &At) {
        if let Some(name) = name
            && !known.contains(&name)
        {
            let message = format!("`{root}` has no `{}`", shown(name));
            self.add(Mistake::new(Kind::UnknownName, at, message).suggest(name, known));
        }
    }

    fn target(&mut self, name: Option<&str>, at: &At) {
        if !self.draft.inputs.iter().any(|input| input.input.kind == InputKind::Target) {
            let help = "add `[inputs.target]` with `kind = \"target\"` and a question in `ask`";
            self.add(Mistake::new(Kind::UnknownName, at, "the playbook has no target").help(help));
            return;
        }
        self.part("target", name, TARGET_NAMES.to_vec(), at);
    }

    fn root(&mut self, root: &str, name: Option<&str>, text: &PlacedText, at: &At) {
        if self.draft.inputs.iter().any(|input| variable(&input.name) == root) {
            return;
        }
        if root == CASE_CHECK {
            return;
        }
        let id = template::check_of(root);
        let Some(check) = self.checks.get(id.as_str()).copied() else {
            // The rest of an id with a hyphen, whose beginning is reported.
            if self.checks.keys().any(|id| id.ends_with(&format!("-{root}")) && text.text.contains(id)) {
                return;
            }
            let message = format!("there is no check or input `{}`", shown(root));
            let known: Vec<String> = self.checks.keys().map(|id| variable(id)).collect();
            let inputs: Vec<String> = self.draft.inputs.iter().map(|input| variable(&input.name)).collect();
            let all = known.iter().chain(&inputs).map(String::as_str).chain(FIXED_ROOTS);
            let mut mistake = Mistake::new(Kind::UnknownName, at, message).suggest(root, all);
            if self.checks.keys().any(|id| id.starts_with(&format!("{root}-"))) {
                mistake = mistake.help("in a template, write `_` for the `-` of an id");
            }
            self.add(mistake);
            return;
        };
        let Some(name) = name else { return };
        let Some(probe) = self.registry.find(&check.check.probe) else { return };
        let facts = self.shape(probe).facts.clone();
        if is_open(&facts) || OBSERVATION_NAMES.contains(&name) {
            return;
        }
        let mut known = properties(&facts);
        if !known.contains(&name) {
            known.extend(OBSERVATION_NAMES);
            let message = format!("the probe `{}` of `{id}` has no fact `{}`", probe.name, shown(name));
            let mut mistake = Mistake::new(Kind::UnknownName, at, message).suggest(name, known);
            if mistake.help.is_none() {
                mistake = mistake.help(format!("`firstline explain probe:{}` lists its facts", probe.name));
            }
            self.add(mistake);
        }
    }
}

fn ring_mistake(ring: &[&str], at: &At) -> Mistake {
    let message = match ring {
        [one] => format!("the check `{one}` waits for itself"),
        _ => {
            let names: Vec<String> = ring.iter().chain(ring.first()).map(|id| format!("`{id}`")).collect();
            format!("checks wait for each other: {}", names.join(" needs "))
        }
    };
    let help = "a check needs what `after`, `when` and its templates name; none of them may lead back to it";
    Mistake::new(Kind::Cycle, at, message).label("this closes the circle").help(help)
}

fn quoted(names: &[&str]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
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

/// What a fact can be, from its schema.
#[derive(Debug, Default)]
struct FactType {
    /// JSON types; empty where the schema does not say.
    types: Vec<String>,
    /// The only words that it can be, where there are such.
    words: Option<Vec<String>>,
}

impl FactType {
    fn of(schema: &Value, root: &Value) -> Self {
        let mut fact = FactType::default();
        fact.collect(schema, root, 0);
        fact.types.sort();
        fact.types.dedup();
        fact
    }

    fn collect(&mut self, schema: &Value, root: &Value, depth: usize) {
        // Schemas of facts are a few levels deep; this only guards against one that refers to itself.
        if depth > 8 {
            return;
        }
        if let Some(name) = schema.get("$ref").and_then(Value::as_str).and_then(|path| path.strip_prefix("#/$defs/"))
            && let Some(definition) = root.get("$defs").and_then(|definitions| definitions.get(name))
        {
            self.collect(definition, root, depth + 1);
        }
        for key in ["anyOf", "oneOf", "allOf"] {
            for part in schema.get(key).and_then(Value::as_array).into_iter().flatten() {
                self.collect(part, root, depth + 1);
            }
        }
        match schema.get("type") {
            Some(Value::String(name)) => self.types.push(name.clone()),
            Some(Value::Array(names)) => self.types.extend(names.iter().filter_map(Value::as_str).map(str::to_owned)),
            _ => {}
        }
        let listed = schema.get("enum").and_then(Value::as_array).into_iter().flatten();
        for word in listed.chain(schema.get("const")).filter_map(Value::as_str) {
            self.words.get_or_insert_default().push(word.to_owned());
        }
    }

    fn can_be(&self, names: &[&str]) -> bool {
        self.types.is_empty() || self.types.iter().any(|name| names.contains(&name.as_str()))
    }

    fn name(&self) -> String {
        let names: Vec<&str> = self
            .types
            .iter()
            .map(String::as_str)
            .filter(|name| *name != "null")
            .map(|name| match name {
                "string" => "a text",
                "integer" | "number" => "a number",
                "boolean" => "`true` or `false`",
                "array" => "a list",
                _ => "a table",
            })
            .collect();
        names.join(" or ")
    }

    fn mismatch(&self, name: &str, compare: &Compare) -> Option<String> {
        let is = format!("the fact `{}` is {}", shown(name), self.name());
        match compare {
            Compare::Above(_) | Compare::Below(_) if !self.can_be(&["number", "integer"]) => {
                Some(format!("{is}; `above` and `below` compare numbers"))
            }
            Compare::Contains(_) if !self.can_be(&["array", "string"]) => {
                Some(format!("{is}; `contains` looks into lists and texts"))
            }
            Compare::Is(value) | Compare::Not(value) => self.wrong_value(&is, value),
            Compare::OneOf(values) => values.iter().find_map(|value| self.wrong_value(&is, value)),
            _ => None,
        }
    }

    fn wrong_value(&self, is: &str, value: &Value) -> Option<String> {
        if self.types == ["array"] || self.types == ["array", "null"] {
            return Some(format!("{is}; use `contains`"));
        }
        let fits = match value {
            Value::String(word) => match &self.words {
                Some(words) if !words.contains(word) => return Some(format!("{is} and is never `{}`", shown(word))),
                _ => self.can_be(&["string"]),
            },
            Value::Number(_) => self.can_be(&["number", "integer"]),
            Value::Bool(_) => self.can_be(&["boolean"]),
            _ => true,
        };
        (!fits).then(|| format!("{is} and can never equal `{}`", shown(&value.to_string())))
    }
}

fn wrong_word(compare: &Compare, words: Option<&[String]>) -> Option<String> {
    let values: Vec<&Value> = match compare {
        Compare::Is(value) | Compare::Not(value) => vec![value],
        Compare::OneOf(values) => values.iter().collect(),
        _ => return None,
    };
    let known = words?;
    values.into_iter().filter_map(Value::as_str).find(|word| !known.iter().any(|it| it == word)).map(str::to_owned)
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

    #[test]
    fn knows_what_a_fact_can_be() {
        let root = serde_json::json!({ "$defs": { "P": { "oneOf": [{ "const": "udp" }, { "const": "tcp", "type": "string" }] } } });
        let cases = [
            (serde_json::json!({ "type": ["number", "null"] }), Compare::Above(1.0), true),
            (serde_json::json!({ "type": "string" }), Compare::Below(1.0), false),
            (
                serde_json::json!({ "anyOf": [{ "$ref": "#/$defs/P" }, { "type": "null" }] }),
                Compare::Is("tcp".into()),
                true,
            ),
            (
                serde_json::json!({ "anyOf": [{ "$ref": "#/$defs/P" }, { "type": "null" }] }),
                Compare::Is("tpc".into()),
                false,
            ),
            (serde_json::json!({ "type": "array", "items": {} }), Compare::Contains("x".into()), true),
            (serde_json::json!({ "type": "array", "items": {} }), Compare::Not("x".into()), false),
            (serde_json::json!({}), Compare::Above(1.0), true),
            (serde_json::json!({ "type": "boolean" }), Compare::Known(true), true),
        ];
        for (schema, compare, fits) in cases {
            let mismatch = FactType::of(&schema, &root).mismatch("x", &compare);
            assert_eq!(mismatch.is_none(), fits, "{schema} {compare:?}: {mismatch:?}");
        }
    }
}
