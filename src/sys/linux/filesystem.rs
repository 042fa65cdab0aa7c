//! Mounted file systems: the list from `mountinfo`, the numbers from `statvfs`, each in a thread of its own with a
//! bound, because a dead file server never answers.
//!
//! Not `sysinfo::Disks`: it leaves out tmpfs and network file systems, knows neither inodes nor mount options, and calls
//! `statvfs` on everything in one go.

use super::bounded::off_thread;
use crate::sys::parse::mount::{holder, holds_data, wanted_writable};
use crate::sys::*;
use futures_util::future::join_all;
use procfs::prelude::*;
use procfs::process::{MountInfo, MountInfos};
use std::collections::HashSet;
use std::fs::{self, File};
use std::io::BufReader;
use std::time::Duration;

/// A local disk answers in microseconds and a file server in one round trip; one second is slow for either
/// (limits.md section 6, rule 1).
const STATVFS_WAIT: Duration = Duration::from_secs(1);

/// Threads for so many mounts at once; a machine with hundreds of them is read in several rounds.
const MOST_AT_ONCE: usize = 16;

/// File systems that another machine serves.
const REMOTE_KINDS: &[&str] = &["9p", "ceph", "cifs", "lustre", "nfs", "nfs4", "smb3", "gfs2", "ocfs2"];

pub(super) async fn filesystems() -> Known<Vec<Filesystem>> {
    let mounts = mounts()?;
    let fstab = fs::read_to_string("/etc/fstab").unwrap_or_default();
    let mut seen = HashSet::new();
    let mut wanted: Vec<Filesystem> = on_top(&mounts)
        .into_iter()
        .filter(|mount| holds_data(&mount.fs_type, &mount.mount_point.to_string_lossy()))
        // A bind mount shows the same file system again; the first place is its own.
        .filter(|mount| seen.insert(mount.majmin.clone()))
        .map(|mount| describe(mount, &fstab))
        .collect();
    let mut read = Vec::with_capacity(wanted.len());
    while !wanted.is_empty() {
        let round = wanted.split_off(wanted.len().saturating_sub(MOST_AT_ONCE));
        read.splice(0..0, measure_all(round).await);
    }
    Ok(read)
}

/// Of several mounts at one place only the last can be reached; the others lie beneath it.
fn on_top(mounts: &[MountInfo]) -> Vec<&MountInfo> {
    let mut places = HashSet::new();
    let mut reachable: Vec<&MountInfo> =
        mounts.iter().rev().filter(|mount| places.insert(mount.mount_point.as_path())).collect();
    reachable.reverse();
    reachable
}

pub(super) async fn filesystem_of(path: &str) -> Known<Filesystem> {
    let asked = path.to_owned();
    // Resolving links touches the file systems on the way, one of which may be the dead one.
    let real = off_thread("the path", STATVFS_WAIT, move || Ok(resolved(&asked))).await?;
    let mounts = mounts()?;
    let places: Vec<String> = mounts.iter().map(|mount| mount.mount_point.to_string_lossy().into_owned()).collect();
    let mount = holder(&real, places.iter().map(String::as_str).zip(&mounts))
        .ok_or_else(|| Unknown::Failed(format!("no mounted file system holds `{real}`")))?;
    let described = describe(mount, &fs::read_to_string("/etc/fstab").unwrap_or_default());
    Ok(measure(described).await)
}

/// The path without links; where its end does not exist yet, the nearest folder above it that does.
fn resolved(path: &str) -> String {
    std::path::Path::new(path)
        .ancestors()
        .find_map(|part| fs::canonicalize(part).ok())
        .map_or_else(|| path.to_owned(), |path| path.to_string_lossy().into_owned())
}

fn mounts() -> Known<Vec<MountInfo>> {
    let file = File::open("/proc/self/mountinfo")
        .map_err(|error| Unknown::Failed(format!("/proc/self/mountinfo: {error}")))?;
    MountInfos::from_buf_read(BufReader::new(file))
        .map(|mounts| mounts.0)
        .map_err(|error| Unknown::Failed(format!("/proc/self/mountinfo: {error}")))
}

