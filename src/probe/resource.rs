//! What the machine has to give: memory, processors, the disk's time, descriptors, ports, connection tracking.

use super::argument::{optional, words};
use super::process::program::bytes;
use super::{Burden, Contacts, Cost, Look, Probe, accepts, schema_of};
use crate::layer::Layer;
use crate::observation::Observation;
use crate::problem::Code;
use crate::sys::{Known, LogLine, Machine, Memory, Pressure, Processor, SocketCounts};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// The probe.
pub const PROBE: Probe = Probe {
    name: "resource",
    layer: Layer::Host,
    cost: Cost::Local,
    summary: "memory, processors, disk pressure, file descriptors, local ports, connection tracking, last start",
    about: "Reads the machine's own counters, one subject each: `memory` (with kills by the out-of-memory killer), \
`processor` (two readings of the time in use), `io`, `descriptors`, `ports`, `conntrack`, `boot` and `group`: what the control group of a program (on Linux cgroup) may use, where it has a \
limit. Pressure is the \
kernel's own measure of the last ten seconds (on Linux Documentation/accounting/psi.rst). The victim of a kill is taken \
from the kernel log where that may be read.",
    contacts: Contacts::NONE,
    burden: Burden::READS,
    codes: &[
        Code::HostMemoryLow,
        Code::HostMemoryPressure,
        Code::HostOomKill,
        Code::HostGroupLimit,
        Code::HostCpuBusy,
        Code::HostIoPressure,
        Code::HostDescriptors,
        Code::HostPortsExhausted,
        Code::HostConntrackFull,
        Code::HostRecentBoot,
    ],
    params: schema_of::<Params>,
    facts: schema_of::<ResourceFacts>,
    accepts: accepts::<Params>,
    run: |look| look.with(run),
};

/// The kernel counts in ticks of 10 ms, so this window tells 5 % of one processor apart (limits.md section 5).
const WINDOW: Duration = Duration::from_millis(200);
/// Longest window that may be asked for.
const LONGEST_WINDOW: Duration = Duration::from_secs(10);
/// Available memory below this share is low; judgement.
const MEMORY_LOW_PERCENT: f64 = 5.0;
/// Some program waits for memory in this share of the last ten seconds; judgement, far above what a healthy machine
/// shows while it starts a large program.
const MEMORY_SOME_PERCENT: f64 = 20.0;
/// Every program waits for memory in this share of the last ten seconds; judgement.
const MEMORY_FULL_PERCENT: f64 = 10.0;
/// A kill longer ago than this has nothing to do with today's complaint; judgement.
const KILL_HOURS: u32 = 24;
/// All processors together are busy above this; judgement.
const BUSY_PERCENT: f64 = 90.0;
/// ... and in this share of the last ten seconds some program waited for one: a machine can be busy without anybody
/// waiting; judgement.
const CPU_SOME_PERCENT: f64 = 10.0;
/// Every program waits for the disk in this share of the last ten seconds; judgement.
const IO_FULL_PERCENT: f64 = 20.0;
/// Some program does; judgement.
const IO_SOME_PERCENT: f64 = 40.0;
/// A table of which this share is in use is full for practical purposes, because use comes in bursts; judgement.
const TABLE_FULL_PERCENT: f64 = 95.0;
/// Services and networks may still be coming up so long after a start; judgement.
const RECENT_BOOT: Duration = Duration::from_secs(600);

/// Every subject, in the order of the report.
const SUBJECTS: [&str; 8] = ["memory", "processor", "io", "descriptors", "ports", "conntrack", "boot", "group"];

/// Parameters of `resource`.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Params {
    /// Milliseconds between the two readings of processor time; 200 if not given.
    #[serde(deserialize_with = "optional")]
    pub cpu_window_ms: Option<u64>,
    /// Only these: `memory`, `processor`, `io`, `descriptors`, `ports`, `conntrack`, `boot`, `group`; all if not given.
    #[serde(deserialize_with = "words")]
    pub only: Vec<String>,
    /// Number of the process whose control group is meant; this program's own if not given.
    #[serde(deserialize_with = "optional")]
    pub pid: Option<u32>,
}

