//! Histories of package managers, and which layer a package or a file touches.

use crate::layer::Layer;
use crate::sys::Change;
use jiff::tz::TimeZone;
use jiff::{Timestamp, civil};

/// Beginnings of package names, and what they touch. The first that fits wins.
const PACKAGES: &[(&str, Layer)] = &[
    ("ca-certificates", Layer::Tls),
    ("openssl", Layer::Tls),
    ("libssl", Layer::Tls),
    ("gnutls", Layer::Tls),
    ("libgnutls", Layer::Tls),
    ("p11-kit", Layer::Tls),
    ("nss", Layer::Tls),
    ("network-manager", Layer::Ip),
    ("networkmanager", Layer::Ip),
    ("netplan", Layer::Ip),
    ("ifupdown", Layer::Ip),
    ("dhcpcd", Layer::Ip),
    ("isc-dhcp-client", Layer::Ip),
    ("dhclient", Layer::Ip),
    ("connman", Layer::Ip),
    ("iwd", Layer::Link),
    ("wpasupplicant", Layer::Link),
    ("wpa_supplicant", Layer::Link),
    ("firmware", Layer::Link),
    ("linux-firmware", Layer::Link),
    ("linux-image", Layer::Host),
    ("linux-modules", Layer::Host),
    ("kernel", Layer::Host),
    ("systemd-resolved", Layer::Dns),
    ("resolvconf", Layer::Dns),
    ("openresolv", Layer::Dns),
    ("dnsmasq", Layer::Dns),
    ("unbound", Layer::Dns),
    ("bind9", Layer::Dns),
    ("libnss", Layer::Dns),
    ("avahi", Layer::Dns),
    ("nscd", Layer::Dns),
    ("openvpn", Layer::Vpn),
    ("wireguard", Layer::Vpn),
    ("strongswan", Layer::Vpn),
    ("libreswan", Layer::Vpn),
    ("openconnect", Layer::Vpn),
    ("globalprotect", Layer::Vpn),
    ("tailscale", Layer::Vpn),
    ("squid", Layer::Proxy),
    ("tinyproxy", Layer::Proxy),
    ("privoxy", Layer::Proxy),
    ("nftables", Layer::Host),
    ("iptables", Layer::Host),
    ("ufw", Layer::Host),
    ("firewalld", Layer::Host),
    ("chrony", Layer::Host),
    ("ntp", Layer::Host),
    ("systemd-timesyncd", Layer::Host),
    ("tzdata", Layer::Host),
];

/// The layer that a package touches, where that is known.
pub fn package_layer(name: &str) -> Option<Layer> {
    PACKAGES.iter().find(|(start, _)| name.starts_with(start)).map(|(_, layer)| *layer)
}

/// Bytes of `2026-01-02 10:00:00`.
const STAMP: usize = 19;

/// One line of `dpkg.log`: `2026-01-02 10:00:00 upgrade libssl3:amd64 3.0.1 3.0.2`, in local time.
pub fn dpkg(line: &str, zone: &TimeZone) -> Option<Change> {
    // Most lines tell of steps in between, so the action is looked at first, and the stamp is read last.
    let (stamp, rest) = (line.get(..STAMP)?, line.get(STAMP..)?.strip_prefix(' ')?);
    let (action, rest) = rest.split_once(' ')?;
    if !["install", "upgrade", "remove", "purge"].contains(&action) {
        return None;
    }
    let mut words = rest.split(' ');
    let name = words.next()?.split(':').next()?;
    let (before, after) = (words.next()?, words.next().unwrap_or_default());
    let what = match action {
        "install" => format!("{name} {after} installed"),
        "upgrade" => format!("{name} upgraded from {before} to {after}"),
        _ => format!("{name} {before} removed"),
    };
    package(local(stamp, "%Y-%m-%d %H:%M:%S", zone)?, name, what)
}

/// One line of `pacman.log`: `[2026-01-02T10:00:00+0100] [ALPM] upgraded openssl (3.0.1-1 -> 3.0.2-1)`; older ones
/// carry local time without seconds.
pub fn pacman(line: &str, zone: &TimeZone) -> Option<Change> {
    let (stamp, rest) = line.strip_prefix('[')?.split_once("] ")?;
    let rest = rest.strip_prefix("[ALPM] ")?;
    let mut words = rest.split(' ');
    let (action, name) = (words.next()?, words.next()?);
    if !["installed", "upgraded", "downgraded", "removed", "reinstalled"].contains(&action) {
        return None;
    }
    let time =
        Timestamp::strptime("%Y-%m-%dT%H:%M:%S%z", stamp).ok().or_else(|| local(stamp, "%Y-%m-%d %H:%M", zone))?;
    let versions = words.collect::<Vec<_>>().join(" ");
    package(time, name, format!("{name} {action} {versions}").trim_end().to_owned())
}

