//! Tables of answers and what they mean.

use super::*;
use crate::probe::dns::asked::{Sibling, Silent};

fn answer(rcode: &str, addresses: &[&str]) -> Word {
    Word::Answer(Answer {
        rcode: rcode.to_owned(),
        addresses: addresses.iter().map(|text| text.parse().unwrap()).collect(),
        cname: Vec::new(),
        records: Vec::new(),
        ttl_s: Some(60),
        authoritative: false,
        truncated: false,
        recursion_available: true,
        referral: false,
    })
}

fn asked(word: Word) -> Asked {
    Asked {
        word,
        second: None,
        others: vec![("AAAA".to_owned(), answer("NOERROR", &[]))],
        silent: None,
        queries: 4,
        answered: 4,
        took: Some(Duration::from_millis(12)),
        quickest: Some(Duration::from_millis(9)),
        tcp: Tcp::NotAsked,
        tcp_answer: None,
        control: None,
        random: None,
        without_edns: false,
    }
}

fn case() -> Case {
    Case { server: "10.0.0.53".to_owned(), name: "crm.example".to_owned(), ..Case::default() }
}

fn other(rcode: &str, addresses: &[&str]) -> Option<Other> {
    Some(Other {
        server: "9.9.9.9".to_owned(),
        rcode: rcode.to_owned(),
        addresses: addresses.iter().map(|text| text.parse().unwrap()).collect(),
        cname: Vec::new(),
    })
}

fn code(judgement: &Judgement) -> Option<(Code, bool)> {
    match &judgement.finding {
        Finding::Wrong { code, confirmed, .. } => Some((*code, *confirmed)),
        Finding::Works | Finding::Unknown => None,
    }
}

#[test]
fn answers_mean_what_they_mean() {
    let good = || answer("NOERROR", &["10.0.0.7"]);
    type Change = fn(&mut Asked, &mut Case);
    type Row = (Word, Change, Option<(Code, bool)>);
    let table: &[Row] = &[
        (good(), |_, _| {}, None),
        (good(), |asked, _| asked.quickest = Some(SLOW * 2), Some((Code::DnsSlow, true))),
        (good(), |asked, _| asked.answered = 3, None),
        (good(), |asked, _| (asked.queries, asked.answered) = (10, 8), Some((Code::DnsFlapping, false))),
        (good(), |asked, _| (asked.queries, asked.answered) = (10, 7), Some((Code::DnsFlapping, true))),
        (good(), |asked, _| asked.others[0].1 = Word::Silence, Some((Code::DnsFlapping, true))),
        (good(), |asked, _| asked.others[0].1 = answer("SERVFAIL", &[]), None),
        (good(), |asked, _| asked.tcp = Tcp::Timeout, Some((Code::DnsTcpBlocked, true))),
        (good(), |asked, _| asked.random = Some(answer("NOERROR", &["203.0.113.9"])), Some((Code::DnsRewritten, true))),
        (good(), |asked, _| asked.random = Some(answer("NXDOMAIN", &[])), None),
        (good(), |_, case| case.other = other("NOERROR", &["203.0.113.9"]), Some((Code::DnsAnswerDiffers, false))),
        (good(), |_, case| case.other = other("NOERROR", &["10.0.0.99"]), None),
        (good(), |_, case| case.other = other("NXDOMAIN", &[]), None),
        (good(), |_, case| case.foreign_suffix = Some("corp".to_owned()), Some((Code::DnsSearchList, true))),
        (
            answer("NOERROR", &["8.8.4.4"]),
            |_, case| case.other = other("NXDOMAIN", &[]),
            Some((Code::DnsAnswerDiffers, true)),
        ),
        (answer("NOERROR", &["127.0.0.1"]), |_, _| {}, Some((Code::DnsBogon, true))),
        (answer("NOERROR", &["127.0.1.1"]), |_, case| case.is_own_name = true, None),
        (answer("NOERROR", &[]), |_, _| {}, Some((Code::DnsNodata, true))),
        (answer("NOERROR", &[]), |asked, _| asked.others[0].1 = answer("NOERROR", &["2001:db8::1"]), None),
        (answer("NXDOMAIN", &[]), |_, _| {}, Some((Code::DnsNxdomain, true))),
        (answer("NXDOMAIN", &[]), |_, case| case.not_for_dns = Some("mDNS"), None),
        (
            answer("SERVFAIL", &[]),
            |asked, _| asked.second = Some(answer("SERVFAIL", &[])),
            Some((Code::DnsServfail, true)),
        ),
        (answer("SERVFAIL", &[]), |asked, _| asked.second = Some(Word::Silence), Some((Code::DnsServfail, false))),
        (
            answer("SERVFAIL", &[]),
            |asked, _| asked.second = Some(answer("NOERROR", &["10.0.0.7"])),
            Some((Code::DnsFlapping, false)),
        ),
        (
            answer("REFUSED", &[]),
            |asked, _| asked.second = Some(answer("REFUSED", &[])),
            Some((Code::DnsRefused, true)),
        ),
        (
            answer("FORMERR", &[]),
            |asked, _| asked.second = Some(answer("FORMERR", &[])),
            Some((Code::DnsFormerr, true)),
        ),
        (
            Word::Garbage("an answer with another id".to_owned()),
            |asked, _| asked.second = Some(Word::Garbage(String::new())),
            Some((Code::DnsFormerr, true)),
        ),
        (
            Word::Failure(Failure::Refused),
            |asked, _| asked.second = Some(Word::Failure(Failure::Refused)),
            Some((Code::DnsPortClosed, true)),
        ),
        (
            Word::Failure(Failure::NetworkUnreachable),
            |asked, _| asked.second = Some(Word::Failure(Failure::NetworkUnreachable)),
            Some((Code::DnsUnreachable, true)),
        ),
        (
            Word::Failure(Failure::LocalDenied),
            |asked, _| asked.second = Some(Word::Failure(Failure::LocalDenied)),
            Some((Code::HostFilterDrops, true)),
        ),
    ];
    for (index, (word, change, wanted)) in table.iter().enumerate() {
        let (mut asked, mut case) = (asked(word.clone()), case());
        change(&mut asked, &mut case);
        let judgement = judge(&asked, &case);
        assert_eq!(code(&judgement), *wanted, "row {index}: {judgement:?}");
        assert_ne!(judgement.finding, Finding::Unknown, "row {index}");
    }
}

