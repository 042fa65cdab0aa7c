//! Echo requests (ping) to the gateway or the target: loss, delay and jitter. Silence is never called death here: many
//! hosts drop pings and are sound, and the judge clears it by any success over the same way.

use super::argument::{self, Addresses};
use super::attempt::{CONFIRMED, SPACING, SUSPECTED};
use super::tcp::round;
use super::throughput::QUEUE_MS;
use super::{Burden, Contacts, Cost, Look, Probe, accepts, schema_of};
use crate::layer::Layer;
use crate::observation::{Certainty, Observation, Via};
use crate::problem::Code;
use crate::world::{EchoSeries, EchoSocket, Failure};
use futures_util::future::join;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::net::IpAddr;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// The probe.
pub const PROBE: Probe = Probe {
    name: "echo",
    layer: Layer::Path,
    cost: Cost::Network,
    summary: "pings the gateway or the target",
    about: "Sends ICMP echo requests. Goes to 250 ms spacing at the first silence and to 20 requests 50 ms apart at \
        the first loss, so that the loss is a number and not an accident. Uses the datagram ICMP socket where \
        net.ipv4.ping_group_range allows it, else the raw one, which needs CAP_NET_RAW; may it use neither, the answer \
        is unknown. A gateway or target that drops pings is no fault by itself. Where nothing comes back while the \
        kernel's counter of reverse-path drops rises as often, this machine itself drops the answers. Sources: RFC 792, RFC 4443, RFC 1122 \
        section 3.2.2.6.",
    contacts: Contacts::named(&["address", "addresses"]),
    burden: Burden::of("some packets of {} bytes, {} more at the first loss, at most {}").counting(&[
        PAYLOAD_BYTES as u64,
        LOSS_COUNT as u64,
        MOST as u64,
    ]),
    codes: &[
        Code::RouteGatewaySilent,
        Code::PathEchoSilent,
        Code::PathQueueing,
        Code::PathLoss,
        Code::PathDelay,
        Code::PathJitter,
        Code::PathUnreachable,
        Code::PathProhibited,
        Code::PathLoop,
        Code::RouteReversePath,
    ],
    params: schema_of::<Params>,
    facts: schema_of::<EchoFacts>,
    accepts: accepts::<Params>,
    run: |look| look.with(run),
};

/// Bytes of payload: what ping sends.
const PAYLOAD_BYTES: usize = 56;
/// How long an answer of a running series is waited for, where some came already: longer than any sound path takes.
const SERIES_WAIT: Duration = Duration::from_millis(1_000);
/// Requests of the series that measures loss; judgement: one lost packet is five percent.
const LOSS_COUNT: u16 = 20;
/// Between them: a whole series takes one second.
const LOSS_SPACING: Duration = Duration::from_millis(50);
/// So many must be lost: one may be chance.
const LOSS_AT_LEAST: usize = 2;
/// Slow for a gateway, in milliseconds on average; judgement: a LAN takes 1 ms, a busy Wi-Fi 20.
const GATEWAY_SLOW_MS: f64 = 50.0;
/// Slow for a target, in milliseconds on average; judgement: round the world takes 300.
const TARGET_SLOW_MS: f64 = 300.0;
/// Much jitter, in milliseconds; judgement: calls suffer from 30 on.
const JITTER_MS: f64 = 30.0;
/// Jitter of fewer answers than this is an accident.
const JITTER_COUNT: usize = 10;
/// No check may send more than this.
const MOST: u16 = 100;
/// How long the answer of a gateway that forwards is waited for, before its silence is worth a note: it is nearer than
/// whatever answered through it, and this is above Linux's shortest retransmission time (200 ms).
const NEAR: Duration = Duration::from_millis(250);
/// Between these pings, and between looks whether something beyond a silent gateway has answered meanwhile.
const GLANCE: Duration = Duration::from_millis(50);
/// Requests of one round of the wait for a silent one, `SPACING` apart.
const ROUND: u16 = 2;

