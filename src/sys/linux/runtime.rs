//! What this program itself needs of the system: a private folder, where state lives without a home, the local time,
//! and the signals that ask it to end.

use jiff::tz::TimeZone;
use nix::sys::stat::Mode;
use std::io;
use std::path::{Path, PathBuf};
use tokio::signal::unix::{SignalKind, signal};

/// Makes a folder that only the owner can look into. The folder must not exist yet, so that nobody else can have
/// prepared it.
///
/// # Errors
/// Where it exists or cannot be made.
pub fn make_private_folder(path: &Path) -> io::Result<()> {
    nix::unistd::mkdir(path, Mode::S_IRWXU).map_err(io::Error::from)
}

/// Makes a file that only the owner can read. It must not exist yet.
///
/// # Errors
/// Where it exists or cannot be made.
pub fn make_private_file(path: &Path) -> io::Result<std::fs::File> {
    use std::os::unix::fs::OpenOptionsExt;
    std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}

/// Whether nobody but its owner can read or change an open file.
///
/// # Errors
/// Where the system does not say.
pub fn is_private(file: &std::fs::File) -> io::Result<bool> {
    use std::os::unix::fs::PermissionsExt;
    Ok(file.metadata()?.permissions().mode() & 0o077 == 0)
}

/// Where services keep state, for a run without a home folder.
pub fn system_state_folder() -> Option<PathBuf> {
    Some(PathBuf::from("/var/lib"))
}

/// The time zone of this machine. Its rules are in one file; to name it, the library would list the whole database.
pub fn local_zone() -> TimeZone {
    let chosen = std::env::var_os("TZ").is_some();
    let file = || TimeZone::tzif("", &std::fs::read("/etc/localtime").ok()?).ok();
    if chosen { None } else { file() }.unwrap_or_else(TimeZone::system)
}

/// Waits until somebody asks the program to end: Ctrl-C, the terminal going away, or a remote agent's SIGTERM.
pub async fn interrupted() {
    let (Ok(mut terminate), Ok(mut hang_up)) = (signal(SignalKind::terminate()), signal(SignalKind::hangup())) else {
        let _ = tokio::signal::ctrl_c().await;
        return;
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminate.recv() => {}
        _ = hang_up.recv() => {}
    }
}
