//! What is known while a run goes on.

use super::plan::{self, Progress, Step};
use super::{Board, Ending, Watcher};
use crate::diagnosis::evidence::{CASE_CHECK, Evidence};
use crate::diagnosis::graph::Graph;
use crate::diagnosis::suspects::{Reach, standing};
use crate::diagnosis::verdict::{BoardStep, Status, Verdict};
use crate::diagnosis::{judge, judge_so_far};
use crate::layer::Layer;
use crate::observation::{Certainty, Context, Observation, Outcome, Skip};
use crate::packet::{Host, Packet, PlaybookRef, Run, SCHEMA, Tool};
use crate::probe::Cost;
use crate::problem::Basis;
use crate::request::{Mode, Request};
use crate::sys::{Account, Change, local_zone};
use crate::world::World;
use serde_json::json;
use std::collections::{BTreeMap, HashSet};
use std::rc::Rc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::Instant;

/// A state of this machine (no carrier, no route) that stands this long convicts without waiting for the goal to run
/// into its own timeouts; limits.md section 6 asks for 100 ms to rule out a flap, a second gives the goal its chance.
const STATE_STANDS: Duration = Duration::from_secs(1);

/// How far back changes are collected, in days: what second line asks for (ecosystem.md F.3).
const CHANGE_DAYS: u32 = 14;

/// How long collecting the changes may take.
const CHANGES_WAIT: Duration = Duration::from_millis(400);

/// How long a run whose goal works waits for what is not on the goal's way: a time server that is away, a measurement.
/// Judgement: a way to the goal takes four round trips and such a check one or two, so it has ended unless it is silent.
const HEALTHY_GRACE: Duration = Duration::from_millis(150);

pub(super) struct State<'a> {
    request: &'a Request,
    world: &'a World,
    watcher: &'a dyn Watcher,
    pub(super) began: Instant,
    started_at: jiff::Zoned,
    account: Account,
    seen: Board,
    started: HashSet<String>,
    finished: HashSet<String>,
    start_times: BTreeMap<String, Instant>,
    questions_asked: usize,
    graph: Rc<Graph>,
    reach: Reach,
    board: Vec<BoardStep>,
    verdict: Option<Verdict>,
    fault_since: Option<Instant>,
    healthy_since: Option<Instant>,
    suspected_ms: Option<u64>,
    decided_ms: Option<u64>,
    /// Something was seen that was not judged yet.
    unjudged: bool,
}

