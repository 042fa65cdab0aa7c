//! Facts about this machine on macos.

use super::Machine;

/// The error number of a datagram that is larger than the path allows; the standard library has no kind for it.
pub const MESSAGE_TOO_LARGE: i32 = 40;
/// The error number of a host that is down.
pub const HOST_DOWN: i32 = 64;

/// What echo requests need, where the system refuses them.
pub const RIGHT_TO_ECHO: &str = "administrator rights";

/// How somebody with administrator rights types this command.
pub fn as_administrator(command: &str) -> String {
    format!("type `sudo {command}`")
}

/// This machine.
#[derive(Debug, Default)]
pub struct LocalMachine;

impl Machine for LocalMachine {}

/// Makes a folder for this run alone; it must not exist yet. Only the owner can look into it.
///
/// # Errors
/// Where it exists or cannot be made.
pub fn make_private_folder(path: &std::path::Path) -> std::io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    std::fs::DirBuilder::new().mode(0o700).create(path)
}

/// Makes a file that only the owner can read. It must not exist yet.
///
/// # Errors
/// Where it exists or cannot be made.
pub fn make_private_file(path: &std::path::Path) -> std::io::Result<std::fs::File> {
    use std::os::unix::fs::OpenOptionsExt;
    std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}

/// Whether nobody but its owner can read or change an open file.
///
/// # Errors
/// Where the system does not say.
pub fn is_private(file: &std::fs::File) -> std::io::Result<bool> {
    use std::os::unix::fs::PermissionsExt;
    Ok(file.metadata()?.permissions().mode() & 0o077 == 0)
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
