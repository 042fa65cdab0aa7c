//! The network of a scenario: every far end behaves as its table says, in the time that the scenario gives it.

use super::machine::FakeMachine;
use super::names::{NameServer, OverTcp};
use super::{Scenario, failure};
use crate::world::{
    Connection, Dial, EchoSeries, EchoSocket, Failure, Hop, LookupFailure, Network, PathMtu, Reply, ServerTime,
};
use async_trait::async_trait;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, ReadBuf};
use tokio::time::sleep;
use toml::{Table, Value};

/// Round trip where the scenario gives none.
const USUAL_DELAY: Duration = Duration::from_millis(1);
/// What a peer takes in before it must be read: a socket's usual buffer.
const BUFFER: usize = 64 * 1024;
/// A far end that reads longer request heads than this would be another scenario.
const LONGEST_HEAD: usize = 64 * 1024;
/// Our port in every connection.
const OWN_PORT: u16 = 49_152;

/// How a TCP port behaves.
#[derive(Debug, Clone)]
enum TcpPort {
    Fails(Failure),
    /// Accepts and never says anything.
    Open,
    /// Accepts and cuts the connection at the first byte or read.
    Resets,
    /// Accepts and closes.
    Closes,
    /// Accepts, greets, and then says nothing.
    Says(Vec<u8>),
    /// Answers requests by method and path.
    Http(BTreeMap<String, Vec<u8>>),
    /// One after the other, over and over.
    Each(Arc<(Vec<TcpPort>, AtomicUsize)>),
}

/// How a UDP port behaves.
#[derive(Debug, Clone)]
enum UdpPort {
    Fails(Failure),
    Echoes,
    Replies(Vec<u8>),
}

/// How a host answers pings.
#[derive(Debug, Clone)]
enum Pinged {
    /// No socket may be opened.
    Denied,
    Silent,
    Fails(Failure),
    Answers {
        delay: Duration,
        lose_every: Option<usize>,
    },
}

/// A DNS server's port.
#[derive(Debug)]
enum Names {
    Server(NameServer),
    Fails(Failure),
}

/// The network of a scenario.
#[derive(Debug)]
pub struct FakeNetwork {
    machine: Rc<FakeMachine>,
    delays: BTreeMap<IpAddr, Duration>,
    tcp: BTreeMap<SocketAddr, TcpPort>,
    udp: BTreeMap<SocketAddr, UdpPort>,
    dns: BTreeMap<SocketAddr, Arc<Names>>,
    echo: BTreeMap<String, Pinged>,
    lookup: BTreeMap<String, Result<Vec<IpAddr>, LookupFailure>>,
    trace: BTreeMap<String, Vec<Hop>>,
    path_mtu: BTreeMap<String, PathMtu>,
    who_refuses: BTreeMap<String, (Failure, IpAddr)>,
    time: BTreeMap<String, ServerTime>,
    contacts: RefCell<Vec<String>>,
}

impl FakeNetwork {
    pub(super) fn new(scenario: &Scenario, machine: Rc<FakeMachine>) -> Result<Self, String> {
        let mut tcp = table("http", &scenario.http, socket, http_port)?;
        // What is said of the port comes first, so that a fault can be laid over a web server.
        tcp.extend(table("tcp", &scenario.tcp, socket, tcp_port)?);
        let delays = scenario.delay_ms.iter().map(|(text, ms)| {
            let address = text.parse().map_err(|_| format!("delay_ms.\"{text}\": no address"))?;
            Ok((address, milliseconds(*ms)))
        });
        Ok(FakeNetwork {
            machine,
            delays: delays.collect::<Result<_, String>>()?,
            tcp,
            udp: table("udp", &scenario.udp, socket, udp_port)?,
            dns: table("dns", &scenario.dns, dns_socket, |value| names(value).map(Arc::new))?,
            echo: table("echo", &scenario.echo, text, pinged)?,
            lookup: table("lookup", &scenario.lookup, text, looked_up)?,
            trace: table("trace", &scenario.trace, text, hops)?,
            path_mtu: table("path_mtu", &scenario.path_mtu, text, path_mtu)?,
            who_refuses: table("who_refuses", &scenario.who_refuses, text, refuses)?,
            time: table("time", &scenario.time, text, server_time)?,
            contacts: RefCell::default(),
        })
    }

