//! The one door to the outside, handed in: this machine's facts, the network and the clock. Probes get it as an
//! argument and there is no global. `real` is the live one, `fake` plays a scenario back.

pub mod fake;
pub mod real;

use crate::observation::Via;
use crate::sys::Machine;
use async_trait::async_trait;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Instant;

/// Everything that a probe may touch.
#[derive(Clone)]
pub struct World {
    /// Facts about this machine.
    pub machine: Rc<dyn Machine>,
    /// The network.
    pub network: Rc<dyn Network>,
    /// The person at the terminal, where there is one.
    pub person: Rc<dyn Person>,
}

/// A question for a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// The check that asks; `--answer CHECK=VALUE` answers it beforehand.
    pub check: String,
    pub text: String,
    /// Possible answers: the value that conditions compare, and what the person reads. Empty for free text.
    pub choices: Vec<(String, String)>,
}

/// What came of a question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    Given(String),
    /// The person does not want to answer or does not know.
    Refused,
    /// Nobody is there to ask.
    Nobody,
}

/// Somebody who can be asked.
#[async_trait(?Send)]
pub trait Person {
    /// Asks and waits for the answer.
    async fn ask(&self, question: &Question) -> Answer;

    /// Whether anybody can be asked: where not, no run goes on for the sake of a question.
    fn is_there(&self) -> bool;
}

/// Nobody is there: unattended runs.
pub struct Nobody;

#[async_trait(?Send)]
impl Person for Nobody {
    async fn ask(&self, _: &Question) -> Answer {
        Answer::Nobody
    }

    fn is_there(&self) -> bool {
        false
    }
}

impl World {
    /// What a packet to `target` uses: interface, family, source and gateway, as the kernel says. What it does not
    /// say stays empty, because an element that was not seen must not be proven.
    pub async fn via(&self, target: IpAddr) -> Via {
        let family = Some(if target.is_ipv4() { "ipv4" } else { "ipv6" }.to_owned());
        match self.machine.route_to(target.into()).await {
            Ok(route) => Via {
                gateway: route.certain_gateway().map(|address| address.to_string()),
                interface: route.interface,
                family,
                source: route.source.map(|address| address.to_string()),
                ..Via::default()
            },
            Err(_) => Via { family, ..Via::default() },
        }
    }
}

/// Why nothing came of a network operation. The operating systems' error numbers are mapped to this once, in
/// `Failure::from_io`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// Nobody answered in time.
    Timeout,
    /// The port is closed: RST on connect, or ICMP port unreachable.
    Refused,
    /// The connection was reset after it stood.
    Reset,
    /// No route to the network, here or on the way.
    NetworkUnreachable,
    /// The host is unreachable: here (neighbour discovery failed) or on the way.
    HostUnreachable,
    /// A filter on the way forbids it.
    Prohibited,
    /// This machine does not let it out (EPERM, EACCES).
    LocalDenied,
    /// No usable source address or port here.
    NoSource,
    /// The datagram is larger than the path allows.
    TooLarge,
    /// The other side closed before the end.
    Closed,
    /// The hop limit ran out on the way, which is what a routing loop looks like.
    TimeExceeded,
    /// Anything else, in the operating system's words.
    Other(String),
}

impl Failure {
    /// What an operating-system error means. The one place where error numbers become words: the standard library's
    /// kinds where it has one (they hide the numbers that differ between systems), this system's own numbers for the
    /// few that it lacks.
    pub fn from_io(error: &io::Error) -> Failure {
        match error.kind() {
            io::ErrorKind::TimedOut => Failure::Timeout,
            io::ErrorKind::ConnectionRefused => Failure::Refused,
            io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionAborted => Failure::Reset,
            io::ErrorKind::NetworkUnreachable | io::ErrorKind::NetworkDown => Failure::NetworkUnreachable,
            io::ErrorKind::HostUnreachable => Failure::HostUnreachable,
            io::ErrorKind::PermissionDenied => Failure::LocalDenied,
            io::ErrorKind::AddrNotAvailable | io::ErrorKind::AddrInUse => Failure::NoSource,
            io::ErrorKind::UnexpectedEof | io::ErrorKind::BrokenPipe => Failure::Closed,
            _ => match error.raw_os_error() {
                Some(number) if number == crate::sys::MESSAGE_TOO_LARGE => Failure::TooLarge,
                Some(number) if number == crate::sys::HOST_DOWN => Failure::HostUnreachable,
                _ => Failure::Other(error.to_string()),
            },
        }
    }

