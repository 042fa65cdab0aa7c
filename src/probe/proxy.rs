//! Which proxy the programs of this machine use for a target, and whether it takes them there.

use super::way::choice::{self, Choice, Used};
use super::way::connect::{self, Answer, Proxy, Reach};
use super::way::exchange::{self, Session};
use super::way::{self, Trouble, bounded, handshake, host_of, milliseconds, script, shown};
use super::{Burden, Contacts, Cost, Look, Probe, accepts, schema_of};
use crate::layer::Layer;
use crate::observation::{Observation, Via};
use crate::problem::{Code, count, joined};
use crate::settings::ProxyPlace;
use crate::sys::ProxySettings;
use crate::world::Stream;
use futures_util::future::join_all;
use hyper::Method;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::net::IpAddr;
use tokio::time::Instant;
use url::Url;

/// Proxies that are looked at; more than the groups of programs on a machine can use.
const PROXY_LIMIT: usize = 8;

/// Settings and addresses that are listed in facts.
const LIST_LIMIT: usize = 20;

/// What it can report: what each step of the way can end in, and what it sees itself.
const CODES: &[&[Code]] = &[script::CODES, connect::CODES, handshake::REFUSED, &[Code::ProxyConflict]];

/// Which proxy is used, and whether it works.
pub const PROBE: Probe = Probe {
    name: "proxy",
    layer: Layer::Proxy,
    cost: Cost::Network,
    summary: "which proxy programs use for a target, and whether it takes them there",
    about: "Reads every proxy setting with its source (environment in both cases, GNOME, KDE, system files), applies \
the exclusion lists, and fetches and evaluates a PAC script. Where a setting says to search for one (WPAD), the lease's \
address is taken, or `wpad` in the search domains; nothing above these is asked. Each proxy that some group of programs uses for the \
target is looked up, connected to (three spaced attempts) and asked: CONNECT for an https target, the whole address \
for an http one, a method offer and a connection for SOCKS. Credentials are never sent, so a proxy that wants them \
answers 407 with the schemes that it takes; that is a finding where programs have none either. With no proxy the \
check is ok and says `direct`. Whether a direct connection works is another check. Needs no rights; sees the settings \
of the account that runs it. Sources: RFC 9110 section 9.3.6, RFC 9112 section 3.2, RFC 1928.",
    contacts: Contacts::named(&["url", "settings"]).and_unless(
        "settings",
        "the configured proxies and the PAC file, and `wpad` in the search domains where programs search for one",
    ),
    burden: Burden::of("the PAC file once; three connections and one request for each of at most {} proxies")
        .counting(&[PROXY_LIMIT as u64])
        .and_leaves("a line in the proxy's log"),
    codes: &joined::<{ count(CODES) }>(CODES),
    params: schema_of::<Params>,
    facts: schema_of::<Facts>,
    accepts: accepts::<Params>,
    run: |look| look.with(run),
};

/// What the proxy is for.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct Params {
    /// The target: a URL, or a host (taken as `https://`).
    url: String,
    /// Proxies to look at instead of those in use: URLs, `direct`, or `pac+URL` for a script.
    settings: Option<Vec<String>>,
    /// Whether a PAC script may look names up.
    script_lookups: bool,
    /// The proxies that programs of the site should use, as `host` or `host:port`; any will do where there are none.
    expected: Vec<ProxyPlace>,
}

/// What was seen.
#[derive(Debug, Clone, Default, Serialize, JsonSchema)]
struct Facts {
    /// The target, without query and credentials.
    target: String,
    /// The proxy's URL without credentials, or `direct`.
    used: String,
    /// The settings that name it.
    source: Option<String>,
    /// `http`, `https`, `socks4`, `socks5`; `pac` where it went no further.
    scheme: Option<String>,
    /// The proxy's host.
    host: Option<String>,
    /// The proxy's port.
    port: Option<u16>,
    /// Whether it is one of those that the site expects, where it expects some.
    expected: Option<bool>,
    /// The addresses of that host.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    addresses: Vec<String>,
    /// The address that was connected to.
    address: Option<String>,
    /// How long the lookup of the proxy's name took, in milliseconds.
    lookup_ms: Option<f64>,
    /// How long the connection to it took, in milliseconds.
    connect_ms: Option<f64>,
    /// From the request until its answer, in milliseconds.
    answer_ms: Option<f64>,
    /// Status of its answer.
    connect_status: Option<u16>,
    /// Authentication schemes that it offers.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    schemes: Vec<String>,
    /// The `Via` or `Server` header of its answer.
    answered_by: Option<String>,
    /// Whether the exclusion list sends the target past the proxy.
    bypassed: bool,
    /// The entry of the list that does.
    bypass_entry: Option<String>,
    /// The address of the PAC script that was asked.
    script: Option<String>,
    /// What the script answered, in order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    script_answer: Vec<String>,
    /// Environment and desktop send the target different ways.
    conflict: bool,
    /// Upper- and lower-case variables of the same name say different things.
    case_conflict: Option<String>,
    /// Credentials are written in a setting that names this proxy.
    credentials: bool,
    /// Every setting there is, as `source: url`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    settings: Vec<String>,
    /// Sources that could not be read.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    unread: Vec<String>,
}

