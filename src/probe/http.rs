//! A page, as a program gets it: lookup, connection, proxy, encryption, request, answer, redirects, each on its own
//! clock, so that the phase that fails or drags is named.

use super::way::choice::{self, Used};
use super::way::connect::{self, Proxy, again};
use super::way::dial::{self, dial};
use super::way::exchange::{self, Body, BodyEnd, Broken, SLOW_FIRST_BYTE, Session, header};
use super::way::handshake::{Shaken, TlsFacts, Wish, shake};
use super::way::trust::Trust;
use super::way::{self, Trouble, bounded, host_of, milliseconds, name, printable, said, shown};
use super::{Cost, Look, Probe, accepts, schema_of};
use crate::layer::Layer;
use crate::observation::{Observation, Via};
use crate::problem::Code;
use crate::sys::ProxySettings;
use crate::world::{Failure, LookupFailure, Stream};
use futures_util::future::join;
use hyper::{HeaderMap, Method};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::time::Instant;
use url::Url;

/// Redirects that are walked: browsers stop at 20, and no sound site needs ten.
const REDIRECT_LIMIT: usize = 10;

/// Bytes of a body that are read where nobody says otherwise.
const BODY_LIMIT_BYTES: u64 = 1 << 20;

/// Characters of a body that are kept.
const BODY_START_LIMIT: usize = 80;

/// Cookies that are carried from one redirect to the next: sites that set one and come back to the same address look
/// like a loop to a client without.
const COOKIE_LIMIT: usize = 20;

/// The waits inside end this much before the deadline, so that what is known is handed over in time.
const MARGIN: Duration = Duration::from_millis(20);

/// Words of pages that stand in for the one that was asked for: bot walls, filters, sign-in pages.
const BLOCK_WORDS: &[&str] = &[
    "captcha",
    "verify you are human",
    "verify that you are human",
    "are you a robot",
    "unusual traffic",
    "attention required",
    "checking your browser",
    "access denied",
    "web page blocked",
    "website blocked",
    "site blocked",
    "request blocked",
    "has been blocked",
    "blocked by your",
    "web filter",
    "not available in your country",
    "not available in your region",
];

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
    addresses: Vec<IpAddr>,
    /// Addresses to go on with where the lookup gets no answer.
    fallback_addresses: Vec<IpAddr>,
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
    expect_status: Option<u16>,
    /// Bytes of the body that are read at most.
    body_limit_bytes: u64,
    /// Milliseconds by which this machine's clock is behind, where it was measured.
    clock_offset_ms: Option<i64>,
    /// What this page stands for, such as `control`.
    label: Option<String>,
}

