//! Playbooks that start programs: who vouches for them, what is refused and why, and the same with the stock `minisign`.

use crate::trust::stock;
use crate::{Call, Ended, call};
use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command;

const PLAYBOOK: &str = r#"
schema = 1
id = "report"
title = "The report tool complains"

[[check]]
id = "tool"
probe = "exec"
title = "the report tool"
command = ["true", "--all"]
connects = []
goal = true

[[cause]]
id = "tool-complains"
layer = "host"
title = "The report tool complains"
when = [{ check = "tool", code = "exec.failed" }]
plain = "A program on your computer reports a problem."
workaround = ["Start it again"]
verify = "tool"
"#;

/// A folder with a playbook that starts a program, two pairs of keys, and settings that trust the first of them.
struct Desk {
    folder: tempfile::TempDir,
}

impl Desk {
    /// None where this machine has no stock tool to make keys with.
    fn new() -> Option<Desk> {
        let desk = Desk { folder: tempfile::tempdir().unwrap() };
        desk.put("report.toml", PLAYBOOK);
        for name in ["desk", "stranger"] {
            let (secret, public) = (desk.path(&format!("{name}.key")), desk.path(&format!("{name}.pub")));
            let (made, text) = stock("minisign", &["-G", "-W", "-s", &secret, "-p", &public])?;
            assert!(made, "{text}");
        }
        desk.put("firstline.toml", &format!("[trusted_keys]\nservice-desk = \"{}\"\n", desk.public("desk")));
        Some(desk)
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_string_lossy().into_owned()
    }

    fn put(&self, name: &str, text: &str) {
        fs::write(self.folder.path().join(name), text).unwrap();
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.folder.path().join(name)).unwrap()
    }

    fn public(&self, name: &str) -> String {
        self.read(&format!("{name}.pub")).lines().nth(1).unwrap().to_owned()
    }

    fn call(&self, arguments: &[&str]) -> Ended {
        Call::new(&[arguments, &["--settings", &self.path("firstline.toml")]].concat()).within(self.folder.path()).end()
    }

    fn sign(&self, by: &str) {
        self.call(&["playbook", "sign", "report.toml", "--key", &self.path(&format!("{by}.key"))]).silent(0);
    }

    fn run(&self) -> Ended {
        self.call(&["run", "./report.toml", "--format", "json"])
    }

    /// It did not run, and this is among the reasons.
    #[track_caller]
    fn refused(&self, why: &str) {
        let ended = self.run();
        assert_eq!((ended.exit, ended.stdout.as_str()), (3, ""), "{}", ended.stderr);
        for part in ["starts programs (check tool)", why, "hint: ", "playbook sign ./report.toml --key KEY"] {
            assert!(ended.stderr.contains(part), "{part} is not in {}", ended.stderr);
        }
    }

    /// It ran, by this word.
    #[track_caller]
    fn ran(&self, state: &str) -> serde_json::Value {
        let vouched = self.run().silent(0).document()["playbook"]["vouched"].clone();
        assert_eq!(vouched["state"], state, "{vouched}");
        vouched
    }
}

#[test]
fn what_is_signed_by_a_trusted_key_runs_where_nobody_is_asked() {
    let Some(desk) = Desk::new() else { return };
    desk.refused("no signature lies beside `./report.toml`");
    desk.sign("desk");
    let public = desk.path("desk.pub");
    let (good, text) = stock("minisign", &["-V", "-m", &desk.path("report.toml"), "-p", &public]).unwrap();
    assert!(good && text.contains("Trusted comment: playbook report, sha256 "), "{text}");
    let vouched = desk.ran("signed");
    assert!(vouched["signers"][0].as_str().unwrap().starts_with("service-desk ("), "{vouched}");
    let linted = desk.call(&["playbook", "lint", "report.toml"]).stdout;
    assert!(linted.contains("starts programs; signed by service-desk"), "{linted}");
    let shown = desk.call(&["playbook", "show", "./report.toml"]).silent(0).stdout;
    assert!(shown.contains("signed by service-desk") && shown.contains("tool: true --all"), "{shown}");
    assert!(desk.call(&["list", "trust"]).silent(0).stdout.contains("service-desk"));

    fs::remove_file(desk.path("report.toml.minisig")).unwrap();
    let arguments = ["-S", "-s", &desk.path("desk.key"), "-m", &desk.path("report.toml")];
    assert!(stock("minisign", &arguments).unwrap().0);
    desk.ran("signed");
}

