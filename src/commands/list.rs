//! `firstline list`: what the binary knows, from the lists that the program itself uses; and whom its settings trust.

use super::{Context, explain, library};
use crate::cli::Listing;
use crate::error::Result;
use crate::exit::Exit;
use crate::playbook::draw::readable;
use crate::probe::{PROBES, Probe};
use crate::problem::PROBLEMS;
use crate::report::{Page, Paint};
use crate::send::Connector;
use crate::settings::Settings;
use serde_json::{Map, Value, json};

/// In a pipe every entry stays on one line, so that `grep` finds it whole.
pub(super) const UNBROKEN: usize = 1_000;

/// One list: its title, and rows of id, a second word, and what it is.
struct List {
    title: &'static str,
    second: &'static str,
    rows: Vec<[String; 3]>,
    /// What scripts are told of each row beside that.
    more: Vec<Map<String, Value>>,
}

impl List {
    fn of(title: &'static str, second: &'static str, rows: Vec<[String; 3]>) -> Self {
        List { title, second, rows, more: Vec::new() }
    }
}

pub(super) fn list(context: &Context, what: Option<Listing>) -> Result<Exit> {
    let lists = match what {
        Some(Listing::Probes) => vec![probes()],
        Some(Listing::Codes) => vec![codes()],
        Some(Listing::Causes) => vec![causes()?],
        Some(Listing::Playbooks) => vec![playbooks()?],
        Some(Listing::Connectors) => vec![connectors()?],
        Some(Listing::Trust) => vec![trust(context)?],
        None => vec![playbooks()?, probes(), connectors()?, causes()?, codes()],
    };
    if context.wants_json() {
        let document: serde_json::Map<String, Value> =
            lists.iter().map(|list| (list.title.to_lowercase(), rows_as_json(list))).collect();
        context.print_json(&document)?;
        return Ok(Exit::Good);
    }
    let mut style = context.terminal.style(context.common.verbose);
    if !context.terminal.stdout {
        style.width = UNBROKEN;
    }
    let mut page = Page::new(&style);
    for list in &lists {
        page.gap();
        if lists.len() > 1 {
            page.paragraph(list.title, Paint::Strong);
        }
        let rows: Vec<([&str; 3], Paint)> =
            list.rows.iter().map(|row| (row.each_ref().map(String::as_str), Paint::Plain)).collect();
        page.table(&rows);
    }
    context.print(&page.finish())?;
    Ok(Exit::Good)
}

fn rows_as_json(list: &List) -> Value {
    let row = |(index, [id, second, title]): (usize, &[String; 3])| {
        let mut row = json!({ "id": id, list.second: second, "title": title });
        if let (Value::Object(row), Some(more)) = (&mut row, list.more.get(index)) {
            row.extend(more.clone());
        }
        row
    };
    list.rows.iter().enumerate().map(row).collect()
}

fn probes() -> List {
    let words = |probe: &&Probe| match probe.burden.side_effects {
        Some(stays) => format!("{} (leaves: {stays})", probe.summary),
        None => probe.summary.to_owned(),
    };
    let row = |probe: &&Probe| [probe.name.to_owned(), probe.layer.to_string(), words(probe)];
    let more = |probe: &&Probe| {
        Map::from_iter([
            ("connects".to_owned(), explain::contacts(probe.contacts).into()),
            ("load".to_owned(), probe.burden.load().into()),
            ("side_effects".to_owned(), probe.burden.side_effects.into()),
        ])
    };
    let more = PROBES.iter().map(more).collect();
    List { more, ..List::of("Probes", "layer", PROBES.iter().map(row).collect()) }
}

fn codes() -> List {
    let rows = PROBLEMS
        .iter()
        .map(|(_, problem)| [problem.code.to_owned(), problem.layer.to_string(), problem.title.to_owned()])
        .collect();
    List::of("Codes", "layer", rows)
}

fn causes() -> Result<List> {
    let mut rows: Vec<[String; 3]> = Vec::new();
    for playbook in library::builtin()? {
        for cause in &playbook.causes {
            let row = [cause.id.clone(), cause.layer.to_string(), readable(&cause.title)];
            // Playbooks share what they include.
            if !rows.contains(&row) {
                rows.push(row);
            }
        }
    }
    Ok(List::of("Causes", "layer", rows))
}

fn connectors() -> Result<List> {
    let row = |connector: Connector| [connector.id, connector.title, connector.about];
    let rows = library::connectors()?.into_iter().map(row).collect();
    Ok(List::of("Connectors", "system", rows))
}

fn playbooks() -> Result<List> {
    let rows = library::builtin()?
        .into_iter()
        .map(|playbook| {
            let inputs = playbook.inputs.keys().map(|name| name.to_uppercase()).collect::<Vec<_>>().join(" ");
            [playbook.id, inputs, playbook.title]
        })
        .collect();
    Ok(List::of("Playbooks", "inputs", rows))
}

/// Whose playbooks may start programs.
fn trust(context: &Context) -> Result<List> {
    let settings = Settings::load(context.common.settings.as_deref())?;
    let keys = settings
        .trusted_keys
        .iter()
        .map(|(name, key)| [name.clone(), key.id(), "playbooks signed with this key may start programs".to_owned()]);
    let files = settings
        .allowed_playbooks
        .iter()
        .map(|hash| [hash.to_string(), String::new(), "the file with this SHA-256 may start programs".to_owned()]);
    Ok(List::of("Trust", "key", keys.chain(files).collect()))
}
