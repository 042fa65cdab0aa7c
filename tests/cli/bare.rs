//! Machines that lack something: no network, no /proc, no disk, no rights, a configuration of garbage. Each is made of
//! namespaces of this user; where the kernel gives none, the test says so and is skipped.

use crate::{Call, Ended};

/// A network and a mount table of one's own, with every right inside them.
const OWN_MACHINE: [&str; 6] = ["unshare", "--user", "--map-root-user", "--net", "--mount", "--"];

/// Runs the program in namespaces of its own, after the shell words `setup`; none where the kernel gives none.
fn run(setup: &str, arguments: &[&str]) -> Option<Ended> {
    let possible = std::process::Command::new(OWN_MACHINE[0]).args(&OWN_MACHINE[1..]).arg("true").output();
    if !possible.is_ok_and(|output| output.status.success()) {
        eprintln!("SKIPPED: this system gives a user no namespaces");
        assert!(std::env::var_os("FIRSTLINE_LAB_NO_SKIP").is_none_or(|value| value == "0"));
        return None;
    }
    let script = format!("{setup}\nexec \"$0\" \"$@\"");
    let starter: Vec<&str> = OWN_MACHINE.iter().copied().chain(["sh", "-ec", &script]).collect();
    let ended = Call::behind(&starter, arguments).end();
    assert!((0..=3).contains(&ended.exit), "{} {}", ended.exit, ended.stderr);
    assert!(!ended.stderr.contains("panicked"), "{}", ended.stderr);
    Some(ended)
}

#[test]
fn without_any_network_the_answer_is_an_explanation() {
    let Some(ended) = run("", &["--no-input"]) else { return };
    let ended = ended.silent(2);
    assert!(ended.stdout.starts_with("FAULT in link, confirmed: No network interface"), "{}", ended.stdout);
    for part in ["For the user", "Do this now", "Packet "] {
        assert!(ended.stdout.contains(part), "{part} is not in {}", ended.stdout);
    }
}

#[test]
fn without_proc_what_cannot_be_read_is_unknown() {
    let Some(ended) = run("mount -t tmpfs none /proc", &["--format", "json", "--no-input"]) else { return };
    let document = ended.silent(2).document();
    assert_eq!(document["verdict"]["cause"], "no-interface", "{}", document["verdict"]);
    let Some(ended) = run("mount -t tmpfs none /proc", &["probe", "process", "--format", "json"]) else { return };
    let document = ended.silent(3).document();
    assert_eq!(document["observations"][0]["outcome"], "unknown", "{document}");
}

#[test]
fn on_a_full_disk_the_report_comes_and_says_what_is_lost() {
    let full = "mount -t tmpfs -o size=16k none \"$HOME\"";
    let Some(ended) = run(full, &["--no-input"]) else { return };
    let ended = ended.silent(2);
    assert!(ended.stdout.contains("FAULT in link"), "{}", ended.stdout);
    assert!(ended.stdout.contains("the packet could not be written"), "{}", ended.stdout);
}

#[test]
fn a_report_that_nobody_can_take_is_an_own_failure_that_names_the_packet() {
    let Some(ended) = run("exec > /dev/full", &["--no-input"]) else { return };
    assert_eq!(ended.exit, 3);
    assert!(ended.stderr.starts_with("error: cannot write to standard output"), "{}", ended.stderr);
    assert!(ended.stderr.contains("hint: the report is in the packet, /"), "{}", ended.stderr);
}

#[test]
fn garbage_where_the_resolvers_are_set_is_a_finding_of_a_few_lines() {
    let setup = "{ head -c 3000 /dev/urandom; printf '\\nnameserver 300.1.1.1\\n\\377\\n'; } > \"$HOME/garbage\"\n\
                 mount --bind \"$HOME/garbage\" /etc/resolv.conf";
    let Some(ended) = run(setup, &["probe", "resolver", "--format", "json"]) else { return };
    let document = ended.silent(2).document();
    let seen = &document["observations"][0];
    assert_eq!(seen["code"], "dns.bad_config", "{document}");
    let summary = seen["summary"].as_str().unwrap();
    assert!(summary.contains("`nameserver 300.1.1.1` is not an address"), "{summary}");
    assert!(summary.chars().count() < 600, "{} characters", summary.chars().count());
    let endless = "mount --bind /dev/zero /etc/resolv.conf";
    let Some(ended) = run(endless, &["probe", "resolver", "--format", "json"]) else { return };
    assert_ne!(ended.exit, 0, "{}", ended.stdout);
}

#[test]
fn without_the_right_to_ping_the_right_is_named() {
    // Nobody in particular, with no right in the new namespaces.
    let starter = ["unshare", "--user", "--net", "--"];
    let possible = std::process::Command::new(starter[0]).args(&starter[1..]).arg("true").output();
    if !possible.is_ok_and(|output| output.status.success()) {
        eprintln!("SKIPPED: this system gives a user no namespaces");
        return;
    }
    let ended = Call::behind(&starter, &["probe", "echo", "127.0.0.1"]).end().silent(3);
    assert!(ended.stdout.contains("CAP_NET_RAW"), "{}", ended.stdout);
}
