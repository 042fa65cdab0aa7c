//! Packets: archives and documents that somebody sent.

use crate::fuzz;
use crate::texts::files;
use firstline::diagnosis::judge;
use firstline::packet::read;
use firstline::playbook::builtin;
use firstline::report::{FORMATS, Style};
use std::fs;
use std::io::{Cursor, Write};

/// An archive with this document and one more file.
fn archive(document: &[u8]) -> Vec<u8> {
    archive_of(&[("packet.json", document), ("evidence/one.txt", b"one"), ("SHA256SUMS", b"00  packet.json\n")])
}

/// An archive with these files.
pub fn archive_of(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Deflated);
    for (name, bytes) in files {
        zip.start_file(*name, options).expect("the name is new");
        zip.write_all(bytes).expect("memory can be written");
    }
    zip.finish().expect("memory can be written").into_inner()
}

#[test]
fn packet() {
    let documents = files("tests/packets/v1", ".json");
    let archives: Vec<Vec<u8>> = documents.iter().map(|document| archive(document)).collect();
    let seeds = [documents, archives].concat();
    let words = [
        "null",
        "-1",
        "1e999",
        "\"dns.timeout\"",
        "\"fault\"",
        "\\u202e",
        "\\u001b[31m",
        "../",
        "PK\u{1}\u{2}",
        "[",
        "{",
    ];
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let path = folder.path().join("packet");
    fuzz("packet", &seeds, &words, |input| {
        fs::write(&path, input).expect("the file can be written");
        let _ = read::verify(&path, None);
        let Ok(opened) = read::open(&path) else { return };
        let mut packet = opened.packet;
        if let Some(Ok(playbook)) = builtin::playbook(&packet.playbook.id) {
            packet.verdict = judge(&playbook, &packet.observations, &packet.case).verdict;
        }
        for format in FORMATS {
            let text = (format.render)(&packet, &Style::plain(80));
            let foreign = text.chars().find(|letter| letter.is_control() && *letter != '\n');
            assert_eq!(foreign, None, "{} lets a control character out", format.name);
        }
    });
}
