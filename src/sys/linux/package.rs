//! What apt, dnf, zypper and pacman left on the disk. Their programs are not asked: those wait for the very locks that may
//! be the trouble.

use super::bounded::{TABLE_WAIT, off_thread};
use crate::sys::parse::package::{
    self, Lock, apt_proxy, broken_packages, dnf_proxy, one_line_sources, rpm_repositories, stanza_sources,
};
use crate::sys::*;
use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// dpkg's status of a machine with ten thousand packages has 15 MB.
const LARGEST: u64 = 64 << 20;
/// Files of one folder that are read.
const MOST_FILES: usize = 200;

/// Files that a manager locks for as long as it works (fcntl(2)).
const LOCKED: [&str; 7] = [
    "var/lib/dpkg/lock-frontend",
    "var/lib/dpkg/lock",
    "var/lib/apt/lists/lock",
    "var/cache/apt/archives/lock",
    "var/lib/rpm/.rpm.lock",
    "usr/lib/sysimage/rpm/.rpm.lock",
    "run/dnf/rpmtransaction.lock",
];
/// Files in which a manager writes its process for as long as it works.
const NUMBERED: [&str; 5] = [
    "run/zypp.pid",
    "run/yum.pid",
    "var/cache/dnf/metadata_lock.pid",
    "var/lib/dnf/rpmdb_lock.pid",
    "var/cache/dnf/download_lock.pid",
];
/// A file that is the lock just by being there.
const PRESENT: &str = "var/lib/pacman/db.lck";

pub(super) async fn packages() -> Known<PackageState> {
    off_thread("the package manager's state", TABLE_WAIT, || {
        let table = fs::read_to_string("/proc/locks").unwrap_or_default();
        read(Path::new("/"), &package::locks(&table))
            .ok_or_else(|| Unknown::Failed("no package manager that this program knows is here".to_owned()))
    })
    .await
}

/// The state beneath `root`, where these locks are held.
fn read(root: &Path, held: &[Lock]) -> Option<PackageState> {
    let there = |path: &str| root.join(path).exists();
    let manager = match () {
        () if there("var/lib/dpkg/status") || there("etc/apt/sources.list") || there("etc/apt/sources.list.d") => "apt",
        () if there("etc/zypp/repos.d") => "zypper",
        () if there("etc/yum.repos.d") => "dnf",
        () if there("var/lib/pacman/local") => "pacman",
        () => return None,
    };
    let repositories = if manager == "apt" { of_apt(root) } else { of_rpm(root) };
    Some(PackageState {
        manager: manager.to_owned(),
        locks: locks(root, held),
        broken: broken_packages(&text(&root.join("var/lib/dpkg/status"))),
        // Each entry is a change that dpkg had not yet written into its status when it was stopped.
        interrupted: files(&root.join("var/lib/dpkg/updates")).next().is_some(),
        repositories,
        proxy: proxy(root),
        lists_age_s: [
            "var/lib/apt/lists",
            "var/cache/dnf",
            "var/cache/libdnf5",
            "var/cache/zypp/raw",
            "var/lib/pacman/sync",
        ]
        .iter()
        .find_map(|folder| age_s(&root.join(folder))),
        restart_pending: restart_pending(root),
    })
}

fn text(path: &Path) -> String {
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(LARGEST).read_to_end(&mut bytes));
    if read.is_ok() { String::from_utf8_lossy(&bytes).into_owned() } else { String::new() }
}

fn files(folder: &Path) -> impl Iterator<Item = PathBuf> + use<> {
    let mut paths: Vec<PathBuf> =
        fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).take(MOST_FILES).collect();
    paths.sort();
    paths.into_iter().filter(|path| path.is_file())
}

fn named(path: &Path, extension: &str) -> bool {
    path.extension().is_some_and(|own| own == extension)
}

fn shown(root: &Path, path: &Path) -> String {
    format!("/{}", path.strip_prefix(root).unwrap_or(path).display())
}

fn of_apt(root: &Path) -> Vec<Repository> {
    let exists = |path: &str| root.join(path.trim_start_matches('/')).exists();
    let lists = std::iter::once(root.join("etc/apt/sources.list")).chain(files(&root.join("etc/apt/sources.list.d")));
    let of_list = |path: PathBuf| {
        let sources = match () {
            () if named(&path, "list") => one_line_sources(&text(&path)),
            () if named(&path, "sources") => stanza_sources(&text(&path)),
            () => Vec::new(),
        };
        let source = shown(root, &path);
        sources.into_iter().map(|one| one.repository(&source, &exists)).collect::<Vec<_>>()
    };
    lists.flat_map(of_list).collect()
}

