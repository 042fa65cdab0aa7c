//! The rate of the line and the delay while it is full, against an endpoint that the site names. It is the one probe that
//! loads a network, so it is bounded in bytes and seconds and does nothing unless somebody asked for it.

use super::argument::optional;
use super::way::exchange::{self, BodyEnd, Broken, Session};
use super::way::open::{self, Service, open};
use super::way::trust::Trust;
use super::way::{self, Trouble, host_of, shown};
use super::{Burden, Contacts, Cost, Look, Probe, accepts, schema_of};
use crate::layer::Layer;
use crate::observation::Observation;
use crate::problem::{Code, count, joined};
use crate::world::Dial;
use futures_util::StreamExt;
use futures_util::future::{join, join_all};
use futures_util::stream::FuturesUnordered;
use hyper::Method;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, sleep, sleep_until};
use url::Url;

/// What it can report: what each step of the way can end in, and what it measures itself.
const CODES: &[&[Code]] = &[
    open::CODES[0],
    open::CODES[1],
    open::CODES[2],
    open::CODES[3],
    &[Code::PathQueueing, Code::PathSlowRate, Code::HttpNoAnswer, Code::HttpCut, Code::HttpNotHttp, Code::HttpOnlyTwo],
];

/// The probe.
pub const PROBE: Probe = Probe {
    name: "throughput",
    layer: Layer::Path,
    cost: Cost::Slow,
    summary: "how much a line carries, and how long the round trip takes while it is full",
    about: "Loads the line: fetches one file over four connections at once for five seconds, at most 64 MB in all \
        (`seconds` and `megabytes` set other bounds, up to ten seconds and 500 MB), and only from the endpoint that \
        somebody named. Before that and meanwhile it opens further connections to the same port, whose handshakes are \
        answered by the far end's kernel: their round trip is the delay of the idle and of the full line. A delay that \
        grows by more than 200 ms shows a queue that is too long (bufferbloat); a rate below `expected_mbit_s` is a \
        problem only where one is given. Goes past proxies. Needs no rights. Sources: RFC 9097 (capacity), RFC 7567 \
        section 1 (queues), draft-ietf-ippm-responsiveness (round trips each minute under load).",
    contacts: Contacts::named(&["url"]),
    burden: Burden::of("fills the line over {} connections for {} seconds, at most {} MB; {} seconds and {} MB at most where the playbook says so").counting(&[STREAMS, SECONDS, MEGABYTES, MOST_SECONDS, MOST_MEGABYTES]).and_leaves("others on the line feel it, and a metered line is charged for it"),
    codes: &joined::<{ count(CODES) }>(CODES),
    params: schema_of::<Params>,
    facts: schema_of::<ThroughputFacts>,
    accepts: accepts::<Params>,
    run: |look| look.with(run),
};

/// Connections side by side: one is held back by its window and by single losses, and four fill a line that browsers
/// fill (they open six to a host).
const STREAMS: u64 = 4;
/// How long the line is loaded: TCP's start takes the first of them at 100 ms of round trip.
const SECONDS: u64 = 5;
/// Nobody gets to load a line for longer; what a check of this cost may take is 25 s in all.
const MOST_SECONDS: u64 = 10;
/// What is fetched at most: at 100 Mbit/s all of five seconds, and what faster lines carry is known sooner.
const MEGABYTES: u64 = 64;
/// Nobody gets to fetch more.
const MOST_MEGABYTES: u64 = 500;
/// A shorter load says nothing of a queue: TCP has not filled the line by then.
const LEAST_LOAD: Duration = Duration::from_secs(1);
/// Handshakes on the idle line, and the time between them.
const IDLE_TRIPS: usize = 5;
const IDLE_SPACING: Duration = Duration::from_millis(50);
/// Handshakes on the full line: ten a second are nothing beside the load.
const LOADED_SPACING: Duration = Duration::from_millis(100);
/// Half a second after the load begins the queue is as long as it gets on lines that have one; judgement.
const RAMP: Duration = Duration::from_millis(500);
/// How long one handshake is waited for: the first packet is sent again after one second (RFC 6298), and a queue of two
/// is beyond doubt.
const TRIP_WAIT: Duration = Duration::from_secs(2);
/// Fewer handshakes than this on the full line are an accident.
const LEAST_TRIPS: usize = 5;
/// The queue may add so much to the round trip, in milliseconds. Judgement: a conversation bears 300 (ITU-T G.114), and
/// the way itself takes up to 100 of that.
pub const QUEUE_MS: f64 = 200.0;

