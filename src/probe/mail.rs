//! Mail servers, spoken to as a mail program does before it signs in: the greeting, what the server can do, the
//! encryption that begins in the middle (STARTTLS) with its certificate, and which kinds of sign-in are on offer.

pub(crate) mod speech;

use super::argument::{self, Addresses};
use super::dialogue::{is_mute, silence};
use super::greeting::Spoken;
use super::way::connect::AGAIN_WAIT;
use super::way::handshake::{Shaken, TlsFacts, Wish, shake};
use super::way::open::{self, Opening, Service, open};
use super::way::trust::Trust;
use super::way::{self, Trouble, bounded, milliseconds, said};
use super::{Burden, Contacts, Cost, Look, Probe, accepts, schema_of};
use crate::layer::Layer;
use crate::observation::{Observation, Via};
use crate::problem::{Code, count, joined};
use crate::world::{Dial, Failure, Stream};
use futures_util::future::LocalBoxFuture;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use speech::{Line, Offer, Speech};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// What it can report: what the way there can end in, and what a mail server says.
const CODES: &[&[Code]] = &[open::CODES[0], open::CODES[1], open::CODES[2], open::CODES[3], OWN];
const OWN: &[Code] =
    &[Code::AppNoGreeting, Code::AppNoAnswer, Code::AppWrongProtocol, Code::AppRefused, Code::AppNoEncryption];

/// The probe.
pub const PROBE: Probe = Probe {
    name: "mail",
    layer: Layer::Application,
    cost: Cost::Network,
    summary: "speaks to a mail server up to the sign-in: greeting, abilities, encryption, kinds of sign-in",
    about: "Connects once, encrypted from the start where the scheme says so (`smtps`, `imaps`, `pop3s`), reads the \
        greeting, asks what the server can do (EHLO, CAPABILITY, CAPA), begins encryption where it is offered \
        (STARTTLS, STLS), looks at the certificate as the `tls` probe does, asks again and says good-bye. No sign-in \
        is tried, no mail and no name of a person is sent; EHLO carries this machine's address. Each answer is waited \
        for ten seconds at most and suspected after three, because mail servers pause on purpose. A server that \
        offers no encryption is a problem where people sign in, and a fact where servers hand mail on (`smtp`). Needs \
        no rights. Sources: RFC 5321, RFC 3207, RFC 9051, RFC 2595, RFC 1939, RFC 2449, RFC 8314.",
    contacts: Contacts::named(&["host", "port", "addresses"]),
    burden: Burden::of("one connection to the server")
        .and_leaves("a session without a sign-in in the mail server's log"),
    codes: &joined::<{ count(CODES) }>(CODES),
    params: schema_of::<Params>,
    facts: schema_of::<MailFacts>,
    accepts: accepts::<Params>,
    run: |look| look.with(|look, params| run(look, params, None)),
};

/// Silence that is shown as a suspicion, and silence that a ticket can hold: as with web servers (limits.md section 6).
const SUSPECT_AFTER: Duration = Duration::from_secs(3);
const GIVE_UP_AFTER: Duration = Duration::from_secs(10);

/// Arguments of the `mail` probe.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Params {
    /// Name of the server, which its certificate must be for.
    host: String,
    /// Port.
    #[serde(deserialize_with = "argument::number")]
    port: u16,
    /// Addresses of the server; looked up as programs do if not given.
    addresses: Addresses,
    /// What should be spoken: `smtp`, `submission`, `smtps`, `imap`, `imaps`, `pop3` or `pop3s`.
    scheme: String,
}

/// Facts of the `mail` probe.
#[derive(Debug, Clone, Default, Serialize, JsonSchema)]
pub struct MailFacts {
    /// Name of the server.
    host: String,
    /// Port.
    port: u16,
    /// What is spoken: `SMTP`, `IMAP` or `POP3`.
    protocol: &'static str,
    /// The greeting, at most 100 characters of it.
    banner: Option<String>,
    /// What the server said where it turned something down.
    refusal: Option<String>,
    /// How what is spoken becomes secret: `from_start`, `starttls` or `none`.
    encryption: Option<&'static str>,
    /// Kinds of sign-in on offer, in small letters: `plain`, `login`, `xoauth2` ...
    #[serde(skip_serializing_if = "Vec::is_empty")]
    sign_in: Vec<String>,
    /// Whether only kinds are on offer that go through a sign-in page (OAuth), and no password is taken.
    only_modern_sign_in: Option<bool>,
    /// Whether a sign-in is on offer at all, once encryption is there.
    takes_sign_in: Option<bool>,
    /// The largest mail that is taken, in bytes, where the server says so.
    largest_bytes: Option<u64>,
    /// Milliseconds from the first connection's start to the end.
    took_ms: f64,
    #[serde(flatten)]
    tls: TlsFacts,
}

