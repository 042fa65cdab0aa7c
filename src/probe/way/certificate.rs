//! What a server showed, in words, and why it is not accepted. The verdict itself is the trust store's
//! (`trust`); here it is explained: which link of the chain, which names, whose product stands in between.

use super::trust::{Reason, Verdict};
use super::{Trouble, bounded};
use crate::problem::Code;
use schemars::JsonSchema;
use serde::Serialize;
use x509_parser::extensions::{GeneralName, ParsedExtension};
use x509_parser::prelude::{FromDer, X509Certificate};

/// Links that are described; a sound chain has two to four.
const LINK_LIMIT: usize = 10;

/// Names that are kept of a certificate for many.
const NAME_LIMIT: usize = 20;

/// Words in the issuer's name of products that open encryption on the way (each a sequence of whole words).
const INSPECTION_PRODUCTS: &[&str] = &[
    "zscaler",
    "fortinet",
    "fortigate",
    "palo alto",
    "blue coat",
    "bluecoat",
    "sophos",
    "netskope",
    "cisco umbrella",
    "opendns",
    "check point",
    "checkpoint",
    "untangle",
    "mitmproxy",
    "charles proxy",
    "fiddler",
    "do_not_trust_fiddlerroot",
    "burp",
    "portswigger",
    "kaspersky",
    "avast",
    "avg",
    "eset",
    "bitdefender",
    "squid",
    "watchguard",
    "barracuda",
    "forcepoint",
    "websense",
    "smoothwall",
    "lightspeed",
    "iboss",
    "securly",
    "mcafee web gateway",
    "menlo",
    "superfish",
];

/// One certificate of a chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Link {
    /// Whose it is.
    pub subject: String,
    /// Who signed it.
    pub issuer: String,
    /// First moment of validity (RFC 3339).
    pub not_before: String,
    /// Last moment of validity (RFC 3339).
    pub not_after: String,
    /// Whether it may sign others.
    pub is_ca: bool,
}

/// A certificate, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    pub link: Link,
    pub not_before: i64,
    pub not_after: i64,
    pub subject_der: Vec<u8>,
    pub issuer_der: Vec<u8>,
    /// The issuer's common name or organisation, for a sentence.
    pub issuer_name: String,
    pub names: Vec<String>,
    /// How many names it has in all.
    pub names_count: usize,
    /// Marks of the public system: an address to fetch the issuer from, transparency timestamps, a public policy.
    pub public_marks: bool,
}

impl Certificate {
    fn self_signed(&self) -> bool {
        self.subject_der == self.issuer_der && !self.subject_der.is_empty()
    }
}

/// Reads the chain that was sent, leaf first. What cannot be read keeps its place.
pub fn read<B: AsRef<[u8]>>(chain: &[B]) -> Vec<Certificate> {
    chain.iter().take(LINK_LIMIT).map(|der| read_one(der.as_ref())).collect()
}

fn read_one(der: &[u8]) -> Certificate {
    let Ok((_, certificate)) = X509Certificate::from_der(der) else { return unreadable() };
    let validity = certificate.validity();
    let (not_before, not_after) = (validity.not_before.timestamp(), validity.not_after.timestamp());
    let (names, names_count) = names_of(&certificate);
    Certificate {
        link: Link {
            subject: bounded(&certificate.subject().to_string()),
            issuer: bounded(&certificate.issuer().to_string()),
            not_before: time(not_before),
            not_after: time(not_after),
            is_ca: certificate.is_ca(),
        },
        not_before,
        not_after,
        subject_der: certificate.subject().as_raw().to_vec(),
        issuer_der: certificate.issuer().as_raw().to_vec(),
        issuer_name: short_name(certificate.issuer()),
        names,
        names_count,
        public_marks: has_public_marks(&certificate),
    }
}

