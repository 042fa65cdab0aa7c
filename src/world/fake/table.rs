//! The tables of a scenario's network, read: how each far end behaves.

use super::failure;
use super::names::NameServer;
use crate::world::{Failure, Hop, LookupFailure, PathMtu, ServerTime};
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;
use toml::{Table, Value};

/// Round trip where the scenario gives none.
pub(super) const USUAL_DELAY: Duration = Duration::from_millis(1);

/// How a TCP port behaves.
#[derive(Debug, Clone)]
pub(super) enum TcpPort {
    Fails(Failure),
    /// Accepts and never says anything.
    Open,
    /// Accepts and cuts the connection at the first byte or read.
    Resets,
    /// Accepts and closes.
    Closes,
    /// Accepts, greets, and then says nothing.
    Says(Vec<u8>),
    /// Answers requests by method and path.
    Http(BTreeMap<String, Vec<u8>>),
    /// One after the other, over and over.
    Each(Arc<(Vec<TcpPort>, AtomicUsize)>),
}

/// How a UDP port behaves.
#[derive(Debug, Clone)]
pub(super) enum UdpPort {
    Fails(Failure),
    Echoes,
    Replies(Vec<u8>),
}

/// How a host answers pings.
#[derive(Debug, Clone)]
pub(super) enum Pinged {
    /// No socket may be opened.
    Denied,
    Silent,
    Fails(Failure),
    Answers {
        delay: Duration,
        lose_every: Option<usize>,
    },
}

/// A DNS server's port.
#[derive(Debug)]
pub(super) enum Names {
    Server(NameServer),
    Fails(Failure),
}

/// Reads a table of behaviours; errors name the key.
pub(super) fn table<K: Ord, V>(
    name: &str,
    table: &Table,
    key: impl Fn(&str) -> Result<K, String>,
    value: impl Fn(&Value) -> Result<V, String>,
) -> Result<BTreeMap<K, V>, String> {
    let read = |(text, written): (&String, &Value)| Ok((key(text)?, value(written)?));
    table.iter().map(|entry| read(entry).map_err(|why: String| format!("{name}.\"{}\": {why}", entry.0))).collect()
}

pub(super) fn text(text: &str) -> Result<String, String> {
    Ok(text.trim_end_matches('.').to_ascii_lowercase())
}

pub(super) fn socket(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| "the key is no address:port".to_owned())
}

pub(super) fn dns_socket(text: &str) -> Result<SocketAddr, String> {
    text.parse().map(|address| SocketAddr::new(address, 53)).or_else(|_| socket(text))
}

pub(super) fn milliseconds(ms: f64) -> Duration {
    Duration::from_secs_f64(ms.max(0.0) / 1000.0)
}

pub(super) fn number(value: &Value) -> Option<f64> {
    value.as_float().or_else(|| value.as_integer().map(|number| number as f64))
}

pub(super) fn word_of_failure(word: &str) -> Result<Failure, String> {
    if word == "silent" {
        return Ok(Failure::Timeout);
    }
    failure(word).ok_or_else(|| format!("`{word}` is no behaviour"))
}

pub(super) fn tcp_port(value: &Value) -> Result<TcpPort, String> {
    match value {
        Value::String(word) => match word.as_str() {
            "open" => Ok(TcpPort::Open),
            "reset" => Ok(TcpPort::Resets),
            "closed" => Ok(TcpPort::Closes),
            word => word_of_failure(word).map(TcpPort::Fails),
        },
        Value::Table(table) => match (table.get("says"), table.get("each")) {
            (Some(Value::String(words)), None) => Ok(TcpPort::Says(words.clone().into_bytes())),
            (None, Some(Value::Array(each))) => {
                let each = each.iter().map(tcp_port).collect::<Result<Vec<_>, _>>()?;
                Ok(TcpPort::Each(Arc::new((each, AtomicUsize::new(0)))))
            }
            _ => Err("a table holds `says` or `each`".to_owned()),
        },
        _ => Err("a word or a table".to_owned()),
    }
}

pub(super) fn http_port(value: &Value) -> Result<TcpPort, String> {
    let page = |text: &Value| text.as_str().map(|text| text.as_bytes().to_vec()).ok_or("an answer is a text");
    let pages = match value {
        Value::Table(pages) => {
            pages.iter().map(|(path, text)| Ok((path.clone(), page(text)?))).collect::<Result<_, String>>()?
        }
        text => BTreeMap::from([("*".to_owned(), page(text)?)]),
    };
    Ok(TcpPort::Http(pages))
}

pub(super) fn udp_port(value: &Value) -> Result<UdpPort, String> {
    match value {
        Value::String(word) if word == "echo" => Ok(UdpPort::Echoes),
        Value::String(word) => word_of_failure(word).map(UdpPort::Fails),
        Value::Table(table) => match table.get("reply") {
            Some(Value::String(reply)) => Ok(UdpPort::Replies(reply.clone().into_bytes())),
            _ => Err("a table holds `reply`".to_owned()),
        },
        _ => Err("a word or a table".to_owned()),
    }
}

