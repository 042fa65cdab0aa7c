//! How much is hidden: four levels, each of which hides what the one before it hides.

use crate::packet::Packet;
use clap::ValueEnum;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How much is hidden; each level hides what the one before it hides. What is said here is the help of the command line.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, ValueEnum, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// Hide nothing; the packet says so in its name
    None,
    /// Hide passwords, tokens and keys: nobody chooses this, it is what the technician's own terminal shows
    #[value(skip)]
    #[serde(rename = "secrets-only")]
    Secrets,
    /// Hide secrets and persons; addresses and host names stay readable, for one's own next tier
    #[default]
    Standard,
    /// Hide addresses, hosts, domains and networks, too, behind pseudonyms: for a vendor, or anyone outside
    Strict,
}

impl Level {
    /// The word in a packet.
    pub fn word(self) -> &'static str {
        match self {
            Level::None => "none",
            Level::Secrets => "secrets-only",
            Level::Standard => "standard",
            Level::Strict => "strict",
        }
    }

    /// The level that a packet names; the least where the word is not known.
    pub fn of(packet: &Packet) -> Level {
        let known = [Level::Secrets, Level::Standard, Level::Strict];
        known.into_iter().find(|level| level.word() == packet.run.redaction).unwrap_or(Level::None)
    }
}
