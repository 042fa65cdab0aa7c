//! What was said on the command line, resolved: playbook loaded, target typed, settings merged. Later code never sees
//! an option for "flag not given".

use crate::packet::Case;
use crate::playbook::Playbook;
use crate::settings::Settings;
use crate::target::Target;
use std::collections::BTreeMap;
use std::time::Duration;

/// How much is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    /// Until the verdict is settled.
    #[default]
    Quick,
    /// Everything, for the packet.
    Full,
    /// One check at a time: the pure binary search.
    OneByOne,
}

/// One run, complete.
#[derive(Debug, Clone)]
pub struct Request {
    pub playbook: Playbook,
    /// Inputs by name, as text; the target's own text under the name of its input.
    pub inputs: BTreeMap<String, String>,
    /// The input of kind target, read.
    pub target: Option<Target>,
    pub settings: Settings,
    /// What people said: symptom, ticket, answers given beforehand.
    pub case: Case,
    pub deadline: Duration,
    pub mode: Mode,
}
