//! What the DHCP client of this machine has: its lease, when it ends, who gave it, and whether a client runs at all.

use super::argument::Interfaces;
use super::link::{carries_traffic, is_running};
use super::{Burden, Contacts, Cost, Look, Probe, accepts, schema_of};
use crate::layer::Layer;
use crate::observation::{Observation, Via};
use crate::problem::Code;
use crate::sys::{Address, Lease, Link};
use schemars::JsonSchema;
use serde::Serialize;
use std::net::IpAddr;

/// The probe.
pub const PROBE: Probe = Probe {
    name: "lease",
    layer: Layer::Ip,
    cost: Cost::Local,
    summary: "the DHCP lease of each interface: from whom, until when, and whether a client renews it",
    about: "Reads what DHCP clients wrote down: systemd-networkd, NetworkManager (its files, or D-Bus for ordinary \
            accounts), ISC dhclient and dhcpcd; and whether a client runs. Judged are interfaces that are up with carrier \
            and made to carry the user's traffic. A lease that has run out counts where its address is still in use, or \
            where there is no other. An address that was set by hand needs no lease. Sends nothing. Sources: RFC 2131 \
            sections 4.4.5 and 3.3.",
    contacts: Contacts::NONE,
    burden: Burden::READS,
    codes: &[Code::DhcpLeaseOver, Code::DhcpNoClient],
    params: schema_of::<Interfaces>,
    facts: schema_of::<LeaseFacts>,
    accepts: accepts::<Interfaces>,
    run: |look| look.with(run),
};

/// Programs that ask for addresses, by the kernel's short name of at most 15 letters.
const CLIENTS: [&str; 9] =
    ["systemd-network", "NetworkManager", "dhclient", "dhcpcd", "udhcpc", "connmand", "iwd", "wickedd-dhcp4", "netifd"];

/// What is known about the lease of one interface.
#[derive(Debug, Default, Serialize, JsonSchema)]
pub struct LeaseFacts {
    /// Interface name.
    pub interface: String,
    /// Whether a client wrote down a lease for it.
    pub leased: bool,
    /// The client that did: `systemd-networkd`, `NetworkManager`, `dhclient` or `dhcpcd`.
    pub source: Option<String>,
    /// The leased address.
    pub address: Option<String>,
    /// Whether the interface has that address now.
    pub held: Option<bool>,
    /// The server that gave it.
    pub server: Option<String>,
    /// Gateways that the lease names.
    pub routers: Vec<String>,
    /// Resolvers that the lease names.
    pub resolvers: Vec<String>,
    /// How long the lease holds from its start.
    pub lifetime_s: Option<u32>,
    /// Until it runs out; negative where it has.
    pub ends_in_s: Option<i64>,
    /// Whether it has a usable IPv4 address that nobody leased: set by hand or by a program.
    pub by_hand: bool,
    /// A program that asks for addresses and runs; absent where none was seen.
    pub client: Option<String>,
}

async fn run(look: &Look<'_>, interfaces: Interfaces) -> Vec<Observation> {
    let machine = &look.world.machine;
    let (links, addresses) = match (machine.links().await, machine.addresses().await) {
        (Ok(links), Ok(addresses)) => (links, addresses),
        (Err(why), _) | (_, Err(why)) => return vec![look.unknown(None, &why.to_string())],
    };
    let leases = match machine.leases().await {
        Ok(leases) => leases,
        Err(why) => return vec![look.unknown(None, &why.to_string())],
    };
    let client = client(look).await;
    let looked = judged(&links, &interfaces);
    if looked.is_empty() {
        return vec![look.unknown(None, "no interface is up with carrier")];
    }
    looked.into_iter().map(|link| judge(look, link, &addresses, &leases, &client)).collect()
}

/// The interfaces that an address could be leased for.
pub(super) fn judged<'a>(links: &'a [Link], interfaces: &Interfaces) -> Vec<&'a Link> {
    let judged = |link: &&Link| carries_traffic(link, links) && is_running(link) && interfaces.include(link);
    links.iter().filter(judged).collect()
}

