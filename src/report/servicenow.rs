//! The letter for a journal field of ServiceNow (work notes, comments): HTML between `[code]` and `[/code]`.

use super::Style;
use super::html::write;
use super::letter::{Letter, fit};
use crate::packet::Packet;

/// Large text fields hold about 4,000 characters unless somebody made them larger.
const LONGEST: usize = 3_900;

pub(super) fn render(packet: &Packet, _: &Style) -> String {
    // Nothing of the letter itself has square brackets, so whoever writes `[/code]` ends nothing.
    let dress = |letter: &Letter| write(letter).replace('[', "&#91;").replace(']', "&#93;");
    fit(Letter::of(packet), LONGEST, |letter| format!("[code]{}[/code]\n", dress(letter)))
}

#[cfg(test)]
mod tests {
    use super::super::letter::units;
    use super::super::tests::{full, hostile};
    use super::*;

    #[test]
    fn there_is_one_code_and_it_ends_at_the_end() {
        for packet in [full(), hostile("[/code]<script>x</script>[code]")] {
            let text = render(&packet, &Style::plain(80));
            let inside = text.strip_prefix("[code]").and_then(|text| text.strip_suffix("[/code]\n")).unwrap();
            assert!(!inside.contains(['[', ']', '\n']) && !inside.contains("<script"), "{inside}");
            assert!(units(&text) <= LONGEST);
        }
    }
}
