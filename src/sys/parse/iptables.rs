//! Rules of the packet filter from `iptables-save -c` and `ip6tables-save -c`, for machines whose rules nft cannot put
//! into words. Options that are not understood make a rule `partial`.

use crate::sys::{FilterRule, Share, TcpFlags};
use std::net::IpAddr;

/// A rule of the report is a line, not a page.
const TEXT_SHOWN: usize = 200;

/// Reads a dump; `family` is `ip` or `ip6`, so that chains are named as nft names them. The rules keep their order;
/// each built-in chain's policy comes last.
pub fn save(text: &str, family: &str) -> Vec<FilterRule> {
    let (mut rules, mut policies) = (Vec::new(), Vec::new());
    let mut table = String::new();
    for line in text.lines() {
        let line = line.trim();
        if let Some(name) = line.strip_prefix('*') {
            name.clone_into(&mut table);
        } else if let Some(chain) = line.strip_prefix(':') {
            let mut words = chain.split_ascii_whitespace();
            let (Some(name), Some("DROP")) = (words.next(), words.next()) else { continue };
            let chain = format!("{family} {table} {name}");
            policies.push(FilterRule {
                text: format!("chain {chain} policy drop"),
                hook: hook(name),
                chain,
                verdict: "policy drop".to_owned(),
                ..FilterRule::default()
            });
        } else {
            rules.extend(rule(line, &format!("{family} {table}")));
        }
    }
    rules.extend(policies);
    rules
}

/// The hook of a built-in chain.
fn hook(chain: &str) -> Option<String> {
    ["INPUT", "OUTPUT", "FORWARD", "PREROUTING", "POSTROUTING"].contains(&chain).then(|| chain.to_lowercase())
}

/// One `[packets:bytes] -A CHAIN ...` line.
fn rule(line: &str, table: &str) -> Option<FilterRule> {
    let (packets, line) = match line.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((counters, rest)) => (counters.split(':').next()?.parse().ok(), rest.trim()),
        None => (None, line),
    };
    let words = split(line.strip_prefix("-A ")?);
    let mut words = words.iter().map(String::as_str).peekable();
    let chain = words.next()?;
    let mut rule = FilterRule {
        chain: format!("{table} {chain}"),
        hook: hook(chain),
        text: line.chars().take(TEXT_SHOWN).collect(),
        packets,
        ..FilterRule::default()
    };
    let mut negated = false;
    while let Some(word) = words.next() {
        match word {
            "!" => {
                negated = true;
                continue;
            }
            // A module's name says nothing yet; its options do.
            "-m" => drop(words.next()),
            "--comment" => drop(words.next()),
            "-j" | "-g" => {
                rule.verdict = verdict(word, words.next()?)?;
                // The rest are options of the target.
                break;
            }
            "--tcp-flags" => {
                let mut bits = || words.next()?.split(',').map(flag_bit).try_fold(0, |bits, flag| Some(bits | flag?));
                let (mask, exactly) = (bits(), bits());
                rule.tcp_flags = mask.zip(exactly).map(|(mask, exactly)| TcpFlags { mask, exactly: Some(exactly) });
                rule.partial |= negated || rule.tcp_flags.is_none();
            }
            option => {
                let value = words.next_if(|next| !next.starts_with('-') && *next != "!").unwrap_or_default();
                if negated || !demand(option, value, &mut rule) {
                    rule.partial = true;
                }
            }
        }
        negated = false;
    }
    (!rule.verdict.is_empty()).then_some(rule)
}

/// Takes one option into the rule; whether it was understood.
fn demand(option: &str, value: &str, rule: &mut FilterRule) -> bool {
    match option {
        "-d" => {
            rule.destination = value.parse().ok().or_else(|| value.parse::<IpAddr>().map(ipnet::IpNet::from).ok());
            rule.destination.is_some()
        }
        "-s" => {
            let source = value.parse().ok().or_else(|| value.parse::<IpAddr>().map(ipnet::IpNet::from).ok());
            rule.sources = source.into_iter().collect();
            !rule.sources.is_empty()
        }
        "-p" => {
            rule.protocol = Some(if value == "ipv6-icmp" { "icmpv6" } else { value }.to_owned());
            true
        }
        "-o" => {
            rule.interface = Some(value.replace('+', "*"));
            true
        }
        "-i" => {
            rule.input_interface = Some(value.replace('+', "*"));
            true
        }
        "--dport" | "--dports" => {
            let ports: Option<Vec<(u16, u16)>> = value.split(',').map(range).collect();
            rule.ports = ports.unwrap_or_default();
            !rule.ports.is_empty()
        }
        "--sport" | "--sports" => {
            let ports: Option<Vec<(u16, u16)>> = value.split(',').map(range).collect();
            rule.source_ports = ports.unwrap_or_default();
            !rule.source_ports.is_empty()
        }
        "--uid-owner" => {
            rule.uid = value.parse().ok();
            rule.uid.is_some()
        }
        // The module `statistic`.
        "--mode" | "--probability" | "--every" | "--packet" => {
            rule.share = Share::Some;
            true
        }
        // The modules `limit` and `hashlimit`; for whom the latter counts apart changes nothing here.
        _ if matches!(option, "--limit" | "--limit-burst") || option.starts_with("--hashlimit") => {
            rule.share = Share::Rated;
            true
        }
        "--ctstate" | "--state" => {
            rule.states = value.split(',').map(str::to_lowercase).collect();
            true
        }
        _ => false,
    }
}

