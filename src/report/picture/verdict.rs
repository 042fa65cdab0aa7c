//! What one reads first: what it is, in the ticket's words and in the user's, and what to do now.

use super::{View, status_mark};
use crate::report::content::{again, moment, status_word};
use maud::{Markup, html};

pub(super) fn draw(view: &View) -> Markup {
    let content = &view.content;
    let mark = status_mark(content.status);
    let word = status_word(content.status);
    let rest = content.heading.strip_prefix(word).unwrap_or_default().trim_start_matches([',', ' ']);
    html! {
        @if let Some(stop) = &content.stop {
            p.stop role="alert" { strong { "STOP" } " " (stop) }
        }
        section class={ "verdict " (mark.class()) } aria-labelledby="verdict" {
            p.status { (mark.pill(word)) @if !rest.is_empty() { span.rest { (rest) } } }
            h1 id="verdict" { (content.title) }
            p.summary { (content.summary) }
            @if let Some(culprit) = &view.packet.verdict.culprit {
                p.culprit { span.label { "Culprit" } span.thing { (culprit) } }
            }
            div.hands {
                @if !content.plain.is_empty() {
                    div.user { h2 { "For the user" } p { (content.plain) } }
                }
                @if !content.steps.is_empty() {
                    div.steps { h2 { "Do this now" } (steps(view)) }
                }
            }
        }
        (particulars(view))
    }
}

fn steps(view: &View) -> Markup {
    let content = &view.content;
    html! {
        ol { @for step in &content.steps { li { (step) } } }
        @if !content.then.is_empty() {
            ul.then aria-label="Then" { @for then in &content.then { li { (then) } } }
        }
        @if !content.read.is_empty() {
            ul.then aria-label="Read" { @for read in &content.read { li { "Read: " (read) } } }
        }
    }
}

/// Which complaint, which machine, which run.
fn particulars(view: &View) -> Markup {
    let (packet, content) = (&view.packet, &view.content);
    let (host, run, case) = (&packet.host, &packet.run, &packet.case);
    let system = format!("{} {}, kernel {}, {}", host.os, host.os_version, host.kernel, host.architecture);
    let rights = if run.elevated { "administrator rights" } else { "no administrator rights" };
    let symptom = case.symptom.as_ref().map(|symptom| format!("“{symptom}”"));
    let rows: [(&str, Option<String>); 12] = [
        ("Ticket", case.ticket.clone()),
        ("Complaint", symptom),
        ("Target", case.target.clone()),
        ("Began", case.since.clone()),
        ("Last worked", case.last_worked.clone()),
        ("Machine", Some(format!("{} ({system})", host.name))),
        ("Seen from", content.seen_from.clone()),
        ("Looked at", Some(format!("{}, zone {}", moment(&run.started), run.zone))),
        ("Run by", Some(format!("{} with {rights}", run.user))),
        ("Checks", Some(content.checks.clone())),
        ("Cut short", content.cut_short.clone()),
        ("Again", Some(again(packet))),
    ];
    html! {
        section.particulars aria-label="Case, machine and run" {
            dl {
                @for (label, text) in rows.iter().filter_map(|(label, text)| Some((label, text.as_ref()?))) {
                    div { dt { (label) } dd { (text) } }
                }
            }
        }
    }
}
