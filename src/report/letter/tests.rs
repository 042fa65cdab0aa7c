use super::super::plain::LONGEST;
use super::super::tests::{ATTACKS, fault, full, healthy, hostile};
use super::super::{FORMATS, Style, render};
use super::*;
use crate::packet::case::field::Topic;
use proptest::prelude::*;
use unicode_width::UnicodeWidthStr;

fn plain(packet: &Packet) -> String {
    render("plain", packet, &Style::plain(80))
}

#[test]
fn a_ticket_takes_it() {
    for packet in [fault(), full(), healthy()] {
        let text = plain(&packet);
        assert!(text.lines().all(|line| line.width() <= 72), "{text}");
        assert!(units(&text) <= LONGEST);
    }
    insta::assert_snapshot!("full", plain(&full()));
    insta::assert_snapshot!("nobody_asked", plain(&fault()));
    insta::assert_snapshot!("healthy", plain(&healthy()));
}

#[test]
fn the_eleven_stand_in_their_order() {
    let letters =
        ["plain", "markdown", "jira-wiki", "html", "adf"].map(|name| render(name, &fault(), &Style::plain(80)));
    for text in letters {
        let mut from = 0;
        for (number, (_, heading)) in Topic::ALL.iter().enumerate() {
            let heading = format!("{}. {heading}", number + 1);
            from += text[from..].find(&heading).unwrap_or_else(|| panic!("{heading} is not in {text}"));
        }
    }
}

#[test]
fn what_was_not_asked_and_not_tested_is_said() {
    let text = plain(&fault());
    for field in FIELDS.iter().filter(|field| field.said(&fault().case).is_empty() && field.name != "last_seen") {
        let flat = text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(flat.contains(&field.name.replace('_', " ")), "{} is not in {text}", field.name);
    }
    assert!(text.contains("Not tested") && text.contains("needs root to read the packet filter"));
    let text = plain(&full());
    assert!(text.contains("Not known     other network") && text.contains("(result not asked)"), "{text}");
}

#[test]
fn everything_that_was_said_is_there() {
    for name in ["markdown", "html"] {
        let text = render(name, &full(), &Style::plain(80));
        for word in ["Mara Jensen", "room 114", "two colleagues cover", "no change", "555 0114", "leave its resolver"] {
            assert!(text.contains(word), "{word} is not in {name}: {text}");
        }
    }
}

#[test]
fn however_much_there_is_it_fits_and_says_what_is_missing() {
    let mut packet = full();
    packet.verdict.notes = vec!["a note that says little in many words".to_owned(); 200];
    let text = plain(&packet);
    assert!(units(&text) <= LONGEST);
    assert!(text.contains("Reconnect the VPN") && text.contains("Left out to fit: notes (200)"), "{text}");
    packet.verdict.summary = "x ".repeat(5_000);
    packet.case.error = Some("😀 ".repeat(1_900));
    let text = plain(&packet);
    let flat = text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(units(&text) <= LONGEST && flat.contains("ends of long texts"), "{text}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]
    #[test]
    fn no_letter_outgrows_its_field(attack in prop::sample::select(ATTACKS.to_vec()), times in 1usize..400) {
        let packet = hostile(&attack.repeat(times));
        let limits = [("plain", 3_500), ("servicenow", 3_900), ("block", 2_048), ("line", 255), ("markdown", 9_500),
            ("jira-wiki", 9_500), ("html", 9_500), ("adf", 9_500), ("user", 3_500)];
        for (name, limit) in limits {
            prop_assert!(FORMATS.iter().any(|format| format.name == name));
            let text = render(name, &packet, &Style::plain(80));
            prop_assert!(units(&text) <= limit, "{}: {} in {}", name, units(&text), text);
        }
    }
}
