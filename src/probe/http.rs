//! A page, as a program gets it: lookup, connection, proxy, encryption, request, answer, redirects, each on its own
//! clock, so that the phase that fails or drags is named.

use self::walk::Walk;
use super::argument::{self, Addresses};
use super::way::cookie::Jar;
use super::way::trust::Trust;
use super::way::{self, bounded, milliseconds, shown};
use super::{Cost, Look, Probe, accepts, schema_of};
use crate::layer::Layer;
use crate::observation::{Observation, Via};
use crate::problem::Code;
use hyper::Method;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use url::Url;

mod answer;
mod walk;

/// Bytes of a body that are read where nobody says otherwise.
const BODY_LIMIT_BYTES: u64 = 1 << 20;

/// The waits inside end this much before the deadline, so that what is known is handed over in time.
const MARGIN: Duration = Duration::from_millis(20);

/// A page, as a program gets it.
pub const PROBE: Probe = Probe {
    name: "http",
    layer: Layer::Http,
    cost: Cost::Network,
    summary: "a page as a program gets it: lookup, connect, proxy, TLS, first byte, body, redirects",
    about: "Looks the name up as programs do, connects to its addresses with happy eyeballs (remembering those that \
failed), goes through the proxy that programs use here, shakes hands, asks with HTTP/1.1 and reads the answer up to a \
limit, walking at most ten redirects with their cookies. Each phase has its own clock and bound; the observation has \
the code, and so the layer, of the phase that failed. A server error is asked for twice. A first byte after two \
seconds and a body that stalls are problems; other slowness is only measured. Sends GET (or HEAD) and no credentials; \
query strings and credentials are never kept. Needs no rights. Sources: RFC 9110, RFC 9112, RFC 8305, RFC 9111.",
    codes: &[
        Code::HttpAuthRequired,
        Code::HttpForbidden,
        Code::HttpNotFound,
        Code::HttpTooManyRequests,
        Code::HttpClientError,
        Code::HttpServerError,
        Code::HttpRedirectLoop,
        Code::HttpUnexpectedContent,
        Code::HttpNoAnswer,
        Code::HttpSlowFirstByte,
        Code::HttpSlow,
        Code::HttpBodyStalled,
        Code::HttpCut,
        Code::HttpNotHttp,
        Code::DnsLookupFailed,
        Code::DnsLookupTimeout,
        Code::TcpRefused,
        Code::TcpTimeout,
        Code::TcpReset,
        Code::TcpHostUnreachable,
        Code::TcpNetUnreachable,
        Code::TcpProhibited,
        Code::PathUnreachable,
        Code::PathProhibited,
        Code::PathLoop,
        Code::TcpLocalDenied,
        Code::TcpNoAddress,
        Code::ProxyBadSetting,
        Code::ProxyNameUnresolved,
        Code::ProxyTimeout,
        Code::ProxyRefused,
        Code::ProxyReset,
        Code::ProxyUnreachable,
        Code::ProxyNoAnswer,
        Code::ProxyAuthRequired,
        Code::ProxyDenied,
        Code::ProxyUpstream,
        Code::ProxyNotAProxy,
        Code::ProxyPacUnreachable,
        Code::ProxyPacInvalid,
        Code::TlsExpired,
        Code::TlsNotYetValid,
        Code::TlsName,
        Code::TlsUnknownIssuer,
        Code::TlsSelfSigned,
        Code::TlsMissingIntermediate,
        Code::TlsIntercepted,
        Code::TlsRevoked,
        Code::TlsInvalid,
        Code::TlsOldProtocol,
        Code::TlsNotTls,
        Code::TlsAlert,
        Code::TlsTimeout,
        Code::TlsReset,
    ],
    params: schema_of::<Params>,
    facts: schema_of::<Facts>,
    accepts: accepts::<Params>,
    run: |look| Box::pin(run(look, None)),
};

/// Which family to use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Family {
    Ipv4,
    Ipv6,
}

