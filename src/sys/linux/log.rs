//! Recent log lines that carry a warning or worse: the journal where journald runs, else the tails of the syslog files
//! and the kernel ring.

use super::bounded::{off_thread, refused};
use super::command;
use super::tail::{each_line, text};
use crate::sys::parse::log;
use crate::sys::*;
use jiff::{SignedDuration, Timestamp};
use std::fs::OpenOptions;
use std::io::Read;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::Duration;

/// A journal of gigabytes on a slow disk is not worth more of a minute's run; what it printed until then is kept.
const JOURNAL_WAIT: Duration = Duration::from_millis(1500);
/// Local files and the kernel ring answer in milliseconds.
const FILES_WAIT: Duration = Duration::from_millis(1500);
/// The newest lines are what matters; so many of the journal are read at most.
const JOURNAL_LINES: &str = "2000";
/// How much of the end of each file is read.
const TAIL_BYTES: u64 = 256 * 1024;
/// More records than the largest usual ring holds (1 MiB at 64 bytes each).
const MOST_RECORDS: usize = 16_384;
/// Rings are 128 KiB to some MiB (`log_buf_len`); a larger one is read record by record.
const LARGEST_RING: usize = 16 << 20;
/// Records are at most `PRINTK_MESSAGE_MAX` (2 KiB) of text with their prefix; longer ones cannot be read (EINVAL).
const RECORD_BYTES: usize = 8192;
/// Severities up to `warning`.
const WORST_LEVELS: [&str; 5] = ["emerg", "alert", "crit", "err", "warning"];

const FILES: &[&str] = &["/var/log/syslog", "/var/log/messages", "/var/log/kern.log"];

pub(super) async fn log_lines(minutes: u32) -> Known<Vec<LogLine>> {
    if Path::new("/run/systemd/journal/socket").exists()
        && let Ok(lines) = journal(minutes, &["-p", "warning"]).await
    {
        return Ok(lines);
    }
    off_thread("the log files", FILES_WAIT, move || files_and_ring(minutes)).await
}

pub(super) async fn lines_of(program: &str, minutes: u32) -> Known<Vec<LogLine>> {
    if Path::new("/run/systemd/journal/socket").exists()
        && let Ok(lines) = journal(minutes, &["-t", program]).await
    {
        return Ok(lines);
    }
    let program = program.to_owned();
    off_thread("the log files", FILES_WAIT, move || Ok(lines_of_files(&program, minutes))).await
}

/// What a program wrote into the log files; nothing where they cannot be read.
fn lines_of_files(program: &str, minutes: u32) -> Vec<LogLine> {
    let now = Timestamp::now();
    let zone = local_zone();
    let since = now.saturating_sub(SignedDuration::from_mins(i64::from(minutes))).unwrap_or(now);
    let fresh = |line: &LogLine| line.time.parse::<Timestamp>().is_ok_and(|time| time >= since);
    let mut lines = Vec::new();
    for file in FILES {
        let _ = each_line(file, TAIL_BYTES, |line| {
            if line.contains(program) {
                let read = log::of_file(line, now, &zone);
                lines.extend(read.filter(|line| line.source == program && fresh(line)));
            }
        });
    }
    lines.sort_by_key(|line| line.time.parse::<Timestamp>().ok());
    // Some systems write one line into several files.
    lines.dedup_by(|one, other| one.time == other.time && one.text == other.text);
    lines
}

/// The journal's newest lines that fit `wanted`, further arguments of `journalctl`.
async fn journal(minutes: u32, wanted: &[&str]) -> Known<Vec<LogLine>> {
    let since = format!("--since=-{minutes}min");
    let fields = "--output-fields=MESSAGE,PRIORITY,SYSLOG_IDENTIFIER,_SYSTEMD_UNIT,_TRANSPORT";
    let plain = ["journalctl", "--quiet", "--no-pager", "-o", "json", &since, "-n", JOURNAL_LINES, fields];
    let arguments: Vec<String> = plain.iter().chain(wanted).map(|argument| (*argument).to_owned()).collect();
    let output = command::command(&arguments, JOURNAL_WAIT).await?;
    let lines: Vec<LogLine> = output.stdout.lines().filter_map(log::journal).collect();
    match (lines.is_empty(), output.timed_out, output.status) {
        (false, _, _) | (true, false, Some(0)) => Ok(lines),
        _ => Err(Unknown::Failed("the journal cannot be read".to_owned())),
    }
}

