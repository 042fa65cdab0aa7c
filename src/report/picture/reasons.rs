//! Why: what the verdict rests on, what is ruled out and by what, and what is still open.

use super::View;
use super::mark::Mark;
use crate::diagnosis::verdict::{RuledOut, Status};
use crate::layer::Layer;
use maud::{Markup, html};

/// Observations named for each thing that is ruled out; the rest is counted.
const PROOFS_NAMED: usize = 4;

pub(super) fn draw(view: &View) -> Option<Markup> {
    let content = &view.content;
    let lists = [
        ("Suspects still open", &content.suspects),
        ("Not tested", &content.not_tested),
        ("Also found", &content.also),
        ("Notes", &content.notes),
        ("Warnings of the run", &content.warnings),
    ];
    let ruled_out = ruled_out(&view.packet.verdict.ruled_out);
    let is_healthy = content.status == Status::Healthy;
    let nothing = view.packet.verdict.because.is_empty() && ruled_out.is_empty();
    if nothing && lists.iter().all(|(_, texts)| texts.is_empty()) {
        return None;
    }
    Some(html! {
        div.reasons {
            @if !view.packet.verdict.because.is_empty() {
                div.because { h3 { @if is_healthy { "Shown by" } @else { "Because" } } (because(view)) }
            }
            @if !ruled_out.is_empty() {
                div { h3 { "Ruled out" } ul { @for group in &ruled_out { li { (cleared(view, group)) } } } }
            }
            @for (label, texts) in lists.into_iter().filter(|(_, texts)| !texts.is_empty()) {
                div { h3 { (label) } ul { @for text in texts { li { (text) } } } }
            }
        }
    })
}

fn because(view: &View) -> Markup {
    html! {
        ul.cited {
            @for id in &view.packet.verdict.because {
                @let seen = view.find(id);
                li {
                    @if let Some(seen) = seen { (Mark::of(seen.outcome).sign()) (seen.summary) " " }
                    (view.cite(id))
                }
            }
        }
    }
}

/// Layers, and the observations that clear them all.
type Cleared<'a> = (Vec<Layer>, &'a [String]);

/// Layers that the same observations clear stand together.
fn ruled_out(ruled_out: &[RuledOut]) -> Vec<Cleared<'_>> {
    let mut groups: Vec<Cleared<'_>> = Vec::new();
    for entry in ruled_out {
        match groups.iter_mut().find(|(_, by)| *by == entry.by.as_slice()) {
            Some((layers, _)) => layers.push(entry.layer),
            None => groups.push((vec![entry.layer], &entry.by)),
        }
    }
    groups
}

fn cleared(view: &View, (layers, by): &Cleared<'_>) -> Markup {
    let names = layers.iter().map(|layer| layer.name()).collect::<Vec<_>>().join(", ");
    let more = by.len().saturating_sub(PROOFS_NAMED);
    html! {
        strong { (names) } " by "
        @for (index, id) in by.iter().take(PROOFS_NAMED).enumerate() { @if index > 0 { ", " } (view.cite(id)) }
        @if more > 0 { " and " (more) " more" }
    }
}
