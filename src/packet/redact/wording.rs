//! The verdict survives: its sentences are worded anew from what is left, and what its conditions compared with is kept
//! as truths where it is hidden now.

use crate::diagnosis::judge;
use crate::packet::Packet;
use crate::playbook::Playbook;
use crate::playbook::condition::Test;

/// Keeps how the playbook's conditions compared with facts that read differently now, so that a later judgement comes to
/// the same verdict without them.
pub(super) fn record_truths(redacted: &mut Packet, before: &Packet, playbook: &Playbook) {
    let of_causes = playbook.causes.iter().map(|cause| &cause.when);
    let of_checks = playbook.checks.iter().filter_map(|check| check.when.as_ref());
    let mut atoms = Vec::new();
    of_causes.chain(of_checks).for_each(|condition| condition.atoms(&mut atoms));
    for (now, was) in redacted.observations.iter_mut().zip(&before.observations) {
        for atom in atoms.iter().filter(|atom| atom.check == was.check) {
            if let Test::Fact(fact, compare) = &atom.test
                && let Some(truth) = atom.test.holds(was)
                && atom.test.holds(now) != Some(truth)
            {
                now.truths.insert(compare.mark(fact), truth);
            }
        }
    }
}

/// Words the verdict anew, where it is still the same one: its sentences then follow from the redacted facts.
pub(super) fn reword(redacted: &mut Packet, before: &Packet, playbook: &Playbook) {
    let judgement = judge(playbook, &redacted.observations, &redacted.case);
    let (verdict, old) = (judgement.verdict, &before.verdict);
    let same = (verdict.status, verdict.layer, &verdict.layers, &verdict.cause, verdict.code, verdict.certainty)
        == (old.status, old.layer, &old.layers, &old.cause, old.code, old.certainty)
        && verdict.because.len() == old.because.len()
        && verdict.suspects.len() == old.suspects.len()
        && verdict.also.len() == old.also.len();
    if same {
        // A note of the run itself is nothing that the judge knows.
        let notes = std::mem::take(&mut redacted.verdict.notes);
        redacted.verdict = verdict;
        if notes.len() != redacted.verdict.notes.len() {
            redacted.verdict.notes = notes;
        }
        redacted.next = judgement.next;
    }
}
