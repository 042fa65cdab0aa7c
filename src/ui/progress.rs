//! The progress line on standard error: one spinner that says how far the halving is and what is asked right now.
//! Hidden where standard error is no terminal.

use crate::diagnosis::verdict::Verdict;
use crate::observation::Observation;
use crate::packet::redact::mask;
use crate::playbook::Check;
use crate::run::Watcher;
use crate::ui::{escape, shorten};
use crossterm::cursor::MoveToColumn;
use crossterm::terminal::{Clear, ClearType};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::time::Duration;

/// Fast enough to look alive, slow enough to cost nothing.
const TICK: Duration = Duration::from_millis(120);
/// A run that ends sooner than this would only make the line flicker.
const LONGEST_LABEL: usize = 60;

/// The line. Cheap to clone: clones draw the same line.
#[derive(Clone)]
pub struct Progress {
    bar: ProgressBar,
}

impl Progress {
    /// A line on standard error, or a hidden one.
    pub fn new(visible: bool) -> Self {
        if !visible {
            return Progress { bar: ProgressBar::hidden() };
        }
        let bar = ProgressBar::new_spinner();
        bar.set_draw_target(ProgressDrawTarget::stderr());
        if let Ok(style) = ProgressStyle::with_template("{spinner} {wide_msg}") {
            bar.set_style(style.tick_chars("-\\|/ "));
        }
        bar.enable_steady_tick(TICK);
        Progress { bar }
    }

    /// Says something.
    pub fn say(&self, text: String) {
        self.bar.set_message(text);
    }

    /// Makes room for a question. (`suspend` would hold the line's lock while the person thinks, and the run with it.)
    pub fn pause(&self) {
        self.bar.disable_steady_tick();
        let was_drawn = !self.bar.is_hidden();
        self.bar.set_draw_target(ProgressDrawTarget::hidden());
        if was_drawn {
            // Else the line stays above the question as it was drawn last.
            let _ = crossterm::execute!(std::io::stderr(), MoveToColumn(0), Clear(ClearType::CurrentLine));
        }
    }

    /// Draws again.
    pub fn resume(&self) {
        self.bar.set_draw_target(ProgressDrawTarget::stderr());
        self.bar.enable_steady_tick(TICK);
    }

    /// Removes the line.
    pub fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

/// Feeds the line from a run.
pub struct ProgressWatcher {
    progress: Progress,
    available: usize,
    done: RefCell<BTreeSet<String>>,
    board: Cell<Option<(usize, usize)>>,
    now: RefCell<String>,
}

impl ProgressWatcher {
    /// For a run of `available` checks.
    pub fn new(progress: Progress, available: usize) -> Self {
        let now = RefCell::new("starting".to_owned());
        ProgressWatcher { progress, available, done: RefCell::default(), board: Cell::new(None), now }
    }

    fn draw(&self) {
        let board = match self.board.get() {
            Some((standing, of)) => format!(", {of} -> {standing} {}", plural(standing, "suspect")),
            None => String::new(),
        };
        let done = self.done.borrow().len();
        self.progress.say(format!("{done} of {} checks{board}, {} ...", self.available, self.now.borrow()));
    }
}

impl Watcher for ProgressWatcher {
    fn started(&self, check: &Check) {
        let label = check.title.clone().unwrap_or_else(|| format!("{} ({})", check.id, check.probe));
        *self.now.borrow_mut() = escape(&shorten(&label, LONGEST_LABEL)).into_owned();
        self.draw();
    }

    fn observed(&self, observation: &Observation) {
        self.done.borrow_mut().insert(observation.check.clone());
        self.draw();
    }

    fn suspects(&self, standing: usize, of: usize) {
        // A later look may bring a suspect back; a number that rises again would only puzzle.
        let least = self.board.get().map_or(standing, |(before, _)| before.min(standing));
        self.board.set(Some((least, of)));
        self.draw();
    }

    fn suspected(&self, verdict: &Verdict) {
        *self.now.borrow_mut() = format!("suspected: {}", escape(&shorten(&mask(&verdict.title), LONGEST_LABEL)));
        self.draw();
    }
}

fn plural(count: usize, word: &str) -> String {
    if count == 1 { word.to_owned() } else { format!("{word}s") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layer::Layer;
    use crate::observation::Outcome;

    #[test]
    fn says_how_far_it_is() {
        let progress = Progress::new(false);
        let watcher = ProgressWatcher::new(progress.clone(), 31);
        let seen =
            |check: &str| Observation::new("dns", Layer::Dns, check, Some("10.8.0.1"), Outcome::Ok, String::new());
        watcher.observed(&seen("resolver"));
        watcher.observed(&seen("resolver"));
        watcher.suspects(3, 34);
        assert_eq!(progress.bar.message(), "1 of 31 checks, 34 -> 3 suspects, starting ...");
    }
}
