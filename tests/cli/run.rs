//! Whole runs on this machine, with a playbook that stays on the loopback.

use crate::{Call, Ended, call};
use std::fs;
use std::path::Path;

/// A playbook whose verdict does not depend on the machine: nothing listens on the resolver's port, and `localhost`
/// needs no resolver.
const PLAYBOOK: &str = r#"
schema = 1
id = "own-resolver"
title = "The resolver of this test"
says = ["the test resolver is down"]

[inputs.name]
kind = "text"
ask = "Which name?"

[[check]]
id = "resolver"
probe = "dns"
servers = ["127.0.0.1:1"]
name = "{{ name }}"
goal = true

[[cause]]
id = "nothing-listens"
layer = "dns"
prior = "common"
title = "Nothing listens on the resolver's port"
when = [{ check = "resolver", code = "dns.port_closed" }]
plain = "The program that finds addresses is not running."
workaround = ["One", "Two", "Three", "Four"]
verify = "resolver"
"#;

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("own.toml"), PLAYBOOK).unwrap();
        Folder(folder)
    }

    fn playbook(&self) -> String {
        self.0.path().join("own.toml").to_string_lossy().into_owned()
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

const WORKS: &str = "name=localhost";
const FAILS: &str = "name=crm.example.test";

fn run(name: &str, more: &[&str], change: impl Fn(Call) -> Call) -> Ended {
    let folder = Folder::new();
    let playbook = folder.playbook();
    let arguments = [&["run", playbook.as_str(), "--set", name], more].concat();
    change(Call::new(&arguments)).end()
}

#[test]
fn a_fault_exits_2_and_leaves_a_whole_packet_in_the_state_folder() {
    let ended = run(FAILS, &[], |call| call).silent(2);
    assert!(ended.stdout.starts_with("FAULT in dns"), "{}", ended.stdout);
    let folder = ended.home.path().join(".local/state/firstline/packets");
    let names = packets(&folder);
    assert_eq!(names.len(), 4, "{names:?}");
    let zip = names.iter().find(|name| name.ends_with(".zip")).unwrap();
    let path = folder.join(zip).to_string_lossy().into_owned();
    assert!(ended.stdout.contains(zip.as_str()) || ended.stdout.contains("Packet"), "{}", ended.stdout);
    let verified = crate::call(&["packet", "verify", &path]).silent(0);
    assert!(verified.stdout.starts_with("WHOLE"), "{}", verified.stdout);
    let shown = crate::call(&["packet", "render", &path]).silent(0);
    assert_eq!(shown.stdout, ended.stdout, "a stored packet renders to the same bytes");
    let picture = crate::call(&["packet", "render", &path, "--format", "picture"]).silent(0);
    let beside = std::fs::read_to_string(path.replace(".zip", ".html")).unwrap();
    assert!(picture.stdout == beside, "the picture beside a packet is the one that is made of it");
    assert!(!ended.home.path().join(".local/state/firstline/spool").exists(), "the spool is gone");
}

#[test]
fn json_is_one_document_with_the_path_of_the_packet() {
    let ended = run(FAILS, &["--format", "json"], |call| call).silent(2);
    let document = ended.document();
    assert_eq!(document["verdict"]["status"], "fault");
    assert!(Path::new(document["run"]["packet_path"].as_str().unwrap()).is_file());
}

#[test]
fn a_healthy_run_writes_a_packet_only_where_one_is_wanted() {
    let ended = run(WORKS, &[], |call| call).silent(0);
    assert!(ended.stdout.starts_with("HEALTHY"), "{}", ended.stdout);
    assert_eq!(packets(&ended.home.path().join(".local/state/firstline/packets")), Vec::<String>::new());
    let wanted = run(WORKS, &["--ticket", "INC-1"], |call| call).silent(0);
    assert_eq!(packets(&wanted.home.path().join(".local/state/firstline/packets")).len(), 4);
}

#[test]
fn a_folder_that_cannot_be_written_is_replaced_and_named() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let inside = file.path().join("packets").to_string_lossy().into_owned();
    let ended = run(FAILS, &["--output", &inside, "--format", "json"], |call| call).silent(2);
    let document = ended.document();
    assert!(document["run"]["warnings"][0].as_str().unwrap().contains(&inside), "{document}");
    let written = document["run"]["packet_path"].as_str().unwrap();
    assert!(written.starts_with(&*ended.home.path().to_string_lossy()), "{written}");
}

