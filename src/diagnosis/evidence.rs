//! The observations of a run, arranged for judging: what each check saw, what a success elsewhere disproved, and what
//! lies off the goal's trail.

use super::evaluate::{Truth, evaluate};
use super::graph::Graph;
use crate::layer::Layer;
use crate::observation::{Observation, Outcome, Skip, Via};
use crate::playbook::change::CHANGES_CHECK;
use crate::playbook::{Check, Playbook, template};
use crate::probe::Cost;
use crate::problem::{Basis, Class, Code};
use rustc_hash::FxHashMap;
use std::cell::OnceCell;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::rc::Rc;

/// The check id under which the run states what people said: target, symptom, inputs.
pub const CASE_CHECK: &str = "case";

/// The check id under which the run states that what had failed worked when it was tried again at the end.
pub const AGAIN_CHECK: &str = "again";

/// Whether this is no check that looked at anything, but what people said, what changed or what became of a fault: it
/// belongs to no layer's rung and clears none.
pub fn is_told(check: &str) -> bool {
    [CASE_CHECK, CHANGES_CHECK, AGAIN_CHECK].contains(&check)
}

/// Everything that was seen so far, with what follows from it without naming a cause.
pub struct Evidence<'a> {
    pub playbook: &'a Playbook,
    pub graph: Rc<Graph>,
    pub observations: Vec<&'a Observation>,
    /// Each part of each condition asks for its check, so that the hash is what most of an evaluation costs.
    by_check: FxHashMap<&'a str, Vec<usize>>,
    /// The same by the names that templates use; made when the first text is filled.
    by_variable: OnceCell<HashMap<String, Vec<usize>>>,
    /// What it says of each cause, by position in the playbook; found out once, because halving and judging both ask.
    truths: OnceCell<Vec<Truth>>,
    /// For each observation, the one whose success disproves its problem.
    disproved: Vec<Option<usize>>,
    /// For each observation, whether what it reached fell silent afterwards.
    overtaken: Vec<bool>,
    /// For each observation, whether it concerns an element that the goal does not use.
    aside: Vec<bool>,
    /// Checks that are on the goal's trail: the goals and what is beneath them.
    trail: HashSet<&'a str>,
    /// The goals that are not beneath another one.
    top_goals: Vec<&'a str>,
    /// Checks that will see nothing more; `None` when the run is over.
    finished: Option<&'a HashSet<String>>,
}

impl<'a> Evidence<'a> {
    /// Arranges them. `finished` names the checks that have ended; `None` means that the run is over.
    pub fn new(
        playbook: &'a Playbook,
        observations: impl IntoIterator<Item = &'a Observation>,
        finished: Option<&'a HashSet<String>>,
    ) -> Self {
        Evidence::on(Rc::new(Graph::new(playbook)), playbook, observations, finished)
    }

    /// The same for a graph that is at hand: a run arranges its evidence after every observation.
    pub fn on(
        graph: Rc<Graph>,
        playbook: &'a Playbook,
        observations: impl IntoIterator<Item = &'a Observation>,
        finished: Option<&'a HashSet<String>>,
    ) -> Self {
        let mut observations: Vec<&Observation> = observations.into_iter().collect();
        // The same set must give the same verdict in any order.
        observations.sort_by(|left, right| left.id.cmp(&right.id));
        let mut by_check: FxHashMap<&str, Vec<usize>> = FxHashMap::default();
        for (index, observation) in observations.iter().enumerate() {
            by_check.entry(observation.check.as_str()).or_default().push(index);
        }
        let trail = trail(playbook, &graph);
        let proving: Vec<bool> = observations.iter().map(|observation| proves_way(observation)).collect();
        let overtaken = overtaken(&observations, &proving);
        let is_control = |success: &Observation, problem: &Observation| is_control(playbook, &graph, success, problem);
        let disproved = disproved(&observations, &proving, &overtaken, is_control);
        let mut evidence = Evidence {
            playbook,
            graph,
            observations,
            by_check,
            by_variable: OnceCell::new(),
            truths: OnceCell::new(),
            disproved,
            overtaken,
            aside: Vec::new(),
            trail,
            top_goals: Vec::new(),
            finished,
        };
        evidence.aside = evidence.find_aside();
        evidence.top_goals = evidence.find_top_goals();
        evidence
    }

