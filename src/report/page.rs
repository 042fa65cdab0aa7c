//! A page of text: the one place where report text is escaped, wrapped and coloured.

use super::Style;
use crate::ui::{escape, wrap};
use anstyle::{AnsiColor, Effects, Style as Ansi};

/// Columns that a label takes.
const LABEL: usize = 14;

/// What a word looks like where colour is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Paint {
    Plain,
    Strong,
    Good,
    Bad,
    Doubt,
    Faint,
}

impl Paint {
    fn ansi(self) -> Ansi {
        let color = |color: AnsiColor| Ansi::new().fg_color(Some(color.into()));
        match self {
            Paint::Plain => Ansi::new(),
            Paint::Strong => Ansi::new().effects(Effects::BOLD),
            Paint::Good => color(AnsiColor::Green),
            Paint::Bad => color(AnsiColor::Red).effects(Effects::BOLD),
            Paint::Doubt => color(AnsiColor::Yellow),
            Paint::Faint => Ansi::new().effects(Effects::DIMMED),
        }
    }
}

/// A page under way.
pub struct Page {
    out: String,
    color: bool,
    width: usize,
}

impl Page {
    /// An empty page.
    pub fn new(style: &Style) -> Self {
        Page { out: String::new(), color: style.color, width: style.width }
    }

    /// The finished page.
    pub fn finish(mut self) -> String {
        while self.out.ends_with("\n\n") {
            self.out.pop();
        }
        self.out
    }

    fn paint(&mut self, paint: Paint, text: &str) {
        if self.color && paint != Paint::Plain {
            let ansi = paint.ansi();
            self.out.push_str(&format!("{ansi}{text}{ansi:#}"));
        } else {
            self.out.push_str(text);
        }
    }

    /// An empty line, unless there is one already.
    pub fn gap(&mut self) {
        if !self.out.is_empty() && !self.out.ends_with("\n\n") {
            self.out.push('\n');
        }
    }

    /// A text over the whole width.
    pub fn paragraph(&mut self, text: &str, paint: Paint) {
        self.hanging("", Paint::Plain, 0, text, paint);
    }

    /// The first words in one paint, the rest in plain.
    pub fn headline(&mut self, words: &str, paint: Paint, rest: &str) {
        let words = escape(words).into_owned();
        let rest = escape(rest).into_owned();
        let text = if rest.is_empty() { words.clone() } else { format!("{words}: {rest}") };
        for (index, line) in wrap(&text, self.width).iter().enumerate() {
            match line.strip_prefix(words.as_str()).filter(|_| index == 0) {
                Some(after) => {
                    self.paint(paint, &words);
                    self.paint(Paint::Strong, after);
                }
                None => self.paint(Paint::Strong, line),
            }
            self.out.push('\n');
        }
    }

    /// A label and its texts, each on lines of its own; nothing where there are none.
    pub fn labelled<'a>(&mut self, label: &str, texts: impl IntoIterator<Item = &'a str>) {
        for (index, text) in texts.into_iter().enumerate() {
            let label = if index == 0 { label } else { "" };
            self.hanging(label, Paint::Strong, LABEL, text, Paint::Plain);
        }
    }

    /// A numbered step.
    pub fn step(&mut self, number: usize, text: &str) {
        self.hanging(&format!("  {number}."), Paint::Plain, 5, text, Paint::Plain);
    }

    /// Ready-made lines, such as a table's; their cells are escaped by `table`.
    fn raw(&mut self, line: &str) {
        self.out.push_str(line.trim_end());
        self.out.push('\n');
    }

    /// A table without borders. `paints` gives the paint of the first two cells of each row.
    pub fn table<const N: usize>(&mut self, rows: &[([&str; N], Paint)]) {
        let mut table = comfy_table::Table::new();
        table
            .load_style(comfy_table::presets::NOTHING)
            .set_content_arrangement(comfy_table::ContentArrangement::Dynamic)
            .set_width(u16::try_from(self.width).unwrap_or(u16::MAX));
        for (cells, _) in rows {
            table.add_row(cells.map(|cell| escape(cell).into_owned()));
        }
        if let Some(first) = table.column_mut(0) {
            first.set_padding((0, 1));
        }
        let mut paints = rows.iter().filter(|(_, paint)| *paint != Paint::Plain).peekable();
        for line in table.lines() {
            let marked = paints.peek().and_then(|(cells, paint)| {
                let mark = format!(" {} ", escape(cells[1.min(N - 1)]));
                let first = escape(cells[0]).into_owned();
                (line.trim_start().starts_with(&first))
                    .then(|| line.split_once(&mark))
                    .flatten()
                    .map(|(before, after)| (before.to_owned(), mark.trim().to_owned(), after.to_owned(), *paint))
            });
            match marked {
                Some((before, mark, after, paint)) if self.color => {
                    self.out.push_str(&before);
                    self.out.push(' ');
                    self.paint(paint, &mark);
                    self.out.push(' ');
                    self.raw(&after);
                    paints.next();
                }
                Some(_) => {
                    paints.next();
                    self.raw(&line);
                }
                None => self.raw(&line),
            }
        }
    }

    /// A label, then a text that keeps its left edge over all its lines.
    fn hanging(&mut self, label: &str, label_paint: Paint, indent: usize, text: &str, paint: Paint) {
        let text = escape(text).into_owned();
        let lines = wrap(&text, self.width.saturating_sub(indent).max(20));
        for (index, line) in lines.iter().enumerate() {
            if index == 0 && !label.is_empty() {
                self.paint(label_paint, label);
                let used = label.len();
                self.out.push_str(&" ".repeat(indent.saturating_sub(used).max(1)));
            } else {
                self.out.push_str(&" ".repeat(indent));
            }
            self.paint(paint, line);
            self.out.push('\n');
        }
    }
}
