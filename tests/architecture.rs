//! The rules of docs/architecture.md that no compiler checks.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use firstline::probe::PROBES;
use firstline::problem::PROBLEMS;

/// All files beneath a folder of this crate with one of these endings.
fn files(folder: &str, endings: &[&str]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|ending| endings.contains(&ending.to_string_lossy().as_ref())) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// The path from the crate's root, with slashes.
fn name(path: &Path) -> String {
    let path = path.strip_prefix(env!("CARGO_MANIFEST_DIR")).unwrap();
    path.to_string_lossy().replace('\\', "/")
}

fn text(path: impl AsRef<Path>) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

/// Lines of code, comments left out, in which one of these words stands.
fn lines_with(folder: &str, words: &[&str], spare: impl Fn(&str) -> bool) -> Vec<String> {
    let mut found = Vec::new();
    for path in files(folder, &["rs"]).into_iter().filter(|path| !spare(&name(path))) {
        for (number, line) in text(&path).lines().enumerate() {
            let code = line.trim_start();
            if !code.starts_with("//") && words.iter().any(|word| code.contains(word)) {
                found.push(format!("{}:{}: {code}", name(&path), number + 1));
            }
        }
    }
    found
}

#[test]
fn only_sys_knows_operating_systems() {
    const WORDS: [&str; 8] = [
        "target_os",
        "target_family",
        "cfg(unix",
        "cfg(windows",
        "cfg!(unix",
        "cfg!(windows",
        "std::os::",
        "windows_sys::",
    ];
    let found = lines_with("src", &WORDS, |file| file.starts_with("src/sys/"));
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn what_decides_and_what_renders_touch_nothing() {
    for folder in ["src/diagnosis", "src/report"] {
        let words =
            ["crate::world", "crate::sys", "crate::run", "std::fs", "std::net::Tcp", "std::net::Udp", "tokio::"];
        let found: Vec<String> = lines_with(folder, &words, |_| false)
            .into_iter()
            // Tests read stored packets; they stand at the end of a file, behind their attribute.
            .filter(|line| !line.contains("std::fs::read_dir"))
            .collect();
        assert!(found.is_empty(), "{}", found.join("\n"));
    }
    // The one shape of `sys` that a packet carries: plain data.
    let uses: Vec<String> = lines_with("src/packet", &["crate::sys::"], |_| false);
    let only = ["use crate::sys::Change;"];
    let others: Vec<&String> = uses.iter().filter(|line| !only.iter().any(|use_| line.ends_with(use_))).collect();
    assert!(others.is_empty(), "{others:?}");
}

#[test]
fn every_probe_file_is_listed() {
    let list = text("src/probe/mod.rs");
    let mut count = 0;
    for path in files("src/probe", &["rs"]) {
        if text(&path).contains("\npub const PROBE: Probe") || text(&path).contains("\npub static PROBE: Probe") {
            let stem = path.file_stem().unwrap().to_string_lossy().into_owned();
            assert!(list.contains(&format!("&{stem}::PROBE,")), "{} is not in PROBES", name(&path));
            count += 1;
        }
    }
    assert_eq!(count, PROBES.len(), "a probe is listed twice, or in another file");
}

#[test]
fn every_playbook_file_is_listed() {
    let ids = |folder: &str| -> BTreeSet<String> {
        let entries = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)).unwrap();
        let paths = entries.map(|entry| entry.unwrap().path()).filter(|path| path.is_file());
        paths.map(|path| path.file_stem().unwrap().to_string_lossy().into_owned()).collect()
    };
    let listed = |list: &[(&str, &str)]| -> BTreeSet<String> { list.iter().map(|(id, _)| (*id).to_owned()).collect() };
    assert_eq!(ids("playbooks"), listed(firstline::playbook::builtin::BUILTIN));
    assert_eq!(ids("playbooks/common"), listed(firstline::playbook::builtin::FRAGMENTS));
}

#[test]
fn every_code_is_reported_by_a_probe_or_reserved() {
    let page = text("docs/architecture.md");
    let (_, after) = page.split_once("## Reserved codes").expect("the page has that section");
    let section = after.split("\n## ").next().unwrap_or(after);
    for (code, problem) in PROBLEMS {
        let reported = PROBES.iter().any(|probe| probe.codes.contains(code));
        // A line may begin with several of them; what it says of others is explanation.
        let reserved = section
            .lines()
            .filter_map(|line| line.strip_prefix("- ")?.split(':').next())
            .any(|names| names.split(", ").any(|name| name == format!("`{}`", problem.code)));
        assert!(reported || reserved, "{} is neither reported nor reserved", problem.code);
        assert!(!(reported && reserved), "{} is reported; it is no longer reserved", problem.code);
    }
}

#[test]
fn every_note_is_linked_and_every_link_leads_somewhere() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut pages = files("docs", &["md"]);
    pages.push(root.join("README.md"));
    let mut linked = BTreeSet::new();
    for page in &pages {
        let text = text(page);
        for piece in text.split("](").skip(1) {
            let link = piece.split([')', '#']).next().unwrap_or_default();
            if link.is_empty() || link.contains("://") {
                continue;
            }
            let target = page.parent().unwrap_or(root).join(link);
            assert!(target.exists(), "{} links to {link}, which is not there", name(page));
            linked.insert(target.canonicalize().unwrap());
        }
    }
    for page in pages.iter().filter(|page| name(page) != "README.md" && !name(page).starts_with("docs/reference/")) {
        assert!(linked.contains(&page.canonicalize().unwrap()), "nothing links to {}", name(page));
    }
}

#[test]
fn no_machines_own_paths() {
    // Put together here, so that this file does not hold them.
    let homes: Vec<String> =
        ["home", "Users", "work", "root", "build"].iter().map(|folder| format!("/{folder}/")).collect();
    // Invented accounts in tables of tests, and places that every machine has.
    const INVENTED: [&str; 4] = ["/home/ann", "/tmp/home/", "root:/root:", "/run/"];
    let own = env!("CARGO_MANIFEST_DIR");
    let mut pages = vec![Path::new(own).join("README.md"), Path::new(own).join("Cargo.toml")];
    for folder in ["src", "tests", "docs", "playbooks"] {
        pages.extend(files(folder, &["rs", "toml", "md", "txt", "json", "snap", "conf"]));
    }
    for page in pages {
        for (number, line) in text(&page).lines().enumerate() {
            let private = homes.iter().any(|home| line.contains(home.as_str()));
            let invented = INVENTED.iter().any(|known| line.contains(known));
            assert!(!private || invented, "{}:{}: {line}", name(&page), number + 1);
            assert!(!line.contains(own), "{}:{}: {line}", name(&page), number + 1);
        }
    }
}
