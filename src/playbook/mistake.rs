//! What is wrong with a playbook: every mistake at once, each with its stable code, file, line, caret and suggestion.
//! Rendered like a compiler's messages for people, and as a list for editors and scripts.

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use serde::Serialize;
use std::borrow::Cow;
use std::collections::HashSet;
use std::ops::Range;

/// More mistakes than this are not collected: nobody reads them, and a hostile file must not fill the memory.
const MOST: usize = 100;

/// Names are shown up to this many characters, so that a hostile file cannot fill the screen.
const LONGEST_NAME: usize = 60;

/// Up to this many known names are listed where no near one can be suggested.
const LISTED: usize = 12;

/// Whether a mistake keeps the playbook from running.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// It cannot be run.
    Error,
    /// It runs, but its users would be better off without.
    Warning,
}

macro_rules! kinds {
    ($( $variant:ident $code:literal $severity:ident $title:literal; )+) => {
        /// A kind of mistake. Codes are an API: they are only ever added to.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Kind { $( #[doc = $title] $variant, )+ }

        /// Every kind: its code, how grave it is, and what it means.
        pub const KINDS: &[(Kind, &str, Severity, &str)] =
            &[ $( (Kind::$variant, $code, Severity::$severity, $title), )+ ];
    };
}

kinds! {
    Syntax "P001" Error "the text is not valid TOML";
    UnknownKey "P002" Error "a key that the language does not have";
    MissingKey "P003" Error "a key that must be there is missing";
    WrongType "P004" Error "a value has the wrong type";
    WrongWord "P005" Error "a value is not one of the words that are allowed here";
    WrongSchema "P006" Error "the playbook is written for another version of the language";
    BadId "P007" Error "an id is not a kebab-case word, or is reserved";
    Duplicate "P008" Error "an id is used twice";
    UnknownProbe "P009" Error "there is no such probe";
    UnknownArgument "P010" Error "the probe does not take this argument";
    BadArgument "P011" Error "the probe cannot read the value of this argument";
    MissingArgument "P012" Error "the probe cannot work without this argument";
    UnknownCheck "P013" Error "a check is named that the playbook does not have";
    Cycle "P014" Error "checks wait for each other";
    UnknownCode "P015" Error "there is no such problem code";
    ForeignCode "P016" Error "the check's probe never reports this problem code";
    UnknownFact "P017" Error "the check's probe has no such fact";
    BadCompare "P018" Error "the comparison does not fit the fact";
    NotOneTest "P019" Error "a condition does not state exactly one thing";
    BadCondition "P020" Error "a condition is empty or mixes two forms";
    BadTemplate "P021" Error "a template cannot be read, or stands where none is filled";
    UnknownName "P022" Error "a template names something that is not there";
    IncludeMissing "P023" Error "an included file cannot be found";
    IncludeLoop "P024" Error "files include each other, or too deeply";
    UnknownCause "P025" Error "a test expects a cause that the playbook does not have";
    UnknownAnswer "P026" Error "the question does not offer this answer";
    Contradiction "P027" Error "a test gives an observation that contradicts itself";
    Empty "P028" Error "a text or list that must say something is empty";
    TooLarge "P029" Error "the playbook is too large to be one";
    BadInput "P030" Error "what an input may be contradicts itself, its kind or its default";
    BadLink "P031" Error "a link is no web address";
    NoVerify "P101" Warning "a cause does not say which check proves that it works again";
    ManySteps "P102" Warning "a cause has more workaround steps than are shown at a time";
    Untested "P103" Warning "no test of the playbook expects this cause";
    Twins "P104" Warning "nothing tells two causes apart";
    NoSays "P105" Warning "nobody finds the playbook by their own words";
    NoCauses "P106" Warning "the playbook names no cause";
    NeverMade "P107" Warning "a check is never made, or a question never asked";
    NeverWins "P108" Warning "a cause can never win";
    Jargon "P109" Warning "the words for the user hold one that needs training";
    OtherBraces "P110" Warning "a text looks like a template and is none";
    Unreached "P111" Warning "a rule of escalation is never reached";
    ChangeAlone "P112" Warning "a cause rests on what changed alone";
    Undeclared "P113" Warning "a check starts a program and does not say whom that talks to";
    NoSuchView "P114" Warning "a cause wants what no single account sees";
}