fn local(stamp: &str, format: &str, zone: &TimeZone) -> Option<Timestamp> {
    Some(civil::DateTime::strptime(format, stamp).ok()?.to_zoned(zone.clone()).ok()?.timestamp())
}

fn package(time: Timestamp, name: &str, what: String) -> Option<Change> {
    Some(Change { time: time.to_string(), kind: "package".to_owned(), what, layer: package_layer(name) })
}

/// Keeps each change whose layer is known, and of the others one entry a day with their number: an upgrade of the whole
/// system is one event, and a packet is no package list.
pub fn condensed(changes: Vec<Change>) -> Vec<Change> {
    let (mut kept, others): (Vec<Change>, Vec<Change>) =
        changes.into_iter().partition(|change| change.layer.is_some() || change.kind != "package");
    let mut days: std::collections::BTreeMap<String, Vec<Change>> = std::collections::BTreeMap::new();
    for change in others {
        days.entry(change.time.chars().take(10).collect()).or_default().push(change);
    }
    for mut day in days.into_values() {
        if day.len() <= NAMED_A_DAY {
            kept.append(&mut day);
            continue;
        }
        let last = day.iter().map(|change| change.time.clone()).max().unwrap_or_default();
        let first: Vec<&str> =
            day.iter().take(NAMED_A_DAY).filter_map(|change| change.what.split(' ').next()).collect();
        kept.push(Change {
            time: last,
            kind: "package".to_owned(),
            what: format!("{} packages changed: {} and more", day.len(), first.join(", ")),
            layer: None,
        });
    }
    kept.sort_by(|left, right| right.time.cmp(&left.time));
    kept
}

/// So many packages of unknown layer are named for a day.
const NAMED_A_DAY: usize = 5;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn histories_are_read() {
        let zone = TimeZone::fixed(jiff::tz::offset(1));
        let dpkg: Vec<_> = include_str!("../../../tests/fixtures/linux/dpkg.log")
            .lines()
            .filter_map(|line| dpkg(line, &zone))
            .map(|change| (change.time, change.what, change.layer))
            .collect();
        assert_eq!(
            dpkg,
            [
                ("2026-01-02T09:00:00Z".into(), "libssl3 upgraded from 3.0.15-1 to 3.0.17-1".into(), Some(Layer::Tls)),
                ("2026-01-02T09:00:05Z".into(), "openvpn 2.6.3-1 installed".into(), Some(Layer::Vpn)),
                ("2026-01-02T09:00:09Z".into(), "cowsay 3.03 removed".into(), None),
            ]
        );
        let pacman: Vec<_> = include_str!("../../../tests/fixtures/linux/pacman.log")
            .lines()
            .filter_map(|line| pacman(line, &zone))
            .map(|change| (change.time, change.what, change.layer))
            .collect();
        assert_eq!(
            pacman,
            [
                ("2026-01-02T09:00:00Z".into(), "openssl upgraded (3.0.1-1 -> 3.0.2-1)".into(), Some(Layer::Tls)),
                ("2018-05-01T06:30:00Z".into(), "vim installed (8.0-1)".into(), None),
            ]
        );
    }

    #[test]
    fn broken_lines_give_nothing() {
        for line in ["", "x", "2026-01-02", "2026-99-02 10:00:00 install a b c", "[x] [ALPM] installed a (1)", "[[[["] {
            assert!(dpkg(line, &TimeZone::UTC).is_none() && pacman(line, &TimeZone::UTC).is_none(), "{line}");
        }
    }

    #[test]
    fn an_upgrade_of_everything_is_one_entry() {
        let change = |number: usize, layer| Change {
            time: format!("2026-01-02T09:00:{number:02}Z"),
            kind: "package".into(),
            what: format!("p{number} installed"),
            layer,
        };
        let mut changes: Vec<Change> = (0..40).map(|number| change(number, None)).collect();
        changes.push(change(50, Some(Layer::Dns)));
        let kept: Vec<_> = condensed(changes).into_iter().map(|change| change.what).collect();
        assert_eq!(kept, ["p50 installed", "40 packages changed: p0, p1, p2, p3, p4 and more"]);
    }
}
