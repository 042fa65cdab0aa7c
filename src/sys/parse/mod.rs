//! Readers of text that operating systems keep: pure functions over strings, tested with recorded files.

pub mod hosts;
pub mod iptables;
pub mod nft;
pub mod resolv;
