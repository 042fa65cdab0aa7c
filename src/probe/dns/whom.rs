//! Whom to ask, and for what: the servers that are responsible for a name, and the forms of the name that programs try.

use super::Params;
use super::asked::Asking;
use super::message::Question;
use crate::sys::{ResolverConfig, ResolverEntry};
use std::net::{IpAddr, Ipv6Addr, SocketAddr, SocketAddrV6};

/// Servers that are asked at most; resolver libraries use three, and a list of hundreds is an error of its own.
pub(super) const MOST_SERVERS: usize = 8;
/// Suffixes that are tried at most for a short name; glibc once allowed six.
const MOST_SUFFIXES: usize = 6;
/// Rounds of repeats at most: a playbook's number must not become a flood.
const MOST_REPEATS: u32 = 10;
/// Length of the label that cannot exist; long enough that nobody has registered or cached it.
const RANDOM_LABEL: usize = 20;

/// One server to ask.
#[derive(Debug, Clone)]
pub(super) struct Target {
    pub(super) server: SocketAddr,
    /// As people write it: without the port where that is 53.
    pub(super) text: String,
    pub(super) source: Option<String>,
    pub(super) link: Option<String>,
    pub(super) behind_stub: bool,
    pub(super) position: usize,
}

impl Target {
    /// Whether it may be a local stub itself, which passes on what it is asked.
    pub(super) fn may_be_stub(&self) -> bool {
        !self.behind_stub && self.server.ip().is_loopback()
    }
}

/// One form of the name to ask for.
#[derive(Debug, Clone)]
pub(super) struct Candidate {
    pub(super) asking: Asking,
    pub(super) name: String,
    /// The suffix, where this machine does not search it by itself.
    pub(super) foreign_suffix: Option<String>,
}

/// Who is asked: the servers that were named, or this machine's. Where some server is responsible for the name's domain
/// alone (split DNS), only such are, because programs ask no other.
pub(super) fn targets(
    params: &Params,
    name: &str,
    config: Result<&ResolverConfig, String>,
) -> Result<Vec<Target>, String> {
    let mut targets: Vec<Target> = Vec::new();
    if !params.servers.0.is_empty() {
        for text in &params.servers.0 {
            let server = server(text)?;
            let known = config.as_ref().ok().and_then(|config| entry_of(config, server));
            add(&mut targets, server, known, false);
        }
        return Ok(targets);
    }
    let config = config.map_err(|why| format!("the resolver configuration is not known: {why}"))?;
    for entry in responsible(&config.servers, name) {
        add(&mut targets, entry.server, Some(entry), false);
    }
    for entry in responsible(&config.upstream, name) {
        add(&mut targets, entry.server, Some(entry), true);
    }
    Ok(targets)
}

/// Whether this is a local stub that asks other servers for the control name than for this one: what becomes of the
/// control then says nothing about the servers that are asked here.
pub(super) fn control_goes_elsewhere(
    target: &Target,
    config: &ResolverConfig,
    name: &str,
    control: Option<&str>,
) -> bool {
    let asked = |name: &str| -> Vec<SocketAddr> {
        responsible(&config.upstream, name).iter().map(|entry| entry.server).collect()
    };
    let is_stub = config.stub && target.may_be_stub();
    is_stub && control.is_some_and(|control| asked(name) != asked(&control.trim().to_ascii_lowercase()))
}

fn entry_of(config: &ResolverConfig, server: SocketAddr) -> Option<&ResolverEntry> {
    config.servers.iter().chain(&config.upstream).find(|entry| entry.server == server)
}

fn add(targets: &mut Vec<Target>, server: SocketAddr, entry: Option<&ResolverEntry>, behind_stub: bool) {
    if targets.len() >= MOST_SERVERS || targets.iter().any(|target| target.server == server) {
        return;
    }
    targets.push(Target {
        server,
        text: server_text(server),
        source: entry.map(|entry| entry.source.clone()),
        link: entry.and_then(|entry| entry.link.clone()),
        behind_stub,
        position: targets.len() + 1,
    });
}

/// The entries whose domain fits the name best, else those that are for names that fit no domain. A search domain of a
/// link does not keep other names from its servers, so where nothing is said and none fits, all are.
pub(super) fn responsible<'a>(entries: &'a [ResolverEntry], name: &str) -> Vec<&'a ResolverEntry> {
    let fit = |entry: &ResolverEntry| {
        let by_domain = entry.domains.iter().filter_map(|domain| fit_of(domain, name)).max();
        let for_all = entry.default_route.unwrap_or(entry.domains.is_empty());
        // Even the domain of every name (`~.`) goes before having none.
        by_domain.map(|length| length + 1).or(for_all.then_some(0))
    };
    let best = entries.iter().filter_map(fit).max();
    entries.iter().filter(|entry| fit(entry) == best || best.is_none()).collect()
}