impl<'a> State<'a> {
    pub(super) async fn new(request: &'a Request, world: &'a World, watcher: &'a dyn Watcher) -> State<'a> {
        let began = Instant::now();
        let account = world.machine.account().await.unwrap_or_default();
        let graph = Rc::new(Graph::new(&request.playbook));
        let state = State {
            request,
            world,
            watcher,
            began,
            started_at: jiff::Timestamp::now().to_zoned(local_zone()),
            account,
            seen: Board::default(),
            started: HashSet::new(),
            finished: HashSet::from([CASE_CHECK.to_owned()]),
            start_times: BTreeMap::new(),
            questions_asked: 0,
            reach: Reach::new(&request.playbook, &graph),
            graph,
            board: vec![BoardStep { after: String::new(), suspects: request.playbook.causes.len() }],
            verdict: None,
            fault_since: None,
            healthy_since: None,
            suspected_ms: None,
            decided_ms: None,
            unjudged: false,
        };
        let case = state.case_observation();
        state.seen.borrow_mut().insert(case.id.clone(), Rc::new(case));
        state
    }

    /// What people said, as an observation like any other, so that conditions and replays can use it.
    fn case_observation(&self) -> Observation {
        let mut observation =
            Observation::new(CASE_CHECK, Layer::Host, CASE_CHECK, None, Outcome::Ok, "what people said".to_owned());
        let facts = &mut observation.facts;
        for (name, value) in &self.request.inputs {
            facts.insert(crate::playbook::template::variable(name), json!(value));
        }
        if let Some(target) = &self.request.target {
            facts.insert("target".to_owned(), json!(target.text));
            facts.insert("scheme".to_owned(), json!(target.scheme));
            facts.insert("host".to_owned(), json!(target.host));
            facts.insert("port".to_owned(), json!(target.port));
            facts.insert("tls".to_owned(), json!(target.tls));
            facts.insert("http".to_owned(), json!(target.http));
            facts.insert("is_address".to_owned(), json!(target.is_address));
            facts.insert(
                "is_control".to_owned(),
                json!(target.url().as_ref() == Some(&self.request.settings.control_url)),
            );
        }
        facts.insert("connectivity_check".to_owned(), json!(self.request.settings.connectivity_check));
        facts.insert("symptom".to_owned(), json!(self.request.case.symptom.is_some()));
        observation
    }

    fn elapsed_ms(&self) -> u64 {
        self.began.elapsed().as_millis() as u64
    }

    /// Everything seen so far.
    fn snapshot(&self) -> Vec<Rc<Observation>> {
        self.seen.borrow().values().cloned().collect()
    }

    /// What checks that are under way may look into.
    pub(super) fn board(&self) -> Board {
        self.seen.clone()
    }

    fn evidence<'s>(&'s self, seen: &'s [Rc<Observation>]) -> Evidence<'s> {
        let seen = seen.iter().map(Rc::as_ref);
        Evidence::on(self.graph.clone(), &self.request.playbook, seen, Some(&self.finished))
    }

    /// Decides what to start, and takes note of it.
    pub(super) fn next_step(&mut self) -> Step {
        let progress = Progress {
            started: &self.started,
            finished: &self.finished,
            running: self.running().count(),
            questions_asked: self.questions_asked,
            settled: self.verdict.as_ref().is_some_and(|verdict| {
                verdict.status == Status::Healthy
                    || (verdict.cause.is_some() && verdict.certainty == Certainty::Confirmed)
            }),
        };
        let seen = self.snapshot();
        let step = plan::next(self.request, &self.evidence(&seen), &self.reach, &progress);
        for (id, _) in &step.start {
            self.started.insert(id.clone());
            self.start_times.insert(id.clone(), Instant::now());
            if let Some(check) = self.request.playbook.check(id) {
                self.questions_asked += usize::from(check.cost == Cost::Person);
                self.watcher.started(check);
            }
        }
        for (id, skip) in &step.skip {
            self.started.insert(id.clone());
            self.skip(id, skip.clone());
        }
        step
    }

    fn skip(&mut self, id: &str, skip: Skip) {
        let Some(check) = self.request.playbook.check(id) else { return };
        let summary = match &skip {
            Skip::Because(lower) => self.because(lower),
            Skip::NotNeeded => "not needed".to_owned(),
            Skip::NeedsRight(right) => format!("not looked at: needs {right}"),
            Skip::RefusedByPerson => "not answered".to_owned(),
        };
        let mut observation = Observation::new(&check.probe, check.layer, id, None, Outcome::Skipped, summary);
        observation.skip = Some(skip);
        observation.started_ms = self.elapsed_ms();
        self.finished.insert(id.to_owned());
        self.record(observation);
    }

    /// Why a check is not made that uses what this one sees.
    fn because(&self, lower: &str) -> String {
        if lower == CASE_CHECK {
            return "not looked at, because the input that it needs was not given".to_owned();
        }
        let seen = self.snapshot();
        let outcomes: Vec<Outcome> =
            seen.iter().filter(|seen| seen.check == lower).map(|observation| observation.outcome).collect();
        if outcomes.contains(&Outcome::Problem) {
            format!("not looked at, because `{lower}` does not work")
        } else if outcomes.contains(&Outcome::Ok) {
            format!("not looked at, because `{lower}` says nothing that it could use")
        } else if outcomes.contains(&Outcome::Unknown) {
            format!("not looked at, because `{lower}` could not be checked")
        } else {
            format!("not looked at, because `{lower}` was not needed")
        }
    }

    /// Takes an observation that a check made before its end.
    pub(super) fn observe(&mut self, mut observation: Observation) {
        let started = self.start_times.get(&observation.check).copied().unwrap_or(self.began);
        observation.started_ms = (started - self.began).as_millis() as u64;
        observation.took_ms = started.elapsed().as_millis() as u64;
        self.say_whose_view(&mut observation);
        self.record(observation);
        self.unjudged = true;
    }

    /// Takes all that checks said so far: before the final observations of one of them, which replace what it said.
    pub(super) fn observe_all(&mut self, emitted: &mut mpsc::UnboundedReceiver<Observation>) {
        while let Ok(observation) = emitted.try_recv() {
            self.observe(observation);
        }
    }

    /// Takes the final observations of a check.
    pub(super) fn finish(&mut self, id: &str, observations: Vec<Observation>) {
        let kept: HashSet<&str> = observations.iter().map(|observation| observation.id.as_str()).collect();
        // A suspicion that the probe did not uphold is gone.
        self.seen.borrow_mut().retain(|key, seen| seen.check != id || kept.contains(key.as_str()));
        self.finished.insert(id.to_owned());
        let started = self.start_times.get(id).copied().unwrap_or(self.began);
        for mut observation in observations {
            observation.started_ms = (started - self.began).as_millis() as u64;
            observation.took_ms = started.elapsed().as_millis() as u64;
            self.say_whose_view(&mut observation);
            self.record(observation);
        }
        self.unjudged = true;
    }

    /// It is this account's view, unless the probe looked with somebody else's eyes.
    fn say_whose_view(&self, observation: &mut Observation) {
        if observation.context.user.is_empty() {
            observation.context = Context { user: self.account.name.clone(), elevated: self.account.elevated };
        }
    }

    fn record(&mut self, observation: Observation) {
        self.watcher.observed(&observation);
        // A later form of an observation replaces the earlier one: a suspicion becomes sure, or goes away.
        self.seen.borrow_mut().insert(observation.id.clone(), Rc::new(observation));
    }

    /// Halves and judges again, if there is anything new.
    pub(super) fn reconsider(&mut self) {
        if !std::mem::take(&mut self.unjudged) {
            return;
        }
        let of = self.request.playbook.causes.len();
        let seen = self.snapshot();
        let (left, judgement) = {
            let evidence = self.evidence(&seen);
            (standing(&evidence).len(), judge_so_far(&evidence, &self.request.case))
        };
        let last = seen.iter().max_by_key(|seen| seen.started_ms + seen.took_ms);
        let after = last.map(|observation| observation.id.clone()).unwrap_or_default();
        if self.board.last().is_none_or(|step| step.suspects != left) {
            self.board.push(BoardStep { after, suspects: left });
            self.watcher.suspects(left, of);
        }
        let verdict = judgement.verdict;
        let healthy = verdict.status == Status::Healthy && self.goal_ended();
        self.healthy_since = if healthy { self.healthy_since.or_else(|| Some(Instant::now())) } else { None };
        let blames = matches!(verdict.status, Status::Fault | Status::Degraded);
        if !blames {
            self.fault_since = None;
            self.suspected_ms = None;
            self.decided_ms = None;
        } else {
            if self.fault_since.is_none() {
                self.fault_since = Some(Instant::now());
                self.suspected_ms = Some(self.elapsed_ms());
                self.watcher.suspected(&verdict);
            }
            if verdict.certainty == Certainty::Confirmed {
                let same = self.verdict.as_ref().is_some_and(|before| {
                    before.cause == verdict.cause && before.layer == verdict.layer && before.culprit == verdict.culprit
                });
                if self.decided_ms.is_none() || !same {
                    self.decided_ms = Some(self.elapsed_ms());
                }
            }
        }
        self.verdict = Some(verdict);
    }

    /// When to look at the clock again although nothing was seen.
    pub(super) fn next_look(&self) -> Instant {
        let fault = self.fault_since.map(|since| since + STATE_STANDS);
        let healthy = self.healthy_since.map(|since| since + HEALTHY_GRACE);
        let next = fault.into_iter().chain(healthy).filter(|look| *look > Instant::now()).min();
        next.unwrap_or_else(|| Instant::now() + Duration::from_secs(3600))
    }

    fn goal_ended(&self) -> bool {
        let mut goals = self.request.playbook.goals().peekable();
        goals.peek().is_some() && goals.all(|goal| self.finished.contains(&goal.id))
    }

    fn running(&self) -> impl Iterator<Item = &String> {
        self.started.iter().filter(|id| !self.finished.contains(*id))
    }

    /// Whether nothing that is still under way can change status, layer, cause and culprit.
    pub(super) fn is_settled(&self) -> bool {
        self.request.mode != Mode::Full && (self.is_fault_settled() || self.is_health_settled())
    }

    /// The goal works, and what still runs can neither make it `degraded` nor is worth more than the grace: it is not on
    /// the goal's way and needs the network (a time server that is away), or it waits for the gateway of a second
    /// address family beside one that answers.
    fn is_health_settled(&self) -> bool {
        if self.healthy_since.is_none_or(|since| since.elapsed() < HEALTHY_GRACE) {
            return false;
        }
        let playbook = &self.request.playbook;
        let seen = self.snapshot();
        let evidence = self.evidence(&seen);
        if playbook.checks.iter().any(|check| evidence.on_trail(&check.id) && !self.started.contains(&check.id)) {
            return false;
        }
        let mut deciding = Vec::new();
        for cause in standing(&evidence).into_iter().map(|index| &playbook.causes[index]).filter(|cause| cause.degrades)
        {
            cause.when.checks(&mut deciding);
        }
        self.running().all(|id| {
            let beside = match evidence.check(id).map_or(Cost::Person, |check| check.cost) {
                Cost::Local => evidence.works(id),
                Cost::Network | Cost::Slow => !evidence.on_trail(id),
                _ => false,
            };
            beside && !deciding.contains(&id.as_str())
        })
    }

    /// A confirmed fault, and all that runs stands on what is blamed.
    fn is_fault_settled(&self) -> bool {
        let Some(verdict) = &self.verdict else { return false };
        if verdict.status != Status::Fault || verdict.certainty != Certainty::Confirmed || verdict.layer.is_none() {
            return false;
        }
        let Some(primary) = verdict.because.first().and_then(|id| self.seen.borrow().get(id).cloned()) else {
            return false;
        };
        let goal_ended = self.request.playbook.goals().all(|goal| self.finished.contains(&goal.id));
        let by_state = primary.code.is_some_and(|code| code.problem().basis == Basis::State)
            && self.fault_since.is_some_and(|since| since.elapsed() >= STATE_STANDS);
        if !goal_ended && !by_state {
            return false;
        }
        let seen = self.snapshot();
        let evidence = self.evidence(&seen);
        // A cause that still stands beside the one that is blamed could win by what these would see.
        let mut deciding = Vec::new();
        for index in standing(&evidence) {
            let cause = &self.request.playbook.causes[index];
            if verdict.cause.as_ref() != Some(&cause.id) {
                cause.when.wanted_checks(&mut deciding);
            }
        }
        self.running().all(|id| {
            let aside = verdict.cause.is_some()
                && !evidence.on_trail(id)
                && evidence.check(id).is_some_and(|check| check.cost != Cost::Local)
                && !deciding.contains(&id.as_str());
            // What stands on the blamed check is its consequence; but where no cause is named yet, it may name one.
            let consequence = evidence.graph.is_beneath(&primary.check, id);
            aside || (consequence && (verdict.cause.is_some() || !deciding.contains(&id.as_str())))
        })
    }

    /// Ends the run: says what was not looked at, judges once more, and puts the packet together.
    pub(super) async fn close(mut self, ending: Ending, changes: Vec<Change>) -> Packet {
        let why = match ending {
            Ending::Settled | Ending::Complete => "the verdict was settled before it ended",
            Ending::Deadline => "the deadline came first",
            Ending::Interrupted => "the run was interrupted first",
        };
        let open: Vec<String> = self.running().cloned().collect();
        for id in open {
            let Some(check) = self.request.playbook.check(&id) else { continue };
            // What it said before its end stays; a suspicion is still a suspicion.
            if !self.snapshot().iter().any(|seen| seen.check == id) {
                let mut observation = Observation::new(
                    &check.probe,
                    check.layer,
                    &id,
                    None,
                    Outcome::Unknown,
                    format!("not known: {why}"),
                );
                observation.reason = Some(why.to_owned());
                observation.started_ms = self.elapsed_ms();
                self.record(observation);
            }
            self.finished.insert(id);
        }
        let observations: Vec<Observation> =
            in_order(self.snapshot().into_iter().map(|seen| Observation::clone(&seen)));
        let judgement = judge(&self.request.playbook, &observations, &self.request.case);
        let verdict = judgement.verdict;
        let took_ms = self.began.elapsed().as_millis() as u64;
        if let (Some(step), false) = (self.board.last().cloned(), verdict.suspects.is_empty()) {
            let left = verdict.suspects.len();
            if left < step.suspects && verdict.cause.is_some() {
                self.board.push(BoardStep { after: verdict.because[0].clone(), suspects: left });
            }
        }
        let clock_offset_ms = observations
            .iter()
            .filter(|observation| observation.probe == "clock")
            .find_map(|observation| observation.facts.get("offset_ms")?.as_f64())
            .map(|offset| offset.round() as i64);
        let run = Run {
            id: format!("{:016x}", rand::random::<u64>()),
            started: self.started_at.timestamp().strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
            zone: self.started_at.strftime("%:z %Z").to_string(),
            took_ms,
            suspected_ms: self.suspected_ms,
            decided_ms: self.decided_ms.or_else(|| (verdict.status != Status::Undecided).then_some(took_ms)),
            ended: match ending {
                Ending::Settled => "settled",
                Ending::Complete => "complete",
                Ending::Deadline => "deadline",
                Ending::Interrupted => "interrupted",
            }
            .to_owned(),
            deadline_ms: self.request.deadline.as_millis() as u64,
            checks_used: self
                .request
                .playbook
                .checks
                .iter()
                .filter(|check| {
                    observations.iter().any(|seen| seen.check == check.id && seen.outcome != Outcome::Skipped)
                })
                .count(),
            checks_available: self.request.playbook.checks.len(),
            user: self.account.name.clone(),
            elevated: self.account.elevated,
            interactive: self.account.interactive,
            redaction: "secrets-only".to_owned(),
            clock_offset_ms,
            warnings: Vec::new(),
            packet_path: None,
        };
        Packet {
            schema: SCHEMA.to_owned(),
            tool: Tool { name: env!("CARGO_PKG_NAME").to_owned(), version: env!("CARGO_PKG_VERSION").to_owned() },
            run,
            host: host(self.world).await,
            case: self.request.case.clone(),
            playbook: PlaybookRef {
                id: self.request.playbook.id.clone(),
                title: self.request.playbook.title.clone(),
                origin: self.request.playbook.origin.clone(),
                hash: self.request.playbook.hash.clone(),
                inputs: self.request.inputs.clone(),
            },
            observations,
            verdict,
            board: self.board,
            changes,
            next: judgement.next,
        }
    }
}

fn in_order(observations: impl Iterator<Item = Observation>) -> Vec<Observation> {
    let mut observations: Vec<Observation> = observations.collect();
    observations.sort_by(|left, right| {
        (left.started_ms + left.took_ms, &left.id).cmp(&(right.started_ms + right.took_ms, &right.id))
    });
    observations
}

async fn host(world: &World) -> Host {
    let identity = world.machine.identity().await.unwrap_or_default();
    Host {
        name: identity.hostname,
        os: identity.os,
        os_version: identity.os_version,
        kernel: identity.kernel,
        architecture: identity.architecture,
        uptime_s: identity.uptime_s,
        container: identity.container,
        own_network: identity.own_network,
    }
}

pub(super) async fn changes(world: &World) -> Vec<Change> {
    match tokio::time::timeout(CHANGES_WAIT, world.machine.changes(CHANGE_DAYS)).await {
        Ok(Ok(changes)) => changes,
        _ => Vec::new(),
    }
}
