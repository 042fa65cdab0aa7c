//! What the terminal is: colour, width, escaping. Progress and the person at the keyboard are in the files beneath.
//! Everything that comes from the network or the machine passes `escape` before it reaches a screen.

pub mod person;
pub mod progress;

use crate::error::{Error, Result};
use crate::report::Style;
use std::borrow::Cow;
use std::io::{self, IsTerminal, Write};
use unicode_width::UnicodeWidthStr;

/// Reports are written for this width where the terminal does not say: fits an 80-column window and a mail.
const DEFAULT_WIDTH: usize = 80;
/// Lines longer than this are hard to read, however wide the window is.
const WIDEST: usize = 100;
/// Below this nothing fits; a window that claims less is not believed.
const NARROWEST: usize = 40;

/// What the three standard streams are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terminal {
    pub stdin: bool,
    pub stdout: bool,
    pub stderr: bool,
    /// Colour is not wanted: `--no-color`, `NO_COLOR`, or a terminal that has none.
    pub plain: bool,
}

impl Terminal {
    /// Looks at the standard streams and the environment.
    pub fn detect(no_color: bool) -> Self {
        // https://no-color.org: any value but the empty one.
        let asked = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        Terminal {
            stdin: io::stdin().is_terminal(),
            stdout: io::stdout().is_terminal(),
            stderr: io::stderr().is_terminal(),
            plain: no_color || asked || dumb,
        }
    }

    /// Whether somebody can be asked: a question needs a keyboard and a screen.
    pub fn can_ask(&self) -> bool {
        self.stdin && self.stderr
    }

    /// How a report on standard output looks.
    pub fn style(&self, verbose: bool) -> Style {
        let width = if self.stdout { terminal_width() } else { DEFAULT_WIDTH };
        Style { color: self.stdout && !self.plain, width, verbose }
    }
}

fn terminal_width() -> usize {
    let columns = terminal_size::terminal_size().map(|(width, _)| usize::from(width.0));
    columns.unwrap_or(DEFAULT_WIDTH).clamp(NARROWEST, WIDEST)
}

/// Writes a result to standard output. A reader that has gone away (`| head`) is no error: the verdict stands.
pub fn print(text: &str, terminal: &Terminal) -> Result<()> {
    let choice =
        if terminal.stdout && !terminal.plain { anstream::ColorChoice::Always } else { anstream::ColorChoice::Never };
    // Without a terminal the bytes go out as they are: stripping would also change escapes inside JSON strings.
    let written = if terminal.stdout {
        let mut stream = anstream::AutoStream::new(io::stdout(), choice);
        stream.write_all(text.as_bytes()).and_then(|()| stream.flush())
    } else {
        let mut stream = io::stdout().lock();
        stream.write_all(text.as_bytes()).and_then(|()| stream.flush())
    };
    match written {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Error::environment("cannot write to standard output").because(&error))
        }
        _ => Ok(()),
    }
}

/// Writes a line for the person to standard error; nowhere to write to is no reason to fail.
pub fn tell(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// Characters that move the cursor, change colours, or reorder what is read: control characters, the Unicode
/// bidirectional controls (the "Trojan Source" set), invisible ones and the tag block.
fn is_treacherous(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{ad}'
                | '\u{61c}'
                | '\u{180e}'
                | '\u{200b}'
                | '\u{200e}'
                | '\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{feff}'
                | '\u{fff9}'..='\u{fffb}'
                | '\u{e0000}'..='\u{e007f}'
        )
}

/// Text from outside on one line, with everything treacherous written out.
pub fn escape(text: &str) -> Cow<'_, str> {
    escape_but(text, |_| false)
}

/// The same for text of several lines: line ends stay.
pub fn escape_lines(text: &str) -> Cow<'_, str> {
    escape_but(text, |character| character == '\n')
}

