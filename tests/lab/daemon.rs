//! Real server programs beyond the gateway, in the place of the lab's own: those are written by the people who wrote the
//! probes and may share a misreading with them. `installed.rs` says how each program is set up.
//!
//! A daemon runs in the far side's network namespace and in a user namespace of its own in which it is an ordinary user,
//! so that it does not even try to give up rights that it does not have; the namespace lets ordinary users have the low
//! ports. Its files lie in one folder in memory. It ends with the world, as everything does.

use crate::certificates::Certificates;
use crate::machine;
use crate::namespace::{self, Host};
use crate::network::Lab;
use crate::scene::{Certificate, Scene, at};
use nix::mount::{MsFlags, mount};
use nix::sys::socket::{AddressFamily, MsgFlags, SockFlag, SockType, UnixAddr, sendto, socket};
use std::collections::BTreeSet;
use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::AsRawFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// What stands for the daemon's own folder in its arguments and files.
pub const FOLDER: &str = "{folder}";
/// Where the folders lie; in memory, because all of `/run` is.
const FOLDERS: &str = "/run/lab/daemons";
/// Who a daemon believes to be.
const USER: u32 = 1000;
/// Its accounts; Samba's guest and what asks for `nobody` are the same person.
const ACCOUNTS: &str = "root:x:0:0::/:/bin/false\nserver:x:1000:1000::/:/bin/false\n";
const GROUPS: &str = "root:x:0:\nserver:x:1000:\nnogroup:x:65534:\n";
/// How long a daemon may take until it listens. The slowest takes half a second on an idle machine; others run beside it.
const READY: Duration = Duration::from_secs(20);
/// How much of what a daemon said is shown.
const EXCERPT: usize = 1_500;
/// Programs with the Debian package that brings each; `.ci/run` installs what is missing by the same list.
const PACKAGES: &str = include_str!("packages.txt");
/// Where programs lie; ordinary users do not have all of it in their path.
const PLACES: [&str; 4] = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin"];

/// A real server.
#[derive(Default)]
pub struct Daemon {
    /// The executable.
    pub program: &'static str,
    pub arguments: &'static [&'static str],
    /// Where it must listen before the world stands.
    pub listens: Vec<Port>,
    /// Folders that it wants to find in its own.
    pub folders: &'static [&'static str],
    /// Its files: name and text.
    pub files: Vec<(&'static str, String)>,
    /// Certificates that it shows; each is written as `<kind>.pem` with the chain and `<kind>.key`.
    pub shows: Vec<Certificate>,
    /// A reference clock that is fed to it: seconds by which that clock is ahead.
    pub clock: Option<i64>,
    /// Environment variables, with the folder in them where it is named.
    pub environment: &'static [(&'static str, &'static str)],
    /// A program that prepares its folder, and its arguments; it ends before the daemon begins.
    pub before: &'static [&'static str],
    pub place: Place,
}

/// The machine on which a daemon runs.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub enum Place {
    /// Beyond the gateway, as an ordinary user.
    #[default]
    Far,
    /// The gateway itself, with all rights that the world has: what serves the LAN by broadcast wants them.
    Gateway,
}

/// A place where a daemon listens.
#[derive(Clone, Copy)]
pub enum Port {
    Tcp(SocketAddr),
    Udp(SocketAddr),
}

/// The TCP port at this address.
pub fn tcp(address: &str) -> Port {
    Port::Tcp(at(address))
}

/// The UDP port at this address.
pub fn udp(address: &str) -> Port {
    Port::Udp(at(address))
}

impl Port {
    pub fn at(&self) -> SocketAddr {
        match self {
            Port::Tcp(at) | Port::Udp(at) => *at,
        }
    }

    /// Whether something listens there, as the kernel tells the thread that asks about its own namespace.
    fn is_open(&self) -> bool {
        // States of include/net/tcp_states.h: 0A listens; an unconnected datagram socket stands at 07.
        let (file, state) = match self {
            Port::Tcp(_) => ("tcp", "0A"),
            Port::Udp(_) => ("udp", "07"),
        };
        let IpAddr::V4(address) = self.at().ip() else { return false };
        let local = |address: u32| format!("{:08X}:{:04X}", address.to_be(), self.at().port());
        let wanted = [local(u32::from(address)), local(0)];
        fs::read_to_string(format!("/proc/thread-self/net/{file}")).unwrap_or_default().lines().any(|line| {
            let mut words = line.split_whitespace().skip(1);
            words.next().is_some_and(|local| wanted.iter().any(|wanted| wanted == local)) && words.nth(1) == Some(state)
        })
    }
}

impl Scene {
    /// This daemon runs beyond the gateway, in the place of what the lab itself would serve there.
    pub fn install(&mut self, daemon: Daemon) {
        for port in &daemon.listens {
            self.services.retain(|service| service.at != port.at());
            self.resolvers.retain(|resolver| SocketAddr::new(resolver.address, 53) != port.at());
        }
        self.daemons.push(daemon);
    }

