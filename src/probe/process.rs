//! Processes: who uses the machine up, or whether one named process runs and can work.

use super::argument::optional;
use super::{Cost, Look, Probe, accepts, schema_of};
use crate::layer::Layer;
use crate::observation::Observation;
use crate::problem::Code;
use crate::sys::{Known, Machine, Memory, Process, Processor, Unknown};
use futures_util::FutureExt;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::time::Duration;
use tokio::time::Instant;

/// The probe.
pub const PROBE: Probe = Probe {
    name: "process",
    layer: Layer::Process,
    cost: Cost::Local,
    summary: "what uses up processor and memory, or whether one program runs and can work",
    about: "Without a name it reads all processes twice and compares the processor time that each has used between \
the two readings; a process that looks like a hog is read again after a longer window before it is called one. With \
`name`, `pid` or `port` it looks at one program: whether it runs, is stopped or a zombie, and how many of its file \
descriptors are in use. Command lines are not read, because they carry secrets. On Linux this is /proc/PID/stat \
(proc_pid_stat(5)); descriptors of other users' processes need root.",
    codes: &[
        Code::ProcessNotRunning,
        Code::ProcessNotListening,
        Code::ProcessStopped,
        Code::ProcessDescriptors,
        Code::ProcessCpuHog,
        Code::ProcessMemoryHog,
    ],
    params: schema_of::<Params>,
    facts: schema_of::<ProcessFacts>,
    accepts: accepts::<Params>,
    run: |look| run(look).boxed_local(),
};

/// The kernel counts in ticks of 10 ms, so this window tells 5 % of one processor apart (limits.md section 5).
const WINDOW: Duration = Duration::from_millis(200);
/// A hog is looked at again over this window: together one second, which tells a program that starts from one that
/// spins (limits.md section 6: suspected after 0.2 s, confirmed after 1 s).
const CONFIRM_WINDOW: Duration = Duration::from_millis(800);
/// Longest window that may be asked for.
const LONGEST_WINDOW: Duration = Duration::from_secs(10);
/// Share of one processor above which a program counts as busy all the time; judgement.
const HOG_PERCENT: f64 = 80.0;
/// Above this the machine has no processor time left; judgement.
const SATURATED_PERCENT: f64 = 90.0;
/// On a machine that is not saturated, a hog is what takes at least this share of all that is used; judgement.
const SINGLE_HOG_SHARE_PERCENT: f64 = 50.0;
/// A program that holds this much of the memory ...
const MEMORY_HOG_PERCENT: f64 = 25.0;
/// ... while less than this is available: only then does it take it from others; judgement.
const MEMORY_LOW_PERCENT: f64 = 10.0;
/// Descriptors in use from which a program is about to fail, or fails in bursts; judgement.
pub(super) const DESCRIPTORS_PERCENT: f64 = 95.0;
/// Entries of the lists of largest users.
const TOP: usize = 5;
/// The kernel keeps so many bytes of a name (`TASK_COMM_LEN` less the closing zero).
const NAME_BYTES: usize = 15;
/// Processes whose program file is compared before other work on this thread gets its turn.
const PROGRAMS_AT_ONCE: usize = 32;

/// Parameters of `process`.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Params {
    /// Name of the program, as `ps` shows it; without it, `pid` and `port` the whole machine is looked at.
    #[serde(deserialize_with = "optional")]
    pub name: Option<String>,
    /// Process id.
    #[serde(deserialize_with = "optional")]
    pub pid: Option<u32>,
    /// The TCP port that the process listens on.
    #[serde(deserialize_with = "optional")]
    pub port: Option<u16>,
    /// Milliseconds between the two readings of processor time; 200 if not given.
    #[serde(deserialize_with = "optional")]
    pub cpu_window_ms: Option<u64>,
}

/// One of the largest users.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Top {
    /// Name of the program.
    pub name: String,
    /// Process id.
    pub pid: u32,
    /// Percent of one processor in the window.
    pub cpu_percent: f64,
    /// Memory that it holds.
    pub memory_bytes: u64,
}

