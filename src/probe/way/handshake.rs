//! One TLS handshake, with everything that can be learnt from it: the chain is recorded even where it is refused, both
//! trust stores are asked, and what is no TLS, too old, silent or cut is told apart by a second look.

use super::certificate::{self, Certificate, Link};
use super::hold::Hold;
use super::legacy;
use super::recorder::{Presented, Recorder};
use super::tap::{Ear, Tap};
use super::trust::Trust;
use super::unasked::{self, is_cut_unasked};
use super::{Trouble, milliseconds, printable, said};
use crate::problem::Code;
use crate::world::{Failure, Stream};
use futures_util::future::{FutureExt, LocalBoxFuture};
use rustls::client::danger::ServerCertVerifier;
use rustls::pki_types::ServerName;
use rustls::{AlertDescription, ClientConfig};
use schemars::JsonSchema;
use serde::Serialize;
use std::cell::Cell;
use std::io;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, sleep_until, timeout};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// What a handshake can end in where the other side speaks TLS.
pub const REFUSED: &[Code] = &[
    Code::TlsExpired,
    Code::TlsNotYetValid,
    Code::TlsName,
    Code::TlsUnknownIssuer,
    Code::TlsSelfSigned,
    Code::TlsMissingIntermediate,
    Code::TlsIntercepted,
    Code::TlsRevoked,
    Code::TlsInvalid,
    Code::TlsOldProtocol,
    Code::TlsAlert,
    Code::HttpOnlyTwo,
];

/// What it can end in where it does not, or falls silent.
pub const BROKEN: &[Code] = &[Code::TlsNotTls, Code::TlsTimeout, Code::TlsReset];

/// With no round trip known, one second (RFC 8961 section 4); the handshake is one flight.
const QUIET_AT_LEAST: Duration = Duration::from_secs(1);

/// A path of more than 150 ms is slow, but not ten times slower than this suspicion.
const QUIET_AT_MOST: Duration = Duration::from_millis(1500);

/// A second connection that is silent for this long too confirms it (limits.md section 6).
const SECOND_LOOK: Duration = Duration::from_secs(2);

/// Characters of a foreign greeting that are kept.
const GREETING_LIMIT: usize = 40;

/// Opens a further connection on the same way, for a second look.
pub type Open<'a> = dyn Fn() -> LocalBoxFuture<'a, Result<Box<dyn Stream>, Failure>> + 'a;

/// What to shake hands about.
pub struct Wish<'a> {
    /// The name that is asked for and verified.
    pub host: &'a str,
    /// Protocols to offer, best first.
    pub alpn: &'a [&'a str],
    pub trust: &'a Arc<Trust>,
    /// Milliseconds by which this machine's clock is behind, where it was measured.
    pub clock_offset_ms: Option<i64>,
    /// How long the connection took to stand.
    pub round_trip: Duration,
    pub until: Instant,
    /// Whether a request follows at once, so that the end of the handshake can go out with it.
    pub asks: bool,
}

/// What is known of a handshake and the certificates.
#[derive(Debug, Clone, Default, PartialEq, Serialize, JsonSchema)]
#[serde(default)]
pub struct TlsFacts {
    /// Protocol version: `TLS 1.3`, or the outdated one that the server answered with.
    pub version: Option<String>,
    /// Cipher suite.
    pub cipher: Option<String>,
    /// Protocol agreed on (ALPN).
    pub alpn: Option<String>,
    /// Whose certificate it is.
    pub subject: Option<String>,
    /// Who signed it.
    pub issuer: Option<String>,
    /// First moment of its validity (RFC 3339).
    pub not_before: Option<String>,
    /// Last moment of its validity (RFC 3339).
    pub not_after: Option<String>,
    /// Whole days until it expires; negative where it has.
    pub days_left: Option<i64>,
    /// The names that it is for, at most 20.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub names: Vec<String>,
    /// How many names it is for in all.
    pub names_count: Option<usize>,
    /// The certificates that were sent, leaf first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub chain: Vec<Link>,
    /// Whether this machine's own trust store accepts it.
    pub trusted_system: Option<bool>,
    /// Whether the public roots accept it.
    pub trusted_public: Option<bool>,
    /// Why the system's store does not accept it: `expired`, `not_yet_valid`, `name`, `unknown_issuer`, `revoked`,
    /// `no_trust_store` or `invalid`.
    pub reason: Option<String>,
    /// Which certificate is to blame: `leaf` or `intermediate`.
    pub failing_link: Option<String>,
    /// Issuer of a certificate that only this machine's own store trusts for a public name: somebody on the way opens
    /// the encryption, with the consent of this machine's administrator.
    pub interception: Option<String>,
    /// The handshake's signature does not fit the certificate.
    pub key_error: Option<String>,
    /// With the clock set right, the validity of the whole chain would hold.
    pub would_be_valid_with_correct_clock: Option<bool>,
    /// The alert that the server ended the handshake with.
    pub alert: Option<String>,
    /// How an answer that is not TLS begins.
    // Left out where there is none, because these facts stand beside those of a protocol with such a fact of its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_bytes: Option<String>,
    /// From our hello until the handshake was complete or had failed, in milliseconds.
    pub handshake_ms: Option<f64>,
    /// The first connection was silent or cut, the second was not.
    pub retried: bool,
}

