//! `firstline explain`: one probe, layer, problem code, cause, playbook or connector in words.

use super::schema::{Field, fields};
use super::{Context, library, trust};
use crate::error::{Error, Result, closest};
use crate::exit::Exit;
use crate::layer::Layer;
use crate::packet::case::{Scope, Urgency};
use crate::playbook::condition::Test;
use crate::playbook::draw::{Graph, Join, readable};
use crate::playbook::trust::Trust;
use crate::playbook::{Cause, Check, Condition, Escalation, Playbook};
use crate::probe::{Contacts, Cost, PROBES, Probe};
use crate::problem::{Basis, Class, Code, PROBLEMS};
use crate::report::{Page, Paint};
use crate::send::{Connector, Input, InputKind, Way};
use serde_json::Value;

/// Something that can be explained.
enum Thing<'a> {
    Probe(&'static Probe),
    Layer(Layer),
    Code(Code),
    Cause(&'a Playbook, &'a Cause),
    Playbook(&'a Playbook),
    Connector(&'a Connector),
}

impl Thing<'_> {
    fn id(&self) -> &str {
        match self {
            Thing::Probe(probe) => probe.name,
            Thing::Layer(layer) => layer.name(),
            Thing::Code(code) => code.word(),
            Thing::Cause(_, cause) => &cause.id,
            Thing::Playbook(playbook) => &playbook.id,
            Thing::Connector(connector) => &connector.id,
        }
    }

    fn sort(&self) -> &'static str {
        match self {
            Thing::Probe(_) => "probe",
            Thing::Layer(_) => "layer",
            Thing::Code(_) => "code",
            Thing::Cause(..) => "cause",
            Thing::Playbook(_) => "playbook",
            Thing::Connector(_) => "connector",
        }
    }
}

pub(super) fn explain(context: &Context, id: &str) -> Result<Exit> {
    let playbooks = library::builtin()?;
    let connectors = library::connectors()?;
    let mut things = everything(&playbooks);
    things.extend(connectors.iter().map(Thing::Connector));
    let (sort, word) = match id.split_once(':') {
        Some((sort, word)) => (Some(sort), word),
        None => (None, id),
    };
    let found: Vec<&Thing<'_>> =
        things.iter().filter(|thing| thing.id() == word && sort.is_none_or(|sort| sort == thing.sort())).collect();
    let thing = match found[..] {
        [thing] => thing,
        [] => return Err(unknown(id, word, &things)),
        _ => {
            let choices: Vec<String> =
                found.iter().map(|thing| format!("firstline explain {}:{word}", thing.sort())).collect();
            return Err(Error::usage(format!("`{id}` means several things")).hint(choices.join("\n      ")));
        }
    };
    let mut page = Page::new(&context.terminal.style(context.common.verbose));
    match thing {
        Thing::Probe(probe) => probe_page(&mut page, probe),
        Thing::Layer(layer) => layer_page(&mut page, *layer, &playbooks),
        Thing::Code(code) => code_page(&mut page, *code, &playbooks),
        Thing::Cause(playbook, cause) => cause_page(&mut page, playbook, cause),
        Thing::Playbook(playbook) => playbook_page(&mut page, playbook, &Trust::BuiltIn),
        Thing::Connector(connector) => connector_page(&mut page, connector),
    }
    context.print(&page.finish())?;
    Ok(Exit::Good)
}

fn everything(playbooks: &[Playbook]) -> Vec<Thing<'_>> {
    let mut things: Vec<Thing<'_>> = PROBES.iter().map(|probe| Thing::Probe(probe)).collect();
    things.extend(Layer::ALL.into_iter().map(Thing::Layer));
    things.extend(PROBLEMS.iter().map(|(code, _)| Thing::Code(*code)));
    for playbook in playbooks {
        things.push(Thing::Playbook(playbook));
        for cause in &playbook.causes {
            let known = things.iter().any(|thing| matches!(thing, Thing::Cause(_, other) if other.id == cause.id));
            if !known {
                things.push(Thing::Cause(playbook, cause));
            }
        }
    }
    things
}

