//! `firstline playbook`: lint, test and show.

use super::{Context, explain, library};
use crate::cli::PlaybookCommand;
use crate::error::Result;
use crate::exit::Exit;
use crate::report::Page;
use crate::ui::escape_lines;

pub(super) fn playbook(context: &Context, command: &PlaybookCommand) -> Result<Exit> {
    match command {
        PlaybookCommand::Lint { playbooks } => lint(context, &library::or_all(playbooks)),
        PlaybookCommand::Test { playbooks } => test(context, &library::or_all(playbooks)),
        PlaybookCommand::Show { playbook } => show(context, playbook),
    }
}

/// Warnings are advice; only what keeps a playbook from running is "found wrong".
fn lint(context: &Context, references: &[String]) -> Result<Exit> {
    let mut good = true;
    let mut text = String::new();
    let mut rows = Vec::new();
    for reference in references {
        let mistakes = library::lint(reference)?;
        good &= mistakes.errors() == 0;
        rows.extend(mistakes.rows());
        text.push_str(&escape_lines(&mistakes.render(false)));
    }
    if context.wants_json() {
        context.print_json(&serde_json::json!({ "mistakes": rows }))?;
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

fn show(context: &Context, reference: &str) -> Result<Exit> {
    let playbook = library::load(reference)?;
    let mut page = Page::new(&context.terminal.style(context.common.verbose));
    explain::playbook_page(&mut page, &playbook);
    context.print(&page.finish())?;
    Ok(Exit::Good)
}
