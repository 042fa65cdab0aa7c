//! Learns what must be hidden before anything is hidden: names from the fields that hold them, and secrets from the
//! environment of the run.

use super::account::is_personal;
use super::pseudonym::{Class, class_of, is_pseudonym};
use super::sought::SHORTEST_SECRET;
use super::store::Map;
use super::{Known, Level};
use crate::packet::Packet;
use ipnet::IpNet;
use serde_json::Value;
use std::collections::BTreeMap;
use std::net::IpAddr;

/// A name shorter than this is a word too often to be hidden in running text.
const SHORTEST_NAME: usize = 3;
/// Names that are learned from one packet; far above what a machine has, so that it bounds only a mistake.
const MOST_NAMES: usize = 2_000;
/// The least length of an environment variable's value that is taken for a secret.
const LEAST_VALUE: usize = 8;

/// Fields of facts whose text is the name of an account.
const ACCOUNT_FIELDS: &[&str] = &["user", "users", "owner", "login", "account", "username", "person"];
/// Fields of facts whose text is the name of a wireless network.
const NETWORK_FIELDS: &[&str] = &["ssid", "ssids", "essid", "network"];
/// Fields of facts whose text is a host or domain name.
const HOST_FIELDS: &[&str] = &[
    "host",
    "hosts",
    "hostname",
    "domain",
    "domains",
    "search",
    "server_name",
    "canonical",
    "sni",
    "fqdn",
    "nameserver",
];
/// Words of our own sentences that a host may be called, too.
const OUR_WORDS: &[&str] = &[
    "localhost",
    "host",
    "name",
    "names",
    "server",
    "client",
    "proxy",
    "direct",
    "gateway",
    "router",
    "resolver",
    "dns",
    "http",
    "https",
    "tls",
    "tcp",
    "udp",
    "link",
    "route",
    "path",
    "machine",
    "system",
    "public",
    "internet",
    "control",
    "web",
    "mail",
    "printer",
    "box",
    "the",
    "and",
    "not",
    "for",
    "does",
    "answer",
    "target",
    "search",
    "domain",
    "test",
    "web",
    "windows",
    "linux",
    "debian",
    "ubuntu",
    "fedora",
    "desktop",
    "laptop",
    "none",
    "unknown",
    "any",
    "all",
    "local",
];

/// What sort of name a field of this name holds.
pub(super) fn field_class(name: &str) -> Option<Class> {
    let name = name.to_ascii_lowercase();
    let is = |fields: &[&str]| fields.contains(&name.as_str());
    if is(ACCOUNT_FIELDS) {
        Some(Class::User)
    } else if is(NETWORK_FIELDS) {
        Some(Class::Ssid)
    } else if is(HOST_FIELDS) {
        Some(Class::Name)
    } else if name.starts_with("serial") || name == "machine_id" || name == "imei" {
        Some(Class::Serial)
    } else {
        None
    }
}

/// Whether a text is an address or a subnet: what a field of names holds may be one of these, too.
pub(super) fn is_address(text: &str) -> bool {
    text.parse::<IpAddr>().is_ok() || text.parse::<IpNet>().is_ok()
}

/// From which level on names of a class are hidden.
pub(super) fn hidden_from(class: Class) -> Level {
    match class {
        Class::User | Class::Path | Class::Serial | Class::Sid => Level::Standard,
        Class::Ssid | Class::Name => Level::Strict,
    }
}

impl Known {
    /// What the environment of this process knows: who runs it, and the values of variables that are named like
    /// secrets. Nothing of it is stored; it is only looked for.
    pub fn of_environment() -> Known {
        let mut known = Known::default();
        for (name, value) in
            std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        {
            let upper = name.to_ascii_uppercase();
            match upper.as_str() {
                "USER" | "LOGNAME" | "USERNAME" | "SUDO_USER" => known.name(Class::User, &value),
                _ if upper.ends_with("_PROXY") => known.credentials(&value),
                "PWD" | "OLDPWD" => {}
                _ => {
                    if let Some(class) = super::rules::is_secret_field(&name)
                        && value.len() >= LEAST_VALUE
                        && !value.contains('/')
                    {
                        known.secrets.insert(value, class);
                    }
                }
            }
        }
        known
    }

    /// Adds the names that a packet hid before: what a person typed may still hold them.
    pub fn with_names_of(mut self, map: &Map) -> Known {
        for (pseudonym, name) in map {
            if let Some(class) = class_of(pseudonym).filter(|class| *class != Class::Path) {
                self.name(class, name);
            }
        }
        self
    }

    /// User and password of a URL.
    fn credentials(&mut self, url: &str) {
        let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        if let Some((user, _)) = authority.rsplit_once('@') {
            self.secret("url-password", user);
        }
    }

