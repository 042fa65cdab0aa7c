//! What an answer says: its headers and body as facts, and whether it is what was asked for.

use super::super::way::exchange::{Body, BodyEnd, SLOW_FIRST_BYTE, header, problem_of};
use super::super::way::{self, Trouble, host_of, milliseconds, printable, said};
use super::walk::{Arrived, Walk};
use super::{block, encoding};
use crate::observation::Observation;
use crate::problem::Code;
use hyper::HeaderMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use url::Url;

/// A body is slow that has taken so long and comes at less than so many bytes a second. Judgement: people give a page
/// up after some seconds, and a telephone modem was faster.
const SLOW_BODY: Duration = Duration::from_secs(3);
const SLOW_RATE: f64 = 4_096.0;

/// Characters of a body that are kept.
const BODY_START_LIMIT: usize = 80;

impl Walk<'_> {
    pub(super) fn note_headers(&mut self, headers: &HeaderMap, asked_at: SystemTime, first_byte: Duration) {
        self.facts.server = header(headers, "server");
        self.facts.content_type = header(headers, "content-type");
        self.facts.retry_after = header(headers, "retry-after");
        let cached = headers.contains_key("age");
        let half_way = asked_at + first_byte / 2;
        self.facts.date_offset_ms =
            header(headers, "date").filter(|_| !cached).and_then(|date| offset(&date, half_way));
    }

    pub(super) fn note_body(&mut self, body: &Body, headers: &HeaderMap) {
        self.facts.bytes = Some(body.bytes);
        self.facts.body_complete = Some(body.end == BodyEnd::Complete);
        // Less than this is over before a rate can be told.
        const RATED_BYTES: u64 = 64 * 1024;
        if body.bytes >= RATED_BYTES || (body.took > Duration::from_secs(1) && body.bytes > 0) {
            self.facts.bytes_per_second = Some((body.bytes as f64 / body.took.as_secs_f64().max(0.001)) as u64);
        }
        let kind = self.facts.content_type.as_deref().unwrap_or("text/plain").to_ascii_lowercase();
        let is_text = ["text/", "json", "xml", "javascript"].iter().any(|word| kind.contains(word));
        if is_text && !body.start.is_empty() {
            self.facts.body_start = Some(printable(&body.start, BODY_START_LIMIT));
        }
        self.facts.broken_encoding = encoding::broken(body, headers);
        let page = block::Page::read(&body.start, body.bytes, headers);
        self.facts.block_page = page.has_words.then_some(true);
        self.facts.block_kind = page.kind.map(|kind| kind.word().to_owned());
        self.facts.blocked_by = page.by.map(str::to_owned);
    }

    /// The last answer's verdict.
    pub(super) fn judge(&self, url: &Url, arrived: &Arrived) -> Observation {
        let host = host_of(url);
        let Arrived { status, first_byte, body, .. } = arrived;
        let wanted_status = self.wanted_status();
        let expected_status = wanted_status == Some(*status);
        let mut troubles = Vec::new();
        if !expected_status && let Some(trouble) = self.status_trouble(&host, *status) {
            troubles.push(trouble);
        }
        match body.end {
            BodyEnd::Cut => {
                let summary = format!("{host} closed the connection after {} bytes of the page", body.bytes);
                troubles.push(Trouble::new(Code::HttpCut, summary));
            }
            BodyEnd::Stalled => {
                let summary = format!("the page of {host} stops after {} bytes", body.bytes);
                troubles.push(Trouble::new(Code::HttpBodyStalled, summary));
            }
            BodyEnd::Complete | BodyEnd::Enough => {}
        }
        if let Some(wanted) = wanted_status.filter(|wanted| wanted != status)
            && troubles.is_empty()
        {
            let summary = format!("{host} answers {status} and not {wanted}");
            troubles.push(Trouble::new(Code::HttpUnexpectedContent, summary));
        }
        if let Some(coding) = self.facts.broken_encoding.as_deref().filter(|_| troubles.is_empty()) {
            let summary = format!("{host} says that its page is packed with {coding}, and it cannot be unpacked");
            troubles.push(Trouble::new(Code::HttpUnexpectedContent, summary));
        }
        if !body.start.starts_with(self.params.expect_body.as_bytes()) && troubles.is_empty() {
            let start = printable(&body.start, BODY_START_LIMIT);
            let summary = format!("the page of {host} begins with \"{start}\" and not as expected");
            troubles.push(Trouble::new(Code::HttpUnexpectedContent, summary));
        }
        // Whoever says what the page must be like has been heard above.
        if troubles.is_empty() && wanted_status.is_none() && self.params.expect_body.is_empty() {
            troubles.extend(self.block_trouble(&host));
        }
        let rate = body.bytes as f64 / body.took.as_secs_f64().max(0.001);
        if troubles.is_empty() && body.took > SLOW_BODY && rate < SLOW_RATE {
            let summary = format!("the page of {host} arrives at {rate:.0} bytes a second");
            troubles.push(Trouble::new(Code::HttpSlow, summary));
        }
        if *first_byte > SLOW_FIRST_BYTE {
            let summary = format!("{host} took {} until the first byte", said(*first_byte));
            troubles.push(Trouble::new(Code::HttpSlowFirstByte, summary));
        }
        troubles.extend(self.handshake_trouble(&host));
        let mut troubles = troubles.into_iter();
        match troubles.next() {
            Some(first) => {
                let rest: Vec<Code> = troubles.filter_map(|trouble| trouble.code).collect();
                way::observe(self.look, None, &first).also(rest)
            }
            None => self.look.ok(None, self.works(*status, *first_byte)),
        }
    }

    /// A friendly page with status 200 that is not the one that was asked for.
    fn block_trouble(&self, host: &str) -> Option<Trouble> {
        let what = match self.facts.block_kind.as_deref()? {
            "filter" => "a filter",
            _ => "a wall against robots",
        };
        let by = self.facts.blocked_by.as_deref().map(|by| format!(" ({by})")).unwrap_or_default();
        let summary = format!("{} gets a page of {what}{by} in the place of what {host} has there", self.asked);
        Some(Trouble::new(Code::HttpBlockPage, summary))
    }

    /// A handshake that took as long as would be too long for a page, on a connection of which no packet had to be sent
    /// again: then it is not the line that took the time.
    fn handshake_trouble(&self, host: &str) -> Option<Trouble> {
        let took = self.facts.tls_ms.filter(|took| *took > milliseconds(SLOW_FIRST_BYTE))?;
        let is_line = self.facts.sent_again.is_some_and(|times| times > 0);
        let took = Duration::from_secs_f64(took / 1000.0);
        let summary = format!("{host} took {} for the TLS handshake", said(took));
        (!is_line).then(|| Trouble::new(Code::TlsSlow, summary))
    }

    fn status_trouble(&self, host: &str, status: u16) -> Option<Trouble> {
        if self.facts.server_errors == Some(1) && status < 500 {
            let summary = format!("{host} failed one of two requests, and then answered {status}");
            return Some(Trouble::new(Code::HttpServerError, summary).suspected(true));
        }
        let code = problem_of(status)?;
        let twice = if code == Code::HttpServerError { " twice" } else { "" };
        Some(Trouble::new(code, format!("{host} answers {status}{twice} to {}", self.asked)))
    }

    fn works(&self, status: u16, first_byte: Duration) -> String {
        let by = match self.facts.proxy_used.as_str() {
            "direct" => String::new(),
            proxy => format!(" through {proxy}"),
        };
        let fallback = match self.facts.failed_addresses.first() {
            Some(failed) => format!(", after {failed} did not answer"),
            None => String::new(),
        };
        format!("{} answers {status}{by}, first byte after {}{fallback}", self.asked, said(first_byte))
    }
}

/// By how much this machine's clock is behind a `Date` header.
pub(super) fn offset(date: &str, ours: SystemTime) -> Option<i64> {
    let theirs = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(date).ok()?.as_millisecond();
    let ours = i64::try_from(ours.duration_since(UNIX_EPOCH).ok()?.as_millis()).ok()?;
    // The header has whole seconds, cut off.
    let difference = theirs - ours;
    Some(if (-1000..=0).contains(&difference) { 0 } else { difference })
}