/// Facts of `process`.
#[derive(Debug, Clone, Default, Serialize, JsonSchema)]
pub struct ProcessFacts {
    /// Whether the named program runs.
    pub running: Option<bool>,
    /// Name of the program; of the largest user of the processor where none was named.
    pub name: Option<String>,
    /// Process id.
    pub pid: Option<u32>,
    /// Number of processes of that name, or of all.
    pub count: Option<usize>,
    /// User id that it runs as.
    pub uid: Option<u32>,
    /// `running`, `sleeping`, `disk`, `stopped`, `traced` or `zombie`.
    pub state: Option<String>,
    /// Percent of one processor that it used in the window.
    pub cpu_percent: Option<f64>,
    /// Length of the window.
    pub window_ms: Option<u64>,
    /// Percent of all processors that was in use in the window, by everybody.
    pub machine_busy_percent: Option<f64>,
    /// Memory that it holds.
    pub memory_bytes: Option<u64>,
    /// The same as percent of the machine's memory.
    pub memory_percent: Option<f64>,
    /// Open file descriptors.
    pub descriptors_open: Option<u64>,
    /// How many it may open.
    pub descriptors_limit: Option<u64>,
    /// Open ones as percent of the limit.
    pub descriptors_percent: Option<f64>,
    /// What the busiest program uses of one processor. Where what keeps them busy cannot be seen from here, such as in
    /// a container, it is next to nothing.
    pub busiest_percent: Option<f64>,
    /// The largest users of the processor.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub top: Vec<Top>,
    /// The largest users of memory.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub top_memory: Vec<Top>,
}

async fn run(look: &Look<'_>) -> Vec<Observation> {
    let params = match look.params::<Params>() {
        Ok(params) => params,
        Err(observations) => return observations,
    };
    let window = params.cpu_window_ms.map_or(WINDOW, Duration::from_millis).min(LONGEST_WINDOW);
    if params.name.is_none() && params.pid.is_none() && params.port.is_none() {
        return hogs(look, window).await;
    }
    vec![match wanted(look, &params).await {
        Wanted::Processes(processes) => named(look, processes, window).await,
        Wanted::Answer(observation) => *observation,
    }]
}

/// `name[pid]`, as tickets write it.
pub(super) fn label(name: &str, pid: u32) -> String {
    format!("{name}[{pid}]")
}

/// One process with all that can be known of it; from the table where the system cannot read one alone.
pub(super) async fn detail(machine: &dyn Machine, pid: u32) -> Known<Process> {
    match machine.process(pid).await {
        Err(Unknown::Unsupported(_)) => machine
            .processes()
            .await?
            .into_iter()
            .find(|process| process.pid == pid)
            .ok_or_else(|| Unknown::Failed(format!("there is no process {pid}"))),
        known => known,
    }
}

/// Open descriptors as percent of the limit.
pub(super) fn descriptors_percent(process: &Process) -> Option<f64> {
    process.descriptors.filter(|(_, limit)| *limit > 0).map(|(open, limit)| round(100.0 * open as f64 / limit as f64))
}

/// Whether a process is suspended: by a signal or by a debugger.
pub(super) fn is_stopped(process: &Process) -> bool {
    ["stopped", "traced"].contains(&process.state.as_str())
}

