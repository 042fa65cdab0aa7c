//! TCP connections to every address of both families: whether they stand, how long that takes, and who refuses them.

use super::argument::{self, Addresses};
use super::attempt::{self, Attempts};
use super::way::{self, connect::again, unasked::is_cut_unasked};
use super::{Burden, Contacts, Cost, Look, Probe, accepts, schema_of};
use crate::layer::Layer;
use crate::observation::{Certainty, Observation, Outcome, Skip};
use crate::problem::Code;
use crate::world::{Connection, Dial, Failure};
use futures_util::future::join;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::cell::RefCell;
use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::time::{Instant, timeout};

/// The probe.
pub const PROBE: Probe = Probe {
    name: "tcp",
    layer: Layer::Transport,
    cost: Cost::Network,
    summary: "connects to every address of the target",
    about: "Opens TCP connections from fresh sockets to all addresses at once and closes them again; sends no data. \
        Silence is suspected after three attempts 200 ms apart (1.4 s; 1 s where somebody else answered over the same \
        way) and confirmed by a fourth (3.2 s); an explicit \
        refusal is confirmed by a second attempt at once. Where a connection is refused or unreachable, one more \
        connection and one UDP datagram ask who says so (Linux). Needs no rights. Sources: RFC 9293, RFC 8305, RFC \
        5461, RFC 6298 section 2.1.",
    contacts: Contacts::named(&["host", "addresses", "port"]),
    burden: Burden::of(
        "2 to {} connections to each address, without data; at most {} more where the playbook asks for repeats",
    )
    .counting(&[attempt::CONNECTIONS, MOST_REPEATS as u64])
    .and_leaves("the service may log connections without a request"),
    codes: &[
        Code::TcpRefused,
        Code::TcpTimeout,
        Code::TcpReset,
        Code::TcpHostUnreachable,
        Code::TcpNetUnreachable,
        Code::TcpProhibited,
        Code::TcpLocalDenied,
        Code::TcpNoAddress,
        Code::TcpSomeDead,
        Code::TcpFlapping,
        Code::TcpSlow,
        Code::PathUnreachable,
        Code::PathProhibited,
        Code::PathLoop,
    ],
    params: schema_of::<Params>,
    facts: schema_of::<TcpFacts>,
    accepts: accepts::<Params>,
    run: |look| look.with(run),
};

/// Connecting takes long from here on; judgement: one lost SYN costs a second, and people notice one.
const SLOW: Duration = Duration::from_millis(1_000);
/// How long somebody is waited for who says that a connection is refused, where no round trip is known.
const WHO_AT_MOST: Duration = Duration::from_millis(500);
/// The same after a long silence, so that the verdict still comes within 3.5 s.
const WHO_LATE: Duration = Duration::from_millis(200);
/// More connections than this are an attack and not a measurement.
const MOST_REPEATS: u32 = 20;

/// Arguments of the `tcp` probe.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Params {
    /// Name that the addresses belong to, for the texts.
    host: Option<String>,
    /// IP addresses to connect to, all at once.
    addresses: Addresses,
    /// Addresses to leave out, because another check looks at them; where none is left, the check is not needed.
    except: Addresses,
    /// Port.
    #[serde(deserialize_with = "argument::number")]
    port: u16,
    /// Connections to each address, 200 ms apart: more than one shows connections that succeed only at times.
    #[serde(deserialize_with = "argument::number")]
    repeat: u32,
    /// The same as `repeat`.
    #[serde(deserialize_with = "argument::number")]
    attempts: u32,
}

impl Default for Params {
    fn default() -> Self {
        Params {
            host: None,
            addresses: Addresses::default(),
            except: Addresses::default(),
            port: 443,
            repeat: 1,
            attempts: 1,
        }
    }
}