/// What to ask for, and how.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct Params {
    /// The address of the page; `https://` is assumed where it has no scheme.
    url: String,
    /// `auto` for what programs use here, `none` for a direct connection, or the URL of a proxy.
    proxy: String,
    /// Addresses to use instead of looking the name up.
    addresses: Addresses,
    /// Addresses to go on with where the lookup gets no answer.
    fallback_addresses: Addresses,
    /// A `dns` check whose addresses are used likewise, as far as it has any by then.
    fallback_from: String,
    /// Only addresses of this family.
    family: Option<Family>,
    /// `GET` or `HEAD`.
    method: String,
    /// Whether redirects are walked.
    follow: bool,
    /// What the body must begin with.
    expect_body: String,
    /// The status that the answer must have.
    #[serde(deserialize_with = "argument::optional")]
    expect_status: Option<f64>,
    /// Bytes of the body that are read at most.
    #[serde(deserialize_with = "argument::number")]
    body_limit_bytes: u64,
    /// Milliseconds by which this machine's clock is behind, where it was measured.
    #[serde(deserialize_with = "argument::optional")]
    clock_offset_ms: Option<f64>,
    /// What this page stands for, such as `control`.
    label: Option<String>,
}

impl Default for Params {
    fn default() -> Self {
        Params {
            url: String::new(),
            proxy: "auto".to_owned(),
            addresses: Addresses::default(),
            fallback_addresses: Addresses::default(),
            fallback_from: String::new(),
            family: None,
            method: "GET".to_owned(),
            follow: true,
            expect_body: String::new(),
            expect_status: None,
            body_limit_bytes: BODY_LIMIT_BYTES,
            clock_offset_ms: None,
            label: None,
        }
    }
}

/// One redirect that was walked.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, JsonSchema)]
struct Redirect {
    /// Its status.
    status: u16,
    /// Where it points, without query.
    location: String,
    /// The host of that.
    host: String,
}

/// What was seen. Times of phases are those of the last request.
#[derive(Debug, Clone, Default, Serialize, JsonSchema)]
struct Facts {
    /// The address that was asked for, without query and credentials.
    url: String,
    /// Where the redirects ended.
    final_url: Option<String>,
    /// The redirects ended on another host than the one that was asked.
    left_host: Option<bool>,
    /// What this page stands for.
    label: Option<String>,
    /// Status of the last answer.
    status: Option<u16>,
    /// How long programs wait for the name, in milliseconds.
    lookup_ms: Option<f64>,
    /// From the first connection attempt until one stood, in milliseconds.
    connect_ms: Option<f64>,
    /// From the request to the proxy until it had connected, in milliseconds.
    proxy_ms: Option<f64>,
    /// The TLS handshake, in milliseconds.
    tls_ms: Option<f64>,
    /// From the request until the first byte of the answer, in milliseconds.
    first_byte_ms: Option<f64>,
    /// Everything, redirects included, in milliseconds.
    total_ms: Option<f64>,
    /// Bytes of the body that were read.
    bytes: Option<u64>,
    /// Whether the body was read to its end.
    body_complete: Option<bool>,
    /// Rate of the body, where it was large enough to tell.
    bytes_per_second: Option<u64>,
    /// The address that answered.
    address: Option<String>,
    /// `ipv4` or `ipv6`.
    family: Option<String>,
    /// The addresses of the name, in the order that programs try.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    addresses: Vec<String>,
    /// An address that programs try first failed, and another one answered.
    fallback: Option<bool>,
    /// The addresses that failed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    failed_addresses: Vec<String>,
    /// The router that said that the address cannot be reached.
    from: Option<String>,
    /// Where redirects led to another host: that host and its port.
    culprit: Option<String>,
    /// The lookup got no answer, and the addresses given beforehand were used.
    lookup_failed: Option<bool>,
    /// The lookup took over a second.
    slow_lookup: Option<bool>,
    /// `direct`, or the proxy's URL without credentials.
    proxy_used: String,
    /// The setting that the proxy comes from.
    proxy_source: Option<String>,
    /// Authentication schemes that the proxy offers.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    proxy_schemes: Vec<String>,
    /// By how much this machine's clock is behind the server's `Date` (whole seconds), in milliseconds.
    date_offset_ms: Option<i64>,
    /// The `Server` header.
    server: Option<String>,
    /// The `Content-Type` header.
    content_type: Option<String>,
    /// How the body begins, where it is text.
    body_start: Option<String>,
    /// The `Retry-After` header.
    retry_after: Option<String>,
    /// The page looks like one of a bot wall, filter or sign-in and not like the one that was asked for.
    block_page: Option<bool>,
    /// The redirects that were walked.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    redirects: Vec<Redirect>,
    /// Who signed the certificate.
    tls_issuer: Option<String>,
    /// TLS version.
    tls_version: Option<String>,
    /// Why the certificate is not accepted.
    tls_reason: Option<String>,
    /// Whole days until the certificate expires.
    days_left: Option<i64>,
    /// Issuer of a certificate for a public name that only this machine trusts.
    interception: Option<String>,
    /// With the clock set right, the validity of the chain would hold.
    would_be_valid_with_correct_clock: Option<bool>,
    /// How often the last page was asked for, and how often the server failed.
    server_errors: Option<u32>,
}

