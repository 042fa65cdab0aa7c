//! What works and what does not: the places of the way against the layers, beside what people said of other devices and
//! networks. Where one column holds both words, the difference is what to look at.

use super::View;
use super::mark::Mark;
use super::places::{Kind, Place, places};
use crate::layer::Layer;
use crate::observation::Outcome;
use crate::packet::case::Elsewhere;
use maud::{Markup, html};

/// What a comparison can be about: what is this machine's own affair differs from place to place for no reason.
const LAYERS: [Layer; 8] = [
    Layer::Route,
    Layer::Path,
    Layer::Dns,
    Layer::Proxy,
    Layer::Transport,
    Layer::Tls,
    Layer::Http,
    Layer::Application,
];

pub(super) fn draw(view: &View) -> Option<Markup> {
    let places = places(&view.packet);
    let is_seen = |place: &Place<'_>, layer: Layer| cell(place, layer).is_some();
    let rows: Vec<&Place<'_>> =
        places.iter().filter(|place| LAYERS.into_iter().any(|layer| is_seen(place, layer))).collect();
    let columns: Vec<Layer> =
        LAYERS.into_iter().filter(|layer| rows.iter().any(|place| is_seen(place, *layer))).collect();
    let said = said(view);
    if rows.len() < 2 && said.is_empty() {
        return None;
    }
    Some(html! {
        @if rows.len() > 1 {
            div.wide tabindex="0" role="group" aria-label="Places against layers, may scroll sideways" {
                table.matrix {
                    caption.hidden { "Which place works on which layer" }
                    thead { tr { th scope="col" { "Place" } @for layer in &columns { th scope="col" { (layer) } } } }
                    tbody {
                        @for place in rows {
                            tr {
                                th scope="row" { (label(place)) }
                                @for layer in &columns { td { (cell(place, *layer).unwrap_or_else(blank)) } }
                            }
                        }
                    }
                }
            }
        }
        @if !said.is_empty() {
            dl.said { @for (where_, answer) in said { div { dt { (where_) } dd { (answer) } } } }
        }
    })
}

fn label(place: &Place<'_>) -> Markup {
    html! {
        span.kind { (place.kind.word()) } " "
        @if place.kind == Kind::Elsewhere { span.id { (place.detail) } } @else { span.id { (place.name) } }
    }
}

/// What was seen of a place on one layer; none where nobody looked.
fn cell(place: &Place<'_>, layer: Layer) -> Option<Markup> {
    // What went through a gateway proves it and is told of whoever answered.
    if place.kind == Kind::Gateway && layer > Layer::Path {
        return None;
    }
    let any = |outcome: Outcome| place.seen.iter().any(|seen| seen.layer == layer && seen.outcome == outcome);
    match (any(Outcome::Ok), any(Outcome::Problem)) {
        (true, true) => Some(Mark::Impaired.pill("both")),
        (true, false) => Some(Mark::Good.pill("works")),
        (false, true) => Some(Mark::Bad.pill("fails")),
        (false, false) => None,
    }
}

fn blank() -> Markup {
    html! { span.blank { "not seen" } }
}

/// What people said of elsewhere.
fn said(view: &View) -> Vec<(&'static str, Markup)> {
    let case = &view.packet.case;
    let told = |elsewhere: Elsewhere| match elsewhere {
        Elsewhere::Works => Mark::Good.pill("works"),
        Elsewhere::Fails => Mark::Bad.pill("fails"),
    };
    let rows = [
        ("On another device in this network, people say", case.other_device.map(told)),
        ("For another account on this machine, people say", case.other_account.map(told)),
        ("From another network, people say", case.other_network.map(told)),
    ];
    rows.into_iter().filter_map(|(label, answer)| Some((label, answer?))).collect()
}
