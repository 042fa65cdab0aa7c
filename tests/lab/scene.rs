//! What a world is made of, as values. `Scene::healthy` is a network in which everything works; a fault is a change to
//! it, usually of one line.
//!
//! ```text
//! client 192.0.2.10 --- switch --- gateway 192.0.2.1 | 198.51.100.1 ---[wire]--- far side 198.51.100.0/24
//!                         |                                             .53 .54 resolvers     .10 .11 web
//!             sibling 192.0.2.20                                        .80 control page      .90 proxy
//!                                                                       .123 time
//! ```

use crate::daemon::Daemon;
use crate::machine::HOME;
use crate::wire::Wire;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// The client's own address.
pub const CLIENT: &str = "192.0.2.10";
/// The gateway on the LAN.
pub const GATEWAY: &str = "192.0.2.1";
/// A second machine on the LAN.
pub const SIBLING: &str = "192.0.2.20";
/// The gateway towards the far side.
pub const GATEWAY_FAR: &str = "198.51.100.1";
/// The first resolver.
pub const RESOLVER: &str = "198.51.100.53";
/// The second resolver.
pub const SECOND_RESOLVER: &str = "198.51.100.54";
/// The web server.
pub const WEB: &str = "198.51.100.10";
/// Its second address.
pub const SECOND_WEB: &str = "198.51.100.11";
/// The host of the control page.
pub const CONTROL: &str = "198.51.100.80";
/// The forward proxy; it listens on port 3128.
pub const PROXY: &str = "198.51.100.90";
/// The time server.
pub const TIME: &str = "198.51.100.123";
/// The web server over IPv6.
pub const WEB_SIX: &str = "2001:db8:2::10";
/// The client's IPv6 address, where the world has IPv6.
pub const CLIENT_SIX: &str = "2001:db8:1::10";
/// The resolver of those who have IPv6 alone.
pub const RESOLVER_SIX: &str = "2001:db8:2::53";
/// The well-known prefix behind which IPv4 is translated (RFC 6052 section 2.1); 96 bits long.
pub const TRANSLATED: &str = "64:ff9b::";
/// The gateway's IPv6 address on the LAN.
pub const GATEWAY_SIX: &str = "2001:db8:1::1";
/// An address that no machine of any world has, though the gateway would route it.
pub const NOBODY: &str = "198.51.100.200";
/// What the control page says.
pub const CONTROL_TEXT: &str = "lab control ok";

/// An address that a world's source names.
pub fn ip(text: &str) -> IpAddr {
    text.parse().expect("addresses in the lab's source are well-formed")
}

/// An `address:port` that a world's source names.
pub fn at(text: &str) -> SocketAddr {
    text.parse().expect("addresses in the lab's source are well-formed")
}

/// A whole world.
pub struct Scene {
    pub client: Client,
    pub gateway: Gateway,
    /// The line between the gateway and the far side.
    pub wire: Wire,
    /// The resolvers beyond the gateway: `.53` and `.54`.
    pub resolvers: Vec<Resolver>,
    /// What names answer with, at every resolver that answers.
    pub names: Vec<(String, Name)>,
    /// The servers beyond the gateway.
    pub services: Vec<Service>,
    /// DHCP servers on the LAN.
    pub dhcp: Vec<DhcpServer>,
    /// Real server programs beyond the gateway.
    pub daemons: Vec<Daemon>,
    /// Routes of the far side, beside the one back to the LAN.
    pub far_routes: Vec<Route>,
    /// Addresses of the second machine on the LAN.
    pub sibling: Vec<IpAddr>,
    /// Whether LAN and far side have IPv6.
    pub six: bool,
    /// What is done on a machine of the world in the words of its tools (ip(8), bridge(8), nft(8)), in this order when
    /// all else stands; for faults that have no field of their own.
    pub commands: Vec<Command>,
    /// Seconds by which every clock but the client's is ahead.
    pub clock_ahead_s: i64,
}

/// A command on one machine of the world.
pub struct Command {
    pub on: Machine,
    /// Program and arguments, apart by spaces.
    pub line: &'static str,
    /// How long after the program under test was started; zero for before.
    pub after: Duration,
}

