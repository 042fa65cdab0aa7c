//! How much processor time a packet takes: hiding what a log holds, and the whole way from five megabytes of evidence to the
//! archive on the disk. One thread does all of it, so on a machine with nothing else to do that is the time on the wall. It
//! fails where a limit of the table is passed.
//!
//!     cargo bench --bench packet

#[path = "../fixtures/clock.rs"]
mod clock;

use clock::Clock;
use firstline::packet::Packet;
use firstline::packet::fit::LARGEST;
use firstline::packet::read::open;
use firstline::packet::redact::{self, Key, Known, Level};
use firstline::packet::write::{Attached, Files, Place, write};
use firstline::report::{Style, render};
use std::fmt::Write as _;
use std::hint::black_box;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

/// Rounds of one measurement; the first is thrown away.
const ROUNDS: usize = 11;
/// Bytes of the log that is redacted.
const LOG: usize = 16 << 20;
/// Least megabytes in a second, redaction and leak scan together.
const LEAST_SPEED: f64 = 80.0;
/// Bytes of the evidence of a large packet, in files of this many.
const EVIDENCE: usize = 5_000_000;
const FILES: usize = 40;
/// The largest picture, in bytes: what mail and ticket systems take without a question.
const LARGEST_PAGE: usize = 300_000;
/// The longest that a large packet may take.
const LONGEST: Duration = Duration::from_millis(250);

/// A journal as servers write it: one line in twenty names a person, one in five hundred holds a secret.
fn journal(bytes: usize) -> String {
    let mut text = String::with_capacity(bytes + 200);
    let mut number = 0_u32;
    while text.len() < bytes {
        let (minute, second) = (number / 60 % 60, number % 60);
        let _ = write!(text, "Nov 22 08:{minute:02}:{second:02} desk-114 ");
        let _ = match number {
            it if it % 500 == 7 => writeln!(text, "agent[612]: retry with token=tk{it:08x}aWQ9 after 3 s"),
            it if it % 20 == 3 => {
                writeln!(text, "sshd[{}]: Accepted publickey for jdoe from 10.1.{}.7", it % 900, it % 250)
            }
            it if it % 3 == 0 => writeln!(
                text,
                "NetworkManager[811]: <info>  [1763798400.{it:04}] dhcp4 (eth0): state changed bound -> extended, \
                 address=192.0.2.{}",
                it % 250
            ),
            it if it % 3 == 1 => writeln!(
                text,
                "kernel: [{it:8}.123456] e1000e 0000:00:1f.6 eth0: NIC Link is Up 1000 Mbps Full Duplex, Flow Control: Rx/Tx"
            ),
            it => writeln!(
                text,
                "systemd-resolved[702]: Using degraded feature set UDP instead of UDP+EDNS0 for DNS server \
                 192.0.2.53 (attempt {it})."
            ),
        };
        number += 1;
    }
    text
}

fn example() -> Packet {
    let mut packet = open(Path::new("tests/packets/v1/stale-vpn-resolver.json")).expect("a stored packet opens").packet;
    packet.run.user = "jdoe".to_owned();
    packet
}

/// The median time of some rounds.
fn median(mut round: impl FnMut() -> Duration) -> Duration {
    let mut times: Vec<Duration> = (0..ROUNDS).map(|_| round()).skip(1).collect();
    times.sort();
    times[times.len() / 2]
}

fn hide(files: Files, level: Level) -> (Duration, redact::Redacted) {
    let packet = example();
    let key = Key::random();
    let start = Clock::start();
    let redacted = redact::packet(
        &packet,
        Attached { evidence: files, ..Attached::default() },
        level,
        &key,
        &Known::default(),
        None,
    )
    .expect("a packet is redacted");
    (start.elapsed(), redacted)
}

/// Megabytes in a second.
fn speed(level: Level) -> f64 {
    let log = journal(LOG);
    let time = median(|| {
        let (time, redacted) = hide(vec![("journal.txt".to_owned(), log.clone().into_bytes())], level);
        assert!(black_box(redacted).attached.evidence.len() == 1, "nothing is withheld");
        time
    });
    log.len() as f64 / 1e6 / time.as_secs_f64()
}

/// From the evidence to the archive on the disk.
fn large_packet() -> Duration {
    let log = journal(EVIDENCE / FILES);
    median(|| {
        let files: Files =
            (0..FILES).map(|number| (format!("{number}.txt"), format!("{number} {log}").into_bytes())).collect();
        let folder = tempfile::tempdir().expect("there is a folder for temporary files");
        let start = Clock::start();
        let (_, redacted) = hide(files, Level::Standard);
        let (mut packet, gate) = (redacted.packet, redacted.gate);
        let written = write(&mut packet, redacted.attached, &gate, LARGEST, &[Place::chosen(folder.path())]);
        assert!(written.is_some(), "{:?}", packet.run.warnings);
        start.elapsed()
    })
}

/// How large the picture of the largest stored packet is, and how long it takes to draw.
fn largest_picture() -> (usize, Duration) {
    let entries = std::fs::read_dir("tests/packets/v1").expect("there are stored packets");
    let paths = entries.flatten().map(|entry| entry.path()).filter(|path| path.is_file());
    let draw = |packet: &Packet| render("picture", packet, &Style::plain(80)).len();
    let packets = paths.filter_map(|path| open(&path).ok()).map(|opened| opened.packet);
    let largest = packets.max_by_key(&draw).expect("a stored packet opens");
    let time = median(|| {
        let start = Clock::start();
        black_box(draw(&largest));
        start.elapsed()
    });
    (draw(&largest), time)
}

/// The most memory that this process has had, in MiB, where the system says so.
fn peak() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().trim_end_matches(" kB").parse::<u64>().ok()? >> 10)
}

fn main() -> ExitCode {
    let mut good = true;
    let mut row = |what: &str, measured: String, limit: String, met: bool| {
        println!("{what:<44} {measured:>12} {limit:>14} {}", if met { "ok" } else { "PASSED" });
        good &= met;
    };
    let before = peak();
    let time = large_packet();
    let memory = before.zip(peak()).map(|(before, after)| after - before);
    row("packet with 5 MB of evidence", format!("{time:.0?}"), format!("{LONGEST:?}"), time <= LONGEST);
    if let Some(memory) = memory {
        row("its memory, evidence and all", format!("{memory} MiB"), "40 MiB".to_owned(), memory <= 40);
    }
    let (size, time) = largest_picture();
    row(
        "picture of the largest stored packet",
        format!("{} KB", size / 1000),
        "300 KB".to_owned(),
        size < LARGEST_PAGE,
    );
    row("the time to draw it", format!("{time:.1?}"), "none".to_owned(), true);
    for level in [Level::Standard, Level::Strict] {
        let speed = speed(level);
        let limit = if level == Level::Standard { LEAST_SPEED } else { 0.0 };
        let what = format!("redaction and scan of a log, {}", level.word());
        row(&what, format!("{speed:.0} MB/s"), format!("{limit:.0} MB/s"), speed >= limit);
    }
    if good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
