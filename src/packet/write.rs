//! Writing the packet: one zip, built whole and renamed into place, with the summary and the JSON beside it. The bytes
//! depend on the packet alone: fixed order, fixed times.

use super::Packet;
use super::excerpt::excerpts;
use super::manifest::{self, FileMark, Manifest};
use super::purge::PACKETS;
use super::redact::{Gate, Level};
use crate::report;
use sha2::{Digest, Sha256};
use std::fmt::Write as _;
use std::fs;
use std::io::{self, Cursor, Write};
use std::path::{Path, PathBuf};
use zip::write::SimpleFileOptions;

/// Deflate level 1: the packet is small and the person waits.
const LEVEL: i64 = 1;

/// Evidence by file name.
pub type Files = Vec<(String, Vec<u8>)>;

/// The folder of the evidence in an archive.
pub(in crate::packet) const EVIDENCE: &str = "evidence/";
/// The folder of the playbook in an archive.
pub(in crate::packet) const PLAYBOOK: &str = "playbook/";

/// What lies in an archive beside the packet's document and the letters.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Attached {
    pub evidence: Files,
    /// The text of the playbook that was run, and of what it includes; see [`super::source`].
    pub playbook: Files,
}

/// Files of an archive by name.
pub type Contents<'a> = [(String, &'a [u8])];

/// A folder that a packet may go to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    pub folder: PathBuf,
    /// Days after which packets there are removed by themselves; none where they stay.
    pub kept_days: Option<u32>,
}

impl Place {
    /// A folder that somebody chose: what goes there is theirs.
    pub fn chosen(folder: &Path) -> Place {
        Place { folder: std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned()), kept_days: None }
    }

    /// The packets of these state folders, which are kept for so many days, or for ever where that is zero.
    pub fn of_state(state: &[PathBuf], days: u32) -> impl Iterator<Item = Place> {
        let kept_days = (days > 0).then_some(days);
        state.iter().map(move |folder| Place { folder: folder.join(PACKETS), kept_days })
    }
}

/// Where a packet went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    pub path: PathBuf,
}

/// Writes the packet into the first of `places` that takes it, with at most `limit` bytes. What did not work is added
/// to the run's warnings, and so is the path: both are part of the packet that is written, so they pass the gate. What
/// the gate stops is not written: a letter is left out and named, and without its JSON there is no packet.
pub fn write(
    packet: &mut Packet,
    mut attached: Attached,
    gate: &Gate,
    limit: u64,
    places: &[Place],
) -> Option<Written> {
    let stem = stem(packet);
    let trimmed = match super::fit::fit(packet, &mut attached, limit) {
        Ok(trimmed) => trimmed,
        Err(error) => {
            packet.run.warnings.push(format!("the size of the packet could not be found out: {error}"));
            Vec::new()
        }
    };
    packet.excerpts = excerpts(&attached.evidence);
    for Place { folder, kept_days } in places {
        let path = folder.join(format!("{stem}.zip"));
        packet.run.packet_kept_days = *kept_days;
        packet.run.packet_path = Some(gate.text(&path.to_string_lossy()));
        match write_into(packet, &attached, &trimmed, gate, &folder.join(&stem)) {
            Ok(beside) => {
                packet.run.warnings.extend(beside.iter().map(|warning| gate.text(warning)));
                return Some(Written { path });
            }
            Err(error) => {
                let (folder, why) = (gate.text(&folder.to_string_lossy()), gate.text(&error.to_string()));
                note_refusal(&mut packet.run.warnings, &folder, &why);
            }
        }
    }
    (packet.run.packet_path, packet.run.packet_kept_days) = (None, None);
    packet.manifest = None;
    None
}

/// Says where the packet could not be written; places that refuse for the same reason stand in one sentence.
fn note_refusal(warnings: &mut Vec<String>, folder: &str, why: &str) {
    const REFUSED: &str = "the packet could not be written to ";
    let why = format!(": {why}");
    match warnings.last_mut().filter(|last| last.starts_with(REFUSED) && last.ends_with(&why)) {
        Some(last) => last.insert_str(last.len() - why.len(), &format!(", {}", folder)),
        None => warnings.push(format!("{REFUSED}{}{why}", folder)),
    }
}