/// Facts of the `tcp` probe, for each address.
#[derive(Debug, Default, Serialize, JsonSchema)]
pub struct TcpFacts {
    /// Name that the address belongs to.
    host: Option<String>,
    /// IP address.
    address: String,
    /// Port.
    port: u16,
    /// `ipv4` or `ipv6`.
    family: &'static str,
    /// Whether it is of the loopback, by which programs of this machine talk to each other.
    loopback: bool,
    /// Connections that were tried.
    attempts: u32,
    /// Connections that stood.
    answered: u32,
    /// Handshake time of the connections that stood, the middle one of several.
    connect_ms: Option<f64>,
    /// This machine's address that was used.
    source: Option<String>,
    /// What came instead of a connection: `timeout`, `refused`, `reset`, `host_unreachable`, `network_unreachable`,
    /// `prohibited`, `local_denied`, `no_source`, `time_exceeded`.
    error: Option<&'static str>,
    /// Who said so: a router, the target, or this machine itself.
    from: Option<String>,
    /// Whether this machine itself said so, and the packet never left it.
    from_here: Option<bool>,
    /// Whether this machine has no default route of this family at all, so that programs do not try this address.
    no_route_here: Option<bool>,
    /// Segments that this machine sent again and did not let out, while the target was silent. The kernel counts them for
    /// all programs together (`TCPRetransFail`).
    kept_back: Option<u64>,
    /// Other addresses of the target that could be connected to, where this one could not.
    others_answered: Option<u32>,
}

async fn run(look: &Look<'_>, mut params: Params) -> Vec<Observation> {
    if params.addresses.leave_out(&params.except) {
        return vec![look.skipped(Skip::NotNeeded, "there is no other address")];
    }
    let one = |address| one(look, &params, SocketAddr::new(address, params.port));
    with_others(argument::each_address(look, &params.addresses, one).await)
}

/// Notes on dead addresses that others of the same target do answer: programs fall back, and that takes time.
fn with_others(mut observations: Vec<Observation>) -> Vec<Observation> {
    let stood = |observation: &Observation| observation.facts.get("answered").is_some_and(|count| *count != 0);
    let answered = observations.iter().filter(|observation| stood(observation)).count();
    for observation in &mut observations {
        if observation.outcome == Outcome::Problem && answered > 0 && !stood(observation) {
            observation.facts.insert("others_answered".to_owned(), answered.into());
            observation.also.push(Code::TcpSomeDead);
        }
    }
    observations
}

async fn one(look: &Look<'_>, params: &Params, to: SocketAddr) -> Observation {
    let repeat = params.repeat.max(params.attempts).clamp(1, MOST_REPEATS);
    let start = Instant::now();
    let mut via = look.world.via(to.ip()).await;
    via.peer = Some(to.to_string());
    let way = via.clone();
    let here = via.source.as_ref().and_then(|source| source.parse().ok());
    let said = RefCell::new(None);
    // Where the attempt itself did not hear who refuses, that is asked meanwhile.
    let (asked, question) = tokio::sync::oneshot::channel();
    let asked = RefCell::new(Some(asked));
    let shown = |failure: &Failure, made: u32| {
        let judged = judge(to, failure, said.borrow().as_ref(), here);
        if let Some(code) = judged {
            let facts = facts(params, to, made, failure);
            let summary = format!("{to} {} so far ({})", predicate(failure), counted(made, "attempt"));
            (look.emit)(look.problem(Some(&to.to_string()), code, summary).facts(&facts).via(way.clone()).suspected());
        }
        if *failure != Failure::Timeout
            && said.borrow().is_none()
            && let Some(asked) = asked.borrow_mut().take()
        {
            let _ = asked.send(());
        }
    };
    let connecting = async {
        let (said, network) = (&said, &look.world.network);
        let dial = |wait| async move {
            let connected = network.try_connect(to, &Dial::within(wait)).await.map_err(|refusal| {
                if refusal.said.is_some() {
                    *said.borrow_mut() = refusal.said;
                }
                refusal.failure
            });
            if repeat > 1 { held(connected?).await } else { connected.map(Stood::of) }
        };
        let attempts = attempt::persist(repeat, look.deadline, dial, shown, || (look.answered)(&way)).await;
        drop(asked.borrow_mut().take());
        attempts
    };
    let who = async {
        question.await.ok()?;
        look.world.network.who_refuses(to, look.within(patience(start.elapsed()))).await
    };
    let kept_before = kept_back(look).await;
    let (mut attempts, who) = join(connecting, who).await;
    let cut = attempts.failures.iter().any(|failure| matches!(failure, Failure::Reset | Failure::Closed));
    // A reset follows the acceptance; whether a connection is closed again before it comes is chance. A longer look says
    // whether only some connections succeed, or those that stood would have been cut too.
    if cut
        && attempts.differ()
        && repeat == 1
        && is_cut_unasked(&again(look.world.network.as_ref(), to), look.deadline).await
    {
        attempts.answers.clear();
        attempts.certain = true;
    }
    let who = said.take().or(who);
    conclude(look, params, to, &attempts, Refusal { who, kept_before }, via).await
}

