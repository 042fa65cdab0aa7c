//! Scenarios: whole runs of the built-in playbooks in worlds that are written down, under a paused clock. Each file of
//! `tests/scenarios/` names the run, the fault laid over a healthy world, and the verdict; the report that people read
//! is kept beside it. They hold what a network laboratory cannot show easily: radios, disks, settings of desktops.

use firstline::cli::{RunFlags, What};
use firstline::diagnosis::verdict::{FindingStatus, Verdict};
use firstline::exit::Exit;
use firstline::packet::Packet;
use firstline::playbook::builtin;
use firstline::report::{Style, render};
use firstline::request::Request;
use firstline::run::{Unwatched, execute};
use firstline::settings::Settings;
use firstline::world::fake::Fake;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/scenarios");

/// One file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Scenario {
    /// What it shows, in a sentence.
    about: String,
    playbook: String,
    target: Option<String>,
    /// The user's words, where somebody complained.
    symptom: Option<String>,
    /// The healthy world beneath, a file of `worlds/`.
    base: String,
    #[serde(default)]
    settings: Settings,
    /// Laid over the base.
    #[serde(default)]
    world: toml::Table,
    expect: Expected,
}

/// What must come of it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Expected {
    status: String,
    /// Absent where nothing is blamed, or several layers are.
    layer: Option<String>,
    #[serde(default)]
    layers: Vec<String>,
    cause: Option<String>,
    culprit: Option<String>,
    certainty: Option<String>,
    exit: u8,
    /// Layers that must not be blamed.
    #[serde(default)]
    not_blamed: Vec<String>,
    /// Words of the findings beside the verdict: a code or cause each.
    #[serde(default)]
    also: Vec<String>,
    /// A part of each of these notes must be there.
    #[serde(default)]
    notes: Vec<String>,
    /// Codes that some observation must carry.
    #[serde(default)]
    seen: Vec<String>,
    /// Contacts that must not be made: the beginnings of `tcp 10.0.0.7:443` and the like.
    #[serde(default)]
    never_contacts: Vec<String>,
    /// Milliseconds of the paused clock within which it must be over.
    within_ms: u64,
}

fn word<T: serde::Serialize>(value: &T) -> String {
    serde_json::to_value(value).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}

fn request(scenario: &Scenario) -> Request {
    let playbook = builtin::playbook(&scenario.playbook).expect("a built-in playbook").expect("a good one");
    let what = What { playbook: scenario.playbook.clone(), target: scenario.target.clone(), words: Vec::new() };
    let flags = RunFlags { symptom: scenario.symptom.clone(), ..RunFlags::default() };
    Request::build(playbook, &what, &flags, scenario.settings.clone(), &|_| None).expect("a request")
}

/// What is wrong with the outcome, one line each.
fn mistakes(expected: &Expected, packet: &Packet, contacts: &[String]) -> Vec<String> {
    let verdict = &packet.verdict;
    let mut wrong = Vec::new();
    let mut same = |what: &str, expected: &str, found: &str| {
        if expected != found {
            wrong.push(format!("{what} is `{found}`, not `{expected}`"));
        }
    };
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    same("status", &expected.status, verdict.status.name());
    same("layer", &text(&expected.layer), &verdict.layer.map(|layer| word(&layer)).unwrap_or_default());
    same("layers", &expected.layers.join(" "), &verdict.layers.iter().map(word).collect::<Vec<_>>().join(" "));
    same("cause", &text(&expected.cause), &text(&verdict.cause));
    same("culprit", &text(&expected.culprit), &text(&verdict.culprit));
    same("exit", &expected.exit.to_string(), &Exit::from(verdict.status).number().to_string());
    if let Some(certainty) = &expected.certainty {
        same("certainty", certainty, &word(&verdict.certainty));
    }
    for layer in blamed(verdict).into_iter().filter(|layer| expected.not_blamed.contains(layer)) {
        wrong.push(format!("{layer} is blamed"));
    }
    let beside = |also: &String| {
        verdict
            .also
            .iter()
            .any(|one| one.cause.as_ref() == Some(also) || one.code.is_some_and(|code| code.word() == also))
    };
    wrong.extend(expected.also.iter().filter(|also| !beside(also)).map(|also| format!("`{also}` is not told beside")));
    let noted = |part: &String| verdict.notes.iter().any(|note| note.contains(part.as_str()));
    wrong.extend(expected.notes.iter().filter(|part| !noted(part)).map(|part| format!("no note says `{part}`")));
    let seen = |code: &String| packet.observations.iter().any(|one| one.codes().any(|other| other.word() == code));
    wrong.extend(expected.seen.iter().filter(|code| !seen(code)).map(|code| format!("`{code}` is not seen")));
    let banned = |contact: &&String| expected.never_contacts.iter().any(|start| contact.starts_with(start.as_str()));
    wrong.extend(contacts.iter().filter(banned).map(|contact| format!("it contacts {contact}")));
    if packet.run.took_ms > expected.within_ms {
        wrong.push(format!("it took {} ms", packet.run.took_ms));
    }
    wrong
}