/// `firstline-<playbook>-<YYYYMMDD-HHMMSS>-<run>`, in UTC like all times of a packet. One that hides nothing, or more
/// than usual, says so.
fn stem(packet: &Packet) -> String {
    let time: String = packet
        .run
        .started
        .chars()
        .take(19)
        .filter_map(|character| match character {
            'T' => Some('-'),
            digit if digit.is_ascii_digit() => Some(digit),
            _ => None,
        })
        .collect();
    let word =
        |text: &str| -> String { text.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-').take(40).collect() };
    let run: String = word(&packet.run.id).chars().take(4).collect();
    let level = match Level::of(packet) {
        Level::None => "-unredacted",
        Level::Strict => "-strict",
        Level::Secrets | Level::Standard => "",
    };
    format!("firstline-{}-{time}-{run}{level}", word(&packet.playbook.id))
}

/// Writes the archive, and what lies beside it for convenience; `stem` is the path without its ending. The archive alone
/// decides whether it worked; what was withheld, and what is missing beside it, is returned in words.
fn write_into(
    packet: &mut Packet,
    attached: &Attached,
    trimmed: &[FileMark],
    gate: &Gate,
    stem: &Path,
) -> io::Result<Vec<String>> {
    let json = json(packet)?;
    if let Some(class) = gate.leaks(&json) {
        return Err(io::Error::other(format!("packet.json still holds a secret ({class}) and is withheld")));
    }
    let mut withheld = Vec::new();
    let mut passes = |name: &str, text: &str| {
        let class = gate.leaks(text.as_bytes());
        withheld.extend(class.map(|class| format!("{name} is withheld: it still holds a secret ({class})")));
        class.is_none()
    };
    let user = Some(report::user_letter(packet)).filter(|letter| passes(report::USER_LETTER, letter));
    let proven = proven(&json, user.as_deref(), attached);
    let manifest = Manifest::of(packet, &proven, trimmed);
    let manifest = Sealed { bytes: manifest.to_bytes()?, files: manifest.files };
    // The letters carry it.
    packet.manifest = Some(hex(&manifest.bytes));
    let mut letters = Vec::from(report::letters(packet));
    letters.retain(|(name, text)| passes(name, text));
    let archive = archive(&letters, &manifest, &proven)?;
    let path = |ending: &str| {
        let name = stem.file_name().unwrap_or_default().to_string_lossy();
        stem.with_file_name(format!("{name}.{ending}"))
    };
    super::spool::make_folder(stem.parent().unwrap_or(stem))?;
    put(&path("zip"), &archive)?;
    let letter = |wanted: &str| letters.iter().find(|(name, _)| *name == wanted).map(|(_, text)| text.as_bytes());
    let beside = BESIDE.iter().filter_map(|(ending, name)| Some((*ending, letter(name)?)));
    let failed = beside.chain([("json", json.as_slice())]).filter_map(|(ending, bytes)| {
        let path = path(ending);
        let error = put(&path, bytes).err()?;
        Some(format!("{} could not be written beside the packet: {error}", path.display()))
    });
    Ok(withheld.into_iter().chain(failed).collect())
}

/// The packet as its JSON document.
///
/// # Errors
/// Where a value cannot be written as JSON.
pub fn json(packet: &Packet) -> io::Result<Vec<u8>> {
    let mut bytes = serde_json::to_vec_pretty(packet)?;
    bytes.push(b'\n');
    Ok(bytes)
}

/// Writes beside the place and renames, so that nobody ever sees half a file. A disk that fills up leaves nothing.
pub(crate) fn put(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let part = path.with_file_name(format!(".{name}.part"));
    let written = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(&part)
        .and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()))
        .and_then(|()| fs::rename(&part, path));
    if let Err(error) = &written
        && error.kind() != io::ErrorKind::AlreadyExists
    {
        let _ = fs::remove_file(&part);
    }
    written
}

/// The letters that lie beside the archive, by their endings there.
const BESIDE: [(&str, &str); 2] = [("txt", "summary.txt"), ("html", "report.html")];

/// The manifest as it lies in the archive, and the marks of the files that it covers.
struct Sealed {
    bytes: Vec<u8>,
    files: Vec<FileMark>,
}

/// What the manifest covers: the packet, the letter to the user, the evidence, and the playbook.
fn proven<'a>(json: &'a [u8], user: Option<&'a str>, attached: &'a Attached) -> Vec<(String, &'a [u8])> {
    let within = |folder: &'static str, files: &'a Files| {
        files.iter().map(move |(name, bytes)| (format!("{folder}{name}"), bytes.as_slice()))
    };
    let files = within(EVIDENCE, &attached.evidence).chain(within(PLAYBOOK, &attached.playbook));
    let user = user.map(|letter| (report::USER_LETTER.to_owned(), letter.as_bytes()));
    [("packet.json".to_owned(), json)].into_iter().chain(user).chain(files).collect()
}

/// The archive: letters, manifest, packet, evidence, playbook, checksums.
fn archive(letters: &[(&str, String)], manifest: &Sealed, proven: &Contents<'_>) -> io::Result<Vec<u8>> {
    let letters = letters.iter().map(|(name, text)| ((*name).to_owned(), text.as_bytes()));
    let mut contents: Vec<(String, &[u8])> = letters.chain([(manifest::NAME.to_owned(), &*manifest.bytes)]).collect();
    // What the manifest covers was hashed for it.
    let mut marks: Vec<FileMark> = contents.iter().map(|(name, bytes)| FileMark::of(name, bytes)).collect();
    marks.extend(manifest.files.iter().cloned());
    let sums = sums(&marks);
    contents.extend_from_slice(proven);
    contents.push((super::read::SUMS.to_owned(), sums.as_bytes()));
    pack(&contents)
}