/// A machine of the world.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Machine {
    Client,
    Sibling,
    Switch,
}

/// The machine that has the problem.
pub struct Client {
    /// Its cable.
    pub carrier: bool,
    /// Whether `eth0` is switched on.
    pub up: bool,
    /// Whether the loopback is switched on.
    pub loopback: bool,
    /// Addresses that the loopback holds beside its own.
    pub loopback_addresses: Vec<IpAddr>,
    /// Whether there is an `eth0` at all.
    pub present: bool,
    /// MTU of `eth0`, where it is another one than Ethernet's.
    pub mtu: Option<u32>,
    /// How many times the carrier of `eth0` went and came back before the run.
    pub carrier_losses: u32,
    /// Whether the addresses of IPv6 stay tentative: duplicate detection goes on for longer than any run.
    pub tentative: bool,
    /// Addresses of `eth0` with their prefix lengths.
    pub addresses: Vec<(IpAddr, u8)>,
    /// Routes beside those of the addresses.
    pub routes: Vec<Route>,
    /// Policy rules, each for packets to one network.
    pub rules: Vec<Rule>,
    /// Whether the rule that leads into the main table is there.
    pub main_rule: bool,
    /// Entries of the neighbour table of `eth0` that somebody fixed: address and hardware address.
    pub fixed_neighbours: Vec<(IpAddr, [u8; 6])>,
    /// `/etc/resolv.conf`.
    pub nameservers: Vec<String>,
    /// Further lines of `/etc/resolv.conf`.
    pub resolver_lines: Vec<String>,
    /// Further lines of `/etc/hosts`.
    pub hosts: Vec<String>,
    /// `/etc/nsswitch.conf`, the hosts line.
    pub nsswitch: String,
    /// Packet-filter rules, as `nft -f` reads them; empty for none.
    pub filter: String,
    /// Virtual interfaces beside `eth0`.
    pub links: Vec<ExtraLink>,
    /// Environment variables beside the plain ones.
    pub environment: Vec<(String, String)>,
    /// Further files: path and content.
    pub files: Vec<(String, String)>,
    /// Programs that run there.
    pub programs: Vec<Program>,
    /// File systems of their own, and what is wrong with each.
    pub disks: Vec<(String, Disk)>,
    /// Lines of `/var/log/syslog`: the program that wrote each, and its text. They carry the present time.
    pub log: Vec<(&'static str, &'static str)>,
    /// Further lines of the settings file.
    pub settings: Vec<String>,
    /// Kernel settings beneath `net/`.
    pub kernel: Vec<(String, String)>,
    /// Steps that the person says were tried.
    pub said: Vec<String>,
    /// What was planted here or out there and must not leave the machine.
    pub secrets: Vec<String>,
}

/// A DHCP server on the LAN.
#[derive(Clone, Copy)]
pub struct DhcpServer {
    /// Whether it is the gateway's; else it is the second machine's.
    pub on_gateway: bool,
    /// The address that it offers, in a network of 24 bits.
    pub offers: &'static str,
    /// The gateway that it names.
    pub router: Option<&'static str>,
}

/// The server of the LAN, as it should be.
pub const DHCP: DhcpServer = DhcpServer { on_gateway: true, offers: "192.0.2.50", router: Some(GATEWAY) };

/// What is wrong with a file system.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Disk {
    /// No byte is left.
    Full,
    /// No inode is left.
    NoInodes,
    /// The settings want it writable, and it is mounted read-only.
    ReadOnly,
}

/// The router of the LAN.
pub struct Gateway {
    /// Whether its LAN port is on; off, it answers no ARP while the client keeps its carrier.
    pub alive: bool,
    /// Whether it forwards packets.
    pub forwards: bool,
    /// Whether it answers pings.
    pub answers_echo: bool,
    /// Routes beside those of its addresses.
    pub routes: Vec<Route>,
    /// MTU towards the far side.
    pub mtu: Option<u32>,
}

/// A route.
#[derive(Clone)]
pub struct Route {
    /// Destination, `0.0.0.0/0` for the default.
    pub to: (IpAddr, u8),
    pub way: Way,
    pub metric: Option<u32>,
    /// Another table than the main one.
    pub table: Option<u32>,
}

