//! Leases from the files of the DHCP clients: systemd-networkd, NetworkManager, ISC dhclient, dhcpcd; of NetworkManager
//! over D-Bus too, because its files are for root alone.

use super::bounded::{TABLE_WAIT, off_thread};
use super::manager;
use super::netlink::Netlink;
use crate::sys::parse::lease::{Written, dhclient, dhcpcd, networkd};
use crate::sys::*;
use jiff::{SignedDuration, Timestamp};
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

const NETWORKD: &str = "/run/systemd/netif/leases";
const MANAGER: &str = "/var/lib/NetworkManager";
const DHCLIENT: [&str; 2] = ["/var/lib/dhcp", "/var/lib/dhclient"];
const DHCPCD: [&str; 2] = ["/var/lib/dhcpcd", "/var/db/dhcpcd"];

/// A client's file is some kilobytes; dhclient's grows with each renewal until it is rewritten, and its end counts.
const LARGEST: u64 = 1 << 20;
/// Files of one folder that are read.
const MOST_FILES: usize = 200;

pub(super) async fn leases(netlink: &Netlink) -> Known<Vec<Lease>> {
    let links = super::link::links(netlink).await?;
    let names: Vec<(u32, String)> = links.into_iter().map(|link| (link.index, link.name)).collect();
    let (files, manager) = tokio::join!(
        off_thread("the leases", TABLE_WAIT, move || Ok(of_files(&names, Path::new("/"), Timestamp::now()))),
        manager::devices()
    );
    let mut leases = files?;
    for device in manager {
        if let Some(lease) = device.lease(Timestamp::now()) {
            leases.retain(|other| other.interface != lease.interface || other.source != lease.source);
            leases.push(lease);
        }
    }
    Ok(leases)
}

/// The leases beneath `root`, by the numbers and names of the interfaces.
fn of_files(names: &[(u32, String)], root: &Path, now: Timestamp) -> Vec<Lease> {
    let beneath = |folder: &str| root.join(folder.trim_start_matches('/'));
    let mut leases = Vec::new();
    for (path, stem) in files(&beneath(NETWORKD)) {
        let name = names.iter().find(|(index, _)| stem == index.to_string()).map(|(_, name)| name.clone());
        let written = read(&path).and_then(|bytes| networkd(&String::from_utf8_lossy(&bytes)));
        leases.extend(written.map(|written| lease("systemd-networkd", written, name, renewed(&path), now)));
    }
    for (path, stem) in files(&beneath(MANAGER)).filter(|(_, stem)| stem.starts_with("internal-")) {
        let written = read(&path).and_then(|bytes| networkd(&String::from_utf8_lossy(&bytes)));
        leases
            .extend(written.map(|written| lease("NetworkManager", written, ending(names, &stem), renewed(&path), now)));
    }
    for (path, stem) in DHCLIENT.iter().flat_map(|folder| files(&beneath(folder))).chain(files(&beneath(MANAGER))) {
        if !path.extension().is_some_and(|extension| extension == "leases" || extension == "lease") {
            continue;
        }
        for written in read(&path).map(|bytes| dhclient(&String::from_utf8_lossy(&bytes))).unwrap_or_default() {
            let name = written.interface.clone().or_else(|| ending(names, &stem));
            leases.push(lease("dhclient", written, name, None, now));
        }
    }
    for (path, stem) in DHCPCD.iter().flat_map(|folder| files(&beneath(folder))) {
        let written = read(&path).and_then(|bytes| dhcpcd(&bytes));
        // A radio's file names the network too: `wlan0-office.lease`.
        let name = names
            .iter()
            .map(|(_, name)| name)
            .find(|name| stem.strip_prefix(name.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('-')));
        leases.extend(written.map(|written| lease("dhcpcd", written, name.cloned(), renewed(&path), now)));
    }
    leases.retain(|lease| !lease.interface.is_empty() && lease.terms.address.is_some());
    leases
}

/// The interface with which a file's name ends: `internal-<connection>-eth0`.
fn ending(names: &[(u32, String)], stem: &str) -> Option<String> {
    let (_, name) = names
        .iter()
        .find(|(_, name)| stem.strip_suffix(name.as_str()).is_some_and(|rest| rest.ends_with(['-', '.'])))?;
    Some(name.clone())
}

/// A lease without an end of its own ends its time after it was last written.
fn lease(
    source: &str,
    written: Written,
    interface: Option<String>,
    renewed: Option<Timestamp>,
    now: Timestamp,
) -> Lease {
    // 0xffffffff stands for ever (RFC 2131 section 3.3).
    let lasting = written.terms.seconds.filter(|seconds| *seconds != u32::MAX);
    let counted = || renewed?.checked_add(SignedDuration::from_secs(i64::from(lasting?))).ok();
    let ends = written.ends.or_else(counted);
    Lease {
        interface: interface.unwrap_or_default(),
        source: source.to_owned(),
        ends_in_s: ends.map(|ends| ends.as_second() - now.as_second()),
        terms: written.terms,
    }
}

fn files(folder: &Path) -> impl Iterator<Item = (PathBuf, String)> + use<> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten().take(MOST_FILES);
    entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_file())).map(|entry| {
        let path = entry.path();
        let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        (path, stem)
    })
}

fn read(path: &Path) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path).ok()?.take(LARGEST).read_to_end(&mut bytes).ok()?;
    Some(bytes)
}

fn renewed(path: &Path) -> Option<Timestamp> {
    Timestamp::try_from(fs::metadata(path).ok()?.modified().ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_client_is_read_from_where_it_writes() {
        let root = tempfile::tempdir().expect("a folder");
        let put = |path: &str, bytes: &[u8]| {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().expect("beneath the root")).expect("a folder");
            fs::write(path, bytes).expect("a file");
        };
        let networkd = include_str!("../../../tests/fixtures/linux/networkd-lease.txt");
        put("run/systemd/netif/leases/3", networkd.as_bytes());
        put("run/systemd/netif/leases/9", networkd.as_bytes());
        put("var/lib/NetworkManager/internal-7c1d-wlan0.lease", networkd.as_bytes());
        put("var/lib/dhcp/dhclient.leases", include_bytes!("../../../tests/fixtures/linux/dhclient.leases"));
        put("var/lib/dhcpcd/eth0.lease", b"nothing that a server sends");
        let names = [(3, "eth0".to_owned()), (4, "wlan0".to_owned())];
        let now: Timestamp = "2026-11-20T18:00:00Z".parse().expect("a time");
        let mut seen: Vec<_> = of_files(&names, root.path(), now)
            .into_iter()
            .map(|lease| (lease.source, lease.interface, lease.ends_in_s))
            .collect();
        seen.sort();
        let source = |at: usize| (seen[at].0.as_str(), seen[at].1.as_str());
        assert_eq!(seen.len(), 4, "no interface has number 9: {seen:?}");
        assert_eq!((source(0), source(1)), (("NetworkManager", "wlan0"), ("dhclient", "eth0")));
        assert_eq!(seen[1].2, Some(1800));
        assert_eq!((source(2), source(3)), (("dhclient", "wlan0"), ("systemd-networkd", "eth0")));
        assert!(seen[3].2.is_some_and(|left| left > 40_000), "counted from when it was written");
    }
}
