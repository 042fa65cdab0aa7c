//! Trust in packets: signed, sealed, changed, compared; and the same with the stock tools `minisign` and `age`.

use crate::{Call, Ended, NOTHING_LISTENS, call};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Two packets of this machine with the same fault, and a folder for keys.
struct Desk {
    folder: tempfile::TempDir,
    packet: String,
}

impl Desk {
    fn new() -> Desk {
        let folder = tempfile::tempdir().unwrap();
        let playbook = folder.path().join("own.toml");
        fs::write(&playbook, NOTHING_LISTENS).unwrap();
        let arguments = ["run", playbook.to_str().unwrap(), "--output", folder.path().to_str().unwrap()];
        let ended = Call::new(&[&arguments[..], &["--format", "json"]].concat()).end().silent(2);
        let packet = ended.document()["run"]["packet_path"].as_str().unwrap().to_owned();
        Desk { folder, packet }
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_string_lossy().into_owned()
    }

    fn packet(&self, arguments: &[&str]) -> Ended {
        let [command, more @ ..] = arguments else { panic!("no command") };
        call(&[&["packet", command, self.packet.as_str()], more].concat())
    }
}

/// Runs a stock tool; none where this machine has it not.
pub fn stock(program: &str, arguments: &[&str]) -> Option<(bool, String)> {
    let found = std::env::split_paths(&std::env::var_os("PATH")?).any(|folder| folder.join(program).is_file());
    if !found {
        eprintln!("SKIPPED: this machine has no {program}");
        assert!(std::env::var_os("FIRSTLINE_LAB_NO_SKIP").is_none_or(|value| value == "0"));
        return None;
    }
    let output = Command::new(program).args(arguments).output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    Some((output.status.success(), String::from_utf8_lossy(&text).into_owned()))
}

#[test]
fn what_is_signed_here_minisign_verifies_and_a_changed_byte_shows() {
    let desk = Desk::new();
    let (secret, public) = (desk.path("our.key"), desk.path("our.pub"));
    let Some((made, text)) = stock("minisign", &["-G", "-W", "-s", &secret, "-p", &public]) else { return };
    assert!(made, "{text}");
    let (_, other) = stock("minisign", &["-G", "-W", "-s", &desk.path("x.key"), "-p", &desk.path("x.pub")]).unwrap();
    assert!(Path::new(&desk.path("x.pub")).exists(), "{other}");

    let unsigned = desk.packet(&["verify", "--key", &public]);
    assert!(unsigned.stdout.starts_with("UNSIGNED") && unsigned.exit == 2, "{}", unsigned.stdout);
    assert!(desk.packet(&["verify"]).silent(0).stdout.contains("unsigned:"));

    desk.packet(&["sign", "--key", &secret]).silent(0);
    let (good, text) = stock("minisign", &["-V", "-m", &desk.packet, "-p", &public]).unwrap();
    assert!(good && text.contains("Trusted comment: run "), "{text}");
    assert!(desk.packet(&["verify", "--key", &public]).silent(0).stdout.contains("good, by the key"));
    let wrong = desk.packet(&["verify", "--key", &desk.path("x.pub")]).silent(2);
    assert!(wrong.stdout.starts_with("WRONG KEY"), "{}", wrong.stdout);

    let mut bytes = fs::read(&desk.packet).unwrap();
    let last = bytes.len() - 1;
    // The comment's length at the end of an archive says nothing to a reader of its files, only to a signature.
    bytes.push(0);
    bytes[last] = 0;
    bytes[last - 1] = 1;
    fs::write(&desk.packet, bytes).unwrap();
    let changed = desk.packet(&["verify", "--key", &public]);
    assert!(changed.stdout.starts_with("CHANGED") && changed.exit == 2, "{} {}", changed.stdout, changed.stderr);
}

