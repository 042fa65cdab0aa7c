//! The tickets that every help desk has, by the playbook of each.

pub mod account;
pub mod desktop;
pub mod drive;
pub mod mail;
pub mod printer;
