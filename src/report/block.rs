//! The letter for a field of remote management: what matters most of it, in as many characters as Intune and others keep.

use super::Style;
use super::letter::{Letter, fit};
use super::plain::write;
use crate::packet::Packet;

/// What Intune keeps of an output; NinjaOne, N-sight and others keep more.
const LONGEST: usize = 2_048;

pub(super) fn render(packet: &Packet, _: &Style) -> String {
    fit(Letter::of(packet), LONGEST, write)
}

#[cfg(test)]
mod tests {
    use super::super::letter::units;
    use super::super::tests::{fault, full};
    use super::*;

    #[test]
    fn a_field_takes_it_and_it_says_what_is_missing() {
        for packet in [fault(), full()] {
            let text = render(&packet, &Style::plain(80));
            assert!(units(&text) <= LONGEST, "{}", units(&text));
            assert!(text.starts_with("FAULT in dns") && text.contains("Not ") && text.contains("Left out to fit"));
            assert!(text.contains("1. Reconnect the VPN"), "{text}");
        }
    }
}
