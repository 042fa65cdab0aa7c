//! What the program itself cannot do: bad usage, a playbook with mistakes, a folder that cannot be written, an own bug.
//! A fault of the machine is never an error; it is an observation.

use crate::ui::escape_lines;
use std::fmt;

/// What sort of failure it is, which decides the first word that the user reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The command line or the settings ask for something that cannot be done.
    Usage,
    /// A playbook has mistakes.
    Playbook,
    /// The system does not let us: a file, a folder, a terminal.
    Environment,
    /// A bug in this program.
    Internal,
}

/// An error with its causes and the next command to type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    kind: Kind,
    message: String,
    causes: Vec<String>,
    hint: Option<String>,
    /// The message is a whole report with carets already, so it gets no prefix.
    rendered: bool,
}

/// What most commands return.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    fn new(kind: Kind, message: impl Into<String>) -> Self {
        Error { kind, message: message.into(), causes: Vec::new(), hint: None, rendered: false }
    }

    /// Bad usage.
    pub fn usage(message: impl Into<String>) -> Self {
        Error::new(Kind::Usage, message)
    }

    /// A mistake in a file that the user wrote, as a finished report with file, line and caret.
    pub fn rendered(kind: Kind, report: impl Into<String>) -> Self {
        Error { rendered: true, ..Error::new(kind, report) }
    }

    /// A playbook with mistakes, in one line.
    pub fn playbook(message: impl Into<String>) -> Self {
        Error::new(Kind::Playbook, message)
    }

    /// The system does not let us.
    pub fn environment(message: impl Into<String>) -> Self {
        Error::new(Kind::Environment, message)
    }

    /// A bug.
    pub fn internal(message: impl Into<String>) -> Self {
        Error::new(Kind::Internal, message)
    }

    /// Adds the error beneath, and all that are beneath that.
    pub fn because(mut self, cause: &dyn std::error::Error) -> Self {
        let mut next = Some(cause);
        while let Some(cause) = next {
            self.causes.push(cause.to_string());
            next = cause.source();
        }
        self
    }

    /// Adds a reason in words.
    pub fn because_of(mut self, cause: impl Into<String>) -> Self {
        self.causes.push(cause.into());
        self
    }

    /// What went wrong, without its causes and what to type next.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Adds the next command to type.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Adds a hint where there is one.
    pub fn maybe_hint(self, hint: Option<String>) -> Self {
        match hint {
            Some(hint) => self.hint(hint),
            None => self,
        }
    }

    /// What sort of failure it is.
    pub fn kind(&self) -> Kind {
        self.kind
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.rendered {
            write!(f, "{}", escape_lines(self.message.trim_end()))?;
        } else {
            let prefix = match self.kind {
                Kind::Internal => "error in firstline itself",
                _ => "error",
            };
            write!(f, "{prefix}: {}", escape_lines(&self.message))?;
        }
        for cause in &self.causes {
            write!(f, "\n  caused by: {}", escape_lines(cause))?;
        }
        match &self.hint {
            Some(hint) => write!(f, "\n\nhint: {}", escape_lines(hint)),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Error {}

/// A mistake in a file, shown where it is: file, line and caret.
pub fn point(kind: Kind, path: &str, source: &str, span: std::ops::Range<usize>, title: &str, label: &str) -> Error {
    use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};
    let span = span.start.min(source.len())..span.end.min(source.len());
    let annotation = AnnotationKind::Primary.span(span).label(label);
    let report = [Level::ERROR
        .primary_title(title)
        .element(Snippet::source(source).path(path).line_start(1).annotation(annotation))];
    Error::rendered(kind, Renderer::plain().render(&report))
}

/// The closest of `candidates` to what was typed, where one is close enough to be meant: a third of its letters wrong
/// at most.
pub fn closest<'a>(typed: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let typed = typed.to_lowercase();
    candidates
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(&typed, candidate), candidate))
        .filter(|(slips, candidate)| *slips <= (candidate.chars().count() / 3).max(1))
        .min_by_key(|(slips, _)| *slips)
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_what_why_and_what_next() {
        let io = std::io::Error::other("disk on fire");
        let error = Error::environment("cannot write `x`").because(&io).hint("try `firstline --output /tmp`");
        assert_eq!(
            error.to_string(),
            "error: cannot write `x`\n  caused by: disk on fire\n\nhint: try `firstline --output /tmp`"
        );
    }

    #[test]
    fn terminal_tricks_in_a_message_are_shown_and_not_played() {
        assert_eq!(Error::usage("no \u{1b}[31mred").to_string(), "error: no \\x1b[31mred");
    }

    #[test]
    fn suggests_only_what_is_close() {
        assert_eq!(closest("dsn", ["dns", "proxy"]), Some("dns"));
        assert_eq!(closest("no-internt", ["no-internet", "dns"]), Some("no-internet"));
        assert_eq!(closest("zebra", ["dns", "proxy"]), None);
    }
}
