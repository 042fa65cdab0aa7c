//! Reports: pure functions from the packet to bytes, one file each. Adding one is its file and its line in `FORMATS`.

mod adf;
mod block;
pub mod content;
mod html;
mod jira_wiki;
mod json;
mod letter;
mod line;
mod markdown;
mod page;
mod picture;
mod plain;
mod servicenow;
mod text;
mod user;

pub use page::{Page, Paint};
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

/// The longest letter with markup. The smallest of the larger limits that are documented is 10,000 (N-sight's output,
/// NinjaOne's fields); comments of Jira and Zendesk hold more. What is below it is judgement.
const MARKUP_LONGEST: usize = 9_500;

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
    Format { name: "picture", summary: "the whole packet as one page of HTML", render: picture::render },
    Format { name: "plain", summary: "the letter to the next tier, plain text of 72 columns", render: plain::render },
    Format { name: "markdown", summary: "the letter in Markdown", render: markdown::render },
    Format { name: "jira-wiki", summary: "the letter in Jira's wiki markup", render: jira_wiki::render },
    Format { name: "adf", summary: "the letter as a document of Jira Cloud, JSON", render: adf::render },
    Format { name: "html", summary: "the letter as a fragment of HTML", render: html::render },
    Format {
        name: "servicenow",
        summary: "the letter for a journal field, between [code] marks",
        render: servicenow::render,
    },
    Format { name: "user", summary: "a letter to the user, in plain words", render: user::render },
    Format { name: "line", summary: "one line of at most 255 characters", render: line::render },
    Format { name: "block", summary: "the letter in at most 2,048 characters", render: block::render },
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

/// The file of the letter to the user.
pub const USER_LETTER: &str = "user.txt";

