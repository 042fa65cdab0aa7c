use super::super::tests::{ATTACKS, fault, full, healthy, hostile};
use super::*;
use crate::packet::excerpt::Excerpt;
use std::collections::BTreeSet;

/// What mail and ticket systems take without a question; the whole evidence is in the archive.
const LARGEST: usize = 300_000;

fn draw(packet: &Packet) -> String {
    render(packet, &Style::plain(80))
}

/// The names of all elements in their order, closing ones too: what the page is without its texts.
fn skeleton(page: &str) -> Vec<&str> {
    let inside = |piece: &'_ str| {
        piece.len() - piece.trim_start_matches(|c: char| c.is_alphanumeric() || "/!".contains(c)).len()
    };
    page.split('<').skip(1).map(|piece| &piece[..inside(piece)]).collect()
}

/// The values of an attribute.
fn values<'a>(page: &'a str, attribute: &str) -> Vec<&'a str> {
    let mark = format!(" {attribute}=\"");
    page.split(mark.as_str()).skip(1).filter_map(|rest| rest.split('"').next()).collect()
}

#[test]
fn no_text_of_a_stranger_changes_what_the_page_is_made_of() {
    let page_of = |text: &str| {
        let mut packet = hostile(text);
        packet.case.target = Some("https://crm.example.test/".to_owned());
        packet.observations[6].evidence = vec!["dns.txt".to_owned()];
        packet.observations[6].facts.insert(text.to_owned(), text.into());
        packet.excerpts.insert("dns.txt".to_owned(), Excerpt::of(text.as_bytes(), 9_999));
        draw(&packet)
    };
    let plain = page_of("a plain text");
    for attack in ATTACKS.iter().filter(|attack| !attack.trim().is_empty()) {
        let attacked = page_of(attack);
        assert_eq!(skeleton(&attacked), skeleton(&plain), "{attack:?}");
        assert!(!attacked.contains(['\u{1b}', '\u{7}', '\u{202e}']), "{attack:?}");
    }
}

#[test]
fn it_loads_runs_and_sends_nothing() {
    for packet in [fault(), full(), healthy()] {
        let page = draw(&packet);
        for word in ["<script", "<link", "<img", "<iframe", "<form", "<base", " style=", " src=", "url(", "@import"] {
            assert!(!page.contains(word), "{word}");
        }
        assert!(values(&page, "href").iter().all(|href| href.starts_with('#')));
        assert!(!page.split_whitespace().any(|word| word.starts_with("on") && word.contains("=\"")));
        let (_, policy) = page.split_once("default-src 'none'; style-src 'sha256-").expect("the policy stands in it");
        let hash = BASE64_STANDARD.encode(Sha256::digest(values_of_style(&page)));
        assert!(policy.starts_with(&hash));
    }
}

fn values_of_style(page: &str) -> &str {
    let (_, rest) = page.split_once("<style>").expect("it has one");
    rest.split_once("</style>").expect("it ends").0
}

#[test]
fn every_link_leads_to_one_place() {
    for packet in [fault(), full(), healthy()] {
        let page = draw(&packet);
        let ids = values(&page, "id");
        let unique: BTreeSet<&str> = ids.iter().copied().collect();
        assert_eq!(ids.len(), unique.len(), "an id stands twice");
        for href in values(&page, "href") {
            assert!(unique.contains(&href[1..]), "{href} leads nowhere");
        }
    }
}

#[test]
fn a_fault_shows_every_part() {
    let mut packet = full();
    packet.manifest = Some("0123abcd".to_owned());
    let page = draw(&packet);
    for part in PARTS.iter().filter(|part| part.id != "timing") {
        assert!(page.contains(&format!("<section id=\"{}\"", part.id)), "{}", part.id);
    }
    for words in [
        "FAULT</span>",
        "Proven: link, ip, route, path, vpn, proxy. Broken: dns.",
        "It breaks at 10.8.0.1 (resolver).",
        "34 → 27 → 12 → 3 → 1",
        "One change touches dns.",
        "Reconnect the VPN",
        "SHA-256 of manifest.json: <span class=\"id\">0123abcd</span>",
    ] {
        assert!(page.contains(words), "{words}");
    }
    assert!(!page.contains("Restart the computer"), "instructions come in threes");
}

#[test]
fn a_healthy_run_suspects_nobody() {
    let page = draw(&healthy());
    assert!(page.contains("HEALTHY") && !page.contains("id=\"suspects\"") && !page.contains("it breaks here"));
}

#[test]
fn however_much_there_is_it_stays_small() {
    let mut packet = full();
    let template = packet.observations[6].clone();
    for index in 0..400 {
        let mut seen = template.clone();
        seen.id = format!("dns.resolver[{index}]");
        seen.started_ms = index;
        seen.evidence = vec![format!("{index}.txt")];
        seen.summary = "<&>\"".repeat(2_000);
        (0..100).for_each(|fact| drop(seen.facts.insert(format!("fact_{fact}"), "<".repeat(1_000).into())));
        packet.excerpts.insert(format!("{index}.txt"), Excerpt::of("<\u{1b}".repeat(9_000).as_bytes(), 18_000));
        packet.observations.push(seen);
    }
    let page = draw(&packet);
    assert!(page.len() < LARGEST, "{} bytes", page.len());
    assert!(page.contains("further observations are in packet.json"));
}

#[test]
fn evidence_is_shown_as_it_begins() {
    let mut packet = fault();
    packet.excerpts.insert("dns-10.8.0.1.txt".to_owned(), Excerpt::of(b"query 1 <lost>\r\n\tquery 2", 5_000));
    let page = draw(&packet);
    assert!(
        page.contains("the first 24 of 5000 bytes") && page.contains("query 1 &lt;lost&gt;\n    query 2"),
        "{page}"
    );
}