    pub(super) fn contacts(&self) -> Vec<String> {
        self.contacts.borrow().clone()
    }

    fn note(&self, how: &str, to: impl std::fmt::Display) {
        self.contacts.borrow_mut().push(format!("{how} {to}"));
    }

    fn delay(&self, to: IpAddr) -> Duration {
        self.delays.get(&to).copied().unwrap_or(USUAL_DELAY)
    }

    /// What stops a packet before it reaches anybody: the routes of this machine.
    fn stopped(&self, to: IpAddr) -> Option<Failure> {
        match self.machine.route(to).kind.as_str() {
            "unicast" | "local" => None,
            "prohibit" => Some(Failure::LocalDenied),
            "unreachable" => Some(Failure::HostUnreachable),
            _ => Some(Failure::NetworkUnreachable),
        }
    }

    /// What becomes of a packet to a port that no table names.
    fn unnamed(&self, protocol: &str, to: SocketAddr) -> Failure {
        match self.machine.is_own(to.ip()) && !self.machine.listens(protocol, to.port()) {
            true => Failure::Refused,
            false => Failure::Timeout,
        }
    }

    /// Lets the time pass that this failure takes: silence the whole wait, an error of this machine none, and an
    /// answer one round trip.
    async fn fail(&self, failure: Failure, to: IpAddr, wait: Duration) -> Failure {
        match failure {
            Failure::Timeout => sleep(wait).await,
            Failure::LocalDenied | Failure::NetworkUnreachable | Failure::NoSource => {}
            _ if self.delay(to) > wait => {
                sleep(wait).await;
                return Failure::Timeout;
            }
            _ => sleep(self.delay(to)).await,
        }
        failure
    }

    fn local(&self, to: IpAddr, dial: &Dial) -> Option<SocketAddr> {
        dial.source.or(self.machine.route(to).source).map(|source| SocketAddr::new(source, OWN_PORT))
    }

    fn port(&self, to: SocketAddr) -> TcpPort {
        match (self.tcp.get(&to), self.dns.get(&to).map(Arc::as_ref)) {
            (Some(port), _) => in_turn(port),
            (None, Some(Names::Server(server))) => match server.tcp {
                OverTcp::Answers => TcpPort::Open,
                OverTcp::Refused => TcpPort::Fails(Failure::Refused),
                OverTcp::Silent => TcpPort::Fails(Failure::Timeout),
            },
            (None, Some(Names::Fails(failure))) => TcpPort::Fails(failure.clone()),
            (None, None) if self.machine.is_own(to.ip()) && self.machine.listens("tcp", to.port()) => TcpPort::Open,
            (None, None) => TcpPort::Fails(self.unnamed("tcp", to)),
        }
    }
}

/// The behaviour of this turn.
fn in_turn(port: &TcpPort) -> TcpPort {
    match port {
        TcpPort::Each(each) => {
            let (ports, turn) = each.as_ref();
            let now = turn.fetch_add(1, Ordering::Relaxed);
            ports.get(now % ports.len().max(1)).map_or(TcpPort::Open, in_turn)
        }
        port => port.clone(),
    }
}

#[async_trait(?Send)]
impl Network for FakeNetwork {
    async fn connect(&self, to: SocketAddr, dial: &Dial) -> Result<Connection, Failure> {
        self.note("tcp", to);
        if let Some(failure) = self.stopped(to.ip()) {
            return Err(self.fail(failure, to.ip(), dial.wait).await);
        }
        let delay = self.delay(to.ip());
        let port = match self.port(to) {
            TcpPort::Fails(failure) => return Err(self.fail(failure, to.ip(), dial.wait).await),
            _ if delay > dial.wait => return Err(self.fail(Failure::Timeout, to.ip(), dial.wait).await),
            port => port,
        };
        sleep(delay).await;
        let (ours, theirs) = tokio::io::duplex(BUFFER);
        let resets = matches!(port, TcpPort::Resets);
        match self.dns.get(&to) {
            Some(names) if !self.tcp.contains_key(&to) => {
                tokio::spawn(serve_names(theirs, Arc::clone(names), delay));
            }
            _ => {
                tokio::spawn(serve(theirs, port, delay));
            }
        }
        let stream = Box::new(Played { inner: ours, resets });
        Ok(Connection { stream, local: self.local(to.ip(), dial), took: delay })
    }

