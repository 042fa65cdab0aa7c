//! Signatures and encryption, in the formats of the stock tools `minisign` and `age`: whoever receives a packet needs
//! nothing of ours to check or open it. Keys come from files only, never from the command line.

use crate::error::{Error, Result};
use age::armor::ArmoredReader;
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use minisign::{PublicKey, PublicKeyBox, SecretKey, SecretKeyBox, SignatureBox};
use serde::Serialize;
use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// What the stock tool appends to the name of what it signed.
pub const SIGNATURE_ENDING: &str = "minisig";

/// What the stock tool appends to the name of what it encrypted.
pub const ENCRYPTED_ENDING: &str = "age";

/// A file with a key or a signature is a few lines; what is larger is something else.
const LARGEST_KEY: u64 = 64 << 10;

/// How an encrypted packet begins, plain and as text (age-encryption.org/v1).
const MAGICS: [&[u8]; 2] = [b"age-encryption.org/v1", b"-----BEGIN AGE ENCRYPTED FILE-----"];

/// What is known about who made a packet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Signature {
    /// No signature lies beside it.
    Unsigned,
    /// There is one, and no key was given to check it with.
    NotChecked { key: String },
    /// It is by the given key, over exactly these bytes.
    Good { key: String, comment: String },
    /// It is by another key than the given one.
    WrongKey { key: String, given: String },
    /// It claims the given key, and is not over these bytes.
    Broken { key: String, why: String },
}

impl Signature {
    /// Whether it is what somebody may rely on who named a key, or did not.
    pub fn is_good(&self, key_was_given: bool) -> bool {
        match self {
            Signature::Good { .. } => true,
            Signature::Unsigned | Signature::NotChecked { .. } => !key_was_given,
            Signature::WrongKey { .. } | Signature::Broken { .. } => false,
        }
    }
}

/// Where the signature of a packet lies: beside it.
pub fn signature_path(packet: &Path) -> PathBuf {
    with_ending(packet, SIGNATURE_ENDING)
}

/// A path with an ending more.
pub fn with_ending(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(ending);
    PathBuf::from(name)
}

/// A small file of text.
fn text(path: &Path, what: &str) -> Result<String> {
    let unreadable =
        |error: &io::Error| Error::environment(format!("cannot read the {what} `{}`", path.display())).because(error);
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(|error| unreadable(&error))?;
    file.take(LARGEST_KEY + 1).read_to_end(&mut bytes).map_err(|error| unreadable(&error))?;
    match String::from_utf8(bytes) {
        Ok(text) if text.len() as u64 <= LARGEST_KEY => Ok(text),
        _ => Err(senseless(path, what)),
    }
}

fn senseless(path: &Path, what: &str) -> Error {
    Error::usage(format!("`{}` is no {what}", path.display()))
}

/// A key id as the stock tool writes it.
fn key_id(bytes: &[u8]) -> String {
    bytes.iter().rev().map(|byte| format!("{byte:02X}")).collect()
}

/// Signs what can be read from `from`; the result is the text of a signature file. The comment is signed, too.
///
/// # Errors
/// Where the key or its password cannot be read, or do not fit together.
pub fn sign(from: &mut impl Read, key: &Path, password: Option<&Path>, comment: &str) -> Result<String> {
    let secret = secret_key(key, password)?;
    // Checked with its own public half: a damaged key without a checksum must not make signatures that nobody can check.
    let public = PublicKey::from_secret_key(&secret).map_err(|error| does_not_open(key, &error))?;
    let signature = minisign::sign(Some(&public), &secret, from, Some(comment), Some("signature by firstline"))
        .map_err(|error| Error::environment("the packet could not be signed").because(&error))?;
    Ok(signature.into_string())
}

fn secret_key(key: &Path, password: Option<&Path>) -> Result<SecretKey> {
    const WHAT: &str = "minisign secret key";
    let held = text(key, WHAT)?;
    let Some(file) = password else {
        // The stock tool writes no checksum into a key without a password, which the library's own reader wants.
        let line = held.lines().nth(1).unwrap_or_default();
        let bytes = BASE64.decode(line.trim()).map_err(|_| senseless(key, WHAT))?;
        let secret = SecretKey::from_bytes(&bytes).map_err(|_| senseless(key, WHAT))?;
        return match secret.is_encrypted() {
            false => Ok(secret),
            true => Err(Error::usage(format!("the secret key `{}` has a password", key.display()))
                .hint("--password-file FILE names the file that holds it")),
        };
    };
    let password = text(file, "password file")?.trim_end_matches(['\n', '\r']).to_owned();
    SecretKeyBox::from(held).into_secret_key(Some(password)).map_err(|error| does_not_open(key, &error))
}

fn does_not_open(key: &Path, error: &dyn std::error::Error) -> Error {
    Error::usage(format!("the secret key `{}` does not open", key.display())).because(error)
}

