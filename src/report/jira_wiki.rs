//! The letter in the wiki markup of Jira (Data Center, and version 2 of the interface of Cloud).

use super::letter::{Group, Letter, fit};
use super::{MARKUP_LONGEST, Style};
use crate::packet::Packet;
use crate::ui::escape;
use std::fmt::Write;

/// Characters that format, link, or start a macro, an image, a table or a picture of a face.
const MARKS: &str = "{}[]|*_^~+-?!()";

pub(super) fn render(packet: &Packet, _: &Style) -> String {
    fit(Letter::of(packet), MARKUP_LONGEST, write)
}

fn write(letter: &Letter) -> String {
    let mut out = format!("h3. {}\n", inline(&letter.title));
    for section in letter.sections.iter().filter(|section| !section.groups.is_empty()) {
        let _ = write!(out, "\nh4. {}\n", section.heading);
        section.groups.iter().for_each(|group| list(&mut out, group));
    }
    for footer in letter.footers() {
        let _ = write!(out, "\n{}\n", inline(&footer));
    }
    out
}

fn list(out: &mut String, group: &Group) {
    if let ([text], false) = (group.texts.as_slice(), group.ordered) {
        let _ = writeln!(out, "* *{}:* {}", group.label, inline(text));
        return;
    }
    let _ = writeln!(out, "* *{}:*", group.label);
    let marker = if group.ordered { "*#" } else { "**" };
    for text in &group.texts {
        let _ = writeln!(out, "{marker} {}", inline(text));
    }
}

/// Text from outside as plain text on one line. A backslash before markup is markup itself, two of them break the line,
/// and only the entity is always a backslash.
fn inline(text: &str) -> String {
    let text = escape(text.trim());
    let mut out = String::with_capacity(text.len() + 16);
    for (at, character) in text.char_indices() {
        let after = &text[at + character.len_utf8()..];
        match character {
            '\\' => out.push_str("&#92;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' if after.starts_with(|next: char| next == '#' || next.is_ascii_alphanumeric()) => out.push_str("&amp;"),
            // Addresses stay text, and so do `:)` and `;)`.
            ':' | ';' if after.starts_with(['/', ')', '(', 'P', 'D', '|']) => {
                let _ = write!(out, "&#{};", u32::from(character));
            }
            // A hyphen within a word is one.
            '-' if after.starts_with(char::is_alphanumeric) && text[..at].ends_with(char::is_alphanumeric) => {
                out.push('-')
            }
            _ if MARKS.contains(character) => {
                out.push('\\');
                out.push(character);
            }
            _ => out.push(character),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::tests::full;
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_fault_as_a_comment() {
        insta::assert_snapshot!(render(&full(), &Style::plain(80)));
    }

    #[test]
    fn foreign_text_formats_nothing() {
        let cases = [
            ("{code}x{code}", "\\{code\\}x\\{code\\}"),
            ("[x|http://evil.test]", "\\[x\\|http&#58;//evil.test\\]"),
            ("!http://evil.test/a.png!", "\\!http&#58;//evil.test/a.png\\!"),
            ("C:\\\\temp", "C:&#92;&#92;temp"),
            ("[~admin] :) (x)", "\\[\\~admin\\] &#58;\\) \\(x\\)"),
            ("a\nh1. b", "a&#92;nh1. b"),
            ("well-known -x- a--b", "well-known \\-x\\- a\\-\\-b"),
            ("&#123;code} a & b", "&amp;#123;code\\} a & b"),
        ];
        for (text, expected) in cases {
            assert_eq!(inline(text), expected);
        }
    }

    proptest! {
        #[test]
        fn no_mark_is_left_bare(text in "[{}\\[\\]|*_^~+!()\\\\&:;/ a\\n#-]{0,40}|\\PC{0,40}") {
            let out = inline(&text);
            prop_assert!(!out.contains(['\n', '<', '>']));
            let mut before = ' ';
            for character in out.chars() {
                let is_hyphen = character == '-' && before.is_alphanumeric();
                prop_assert!(!MARKS.contains(character) || before == '\\' || is_hyphen, "{}", out);
                // A backslash stands before a mark only; a stranger's own became an entity.
                prop_assert!(before != '\\' || MARKS.contains(character), "{}", out);
                before = character;
            }
        }
    }
}
