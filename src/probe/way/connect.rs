//! The way through a proxy: reaching it, and asking it to pass a connection on. Credentials are never sent; what a
//! proxy wants is read from its refusal.

use super::dial::{self, NotDialled, dial};
use super::exchange::{Broken, Session, connect_request, header};
use super::handshake::{Wish, shake};
use super::name;
use super::trust::Trust;
use super::{Trouble, bounded, printable, said};
use crate::problem::Code;
use crate::world::{Dial, Failure, Network, Stream};
use hyper::HeaderMap;
use proxy_watch::{ProxyEndpoint, ProxyScheme};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;
use tokio::time::{Instant, timeout_at};
use tokio_socks::Error as SocksError;
use tokio_socks::tcp::{Socks4Stream, Socks5Stream};

/// What a connection through a proxy can end in.
pub const CODES: &[Code] = &[
    Code::ProxyNameUnresolved,
    Code::ProxyTimeout,
    Code::ProxyRefused,
    Code::ProxyReset,
    Code::ProxyUnreachable,
    Code::ProxyNoAnswer,
    Code::ProxyAuthRequired,
    Code::ProxyDenied,
    Code::ProxyUpstream,
    Code::ProxyNotAProxy,
];

/// Schemes of a 407 that are kept; there are four in use.
const SCHEME_LIMIT: usize = 8;

/// What is spoken to a proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Http,
    Https,
    Socks4,
    Socks5,
}

/// A proxy, without credentials.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proxy {
    pub kind: Kind,
    pub host: String,
    pub port: u16,
}

/// Characters of the longest name with a final dot (RFC 1035 section 2.3.4) or of an address in brackets.
const LONGEST_HOST: usize = 255;

impl Proxy {
    /// Reads `host:port` or a URL, as programs read their settings.
    pub fn parse(text: &str) -> Result<Proxy, String> {
        let endpoint = ProxyEndpoint::parse(text, 80).map_err(|_| "it is not a proxy address".to_owned())?;
        if endpoint.host.to_string().len() > LONGEST_HOST {
            return Err("its host is longer than a name can be".to_owned());
        }
        Ok(Proxy::of(&endpoint))
    }

    /// The proxy of an endpoint.
    pub fn of(endpoint: &ProxyEndpoint) -> Proxy {
        let kind = match endpoint.scheme_hint {
            Some(ProxyScheme::Https) => Kind::Https,
            Some(ProxyScheme::Socks4 | ProxyScheme::Socks4a) => Kind::Socks4,
            Some(ProxyScheme::Socks5 | ProxyScheme::Socks5h) => Kind::Socks5,
            _ => Kind::Http,
        };
        // A script may name one that is longer than any name: it fails cut as it does whole.
        let host: String = endpoint.host.to_string().chars().take(LONGEST_HOST).collect();
        Proxy { kind, host: host.trim_matches(['[', ']']).to_owned(), port: endpoint.port }
    }

    /// The word of its URL.
    pub fn scheme(&self) -> &'static str {
        match self.kind {
            Kind::Http => "http",
            Kind::Https => "https",
            Kind::Socks4 => "socks4",
            Kind::Socks5 => "socks5",
        }
    }

    /// Whether it takes a request with the whole URL in it.
    pub fn takes_absolute_form(&self) -> bool {
        matches!(self.kind, Kind::Http | Kind::Https)
    }
}

impl std::fmt::Display for Proxy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.host.contains(':') {
            write!(f, "{}://[{}]:{}", self.scheme(), self.host, self.port)
        } else {
            write!(f, "{}://{}:{}", self.scheme(), self.host, self.port)
        }
    }
}

/// What is known of the way to a proxy, also where it failed.
#[derive(Debug, Clone, Default)]
pub struct Reach {
    pub addresses: Vec<IpAddr>,
    /// The address that was connected to, or whose failure is told.
    pub peer: Option<SocketAddr>,
    pub lookup: Option<Duration>,
    pub connect: Option<Duration>,
    /// Addresses that did not answer.
    pub failed: Vec<SocketAddr>,
}

