//! What is known while a run goes on.

use super::decision::Decision;
use super::plan::{self, Progress, Step};
use super::{Board, Ending, Watcher, changes};
use crate::diagnosis::evaluate::evaluate;
use crate::diagnosis::evidence::{CASE_CHECK, Evidence};
use crate::diagnosis::graph::Graph;
use crate::diagnosis::open::Open;
use crate::diagnosis::suspects::{Reach, standing};
use crate::diagnosis::verdict::{BoardStep, Status, Verdict};
use crate::diagnosis::{judge, judge_so_far};
use crate::layer::Layer;
use crate::observation::{COULD_NOT_BE_CHECKED, Certainty, Context, Facts, Observation, Outcome, Skip};
use crate::packet::case::field::FIELDS;
use crate::packet::redact::Level;
use crate::packet::{Case, Host, Packet, PlaybookRef, Run, SCHEMA, Tool};
use crate::playbook::change::CHANGES_CHECK;
use crate::playbook::{Check, View};
use crate::probe::Cost;
use crate::problem::Code;
use crate::request::Request;
use crate::sys::{Account, Change, local_zone};
use crate::world::World;
use serde_json::json;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::rc::Rc;
use tokio::sync::mpsc;
use tokio::time::Instant;

pub(super) struct State<'a> {
    header: Packet,
    pub(super) request: &'a Request,
    watcher: &'a dyn Watcher,
    world: &'a World,
    pub(super) began: Instant,
    /// Who runs this program; none where the system does not say.
    account: Option<Account>,
    seen: Board,
    started: HashSet<String>,
    finished: HashSet<String>,
    start_times: BTreeMap<String, Instant>,
    /// What each check was started with, so that it can be made again.
    arguments: BTreeMap<String, Facts>,
    questions_asked: usize,
    graph: Rc<Graph>,
    reach: Reach,
    board: Vec<BoardStep>,
    pub(super) verdict: Option<Verdict>,
    pub(super) decision: Decision,
    /// Something was seen that was not judged yet.
    unjudged: bool,
}

