//! `firstline packet send`: shows what would go where, asks, sends, and writes down what was sent. Nothing else in this
//! program hands a packet to anybody.

use super::super::Context;
use super::super::run::block_on;
use crate::cli::Sending;
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::packet::redact::Level;
use crate::report::{Page, Paint};
use crate::send::act::{Failure, Order, Outcome, way_to};
use crate::send::given::Given;
use crate::send::record::{self, Sent};
use crate::send::{Connector, Parcel, SMALLER, Secret, Way};
use crate::sys::{self, LocalMachine};
use crate::ui::person::confirm;
use crate::ui::tell;
use crate::world::real::RealNetwork;
use crate::world::{Nobody, World};
use serde::Serialize;
use std::rc::Rc;
use url::Url;

/// The consent of a person who was asked.
const ANSWERED: &str = "answer";

/// What goes where, in words and numbers.
#[derive(Serialize)]
struct Plan {
    packet: String,
    bytes: usize,
    sha256: String,
    redaction: &'static str,
    connector: String,
    /// The system's address.
    to: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    by_proxy: Option<String>,
    #[serde(skip_serializing_if = "String::is_empty")]
    ticket: String,
    /// The format of the letter.
    letter: String,
    /// What will be done there, in order.
    steps: Vec<String>,
    warnings: Vec<String>,
}

/// What came of it.
#[derive(Serialize)]
struct Report<'a> {
    sent: bool,
    #[serde(flatten)]
    plan: &'a Plan,
    #[serde(skip_serializing_if = "Option::is_none")]
    requests: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    done: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    answer: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    why_not: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    record: Option<String>,
}

pub(super) fn send(context: &Context, sending: &Sending) -> Result<Exit> {
    let connector = Connector::load(&sending.to)?;
    let parcel = match Parcel::open(&sending.stored.packet, sending.stored.identity.as_deref())? {
        Ok(parcel) => parcel,
        Err(wrong) => return changed(context, sending, &wrong),
    };
    let ticket = ticket(sending, &connector, &parcel);
    let given = Given::check(&connector, &sending.set, ticket.as_deref())?;
    may_leave(&parcel, sending)?;
    let secret = token(context, &connector, sending)?;
    let order =
        Order { connector: &connector, parcel: &parcel, given: &given, secret, unencrypted: sending.insecure_http };
    let rehearsed = order.rehearse()?;
    let world = World {
        machine: Rc::new(LocalMachine::default()),
        network: Rc::new(RealNetwork::default()),
        person: Rc::new(Nobody),
    };
    let plan = plan(&order, sending, &rehearsed, &world)?;
    if let Some(limit) = connector.limit.as_ref().filter(|limit| parcel.bytes.len() as u64 > limit.bytes) {
        let why = format!(
            "the packet has {} bytes, and {} takes {} at most ({})",
            parcel.bytes.len(),
            connector.title,
            limit.bytes,
            limit.source
        );
        return tell_result(context, &plan, Outcome::default(), Some(&format!("{why}; {SMALLER}")), None);
    }
    if sending.dry_run {
        return show_requests(context, &plan, rehearsed);
    }
    if order.secret.is_none()
        && let Some(auth) = connector.auth.as_ref().filter(|auth| !auth.optional)
    {
        return Err(Error::usage(format!("`{}` wants a token ({})", connector.id, auth.ask))
            .hint("--token-file FILE, or --token-stdin"));
    }
    let Some(consent) = consent(context, sending, &plan)? else {
        return tell_result(context, &plan, Outcome::default(), Some("nobody said yes"), None);
    };
    let outcome = block_on(async {
        tokio::select! {
            outcome = order.carry_out(&world) => Some(outcome),
            () = sys::interrupted() => None,
        }
    })?;
    let outcome = outcome.ok_or_else(|| {
        Error::environment("interrupted; what had arrived by then stays there")
            .hint("look at the ticket before sending again")
    })??;
    let sent = sent(&plan, &outcome, consent);
    tell_result(context, &plan, outcome, None, Some(&sent))
}

/// The ticket: named, or the one that the packet belongs to where the connector can use it.
fn ticket(sending: &Sending, connector: &Connector, parcel: &Parcel) -> Option<String> {
    let of_packet = || parcel.packet.case.ticket.clone().filter(|_| connector.input("ticket").is_some());
    sending.ticket.clone().or_else(of_packet)
}

