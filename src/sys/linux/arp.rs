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

/// Machines with one address that are named; whoever pretends to be more is one of them.
const MOST_CLAIMS: usize = 8;

pub(super) async fn who_has(
    netlink: &Netlink,
    interface: &str,
    address: IpAddr,
    source: Option<IpAddr>,
    wait: Duration,
) -> Known<Option<String>> {
    let mut question = Question::new(netlink, interface, address, source, wait).await?;
    question.next(&[]).await
}

pub(super) async fn who_all_have(
    netlink: &Netlink,
    interface: &str,
    address: IpAddr,
    wait: Duration,
) -> Known<Vec<String>> {
    let mut question = Question::new(netlink, interface, address, None, wait).await?;
    let mut all = Vec::new();
    // Each is heard once, so that somebody who answers without end ends nothing later.
    while all.len() < MOST_CLAIMS
        && let Some(mac) = question.next(&all).await?
    {
        all.push(mac);
    }
    Ok(all)
}

/// A question that is being asked, until its time is over.
struct Question<'i> {
    interface: &'i str,
    wanted: Ipv4Addr,
    /// This machine's own hardware addresses: what it says itself is no answer.
    own: Vec<String>,
    socket: PacketSocket,
    request: [u8; ARP_LENGTH],
    spacing: Duration,
    /// When it is asked the next time.
    again: Instant,
    end: Instant,
}

impl<'i> Question<'i> {
    async fn new(
        netlink: &Netlink,
        interface: &'i str,
        address: IpAddr,
        source: Option<IpAddr>,
        wait: Duration,
    ) -> Known<Question<'i>> {
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
        let (request, now) = (request(mac, sender, wanted), Instant::now());
        Ok(Question { interface, wanted, own, socket, request, spacing, again: now, end: now + wait })
    }

    /// The next machine that answers and is none of these; none when the time is over.
    async fn next(&mut self, known: &[String]) -> Known<Option<String>> {
        let failed = |error: &dyn std::fmt::Display| Unknown::Failed(format!("{}: {error}", self.interface));
        while Instant::now() < self.end {
            if Instant::now() >= self.again {
                self.socket.broadcast(&self.request).map_err(|error| failed(&error))?;
                self.again += self.spacing;
            }
            let others: Vec<String> = self.own.iter().chain(known).cloned().collect();
            let heard = claim(&self.socket, self.wanted, &others);
            if let Ok(claim) = tokio::time::timeout_at(self.end.min(self.again), heard).await {
                return claim.map(Some).map_err(|error| failed(&error));
            }
        }
        Ok(None)
    }
}

/// Waits for somebody who says that the address is theirs, and is none of these.
async fn claim(socket: &PacketSocket, wanted: Ipv4Addr, others: &[String]) -> std::io::Result<String> {
    loop {
        let mut packet = [0_u8; 64];
        let length = socket.receive(&mut packet).await?;
        let claimed = sender_of(&packet[..length]).filter(|(_, address)| *address == wanted);
        if let Some(mac) = claimed.and_then(|(mac, _)| hardware_address(&mac)).filter(|mac| !others.contains(mac)) {
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
