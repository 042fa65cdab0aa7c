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

/// What the words of the rungs come to.
const GROUPS: [(&str, &[&str]); 7] = [
    ("Proven", &["ok"]),
    ("Broken", &["FAULT"]),
    ("Degraded", &["DEGRADED"]),
    ("Also not well", &["also"]),
    ("Not blamed", &["not blamed"]),
    ("In doubt", &["suspect", "unknown"]),
    ("Not tested", &["not tested"]),
];

/// The whole ladder in a few words.
fn tally(rungs: &[&Rung]) -> String {
    let group = |(label, words): &(&str, &[&str])| {
        let mine = rungs.iter().filter(|rung| words.contains(&rung.word));
        let names = mine.map(|rung| rung.layer.name()).collect::<Vec<_>>().join(", ");
        (!names.is_empty()).then(|| format!("{label}: {names}."))
    };
    GROUPS.iter().filter_map(group).collect::<Vec<_>>().join(" ")
}

fn row(rung: &Rung) -> Markup {
    let mark = mark_of(rung);
    html! {
        li class={ "rung " (mark.class()) @if is_blamed(rung) { " blamed" } } {
            span.rail { (mark.sign()) }
            span.layer { (rung.layer) @if let Some(osi) = rung.layer.osi() { span.osi { " OSI " (osi) } } }
            span.word { (rung.word) }
            span.reason { (rung.reason) }
        }
    }
}

/// Whether the verdict blames this layer; what stands beside it is no more than a finding.
fn is_blamed(rung: &Rung) -> bool {
    rung.status == FindingStatus::Problem && rung.word != "also"
}

fn mark_of(rung: &Rung) -> Mark {
    match rung.status {
        FindingStatus::Ok => Mark::Good,
        FindingStatus::Problem if rung.word == "FAULT" => Mark::Bad,
        FindingStatus::Problem => Mark::Impaired,
        FindingStatus::Unknown => Mark::Doubt,
        FindingStatus::Skipped if rung.word == "suspect" => Mark::Doubt,
        FindingStatus::Skipped => Mark::Idle,
    }
}
