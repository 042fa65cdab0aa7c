//! The packet, small enough for a page: texts and lists that a stranger could make long are cut here, once for all parts.

use crate::packet::Packet;
use crate::ui::shorten;
use maud::Markup;
use serde_json::Value;

/// Items of any list; a run makes some fifty observations.
pub(super) const MOST_ITEMS: usize = 250;
/// Characters of any text: more than any sentence of ours, less than a pasted log.
const LONGEST_TEXT: usize = 500;

/// Bytes of markup that something may still take. A page of three such rooms stays under 300 KB.
pub(super) struct Room(usize);

impl Room {
    pub fn of(bytes: usize) -> Room {
        Room(bytes)
    }

    /// What still finds room; none where it is too large.
    pub fn take(&mut self, markup: Markup) -> Option<Markup> {
        self.0 = self.0.checked_sub(markup.0.len())?;
        Some(markup)
    }
}

/// A copy in which no text and no list is longer than a page bears.
pub(super) fn bounded(packet: &Packet) -> Packet {
    // Words of closed lists are short, so what is cut still reads as a packet; should it not, the whole is shown.
    let cut = serde_json::to_value(packet).ok().and_then(|mut value| {
        cut(&mut value);
        serde_json::from_value::<Packet>(value).ok()
    });
    match cut {
        Some(cut) => Packet { excerpts: packet.excerpts.clone(), manifest: packet.manifest.clone(), ..cut },
        None => packet.clone(),
    }
}

fn cut(value: &mut Value) {
    match value {
        Value::String(text) => {
            if let std::borrow::Cow::Owned(short) = shorten(text, LONGEST_TEXT) {
                *text = short;
            }
        }
        Value::Array(items) => {
            items.truncate(MOST_ITEMS);
            items.iter_mut().for_each(cut);
        }
        Value::Object(fields) => {
            let long: Vec<String> = fields.keys().filter(|name| name.len() > LONGEST_TEXT).cloned().collect();
            long.iter().for_each(|name| drop(fields.remove(name)));
            let over: Vec<String> = fields.keys().skip(MOST_ITEMS).cloned().collect();
            over.iter().for_each(|name| drop(fields.remove(name)));
            fields.values_mut().for_each(cut);
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::tests::fault;
    use super::*;

    #[test]
    fn what_is_short_stays_and_what_is_long_is_cut() {
        assert_eq!(bounded(&fault()), fault());
        let mut packet = fault();
        packet.verdict.summary = "x".repeat(10_000);
        packet.verdict.notes = vec!["note".to_owned(); 10_000];
        packet.observations[0].facts.insert("n".repeat(10_000), "x".repeat(10_000).into());
        let short = bounded(&packet);
        assert_eq!((short.verdict.summary.len(), short.verdict.notes.len()), (LONGEST_TEXT, MOST_ITEMS));
        assert!(short.observations[0].facts.keys().all(|name| name.len() <= LONGEST_TEXT));
    }
}
