//! Readers of text that operating systems keep: pure functions over strings, tested with recorded files.

pub mod change;
pub mod dhcp;
pub mod hosts;
pub mod iptables;
pub mod lease;
pub mod log;
pub mod mount;
pub mod nft;
pub mod package;
pub mod policy;
pub mod process;
pub mod resolv;
pub mod sock_diag;
pub mod supplicant;
pub mod time_server;
