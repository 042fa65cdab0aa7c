//! The shapes of facts about the host: processes, sockets, memory, disks, logs and changes.

use serde::{Deserialize, Serialize};
use std::net::SocketAddr;

/// Who runs this program.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Account {
    pub name: String,
    pub uid: u32,
    pub elevated: bool,
    /// Whether a person sits at a terminal.
    pub interactive: bool,
}

/// The machine itself.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Identity {
    pub hostname: String,
    pub os: String,
    pub os_version: String,
    pub kernel: String,
    pub architecture: String,
    pub uptime_s: u64,
    /// The container that this program runs in, by what made it: `docker`, `podman`, `kubernetes`, `lxc` ...; none
    /// where nothing shows one.
    pub container: Option<String>,
    /// Whether this program sees another network than the first process does; none where rights hide that.
    pub own_network: Option<bool>,
}

/// One process. Command lines are not read, because they carry secrets.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Process {
    pub pid: u32,
    pub parent: u32,
    /// The kernel's short name (`comm`).
    pub name: String,
    pub uid: Option<u32>,
    /// `running`, `sleeping`, `disk`, `stopped`, `traced`, `zombie`.
    pub state: String,
    /// Processor time since its start, user and system, in milliseconds.
    pub cpu_ms: u64,
    pub memory_bytes: u64,
    /// Seconds since the machine started.
    pub started_s: f64,
    /// Open descriptors and the soft limit, where rights allow.
    pub descriptors: Option<(u64, u64)>,
    /// File name of the program, where it was asked for and rights allow.
    pub program: Option<String>,
}

/// One listening socket.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Listener {
    pub local: SocketAddr,
    /// `tcp` or `udp`.
    pub protocol: String,
    /// An IPv6 socket that takes IPv6 only, where the kernel says.
    #[serde(default)]
    pub v6_only: Option<bool>,
    /// Connections that wait to be accepted, and how many may.
    #[serde(default)]
    pub backlog: Option<(u32, u32)>,
    #[serde(default)]
    pub pid: Option<u32>,
    #[serde(default)]
    pub process: Option<String>,
    #[serde(default)]
    pub uid: Option<u32>,
}

/// Counts of sockets.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct SocketCounts {
    pub established: u32,
    pub time_wait: u32,
    pub close_wait: u32,
    pub syn_sent: u32,
    /// The ephemeral port range, both ends included (`ip_local_port_range`).
    pub port_range: (u16, u16),
    /// Local ports of that range in use.
    pub ports_used: u32,
    /// Connection-tracking entries and their limit, where the kernel tracks.
    pub conntrack: Option<(u64, u64)>,
    /// Allocated file handles and their limit (`fs.file-nr`).
    pub files: Option<(u64, u64)>,
    /// The far end with the most TCP connections of ours, and their number: ports run out for each far end alone.
    pub busiest_peer: Option<(String, u32)>,
}

/// Memory, in bytes.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Memory {
    pub total_bytes: u64,
    /// `MemAvailable`: what programs can get without swapping.
    pub available_bytes: u64,
    pub swap_total_bytes: u64,
    pub swap_free_bytes: u64,
    /// Kills by the out-of-memory killer since the start (`oom_kill` of vmstat).
    pub oom_kills: Option<u64>,
}

/// What a control group may use. Everything is of the nearest group upwards that has a limit.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct GroupLimits {
    /// The group.
    pub name: String,
    pub memory_limit_bytes: Option<u64>,
    /// With the cache of files, so that it comes near the limit without harm.
    pub memory_used_bytes: Option<u64>,
    /// Programs that were killed because the group had used up its memory, since the group was made.
    pub memory_kills: Option<u64>,
    /// Processes and threads that it may have.
    pub processes_limit: Option<u64>,
    pub processes: Option<u64>,
    /// New processes that were refused, since the group was made.
    pub processes_refused: Option<u64>,
}

/// Processors.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Processor {
    pub count: u32,
    pub load1: f64,
    pub load5: f64,
    pub load15: f64,
    /// Cumulative time over all processors, in milliseconds.
    pub busy_ms: u64,
    pub total_ms: u64,
}

/// Pressure-stall information: percent of the last ten seconds in which some task waited.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Pressure {
    pub cpu_some_percent: Option<f64>,
    pub memory_some_percent: Option<f64>,
    pub memory_full_percent: Option<f64>,
    pub io_some_percent: Option<f64>,
    pub io_full_percent: Option<f64>,
}

/// One mounted file system.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Filesystem {
    pub mount: String,
    pub device: String,
    pub kind: String,
    pub total_bytes: u64,
    /// Available to ordinary users.
    pub available_bytes: u64,
    pub inodes_total: u64,
    pub inodes_free: u64,
    pub read_only: bool,
    /// Whether the table of file systems wants it writable (so that a read-only one was remounted by an error).
    pub wanted_writable: Option<bool>,
    /// Why its numbers could not be read, such as a file server that does not answer.
    pub unread: Option<String>,
}

/// One line of a log.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct LogLine {
    /// RFC 3339 in UTC, or empty where the log does not say.
    pub time: String,
    /// `kernel`, a unit or a program.
    pub source: String,
    /// `emerg` to `warning`.
    pub level: String,
    pub text: String,
}

/// Something that changed.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default)]
pub struct Change {
    /// RFC 3339 in UTC.
    pub time: String,
    /// `package`, `file`, `boot`, `link`.
    pub kind: String,
    pub what: String,
    /// The layer that it touches, where that is known.
    pub layer: Option<crate::layer::Layer>,
}

/// How the clock is kept.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Clock {
    /// The kernel's word: disciplined or not (`STA_UNSYNC` of adjtimex).
    pub synchronised: Option<bool>,
    /// Which service keeps it.
    pub service: Option<String>,
    /// Time servers that are configured.
    pub servers: Vec<String>,
}

/// A service of the service manager.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Service {
    pub name: String,
    /// `active`, `inactive`, `failed`, `activating`, `not-found`.
    pub state: String,
    pub result: Option<String>,
    pub restarts: Option<u32>,
    pub main_pid: Option<u32>,
    /// Seconds since it became active.
    pub active_s: Option<u64>,
    /// A socket, path or timer starts it when it is wanted, so that being inactive is its normal state.
    pub on_demand: bool,
}

/// What a command printed.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct CommandOutput {
    /// Exit status; none where a signal ended it.
    pub status: Option<i32>,
    /// Standard output, at most 1 MiB.
    pub stdout: String,
    pub stderr: String,
    pub timed_out: bool,
}
