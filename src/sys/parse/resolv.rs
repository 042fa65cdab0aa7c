//! `resolv.conf` (resolv.conf(5)) and the `hosts:` line of `nsswitch.conf`. The libraries refuse the whole file for one
//! bad line; glibc does not, and what programs really use is what matters here. So each line stands on its own: what
//! can be used is used, the rest is reported with its line number.

use std::net::IpAddr;

/// glibc's MAXNS: programs ask no more servers than this.
const SERVERS_USED: usize = 3;

/// Enough to recognise the program that wrote the file.
const COMMENTS_KEPT: usize = 8;

/// Text of strangers is bounded.
const LINE_SHOWN: usize = 200;
/// Characters of a line that is none of the file's language: enough to find it there; its number stands beside it.
const NONSENSE_SHOWN: usize = 40;
/// Such lines that are kept; a file with more is something else.
const NONSENSE_KEPT: usize = 20;

/// What one file says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResolvConf {
    /// In the order in which programs ask them, with the zone of a link-local address.
    pub servers: Vec<(IpAddr, Option<String>)>,
    pub search: Vec<String>,
    pub ndots: u32,
    pub timeout_s: u32,
    pub attempts: u32,
    pub rotate: bool,
    /// The `use-vc` option: programs ask over TCP alone.
    pub over_tcp: bool,
    /// `LINE: what is wrong with it`.
    pub garbage: Vec<String>,
    pub comments: Vec<String>,
}

impl Default for ResolvConf {
    /// The defaults of resolv.conf(5).
    fn default() -> Self {
        ResolvConf {
            servers: Vec::new(),
            search: Vec::new(),
            ndots: 1,
            timeout_s: 5,
            attempts: 2,
            rotate: false,
            over_tcp: false,
            garbage: Vec::new(),
            comments: Vec::new(),
        }
    }
}

/// Reads a `resolv.conf`.
pub fn resolv_conf(text: &str) -> ResolvConf {
    let mut conf = ResolvConf::default();
    for (index, line) in text.lines().enumerate() {
        let number = index + 1;
        let line = line.trim();
        if let Some(comment) = line.strip_prefix(['#', ';']) {
            if conf.comments.len() < COMMENTS_KEPT && !comment.trim().is_empty() {
                conf.comments.push(bounded(comment.trim()));
            }
            continue;
        }
        // glibc ends values at a comment sign too.
        let line = line.split(['#', ';']).next().unwrap_or_default();
        let mut words = line.split_ascii_whitespace();
        match words.next() {
            None => {}
            Some("nameserver") => server(&mut conf, number, words.next()),
            Some("search" | "domain") => conf.search = words.map(bounded).collect(),
            Some("options") => words.for_each(|word| option(&mut conf, number, word)),
            Some("sortlist") => {}
            Some(_) => {
                let shown: String = line.trim().chars().take(NONSENSE_SHOWN).collect();
                conf.garbage.push(format!("{number}: `{shown}` is no known keyword"));
            }
        }
    }
    keep_what_matters(&mut conf.garbage);
    conf
}

/// Lines that lose a server first: they are what somebody feels.
fn keep_what_matters(garbage: &mut Vec<String>) {
    if garbage.len() > NONSENSE_KEPT {
        garbage.sort_by_key(|line| !line.contains("`nameserver"));
        garbage.truncate(NONSENSE_KEPT);
    }
}

fn server(conf: &mut ResolvConf, number: usize, word: Option<&str>) {
    let Some(word) = word else {
        conf.garbage.push(format!("{number}: `nameserver` without an address"));
        return;
    };
    let (address, zone) = match word.split_once('%') {
        Some((address, zone)) => (address, Some(bounded(zone))),
        None => (word, None),
    };
    match address.parse::<IpAddr>() {
        Ok(address) if conf.servers.len() < SERVERS_USED => conf.servers.push((address, zone)),
        Ok(address) => {
            conf.garbage.push(format!("{number}: {address} is not used, because programs ask only the first three"));
        }
        Err(_) => conf.garbage.push(format!("{number}: `nameserver {}` is not an address", bounded(word))),
    }
}

fn option(conf: &mut ResolvConf, number: usize, word: &str) {
    let (name, value) = word.split_once(':').unwrap_or((word, ""));
    let target = match name {
        // The caps are glibc's RES_MAXNDOTS, RES_MAXRETRANS and RES_MAXRETRY.
        "ndots" => Some((&mut conf.ndots, 15)),
        "timeout" => Some((&mut conf.timeout_s, 30)),
        "attempts" => Some((&mut conf.attempts, 5)),
        "rotate" => {
            conf.rotate = true;
            None
        }
        "use-vc" => {
            conf.over_tcp = true;
            None
        }
        // Other options change nothing that is measured here.
        _ => None,
    };
    if let Some((target, cap)) = target {
        match value.parse::<u32>() {
            Ok(value) => *target = value.min(cap),
            Err(_) => conf.garbage.push(format!("{number}: option `{}` has no number", bounded(word))),
        }
    }
}

