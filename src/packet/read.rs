//! Reading a packet that somebody sent: zip or bare JSON, with a cap on everything that a stranger decides.

use super::excerpt::{self, Excerpt, Excerpts};
use super::manifest::{self, Manifest};
use super::{Packet, SCHEMA};
use crate::error::{Error, Result};
use crate::packet::write::{Attached, EVIDENCE, Files, PLAYBOOK, hex};
use crate::seal::encryption;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, Cursor, Read, Seek, SeekFrom};
use std::path::Path;
use zip::ZipArchive;

/// Name of the file with the checksums.
pub const SUMS: &str = "SHA256SUMS";

/// A file larger than this was not made by this program: the spool takes 32 MiB of evidence.
const LARGEST_FILE: u64 = 256 << 20;
/// `packet.json` unpacked.
const LARGEST_JSON: u64 = 64 << 20;
/// All files of an archive unpacked: the guard against zip bombs.
const LARGEST_UNPACKED: u64 = 512 << 20;
/// Files in an archive: one or two for each observation.
const MOST_FILES: usize = 10_000;
/// Longest name of a file in an archive.
const LONGEST_NAME: usize = 255;

/// A packet and what lies beside it.
#[derive(Debug)]
pub struct Opened {
    pub packet: Packet,
    /// Every file of the archive with its unpacked size; empty for bare JSON.
    pub files: Vec<(String, u64)>,
}

/// What `verify` found.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Verified {
    /// How many files match their checksum.
    pub files: usize,
    /// What is wrong, in sentences; empty where the packet is whole.
    pub wrong: Vec<String>,
}

/// Opens a packet, zip or JSON.
///
/// # Errors
/// Where the file cannot be read, is no packet, or is one of a later version.
pub fn open(path: &Path) -> Result<Opened> {
    open_with(path, None)
}

/// Opens a packet that may be encrypted to one of the age identities in a file.
///
/// # Errors
/// As [`open`], and where it is encrypted and no identity opens it.
pub fn open_with(path: &Path, identity: Option<&Path>) -> Result<Opened> {
    let mut file = open_file(path, identity)?;
    if !is_zip(&mut file).map_err(|error| unreadable(path, &error))? {
        let bytes = read_capped(&mut file, LARGEST_JSON, path, "the file")?;
        return Ok(Opened { packet: parse(path, &bytes)?, files: Vec::new() });
    }
    let mut archive = open_archive(path, file)?;
    let bytes = unpack(&mut archive, "packet.json", LARGEST_JSON, path)?;
    let mut files = Vec::new();
    for index in 0..archive.len() {
        let entry = archive.by_index(index).map_err(|error| broken(path, &error))?;
        files.push((entry.name().map(|name| name.into_owned()).unwrap_or_default(), entry.size()));
    }
    let mut packet = parse(path, &bytes)?;
    // Archives of before there were manifests have none.
    if files.iter().any(|(name, _)| name == manifest::NAME) {
        packet.manifest = Some(hex(&unpack(&mut archive, manifest::NAME, LARGEST_JSON, path)?));
    }
    packet.excerpts = excerpts(&mut archive, &files, path)?;
    Ok(Opened { packet, files })
}

/// What lies in a packet beside its document; nothing for bare JSON.
///
/// # Errors
/// As [`open_with`].
pub fn attached(path: &Path, identity: Option<&Path>) -> Result<Attached> {
    let folder = |prefix: &str| folder(path, identity, prefix);
    Ok(Attached { evidence: folder(EVIDENCE)?, playbook: folder(PLAYBOOK)? })
}

/// The text of the playbook that a packet was made with; nothing for bare JSON, and for packets of before it was kept.
///
/// # Errors
/// As [`open_with`].
pub fn playbook(path: &Path, identity: Option<&Path>) -> Result<Files> {
    folder(path, identity, PLAYBOOK)
}