/// Facts of `resource`; each subject has its own of them.
#[derive(Debug, Clone, Default, Serialize, JsonSchema)]
pub struct ResourceFacts {
    /// `memory`: size.
    pub total_bytes: Option<u64>,
    /// `memory`: what programs can get without swapping.
    pub available_bytes: Option<u64>,
    /// `memory`: the same as percent of the size.
    pub available_percent: Option<f64>,
    /// `memory`: size of the swap.
    pub swap_total_bytes: Option<u64>,
    /// `memory`: percent of the swap in use.
    pub swap_used_percent: Option<f64>,
    /// `memory`: percent of the last ten seconds in which some program waited for memory.
    pub memory_some_percent: Option<f64>,
    /// `memory`: percent of the last ten seconds in which every program did.
    pub memory_full_percent: Option<f64>,
    /// `memory`: kills by the out-of-memory killer since the start.
    pub oom_kills: Option<u64>,
    /// `memory`: the program that it killed last.
    pub oom_victim: Option<String>,
    /// `memory`: when, RFC 3339 in UTC.
    pub oom_time: Option<String>,
    /// `processor`: number of processors.
    pub processors: Option<u32>,
    /// `processor`: percent of all of them that was in use in the window.
    pub busy_percent: Option<f64>,
    /// `processor`: length of the window.
    pub window_ms: Option<u64>,
    /// `processor`: load average of one minute.
    pub load1: Option<f64>,
    /// `processor`: load average of five minutes.
    pub load5: Option<f64>,
    /// `processor`: load average of fifteen minutes.
    pub load15: Option<f64>,
    /// `processor`: percent of the last ten seconds in which some program waited for a processor.
    pub cpu_some_percent: Option<f64>,
    /// `io`: percent of the last ten seconds in which some program waited for a disk.
    pub io_some_percent: Option<f64>,
    /// `io`: percent of the last ten seconds in which every program did.
    pub io_full_percent: Option<f64>,
    /// `descriptors`: open files of the whole system.
    pub files_open: Option<u64>,
    /// `descriptors`: how many there may be.
    pub files_limit: Option<u64>,
    /// `descriptors`, `ports`, `conntrack`: percent of the limit in use.
    pub used_percent: Option<f64>,
    /// `ports`: first port of the range for outgoing connections.
    pub port_first: Option<u16>,
    /// `ports`: last one.
    pub port_last: Option<u16>,
    /// `ports`: ports of the range in use.
    pub ports_used: Option<u32>,
    /// `ports`: TCP connections that stand.
    pub established: Option<u32>,
    /// `ports`: closed ones that still hold their port.
    pub time_wait: Option<u32>,
    /// `ports`: ones that the far end closed and a program here did not.
    pub close_wait: Option<u32>,
    /// `ports`: ones that wait for an answer to their first packet.
    pub syn_sent: Option<u32>,
    /// `ports`: the far end with most connections.
    pub busiest_peer: Option<String>,
    /// `ports`: how many it has.
    pub busiest_peer_connections: Option<u32>,
    /// `conntrack`: connections that the packet filter tracks.
    pub conntrack_entries: Option<u64>,
    /// `conntrack`: how many it can track.
    pub conntrack_limit: Option<u64>,
    /// `boot`: time since the start.
    pub uptime_s: Option<u64>,
    /// `group`: its name.
    pub group: Option<String>,
    /// `group`: memory that it may use.
    pub group_memory_limit_bytes: Option<u64>,
    /// `group`: memory that it uses, with the cache of files.
    pub group_memory_used_bytes: Option<u64>,
    /// `group`: programs killed because that memory was used up, since the group was made.
    pub group_kills: Option<u64>,
    /// `group`: processes and threads that it may have.
    pub group_processes_limit: Option<u64>,
    /// `group`: how many it has.
    pub group_processes: Option<u64>,
    /// `group`: new ones that were refused, since the group was made.
    pub group_processes_refused: Option<u64>,
}

async fn run(look: &Look<'_>, params: Params) -> Vec<Observation> {
    if let Some(wrong) = params.only.iter().find(|subject| !SUBJECTS.contains(&subject.as_str())) {
        return vec![look.unknown(None, &format!("`{wrong}` is none of {}", SUBJECTS.join(", ")))];
    }
    let wanted = |subject: &str| params.only.is_empty() || params.only.iter().any(|only| only == subject);
    let window = params.cpu_window_ms.map_or(WINDOW, Duration::from_millis).min(LONGEST_WINDOW);
    let machine = look.world.machine.as_ref();
    let mut observations = Vec::new();
    // The two readings of the processor frame everything else, so that their window costs no time of its own.
    let (busy, others) = tokio::join!(
        async { if wanted("processor") { Some(processor_twice(look, window).await) } else { None } },
        async {
            let pressure = machine.pressure().await;
            let mut others = Vec::new();
            if wanted("memory") {
                others.push(memory(look, pressure.as_ref().ok()).await);
            }
            if wanted("io") {
                others.push(io(look, &pressure));
            }
            others.extend(tables(look, &wanted).await);
            if wanted("boot") {
                others.push(boot(look).await);
            }
            if wanted("group") {
                others.push(group::look(look, params.pid).await);
            }
            others
        }
    );
    observations.extend(others);
    observations.extend(busy);
    observations.sort_by_key(|one| SUBJECTS.iter().position(|subject| one.subject.as_deref() == Some(subject)));
    observations
}

