//! Lines of logs: the journal's JSON, the kernel ring, and the two styles of syslog files.

use crate::sys::LogLine;
use jiff::tz::TimeZone;
use jiff::{Timestamp, civil};

/// Names of the severities 0 to 7 (RFC 5424 section 6.2.1).
const LEVELS: [&str; 8] = ["emerg", "alert", "crit", "err", "warning", "notice", "info", "debug"];

/// The least grave severity that is looked at: `warning`.
const WARNING: u8 = 4;

/// The severity of a line whose words say nothing of one.
const UNJUDGED: &str = "info";

/// Longest text that is kept of a line.
const MOST_CHARACTERS: usize = 1000;

/// Words that make a line of a file an error: such files do not keep the severity. English is right here, because log
/// texts are not translated.
const ERROR_WORDS: &[&str] = &[
    "error",
    "fail",
    "fatal",
    "critical",
    "panic",
    "segfault",
    "out of memory",
    "oom-kill",
    "denied",
    "refused",
    "link is down",
    "link down",
    "table full",
    "no lease",
    "no dhcpoffers",
    "corrupt",
    "unable to",
    "cannot",
];
const WARNING_WORDS: &[&str] = &["warn", "timeout", "timed out", "unreachable", "expired", "retry", "deprecated"];

/// The word of a severity.
pub fn level(severity: u8) -> &'static str {
    LEVELS[usize::from(severity & 7)]
}

/// One line of `journalctl -o json`.
pub fn journal(line: &str) -> Option<LogLine> {
    let entry: serde_json::Map<String, serde_json::Value> = serde_json::from_str(line).ok()?;
    let text = |name: &str| entry.get(name).and_then(serde_json::Value::as_str);
    let stamp_us: i64 = text("__REALTIME_TIMESTAMP")?.parse().ok()?;
    let source = match text("_TRANSPORT") {
        Some("kernel") => "kernel",
        _ => text("SYSLOG_IDENTIFIER").or_else(|| text("_SYSTEMD_UNIT")).unwrap_or("journal"),
    };
    Some(LogLine {
        time: Timestamp::from_microsecond(stamp_us).ok()?.to_string(),
        source: source.to_owned(),
        level: level(text("PRIORITY")?.parse().ok()?).to_owned(),
        text: bounded(&message(entry.get("MESSAGE")?)?),
    })
}

/// A message is a text, or a list of bytes where it is not UTF-8 (systemd.journal-fields(7), journal JSON format).
fn message(value: &serde_json::Value) -> Option<String> {
    match value {
        serde_json::Value::String(text) => Some(text.clone()),
        serde_json::Value::Array(bytes) => {
            let bytes: Vec<u8> = bytes.iter().filter_map(|byte| u8::try_from(byte.as_u64()?).ok()).collect();
            Some(String::from_utf8_lossy(&bytes).into_owned())
        }
        _ => None,
    }
}

/// One record of `/dev/kmsg`: `priority,sequence,microseconds,flags;text` (Documentation/ABI/testing/dev-kmsg), with
/// `start` the time at which the kernel's clock was zero. Less than a warning gives nothing: the ring holds thousands.
pub fn kernel(record: &str, start: Timestamp) -> Option<LogLine> {
    let (prefix, text) = record.split_once(';')?;
    let mut fields = prefix.split(',');
    let severity = severity(fields.next()?)?;
    let since_us: i64 = fields.nth(1)?.parse().ok()?;
    // Further lines hold the device's properties.
    kernel_line(severity, since_us, text.lines().next().unwrap_or_default(), start)
}

