//! Handing a packet over: redacted, looked through, written, and the way back from its pseudonyms kept.

use crate::error::Result;
use crate::packet::Packet;
use crate::packet::redact::{self, Gate, Key, Known, Level, store};
use crate::packet::write::{Attached, Place, write};
use crate::playbook::Playbook;
use std::path::PathBuf;

/// A packet that was handed over, or would have been.
pub(super) struct Handed {
    /// As it was written; its warnings say what did not work.
    pub packet: Packet,
    /// Where it lies; none where it could not be written.
    pub path: Option<PathBuf>,
    gate: Gate,
}

impl Handed {
    /// What did not work, in words for the machine that it was made on.
    pub fn warnings(&self) -> Vec<String> {
        let map = self.gate.map();
        self.packet.run.warnings.iter().map(|warning| redact::unmask(warning, &map)).collect()
    }
}

/// How packets are redacted and where they go.
pub(super) struct Desk<'a> {
    pub level: Level,
    /// State folders, best first.
    pub state: &'a [PathBuf],
    /// Where the packet may go, best first.
    pub places: &'a [Place],
    /// Its greatest size in bytes.
    pub limit: u64,
}

impl Desk<'_> {
    /// Redacts a packet and writes it. With the playbook of the run its verdict is worded anew.
    pub fn hand_over(&self, packet: &Packet, attached: Attached, playbook: Option<&Playbook>) -> Result<Handed> {
        let key = if self.level == Level::None { Key::random() } else { store::key(self.state) };
        let before = store::of_run(self.state, &packet.run.id).unwrap_or_default();
        let known = Known::of_environment().with_names_of(&before);
        let redacted = redact::packet(packet, attached, self.level, &key, &known, playbook)?;
        let (mut packet, gate) = (redacted.packet, redacted.gate);
        let path = write(&mut packet, redacted.attached, &gate, self.limit, self.places).map(|written| written.path);
        store::save(self.state, &packet.run.id, &gate.map());
        Ok(Handed { packet, path, gate })
    }
}