/// A policy rule.
#[derive(Clone, Copy)]
pub struct Rule {
    /// The packets that it is for.
    pub to: (&'static str, u8),
    /// Only those of TCP to this port; 0 for all.
    pub port: u16,
    /// The table that they are looked up in; without one they are forbidden.
    pub table: Option<u32>,
    /// Only those with this mark.
    pub mark: Option<u32>,
}

/// Where a route leads.
#[derive(Clone)]
pub enum Way {
    Via(IpAddr),
    /// The same, with this source address.
    ViaFrom(IpAddr, IpAddr),
    /// Over several next hops side by side, each with its weight: most go where the weight is.
    Shared(Vec<(IpAddr, u8)>),
    /// Over an interface without a next hop.
    Device(&'static str),
    /// A next hop that is reached over the interface though it is in no subnet of it.
    OnLink(IpAddr, &'static str),
    /// Swallows packets without a word.
    Blackhole,
    /// Answers "administratively prohibited".
    Prohibit,
    /// Answers "host unreachable".
    Unreachable,
}

/// An IPv4 address behind the well-known prefix.
fn translated(address: &IpAddr) -> Option<IpAddr> {
    let IpAddr::V4(four) = address else { return None };
    let [a, b, c, d] = four.octets().map(u16::from);
    Some(IpAddr::from([0x64, 0xff9b, 0, 0, 0, 0, a << 8 | b, c << 8 | d]))
}

/// A route to `to/prefix`.
pub fn route(to: &str, prefix: u8, way: Way) -> Route {
    Route { to: (ip(to), prefix), way, metric: None, table: None }
}

/// A virtual interface on the client.
pub enum ExtraLink {
    /// A bridge without ports.
    Bridge(&'static str),
    /// A bridge that is switched off.
    BridgeDown(&'static str),
    /// A bridge that has taken `eth0` for a port.
    BridgeOver(&'static str),
    /// A tunnel device whose program is gone, with the address that it had.
    Tunnel(&'static str, &'static str, u8),
    /// A tunnel device whose program takes what is sent and never gives anything back, with its address.
    MuteTunnel(&'static str, &'static str, u8),
}

/// What a network of IPv6 alone has for IPv4 (NAT64, RFC 6146).
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Translation {
    None,
    Works,
    /// Names are translated, and packets to their addresses vanish.
    Dead,
}

/// A program on the client: its name and what it does. It runs as a process of its own with that name.
pub struct Program {
    pub name: &'static str,
    pub does: Does,
}

/// What a program on the client does.
pub enum Does {
    /// Serves a page over HTTP at this address.
    Serves(&'static str),
    /// Accepts connections there and never says a word.
    AcceptsOnly(&'static str),
    /// Listens there, speaks no HTTP.
    Greets(&'static str, &'static str),
    /// Listens there, but is stopped by a signal.
    Stopped(&'static str),
    /// Listens and never accepts, with the queue full.
    NeverAccepts(&'static str),
    /// Serves pages with this status.
    Answers(&'static str, u16),
    /// Listens there and has no file descriptor left for the connections that come.
    OutOfDescriptors(&'static str),
    /// Opens connections to this address until no local port is left, and holds them.
    HoldsPorts(&'static str),
    /// Keeps every processor busy.
    Spins,
    /// Does nothing but run.
    Waits,
    /// Serves a page at this address, ends after so many milliseconds, and is started again at once.
    Restarts(&'static str, u64),
    /// Holds a UDP port, and is stopped by a signal.
    TakesNoQuestions(&'static str),
    /// Holds a lock on this file.
    Locks(&'static str),
    /// Signs on to the network at `eth0` as wpa_supplicant, and answers for its state with this text.
    SignsOn(&'static str),
}

/// A resolver.
pub struct Resolver {
    pub address: IpAddr,
    pub mood: ResolverMood,
    /// Names that this one alone answers differently.
    pub names: Vec<(String, Name)>,
}

/// How a resolver behaves.
#[derive(Clone, PartialEq)]
pub enum ResolverMood {
    Answers,
    Silent,
    /// Nothing listens there.
    Closed,
    Refuses,
    Fails,
    /// Waits this many milliseconds before each answer.
    Slow(u64),
    /// Leaves every n-th query without an answer.
    SilentEvery(u32),
    /// Answers over UDP with the truncation bit and the whole over TCP.
    Truncates,
    /// Answers over UDP only; TCP gets no answer.
    UdpOnly,
    /// Answers over UDP only; nothing listens on its TCP port.
    TcpClosed,
    /// Answers over TCP only; UDP gets no answer.
    TcpOnly,
    /// Answers over UDP come from this address, which was not asked.
    AnswersFrom(IpAddr),
    /// Serves zones of its own only, and points to other servers for all else.
    NoRecursion,
    /// Leaves queries with an OPT record (EDNS, RFC 6891) without an answer, as old firewalls make it look.
    DropsExtended,
    /// Answers queries with an OPT record with FORMERR, as servers do that are older than it (RFC 6891 section 7).
    RejectsExtended,
    /// Leaves questions for IPv6 addresses without an answer.
    IgnoresSix,
    /// Answers names that do not exist with this address.
    Rewrites(IpAddr),
    /// Answers every name with this address.
    Hijacks(IpAddr),
    /// Answers with bytes that are no DNS message.
    Garbage,
}

/// What a name answers with.
#[derive(Clone)]
pub enum Name {
    Addresses(Vec<IpAddr>),
    /// Is another name for this one, and has what that one has.
    Alias(&'static str),
    /// The record that comes is that of another name.
    OfAnother(IpAddr),
    Missing,
    Fails,
    Refused,
    Silent,
}

/// A server beyond the gateway.
pub struct Service {
    pub at: SocketAddr,
    pub speaks: Speaks,
}

/// What a server speaks.
#[derive(Clone)]
pub enum Speaks {
    Http(Page),
    Https(Certificate, Handshake, Page),
    Proxy(ProxyMood),
    /// SNTP over UDP, by the far side's clock.
    Time,
    /// Accepts connections and never says a word.
    Nothing,
    /// Sends this text on connect and then echoes nothing.
    Greeting(&'static str),
    /// Resets every connection as soon as it stands.
    Reset,
    /// Accepts connections and closes them in all order without a word.
    HangsUp,
    /// Resets every n-th connection as soon as it stands and serves a page on the others.
    ResetsEvery(usize),
    /// Answers every datagram with its own bytes.
    Echo,
    /// STUN over UDP: tells who asks under which address it is seen.
    Stun,
    /// Answers what comes on each connection as this says; see `spoken.rs`.
    Replies(fn(&[u8]) -> Reply),
    /// Takes mail (SMTP), and shows this certificate where encryption begins.
    Mail(Certificate, MailMood),
    /// A remote desktop (RDP) that shows this certificate.
    Desktop(Certificate, DesktopMood),
}

/// How a remote desktop behaves.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum DesktopMood {
    /// Insists on a sign-in before the session.
    Works,
    /// Says that it has no certificate.
    NoCertificate,
    /// Knows no protection but RDP's own.
    Old,
    /// Agrees on TLS and resets the connection after the hello.
    CutsEncryption,
}

/// How a mail server behaves.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum MailMood {
    /// Offers encryption, and behind it a sign-in.
    Works,
    /// Offers no encryption.
    InTheOpen,
    /// Offers encryption and no sign-in.
    ForServersOnly,
    /// Agrees to begin encryption and hangs up.
    BreaksEncryption,
    /// Greets and then never answers.
    MuteAfterGreeting,
}

/// What a server does about what it hears.
pub enum Reply {
    Say(Vec<u8>),
    /// Waits for more.
    Listen,
    HangUp,
}

/// How a web server answers.
#[derive(Clone)]
pub enum Page {
    /// 200 with this text.
    Text(&'static str),
    /// This status with a short page.
    Status(u16),
    /// 302 to this address.
    Redirect(&'static str),
    /// 302 between two addresses of its own for ever.
    RedirectLoop,
    /// 200, but the first byte comes after so many milliseconds.
    Slow(u64),
    /// Accepts the request and never answers.
    Mute,
    /// Announces 1 MiB, sends so many bytes and stops.
    Stalls(usize),
    /// Announces 1 MiB, sends so many bytes and closes.
    Cuts(usize),
    /// Sends so many bytes in all, whole.
    Big(usize),
    /// 200 with a text that the header says is packed with gzip, and is not.
    Misnamed(&'static str),
    /// Answers with bytes that are no HTTP.
    NotHttp,
    /// Speaks HTTP/2 and nothing older.
    OnlyTwo,
    /// A login page where another text was expected.
    Login,
    /// A 302 to the login page of a captive portal.
    Portal,
}

/// Which certificate a server shows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Certificate {
    Good,
    /// Issued an hour ago.
    Fresh,
    Expired,
    NotYetValid,
    WrongName,
    SelfSigned,
    MissingIntermediate,
    /// The certificate between it and the root has run out.
    IssuerExpired,
    UnknownAuthority,
    /// Signed by a security appliance whose authority this machine does not trust.
    Intercepted,
    /// The same, and the machine trusts it.
    InterceptedTrusted,
}

/// How the handshake goes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Handshake {
    Normal,
    /// Answers the hello in plain HTTP.
    PlainText,
    /// Reads the hello and says nothing.
    Silent,
    /// Resets the connection after the hello.
    Reset,
    /// Answers as a server that speaks nothing newer than TLS 1.0.
    Old,
    /// Answers with a fatal alert.
    Alert,
    /// As it should, after so many milliseconds.
    Late(u64),
}

/// How a forward proxy behaves.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum ProxyMood {
    Works,
    /// 407 offering these schemes.
    Demands(&'static [&'static str]),
    Forbids,
    BadGateway,
    /// Accepts and never answers.
    Mute,
    /// Answers like an ordinary web server.
    NotAProxy,
    /// Opens a tunnel and closes it at the first bytes that come through.
    CutsTunnels,
    /// Believes that `www.example.test` is at this address.
    Believes(IpAddr),
    /// Says that every tunnel stands, and shows a page of its own to whoever speaks through it.
    Pretends,
}

impl Scene {
    /// A network in which everything works.
    pub fn healthy() -> Scene {
        let good = || Speaks::Https(Certificate::Good, Handshake::Normal, Page::Text("welcome to the lab"));
        let service = |address: &str, port: u16, speaks| Service { at: SocketAddr::new(ip(address), port), speaks };
        let name = |name: &str, addresses: &[&str]| {
            (name.to_owned(), Name::Addresses(addresses.iter().map(|address| ip(address)).collect()))
        };
        let resolver = |address| Resolver { address: ip(address), mood: ResolverMood::Answers, names: Vec::new() };
        Scene {
            client: Client::healthy(),
            gateway: Gateway { alive: true, forwards: true, answers_echo: true, routes: Vec::new(), mtu: None },
            wire: Wire::default(),
            resolvers: vec![resolver(RESOLVER), resolver(SECOND_RESOLVER)],
            names: vec![
                name("www.example.test", &[WEB]),
                name("both.example.test", &[WEB, SECOND_WEB]),
                name("control.example.test", &[CONTROL]),
                name("proxy.example.test", &[PROXY]),
                name("time.example.test", &[TIME]),
                name("nobody.example.test", &[NOBODY]),
                name("office.example.test", &["198.51.100.30"]),
                name("far.example.test", &["203.0.113.10"]),
                name("six.example.test", &[WEB, WEB_SIX]),
                name("files.example.test", &[WEB]),
                name("desk.example.test", &[WEB]),
                name("mail.example.test", &[WEB]),
                name("directory.example.test", &[WEB]),
                name("printer.example.test", &[SIBLING]),
            ],
            services: vec![
                service(WEB, 443, good()),
                service(WEB, 80, Speaks::Http(Page::Redirect("https://www.example.test/"))),
                service(SECOND_WEB, 443, good()),
                service(CONTROL, 80, Speaks::Http(Page::Text(CONTROL_TEXT))),
                service(PROXY, 3128, Speaks::Proxy(ProxyMood::Works)),
                service(TIME, 123, Speaks::Time),
            ],
            dhcp: Vec::new(),
            daemons: Vec::new(),
            far_routes: Vec::new(),
            sibling: vec![ip(SIBLING)],
            six: false,
            commands: Vec::new(),
            clock_ahead_s: 0,
        }
    }

    /// This is done on that machine before the run.
    pub fn command(&mut self, on: Machine, line: &'static str) {
        self.commands.push(Command { on, line, after: Duration::ZERO });
    }

    /// The client's cable is pulled so long after the start of the run and put back after the same time again, so many
    /// times.
    pub fn flaps(&mut self, every: Duration, times: u32) {
        for turn in 0..times * 2 {
            let line = if turn % 2 == 0 { "ip link set port1 down" } else { "ip link set port1 up" };
            self.commands.push(Command { on: Machine::Switch, line, after: every * (turn + 1) });
        }
    }

    /// The web server's port 443 at its first address speaks otherwise.
    pub fn web(&mut self, certificate: Certificate, handshake: Handshake, page: Page) {
        self.serve("198.51.100.10:443", Speaks::Https(certificate, handshake, page));
    }

    /// Both addresses of the web server show this certificate.
    pub fn certificate(&mut self, certificate: Certificate) {
        self.web(certificate, Handshake::Normal, Page::Text("welcome to the lab"));
    }

    /// The web server's page is this.
    pub fn page(&mut self, page: Page) {
        self.web(Certificate::Good, Handshake::Normal, page);
    }

    /// The web server's handshake goes like this.
    pub fn handshake(&mut self, handshake: Handshake) {
        self.web(Certificate::Good, handshake, Page::Text("welcome to the lab"));
    }

    /// The server at this address speaks this, in the place of what was there.
    pub fn serve(&mut self, at_address: &str, speaks: Speaks) {
        self.close(at_address);
        self.services.push(Service { at: at(at_address), speaks });
    }

    /// Nothing listens at this address.
    pub fn close(&mut self, at_address: &str) {
        self.services.retain(|service| service.at != at(at_address));
    }

    /// Every resolver behaves like this.
    pub fn resolvers(&mut self, mood: ResolverMood) {
        for resolver in &mut self.resolvers {
            resolver.mood = mood.clone();
        }
    }

    /// The name answers like this at every resolver.
    pub fn name(&mut self, name: &str, answer: Name) {
        self.names.retain(|(other, _)| other != name);
        self.names.push((name.to_owned(), answer));
    }

    /// The client's environment names this proxy for http and https.
    pub fn proxy_in_environment(&mut self, url: &str) {
        for variable in ["http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"] {
            self.client.environment.push((variable.to_owned(), url.to_owned()));
        }
    }

    /// The client's desktop (KDE) is told to ask this file which proxy to use.
    pub fn proxy_by_script(&mut self, url: &str) {
        self.client.environment.push(("XDG_CURRENT_DESKTOP".to_owned(), "KDE".to_owned()));
        let settings = format!("[Proxy Settings]\nProxyType=2\nProxy Config Script={url}\n");
        self.client.files.push((format!("{HOME}/.config/kioslaverc"), settings));
    }

    /// The lab's proxy behaves like this, and the client's environment names it.
    pub fn behind_proxy(&mut self, mood: ProxyMood) {
        self.serve("198.51.100.90:3128", Speaks::Proxy(mood));
        self.proxy_in_environment("http://proxy.example.test:3128");
    }

    /// Nothing gets past the gateway except to and from the proxy and the resolvers, as in many offices.
    pub fn only_proxy_and_names(&mut self) {
        self.wire.drop(|packet| ![PROXY, RESOLVER, SECOND_RESOLVER].iter().any(|host| packet.touches(host)));
    }

    /// LAN and far side have IPv6, the client an address and a default route in it.
    pub fn with_six(&mut self) {
        self.six = true;
        self.client.addresses.push((ip(CLIENT_SIX), 64));
        self.client.routes.push(route("::", 0, Way::Via(ip(GATEWAY_SIX))));
        self.services.push(Service {
            at: SocketAddr::new(ip(WEB_SIX), 443),
            speaks: Speaks::Https(Certificate::Good, Handshake::Normal, Page::Text("welcome to the lab")),
        });
    }

    /// The client has two gateways side by side, and the second one is dead. Which of them a pair of addresses takes is
    /// for the kernel's hash to say, so that its seed is what decides who goes where.
    pub fn beside_a_dead_gateway(&mut self, dead: &str, seed: &str) {
        self.client.routes = vec![route("0.0.0.0", 0, Way::Shared(vec![(ip(GATEWAY), 1), (ip(dead), 1)]))];
        for (name, value) in [("policy", "0"), ("seed", seed)] {
            self.client.kernel.push((format!("ipv4/fib_multipath_hash_{name}"), value.to_owned()));
        }
    }

    /// The client has IPv6 alone, and so has its resolver. Where IPv4 is translated, each name with an IPv4 address has one
    /// behind the well-known prefix too (DNS64, RFC 6147); the translator is the far side, which has those addresses.
    pub fn six_alone(&mut self, translation: Translation) {
        self.with_six();
        self.client.addresses.retain(|(address, _)| address.is_ipv6());
        self.client.routes.retain(|route| route.to.0.is_ipv6());
        self.resolvers = vec![Resolver { address: ip(RESOLVER_SIX), mood: ResolverMood::Answers, names: Vec::new() }];
        self.client.nameservers = vec![RESOLVER_SIX.to_owned()];
        let known = ["192.0.0.170", "192.0.0.171"].map(ip).to_vec();
        self.names.push(("ipv4only.arpa".to_owned(), Name::Addresses(known)));
        if translation == Translation::None {
            return;
        }
        for (_, answer) in &mut self.names {
            if let Name::Addresses(addresses) = answer {
                let translated: Vec<IpAddr> = addresses.iter().filter_map(translated).collect();
                addresses.extend(translated);
            }
        }
        let way = if translation == Translation::Works { Way::Via(ip(WEB_SIX)) } else { Way::Blackhole };
        self.gateway.routes.push(route(TRANSLATED, 96, way));
        let twin = |service: &Service| {
            let at = SocketAddr::new(translated(&service.at.ip())?, service.at.port());
            Some(Service { at, speaks: service.speaks.clone() })
        };
        let twins: Vec<Service> = self.services.iter().filter_map(twin).collect();
        self.services.extend(twins);
    }

    /// Everything that the client sends to these networks goes into a tunnel.
    pub fn route_into_tunnel(&mut self, link: ExtraLink, networks: &[(&str, u8)]) {
        let (ExtraLink::Tunnel(device, ..) | ExtraLink::MuteTunnel(device, ..)) = link else { return };
        self.client.links.push(link);
        let routes = networks.iter().map(|(network, prefix)| route(network, *prefix, Way::Device(device)));
        self.client.routes.extend(routes);
    }

    /// Something is wrong with a file system of the client.
    pub fn disk(&mut self, folder: &str, trouble: Disk) {
        self.client.disks.push((folder.to_owned(), trouble));
    }

    /// A program runs on the client.
    pub fn program(&mut self, name: &'static str, does: Does) {
        self.client.programs.push(Program { name, does });
    }
}

impl Client {
    fn healthy() -> Client {
        Client {
            carrier: true,
            up: true,
            loopback: true,
            loopback_addresses: Vec::new(),
            present: true,
            mtu: None,
            carrier_losses: 0,
            tentative: false,
            addresses: vec![(ip(CLIENT), 24)],
            routes: vec![route("0.0.0.0", 0, Way::Via(ip(GATEWAY)))],
            rules: Vec::new(),
            main_rule: true,
            fixed_neighbours: Vec::new(),
            nameservers: vec![RESOLVER.to_owned(), SECOND_RESOLVER.to_owned()],
            resolver_lines: Vec::new(),
            hosts: Vec::new(),
            nsswitch: "files dns".to_owned(),
            filter: String::new(),
            links: Vec::new(),
            environment: Vec::new(),
            files: Vec::new(),
            programs: Vec::new(),
            disks: Vec::new(),
            log: Vec::new(),
            settings: Vec::new(),
            kernel: Vec::new(),
            said: Vec::new(),
            secrets: Vec::new(),
        }
    }
}
