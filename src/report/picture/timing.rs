//! Delay and loss, where they were measured: round trips on one scale, and where the time of each page went.

use super::mark::Mark;
use super::scale::{Scale, milliseconds, percent};
use super::{View, anchor};
use crate::observation::{Observation, Outcome};
use maud::{Markup, html};

/// Rows of each table.
const MOST_ROWS: usize = 24;
/// Below this a drawing shows noise: a clock's resolution, a local socket.
const LEAST_MS: f64 = 0.01;

/// The facts that hold a time until an answer, and what was answered.
const TIMES: [(&str, &str); 6] = [
    ("connect_ms", "connection"),
    ("handshake_ms", "handshake"),
    ("answer_ms", "answer"),
    ("round_trip_ms", "round trip"),
    ("first_byte_ms", "first byte"),
    ("took_ms", "answer"),
];

/// The facts that count tries and answers.
const COUNTS: [(&str, &str); 3] = [("sent", "received"), ("attempts", "answered"), ("queries", "answered")];

/// The phases of a page, in their order.
const PHASES: [(&str, &str); 5] = [
    ("lookup_ms", "name"),
    ("connect_ms", "connection"),
    ("proxy_ms", "proxy"),
    ("tls_ms", "TLS"),
    ("first_byte_ms", "first byte"),
];

pub(super) fn draw(view: &View) -> Option<Markup> {
    let trips: Vec<Trip<'_>> =
        numbered(view).filter_map(|(index, seen)| Trip::of(index, seen)).take(MOST_ROWS).collect();
    let pages: Vec<Page<'_>> =
        numbered(view).filter_map(|(index, seen)| Page::of(index, seen)).take(MOST_ROWS).collect();
    if trips.is_empty() && pages.is_empty() {
        return None;
    }
    Some(html! {
        @if !trips.is_empty() { (round_trips(&trips)) }
        @if !pages.is_empty() { (phases(&pages)) }
    })
}

fn numbered(view: &View) -> impl Iterator<Item = (usize, &Observation)> {
    let looked = |seen: &Observation| matches!(seen.outcome, Outcome::Ok | Outcome::Problem);
    view.packet.observations.iter().enumerate().filter(move |(_, seen)| looked(seen))
}

fn fact(seen: &Observation, name: &str) -> Option<f64> {
    seen.facts.get(name)?.as_f64().filter(|value| value.is_finite())
}

/// Times until an answer, and how many answers there were.
struct Trip<'a> {
    index: usize,
    seen: &'a Observation,
    /// What was waited for.
    what: &'static str,
    /// Shortest, usual and longest; one time three times where there was one.
    times: Option<[f64; 3]>,
    /// Tries and answers, where more than one was tried or none answered.
    counts: Option<(u64, u64)>,
}

impl<'a> Trip<'a> {
    fn of(index: usize, seen: &'a Observation) -> Option<Self> {
        let whole = ["min_ms", "avg_ms", "max_ms"].map(|name| fact(seen, name));
        let (times, what) = match whole {
            [Some(low), Some(middle), Some(high)] => (Some([low, middle, high]), "round trip"),
            _ if fact(seen, "total_ms").is_some() => return None,
            _ => {
                let one = TIMES.iter().find_map(|(name, what)| Some((fact(seen, name)?, *what)));
                (one.map(|(time, _)| [time; 3]), one.map_or("answer", |(_, what)| what))
            }
        };
        let count = |name: &str| seen.facts.get(name)?.as_u64();
        let counts = COUNTS.iter().find_map(|(tries, answers)| Some((count(tries)?, count(answers)?)));
        let counts = counts.filter(|(tries, answers)| *tries > 1 || answers < tries);
        let times = times.filter(|times| times[2] >= LEAST_MS && counts.is_none_or(|(_, answers)| answers > 0));
        (times.is_some() || counts.is_some()).then_some(Trip { index, seen, what, times, counts })
    }

    fn loss(&self) -> Option<f64> {
        let (tries, answers) = self.counts?;
        Some(100.0 - answers.min(tries) as f64 * 100.0 / tries.max(1) as f64)
    }
}

