//! `/etc/fstab` and which mounts hold data.

/// Kinds of file systems that hold data or that programs write to. A list of what is wanted, because every kernel brings
/// new pseudo file systems.
const DATA_KINDS: &[&str] = &[
    "9p",
    "bcachefs",
    "bfs",
    "btrfs",
    "ceph",
    "cifs",
    "exfat",
    "ext2",
    "ext3",
    "ext4",
    "f2fs",
    "fuseblk",
    "gfs2",
    "hfsplus",
    "jffs2",
    "jfs",
    "lustre",
    "msdos",
    "nfs",
    "nfs4",
    "nilfs2",
    "ntfs",
    "ntfs3",
    "ocfs2",
    "overlay",
    "reiserfs",
    "smb3",
    "tmpfs",
    "ubifs",
    "ufs",
    "vfat",
    "virtiofs",
    "vboxsf",
    "xfs",
    "zfs",
    // Network and union file systems in user space; gvfs, portal and the like are left out, because they belong to
    // one desktop session and refuse others.
    "fuse.ceph",
    "fuse.glusterfs",
    "fuse.mergerfs",
    "fuse.ntfs-3g",
    "fuse.rclone",
    "fuse.s3fs",
    "fuse.sshfs",
    "fuse.vmhgfs-fuse",
];

/// Whether a mount of this kind at this place belongs into the list of data file systems. The layers of containers
/// (`overlay` anywhere but at the root) show the numbers of the file system beneath them, which is listed itself.
pub fn holds_data(kind: &str, mount: &str) -> bool {
    let beneath =
        |folder: &str| mount == folder || mount.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'));
    let system = beneath("/proc") || beneath("/sys") || (beneath("/dev") && mount != "/dev/shm");
    let private = beneath("/run/credentials") || (kind == "overlay" && mount != "/");
    DATA_KINDS.contains(&kind) && !system && !private
}

/// Whether the table of file systems wants this mount writable; none where it does not name it.
pub fn wanted_writable(fstab: &str, mount: &str) -> Option<bool> {
    fstab.lines().find_map(|line| {
        let mut fields = line.split_whitespace();
        let device = fields.next()?;
        if device.starts_with('#') || unescape(fields.next()?) != mount {
            return None;
        }
        let options = fields.nth(1).unwrap_or("defaults");
        Some(!options.split(',').any(|option| option == "ro"))
    })
}

/// Octal escapes of blanks and backslashes (fstab(5)).
fn unescape(field: &str) -> String {
    field.replace("\\040", " ").replace("\\011", "\t").replace("\\134", "\\")
}

/// The mount that holds `path`: the longest one that is the path or a folder above it; of several at the same place
/// the last, which lies on top.
pub fn holder<'a, T>(path: &str, mounts: impl IntoIterator<Item = (&'a str, T)>) -> Option<T> {
    let within = |mount: &str| {
        let mount = mount.trim_end_matches('/');
        path.strip_prefix(mount).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    mounts.into_iter().filter(|(mount, _)| within(mount)).max_by_key(|(mount, _)| mount.len()).map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_file_systems_says_what_is_wanted() {
        let fstab = include_str!("../../../tests/fixtures/linux/fstab.txt");
        for (mount, wanted) in [
            ("/", Some(true)),
            ("/boot", Some(true)),
            ("/mnt/iso", Some(false)),
            ("/srv/my data", Some(true)),
            ("/home", None),
            ("/old", None),
        ] {
            assert_eq!(wanted_writable(fstab, mount), wanted, "{mount}");
        }
        assert_eq!(wanted_writable("", "/"), None);
    }

    #[test]
    fn images_and_container_layers_are_no_data() {
        for (kind, mount, holds) in [
            ("ext4", "/", true),
            ("overlay", "/", true),
            ("overlay", "/var/lib/docker/overlay2/x/merged", false),
            ("squashfs", "/snap/core/1", false),
            ("iso9660", "/media/cd", false),
            ("tmpfs", "/dev/shm", true),
            ("tmpfs", "/sys/fs/cgroup", false),
            ("tmpfs", "/devices", true),
            ("proc", "/proc", false),
            ("fuse.portal", "/run/user/1000/doc", false),
            ("nfs4", "/home", true),
        ] {
            assert_eq!(holds_data(kind, mount), holds, "{kind} {mount}");
        }
    }

    #[test]
    fn the_longest_mount_holds_the_path() {
        let mounts = [("/", 1), ("/var", 2), ("/var/lib", 3), ("/variable", 4), ("/var/lib", 5)];
        for (path, held) in [("/var/lib/x", 5), ("/var/log", 2), ("/etc", 1), ("/", 1), ("/variable", 4), ("/var", 2)] {
            assert_eq!(holder(path, mounts), Some(held), "{path}");
        }
        assert_eq!(holder("relative", mounts), None);
    }
}
