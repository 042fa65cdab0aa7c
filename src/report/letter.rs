//! The letter: what tier 2 asks for, in the order in which it asks, so that nobody has to be asked again. It is a plain
//! value; each format dresses it. What was not asked and what was not tested stand in plain sight.

mod fit;

pub(super) use fit::{fit, units};

use super::content::{Content, again, local_time, moment, seconds};
use crate::diagnosis::verdict::Status;
use crate::observation::{Observation, Outcome};
use crate::packet::case::Scope;
use crate::packet::case::field::{FIELDS, Field, Topic};
use crate::packet::case::priority::Priority;
use crate::packet::{Packet, Run};
use crate::playbook::trust::Trust;
use crate::ui::shorten;

/// Texts of one group: what is longer is no letter any more, and all of it is in the packet.
const MOST_TEXTS: usize = 8;
/// Characters of one text.
const LONGEST_TEXT: usize = 600;

/// A letter.
#[derive(Debug, Clone)]
pub(super) struct Letter {
    pub title: String,
    pub sections: Vec<Section>,
    /// What does not stand here, in words: the letter never hides that it is not the whole packet.
    pub left_out: Vec<(Part, usize)>,
    /// Texts that were cut.
    pub cut: usize,
    /// What ties the letter to the archive that it came with, where it came with one.
    pub manifest: Option<String>,
}

/// One of the eleven, with its heading.
#[derive(Debug, Clone)]
pub(super) struct Section {
    pub heading: String,
    pub groups: Vec<Group>,
}

/// A label and what stands under it.
#[derive(Debug, Clone)]
pub(super) struct Group {
    pub label: &'static str,
    pub part: Part,
    pub texts: Vec<String>,
    /// The order matters: steps.
    pub ordered: bool,
}

/// How much a group would be missed, least first. Where a letter is too long, they go in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Part {
    Warnings,
    Notes,
    Ladder,
    Evidence,
    RuledOut,
    Timeline,
    Also,
    Earlier,
    Suspects,
    NotTested,
    Run,
    Because,
    Said,
    Machine,
    Tried,
    Steps,
    NotAsked,
    Verdict,
}

impl Part {
    /// All of them, the least missed first.
    pub const LEAST_FIRST: [(Part, &str); 18] = [
        (Part::Warnings, "warnings"),
        (Part::Notes, "notes"),
        (Part::Ladder, "the ladder"),
        (Part::Evidence, "evidence"),
        (Part::RuledOut, "what is ruled out"),
        (Part::Timeline, "changes of the machine"),
        (Part::Also, "other findings"),
        (Part::Earlier, "earlier tickets"),
        (Part::Suspects, "suspects"),
        (Part::NotTested, "what was not tested"),
        (Part::Run, "the run"),
        (Part::Because, "reasons"),
        (Part::Said, "what people said"),
        (Part::Machine, "the machine"),
        (Part::Tried, "what was tried"),
        (Part::Steps, "next steps"),
        (Part::NotAsked, "what was not asked"),
        (Part::Verdict, "the verdict"),
    ];

    fn name(self) -> &'static str {
        Part::LEAST_FIRST[self as usize].1
    }
}

impl Letter {
    /// The letter of a packet.
    pub fn of(packet: &Packet) -> Letter {
        let content = Content::of(packet);
        let mut letter = Letter {
            title: shorten(&title(&content), LONGEST_TEXT).into_owned(),
            sections: Vec::new(),
            left_out: Vec::new(),
            cut: 0,
            manifest: packet.manifest.as_ref().map(|hash| format!("SHA-256 of manifest.json: {hash}")),
        };
        for (number, (topic, heading)) in Topic::ALL.into_iter().enumerate() {
            let mut section = Section { heading: format!("{}. {heading}", number + 1), groups: Vec::new() };
            if topic == Topic::Problem {
                section.add(Part::Verdict, "Stop", content.stop.clone());
            }
            said(&mut section, topic, packet);
            seen(&mut section, topic, packet, &content);
            not_asked(&mut section, topic, packet);
            letter.sections.push(section);
        }
        letter.bound();
        letter
    }

    /// What stands below the letter: what is missing in it, and where it belongs to.
    pub fn footers(&self) -> impl Iterator<Item = String> {
        self.omission().into_iter().chain(self.manifest.clone())
    }