/// One way that some programs take, with everything that leads to it.
struct Road {
    used: Used,
    sources: Vec<String>,
    bypassed: Option<String>,
    script: Option<String>,
    script_answer: Vec<String>,
    trouble: Option<Trouble>,
}

async fn run(look: &Look<'_>, params: Params) -> Vec<Observation> {
    let target = match target(&params.url) {
        Ok(target) => target,
        Err(why) => return vec![look.unknown(None, &why)],
    };
    let settings = match look.world.machine.proxies().await {
        Ok(settings) => settings,
        Err(_) if params.settings.is_some() => ProxySettings::default(),
        Err(why) => return vec![look.unknown(None, &why.to_string())],
    };
    let choices: Vec<Choice> = match &params.settings {
        Some(given) => given.iter().take(PROXY_LIMIT).map(|text| choice::given(text)).collect(),
        None => choice::choices(&settings, &target),
    };
    let conflict = differ(&choices);
    let roads = roads(look, &params, &target, choices).await;
    let common = Facts { conflict, ..common_facts(&settings, &target) };
    if roads.is_empty() {
        return vec![direct(look, &common, None)];
    }
    join_all(roads.iter().take(PROXY_LIMIT).map(|road| walk(look, &params, &target, road, &settings, &common))).await
}

/// Whether this choice of somebody else's programs takes them to the target.
pub(super) async fn tried(look: &Look<'_>, target: &Url, choice: Choice) -> Result<(), Trouble> {
    // What is suspected on the way is the other check's to show.
    let quiet = Look { emit: &|_| {}, args: look.args.clone(), ..*look };
    let road = road(&quiet, &Params::default(), target, choice).await;
    match (road.trouble, &road.used) {
        (Some(trouble), _) => Err(trouble),
        (None, Used::Proxy(proxy)) => {
            let mut facts = Facts { used: road.used.shown(), ..Facts::default() };
            through(&quiet, target, proxy, &mut facts, &mut Via::default()).await.map(drop)
        }
        // Other checks try the direct way.
        (None, _) => Ok(()),
    }
}

/// A host is a target too: programs connect to it as to a page.
pub(super) fn target(text: &str) -> Result<Url, String> {
    let text = text.trim();
    if text.is_empty() {
        return Err("no target was given".to_owned());
    }
    let full = if text.contains("://") { text.to_owned() } else { format!("https://{text}") };
    match Url::parse(&full) {
        Ok(url) if url.has_host() => Ok(url),
        Ok(_) => Err("the target names no host".to_owned()),
        Err(error) => Err(format!("the target is no URL: {error}")),
    }
}

fn differ(choices: &[Choice]) -> bool {
    choices.windows(2).any(|pair| pair[0].used != pair[1].used)
}

fn common_facts(settings: &ProxySettings, target: &Url) -> Facts {
    Facts {
        target: shown(target),
        case_conflict: choice::case_conflict(settings)
            .map(|(one, other)| format!("{}, but {}", bounded(&one), bounded(&other))),
        settings: settings
            .settings
            .iter()
            .take(LIST_LIMIT)
            .map(|setting| bounded(&choice::describe(setting)))
            .collect(),
        unread: settings.unread.iter().take(LIST_LIMIT).map(|source| bounded(source)).collect(),
        ..Facts::default()
    }
}

/// The distinct ways, scripts asked.
async fn roads(look: &Look<'_>, params: &Params, target: &Url, choices: Vec<Choice>) -> Vec<Road> {
    let mut roads: Vec<Road> = Vec::new();
    for choice in choices {
        let road = road(look, params, target, choice).await;
        match roads.iter_mut().find(|known| known.used == road.used && known.script == road.script) {
            Some(known) => known.sources.extend(road.sources),
            None => roads.push(road),
        }
    }
    roads
}