impl Kind {
    /// The stable code, such as `P013`.
    pub fn code(self) -> &'static str {
        KINDS[self as usize].1
    }

    /// Whether it keeps the playbook from running.
    pub fn severity(self) -> Severity {
        KINDS[self as usize].2
    }

    /// What it means, in general.
    pub fn title(self) -> &'static str {
        KINDS[self as usize].3
    }

    /// The kind with this code, for `explain`.
    pub fn from_code(code: &str) -> Option<Kind> {
        KINDS.iter().find(|(_, known, ..)| known.eq_ignore_ascii_case(code)).map(|(kind, ..)| *kind)
    }
}

/// A place in one of the texts that make up a playbook.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct At {
    /// Which text: an index into the sources of the mistakes.
    pub source: usize,
    /// Bytes in it.
    pub span: Range<usize>,
}

impl At {
    /// Whether it is in the playbook itself, and not in a file that it includes.
    pub(super) fn is_own(&self) -> bool {
        self.source == 0
    }
}

/// One text of a playbook: the file itself, or one that it includes.
#[derive(Debug, Clone)]
pub struct Source {
    /// As it was asked for: an id, the path of a file, the name after `include`.
    pub name: String,
    /// What is built in is not copied.
    pub text: Cow<'static, str>,
}

impl Source {
    /// Whether it is a part of this binary, of which a test has checked all.
    pub(super) fn is_built_in(&self) -> bool {
        matches!(self.text, Cow::Borrowed(_))
    }
}

/// One mistake.
#[derive(Debug, Clone)]
pub struct Mistake {
    pub kind: Kind,
    /// What is wrong, with the names that matter.
    pub message: String,
    /// Where.
    pub at: At,
    /// What stands beside the caret.
    pub label: String,
    /// Other places that explain it.
    pub related: Vec<(At, String)>,
    /// What to do.
    pub help: Option<String>,
}

impl Mistake {
    pub(crate) fn new(kind: Kind, at: &At, message: impl Into<String>) -> Self {
        Mistake { kind, message: message.into(), at: at.clone(), label: String::new(), related: Vec::new(), help: None }
    }

    pub(crate) fn label(mut self, label: impl Into<String>) -> Self {
        self.label = label.into();
        self
    }

    pub(super) fn related(mut self, at: &At, label: impl Into<String>) -> Self {
        self.related.push((at.clone(), label.into()));
        self
    }

    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Adds the nearest of the known names as help, or all of them where they are few.
    pub(crate) fn suggest<'a>(self, wrong: &str, known: impl IntoIterator<Item = &'a str>) -> Self {
        let known: Vec<&str> = known.into_iter().collect();
        match nearest(wrong, &known) {
            Some(name) => self.help(format!("did you mean `{name}`?")),
            None if known.is_empty() || known.len() > LISTED => self,
            None => {
                let names: Vec<String> = known.iter().map(|name| format!("`{name}`")).collect();
                self.help(format!("known here: {}", names.join(", ")))
            }
        }
    }
}

/// One mistake as an editor or a script wants it. Lines and columns count from 1; columns count characters.
#[derive(Debug, Clone, Serialize)]
pub struct MistakeRow {
    pub code: &'static str,
    pub severity: Severity,
    pub message: String,
    pub file: String,
    pub line: usize,
    pub column: usize,
    pub end_line: usize,
    pub end_column: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
}

/// Everything that is wrong with a playbook.
#[derive(Debug, Clone, Default)]
pub struct Mistakes {
    pub(crate) sources: Vec<Source>,
    list: Vec<Mistake>,
    /// How many were not kept.
    dropped: usize,
}

impl Mistakes {
    pub(crate) fn add(&mut self, mistake: Mistake) {
        if self.list.len() < MOST {
            self.list.push(mistake);
        } else if mistake.kind.severity() == Severity::Error {
            // Advice never hides what keeps a playbook from running, and what was advice is no error.
            match self.list.iter_mut().find(|kept| kept.kind.severity() == Severity::Warning) {
                Some(warning) => *warning = mistake,
                None => self.dropped += 1,
            }
        }
    }

