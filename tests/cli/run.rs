//! Whole runs on this machine, with a playbook that asks only this machine: they end with a verdict whatever it finds.

use crate::{Call, Ended};
use std::fs;
use std::path::Path;

/// A playbook whose goal is a question with a known answer, so that its verdict does not depend on the machine.
const FAULTY: &str = r#"
schema = 1
id = "told"
title = "Somebody reports it"
says = ["it was told"]

[[check]]
id = "told"
probe = "ask"
question = "Does it work?"
answers = { yes = "it works", no = "it does not" }
fault = ["no"]
goal = true

[[cause]]
id = "reported"
layer = "host"
prior = "common"
title = "A person reports it"
when = [{ check = "told", code = "ask.fault" }]
plain = "You said so."
workaround = ["One", "Two", "Three", "Four"]
"#;

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("told.toml"), FAULTY).unwrap();
        Folder(folder)
    }

    fn playbook(&self) -> String {
        self.0.path().join("told.toml").to_string_lossy().into_owned()
    }
}

fn packets(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .map(|entries| entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect())
        .unwrap_or_default();
    names.retain(|name| name.starts_with("firstline-"));
    names.sort();
    names
}

fn told(answer: &str, more: &[&str], change: impl Fn(Call) -> Call) -> Ended {
    let folder = Folder::new();
    let playbook = folder.playbook();
    let answer = format!("told={answer}");
    let arguments = [&["run", playbook.as_str(), "--answer", answer.as_str()], more].concat();
    change(Call::new(&arguments)).end()
}

#[test]
fn a_fault_exits_2_and_leaves_a_whole_packet_in_the_state_folder() {
    let ended = told("no", &[], |call| call).silent(2);
    assert!(ended.stdout.starts_with("FAULT in host"), "{}", ended.stdout);
    let folder = ended.home.path().join(".local/state/firstline/packets");
    let names = packets(&folder);
    assert_eq!(names.len(), 3, "{names:?}");
    let zip = names.iter().find(|name| name.ends_with(".zip")).unwrap();
    let path = folder.join(zip).to_string_lossy().into_owned();
    assert!(ended.stdout.contains(zip.as_str()) || ended.stdout.contains("Packet"), "{}", ended.stdout);
    let verified = crate::call(&["packet", "verify", &path]).silent(0);
    assert!(verified.stdout.starts_with("WHOLE"), "{}", verified.stdout);
    let shown = crate::call(&["packet", "render", &path]).silent(0);
    assert_eq!(shown.stdout, ended.stdout, "a stored packet renders to the same bytes");
    assert!(!ended.home.path().join(".local/state/firstline/spool").exists(), "the spool is gone");
}

#[test]
fn json_is_one_document_with_the_path_of_the_packet() {
    let ended = told("no", &["--format", "json"], |call| call).silent(2);
    let document = ended.document();
    assert_eq!(document["verdict"]["status"], "fault");
    assert!(Path::new(document["run"]["packet_path"].as_str().unwrap()).is_file());
}

#[test]
fn a_healthy_run_writes_a_packet_only_where_one_is_wanted() {
    let ended = told("yes", &[], |call| call).silent(0);
    assert!(ended.stdout.starts_with("HEALTHY"), "{}", ended.stdout);
    assert_eq!(packets(&ended.home.path().join(".local/state/firstline/packets")), Vec::<String>::new());
    let wanted = told("yes", &["--ticket", "INC-1"], |call| call).silent(0);
    assert_eq!(packets(&wanted.home.path().join(".local/state/firstline/packets")).len(), 3);
}

#[test]
fn a_folder_that_cannot_be_written_is_replaced_and_named() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let inside = file.path().join("packets").to_string_lossy().into_owned();
    let ended = told("no", &["--output", &inside, "--format", "json"], |call| call).silent(2);
    let document = ended.document();
    assert!(document["run"]["warnings"][0].as_str().unwrap().contains(&inside), "{document}");
    let written = document["run"]["packet_path"].as_str().unwrap();
    assert!(written.starts_with(&*ended.home.path().to_string_lossy()), "{written}");
}

#[test]
fn without_a_place_to_write_the_report_still_comes() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let nowhere = file.path().join("x").to_string_lossy().into_owned();
    let ended = told("no", &["--format", "json"], |call| {
        call.env("HOME", &nowhere).env("XDG_STATE_HOME", &nowhere).env("TMPDIR", &nowhere)
    });
    assert_eq!((ended.exit, ended.stderr.as_str()), (2, ""));
    let document = ended.document();
    assert_eq!(document["verdict"]["status"], "fault");
    if document["run"]["packet_path"].is_null() {
        assert!(!document["run"]["warnings"].as_array().unwrap().is_empty());
    }
}

#[test]
fn garbage_in_the_environment_hurts_nobody() {
    let ended = told("yes", &[], |call| {
        call.env("http_proxy", "::::not a url").env("HTTPS_PROXY", "\u{1b}[31m").env("TERM", "dumb").env("LC_ALL", "xx")
    });
    ended.silent(0);
    told("yes", &[], |call| call.without_env("PATH")).silent(0);
}

#[test]
fn unattended_a_missing_input_is_bad_usage_with_the_command_to_type() {
    let ended = Call::new(&["run", "one-site-fails"]).end();
    assert_eq!((ended.exit, ended.stdout.as_str()), (3, ""));
    assert!(ended.stderr.contains("hint: firstline run one-site-fails https://"), "{}", ended.stderr);
    let ended = Call::new(&["run", "one-site-fails", "gopher://x"]).end();
    assert!(ended.stderr.starts_with("error: `gopher` is not a scheme that can be checked"), "{}", ended.stderr);
}

#[test]
fn an_unknown_question_is_bad_usage() {
    let folder = Folder::new();
    let ended = Call::new(&["run", &folder.playbook(), "--answer", "tod=no"]).within(folder.0.path()).end();
    assert_eq!(ended.exit, 3);
    assert!(ended.stderr.contains("hint: did you mean `told`?"), "{}", ended.stderr);
}

#[test]
fn replay_gives_the_same_verdict() {
    let folder = Folder::new();
    let output = folder.0.path().to_string_lossy().into_owned();
    let ran = Call::new(&["run", &folder.playbook(), "--answer", "told=no", "--output", &output]).end().silent(2);
    let zip = packets(folder.0.path()).into_iter().find(|name| name.ends_with(".zip")).unwrap();
    let path = folder.0.path().join(zip).to_string_lossy().into_owned();
    let replayed = crate::call(&["replay", &path]).silent(2);
    assert_eq!(replayed.stdout, ran.stdout);
}