#[test]
fn without_a_place_to_write_the_report_still_comes() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let nowhere = file.path().join("x").to_string_lossy().into_owned();
    let ended = run(FAILS, &["--format", "json"], |call| {
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
    let ended = run(WORKS, &[], |call| {
        call.env("http_proxy", "::::not a url").env("HTTPS_PROXY", "\u{1b}[31m").env("TERM", "dumb").env("LC_ALL", "xx")
    });
    ended.silent(0);
    run(WORKS, &[], |call| call.without_env("PATH")).silent(0);
}

#[test]
fn unattended_a_missing_input_is_bad_usage_with_the_command_to_type() {
    let folder = Folder::new();
    crate::call(&["run", &folder.playbook()]).refuses(
        "error: the playbook `own-resolver` needs `name`: Which name?\n\n\
         hint: firstline run own-resolver --set name=...",
    );
    crate::call(&["run", &folder.playbook(), "--set", "nam=x"])
        .refuses("error: the playbook `own-resolver` has no input `nam`\n\nhint: did you mean `name`?");
}

#[test]
fn an_unknown_question_is_bad_usage() {
    let folder = Folder::new();
    let ended =
        Call::new(&["run", &folder.playbook(), "--set", FAILS, "--answer", "mood=good"]).within(folder.0.path()).end();
    assert_eq!(ended.exit, 3);
    assert!(ended.stderr.contains("asks no question `mood`"), "{}", ended.stderr);
}

#[test]
fn replay_gives_the_same_verdict() {
    let folder = Folder::new();
    let output = folder.0.path().to_string_lossy().into_owned();
    let ran = Call::new(&["run", &folder.playbook(), "--set", FAILS, "--output", &output]).end().silent(2);
    let zip = packets(folder.0.path()).into_iter().find(|name| name.ends_with(".zip")).unwrap();
    let path = folder.0.path().join(zip).to_string_lossy().into_owned();
    let replayed = crate::call(&["replay", &path]).silent(2);
    assert_eq!(replayed.stdout, ran.stdout);
}

#[test]
fn at_the_deadline_the_packet_is_complete() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("slow.toml");
    // A resolver that takes queries and never answers.
    let silent = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let server = silent.local_addr().unwrap().to_string();
    fs::write(&path, PLAYBOOK.replace("127.0.0.1:1", &server)).unwrap();
    let started = std::time::Instant::now();
    let arguments = ["run", path.to_str().unwrap(), "--set", FAILS, "--deadline", "300ms", "--format", "json"];
    let ended = Call::new(&arguments).end();
    let document = ended.document();
    // A probe that sees that its time cannot suffice may end before the deadline strikes.
    assert!(["deadline", "complete"].contains(&document["run"]["ended"].as_str().unwrap()), "{document}");
    assert_eq!((ended.exit, &document["verdict"]["status"]), (3, &"undecided".into()));
    assert!(Path::new(document["run"]["packet_path"].as_str().unwrap()).is_file());
    assert!(started.elapsed().as_secs() < 5);
    assert_eq!(ended.stderr, "");
}

#[test]
fn what_people_said_stands_in_the_letter_and_in_the_packet() {
    let folder = tempfile::tempdir().unwrap();
    let case = folder.path().join("case.toml");
    // Every field of the empty case file can be read once somebody answers it.
    let empty = crate::call(&["generate", "case"]).silent(0).stdout;
    let filled: Vec<String> = empty
        .lines()
        .map(|line| match line.strip_prefix("# ").filter(|line| line.contains(" = ") && !line.contains('`')) {
            Some(line) => line.replace("\"\"", "\"said so\"").replace("one|several|site|everyone", "several"),
            None => line.to_owned(),
        })
        .map(|line| match line.split_once('|') {
            Some((first, _)) => format!("{first}\""),
            None => line,
        })
        .collect();
    fs::write(&case, filled.join("\n")).unwrap();
    let arguments = ["--case", case.to_str().unwrap(), "--tried", "other cable=no change", "--said", "contact=unknown"];
    let ended = run(FAILS, &[&arguments[..], &["--format", "json"]].concat(), |call| call).silent(2);
    let document = ended.document();
    assert_eq!(document["case"]["tried"][1]["result"], "no change");
    assert_eq!(document["case"]["priority"]["priority"], 2, "{}", document["case"]);
    assert_eq!(document["case"]["contact"], "said so", "not knowing takes nothing back");
    let letter = Path::new(document["run"]["packet_path"].as_str().unwrap()).with_extension("txt");
    let letter = fs::read_to_string(letter).unwrap();
    assert!(letter.contains("other cable: no change") && !letter.contains("Not asked"), "{letter}");
}

