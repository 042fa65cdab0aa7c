//! Does somebody else answer in the place of a known plain page: the sign-in page of a captive portal.

use super::argument;
use super::attempt::SUSPECTED;
use super::way::dial::dial;
use super::way::exchange::{self, BodyEnd, Session};
use super::way::{self, bounded, host_of, milliseconds, name, printable, shown};
use super::{Burden, Contacts, Cost, Look, Probe, accepts, schema_of};
use crate::layer::Layer;
use crate::observation::{Observation, Outcome, Via};
use crate::problem::Code;
use futures_util::future::{join, join_all};
use hyper::Method;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::time::Instant;
use url::Url;

/// The expected text is short, and a portal's page is recognised by its beginning.
const BODY_LIMIT_BYTES: u64 = 64 * 1024;

/// Characters of the page that are kept.
const BODY_START_LIMIT: usize = 80;

/// Does a captive portal answer?
pub const PROBE: Probe = Probe {
    name: "portal",
    layer: Layer::Path,
    cost: Cost::Network,
    summary: "does a captive portal answer in the place of a known plain page",
    about: "Asks a page of known content over plain HTTP, without proxy and without following redirects, and compares \
status and content exactly: portals let well-known addresses pass or answer in their place, and over HTTPS one could \
not be told from a broken certificate. A redirect to another host, another text, a sign-in (401, 403, 511) is a \
portal. Portals let some well-known pages pass, so that further pages are asked side by side: one that shows a portal \
is enough, and pages that are all dead show none. A redirect to the same host over HTTPS, an empty 200 where 204 was expected, and errors of the page's own \
server are no portal and leave the question open, as does no connection at all, which other checks explain. Needs no \
rights. Sources: RFC 8952, RFC 6585 section 6.",
    contacts: Contacts::named(&["url", "more_urls"]),
    burden: Burden::of("one request to each of at most {} pages; reads at most {} KiB of each")
        .counting(&[MORE_LIMIT as u64 + 1, BODY_LIMIT_BYTES / 1024])
        .and_leaves("a line in the logs of these pages' servers"),
    codes: &[Code::PathCaptivePortal],
    params: schema_of::<Params>,
    facts: schema_of::<Facts>,
    accepts: accepts::<Params>,
    run: |look| look.with(run),
};

/// The known page.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct Params {
    /// Its address; plain HTTP.
    url: String,
    /// What its body must begin with; only the status counts where this is empty.
    expect_body: String,
    /// Its status; 200 if not given and a body is expected, otherwise 200 or 204.
    #[serde(deserialize_with = "argument::optional")]
    expect_status: Option<f64>,
    /// Further pages, each of which answers 204, or with the same text as the first one.
    #[serde(deserialize_with = "argument::words")]
    more_urls: Vec<String>,
}

/// What was seen.
#[derive(Debug, Clone, Default, Serialize, JsonSchema)]
struct Facts {
    /// The page's address.
    url: String,
    /// The status that came.
    status: Option<u16>,
    /// Where the portal sends people, without query.
    portal_url: Option<String>,
    /// How the page began.
    body_start: Option<String>,
    /// The address that answered.
    address: Option<String>,
    /// From the request until the first byte, in milliseconds.
    first_byte_ms: Option<f64>,
    /// Pages that were asked.
    pages: usize,
    /// Those of them that answered as they should.
    passed: usize,
}

/// How long a page may take once the connection stands: it is a line of text, and who fails waits for this answer.
/// Judgement.
const PAGE_WAIT: Duration = Duration::from_secs(2);

/// Further pages that are asked; two or three tell all that pages can tell.
const MORE_LIMIT: usize = 4;

async fn run(look: &Look<'_>, params: Params) -> Vec<Observation> {
    let more = params.more_urls.iter().take(MORE_LIMIT).map(|url| page(look, &params, url, true));
    let (first, more) = join(page(look, &params, &params.url, false), join_all(more)).await;
    let pages: Vec<(Observation, Facts)> = std::iter::once(first).chain(more).collect();
    let passed = pages.iter().filter(|(seen, _)| seen.outcome == Outcome::Ok).count();
    let asked = pages.len();
    // The first of those that say most: a portal, then an open way, then nothing.
    let telling = pages.into_iter().min_by_key(|(seen, _)| match seen.outcome {
        Outcome::Problem => 0,
        Outcome::Ok => 1,
        Outcome::Unknown | Outcome::Skipped => 2,
    });
    let (observation, facts) = telling.expect("the first page is always asked");
    vec![observation.facts(&Facts { pages: asked, passed, ..facts })]
}

