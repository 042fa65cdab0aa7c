//! Every observation, folded, with its facts and its evidence: what the verdict rests on first, then layer by layer.

use super::mark::Mark;
use super::{View, anchor, evidence};
use crate::layer::Layer;
use crate::observation::{Observation, Outcome, Skip};
use crate::report::content::seconds;
use maud::{Markup, html};
use serde_json::Value;
use std::collections::BTreeMap;

/// Bytes of markup for the details of all observations: with the rest of a page that leaves it under 300 KB.
const LARGEST: usize = 110_000;
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
    Some(html! {
        p.lead { "Open a line for its facts and evidence. All times count from the start of the run." }
        @if !cited.is_empty() {
            h3 { "What the verdict rests on" }
            @for (index, seen) in cited { (folded(index, seen, details.get(&index))) }
        }
        @for layer in Layer::ALL {
            @let mine: Vec<_> = others.iter().filter(|(_, seen)| seen.layer == layer).collect();
            @if !mine.is_empty() {
                h3 { (layer) }
                @for (index, seen) in mine { (folded(*index, seen, details.get(index))) }
            }
        }
        @if !skipped.is_empty() { (idle(&skipped)) }
        @if view.left_out > 0 { p.more { (view.left_out) " further observations are in packet.json." } }
    })
}

/// What stands inside each line, as far as there is room: what matters most comes first.
fn details(view: &View, looked: &[(usize, &Observation)]) -> BTreeMap<usize, Markup> {
    let excerpts = evidence::shown(view);
    let mut order = looked.to_vec();
    order.sort_by_key(|(index, seen)| {
        (!view.packet.verdict.because.contains(&seen.id), seen.outcome == Outcome::Ok, *index)
    });
    let mut used = 0;
    let mut details = BTreeMap::new();
    for (index, seen) in order {
        let facts = facts(seen);
        used += facts.0.len();
        let is_room = used <= LARGEST;
        details.insert(index, html! {
            @if is_room { (facts) } @else { p { "Its facts are in packet.json." } }
            @for name in &seen.evidence {
                @match excerpts.get(name.as_str()) {
                    Some(excerpt) => { (excerpt) }
                    None => { p { "Evidence: " span.id { "evidence/" (name) } " in the packet." } }
                }
            }
        });
    }
    details
}

fn folded(index: usize, seen: &Observation, inside: Option<&Markup>) -> Markup {
    let mark = Mark::of(seen.outcome);
    html! {
        details.seen id=(anchor(index)) {
            summary {
                (mark.sign()) span.hidden { (seen.outcome.name()) ": " }
                span.told { (seen.summary) } " " span.id { (seen.id) }
            }
            @if let Some(inside) = inside { (inside) }
        }
    }
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
        dl.idle {
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
