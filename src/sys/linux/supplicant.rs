//! What wpa_supplicant says of an interface, over its control socket: one datagram there, one back. Only the question
//! for the state is ever sent.

use crate::sys::parse::supplicant::status;
use crate::sys::*;
use std::io::ErrorKind;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::path::{Path, PathBuf};

/// A local answer takes under a millisecond; a program that is stuck must not hold the run.
const ANSWER_WAIT: Duration = Duration::from_millis(500);
/// Where it listens, by interface: `ctrl_interface` of Debian's, Fedora's and others' packages.
const FOLDERS: [&str; 2] = ["/run/wpa_supplicant", "/var/run/wpa_supplicant"];
/// Answers are at most this long (`CTRL_IFACE_MAX_LEN`).
const LARGEST: usize = 8192;

pub(super) async fn sign_on(interface: &str) -> Known<Option<SignOn>> {
    let refused = || Unknown::NeedsRight {
        what: format!("how far wpa_supplicant got on {interface}"),
        right: "root (or the group of its control socket)".to_owned(),
    };
    let path = match socket_in(&FOLDERS.map(Path::new), interface) {
        Ok(Some(path)) => path,
        Ok(None) => return Ok(None),
        Err(_) => return Err(refused()),
    };
    let failed = |error: std::io::Error| match error.kind() {
        ErrorKind::PermissionDenied => refused(),
        // A socket that a program left behind when it was killed.
        ErrorKind::ConnectionRefused => Unknown::Failed(format!("no wpa_supplicant answers for {interface}")),
        _ => Unknown::Failed(format!("wpa_supplicant on {interface}: {error}")),
    };
    let name = format!("firstline-{}-{:x}", std::process::id(), rand::random::<u32>());
    // A name in the abstract space leaves no file behind, whatever ends this program.
    let own = SocketAddr::from_abstract_name(name.as_bytes()).map_err(failed)?;
    let socket = UnixDatagram::bind_addr(&own).map_err(failed)?;
    socket.set_nonblocking(true).map_err(failed)?;
    let socket = tokio::net::UnixDatagram::from_std(socket).map_err(failed)?;
    socket.connect(&path).map_err(failed)?;
    let ask = async {
        socket.send(b"STATUS").await?;
        let mut answer = vec![0; LARGEST];
        let length = socket.recv(&mut answer).await?;
        answer.truncate(length);
        Ok(answer)
    };
    match tokio::time::timeout(ANSWER_WAIT, ask).await {
        Ok(answer) => Ok(status(&String::from_utf8_lossy(&answer.map_err(failed)?))),
        Err(_) => Err(Unknown::Failed(format!("wpa_supplicant does not answer for {interface}"))),
    }
}

/// The interface's socket; none where there is none, and an error where a folder may not be looked into (wpa_supplicant
/// makes it for root and one group).
fn socket_in(folders: &[&Path], interface: &str) -> std::io::Result<Option<PathBuf>> {
    for path in folders.iter().map(|folder| folder.join(interface)) {
        match path.symlink_metadata() {
            Ok(_) => return Ok(Some(path)),
            Err(error) if error.kind() == ErrorKind::PermissionDenied => return Err(error),
            Err(_) => {}
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_folder_that_may_not_be_read_is_no_missing_supplicant() {
        let folder = tempfile::tempdir().expect("a folder");
        let missing = folder.path().join("missing");
        let find = |interface| socket_in(&[&missing, folder.path()], interface);
        fs::write(folder.path().join("eth0"), "").expect("a file");
        assert!(find("eth0").is_ok_and(|path| path.is_some()));
        assert!(find("eth1").is_ok_and(|path| path.is_none()));
        fs::set_permissions(folder.path(), Permissions::from_mode(0o000)).expect("other permissions");
        // Root may look everywhere.
        if fs::read_dir(folder.path()).is_err() {
            assert!(find("eth0").is_err() && find("eth1").is_err());
        }
        fs::set_permissions(folder.path(), Permissions::from_mode(0o700)).expect("the old permissions");
    }

    #[tokio::test]
    async fn an_interface_without_a_supplicant_says_nothing() {
        assert!(matches!(sign_on("no-such-interface0").await, Ok(None) | Err(Unknown::NeedsRight { .. })));
    }
}