fn files_and_ring(minutes: u32) -> Known<Vec<LogLine>> {
    let now = Timestamp::now();
    let since = now.saturating_sub(SignedDuration::from_mins(i64::from(minutes))).unwrap_or(now).to_string();
    let zone = local_zone();
    let mut lines = Vec::new();
    let mut errors = Vec::new();
    let mut read = false;
    for file in FILES {
        match each_line(file, TAIL_BYTES, |line| lines.extend(log::syslog(line, now, &zone))) {
            Ok(()) => read = true,
            Err(error) => errors.push(refused(file, "root or group adm", &error)),
        }
    }
    // The kernel's lines are in the files too, but without their severity; the ring is the better source.
    match ring(now) {
        Ok(kernel) => {
            read = true;
            lines.retain(|line: &LogLine| line.source != "kernel");
            lines.extend(kernel);
        }
        Err(error) => errors.push(refused("/dev/kmsg", "root (kernel.dmesg_restrict)", &error)),
    }
    if !read {
        let right = errors.iter().position(|error| matches!(error, Unknown::NeedsRight { .. }));
        return Err(errors.swap_remove(right.unwrap_or(0)));
    }
    let since = since.parse::<Timestamp>().unwrap_or(now);
    lines.retain(|line| {
        WORST_LEVELS.contains(&line.level.as_str()) && line.time.parse::<Timestamp>().is_ok_and(|time| time >= since)
    });
    lines.sort_by_key(|line| line.time.parse::<Timestamp>().ok());
    Ok(lines)
}

/// The kernel ring: at once where that is allowed and its lines can be read, else record by record.
fn ring(now: Timestamp) -> std::io::Result<Vec<LogLine>> {
    let start = monotonic_us()
        .and_then(|us| now.checked_sub(SignedDuration::from_micros(i64::try_from(us).ok()?)).ok())
        .unwrap_or(now);
    match whole_ring(start) {
        Some(lines) => Ok(lines),
        None => records(start),
    }
}

/// The whole ring with one call. Reading its some thousands of records one by one costs 3 ms of processor time, a
/// twentieth of a small run.
fn whole_ring(start: Timestamp) -> Option<Vec<LogLine>> {
    const SIZE_OF_RING: i32 = 10;
    const READ_ALL: i32 = 3;
    // SAFETY: asks for a number; no pointer is read.
    let size = unsafe { nix::libc::klogctl(SIZE_OF_RING, std::ptr::null_mut(), 0) };
    let mut bytes = vec![0u8; usize::try_from(size).ok().filter(|size| (1..=LARGEST_RING).contains(size))?];
    // SAFETY: the kernel writes at most as many bytes as the buffer has, and keeps no pointer.
    let read = unsafe { nix::libc::klogctl(READ_ALL, bytes.as_mut_ptr().cast(), size) };
    bytes.truncate(usize::try_from(read).ok()?);
    let text = text(&bytes);
    let lines = text.lines().map(|line| log::kernel_ring(line, start));
    // A line of another form: the records tell more.
    lines.filter_map(Result::transpose).collect::<Result<Vec<LogLine>, _>>().ok()
}

/// The ring's records: each read gives one, and `EAGAIN` at the end.
fn records(start: Timestamp) -> std::io::Result<Vec<LogLine>> {
    let mut ring = OpenOptions::new().read(true).custom_flags(nix::libc::O_NONBLOCK).open("/dev/kmsg")?;
    let mut lines = Vec::new();
    let mut record = vec![0; RECORD_BYTES];
    for _ in 0..MOST_RECORDS {
        match ring.read(&mut record) {
            Ok(0) => break,
            Ok(length) => lines.extend(log::kernel(&String::from_utf8_lossy(&record[..length]), start)),
            // The record was overwritten while we read, or it is too long: the next one may be read.
            Err(error) if matches!(error.raw_os_error(), Some(nix::libc::EPIPE | nix::libc::EINVAL)) => {}
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => break,
            Err(error) => return Err(error),
        }
    }
    Ok(lines)
}

/// The kernel's monotonic clock in microseconds: what its log and systemd's monotonic stamps count in. Unlike the time
/// since the start it stands still while the machine sleeps.
pub(super) fn monotonic_us() -> Option<u64> {
    let mut time = nix::libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the call writes into a valid `timespec` and keeps no pointer.
    let failed = unsafe { nix::libc::clock_gettime(nix::libc::CLOCK_MONOTONIC, &mut time) } != 0;
    let seconds = u64::try_from(time.tv_sec).ok()?;
    (!failed).then(|| seconds * 1_000_000 + time.tv_nsec as u64 / 1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn lines_or_a_reason_but_no_panic() {
        match log_lines(60).await {
            Ok(lines) => assert!(lines.iter().all(|line| !line.level.is_empty())),
            Err(why) => assert!(!why.to_string().is_empty()),
        }
    }
}