/// How long each of several connections is watched: who resets what it accepts does so as soon as it runs again, and on a busy
/// machine that is after the connection stands. Judgement.
const HELD: Duration = Duration::from_millis(250);

/// Watches a connection for a moment. One that the far end resets did not stand, and whatever else it says or does is fine.
async fn held(mut connection: Connection) -> Result<Stood, Failure> {
    match timeout(HELD, connection.stream.read(&mut [0; 1])).await {
        Ok(Err(error)) if error.kind() == ErrorKind::ConnectionReset => Err(Failure::Reset),
        _ => Ok(Stood::of(connection)),
    }
}

/// What is known of who keeps a connection from standing.
struct Refusal {
    who: Option<(Failure, IpAddr)>,
    /// What the kernel had kept back before the first attempt.
    kept_before: Option<u64>,
}

/// Segments that were to be sent again and could not be: a rule that drops what a program sends here says nothing to the
/// program, and the kernel counts it where everybody may read it.
async fn kept_back(look: &Look<'_>) -> Option<u64> {
    look.world.machine.kernel_counter("TcpExt.TCPRetransFail").await.ok()
}

/// How long it may take to hear who refuses: about two round trips, as far as one is known.
fn patience(since: Duration) -> Duration {
    if since > attempt::SUSPECTED { WHO_LATE } else { (since * 2 + WHO_LATE).min(WHO_AT_MOST) }
}

/// Whether connections stand at the second packet so often that packets are lost. That all the others failed or stood
/// depends on which packets those were.
fn loses(answers: &[Stood], made: u32) -> Option<u32> {
    let again = answers.iter().filter(|stood| stood.sent_again).count() as u32;
    attempt::is_lossy(again, made).then_some(again)
}

/// What is kept of a connection that stood; the connection itself is closed.
struct Stood {
    took: Duration,
    source: Option<IpAddr>,
    /// Whether its first packet had to be sent again, by the kernel's own count.
    sent_again: bool,
}

impl Stood {
    fn of(connection: Connection) -> Self {
        let sent_again = connection.repeats.get().is_some_and(|repeats| repeats > 0);
        Stood { took: connection.took, source: connection.local.map(|local| local.ip()), sent_again }
    }
}

async fn conclude(
    look: &Look<'_>,
    params: &Params,
    to: SocketAddr,
    attempts: &Attempts<Stood>,
    Refusal { who, kept_before }: Refusal,
    via: crate::observation::Via,
) -> Observation {
    let subject = to.to_string();
    let failure = attempts.failure();
    let mut facts = facts(params, to, attempts.made, &failure);
    facts.answered = attempts.answers.len() as u32;
    let source = attempts.answers.iter().find_map(|stood| stood.source.map(|source| source.to_string()));
    facts.source = source.or_else(|| via.source.clone());
    if let Some(took) = middle(attempts.answers.iter().map(|stood| stood.took).collect()) {
        return answered(look, &subject, attempts, took, facts).via(via);
    }
    if failure == Failure::Timeout {
        facts.kept_back = kept_back(look).await.zip(kept_before).map(|(now, before)| now.saturating_sub(before));
    }
    let here = via.source.as_ref().and_then(|source| source.parse().ok());
    facts.from = who.as_ref().map(|(_, from)| from.to_string());
    facts.from_here = who.as_ref().map(|(_, from)| is_here(*from, to.ip(), here));
    if failure == Failure::NetworkUnreachable && who.is_none() {
        facts.no_route_here = no_route(look, to.ip()).await;
    }
    let Some(code) = judge(to, &failure, who.as_ref(), here) else {
        return look
            .unknown(Some(&subject), &format!("a connection cannot be tried: {failure}"))
            .facts(&facts)
            .via(via);
    };
    let named = facts.host.as_ref().map(|host| format!(" ({host})")).unwrap_or_default();
    let said = match &facts.from {
        Some(_) if facts.from_here == Some(true) => ", says this machine itself".to_owned(),
        Some(from) if *from != to.ip().to_string() => format!(", says {from}"),
        _ => String::new(),
    };
    let summary = format!(
        "{subject}{named} {}{said} ({} in {})",
        predicate(&failure),
        counted(attempts.made, "attempt"),
        way::said(attempts.took)
    );
    let mut observation = look.problem(Some(&subject), code, summary).facts(&facts).via(via);
    if !attempts.certain {
        observation.certainty = Some(Certainty::Suspected);
    }
    observation
}