#[test]
fn a_mistake_in_the_case_is_shown_before_anything_runs() {
    let folder = tempfile::tempdir().unwrap();
    let case = folder.path().join("case.toml");
    fs::write(&case, "sinse = \"noon\"\n").unwrap();
    let ended = run(FAILS, &["--case", case.to_str().unwrap()], |call| call);
    assert_eq!((ended.exit, ended.stdout.as_str()), (3, ""));
    assert!(
        ended.stderr.contains("case.toml:1:1") && ended.stderr.contains("did you mean `since`?"),
        "{}",
        ended.stderr
    );
    let ended = run(FAILS, &["--case", "/nonexistent"], |call| call);
    assert!(ended.stderr.contains("hint: firstline generate case"), "{}", ended.stderr);
}

/// A run whose resolver never answers, so that it goes on until it is killed.
fn endless(folder: &Folder, server: &str) -> Call {
    fs::write(folder.0.path().join("own.toml"), PLAYBOOK.replace("127.0.0.1:1", server)).unwrap();
    Call::new(&["run", &folder.playbook(), "--set", FAILS, "--full"])
}

/// Makes a packet of what is left under this home; none where nothing was to be kept yet.
fn finish(home: &Path, output: &Path) -> serde_json::Value {
    let arguments = ["packet", "finish", "--format", "json", "--output", output.to_str().unwrap()];
    let home = home.to_str().unwrap().to_owned();
    Call::new(&arguments).env("HOME", &home).end().silent(0).document()
}

#[test]
fn killed_at_any_moment_what_was_known_becomes_a_packet() {
    let silent = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let server = silent.local_addr().unwrap().to_string();
    let mut made = 0;
    for round in 0..16_u64 {
        let folder = Folder::new();
        let mut call = endless(&folder, &server);
        let mut running = call.command.stdout(std::process::Stdio::null()).spawn().unwrap();
        // Early moments are close together: that is where the spool is made.
        let moment = round * round * 2 + rand::random_range(0..4);
        std::thread::sleep(std::time::Duration::from_millis(moment));
        running.kill().unwrap();
        running.wait().unwrap();
        let spools = call.home.path().join(".local/state/firstline/spool");
        let header = fs::read_dir(&spools)
            .map(|entries| entries.flatten().any(|entry| entry.path().join("packet.json").is_file()))
            .unwrap_or(false);
        let finished = finish(call.home.path(), folder.0.path());
        let finished = finished.as_array().unwrap();
        assert_eq!(finished.len(), usize::from(header), "after {moment} ms");
        for one in finished {
            let path = one["packet"].as_str().unwrap();
            assert!(crate::call(&["packet", "verify", path]).silent(0).stdout.starts_with("WHOLE"));
            let document = crate::call(&["packet", "render", path, "--format", "json"]).silent(0).document();
            assert_eq!(document["run"]["ended"], "killed");
            assert_eq!(document["run"]["id"], one["run"]);
            assert_eq!(document["verdict"]["status"], "undecided", "nothing was known yet: {document}");
            assert!(!spools.exists(), "the spool is gone");
            made += 1;
        }
    }
    assert!(made >= 4, "only {made} of 16 runs had begun when they were killed");
}

