//! DNS messages: one question into bytes, one answer out of bytes. Pure; the codec itself is hickory's. What is judged
//! here is only whether an answer belongs to the question and which of its records do.

use hickory_proto::op::{Edns, Header, Message, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::rr::{Name, RData, Record, RecordType};
use hickory_proto::serialize::binary::{BinDecodable, BinDecoder};
use std::net::IpAddr;
use std::str::FromStr;

/// Largest answer that is asked for over UDP: fits any path without fragments (DNS flag day 2020; RFC 9715 says 1400).
const EDNS_PAYLOAD: u16 = 1232;

/// Records that are kept of one answer; an answer with more is hostile or odd, and the rest says nothing new.
const MOST_RECORDS: usize = 64;

/// Longest text of a record that is kept.
const LONGEST_RECORD: usize = 200;

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// The name, with its final dot.
    pub name: Name,
    /// A, AAAA, MX, SRV, TXT ...
    pub kind: RecordType,
}

impl Question {
    /// A question for this name, whose non-ASCII labels are written as IDNA does, and this type.
    ///
    /// # Errors
    /// Where the name cannot be asked (empty or overlong labels, spaces) or the type is not known.
    pub fn new(name: &str, kind: &str) -> Result<Question, String> {
        let name = name.trim().trim_end_matches('.');
        if name.is_empty() {
            return Err("there is no name to ask for".to_owned());
        }
        let mut parsed = Name::from_str_relaxed(name).map_err(|error| format!("the name cannot be asked: {error}"))?;
        parsed.set_fqdn(true);
        let kind = RecordType::from_str(&kind.trim().to_ascii_uppercase())
            .map_err(|_| format!("`{}` is not a record type", kind.trim()))?;
        Ok(Question { name: parsed, kind })
    }

    /// The type's word.
    pub fn kind_word(&self) -> String {
        self.kind.to_string()
    }

    /// Whether answers of this type are addresses.
    pub fn is_for_address(&self) -> bool {
        matches!(self.kind, RecordType::A | RecordType::AAAA)
    }

    /// The query's bytes.
    ///
    /// # Errors
    /// Where the name does not fit a message, which `new` has made impossible.
    pub fn encode(&self, id: u16, edns: bool) -> Result<Vec<u8>, String> {
        let mut message = Message::new(id, MessageType::Query, OpCode::Query);
        message.metadata.recursion_desired = true;
        message.add_query(Query::query(self.name.clone(), self.kind));
        if edns {
            let mut options = Edns::new();
            options.set_version(0).set_max_payload(EDNS_PAYLOAD);
            message.set_edns(options);
        }
        message.to_vec().map_err(|error| error.to_string())
    }
}

/// What a server said to one question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The response code's word: `NOERROR`, `NXDOMAIN`, `SERVFAIL`, `REFUSED` ...
    pub rcode: String,
    /// Addresses of the name, aliases followed.
    pub addresses: Vec<IpAddr>,
    /// The aliases on the way, in order, without the name itself.
    pub cname: Vec<String>,
    /// Records of another type than an address, as text.
    pub records: Vec<String>,
    /// Smallest time to live of the records that count.
    pub ttl_s: Option<u32>,
    /// The server speaks for the zone.
    pub authoritative: bool,
    /// The answer did not fit.
    pub truncated: bool,
    /// The server recurses for us.
    pub recursion_available: bool,
    /// It names other servers to ask, and says nothing itself (RFC 1034 section 4.3.1): name servers and no start of
    /// authority (RFC 2308 section 2.2).
    pub referral: bool,
}

fn is_referral(message: &Message) -> bool {
    let has = |kind: RecordType| message.authorities.iter().any(|record| record.record_type() == kind);
    message.answers.is_empty() && !message.metadata.authoritative && has(RecordType::NS) && !has(RecordType::SOA)
}

impl Answer {
    /// NOERROR with at least one record that was asked for.
    pub fn is_positive(&self) -> bool {
        self.rcode == "NOERROR" && !(self.addresses.is_empty() && self.records.is_empty())
    }