/// What the kernel's list says, without touching the file system.
fn describe(mount: &MountInfo, fstab: &str) -> Filesystem {
    let place = mount.mount_point.to_string_lossy().into_owned();
    let super_read_only = mount.super_options.contains_key("ro") || mount.super_options.contains_key("emergency_ro");
    let mount_read_only = mount.mount_options.contains_key("ro");
    // Somebody who mounts read-only sets both; when an error makes the kernel do it, the mount itself still says `rw`.
    let by_error = super_read_only && !mount_read_only;
    let remounts = mount.super_options.get("errors").is_some_and(|value| value.as_deref() == Some("remount-ro"));
    let in_table = wanted_writable(fstab, &place);
    Filesystem {
        wanted_writable: match in_table {
            Some(wanted) => Some(wanted),
            None if by_error || (super_read_only && remounts) => Some(true),
            None => None,
        },
        mount: place,
        device: mount.mount_source.clone().unwrap_or_default(),
        kind: mount.fs_type.clone(),
        read_only: super_read_only || mount_read_only,
        ..Filesystem::default()
    }
}

async fn measure_all(round: Vec<Filesystem>) -> Vec<Filesystem> {
    // Local file systems answer at once, so that one thread serves them all; if one of them hangs after all (a broken
    // disk), each is asked again on its own.
    let (remote, local): (Vec<_>, Vec<_>) = round.into_iter().partition(|one| is_remote(&one.kind));
    let asked = local.clone();
    let together = off_thread("local file systems", STATVFS_WAIT, move || {
        Ok(asked.into_iter().filter(|one| !is_file(&one.mount)).map(fill).collect::<Vec<_>>())
    });
    let apart = join_all(remote.into_iter().map(measure));
    let (together, apart) = tokio::join!(together, apart);
    let local = match together {
        Ok(read) => read,
        Err(_) => join_all(local.into_iter().map(measure)).await,
    };
    local.into_iter().chain(apart).filter(|one| one.total_bytes > 0 || one.unread.is_some()).collect()
}

/// Containers have single files mounted into them (`/etc/hosts`), which are no file systems of their own.
fn is_file(mount: &str) -> bool {
    fs::metadata(mount).is_ok_and(|place| place.is_file())
}

fn is_remote(kind: &str) -> bool {
    REMOTE_KINDS.contains(&kind) || kind.starts_with("fuse.")
}

async fn measure(filesystem: Filesystem) -> Filesystem {
    let asked = filesystem.clone();
    match off_thread(&filesystem.mount, STATVFS_WAIT, move || Ok(fill(asked))).await {
        Ok(filled) => filled,
        Err(why) => Filesystem { unread: Some(why.to_string()), ..filesystem },
    }
}

fn fill(mut filesystem: Filesystem) -> Filesystem {
    match nix::sys::statvfs::statvfs(filesystem.mount.as_str()) {
        Ok(numbers) => {
            let block = numbers.fragment_size();
            filesystem.total_bytes = numbers.blocks() * block;
            filesystem.available_bytes = numbers.blocks_available() * block;
            filesystem.inodes_total = numbers.files();
            filesystem.inodes_free = numbers.files_available();
            filesystem.read_only |= numbers.flags().contains(nix::sys::statvfs::FsFlags::ST_RDONLY);
        }
        Err(error) => filesystem.unread = Some(error.desc().to_owned()),
    }
    filesystem
}

#[cfg(test)]
mod tests {
    use super::*;

    fn described(line: &str, fstab: &str) -> Filesystem {
        describe(&MountInfo::from_line(line).expect("a line of mountinfo"), fstab)
    }

    #[test]
    fn a_remount_by_error_is_told_from_one_by_hand() {
        let by_error = "27 1 254:0 / /data rw,relatime - ext4 /dev/vdb ro,errors=continue";
        let by_hand = "27 1 254:0 / /data ro,relatime - ext4 /dev/vdb ro";
        let emergency = "27 1 254:0 / /data rw,relatime - ext4 /dev/vdb rw,emergency_ro";
        let healthy = "27 1 254:0 / /data rw,relatime - ext4 /dev/vdb rw,errors=remount-ro";
        for (line, fstab, read_only, wanted) in [
            (by_error, "", true, Some(true)),
            (emergency, "", true, Some(true)),
            (by_hand, "", true, None),
            (by_hand, "/dev/vdb /data ext4 ro 0 0", true, Some(false)),
            (by_hand, "/dev/vdb /data ext4 defaults 0 0", true, Some(true)),
            (healthy, "", false, None),
        ] {
            let seen = described(line, fstab);
            assert_eq!((seen.read_only, seen.wanted_writable), (read_only, wanted), "{line} with `{fstab}`");
        }
    }

    #[tokio::test]
    async fn this_machine_has_a_root_and_every_path_a_holder() {
        let all = filesystems().await.expect("mounts");
        assert!(all.iter().all(|one| one.unread.is_some() || one.total_bytes >= one.available_bytes));
        let holder = filesystem_of("/no/such/folder").await.expect("a mount");
        assert_eq!((holder.mount.as_str(), holder.total_bytes > 0), ("/", true));
    }
}