fn of_rpm(root: &Path) -> Vec<Repository> {
    let exists = |path: &str| root.join(path.trim_start_matches('/')).exists();
    let release = text(&root.join("etc/os-release"));
    let version = release.lines().find_map(|line| line.strip_prefix("VERSION_ID=")).unwrap_or_default();
    // Where a distribution has minor versions, its repositories are named by the major one.
    let version = version.trim_matches('"').split('.').next().unwrap_or_default();
    let variables = [("releasever", version), ("basearch", std::env::consts::ARCH)];
    let lists = files(&root.join("etc/yum.repos.d")).chain(files(&root.join("etc/zypp/repos.d")));
    let repos = lists.filter(|path| named(path, "repo"));
    repos.flat_map(|path| rpm_repositories(&text(&path), &shown(root, &path), &variables, &exists)).collect()
}

fn proxy(root: &Path) -> Option<String> {
    let settings = std::iter::once(root.join("etc/apt/apt.conf")).chain(files(&root.join("etc/apt/apt.conf.d")));
    // A later file wins over an earlier one.
    let of_apt = settings.filter_map(|path| apt_proxy(&text(&path))).last();
    of_apt.or_else(|| dnf_proxy(&text(&root.join("etc/dnf/dnf.conf"))))
}

fn locks(root: &Path, held: &[Lock]) -> Vec<PackageLock> {
    let of_file = |path: &&str| {
        let file = fs::metadata(root.join(path)).ok()?;
        let device = (nix::libc::major(file.dev()), nix::libc::minor(file.dev()));
        let holder = held.iter().find(|lock| lock.inode == file.ino() && lock.device == device)?;
        Some(PackageLock { path: format!("/{path}"), pid: Some(holder.pid) })
    };
    let of_number = |path: &&str| {
        let pid: u32 = text(&root.join(path)).split_whitespace().next()?.parse().ok()?;
        // All of these managers look whether the process still runs before they obey.
        Path::new(&format!("/proc/{pid}")).exists().then(|| PackageLock { path: format!("/{path}"), pid: Some(pid) })
    };
    let mut locks: Vec<PackageLock> = LOCKED.iter().filter_map(of_file).collect();
    locks.extend(NUMBERED.iter().filter_map(of_number));
    if root.join(PRESENT).exists() {
        locks.push(PackageLock { path: format!("/{PRESENT}"), pid: None });
    }
    locks
}

fn age_s(folder: &Path) -> Option<u64> {
    let newest =
        fs::read_dir(folder).ok()?.flatten().filter_map(|entry| entry.metadata().ok()?.modified().ok()).max()?;
    SystemTime::now().duration_since(newest).ok().map(|age| age.as_secs())
}

/// Debian and what comes from it leave a file. Elsewhere a kernel whose modules are gone was replaced.
fn restart_pending(root: &Path) -> Option<bool> {
    if root.join("run/reboot-required").exists() {
        return Some(true);
    }
    let modules = root.join("usr/lib/modules");
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").ok()?;
    // A container has no modules of its own, and its kernel is not its own to restart.
    fs::read_dir(&modules).ok()?.next()?.ok()?;
    Some(!modules.join(kernel.trim()).exists())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_state_of_apt_is_read() {
        let root = tempfile::tempdir().expect("a folder");
        let put = |path: &str, text: &str| {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().expect("beneath the root")).expect("a folder");
            fs::write(path, text).expect("a file");
        };
        assert_eq!(read(root.path(), &[]), None);
        put("var/lib/dpkg/status", "Package: libfoo\nStatus: install ok unpacked\n");
        put("var/lib/dpkg/updates/0001", "");
        put("var/lib/dpkg/lock-frontend", "");
        put("etc/apt/sources.list", "deb http://a.example/debian stable main\n");
        put("etc/apt/sources.list.d/b.sources", "Types: deb\nURIs: http://b.example/\nSuites: x\n");
        put("etc/apt/sources.list.d/b.sources.save", "Types: deb\nURIs: http://c.example/\nSuites: x\n");
        put("etc/apt/apt.conf.d/90proxy", "Acquire::http::Proxy \"http://proxy.example:3128/\";\n");
        put("run/reboot-required", "");
        let file = fs::metadata(root.path().join("var/lib/dpkg/lock-frontend")).expect("the file");
        let device = (nix::libc::major(file.dev()), nix::libc::minor(file.dev()));
        let state = read(root.path(), &[Lock { pid: 7, device, inode: file.ino() }]).expect("apt");
        assert_eq!((state.manager.as_str(), state.broken.len(), state.interrupted), ("apt", 1, true));
        assert_eq!(state.locks, [PackageLock { path: "/var/lib/dpkg/lock-frontend".into(), pid: Some(7) }]);
        assert_eq!((state.repositories.len(), state.restart_pending), (2, Some(true)));
        assert_eq!(state.proxy.as_deref(), Some("http://proxy.example:3128/"));
    }

    #[test]
    fn a_lock_of_pacman_may_be_left_behind() {
        let root = tempfile::tempdir().expect("a folder");
        fs::create_dir_all(root.path().join("var/lib/pacman/local")).expect("a folder");
        fs::write(root.path().join(PRESENT), "").expect("a file");
        let state = read(root.path(), &[]).expect("pacman");
        assert_eq!((state.manager.as_str(), state.locks[0].pid), ("pacman", None));
    }
}
