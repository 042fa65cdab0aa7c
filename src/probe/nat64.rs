//! The translation to IPv4 on a network of IPv6 alone (NAT64): whether there is one, and whether it carries anything.

use super::argument::{Addresses, optional};
use super::attempt::{CONFIRMED, SUSPECTED};
use super::dns::message::{self, Answer, Question};
use super::{Burden, Contacts, Cost, Look, Probe, accepts, schema_of};
use crate::layer::Layer;
use crate::observation::{Observation, Via};
use crate::problem::Code;
use crate::world::{Dial, Failure};
use ipnet::Ipv6Net;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// The probe.
pub const PROBE: Probe = Probe {
    name: "nat64",
    layer: Layer::Path,
    cost: Cost::Network,
    summary: "on a network of IPv6 alone: whether IPv4 is translated, and whether the translation answers",
    about: "Where this machine has IPv6 beyond its link and no IPv4, asks the resolvers for the IPv6 address of \
        ipv4only.arpa, a name that has none: one that comes all the same holds the network's prefix. Then asks for the \
        IPv4 address of a control name and connects to it behind that prefix. No prefix: whatever has only IPv4 cannot be \
        reached from here. A prefix, and no answer: the translator is down. A prefix that only router advertisements \
        tell (RFC 8781) is not seen; who uses one has an IPv4 address of its own (RFC 6877). Needs no rights. Sources: \
        RFC 7050, RFC 6052, RFC 6146, RFC 6147.",
    contacts: Contacts::named(&["servers", "control_name"]),
    burden: Burden::of("a few queries to the resolvers and one connection"),
    codes: &[Code::PathNat64None, Code::PathNat64Dead],
    params: schema_of::<Params>,
    facts: schema_of::<Nat64Facts>,
    accepts: accepts::<Params>,
    run: |look| look.with(run),
};

/// The name that has IPv4 addresses alone, and these (RFC 7050 section 8).
const IPV4_ONLY: &str = "ipv4only.arpa";
const WELL_KNOWN: [Ipv4Addr; 2] = [Ipv4Addr::new(192, 0, 0, 170), Ipv4Addr::new(192, 0, 0, 171)];
/// Where an IPv4 address may stand behind a prefix (RFC 6052 section 2.2); the longest first, because it is the usual one.
const PREFIXES: [u8; 6] = [96, 64, 56, 48, 40, 32];
/// Bits 64 to 71 are zero and belong to no address (RFC 6052 section 2.2).
const RESERVED_OCTET: usize = 8;
/// The port of the control page where none is given.
const PORT: u16 = 80;
const DNS_PORT: u16 = 53;

/// Whom to ask, and by whom to try.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct Params {
    /// The resolvers' addresses.
    servers: Addresses,
    /// A name that has an IPv4 address wherever there is internet.
    control_name: String,
    /// The port that answers there; 80 if not given.
    #[serde(deserialize_with = "optional")]
    control_port: Option<u16>,
}

/// What is known of the translation.
#[derive(Debug, Default, Serialize, JsonSchema)]
struct Nat64Facts {
    /// Whether this machine has an IPv6 address beyond its link and no IPv4 address.
    ipv6_only: bool,
    /// The prefix behind which IPv4 addresses are reached, such as `64:ff9b::/96`.
    prefix: Option<String>,
    /// The resolver that told.
    server: Option<IpAddr>,
    /// The control's address behind the prefix.
    control_address: Option<Ipv6Addr>,
    /// How long the connection to it took.
    connect_ms: Option<f64>,
    /// How it failed, in the words of the `tcp` probe.
    error: Option<&'static str>,
}

async fn run(look: &Look<'_>, params: Params) -> Vec<Observation> {
    let addresses = match look.world.machine.addresses().await {
        Ok(addresses) => addresses,
        Err(why) => return vec![look.unknown(None, &why.to_string())],
    };
    let beyond = || addresses.iter().filter(|own| !own.is_link_local() && !own.net.addr().is_loopback());
    let ipv6_only = beyond().any(|own| own.net.addr().is_ipv6()) && beyond().all(|own| own.net.addr().is_ipv6());
    let facts = Nat64Facts { ipv6_only, ..Nat64Facts::default() };
    if !ipv6_only {
        return vec![look.ok(None, "this machine does not depend on a translation to IPv4").facts(&facts)];
    }
    vec![translation(look, &params, facts).await]
}

/// What the network has for those who have IPv6 alone.
async fn translation(look: &Look<'_>, params: &Params, mut facts: Nat64Facts) -> Observation {
    let mut told = None;
    for server in params.servers.each().into_iter().flatten() {
        if let Some(answer) = ask(look, server, IPV4_ONLY, "AAAA").await {
            told = Some((server, answer));
            break;
        }
    }
    let Some((server, answer)) = told else {
        return look.unknown(None, "no resolver answers the question for the prefix").facts(&facts);
    };
    facts.server = Some(server);
    let Some(prefix) = answer.addresses.iter().find_map(|address| prefix_in(*address)) else {
        let summary = format!(
            "this machine has IPv6 alone, and {server} knows no prefix behind which IPv4 addresses would be reached"
        );
        return look.problem(None, Code::PathNat64None, summary).facts(&facts);
    };
    facts.prefix = Some(prefix.to_string());
    let control = ask(look, server, &params.control_name, "A").await;
    let control = control.into_iter().flat_map(|answer| answer.addresses).find_map(|address| match address {
        IpAddr::V4(v4) => Some(behind(prefix, v4)),
        IpAddr::V6(_) => None,
    });
    match control {
        Some(control) => carried(look, prefix, control, params.control_port.unwrap_or(PORT), facts).await,
        None => {
            let summary = format!("IPv4 is translated behind {prefix}; no control has an address to try it by");
            look.ok(None, summary).facts(&facts)
        }
    }
}

