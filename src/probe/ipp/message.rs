//! Messages of the Internet Printing Protocol (RFC 8010): a question about attributes, and what an answer says. The
//! encoding is a flat list of tagged values; everything else about it is bounds.

/// Version 1.1, which every printer and print service understands.
const VERSION: [u8; 2] = [1, 1];
/// Delimiter tags (RFC 8010 section 3.5.1).
const OPERATION_GROUP: u8 = 1;
const END: u8 = 3;
const PRINTER_GROUP: u8 = 4;
const LAST_DELIMITER: u8 = 0x0f;
/// Value tags (section 3.5.2).
const INTEGER: u8 = 0x21;
const BOOLEAN: u8 = 0x22;
const ENUM: u8 = 0x23;
const KEYWORD: u8 = 0x44;
const URI: u8 = 0x45;
const CHARSET: u8 = 0x47;
const LANGUAGE: u8 = 0x48;
/// Texts and names, with a language of their own or without.
const TEXTS: [u8; 6] = [0x35, 0x36, 0x41, 0x42, KEYWORD, URI];
/// Printers that are kept of an answer; a print server of a house has tens of them.
const MOST_PRINTERS: usize = 100;
/// Values of one attribute that are kept; the longest list that is asked for has one for each cartridge.
const MOST_VALUES: usize = 32;
/// Characters of a text that are kept.
const LONGEST: usize = 200;

/// What is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Question<'a> {
    /// The state of one printer or queue (RFC 8011 section 4.2.5).
    Printer(&'a str),
    /// All queues of a print service (CUPS-Get-Printers).
    Queues,
}

/// The attributes that are asked for.
const WANTED: [&str; 11] = [
    "printer-name",
    "printer-make-and-model",
    "printer-state",
    "printer-state-reasons",
    "printer-state-message",
    "printer-is-accepting-jobs",
    "queued-job-count",
    "device-uri",
    "marker-names",
    "marker-levels",
    "printer-up-time",
];

impl Question<'_> {
    /// The bytes to send.
    pub fn encode(&self) -> Vec<u8> {
        let operation: u16 = match self {
            Question::Printer(_) => 0x000b,
            Question::Queues => 0x4002,
        };
        let mut bytes = VERSION.to_vec();
        bytes.extend(operation.to_be_bytes());
        bytes.extend(1_u32.to_be_bytes());
        bytes.push(OPERATION_GROUP);
        put(&mut bytes, CHARSET, "attributes-charset", "utf-8");
        put(&mut bytes, LANGUAGE, "attributes-natural-language", "en");
        if let Question::Printer(uri) = self {
            put(&mut bytes, URI, "printer-uri", uri);
        }
        for (place, wanted) in WANTED.iter().enumerate() {
            // Further values of one attribute have an empty name.
            put(&mut bytes, KEYWORD, if place == 0 { "requested-attributes" } else { "" }, wanted);
        }
        bytes.push(END);
        bytes
    }
}

fn put(bytes: &mut Vec<u8>, tag: u8, name: &str, value: &str) {
    bytes.push(tag);
    for text in [name, value] {
        // What is put here is far shorter than a length can say.
        let text = &text.as_bytes()[..text.len().min(usize::from(u16::MAX))];
        bytes.extend((text.len() as u16).to_be_bytes());
        bytes.extend(text);
    }
}

/// What came back.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// The status code (RFC 8011 section 4.1.6 and appendix B).
    pub status: u16,
    pub printers: Vec<Printer>,
}

/// What an answer says of one printer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Printer {
    pub name: Option<String>,
    pub model: Option<String>,
    /// 3 idle, 4 processing, 5 stopped (RFC 8011 section 5.4.11).
    pub state: Option<i32>,
    pub reasons: Vec<String>,
    pub message: Option<String>,
    pub accepts: Option<bool>,
    pub queued: Option<i32>,
    pub device: Option<String>,
    pub marker_names: Vec<String>,
    /// Percent; negative where the printer does not know.
    pub marker_levels: Vec<i32>,
    pub up_s: Option<i32>,
}

/// Reads an answer; none where it is no message of IPP.
pub fn read(bytes: &[u8]) -> Option<Answer> {
    let [major, _, high, low, _, _, _, _, rest @ ..] = bytes else { return None };
    if !(1..=2).contains(major) {
        return None;
    }
    let mut answer = Answer { status: u16::from_be_bytes([*high, *low]), ..Answer::default() };
    let mut rest = rest;
    let (mut in_printer, mut name) = (false, String::new());
    while let [tag, after @ ..] = rest {
        if *tag <= LAST_DELIMITER {
            if *tag == END || answer.printers.len() >= MOST_PRINTERS {
                break;
            }
            in_printer = *tag == PRINTER_GROUP;
            if in_printer {
                answer.printers.push(Printer::default());
            }
            rest = after;
            continue;
        }
        let (own, after) = counted(after)?;
        let (value, after) = counted(after)?;
        if !own.is_empty() {
            name = text(own);
        }
        if in_printer && let Some(printer) = answer.printers.last_mut() {
            printer.take(&name, *tag, value);
        }
        rest = after;
    }
    Some(answer)
}

/// Bytes behind their length, and what follows.
fn counted(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let [high, low, rest @ ..] = bytes else { return None };
    rest.split_at_checked(usize::from(u16::from_be_bytes([*high, *low])))
}

fn text(bytes: &[u8]) -> String {
    crate::probe::way::printable(bytes, LONGEST)
}