impl<'a> State<'a> {
    pub(super) async fn new(request: &'a Request, world: &'a World, watcher: &'a dyn Watcher) -> State<'a> {
        let began = Instant::now();
        let account = world.machine.account().await.ok();
        let case = case_observation(request);
        let header = header(request, account.clone().unwrap_or_default(), host(world).await, case.clone());
        watcher.began(&header);
        let graph = Rc::new(Graph::new(&request.playbook));
        State {
            header,
            request,
            watcher,
            world,
            began,
            account,
            seen: Rc::new(RefCell::new(BTreeMap::from([(case.id.clone(), Rc::new(case))]))),
            started: HashSet::new(),
            finished: HashSet::from([CASE_CHECK.to_owned()]),
            start_times: BTreeMap::new(),
            arguments: BTreeMap::new(),
            questions_asked: 0,
            reach: Reach::new(&request.playbook, &graph),
            graph,
            board: vec![BoardStep { after: String::new(), suspects: request.playbook.causes.len() }],
            verdict: None,
            decision: Decision::default(),
            unjudged: false,
        }
    }

    pub(super) fn elapsed_ms(&self) -> u64 {
        self.began.elapsed().as_millis() as u64
    }

    /// Everything seen so far.
    pub(super) fn snapshot(&self) -> Vec<Rc<Observation>> {
        self.seen.borrow().values().cloned().collect()
    }

    /// What checks that are under way may look into.
    pub(super) fn board(&self) -> Board {
        self.seen.clone()
    }

    /// What was seen so far, arranged.
    pub(super) fn evidence<'s>(&'s self, seen: &'s [Rc<Observation>]) -> Evidence<'s> {
        let seen = seen.iter().map(Rc::as_ref);
        Evidence::on(self.graph.clone(), &self.request.playbook, seen, Some(&self.finished))
    }

    /// The same as if the run were over.
    pub(super) fn evidence_at_the_end<'s>(&'s self, seen: &'s [Rc<Observation>]) -> Evidence<'s> {
        Evidence::on(self.graph.clone(), &self.request.playbook, seen.iter().map(Rc::as_ref), None)
    }

    /// An observation as it was last seen.
    pub(super) fn seen_as(&self, id: &str) -> Option<Rc<Observation>> {
        self.seen.borrow().get(id).cloned()
    }

    /// Whether anything that was seen shows this problem.
    pub(super) fn shows(&self, code: Code) -> bool {
        self.seen.borrow().values().any(|seen| seen.has(code))
    }

    pub(super) fn is_started(&self, check: &str) -> bool {
        self.started.contains(check)
    }

    /// When a check was started.
    pub(super) fn started_at(&self, check: &str) -> Instant {
        self.start_times.get(check).copied().unwrap_or(self.began)
    }

    /// The questions that can be asked now and whose answer may name a cause that says more than the one that is named:
    /// "the key is wrong" is no end while somebody knows that it was changed.
    pub(super) fn questions_that_may_overrule(&self) -> BTreeSet<String> {
        let Some(verdict) = self.verdict.as_ref().filter(|verdict| verdict.cause.is_some()) else {
            return BTreeSet::new();
        };
        if !self.world.person.is_there() || self.questions_asked >= plan::QUESTIONS {
            return BTreeSet::new();
        }
        let seen = self.snapshot();
        let evidence = self.evidence(&seen);
        let Some(open) = Open::of(verdict, &evidence) else { return BTreeSet::new() };
        let can_be_asked = |check: &&Check| {
            let holds = check.when.as_ref().is_none_or(|when| evaluate(when, &evidence).is_yes());
            check.cost == Cost::Person && !self.is_started(&check.id) && holds && open.may_overrule(&check.id)
        };
        self.request.playbook.checks.iter().filter(can_be_asked).map(|check| check.id.clone()).collect()
    }

    /// Decides what to start, and takes note of it.
    pub(super) fn next_step(&mut self) -> Step {
        let settled = self.verdict.as_ref().is_some_and(|verdict| {
            verdict.status == Status::Healthy || (verdict.cause.is_some() && verdict.certainty == Certainty::Confirmed)
        });
        let may_overrule = if settled { self.questions_that_may_overrule() } else { BTreeSet::new() };
        let progress = Progress {
            started: &self.started,
            finished: &self.finished,
            running: self.running().count(),
            questions_asked: self.questions_asked,
            case: &self.header.case,
            account: self.account.as_ref(),
            may_overrule: &may_overrule,
            settled,
        };
        let seen = self.snapshot();
        let step = plan::next(self.request, &self.evidence(&seen), &self.reach, &progress);
        for (id, arguments) in &step.start {
            self.started.insert(id.clone());
            self.arguments.insert(id.clone(), arguments.clone());
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
        for (id, view) in &step.blind {
            self.started.insert(id.clone());
            self.is_blind(id, *view);
        }
        step
    }

    /// Says that this account does not see what a check is about, and what to type as one that does.
    fn is_blind(&mut self, id: &str, view: View) {
        let Some(check) = self.request.playbook.check(id) else { return };
        let why = format!("needs {}: {}", view.needs(), self.request.again_with(view));
        let summary = format!("{COULD_NOT_BE_CHECKED}{why}");
        let mut observation = Observation::new(&check.probe, check.layer, id, None, Outcome::Unknown, summary);
        observation.reason = Some(why);
        observation.skip = Some(Skip::NeedsRight(view.needs().to_owned()));
        observation.started_ms = self.elapsed_ms();
        self.finished.insert(id.to_owned());
        self.record(observation);
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
        let started = self.started_at(&observation.check);
        observation.started_ms = (started - self.began).as_millis() as u64;
        observation.took_ms = started.elapsed().as_millis() as u64;
        self.say_whose_view(&mut observation);
        self.record(observation);
        self.unjudged = true;
    }

    /// Takes what changed of late, which conditions may speak of.
    pub(super) fn changed(&mut self, changes: &[Change]) {
        self.finished.insert(CHANGES_CHECK.to_owned());
        if let Some(mut observation) = changes::observation(changes, &self.header.case) {
            observation.started_ms = 0;
            observation.took_ms = self.elapsed_ms();
            self.say_whose_view(&mut observation);
            self.record(observation);
        }
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
        self.seen.borrow_mut().retain(|key, seen| {
            let stays = seen.check != id || kept.contains(key.as_str());
            if !stays {
                self.watcher.withdrawn(key);
            }
            stays
        });
        self.finished.insert(id.to_owned());
        self.header.case.hear(&self.request.playbook, &observations);
        let started = self.started_at(id);
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
            let account = self.account.as_ref();
            observation.context = Context {
                user: account.map(|account| account.name.clone()).unwrap_or_default(),
                elevated: account.is_some_and(|account| account.elevated),
            };
        }
    }

    /// What a check was started with.
    pub(super) fn arguments_of(&self, check: &str) -> Option<&Facts> {
        self.arguments.get(check)
    }

    /// Takes what the run itself states.
    pub(super) fn state(&mut self, mut observation: Observation) {
        self.say_whose_view(&mut observation);
        self.record(observation);
        self.unjudged = true;
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
            (standing(&evidence).len(), judge_so_far(&evidence, &self.header.case))
        };
        let last = seen.iter().max_by_key(|seen| seen.started_ms + seen.took_ms);
        let after = last.map(|observation| observation.id.clone()).unwrap_or_default();
        if self.board.last().is_none_or(|step| step.suspects != left) {
            self.board.push(BoardStep { after, suspects: left });
            self.watcher.suspects(left, of);
        }
        let verdict = judgement.verdict;
        if self.decision.take(&verdict, self.goals_ended()) {
            self.watcher.suspected(&verdict);
        }
        self.verdict = Some(verdict);
    }