/// A packet that was changed after it was made is nobody's evidence.
fn changed(context: &Context, sending: &Sending, wrong: &[String]) -> Result<Exit> {
    if context.wants_json() {
        context.print_json(&serde_json::json!({ "sent": false, "wrong": wrong }))?;
    } else {
        let mut page = Page::new(&context.terminal.style(false));
        let name = sending.stored.packet.to_string_lossy();
        page.headline("NOT SENT", Paint::Bad, &format!("{name} was changed after it was made"));
        page.labelled("Wrong", wrong.iter().map(String::as_str));
        context.print(&page.finish())?;
    }
    Ok(Exit::found(false))
}

/// What hides nothing does not leave by accident.
fn may_leave(parcel: &Parcel, sending: &Sending) -> Result<()> {
    if parcel.level >= Level::Standard || sending.unredacted {
        return Ok(());
    }
    let path = parcel.path.display();
    Err(Error::usage(format!("`{path}` hides no names or secrets (redaction `{}`)", parcel.level.word())).hint(
        format!(
            "firstline packet redact {path} --level standard, and send what that writes; --unredacted sends this one"
        ),
    ))
}

fn token(context: &Context, connector: &Connector, sending: &Sending) -> Result<Option<Secret>> {
    let secret = match &sending.token_file {
        Some(path) => Secret::from_file(path)?,
        None if sending.token_stdin && context.terminal.stdin => {
            return Err(Error::usage("a token that is typed at a terminal can be read by whoever looks on")
                .hint("pipe it in, or --token-file FILE"));
        }
        None if sending.token_stdin => Secret::from_stdin()?,
        None => return Ok(None),
    };
    if connector.auth.is_none() {
        return Err(Error::usage(format!("`{}` takes no token", connector.id)));
    }
    Ok(Some(secret))
}

fn plan(order: &Order<'_>, sending: &Sending, rehearsed: &[(String, String)], world: &World) -> Result<Plan> {
    let (connector, parcel) = (order.connector, order.parcel);
    let to = order.given.text("url").to_owned();
    let by_proxy = match (&connector.way, Url::parse(&to)) {
        (Way::Http(_), Ok(url)) => block_on(way_to(world, &url))?,
        _ => None,
    };
    let mut plan = Plan {
        packet: parcel.path.to_string_lossy().into_owned(),
        bytes: parcel.bytes.len(),
        sha256: parcel.sha256.clone(),
        redaction: parcel.level.word(),
        connector: connector.id.clone(),
        to,
        by_proxy,
        ticket: order.given.text("ticket").to_owned(),
        letter: connector.letter.clone(),
        steps: rehearsed.iter().map(|(does, _)| does.clone()).collect(),
        warnings: Vec::new(),
    };
    plan.warnings = warnings(order, sending, &plan);
    Ok(plan)
}

fn warnings(order: &Order<'_>, sending: &Sending, plan: &Plan) -> Vec<String> {
    let parcel = order.parcel;
    let mut warnings = Vec::new();
    if parcel.level < Level::Standard {
        warnings.push("the packet hides nothing: names, addresses and secrets can be read in it".to_owned());
    } else if (order.connector.outside || sending.outside) && parcel.level < Level::Strict {
        warnings.push(format!(
            "this goes to people outside, and addresses and host names can be read in it; for them: firstline packet redact \
             {} --level strict",
            plan.packet
        ));
    }
    if parcel.sealed {
        warnings.push("the packet is encrypted, and the letter beside it is not".to_owned());
    }
    if order.unencrypted {
        warnings.push("encryption is not insisted on (--insecure-http)".to_owned());
    }
    let now = sent(plan, &Outcome::default(), String::new());
    let before = record::all(&parcel.path).into_iter().rfind(|before| before.repeats(&now));
    warnings.extend(before.map(|before| format!("the same packet was sent there before, at {}", before.at)));
    warnings
}

fn rows(page: &mut Page, plan: &Plan) {
    page.labelled("Packet", [format!("{}, {} bytes", plan.packet, plan.bytes).as_str()]);
    page.labelled("Redaction", [plan.redaction]);
    page.labelled("To", [format!("{} ({})", plan.to, plan.connector).as_str()]);
    page.labelled("By proxy", plan.by_proxy.as_deref());
    page.labelled("Ticket", Some(plan.ticket.as_str()).filter(|ticket| !ticket.is_empty()));
    page.labelled("Letter", [plan.letter.as_str()]);
    page.labelled("Will", plan.steps.iter().map(String::as_str));
    page.labelled("Warnings", plan.warnings.iter().map(String::as_str));
}