#[test]
fn what_is_sealed_here_age_opens_and_what_age_sealed_opens_here() {
    let desk = Desk::new();
    let identity = desk.path("our.identity");
    let Some((made, text)) = stock("age-keygen", &["-o", &identity]) else { return };
    assert!(made, "{text}");
    let (_, recipient) = stock("age-keygen", &["-y", &identity]).unwrap();
    fs::write(desk.path("team"), &recipient).unwrap();

    desk.packet(&["seal", "--to", &desk.path("team")]).silent(0);
    let sealed = format!("{}.age", desk.packet);
    let opened = desk.path("opened.zip");
    let (good, text) = stock("age", &["-d", "-i", &identity, "-o", &opened, &sealed]).unwrap();
    assert!(good, "{text}");
    assert_eq!(fs::read(&opened).unwrap(), fs::read(&desk.packet).unwrap());

    let shown = call(&["packet", "render", &sealed, "--identity", &identity]).silent(0);
    assert_eq!(shown.stdout, desk.packet(&["render"]).silent(0).stdout);
    assert!(call(&["packet", "verify", &sealed, "--identity", &identity]).silent(0).stdout.starts_with("WHOLE"));
    assert!(call(&["packet", "show", &sealed]).stderr.contains("is encrypted"));
    stock("age-keygen", &["-o", &desk.path("other.identity")]).unwrap();
    let refused = call(&["packet", "show", &sealed, "--identity", &desk.path("other.identity")]);
    assert!(refused.stderr.contains("encrypted to somebody else: wrong key"), "{}", refused.stderr);

    let theirs = desk.path("theirs.age");
    let arguments = ["-a", "-r", recipient.trim(), "-o", &theirs, &desk.packet];
    assert!(stock("age", &arguments).unwrap().0);
    assert_eq!(call(&["packet", "render", &theirs, "--identity", &identity]).silent(0).stdout, shown.stdout);
}

/// The archive again, with one file put through `change` and all checksums as they were.
fn repacked(packet: &str, name: &str, change: impl Fn(String) -> String) -> PathBuf {
    let mut from = zip::ZipArchive::new(fs::File::open(packet).unwrap()).unwrap();
    let path = PathBuf::from(format!("{packet}.changed.zip"));
    let mut to = zip::ZipWriter::new(fs::File::create(&path).unwrap());
    for index in 0..from.len() {
        let mut text = String::new();
        let mut entry = from.by_index(index).unwrap();
        let own = entry.name().unwrap().into_owned();
        std::io::Read::read_to_string(&mut entry, &mut text).unwrap();
        to.start_file(own.as_str(), zip::write::SimpleFileOptions::default()).unwrap();
        let text = if own == name { change(text) } else { text };
        std::io::Write::write_all(&mut to, text.as_bytes()).unwrap();
    }
    to.finish().unwrap();
    path
}

#[test]
fn a_changed_file_is_named() {
    let desk = Desk::new();
    for name in ["packet.json", "summary.txt", "manifest.json"] {
        let changed = repacked(&desk.packet, name, |text| text.replacen("resolver", "Resolver", 1) + " ");
        let ended = call(&["packet", "verify", changed.to_str().unwrap()]).silent(2);
        assert!(ended.stdout.starts_with("CHANGED"), "{}", ended.stdout);
        assert!(ended.stdout.contains(&format!("`{name}` was changed")), "{}", ended.stdout);
    }
}

#[test]
fn replay_says_what_changed_and_which_condition_did_it() {
    let desk = Desk::new();
    let same = call(&["replay", &desk.packet]).silent(2);
    assert_eq!(same.stdout, desk.packet(&["render"]).silent(0).stdout);
    let other = desk.path("other.toml");
    fs::write(&other, NOTHING_LISTENS.replace("dns.port_closed", "dns.timeout")).unwrap();
    let ended = call(&["replay", &desk.packet, "--playbook", &other, "--format", "json"]).silent(2);
    let document = ended.document();
    let warnings = document["run"]["warnings"].to_string();
    for part in [
        "not with the playbook of the run",
        "changed: cause was nothing-listens, is none",
        "`nothing-listens` is contradicted: it states that `resolver` reports dns.timeout; seen: dns.resolver",
    ] {
        assert!(warnings.contains(part), "{part} is not in {warnings}");
    }
}

#[test]
fn two_packets_are_compared() {
    let desk = Desk::new();
    let ended = desk.packet(&["diff", &desk.packet]).silent(0);
    assert!(ended.stdout.contains("fault then, fault now"), "{}", ended.stdout);
    let document = desk.packet(&["diff", "tests/packets/v1/healthy.json", "--format", "json"]).silent(0).document();
    let verdict = document["verdict"].as_array().unwrap();
    assert!(verdict.iter().any(|change| change["what"] == "status" && change["after"] == "healthy"), "{document}");
    assert!(!document["machines"].as_array().unwrap().is_empty());
}
