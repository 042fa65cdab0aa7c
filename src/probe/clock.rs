//! The clock: its offset from time servers, with the `Date` header of a web server as second witness. A wrong clock
//! spoils certificates and sign-ins and looks like a fault of theirs.

use super::argument::{self, Addresses};
use super::tcp::round;
use super::{Burden, Contacts, Cost, Look, Probe, accepts, schema_of};
use crate::layer::Layer;
use crate::observation::Observation;
use crate::problem::Code;
use crate::sys::Clock;
use crate::world::ServerTime;
use futures_util::future::join_all;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// The probe.
pub const PROBE: Probe = Probe {
    name: "clock",
    layer: Layer::Host,
    cost: Cost::Network,
    summary: "compares the clock with time servers",
    about: "Asks up to four time servers once each (SNTP) and takes the answer with the shortest round trip; reads \
        whether the kernel calls its clock synchronised. The configured servers are asked unless others are named. A \
        time from the Date header of a web server can be handed in as second witness: two that agree confirm, the \
        header alone only makes it suspected. Needs no rights. Sources: RFC 5905, RFC 9110 section 6.6.1, adjtimex(2).",
    contacts: Contacts::named(&["servers", "otherwise"]).and_unless("servers", "the configured time servers"),
    burden: Burden::of("one datagram of 48 bytes to each of at most {} time servers").counting(&[MOST_SERVERS as u64]),
    codes: &[Code::HostClockOff, Code::HostClockUnknown],
    params: schema_of::<Params>,
    facts: schema_of::<ClockFacts>,
    accepts: accepts::<Params>,
    run: |look| look.with(run),
};

/// A clock that is off by more is wrong: certificates with short lives and one-time passwords begin to fail (RFC 6238
/// section 5.2 takes steps of 30 seconds), while a Date header is never that coarse.
const WRONG_MS: f64 = 60_000.0;
/// How long a time server is waited for.
const SERVER_WAIT: Duration = Duration::from_millis(1_200);
/// How long the name of a time server is looked up.
const NAME_WAIT: Duration = Duration::from_millis(1_000);
/// Servers that are asked: more than three cannot outvote a wrong one any better (RFC 5905 section 11.2.1).
const MOST_SERVERS: usize = 4;
/// The port of NTP.
const PORT: u16 = 123;

/// Arguments of the `clock` probe.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Params {
    /// Names or addresses of time servers; those that this machine is configured with where none is given.
    servers: Addresses,
    /// Those to ask where this machine is configured with none.
    otherwise: Addresses,
    /// What a web server's Date header said: how many milliseconds this machine is behind.
    #[serde(deserialize_with = "argument::optional")]
    http_date_offset_ms: Option<f64>,
}

/// Facts of the `clock` probe.
#[derive(Debug, Default, Serialize, JsonSchema)]
pub struct ClockFacts {
    /// How far this machine is behind (positive) or ahead (negative).
    offset_ms: Option<f64>,
    /// Who says so: `sntp`, `http` or `both`.
    witness: Option<&'static str>,
    /// What a web server's Date header said.
    http_date_offset_ms: Option<f64>,
    /// Servers that were asked.
    servers_asked: usize,
    /// Servers that answered.
    servers_answered: usize,
    /// The one whose answer was taken.
    server: Option<String>,
    /// Its distance from a reference clock.
    stratum: Option<u8>,
    /// Round trip to it.
    round_trip_ms: Option<f64>,
    /// Whether the kernel calls its clock synchronised.
    synchronised: Option<bool>,
    /// The service that keeps the clock.
    service: Option<String>,
}

async fn run(look: &Look<'_>, params: Params) -> Vec<Observation> {
    let clock = look.world.machine.clock().await.unwrap_or_default();
    let lists = [&params.servers.0, &clock.servers, &params.otherwise.0];
    let servers: Vec<&String> =
        lists.into_iter().find(|list| !list.is_empty()).into_iter().flatten().take(MOST_SERVERS).collect();
    let asked = join_all(servers.iter().map(|server| ask(look, server))).await;
    let answers: Vec<(String, ServerTime)> = asked.into_iter().flatten().collect();
    vec![conclude(look, &params, &clock, servers.len(), answers)]
}

