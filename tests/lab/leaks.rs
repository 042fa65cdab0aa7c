//! What leaves a machine whose files, servers and programs are full of secrets: nothing of them, whatever is asked of the
//! program and however it says it. The worlds that plant secrets name them in their scene; `worlds/secrets.rs` has them.

use crate::machine;
use crate::scene::Scene;
use crate::told::{everything, seen_so_far, singing};
use firstline::report;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::{Duration, Instant};

/// Where everything goes that the program writes.
const TOLD: &str = "/tmp/told";
/// The playbook that looks into every corner.
const PLAYBOOK: &str = "/tmp/corners.toml";
/// Each of its checks by the probe, which is also asked alone, and its arguments.
const CORNERS: [(&str, &str); 14] = [
    ("resolver", ""),
    ("hosts", "name = \"intranet.example.test\""),
    ("log", ""),
    ("supplicant", ""),
    ("proxy", "url = \"http://other.example.test/\""),
    ("http", "url = \"http://www.example.test/\""),
    ("tls", "addresses = [\"198.51.100.10\"]\nport = 443\nhost = \"www.example.test\""),
    ("greeting", "addresses = [\"198.51.100.10\"]\nport = 25\nscheme = \"smtp\""),
    ("process", ""),
    ("socket", "port = 8080"),
    ("package", ""),
    ("disk", ""),
    ("lease", ""),
    ("link", ""),
];
/// A run is killed when it has seen so much.
const SEEN_BY_THEN: usize = 8;
/// A run that has not seen that much by then never will.
const LONGEST: Duration = Duration::from_secs(10);
/// So many secrets are heard at least where nothing is hidden: those of the network's name, and what a person typed. The
/// rest stands where probes do not take it from in the first place.
const HEARD_OPENLY: usize = 20;

/// What leaks in this world, one line for each way of telling.
pub fn broken(scene: &Scene) -> Vec<String> {
    if scene.client.secrets.is_empty() {
        return Vec::new();
    }
    match tell_all(scene) {
        Ok(leaks) => leaks,
        Err(error) => vec![format!("leaks: {error}")],
    }
}

/// A telling of the program: by which words, and everything that it said.
struct Telling<'s> {
    scene: &'s Scene,
    leaks: Vec<String>,
}

fn tell_all(scene: &Scene) -> Result<Vec<String>, String> {
    fs::write(PLAYBOOK, playbook()).map_err(|error| error.to_string())?;
    let mut telling = Telling { scene, leaks: Vec::new() };
    for level in ["standard", "strict"] {
        let folder = format!("{TOLD}/{level}");
        let said = telling.run(&["--redact", level, "--output", &folder, "--format", "json"])?;
        telling.listen(level, spoken(said));
        if packets(&folder).is_empty() {
            telling.leaks.push(format!("leaks: no packet was written at {level}"));
        }
        for packet in packets(&folder) {
            for format in report::names() {
                let rendered = telling.ask(&["packet", "render", &packet, "--format", format, "--verbose"])?;
                telling.listen(&format!("{level}, {format}"), spoken(rendered));
            }
        }
    }
    for (format, verbose) in [("text", "--verbose"), ("json", "--quiet")] {
        for (probe, _) in CORNERS {
            let arguments = probe_arguments(probe);
            let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
            let seen = telling.ask(&[&["probe", probe], &words[..], &["--format", format, verbose]].concat())?;
            telling.listen(&format!("probe {probe}, {format}"), spoken(seen));
        }
        let plan = telling.ask(&["plan", PLAYBOOK, "--format", format, verbose])?;
        telling.listen(&format!("plan, {format}"), spoken(plan));
    }
    telling.killed()?;
    let mut bytes = Vec::new();
    everything(Path::new(TOLD), &mut bytes);
    everything(&state(), &mut bytes);
    telling.listen("files", bytes);
    telling.openly()?;
    Ok(telling.leaks)
}