/// Where to fetch, and how much.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct Params {
    /// A large file (http or https) on a server that may be loaded; it says where redirects lead itself, none is walked.
    url: String,
    /// How long the line is loaded, in seconds; 5 if not given, 10 at most.
    #[serde(deserialize_with = "optional")]
    seconds: Option<u64>,
    /// How much is fetched at most, in megabytes; 64 if not given, 500 at most.
    #[serde(deserialize_with = "optional")]
    megabytes: Option<u64>,
    /// The least rate that is right here, in Mbit/s.
    #[serde(deserialize_with = "optional")]
    expected_mbit_s: Option<f64>,
}

/// What was measured.
#[derive(Debug, Default, Serialize, JsonSchema)]
struct ThroughputFacts {
    /// The endpoint, without query and credentials.
    url: String,
    /// The address that answered.
    address: Option<String>,
    /// Bytes that arrived over all connections, without headers.
    bytes: u64,
    /// How long that took, in milliseconds.
    load_ms: f64,
    /// What ended the load: `time`, `bytes`, or `file` where the file was over.
    ended_by: Option<&'static str>,
    /// The rate downwards, in Mbit/s (10^6 bit/s), without headers.
    down_mbit_s: Option<f64>,
    /// The least that is right here, where somebody said so.
    expected_mbit_s: Option<f64>,
    /// Median round trip of the idle line.
    idle_ms: Option<f64>,
    /// Median round trip of the full line.
    loaded_ms: Option<f64>,
    /// What the load adds to the round trip.
    added_ms: Option<f64>,
    /// Round trips that fit into a minute on the full line.
    round_trips_per_minute: Option<u64>,
    /// Handshakes on the full line.
    loaded_trips: usize,
    /// Those among them that got no answer.
    loaded_lost: usize,
}

async fn run(look: &Look<'_>, params: Params) -> Vec<Observation> {
    let url = match Url::parse(params.url.trim()) {
        Ok(url) if matches!(url.scheme(), "http" | "https") && url.has_host() => url,
        _ => return vec![look.unknown(None, "no endpoint with a http or https address is named")],
    };
    let facts =
        ThroughputFacts { url: shown(&url), expected_mbit_s: params.expected_mbit_s, ..ThroughputFacts::default() };
    let trust = if url.scheme() == "https" { Some(Trust::of_this_machine().await) } else { None };
    let endpoint = Endpoint { look, url: &url, trust };
    vec![endpoint.measure(&params, facts).await]
}

/// Who is measured against.
struct Endpoint<'l, 'a> {
    look: &'l Look<'a>,
    url: &'l Url,
    trust: Option<Arc<Trust>>,
}

/// What one connection fetched.
struct Fetched {
    bytes: u64,
    end: BodyEnd,
    /// Whether it got all that it may.
    full: bool,
}

impl Endpoint<'_, '_> {
    async fn measure(&self, params: &Params, mut facts: ThroughputFacts) -> Observation {
        let first = match self.session().await {
            Ok(opened) => opened,
            Err(trouble) => return way::observe(self.look, None, &trouble).facts(&facts),
        };
        let peer = first.1;
        let via = way::via(self.look, peer).await;
        facts.address = Some(peer.ip().to_string());
        facts.idle_ms = median(&self.idle(peer).await);
        let observation = match self.load(params, first.0, peer, &mut facts).await {
            Ok(()) => self.judge(&facts),
            Err(trouble) => way::observe(self.look, None, &trouble),
        };
        observation.facts(&facts).via(via)
    }

    /// Round trips of the idle line, in milliseconds.
    async fn idle(&self, peer: SocketAddr) -> Vec<f64> {
        let mut trips = Vec::new();
        for _ in 0..IDLE_TRIPS {
            trips.extend(self.trip(peer).await);
            sleep(IDLE_SPACING).await;
        }
        trips
    }

    /// One handshake; none where it got no answer.
    async fn trip(&self, peer: SocketAddr) -> Option<f64> {
        let dial = Dial::within(self.look.within(TRIP_WAIT));
        self.look.world.network.connect(peer, &dial).await.ok().map(|stands| stands.took.as_secs_f64() * 1000.0)
    }

