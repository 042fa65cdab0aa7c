//! The inner part: process 1 of a world. Builds it, runs the program under test on its client, compares and proves.

use crate::certificates::Certificates;
use crate::harness::{End, Mode, Report};
use crate::measure::Measured;
use crate::network::{self, Lab};
use crate::proof::Eyes;
use crate::scene::{Certificate, Scene, Speaks};
use crate::world::World;
use crate::{daemon, dhcp, leaks, machine, promises, publish, reference, servers, worlds};
use serde_json::Value;
use std::collections::BTreeSet;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

/// How much of a text that is not JSON goes into a report.
const EXCERPT: usize = 2_000;

/// A world that stands.
struct Standing {
    scene: Scene,
    lab: Lab,
    certificates: Certificates,
    /// Seconds that it took to build.
    built_s: f64,
}

/// Builds the world of this name and does with it what the mode says.
pub fn main(name: &str, mode: Mode) -> ExitCode {
    let Some(world) = worlds::all().into_iter().chain(worlds::by_chance()).find(|world| world.name == name) else {
        return tell(&Report::broken(format!("there is no world `{name}`")));
    };
    let standing = match build(&world) {
        Ok(standing) => standing,
        Err(report) => return tell(&report),
    };
    match mode {
        Mode::Judge => tell(&judge(&world, &standing)),
        Mode::Prove => tell(&prove(&world, &standing, 0.0)),
        Mode::Reference => tell(&refer(&world, &standing)),
        Mode::Show => show(&world, &standing),
        Mode::Picture => picture(&world, &standing),
        Mode::Freeze => freeze(&world, &standing),
        Mode::Shell => shell(&world, &standing),
    }
}

/// The report as one line for the harness.
pub fn tell(report: &Report) -> ExitCode {
    println!("{}", serde_json::to_string(report).unwrap_or_default());
    ExitCode::SUCCESS
}

fn build(world: &World) -> Result<Standing, Box<Report>> {
    let began = Instant::now();
    let broken = |error: String| Report::broken(error);
    let under_test = std::env::var_os("FIRSTLINE_LAB_BINARY")
        .map_or_else(|| PathBuf::from(env!("CARGO_BIN_EXE_firstline")), PathBuf::from);
    machine::furnish(&under_test).map_err(Report::skipped)?;
    let mut scene = Scene::healthy();
    (world.fault)(&mut scene);
    daemon::installed(&scene).map_err(Report::skipped)?;
    let lab = network::build(&mut scene).map_err(Report::skipped)?;
    let certificates = Certificates::new(scene.clock_ahead_s);
    machine::write_files(&scene, &certificates.bundle(&shown(&scene))).map_err(broken)?;
    machine::can_filter(&scene.client).map_err(Report::skipped)?;
    machine::filter(&scene.client).map_err(broken)?;
    servers::start(&lab, &mut scene, &certificates).map_err(broken)?;
    dhcp::start(&lab, &scene).map_err(broken)?;
    daemon::start(&lab, &mut scene, &certificates).map_err(broken)?;
    machine::start_programs(&scene.client).map_err(broken)?;
    lab.cut(&scene).map_err(broken)?;
    machine::can_command(&scene).map_err(Report::skipped)?;
    lab.command(&scene).map_err(broken)?;
    Ok(Standing { scene, lab, certificates, built_s: began.elapsed().as_secs_f64() })
}

/// The kinds of certificate that the scene's servers show.
fn shown(scene: &Scene) -> Vec<Certificate> {
    let kind = |speaks: &Speaks| match speaks {
        Speaks::Https(certificate, ..) => Some(*certificate),
        _ => None,
    };
    scene.services.iter().filter_map(|service| kind(&service.speaks)).collect()
}

