//! `firstline run` and the triage without arguments: build the request and the world, run, write the packet, report.

use super::handover::{Desk, Handed};
use super::{Context, library, trust};
use crate::cli::{DEFAULT_DEADLINE, RunFlags, What};
use crate::diagnosis::verdict::Status;
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::observation::Observation;
use crate::packet::Packet;
use crate::packet::redact::{self, Key, Known, Level};
use crate::packet::spool::{Spool, state_folders};
use crate::packet::write::{Attached, Place};
use crate::packet::{Consent, program, purge, source};
use crate::playbook::trust::Trust;
use crate::playbook::{Check, Input, Playbook};
use crate::report;
use crate::request::Request;
use crate::run::{Watcher, execute};
use crate::settings::Settings;
use crate::sys::{self, LocalMachine};
use crate::ui::person::{Answered, AtTerminal, ask_for_consent, ask_for_input};
use crate::ui::progress::{Progress, ProgressWatcher};
use crate::world::real::RealNetwork;
use crate::world::{Nobody, Person, World};
use std::path::PathBuf;
use std::rc::Rc;
use std::time::{Duration, Instant};
use tokio::sync::Notify;

/// The playbook that a person means who cannot say more: is there internet?
const FIRST: &str = "no-internet";
/// The playbook for when there is.
const SECOND: &str = "this-machine";
/// The second look gets at least this much, even where the first took nearly all of the time.
const LEAST_FOR_SECOND: Duration = Duration::from_secs(5);

/// One playbook.
pub(super) fn one(context: &Context, what: &What, flags: &RunFlags) -> Result<Exit> {
    let settings = Settings::load(context.common.settings.as_deref())?;
    let (playbook, files) = library::load_with_files(&what.playbook)?;
    let attended = is_attended(context, flags);
    let trust = trust::admit(&playbook, &files, &settings, flags.allow_commands, attended)?;
    let consent = consent(context, &settings, flags)?;
    let request = Request { consent, trust, ..build(context, playbook, what, flags, settings)? };
    let ran = run(context, request, flags)?;
    deliver(context, ran, flags)
}

/// Is there internet? If so: is this machine well?
pub(super) fn triage(context: &Context, flags: &RunFlags) -> Result<Exit> {
    let settings = Settings::load(context.common.settings.as_deref())?;
    let (first, second) = (library::load(FIRST)?, library::load(SECOND)?);
    let known = |name: &str| first.inputs.contains_key(name) || second.inputs.contains_key(name);
    if let Some((name, _)) = flags.set.iter().find(|(name, _)| !known(name)) {
        return Err(Error::usage(format!("the triage has no input `{name}`"))
            .hint("firstline run PLAYBOOK --set ...; `firstline list playbooks` shows their inputs"));
    }
    let consent = consent(context, &settings, flags)?;
    let started = Instant::now();
    let deadline = flags.deadline.unwrap_or(DEFAULT_DEADLINE);
    let request = build(context, first.clone(), &named(FIRST), &flags_for(&first, flags), settings.clone())?;
    let request = Request { consent: consent.clone(), trust: Trust::BuiltIn, ..request };
    let internet = run(context, request, flags)?;
    if internet.packet.verdict.status != Status::Healthy || internet.packet.run.ended == "interrupted" {
        return deliver(context, internet, flags);
    }
    let left = deadline.saturating_sub(started.elapsed()).max(LEAST_FOR_SECOND).min(deadline);
    let flags_second = RunFlags { deadline: Some(left), ..flags_for(&second, flags) };
    let trust = Trust::BuiltIn;
    let request = Request { consent, trust, ..build(context, second, &named(SECOND), &flags_second, settings)? };
    let mut machine = run(context, request, flags)?;
    let note = format!("the internet works: {}", internet.packet.verdict.summary);
    machine.packet.verdict.notes.insert(0, note);
    internet.spool.remove();
    deliver(context, machine, flags)
}

/// Whether somebody sits there who may be asked.
fn is_attended(context: &Context, flags: &RunFlags) -> bool {
    context.terminal.can_ask() && !flags.no_input
}

fn named(playbook: &str) -> What {
    What { playbook: playbook.to_owned(), target: None, words: Vec::new() }
}

/// The flags that concern this playbook: the triage has two, and each has its own inputs and questions.
fn flags_for(playbook: &Playbook, flags: &RunFlags) -> RunFlags {
    let mut flags = flags.clone();
    flags.set.retain(|(name, _)| playbook.inputs.contains_key(name));
    flags.answer.retain(|(check, _)| playbook.check(check).is_some());
    flags
}