/// It stood at least once.
fn answered(
    look: &Look<'_>,
    subject: &str,
    attempts: &Attempts<Stood>,
    took: Duration,
    mut facts: TcpFacts,
) -> Observation {
    let milliseconds = took.as_secs_f64() * 1000.0;
    facts.connect_ms = Some(round(milliseconds));
    let slow = took > SLOW;
    if attempts.differ() {
        let summary = format!(
            "{subject} accepted {} of {} connections; the others: {}",
            attempts.answers.len(),
            attempts.answers.len() + attempts.failures.len(),
            attempts.failure()
        );
        let also = slow.then_some(Code::TcpSlow);
        return look.problem(Some(subject), Code::TcpFlapping, summary).also(also).facts(&facts);
    }
    // Where the round trip itself is as long as the wait before the second packet, nothing was lost.
    if let Some(again) = loses(&attempts.answers, attempts.made).filter(|_| !slow) {
        let summary = format!(
            "{subject} accepted {} of {} connections, {again} of them only after their first packet was sent again",
            attempts.answers.len(),
            attempts.made
        );
        return look.problem(Some(subject), Code::TcpFlapping, summary).facts(&facts);
    }
    facts.error = None;
    if slow {
        let summary = format!("{subject} took {milliseconds:.0} ms to accept the connection");
        return look.problem(Some(subject), Code::TcpSlow, summary).facts(&facts);
    }
    look.ok(Some(subject), format!("{subject} accepted the connection in {milliseconds:.1} ms")).facts(&facts)
}

fn facts(params: &Params, to: SocketAddr, attempts: u32, failure: &Failure) -> TcpFacts {
    TcpFacts {
        host: params.host.clone().filter(|host| !host.is_empty() && *host != to.ip().to_string()),
        address: to.ip().to_string(),
        port: to.port(),
        family: if to.is_ipv4() { "ipv4" } else { "ipv6" },
        loopback: to.ip().is_loopback(),
        attempts,
        error: Some(failure.word()),
        ..TcpFacts::default()
    }
}

/// The problem that a failure is, with what is known of who said it. None where the failure is of this program's own
/// making and says nothing about the way.
pub(super) fn judge(
    to: SocketAddr,
    failure: &Failure,
    who: Option<&(Failure, IpAddr)>,
    here: Option<IpAddr>,
) -> Option<Code> {
    if let Some((said, from)) = who
        && *from != to.ip()
    {
        let own = is_here(*from, to.ip(), here);
        match said {
            Failure::Prohibited | Failure::Refused if own => return Some(Code::TcpLocalDenied),
            Failure::HostUnreachable | Failure::NetworkUnreachable if own => {}
            Failure::Prohibited | Failure::Refused => return Some(Code::PathProhibited),
            Failure::HostUnreachable | Failure::NetworkUnreachable => return Some(Code::PathUnreachable),
            Failure::TimeExceeded => return Some(Code::PathLoop),
            _ => {}
        }
    }
    // IPv4 reports a filter of the target as an unreachable host.
    let by_filter = who.is_some_and(|(said, _)| *said == Failure::Prohibited);
    Some(match failure {
        Failure::HostUnreachable | Failure::LocalDenied if by_filter => Code::TcpProhibited,
        Failure::Timeout => Code::TcpTimeout,
        Failure::Refused => Code::TcpRefused,
        Failure::Reset | Failure::Closed => Code::TcpReset,
        Failure::NetworkUnreachable => Code::TcpNetUnreachable,
        Failure::HostUnreachable => Code::TcpHostUnreachable,
        Failure::Prohibited => Code::TcpProhibited,
        Failure::LocalDenied => Code::TcpLocalDenied,
        Failure::NoSource => Code::TcpNoAddress,
        Failure::TimeExceeded => Code::PathLoop,
        Failure::TooLarge | Failure::Other(_) => return None,
    })
}

