//! The outer part: reads the command line, runs worlds as child processes with a bounded number of workers, and reports.

use crate::measure::{Measured, Reference};
use crate::results::{self, Results};
use crate::world::World;
use crate::{census, chance, codes, daemon, inside, machine, namespace, publish, worlds};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeSet, VecDeque};
use std::io::Read;
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// What a world may take beyond its own limit: set-up, proof, and a machine that other worlds keep busy.
const GRACE: Duration = Duration::from_secs(40);

/// How a world ended, as the child tells its parent on its standard output.
#[derive(Debug, Serialize, Deserialize)]
pub struct Report {
    pub end: End,
    /// Lines for a person: differences, observations, reasons.
    pub text: String,
    /// Seconds that the program under test took.
    pub seconds: f64,
    /// The problem codes of its observations.
    #[serde(default)]
    pub codes: BTreeSet<String>,
    /// What was measured; none where there is no verdict.
    #[serde(default)]
    pub measured: Option<Box<Measured>>,
    /// What the reference said, where that was run.
    #[serde(default)]
    pub reference: Option<Reference>,
    /// The packet, where packets are kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub packet: Option<String>,
}

/// The ends of a world.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum End {
    Passed,
    /// The program under test did something wrong.
    Failed,
    /// The lab itself did: nothing is known of the program.
    Broken,
    /// Wrong, and known to be.
    Wrong,
    Skipped,
}

impl Report {
    /// A world that could not be built here, and why.
    pub fn skipped(why: impl Into<String>) -> Report {
        Report::new(End::Skipped, why, 0.0)
    }

    /// A world that ended like this.
    pub fn new(end: End, text: impl Into<String>, seconds: f64) -> Report {
        Report {
            end,
            text: text.into(),
            seconds,
            codes: BTreeSet::new(),
            measured: None,
            reference: None,
            packet: None,
        }
    }

    /// A world in which the program under test went wrong.
    pub fn failed(text: impl Into<String>, seconds: f64) -> Report {
        Report::new(End::Failed, text, seconds)
    }

    /// A world that is not what it says, or that could not be watched.
    pub fn broken(text: impl std::fmt::Display) -> Report {
        Report::new(End::Broken, format!("the lab itself: {text}"), 0.0)
    }
}

/// What is done with worlds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Diagnose, compare, prove.
    Judge,
    /// Prove only.
    Prove,
    /// Run the reference script in the place of the program under test.
    Reference,
    /// Diagnose and print the text report.
    Show,
    /// Diagnose and print the picture alone, a page of HTML.
    Picture,
    /// Diagnose and print the packet alone, an archive.
    Freeze,
    /// A shell on the client.
    Shell,
}

impl Mode {
    const ALL: [(&'static str, Mode); 7] = [
        ("judge", Mode::Judge),
        ("--prove", Mode::Prove),
        ("--reference", Mode::Reference),
        ("--show", Mode::Show),
        ("--picture", Mode::Picture),
        ("--freeze", Mode::Freeze),
        ("--shell", Mode::Shell),
    ];

    fn word(self) -> &'static str {
        Mode::ALL.iter().find(|(_, mode)| *mode == self).map_or("judge", |(word, _)| word)
    }

    fn from_word(word: &str) -> Mode {
        Mode::ALL.iter().find(|(other, _)| *other == word).map_or(Mode::Judge, |(_, mode)| *mode)
    }
}

/// The command line. What the standard test harness also takes and the lab does not need is accepted and ignored, so
/// that `cargo test -- --nocapture` works.
struct Options {
    mode: Mode,
    list: bool,
    /// Measure and publish.
    accuracy: bool,
    /// How many times to run each world while the processors are busy.
    under_load: Option<u32>,
    /// How many times to run each world that throws dice.
    by_chance: Option<u32>,
    exact: bool,
    ignored: bool,
    filters: Vec<String>,
    skips: Vec<String>,
}

impl Options {
    fn read(arguments: &[String]) -> Options {
        let mut options = Options {
            mode: Mode::Judge,
            list: false,
            accuracy: false,
            under_load: None,
            by_chance: None,
            exact: false,
            ignored: false,
            filters: Vec::new(),
            skips: Vec::new(),
        };
        let mut words = arguments.iter();
        while let Some(word) = words.next() {
            match word.as_str() {
                "--list" => options.list = true,
                "--exact" => options.exact = true,
                "--ignored" => options.ignored = true,
                "--accuracy" => options.accuracy = true,
                "--by-chance" => options.by_chance = words.next().and_then(|times| times.parse().ok()).or(Some(20)),
                "--under-load" => options.under_load = words.next().and_then(|times| times.parse().ok()).or(Some(20)),
                "--prove" | "--reference" | "--show" | "--picture" | "--freeze" | "--shell" => {
                    options.mode = Mode::from_word(word)
                }
                "--skip" => options.skips.extend(words.next().cloned()),
                "--test-threads" | "--format" | "--color" | "--logfile" | "-Z" => drop(words.next()),
                flag if flag.starts_with('-') => {}
                name => options.filters.push(name.to_owned()),
            }
        }
        options
    }

