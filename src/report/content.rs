//! What a report says, whatever it looks like: the packet's verdict in words and lists. The formats add only their
//! dress. Nothing here is escaped yet; that is each format's own duty.

use crate::diagnosis::verdict::{Finding, FindingStatus, NotTested, RuledOut, Status};
use crate::layer::Layer;
use crate::observation::{COULD_NOT_BE_CHECKED, Observation, Outcome};
use crate::packet::{Packet, Run};
use crate::playbook::change::ago;
use crate::ui::shorten;
use jiff::Timestamp;

/// Instructions are taken in three at a time.
pub const STEPS_AT_A_TIME: usize = 3;
/// A list of names longer than this is no longer read; all of them are in the packet.
const NAMES_AT_A_TIME: usize = 6;
/// Observations named for each thing that is ruled out.
const PROOFS_AT_A_TIME: usize = 2;
/// The ladder is for the eye; the whole sentence stands elsewhere.
const LONGEST_REASON: usize = 160;
/// Halvings shown on the board; it fits on a line of 80 columns.
const BOARD_STEPS: usize = 8;
/// Changes shown beside the verdict.
const CHANGES_AT_A_TIME: usize = 3;

/// One rung of the ladder.
pub struct Rung {
    pub layer: Layer,
    pub status: FindingStatus,
    /// `ok`, `FAULT` (or `DEGRADED`), `also`, `not blamed`, `unknown`, `not tested`.
    pub word: &'static str,
    pub reason: String,
}

/// Everything that a report says.
pub struct Content {
    pub status: Status,
    /// `FAULT in dns, confirmed`.
    pub heading: String,
    pub title: String,
    /// What comes before everything else: signs of an attack.
    pub stop: Option<String>,
    pub summary: String,
    pub plain: String,
    pub culprit: Option<String>,
    /// The container or network namespace that the run looked from.
    pub seen_from: Option<String>,
    /// Ticket, symptom and target, where somebody gave them.
    pub case: Vec<String>,
    /// `34 -> 12 -> 3 -> 1`; nobody asks how the suspects fell where nothing is wrong.
    pub board: String,
    /// `16 of 31 in 2.9 s`.
    pub checks: String,
    /// Why the run is not complete.
    pub cut_short: Option<String>,
    pub ladder: Vec<Rung>,
    pub suspects: Vec<String>,
    pub because: Vec<String>,
    /// The layers that are ruled out, each with the observations that do it.
    pub ruled_out: Vec<String>,
    /// The same layers by name only: the ladder says why.
    pub cleared: String,
    pub not_tested: Vec<String>,
    pub notes: Vec<String>,
    pub also: Vec<String>,
    /// What the machine recorded; nobody asks where nothing is wrong.
    pub changes: Vec<String>,
    /// The same for whoever takes a case over, who asks even then.
    pub timeline: Vec<String>,
    pub steps: Vec<String>,
    /// What comes after the steps: more of them, the check that proves it, whom to hand it to.
    pub then: Vec<String>,
    /// Articles of the site's knowledge base, and addresses.
    pub read: Vec<String>,
    pub warnings: Vec<String>,
    pub packet: Option<String>,
}

impl Content {
    /// Puts the packet into words.
    pub fn of(packet: &Packet) -> Self {
        let verdict = &packet.verdict;
        let mut also: Vec<String> = Vec::new();
        also.extend(verdict.also.iter().map(|also| format!("{}: {}", also.layer, also.summary)));
        Content {
            status: verdict.status,
            heading: heading(packet),
            title: verdict.title.clone(),
            stop: stop(packet),
            summary: verdict.summary.clone(),
            plain: verdict.plain.clone(),
            culprit: verdict.culprit.clone().filter(|culprit| !verdict.summary.contains(culprit.as_str())),
            case: case(packet),
            board: board(packet),
            checks: checks(packet),
            cut_short: cut_short(packet),
            seen_from: packet.host.seen_from(),
            ladder: ladder(packet),
            suspects: suspects(packet),
            because: because(packet),
            ruled_out: if verdict.status == Status::Healthy { Vec::new() } else { ruled_out(&verdict.ruled_out) },
            cleared: if verdict.status == Status::Healthy { String::new() } else { cleared(&verdict.ruled_out) },
            not_tested: not_tested(&verdict.not_tested),
            notes: verdict.notes.clone(),
            also,
            changes: if verdict.status == Status::Healthy { Vec::new() } else { changes(packet) },
            timeline: changes(packet),
            steps: packet.next.workaround.iter().take(STEPS_AT_A_TIME).cloned().collect(),
            then: then(packet),
            read: packet.next.kb.iter().chain(&packet.next.links).cloned().collect(),
            warnings: packet.run.warnings.iter().chain(&packet.run.limits).cloned().collect(),
            packet: packet.run.packet_path.as_ref().map(|path| match packet.run.packet_kept_days {
                Some(days) => format!("{path}, kept for {days} days"),
                None => path.clone(),
            }),
        }
    }
}

