//! Two packets of one machine, before and after: what changed in the verdict, on the ladder, and in what was seen.

use super::Packet;
use crate::diagnosis::verdict::Verdict;
use crate::layer::Layer;
use crate::observation::{Facts, Observation};
use serde::Serialize;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// A value before and after; none where there was none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    /// What changed: a field of the verdict, a layer, a fact.
    pub what: String,
    pub before: Option<String>,
    pub after: Option<String>,
}

/// An observation that is another one than before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Seen {
    pub id: String,
    pub layer: Layer,
    /// Outcome and problem; none where nothing was observed.
    pub before: Option<String>,
    pub after: Option<String>,
    /// Facts that changed. Measurements are named only where they are more than twice or less than half of before.
    pub facts: Vec<Change>,
}

/// All that changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// Name and system of the machine, where they are two: then little of the rest means anything.
    pub machines: Vec<Change>,
    /// Program, playbook, rights: another look, not another machine.
    pub ways: Vec<Change>,
    pub verdict: Vec<Change>,
    pub layers: Vec<Change>,
    pub observations: Vec<Seen>,
    /// What was changed on the machine in between, as the later packet knows it.
    pub changes: Vec<String>,
}

/// Compares.
pub fn diff(before: &Packet, after: &Packet) -> Difference {
    let fields = |fields: &[(&str, String, String)]| -> Vec<Change> {
        fields.iter().filter_map(|(what, before, after)| changed(what, some(before), some(after))).collect()
    };
    let playbook = |packet: &Packet| format!("{} {:.12}", packet.playbook.id, packet.playbook.hash);
    let tool = |packet: &Packet| format!("{} {}", packet.tool.name, packet.tool.version);
    let rights = |packet: &Packet| {
        let with = if packet.run.elevated { "with" } else { "without" };
        format!("{}, {with} administrator rights", packet.run.user)
    };
    let target = |packet: &Packet| packet.case.target.clone().unwrap_or_default();
    let known: BTreeSet<(&str, &str)> =
        before.changes.iter().map(|change| (change.time.as_str(), change.what.as_str())).collect();
    Difference {
        machines: fields(&[
            ("name", before.host.name.clone(), after.host.name.clone()),
            ("system", before.host.os.clone(), after.host.os.clone()),
        ]),
        ways: fields(&[
            ("program", tool(before), tool(after)),
            ("playbook", playbook(before), playbook(after)),
            ("target", target(before), target(after)),
            ("as", rights(before), rights(after)),
        ]),
        verdict: verdict(&before.verdict, &after.verdict),
        layers: layers(&before.verdict, &after.verdict),
        observations: observations(&before.observations, &after.observations),
        changes: after
            .changes
            .iter()
            .filter(|change| !known.contains(&(change.time.as_str(), change.what.as_str())))
            .map(|change| format!("{} {}", change.time, change.what))
            .collect(),
    }
}

fn some(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

fn changed(what: &str, before: Option<String>, after: Option<String>) -> Option<Change> {
    (before != after).then(|| Change { what: what.to_owned(), before, after })
}

/// What changed from one verdict to another, beside their wording.
pub fn verdict(before: &Verdict, after: &Verdict) -> Vec<Change> {
    let layer = |verdict: &Verdict| {
        let several = verdict.layers.iter().chain(&verdict.layer);
        some(&several.map(Layer::to_string).collect::<Vec<_>>().join(", "))
    };
    let certainty = |verdict: &Verdict| word(&verdict.certainty);
    let code = |verdict: &Verdict| verdict.code.map(|code| code.to_string());
    let because = |verdict: &Verdict| some(&verdict.because.join(", "));
    [
        ("status", some(before.status.name()), some(after.status.name())),
        ("layer", layer(before), layer(after)),
        ("cause", before.cause.clone(), after.cause.clone()),
        ("code", code(before), code(after)),
        ("culprit", before.culprit.clone(), after.culprit.clone()),
        ("certainty", certainty(before), certainty(after)),
        ("because", because(before), because(after)),
    ]
    .into_iter()
    .filter_map(|(what, before, after)| changed(what, before, after))
    .collect()
}

/// The stable word of a value that is written as one.
fn word(value: &impl Serialize) -> Option<String> {
    serde_json::to_value(value).ok()?.as_str().map(str::to_owned)
}

fn layers(before: &Verdict, after: &Verdict) -> Vec<Change> {
    let rungs = |verdict: &Verdict| -> BTreeMap<Layer, Option<String>> {
        verdict.findings.iter().map(|finding| (finding.layer, word(&finding.status))).collect()
    };
    let (before, after) = (rungs(before), rungs(after));
    let all: BTreeSet<Layer> = before.keys().chain(after.keys()).copied().collect();
    let of = |rungs: &BTreeMap<Layer, Option<String>>, layer: Layer| rungs.get(&layer).cloned().flatten();
    all.into_iter().filter_map(|layer| changed(&layer.to_string(), of(&before, layer), of(&after, layer))).collect()
}

fn observations(before: &[Observation], after: &[Observation]) -> Vec<Seen> {
    let by_id = |list: &'_ [Observation]| -> BTreeMap<String, Observation> {
        list.iter().map(|seen| (seen.id.clone(), seen.clone())).collect()
    };
    let (before, after) = (by_id(before), by_id(after));
    let ids: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let mut all: Vec<Seen> = ids.into_iter().filter_map(|id| one(id, before.get(id), after.get(id))).collect();
    all.sort_by(|left, right| (left.layer, &left.id).cmp(&(right.layer, &right.id)));
    all
}