    /// The check with this id.
    pub fn check(&self, id: &str) -> Option<&'a Check> {
        self.graph.position(id).map(|position| &self.playbook.checks[position])
    }

    /// What it says of the conditions of each cause, by position in the playbook.
    pub fn truths(&self) -> &[Truth] {
        self.truths.get_or_init(|| self.playbook.causes.iter().map(|cause| evaluate(&cause.when, self)).collect())
    }

    /// The observations of the checks that a template may mean, in order: some may be of checks that it does not name.
    pub fn mentioned(&self, template: &str) -> Vec<usize> {
        let by_variable = self.by_variable.get_or_init(|| {
            let mut by_variable: HashMap<String, Vec<usize>> = HashMap::new();
            for (check, indices) in &self.by_check {
                by_variable.entry(template::variable(check)).or_default().extend(indices);
            }
            by_variable
        });
        let words = template.split(|letter: char| !(letter.is_alphanumeric() || letter == '_'));
        let indices: BTreeSet<usize> = words.filter_map(|word| by_variable.get(word)).flatten().copied().collect();
        indices.into_iter().collect()
    }

    /// Whether a check has shown a problem, suspected or sure.
    pub fn shows_problem(&self, check: &str) -> bool {
        self.of_check(check).iter().any(|&seen| self.observations[seen].outcome == Outcome::Problem)
    }

    /// The goals that are not beneath another one: a port is the goal where nothing is spoken on it, and only a step
    /// towards the page where there is one.
    pub fn top_goals(&self) -> &[&'a str] {
        &self.top_goals
    }

    fn find_top_goals(&self) -> Vec<&'a str> {
        let goals = self.playbook.goals().map(|check| check.id.as_str());
        let wanted: Vec<&str> = goals.filter(|check| !self.is_not_needed(check)).collect();
        let steps = self.graph.beneath_any(&self.graph.set(wanted.iter().copied()));
        let is_step = |goal: &str| self.graph.position(goal).is_some_and(|position| steps.has(position));
        wanted.into_iter().filter(|goal| !is_step(goal)).collect()
    }

    /// Whether a check was not made because nothing needs it.
    pub fn is_not_needed(&self, check: &str) -> bool {
        let seen = self.of_check(check);
        !seen.is_empty() && seen.iter().all(|&index| self.observations[index].skip == Some(Skip::NotNeeded))
    }

    /// What a check saw, by index.
    pub fn of_check(&self, check: &str) -> &[usize] {
        self.by_check.get(check).map_or(&[], Vec::as_slice)
    }

    /// Whether a check will see nothing more.
    pub fn is_finished(&self, check: &str) -> bool {
        self.finished.is_none_or(|finished| finished.contains(check))
    }

    /// Whether a check belongs to the goal's trail.
    pub fn on_trail(&self, check: &str) -> bool {
        self.trail.contains(check)
    }

    /// Whether this observation is a problem that still stands: not disproved by a success, and on an element that the
    /// goal uses.
    pub fn stands(&self, index: usize) -> bool {
        self.observations[index].outcome == Outcome::Problem && self.disproved[index].is_none() && !self.aside[index]
    }

    /// The success that disproves this problem.
    pub fn disproof(&self, index: usize) -> Option<&'a Observation> {
        self.disproved[index].map(|by| self.observations[by])
    }

    /// Whether this success is a thing of the past: what it reached was silent when it was tried again later.
    pub fn is_overtaken(&self, index: usize) -> bool {
        self.overtaken[index]
    }

    /// Whether it concerns an element that the goal does not use.
    pub fn is_aside(&self, index: usize) -> bool {
        self.aside[index]
    }

    /// The second look at the end of the run, where it found working what had failed before: the fault is over.
    pub fn over(&self) -> Option<&'a Observation> {
        let mut again = self.of_check(AGAIN_CHECK).iter().map(|&index| self.observations[index]);
        again.find(|again| again.outcome == Outcome::Ok)
    }

    /// Whether any subject of the check works.
    pub fn works(&self, check: &str) -> bool {
        self.of_check(check).iter().any(|&index| self.observations[index].outcome == Outcome::Ok && !self.aside[index])
    }

    /// Problems that keep a check from working: it has no subject that works, and these are no mere quality.
    pub fn blocking(&self, check: &str) -> Vec<usize> {
        if self.works(check) {
            return Vec::new();
        }
        self.of_check(check)
            .iter()
            .copied()
            .filter(|&index| self.stands(index) && class(self.observations[index]) != Class::Quality)
            .collect()
    }

    /// Why programs do not get as far as this check, which works: it was handed addresses, and the lookup by which programs
    /// have to find them fails.
    pub fn gone_round(&self, check: &str) -> Vec<usize> {
        let handed = self.check(check).is_some_and(|check| check.args.contains_key("addresses"));
        if !handed || !self.works(check) {
            return Vec::new();
        }
        let beneath = self.graph.position(check).map(|position| self.graph.beneath(position));
        let lookups = self.playbook.checks.iter().enumerate().filter(|(position, lookup)| {
            lookup.probe == "lookup" && beneath.is_some_and(|beneath| beneath.has(*position))
        });
        lookups.flat_map(|(_, lookup)| self.blocking(&lookup.id)).collect()
    }

    /// Whether something else on this machine's way out answered while this problem was seen: the control without
    /// which silence counts for nothing (limits.md section 6, rule 5).
    pub fn has_witness(&self, index: usize) -> bool {
        let silent = self.observations[index];
        self.observations.iter().any(|other| witnesses(other, silent))
    }

    /// Observations on interfaces and of gateways that the goal's packets do not take. Where the kernel names the interface that the
    /// target takes, the others are aside; where it names none, an interface that works puts the broken ones aside.
    fn find_aside(&self) -> Vec<bool> {
        let deciding = || {
            let seen = self.observations.iter();
            seen.filter(|observation| self.on_trail(&observation.check) && decides_interface(observation))
        };
        let used: HashSet<&str> = deciding().filter_map(|observation| observation.via.interface.as_deref()).collect();
        let gateways: HashSet<&str> = deciding().filter_map(|observation| observation.via.gateway.as_deref()).collect();
        self.observations
            .iter()
            .map(|observation| {
                let lower = matches!(observation.layer, Layer::Link | Layer::Ip | Layer::Route)
                    && observation.subject.is_some()
                    && matches!(observation.probe.as_str(), "link" | "address" | "neighbour" | "echo");
                let other_interface = !used.is_empty()
                    && observation.via.interface.as_deref().is_some_and(|interface| !used.contains(interface));
                let other_gateway = !gateways.is_empty()
                    && matches!(observation.probe.as_str(), "neighbour" | "echo")
                    && observation.via.gateway.as_deref().is_some_and(|gateway| !gateways.contains(gateway));
                lower && (other_interface || other_gateway)
            })
            .collect()
    }
}

