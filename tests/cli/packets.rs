//! Stored packets: read back, checked, rendered, judged again.

use crate::call;
use firstline::packet::read::open_with;
use firstline::report::{FORMATS, Style};
use std::path::{Path, PathBuf};

/// What mail and ticket systems take without a question; the whole evidence is in the archive.
const LARGEST_PAGE: usize = 300_000;

const FAULT: &str = "tests/packets/v1/stale-vpn-resolver.json";

#[test]
fn a_stored_packet_renders_in_every_format() {
    let text = call(&["packet", "render", FAULT]).silent(0).stdout;
    assert!(text.starts_with("FAULT in dns, confirmed: A resolver left behind"), "{text}");
    assert!(!text.contains('\u{1b}'), "no colour without a terminal");
    let document = call(&["packet", "render", FAULT, "--format", "json"]).silent(0).document();
    assert_eq!(document["verdict"]["cause"], "stale-vpn-resolver");
    for (format, start) in [
        ("plain", "FAULT in dns, confirmed:"),
        ("markdown", "### FAULT"),
        ("jira-wiki", "h3. FAULT"),
        ("html", "<h3>FAULT"),
        ("servicenow", "[code]<h3>FAULT"),
        ("user", "Hello"),
        ("line", "FAULT in dns, confirmed:"),
        ("block", "FAULT in dns, confirmed:"),
    ] {
        let rendered = call(&["packet", "render", FAULT, "--format", format]).silent(0).stdout;
        assert!(rendered.starts_with(start) && rendered.ends_with('\n'), "{format}: {rendered}");
    }
    assert_eq!(call(&["packet", "render", FAULT, "--format", "adf"]).silent(0).document()["type"], "doc");
}

#[test]
fn what_is_no_packet_is_said_in_one_line() {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes, expected) in [
        ("cut.zip", &b"PK\x03\x04"[..], "damaged or cut off"),
        ("bad.json", b"\xff\xff", "it is not UTF-8 text"),
        ("other.json", b"{}", "it names no schema"),
    ] {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        for command in ["show", "render"] {
            let ended = call(&["packet", command, path.to_str().unwrap()]);
            assert_eq!((ended.exit, ended.stdout.as_str()), (3, ""));
            assert!(ended.stderr.contains(expected), "{}", ended.stderr);
        }
    }
    assert!(call(&["packet", "show", "/nonexistent.zip"]).stderr.contains("cannot read the packet"));
    assert!(call(&["packet", "show", "tests"]).stderr.contains("is a folder"));
}

/// Where packets of every form that was ever written lie; see the page there.
const STORED: &str = "tests/packets";

/// Every file beneath a folder with one of these endings.
fn stored(folder: &Path, endings: &[&str]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        let ending = path.extension().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_dir() {
            found.extend(stored(&path, endings));
        } else if endings.contains(&ending.as_str()) {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// The words of a command about a packet, with what opens it where it is sealed.
fn about<'a>(words: &[&'a str], packet: &'a Path, key: &'a str) -> Vec<&'a str> {
    let mut all = [words, &[packet.to_str().unwrap()]].concat();
    if packet.extension().is_some_and(|ending| ending == "age") {
        all.extend(["--identity", key]);
    }
    all
}

#[test]
fn packets_of_every_form_are_read_verified_and_rendered() {
    let identity = "tests/packets/keys/identity";
    let all = stored(Path::new(STORED), &["zip", "json", "age"]);
    assert!(all.len() >= 7, "{all:?}");
    for path in all {
        let sealed = path.extension().is_some_and(|ending| ending == "age");
        let opened = open_with(&path, sealed.then_some(Path::new(identity))).unwrap();
        for format in FORMATS {
            let text = (format.render)(&opened.packet, &Style::plain(80));
            assert!(!text.is_empty(), "{}: {}", path.display(), format.name);
            let is_page = format.name == "picture";
            assert!(!is_page || text.len() < LARGEST_PAGE, "{}: {} bytes", path.display(), text.len());
        }
        if path.extension().is_some_and(|ending| ending == "json") {
            continue;
        }
        let whole = call(&about(&["packet", "verify"], &path, identity)).silent(0).stdout;
        assert!(whole.starts_with("WHOLE"), "{whole}");
        let shown = call(&about(&["packet", "show"], &path, identity)).silent(0).stdout;
        assert!(shown.contains("manifest.json"), "{shown}");
    }
}

