//! The observations of a run, arranged for judging: what each check saw, what a success elsewhere disproved, and what
//! lies off the goal's trail.

use super::graph::Graph;
use crate::layer::Layer;
use crate::observation::{Observation, Outcome};
use crate::playbook::Playbook;
use crate::probe::Cost;
use crate::problem::Class;
use std::collections::{HashMap, HashSet};

/// The check id under which the run states what people said: target, symptom, inputs.
pub const CASE_CHECK: &str = "case";

/// Everything that was seen so far, with what follows from it without naming a cause.
pub struct Evidence<'a> {
    pub playbook: &'a Playbook,
    pub graph: Graph,
    pub observations: Vec<&'a Observation>,
    by_check: HashMap<&'a str, Vec<usize>>,
    /// For each observation, the one whose success disproves its problem.
    disproved: Vec<Option<usize>>,
    /// For each observation, whether it concerns an element that the goal does not use.
    aside: Vec<bool>,
    /// Checks that are on the goal's trail: the goals and what is beneath them.
    trail: HashSet<&'a str>,
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
        let mut observations: Vec<&Observation> = observations.into_iter().collect();
        // The same set must give the same verdict in any order.
        observations.sort_by(|left, right| left.id.cmp(&right.id));
        let mut by_check: HashMap<&str, Vec<usize>> = HashMap::new();
        for (index, observation) in observations.iter().enumerate() {
            by_check.entry(observation.check.as_str()).or_default().push(index);
        }
        let graph = Graph::new(playbook);
        let trail = trail(playbook, &graph);
        let disproved = observations.iter().map(|observation| disproved_by(observation, &observations)).collect();
        let mut evidence =
            Evidence { playbook, graph, observations, by_check, disproved, aside: Vec::new(), trail, finished };
        evidence.aside = evidence.find_aside();
        evidence
    }

    /// What a check saw, by index.
    pub fn of_check(&self, check: &str) -> &[usize] {
        self.by_check.get(check).map_or(&[], Vec::as_slice)
    }

    /// Whether a check will see nothing more.
    pub fn is_finished(&self, check: &str) -> bool {
        self.finished.is_none_or(|finished| finished.contains(check))
    }

    /// Whether the run is over, so that nothing more will be seen.
    pub fn is_over(&self) -> bool {
        self.finished.is_none_or(|finished| self.playbook.checks.iter().all(|check| finished.contains(&check.id)))
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

    /// Whether it concerns an element that the goal does not use.
    pub fn is_aside(&self, index: usize) -> bool {
        self.aside[index]
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

    /// Whether something else on this machine's way out answered while this problem was seen: the control without
    /// which silence counts for nothing (limits.md section 6, rule 5).
    pub fn has_witness(&self, index: usize) -> bool {
        let silent = self.observations[index];
        self.observations.iter().any(|other| {
            proves_way(other)
                && other.layer >= Layer::Route
                && other.id != silent.id
                && other.via.interface.is_some()
                && (silent.via.interface.is_none() || other.via.interface == silent.via.interface)
        })
    }

    /// Observations on interfaces that the goal's packets do not take. Where the kernel names the interface that the
    /// target takes, the others are aside; where it names none, an interface that works puts the broken ones aside.
    fn find_aside(&self) -> Vec<bool> {
        let used: HashSet<&str> = self
            .observations
            .iter()
            .filter(|observation| self.on_trail(&observation.check) && decides_interface(observation))
            .filter_map(|observation| observation.via.interface.as_deref())
            .collect();
        self.observations
            .iter()
            .map(|observation| {
                let lower = matches!(observation.layer, Layer::Link | Layer::Ip | Layer::Route)
                    && observation.subject.is_some()
                    && matches!(observation.probe.as_str(), "link" | "address" | "neighbour" | "echo");
                lower
                    && !used.is_empty()
                    && observation.via.interface.as_deref().is_some_and(|interface| !used.contains(interface))
            })
            .collect()
    }
}

/// Whether this observation tells which interface the goal's packets take.
fn decides_interface(observation: &Observation) -> bool {
    matches!(observation.probe.as_str(), "route" | "tcp" | "http" | "udp" | "dns" | "proxy" | "tls")
        && observation.via.interface.as_deref().is_some_and(|interface| interface != "lo")
}

fn trail<'a>(playbook: &'a Playbook, graph: &Graph) -> HashSet<&'a str> {
    let goals: Vec<usize> =
        playbook.checks.iter().enumerate().filter(|(_, check)| check.goal).map(|(i, _)| i).collect();
    playbook
        .checks
        .iter()
        .enumerate()
        .filter(|(index, check)| check.goal || goals.iter().any(|&goal| graph.bit(goal, *index)))
        .map(|(_, check)| check.id.as_str())
        .collect()
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

/// Rule 1: a success proves the trail it used, and nothing else.
fn disproved_by(problem: &Observation, all: &[&Observation]) -> Option<usize> {
    if problem.outcome != Outcome::Problem || class(problem) != Class::Reachability {
        return None;
    }
    all.iter().position(|success| {
        proves_way(success)
            && success.id != problem.id
            && success.layer > problem.layer
            // Neighbour discovery is spoken beneath IP and needs no route.
            && (success.probe != "neighbour" || problem.layer == Layer::Link)
            && problem.via.is_within(&success.via)
    })
}
