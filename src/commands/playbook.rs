//! `firstline playbook`: lint, test, new, sign and show.

use super::library::Linted;
use super::{Context, explain, library, trust};
use crate::cli::PlaybookCommand;
use crate::error::{Error, Kind, Result};
use crate::exit::Exit;
use crate::playbook::trust::Trust;
use crate::playbook::{draw, start};
use crate::report::Page;
use crate::settings::Settings;
use crate::ui::escape_lines;
use std::collections::HashSet;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::{fs, io};

pub(super) fn playbook(context: &Context, command: &PlaybookCommand) -> Result<Exit> {
    match command {
        PlaybookCommand::Lint { playbooks } => lint(context, &library::or_all(playbooks)),
        PlaybookCommand::Test { playbooks } => test(context, &library::or_all(playbooks)),
        PlaybookCommand::Sign { playbook, key } => trust::sign(context, playbook, key),
        PlaybookCommand::New { id, output } => new(context, id, output.as_deref()),
        PlaybookCommand::Show { playbook, format } => show(context, playbook, format.as_deref()),
    }
}

/// Warnings are advice; only what keeps a playbook from running is "found wrong".
fn lint(context: &Context, references: &[String]) -> Result<Exit> {
    let mut good = true;
    let mut text = String::new();
    let mut rows = Vec::new();
    let mut trusts = serde_json::Map::new();
    let settings = Settings::load(context.common.settings.as_deref())?;
    let mut told = HashSet::new();
    for reference in references {
        let Linted { mut mistakes, own } = library::lint(reference)?;
        good &= mistakes.errors() == 0;
        mistakes.drop_told(&mut told);
        rows.extend(mistakes.rows());
        text.push_str(&escape_lines(&mistakes.render(false)));
        // Who vouches for it matters for what starts programs only.
        let Some((playbook, files)) = own.filter(|(playbook, _)| playbook.commands().next().is_some()) else {
            continue;
        };
        let trust = Trust::of(&files, settings.trust_list());
        text.push_str(&escape_lines(&format!("{}: starts programs; {trust}\n", playbook.origin)));
        trusts.insert(playbook.origin, serde_json::json!(trust));
    }
    if context.wants_json() {
        context.print_json(&serde_json::json!({ "mistakes": rows, "trust": trusts }))?;
    } else {
        context.print(&text)?;
    }
    Ok(Exit::found(good))
}

fn test(context: &Context, references: &[String]) -> Result<Exit> {
    let mut good = true;
    let mut text = String::new();
    let mut reports = Vec::new();
    for reference in references {
        let report = library::test(reference)?;
        good &= report.passed();
        text.push_str(&format!("{}\n", escape_lines(&report.to_string())));
        reports.push(report);
    }
    if context.wants_json() {
        context.print_json(&serde_json::json!({ "playbooks": reports }))?;
    } else {
        context.print(&text)?;
    }
    Ok(Exit::found(good))
}

fn new(context: &Context, id: &str, output: Option<&Path>) -> Result<Exit> {
    let text = start::text(id).map_err(|mistakes| Error::rendered(Kind::Usage, mistakes.render(false)))?;
    if output == Some(Path::new("-")) {
        context.print(&text)?;
        return Ok(Exit::Good);
    }
    let path = output.map_or_else(|| PathBuf::from(format!("{id}.toml")), Path::to_owned);
    let failed = |error: &io::Error| {
        let message = format!("cannot write `{}`", path.display());
        match error.kind() {
            // Somebody's work is never written over.
            io::ErrorKind::AlreadyExists => Error::usage(format!("`{}` is there already", path.display()))
                .hint("choose another id, or another file with --output FILE"),
            _ => Error::environment(message).because(error),
        }
    };
    let mut file = fs::File::create_new(&path).map_err(|error| failed(&error))?;
    file.write_all(text.as_bytes()).map_err(|error| failed(&error))?;
    context.print(&format!("{0}\n\nnext: firstline playbook lint {0}\n", path.display()))?;
    Ok(Exit::Good)
}

fn show(context: &Context, reference: &str, format: Option<&str>) -> Result<Exit> {
    let (playbook, files) = library::load_with_files(reference)?;
    let picture = match format {
        Some("mermaid") => Some(draw::mermaid(&playbook)),
        Some("svg") => Some(draw::svg(&playbook)),
        _ => None,
    };
    if let Some(picture) = picture {
        context.print(&escape_lines(&picture))?;
        return Ok(Exit::Good);
    }
    let mut page = Page::new(&context.terminal.style(context.common.verbose));
    let settings = Settings::load(context.common.settings.as_deref())?;
    explain::playbook_page(&mut page, &playbook, &Trust::of(&files, settings.trust_list()));
    context.print(&page.finish())?;
    Ok(Exit::Good)
}