    /// The stable word used in facts.
    pub fn word(&self) -> &'static str {
        match self {
            Failure::Timeout => "timeout",
            Failure::Refused => "refused",
            Failure::Reset => "reset",
            Failure::NetworkUnreachable => "network_unreachable",
            Failure::HostUnreachable => "host_unreachable",
            Failure::Prohibited => "prohibited",
            Failure::LocalDenied => "local_denied",
            Failure::NoSource => "no_source",
            Failure::TooLarge => "too_large",
            Failure::Closed => "closed",
            Failure::TimeExceeded => "time_exceeded",
            Failure::Other(_) => "other",
        }
    }
}

/// What came of it, for sentences: "10.0.0.7:443: connection refused".
impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Failure::Timeout => "no answer",
            Failure::Refused => "refused",
            Failure::Reset => "reset",
            Failure::NetworkUnreachable => "network unreachable",
            Failure::HostUnreachable => "host unreachable",
            Failure::Prohibited => "prohibited by a filter on the way",
            Failure::LocalDenied => "not let out by this machine",
            Failure::NoSource => "no usable source address or port",
            Failure::TooLarge => "too large for the path",
            Failure::Closed => "closed by the other side",
            Failure::TimeExceeded => "hop limit ran out on the way",
            Failure::Other(text) => text,
        })
    }
}

/// How a connection or datagram is sent.
#[derive(Debug, Clone, Default)]
pub struct Dial {
    /// How long one attempt may take.
    pub wait: Duration,
    /// Source address to use instead of the kernel's choice.
    pub source: Option<IpAddr>,
    /// Interface to bind to (needs rights on some systems).
    pub interface: Option<String>,
    /// Largest TCP segment that either end may send, instead of what the interface allows.
    pub segment_bytes: Option<u16>,
}

impl Dial {
    /// One attempt of at most `wait`, with everything else left to the kernel.
    pub fn within(wait: Duration) -> Self {
        Dial { wait, ..Dial::default() }
    }
}

/// A byte stream: a real socket, or one that a scenario plays.
pub trait Stream: AsyncRead + AsyncWrite + Unpin {}
impl<T: AsyncRead + AsyncWrite + Unpin> Stream for T {}

/// A connection that stands.
pub struct Connection {
    /// The bytes.
    pub stream: Box<dyn Stream>,
    /// Our end.
    pub local: Option<SocketAddr>,
    /// How long the handshake took.
    pub took: Duration,
    /// How often it had to repeat itself since.
    pub repeats: Repeats,
}

/// How many segments a connection had to send again because nobody acknowledged them in time: a shared view of it, as of
/// the last answer that kept it waiting. None where the system does not tell, or nothing had to be waited for.
pub type Repeats = std::rc::Rc<std::cell::Cell<Option<u32>>>;

/// Why there is no connection, and who said so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    pub failure: Failure,
    /// What an ICMP error said, and whose it was; this machine's own address where the packet never left it.
    pub said: Option<(Failure, IpAddr)>,
}

/// What came back for one datagram.
#[derive(Debug, Clone)]
pub struct Reply {
    /// The bytes.
    pub bytes: Vec<u8>,
    /// Our end.
    pub local: Option<SocketAddr>,
    /// From sending to receiving.
    pub took: Duration,
}

/// Datagrams that were sent in a row, and what came back; times since the first.
#[derive(Debug, Clone, Default)]
pub struct Volley {
    /// Our end.
    pub local: Option<SocketAddr>,
    /// When each was sent, in order.
    pub sent: Vec<Duration>,
    /// What came back, and when.
    pub arrivals: Vec<(Duration, Vec<u8>)>,
}

/// Which socket an echo used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum EchoSocket {
    /// `SOCK_DGRAM`/`IPPROTO_ICMP`: no rights, where `ping_group_range` allows it.
    Datagram,
    /// `SOCK_RAW`: needs `CAP_NET_RAW`.
    Raw,
}

/// A series of echo requests.
#[derive(Debug, Clone)]
pub struct EchoSeries {
    /// Which socket was used.
    pub socket: EchoSocket,
    /// One entry per request, in order: the round-trip time, or none where no answer came.
    pub replies: Vec<Option<Duration>>,
    /// An ICMP error that came instead, and from whom.
    pub error: Option<(Failure, Option<IpAddr>)>,
}