/// What is pinged, which decides what silence and delay mean.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// The first hop.
    Gateway,
    /// Anything beyond.
    #[default]
    Target,
}

/// Arguments of the `echo` probe.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Params {
    /// IP addresses to ping, all at once.
    addresses: Addresses,
    /// One more IP address.
    address: Addresses,
    /// `gateway` or `target`.
    role: Role,
    /// Requests of the first series.
    #[serde(deserialize_with = "argument::number")]
    count: u16,
    /// Milliseconds between them.
    #[serde(deserialize_with = "argument::number")]
    spacing_ms: u64,
    /// How often silence is looked at: twice where it is to be confirmed, once for a control, whose answer would say
    /// something and whose silence is nobody's fault.
    #[serde(deserialize_with = "argument::number")]
    looks: u8,
    /// Measure quality: at least 20 requests 50 ms apart, and jitter is judged too.
    quality: bool,
}

impl Default for Params {
    fn default() -> Self {
        let (addresses, address) = (Addresses::default(), Addresses::default());
        Params { addresses, address, role: Role::Target, count: 3, spacing_ms: 20, looks: 2, quality: false }
    }
}

/// Facts of the `echo` probe, for each address.
#[derive(Debug, Serialize, JsonSchema)]
pub struct EchoFacts {
    /// IP address.
    address: String,
    /// `gateway` or `target`.
    role: Role,
    /// Which kind of socket was used.
    socket: Option<EchoSocket>,
    /// Requests that were sent.
    sent: usize,
    /// Answers.
    received: usize,
    /// Share of the requests without an answer.
    loss_percent: Option<f64>,
    /// Shortest round trip.
    min_ms: Option<f64>,
    /// Mean round trip.
    avg_ms: Option<f64>,
    /// Longest round trip.
    max_ms: Option<f64>,
    /// How much longer the answers take on average than the quickest one: what packets wait in queues.
    queue_ms: Option<f64>,
    /// Mean difference between the round trips of answers that follow each other.
    jitter_ms: Option<f64>,
    /// What came instead of an answer, in the words of the `tcp` probe.
    error: Option<&'static str>,
    /// Who said so.
    from: Option<String>,
    /// Packets that strict reverse-path filtering of this machine dropped meanwhile.
    dropped_here: Option<u64>,
}

async fn run(look: &Look<'_>, params: Params) -> Vec<Observation> {
    let all = Addresses([&params.addresses.0[..], &params.address.0[..]].concat());
    let params = &params;
    argument::each_address(look, &all, |address| one(look, params, address)).await
}

async fn one(look: &Look<'_>, params: &Params, address: IpAddr) -> Observation {
    let mut via = look.world.via(address).await;
    via.peer = (params.role == Role::Target).then(|| address.to_string());
    let before = reverse_path_drops(look).await;
    let measured = match params.role {
        Role::Gateway => {
            beside_its_own_silence(look, params, address, &via, measure(look, params, address, &via)).await
        }
        Role::Target => measure(look, params, address, &via).await,
    };
    let dropped = match (before, reverse_path_drops(look).await) {
        (Some(before), Some(after)) => after.saturating_sub(before),
        _ => 0,
    };
    match measured {
        // As many as were asked for came back and were thrown away: others' packets may be among them, but not only.
        Ok((series, _)) if is_dropped_here(&series, dropped) => dropped_here(look, params, address, &series, dropped),
        Ok((series, certain)) => conclude(look, params, address, &series, certain),
        Err(reason) => look.unknown(Some(&address.to_string()), &reason),
    }
    .via(via)
}

fn is_dropped_here(series: &EchoSeries, dropped: u64) -> bool {
    answers(series) == 0 && !series.replies.is_empty() && dropped >= series.replies.len() as u64
}

/// Packets that this machine dropped because it would not send to their sender by the interface they came in
/// (`rp_filter`, RFC 3704).
async fn reverse_path_drops(look: &Look<'_>) -> Option<u64> {
    look.world.machine.kernel_counter("TcpExt.IPReversePathFilter").await.ok()
}

