//! What a run is pointed at: a URL, a host, or host:port.

use serde::{Deserialize, Serialize};
use url::{Host, Url};

/// A target, resolved to what the checks need.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    /// As it was given, without credentials.
    pub text: String,
    /// `http`, `https`, `tcp`, `udp`, `ldap` ...; empty for a bare host.
    pub scheme: String,
    /// Host name or address, without brackets.
    pub host: String,
    /// The port that is named, or the scheme's own; 443 for a bare host.
    pub port: u16,
    /// Whether the host is an address.
    pub is_address: bool,
    /// Whether TLS starts at once.
    pub tls: bool,
    /// Whether HTTP is spoken.
    pub http: bool,
    /// `/path?query`, for HTTP.
    pub path: String,
}

/// Why a text is no target.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    #[error("an empty text is no target")]
    Empty,
    #[error("`{text}` is not a URL, host or host:port: {why}")]
    Unreadable { text: String, why: String },
    #[error("`{scheme}` is not a scheme that can be checked")]
    UnknownScheme { scheme: String },
    #[error("`{text}` names no host")]
    NoHost { text: String },
}

/// Scheme, default port, TLS from the first byte, HTTP. Ports from the IANA service name registry.
const SCHEMES: &[(&str, u16, bool, bool)] = &[
    ("http", 80, false, true),
    ("https", 443, true, true),
    ("ws", 80, false, true),
    ("wss", 443, true, true),
    ("tcp", 0, false, false),
    ("udp", 0, false, false),
    ("tls", 443, true, false),
    ("ldap", 389, false, false),
    ("ldaps", 636, true, false),
    ("smtp", 25, false, false),
    ("smtps", 465, true, false),
    ("submission", 587, false, false),
    ("imap", 143, false, false),
    ("imaps", 993, true, false),
    ("pop3", 110, false, false),
    ("pop3s", 995, true, false),
    ("smb", 445, false, false),
    ("rdp", 3389, false, false),
    ("ssh", 22, false, false),
    ("sftp", 22, false, false),
    ("ftp", 21, false, false),
    ("ipp", 631, false, true),
    ("ipps", 631, true, true),
    ("lpd", 515, false, false),
    ("sip", 5060, false, false),
    ("sips", 5061, true, false),
    ("stun", 3478, false, false),
    ("kerberos", 88, false, false),
    ("dns", 53, false, false),
    ("ntp", 123, false, false),
    ("mysql", 3306, false, false),
    ("postgres", 5432, false, false),
];

/// Protocols in which the server speaks first: on their own port one is expected although nobody named it, because a
/// port that accepts and says nothing is no service. `tcp://host:22` asks for the port alone.
const GREETERS: &[&str] = &["ssh", "smtp", "submission", "imap", "pop3", "ftp", "mysql"];

/// Port of a bare host: what people mean by "the site" today.
const BARE_HOST_PORT: u16 = 443;

/// The schemes that can be checked.
pub fn schemes() -> impl Iterator<Item = &'static str> {
    SCHEMES.iter().map(|(name, ..)| *name)
}

impl Target {
    /// Reads a target that names no scheme as one of this scheme. A port that belongs to another scheme still means that
    /// one: people write `mail.test:587` where `mail.test` alone would be a mailbox.
    ///
    /// # Errors
    /// As `parse`.
    pub fn parse_as(text: &str, scheme: &str) -> Result<Target, TargetError> {
        let text = text.trim();
        if text.is_empty() || text.contains("://") || text.contains(":/") || is_share(text) {
            return Self::parse(text);
        }
        let bare =
            text.parse::<std::net::Ipv6Addr>().map_or_else(|_| text.to_owned(), |address| format!("[{address}]"));
        let named = explicit_port(&bare);
        let own = |port: u16| SCHEMES.iter().any(|(name, own, ..)| *name == scheme && *own == port);
        let other = named.filter(|port| !own(*port)).and_then(|port| SCHEMES.iter().find(|(_, own, ..)| *own == port));
        let meant = other.filter(|(_, port, ..)| *port != 0).map_or(scheme, |(name, ..)| *name);
        Self::parse(&format!("{meant}://{bare}"))
    }

