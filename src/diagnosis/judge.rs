//! The verdict over a set of observations (DESIGN section 5). The same set gives the same verdict in any order.

use super::beside::{also, asides, by_observation, dedup, is_background, slighter};
use super::causes::{Holding, holding, is_tie, ranked};
use super::elsewhere::Testimony;
use super::evaluate::evaluate;
use super::evidence::{CASE_CHECK, Evidence, class, proves_way};
use super::frontier::{Goal, frontier, goal, is_felt, with_roots};
use super::ladder::{findings, not_tested, notes, ruled_out};
use super::remaining::{Remaining, remaining_layers};
use super::verdict::*;
use super::words::fill;
use crate::layer::Layer;
use crate::observation::{Certainty, Observation, Outcome, Skip};
use crate::packet::Case;
use crate::playbook::{Cause, Escalate, Escalation, Playbook};
use crate::problem::{Basis, Class, Code};
use std::collections::BTreeSet;

/// Who gets signs of an attack where the cause does not say.
const SECURITY: &str = "security team";

/// A verdict with what to do about it.
#[derive(Debug, Clone)]
pub struct Judgement {
    pub verdict: Verdict,
    pub next: Next,
}

/// Judges a finished run.
pub fn judge(playbook: &Playbook, observations: &[Observation], case: &Case) -> Judgement {
    judge_evidence(&Evidence::new(playbook, observations, None), case)
}

/// Judges a run that still goes on.
pub fn judge_so_far(evidence: &Evidence<'_>, case: &Case) -> Judgement {
    judge_evidence(evidence, case)
}

/// Observations go before what people say, and whoever asks again should know it.
const DOES_NOT_FIT: &str =
    "what was said of other devices or networks does not fit this; what was seen counts, and asking again is worth it";

/// What the user hears of a fault that was over at the end of the run.
const OVER: &str = "By the end of the check it worked again.";

/// Whether the goal fails only because this program does not fall back as others do: they wait for the second resolver,
/// ask again where packets are lost, or go direct where they cannot fetch the file that would name a proxy.
fn others_fall_back(goal: &Goal, blame: &Option<Blame<'_>>, evidence: &Evidence<'_>) -> bool {
    let Goal::Fails(failing) = goal else { return false };
    let falls_back = blame.as_ref().and_then(|blame| blame.holding.as_ref()).is_some_and(|held| held.cause.degrades);
    // A resolver that answers some of the questions is asked again until it does.
    let answers = |observation: &Observation| match observation.outcome {
        Outcome::Ok => true,
        Outcome::Problem => class(observation) == Class::Quality && proves_way(observation),
        Outcome::Unknown | Outcome::Skipped => false,
    };
    let mut seen = evidence.observations.iter();
    let answered = seen.any(|observation| observation.probe == "dns" && answers(observation));
    let all = |code: Code| failing.iter().all(|&index| evidence.observations[index].code == Some(code));
    falls_back
        && ((answered && all(Code::DnsLookupTimeout))
            || (works_direct(failing, evidence) && all(Code::ProxyPacUnreachable)))
}

/// Whether a control of these failing goals works, and used no proxy.
fn works_direct(failing: &[usize], evidence: &Evidence<'_>) -> bool {
    evidence.observations.iter().any(|control| {
        let of_goal = |goal: &usize| {
            let of = evidence.check(&control.check).map_or(&[][..], |check| &check.control_for);
            of.contains(&evidence.observations[*goal].check)
        };
        control.outcome == Outcome::Ok && control.via.proxy.is_none() && failing.iter().all(of_goal)
    })
}

/// What is blamed: the observation that stands for it, and the cause that explains it.
pub(super) struct Blame<'a> {
    pub(super) primary: usize,
    pub(super) holding: Option<Holding<'a>>,
    /// Causes that hold as well and cannot be told apart from it.
    pub(super) rivals: Vec<Holding<'a>>,
    /// Whether a rival was left out because of what people said of elsewhere.
    pub(super) narrowed: bool,
}