/// The word that the report begins with.
pub fn status_word(status: Status) -> &'static str {
    match status {
        Status::Healthy => "HEALTHY",
        Status::Degraded => "DEGRADED",
        Status::Fault => "FAULT",
        Status::Undecided => "UNDECIDED",
    }
}

fn heading(packet: &Packet) -> String {
    let verdict = &packet.verdict;
    let word = status_word(verdict.status);
    let certainty = verdict.certainty.name();
    match (verdict.status, verdict.layer) {
        (Status::Healthy, _) => word.to_owned(),
        (Status::Undecided, Some(layer)) => format!("{word}, perhaps {layer}"),
        (Status::Undecided, None) if verdict.layers.is_empty() => word.to_owned(),
        (_, Some(layer)) => format!("{word} in {layer}, {certainty}"),
        (Status::Undecided, None) => format!("{word} between {}", layers(&verdict.layers)),
        (_, None) if verdict.layers.is_empty() => format!("{word}, {certainty}"),
        (_, None) => format!("{word} in one of {}, {certainty}", layers(&verdict.layers)),
    }
}

/// Whoever cleans up after an attack destroys what tells how far it went.
fn stop(packet: &Packet) -> Option<String> {
    let to = packet.next.escalate.as_ref().map(|escalate| escalate.to.as_str()).filter(|to| !to.is_empty());
    packet.next.security_stop.then(|| {
        format!(
            "This may be an attack. Leave everything as it is: restart, clean up and delete nothing. Hand it to {} now.",
            to.unwrap_or("the security team")
        )
    })
}

fn layers(layers: &[Layer]) -> String {
    names(layers.iter().map(|layer| layer.name()), NAMES_AT_A_TIME)
}

/// Names in a row, the first few of them where there are more than one too many.
fn names<'a>(names: impl IntoIterator<Item = &'a str>, most: usize) -> String {
    let names: Vec<&str> = names.into_iter().collect();
    if names.len() <= most + 1 {
        return names.join(", ");
    }
    let shown = &names[..most];
    format!("{} and {} more", shown.join(", "), names.len() - shown.len())
}

fn case(packet: &Packet) -> Vec<String> {
    let case = &packet.case;
    let symptom = case.symptom.as_ref().map(|symptom| format!("\"{symptom}\""));
    [case.ticket.clone(), symptom, case.target.clone()].into_iter().flatten().collect()
}

fn board(packet: &Packet) -> String {
    // A later look may bring a suspect back; people read the board as what is still left, so it shows the least so far.
    let least = packet.board.iter().scan(usize::MAX, |least, step| {
        *least = step.suspects.min(*least);
        Some(*least)
    });
    let mut numbers: Vec<usize> = least.collect();
    numbers.dedup();
    let mut words: Vec<String> = numbers.iter().map(usize::to_string).collect();
    if words.len() > BOARD_STEPS {
        let tail = words.split_off(words.len() - (BOARD_STEPS - 2));
        words.truncate(1);
        words.push("...".to_owned());
        words.extend(tail);
    }
    match packet.verdict.status {
        Status::Healthy => String::new(),
        _ => words.join(" -> "),
    }
}

fn checks(packet: &Packet) -> String {
    let run = &packet.run;
    let checks = format!("{} of {} in {}", run.checks_used, run.checks_available, seconds(run.took_ms));
    match run.suspected_ms.filter(|_| packet.verdict.status != Status::Healthy) {
        Some(first) => format!("{checks}, first suspected after {}", seconds(first)),
        None => checks,
    }
}

/// Milliseconds as people say them.
pub fn seconds(milliseconds: u64) -> String {
    match milliseconds {
        0..1_000 => format!("{milliseconds} ms"),
        1_000..60_000 => format!("{:.1} s", milliseconds as f64 / 1_000.0),
        _ => format!("{} min {} s", milliseconds / 60_000, milliseconds % 60_000 / 1_000),
    }
}

fn cut_short(packet: &Packet) -> Option<String> {
    match packet.run.ended.as_str() {
        "deadline" => Some(format!(
            "the deadline of {} came first; what was not tested by then is named below",
            seconds(packet.run.deadline_ms)
        )),
        "interrupted" => Some("the run was interrupted; what was not tested by then is named below".to_owned()),
        _ => None,
    }
}

