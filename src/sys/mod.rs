//! Facts about this machine, and the only folder with `cfg(target_os)`. A system implements what it can of `Machine`;
//! what it does not is answered with "unsupported here", never with a guess.

mod flight;
mod host;
mod icmp;
mod join;
mod lease;
mod memory;
mod network;
#[cfg(not(target_os = "linux"))]
mod no_error_queue;
mod package;
pub mod parse;
mod power;

#[cfg(target_os = "linux")]
mod linux;
#[cfg(target_os = "linux")]
pub use linux::*;
#[cfg(target_os = "macos")]
mod macos;
#[cfg(target_os = "macos")]
pub use macos::*;
#[cfg(target_os = "windows")]
mod windows;
#[cfg(target_os = "windows")]
pub use windows::*;

pub use flight::Flight;
pub use host::*;
pub use icmp::*;
pub use join::*;
pub use lease::*;
pub use memory::share_one_heap;
pub use network::*;
#[cfg(not(target_os = "linux"))]
pub use no_error_queue::*;
pub use package::*;
pub use power::*;

use async_trait::async_trait;
use std::net::IpAddr;
use std::time::Duration;

/// Why a fact is not known.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unknown {
    /// This program cannot read it on this operating system.
    #[error("unsupported here ({0})")]
    Unsupported(&'static str),
    /// It needs a right that this run does not have.
    #[error("needs {right} to read {what}")]
    NeedsRight {
        /// What was to be read.
        what: String,
        /// The right, in words: `root`, `CAP_NET_ADMIN`.
        right: String,
    },
    /// The system did not give it.
    #[error("{0}")]
    Failed(String),
}

/// A fact, or why it is not known.
pub type Known<T> = Result<T, Unknown>;

/// The operating system's name, for "unsupported here".
pub const SYSTEM: &str = std::env::consts::OS;

/// Whether this program asks names through the system's own name service. A static musl binary has its own resolver,
/// which knows neither nsswitch nor the system's modules, so its answer says nothing about other programs.
pub const HAS_NAME_SERVICE: bool = !cfg!(all(target_env = "musl", target_feature = "crt-static"));