/// Runs the program under test, compares its verdict, and proves the fault afterwards, so that no proof warms a cache
/// for the program.
fn judge(world: &World, standing: &Standing) -> Report {
    let _ = standing.lab.started.set(Instant::now());
    let limit = world.expect.limit();
    let line = world.command_line();
    let outcome = match machine::run(&standing.scene, &line, limit + limit) {
        Ok(outcome) => outcome,
        Err(error) => return Report::broken(error),
    };
    let seconds = outcome.took.as_secs_f64();
    let packet = match serde_json::from_str::<Value>(&outcome.stdout) {
        Ok(packet) => packet,
        Err(error) => return Report::failed(not_json(world, &line, &outcome, &error), seconds),
    };
    let measured = Measured::new(world, &packet, outcome.took.as_millis() as u64);
    let mut differences = measured.wrong.clone();
    if outcome.took > limit {
        differences.push(format!("time: {seconds:.2} s, expected at most {:.2} s", limit.as_secs_f64()));
    }
    let right_code = exit_code(packet["verdict"]["status"].as_str().unwrap_or_default());
    if outcome.code != Some(right_code) {
        differences.push(format!("exit code: expected {right_code} for that status, got {:?}", outcome.code));
    }
    if !outcome.stderr.is_empty() {
        differences.push(format!("standard error should be empty: {}", excerpt(&outcome.stderr)));
    }
    // What a wrong verdict would be without one of its checks proves nothing.
    if world.known_wrong.is_empty() {
        differences.extend(promises::broken(&outcome.stdout));
    }
    differences.extend(leaks::broken(&standing.scene));
    let report = match differences.is_empty() {
        true if world.known_wrong.is_empty() => prove(world, standing, seconds),
        true => Report::failed("it is right by now: take `known_wrong` away", seconds),
        false => wrong(world, &line, standing, (&differences, &measured), &packet, seconds),
    };
    // A world that is not what it says has measured nothing; a verdict that came too late is one all the same.
    let kept = publish::kept_in().is_some().then_some(outcome.stdout);
    let measured = (report.end != End::Broken).then(|| Box::new(measured));
    Report { codes: codes(&packet), measured, packet: kept, ..report }
}

/// A failure, or what is published as wrong: that excuses the verdict and nothing beside it, and only where the world is
/// what it says.
fn wrong(
    world: &World,
    line: &[&str],
    standing: &Standing,
    (differences, measured): (&[String], &Measured),
    packet: &Value,
    seconds: f64,
) -> Report {
    let proven = prove(world, standing, seconds);
    if proven.end != End::Passed {
        return proven;
    }
    let published = !world.known_wrong.is_empty() && differences == measured.wrong;
    let end = if published { End::Wrong } else { End::Failed };
    Report::new(end, explain(world, line, standing, differences, packet), seconds)
}

/// The problem codes of a packet's observations.
fn codes(packet: &Value) -> BTreeSet<String> {
    let observations = packet["observations"].as_array().map(Vec::as_slice).unwrap_or_default();
    let own = observations.iter().map(|observation| &observation["code"]);
    let more = observations.iter().filter_map(|observation| observation["also"].as_array()).flatten();
    own.chain(more).chain([&packet["verdict"]["code"]]).filter_map(|code| code.as_str().map(str::to_owned)).collect()
}

/// Runs the reference script and tells what it said.
fn refer(world: &World, standing: &Standing) -> Report {
    let _ = standing.lab.started.set(Instant::now());
    match reference::run(world, &standing.scene) {
        Ok((said, text)) => {
            let report = Report::new(End::Passed, text, said.took_ms as f64 / 1000.0);
            Report { reference: Some(said), ..report }
        }
        Err(error) => Report::broken(error),
    }
}

fn exit_code(status: &str) -> i32 {
    match status {
        "healthy" => 0,
        "degraded" => 1,
        "fault" => 2,
        _ => 3,
    }
}

fn prove(world: &World, standing: &Standing, seconds: f64) -> Report {
    let eyes = Eyes::new(&standing.lab, standing.certificates.root());
    let _ = standing.lab.started.set(Instant::now());
    match (world.proof)(&eyes) {
        Ok(()) => Report::new(End::Passed, "", seconds),
        Err(error) => Report::broken(format!("the world is not what it says: {error}")),
    }
}

fn not_json(world: &World, line: &[&str], outcome: &machine::Outcome, error: &serde_json::Error) -> String {
    let end = outcome.code.map_or("killed at its limit".to_owned(), |code| format!("exit code {code}"));
    let (stdout, stderr) = (excerpt(&outcome.stdout), excerpt(&outcome.stderr));
    let command = line.join(" ");
    format!(
        "\"{}\"\nfirstline {command}\nno JSON document ({error}), {end}\nstdout: {stdout}\nstderr: {stderr}",
        world.says
    )
}

fn excerpt(text: &str) -> String {
    text.chars().take(EXCERPT).collect()
}