/// Whether this machine itself says it: it uses its own address for that, and the target is another one.
fn is_here(from: IpAddr, target: IpAddr, here: Option<IpAddr>) -> bool {
    from != target && (Some(from) == here || from.is_loopback())
}

/// Whether there is no default route of the target's family. None where the routes cannot be read.
async fn no_route(look: &Look<'_>, target: IpAddr) -> Option<bool> {
    let routes = look.world.machine.routes().await.ok()?;
    Some(!routes.iter().any(|route| route.ipv6 == target.is_ipv6() && route.is_default()))
}

fn predicate(failure: &Failure) -> String {
    match failure {
        Failure::Timeout => "does not answer".to_owned(),
        Failure::Refused => "refuses the connection".to_owned(),
        Failure::Reset | Failure::Closed => "resets the connection".to_owned(),
        Failure::NoSource => "cannot be dialled: no usable source address or port".to_owned(),
        other => format!("cannot be connected to: {other}"),
    }
}

/// "1 attempt", "2 attempts".
pub(super) fn counted(count: u32, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

fn middle(mut times: Vec<Duration>) -> Option<Duration> {
    times.sort_unstable();
    times.get(times.len() / 2).copied()
}

/// Two digits after the point are more than a network can repeat.
pub(super) fn round(milliseconds: f64) -> f64 {
    (milliseconds * 100.0).round() / 100.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probe::testing::stage::{Stage, play};
    use serde_json::json;

    async fn connect(stage: Stage) -> (Vec<Observation>, Vec<(u64, Observation)>) {
        play(&PROBE, stage, json!({ "addresses": ["10.9.0.7"], "port": 443 })).await
    }

    #[tokio::test(start_paused = true)]
    async fn every_address_is_looked_at_on_its_own() {
        let stage =
            Stage { connect: |_, to| if to.is_ipv4() { Ok(()) } else { Err(Failure::Refused) }, ..Stage::default() };
        let args = json!({ "host": "crm.test", "addresses": "10.9.0.7, 2001:db8::7, bogus", "port": "8443" });
        let (seen, _) = play(&PROBE, stage, args).await;
        assert_eq!(seen[0].outcome, Outcome::Ok);
        assert_eq!(seen[0].via.peer.as_deref(), Some("10.9.0.7:8443"));
        assert_eq!(seen[0].facts["connect_ms"], 2.0);
        assert_eq!(seen[1].subject.as_deref(), Some("[2001:db8::7]:8443"));
        assert!(seen[1].has(Code::TcpRefused) && seen[1].has(Code::TcpSomeDead));
        assert_eq!(seen[1].facts["others_answered"], 1);
        assert_eq!(seen[1].facts["attempts"], 2);
        assert_eq!(seen[2].outcome, Outcome::Unknown);
    }

    #[tokio::test(start_paused = true)]
    async fn silence_is_shown_early_and_confirmed_later() {
        let start = Instant::now();
        let (seen, emitted) = connect(Stage::default()).await;
        assert!(start.elapsed() < Duration::from_millis(3_400));
        assert_eq!((seen[0].code, seen[0].certainty), (Some(Code::TcpTimeout), Some(Certainty::Confirmed)));
        assert_eq!(emitted.len(), 1);
        assert_eq!(emitted[0].0, 1_400);
        assert_eq!((emitted[0].1.code, emitted[0].1.certainty), (Some(Code::TcpTimeout), Some(Certainty::Suspected)));
        assert_eq!(emitted[0].1.id, seen[0].id);
    }

    #[tokio::test(start_paused = true)]
    async fn who_says_it_decides_the_blame() {
        use Failure::{HostUnreachable, LocalDenied, NetworkUnreachable, Prohibited, Refused, TimeExceeded};
        type Case = (fn(u32, SocketAddr) -> Result<(), Failure>, Option<(Failure, &'static str)>, Code);
        let cases: [Case; 11] = [
            (|_, _| Err(Refused), None, Code::TcpRefused),
            (|_, _| Err(Refused), Some((Refused, "10.9.0.7")), Code::TcpRefused),
            (|_, _| Err(Refused), Some((Refused, "10.0.0.1")), Code::PathProhibited),
            (|_, _| Err(Refused), Some((Refused, "10.0.0.2")), Code::TcpLocalDenied),
            (|_, _| Err(HostUnreachable), None, Code::TcpHostUnreachable),
            (|_, _| Err(HostUnreachable), Some((HostUnreachable, "10.0.0.2")), Code::TcpHostUnreachable),
            (|_, _| Err(HostUnreachable), Some((HostUnreachable, "10.0.0.1")), Code::PathUnreachable),
            (|_, _| Err(HostUnreachable), Some((TimeExceeded, "10.0.0.1")), Code::PathLoop),
            (|_, _| Err(HostUnreachable), Some((Prohibited, "10.9.0.7")), Code::TcpProhibited),
            (|_, _| Err(LocalDenied), None, Code::TcpLocalDenied),
            (|_, _| Err(NetworkUnreachable), None, Code::TcpNetUnreachable),
        ];
        for (connect_with, who, code) in cases {
            let label = format!("{who:?} {code}");
            let (seen, _) = connect(Stage { connect: connect_with, who, ..Stage::default() }).await;
            assert_eq!(seen[0].code, Some(code), "{label}");
            assert_eq!(seen[0].certainty, Some(Certainty::Confirmed), "{label}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_family_without_a_route_is_marked() {
        let stage = || Stage { connect: |_, _| Err(Failure::NetworkUnreachable), ..Stage::default() };
        let (seen, _) = play(&PROBE, stage(), json!({ "addresses": ["2001:db8::7"] })).await;
        assert_eq!(seen[0].facts["no_route_here"], true);
        let (seen, _) = connect(stage()).await;
        assert_eq!(seen[0].facts["no_route_here"], false);
    }

    #[tokio::test(start_paused = true)]
    async fn repeats_that_differ_flap() {
        let stage =
            Stage { connect: |call, _| if call % 3 == 2 { Err(Failure::Timeout) } else { Ok(()) }, ..Stage::default() };
        let (seen, _) = play(&PROBE, stage, json!({ "addresses": ["10.9.0.7"], "port": 443, "repeat": 6 })).await;
        assert_eq!(seen[0].code, Some(Code::TcpFlapping));
        assert_eq!((&seen[0].facts["attempts"], &seen[0].facts["answered"]), (&json!(6), &json!(4)));
    }

    #[test]
    fn first_packets_that_are_sent_again_are_lost_ones() {
        let stood = |again: u32, of: u32| {
            let one = |number| Stood { took: Duration::from_millis(2), source: None, sent_again: number < again };
            loses(&(0..of).map(one).collect::<Vec<_>>(), of)
        };
        assert_eq!(stood(6, 20), Some(6));
        assert_eq!(stood(3, 20), None, "every seventh is what any bad line has");
        assert_eq!(stood(2, 4), None, "two are an accident");
        assert_eq!(stood(0, 20), None);
    }

    #[tokio::test(start_paused = true)]
    async fn what_cannot_be_tried_is_unknown() {
        let (seen, _) = play(&PROBE, Stage::default(), json!({})).await;
        assert_eq!(seen[0].outcome, Outcome::Unknown);
        let (seen, _) = connect(Stage { connect: |_, _| Err(Failure::Other("odd".into())), ..Stage::default() }).await;
        assert_eq!(seen[0].outcome, Outcome::Unknown);
        let (seen, _) = play(&PROBE, Stage::default(), json!({ "adresses": [] })).await;
        assert_eq!(seen[0].outcome, Outcome::Unknown);
    }
}
