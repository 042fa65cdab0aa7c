//! The texts of a cause, filled with what was seen.

use super::evidence::Evidence;
use crate::playbook::template::{Scope, is_template, text};
use std::collections::BTreeSet;

/// Fills a template. A check is spoken for by the observation that the cause rests on.
pub fn fill(template: &str, evidence: &Evidence<'_>, matched: &BTreeSet<usize>) -> Option<String> {
    if !is_template(template) {
        return Some(template.to_owned());
    }
    let seen = |index: usize| evidence.observations[index];
    // Where a cause rests on several subjects of a check, it is about the one that has the problem.
    let speaks = |&index: &usize| {
        let broken = |other: &usize| seen(*other).check == seen(index).check && evidence.stands(*other);
        evidence.stands(index) || !matched.iter().any(broken)
    };
    let ids: BTreeSet<&str> =
        matched.iter().filter(|index| speaks(index)).map(|&index| seen(index).id.as_str()).collect();
    let mentioned = evidence.mentioned(template);
    let mentioned = mentioned.iter().map(|&index| seen(index));
    text(template, &Scope::default().with_observations(mentioned, &|observation| ids.contains(observation.id.as_str())))
}