    fn wants(&self, world: &World) -> bool {
        let fits = |text: &String| if self.exact { world.name == text } else { world.name.contains(text.as_str()) };
        !self.ignored
            && (self.filters.is_empty() || self.filters.iter().any(fits))
            && !self.skips.iter().any(|text| world.name.contains(text.as_str()))
    }
}

/// Does what the command line says.
pub fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.first().map(String::as_str) {
        // The inner stages: a real server, a program on a client, the step into namespaces, process 1 of a world.
        Some("--daemon") => return finish(daemon::become_daemon(&arguments[1..])),
        Some("--helper") => return finish(machine::help(&arguments[1..])),
        Some("--world") => return enter(&arguments[1..]),
        Some("--codes") => {
            codes::list();
            return ExitCode::SUCCESS;
        }
        Some("--inside") => return inside::main(&arguments[1], Mode::from_word(&arguments[2])),
        _ => {}
    }
    let options = Options::read(&arguments);
    if let Some(times) = options.by_chance {
        let chosen = worlds::by_chance().into_iter().filter(|world| options.wants(world)).collect();
        return chance::run(chosen, times);
    }
    let chosen: Vec<World> = worlds::all().into_iter().filter(|world| options.wants(world)).collect();
    if options.list {
        chosen.iter().for_each(|world| println!("{}: test", world.name));
        return ExitCode::SUCCESS;
    }
    if let Some(times) = options.under_load {
        return publish::under_load(chosen, times).unwrap_or_else(|error| finish(Err(error)));
    }
    if options.accuracy {
        let whole = options.filters.is_empty() && options.skips.is_empty();
        return publish::accuracy(chosen, whole).unwrap_or_else(|error| finish(Err(error)));
    }
    if matches!(options.mode, Mode::Judge | Mode::Prove | Mode::Reference) {
        let whole = options.filters.is_empty() && options.skips.is_empty() && !options.ignored;
        return run_all(chosen, options.mode, whole);
    }
    // One world is wanted: its whole name wins over others that contain it.
    let exact = chosen.iter().find(|world| options.filters.iter().any(|name| world.name == name));
    match (exact, chosen.as_slice()) {
        (Some(world), _) | (None, [world]) => attend(world, options.mode),
        _ => {
            eprintln!("{} wants the name of one world; {} fit", options.mode.word(), chosen.len());
            ExitCode::FAILURE
        }
    }
}

fn finish(result: Result<(), String>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// Steps into namespaces and starts process 1 of the world there.
fn enter(arguments: &[String]) -> ExitCode {
    // The world must not outlive the harness, however that ends.
    let _ = nix::sys::prctl::set_pdeathsig(nix::sys::signal::Signal::SIGKILL);
    namespace::allow_priorities();
    if let Err(why) = namespace::enter() {
        return inside::tell(&Report::skipped(why));
    }
    // By its path and not by `/proc/self/exe`, which would lead out of the new mount namespace.
    let status = own_program().arg("--inside").args(arguments).status();
    match status {
        Ok(status) if status.success() => ExitCode::SUCCESS,
        Ok(status) => {
            eprintln!("the world ended with {status}");
            ExitCode::FAILURE
        }
        Err(error) => inside::tell(&Report::skipped(format!("no process in the new namespaces ({error})"))),
    }
}

fn own_program() -> Command {
    Command::new(std::env::current_exe().unwrap_or_else(|_| "/proc/self/exe".into()))
}

fn child(world: &World, mode: Mode) -> Command {
    let mut command = own_program();
    command.args(["--world", world.name, mode.word()]);
    command
}

/// Runs one world with the terminal attached.
fn attend(world: &World, mode: Mode) -> ExitCode {
    match child(world, mode).status() {
        Ok(status) if status.success() => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => finish(Err(error.to_string())),
    }
}

/// How many worlds run at once.
pub fn workers() -> usize {
    let cores = std::thread::available_parallelism().map_or(2, usize::from);
    // Worlds mostly wait: four at a time on two processors kept these busy for a third of the time (163 of 480 s).
    std::env::var("FIRSTLINE_LAB_WORKERS").ok().and_then(|text| text.parse().ok()).unwrap_or(cores * 3)
}

/// Runs worlds and reports.
fn run_all(chosen: Vec<World>, mode: Mode, whole: bool) -> ExitCode {
    let began = Instant::now();
    println!("running {} worlds, {} at a time", chosen.len(), workers());
    let mut ends = publish::in_turn(&chosen, mode);
    if let (Mode::Reference, [(_, only)]) = (mode, ends.as_slice()) {
        println!("{}", only.text);
    }
    let ratchet = if mode == Mode::Judge { losses(&ends) } else { Vec::new() };
    if whole {
        ends.push(("the-list-of-worlds", listed(census::of_worlds(&chosen))));
    }
    // A world that was skipped shows no codes.
    if whole && mode == Mode::Judge && ends.iter().all(|(_, report)| report.end != End::Skipped) {
        let seen =
            ends.iter().flat_map(|(name, report)| report.codes.iter().map(|code| (code.clone(), *name))).collect();
        ends.push(("the-list-of-codes", listed(census::of_codes(&chosen, &seen))));
    }
    conclude(&ends, &ratchet, began.elapsed())
}

fn listed(wrong: Vec<String>) -> Report {
    if wrong.is_empty() { Report::new(End::Passed, "", 0.0) } else { Report::failed(wrong.join("\n"), 0.0) }
}

/// Runs worlds, so many at once.
pub fn run_with(workers: usize, worlds: Vec<World>, mode: Mode) -> Vec<(&'static str, Report)> {
    let (queue, ends) = (Mutex::new(VecDeque::from(worlds)), Mutex::new(Vec::new()));
    let next = || queue.lock().map_or(None, |mut queue| queue.pop_front());
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                while let Some(world) = next() {
                    let report = watch(&world, mode);
                    announce(&world, &report);
                    if let Ok(mut ends) = ends.lock() {
                        ends.push((world.name, report));
                    }
                }
            });
        }
    });
    ends.into_inner().unwrap_or_default()
}