/// The files in a folder of the archive, without its name.
fn folder(path: &Path, identity: Option<&Path>, prefix: &str) -> Result<Files> {
    let mut file = open_file(path, identity)?;
    if !is_zip(&mut file).map_err(|error| unreadable(path, &error))? {
        return Ok(Vec::new());
    }
    let mut archive = open_archive(path, file)?;
    let names: Vec<String> = archive.file_names().filter_map(|name| Some(name.ok()?.into_owned())).collect();
    let inside = names.iter().filter_map(|name| Some((name, name.strip_prefix(prefix)?)));
    let mut files = Vec::new();
    let mut left = LARGEST_UNPACKED;
    for (name, short) in inside {
        let bytes = unpack(&mut archive, name, left, path)?;
        left -= bytes.len() as u64;
        files.push((short.to_owned(), bytes));
    }
    Ok(files)
}

/// How the evidence begins. No more of it is unpacked.
fn excerpts(archive: &mut ZipArchive<Bytes>, files: &[(String, u64)], path: &Path) -> Result<Excerpts> {
    let mut excerpts = Excerpts::new();
    let evidence = files.iter().filter_map(|(name, bytes)| Some((name, name.strip_prefix(EVIDENCE)?, bytes)));
    for (name, short, bytes) in evidence.take(excerpt::MOST) {
        let entry = archive.by_name(name).map_err(|error| broken(path, &error))?;
        let start = read_start(entry, path, name)?;
        excerpts.insert(short.to_owned(), Excerpt::of(&start, *bytes));
    }
    Ok(excerpts)
}

fn read_start(entry: impl Read, path: &Path, name: &str) -> Result<Vec<u8>> {
    let mut start = Vec::new();
    let read = entry.take(excerpt::LENGTH as u64).read_to_end(&mut start);
    read.map(|_| start).map_err(|error| damaged(path, &format!("`{name}`"), &error))
}

/// Compares every file of an archive with its checksum.
///
/// # Errors
/// Where the file cannot be read or is no archive at all.
pub fn verify(path: &Path, identity: Option<&Path>) -> Result<Verified> {
    let mut file = open_file(path, identity)?;
    if !is_zip(&mut file).map_err(|error| unreadable(path, &error))? {
        return Err(Error::usage(format!("`{}` is a packet without checksums", path.display()))
            .hint("verify the zip that lies beside it"));
    }
    let mut archive = open_archive(path, file)?;
    let mut wrong = Vec::new();
    let sums = match unpack(&mut archive, SUMS, LARGEST_JSON, path) {
        Ok(bytes) => read_sums(&bytes, &mut wrong),
        Err(error) => return Ok(Verified { files: 0, wrong: vec![error.to_string()] }),
    };
    let names: BTreeSet<String> =
        archive.file_names().filter_map(|name| name.ok().map(|name| name.into_owned())).collect();
    for name in names.iter().filter(|name| *name != SUMS && !sums.contains_key(*name)) {
        wrong.push(format!("`{name}` is not in {SUMS}"));
    }
    let mut good = 0;
    for (name, expected) in &sums {
        if !names.contains(name) {
            wrong.push(format!("`{name}` is missing"));
            continue;
        }
        match unpack(&mut archive, name, LARGEST_UNPACKED, path) {
            Ok(bytes) if hex(&bytes) == *expected => {
                good += 1;
                if name == "packet.json"
                    && let Err(error) = parse(path, &bytes)
                {
                    wrong.push(error.to_string());
                }
            }
            Ok(_) => wrong.push(format!("`{name}` was changed after the packet was made")),
            Err(error) => wrong.push(error.to_string()),
        }
    }
    if names.contains(manifest::NAME) {
        compare_manifest(&mut archive, &sums, &mut wrong, path)?;
    }
    if !sums.contains_key("packet.json") {
        wrong.push(format!("`packet.json` is not in {SUMS}"));
    }
    Ok(Verified { files: good, wrong })
}

/// What a packet is read from: the file, or what was encrypted in it.
trait Source: Read + Seek {}
impl<T: Read + Seek> Source for T {}
type Bytes = Box<dyn Source>;

fn open_file(path: &Path, identity: Option<&Path>) -> Result<Bytes> {
    let mut file = File::open(path).map_err(|error| unreadable(path, &error))?;
    let facts = file.metadata().map_err(|error| unreadable(path, &error))?;
    if facts.is_dir() {
        return Err(Error::usage(format!("`{}` is a folder, not a packet", path.display())));
    }
    if facts.len() > LARGEST_FILE {
        let limit = LARGEST_FILE >> 20;
        return Err(Error::usage(format!("`{}` is larger than a packet can be ({limit} MiB)", path.display())));
    }
    if encryption::is_encrypted(&mut file).map_err(|error| unreadable(path, &error))? {
        return Ok(Box::new(Cursor::new(encryption::decrypt(path, file, identity, LARGEST_FILE)?)));
    }
    Ok(Box::new(file))
}