    async fn exchange(&self, to: SocketAddr, datagram: &[u8], dial: &Dial) -> Result<Reply, Failure> {
        self.note("udp", to);
        if let Some(failure) = self.stopped(to.ip()) {
            return Err(self.fail(failure, to.ip(), dial.wait).await);
        }
        let answer = match (self.udp.get(&to), self.dns.get(&to).map(Arc::as_ref)) {
            (Some(UdpPort::Echoes), _) => Ok(datagram.to_vec()),
            (Some(UdpPort::Replies(bytes)), _) => Ok(bytes.clone()),
            (Some(UdpPort::Fails(failure)), _) | (None, Some(Names::Fails(failure))) => Err(failure.clone()),
            (None, Some(Names::Server(server))) => server.answer(datagram, false).ok_or(Failure::Timeout),
            (None, None) => Err(self.unnamed("udp", to)),
        };
        let delay = self.delay(to.ip());
        match answer {
            Ok(bytes) if delay <= dial.wait => {
                sleep(delay).await;
                Ok(Reply { bytes, local: self.local(to.ip(), dial), took: delay })
            }
            Ok(_) => Err(self.fail(Failure::Timeout, to.ip(), dial.wait).await),
            Err(failure) => Err(self.fail(failure, to.ip(), dial.wait).await),
        }
    }

    async fn echo(
        &self,
        to: IpAddr,
        count: u16,
        spacing: Duration,
        wait: Duration,
        _size: usize,
    ) -> Result<EchoSeries, String> {
        self.note("echo", to);
        let behaviour = self.echo.get(&to.to_string()).or_else(|| self.echo.get("*"));
        if matches!(behaviour, Some(Pinged::Denied)) {
            return Err("this run may not open a socket for pings".to_owned());
        }
        let series = |replies, error| EchoSeries { socket: EchoSocket::Datagram, replies, error };
        let lost = vec![None; usize::from(count)];
        let between = spacing * u32::from(count.saturating_sub(1));
        if let Some(failure) = self.stopped(to) {
            return Ok(series(lost, Some((failure, None))));
        }
        match behaviour {
            _ if self.machine.is_own(to) => Ok(series(vec![Some(Duration::ZERO); usize::from(count)], None)),
            Some(Pinged::Answers { delay, lose_every }) if *delay <= wait => {
                sleep(between + *delay).await;
                let is_lost = |turn: usize| lose_every.is_some_and(|every| (turn + 1).is_multiple_of(every));
                let replies = (0..usize::from(count)).map(|turn| (!is_lost(turn)).then_some(*delay)).collect();
                Ok(series(replies, None))
            }
            Some(Pinged::Fails(failure)) => {
                sleep(self.delay(to)).await;
                Ok(series(lost, Some((failure.clone(), self.machine.route(to).gateway))))
            }
            _ => {
                sleep(between + wait).await;
                Ok(series(lost, None))
            }
        }
    }

    async fn trace(&self, to: IpAddr, _port: u16, hops: u8, wait: Duration) -> Result<Vec<Hop>, String> {
        self.note("trace", to);
        let found = self.trace.get(&to.to_string()).ok_or("the scenario has no trace to it")?;
        let found: Vec<Hop> = found.iter().take(usize::from(hops)).cloned().collect();
        let silent = found.iter().any(|hop| hop.address.is_none());
        let longest = found.iter().filter_map(|hop| hop.took).max().unwrap_or(USUAL_DELAY);
        sleep(if silent { wait } else { longest }).await;
        Ok(found)
    }

    async fn path_mtu(&self, to: IpAddr, _wait: Duration) -> Result<PathMtu, String> {
        self.note("mtu", to);
        sleep(self.delay(to)).await;
        self.path_mtu.get(&to.to_string()).cloned().ok_or_else(|| "the scenario has no path MTU to it".to_owned())
    }

