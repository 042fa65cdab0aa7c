//! Sending a packet to where the next tier works: a ticket, a mailbox, a store. How a system wants it is no code but a
//! file, a *connector*: `parse` reads one, `builtin` lists those in the binary, `given` checks what somebody gave for its
//! inputs, `fill` puts values into its templates, `request` makes requests of its steps (signed by `signature` where S3
//! wants it), `exchange` takes them over the network, `answer` says what an answer means, `mail` speaks to mail servers,
//! `act` goes through all the steps. What must be right before anything goes out is in `parcel` and `secret`, what went
//! out in `record`.

pub mod act;
pub mod answer;
pub mod builtin;
mod exchange;
pub mod fill;
pub mod given;
mod mail;
mod parcel;
pub mod parse;
pub mod record;
pub mod request;
mod secret;
mod signature;

pub use parcel::Parcel;
pub use secret::Secret;

use crate::error::{Error, Kind, Result, closest};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;

/// The version of the connector language that this program reads.
pub const SCHEMA: u32 = 1;

/// How a system takes packets.
#[derive(Debug, Clone)]
pub struct Connector {
    /// Kebab-case id.
    pub id: String,
    pub title: String,
    /// What it does there, in a sentence or two.
    pub about: String,
    /// Where its maker describes the interface.
    pub docs: String,
    /// Where it was read: a path, or `built in`.
    pub origin: String,
    /// The format of `report::FORMATS` that the letter is written in.
    pub letter: String,
    /// What arrives there is read by people outside the site.
    pub outside: bool,
    /// What was made there, for the record: a template over what the steps keep.
    pub answer: String,
    pub limit: Option<Limit>,
    /// What must be known, in the order of the file.
    pub inputs: Vec<Input>,
    pub auth: Option<Auth>,
    pub way: Way,
    /// What statuses mean there, where it is not the usual.
    pub statuses: BTreeMap<u16, String>,
}

/// The largest packet that is taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limit {
    pub bytes: u64,
    /// Who says so.
    pub source: String,
}

/// What must be known before anything can be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Input {
    pub name: String,
    pub kind: InputKind,
    /// What it is, for people.
    pub ask: String,
    pub default: Option<String>,
    /// It may be left out.
    pub optional: bool,
}

/// What an input may hold. The narrow kinds keep what somebody typed from becoming another path or another question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InputKind {
    /// The address of the system.
    Url,
    /// Digits.
    Number,
    /// Letters, digits, `-`, `_` and `.`.
    Word,
    /// One line of text.
    Text,
    /// A second secret, which comes from a file: `--set name=@FILE`.
    Secret,
}

impl InputKind {
    /// Every kind with its word in connectors and what it takes.
    pub const ALL: &[(&str, InputKind, &str)] = &[
        ("url", InputKind::Url, "an address"),
        ("number", InputKind::Number, "digits"),
        ("word", InputKind::Word, "letters, digits, `-`, `_` and `.`"),
        ("text", InputKind::Text, "one line of text"),
        ("secret", InputKind::Secret, "the name of a file behind an @"),
    ];
}

/// How the sender proves who it is.
#[derive(Debug, Clone)]
pub struct Auth {
    pub kind: AuthKind,
    /// What the token is and where one is made.
    pub ask: String,
    /// Some of these systems want none.
    pub optional: bool,
}

/// Where the token goes. Only the templates in here know the name `token`.
#[derive(Debug, Clone)]
pub enum AuthKind {
    /// `Authorization: Basic`, or `AUTH PLAIN` and `AUTH LOGIN` with a mail server.
    Basic {
        user: String,
        password: String,
    },
    /// `Authorization: Bearer`.
    Bearer,
    Header {
        name: String,
        value: String,
    },
    /// A parameter of the address. Servers write addresses into logs, so this is the last resort.
    Query {
        name: String,
    },
    /// A signature as S3 wants it (AWS Signature Version 4). The token is the secret key and never leaves.
    S3 {
        key_id: String,
        region: String,
    },
}

/// How it gets there.
#[derive(Debug, Clone)]
pub enum Way {
    Http(Vec<Step>),
    Mail(Mail),
}

/// One request.
#[derive(Debug, Clone)]
pub struct Step {
    pub id: String,
    /// What it does, to follow "will".
    pub does: String,
    pub method: String,
    pub url: String,
    pub headers: Vec<(String, String)>,
    pub body: Body,
    /// Whether the token goes along.
    pub signed_in: bool,
    /// Statuses of success.
    pub expect: Vec<u16>,
    /// What of the answer later templates may name: JSON pointers (RFC 6901); the empty one is the whole answer.
    pub keep: Vec<(String, String)>,
    /// Where in the answer the system says how many bytes it takes at most: a JSON pointer.
    pub limit: Option<String>,
    /// What it means that something to be kept is not there.
    pub missing: Option<String>,
    /// It is made also after a step that failed, to leave nothing open; then its own failure does not count.
    pub always: bool,
    /// What statuses mean for this step.
    pub statuses: BTreeMap<u16, String>,
}

/// What to do about a packet that is too large for a system.
pub const SMALLER: &str =
    "make a smaller one: the setting `packet_bytes` caps packets, and `firstline packet redact` makes one anew";

/// What goes along with a request.
#[derive(Debug, Clone)]
pub enum Body {
    None,
    /// The packet, and nothing else.
    File,
    Text {
        content_type: String,
        text: String,
    },
    Json(Value),
    /// `multipart/form-data` (RFC 7578).
    Form(Vec<Part>),
}

/// One part of a form.
#[derive(Debug, Clone)]
pub struct Part {
    pub name: String,
    /// None where it is the packet.
    pub text: Option<String>,
    pub content_type: Option<String>,
}

/// A message to a mail server. The letter is its text, the packet is attached.
#[derive(Debug, Clone)]
pub struct Mail {
    pub server: String,
    pub from: String,
    pub to: String,
    pub subject: String,
}

impl Connector {
    /// The input with this name.
    pub fn input(&self, name: &str) -> Option<&Input> {
        self.inputs.iter().find(|input| input.name == name)
    }

    /// The connector that a reference leads to: the id of a built-in one, or a file.
    ///
    /// # Errors
    /// Where there is none of that name, a file cannot be read, or it has mistakes.
    pub fn load(reference: &str) -> Result<Connector> {
        if let Some(connector) = builtin::connector(reference) {
            return connector.map_err(|mistakes| Error::rendered(Kind::Internal, mistakes.render(false)));
        }
        let path = Path::new(reference);
        if reference.ends_with(".toml") || reference.contains(['/', '\\']) || path.is_file() {
            return parse::file(path);
        }
        let error = Error::usage(format!("there is no connector `{reference}`"));
        let ids = || builtin::BUILTIN.iter().map(|(id, _)| *id);
        Err(match closest(reference, ids()) {
            Some(near) => error.hint(format!("did you mean `--to {near}`?")),
            None => error.hint("`firstline list connectors` shows those in the program; a file is one, too"),
        })
    }
}