fn unknown(id: &str, word: &str, things: &[Thing<'_>]) -> Error {
    let error = Error::usage(format!("there is nothing called `{id}`"));
    match closest(word, things.iter().map(Thing::id)) {
        Some(name) => error.hint(format!("did you mean `firstline explain {name}`?")),
        None => error.hint("`firstline list` shows everything that can be explained"),
    }
}

fn about(page: &mut Page, text: &str) {
    for paragraph in text.split("\n\n") {
        page.gap();
        page.paragraph(&paragraph.split_whitespace().collect::<Vec<_>>().join(" "), Paint::Plain);
    }
}

fn probe_page(page: &mut Page, probe: &Probe) {
    page.headline(&format!("probe {}", probe.name), Paint::Strong, probe.summary);
    about(page, probe.about);
    page.gap();
    page.labelled("Layer", [probe.layer.name()]);
    page.labelled("Cost", [cost(probe.cost)]);
    page.labelled("Connects to", [contacts(probe.contacts).as_str()]);
    page.labelled("Takes", [probe.burden.load().as_str()]);
    page.labelled("Leaves", [probe.burden.side_effects.unwrap_or(NOTHING_STAYS)]);
    field_table(page, "Parameters", &fields(&(probe.params)()));
    field_table(page, "Facts", &fields(&(probe.facts)()));
    page.gap();
    page.paragraph("Problem codes", Paint::Strong);
    let rows: Vec<([&str; 3], Paint)> =
        probe.codes.iter().map(|code| (["", code.word(), code.problem().title], Paint::Plain)).collect();
    page.table(&rows);
}

/// What a probe leaves behind that leaves nothing behind.
pub(super) const NOTHING_STAYS: &str = "nothing behind";

/// Whom a probe opens connections to, in words.
pub(super) fn contacts(contacts: Contacts) -> String {
    let named = contacts.named.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    let others = match (contacts.others, contacts.unless) {
        (Some(others), Some(parameter)) => Some(format!("{others} (unless `{parameter}` is given)")),
        (others, _) => others.map(str::to_owned),
    };
    match (named.is_empty(), others) {
        (true, None) => "nobody".to_owned(),
        (true, Some(others)) => others,
        (false, None) => format!("what it is given as {named}"),
        (false, Some(others)) => format!("what it is given as {named}, and {others}"),
    }
}

/// What a check costs, in words.
pub(super) fn cost(cost: crate::probe::Cost) -> &'static str {
    use crate::probe::Cost;
    match cost {
        Cost::Local => "local, milliseconds",
        Cost::Network => "network, round trips",
        Cost::Slow => "slow, seconds",
        Cost::Person => "a question to a person",
    }
}

fn field_table(page: &mut Page, title: &str, fields: &[Field]) {
    if fields.is_empty() {
        return;
    }
    page.gap();
    page.paragraph(title, Paint::Strong);
    let abouts: Vec<String> = fields
        .iter()
        .map(|field| match &field.default {
            Some(default) => format!("{} [default: {default}]", field.about).trim().to_owned(),
            None => field.about.clone(),
        })
        .collect();
    let rows: Vec<([&str; 4], Paint)> = fields
        .iter()
        .zip(&abouts)
        .map(|(field, about)| (["", field.name.as_str(), field.kind.as_str(), about.as_str()], Paint::Plain))
        .collect();
    page.table(&rows);
}

fn layer_page(page: &mut Page, layer: Layer, playbooks: &[Playbook]) {
    page.headline(&format!("layer {layer}"), Paint::Strong, &layer_about(layer));
    page.gap();
    let probes: Vec<&str> = PROBES.iter().filter(|probe| probe.layer == layer).map(|probe| probe.name).collect();
    page.labelled("Probes", (!probes.is_empty()).then(|| probes.join(", ")).as_deref());
    let codes: Vec<([&str; 2], Paint)> = PROBLEMS
        .iter()
        .filter(|(_, problem)| problem.layer == layer)
        .map(|(_, problem)| ([problem.code, problem.title], Paint::Plain))
        .collect();
    page.gap();
    page.table(&codes);
    let mut causes: Vec<[String; 2]> = Vec::new();
    for cause in playbooks.iter().flat_map(|playbook| &playbook.causes).filter(|cause| cause.layer == layer) {
        let row = [cause.id.clone(), readable(&cause.title)];
        if !causes.contains(&row) {
            causes.push(row);
        }
    }
    page.gap();
    let rows: Vec<([&str; 2], Paint)> =
        causes.iter().map(|row| (row.each_ref().map(String::as_str), Paint::Plain)).collect();
    page.table(&rows);
}