    /// Addresses at which daemons listen.
    pub fn daemon_addresses(&self) -> BTreeSet<IpAddr> {
        self.daemons.iter().flat_map(|daemon| &daemon.listens).map(|port| port.at().ip()).collect()
    }
}

/// Whether every program of the scene is there. `Err` is a reason to skip.
pub fn installed(scene: &Scene) -> Result<(), String> {
    let missing = scene.daemons.iter().find(|daemon| path(daemon.program).is_none());
    missing.map_or(Ok(()), |daemon| {
        let package = |line: &str| line.strip_prefix(daemon.program)?.strip_prefix(' ').map(str::to_owned);
        let package = PACKAGES.lines().find_map(package).unwrap_or_default();
        Err(format!("needs the program {} (Debian: {package})", daemon.program))
    })
}

fn path(program: &str) -> Option<PathBuf> {
    PLACES.iter().map(|place| Path::new(place).join(program)).find(|path| path.exists())
}

/// Starts the scene's daemons and waits until each listens.
pub fn start(lab: &Lab, scene: &mut Scene, certificates: &Certificates) -> Result<(), String> {
    if scene.daemons.is_empty() {
        return Ok(());
    }
    lab.far.set("ipv4/ip_unprivileged_port_start", "0");
    let started = scene.daemons.drain(..).enumerate().map(|(number, daemon)| {
        let folder = format!("{FOLDERS}/{number}-{}", daemon.program);
        let wrong = |error: String| format!("{}: {error}", daemon.program);
        furnish(&daemon, &folder, certificates).map_err(|error| wrong(error.to_string()))?;
        prepare(&daemon, &folder).map_err(wrong)?;
        let child = spawn(lab, &daemon, &folder).map_err(|error| wrong(error.to_string()))?;
        if let Some(ahead_s) = daemon.clock {
            feed(lab, format!("{folder}/clock"), ahead_s);
        }
        Ok((daemon, folder, child))
    });
    // All at once, then all are waited for.
    let started = started.collect::<Result<Vec<_>, String>>()?;
    started.into_iter().try_for_each(|(daemon, folder, child)| {
        await_ports(lab, &daemon, child).map_err(|error| {
            let said = fs::read_to_string(format!("{folder}/said")).unwrap_or_default();
            let tail = said.char_indices().rev().nth(EXCERPT).map_or(0, |(at, _)| at);
            format!("{} {error}: {}", daemon.program, &said[tail..])
        })
    })
}

/// The daemon's folder with everything that it reads.
fn furnish(daemon: &Daemon, folder: &str, certificates: &Certificates) -> std::io::Result<()> {
    fs::create_dir_all(folder)?;
    // Chrony wants its sockets' folder to be nobody else's.
    fs::set_permissions(folder, fs::Permissions::from_mode(0o700))?;
    daemon.folders.iter().try_for_each(|name| fs::create_dir_all(format!("{folder}/{name}")))?;
    for (name, text) in &daemon.files {
        private(&format!("{folder}/{name}"), &text.replace(FOLDER, folder))?;
    }
    for kind in &daemon.shows {
        let (chain, key) = certificates.files(*kind);
        private(&format!("{folder}/{kind:?}.pem"), &chain)?;
        private(&format!("{folder}/{kind:?}.key"), &key)?;
    }
    private(&format!("{folder}/accounts"), ACCOUNTS)?;
    private(&format!("{folder}/groups"), GROUPS)
}

/// Runs what prepares the daemon's folder.
fn prepare(daemon: &Daemon, folder: &str) -> Result<(), String> {
    let [program, arguments @ ..] = daemon.before else { return Ok(()) };
    let wrong = |error: &dyn std::fmt::Display| format!("{program}: {error}");
    let mut command = machine::command(program, arguments);
    let output = command.envs(daemon.variables(folder)).output().map_err(|error| wrong(&error))?;
    let said = || String::from_utf8_lossy(&output.stderr).into_owned();
    if output.status.success() { Ok(()) } else { Err(wrong(&said())) }
}

/// A file that only its owner reads, as keys must be.
fn private(path: &str, text: &str) -> std::io::Result<()> {
    fs::write(path, text)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600))
}

impl Daemon {
    /// Its machine.
    fn host<'a>(&self, lab: &'a Lab) -> &'a Host {
        match self.place {
            Place::Far => &lab.far,
            Place::Gateway => &lab.gateway,
        }
    }

    fn variables(&self, folder: &str) -> Vec<(&'static str, String)> {
        self.environment.iter().map(|(name, value)| (*name, value.replace(FOLDER, folder))).collect()
    }
}

