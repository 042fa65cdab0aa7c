//! The packet as it is sent: whole, looked through, and with its letter.

use super::fill::Values;
use crate::error::{Error, Result};
use crate::packet::Packet;
use crate::packet::read::{self, open_with, verify};
use crate::packet::redact::Level;
use crate::packet::write::hex;
use crate::report::{self, Style};
use crate::seal::encryption::{ENCRYPTED_ENDING, is_encrypted};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};
use std::io::Cursor;
use std::path::{Path, PathBuf};

/// A packet that may be sent.
#[derive(Debug)]
pub struct Parcel {
    pub path: PathBuf,
    /// The file's name, in the letters that every system takes.
    pub name: String,
    pub bytes: Vec<u8>,
    pub sha256: String,
    pub packet: Packet,
    /// How much it hides.
    pub level: Level,
    /// It is encrypted; the letter is not.
    pub sealed: bool,
}

impl Parcel {
    /// Opens a packet and compares every file of it with its checksum; the second part says what is wrong.
    ///
    /// # Errors
    /// Where it cannot be read or is no packet.
    pub fn open(path: &Path, identity: Option<&Path>) -> Result<std::result::Result<Parcel, Vec<String>>> {
        let verified = verify(path, identity)?;
        if !verified.wrong.is_empty() {
            return Ok(Err(verified.wrong));
        }
        let packet = open_with(path, identity)?.packet;
        let bytes = read::whole(path)?;
        let sealed = is_encrypted(&mut Cursor::new(&bytes)).unwrap_or(false);
        Ok(Ok(Parcel {
            path: path.to_owned(),
            name: file_name(path, sealed),
            sha256: hex(&bytes),
            level: Level::of(&packet),
            bytes,
            packet,
            sealed,
        }))
    }

    /// What its bytes are.
    pub fn media_type(&self) -> &'static str {
        if self.sealed { "application/octet-stream" } else { "application/zip" }
    }

    /// What stands for its bytes where they are not shown.
    pub fn stand_in(&self) -> String {
        format!("<{}, {} bytes>", self.name, self.bytes.len())
    }

    /// The letter in a format. One that is a JSON document becomes that document.
    ///
    /// # Errors
    /// Where a format that should be a JSON document is none, which would be a bug.
    pub fn letter(&self, format: &str) -> Result<Value> {
        let text = report::render(format, &self.packet, &Style::plain(80));
        if !["adf", "json"].contains(&format) {
            return Ok(Value::from(text.trim_end()));
        }
        serde_json::from_str(&text)
            .map_err(|error| Error::internal(format!("the letter in `{format}` is no JSON")).because(&error))
    }

    /// What templates can name of it. Without `bytes` the packet itself is only named.
    ///
    /// # Errors
    /// As [`Parcel::letter`].
    pub fn values(&self, format: &str, bytes: bool) -> Result<Values> {
        let line = report::render("line", &self.packet, &Style::plain(80));
        let base64 = if bytes { BASE64.encode(&self.bytes) } else { format!("<base64 of {}>", self.stand_in()) };
        let file = json!({
            "name": self.name, "base64": base64, "type": self.media_type(), "bytes": self.bytes.len().to_string(),
            "sha256": self.sha256,
        });
        let mut values = Values::default();
        values.put("letter", &self.letter(format)?);
        values.put("line", &Value::from(line.trim()));
        values.put("file", &file);
        Ok(values)
    }
}

/// No spaces, quotes or path in it: some systems refuse them, others believe them.
fn file_name(path: &Path, sealed: bool) -> String {
    const LONGEST: usize = 120;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let plain = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '.' | '_' | '-');
    let name: String = name.chars().map(|letter| if plain(letter) { letter } else { '-' }).collect();
    let ending = if sealed { ENCRYPTED_ENDING } else { "zip" };
    let stem = name.strip_suffix(&format!(".{ending}")).unwrap_or(&name).trim_start_matches('.');
    let stem: String = stem.chars().take(LONGEST).collect();
    format!("{}.{ending}", if stem.is_empty() { "packet" } else { &stem })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_names_are_plain_and_end_as_their_content() {
        for (path, sealed, expected) in [
            ("/tmp/firstline-dns-1.zip", false, "firstline-dns-1.zip"),
            ("a b\"\r\nX: y.zip", false, "a-b---X--y.zip"),
            ("packet.zip.age", true, "packet.zip.age"),
            ("renamed", false, "renamed.zip"),
            ("...zip", false, "packet.zip"),
        ] {
            assert_eq!(file_name(Path::new(path), sealed), expected);
        }
        assert!(file_name(Path::new(&"x".repeat(200)), false).len() < 130);
    }
}