/// Connects to a proxy, and secures the connection where its scheme says so.
pub async fn reach(
    network: &dyn Network,
    proxy: &Proxy,
    until: Instant,
    suspect: &dyn Fn(Trouble),
) -> (Reach, Result<Box<dyn Stream>, Trouble>) {
    let mut reach = Reach::default();
    let start = Instant::now();
    match name::addresses(network, &proxy.host, until).await {
        Ok((addresses, took)) => {
            reach.addresses = addresses;
            reach.lookup = Some(took);
        }
        Err(failure) => {
            let told = name::trouble(&proxy.host, &failure, start.elapsed());
            let summary = format!("the proxy {proxy} has no address: {}", told.summary);
            let trouble = match told.code {
                Some(_) => Trouble::new(Code::ProxyNameUnresolved, summary).suspected(told.suspected),
                None => told,
            };
            return (reach, Err(trouble));
        }
    }
    let targets: Vec<SocketAddr> = reach.addresses.iter().map(|ip| SocketAddr::new(*ip, proxy.port)).collect();
    let slow = |peer: SocketAddr, took: Duration| {
        let summary = format!("the proxy {proxy} ({peer}) does not answer for {}", said(took));
        suspect(Trouble::new(Code::ProxyTimeout, summary).suspected(true));
    };
    let dialled = match dial(network, &targets, until, &slow).await {
        Ok(dialled) => dialled,
        Err(failure) => {
            reach.peer = Some(failure.address);
            reach.failed = failure.failed.iter().map(|(address, _)| *address).collect();
            return (reach, Err(not_reached(proxy, &failure)));
        }
    };
    reach.peer = Some(dialled.address);
    reach.connect = Some(dialled.took);
    reach.failed = dialled.failed.iter().map(|(address, _)| *address).collect();
    if proxy.kind != Kind::Https {
        return (reach, Ok(dialled.connection.stream));
    }
    let secured = secure(network, proxy, dialled, until, suspect).await;
    (reach, secured)
}

async fn secure(
    network: &dyn Network,
    proxy: &Proxy,
    dialled: dial::Dialled,
    until: Instant,
    suspect: &dyn Fn(Trouble),
) -> Result<Box<dyn Stream>, Trouble> {
    let trust = Trust::of_this_machine().await;
    let round_trip = dialled.connection.took;
    let wish =
        Wish { host: &proxy.host, alpn: &[], trust: &trust, clock_offset_ms: None, round_trip, until, asks: true };
    let address = dialled.address;
    let suspect = |trouble| suspect(of_the_proxy(proxy, trouble));
    let shaken = shake(dialled.connection.stream, &again(network, address), &wish, &suspect).await;
    shaken.result.map_err(|trouble| of_the_proxy(proxy, trouble))
}

/// What a handshake with the proxy itself says of the proxy. Troubles of its certificate and of its version keep their
/// code: they are repaired as those of any server are.
fn of_the_proxy(proxy: &Proxy, trouble: Trouble) -> Trouble {
    let code = match trouble.code {
        Some(Code::TlsTimeout) => Code::ProxyNoAnswer,
        Some(Code::TcpTimeout) => Code::ProxyTimeout,
        Some(Code::TlsReset | Code::TcpReset) => Code::ProxyReset,
        Some(Code::TlsNotTls) => Code::ProxyNotAProxy,
        _ => return trouble,
    };
    let summary = format!("the proxy {proxy}: {}", trouble.summary);
    Trouble { code: Some(code), summary, ..trouble }
}

/// How long a further connection may take: the address answered a moment ago, and the kernel repeats a lost first packet
/// after one second.
pub const AGAIN_WAIT: Duration = Duration::from_secs(2);

/// Opens a further plain connection to `address`.
pub fn again<'a>(
    network: &'a dyn Network,
    address: SocketAddr,
) -> impl Fn() -> futures_util::future::LocalBoxFuture<'a, Result<Box<dyn Stream>, Failure>> + 'a {
    move || {
        Box::pin(async move {
            network.connect(address, &Dial::within(AGAIN_WAIT)).await.map(|connection| connection.stream)
        })
    }
}

