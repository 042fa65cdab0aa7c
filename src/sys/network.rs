//! The shapes of facts about interfaces, addresses, routes, neighbours, resolvers and proxies.

use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::net::{IpAddr, SocketAddr};

/// What an interface is, as far as it matters for blame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LinkKind {
    /// The loopback.
    Loopback,
    /// A cable, or what looks like one to this machine (a veth end of a container too).
    Wired,
    /// A radio.
    Wifi,
    /// Mobile broadband.
    Mobile,
    /// A tunnel: tun, tap, WireGuard, PPP, IPsec.
    Tunnel,
    /// A bridge, bond, VLAN, dummy or other virtual interface; a veth end that belongs to a bridge too.
    Virtual,
}

/// One interface. Counters are since the interface was made.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Link {
    pub index: u32,
    pub name: String,
    pub kind: Option<LinkKind>,
    /// The kernel's word for the kind: `veth`, `bridge`, `wireguard`.
    pub driver: Option<String>,
    pub mac: Option<String>,
    pub mtu: Option<u32>,
    /// Administratively up.
    pub up: bool,
    /// Lower layer up: `IFF_LOWER_UP`; none where it is down and the kernel does not say.
    pub carrier: Option<bool>,
    /// The kernel's operational state (RFC 2863): `up`, `down`, `dormant`, `unknown` ...
    pub operstate: Option<String>,
    /// Index of the bridge or bond that it belongs to.
    pub master: Option<u32>,
    pub speed_mbps: Option<u32>,
    pub duplex: Option<String>,
    /// Changes of the carrier since it was made.
    pub carrier_changes: Option<u64>,
    pub receive_packets: u64,
    pub transmit_packets: u64,
    pub receive_bytes: u64,
    pub transmit_bytes: u64,
    pub receive_errors: u64,
    pub transmit_errors: u64,
    pub receive_drops: u64,
    pub transmit_drops: u64,
}

/// One address of one interface.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Address {
    pub interface: String,
    pub net: IpNet,
    #[serde(default)]
    pub tentative: bool,
    /// Duplicate address detection failed (RFC 4862 section 5.4).
    #[serde(default)]
    pub duplicate: bool,
    /// The preferred lifetime is over (RFC 4862 section 5.5.4).
    #[serde(default)]
    pub deprecated: bool,
    /// Set by hand or by a program, not by a lease: the kernel's `permanent` flag.
    #[serde(default)]
    pub permanent: bool,
}

impl Address {
    /// 169.254.0.0/16 (RFC 3927) or fe80::/10 (RFC 4291 section 2.5.6).
    pub fn is_link_local(&self) -> bool {
        match self.net.addr() {
            IpAddr::V4(address) => address.is_link_local(),
            IpAddr::V6(address) => address.is_unicast_link_local(),
        }
    }
}

/// One route, or the kernel's answer to "which route does this target take".
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Route {
    /// Destination; none for the default route.
    pub destination: Option<IpNet>,
    pub ipv6: bool,
    pub gateway: Option<IpAddr>,
    pub interface: Option<String>,
    pub source: Option<IpAddr>,
    pub metric: Option<u32>,
    pub table: u32,
    /// `unicast`, `blackhole`, `unreachable`, `prohibit`, `throw`, `local`; `none` where the kernel was asked for a
    /// target and has no route to it.
    pub kind: String,
    /// Who set it, in the kernel's words: `dhcp`, `static`, `kernel`, `ra`, `boot`.
    pub protocol: Option<String>,
    /// The kernel sees its interface without carrier.
    pub link_down: bool,
    /// MTU set on the route.
    pub mtu: Option<u32>,
    /// One of several next hops of the same route.
    pub multipath: bool,
}

impl Route {
    /// The gateway that packets take for certain: none where several share the route, because which of them a packet
    /// takes is luck, and an element that was not seen must not be proven.
    pub fn certain_gateway(&self) -> Option<IpAddr> {
        self.gateway.filter(|_| !self.multipath)
    }

    /// Whether it is a default route that forwards (not a blackhole).
    pub fn is_default(&self) -> bool {
        self.destination.is_none_or(|net| net.prefix_len() == 0) && self.kind == "unicast"
    }
}

/// What decides over the way of a packet beside the routes: policy rules look at its port too (ip-rule(8)).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Towards {
    pub address: IpAddr,
    pub port: Option<u16>,
    /// Whether it is UDP; without a port it does not matter.
    pub is_udp: bool,
}

impl Towards {
    /// A packet of this protocol (`tcp` where none is named) to this port, as probes are told of both.
    pub fn of(address: IpAddr, port: Option<u16>, protocol: Option<&str>) -> Towards {
        Towards { address, port, is_udp: protocol == Some("udp") }
    }
}

impl From<IpAddr> for Towards {
    fn from(address: IpAddr) -> Towards {
        Towards { address, port: None, is_udp: false }
    }
}