fn round(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

// The whole machine.

/// One reading: when, the processes and the processors.
struct Reading {
    at: Instant,
    processes: Vec<Process>,
    processor: Option<Processor>,
}

async fn read(machine: &dyn Machine) -> Known<Reading> {
    // The moment lies before the walk both times, so that what the walk itself takes falls out of the window's length.
    let at = Instant::now();
    let (processes, processor) = tokio::join!(machine.processes(), machine.processor());
    Ok(Reading { at, processes: processes?, processor: processor.ok() })
}

async fn hogs(look: &Look<'_>, window: Duration) -> Vec<Observation> {
    let machine = look.world.machine.as_ref();
    let first = match read(machine).await {
        Ok(reading) => reading,
        Err(why) => return vec![look.unknown(None, &why.to_string())],
    };
    tokio::time::sleep_until((first.at + window).min(look.deadline)).await;
    let (second, memory) = tokio::join!(read(machine), machine.memory());
    let second = match second {
        Ok(reading) => reading,
        Err(why) => return vec![look.unknown(None, &why.to_string())],
    };
    let usage = Usage::between(&first, &second, memory.ok());
    let mut observations = Vec::new();
    for hog in usage.hogs() {
        let subject = label(&hog.name, hog.pid);
        let facts = usage.facts(hog);
        if usage.is_cpu_hog(hog) {
            let suspected = cpu_hog(look, &subject, facts.clone(), usage.window).suspected();
            (look.emit)(suspected.clone());
            observations.push(confirm(look, hog.pid, suspected, facts).await);
        } else {
            observations.push(memory_hog(look, &subject, facts));
        }
    }
    if observations.is_empty() {
        observations.push(calm(look, &usage));
    }
    observations
}

/// What each process used between two readings.
struct Usage {
    window: Duration,
    /// All but this program and what it started, with percent of one processor in place of the total.
    users: Vec<Top>,
    busy_percent: Option<f64>,
    busy_ms: Option<f64>,
    memory: Option<Memory>,
}

impl Usage {
    fn between(first: &Reading, second: &Reading, memory: Option<Memory>) -> Self {
        let window = second.at.saturating_duration_since(first.at).max(Duration::from_millis(1));
        let window_ms = window.as_secs_f64() * 1000.0;
        let before: HashMap<u32, &Process> = first.processes.iter().map(|process| (process.pid, process)).collect();
        let own = std::process::id();
        let users = second
            .processes
            .iter()
            .filter(|process| process.pid != own && process.parent != own)
            .map(|process| {
                // A process that was not there, or another one with that number, started within the window.
                let earlier = before.get(&process.pid).filter(|earlier| earlier.started_s == process.started_s);
                let used_ms = process.cpu_ms.saturating_sub(earlier.map_or(0, |earlier| earlier.cpu_ms));
                Top {
                    name: process.name.clone(),
                    pid: process.pid,
                    cpu_percent: round(100.0 * used_ms as f64 / window_ms),
                    memory_bytes: process.memory_bytes,
                }
            })
            .collect();
        let spent = first.processor.as_ref().zip(second.processor.as_ref()).map(|(before, after)| {
            (after.busy_ms.saturating_sub(before.busy_ms) as f64, after.total_ms.saturating_sub(before.total_ms) as f64)
        });
        Usage {
            window,
            users,
            busy_percent: spent.filter(|(_, total)| *total > 0.0).map(|(busy, total)| round(100.0 * busy / total)),
            busy_ms: spent.map(|(busy, _)| busy),
            memory,
        }
    }

    /// Every hog, the largest first.
    fn hogs(&self) -> Vec<&Top> {
        let mut hogs: Vec<&Top> =
            self.users.iter().filter(|user| self.is_cpu_hog(user) || self.is_memory_hog(user)).collect();
        hogs.sort_by(|left, right| right.cpu_percent.total_cmp(&left.cpu_percent));
        hogs.truncate(TOP);
        hogs
    }

    fn is_cpu_hog(&self, user: &Top) -> bool {
        let used_ms = user.cpu_percent / 100.0 * self.window.as_secs_f64() * 1000.0;
        let saturated = self.busy_percent.is_some_and(|busy| busy >= SATURATED_PERCENT);
        let alone = self.busy_ms.is_none_or(|busy| used_ms >= busy * SINGLE_HOG_SHARE_PERCENT / 100.0);
        user.cpu_percent >= HOG_PERCENT && (saturated || alone)
    }

    fn is_memory_hog(&self, user: &Top) -> bool {
        self.memory.as_ref().is_some_and(|memory| {
            let total = memory.total_bytes as f64;
            user.memory_bytes as f64 >= total * MEMORY_HOG_PERCENT / 100.0
                && memory.available_bytes as f64 <= total * MEMORY_LOW_PERCENT / 100.0
        })
    }

    fn facts(&self, user: &Top) -> ProcessFacts {
        let mut by_memory = self.users.clone();
        by_memory.sort_by_key(|user| std::cmp::Reverse(user.memory_bytes));
        by_memory.truncate(TOP);
        let total = self.memory.as_ref().map(|memory| memory.total_bytes as f64).filter(|total| *total > 0.0);
        ProcessFacts {
            name: Some(user.name.clone()),
            pid: Some(user.pid),
            count: Some(self.users.len()),
            cpu_percent: Some(user.cpu_percent),
            window_ms: Some(self.window.as_millis() as u64),
            machine_busy_percent: self.busy_percent,
            memory_bytes: Some(user.memory_bytes),
            memory_percent: total.map(|total| round(100.0 * user.memory_bytes as f64 / total)),
            busiest_percent: self.busiest().first().map(|busiest| busiest.cpu_percent),
            top: self.busiest(),
            top_memory: by_memory,
            ..ProcessFacts::default()
        }
    }

    fn busiest(&self) -> Vec<Top> {
        let mut busiest = self.users.clone();
        busiest.sort_by(|left, right| right.cpu_percent.total_cmp(&left.cpu_percent));
        busiest.truncate(TOP);
        busiest
    }
}

fn cpu_hog(look: &Look<'_>, subject: &str, facts: ProcessFacts, window: Duration) -> Observation {
    let summary = format!(
        "{subject} used {:.0} % of one processor over {} ms; all processors were {} busy",
        facts.cpu_percent.unwrap_or_default(),
        window.as_millis(),
        facts.machine_busy_percent.map_or_else(|| "an unknown share".to_owned(), |busy| format!("{busy:.0} %")),
    );
    look.problem(Some(subject), Code::ProcessCpuHog, summary).facts(&facts)
}

fn memory_hog(look: &Look<'_>, subject: &str, facts: ProcessFacts) -> Observation {
    let summary = format!(
        "{subject} holds {} of memory ({:.0} %) while less than {MEMORY_LOW_PERCENT:.0} % is available",
        bytes(facts.memory_bytes.unwrap_or_default()),
        facts.memory_percent.unwrap_or_default(),
    );
    look.problem(Some(subject), Code::ProcessMemoryHog, summary).facts(&facts)
}

/// Looks at a suspected hog again over the longer window: a program that only started is none.
async fn confirm(look: &Look<'_>, pid: u32, suspected: Observation, facts: ProcessFacts) -> Observation {
    let machine = look.world.machine.as_ref();
    let subject = suspected.subject.clone().unwrap_or_default();
    let Ok(before) = detail(machine, pid).await else { return over(look, &subject, "has ended since", facts) };
    let started = Instant::now();
    tokio::time::sleep(look.within(CONFIRM_WINDOW)).await;
    let Ok(after) = detail(machine, pid).await else { return over(look, &subject, "has ended since", facts) };
    let window = started.elapsed();
    if window < CONFIRM_WINDOW / 2 {
        // The deadline cut the second look off: what was seen once stays a suspicion.
        return suspected;
    }
    let percent = percent_between(&before, &after, window);
    let facts = ProcessFacts { cpu_percent: Some(percent), window_ms: Some(window.as_millis() as u64), ..facts };
    if percent >= HOG_PERCENT {
        cpu_hog(look, &subject, facts, window)
    } else {
        over(look, &subject, "was busy for a moment only", facts)
    }
}

fn over(look: &Look<'_>, subject: &str, what: &str, facts: ProcessFacts) -> Observation {
    look.ok(Some(subject), format!("{subject} {what}")).facts(&facts)
}

fn calm(look: &Look<'_>, usage: &Usage) -> Observation {
    match usage.busiest().first() {
        Some(user) => {
            let summary = format!(
                "none of {} processes keeps a processor busy; the busiest is {} with {:.0} %",
                usage.users.len(),
                label(&user.name, user.pid),
                user.cpu_percent,
            );
            look.ok(None, summary).facts(&usage.facts(user))
        }
        None => look.unknown(None, "no process but this program can be seen"),
    }
}

fn percent_between(before: &Process, after: &Process, window: Duration) -> f64 {
    let used_ms = after.cpu_ms.saturating_sub(before.cpu_ms) as f64;
    round(100.0 * used_ms / (window.as_secs_f64() * 1000.0).max(1.0))
}

/// Bytes as people write them.
pub(super) fn bytes(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut value = bytes as f64;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    if unit == 0 { format!("{bytes} B") } else { format!("{value:.1} {}", UNITS[unit]) }
}

// One program.

enum Wanted {
    /// All processes that are meant; not empty.
    Processes(Vec<Process>),
    /// There is none, or it cannot be said.
    Answer(Box<Observation>),
}

async fn wanted(look: &Look<'_>, params: &Params) -> Wanted {
    let machine = look.world.machine.as_ref();
    let answer = |observation| Wanted::Answer(Box::new(observation));
    if let Some(pid) = params.pid {
        return match machine.processes().await {
            Ok(all) => found(look, &format!("process {pid}"), &all, |process| process.pid == pid),
            Err(why) => answer(look.unknown(None, &why.to_string())),
        };
    }
    if let Some(port) = params.port {
        return match super::socket::holder(machine, port).await {
            Ok(Some(pid)) => match detail(machine, pid).await {
                Ok(process) => Wanted::Processes(vec![process]),
                Err(why) => answer(look.unknown(None, &why.to_string())),
            },
            Ok(None) => answer(
                look.problem(None, Code::ProcessNotListening, format!("no program listens on TCP port {port}"))
                    .facts(&ProcessFacts { running: Some(false), ..ProcessFacts::default() }),
            ),
            Err(why) => answer(look.unknown(None, &why.to_string())),
        };
    }
    let name = params.name.as_deref().unwrap_or_default();
    let all = match machine.processes().await {
        Ok(all) => all,
        Err(why) => return answer(look.unknown(None, &why.to_string())),
    };
    match found(look, &format!("`{name}`"), &all, |process| is_named(process, name)) {
        // Some programs rename themselves (`MainThread`); the file that runs tells them.
        none @ Wanted::Answer(_) => match by_program(machine, &all, name).await {
            Some(processes) => Wanted::Processes(processes),
            None => none,
        },
        processes => processes,
    }
}

fn found(look: &Look<'_>, what: &str, all: &[Process], is_meant: impl Fn(&Process) -> bool) -> Wanted {
    let meant: Vec<Process> = all.iter().filter(|process| is_meant(process)).cloned().collect();
    if !meant.is_empty() {
        return Wanted::Processes(meant);
    }
    // Process 1 is everybody's; where it cannot be seen, others are hidden too (`hidepid`).
    if !all.iter().any(|process| process.pid == 1) {
        let why = format!("{what} is not among the processes of this account, and others are hidden from it");
        return Wanted::Answer(Box::new(look.unknown(None, &why)));
    }
    let facts = ProcessFacts { running: Some(false), count: Some(0), ..ProcessFacts::default() };
    let summary = format!("{what} is not running ({} processes were looked at)", all.len());
    Wanted::Answer(Box::new(look.problem(None, Code::ProcessNotRunning, summary).facts(&facts)))
}

/// Whether the kernel's short name is this one, given with or without its folder.
pub(super) fn is_named(process: &Process, name: &str) -> bool {
    same_name(&process.name, name)
}

/// Compares a kernel's short name with a whole one.
pub(super) fn same_name(short: &str, name: &str) -> bool {
    let name = name.rsplit('/').next().unwrap_or(name);
    let mut end = name.len().min(NAME_BYTES);
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    !name.is_empty() && (short == name || short == &name[..end])
}

async fn by_program(machine: &dyn Machine, all: &[Process], name: &str) -> Option<Vec<Process>> {
    let mut found = Vec::new();
    // What holds no memory is a thread of the kernel and has no file.
    for (number, process) in all.iter().filter(|process| process.memory_bytes > 0).enumerate() {
        if number % PROGRAMS_AT_ONCE == PROGRAMS_AT_ONCE - 1 {
            tokio::task::yield_now().await;
        }
        match machine.process(process.pid).await {
            Ok(whole) if whole.program.as_deref() == Some(name) => found.push(whole),
            Err(Unknown::Unsupported(_)) => return None,
            _ => {}
        }
    }
    (!found.is_empty()).then_some(found)
}

async fn named(look: &Look<'_>, processes: Vec<Process>, window: Duration) -> Observation {
    let machine = look.world.machine.as_ref();
    let process = telling(&processes).clone();
    let before = detail(machine, process.pid).await.unwrap_or(process);
    let started = Instant::now();
    tokio::time::sleep(look.within(window)).await;
    let after = detail(machine, before.pid).await.unwrap_or_else(|_| before.clone());
    let mut facts = facts_of(&after);
    facts.count = Some(processes.len());
    facts.cpu_percent = Some(percent_between(&before, &after, started.elapsed()));
    facts.window_ms = Some(started.elapsed().as_millis() as u64);
    judge(look, &after, facts)
}

/// The process that says most of several with one name: a suspended one, else the oldest that lives.
fn telling(processes: &[Process]) -> &Process {
    let rank = |process: &&Process| (!is_stopped(process), process.state == "zombie");
    processes
        .iter()
        .min_by(|left, right| rank(left).cmp(&rank(right)).then(left.started_s.total_cmp(&right.started_s)))
        .expect("the list of processes that are meant is never empty")
}

pub(super) fn facts_of(process: &Process) -> ProcessFacts {
    ProcessFacts {
        running: Some(process.state != "zombie"),
        name: Some(process.name.clone()),
        pid: Some(process.pid),
        uid: process.uid,
        state: Some(process.state.clone()),
        memory_bytes: Some(process.memory_bytes),
        descriptors_open: process.descriptors.map(|(open, _)| open),
        descriptors_limit: process.descriptors.map(|(_, limit)| limit),
        descriptors_percent: descriptors_percent(process),
        ..ProcessFacts::default()
    }
}

fn judge(look: &Look<'_>, process: &Process, facts: ProcessFacts) -> Observation {
    let subject = label(&process.name, process.pid);
    let subject = subject.as_str();
    let full = descriptors_percent(process).is_some_and(|percent| percent >= DESCRIPTORS_PERCENT);
    let observation = if is_stopped(process) {
        let by = if process.state == "traced" { "a debugger" } else { "a signal" };
        look.problem(Some(subject), Code::ProcessStopped, format!("{subject} is suspended by {by}"))
            .also(full.then_some(Code::ProcessDescriptors))
    } else if process.state == "zombie" {
        let summary = format!("{subject} has ended and its parent {} has not taken note", process.parent);
        look.problem(Some(subject), Code::ProcessNotRunning, summary)
    } else if full {
        let (open, limit) = process.descriptors.unwrap_or_default();
        let summary = format!("{subject} has {open} of at most {limit} file descriptors open");
        look.problem(Some(subject), Code::ProcessDescriptors, summary)
    } else {
        let summary = format!(
            "{subject} is running, uses {:.0} % of one processor and {} of memory",
            facts.cpu_percent.unwrap_or_default(),
            bytes(process.memory_bytes)
        );
        look.ok(Some(subject), summary)
    };
    observation.facts(&facts)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn process(pid: u32, name: &str, cpu_ms: u64, memory_bytes: u64) -> Process {
        Process { pid, name: name.into(), cpu_ms, memory_bytes, state: "sleeping".into(), ..Process::default() }
    }

    fn usage(first: Vec<Process>, second: Vec<Process>, busy: (u64, u64), available_bytes: u64) -> Usage {
        let at = Instant::now();
        let processor = |busy_ms, total_ms| Some(Processor { busy_ms, total_ms, ..Processor::default() });
        Usage::between(
            &Reading { at, processes: first, processor: processor(0, 0) },
            &Reading { at: at + WINDOW, processes: second, processor: processor(busy.0, busy.1) },
            Some(Memory { total_bytes: 1000, available_bytes, ..Memory::default() }),
        )
    }

    #[test]
    fn a_hog_is_busy_and_either_alone_or_on_a_saturated_machine() {
        for (used_ms, busy, is_hog) in [
            (200, (200, 400), true),
            (170, (400, 400), true),
            (150, (400, 400), false),
            (200, (1600, 6400), false),
            (0, (400, 400), false),
        ] {
            let usage = usage(vec![process(7, "x", 50, 1)], vec![process(7, "x", 50 + used_ms, 1)], busy, 900);
            assert_eq!(usage.hogs().len() == 1, is_hog, "{used_ms} of {busy:?}");
        }
    }

    #[test]
    fn this_program_and_its_children_are_left_out() {
        let own = std::process::id();
        let mut child = process(own.wrapping_add(1), "child", 1000, 1);
        child.parent = own;
        let usage = usage(vec![], vec![process(own, "self", 1000, 1), child, process(3, "x", 0, 1)], (400, 400), 900);
        assert_eq!(usage.users.iter().map(|user| user.pid).collect::<Vec<_>>(), [3]);
    }

    #[test]
    fn another_process_with_the_same_number_starts_at_zero() {
        let mut later = process(7, "new", 30, 1);
        later.started_s = 9.0;
        let usage = usage(vec![process(7, "old", 1000, 1)], vec![later], (30, 400), 900);
        assert_eq!(usage.users[0].cpu_percent, 15.0);
    }

    #[test]
    fn memory_is_hogged_only_where_it_is_scarce() {
        for (held, available, is_hog) in [(300, 50, true), (300, 500, false), (200, 50, false), (900, 100, true)] {
            let usage = usage(vec![], vec![process(7, "x", 0, held)], (0, 400), available);
            assert_eq!(usage.hogs().len() == 1, is_hog, "{held} held, {available} available");
        }
    }

    #[test]
    fn names_are_compared_as_the_kernel_cuts_them() {
        for (short, name, same) in [
            ("nginx", "nginx", true),
            ("nginx", "/usr/sbin/nginx", true),
            ("systemd-resolve", "systemd-resolved", true),
            ("nginx", "ngin", false),
            ("nginx", "", false),
            ("aaaaaaaaaaaaaa", "aaaaaaaaaaaaaaü", true),
        ] {
            assert_eq!(same_name(short, name), same, "{short} {name}");
        }
    }

    #[test]
    fn of_several_the_suspended_one_tells_most() {
        let of = |pid, state: &str, started_s| Process { pid, state: state.into(), started_s, ..Process::default() };
        let all = [of(1, "sleeping", 5.0), of(2, "zombie", 1.0), of(3, "stopped", 9.0), of(4, "running", 3.0)];
        assert_eq!(telling(&all).pid, 3);
        assert_eq!(telling(&[all[0].clone(), all[1].clone(), all[3].clone()]).pid, 4);
    }

    #[test]
    fn sizes_are_readable() {
        for (count, text) in [(0, "0 B"), (1023, "1023 B"), (1536, "1.5 KiB"), (5 << 30, "5.0 GiB")] {
            assert_eq!(bytes(count), text);
        }
    }

    /// A program of our own that can be suspended; ended with the test.
    struct Sleeper(std::process::Child);

    impl Sleeper {
        fn start() -> Self {
            Sleeper(std::process::Command::new("sleep").arg("60").spawn().expect("sleep is everywhere"))
        }

        fn signal(&self, name: &str) {
            let arguments = [format!("-{name}"), self.0.id().to_string()];
            assert!(std::process::Command::new("kill").args(arguments).status().is_ok_and(|status| status.success()));
        }
    }

    impl Drop for Sleeper {
        fn drop(&mut self) {
            let _ = self.0.kill();
            let _ = self.0.wait();
        }
    }

    async fn seen(args: serde_json::Value) -> Observation {
        crate::probe::testing::look_at(&PROBE, crate::sys::LocalMachine::default(), args).await.remove(0)
    }

    #[tokio::test]
    async fn a_suspended_program_is_found_by_its_number() {
        let sleeper = Sleeper::start();
        let args = serde_json::json!({ "pid": sleeper.0.id(), "cpu_window_ms": 10 });
        let running = seen(args.clone()).await;
        assert_eq!((running.code, &running.facts["running"]), (None, &serde_json::json!(true)));
        sleeper.signal("STOP");
        // The signal is delivered at once, and the state follows within a tick.
        tokio::time::sleep(Duration::from_millis(50)).await;
        let stopped = seen(args).await;
        assert_eq!(stopped.code, Some(Code::ProcessStopped), "{}", stopped.summary);
        assert_eq!(stopped.subject, Some(format!("sleep[{}]", sleeper.0.id())));
    }

    #[tokio::test]
    async fn what_does_not_run_or_listen_is_said() {
        let absent = seen(serde_json::json!({ "name": "no-such-program", "cpu_window_ms": 10 })).await;
        assert_eq!(absent.code, Some(Code::ProcessNotRunning));
        let socket = std::net::TcpListener::bind("127.0.0.1:0").expect("loopback");
        let port = socket.local_addr().expect("bound").port();
        let holder = seen(serde_json::json!({ "port": port, "cpu_window_ms": 10 })).await;
        assert_eq!(holder.facts["pid"], serde_json::json!(std::process::id()), "{}", holder.summary);
        drop(socket);
        let free = seen(serde_json::json!({ "port": port, "cpu_window_ms": 10 })).await;
        assert_eq!(free.code, Some(Code::ProcessNotListening));
    }

    #[tokio::test]
    async fn the_whole_machine_is_read() {
        let all = seen(serde_json::json!({ "cpu_window_ms": 50 })).await;
        assert!(all.facts["top"].as_array().is_some_and(|top| !top.is_empty()), "{}", all.summary);
    }
}
