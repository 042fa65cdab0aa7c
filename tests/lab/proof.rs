//! Looks at a world from the client with plain sockets, to prove that it is what it says: that the healthy one works,
//! and that a fault shows on the wire. None of this uses the program under test.

use crate::network::Lab;
use crate::scene::{at, ip};
use hickory_proto::op::{Message, Query};
use hickory_proto::rr::{Name, RData, RecordType};
use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream, UdpSocket};
use std::sync::Arc;
use std::time::Duration;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned, crypto::ring};

/// How long a look waits before it calls something silent: worlds have round trips of well under a millisecond, and
/// other worlds run beside them.
const PATIENCE: Duration = Duration::from_millis(700);

/// Somebody on the client who looks.
pub struct Eyes<'a> {
    lab: &'a Lab,
    root: CertificateDer<'static>,
}

type Seen = Result<(), String>;

impl<'a> Eyes<'a> {
    /// Eyes that trust the lab's root authority only.
    pub fn new(lab: &'a Lab, root: CertificateDer<'static>) -> Eyes<'a> {
        Eyes { lab, root }
    }

    /// A connection stands.
    pub fn connects(&self, to: &str) -> Seen {
        connect(at(to)).map(drop).map_err(|error| format!("{to} should take connections: {error}"))
    }

    /// A connection fails in this way.
    pub fn fails(&self, to: &str, how: ErrorKind) -> Seen {
        // An ICMP error that arrives while the SYN is being sent is only remembered; the second SYN, a second later,
        // brings it up (RFC 5461 calls these errors soft).
        let patience = if how == ErrorKind::TimedOut { PATIENCE } else { 3 * PATIENCE };
        match TcpStream::connect_timeout(&at(to), patience) {
            Ok(_) => Err(format!("{to} takes connections, but should fail with {how:?}")),
            Err(error) if error.kind() == how => Ok(()),
            Err(error) => Err(format!("{to} should fail with {how:?}, not with {:?} ({error})", error.kind())),
        }
    }

    /// Nothing answers a connection attempt.
    pub fn silent(&self, to: &str) -> Seen {
        self.fails(to, ErrorKind::TimedOut)
    }

    /// The port is closed.
    pub fn refused(&self, to: &str) -> Seen {
        self.fails(to, ErrorKind::ConnectionRefused)
    }

    /// The resolver gives this address for the name.
    pub fn resolves(&self, resolver: &str, name: &str, address: &str) -> Seen {
        let answer = ask(ip(resolver), name).map_err(|error| format!("{resolver} on {name}: {error}"))?;
        let found = answer.answers.iter().any(|record| match &record.data {
            RData::A(four) => IpAddr::V4(four.0) == ip(address),
            RData::AAAA(six) => IpAddr::V6(six.0) == ip(address),
            _ => false,
        });
        if found { Ok(()) } else { Err(format!("{resolver} should give {address} for {name}: {:?}", answer.answers)) }
    }

    /// The resolver answers the name with this code.
    pub fn answers(&self, resolver: &str, name: &str, code: &str) -> Seen {
        let answer = ask(ip(resolver), name).map_err(|error| format!("{resolver} on {name}: {error}"))?;
        let said = format!("{:?}", answer.metadata.response_code);
        if said.eq_ignore_ascii_case(code) { Ok(()) } else { Err(format!("{resolver} should say {code}, not {said}")) }
    }

    /// The resolver's silence or error looks like this.
    pub fn no_answer(&self, resolver: &str, how: ErrorKind) -> Seen {
        match ask(ip(resolver), "www.example.test") {
            Ok(_) => Err(format!("{resolver} answers, but should not")),
            Err(error) if error.kind() == how => Ok(()),
            Err(error) => Err(format!("{resolver} should fail with {how:?}, not {:?} ({error})", error.kind())),
        }
    }

    /// The address answers pings, or does not.
    pub fn pings(&self, address: &str, expected: bool) -> Seen {
        let answered = ping(ip(address), 56).map_err(|error| format!("ping {address}: {error}"))?;
        let says = |answers| if answers { "answers" } else { "is silent" };
        if answered == expected { Ok(()) } else { Err(format!("{address} {} to pings", says(answered))) }
    }

    /// A ping of this size is answered, or not.
    pub fn pings_large(&self, address: &str, size: usize, expected: bool) -> Seen {
        let answered = ping(ip(address), size).unwrap_or(false);
        if answered == expected { Ok(()) } else { Err(format!("{address} and {size} bytes: answered {answered}")) }
    }

    /// The page starts with this status line, over TLS that the lab's root vouches for where the port is 443.
    pub fn page(&self, to: &str, name: &str, status: &str) -> Seen {
        let answer = self.get(to, name).map_err(|error| format!("page of {name} at {to}: {error}"))?;
        let first = answer.lines().next().unwrap_or_default();
        if first.contains(status) { Ok(()) } else { Err(format!("{name} should answer {status}, not `{first}`")) }
    }

    /// The page cannot be had, and the reason contains this.
    pub fn no_page(&self, to: &str, name: &str, why: &str) -> Seen {
        match self.get(to, name) {
            Ok(answer) => Err(format!("{name} answers `{}`", answer.lines().next().unwrap_or_default())),
            Err(error) if format!("{error:?} {error}").contains(why) => Ok(()),
            Err(error) => Err(format!("{name} should fail with `{why}`, not `{error:?}`")),
        }
    }

    /// The proxy answers CONNECT with this status.
    pub fn proxy_says(&self, status: &str) -> Seen {
        let wrong = |error: std::io::Error| format!("proxy: {error}");
        let mut stream = connect(at("198.51.100.90:3128")).map_err(wrong)?;
        stream.write_all(b"CONNECT www.example.test:443 HTTP/1.1\r\nHost: www.example.test\r\n\r\n").map_err(wrong)?;
        let mut answer = [0; 256];
        let length = stream.read(&mut answer).map_err(wrong)?;
        let answer = String::from_utf8_lossy(&answer[..length]).into_owned();
        if answer.contains(status) { Ok(()) } else { Err(format!("the proxy should say {status}: {answer}")) }
    }

    /// Sends this (or nothing, where the server speaks first) and the first answer has this part.
    pub fn hears(&self, to: &str, send: &[u8], part: &[u8]) -> Seen {
        let wrong = |error: std::io::Error| format!("{to}: {error}");
        let mut stream = connect(at(to)).map_err(wrong)?;
        stream.write_all(send).map_err(wrong)?;
        let mut answer = [0; 1024];
        let length = stream.read(&mut answer).map_err(wrong)?;
        let answer = &answer[..length];
        let heard = answer.windows(part.len()).any(|window| window == part);
        if heard { Ok(()) } else { Err(format!("{to} says `{}`", String::from_utf8_lossy(answer).escape_debug())) }
    }

    /// Seconds by which the time server is ahead.
    pub fn clock_ahead(&self, server: &str, seconds: i64) -> Seen {
        let wrong = |error: std::io::Error| format!("time: {error}");
        let socket = socket(SocketAddr::new(ip(server), 123)).map_err(wrong)?;
        let mut packet = [0; 48];
        packet[0] = 0x23;
        socket.send(&packet).map_err(wrong)?;
        socket.recv(&mut packet).map_err(wrong)?;
        let theirs = i64::from(u32::from_be_bytes([packet[40], packet[41], packet[42], packet[43]]));
        let ours = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default().as_secs();
        let ahead = theirs - ours as i64 - 2_208_988_800;
        if (ahead - seconds).abs() <= 2 { Ok(()) } else { Err(format!("the time server is {ahead} s ahead")) }
    }

    /// The interface has a carrier, or not.
    pub fn carrier(&self, interface: &'static str, expected: bool) -> Seen {
        let state = std::fs::read_to_string(format!("/sys/class/net/{interface}/carrier")).unwrap_or_default();
        let has = state.trim() == "1";
        if has == expected { Ok(()) } else { Err(format!("carrier of {interface}: `{}`", state.trim())) }
    }

    /// How many of so many fresh connections succeed; the rest must be silent.
    pub fn connections(&self, to: &str, of: usize, expected: std::ops::RangeInclusive<usize>) -> Seen {
        let good = (0..of).filter(|_| connect(at(to)).is_ok()).count();
        if expected.contains(&good) { Ok(()) } else { Err(format!("{good} of {of} connections to {to} succeed")) }
    }

    /// A machine on the LAN reaches this, or not, so that the client is known to be the only one.
    pub fn sibling_connects(&self, to: &str, expected: bool) -> Seen {
        let address = at(to);
        let reaches = self.lab.sibling.call(async move { connect(address).is_ok() });
        if reaches == expected { Ok(()) } else { Err(format!("the sibling reaches {to}: {reaches}")) }
    }

    fn get(&self, to: &str, name: &str) -> std::io::Result<String> {
        let mut stream = connect(at(to))?;
        let request = format!("GET / HTTP/1.1\r\nHost: {name}\r\nConnection: close\r\n\r\n");
        if at(to).port() != 443 {
            return exchange(&mut stream, &request);
        }
        let mut roots = RootCertStore::empty();
        roots.add(self.root.clone()).map_err(std::io::Error::other)?;
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(std::io::Error::other)?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let name = ServerName::try_from(name.to_owned()).map_err(std::io::Error::other)?;
        let connection = ClientConnection::new(Arc::new(config), name).map_err(std::io::Error::other)?;
        exchange(&mut StreamOwned::new(connection, stream), &request)
    }
}

