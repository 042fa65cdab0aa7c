//! Site settings: own control hosts, names and servers, from one `firstline.toml` found by the platform's conventions.
//! Every field has a default, so later code never asks whether a setting was given.

use crate::error::{Error, Kind, Result, closest, point};
use crate::packet::Case;
use crate::packet::case::priority::{Matrix, Priority, STOCK, ServiceLevels};
use crate::packet::redact::Level;
use crate::playbook::Gravity;
use crate::playbook::trust::{FileHash, TrustList};
use crate::seal::signature::PublicKey;
use etcetera::{BaseStrategy, choose_base_strategy};
use ipnet::IpNet;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io::Read;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

/// File name in each of the usual places.
const FILE: &str = "firstline.toml";
/// The place for a whole machine.
const SYSTEM_FILE: &str = "/etc/firstline/firstline.toml";
/// Settings are a page of text; what is larger is another file.
const LARGEST: u64 = 1 << 20;

/// All settings, complete. Templates in playbooks read them as `settings.*`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Plain-HTTP address that answers with a known text when the internet is reachable: the control, the captive
    /// portal test, and the goal where there is no target.
    pub control_url: String,
    /// What its body must begin with; empty where only the status counts.
    pub control_body: String,
    /// Further plain-HTTP addresses for the captive portal test, because portals let well-known ones pass. Each answers
    /// 204, or with a body that begins like that of the control page. Empty unless set: each is one stranger more who
    /// hears of this machine.
    pub control_urls: Vec<String>,
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
    /// Domains that only the site's own resolvers know, such as `corp.example`; what lies below them counts too.
    pub internal_names: Vec<String>,
    /// The resolvers that machines of the site should ask: addresses, or whole networks such as `10.0.0.0/24`. Empty where
    /// any will do.
    pub expected_resolvers: Vec<Network>,
    /// The proxies that programs of the site should use: `proxy.corp.example`, or with a port. Empty where none is needed,
    /// or any will do.
    pub expected_proxies: Vec<ProxyPlace>,
    /// The site's VPN device, where it has a known name.
    pub vpn_device: Option<String>,
    /// What people call the VPNs, by their devices: `tun0 = "the office VPN"`. Reports use these names.
    pub vpn_names: BTreeMap<String, String>,
    /// The server through which calls are set up, as `stun://host` or `stun://host:port`.
    pub stun_server: Option<String>,
    /// A large file by which the rate of the line is measured, on a server that may be loaded; nothing is measured unless
    /// one is named.
    pub throughput_url: Option<String>,
    /// The least rate downwards that is right here, in Mbit/s.
    pub expected_mbit_s: Option<u32>,
    /// Priority by impact (rows, high to low) and urgency (columns, high to low), as the site's ticket system counts.
    pub priorities: Matrix,
    /// How soon somebody takes a case of each priority, and how soon the person works again.
    #[schemars(with = "BTreeMap<String, BTreeMap<String, String>>")]
    pub service_levels: ServiceLevels,
    /// What the site calls the teams that playbooks name, by the playbooks' names.
    pub teams: BTreeMap<String, String>,
    /// Whether the person at the terminal is asked for consent before anything is looked at.
    pub ask_consent: bool,
    /// The name of the policy that allows runs where nobody can be asked; packets carry it.
    pub consent_policy: Option<String>,
    /// How much packets hide where the command line does not say: `none`, `standard` or `strict`.
    pub redaction: Level,
    /// The largest packet, in bytes; evidence beyond it is cut, and the packet says so.
    pub packet_bytes: u64,
    /// Days after which packets and what killed runs left behind are removed from the state folder; 0 keeps them.
    pub keep_days: u32,
    /// Keys whose playbooks may start programs, also where nobody is asked: a name of the site's own for each, and the
    /// one line of the minisign public key.
    #[schemars(with = "BTreeMap<String, String>")]
    pub trusted_keys: BTreeMap<String, PublicKey>,
    /// SHA-256 of files of playbooks that may start programs without a signature.
    #[schemars(with = "Vec<String>")]
    pub allowed_playbooks: Vec<FileHash>,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            control_url: "http://nmcheck.gnome.org/check_network_status.txt".to_owned(),
            control_body: "NetworkManager is online".to_owned(),
            control_urls: Vec::new(),
            control_name: "nmcheck.gnome.org".to_owned(),
            connectivity_check: true,
            time_servers: vec!["pool.ntp.org".to_owned()],
            second_resolver: None,
            internal_name: None,
            internal_names: Vec::new(),
            expected_resolvers: Vec::new(),
            expected_proxies: Vec::new(),
            vpn_device: None,
            vpn_names: BTreeMap::new(),
            stun_server: None,
            throughput_url: None,
            expected_mbit_s: None,
            priorities: STOCK,
            service_levels: ServiceLevels::new(),
            teams: BTreeMap::new(),
            ask_consent: false,
            consent_policy: None,
            redaction: Level::Standard,
            packet_bytes: crate::packet::fit::LARGEST,
            keep_days: crate::packet::purge::KEEP_DAYS,
            trusted_keys: BTreeMap::new(),
            allowed_playbooks: Vec::new(),
        }
    }
}