async fn ask(look: &Look<'_>, server: &str) -> Option<(String, ServerTime)> {
    let address: IpAddr = match server.parse() {
        Ok(address) => address,
        Err(_) => *look.world.network.lookup(server, look.within(NAME_WAIT)).await.ok()?.first()?,
    };
    let time = look.world.network.time(SocketAddr::new(address, PORT), look.within(SERVER_WAIT)).await.ok()?;
    Some((server.to_owned(), time))
}

fn conclude(
    look: &Look<'_>,
    params: &Params,
    clock: &Clock,
    asked: usize,
    answers: Vec<(String, ServerTime)>,
) -> Observation {
    let mut facts = ClockFacts {
        http_date_offset_ms: params.http_date_offset_ms,
        servers_asked: asked,
        servers_answered: answers.len(),
        synchronised: clock.synchronised,
        service: clock.service.clone(),
        ..ClockFacts::default()
    };
    let best = answers.into_iter().min_by_key(|(_, time)| time.round_trip);
    let by_server = best.as_ref().map(|(_, time)| time.offset_s * 1000.0);
    if let Some((server, time)) = best {
        facts.server = Some(server);
        facts.stratum = Some(time.stratum);
        facts.round_trip_ms = Some(round(time.round_trip.as_secs_f64() * 1000.0));
    }
    let Some(offset) = by_server.or(params.http_date_offset_ms) else {
        return without_witness(look, asked, &facts);
    };
    let wrong = |offset: f64| offset.abs() > WRONG_MS;
    let agree = by_server.zip(params.http_date_offset_ms).map(|(one, other)| wrong(one) == wrong(other));
    facts.offset_ms = Some(round(offset));
    facts.witness = Some(match (by_server, agree) {
        (Some(_), Some(true)) => "both",
        (Some(_), _) => "sntp",
        (None, _) => "http",
    });
    let said = facts.server.clone().unwrap_or_else(|| "the Date header of a web server".to_owned());
    let side = if offset > 0.0 { "behind" } else { "ahead of" };
    let summary = format!("the clock is {} {side} {said}", span(offset.abs()));
    if !wrong(offset) {
        return look.ok(None, summary).facts(&facts);
    }
    let observation = look.problem(None, Code::HostClockOff, summary).facts(&facts);
    // A header alone may come from a server whose own clock is wrong, and witnesses that disagree prove nothing.
    if by_server.is_none() || agree == Some(false) { observation.suspected() } else { observation }
}

fn without_witness(look: &Look<'_>, asked: usize, facts: &ClockFacts) -> Observation {
    let why = match (asked, facts.synchronised) {
        (0, None) => "no time server is configured or named".to_owned(),
        (0, Some(true)) => return look.ok(None, "the kernel calls its clock synchronised").facts(facts),
        (0, Some(false)) => "no time server is configured, and the kernel calls its clock unsynchronised".to_owned(),
        (count, Some(true)) => {
            format!("none of {count} time servers answered, though the kernel calls its clock synchronised")
        }
        (count, _) => format!("none of {count} time servers answered, so nothing says whether the clock is right"),
    };
    look.unknown(None, &why).facts(facts)
}

