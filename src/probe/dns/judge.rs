//! What the answers of one server mean. Pure: from what was asked and heard to code, certainty and one sentence.

pub(super) mod address;
pub(super) mod wording;

use self::address::{is_bogon, is_private, share_network};
use self::wording::{answer_words, brief, list, milliseconds, refusal_words, silence_words};
use super::asked::{Asked, Tcp, Word};
use super::message::Answer;
use crate::probe::attempt::is_lossy;
use crate::problem::Code;
use crate::world::Failure;
use std::net::IpAddr;
use std::time::Duration;

/// An answer is slow from here on: the bound that ChromeOS's network diagnostics use.
pub(super) const SLOW: Duration = Duration::from_millis(500);
/// So many lost queries are more than the single loss that any network has.
const FLAPPING_LOST: u32 = 2;

/// The circumstances that decide what an answer means.
#[derive(Debug, Clone, Default)]
pub(super) struct Case {
    /// The server as people write it.
    pub(super) server: String,
    /// The name that was asked.
    pub(super) name: String,
    /// Why DNS is not to blame where it does not know the name.
    pub(super) not_for_dns: Option<&'static str>,
    /// The suffix that was put behind a short name, where it is not in this machine's own search list.
    pub(super) foreign_suffix: Option<String>,
    /// This machine's own name may well be on the loopback.
    pub(super) is_own_name: bool,
    /// What the server to compare with says.
    pub(super) other: Option<Other>,
}

/// What another server says about the same name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Other {
    pub(super) server: String,
    pub(super) rcode: String,
    pub(super) addresses: Vec<IpAddr>,
    pub(super) cname: Vec<String>,
}

/// What it comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Finding {
    Works,
    Wrong { code: Code, also: Vec<Code>, confirmed: bool },
    Unknown,
}

/// A finding and the sentence that says it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Judgement {
    pub(super) finding: Finding,
    pub(super) summary: String,
}

impl Judgement {
    fn works(summary: String) -> Self {
        Judgement { finding: Finding::Works, summary }
    }

    fn wrong(code: Code, confirmed: bool, summary: String) -> Self {
        Judgement { finding: Finding::Wrong { code, also: Vec::new(), confirmed }, summary }
    }
}

/// The answer that counts: the second try where there was one and it says something about the name.
pub(super) fn deciding(asked: &Asked) -> Option<&Answer> {
    match (&asked.word, &asked.second) {
        (_, Some(Word::Answer(answer))) if answer.is_about_name() => Some(answer),
        (Word::Answer(answer), _) => Some(answer),
        _ => asked.tcp_answer.as_ref(),
    }
}

/// All addresses that were heard: of the first type, then of the others; those over TCP where UDP had no room.
pub(super) fn addresses(asked: &Asked) -> Vec<IpAddr> {
    let mut all: Vec<IpAddr> = Vec::new();
    let whole = asked.tcp_answer.as_ref().filter(|_| deciding(asked).is_some_and(|answer| answer.truncated));
    let first = whole.or(deciding(asked)).into_iter();
    let others = asked.others.iter().filter_map(|(_, word)| match word {
        Word::Answer(answer) => Some(answer),
        _ => None,
    });
    for address in first.chain(others).flat_map(|answer| &answer.addresses) {
        if !all.contains(address) {
            all.push(*address);
        }
    }
    all
}

/// Records of other types that were heard.
pub(super) fn records(asked: &Asked) -> Vec<String> {
    let others = asked.others.iter().filter_map(|(_, word)| match word {
        Word::Answer(answer) => Some(answer),
        _ => None,
    });
    deciding(asked).into_iter().chain(others).flat_map(|answer| answer.records.clone()).collect()
}

/// The addresses that a server invented for a name that cannot exist.
pub(super) fn invented(asked: &Asked) -> &[IpAddr] {
    match &asked.random {
        Some(Word::Answer(answer)) if answer.rcode == "NOERROR" => &answer.addresses,
        _ => &[],
    }
}