    /// Whether every goal has said all that it will say. Where no check is marked as one, each is.
    pub(super) fn goals_ended(&self) -> bool {
        let playbook = &self.request.playbook;
        let each = playbook.goals().next().is_none();
        let mut goals = playbook.checks.iter().filter(|check| each || check.goal);
        goals.all(|goal| self.finished.contains(&goal.id))
    }

    pub(super) fn running(&self) -> impl Iterator<Item = &String> {
        self.started.iter().filter(|id| !self.finished.contains(*id))
    }

    /// Says of every check that is still under way why nothing more is known of it. What it said before stays; a
    /// suspicion is still a suspicion.
    fn cut_off(&mut self, ending: Ending) {
        let open: Vec<String> = self.running().cloned().collect();
        let above = self.above_the_blame();
        for id in open {
            if self.snapshot().iter().any(|seen| seen.check == id) {
                self.finished.insert(id);
            } else if let Some(why) = ending.cuts_off() {
                self.give_up(&id, why);
            } else {
                let blamed = above.iter().find(|(upper, _)| *upper == id).map(|(_, blamed)| blamed.clone());
                self.skip(&id, blamed.map_or(Skip::NotNeeded, Skip::Because));
            }
        }
    }

    fn give_up(&mut self, id: &str, why: &str) {
        let Some(check) = self.request.playbook.check(id) else { return };
        let summary = format!("not known: {why}");
        let mut observation = Observation::new(&check.probe, check.layer, id, None, Outcome::Unknown, summary);
        observation.reason = Some(why.to_owned());
        observation.started_ms = self.elapsed_ms();
        self.finished.insert(id.to_owned());
        self.record(observation);
    }

    /// The checks under way that stand on what is blamed, each with the blamed one.
    fn above_the_blame(&self) -> Vec<(String, String)> {
        let seen = self.snapshot();
        let evidence = self.evidence(&seen);
        let Some(open) = self.verdict.as_ref().and_then(|verdict| Open::of(verdict, &evidence)) else {
            return Vec::new();
        };
        let blamed = open.blamed_check().unwrap_or_default();
        let above = self.running().filter(|id| open.stands_on_blame(id));
        above.map(|id| (id.clone(), blamed.to_owned())).collect()
    }

