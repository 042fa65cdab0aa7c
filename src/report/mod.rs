//! Reports: pure functions from the packet to bytes, one file each. Adding one is its file and its line in `FORMATS`.

pub mod content;
mod json;
mod markdown;
mod page;
mod summary;
mod text;

pub use page::{Page, Paint};
pub use summary::summary;
pub(crate) use text::observations_page;

use crate::packet::Packet;

/// How a report may look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Style {
    /// Colour beside the words, never instead of them.
    pub color: bool,
    /// Columns.
    pub width: usize,
    /// Every observation, too.
    pub verbose: bool,
}

impl Style {
    /// For files: no colour, the given width.
    pub const fn plain(width: usize) -> Self {
        Style { color: false, width, verbose: false }
    }
}

/// One way of writing a packet down.
pub struct Format {
    /// The word after `--format`.
    pub name: &'static str,
    /// One line for the help.
    pub summary: &'static str,
    /// Renders.
    pub render: fn(&Packet, &Style) -> String,
}

/// Every format.
pub const FORMATS: &[Format] = &[
    Format { name: "text", summary: "for people at a terminal", render: text::render },
    Format { name: "json", summary: "the whole packet, one document", render: json::render },
    Format { name: "markdown", summary: "a comment for the ticket", render: markdown::render },
];

/// The names of all formats.
pub fn names() -> impl Iterator<Item = &'static str> {
    FORMATS.iter().map(|format| format.name)
}

/// Renders in the format with this name; text where there is none of it.
pub fn render(name: &str, packet: &Packet, style: &Style) -> String {
    let format = FORMATS.iter().find(|format| format.name == name).unwrap_or(&FORMATS[0]);
    (format.render)(packet, style)
}

/// The comment for the ticket.
pub fn markdown(packet: &Packet) -> String {
    markdown::render(packet, &Style::plain(100))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packet::read::open;
    use std::path::Path;

    pub(super) fn fault() -> Packet {
        open(Path::new("tests/packets/v1/stale-vpn-resolver.json")).unwrap().packet
    }

    pub(super) fn healthy() -> Packet {
        open(Path::new("tests/packets/v1/healthy.json")).unwrap().packet
    }

    /// Every text field a stranger can write, replaced by something that attacks.
    fn hostile() -> Packet {
        const ATTACK: &str = "\u{1b}]0;owned\u{7}\u{202e}<b>`|x\n# y";
        let mut value = serde_json::to_value(fault()).unwrap();
        for (section, field) in
            [("verdict", "title"), ("verdict", "summary"), ("verdict", "plain"), ("verdict", "culprit")]
        {
            value[section][field] = ATTACK.into();
        }
        value["verdict"]["notes"] = serde_json::json!([ATTACK]);
        value["verdict"]["findings"][0]["summary"] = ATTACK.into();
        value["verdict"]["because"] = serde_json::json!([ATTACK]);
        value["observations"][0]["summary"] = ATTACK.into();
        value["observations"][0]["id"] = ATTACK.into();
        value["case"]["symptom"] = ATTACK.into();
        value["host"]["name"] = ATTACK.into();
        value["next"]["workaround"] = serde_json::json!([ATTACK]);
        value["run"]["warnings"] = serde_json::json!([ATTACK]);
        value["run"]["packet_path"] = ATTACK.into();
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn no_format_lets_a_strangers_escapes_through() {
        let style = Style { color: false, width: 80, verbose: true };
        let all = FORMATS.iter().map(|format| (format.render)(&hostile(), &style)).chain([summary(&hostile())]);
        for text in all {
            assert!(!text.contains(['\u{1b}', '\u{7}', '\u{202e}']), "{text:?}");
        }
    }

    #[test]
    fn a_run_in_a_container_says_so() {
        let mut packet = fault();
        packet.host.container = Some("docker".to_owned());
        for format in FORMATS.iter().filter(|format| format.name != "json") {
            let text = (format.render)(&packet, &Style::plain(200));
            assert!(text.contains("inside a container (docker)"), "{}: {text}", format.name);
            assert!(!(format.render)(&fault(), &Style::plain(200)).contains("inside a"), "{}", format.name);
        }
        packet.host = crate::packet::Host { own_network: Some(true), ..fault().host };
        assert!(packet.host.seen_from().is_some_and(|place| place.contains("namespace")));
    }

    #[test]
    fn json_is_one_document_that_reads_back() {
        let text = render("json", &fault(), &Style::plain(80));
        assert_eq!(serde_json::from_str::<Packet>(&text).unwrap(), fault());
    }

    #[test]
    fn every_stored_packet_renders_in_every_format() {
        for entry in std::fs::read_dir("tests/packets/v1").unwrap() {
            let packet = open(&entry.unwrap().path()).unwrap().packet;
            for format in FORMATS {
                assert!(!(format.render)(&packet, &Style::plain(80)).is_empty(), "{}", format.name);
            }
        }
    }
}
