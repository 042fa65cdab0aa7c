//! `firstline plan`: what a run would do and whom it would talk to. Nothing is opened.

use super::{Context, explain, library, run};
use crate::cli::{RunFlags, What};
use crate::error::Result;
use crate::exit::Exit;
use crate::packet::redact::mask;
use crate::playbook::order::{references, waits_for};
use crate::playbook::template::{Scope, text, variable};
use crate::playbook::{Check, Playbook, View};
use crate::probe::{self, Burden, Cost};
use crate::report::{Page, Paint};
use crate::request::Request;
use crate::run::arguments::scope;
use crate::settings::Settings;
use serde::Serialize;
use serde_json::Value;

/// One check as it is planned.
#[derive(Debug, Serialize)]
struct Planned {
    check: String,
    probe: String,
    layer: String,
    cost: Cost,
    goal: bool,
    /// What must work first.
    after: Vec<String>,
    /// What it waits for to know its arguments, or whether it is worth its cost.
    waits_for: Vec<String>,
    /// Names, addresses and classes that it opens connections to; empty for what stays on this machine.
    connects: Vec<String>,
    /// How much it takes, at most.
    load: String,
    /// What it leaves behind.
    #[serde(skip_serializing_if = "Option::is_none")]
    side_effects: Option<&'static str>,
    /// Whose view it needs.
    #[serde(skip_serializing_if = "Option::is_none")]
    context_required: Option<View>,
}

pub(super) fn plan(context: &Context, what: &What, flags: &RunFlags) -> Result<Exit> {
    let settings = Settings::load(context.common.settings.as_deref())?;
    let playbook = library::load(&what.playbook)?;
    let request = run::build(context, playbook, what, flags, settings)?;
    let planned = order(&request);
    if context.wants_json() {
        context.print_json(&serde_json::json!({ "playbook": request.playbook.id, "checks": planned }))?;
        return Ok(Exit::Good);
    }
    let mut page = Page::new(&context.terminal.style(context.common.verbose));
    render(&mut page, &request, &planned);
    context.print(&page.finish())?;
    Ok(Exit::Good)
}

/// Cheap checks first, and among equals those that others stand on: the order in which they are ready.
fn order(request: &Request) -> Vec<Planned> {
    let playbook = &request.playbook;
    let mut checks: Vec<&Check> = playbook.checks.iter().collect();
    checks.sort_by_key(|check| (check.cost, depth(check, playbook, 0)));
    let scope = scope(request, &[]);
    checks.into_iter().map(|check| planned(check, request, &scope)).collect()
}

fn depth(check: &Check, playbook: &Playbook, level: usize) -> usize {
    // A playbook without cycles has no chain longer than its checks; the linter refuses cycles.
    if level > playbook.checks.len() {
        return level;
    }
    let below = check.after.iter().filter_map(|id| playbook.check(id));
    below.map(|below| depth(below, playbook, level + 1)).max().unwrap_or(level)
}

fn planned(check: &Check, request: &Request, scope: &Scope) -> Planned {
    let mut waits_for = waits_for(check, &request.playbook);
    waits_for.retain(|name| !check.after.contains(name));
    let burden = probe::find(&check.probe).map_or(Burden::READS, |probe| probe.burden);
    Planned {
        check: check.id.clone(),
        probe: check.probe.clone(),
        layer: check.layer.to_string(),
        cost: check.cost,
        goal: check.goal,
        after: check.after.clone(),
        waits_for,
        connects: connects(check, &request.playbook, scope),
        load: burden.load(),
        side_effects: burden.side_effects,
        context_required: check.context_required,
    }
}

/// Connections by name, or by class where the names are known only to this machine.
fn connects(check: &Check, playbook: &Playbook, scope: &Scope) -> Vec<String> {
    let Some(contacts) = probe::find(&check.probe).map(|probe| probe.contacts) else { return Vec::new() };
    let found_by = references(check, playbook);
    let mut connects = Vec::new();
    for (name, value) in contacts.named.iter().filter_map(|name| check.args.get_key_value(*name)) {
        visit(value, &mut |argument| {
            let source = found_by.iter().find(|other| argument.contains(&variable(other)));
            let shown = match source {
                Some(other) if argument.contains("{{") => Some(format!("what `{other}` finds")),
                _ => text(argument, scope),
            };
            if let Some(shown) = shown.filter(|shown| !shown.is_empty()) {
                connects.push(format!("{name} {}", mask(&shown)));
            }
        });
    }
    let replaced = contacts.unless.is_some_and(|parameter| check.args.contains_key(parameter));
    connects.extend(contacts.others.filter(|_| !replaced).map(str::to_owned));
    connects
}

fn visit(value: &Value, see: &mut dyn FnMut(&str)) {
    match value {
        Value::String(text) => see(text),
        Value::Array(items) => items.iter().for_each(|item| visit(item, see)),
        Value::Object(map) => map.values().for_each(|item| visit(item, see)),
        _ => {}
    }
}

fn render(page: &mut Page, request: &Request, planned: &[Planned]) {
    let playbook = &request.playbook;
    let title = match &request.target {
        Some(target) => format!("{}, {}", playbook.title, target.text),
        None => playbook.title.clone(),
    };
    page.headline(&format!("plan {}", playbook.id), Paint::Strong, &title);
    let used = "the run stops as soon as the verdict is settled; a check is made only where what it needs works";
    page.paragraph(used, Paint::Faint);
    for cost in [Cost::Local, Cost::Network, Cost::Slow, Cost::Person] {
        let rows: Vec<[String; 4]> = planned.iter().filter(|check| check.cost == cost).map(row).collect();
        if rows.is_empty() {
            continue;
        }
        page.gap();
        page.paragraph(explain::cost(cost), Paint::Strong);
        let rows: Vec<([&str; 4], Paint)> =
            rows.iter().map(|row| (row.each_ref().map(String::as_str), Paint::Plain)).collect();
        page.table(&rows);
    }
}

fn row(check: &Planned) -> [String; 4] {
    let mut words = Vec::new();
    if check.goal {
        words.push("the complaint itself".to_owned());
    }
    if !check.after.is_empty() {
        words.push(format!("after {}", check.after.join(", ")));
    }
    if !check.waits_for.is_empty() {
        words.push(format!("waits for {}", check.waits_for.join(", ")));
    }
    if !check.connects.is_empty() {
        words.push(format!("network: {}", check.connects.join(", ")));
    }
    // What a question of some round trips takes is small; the JSON says it of each.
    if check.cost == Cost::Slow {
        words.push(format!("takes: {}", check.load));
    }
    words.extend(check.context_required.map(|view| format!("needs {}", view.needs())));
    words.extend(check.side_effects.map(|stays| format!("leaves: {stays}")));
    [check.check.clone(), check.probe.clone(), check.layer.clone(), words.join("; ")]
}
