//! A question to the link itself: who holds this IPv4 address (ARP, RFC 826)? It needs `CAP_NET_RAW`; without it the
//! kernel's own neighbour table has to do.

use super::netlink::{Netlink, hardware_address, hardware_bytes};
use super::packet_socket::PacketSocket;
use crate::sys::*;
use nix::libc::ETH_P_ARP;
use std::net::Ipv4Addr;
use tokio::time::Instant;

/// RFC 1122 section 2.3.2.1: at most one request a second for the same address.
const REQUEST_SPACING: Duration = Duration::from_secs(1);

/// Ethernet ARP for IPv4 is 28 bytes without the frame header.
const ARP_LENGTH: usize = 28;

const REQUEST: u16 = 1;

pub(super) async fn who_has(
    netlink: &Netlink,
    interface: &str,
    address: IpAddr,
    source: Option<IpAddr>,
    wait: Duration,
) -> Known<Option<String>> {
    let IpAddr::V4(wanted) = address else { return Err(Unknown::Unsupported("ARP is for IPv4 only")) };
    let links = super::link::links(netlink).await?;
    let own: Vec<String> = links.iter().filter_map(|link| link.mac.clone()).collect();
    let link = links.iter().find(|link| link.name == interface);
    let (index, mac) = link
        .and_then(|link| Some((link.index, hardware_bytes(link.mac.as_deref()?)?)))
        .ok_or_else(|| Unknown::Failed(format!("{interface} has no hardware address to ask from")))?;
    let socket = PacketSocket::open(index, ETH_P_ARP).map_err(|error| match error {
        nix::Error::EPERM | nix::Error::EACCES => Unknown::NeedsRight {
            what: "who answers for an address on the link".to_owned(),
            right: "CAP_NET_RAW".to_owned(),
        },
        other => Unknown::Failed(format!("no ARP socket: {other}")),
    })?;
    // A probe (RFC 5227 section 2.1.1) has no sender address, so that nobody's table is changed by it; it is repeated
    // once within its short wait.
    let sender = match source {
        Some(IpAddr::V4(v4)) => v4,
        _ => Ipv4Addr::UNSPECIFIED,
    };
    let spacing = if sender.is_unspecified() { wait / 2 } else { REQUEST_SPACING };
    let question = request(mac, sender, wanted);
    let end = Instant::now() + wait;
    while Instant::now() < end {
        socket.broadcast(&question).map_err(|error| Unknown::Failed(format!("{interface}: {error}")))?;
        let until = end.min(Instant::now() + spacing);
        if let Ok(claim) = tokio::time::timeout_at(until, claim(&socket, wanted, &own)).await {
            return claim.map(Some).map_err(|error| Unknown::Failed(format!("{interface}: {error}")));
        }
    }
    Ok(None)
}

/// Waits for somebody else who says that the address is theirs.
async fn claim(socket: &PacketSocket, wanted: Ipv4Addr, own: &[String]) -> std::io::Result<String> {
    loop {
        let mut packet = [0_u8; 64];
        let length = socket.receive(&mut packet).await?;
        let claimed = sender_of(&packet[..length]).filter(|(_, address)| *address == wanted);
        if let Some(mac) = claimed.and_then(|(mac, _)| hardware_address(&mac)).filter(|mac| !own.contains(mac)) {
            return Ok(mac);
        }
    }
}

fn request(mac: [u8; 6], sender: Ipv4Addr, wanted: Ipv4Addr) -> [u8; ARP_LENGTH] {
    let mut packet = [0; ARP_LENGTH];
    // Ethernet (1), IPv4 (0x0800), lengths 6 and 4, then the operation.
    packet[..6].copy_from_slice(&[0, 1, 8, 0, 6, 4]);
    packet[6..8].copy_from_slice(&REQUEST.to_be_bytes());
    packet[8..14].copy_from_slice(&mac);
    packet[14..18].copy_from_slice(&sender.octets());
    packet[24..28].copy_from_slice(&wanted.octets());
    packet
}

/// Who sent it and which address they hold; requests tell that as well as replies (RFC 5227 section 2.4).
fn sender_of(packet: &[u8]) -> Option<([u8; 6], Ipv4Addr)> {
    if packet.get(..6)? != [0, 1, 8, 0, 6, 4] {
        return None;
    }
    let mac = packet.get(8..14)?.try_into().ok()?;
    let address: [u8; 4] = packet.get(14..18)?.try_into().ok()?;
    Some((mac, address.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_reads_back() {
        let mac = hardware_bytes("02:fc:00:00:00:01").expect("six bytes");
        let packet = request(mac, Ipv4Addr::new(10, 0, 0, 2), Ipv4Addr::new(10, 0, 0, 1));
        assert_eq!(sender_of(&packet), Some((mac, Ipv4Addr::new(10, 0, 0, 2))));
        assert_eq!(sender_of(&packet[..17]), None, "cut short");
        assert_eq!(sender_of(&[0; 28]), None, "not Ethernet ARP");
    }

    #[tokio::test]
    async fn the_loopback_cannot_be_asked() {
        let lo = who_has(&Netlink::default(), "lo", Ipv4Addr::LOCALHOST.into(), None, Duration::from_millis(1)).await;
        assert!(lo.is_err() || lo == Ok(None));
    }
}
