//! Recent log lines that belong to the fault.

use super::argument::{optional, words};
use super::exec::file_name;
use super::{Burden, Contacts, Cost, Look, Probe, accepts, schema_of};
use crate::layer::Layer;
use crate::observation::Observation;
use crate::packet::redact::mask;
use crate::problem::Code;
use crate::sys::LogLine;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The probe.
pub const PROBE: Probe = Probe {
    name: "log",
    layer: Layer::Host,
    cost: Cost::Local,
    summary: "recent log lines of errors that belong to the fault",
    about: "Reads lines of warnings and errors of the last hour: on Linux from the journal, else from the ends of the \
syslog files and the kernel ring. Lines that hold one of the wanted words are stored, with passwords, tokens and keys \
hidden; an error among them is a finding. Reading other users' lines needs root or membership in a group such as \
`systemd-journal` or `adm`.",
    contacts: Contacts::NONE,
    burden: Burden::READS,
    codes: &[Code::HostLogErrors],
    params: schema_of::<Params>,
    facts: schema_of::<LogFacts>,
    accepts: accepts::<Params>,
    run: |look| look.with(run),
};

/// How far back where the playbook does not say.
const MINUTES: u32 = 60;
/// Lines in the facts, the newest ones.
const MOST_LINES: usize = 20;
/// Characters of a line in the facts.
const LINE_CHARACTERS: usize = 200;
/// Lines in the evidence, the newest ones.
const EVIDENCE_LINES: usize = 500;
/// Severities that are errors.
const ERRORS: [&str; 4] = ["emerg", "alert", "crit", "err"];

/// What faults of machine and network write into logs, where the playbook names no words of its own.
const WORDS: &[&str] = &[
    "link down",
    "link is down",
    "carrier lost",
    "lost carrier",
    "no carrier",
    "out of memory",
    "oom-kill",
    "killed process",
    "i/o error",
    "ext4-fs error",
    "xfs error",
    "btrfs error",
    "remounting filesystem read-only",
    "no space left",
    "nf_conntrack: table full",
    "nf_conntrack: nf_conntrack: table full",
    "neighbour table overflow",
    "neighbor table overflow",
    "segfault",
    "hung task",
    "blocked for more than",
    "no dhcpoffers",
    "no lease",
    "dhcp",
    "duplicate address",
    "certificate",
    "dns",
    "name resolution",
    "resolv",
    "possible syn flooding",
    "too many open files",
    "deauthenticat",
    "authentication timed out",
    "tx timeout",
    "transmit queue",
    "martian",
];

/// Parameters of `log`.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Params {
    /// How many minutes back; 60 if not given.
    #[serde(deserialize_with = "optional")]
    pub minutes: Option<u32>,
    /// Only lines that hold one of these words, in any case; the usual words of faults if not given.
    #[serde(deserialize_with = "words")]
    pub matching: Vec<String>,
}

/// Facts of `log`.
#[derive(Debug, Clone, Default, Serialize, JsonSchema)]
pub struct LogFacts {
    /// Number of lines that hold one of the words.
    pub count: usize,
    /// Number of errors among them.
    pub errors: usize,
    /// The newest 20 of them, the oldest first: time, source, severity, text.
    pub lines: Vec<String>,
    /// Programs that wrote them.
    pub sources: Vec<String>,
    /// How many minutes back was looked.
    pub minutes: u32,
}

async fn run(look: &Look<'_>, params: Params) -> Vec<Observation> {
    let minutes = params.minutes.unwrap_or(MINUTES);
    vec![match look.world.machine.log_lines(minutes).await {
        Ok(lines) => judge(look, &lines, &params.matching, minutes),
        Err(why) => look.unknown(None, &why.to_string()),
    }]
}

