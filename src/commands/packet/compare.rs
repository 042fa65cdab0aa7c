//! `firstline packet diff`: two packets of one machine, before and after.

use super::super::Context;
use crate::error::Result;
use crate::exit::Exit;
use crate::packet::diff::{Change, Seen, diff};
use crate::packet::read::open_with;
use crate::report::{Page, Paint};
use std::path::Path;

pub(super) fn compare(context: &Context, before: &Path, after: &Path, identity: Option<&Path>) -> Result<Exit> {
    let (before, after) = (open_with(before, identity)?.packet, open_with(after, identity)?.packet);
    let found = diff(&before, &after);
    if context.wants_json() {
        context.print_json(&found)?;
        return Ok(Exit::Good);
    }
    let mut page = Page::new(&context.terminal.style(false));
    let title = format!("{} then, {} now", before.verdict.status.name(), after.verdict.status.name());
    if found.machines.is_empty() {
        page.headline("COMPARED", Paint::Strong, &format!("{}: {title}", after.host.name));
    } else {
        page.headline("TWO MACHINES", Paint::Bad, &format!("{title}; what differs may be the machines"));
    }
    for (label, changes) in [
        ("Machine", &found.machines),
        ("Looked at", &found.ways),
        ("Verdict", &found.verdict),
        ("Layers", &found.layers),
    ] {
        let lines: Vec<String> = changes.iter().map(in_words).collect();
        page.labelled(label, lines.iter().map(String::as_str));
    }
    let seen: Vec<String> = found.observations.iter().map(observation).collect();
    page.labelled("Observed", seen.iter().map(String::as_str));
    page.labelled("Changed", found.changes.iter().map(String::as_str));
    context.print(&page.finish())?;
    Ok(Exit::Good)
}

fn in_words(change: &Change) -> String {
    let value = |value: &Option<String>| value.clone().unwrap_or_else(|| "none".to_owned());
    format!("{}: {} -> {}", change.what, value(&change.before), value(&change.after))
}

fn observation(seen: &Seen) -> String {
    let facts: Vec<String> = seen.facts.iter().map(in_words).collect();
    let outcome = match (&seen.before, &seen.after) {
        (before, after) if before == after => String::new(),
        (Some(before), Some(after)) => format!(" {before} -> {after}"),
        (None, after) => format!(" new: {}", after.as_deref().unwrap_or_default()),
        (before, None) => format!(" not looked at any more, was {}", before.as_deref().unwrap_or_default()),
    };
    let facts = if facts.is_empty() { String::new() } else { format!(" ({})", facts.join(", ")) };
    format!("{}{outcome}{facts}", seen.id)
}