impl Default for Params {
    fn default() -> Self {
        Params {
            url: String::new(),
            proxy: "auto".to_owned(),
            addresses: Vec::new(),
            fallback_addresses: Vec::new(),
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

/// What goes along from one request to the next.
struct Walk<'a> {
    look: &'a Look<'a>,
    params: Params,
    method: Method,
    settings: Option<ProxySettings>,
    trust: Option<Arc<Trust>>,
    until: Instant,
    facts: Facts,
    via: Via,
    chain_text: Option<String>,
    cookies: Vec<(String, String, String)>,
    /// What the observation of a suspicion says it was about.
    asked: String,
}

/// An answer that came.
struct Arrived {
    status: u16,
    location: Option<String>,
    first_byte: Duration,
    body: Body,
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
    let (asked, via, cookies) = (shown(&url), Via::default(), Vec::new());
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

impl Walk<'_> {
    async fn walk(&mut self, first: Url) -> Observation {
        let mut url = first;
        let mut visited: Vec<(Url, usize)> = Vec::new();
        loop {
            self.facts.final_url = Some(shown(&url));
            let cookies = self.cookies.len();
            let arrived = match self.ask_twice_if_needed(&url).await {
                Ok(arrived) => arrived,
                Err(trouble) => return way::observe(self.look, None, &trouble),
            };
            let first_host = visited.first().map_or(url.host_str(), |(first, _)| first.host_str());
            self.facts.left_host = (first_host != url.host_str()).then_some(true);
            let next = (300..400).contains(&arrived.status).then_some(()).and(arrived.location.as_deref());
            let Some(next) = next.filter(|_| self.params.follow).and_then(|location| url.join(location).ok()) else {
                return self.judge(&url, &arrived);
            };
            self.facts.redirects.push(Redirect {
                status: arrived.status,
                location: shown(&next),
                host: bounded(&host_of(&next)),
            });
            visited.push((url, cookies));
            // The same page with new cookies is another question.
            let again = visited.iter().any(|(seen, cookies)| *seen == next && *cookies == self.cookies.len());
            if again || visited.len() > REDIRECT_LIMIT {
                return self.goes_in_circles(&next);
            }
            if !matches!(next.scheme(), "http" | "https") {
                let what = format!("{} redirects to `{}`, which is no page", self.asked, bounded(next.scheme()));
                return way::observe(self.look, None, &Trouble::new(Code::HttpUnexpectedContent, what));
            }
            url = next;
        }
    }

    fn goes_in_circles(&self, next: &Url) -> Observation {
        let count = self.facts.redirects.len();
        let summary = format!("{} redirects in a circle: {count} redirects, back at {}", self.asked, shown(next));
        way::observe(self.look, None, &Trouble::new(Code::HttpRedirectLoop, summary))
    }

    /// A server error is asked for again, because one may be bad luck.
    async fn ask_twice_if_needed(&mut self, url: &Url) -> Result<Arrived, Trouble> {
        self.facts.server_errors = None;
        let first = self.ask(url).await?;
        if first.status < 500 || self.params.expect_status == Some(first.status) {
            return Ok(first);
        }
        let host = host_of(url);
        self.suspect(Trouble::new(Code::HttpServerError, format!("{host} answers {}", first.status)).suspected(true));
        self.facts.server_errors = Some(1);
        let second = self.ask(url).await?;
        if second.status >= 500 {
            self.facts.server_errors = Some(2);
        }
        Ok(second)
    }

    fn suspect(&self, trouble: Trouble) {
        let observation = way::observe(self.look, None, &trouble);
        (self.look.emit)(observation.facts(&self.facts).via(self.via.clone()));
    }

    /// One request on a connection of its own.
    async fn ask(&mut self, url: &Url) -> Result<Arrived, Trouble> {
        self.facts = Facts {
            url: std::mem::take(&mut self.facts.url),
            final_url: self.facts.final_url.take(),
            label: self.facts.label.take(),
            redirects: std::mem::take(&mut self.facts.redirects),
            server_errors: self.facts.server_errors,
            proxy_used: "direct".to_owned(),
            ..Facts::default()
        };
        let used = self.choose(url).await?;
        let secure = url.scheme() == "https";
        let trust = self.trust.clone();
        let trust = async {
            match (secure, trust) {
                (false, _) => None,
                (true, Some(trust)) => Some(trust),
                (true, None) => Some(Trust::of_this_machine().await),
            }
        };
        // The trust store is read while the network is waited for.
        let (trust, way) = match &used {
            Used::Proxy(proxy) => join(trust, self.through(proxy, url)).await,
            _ => join(trust, self.directly(url)).await,
        };
        let (mut stream, peer, round_trip) = way?;
        if let Some(trust) = trust {
            stream = self.secured(stream, url, &used, peer, round_trip, &trust).await?;
        }
        let absolute = matches!(&used, Used::Proxy(proxy) if !secure && proxy.takes_absolute_form());
        self.exchange(stream, url, absolute, &used).await
    }

    /// What programs use for this page.
    async fn choose(&mut self, url: &Url) -> Result<Used, Trouble> {
        let choice = match self.params.proxy.trim() {
            auto if auto.eq_ignore_ascii_case("auto") => {
                self.settings.as_ref().and_then(|settings| choice::first_choice(settings, url))
            }
            given => Some(choice::given(given)),
        };
        let Some(choice) = choice else { return Ok(Used::Direct) };
        let used = match choice.used {
            Used::Script(script) => {
                let said = super::way::script::ask(self.look.world, &script, url, false, self.until).await?;
                said.candidates.into_iter().next().unwrap_or(Used::Direct)
            }
            // No program here searches on its own; those of the desktop that do fall back to a direct connection.
            Used::Discover => Used::Direct,
            used => used,
        };
        self.facts.proxy_source = Some(choice.source.clone());
        self.facts.proxy_used = used.shown();
        match used {
            Used::Unusable(text, why) => {
                let summary = format!("the proxy setting {} (\"{text}\") cannot be used: {why}", choice.source);
                Err(Trouble::new(Code::ProxyBadSetting, summary))
            }
            used => Ok(used),
        }
    }

    /// A connection to the page's own server.
    async fn directly(&mut self, url: &Url) -> Result<(Box<dyn Stream>, SocketAddr, Duration), Trouble> {
        let network = self.look.world.network.as_ref();
        let host = host_of(url);
        let port = url.port_or_known_default().unwrap_or(443);
        let addresses = self.addresses(&host).await?;
        self.facts.addresses = addresses.iter().take(20).map(IpAddr::to_string).collect();
        let targets: Vec<SocketAddr> = addresses.iter().map(|ip| SocketAddr::new(*ip, port)).collect();
        let slow = |address, took| self.suspect(dial::suspicion(&host, address, took));
        match dial(network, &targets, self.until, &slow).await {
            Ok(dialled) => {
                self.facts.connect_ms = Some(milliseconds(dialled.took));
                self.remember_failed(&dialled.failed);
                self.arrived_at(dialled.address).await;
                let round_trip = dialled.connection.took;
                Ok((dialled.connection.stream, dialled.address, round_trip))
            }
            Err(failure) => {
                self.facts.connect_ms = Some(milliseconds(failure.took));
                self.remember_failed(&failure.failed);
                self.facts.fallback = None;
                self.arrived_at(failure.address).await;
                Err(dial::trouble(&host, &failure))
            }
        }
    }

    fn remember_failed(&mut self, failed: &[(SocketAddr, Failure)]) {
        self.facts.fallback = (!failed.is_empty()).then_some(true);
        for (address, _) in failed {
            let address = address.ip().to_string();
            if !self.facts.failed_addresses.contains(&address) {
                self.facts.failed_addresses.push(address);
            }
        }
    }

    async fn arrived_at(&mut self, peer: SocketAddr) {
        self.facts.address = Some(peer.ip().to_string());
        self.facts.family = Some(if peer.is_ipv4() { "ipv4" } else { "ipv6" }.to_owned());
        self.via = way::via(self.look, peer).await;
    }

    async fn addresses(&mut self, host: &str) -> Result<Vec<IpAddr>, Trouble> {
        // The list belongs to the host that was asked for, not to where a redirect leads.
        let found = if !self.params.addresses.is_empty() && self.facts.redirects.is_empty() {
            self.params.addresses.clone()
        } else {
            self.looked_up(host).await?
        };
        let wanted: Vec<IpAddr> = found
            .iter()
            .copied()
            .filter(|address| match self.params.family {
                None => true,
                Some(Family::Ipv4) => address.is_ipv4(),
                Some(Family::Ipv6) => address.is_ipv6(),
            })
            .collect();
        if wanted.is_empty() {
            return Err(Trouble::unknown(format!("{host} has no address of the wanted family")));
        }
        Ok(wanted)
    }

    /// Addresses to go on with where programs get none.
    fn fallback(&self) -> Vec<IpAddr> {
        if !self.params.fallback_addresses.is_empty() || self.params.fallback_from.is_empty() {
            return self.params.fallback_addresses.clone();
        }
        let seen = (self.look.seen)(&self.params.fallback_from);
        let addresses = seen.iter().filter_map(|facts| facts.get("addresses")?.as_array());
        addresses.flatten().filter_map(|address| address.as_str()?.parse().ok()).collect()
    }

    async fn looked_up(&mut self, host: &str) -> Result<Vec<IpAddr>, Trouble> {
        let start = Instant::now();
        let result = name::addresses(self.look.world.network.as_ref(), host, self.until).await;
        let took = start.elapsed();
        self.facts.lookup_ms = Some(milliseconds(took));
        match result {
            Ok((addresses, took)) => {
                self.facts.slow_lookup = (took > name::LOOKUP_SLOW).then_some(true);
                Ok(addresses)
            }
            Err(failure) => {
                let usable = matches!(failure, LookupFailure::Timeout | LookupFailure::Unsupported(_));
                let fallback = self.fallback();
                if !usable || fallback.is_empty() || !self.facts.redirects.is_empty() {
                    return Err(name::trouble(host, &failure, took));
                }
                if failure == LookupFailure::Timeout {
                    self.facts.lookup_failed = Some(true);
                    self.suspect(name::trouble(host, &failure, took).suspected(true));
                }
                Ok(fallback)
            }
        }
    }

    /// A connection through a proxy; for a plain page the proxy itself is asked.
    async fn through(&mut self, proxy: &Proxy, url: &Url) -> Result<(Box<dyn Stream>, SocketAddr, Duration), Trouble> {
        let network = self.look.world.network.as_ref();
        let suspect = |trouble: Trouble| self.suspect(trouble);
        let (reach, reached) = connect::reach(network, proxy, self.until, &suspect).await;
        self.facts.lookup_ms = reach.lookup.map(milliseconds);
        self.facts.connect_ms = reach.connect.map(milliseconds);
        self.facts.addresses = reach.addresses.iter().take(20).map(IpAddr::to_string).collect();
        if reach.connect.is_some() && !reach.failed.is_empty() {
            self.facts.fallback = Some(true);
        }
        self.facts.failed_addresses = reach.failed.iter().map(|address| address.ip().to_string()).collect();
        if let Some(peer) = reach.peer {
            self.arrived_at(peer).await;
        }
        self.via.proxy = Some(proxy.to_string());
        let stream = reached?;
        let peer = reach.peer.unwrap_or_else(|| SocketAddr::from(([0, 0, 0, 0], 0)));
        let round_trip = reach.connect.unwrap_or_default();
        if url.scheme() == "http" && proxy.takes_absolute_form() {
            return Ok((stream, peer, round_trip));
        }
        let start = Instant::now();
        let (host, port) = (host_of(url), url.port_or_known_default().unwrap_or(443));
        let suspect = |trouble: Trouble| self.suspect(trouble);
        let (answer, tunnel) = connect::tunnel(stream, proxy, &host, port, self.until, &suspect).await;
        self.facts.proxy_ms = Some(milliseconds(start.elapsed()));
        self.facts.proxy_schemes = answer.schemes;
        // Through a tunnel the first flight goes the whole way, of which the proxy's answer is a measure.
        tunnel.map(|stream| (stream, peer, round_trip + start.elapsed()))
    }

    async fn secured(
        &mut self,
        stream: Box<dyn Stream>,
        url: &Url,
        used: &Used,
        peer: SocketAddr,
        round_trip: Duration,
        trust: &Arc<Trust>,
    ) -> Result<Box<dyn Stream>, Trouble> {
        let host = host_of(url);
        let port = url.port_or_known_default().unwrap_or(443);
        let (clock_offset_ms, until) = (self.params.clock_offset_ms, self.until);
        let wish = Wish { host: &host, alpn: &["http/1.1"], trust, clock_offset_ms, round_trip, until };
        let network = self.look.world.network.as_ref();
        let direct = again(network, peer);
        let open = || match used {
            Used::Proxy(proxy) => {
                let (first, host) = (direct(), host.clone());
                Box::pin(async move {
                    let stream = first.await?;
                    let (_, tunnel) = connect::tunnel(stream, proxy, &host, port, until, &|_| {}).await;
                    tunnel.map_err(|trouble| Failure::Other(trouble.summary))
                }) as futures_util::future::LocalBoxFuture<'_, _>
            }
            _ => direct(),
        };
        let Shaken { facts, chain_text, result } = shake(stream, &open, &wish, &|trouble| self.suspect(trouble)).await;
        self.chain_text = chain_text;
        self.via.trust = facts.trusted_system.map(|_| "system".to_owned());
        self.describe(facts);
        result
    }

    fn describe(&mut self, tls: TlsFacts) {
        self.facts.tls_ms = tls.handshake_ms;
        self.facts.tls_issuer = tls.issuer;
        self.facts.tls_version = tls.version;
        self.facts.tls_reason = tls.reason;
        self.facts.days_left = tls.days_left;
        self.facts.interception = tls.interception;
        self.facts.would_be_valid_with_correct_clock = tls.would_be_valid_with_correct_clock;
    }

    async fn exchange(
        &mut self,
        stream: Box<dyn Stream>,
        url: &Url,
        absolute: bool,
        used: &Used,
    ) -> Result<Arrived, Trouble> {
        let host = host_of(url);
        let meant = |broken: Broken| match used {
            Used::Proxy(proxy) if absolute => connect::broken_proxy(proxy, broken),
            _ => broken.trouble(&host),
        };
        let mut request = exchange::request(&self.method, url, absolute).map_err(Trouble::unknown)?;
        if let Some(cookies) = self.cookies_for(&host).and_then(|cookies| cookies.parse().ok()) {
            request.headers_mut().insert("cookie", cookies);
        }
        let mut session = Session::open(stream).await.map_err(meant)?;
        let start = Instant::now();
        let asked_at = SystemTime::now();
        let silent = |took| self.suspect(meant(Broken::Silent(took, 0)).suspected(true));
        let answer = session.ask(request, self.until, &silent).await.map_err(meant)?;
        let head_at = Instant::now();
        let first_byte = session.first_byte().unwrap_or(head_at).saturating_duration_since(start);
        let status = answer.status().as_u16();
        let headers = answer.headers().clone();
        self.facts.status = Some(status);
        self.facts.first_byte_ms = Some(milliseconds(first_byte));
        self.note_headers(&headers, asked_at, first_byte);
        self.keep_cookies(&host, &headers);
        if let Used::Proxy(proxy) = used
            && absolute
            && let Some(trouble) = proxys_own_word(proxy, status, &headers, &mut self.facts)
        {
            return Err(trouble);
        }
        let body = session.body(answer.into_body(), self.params.body_limit_bytes, self.until).await;
        self.note_body(&body, &headers);
        Ok(Arrived { status, location: location(&headers), first_byte, body })
    }

    fn note_headers(&mut self, headers: &HeaderMap, asked_at: SystemTime, first_byte: Duration) {
        self.facts.server = header(headers, "server");
        self.facts.content_type = header(headers, "content-type");
        self.facts.retry_after = header(headers, "retry-after");
        let cached = headers.contains_key("age");
        let half_way = asked_at + first_byte / 2;
        self.facts.date_offset_ms =
            header(headers, "date").filter(|_| !cached).and_then(|date| offset(&date, half_way));
    }

    fn note_body(&mut self, body: &Body, headers: &HeaderMap) {
        self.facts.bytes = Some(body.bytes);
        self.facts.body_complete = Some(body.end == BodyEnd::Complete);
        // Less than this is over before a rate can be told.
        const RATED_BYTES: u64 = 64 * 1024;
        if body.bytes >= RATED_BYTES || (body.took > Duration::from_secs(1) && body.bytes > 0) {
            self.facts.bytes_per_second = Some((body.bytes as f64 / body.took.as_secs_f64().max(0.001)) as u64);
        }
        let kind = self.facts.content_type.as_deref().unwrap_or("text/plain").to_ascii_lowercase();
        let is_text = ["text/", "json", "xml", "javascript"].iter().any(|word| kind.contains(word));
        if is_text && !body.start.is_empty() {
            self.facts.body_start = Some(printable(&body.start, BODY_START_LIMIT));
        }
        let page = String::from_utf8_lossy(&body.start).to_lowercase();
        let walled = headers.contains_key("cf-mitigated") || BLOCK_WORDS.iter().any(|word| page.contains(word));
        self.facts.block_page = walled.then_some(true);
    }

    fn keep_cookies(&mut self, host: &str, headers: &HeaderMap) {
        for value in headers.get_all("set-cookie").iter().filter_map(|value| value.to_str().ok()) {
            let pair = value.split(';').next().unwrap_or_default();
            let Some((name, value)) = pair.split_once('=') else { continue };
            let (name, value) = (name.trim(), value.trim());
            if name.is_empty() || pair.len() > 4096 {
                continue;
            }
            let known = self.cookies.iter().position(|(owner, known, _)| owner == host && known == name);
            if let Some(known) = known {
                value.clone_into(&mut self.cookies[known].2);
            } else if self.cookies.len() < COOKIE_LIMIT {
                self.cookies.push((host.to_owned(), name.to_owned(), value.to_owned()));
            }
        }
    }

    fn cookies_for(&self, host: &str) -> Option<String> {
        let own = self.cookies.iter().filter(|(owner, ..)| owner == host);
        let pairs: Vec<String> = own.map(|(_, name, value)| format!("{name}={value}")).collect();
        (!pairs.is_empty()).then(|| pairs.join("; "))
    }

    /// The last answer's verdict.
    fn judge(&self, url: &Url, arrived: &Arrived) -> Observation {
        let host = host_of(url);
        let Arrived { status, first_byte, body, .. } = arrived;
        let expected_status = self.params.expect_status == Some(*status);
        let mut troubles = Vec::new();
        if !expected_status && let Some(trouble) = self.status_trouble(&host, *status) {
            troubles.push(trouble);
        }
        match body.end {
            BodyEnd::Cut => {
                let summary = format!("{host} closed the connection after {} bytes of the page", body.bytes);
                troubles.push(Trouble::new(Code::HttpCut, summary));
            }
            BodyEnd::Stalled => {
                let summary = format!("the page of {host} stops after {} bytes", body.bytes);
                troubles.push(Trouble::new(Code::HttpBodyStalled, summary));
            }
            BodyEnd::Complete | BodyEnd::Enough => {}
        }
        if self.params.expect_status.is_some_and(|wanted| wanted != *status) && troubles.is_empty() {
            let wanted = self.params.expect_status.unwrap_or_default();
            let summary = format!("{host} answers {status} and not {wanted}");
            troubles.push(Trouble::new(Code::HttpUnexpectedContent, summary));
        }
        if !body.start.starts_with(self.params.expect_body.as_bytes()) && troubles.is_empty() {
            let start = printable(&body.start, BODY_START_LIMIT);
            let summary = format!("the page of {host} begins with \"{start}\" and not as expected");
            troubles.push(Trouble::new(Code::HttpUnexpectedContent, summary));
        }
        if *first_byte > SLOW_FIRST_BYTE {
            let summary = format!("{host} took {} until the first byte", said(*first_byte));
            troubles.push(Trouble::new(Code::HttpSlowFirstByte, summary));
        }
        let mut troubles = troubles.into_iter();
        match troubles.next() {
            Some(first) => {
                let rest: Vec<Code> = troubles.filter_map(|trouble| trouble.code).collect();
                way::observe(self.look, None, &first).also(rest)
            }
            None => self.look.ok(None, self.works(*status, *first_byte)),
        }
    }

    fn status_trouble(&self, host: &str, status: u16) -> Option<Trouble> {
        if self.facts.server_errors == Some(1) && status < 500 {
            let summary = format!("{host} failed one of two requests, and then answered {status}");
            return Some(Trouble::new(Code::HttpServerError, summary).suspected(true));
        }
        let code = match status {
            401 => Code::HttpAuthRequired,
            403 | 451 => Code::HttpForbidden,
            404 | 410 => Code::HttpNotFound,
            429 => Code::HttpTooManyRequests,
            400..=499 => Code::HttpClientError,
            500.. => Code::HttpServerError,
            _ => return None,
        };
        let twice = if code == Code::HttpServerError { " twice" } else { "" };
        Some(Trouble::new(code, format!("{host} answers {status}{twice} to {}", self.asked)))
    }

    fn works(&self, status: u16, first_byte: Duration) -> String {
        let by = match self.facts.proxy_used.as_str() {
            "direct" => String::new(),
            proxy => format!(" through {proxy}"),
        };
        let fallback = match self.facts.failed_addresses.first() {
            Some(failed) => format!(", after {failed} did not answer"),
            None => String::new(),
        };
        format!("{} answers {status}{by}, first byte after {}{fallback}", self.asked, said(first_byte))
    }
}

/// What a proxy says on its own behalf where it passes a plain page on.
fn proxys_own_word(proxy: &Proxy, status: u16, headers: &HeaderMap, facts: &mut Facts) -> Option<Trouble> {
    let answer = connect::Answer::read(status, headers);
    // Squid, the most common one, marks its own errors; others cannot be told from the server's.
    let own_error = headers.contains_key("x-squid-error");
    let code = match status {
        407 => Code::ProxyAuthRequired,
        403 if own_error => Code::ProxyDenied,
        500.. if own_error => Code::ProxyUpstream,
        _ => return None,
    };
    let summary = connect::status_words(proxy, "the request", &answer, code);
    facts.proxy_schemes = answer.schemes;
    Some(Trouble::new(code, summary))
}

fn location(headers: &HeaderMap) -> Option<String> {
    // A longer one is no address that anybody meant.
    const LOCATION_LIMIT: usize = 8192;
    let value = headers.get("location")?;
    (value.len() <= LOCATION_LIMIT).then(|| String::from_utf8_lossy(value.as_bytes()).into_owned())
}

/// By how much this machine's clock is behind a `Date` header.
fn offset(date: &str, ours: SystemTime) -> Option<i64> {
    let theirs = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(date).ok()?.as_millisecond();
    let ours = i64::try_from(ours.duration_since(UNIX_EPOCH).ok()?.as_millis()).ok()?;
    // The header has whole seconds, cut off.
    let difference = theirs - ours;
    Some(if (-1000..=0).contains(&difference) { 0 } else { difference })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observation::{Certainty, Outcome};
    use crate::probe::testing;
    use crate::probe::testing::loopback::certificates::{Authority, Leaf};
    use crate::probe::testing::loopback::{
        Loopback, Served, answers, look, look_for, read_head, serve, tls_server, world,
    };
    use crate::sys::ProxySetting;
    use serde_json::json;
    use std::sync::atomic::{AtomicUsize, Ordering};
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
