//! Remote desktops: which protection a server agrees on before anybody signs in, and whether the encryption that follows
//! can be begun.

mod message;

use super::argument::{self, Addresses};
use super::attempt;
use super::dialogue::{self, Course, Wants};
use super::way::connect::AGAIN_WAIT;
use super::way::handshake::{self, Shaken, TlsFacts, Wish, shake};
use super::way::trust::Trust;
use super::way::{self, Trouble};
use super::{Burden, Contacts, Cost, Look, Probe, accepts, schema_of};
use crate::layer::Layer;
use crate::observation::Observation;
use crate::problem::{Code, count, joined};
use crate::world::{Dial, Failure, Stream};
use futures_util::future::LocalBoxFuture;
use message::{Answer, Protection};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// What it can report.
const CODES: &[&[Code]] = &[handshake::REFUSED, handshake::BROKEN, OWN];
const OWN: &[Code] = &[Code::AppNoAnswer, Code::AppWrongProtocol, Code::AppRefused, Code::AppOutdated];

/// The probe.
pub const PROBE: Probe = Probe {
    name: "rdp",
    layer: Layer::Application,
    cost: Cost::Network,
    summary: "asks a remote desktop which protection it wants, and begins its encryption",
    about: "Connects to each address and sends the connection request that a client begins with, offering TLS and \
        network-level authentication (NLA). What the server chooses is begun as far as TLS; a second request that \
        leaves NLA out tells whether the server insists on it. No sign-in is tried and no name of a person is sent. \
        Servers show a certificate of their own making, which clients ask the person about: who signed it, its name \
        and its dates are facts here, and only a handshake that fails is a problem. Silence is suspected after three \
        connections 200 ms apart (1.4 s) and confirmed by a fourth (3.2 s). Needs no rights. Sources: MS-RDPBCGR \
        sections 2.2.1.1, 2.2.1.2 and 5.4, RFC 2126, ITU-T X.224.",
    contacts: Contacts::named(&["addresses", "port"]),
    burden: Burden::of("two connections to each address, {} where it is silent")
        .counting(&[attempt::CONNECTIONS])
        .and_leaves("unfinished connections in that computer's log"),
    codes: &joined::<{ count(CODES) }>(CODES),
    params: schema_of::<Params>,
    facts: schema_of::<RdpFacts>,
    accepts: accepts::<Params>,
    run: |look| look.with(|look, params| run(look, params, None)),
};

/// An answer is 19 bytes; what is no answer is shown by its beginning.
const MOST_BYTES: usize = 1024;
/// How long the second question is waited for: the server has just shown how fast it answers; judgement.
const SECOND_QUESTION: Duration = Duration::from_millis(1_500);

/// Arguments of the `rdp` probe.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Params {
    /// Name of the server, which is asked for in the handshake.
    host: String,
    /// IP addresses of the server.
    addresses: Addresses,
    /// Port.
    #[serde(deserialize_with = "argument::number")]
    port: u16,
}

impl Default for Params {
    fn default() -> Self {
        Params { host: String::new(), addresses: Addresses::default(), port: 3389 }
    }
}

/// Facts of the `rdp` probe, for each address.
#[derive(Debug, Clone, Default, Serialize, JsonSchema)]
pub struct RdpFacts {
    #[serde(flatten)]
    course: Course,
    /// What the server chose of what was offered: `nla`, `tls`, or `old` where it knows neither.
    protection: Option<&'static str>,
    /// Whether it refuses clients that do not sign in before the session (NLA).
    wants_nla: Option<bool>,
    /// Why it turned the request down: `tls_required`, `tls_not_allowed`, `no_certificate`, `inconsistent`,
    /// `nla_required`, `user_certificate_required`, or the number.
    refusal: Option<String>,
    /// Whether this machine trusts the certificate; most remote desktops sign their own.
    trusted: Option<bool>,
    #[serde(flatten)]
    tls: TlsFacts,
}

async fn run(look: &Look<'_>, params: Params, trust: Option<Arc<Trust>>) -> Vec<Observation> {
    let trust = match trust {
        Some(trust) => trust,
        None => Trust::of_this_machine().await,
    };
    let one = |address: IpAddr| {
        let host = if params.host.is_empty() { address.to_string() } else { params.host.clone() };
        let desktop = Desktop { look, host, to: SocketAddr::new(address, params.port), trust: &trust };
        async move { desktop.look_at().await }
    };
    argument::each_address(look, &params.addresses, one).await
}

/// One address of a remote desktop.
struct Desktop<'a> {
    look: &'a Look<'a>,
    host: String,
    to: SocketAddr,
    trust: &'a Arc<Trust>,
}