/// A handshake's end.
pub struct Shaken {
    pub facts: TlsFacts,
    /// The chain as text, for the packet.
    pub chain_text: Option<String>,
    pub result: Result<Box<dyn Stream>, Trouble>,
}

/// Shakes hands, with a second connection where the first is silent or cut. `suspect` is told when silence shows.
pub async fn shake(first: Box<dyn Stream>, open: &Open<'_>, wish: &Wish<'_>, suspect: &dyn Fn(Trouble)) -> Shaken {
    let Ok(name) = ServerName::try_from(wish.host.to_owned()) else {
        let why = format!("{} is not a name that a certificate can be for", super::bounded(wish.host));
        return Shaken { facts: TlsFacts::default(), chain_text: None, result: Err(Trouble::unknown(why)) };
    };
    let start = Instant::now();
    let answer = first_answer(first, open, wish, &name, suspect).await;
    let took = start.elapsed();
    let mut facts = TlsFacts { handshake_ms: Some(milliseconds(took)), ..TlsFacts::default() };
    let trouble = match answer {
        First::Attempt(attempt, retried) => return conclude(*attempt, retried, open, wish).await,
        First::Plain(greeting) => not_tls(&mut facts, wish.host, &greeting),
        First::Lost => unasked::lost(wish.host, took).suspected(Instant::now() >= wish.until),
        First::Silence => {
            let summary =
                format!("{} took the connection and gave no answer to the TLS hello in {}", wish.host, said(took));
            Trouble::new(Code::TlsTimeout, summary).suspected(Instant::now() >= wish.until)
        }
    };
    Shaken { facts, chain_text: None, result: Err(trouble) }
}

fn not_tls(facts: &mut TlsFacts, host: &str, first: &[u8]) -> Trouble {
    let greeting = printable(first, GREETING_LIMIT);
    let summary = format!("{host} does not speak TLS here: it answers \"{greeting}\"");
    facts.first_bytes = Some(greeting);
    Trouble::new(Code::TlsNotTls, summary)
}

/// One attempt that has ended.
struct Attempt {
    result: io::Result<TlsStream<Hold>>,
    ear: Ear,
    presented: Option<Presented>,
    took: Duration,
}

/// What came first.
enum First {
    /// An attempt that has ended, and whether it was the second one.
    Attempt(Box<Attempt>, bool),
    /// An answer to a plain request, where the TLS hello got none.
    Plain(Vec<u8>),
    Silence,
    /// Silence, and further connections were not answered either.
    Lost,
}

async fn first_answer(
    first: Box<dyn Stream>,
    open: &Open<'_>,
    wish: &Wish<'_>,
    name: &ServerName<'static>,
    suspect: &dyn Fn(Trouble),
) -> First {
    let start = Instant::now();
    let quiet = (wish.round_trip * 10).clamp(QUIET_AT_LEAST, QUIET_AT_MOST);
    let mut one = pin!(attempt(first, wish, name));
    tokio::select! {
        biased;
        attempt = &mut one => {
            if !was_cut(&attempt) {
                return First::Attempt(Box::new(attempt), false);
            }
            // A cut says something explicit, but one may be bad luck (RFC 5461).
            return match second(open, wish, name).await {
                Some(again) => First::Attempt(Box::new(again), true),
                None => First::Attempt(Box::new(attempt), false),
            };
        }
        () = sleep_until(wish.until.min(start + quiet)) => {}
    }
    let summary = format!("{} gives no answer to the TLS hello for {}", wish.host, said(quiet));
    suspect(Trouble::new(Code::TlsTimeout, summary).suspected(true));
    let answered = Cell::new(false);
    let open_noting = || {
        let opening = open();
        let answered = &answered;
        Box::pin(async move {
            let opened = opening.await;
            answered.set(answered.get() || !matches!(opened, Err(Failure::Timeout)));
            opened
        }) as LocalBoxFuture<'_, _>
    };
    let mut two = pin!(second(&open_noting, wish, name));
    let mut plain = pin!(plain_answer(&open_noting));
    let (mut two_ended, mut plain_ended) = (false, false);
    let end = wish.until.min(start + quiet + SECOND_LOOK);
    loop {
        tokio::select! {
            biased;
            attempt = &mut one => return First::Attempt(Box::new(attempt), false),
            attempt = &mut two, if !two_ended => match attempt {
                Some(attempt) if !was_cut(&attempt) => return First::Attempt(Box::new(attempt), true),
                _ => two_ended = true,
            },
            answer = &mut plain, if !plain_ended => match answer {
                Some(answer) if !is_tls(&answer) => return First::Plain(answer),
                _ => plain_ended = true,
            },
            () = sleep_until(end) => return if answered.get() { First::Silence } else { First::Lost },
        }
    }
}