/// The bytes of a packet, as they lie there.
///
/// # Errors
/// Where it cannot be read, or is larger than a packet can be.
pub fn whole(path: &Path) -> Result<Vec<u8>> {
    let mut file = File::open(path).map_err(|error| unreadable(path, &error))?;
    read_capped(&mut file, LARGEST_FILE, path, "the file")
}

/// The manifest covers every file but the letters, and the letters name the manifest.
fn compare_manifest(
    archive: &mut ZipArchive<Bytes>,
    sums: &BTreeMap<String, String>,
    wrong: &mut Vec<String>,
    path: &Path,
) -> Result<()> {
    let bytes = unpack(archive, manifest::NAME, LARGEST_JSON, path)?;
    let hash = hex(&bytes);
    let Ok(read) = serde_json::from_slice::<Manifest>(&bytes) else {
        wrong.push(format!("`{}` cannot be read", manifest::NAME));
        return Ok(());
    };
    let marked: BTreeMap<&str, &str> =
        read.files.iter().map(|file| (file.name.as_str(), file.sha256.as_str())).collect();
    for (name, sum) in sums.iter().filter(|(name, _)| *name != manifest::NAME) {
        if manifest::is_letter(name) {
            let names_it = unpack(archive, name, LARGEST_JSON, path)
                .is_ok_and(|letter| letter.windows(hash.len()).any(|part| part == hash.as_bytes()));
            if !names_it {
                wrong.push(format!("`{name}` is not the letter of this packet: it names another manifest or none"));
            }
        } else if marked.get(name.as_str()) != Some(&sum.as_str()) {
            wrong.push(format!("`{name}` is not as the manifest says"));
        }
    }
    for name in marked.keys().filter(|name| !sums.contains_key(**name)) {
        wrong.push(format!("`{name}` is in the manifest and not in {SUMS}"));
    }
    Ok(())
}

fn unreadable(path: &Path, error: &io::Error) -> Error {
    let error_out = Error::environment(format!("cannot read the packet `{}`", path.display()));
    error_out.because(error)
}

fn broken(path: &Path, error: &zip::result::ZipError) -> Error {
    Error::usage(format!("the packet `{}` is damaged or cut off", path.display())).because(error)
}

fn damaged(path: &Path, what: &str, error: &io::Error) -> Error {
    Error::usage(format!("the packet `{}` is damaged: {what} cannot be read", path.display())).because(error)
}

fn is_zip(file: &mut Bytes) -> io::Result<bool> {
    let mut start = [0; 2];
    let mut filled = 0;
    while filled < start.len() {
        match file.read(&mut start[filled..])? {
            0 => break,
            read => filled += read,
        }
    }
    file.seek(SeekFrom::Start(0))?;
    Ok(start == *b"PK")
}

fn open_archive(path: &Path, file: Bytes) -> Result<ZipArchive<Bytes>> {
    let archive = ZipArchive::new(file).map_err(|error| broken(path, &error))?;
    let refuse = |why: String| Err(Error::usage(format!("`{}` is not a packet: {why}", path.display())));
    if archive.len() > MOST_FILES {
        return refuse(format!("it holds {} files", archive.len()));
    }
    if archive.has_duplicate_names() {
        return refuse("two of its files have the same name".to_owned());
    }
    if archive.decompressed_size().is_some_and(|size| size > u128::from(LARGEST_UNPACKED)) {
        return refuse(format!("unpacked it is larger than {} MiB", LARGEST_UNPACKED >> 20));
    }
    for name in archive.file_names() {
        let name = name.map_err(|error| broken(path, &error))?;
        if !is_safe(&name) {
            return refuse(format!("the file name `{name}` leads out of it"));
        }
    }
    Ok(archive)
}

/// Plain relative names only. Nothing is ever unpacked to disk, but what passes here may be by another tool.
fn is_safe(name: &str) -> bool {
    name.len() <= LONGEST_NAME
        && !name.starts_with('/')
        && !name.contains(['\\', ':'])
        && !name.chars().any(char::is_control)
        && name.split('/').all(|part| part != ".." && part != ".")
}