fn judge(look: &Look<'_>, lines: &[LogLine], matching: &[String], minutes: u32) -> Observation {
    let wanted: Vec<String> = if matching.is_empty() {
        WORDS.iter().map(|word| (*word).to_owned()).collect()
    } else {
        matching.iter().map(|word| word.to_ascii_lowercase()).collect()
    };
    let holds = |line: &&LogLine| {
        let text = format!("{} {}", line.source, line.text).to_ascii_lowercase();
        wanted.iter().any(|word| text.contains(word.as_str()))
    };
    let found: Vec<&LogLine> = lines.iter().filter(holds).collect();
    let errors: Vec<&&LogLine> = found.iter().filter(|line| ERRORS.contains(&line.level.as_str())).collect();
    let facts = LogFacts {
        count: found.len(),
        errors: errors.len(),
        lines: last(&found, MOST_LINES)
            .iter()
            .map(|line| written(line).chars().take(LINE_CHARACTERS).collect())
            .collect(),
        sources: sources(&found),
        minutes,
    };
    let observation = match errors.last() {
        Some(latest) => {
            let text: String = written(latest).chars().take(LINE_CHARACTERS).collect();
            let summary =
                format!("{} log lines of the last {minutes} min speak of errors, the last: {text}", errors.len());
            look.problem(None, Code::HostLogErrors, summary)
        }
        None => look.ok(
            None,
            format!("{} warnings and no error of this kind in the last {minutes} min of the log", found.len()),
        ),
    };
    let observation = observation.facts(&facts);
    if found.is_empty() {
        return observation;
    }
    let text = last(&found, EVIDENCE_LINES).iter().map(|line| written(line) + "\n").collect::<String>();
    observation.attach(format!("log-{}.txt", file_name(look.check)), text)
}

fn last<T>(items: &[T], most: usize) -> &[T] {
    &items[items.len().saturating_sub(most)..]
}

/// The line as it is stored, free of secrets.
fn written(line: &LogLine) -> String {
    mask(&format!("{} {} {} {}", line.time, line.source, line.level, line.text))
}

fn sources(lines: &[&LogLine]) -> Vec<String> {
    let mut sources: Vec<String> = lines.iter().map(|line| line.source.clone()).collect();
    sources.sort();
    sources.dedup();
    sources.truncate(MOST_LINES);
    sources
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observation::Outcome;
    use crate::probe::testing::look_at;
    use crate::sys::{Known, Machine, Unknown};
    use async_trait::async_trait;
    use serde_json::json;

    struct Logged(Known<Vec<LogLine>>);

    #[async_trait(?Send)]
    impl Machine for Logged {
        async fn log_lines(&self, _minutes: u32) -> Known<Vec<LogLine>> {
            self.0.clone()
        }
    }

    fn line(level: &str, source: &str, text: &str) -> LogLine {
        LogLine { time: "2026-01-02T09:00:00Z".into(), source: source.into(), level: level.into(), text: text.into() }
    }

    #[tokio::test]
    async fn only_errors_that_belong_to_the_fault_are_findings() {
        for (log, matching, outcome, count) in [
            (line("err", "kernel", "eth0: NIC Link is Down"), json!([]), Outcome::Problem, 1),
            (line("warning", "kernel", "eth0: NIC Link is Down"), json!([]), Outcome::Ok, 1),
            (line("err", "gdm", "cannot find theme"), json!([]), Outcome::Ok, 0),
            (line("err", "nginx", "upstream failed"), json!("nginx,squid"), Outcome::Problem, 1),
            (line("err", "kernel", "eth0: NIC Link is Down"), json!(["nginx"]), Outcome::Ok, 0),
        ] {
            let what = format!("{log:?} {matching}");
            let seen = look_at(&PROBE, Logged(Ok(vec![log])), json!({ "matching": matching })).await.remove(0);
            assert_eq!((seen.outcome, &seen.facts["count"]), (outcome, &json!(count)), "{what}");
            assert_eq!(seen.attached.len(), usize::from(count > 0));
        }
    }

    #[tokio::test]
    async fn facts_are_bounded_and_secrets_hidden() {
        let lines =
            (0..100).map(|number| line("err", "vpn", &format!("dns {number} password=hunter2 {}", "x".repeat(500))));
        let seen = look_at(&PROBE, Logged(Ok(lines.collect())), json!({})).await.remove(0);
        let stored = seen.facts["lines"].as_array().expect("a list");
        assert_eq!((stored.len(), &seen.facts["errors"]), (MOST_LINES, &json!(100)));
        assert!(stored.iter().all(|line| line.as_str().is_some_and(|line| line.chars().count() <= LINE_CHARACTERS)));
        let everything = format!("{:?} {} {:?}", seen.facts, seen.summary, seen.attached);
        assert!(!everything.contains("hunter2") && everything.contains("dns 99"));
        assert_eq!(seen.evidence, ["log-check.txt"]);
    }

    #[tokio::test]
    async fn a_log_that_may_not_be_read_is_unknown() {
        let right = Unknown::NeedsRight { what: "/var/log/syslog".into(), right: "root".into() };
        let seen = look_at(&PROBE, Logged(Err(right)), json!({})).await.remove(0);
        assert_eq!(seen.outcome, Outcome::Unknown);
    }
}
