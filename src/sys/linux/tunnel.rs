//! Tunnel devices, and the process that holds each.

use super::netlink::Netlink;
use crate::sys::*;
use std::collections::HashMap;
use std::path::Path;

pub(super) async fn tunnels(netlink: &Netlink) -> Known<Vec<Tunnel>> {
    let links = super::link::links(netlink).await?;
    let links: Vec<Link> = links.into_iter().filter(|link| link.kind == Some(LinkKind::Tunnel)).collect();
    let mut holders =
        if links.iter().any(|link| link.driver.as_deref() == Some("tun")) { holders() } else { HashMap::new() };
    Ok(links
        .into_iter()
        .map(|link| Tunnel {
            holder: holders.remove(&link.name),
            driver: link.driver.unwrap_or_default(),
            interface: link.name,
            up: link.up,
            carrier: link.carrier,
            receive_packets: link.receive_packets,
            transmit_packets: link.transmit_packets,
        })
        .collect())
}

/// Processes by the tun device that they hold. Only done where there is a tun device, because it looks at every open
/// file; those of other users stay unseen without root.
fn holders() -> HashMap<String, String> {
    let mut holders = HashMap::new();
    for process in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(pid) = process.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
        for file in std::fs::read_dir(process.path().join("fd")).into_iter().flatten().flatten() {
            if std::fs::read_link(file.path()).is_ok_and(|target| target == Path::new("/dev/net/tun")) {
                let info = std::fs::read_to_string(process.path().join("fdinfo").join(file.file_name()));
                let name = std::fs::read_to_string(process.path().join("comm")).unwrap_or_default();
                if let Some(device) = info.ok().as_deref().and_then(device) {
                    holders.insert(device.to_owned(), format!("{} ({pid})", name.trim()));
                }
            }
        }
    }
    holders
}

/// The `iff:` line that the tun driver adds to fdinfo.
fn device(info: &str) -> Option<&str> {
    info.lines().find_map(|line| line.strip_prefix("iff:")).map(str::trim).filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fdinfo_names_the_device() {
        assert_eq!(device("pos:\t0\nflags:\t0104002\nmnt_id:\t26\niff:\ttun0\n"), Some("tun0"));
        assert_eq!(device("pos:\t0\niff:\t\n"), None, "opened but not yet attached");
    }
}