fn not_reached(proxy: &Proxy, failure: &NotDialled) -> Trouble {
    let code = match &failure.failure {
        Failure::Timeout => Code::ProxyTimeout,
        Failure::Refused => Code::ProxyRefused,
        Failure::Reset | Failure::Closed => Code::ProxyReset,
        Failure::NetworkUnreachable
        | Failure::HostUnreachable
        | Failure::TimeExceeded
        | Failure::Prohibited
        | Failure::LocalDenied
        | Failure::NoSource => Code::ProxyUnreachable,
        Failure::TooLarge | Failure::Other(_) => {
            return Trouble::unknown(format!("the proxy {proxy} {}", failure.words()));
        }
    };
    let summary = format!("the proxy {proxy} ({}) {}", failure.address, failure.words());
    Trouble::new(code, summary).suspected(failure.suspected)
}

/// What a proxy said.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Answer {
    pub status: Option<u16>,
    /// Authentication schemes of a 407.
    pub schemes: Vec<String>,
    /// `Via` or `Server`.
    pub answered_by: Option<String>,
}

/// Asks a proxy to connect to `host:port`.
pub async fn tunnel(
    stream: Box<dyn Stream>,
    proxy: &Proxy,
    host: &str,
    port: u16,
    until: Instant,
    suspect: &dyn Fn(Trouble),
) -> (Answer, Result<Box<dyn Stream>, Trouble>) {
    match proxy.kind {
        Kind::Http | Kind::Https => connect(stream, proxy, host, port, until, suspect).await,
        Kind::Socks4 | Kind::Socks5 => socks(stream, proxy, host, port, until, suspect).await,
    }
}

async fn connect(
    stream: Box<dyn Stream>,
    proxy: &Proxy,
    host: &str,
    port: u16,
    until: Instant,
    suspect: &dyn Fn(Trouble),
) -> (Answer, Result<Box<dyn Stream>, Trouble>) {
    let silent = |took: Duration| suspect(no_answer(proxy, took).suspected(true));
    let asked = async {
        let request = connect_request(host, port).map_err(Broken::Other)?;
        let mut session = Session::open(stream).await?;
        let response = session.ask(request, until, &silent).await?;
        Ok((session, response))
    };
    match asked.await {
        Err(broken) => (Answer::default(), Err(broken_proxy(proxy, broken))),
        Ok((session, response)) => {
            let status = response.status().as_u16();
            let answer = Answer::read(status, response.headers());
            match refusal(proxy, &format!("CONNECT {host}:{port}"), &answer, has_proxy_marks(response.headers())) {
                Some(trouble) => (answer, Err(trouble)),
                None => (answer, Ok(session.into_stream().await)),
            }
        }
    }
}

impl Answer {
    /// What the head of an answer says of the proxy.
    pub fn read(status: u16, headers: &HeaderMap) -> Answer {
        let offered = headers.get_all("proxy-authenticate").iter().filter_map(|value| value.to_str().ok());
        let mut schemes: Vec<String> = offered
            .flat_map(|value| value.split(','))
            .filter_map(|challenge| challenge.split_whitespace().next())
            // What follows a comma may be a parameter of the challenge before it.
            .filter(|word| word.chars().all(|c| c.is_ascii_alphanumeric() || c == '-'))
            .map(|scheme| printable(scheme.as_bytes(), 40))
            .take(SCHEME_LIMIT)
            .collect();
        schemes.dedup();
        let answered_by = header(headers, "via").or_else(|| header(headers, "server"));
        Answer { status: Some(status), schemes, answered_by }
    }
}

/// Signs that a proxy wrote or passed on the answer, and not a web server that stands on its port.
pub fn has_proxy_marks(headers: &HeaderMap) -> bool {
    headers.keys().any(|name| {
        let name = name.as_str();
        name == "via" || name == "x-cache" || name == "x-squid-error" || name.starts_with("proxy-")
    })
}

/// What is wrong with the answer to a CONNECT; nothing where the tunnel stands.
fn refusal(proxy: &Proxy, request: &str, answer: &Answer, proxy_marks: bool) -> Option<Trouble> {
    let status = answer.status?;
    let code = match status {
        200..=299 => return None,
        407 => Code::ProxyAuthRequired,
        400 | 404 | 405 | 501 if !proxy_marks => Code::ProxyNotAProxy,
        400 | 404 | 405 | 500.. => Code::ProxyUpstream,
        _ => Code::ProxyDenied,
    };
    Some(Trouble::new(code, status_words(proxy, request, answer, code)))
}

