//! The letter as plain text, `summary.txt`: 72 columns, readable without any markup, and never longer than a field holds.

use super::Style;
use super::letter::{Letter, fit};
use super::page::{Page, Paint};
use crate::packet::Packet;

/// Ticket systems cut comments; the smallest limit among the common ones is 4,000 characters.
pub(super) const LONGEST: usize = 3_500;
/// Plain mail and ticket text.
const WIDTH: usize = 72;

pub(super) fn render(packet: &Packet, _: &Style) -> String {
    fit(Letter::of(packet), LONGEST, write)
}

/// The whole letter, however long.
pub(super) fn write(letter: &Letter) -> String {
    let mut page = Page::new(&Style::plain(WIDTH));
    page.paragraph(&letter.title, Paint::Plain);
    for section in letter.sections.iter().filter(|section| !section.groups.is_empty()) {
        page.gap();
        page.paragraph(&section.heading, Paint::Plain);
        for group in &section.groups {
            let numbered = || group.texts.iter().enumerate().map(|(index, text)| format!("{}. {text}", index + 1));
            let texts: Vec<String> = if group.ordered { numbered().collect() } else { group.texts.clone() };
            page.labelled(group.label, texts.iter().map(String::as_str));
        }
    }
    for footer in letter.footers() {
        page.gap();
        page.paragraph(&footer, Paint::Plain);
    }
    page.finish()
}