/// One line of the whole ring as syslog(2) gives it: `<priority>[seconds.microseconds] text`; none where it is less than
/// a warning.
///
/// # Errors
/// Where it has another form: kernels can be told to write no times, or to name the task that spoke.
pub fn kernel_ring(line: &str, start: Timestamp) -> Result<Option<LogLine>, &'static str> {
    const OTHER: &str = "a line of another form";
    let (priority, rest) = line.strip_prefix('<').and_then(|rest| rest.split_once('>')).ok_or(OTHER)?;
    let (stamp, text) = rest.strip_prefix('[').and_then(|rest| rest.split_once(']')).ok_or(OTHER)?;
    if text.starts_with('[') {
        return Err(OTHER);
    }
    let Some(severity) = severity(priority) else { return Ok(None) };
    let (seconds, micros) = stamp.trim().split_once('.').filter(|(_, micros)| micros.len() == 6).ok_or(OTHER)?;
    let number = |digits: &str| digits.parse::<i64>().map_err(|_| OTHER);
    let since_us = number(seconds)?.checked_mul(1_000_000).ok_or(OTHER)? + number(micros)?;
    Ok(kernel_line(severity, since_us, text.strip_prefix(' ').unwrap_or(text), start))
}

/// The severity of a priority, which has the facility in its higher bits; none for less than a warning.
fn severity(priority: &str) -> Option<u8> {
    let severity = (priority.parse::<u32>().ok()? & 7) as u8;
    (severity <= WARNING).then_some(severity)
}

fn kernel_line(severity: u8, since_us: i64, text: &str, start: Timestamp) -> Option<LogLine> {
    let time = Timestamp::from_microsecond(start.as_microsecond().checked_add(since_us)?).ok()?;
    Some(LogLine {
        time: time.to_string(),
        source: "kernel".to_owned(),
        level: level(severity).to_owned(),
        text: bounded(text),
    })
}

/// One line of a syslog file, in the style of RFC 3164 (`Nov 20 10:00:00 host program[1]: text`, local time without a
/// year) or with an ISO 8601 stamp. The severity is not in such files: it is judged by the words, and lines without any
/// of them give nothing.
pub fn syslog(line: &str, now: Timestamp, zone: &TimeZone) -> Option<LogLine> {
    // Most lines end here, before their stamp is read.
    guessed_level(line)?;
    of_file(line, now, zone).filter(|line| line.level != UNJUDGED)
}

/// The same for every line; those whose words say nothing of a severity are `info`.
pub fn of_file(line: &str, now: Timestamp, zone: &TimeZone) -> Option<LogLine> {
    let (time, rest) = iso_stamp(line).or_else(|| classic_stamp(line, now, zone))?;
    let (_host, rest) = rest.trim_start().split_once(' ')?;
    let (tag, text) = rest.split_once(": ").unwrap_or(("", rest));
    let source = tag.split(['[', ' ']).next().unwrap_or_default();
    // The kernel's own clock stands before its messages: `[ 1234.567890] text`.
    let text = match text.strip_prefix('[').and_then(|text| text.split_once("] ")) {
        Some((clock, text)) if source == "kernel" && clock.trim().parse::<f64>().is_ok() => text,
        _ => text,
    };
    let level = guessed_level(text).unwrap_or(UNJUDGED);
    Some(LogLine { time: time.to_string(), source: source.to_owned(), level: level.to_owned(), text: bounded(text) })
}

fn iso_stamp(line: &str) -> Option<(Timestamp, &str)> {
    let (stamp, rest) = line.split_once(' ')?;
    Some((stamp.parse().ok()?, rest))
}

/// The stamp has no year: it is this one, unless that would lie in the future, as in January's view of December.
fn classic_stamp<'a>(line: &'a str, now: Timestamp, zone: &TimeZone) -> Option<(Timestamp, &'a str)> {
    let stamp = line.get(..15)?;
    let year = now.to_zoned(zone.clone()).year();
    let a_day = jiff::SignedDuration::from_hours(24);
    let in_year = |year: i16| {
        let with_year = format!("{year} {}", stamp.split_whitespace().collect::<Vec<_>>().join(" "));
        let local = civil::DateTime::strptime("%Y %b %d %H:%M:%S", with_year).ok()?;
        Some(local.to_zoned(zone.clone()).ok()?.timestamp())
    };
    let time = match in_year(year) {
        Some(time) if time <= now.saturating_add(a_day).ok()? => time,
        _ => in_year(year - 1)?,
    };
    Some((time, &line[15..]))
}

fn guessed_level(text: &str) -> Option<&'static str> {
    let lower = text.to_ascii_lowercase();
    if ERROR_WORDS.iter().any(|word| lower.contains(word)) {
        Some("err")
    } else {
        WARNING_WORDS.iter().any(|word| lower.contains(word)).then_some("warning")
    }
}

