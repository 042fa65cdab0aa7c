//! `report.html`: the whole packet as one page that opens anywhere by double click. It has no scripts and asks nobody for
//! anything; a content policy inside the page holds it to that. Every mark stands beside its word, so that neither colour
//! nor sight is needed, and every text reflows down to 320 pixels.
//!
//! Texts from strangers pass two doors: `maud` escapes whatever is put into the page, and the finished page goes through
//! `ui::escape_lines` once, so that no character survives that hides or reorders what is read. `bounds` keeps what a
//! stranger writes from making the page large.

mod bounds;
mod changes;
mod evidence;
mod ladder;
mod map;
mod mark;
mod matrix;
mod observations;
mod places;
mod reasons;
mod scale;
mod suspects;
mod timing;
mod verdict;
mod waterfall;

use super::Style;
use super::content::{Content, moment};
use crate::diagnosis::verdict::Status;
use crate::observation::{Observation, Outcome};
use crate::packet::Packet;
use crate::ui::escape_lines;
use base64::prelude::{BASE64_STANDARD, Engine};
use mark::Mark;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use sha2::{Digest, Sha256};

const STYLE: &str = include_str!("style.css");

/// One part of the page below the verdict.
struct Part {
    /// Its anchor.
    id: &'static str,
    title: &'static str,
    /// Draws it; none where the packet holds nothing for it.
    draw: fn(&View) -> Option<Markup>,
}

/// Every part, in the order in which questions arise: where, how far, why, how that was found, what changed, the proof.
const PARTS: &[Part] = &[
    Part { id: "ladder", title: "The ladder", draw: ladder::draw },
    Part { id: "map", title: "The way", draw: map::draw },
    Part { id: "reasons", title: "Why", draw: reasons::draw },
    Part { id: "changes", title: "What changed", draw: changes::draw },
    Part { id: "matrix", title: "What works and what does not", draw: matrix::draw },
    Part { id: "suspects", title: "How the suspects fell", draw: suspects::draw },
    Part { id: "waterfall", title: "The checks in time", draw: waterfall::draw },
    Part { id: "timing", title: "Delay and loss", draw: timing::draw },
    Part { id: "observations", title: "Everything that was seen", draw: observations::draw },
];

/// What every part draws from.
struct View {
    /// The packet, bounded.
    packet: Packet,
    /// The packet in words, as all reports use them.
    content: Content,
    /// Observations that the bounds left out.
    left_out: usize,
}

impl View {
    fn of(packet: &Packet) -> View {
        let left_out = packet.observations.len().saturating_sub(bounds::MOST_ITEMS);
        let packet = bounds::bounded(packet);
        View { content: Content::of(&packet), packet, left_out }
    }

    /// The observation with this id, as a link to where it stands in full.
    fn cite(&self, id: &str) -> Markup {
        match self.packet.observations.iter().position(|seen| seen.id == id) {
            Some(index) => html! { a.id href={ "#" (anchor(index)) } { (id) } },
            None => html! { span.id { (id) } },
        }
    }

    fn find(&self, id: &str) -> Option<&Observation> {
        self.packet.observations.iter().find(|seen| seen.id == id)
    }

    /// The observations that looked at something.
    fn looked(&self) -> impl Iterator<Item = &Observation> {
        self.packet.observations.iter().filter(|seen| seen.outcome != Outcome::Skipped)
    }

    /// Whether the verdict blames something.
    fn blames(&self) -> bool {
        matches!(self.content.status, Status::Fault | Status::Degraded)
    }
}

fn anchor(index: usize) -> String {
    format!("seen-{index}")
}

pub(super) fn render(packet: &Packet, _: &Style) -> String {
    let view = View::of(packet);
    let parts: Vec<(&Part, Markup)> = PARTS.iter().filter_map(|part| Some((part, (part.draw)(&view)?))).collect();
    let content = &view.content;
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(policy());
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="referrer" content="no-referrer";
                meta name="color-scheme" content="light dark";
                title { (content.heading) ": " (content.title) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                a.skip href="#main" { "Skip to the verdict" }
                (mark::symbols())
                (banner(&view.packet))
                main id="main" {
                    (verdict::draw(&view))
                    nav.contents aria-label="Parts of this report" {
                        @for (part, _) in &parts { a href={ "#" (part.id) } { (part.title) } " " }
                    }
                    @for (part, drawn) in &parts {
                        section id=(part.id) aria-labelledby={ (part.id) "-title" } {
                            h2 id={ (part.id) "-title" } { (part.title) }
                            (drawn)
                        }
                    }
                }
                (footer(&view))
            }
        }
    };
    escape_lines(&page.into_string()).into_owned()
}

/// Nothing may be loaded, sent or run; of styles, only the ones that stand in the page, known by their hash.
fn policy() -> String {
    let hash = BASE64_STANDARD.encode(Sha256::digest(STYLE));
    format!("default-src 'none'; style-src 'sha256-{hash}'; base-uri 'none'; form-action 'none'")
}

fn banner(packet: &Packet) -> Markup {
    html! {
        header.banner {
            p.name { "Firstline" }
            p { (packet.playbook.title) }
            p.machine { (packet.host.name) " · " (moment(&packet.run.started)) }
        }
    }
}

/// What made the page, and what it belongs to.
fn footer(view: &View) -> Markup {
    let (packet, run) = (&view.packet, &view.packet.run);
    html! {
        footer {
            p {
                (packet.tool.name) " " (packet.tool.version) ", playbook " (packet.playbook.id) ", run "
                span.id { (run.id) } ", hidden: " (run.redaction) ". "
                "All of it, and the whole evidence, is in packet.json beside this page."
            }
            @if let Some(hash) = &packet.manifest {
                p { "SHA-256 of manifest.json: " span.id { (hash) } }
            }
        }
    }
}

/// The mark of the verdict.
fn status_mark(status: Status) -> Mark {
    match status {
        Status::Healthy => Mark::Good,
        Status::Fault => Mark::Bad,
        Status::Degraded => Mark::Impaired,
        Status::Undecided => Mark::Doubt,
    }
}

#[cfg(test)]
mod tests;
