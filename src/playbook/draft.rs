//! A playbook of which each part can be read, with the place of everything that a mistake may be about.

use super::given::PlacedTest;
use super::mistake::{At, Source};
use super::when::PlacedAtom;
use super::{Cause, Check, Gravity, Input, Playbook};
use sha2::{Digest, Sha256};
use std::rc::Rc;

/// What only the playbook itself has.
#[derive(Debug, Clone, Default)]
pub(super) struct Head {
    pub id: String,
    pub title: String,
    pub says: Vec<String>,
    pub gravity: Gravity,
    pub at: At,
    pub texts: Vec<PlacedText>,
}

/// A text that templates may stand in.
#[derive(Debug, Clone)]
pub(super) struct PlacedText {
    pub text: String,
    pub at: At,
    pub fill: Fill,
}

/// Whether, and from what, a text is filled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fill {
    /// From everything.
    Everything,
    /// From the settings only, because nothing else is known yet.
    Settings,
    /// Not at all: braces in it are a mistake.
    Never,
}

/// A check and where its parts stand.
#[derive(Debug)]
pub(super) struct DraftCheck {
    pub check: Check,
    pub at: At,
    pub probe: At,
    pub after: Vec<At>,
    pub may_affect: Vec<At>,
    pub control_for: Vec<At>,
    pub atoms: Vec<PlacedAtom>,
    /// Name, place of the name, place of the value.
    pub args: Vec<(String, At, At)>,
    pub texts: Vec<PlacedText>,
}

impl DraftCheck {
    /// Whether what speaks of this check can speak of the other one: they report the same codes and facts, and neither
    /// has answers of its own.
    pub fn shows_the_same(&self, other: &DraftCheck) -> bool {
        self.check.probe == other.check.probe && !self.check.args.contains_key("answers")
    }
}

/// A cause and where its parts stand.
#[derive(Debug)]
pub(super) struct DraftCause {
    pub cause: Cause,
    pub at: At,
    pub atoms: Vec<PlacedAtom>,
    /// Of the rules of `escalate`, and where each rule stands.
    pub rule_atoms: Vec<PlacedAtom>,
    pub rules: Vec<At>,
    pub verify: Option<At>,
    pub workaround: Vec<At>,
    pub texts: Vec<PlacedText>,
}

/// An input and where its parts stand.
#[derive(Debug)]
pub(super) struct DraftInput {
    pub name: String,
    pub input: Input,
    pub at: At,
    pub texts: Vec<PlacedText>,
}

/// A playbook of which each part can be read, and nothing is known yet about how they fit. What several playbooks include
/// they share.
#[derive(Debug, Default)]
pub(super) struct Draft {
    pub inputs: Vec<Rc<DraftInput>>,
    pub checks: Vec<Rc<DraftCheck>>,
    pub causes: Vec<Rc<DraftCause>>,
    pub tests: Vec<Rc<PlacedTest>>,
}

/// The part of an item that a playbook keeps: moved out where nobody else has the item.
fn taken<T, P: Clone>(item: Rc<T>, move_out: fn(T) -> P, of: fn(&T) -> &P) -> P {
    Rc::try_unwrap(item).map_or_else(|shared| of(&shared).clone(), move_out)
}

impl Draft {
    pub(super) fn finish(self, head: Head, sources: &[Source], hasher: Sha256) -> Playbook {
        let hash = hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        Playbook {
            id: head.id,
            title: head.title,
            says: head.says,
            gravity: head.gravity,
            inputs: self.inputs.iter().map(|input| (input.name.clone(), input.input.clone())).collect(),
            checks: self.checks.into_iter().map(|it| taken(it, |it| it.check, |it| &it.check)).collect(),
            causes: self.causes.into_iter().map(|it| taken(it, |it| it.cause, |it| &it.cause)).collect(),
            tests: self.tests.into_iter().map(|it| taken(it, |it| it.test, |it| &it.test)).collect(),
            origin: sources.first().map(|source| source.name.clone()).unwrap_or_default(),
            hash,
            sources: sources.into(),
        }
    }
}