fn bounded(text: &str) -> String {
    text.trim_end().chars().take(MOST_CHARACTERS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Timestamp {
        "2026-01-02T12:00:00Z".parse().expect("a stamp")
    }

    #[test]
    fn the_whole_ring_says_what_its_records_say() {
        let start = "2026-11-20T10:00:00Z".parse().unwrap();
        let line = kernel_ring("<3>[   61.500000] EXT4-fs error (device sda1): bad block", start).unwrap();
        assert_eq!(line, kernel("3,812,61500000,-;EXT4-fs error (device sda1): bad block", start));
        assert_eq!(kernel_ring("<6>[   61.500000] lan: up", start), Ok(None), "info");
        for other in ["", "text", "<3>no time", "<3>[x.500000] text", "<3>[1.5] text", "<3>[    1.500000][    T1] text"]
        {
            assert!(kernel_ring(other, start).is_err(), "{other}");
        }
        assert!(kernel_ring("<3>[9223372036854775807.000000] text", start).is_err());
    }

    #[test]
    fn lines_of_the_journal() {
        let lines: Vec<LogLine> =
            include_str!("../../../tests/fixtures/linux/journal.json").lines().filter_map(journal).collect();
        let seen: Vec<_> =
            lines.iter().map(|line| (line.source.as_str(), line.level.as_str(), line.text.as_str())).collect();
        assert_eq!(
            seen,
            [
                ("kernel", "err", "e1000e 0000:00:1f.6 eth0: NIC Link is Down"),
                ("dhclient", "warning", "No DHCPOFFERS received."),
                ("app", "err", "caf\u{fffd}"),
            ]
        );
        assert_eq!(lines[0].time, "2026-01-02T11:58:20.123456Z");
    }

    #[test]
    fn records_of_the_kernel_ring() {
        let start = "2026-01-01T00:00:00Z".parse().expect("a stamp");
        let line = kernel("3,812,61500000,-;EXT4-fs error (device sda1): bad block\n SUBSYSTEM=block", start)
            .expect("a record");
        assert_eq!((line.level.as_str(), line.text.as_str()), ("err", "EXT4-fs error (device sda1): bad block"));
        assert_eq!(line.time, "2026-01-01T00:01:01.5Z");
        assert_eq!(kernel("28,1,2,-;systemd", start).map(|line| line.level), Some("warning".to_owned()));
        assert!(kernel("30,1,2,-;systemd", start).is_none(), "info");
        for broken in ["", "x", "3;x", "3,1,y,-;x", "a,b,c;d"] {
            assert!(kernel(broken, start).is_none(), "{broken}");
        }
    }

    #[test]
    fn lines_of_syslog_files() {
        let zone = TimeZone::fixed(jiff::tz::offset(1));
        let lines: Vec<_> = include_str!("../../../tests/fixtures/linux/syslog.txt")
            .lines()
            .filter_map(|line| syslog(line, now(), &zone))
            .map(|line| format!("{} {} {} {}", line.time, line.source, line.level, line.text))
            .collect();
        assert_eq!(
            lines,
            [
                "2026-01-02T09:00:01Z kernel err EXT4-fs error (device sda1): ext4_lookup:1855: inode #2",
                "2025-12-31T22:59:59Z dhclient err No DHCPOFFERS received.",
                "2026-01-02T10:15:30.123456Z NetworkManager warning <warn>  [1767348930.1234] device (eth0): carrier lost",
                "2026-01-02T11:00:00Z kernel err nf_conntrack: nf_conntrack: table full, dropping packet",
            ]
        );
    }

    #[test]
    fn broken_lines_give_nothing() {
        for line in
            ["", "Jan", "Jan 99 10:00:00 host x: error", "éééééééééé host x: error", "not a log line at all error"]
        {
            assert_eq!(syslog(line, now(), &TimeZone::UTC).map(|line| line.text), None, "{line}");
        }
        assert!(journal("{}").is_none() && journal("[1]").is_none() && journal("").is_none());
    }
}
