//! What changed of late: packages, configuration that decides over the network, and the last start.

use super::bounded::off_thread;
use super::tail::each_line;
use crate::layer::Layer;
use crate::sys::parse::change::{condensed, dpkg, pacman};
use crate::sys::*;
use jiff::{SignedDuration, Timestamp};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Small local files; longer means a disk that is itself the finding.
const CHANGES_WAIT: Duration = Duration::from_millis(1500);
/// Several upgrades of a whole system, at 100 bytes a line.
const TAIL_BYTES: u64 = 512 * 1024;
/// So many entries, the newest, go into a packet.
const MOST_CHANGES: usize = 60;
/// A folder of configurations with more files than this is not walked to its end.
const MOST_FILES: usize = 200;

/// Configuration whose time of change is worth telling, and the layer that it decides over. Folders stand for the files
/// in them.
const WATCHED: &[(&str, Layer)] = &[
    ("/etc/resolv.conf", Layer::Dns),
    ("/etc/hosts", Layer::Dns),
    ("/etc/nsswitch.conf", Layer::Dns),
    ("/etc/systemd/resolved.conf", Layer::Dns),
    ("/etc/systemd/resolved.conf.d", Layer::Dns),
    ("/etc/environment", Layer::Proxy),
    ("/etc/profile.d", Layer::Proxy),
    ("/etc/network/interfaces", Layer::Ip),
    ("/etc/network/interfaces.d", Layer::Ip),
    ("/etc/NetworkManager/system-connections", Layer::Ip),
    ("/etc/NetworkManager/conf.d", Layer::Ip),
    ("/etc/systemd/network", Layer::Ip),
    ("/etc/netplan", Layer::Ip),
    ("/etc/openvpn", Layer::Vpn),
    ("/etc/wireguard", Layer::Vpn),
    ("/etc/ipsec.conf", Layer::Vpn),
    ("/etc/swanctl", Layer::Vpn),
    ("/etc/nftables.conf", Layer::Host),
    ("/etc/iptables", Layer::Host),
    ("/etc/ufw", Layer::Host),
    ("/etc/sysctl.conf", Layer::Host),
    ("/etc/sysctl.d", Layer::Host),
    ("/etc/localtime", Layer::Host),
    ("/etc/ssl/certs/ca-certificates.crt", Layer::Tls),
    ("/etc/pki/ca-trust/source/anchors", Layer::Tls),
    ("/usr/local/share/ca-certificates", Layer::Tls),
];

/// Databases of package managers that keep no history which could be read without their tool.
const DATABASES: &[&str] = &[
    "/var/lib/rpm/rpmdb.sqlite",
    "/usr/lib/sysimage/rpm/rpmdb.sqlite",
    "/var/lib/rpm/Packages",
    "/lib/apk/db/installed",
];

pub(super) async fn changes(days: u32) -> Known<Vec<Change>> {
    off_thread("recent changes", CHANGES_WAIT, move || Ok(read(days))).await
}

fn read(days: u32) -> Vec<Change> {
    let now = Timestamp::now();
    let since = now.checked_sub(SignedDuration::from_hours(24 * i64::from(days))).unwrap_or(Timestamp::UNIX_EPOCH);
    let mut changes = packages(since);
    changes.extend(WATCHED.iter().flat_map(|(place, layer)| files(Path::new(place), *layer)));
    changes.extend(DATABASES.iter().filter_map(|place| {
        let time = modified(Path::new(place))?;
        Some(entry(time, "package", "packages were installed, upgraded or removed".to_owned(), None))
    }));
    changes.extend(start(now));
    let since = since.to_string();
    // Both are RFC 3339 in UTC; the comparison goes by whole seconds, where the text's order is that of time.
    changes.retain(|change| change.time.get(..19) >= since.get(..19));
    let mut changes = condensed(changes);
    changes.truncate(MOST_CHANGES);
    changes
}

fn packages(since: Timestamp) -> Vec<Change> {
    let zone = local_zone();
    // The log counts in local time, which is less than a day from UTC.
    let day = since.checked_sub(SignedDuration::from_hours(24)).unwrap_or(Timestamp::UNIX_EPOCH).to_string();
    let mut changes = Vec::new();
    // The rotated file holds what came before the first of the month.
    for file in ["/var/log/dpkg.log.1", "/var/log/dpkg.log"] {
        if modified(Path::new(file)).is_some_and(|time| time >= since) {
            read_end(file, |line| {
                if line.get(..10) >= day.get(..10) {
                    changes.extend(dpkg(line, &zone))
                }
            });
        }
    }
    read_end("/var/log/pacman.log", |line| changes.extend(pacman(line, &zone)));
    changes
}

/// A history that is not there, or that this account may not read, tells of no change.
fn read_end(file: &str, take: impl FnMut(&str)) {
    let _ = each_line(file, TAIL_BYTES, take);
}

/// A file, or the files of a folder, with the time of their last change. The names are told, never what is in them.
fn files(place: &Path, layer: Layer) -> Vec<Change> {
    let within: Vec<PathBuf> = match fs::read_dir(place) {
        Ok(entries) => entries.flatten().take(MOST_FILES).map(|entry| entry.path()).collect(),
        Err(_) => vec![place.to_owned()],
    };
    within
        .into_iter()
        .filter_map(|file| {
            let time = modified(&file)?;
            Some(entry(time, "file", format!("{} changed", file.display()), Some(layer)))
        })
        .collect()
}

/// When the machine started. A start touches everything, so it has no layer.
fn start(now: Timestamp) -> Option<Change> {
    let uptime = i64::try_from(sysinfo::System::uptime().ok()?).ok()?;
    let time = now.checked_sub(SignedDuration::from_secs(uptime)).ok()?;
    Some(entry(time, "boot", "the machine started".to_owned(), None))
}

fn entry(time: Timestamp, kind: &str, what: String, layer: Option<Layer>) -> Change {
    let seconds = Timestamp::from_second(time.as_second()).unwrap_or(time);
    Change { time: seconds.to_string(), kind: kind.to_owned(), what, layer }
}

fn modified(file: &Path) -> Option<Timestamp> {
    Timestamp::try_from(fs::metadata(file).ok()?.modified().ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_start_is_among_the_changes_of_a_century() {
        let changes = changes(36_500).await.expect("never fails");
        assert!(changes.iter().any(|change| change.kind == "boot") || changes.len() == MOST_CHANGES);
        assert!(changes.windows(2).all(|pair| pair[0].time >= pair[1].time), "newest first");
    }

    #[test]
    fn files_of_a_folder_are_named_one_by_one() {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("office.nmconnection"), "psk=secret").expect("written");
        let seen = files(folder.path(), Layer::Ip);
        assert_eq!(seen.len(), 1);
        assert!(seen[0].what.ends_with("office.nmconnection changed") && seen[0].layer == Some(Layer::Ip));
        assert!(files(Path::new("/no/such/place"), Layer::Ip).is_empty());
    }
}
