//! The shape of how far signing on to a network got: 802.1X at a cable, or joining a Wi-Fi network.

use serde::{Deserialize, Serialize};

/// What the program that signs on (the supplicant) says of one interface.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SignOn {
    /// `wpa_supplicant`.
    pub source: String,
    /// Its own word, in small letters: `completed`, `associating`, `4way_handshake`, `scanning`, `disconnected`,
    /// `interface_disabled` ...
    pub state: String,
    /// The network; an octet string from strangers, escaped before it is shown.
    pub network: Option<String>,
    /// How the network wants to be signed on to: `wpa2-psk`, `ieee 802.1x (no wpa)`, `sae` ...
    pub method: Option<String>,
    /// State of the sign-on itself (IEEE 802.1X-2004 section 8.2): `authenticated`, `connecting`, `held` ...
    pub port: Option<String>,
    /// Whether the port lets traffic through; none where nothing was to be signed on to.
    pub authorised: Option<bool>,
}