#[test]
fn what_cannot_be_judged_is_unknown() {
    for word in [Word::Cut, Word::Failure(Failure::Other("no buffer space".to_owned()))] {
        let mut asked = asked(word);
        asked.second = Some(Word::Silence).filter(|_| asked.word != Word::Cut);
        assert_eq!(judge(&asked, &case()).finding, Finding::Unknown);
    }
}

#[test]
fn silence_names_counts_time_and_control() {
    let mut asked = asked(Word::Silence);
    let sibling = Sibling { server: "10.0.0.2:53".parse().unwrap(), took: Duration::from_millis(12) };
    asked.silent =
        Some(Silent { queries: 4, waited: Duration::from_millis(1900), sibling: Some(sibling), confirmed: true });
    asked.tcp = Tcp::Timeout;
    let judgement = judge(&asked, &case());
    assert_eq!(code(&judgement), Some((Code::DnsTimeout, true)));
    assert_eq!(
        judgement.summary,
        "10.0.0.53 did not answer 4 queries for crm.example in 1.9 s, while 10.0.0.2 answered in 12 ms; neither over TCP"
    );
}

#[test]
fn an_invented_address_outranks_its_other_faults() {
    let mut asked = asked(answer("NOERROR", &["203.0.113.9"]));
    asked.random = Some(answer("NOERROR", &["203.0.113.9"]));
    asked.quickest = Some(SLOW * 2);
    let Finding::Wrong { code, also, .. } = judge(&asked, &case()).finding else { panic!() };
    assert_eq!((code, also), (Code::DnsRewritten, vec![Code::DnsSlow]));
}

#[test]
fn bogons() {
    let table = [
        ("0.0.0.0", true),
        ("127.0.0.1", true),
        ("240.0.0.1", true),
        ("255.255.255.255", true),
        ("224.0.0.1", true),
        ("169.254.1.1", true),
        ("::", true),
        ("::1", true),
        ("fe80::1", true),
        ("::ffff:127.0.0.1", true),
        ("10.0.0.1", false),
        ("192.168.1.1", false),
        ("100.64.0.1", false),
        ("203.0.113.1", false),
        ("fd00::1", false),
        ("2001:db8::1", false),
    ];
    for (text, wanted) in table {
        assert_eq!(is_bogon(text.parse().unwrap()), wanted, "{text}");
    }
}
