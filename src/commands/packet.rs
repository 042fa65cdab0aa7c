//! `firstline packet`: what can be done with a packet that somebody sent.

mod kept;

use super::Context;
use crate::cli::PacketCommand;
use crate::error::Result;
use crate::exit::Exit;
use crate::packet::read::{Opened, open, verify};
use crate::report::{self, Page, Paint};
use std::path::Path;

pub(super) fn packet(context: &Context, command: &PacketCommand) -> Result<Exit> {
    match command {
        PacketCommand::Show { packet } => show(context, packet),
        PacketCommand::Verify { packet } => check(context, packet),
        PacketCommand::Render { packet } => render(context, packet),
        PacketCommand::Finish { spool, output } => kept::finish(context, spool.as_deref(), output.as_deref()),
        PacketCommand::Purge { older_than, dry_run } => kept::purge(context, *older_than, *dry_run),
    }
}

/// The report, and what lies in the archive.
fn show(context: &Context, path: &Path) -> Result<Exit> {
    let opened = open(path)?;
    if context.wants_json() {
        return render(context, path);
    }
    let style = context.terminal.style(true);
    let mut text = report::render(context.format(), &opened.packet, &style);
    if !opened.files.is_empty() {
        let mut page = Page::new(&style);
        page.gap();
        files(&mut page, &opened);
        text.push('\n');
        text.push_str(&page.finish());
    }
    context.print(&text)?;
    Ok(Exit::Good)
}

fn files(page: &mut Page, opened: &Opened) {
    page.paragraph("Files", Paint::Strong);
    let sizes: Vec<String> = opened.files.iter().map(|(_, size)| format!("{size} bytes")).collect();
    let rows: Vec<([&str; 2], Paint)> = opened
        .files
        .iter()
        .zip(&sizes)
        .map(|((name, _), size)| ([name.as_str(), size.as_str()], Paint::Plain))
        .collect();
    page.table(&rows);
}

fn check(context: &Context, path: &Path) -> Result<Exit> {
    let verified = verify(path)?;
    let good = verified.wrong.is_empty();
    if context.wants_json() {
        context.print_json(&verified)?;
        return Ok(Exit::found(good));
    }
    let mut page = Page::new(&context.terminal.style(false));
    let name = path.to_string_lossy();
    if good {
        page.headline("WHOLE", Paint::Good, &format!("{name}, {} files match their checksums", verified.files));
    } else {
        page.headline("DAMAGED", Paint::Bad, &name);
        page.labelled("Wrong", verified.wrong.iter().map(String::as_str));
    }
    context.print(&page.finish())?;
    Ok(Exit::found(good))
}

/// The same bytes as when the packet was made.
fn render(context: &Context, path: &Path) -> Result<Exit> {
    let packet = open(path)?.packet;
    let style = context.terminal.style(context.common.verbose);
    context.print(&report::render(context.format(), &packet, &style))?;
    Ok(Exit::Good)
}
