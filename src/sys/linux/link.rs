//! Interfaces, from the kernel by netlink. `/sys/class/net` adds speed, duplex and "is a radio" where it shows the same
//! interface: inside a network namespace it may still show another one's.

use super::netlink::{Netlink, hardware_address};
use crate::sys::*;
use rtnetlink::packet_route::link::{LinkAttribute, LinkFlags, LinkInfo, LinkLayerType, LinkMessage};
use std::path::{Path, PathBuf};

/// Kinds of the kernel that carry packets inside other packets.
const TUNNELS: &[&str] = &[
    "tun",
    "wireguard",
    "ppp",
    "xfrm",
    "ipip",
    "sit",
    "ip6tnl",
    "gre",
    "gretap",
    "ip6gre",
    "ip6gretap",
    "vti",
    "vti6",
    "erspan",
    "ip6erspan",
    "amneziawg",
    "ovpn",
    "ovpn-dco",
    "l2tp",
];

/// Kinds that are the cable of a container: the other end is elsewhere.
const CONTAINER_CABLES: &[&str] = &["veth", "macvlan", "ipvlan", "netkit"];

pub(super) async fn links(netlink: &Netlink) -> Known<Vec<Link>> {
    let messages = netlink.link_messages().await?;
    // Speed and duplex in sysfs wait for the same lock.
    let mut links: Vec<Link> = netlink.beside(|| messages.into_iter().map(read).collect()).await?;
    let hardware =
        links.iter().any(|link| matches!(link.kind, Some(LinkKind::Wired | LinkKind::Wifi | LinkKind::Mobile)));
    let is_cable = |link: &Link| {
        link.kind.is_none() && link.driver.as_deref().is_some_and(|driver| CONTAINER_CABLES.contains(&driver))
    };
    // Beside real hardware, a veth without an address is the host's end of some container's cable. Without hardware
    // this is the container, and the veth is its way out even while its address is missing.
    let addressed: Vec<String> = if hardware && links.iter().any(is_cable) {
        super::address::addresses(netlink)
            .await?
            .into_iter()
            .filter(|address| !address.is_link_local())
            .map(|address| address.interface)
            .collect()
    } else {
        Vec::new()
    };
    for link in &mut links {
        if is_cable(link) {
            let way_out = link.master.is_none() && (!hardware || addressed.contains(&link.name));
            link.kind = Some(if way_out { LinkKind::Wired } else { LinkKind::Virtual });
        }
    }
    Ok(links)
}

/// One message. The kind of a container's cable is left open.
fn read(message: LinkMessage) -> Link {
    let flags = message.header.flags;
    let up = flags.contains(LinkFlags::Up);
    let mut link = Link {
        index: message.header.index,
        up,
        carrier: up.then(|| flags.contains(LinkFlags::LowerUp)),
        ..Link::default()
    };
    let mut basic_counters = None;
    let mut has_counters = false;
    for attribute in message.attributes {
        match attribute {
            LinkAttribute::IfName(name) => link.name = name,
            LinkAttribute::Address(bytes) => link.mac = hardware_address(&bytes),
            LinkAttribute::Mtu(mtu) => link.mtu = Some(mtu),
            LinkAttribute::Controller(index) => link.master = Some(index),
            LinkAttribute::OperState(state) => link.operstate = Some(format!("{state:?}").to_lowercase()),
            LinkAttribute::CarrierChanges(changes) => link.carrier_changes = Some(u64::from(changes)),
            LinkAttribute::LinkInfo(infos) => {
                link.driver = infos.into_iter().find_map(|info| match info {
                    LinkInfo::Kind(kind) => Some(kind.to_string()),
                    _ => None,
                });
            }
            LinkAttribute::Stats64(counters) => {
                has_counters = true;
                link.receive_packets = counters.rx_packets;
                link.transmit_packets = counters.tx_packets;
                link.receive_bytes = counters.rx_bytes;
                link.transmit_bytes = counters.tx_bytes;
                link.receive_errors = counters.rx_errors;
                link.transmit_errors = counters.tx_errors;
                link.receive_drops = counters.rx_dropped;
                link.transmit_drops = counters.tx_dropped;
            }
            LinkAttribute::Stats(counters) => basic_counters = Some(counters),
            _ => {}
        }
    }
    if let (false, Some(counters)) = (has_counters, basic_counters) {
        link.receive_packets = u64::from(counters.rx_packets);
        link.transmit_packets = u64::from(counters.tx_packets);
        link.receive_errors = u64::from(counters.rx_errors);
        link.transmit_errors = u64::from(counters.tx_errors);
        link.receive_drops = u64::from(counters.rx_dropped);
        link.transmit_drops = u64::from(counters.tx_dropped);
    }
    let folder = sysfs(&link);
    let sysfs = folder.as_deref();
    if link.driver.is_none() {
        // Virtual drivers report a made-up constant.
        link.speed_mbps = text(sysfs, "speed").and_then(|speed| speed.parse::<u32>().ok()).filter(|speed| *speed > 0);
        link.duplex = text(sysfs, "duplex").filter(|duplex| duplex == "full" || duplex == "half");
    }
    link.kind = kind(&link, flags, message.header.link_layer_type, sysfs);
    if link.kind == Some(LinkKind::Tunnel) && link.driver.is_none() {
        link.driver = Some("ppp".to_owned());
    }
    link
}