#[test]
fn a_run_that_goes_on_is_not_finished_by_another() {
    let silent = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let folder = Folder::new();
    let mut call = endless(&folder, &silent.local_addr().unwrap().to_string());
    let mut running = call.command.stdout(std::process::Stdio::null()).spawn().unwrap();
    let spools = call.home.path().join(".local/state/firstline/spool");
    let begun = || fs::read_dir(&spools).is_ok_and(|mut entries| entries.next().is_some());
    while !begun() {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    assert_eq!(finish(call.home.path(), folder.0.path()), serde_json::json!([]));
    assert!(begun());
    running.kill().unwrap();
    running.wait().unwrap();
}

#[test]
fn the_manifest_says_who_what_and_by_what_right_and_the_letters_name_it() {
    let settings = tempfile::NamedTempFile::new().unwrap();
    fs::write(&settings, "ask_consent = true\nconsent_policy = \"remote support 2026\"\n").unwrap();
    let arguments = ["--settings", settings.path().to_str().unwrap(), "--format", "json"];
    let document = run(FAILS, &arguments, |call| call).silent(2);
    let path = document.document()["run"]["packet_path"].as_str().unwrap().to_owned();
    let mut archive = zip::ZipArchive::new(fs::File::open(&path).unwrap()).unwrap();
    let mut read = |name: &str| {
        let mut text = String::new();
        std::io::Read::read_to_string(&mut archive.by_name(name).unwrap(), &mut text).unwrap();
        text
    };
    let manifest = read("manifest.json");
    let hash = firstline::packet::write::hex(manifest.as_bytes());
    for letter in ["summary.txt", "summary.md"] {
        assert!(read(letter).contains(&hash), "{letter}");
    }
    let manifest: serde_json::Value = serde_json::from_str(&manifest).unwrap();
    let schema = crate::call(&["generate", "schema", "manifest"]).silent(0).document();
    assert_eq!(crate::schema::differences(&schema, &manifest), Vec::<String>::new());
    assert_eq!(manifest["run"]["consent"], serde_json::json!({ "policy": "remote support 2026" }));
    assert_eq!(manifest["tool"]["sha256"].as_str().map(str::len), Some(64));
    assert_eq!(manifest["playbook"]["sha256"].as_str().map(str::len), Some(64));
    assert!(manifest["files"].as_array().unwrap().iter().any(|file| file["name"] == "packet.json"), "{manifest}");

    fs::write(&settings, "ask_consent = true\n").unwrap();
    let refused = run(FAILS, &arguments, |call| call);
    assert_eq!((refused.exit, refused.stdout.as_str()), (3, ""));
    assert!(refused.stderr.contains("nobody is here who could be asked"), "{}", refused.stderr);
}

/// What lies in the state folder came there by itself and goes by itself, and both is said; what somebody wanted in a
/// folder of their own is theirs.
#[test]
fn only_packets_that_nobody_asked_for_expire() {
    let folder = Folder::new();
    let own = folder.0.path().join("own packets");
    let state = folder.0.path().join("home/.local/state/firstline/packets");
    let in_home = |more: &[&str]| {
        let playbook = folder.playbook();
        let words = [&["run", &playbook, "--set", FAILS, "--format", "json"], more].concat();
        Call::new(&words).env("HOME", folder.0.path().join("home").to_str().unwrap()).end().silent(2).document()
    };
    assert_eq!(in_home(&[])["run"]["packet_kept_days"], 30);
    assert_eq!(in_home(&["--output", own.to_str().unwrap()])["run"]["packet_kept_days"], serde_json::Value::Null);
    let old = std::time::SystemTime::now() - std::time::Duration::from_secs(31 * 86_400);
    let age = |folder: &Path| {
        for name in packets(folder) {
            fs::File::open(folder.join(name)).unwrap().set_modified(old).unwrap();
        }
    };
    age(&own);
    age(&state);
    let (theirs, before) = (packets(&own), packets(&state));
    let document = in_home(&["--output", own.to_str().unwrap()]);
    assert!(document["run"]["warnings"].to_string().contains("older than 30 days were removed"), "{document}");
    assert!(packets(&state).is_empty() && !before.is_empty());
    assert!(theirs.iter().all(|name| own.join(name).exists()), "what was asked for stays");
}

/// A port that is refused, and two causes of it that only people's words tell apart.
const TWO_PLACES: &str = "schema = 1\nid = 'two-places'\ntitle = 'x'\n\
    [[check]]\nid = 'port'\nprobe = 'tcp'\naddresses = '127.0.0.1'\nport = 1\ngoal = true\n\
    [[check]]\nid = 'other'\nprobe = 'ask'\nquestion = 'Does it work elsewhere?'\n\
    answers = { yes = 'it does', no = 'it does not' }\n\
    case = { field = 'other_device', yes = 'works', no = 'fails' }\n\
    when = [{ check = 'port', outcome = 'problem' }]\n\
    [[cause]]\nid = 'theirs'\nlayer = 'transport'\ntitle = 't'\nplain = 'p'\n\
    when = [{ check = 'port', code = 'tcp.refused' }]\n\
    [[cause]]\nid = 'ours'\nlayer = 'host'\ntitle = 't'\nplain = 'p'\n\
    when = [{ check = 'port', code = 'tcp.refused' }]\n";

#[test]
fn a_question_is_asked_where_the_verdict_hangs_on_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("two.toml");
    std::fs::write(&path, TWO_PLACES).unwrap();
    let run = |more: &[&str]| {
        let path = path.to_str().unwrap();
        call(&[&["run", path, "--format", "json"], more].concat()).silent(2).document()
    };
    let asked = |document: &serde_json::Value| {
        let seen = document["observations"].as_array().unwrap();
        seen.iter().find(|seen| seen["check"] == "other").map(|seen| seen["outcome"].clone())
    };
    let open = run(&[]);
    assert_eq!(open["verdict"]["layers"], serde_json::json!(["transport", "host"]), "{}", open["verdict"]);
    assert_eq!(asked(&open), Some("unknown".into()), "nobody is there to ask");
    for (said, cause) in [("--answer=other=no", "theirs"), ("--answer=other=yes", "ours")] {
        let told = run(&[said]);
        assert_eq!((&told["verdict"]["cause"], &told["verdict"]["certainty"]), (&cause.into(), &"suspected".into()));
    }
    let said_before = run(&["--said", "other_device=fails"]);
    assert_eq!(said_before["verdict"]["cause"], "theirs");
}