/// The usable IPv4 addresses of an interface.
pub(super) fn own_addresses<'a>(link: &'a Link, addresses: &'a [Address]) -> impl Iterator<Item = &'a Address> {
    let usable = |address: &&Address| address.net.addr().is_ipv4() && !address.is_link_local() && !address.duplicate;
    addresses.iter().filter(|address| address.interface == link.name).filter(usable)
}

/// The lease that counts where several clients wrote one: that of an address in use, else the one that ends last.
pub(super) fn current<'a>(link: &Link, addresses: &[Address], leases: &'a [Lease]) -> Option<&'a Lease> {
    let rank = |lease: &&Lease| (is_held(lease, link, addresses), lease.ends_in_s.unwrap_or(i64::MAX));
    leases.iter().filter(|lease| lease.interface == link.name).max_by_key(rank)
}

fn is_held(lease: &Lease, link: &Link, addresses: &[Address]) -> bool {
    let leased = lease.terms.address.map(IpAddr::V4);
    leased.is_some_and(|leased| own_addresses(link, addresses).any(|own| own.net.addr() == leased))
}

/// The client that runs: `Some(None)` where none does, none where that cannot be seen.
async fn client(look: &Look<'_>) -> Option<Option<String>> {
    let processes = look.world.machine.processes().await.ok()?;
    // Where accounts may not see others' programs (`hidepid`), the first process is hidden as well.
    processes.iter().find(|process| process.pid == 1)?;
    let runs = processes.into_iter().find(|process| CLIENTS.contains(&process.name.as_str()));
    Some(runs.map(|process| process.name))
}

fn judge(
    look: &Look<'_>,
    link: &Link,
    addresses: &[Address],
    leases: &[Lease],
    client: &Option<Option<String>>,
) -> Observation {
    let name = link.name.as_str();
    let lease = current(link, addresses, leases);
    let held = lease.map(|lease| is_held(lease, link, addresses));
    let has_address = own_addresses(link, addresses).next().is_some();
    let terms = lease.map(|lease| lease.terms.clone()).unwrap_or_default();
    let facts = LeaseFacts {
        interface: name.to_owned(),
        leased: lease.is_some(),
        source: lease.map(|lease| lease.source.clone()),
        address: terms.address.map(|address| address.to_string()),
        held,
        server: terms.server.map(|server| server.to_string()),
        routers: terms.routers.iter().map(ToString::to_string).collect(),
        resolvers: terms.resolvers.iter().map(ToString::to_string).collect(),
        lifetime_s: terms.seconds,
        ends_in_s: lease.and_then(|lease| lease.ends_in_s),
        by_hand: has_address && held != Some(true),
        client: client.clone().flatten(),
    };
    let without_address = addresses.iter().all(|address| address.interface != name || address.is_link_local());
    let over = facts.ends_in_s.filter(|left| *left < 0 && (held == Some(true) || !has_address));
    let observation = if let Some(left) = over {
        let from = facts.server.as_ref().map(|server| format!(" from {server}")).unwrap_or_default();
        let address = facts.address.as_deref().unwrap_or_default();
        let ago = duration(left.unsigned_abs());
        look.problem(
            Some(name),
            Code::DhcpLeaseOver,
            format!("the lease of {address} on {name}{from} ran out {ago} ago"),
        )
    } else if *client == Some(None) && without_address {
        look.problem(
            Some(name),
            Code::DhcpNoClient,
            format!("{name} has no address, and no DHCP client runs that would ask for one"),
        )
    } else {
        look.ok(Some(name), fine(&facts))
    };
    observation.facts(&facts).via(Via { interface: Some(name.to_owned()), ..Via::default() })
}

fn fine(facts: &LeaseFacts) -> String {
    let name = &facts.interface;
    match (&facts.address, &facts.source) {
        (Some(address), Some(source)) => {
            let from = facts.server.as_ref().map(|server| format!(" from {server}")).unwrap_or_default();
            let left = facts.ends_in_s.map_or_else(
                || "without an end".to_owned(),
                |left| format!("for another {}", duration(left.unsigned_abs())),
            );
            let held = if facts.held == Some(true) { "holds" } else { "does not use" };
            format!("{name} {held} {address}, leased{from} {left} ({source})")
        }
        _ if facts.by_hand => format!("{name} has an address that no DHCP client leased"),
        _ => format!("no DHCP client has a lease for {name}"),
    }
}

