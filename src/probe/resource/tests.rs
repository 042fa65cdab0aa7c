//! The judgement of each subject, on machines that are made up.

use super::*;
use crate::observation::Outcome;
use crate::probe::testing::look_at;
use crate::sys::{GroupLimits, Identity};
use async_trait::async_trait;
use serde_json::json;
use std::cell::Cell;

#[derive(Default)]
struct Host {
    memory: Memory,
    pressure: Option<Pressure>,
    counts: SocketCounts,
    uptime_s: u64,
    log: Vec<LogLine>,
    group: GroupLimits,
    busy_of_hundred: u64,
    load1: f64,
    readings: Cell<u64>,
}

#[async_trait(?Send)]
impl Machine for Host {
    async fn memory(&self) -> Known<Memory> {
        Ok(self.memory.clone())
    }

    async fn group_limits(&self, _pid: Option<u32>) -> Known<GroupLimits> {
        Ok(self.group.clone())
    }

    async fn pressure(&self) -> Known<Pressure> {
        self.pressure.clone().ok_or(crate::sys::Unknown::Failed("no pressure".into()))
    }

    async fn socket_counts(&self) -> Known<SocketCounts> {
        Ok(self.counts.clone())
    }

    async fn identity(&self) -> Known<Identity> {
        Ok(Identity { uptime_s: self.uptime_s, ..Identity::default() })
    }

    async fn log_lines(&self, _minutes: u32) -> Known<Vec<LogLine>> {
        Ok(self.log.clone())
    }

    async fn processor(&self) -> Known<Processor> {
        let reading = self.readings.replace(self.readings.get() + 1);
        let (busy_ms, total_ms) = (reading * self.busy_of_hundred * 4, reading * 400);
        Ok(Processor { count: 2, load1: self.load1, busy_ms, total_ms, ..Processor::default() })
    }
}

fn memory(available_bytes: u64, oom_kills: u64) -> Memory {
    Memory { total_bytes: 1000, available_bytes, oom_kills: Some(oom_kills), ..Memory::default() }
}

async fn codes(host: Host, subject: &str) -> Vec<Code> {
    let seen = look_at(&PROBE, host, json!({ "only": [subject], "cpu_window_ms": 1 })).await;
    assert_eq!((seen.len(), seen[0].subject.as_deref()), (1, Some(subject)));
    assert_ne!(seen[0].outcome, Outcome::Unknown, "{}", seen[0].summary);
    seen[0].codes().collect()
}

#[tokio::test]
async fn memory_is_judged_by_what_is_left_and_who_waits() {
    let line = LogLine {
        time: "2026-01-02T09:00:00Z".into(),
        text: "Out of memory: Killed process 4711 (java) total-vm:1kB".into(),
        ..LogLine::default()
    };
    let waiting = Pressure { memory_some_percent: Some(30.0), memory_full_percent: Some(2.0), ..Pressure::default() };
    let day = 24 * 3600;
    for (memory, pressure, log, uptime_s, expected) in [
        (memory(500, 0), None, vec![], day, vec![]),
        (memory(49, 0), None, vec![], day, vec![Code::HostMemoryLow]),
        (memory(49, 0), Some(waiting), vec![], day, vec![Code::HostMemoryPressure, Code::HostMemoryLow]),
        (memory(500, 1), None, vec![line], 90 * day, vec![Code::HostOomKill]),
        (memory(500, 1), None, vec![], 90 * day, vec![]),
        // Nobody knows when, and there is room now.
        (memory(500, 1), None, vec![], day - 1, vec![]),
        (memory(49, 1), None, vec![], day - 1, vec![Code::HostMemoryLow, Code::HostOomKill]),
    ] {
        let what = format!("{memory:?} up {uptime_s} s");
        let host = Host { memory, pressure, log, uptime_s, ..Host::default() };
        assert_eq!(codes(host, "memory").await, expected, "{what}");
    }
}

#[test]
fn the_victim_is_read_from_the_kernels_line() {
    let line = |text: &str| LogLine { text: text.into(), ..LogLine::default() };
    for (text, expected) in [
        ("Out of memory: Killed process 4711 (java) total-vm:1kB", Some("java[4711]")),
        ("Memory cgroup out of memory: Killed process 5 (a b) total", Some("a b[5]")),
        ("Killed process 5 (x) by hand", None),
        ("Out of memory: Killed process", None),
        ("", None),
    ] {
        assert_eq!(victim(&line(text)).as_deref(), expected, "{text}");
    }
}

