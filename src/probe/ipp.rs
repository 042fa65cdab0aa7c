//! Printers and print services: whether they print, and what they say is in the way, asked in the protocol in which jobs
//! are sent.

mod message;
mod reason;

use super::argument::{self, Addresses};
use super::dns::Words;
use super::way::exchange::{self, BodyEnd, Session};
use super::way::handshake::TlsFacts;
use super::way::open::{self, Opening, Service, open};
use super::way::trust::Trust;
use super::way::{self, Trouble, bounded, host_of, milliseconds, printable};
use super::{Burden, Contacts, Cost, Look, Probe, accepts, schema_of};
use crate::layer::Layer;
use crate::observation::{Observation, Via};
use crate::problem::{Code, count, joined};
use crate::world::Stream;
use message::{Answer, Printer, Question};
use reason::Kind;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::net::IpAddr;
use std::sync::Arc;
use tokio::time::Instant;
use url::Url;

/// What it can report: what the way there can end in, what HTTP can, and what a printer says.
const CODES: &[&[Code]] = &[open::CODES[0], open::CODES[1], open::CODES[2], open::CODES[3], HTTP, PRINT];
const HTTP: &[Code] = &[
    Code::HttpAuthRequired,
    Code::HttpForbidden,
    Code::HttpTooManyRequests,
    Code::HttpClientError,
    Code::HttpServerError,
    Code::HttpNoAnswer,
    Code::HttpCut,
    Code::HttpNotHttp,
];
const PRINT: &[Code] = &[
    Code::PrintAttention,
    Code::PrintOffline,
    Code::PrintStopped,
    Code::PrintRejects,
    Code::AppUnknownName,
    Code::AppWrongProtocol,
    Code::AppRefused,
];

/// The probe.
pub const PROBE: Probe = Probe {
    name: "ipp",
    layer: Layer::Application,
    cost: Cost::Network,
    summary: "asks a printer or print service for its state: paper, covers, pauses, waiting jobs",
    about: "Connects to the printer or print server, encrypted where the address says `ipps`, and asks once for the \
        printer's attributes (Get-Printer-Attributes), or a print service for all of its queues (CUPS-Get-Printers). \
        Nothing is printed, no job is looked at, and no name of a person is sent. Reasons that the printer calls \
        warnings or reports count only where it has stopped. An address without a path means `/ipp/print`, where \
        printers have it, and then the root. Needs no rights. Sources: RFC 8010, RFC 8011 sections 4.2.5 and 5.4, PWG \
        5100.9, PWG 5100.14.",
    contacts: Contacts::named(&["url", "addresses"]),
    burden: Burden::of("one or two requests; reads at most {} KiB of each answer")
        .counting(&[MOST_BYTES / 1024])
        .and_leaves("a printer that sleeps may wake up"),
    codes: &joined::<{ count(CODES) }>(CODES),
    params: schema_of::<Params>,
    facts: schema_of::<IppFacts>,
    accepts: accepts::<Params>,
    run: |look| look.with(|look, params| run(look, params, None)),
};

/// Where IPP is spoken unless an address says otherwise (RFC 8010 section 4).
const PORT: u16 = 631;
/// Where printers have their queue (PWG 5100.14 section 4.2); print servers have it elsewhere.
const USUAL_PATH: &str = "/ipp/print";
/// An answer about all queues of a large print server; more is not read.
const MOST_BYTES: u64 = 256 * 1024;
/// Percent of ink or toner at which a note is made; printers warn at about this.
const LOW_PERCENT: i32 = 10;

/// Arguments of the `ipp` probe.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Params {
    /// The printer, queue or print service: `ipp://printer/ipp/print`; `ipps`, `http` and `https` are understood too.
    url: String,
    /// Addresses of its host; looked up as programs do if not given.
    addresses: Addresses,
    /// Ask for all queues of the print service and not for one printer.
    #[serde(deserialize_with = "argument::optional")]
    queues: Option<bool>,
    /// A printer's host and addresses: each queue says whether it leads there.
    leads_to: Words,
}