fn unreadable() -> Certificate {
    let text = "(unreadable)".to_owned();
    Certificate {
        link: Link {
            subject: text.clone(),
            issuer: text.clone(),
            not_before: String::new(),
            not_after: String::new(),
            is_ca: false,
        },
        not_before: i64::MIN,
        not_after: i64::MAX,
        subject_der: Vec::new(),
        issuer_der: Vec::new(),
        issuer_name: text,
        names: Vec::new(),
        names_count: 0,
        public_marks: false,
    }
}

fn time(seconds: i64) -> String {
    jiff::Timestamp::from_second(seconds).map(|time| time.to_string()).unwrap_or_default()
}

fn short_name(name: &x509_parser::x509::X509Name<'_>) -> String {
    let first = |text: Option<&x509_parser::x509::AttributeTypeAndValue<'_>>| {
        text.and_then(|attribute| attribute.as_str().ok()).filter(|text| !text.is_empty()).map(bounded)
    };
    first(name.iter_common_name().next())
        .or_else(|| first(name.iter_organization().next()))
        .unwrap_or_else(|| bounded(&name.to_string()))
}

fn names_of(certificate: &X509Certificate<'_>) -> (Vec<String>, usize) {
    let Ok(Some(extension)) = certificate.subject_alternative_name() else { return (Vec::new(), 0) };
    let names = &extension.value.general_names;
    let shown = names.iter().take(NAME_LIMIT).filter_map(|name| match name {
        GeneralName::DNSName(name) => Some(bounded(name)),
        GeneralName::IPAddress(bytes) => address(bytes),
        _ => None,
    });
    (shown.collect(), names.len())
}

fn address(bytes: &[u8]) -> Option<String> {
    if let Ok(octets) = <[u8; 4]>::try_from(bytes) {
        return Some(std::net::Ipv4Addr::from(octets).to_string());
    }
    <[u8; 16]>::try_from(bytes).ok().map(|octets| std::net::Ipv6Addr::from(octets).to_string())
}

fn has_public_marks(certificate: &X509Certificate<'_>) -> bool {
    certificate.extensions().iter().any(|extension| match extension.parsed_extension() {
        // caIssuers: where the missing link could be fetched, which private authorities seldom write.
        ParsedExtension::AuthorityInfoAccess(access) => {
            access.accessdescs.iter().any(|access| access.access_method.to_id_string() == "1.3.6.1.5.5.7.48.2")
        }
        ParsedExtension::SCT(list) => !list.is_empty(),
        ParsedExtension::CertificatePolicies(policies) => {
            policies.iter().any(|policy| policy.policy_id.to_id_string().starts_with("2.23.140.1."))
        }
        _ => false,
    })
}

/// What is known when a verdict is explained.
pub struct Seen<'a> {
    pub host: &'a str,
    pub chain: &'a [Certificate],
    pub system: &'a Verdict,
    pub trusted_public: bool,
    /// Whether the leaf is for this host.
    pub name_fits: bool,
    /// Whether the top of the chain was signed by a public root.
    pub issuer_is_public_root: bool,
    /// Seconds since 1970, as this machine has it.
    pub now: i64,
}

/// Why the chain is not accepted, and the link that is to blame (`leaf` or `intermediate`) where one is; none where
/// it is accepted.
pub fn explain(seen: &Seen<'_>) -> Option<(Trouble, Option<&'static str>)> {
    let Err(reason) = seen.system else { return None };
    let Some(leaf) = seen.chain.first() else {
        return Some((Trouble::new(Code::TlsInvalid, format!("{} sent no certificate", seen.host)), None));
    };
    let (mut trouble, link) = match reason {
        Reason::Expired | Reason::NotYetValid => out_of_time(seen, reason),
        Reason::Revoked => (trouble(Code::TlsRevoked, seen, "is revoked"), Some("leaf")),
        Reason::Name => (wrong_name(seen, leaf), Some("leaf")),
        Reason::NoStore(why) => {
            (trouble(Code::TlsUnknownIssuer, seen, &format!("is trusted by nobody here: no trust store ({why})")), None)
        }
        Reason::UnknownIssuer | Reason::Other(_) => untrusted(seen, leaf, reason),
    };
    if leaf.self_signed() && seen.chain.len() == 1 && trouble.code != Some(Code::TlsSelfSigned) && !accepted(seen) {
        trouble.also.push(Code::TlsSelfSigned);
    }
    if !seen.name_fits && trouble.code != Some(Code::TlsName) {
        trouble.also.push(Code::TlsName);
    }
    Some((trouble, link))
}

