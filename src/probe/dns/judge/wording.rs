//! What a server said or did not say, as people write it.

use super::Case;
use super::records;
use crate::probe::dns::asked::{Asked, Silent, Word};
use crate::world::Failure;
use std::net::IpAddr;
use std::time::Duration;

/// The sentence of a silence, also while it is only suspected.
pub(in crate::probe::dns) fn silence_words(silent: &Silent, case: &Case) -> String {
    let sibling = silent.sibling.map_or(String::new(), |sibling| {
        format!(", while {} answered in {}", crate::probe::dns::server_text(sibling.server), milliseconds(sibling.took))
    });
    format!(
        "{} did not answer {} queries for {} in {:.1} s{sibling}",
        case.server,
        silent.queries,
        case.name,
        silent.waited.as_secs_f64()
    )
}

pub(super) fn refusal_words(word: &Word, case: &Case) -> String {
    let Case { server, name, .. } = case;
    match word {
        Word::Answer(answer) => format!("{server} answered the query for {name} with {}", answer.rcode),
        Word::Garbage(why) => format!("{server} sent {why} to the query for {name}"),
        Word::Failure(failure) => match failure_words(failure) {
            Some(words) => format!("{server}: {words}"),
            None => format!("{server} could not be asked ({failure})"),
        },
        Word::Silence | Word::Cut => format!("{server} did not answer the query for {name}"),
    }
}

/// What the network said, in words for a ticket.
pub(super) fn failure_words(failure: &Failure) -> Option<&'static str> {
    Some(match failure {
        Failure::Refused => "nothing listens on its DNS port (ICMP port unreachable)",
        Failure::NetworkUnreachable => "its network is unreachable",
        Failure::HostUnreachable => "the host is unreachable",
        Failure::Prohibited => "a filter on the way forbids the query (ICMP prohibited)",
        Failure::TimeExceeded => "the query's hop limit ran out on the way",
        Failure::NoSource => "this machine has no source address for it",
        Failure::LocalDenied => "this machine itself does not let the query out (operation not permitted)",
        _ => return None,
    })
}

pub(super) fn answer_words(asked: &Asked, addresses: &[IpAddr], case: &Case) -> String {
    let took = asked.took.map_or(String::new(), |took| format!(" in {}", milliseconds(took)));
    let what = match (addresses, records(asked).as_slice()) {
        ([], []) => "without an address".to_owned(),
        ([], [one]) => format!("with `{one}`"),
        ([], many) => format!("with {} records", many.len()),
        (addresses, _) => format!("with {}", list(addresses)),
    };
    format!("{} answered {} {what}{took}", case.server, case.name)
}

pub(super) fn brief(word: &Word) -> String {
    match word {
        Word::Answer(answer) if !answer.addresses.is_empty() => list(&answer.addresses),
        Word::Answer(answer) => answer.rcode.clone(),
        _ => "nothing".to_owned(),
    }
}

/// At most two addresses, and how many more there are.
pub(super) fn list(addresses: &[IpAddr]) -> String {
    let shown: Vec<String> = addresses.iter().take(2).map(IpAddr::to_string).collect();
    match addresses.len().saturating_sub(2) {
        0 => shown.join(" and "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

/// A time for people: whole milliseconds, or tenths where it is short.
pub(in crate::probe::dns) fn milliseconds(took: Duration) -> String {
    let took = took.as_secs_f64() * 1000.0;
    if took < 10.0 { format!("{took:.1} ms") } else { format!("{took:.0} ms") }
}
