//! One program, by name, number or port: whether it runs and can work.

use super::program::{
    DESCRIPTORS_PERCENT, bytes, descriptors_percent, detail, is_named, is_stopped, label, percent_between,
};
use super::{Params, ProcessFacts};
use crate::observation::Observation;
use crate::probe::{Look, socket};
use crate::problem::Code;
use crate::sys::{Machine, Process, Unknown};
use std::time::Duration;
use tokio::time::Instant;

/// Processes whose program file is compared before other work on this thread gets its turn.
const PROGRAMS_AT_ONCE: usize = 32;

pub(super) enum Wanted {
    /// All processes that are meant; not empty.
    Processes(Vec<Process>),
    /// There is none, or it cannot be said.
    Answer(Box<Observation>),
}

pub(super) async fn wanted(look: &Look<'_>, params: &Params) -> Wanted {
    let machine = look.world.machine.as_ref();
    let answer = |observation| Wanted::Answer(Box::new(observation));
    if let Some(pid) = params.pid {
        return match machine.processes().await {
            Ok(all) => found(look, &format!("process {pid}"), &all, |process| process.pid == pid),
            Err(why) => answer(look.unknown(None, &why.to_string())),
        };
    }
    if let Some(port) = params.port {
        return match socket::holder(machine, port).await {
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

pub(super) async fn named(look: &Look<'_>, processes: Vec<Process>, window: Duration) -> Observation {
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

fn facts_of(process: &Process) -> ProcessFacts {
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

    #[test]
    fn of_several_the_suspended_one_tells_most() {
        let of = |pid, state: &str, started_s| Process { pid, state: state.into(), started_s, ..Process::default() };
        let all = [of(1, "sleeping", 5.0), of(2, "zombie", 1.0), of(3, "stopped", 9.0), of(4, "running", 3.0)];
        assert_eq!(telling(&all).pid, 3);
        assert_eq!(telling(&[all[0].clone(), all[1].clone(), all[3].clone()]).pid, 4);
    }
}
