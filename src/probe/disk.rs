//! File systems: full, out of inodes, or read-only where they should not be.

use super::argument::optional;
use super::process::program::bytes;
use super::{Burden, Contacts, Cost, Look, Probe, accepts, schema_of};
use crate::layer::Layer;
use crate::observation::Observation;
use crate::problem::Code;
use crate::sys::{Filesystem, Known, Unknown};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The probe.
pub const PROBE: Probe = Probe {
    name: "disk",
    layer: Layer::Host,
    cost: Cost::Local,
    summary: "file systems that are full, out of inodes, or read-only against their settings",
    about: "Reads the list of mounted file systems and the numbers of each (statvfs(3)), at most one second each, so \
that a file server that does not answer is told as `unknown` and holds nothing up. With `path` only the file system \
that holds it is touched. Images (squashfs, ISO 9660) are full by nature and not looked at, and neither are the layers \
of containers.",
    contacts: Contacts::NONE,
    burden: Burden::READS,
    codes: &[Code::HostDiskFull, Code::HostInodesFull, Code::HostReadOnly],
    params: schema_of::<Params>,
    facts: schema_of::<DiskFacts>,
    accepts: accepts::<Params>,
    run: |look| look.with(run),
};

/// From this size on the limits of large file systems hold.
const LARGE_BYTES: u64 = 1 << 30;
/// A large file system is full with less than this share ...
const LARGE_FULL_PERCENT: f64 = 1.0;
/// ... or with less than this amount available: programs write logs and temporary files of that order; judgement.
const LARGE_FULL_BYTES: u64 = 100 << 20;
/// A small one (a boot partition, a tmpfs) is full with less than this share available; judgement.
const SMALL_FULL_PERCENT: f64 = 2.0;
/// Free inodes below this share: the next unpacking or log rotation fails; judgement.
const INODES_FULL_PERCENT: f64 = 1.0;
/// Kinds that are images: always full, always read-only.
const IMAGES: &[&str] = &["squashfs", "iso9660", "udf", "erofs", "cramfs", "romfs"];

/// Parameters of `disk`.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Params {
    /// Only the file system that holds this path.
    #[serde(deserialize_with = "optional")]
    pub path: Option<String>,
    /// Whether the path must be writable, so that a read-only file system is a fault whatever the settings say.
    #[serde(deserialize_with = "optional")]
    pub writable: Option<bool>,
}

/// Facts of `disk`.
#[derive(Debug, Clone, Default, Serialize, JsonSchema)]
pub struct DiskFacts {
    /// Where it is mounted.
    pub mount: String,
    /// What is mounted.
    pub device: String,
    /// Kind of file system, such as `ext4`.
    pub kind: String,
    /// Its size.
    pub total_bytes: u64,
    /// What ordinary users can still write.
    pub available_bytes: u64,
    /// Percent in use, as `df` counts it.
    pub used_percent: f64,
    /// Percent of inodes in use; absent where it has no fixed number of them.
    pub inodes_used_percent: Option<f64>,
    /// Whether it is mounted read-only.
    pub read_only: bool,
    /// Whether the settings want it writable, where they say.
    pub wanted_writable: Option<bool>,
}

async fn run(look: &Look<'_>, params: Params) -> Vec<Observation> {
    let must_write = params.writable == Some(true);
    let filesystems = match &params.path {
        Some(path) => holding(look, path).await.map(|one| vec![one]),
        None => look.world.machine.filesystems().await,
    };
    match filesystems {
        Ok(filesystems) if filesystems.is_empty() => vec![look.unknown(None, "no data file system is mounted")],
        Ok(filesystems) => filesystems.iter().map(|one| judge(look, one, must_write)).collect(),
        Err(why) => vec![look.unknown(None, &why.to_string())],
    }
}