#[test]
fn packets_that_were_signed_are_by_whom_they_say() {
    for signature in stored(Path::new(STORED), &["minisig"]) {
        let packet = signature.with_extension("");
        let words = about(
            &["packet", "verify", "--key", "tests/packets/keys/minisign.pub"],
            &packet,
            "tests/packets/keys/identity",
        );
        let said = call(&words).silent(0).stdout;
        assert!(said.starts_with("WHOLE") && said.contains("good, by the key"), "{said}");
    }
}

/// What a run concluded it concludes for ever, from its own packet: the playbook is in it.
#[test]
fn packets_of_every_form_are_judged_again_as_they_were() {
    let identity = "tests/packets/keys/identity";
    for path in stored(Path::new(STORED), &["zip", "age"]) {
        let sealed = path.extension().is_some_and(|ending| ending == "age");
        let before = open_with(&path, sealed.then_some(Path::new(identity))).unwrap().packet.verdict;
        let ended = call(&about(&["replay", "--format", "json"], &path, identity));
        let after: firstline::packet::Packet = serde_json::from_str(&ended.stdout).unwrap();
        let changes = firstline::packet::diff::verdict(&before, &after.verdict);
        assert!(changes.is_empty(), "{}: {changes:?}", path.display());
    }
}

/// A playbook of one's own is gone, or another one by now: the packet still has it.
#[test]
fn a_packet_is_judged_with_its_own_playbook() {
    let folder = tempfile::tempdir().unwrap();
    let playbook = folder.path().join("own.toml");
    let text = "schema = 1\nid = \"own\"\ntitle = \"X\"\n[[check]]\nid = \"port\"\nprobe = \"tcp\"\n\
        addresses = [\"127.0.0.1\"]\nport = 1\ngoal = true\n[[cause]]\nid = \"closed\"\nlayer = \"process\"\n\
        prior = \"common\"\ntitle = \"Closed\"\nwhen = [{ check = \"port\", code = \"tcp.refused\" }]\nplain = \"No.\"\n";
    std::fs::write(&playbook, text).unwrap();
    let output = folder.path().to_str().unwrap();
    let ended = call(&["run", playbook.to_str().unwrap(), "--output", output, "--format", "json"]);
    let document = ended.document();
    assert_eq!(document["verdict"]["cause"], "closed", "{document}");
    let packet = document["run"]["packet_path"].as_str().unwrap();
    let replayed = |more: &[&str]| call(&[&["replay", packet, "--format", "json"], more].concat()).document();
    assert_eq!(replayed(&[]), document, "the same playbook gives the same bytes");
    std::fs::write(&playbook, text.replace("\"closed\"", "\"shut\"")).unwrap();
    let again = replayed(&[]);
    assert_eq!((&again["verdict"], &again["playbook"]), (&document["verdict"], &document["playbook"]));
    assert!(again["run"]["warnings"].to_string().contains("own as it is in the packet"), "{again}");
    assert_eq!(replayed(&["--playbook", playbook.to_str().unwrap()])["verdict"]["cause"], "shut");
    std::fs::remove_file(&playbook).unwrap();
    assert_eq!(replayed(&[])["verdict"], document["verdict"]);
    let strict = folder.path().join("strict");
    call(&["packet", "redact", packet, "--output", strict.to_str().unwrap()]);
    let strict = stored(&strict, &["zip"]).remove(0);
    let again = call(&["replay", strict.to_str().unwrap(), "--format", "json"]).document();
    assert_eq!(again["verdict"]["cause"], "closed", "{again}");
}
