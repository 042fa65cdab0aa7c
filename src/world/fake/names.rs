//! The DNS servers of a scenario.

use hickory_proto::op::{Message, MessageType, OpCode, ResponseCode};
use hickory_proto::rr::rdata::{A, AAAA, CNAME, MX, SRV, TXT};
use hickory_proto::rr::{Name, RData, Record, RecordType};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};
use toml::{Table, Value};

/// Time to live of every record; nothing depends on it.
const TTL_S: u32 = 300;

/// How TCP port 53 behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OverTcp {
    Answers,
    Refused,
    Silent,
}

/// What a server says to a name.
#[derive(Debug, Clone)]
enum Says {
    Records(Vec<(RecordType, RData)>),
    Code(ResponseCode),
    Nothing,
    Garbage,
    WrongId,
    Truncated(Vec<(RecordType, RData)>),
}

/// One server.
#[derive(Debug)]
pub(super) struct NameServer {
    names: BTreeMap<String, Says>,
    pub(super) tcp: OverTcp,
    drop_every: Option<u32>,
    asked: AtomicU32,
}

impl NameServer {
    pub(super) fn new(table: &Table) -> Result<Self, String> {
        let mut server =
            NameServer { names: BTreeMap::new(), tcp: OverTcp::Answers, drop_every: None, asked: AtomicU32::new(0) };
        for (name, value) in table {
            match name.as_str() {
                "@tcp" => server.tcp = over_tcp(value)?,
                "@drop_every" => {
                    let every = value.as_integer().and_then(|every| u32::try_from(every).ok());
                    server.drop_every = Some(every.filter(|every| *every > 0).ok_or("@drop_every is a number")?);
                }
                option if option.starts_with('@') => return Err(format!("unknown option `{option}`")),
                name => {
                    server
                        .names
                        .insert(name.to_ascii_lowercase(), says(value).map_err(|why| format!("{name}: {why}"))?);
                }
            }
        }
        Ok(server)
    }

    /// The answer's bytes, or none where nobody answers.
    pub(super) fn answer(&self, query: &[u8], over_tcp: bool) -> Option<Vec<u8>> {
        let query = Message::from_vec(query).ok()?;
        let question = query.queries.first()?;
        if !over_tcp {
            let asked = self.asked.fetch_add(1, Ordering::Relaxed) + 1;
            if self.drop_every.is_some_and(|every| asked.is_multiple_of(every)) {
                return None;
            }
        }
        let name = question.name().to_ascii().trim_end_matches('.').to_ascii_lowercase();
        let mut answer = Message::new(query.metadata.id, MessageType::Response, OpCode::Query);
        answer.metadata.recursion_desired = true;
        answer.metadata.recursion_available = true;
        answer.add_query(question.clone());
        match self.says(&name) {
            None => answer.metadata.response_code = ResponseCode::Refused,
            Some(Says::Nothing) => return None,
            Some(Says::Garbage) => return Some(b"\xff\xfenot a message".to_vec()),
            Some(Says::WrongId) => answer.metadata.id ^= 1,
            Some(Says::Code(code)) => answer.metadata.response_code = *code,
            Some(Says::Truncated(_)) if !over_tcp => answer.metadata.truncation = true,
            Some(Says::Records(_) | Says::Truncated(_)) => self.add_records(&mut answer, &name, question.query_type()),
        }
        answer.to_vec().ok()
    }

    fn says(&self, name: &str) -> Option<&Says> {
        self.names.get(name).or_else(|| self.names.get("*"))
    }

    /// The records of this type, aliases followed as far as this server knows them.
    fn add_records(&self, answer: &mut Message, name: &str, kind: RecordType) {
        let mut owner = name.to_owned();
        // A scenario may hold a circle of aliases.
        for _ in 0..self.names.len().max(1) {
            let (Some(Says::Records(records) | Says::Truncated(records)), Ok(owner_name)) =
                (self.says(&owner), Name::from_ascii(format!("{owner}.")))
            else {
                return;
            };
            let mut alias = None;
            for (record_kind, data) in records {
                if let RData::CNAME(target) = data {
                    alias = Some(target.0.to_ascii().trim_end_matches('.').to_ascii_lowercase());
                }
                if *record_kind == kind || *record_kind == RecordType::CNAME {
                    answer.add_answer(Record::from_rdata(owner_name.clone(), TTL_S, data.clone()));
                }
            }
            match alias {
                Some(alias) if self.names.contains_key(&alias) => owner = alias,
                _ => return,
            }
        }
    }
}

fn over_tcp(value: &Value) -> Result<OverTcp, String> {
    match value.as_str() {
        Some("answers") => Ok(OverTcp::Answers),
        Some("refused") => Ok(OverTcp::Refused),
        Some("timeout" | "silent") => Ok(OverTcp::Silent),
        _ => Err("@tcp is `answers`, `refused` or `timeout`".to_owned()),
    }
}

fn says(value: &Value) -> Result<Says, String> {
    match value {
        Value::Array(records) => records.iter().map(record).collect::<Result<_, _>>().map(Says::Records),
        Value::Table(table) => match table.get("truncated") {
            Some(Value::Array(records)) => records.iter().map(record).collect::<Result<_, _>>().map(Says::Truncated),
            _ => Err("a table holds `truncated = [records]`".to_owned()),
        },
        Value::String(word) => Ok(match word.as_str() {
            "NOERROR" => Says::Records(Vec::new()),
            "NXDOMAIN" => Says::Code(ResponseCode::NXDomain),
            "SERVFAIL" => Says::Code(ResponseCode::ServFail),
            "REFUSED" => Says::Code(ResponseCode::Refused),
            "FORMERR" => Says::Code(ResponseCode::FormErr),
            "NOTIMP" => Says::Code(ResponseCode::NotImp),
            "silent" | "timeout" => Says::Nothing,
            "garbage" => Says::Garbage,
            "wrong_id" => Says::WrongId,
            "truncated" => Says::Truncated(Vec::new()),
            other => return Err(format!("`{other}` is no behaviour of a DNS server")),
        }),
        _ => Err("a list of records, or a word".to_owned()),
    }
}

/// Reads `TYPE data`.
fn record(value: &Value) -> Result<(RecordType, RData), String> {
    let text = value.as_str().ok_or("a record is a text")?;
    let wrong = || format!("`{text}` is no record");
    let (kind, data) = text.split_once(' ').ok_or_else(wrong)?;
    let name = |text: &str| Name::from_ascii(format!("{}.", text.trim_end_matches('.'))).map_err(|_| wrong());
    let numbers: Vec<&str> = data.split_whitespace().collect();
    let number = |place: usize| numbers.get(place).and_then(|text| text.parse::<u16>().ok()).ok_or_else(wrong);
    let last = numbers.last().copied().unwrap_or_default();
    Ok(match kind {
        "A" => (RecordType::A, RData::A(A(data.parse().map_err(|_| wrong())?))),
        "AAAA" => (RecordType::AAAA, RData::AAAA(AAAA(data.parse().map_err(|_| wrong())?))),
        "CNAME" => (RecordType::CNAME, RData::CNAME(CNAME(name(data)?))),
        "TXT" => (RecordType::TXT, RData::TXT(TXT::new(vec![data.to_owned()]))),
        "MX" => (RecordType::MX, RData::MX(MX::new(number(0)?, name(last)?))),
        "SRV" => (RecordType::SRV, RData::SRV(SRV::new(number(0)?, number(1)?, number(2)?, name(last)?))),
        _ => return Err(wrong()),
    })
}