async fn run(look: &Look<'_>, trust: Option<Arc<Trust>>) -> Vec<Observation> {
    let params: Params = match look.params() {
        Ok(params) => params,
        Err(observations) => return observations,
    };
    let url = match target(&params.url) {
        Ok(url) => url,
        Err(why) => return vec![look.unknown(None, &why)],
    };
    let method = match params.method.to_ascii_uppercase().as_str() {
        "GET" => Method::GET,
        "HEAD" => Method::HEAD,
        _ => return vec![look.unknown(None, "only GET and HEAD are sent, because they change nothing")],
    };
    let settings =
        if params.proxy.eq_ignore_ascii_case("auto") { look.world.machine.proxies().await.ok() } else { None };
    let facts = Facts {
        url: shown(&url),
        label: params.label.as_deref().map(bounded),
        proxy_used: "direct".to_owned(),
        ..Facts::default()
    };
    let until = look.deadline.checked_sub(MARGIN).unwrap_or(look.deadline);
    let (asked, via, cookies) = (shown(&url), Via::default(), Jar::default());
    let chain_text = None;
    let mut walk = Walk { look, params, method, settings, trust, until, facts, via, chain_text, cookies, asked };
    let start = Instant::now();
    let mut observation = match tokio::time::timeout_at(look.deadline, walk.walk(url)).await {
        Ok(observation) => observation,
        Err(_) => look.unknown(None, "the time was over"),
    };
    walk.facts.total_ms = Some(milliseconds(start.elapsed()));
    observation = observation.facts(&walk.facts).via(walk.via);
    if let Some(text) = walk.chain_text.filter(|_| observation.layer == Layer::Tls) {
        observation = observation.attach(way::evidence_name("tls", look.check, None), text);
    }
    vec![observation]
}

/// The page's address; a bare host is a page in a browser too.
fn target(text: &str) -> Result<Url, String> {
    let text = text.trim();
    let full = if text.contains("://") { text.to_owned() } else { format!("https://{text}") };
    let url = Url::parse(&full).map_err(|error| format!("the address is no URL: {error}"))?;
    match url.scheme() {
        "http" | "https" if url.has_host() => Ok(url),
        "ws" | "wss" | "ipp" | "ipps" => {
            let scheme = if matches!(url.scheme(), "wss" | "ipps") { "https" } else { "http" };
            let default = match url.scheme() {
                "ipp" | "ipps" => Some(631),
                _ => None,
            };
            let port = url.port().or(default).map(|port| format!(":{port}")).unwrap_or_default();
            let host = url.host_str().unwrap_or_default();
            Url::parse(&format!("{scheme}://{host}{port}{}", url.path())).map_err(|error| error.to_string())
        }
        other => Err(format!("`{}` is not spoken with HTTP", bounded(other))),
    }
}

