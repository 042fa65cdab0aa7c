//! The committed reference pages are what the binary says.

use crate::call;
use std::fs;

#[test]
fn the_reference_pages_are_those_of_the_binary() {
    let folder = tempfile::tempdir().unwrap();
    call(&["generate", "reference", folder.path().to_str().unwrap()]).silent(0);
    let pictures = folder.path().join("pictures");
    let entries = fs::read_dir(folder.path()).unwrap().chain(fs::read_dir(&pictures).unwrap());
    for path in entries.map(|entry| entry.unwrap().path()).filter(|path| path.is_file()) {
        let name = path.strip_prefix(folder.path()).unwrap().to_string_lossy().into_owned();
        let committed = fs::read_to_string(format!("docs/reference/{name}")).unwrap_or_default();
        let same = fs::read_to_string(&path).unwrap() == committed;
        assert!(same, "docs/reference/{name} is not what the binary says: run `cargo run -- generate reference`");
    }
}

#[test]
fn completions_man_page_and_schemas_come_from_the_binary() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        assert!(call(&["generate", "completions", shell]).silent(0).stdout.contains("firstline"), "{shell}");
    }
    assert!(call(&["generate", "man"]).silent(0).stdout.contains(".TH firstline"));
    let schema = call(&["generate", "schema"]).silent(0).document();
    assert!(schema["properties"]["verdict"].is_object());
    assert!(call(&["generate", "schema", "dns"]).silent(0).document()["params"].is_object());
}