/// One policy rule.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Rule {
    pub priority: u32,
    pub from: Option<IpNet>,
    pub to: Option<IpNet>,
    pub ipv6: bool,
    pub table: u32,
    pub mark: Option<u32>,
    /// `to_table`, `blackhole`, `unreachable`, `prohibit` ...
    pub action: String,
    /// `tcp`, `udp` ...: only packets of this protocol.
    pub protocol: Option<String>,
    /// Only packets to these ports, from the first to the last.
    pub ports: Option<(u16, u16)>,
    /// Further conditions in the words of ip-rule(8): `not`, `iif eth0`, `uidrange 0-0`.
    pub conditions: Option<String>,
}

/// One entry of the neighbour table.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Neighbour {
    pub address: IpAddr,
    pub interface: String,
    pub mac: Option<String>,
    /// `reachable`, `stale`, `delay`, `probe`, `incomplete`, `failed`, `permanent`, `noarp`.
    pub state: String,
}

/// What a radio says.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Radio {
    /// Network name; an octet string from strangers, escaped before it is shown.
    pub ssid: Option<String>,
    pub bssid: Option<String>,
    pub signal_dbm: Option<i32>,
    pub frequency_mhz: Option<u32>,
    pub transmit_mbps: Option<f64>,
    pub transmit_retries: Option<u64>,
    /// Frames that were sent since it joined.
    pub transmit_packets: Option<u64>,
    /// Frames that were given up.
    pub transmit_failed: Option<u64>,
    pub receive_mbps: Option<f64>,
    /// Seconds since it joined this access point.
    pub joined_s: Option<u64>,
    /// What switches it off: `hard` (a switch or key), `soft` (a setting); none where nothing does.
    pub blocked: Option<String>,
}

/// A tunnel device.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Tunnel {
    pub interface: String,
    /// The kernel's word: `tun`, `wireguard`, `ppp`, `xfrm`, `ipip` ...
    pub driver: String,
    pub up: bool,
    pub carrier: Option<bool>,
    pub receive_packets: u64,
    pub transmit_packets: u64,
    /// The process that holds the device, where it can be seen.
    pub holder: Option<String>,
}

/// IPsec without a device of its own.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Ipsec {
    /// Whether the kernel has loaded what encrypts packets.
    pub loaded: bool,
    /// The kernel's counters of packets that its policies stopped, those that are not zero.
    pub troubles: Vec<(String, u64)>,
    /// Which packets are meant, `out 192.0.2.0/24 to 10.0.0.0/8`; none where this account may not see them.
    pub policies: Option<Vec<String>>,
}

/// One rule of the local packet filter, as far as it decides over packets.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct FilterRule {
    /// Table and chain: `inet filter output`.
    pub chain: String,
    /// `output`, `input`, `forward`, `prerouting`, `postrouting`; none for a chain that is only jumped to.
    pub hook: Option<String>,
    /// The rule in the tool's own words, for the report.
    pub text: String,
    /// `drop`, `reject`, `accept`, `policy drop`, `jump CHAIN`, `goto CHAIN`, `return`, `hop limit N` (it sets that),
    /// or another verdict's word.
    pub verdict: String,
    /// Match on the destination address.
    pub destination: Option<IpNet>,
    /// `tcp`, `udp`, `icmp`.
    pub protocol: Option<String>,
    /// Match on destination ports, as ranges.
    pub ports: Vec<(u16, u16)>,
    /// Match on the source address; empty for all.
    pub sources: Vec<IpNet>,
    /// Match on source ports, as ranges; empty for all.
    pub source_ports: Vec<(u16, u16)>,
    /// Match on the output interface; a `*` at the end stands for any rest.
    pub interface: Option<String>,
    /// Match on the user id that owns the socket.
    pub uid: Option<u32>,
    /// Packets counted, where the rule has a counter.
    pub packets: Option<u64>,
    /// Whether the rule has matches that this program does not understand, so that it may or may not apply.
    pub partial: bool,
    /// Which of the packets that it meets it is for.
    pub share: Share,
    /// The kernel's handle, to name the rule exactly.
    pub handle: Option<u64>,
    /// Connection states that it matches (`new`, `established`, `related`, `invalid`, `untracked`); empty for all.
    pub states: Vec<String>,
    /// Match on the input interface.
    pub input_interface: Option<String>,
    /// Match on the flags of TCP's header.
    pub tcp_flags: Option<TcpFlags>,
}

/// Which of the packets that fit its other matches a rule is for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Share {
    /// All of them.
    #[default]
    Every,
    /// Some of them, at random or in turn (`numgen` of nft, `statistic` of iptables).
    Some,
    /// Those within or beyond a rate (`limit` of both, `hashlimit` of iptables): all, some or none of them.
    Rated,
}

/// In the words of nft(8).
impl fmt::Display for TcpFlags {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = |bits: u8| {
            let names = Self::NAMES.iter().enumerate().filter(|(position, _)| bits & (1 << position) != 0);
            names.map(|(_, name)| *name).collect::<Vec<_>>().join(",")
        };
        match self.exactly {
            None => write!(out, "tcp flags {}", words(self.mask)),
            Some(exactly) if self.mask == u8::MAX => write!(out, "tcp flags == {}", words(exactly)),
            Some(exactly) => write!(out, "tcp flags {} / {}", words(exactly), words(self.mask)),
        }
    }
}