/// The types that stayed silent although the server answers, and those that failed with their code.
pub(super) fn other_types(asked: &Asked) -> (Vec<String>, Vec<String>) {
    let mut silent = Vec::new();
    let mut failed = Vec::new();
    for (kind, word) in &asked.others {
        match word {
            Word::Silence => silent.push(kind.clone()),
            Word::Answer(answer) if !answer.is_about_name() => failed.push(format!("{kind} {}", answer.rcode)),
            Word::Garbage(_) => failed.push(format!("{kind} malformed")),
            Word::Failure(_) => failed.push(format!("{kind} unreachable")),
            _ => {}
        }
    }
    (silent, failed)
}

/// Judges.
pub(super) fn judge(asked: &Asked, case: &Case) -> Judgement {
    match &asked.word {
        Word::Cut => unknown("the time was over before the server could be judged"),
        Word::Silence => silence(asked, case),
        word if asked.second.is_some() => refusal(asked, word, case),
        Word::Answer(answer) if answer.rcode == "NXDOMAIN" => no_such_name(asked, case),
        Word::Answer(_) => answered(asked, case),
        word => refusal(asked, word, case),
    }
}

fn unknown(why: &str) -> Judgement {
    Judgement { finding: Finding::Unknown, summary: why.to_owned() }
}

fn silence(asked: &Asked, case: &Case) -> Judgement {
    let Some(silent) = asked.silent else {
        return unknown("the time was over before the server could be judged");
    };
    let tcp = match asked.tcp {
        Tcp::Ok => "; it does answer over TCP",
        Tcp::Refused => "; TCP port 53 of that machine is closed",
        Tcp::Timeout => "; neither over TCP",
        Tcp::Failed | Tcp::NotAsked => "",
    };
    let control = match &asked.control {
        Some(Word::Answer(_)) => "; it does answer for another name",
        _ => "",
    };
    Judgement::wrong(Code::DnsTimeout, silent.confirmed, format!("{}{tcp}{control}", silence_words(&silent, case)))
}

/// The code of an explicit word that is not about the name.
fn refusal_code(word: &Word) -> Option<Code> {
    Some(match word {
        Word::Answer(answer) => match answer.rcode.as_str() {
            "SERVFAIL" => Code::DnsServfail,
            "REFUSED" | "NOTAUTH" => Code::DnsRefused,
            "NXDOMAIN" => Code::DnsNxdomain,
            _ => Code::DnsFormerr,
        },
        Word::Garbage(_) => Code::DnsFormerr,
        Word::Failure(failure) => match failure {
            Failure::Refused => Code::DnsPortClosed,
            Failure::NetworkUnreachable
            | Failure::HostUnreachable
            | Failure::Prohibited
            | Failure::TimeExceeded
            | Failure::NoSource => Code::DnsUnreachable,
            Failure::LocalDenied => Code::HostFilterDrops,
            _ => return None,
        },
        Word::Silence | Word::Cut => return None,
    })
}

fn refusal(asked: &Asked, word: &Word, case: &Case) -> Judgement {
    let Some(code) = refusal_code(word) else {
        return unknown(&refusal_words(word, case));
    };
    let words = refusal_words(word, case);
    match &asked.second {
        Some(second @ Word::Answer(answer)) if answer.is_about_name() => Judgement::wrong(
            Code::DnsFlapping,
            false,
            format!("{words}, then answered the same query with {}", brief(second)),
        ),
        Some(second) => {
            let control = match &asked.control {
                Some(Word::Answer(answer)) if answer.is_about_name() => {
                    "; it does answer for another name, so the trouble is with this one"
                }
                Some(Word::Answer(_) | Word::Garbage(_)) => "; it does the same for another name",
                _ => "",
            };
            let same = refusal_code(second).is_some();
            let twice = if same { ", twice" } else { "" };
            Judgement::wrong(code, same, format!("{words}{twice}{control}"))
        }
        None => Judgement::wrong(code, false, words),
    }
}