    async fn who_refuses(&self, to: SocketAddr, wait: Duration) -> Option<(Failure, IpAddr)> {
        self.note("udp", to);
        let found = self.who_refuses.get(&to.to_string()).or_else(|| self.who_refuses.get(&to.ip().to_string()));
        sleep(if found.is_some() { self.delay(to.ip()).min(wait) } else { wait }).await;
        found.cloned()
    }

    async fn time(&self, server: SocketAddr, wait: Duration) -> Result<ServerTime, Failure> {
        self.note("udp", server);
        match self.time.get(&server.to_string()).or_else(|| self.time.get(&server.ip().to_string())) {
            Some(time) => {
                sleep(time.round_trip.min(wait)).await;
                Ok(time.clone())
            }
            None => Err(self.fail(self.stopped(server.ip()).unwrap_or(Failure::Timeout), server.ip(), wait).await),
        }
    }

    async fn lookup(&self, name: &str, wait: Duration) -> Result<Vec<IpAddr>, LookupFailure> {
        self.note("lookup", name);
        let wanted = name.trim_end_matches('.').to_ascii_lowercase();
        match self.lookup.get(&wanted).or_else(|| self.lookup.get("*")) {
            None => Err(LookupFailure::Unsupported("the scenario has no lookup".to_owned())),
            Some(Err(LookupFailure::Timeout)) => {
                sleep(wait).await;
                Err(LookupFailure::Timeout)
            }
            Some(answer) => {
                sleep(USUAL_DELAY).await;
                answer.clone()
            }
        }
    }
}

/// Our end of a connection: the far end's bytes, and its reset where it resets.
struct Played {
    inner: DuplexStream,
    resets: bool,
}

impl AsyncRead for Played {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = into.filled().len();
        let polled = Pin::new(&mut self.inner).poll_read(context, into);
        match polled {
            Poll::Ready(Ok(())) if into.filled().len() == before && self.resets => {
                Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()))
            }
            polled => polled,
        }
    }
}

impl AsyncWrite for Played {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(context)
    }
}

/// The far end of a connection.
async fn serve(mut stream: DuplexStream, port: TcpPort, delay: Duration) {
    match port {
        TcpPort::Says(words) => {
            sleep(delay).await;
            let _ = stream.write_all(&words).await;
            swallow(stream).await;
        }
        TcpPort::Http(pages) => serve_pages(stream, &pages, delay).await,
        TcpPort::Resets => {
            // Takes what was sent first, as a middlebox that dislikes it does.
            let _ = stream.read(&mut [0; 1024]).await;
        }
        TcpPort::Open => swallow(stream).await,
        TcpPort::Closes | TcpPort::Fails(_) | TcpPort::Each(_) => {}
    }
}

/// Reads and says nothing, until the other side goes.
async fn swallow(mut stream: DuplexStream) {
    let mut bytes = [0; 4096];
    while matches!(stream.read(&mut bytes).await, Ok(length) if length > 0) {}
}

/// One request, one answer, then the connection is closed: so an answer needs no length.
async fn serve_pages(mut stream: DuplexStream, pages: &BTreeMap<String, Vec<u8>>, delay: Duration) {
    let mut head = Vec::new();
    let mut bytes = [0; 4096];
    while !head.windows(4).any(|end| end == b"\r\n\r\n") && head.len() < LONGEST_HEAD {
        match stream.read(&mut bytes).await {
            Ok(length) if length > 0 => head.extend_from_slice(&bytes[..length]),
            _ => return,
        }
    }
    let head = String::from_utf8_lossy(&head);
    let mut words = head.split_whitespace();
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let page = pages.get(&format!("{method} {path}")).or_else(|| pages.get(path)).or_else(|| pages.get("*"));
    sleep(delay).await;
    if let Some(page) = page {
        let _ = stream.write_all(page).await;
        let _ = stream.shutdown().await;
    }
}

async fn serve_names(mut stream: DuplexStream, names: Arc<Names>, delay: Duration) {
    let Names::Server(server) = names.as_ref() else { return };
    while let Ok(length) = stream.read_u16().await {
        let mut query = vec![0; usize::from(length)];
        if stream.read_exact(&mut query).await.is_err() {
            return;
        }
        let Some(answer) = server.answer(&query, true) else { return swallow(stream).await };
        sleep(delay).await;
        let framed = [&(answer.len() as u16).to_be_bytes()[..], &answer].concat();
        if stream.write_all(&framed).await.is_err() {
            return;
        }
    }
}