/// One hop of a trace.
#[derive(Debug, Clone, PartialEq)]
pub struct Hop {
    /// Hop count, from 1.
    pub ttl: u8,
    /// Who answered; none where nobody did.
    pub address: Option<IpAddr>,
    /// Round-trip time.
    pub took: Option<Duration>,
    /// What it said: none for "time exceeded", which is what a hop should say.
    pub said: Option<Failure>,
    /// Whether it is the target itself.
    pub is_target: bool,
}

impl Hop {
    /// One that has not answered.
    pub fn silent(ttl: u8) -> Hop {
        Hop { ttl, address: None, took: None, said: None, is_target: false }
    }
}

/// The addresses of a routing loop, where these hops show one: an address that comes back several times with another
/// one between, and what is between.
pub fn loop_in<'a>(hops: impl IntoIterator<Item = &'a Hop>) -> Option<Vec<IpAddr>> {
    let heard: Vec<IpAddr> = hops.into_iter().filter_map(|hop| hop.address).collect();
    let start = heard.iter().enumerate().find_map(|(place, address)| {
        let later = heard.iter().enumerate().skip(place + 1).filter(|(_, other)| *other == address);
        let apart = later.clone().next().is_some_and(|(next, _)| next > place + 1);
        (apart && later.count() + 1 >= LOOP_TIMES).then_some(place)
    })?;
    let mut members = vec![heard[start]];
    members.extend(heard[start + 1..].iter().take_while(|address| **address != heard[start]));
    Some(members)
}

/// So often must an address come back before it is called a loop: paths of different length side by side show one
/// address twice.
const LOOP_TIMES: usize = 3;

/// What a path-MTU search found.
#[derive(Debug, Clone, PartialEq)]
pub struct PathMtu {
    /// The largest IP packet in bytes that got an answer.
    pub works: Option<u32>,
    /// The smallest that got none.
    pub fails: Option<u32>,
    /// The MTU that a router or the kernel named, and who named it.
    pub reported: Option<(u32, Option<IpAddr>)>,
    /// Whether the far end answers probes of this kind at all.
    pub answers: bool,
    /// The largest echo reply that came back, where every size gets there and larger replies do not come back.
    pub returns: Option<u32>,
}

/// What a time server said.
#[derive(Debug, Clone, PartialEq)]
pub struct ServerTime {
    /// Seconds that this machine is behind (positive) or ahead (negative).
    pub offset_s: f64,
    /// Round trip to the server: half of it bounds the error of the offset.
    pub round_trip: Duration,
    /// Distance of the server from a reference clock.
    pub stratum: u8,
}

/// The network. Every call is one measurement, bounded by its own wait.
#[async_trait(?Send)]
pub trait Network {
    /// One TCP connection attempt.
    async fn connect(&self, to: SocketAddr, dial: &Dial) -> Result<Connection, Failure>;

    /// Like `connect`, and says who refuses where that was heard. Hearing it with the attempt itself costs no further
    /// packet; routers limit the rate of their errors, so that a later question may stay unanswered.
    async fn try_connect(&self, to: SocketAddr, dial: &Dial) -> Result<Connection, Refusal> {
        self.connect(to, dial).await.map_err(|failure| Refusal { failure, said: None })
    }

    /// One datagram from a fresh, connected UDP socket, and the first answer to it: connected, because only then does
    /// the kernel report an ICMP port unreachable.
    async fn exchange(&self, to: SocketAddr, datagram: &[u8], dial: &Dial) -> Result<Reply, Failure>;

    /// Datagrams from one connected UDP socket, `spacing` apart, and all that comes back until `dial.wait` after the last.
    /// An error where none could be sent, or where one was said instead of any answer.
    async fn volley(
        &self,
        to: SocketAddr,
        datagrams: &[Vec<u8>],
        spacing: Duration,
        dial: &Dial,
    ) -> Result<Volley, Failure> {
        let _ = (to, datagrams, spacing, dial);
        Err(Failure::Other("datagrams in a row cannot be sent here".to_owned()))
    }

    /// `count` echo requests, `spacing` apart, each waited for `wait` at most. `Err` where no socket may be opened.
    async fn echo(
        &self,
        to: IpAddr,
        count: u16,
        spacing: Duration,
        wait: Duration,
        size: usize,
    ) -> Result<EchoSeries, String>;

    /// The hops towards `to`, without privileges (UDP and the error queue).
    async fn trace(&self, to: IpAddr, port: u16, hops: u8, wait: Duration) -> Result<Vec<Hop>, String>;

    /// The largest packet that reaches `to`, without privileges.
    async fn path_mtu(&self, to: IpAddr, wait: Duration) -> Result<PathMtu, String>;