fn no_such_name(asked: &Asked, case: &Case) -> Judgement {
    let took = asked.took.map_or(String::new(), |took| format!(" in {}", milliseconds(took)));
    let words = format!("{} says that {} does not exist (NXDOMAIN{took})", case.server, case.name);
    if let Some(why) = case.not_for_dns {
        return Judgement::works(format!("{words}, as it should: {why}"));
    }
    match &case.other {
        Some(other) if !other.addresses.is_empty() => with_also(
            Judgement::wrong(
                Code::DnsNxdomain,
                true,
                format!("{words}, but {} gives {}", other.server, list(&other.addresses)),
            ),
            [Code::DnsAnswerDiffers],
        ),
        _ => Judgement::wrong(Code::DnsNxdomain, true, words),
    }
}

fn with_also(mut judgement: Judgement, codes: impl IntoIterator<Item = Code>) -> Judgement {
    if let Finding::Wrong { also, .. } = &mut judgement.finding {
        also.extend(codes);
    }
    judgement
}

/// NOERROR: everything that may still be wrong with it, the most telling first.
fn answered(asked: &Asked, case: &Case) -> Judgement {
    let addresses = addresses(asked);
    let words = answer_words(asked, &addresses, case);
    let mut found: Vec<(Code, bool, String)> = Vec::new();
    let (silent_types, failed_types) = other_types(asked);
    let invented = invented(asked);
    let is_invented = addresses.iter().any(|address| invented.contains(address));
    if addresses.is_empty() && records(asked).is_empty() {
        nothing_in_it(asked, case, &silent_types, &failed_types, &mut found);
    }
    if is_invented {
        let text = format!("{words}, which is also its answer for a name that cannot exist");
        found.push((Code::DnsRewritten, true, text));
    }
    let bogons: Vec<IpAddr> = addresses.iter().copied().filter(|address| is_bogon(*address)).collect();
    if !bogons.is_empty() && !case.is_own_name {
        let elsewhere = case.other.as_ref().is_some_and(|other| bogons.iter().any(|one| other.addresses.contains(one)));
        let elsewhere = if elsewhere { ", and another server says the same" } else { "" };
        let text = format!("{words}: {} is no address of a public name{elsewhere}", list(&bogons));
        found.push((Code::DnsBogon, true, text));
    }
    found.extend(lossy(asked, case, &silent_types));
    let truncated = deciding(asked).is_some_and(|answer| answer.truncated);
    let no_tcp = match asked.tcp {
        Tcp::Refused => Some("refuses TCP"),
        Tcp::Timeout => Some("does not answer over TCP"),
        Tcp::Failed if truncated => Some("fails over TCP"),
        Tcp::Failed | Tcp::Ok | Tcp::NotAsked => None,
    };
    if let Some(how) = no_tcp {
        let needed = if truncated { "is truncated and " } else { "is whole, but " };
        found.push((
            Code::DnsTcpBlocked,
            true,
            format!("the answer of {} for {} {needed}the server {how}", case.server, case.name),
        ));
    }
    if let Some(suffix) = &case.foreign_suffix
        && !addresses.is_empty()
    {
        let text = format!("{words}: only with the suffix {suffix}, which this machine does not search");
        found.push((Code::DnsSearchList, true, text));
    }
    if let Some(quickest) = asked.quickest.filter(|quickest| *quickest > SLOW) {
        let text = format!("{words}; the quickest of {} answers took {}", asked.answered, milliseconds(quickest));
        found.push((Code::DnsSlow, true, text));
    }
    if !invented.is_empty() && !is_invented {
        let text = format!("{words}, but invents {} for a name that cannot exist", list(invented));
        found.push((Code::DnsRewritten, true, text));
    }
    found.extend(differing(asked, &addresses, case, &words));
    settle(found, words, &failed_types)
}

