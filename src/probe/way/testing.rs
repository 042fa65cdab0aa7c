//! Servers, a network and a machine for the tests of this folder and of the probes made of it.

use crate::layer::Layer;
use crate::observation::{Facts, Observation};
use crate::probe::{Look, Probe};
use crate::sys::{Known, Machine, ProxySettings};
use crate::world::{
    Connection, Dial, EchoSeries, Failure, Hop, LookupFailure, Network, Nobody, PathMtu, Reply, Stream, World,
};
use async_trait::async_trait;
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Real sockets, a table of names, and addresses that never answer.
#[derive(Default)]
pub struct Loopback {
    names: BTreeMap<String, Vec<IpAddr>>,
    silent: BTreeSet<SocketAddr>,
    /// Names whose lookup never ends.
    hanging: bool,
    /// How many connections were tried.
    pub connects: Cell<usize>,
}

impl Loopback {
    pub fn silent(mut self, address: &str) -> Self {
        self.silent.insert(address.parse().unwrap());
        self
    }

    pub fn name(mut self, name: &str, addresses: &[&str]) -> Self {
        self.names.insert(name.to_owned(), addresses.iter().map(|address| address.parse().unwrap()).collect());
        self
    }

    pub fn hanging(mut self) -> Self {
        self.hanging = true;
        self
    }
}

#[async_trait(?Send)]
impl Network for Loopback {
    async fn connect(&self, to: SocketAddr, dial: &Dial) -> Result<Connection, Failure> {
        self.connects.set(self.connects.get() + 1);
        if self.silent.contains(&to) {
            tokio::time::sleep(dial.wait).await;
            return Err(Failure::Timeout);
        }
        let start = tokio::time::Instant::now();
        match tokio::time::timeout(dial.wait, TcpStream::connect(to)).await {
            Ok(Ok(stream)) => {
                let local = stream.local_addr().ok();
                Ok(Connection { stream: Box::new(stream), local, took: start.elapsed() })
            }
            Ok(Err(error)) => Err(match error.kind() {
                std::io::ErrorKind::ConnectionRefused => Failure::Refused,
                _ => Failure::Other(error.to_string()),
            }),
            Err(_) => Err(Failure::Timeout),
        }
    }

    async fn exchange(&self, _: SocketAddr, _: &[u8], _: &Dial) -> Result<Reply, Failure> {
        Err(Failure::Timeout)
    }

    async fn echo(&self, _: IpAddr, _: u16, _: Duration, _: Duration, _: usize) -> Result<EchoSeries, String> {
        Err("not here".to_owned())
    }

    async fn trace(&self, _: IpAddr, _: u16, _: u8, _: Duration) -> Result<Vec<Hop>, String> {
        Err("not here".to_owned())
    }

    async fn path_mtu(&self, _: IpAddr, _: Duration) -> Result<PathMtu, String> {
        Err("not here".to_owned())
    }

    async fn who_refuses(&self, _: SocketAddr, _: Duration) -> Option<(Failure, IpAddr)> {
        None
    }

    async fn lookup(&self, name: &str, wait: Duration) -> Result<Vec<IpAddr>, LookupFailure> {
        if self.hanging {
            tokio::time::sleep(wait).await;
            return Err(LookupFailure::Timeout);
        }
        self.names.get(name).cloned().ok_or(LookupFailure::NotFound)
    }
}

/// A machine that knows its proxy settings and nothing else.
struct Settings(ProxySettings);

#[async_trait(?Send)]
impl Machine for Settings {
    async fn proxies(&self) -> Known<ProxySettings> {
        Ok(self.0.clone())
    }
}

/// A world of these.
pub fn world(network: Loopback, settings: ProxySettings) -> World {
    World { machine: Rc::new(Settings(settings)), network: Rc::new(network), person: Rc::new(Nobody) }
}

/// Runs a probe in a world; returns its observations and what it emitted before.
pub async fn look(
    probe: &'static Probe,
    world: &World,
    args: serde_json::Value,
) -> (Vec<Observation>, Vec<Observation>) {
    look_for(probe, world, args, Duration::from_secs(30)).await
}

/// The same with another deadline.
pub async fn look_for(
    probe: &'static Probe,
    world: &World,
    args: serde_json::Value,
    wait: Duration,
) -> (Vec<Observation>, Vec<Observation>) {
    let emitted = RefCell::new(Vec::new());
    let args: Facts = args.as_object().cloned().unwrap();
    let look = Look {
        probe,
        world,
        check: "check",
        layer: probe.layer,
        args,
        deadline: tokio::time::Instant::now() + wait,
        emit: &|observation| emitted.borrow_mut().push(observation),
    };
    let observations = (probe.run)(&look).await;
    (observations, emitted.into_inner())
}

/// The layer of a probe's own, for tests that compare it.
pub fn layer_of(observation: &Observation) -> Layer {
    observation.layer
}

/// A server in this process.
pub struct Served {
    pub address: SocketAddr,
}

/// Serves every connection with `handle`.
pub async fn serve<H, F>(handle: H) -> Served
where
    H: Fn(TcpStream) -> F + Send + 'static,
    F: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(handle(stream));
        }
    });
    Served { address }
}

/// Reads until the blank line that ends a request's head.
pub async fn read_head(stream: &mut (impl tokio::io::AsyncRead + Unpin)) -> String {
    let mut head = Vec::new();
    let mut byte = [0; 1];
    while !head.ends_with(b"\r\n\r\n") && head.len() < 16384 {
        match stream.read(&mut byte).await {
            Ok(1) => head.push(byte[0]),
            _ => break,
        }
    }
    String::from_utf8_lossy(&head).into_owned()
}

/// A server that reads a request's head, sends these bytes and closes.
pub fn answers(
    bytes: &'static [u8],
) -> impl Fn(TcpStream) -> std::pin::Pin<Box<dyn Future<Output = ()> + Send>> + Send + 'static {
    move |mut stream| {
        Box::pin(async move {
            read_head(&mut stream).await;
            drop(stream.write_all(bytes).await);
            drop(stream.shutdown().await);
        })
    }
}

/// A plain connection.
pub async fn connect(address: SocketAddr) -> Box<dyn Stream> {
    Box::new(TcpStream::connect(address).await.unwrap())
}