    /// Reads a target. Credentials in it are dropped and never kept.
    ///
    /// # Errors
    /// Where the text is empty, has an unknown scheme, or names no host or port.
    pub fn parse(text: &str) -> Result<Target, TargetError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(TargetError::Empty);
        }
        if is_share(text) {
            return Self::parse(&format!("smb:{}", text.replace('\\', "/")));
        }
        match text.split_once("://") {
            Some((scheme, rest)) => Self::with_scheme(text, &scheme.to_ascii_lowercase(), rest),
            None => Self::bare(text),
        }
    }

    fn with_scheme(text: &str, scheme: &str, rest: &str) -> Result<Target, TargetError> {
        let &(_, port, tls, http) = SCHEMES
            .iter()
            .find(|(name, ..)| *name == scheme)
            .ok_or_else(|| TargetError::UnknownScheme { scheme: scheme.to_owned() })?;
        // The URL standard treats only some schemes as having a host that is checked; http is one of them.
        let parsed = parse_url(text, &format!("http://{rest}"))?;
        let named = explicit_port(rest).or(parsed.port());
        let (host, is_address) = host_of(text, &parsed)?;
        let port = named.unwrap_or(port);
        if port == 0 {
            return Err(TargetError::Unreadable { text: shown(text), why: format!("`{scheme}` needs a port") });
        }
        let mut path = parsed.path().to_owned();
        if let Some(query) = parsed.query() {
            path = format!("{path}?{query}");
        }
        let authority = authority(&host, named);
        let text = format!("{scheme}://{authority}{}", if path == "/" && !rest.ends_with('/') { "" } else { &path });
        Ok(Target { text, scheme: scheme.to_owned(), host, port, is_address, tls, http, path })
    }

    fn bare(text: &str) -> Result<Target, TargetError> {
        if let Ok(address) = text.trim_matches(['[', ']']).parse::<std::net::IpAddr>() {
            return Ok(Self::host_target(text, address.to_string(), true, None));
        }
        if let Some((scheme, _)) = text.split_once(":/")
            && SCHEMES.iter().any(|(name, ..)| scheme.eq_ignore_ascii_case(name))
        {
            // Taken as host and path it would accuse a host of that name.
            return Err(TargetError::Unreadable { text: shown(text), why: format!("`{scheme}:` needs two slashes") });
        }
        let parsed = parse_url(text, &format!("http://{text}"))?;
        let (host, is_address) = host_of(text, &parsed)?;
        if parsed.path() != "/" || parsed.query().is_some() || parsed.fragment().is_some() {
            // People paste `intranet/wiki` for a page: treat it as the page it is in a browser.
            return Self::parse(&format!("https://{text}"));
        }
        match explicit_port(text) {
            Some(0) => Err(TargetError::Unreadable { text: shown(text), why: "port 0 is none".to_owned() }),
            Some(port) => {
                let mut target = Self::host_target(text, host, is_address, Some(port));
                let greeter = SCHEMES.iter().find(|(name, own, ..)| *own == port && GREETERS.contains(name));
                target.scheme = greeter.map_or("tcp", |(name, ..)| name).to_owned();
                Ok(target)
            }
            None => Ok(Self::host_target(text, host, is_address, None)),
        }
    }

    /// A host alone is a web site, as in a browser's address bar; with a port it is that TCP port, and what is spoken
    /// there where the port is well known for a service that speaks first.
    fn host_target(text: &str, host: String, is_address: bool, port: Option<u16>) -> Target {
        let port_is_default = port.is_none();
        let port = port.unwrap_or(BARE_HOST_PORT);
        Target {
            text: shown(text),
            scheme: String::new(),
            host,
            port,
            is_address,
            tls: port_is_default,
            http: port_is_default,
            path: "/".to_owned(),
        }
    }

    /// The URL of an HTTP target, without credentials.
    pub fn url(&self) -> Option<String> {
        self.http.then(|| {
            let secure = self.tls;
            let default = if secure { 443 } else { 80 };
            let port = (self.port != default).then_some(self.port);
            format!("{}://{}{}", if secure { "https" } else { "http" }, authority(&self.host, port), self.path)
        })
    }
}

/// Whether it is written as shares are: `\\server\share`, or with slashes.
fn is_share(text: &str) -> bool {
    text.starts_with(r"\\") || text.starts_with("//")
}

fn parse_url(text: &str, url: &str) -> Result<Url, TargetError> {
    Url::parse(url).map_err(|error| TargetError::Unreadable { text: shown(text), why: error.to_string() })
}