/// The layers that the verdict blames.
fn blamed(verdict: &Verdict) -> Vec<String> {
    let findings = verdict.findings.iter().filter(|finding| finding.status == FindingStatus::Problem);
    verdict
        .layer
        .iter()
        .chain(&verdict.layers)
        .copied()
        .chain(findings.map(|finding| finding.layer))
        .map(|layer| word(&layer))
        .collect()
}

/// The report as people read it, without what differs between two runs.
fn report(packet: &Packet) -> String {
    let mut packet = packet.clone();
    packet.run.id = "0123456789abcdef".to_owned();
    packet.run.started = "2026-11-21T09:15:02Z".to_owned();
    packet.run.zone = "+00:00 UTC".to_owned();
    packet.tool.version = "0.0.0".to_owned();
    packet.playbook.hash = String::new();
    render("text", &packet, &Style::plain(100))
}

fn name_of(path: &Path) -> String {
    path.file_stem().expect("a name").to_string_lossy().into_owned()
}

fn scenarios() -> Vec<PathBuf> {
    let entries = fs::read_dir(FOLDER).expect("the folder").map(|entry| entry.expect("an entry").path());
    let mut files: Vec<PathBuf> = entries.filter(|path| path.extension().is_some_and(|end| end == "toml")).collect();
    files.sort();
    files
}

/// Plays one scenario; what is wrong with it.
fn play(path: &Path) -> Result<Vec<String>, String> {
    let text = fs::read_to_string(path).map_err(|error| error.to_string())?;
    let scenario: Scenario = toml::from_str(&text).map_err(|error| error.to_string())?;
    assert!(!scenario.about.is_empty());
    let base = format!("{FOLDER}/worlds/{}.toml", scenario.base);
    let base = fs::read_to_string(&base).map_err(|error| format!("{base}: {error}"))?;
    let fault = toml::to_string(&scenario.world).map_err(|error| error.to_string())?;
    let fake = Fake::from_layers(&[&base, &fault])?;
    let request = request(&scenario);
    let builder = &mut tokio::runtime::Builder::new_current_thread();
    let runtime = builder.enable_all().start_paused(true).build().map_err(|error| error.to_string())?;
    let packet = runtime.block_on(execute(&request, &fake.world(), &Unwatched, std::future::pending()));
    let mut wrong = mistakes(&scenario.expect, &packet, &fake.contacts());
    let report = report(&packet);
    if !wrong.is_empty() {
        let observations =
            packet.observations.iter().filter(|one| one.codes().next().is_some() || one.reason.is_some());
        let lines: Vec<String> =
            observations.map(|one| format!("  {} {:?}: {}", one.id, one.outcome, one.summary)).collect();
        wrong.push(format!("{report}\n{}", lines.join("\n")));
        return Ok(wrong);
    }
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(FOLDER);
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    // These numbers change with every cause that a playbook learns.
    settings.add_filter(r"(?m)^(Suspects|Checks)  .*\n(?:  +.*\n)*", "");
    settings.set_description(scenario.about);
    settings.bind(|| insta::assert_snapshot!(name_of(path), report));
    Ok(wrong)
}

#[test]
fn every_scenario_ends_in_its_verdict() {
    let only = std::env::var("SCENARIO").unwrap_or_default();
    let mut failed = BTreeMap::new();
    let files = scenarios();
    assert!(files.len() >= 12, "the scenarios are gone");
    for path in files.iter().filter(|path| name_of(path).contains(&only)) {
        match std::panic::catch_unwind(|| play(path)) {
            Ok(Ok(wrong)) if wrong.is_empty() => {}
            Ok(Ok(wrong)) => drop(failed.insert(name_of(path), wrong.join("\n"))),
            Ok(Err(why)) => drop(failed.insert(name_of(path), why)),
            Err(_) => drop(failed.insert(name_of(path), "the report differs, see above".to_owned())),
        }
    }
    let shown: Vec<String> = failed.iter().map(|(name, why)| format!("--- {name}\n{why}")).collect();
    assert!(failed.is_empty(), "{} of {} scenarios fail\n{}", failed.len(), files.len(), shown.join("\n"));
}