fn one(id: &str, before: Option<&Observation>, after: Option<&Observation>) -> Option<Seen> {
    let ended = |seen: &Observation| {
        let codes: Vec<String> = seen.codes().map(|code| code.to_string()).collect();
        let outcome = word(&seen.outcome).unwrap_or_default();
        if codes.is_empty() { outcome } else { format!("{outcome}: {}", codes.join(", ")) }
    };
    let layer = after.or(before)?.layer;
    let nothing = Facts::new();
    let of = |seen: Option<&'_ Observation>| seen.map_or(nothing.clone(), |seen| seen.facts.clone());
    // Where it was seen only once, every fact would be new.
    let facts = if before.is_some() && after.is_some() { facts(&of(before), &of(after)) } else { Vec::new() };
    let (before, after) = (before.map(ended), after.map(ended));
    (before != after || !facts.is_empty()).then(|| Seen { id: id.to_owned(), layer, before, after, facts })
}

fn facts(before: &Facts, after: &Facts) -> Vec<Change> {
    let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let text = |value: Option<&Value>| value.map(|value| value.as_str().map_or(value.to_string(), str::to_owned));
    names
        .into_iter()
        .filter(|name| !is_noise(name, before.get(*name), after.get(*name)))
        .filter_map(|name| changed(name, text(before.get(name)), text(after.get(name))))
        .collect()
}

/// Whether a fact is a measurement that never comes out the same twice, and did not change by a factor of two. Their
/// names end in a unit. The factor is judgement: less is what a network does from one minute to the next.
fn is_noise(name: &str, before: Option<&Value>, after: Option<&Value>) -> bool {
    const UNITS: [&str; 6] = ["_ms", "_s", "_us", "_bytes", "_percent", "_packets"];
    let (Some(before), Some(after)) = (before.and_then(Value::as_f64), after.and_then(Value::as_f64)) else {
        return false;
    };
    let (low, high) = (before.abs().min(after.abs()), before.abs().max(after.abs()));
    UNITS.iter().any(|unit| name.ends_with(unit)) && high <= 2.0 * low
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packet::read::open;
    use serde_json::json;
    use std::path::Path;

    fn example(name: &str) -> Packet {
        open(&Path::new("tests/packets/v1").join(name)).unwrap().packet
    }

    #[test]
    fn a_packet_does_not_differ_from_itself() {
        let packet = example("stale-vpn-resolver.json");
        let same = diff(&packet, &packet);
        let nothing = [same.machines, same.ways, same.verdict, same.layers].concat();
        assert_eq!((nothing, same.observations, same.changes), (Vec::new(), Vec::new(), Vec::new()));
    }

    #[test]
    fn what_changed_is_named_and_noise_is_not() {
        let before = example("stale-vpn-resolver.json");
        let mut after = before.clone();
        let seen = after.observations.iter_mut().find(|seen| seen.id.starts_with("link.link")).unwrap();
        seen.facts.insert("speed_mbit".into(), json!(100));
        seen.facts.insert("wait_ms".into(), json!(10));
        let mut before = before;
        let first = before.observations.iter_mut().find(|seen| seen.id.starts_with("link.link")).unwrap();
        first.facts.insert("wait_ms".into(), json!(7));
        after.verdict.culprit = Some("10.9.0.1".into());
        let changed = diff(&before, &after);
        assert_eq!(changed.verdict.len(), 1);
        assert_eq!(changed.verdict[0].after.as_deref(), Some("10.9.0.1"));
        assert_eq!(changed.observations.len(), 1);
        let names: Vec<&str> = changed.observations[0].facts.iter().map(|fact| fact.what.as_str()).collect();
        assert_eq!(names, ["speed_mbit"]);
    }

    #[test]
    fn two_machines_are_said_to_be_two() {
        let mut other = example("healthy.json");
        other.host.name = "elsewhere".into();
        assert!(!diff(&example("stale-vpn-resolver.json"), &other).machines.is_empty());
    }
}
