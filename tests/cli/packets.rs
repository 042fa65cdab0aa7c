//! Stored packets: read back, checked, rendered, judged again.

use crate::call;

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
