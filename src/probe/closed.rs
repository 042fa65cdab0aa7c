//! Does a connection mean anything? A security agent or a firewall on the way may accept every connection in the
//! target's place, so that a port which nobody serves "works" too (pitfall 28 of `docs/pitfalls.md`).

use super::argument::{self, Addresses};
use super::{Burden, Contacts, Cost, Look, Probe, accepts, schema_of};
use crate::layer::Layer;
use crate::observation::Observation;
use crate::problem::Code;
use crate::world::{Dial, Failure};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// The probe.
pub const PROBE: Probe = Probe {
    name: "closed",
    layer: Layer::Transport,
    cost: Cost::Network,
    summary: "whether a port that must be closed is closed",
    about: "Connects to one address of the target, to a port that nobody serves (1, unless another is given), sends \
        nothing and closes. A refusal or silence is as it should be. A connection that stands, and a second one to be \
        sure, show that something accepts every connection in the target's place: a security agent on this machine, a \
        transparent proxy or a firewall; then an open port says nothing about the service behind it. Made only where \
        a connection stands and nothing sensible is spoken, or where a connection is all that can be tried. Needs no \
        rights. Source: RFC 7805 (port 1, tcpmux, is historic).",
    contacts: Contacts::named(&["addresses", "port"]),
    burden: Burden::of("at most {} connections, without data")
        .counting(&[CONNECTIONS as u64])
        .and_leaves("intrusion detection may report a connection to port 1"),
    codes: &[Code::TcpAcceptsAll],
    params: schema_of::<Params>,
    facts: schema_of::<ClosedFacts>,
    accepts: accepts::<Params>,
    run: |look| look.with(run),
};

/// tcpmux: RFC 7805 made it historic, and no system serves it.
const UNSERVED_PORT: u16 = 1;

/// Whoever accepts everything does so at once, and silence is the expected answer of a firewall: no reason to wait for
/// longer than the first timeout on an unknown path (RFC 6298 section 2.1).
const WAIT: Duration = Duration::from_secs(1);

/// A port is connected to this often before it is called open: once may be a service of its own that starts just now.
const CONNECTIONS: u32 = 2;

/// Arguments of the `closed` probe.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Params {
    /// IP addresses of the target; the first is looked at.
    addresses: Addresses,
    /// A port that must be closed; 1 if not given.
    #[serde(deserialize_with = "argument::optional")]
    port: Option<u16>,
}

/// Facts of the `closed` probe.
#[derive(Debug, Default, Serialize, JsonSchema)]
pub struct ClosedFacts {
    /// IP address.
    address: String,
    /// Port.
    port: u16,
    /// Whether connections to it stand.
    accepted: bool,
    /// Handshake time of the last connection that stood, in milliseconds.
    connect_ms: Option<f64>,
    /// How the connection failed, as it must: `refused`, `timeout`, `reset` ...
    error: Option<&'static str>,
}

async fn run(look: &Look<'_>, params: Params) -> Vec<Observation> {
    match params.addresses.each().into_iter().next() {
        Some(Ok(address)) => vec![one(look, address, params.port.unwrap_or(UNSERVED_PORT)).await],
        Some(Err(text)) => vec![look.unknown(Some(&text), "it is not an IP address")],
        None => vec![look.unknown(None, "there is no address to connect to")],
    }
}

async fn one(look: &Look<'_>, address: IpAddr, port: u16) -> Observation {
    let to = SocketAddr::new(address, port);
    let subject = to.to_string();
    let mut facts = ClosedFacts { address: address.to_string(), port, ..ClosedFacts::default() };
    let mut via = look.world.via(address).await;
    via.peer = Some(subject.clone());
    for _ in 0..CONNECTIONS {
        match look.world.network.connect(to, &Dial::within(look.within(WAIT))).await {
            Ok(connection) => facts.connect_ms = Some(super::tcp::round(connection.took.as_secs_f64() * 1000.0)),
            Err(failure) => return as_it_must(look, &subject, &failure, facts),
        }
    }
    facts.accepted = true;
    let words = format!("{subject} takes connections, though nobody serves that port: something accepts all of them");
    look.problem(Some(&subject), Code::TcpAcceptsAll, words).facts(&facts).via(via)
}

/// The port does not take connections. Nothing is said of the way there: a refusal may be a firewall's.
fn as_it_must(look: &Look<'_>, subject: &str, failure: &Failure, mut facts: ClosedFacts) -> Observation {
    facts.connect_ms = None;
    facts.error = Some(failure.word());
    match failure {
        Failure::LocalDenied | Failure::NoSource | Failure::Other(_) => {
            look.unknown(Some(subject), &format!("a connection cannot be tried: {failure}")).facts(&facts)
        }
        _ => look.ok(Some(subject), format!("{subject} takes no connection, as it must ({failure})")).facts(&facts),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observation::Outcome;
    use crate::probe::testing::stage::{Stage, play};
    use serde_json::json;

    async fn look(connect: fn(u32, SocketAddr) -> Result<(), Failure>) -> Observation {
        let args = json!({ "addresses": ["10.9.0.7", "10.9.0.8"], "port": "" });
        let (mut seen, _) = play(&PROBE, Stage { connect, ..Stage::default() }, args).await;
        assert_eq!(seen.len(), 1);
        seen.remove(0)
    }

    #[tokio::test(start_paused = true)]
    async fn a_port_that_nobody_serves_must_be_closed() {
        let seen = look(|_, to| if to.port() == 1 { Err(Failure::Refused) } else { Ok(()) }).await;
        assert_eq!((seen.outcome, &seen.facts["error"]), (Outcome::Ok, &json!("refused")));
        assert!(seen.via.is_nothing());
        let seen = look(|_, _| Err(Failure::Timeout)).await;
        assert_eq!((seen.outcome, &seen.facts["accepted"]), (Outcome::Ok, &json!(false)));
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_takes_connections_shows_an_acceptor() {
        let seen = look(|_, _| Ok(())).await;
        assert_eq!(seen.code, Some(Code::TcpAcceptsAll));
        assert_eq!(seen.subject.as_deref(), Some("10.9.0.7:1"));
        assert_eq!((&seen.facts["accepted"], &seen.facts["connect_ms"]), (&json!(true), &json!(2.0)));
        let once = look(|call, _| if call == 0 { Ok(()) } else { Err(Failure::Refused) }).await;
        assert_eq!(once.outcome, Outcome::Ok);
    }

    #[tokio::test(start_paused = true)]
    async fn what_cannot_be_tried_is_unknown() {
        assert_eq!(look(|_, _| Err(Failure::LocalDenied)).await.outcome, Outcome::Unknown);
        for args in [json!({}), json!({ "addresses": "bogus" }), json!({ "adress": "10.9.0.7" })] {
            let (seen, _) = play(&PROBE, Stage::default(), args).await;
            assert_eq!(seen[0].outcome, Outcome::Unknown);
        }
    }
}
