//! Who vouches for a playbook: the program itself, a key of the site's trust list, or its hash in the site's settings.
//! Each file that somebody wrote must be vouched for, because what is included can run commands as well.

use super::load::OwnFile;
use crate::seal::signature::{Claim, PublicKey, Signature};
use schemars::JsonSchema;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fmt;
use std::io::Cursor;

/// Whom a site trusts; part of its settings.
#[derive(Debug, Clone, Copy)]
pub struct TrustList<'a> {
    /// Keys, each by the name that the site gives it.
    pub keys: &'a BTreeMap<String, PublicKey>,
    /// SHA-256 of files that are allowed as they are.
    pub files: &'a [FileHash],
}

/// SHA-256 of a file, in 64 small hexadecimal digits, as `sha256sum` prints it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FileHash(String);

impl FileHash {
    /// The hash of a file with this text.
    pub fn of(text: &str) -> FileHash {
        FileHash(Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect())
    }
}

impl fmt::Display for FileHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for FileHash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<FileHash, D::Error> {
        let text = String::deserialize(deserializer)?.trim().to_ascii_lowercase();
        match text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            true => Ok(FileHash(text)),
            false => Err(D::Error::custom("this is no SHA-256: `sha256sum FILE` prints it, 64 hexadecimal digits")),
        }
    }
}

/// By whose word a playbook was run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Trust {
    /// It is part of the program.
    BuiltIn,
    /// Every file of it is signed by a key of the trust list.
    Signed {
        /// Names of the keys in the trust list, each with its number.
        signers: Vec<String>,
    },
    /// Every file of it is signed by a trusted key, or stands with its hash in the settings; one at least does only that.
    AllowedByHash {
        /// The hashes, in hexadecimal.
        sha256: Vec<String>,
    },
    /// Nobody vouches for it; somebody at the terminal allowed its commands.
    AllowedByFlag {
        /// Why nobody does, one sentence for each file.
        why: Vec<String>,
    },
    /// Nobody vouches for it, so it runs no commands.
    Unsigned {
        /// Why nobody does, one sentence for each file.
        why: Vec<String>,
    },
}

impl Trust {
    /// Who vouches for a playbook that was read from these files; from none where it is built in.
    pub fn of(files: &[OwnFile], list: TrustList<'_>) -> Trust {
        let vouchers: Vec<Result<Voucher, String>> = files.iter().map(|file| vouch(file, list)).collect();
        let why: Vec<String> = vouchers.iter().filter_map(|voucher| voucher.as_ref().err().cloned()).collect();
        if !why.is_empty() {
            return Trust::Unsigned { why };
        }
        let (mut signers, mut sha256) = (Vec::new(), Vec::new());
        for voucher in vouchers.into_iter().flatten() {
            match voucher {
                Voucher::Key(signer) if signers.contains(&signer) => {}
                Voucher::Key(signer) => signers.push(signer),
                Voucher::Hash(hash) => sha256.push(hash),
            }
        }
        match (signers.is_empty(), sha256.is_empty()) {
            (_, false) => Trust::AllowedByHash { sha256 },
            (false, true) => Trust::Signed { signers },
            (true, true) => Trust::BuiltIn,
        }
    }

    /// Why nobody vouches for it; empty where somebody does.
    pub fn doubts(&self) -> &[String] {
        match self {
            Trust::AllowedByFlag { why } | Trust::Unsigned { why } => why,
            Trust::BuiltIn | Trust::Signed { .. } | Trust::AllowedByHash { .. } => &[],
        }
    }
}

impl fmt::Display for Trust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Trust::BuiltIn => f.write_str("built in"),
            Trust::Signed { signers } => write!(f, "signed by {}", signers.join(" and ")),
            Trust::AllowedByHash { sha256 } => write!(f, "allowed by hash: {}", sha256.join(", ")),
            Trust::AllowedByFlag { .. } => {
                f.write_str("nobody vouches for it; its commands were allowed at the terminal")
            }
            Trust::Unsigned { why } => write!(f, "nobody vouches for it: {}", why.join("; ")),
        }
    }
}

/// Who vouches for one file.
enum Voucher {
    Key(String),
    Hash(String),
}

