//! Processes: who uses the machine up, or whether one named process runs and can work.

mod hogs;
mod named;
pub(super) mod program;
mod steady;

use super::argument::optional;
use super::{Burden, Contacts, Cost, Look, Probe, accepts, schema_of};
use crate::layer::Layer;
use crate::observation::Observation;
use crate::problem::Code;
use named::Wanted;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// The probe.
pub const PROBE: Probe = Probe {
    name: "process",
    layer: Layer::Process,
    cost: Cost::Local,
    summary: "what uses up processor and memory, or whether one program runs and can work",
    about: "Without a name it reads all processes twice and compares the processor time that each has used between \
the two readings; a process that looks like a hog is read again after a longer window before it is called one. With \
`name`, `pid` or `port` it looks at one program: whether it runs, is stopped or a zombie, and how many of its file \
descriptors are in use; with `steady_ms`, whether one that came up a moment ago stays up. Command lines are not read, because they carry secrets. On Linux this is /proc/PID/stat \
(proc_pid_stat(5)); descriptors of other users' processes need root.",
    contacts: Contacts::NONE,
    burden: Burden::READS,
    codes: &[
        Code::ProcessNotRunning,
        Code::ProcessNotListening,
        Code::ProcessStopped,
        Code::ProcessRestarting,
        Code::ProcessDescriptors,
        Code::ProcessCpuHog,
        Code::ProcessMemoryHog,
    ],
    params: schema_of::<Params>,
    facts: schema_of::<ProcessFacts>,
    accepts: accepts::<Params>,
    run: |look| look.with(run),
};

/// The kernel counts in ticks of 10 ms, so this window tells 5 % of one processor apart (limits.md section 5).
const WINDOW: Duration = Duration::from_millis(200);
/// Longest window that may be asked for.
const LONGEST_WINDOW: Duration = Duration::from_secs(10);

/// Parameters of `process`.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Params {
    /// Name of the program, as `ps` shows it; without it, `pid` and `port` the whole machine is looked at.
    #[serde(deserialize_with = "optional")]
    pub name: Option<String>,
    /// Process id.
    #[serde(deserialize_with = "optional")]
    pub pid: Option<u32>,
    /// The TCP port that the process listens on.
    #[serde(deserialize_with = "optional")]
    pub port: Option<u16>,
    /// Milliseconds between the two readings of processor time; 200 if not given.
    #[serde(deserialize_with = "optional")]
    pub cpu_window_ms: Option<u64>,
    /// Milliseconds for which the process `pid` is watched where it came up a moment ago, to see whether it stays up; its
    /// `port` tells what takes its place.
    #[serde(deserialize_with = "optional")]
    pub steady_ms: Option<u64>,
}

/// One of the largest users.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Top {
    /// Name of the program.
    pub name: String,
    /// Process id.
    pub pid: u32,
    /// Percent of one processor in the window.
    pub cpu_percent: f64,
    /// Memory that it holds.
    pub memory_bytes: u64,
}

/// Facts of `process`.
#[derive(Debug, Clone, Default, Serialize, JsonSchema)]
pub struct ProcessFacts {
    /// Whether the named program runs.
    pub running: Option<bool>,
    /// Name of the program; of the largest user of the processor where none was named.
    pub name: Option<String>,
    /// Process id.
    pub pid: Option<u32>,
    /// Seconds since it came up, where that was asked for.
    pub age_s: Option<u64>,
    /// Number of processes of that name, or of all.
    pub count: Option<usize>,
    /// User id that it runs as.
    pub uid: Option<u32>,
    /// `running`, `sleeping`, `disk`, `stopped`, `traced` or `zombie`.
    pub state: Option<String>,
    /// Percent of one processor that it used in the window.
    pub cpu_percent: Option<f64>,
    /// Length of the window.
    pub window_ms: Option<u64>,
    /// Percent of all processors that was in use in the window, by everybody.
    pub machine_busy_percent: Option<f64>,
    /// Memory that it holds.
    pub memory_bytes: Option<u64>,
    /// The same as percent of the machine's memory.
    pub memory_percent: Option<f64>,
    /// Open file descriptors.
    pub descriptors_open: Option<u64>,
    /// How many it may open.
    pub descriptors_limit: Option<u64>,
    /// Open ones as percent of the limit.
    pub descriptors_percent: Option<f64>,
    /// What the busiest program uses of one processor. Where what keeps them busy cannot be seen from here, such as in
    /// a container, it is next to nothing.
    pub busiest_percent: Option<f64>,
    /// The largest users of the processor.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub top: Vec<Top>,
    /// The largest users of memory.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub top_memory: Vec<Top>,
}