    /// What the letter is missing, in one sentence.
    fn omission(&self) -> Option<String> {
        let missing = self.left_out.iter().filter(|(_, count)| *count > 0);
        let mut words: Vec<String> = missing.map(|(part, count)| format!("{} ({count})", part.name())).collect();
        if self.cut > 0 {
            words.push(format!("ends of long texts ({})", self.cut));
        }
        (!words.is_empty()).then(|| format!("Left out to fit: {}. All of it is in packet.json.", words.join(", ")))
    }

    fn note(&mut self, part: Part, count: usize) {
        match self.left_out.iter_mut().find(|(known, _)| *known == part) {
            Some((_, known)) => *known += count,
            None => self.left_out.push((part, count)),
        }
    }

    /// No list and no text may grow with what a stranger writes.
    fn bound(&mut self) {
        let mut dropped = Vec::new();
        for group in self.sections.iter_mut().flat_map(|section| &mut section.groups) {
            let over = group.texts.len().saturating_sub(MOST_TEXTS);
            group.texts.truncate(MOST_TEXTS);
            dropped.push((group.part, over));
        }
        dropped.into_iter().filter(|(_, over)| *over > 0).for_each(|(part, over)| self.note(part, over));
        self.shorten(LONGEST_TEXT);
    }

    fn shorten(&mut self, longest: usize) {
        for text in self.sections.iter_mut().flat_map(|section| &mut section.groups).flat_map(|group| &mut group.texts)
        {
            let whole = shorten(text, longest).into_owned();
            if whole != *text {
                // A text that was cut before is not counted twice.
                self.cut += usize::from(!text.ends_with("...") || text.chars().count() > LONGEST_TEXT);
                *text = whole;
            }
        }
    }
}

fn title(content: &Content) -> String {
    let stop = if content.stop.is_some() { "SECURITY STOP, " } else { "" };
    format!("{stop}{}: {}", content.heading, content.title)
}

impl Section {
    fn add(&mut self, part: Part, label: &'static str, texts: impl IntoIterator<Item = String>) {
        let texts: Vec<String> = texts.into_iter().filter(|text| !text.is_empty()).collect();
        if !texts.is_empty() {
            self.groups.push(Group { label, part, texts, ordered: false });
        }
    }

    fn steps(&mut self, part: Part, label: &'static str, texts: impl IntoIterator<Item = String>) {
        self.add(part, label, texts);
        if let Some(group) = self.groups.last_mut().filter(|group| group.label == label) {
            group.ordered = true;
        }
    }
}

/// What people said about this topic.
fn said(section: &mut Section, topic: Topic, packet: &Packet) {
    for field in FIELDS.iter().filter(|field| field.topic == topic) {
        let texts = field.said(&packet.case);
        match field.name {
            "symptom" => section.add(Part::Verdict, field.label, texts.into_iter().map(|text| format!("\"{text}\""))),
            "error" => {
                section.add(Part::Verdict, field.label, texts.iter().flat_map(|text| text.lines()).map(str::to_owned))
            }
            "tried" => section.steps(Part::Tried, field.label, texts),
            "earlier" => section.add(Part::Earlier, field.label, texts),
            _ => section.add(Part::Said, field.label, texts),
        }
    }
}

/// What nobody was asked, and what nobody knew.
fn not_asked(section: &mut Section, topic: Topic, packet: &Packet) {
    let silent = FIELDS.iter().filter(|field| field.topic == topic && field.said(&packet.case).is_empty());
    let silent = silent.filter(|field| !is_moot(field, packet));
    let (in_vain, not_asked): (Vec<&Field>, Vec<&Field>) =
        silent.partition(|field| packet.case.not_known.iter().any(|name| name == field.name));
    let names =
        |fields: &[&Field]| fields.iter().map(|field| field.name.replace('_', " ")).collect::<Vec<_>>().join(", ");
    section.add(Part::NotAsked, "Not known", [names(&in_vain)]);
    section.add(Part::NotAsked, "Not asked", [names(&not_asked)]);
}

/// What nobody need ask, because it is known otherwise.
fn is_moot(field: &Field, packet: &Packet) -> bool {
    match field.name {
        "last_seen" => matches!(packet.verdict.status, Status::Fault | Status::Degraded),
        "others" => packet.case.scope == Some(Scope::One),
        "urgency" => packet.case.priority.is_some(),
        _ => false,
    }
}

