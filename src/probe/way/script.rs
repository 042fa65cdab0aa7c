//! A PAC script: fetched like a page, evaluated in a sandbox that has no network of its own.

use super::choice::Used;
use super::connect::{Proxy, again};
use super::dial::dial;
use super::exchange::{BodyEnd, Session, request};
use super::handshake::{Wish, shake};
use super::trust::Trust;
use super::{Trouble, bounded, host_of, name, shown};
use crate::problem::Code;
use crate::sys;
use crate::world::World;
use hyper::Method;
use proxy_watch::pac::{PacPolicy, PacScript, evaluate};
use proxy_watch::{ProxyEndpoint, ProxyStep};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::time::{Instant, timeout};
use url::Url;

/// What a proxy setting, or the script that it names, can end in.
pub const CODES: &[Code] = &[Code::ProxyBadSetting, Code::ProxyPacUnreachable, Code::ProxyPacInvalid];

/// Browsers give up on a script soon, because every page waits for it.
const FETCH_WAIT: Duration = Duration::from_secs(3);

/// Browsers stop at 1 MiB as well.
const SCRIPT_LIMIT_BYTES: u64 = 1 << 20;

/// A sound script ends in microseconds.
const EVALUATION_WAIT: Duration = Duration::from_secs(2);

/// Candidates of an answer that are kept.
const ANSWER_LIMIT: usize = 8;

/// What a script says for a target: candidates in order.
pub struct Said {
    pub candidates: Vec<Used>,
}

/// Fetches the script at `address` and asks it about `target`. With `lookups` it may resolve names.
pub async fn ask(world: &World, address: &str, target: &Url, lookups: bool, until: Instant) -> Result<Said, Trouble> {
    let url = Url::parse(address)
        .map_err(|error| Trouble::new(Code::ProxyBadSetting, format!("the PAC address is no URL: {error}")))?;
    let end = until.min(Instant::now() + FETCH_WAIT);
    let wait = end.saturating_duration_since(Instant::now());
    let text = match timeout(wait, fetch(world, &url, end)).await {
        Ok(text) => text.map_err(|why| unreachable(&url, &why))?,
        Err(_) => return Err(unreachable(&url, &format!("it did not come in {}", super::said(wait)))),
    };
    run(world, &url, text, target, lookups).await
}

/// Search domains that are asked for `wpad`; a list of more has other troubles.
const DOMAIN_LIMIT: usize = 3;

/// The script of this network, for programs that search for one (WPAD): what the lease names, else `wpad` in the first
/// search domain that has it. Nothing above the search list is asked, because there it is a stranger's.
pub async fn discover(world: &World, until: Instant) -> Option<String> {
    let settings = world.machine.proxies().await.unwrap_or_default().settings;
    if let Some(lease) = settings.into_iter().find(|setting| setting.scheme == "wpad" && !setting.url.is_empty()) {
        return Some(lease.url);
    }
    let search = world.machine.resolvers().await.unwrap_or_default().search;
    for domain in
        search.iter().map(|domain| domain.trim_matches('.')).filter(|domain| !domain.is_empty()).take(DOMAIN_LIMIT)
    {
        let host = format!("wpad.{domain}");
        if name::addresses(world.network.as_ref(), &host, until).await.is_ok() {
            return Some(format!("http://{host}/wpad.dat"));
        }
    }
    None
}

fn unreachable(url: &Url, why: &str) -> Trouble {
    Trouble::new(Code::ProxyPacUnreachable, format!("the PAC file {} cannot be fetched: {why}", shown(url)))
}