    /// A secret, and what it is made of: the password of `user:password`, the values of a cookie, what a scheme of
    /// authentication encodes.
    pub(super) fn secret(&mut self, class: &'static str, text: &str) {
        let text = text.trim();
        if text.len() < SHORTEST_SECRET || text.contains(super::find::HIDDEN) {
            return;
        }
        self.secrets.insert(text.to_owned(), class);
        match class {
            "url-password" => {
                if let Some((_, password)) = text.split_once(':') {
                    self.part(class, password);
                    self.part(class, &percent_decoded(password));
                }
            }
            "cookie" => {
                let values = text.split(';').filter_map(|pair| pair.split_once('=')).map(|(_, value)| value.trim());
                values.filter(|value| value.len() >= LEAST_VALUE).for_each(|value| self.part(class, value));
            }
            "authorization" => {
                let word = text.rsplit(' ').next().unwrap_or(text);
                if word.len() >= LEAST_VALUE {
                    self.part(class, word);
                }
                let decoded = data_encoding::BASE64.decode(word.as_bytes()).ok();
                if let Some((_, password)) = decoded
                    .and_then(|bytes| String::from_utf8(bytes).ok())
                    .as_deref()
                    .and_then(|pair| pair.split_once(':'))
                {
                    self.part(class, password);
                }
            }
            "private-key" => {
                let lines = text.lines().filter(|line| line.len() >= 32 && !line.starts_with('-'));
                for line in lines.map(str::to_owned).collect::<Vec<_>>() {
                    self.part(class, &line);
                }
            }
            _ => {}
        }
    }

    fn part(&mut self, class: &'static str, text: &str) {
        if text.len() >= SHORTEST_SECRET && !text.contains(super::find::HIDDEN) {
            self.secrets.insert(text.to_owned(), class);
        }
    }

    /// A name, where it can be told from a word.
    pub(super) fn name(&mut self, class: Class, text: &str) {
        let text = text.trim();
        let usable = match class {
            Class::User => is_personal(text),
            Class::Name => {
                !OUR_WORDS.contains(&text.to_ascii_lowercase().as_str()) && !text.contains([' ', ':', '/', '*'])
            }
            _ => true,
        };
        let long = (SHORTEST_NAME..=300).contains(&text.chars().count());
        let letters = text.chars().any(|it| it.is_alphabetic() || class == Class::Serial && it.is_ascii_digit());
        let plain = !is_pseudonym(text) && !text.contains('\n') && !text.contains(super::find::HIDDEN);
        if usable && long && letters && plain && self.names.len() < MOST_NAMES {
            self.names.insert(text.to_lowercase(), class);
        }
    }

    /// Adds the names that stand in the fields of a packet.
    pub(super) fn learn(&mut self, packet: &Packet) {
        self.name(Class::User, &packet.run.user);
        self.name(Class::Name, packet.host.name.split('.').next().unwrap_or_default());
        packet.case.user.iter().for_each(|user| self.name(Class::User, user));
        for seen in &packet.observations {
            self.name(Class::User, &seen.context.user);
            for (field, value) in &seen.facts {
                self.learn_from(field, value);
            }
        }
    }

    fn learn_from(&mut self, field: &str, value: &Value) {
        match value {
            Value::String(text) => {
                if let Some(class) = field_class(field).filter(|_| !is_address(text)) {
                    self.name(class, text);
                }
                // The first label of a name is the box.
                if field_class(field) == Some(Class::Name)
                    && let Some((label, _)) = text.split_once('.')
                    && !is_address(text)
                    && !super::topology::is_role(label)
                    && label.len() > SHORTEST_NAME
                {
                    self.name(Class::Name, label);
                }
            }
            Value::Array(items) => items.iter().for_each(|item| self.learn_from(field, item)),
            Value::Object(map) => map.iter().for_each(|(field, value)| self.learn_from(field, value)),
            _ => {}
        }
    }

    /// The names that are hidden at this level.
    pub(super) fn names_at(&self, level: Level) -> Vec<(String, Class)> {
        let hidden = |class: Class| level >= hidden_from(class);
        self.names.iter().filter(|(_, class)| hidden(**class)).map(|(name, class)| (name.clone(), *class)).collect()
    }
}

/// A text with `%40` as `@`.
fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let pair = tail.get(..2).and_then(|pair| std::str::from_utf8(pair).ok());
        match pair.filter(|_| *first == b'%').and_then(|pair| u8::from_str_radix(pair, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &tail[2..];
            }
            None => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Secrets and names that are known beforehand, by value.
pub(super) type Secrets = BTreeMap<String, &'static str>;
