//! How something stands, as a colour and a shape. The word always stands beside it.

use crate::observation::Outcome;
use maud::{Markup, html};

/// The ways to stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mark {
    /// Proven to work.
    Good,
    /// Does not work.
    Bad,
    /// Works badly, or in part.
    Impaired,
    /// Cannot be said.
    Doubt,
    /// Not looked at.
    Idle,
}

impl Mark {
    pub fn of(outcome: Outcome) -> Mark {
        match outcome {
            Outcome::Ok => Mark::Good,
            Outcome::Problem => Mark::Bad,
            Outcome::Unknown => Mark::Doubt,
            Outcome::Skipped => Mark::Idle,
        }
    }

    /// The class that gives it its colours.
    pub fn class(self) -> &'static str {
        match self {
            Mark::Good => "good",
            Mark::Bad => "bad",
            Mark::Impaired | Mark::Doubt => "doubt",
            Mark::Idle => "idle",
        }
    }

    /// The shape, in the middle of a box of 16 by 16.
    fn path(self) -> &'static str {
        match self {
            Mark::Good => "M4.6 8.3l2.3 2.3 4.6-5",
            Mark::Bad => "M5.2 5.2l5.6 5.6M10.8 5.2l-5.6 5.6",
            Mark::Impaired => "M8 4.4v4.2M8 11.4v.1",
            Mark::Doubt => "M6 6.2a2 2 0 1 1 2.9 1.7c-.6.3-.9.7-.9 1.3M8 11.4v.1",
            Mark::Idle => "M5.2 8h5.6",
        }
    }

    fn id(self) -> &'static str {
        match self {
            Mark::Good => "mark-good",
            Mark::Bad => "mark-bad",
            Mark::Impaired => "mark-impaired",
            Mark::Doubt => "mark-doubt",
            Mark::Idle => "mark-idle",
        }
    }

    /// The shape on its disc. Readers of the screen are spared it.
    pub fn sign(self) -> Markup {
        html! {
            svg class={ "sign " (self.class()) } viewBox="0 0 16 16" aria-hidden="true" { use href={ "#" (self.id()) } {} }
        }
    }

    /// The same inside another drawing, around a point.
    pub fn sign_at(self, x: u32, y: u32) -> Markup {
        const SIZE: u32 = 22;
        let (left, top) = (x.saturating_sub(SIZE / 2), y.saturating_sub(SIZE / 2));
        html! {
            use class={ "sign " (self.class()) } href={ "#" (self.id()) } x=(left) y=(top) width=(SIZE) height=(SIZE) {}
        }
    }

    /// A word in its colours.
    pub fn pill(self, word: &str) -> Markup {
        html! { span class={ "pill " (self.class()) } { (self.sign()) (word) } }
    }
}

/// The shapes, once for the whole page.
pub(super) fn symbols() -> Markup {
    html! {
        svg.symbols width="0" height="0" aria-hidden="true" {
            @for mark in [Mark::Good, Mark::Bad, Mark::Impaired, Mark::Doubt, Mark::Idle] {
                symbol id=(mark.id()) viewBox="0 0 16 16" {
                    circle.disc cx="8" cy="8" r="7.5" {}
                    path.shape d=(mark.path()) {}
                }
            }
        }
    }
}
