//! The letter as a fragment of HTML for tickets that take it: headings and lists, no scripts, styles, links or requests.

use super::letter::{Group, Letter, fit};
use super::{MARKUP_LONGEST, Style};
use crate::packet::Packet;
use crate::ui::escape;
use minijinja::HtmlEscape;
use std::fmt::Write;

pub(super) fn render(packet: &Packet, _: &Style) -> String {
    fit(Letter::of(packet), MARKUP_LONGEST, |letter| format!("{}\n", write(letter)))
}

/// The fragment on one line: ticket systems make line breaks of line ends.
pub(super) fn write(letter: &Letter) -> String {
    let mut out = format!("<h3>{}</h3>", inline(&letter.title));
    for section in letter.sections.iter().filter(|section| !section.groups.is_empty()) {
        let _ = write!(out, "<h4>{}</h4><ul>", section.heading);
        section.groups.iter().for_each(|group| list(&mut out, group));
        out.push_str("</ul>");
    }
    for footer in letter.footers() {
        let _ = write!(out, "<p>{}</p>", inline(&footer));
    }
    out
}

fn list(out: &mut String, group: &Group) {
    let _ = write!(out, "<li><strong>{}:</strong> ", group.label);
    if let ([text], false) = (group.texts.as_slice(), group.ordered) {
        let _ = write!(out, "{}</li>", inline(text));
        return;
    }
    let kind = if group.ordered { "ol" } else { "ul" };
    let items: String = group.texts.iter().map(|text| format!("<li>{}</li>", inline(text))).collect();
    let _ = write!(out, "<{kind}>{items}</{kind}></li>");
}

/// Text from outside as text of an element. The slash needs no escape there, and addresses stay readable in the source.
fn inline(text: &str) -> String {
    HtmlEscape(&escape(text)).to_string().replace("&#x2f;", "/")
}

#[cfg(test)]
mod tests {
    use super::super::tests::full;
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_fault_as_a_fragment() {
        insta::assert_snapshot!(render(&full(), &Style::plain(80)).replace("<li>", "\n<li>").replace("<h4>", "\n<h4>"));
    }

    proptest! {
        #[test]
        fn nothing_foreign_becomes_an_element(text in "[<>&\"'/a-z =]{0,40}|\\PC{0,40}") {
            let out = inline(&text);
            prop_assert!(!out.contains(['<', '>', '"', '\'', '\n']));
            let entities = ["&lt;", "&gt;", "&amp;", "&quot;", "&#x27;", "&#39;", "&#34;"];
            let bare = entities.iter().fold(out.clone(), |out, entity| out.replace(entity, ""));
            prop_assert!(!bare.contains('&'), "{}", out);
        }
    }
}
