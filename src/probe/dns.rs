//! Asks every resolver of this machine on its own, so that a dead one is not hidden by one that answers, and so that
//! silence, refusal and a wrong answer are told apart. What programs get for the name is the `lookup` probe's part.
//!
//! `ask` decides when to send what, `message` reads and writes, `judge` says what it means; this file brings together
//! who is asked, for which name, and what is reported.

mod ask;
mod asked;
mod facts;
mod judge;
pub(super) mod message;
mod pace;
mod place;
mod whom;
mod words;

pub use asked::Tcp;
pub use facts::DnsFacts;
pub(crate) use whom::{is_same_host, server_text};
pub use words::Words;

use super::{Burden, Contacts, Cost, Look, Probe, accepts, schema_of};
use crate::layer::Layer;
use crate::observation::{Observation, Outcome};
use crate::problem::Code;
use crate::settings::Network;
use crate::world::Failure;
use ask::Server;
use asked::{Asked, Roll, Silent, Word};
use futures_util::future::{join, join_all};
use judge::address::is_bogon;
use judge::wording::silence_words;
use judge::{Case, Finding, Judgement, Other};
use place::Place;
use schemars::JsonSchema;
use serde::Deserialize;
use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;
use whom::{
    Candidate, Target, candidates, control_goes_elsewhere, name_kind, not_for_dns, responsible, server, targets,
};

/// How long a router's own word is waited for, where a server is unreachable: it has come once already.
const WHO_WAIT: Duration = Duration::from_millis(500);

/// The probe.
pub const PROBE: Probe = Probe {
    name: "dns",
    layer: Layer::Dns,
    cost: Cost::Network,
    summary: "asks each resolver on its own for a name, over UDP and where needed TCP",
    about: "Sends ordinary recursive queries to port 53 of each configured resolver, side by side, each from a fresh \
        connected UDP socket, so that a closed port (ICMP) and silence are told apart. A silent server gets queries at \
        0, 200 and 400 ms (the third without EDNS, which some old servers and filters leave unanswered) and a fourth a second or more after the start; silence is suspected after 0.75 s where another \
        server answered meanwhile (1.4 s where none did) and confirmed below 2 s (4 s, so that late answers are heard). TCP is tried where UDP is \
        silent or the answer is truncated. SERVFAIL, REFUSED and malformed answers are asked for a second time; \
        NXDOMAIN is final (RFC 8020). After a first answer two more queries show a server that answers only some; a \
        lost one is followed by six more. No rights are needed. Where a local stub (127.0.0.53) is in use, the servers \
        behind it are asked too. Sources: RFC 1035 section 4.2.1, RFC 2308, RFC 6298, RFC 6891, RFC 7766, RFC 8020.",
    contacts: Contacts::named(&["name", "servers", "compare", "control_name"])
        .and_unless("servers", "the configured resolvers"),
    burden: Burden::of(
        "{} queries to each of at most {} servers, some more where one is silent, loses some or answers differently",
    )
    .counting(&[pace::FIRST_QUERIES.len() as u64, whom::MOST_SERVERS as u64])
    .and_leaves("the resolvers may log and cache the name"),
    codes: &[
        Code::DnsTimeout,
        Code::DnsPortClosed,
        Code::DnsUnreachable,
        Code::DnsRefused,
        Code::DnsServfail,
        Code::DnsFormerr,
        Code::DnsNxdomain,
        Code::DnsNodata,
        Code::DnsNoRecursion,
        Code::DnsTcpBlocked,
        Code::DnsSlow,
        Code::DnsFlapping,
        Code::DnsBogon,
        Code::DnsRewritten,
        Code::DnsAnswerDiffers,
        Code::DnsSearchList,
        Code::DnsNoResolver,
        Code::HostFilterDrops,
    ],
    params: schema_of::<Params>,
    facts: schema_of::<DnsFacts>,
    accepts: accepts::<Params>,
    run: |look| look.with(run),
};