    /// Fills the line and measures meanwhile.
    async fn load(
        &self,
        params: &Params,
        first: Session,
        peer: SocketAddr,
        facts: &mut ThroughputFacts,
    ) -> Result<(), Trouble> {
        let seconds = params.seconds.unwrap_or(SECONDS).clamp(1, MOST_SECONDS);
        let each = params.megabytes.unwrap_or(MEGABYTES).clamp(1, MOST_MEGABYTES) * 1_000_000 / STREAMS;
        let start = Instant::now();
        let end = (start + Duration::from_secs(seconds)).min(self.look.deadline);
        let others = join_all((1..STREAMS).map(|_| async {
            let (session, _) = self.session().await?;
            self.fetch(session, each, end).await
        }));
        let loading = async {
            let (first, others) = join(self.fetch(first, each, end), others).await;
            // The first connection says what is wrong with the endpoint; a further one may be turned away.
            let fetched: Vec<Fetched> = std::iter::once(first?).chain(others.into_iter().flatten()).collect();
            Ok::<_, Trouble>((fetched, start.elapsed()))
        };
        let (loaded, trips) = self.beside(loading, peer, start + RAMP).await;
        let (fetched, took) = loaded?;
        facts.bytes = fetched.iter().map(|part| part.bytes).sum();
        facts.load_ms = way::milliseconds(took);
        facts.ended_by = Some(match () {
            () if fetched.iter().all(|part| part.full) => "bytes",
            () if fetched.iter().all(|part| part.end == BodyEnd::Complete) => "file",
            () => "time",
        });
        facts.down_mbit_s = Some(round(facts.bytes as f64 * 8.0 / 1_000_000.0 / took.as_secs_f64().max(0.001)));
        facts.loaded_trips = trips.len();
        facts.loaded_lost = trips.iter().filter(|trip| trip.is_none()).count();
        let answered: Vec<f64> = trips.into_iter().flatten().collect();
        if answered.len() >= LEAST_TRIPS {
            // The queue grows until the line is full: what counts is what it comes to.
            facts.loaded_ms = median(&answered[answered.len() / 2..]);
            facts.added_ms = facts.loaded_ms.zip(facts.idle_ms).map(|(loaded, idle)| round((loaded - idle).max(0.0)));
            facts.round_trips_per_minute =
                facts.loaded_ms.filter(|loaded| *loaded > 0.0).map(|ms| (60_000.0 / ms) as u64);
        }
        Ok(())
    }

    /// Handshakes from `from` on until the load is over, each in milliseconds or none.
    async fn beside<T>(&self, load: impl Future<Output = T>, peer: SocketAddr, from: Instant) -> (T, Vec<Option<f64>>) {
        let trips = std::cell::RefCell::new(Vec::new());
        let measuring = async {
            // One after the other there would be the fewer of them, the longer the queue is.
            let mut under_way = FuturesUnordered::new();
            let mut next = from;
            loop {
                tokio::select! {
                    biased;
                    () = sleep_until(next) => {
                        under_way.push(self.trip(peer));
                        next += LOADED_SPACING;
                    }
                    Some(trip) = under_way.next() => trips.borrow_mut().push(trip),
                }
            }
        };
        let loaded = tokio::select! {
            loaded = load => loaded,
            () = measuring => unreachable!("the handshakes go on until the load is over"),
        };
        (loaded, trips.into_inner())
    }

    /// A connection on which HTTP can be spoken, and its other end.
    async fn session(&self) -> Result<(Session, SocketAddr), Trouble> {
        let host = host_of(self.url);
        let service = Service {
            host: &host,
            port: self.url.port_or_known_default().unwrap_or(443),
            addresses: &[],
            tls: self.trust.as_ref(),
            greets: false,
        };
        let opening = open(self.look, &service, &|_| {}).await;
        let stream = opening.result?;
        let peer = opening.peer.ok_or_else(|| Trouble::unknown("the address that answered is not known"))?;
        let session = Session::open(stream).await.map_err(|broken| broken.trouble(&host))?;
        Ok((session, peer))
    }

    async fn fetch(&self, mut session: Session, bytes: u64, end: Instant) -> Result<Fetched, Trouble> {
        let host = host_of(self.url);
        let request = exchange::request(&Method::GET, self.url, false).map_err(Trouble::unknown)?;
        let answer = session.ask(request, end, &|_| {}).await.map_err(|broken: Broken| broken.trouble(&host))?;
        if !answer.status().is_success() {
            let status = answer.status().as_u16();
            return Err(Trouble::unknown(format!("the endpoint {} answers {status}", shown(self.url))));
        }
        let body = session.body(answer.into_body(), bytes, end).await;
        Ok(Fetched { bytes: body.bytes, end: body.end, full: body.bytes >= bytes })
    }

    fn judge(&self, facts: &ThroughputFacts) -> Observation {
        let rate = facts.down_mbit_s.unwrap_or_default();
        let short = facts.ended_by == Some("file") && facts.load_ms < way::milliseconds(LEAST_LOAD);
        if short && facts.expected_mbit_s.is_none_or(|expected| rate < expected) {
            let why = format!(
                "the file of the endpoint is too small to measure by ({} bytes in {} ms)",
                facts.bytes, facts.load_ms
            );
            return self.look.unknown(None, &why);
        }
        let summary = self.summary(facts, rate);
        let queues = facts.added_ms.is_some_and(|added| added > QUEUE_MS);
        let slow = facts.expected_mbit_s.is_some_and(|expected| rate < expected);
        match (queues, slow) {
            (true, _) => self.look.problem(None, Code::PathQueueing, summary).also(slow.then_some(Code::PathSlowRate)),
            (false, true) => self.look.problem(None, Code::PathSlowRate, summary),
            (false, false) => self.look.ok(None, summary),
        }
    }

