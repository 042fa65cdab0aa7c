//! What can be said of one process, for every check that meets one: its name, state, descriptors and use.

use crate::sys::{Known, Machine, Process, Unknown};
use std::time::Duration;

/// Descriptors in use from which a program is about to fail, or fails in bursts; judgement.
pub(in crate::probe) const DESCRIPTORS_PERCENT: f64 = 95.0;
/// The kernel keeps so many bytes of a name (`TASK_COMM_LEN` less the closing zero).
const NAME_BYTES: usize = 15;

/// `name[pid]`, as tickets write it.
pub(in crate::probe) fn label(name: &str, pid: u32) -> String {
    format!("{name}[{pid}]")
}

/// One process with all that can be known of it; from the table where the system cannot read one alone.
pub(in crate::probe) async fn detail(machine: &dyn Machine, pid: u32) -> Known<Process> {
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

/// Whether a process is suspended: by a signal or by a debugger.
pub(in crate::probe) fn is_stopped(process: &Process) -> bool {
    ["stopped", "traced"].contains(&process.state.as_str())
}

/// Open descriptors as percent of the limit.
pub(in crate::probe) fn descriptors_percent(process: &Process) -> Option<f64> {
    process.descriptors.filter(|(_, limit)| *limit > 0).map(|(open, limit)| round(100.0 * open as f64 / limit as f64))
}

pub(in crate::probe) fn percent_between(before: &Process, after: &Process, window: Duration) -> f64 {
    let used_ms = after.cpu_ms.saturating_sub(before.cpu_ms) as f64;
    round(100.0 * used_ms / (window.as_secs_f64() * 1000.0).max(1.0))
}

pub(in crate::probe) fn round(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

/// Whether the kernel's short name is this one, given with or without its folder.
pub(in crate::probe) fn is_named(process: &Process, name: &str) -> bool {
    same_name(&process.name, name)
}

/// Compares a kernel's short name with a whole one.
pub(in crate::probe) fn same_name(short: &str, name: &str) -> bool {
    let name = name.rsplit('/').next().unwrap_or(name);
    let mut end = name.len().min(NAME_BYTES);
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    !name.is_empty() && (short == name || short == &name[..end])
}

/// Bytes as people write them.
pub(in crate::probe) fn bytes(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut value = bytes as f64;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    if unit == 0 { format!("{bytes} B") } else { format!("{value:.1} {}", UNITS[unit]) }
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn sizes_are_readable() {
        for (count, text) in [(0, "0 B"), (1023, "1023 B"), (1536, "1.5 KiB"), (5 << 30, "5.0 GiB")] {
            assert_eq!(bytes(count), text);
        }
    }
}
