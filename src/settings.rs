//! Site settings: own control hosts, names and servers, from one `firstline.toml` found by the platform's conventions.
//! Every field has a default, so later code never asks whether a setting was given.

use serde::{Deserialize, Serialize};

/// All settings, complete. Templates in playbooks read them as `settings.*`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Plain-HTTP address that answers with a known text when the internet is reachable: the control, the captive
    /// portal test, and the goal where there is no target.
    pub control_url: String,
    /// What its body must begin with; empty where only the status counts.
    pub control_body: String,
    /// A name that must resolve wherever there is internet.
    pub control_name: String,
    /// Whether the control addresses may be contacted at all (self-hosters and offline sites switch it off).
    pub connectivity_check: bool,
    /// Time servers to ask, where the machine names none.
    pub time_servers: Vec<String>,
    /// A resolver to compare with, where the site allows one.
    pub second_resolver: Option<String>,
    /// Internal name that must resolve inside the site.
    pub internal_name: Option<String>,
    /// The site's VPN device, where it has a known name.
    pub vpn_device: Option<String>,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            control_url: "http://nmcheck.gnome.org/check_network_status.txt".to_owned(),
            control_body: "NetworkManager is online".to_owned(),
            control_name: "nmcheck.gnome.org".to_owned(),
            connectivity_check: true,
            time_servers: vec!["pool.ntp.org".to_owned()],
            second_resolver: None,
            internal_name: None,
            vpn_device: None,
        }
    }
}