#[cfg(test)]
mod tests {
    use super::answer::offset;
    use super::*;
    use crate::observation::{Certainty, Outcome};
    use crate::probe::testing;
    use crate::probe::testing::loopback::certificates::{Authority, Leaf};
    use crate::probe::testing::loopback::{
        Loopback, Served, answers, look, look_for, read_head, serve, tls_server, world,
    };
    use crate::sys::{ProxySetting, ProxySettings};
    use futures_util::future::join;
    use serde_json::json;
    use std::net::SocketAddr;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::UNIX_EPOCH;
    use tokio::io::AsyncWriteExt;

    fn page_url(served: &Served, path: &str) -> String {
        format!("http://crm.test:{}{path}", served.address.port())
    }

    async fn get(served: &Served, args: serde_json::Value) -> Observation {
        get_in(served, Loopback::default().name("crm.test", &["127.0.0.1"]), ProxySettings::default(), args).await.0
    }

    async fn get_in(
        served: &Served,
        network: Loopback,
        settings: ProxySettings,
        args: serde_json::Value,
    ) -> (Observation, Vec<Observation>) {
        let world = world(network, settings);
        let mut all = json!({"url": page_url(served, "/page?token=secret")});
        for (key, value) in args.as_object().unwrap() {
            all[key] = value.clone();
        }
        let (mut seen, emitted) = look(&PROBE, &world, all).await;
        assert_eq!(seen.len(), 1);
        let seen = seen.remove(0);
        assert!(!serde_json::to_string(&seen).unwrap().contains("secret"), "{seen:?}");
        (seen, emitted)
    }

    #[tokio::test]
    async fn a_page_that_works_is_measured_phase_by_phase() {
        let served = serve(answers(
            b"HTTP/1.1 200 OK\r\nServer: nginx\r\nContent-Type: text/html\r\nContent-Length: 5\r\n\r\nhello",
        ))
        .await;
        let seen = get(&served, json!({"expect_body": "hel", "expect_status": 200, "label": "goal"})).await;
        assert_eq!(seen.outcome, Outcome::Ok, "{}", seen.summary);
        for fact in ["lookup_ms", "connect_ms", "first_byte_ms", "total_ms"] {
            assert!(seen.facts[fact].is_number(), "{fact}");
        }
        assert_eq!(seen.facts["proxy_used"], "direct");
        assert_eq!(seen.facts["server"], "nginx");
        assert_eq!(seen.facts["body_start"], "hello");
        assert_eq!(seen.via.peer.as_deref(), Some(served.address.to_string().as_str()));
    }

