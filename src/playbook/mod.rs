//! Playbooks: a symptom, the checks that a good technician would make, and the causes that their outcomes tell apart.
//! `parse` reads TOML with spans, `lint` finds mistakes, `builtin` is the list of those in the binary, `matching` finds
//! one by the user's words, `testing` runs the tests that a playbook carries. For authors: `start` is a playbook to begin
//! with, `schema` tells editors what can be written, `order` and `draw` show what a playbook will do; `trust` says who
//! vouches for one.

pub mod builtin;
pub mod change;
pub mod condition;
mod draft;
pub mod draw;
mod given;
pub mod input;
mod lint;
pub mod load;
pub mod matching;
pub mod mistake;
pub mod order;
pub mod parse;
pub mod pattern;
pub(crate) mod reader;
#[cfg(test)]
mod sample;
pub mod schema;
pub mod start;
pub mod template;
pub mod testing;
#[cfg(test)]
mod tests;
pub mod trust;
mod unit;
mod view;
mod when;

pub use condition::Condition;
pub use input::{Input, InputKind};
pub use load::{LoadError, load};
pub use mistake::{Mistake, Mistakes, Source};
pub use parse::{Registry, parse};
pub use view::View;

use crate::layer::Layer;
use crate::observation::Facts;
use crate::packet::case::{Scope, Urgency};
use crate::probe::{Cost, exec};
use crate::problem::Code;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The version of the language that this program reads.
pub const SCHEMA: u32 = 1;

/// A playbook, includes resolved and checked: every name in it exists.
#[derive(Debug, Clone, Default)]
pub struct Playbook {
    /// Kebab-case id.
    pub id: String,
    /// The symptom in a few words.
    pub title: String,
    /// How users put it.
    pub says: Vec<String>,
    /// How grave its causes are that do not say so themselves.
    pub gravity: Gravity,
    /// What must be known before it can run, by name.
    pub inputs: BTreeMap<String, Input>,
    /// The checks, in the order of the file; included ones first.
    pub checks: Vec<Check>,
    /// The causes that the checks tell apart.
    pub causes: Vec<Cause>,
    /// The tests that it carries.
    pub tests: Vec<Test>,
    /// Where it was read: a path, or `built in`.
    pub origin: String,
    /// SHA-256 over its text and the text of all that it includes, in hexadecimal.
    pub hash: String,
    /// These texts, its own first.
    pub sources: Arc<[Source]>,
}

impl Playbook {
    /// The check with this id.
    pub fn check(&self, id: &str) -> Option<&Check> {
        self.checks.iter().find(|check| check.id == id)
    }

    /// How grave it is where this is the cause.
    pub fn gravity(&self, cause: Option<&str>) -> Gravity {
        let cause = cause.and_then(|id| self.causes.iter().find(|cause| cause.id == id));
        cause.map_or(Gravity::default(), |cause| cause.gravity).or(self.gravity)
    }

    /// Calls the teams as the site does.
    pub fn name_teams(&mut self, names: &BTreeMap<String, String>) {
        for rule in self.causes.iter_mut().flat_map(|cause| &mut cause.escalate) {
            if let Some(name) = names.get(&rule.to) {
                rule.to.clone_from(name);
            }
        }
    }

    /// The checks that are the complaint itself.
    pub fn goals(&self) -> impl Iterator<Item = &Check> {
        self.checks.iter().filter(|check| check.goal)
    }

    /// The checks that start programs which the playbook names.
    pub fn commands(&self) -> impl Iterator<Item = &Check> {
        self.checks.iter().filter(|check| check.probe == exec::PROBE.name)
    }
}

/// One use of a probe.
#[derive(Debug, Clone)]
pub struct Check {
    pub id: String,
    /// Name of the probe; it exists.
    pub probe: String,
    /// What it is for, in a few words.
    pub title: Option<String>,
    /// Where its observations belong; the probe's own layer if the playbook does not say.
    pub layer: Layer,
    /// Its cost; the probe's own if the playbook does not say.
    pub cost: Cost,
    /// This is the complaint itself.
    pub goal: bool,
    /// What must work for this to work.
    pub after: Vec<String>,
    /// What this could spoil without being on its path.
    pub may_affect: Vec<String>,
    /// The checks that this one repeats with one element swapped.
    pub control_for: Vec<String>,
    /// Made only where this holds; a question or a slow measurement should say when it is worth its cost.
    pub when: Option<Condition>,
    /// Whose view it needs; with another one it is `unknown`.
    pub context_required: Option<View>,
    /// Arguments, templates not yet filled.
    pub args: Facts,
}

impl Default for Check {
    /// A check of nothing on this machine: where to start from.
    fn default() -> Self {
        Check {
            id: String::new(),
            probe: String::new(),
            title: None,
            layer: Layer::Host,
            cost: Cost::Local,
            goal: false,
            after: Vec::new(),
            may_affect: Vec::new(),
            control_for: Vec::new(),
            when: None,
            context_required: None,
            args: Facts::new(),
        }
    }
}

/// How common a cause is among tickets of this symptom: expert ordering, not measured (ecosystem.md section F).
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Prior {
    Rare,
    Occasional,
    Common,
}

impl Prior {
    /// Relative weight of a suspect; judgement.
    pub fn weight(self) -> f64 {
        match self {
            Prior::Common => 4.0,
            Prior::Occasional => 2.0,
            Prior::Rare => 1.0,
        }
    }
}