impl<'a> Blame<'a> {
    /// The only one that is left.
    fn of(primary: usize, holding: Option<Holding<'a>>) -> Blame<'a> {
        Blame { primary, holding, rivals: Vec::new(), narrowed: false }
    }

    /// The layer that is blamed: the cause's, or that of what was seen.
    pub(super) fn layer(&self, evidence: &Evidence<'_>) -> Layer {
        let seen = evidence.observations[self.primary].layer;
        self.holding.as_ref().map_or(seen, |holding| holding.cause.layer)
    }

    /// Whether this observation is what is blamed, or what the blamed cause rests on.
    pub(super) fn rests_on(&self, index: usize) -> bool {
        index == self.primary || self.holding.as_ref().is_some_and(|holding| holding.matched.contains(&index))
    }

    /// Whether a trouble of this layer is taken for a consequence: a silence above what is blamed.
    pub(super) fn silences(&self, index: usize, layer: Layer, evidence: &Evidence<'_>) -> bool {
        let is_silence = evidence.observations[index].code.is_some_and(|code| code.problem().basis == Basis::Silence);
        is_silence && self.layer(evidence) < layer
    }
}

fn judge_evidence(evidence: &Evidence<'_>, case: &Case) -> Judgement {
    let testimony = Testimony::of(case);
    let goal = goal(evidence);
    let frontier = frontier(evidence, &goal);
    let held = holding(evidence);
    let (status, blame) = match &goal {
        Goal::Fails(_) | Goal::Unknown if !frontier.is_empty() => fails(&goal, &frontier, &held, evidence, &testimony),
        Goal::Fails(seen) => fails(&goal, std::slice::from_ref(seen), &held, evidence, &testimony),
        Goal::Unknown => match felt(&held, evidence).filter(|_| failed_at_times(evidence)) {
            Some(blame) => (Status::Degraded, Some(blame)),
            None => (Status::Undecided, None),
        },
        Goal::Each => each(&frontier, &held, evidence, &testimony),
        Goal::Badly(seen) => {
            (Status::Degraded, felt(&held, evidence).or_else(|| blame(&[vec![*seen]], &held, evidence, &testimony)))
        }
        Goal::Works => match felt(&held, evidence).or_else(|| felt_unexplained(evidence)) {
            Some(blame) => (Status::Degraded, Some(blame)),
            None if case.is_complaint() => not_reproduced(evidence),
            None => (Status::Healthy, None),
        },
    };
    compose(status, blame, &frontier, &held, evidence, case, &testimony)
}

/// The goal fails, by what these groups of problems show.
fn fails<'a>(
    goal: &Goal,
    groups: &[Vec<usize>],
    held: &[Holding<'a>],
    evidence: &Evidence<'a>,
    testimony: &Testimony,
) -> (Status, Option<Blame<'a>>) {
    let blame = blame(groups, held, evidence, testimony);
    let works_at_times = others_fall_back(goal, &blame, evidence) || evidence.over().is_some();
    (if works_at_times { Status::Degraded } else { Status::Fault }, blame)
}

/// Whether a goal failed where something that needs the same way worked: neither works nor is broken for good, so that
/// what people feel on that way (loss, a full line) is the answer.
fn failed_at_times(evidence: &Evidence<'_>) -> bool {
    let seen = evidence.top_goals().iter().flat_map(|goal| evidence.of_check(goal));
    seen.copied().any(|index| evidence.disproof(index).is_some())
}

/// The cause that explains the frontier, or the lowest problem of it where none does.
fn blame<'a>(
    frontier: &[Vec<usize>],
    held: &[Holding<'a>],
    evidence: &Evidence<'a>,
    testimony: &Testimony,
) -> Option<Blame<'a>> {
    let at: BTreeSet<usize> = frontier.iter().flatten().copied().collect();
    let roots = with_roots(&at, evidence);
    let explaining = held.iter().filter(|holding| {
        roots.iter().any(|&index| holding.explains(index, evidence))
            || at.iter().any(|&index| holding.loses(index, evidence))
    });
    let mut ranked = ranked(without_lost_packets(explaining.cloned().collect(), evidence));
    if ranked.is_empty() {
        // Conditions rest on the first subject that fulfils them; another subject of the same check fails with it.
        let of_sibling = |holding: &&Holding<'_>| at.iter().any(|&index| holding.explains_sibling(index, evidence));
        ranked = super::causes::ranked(held.iter().filter(of_sibling).cloned().collect());
    }
    if ranked.is_empty() {
        return frontier.first().map(|group| Blame::of(group[0], None));
    }
    // Lower groups explain higher ones, so a cause that touches the lowest group goes before one that does not.
    let lowest = with_roots(&frontier[0].iter().copied().collect(), evidence);
    let touches = |holding: &Holding<'_>, index| {
        holding.explains(index, evidence) || holding.loses(index, evidence) || holding.explains_sibling(index, evidence)
    };
    ranked.sort_by_key(|holding| !lowest.iter().any(|&index| touches(holding, index)));
    let tied = ranked.len();
    let tie = is_tie(&ranked);
    if tie {
        ranked = testimony.fitting(ranked);
    }
    let narrowed = ranked.len() < tied;
    let rivals = if tie { ranked[1..].to_vec() } else { Vec::new() };
    let winner = ranked.swap_remove(0);
    let primary = telling_problem(&winner, evidence).or_else(|| at.first().copied())?;
    Some(Blame { primary, holding: Some(winner), rivals, narrowed })
}

