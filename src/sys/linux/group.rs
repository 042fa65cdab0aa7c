//! What the control group of a program may use, and what the kernel did when it wanted more. Both versions of control
//! groups are read; the second one has all in one tree, the first one a tree for each kind.

use crate::sys::*;
use std::fs;
use std::path::{Path, PathBuf};

/// The first version writes a number near the largest one where there is no limit.
const NO_LIMIT: u64 = 1 << 60;

/// The names of a version's files.
struct Names {
    memory_limit: &'static str,
    memory_used: &'static str,
    memory_events: &'static str,
}

const FIRST: Names = Names {
    memory_limit: "memory.limit_in_bytes",
    memory_used: "memory.usage_in_bytes",
    memory_events: "memory.oom_control",
};
const SECOND: Names =
    Names { memory_limit: "memory.max", memory_used: "memory.current", memory_events: "memory.events" };

pub(super) async fn group_limits(pid: Option<u32>) -> Known<GroupLimits> {
    let program = pid.map_or("self".to_owned(), |pid| pid.to_string());
    limits(Path::new("/"), &program)
}

fn limits(root: &Path, program: &str) -> Known<GroupLimits> {
    let path = root.join("proc").join(program).join("cgroup");
    let text = fs::read_to_string(path).map_err(|error| Unknown::Failed(format!("its control groups: {error}")))?;
    let mut limits = GroupLimits::default();
    for line in text.lines() {
        let mut parts = line.splitn(3, ':').skip(1);
        let (Some(kinds), Some(group)) = (parts.next(), parts.next()) else { continue };
        let has = |kind: &str| kinds.is_empty() || kinds.split(',').any(|other| other == kind);
        let (tree, names) = match kinds {
            "" => (root.join("sys/fs/cgroup"), SECOND),
            kinds => (root.join("sys/fs/cgroup").join(kinds), FIRST),
        };
        for folder in upwards(&tree, group) {
            if has("memory") && limits.memory_limit_bytes.is_none() {
                memory(&folder, &names, &mut limits);
            }
            if has("pids") && limits.processes_limit.is_none() {
                processes(&folder, &mut limits);
            }
        }
        if limits.name.is_empty() && (has("memory") || has("pids")) {
            limits.name = group.chars().take(200).collect();
        }
    }
    Ok(limits)
}

/// The group's folder and those above it: the nearest limit is the one that is met first in most cases.
fn upwards(tree: &Path, group: &str) -> Vec<PathBuf> {
    let group = Path::new(group.trim_start_matches('/'));
    let inside = !group.components().any(|part| !matches!(part, std::path::Component::Normal(_)));
    if inside { group.ancestors().map(|group| tree.join(group)).collect() } else { vec![tree.to_owned()] }
}

fn memory(folder: &Path, names: &Names, limits: &mut GroupLimits) {
    let Some(limit) = number(&folder.join(names.memory_limit)).filter(|limit| *limit < NO_LIMIT) else { return };
    limits.memory_limit_bytes = Some(limit);
    limits.memory_used_bytes = number(&folder.join(names.memory_used));
    limits.memory_kills = event(&folder.join(names.memory_events), "oom_kill");
}

fn processes(folder: &Path, limits: &mut GroupLimits) {
    let Some(limit) = number(&folder.join("pids.max")) else { return };
    limits.processes_limit = Some(limit);
    limits.processes = number(&folder.join("pids.current"));
    limits.processes_refused = event(&folder.join("pids.events"), "max");
}

/// A file of one number; `max` is none.
fn number(path: &Path) -> Option<u64> {
    fs::read_to_string(path).ok()?.trim().parse().ok()
}

/// The number of a line `name number`.
fn event(path: &Path, name: &str) -> Option<u64> {
    let text = fs::read_to_string(path).ok()?;
    text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(root: &Path, path: &str, text: &str) {
        let path = root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    #[test]
    fn the_nearest_limit_above_a_program_counts() {
        let root = tempfile::tempdir().unwrap();
        let group = "sys/fs/cgroup/system.slice/crm.service";
        place(root.path(), "proc/7/cgroup", "0::/system.slice/crm.service\n");
        place(root.path(), &format!("{group}/memory.max"), "max\n");
        place(root.path(), "sys/fs/cgroup/system.slice/memory.max", "1000\n");
        place(root.path(), "sys/fs/cgroup/system.slice/memory.current", "990\n");
        place(root.path(), "sys/fs/cgroup/system.slice/memory.events", "max 12\noom 2\noom_kill 2\n");
        place(root.path(), &format!("{group}/pids.max"), "8\n");
        place(root.path(), &format!("{group}/pids.current"), "8\n");
        place(root.path(), &format!("{group}/pids.events"), "max 5\n");
        let seen = limits(root.path(), "7").unwrap();
        assert_eq!(
            (seen.memory_limit_bytes, seen.memory_used_bytes, seen.memory_kills),
            (Some(1000), Some(990), Some(2))
        );
        assert_eq!((seen.processes_limit, seen.processes, seen.processes_refused), (Some(8), Some(8), Some(5)));
        assert_eq!(seen.name, "/system.slice/crm.service");
        assert!(limits(root.path(), "8").is_err());
    }

    #[test]
    fn the_first_version_has_a_tree_for_each_kind() {
        let root = tempfile::tempdir().unwrap();
        place(root.path(), "proc/7/cgroup", "9:name=systemd:/\n4:memory:/a/../..\n8:pids:/b\n0::/\n");
        place(root.path(), "sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
        place(root.path(), "sys/fs/cgroup/pids/b/pids.max", "100\n");
        let seen = limits(root.path(), "7").unwrap();
        assert_eq!((seen.memory_limit_bytes, seen.processes_limit), (None, Some(100)));
    }
}