fn integer(tag: u8, value: &[u8]) -> Option<i32> {
    let bytes: [u8; 4] = value.try_into().ok()?;
    matches!(tag, INTEGER | ENUM).then(|| i32::from_be_bytes(bytes))
}

impl Printer {
    fn take(&mut self, name: &str, tag: u8, value: &[u8]) {
        let words = TEXTS.contains(&tag).then(|| text(without_language(tag, value))).filter(|words| !words.is_empty());
        match name {
            "printer-name" => self.name = words,
            "printer-make-and-model" => self.model = words,
            "printer-state" => self.state = integer(tag, value),
            "printer-state-message" => self.message = words,
            "printer-is-accepting-jobs" if tag == BOOLEAN => self.accepts = value.first().map(|byte| *byte != 0),
            "queued-job-count" => self.queued = integer(tag, value),
            "device-uri" => self.device = words,
            "printer-up-time" => self.up_s = integer(tag, value),
            "printer-state-reasons" => keep(&mut self.reasons, words),
            "marker-names" => keep(&mut self.marker_names, words),
            "marker-levels" => keep(&mut self.marker_levels, integer(tag, value)),
            _ => {}
        }
    }
}

fn keep<T>(list: &mut Vec<T>, value: Option<T>) {
    if list.len() < MOST_VALUES {
        list.extend(value);
    }
}

/// A text with a language of its own has that first, and both behind their lengths (RFC 8010 section 3.9).
fn without_language(tag: u8, value: &[u8]) -> &[u8] {
    if !matches!(tag, 0x35 | 0x36) {
        return value;
    }
    counted(value).and_then(|(_, rest)| counted(rest)).map_or(&[], |(words, _)| words)
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use proptest::prelude::*;

    /// An answer of one printer: its state, whether it takes jobs, how many wait, and why it is in that state.
    pub fn printer(state: u8, accepts: bool, queued: u8, reasons: &[&str]) -> Vec<u8> {
        let mut bytes = b"\x01\x01\0\0\0\0\0\x01\x01".to_vec();
        put(&mut bytes, CHARSET, "attributes-charset", "utf-8");
        bytes.push(PRINTER_GROUP);
        put(&mut bytes, 0x42, "printer-name", "office");
        number(&mut bytes, ENUM, "printer-state", &[0, 0, 0, state]);
        for (place, reason) in reasons.iter().enumerate() {
            put(&mut bytes, KEYWORD, if place == 0 { "printer-state-reasons" } else { "" }, reason);
        }
        number(&mut bytes, BOOLEAN, "printer-is-accepting-jobs", &[u8::from(accepts)]);
        number(&mut bytes, INTEGER, "queued-job-count", &[0, 0, 0, queued]);
        put(&mut bytes, URI, "device-uri", "ipp://printer.test/ipp/print");
        bytes.push(END);
        bytes
    }

    pub fn status(status: u16) -> Vec<u8> {
        let mut bytes = vec![1, 1];
        bytes.extend(status.to_be_bytes());
        bytes.extend([0, 0, 0, 1, OPERATION_GROUP, END]);
        bytes
    }

    fn number(bytes: &mut Vec<u8>, tag: u8, name: &str, value: &[u8]) {
        bytes.push(tag);
        bytes.extend((name.len() as u16).to_be_bytes());
        bytes.extend(name.as_bytes());
        bytes.extend((value.len() as u16).to_be_bytes());
        bytes.extend(value);
    }

    #[test]
    fn what_is_asked_can_be_read_back() {
        let bytes = Question::Printer("ipp://printer.test/ipp/print").encode();
        assert_eq!(bytes[..4], [1, 1, 0, 0x0b]);
        assert_eq!(read(&bytes).unwrap().printers, []);
        assert_eq!(Question::Queues.encode()[2..4], [0x40, 2]);
    }

    #[test]
    fn an_answer_is_read() {
        let answer = read(&printer(5, false, 7, &["media-empty-error", "media-jam"])).unwrap();
        let read = &answer.printers[0];
        assert_eq!((read.state, read.accepts, read.queued), (Some(5), Some(false), Some(7)));
        assert_eq!(read.reasons, ["media-empty-error", "media-jam"]);
        assert_eq!(read.device.as_deref(), Some("ipp://printer.test/ipp/print"));
        assert_eq!(super::read(&status(0x0406)).unwrap().status, 0x0406);
        let mut spoken = b"\x01\x01\0\0\0\0\0\x01\x04".to_vec();
        put(&mut spoken, 0x35, "printer-state-message", "\0\x02en\0\x05Ready");
        assert_eq!(super::read(&spoken).unwrap().printers[0].message.as_deref(), Some("Ready"));
        for broken in [&b""[..], b"HTTP/1.1", b"\x01\x01\0\0\0\0\0\x01\x04\x42\xff\xff"] {
            assert_eq!(super::read(broken), None, "{broken:?}");
        }
    }

    proptest! {
        #[test]
        fn foreign_bytes_are_read_without_a_panic(change in prop::collection::vec((0_usize..300, any::<u8>()), 0..8), cut in 0_usize..300) {
            let mut bytes = printer(3, true, 0, &["none"]);
            for (at, byte) in change {
                if let Some(place) = bytes.get_mut(at) {
                    *place = byte;
                }
            }
            bytes.truncate(cut);
            let _ = read(&bytes);
        }
    }
}