#[test]
fn a_signature_that_proves_nothing_is_refused_with_the_reason() {
    let Some(desk) = Desk::new() else { return };
    desk.sign("stranger");
    desk.refused("which is not in the trust list");
    desk.sign("desk");
    let whole = desk.read("report.toml.minisig");

    desk.put("report.toml", &PLAYBOOK.replace("--all", "--any"));
    desk.refused("is not what service-desk (");
    desk.put("report.toml", PLAYBOOK);
    for cut in [0, 10, whole.len() / 2, whole.len() - 20] {
        desk.put("report.toml.minisig", &whole[..cut]);
        desk.refused("report.toml");
    }
    desk.put("report.toml.minisig", &format!("{whole}{}", "x".repeat(2 << 20)));
    desk.refused("is no minisign signature");
    fs::remove_file(desk.path("report.toml.minisig")).unwrap();
    symlink(desk.path("nowhere"), desk.path("report.toml.minisig")).unwrap();
    desk.refused("cannot read the minisign signature");
    fs::remove_file(desk.path("report.toml.minisig")).unwrap();
    symlink("/dev/zero", desk.path("report.toml.minisig")).unwrap();
    desk.refused("is no minisign signature");

    // Of another file, by the right key.
    fs::remove_file(desk.path("report.toml.minisig")).unwrap();
    desk.put("other.toml", &PLAYBOOK.replace("\"report\"", "\"other\""));
    desk.call(&["playbook", "sign", "other.toml", "--key", &desk.path("desk.key")]).silent(0);
    desk.put("report.toml.minisig", &desk.read("other.toml.minisig"));
    desk.refused("is not what service-desk (");

    // A link to what is signed is another name for it, and has no signature of its own.
    desk.put("report.toml", PLAYBOOK);
    desk.sign("desk");
    symlink("report.toml", desk.path("link.toml")).unwrap();
    let linked = desk.call(&["run", "./link.toml"]);
    assert!(linked.exit == 3 && linked.stderr.contains("no signature lies beside `./link.toml`"), "{}", linked.stderr);
}

#[test]
fn what_is_included_must_be_vouched_for_as_well() {
    let Some(desk) = Desk::new() else { return };
    let (check, rest) = PLAYBOOK.split_once("[[cause]]").unwrap();
    let (head, check) = check.split_once("[[check]]").unwrap();
    desk.put("report.toml", &format!("{head}include = [\"tool.toml\"]\n[[cause]]{rest}"));
    desk.put("tool.toml", &format!("[[check]]{check}"));
    desk.sign("desk");
    desk.ran("signed");
    desk.put("tool.toml", &format!("[[check]]{}", check.replace("--all", "--any")));
    desk.refused("`./tool.toml` is not what service-desk");
}

#[test]
fn the_settings_allow_a_file_by_its_hash() {
    let Some(desk) = Desk::new() else { return };
    let sum = Command::new("sha256sum").arg(desk.path("report.toml")).output().unwrap().stdout;
    let sum = String::from_utf8(sum).unwrap().split(' ').next().unwrap().to_owned();
    desk.put("firstline.toml", &format!("allowed_playbooks = [\"{sum}\"]\n"));
    assert_eq!(desk.ran("allowed_by_hash")["sha256"][0], sum.as_str());
    desk.put("report.toml", &format!("{PLAYBOOK}\n"));
    desk.refused("no signature lies beside");
}

#[test]
fn what_starts_nothing_needs_nobody_and_the_packet_says_so() {
    let Some(desk) = Desk::new() else { return };
    let harmless =
        PLAYBOOK.replace("\"exec\"", "\"link\"").replace("command = [\"true\", \"--all\"]\nconnects = []\n", "");
    desk.put("report.toml", &harmless.replace("exec.failed", "link.no_carrier"));
    let ended = desk.run();
    assert_eq!(ended.document()["playbook"]["vouched"]["state"], "unsigned", "{}", ended.stderr);
    let built_in = call(&["run", "this-machine", "--deadline", "1", "--format", "json"]).document();
    assert_eq!(built_in["playbook"]["vouched"]["state"], "built_in");
}