/// How the port answers a plain request: a web server without TLS waits for the end of a line that a TLS hello does
/// not have, and so looks dead.
async fn plain_answer(open: &Open<'_>) -> Option<Vec<u8>> {
    let mut stream = open().await.ok()?;
    stream.write_all(b"HEAD / HTTP/1.0\r\n\r\n").await.ok()?;
    stream.flush().await.ok()?;
    let mut answer = [0; GREETING_LIMIT];
    let count = timeout(SECOND_LOOK, stream.read(&mut answer)).await.ok()?.ok()?;
    (count > 0).then(|| answer[..count].to_vec())
}

async fn second(open: &Open<'_>, wish: &Wish<'_>, name: &ServerName<'static>) -> Option<Attempt> {
    let wait = SECOND_LOOK.min(wish.until.saturating_duration_since(Instant::now()));
    let look = async { Some(attempt(open().await.ok()?, wish, name).await) };
    timeout(wait, look).await.ok().flatten()
}

fn was_cut(attempt: &Attempt) -> bool {
    let heard = attempt.ear.borrow();
    matches!(&attempt.result, Err(error) if is_tls(&heard.first) && is_cut(error))
}

/// The other side ended the connection, in one of the ways that the system reports it.
pub fn is_cut(error: &io::Error) -> bool {
    use io::ErrorKind as Kind;
    matches!(
        error.kind(),
        Kind::UnexpectedEof | Kind::ConnectionReset | Kind::ConnectionAborted | Kind::BrokenPipe | Kind::NotConnected
    )
}

async fn attempt(stream: Box<dyn Stream>, wish: &Wish<'_>, name: &ServerName<'static>) -> Attempt {
    let start = Instant::now();
    let (tap, ear) = Tap::on(stream);
    let recorder = Arc::new(Recorder { trust: Arc::clone(wish.trust), presented: Mutex::new(None) });
    let result = match config(wish, &recorder) {
        Ok(config) => handshake(config, Hold::on(tap), name, wish.asks).await,
        Err(error) => Err(io::Error::other(error)),
    };
    let presented = recorder.presented.lock().map(|mut kept| kept.take()).unwrap_or_default();
    Attempt { result, ear, presented, took: start.elapsed() }
}

async fn handshake(
    config: ClientConfig,
    hold: Hold,
    name: &ServerName<'static>,
    asks: bool,
) -> io::Result<TlsStream<Hold>> {
    match TlsConnector::from(Arc::new(config)).connect(name.clone(), hold).into_fallible().await {
        Ok(mut stream) => {
            let hold = stream.get_mut().0;
            if asks {
                hold.go_on();
            } else {
                hold.release().await?;
            }
            Ok(stream)
        }
        Err((error, mut hold)) => {
            // The alert that tells the other side why; where it no longer listens, that changes nothing.
            let _ = hold.release().now_or_never();
            Err(error)
        }
    }
}

fn config(wish: &Wish<'_>, recorder: &Arc<Recorder>) -> Result<ClientConfig, rustls::Error> {
    let mut config = ClientConfig::builder_with_provider(Arc::clone(wish.trust.provider()))
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(Arc::clone(recorder) as Arc<dyn ServerCertVerifier>)
        .with_no_client_auth();
    config.alpn_protocols = wish.alpn.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
    Ok(config)
}

