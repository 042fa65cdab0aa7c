//! What stands between a redacted packet and the disk.

use super::leak::Net;
use super::redactor::Redactor;
use super::store::Map;
use crate::packet::Packet;
use crate::packet::write::{Attached, EVIDENCE, Files, PLAYBOOK};
use std::cell::RefCell;

/// Stands between a redacted packet and the disk: what is said of it later is redacted in the same way, and its finished
/// files are looked through once more.
pub struct Gate {
    /// None where nothing was asked to be hidden.
    guard: Option<Guard>,
}

struct Guard {
    redactor: RefCell<Redactor>,
    net: Net,
}

impl Gate {
    /// One that lets everything through: nothing was asked to be hidden.
    pub fn open() -> Gate {
        Gate { guard: None }
    }

    /// One that hides and looks for what this redaction did.
    pub(super) fn of(redactor: Redactor, net: Net) -> Gate {
        Gate { guard: Some(Guard { redactor: RefCell::new(redactor), net }) }
    }

    /// A sentence about the packet, as it may stand in it.
    pub fn text(&self, text: &str) -> String {
        match &self.guard {
            Some(guard) => guard.redactor.borrow_mut().text(text, false).into_owned(),
            None => text.to_owned(),
        }
    }

    /// The class of a known secret that a finished file still holds.
    pub fn leaks(&self, bytes: &[u8]) -> Option<&'static str> {
        self.guard.as_ref()?.net.leaks(bytes)
    }

    /// What leads back from the pseudonyms; never part of the packet.
    pub fn map(&self) -> Map {
        self.guard.as_ref().map(|guard| guard.redactor.borrow().map.clone()).unwrap_or_default()
    }
}

/// Takes out the files that still hold a known secret, and names them.
pub(super) fn withhold(packet: &mut Packet, attached: Attached, net: &Net) -> Attached {
    let (evidence, gone) = pass(packet, EVIDENCE, attached.evidence, net);
    for seen in &mut packet.observations {
        seen.evidence.retain(|name| !gone.contains(name));
    }
    let (playbook, gone) = pass(packet, PLAYBOOK, attached.playbook, net);
    // A part of a playbook is none.
    Attached { evidence, playbook: if gone.is_empty() { playbook } else { Files::new() } }
}

/// The files that may pass, and the names of those that may not.
fn pass(packet: &mut Packet, folder: &str, files: Files, net: &Net) -> (Files, Vec<String>) {
    let (mut passed, mut gone) = (Files::new(), Vec::new());
    for (name, bytes) in files {
        match net.leaks(&bytes) {
            None => passed.push((name, bytes)),
            Some(class) => {
                let why = format!("{folder}{name} is withheld: it still holds a secret ({class})");
                packet.run.warnings.push(why);
                packet.run.withheld.push(format!("{folder}{name}"));
                gone.push(name);
            }
        }
    }
    (passed, gone)
}
