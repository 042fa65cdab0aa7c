//! The tickets that every help desk has, by the playbook of each.

pub mod drive;
pub mod printer;