async fn conclude(attempt: Attempt, retried: bool, open: &Open<'_>, wish: &Wish<'_>) -> Shaken {
    let Attempt { result, ear, presented, took } = attempt;
    let mut facts = TlsFacts { handshake_ms: Some(milliseconds(took)), retried, ..TlsFacts::default() };
    let chain = presented.as_ref().map(|presented| certificate::read(&presented.chain)).unwrap_or_default();
    if let Some(presented) = &presented {
        describe(&mut facts, presented, &chain, wish);
    }
    let chain_text = (!chain.is_empty()).then(|| certificate::chain_text(wish.host, &chain));
    let result = match result {
        Ok(stream) => {
            agreed(&mut facts, &stream);
            Ok(Box::new(stream) as Box<dyn Stream>)
        }
        Err(error) => {
            let first = ear.borrow().first.clone();
            Err(match refused(&mut facts, presented.as_ref(), &chain, wish) {
                Some(trouble) => trouble,
                None => failed(&mut facts, &error, &first, retried, open, wish).await,
            })
        }
    };
    Shaken { facts, chain_text, result }
}

fn describe(facts: &mut TlsFacts, presented: &Presented, chain: &[Certificate], wish: &Wish<'_>) {
    facts.trusted_system = Some(presented.system.is_ok());
    facts.trusted_public = Some(presented.public.is_ok());
    facts.reason = presented.system.as_ref().err().map(|reason| reason.word().to_owned());
    facts.chain = chain.iter().map(|certificate| certificate.link.clone()).collect();
    let Some(leaf) = chain.first() else { return };
    let now = jiff::Timestamp::now();
    facts.subject = Some(leaf.link.subject.clone());
    facts.issuer = Some(leaf.link.issuer.clone());
    facts.not_before = Some(leaf.link.not_before.clone());
    facts.not_after = Some(leaf.link.not_after.clone());
    facts.days_left = Some(leaf.not_after.saturating_sub(now.as_second()).div_euclid(86_400));
    facts.names = leaf.names.clone();
    facts.names_count = Some(leaf.names_count);
    facts.would_be_valid_with_correct_clock = wish.clock_offset_ms.map(|offset| {
        let right = now.as_second().saturating_add(offset / 1000);
        chain.iter().all(|certificate| (certificate.not_before..=certificate.not_after).contains(&right))
    });
    let only_here = presented.system.is_ok() && presented.public.is_err();
    let surprising = !certificate::is_private_name(wish.host) || certificate::inspection_product(chain).is_some();
    facts.interception = (only_here && surprising).then(|| leaf.link.issuer.clone());
}

fn agreed(facts: &mut TlsFacts, stream: &TlsStream<Hold>) {
    let session = stream.get_ref().1;
    facts.version = session.protocol_version().map(|version| legacy::version_name(u16::from(version)));
    facts.cipher = session.negotiated_cipher_suite().map(|suite| format!("{:?}", suite.suite()));
    facts.alpn = session.alpn_protocol().map(|protocol| printable(protocol, GREETING_LIMIT));
}

/// The store does not accept what was shown.
fn refused(
    facts: &mut TlsFacts,
    presented: Option<&Presented>,
    chain: &[Certificate],
    wish: &Wish<'_>,
) -> Option<Trouble> {
    let presented = presented?;
    let top_issuer = chain.last().map(|top| top.issuer_der.as_slice()).unwrap_or_default();
    let (trouble, link) = certificate::explain(&certificate::Seen {
        host: wish.host,
        chain,
        system: &presented.system,
        trusted_public: presented.public.is_ok(),
        name_fits: presented.name_fits,
        issuer_is_public_root: wish.trust.is_public_root(top_issuer),
        now: jiff::Timestamp::now().as_second(),
    })?;
    facts.failing_link = link.map(str::to_owned);
    Some(trouble)
}