/// Only the name is wrong: the chain itself is trusted.
fn accepted(seen: &Seen<'_>) -> bool {
    matches!(seen.system, Err(Reason::Name))
}

fn trouble(code: Code, seen: &Seen<'_>, what: &str) -> Trouble {
    Trouble::new(code, format!("the certificate of {} {what}", seen.host))
}

fn out_of_time(seen: &Seen<'_>, reason: &Reason) -> (Trouble, Option<&'static str>) {
    let expired = *reason == Reason::Expired;
    let wrong = |certificate: &Certificate| {
        if expired { certificate.not_after < seen.now } else { certificate.not_before > seen.now }
    };
    let position = seen.chain.iter().position(wrong);
    let (code, verb) = if expired { (Code::TlsExpired, "expired") } else { (Code::TlsNotYetValid, "becomes valid") };
    let Some(position) = position else {
        // The verifier built its path over a certificate of its own store.
        return (trouble(code, seen, &format!("is out of its time ({})", reason.word())), None);
    };
    let certificate = &seen.chain[position];
    let (when, distance) = if expired {
        (&certificate.link.not_after, days(seen.now - certificate.not_after) + " ago")
    } else {
        (&certificate.link.not_before, "in ".to_owned() + &days(certificate.not_before - seen.now))
    };
    if position == 0 {
        (trouble(code, seen, &format!("{verb} {distance} ({when})")), Some("leaf"))
    } else {
        let subject = &certificate.link.subject;
        let summary = format!("the intermediate certificate {subject} of {} {verb} {distance} ({when})", seen.host);
        (Trouble::new(code, summary), Some("intermediate"))
    }
}

fn days(seconds: i64) -> String {
    match seconds {
        0..7_200 => format!("{} minutes", seconds / 60),
        7_200..172_800 => format!("{} hours", seconds / 3600),
        _ => format!("{} days", seconds / 86_400),
    }
}

fn wrong_name(seen: &Seen<'_>, leaf: &Certificate) -> Trouble {
    let names = if leaf.names.is_empty() {
        "no name at all".to_owned()
    } else {
        let more = leaf.names_count.saturating_sub(3);
        let rest = if more > 0 { format!(" and {more} more") } else { String::new() };
        format!("{}{rest}", nearest(seen.host, &leaf.names).join(", "))
    };
    trouble(Code::TlsName, seen, &format!("is for {names}"))
}

/// The three names most like the host.
fn nearest(host: &str, names: &[String]) -> Vec<String> {
    let mut ranked: Vec<(f64, &String)> = names.iter().map(|name| (strsim::jaro_winkler(host, name), name)).collect();
    ranked.sort_by(|left, right| right.0.total_cmp(&left.0));
    ranked.into_iter().take(3).map(|(_, name)| name.clone()).collect()
}

