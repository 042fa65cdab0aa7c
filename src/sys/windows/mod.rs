//! Facts about this machine on windows.

use super::Machine;

/// The error number of a datagram that is larger than the path allows; the standard library has no kind for it.
pub const MESSAGE_TOO_LARGE: i32 = 10040;
/// The error number of a host that is down.
pub const HOST_DOWN: i32 = 10064;

/// What echo requests need, where the system refuses them.
pub const RIGHT_TO_ECHO: &str = "administrator rights";

/// How somebody with administrator rights types this command.
pub fn as_administrator(command: &str) -> String {
    format!("type `{command}` in a terminal that was opened as administrator")
}

/// This machine.
#[derive(Debug, Default)]
pub struct LocalMachine;

impl Machine for LocalMachine {}

/// Makes a folder for this run alone; it must not exist yet. Its parent in the user's profile is private already.
///
/// # Errors
/// Where it exists or cannot be made.
pub fn make_private_folder(path: &std::path::Path) -> std::io::Result<()> {
    std::fs::create_dir(path)
}

/// Makes a file. It must not exist yet. Its folder in the user's profile is private already.
///
/// # Errors
/// Where it exists or cannot be made.
pub fn make_private_file(path: &std::path::Path) -> std::io::Result<std::fs::File> {
    std::fs::OpenOptions::new().write(true).create_new(true).open(path)
}

/// Whether nobody but its owner can read an open file. The profile's own folders are private; others are not looked at.
///
/// # Errors
/// None here.
pub fn is_private(_: &std::fs::File) -> std::io::Result<bool> {
    Ok(true)
}

/// Where services keep state, for a run without a home folder.
pub fn system_state_folder() -> Option<std::path::PathBuf> {
    None
}

/// No file holds the certificates that this system trusts: its own verifier is asked.
pub fn bundled_roots() -> Option<Vec<rustls::pki_types::CertificateDer<'static>>> {
    None
}

/// The time zone of this machine.
pub fn local_zone() -> jiff::tz::TimeZone {
    jiff::tz::TimeZone::system()
}

/// Waits until somebody asks the program to end.
pub async fn interrupted() {
    let _ = tokio::signal::ctrl_c().await;
}