/// A JSON document with everything treacherous in its strings written as JSON escapes: the same document, but safe on a
/// screen. (JSON itself asks for escapes below U+0020 only.)
pub fn escape_json(document: &str) -> Cow<'_, str> {
    let bad = |character: char| character != '\n' && is_treacherous(character);
    if !document.contains(bad) {
        return Cow::Borrowed(document);
    }
    let mut out = String::with_capacity(document.len() + 16);
    for character in document.chars() {
        if bad(character) {
            let mut units = [0; 2];
            for unit in character.encode_utf16(&mut units) {
                out.push_str(&format!("\\u{unit:04x}"));
            }
        } else {
            out.push(character);
        }
    }
    Cow::Owned(out)
}

fn escape_but(text: &str, keep: fn(char) -> bool) -> Cow<'_, str> {
    if !text.chars().any(|character| is_treacherous(character) && !keep(character)) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        match character {
            _ if !is_treacherous(character) || keep(character) => out.push(character),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            _ if character.is_ascii() => out.push_str(&format!("\\x{:02x}", u32::from(character))),
            _ => out.push_str(&format!("\\u{{{:x}}}", u32::from(character))),
        }
    }
    Cow::Owned(out)
}

/// Breaks a text at spaces into lines of at most `width` columns. A word that is longer, such as a URL, stays whole so
/// that it can be copied.
pub fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    let mut used = 0;
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        let columns = word.width();
        if used > 0 && used + 1 + columns > width {
            lines.push(std::mem::take(&mut line));
            used = 0;
        }
        if used > 0 {
            line.push(' ');
            used += 1;
        }
        line.push_str(word);
        used += columns;
    }
    if !line.is_empty() {
        lines.push(line);
    }
    lines
}

/// The first `limit` characters, with a mark where something was left out.
pub fn shorten(text: &str, limit: usize) -> Cow<'_, str> {
    match text.char_indices().nth(limit) {
        None => Cow::Borrowed(text),
        Some(_) => {
            let kept: String = text.chars().take(limit.saturating_sub(3)).collect();
            Cow::Owned(format!("{}...", kept.trim_end()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn shows_what_a_stranger_hides() {
        let cases = [
            ("plain text, Grüße, 漢字", "plain text, Grüße, 漢字"),
            ("a\u{1b}]0;title\u{7}b", "a\\x1b]0;title\\x07b"),
            ("user\u{202e}gpj.exe", "user\\u{202e}gpj.exe"),
            ("two\nlines\tand\r", "two\\nlines\\tand\\r"),
            ("c1 \u{9b}31m", "c1 \\u{9b}31m"),
        ];
        for (text, expected) in cases {
            assert_eq!(escape(text), expected);
        }
        assert_eq!(escape_lines("a\nb\u{1b}"), "a\nb\\x1b");
    }

    proptest! {
        #[test]
        fn nothing_treacherous_survives(text in any::<String>()) {
            prop_assert!(!escape(&text).chars().any(is_treacherous));
            prop_assert!(!escape_lines(&text).chars().any(|c| c != '\n' && is_treacherous(c)));
        }

        #[test]
        fn a_json_document_stays_the_same(text in any::<String>()) {
            let document = serde_json::to_string(&text).unwrap();
            let safe = escape_json(&document);
            prop_assert!(!safe.chars().any(is_treacherous));
            prop_assert_eq!(serde_json::from_str::<String>(&safe).unwrap(), text);
        }

        #[test]
        fn escaping_twice_is_escaping_once(text in any::<String>()) {
            let once = escape(&text).into_owned();
            prop_assert_eq!(escape(&once), once.clone());
        }

        #[test]
        fn wrapping_keeps_the_words_and_the_width(text in "[a-z ]{0,200}", width in 10usize..100) {
            let lines = wrap(&text, width);
            let words: Vec<&str> = text.split_whitespace().collect();
            prop_assert_eq!(lines.join(" "), words.join(" "));
            prop_assert!(lines.iter().all(|line| line.width() <= width || !line.contains(' ')));
        }
    }

    #[test]
    fn shortens_at_characters() {
        assert_eq!(shorten("grün und blau", 50), "grün und blau");
        assert_eq!(shorten("ääääääääää", 6), "äää...");
    }
}