impl Settings {
    /// Reads the first settings file there is: the one named, `$FIRSTLINE_SETTINGS`, the user's, the machine's. The
    /// defaults where there is none.
    ///
    /// # Errors
    /// Where a named file cannot be read, or one has a mistake.
    pub fn load(named: Option<&Path>) -> Result<Settings> {
        Found::read(named).map(|found| found.settings)
    }

    /// The priority that follows from what people said, and from what the playbook expects where they did not.
    pub fn priority(&self, case: &Case, gravity: Gravity) -> Option<Priority> {
        Priority::propose(case, gravity, &self.priorities, &self.service_levels)
    }

    /// Whose playbooks may start programs.
    pub fn trust_list(&self) -> TrustList<'_> {
        TrustList { keys: &self.trusted_keys, files: &self.allowed_playbooks }
    }

    /// Whether only the site's own resolvers know this name.
    pub fn is_internal(&self, host: &str) -> bool {
        let host = host.trim_end_matches('.').to_lowercase();
        self.internal_names.iter().any(|domain| {
            let domain = domain.trim_matches('.').to_lowercase();
            !domain.is_empty() && host.strip_suffix(&domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
        })
    }

    fn parse(path: &Path, text: &str) -> Result<Settings> {
        toml::from_str(text).map_err(|error| {
            let message = error.message();
            let label = unknown_field(message).map_or_else(
                || "here".to_owned(),
                |field| match closest(field, names().iter().map(String::as_str)) {
                    Some(name) => format!("did you mean `{name}`?"),
                    None => "there is no such setting".to_owned(),
                },
            );
            let title = match unknown_field(message) {
                Some(field) => format!("unknown setting `{field}`"),
                None => message.trim().replace('\n', " "),
            };
            point(Kind::Usage, &path.to_string_lossy(), text, error.span().unwrap_or(0..0), &title, &label)
                .hint(format!("the settings are: {}", names().join(", ")))
        })
    }
}

/// An address, or a network of them, as a setting names it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub struct Network(IpNet);

impl TryFrom<String> for Network {
    type Error = String;

    fn try_from(text: String) -> std::result::Result<Network, String> {
        let address = || text.parse::<IpAddr>().ok().map(IpNet::from);
        let net = text.parse::<IpNet>().ok().or_else(address);
        net.map(Network).ok_or_else(|| format!("`{text}` is no address and no network such as `10.0.0.0/24`"))
    }
}

impl Network {
    /// Whether this address is of it.
    pub fn contains(&self, address: IpAddr) -> bool {
        self.0.contains(&address)
    }
}

impl From<Network> for String {
    fn from(network: Network) -> String {
        let net = network.0;
        if net.prefix_len() == net.max_prefix_len() { net.addr().to_string() } else { net.to_string() }
    }
}

/// A proxy as a setting names it: a host, with or without its port.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub struct ProxyPlace {
    host: String,
    port: Option<u16>,
}

impl TryFrom<String> for ProxyPlace {
    type Error = String;

    fn try_from(text: String) -> std::result::Result<ProxyPlace, String> {
        let bare = text.split_once("://").map_or(text.as_str(), |(_, rest)| rest);
        // A scheme that no standard knows, so that no port is taken for its usual one and left out.
        let url = url::Url::parse(&format!("proxy://{bare}")).ok();
        let place = url.and_then(|url| Some(ProxyPlace { host: host_alone(url.host_str()?), port: url.port() }));
        place
            .filter(|place| !place.host.is_empty())
            .ok_or_else(|| format!("`{text}` is no proxy such as `proxy.corp.example:3128`"))
    }
}

impl ProxyPlace {
    /// Whether this is it.
    pub fn is_at(&self, host: &str, port: u16) -> bool {
        self.host == host_alone(host) && self.port.is_none_or(|own| own == port)
    }
}

impl From<ProxyPlace> for String {
    fn from(place: ProxyPlace) -> String {
        let host = if place.host.contains(':') { format!("[{}]", place.host) } else { place.host };
        place.port.map_or(host.clone(), |port| format!("{host}:{port}"))
    }
}

/// A host as it is compared: small letters, no brackets, no final dot.
fn host_alone(host: &str) -> String {
    host.trim_matches(['[', ']']).trim_end_matches('.').to_lowercase()
}

/// The settings in force, and where they come from.
#[derive(Debug, Clone, Default)]
pub struct Found {
    pub settings: Settings,
    /// The file that was read; none where there is none.
    pub file: Option<PathBuf>,
    /// The settings that it sets; the others have their defaults.
    pub set: Vec<String>,
}

impl Found {
    /// Looks for the settings, as `Settings::load` does.
    ///
    /// # Errors
    /// Where a named file cannot be read, or one has a mistake.
    pub fn read(named: Option<&Path>) -> Result<Found> {
        let from_environment = std::env::var_os("FIRSTLINE_SETTINGS").filter(|value| !value.is_empty());
        if let Some(path) = named.map(Path::to_owned).or(from_environment.map(PathBuf::from)) {
            return match read(&path)? {
                Some(text) => Self::in_file(path, &text),
                None => Err(Error::usage(format!("there is no settings file `{}`", path.display()))),
            };
        }
        for path in usual_places() {
            if let Some(text) = read(&path)? {
                return Self::in_file(path, &text);
            }
        }
        Ok(Found::default())
    }