    /// Asks an ICMP error for a datagram to `to`: who on the way refuses it, and how.
    async fn who_refuses(&self, to: SocketAddr, wait: Duration) -> Option<(Failure, IpAddr)>;

    /// Asks a time server once (SNTP).
    async fn time(&self, server: SocketAddr, wait: Duration) -> Result<ServerTime, Failure> {
        let _ = (server, wait);
        Err(Failure::Other("time servers cannot be asked here".to_owned()))
    }

    /// The name as programs look it up (getaddrinfo, in a child that can be killed), in the order that programs try.
    async fn lookup(&self, name: &str, wait: Duration) -> Result<Vec<IpAddr>, LookupFailure>;

    /// The same for a check beside others that want the same name, and how long it took: one lookup may serve all.
    async fn shared_lookup(&self, name: &str, wait: Duration) -> Result<(Vec<IpAddr>, Duration), LookupFailure> {
        let start = Instant::now();
        let addresses = self.lookup(name, wait).await?;
        Ok((addresses, start.elapsed()))
    }

    /// Whoever looks a name up from now on asks anew: no lookup that is under way serves him.
    fn ask_anew(&self) {}
}

/// Why programs get no address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LookupFailure {
    /// No answer in time.
    Timeout,
    /// The name does not exist, or has no address (getaddrinfo does not tell the two apart on every system).
    NotFound,
    /// A temporary failure (`EAI_AGAIN`): no resolver gave an answer.
    TryAgain,
    /// The resolver failed for good (`EAI_FAIL`).
    Failed,
    /// Cannot be asked here, and why.
    Unsupported(String),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_address_twice_is_no_loop() {
        let hops = |last: &[u8]| -> Vec<Hop> {
            let address = |last: &u8| Some([10, 0, 0, *last].into());
            (1..).zip(last).map(|(ttl, last)| Hop { address: address(last), ..Hop::silent(ttl) }).collect()
        };
        assert_eq!(loop_in(&hops(&[1, 2, 2, 2, 3])), None);
        assert_eq!(loop_in(&hops(&[1, 2, 1])), None);
        let members = loop_in(&hops(&[9, 1, 2, 1, 2, 1])).unwrap();
        assert_eq!(members, [IpAddr::from([10, 0, 0, 1]), IpAddr::from([10, 0, 0, 2])]);
    }

    #[tokio::test]
    async fn of_gateways_side_by_side_none_is_proven() {
        use crate::sys::{Known, Machine, Route, Towards};
        struct Desk {
            multipath: bool,
        }
        #[async_trait(?Send)]
        impl Machine for Desk {
            async fn route_to(&self, _: Towards) -> Known<Route> {
                let gateway = Some([192, 0, 2, 1].into());
                Ok(Route { gateway, interface: Some("eth0".to_owned()), multipath: self.multipath, ..Route::default() })
            }
        }
        for (multipath, named) in [(false, Some("192.0.2.1")), (true, None)] {
            let world = crate::probe::testing::world(Desk { multipath }, real::RealNetwork::default());
            let via = world.via([203, 0, 113, 7].into()).await;
            assert_eq!((via.interface.as_deref(), via.gateway.as_deref()), (Some("eth0"), named));
        }
    }

    #[test]
    fn maps_the_errors_of_the_operating_system() {
        let cases = [
            (io::ErrorKind::ConnectionRefused, Failure::Refused),
            (io::ErrorKind::ConnectionReset, Failure::Reset),
            (io::ErrorKind::NetworkUnreachable, Failure::NetworkUnreachable),
            (io::ErrorKind::HostUnreachable, Failure::HostUnreachable),
            (io::ErrorKind::PermissionDenied, Failure::LocalDenied),
            (io::ErrorKind::AddrNotAvailable, Failure::NoSource),
            (io::ErrorKind::TimedOut, Failure::Timeout),
        ];
        for (kind, expected) in cases {
            assert_eq!(Failure::from_io(&io::Error::from(kind)), expected, "{kind}");
        }
        let numbers =
            [(crate::sys::MESSAGE_TOO_LARGE, Failure::TooLarge), (crate::sys::HOST_DOWN, Failure::HostUnreachable)];
        for (number, expected) in numbers {
            assert_eq!(Failure::from_io(&io::Error::from_raw_os_error(number)), expected);
        }
        assert!(matches!(Failure::from_io(&io::Error::other("odd")), Failure::Other(_)));
    }
}