mod group;

fn percent(part: f64, whole: f64) -> f64 {
    if whole > 0.0 { (1000.0 * part / whole).round() / 10.0 } else { 0.0 }
}

/// Makes the observation of a subject from its problems, the most telling first.
fn conclude(
    look: &Look<'_>,
    subject: &str,
    problems: Vec<(Code, String)>,
    fine: String,
    facts: &ResourceFacts,
) -> Observation {
    let mut problems = problems.into_iter();
    match problems.next() {
        Some((code, summary)) => {
            look.problem(Some(subject), code, summary).also(problems.map(|(code, _)| code)).facts(facts)
        }
        None => look.ok(Some(subject), fine).facts(facts),
    }
}

async fn memory(look: &Look<'_>, pressure: Option<&Pressure>) -> Observation {
    let machine = look.world.machine.as_ref();
    let memory = match machine.memory().await {
        Ok(memory) if memory.total_bytes > 0 => memory,
        Ok(_) => return look.unknown(Some("memory"), "the system tells no size of memory"),
        Err(why) => return look.unknown(Some("memory"), &why.to_string()),
    };
    let kill = if memory.oom_kills.unwrap_or(0) > 0 { recent_kill(machine).await } else { None };
    judge_memory(look, &memory, pressure, kill)
}

/// A kill within the time that matters, and what the log says of it.
struct Kill {
    victim: Option<String>,
    time: Option<String>,
}

async fn recent_kill(machine: &dyn Machine) -> Option<Kill> {
    let lines = machine.log_lines(KILL_HOURS * 60).await.unwrap_or_default();
    if let Some((line, victim)) = lines.iter().rev().find_map(|line| Some((line, victim(line)?))) {
        return Some(Kill { victim: Some(victim), time: Some(line.time.clone()) });
    }
    // The counter goes back to the start of the machine; if that was today, so was the kill.
    let uptime_s = machine.identity().await.ok()?.uptime_s;
    (uptime_s < u64::from(KILL_HOURS) * 3600).then_some(Kill { victim: None, time: None })
}

/// The kernel's line is `Out of memory: Killed process 123 (name) ...`, and `Memory cgroup out of memory: ...` where
/// only a group of programs had used up its share.
fn victim(line: &LogLine) -> Option<String> {
    let (before, after) = line.text.split_once("illed process ")?;
    let (pid, rest) = after.split_once(' ')?;
    let name = rest.strip_prefix('(')?.split(')').next()?;
    before.to_ascii_lowercase().contains("out of memory").then(|| format!("{name}[{pid}]"))
}