async fn run(look: &Look<'_>, params: Params) -> Vec<Observation> {
    if let Some(watch_ms) = params.steady_ms {
        let watch = Duration::from_millis(watch_ms).min(LONGEST_WINDOW);
        return vec![match params.pid {
            Some(pid) => steady::steady(look, pid, params.port, watch).await,
            None => look.unknown(None, "it is not known which process to watch"),
        }];
    }
    let window = params.cpu_window_ms.map_or(WINDOW, Duration::from_millis).min(LONGEST_WINDOW);
    if params.name.is_none() && params.pid.is_none() && params.port.is_none() {
        return hogs::hogs(look, window).await;
    }
    vec![match named::wanted(look, &params).await {
        Wanted::Processes(processes) => named::named(look, processes, window).await,
        Wanted::Answer(observation) => *observation,
    }]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A program of our own that can be suspended; ended with the test.
    struct Sleeper(std::process::Child);

    impl Sleeper {
        fn start() -> Self {
            Sleeper(std::process::Command::new("sleep").arg("60").spawn().expect("sleep is everywhere"))
        }

        fn signal(&self, name: &str) {
            let arguments = [format!("-{name}"), self.0.id().to_string()];
            assert!(std::process::Command::new("kill").args(arguments).status().is_ok_and(|status| status.success()));
        }
    }

    impl Drop for Sleeper {
        fn drop(&mut self) {
            let _ = self.0.kill();
            let _ = self.0.wait();
        }
    }

    async fn seen(args: serde_json::Value) -> Observation {
        crate::probe::testing::look_at(&PROBE, crate::sys::LocalMachine::default(), args).await.remove(0)
    }

    #[tokio::test]
    async fn a_suspended_program_is_found_by_its_number() {
        let sleeper = Sleeper::start();
        let args = serde_json::json!({ "pid": sleeper.0.id(), "cpu_window_ms": 10 });
        let running = seen(args.clone()).await;
        assert_eq!((running.code, &running.facts["running"]), (None, &serde_json::json!(true)));
        sleeper.signal("STOP");
        // The signal is delivered at once, and the state follows within a tick.
        tokio::time::sleep(Duration::from_millis(50)).await;
        let stopped = seen(args).await;
        assert_eq!(stopped.code, Some(Code::ProcessStopped), "{}", stopped.summary);
        assert_eq!(stopped.subject, Some(format!("sleep[{}]", sleeper.0.id())));
    }

    #[tokio::test]
    async fn what_does_not_run_or_listen_is_said() {
        let absent = seen(serde_json::json!({ "name": "no-such-program", "cpu_window_ms": 10 })).await;
        assert_eq!(absent.code, Some(Code::ProcessNotRunning));
        let socket = std::net::TcpListener::bind("127.0.0.1:0").expect("loopback");
        let port = socket.local_addr().expect("bound").port();
        let holder = seen(serde_json::json!({ "port": port, "cpu_window_ms": 10 })).await;
        assert_eq!(holder.facts["pid"], serde_json::json!(std::process::id()), "{}", holder.summary);
        drop(socket);
        let free = seen(serde_json::json!({ "port": port, "cpu_window_ms": 10 })).await;
        assert_eq!(free.code, Some(Code::ProcessNotListening));
    }

    #[tokio::test]
    async fn the_whole_machine_is_read() {
        let all = seen(serde_json::json!({ "cpu_window_ms": 50 })).await;
        assert!(all.facts["top"].as_array().is_some_and(|top| !top.is_empty()), "{}", all.summary);
    }
}