/// Reads a table of behaviours; errors name the key.
fn table<K: Ord, V>(
    name: &str,
    table: &Table,
    key: impl Fn(&str) -> Result<K, String>,
    value: impl Fn(&Value) -> Result<V, String>,
) -> Result<BTreeMap<K, V>, String> {
    let read = |(text, written): (&String, &Value)| Ok((key(text)?, value(written)?));
    table.iter().map(|entry| read(entry).map_err(|why: String| format!("{name}.\"{}\": {why}", entry.0))).collect()
}

fn text(text: &str) -> Result<String, String> {
    Ok(text.trim_end_matches('.').to_ascii_lowercase())
}

fn socket(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| "the key is no address:port".to_owned())
}

fn dns_socket(text: &str) -> Result<SocketAddr, String> {
    text.parse().map(|address| SocketAddr::new(address, 53)).or_else(|_| socket(text))
}

fn milliseconds(ms: f64) -> Duration {
    Duration::from_secs_f64(ms.max(0.0) / 1000.0)
}

fn number(value: &Value) -> Option<f64> {
    value.as_float().or_else(|| value.as_integer().map(|number| number as f64))
}

fn word_of_failure(word: &str) -> Result<Failure, String> {
    if word == "silent" {
        return Ok(Failure::Timeout);
    }
    failure(word).ok_or_else(|| format!("`{word}` is no behaviour"))
}

fn tcp_port(value: &Value) -> Result<TcpPort, String> {
    match value {
        Value::String(word) => match word.as_str() {
            "open" => Ok(TcpPort::Open),
            "reset" => Ok(TcpPort::Resets),
            "closed" => Ok(TcpPort::Closes),
            word => word_of_failure(word).map(TcpPort::Fails),
        },
        Value::Table(table) => match (table.get("says"), table.get("each")) {
            (Some(Value::String(words)), None) => Ok(TcpPort::Says(words.clone().into_bytes())),
            (None, Some(Value::Array(each))) => {
                let each = each.iter().map(tcp_port).collect::<Result<Vec<_>, _>>()?;
                Ok(TcpPort::Each(Arc::new((each, AtomicUsize::new(0)))))
            }
            _ => Err("a table holds `says` or `each`".to_owned()),
        },
        _ => Err("a word or a table".to_owned()),
    }
}

fn http_port(value: &Value) -> Result<TcpPort, String> {
    let page = |text: &Value| text.as_str().map(|text| text.as_bytes().to_vec()).ok_or("an answer is a text");
    let pages = match value {
        Value::Table(pages) => {
            pages.iter().map(|(path, text)| Ok((path.clone(), page(text)?))).collect::<Result<_, String>>()?
        }
        text => BTreeMap::from([("*".to_owned(), page(text)?)]),
    };
    Ok(TcpPort::Http(pages))
}

fn udp_port(value: &Value) -> Result<UdpPort, String> {
    match value {
        Value::String(word) if word == "echo" => Ok(UdpPort::Echoes),
        Value::String(word) => word_of_failure(word).map(UdpPort::Fails),
        Value::Table(table) => match table.get("reply") {
            Some(Value::String(reply)) => Ok(UdpPort::Replies(reply.clone().into_bytes())),
            _ => Err("a table holds `reply`".to_owned()),
        },
        _ => Err("a word or a table".to_owned()),
    }
}

fn names(value: &Value) -> Result<Names, String> {
    match value {
        Value::Table(table) => NameServer::new(table).map(Names::Server),
        Value::String(word) => word_of_failure(word).map(Names::Fails),
        _ => Err("a table of names, or a word".to_owned()),
    }
}