/// What is asked, and of whom.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Params {
    /// Servers to ask, as `address` or `address:port`; without it all resolvers of this machine, and those behind a
    /// local stub.
    pub servers: Words,
    /// The name to ask for. An address or `localhost` needs no resolver and is `ok` at once.
    pub name: String,
    /// Record types; the first one decides.
    pub types: Words,
    /// The resolvers that machines of the site should ask, as addresses or networks; any will do where there are none.
    pub expected: Vec<Network>,
    /// Another server, as control: its answer is compared.
    pub compare: Option<String>,
    /// Another name, as control: asked of a server that fails for `name`.
    pub control_name: Option<String>,
    /// Ask over TCP even where the answer over UDP is whole.
    pub tcp: bool,
    /// Also ask for a random name below `.invalid`, which cannot exist, to see whether the resolver invents answers.
    pub random_name: bool,
    /// Suffixes to try behind a name without a dot, after this machine's own search list.
    pub search: Words,
    /// Rounds of two more queries after a first answer, to notice a server that answers only some; 0 for none, 10 at
    /// most.
    pub repeat: u32,
}

impl Default for Params {
    fn default() -> Self {
        Params {
            servers: Words::default(),
            name: String::new(),
            types: Words(vec!["A".to_owned(), "AAAA".to_owned()]),
            expected: Vec::new(),
            compare: None,
            control_name: None,
            tcp: false,
            random_name: false,
            search: Words::default(),
            repeat: 1,
        }
    }
}

/// Everything that is the same for all servers of one look.
struct Round<'a> {
    look: &'a Look<'a>,
    targets: Vec<Target>,
    /// The servers behind a local stub that it asks for the name.
    upstream: Vec<String>,
    /// Those that would pass the control name to other servers than the name.
    without_control: Vec<SocketAddr>,
    roll: Roll,
    candidates: Vec<Candidate>,
    tunnels: BTreeSet<String>,
    name_kind: &'static str,
    not_for_dns: Option<&'static str>,
    control_name: Option<String>,
    expected: Vec<Network>,
}

/// A server with all that came of it, not yet judged.
struct Seen {
    place: Place,
    asked: Asked,
    case: Case,
    refused_by: Option<IpAddr>,
}

async fn run(look: &Look<'_>, params: Params) -> Vec<Observation> {
    let name = params.name.trim().trim_matches(['[', ']']).trim_end_matches('.').to_ascii_lowercase();
    if name.parse::<IpAddr>().is_ok() {
        return vec![look.ok(None, format!("{name} is an address and needs no resolver"))];
    }
    if name == "localhost" || name.ends_with(".localhost") {
        return vec![look.ok(None, format!("{name} is this machine itself and needs no resolver (RFC 6761)"))];
    }
    let config = look.world.machine.resolvers().await;
    let targets = match targets(&params, &name, config.as_ref().map_err(ToString::to_string)) {
        Ok(targets) if targets.is_empty() => {
            return vec![look.problem(
                None,
                Code::DnsNoResolver,
                "no resolver is configured, so no name can be asked for",
            )];
        }
        Ok(targets) => targets,
        Err(why) => return vec![look.unknown(None, &why)],
    };
    let config = config.unwrap_or_default();
    let candidates = match candidates(&params, &name, &config) {
        Ok(candidates) => candidates,
        Err(why) => return vec![look.unknown(None, &why)],
    };
    let compare = match params.compare.as_deref().filter(|text| !text.trim().is_empty()).map(server).transpose() {
        Ok(compare) => compare,
        Err(why) => return vec![look.unknown(None, &why)],
    };
    let control = params.control_name.as_deref();
    let without_control: Vec<SocketAddr> = targets
        .iter()
        .filter(|target| control_goes_elsewhere(target, &config, &name, control))
        .map(|target| target.server)
        .collect();
    let upstream = if config.stub { responsible(&config.upstream, &name) } else { Vec::new() };
    let round = Round {
        look,
        upstream: upstream.iter().map(|entry| server_text(entry.server)).collect(),
        without_control,
        roll: Roll::new(targets.iter().map(|target| target.server)),
        targets,
        candidates,
        tunnels: place::tunnels(look.world).await,
        name_kind: name_kind(&name),
        not_for_dns: not_for_dns(&name, &config),
        control_name: params.control_name.filter(|name| !name.trim().is_empty()),
        expected: params.expected,
    };
    round.all(compare).await
}

