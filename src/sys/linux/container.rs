//! Whether this program runs in a container: then its addresses, routes and names are the container's, and those of
//! the machine around it may be quite different ones.

use std::fs;
use std::path::Path;

/// Traces that container programs leave in the control groups of the first process, and whose they are.
const GROUPS: [(&str, &str); 6] = [
    ("kubepods", "kubernetes"),
    ("docker", "docker"),
    ("libpod", "podman"),
    ("lxc", "lxc"),
    ("containerd", "containerd"),
    ("machine.slice", "systemd-nspawn"),
];

/// What made the container, as far as the files beneath `root` say. systemd's Container Interface names
/// `/run/host/container-manager` and `/run/systemd/container`; Docker and Podman leave files of their own.
pub(super) fn container(root: &Path) -> Option<String> {
    let word = |path: &str| {
        let text = fs::read_to_string(root.join(path)).ok()?;
        let word: String = text.trim().chars().filter(|letter| letter.is_ascii_graphic()).take(40).collect();
        (!word.is_empty()).then_some(word)
    };
    if root.join("run/secrets/kubernetes.io").exists() || root.join("var/run/secrets/kubernetes.io").exists() {
        return Some("kubernetes".to_owned());
    }
    if root.join(".dockerenv").exists() {
        return Some("docker".to_owned());
    }
    if root.join("run/.containerenv").exists() {
        return Some("podman".to_owned());
    }
    word("run/host/container-manager").or_else(|| word("run/systemd/container")).or_else(|| {
        let groups = fs::read_to_string(root.join("proc/1/cgroup")).ok()?;
        GROUPS.iter().find(|(trace, _)| groups.contains(trace)).map(|(_, name)| (*name).to_owned())
    })
}

/// Whether this program is in another network namespace than the first process; none where that may not be seen.
pub(super) fn own_network() -> Option<bool> {
    let first = fs::read_link("/proc/1/ns/net").ok()?;
    let own = fs::read_link("/proc/self/ns/net").ok()?;
    Some(first != own)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_container_is_known_by_its_traces() {
        let cases = [
            ("empty", "", None),
            (".dockerenv", "", Some("docker")),
            ("run/.containerenv", "engine=\"podman\"", Some("podman")),
            ("run/systemd/container", "systemd-nspawn\n", Some("systemd-nspawn")),
            ("run/host/container-manager", "lxc", Some("lxc")),
            ("proc/1/cgroup", "0::/system.slice/docker-0a1b.scope\n", Some("docker")),
            ("proc/1/cgroup", "0::/kubepods.slice/pod7/docker-1\n", Some("kubernetes")),
            ("proc/1/cgroup", "0::/init.scope\n", None),
            ("run/systemd/container", " \n", None),
            ("run/secrets/kubernetes.io/serviceaccount/token", "", Some("kubernetes")),
        ];
        for (path, text, expected) in cases {
            let root = tempfile::tempdir().unwrap();
            let file = root.path().join(path);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(&file, text).unwrap();
            assert_eq!(container(root.path()).as_deref(), expected, "{path}");
        }
    }
}