fn untrusted(seen: &Seen<'_>, leaf: &Certificate, reason: &Reason) -> (Trouble, Option<&'static str>) {
    let issuer = &leaf.issuer_name;
    if let Some(product) = inspection_product(seen.chain) {
        let what = format!("comes from {issuer}, an inspection product ({product}) that this machine does not trust");
        return (trouble(Code::TlsIntercepted, seen, &what), None);
    }
    if leaf.self_signed() {
        return (trouble(Code::TlsSelfSigned, seen, "is self-signed"), Some("leaf"));
    }
    if *reason != Reason::UnknownIssuer {
        let why = if let Reason::Other(text) = reason { text.as_str() } else { reason.word() };
        return (trouble(Code::TlsInvalid, seen, &format!("is not acceptable: {why}")), None);
    }
    if lacks_intermediate(seen, leaf) {
        let what = format!("comes without that of its issuer {issuer}");
        return (trouble(Code::TlsMissingIntermediate, seen, &what), Some("intermediate"));
    }
    let top = seen.chain.last().map_or(issuer, |top| &top.issuer_name);
    let public = if seen.trusted_public { ", although it is a public one" } else { "" };
    (trouble(Code::TlsUnknownIssuer, seen, &format!("leads to {top}, which this machine does not trust{public}")), None)
}

/// Only the leaf came, and its issuer is neither a public root nor a private one: a certificate of the public system
/// says so by its marks, and one of a private authority has none of them.
fn lacks_intermediate(seen: &Seen<'_>, leaf: &Certificate) -> bool {
    /// How authorities call what stands between their root and a server's certificate.
    const BETWEEN: [&str; 4] = ["intermediate", "issuing", "sub", "subordinate"];
    let others_only_itself = seen.chain.iter().all(|certificate| certificate.subject_der == leaf.subject_der);
    let issuer = words(&leaf.link.issuer);
    let issuer_says_root = issuer.iter().any(|word| word == "root");
    let issuer_says_between = issuer.iter().any(|word| BETWEEN.contains(&word.as_str()));
    others_only_itself
        && (leaf.public_marks || issuer_says_between)
        && !seen.issuer_is_public_root
        && !issuer_says_root
        && !seen.trusted_public
}

/// The inspection product that an issuer in the chain names, if any.
pub fn inspection_product(chain: &[Certificate]) -> Option<&'static str> {
    let named: Vec<Vec<String>> = chain.iter().map(|certificate| words(&certificate.link.issuer)).collect();
    INSPECTION_PRODUCTS.iter().copied().find(|product| {
        let wanted: Vec<&str> = product.split(' ').collect();
        named.iter().any(|words| words.windows(wanted.len()).any(|window| window == wanted.as_slice()))
    })
}

fn words(text: &str) -> Vec<String> {
    let separated = text.split(|c: char| !c.is_alphanumeric() && c != '_');
    separated.filter(|word| !word.is_empty()).map(str::to_ascii_lowercase).collect()
}

/// Whether a host is one that public authorities give no certificates for, so that a private one is no surprise.
pub fn is_private_name(host: &str) -> bool {
    const PRIVATE: [&str; 8] =
        [".local", ".internal", ".lan", ".corp", ".home.arpa", ".intranet", ".localdomain", ".private"];
    let host = host.to_ascii_lowercase();
    !host.contains('.') || host.parse::<std::net::IpAddr>().is_ok() || PRIVATE.iter().any(|end| host.ends_with(end))
}