/// A layer's own documentation, from its schema.
pub(super) fn layer_about(layer: Layer) -> String {
    let schema = schemars::schema_for!(Layer);
    let variants = schema.as_value().get("oneOf").and_then(Value::as_array).cloned().unwrap_or_default();
    variants
        .iter()
        .find(|variant| variant.get("const").and_then(Value::as_str) == Some(layer.name()))
        .and_then(|variant| variant.get("description").and_then(Value::as_str))
        .map(|text| text.split_whitespace().collect::<Vec<_>>().join(" "))
        .unwrap_or_default()
}

fn code_page(page: &mut Page, code: Code, playbooks: &[Playbook]) {
    let problem = code.problem();
    page.headline(problem.code, Paint::Strong, problem.title);
    page.gap();
    page.labelled("Layer", [problem.layer.name()]);
    let class = match problem.class {
        Class::Reachability => "reachability: disproved by a success that used the same element",
        Class::Quality => "quality: a success elsewhere proves nothing about it",
        Class::Integrity => "integrity: a success elsewhere proves nothing about it",
    };
    page.labelled("Class", [class]);
    let basis = match problem.basis {
        Basis::Silence => "silence: confirmed by spaced repeats and a control that did answer",
        Basis::Answer => "an explicit answer: needs no timeout",
        Basis::State => "what this machine reads about itself",
    };
    page.labelled("Rests on", [basis]);
    if problem.proves_path {
        page.labelled("Proves", ["the far end answered, so everything beneath works"]);
    }
    let probes: Vec<&str> = PROBES.iter().filter(|probe| probe.codes.contains(&code)).map(|probe| probe.name).collect();
    page.labelled("Reported by", (!probes.is_empty()).then(|| probes.join(", ")).as_deref());
    let mut causes: Vec<String> = playbooks
        .iter()
        .flat_map(|playbook| &playbook.causes)
        .filter(|cause| mentions(&cause.when, code))
        .map(|cause| format!("{}: {}", cause.id, readable(&cause.title)))
        .collect();
    causes.sort();
    causes.dedup();
    page.labelled("Causes", causes.iter().map(String::as_str));
}

fn mentions(condition: &Condition, code: Code) -> bool {
    match condition {
        Condition::All(parts) | Condition::Any(parts) => parts.iter().any(|part| mentions(part, code)),
        // What must not be there explains nothing.
        Condition::None(_) => false,
        Condition::Atom(atom) => match &atom.test {
            Test::Code(other) => *other == code,
            Test::Family(family) => code.word().split('.').next() == Some(family),
            _ => false,
        },
    }
}

fn cause_page(page: &mut Page, playbook: &Playbook, cause: &Cause) {
    page.headline(&format!("cause {}", cause.id), Paint::Strong, &readable(&cause.title));
    page.gap();
    page.labelled("Layer", [cause.layer.name()]);
    page.labelled("Playbook", [playbook.id.as_str()]);
    page.labelled("For the user", [readable(&cause.plain).as_str()]);
    page.labelled("For a ticket", cause.technical.as_deref().map(readable).as_deref());
    page.labelled("Verify", cause.verify.as_deref());
    let rules: Vec<String> = cause.escalate.iter().map(rule).collect();
    page.labelled("Escalate", rules.iter().map(String::as_str));
    page.labelled("Impact", cause.gravity.impact.map(Scope::meaning));
    page.labelled("Urgency", cause.gravity.urgency.map(Urgency::meaning));
    page.labelled("Read", cause.kb.iter().chain(&cause.links).map(String::as_str));
    if cause.security_stop {
        page.labelled("Security", ["stop, preserve, and hand it to security"]);
    }
    page.gap();
    for (index, step) in cause.workaround.iter().enumerate() {
        page.step(index + 1, &readable(step));
    }
}

/// Whom it is handed to, and when.
fn rule(rule: &Escalation) -> String {
    let at_once = rule.condition.is_some().then_some("at once, where its condition holds");
    let when: Vec<&str> = at_once.into_iter().chain(Some(rule.when.as_str()).filter(|when| !when.is_empty())).collect();
    if when.is_empty() { rule.to.clone() } else { format!("{} ({})", rule.to, when.join(": ")) }
}