/// Resolves the command line, and asks for what is missing where somebody is there.
pub(super) fn build(
    context: &Context,
    playbook: Playbook,
    what: &What,
    flags: &RunFlags,
    settings: Settings,
) -> Result<Request> {
    let may_ask = is_attended(context, flags);
    let ask = |input: &Input| if may_ask { ask_for_input(input) } else { None };
    Request::build(playbook, what, flags, settings, &ask)
}

/// By what right this machine is looked at. Where the settings want consent, somebody gives it or a policy does.
fn consent(context: &Context, settings: &Settings, flags: &RunFlags) -> Result<Consent> {
    let may_ask = is_attended(context, flags);
    match &settings.consent_policy {
        _ if may_ask && settings.ask_consent => match ask_for_consent() {
            true => Ok(Consent::Answer),
            false => Err(Error::usage("the person at this machine did not allow it; nothing was looked at")),
        },
        Some(policy) if !may_ask => Ok(Consent::Policy(policy.clone())),
        _ if settings.ask_consent => Err(Error::usage("nobody is here who could be asked for consent")
            .hint("the setting `consent_policy` names the policy that allows runs without anybody")),
        _ => Ok(Consent::NotAsked),
    }
}

/// A run that has ended, and what it left in the spool.
struct Ran {
    packet: Packet,
    spool: Spool,
    state_folders: Vec<PathBuf>,
    settings: Settings,
    playbook: Playbook,
}

/// Runs the request on this machine.
fn run(context: &Context, request: Request, flags: &RunFlags) -> Result<Ran> {
    let state_folders = state_folders(&request.id);
    let spool = Spool::open(&state_folders, &request.id);
    // Read beside the run, which waits for the network anyway.
    let state = state_folders.first().cloned().unwrap_or_default();
    let program = std::thread::spawn(move || program::sha256(&state));
    let progress = Progress::new(context.terminal.stderr && !context.common.quiet);
    let interrupt = Rc::new(Notify::new());
    let person: Rc<dyn Person> = if is_attended(context, flags) {
        Rc::new(AtTerminal::new(progress.clone(), interrupt.clone()))
    } else {
        Rc::new(Nobody)
    };
    let world = World {
        machine: Rc::new(LocalMachine::default()),
        network: Rc::new(RealNetwork::default()),
        person: Rc::new(Answered::new(request.case.answers.clone(), person)),
    };
    let watcher =
        Watchers { spool: &spool, progress: ProgressWatcher::new(progress.clone(), request.playbook.checks.len()) };
    let packet = block_on(async {
        tokio::select! {
            packet = execute(&request, &world, &watcher, interrupt.notified()) => Some(packet),
            () = second_interrupt(&interrupt) => None,
        }
    });
    progress.finish();
    match packet? {
        Some(mut packet) => {
            packet.tool.sha256 = program.join().ok().flatten();
            let Request { settings, playbook, .. } = request;
            Ok(Ran { packet, spool, state_folders, settings, playbook })
        }
        None => {
            let error = Error::environment("stopped at once, without a report");
            Err(match spool.leave() {
                Some(folder) => error.hint(format!("what was seen until now is in {}", folder.display())),
                None => error,
            })
        }
    }
}

/// Runs a future on a fresh current-thread runtime. Blocking calls that still wait at the end are abandoned.
pub(super) fn block_on<T>(future: impl Future<Output = T>) -> Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .enable_io()
        .build()
        .map_err(|error| Error::environment("the system gives no event queue to run on").because(&error))?;
    let done = tokio::task::LocalSet::new().block_on(&runtime, future);
    runtime.shutdown_background();
    Ok(done)
}

/// The first interrupt asks the run to finish with what it has; this is ready at the second.
async fn second_interrupt(first: &Notify) {
    sys::interrupted().await;
    first.notify_one();
    sys::interrupted().await;
}

/// Everyone who watches a run.
struct Watchers<'a> {
    spool: &'a Spool,
    progress: ProgressWatcher,
}

impl Watcher for Watchers<'_> {
    fn began(&self, header: &Packet) {
        self.spool.began(header);
    }

    fn withdrawn(&self, id: &str) {
        self.spool.withdrawn(id);
    }

    fn started(&self, check: &Check) {
        self.progress.started(check);
    }

    fn observed(&self, observation: &Observation) {
        self.spool.observed(observation);
        self.progress.observed(observation);
    }

    fn suspects(&self, standing: usize, of: usize) {
        self.progress.suspects(standing, of);
    }

    fn suspected(&self, verdict: &crate::diagnosis::verdict::Verdict) {
        self.progress.suspected(verdict);
    }
}