/// The chain as text for the packet: who, by whom, from when until when. No keys.
pub fn chain_text(host: &str, chain: &[Certificate]) -> String {
    let mut text = format!("certificates shown by {host}\n");
    for (index, Certificate { link, names, names_count, .. }) in chain.iter().enumerate() {
        text += &format!(
            "{index}: subject {}\n   issuer {}\n   valid {} to {}\n   authority {}\n",
            link.subject, link.issuer, link.not_before, link.not_after, link.is_ca
        );
        if *names_count > 0 {
            text += &format!("   {names_count} names: {}\n", names.join(", "));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn certificate(subject: &str, issuer: &str) -> Certificate {
        Certificate {
            link: Link {
                subject: format!("CN={subject}"),
                issuer: format!("CN={issuer}"),
                not_before: time(0),
                not_after: time(1_000_000),
                is_ca: false,
            },
            not_before: 0,
            not_after: 1_000_000,
            subject_der: subject.as_bytes().to_vec(),
            issuer_der: issuer.as_bytes().to_vec(),
            issuer_name: issuer.to_owned(),
            names: vec!["www.crm.test".to_owned(), "mail.test".to_owned()],
            names_count: 2,
            public_marks: false,
        }
    }

    fn code(chain: &[Certificate], reason: Reason, now: i64) -> (Option<Code>, Option<&'static str>, String) {
        let seen = Seen {
            host: "crm.test",
            chain,
            system: &Err(reason),
            trusted_public: false,
            name_fits: true,
            issuer_is_public_root: false,
            now,
        };
        let (trouble, link) = explain(&seen).unwrap();
        (trouble.code, link, trouble.summary)
    }

    #[test]
    fn reasons_become_codes() {
        let leaf = certificate("crm.test", "Example CA");
        let mut public = leaf.clone();
        public.public_marks = true;
        let mut old_intermediate = certificate("Example CA", "Example Root");
        old_intermediate.not_after = 10;
        let mut lasting = leaf.clone();
        lasting.not_after = i64::MAX;
        let own = certificate("crm.test", "crm.test");
        let inspected = certificate("crm.test", "FortiGate CA 7");
        let reset = certificate("crm.test", "Reset Widgets CA");
        let table: Vec<(Vec<Certificate>, Reason, Code, Option<&str>)> = vec![
            (vec![leaf.clone()], Reason::Expired, Code::TlsExpired, Some("leaf")),
            (vec![lasting, old_intermediate], Reason::Expired, Code::TlsExpired, Some("intermediate")),
            (vec![leaf.clone()], Reason::Name, Code::TlsName, Some("leaf")),
            (vec![leaf.clone()], Reason::UnknownIssuer, Code::TlsUnknownIssuer, None),
            (vec![public.clone()], Reason::UnknownIssuer, Code::TlsMissingIntermediate, Some("intermediate")),
            (vec![public, certificate("Example CA", "X")], Reason::UnknownIssuer, Code::TlsUnknownIssuer, None),
            (vec![own.clone()], Reason::UnknownIssuer, Code::TlsSelfSigned, Some("leaf")),
            (vec![own], Reason::Other("CaUsedAsEndEntity".to_owned()), Code::TlsSelfSigned, Some("leaf")),
            (vec![inspected], Reason::UnknownIssuer, Code::TlsIntercepted, None),
            (vec![reset], Reason::UnknownIssuer, Code::TlsUnknownIssuer, None),
            (vec![leaf.clone()], Reason::Revoked, Code::TlsRevoked, Some("leaf")),
            (vec![leaf], Reason::NoStore("empty".to_owned()), Code::TlsUnknownIssuer, None),
        ];
        for (chain, reason, expected, link) in table {
            let (found, where_, summary) = code(&chain, reason.clone(), 2_000_000);
            assert_eq!((found, where_), (Some(expected), link), "{reason:?}: {summary}");
        }
        let (found, _, summary) = code(&[certificate("crm.test", "Example CA")], Reason::NotYetValid, -86_400 * 3);
        assert_eq!(found, Some(Code::TlsNotYetValid));
        assert!(summary.contains("in 3 days"), "{summary}");
    }

    #[test]
    fn the_nearest_names_are_said() {
        let (_, _, summary) = code(&[certificate("x", "y")], Reason::Name, 0);
        assert_eq!(summary, "the certificate of crm.test is for www.crm.test, mail.test");
    }

    #[test]
    fn private_names_are_known() {
        for (host, private) in
            [("intranet", true), ("10.0.0.7", true), ("crm.corp", true), ("example.com", false), ("a.test", false)]
        {
            assert_eq!(is_private_name(host), private, "{host}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_can_be_read(bytes: Vec<u8>) {
            let chain = read(&[bytes]);
            proptest::prop_assert_eq!(chain.len(), 1);
        }
    }
}
