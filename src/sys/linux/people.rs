//! The proxy settings of the people who are logged on. A run of remote management is root's and sees another
//! environment than the person who complains, so root looks into theirs: the environment of a program of their session,
//! and the files in their home folder that set it. Only proxy variables are kept, and never their credentials.

use super::bounded::off_thread;
use super::proxy;
use crate::sys::*;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, OpenOptions};
use std::io::Read;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Home folders may lie on a file server that does not answer; judgement.
const WAIT: Duration = Duration::from_secs(1);

/// More people than this share a terminal server, and one of them is as good as another to show a difference.
const PEOPLE_LIMIT: usize = 8;

/// Programs of a person whose environment is read; the session's own come first.
const PROGRAMS_LIMIT: usize = 100;

/// Environments and files larger than this are not settings; the kernel allows 128 KiB for one string.
const READ_LIMIT_BYTES: u64 = 256 * 1024;

/// Size and places of a record of utmp(5) on Linux: type, then the user's name.
const UTMP_RECORD: usize = 384;
const UTMP_USER: std::ops::Range<usize> = 44..76;
const UTMP_USER_PROCESS: i16 = 7;

/// Files beneath the home folder that set variables for a session or a shell, in the order in which they are read.
const FILES: [&str; 5] = [".profile", ".bash_profile", ".bashrc", ".zprofile", ".zshrc"];

pub(super) async fn proxies_of_people() -> Known<Vec<PersonProxies>> {
    if !nix::unistd::geteuid().is_root() {
        // Another account's settings are none of an ordinary account's business.
        return Ok(Vec::new());
    }
    let caller = std::env::var("SUDO_UID").ok().and_then(|uid| uid.parse().ok());
    off_thread("the settings of who is logged on", WAIT, move || Ok(people(Path::new("/"), caller))).await
}

/// Everybody who is logged on, with their settings, as far as the files beneath `root` say.
fn people(root: &Path, caller: Option<u32>) -> Vec<PersonProxies> {
    let accounts = fs::read_to_string(root.join("etc/passwd")).unwrap_or_default();
    let mut logged_on: BTreeSet<u32> = caller.into_iter().collect();
    logged_on.extend(of_session_manager(root));
    logged_on.extend(of_login_records(root, &accounts));
    logged_on.remove(&0);
    logged_on.into_iter().take(PEOPLE_LIMIT).map(|uid| person(root, uid, &accounts)).collect()
}

/// The session manager keeps one file for each user, with `STATE=active` or `online` while there is a session.
fn of_session_manager(root: &Path) -> Vec<u32> {
    let Ok(entries) = fs::read_dir(root.join("run/systemd/users")) else { return Vec::new() };
    let has_session = |path: PathBuf| {
        let text = fs::read_to_string(path).unwrap_or_default();
        text.lines().any(|line| matches!(line, "STATE=active" | "STATE=online"))
    };
    let entries = entries.flatten().filter_map(|entry| {
        let uid = entry.file_name().to_str()?.parse().ok()?;
        has_session(entry.path()).then_some(uid)
    });
    entries.collect()
}

fn of_login_records(root: &Path, accounts: &str) -> Vec<u32> {
    let records = fs::read(root.join("run/utmp")).unwrap_or_default();
    let user = |record: &[u8]| {
        let kind = i16::from_ne_bytes([record[0], record[1]]);
        let name = record[UTMP_USER].split(|byte| *byte == 0).next().unwrap_or_default();
        let name = (kind == UTMP_USER_PROCESS).then(|| String::from_utf8_lossy(name).into_owned())?;
        accounts.lines().find_map(|line| {
            let mut fields = line.split(':');
            (fields.next()? == name).then(|| fields.nth(1)?.parse().ok())?
        })
    };
    records.chunks_exact(UTMP_RECORD).filter_map(user).collect()
}