impl Telling<'_> {
    fn ask(&self, words: &[&str]) -> Result<Output, String> {
        let mut command = machine::command("/run/lab/firstline", words);
        command.envs(self.scene.client.environment.iter().cloned()).stdin(Stdio::null());
        command.output().map_err(|error| format!("{}: {error}", words.join(" ")))
    }

    /// Runs the playbook that looks into every corner, with all that a person says.
    fn run(&self, more: &[&str]) -> Result<Output, String> {
        // A line may begin as an option does.
        let said: Vec<String> = self.scene.client.said.iter().map(|line| format!("--tried={line}")).collect();
        let words = ["run", PLAYBOOK, "--full", "--no-input", "--deadline", "20s", "--answer", "question=yes"];
        let said = said.iter().map(String::as_str);
        let words: Vec<&str> = words.into_iter().chain(said).chain(more.iter().copied()).collect();
        self.ask(&words)
    }

    fn listen(&mut self, what: &str, bytes: Vec<u8>) {
        let heard = singing(&bytes, &self.scene.client.secrets);
        if !heard.is_empty() {
            self.leaks.push(format!("leaks: {what} tells {} secrets: {heard:?}", heard.len()));
        }
        if bytes.is_empty() {
            self.leaks.push(format!("leaks: {what} told nothing, so nothing was heard"));
        }
    }

    /// Killed in the middle, and finished by another.
    fn killed(&mut self) -> Result<(), String> {
        let failed = |error: std::io::Error| format!("a run to be killed: {error}");
        let mut run = machine::command("/run/lab/firstline", &["run", PLAYBOOK, "--full", "--no-input"])
            .envs(self.scene.client.environment.iter().cloned())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .map_err(failed)?;
        let began = Instant::now();
        while seen_so_far(&state()) < SEEN_BY_THEN && began.elapsed() < LONGEST {
            std::thread::sleep(Duration::from_millis(2));
        }
        run.kill().and_then(|()| run.wait()).map_err(failed)?;
        let folder = format!("{TOLD}/killed");
        let finished = self.ask(&["packet", "finish", "--output", &folder, "--format", "json"])?;
        self.listen("finish", spoken(finished));
        if packets(&folder).is_empty() {
            self.leaks.push("leaks: no packet was made of the run that was killed".to_owned());
        }
        Ok(())
    }

    /// Where nothing is hidden they sing, so this would hear them.
    fn openly(&mut self) -> Result<(), String> {
        let said = self.run(&["--redact", "none", "--output", "/tmp/openly", "--format", "json"])?;
        let heard = singing(&said.stdout, &self.scene.client.secrets).len();
        if heard < HEARD_OPENLY {
            self.leaks.push(format!("leaks: only {heard} secrets are heard where nothing is hidden"));
        }
        Ok(())
    }
}

fn spoken(output: Output) -> Vec<u8> {
    [output.stdout, output.stderr].concat()
}

/// Where the program keeps what it keeps.
fn state() -> PathBuf {
    Path::new(machine::HOME).join(".local/state/firstline")
}

/// The archives in a folder.
fn packets(folder: &str) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let paths = entries.map(|entry| entry.path().to_string_lossy().into_owned());
    paths.filter(|path| path.ends_with(".zip")).collect()
}

fn playbook() -> String {
    let head = "schema = 1\nid = \"corners\"\ntitle = \"Every corner\"\n\
        [[check]]\nid = \"question\"\nprobe = \"ask\"\nquestion = \"Is it so?\"\nanswers = { yes = \"so\", no = \"not\" }\n";
    let check = |(probe, arguments): &(&str, &str)| {
        let goal = if *probe == "http" { "goal = true\n" } else { "" };
        format!("[[check]]\nid = \"{probe}\"\nprobe = \"{probe}\"\n{arguments}\n{goal}")
    };
    CORNERS.iter().map(check).fold(head.to_owned(), |text, check| text + &check)
}

/// The same arguments as `--set` wants them.
fn probe_arguments(probe: &str) -> Vec<String> {
    let lines = CORNERS.iter().find(|(other, _)| *other == probe).map_or("", |(_, arguments)| arguments);
    let set = |line: &str| {
        let (name, value) = line.split_once(" = ").unwrap_or((line, ""));
        ["--set".to_owned(), format!("{name}={}", value.trim_matches('"'))]
    };
    lines.lines().flat_map(set).collect()
}
