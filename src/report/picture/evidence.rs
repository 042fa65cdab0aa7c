//! The evidence that the page shows: the beginnings of the files, those first on which the verdict rests, within a size
//! that mail and ticket systems take. The whole of it is in the archive.

use super::View;
use super::bounds::Room;
use crate::observation::Outcome;
use crate::ui::escape_lines;
use maud::{Markup, html};
use std::collections::BTreeMap;

/// Bytes of markup for all excerpts.
const ROOM: usize = 80_000;

/// Which excerpts the page shows, by file name.
pub(super) fn shown(view: &View) -> BTreeMap<&str, Markup> {
    let verdict = &view.packet.verdict;
    let mut seen: Vec<_> = view.packet.observations.iter().collect();
    seen.sort_by_key(|seen| {
        let is_cited = verdict.because.contains(&seen.id);
        (!is_cited, seen.outcome != Outcome::Problem, seen.outcome != Outcome::Unknown)
    });
    let mut shown = BTreeMap::new();
    let mut room = Room::of(ROOM);
    for name in seen.into_iter().flat_map(|seen| &seen.evidence) {
        let Some(excerpt) = view.packet.excerpts.get(name).filter(|_| !shown.contains_key(name.as_str())) else {
            continue;
        };
        if let Some(block) = room.take(block(name, &excerpt.text, excerpt.bytes)) {
            shown.insert(name.as_str(), block);
        }
    }
    shown
}

fn block(name: &str, text: &str, bytes: u64) -> Markup {
    let shown = text.len() as u64;
    let text = text.replace("\r\n", "\n").replace('\t', "    ");
    html! {
        figure.evidence {
            figcaption {
                span.id { "evidence/" (name) } " "
                @if shown < bytes { "the first " (shown) " of " (bytes) " bytes" } @else { (bytes) " bytes" }
            }
            pre tabindex="0" role="region" aria-label={ "Evidence " (name) } { (escape_lines(&text)) }
        }
    }
}