impl Desktop<'_> {
    async fn look_at(&self) -> Observation {
        let (look, to) = (self.look, self.to);
        let talk = |mut stream: Box<dyn Stream>, end| async move {
            let bytes = ask(&mut stream, Protection::ALL, end).await?;
            Ok((bytes, stream))
        };
        let doubt = |failure: &Failure, _, _| (look.emit)(dialogue::doubted(look, to, failure));
        let mut dialogue = dialogue::hold(look, to, talk, doubt).await;
        let mut facts = RdpFacts { course: dialogue.course(to), ..RdpFacts::default() };
        let observation = match dialogue.attempts.answers.pop() {
            Some((bytes, stream)) => self.conclude(&bytes, stream, &mut facts).await,
            None => dialogue.unanswered(look, to, "its protection"),
        };
        observation.facts(&facts).via(dialogue.via)
    }

    async fn conclude(&self, bytes: &[u8], stream: Box<dyn Stream>, facts: &mut RdpFacts) -> Observation {
        let (look, subject) = (self.look, self.to.to_string());
        let chosen = match message::read(bytes) {
            Answer::Chosen(Protection::OLD) | Answer::TurnedDown(message::TLS_NOT_ALLOWED) => {
                facts.protection = Some("old");
                let summary = format!("{subject} knows only the old protection of RDP, which clients of today refuse");
                return look.problem(Some(&subject), Code::AppOutdated, summary);
            }
            Answer::Chosen(chosen) => chosen,
            Answer::TurnedDown(reason) => {
                let word = message::word(reason);
                let summary = format!("{subject} speaks RDP and turns the connection down ({word})");
                facts.refusal = Some(word);
                return look.problem(Some(&subject), Code::AppRefused, summary);
            }
            Answer::Other => {
                return facts.course.foreign(look, &subject, "RDP", bytes);
            }
        };
        facts.protection = Some(if chosen.has_nla() { "nla" } else { "tls" });
        let (encrypted, insists) = futures_util::future::join(self.encrypt(stream), self.insists_on_nla()).await;
        facts.wants_nla = if chosen.has_nla() { insists } else { Some(false) };
        facts.tls = encrypted.facts;
        match encrypted.result {
            Ok(_) => facts.trusted = Some(true),
            Err(trouble) if trouble.code.is_some_and(is_left_to_the_person) => facts.trusted = Some(false),
            Err(trouble) => return way::observe(look, Some(&subject), &trouble.begun_in_the_middle(&subject)),
        }
        look.ok(Some(&subject), works(&subject, facts))
    }

    async fn encrypt(&self, stream: Box<dyn Stream>) -> Shaken {
        let (look, to) = (self.look, self.to);
        let subject = to.to_string();
        let suspect = |trouble: Trouble| {
            let trouble = trouble.begun_in_the_middle(&subject);
            (look.emit)(way::observe(look, Some(&subject), &trouble));
        };
        let again = || -> LocalBoxFuture<'_, Result<Box<dyn Stream>, Failure>> {
            Box::pin(async move {
                let connection = look.world.network.connect(to, &Dial::within(AGAIN_WAIT)).await?;
                let mut stream = connection.stream;
                ask(&mut stream, Protection::ALL, Instant::now() + AGAIN_WAIT).await?;
                Ok(stream)
            })
        };
        let wish = Wish {
            host: &self.host,
            alpn: &[],
            trust: self.trust,
            clock_offset_ms: None,
            round_trip: Duration::ZERO,
            until: look.deadline,
            asks: false,
        };
        shake(stream, &again, &wish, &suspect).await
    }

    /// Whether a client without NLA is turned down; none where that was not answered.
    async fn insists_on_nla(&self) -> Option<bool> {
        let wait = self.look.within(SECOND_QUESTION);
        let end = Instant::now() + wait;
        let mut stream = self.look.world.network.connect(self.to, &Dial::within(wait)).await.ok()?.stream;
        let bytes = ask(&mut stream, Protection::TLS, end).await.ok()?;
        match message::read(&bytes) {
            Answer::TurnedDown(reason) => Some(reason == message::NLA_REQUIRED),
            Answer::Chosen(_) => Some(false),
            Answer::Other => None,
        }
    }
}

async fn ask(stream: &mut Box<dyn Stream>, offers: Protection, end: Instant) -> Result<Vec<u8>, Failure> {
    dialogue::ask(stream, &message::question(offers), end, MOST_BYTES, |bytes| match message::announced(bytes) {
        Some(length) if bytes.len() >= length => Wants::Nothing,
        Some(_) => Wants::More,
        None if bytes.len() < message::FRAME && message::may_begin(bytes) => Wants::More,
        None => Wants::Rest,
    })
    .await
}

/// A certificate that a client asks the person about and goes on with.
fn is_left_to_the_person(code: Code) -> bool {
    matches!(
        code,
        Code::TlsSelfSigned
            | Code::TlsUnknownIssuer
            | Code::TlsMissingIntermediate
            | Code::TlsName
            | Code::TlsExpired
            | Code::TlsNotYetValid
            | Code::TlsInvalid
    )
}

fn works(subject: &str, facts: &RdpFacts) -> String {
    let protection = match (facts.protection, facts.wants_nla) {
        (Some("nla"), Some(true)) => "sign-in before the session (NLA) required",
        (Some("nla"), _) => "sign-in before the session (NLA) possible",
        _ => "TLS without NLA",
    };
    let certificate = match (facts.trusted, facts.tls.days_left) {
        (Some(true), _) => "",
        (_, Some(days)) if days < 0 => ", a certificate that has expired",
        _ => ", a certificate that this machine does not trust by itself",
    };
    format!("{subject} speaks RDP, {protection}{certificate}, in {:.1} ms", facts.course.took_ms)
}

#[cfg(test)]
mod tests;