/// Letters by their file names in a packet.
pub type Letters = [(&'static str, String); 3];

/// What the next tier reads: two letters and the picture. They name the packet's manifest.
pub fn letters(packet: &Packet) -> Letters {
    let style = Style::plain(80);
    [
        ("summary.txt", plain::render(packet, &style)),
        ("summary.md", markdown::render(packet, &style)),
        ("report.html", picture::render(packet, &style)),
    ]
}

/// The letter to the user, who need not see a hash: the manifest has its.
pub fn user_letter(packet: &Packet) -> String {
    user::render(packet, &Style::plain(80))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packet::case::field::{FIELDS, Takes};
    use crate::packet::case::{Scope, Urgency};
    use crate::packet::read::open;
    use crate::playbook::{Escalate, Gravity};
    use crate::settings::Settings;
    use std::path::Path;

    pub(super) fn fault() -> Packet {
        open(Path::new("tests/packets/v1/stale-vpn-resolver.json")).unwrap().packet
    }

    pub(super) fn healthy() -> Packet {
        open(Path::new("tests/packets/v1/healthy.json")).unwrap().packet
    }

    /// A fault with everything that people can say.
    pub(super) fn full() -> Packet {
        let mut packet = fault();
        let text = include_str!("../../tests/fixtures/case.toml");
        packet.case.overrule(&crate::case_file::parse("case.toml", text).unwrap());
        packet.case.priority = Settings::default().priority(&packet.case, Gravity::default());
        packet.run.packet_path = Some("/tmp/firstline-one-site-fails-20261121-091502-5f0c.zip".to_owned());
        packet
    }

    /// What strangers write into names, banners and error texts.
    pub(super) const ATTACKS: [&str; 12] = [
        "\u{1b}]0;owned\u{7}\u{202e}<b>`|x\n# y",
        "<script>alert(1)</script><img src=x onerror=alert(1)>",
        "[/code]<b>x</b>[code]",
        "{code}{html}x{html}[~admin]!http://evil.test/x.png!",
        "[click](javascript:alert(1)) ![x](http://evil.test/x.png)",
        "\"},{\"type\":\"mention\",\"attrs\":{\"id\":\"x\"}}",
        "</li></ul><iframe src=//evil.test>",
        "| a | b |\n|---|---|\n1. one\n- two",
        "\\\\ \\{code} &#123;code&#125; &lt;b&gt;",
        "@everyone #1 www.evil.test",
        "",
        "   ",
    ];

    /// Every text field a stranger can write, replaced by something that attacks.
    pub(super) fn hostile(attack: &str) -> Packet {
        let mut value = serde_json::to_value(full()).unwrap();
        for (section, field) in
            [("verdict", "title"), ("verdict", "summary"), ("verdict", "plain"), ("verdict", "culprit")]
        {
            value[section][field] = attack.into();
        }
        value["verdict"]["notes"] = serde_json::json!([attack]);
        value["verdict"]["findings"][0]["summary"] = attack.into();
        value["verdict"]["because"] = serde_json::json!([attack]);
        value["verdict"]["not_tested"][0]["why"] = attack.into();
        value["observations"][0]["summary"] = attack.into();
        value["observations"][0]["id"] = attack.into();
        value["observations"][0]["via"] = serde_json::json!({ "interface": attack, "gateway": attack });
        let words = ["frequency", "scope", "other_device", "other_account", "other_network", "effect", "urgency"];
        for field in FIELDS.iter().filter(|field| !words.contains(&field.name)) {
            value["case"][field.name] = match field.takes() {
                Takes::Texts => serde_json::json!([attack]),
                Takes::Steps => serde_json::json!([{ "what": attack, "result": attack }]),
                _ => attack.into(),
            };
        }
        value["host"]["name"] = attack.into();
        value["next"]["workaround"] = serde_json::json!([attack]);
        value["next"]["escalate"]["to"] = attack.into();
        value["run"]["warnings"] = serde_json::json!([attack]);
        value["run"]["packet_path"] = attack.into();
        value["changes"][0]["what"] = attack.into();
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn no_format_lets_a_strangers_escapes_through() {
        let style = Style { color: false, width: 80, verbose: true };
        for (attack, format) in ATTACKS.iter().flat_map(|attack| FORMATS.iter().map(move |format| (attack, format))) {
            let text = (format.render)(&hostile(attack), &style);
            assert!(!text.contains(['\u{1b}', '\u{7}', '\u{202e}']), "{}: {text:?}", format.name);
        }
    }

    /// The text without what a backslash makes plain.
    fn bare(text: &str) -> String {
        let mut out = String::new();
        let mut rest = text.chars();
        while let Some(character) = rest.next() {
            match character {
                '\\' => drop(rest.next()),
                _ => out.push(character),
            }
        }
        out
    }

    /// What a foreign text must not be able to write in the formats that mean something by it.
    #[test]
    fn no_attack_becomes_markup() {
        let style = Style::plain(80);
        let forbidden: [(&str, &[&str]); 5] = [
            ("markdown", &["<", "](", "\n|", "\n# ", " @every", "http://", "www."]),
            ("jira-wiki", &[" {", "[~", "!http", "\n|", "http://", "<"]),
            ("html", &["<script", "<img", "<iframe", "<b>"]),
            ("servicenow", &["<script", "<img", "<iframe", "<b>"]),
            ("adf", &["\"mention\""]),
        ];
        for (name, words) in forbidden {
            for attack in ATTACKS {
                let text = render(name, &hostile(attack), &style);
                let text = if ["markdown", "jira-wiki"].contains(&name) { bare(&text) } else { text };
                let found = words.iter().find(|word| text.contains(**word));
                assert_eq!(found, None, "{name} of {attack:?}: {text}");
            }
        }
    }

    #[test]
    fn a_run_in_a_container_says_so() {
        let mut packet = fault();
        packet.host.container = Some("docker".to_owned());
        for format in FORMATS.iter().filter(|format| !["json", "user", "line"].contains(&format.name)) {
            let text = (format.render)(&packet, &Style::plain(200));
            let text = text.split_whitespace().collect::<Vec<_>>().join(" ").replace('\\', "");
            assert!(text.contains("inside a container (docker)"), "{}: {text}", format.name);
            assert!(!(format.render)(&fault(), &Style::plain(200)).contains("inside a"), "{}", format.name);
        }
        packet.host = crate::packet::Host { own_network: Some(true), ..fault().host };
        assert!(packet.host.seen_from().is_some_and(|place| place.contains("namespace")));
    }

    #[test]
    fn what_a_cause_says_reaches_every_report() {
        let mut packet = fault();
        let escalate = Escalate { to: "carrier desk".to_owned(), when: "two sites".to_owned(), now: true };
        (packet.next.security_stop, packet.next.escalate) = (true, Some(escalate));
        packet.next.kb = Some("KB0012345".to_owned());
        packet.next.links = vec!["https://kb.example/articles/12".to_owned()];
        packet.case.scope = Some(Scope::Everyone);
        let settings = "teams = {}\n[service_levels]\n2 = { respond = \"15 min\", restore = \"4 h\" }";
        let settings: Settings = toml::from_str(settings).unwrap();
        packet.case.priority =
            settings.priority(&packet.case, Gravity { urgency: Some(Urgency::Medium), ..Gravity::default() });
        let flat = |name: &str| {
            let text = render(name, &packet, &Style::plain(10_000));
            text.split_whitespace().collect::<Vec<_>>().join(" ").replace('\\', "")
        };
        for format in FORMATS.iter().filter(|format| format.name != "json") {
            let text = flat(format.name);
            let stop = if format.name == "user" { "leave your computer as it is" } else { "STOP" };
            assert!(text.contains(stop), "{}: {text}", format.name);
            let first = text.find(stop).unwrap();
            let verdict = text.find(&packet.verdict.summary).unwrap_or(text.len());
            assert!(first < verdict, "{}: the stop comes first", format.name);
        }
        for format in ["text", "plain", "markdown", "jira-wiki", "adf", "html", "servicenow", "picture"] {
            let text = flat(format);
            for part in ["carrier desk", "KB0012345", "kb.example/articles/12"] {
                assert!(text.contains(part), "{part} is not in {format}: {text}");
            }
        }
        for part in ["carrier desk (at once: two sites)", "somebody takes it within 15 min", "as the playbook expects"]
        {
            assert!(flat("markdown").contains(part), "{part}");
        }
        assert!(flat("text").contains("escalate to carrier desk now (two sites)"));
    }

    #[test]
    fn json_is_one_document_that_reads_back() {
        let text = render("json", &fault(), &Style::plain(80));
        assert_eq!(serde_json::from_str::<Packet>(&text).unwrap(), fault());
    }
}