async fn holding(look: &Look<'_>, path: &str) -> Known<Filesystem> {
    let machine = &look.world.machine;
    match machine.filesystem_of(path).await {
        Err(Unknown::Unsupported(_)) => {
            let all = machine.filesystems().await?;
            let places: Vec<(String, Filesystem)> = all.into_iter().map(|one| (one.mount.clone(), one)).collect();
            crate::sys::parse::mount::holder(path, places.iter().map(|(mount, one)| (mount.as_str(), one)))
                .cloned()
                .ok_or_else(|| Unknown::Failed(format!("no mounted file system holds `{path}`")))
        }
        known => known,
    }
}

fn judge(look: &Look<'_>, filesystem: &Filesystem, must_write: bool) -> Observation {
    let mount = Some(filesystem.mount.as_str());
    if let Some(why) = &filesystem.unread {
        return look.unknown(mount, &format!("{} ({}): {why}", filesystem.mount, filesystem.device));
    }
    let facts = facts(filesystem);
    let name = format!("{} ({})", filesystem.mount, filesystem.kind);
    let mut problems: Vec<(Code, String)> = Vec::new();
    if filesystem.read_only && (must_write || filesystem.wanted_writable == Some(true)) {
        let why = if must_write { "must be writable" } else { "should be writable by its settings" };
        problems.push((Code::HostReadOnly, format!("{name} is mounted read-only but {why}")));
    }
    if is_full(filesystem) {
        let summary = format!(
            "{name} has {} of {} left ({:.0} % used)",
            bytes(filesystem.available_bytes),
            bytes(filesystem.total_bytes),
            facts.used_percent
        );
        problems.push((Code::HostDiskFull, summary));
    }
    if facts.inodes_used_percent.is_some_and(|used| used > 100.0 - INODES_FULL_PERCENT) && can_fill(filesystem) {
        let summary = format!("{name} has {} of {} inodes left", filesystem.inodes_free, filesystem.inodes_total);
        problems.push((Code::HostInodesFull, summary));
    }
    let mut problems = problems.into_iter();
    match problems.next() {
        Some((code, summary)) => look.problem(mount, code, summary).also(problems.map(|(code, _)| code)).facts(&facts),
        None => {
            let summary = format!(
                "{name} has {} of {} available",
                bytes(filesystem.available_bytes),
                bytes(filesystem.total_bytes)
            );
            look.ok(mount, summary).facts(&facts)
        }
    }
}

/// Whether being full can be a fault: nobody writes to an image or to what is read-only by intent.
fn can_fill(filesystem: &Filesystem) -> bool {
    let read_only_by_intent = filesystem.read_only && filesystem.wanted_writable != Some(true);
    filesystem.total_bytes > 0 && !read_only_by_intent && !IMAGES.contains(&filesystem.kind.as_str())
}

fn is_full(filesystem: &Filesystem) -> bool {
    if !can_fill(filesystem) {
        return false;
    }
    let available_percent = 100.0 * filesystem.available_bytes as f64 / filesystem.total_bytes as f64;
    if filesystem.total_bytes > LARGE_BYTES {
        available_percent < LARGE_FULL_PERCENT || filesystem.available_bytes < LARGE_FULL_BYTES
    } else {
        available_percent < SMALL_FULL_PERCENT
    }
}

