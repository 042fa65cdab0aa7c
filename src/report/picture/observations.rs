//! Every observation, folded, with its facts and its evidence: what the verdict rests on first, then layer by layer.

use super::bounds::Room;
use super::mark::Mark;
use super::{View, anchor, evidence};
use crate::layer::Layer;
use crate::observation::{Observation, Outcome, Skip};
use crate::report::content::seconds;
use maud::{Markup, html};
use serde_json::Value;
use std::collections::BTreeMap;

/// Bytes of markup for the facts of all observations, and for their lines.
const ROOM_FOR_FACTS: usize = 80_000;
const ROOM_FOR_LINES: usize = 60_000;
/// Facts of one observation that are shown; probes have up to forty.
const MOST_FACTS: usize = 60;

pub(super) fn draw(view: &View) -> Option<Markup> {
    let numbered: Vec<(usize, &Observation)> = view.packet.observations.iter().enumerate().collect();
    if numbered.is_empty() {
        return None;
    }
    let (skipped, looked): (Vec<_>, Vec<_>) =
        numbered.into_iter().partition(|(_, seen)| seen.outcome == Outcome::Skipped);
    let details = details(view, &looked);
    let (cited, others): (Vec<_>, Vec<_>) =
        looked.into_iter().partition(|(_, seen)| view.packet.verdict.because.contains(&seen.id));
    let mut room = Room::of(ROOM_FOR_LINES);
    let mut left_out = view.left_out;
    let mut lines = |group: Vec<(usize, &Observation)>| -> Vec<Line> {
        let all = group.len();
        let shown: Vec<Line> = group
            .into_iter()
            .filter_map(|(index, seen)| Some(Line { index, summary: room.take(summary(seen))? }))
            .collect();
        left_out += all - shown.len();
        shown
    };
    let of_layer = |layer: Layer| others.iter().filter(move |(_, seen)| seen.layer == layer).copied().collect();
    let mut groups = vec![("What the verdict rests on", lines(cited))];
    groups.extend(Layer::ALL.into_iter().map(|layer| (layer.name(), lines(of_layer(layer)))));
    Some(html! {
        p.lead { "Open a line for its facts and evidence. All times count from the start of the run." }
        @for (title, lines) in groups.iter().filter(|(_, lines)| !lines.is_empty()) {
            h3 { (title) }
            @for line in lines {
                details.seen id=(anchor(line.index)) {
                    (line.summary)
                    @if let Some(inside) = details.get(&line.index) { (inside) }
                }
            }
        }
        @if !skipped.is_empty() { (idle(&skipped)) }
        @if left_out > 0 { p.more { (left_out) " further observations are in packet.json." } }
    })
}

/// An observation before it is opened.
struct Line {
    index: usize,
    summary: Markup,
}

fn summary(seen: &Observation) -> Markup {
    html! {
        summary {
            (Mark::of(seen.outcome).sign()) span.hidden { (seen.outcome.name()) ": " }
            span.told { (seen.summary) } " " span.id { (seen.id) }
        }
    }
}

/// What stands inside each line, as far as there is room: what matters most comes first.
fn details(view: &View, looked: &[(usize, &Observation)]) -> BTreeMap<usize, Markup> {
    let excerpts = evidence::shown(view);
    let mut order = looked.to_vec();
    order.sort_by_key(|(index, seen)| {
        (!view.packet.verdict.because.contains(&seen.id), seen.outcome == Outcome::Ok, *index)
    });
    let mut room = Room::of(ROOM_FOR_FACTS);
    let inside = |seen: &Observation, facts: Option<Markup>| {
        html! {
            @match facts {
                Some(facts) => { (facts) }
                None => { p { "Its facts are in packet.json." } }
            }
            @for name in &seen.evidence {
                @match excerpts.get(name.as_str()) {
                    Some(excerpt) => { (excerpt) }
                    None => { p { "Evidence: " span.id { "evidence/" (name) } " in the packet." } }
                }
            }
        }
    };
    order.into_iter().map(|(index, seen)| (index, inside(seen, room.take(facts(seen))))).collect()
}

/// What is known of it beside its sentence: how it was seen, which way, and the typed facts.
fn facts(seen: &Observation) -> Markup {
    let certainty = seen.certainty.map(|certainty| format!(", {}", certainty.name()));
    let codes: Vec<&str> = seen.codes().map(|code| code.word()).collect();
    let user = Some(seen.context.user.as_str()).filter(|user| !user.is_empty());
    let more = seen.facts.len().saturating_sub(MOST_FACTS);
    html! {
        dl.facts {
            div { dt { "outcome" } dd { (seen.outcome.name()) (certainty.unwrap_or_default()) } }
            @if !codes.is_empty() { div { dt { "code" } dd { (codes.join(", ")) } } }
            @if let Some(reason) = &seen.reason { div { dt { "reason" } dd { (reason) } } }
            div { dt { "time" } dd { "began after " (seconds(seen.started_ms)) ", took " (seconds(seen.took_ms)) } }
            @for (name, value) in seen.via.elements() { div { dt { "via " (name) } dd { (value) } } }
            @if let Some(user) = user { div { dt { "seen as" } dd { (user) } } }
            @for (name, value) in seen.facts.iter().take(MOST_FACTS) { div { dt { (name) } dd { (text(value)) } } }
            @if more > 0 { div { dt { "and" } dd { (more) " more facts in packet.json" } } }
        }
    }
}

/// A fact as people read it: a list of plain values in a row, the rest as it is stored.
fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) if items.iter().all(|item| !item.is_array() && !item.is_object()) => {
            items.iter().map(text).collect::<Vec<_>>().join(", ")
        }
        other => other.to_string(),
    }
}

/// What was not looked at, by its reason.
fn idle(skipped: &[(usize, &Observation)]) -> Markup {
    let mut reasons: Vec<(String, Vec<(usize, &Observation)>)> = Vec::new();
    for (index, seen) in skipped {
        let reason = why(seen);
        match reasons.iter_mut().find(|(known, _)| *known == reason) {
            Some((_, mine)) => mine.push((*index, seen)),
            None => reasons.push((reason, vec![(*index, seen)])),
        }
    }
    html! {
        h3 { "Not looked at" }
        dl.unseen {
            @for (reason, mine) in reasons {
                div {
                    dt { (reason) }
                    dd { @for (index, seen) in mine { span.id id=(anchor(index)) { (seen.id) } " " } }
                }
            }
        }
    }
}

fn why(seen: &Observation) -> String {
    match &seen.skip {
        Some(Skip::NotNeeded) => "not needed for the verdict".to_owned(),
        Some(Skip::Because(check)) => format!("because of {check}"),
        Some(Skip::NeedsRight(right)) => format!("needs {right}"),
        Some(Skip::RefusedByPerson) => "nobody wanted to answer".to_owned(),
        None => seen.summary.clone(),
    }
}