pub(super) fn names(value: &Value) -> Result<Names, String> {
    match value {
        Value::Table(table) => NameServer::new(table).map(Names::Server),
        Value::String(word) => word_of_failure(word).map(Names::Fails),
        _ => Err("a table of names, or a word".to_owned()),
    }
}

pub(super) fn pinged(value: &Value) -> Result<Pinged, String> {
    if let Some(ms) = number(value) {
        return Ok(Pinged::Answers { delay: milliseconds(ms), lose_every: None });
    }
    match value {
        Value::String(word) if word == "denied" => Ok(Pinged::Denied),
        Value::String(word) if word == "silent" || word == "timeout" => Ok(Pinged::Silent),
        Value::String(word) => word_of_failure(word).map(Pinged::Fails),
        Value::Table(table) => {
            let delay = table.get("ms").and_then(number).map_or(USUAL_DELAY, milliseconds);
            let lose_every =
                table.get("lose_every").and_then(Value::as_integer).and_then(|every| every.try_into().ok());
            Ok(Pinged::Answers { delay, lose_every: lose_every.filter(|every: &usize| *every > 0) })
        }
        _ => Err("milliseconds, a word or a table".to_owned()),
    }
}

pub(super) fn looked_up(value: &Value) -> Result<Result<Vec<IpAddr>, LookupFailure>, String> {
    match value {
        Value::Array(addresses) => addresses.iter().map(address).collect::<Result<_, _>>().map(Ok),
        Value::String(word) => match word.as_str() {
            "not_found" => Ok(Err(LookupFailure::NotFound)),
            "try_again" => Ok(Err(LookupFailure::TryAgain)),
            "failed" => Ok(Err(LookupFailure::Failed)),
            "timeout" | "silent" => Ok(Err(LookupFailure::Timeout)),
            "unsupported" => Ok(Err(LookupFailure::Unsupported("not in this scenario".to_owned()))),
            other => Err(format!("`{other}` is no outcome of a lookup")),
        },
        _ => Err("a list of addresses, or a word".to_owned()),
    }
}

pub(super) fn address(value: &Value) -> Result<IpAddr, String> {
    value.as_str().and_then(|text| text.parse().ok()).ok_or_else(|| format!("{value} is no address"))
}

/// Hops as texts: `10.0.0.1 2.5` (milliseconds), `*` for silence, `10.0.0.1 2 prohibited` for what it says, and a
/// final `target` for the target itself.
pub(super) fn hops(value: &Value) -> Result<Vec<Hop>, String> {
    let lines = value.as_array().ok_or("a list of hops")?;
    lines.iter().enumerate().map(|(place, line)| hop(place as u8 + 1, line.as_str().unwrap_or_default())).collect()
}

pub(super) fn hop(ttl: u8, line: &str) -> Result<Hop, String> {
    let mut words = line.split_whitespace();
    let address = match words.next() {
        Some("*") => return Ok(Hop { ttl, address: None, took: None, said: None, is_target: false }),
        Some(word) => word.parse().map_err(|_| format!("`{line}` is no hop"))?,
        None => return Err("a hop is a text".to_owned()),
    };
    let took = words.next().and_then(|ms| ms.parse().ok()).map_or(USUAL_DELAY, milliseconds);
    let last = words.next();
    let said = last.filter(|word| *word != "target").map(word_of_failure).transpose()?;
    Ok(Hop { ttl, address: Some(address), took: Some(took), said, is_target: last == Some("target") })
}

pub(super) fn path_mtu(value: &Value) -> Result<PathMtu, String> {
    let table = value.as_table().ok_or("a table with `works`, `fails`, `reported`")?;
    let size = |name: &str| table.get(name).and_then(Value::as_integer).and_then(|size| u32::try_from(size).ok());
    let by = table.get("by").map(address).transpose()?;
    Ok(PathMtu {
        works: size("works"),
        fails: size("fails"),
        reported: size("reported").map(|size| (size, by)),
        answers: table.get("answers").and_then(Value::as_bool).unwrap_or(true),
        returns: None,
    })
}

pub(super) fn refuses(value: &Value) -> Result<(Failure, IpAddr), String> {
    let table = value.as_table().ok_or("a table with `by` and `failure`")?;
    let word = table.get("failure").and_then(Value::as_str).unwrap_or("host_unreachable");
    Ok((word_of_failure(word)?, address(table.get("by").ok_or("`by` is missing")?)?))
}

pub(super) fn server_time(value: &Value) -> Result<ServerTime, String> {
    let table = value.as_table().ok_or("a table with `offset_s`")?;
    Ok(ServerTime {
        offset_s: table.get("offset_s").and_then(number).unwrap_or(0.0),
        round_trip: table.get("round_trip_ms").and_then(number).map_or(USUAL_DELAY, milliseconds),
        stratum: table.get("stratum").and_then(Value::as_integer).and_then(|one| u8::try_from(one).ok()).unwrap_or(2),
    })
}
