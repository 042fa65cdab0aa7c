//! One line of `/proc/PID/stat` (proc_pid_stat(5)).

use crate::sys::Process;

/// Units that the kernel does not write into the line itself.
#[derive(Debug, Clone, Copy)]
pub struct Units {
    /// Clock ticks a second (`sysconf(_SC_CLK_TCK)`).
    pub ticks_per_second: u64,
    /// Bytes of a page.
    pub page_bytes: u64,
}

/// Reads the line; none where it is not one. The name stands in parentheses and may hold spaces and parentheses of its
/// own, so fields are counted from the last closing one.
pub fn stat(line: &[u8], units: Units) -> Option<Process> {
    let open = line.iter().position(|byte| *byte == b'(')?;
    let close = line.iter().rposition(|byte| *byte == b')')?;
    let name = line.get(open + 1..close)?;
    let pid = std::str::from_utf8(&line[..open]).ok()?.trim().parse().ok()?;
    let rest = std::str::from_utf8(line.get(close + 2..)?).ok()?;
    // Field 3 of the manual page, the state, is field 0 here.
    let mut fields = rest.split_ascii_whitespace();
    let state = fields.next()?;
    let parent = fields.next()?.parse().ok()?;
    let user_ticks: u64 = fields.nth(9)?.parse().ok()?;
    let system_ticks: u64 = fields.next()?.parse().ok()?;
    let start_ticks: u64 = fields.nth(6)?.parse().ok()?;
    let resident_pages: u64 = fields.nth(1)?.parse().ok()?;
    Some(Process {
        pid,
        parent,
        name: String::from_utf8_lossy(name).into_owned(),
        state: state_word(state).to_owned(),
        cpu_ms: (user_ticks + system_ticks).saturating_mul(1000) / units.ticks_per_second.max(1),
        memory_bytes: resident_pages.saturating_mul(units.page_bytes),
        started_s: start_ticks as f64 / units.ticks_per_second.max(1) as f64,
        ..Process::default()
    })
}

fn state_word(letter: &str) -> &'static str {
    match letter {
        "R" => "running",
        "S" | "I" => "sleeping",
        "D" => "disk",
        "T" => "stopped",
        "t" => "traced",
        "Z" | "X" | "x" => "zombie",
        _ => "unknown",
    }
}

/// The soft limit of open files in `/proc/PID/limits`; none where it is unlimited or not there.
pub fn open_files_limit(limits: &str) -> Option<u64> {
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_ascii_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const UNITS: Units = Units { ticks_per_second: 100, page_bytes: 4096 };

    #[test]
    fn lines_are_read_whatever_the_name_holds() {
        let tail = "S 1 10 10 0 -1 4194560 100 0 0 0 250 50 0 0 20 0 4 0 1234 1000000 512 18446744073709551615";
        for (name, line) in [
            ("nginx", format!("77 (nginx) {tail}")),
            ("tmux: server", format!("77 (tmux: server) {tail}")),
            ("a) R 1 (b", format!("77 (a) R 1 (b) {tail}")),
        ] {
            let process = stat(line.as_bytes(), UNITS).expect(name);
            assert_eq!((process.pid, process.parent, process.name.as_str()), (77, 1, name));
            assert_eq!((process.cpu_ms, process.memory_bytes), (3000, 2_097_152));
            assert_eq!((process.state.as_str(), process.started_s), ("sleeping", 12.34));
        }
    }

    #[test]
    fn the_recorded_table_is_read() {
        let table = include_str!("../../../tests/fixtures/linux/stat.txt");
        let states: Vec<_> = table
            .lines()
            .map(|line| stat(line.as_bytes(), UNITS).map(|process| (process.name, process.state)))
            .map(|process| process.map(|(name, state)| format!("{name} {state}")))
            .collect();
        let expected = ["systemd sleeping", "kworker/0:0-events sleeping", "sleep stopped", "sh zombie", "yes running"];
        assert_eq!(states, expected.map(|text| Some(text.to_owned())));
    }

    #[test]
    fn broken_lines_give_nothing() {
        for line in ["", "77", "77 (x", "77 (x)", "77 (x) ", "x (y) S 1", "77 (x) S 1 2 3", ")("] {
            assert!(stat(line.as_bytes(), UNITS).is_none(), "{line}");
        }
        assert!(stat(&[0xff, b'(', 0xfe, b')', b' ', 0xff], UNITS).is_none());
    }

    #[test]
    fn the_limit_is_the_soft_one() {
        let limits = "Limit  Soft Limit  Hard Limit  Units\nMax open files            1024                 524288               files\n";
        assert_eq!(open_files_limit(limits), Some(1024));
        assert_eq!(open_files_limit("Max open files unlimited unlimited files"), None);
        assert_eq!(open_files_limit(""), None);
    }
}