    fn summary(&self, facts: &ThroughputFacts, rate: f64) -> String {
        let expected = facts.expected_mbit_s.map(|expected| format!(" (at least {expected} expected)"));
        let trips = facts.loaded_ms.zip(facts.idle_ms).map(|(loaded, idle)| {
            format!("; the round trip takes {idle:.0} ms on the idle line and {loaded:.0} ms on the full one")
        });
        let host = host_of(self.url);
        format!("{rate} Mbit/s from {host}{}{}", expected.unwrap_or_default(), trips.unwrap_or_default())
    }
}

fn round(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

/// The middle value, with one digit after the point.
fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().map(round)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observation::Outcome;
    use crate::probe::testing::loopback::{Loopback, Served, answers, look, read_head, serve, world};
    use crate::sys::ProxySettings;
    use serde_json::{Value, json};
    use tokio::io::AsyncWriteExt;
    use tokio::net::TcpStream;

    /// Sends so many bytes every 20 ms until nobody takes them.
    async fn pace(stream: &mut TcpStream, block: usize) {
        read_head(stream).await;
        drop(stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await);
        let block = vec![b'x'; block];
        while stream.write_all(&block).await.is_ok() {
            sleep(Duration::from_millis(20)).await;
        }
    }

    async fn seen(served: &Served, more: Value) -> Observation {
        let mut args = json!({ "url": format!("http://{}/big?token=secret", served.address), "seconds": 1 });
        if let (Some(args), Value::Object(more)) = (args.as_object_mut(), more) {
            args.extend(more);
        }
        let world = world(Loopback::default(), ProxySettings::default());
        look(&PROBE, &world, args).await.0.remove(0)
    }

    #[tokio::test]
    async fn a_rate_is_measured_and_held_against_what_is_expected() {
        // 4 connections of 10,000 bytes every 20 ms: 16 Mbit/s at most.
        let served = serve(|mut stream| async move { pace(&mut stream, 10_000).await }).await;
        let fine = seen(&served, json!({ "expected_mbit_s": 0.5 })).await;
        assert_eq!(fine.outcome, Outcome::Ok, "{}", fine.summary);
        let rate = fine.facts["down_mbit_s"].as_f64().unwrap();
        assert!((0.5..20.0).contains(&rate), "{}", fine.summary);
        assert_eq!(fine.facts["ended_by"], "time");
        assert!(fine.facts["loaded_ms"].as_f64().is_some_and(|ms| ms < 200.0), "{}", fine.summary);
        assert!(!fine.facts["url"].as_str().unwrap().contains("secret"));
        let slow = seen(&served, json!({ "expected_mbit_s": "100" })).await;
        assert_eq!(slow.code, Some(Code::PathSlowRate), "{}", slow.summary);
    }

    #[tokio::test]
    async fn it_is_bounded_in_bytes() {
        let served = serve(|mut stream| async move { pace(&mut stream, 1_000_000).await }).await;
        let seen = seen(&served, json!({ "megabytes": 2 })).await;
        assert_eq!(seen.facts["ended_by"], "bytes", "{}", seen.summary);
        // Each connection stops with the block that reaches its share.
        assert!(seen.facts["bytes"].as_u64().unwrap() < 8_000_000, "{}", seen.facts["bytes"]);
    }

    #[tokio::test]
    async fn what_cannot_be_measured_is_unknown() {
        let small = serve(answers(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")).await;
        assert!(seen(&small, json!({})).await.summary.contains("too small"));
        let gone = serve(answers(b"HTTP/1.1 404 Gone\r\nContent-Length: 0\r\n\r\n")).await;
        assert_eq!(seen(&gone, json!({})).await.outcome, Outcome::Unknown);
        for url in ["", "ftp://files.test/x", "not an address"] {
            let world = world(Loopback::default(), ProxySettings::default());
            assert_eq!(look(&PROBE, &world, json!({ "url": url })).await.0[0].outcome, Outcome::Unknown);
        }
    }

    #[test]
    fn a_queue_is_told_by_the_medians() {
        assert_eq!(median(&[5.0, 1.0, 900.0]), Some(5.0));
        assert_eq!(median(&[]), None);
    }
}
