//! One request over the network: by the proxy that this machine's programs use, over connections whose certificates are
//! judged by this machine's own store, with every wait bounded. Redirects are not followed, because the token would go
//! along.

use super::request::{Request, authority};
use super::{Parcel, answer::Answer};
use crate::probe::way::choice::{Used, first_choice};
use crate::probe::way::connect::{self, Proxy};
use crate::probe::way::dial::{self, dial};
use crate::probe::way::exchange::{Broken, Sent, Session, USER_AGENT};
use crate::probe::way::handshake::{Open, Wish, shake};
use crate::probe::way::trust::Trust;
use crate::probe::way::{host_of, name, script};
use crate::world::{Failure, Stream, World};
use futures_util::future::LocalBoxFuture;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::time::Instant;
use url::Url;

/// A connection stands within this or not at all: name, proxy, TCP and TLS, each with its own second look.
const CONNECT_WAIT: Duration = Duration::from_secs(20);

/// How long an answer may take once everything is there: systems look attachments through for viruses. Judgement.
const ANSWER_WAIT: Duration = Duration::from_secs(60);

/// The slowest line that is waited for, in bytes a second: an uplink of 256 kbit/s with half of it free. Judgement.
const SLOWEST: u64 = 16 * 1024;

/// An answer is a page of JSON; what is longer is not read.
const LONGEST_ANSWER: u64 = 1 << 20;

/// A connection, and what is known of it.
pub struct Line {
    pub stream: Box<dyn Stream>,
    pub local: Option<SocketAddr>,
    pub round_trip: Duration,
}

/// Which way the programs of this machine take to an address; the script that says so is asked by [`resolved`].
pub async fn used(world: &World, url: &Url) -> Used {
    let settings = world.machine.proxies().await.unwrap_or_default();
    first_choice(&settings, url).map_or(Used::Direct, |choice| choice.used)
}

/// The same once scripts have been asked.
async fn resolved(world: &World, url: &Url, until: Instant) -> Result<Used, String> {
    let asked = match used(world, url).await {
        Used::Script(address) => script::ask(world, &address, url, true, until).await,
        // Programs that search for a script go direct where there is none.
        Used::Discover => match script::discover(world, until).await {
            Some(address) => script::ask(world, &address, url, true, until).await,
            None => return Ok(Used::Direct),
        },
        Used::Unusable(text, why) => return Err(format!("the proxy setting \"{text}\" cannot be used: {why}")),
        used => return Ok(used),
    };
    let said = asked.map_err(|trouble| trouble.summary)?;
    Ok(said.candidates.into_iter().next().unwrap_or(Used::Direct))
}

/// A connection to a host, past every proxy.
pub async fn direct(world: &World, host: &str, port: u16, until: Instant) -> Result<Line, String> {
    let (network, start) = (world.network.as_ref(), Instant::now());
    let (addresses, _) = name::addresses(network, host, until)
        .await
        .map_err(|failure| name::trouble(host, &failure, start.elapsed()).summary)?;
    let peers: Vec<SocketAddr> = addresses.into_iter().map(|ip| SocketAddr::new(ip, port)).collect();
    match dial(network, &peers, until, &|_, _| {}).await {
        Ok(dialled) => Ok(Line {
            local: dialled.connection.local,
            round_trip: dialled.connection.took,
            stream: dialled.connection.stream,
        }),
        Err(failure) => {
            let here = world.via(failure.address.ip()).await.source.and_then(|source| source.parse().ok());
            Err(dial::trouble(host, &failure, here).summary)
        }
    }
}

/// A connection to a proxy, and through it where `tunnel` says so.
async fn by_proxy(world: &World, proxy: &Proxy, tunnel: Option<(&str, u16)>, until: Instant) -> Result<Line, String> {
    let (reach, stream) = connect::reach(world.network.as_ref(), proxy, until, &|_| {}).await;
    let mut stream = stream.map_err(|trouble| trouble.summary)?;
    if let Some((host, port)) = tunnel {
        let (_, through) = connect::tunnel(stream, proxy, host, port, until, &|_| {}).await;
        stream = through.map_err(|trouble| trouble.summary)?;
    }
    Ok(Line { stream, local: None, round_trip: reach.connect.unwrap_or_default() })
}