/// Whether an answer makes this silence mean something: it came over the same way, or from the gateway of that way.
fn witnesses(answer: &Observation, silent: &Observation) -> bool {
    let from_gateway = silent.via.gateway.is_some() && answer.subject == silent.via.gateway;
    let own_network = Via { gateway: None, ..silent.via.clone() };
    answer.id != silent.id && answers_over(answer, if from_gateway { &own_network } else { &silent.via })
}

/// Whether this observation shows that packets went out on this way and came back.
pub fn answers_over(answer: &Observation, way: &Via) -> bool {
    answer.layer >= Layer::Route && answer.via.interface.is_some() && way.shares_way(&answer.via) && proves_way(answer)
}

/// Whether this observation tells which interface the goal's packets take.
fn decides_interface(observation: &Observation) -> bool {
    matches!(observation.probe.as_str(), "route" | "tcp" | "http" | "udp" | "dns" | "proxy" | "tls")
        && observation.via.interface.as_deref().is_some_and(|interface| interface != "lo")
}

fn trail<'a>(playbook: &'a Playbook, graph: &Graph) -> HashSet<&'a str> {
    let beneath = graph.beneath_any(&graph.set(playbook.goals().map(|check| check.id.as_str())));
    let checks = playbook.checks.iter().enumerate();
    checks.filter(|(index, check)| check.goal || beneath.has(*index)).map(|(_, check)| check.id.as_str()).collect()
}

/// The class of an observation's problem; of the gravest where it has several.
pub fn class(observation: &Observation) -> Class {
    let mut classes = observation.codes().map(|code| code.problem().class);
    let first = classes.next().unwrap_or(Class::Integrity);
    classes.fold(first, |left, right| if left == Class::Quality { right } else { left })
}

/// Whether this observation shows that packets went out and came back on its elements: it works, or the far end itself
/// answered with a refusal.
pub fn proves_way(observation: &Observation) -> bool {
    // Reading a setting names elements without having used them.
    if crate::probe::find(&observation.probe).is_some_and(|probe| probe.cost == Cost::Local) {
        return false;
    }
    match observation.outcome {
        Outcome::Ok => !observation.via.is_nothing(),
        Outcome::Problem => observation.code.is_some_and(|code| code.problem().proves_path),
        Outcome::Unknown | Outcome::Skipped => false,
    }
}

/// When the far end was last heard, in milliseconds since the start of the run. Where a connection stood and silence
/// followed, that is not when the wait ended; the start of the check is the latest moment that is sure.
fn heard_ms(answer: &Observation) -> u64 {
    let silent = answer.code.is_some_and(|code| code.problem().basis == Basis::Silence);
    if answer.outcome == Outcome::Problem && silent { answer.started_ms } else { answer.started_ms + answer.took_ms }
}

