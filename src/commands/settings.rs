//! `firstline settings`: what is in force, what each setting is for, and where it comes from.

use super::Context;
use super::list::UNBROKEN;
use super::schema::fields;
use crate::error::Result;
use crate::exit::Exit;
use crate::report::{Page, Paint};
use crate::settings::{Found, Settings, usual_places};
use serde_json::{Value, json};

pub(super) fn settings(context: &Context) -> Result<Exit> {
    let found = Found::read(context.common.settings.as_deref())?;
    let values = serde_json::to_value(&found.settings).unwrap_or_default();
    if context.wants_json() {
        let row = |(name, value): (&String, &Value)| {
            (name.clone(), json!({ "value": value, "set": found.set.contains(name) }))
        };
        let rows: serde_json::Map<String, Value> = values.as_object().into_iter().flatten().map(row).collect();
        context.print_json(&json!({ "file": found.file, "looked_in": usual_places(), "settings": rows }))?;
        return Ok(Exit::Good);
    }
    let mut style = context.terminal.style(context.common.verbose);
    if !context.terminal.stdout {
        style.width = UNBROKEN;
    }
    let mut page = Page::new(&style);
    match &found.file {
        Some(file) => page.headline("settings", Paint::Strong, &file.display().to_string()),
        None => {
            page.headline("settings", Paint::Strong, "all are defaults, because there is no file");
            let places: Vec<String> = usual_places().iter().map(|place| place.display().to_string()).collect();
            page.labelled("Looked in", places.iter().map(String::as_str));
        }
    }
    page.gap();
    let rows: Vec<[String; 4]> = fields(&schemars::schema_for!(Settings))
        .into_iter()
        .map(|field| {
            let value = values.get(&field.name).map(shown).unwrap_or_default();
            let from = if found.set.contains(&field.name) { "set" } else { "default" };
            [field.name, from.to_owned(), value, field.about]
        })
        .collect();
    let rows: Vec<([&str; 4], Paint)> =
        rows.iter().map(|row| (row.each_ref().map(String::as_str), Paint::Plain)).collect();
    page.table(&rows);
    context.print(&page.finish())?;
    Ok(Exit::Good)
}

/// A value as the file writes it.
fn shown(value: &Value) -> String {
    match value {
        Value::Null => "none".to_owned(),
        Value::Array(items) if items.is_empty() => "none".to_owned(),
        Value::Object(map) if map.is_empty() => "none".to_owned(),
        other => other.to_string(),
    }
}
