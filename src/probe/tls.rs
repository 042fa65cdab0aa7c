//! TLS with each address of a server: what is shown, who trusts it, and why it fails.

use super::argument::{self, Addresses};
use super::way::dial::{self, dial};
use super::way::handshake::{self, Shaken, TlsFacts, Wish, shake};
use super::way::trust::Trust;
use super::way::{self, Trouble, connect::again, milliseconds, name};
use super::{Burden, Contacts, Cost, Look, Probe, accepts, schema_of};
use crate::layer::Layer;
use crate::observation::{Observation, Skip};
use crate::problem::{Code, count, joined};
use futures_util::stream::{self, StreamExt};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use tokio::time::Instant;

/// Handshakes at the same time: a load balancer's list must not look like an attack.
const CONCURRENT: usize = 8;

/// Addresses that are looked at.
const ADDRESS_LIMIT: usize = 16;

/// What it can report: what each step of the way can end in.
const CODES: &[&[Code]] = &[name::CODES, dial::CODES, handshake::REFUSED, handshake::BROKEN];

/// TLS with each address of a server.
pub const PROBE: Probe = Probe {
    name: "tls",
    layer: Layer::Tls,
    cost: Cost::Network,
    summary: "TLS handshake with each address: certificate chain, trust, name, dates, version",
    about: "Connects to every address, asks for the name (SNI) and shakes hands once, with TLS 1.3 or 1.2. The chain \
is recorded even where it is refused, and judged twice: by this machine's own trust store, which is what programs \
feel, and by the public roots. A certificate for a public name that only this machine trusts is opened on the way by \
somebody whom this machine's administrator allows: the check is ok and names the issuer. A server that refuses is \
looked at once more with an old hello, which tells one that speaks only TLS 1.0 or 1.1 or outdated ciphers. Silence \
is suspected after a second (or ten round trips), and confirmed by a second connection. A missing intermediate is \
told from a private authority by the marks of a public certificate (issuer address, transparency timestamps, policy). \
Revocation is not looked up on Linux. Nothing is sent after the handshake. Needs no rights. \
Sources: RFC 8446, RFC 5246 appendix E, RFC 5280, RFC 6066, RFC 9525.",
    contacts: Contacts::named(&["host", "port", "addresses"]),
    burden: Burden::of(
        "one handshake with each of at most {} addresses, {} at a time, and up to two more where one fails",
    )
    .counting(&[ADDRESS_LIMIT as u64, CONCURRENT as u64])
    .and_leaves("handshakes without a request in the server's log"),
    codes: &joined::<{ count(CODES) }>(CODES),
    params: schema_of::<Params>,
    facts: schema_of::<Facts>,
    accepts: accepts::<Params>,
    run: |look| look.with(|look, params| run(look, params, None)),
};

/// What to shake hands with.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct Params {
    /// The name that is asked for and verified.
    host: String,
    /// The port.
    #[serde(deserialize_with = "argument::number")]
    port: u16,
    /// The addresses; looked up as programs do if not given.
    addresses: Addresses,
    /// Addresses to leave out, because another check looks at them; where none is left, the check is not needed.
    except: Addresses,
    /// Protocols to offer (ALPN); `h2` and `http/1.1` on port 443 if not given, none elsewhere.
    alpn: Option<Vec<String>>,
    /// Milliseconds by which this machine's clock is behind, where it was measured.
    #[serde(deserialize_with = "argument::optional")]
    clock_offset_ms: Option<f64>,
}

impl Default for Params {
    fn default() -> Self {
        Params {
            host: String::new(),
            port: 443,
            addresses: Addresses::default(),
            except: Addresses::default(),
            alpn: None,
            clock_offset_ms: None,
        }
    }
}

/// What was seen.
#[derive(Debug, Clone, Default, Serialize, JsonSchema)]
struct Facts {
    /// The name that was asked for.
    host: String,
    /// The address.
    address: String,
    /// The port.
    port: u16,
    /// How long the TCP connection took, in milliseconds.
    connect_ms: Option<f64>,
    #[serde(flatten)]
    tls: TlsFacts,
}

