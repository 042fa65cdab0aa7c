//! The whole machine: who uses up processor and memory.

use super::program::{bytes, detail, label, percent_between, round};
use super::{ProcessFacts, Top};
use crate::observation::Observation;
use crate::probe::Look;
use crate::problem::Code;
use crate::sys::{Known, Machine, Memory, Process, Processor};
use std::collections::HashMap;
use std::time::Duration;
use tokio::time::Instant;

/// A hog is looked at again over this window: together one second, which tells a program that starts from one that
/// spins (limits.md section 6: suspected after 0.2 s, confirmed after 1 s).
const CONFIRM_WINDOW: Duration = Duration::from_millis(800);
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
/// Entries of the lists of largest users.
const TOP: usize = 5;

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

pub(super) async fn hogs(look: &Look<'_>, window: Duration) -> Vec<Observation> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probe::process::WINDOW;

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
}