/// The same call within a terminal of its own; none where this machine has nothing that makes one.
fn at_a_terminal(desk: &Desk, arguments: &str, typed: &str) -> Option<String> {
    let program = env!("CARGO_BIN_EXE_firstline");
    fs::write(desk.path("typed"), typed).unwrap();
    let command = format!("{program} {arguments} --settings firstline.toml");
    let script = ["-c", "cat typed | script -qec \"$0\" /dev/null"];
    let _ = stock("script", &["--version"])?;
    let output = Command::new("/bin/sh")
        .args(script)
        .arg(&command)
        .current_dir(desk.folder.path())
        .env_clear()
        .env("HOME", desk.folder.path())
        .env("PATH", "/usr/bin:/bin")
        .output()
        .unwrap();
    Some(String::from_utf8_lossy(&output.stdout).into_owned())
}

#[test]
fn the_flag_counts_only_where_somebody_can_read_the_commands() {
    let Some(desk) = Desk::new() else { return };
    let ended = desk.call(&["run", "./report.toml", "--allow-commands"]);
    assert!(ended.exit == 3 && ended.stderr.contains("counts only at a terminal"), "{}", ended.stderr);
    let Some(refused) = at_a_terminal(&desk, "run ./report.toml", "") else { return };
    assert!(refused.contains("playbook show ./report.toml") && refused.contains("--allow-commands"), "{refused}");
    let arguments = "run ./report.toml --allow-commands --format json";
    let allowed = at_a_terminal(&desk, arguments, "").unwrap();
    assert!(allowed.contains("\"allowed_by_flag\""), "{allowed}");
    let silent = at_a_terminal(&desk, &format!("{arguments} --no-input"), "").unwrap();
    assert!(silent.contains("counts only at a terminal"), "{silent}");
}

#[test]
fn passwords_come_from_a_file_from_standard_input_or_from_the_person() {
    let Some(desk) = Desk::new() else { return };
    desk.put("password", "correct horse\n");
    // A key of the stock tool's takes a second to open, so this one was made with little work.
    let secret = desk.path("locked.key");
    for name in ["locked.key", "locked.pub"] {
        fs::copy(format!("tests/fixtures/{name}"), desk.path(name)).unwrap();
    }
    desk.put("firstline.toml", &format!("trusted_keys = {{ desk = \"{}\" }}\n", desk.public("locked")));
    let sign = ["playbook", "sign", "report.toml", "--key", &secret];
    let asked = desk.call(&sign);
    assert!(asked.exit == 3 && asked.stderr.contains("--password-file FILE"), "{}", asked.stderr);
    desk.put("wrong", "battery staple");
    let wrong = desk.call(&[&sign[..], &["--password-file", "wrong"]].concat());
    assert!(wrong.exit == 3 && wrong.stderr.contains("does not open"), "{}", wrong.stderr);
    desk.call(&[&sign[..], &["--password-file", "password"]].concat()).silent(0);
    desk.ran("signed");

    let mut call = Call::new(&[&sign[..], &["--password-file", "-"]].concat()).within(desk.folder.path());
    call.command.stdin(fs::File::open(desk.path("password")).unwrap());
    fs::remove_file(desk.path("report.toml.minisig")).unwrap();
    call.end().silent(0);
    desk.ran("signed");

    fs::remove_file(desk.path("report.toml.minisig")).unwrap();
    let Some(shown) = at_a_terminal(&desk, &sign.join(" "), "correct horse\r") else { return };
    // What is typed ahead the terminal itself shows; the question shows nothing.
    let (_, asked) = shown.split_once("Password of").expect(&shown);
    assert!(!asked.contains("correct horse"), "{shown}");
    desk.ran("signed");
}

#[test]
fn keys_that_cannot_be_used_are_named() {
    let Some(desk) = Desk::new() else { return };
    let sign = |key: &str| desk.call(&["playbook", "sign", "report.toml", "--key", key]);
    for (key, expected) in
        [("no.key", "cannot read the minisign secret key `no.key`"), ("report.toml", "is no minisign secret key")]
    {
        let ended = sign(key);
        assert!(ended.exit == 3 && ended.stderr.contains(expected), "{}", ended.stderr);
    }
    desk.put("firstline.toml", "[trusted_keys]\ndesk = \"RWQnonsense\"\n");
    let ended = desk.run();
    for part in ["firstline.toml:2:8", "no minisign public key"] {
        assert!(ended.stderr.contains(part), "{part} is not in {}", ended.stderr);
    }
}
