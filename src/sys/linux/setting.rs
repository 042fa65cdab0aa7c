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
}