#[tokio::test]
async fn busy_processors_count_only_where_somebody_waits() {
    let waits = |percent| Some(Pressure { cpu_some_percent: Some(percent), ..Pressure::default() });
    for (busy_of_hundred, pressure, load1, is_busy) in [
        (95, waits(40.0), 3.0, true),
        (95, waits(1.0), 3.0, false),
        (80, waits(40.0), 3.0, false),
        (95, None, 3.0, true),
        (95, None, 1.0, false),
    ] {
        let host = Host { busy_of_hundred, pressure, load1, ..Host::default() };
        let expected = if is_busy { vec![Code::HostCpuBusy] } else { vec![] };
        assert_eq!(codes(host, "processor").await, expected, "{busy_of_hundred} % busy, load {load1}");
    }
}

#[tokio::test]
async fn tables_are_full_near_their_limit() {
    let base = || SocketCounts {
        port_range: (40000, 40099),
        files: Some((10, 1000)),
        conntrack: Some((10, 1000)),
        ..SocketCounts::default()
    };
    for (counts, subject, expected) in [
        (base(), "ports", vec![]),
        (SocketCounts { ports_used: 95, ..base() }, "ports", vec![Code::HostPortsExhausted]),
        (SocketCounts { port_range: (1, 3), ports_used: 3, ..base() }, "ports", vec![Code::HostPortsExhausted]),
        (base(), "descriptors", vec![]),
        (SocketCounts { files: Some((960, 1000)), ..base() }, "descriptors", vec![Code::HostDescriptors]),
        (base(), "conntrack", vec![]),
        (SocketCounts { conntrack: None, ..base() }, "conntrack", vec![]),
        (SocketCounts { conntrack: Some((1000, 1000)), ..base() }, "conntrack", vec![Code::HostConntrackFull]),
    ] {
        let what = format!("{subject} {counts:?}");
        assert_eq!(codes(Host { counts, ..Host::default() }, subject).await, expected, "{what}");
    }
}

#[tokio::test]
async fn disks_that_are_waited_for_and_a_recent_start_are_told() {
    let waits = |some, full| Host {
        pressure: Some(Pressure { io_some_percent: Some(some), io_full_percent: Some(full), ..Pressure::default() }),
        ..Host::default()
    };
    assert_eq!(codes(waits(10.0, 5.0), "io").await, []);
    assert_eq!(codes(waits(30.0, 25.0), "io").await, [Code::HostIoPressure]);
    assert_eq!(codes(Host { uptime_s: 599, ..Host::default() }, "boot").await, [Code::HostRecentBoot]);
    assert_eq!(codes(Host { uptime_s: 600, ..Host::default() }, "boot").await, []);
}

#[tokio::test]
async fn this_machine_has_every_subject_in_order() {
    let seen = look_at(&PROBE, crate::sys::LocalMachine::default(), json!({ "cpu_window_ms": "50" })).await;
    assert_eq!(seen.iter().filter_map(|one| one.subject.as_deref()).collect::<Vec<_>>(), SUBJECTS);
}

#[tokio::test]
async fn a_group_at_its_limit_is_told_and_an_old_kill_is_not() {
    let limits = GroupLimits {
        name: "/crm".into(),
        memory_limit_bytes: Some(1000),
        memory_kills: Some(2),
        processes_limit: Some(100),
        processes: Some(10),
        ..GroupLimits::default()
    };
    let host = |group: &GroupLimits, uptime_s| Host { group: group.clone(), uptime_s, ..Host::default() };
    assert_eq!(codes(host(&limits, 3_600), "group").await, [Code::HostGroupLimit]);
    assert_eq!(codes(host(&limits, 30 * 86_400), "group").await, [], "no log line, and made who knows when");
    let full = GroupLimits { processes: Some(96), memory_kills: None, ..limits };
    assert_eq!(codes(host(&full, 30 * 86_400), "group").await, [Code::HostGroupLimit]);
    assert_eq!(codes(host(&GroupLimits::default(), 3_600), "group").await, []);
}