/// The problem that a cause is about: the one on the cause's own layer, else the lowest that it explains.
fn telling_problem(winner: &Holding<'_>, evidence: &Evidence<'_>) -> Option<usize> {
    let problems = winner.problems(evidence);
    let own = problems.iter().find(|&&index| evidence.observations[index].layer == winner.cause.layer);
    own.or(problems.first()).copied()
}

/// The cause that a person feels although the goal works.
fn felt<'a>(held: &[Holding<'a>], evidence: &Evidence<'a>) -> Option<Blame<'a>> {
    let felt = held
        .iter()
        .filter(|holding| holding.cause.degrades || holding.matched.iter().any(|&index| is_felt(index, evidence)));
    let mut ranked = ranked(without_lost_packets(felt.cloned().collect(), evidence));
    if ranked.is_empty() {
        return None;
    }
    let winner = ranked.swap_remove(0);
    let primary = telling_problem(&winner, evidence).or_else(|| winner.matched.first().copied())?;
    Some(Blame::of(primary, Some(winner)))
}

/// What a person feels although the goal works, where no cause explains it: said with its layer and code.
fn felt_unexplained<'a>(evidence: &Evidence<'a>) -> Option<Blame<'a>> {
    let felt = (0..evidence.observations.len()).filter(|&index| evidence.stands(index) && is_felt(index, evidence));
    let lowest = felt.min_by_key(|&index| {
        let observation = evidence.observations[index];
        (observation.layer, evidence.graph.position(&observation.check))
    });
    lowest.map(|primary| Blame::of(primary, None))
}

/// Rule 2 for quality: where packets are lost lower down, what is silent only at times above that is lost with them.
fn without_lost_packets<'a>(mut causes: Vec<Holding<'a>>, evidence: &Evidence<'_>) -> Vec<Holding<'a>> {
    let lossy = causes.iter().filter(|holding| holding.loss(evidence).is_some());
    let Some(lowest) = lossy.map(|holding| holding.cause.layer).min() else {
        return causes;
    };
    let is_silence = |holding: &Holding<'_>| {
        let code = telling_problem(holding, evidence).and_then(|index| evidence.observations[index].code);
        code.is_some_and(|code| code.problem().basis == Basis::Silence)
    };
    causes.retain(|holding| holding.cause.layer <= lowest || !is_silence(holding));
    causes
}

/// Each check is a goal: the gravest problem is the verdict, the others stand beside it.
fn each<'a>(
    frontier: &[Vec<usize>],
    held: &[Holding<'a>],
    evidence: &Evidence<'a>,
    testimony: &Testimony,
) -> (Status, Option<Blame<'a>>) {
    let blamed: Vec<Vec<usize>> =
        frontier.iter().filter(|group| !is_background(evidence.observations[group[0]])).cloned().collect();
    let (grave, slight): (Vec<Vec<usize>>, Vec<Vec<usize>>) = blamed
        .into_iter()
        .partition(|group| evidence.observations[group[0]].codes().any(|code| code.problem().class != Class::Quality));
    if !grave.is_empty() {
        return (Status::Fault, blame(&grave, held, evidence, testimony));
    }
    let slight = if slight.is_empty() { None } else { blame(&slight, held, evidence, testimony) };
    // What rests on the background alone (a log that speaks of disk errors, what a person says) counts where the playbook
    // says that people feel it, and says more than a slight problem that no cause explains.
    if slight.as_ref().is_none_or(|blame| blame.holding.is_none()) {
        let stated: Vec<Holding<'a>> = held.iter().filter(|holding| holding.cause.degrades).cloned().collect();
        if let Some(blame) = felt(&stated, evidence) {
            return (Status::Degraded, Some(blame));
        }
    }
    if slight.is_some() {
        return (Status::Degraded, slight);
    }
    (if each_layer_spoke(evidence) { Status::Healthy } else { Status::Undecided }, None)
}