async fn road(look: &Look<'_>, params: &Params, target: &Url, choice: Choice) -> Road {
    let mut road = Road {
        used: choice.used,
        sources: vec![choice.source],
        bypassed: choice.bypassed,
        script: None,
        script_answer: Vec::new(),
        trouble: None,
    };
    match &road.used {
        Used::Script(address) => {
            let address = address.clone();
            let asked = script::ask(look.world, &address, target, params.script_lookups, look.deadline).await;
            road.script = Some(Url::parse(&address).map_or_else(|_| bounded(&address), |url| shown(&url)));
            match asked {
                Ok(said) => {
                    road.script_answer = said.candidates.iter().map(Used::shown).collect();
                    road.used = said.candidates.into_iter().next().unwrap_or(Used::Direct);
                }
                Err(trouble) => road.trouble = Some(trouble),
            }
        }
        Used::Discover => discover(look, params, target, &mut road).await,
        Used::Unusable(text, why) => {
            let source = &road.sources[0];
            let summary = format!("the proxy setting {source} (\"{text}\") cannot be used: {why}");
            road.trouble = Some(Trouble::new(Code::ProxyBadSetting, summary));
        }
        Used::Direct | Used::Proxy(_) => {}
    }
    road
}

/// Programs that search the network for a script (WPAD) go direct where there is none, or none that can be used.
async fn discover(look: &Look<'_>, params: &Params, target: &Url, road: &mut Road) {
    road.used = Used::Direct;
    let Some(address) = script::discover(look.world, look.deadline).await else {
        road.sources[0].push_str(", which searches for a script (WPAD) and finds none");
        return;
    };
    road.script = Some(Url::parse(&address).map_or_else(|_| bounded(&address), |url| shown(&url)));
    match script::ask(look.world, &address, target, params.script_lookups, look.deadline).await {
        Ok(said) => {
            road.script_answer = said.candidates.iter().map(Used::shown).collect();
            road.used = said.candidates.into_iter().next().unwrap_or(Used::Direct);
            road.sources[0].push_str(", which found its script by searching (WPAD)");
        }
        Err(trouble) => road.sources[0].push_str(&format!(", which passes its script over: {}", trouble.summary)),
    }
}

fn direct(look: &Look<'_>, common: &Facts, road: Option<&Road>) -> Observation {
    let bypass = road.and_then(|road| road.bypassed.clone());
    let source = road.map(|road| road.sources.join(", "));
    let facts = Facts {
        used: "direct".to_owned(),
        bypassed: bypass.is_some(),
        bypass_entry: bypass.clone(),
        source: source.clone(),
        script: road.and_then(|road| road.script.clone()),
        script_answer: road.map(|road| road.script_answer.clone()).unwrap_or_default(),
        ..common.clone()
    };
    let summary = match (&bypass, &source) {
        (Some(entry), Some(source)) => {
            format!("programs go direct to {}: the exclusion list names {entry} ({source})", facts.target)
        }
        (None, Some(source)) => format!("programs go direct to {} ({source})", facts.target),
        _ => format!("programs go direct to {}: no proxy is set", facts.target),
    };
    conflicting(look, road.map(|_| "direct"), look.ok(road.map(|_| "direct"), summary), &facts).facts(&facts)
}

/// Variables that contradict each other are a problem even where the way works: which one a program reads is luck.
fn conflicting(look: &Look<'_>, subject: Option<&str>, observation: Observation, facts: &Facts) -> Observation {
    match &facts.case_conflict {
        Some(conflict) if observation.code.is_none() && observation.reason.is_none() => look.problem(
            subject,
            Code::ProxyConflict,
            format!("environment variables contradict each other: {conflict}"),
        ),
        Some(_) if observation.code.is_some() => observation.also([Code::ProxyConflict]),
        _ => observation,
    }
}