fn judge_memory(look: &Look<'_>, memory: &Memory, pressure: Option<&Pressure>, kill: Option<Kill>) -> Observation {
    let available_percent = percent(memory.available_bytes as f64, memory.total_bytes as f64);
    let swap_used = memory.swap_total_bytes.saturating_sub(memory.swap_free_bytes);
    let facts = ResourceFacts {
        total_bytes: Some(memory.total_bytes),
        available_bytes: Some(memory.available_bytes),
        available_percent: Some(available_percent),
        swap_total_bytes: Some(memory.swap_total_bytes),
        swap_used_percent: (memory.swap_total_bytes > 0)
            .then(|| percent(swap_used as f64, memory.swap_total_bytes as f64)),
        memory_some_percent: pressure.and_then(|pressure| pressure.memory_some_percent),
        memory_full_percent: pressure.and_then(|pressure| pressure.memory_full_percent),
        oom_kills: memory.oom_kills,
        oom_victim: kill.as_ref().and_then(|kill| kill.victim.clone()),
        oom_time: kill.as_ref().and_then(|kill| kill.time.clone()),
        ..ResourceFacts::default()
    };
    let left = format!("{} of {} available", bytes(memory.available_bytes), bytes(memory.total_bytes));
    let (some, full) = (facts.memory_some_percent.unwrap_or(0.0), facts.memory_full_percent.unwrap_or(0.0));
    let mut problems = Vec::new();
    if some >= MEMORY_SOME_PERCENT || full >= MEMORY_FULL_PERCENT {
        let summary =
            format!("programs waited for memory in {some:.0} % of the last 10 s (all of them in {full:.0} %); {left}");
        problems.push((Code::HostMemoryPressure, summary));
    }
    if available_percent < MEMORY_LOW_PERCENT {
        problems.push((Code::HostMemoryLow, format!("memory is short: {left} ({available_percent:.0} %)")));
    }
    let mut fine = format!("memory has {left} ({available_percent:.0} %)");
    if kill.as_ref().is_some_and(|kill| kill.time.is_none()) && problems.is_empty() {
        // Some time today, perhaps in a group of programs that had used up its share: that explains nothing by itself.
        fine.push_str("; a program was killed for want of memory since the start, and the log does not say when");
    } else if let Some(kill) = kill {
        let who = kill.victim.unwrap_or_else(|| "a program that the log does not name".to_owned());
        let when = kill.time.map_or_else(|| "since the start".to_owned(), |time| format!("at {time}"));
        problems.push((Code::HostOomKill, format!("the kernel killed {who} {when} because memory ran out; {left}")));
    }
    conclude(look, "memory", problems, fine, &facts)
}

async fn processor_twice(look: &Look<'_>, window: Duration) -> Observation {
    let machine = look.world.machine.as_ref();
    let first = match machine.processor().await {
        Ok(processor) => processor,
        Err(why) => return look.unknown(Some("processor"), &why.to_string()),
    };
    tokio::time::sleep(look.within(window)).await;
    let (second, pressure) = tokio::join!(machine.processor(), machine.pressure());
    match second {
        Ok(second) => judge_processor(look, &first, &second, pressure.ok().as_ref()),
        Err(why) => look.unknown(Some("processor"), &why.to_string()),
    }
}

fn judge_processor(look: &Look<'_>, first: &Processor, second: &Processor, pressure: Option<&Pressure>) -> Observation {
    let count = second.count.max(1);
    let total_ms = second.total_ms.saturating_sub(first.total_ms);
    let busy_percent = percent(second.busy_ms.saturating_sub(first.busy_ms) as f64, total_ms as f64);
    let waiting = pressure.and_then(|pressure| pressure.cpu_some_percent);
    let facts = ResourceFacts {
        processors: Some(count),
        busy_percent: Some(busy_percent),
        window_ms: Some(total_ms / u64::from(count)),
        load1: Some(second.load1),
        load5: Some(second.load5),
        load15: Some(second.load15),
        cpu_some_percent: waiting,
        ..ResourceFacts::default()
    };
    let load = format!("load {:.1} on {count} processors", second.load1);
    // Where the kernel does not tell who waits, a load above the number of processors says that somebody does.
    let somebody_waits = waiting.map_or(second.load1 > f64::from(count), |waiting| waiting >= CPU_SOME_PERCENT);
    let mut problems = Vec::new();
    if busy_percent > BUSY_PERCENT && somebody_waits {
        problems.push((
            Code::HostCpuBusy,
            format!("the processors are {busy_percent:.0} % busy and programs wait for them, {load}"),
        ));
    }
    conclude(look, "processor", problems, format!("the processors are {busy_percent:.0} % busy, {load}"), &facts)
}

fn io(look: &Look<'_>, pressure: &Known<Pressure>) -> Observation {
    let pressure = match pressure {
        Ok(pressure) if pressure.io_some_percent.is_some() => pressure,
        Ok(_) => return look.unknown(Some("io"), "this kernel does not tell who waits for disks"),
        Err(why) => return look.unknown(Some("io"), &why.to_string()),
    };
    let facts = ResourceFacts {
        io_some_percent: pressure.io_some_percent,
        io_full_percent: pressure.io_full_percent,
        ..ResourceFacts::default()
    };
    let (some, full) = (facts.io_some_percent.unwrap_or(0.0), facts.io_full_percent.unwrap_or(0.0));
    let summary = format!("programs waited for disks in {some:.0} % of the last 10 s (all of them in {full:.0} %)");
    let mut problems = Vec::new();
    if full >= IO_FULL_PERCENT || some >= IO_SOME_PERCENT {
        problems.push((Code::HostIoPressure, summary.clone()));
    }
    conclude(look, "io", problems, summary, &facts)
}