/// Encrypts a connection; the host must prove that it is who it is to the store of this machine.
pub async fn secure(line: Line, host: &str, again: &Open<'_>, greets: bool, until: Instant) -> Result<Line, String> {
    let trust = Trust::of_this_machine().await;
    let round_trip = line.round_trip;
    let wish = Wish { host, alpn: &[], trust: &trust, clock_offset_ms: None, round_trip, until, asks: !greets };
    let shaken = shake(line.stream, again, &wish, &|_| {}).await;
    let stream = shaken.result.map_err(|trouble| trouble.summary)?;
    Ok(Line { stream, ..line })
}

/// The connection for an address, and whether a proxy wants the whole address in the request.
async fn open(world: &World, url: &Url, until: Instant) -> Result<(Line, bool), String> {
    let (host, secured) = (host_of(url), url.scheme() == "https");
    let port = url.port_or_known_default().ok_or_else(|| format!("{url} has no port"))?;
    let used = resolved(world, url, until).await?;
    let plain = || async {
        match &used {
            Used::Proxy(proxy) => {
                let tunnel = (secured || !proxy.takes_absolute_form()).then_some((host.as_str(), port));
                by_proxy(world, proxy, tunnel, until).await
            }
            _ => direct(world, &host, port, until).await,
        }
    };
    let line = plain().await?;
    if !secured {
        let absolute = matches!(&used, Used::Proxy(proxy) if proxy.takes_absolute_form());
        return Ok((line, absolute));
    }
    let again = || -> LocalBoxFuture<'_, Result<Box<dyn Stream>, Failure>> {
        Box::pin(async { plain().await.map(|line| line.stream).map_err(Failure::Other) })
    };
    Ok((secure(line, &host, &again, false, until).await?, false))
}

/// Sends a request and reads the answer.
///
/// # Errors
/// Where there is none, in words.
pub async fn exchange(world: &World, request: &Request, parcel: &Parcel) -> Result<Answer, String> {
    let (content_type, body) = request.body(parcel);
    let wait = ANSWER_WAIT + Duration::from_secs(body.len() as u64 / SLOWEST);
    let (line, absolute) = open(world, &request.url, Instant::now() + CONNECT_WAIT).await?;
    let message = message(request, content_type, body, absolute)?;
    let talked = talk(line.stream, message, Instant::now() + wait).await;
    talked.map_err(|broken| {
        let cut = matches!(broken, Broken::Cut(_));
        let words = broken.trouble(&host_of(&request.url)).summary;
        if cut { format!("{words}; some do so where a file is too large") } else { words }
    })
}

async fn talk(stream: Box<dyn Stream>, message: hyper::Request<Sent>, until: Instant) -> Result<Answer, Broken> {
    let mut session = Session::open(stream).await?;
    let (head, body) = session.submit(message, until).await?.into_parts();
    let text = |name: &str| head.headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    // The status has come: what is wrong with the rest of the answer does not change what it says.
    let (body, _) = session.text(body, LONGEST_ANSWER, until).await;
    Ok(Answer {
        status: head.status.as_u16(),
        retry_after: text("retry-after"),
        location: text("location"),
        body: String::from_utf8_lossy(&body).into_owned(),
    })
}

fn message(
    request: &Request,
    content_type: Option<String>,
    body: Vec<u8>,
    absolute: bool,
) -> Result<hyper::Request<Sent>, String> {
    let url = &request.url;
    let path = &url[url::Position::BeforePath..url::Position::AfterQuery];
    let target = if absolute { format!("{}://{}{path}", url.scheme(), authority(url)) } else { path.to_owned() };
    let mut builder = hyper::Request::builder()
        .method(request.method.as_str())
        .uri(target)
        .header("host", authority(url))
        .header("user-agent", USER_AGENT)
        .header("connection", "close");
    if !request.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("accept")) {
        builder = builder.header("accept", "*/*");
    }
    if let Some(content_type) = content_type {
        builder = builder.header("content-type", content_type);
    }
    for (name, value) in &request.headers {
        // The library's own error would show a value that may be a secret.
        let value = hyper::header::HeaderValue::try_from(value.as_str());
        let mut value = value.map_err(|_| format!("the header `{name}` cannot hold its value"))?;
        value.set_sensitive(true);
        builder = builder.header(name.as_str(), value);
    }
    builder.body(Sent::from(body)).map_err(|error| error.to_string())
}