    #[tokio::test]
    async fn statuses_and_contents_have_their_codes() {
        let table: [(&'static [u8], serde_json::Value, Code); 9] = [
            (b"HTTP/1.1 401 x\r\nContent-Length: 0\r\n\r\n", json!({}), Code::HttpAuthRequired),
            (b"HTTP/1.1 403 x\r\nContent-Length: 0\r\n\r\n", json!({}), Code::HttpForbidden),
            (b"HTTP/1.1 404 x\r\nContent-Length: 0\r\n\r\n", json!({}), Code::HttpNotFound),
            (b"HTTP/1.1 429 x\r\nRetry-After: 5\r\nContent-Length: 0\r\n\r\n", json!({}), Code::HttpTooManyRequests),
            (b"HTTP/1.1 418 x\r\nContent-Length: 0\r\n\r\n", json!({}), Code::HttpClientError),
            (b"HTTP/1.1 503 x\r\nContent-Length: 0\r\n\r\n", json!({}), Code::HttpServerError),
            (
                b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nno",
                json!({"expect_body": "yes"}),
                Code::HttpUnexpectedContent,
            ),
            (
                b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nno",
                json!({"expect_status": 204}),
                Code::HttpUnexpectedContent,
            ),
            (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nno", json!({}), Code::HttpCut),
        ];
        for (answer, args, code) in table {
            let served = serve(answers(answer)).await;
            let seen = get(&served, args).await;
            assert_eq!((seen.code, seen.certainty), (Some(code), Some(Certainty::Confirmed)), "{}", seen.summary);
        }
        for (answer, code) in [(b"".as_slice(), Code::HttpCut), (b"220 mail ready\r\n", Code::HttpNotHttp)] {
            let served = serve(answers(answer)).await;
            assert_eq!(get(&served, json!({})).await.code, Some(code));
        }
    }

    #[tokio::test]
    async fn a_server_that_fails_once_is_only_suspected() {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let served = serve(|mut stream| async move {
            read_head(&mut stream).await;
            let status = if COUNT.fetch_add(1, Ordering::SeqCst) == 0 { 500 } else { 200 };
            let answer = format!("HTTP/1.1 {status} x\r\nContent-Length: 0\r\n\r\n");
            let _ = stream.write_all(answer.as_bytes()).await;
        })
        .await;
        let seen = get(&served, json!({})).await;
        assert_eq!((seen.code, seen.certainty), (Some(Code::HttpServerError), Some(Certainty::Suspected)));
        assert_eq!(seen.facts["server_errors"], 1);
    }

    #[tokio::test]
    async fn redirects_are_walked_and_loops_named() {
        let served = serve(|mut stream| async move {
            let head = read_head(&mut stream).await;
            let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
            let answer = match path.as_str() {
                "/page?token=secret" => "HTTP/1.1 302 x\r\nLocation: /two?token=secret\r\n",
                "/two?token=secret" => "HTTP/1.1 301 x\r\nLocation: /three\r\n",
                "/loop" => "HTTP/1.1 302 x\r\nLocation: /loop\r\n",
                "/cookie" if !head.contains("seen=1") => {
                    "HTTP/1.1 302 x\r\nSet-Cookie: seen=1; Path=/\r\nLocation: /cookie\r\n"
                }
                "/mail" => "HTTP/1.1 302 x\r\nLocation: mailto:a@b\r\n",
                _ => "HTTP/1.1 200 x\r\n",
            };
            let _ = stream.write_all(format!("{answer}Content-Length: 0\r\n\r\n").as_bytes()).await;
        })
        .await;
        let seen = get(&served, json!({})).await;
        assert_eq!(seen.outcome, Outcome::Ok, "{}", seen.summary);
        assert_eq!(seen.facts["redirects"].as_array().unwrap().len(), 2);
        assert_eq!(seen.facts["final_url"], page_url(&served, "/three"));
        let seen = get(&served, json!({"follow": false})).await;
        assert_eq!((seen.outcome, &seen.facts["status"]), (Outcome::Ok, &json!(302)));
        let seen = get(&served, json!({"url": page_url(&served, "/loop")})).await;
        assert_eq!(seen.code, Some(Code::HttpRedirectLoop), "{}", seen.summary);
        let seen = get(&served, json!({"url": page_url(&served, "/cookie")})).await;
        assert_eq!(seen.outcome, Outcome::Ok, "{}", seen.summary);
        let seen = get(&served, json!({"url": page_url(&served, "/mail")})).await;
        assert_eq!(seen.code, Some(Code::HttpUnexpectedContent), "{}", seen.summary);
    }

    #[tokio::test]
    async fn each_phase_that_fails_gives_its_own_layer() {
        let served = serve(answers(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")).await;
        let nobody = Loopback::default();
        let (seen, _) = get_in(&served, nobody, ProxySettings::default(), json!({})).await;
        assert_eq!((seen.code, seen.layer), (Some(Code::DnsLookupFailed), Layer::Dns));

        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let closed = Served { address: listener.local_addr().unwrap() };
        drop(listener);
        let seen = get(&closed, json!({})).await;
        assert_eq!((seen.code, seen.layer), (Some(Code::TcpRefused), Layer::Transport), "{}", seen.summary);

        let seen = get(&served, json!({"url": format!("https://crm.test:{}", served.address.port())})).await;
        assert_eq!((seen.code, seen.layer), (Some(Code::TlsNotTls), Layer::Tls), "{}", seen.summary);

        let seen = get(&served, json!({"family": "ipv6"})).await;
        assert_eq!(seen.outcome, Outcome::Unknown);
        let seen = get(&served, json!({"method": "POST"})).await;
        assert_eq!(seen.outcome, Outcome::Unknown);
    }

    #[tokio::test]
    async fn a_lookup_without_an_answer_goes_on_with_known_addresses() {
        let served = serve(answers(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")).await;
        let args = json!({"fallback_addresses": ["127.0.0.1"]});
        let (seen, emitted) = get_in(&served, Loopback::default().hanging(), ProxySettings::default(), args).await;
        assert_eq!(seen.outcome, Outcome::Ok, "{}", seen.summary);
        assert_eq!(seen.facts["lookup_failed"], true);
        assert_eq!(emitted[0].code, Some(Code::DnsLookupTimeout));
    }

    #[tokio::test]
    async fn a_dead_first_address_is_remembered() {
        let served = serve(answers(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")).await;
        let dead = format!("192.0.2.1:{}", served.address.port());
        let network = Loopback::default().name("crm.test", &["192.0.2.1", "127.0.0.1"]).silent(&dead);
        let (seen, _) = get_in(&served, network, ProxySettings::default(), json!({})).await;
        assert_eq!(seen.outcome, Outcome::Ok);
        assert_eq!(seen.facts["fallback"], true);
        assert_eq!(seen.facts["failed_addresses"], json!(["192.0.2.1"]));
        assert_eq!(seen.facts["address"], "127.0.0.1");
    }

    #[tokio::test]
    async fn slow_and_stalling_answers_are_told_apart() {
        let slow = serve(|mut stream| async move {
            read_head(&mut stream).await;
            tokio::time::sleep(Duration::from_millis(2200)).await;
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;
        })
        .await;
        let stalling = serve(|mut stream| async move {
            read_head(&mut stream).await;
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nbegin").await;
            tokio::time::sleep(Duration::from_secs(60)).await;
        })
        .await;
        let silent = serve(|stream| async move {
            tokio::time::sleep(Duration::from_secs(60)).await;
            drop(stream);
        })
        .await;
        let world = || world(Loopback::default().name("crm.test", &["127.0.0.1"]), ProxySettings::default());
        let (silent_world, silent_url) = (world(), json!({"url": page_url(&silent, "/")}));
        let silence = look_for(&PROBE, &silent_world, silent_url, Duration::from_millis(3500));
        let (slow, (stalling, (silence, suspicions))) =
            join(get(&slow, json!({})), join(get(&stalling, json!({})), silence)).await;
        assert_eq!(slow.code, Some(Code::HttpSlowFirstByte), "{}", slow.summary);
        assert_eq!(stalling.code, Some(Code::HttpBodyStalled), "{}", stalling.summary);
        assert_eq!(silence[0].code, Some(Code::HttpNoAnswer), "{}", silence[0].summary);
        assert_eq!(silence[0].certainty, Some(Certainty::Suspected));
        assert_eq!(suspicions[0].code, Some(Code::HttpNoAnswer));
    }

    fn proxied(url: &str) -> ProxySettings {
        let setting = |scheme: &str| ProxySetting {
            source: format!("environment {scheme}_proxy"),
            scheme: scheme.to_owned(),
            url: url.to_owned(),
            credentials: false,
            effective: true,
            error: None,
        };
        ProxySettings { settings: vec![setting("http"), setting("https")], ..ProxySettings::default() }
    }

    /// A proxy that connects everybody with `target`.
    async fn proxy_to(target: SocketAddr) -> Served {
        serve(move |mut stream| async move {
            let head = read_head(&mut stream).await;
            let Ok(mut server) = tokio::net::TcpStream::connect(target).await else { return };
            if head.starts_with("CONNECT ") {
                let _ = stream.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await;
            } else {
                assert!(head.starts_with("GET http://crm.test"), "{head}");
                let _ = server.write_all(head.as_bytes()).await;
            }
            let _ = tokio::io::copy_bidirectional(&mut stream, &mut server).await;
        })
        .await
    }

    #[tokio::test]
    async fn pages_come_through_the_proxy_that_programs_use() {
        let root = Authority::root("Example Root");
        let trust = Trust::in_roots(&[root.der()], &[]);
        let secure = tls_server(root.leaf(&Leaf::for_name("crm.test")), vec![]).await;
        let plain = serve(answers(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")).await;
        for (scheme, target) in [("https", &secure), ("http", &plain)] {
            let proxy = proxy_to(target.address).await;
            let shown = format!("http://127.0.0.1:{}", proxy.address.port());
            let world = world(Loopback::default(), proxied(&shown));
            let args = json!({"url": format!("{scheme}://crm.test/page")});
            let trust = Some(Arc::clone(&trust));
            let seen = testing::look_by(&PROBE, &world, args, testing::LONG, async |look| run(look, trust).await).await;
            let seen = &seen.last[0];
            assert_eq!(seen.outcome, Outcome::Ok, "{}", seen.summary);
            assert_eq!(seen.facts["proxy_used"], shown);
            assert_eq!(seen.facts["proxy_source"], format!("environment {scheme}_proxy"));
            assert_eq!(seen.via.proxy.as_deref(), Some(shown.as_str()));
        }
    }

    #[tokio::test]
    async fn what_the_proxy_refuses_is_the_proxys() {
        let refusing =
            serve(answers(b"HTTP/1.1 407 x\r\nProxy-Authenticate: Negotiate\r\nContent-Length: 0\r\n\r\n")).await;
        let settings = proxied(&format!("http://127.0.0.1:{}", refusing.address.port()));
        for scheme in ["http", "https"] {
            let world = world(Loopback::default(), settings.clone());
            let (seen, _) = look(&PROBE, &world, json!({"url": format!("{scheme}://crm.test/")})).await;
            assert_eq!(seen[0].code, Some(Code::ProxyAuthRequired), "{}", seen[0].summary);
            assert_eq!(seen[0].facts["proxy_schemes"], json!(["Negotiate"]));
            assert_eq!(seen[0].layer, Layer::Proxy);
        }
    }

    #[test]
    fn the_date_header_is_a_second_witness_of_the_clock() {
        let ours = UNIX_EPOCH + Duration::from_secs(784_111_777);
        assert_eq!(offset("Sun, 06 Nov 1994 08:49:37 GMT", ours), Some(0));
        assert_eq!(offset("Sun, 06 Nov 1994 08:49:37 GMT", ours + Duration::from_millis(900)), Some(0));
        assert_eq!(offset("Sun, 06 Nov 1994 09:49:37 GMT", ours), Some(3_600_000));
        assert_eq!(offset("yesterday", ours), None);
    }

    #[test]
    fn what_is_no_page_is_said() {
        assert_eq!(target("crm.test").unwrap().as_str(), "https://crm.test/");
        assert_eq!(target("ipp://printer.test/ipp").unwrap().as_str(), "http://printer.test:631/ipp");
        assert!(target("ldap://x").is_err());
        assert!(target("http://").is_err());
    }

    #[test]
    fn any_bytes_from_a_server_end_in_an_observation() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        proptest::proptest!(proptest::test_runner::Config::with_cases(60), |(bytes: Vec<u8>, head: bool)| {
            let start: &[u8] = if head { b"HTTP/1.1 200 OK\r\n" } else { b"" };
            let bytes: &'static [u8] = [start, &bytes].concat().leak();
            runtime.block_on(async {
                let served = serve(answers(bytes)).await;
                let seen = get(&served, json!({})).await;
                assert!(!seen.summary.is_empty());
            });
        });
    }
}