/// Seconds in words, in the largest unit that is not zero.
fn duration(seconds: u64) -> String {
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7200 => format!("{} min", seconds / 60),
        7200..172_800 => format!("{} h", seconds / 3600),
        _ => format!("{} days", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observation::Outcome;
    use crate::probe::testing::told::{Told, address, cable, look};
    use crate::sys::{DhcpTerms, Process};
    use serde_json::json;

    fn lease(address: &str, ends_in_s: Option<i64>) -> Lease {
        Lease {
            interface: "eth0".into(),
            source: "dhclient".into(),
            terms: DhcpTerms {
                address: address.parse().ok(),
                server: "192.0.2.1".parse().ok(),
                ..DhcpTerms::default()
            },
            ends_in_s,
        }
    }

    fn programs(names: &[&str]) -> Vec<Process> {
        let all = ["init"].iter().chain(names).zip(1..);
        all.map(|(name, pid)| Process { pid, name: (*name).to_owned(), ..Process::default() }).collect()
    }

    async fn seen(addresses: &[&str], leases: Vec<Lease>, processes: Vec<Process>) -> Observation {
        let addresses = addresses.iter().map(|net| address("eth0", net)).collect();
        let told = Told { links: vec![cable("eth0")], addresses, leases, processes, ..Told::default() };
        look(&PROBE, told, json!({})).await.1.remove(0)
    }

    #[tokio::test]
    async fn leases_addresses_and_clients_are_put_together() {
        let own = ["192.0.2.50/24"];
        for (addresses, leases, processes, code, words) in [
            (&own[..], vec![lease("192.0.2.50", Some(7300))], programs(&["dhclient"]), None, "for another 2 h"),
            (
                &own,
                vec![lease("192.0.2.50", Some(-90))],
                programs(&["dhclient"]),
                Some(Code::DhcpLeaseOver),
                "90 s ago",
            ),
            (&[], vec![lease("192.0.2.50", Some(-90))], programs(&[]), Some(Code::DhcpLeaseOver), "90 s ago"),
            (&own, vec![lease("192.0.2.77", Some(-90))], programs(&[]), None, "does not use"),
            (&own, vec![], programs(&[]), None, "no DHCP client leased"),
            (&["169.254.3.4/16"], vec![], programs(&["sshd"]), Some(Code::DhcpNoClient), "no DHCP client runs"),
            (&[], vec![], programs(&["NetworkManager"]), None, "no DHCP client has a lease"),
            (&[], vec![], vec![], None, "no DHCP client has a lease"),
            (&["2001:db8::7/64"], vec![], programs(&[]), None, "no DHCP client has a lease"),
        ] {
            let what = format!("{addresses:?} {leases:?}");
            let seen = seen(addresses, leases, processes).await;
            assert_eq!(seen.code, code, "{what}");
            assert!(seen.summary.contains(words), "{what}: {}", seen.summary);
        }
    }

    #[tokio::test]
    async fn the_lease_of_the_address_in_use_counts() {
        let leases = vec![lease("192.0.2.40", Some(9000)), lease("192.0.2.50", Some(100))];
        let seen = seen(&["192.0.2.50/24"], leases, programs(&[])).await;
        assert_eq!(
            (seen.facts["address"].as_str(), seen.facts["by_hand"].as_bool()),
            (Some("192.0.2.50"), Some(false))
        );
        assert_eq!(seen.facts["held"], true);
    }

    #[tokio::test]
    async fn without_a_carrier_there_is_nothing_to_say() {
        let cable = Link { carrier: Some(false), ..cable("eth0") };
        let told = Told { links: vec![cable], ..Told::default() };
        assert_eq!(look(&PROBE, told, json!({})).await.1[0].outcome, Outcome::Unknown);
    }
}
