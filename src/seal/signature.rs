//! Signatures that the stock tool `minisign` makes and checks.

use super::{bounded, senseless, text, with_ending};
use crate::error::{Error, Result};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use minisign::{PublicKeyBox, SecretKey, SecretKeyBox, SignatureBox};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fs::File;
use std::io::{self, Read, Seek};
use std::path::{Path, PathBuf};

/// What the stock tool appends to the name of what it signed.
pub const SIGNATURE_ENDING: &str = "minisig";

/// The name of a file that means standard input.
const STANDARD_INPUT: &str = "-";

/// What is known about who made a file.
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

/// A key that checks signatures. In settings it is the one line of base64 that stands in the stock tool's file.
#[derive(Debug, Clone)]
pub struct PublicKey(minisign::PublicKey);

impl PublicKey {
    /// Reads the file of the stock tool, or one that holds only its one line.
    ///
    /// # Errors
    /// Where it cannot be read, or is none.
    pub fn from_file(path: &Path) -> Result<PublicKey> {
        const WHAT: &str = "minisign public key";
        let held = text(path, WHAT)?;
        let from_file = || PublicKeyBox::from_string(&held).ok()?.into_public_key().ok();
        let key = from_file().or_else(|| minisign::PublicKey::from_base64(held.trim()).ok());
        key.map(PublicKey).ok_or_else(|| senseless(path, WHAT))
    }

    /// Its number, as the stock tool writes it.
    pub fn id(&self) -> String {
        id(self.0.keynum())
    }
}

impl PartialEq for PublicKey {
    fn eq(&self, other: &PublicKey) -> bool {
        self.0.to_bytes() == other.0.to_bytes()
    }
}

impl Eq for PublicKey {}

impl Serialize for PublicKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0.to_base64())
    }
}

impl<'de> Deserialize<'de> for PublicKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<PublicKey, D::Error> {
        let line = String::deserialize(deserializer)?;
        minisign::PublicKey::from_base64(line.trim())
            .map(PublicKey)
            .map_err(|_| D::Error::custom("this is no minisign public key: the second line of its `.pub` file is one"))
    }
}

fn id(number: &[u8]) -> String {
    number.iter().rev().map(|byte| format!("{byte:02X}")).collect()
}

/// Where the password of a secret key comes from.
#[derive(Clone, Copy)]
pub struct Password<'a> {
    /// A file; `-` for standard input.
    pub file: Option<&'a Path>,
    /// Asks the person at the terminal; none where nobody is there.
    pub ask: &'a dyn Fn(&str) -> Option<String>,
}

impl Password<'_> {
    fn read(&self, key: &Path) -> Result<String> {
        const WHAT: &str = "password file";
        let held = match self.file {
            Some(file) if file == Path::new(STANDARD_INPUT) => bounded(io::stdin())
                .map_err(|error| Error::environment("cannot read the password from standard input").because(&error))?
                .ok_or_else(|| Error::usage("standard input holds no password"))?,
            Some(file) => text(file, WHAT)?,
            None => {
                let question = format!("Password of {}:", key.display());
                return (self.ask)(&question).ok_or_else(|| {
                    Error::usage(format!("the secret key `{}` has a password", key.display()))
                        .hint("--password-file FILE names the file that holds it; `-` is standard input")
                });
            }
        };
        Ok(held.trim_end_matches(['\n', '\r']).to_owned())
    }
}

/// A secret key, open.
pub struct Signer {
    secret: SecretKey,
    public: minisign::PublicKey,
}

impl Signer {
    /// Opens the key in a file of the stock tool, with its password where it has one.
    ///
    /// # Errors
    /// Where the key or its password cannot be read, or do not fit together.
    pub fn open(key: &Path, password: Password<'_>) -> Result<Signer> {
        const WHAT: &str = "minisign secret key";
        let held = text(key, WHAT)?;
        // The stock tool writes no checksum into a key without a password, which the library's own reader wants.
        let line = held.lines().nth(1).unwrap_or_default();
        let bytes = BASE64.decode(line.trim()).map_err(|_| senseless(key, WHAT))?;
        let mut secret = SecretKey::from_bytes(&bytes).map_err(|_| senseless(key, WHAT))?;
        let does_not_open = |error: &dyn std::error::Error| {
            Error::usage(format!("the secret key `{}` does not open", key.display())).because(error)
        };
        if secret.is_encrypted() {
            let password = password.read(key)?;
            secret = SecretKeyBox::from(held).into_secret_key(Some(password)).map_err(|error| does_not_open(&error))?;
        }
        // A damaged key without a checksum must not make signatures that nobody can check.
        let public = minisign::PublicKey::from_secret_key(&secret).map_err(|error| does_not_open(&error))?;
        Ok(Signer { secret, public })
    }

    /// The key that checks what this one signs.
    pub fn public(&self) -> PublicKey {
        PublicKey(self.public.clone())
    }

    /// Signs what can be read from `from`; the result is the text of a signature file. The comment is signed, too.
    ///
    /// # Errors
    /// Where `from` cannot be read.
    pub fn sign(&self, from: &mut impl Read, comment: &str) -> Result<String> {
        // One line of the signature file, and not a long one.
        let comment: String = comment.chars().filter(|character| !character.is_control()).take(200).collect();
        minisign::sign(Some(&self.public), &self.secret, from, Some(&comment), Some("signature by firstline"))
            .map(minisign::SignatureBox::into_string)
            .map_err(|error| Error::environment("the file could not be signed").because(&error))
    }
}

