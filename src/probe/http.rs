//! A page, as a program gets it: lookup, connection, proxy, encryption, request, answer, redirects, each on its own
//! clock, so that the phase that fails or drags is named.

use self::walk::Walk;
use super::argument::{self, Addresses};
use super::way::cookie::Jar;
use super::way::trust::Trust;
use super::way::{self, bounded, connect, dial, handshake, milliseconds, name, script, shown};
use super::{Burden, Contacts, Cost, Look, Probe, accepts, schema_of};
use crate::layer::Layer;
use crate::observation::{Observation, Skip, Via};
use crate::problem::{Basis, Code, count, joined};
use futures_util::future::join_all;
use hyper::Method;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::cell::RefCell;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::Instant;
use url::Url;

mod answer;
mod block;
mod encoding;
mod walk;

/// Bytes of a body that are read where nobody says otherwise.
const BODY_LIMIT_BYTES: u64 = 1 << 20;

/// The waits inside end this much before the deadline, so that what is known is handed over in time.
const MARGIN: Duration = Duration::from_millis(20);

/// What it can report: what each step of the way can end in, and what it sees itself.
const CODES: &[&[Code]] = &[
    name::CODES,
    dial::CODES,
    script::CODES,
    connect::CODES,
    handshake::REFUSED,
    handshake::BROKEN,
    &[
        Code::HttpAuthRequired,
        Code::HttpForbidden,
        Code::HttpNotFound,
        Code::HttpTooManyRequests,
        Code::HttpClientError,
        Code::HttpServerError,
        Code::HttpRedirectLoop,
        Code::HttpUnexpectedContent,
        Code::HttpBlockPage,
        Code::HttpOnlyTwo,
        Code::HttpNoAnswer,
        Code::HttpSlowFirstByte,
        Code::HttpSlow,
        Code::HttpBodyStalled,
        Code::HttpCut,
        Code::HttpNotHttp,
        Code::TlsSlow,
    ],
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
    contacts: Contacts::named(&["url", "proxy", "addresses", "fallback_addresses"])
        .and("its proxy, and where it redirects to"),
    burden: Burden::of("one request, a second one after a server error, at most {} redirects; reads at most {} KiB unless the playbook says otherwise").counting(&[walk::REDIRECT_LIMIT as u64, BODY_LIMIT_BYTES / 1024]).and_leaves("a line in the logs of the server and of the proxy"),
    codes: &joined::<{ count(CODES) }>(CODES),
    params: schema_of::<Params>,
    facts: schema_of::<Facts>,
    accepts: accepts::<Params>,
    run: |look| look.with(run),
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
    /// Addresses to use instead of looking the name up; a proxy is asked for the first of them in the place of the name.
    addresses: Addresses,
    /// Addresses to go on with where the lookup gets no answer.
    fallback_addresses: Addresses,
    /// A `dns` check whose addresses are used likewise, as far as it has any by then.
    fallback_from: String,
    /// Ask each of `addresses` on its own, at most six of them.
    each: bool,
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
    /// Largest TCP segment that either end may send, to see whether large packets are what is lost.
    #[serde(deserialize_with = "argument::optional")]
    segment_bytes: Option<f64>,
    /// How often silence is looked at: with 1 the first suspicion ends the check, for a control whose silence accuses
    /// nobody.
    #[serde(deserialize_with = "argument::number")]
    looks: u8,
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
            each: false,
            family: None,
            method: "GET".to_owned(),
            follow: true,
            expect_body: String::new(),
            expect_status: None,
            body_limit_bytes: BODY_LIMIT_BYTES,
            clock_offset_ms: None,
            segment_bytes: None,
            looks: 2,
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
    /// Packets of this connection that had to be sent again until then, because nobody acknowledged them; none where
    /// nothing was waited for or a proxy was used.
    sent_again: Option<u32>,
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
    /// Redirects led from another host to this machine itself.
    redirected_here: Option<bool>,
    /// The lookup got no answer, and the addresses given beforehand were used.
    lookup_failed: Option<bool>,
    /// The lookup took over a second.
    slow_lookup: Option<bool>,
    /// `direct`, or the proxy's URL without credentials.
    proxy_used: String,
    /// Proxies of a script's list that were dead, before the one that was used.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    failed_proxies: Vec<String>,
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
    /// The coding (`gzip`, `deflate`) that the answer names and its body does not have.
    broken_encoding: Option<String>,
    /// The `Retry-After` header.
    retry_after: Option<String>,
    /// The page has words of a bot wall, filter or sign-in.
    block_page: Option<bool>,
    /// The page's headline is that of a page which stands in for another: `filter` or `bot_wall`.
    block_kind: Option<String>,
    /// The product that says on such a page that it blocks.
    blocked_by: Option<String>,
    /// The redirects that were walked.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    redirects: Vec<Redirect>,
    /// The `Location` of a redirect where it is no address; `none` where there is none, and no page either.
    broken_redirect: Option<String>,
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

/// Addresses that are asked one by one: more than that of one name are mostly doors of one house.
const EACH_LIMIT: usize = 6;

async fn run(look: &Look<'_>, params: Params) -> Vec<Observation> {
    if params.each {
        return from_each(look, params).await;
    }
    if params.looks < 2 { look_once(look, params).await } else { fetch(look, params, None).await }
}

/// The page from each address, side by side. A suspicion of one is not shown: what counts is how they compare.
async fn from_each(look: &Look<'_>, params: Params) -> Vec<Observation> {
    let mut addresses = params.addresses.0.clone();
    addresses.dedup();
    if addresses.len() < 2 {
        return vec![look.skipped(Skip::NotNeeded, "the name has only one address")];
    }
    let quiet = |_: Observation| {};
    let one = |address: &String| {
        let params = Params { addresses: Addresses(vec![address.clone()]), each: false, ..params.clone() };
        let address = address.clone();
        async move {
            let alone = Look { emit: &quiet, args: crate::observation::Facts::new(), ..*look };
            let seen =
                if params.looks < 2 { look_once(&alone, params).await } else { fetch(&alone, params, None).await };
            seen.into_iter().map(move |observation| observation.about(&address)).collect::<Vec<_>>()
        }
    };
    join_all(addresses.iter().take(EACH_LIMIT).map(one)).await.into_iter().flatten().collect()
}

/// The same, but the first suspicion of silence ends it.
async fn look_once(look: &Look<'_>, params: Params) -> Vec<Observation> {
    let (first, doubt) = (RefCell::new(None), Notify::new());
    let emit = |observation: Observation| {
        if observation.code.is_some_and(|code| code.problem().basis == Basis::Silence) {
            *first.borrow_mut() = Some(observation);
            doubt.notify_one();
        } else {
            (look.emit)(observation);
        }
    };
    let once = Look { emit: &emit, args: crate::observation::Facts::new(), ..*look };
    let seen = tokio::select! {
        biased;
        seen = fetch(&once, params, None) => Some(seen),
        () = doubt.notified() => None,
    };
    seen.unwrap_or_else(|| first.take().into_iter().collect())
}

async fn fetch(look: &Look<'_>, params: Params, trust: Option<Arc<Trust>>) -> Vec<Observation> {
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
    let repeats = crate::world::Repeats::default();
    let mut walk =
        Walk { look, params, method, settings, trust, until, facts, via, chain_text, cookies, repeats, asked };
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
mod tests;