/// Checks the signature that lies beside a packet.
///
/// # Errors
/// Where the packet, the signature or the key cannot be read, or is none.
pub fn check(packet: &Path, key: Option<&Path>) -> Result<Signature> {
    const KEY: &str = "minisign public key";
    const SIGNATURE: &str = "minisign signature";
    let given = match key {
        Some(key) => Some(public_key(&text(key, KEY)?).ok_or_else(|| senseless(key, KEY))?),
        None => None,
    };
    let path = signature_path(packet);
    if !path.exists() {
        return Ok(Signature::Unsigned);
    }
    let held = SignatureBox::from_string(&text(&path, SIGNATURE)?).map_err(|_| senseless(&path, SIGNATURE))?;
    let id = key_id(held.keynum());
    let Some(given) = given else { return Ok(Signature::NotChecked { key: id }) };
    let given_id = key_id(given.keynum());
    if given_id != id {
        return Ok(Signature::WrongKey { key: id, given: given_id });
    }
    let file = File::open(packet).map_err(|error| {
        Error::environment(format!("cannot read the packet `{}`", packet.display())).because(&error)
    })?;
    let comment = held.trusted_comment().unwrap_or_default();
    Ok(match minisign::verify(&given, &held, file, true, false, false) {
        Ok(()) => Signature::Good { key: id, comment },
        Err(error) => Signature::Broken { key: id, why: error.to_string() },
    })
}

/// A public key, as a file of the stock tool or as its one line.
fn public_key(text: &str) -> Option<PublicKey> {
    let from_file = || PublicKeyBox::from_string(text).ok()?.into_public_key().ok();
    from_file().or_else(|| PublicKey::from_base64(text.trim()).ok())
}

/// Encrypts to everybody in a file of recipients: one `age1...` a line, `#` for comments.
///
/// # Errors
/// Where the file cannot be read, names nobody, or names something that is no recipient.
pub fn encrypt(bytes: &[u8], recipients: &Path) -> Result<Vec<u8>> {
    let lines = text(recipients, "file of recipients")?;
    let mut people = Vec::new();
    for line in lines.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let person: age::x25519::Recipient = line.parse().map_err(|why: &str| {
            Error::usage(format!("`{}` names `{line}`, which is no age recipient: {why}", recipients.display()))
        })?;
        people.push(person);
    }
    if people.is_empty() {
        return Err(Error::usage(format!("`{}` names no recipient", recipients.display()))
            .hint("one `age1...` a line, as `age-keygen` prints them"));
    }
    let failed = |error: &dyn std::error::Error| Error::internal("the packet could not be encrypted").because(error);
    let all = people.iter().map(|person| person as &dyn age::Recipient);
    let encryptor = age::Encryptor::with_recipients(all).map_err(|error| failed(&error))?;
    let mut sealed = Vec::with_capacity(bytes.len() + 1_024);
    let written = encryptor.wrap_output(&mut sealed).and_then(|mut writer| {
        writer.write_all(bytes)?;
        writer.finish()
    });
    written.map_err(|error| failed(&error))?;
    Ok(sealed)
}

/// Whether a file is encrypted; it is at its start again afterwards.
///
/// # Errors
/// Where it cannot be read.
pub fn is_encrypted(file: &mut (impl Read + Seek)) -> io::Result<bool> {
    let mut start = Vec::new();
    file.by_ref().take(64).read_to_end(&mut start)?;
    file.seek(SeekFrom::Start(0))?;
    Ok(MAGICS.iter().any(|magic| start.starts_with(magic)))
}