/// Who says that it may go; none where nobody does.
fn consent(context: &Context, sending: &Sending, plan: &Plan) -> Result<Option<String>> {
    if let Some(policy) = &sending.policy {
        return Ok(Some(format!("policy {policy}")));
    }
    if sending.yes {
        return Ok(Some("flag".to_owned()));
    }
    if !context.terminal.can_ask() {
        return Err(Error::usage("nobody can be asked whether this may be sent")
            .hint("--dry-run shows what would be sent; --yes sends it, and --policy NAME says by whose leave"));
    }
    let mut page = Page::new(&context.terminal.style(false));
    rows(&mut page, plan);
    tell(&page.finish());
    Ok(confirm("Send it?").then(|| ANSWERED.to_owned()))
}

fn show_requests(context: &Context, plan: &Plan, rehearsed: Vec<(String, String)>) -> Result<Exit> {
    if context.wants_json() {
        let requests = rehearsed.into_iter().map(|(_, request)| request).collect();
        let report = Report {
            sent: false,
            plan,
            requests: Some(requests),
            done: Vec::new(),
            answer: None,
            why_not: None,
            record: None,
        };
        context.print_json(&report)?;
        return Ok(Exit::Good);
    }
    let mut page = Page::new(&context.terminal.style(false));
    page.headline("NOT SENT", Paint::Strong, "this is what would be");
    rows(&mut page, plan);
    let mut text = page.finish();
    for (does, request) in rehearsed {
        text.push_str(&format!("\n# {}\n{}", crate::ui::escape(&does), crate::ui::escape_lines(&request)));
    }
    context.print(&text)?;
    Ok(Exit::Good)
}

fn sent(plan: &Plan, outcome: &Outcome, consent: String) -> Sent {
    Sent {
        schema: record::SCHEMA.to_owned(),
        at: jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        connector: plan.connector.clone(),
        to: plan.to.clone(),
        ticket: plan.ticket.clone(),
        bytes: plan.bytes,
        sha256: plan.sha256.clone(),
        redaction: plan.redaction.to_owned(),
        consent,
        whole: outcome.failure.is_none(),
        done: outcome.done.clone(),
        answer: outcome.answer.clone(),
    }
}

/// Says what came of it, and writes it down where anything arrived.
fn tell_result(
    context: &Context,
    plan: &Plan,
    outcome: Outcome,
    why_not: Option<&str>,
    sent: Option<&Sent>,
) -> Result<Exit> {
    let why_not = why_not.or(outcome.failure.as_ref().map(Failure::words));
    let mut warnings = outcome.warnings.clone();
    let packet = std::path::Path::new(&plan.packet);
    let mut written = None;
    if let Some(sent) = sent.filter(|sent| !sent.done.is_empty()) {
        match record::append(packet, sent) {
            Ok(()) => written = Some(record::path(packet).to_string_lossy().into_owned()),
            Err(error) => warnings.push(format!("it could not be written down beside the packet: {error}")),
        }
    }
    if let Some(Failure::NotReached(why)) = outcome.failure.as_ref().filter(|_| outcome.done.is_empty()) {
        return Err(Error::environment(format!("not sent: {why}")));
    }
    if context.wants_json() {
        let report = Report {
            sent: why_not.is_none(),
            plan,
            requests: None,
            done: outcome.done,
            answer: outcome.answer,
            why_not: why_not.map(str::to_owned),
            record: written,
        };
        context.print_json(&report)?;
        return Ok(Exit::found(why_not.is_none()));
    }
    let mut page = Page::new(&context.terminal.style(false));
    match why_not {
        None => page.headline("SENT", Paint::Good, outcome.answer.as_deref().unwrap_or("done")),
        Some(why) if outcome.done.is_empty() => page.headline("NOT SENT", Paint::Bad, why),
        Some(why) => page.headline("PARTLY SENT", Paint::Bad, why),
    }
    // A person who was asked has just read them.
    if sent.is_none_or(|sent| sent.consent != ANSWERED) {
        rows(&mut page, plan);
    }
    page.labelled("Done", outcome.done.iter().map(String::as_str));
    page.labelled("", warnings.iter().map(String::as_str));
    page.labelled("Record", written.as_deref());
    context.print(&page.finish())?;
    Ok(Exit::found(why_not.is_none()))
}
