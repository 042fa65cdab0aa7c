//! The ladder of layers, from the cable up: what is proven, where it breaks, what nobody looked at.

use super::View;
use super::mark::Mark;
use crate::diagnosis::verdict::FindingStatus;
use crate::layer::Layer;
use crate::report::content::Rung;
use maud::{Markup, html};

pub(super) fn draw(view: &View) -> Option<Markup> {
    let (beside, rungs): (Vec<&Rung>, Vec<&Rung>) =
        view.content.ladder.iter().partition(|rung| matches!(rung.layer, Layer::Process | Layer::Host));
    if rungs.is_empty() && beside.is_empty() {
        return None;
    }
    Some(html! {
        p.lead { "From the cable up to the program: each layer stands on those above it in this list. " (tally(&rungs)) }
        ol.ladder { @for rung in rungs { (row(rung)) } }
        @if !beside.is_empty() {
            h3 { "Beside the ladder" }
            ul.ladder.beside { @for rung in beside { (row(rung)) } }
        }
    })
}

/// The whole ladder in one sentence.
fn tally(rungs: &[&Rung]) -> String {
    let of = |mark: Mark| rungs.iter().filter(move |rung| mark_of(rung) == mark).map(|rung| rung.layer.name());
    let part = |label: &str, mark: Mark| {
        let names = of(mark).collect::<Vec<_>>().join(", ");
        (!names.is_empty()).then(|| format!("{label}: {names}."))
    };
    let parts = [
        part("Proven", Mark::Good),
        part("Broken", Mark::Bad),
        part("In doubt", Mark::Doubt),
        part("Not looked at", Mark::Idle),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(" ")
}

fn row(rung: &Rung) -> Markup {
    let mark = mark_of(rung);
    html! {
        li class={ "rung " (mark.class()) } {
            span.rail { (mark.sign()) }
            span.layer { (rung.layer) @if let Some(osi) = rung.layer.osi() { span.osi { " OSI " (osi) } } }
            span.word { (rung.word) }
            span.reason { (rung.reason) }
        }
    }
}

pub(super) fn mark_of(rung: &Rung) -> Mark {
    match rung.status {
        FindingStatus::Ok => Mark::Good,
        FindingStatus::Problem if rung.word == "FAULT" => Mark::Bad,
        FindingStatus::Problem | FindingStatus::Unknown => Mark::Doubt,
        FindingStatus::Skipped if rung.word == "suspect" => Mark::Doubt,
        FindingStatus::Skipped => Mark::Idle,
    }
}