fn host_of(text: &str, url: &Url) -> Result<(String, bool), TargetError> {
    match url.host() {
        Some(Host::Domain(name)) => {
            let name = name.strip_suffix('.').unwrap_or(name);
            if name.split('.').any(str::is_empty) {
                return Err(TargetError::NoHost { text: shown(text) });
            }
            Ok((name.to_owned(), false))
        }
        Some(Host::Ipv4(address)) => Ok((address.to_string(), true)),
        Some(Host::Ipv6(address)) => Ok((address.to_string(), true)),
        _ => Err(TargetError::NoHost { text: shown(text) }),
    }
}

/// The port as written: `Url` forgets it where it is the scheme's default.
fn explicit_port(rest: &str) -> Option<u16> {
    let authority = rest.split(['/', '?', '#']).next()?;
    let after_bracket = authority.rsplit(']').next()?;
    after_bracket.rsplit_once(':')?.1.parse().ok()
}

fn authority(host: &str, port: Option<u16>) -> String {
    let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
    port.map_or(host.clone(), |port| format!("{host}:{port}"))
}

/// A text for an error message: without credentials, because targets are pasted with them.
fn shown(text: &str) -> String {
    match text.rsplit_once('@') {
        Some((_, rest)) => rest.to_owned(),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_people_paste() {
        let cases = [
            ("https://crm.example.test/login?x=1", "https", "crm.example.test", 443, true),
            ("http://a.test:8080", "http", "a.test", 8080, false),
            ("http://a.test:443/", "http", "a.test", 443, false),
            ("crm.example.test", "", "crm.example.test", 443, true),
            ("10.0.0.7:3389", "tcp", "10.0.0.7", 3389, false),
            ("[2001:db8::1]:22", "ssh", "2001:db8::1", 22, false),
            ("tcp://10.0.0.7:22", "tcp", "10.0.0.7", 22, false),
            ("mail.test:25", "smtp", "mail.test", 25, false),
            ("mail.test:587", "submission", "mail.test", 587, false),
            ("mail.test:143", "imap", "mail.test", 143, false),
            ("mail.test:110", "pop3", "mail.test", 110, false),
            ("files.test:21", "ftp", "files.test", 21, false),
            ("files.test:53", "tcp", "files.test", 53, false),
            ("2001:db8::1", "", "2001:db8::1", 443, true),
            ("udp://10.0.0.7:514", "udp", "10.0.0.7", 514, false),
            ("rdp://desk", "rdp", "desk", 3389, false),
            ("intranet/wiki", "https", "intranet", 443, true),
            ("HTTPS://Example.TEST", "https", "example.test", 443, true),
            (r"\\files\team", "smb", "files", 445, false),
            ("//files.test/team", "smb", "files.test", 445, false),
        ];
        for (text, scheme, host, port, tls) in cases {
            let target = Target::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!(
                (target.scheme.as_str(), target.host.as_str(), target.port, target.tls),
                (scheme, host, port, tls),
                "{text}"
            );
        }
    }

    #[test]
    fn a_host_alone_means_what_it_is_asked_for() {
        let cases = [
            ("files.test", "smb", "smb", 445),
            ("files.test/team", "smb", "smb", 445),
            (r"\\files\team", "ipp", "smb", 445),
            ("files.test:4450", "smb", "smb", 4450),
            ("mail.test:587", "imaps", "submission", 587),
            ("mail.test:993", "imaps", "imaps", 993),
            ("ann@mail.test", "imaps", "imaps", 993),
            ("2001:db8::1", "rdp", "rdp", 3389),
            ("https://login.test", "kerberos", "https", 443),
        ];
        for (text, scheme, meant, port) in cases {
            let target = Target::parse_as(text, scheme).unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!((target.scheme.as_str(), target.port), (meant, port), "{text}");
        }
        assert!(Target::parse_as("", "smb").is_err() && Target::parse_as("https:/a.test", "smb").is_err());
    }

    #[test]
    fn keeps_no_credentials() {
        let target = Target::parse("https://bob:hunter2@crm.test/x").unwrap();
        assert!(!format!("{target:?}").contains("hunter2"));
        let error = Target::parse("https://bob:hunter2@").unwrap_err();
        assert!(!error.to_string().contains("hunter2"));
    }

    #[test]
    fn says_what_is_wrong() {
        for text in [
            "",
            "   ",
            "gopher://x",
            "http://",
            "tcp://host",
            "host:99999",
            "a b c",
            "http://[::1",
            "..",
            "host:0",
            "https:/a.test",
        ] {
            assert!(Target::parse(text).is_err(), "{text}");
        }
    }
}