macro_rules! unsupported {
    ($($(#[$meta:meta])* fn $name:ident(&self $(, $arg:ident: $type:ty)*) -> $result:ty;)+) => {
        /// What can be read about this machine. Every method reads; none changes anything.
        #[async_trait(?Send)]
        pub trait Machine {
            $($(#[$meta])* async fn $name(&self $(, $arg: $type)*) -> Known<$result> {
                $(let _ = $arg;)*
                Err(Unknown::Unsupported(SYSTEM))
            })+
        }
    };
}

unsupported! {
    /// All interfaces, the loopback included.
    fn links(&self) -> Vec<Link>;
    /// All addresses of all interfaces.
    fn addresses(&self) -> Vec<Address>;
    /// All routes of all tables.
    fn routes(&self) -> Vec<Route>;
    /// All policy rules.
    fn rules(&self) -> Vec<Rule>;
    /// The route that the kernel takes for such a packet, policy rules included. A refusal is an answer: its `kind` says
    /// which (`none`, `blackhole`, `unreachable`, `prohibit`).
    fn route_to(&self, towards: Towards) -> Route;
    /// The neighbour (ARP and NDP) table.
    fn neighbours(&self) -> Vec<Neighbour>;
    /// The hardware address of another machine that claims `address` on this link, asked by ARP (RFC 826), with
    /// `source` as sender, or none for a probe that changes nobody's table (RFC 5227). Needs `CAP_NET_RAW`.
    fn who_has(&self, interface: &str, address: IpAddr, source: Option<IpAddr>, wait: Duration) -> Option<String>;
    /// The hardware addresses of all other machines that claim `address` on this link within the wait, in the order of
    /// their answers; asked by a probe that changes nobody's table (RFC 5227). Needs `CAP_NET_RAW`.
    fn who_all_have(&self, interface: &str, address: IpAddr, wait: Duration) -> Vec<String>;
    /// Leases that DHCP clients of this machine wrote down; empty where none did.
    fn leases(&self) -> Vec<Lease>;
    /// What the DHCP servers on this link offer to this machine when it asks for an address (DHCPDISCOVER), as far as
    /// they answer within the wait. Nothing is accepted, so that the machine keeps what it has. Needs `CAP_NET_RAW`.
    fn dhcp_offers(&self, interface: &str, wait: Duration) -> Vec<DhcpTerms>;
    /// How far signing on got (802.1X, Wi-Fi); `None` where no supplicant serves the interface.
    fn sign_on(&self, interface: &str) -> Option<SignOn>;
    /// What the radio says of itself; `None` where the interface is not a radio.
    fn radio(&self, interface: &str) -> Option<Radio>;
    /// Tunnel devices.
    fn tunnels(&self) -> Vec<Tunnel>;
    /// IPsec without a device of its own.
    fn ipsec(&self) -> Ipsec;
    /// Rules of the local packet filter, in the kernel's order.
    fn filter_rules(&self) -> Vec<FilterRule>;
    /// How names are resolved here.
    fn resolvers(&self) -> ResolverConfig;
    /// Entries of the hosts file.
    fn hosts(&self) -> Vec<HostsEntry>;
    /// What network services announce to programs about the internet; empty where none does.
    fn online_flags(&self) -> Vec<OnlineFlag>;
    /// Every proxy setting with its source, and what could not be read.
    fn proxies(&self) -> ProxySettings;
    /// Proxy settings of the people who are logged on, beside the account of this run; empty for an ordinary account,
    /// which may not look into others'.
    fn proxies_of_people(&self) -> Vec<PersonProxies>;
    /// Kernel settings that change how packets are treated, by name (`net.ipv4.conf.all.rp_filter`).
    fn kernel_setting(&self, name: &str) -> String;
    /// A counter of the kernel's network code, by table and name (`TcpExt.IPReversePathFilter`).
    fn kernel_counter(&self, name: &str) -> u64;

    /// Who runs this program.
    fn account(&self) -> Account;
    /// Name, operating system, version, kernel, start time.
    fn identity(&self) -> Identity;
    /// All processes, with processor time since their start.
    fn processes(&self) -> Vec<Process>;
    /// One process with its owner, program file and descriptors, which are too dear to read for all.
    fn process(&self, pid: u32) -> Process;
    /// Listening sockets with the process that holds each, where rights allow.
    fn listeners(&self) -> Vec<Listener>;
    /// All listening sockets, but only those on `port` and those of the same process are joined with their process,
    /// because the join is the dear part.
    fn listeners_on(&self, port: u16) -> Vec<Listener>;
    /// Counts of sockets by state, and of local ports in use.
    fn socket_counts(&self) -> SocketCounts;
    /// Memory and swap.
    fn memory(&self) -> Memory;
    /// Processor count, load averages, and cumulative busy and total time.
    fn processor(&self) -> Processor;
    /// Pressure-stall information.
    fn pressure(&self) -> Pressure;
    /// What the package manager left on the disk: locks, half installed packages, repositories.
    fn packages(&self) -> PackageState;
    /// Heat, speed of the processors, and what feeds the machine; empty where it shows none of it.
    fn power(&self) -> Power;
    /// What the control group of this program, or of the one named, may use; empty where nothing limits it.
    fn group_limits(&self, pid: Option<u32>) -> GroupLimits;
    /// Mounted file systems that hold data.
    fn filesystems(&self) -> Vec<Filesystem>;
    /// The file system that holds this path; only that one is touched, so that a dead one elsewhere does no harm.
    fn filesystem_of(&self, path: &str) -> Filesystem;
    /// Lines of the system's logs of the last `minutes` that carry a warning or worse.
    fn log_lines(&self, minutes: u32) -> Vec<LogLine>;
    /// All lines of one program of the last `minutes`, whatever their severity: some say at the lowest what matters most.
    fn lines_of(&self, program: &str, minutes: u32) -> Vec<LogLine>;
    /// What was changed of late: packages, configuration files, time of the start.
    fn changes(&self, days: u32) -> Vec<Change>;
    /// Whether and how the clock is disciplined.
    fn clock(&self) -> Clock;
    /// Runs a program with these arguments (never a shell), C locale, no standard input, killed after `wait`.
    fn command(&self, arguments: &[String], wait: Duration) -> CommandOutput;
    /// State of a service of the service manager.
    fn service(&self, name: &str) -> Service;
}