/// One page; `further` ones may answer 204 as well.
async fn page(look: &Look<'_>, params: &Params, url: &str, further: bool) -> (Observation, Facts) {
    let url = match Url::parse(url) {
        Ok(url) if url.scheme() == "http" && url.has_host() => url,
        Ok(_) => {
            return (look.unknown(None, "only a plain http:// address can show a portal"), Facts::default());
        }
        Err(error) => return (look.unknown(None, &format!("the address is no URL: {error}")), Facts::default()),
    };
    let mut facts = Facts { url: shown(&url), ..Facts::default() };
    let mut via = Via::default();
    let observation = match ask(look, &url, &mut facts, &mut via).await {
        Ok(_) if further && facts.status == Some(204) => {
            look.ok(None, format!("no portal: {} answers 204 as it should", host_of(&url)))
        }
        Ok((location, body)) => judge(look, params, &url, &mut facts, location, &body),
        Err(why) => look.unknown(None, &why),
    };
    (observation.via(via), facts)
}

/// The answer's `Location` and the beginning of its body.
async fn ask(look: &Look<'_>, url: &Url, facts: &mut Facts, via: &mut Via) -> Result<(Option<Url>, Vec<u8>), String> {
    let network = look.world.network.as_ref();
    let host = host_of(url);
    let start = Instant::now();
    let (addresses, _) = name::addresses(network, &host, look.deadline)
        .await
        .map_err(|failure| name::trouble(&host, &failure, start.elapsed()).summary)?;
    let port = url.port_or_known_default().unwrap_or(80);
    let targets: Vec<SocketAddr> = addresses.into_iter().map(|ip| SocketAddr::new(ip, port)).collect();
    // Silence here accuses nobody, so it is looked at once.
    let until = Instant::now() + look.within(SUSPECTED);
    let dialled = dial(network, &targets, until, &|_, _| {})
        .await
        .map_err(|failure| way::dial::trouble(&host, &failure, None).summary)?;
    facts.address = Some(dialled.address.ip().to_string());
    *via = way::via(look, dialled.address).await;
    let failed = |broken: exchange::Broken| broken.trouble(&host).summary;
    let request = exchange::request(&Method::GET, url, false)?;
    let mut session = Session::open(dialled.connection.stream).await.map_err(failed)?;
    let start = Instant::now();
    let until = start + look.within(PAGE_WAIT);
    let answer = session.ask(request, until, &|_| {}).await.map_err(failed)?;
    let first = session.first_byte().unwrap_or_else(Instant::now);
    facts.first_byte_ms = Some(milliseconds(first.saturating_duration_since(start)));
    facts.status = Some(answer.status().as_u16());
    let location = exchange::header(answer.headers(), "location").and_then(|location| url.join(&location).ok());
    let body = session.body(answer.into_body(), BODY_LIMIT_BYTES, until).await;
    if body.bytes == 0 && body.end != BodyEnd::Complete {
        return Err(format!("{host} did not finish its answer"));
    }
    Ok((location, body.start))
}

fn judge(
    look: &Look<'_>,
    params: &Params,
    url: &Url,
    facts: &mut Facts,
    location: Option<Url>,
    body: &[u8],
) -> Observation {
    let status = facts.status.unwrap_or_default();
    let host = host_of(url);
    if !body.is_empty() {
        facts.body_start = Some(printable(body, BODY_START_LIMIT));
    }
    let status_fits = match params.expect_status {
        Some(wanted) => f64::from(status) == wanted,
        None if params.expect_body.is_empty() => matches!(status, 200 | 204),
        None => status == 200,
    };
    if status_fits && body.starts_with(params.expect_body.as_bytes()) {
        return look.ok(None, format!("no portal: {host} answers {status} with the expected content"));
    }
    match location.filter(|_| (300..400).contains(&status)) {
        // The operator moved the page to HTTPS: that happens to such addresses, and no portal does it.
        Some(next) if host_of(&next) == host && next.scheme() == "https" => {
            look.unknown(None, &format!("{host} now redirects to HTTPS, so it cannot show a portal any more"))
        }
        Some(next) => {
            let target = shown(&next);
            facts.portal_url = Some(target.clone());
            portal(look, format!("{host} is answered by a portal: {status}, sign in at {target}"))
        }
        None if is_servers_own_trouble(status) => {
            look.unknown(None, &format!("{host} itself answers {status}, which says nothing about a portal"))
        }
        None if body.is_empty() && matches!(status, 200 | 204) => {
            look.unknown(None, &format!("{host} answers {status} without content, as caches do"))
        }
        None => {
            let start = bounded(facts.body_start.as_deref().unwrap_or("no content"));
            portal(look, format!("{host} is answered by somebody else: {status}, \"{start}\""))
        }
    }
}

/// Errors that the page's own server makes; 511 is a portal's by definition (RFC 6585 section 6).
fn is_servers_own_trouble(status: u16) -> bool {
    matches!(status, 404 | 408 | 410 | 429) || (500..600).contains(&status) && status != 511
}