fn unpack(archive: &mut ZipArchive<Bytes>, name: &str, limit: u64, path: &Path) -> Result<Vec<u8>> {
    let mut entry = match archive.by_name(name) {
        Ok(entry) => entry,
        Err(zip::result::ZipError::FileNotFound) => {
            return Err(Error::usage(format!("`{}` is not a packet: it holds no `{name}`", path.display())));
        }
        Err(error) => return Err(broken(path, &error)),
    };
    read_capped(&mut entry, limit, path, &format!("`{name}`"))
}

/// Reads at most `limit` bytes, whatever the header claims.
pub(super) fn read_capped(from: &mut impl Read, limit: u64, path: &Path, what: &str) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    from.take(limit + 1).read_to_end(&mut bytes).map_err(|error| damaged(path, what, &error))?;
    if bytes.len() as u64 > limit {
        let limit = limit >> 20;
        return Err(Error::usage(format!("`{}` is not a packet: {what} is over {limit} MiB", path.display())));
    }
    Ok(bytes)
}

pub(super) fn parse(path: &Path, bytes: &[u8]) -> Result<Packet> {
    #[derive(serde::Deserialize)]
    struct Marked {
        #[serde(default)]
        schema: String,
    }
    let no_packet = |why: &str| Error::usage(format!("`{}` is not a packet: {why}", path.display()));
    let text = std::str::from_utf8(bytes).map_err(|error| no_packet("it is not UTF-8 text").because(&error))?;
    let marked: Marked =
        serde_json::from_str(text).map_err(|error| no_packet("it is not a JSON object").because(&error))?;
    match marked.schema.as_str() {
        SCHEMA => {}
        "" => return Err(no_packet("it names no schema")),
        other if other.starts_with("firstline.packet/") => {
            return Err(Error::usage(format!(
                "`{}` has the schema `{other}`; this program reads `{SCHEMA}`",
                path.display()
            ))
            .hint("use the version of firstline that made it, or a later one"));
        }
        other => return Err(no_packet(&format!("its schema is `{other}`"))),
    }
    serde_json::from_str(text).map_err(|error| no_packet("a field of it cannot be read").because(&error))
}

