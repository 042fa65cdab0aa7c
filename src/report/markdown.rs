//! The letter in Markdown, `summary.md`. All foreign text is escaped, so that a banner from the network can neither
//! format the ticket nor smuggle HTML or links into it.

use super::letter::{Group, Letter, fit};
use super::{MARKUP_LONGEST, Style};
use crate::packet::Packet;
use crate::ui::escape;
use std::fmt::Write;

pub(super) fn render(packet: &Packet, _: &Style) -> String {
    fit(Letter::of(packet), MARKUP_LONGEST, write)
}

fn write(letter: &Letter) -> String {
    let mut out = format!("### {}\n", inline(&letter.title));
    for section in letter.sections.iter().filter(|section| !section.groups.is_empty()) {
        let _ = write!(out, "\n**{}**\n\n", section.heading);
        section.groups.iter().for_each(|group| list(&mut out, group));
    }
    for footer in letter.footers() {
        let _ = write!(out, "\n{}\n", inline(&footer));
    }
    out
}

fn list(out: &mut String, group: &Group) {
    if let ([text], false) = (group.texts.as_slice(), group.ordered) {
        let _ = writeln!(out, "- **{}:** {}", group.label, inline(text));
        return;
    }
    let _ = writeln!(out, "- **{}:**", group.label);
    for (index, text) in group.texts.iter().enumerate() {
        let marker = if group.ordered { format!("{}.", index + 1) } else { "-".to_owned() };
        let _ = writeln!(out, "  {marker} {}", inline(text));
    }
}

/// Text from outside as plain Markdown text on one line: every character that could mean something is escaped, and
/// addresses do not become links by themselves.
fn inline(text: &str) -> String {
    let text = escape(text.trim());
    let mut out = String::with_capacity(text.len() + 8);
    for character in text.chars() {
        match character {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            // `#` and `@` reach people and other tickets in GitHub, GitLab and Jira.
            '\\' | '`' | '*' | '_' | '{' | '}' | '[' | ']' | '#' | '|' | '~' | '!' | '@' | '$' | '^' => {
                out.push('\\');
                out.push(character);
            }
            _ => out.push(character),
        }
    }
    // A colon written as an entity keeps renderers from making links; the text reads the same.
    let out = out.replace("://", "&#58;//").replace("www.", "www&#46;");
    match out.chars().next() {
        Some(first @ ('-' | '+' | '=')) => format!("\\{first}{}", &out[1..]),
        // A number with a dot or a bracket behind it begins a list.
        Some(first) if first.is_ascii_digit() => {
            let digits = out.find(|character: char| !character.is_ascii_digit()).unwrap_or(out.len());
            let (number, rest) = out.split_at(digits);
            if rest.starts_with(['.', ')']) { format!("{number}\\{rest}") } else { out }
        }
        _ => out,
    }
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
            ("<script>alert(1)</script>", "&lt;script&gt;alert(1)&lt;/script&gt;"),
            ("[click](https://evil.test)", "\\[click\\](https&#58;//evil.test)"),
            ("a | b\n# title", "a \\| b\\\\n\\# title"),
            ("- item", "\\- item"),
            ("1. item", "1\\. item"),
            ("192.0.2.1 is silent", "192\\.0.2.1 is silent"),
            ("@team `x`", "\\@team \\`x\\`"),
        ];
        for (text, expected) in cases {
            assert_eq!(inline(text), expected);
        }
    }

    proptest! {
        #[test]
        fn nothing_special_is_left_bare(text in any::<String>()) {
            let out = inline(&text);
            prop_assert!(!out.contains('<') && !out.contains('>') && !out.contains('\n'));
            let bare = out.replace("\\\\", "").replace("\\`", "").replace("\\|", "").replace("\\[", "");
            prop_assert!(!bare.contains('`') && !bare.contains('|') && !bare.contains('['));
        }
    }
}