/// A proxy's status as a sentence.
pub fn status_words(proxy: &Proxy, request: &str, answer: &Answer, code: Code) -> String {
    let status = answer.status.unwrap_or_default();
    match code {
        Code::ProxyAuthRequired if answer.schemes.is_empty() => {
            format!("the proxy {proxy} wants credentials ({status}) and names no way to give them")
        }
        Code::ProxyAuthRequired => {
            format!("the proxy {proxy} wants credentials ({status}) by {}", answer.schemes.join(", "))
        }
        Code::ProxyUpstream => format!("the proxy {proxy} answers {status} to {request}: it cannot reach the target"),
        Code::ProxyNotAProxy => format!("what answers at {proxy} is no proxy: {status} to {request}"),
        _ => format!("the proxy {proxy} answers {status} to {request}"),
    }
}

fn no_answer(proxy: &Proxy, took: Duration) -> Trouble {
    let summary = format!("the proxy {proxy} took the connection and did not answer the request in {}", said(took));
    Trouble::new(Code::ProxyNoAnswer, summary)
}

/// What a broken exchange with a proxy means.
pub fn broken_proxy(proxy: &Proxy, broken: Broken) -> Trouble {
    match broken {
        Broken::Silent(took, _) => no_answer(proxy, took).suspected(took < super::exchange::SUSPECT_AFTER),
        Broken::Cut(_) => {
            Trouble::new(Code::ProxyReset, format!("the proxy {proxy} closed the connection without an answer"))
        }
        Broken::NotHttp(first) => {
            Trouble::new(Code::ProxyNotAProxy, format!("what answers at {proxy} is no proxy: \"{first}\""))
        }
        Broken::OnlyTwo => {
            Trouble::new(Code::ProxyNotAProxy, format!("what answers at {proxy} speaks only HTTP/2, as no proxy does"))
        }
        Broken::TooLarge => {
            Trouble::new(Code::ProxyNotAProxy, format!("what answers at {proxy} sends headers without an end"))
        }
        Broken::Alert(name) => {
            Trouble::new(Code::TlsAlert, format!("the proxy {proxy} ended the encryption with the alert {name}"))
        }
        Broken::Other(text) => Trouble::unknown(format!("the request to the proxy {proxy} failed: {text}")),
    }
}

async fn socks(
    stream: Box<dyn Stream>,
    proxy: &Proxy,
    host: &str,
    port: u16,
    until: Instant,
    suspect: &dyn Fn(Trouble),
) -> (Answer, Result<Box<dyn Stream>, Trouble>) {
    let start = Instant::now();
    let asked = async {
        if proxy.kind == Kind::Socks5 {
            let stream = Socks5Stream::connect_with_socket(stream, (host, port)).await?;
            Ok(Box::new(stream.into_inner()) as Box<dyn Stream>)
        } else {
            let stream = Socks4Stream::connect_with_socket(stream, (host, port)).await?;
            Ok(Box::new(stream.into_inner()) as Box<dyn Stream>)
        }
    };
    let mut asked = std::pin::pin!(asked);
    let end = until.min(start + super::exchange::GIVE_UP_AFTER);
    let mut result = timeout_at(end.min(start + super::exchange::SUSPECT_AFTER), asked.as_mut()).await;
    if result.is_err() && Instant::now() < end {
        suspect(no_answer(proxy, start.elapsed()).suspected(true));
        result = timeout_at(end, asked.as_mut()).await;
    }
    match result {
        Ok(Ok(stream)) => (Answer::default(), Ok(stream)),
        Ok(Err(error)) => {
            let (answer, trouble) = socks_refusal(proxy, host, port, &error);
            (answer, Err(trouble))
        }
        Err(_) => {
            let took = start.elapsed();
            let trouble = no_answer(proxy, took).suspected(took < super::exchange::SUSPECT_AFTER);
            (Answer::default(), Err(trouble))
        }
    }
}