/// Facts of the `ipp` probe, for the printer or for each queue.
#[derive(Debug, Clone, Default, Serialize, JsonSchema)]
pub struct IppFacts {
    /// Where it was asked, without credentials.
    url: String,
    /// Its host.
    host: String,
    /// Version of TLS, where the connection is encrypted.
    encryption: Option<String>,
    /// Name of the printer or queue.
    printer: Option<String>,
    /// Make and model.
    model: Option<String>,
    /// `idle`, `processing` or `stopped`.
    state: Option<&'static str>,
    /// Why it is in that state, in the protocol's keywords.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    reasons: Vec<String>,
    /// What a person has to do about it, in plain words: `paper is out`, `a cover is open`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    wants: Vec<String>,
    /// Whether somebody paused it.
    paused: Option<bool>,
    /// What it says of its state.
    message: Option<String>,
    /// Whether it takes new jobs.
    accepts: Option<bool>,
    /// Jobs that wait or are being printed.
    queued_jobs: Option<i32>,
    /// Ink, toner and the like that is at most a tenth full, with the percent that are left.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    low: Vec<String>,
    /// Where the queue sends its jobs, without credentials.
    device: Option<String>,
    /// Whether that is the printer that was named.
    leads_there: Option<bool>,
    /// Status of HTTP, where it is none of success.
    http_status: Option<u16>,
    /// Status of IPP, in hexadecimal, where it is none of success.
    status: Option<String>,
    /// Milliseconds from the first connection's start to the answer.
    took_ms: f64,
}

/// Where to ask.
struct Place {
    /// As HTTP wants it.
    url: Url,
    host: String,
    port: u16,
    tls: bool,
}

impl Place {
    fn parse(text: &str) -> Result<Place, String> {
        let unreadable = |_| format!("`{}` is no address of a printer", bounded(text));
        let mut url = Url::parse(text).map_err(unreadable)?;
        let (tls, port) = match url.scheme() {
            "ipp" => (false, PORT),
            "ipps" => (true, PORT),
            "http" => (false, 80),
            "https" => (true, 443),
            other => return Err(format!("`{}` is no scheme of printers", bounded(other))),
        };
        let port = url.port().unwrap_or(port);
        // The URL standard does not let the scheme of an address be exchanged for one of another kind.
        if let Some((_, rest)) = text.split_once("://") {
            url = Url::parse(&format!("{}://{rest}", if tls { "https" } else { "http" })).map_err(unreadable)?;
        }
        if url.host_str().is_none_or(str::is_empty) || url.set_port(Some(port)).is_err() {
            return Err(format!("`{}` names no host", bounded(text)));
        }
        let (_, _) = (url.set_username(""), url.set_password(None));
        Ok(Place { host: host_of(&url), port, tls, url })
    }

    /// The paths to try, best first.
    fn paths(&self) -> Vec<String> {
        match self.url.path() {
            "" | "/" => vec![USUAL_PATH.to_owned(), "/".to_owned()],
            path => vec![path.to_owned()],
        }
    }

    /// As people write it, with this path.
    fn shown(&self, path: &str) -> String {
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        let port = if self.port == PORT { String::new() } else { format!(":{}", self.port) };
        bounded(&format!("{}://{host}{port}{path}", if self.tls { "ipps" } else { "ipp" }))
    }
}

async fn run(look: &Look<'_>, params: Params, trust: Option<Arc<Trust>>) -> Vec<Observation> {
    let place = match Place::parse(&params.url) {
        Ok(place) => place,
        Err(why) => return vec![look.unknown(None, &why)],
    };
    let trust = match (place.tls, trust) {
        (false, _) => None,
        (true, Some(trust)) => Some(trust),
        (true, None) => Some(Trust::of_this_machine().await),
    };
    let addresses: Vec<IpAddr> = params.addresses.each().into_iter().flatten().collect();
    let asked = Asked { look, place: &place, addresses: &addresses, trust: trust.as_ref(), start: Instant::now() };
    if params.queues == Some(true) { asked.queues(&params.leads_to).await } else { vec![asked.printer().await] }
}

/// One printer or print service that is asked.
struct Asked<'a> {
    look: &'a Look<'a>,
    place: &'a Place,
    addresses: &'a [IpAddr],
    trust: Option<&'a Arc<Trust>>,
    start: Instant,
}

/// What came of a question, and over which way.
struct Heard {
    via: Via,
    tls: Option<TlsFacts>,
    said: Result<Said, Trouble>,
}

/// What was answered.
enum Said {
    /// An answer in IPP.
    Answer(Answer),
    /// A status of HTTP that is none of success, and its words.
    Status(u16),
    /// Something else, which begins like this.
    Other(String),
}