async fn walk(
    look: &Look<'_>,
    params: &Params,
    target: &Url,
    road: &Road,
    settings: &ProxySettings,
    common: &Facts,
) -> Observation {
    let mut facts = Facts {
        used: road.used.shown(),
        source: Some(road.sources.join(", ")),
        script: road.script.clone(),
        script_answer: road.script_answer.clone(),
        ..common.clone()
    };
    if let Some(trouble) = &road.trouble {
        facts.scheme = match &road.used {
            Used::Script(_) => Some("pac".to_owned()),
            _ => None,
        };
        let observation = way::observe(look, Some(&facts.used), trouble);
        return conflicting(look, Some(&facts.used), observation, &facts).facts(&facts);
    }
    let Used::Proxy(proxy) = &road.used else { return direct(look, common, Some(road)) };
    facts.scheme = Some(proxy.scheme().to_owned());
    facts.host = Some(bounded(&proxy.host));
    facts.port = Some(proxy.port);
    facts.expected =
        (!params.expected.is_empty()).then(|| params.expected.iter().any(|place| place.is_at(&proxy.host, proxy.port)));
    facts.credentials = settings.settings.iter().any(|setting| setting.credentials && setting.url == facts.used);
    let mut via = Via { proxy: Some(proxy.to_string()), ..Via::default() };
    let result = through(look, target, proxy, &mut facts, &mut via).await;
    let observation = match result {
        Ok(summary) => look.ok(Some(&facts.used), summary),
        Err(trouble) => way::observe(look, Some(&facts.used), &trouble),
    };
    let observation = conflicting(look, Some(&facts.used), observation, &facts).facts(&facts).via(via);
    (look.emit)(observation.clone());
    observation
}

/// Reaches the proxy and asks it for the target.
async fn through(
    look: &Look<'_>,
    target: &Url,
    proxy: &Proxy,
    facts: &mut Facts,
    via: &mut Via,
) -> Result<String, Trouble> {
    let used = facts.used.clone();
    let early = facts.clone();
    let suspect = |trouble: Trouble| {
        let via = Via { proxy: Some(used.clone()), ..Via::default() };
        (look.emit)(way::observe(look, Some(&used), &trouble).facts(&early).via(via));
    };
    let network = look.world.network.as_ref();
    let (reach, reached) = connect::reach(network, proxy, look.deadline, &suspect).await;
    note_reach(look, &reach, facts, via).await;
    let stream = reached?;
    let start = Instant::now();
    let plain = target.scheme() == "http" && proxy.takes_absolute_form();
    let (answer, result) = if plain {
        ask_for_page(stream, proxy, target, look.deadline, &suspect).await
    } else {
        let (host, port) = (host_of(target), target.port_or_known_default().unwrap_or(443));
        let (answer, result) = connect::tunnel(stream, proxy, &host, port, look.deadline, &suspect).await;
        (answer, result.map(drop))
    };
    facts.answer_ms = Some(milliseconds(start.elapsed()));
    facts.connect_status = answer.status;
    facts.schemes = answer.schemes;
    facts.answered_by = answer.answered_by;
    result?;
    let took = way::said(reach.connect.unwrap_or_default());
    Ok(format!(
        "the proxy {proxy} ({}) takes programs to {}, reached in {took}",
        facts.source.as_deref().unwrap_or(""),
        facts.target
    ))
}

async fn note_reach(look: &Look<'_>, reach: &Reach, facts: &mut Facts, via: &mut Via) {
    facts.addresses = reach.addresses.iter().take(LIST_LIMIT).map(IpAddr::to_string).collect();
    facts.lookup_ms = reach.lookup.map(milliseconds);
    facts.connect_ms = reach.connect.map(milliseconds);
    let Some(peer) = reach.peer else { return };
    facts.address = Some(peer.to_string());
    *via = Via { proxy: via.proxy.take(), ..way::via(look, peer).await };
}

/// A plain page is asked of the proxy itself; what it passes on is the server's word and no fault of the proxy.
async fn ask_for_page(
    stream: Box<dyn Stream>,
    proxy: &Proxy,
    target: &Url,
    until: Instant,
    suspect: &dyn Fn(Trouble),
) -> (Answer, Result<(), Trouble>) {
    let silent = |took| suspect(connect::broken_proxy(proxy, exchange::Broken::Silent(took, 0)).suspected(true));
    let asked = async {
        let request = exchange::request(&Method::GET, target, true).map_err(exchange::Broken::Other)?;
        let mut session = Session::open(stream).await?;
        session.ask(request, until, &silent).await
    };
    let response = match asked.await {
        Ok(response) => response,
        Err(broken) => return (Answer::default(), Err(connect::broken_proxy(proxy, broken))),
    };
    let status = response.status().as_u16();
    let answer = Answer::read(status, response.headers());
    let code = match status {
        407 => Code::ProxyAuthRequired,
        403 => Code::ProxyDenied,
        502..=504 => Code::ProxyUpstream,
        400 | 405 | 501 if !connect::has_proxy_marks(response.headers()) => Code::ProxyNotAProxy,
        _ => return (answer, Ok(())),
    };
    let summary = connect::status_words(proxy, &format!("GET {}", shown(target)), &answer, code);
    (answer, Err(Trouble::new(code, summary)))
}

#[cfg(test)]
mod tests;