/// A named explanation.
#[derive(Debug, Clone)]
pub struct Cause {
    pub id: String,
    pub layer: Layer,
    pub prior: Prior,
    pub title: String,
    /// Holds where the cause explains what was seen.
    pub when: Condition,
    /// The problem that the cause amounts to, where no single observation has it: what a substitution shows, or several
    /// silences together. Without it the verdict has the code of the problem that the cause explains.
    pub code: Option<Code>,
    /// Template for the concrete thing; empty for the subject of the observation that is explained.
    pub culprit: Option<String>,
    /// One sentence for the user.
    pub plain: String,
    /// One sentence for the ticket; template.
    pub technical: Option<String>,
    /// At most three steps are shown at a time.
    pub workaround: Vec<String>,
    /// The check that proves that it works again.
    pub verify: Option<String>,
    /// What was changed where it is this, as a rule: such a change shortly before makes it likelier. Its layer where the
    /// playbook does not say.
    pub changes: Vec<&'static str>,
    /// Whom to hand it to: the first rule that applies counts.
    pub escalate: Vec<Escalation>,
    /// How grave it is, where nobody said so.
    pub gravity: Gravity,
    /// The article of the site's own knowledge base, in words.
    pub kb: Option<String>,
    /// Addresses to read on at. Nothing opens them.
    pub links: Vec<String>,
    /// A person feels this although the goal may work right now: it makes a working goal `degraded`.
    pub degrades: bool,
    /// A second layer that what was seen cannot tell from the cause's own: the verdict names both and stays `suspected`.
    pub or_layer: Option<Layer>,
    /// What was seen fits the cause and cannot prove it: the verdict stays `suspected`.
    pub suspected: bool,
    /// A sign of an attack: stop, preserve, hand to security.
    pub security_stop: bool,
    /// Where it sits, for what people say of other machines and networks; without it as layer and codes tell.
    pub place: Option<Place>,
}

/// Where a cause sits, seen from the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// In what belongs to the person's account: another account on the same machine does not have it.
    Person,
    /// On this machine alone: another one beside it does not have it.
    Machine,
    /// In what all machines of this network share: gateway, resolvers, the way out.
    Network,
    /// At the target: everybody has it, from wherever.
    Target,
}

impl Default for Cause {
    /// A cause that always holds and says nothing: where to start from.
    fn default() -> Self {
        Cause {
            id: String::new(),
            layer: Layer::Host,
            prior: Prior::Occasional,
            title: String::new(),
            when: Condition::All(Vec::new()),
            code: None,
            culprit: None,
            plain: String::new(),
            technical: None,
            workaround: Vec::new(),
            verify: None,
            changes: Vec::new(),
            escalate: Vec::new(),
            gravity: Gravity::default(),
            kb: None,
            links: Vec::new(),
            degrades: false,
            or_layer: None,
            suspected: false,
            security_stop: false,
            place: None,
        }
    }
}

/// A rule of a cause: whom to hand it to, and when.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Escalation {
    pub to: String,
    /// For the person who decides; why it is so, where the condition decides.
    pub when: String,
    /// Where it holds, it is handed over at once; where it does not, the rule does not apply. Without one a person decides.
    pub condition: Option<Condition>,
}

/// How grave something is as far as the playbook can know: what people say of the case goes before it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Gravity {
    /// Who is affected.
    pub impact: Option<Scope>,
    /// How soon it must be better.
    pub urgency: Option<Urgency>,
}

impl Gravity {
    /// What is not said here is taken from `other`.
    pub fn or(self, other: Gravity) -> Gravity {
        Gravity { impact: self.impact.or(other.impact), urgency: self.urgency.or(other.urgency) }
    }
}

/// Whom to hand it to, and when, as packets keep it.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
pub struct Escalate {
    pub to: String,
    #[serde(default)]
    pub when: String,
    /// What was seen says that it must be handed over now; else `when` is for a person to judge.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub now: bool,
}

/// A test that a playbook carries: observations in, verdict out.
#[derive(Debug, Clone)]
pub struct Test {
    pub name: String,
    /// By check id, one entry for each subject.
    pub given: Vec<(String, Vec<Given>)>,
    pub expect: Expect,
    /// What a person stated, where the test is about that.
    pub symptom: Option<String>,
}

/// What a check is said to have seen.
#[derive(Debug, Clone, Default)]
pub struct Given {
    pub subject: Option<String>,
    /// `ok`, `problem`, `unknown`, `skipped`; a code makes it a problem.
    pub outcome: Option<crate::observation::Outcome>,
    pub code: Option<crate::problem::Code>,
    pub facts: Facts,
    pub via: crate::observation::Via,
    /// Further problems seen in the same look.
    pub also: Vec<crate::problem::Code>,
    /// Whether a problem was seen once only; confirmed if the test does not say.
    pub certainty: Option<crate::observation::Certainty>,
}

/// What the verdict must say; what is absent is not compared.
#[derive(Debug, Clone, Default)]
pub struct Expect {
    pub status: Option<String>,
    pub layer: Option<Layer>,
    /// The cause's id, or `none` where no single cause may be named.
    pub cause: Option<String>,
    pub culprit: Option<String>,
}
