//! Runs a command that a playbook names and judges its exit status.

use super::argument::{optional, words};
use super::{Burden, Contacts, Cost, Look, Probe, accepts, schema_of};
use crate::layer::Layer;
use crate::observation::Observation;
use crate::packet::redact::mask;
use crate::problem::Code;
use crate::sys::CommandOutput;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// The probe.
pub const PROBE: Probe = Probe {
    name: "exec",
    layer: Layer::Host,
    cost: Cost::Slow,
    summary: "runs a command and looks at its exit status",
    about: "Starts the program with exactly these arguments: no shell, C locale, no standard input. It is killed with \
everything that it started when its time is up. Whether a playbook may do this at all is decided before the run. Output \
is stored with passwords, tokens and keys hidden.",
    contacts: Contacts::named(&["connects"]).and_unless("connects", "whom that command talks to"),
    burden: Burden::of(
        "one program, killed with all that it started after {} seconds, or {} at most where the playbook says so",
    )
    .counting(&[WAIT.as_secs(), LONGEST_WAIT.as_secs()])
    .and_leaves("whatever that program does"),
    codes: &[Code::ExecFailed],
    params: schema_of::<Params>,
    facts: schema_of::<ExecFacts>,
    accepts: accepts::<Params>,
    run: |look| look.with(run),
};

/// What a command may take where the playbook does not say.
const WAIT: Duration = Duration::from_secs(10);
/// What it may take at most: a run has a minute in all.
const LONGEST_WAIT: Duration = Duration::from_secs(60);
/// Bytes of output in the facts; the whole of it goes into the evidence.
const FACT_BYTES: usize = 2048;
/// Bytes of output in the evidence.
const EVIDENCE_BYTES: usize = 256 * 1024;
/// Characters of the command in sentences.
const SHOWN: usize = 100;

/// Parameters of `exec`.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Params {
    /// The program and its arguments, as a list.
    pub command: Vec<String>,
    /// Whom it talks to, for `firstline plan`: `["wiki.example:443"]`; an empty list where it stays on this machine.
    #[serde(deserialize_with = "words")]
    #[schemars(with = "Vec<String>")]
    pub connects: Vec<String>,
    /// Exit statuses that mean that all is well; 0 if not given.
    #[serde(deserialize_with = "words")]
    #[schemars(with = "Vec<i32>")]
    pub ok_status: Vec<String>,
    /// Milliseconds that it may take; 10000 if not given.
    #[serde(deserialize_with = "optional")]
    pub timeout_ms: Option<u64>,
}

/// Facts of `exec`.
#[derive(Debug, Clone, Default, Serialize, JsonSchema)]
pub struct ExecFacts {
    /// Exit status; absent where a signal ended it.
    pub status: Option<i32>,
    /// The beginning of its standard output, at most 2 KiB.
    pub stdout: String,
    /// The beginning of its standard error, at most 2 KiB.
    pub stderr: String,
    /// It was killed because its time was up.
    pub timed_out: bool,
}

async fn run(look: &Look<'_>, params: Params) -> Vec<Observation> {
    let Ok(fine) = params.ok_status.iter().map(|status| status.parse()).collect::<Result<Vec<i32>, _>>() else {
        return vec![look.unknown(None, "`ok_status` holds something that is no number")];
    };
    let wait = look.within(params.timeout_ms.map_or(WAIT, Duration::from_millis).min(LONGEST_WAIT));
    vec![match look.world.machine.command(&params.command, wait).await {
        Ok(output) => judge(look, &params.command, &fine, &output),
        Err(why) => look.unknown(None, &why.to_string()),
    }]
}

fn judge(look: &Look<'_>, command: &[String], fine: &[i32], output: &CommandOutput) -> Observation {
    let fine = if fine.is_empty() { &[0] } else { fine };
    let shown: String = mask(&command.join(" ")).chars().take(SHOWN).collect();
    let stdout = mask(cut(&output.stdout, EVIDENCE_BYTES));
    let stderr = mask(cut(&output.stderr, EVIDENCE_BYTES));
    let facts = ExecFacts {
        status: output.status,
        stdout: cut(&stdout, FACT_BYTES).to_owned(),
        stderr: cut(&stderr, FACT_BYTES).to_owned(),
        timed_out: output.timed_out,
    };
    let observation = match output.status {
        // A command that was cut off has said nothing yet, neither good nor bad.
        _ if output.timed_out => look.unknown(None, &format!("`{shown}` did not end in time")),
        Some(status) if fine.contains(&status) => look.ok(None, format!("`{shown}` ended with status {status}")),
        Some(status) => look.problem(None, Code::ExecFailed, format!("`{shown}` ended with status {status}")),
        None => look.problem(None, Code::ExecFailed, format!("`{shown}` was ended by a signal")),
    };
    let name = format!("{}.txt", file_name(look.check));
    observation.facts(&facts).attach(name, format!("$ {shown}\n{stdout}\n--- standard error\n{stderr}\n"))
}

/// At most so many bytes, ending between characters.
fn cut(text: &str, most: usize) -> &str {
    let mut end = text.len().min(most);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// A check's id as a file name of the packet.
pub(super) fn file_name(check: &str) -> String {
    let letter = |letter: char| if letter.is_ascii_alphanumeric() { letter.to_ascii_lowercase() } else { '-' };
    check.chars().map(letter).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observation::Outcome;
    use crate::probe::testing::look_at;
    use crate::sys::LocalMachine;
    use serde_json::json;

    #[tokio::test]
    async fn the_status_decides() {
        for (args, outcome) in [
            (json!({ "command": ["true"] }), Outcome::Ok),
            (json!({ "command": ["false"] }), Outcome::Problem),
            (json!({ "command": ["false"], "ok_status": [0, 1] }), Outcome::Ok),
            (json!({ "command": ["false"], "ok_status": "1" }), Outcome::Ok),
            (json!({ "command": ["sleep", "60"], "timeout_ms": "100" }), Outcome::Unknown),
            (json!({ "command": ["no-such-program-here"] }), Outcome::Unknown),
            (json!({ "command": [] }), Outcome::Unknown),
            (json!({ "command": "true" }), Outcome::Unknown),
            (json!({ "command": ["true"], "ok_status": ["x"] }), Outcome::Unknown),
        ] {
            let seen = look_at(&PROBE, LocalMachine::default(), args.clone()).await.remove(0);
            assert_eq!(seen.outcome, outcome, "{args}: {}", seen.summary);
            assert_eq!(seen.code, (outcome == Outcome::Problem).then_some(Code::ExecFailed), "{args}");
        }
    }

    #[tokio::test]
    async fn output_is_bounded_and_free_of_secrets() {
        let args = json!({ "command": ["sh", "-c", "echo token=abc; head -c 100000 /dev/zero | tr '\\0' x"] });
        let seen = look_at(&PROBE, LocalMachine::default(), args).await.remove(0);
        let stdout = seen.facts["stdout"].as_str().expect("text");
        assert!(stdout.starts_with("token=***\nxxx") && stdout.len() <= FACT_BYTES);
        assert_eq!(seen.evidence, ["check.txt"]);
        assert!(!seen.attached[0].text.contains("abc"));
    }
}
