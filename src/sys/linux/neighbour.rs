//! The neighbour table (ARP and NDP), by netlink, and a question to the link itself where rights allow.

use super::netlink::{Netlink, all, hardware_address};
use crate::sys::*;
use rtnetlink::packet_route::neighbour::{NeighbourAddress, NeighbourAttribute, NeighbourMessage};

pub(super) async fn neighbours(netlink: &Netlink) -> Known<Vec<Neighbour>> {
    let names = netlink.names().await?;
    let messages = all("neighbours", netlink.handle().await?.neighbours().get().execute()).await?;
    Ok(messages
        .into_iter()
        .filter_map(|message| {
            let interface = names.get(&message.header.ifindex)?.clone();
            read(message, interface)
        })
        .collect())
}

fn read(message: NeighbourMessage, interface: String) -> Option<Neighbour> {
    let (mut address, mut mac) = (None, None);
    for attribute in message.attributes {
        match attribute {
            NeighbourAttribute::Destination(NeighbourAddress::Inet(v4)) => address = Some(IpAddr::V4(v4)),
            NeighbourAttribute::Destination(NeighbourAddress::Inet6(v6)) => address = Some(IpAddr::V6(v6)),
            NeighbourAttribute::LinkLayerAddress(bytes) => mac = hardware_address(&bytes),
            _ => {}
        }
    }
    let address = address.filter(|address| !address.is_multicast())?;
    Some(Neighbour { address, interface, mac, state: format!("{:?}", message.header.state).to_lowercase() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn neighbours_can_be_listed_without_rights() {
        let neighbours = neighbours(&Netlink::default()).await.expect("netlink answers everybody");
        assert!(neighbours.iter().all(|neighbour| !neighbour.state.is_empty()));
    }
}