/// One question; none where nobody answers it in a way that can be read.
async fn ask(look: &Look<'_>, server: IpAddr, name: &str, kind: &str) -> Option<Answer> {
    let (question, id) = (Question::new(name, kind).ok()?, rand::random());
    let dial = Dial::within(look.within(SUSPECTED));
    let query = question.encode(id, false).ok()?;
    let reply = look.world.network.exchange(SocketAddr::new(server, DNS_PORT), &query, &dial).await.ok()?;
    message::read(&question, id, &reply.bytes).ok()
}

/// Whether a connection comes through the translator.
async fn carried(look: &Look<'_>, prefix: Ipv6Net, control: Ipv6Addr, port: u16, mut facts: Nat64Facts) -> Observation {
    facts.control_address = Some(control);
    let to = SocketAddr::new(control.into(), port);
    let via = Via { peer: Some(to.to_string()), ..look.world.via(control.into()).await };
    let wait = look.within(CONFIRMED);
    let observation = match look.world.network.connect(to, &Dial::within(wait)).await {
        Ok(stands) => {
            facts.connect_ms = Some(super::tcp::round(stands.took.as_secs_f64() * 1000.0));
            look.ok(None, format!("IPv4 is translated behind {prefix}: {to} answers"))
        }
        // The far end said so, and its answer came through the translator.
        Err(failure @ (Failure::Refused | Failure::Reset)) => {
            look.ok(None, format!("IPv4 is translated behind {prefix}: {to} answers ({failure})"))
        }
        Err(failure @ (Failure::LocalDenied | Failure::NoSource | Failure::Other(_))) => {
            look.unknown(None, &format!("the translation behind {prefix} cannot be tried: {failure}"))
        }
        Err(failure) => {
            facts.error = Some(failure.word());
            let summary = format!("{prefix} should lead to IPv4, and {to} behind it: {failure}");
            let dead = look.problem(None, Code::PathNat64Dead, summary);
            if failure == Failure::Timeout && wait < CONFIRMED { dead.suspected() } else { dead }
        }
    };
    observation.facts(&facts).via(via)
}

/// The prefix of a translated well-known address; none where it is another address.
fn prefix_in(address: IpAddr) -> Option<Ipv6Net> {
    let IpAddr::V6(address) = address else { return None };
    PREFIXES.into_iter().find_map(|length| {
        let prefix = Ipv6Net::new(address, length).ok()?.trunc();
        WELL_KNOWN.iter().any(|known| behind(prefix, *known) == address).then_some(prefix)
    })
}

/// The IPv6 address of an IPv4 address behind a prefix (RFC 6052 section 2.2).
fn behind(prefix: Ipv6Net, address: Ipv4Addr) -> Ipv6Addr {
    let mut octets = prefix.trunc().addr().octets();
    let start = usize::from(prefix.prefix_len() / 8);
    let places = (start..).filter(|place| *place != RESERVED_OCTET);
    for (place, octet) in places.zip(address.octets()) {
        octets[place] = octet;
    }
    octets.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn addresses_stand_where_the_standard_puts_them() {
        // The table of RFC 6052 section 2.4.
        let cases = [
            ("2001:db8::/32", "2001:db8:c000:221::"),
            ("2001:db8:100::/40", "2001:db8:1c0:2:21::"),
            ("2001:db8:122::/48", "2001:db8:122:c000:2:2100::"),
            ("2001:db8:122:300::/56", "2001:db8:122:3c0:0:221::"),
            ("2001:db8:122:344::/64", "2001:db8:122:344:c0:2:2100::"),
            ("2001:db8:122:344::/96", "2001:db8:122:344::192.0.2.33"),
        ];
        for (prefix, expected) in cases {
            let address = behind(prefix.parse().unwrap(), Ipv4Addr::new(192, 0, 2, 33));
            assert_eq!(IpAddr::V6(address), ip(expected), "{prefix}");
        }
    }

    #[test]
    fn the_prefix_is_found_in_every_form() {
        for prefix in ["64:ff9b::/96", "2001:db8:122::/48", "2001:db8:122:344::/64", "2001:db8::/32"] {
            let prefix: Ipv6Net = prefix.parse().unwrap();
            for known in WELL_KNOWN {
                assert_eq!(prefix_in(behind(prefix, known).into()), Some(prefix));
            }
        }
        for other in ["2001:db8::1", "192.0.0.170", "64:ff9b::192.0.0.172"] {
            assert_eq!(prefix_in(ip(other)), None, "{other}");
        }
    }
}