fn flag_bit(name: &str) -> Option<u8> {
    if name == "NONE" { Some(0) } else { TcpFlags::bit(name) }
}

fn range(text: &str) -> Option<(u16, u16)> {
    match text.split_once(':') {
        Some((from, to)) => Some((from.parse().ok()?, to.parse().ok()?)),
        None => text.parse().ok().map(|port| (port, port)),
    }
}

/// The verdict of a target; none for targets after which the packet goes on to the next rule.
fn verdict(option: &str, target: &str) -> Option<String> {
    match target {
        "ACCEPT" | "DROP" | "REJECT" | "RETURN" | "DNAT" | "SNAT" | "REDIRECT" | "MASQUERADE" | "TPROXY" => {
            Some(target.to_lowercase())
        }
        "NFQUEUE" | "QUEUE" => Some("queue".to_owned()),
        "LOG" | "NFLOG" | "MARK" | "CONNMARK" | "TCPMSS" | "NOTRACK" | "CT" | "CLASSIFY" | "DSCP" | "SET" | "TRACE" => {
            None
        }
        chain if option == "-g" => Some(format!("goto {chain}")),
        chain => Some(format!("jump {chain}")),
    }
}

/// Words, where double quotes hold blanks together.
fn split(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quoted, mut escaped) = (Vec::new(), String::new(), false, false);
    for letter in line.chars() {
        match letter {
            _ if escaped => {
                word.push(letter);
                escaped = false;
            }
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            ' ' if !quoted => words.push(std::mem::take(&mut word)),
            _ => word.push(letter),
        }
    }
    words.push(word);
    words.retain(|word| !word.is_empty());
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAVED: &str = include_str!("../../../tests/fixtures/linux/iptables-save.txt");

    #[test]
    fn a_rule_for_some_of_the_packets_says_so() {
        let text = "*filter\n-A INPUT -p tcp -m statistic --mode random --probability 0.10000000009 -j DROP\nCOMMIT\n";
        let rules = save(text, "ip");
        assert_eq!((rules[0].share, rules[0].partial), (Share::Some, false));
        let text = "*filter\n-A OUTPUT -p tcp --dport 443 -m hashlimit --hashlimit-above 1/min --hashlimit-name x -j DROP\n\
                    -A OUTPUT -p tcp -m limit --limit 5/sec --limit-burst 9 -j ACCEPT\nCOMMIT\n";
        let shares: Vec<_> = save(text, "ip").iter().map(|rule| (rule.share, rule.partial)).collect();
        assert_eq!(shares, [(Share::Rated, false); 2]);
    }

    #[test]
    fn rules_and_policies_are_read() {
        let rules = save(SAVED, "ip");
        let short: Vec<String> = rules
            .iter()
            .map(|rule| format!("{} {} {}", rule.chain, rule.verdict, if rule.partial { "partial" } else { "" }))
            .collect();
        assert_eq!(
            short,
            [
                "ip filter INPUT accept ",
                "ip filter OUTPUT drop ",
                "ip filter OUTPUT reject ",
                "ip filter OUTPUT drop partial",
                "ip filter OUTPUT drop partial",
                "ip filter OUTPUT jump EXTRA ",
                "ip filter EXTRA drop ",
                "ip filter INPUT policy drop ",
            ]
        );
        assert_eq!(rules[0].states, ["related", "established"]);
        assert_eq!(rules[1].destination, "10.99.0.0/24".parse().ok());
        assert_eq!((rules[1].ports.as_slice(), rules[1].packets), (&[(443, 443)][..], Some(12)));
        assert_eq!(rules[2].ports, [(25, 25), (1000, 2000)]);
        assert_eq!(rules[6].uid, Some(1000));
        assert_eq!(rules[7].hook.as_deref(), Some("input"));
    }
}
