//! Facts about this machine on windows.

use super::Machine;

/// This machine.
#[derive(Debug, Default)]
pub struct LocalMachine;

impl Machine for LocalMachine {}
