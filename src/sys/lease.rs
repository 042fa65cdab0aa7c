//! The shapes of what DHCP gave this machine, or would give it.

use serde::{Deserialize, Serialize};
use std::net::Ipv4Addr;

/// What a DHCP server gives, in an offer or in a lease (RFC 2131 section 3.1; options of RFC 2132).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct DhcpTerms {
    /// The address for this machine.
    pub address: Option<Ipv4Addr>,
    /// Length of its prefix, from the subnet mask (option 1).
    pub prefix_length: Option<u8>,
    /// The server's identifier (option 54), by which a client answers it.
    pub server: Option<Ipv4Addr>,
    /// Gateways (option 3), the preferred one first.
    pub routers: Vec<Ipv4Addr>,
    /// Resolvers (option 6).
    pub resolvers: Vec<Ipv4Addr>,
    /// How long the lease holds (option 51).
    pub seconds: Option<u32>,
}

/// A lease that a DHCP client of this machine wrote down.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Lease {
    /// The interface that it is for.
    pub interface: String,
    /// The client that holds it: `systemd-networkd`, `NetworkManager`, `dhclient`, `dhcpcd`.
    pub source: String,
    pub terms: DhcpTerms,
    /// Seconds until it runs out; negative where it has. None where the client does not say, or where it never does.
    pub ends_in_s: Option<i64>,
}