/// A span of time in the unit that people would use.
fn span(milliseconds: f64) -> String {
    match milliseconds {
        ms if ms < 1_000.0 => format!("{ms:.0} ms"),
        ms if ms < 120_000.0 => format!("{:.1} s", ms / 1_000.0),
        ms if ms < 7_200_000.0 => format!("{:.0} min", ms / 60_000.0),
        ms if ms < 172_800_000.0 => format!("{:.1} h", ms / 3_600_000.0),
        ms => format!("{:.0} days", ms / 86_400_000.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observation::{Certainty, Outcome};
    use crate::probe::testing::stage::{Stage, play};
    use crate::world::Failure;
    use serde_json::{Value, json};

    async fn look_at(time: fn(SocketAddr) -> Result<ServerTime, Failure>, args: Value) -> Observation {
        let clock = Clock { synchronised: Some(false), ..Clock::default() };
        play(&PROBE, Stage { time, clock, ..Stage::default() }, args).await.0.remove(0)
    }

    fn behind(offset_s: f64, round_trip_ms: u64) -> Result<ServerTime, Failure> {
        Ok(ServerTime { offset_s, round_trip: Duration::from_millis(round_trip_ms), stratum: 2 })
    }

    #[tokio::test(start_paused = true)]
    async fn the_nearest_server_is_believed() {
        let time = |server: SocketAddr| {
            if server.ip().to_string() == "192.0.2.123" { behind(3_600.0, 5) } else { behind(0.1, 80) }
        };
        let seen = look_at(time, json!({ "servers": ["10.0.0.9", "time.test", "missing.test"] })).await;
        assert_eq!((seen.code, seen.certainty), (Some(Code::HostClockOff), Some(Certainty::Confirmed)));
        assert_eq!(seen.facts["offset_ms"], 3_600_000.0);
        assert_eq!((&seen.facts["server"], &seen.facts["servers_answered"]), (&json!("time.test"), &json!(2)));
        assert!(seen.summary.contains("60 min behind"), "{}", seen.summary);
    }

    #[tokio::test(start_paused = true)]
    async fn witnesses_are_weighed() {
        let with = |offset: f64| json!({ "servers": "10.0.0.9", "http_date_offset_ms": offset });
        let seen = look_at(|_| behind(-90.0, 5), with(-90_400.0)).await;
        assert_eq!((seen.certainty, &seen.facts["witness"]), (Some(Certainty::Confirmed), &json!("both")));
        let seen = look_at(|_| behind(-90.0, 5), with(300.0)).await;
        assert_eq!((seen.certainty, &seen.facts["witness"]), (Some(Certainty::Suspected), &json!("sntp")));
        let seen = look_at(|_| behind(0.01, 5), with(-90_400.0)).await;
        assert_eq!((seen.outcome, &seen.facts["witness"]), (Outcome::Ok, &json!("sntp")));
        let seen = look_at(|_| Err(Failure::Timeout), with(-90_400.0)).await;
        assert_eq!((seen.certainty, &seen.facts["witness"]), (Some(Certainty::Suspected), &json!("http")));
    }

    #[tokio::test(start_paused = true)]
    async fn this_machines_own_servers_come_before_the_usual_ones() {
        let time = |server: SocketAddr| behind(if server.ip().to_string() == "10.0.0.9" { 3_600.0 } else { 0.0 }, 5);
        for (own, args, code) in [
            (vec!["10.0.0.9"], json!({ "otherwise": ["10.0.0.8"] }), Some(Code::HostClockOff)),
            (vec![], json!({ "otherwise": ["10.0.0.8"] }), None),
            (vec!["10.0.0.9"], json!({ "servers": "10.0.0.8", "otherwise": ["10.0.0.9"] }), None),
        ] {
            let clock = Clock { servers: own.into_iter().map(str::to_owned).collect(), ..Clock::default() };
            let seen = play(&PROBE, Stage { time, clock, ..Stage::default() }, args).await.0.remove(0);
            assert_eq!(seen.code, code, "{}", seen.summary);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn no_witness_is_unknown() {
        let seen = look_at(|_| Err(Failure::Timeout), json!({ "servers": ["10.0.0.9"] })).await;
        assert_eq!(seen.outcome, Outcome::Unknown);
        let seen = look_at(|_| Err(Failure::Timeout), json!({})).await;
        assert_eq!(seen.outcome, Outcome::Unknown);
        assert_eq!(seen.facts["synchronised"], false);
    }
}