/// Who vouches for one file, or why nobody does.
fn vouch(file: &OwnFile, list: TrustList<'_>) -> Result<Voucher, String> {
    let hash = FileHash::of(&file.text);
    let name = file.path.display();
    let by_key = match Claim::beside(&file.path) {
        Ok(None) => Err(format!("no signature lies beside `{name}`")),
        // The whole of an error is for a terminal; here its first line is the reason.
        Err(error) => Err(error.message().to_owned()),
        Ok(Some(claim)) => signer(&claim, file, list.keys),
    };
    match by_key {
        Ok(signer) => Ok(Voucher::Key(signer)),
        Err(_) if list.files.contains(&hash) => Ok(Voucher::Hash(hash.to_string())),
        Err(why) => Err(why),
    }
}

fn signer(claim: &Claim, file: &OwnFile, keys: &BTreeMap<String, PublicKey>) -> Result<String, String> {
    let (claimed, name) = (claim.key(), file.path.display());
    let mut why = format!("`{name}` is signed with the key {claimed}, which is not in the trust list");
    for (owner, key) in keys {
        match claim.check(key, Cursor::new(&file.text)) {
            Signature::Good { key, .. } => return Ok(format!("{owner} ({key})")),
            Signature::Broken { .. } => {
                why = format!("`{name}` is not what {owner} ({claimed}) signed: it or its signature was changed");
            }
            _ => {}
        }
    }
    Err(why)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seal::signature::{Password, Signer, signature_path};
    use std::fs;
    use std::path::Path;

    /// A folder with a secret key and the trust list that holds its public half as `desk`.
    fn desk(folder: &Path) -> (Signer, BTreeMap<String, PublicKey>) {
        let pair = minisign::KeyPair::generate_unencrypted_keypair().unwrap();
        let path = folder.join("desk.key");
        fs::write(&path, pair.sk.to_box(None).unwrap().into_string()).unwrap();
        let signer = Signer::open(&path, Password { file: None, ask: &|_| None }).unwrap();
        let keys = BTreeMap::from([("desk".to_owned(), signer.public())]);
        (signer, keys)
    }

    #[test]
    fn every_file_must_be_vouched_for() {
        let folder = tempfile::tempdir().unwrap();
        let (signer, keys) = desk(folder.path());
        let files: Vec<OwnFile> = ["book.toml", "part.toml"]
            .into_iter()
            .map(|name| OwnFile { path: folder.path().join(name), text: format!("# {name}") })
            .collect();
        let judge = |hashes: &[FileHash]| Trust::of(&files, TrustList { keys: &keys, files: hashes });
        let sign = |file: &OwnFile| {
            fs::write(signature_path(&file.path), signer.sign(&mut file.text.as_bytes(), "").unwrap()).unwrap();
        };
        assert_eq!(judge(&[]).doubts().len(), 2);
        sign(&files[0]);
        assert!(judge(&[]).doubts().concat().contains("part.toml"), "{}", judge(&[]));
        let hash = FileHash::of(&files[1].text);
        assert_eq!(judge(std::slice::from_ref(&hash)), Trust::AllowedByHash { sha256: vec![hash.to_string()] });
        sign(&files[1]);
        assert_eq!(judge(&[]).to_string(), format!("signed by desk ({})", signer.public().id()));
        let none = BTreeMap::new();
        let nobody = Trust::of(&files, TrustList { keys: &none, files: &[] });
        assert!(nobody.doubts().concat().contains("not in the trust list"), "{nobody}");
        assert_eq!(Trust::of(&[], TrustList { keys: &none, files: &[] }), Trust::BuiltIn);
    }

    #[test]
    fn the_signature_is_for_the_text_that_was_read() {
        let folder = tempfile::tempdir().unwrap();
        let (signer, keys) = desk(folder.path());
        let path = folder.path().join("book.toml");
        fs::write(&path, "# good").unwrap();
        fs::write(signature_path(&path), signer.sign(&mut &b"# good"[..], "").unwrap()).unwrap();
        let read = OwnFile { path, text: "# bad".into() };
        let trust = Trust::of(&[read], TrustList { keys: &keys, files: &[] });
        assert!(trust.doubts().concat().contains("was changed"), "{trust}");
    }
}
