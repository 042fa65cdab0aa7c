//! What wpa_supplicant says of an interface, over its control socket: one datagram there, one back. Only the question
//! for the state is ever sent.

use crate::sys::parse::supplicant::status;
use crate::sys::*;
use std::io::ErrorKind;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::path::Path;

/// A local answer takes under a millisecond; a program that is stuck must not hold the run.
const ANSWER_WAIT: Duration = Duration::from_millis(500);
/// Where it listens, by interface: `ctrl_interface` of Debian's, Fedora's and others' packages.
const FOLDERS: [&str; 2] = ["/run/wpa_supplicant", "/var/run/wpa_supplicant"];
/// Answers are at most this long (`CTRL_IFACE_MAX_LEN`).
const LARGEST: usize = 8192;

pub(super) async fn sign_on(interface: &str) -> Known<Option<SignOn>> {
    let Some(path) = FOLDERS.iter().map(|folder| Path::new(folder).join(interface)).find(|path| path.exists()) else {
        return Ok(None);
    };
    let failed = |error: std::io::Error| match error.kind() {
        ErrorKind::PermissionDenied => Unknown::NeedsRight {
            what: format!("how far wpa_supplicant got on {interface}"),
            right: "root (or the group of its control socket)".to_owned(),
        },
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

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_interface_without_a_supplicant_says_nothing() {
        assert_eq!(sign_on("no-such-interface0").await, Ok(None));
    }
}
