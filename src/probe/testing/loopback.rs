//! Servers, a network and a machine for the tests of the probes that speak to far ends.

use crate::observation::Observation;
use crate::probe::Probe;
use crate::sys::{Known, Machine, ProxySettings};
use crate::world::{Connection, Dial, EchoSeries, Failure, Hop, LookupFailure, Network, PathMtu, Reply, Stream, World};
use async_trait::async_trait;
use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::net::{IpAddr, SocketAddr};
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
                Ok(Connection { stream: Box::new(stream), local, took: start.elapsed(), repeats: Default::default() })
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
    super::world(Settings(settings), network)
}

/// Runs a probe in a world; returns its observations and what it emitted before.
pub async fn look(
    probe: &'static Probe,
    world: &World,
    args: serde_json::Value,
) -> (Vec<Observation>, Vec<Observation>) {
    look_for(probe, world, args, super::LONG).await
}

/// The same with another deadline.
pub async fn look_for(
    probe: &'static Probe,
    world: &World,
    args: serde_json::Value,
    wait: Duration,
) -> (Vec<Observation>, Vec<Observation>) {
    super::look(probe, world, args, wait).await.both()
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

/// The server's side of TLS, showing this chain.
pub fn acceptor(
    leaf: &certificates::Shown,
    rest: Vec<rustls::pki_types::CertificateDer<'static>>,
) -> tokio_rustls::TlsAcceptor {
    let mut chain = vec![leaf.der.clone()];
    chain.extend(rest);
    let key = rustls::pki_types::PrivateKeyDer::try_from(leaf.key.serialize_der()).unwrap();
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    tokio_rustls::TlsAcceptor::from(std::sync::Arc::new(config))
}

/// A TLS server that shows this chain and answers every request with a small page.
pub async fn tls_server(leaf: certificates::Shown, rest: Vec<rustls::pki_types::CertificateDer<'static>>) -> Served {
    let acceptor = acceptor(&leaf, rest);
    serve(move |stream| {
        let acceptor = acceptor.clone();
        async move {
            let Ok(mut stream) = acceptor.accept(stream).await else { return };
            read_head(&mut stream).await;
            drop(stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await);
            drop(stream.shutdown().await);
        }
    })
    .await
}

/// Certificates of every kind.
pub mod certificates {
    use rcgen::{
        BasicConstraints, CertificateParams, CustomExtension, DistinguishedName, DnType, IsCa, Issuer, KeyPair,
    };
    use rustls::pki_types::CertificateDer;
    use std::time::{Duration, SystemTime};

    /// A certificate and its key, as a server shows it.
    pub struct Shown {
        pub der: CertificateDer<'static>,
        pub key: KeyPair,
    }

    /// Somebody who signs.
    pub struct Authority {
        der: CertificateDer<'static>,
        issuer: Issuer<'static, KeyPair>,
    }

    /// What a leaf says.
    pub struct Leaf {
        names: Vec<String>,
        from: i64,
        until: i64,
        marked: bool,
    }

    impl Leaf {
        pub fn for_name(name: &str) -> Leaf {
            Leaf::for_names(vec![name.to_owned()])
        }

        pub fn for_names(names: Vec<String>) -> Leaf {
            Leaf { names, from: -10, until: 80, marked: false }
        }

        /// Valid from and until so many days from now.
        pub fn days(mut self, from: i64, until: i64) -> Leaf {
            (self.from, self.until) = (from, until);
            self
        }

        /// With the address of its issuer's certificate, as public ones have it.
        pub fn marked(mut self) -> Leaf {
            self.marked = true;
            self
        }
    }

    fn params(common_name: &str, from: i64, until: i64) -> CertificateParams {
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, common_name);
        params.not_before = in_days(from).into();
        params.not_after = in_days(until).into();
        params
    }

    fn in_days(days: i64) -> SystemTime {
        let distance = Duration::from_secs(days.unsigned_abs() * 86_400);
        if days < 0 { SystemTime::now() - distance } else { SystemTime::now() + distance }
    }

    fn authority_params(common_name: &str, from: i64, until: i64) -> CertificateParams {
        let mut params = params(common_name, from, until);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params
    }

    impl Authority {
        pub fn root(common_name: &str) -> Authority {
            let key = KeyPair::generate().unwrap();
            let params = authority_params(common_name, -1000, 1000);
            let der = params.self_signed(&key).unwrap().der().clone();
            Authority { der, issuer: Issuer::new(params, key) }
        }

        pub fn self_signed(common_name: &str) -> Shown {
            let key = KeyPair::generate().unwrap();
            let mut params = params(common_name, -10, 80);
            params.subject_alt_names = CertificateParams::new(vec![common_name.to_owned()]).unwrap().subject_alt_names;
            Shown { der: params.self_signed(&key).unwrap().der().clone(), key }
        }

        pub fn authority(&self, common_name: &str) -> Authority {
            self.authority_valid(common_name, -1000, 1000)
        }

        pub fn authority_valid(&self, common_name: &str, from: i64, until: i64) -> Authority {
            let key = KeyPair::generate().unwrap();
            let params = authority_params(common_name, from, until);
            let der = params.signed_by(&key, &self.issuer).unwrap().der().clone();
            Authority { der, issuer: Issuer::new(params, key) }
        }

        pub fn leaf(&self, leaf: &Leaf) -> Shown {
            let key = KeyPair::generate().unwrap();
            let mut params = params(&leaf.names[0], leaf.from, leaf.until);
            params.subject_alt_names = CertificateParams::new(leaf.names.clone()).unwrap().subject_alt_names;
            if leaf.marked {
                // AuthorityInfoAccess with one caIssuers address: http://ca.test
                let address = b"http://ca.test";
                let mut content = vec![0x30, 28, 0x30, 26, 0x06, 8, 0x2b, 6, 1, 5, 5, 7, 48, 2, 0x86, 14];
                content.extend_from_slice(address);
                params.custom_extensions.push(CustomExtension::from_oid_content(&[1, 3, 6, 1, 5, 5, 7, 1, 1], content));
            }
            Shown { der: params.signed_by(&key, &self.issuer).unwrap().der().clone(), key }
        }

        pub fn der(&self) -> CertificateDer<'static> {
            self.der.clone()
        }
    }
}
