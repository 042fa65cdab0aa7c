//! What the machine recorded as changed, beside the fault: the newest first, those of the blamed layer marked.

use super::scale::percent;
use super::{View, status_mark};
use crate::layer::Layer;
use crate::report::content::{moment, status_word};
use jiff::Timestamp;
use maud::{Markup, html};

/// Changes shown at once; the rest is folded.
const AT_ONCE: usize = 8;
/// Changes shown at all.
const MOST: usize = 60;

/// The marks of the axis, in seconds before the run: equal distances for equal factors, because what changed an hour ago
/// and what changed a month ago should both be seen.
const AGES: [(f64, &str); 6] = [
    (60.0, "1 min"),
    (3_600.0, "1 h"),
    (86_400.0, "1 day"),
    (604_800.0, "1 week"),
    (2_592_000.0, "1 month"),
    (31_536_000.0, "1 year"),
];

/// One change and how long before the run it was.
struct Event<'a> {
    /// RFC 3339 in UTC.
    time: &'a str,
    what: &'a str,
    layer: Option<Layer>,
    /// Seconds; none where a time cannot be read.
    age: Option<f64>,
    /// It touches the layer that the verdict blames.
    blamed: bool,
}

pub(super) fn draw(view: &View) -> Option<Markup> {
    let run: Option<Timestamp> = view.packet.run.started.parse().ok();
    let blamed = view.packet.verdict.layer.filter(|_| view.blames());
    let mut events: Vec<Event<'_>> = view
        .packet
        .changes
        .iter()
        .map(|change| Event {
            time: &change.time,
            what: &change.what,
            layer: change.layer,
            age: run
                .zip(change.time.parse().ok())
                .map(|(run, then): (_, Timestamp)| run.duration_since(then).as_secs_f64()),
            blamed: blamed.is_some() && change.layer == blamed,
        })
        .collect();
    if events.is_empty() {
        return None;
    }
    events.sort_by(|left, right| right.time.cmp(left.time));
    let more = events.len().saturating_sub(MOST);
    let suspicious = events.iter().filter(|event| event.blamed).count();
    let (first, rest) = events.split_at(events.len().min(AT_ONCE));
    Some(html! {
        p.lead {
            "What this machine recorded, newest first. "
            @if let Some(layer) = blamed {
                @match suspicious {
                    0 => { "Nothing of it is known to touch " (layer) "." }
                    1 => { strong { "One change touches " (layer) "." } }
                    _ => { strong { (suspicious) " changes touch " (layer) "." } }
                }
            }
        }
        (axis(view, &events))
        ol.timeline {
            li class={ "now " (status_mark(view.content.status).class()) } {
                span.when { (moment(&view.packet.run.started)) } span.what { "This run: " (status_word(view.content.status)) }
            }
            @for event in first { (row(event)) }
        }
        @if !rest.is_empty() {
            details.more {
                summary { (rest.len().min(MOST - AT_ONCE)) " earlier changes" }
                ol.timeline { @for event in rest.iter().take(MOST - AT_ONCE) { (row(event)) } }
                @if more > 0 { p { (more) " more are in packet.json." } }
            }
        }
    })
}

fn row(event: &Event<'_>) -> Markup {
    html! {
        li.blamed[event.blamed] {
            span.when { (moment(event.time)) @if let Some(age) = event.age { span.age { (before(age)) } } }
            span.what {
                (event.what)
                @if let Some(layer) = event.layer { " " span.tag { (layer) @if event.blamed { ", as the fault" } } }
            }
        }
    }
}

/// How long before the run, in the largest unit that fits.
fn before(seconds: f64) -> String {
    let units = [(86_400.0, "d"), (3_600.0, "h"), (60.0, "min")];
    let (size, unit) = units.into_iter().find(|(size, _)| seconds.abs() >= *size).unwrap_or((1.0, "s"));
    let count = (seconds.abs() / size).floor();
    let side = if seconds < 0.0 { "after the run began" } else { "before" };
    format!("{count} {unit} {side}")
}

/// All changes on one line, the run at the right.
fn axis(view: &View, events: &[Event<'_>]) -> Markup {
    let ages: Vec<f64> = events.iter().filter_map(|event| event.age).map(|age| age.max(1.0)).collect();
    let Some(oldest) = ages.iter().copied().reduce(f64::max) else { return html! {} };
    let nearest = AGES[0].0;
    let furthest = oldest.max(3_600.0) * 1.3;
    let at = |age: f64| 96.0 - 92.0 * ((age.max(nearest) / nearest).ln() / (furthest / nearest).ln()).clamp(0.0, 1.0);
    let count = ages.len();
    html! {
        svg.ages width="100%" height="52" role="img" aria-labelledby="ages-name ages-about" {
            title id="ages-name" { "Changes before the run" }
            desc id="ages-about" { (count) " changes; the oldest " (before(oldest)) " the run. They are listed below." }
            line.base x1="0" x2="100%" y1="22" y2="22" {}
            @for (age, label) in AGES.into_iter().filter(|(age, _)| *age <= furthest) {
                line.grid x1=(percent(at(age))) x2=(percent(at(age))) y1="18" y2="30" {}
                text x=(percent(at(age))) y="46" text-anchor=(if at(age) > 90.0 { "end" } else { "middle" }) { (label) }
            }
            @for event in events.iter().rev() {
                @if let Some(age) = event.age {
                    circle.blamed[event.blamed] cx=(percent(at(age))) cy="22" r=(if event.blamed { 6 } else { 4 }) {}
                }
            }
            rect class={ "now " (status_mark(view.content.status).class()) } x="99%" y="8" width="4" height="28" rx="2" {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_are_told_in_the_largest_unit() {
        let cases = [
            (5.0, "5 s before"),
            (7_300.0, "2 h before"),
            (200_000.0, "2 d before"),
            (-90.0, "1 min after the run began"),
        ];
        for (seconds, expected) in cases {
            assert_eq!(before(seconds), expected);
        }
    }
}
