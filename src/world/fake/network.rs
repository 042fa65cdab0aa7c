//! The network of a scenario: every far end behaves as its table says, in the time that the scenario gives it.

use super::Scenario;
use super::far_end::{Played, serve, serve_names};
use super::machine::FakeMachine;
use super::names::OverTcp;
use super::table::{
    Names, Pinged, TcpPort, USUAL_DELAY, UdpPort, dns_socket, hops, http_port, looked_up, milliseconds, names,
    path_mtu, pinged, refuses, server_time, socket, table, tcp_port, text, udp_port,
};
use crate::world::{
    Connection, Dial, EchoSeries, EchoSocket, Failure, Hop, LookupFailure, Network, PathMtu, Reply, ServerTime,
};
use async_trait::async_trait;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::time::sleep;

/// What a peer takes in before it must be read: a socket's usual buffer.
const BUFFER: usize = 64 * 1024;
/// Our port in every connection.
const OWN_PORT: u16 = 49_152;

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
        Ok(Connection { stream, local: self.local(to.ip(), dial), took: delay, repeats: Default::default() })
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
