//! One line for a field of remote management: the first words tell what it is, the last ones where to look further.

use super::Style;
use super::content::{Content, moment};
use super::letter::units;
use crate::packet::Packet;
use crate::ui::{escape, shorten};

/// A user-defined field of Datto RMM holds 255; the end of the line counts.
const LONGEST: usize = 255 - 1;
/// Characters of one part behind the first: a host name (RFC 1035) or a ticket is shorter.
const LONGEST_PART: usize = 40;

pub(super) fn render(packet: &Packet, _: &Style) -> String {
    let content = Content::of(packet);
    let part = |text: &str| escape(&shorten(text, LONGEST_PART)).into_owned();
    let culprit = packet.verdict.culprit.as_deref().map(|culprit| format!("culprit {culprit}"));
    let parts =
        [culprit, packet.case.ticket.clone(), Some(packet.host.name.clone()), Some(moment(&packet.run.started))];
    let parts = parts.into_iter().flatten().filter(|text| !text.is_empty());
    let mut tail: String = parts.map(|text| format!("; {}", part(&text))).collect();
    // Escapes lengthen what a stranger wrote.
    while units(&tail) > LONGEST / 2 {
        tail.pop();
    }
    let stop = if content.stop.is_some() { "SECURITY STOP, " } else { "" };
    let head = escape(&format!("{stop}{}: {}", content.heading, content.title)).into_owned();
    let mut room = LONGEST - units(&tail);
    while units(&shorten(&head, room)) + units(&tail) > LONGEST {
        room -= 1;
    }
    format!("{}{tail}\n", shorten(&head, room))
}

#[cfg(test)]
mod tests {
    use super::super::tests::{fault, hostile};
    use super::*;

    #[test]
    fn a_field_takes_the_line() {
        let line = render(&fault(), &Style::plain(80));
        insta::assert_snapshot!(line, @"FAULT in dns, confirmed: A resolver left behind by a VPN that is no longer connected; culprit 10.8.0.1; INC-1042; desk-114; 2026-11-21 09:15 UTC");
        let mut packet = hostile("\u{202e}😀 long ");
        packet.verdict.title = "😀\u{7}".repeat(500);
        let line = render(&packet, &Style::plain(80));
        assert!(units(&line) <= LONGEST + 1 && line.ends_with("UTC\n") && line.lines().count() == 1, "{line}");
    }
}