/// What the interface is; none for a container's cable, which only its surroundings tell.
fn kind(link: &Link, flags: LinkFlags, layer: LinkLayerType, sysfs: Option<&Path>) -> Option<LinkKind> {
    if flags.contains(LinkFlags::Loopback) {
        return Some(LinkKind::Loopback);
    }
    let device_type = text(sysfs, "uevent").unwrap_or_default();
    let is_radio = sysfs.is_some_and(|folder| folder.join("phy80211").exists() || folder.join("wireless").exists())
        || (sysfs.is_none() && link.driver.is_none() && link.name.starts_with("wl"));
    if is_radio || link.driver.as_deref() == Some("virt_wifi") {
        return Some(LinkKind::Wifi);
    }
    if device_type.contains("DEVTYPE=wwan") || matches!(link.driver.as_deref(), Some("wwan" | "rmnet")) {
        return Some(LinkKind::Mobile);
    }
    match link.driver.as_deref() {
        // A tap device in a bridge is the cable of a virtual machine.
        Some(driver) if TUNNELS.contains(&driver) && link.master.is_some() => Some(LinkKind::Virtual),
        Some(driver) if TUNNELS.contains(&driver) => Some(LinkKind::Tunnel),
        Some(driver) if CONTAINER_CABLES.contains(&driver) => None,
        Some(_) => Some(LinkKind::Virtual),
        None if layer == LinkLayerType::Ppp => Some(LinkKind::Tunnel),
        None if layer == LinkLayerType::Ether => Some(LinkKind::Wired),
        None => Some(LinkKind::Virtual),
    }
}

/// The interface's folder in sysfs, where that shows this very interface and not a namesake of another namespace.
fn sysfs(link: &Link) -> Option<PathBuf> {
    let folder = Path::new("/sys/class/net").join(&link.name);
    let same_index = text(Some(&folder), "ifindex").as_deref() == Some(link.index.to_string().as_str());
    let same_mac = link.mac.is_none() || text(Some(&folder), "address") == link.mac;
    (same_index && same_mac).then_some(folder)
}

fn text(folder: Option<&Path>, file: &str) -> Option<String> {
    // Speed and duplex answer EINVAL while the link is down, which is the same as not knowing.
    std::fs::read_to_string(folder?.join(file)).ok().map(|text| text.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind_of(driver: Option<&str>, master: Option<u32>, layer: LinkLayerType) -> Option<LinkKind> {
        let link = Link { name: "x0".into(), driver: driver.map(str::to_owned), master, ..Link::default() };
        kind(&link, LinkFlags::Up, layer, None)
    }

    #[test]
    fn kinds_follow_what_the_kernel_says() {
        let ether = LinkLayerType::Ether;
        assert_eq!(kind_of(None, None, ether), Some(LinkKind::Wired));
        assert_eq!(kind_of(Some("bridge"), None, ether), Some(LinkKind::Virtual));
        assert_eq!(kind_of(Some("dummy"), None, ether), Some(LinkKind::Virtual));
        assert_eq!(kind_of(Some("tun"), None, LinkLayerType::None), Some(LinkKind::Tunnel));
        assert_eq!(kind_of(Some("tun"), Some(3), ether), Some(LinkKind::Virtual), "a tap in a bridge");
        assert_eq!(kind_of(Some("wireguard"), None, LinkLayerType::None), Some(LinkKind::Tunnel));
        assert_eq!(kind_of(None, None, LinkLayerType::Ppp), Some(LinkKind::Tunnel));
        assert_eq!(kind_of(Some("veth"), None, ether), None, "decided by what is beside it");
        assert_eq!(kind_of(Some("wwan"), None, ether), Some(LinkKind::Mobile));
    }

    #[tokio::test]
    async fn the_loopback_is_found_without_rights() {
        let links = links(&Netlink::default()).await.expect("netlink answers everybody");
        let loopback = links.iter().find(|link| link.kind == Some(LinkKind::Loopback)).expect("there is always one");
        assert_eq!(loopback.name, "lo");
        assert!(loopback.index > 0 && loopback.mtu.is_some());
    }
}