/// A playbook's inputs, checks and causes, and by whose word it may start programs.
pub(super) fn playbook_page(page: &mut Page, playbook: &Playbook, trust: &Trust) {
    page.headline(&format!("playbook {}", playbook.id), Paint::Strong, &playbook.title);
    page.gap();
    page.labelled("Origin", [playbook.origin.as_str()]);
    if *trust != Trust::BuiltIn {
        page.labelled("Trust", [trust.to_string().as_str()]);
    }
    let commands: Vec<String> = playbook.commands().map(trust::command_line).collect();
    page.labelled("Starts", commands.iter().map(String::as_str));
    page.labelled("Users say", playbook.says.iter().map(String::as_str));
    let inputs: Vec<String> = playbook
        .inputs
        .iter()
        .map(|(name, input)| {
            let default = input.default.as_ref().map(|default| format!(" [default: {default}]"));
            format!("{name}: {} (must {}){}", input.ask, input.must(), default.unwrap_or_default())
        })
        .collect();
    page.labelled("Inputs", inputs.iter().map(String::as_str));
    page.gap();
    let graph = Graph::of(playbook);
    for (index, round) in graph.rounds.iter().enumerate() {
        page.paragraph(&round_title(index, round), Paint::Strong);
        let checks: Vec<[String; 4]> = round.iter().map(|check| check_row(check, &graph)).collect();
        let rows: Vec<([&str; 4], Paint)> =
            checks.iter().map(|row| (row.each_ref().map(String::as_str), Paint::Plain)).collect();
        page.table(&rows);
        page.gap();
    }
    page.paragraph("Causes", Paint::Strong);
    let titles: Vec<String> = playbook.causes.iter().map(|cause| readable(&cause.title)).collect();
    let rows: Vec<([&str; 3], Paint)> = playbook
        .causes
        .iter()
        .zip(&titles)
        .map(|(cause, title)| ([cause.id.as_str(), cause.layer.name(), title.as_str()], Paint::Plain))
        .collect();
    page.table(&rows);
}

/// What a connector wants and does.
fn connector_page(page: &mut Page, connector: &Connector) {
    page.headline(&format!("connector {}", connector.id), Paint::Strong, &connector.title);
    page.gap();
    page.paragraph(&connector.about, Paint::Plain);
    page.gap();
    page.labelled("Described at", [connector.docs.as_str()]);
    page.labelled("Letter", [connector.letter.as_str()]);
    let wants: Vec<String> = connector.inputs.iter().map(in_words).collect();
    page.labelled("Wants", wants.iter().map(String::as_str));
    page.labelled("Token", connector.auth.as_ref().map(|auth| auth.ask.as_str()));
    let limit = connector.limit.as_ref().map(|limit| format!("{} bytes ({})", limit.bytes, limit.source));
    page.labelled("Takes at most", limit.as_deref());
    page.labelled("Read by", connector.outside.then_some("people outside: strict redaction is for them"));
    let does = match &connector.way {
        Way::Http(steps) => steps.iter().map(|step| step.does.as_str()).collect(),
        Way::Mail(_) => vec!["send a mail"],
    };
    page.labelled("Will", does);
}

/// An input as the command line gives it, and what it is.
pub(super) fn in_words(input: &Input) -> String {
    let how = match (input.name.as_str(), input.kind) {
        ("ticket", _) => "--ticket ID".to_owned(),
        (name, InputKind::Secret) => format!("--set {name}=@FILE"),
        (name, _) => format!("--set {name}=..."),
    };
    let more = match &input.default {
        Some(default) => format!(" [default: {default}]"),
        None if input.optional => " [may be left out]".to_owned(),
        None => String::new(),
    };
    format!("{how}: {}{more}", input.ask)
}

/// When the checks of a round are made.
fn round_title(index: usize, round: &[&Check]) -> String {
    match index {
        _ if round.iter().all(|check| check.cost == Cost::Person) => {
            "Asked of a person, when nothing else can answer".to_owned()
        }
        0 => "Checks that start at once".to_owned(),
        _ => format!("Checks of round {}, as soon as what they wait for has spoken", index + 1),
    }
}

fn check_row(check: &Check, graph: &Graph<'_>) -> [String; 4] {
    let mut notes = Vec::new();
    if let Some(title) = &check.title {
        notes.push(title.clone());
    }
    if check.goal {
        notes.push("the complaint itself".to_owned());
    }
    notes.extend(check.context_required.map(|view| format!("needs {}", view.needs())));
    for (word, join) in [("control for", Join::Repeats), ("after", Join::Stands), ("waits for", Join::Waits)] {
        let others = graph.before(&check.id, join);
        if !others.is_empty() {
            notes.push(format!("{word} {}", others.join(", ")));
        }
    }
    [check.id.clone(), check.probe.clone(), check.layer.to_string(), notes.join("; ")]
}
