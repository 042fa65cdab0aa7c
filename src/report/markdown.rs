//! A ticket comment in Markdown, the same content as the text report. All foreign text is escaped, so that a banner
//! from the network can neither format the ticket nor smuggle HTML or links into it.

use super::Style;
use super::content::Content;
use super::summary::{machine, manifest};
use crate::packet::Packet;
use crate::ui::escape;
use std::fmt::Write;

pub(super) fn render(packet: &Packet, _: &Style) -> String {
    let content = Content::of(packet);
    let mut out = String::new();
    head(&mut out, &content);
    ladder(&mut out, &content);
    let sections = [
        ("Because", &content.because),
        ("Still open", &content.suspects),
        ("Ruled out", &content.ruled_out),
        ("Not tested", &content.not_tested),
        ("Notes", &content.notes),
        ("Also", &content.also),
        ("Changed", &content.changes),
        ("Warnings", &content.warnings),
    ];
    for (title, texts) in sections {
        list(&mut out, title, "-", texts);
    }
    list(&mut out, "Do this now", "1.", &content.steps);
    list(&mut out, "Then", "-", &content.then);
    out.push('\n');
    for line in machine(packet) {
        let _ = writeln!(out, "{}", inline(&line));
    }
    if let Some(manifest) = manifest(packet) {
        let _ = writeln!(out, "{}", inline(&manifest));
    }
    if let Some(path) = &content.packet {
        let _ = writeln!(out, "Packet: {}", inline(path));
    }
    out
}

fn head(out: &mut String, content: &Content) {
    let _ = writeln!(out, "### {}: {}\n", inline(&content.heading), inline(&content.title));
    let _ = writeln!(out, "{}\n", inline(&content.summary));
    let rows = [
        ("For the user", Some(content.plain.clone()).filter(|text| !text.is_empty())),
        ("Culprit", content.culprit.clone()),
        ("Suspects", Some(content.board.clone()).filter(|text| !text.is_empty())),
        ("Checks", Some(content.checks.clone())),
        ("Cut short", content.cut_short.clone()),
        ("Seen from", content.seen_from.clone()),
        ("Case", (!content.case.is_empty()).then(|| content.case.join(", "))),
    ];
    for (label, text) in rows {
        if let Some(text) = text {
            let _ = writeln!(out, "- **{label}:** {}", inline(&text));
        }
    }
}

fn ladder(out: &mut String, content: &Content) {
    if content.ladder.is_empty() {
        return;
    }
    out.push_str("\n| layer | result | |\n|---|---|---|\n");
    for rung in &content.ladder {
        let blamed = rung.word.chars().all(char::is_uppercase);
        let word = if blamed { format!("**{}**", rung.word) } else { rung.word.to_owned() };
        let _ = writeln!(out, "| {} | {word} | {} |", rung.layer, inline(&rung.reason));
    }
}

fn list(out: &mut String, title: &str, marker: &str, texts: &[String]) {
    if texts.is_empty() {
        return;
    }
    let _ = writeln!(out, "\n**{title}**\n");
    for text in texts {
        let _ = writeln!(out, "{marker} {}", inline(text));
    }
}

/// Text from outside as plain Markdown text on one line: every character that could mean something is escaped, and
/// addresses do not become links by themselves.
fn inline(text: &str) -> String {
    let text = escape(text);
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
        _ => out,
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::fault;
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_fault_as_a_comment() {
        insta::assert_snapshot!(render(&fault(), &Style::plain(80)));
    }

    #[test]
    fn foreign_text_formats_nothing() {
        let cases = [
            ("<script>alert(1)</script>", "&lt;script&gt;alert(1)&lt;/script&gt;"),
            ("[click](https://evil.test)", "\\[click\\](https&#58;//evil.test)"),
            ("a | b\n# title", "a \\| b\\\\n\\# title"),
            ("- item", "\\- item"),
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