    /// A final word about the name: it exists or it does not.
    pub fn is_about_name(&self) -> bool {
        matches!(self.rcode.as_str(), "NOERROR" | "NXDOMAIN")
    }
}

/// Reads what came back for this question.
///
/// # Errors
/// Where it is no answer to it, with what is wrong in a few words.
pub fn read(question: &Question, id: u16, bytes: &[u8]) -> Result<Answer, String> {
    let header = Header::read(&mut BinDecoder::new(bytes)).map_err(|_| "shorter than a DNS header".to_owned())?;
    if header.id != id {
        return Err(format!("an answer with another id ({:04x} instead of {id:04x})", header.id));
    }
    if header.message_type != MessageType::Response {
        return Err("a query instead of an answer".to_owned());
    }
    let message = match Message::from_vec(bytes) {
        Ok(message) => message,
        // Some servers cut a truncated answer in the middle of a record: the flag is all that it is good for.
        Err(_) if header.truncation => {
            let mut message = Message::new(id, MessageType::Response, header.op_code);
            message.metadata = header.metadata;
            message.queries.push(Query::query(question.name.clone(), question.kind));
            message
        }
        Err(error) => return Err(format!("an answer that cannot be read ({error})")),
    };
    check_question(question, &message)?;
    Ok(collect(question, &message))
}

/// An error may leave the question out; anything else must repeat it (RFC 1035 section 7.3, RFC 5452 section 9.1).
fn check_question(question: &Question, message: &Message) -> Result<(), String> {
    match message.queries.first() {
        None if message.metadata.response_code != ResponseCode::NoError => Ok(()),
        None => Err("an answer without the question".to_owned()),
        Some(echoed) if echoed.name() == &question.name && echoed.query_type() == question.kind => Ok(()),
        Some(echoed) => Err(format!("an answer to another question (`{}`)", shorten(&echoed.name().to_string()))),
    }
}

fn collect(question: &Question, message: &Message) -> Answer {
    let chain = aliases(question, &message.answers);
    let mut answer = Answer {
        rcode: rcode_word(message.metadata.response_code),
        addresses: Vec::new(),
        cname: chain.iter().map(|name| shorten(&without_dot(name))).collect(),
        records: Vec::new(),
        ttl_s: None,
        authoritative: message.metadata.authoritative,
        truncated: message.metadata.truncation,
        recursion_available: message.metadata.recursion_available,
        referral: is_referral(message),
    };
    let counts = |record: &&Record| record.name == question.name || chain.contains(&record.name);
    for record in message.answers.iter().filter(counts).take(MOST_RECORDS) {
        answer.ttl_s = Some(answer.ttl_s.map_or(record.ttl, |ttl| ttl.min(record.ttl)));
        match &record.data {
            RData::A(address) if question.kind == RecordType::A => answer.addresses.push(IpAddr::V4(address.0)),
            RData::AAAA(address) if question.kind == RecordType::AAAA => answer.addresses.push(IpAddr::V6(address.0)),
            data if !question.is_for_address() && record.record_type() == question.kind => {
                answer.records.push(shorten(&data.to_string()));
            }
            _ => {}
        }
    }
    answer
}

/// The aliases from the name onward. A chain that comes back to itself ends there.
fn aliases(question: &Question, records: &[Record]) -> Vec<Name> {
    let mut chain: Vec<Name> = Vec::new();
    if question.kind == RecordType::CNAME {
        return chain;
    }
    while chain.len() < MOST_RECORDS {
        let owner = chain.last().unwrap_or(&question.name);
        let next = records.iter().find_map(|record| match &record.data {
            RData::CNAME(target) if record.name == *owner => Some(target.0.clone()),
            _ => None,
        });
        match next {
            Some(next) if next != question.name && !chain.contains(&next) => chain.push(next),
            _ => break,
        }
    }
    chain
}