/// What the run saw about this topic.
fn seen(section: &mut Section, topic: Topic, packet: &Packet, content: &Content) {
    match topic {
        Topic::Problem => {
            section.add(Part::Verdict, "Target", packet.case.target.clone());
            section.add(Part::Verdict, "Found", [content.summary.clone()]);
            section.add(Part::Verdict, "Culprit", content.culprit.clone());
        }
        Topic::Where => machine(section, packet, content),
        Topic::When => {
            let run = &packet.run;
            section.add(Part::Run, "Looked at", [format!("{}{}", moment(&run.started), local_time(run))]);
            section.add(Part::Verdict, "Reproduced", [shown(packet).to_owned()]);
        }
        Topic::Scope | Topic::Contact => {}
        Topic::Changed => {
            let changes = content.timeline.clone();
            let none = changes.is_empty().then(|| "the machine's own records name none".to_owned());
            section.add(Part::Timeline, "Machine", changes.into_iter().chain(none));
        }
        Topic::Tried => tried(section, packet, content),
        Topic::Findings => findings(section, packet, content),
        Topic::Impact => {
            let priority = match &packet.case.priority {
                Some(it) => format!(
                    "{} proposed (impact {}, urgency {}: {}){}; a person confirms it",
                    it.priority,
                    it.impact,
                    it.urgency,
                    it.reason,
                    promised(it)
                ),
                None => "none proposed: that needs who is affected, and whether it blocks".to_owned(),
            };
            section.add(Part::Said, "Priority", [priority]);
        }
        Topic::Evidence => evidence(section, packet, content),
        Topic::Question => {
            let escalate = packet.next.escalate.as_ref().filter(|escalate| !escalate.to.is_empty());
            let to = escalate.map(|escalate| match (escalate.when.as_str(), escalate.now) {
                ("", false) => escalate.to.clone(),
                ("", true) => format!("{} (at once)", escalate.to),
                (when, false) => format!("{} (when: {when})", escalate.to),
                (when, true) => format!("{} (at once: {when})", escalate.to),
            });
            section.add(Part::Steps, "For", to);
            section.add(Part::Steps, "Run again", [again(packet)]);
        }
    }
}

/// The site's two clocks.
fn promised(priority: &Priority) -> String {
    let clocks = [("somebody takes it", &priority.respond), ("the person works again", &priority.restore)];
    let clocks = clocks.into_iter().filter_map(|(what, within)| Some(format!(", {what} within {}", within.as_ref()?)));
    clocks.collect()
}

/// Whether the complaint showed while the run looked.
fn shown(packet: &Packet) -> &'static str {
    match packet.verdict.status {
        Status::Fault => "yes, the fault was there in this run",
        Status::Degraded => "yes, it worked but badly in this run",
        Status::Healthy => "no, it worked in this run",
        Status::Undecided if packet.verdict.code == Some(crate::problem::Code::CaseNotReproduced) => {
            "no, it worked in this run"
        }
        Status::Undecided => "not known, the run could not tell",
    }
}

fn machine(section: &mut Section, packet: &Packet, content: &Content) {
    let (host, run) = (&packet.host, &packet.run);
    let system = format!("{} {}", host.os, host.os_version);
    let words = [host.name.as_str(), system.trim(), &format!("kernel {}", host.kernel), &host.architecture];
    let known: Vec<&str> = words.into_iter().filter(|word| !word.is_empty()).collect();
    section.add(Part::Machine, "Machine", [format!("{}, up {}", known.join(", "), days(host.uptime_s))]);
    section.add(Part::Machine, "Seen from", content.seen_from.clone());
    section.add(Part::Machine, "Connection", connection(packet));
    let rights = if run.elevated { "with administrator rights" } else { "without administrator rights" };
    let person = if run.interactive { "at a terminal" } else { "nobody at a terminal" };
    section.add(Part::Run, "Run as", [format!("{} {rights}, {person}", run.user)]);
}

fn days(seconds: u64) -> String {
    match seconds {
        0..3_600 => format!("{} min", seconds / 60),
        3_600..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} days", seconds / 86_400),
    }
}

/// The way that the measurements took: interface, its kind, gateway, proxy.
fn connection(packet: &Packet) -> Option<String> {
    let ways = || packet.observations.iter().map(|seen| &seen.via);
    let interface = ways().find_map(|via| via.interface.as_deref().filter(|name| *name != "lo"))?;
    let mine = || ways().filter(|via| via.interface.as_deref() == Some(interface));
    let kind = packet.observations.iter().find_map(|seen| {
        let kind = seen.facts.get("kind")?.as_str()?;
        (seen.probe == "link" && seen.subject.as_deref() == Some(interface)).then(|| format!(" ({kind})"))
    });
    let part = |label: &str, value: Option<&str>| value.map(|value| format!(", {label} {value}")).unwrap_or_default();
    Some(format!(
        "{interface}{}{}{}{}",
        kind.unwrap_or_default(),
        part("address", mine().find_map(|via| via.source.as_deref())),
        part("gateway", mine().find_map(|via| via.gateway.as_deref())),
        part("proxy", mine().find_map(|via| via.proxy.as_deref())),
    ))
}