    /// Drops the warnings about included files: the author of the including one cannot heed them.
    pub(super) fn drop_foreign_warnings(&mut self) {
        self.list.retain(|mistake| mistake.at.is_own() || mistake.kind.severity() == Severity::Error);
    }

    /// Drops what another playbook told already, because both include the same file; remembers the rest.
    pub(crate) fn drop_told(&mut self, told: &mut HashSet<(String, usize, String)>) {
        let sources = &self.sources;
        self.list.retain(|mistake| {
            let file = sources.get(mistake.at.source).map_or("", |source| source.name.as_str());
            told.insert((file.to_owned(), mistake.at.span.start, mistake.message.clone()))
        });
    }

    /// In the order of the files and lines, which is how people mend them.
    pub(crate) fn sort(&mut self) {
        self.list.sort_by_key(|mistake| (mistake.at.source, mistake.at.span.start, mistake.kind as usize));
        self.list.dedup_by(|left, right| left.at == right.at && left.message == right.message);
    }

    /// All mistakes, warnings included.
    pub fn iter(&self) -> impl Iterator<Item = &Mistake> {
        self.list.iter()
    }

    /// Whether nothing is wrong at all.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// How many keep the playbook from running.
    pub fn errors(&self) -> usize {
        self.list.iter().filter(|mistake| mistake.kind.severity() == Severity::Error).count() + self.dropped
    }

    /// How many do not.
    pub fn warnings(&self) -> usize {
        self.list.iter().filter(|mistake| mistake.kind.severity() == Severity::Warning).count()
    }

    /// All mistakes as text, each with file, line, caret and suggestion, and one line that counts them.
    pub fn render(&self, coloured: bool) -> String {
        let renderer = if coloured { Renderer::styled() } else { Renderer::plain() };
        let mut text = String::new();
        for mistake in &self.list {
            text.push_str(&self.render_one(&renderer, mistake));
            text.push_str("\n\n");
        }
        text.push_str(&self.count());
        text.push('\n');
        text
    }

    fn render_one(&self, renderer: &Renderer, mistake: &Mistake) -> String {
        let level = match mistake.kind.severity() {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
        };
        let mut group = Group::with_title(level.primary_title(&mistake.message).id(mistake.kind.code()));
        let mut shown: Vec<usize> = vec![mistake.at.source];
        for (at, _) in &mistake.related {
            if !shown.contains(&at.source) {
                shown.push(at.source);
            }
        }
        for source in shown {
            let Some(origin) = self.sources.get(source) else { continue };
            let mut snippet = Snippet::source(&*origin.text).path(&origin.name);
            if mistake.at.source == source {
                let mark = AnnotationKind::Primary.span(safe(&origin.text, &mistake.at.span));
                snippet = snippet.annotation(if mistake.label.is_empty() { mark } else { mark.label(&mistake.label) });
            }
            for (at, label) in mistake.related.iter().filter(|(at, _)| at.source == source) {
                snippet = snippet
                    .annotation(AnnotationKind::Context.span(safe(&origin.text, &at.span)).label(label.as_str()));
            }
            group = group.element(snippet);
        }
        if let Some(help) = &mistake.help {
            group = group.element(Level::HELP.message(help));
        }
        renderer.render(&[group])
    }

    fn count(&self) -> String {
        let name = self.sources.first().map_or("", |source| source.name.as_str());
        let plural = |count: usize, word: &str| format!("{count} {word}{}", if count == 1 { "" } else { "s" });
        match (self.errors(), self.warnings()) {
            (0, 0) => format!("{name}: no mistakes"),
            (errors, 0) => format!("{name}: {}", plural(errors, "mistake")),
            (0, warnings) => format!("{name}: {}", plural(warnings, "warning")),
            (errors, warnings) => format!("{name}: {}, {}", plural(errors, "mistake"), plural(warnings, "warning")),
        }
    }

    /// All mistakes as rows, for JSON.
    pub fn rows(&self) -> Vec<MistakeRow> {
        self.list.iter().map(|mistake| self.row(mistake)).collect()
    }

