//! The report on the terminal, made to be read from top to bottom: what it is, the ladder, why, what to do.

use super::Style;
use super::content::{Content, Rung, seconds};
use super::page::{Page, Paint};
use crate::diagnosis::verdict::{FindingStatus, Status};
use crate::observation::{Observation, Outcome};
use crate::packet::Packet;

pub(super) fn render(packet: &Packet, style: &Style) -> String {
    let content = Content::of(packet);
    let mut page = Page::new(style);
    head(&mut page, &content);
    ladder(&mut page, &content);
    reasons(&mut page, &content, style.verbose);
    if style.verbose {
        observations(&mut page, packet);
    }
    what_to_do(&mut page, &content);
    page.finish()
}

pub(super) fn status_paint(status: Status) -> Paint {
    match status {
        Status::Healthy => Paint::Good,
        Status::Fault => Paint::Bad,
        Status::Degraded | Status::Undecided => Paint::Doubt,
    }
}

pub(super) fn head(page: &mut Page, content: &Content) {
    if let Some(stop) = &content.stop {
        page.headline("STOP", Paint::Bad, stop);
        page.gap();
    }
    page.headline(&content.heading, status_paint(content.status), &content.title);
    page.paragraph(&content.summary, Paint::Plain);
    page.gap();
    let lines = [
        ("For the user", single(&content.plain)),
        ("Culprit", content.culprit.as_deref()),
        ("Suspects", single(&content.board)),
        ("Checks", single(&content.checks)),
        ("Cut short", content.cut_short.as_deref()),
        ("Seen from", content.seen_from.as_deref()),
    ];
    for (label, text) in lines {
        page.labelled(label, text);
    }
    page.labelled("Case", (!content.case.is_empty()).then(|| content.case.join(", ")).as_deref());
}

fn single(text: &str) -> Option<&str> {
    (!text.is_empty()).then_some(text)
}

fn ladder(page: &mut Page, content: &Content) {
    if content.ladder.is_empty() {
        return;
    }
    page.gap();
    let rows: Vec<([&str; 3], Paint)> = content
        .ladder
        .iter()
        .map(|rung| ([rung.layer.name(), rung.word, rung.reason.as_str()], rung_paint(rung)))
        .collect();
    page.table(&rows);
}

fn rung_paint(rung: &Rung) -> Paint {
    match rung.status {
        FindingStatus::Ok => Paint::Good,
        FindingStatus::Problem if rung.word == "FAULT" => Paint::Bad,
        FindingStatus::Problem => Paint::Doubt,
        FindingStatus::Unknown => Paint::Doubt,
        FindingStatus::Skipped => Paint::Faint,
    }
}

/// Why, what else, and what is open. Which observations rule a layer out is for whoever takes the case over (`proofs`):
/// at the machine the ladder says it in words.
pub(super) fn reasons(page: &mut Page, content: &Content, proofs: bool) {
    page.gap();
    let cleared: Vec<String> = single(&content.cleared).map(str::to_owned).into_iter().collect();
    let sections = [
        ("Because", &content.because),
        ("Still open", &content.suspects),
        ("Ruled out", if proofs { &content.ruled_out } else { &cleared }),
        ("Not tested", &content.not_tested),
        ("Notes", &content.notes),
        ("Also", &content.also),
        ("Changed", &content.changes),
        ("Warnings", &content.warnings),
    ];
    for (label, texts) in sections {
        page.labelled(label, texts.iter().map(String::as_str));
    }
}

fn observations(page: &mut Page, packet: &Packet) {
    page.gap();
    let took: Vec<String> = packet.observations.iter().map(|observation| seconds(observation.took_ms)).collect();
    let rows: Vec<([&str; 4], Paint)> = packet
        .observations
        .iter()
        .zip(&took)
        .map(|(observation, took)| {
            let (word, paint) = outcome(observation);
            ([observation.id.as_str(), word, took.as_str(), observation.summary.as_str()], paint)
        })
        .collect();
    page.table(&rows);
}

fn outcome(observation: &Observation) -> (&'static str, Paint) {
    let paint = match observation.outcome {
        Outcome::Ok => Paint::Good,
        Outcome::Problem => Paint::Bad,
        Outcome::Unknown => Paint::Doubt,
        Outcome::Skipped => Paint::Faint,
    };
    (observation.outcome.name(), paint)
}

pub(super) fn what_to_do(page: &mut Page, content: &Content) {
    page.gap();
    if !content.steps.is_empty() {
        page.paragraph("Do this now", Paint::Strong);
        for (index, step) in content.steps.iter().enumerate() {
            page.step(index + 1, step);
        }
    }
    page.labelled("Then", content.then.iter().map(String::as_str));
    page.labelled("Read", content.read.iter().map(String::as_str));
    page.labelled("Packet", content.packet.as_deref());
}

/// Lists of probes by hand: the same table and words as in a whole report.
pub(crate) fn observations_page(observations: &[Observation], style: &Style) -> String {
    let mut page = Page::new(style);
    for observation in observations {
        let (word, paint) = outcome(observation);
        let code = observation.code.map(|code| format!(" {code}")).unwrap_or_default();
        page.headline(&format!("{word}{code}"), paint, &observation.summary);
        let facts: Vec<(String, String)> =
            observation.facts.iter().map(|(name, value)| (name.clone(), fact(value))).collect();
        let rows: Vec<([&str; 3], Paint)> =
            facts.iter().map(|(name, value)| (["", name.as_str(), value.as_str()], Paint::Plain)).collect();
        page.table(&rows);
    }
    page.finish()
}

fn fact(value: &serde_json::Value) -> String {
    match value {
        serde_json::Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{fault, healthy};
    use super::*;

    #[test]
    fn a_fault_reads_well() {
        insta::assert_snapshot!(render(&fault(), &Style::plain(80)));
    }

    #[test]
    fn a_healthy_run_fits_on_one_screen() {
        let text = render(&healthy(), &Style::plain(80));
        assert!(text.lines().count() <= 22, "{} lines:\n{text}", text.lines().count());
        insta::assert_snapshot!(text);
    }

    #[test]
    fn colour_adds_nothing_but_colour() {
        let colored = render(&fault(), &Style { color: true, width: 80, verbose: true });
        let plain = render(&fault(), &Style { color: false, width: 80, verbose: true });
        assert!(colored.contains("\u{1b}["));
        assert_eq!(anstream::adapter::strip_str(&colored).to_string(), plain);
    }
}