fn pack(contents: &Contents<'_>) -> io::Result<Vec<u8>> {
    // The default time of a zip entry is its epoch, 1980: the same packet gives the same bytes.
    let options = SimpleFileOptions::default()
        .compression_method(zip::CompressionMethod::Deflated)
        .compression_level(Some(LEVEL))
        .last_modified_time(zip::DateTime::default())
        .unix_permissions(0o644);
    let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in contents {
        archive.start_file(name.as_str(), options).map_err(io::Error::other)?;
        archive.write_all(bytes)?;
    }
    Ok(archive.finish().map_err(io::Error::other)?.into_inner())
}

/// What each file takes in an archive.
pub(super) fn packed_sizes(files: &[(String, Vec<u8>)]) -> io::Result<Vec<u64>> {
    let contents: Vec<(String, &[u8])> =
        files.iter().enumerate().map(|(index, (_, bytes))| (index.to_string(), bytes.as_slice())).collect();
    let mut archive = zip::ZipArchive::new(Cursor::new(pack(&contents)?)).map_err(io::Error::other)?;
    // A name stands twice, with some fifty bytes around it (APPNOTE.TXT 4.3).
    let around = |name: &str| 2 * name.len() as u64 + 160;
    let mut sizes = Vec::with_capacity(files.len());
    for (index, (name, _)) in files.iter().enumerate() {
        let entry = archive.by_index(index).map_err(io::Error::other)?;
        sizes.push(entry.compressed_size() + around(name));
    }
    Ok(sizes)
}

/// Lines that `sha256sum --check` reads.
fn sums(marks: &[FileMark]) -> String {
    let mut text = String::new();
    for mark in marks {
        let _ = writeln!(text, "{}  {}", mark.sha256, mark.name);
    }
    text
}

/// SHA-256 in hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    in_hex(&Sha256::digest(bytes))
}

/// SHA-256 of all that can be read, in hexadecimal.
///
/// # Errors
/// Where it cannot be read to its end.
pub fn hash_of(from: &mut impl io::Read) -> io::Result<String> {
    let mut hash = Sha256::new();
    let mut part = vec![0; 1 << 16];
    loop {
        match from.read(&mut part)? {
            0 => return Ok(in_hex(&hash.finalize())),
            read => hash.update(&part[..read]),
        }
    }
}

/// Bytes in hexadecimal.
pub fn in_hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(64), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packet::fit::LARGEST;
    use crate::packet::read;

    fn example() -> Packet {
        read::open(Path::new("tests/packets/v1/stale-vpn-resolver.json")).unwrap().packet
    }

    fn with_evidence(name: &str) -> Attached {
        Attached { evidence: vec![(name.to_owned(), b"raw".to_vec())], ..Attached::default() }
    }

    #[test]
    fn a_packet_comes_back_as_it_was_and_checks_out() {
        let folder = tempfile::tempdir().unwrap();
        let mut packet = example();
        let attached = with_evidence("answer.txt");
        let written = write(&mut packet, attached, &Gate::open(), LARGEST, &[Place::chosen(folder.path())]).unwrap();
        let name = written.path.file_name().unwrap().to_string_lossy().into_owned();
        assert_eq!(name, "firstline-one-site-fails-20261121-091502-5f0c.zip");
        assert_eq!(read::open(&written.path).unwrap().packet, packet);
        assert_eq!(read::verify(&written.path, None).unwrap().wrong, Vec::<String>::new());
        let mut names: Vec<String> = fs::read_dir(folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().path().extension().unwrap().to_string_lossy().into_owned())
            .collect();
        names.sort();
        assert_eq!(names, ["html", "json", "txt", "zip"]);
    }

    #[test]
    fn the_same_packet_gives_the_same_bytes() {
        let written = || {
            let folder = tempfile::tempdir().unwrap();
            write_into(&mut example(), &with_evidence("a.txt"), &[], &Gate::open(), &folder.path().join("packet"))
                .unwrap();
            fs::read(folder.path().join("packet.zip")).unwrap()
        };
        assert_eq!(written(), written());
    }

    #[test]
    fn a_folder_that_cannot_be_written_is_named_and_the_next_one_used() {
        let good = tempfile::tempdir().unwrap();
        let bad = tempfile::NamedTempFile::new().unwrap();
        let mut packet = example();
        let written = write(
            &mut packet,
            Attached::default(),
            &Gate::open(),
            LARGEST,
            &[Place::chosen(bad.path()), Place::chosen(good.path())],
        )
        .unwrap();
        assert!(written.path.starts_with(good.path()));
        let stored = read::open(&written.path).unwrap().packet;
        assert!(stored.run.warnings[0].contains(&*bad.path().to_string_lossy()), "{:?}", stored.run.warnings);
        assert_eq!(stored.run.packet_path, packet.run.packet_path);
    }

    #[test]
    fn nowhere_to_write_loses_nothing_but_the_file() {
        let bad = tempfile::NamedTempFile::new().unwrap();
        let mut packet = example();
        assert_eq!(write(&mut packet, Attached::default(), &Gate::open(), LARGEST, &[Place::chosen(bad.path())]), None);
        assert_eq!((packet.run.packet_path, packet.run.warnings.len()), (None, 1));
    }
}