/// What a rule demands of the flags of TCP's header (RFC 9293 section 3.1), as the bits of that byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TcpFlags {
    /// The flags that it looks at.
    pub mask: u8,
    /// Those of them that must be set, and no others; none where any flag of the mask will do.
    pub exactly: Option<u8>,
}

impl TcpFlags {
    pub const FIN: u8 = 0x01;
    pub const SYN: u8 = 0x02;
    pub const RST: u8 = 0x04;
    pub const PSH: u8 = 0x08;
    pub const ACK: u8 = 0x10;

    /// The names that nft(8) and iptables(8) give to the bits, the lowest first.
    const NAMES: [&str; 8] = ["fin", "syn", "rst", "psh", "ack", "urg", "ecn", "cwr"];

    /// The bit of a flag, by its name.
    pub fn bit(name: &str) -> Option<u8> {
        Self::NAMES.iter().position(|known| known.eq_ignore_ascii_case(name)).map(|position| 1 << position)
    }

    /// Whether a segment with these flags meets it.
    pub fn meets(self, flags: u8) -> bool {
        self.exactly.map_or(flags & self.mask != 0, |exactly| flags & self.mask == exactly)
    }
}

/// One resolver that this machine is told to ask.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ResolverEntry {
    pub server: SocketAddr,
    /// Where it is written: `/etc/resolv.conf`, `systemd-resolved`, `systemd-resolved (eth0)`.
    pub source: String,
    /// The link that it belongs to, where it belongs to one.
    #[serde(default)]
    pub link: Option<String>,
    /// Domains that are routed to it (split DNS); empty for all.
    #[serde(default)]
    pub domains: Vec<String>,
    /// Whether it is also asked for names that no domain fits; unless said, one without domains is.
    #[serde(default)]
    pub default_route: Option<bool>,
}

/// How names are resolved here.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ResolverConfig {
    /// In the order in which programs ask them: the entries of `/etc/resolv.conf`.
    pub servers: Vec<ResolverEntry>,
    /// The servers behind a local stub (127.0.0.53), where there is one.
    pub upstream: Vec<ResolverEntry>,
    /// Search list.
    pub search: Vec<String>,
    pub ndots: u32,
    /// `timeout` option in seconds.
    pub timeout_s: u32,
    /// `attempts` option.
    pub attempts: u32,
    /// The `rotate` option.
    pub rotate: bool,
    /// Whether programs ask over TCP alone (`use-vc`).
    pub over_tcp: bool,
    /// The sources of the `hosts:` line of nsswitch.conf that are asked, in order.
    pub nsswitch: Vec<String>,
    /// Lines that could not be read, with where they are.
    pub garbage: Vec<String>,
    /// Whether a local stub resolver is in use.
    pub stub: bool,
    /// The first comments of the file, which often name the program that wrote it.
    pub comments: Vec<String>,
    /// Whether the local stub encrypts what it asks (DNS over TLS, RFC 7858): `no`, `opportunistic` or `yes`, which
    /// asks nobody in the open. None where there is no such stub, or it does not say.
    pub over_tls: Option<String>,
    /// Browsers that a policy of this machine tells to ask others (DNS over HTTPS, RFC 8484): the browser, and whom.
    pub browsers: Vec<(String, String)>,
}

/// One line of the hosts file.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct HostsEntry {
    pub address: IpAddr,
    pub names: Vec<String>,
    /// Line number, from 1.
    pub line: usize,
}

/// One proxy setting.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ProxySetting {
    /// Where it is written: `environment https_proxy`, `GNOME`, `KDE`, `/etc/environment`.
    pub source: String,
    /// What it applies to: `http`, `https`, `all`, `pac`.
    pub scheme: String,
    /// The URL without credentials.
    pub url: String,
    /// Whether credentials were written in it (they are never stored).
    #[serde(default)]
    pub credentials: bool,
    /// Whether programs that follow this source use it now.
    #[serde(default)]
    pub effective: bool,
    /// Why it cannot be used, where it cannot.
    #[serde(default)]
    pub error: Option<String>,
}

/// All proxy settings.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ProxySettings {
    pub settings: Vec<ProxySetting>,
    /// Hosts that go direct (`NO_PROXY` and the desktops' ignore lists), with their source.
    pub bypass: Vec<(String, String)>,
    /// Sources that could not be read, and why.
    pub unread: Vec<String>,
}

/// What a network service announces to programs about the internet: its word, which may be wrong.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct OnlineFlag {
    /// `NetworkManager`, `systemd-networkd`.
    pub source: String,
    /// The service's own word: `full`, `limited`, `portal`, `none`, `online`, `partial`, `offline`, `unknown`.
    pub state: String,
    /// Whether programs read it as online; none where the service does not know.
    pub online: Option<bool>,
}

/// The proxy settings of somebody who is logged on.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct PersonProxies {
    /// The account's name.
    pub user: String,
    pub uid: u32,
    pub proxies: ProxySettings,
}
