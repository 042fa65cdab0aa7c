//! What the diagnosis promises of any set of observations, tried on the packet of each world: judged again it is the
//! same packet byte for byte, in another order of the observations it is the same verdict, and a check that could not run
//! never moves blame.

use crate::machine;
use firstline::diagnosis::evidence::Evidence;
use firstline::diagnosis::judge;
use firstline::diagnosis::verdict::{Status, Verdict};
use firstline::observation::{Observation, Outcome};
use firstline::packet::Packet;
use firstline::playbook::{Playbook, builtin};

/// Where the packet lies on the client.
const STORED: &str = "/tmp/packet.json";

/// What is broken of the promises, one line each.
pub fn broken(packet: &str) -> Vec<String> {
    let parsed = serde_json::from_str::<Packet>(packet).map_err(|error| error.to_string());
    let playbook = |packet: &Packet| match builtin::playbook(&packet.playbook.id) {
        Some(Ok(playbook)) => Ok(playbook),
        _ => Err(format!("`{}` is no built-in playbook", packet.playbook.id)),
    };
    let read = parsed.and_then(|packet| Ok((playbook(&packet)?, packet)));
    let (playbook, parsed) = match read {
        Ok(read) => read,
        Err(error) => return vec![format!("promises: {error}")],
    };
    let mut broken: Vec<String> = replay(packet).into_iter().collect();
    broken.extend(order(&playbook, &parsed));
    broken.extend(unknown(&playbook, &parsed));
    broken
}

/// A packet judged again by the program itself.
fn replay(packet: &str) -> Option<String> {
    if let Err(error) = std::fs::write(STORED, packet) {
        return Some(format!("replay: the packet cannot be stored ({error})"));
    }
    let again = match machine::command("/run/lab/firstline", &["replay", STORED, "--format", "json"]).output() {
        Ok(output) => String::from_utf8_lossy(&output.stdout).into_owned(),
        Err(error) => return Some(format!("replay: {error}")),
    };
    if again == packet {
        return None;
    }
    let mut pairs = packet.lines().zip(again.lines());
    let (before, after) = pairs.find(|(before, after)| before != after).unwrap_or(("its end", "another end"));
    Some(format!("replay: `{}` became `{}`", before.trim(), after.trim()))
}

/// Backwards, and cut like a pack of cards.
fn order(playbook: &Playbook, packet: &Packet) -> Option<String> {
    let mut backwards = packet.observations.clone();
    backwards.reverse();
    let mut cut = packet.observations.clone();
    cut.rotate_left(packet.observations.len() / 3);
    let differs = |observations: &[Observation]| judge(playbook, observations, &packet.case).verdict != packet.verdict;
    (differs(&backwards) || differs(&cut)).then(|| "order: another order gives another verdict".to_owned())
}

/// Each check in turn could not run.
fn unknown(playbook: &Playbook, packet: &Packet) -> Vec<String> {
    let mut checks: Vec<&str> = packet.observations.iter().map(|seen| seen.check.as_str()).collect();
    checks.dedup();
    let mut broken = Vec::new();
    for check in checks {
        let Some(first) = packet.observations.iter().find(|seen| seen.check == check) else { continue };
        let mut observations: Vec<Observation> =
            packet.observations.iter().filter(|seen| seen.check != check).cloned().collect();
        let why = "it was not allowed to run".to_owned();
        let mut unknown = Observation::new(&first.probe, first.layer, check, None, Outcome::Unknown, why.clone());
        unknown.reason = Some(why);
        observations.push(unknown);
        let evidence = Evidence::new(playbook, &observations, None);
        // What could spoil the goal without being on its way, and the controls, link a cause to it or stay silent; and
        // without the goal it is another question.
        if !evidence.on_trail(check) || evidence.top_goals().contains(&check) {
            continue;
        }
        let verdict = judge(playbook, &observations, &packet.case).verdict;
        if let Some(moved) = moved(&packet.verdict, &verdict) {
            broken.push(format!("unknown: without `{check}` {moved}"));
        }
    }
    broken
}

/// Whom the verdict blames now that it did not blame before.
fn moved(before: &Verdict, after: &Verdict) -> Option<String> {
    if !matches!(after.status, Status::Fault | Status::Degraded) {
        return None;
    }
    let layer = after.layer?;
    let known = before.layer == Some(layer) || before.also.iter().any(|also| also.layer == layer);
    (!known).then(|| format!("{layer:?} is blamed ({:?}, {:?}): {}", after.status, after.certainty, after.summary))
}
