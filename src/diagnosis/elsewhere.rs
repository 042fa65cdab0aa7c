//! What people say of other machines, accounts and networks. It is a report and no measurement, so it only chooses among what
//! the observations leave open: it may leave out a rival that nothing else tells apart from what is blamed, and then the
//! verdict stays suspected. It convicts nobody, and clears nothing that was seen
//! (docs/design/0013-what-people-say-of-elsewhere.md).

use super::causes::{Holding, stated_codes};
use super::evidence::Evidence;
use super::judge::judge_so_far;
use crate::layer::Layer;
use crate::packet::Case;
use crate::packet::case::heard::Heard;
use crate::packet::case::{Elsewhere, Scope};
use crate::playbook::{Cause, Check, Place};
use crate::problem::Basis;

/// What was said, as the places that it speaks against.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Testimony {
    against: Vec<Place>,
}

impl Testimony {
    /// What the case says: before the run, and in answers during it.
    pub fn of(case: &Case) -> Testimony {
        let mut against = Vec::new();
        match case.other_device {
            // What this machine shares with the other one serves that one well.
            Some(Elsewhere::Works) => against.extend([Place::Network, Place::Target]),
            Some(Elsewhere::Fails) => against.push(Place::Machine),
            None => {}
        }
        match case.other_account {
            // What all accounts of this machine share serves the other one well.
            Some(Elsewhere::Works) => against.extend([Place::Machine, Place::Network, Place::Target]),
            Some(Elsewhere::Fails) => against.push(Place::Person),
            None => {}
        }
        match case.other_network {
            Some(Elsewhere::Works) => against.push(Place::Target),
            Some(Elsewhere::Fails) => against.push(Place::Network),
            None => {}
        }
        if matches!(case.scope, Some(Scope::Several | Scope::Site | Scope::Everyone)) {
            against.extend([Place::Person, Place::Machine]);
        }
        // Who says that it works and that it fails for everybody says nothing.
        let all = [Place::Person, Place::Machine, Place::Network, Place::Target];
        if all.iter().all(|place| against.contains(place)) {
            against.clear();
        }
        Testimony { against }
    }

    /// Whether a cause does not fit what was said.
    pub fn speaks_against(&self, cause: &Cause) -> bool {
        place(cause).is_some_and(|place| self.against.contains(&place))
    }

    /// Of causes that hold and cannot be told apart, those that fit what was said; all of them where none does.
    pub fn fitting<'a>(&self, held: Vec<Holding<'a>>) -> Vec<Holding<'a>> {
        match held.iter().all(|holding| self.speaks_against(holding.cause)) {
            true => held,
            false => held.into_iter().filter(|holding| !self.speaks_against(holding.cause)).collect(),
        }
    }
}

/// Where a cause sits: as the playbook says, else as its layer and codes say; none where these leave it open.
fn place(cause: &Cause) -> Option<Place> {
    cause.place.or_else(|| {
        let mut codes = Vec::new();
        stated_codes(&cause.when, &mut codes);
        let all = |fits: fn(Basis, bool) -> bool| {
            let mut problems = codes.iter().map(|code| code.problem());
            !codes.is_empty() && problems.all(|problem| fits(problem.basis, problem.proves_path))
        };
        match cause.layer {
            Layer::Host | Layer::Vpn => Some(Place::Machine),
            // What this machine reads about its own port, radio and address.
            Layer::Link | Layer::Ip if all(|basis, _| basis == Basis::State) => Some(Place::Machine),
            Layer::Path => Some(Place::Network),
            // The far end says it itself, and would say it to others as well.
            Layer::Transport | Layer::Http | Layer::Application
                if all(|basis, proves_path| basis == Basis::Answer && proves_path) =>
            {
                Some(Place::Target)
            }
            _ => None,
        }
    })
}

/// Whether an answer to this question would change what the verdict says: only then is it worth somebody's time.
pub fn splits(check: &Check, evidence: &Evidence<'_>, case: &Case) -> bool {
    let Some(heard) = Heard::of(check) else { return false };
    let answers = check.args.get("answers").and_then(|answers| answers.as_object());
    let mut verdicts = answers.into_iter().flat_map(|answers| answers.keys()).map(|answer| {
        let mut told = case.clone();
        heard.tell(&mut told, answer, None);
        let verdict = judge_so_far(evidence, &told).verdict;
        (verdict.status, verdict.layer, verdict.layers, verdict.cause)
    });
    let first = verdicts.next();
    verdicts.any(|other| Some(other) != first)
}
