//! A network whose other end says what the input says, and a machine that knows next to nothing. Time is paused: every
//! wait ends at once.

use crate::unbounded;
use async_trait::async_trait;
use firstline::observation::{Observation, Via};
use firstline::probe::{self, Look};
use firstline::sys::{Known, Machine, ProxySettings, Route, Towards};
use firstline::world::{
    Connection, Dial, EchoSeries, Failure, Hop, LookupFailure, Network, Nobody, PathMtu, Reply, World,
};
use serde_json::Value;
use std::cell::Cell;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::time::Instant;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;

/// What divides what is said to one connection from what is said to the next.
pub const NEXT: &[u8] = b"\n%%%%\n";
/// Room for what either side has not read yet.
const PIPE: usize = 1 << 18;
/// How long a look may take by the paused clock: longer than every wait of every probe.
const LONG: Duration = Duration::from_secs(120);

/// The other end of everything.
pub struct Hostile {
    /// What each connection or datagram gets, in turn.
    says: Vec<Vec<u8>>,
    manner: Manner,
    turn: Cell<usize>,
    /// A TLS server in front of what it says.
    tls: Option<Arc<ServerConfig>>,
    /// The proxy settings of the machine on this end.
    proxies: ProxySettings,
}

/// How the other end goes about it.
#[derive(Clone, Copy)]
struct Manner {
    /// Keeps connections open when all is said.
    holds: bool,
    /// Sends in pieces of this size.
    piece: usize,
    /// Datagrams repeat number and question of the query, so that they are taken for its answer.
    echoes: bool,
}

impl Hostile {
    /// The first byte of the input is the manner, the rest is what is said.
    pub fn new(input: &[u8]) -> Hostile {
        let (manner, rest) = input.split_first().map_or((0, input), |(first, rest)| (*first, rest));
        let manner =
            Manner { holds: manner & 1 != 0, piece: if manner & 2 != 0 { 7 } else { 4_096 }, echoes: manner & 4 == 0 };
        let mut says: Vec<Vec<u8>> = Vec::new();
        let mut rest = rest;
        while let Some(at) = rest.windows(NEXT.len()).position(|window| window == NEXT) {
            says.push(rest[..at].to_vec());
            rest = &rest[at + NEXT.len()..];
        }
        says.push(rest.to_vec());
        Hostile { says, manner, tls: None, proxies: ProxySettings::default(), turn: Cell::new(0) }
    }

    /// The same behind a TLS server.
    pub fn secured(self, config: ServerConfig) -> Hostile {
        Hostile { tls: Some(Arc::new(config)), ..self }
    }

    /// The same with these proxy settings on this end.
    pub fn configured(self, proxies: ProxySettings) -> Hostile {
        Hostile { proxies, ..self }
    }

    fn next(&self) -> Vec<u8> {
        let turn = self.turn.replace(self.turn.get() + 1);
        self.says[turn % self.says.len()].clone()
    }
}

/// Says it, and keeps reading so that the other side can speak.
async fn speak(mut stream: DuplexStream, says: Vec<u8>, manner: Manner, tls: Option<Arc<ServerConfig>>) {
    if let Some(tls) = tls {
        if let Ok(mut stream) = TlsAcceptor::from(tls).accept(stream).await {
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await;
            let _ = stream.shutdown().await;
        }
        return;
    }
    for piece in says.chunks(manner.piece) {
        if stream.write_all(piece).await.is_err() {
            return;
        }
        tokio::task::yield_now().await;
    }
    let mut sink = [0; 4_096];
    while manner.holds && stream.read(&mut sink).await.is_ok_and(|length| length > 0) {}
}

struct Door(Rc<Hostile>);

#[async_trait(?Send)]
impl Network for Door {
    async fn connect(&self, _: SocketAddr, _: &Dial) -> Result<Connection, Failure> {
        let (near, far) = tokio::io::duplex(PIPE);
        tokio::spawn(speak(far, self.0.next(), self.0.manner, self.0.tls.clone()));
        let local = Some(SocketAddr::from((Ipv4Addr::new(10, 0, 0, 2), 50_000)));
        Ok(Connection { stream: Box::new(near), local, took: Duration::from_millis(1), repeats: Default::default() })
    }

    async fn exchange(&self, _: SocketAddr, query: &[u8], _: &Dial) -> Result<Reply, Failure> {
        let mut bytes = self.0.next();
        if self.0.manner.echoes && query.len() > 12 && bytes.len() >= 12 {
            bytes[..2].copy_from_slice(&query[..2]);
            bytes.splice(12..12, query[12..].iter().copied());
        }
        Ok(Reply { bytes, local: None, took: Duration::from_millis(1) })
    }

    async fn echo(&self, _: IpAddr, _: u16, _: Duration, _: Duration, _: usize) -> Result<EchoSeries, String> {
        Err("not here".to_owned())
    }

    async fn trace(&self, _: IpAddr, _: u16, _: u8, _: Duration) -> Result<Vec<Hop>, String> {
        Ok(Vec::new())
    }

    async fn path_mtu(&self, _: IpAddr, _: Duration) -> Result<PathMtu, String> {
        Err("not here".to_owned())
    }

    async fn who_refuses(&self, _: SocketAddr, _: Duration) -> Option<(Failure, IpAddr)> {
        None
    }

    async fn lookup(&self, _: &str, _: Duration) -> Result<Vec<IpAddr>, LookupFailure> {
        Ok(vec![Ipv4Addr::new(10, 0, 0, 7).into()])
    }
}

#[async_trait(?Send)]
impl Machine for Door {
    async fn route_to(&self, _: Towards) -> Known<Route> {
        Ok(Route { interface: Some("eth0".to_owned()), kind: "unicast".to_owned(), ..Route::default() })
    }

    async fn proxies(&self) -> Known<ProxySettings> {
        Ok(self.0.proxies.clone())
    }
}

/// Looks with a probe at such a world. What it tells must be among what it declares, and bounded.
pub fn look(name: &str, args: &Value, hostile: Hostile) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
    let runtime = runtime.expect("a runtime can be made");
    let hostile = Rc::new(hostile);
    let world =
        World { machine: Rc::new(Door(hostile.clone())), network: Rc::new(Door(hostile)), person: Rc::new(Nobody) };
    let probe = probe::find(name).expect("there is such a probe");
    let told = runtime.block_on(async {
        let args = args.as_object().cloned().unwrap_or_default();
        let deadline = Instant::now() + LONG;
        let (emit, seen) = (|_: Observation| {}, |_: &str| Vec::new());
        let (check, layer, answered) = ("check", probe.layer, |_: &Via| false);
        let (emit, seen, answered) = (&emit, &seen, &answered);
        let look = Look { probe, world: &world, check, layer, args, deadline, emit, seen, answered };
        (probe.run)(&look).await
    });
    for observation in told {
        assert!(observation.codes().all(|code| probe.codes.contains(&code)), "undeclared: {observation:?}");
        let value = serde_json::to_value(&observation).expect("an observation can be written");
        assert_eq!(unbounded(&value), None, "{name} lets it out without bound");
    }
}