fn round_trips(trips: &[Trip<'_>]) -> Markup {
    let times = || trips.iter().filter_map(|trip| trip.times).flatten().map(|time| time.max(LEAST_MS));
    let low = times().fold(f64::INFINITY, f64::min);
    let scale = Scale::by_factors(if low.is_finite() { low } else { 1.0 }, times().fold(1.0, f64::max));
    html! {
        h3 { "Time until an answer" }
        p.lead { "Shortest, mean and longest of each look; each line of the scale is ten times the one before it." }
        table.lanes.trips {
            caption.hidden { "Time until an answer, and loss" }
            thead {
                tr { th scope="col" { span.hidden { "Observation" } } th scope="col" { span.hidden { "Range" } (scale.axis()) }
                     th scope="col" { "Time" } th scope="col" { "Lost" } }
            }
            tbody {
                @for trip in trips {
                    tr {
                        th scope="row" { a.id href={ "#" (anchor(trip.index)) } { (trip.seen.id) } " " span.kind { (trip.what) } }
                        td { (range(trip, &scale)) }
                        td.number { (told(trip)) }
                        td.number { (lost(trip)) }
                    }
                }
            }
        }
    }
}

fn range(trip: &Trip<'_>, scale: &Scale) -> Markup {
    let class = Mark::of(trip.seen.outcome).class();
    html! {
        svg.lane width="100%" height="18" aria-hidden="true" {
            (scale.grid())
            @if let Some([low, middle, high]) = trip.times.map(|times| times.map(|time| scale.at(time))) {
                line class={ "whisker " (class) } x1=(percent(low)) x2=(percent(high)) y1="9" y2="9" {}
                circle class=(class) cx=(percent(middle.clamp(0.7, 99.3))) cy="9" r="4.5" {}
            } @else {
                text.none x="50%" y="13" text-anchor="middle" { "no answer" }
            }
        }
    }
}

fn told(trip: &Trip<'_>) -> String {
    match trip.times {
        None => "no answer".to_owned(),
        Some([low, middle, high]) if low < high => {
            format!("{} ({} to {})", milliseconds(middle), milliseconds(low), milliseconds(high))
        }
        Some([time, ..]) => milliseconds(time),
    }
}

fn lost(trip: &Trip<'_>) -> Markup {
    let Some((loss, (tries, answers))) = trip.loss().zip(trip.counts) else { return html! { "" } };
    let class = if loss > 0.0 { Mark::Bad.class() } else { Mark::Good.class() };
    html! {
        svg.bar width="100%" height="6" aria-hidden="true" {
            rect.struck width="100%" height="6" rx="2" {}
            rect class=(class) width=(percent(loss)) height="6" rx="2" {}
        }
        (format!("{loss:.0} %")) " " span.kind { (tries.saturating_sub(answers)) " of " (tries) }
    }
}

/// Where the time of one page went.
struct Page<'a> {
    index: usize,
    seen: &'a Observation,
    total: f64,
    /// Number of the phase and its time; what is left over comes last.
    phases: Vec<(usize, f64)>,
}

impl<'a> Page<'a> {
    fn of(index: usize, seen: &'a Observation) -> Option<Self> {
        let total = fact(seen, "total_ms").filter(|total| *total >= LEAST_MS)?;
        let phases: Vec<(usize, f64)> = PHASES
            .iter()
            .enumerate()
            .filter_map(|(number, (name, _))| Some((number, fact(seen, name).filter(|time| *time >= LEAST_MS)?)))
            .collect();
        (!phases.is_empty()).then_some(Page { index, seen, total, phases })
    }

    /// The phases, and what none of them explains.
    fn parts(&self) -> Vec<(usize, &'static str, f64)> {
        let mut parts: Vec<_> = self.phases.iter().map(|(number, time)| (*number, PHASES[*number].1, *time)).collect();
        let rest = self.total - parts.iter().map(|(_, _, time)| time).sum::<f64>();
        if rest >= LEAST_MS {
            parts.push((PHASES.len(), "rest", rest));
        }
        parts
    }
}

fn phases(pages: &[Page<'_>]) -> Markup {
    let longest = pages.iter().map(|page| page.parts().iter().map(|part| part.2).sum::<f64>()).fold(1.0, f64::max);
    let scale = Scale::from_zero(longest);
    html! {
        h3 { "Where the time of each page went" }
        table.lanes.phases {
            caption.hidden { "Phases of each page" }
            thead {
                tr { th scope="col" { span.hidden { "Observation" } } th scope="col" { span.hidden { "Phases" } (scale.axis()) }
                     th scope="col" { "Whole" } }
            }
            tbody {
                @for page in pages {
                    tr {
                        th scope="row" { a.id href={ "#" (anchor(page.index)) } { (page.seen.id) } }
                        td {
                            (stacked(page, &scale))
                            ul.legend {
                                @for (number, name, time) in page.parts() {
                                    li { svg.swatch width="10" height="10" aria-hidden="true" {
                                        rect class={ "phase-" (number) } width="10" height="10" rx="2" {} }
                                        (name) " " (milliseconds(time)) }
                                }
                            }
                        }
                        td.number { (milliseconds(page.total)) }
                    }
                }
            }
        }
    }
}

fn stacked(page: &Page<'_>, scale: &Scale) -> Markup {
    let mut start = 0.0;
    let parts = page.parts().into_iter().map(|(number, _, time)| {
        let from = scale.at(start);
        start += time;
        (number, from, scale.at(start) - from)
    });
    html! {
        svg.lane width="100%" height="18" aria-hidden="true" {
            (scale.grid())
            @for (number, from, width) in parts.collect::<Vec<_>>() {
                rect class={ "phase-" (number) } x=(percent(from)) y="3" width=(percent(width)) height="12" {}
            }
        }
    }
}