async fn run(look: &Look<'_>, mut params: Params, trust: Option<Arc<Trust>>) -> Vec<Observation> {
    if params.host.is_empty() {
        return vec![look.unknown(None, "no host was given")];
    }
    if params.addresses.leave_out(&params.except) {
        return vec![look.skipped(Skip::NotNeeded, "there is no other address")];
    }
    let start = Instant::now();
    let given: Vec<IpAddr> = params.addresses.each().into_iter().flatten().collect();
    let addresses = if given.is_empty() {
        match name::addresses(look.world.network.as_ref(), &params.host, look.deadline).await {
            Ok((addresses, _)) => addresses,
            Err(failure) => {
                return vec![way::observe(look, None, &name::trouble(&params.host, &failure, start.elapsed()))];
            }
        }
    } else {
        given
    };
    let trust = match trust {
        Some(trust) => trust,
        None => Trust::of_this_machine().await,
    };
    let port = params.port;
    let mut distinct: Vec<SocketAddr> = Vec::new();
    for address in addresses.into_iter().map(|ip| SocketAddr::new(ip, port)).take(ADDRESS_LIMIT) {
        if !distinct.contains(&address) {
            distinct.push(address);
        }
    }
    let looks = distinct.iter().map(|address| one(look, &params, &trust, *address));
    let mut observations: Vec<Observation> = stream::iter(looks).buffer_unordered(CONCURRENT).collect().await;
    observations.sort_by_key(|observation| {
        distinct.iter().position(|address| observation.subject.as_deref() == Some(&address.to_string()))
    });
    observations
}

async fn one(look: &Look<'_>, params: &Params, trust: &Arc<Trust>, peer: SocketAddr) -> Observation {
    let subject = peer.to_string();
    let network = look.world.network.as_ref();
    let (address, port) = (peer.ip().to_string(), peer.port());
    let mut facts = Facts { host: way::bounded(&params.host), address, port, ..Facts::default() };
    let suspect = |trouble: Trouble| (look.emit)(way::observe(look, Some(&subject), &trouble));
    let slow = |address, took| suspect(dial::suspicion(&params.host, address, took));
    let dialled = match dial(network, &[peer], look.deadline, &slow).await {
        Ok(dialled) => dialled,
        Err(failure) => {
            let here = look.world.via(peer.ip()).await.source.and_then(|source| source.parse().ok());
            let observation = way::observe(look, Some(&subject), &dial::trouble(&params.host, &failure, here));
            return finish(look, observation.facts(&facts), peer, None).await;
        }
    };
    facts.connect_ms = Some(milliseconds(dialled.connection.took));
    let offered: Vec<&str> = match &params.alpn {
        Some(protocols) => protocols.iter().map(String::as_str).collect(),
        None if peer.port() == 443 => vec!["h2", "http/1.1"],
        None => Vec::new(),
    };
    let wish = Wish {
        host: &params.host,
        alpn: &offered,
        trust,
        clock_offset_ms: params.clock_offset_ms.map(|offset| offset.round() as i64),
        round_trip: dialled.connection.took,
        until: look.deadline,
        asks: false,
    };
    let shaken = shake(dialled.connection.stream, &again(network, peer), &wish, &suspect).await;
    let Shaken { facts: tls, chain_text, result } = shaken;
    let observation = match result {
        Ok(_) => look.ok(Some(&subject), works(&params.host, peer, &tls)),
        Err(trouble) => way::observe(look, Some(&subject), &trouble),
    };
    facts.tls = tls;
    finish(look, observation.facts(&facts), peer, chain_text).await
}