/// Everything that a person needs to see why a verdict is wrong.
fn explain(world: &World, line: &[&str], standing: &Standing, differences: &[String], packet: &Value) -> String {
    let verdict = &packet["verdict"];
    let mut text =
        format!("\"{}\"\nfirstline {}   (world built in {:.2} s)\n", world.says, line.join(" "), standing.built_s);
    differences.iter().for_each(|difference| text.push_str(&format!("  wrong  {difference}\n")));
    for key in
        ["status", "layer", "layers", "cause", "code", "certainty", "culprit", "summary", "because", "also", "notes"]
    {
        text.push_str(&format!("  {key}: {}\n", verdict[key]));
    }
    let suspects = verdict["suspects"].as_array().map(Vec::as_slice).unwrap_or_default();
    let suspects: Vec<_> = suspects.iter().filter_map(|suspect| suspect["cause"].as_str()).collect();
    text.push_str(&format!("  suspects: {}\n", suspects.join(" ")));
    for observation in packet["observations"].as_array().map(Vec::as_slice).unwrap_or_default() {
        let word = |key: &str| observation[key].as_str().unwrap_or("-");
        let took = &observation["took_ms"];
        text.push_str(&format!(
            "    {} {} {} {} {took} ms: {}\n",
            word("id"),
            word("layer"),
            word("outcome"),
            word("code"),
            word("summary")
        ));
    }
    text
}

/// Prints the text report, then the wrong points if there are any.
fn show(world: &World, standing: &Standing) -> ExitCode {
    println!("\"{}\"", world.says);
    let line = world.command_line();
    let text: Vec<&str> = line.iter().map(|word| if *word == "json" { "text" } else { word }).collect();
    println!("$ firstline {}", text.join(" "));
    let _ = standing.lab.started.set(Instant::now());
    match machine::run(&standing.scene, &text, world.expect.limit() * 4) {
        Ok(outcome) => println!("{}{}", outcome.stdout, outcome.stderr),
        Err(error) => println!("{error}"),
    }
    let report = judge(world, standing);
    println!("{:?} {:.2} s\n{}", report.end, report.seconds, report.text);
    ExitCode::SUCCESS
}

/// Prints the page of the run and nothing else, for a browser. The packet is written, because only so it has evidence.
fn picture(world: &World, standing: &Standing) -> ExitCode {
    let line = world.command_line();
    let mut words: Vec<&str> = line.iter().map(|word| if *word == "json" { "picture" } else { word }).collect();
    words.extend(["--output", "/tmp/packet"]);
    let _ = standing.lab.started.set(Instant::now());
    match machine::run(&standing.scene, &words, world.expect.limit() * 4) {
        Ok(outcome) if !outcome.stdout.is_empty() => {
            print!("{}", outcome.stdout);
            ExitCode::SUCCESS
        }
        Ok(outcome) => {
            eprintln!("{}", outcome.stderr);
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// Prints the packet of the run and nothing else, to be kept among the tests.
fn freeze(world: &World, standing: &Standing) -> ExitCode {
    const FOLDER: &str = "/tmp/packet";
    let mut words = world.command_line();
    words.extend(["--output", FOLDER]);
    let _ = standing.lab.started.set(Instant::now());
    let told = machine::run(&standing.scene, &words, world.expect.limit() * 4).and_then(|outcome| {
        let mut written = std::fs::read_dir(FOLDER).into_iter().flatten().flatten().map(|entry| entry.path());
        let archive = written.find(|path| path.extension().is_some_and(|ending| ending == "zip"));
        let bytes = std::fs::read(archive.ok_or(outcome.stderr)?).map_err(|error| error.to_string())?;
        std::io::stdout().write_all(&bytes).map_err(|error| error.to_string())
    });
    match told {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// A shell on the client, as the user of the world would have it.
fn shell(world: &World, standing: &Standing) -> ExitCode {
    let _ = standing.lab.started.set(Instant::now());
    println!("world {}: \"{}\", built in {:.2} s", world.name, world.says, standing.built_s);
    println!("try: firstline {}", world.command_line().join(" ").replace("--format json ", ""));
    let status = machine::command("/bin/sh", &["-i"])
        .envs(standing.scene.client.environment.iter().cloned())
        .env("TERM", std::env::var_os("TERM").unwrap_or_default())
        .env("PS1", format!("{}$ ", world.name))
        .status();
    if status.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
