//! Kernel namespaces: how a world gets its own network, mounts and processes without any right on the real machine, and
//! the hosts of a world, each a thread in a network namespace of its own.

use nix::sched::{CloneFlags, unshare};
use nix::sys::resource::{Resource, setrlimit};
use std::fs::{File, OpenOptions};
use std::future::Future;
use std::io::Write;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::sync::mpsc;

/// The strongest priority, as a nice value and as RLIMIT_NICE counts it (setrlimit(2)).
const FIRST: (i32, u64) = (-20, 40);

/// Allows the threads of the world to [`go_before`] others, where this user may; to be asked for before [`enter`], because
/// it is a right on the real machine.
pub fn allow_priorities() {
    let _ = setrlimit(Resource::RLIMIT_NICE, FIRST.1, FIRST.1);
}

/// Gives the calling thread, and the programs that it starts, this nice value; nothing where that is not allowed.
pub fn go_before(nice: i32) {
    // SAFETY: plain numbers; 0 is the calling thread (setpriority(2), "C library/kernel differences").
    unsafe { nix::libc::setpriority(nix::libc::PRIO_PROCESS, 0, nice) };
}

/// Takes this process (which must have one thread only) into new namespaces and makes it root there. Its next child is
/// process 1 of the new process namespace, so that the kernel ends everything in it when that child ends.
pub fn enter() -> Result<(), String> {
    let spaces =
        CloneFlags::CLONE_NEWNET | CloneFlags::CLONE_NEWPID | CloneFlags::CLONE_NEWUTS | CloneFlags::CLONE_NEWIPC;
    step(spaces, 0)
}

/// Takes this process (which must have one thread only) into a user and mount namespace in which it is the ordinary user
/// with this number; all else stays as it is.
pub fn enter_as(number: u32) -> Result<(), String> {
    step(CloneFlags::empty(), number)
}

/// A new user and mount namespace and these others, with this process as the user and group of this number.
fn step(others: CloneFlags, number: u32) -> Result<(), String> {
    let (user, group) = (nix::unistd::geteuid(), nix::unistd::getegid());
    unshare(CloneFlags::CLONE_NEWUSER | CloneFlags::CLONE_NEWNS | others)
        .map_err(|error| format!("this kernel or container allows no user namespaces ({error})"))?;
    // An ordinary user may map groups only after giving up setgroups.
    write_map("/proc/self/setgroups", "deny")?;
    write_map("/proc/self/uid_map", &format!("{number} {user} 1"))?;
    write_map("/proc/self/gid_map", &format!("{number} {group} 1"))
}

fn write_map(path: &str, text: &str) -> Result<(), String> {
    OpenOptions::new()
        .write(true)
        .open(path)
        .and_then(|mut file| file.write_all(text.as_bytes()))
        .map_err(|error| format!("`{path}` cannot be written ({error})"))
}

/// Whether a host brings a network namespace of its own.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Space {
    /// The namespace of the thread that makes the host.
    Same,
    /// A new one.
    Fresh,
}

/// A machine of the world: a thread in its network namespace that runs what is given to it.
pub struct Host {
    /// For messages.
    pub name: &'static str,
    runtime: tokio::runtime::Handle,
    netlink: rtnetlink::Handle,
    space: OwnedFd,
}

impl Host {
    /// Starts the host's thread and its netlink connection.
    pub fn new(name: &'static str, space: Space) -> Result<Host, String> {
        let (sender, receiver) = mpsc::channel();
        std::thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || live(space, &sender))
            .map_err(|error| format!("no thread for {name}: {error}"))?;
        let (runtime, netlink, space) = receiver.recv().map_err(|_| format!("{name} did not start"))??;
        Ok(Host { name, runtime, netlink, space })
    }

    /// The namespace, for moving interfaces into it.
    pub fn space(&self) -> RawFd {
        self.space.as_raw_fd()
    }

    /// A netlink handle of this host.
    pub fn netlink(&self) -> rtnetlink::Handle {
        self.netlink.clone()
    }

    /// Runs `work` on this host and waits for it.
    pub fn call<T: Send + 'static>(&self, work: impl Future<Output = T> + Send + 'static) -> T {
        let (sender, receiver) = mpsc::channel();
        self.runtime.spawn(async move {
            let _ = sender.send(work.await);
        });
        receiver.recv().expect("the work of a host does not panic")
    }

    /// Runs `work` on this host until the world ends.
    pub fn start(&self, work: impl Future<Output = ()> + Send + 'static) {
        self.runtime.spawn(work);
    }

    /// Sets a kernel setting of this host; those that this kernel does not have are left alone.
    pub fn set(&self, name: &str, value: &str) {
        let _ = self.must_set(name, value);
    }

    /// Sets a kernel setting of this host without which the world is not what it says.
    pub fn must_set(&self, name: &str, value: &str) -> Result<(), String> {
        let (path, value) = (format!("/proc/sys/net/{name}"), value.to_owned());
        // Written through `/proc/sys/net`, which shows the namespace of the thread that asks.
        let written = self.call(async move { std::fs::write(path, value) });
        written.map_err(|error| format!("this kernel has no setting `net/{name}` ({error})"))
    }
}

type Started = Result<(tokio::runtime::Handle, rtnetlink::Handle, OwnedFd), String>;

fn live(space: Space, started: &mpsc::Sender<Started>) {
    // The servers, routers and lines of a world are other machines, which do not stand still because the client's
    // processors are busy.
    go_before(FIRST.0);
    match prepare(space) {
        Err(error) => drop(started.send(Err(error))),
        Ok((runtime, netlink, space)) => {
            drop(started.send(Ok((runtime.handle().clone(), netlink, space))));
            runtime.block_on(std::future::pending::<()>());
        }
    }
}

fn prepare(space: Space) -> Result<(tokio::runtime::Runtime, rtnetlink::Handle, OwnedFd), String> {
    if space == Space::Fresh {
        unshare(CloneFlags::CLONE_NEWNET).map_err(|error| format!("no network namespace: {error}"))?;
    }
    let space = File::open("/proc/thread-self/ns/net").map_err(|error| format!("no namespace file: {error}"))?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| format!("no runtime: {error}"))?;
    let netlink = runtime.block_on(async {
        let (connection, netlink, _) = rtnetlink::new_connection()?;
        tokio::spawn(connection);
        Ok::<_, std::io::Error>(netlink)
    });
    let netlink = netlink.map_err(|error| format!("no netlink: {error}"))?;
    Ok((runtime, netlink, space.into()))
}