/// Decrypts a packet with the identities in a file of `age-keygen`, at most `limit` bytes.
///
/// # Errors
/// Where none of the identities opens it, it was changed or cut, or it is larger.
pub fn decrypt(packet: &Path, file: impl Read, identity: Option<&Path>, limit: u64) -> Result<Vec<u8>> {
    let Some(identity) = identity else {
        return Err(Error::usage(format!("`{}` is encrypted", packet.display()))
            .hint("--identity FILE names the file of `age-keygen` that opens it"));
    };
    const WHAT: &str = "age identity";
    let identities = age::IdentityFile::from_buffer(text(identity, WHAT)?.as_bytes())
        .ok()
        .and_then(|file| file.into_identities().ok())
        .filter(|identities| !identities.is_empty())
        .ok_or_else(|| senseless(identity, WHAT))?;
    let damaged = |error: &dyn std::error::Error| {
        Error::usage(format!("the packet `{}` is damaged, cut off or changed", packet.display())).because(error)
    };
    let decryptor =
        age::Decryptor::new_buffered(ArmoredReader::new(BufReader::new(file))).map_err(|error| damaged(&error))?;
    let all = identities.iter().map(|identity| identity.as_ref() as &dyn age::Identity);
    let opened = decryptor.decrypt(all).map_err(|error| match error {
        age::DecryptError::NoMatchingKeys => Error::usage(format!(
            "`{}` is encrypted to somebody else: wrong key `{}`",
            packet.display(),
            identity.display()
        )),
        error => damaged(&error),
    })?;
    let mut bytes = Vec::new();
    opened.take(limit + 1).read_to_end(&mut bytes).map_err(|error| damaged(&error))?;
    if bytes.len() as u64 > limit {
        return Err(Error::usage(format!(
            "`{}` is larger than a packet can be ({} MiB)",
            packet.display(),
            limit >> 20
        )));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Keys {
        folder: tempfile::TempDir,
    }

    impl Keys {
        fn new() -> Keys {
            let keys = Keys { folder: tempfile::tempdir().unwrap() };
            for name in ["ours", "theirs"] {
                let pair = minisign::KeyPair::generate_unencrypted_keypair().unwrap();
                keys.put(&format!("{name}.key"), &pair.sk.to_box(None).unwrap().into_string());
                keys.put(&format!("{name}.pub"), &pair.pk.to_box().unwrap().into_string());
                let identity = age::x25519::Identity::generate();
                keys.put(&format!("{name}.to"), &format!("# {name}\n{}\n", identity.to_public()));
                keys.put(&format!("{name}.identity"), age::secrecy::ExposeSecret::expose_secret(&identity.to_string()));
            }
            keys
        }

        fn put(&self, name: &str, text: &str) -> PathBuf {
            let path = self.path(name);
            std::fs::write(&path, text).unwrap();
            path
        }

        fn path(&self, name: &str) -> PathBuf {
            self.folder.path().join(name)
        }
    }

    #[test]
    fn a_signature_tells_unsigned_good_wrong_key_and_changed() {
        let keys = Keys::new();
        let packet = keys.put("packet.zip", "PK whatever");
        let ours = keys.path("ours.pub");
        assert_eq!(check(&packet, Some(&ours)).unwrap(), Signature::Unsigned);
        let signature = sign(&mut &b"PK whatever"[..], &keys.path("ours.key"), None, "run 1").unwrap();
        std::fs::write(signature_path(&packet), &signature).unwrap();
        assert!(matches!(check(&packet, None).unwrap(), Signature::NotChecked { .. }));
        let good = check(&packet, Some(&ours)).unwrap();
        assert!(matches!(&good, Signature::Good { comment, .. } if comment == "run 1"), "{good:?}");
        let wrong = check(&packet, Some(&keys.path("theirs.pub"))).unwrap();
        assert!(matches!(wrong, Signature::WrongKey { .. }) && !wrong.is_good(true));
        keys.put("packet.zip", "PK changed");
        assert!(matches!(check(&packet, Some(&ours)).unwrap(), Signature::Broken { .. }));
        keys.put("packet.zip", "PK whatever");
        keys.put("packet.zip.minisig", &signature.replace("run 1", "run 2"));
        assert!(matches!(check(&packet, Some(&ours)).unwrap(), Signature::Broken { .. }), "the comment is signed, too");
    }

    #[test]
    fn only_whom_it_is_for_can_open_it_and_a_cut_shows() {
        let keys = Keys::new();
        let path = Path::new("packet.zip.age");
        let plain = vec![7; 200_000];
        let sealed = encrypt(&plain, &keys.path("ours.to")).unwrap();
        assert!(is_encrypted(&mut io::Cursor::new(&sealed)).unwrap());
        let open = |bytes: &[u8], who: &str| decrypt(path, bytes, Some(&keys.path(who)), 1 << 20);
        assert_eq!(open(&sealed, "ours.identity").unwrap(), plain);
        assert!(open(&sealed, "theirs.identity").unwrap_err().to_string().contains("wrong key"));
        assert!(decrypt(path, &*sealed, None, 1).unwrap_err().to_string().contains("hint: --identity FILE"));
        for cut in (0..sealed.len()).step_by(9_973) {
            assert!(open(&sealed[..cut], "ours.identity").is_err(), "cut at {cut}");
        }
        let limited = decrypt(path, &*sealed, Some(&keys.path("ours.identity")), 100_000);
        assert!(limited.unwrap_err().to_string().contains("larger than a packet"));
    }

    #[test]
    fn keys_that_are_none_are_refused_by_name() {
        let keys = Keys::new();
        let other = keys.put("other", "hello");
        let packet = keys.put("packet.zip", "PK");
        keys.put("empty.to", "# nobody\n");
        for (error, expected) in [
            (sign(&mut &b""[..], &other, None, "").unwrap_err(), "is no minisign secret key"),
            (check(&packet, Some(&other)).unwrap_err(), "is no minisign public key"),
            (encrypt(b"", &other).unwrap_err(), "no age recipient"),
            (encrypt(b"", &keys.path("empty.to")).unwrap_err(), "names no recipient"),
            (decrypt(&packet, &b""[..], Some(&other), 1).unwrap_err(), "is no age identity"),
        ] {
            assert!(error.to_string().contains(expected), "{expected}: {error}");
        }
    }
}