/// Starts the daemon from its machine's thread, so that it is in that network namespace; beyond the gateway by way of
/// `become_daemon`.
fn spawn(lab: &Lab, daemon: &Daemon, folder: &str) -> std::io::Result<Child> {
    let program = path(daemon.program).unwrap_or_default();
    let said = fs::File::create(format!("{folder}/said"))?;
    let mut command = match daemon.place {
        Place::Far => {
            let mut command = machine::command("/run/lab/lab", &["--daemon", folder]);
            command.arg(program);
            command
        }
        Place::Gateway => machine::command(&program.to_string_lossy(), &[]),
    };
    command.args(daemon.arguments.iter().map(|argument| argument.replace(FOLDER, folder)));
    command.envs(daemon.variables(folder));
    command.stdin(Stdio::null()).stdout(said.try_clone()?).stderr(said);
    daemon.host(lab).call(async move { command.spawn() })
}

/// Turns this process, which has one thread, into a daemon. Returns only where that fails.
pub fn become_daemon(arguments: &[String]) -> Result<(), String> {
    let [folder, program, rest @ ..] = arguments else { return Err("a daemon needs a folder and a program".into()) };
    namespace::enter_as(USER)?;
    for (own, shared) in [("accounts", "/etc/passwd"), ("groups", "/etc/group")] {
        let own = format!("{folder}/{own}");
        mount(Some(own.as_str()), shared, None::<&str>, MsFlags::MS_BIND, None::<&str>)
            .map_err(|error| format!("{shared}: {error}"))?;
    }
    // squid's shared memory has the same name in every world.
    mount(Some("tmpfs"), "/dev/shm", Some("tmpfs"), MsFlags::empty(), None::<&str>)
        .map_err(|error| format!("/dev/shm: {error}"))?;
    let mut command = std::process::Command::new(program);
    Err(format!("{program}: {}", command.args(rest).current_dir(folder).exec()))
}

/// Waits until the daemon listens everywhere it should.
fn await_ports(lab: &Lab, daemon: &Daemon, mut child: Child) -> Result<(), String> {
    let began = Instant::now();
    for &port in &daemon.listens {
        while !daemon.host(lab).call(async move { port.is_open() }) {
            if let Ok(Some(status)) = child.try_wait() {
                return Err(format!("ended with {status}"));
            }
            if began.elapsed() > READY {
                return Err(format!("does not listen at {}", port.at()));
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }
    if let (Some(_), [port, ..]) = (daemon.clock, daemon.listens.as_slice()) {
        let server = port.at();
        while !lab.far.call(async move { tells_time(server).unwrap_or(false) }) {
            if began.elapsed() > READY {
                return Err("does not follow its reference clock".to_owned());
            }
        }
    }
    // It lives until the world ends, and the kernel ends it then.
    std::mem::forget(child);
    Ok(())
}

/// Whether a time server answers as one that has the time: any leap indicator but 3 (RFC 5905 section 7.3).
fn tells_time(server: SocketAddr) -> std::io::Result<bool> {
    let socket = std::net::UdpSocket::bind(SocketAddr::new(server.ip(), 0))?;
    socket.set_read_timeout(Some(Duration::from_millis(100)))?;
    let mut packet = [0; 48];
    // Version 4, mode 3 (client).
    packet[0] = 0x23;
    socket.send_to(&packet, server)?;
    socket.recv(&mut packet)?;
    std::thread::sleep(Duration::from_millis(20));
    Ok(packet[0] >> 6 != 3)
}

/// Feeds a clock to chronyd as a reference clock on a socket (`refclock SOCK`, refclock_sock.c) for as long as the world
/// lasts.
fn feed(lab: &Lab, path: String, ahead_s: i64) {
    const EVERY: Duration = Duration::from_millis(100);
    lab.far.start(async move {
        loop {
            // The socket is there as soon as the daemon has read its settings.
            let _ = tell(&path, ahead_s);
            tokio::time::sleep(EVERY).await;
        }
    });
}

/// One sample: the time that was read (seconds, microseconds), the offset in seconds, no pulse, no leap second, padding,
/// and the magic number.
fn tell(path: &str, ahead_s: i64) -> nix::Result<usize> {
    const MAGIC: i32 = 0x534f_434b;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let mut sample = Vec::new();
    sample.extend((now.as_secs() as i64).to_ne_bytes());
    sample.extend(i64::from(now.subsec_micros()).to_ne_bytes());
    sample.extend((ahead_s as f64).to_ne_bytes());
    sample.extend([0_i32, 0, 0, MAGIC].into_iter().flat_map(i32::to_ne_bytes));
    let socket = socket(AddressFamily::Unix, SockType::Datagram, SockFlag::SOCK_CLOEXEC, None)?;
    sendto(socket.as_raw_fd(), &sample, &UnixAddr::new(path)?, MsgFlags::MSG_DONTWAIT)
}