/// The word that `dig` and people use.
fn rcode_word(code: ResponseCode) -> String {
    match u16::from(code) {
        0 => "NOERROR".to_owned(),
        1 => "FORMERR".to_owned(),
        2 => "SERVFAIL".to_owned(),
        3 => "NXDOMAIN".to_owned(),
        4 => "NOTIMP".to_owned(),
        5 => "REFUSED".to_owned(),
        9 => "NOTAUTH".to_owned(),
        16 => "BADVERS".to_owned(),
        other => format!("RCODE{other}"),
    }
}

fn without_dot(name: &Name) -> String {
    let text = name.to_ascii();
    text.strip_suffix('.').map_or(text.clone(), str::to_owned)
}

fn shorten(text: &str) -> String {
    text.chars().take(LONGEST_RECORD).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use hickory_proto::rr::rdata::{A, AAAA, CNAME, TXT};
    use proptest::prelude::*;

    fn answer_to(question: &Question, id: u16, change: impl FnOnce(&mut Message)) -> Vec<u8> {
        let mut message = Message::new(id, MessageType::Response, OpCode::Query);
        message.add_query(Query::query(question.name.clone(), question.kind));
        change(&mut message);
        message.to_vec().unwrap()
    }

    fn name(text: &str) -> Name {
        Name::from_ascii(text).unwrap()
    }

    #[test]
    fn questions_are_checked_before_they_are_asked() {
        let long = "a".repeat(64);
        let table = [
            ("crm.example", "A", true),
            ("crm.example.", "aaaa", true),
            ("bücher.example", "A", true),
            ("_ldap._tcp.example", "SRV", true),
            ("", "A", false),
            (".", "A", false),
            ("two words.example", "A", false),
            ("a..b", "A", false),
            (long.as_str(), "A", false),
            ("crm.example", "ZZ", false),
        ];
        for (text, kind, good) in table {
            assert_eq!(Question::new(text, kind).is_ok(), good, "{text} {kind}");
        }
        let question = Question::new("bücher.example", "A").unwrap();
        assert_eq!(question.name.to_ascii(), "xn--bcher-kva.example.");
    }

    #[test]
    fn a_query_asks_for_recursion_and_announces_its_size() {
        let question = Question::new("crm.example", "A").unwrap();
        let message = Message::from_vec(&question.encode(7, true).unwrap()).unwrap();
        assert_eq!((message.metadata.id, message.metadata.recursion_desired), (7, true));
        assert_eq!(message.edns.unwrap().max_payload(), EDNS_PAYLOAD);
        let plain = Message::from_vec(&question.encode(7, false).unwrap()).unwrap();
        assert!(plain.edns.is_none());
    }

    #[test]
    fn addresses_are_taken_along_the_aliases_only() {
        let question = Question::new("www.example", "A").unwrap();
        let bytes = answer_to(&question, 1, |message| {
            message.add_answer(Record::from_rdata(name("other.example."), 5, RData::A(A::new(9, 9, 9, 9))));
            message.add_answer(Record::from_rdata(name("cdn.example."), 30, RData::A(A::new(10, 0, 0, 7))));
            message.add_answer(Record::from_rdata(name("WWW.example."), 60, RData::CNAME(CNAME(name("cdn.example.")))));
        });
        let answer = read(&question, 1, &bytes).unwrap();
        assert_eq!(answer.addresses, ["10.0.0.7".parse::<IpAddr>().unwrap()]);
        assert_eq!(answer.cname, ["cdn.example"]);
        assert_eq!(answer.ttl_s, Some(30));
        assert!(answer.is_positive());
    }

    #[test]
    fn an_alias_circle_ends() {
        let question = Question::new("a.example", "AAAA").unwrap();
        let bytes = answer_to(&question, 1, |message| {
            for (from, to) in [("a.example.", "b.example."), ("b.example.", "a.example.")] {
                message.add_answer(Record::from_rdata(name(from), 60, RData::CNAME(CNAME(name(to)))));
            }
        });
        let answer = read(&question, 1, &bytes).unwrap();
        assert_eq!(answer.cname, ["b.example"]);
        assert!(!answer.is_positive());
    }

    #[test]
    fn other_types_are_kept_as_text() {
        let question = Question::new("example", "TXT").unwrap();
        let bytes = answer_to(&question, 1, |message| {
            message.add_answer(Record::from_rdata(
                name("example."),
                60,
                RData::TXT(TXT::new(vec!["x".repeat(250), "hello".to_owned()])),
            ));
            message.add_answer(Record::from_rdata(
                name("example."),
                60,
                RData::AAAA(AAAA::new(1, 2, 3, 4, 5, 6, 7, 8)),
            ));
        });
        let answer = read(&question, 1, &bytes).unwrap();
        assert_eq!(answer.records.len(), 1);
        assert_eq!(answer.records[0].chars().count(), LONGEST_RECORD);
        assert!(answer.addresses.is_empty());
    }

    #[test]
    fn what_is_no_answer_to_the_question_says_so() {
        let question = Question::new("crm.example", "A").unwrap();
        let other = Question::new("evil.example", "A").unwrap();
        let query = question.encode(1, true).unwrap();
        let empty = Message::new(1, MessageType::Response, OpCode::Query).to_vec().unwrap();
        let table: &[(&[u8], &str)] = &[
            (b"", "shorter"),
            (b"HTTP/1.1 400 Bad Request\r\n\r\n", "another id"),
            (&answer_to(&question, 2, |_| {}), "another id"),
            (&answer_to(&other, 1, |_| {}), "another question"),
            (&query, "a query instead"),
            (&empty, "without the question"),
            (&answer_to(&question, 1, |_| {})[..14], "cannot be read"),
        ];
        for (bytes, words) in table {
            let why = read(&question, 1, bytes).unwrap_err();
            assert!(why.contains(words), "{why} / {words}");
        }
    }

    #[test]
    fn an_error_may_leave_the_question_out() {
        let question = Question::new("crm.example", "A").unwrap();
        let bytes = Message::error_msg(3, OpCode::Query, ResponseCode::Refused).to_vec().unwrap();
        assert_eq!(read(&question, 3, &bytes).unwrap().rcode, "REFUSED");
    }

    #[test]
    fn a_truncated_answer_that_is_cut_anywhere_is_truncated() {
        let question = Question::new("crm.example", "A").unwrap();
        let mut bytes = answer_to(&question, 1, |message| {
            message.metadata.truncation = true;
            message.add_answer(Record::from_rdata(name("crm.example."), 5, RData::A(A::new(10, 0, 0, 1))));
        });
        bytes.truncate(bytes.len() - 3);
        let answer = read(&question, 1, &bytes).unwrap();
        assert!(answer.truncated && answer.addresses.is_empty());
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..600), id in any::<u16>()) {
            let question = Question::new("crm.example", "A").unwrap();
            let _ = read(&question, id, &bytes);
        }

        #[test]
        fn no_damage_to_an_answer_makes_it_panic(at in 2usize..80, to in any::<u8>(), cut in 0usize..80) {
            let question = Question::new("crm.example", "A").unwrap();
            let mut bytes = answer_to(&question, 1, |message| {
                message.add_answer(Record::from_rdata(name("crm.example."), 5, RData::CNAME(CNAME(name("b.example.")))));
                message.add_answer(Record::from_rdata(name("b.example."), 5, RData::A(A::new(10, 0, 0, 1))));
            });
            if let Some(byte) = bytes.get_mut(at) { *byte = to; }
            bytes.truncate(bytes.len().saturating_sub(cut));
            let _ = read(&question, 1, &bytes);
        }

        #[test]
        fn any_text_is_a_question_or_an_error(text in ".{0,300}", kind in "[A-Za-z0-9]{0,8}") {
            if let Ok(question) = Question::new(&text, &kind) {
                let _ = question.encode(1, true);
            }
        }

        #[test]
        fn every_name_that_can_be_asked_comes_back(label in "[a-z0-9]{1,20}", id in any::<u16>()) {
            let question = Question::new(&format!("{label}.example"), "A").unwrap();
            let bytes = answer_to(&question, id, |message| {
                message.add_answer(Record::from_rdata(question.name.clone(), 5, RData::A(A::new(10, 0, 0, 1))));
            });
            prop_assert!(read(&question, id, &bytes).unwrap().is_positive());
        }
    }
}
