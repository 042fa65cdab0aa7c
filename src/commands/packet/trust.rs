//! `firstline packet verify`, `sign` and `seal`: whether a packet is what was sent, and by whom.

use super::super::Context;
use crate::cli::{KeyFlags, Stored};
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::packet::read::{Verified, open_with, verify};
use crate::packet::write::put;
use crate::report::{Page, Paint};
use crate::seal::encryption::{self, ENCRYPTED_ENDING};
use crate::seal::signature::{self, Signature, Signer};
use crate::seal::with_ending;
use serde::Serialize;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

#[derive(Serialize)]
struct Checked {
    #[serde(flatten)]
    verified: Verified,
    signature: Signature,
}

/// Unchanged or changed, and by whom.
pub(super) fn check(context: &Context, stored: &Stored, key: Option<&Path>) -> Result<Exit> {
    let path = &stored.packet;
    let signature = signature::check(path, key)?;
    let verified = verify(path, stored.identity.as_deref())?;
    let whole = verified.wrong.is_empty();
    let good = whole && signature.is_good(key.is_some());
    if context.wants_json() {
        context.print_json(&Checked { verified, signature })?;
        return Ok(Exit::found(good));
    }
    let mut page = Page::new(&context.terminal.style(false));
    let name = path.to_string_lossy();
    let (word, paint) = match &signature {
        _ if !whole => ("CHANGED", Paint::Bad),
        Signature::Broken { .. } => ("CHANGED", Paint::Bad),
        Signature::WrongKey { .. } => ("WRONG KEY", Paint::Bad),
        Signature::Unsigned if key.is_some() => ("UNSIGNED", Paint::Bad),
        _ => ("WHOLE", Paint::Good),
    };
    page.headline(word, paint, &format!("{name}, {} files match their checksums", verified.files));
    page.labelled("Wrong", verified.wrong.iter().map(String::as_str));
    page.labelled("Signature", [in_words(&signature).as_str()]);
    context.print(&page.finish())?;
    Ok(Exit::found(good))
}

fn in_words(signature: &Signature) -> String {
    match signature {
        Signature::Unsigned => {
            "unsigned: the checksums show damage, not who made it; whoever changed it could change them too".to_owned()
        }
        Signature::NotChecked { key } => format!("signed with the key {key}, not checked; --key FILE checks it"),
        Signature::Good { key, comment } => format!("good, by the key {key}: {comment}"),
        Signature::WrongKey { key, given } => format!("by the key {key}, not by the given {given}"),
        Signature::Broken { key, why } => format!("claims the key {key}, and is not over this file: {why}"),
    }
}

/// Signs the bytes of a packet. The comment, which is signed too, says which run and which ticket.
pub(super) fn sign(context: &Context, packet: &Path, flags: &KeyFlags) -> Result<Exit> {
    let opened = match open_with(packet, None) {
        Ok(opened) => Some(opened.packet),
        Err(error) if !is_sealed(packet) => return Err(error),
        Err(_) => None,
    };
    let comment = opened.map_or_else(
        || "encrypted packet".to_owned(),
        |packet| {
            let ticket = packet.case.ticket.map(|ticket| format!(", ticket {ticket}")).unwrap_or_default();
            format!("run {}{ticket}", packet.run.id)
        },
    );
    let mut file = File::open(packet).map_err(|error| unreadable(packet, &error))?;
    let signature = Signer::open(&flags.key, context.password(flags))?.sign(&mut file, &comment)?;
    let path = signature::signature_path(packet);
    put(&path, signature.as_bytes()).map_err(|error| unwritable(&path, &error))?;
    told(context, &[path])
}

fn is_sealed(packet: &Path) -> bool {
    File::open(packet).is_ok_and(|mut file| encryption::is_encrypted(&mut file).unwrap_or(false))
}

/// Encrypts a packet to the people in a file; the packet itself stays.
pub(super) fn encrypt(context: &Context, packet: &Path, recipients: &Path) -> Result<Exit> {
    open_with(packet, None)?;
    let bytes = fs::read(packet).map_err(|error| unreadable(packet, &error))?;
    let path = with_ending(packet, ENCRYPTED_ENDING);
    put(&path, &encryption::encrypt(&bytes, recipients)?).map_err(|error| unwritable(&path, &error))?;
    told(context, &[path])
}

fn unreadable(path: &Path, error: &std::io::Error) -> Error {
    Error::environment(format!("cannot read the packet `{}`", path.display())).because(error)
}

fn unwritable(path: &Path, error: &std::io::Error) -> Error {
    Error::environment(format!("cannot write `{}`", path.display())).because(error)
}

#[derive(Serialize)]
struct Written<'a> {
    /// The first of them, or the only one.
    written: &'a Path,
    /// The others.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    also: &'a [PathBuf],
}

/// Says which files were written.
pub(in crate::commands) fn told(context: &Context, written: &[PathBuf]) -> Result<Exit> {
    let Some((first, others)) = written.split_first() else { return Ok(Exit::Good) };
    if context.wants_json() {
        context.print_json(&Written { written: first, also: others })?;
    } else {
        let mut page = Page::new(&context.terminal.style(false));
        for path in written {
            page.headline("WRITTEN", Paint::Good, &path.to_string_lossy());
        }
        context.print(&page.finish())?;
    }
    Ok(Exit::Good)
}
