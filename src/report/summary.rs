//! `summary.txt`: what a ticket system takes as a plain comment. 72 columns, and never longer than a field holds.

use super::content::Content;
use super::page::{Page, Paint};
use super::{Style, text};
use crate::packet::Packet;

/// Ticket systems cut comments; the smallest limit among the common ones is 4,000 characters.
const LONGEST: usize = 3_500;
/// Plain mail and ticket text.
const WIDTH: usize = 72;

/// The summary for a ticket.
pub fn summary(packet: &Packet) -> String {
    let mut content = Content::of(packet);
    // The reader has the packet in hand already; where it lay on the other machine is no news.
    content.packet = None;
    let mut out = render(packet, &content);
    // What tier 2 misses least goes first.
    let least_first: [fn(&mut Content) -> &mut Vec<String>; 7] = [
        |content| &mut content.warnings,
        |content| &mut content.notes,
        |content| &mut content.ruled_out,
        |content| &mut content.changes,
        |content| &mut content.not_tested,
        |content| &mut content.also,
        |content| &mut content.because,
    ];
    for section in least_first {
        if out.chars().count() <= LONGEST {
            return out;
        }
        let section = section(&mut content);
        if !section.is_empty() {
            *section = vec!["in packet.json".to_owned()];
        }
        out = render(packet, &content);
    }
    if out.chars().count() > LONGEST {
        out = out.chars().take(LONGEST - 5).collect();
        out.push_str("\n...\n");
    }
    out
}

fn render(packet: &Packet, content: &Content) -> String {
    let mut page = Page::new(&Style::plain(WIDTH));
    text::head(&mut page, content);
    page.gap();
    let ladder =
        content.ladder.iter().map(|rung| format!("{} {}", rung.layer, rung.word)).collect::<Vec<_>>().join(", ");
    page.labelled("Ladder", (!ladder.is_empty()).then_some(ladder.as_str()));
    text::reasons(&mut page, content, true);
    text::what_to_do(&mut page, content);
    page.gap();
    for line in machine(packet) {
        page.paragraph(&line, Paint::Plain);
    }
    if let Some(manifest) = manifest(packet) {
        page.paragraph(&manifest, Paint::Plain);
    }
    page.finish()
}

/// Which machine, when, by what: the questions that tier 2 would ask next.
pub(super) fn machine(packet: &Packet) -> [String; 2] {
    let (host, run, tool) = (&packet.host, &packet.run, &packet.tool);
    let rights = if run.elevated { "with administrator rights" } else { "without administrator rights" };
    [
        format!(
            "Machine {}, {} {}, kernel {}, as {} {rights}.",
            host.name, host.os, host.os_version, host.kernel, run.user
        ),
        format!(
            "{} {} ran the playbook {} at {} (local time {}), run {}, redaction {}.",
            tool.name, tool.version, packet.playbook.id, run.started, run.zone, run.id, run.redaction
        ),
    ]
}

/// What ties a letter to the archive that it came with.
pub(super) fn manifest(packet: &Packet) -> Option<String> {
    packet.manifest.as_ref().map(|hash| format!("SHA-256 of manifest.json: {hash}"))
}

#[cfg(test)]
mod tests {
    use super::super::tests::fault;
    use super::*;
    use unicode_width::UnicodeWidthStr;

    #[test]
    fn a_ticket_takes_it() {
        let text = summary(&fault());
        assert!(text.lines().all(|line| line.width() <= WIDTH), "{text}");
        insta::assert_snapshot!(text);
    }

    #[test]
    fn however_much_there_is_it_fits() {
        let mut packet = fault();
        packet.verdict.notes = vec!["a note that says little in many words".to_owned(); 200];
        let text = summary(&packet);
        assert!(text.chars().count() <= LONGEST);
        assert!(text.contains("Reconnect the VPN"), "the instructions stay");
        packet.verdict.summary = "x ".repeat(5_000);
        assert!(summary(&packet).chars().count() <= LONGEST);
    }
}