fn ladder(packet: &Packet) -> Vec<Rung> {
    let findings = &packet.verdict.findings;
    let mut rungs: Vec<Rung> = findings
        .iter()
        .map(|finding| Rung {
            layer: finding.layer,
            status: finding.status,
            word: rung_word(finding, packet),
            reason: reason(finding, packet),
        })
        .collect();
    rungs.sort_by_key(|rung| rung.layer);
    rungs
}

/// Why a rung has its word, short enough to be taken in at a glance. What is blamed is told above the ladder and below
/// it, so its rung only has the title.
fn reason(finding: &Finding, packet: &Packet) -> String {
    let verdict = &packet.verdict;
    let blamed = finding.status == FindingStatus::Problem && verdict.layer == Some(finding.layer);
    let text = if blamed { &verdict.title } else { &finding.summary };
    shorten(text.strip_prefix(COULD_NOT_BE_CHECKED).unwrap_or(text), LONGEST_REASON).into_owned()
}

/// The word of a rung: what the verdict blames stands out from what merely stands beside it, and what was seen and is
/// no more than a consequence from what was not looked at.
fn rung_word(finding: &Finding, packet: &Packet) -> &'static str {
    let verdict = &packet.verdict;
    let open = verdict.layers.contains(&finding.layer);
    let seen = |observation: &Observation| {
        observation.layer == finding.layer
            && observation.outcome == Outcome::Problem
            && observation.summary == finding.summary
    };
    match finding.status {
        FindingStatus::Ok => "ok",
        FindingStatus::Problem if verdict.layer == Some(finding.layer) => match verdict.status {
            Status::Degraded => "DEGRADED",
            _ => "FAULT",
        },
        FindingStatus::Unknown | FindingStatus::Skipped if open => "suspect",
        FindingStatus::Problem => "also",
        FindingStatus::Unknown => "unknown",
        FindingStatus::Skipped if packet.observations.iter().any(seen) => "not blamed",
        FindingStatus::Skipped => "not tested",
    }
}

/// Suspects are news only where more than one is left.
fn suspects(packet: &Packet) -> Vec<String> {
    let suspects = &packet.verdict.suspects;
    if packet.verdict.status == Status::Healthy || suspects.len() < 2 {
        return Vec::new();
    }
    let mut titles: Vec<String> =
        suspects.iter().take(NAMES_AT_A_TIME).map(|suspect| format!("{} ({})", suspect.title, suspect.layer)).collect();
    if suspects.len() > NAMES_AT_A_TIME {
        titles.push(format!("and {} more", suspects.len() - NAMES_AT_A_TIME));
    }
    titles
}

/// What the cited observations say, with their ids; what several say stands once.
fn because(packet: &Packet) -> Vec<String> {
    if packet.verdict.status == Status::Healthy {
        return Vec::new();
    }
    let mut said: Vec<(&str, Vec<&str>)> = Vec::new();
    for id in &packet.verdict.because {
        let observation = packet.observations.iter().find(|observation| observation.id == *id);
        let summary = observation.map_or("", |observation| observation.summary.as_str());
        match said.iter_mut().find(|(before, _)| *before == summary && !summary.is_empty()) {
            Some((_, ids)) => ids.push(id),
            None => said.push((summary, vec![id])),
        }
    }
    said.into_iter().map(|(summary, ids)| format!("{summary} [{}]", ids.join(", ")).trim_start().to_owned()).collect()
}

fn cleared(ruled_out: &[RuledOut]) -> String {
    names(ruled_out.iter().map(|ruled| ruled.layer.name()), Layer::ALL.len())
}

/// Layers that the same observations clear stand together.
fn ruled_out(ruled_out: &[RuledOut]) -> Vec<String> {
    let mut groups: Vec<(Vec<&str>, &[String])> = Vec::new();
    for entry in ruled_out {
        match groups.iter_mut().find(|(_, by)| *by == entry.by.as_slice()) {
            Some((layers, _)) => layers.push(entry.layer.name()),
            None => groups.push((vec![entry.layer.name()], &entry.by)),
        }
    }
    groups
        .into_iter()
        .map(|(layers, by)| {
            format!("{} by {}", layers.join(", "), names(by.iter().map(String::as_str), PROOFS_AT_A_TIME))
        })
        .collect()
}

/// Checks that were left out for the same reason stand together.
fn not_tested(not_tested: &[NotTested]) -> Vec<String> {
    let mut groups: Vec<(&str, Vec<&str>)> = Vec::new();
    for entry in not_tested {
        match groups.iter_mut().find(|(why, _)| *why == entry.why) {
            Some((_, checks)) => checks.push(&entry.check),
            None => groups.push((&entry.why, vec![&entry.check])),
        }
    }
    groups.into_iter().map(|(why, checks)| format!("{} ({why})", names(checks, NAMES_AT_A_TIME))).collect()
}