async fn tables(look: &Look<'_>, wanted: &impl Fn(&str) -> bool) -> Vec<Observation> {
    let subjects: Vec<&str> =
        ["descriptors", "ports", "conntrack"].into_iter().filter(|subject| wanted(subject)).collect();
    if subjects.is_empty() {
        return Vec::new();
    }
    match look.world.machine.socket_counts().await {
        Ok(counts) => subjects
            .into_iter()
            .map(|subject| match subject {
                "descriptors" => descriptors(look, &counts),
                "ports" => ports(look, &counts),
                _ => conntrack(look, &counts),
            })
            .collect(),
        Err(why) => subjects.into_iter().map(|subject| look.unknown(Some(subject), &why.to_string())).collect(),
    }
}

fn descriptors(look: &Look<'_>, counts: &SocketCounts) -> Observation {
    let Some((open, limit)) = counts.files.filter(|(_, limit)| *limit > 0) else {
        return look.unknown(Some("descriptors"), "the system does not count open files");
    };
    let used = percent(open as f64, limit as f64);
    let facts = ResourceFacts {
        files_open: Some(open),
        files_limit: Some(limit),
        used_percent: Some(used),
        ..ResourceFacts::default()
    };
    let summary = format!("{open} of at most {limit} files are open in the whole system");
    let problems = if used >= TABLE_FULL_PERCENT { vec![(Code::HostDescriptors, summary.clone())] } else { vec![] };
    conclude(look, "descriptors", problems, summary, &facts)
}

fn ports(look: &Look<'_>, counts: &SocketCounts) -> Observation {
    let (first, last) = counts.port_range;
    if first == 0 || last < first {
        return look.unknown(Some("ports"), "the system does not tell the range of local ports");
    }
    let size = u32::from(last - first) + 1;
    let used = percent(f64::from(counts.ports_used), f64::from(size));
    let peer = counts.busiest_peer.clone();
    let facts = ResourceFacts {
        port_first: Some(first),
        port_last: Some(last),
        ports_used: Some(counts.ports_used),
        used_percent: Some(used),
        established: Some(counts.established),
        time_wait: Some(counts.time_wait),
        close_wait: Some(counts.close_wait),
        syn_sent: Some(counts.syn_sent),
        busiest_peer: peer.as_ref().map(|(peer, _)| peer.clone()),
        busiest_peer_connections: peer.as_ref().map(|(_, connections)| *connections),
        ..ResourceFacts::default()
    };
    let summary = format!("{} of {size} local ports ({first} to {last}) are in use", counts.ports_used);
    let mut problems = Vec::new();
    if used >= TABLE_FULL_PERCENT {
        let whose = peer.map_or_else(String::new, |(peer, connections)| format!(", {connections} of them for {peer}"));
        problems.push((Code::HostPortsExhausted, format!("{summary}{whose} ({} wait to be freed)", counts.time_wait)));
    }
    conclude(look, "ports", problems, summary, &facts)
}

fn conntrack(look: &Look<'_>, counts: &SocketCounts) -> Observation {
    let Some((entries, limit)) = counts.conntrack.filter(|(_, limit)| *limit > 0) else {
        return look.ok(Some("conntrack"), "this kernel tracks no connections");
    };
    let used = percent(entries as f64, limit as f64);
    let facts = ResourceFacts {
        conntrack_entries: Some(entries),
        conntrack_limit: Some(limit),
        used_percent: Some(used),
        ..ResourceFacts::default()
    };
    let summary = format!("{entries} of at most {limit} connections are tracked");
    let problems = if used >= TABLE_FULL_PERCENT { vec![(Code::HostConntrackFull, summary.clone())] } else { vec![] };
    conclude(look, "conntrack", problems, summary, &facts)
}

async fn boot(look: &Look<'_>) -> Observation {
    let uptime_s = match look.world.machine.identity().await {
        Ok(identity) => identity.uptime_s,
        Err(why) => return look.unknown(Some("boot"), &why.to_string()),
    };
    let facts = ResourceFacts { uptime_s: Some(uptime_s), ..ResourceFacts::default() };
    let mut problems = Vec::new();
    if uptime_s < RECENT_BOOT.as_secs() {
        problems.push((Code::HostRecentBoot, format!("the machine started {uptime_s} s ago")));
    }
    let fine = format!("the machine started {} h ago", uptime_s / 3600);
    conclude(look, "boot", problems, fine, &facts)
}

#[cfg(test)]
mod tests;