fn facts(filesystem: &Filesystem) -> DiskFacts {
    let percent = |left: u64, of: u64| (1000.0 * (1.0 - left as f64 / of as f64)).round() / 10.0;
    DiskFacts {
        mount: filesystem.mount.clone(),
        device: filesystem.device.clone(),
        kind: filesystem.kind.clone(),
        total_bytes: filesystem.total_bytes,
        available_bytes: filesystem.available_bytes,
        used_percent: if filesystem.total_bytes == 0 {
            0.0
        } else {
            percent(filesystem.available_bytes, filesystem.total_bytes)
        },
        // btrfs and others have no fixed number and say zero.
        inodes_used_percent: (filesystem.inodes_total > 0)
            .then(|| percent(filesystem.inodes_free, filesystem.inodes_total)),
        read_only: filesystem.read_only,
        wanted_writable: filesystem.wanted_writable,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observation::Outcome;
    use crate::probe::testing::look_at;
    use crate::sys::Machine;
    use async_trait::async_trait;
    use serde_json::json;

    const GIB: u64 = 1 << 30;

    struct Mounted(Vec<Filesystem>);

    #[async_trait(?Send)]
    impl Machine for Mounted {
        async fn filesystems(&self) -> Known<Vec<Filesystem>> {
            Ok(self.0.clone())
        }
    }

    fn filesystem(mount: &str, total_bytes: u64, available_bytes: u64) -> Filesystem {
        Filesystem {
            mount: mount.into(),
            kind: "ext4".into(),
            total_bytes,
            available_bytes,
            inodes_total: 1000,
            inodes_free: 500,
            ..Filesystem::default()
        }
    }

    #[tokio::test]
    async fn what_is_full_depends_on_the_size_and_on_who_writes() {
        let image = Filesystem { kind: "squashfs".into(), ..filesystem("/", GIB, 0) };
        let by_intent = Filesystem { read_only: true, ..filesystem("/", GIB, 0) };
        let by_error = Filesystem { read_only: true, wanted_writable: Some(true), ..filesystem("/", 9 * GIB, GIB) };
        let no_inodes = Filesystem { inodes_free: 0, ..filesystem("/", 9 * GIB, GIB) };
        let btrfs = Filesystem { inodes_total: 0, inodes_free: 0, ..filesystem("/", 9 * GIB, GIB) };
        for (filesystem, codes) in [
            (filesystem("/", 100 * GIB, 2 * GIB), vec![]),
            (filesystem("/", 100 * GIB, GIB - 1), vec![Code::HostDiskFull]),
            (filesystem("/", 5 * GIB, 99 << 20), vec![Code::HostDiskFull]),
            (filesystem("/", 5 * GIB, 101 << 20), vec![]),
            (filesystem("/tmp", 64 << 20, 1 << 20), vec![Code::HostDiskFull]),
            (filesystem("/tmp", 64 << 20, 2 << 20), vec![]),
            (image, vec![]),
            (by_intent, vec![]),
            (by_error, vec![Code::HostReadOnly]),
            (no_inodes, vec![Code::HostInodesFull]),
            (btrfs, vec![]),
        ] {
            let what = format!("{filesystem:?}");
            let seen = look_at(&PROBE, Mounted(vec![filesystem]), json!({})).await.remove(0);
            assert_eq!(seen.codes().collect::<Vec<_>>(), codes, "{what}");
        }
    }

    #[tokio::test]
    async fn a_dead_file_server_is_unknown_and_the_others_are_seen() {
        let dead = Filesystem { unread: Some("gave no answer in 1 s".into()), ..filesystem("/home", 0, 0) };
        let seen = look_at(&PROBE, Mounted(vec![dead, filesystem("/", GIB, GIB)]), json!({})).await;
        let outcomes: Vec<_> = seen.iter().map(|one| (one.subject.as_deref(), one.outcome)).collect();
        assert_eq!(outcomes, [(Some("/home"), Outcome::Unknown), (Some("/"), Outcome::Ok)]);
    }

    #[tokio::test]
    async fn a_path_chooses_its_file_system_and_may_have_to_be_writable() {
        let read_only = Filesystem { read_only: true, ..filesystem("/srv", GIB, GIB) };
        let mounted = || Mounted(vec![filesystem("/", GIB, GIB), read_only.clone()]);
        let seen = look_at(&PROBE, mounted(), json!({ "path": "/srv/data" })).await;
        assert_eq!((seen.len(), seen[0].subject.as_deref(), seen[0].outcome), (1, Some("/srv"), Outcome::Ok));
        let seen = look_at(&PROBE, mounted(), json!({ "path": "/srv/data", "writable": "true" })).await;
        assert_eq!(seen[0].code, Some(Code::HostReadOnly));
    }

    #[tokio::test]
    async fn this_machine_is_read() {
        let seen = look_at(&PROBE, crate::sys::LocalMachine::default(), json!({ "path": "/" })).await;
        assert_eq!(seen[0].subject.as_deref(), Some("/"));
        assert!(seen[0].facts["total_bytes"].as_u64() > Some(0));
    }
}
