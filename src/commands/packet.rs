//! `firstline packet`: what can be done with a packet that somebody sent.

mod compare;
mod kept;
mod privacy;
mod send;
pub(super) mod trust;

use super::Context;
use crate::cli::{PacketCommand, Stored};
use crate::error::Result;
use crate::exit::Exit;
use crate::packet::read::{Opened, open_with};
use crate::report::{self, Page, Paint};

pub(super) fn packet(context: &Context, command: &PacketCommand) -> Result<Exit> {
    match command {
        PacketCommand::Show { stored } => show(context, stored),
        PacketCommand::Verify { stored, key } => trust::check(context, stored, key.as_deref()),
        PacketCommand::Sign { packet, key } => trust::sign(context, packet, key),
        PacketCommand::Seal { packet, to } => trust::encrypt(context, packet, to),
        PacketCommand::Diff { before, after, identity } => {
            compare::compare(context, before, after, identity.as_deref())
        }
        PacketCommand::Render { stored } => render(context, stored),
        PacketCommand::Redact { stored, level, output } => privacy::redact(context, stored, *level, output.as_deref()),
        PacketCommand::Unmask { file, identity, map } => {
            privacy::show_unmasked(context, file, identity.as_deref(), map.as_deref())
        }
        PacketCommand::Send(sending) => send::send(context, sending),
        PacketCommand::Finish { spool, output } => kept::finish(context, spool.as_deref(), output.as_deref()),
        PacketCommand::Purge { older_than, dry_run } => kept::purge(context, *older_than, *dry_run),
    }
}

/// The report, and what lies in the archive.
fn show(context: &Context, stored: &Stored) -> Result<Exit> {
    let opened = open_with(&stored.packet, stored.identity.as_deref())?;
    if context.wants_json() {
        return render(context, stored);
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

/// The same bytes as when the packet was made.
fn render(context: &Context, stored: &Stored) -> Result<Exit> {
    let packet = open_with(&stored.packet, stored.identity.as_deref())?.packet;
    let style = context.terminal.style(context.common.verbose);
    context.print(&report::render(context.format(), &packet, &style))?;
    Ok(Exit::Good)
}
