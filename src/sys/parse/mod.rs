//! Readers of text that operating systems keep: pure functions over strings, tested with recorded files.

pub mod change;
pub mod log;
pub mod mount;
pub mod process;
pub mod sock_diag;
pub mod time_server;