/// Whether something was seen, and in each layer that was looked at: "no fault found" says nothing of a layer that could
/// not be looked at (rule 5).
fn each_layer_spoke(evidence: &Evidence<'_>) -> bool {
    let of = |outcome: Outcome| {
        let those = evidence.observations.iter().filter(move |observation| observation.outcome == outcome);
        those.map(|observation| observation.layer).collect::<BTreeSet<_>>()
    };
    let fine = of(Outcome::Ok);
    !fine.is_empty() && of(Outcome::Unknown).is_subset(&(&fine | &of(Outcome::Problem)))
}

/// Rule 8: a complaint that does not show now is not solved. What the machine itself recorded makes it a suspicion.
fn not_reproduced<'a>(evidence: &Evidence<'a>) -> (Status, Option<Blame<'a>>) {
    const RECORDED: [Code; 6] = [
        Code::LinkFlapping,
        Code::LinkErrors,
        Code::HostOomKill,
        Code::ProcessRestarting,
        Code::HostLogErrors,
        Code::DnsFlapping,
    ];
    let recorded = (0..evidence.observations.len()).find(|&index| {
        evidence.stands(index) && evidence.observations[index].codes().any(|code| RECORDED.contains(&code))
    });
    match recorded {
        Some(primary) => (Status::Degraded, Some(Blame::of(primary, None))),
        None => (Status::Undecided, None),
    }
}