/// What is at the far end of a way.
fn far_end(via: &Via) -> Option<(&'static str, &str)> {
    let peer = via.peer.as_deref().map(|peer| ("peer", peer));
    peer.or_else(|| via.resolver.as_deref().map(|resolver| ("resolver", resolver)))
}

/// Whether nothing at all came back from the far end, not even the acceptance of a connection.
fn is_dead_silence(observation: &Observation) -> bool {
    let nothing_came = |code: Code| code.problem().basis == Basis::Silence && !code.problem().proves_path;
    observation.outcome == Outcome::Problem
        && class(observation) == Class::Reachability
        && observation.code.is_some_and(nothing_came)
}

/// Rule 1 needs time: a line may die during the run. For each success whether its far end, tried again after it was
/// last heard, was silent. Another element that is silent later says nothing: it may never answer (a gateway that drops
/// pings), and a later silence cannot explain an earlier answer.
fn overtaken(all: &[&Observation], proving: &[bool]) -> Vec<bool> {
    let mut last_tried: HashMap<(&str, &str), u64> = HashMap::new();
    for silence in all.iter().filter(|observation| is_dead_silence(observation)) {
        if let Some(end) = far_end(&silence.via) {
            let tried = last_tried.entry(end).or_default();
            *tried = (*tried).max(silence.started_ms);
        }
    }
    let falls_silent = |success: &Observation| {
        let tried = far_end(&success.via).and_then(|end| last_tried.get(&end));
        tried.is_some_and(|&tried| tried > heard_ms(success))
    };
    all.iter().zip(proving).map(|(success, &proves)| proves && falls_silent(success)).collect()
}

/// Whether this success is of a control of what shows the problem. A control swaps one element to convict it (rule 4):
/// another page that comes through the same proxy says that the proxy works, and nothing about the page that does not.
fn is_control(playbook: &Playbook, graph: &Graph, success: &Observation, problem: &Observation) -> bool {
    let check = graph.position(&success.check).map(|position| &playbook.checks[position]);
    check.is_some_and(|check| check.control_for.contains(&problem.check))
}

