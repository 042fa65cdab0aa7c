//! The way to a web server, in the steps that a program takes: `name` and `dial` get a connection, `choice` says
//! whether a proxy is used and `connect` goes through it, `handshake` secures it (`certificate` says what is wrong with
//! what was shown, `legacy` looks at servers too old to talk to), and `exchange` asks one question. `unasked` says what a far end does
//! that cuts or falls silent when nothing is asked at all; `open` is the short way for services that are no web pages. The
//! probes `proxy`, `tls`, `http` and `portal` are made of these steps, so a fault has the same code whoever meets it.

pub mod certificate;
pub mod choice;
pub mod connect;
pub mod cookie;
pub mod dial;
pub mod exchange;
pub mod handshake;
pub mod hold;
pub mod legacy;
pub mod name;
pub mod open;
mod recorder;
pub mod script;
pub mod tap;
pub mod trust;
pub mod unasked;

use super::Look;
use crate::observation::{Observation, Via};
use crate::problem::Code;
use std::net::SocketAddr;
use std::time::Duration;
use url::Url;

/// A step that did not work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// What it is; none where it could not be looked at, and `summary` is the reason.
    pub code: Option<Code>,
    /// What was seen beside it.
    pub also: Vec<Code>,
    /// Seen once, or the wait was cut short.
    pub suspected: bool,
    /// One sentence with names and numbers.
    pub summary: String,
}

impl Trouble {
    /// Seen, and sure.
    pub fn new(code: Code, summary: impl Into<String>) -> Self {
        Trouble { code: Some(code), also: Vec::new(), suspected: false, summary: summary.into() }
    }

    /// It could not be looked at.
    pub fn unknown(why: impl Into<String>) -> Self {
        Trouble { code: None, also: Vec::new(), suspected: false, summary: why.into() }
    }

    /// The same where encryption begins in the middle of a conversation: a far end that has spoken before and cuts the
    /// connection or falls silent now does so about the encryption.
    pub fn begun_in_the_middle(self, host: &str) -> Self {
        let (code, words) = match self.code {
            Some(Code::TcpReset) => (Code::TlsReset, "ends the connection"),
            Some(Code::TcpTimeout) => (Code::TlsTimeout, "is silent"),
            _ => return self,
        };
        Trouble { code: Some(code), summary: format!("{host} agrees to encryption and then {words}"), ..self }
    }

    /// Seen once only.
    pub fn suspected(mut self, suspected: bool) -> Self {
        self.suspected = suspected;
        self
    }
}

/// A trouble as an observation, on the layer of its code.
pub fn observe(look: &Look<'_>, subject: Option<&str>, trouble: &Trouble) -> Observation {
    let Some(code) = trouble.code else { return look.unknown(subject, &trouble.summary) };
    let observation = look.problem(subject, code, trouble.summary.clone()).also(trouble.also.iter().copied());
    if trouble.suspected { observation.suspected() } else { observation }
}

/// What a connection to this peer uses, as the kernel says.
pub async fn via(look: &Look<'_>, peer: SocketAddr) -> Via {
    Via { peer: Some(peer.to_string()), ..look.world.via(peer.ip()).await }
}

/// The name of a piece of evidence: what the check is called, in the letters that files may have.
pub fn evidence_name(kind: &str, check: &str, subject: Option<&str>) -> String {
    let subject = subject.map(|subject| format!("-{subject}")).unwrap_or_default();
    let text = format!("{kind}-{check}{subject}").to_ascii_lowercase();
    let letters = text.chars().map(|c| match c {
        'a'..='z' | '0'..='9' | '.' | '_' | '-' => c,
        _ => '-',
    });
    letters.take(100).chain(".txt".chars()).collect()
}

/// Characters of a foreign text that are kept.
pub const TEXT_LIMIT: usize = 200;

/// A text from a stranger, cut to what is kept.
pub fn bounded(text: &str) -> String {
    text.chars().take(TEXT_LIMIT).collect()
}

/// Bytes from a stranger as one line of printable text.
pub fn printable(bytes: &[u8], limit: usize) -> String {
    let text = String::from_utf8_lossy(bytes);
    let line: String = text.chars().take(limit).map(|c| if c.is_control() { ' ' } else { c }).collect();
    line.trim().to_owned()
}

/// A URL as it may be kept: without credentials, query and fragment, which carry secrets.
pub fn shown(url: &Url) -> String {
    let authority = match (url.host_str(), url.port()) {
        (Some(host), Some(port)) => format!("{host}:{port}"),
        (Some(host), None) => host.to_owned(),
        (None, _) => String::new(),
    };
    bounded(&format!("{}://{authority}{}", url.scheme(), url.path()))
}

/// Milliseconds with one digit after the point, as facts hold them.
pub fn milliseconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 10_000.0).round() / 10.0
}

/// A duration for a sentence: `40 ms`, `1.4 s`.
pub fn said(duration: Duration) -> String {
    if duration < Duration::from_secs(1) {
        format!("{} ms", duration.as_millis())
    } else {
        format!("{:.1} s", duration.as_secs_f64())
    }
}

/// The host of a URL as programs hand it to a lookup: without brackets.
pub fn host_of(url: &Url) -> String {
    url.host_str().unwrap_or_default().trim_matches(['[', ']']).trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_of_a_url_holds_no_secret() {
        let url = Url::parse("https://bob:hunter2@crm.test:8443/login?token=abc#top").unwrap();
        assert_eq!(shown(&url), "https://crm.test:8443/login");
        assert_eq!(host_of(&Url::parse("http://[2001:db8::1]:80/").unwrap()), "2001:db8::1");
        assert_eq!(printable(b"SSH-2.0-x\r\n\x1b[31m", 40), "SSH-2.0-x   [31m");
    }
}
