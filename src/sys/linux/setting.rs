//! Kernel settings, from `/proc/sys`.

use crate::sys::*;
use std::io::ErrorKind;
use std::path::PathBuf;

pub(super) async fn kernel_setting(name: &str) -> Known<String> {
    let path = path_of(name).ok_or_else(|| Unknown::Failed(format!("`{name}` is not the name of a kernel setting")))?;
    std::fs::read_to_string(&path).map(|text| text.trim().to_owned()).map_err(|error| match error.kind() {
        ErrorKind::PermissionDenied => Unknown::NeedsRight { what: name.to_owned(), right: "root".to_owned() },
        _ => Unknown::Failed(format!("{name}: {error}")),
    })
}

pub(super) async fn kernel_counter(name: &str) -> Known<u64> {
    let unknown = || Unknown::Failed(format!("the kernel does not count `{name}`"));
    let (table, counter) = name.split_once('.').ok_or_else(unknown)?;
    ["/proc/self/net/netstat", "/proc/self/net/snmp"]
        .iter()
        .filter_map(|path| std::fs::read_to_string(path).ok())
        .find_map(|text| counter_in(&text, table, counter))
        .ok_or_else(unknown)
}

/// Both files hold pairs of lines: `TcpExt: NAME NAME ...` and `TcpExt: NUMBER NUMBER ...`.
fn counter_in(text: &str, table: &str, counter: &str) -> Option<u64> {
    let mut lines = text.lines().filter_map(|line| line.strip_prefix(table)?.strip_prefix(':'));
    let (names, values) = (lines.next()?, lines.next()?);
    let position = names.split_ascii_whitespace().position(|name| name == counter)?;
    values.split_ascii_whitespace().nth(position)?.parse().ok()
}

/// `net.ipv4.conf.eth0.rp_filter` as a path. As sysctl(8) has it, a `/` stands for a dot within a name
/// (`net.ipv4.conf.eth0/100.rp_filter` is the interface `eth0.100`).
fn path_of(name: &str) -> Option<PathBuf> {
    let mut path = PathBuf::from("/proc/sys");
    for part in name.split('.') {
        let part = part.replace('/', ".");
        if part.is_empty() || part == "." || part == ".." {
            return None;
        }
        path.push(part);
    }
    Some(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_paths() {
        assert_eq!(path_of("net.ipv4.ip_forward"), Some(PathBuf::from("/proc/sys/net/ipv4/ip_forward")));
        assert_eq!(
            path_of("net.ipv4.conf.eth0/100.rp_filter"),
            Some(PathBuf::from("/proc/sys/net/ipv4/conf/eth0.100/rp_filter"))
        );
        assert_eq!(path_of("net..x"), None);
        assert_eq!(path_of("net.//.x"), None, "no way up");
    }

    #[test]
    fn counters_are_found_by_name() {
        let text = "TcpExt: SyncookiesSent IPReversePathFilter\nTcpExt: 0 7\nIpExt: InNoRoutes\nIpExt: 3\n";
        assert_eq!(counter_in(text, "TcpExt", "IPReversePathFilter"), Some(7));
        assert_eq!(counter_in(text, "IpExt", "InNoRoutes"), Some(3));
        assert_eq!(counter_in(text, "Ip", "InNoRoutes"), None, "`Ip` is not `IpExt`");
    }
}