fn person(root: &Path, uid: u32, accounts: &str) -> PersonProxies {
    let account = accounts.lines().map(|line| line.split(':').collect::<Vec<_>>());
    let account = account.into_iter().find(|fields| fields.get(2).and_then(|text| text.parse().ok()) == Some(uid));
    let field = |number: usize| account.as_ref().and_then(|fields| fields.get(number)).map(|text| (*text).to_owned());
    let session = session(root, uid);
    let home = field(5).or_else(|| session.get("HOME").cloned());
    let mut proxies = ProxySettings::default();
    let variables: BTreeMap<String, String> =
        session.into_iter().filter(|(name, _)| proxy::is_proxy_variable(name)).collect();
    if !variables.is_empty() {
        proxy::from_environment(variables.into_iter(), &mut proxies);
    } else if let Some(home) = &home {
        from_home(&root.join(home.trim_start_matches('/')), uid, &mut proxies);
    }
    if let Some(home) = &home
        && let Some(text) = own_file(&root.join(home.trim_start_matches('/')).join(".config/kioslaverc"), uid)
    {
        proxy::from_kioslaverc("KDE", &text, &mut proxies);
    }
    if let Some(home) = home
        && root.join(home.trim_start_matches('/')).join(".config/dconf/user").exists()
    {
        proxies.unread.push("GNOME settings (a database that only its own account can ask for)".to_owned());
    }
    PersonProxies { user: field(0).unwrap_or_else(|| format!("uid {uid}")), uid, proxies }
}

/// The environment of that program of a person which tells most of the session: one with a display, else one with a
/// terminal or a session, else the first.
fn session(root: &Path, uid: u32) -> BTreeMap<String, String> {
    let Ok(entries) = fs::read_dir(root.join("proc")) else { return BTreeMap::new() };
    let mut programs: Vec<u32> = entries
        .flatten()
        .filter(|entry| entry.metadata().is_ok_and(|metadata| metadata.uid() == uid))
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .collect();
    programs.sort_unstable();
    let environments = programs.into_iter().take(PROGRAMS_LIMIT).filter_map(|pid| {
        let file = fs::File::open(root.join(format!("proc/{pid}/environ"))).ok()?;
        Some(variables(&read(file)?))
    });
    let weight = |environment: &BTreeMap<String, String>| {
        let has = |names: [&str; 2]| names.iter().any(|name| environment.contains_key(*name));
        u8::from(has(["WAYLAND_DISPLAY", "DISPLAY"])) * 2 + u8::from(has(["XDG_SESSION_ID", "TERM"]))
    };
    // The first of several equal ones, which is the oldest.
    environments.reduce(|best, next| if weight(&next) > weight(&best) { next } else { best }).unwrap_or_default()
}

fn variables(bytes: &[u8]) -> BTreeMap<String, String> {
    let text = String::from_utf8_lossy(bytes);
    text.split('\0')
        .filter_map(|entry| entry.split_once('='))
        .map(|(name, value)| (name.into(), value.into()))
        .collect()
}

fn read(file: fs::File) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    file.take(READ_LIMIT_BYTES).read_to_end(&mut bytes).ok()?;
    Some(bytes)
}

/// The variables that the next program of a new session or shell would get; a later file overrides an earlier one.
fn from_home(home: &Path, uid: u32, proxies: &mut ProxySettings) {
    let folder = home.join(".config/environment.d");
    let mut paths: Vec<PathBuf> =
        fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "conf"));
    paths.sort();
    paths.extend(FILES.map(|name| home.join(name)));
    let mut variables = BTreeMap::new();
    for path in paths {
        let Some(text) = own_file(&path, uid) else { continue };
        variables.extend(proxy::assignments(&text));
    }
    proxy::from_environment(variables.into_iter(), proxies);
    for setting in &mut proxies.settings {
        setting.source.push_str(" (from the home folder)");
    }
}