impl Asked<'_> {
    async fn printer(&self) -> Observation {
        let mut last = None;
        for path in self.place.paths() {
            let uri = self.place.shown(&path);
            let heard = self.say(&path, &Question::Printer(&uri), &uri).await;
            let missing = match &heard.said {
                Ok(Said::Answer(answer)) => answer.status == NOT_FOUND,
                Ok(Said::Status(status)) => matches!(status, 404 | 405),
                _ => false,
            };
            let observation = self.judge(&uri, heard);
            if !missing {
                return observation;
            }
            last.get_or_insert(observation);
        }
        last.unwrap_or_else(|| self.look.unknown(None, "there is no path to ask at"))
    }

    async fn queues(&self, leads_to: &Words) -> Vec<Observation> {
        let uri = self.place.shown("/");
        let Heard { via, said, .. } = self.say("/", &Question::Queues, &uri).await;
        let answer = match said {
            Ok(Said::Answer(answer)) if answer.status < FIRST_ERROR => answer,
            // A service without queues says that none is found.
            Ok(Said::Answer(answer)) if answer.status == NOT_FOUND => Answer::default(),
            // What is not there, or speaks otherwise, is no print service: nothing is known of queues.
            Ok(_) => return vec![self.look.unknown(None, &format!("{uri} is no print service that names its queues"))],
            Err(trouble) => return vec![self.look.unknown(None, &trouble.summary)],
        };
        if answer.printers.is_empty() {
            return vec![self.look.ok(None, format!("{uri} has no queue")).facts(&self.facts(&uri))];
        }
        let each = answer.printers.iter().map(|printer| {
            let name = printer.name.clone().unwrap_or_else(|| "unnamed".to_owned());
            let mut facts = self.facts(&uri);
            facts.leads_there = printer.device.as_deref().map(|device| leads_to_any(device, leads_to));
            self.state(&name, &format!("the queue {name}"), printer, facts).via(via.clone())
        });
        each.collect()
    }

    /// Asks over a connection of its own.
    async fn say(&self, path: &str, question: &Question<'_>, subject: &str) -> Heard {
        let suspect = |trouble: Trouble| (self.look.emit)(way::observe(self.look, Some(subject), &trouble));
        let (host, port) = (self.place.host.as_str(), self.place.port);
        let service = Service { host, port, addresses: self.addresses, tls: self.trust, greets: false };
        let Opening { peer, tls, result } = open(self.look, &service, &suspect).await;
        let said = match result {
            Ok(stream) => self.exchange(stream, path, question, &suspect).await,
            Err(trouble) => Err(trouble),
        };
        let via = match peer {
            Some(peer) => way::via(self.look, peer).await,
            None => Via::default(),
        };
        Heard { via, tls, said }
    }

    async fn exchange(
        &self,
        stream: Box<dyn Stream>,
        path: &str,
        question: &Question<'_>,
        suspect: &dyn Fn(Trouble),
    ) -> Result<Said, Trouble> {
        let (host, until) = (&self.place.host, self.look.deadline);
        let mut url = self.place.url.clone();
        url.set_path(path);
        let request = exchange::post(&url, "application/ipp", question.encode()).map_err(Trouble::unknown)?;
        let silent = |took| suspect(exchange::Broken::Silent(took, 0).trouble(host).suspected(true));
        let asked = async {
            let mut session = Session::open(stream).await?;
            let response = session.ask(request, until, &silent).await?;
            let status = response.status();
            if !status.is_success() {
                return Ok(Said::Status(status.as_u16()));
            }
            let (bytes, end) = session.text(response.into_body(), MOST_BYTES, until).await;
            Ok(match message::read(&bytes) {
                Some(answer) => Said::Answer(answer),
                None if bytes.is_empty() && end != BodyEnd::Complete => return Err(exchange::Broken::Cut(0)),
                None => Said::Other(printable(&bytes, SHOWN)),
            })
        };
        asked.await.map_err(|broken| broken.trouble(host))
    }

    fn facts(&self, uri: &str) -> IppFacts {
        let took_ms = milliseconds(self.start.elapsed());
        IppFacts { url: uri.to_owned(), host: bounded(&self.place.host), took_ms, ..IppFacts::default() }
    }

    fn judge(&self, uri: &str, heard: Heard) -> Observation {
        let Heard { via, tls, said } = heard;
        let (look, mut facts, subject) = (self.look, self.facts(uri), Some(uri));
        facts.encryption = tls.and_then(|tls| tls.version);
        match said {
            Err(trouble) => way::observe(look, subject, &trouble),
            Ok(Said::Other(first)) => {
                let summary = format!("{uri} does not speak IPP: it answers \"{first}\"");
                look.problem(subject, Code::AppWrongProtocol, summary)
            }
            Ok(Said::Status(status)) => {
                facts.http_status = Some(status);
                let (code, words) = match status {
                    404 | 405 => (Code::AppUnknownName, "knows no printer at this path"),
                    426 => (Code::HttpClientError, "takes jobs only over an encrypted connection"),
                    _ => {
                        (exchange::problem_of(status).unwrap_or(Code::HttpClientError), "does not let itself be asked")
                    }
                };
                // Redirects and the like are no answer to a question in this protocol.
                let code = if status < 400 { Code::AppWrongProtocol } else { code };
                look.problem(subject, code, format!("{uri} {words} (HTTP {status})"))
            }
            Ok(Said::Answer(answer)) if answer.status >= FIRST_ERROR => {
                let status = format!("{:#06x}", answer.status);
                let (code, words) = match answer.status {
                    NOT_FOUND => (Code::AppUnknownName, "knows no printer or queue of this name"),
                    0x0401..=0x0403 => (Code::HttpAuthRequired, "wants a sign-in before it says anything"),
                    0x0500.. => (Code::HttpServerError, "fails"),
                    _ => (Code::AppRefused, "turns the question down"),
                };
                let summary = format!("{uri} {words} (IPP {status})");
                facts.status = Some(status);
                look.problem(subject, code, summary)
            }
            Ok(Said::Answer(answer)) => {
                let printer = answer.printers.into_iter().next().unwrap_or_default();
                return self.state(uri, uri, &printer, facts).via(via);
            }
        }
        .facts(&facts)
        .via(via)
    }

    /// What a printer's state means; `who` is how sentences call it.
    fn state(&self, subject: &str, who: &str, printer: &Printer, mut facts: IppFacts) -> Observation {
        describe(&mut facts, printer);
        let stopped = facts.state == Some("stopped");
        let kinds: Vec<Kind> = reason::kinds(&printer.reasons, stopped);
        let mut codes = Vec::new();
        let mut words = Vec::new();
        if !facts.wants.is_empty() {
            codes.push(Code::PrintAttention);
            words.push(format!("needs a person: {}", facts.wants.join(", ")));
        }
        if kinds.contains(&Kind::Offline) {
            codes.push(Code::PrintOffline);
            words.push("does not reach its device".to_owned());
        }
        if stopped {
            codes.push(Code::PrintStopped);
            words.push(if facts.paused == Some(true) { "is paused" } else { "has stopped" }.to_owned());
        }
        if facts.accepts == Some(false) {
            codes.push(Code::PrintRejects);
            words.push("takes no new jobs".to_owned());
        }
        let jobs = match facts.queued_jobs {
            Some(1) => ", 1 job waits".to_owned(),
            Some(count) if count > 1 => format!(", {count} jobs wait"),
            _ => String::new(),
        };
        let said = facts.message.as_ref().map(|message| format!(" (\"{message}\")")).unwrap_or_default();
        match codes.split_first() {
            Some((code, also)) => {
                let summary = format!("{who} {}{jobs}{said}", words.join(" and "));
                self.look.problem(Some(subject), *code, summary).also(also.iter().copied())
            }
            None => {
                let state = facts.state.unwrap_or("in a state that it does not tell");
                let low = if facts.low.is_empty() { String::new() } else { format!(", low: {}", facts.low.join(", ")) };
                self.look.ok(Some(subject), format!("{who} is {state}{jobs}{low}"))
            }
        }
        .facts(&facts)
    }
}