async fn fetch(world: &World, url: &Url, until: Instant) -> Result<String, String> {
    if url.scheme() == "file" {
        let path = url.to_file_path().map_err(|()| "it names no file".to_owned())?;
        let facts = tokio::fs::metadata(&path).await.map_err(|error| error.to_string())?;
        // A device or pipe has no length and may never end.
        if !facts.is_file() {
            return Err("it is no ordinary file".to_owned());
        }
        if facts.len() > SCRIPT_LIMIT_BYTES {
            return Err("it is larger than 1 MiB".to_owned());
        }
        let bytes = tokio::fs::read(&path).await.map_err(|error| error.to_string())?;
        return Ok(String::from_utf8_lossy(&bytes).into_owned());
    }
    let network = world.network.as_ref();
    let host = host_of(url);
    let port = url.port_or_known_default().ok_or_else(|| "its address has no port".to_owned())?;
    let start = Instant::now();
    let (addresses, _) = name::addresses(network, &host, until)
        .await
        .map_err(|failure| name::trouble(&host, &failure, start.elapsed()).summary)?;
    let targets: Vec<SocketAddr> = addresses.into_iter().map(|ip| SocketAddr::new(ip, port)).collect();
    let dialled = dial(network, &targets, until, &|_, _| {})
        .await
        .map_err(|failure| format!("{} {}", failure.address, failure.words()))?;
    let mut stream = dialled.connection.stream;
    if url.scheme() == "https" {
        let trust = Trust::of_this_machine().await;
        let round_trip = dialled.connection.took;
        let wish = Wish { host: &host, alpn: &[], trust: &trust, clock_offset_ms: None, round_trip, until, asks: true };
        let open = again(network, dialled.address);
        stream = shake(stream, &open, &wish, &|_| {}).await.result.map_err(|trouble| trouble.summary)?;
    }
    let question = request(&Method::GET, url, false)?;
    let mut session = Session::open(stream).await.map_err(|broken| broken.trouble(&host).summary)?;
    let answer = session.ask(question, until, &|_| {}).await.map_err(|broken| broken.trouble(&host).summary)?;
    if answer.status().as_u16() != 200 {
        return Err(format!("{host} answers {}", answer.status().as_u16()));
    }
    let (text, end) = session.text(answer.into_body(), SCRIPT_LIMIT_BYTES, until).await;
    match end {
        BodyEnd::Complete => Ok(String::from_utf8_lossy(&text).into_owned()),
        BodyEnd::Enough => Err("it is larger than 1 MiB or too slow".to_owned()),
        BodyEnd::Stalled | BodyEnd::Cut => Err("it was cut off".to_owned()),
    }
}

async fn run(world: &World, url: &Url, text: String, target: &Url, lookups: bool) -> Result<Said, Trouble> {
    let mut policy = PacPolicy::new()
        .with_timeout(Some(EVALUATION_WAIT))
        .with_dns_resolution(lookups)
        .with_internal_addresses(lookups)
        .with_local_utc_offset(jiff::Timestamp::now().to_zoned(sys::local_zone()).offset().seconds());
    // Scripts send laptops past the proxy by their own address, so they must see the true one.
    if let Ok(address) = source_address(world).await {
        policy = policy.with_my_ip_address(address);
    }
    let (target, script) = (target.clone(), PacScript::new(text));
    let evaluated = tokio::task::spawn_blocking(move || evaluate(&script, &target, &policy)).await;
    match evaluated {
        Ok(Ok(steps)) => Ok(Said { candidates: steps.iter().take(ANSWER_LIMIT).map(candidate).collect() }),
        Ok(Err(error)) => {
            let why = bounded(&error.to_string());
            let summary = format!("the PAC file {} cannot be evaluated: {why}", shown(url));
            Err(Trouble::new(Code::ProxyPacInvalid, summary))
        }
        Err(error) => Err(Trouble::unknown(format!("the PAC file {} was not evaluated: {error}", shown(url)))),
    }
}

/// The address that this machine uses towards the internet, as far as the kernel says without sending anything.
async fn source_address(world: &World) -> Result<std::net::IpAddr, ()> {
    /// Any public address does: only the route to it is asked.
    const ANYWHERE: std::net::IpAddr = std::net::IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));
    let route = world.machine.route_to(ANYWHERE.into()).await.map_err(drop)?;
    route.source.ok_or(())
}

fn candidate(step: &ProxyStep) -> Used {
    let with = |endpoint: &ProxyEndpoint, kind| Used::Proxy(Proxy { kind, ..Proxy::of(endpoint) });
    use super::connect::Kind;
    match step {
        ProxyStep::Http(endpoint) => with(endpoint, Kind::Http),
        ProxyStep::Https(endpoint) => with(endpoint, Kind::Https),
        ProxyStep::Socks4(endpoint) => with(endpoint, Kind::Socks4),
        ProxyStep::Socks5(endpoint) => with(endpoint, Kind::Socks5),
        _ => Used::Direct,
    }
}