/// A file of this person. They could put a link to somebody else's file there, or a pipe: neither is opened by root.
fn own_file(path: &Path, uid: u32) -> Option<String> {
    let flags = nix::libc::O_NOFOLLOW | nix::libc::O_NONBLOCK;
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path).ok()?;
    let metadata = file.metadata().ok()?;
    let whose = metadata.uid() == uid || metadata.uid() == 0;
    let bytes = (metadata.is_file() && whose).then(|| read(file))??;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ACCOUNTS: &str = "root:x:0:0:root:/root:/bin/bash\nann:x:1000:1000::/home/ann:/bin/sh\n";

    fn place(root: &Path, path: &str, text: &[u8]) {
        let path = root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// The account of this test, so that files and folders are its own.
    fn root_with_me() -> (tempfile::TempDir, u32) {
        let root = tempfile::tempdir().unwrap();
        let uid = fs::metadata(root.path()).unwrap().uid();
        place(root.path(), "etc/passwd", format!("{ACCOUNTS}me:x:{uid}:1::/desk/me:/bin/sh\n").as_bytes());
        (root, uid)
    }

    #[test]
    fn who_is_logged_on_comes_from_three_places() {
        let (root, _) = root_with_me();
        place(root.path(), "run/systemd/users/1000", b"NAME=ann\nSTATE=active\n");
        place(root.path(), "run/systemd/users/1001", b"NAME=bob\nSTATE=lingering\n");
        place(root.path(), "run/systemd/users/0", b"NAME=root\nSTATE=online\n");
        let names =
            |caller| -> Vec<String> { people(root.path(), caller).into_iter().map(|person| person.user).collect() };
        assert_eq!(names(None), ["ann"]);
        assert_eq!(names(Some(4711)), ["ann", "uid 4711"]);
        fs::remove_dir_all(root.path().join("run/systemd")).unwrap();
        let mut record = vec![0; UTMP_RECORD];
        record[..2].copy_from_slice(&UTMP_USER_PROCESS.to_ne_bytes());
        record[UTMP_USER.start..UTMP_USER.start + 3].copy_from_slice(b"ann");
        let mut ended = record.clone();
        ended[..2].copy_from_slice(&8_i16.to_ne_bytes());
        place(root.path(), "run/utmp", &[record, ended, vec![7; 100]].concat());
        assert_eq!(names(None), ["ann"]);
        place(root.path(), "run/utmp", b"");
        assert!(names(None).is_empty());
    }

    #[test]
    fn the_program_with_a_display_speaks_for_the_session() {
        let (root, uid) = root_with_me();
        place(root.path(), "proc/7/environ", b"TERM=xterm\0http_proxy=http://shell.test:1\0");
        place(root.path(), "proc/8/environ", b"DISPLAY=:0\0https_proxy=http://bob:hunter2@desk.test:2\0SECRET=x\0");
        place(root.path(), "proc/9/environ", b"DISPLAY=:0\0http_proxy=http://late.test:3\0");
        place(root.path(), "desk/me/.profile", b"export http_proxy=http://file.test:4\n");
        let seen = person(root.path(), uid, &fs::read_to_string(root.path().join("etc/passwd")).unwrap());
        let urls: Vec<_> = seen.proxies.settings.iter().map(|setting| setting.url.as_str()).collect();
        assert_eq!(urls, ["http://desk.test:2"]);
        assert!(!format!("{seen:?}").contains("hunter2") && !format!("{seen:?}").contains("SECRET"));
    }

    #[test]
    fn files_in_the_home_folder_count_where_the_session_says_nothing() {
        let (root, uid) = root_with_me();
        place(root.path(), "desk/me/.config/environment.d/50-proxy.conf", b"https_proxy=http://first.test:1\n");
        place(root.path(), "desk/me/.bashrc", b"alias ll='ls -l'\nexport https_proxy=\"http://second.test:2\"\n");
        place(root.path(), "desk/me/.config/dconf/user", b"\0");
        place(
            root.path(),
            "desk/me/.config/kioslaverc",
            b"[Proxy Settings]\nProxyType=1\nhttpProxy=http://kde.test 8080\n",
        );
        std::os::unix::fs::symlink("/proc/self/environ", root.path().join("desk/me/.zshrc")).unwrap();
        let accounts = format!("me:x:{uid}:1::/desk/me:/bin/sh\n");
        let seen = person(root.path(), uid, &accounts);
        let setting = &seen.proxies.settings[0];
        assert_eq!((setting.url.as_str(), setting.effective), ("http://second.test:2", true));
        assert_eq!(setting.source, "environment https_proxy (from the home folder)");
        let desk = &seen.proxies.settings[1];
        assert_eq!((desk.source.as_str(), desk.url.as_str()), ("KDE", "http://kde.test:8080"));
        assert_eq!((seen.proxies.settings.len(), seen.proxies.unread.len()), (2, 1));
    }
}
