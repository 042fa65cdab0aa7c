//! The packet itself, as exactly one JSON document.

use super::Style;
use crate::packet::Packet;

pub(super) fn render(packet: &Packet, _: &Style) -> String {
    // Every field of a packet has text keys and finite numbers or null, so this cannot fail; an empty object would
    // still be one document.
    let mut text = serde_json::to_string_pretty(packet).unwrap_or_else(|_| "{}".to_owned());
    text.push('\n');
    crate::ui::escape_json(&text).into_owned()
}
