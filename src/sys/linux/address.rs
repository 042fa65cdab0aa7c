//! Addresses of the interfaces, by netlink.

use super::netlink::{Netlink, all};
use crate::sys::*;
use ipnet::IpNet;
use rtnetlink::packet_route::address::{AddressAttribute, AddressFlags, AddressMessage};

pub(super) async fn addresses(netlink: &Netlink) -> Known<Vec<Address>> {
    let names = netlink.names().await?;
    let messages = all("addresses", netlink.handle().await?.address().get().execute()).await?;
    Ok(messages
        .into_iter()
        .filter_map(|message| {
            let interface = names.get(&message.header.index)?.clone();
            read(message, interface)
        })
        .collect())
}

fn read(message: AddressMessage, interface: String) -> Option<Address> {
    let mut flags = AddressFlags::from_bits_retain(u32::from(message.header.flags.bits()));
    let (mut own, mut prefix_address) = (None, None);
    for attribute in &message.attributes {
        match attribute {
            AddressAttribute::Local(address) => own = Some(*address),
            AddressAttribute::Address(address) => prefix_address = Some(*address),
            // The header holds only the first eight flags.
            AddressAttribute::Flags(all_flags) => flags = *all_flags,
            _ => {}
        }
    }
    // On point-to-point links `Address` is the peer's and `Local` ours; IPv6 has only `Address`.
    let net = IpNet::new(own.or(prefix_address)?, message.header.prefix_len).ok()?;
    Some(Address {
        interface,
        net,
        // An optimistic address may be used at once (RFC 4429).
        tentative: flags.contains(AddressFlags::Tentative) && !flags.contains(AddressFlags::Optimistic),
        duplicate: flags.contains(AddressFlags::Dadfailed),
        deprecated: flags.contains(AddressFlags::Deprecated),
        permanent: flags.contains(AddressFlags::Permanent),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn addresses_can_be_listed_without_rights() {
        let addresses = addresses(&Netlink::default()).await.expect("netlink answers everybody");
        // A namespace with a loopback that is down has none, so only their shape is certain.
        assert!(addresses.iter().all(|address| !address.interface.is_empty()));
    }
}
