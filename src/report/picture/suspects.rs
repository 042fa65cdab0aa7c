//! How the suspects fell: every cause of the playbook is one at first, and each observation strikes some out.

use super::scale::percent;
use super::{View, status_mark};
use crate::diagnosis::verdict::BoardStep;
use crate::ui::shorten;
use maud::{Markup, html};

/// Steps shown; a run has ten to twenty.
const MOST_STEPS: usize = 24;
/// Characters of what was seen; the observation itself is a link away.
const LONGEST: usize = 110;

pub(super) fn draw(view: &View) -> Option<Markup> {
    let steps = falling(&view.packet.board);
    let first = steps.first()?.suspects;
    // Where nothing is wrong nobody is suspected.
    if view.content.board.is_empty() || steps.len() < 2 {
        return None;
    }
    let last = steps.len() - 1;
    let skipped = steps.len().saturating_sub(MOST_STEPS);
    Some(html! {
        p.lead {
            "The playbook knows " (first) " causes. Each observation strikes out those that it contradicts: "
            strong { (view.content.board.replace("->", "→")) } "."
        }
        ol.fall {
            @for (index, step) in steps.iter().enumerate().filter(|(index, _)| *index == 0 || *index > skipped) {
                li {
                    span.count { (step.suspects) }
                    svg class={ "bar " @if index == last { (status_mark(view.content.status).class()) } }
                        width="100%" height="14" aria-hidden="true" {
                        rect.struck width=(share(steps[index.saturating_sub(1)].suspects, first)) height="14" rx="3" {}
                        rect.left width=(share(step.suspects, first)) height="14" rx="3" {}
                    }
                    span.by { (by(view, step)) }
                }
            }
        }
        @if skipped > 0 { p.more { (skipped) " steps between the first and the second line are in packet.json." } }
    })
}

fn share(count: usize, of: usize) -> String {
    percent(count as f64 * 100.0 / of.max(1) as f64)
}

/// The board as people read it: a later look may bring a suspect back, and that is no step down.
fn falling(board: &[BoardStep]) -> Vec<&BoardStep> {
    let mut least = usize::MAX;
    let lower = |step: &&BoardStep| {
        let falls = step.suspects < least;
        least = least.min(step.suspects);
        falls
    };
    board.iter().filter(lower).collect()
}

/// What struck them out.
fn by(view: &View, step: &BoardStep) -> Markup {
    if step.after.is_empty() {
        return html! { "all causes of the playbook" };
    }
    html! {
        (view.cite(&step.after))
        @if let Some(seen) = view.find(&step.after) { " " (shorten(&seen.summary, LONGEST)) }
    }
}