async fn finish(look: &Look<'_>, observation: Observation, peer: SocketAddr, chain: Option<String>) -> Observation {
    let mut via = way::via(look, peer).await;
    if chain.is_some() {
        via.trust = Some("system".to_owned());
    }
    let observation = match chain {
        Some(text) => {
            let name = way::evidence_name("tls", look.check, observation.subject.as_deref());
            observation.attach(name, text)
        }
        None => observation,
    };
    let observation = observation.via(via);
    (look.emit)(observation.clone());
    observation
}

fn works(host: &str, peer: SocketAddr, tls: &TlsFacts) -> String {
    let version = tls.version.as_deref().unwrap_or("TLS");
    let days = tls.days_left.map(|days| format!(", certificate good for {days} days")).unwrap_or_default();
    let opened = match &tls.interception {
        Some(issuer) => format!(", issued by {issuer}, which only this machine's own store trusts"),
        None => String::new(),
    };
    format!("{host} ({peer}) speaks {version}{days}{opened}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observation::{Certainty, Outcome};
    use crate::probe::testing;
    use crate::probe::testing::loopback::{Loopback, Served, certificates, serve, tls_server, world};
    use crate::sys::ProxySettings;
    use certificates::{Authority, Leaf};
    use serde_json::json;
    use std::time::Duration;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    async fn look_with(
        address: SocketAddr,
        trust: &Arc<Trust>,
        extra: serde_json::Value,
    ) -> (Observation, Vec<Observation>) {
        let world = world(Loopback::default(), ProxySettings::default());
        let mut args = json!({"host": "crm.test", "port": address.port(), "addresses": [address.ip().to_string()]});
        for (key, value) in extra.as_object().unwrap() {
            args[key] = value.clone();
        }
        let trust = Some(Arc::clone(trust));
        let seen = testing::look_by(&PROBE, &world, args, testing::LONG, async |look| {
            look.with(|look, params| run(look, params, trust)).await
        })
        .await;
        let (mut observations, emitted) = seen.both();
        assert_eq!(observations.len(), 1);
        (observations.remove(0), emitted)
    }

    fn trusting(root: &Authority) -> Arc<Trust> {
        Trust::in_roots(&[root.der()], &[])
    }

    fn trusting_both(root: &Authority) -> Arc<Trust> {
        Trust::in_roots(&[root.der()], &[root.der()])
    }

    #[tokio::test]
    async fn a_sound_server_is_ok_and_its_chain_is_recorded() {
        let root = Authority::root("Example Root");
        let between = root.authority("Example CA");
        let leaf = between.leaf(&Leaf::for_name("crm.test").days(-10, 80));
        let server = tls_server(leaf, vec![between.der()]).await;
        let (seen, _) = look_with(server.address, &trusting_both(&root), json!({})).await;
        assert_eq!(seen.outcome, Outcome::Ok, "{}", seen.summary);
        assert_eq!(seen.facts["version"], "TLS 1.3");
        assert_eq!(seen.facts["trusted_public"], true);
        assert_eq!(seen.facts["chain"].as_array().unwrap().len(), 2);
        assert!((79..=80).contains(&seen.facts["days_left"].as_i64().unwrap()));
        assert!(seen.facts.get("interception").is_none());
        assert_eq!(seen.attached.len(), 1);
        assert_eq!(seen.via.trust.as_deref(), Some("system"));

        let (seen, _) = look_with(server.address, &trusting(&root), json!({})).await;
        assert_eq!(seen.outcome, Outcome::Ok);
        assert!(seen.facts["interception"].as_str().unwrap().contains("Example CA"));
    }

    #[tokio::test]
    async fn what_is_wrong_with_a_certificate_is_named() {
        let root = Authority::root("Example Root");
        let between = root.authority("Example CA");
        let other = Authority::root("Other Root");
        let fortinet = Authority::root("FortiGate CA");
        let expired = between.leaf(&Leaf::for_name("crm.test").days(-100, -10));
        let future = between.leaf(&Leaf::for_name("crm.test").days(3, 90));
        let wrong = between.leaf(&Leaf::for_name("mail.test"));
        let public = between.leaf(&Leaf::for_name("crm.test").marked());
        let unknown = other.leaf(&Leaf::for_name("crm.test"));
        let inspected = fortinet.leaf(&Leaf::for_name("crm.test"));
        let own = Authority::self_signed("crm.test");
        let stale = root.authority_valid("Stale CA", -100, -1);
        let under_stale = stale.leaf(&Leaf::for_name("crm.test"));
        let table = [
            (expired, vec![between.der()], Code::TlsExpired, Some("leaf")),
            (under_stale, vec![stale.der()], Code::TlsExpired, Some("intermediate")),
            (future, vec![between.der()], Code::TlsNotYetValid, Some("leaf")),
            (wrong, vec![between.der()], Code::TlsName, Some("leaf")),
            (public, vec![], Code::TlsMissingIntermediate, Some("intermediate")),
            (unknown, vec![other.der()], Code::TlsUnknownIssuer, None),
            (inspected, vec![], Code::TlsIntercepted, None),
            (own, vec![], Code::TlsSelfSigned, Some("leaf")),
        ];
        for (leaf, rest, code, link) in table {
            let server = tls_server(leaf, rest).await;
            let (seen, _) = look_with(server.address, &trusting_both(&root), json!({})).await;
            assert_eq!(seen.code, Some(code), "{}", seen.summary);
            assert_eq!(seen.facts.get("failing_link").and_then(|link| link.as_str()), link, "{}", seen.summary);
            assert_eq!(seen.facts["trusted_system"], false);
            assert!(!seen.facts["chain"].as_array().unwrap().is_empty());
        }
    }

    #[tokio::test]
    async fn a_wrong_clock_is_considered() {
        let root = Authority::root("Example Root");
        let server = tls_server(root.leaf(&Leaf::for_name("crm.test").days(3, 90)), vec![]).await;
        let days = |days: i64| json!({"clock_offset_ms": days * 86_400_000});
        for (offset, valid) in [(10, true), (1, false)] {
            let (seen, _) = look_with(server.address, &trusting(&root), days(offset)).await;
            assert_eq!(seen.facts["would_be_valid_with_correct_clock"], valid);
        }
    }

    /// Sends these bytes to everybody who said something.
    async fn replies(bytes: &'static [u8]) -> Served {
        serve(move |mut stream| async move {
            let mut buffer = [0; 2048];
            let _ = stream.read(&mut buffer).await;
            let _ = stream.write_all(bytes).await;
            let _ = stream.shutdown().await;
            let _ = stream.read(&mut buffer).await;
        })
        .await
    }

    #[tokio::test]
    async fn what_is_no_tls_too_old_or_an_alert_is_told_apart() {
        let trust = trusting(&Authority::root("Example Root"));
        let hello = b"\x16\x03\x01\x00\x31\x02\x00\x00\x2d\x03\x01\
            0123456789abcdef0123456789abcdef\x00\x00\x2f\x00\x00\x05\xff\x01\x00\x01\x00";
        let table: [(&'static [u8], Code, &str, &str); 5] = [
            (b"SSH-2.0-OpenSSH_9.9\r\n", Code::TlsNotTls, "first_bytes", "SSH-2.0-OpenSSH_9.9"),
            (b"HTTP/1.1 400 Bad Request\r\n\r\n", Code::TlsNotTls, "first_bytes", "HTTP/1.1 400 Bad Request"),
            (hello, Code::TlsOldProtocol, "version", "TLS 1.0"),
            (b"\x15\x03\x03\x00\x02\x02\x28", Code::TlsAlert, "alert", "handshake_failure"),
            (b"\x15\x03\x03\x00\x02\x02\x70", Code::TlsAlert, "alert", "unrecognised_name"),
        ];
        for (bytes, code, fact, value) in table {
            let server = replies(bytes).await;
            let (seen, _) = look_with(server.address, &trust, json!({})).await;
            assert_eq!(seen.code, Some(code), "{}", seen.summary);
            assert_eq!(seen.facts[fact], value);
        }
    }

    #[tokio::test]
    async fn an_old_server_that_refuses_the_new_hello_is_still_old() {
        let trust = trusting(&Authority::root("Example Root"));
        let server = serve(|mut stream| async move {
            let mut buffer = [0; 2048];
            let count = stream.read(&mut buffer).await.unwrap_or(0);
            // The modern hello carries supported_versions (43); the old one does not.
            let modern = buffer[..count].windows(4).any(|window| window == [0, 43, 0, 5]);
            let answer: &[u8] = if modern {
                b"\x15\x03\x01\x00\x02\x02\x46"
            } else {
                b"\x16\x03\x02\x00\x31\x02\x00\x00\x2d\x03\x020123456789abcdef0123456789abcdef\x00\x00\x2f\x00"
            };
            let _ = stream.write_all(answer).await;
            let _ = stream.read(&mut buffer).await;
        })
        .await;
        let (seen, _) = look_with(server.address, &trust, json!({})).await;
        assert_eq!(seen.code, Some(Code::TlsOldProtocol), "{}", seen.summary);
        assert_eq!(seen.facts["version"], "TLS 1.1");
    }

    #[tokio::test]
    async fn a_cut_is_looked_at_twice() {
        let trust = trusting(&Authority::root("Example Root"));
        let server = replies(b"").await;
        let (seen, _) = look_with(server.address, &trust, json!({})).await;
        assert_eq!((seen.code, seen.certainty), (Some(Code::TlsReset), Some(Certainty::Confirmed)));
    }

    #[tokio::test]
    async fn silence_is_suspected_and_then_confirmed_in_time() {
        let trust = trusting(&Authority::root("Example Root"));
        let server = serve(|stream| async move {
            tokio::time::sleep(Duration::from_secs(60)).await;
            drop(stream);
        })
        .await;
        let start = Instant::now();
        let (seen, emitted) = look_with(server.address, &trust, json!({})).await;
        assert_eq!((seen.code, seen.certainty), (Some(Code::TlsTimeout), Some(Certainty::Confirmed)));
        assert!(start.elapsed() < Duration::from_millis(3500), "{:?}", start.elapsed());
        assert_eq!(emitted[0].certainty, Some(Certainty::Suspected));
        assert_eq!(emitted[0].id, seen.id);
    }

    #[tokio::test]
    async fn a_closed_port_is_no_fault_of_tls() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        drop(listener);
        let (seen, _) = look_with(address, &trusting(&Authority::root("x")), json!({})).await;
        assert_eq!((seen.code, seen.layer), (Some(Code::TcpRefused), Layer::Transport));
    }

    #[tokio::test]
    async fn a_certificate_with_thousands_of_names_is_cut_to_size() {
        let root = Authority::root("Example Root");
        let names: Vec<String> = (0..2000).map(|number| format!("n{number}.example.test")).collect();
        let server = tls_server(root.leaf(&Leaf::for_names(names)), vec![]).await;
        let (seen, _) = look_with(server.address, &trusting(&root), json!({})).await;
        assert_eq!(seen.code, Some(Code::TlsName), "{}", seen.summary);
        assert_eq!(seen.facts["names"].as_array().unwrap().len(), 20);
        assert_eq!(seen.facts["names_count"], 2000);
        assert!(seen.summary.len() < 400);
    }

    #[test]
    fn any_bytes_from_a_server_end_in_an_observation() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let trust = trusting(&Authority::root("Example Root"));
        proptest::proptest!(proptest::test_runner::Config::with_cases(40), |(bytes: Vec<u8>, tls: bool)| {
            let bytes: &'static [u8] = if tls { [b"\x16\x03\x03".as_slice(), &bytes].concat() } else { bytes }.leak();
            runtime.block_on(async {
                let server = replies(bytes).await;
                let (seen, _) = look_with(server.address, &trust, json!({})).await;
                assert_ne!(seen.outcome, Outcome::Ok);
            });
        });
    }
}