/// The handshake ended for another reason than the certificate's standing.
async fn failed(
    facts: &mut TlsFacts,
    error: &io::Error,
    first: &[u8],
    retried: bool,
    open: &Open<'_>,
    wish: &Wish<'_>,
) -> Trouble {
    let host = wish.host;
    if !is_tls(first) {
        return not_tls(facts, host, first);
    }
    if is_cut(error) {
        if is_cut_unasked(open, wish.until).await {
            return unasked::cut(host);
        }
        let summary = format!("{host} cut the connection during the TLS handshake");
        return Trouble::new(Code::TlsReset, summary).suspected(!retried);
    }
    let Some(cause) = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) else {
        return match error.kind() {
            io::ErrorKind::TimedOut => {
                Trouble::new(Code::TlsTimeout, format!("{host} fell silent during the handshake"))
            }
            _ => Trouble::unknown(format!("the handshake with {host} failed: {}", super::bounded(&error.to_string()))),
        };
    };
    match cause {
        rustls::Error::AlertReceived(alert) if may_be_old(*alert) => old(facts, Some(*alert), open, wish).await,
        // Only HTTP/1.1 was offered, and HTTP/2 is the one other protocol that web servers have over TLS (RFC 7301).
        rustls::Error::AlertReceived(alert @ AlertDescription::NoApplicationProtocol) if wish.alpn == ["http/1.1"] => {
            facts.alert = Some(alert_name(*alert));
            super::exchange::only_two(host)
        }
        rustls::Error::AlertReceived(alert) => ended_with(facts, *alert, host),
        rustls::Error::PeerIncompatible(_) => old(facts, None, open, wish).await,
        other => {
            let text = super::bounded(&other.to_string());
            if facts.trusted_system == Some(true) {
                facts.key_error = Some(text.clone());
            }
            Trouble::new(Code::TlsInvalid, format!("the handshake with {host} is not acceptable: {text}"))
        }
    }
}

/// Whether these could be the first bytes of a TLS record: its five types, and a version that begins with 3.
fn is_tls(first: &[u8]) -> bool {
    match first {
        [] => true,
        [kind] => (20..=24).contains(kind),
        [kind, major, ..] => (20..=24).contains(kind) && *major == 3,
    }
}

/// The alerts that servers send when they find nothing in common.
fn may_be_old(alert: AlertDescription) -> bool {
    use AlertDescription as A;
    matches!(alert, A::ProtocolVersion | A::HandshakeFailure | A::InsufficientSecurity | A::IllegalParameter)
}

/// Whether the server is merely old, by a hello that old servers understand.
async fn old(facts: &mut TlsFacts, alert: Option<AlertDescription>, open: &Open<'_>, wish: &Wish<'_>) -> Trouble {
    let host = wish.host;
    let wait = SECOND_LOOK.min(wish.until.saturating_duration_since(Instant::now()));
    let look = async {
        match open().await {
            Ok(stream) => legacy::look(stream, host).await,
            Err(_) => legacy::Answer::Nothing,
        }
    };
    let answer = timeout(wait, look).await.unwrap_or(legacy::Answer::Nothing);
    match (answer, alert) {
        (legacy::Answer::Chosen { version, .. }, _) if version < 0x0303 => {
            let version = legacy::version_name(version);
            let summary = format!("{host} speaks only {version}, which programs no longer accept");
            facts.version = Some(version);
            Trouble::new(Code::TlsOldProtocol, summary)
        }
        (legacy::Answer::Chosen { version, cipher }, _) if legacy::only_browsers_take(version, cipher) => {
            facts.version = Some(legacy::version_name(version));
            Trouble::unknown(format!(
                "{host} agrees only to an old cipher suite ({cipher:#06x}) that browsers still take and this program does \
                 not have: a browser shows whether it works"
            ))
        }
        (legacy::Answer::Chosen { version, .. }, _) => {
            let version = legacy::version_name(version);
            let summary = format!("{host} speaks {version}, but only with ciphers that programs no longer accept");
            facts.version = Some(version);
            facts.alert = alert.map(alert_name);
            Trouble::new(Code::TlsAlert, summary)
        }
        (_, Some(alert)) => ended_with(facts, alert, host),
        (legacy::Answer::Alert(number), None) => ended_with(facts, AlertDescription::from(number), host),
        (legacy::Answer::Nothing, None) => {
            Trouble::new(Code::TlsInvalid, format!("{host} and this machine have no TLS version or cipher in common"))
        }
    }
}

fn ended_with(facts: &mut TlsFacts, alert: AlertDescription, host: &str) -> Trouble {
    let name = alert_name(alert);
    let summary = format!("{host} ended the handshake with the alert {name}");
    facts.alert = Some(name);
    Trouble::new(Code::TlsAlert, summary)
}

/// The alert's name as the RFC writes it: `handshake_failure`.
pub fn alert_name(alert: AlertDescription) -> String {
    let mut name = String::new();
    for character in format!("{alert:?}").chars() {
        if character.is_ascii_uppercase() && !name.is_empty() && !name.ends_with(|c: char| c.is_ascii_uppercase()) {
            name.push('_');
        }
        name.push(character);
    }
    name.to_ascii_lowercase()
}