fn portal(look: &Look<'_>, summary: String) -> Observation {
    look.problem(None, Code::PathCaptivePortal, summary)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probe::testing::loopback::{Loopback, answers, look, serve, world};
    use crate::sys::ProxySettings;
    use serde_json::json;

    const PAGE: &str = "NetworkManager is online";

    async fn seen(answer: &'static [u8], mut args: serde_json::Value) -> Observation {
        let served = serve(answers(answer)).await;
        args["url"] = json!(format!("http://check.test:{}/check.txt", served.address.port()));
        let network = Loopback::default().name("check.test", &["127.0.0.1"]);
        let world = world(network, ProxySettings::default());
        look(&PROBE, &world, args).await.0.remove(0)
    }

    #[tokio::test]
    async fn only_the_expected_content_is_no_portal() {
        let table: [(&'static [u8], Outcome); 10] = [
            (b"HTTP/1.1 200 OK\r\nContent-Length: 25\r\n\r\nNetworkManager is online\n", Outcome::Ok),
            (b"HTTP/1.1 200 OK\r\nContent-Length: 14\r\n\r\n<html>Sign in!", Outcome::Problem),
            (
                b"HTTP/1.1 302 x\r\nLocation: http://login.hotel.test/?mac=1\r\nContent-Length: 0\r\n\r\n",
                Outcome::Problem,
            ),
            (b"HTTP/1.1 511 x\r\nContent-Length: 5\r\n\r\nlogin", Outcome::Problem),
            (b"HTTP/1.1 403 x\r\nContent-Length: 5\r\n\r\nlogin", Outcome::Problem),
            (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", Outcome::Unknown),
            (b"HTTP/1.1 204 OK\r\n\r\n", Outcome::Unknown),
            (b"HTTP/1.1 503 x\r\nContent-Length: 0\r\n\r\n", Outcome::Unknown),
            (b"HTTP/1.1 301 x\r\nLocation: https://check.test/\r\nContent-Length: 0\r\n\r\n", Outcome::Unknown),
            (b"", Outcome::Unknown),
        ];
        for (answer, outcome) in table {
            let seen = seen(answer, json!({"expect_body": PAGE})).await;
            assert_eq!(seen.outcome, outcome, "{}", seen.summary);
            if outcome == Outcome::Problem {
                assert_eq!(seen.code, Some(Code::PathCaptivePortal));
                assert_eq!(seen.layer, Layer::Path);
            }
        }
    }

    #[tokio::test]
    async fn one_page_that_shows_the_portal_is_enough_and_dead_ones_show_none() {
        let open = b"HTTP/1.1 200 OK\r\nContent-Length: 24\r\n\r\nNetworkManager is online";
        let further: [(&'static [u8], Outcome); 3] = [
            (b"HTTP/1.1 200 OK\r\nContent-Length: 14\r\n\r\n<html>Sign in!", Outcome::Problem),
            (b"HTTP/1.1 204 x\r\n\r\n", Outcome::Ok),
            (b"", Outcome::Ok),
        ];
        for (answer, outcome) in further {
            let second = serve(answers(answer)).await;
            let more = format!("http://127.0.0.1:{}/generate_204", second.address.port());
            let seen = seen(open, json!({"expect_body": PAGE, "more_urls": [more]})).await;
            assert_eq!((seen.outcome, &seen.facts["pages"]), (outcome, &json!(2)), "{}", seen.summary);
        }
        let dead = seen(b"", json!({"expect_body": PAGE, "more_urls": "http://127.0.0.1:1/"})).await;
        assert_eq!(dead.outcome, Outcome::Unknown);
    }

    #[tokio::test]
    async fn the_portal_is_named_without_its_query() {
        let answer = b"HTTP/1.1 302 x\r\nLocation: http://login.hotel.test/welcome?mac=1\r\nContent-Length: 0\r\n\r\n";
        let seen = seen(answer, json!({"expect_status": 204})).await;
        assert_eq!(seen.facts["portal_url"], "http://login.hotel.test/welcome");
    }

    #[tokio::test]
    async fn a_status_alone_can_be_expected() {
        let empty = b"HTTP/1.1 204 No Content\r\n\r\n";
        assert_eq!(seen(empty, json!({"expect_status": 204})).await.outcome, Outcome::Ok);
        assert_eq!(seen(empty, json!({})).await.outcome, Outcome::Ok);
    }

    #[tokio::test]
    async fn no_connection_is_no_portal() {
        let world = world(Loopback::default(), ProxySettings::default());
        let args = json!({"url": "http://check.test/"});
        let (seen, _) = look(&PROBE, &world, args).await;
        assert_eq!(seen[0].outcome, Outcome::Unknown);
        let (seen, _) = look(&PROBE, &world, json!({"url": "https://check.test/"})).await;
        assert_eq!(seen[0].outcome, Outcome::Unknown);
    }
}
