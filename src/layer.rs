//! The layers of the ladder, from the cable up to the program, each with its OSI number where it has one.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Where in the stack something is seen or blamed. The order is the order of the ladder: what comes first carries
/// what comes later. `Process` and `Host` stand beside the ladder: they may affect any of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Layer {
    /// Carrier, speed, radio (OSI 1 and 2).
    Link,
    /// The machine's own addresses (OSI 3).
    Ip,
    /// Routes, neighbours and the gateway (OSI 3).
    Route,
    /// Everything beyond the gateway: loss, path MTU, captive portal, provider outage (OSI 3).
    Path,
    /// Tunnels and what they own or left behind.
    Vpn,
    /// Names (OSI 7, needed by everything above).
    Dns,
    /// Forward proxies, SOCKS and PAC files (OSI 7).
    Proxy,
    /// TCP and UDP (OSI 4).
    Transport,
    /// Certificates and the handshake (OSI 6).
    Tls,
    /// HTTP (OSI 7).
    Http,
    /// What is spoken where it is not HTTP: SMB, LDAP, SMTP, IPP, RDP (OSI 7).
    Application,
    /// Programs on this machine and the sockets they hold.
    Process,
    /// Clock, disk, memory, processor, local packet filter.
    Host,
}

impl Layer {
    /// Every layer, bottom first.
    pub const ALL: [Layer; 13] = [
        Layer::Link,
        Layer::Ip,
        Layer::Route,
        Layer::Path,
        Layer::Vpn,
        Layer::Dns,
        Layer::Proxy,
        Layer::Transport,
        Layer::Tls,
        Layer::Http,
        Layer::Application,
        Layer::Process,
        Layer::Host,
    ];

    /// The word used in playbooks, JSON and on screen.
    pub fn name(self) -> &'static str {
        match self {
            Layer::Link => "link",
            Layer::Ip => "ip",
            Layer::Route => "route",
            Layer::Path => "path",
            Layer::Vpn => "vpn",
            Layer::Dns => "dns",
            Layer::Proxy => "proxy",
            Layer::Transport => "transport",
            Layer::Tls => "tls",
            Layer::Http => "http",
            Layer::Application => "application",
            Layer::Process => "process",
            Layer::Host => "host",
        }
    }

    /// The OSI layer number as people write it in tickets; none for what stands beside the model.
    pub fn osi(self) -> Option<&'static str> {
        match self {
            Layer::Link => Some("1-2"),
            Layer::Ip | Layer::Route | Layer::Path => Some("3"),
            Layer::Transport => Some("4"),
            Layer::Tls => Some("6"),
            Layer::Dns | Layer::Proxy | Layer::Http | Layer::Application => Some("7"),
            Layer::Vpn | Layer::Process | Layer::Host => None,
        }
    }

    /// The layer with this name.
    pub fn from_name(name: &str) -> Option<Layer> {
        Layer::ALL.into_iter().find(|layer| layer.name() == name)
    }
}

impl std::fmt::Display for Layer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.name())
    }
}
