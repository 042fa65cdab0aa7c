//! `--accuracy` and `--under-load`: run worlds, compare with the committed results, write results and page.

use crate::harness::{End, Mode, Report, run_with, workers};
use crate::measure::Measured;
use crate::reference;
use crate::results::{Conditions, Results};
use crate::world::World;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};

/// Measures the chosen worlds and publishes them. `whole` where these are all worlds.
pub fn accuracy(chosen: Vec<World>, whole: bool) -> Result<ExitCode, String> {
    let mut results = Results::read()?;
    let missing = reference::missing();
    if whole {
        results.conditions = Conditions::now(&missing);
        results.retain(&chosen);
    }
    let (mut unmeasured, mut lost, mut failing) = (0, 0, 0);
    let judged = in_turn(&chosen, Mode::Judge);
    let referenced = if missing.is_empty() { in_turn(&chosen, Mode::Reference) } else { Vec::new() };
    for (name, report) in judged {
        let Some(mut measured) = report.measured else {
            println!("\n---- {name} was not measured ----\n{}", report.text.trim_end());
            unmeasured += 1;
            continue;
        };
        let script = referenced.iter().find(|(other, _)| *other == name);
        measured.reference = script.and_then(|(_, report)| report.reference.clone());
        if !measured.wrong.is_empty() {
            println!("\n---- {name} is diagnosed wrongly ----\n{}", report.text.trim_end());
        } else if report.end == End::Failed {
            // Its time, its exit code or a promise: the verdict is right and counts, and the world fails all the same.
            println!("\n---- {name} is diagnosed rightly and fails ----\n{}", report.text.trim_end());
            failing += 1;
        }
        let losses = results.take(*measured);
        if !losses.is_empty() {
            println!("{name} was right in {} and is not any more; its old result stands", losses.join(", "));
            lost += 1;
        }
    }
    results.write()?;
    let right = results.worlds.values().filter(|world| world.wrong.is_empty()).count();
    println!("\n{right} of {} worlds are right; written: {}, {}", results.worlds.len(), Results::FILE, Results::PAGE);
    println!("{lost} lost, {failing} right and failing, {unmeasured} not measured");
    Ok(if lost + failing + unmeasured == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Runs worlds, the sociable ones in parallel first, then each that must be alone.
pub fn in_turn(chosen: &[World], mode: Mode) -> Vec<(&'static str, Report)> {
    let (alone, sociable): (Vec<World>, Vec<World>) =
        chosen.iter().copied().partition(|world| world.alone && mode != Mode::Prove);
    let mut ends = run_with(workers(), sociable, mode);
    ends.extend(run_with(1, alone, mode));
    ends
}

/// Runs the chosen worlds so many times while every processor is busy, and publishes how often a verdict changed.
pub fn under_load(chosen: Vec<World>, rounds: u32) -> Result<ExitCode, String> {
    let mut results = Results::read()?;
    for world in &chosen {
        let published = results.worlds.get_mut(world.name);
        published.ok_or(format!("`{}` is not published yet: first --accuracy", world.name))?.under_load = None;
    }
    results.write()?;
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let cores = std::thread::available_parallelism().map_or(2, usize::from);
        for _ in 0..cores {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    std::hint::spin_loop()
                }
            });
        }
        let written = (1..=rounds).try_for_each(|round| {
            println!("round {round} of {rounds}");
            let ends = in_turn(&chosen, Mode::Judge);
            // Read and written for each round, so that a run that is cut short is not lost.
            let mut results = Results::read()?;
            ends.iter().for_each(|(name, report)| note(&mut results, name, report, round));
            results.write()
        });
        stop.store(true, Ordering::Relaxed);
        written
    })?;
    println!("written: {}, {}", Results::FILE, Results::PAGE);
    Ok(ExitCode::SUCCESS)
}

/// Where the packets of runs whose verdict changed are kept; nowhere unless `FIRSTLINE_LAB_KEEP` names a folder.
pub fn kept_in() -> Option<PathBuf> {
    std::env::var_os("FIRSTLINE_LAB_KEEP").map(PathBuf::from)
}

/// Keeps the packet of a run whose verdict changed, so that somebody can read why.
fn keep(name: &str, report: &Report, round: u32) {
    let (Some(folder), Some(packet)) = (kept_in(), &report.packet) else { return };
    let file = folder.join(format!("{name}-{round}.json"));
    if let Err(error) = std::fs::create_dir_all(&folder).and_then(|()| std::fs::write(&file, packet)) {
        println!("{}: {error}", file.display());
    }
}

/// Counts one run under load.
fn note(results: &mut Results, name: &str, report: &Report, round: u32) {
    let Some(published) = results.worlds.get_mut(name) else { return };
    let change = match &report.measured {
        Some(measured) => change(published, measured),
        // Nothing was said that could have changed.
        None if report.end == End::Skipped => return,
        None if report.end == End::Broken => {
            println!("{name} does not count: {}", report.text.trim_end());
            return;
        }
        None => Some("no verdict".to_owned()),
    };
    let noise = published.under_load.get_or_insert_default();
    noise.runs += 1;
    if let Some(change) = change {
        println!("{name}: {change}\n{}", report.text.trim_end());
        keep(name, report, round);
        *noise.changed.entry(change).or_default() += 1;
    }
}

/// What a run said that the published one did not; none where they agree.
fn change(published: &Measured, now: &Measured) -> Option<String> {
    let (before, after) = (&published.said, &now.said);
    if after.agrees_with(before) {
        return None;
    }
    if after.status == "undecided" {
        return Some("undecided".to_owned());
    }
    let mut same_but_sure = after.clone();
    same_but_sure.certainty.clone_from(&before.certainty);
    if same_but_sure.agrees_with(before) && after.certainty == "suspected" {
        return Some("suspected".to_owned());
    }
    let words = [
        Some(&after.status),
        after.layer.as_ref(),
        after.cause.as_ref().or(after.code.as_ref()),
        after.culprit.as_ref(),
    ];
    let said: Vec<&str> = words.into_iter().flatten().map(String::as_str).collect();
    // A suspicion of something else is softer than a verdict, but not the same suspicion.
    let suspects_else = after.certainty == "suspected" && before.certainty == "confirmed";
    Some(format!("{}{}", if suspects_else { "suspected " } else { "" }, said.join(" ")))
}

impl Conditions {
    fn now(missing: &[&str]) -> Conditions {
        let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
        let cores = std::thread::available_parallelism().map_or(0, usize::from);
        let model = read("/proc/cpuinfo")
            .lines()
            .find_map(|line| line.strip_prefix("model name")?.split_once(": ").map(|(_, model)| model.to_owned()))
            .unwrap_or_else(|| "a processor without a name".to_owned());
        let needs = |packages: &[&str]| format!("`{}` is not installed here", packages.join("`, `"));
        Conditions {
            date: jiff::Timestamp::now().strftime("%Y-%m-%d").to_string(),
            machine: format!("{cores} processors ({model})"),
            kernel: format!("Linux {}", read("/proc/sys/kernel/osrelease").trim()),
            build: if cfg!(debug_assertions) { "debug" } else { "release" }.to_owned(),
            workers: workers(),
            load: read("/proc/loadavg").split(' ').next().unwrap_or_default().to_owned(),
            reference: if missing.is_empty() { String::new() } else { needs(missing) },
        }
    }
}