    fn row(&self, mistake: &Mistake) -> MistakeRow {
        let empty = Source { name: String::new(), text: Cow::default() };
        let source = self.sources.get(mistake.at.source).unwrap_or(&empty);
        let span = safe(&source.text, &mistake.at.span);
        let (line, column) = position(&source.text, span.start);
        let (end_line, end_column) = position(&source.text, span.end);
        MistakeRow {
            code: mistake.kind.code(),
            severity: mistake.kind.severity(),
            message: mistake.message.clone(),
            file: source.name.clone(),
            line,
            column,
            end_line,
            end_column,
            help: mistake.help.clone(),
        }
    }
}

impl std::fmt::Display for Mistakes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.render(false).trim_end())
    }
}

impl std::error::Error for Mistakes {}

/// A range that surely lies within the text and on character boundaries.
fn safe(text: &str, span: &Range<usize>) -> Range<usize> {
    let start = text.floor_char_boundary(span.start.min(text.len()));
    let end = text.ceil_char_boundary(span.end.clamp(start, text.len()));
    start..end
}

fn position(text: &str, offset: usize) -> (usize, usize) {
    let before = &text[..offset];
    let line = before.bytes().filter(|byte| *byte == b'\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or("").chars().count() + 1;
    (line, column)
}

/// A name from a file as messages show it: bounded, and without anything that could move a terminal's cursor.
pub(crate) fn shown(name: &str) -> String {
    let mut text: String = name.chars().take(LONGEST_NAME).flat_map(char::escape_debug).collect();
    if name.chars().nth(LONGEST_NAME).is_some() {
        text.push_str("...");
    }
    text.replace("\\'", "'").replace("\\\"", "\"")
}

/// The known name that somebody who wrote `wrong` most probably meant.
pub fn nearest<'a>(wrong: &str, known: &[&'a str]) -> Option<&'a str> {
    let fold = |text: &str| -> String {
        text.chars().filter(|c| !matches!(c, '_' | '-' | '.' | ' ')).flat_map(char::to_lowercase).collect()
    };
    let wrong = fold(&wrong.chars().take(LONGEST_NAME).collect::<String>());
    let length = wrong.chars().count();
    known
        .iter()
        .map(|name| (strsim::osa_distance(&wrong, &fold(name)), *name))
        // A third of the letters may differ: more is another word, less misses a swapped pair in a short one.
        .filter(|(distance, _)| length > 0 && *distance <= (length / 3).max(1) && *distance < length)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
        .or_else(|| {
            let begins = |name: &str| length >= 3 && fold(name).starts_with(&wrong);
            let goes_on = |name: &str| name.len() >= 4 && wrong.starts_with(&fold(name));
            known.iter().find(|name| begins(name) || goes_on(name)).copied()
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suggests_what_was_meant() {
        let known = ["dns.timeout", "dns.refused", "tcp.timeout", "id", "after"];
        let cases = [
            ("dns.time_out", Some("dns.timeout")),
            ("DNS.timeout", Some("dns.timeout")),
            ("afterr", Some("after")),
            ("dns.ref", Some("dns.refused")),
            ("di", Some("id")),
            ("", None),
            ("x", None),
            ("something else", None),
        ];
        for (wrong, expected) in cases {
            assert_eq!(nearest(wrong, &known), expected, "{wrong}");
        }
    }

    #[test]
    fn every_kind_finds_itself_by_a_unique_code() {
        for (kind, code, ..) in KINDS {
            assert_eq!(kind.code(), *code);
            assert_eq!(Kind::from_code(code), Some(*kind));
        }
    }

    #[test]
    fn shows_names_without_control_characters() {
        assert_eq!(shown("a\u{1b}[31mb"), "a\\u{1b}[31mb");
        assert_eq!(shown("it's"), "it's");
        assert!(shown(&"x".repeat(500)).len() < 70);
    }

    #[test]
    fn places_outside_the_text_do_no_harm() {
        let mut mistakes = Mistakes::default();
        mistakes.sources.push(Source { name: "a.toml".into(), text: "é = 1".into() });
        mistakes.add(Mistake::new(Kind::Empty, &At { source: 0, span: 1..900 }, "x"));
        mistakes.add(Mistake::new(Kind::Empty, &At { source: 7, span: 1..900 }, "y"));
        assert!(mistakes.render(false).contains("a.toml"));
        assert_eq!(mistakes.rows()[0].line, 1);
    }
}