/// The sources of the `hosts:` line that are asked, in order; empty where there is no such line. An action in brackets
/// that ends the search where the hosts file does not know a name hides all sources behind it; other actions are left
/// out, because the modules before them answer for a few names only (`mdns4_minimal`) or for all (`resolve`).
pub fn nsswitch_hosts(text: &str) -> Vec<String> {
    let Some(line) = text.lines().filter_map(|line| line.trim().strip_prefix("hosts:")).next_back() else {
        return Vec::new();
    };
    let line = line.split('#').next().unwrap_or_default();
    let mut sources = Vec::new();
    let (mut in_action, mut action) = (false, String::new());
    // `[NOTFOUND=return]` may hold blanks, and may touch the word before it.
    for word in line.replace('[', " [ ").replace(']', " ] ").split_ascii_whitespace() {
        match word {
            "[" => in_action = true,
            "]" if sources.last().is_some_and(|source| source == "files") && ends_the_search(&action) => break,
            "]" => (in_action, action) = (false, String::new()),
            word if !in_action => sources.push(bounded(word)),
            word => action.push_str(&word.to_ascii_uppercase()),
        }
    }
    sources
}

/// Whether an action of nsswitch.conf(5), in capitals and without blanks, ends the search at "not found".
fn ends_the_search(action: &str) -> bool {
    action.contains("NOTFOUND=RETURN") && !action.contains("!NOTFOUND") || action.contains("!SUCCESS=RETURN")
}

/// The last word of a `resolved.conf` on DNS over TLS: `no`, `opportunistic` or `yes`; none where it says nothing that
/// can be understood.
pub fn over_tls(text: &str) -> Option<String> {
    let settings = text.lines().filter_map(|line| line.trim().split_once('='));
    let values =
        settings.filter(|(name, _)| name.trim() == "DNSOverTLS").map(|(_, value)| value.trim().to_ascii_lowercase());
    let mut words = values.filter_map(|value| match value.as_str() {
        // systemd.syntax(7): booleans.
        "yes" | "true" | "on" | "1" => Some("yes"),
        "no" | "false" | "off" | "0" => Some("no"),
        "opportunistic" => Some("opportunistic"),
        _ => None,
    });
    words.next_back().map(str::to_owned)
}

/// Cuts a text of strangers.
fn bounded(text: &str) -> String {
    text.chars().take(LINE_SHOWN).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const GARBAGE: &str = include_str!("../../../tests/fixtures/linux/resolv-garbage.conf");

    #[test]
    fn good_lines_are_used_beside_bad_ones() {
        let conf = resolv_conf(GARBAGE);
        assert_eq!(
            conf.servers,
            [
                ("10.8.0.1".parse().expect("an address"), None),
                ("fe80::1".parse().expect("an address"), Some("eth0".to_owned())),
                ("192.0.2.53".parse().expect("an address"), None),
            ]
        );
        assert_eq!(conf.search, ["corp.example", "example"]);
        assert_eq!((conf.ndots, conf.timeout_s, conf.attempts, conf.rotate), (2, 30, 2, true));
        assert_eq!(conf.comments, ["Generated by openvpn"]);
        assert_eq!(
            conf.garbage,
            [
                "3: `nameserver 10.8.0.` is not an address",
                "4: `nameserver` without an address",
                "5: `<html>404</html>` is no known keyword",
                "9: 198.51.100.53 is not used, because programs ask only the first three",
                "11: option `attempts:many` has no number",
            ]
        );
    }

    #[test]
    fn an_empty_file_has_the_defaults() {
        assert_eq!(resolv_conf(""), ResolvConf::default());
        assert_eq!(resolv_conf("\u{0}\u{1}").garbage.len(), 1);
        let much = format!("{}nameserver 300.1.1.1\n", "what is this\n".repeat(1000));
        let kept = resolv_conf(&much).garbage;
        assert_eq!(kept.len(), NONSENSE_KEPT);
        assert_eq!(kept[0], "1001: `nameserver 300.1.1.1` is not an address");
    }

    #[test]
    fn the_last_word_on_encryption_counts() {
        let text =
            "[Resolve]\n#DNSOverTLS=no\nDNS=192.0.2.1#dns.example\nDNSOverTLS=opportunistic\n DNSOverTLS = true \n";
        assert_eq!(over_tls(text).as_deref(), Some("yes"));
        assert_eq!(over_tls("DNSOverTLS=Off"), Some("no".to_owned()));
        assert_eq!(over_tls("[Resolve]\n#DNSOverTLS=yes\nDNSOverTLS=perhaps\n"), None);
    }

    #[test]
    fn nsswitch_keeps_sources_and_drops_actions() {
        let text = "passwd: files\nhosts:  files mdns4_minimal [NOTFOUND=return] resolve [!UNAVAIL = return]dns # x\n";
        assert_eq!(nsswitch_hosts(text), ["files", "mdns4_minimal", "resolve", "dns"]);
        assert!(nsswitch_hosts("passwd: files\n").is_empty());
        for action in ["[NOTFOUND=return]", "[ notfound = return ]", "[!SUCCESS=return]"] {
            assert_eq!(nsswitch_hosts(&format!("hosts: files {action} dns")), ["files"], "{action}");
        }
        assert_eq!(nsswitch_hosts("hosts: files [SUCCESS=return] dns"), ["files", "dns"]);
    }
}