/// Sends a request and reads until the end, or until nothing more comes.
fn exchange(stream: &mut (impl Read + Write), request: &str) -> std::io::Result<String> {
    stream.write_all(request.as_bytes())?;
    let (mut answer, mut part) = (Vec::new(), [0; 16_384]);
    loop {
        match stream.read(&mut part) {
            Ok(0) => break,
            Ok(length) => answer.extend(&part[..length]),
            Err(_) if answer.starts_with(b"HTTP/") => break,
            Err(error) => return Err(error),
        }
    }
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

fn connect(to: SocketAddr) -> std::io::Result<TcpStream> {
    let stream = TcpStream::connect_timeout(&to, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    Ok(stream)
}

fn socket(to: SocketAddr) -> std::io::Result<UdpSocket> {
    let socket = UdpSocket::bind(if to.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" })?;
    socket.connect(to)?;
    socket.set_read_timeout(Some(PATIENCE))?;
    Ok(socket)
}

fn ask(resolver: IpAddr, name: &str) -> std::io::Result<Message> {
    let socket = socket(SocketAddr::new(resolver, 53))?;
    let name = Name::from_ascii(format!("{name}.")).map_err(std::io::Error::other)?;
    let mut query = Message::query();
    query.metadata.recursion_desired = true;
    query.add_query(Query::query(name, RecordType::A));
    socket.send(&query.to_vec().map_err(std::io::Error::other)?)?;
    let mut answer = [0; 4096];
    let length = socket.recv(&mut answer)?;
    Message::from_vec(&answer[..length]).map_err(std::io::Error::other)
}

/// One echo request over a datagram socket.
fn ping(address: IpAddr, size: usize) -> std::io::Result<bool> {
    let (domain, protocol, kind) = match address {
        IpAddr::V4(_) => (socket2::Domain::IPV4, socket2::Protocol::ICMPV4, 8),
        IpAddr::V6(_) => (socket2::Domain::IPV6, socket2::Protocol::ICMPV6, 128),
    };
    let socket = socket2::Socket::new(domain, socket2::Type::DGRAM, Some(protocol))?;
    socket.set_read_timeout(Some(PATIENCE))?;
    let mut packet = vec![0; 8 + size];
    packet[0] = kind;
    packet[7] = 1;
    socket.connect(&SocketAddr::new(address, 0).into())?;
    if socket.send(&packet).is_err() {
        return Ok(false);
    }
    let mut answer = vec![0; 8 + size];
    Ok((&socket).read(&mut answer).is_ok())
}
