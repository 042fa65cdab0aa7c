//! Facts about this machine on macos.

use super::Machine;

/// This machine.
#[derive(Debug, Default)]
pub struct LocalMachine;

impl Machine for LocalMachine {}
