//! Encryption to people: the file format of the stock tool `age`.

use super::{senseless, text};
use crate::error::{Error, Result};
use age::armor::ArmoredReader;
use std::io::{self, BufReader, Read, Seek, SeekFrom, Write};
use std::path::Path;

/// What the stock tool appends to the name of what it encrypted.
pub const ENCRYPTED_ENDING: &str = "age";

/// How an encrypted packet begins, plain and as text (age-encryption.org/v1).
const MAGICS: [&[u8]; 2] = [b"age-encryption.org/v1", b"-----BEGIN AGE ENCRYPTED FILE-----"];

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
    use std::path::PathBuf;

    struct Keys {
        folder: tempfile::TempDir,
    }

    impl Keys {
        fn new() -> Keys {
            let keys = Keys { folder: tempfile::tempdir().unwrap() };
            for name in ["ours", "theirs"] {
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
        keys.put("empty.to", "# nobody\n");
        for (error, expected) in [
            (encrypt(b"", &other).unwrap_err(), "no age recipient"),
            (encrypt(b"", &keys.path("empty.to")).unwrap_err(), "names no recipient"),
            (decrypt(Path::new("packet.zip"), &b""[..], Some(&other), 1).unwrap_err(), "is no age identity"),
        ] {
            assert!(error.to_string().contains(expected), "{expected}: {error}");
        }
    }
}