/// Characters of a foreign answer that are shown.
const SHOWN: usize = 40;
/// Status codes from here on are errors (RFC 8011 appendix B.1).
const FIRST_ERROR: u16 = 0x0400;
/// client-error-not-found.
const NOT_FOUND: u16 = 0x0406;

fn describe(facts: &mut IppFacts, printer: &Printer) {
    facts.printer = printer.name.clone();
    facts.model = printer.model.clone();
    facts.state = match printer.state {
        Some(3) => Some("idle"),
        Some(4) => Some("processing"),
        Some(5) => Some("stopped"),
        _ => None,
    };
    let stopped = facts.state == Some("stopped");
    facts.reasons = printer.reasons.iter().filter(|reason| *reason != "none").cloned().collect();
    facts.wants = reason::wants(&printer.reasons, stopped);
    facts.paused = Some(reason::kinds(&printer.reasons, stopped).contains(&Kind::Paused));
    facts.message = printer.message.clone();
    facts.accepts = printer.accepts;
    facts.queued_jobs = printer.queued.filter(|count| *count >= 0);
    facts.device = printer.device.as_deref().map(shown_device);
    let levels = printer.marker_names.iter().zip(&printer.marker_levels);
    let low = levels.filter(|(_, level)| (0..=LOW_PERCENT).contains(*level));
    facts.low = low.map(|(name, level)| format!("{name} {level} %")).collect();
}

/// A device's address without credentials and options.
fn shown_device(device: &str) -> String {
    match Url::parse(device) {
        Ok(url) => way::shown(&url),
        Err(_) => "unreadable".to_owned(),
    }
}

/// Whether a device's address has one of these hosts.
fn leads_to_any(device: &str, hosts: &Words) -> bool {
    let host = Url::parse(device).ok().map(|url| host_of(&url));
    host.is_some_and(|host| !host.is_empty() && hosts.0.iter().any(|other| other.eq_ignore_ascii_case(&host)))
}

#[cfg(test)]
mod tests;