fn socks_refusal(proxy: &Proxy, host: &str, port: u16, error: &SocksError) -> (Answer, Trouble) {
    use SocksError as E;
    let mut answer = Answer::default();
    let text = bounded(&error.to_string());
    let trouble = match error {
        E::NoAcceptableAuthMethods | E::AuthorizationRequired | E::PasswordAuthFailure(_) => {
            answer.schemes = vec!["username/password".to_owned()];
            Trouble::new(Code::ProxyAuthRequired, format!("the proxy {proxy} wants credentials"))
        }
        E::IdentdAuthFailure | E::InvalidUserIdAuthFailure => {
            Trouble::new(Code::ProxyAuthRequired, format!("the proxy {proxy} does not accept this user: {text}"))
        }
        E::ConnectionNotAllowedByRuleset => {
            Trouble::new(Code::ProxyDenied, format!("the proxy {proxy} forbids {host}:{port}"))
        }
        E::GeneralSocksServerFailure
        | E::NetworkUnreachable
        | E::HostUnreachable
        | E::ConnectionRefused
        | E::TtlExpired
        | E::UnknownError => {
            Trouble::new(Code::ProxyUpstream, format!("the proxy {proxy} cannot reach {host}:{port}: {text}"))
        }
        E::InvalidResponseVersion
        | E::UnknownAuthMethod
        | E::InvalidReservedByte
        | E::UnknownAddressType
        | E::CommandNotSupported
        | E::AddressTypeNotSupported => {
            Trouble::new(Code::ProxyNotAProxy, format!("what answers at {proxy} is no such proxy: {text}"))
        }
        E::Io(_) => {
            Trouble::new(Code::ProxyReset, format!("the proxy {proxy} closed the connection without an answer"))
        }
        _ => Trouble::unknown(format!("the proxy {proxy} could not be asked: {text}")),
    };
    (answer, trouble)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_handshake_that_fails_accuses_the_proxy() {
        let proxy = Proxy::parse("https://proxy.test").unwrap();
        for (handshake, code) in [
            (Code::TlsNotTls, Code::ProxyNotAProxy),
            (Code::TlsTimeout, Code::ProxyNoAnswer),
            (Code::TlsReset, Code::ProxyReset),
            (Code::TlsExpired, Code::TlsExpired),
        ] {
            let trouble = of_the_proxy(&proxy, Trouble::new(handshake, "what was seen"));
            assert_eq!(trouble.code, Some(code));
            assert!(trouble.summary.contains("what was seen"), "{}", trouble.summary);
        }
    }

    #[test]
    fn proxies_are_read_as_programs_read_them() {
        for (text, shown) in [
            ("proxy.test:3128", "http://proxy.test:3128"),
            ("http://bob:pw@proxy.test", "http://proxy.test:80"),
            ("socks5h://[2001:db8::1]", "socks5://[2001:db8::1]:1080"),
            ("https://proxy.test", "https://proxy.test:443"),
        ] {
            assert_eq!(Proxy::parse(text).unwrap().to_string(), shown);
        }
        assert!(Proxy::parse("not a proxy").is_err());
    }

    #[test]
    fn answers_to_connect_become_codes() {
        let proxy = Proxy::parse("proxy.test:3128").unwrap();
        for (status, marks, code) in [
            (200, false, None),
            (407, false, Some(Code::ProxyAuthRequired)),
            (403, false, Some(Code::ProxyDenied)),
            (503, true, Some(Code::ProxyUpstream)),
            (502, false, Some(Code::ProxyUpstream)),
            (504, false, Some(Code::ProxyUpstream)),
            (405, false, Some(Code::ProxyNotAProxy)),
            (404, false, Some(Code::ProxyNotAProxy)),
            (404, true, Some(Code::ProxyUpstream)),
            (302, false, Some(Code::ProxyDenied)),
        ] {
            let answer = Answer { status: Some(status), ..Answer::default() };
            let found = refusal(&proxy, "CONNECT a:443", &answer, marks).and_then(|trouble| trouble.code);
            assert_eq!(found, code, "{status}");
        }
    }

    #[test]
    fn offered_schemes_are_listed() {
        let mut headers = HeaderMap::new();
        for value in ["Negotiate, NTLM", "Basic realm=\"secret room\", charset=\"UTF-8\""] {
            headers.append("proxy-authenticate", value.parse().unwrap());
        }
        assert_eq!(Answer::read(407, &headers).schemes, ["Negotiate", "NTLM", "Basic"]);
    }
}