/// The answers came, by another interface than the one that leads to their sender.
fn dropped_here(look: &Look<'_>, params: &Params, address: IpAddr, series: &EchoSeries, dropped: u64) -> Observation {
    let facts = EchoFacts { dropped_here: Some(dropped), ..facts(params.role, address, series) };
    let summary = format!(
        "none of {} pings to {address} was answered, and meanwhile strict rp_filter of this machine dropped {dropped} \
         packets: the answers come in by another interface",
        facts.sent
    );
    look.problem(Some(&address.to_string()), Code::RouteReversePath, summary).facts(&facts)
}

/// Says early that a gateway is silent, where it forwards meanwhile: the goal may work long before its silence is worth
/// a suspicion, and that it drops pings is what people then ask about.
async fn beside_its_own_silence<T>(
    look: &Look<'_>,
    params: &Params,
    gateway: IpAddr,
    via: &Via,
    measure: impl Future<Output = T>,
) -> T {
    let beyond = Via { gateway: Some(gateway.to_string()), ..via.clone() };
    let silence = async {
        let first = Duration::from_millis(params.spacing_ms) * u32::from(params.count);
        sleep(first).await;
        // The first series tells nothing before its end, so these two are pings of their own.
        let near = look.world.network.echo(gateway, ROUND, GLANCE, look.within(NEAR), PAYLOAD_BYTES).await;
        if near.is_ok_and(|near| answers(&near) == 0) {
            while !(look.answered)(&beyond) {
                sleep(GLANCE).await;
            }
            let waited = NEAR.as_millis();
            let summary =
                format!("the gateway {gateway} did not answer pings within {waited} ms, and forwards meanwhile");
            let quiet = look.problem(Some(&gateway.to_string()), Code::RouteGatewaySilent, summary);
            (look.emit)(quiet.suspected().via(via.clone()));
        }
        std::future::pending::<T>().await
    };
    tokio::select! {
        biased;
        measured = measure => measured,
        never = silence => never,
    }
}

/// All requests that were sent, and whether silence lasted long enough to be certain.
async fn measure(look: &Look<'_>, params: &Params, address: IpAddr, via: &Via) -> Result<(EchoSeries, bool), String> {
    let here = via.source.as_deref();
    let heard = |mut series: EchoSeries| {
        // That this machine itself gave up looking for the neighbour is no word of anybody on the way.
        series.error.take_if(|(_, from)| from.is_some_and(|from| Some(from.to_string().as_str()) == here));
        series
    };
    let start = Instant::now();
    let ask = |count: u16, spacing: Duration, wait: Duration| {
        look.world.network.echo(address, count, spacing, look.within(wait), PAYLOAD_BYTES)
    };
    let (count, spacing) = if params.quality {
        (params.count.clamp(LOSS_COUNT, MOST), LOSS_SPACING)
    } else {
        (params.count.clamp(1, MOST), Duration::from_millis(params.spacing_ms))
    };
    let mut series = heard(first_round(count, spacing, ask).await?);
    if answers(&series) == 0 {
        let suspicion = conclude(look, params, address, &series, false);
        (look.emit)(suspicion.suspected().via(via.clone()));
        if params.looks < 2 {
            return Ok((series, false));
        }
        let wait = CONFIRMED.saturating_sub(start.elapsed()).saturating_sub(SPACING).max(SPACING);
        let again = heard(ask(ROUND, SPACING, wait).await?);
        let certain = again.replies.len() == usize::from(ROUND) && look.deadline > Instant::now();
        extend(&mut series, again);
        return Ok((series, certain));
    }
    if answers(&series) < series.replies.len() && !params.quality {
        extend(&mut series, ask(LOSS_COUNT, LOSS_SPACING, SERIES_WAIT).await?);
    }
    Ok((series, true))
}

