//! Bad usage exits 3 and says what to type instead; help and lists are results.

use crate::{Call, call};

#[test]
fn the_settings_say_what_is_in_force_and_where_from() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ours.toml");
    std::fs::write(&file, "internal_names = [\"corp.example\"]\n[teams]\n\"network team\" = \"NET-2\"\n").unwrap();
    let file = file.to_str().unwrap();
    let ended = call(&["settings", "--settings", file]).silent(0);
    for part in [file, "internal_names", "corp.example", "NET-2", "keep_days", "default"] {
        assert!(ended.stdout.contains(part), "{part} is not in {}", ended.stdout);
    }
    let document = call(&["settings", "--settings", file, "--format", "json"]).silent(0).document();
    let settings = &document["settings"];
    assert_eq!((&settings["teams"]["set"], &settings["keep_days"]["set"]), (&true.into(), &false.into()));
    assert_eq!((&document["file"], &settings["internal_names"]["value"][0]), (&file.into(), &"corp.example".into()));
}

#[test]
fn mistakes_on_the_command_line_are_no_faults_of_the_machine() {
    let cases: [(&[&str], &str); 6] = [
        (&["rum"], "a similar subcommand exists: 'run'"),
        (&["run"], "<PLAYBOOK>"),
        (&["--format", "jason"], "a similar value exists: 'json'"),
        (&["run", "dns", "--deadline", "soon"], "expected a time such as 30, 90s or 2m"),
        (&["run", "dns", "--set", "name"], "expected name=value"),
        (&["--full", "--one-by-one"], "cannot be used with"),
    ];
    for (arguments, expected) in cases {
        let ended = call(arguments);
        assert_eq!((ended.exit, ended.stdout.as_str()), (3, ""), "{arguments:?}");
        assert!(ended.stderr.contains(expected), "{expected} is not in {}", ended.stderr);
    }
}

#[test]
fn help_and_version_are_results() {
    for arguments in [&["--help"][..], &["-h"], &["run", "--help"], &["--version"], &["packet", "render", "-h"]] {
        assert!(!call(arguments).silent(0).stdout.is_empty());
    }
    assert!(call(&["--help"]).stdout.contains("Exit codes: 0 healthy, 1 degraded, 2 fault, 3 undecided"));
}

#[test]
fn what_does_not_exist_gets_a_suggestion() {
    call(&["probe", "dsn"]).refuses("error: there is no probe `dsn`\n\nhint: did you mean `firstline probe dns`?");
    call(&["explain", "dns.timeot"])
        .refuses("error: there is nothing called `dns.timeot`\n\nhint: did you mean `firstline explain dns.timeout`?");
    call(&["probe", "dns", "--set", "nam=x"])
        .refuses("error: the probe `dns` has no parameter `nam`\n\nhint: did you mean `name`?");
    let ended = call(&["run", "zebra crossing"]);
    assert_eq!((ended.exit, ended.stdout.as_str()), (3, ""));
    assert!(ended.stderr.starts_with("error: no playbook fits `zebra crossing`"), "{}", ended.stderr);
    assert!(ended.stderr.contains("hint: firstline list playbooks"), "{}", ended.stderr);
}

#[test]
fn an_ambiguous_id_lists_the_choices() {
    let ended = call(&["explain", "dns"]);
    assert_eq!(ended.exit, 3);
    for choice in ["firstline explain probe:dns", "firstline explain layer:dns"] {
        assert!(ended.stderr.contains(choice), "{}", ended.stderr);
    }
    for id in ["probe:dns", "layer:dns", "code:dns.timeout", "dns.timeout"] {
        assert!(!call(&["explain", id]).silent(0).stdout.is_empty(), "{id}");
    }
}

#[test]
fn lists_are_complete_in_words_and_in_json() {
    let text = call(&["list", "codes"]).silent(0).stdout;
    assert!(text.contains("dns.timeout") && text.contains("tcp.refused"));
    let all = call(&["list", "--format", "json"]).silent(0).document();
    for part in ["probes", "codes", "causes", "playbooks"] {
        assert!(all[part].is_array(), "{part}");
    }
}

#[test]
fn a_mistake_in_the_settings_is_shown_where_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("firstline.toml");
    std::fs::write(&path, "control_nam = \"intranet.example\"\n").unwrap();
    let ended = Call::new(&["run", "no-internet"]).env("FIRSTLINE_SETTINGS", path.to_str().unwrap()).end();
    assert_eq!((ended.exit, ended.stdout.as_str()), (3, ""));
    for part in ["unknown setting `control_nam`", "firstline.toml:1:1", "^", "did you mean `control_name`?"] {
        assert!(ended.stderr.contains(part), "{part} is not in {}", ended.stderr);
    }
    call(&["--settings", "/nonexistent/firstline.toml"])
        .refuses("error: there is no settings file `/nonexistent/firstline.toml`");
}

#[test]
fn a_mistake_in_a_playbook_is_shown_where_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mine.toml");
    std::fs::write(&path, "schema = 1\nid = \"mine\"\ntitel = \"x\"\n").unwrap();
    for arguments in [&["run", path.to_str().unwrap()][..], &["playbook", "show", path.to_str().unwrap()]] {
        let ended = call(arguments);
        assert_eq!((ended.exit, ended.stdout.as_str()), (3, ""));
        assert!(ended.stderr.contains("mine.toml:3:1") && ended.stderr.contains("title"), "{}", ended.stderr);
    }
    let linted = call(&["playbook", "lint", path.to_str().unwrap()]).silent(2);
    assert!(linted.stdout.contains("mine.toml:3:1"));
}

#[test]
fn flags_of_a_run_do_not_pass_silently_where_nothing_runs() {
    assert_eq!(call(&["--deadline", "5", "list"]).exit, 3);
}

#[test]
fn a_new_playbook_can_be_checked_tested_and_drawn_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("leave.toml");
    let path = path.to_str().unwrap();
    let made = call(&["playbook", "new", "leave-requests", "--output", path]).silent(0);
    assert!(made.stdout.contains("next: firstline playbook lint"), "{}", made.stdout);
    assert!(call(&["playbook", "lint", path]).silent(0).stdout.contains("no mistakes"));
    assert!(call(&["playbook", "test", path]).silent(0).stdout.contains("3 of 3 tests passed, 2 of 2 causes tested"));
    assert!(call(&["playbook", "show", path]).silent(0).stdout.contains("Asked of a person"));
    let drawn = call(&["playbook", "show", path, "--format", "mermaid"]).silent(0).stdout;
    assert!(drawn.contains("flowchart TD") && drawn.contains("check_port --> check_page"), "{drawn}");
    // Nobody's work is written over.
    call(&["playbook", "new", "other", "--output", path]).refuses(&format!(
        "error: `{path}` is there already\n\nhint: choose another id, or another file with --output FILE"
    ));
    let refused = call(&["playbook", "new", "My App"]);
    assert!(refused.stderr.contains("P007") && refused.stderr.contains("write `my-app`"), "{}", refused.stderr);
    let schema = call(&["generate", "schema", "playbook"]).silent(0).document();
    assert!(schema["definitions"]["cause"].is_object());
}
