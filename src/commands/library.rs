//! The playbooks that commands can name: the door to the playbook module.

use crate::error::{Error, Result};
use crate::playbook::Playbook;

/// The playbook that a reference leads to: an id, a file, or the user's words.
pub(super) fn load(reference: &str) -> Result<Playbook> {
    Err(Error::usage(format!("there is no playbook `{reference}`")).hint("`firstline list playbooks` shows them"))
}

/// All built-in playbooks.
pub(super) fn builtin() -> Result<Vec<Playbook>> {
    Ok(Vec::new())
}