async fn run(look: &Look<'_>, params: Params, trust: Option<Arc<Trust>>) -> Vec<Observation> {
    if params.host.is_empty() {
        return vec![look.unknown(None, "no host was given")];
    }
    let Some(speech) = Speech::of(&params.scheme) else {
        return vec![look.unknown(None, &format!("`{}` is not spoken by mail servers", bounded(&params.scheme)))];
    };
    let trust = match trust {
        Some(trust) => trust,
        None => Trust::of_this_machine().await,
    };
    let addresses: Vec<IpAddr> = params.addresses.each().into_iter().flatten().collect();
    let facts = MailFacts {
        host: bounded(&params.host),
        port: params.port,
        protocol: speech.protocol.name,
        ..MailFacts::default()
    };
    let visit =
        Visit { look, params: &params, speech, trust: &trust, start: Instant::now(), facts, via: Via::default() };
    vec![visit.run(&addresses).await]
}

/// One visit to a mail server.
struct Visit<'a> {
    look: &'a Look<'a>,
    params: &'a Params,
    speech: &'static Speech,
    trust: &'a Arc<Trust>,
    start: Instant,
    facts: MailFacts,
    via: Via,
}

impl Visit<'_> {
    async fn run(mut self, addresses: &[IpAddr]) -> Observation {
        let subject = format!("{}:{}", self.facts.host, self.params.port);
        let ended = self.visit(&subject, addresses).await;
        self.facts.took_ms = milliseconds(self.start.elapsed());
        let observation = match &ended {
            Err(trouble) => way::observe(self.look, Some(&subject), trouble),
            Ok(()) => self.look.ok(Some(&subject), self.works(&subject)),
        };
        observation.facts(&self.facts).via(self.via)
    }

    async fn visit(&mut self, subject: &str, addresses: &[IpAddr]) -> Result<(), Trouble> {
        let look = self.look;
        let suspect = |trouble: Trouble| (look.emit)(way::observe(look, Some(subject), &trouble));
        let tls = self.speech.encrypted.then_some(self.trust);
        let service = Service { host: &self.params.host, port: self.params.port, addresses, tls, greets: true };
        let Opening { tls, peer, result } = open(look, &service, &suspect).await;
        let Some(peer) = peer else { return result.map(drop) };
        self.via = way::via(look, peer).await;
        if let Some(tls) = tls {
            self.via.trust = Some("system".to_owned());
            self.facts.encryption = Some("from_start");
            self.facts.tls = tls;
        }
        let mut line = Line::on(result?, self.speech);
        self.greeted(&mut line, subject, &suspect).await?;
        let offer = self.offered(&mut line, subject, &suspect).await?;
        self.note(&offer);
        if self.speech.encrypted {
            line.farewell().await;
            return self.signed_in_somehow(subject);
        }
        if !offer.starttls {
            line.farewell().await;
            self.facts.encryption = Some("none");
            return self.without_encryption(subject);
        }
        let mut line = self.encrypted(line, peer, subject, &suspect).await?;
        let offer = self.offered(&mut line, subject, &suspect).await?;
        self.note(&offer);
        line.farewell().await;
        self.signed_in_somehow(subject)
    }

    async fn greeted(&mut self, line: &mut Line, subject: &str, suspect: &dyn Fn(Trouble)) -> Result<(), Trouble> {
        let heard = self.waited(Code::AppNoGreeting, "a greeting", subject, suspect, line.greeting()).await?;
        let words = self.speech.protocol.words(&heard);
        match self.speech.protocol.judge(&heard) {
            Spoken::Greeting => {
                self.facts.banner = Some(words);
                Ok(())
            }
            Spoken::Refusal => {
                let summary =
                    format!("{subject} speaks {} and turns the client away: \"{words}\"", self.facts.protocol);
                self.facts.refusal = Some(words);
                Err(Trouble::new(Code::AppRefused, summary))
            }
            Spoken::Beginning | Spoken::Other => {
                let summary = format!("{subject} does not speak {}: it begins with \"{words}\"", self.facts.protocol);
                Err(Trouble::new(Code::AppWrongProtocol, summary))
            }
        }
    }

    async fn offered(&mut self, line: &mut Line, subject: &str, suspect: &dyn Fn(Trouble)) -> Result<Offer, Trouble> {
        let own = self.via.source.clone();
        let question = self.speech.question(own.as_deref());
        let asked = "an answer to what it can do";
        let heard = self.waited(Code::AppNoAnswer, asked, subject, suspect, line.ask(&question)).await?;
        self.speech.read(&heard).map_err(|words| {
            let summary = format!("{subject} greets and turns the first question down: \"{words}\"");
            self.facts.refusal = Some(words);
            Trouble::new(Code::AppRefused, summary)
        })
    }

    /// Begins encryption on the line.
    async fn encrypted(
        &mut self,
        mut line: Line,
        peer: SocketAddr,
        subject: &str,
        suspect: &dyn Fn(Trouble),
    ) -> Result<Line, Trouble> {
        self.facts.encryption = Some("starttls");
        let began = Instant::now();
        let request = self.speech.starttls;
        let heard =
            self.waited(Code::AppNoAnswer, "an answer to STARTTLS", subject, suspect, line.ask(request)).await?;
        if let Some(words) = self.speech.turned_down(&heard) {
            let summary = format!("{subject} offers encryption and turns it down: \"{words}\"");
            self.facts.refusal = Some(words);
            return Err(Trouble::new(Code::AppRefused, summary));
        }
        let (look, speech) = (self.look, self.speech);
        let again = || -> LocalBoxFuture<'_, Result<Box<dyn Stream>, Failure>> {
            Box::pin(async move {
                let dial = Dial::within(AGAIN_WAIT);
                let connection = look.world.network.connect(peer, &dial).await?;
                let mut line = Line::on(connection.stream, speech);
                line.greeting().await?;
                line.ask(&speech.question(None)).await?;
                line.ask(speech.starttls).await?;
                Ok(line.into_stream())
            })
        };
        let wish = Wish {
            host: &self.params.host,
            alpn: &[],
            trust: self.trust,
            clock_offset_ms: None,
            round_trip: began.elapsed(),
            until: look.deadline,
            asks: true,
        };
        let suspect = |trouble: Trouble| suspect(trouble.begun_in_the_middle(subject));
        let Shaken { facts, result, .. } = shake(line.into_stream(), &again, &wish, &suspect).await;
        self.facts.tls = facts;
        self.via.trust = Some("system".to_owned());
        result.map(|stream| Line::on(stream, speech)).map_err(|trouble| trouble.begun_in_the_middle(subject))
    }

    /// What came in time, or the trouble that nothing did.
    async fn waited<F>(
        &self,
        code: Code,
        awaited: &str,
        subject: &str,
        suspect: &dyn Fn(Trouble),
        answer: F,
    ) -> Result<Vec<u8>, Trouble>
    where
        F: Future<Output = Result<Vec<u8>, Failure>>,
    {
        let mute = |failure: &Failure, waited: Duration| {
            let how = match failure {
                Failure::Timeout => format!("gives no sign of {awaited} in {}", said(waited)),
                other => silence(other, ("answer", awaited)),
            };
            Trouble::new(code, format!("{subject} takes the connection and {how}"))
        };
        let start = Instant::now();
        let end = self.look.deadline.min(start + GIVE_UP_AFTER);
        let mut answer = std::pin::pin!(answer);
        let failure = match tokio::time::timeout_at(end.min(start + SUSPECT_AFTER), answer.as_mut()).await {
            Ok(heard) => heard,
            Err(_) => {
                suspect(mute(&Failure::Timeout, start.elapsed()).suspected(true));
                tokio::time::timeout_at(end, answer).await.unwrap_or(Err(Failure::Timeout))
            }
        };
        failure.map_err(|failure| {
            let hurried = failure == Failure::Timeout && start.elapsed() + Duration::from_millis(100) < GIVE_UP_AFTER;
            if is_mute(&failure) {
                mute(&failure, start.elapsed()).suspected(hurried)
            } else {
                Trouble::unknown(format!("{subject} cannot be spoken to: {failure}"))
            }
        })
    }

    fn note(&mut self, offer: &Offer) {
        let modern = |kind: &String| matches!(kind.as_str(), "xoauth2" | "oauthbearer");
        self.facts.sign_in = offer.sign_in.clone();
        self.facts.largest_bytes = offer.largest_bytes.or(self.facts.largest_bytes);
        self.facts.only_modern_sign_in = Some(!offer.sign_in.is_empty() && offer.sign_in.iter().all(modern));
        self.facts.takes_sign_in = Some(!offer.sign_in.is_empty());
    }

    /// No encryption is a fault where people sign in; between servers it is custom.
    fn without_encryption(&self, subject: &str) -> Result<(), Trouble> {
        if !self.speech.people_sign_in {
            return Ok(());
        }
        let summary = format!("{subject} speaks {} and offers no encryption", self.facts.protocol);
        Err(Trouble::new(Code::AppNoEncryption, summary))
    }

    /// A server that people sign in to must say how.
    fn signed_in_somehow(&self, subject: &str) -> Result<(), Trouble> {
        if !self.speech.people_sign_in || self.facts.takes_sign_in == Some(true) {
            return Ok(());
        }
        let summary = format!("{subject} speaks {} and offers no kind of sign-in", self.facts.protocol);
        Err(Trouble::new(Code::AppRefused, summary))
    }

    fn works(&self, subject: &str) -> String {
        let MailFacts { protocol, encryption, sign_in, took_ms, tls, .. } = &self.facts;
        let secret = match encryption {
            Some("none") => ", without encryption".to_owned(),
            Some(how) => {
                let version = tls.version.as_deref().unwrap_or("TLS");
                let days = tls.days_left.map(|days| format!(", certificate good for {days} days")).unwrap_or_default();
                let begun = if *how == "starttls" { " after STARTTLS" } else { "" };
                format!(", {version}{begun}{days}")
            }
            None => String::new(),
        };
        let sign_in = match sign_in.as_slice() {
            [] => String::new(),
            kinds => format!(", sign-in by {}", kinds.join(", ")),
        };
        format!("{subject} speaks {protocol}{secret}{sign_in}, in {took_ms:.0} ms")
    }
}

#[cfg(test)]
mod tests;