/// The first finding leads; the others go beside it.
fn settle(mut found: Vec<(Code, bool, String)>, words: String, failed_types: &[String]) -> Judgement {
    if found.is_empty() {
        let failed = match failed_types {
            [] => String::new(),
            types => format!(" ({})", types.join(", ")),
        };
        return Judgement::works(format!("{words}{failed}"));
    }
    let (code, confirmed, summary) = found.remove(0);
    with_also(Judgement::wrong(code, confirmed, summary), found.into_iter().map(|(code, ..)| code))
}

/// NOERROR for every type and no record.
fn nothing_in_it(
    asked: &Asked,
    case: &Case,
    silent_types: &[String],
    failed_types: &[String],
    found: &mut Vec<(Code, bool, String)>,
) {
    if case.not_for_dns.is_some() || asked.tcp == Tcp::Ok && asked.tcp_answer.as_ref().is_some_and(Answer::is_positive)
    {
        return;
    }
    if deciding(asked).is_some_and(|answer| answer.truncated) {
        return;
    }
    if let Some(answer) = deciding(asked).filter(|answer| answer.referral && !answer.recursion_available) {
        // RFC 1034 section 4.3.1: it neither has the name nor looks it up, and points to other servers.
        let text = format!(
            "{} looks up nothing for {}: it answers for zones of its own only (no recursion, {})",
            case.server, case.name, answer.rcode
        );
        found.push((Code::DnsNoRecursion, true, text));
        return;
    }
    let text = format!("{} knows {} but gives no address for it", case.server, case.name);
    let complete = silent_types.is_empty() && failed_types.is_empty();
    match &case.other {
        Some(other) if !other.addresses.is_empty() => {
            let text = format!("{text}, while {} gives {}", other.server, list(&other.addresses));
            found.push((Code::DnsNodata, complete, text.clone()));
            found.push((Code::DnsAnswerDiffers, true, text));
        }
        _ => found.push((Code::DnsNodata, complete, text)),
    }
}

/// Queries that stayed without an answer although the server answers others.
fn lossy(asked: &Asked, case: &Case, silent_types: &[String]) -> Option<(Code, bool, String)> {
    let lost = asked.queries.saturating_sub(asked.answered);
    if !silent_types.is_empty() && lost as usize <= 3 * silent_types.len() {
        let types = silent_types.join(" and ");
        let text = format!("{} does not answer {types} queries for {}", case.server, case.name);
        return Some((Code::DnsFlapping, true, text));
    }
    if lost < FLAPPING_LOST {
        return None;
    }
    let confirmed = is_lossy(lost, asked.queries);
    let text =
        format!("{} answered only {} of {} queries for {}", case.server, asked.answered, asked.queries, case.name);
    Some((Code::DnsFlapping, confirmed, text))
}

/// Whether the other server's answer speaks against this one. Different addresses alone are usual for content networks,
/// so that is a suspicion and only where neither network nor alias is shared; that an outside server does not know a
/// name with private addresses is how split horizon looks.
fn differing(asked: &Asked, addresses: &[IpAddr], case: &Case, words: &str) -> Option<(Code, bool, String)> {
    let other = case.other.as_ref()?;
    if addresses.is_empty() {
        return None;
    }
    if other.rcode == "NXDOMAIN" {
        let text = format!("{words}, but {} says that the name does not exist", other.server);
        return (!addresses.iter().all(|address| is_private(*address))).then_some((Code::DnsAnswerDiffers, true, text));
    }
    let cname = deciding(asked).map_or(&[][..], |answer| &answer.cname);
    let same_alias = cname.last().is_some_and(|last| other.cname.last() == Some(last));
    if other.addresses.is_empty() || same_alias || share_network(addresses, &other.addresses) {
        return None;
    }
    let text = format!("{words}, but {} gives {}", other.server, list(&other.addresses));
    Some((Code::DnsAnswerDiffers, false, text))
}

#[cfg(test)]
mod tests;