fn compose(
    status: Status,
    blame: Option<Blame<'_>>,
    frontier: &[Vec<usize>],
    held: &[Holding<'_>],
    evidence: &Evidence<'_>,
    case: &Case,
    testimony: &Testimony,
) -> Judgement {
    let explaining = by_observation(held);
    let also = blame.as_ref().map_or_else(Vec::new, |blame| also(blame, frontier, &explaining, evidence));
    let slighter = blame.as_ref().map_or_else(Vec::new, |blame| slighter(blame, held, &explaining, evidence));
    let asides = asides(&blame, &explaining, evidence);
    let mut verdict = match &blame {
        Some(blame) => blamed(status, blame, evidence, testimony),
        None => unblamed(status, evidence, case),
    };
    // The same trouble seen a second time, such as by a control, is no trouble beside it.
    let blamed_already = |also: &Also| also.code == verdict.code && also.culprit == verdict.culprit;
    let beside = also.into_iter().chain(slighter).chain(asides).filter(|also| !blamed_already(also)).collect();
    verdict.also = dedup(beside);
    verdict.findings = findings(&verdict, evidence);
    verdict.ruled_out = ruled_out(&verdict, evidence);
    verdict.not_tested = not_tested(&verdict, blame.as_ref().map(|blame| blame.primary), evidence);
    verdict.notes = notes(&verdict, evidence);
    let contradicted = blame.as_ref().and_then(|blame| blame.holding.as_ref());
    if contradicted.is_some_and(|holding| testimony.speaks_against(holding.cause)) {
        verdict.notes.push(DOES_NOT_FIT.to_owned());
    }
    let next = next(&verdict, &blame, evidence);
    Judgement { verdict, next }
}

fn blamed(status: Status, blame: &Blame<'_>, evidence: &Evidence<'_>, testimony: &Testimony) -> Verdict {
    let primary = evidence.observations[blame.primary];
    let nothing = BTreeSet::new();
    let matched = blame.holding.as_ref().map_or(&nothing, |holding| &holding.matched);
    let cause = blame.holding.as_ref().map(|holding| holding.cause);
    let Remaining { mut layers, narrowed } = remaining_layers(blame, evidence, testimony);
    let several = layers.len() > 1;
    let layer = blame.layer(evidence);
    let culprit = cause
        .and_then(|cause| cause.culprit.as_deref())
        .and_then(|template| fill(template, evidence, matched))
        .or_else(|| default_culprit(primary));
    let title = cause
        .and_then(|cause| fill(&cause.title, evidence, matched))
        .unwrap_or_else(|| primary.code.map_or_else(|| primary.summary.clone(), |code| sentence(code.problem().title)));
    let summary = cause
        .and_then(|cause| cause.technical.as_deref())
        .and_then(|template| fill(template, evidence, matched))
        .unwrap_or_else(|| primary.summary.clone());
    let plain = cause.and_then(|cause| fill(&cause.plain, evidence, matched)).unwrap_or_else(|| title.clone());
    let mut because: Vec<String> = vec![primary.id.clone()];
    for &index in matched {
        let id = &evidence.observations[index].id;
        if !because.contains(id) && evidence.observations[index].check != CASE_CHECK {
            because.push(id.clone());
        }
    }
    let mut certainty = certainty(blame, evidence);
    // What the machine recorded of an earlier time makes a suspicion and no more (rule 8).
    let recorded = status == Status::Degraded && blame.holding.is_none() && !is_felt(blame.primary, evidence);
    let unproven = cause.is_some_and(|cause| cause.suspected);
    let open = !blame.rivals.is_empty();
    // Of a fault that is over nothing can be looked at a second time (rule 7).
    let over = evidence.over();
    // What only people's words leave alone is not proven either.
    if open || several || over.is_some() || recorded || unproven || narrowed || blame.narrowed {
        certainty = Certainty::Suspected;
    }
    let (summary, plain) = match over {
        Some(again) => (format!("{summary}; {}", again.summary), format!("{plain} {OVER}")),
        None => (summary, plain),
    };
    because.extend(over.map(|again| again.id.clone()));
    if !several {
        layers.clear();
    }
    Verdict {
        status,
        layer: (!several).then_some(layer),
        layers,
        cause: cause.filter(|_| !open).map(|cause| cause.id.clone()),
        code: cause.and_then(|cause| cause.code).or(primary.code),
        title,
        certainty,
        culprit,
        summary,
        plain,
        because,
        ruled_out: Vec::new(),
        not_tested: Vec::new(),
        notes: Vec::new(),
        suspects: blame
            .holding
            .iter()
            .chain(&blame.rivals)
            .map(|holding| Suspect {
                cause: holding.cause.id.clone(),
                layer: holding.cause.layer,
                title: fill(&holding.cause.title, evidence, &holding.matched)
                    .unwrap_or_else(|| holding.cause.id.clone()),
                weight: holding.weight,
            })
            .collect(),
        also: Vec::new(),
        findings: Vec::new(),
    }
}

fn unblamed(status: Status, evidence: &Evidence<'_>, case: &Case) -> Verdict {
    let stated = case.is_complaint();
    let proof: Vec<&Observation> = evidence
        .playbook
        .goals()
        .flat_map(|check| evidence.of_check(&check.id))
        .map(|&index| evidence.observations[index])
        .filter(|observation| observation.outcome == Outcome::Ok)
        .collect();
    // The page proves the port beneath it; only what is on top is worth a sentence.
    let top = evidence.top_goals();
    let said = proof.iter().filter(|observation| top.contains(&observation.check.as_str()));
    let works = said.map(|observation| observation.summary.as_str()).collect::<Vec<_>>().join("; ");
    let (code, title, summary, plain) = match status {
        Status::Healthy if works.is_empty() => (
            None,
            "No fault found".to_owned(),
            "every check that could be made is fine".to_owned(),
            "Everything that was checked works.".to_owned(),
        ),
        Status::Healthy => (None, "It works".to_owned(), works, "It works from this computer right now.".to_owned()),
        _ if stated && !proof.is_empty() => (
            Some(Code::CaseNotReproduced),
            "The complaint does not show now".to_owned(),
            format!("the complaint was not reproduced: {works}"),
            "It works right now. Please say so at once when it happens again, so that it can be looked at then."
                .to_owned(),
        ),
        _ => (
            None,
            "It cannot be said".to_owned(),
            match untried(evidence) {
                Some(why) => format!("the complaint itself could not be tried: {why}"),
                None => "what had to be checked could not be checked".to_owned(),
            },
            "The checks could not give an answer; what stood in the way is named.".to_owned(),
        ),
    };
    Verdict {
        status,
        layer: None,
        layers: Vec::new(),
        cause: None,
        code,
        title,
        // "It works" is as sure as the observation that shows it; what could not be checked is no more than suspected.
        certainty: if proof.is_empty() && status != Status::Healthy {
            Certainty::Suspected
        } else {
            Certainty::Confirmed
        },
        culprit: None,
        summary,
        plain,
        because: proof.iter().map(|observation| observation.id.clone()).collect(),
        ruled_out: Vec::new(),
        not_tested: Vec::new(),
        notes: Vec::new(),
        suspects: Vec::new(),
        also: Vec::new(),
        findings: Vec::new(),
    }
}

/// What kept the goal from being tried.
fn untried(evidence: &Evidence<'_>) -> Option<String> {
    let goals: Vec<&str> = evidence.playbook.goals().map(|check| check.id.as_str()).collect();
    // The topmost goal is the complaint; playbooks name it last.
    let seen = goals.iter().rev().flat_map(|goal| evidence.of_check(goal)).map(|&index| evidence.observations[index]);
    let open = seen.filter(|observation| observation.skip != Some(Skip::NotNeeded));
    open.map(|observation| observation.reason.clone().unwrap_or_else(|| observation.summary.clone())).next()
}

/// Rule 4: an answer or a state of this machine is sure at the second look; silence only where a control answered; and
/// a substitution that works convicts whatever it swapped.
fn certainty(blame: &Blame<'_>, evidence: &Evidence<'_>) -> Certainty {
    let swapped = blame.holding.as_ref().is_some_and(|holding| {
        holding.matched.iter().any(|&index| {
            let observation = evidence.observations[index];
            observation.outcome == Outcome::Ok
                && evidence.check(&observation.check).is_some_and(|check| !check.control_for.is_empty())
        })
    });
    if swapped {
        return Certainty::Confirmed;
    }
    let primary = evidence.observations[blame.primary];
    let seen = primary.certainty.unwrap_or(Certainty::Suspected);
    let silent = primary.code.is_none_or(|code| code.problem().basis == Basis::Silence);
    if silent && !evidence.has_witness(blame.primary) { Certainty::Suspected } else { seen }
}

/// What a person would call the thing: the probe's own word where it has one, else what the check looked at.
pub(super) fn default_culprit(observation: &Observation) -> Option<String> {
    let fact = |name: &str| observation.facts.get(name).and_then(|value| value.as_str()).map(str::to_owned);
    fact("culprit")
        .or_else(|| observation.subject.clone())
        .or_else(|| observation.via.proxy.clone())
        .or_else(|| observation.via.resolver.clone())
        .or_else(|| observation.via.peer.clone())
        .or_else(|| fact("address"))
        .or_else(|| fact("interface"))
        .or_else(|| fact("url"))
        .or_else(|| observation.via.interface.clone())
}

fn sentence(text: &str) -> String {
    let mut characters = text.chars();
    characters.next().map_or_else(String::new, |first| first.to_uppercase().chain(characters).collect())
}

fn next(verdict: &Verdict, blame: &Option<Blame<'_>>, evidence: &Evidence<'_>) -> Next {
    let Some(holding) = blame.as_ref().and_then(|blame| blame.holding.as_ref()) else {
        return unexplained_next(verdict, evidence);
    };
    let cause = holding.cause;
    Next {
        workaround: cause.workaround.iter().filter_map(|step| fill(step, evidence, &holding.matched)).collect(),
        verify: cause.verify.clone().or_else(|| evidence.playbook.goals().next().map(|goal| goal.id.clone())),
        escalate: escalation(cause, evidence),
        command: None,
        security_stop: cause.security_stop,
        kb: cause.kb.clone(),
        links: cause.links.clone(),
    }
}

/// The first rule that applies. Signs of an attack are handed over at once, to security where the cause names nobody.
fn escalation(cause: &Cause, evidence: &Evidence<'_>) -> Option<Escalate> {
    let applies = |rule: &&Escalation| rule.condition.as_ref().is_none_or(|when| evaluate(when, evidence).is_yes());
    let rule = cause.escalate.iter().find(applies);
    let security = || Escalation { to: SECURITY.to_owned(), ..Escalation::default() };
    let rule = rule.cloned().or_else(|| cause.security_stop.then(security))?;
    let now = cause.security_stop || rule.condition.is_some();
    Some(Escalate { to: rule.to, when: rule.when, now })
}

fn unexplained_next(verdict: &Verdict, evidence: &Evidence<'_>) -> Next {
    let mut next = Next { verify: evidence.playbook.goals().next().map(|goal| goal.id.clone()), ..Next::default() };
    if verdict.code == Some(Code::CaseNotReproduced) {
        next.workaround = vec![
            "Ask when exactly it last happened, and what was being done".to_owned(),
            "Run this again while it happens".to_owned(),
        ];
    } else if verdict.status == Status::Undecided {
        next.workaround = vec![
            "Run it again with --full and more time (--deadline), with administrator rights if that is allowed"
                .to_owned(),
        ];
    }
    if !matches!(verdict.status, Status::Healthy) && verdict.code != Some(Code::CaseNotReproduced) {
        let undecided = verdict.status == Status::Undecided;
        let when = if undecided { "it stays undecided" } else { "no known cause fits what was seen" }.to_owned();
        next.escalate = Some(Escalate { to: "the next tier".to_owned(), when, now: false });
    }
    next
}
