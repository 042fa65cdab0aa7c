//! The texts of a cause, filled with what was seen.

use super::evidence::Evidence;
use crate::playbook::template::{Scope, text};
use std::collections::BTreeSet;

/// Fills a template. A check is spoken for by the observation that the cause rests on.
pub fn fill(template: &str, evidence: &Evidence<'_>, matched: &BTreeSet<usize>) -> Option<String> {
    let ids: BTreeSet<&str> = matched.iter().map(|&index| evidence.observations[index].id.as_str()).collect();
    let seen = evidence.observations.iter().copied();
    text(template, &Scope::default().with_observations(seen, &|observation| ids.contains(observation.id.as_str())))
}
