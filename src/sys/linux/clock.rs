//! How the clock is kept: the kernel's word, the service that disciplines it, and its servers.

use super::process;
use crate::sys::parse::time_server::{directives, timesyncd};
use crate::sys::*;
use std::fs;
use std::path::Path;

/// `STA_UNSYNC` of linux/timex.h: the kernel clock is not disciplined.
const UNSYNCHRONISED: i32 = 0x40;

pub(super) async fn clock() -> Known<Clock> {
    let service = service();
    let servers = servers(service);
    Ok(Clock { synchronised: synchronised(), service: service.map(str::to_owned), servers })
}

/// "A service is enabled" is not "synchronised" (pitfall 33): the kernel knows, and where it may not be asked
/// (containers) the mark that timesyncd leaves at its first synchronisation.
fn synchronised() -> Option<bool> {
    // SAFETY: all zero is a valid `timex`, and with `modes` zero the call only reads.
    let status = unsafe {
        let mut timex: nix::libc::timex = std::mem::zeroed();
        (nix::libc::adjtimex(&mut timex) >= 0).then_some(timex.status)
    };
    let marked = Path::new("/run/systemd/timesync/synchronized").exists();
    match status {
        Some(status) => Some(status & UNSYNCHRONISED == 0 || marked),
        None => marked.then_some(true),
    }
}

/// The service that runs, by its pid file, its socket or its run folder.
fn service() -> Option<&'static str> {
    const PID_FILES: &[(&str, &str, &str)] = &[
        ("chrony", "/run/chrony/chronyd.pid", "chronyd"),
        ("chrony", "/run/chronyd.pid", "chronyd"),
        ("ntpd", "/run/ntpd.pid", "ntpd"),
        ("ntpd", "/run/ntpd/ntpd.pid", "ntpd"),
        ("ntpd", "/var/run/ntp.pid", "ntpd"),
    ];
    let runs = |file: &str, name: &str| {
        let pid = fs::read_to_string(file).ok()?.trim().parse().ok()?;
        (process::name(pid)? == name).then_some(())
    };
    let by_pid = PID_FILES.iter().find(|(_, file, name)| runs(file, name).is_some()).map(|(service, _, _)| *service);
    by_pid
        .or_else(|| Path::new("/run/chrony/chronyd.sock").exists().then_some("chrony"))
        .or_else(|| Path::new("/run/ntpd.sock").exists().then_some("openntpd"))
        // systemd removes the folder when the service stops (`RuntimeDirectory=`).
        .or_else(|| Path::new("/run/systemd/timesync").exists().then_some("systemd-timesyncd"))
}

/// The servers of the service that runs; where none does, those of any that is configured.
fn servers(service: Option<&str>) -> Vec<String> {
    let one_of = |wanted: &[&str]| service.is_none_or(|service| wanted.contains(&service));
    let mut servers = Vec::new();
    if one_of(&["chrony"]) {
        let files = ["/etc/chrony/chrony.conf", "/etc/chrony.conf"].map(str::to_owned).into_iter();
        let folders = ["/etc/chrony/sources.d", "/etc/chrony/conf.d", "/run/chrony-dhcp", "/etc/chrony.d"];
        let files = files.chain(folders.into_iter().flat_map(files_of));
        servers.extend(files.flat_map(|file| directives(&read(&file))));
    }
    if one_of(&["ntpd", "openntpd"]) {
        let files = ["/etc/ntp.conf", "/etc/ntpsec/ntp.conf", "/etc/openntpd/ntpd.conf", "/etc/ntpd.conf"];
        servers.extend(files.into_iter().flat_map(|file| directives(&read(file))));
    }
    if one_of(&["systemd-timesyncd"]) {
        let files = ["/usr/lib/systemd/timesyncd.conf", "/etc/systemd/timesyncd.conf"].map(str::to_owned).into_iter();
        let folders = ["/run/systemd/timesyncd.conf.d", "/etc/systemd/timesyncd.conf.d"];
        let texts: Vec<String> = files.chain(folders.into_iter().flat_map(files_of)).map(|file| read(&file)).collect();
        servers.extend(timesyncd(texts.iter().map(String::as_str)));
    }
    let mut seen = std::collections::HashSet::new();
    servers.retain(|server| seen.insert(server.clone()));
    servers
}

fn read(file: &str) -> String {
    fs::read_to_string(file).unwrap_or_default()
}

fn files_of(folder: &str) -> Vec<String> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut files: Vec<String> =
        entries.flatten().filter_map(|entry| entry.path().to_str().map(str::to_owned)).collect();
    files.sort();
    files
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_kernel_is_asked() {
        let clock = clock().await.expect("never fails");
        assert!(clock.synchronised.is_some() || clock.service.is_none());
    }
}