    /// Ends the run: says what was not looked at, and closes the packet.
    pub(super) async fn close(mut self, ending: Ending, changes: Vec<Change>) -> Packet {
        self.cut_off(ending);
        let since_start = |moment: Instant| (moment - self.began).as_millis() as u64;
        let observations = self.snapshot().iter().map(|seen| Observation::clone(seen)).collect();
        let mut packet = self.header;
        packet.run.ended = ending.word().to_owned();
        packet.run.suspected_ms = self.decision.suspected.map(since_start);
        packet.run.decided_ms = self.decision.decided.map(since_start);
        packet.board = self.board;
        packet.changes = changes;
        packet.close(&self.request.playbook, observations, &self.request.settings);
        packet.run.took_ms = self.began.elapsed().as_millis() as u64;
        packet
    }
}

/// The packet as it is before anything was seen: enough to make one of what the spool holds, should the run be killed.
fn header(request: &Request, account: Account, host: Host, case: Observation) -> Packet {
    let clock = jiff::Timestamp::now().to_zoned(local_zone());
    let run = Run {
        id: request.id.clone(),
        started: clock.timestamp().strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        zone: clock.strftime("%:z %Z").to_string(),
        deadline_ms: request.deadline.as_millis() as u64,
        checks_available: request.playbook.checks.len(),
        user: account.name,
        elevated: account.elevated,
        interactive: account.interactive,
        consent: Some(request.consent.clone()),
        redaction: Level::Secrets.word().to_owned(),
        redact_to: Some(request.redaction),
        ..Run::default()
    };
    let playbook = &request.playbook;
    let observations = vec![case];
    let judgement = judge(playbook, &observations, &request.case);
    Packet {
        schema: SCHEMA.to_owned(),
        tool: Tool {
            name: env!("CARGO_PKG_NAME").to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            sha256: None,
        },
        run,
        host,
        case: Case { priority: request.settings.priority(&request.case, playbook.gravity), ..request.case.clone() },
        playbook: PlaybookRef {
            id: playbook.id.clone(),
            title: playbook.title.clone(),
            origin: playbook.origin.clone(),
            hash: playbook.hash.clone(),
            vouched: Some(request.trust.clone()),
            inputs: request.inputs.clone(),
        },
        observations,
        verdict: judgement.verdict,
        board: Vec::new(),
        changes: Vec::new(),
        next: judgement.next,
        manifest: None,
        excerpts: BTreeMap::new(),
    }
}

/// What people said, as an observation like any other, so that conditions and replays can use it.
fn case_observation(request: &Request) -> Observation {
    let mut observation =
        Observation::new(CASE_CHECK, Layer::Host, CASE_CHECK, None, Outcome::Ok, "what people said".to_owned());
    let facts = &mut observation.facts;
    for (name, value) in &request.inputs {
        facts.insert(crate::playbook::template::variable(name), json!(value));
    }
    if let Some(target) = &request.target {
        facts.insert("target".to_owned(), json!(target.text));
        facts.insert("scheme".to_owned(), json!(target.scheme));
        facts.insert("host".to_owned(), json!(target.host));
        facts.insert("port".to_owned(), json!(target.port));
        facts.insert("tls".to_owned(), json!(target.tls));
        facts.insert("http".to_owned(), json!(target.http));
        facts.insert("is_address".to_owned(), json!(target.is_address));
        facts.insert("internal".to_owned(), json!(request.settings.is_internal(&target.host)));
        facts.insert("is_control".to_owned(), json!(target.url().as_ref() == Some(&request.settings.control_url)));
    }
    facts.insert("expects_proxy".to_owned(), json!(!request.settings.expected_proxies.is_empty()));
    facts.insert("connectivity_check".to_owned(), json!(request.settings.connectivity_check));
    facts.insert("symptom".to_owned(), json!(request.case.is_complaint()));
    for field in FIELDS.iter().filter(|field| field.is_fact) {
        if let Some(word) = field.word(&request.case) {
            facts.insert(field.name.to_owned(), json!(word));
        }
    }
    observation
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