/// Change is the prime suspect: what touches the blamed layer first.
fn changes(packet: &Packet) -> Vec<String> {
    let blamed = packet.verdict.layer;
    let mut changes: Vec<_> = packet.changes.iter().collect();
    changes.sort_by_key(|change| !(blamed.is_some() && change.layer == blamed));
    changes
        .into_iter()
        .take(CHANGES_AT_A_TIME)
        .map(|change| {
            format!("{} {}{}", moment(&change.time), change.what, suspicion(&change.time, change.layer, packet))
        })
        .collect()
}

/// How long before the run a change was that touches what is blamed: it is suspected first, and proves nothing.
fn suspicion(time: &str, layer: Option<Layer>, packet: &Packet) -> String {
    let blamed = packet.verdict.layer.filter(|_| packet.verdict.status != Status::Healthy);
    let age = || {
        let (run, time): (Timestamp, Timestamp) = (packet.run.started.parse().ok()?, time.parse().ok()?);
        Some(run.duration_since(time).as_secs_f64() / 3_600.0).filter(|hours| *hours >= 0.0)
    };
    match (blamed.filter(|_| layer == blamed), age()) {
        (Some(layer), Some(hours)) => format!(", {} before, touches {layer}: look at it first", ago(hours)),
        _ => String::new(),
    }
}

/// `2026-11-22T03:24:56Z` as people read it: to the minute, which is all that a comparison with a complaint needs.
pub(super) fn moment(time: &str) -> String {
    match (time.split_once('T'), time.ends_with('Z')) {
        (Some((day, clock)), true) => format!("{day} {} UTC", clock.get(..5).unwrap_or(clock)),
        _ => time.to_owned(),
    }
}

/// The machine's own time when the run began.
pub(super) fn local(run: &Run) -> Option<jiff::civil::DateTime> {
    let started: jiff::Timestamp = run.started.parse().ok()?;
    let (sign, clock) = match run.zone.split(' ').next()?.split_at_checked(1)? {
        ("+", clock) => (1, clock),
        ("-", clock) => (-1, clock),
        _ => return None,
    };
    let (hours, minutes) = clock.split_once(':')?;
    let (hours, minutes): (u8, u8) = (hours.parse().ok()?, minutes.parse().ok()?);
    let seconds = sign * (i32::from(hours) * 3_600 + i32::from(minutes) * 60);
    Some(jiff::tz::Offset::from_seconds(seconds).ok()?.to_datetime(started))
}

/// The same in brackets, with its zone.
pub(super) fn local_time(run: &Run) -> String {
    match local(run) {
        Some(time) => format!(" (there {} {})", time.strftime("%Y-%m-%d %H:%M"), run.zone),
        None => String::new(),
    }
}

fn then(packet: &Packet) -> Vec<String> {
    let next = &packet.next;
    let mut then = Vec::new();
    let left = next.workaround.len().saturating_sub(STEPS_AT_A_TIME);
    if left > 0 {
        let steps = if left == 1 { "step is" } else { "steps are" };
        then.push(format!("{left} more {steps} in the packet"));
    }
    if next.verify.is_some() && !next.workaround.is_empty() {
        then.push(format!("check again: {}", again(packet)));
    }
    if let Some(escalate) = next.escalate.as_ref().filter(|escalate| !escalate.to.is_empty()) {
        let when = if escalate.when.is_empty() { String::new() } else { format!(" ({})", escalate.when) };
        let now = if escalate.now { " now" } else { "" };
        then.push(format!("escalate to {}{now}{when}, with the packet", escalate.to));
    }
    if let Some(command) = &next.command {
        then.push(format!("next: {command}"));
    }
    then
}

/// The command that looks again at the same.
pub(super) fn again(packet: &Packet) -> String {
    // A playbook that is not in the binary is found by its file only.
    let built_in = packet.playbook.origin == crate::playbook::builtin::ORIGIN;
    let playbook = quoted(if built_in { &packet.playbook.id } else { &packet.playbook.origin });
    match &packet.case.target {
        Some(target) => format!("firstline run {playbook} {}", quoted(target)),
        None => format!("firstline run {playbook}"),
    }
}

/// A word for a shell: quoted where it holds more than letters, digits and what is plain in a URL.
fn quoted(word: &str) -> String {
    let plain = |character: char| character.is_ascii_alphanumeric() || ":/.-_%,+@".contains(character);
    if word.chars().all(plain) { word.to_owned() } else { format!("'{}'", word.replace('\'', "'\\''")) }
}