fn announce(world: &World, report: &Report) {
    let end = match report.end {
        End::Passed => {
            let word = report.reference.as_ref().map_or("ok", |reference| &reference.said);
            format!("{word} ({:.2} s)", report.seconds)
        }
        End::Failed => format!("FAILED ({:.2} s)", report.seconds),
        End::Broken => "BROKEN".to_owned(),
        End::Wrong => format!("wrong, as published ({:.2} s): {}", report.seconds, world.known_wrong),
        End::Skipped => format!("SKIPPED: {}", report.text),
    };
    println!("world {} ... {end}", world.name);
}

/// Runs one world as a child and reads its report.
fn watch(world: &World, mode: Mode) -> Report {
    let spawned = child(world, mode).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut process = match spawned {
        Ok(process) => process,
        Err(error) => return Report::broken(format!("the world cannot be started: {error}")),
    };
    let (stdout, stderr) = (listen(process.stdout.take()), listen(process.stderr.take()));
    let ended = wait(&mut process, world.expect.limit() + GRACE);
    let text = |thread: std::thread::JoinHandle<String>| thread.join().unwrap_or_default();
    let (stdout, stderr) = (text(stdout), text(stderr));
    let report = stdout.lines().last().and_then(|line| serde_json::from_str::<Report>(line).ok());
    match report {
        Some(report) if ended => report,
        _ if ended => Report::broken(format!("no report\n{stdout}{stderr}")),
        _ => Report::broken(format!("killed because it did not end\n{stdout}{stderr}")),
    }
}

fn listen(pipe: Option<impl Read + Send + 'static>) -> std::thread::JoinHandle<String> {
    std::thread::spawn(move || {
        let mut text = String::new();
        if let Some(mut pipe) = pipe {
            let _ = pipe.read_to_string(&mut text);
        }
        text
    })
}

/// Whether the process ended by itself within the limit.
fn wait(process: &mut Child, limit: Duration) -> bool {
    let began = Instant::now();
    loop {
        match process.try_wait() {
            Ok(None) if began.elapsed() < limit => std::thread::sleep(Duration::from_millis(10)),
            Ok(None) => {
                let _ = process.kill();
                let _ = process.wait();
                return false;
            }
            _ => return true,
        }
    }
}

/// The ratchet: what the committed results say was right and is not any more, in worlds that did not fail for it.
fn losses(ends: &[(&'static str, Report)]) -> Vec<String> {
    let published = match Results::read() {
        Ok(published) => published,
        Err(error) => return vec![error],
    };
    let both = ends.iter().filter(|(_, report)| report.end != End::Failed).filter_map(|(name, report)| {
        let lost = results::losses(published.worlds.get(*name)?, report.measured.as_deref()?);
        (!lost.is_empty()).then(|| format!("{name} was right in {}", lost.join(", ")))
    });
    let mut losses: Vec<String> = both.collect();
    if !published.is_page_current() {
        losses.push(format!("{} is not the page of {}", Results::PAGE, Results::FILE));
    }
    losses
}

/// Prints the failures and the last line.
fn conclude(ends: &[(&'static str, Report)], losses: &[String], took: Duration) -> ExitCode {
    let with = |end: End| ends.iter().filter(move |(_, report)| report.end == end);
    for (name, report) in with(End::Failed).chain(with(End::Broken)) {
        println!("\n---- {name} ----\n{}", report.text.trim_end());
    }
    let count = |end| with(end).count();
    let (passed, wrong, skipped) = (count(End::Passed), count(End::Wrong), count(End::Skipped));
    let failed = count(End::Failed) + count(End::Broken);
    for loss in losses {
        println!("\nLOST: {loss}");
    }
    if skipped > 0 {
        println!("\nSKIPPED {skipped} of {} worlds, see the reasons above", ends.len());
    }
    println!(
        "\nthe lab took {:.1} s\n{passed} passed, {wrong} wrong as published, {failed} failed, {skipped} skipped",
        took.as_secs_f64()
    );
    let strict = std::env::var_os("FIRSTLINE_LAB_NO_SKIP").is_some_and(|value| value != "0");
    if failed == 0 && losses.is_empty() && (skipped == 0 || !strict) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