/// Writes the packet where one is wanted, and the report.
fn deliver(context: &Context, ran: Ran, flags: &RunFlags) -> Result<Exit> {
    let Ran { mut packet, spool, state_folders, settings, playbook } = ran;
    let files = spool.collect(&mut packet.observations);
    packet.run.warnings.extend(spool.warnings());
    packet.run.limits.extend(spool.limits());
    let wanted = packet.verdict.status != Status::Healthy || flags.output.is_some() || packet.case.ticket.is_some();
    let places = places(context, flags, &state_folders, settings.keep_days);
    let level = packet.run.redact_to.unwrap_or_default();
    let desk = Desk { level, state: &state_folders, places: &places, limit: settings.packet_bytes };
    let attached = Attached { evidence: files, playbook: source::files(&playbook) };
    let handed = if wanted { Some(desk.hand_over(&packet, attached, Some(&playbook))?) } else { None };
    let path = handed.as_ref().and_then(|handed| handed.path.clone());
    let kept_days = handed.as_ref().and_then(|handed| handed.packet.run.packet_kept_days);
    let left = if wanted && path.is_none() {
        spool.leave()
    } else {
        spool.remove();
        None
    };
    let removed = expire(&state_folders, settings.keep_days);
    let mut shown = shown(context, packet, handed, level, &playbook)?;
    // Where things lie is for whoever called, who must find them.
    shown.run.packet_path = path.map(|path| path.to_string_lossy().into_owned());
    shown.run.packet_kept_days = kept_days;
    shown.run.warnings.extend(removed);
    shown.run.warnings.extend(left.map(|folder| {
        let folder = folder.display();
        format!("the observations stay in {folder}; `firstline packet finish` makes a packet of them")
    }));
    report(context, &shown)?;
    Ok(shown.verdict.status.into())
}

/// Removes what has lain in the state folders for too long, and says so.
fn expire(state_folders: &[PathBuf], days: u32) -> Option<String> {
    // What cannot be removed now goes with the next run.
    let old = state_folders
        .iter()
        .filter(|_| days > 0)
        .flat_map(|state| purge::purge(state, days, purge::Act::Remove).unwrap_or_default());
    let removed = old.filter(|one| one.kept.is_none()).count();
    (removed > 0).then(|| {
        format!("{removed} files older than {days} days were removed from the state folder (the setting `keep_days`)")
    })
}

/// The packet as it may be shown: on the technician's own terminal only secrets are hidden; what is piped goes on to
/// somebody, and hides what the packet hides.
fn shown(
    context: &Context,
    mut packet: Packet,
    handed: Option<Handed>,
    level: Level,
    playbook: &Playbook,
) -> Result<Packet> {
    let shown = if context.terminal.stdout { level.min(Level::Secrets) } else { level };
    match handed {
        Some(handed) if shown == level => return Ok(handed.packet),
        Some(handed) => packet.run.warnings = handed.warnings(),
        None => {}
    }
    // No packet stands beside it that it could be compared with, so the key need not be kept.
    Ok(redact::packet(&packet, Attached::default(), shown, &Key::random(), &Known::of_environment(), Some(playbook))?
        .packet)
}

fn report(context: &Context, packet: &Packet) -> Result<()> {
    let style = context.terminal.style(context.common.verbose);
    let text = report::render(context.format(), packet, &style);
    // The text report shows the warnings itself.
    if context.format() != "text" {
        packet.run.warnings.iter().for_each(|warning| context.warn(warning));
    }
    // Where nobody could read the report, the packet still has it.
    context.print(&text).map_err(|error| {
        let packet = packet.run.packet_path.as_ref();
        error.maybe_hint(packet.map(|path| format!("the report is in the packet, {path}")))
    })
}

/// Where the packet may go, best first.
fn places(context: &Context, flags: &RunFlags, state_folders: &[PathBuf], keep_days: u32) -> Vec<Place> {
    let chosen = match &flags.output {
        Some(folder) => Some(folder.clone()),
        None if context.terminal.stdout || context.terminal.stderr => std::env::current_dir().ok(),
        None => None,
    };
    chosen.as_deref().map(Place::chosen).into_iter().chain(Place::of_state(state_folders, keep_days)).collect()
}
