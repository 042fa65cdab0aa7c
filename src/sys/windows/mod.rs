//! Facts about this machine on windows.

use super::Machine;

/// The error number of a datagram that is larger than the path allows; the standard library has no kind for it.
pub const MESSAGE_TOO_LARGE: i32 = 10040;
/// The error number of a host that is down.
pub const HOST_DOWN: i32 = 10064;

/// This machine.
#[derive(Debug, Default)]
pub struct LocalMachine;

impl Machine for LocalMachine {}