/// The first series, and at the first silence two more requests with the spacing that bursts of loss demand.
async fn first_round<F>(
    count: u16,
    spacing: Duration,
    ask: impl Fn(u16, Duration, Duration) -> F,
) -> Result<EchoSeries, String>
where
    F: Future<Output = Result<EchoSeries, String>>,
{
    let over = spacing * u32::from(count.saturating_sub(1));
    let first = ask(count, spacing, SUSPECTED.saturating_sub(over).max(SERIES_WAIT));
    tokio::pin!(first);
    let early = tokio::select! {
        series = &mut first => Some(series?),
        () = sleep(over + SPACING) => None,
    };
    let wait = SUSPECTED.saturating_sub(over + 2 * SPACING).max(SPACING);
    match early {
        Some(series) if answers(&series) > 0 => Ok(series),
        Some(mut series) => {
            extend(&mut series, ask(ROUND, SPACING, wait).await?);
            Ok(series)
        }
        None => {
            // A slow path answers the first series after all; then the second has shown nothing new.
            let more = ask(ROUND, SPACING, wait);
            let (series, more) = join(first, more).await;
            let mut series = series?;
            if answers(&series) < series.replies.len() {
                extend(&mut series, more?);
            }
            Ok(series)
        }
    }
}

fn answers(series: &EchoSeries) -> usize {
    series.replies.iter().flatten().count()
}

fn extend(series: &mut EchoSeries, more: EchoSeries) {
    series.replies.extend(more.replies);
    series.error = series.error.take().or(more.error);
}

fn conclude(look: &Look<'_>, params: &Params, address: IpAddr, series: &EchoSeries, certain: bool) -> Observation {
    let subject = address.to_string();
    let facts = facts(params.role, address, series);
    let who = match params.role {
        Role::Gateway => format!("the gateway {subject}"),
        Role::Target => subject.clone(),
    };
    if facts.received == 0 {
        return silent(look, &subject, &who, params.role, &facts, series, certain);
    }
    let lost = facts.sent - facts.received;
    let average = facts.avg_ms.unwrap_or_default();
    let slow = if params.role == Role::Gateway { GATEWAY_SLOW_MS } else { TARGET_SLOW_MS };
    let uneven = facts.received >= JITTER_COUNT && facts.jitter_ms.is_some_and(|jitter| jitter > JITTER_MS);
    let queues =
        params.quality && facts.received >= JITTER_COUNT && facts.queue_ms.is_some_and(|queue| queue > QUEUE_MS);
    // What a full queue has no room for is lost, and what is behind it comes late: the queue comes first.
    let found: Vec<Code> = [
        (queues, Code::PathQueueing),
        (lost >= LOSS_AT_LEAST, Code::PathLoss),
        (average > slow, Code::PathDelay),
        (uneven, Code::PathJitter),
    ]
    .into_iter()
    .filter_map(|(holds, code)| holds.then_some(code))
    .collect();
    let summary = format!(
        "{who} answered {} of {} pings, in {average:.1} ms on average ({:.1} to {:.1} ms, jitter {:.1} ms)",
        facts.received,
        facts.sent,
        facts.min_ms.unwrap_or_default(),
        facts.max_ms.unwrap_or_default(),
        facts.jitter_ms.unwrap_or_default()
    );
    match found.split_first() {
        None => look.ok(Some(&subject), summary),
        Some((first, rest)) => look.problem(Some(&subject), *first, summary).also(rest.iter().copied()),
    }
    .facts(&facts)
}

fn silent(
    look: &Look<'_>,
    subject: &str,
    who: &str,
    role: Role,
    facts: &EchoFacts,
    series: &EchoSeries,
    certain: bool,
) -> Observation {
    let (code, said) = match &series.error {
        Some((Failure::HostUnreachable | Failure::NetworkUnreachable, Some(from))) if from.to_string() != subject => {
            (Code::PathUnreachable, format!(", {from} says that it is unreachable"))
        }
        Some((Failure::Prohibited, Some(from))) => (Code::PathProhibited, format!(", {from} forbids it")),
        Some((Failure::TimeExceeded, Some(from))) => {
            (Code::PathLoop, format!(", {from} says that the hop limit ran out"))
        }
        Some((failure, None)) if facts.sent > 0 => {
            let why = format!("pings to {who} cannot be sent: {failure}");
            return look.unknown(Some(subject), &why).facts(facts);
        }
        _ if role == Role::Gateway => (Code::RouteGatewaySilent, String::new()),
        _ => (Code::PathEchoSilent, String::new()),
    };
    let summary = format!("{who} did not answer {} pings{said}", facts.sent);
    let mut observation = look.problem(Some(subject), code, summary).facts(facts);
    if !certain {
        observation.certainty = Some(Certainty::Suspected);
    }
    observation
}

