//! The hosts file (hosts(5)). Lines that are not entries are left out, as programs do.

use crate::sys::HostsEntry;
use std::net::IpAddr;

/// Reads a hosts file.
pub fn hosts(text: &str) -> Vec<HostsEntry> {
    text.lines()
        .enumerate()
        .filter_map(|(index, line)| {
            let mut words = line.split('#').next()?.split_ascii_whitespace();
            let address: IpAddr = words.next()?.split('%').next()?.parse().ok()?;
            let names: Vec<String> = words.map(str::to_owned).collect();
            (!names.is_empty()).then_some(HostsEntry { address, names, line: index + 1 })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_keep_their_line_numbers() {
        let text = "127.0.0.1 localhost\n\n# 10.0.0.9 old\nnot an entry\n10.0.0.5\tcrm.example crm # pinned\nfe80::1%lo0 lo\n::1\n";
        let entries = hosts(text);
        let short: Vec<_> = entries.iter().map(|entry| (entry.line, entry.names.join(","))).collect();
        assert_eq!(short, [(1, "localhost".into()), (5, "crm.example,crm".into()), (6, "lo".into())]);
    }
}