fn read_sums(bytes: &[u8], wrong: &mut Vec<String>) -> BTreeMap<String, String> {
    let mut sums = BTreeMap::new();
    for line in String::from_utf8_lossy(bytes).lines() {
        match line.split_once("  ") {
            Some((sum, name)) if sum.len() == 64 => {
                sums.insert(name.to_owned(), sum.to_ascii_lowercase());
            }
            _ => wrong.push(format!("{SUMS} has a line that makes no sense")),
        }
    }
    sums
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use zip::write::SimpleFileOptions;

    const EXAMPLE: &str = "tests/packets/v1/stale-vpn-resolver.json";

    fn file(bytes: &[u8]) -> tempfile::NamedTempFile {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(bytes).unwrap();
        file
    }

    fn zipped(files: &[(&str, &[u8])]) -> tempfile::NamedTempFile {
        let mut archive = zip::ZipWriter::new(io::Cursor::new(Vec::new()));
        for (name, bytes) in files {
            archive.start_file(*name, SimpleFileOptions::default()).unwrap();
            archive.write_all(bytes).unwrap();
        }
        file(&archive.finish().unwrap().into_inner())
    }

    #[test]
    fn what_is_no_packet_is_refused_with_the_reason() {
        let example = std::fs::read_to_string(EXAMPLE).unwrap();
        let cases: [(&[u8], &str); 8] = [
            (b"", "it is not a JSON object"),
            (b"\xff\xfe", "it is not UTF-8 text"),
            (b"{}", "it names no schema"),
            (br#"{"schema":"other/1"}"#, "its schema is `other/1`"),
            (br#"{"schema":"firstline.packet/9"}"#, "this program reads `firstline.packet/1`"),
            (br#"{"schema":"firstline.packet/1"}"#, "a field of it cannot be read"),
            (&example.as_bytes()[..example.len() / 2], "it is not a JSON object"),
            (b"PK\x03\x04cut", "damaged or cut off"),
        ];
        for (bytes, expected) in cases {
            let error = open(file(bytes).path()).unwrap_err().to_string();
            assert!(error.contains(expected), "{expected} is not in {error}");
        }
    }

    #[test]
    fn deep_nesting_is_an_error_and_no_crash() {
        let deep = "[".repeat(100_000);
        assert!(open(file(deep.as_bytes()).path()).is_err());
    }

    #[test]
    fn an_archive_that_tricks_is_refused() {
        type Files<'a> = &'a [(&'a str, &'a [u8])];
        let cases: [(Files<'_>, &str); 3] = [
            (&[("../evil", b"x")], "leads out of it"),
            (&[("/etc/x", b"x")], "leads out of it"),
            (&[("other.txt", b"x")], "it holds no `packet.json`"),
        ];
        for (files, expected) in cases {
            let error = open(zipped(files).path()).unwrap_err().to_string();
            assert!(error.contains(expected), "{expected} is not in {error}");
        }
    }

    #[test]
    fn a_bomb_is_not_unpacked() {
        let zeros = vec![b' '; (LARGEST_JSON + 2) as usize];
        let error = open(zipped(&[("packet.json", &zeros)]).path()).unwrap_err().to_string();
        assert!(error.contains("is over 64 MiB"), "{error}");
    }

    #[test]
    fn verify_names_what_was_changed_added_and_taken_away() {
        let packet = std::fs::read(EXAMPLE).unwrap();
        let sums = format!("{}  packet.json\n{}  summary.txt\n{}  gone.txt\n", hex(&packet), hex(b"a"), hex(b"b"));
        let archive = zipped(&[
            ("packet.json", &packet),
            ("summary.txt", b"changed"),
            ("extra.txt", b"x"),
            (SUMS, sums.as_bytes()),
        ]);
        let verified = verify(archive.path(), None).unwrap();
        assert_eq!(verified.files, 1);
        assert_eq!(
            verified.wrong,
            [
                "`extra.txt` is not in SHA256SUMS",
                "`gone.txt` is missing",
                "`summary.txt` was changed after the packet was made",
            ]
        );
    }
    /// Overwrites the bytes that follow each place where `mark` stands, `at` bytes behind its start.
    fn patched(bytes: &[u8], mark: &[u8], at: usize, with: &[u8]) -> Vec<u8> {
        let mut bytes = bytes.to_vec();
        let places: Vec<usize> =
            bytes.windows(mark.len()).enumerate().filter(|(_, part)| *part == mark).map(|(place, _)| place).collect();
        assert!(!places.is_empty());
        for place in places {
            bytes[place + at..place + at + with.len()].copy_from_slice(with);
        }
        bytes
    }

    #[test]
    fn claims_of_ten_gibibytes_doubled_names_and_bad_names_are_refused() {
        let packet = std::fs::read(EXAMPLE).unwrap();
        let archive = zipped(&[("packet.json", &packet), ("aa.txt", b"1"), ("ab.txt", b"2"), ("ac.txt", b"3")]);
        let good = std::fs::read(archive.path()).unwrap();
        assert!(open(archive.path()).is_ok());
        // APPNOTE.TXT 4.3.12: the size unpacked stands 24 bytes into an entry of the directory. Four times 4 GiB.
        let claims = patched(&good, b"PK\x01\x02", 24, &0xffff_fff0_u32.to_le_bytes());
        let doubled = patched(&good, b"ab.txt", 0, b"aa.txt");
        let bad = patched(&good, b"ab.txt", 0, b"a\x1b\xff\xfe\n.");
        for (bytes, expected) in [(claims, "larger than 512 MiB"), (doubled, "same name"), (bad, "is not a packet")] {
            let error = open(file(&bytes).path()).unwrap_err().to_string();
            assert!(error.contains(expected), "{expected} is not in {error}");
            assert!(verify(file(&bytes).path(), None).is_err());
        }
    }

    #[test]
    fn an_archive_cut_anywhere_is_refused() {
        let packet = std::fs::read(EXAMPLE).unwrap();
        let whole = std::fs::read(zipped(&[("packet.json", &packet), (SUMS, b"x")]).path()).unwrap();
        for end in (0..whole.len()).step_by(37) {
            let cut = file(&whole[..end]);
            assert!(open(cut.path()).is_err() && verify(cut.path(), None).is_err(), "cut at {end}");
        }
    }
}