fn facts(role: Role, address: IpAddr, series: &EchoSeries) -> EchoFacts {
    let times: Vec<f64> = series.replies.iter().flatten().map(|took| took.as_secs_f64() * 1000.0).collect();
    let (sent, received) = (series.replies.len(), times.len());
    let mean = |values: &[f64]| (!values.is_empty()).then(|| round(values.iter().sum::<f64>() / values.len() as f64));
    let steps: Vec<f64> = times.windows(2).map(|pair| (pair[1] - pair[0]).abs()).collect();
    EchoFacts {
        address: address.to_string(),
        role,
        socket: Some(series.socket),
        sent,
        received,
        loss_percent: (sent > 0).then(|| round((sent - received) as f64 * 100.0 / sent as f64)),
        min_ms: times.iter().copied().reduce(f64::min).map(round),
        avg_ms: mean(&times),
        max_ms: times.iter().copied().reduce(f64::max).map(round),
        queue_ms: mean(&times).zip(times.iter().copied().reduce(f64::min)).map(|(mean, least)| round(mean - least)),
        jitter_ms: mean(&steps),
        error: series.error.as_ref().map(|(failure, _)| failure.word()),
        from: series.error.as_ref().and_then(|(_, from)| from.map(|from| from.to_string())),
        dropped_here: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observation::Outcome;
    use crate::probe::testing::stage::{Stage, play};
    use serde_json::{Value, json};

    fn series(replies: &[Option<u64>]) -> EchoSeries {
        let replies = replies.iter().map(|reply| reply.map(Duration::from_millis)).collect();
        EchoSeries { socket: EchoSocket::Datagram, replies, error: None }
    }

    async fn ping(
        echo: fn(u32, u16) -> Result<EchoSeries, String>,
        args: Value,
    ) -> (Observation, Vec<(u64, Observation)>) {
        let (mut seen, emitted) = play(&PROBE, Stage { echo, ..Stage::default() }, args).await;
        (seen.remove(0), emitted)
    }

    #[tokio::test(start_paused = true)]
    async fn a_healthy_gateway_is_done_at_once() {
        let start = Instant::now();
        let (seen, _) = ping(
            |_, count| Ok(series(&vec![Some(1); count.into()])),
            json!({ "address": "10.0.0.1", "role": "gateway" }),
        )
        .await;
        assert_eq!(seen.outcome, Outcome::Ok);
        assert_eq!((&seen.facts["sent"], &seen.facts["received"]), (&json!(3), &json!(3)));
        assert!(start.elapsed() < Duration::from_millis(60));
        assert_eq!(seen.via.gateway.as_deref(), Some("10.0.0.1"));
    }

    #[tokio::test(start_paused = true)]
    async fn silence_is_shown_and_confirmed() {
        for (role, code) in [("gateway", Code::RouteGatewaySilent), ("target", Code::PathEchoSilent)] {
            let start = Instant::now();
            let args = json!({ "addresses": ["10.9.0.7"], "role": role });
            let (seen, emitted) = ping(|_, count| Ok(series(&vec![None; count.into()])), args).await;
            assert_eq!((seen.code, seen.certainty), (Some(code), Some(Certainty::Confirmed)));
            assert_eq!(emitted[0].1.certainty, Some(Certainty::Suspected));
            assert!(emitted[0].0 <= 1_700, "{}", emitted[0].0);
            assert!(start.elapsed() <= Duration::from_millis(3_400), "{:?}", start.elapsed());
        }
    }

    #[tokio::test(start_paused = true)]
    async fn loss_becomes_a_number_before_it_is_reported() {
        let args = || json!({ "address": "10.9.0.7" });
        let lossy = |call: u32, count: u16| {
            let lost = if call == 0 { 1 } else { 4 };
            Ok(series(&(0..count).map(|place| (place >= lost).then_some(2)).collect::<Vec<_>>()))
        };
        let (seen, _) = ping(lossy, args()).await;
        assert!(seen.has(Code::PathLoss));
        // Three of the first series, two of the wait that its loss made longer, twenty that measure.
        assert_eq!(seen.facts["sent"], seen.facts["received"].as_u64().unwrap() + lost_of(&seen));
        let once = |call: u32, count: u16| {
            Ok(series(&(0..count).map(|place| (call > 0 || place > 0).then_some(2)).collect::<Vec<_>>()))
        };
        let (seen, _) = ping(once, args()).await;
        assert_eq!(seen.outcome, Outcome::Ok, "{}", seen.summary);
    }

    fn lost_of(seen: &Observation) -> u64 {
        let sent = seen.facts["sent"].as_f64().unwrap();
        (seen.facts["loss_percent"].as_f64().unwrap() * sent / 100.0).round() as u64
    }

    #[tokio::test(start_paused = true)]
    async fn delay_and_jitter_have_limits() {
        let slow = |_: u32, count: u16| Ok(series(&vec![Some(80); count.into()]));
        let (seen, _) = ping(slow, json!({ "address": "10.0.0.1", "role": "gateway" })).await;
        assert!(seen.has(Code::PathDelay));
        let (seen, _) = ping(slow, json!({ "address": "10.9.0.7" })).await;
        assert_eq!(seen.outcome, Outcome::Ok);
        let uneven = |_: u32, count: u16| {
            Ok(series(&(0..count).map(|place| Some(if place % 2 == 0 { 10 } else { 90 })).collect::<Vec<_>>()))
        };
        let (seen, _) = ping(uneven, json!({ "address": "10.9.0.7", "quality": true })).await;
        assert!(seen.has(Code::PathJitter));
        assert_eq!(seen.facts["jitter_ms"], 80.0);
        assert_eq!(seen.facts["sent"], 20);
    }

    #[tokio::test(start_paused = true)]
    async fn a_queue_is_told_from_a_long_way() {
        let quality = || json!({ "address": "10.9.0.7", "quality": true });
        let far = |_: u32, count: u16| Ok(series(&vec![Some(700); count.into()]));
        let (seen, _) = ping(far, quality()).await;
        assert_eq!((seen.code, seen.has(Code::PathQueueing)), (Some(Code::PathDelay), false));
        // It fills while it is measured, and what it has no room for is lost.
        let full = |_: u32, count: u16| {
            Ok(series(
                &(0..count).map(|place| (place % 4 < 3).then_some(20 + 60 * u64::from(place))).collect::<Vec<_>>(),
            ))
        };
        let (seen, _) = ping(full, quality()).await;
        assert_eq!(seen.code, Some(Code::PathQueueing), "{}", seen.summary);
        assert!(seen.has(Code::PathLoss));
    }

    #[tokio::test(start_paused = true)]
    async fn no_socket_is_unknown_and_a_router_is_named() {
        let (seen, _) = ping(|_, _| Err("needs CAP_NET_RAW".to_owned()), json!({ "address": "10.9.0.7" })).await;
        assert_eq!((seen.outcome, seen.reason.as_deref()), (Outcome::Unknown, Some("needs CAP_NET_RAW")));
        let refused = |_: u32, count: u16| {
            let error = Some((Failure::HostUnreachable, "10.0.0.1".parse().ok()));
            Ok(EchoSeries { error, ..series(&vec![None; count.into()]) })
        };
        let (seen, _) = ping(refused, json!({ "address": "10.9.0.7" })).await;
        assert_eq!(seen.code, Some(Code::PathUnreachable));
        assert_eq!(seen.facts["from"], "10.0.0.1");
    }
}
