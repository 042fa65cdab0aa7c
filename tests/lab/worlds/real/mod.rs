//! Worlds with real server programs. The lab's own servers do what their authors believe that servers do; these do what
//! servers do. The programs are set up in `installed.rs`; where one is missing, its worlds are skipped.

pub mod addresses;
pub mod names;
pub mod proxy;
pub mod services;
pub mod time;
pub mod web;