impl Round<'_> {
    /// Asks every server, and the one to compare with, side by side.
    async fn all(&self, compare: Option<SocketAddr>) -> Vec<Observation> {
        let (other, seen) = join(
            async {
                match compare {
                    Some(server) => self.other(server).await,
                    None => None,
                }
            },
            join_all(self.targets.iter().enumerate().map(|(index, target)| async move {
                let seen = self.see(index, target).await;
                (self.look.emit)(self.report(target, &seen));
                seen
            })),
        )
        .await;
        let mut seen = seen;
        self.compare(&mut seen, other.as_ref());
        self.targets.iter().zip(&seen).map(|(target, seen)| self.report(target, seen)).collect()
    }

    /// One server: where it is, then the forms of the name until one is known.
    async fn see(&self, index: usize, target: &Target) -> Seen {
        let place = place::place(self.look.world, target.server, target.link.as_deref(), &self.tunnels).await;
        let mut seen = None;
        for candidate in &self.candidates {
            let case = self.case(target, candidate);
            let suspect = |silent: Silent| (self.look.emit)(self.suspicion(target, &place, &case, silent));
            let network = self.look.world.network.as_ref();
            let server = Server::new(network, target.server, self.look.deadline, &self.roll, index, &suspect);
            let mut asking = candidate.asking.clone();
            asking.control = asking.control.filter(|_| !self.without_control.contains(&target.server));
            let asked = server.ask(&asking).await;
            let known = !judge::addresses(&asked).is_empty() || !judge::records(&asked).is_empty();
            let answers = judge::deciding(&asked).is_some_and(message::Answer::is_about_name);
            if known || !answers || seen.is_none() {
                seen = Some((asked, case));
            }
            if known || !answers {
                break;
            }
        }
        // There is always one candidate, so there is always something seen.
        let (asked, case) = seen.expect("a look has at least one form of the name");
        let case = Case { is_own_name: self.is_own_name(&asked, &case).await, ..case };
        let refused_by = self.refused_by(target, &place, &asked).await;
        Seen { place, asked, case, refused_by }
    }

    fn case(&self, target: &Target, candidate: &Candidate) -> Case {
        Case {
            server: target.text.clone(),
            name: candidate.name.clone(),
            not_for_dns: self.not_for_dns,
            foreign_suffix: candidate.foreign_suffix.clone(),
            is_own_name: false,
            other: None,
        }
    }

    /// Whether an answer on the loopback is this machine's own name, which a local stub makes up (127.0.1.1).
    async fn is_own_name(&self, asked: &Asked, case: &Case) -> bool {
        if !judge::addresses(asked).iter().any(|address| is_bogon(*address)) {
            return false;
        }
        match self.look.world.machine.identity().await {
            Ok(identity) => is_same_host(&case.name, &identity.hostname),
            Err(_) => false,
        }
    }

    /// Which router says that the server is unreachable, where there is a route to it at all.
    async fn refused_by(&self, target: &Target, place: &Place, asked: &Asked) -> Option<IpAddr> {
        let from_afar = matches!(
            asked.word,
            Word::Failure(Failure::NetworkUnreachable | Failure::HostUnreachable | Failure::Prohibited)
        );
        if !from_afar || place.route_interface.as_deref() == Some(place::ABSENT) {
            return None;
        }
        self.look.world.network.who_refuses(target.server, self.look.within(WHO_WAIT)).await.map(|(_, who)| who)
    }

    /// The control server's answer; none where it gives none.
    async fn other(&self, server: SocketAddr) -> Option<(String, Other)> {
        let candidate = self.candidates.first()?;
        let roll = Roll::new([server]);
        let network = self.look.world.network.as_ref();
        let server_there = Server::new(network, server, self.look.deadline, &roll, 0, &|_| ());
        let words = server_there.briefly(&candidate.asking.questions).await;
        let Some(Word::Answer(first)) = words.first().filter(|word| word.is_about_name()) else {
            return None;
        };
        let addresses = words.iter().flat_map(Word::addresses).copied().collect();
        let other =
            Other { server: server_text(server), rcode: first.rcode.clone(), addresses, cname: first.cname.clone() };
        Some((candidate.name.clone(), other))
    }

    /// Sets each answer beside the control's, and where there is none beside a sibling's that knows the name: programs
    /// believe the first server that says "no such name" and never ask the next.
    fn compare(&self, seen: &mut [Seen], other: Option<&(String, Other)>) {
        let knowing = seen.iter().zip(&self.targets).find_map(|(seen, target)| {
            let addresses = judge::addresses(&seen.asked);
            let answer = judge::deciding(&seen.asked)?;
            let other = Other {
                server: target.text.clone(),
                rcode: answer.rcode.clone(),
                addresses,
                cname: answer.cname.clone(),
            };
            (!other.addresses.is_empty()).then(|| (seen.case.name.clone(), other))
        });
        for one in seen {
            let unknown_here = judge::addresses(&one.asked).is_empty();
            one.case.other = other
                .or(knowing.as_ref().filter(|_| unknown_here))
                .filter(|(name, _)| *name == one.case.name)
                .map(|(_, other)| other.clone());
        }
    }

    fn suspicion(&self, target: &Target, place: &Place, case: &Case, silent: Silent) -> Observation {
        let facts = DnsFacts {
            queries: Some(silent.queries),
            answered: Some(0),
            waited_ms: Some(facts::ms(silent.waited)),
            sibling: silent.sibling.map(|sibling| server_text(sibling.server)),
            sibling_took_ms: silent.sibling.map(|sibling| facts::ms(sibling.took)),
            ..self.common_facts(target, place, case)
        };
        self.look
            .problem(Some(&target.text), Code::DnsTimeout, silence_words(&silent, case))
            .suspected()
            .via(place.via(&target.text))
            .facts(&facts)
    }

    fn report(&self, target: &Target, seen: &Seen) -> Observation {
        let Judgement { finding, summary } = judge::judge(&seen.asked, &seen.case);
        let subject = Some(target.text.as_str());
        let observation = match finding {
            Finding::Works => self.look.ok(subject, summary),
            Finding::Unknown => self.look.unknown(subject, &summary),
            Finding::Wrong { code, also, confirmed } => {
                let observation = self.look.problem(subject, code, summary).also(also);
                if confirmed { observation } else { observation.suspected() }
            }
        };
        debug_assert_ne!(observation.outcome, Outcome::Skipped);
        let facts = facts::of(&seen.asked, &seen.case, self.common_facts(target, &seen.place, &seen.case));
        let refused_by = seen.refused_by.map(|address| address.to_string());
        observation.via(seen.place.via(&target.text)).facts(&DnsFacts { refused_by, ..facts })
    }

    fn common_facts(&self, target: &Target, place: &Place, case: &Case) -> DnsFacts {
        DnsFacts {
            server: target.text.clone(),
            position: target.position,
            source: target.source.clone(),
            behind_stub: target.behind_stub,
            upstream: if target.may_be_stub() { self.upstream.clone() } else { Vec::new() },
            name: case.name.clone(),
            name_kind: self.name_kind.to_owned(),
            control_name: self.control_name.clone(),
            interface: target.link.clone().or_else(|| place.via.interface.clone()),
            route_interface: place.route_interface.clone(),
            on_link: place.on_link,
            loopback: target.server.ip().is_loopback(),
            expected: (!self.expected.is_empty() && !target.server.ip().is_loopback())
                .then(|| self.expected.iter().any(|network| network.contains(target.server.ip()))),
            tunnel: place.tunnel,
            ..DnsFacts::default()
        }
    }
}

#[cfg(test)]
mod tests;