/// How many characters of the domain fit; none where it does not. `~` marks a routing-only domain, `.` is every name.
fn fit_of(domain: &str, name: &str) -> Option<usize> {
    let domain = domain.trim_start_matches('~').trim_matches('.').to_ascii_lowercase();
    let fits = domain.is_empty() || name == domain || name.ends_with(&format!(".{domain}"));
    fits.then_some(domain.len())
}

/// The forms of the name, in the order of programs: a short one first with the suffixes that this machine searches, then
/// as it is, then with those that the playbook suggests.
pub(super) fn candidates(params: &Params, name: &str, config: &ResolverConfig) -> Result<Vec<Candidate>, String> {
    if name.contains('.') {
        return Ok(vec![candidate(params, name.to_owned(), None)?]);
    }
    let clean = |suffix: &String| suffix.trim_matches('.').to_ascii_lowercase();
    let own: Vec<String> = config.search.iter().map(clean).filter(|suffix| !suffix.is_empty()).collect();
    let mut all = Vec::new();
    for suffix in own.iter().take(MOST_SUFFIXES) {
        all.extend(candidate(params, format!("{name}.{suffix}"), None));
    }
    all.push(candidate(params, name.to_owned(), None)?);
    for suffix in params.search.0.iter().map(clean).filter(|suffix| !suffix.is_empty()).take(MOST_SUFFIXES) {
        if !own.contains(&suffix) {
            all.push(candidate(params, format!("{name}.{suffix}"), Some(suffix))?);
        }
    }
    Ok(all)
}

fn candidate(params: &Params, name: String, foreign_suffix: Option<String>) -> Result<Candidate, String> {
    let default = Params::default().types;
    let types = if params.types.0.is_empty() { &default } else { &params.types };
    let questions = types.0.iter().map(|kind| Question::new(&name, kind)).collect::<Result<Vec<Question>, String>>()?;
    let control = match params.control_name.as_deref().map(str::trim) {
        None | Some("") => None,
        Some(control) => Some(Question::new(control, "A")?),
    };
    let random = if params.random_name { Some(Question::new(&random_name(), "A")?) } else { None };
    Ok(Candidate {
        asking: Asking { questions, control, random, repeat: params.repeat.min(MOST_REPEATS), tcp: params.tcp },
        name,
        foreign_suffix,
    })
}

/// A name that cannot exist (RFC 6761 section 6.4) and that nobody has in a cache.
fn random_name() -> String {
    let label: String = (0..RANDOM_LABEL).map(|_| char::from(rand::random_range(b'a'..=b'z'))).collect();
    format!("{label}.invalid")
}

/// Reads `address`, `address:port`, `[address]:port` or `address%scope`.
pub(super) fn server(text: &str) -> Result<SocketAddr, String> {
    let text = text.trim();
    if let Ok(address) = text.trim_matches(['[', ']']).parse::<IpAddr>() {
        return Ok(SocketAddr::new(address, 53));
    }
    if let Some((address, scope)) = text.split_once('%')
        && let (Ok(address), Ok(scope)) = (address.parse::<Ipv6Addr>(), scope.parse::<u32>())
    {
        return Ok(SocketAddr::V6(SocketAddrV6::new(address, 53, 0, scope)));
    }
    text.parse().map_err(|_| format!("`{text}` is no server address"))
}

/// The server as people write it: the port only where it is not 53.
pub(crate) fn server_text(server: SocketAddr) -> String {
    match server {
        SocketAddr::V6(server) if server.port() == 53 && server.scope_id() != 0 => {
            format!("{}%{}", server.ip(), server.scope_id())
        }
        server if server.port() == 53 => server.ip().to_string(),
        server => server.to_string(),
    }
}

pub(super) fn name_kind(name: &str) -> &'static str {
    if name.ends_with(".local") {
        "multicast"
    } else if name.contains('.') {
        "qualified"
    } else {
        "single_label"
    }
}

/// Why a resolver is not to blame for not knowing this name.
pub(super) fn not_for_dns(name: &str, config: &ResolverConfig) -> Option<&'static str> {
    let multicast = config.nsswitch.iter().any(|source| source.starts_with("mdns"));
    match name_kind(name) {
        "multicast" if multicast => Some("names below .local are asked by multicast DNS here (nsswitch)"),
        "single_label" if multicast => Some("short names may be found by multicast DNS here (nsswitch)"),
        _ => None,
    }
}

/// Whether the name is this host's, short or in full.
pub(crate) fn is_same_host(name: &str, hostname: &str) -> bool {
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    let hostname = hostname.trim_end_matches('.').to_ascii_lowercase();
    !hostname.is_empty()
        && (name == hostname
            || name.starts_with(&format!("{hostname}."))
            || !name.is_empty() && hostname.starts_with(&format!("{name}.")))
}