    fn in_file(path: PathBuf, text: &str) -> Result<Found> {
        let settings = Settings::parse(&path, text)?;
        let set = text.parse::<toml::Table>().map(|table| table.keys().cloned().collect()).unwrap_or_default();
        Ok(Found { settings, file: Some(path), set })
    }
}

/// Every setting, from the defaults, so that there is no second list.
fn names() -> Vec<String> {
    match serde_json::to_value(Settings::default()) {
        Ok(serde_json::Value::Object(map)) => map.keys().cloned().collect(),
        _ => Vec::new(),
    }
}

/// The field in serde's words ``unknown field `x`, expected ...``.
fn unknown_field(message: &str) -> Option<&str> {
    message.strip_prefix("unknown field `")?.split('`').next()
}

/// Where settings are looked for, the first first: the folder for settings of the platform, then that of the machine.
pub fn usual_places() -> Vec<PathBuf> {
    let user = choose_base_strategy().ok().map(|base| base.config_dir().join("firstline").join(FILE));
    user.into_iter().chain([PathBuf::from(SYSTEM_FILE)]).collect()
}

/// The text of a file; none where there is no such file.
fn read(path: &Path) -> Result<Option<String>> {
    let failed = |error: &std::io::Error| {
        Error::environment(format!("cannot read the settings file `{}`", path.display())).because(error)
    };
    let file = match std::fs::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) if error.kind() == std::io::ErrorKind::NotADirectory => return Ok(None),
        Err(error) => return Err(failed(&error)),
    };
    let mut text = String::new();
    file.take(LARGEST).read_to_string(&mut text).map_err(|error| failed(&error))?;
    Ok(Some(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_setting_is_shown_where_it_is() {
        let text = "# ours\ncontrol_nam = \"intranet.example\"\n";
        let error = Settings::parse(Path::new("firstline.toml"), text).unwrap_err().to_string();
        for part in ["unknown setting `control_nam`", "firstline.toml:2:1", "^", "did you mean `control_name`?"] {
            assert!(error.contains(part), "{part} is not in\n{error}");
        }
    }

    #[test]
    fn broken_toml_and_wrong_types_are_shown_where_they_are() {
        for (text, place) in [
            ("control_url = ", ":1:"),
            ("\nconnectivity_check = \"yes\"", ":2:22"),
            ("\n[trusted_keys]\ndesk = \"RWQ\"", ":3:8"),
            ("allowed_playbooks = [\"abc\"]", ":1:21"),
        ] {
            let error = Settings::parse(Path::new("f.toml"), text).unwrap_err().to_string();
            assert!(error.contains(&format!("f.toml{place}")), "{error}");
        }
    }

    #[test]
    fn names_of_the_site_are_told_from_others() {
        let settings = Settings { internal_names: vec![".Corp.example".into(), String::new()], ..Settings::default() };
        for (host, expected) in
            [("corp.example", true), ("Wiki.corp.example.", true), ("notcorp.example", false), ("example", false)]
        {
            assert_eq!(settings.is_internal(host), expected, "{host}");
        }
    }

    #[test]
    fn resolvers_are_addresses_or_networks() {
        let read = |text: &str| Settings::parse(Path::new("f.toml"), text);
        let settings = read("expected_resolvers = [\"10.0.0.53\", \"fd00::/8\"]").unwrap();
        let written: Vec<String> = settings.expected_resolvers.into_iter().map(String::from).collect();
        assert_eq!(written, ["10.0.0.53", "fd00::/8"]);
        let error = read("expected_resolvers = [\"dns.corp.example\"]").unwrap_err().to_string();
        assert!(error.contains("is no address and no network") && error.contains("f.toml:1:"), "{error}");
    }

    #[test]
    fn proxies_are_hosts_with_or_without_a_port() {
        let place = |text: &str| ProxyPlace::try_from(text.to_owned());
        for (text, host, port, expected) in [
            ("proxy.corp.example", "Proxy.corp.example.", 3128, true),
            ("http://Proxy.corp.example:3128/", "proxy.corp.example", 3128, true),
            ("proxy.corp.example:80", "proxy.corp.example", 3128, false),
            ("[fd00::1]:3128", "fd00::1", 3128, true),
            ("10.0.0.9", "10.0.0.8", 3128, false),
        ] {
            assert_eq!(place(text).unwrap().is_at(host, port), expected, "{text}");
        }
        assert!(place("").is_err() && place("a b").is_err() && place("proxy:port").is_err());
        assert_eq!(String::from(place("[fd00::1]:80").unwrap()), "[fd00::1]:80");
    }

    #[test]
    fn what_is_not_set_has_its_default() {
        let settings = Settings::parse(Path::new("f.toml"), "vpn_device = \"wg0\"").unwrap();
        assert_eq!(settings, Settings { vpn_device: Some("wg0".into()), ..Settings::default() });
    }
}