/// Rule 1: a success proves the trail it used, and nothing else; one that was overtaken, only as it was at that time. For
/// each observation the first success that disproves it; successes are found by the elements that they used.
fn disproved(
    all: &[&Observation],
    proving: &[bool],
    overtaken: &[bool],
    is_control: impl Fn(&Observation, &Observation) -> bool,
) -> Vec<Option<usize>> {
    let mut by_element: HashMap<(&str, &str), Vec<usize>> = HashMap::new();
    for (index, success) in all.iter().enumerate().filter(|(index, _)| proving[*index]) {
        for element in success.via.elements() {
            by_element.entry(element).or_default().push(index);
        }
    }
    all.iter()
        .map(|problem| {
            if problem.outcome != Outcome::Problem || class(problem) != Class::Reachability {
                return None;
            }
            // A success that used all elements used the one that fewest used.
            let used_by = |element| by_element.get(&element).map_or(&[][..], Vec::as_slice);
            let candidates = problem.via.elements().map(used_by).min_by_key(|indices| indices.len())?;
            candidates.iter().copied().find(|&index| {
                let success = all[index];
                success.id != problem.id
                    && success.layer > problem.layer
                    // Neighbour discovery is spoken beneath IP and needs no route.
                    && (success.probe != "neighbour" || problem.layer == Layer::Link)
                    && !(overtaken[index] && problem.started_ms > heard_ms(success))
                    && problem.via.is_within(&success.via)
                    && !is_control(success, problem)
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const WEB: &str = "198.51.100.10:443";

    fn via(peer: &str) -> Via {
        Via { interface: Some("eth0".to_owned()), peer: Some(peer.to_owned()), ..Via::default() }
    }

    fn at(mut observation: Observation, started_ms: u64, took_ms: u64) -> Observation {
        (observation.started_ms, observation.took_ms) = (started_ms, took_ms);
        observation
    }

    fn works(check: &str, started_ms: u64, took_ms: u64) -> Observation {
        let works = Observation::new("http", Layer::Http, check, None, Outcome::Ok, "works".to_owned()).via(via(WEB));
        at(works, started_ms, took_ms)
    }

    fn problem(check: &str, code: Code, via: Via, started_ms: u64, took_ms: u64) -> Observation {
        let layer = code.problem().layer;
        let mut problem = Observation::new("tcp", layer, check, None, Outcome::Problem, "broken".to_owned()).via(via);
        problem.code = Some(code);
        at(problem, started_ms, took_ms)
    }

    fn own_network() -> Via {
        Via { interface: Some("eth0".to_owned()), ..Via::default() }
    }

    /// Whether the first of these is disproved by any of them, whatever their order.
    fn cleared(all: &[Observation]) -> bool {
        let playbook = Playbook::default();
        let forth = Evidence::new(&playbook, all, None);
        let back = Evidence::new(&playbook, all.iter().rev(), None);
        let first = |evidence: &Evidence<'_>| {
            let index = evidence.observations.iter().position(|observation| observation.id == all[0].id);
            evidence.disproof(index.expect("it is among them")).is_some()
        };
        assert_eq!(first(&forth), first(&back));
        first(&forth)
    }

    #[test]
    fn a_success_clears_a_later_silence_of_its_far_end_only_where_it_was_not_over_by_then() {
        use Code::{HttpNoAnswer, HttpServerError, TcpRefused, TcpTimeout};
        let silent = |started| problem("tcp", TcpTimeout, via(WEB), started, 3_150);
        let later_word = |code| Observation { layer: Layer::Http, ..problem("page", code, via(WEB), 100, 900) };
        let table = [
            ("it went on meanwhile", cleared(&[silent(50), works("page", 0, 60)]), true),
            ("at the same moment", cleared(&[silent(60), works("page", 0, 60)]), true),
            ("it was over before", cleared(&[silent(61), works("page", 0, 60)]), false),
            ("it came afterwards", cleared(&[silent(61), works("page", 4_000, 60)]), true),
            ("one of two came afterwards", cleared(&[silent(61), works("a", 0, 60), works("b", 70, 9)]), true),
            ("without times nothing is later", cleared(&[silent(0), works("page", 0, 0)]), true),
            ("an answer is one until its end", cleared(&[silent(500), later_word(HttpServerError)]), true),
            ("a silence was heard at its start", cleared(&[silent(500), later_word(HttpNoAnswer)]), false),
            (
                "a refusal is no silence",
                cleared(&[problem("tcp", TcpRefused, via(WEB), 61, 1), works("a", 0, 60)]),
                true,
            ),
        ];
        for (what, is, wanted) in table {
            assert_eq!(is, wanted, "{what}");
        }
    }

    #[test]
    fn a_later_silence_of_something_else_is_a_quirk_until_the_far_end_falls_silent_too() {
        let gateway = problem("ping", Code::RouteGatewaySilent, own_network(), 500, 3_000);
        let page = works("page", 0, 60);
        let there = |peer, started| problem("again", Code::TcpTimeout, via(peer), started, 3_150);
        assert!(cleared(&[gateway.clone(), page.clone()]), "it never answers");
        assert!(!cleared(&[gateway.clone(), page.clone(), there(WEB, 700)]), "the line died");
        assert!(cleared(&[gateway.clone(), page.clone(), there("198.51.100.11:443", 700)]), "another one is dead");
        assert!(cleared(&[gateway, page, there(WEB, 30)]), "it was tried before the page came");
    }

    #[test]
    fn a_control_clears_nothing_of_what_it_is_a_control_of() {
        let text = "schema = 1\nid = \"pages\"\ntitle = \"Pages\"\n\
            [[check]]\nid = \"page\"\nprobe = \"http\"\ngoal = true\nurl = \"http://a.test/\"\n\
            [[check]]\nid = \"port\"\nprobe = \"http\"\nurl = \"http://a.test/\"\n\
            [[check]]\nid = \"another\"\nprobe = \"http\"\nurl = \"http://b.test/\"\ncontrol_for = [\"page\"]\n";
        let playbook = crate::playbook::parse::parse("pages.toml", text, &|_| None)
            .unwrap_or_else(|mistake| panic!("{}", mistake.render(false)));
        let proxied = Via { proxy: Some("http://proxy.test:3128".to_owned()), ..own_network() };
        for (of, cleared) in [("page", false), ("port", true)] {
            let silent = problem(of, Code::TcpTimeout, proxied.clone(), 0, 3_000);
            let other = Observation { via: proxied.clone(), ..works("another", 0, 60) };
            let evidence = Evidence::new(&playbook, [&silent, &other], None);
            let index = evidence.of_check(of)[0];
            assert_eq!(evidence.disproof(index).is_some(), cleared, "{of}");
        }
    }

    #[test]
    fn flapping_stands_whenever_it_was_seen() {
        for started in [0, 50, 5_000] {
            assert!(!cleared(&[problem("tcp", Code::TcpFlapping, via(WEB), started, 900), works("page", 0, 60)]));
        }
    }
}
