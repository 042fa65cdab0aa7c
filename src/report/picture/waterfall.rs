//! The checks in time: what ran beside what, what was waited for, and when it was first suspected and decided.

use super::mark::Mark;
use super::scale::{Scale, percent, upright};
use super::{View, anchor};
use crate::observation::{Observation, Outcome};
use crate::report::content::seconds;
use maud::{Markup, html};

/// Rows; a run makes some thirty observations that look at something.
const MOST_ROWS: usize = 80;

pub(super) fn draw(view: &View) -> Option<Markup> {
    let mut rows: Vec<(usize, &Observation)> =
        view.packet.observations.iter().enumerate().filter(|(_, seen)| took_part(seen)).collect();
    rows.sort_by_key(|(_, seen)| (seen.started_ms, seen.started_ms.saturating_add(seen.took_ms)));
    let end = rows.iter().map(|(_, seen)| seen.started_ms.saturating_add(seen.took_ms)).max()?;
    let scale = Scale::from_zero(end.max(view.packet.run.took_ms) as f64);
    let instants = instants(view);
    let more = rows.len().saturating_sub(MOST_ROWS);
    let idle = view.packet.observations.len() - rows.len();
    Some(html! {
        p.lead {
            "Checks run side by side as soon as what they need is known."
            @for (label, class, at) in &instants {
                span.instant { svg.swatch width="10" height="12" aria-hidden="true" { (upright(50.0, class)) } (label) " after " (seconds(*at)) }
            }
        }
        table.lanes {
            caption.hidden { "Checks in the order in which they began" }
            thead {
                tr { th scope="col" { span.hidden { "Observation" } } th scope="col" { span.hidden { "When" } (scale.axis()) }
                     th scope="col" { span.hidden { "Took" } } }
            }
            tbody {
                @for (index, seen) in rows.iter().take(MOST_ROWS) {
                    tr {
                        th scope="row" {
                            a.id href={ "#" (anchor(*index)) } { (seen.id) }
                            span.hidden { ": " (seen.outcome.name()) ", began after " (seconds(seen.started_ms)) }
                        }
                        td { (lane(seen, &scale, &instants)) }
                        td.number { (seconds(seen.took_ms)) }
                    }
                }
            }
        }
        p.more {
            @if more > 0 { (more) " further rows are in packet.json. " }
            @if idle > 0 { (idle) " observations took no time, most of them of checks that were not needed." }
        }
    })
}

fn took_part(seen: &Observation) -> bool {
    seen.outcome != Outcome::Skipped && seen.started_ms.saturating_add(seen.took_ms) > 0
}

/// Moments that matter, as label, class and milliseconds.
fn instants(view: &View) -> Vec<(&'static str, &'static str, u64)> {
    let run = &view.packet.run;
    if !view.blames() {
        return Vec::new();
    }
    let suspected = run.suspected_ms.map(|at| ("first suspected", "suspected", at));
    let decided = run.decided_ms.map(|at| ("decided", "decided", at));
    suspected.into_iter().chain(decided).collect()
}

/// One bar; a hair wide where it took next to no time.
fn lane(seen: &Observation, scale: &Scale, instants: &[(&str, &'static str, u64)]) -> Markup {
    let start = scale.at(seen.started_ms as f64);
    let width = scale.at(seen.started_ms.saturating_add(seen.took_ms) as f64) - start;
    let class = Mark::of(seen.outcome).class();
    html! {
        svg.lane width="100%" height="18" aria-hidden="true" {
            (scale.grid())
            @for (_, line, at) in instants { (upright(scale.at(*at as f64), line)) }
            rect class=(class) x=(percent(start.min(99.0))) y="4" width="3" height="10" rx="1.5" {}
            rect class=(class) x=(percent(start)) y="4" width=(percent(width)) height="10" rx="2" {}
        }
    }
}
