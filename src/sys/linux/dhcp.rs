//! Asks the DHCP servers on a link what they would give. Nothing is requested, so no address is taken: a server keeps the
//! one that it offers free for some seconds, for this machine's own hardware address.

use super::netlink::{Netlink, hardware_bytes};
use super::packet_socket::PacketSocket;
use crate::sys::parse::dhcp::{self, CLIENT_PORT, OFFER};
use crate::sys::*;
use nix::libc::ETH_P_IP;
use socket2::SockFilter;
use tokio::time::Instant;

/// A second question for one that was lost. Clients wait four seconds before it (RFC 2131 section 4.1); a person waits
/// here, and servers that first ping the address before they offer it answer both at once.
const SPACING: Duration = Duration::from_secs(2);

/// After a first offer, how much longer others are waited for: a server that pings the address first (the default of
/// ISC dhcpd and Kea) takes a second.
const OTHERS: Duration = Duration::from_millis(1300);

/// Every server must take 576 bytes (RFC 2131 section 2), and some send more; what is longer than a frame is not sent.
const LARGEST: usize = 1500;

/// Servers that are kept; a link with more has other troubles.
const MOST_OFFERS: usize = 16;

pub(super) async fn dhcp_offers(netlink: &Netlink, interface: &str, wait: Duration) -> Known<Vec<DhcpTerms>> {
    let links = super::link::links(netlink).await?;
    let (index, mac) = links
        .iter()
        .find(|link| link.name == interface)
        .and_then(|link| Some((link.index, hardware_bytes(link.mac.as_deref()?)?)))
        .ok_or_else(|| Unknown::Failed(format!("{interface} has no hardware address to ask from")))?;
    let socket = PacketSocket::open(index, ETH_P_IP).map_err(|error| match error {
        nix::Error::EPERM | nix::Error::EACCES => {
            Unknown::NeedsRight { what: "what DHCP servers offer".to_owned(), right: "CAP_NET_RAW".to_owned() }
        }
        other => Unknown::Failed(format!("no packet socket: {other}")),
    })?;
    let failed = |error: &dyn std::fmt::Display| Unknown::Failed(format!("{interface}: {error}"));
    socket.keep_only(&to_dhcp_clients()).map_err(|error| failed(&error))?;
    let transaction = rand::random();
    let question = dhcp::packet(&dhcp::discover(transaction, mac));
    let mut offers = Vec::new();
    let (mut end, mut ask_again) = (Instant::now() + wait, Instant::now());
    while Instant::now() < end && offers.len() < MOST_OFFERS {
        if Instant::now() >= ask_again {
            socket.broadcast(&question).map_err(|error| failed(&error))?;
            ask_again += SPACING;
        }
        let until = if offers.is_empty() { end.min(ask_again) } else { end };
        match tokio::time::timeout_at(until, offer(&socket, transaction)).await {
            Ok(Ok(terms)) if offers.contains(&terms) => {}
            Ok(Ok(terms)) => {
                if offers.is_empty() {
                    end = end.min(Instant::now() + OTHERS);
                }
                offers.push(terms);
            }
            Ok(Err(error)) => return Err(failed(&error)),
            Err(_) => {}
        }
    }
    Ok(offers)
}

/// Waits for the next offer of this transaction.
async fn offer(socket: &PacketSocket, transaction: u32) -> std::io::Result<DhcpTerms> {
    loop {
        let mut packet = [0; LARGEST];
        let length = socket.receive(&mut packet).await?;
        let message = dhcp::carried(&packet[..length]).and_then(dhcp::read);
        let ours = message.filter(|message| message.kind == OFFER && message.transaction == transaction);
        if let Some(message) = ours {
            return Ok(message.terms);
        }
    }
}

/// What keeps whole UDP packets to the clients' port, in the language of the kernel's socket filter
/// (Documentation/networking/filter.rst): load from the IPv4 header, compare, jump so many statements ahead.
fn to_dhcp_clients() -> [SockFilter; 9] {
    const LOAD_BYTE: u16 = 0x30;
    const LOAD_HALF: u16 = 0x28;
    const LOAD_HEADER_LENGTH: u16 = 0xb1;
    const LOAD_HALF_BEHIND_HEADER: u16 = 0x48;
    const JUMP_IF_EQUAL: u16 = 0x15;
    const JUMP_IF_ANY_BIT: u16 = 0x45;
    const KEEP: u16 = 0x06;
    [
        SockFilter::new(LOAD_BYTE, 0, 0, 9),
        SockFilter::new(JUMP_IF_EQUAL, 0, 6, 17),
        SockFilter::new(LOAD_HALF, 0, 0, 6),
        SockFilter::new(JUMP_IF_ANY_BIT, 4, 0, 0x3fff),
        SockFilter::new(LOAD_HEADER_LENGTH, 0, 0, 0),
        SockFilter::new(LOAD_HALF_BEHIND_HEADER, 0, 0, 2),
        SockFilter::new(JUMP_IF_EQUAL, 0, 1, CLIENT_PORT as u32),
        SockFilter::new(KEEP, 0, 0, u32::MAX),
        SockFilter::new(KEEP, 0, 0, 0),
    ]
}