/// Where the signature of a file lies: beside it.
pub fn signature_path(signed: &Path) -> PathBuf {
    with_ending(signed, SIGNATURE_ENDING)
}

/// A signature that lies beside a file, and says by which key it is. Nothing is proven yet.
pub struct Claim {
    held: SignatureBox,
}

impl Claim {
    /// The signature beside a file; none where none is there.
    ///
    /// # Errors
    /// Where it cannot be read, or is none.
    pub fn beside(signed: &Path) -> Result<Option<Claim>> {
        const WHAT: &str = "minisign signature";
        let path = signature_path(signed);
        // A link that leads nowhere is there, and cannot be read.
        if path.symlink_metadata().is_err_and(|error| error.kind() == io::ErrorKind::NotFound) {
            return Ok(None);
        }
        // Nobody named this file, so a pipe or a device, which could keep us waiting for ever, is not opened.
        if path.metadata().is_ok_and(|metadata| !metadata.is_file()) {
            return Err(senseless(&path, WHAT));
        }
        let text = text(&path, WHAT)?;
        let held = SignatureBox::from_string(&text).ok().filter(|_| is_whole(&text));
        held.map(|held| Some(Claim { held })).ok_or_else(|| senseless(&path, WHAT))
    }

    /// The number of the key that it claims.
    pub fn key(&self) -> String {
        id(self.held.keynum())
    }

    /// Whether it is by this key and over these bytes.
    pub fn check(&self, key: &PublicKey, signed: impl Read + Seek) -> Signature {
        let (claimed, given) = (self.key(), key.id());
        if claimed != given {
            return Signature::WrongKey { key: claimed, given };
        }
        let comment = self.held.trusted_comment().unwrap_or_default();
        match minisign::verify(&key.0, &self.held, signed, true, false, false) {
            Ok(()) => Signature::Good { key: claimed, comment },
            Err(error) => Signature::Broken { key: claimed, why: error.to_string() },
        }
    }
}

/// Whether the signature of the file and that of the comment have their full lengths: the library takes shorter ones, and
/// panics over them when it checks.
fn is_whole(text: &str) -> bool {
    // The second line holds the algorithm, the number of the key and the signature of the file; the fourth a signature.
    const LENGTHS: [(usize, usize); 2] = [(1, 2 + 8 + 64), (3, 64)];
    let lines: Vec<&str> = text.lines().collect();
    LENGTHS.iter().all(|(line, length)| {
        let bytes = lines.get(*line).and_then(|line| BASE64.decode(line.trim()).ok());
        bytes.is_some_and(|bytes| bytes.len() == *length)
    })
}

/// Checks the signature that lies beside a file.
///
/// # Errors
/// Where the file, the signature or the key cannot be read, or is none.
pub fn check(path: &Path, key: Option<&Path>) -> Result<Signature> {
    let given = key.map(PublicKey::from_file).transpose()?;
    let Some(claim) = Claim::beside(path)? else { return Ok(Signature::Unsigned) };
    let Some(given) = given else { return Ok(Signature::NotChecked { key: claim.key() }) };
    let file = File::open(path)
        .map_err(|error| Error::environment(format!("cannot read `{}`", path.display())).because(&error))?;
    Ok(claim.check(&given, file))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

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
            }
            keys
        }

        fn put(&self, name: &str, text: &str) -> PathBuf {
            let path = self.path(name);
            fs::write(&path, text).unwrap();
            path
        }

        fn path(&self, name: &str) -> PathBuf {
            self.folder.path().join(name)
        }
    }

    fn open(key: &Path) -> Result<Signer> {
        Signer::open(key, Password { file: None, ask: &|_| None })
    }

    #[test]
    fn a_signature_tells_unsigned_good_wrong_key_and_changed() {
        let keys = Keys::new();
        let packet = keys.put("packet.zip", "PK whatever");
        let ours = keys.path("ours.pub");
        assert_eq!(check(&packet, Some(&ours)).unwrap(), Signature::Unsigned);
        let signature = open(&keys.path("ours.key")).unwrap().sign(&mut &b"PK whatever"[..], "run\n 1").unwrap();
        fs::write(signature_path(&packet), &signature).unwrap();
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
    fn what_is_cut_too_large_or_no_file_is_no_signature() {
        let keys = Keys::new();
        let packet = keys.put("packet.zip", "PK");
        let whole = open(&keys.path("ours.key")).unwrap().sign(&mut &b"PK"[..], "").unwrap();
        let beside = signature_path(&packet);
        let good = |text: &str| {
            fs::write(&beside, text).unwrap();
            check(&packet, Some(&keys.path("ours.pub"))).is_ok_and(|signature| signature.is_good(true))
        };
        assert!(good(&whole));
        // The last line end is not needed to read it.
        for cut in 0..whole.trim_end().len() {
            assert!(!good(&whole[..cut]), "cut at {cut}");
        }
        assert!(!good(&format!("{whole}{}", "x".repeat(1 << 20))));
        fs::remove_file(&beside).unwrap();
        fs::create_dir(&beside).unwrap();
        assert!(check(&packet, None).unwrap_err().to_string().contains("is no minisign signature"));
    }

    #[test]
    fn keys_that_are_none_are_refused_by_name() {
        let keys = Keys::new();
        let other = keys.put("other", "hello");
        let packet = keys.put("packet.zip", "PK");
        assert!(open(&other).err().unwrap().to_string().contains("is no minisign secret key"));
        assert!(check(&packet, Some(&other)).unwrap_err().to_string().contains("is no minisign public key"));
    }
}