fn pinged(value: &Value) -> Result<Pinged, String> {
    if let Some(ms) = number(value) {
        return Ok(Pinged::Answers { delay: milliseconds(ms), lose_every: None });
    }
    match value {
        Value::String(word) if word == "denied" => Ok(Pinged::Denied),
        Value::String(word) if word == "silent" || word == "timeout" => Ok(Pinged::Silent),
        Value::String(word) => word_of_failure(word).map(Pinged::Fails),
        Value::Table(table) => {
            let delay = table.get("ms").and_then(number).map_or(USUAL_DELAY, milliseconds);
            let lose_every =
                table.get("lose_every").and_then(Value::as_integer).and_then(|every| every.try_into().ok());
            Ok(Pinged::Answers { delay, lose_every: lose_every.filter(|every: &usize| *every > 0) })
        }
        _ => Err("milliseconds, a word or a table".to_owned()),
    }
}

fn looked_up(value: &Value) -> Result<Result<Vec<IpAddr>, LookupFailure>, String> {
    match value {
        Value::Array(addresses) => addresses.iter().map(address).collect::<Result<_, _>>().map(Ok),
        Value::String(word) => match word.as_str() {
            "not_found" => Ok(Err(LookupFailure::NotFound)),
            "try_again" => Ok(Err(LookupFailure::TryAgain)),
            "failed" => Ok(Err(LookupFailure::Failed)),
            "timeout" | "silent" => Ok(Err(LookupFailure::Timeout)),
            "unsupported" => Ok(Err(LookupFailure::Unsupported("not in this scenario".to_owned()))),
            other => Err(format!("`{other}` is no outcome of a lookup")),
        },
        _ => Err("a list of addresses, or a word".to_owned()),
    }
}

fn address(value: &Value) -> Result<IpAddr, String> {
    value.as_str().and_then(|text| text.parse().ok()).ok_or_else(|| format!("{value} is no address"))
}

/// Hops as texts: `10.0.0.1 2.5` (milliseconds), `*` for silence, `10.0.0.1 2 prohibited` for what it says, and a
/// final `target` for the target itself.
fn hops(value: &Value) -> Result<Vec<Hop>, String> {
    let lines = value.as_array().ok_or("a list of hops")?;
    lines.iter().enumerate().map(|(place, line)| hop(place as u8 + 1, line.as_str().unwrap_or_default())).collect()
}

fn hop(ttl: u8, line: &str) -> Result<Hop, String> {
    let mut words = line.split_whitespace();
    let address = match words.next() {
        Some("*") => return Ok(Hop { ttl, address: None, took: None, said: None, is_target: false }),
        Some(word) => word.parse().map_err(|_| format!("`{line}` is no hop"))?,
        None => return Err("a hop is a text".to_owned()),
    };
    let took = words.next().and_then(|ms| ms.parse().ok()).map_or(USUAL_DELAY, milliseconds);
    let last = words.next();
    let said = last.filter(|word| *word != "target").map(word_of_failure).transpose()?;
    Ok(Hop { ttl, address: Some(address), took: Some(took), said, is_target: last == Some("target") })
}

fn path_mtu(value: &Value) -> Result<PathMtu, String> {
    let table = value.as_table().ok_or("a table with `works`, `fails`, `reported`")?;
    let size = |name: &str| table.get(name).and_then(Value::as_integer).and_then(|size| u32::try_from(size).ok());
    let by = table.get("by").map(address).transpose()?;
    Ok(PathMtu {
        works: size("works"),
        fails: size("fails"),
        reported: size("reported").map(|size| (size, by)),
        answers: table.get("answers").and_then(Value::as_bool).unwrap_or(true),
    })
}

fn refuses(value: &Value) -> Result<(Failure, IpAddr), String> {
    let table = value.as_table().ok_or("a table with `by` and `failure`")?;
    let word = table.get("failure").and_then(Value::as_str).unwrap_or("host_unreachable");
    Ok((word_of_failure(word)?, address(table.get("by").ok_or("`by` is missing")?)?))
}

fn server_time(value: &Value) -> Result<ServerTime, String> {
    let table = value.as_table().ok_or("a table with `offset_s`")?;
    Ok(ServerTime {
        offset_s: table.get("offset_s").and_then(number).unwrap_or(0.0),
        round_trip: table.get("round_trip_ms").and_then(number).map_or(USUAL_DELAY, milliseconds),
        stratum: table.get("stratum").and_then(Value::as_integer).and_then(|one| u8::try_from(one).ok()).unwrap_or(2),
    })
}