fn tried(section: &mut Section, packet: &Packet, content: &Content) {
    let playbook = &packet.playbook;
    let run = &packet.run;
    let checks = format!(
        "playbook {} ({}), {} of {} checks in {}",
        playbook.id,
        playbook.title,
        run.checks_used,
        run.checks_available,
        seconds(run.took_ms)
    );
    section.add(Part::Run, "This run", [checks]);
    // A playbook that starts nothing needs nobody, so that nobody vouches for it says nothing.
    let vouched = playbook.vouched.as_ref().filter(|trust| !matches!(trust, Trust::BuiltIn | Trust::Unsigned { .. }));
    section.add(Part::Run, "Playbook", vouched.map(Trust::to_string));
    section.add(Part::Run, "Cut short", content.cut_short.clone());
    section.steps(Part::Steps, "Proposed", packet.next.workaround.iter().cloned());
    section.add(Part::Steps, "Read", content.read.iter().cloned());
}

fn findings(section: &mut Section, packet: &Packet, content: &Content) {
    let ladder: Vec<String> = content.ladder.iter().map(|rung| format!("{} {}", rung.layer, rung.word)).collect();
    section.add(Part::Ladder, "Layers", [ladder.join(", ")]);
    let proven = (content.status == Status::Healthy).then(|| works(packet)).flatten();
    section.add(Part::Because, "Because", content.because.iter().cloned().chain(proven));
    section.add(Part::Ladder, "Suspects", (!content.board.is_empty()).then(|| content.board.clone()));
    section.add(Part::Suspects, "Still open", content.suspects.iter().cloned());
    section.add(Part::RuledOut, "Ruled out", content.ruled_out.iter().cloned());
    let none = content.not_tested.is_empty().then(|| "nothing that bears on this verdict".to_owned());
    section.add(Part::NotTested, "Not tested", content.not_tested.iter().cloned().chain(none));
    section.add(Part::Also, "Also", content.also.iter().cloned());
    section.add(Part::Notes, "Notes", content.notes.iter().cloned());
}

/// Where nothing is wrong, the observation that shows it.
fn works(packet: &Packet) -> Option<String> {
    let id = packet.verdict.because.first()?;
    let proof = packet.observations.iter().find(|seen: &&Observation| seen.id == *id && seen.outcome == Outcome::Ok)?;
    Some(format!("{} [{id}]", proof.summary))
}

fn evidence(section: &mut Section, packet: &Packet, content: &Content) {
    let run = &packet.run;
    let path = run.packet_path.as_deref();
    let name = path.map(|path| path.rsplit(['/', '\\']).next().unwrap_or(path).to_owned());
    section.add(Part::Run, "Packet", [name.unwrap_or_else(|| "none was written".to_owned())]);
    let files: usize = packet.observations.iter().map(|seen| seen.evidence.len()).sum();
    section.add(Part::Run, "Made by", [format!("{} {}, run {}", packet.tool.name, packet.tool.version, run.id)]);
    section.add(Part::Run, "Hidden", [hidden(run)]);
    section.add(Part::Run, "Withheld", run.withheld.iter().cloned());
    let clock = match run.clock_offset_ms {
        Some(offset) => format!("clock off by {offset} ms"),
        None => "clock not compared with a reference".to_owned(),
    };
    let plural = if files == 1 { "" } else { "s" };
    let counts = format!("{} observations, {files} file{plural} of evidence; {clock}", packet.observations.len());
    section.add(Part::Evidence, "Holds", [counts]);
    section.add(Part::Warnings, "Warnings", content.warnings.iter().cloned());
}

/// What was hidden, the most frequent first.
fn hidden(run: &Run) -> String {
    let mut classes: Vec<(&String, &usize)> = run.hidden.iter().collect();
    classes.sort_by_key(|(class, count)| (std::cmp::Reverse(**count), class.as_str()));
    let classes: Vec<String> =
        classes.into_iter().take(MOST_TEXTS).map(|(class, count)| format!("{count} {class}")).collect();
    let classes = if classes.is_empty() { String::new() } else { format!(" ({})", classes.join(", ")) };
    format!("{}{classes}", run.redaction)
}

#[cfg(test)]
mod tests;
