//! What changed on this machine, as playbooks speak of it: `{ changed = "dns", within = "2 d" }`. It is an observation of
//! its own, as the case is, so that conditions, templates, tests and replays find it where everything else is.
//!
//! A change is the prime suspect and no proof: a cause that rests on changes alone holds nowhere
//! (`diagnosis::causes::holding`).

use crate::layer::Layer;
use crate::observation::{Facts, Observation, Outcome};
use crate::sys::Change;
use jiff::Timestamp;
use serde_json::json;

/// The check id of what changed.
pub const CHANGES_CHECK: &str = "changes";

/// Topics beside the layers: a package of any kind, the kernel, settings of the network, a start of the machine.
const KINDS: [&str; 4] = ["package", "kernel", "network", "start"];

/// Beginnings of package names that replace the kernel or its modules.
const KERNELS: [&str; 3] = ["linux-image", "linux-modules", "kernel"];

/// Layers whose files are settings of the network.
const NETWORK: [Layer; 7] =
    [Layer::Link, Layer::Ip, Layer::Route, Layer::Vpn, Layer::Dns, Layer::Proxy, Layer::Transport];

/// Topics named in the summary; all of them are facts.
const TOPICS_SHOWN: usize = 3;

/// What can be said to have changed: a layer, or one of the kinds.
pub fn topics() -> impl Iterator<Item = &'static str> + Clone {
    Layer::ALL.into_iter().map(Layer::name).chain(KINDS)
}

/// The fact that says how many hours ago a topic changed last.
pub fn hours(topic: &str) -> String {
    format!("{topic}_hours")
}

/// Every fact, and its JSON type.
pub fn facts() -> impl Iterator<Item = (String, &'static str)> {
    topics().flat_map(|topic| {
        [(hours(topic), "number"), (format!("{topic}_ago"), "string"), (format!("{topic}_what"), "string")]
    })
}

/// The observation of what changed before this moment; none where nothing did.
pub fn observation(changes: &[Change], before: Timestamp) -> Option<Observation> {
    let mut dated: Vec<(f64, &Change)> =
        changes.iter().filter_map(|change| Some((age_hours(change, before)?, change))).collect();
    dated.sort_by(|(left, _), (right, _)| left.total_cmp(right));
    let mut facts = Facts::new();
    let mut shown = Vec::new();
    for topic in topics() {
        let Some((hours_ago, change)) = dated.iter().find(|(_, change)| touches(change, topic)) else { continue };
        let ago = ago(*hours_ago);
        shown.push((*hours_ago, format!("{topic} {ago} before ({})", change.what)));
        facts.insert(hours(topic), json!((hours_ago * 10.0).round() / 10.0));
        facts.insert(format!("{topic}_ago"), json!(ago));
        facts.insert(format!("{topic}_what"), json!(change.what));
    }
    shown.sort_by(|(left, _), (right, _)| left.total_cmp(right));
    let shown: Vec<String> = shown.into_iter().take(TOPICS_SHOWN).map(|(_, words)| words).collect();
    let summary = format!("changed of late: {}", shown.join("; "));
    let mut seen = Observation::new(CHANGES_CHECK, Layer::Host, CHANGES_CHECK, None, Outcome::Ok, summary);
    seen.facts = facts;
    (!seen.facts.is_empty()).then_some(seen)
}

fn age_hours(change: &Change, before: Timestamp) -> Option<f64> {
    let time: Timestamp = change.time.parse().ok()?;
    let hours = before.duration_since(time).as_secs_f64() / 3_600.0;
    (hours >= 0.0).then_some(hours)
}

fn touches(change: &Change, topic: &str) -> bool {
    let is_package = change.kind == "package";
    match topic {
        "package" => is_package,
        "kernel" => is_package && KERNELS.iter().any(|start| change.what.starts_with(start)),
        "network" => change.kind == "file" && change.layer.is_some_and(|layer| NETWORK.contains(&layer)),
        "start" => change.kind == "boot",
        layer => change.layer.is_some_and(|touched| touched.name() == layer),
    }
}

/// A time as people say it: to the minute within two hours, to the hour within two days.
pub fn ago(hours: f64) -> String {
    match hours {
        ..2.0 => format!("{:.0} min", hours * 60.0),
        2.0..48.0 => format!("{hours:.0} h"),
        _ => format!("{:.0} days", hours / 24.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(time: &str, kind: &str, what: &str, layer: Option<Layer>) -> Change {
        Change { time: time.to_owned(), kind: kind.to_owned(), what: what.to_owned(), layer }
    }

    #[test]
    fn each_topic_has_its_newest_change() {
        let changes = [
            change("2026-11-20T10:00:00Z", "package", "openvpn upgraded from 2.5 to 2.6", Some(Layer::Vpn)),
            change("2026-11-21T09:30:00Z", "file", "/etc/resolv.conf changed", Some(Layer::Dns)),
            change("2026-11-15T10:00:00Z", "file", "/etc/hosts changed", Some(Layer::Dns)),
            change("2026-11-21T11:00:00Z", "boot", "the machine started", None),
            change("not a time", "boot", "the machine started", None),
        ];
        let seen = observation(&changes, "2026-11-21T10:00:00Z".parse().unwrap()).unwrap();
        assert_eq!(seen.facts["vpn_hours"], 24.0);
        assert_eq!((&seen.facts["dns_ago"], &seen.facts["network_what"]), (&json!("30 min"), &json!(changes[1].what)));
        assert_eq!(seen.facts["package_what"], changes[0].what);
        assert!(!seen.facts.contains_key("start_hours"), "what came after the fault did not make it");
        assert!(seen.summary.starts_with("changed of late: dns 30 min before (/etc/resolv.conf changed)"), "{seen:?}");
        assert_eq!(observation(&changes[3..], "2026-11-21T10:00:00Z".parse().unwrap()), None);
        let known: Vec<String> = facts().map(|(name, _)| name).collect();
        assert!(seen.facts.keys().all(|name| known.contains(name)));
    }

    #[test]
    fn times_read_as_people_say_them() {
        for (hours, words) in [(0.0, "0 min"), (1.5, "90 min"), (2.0, "2 h"), (47.4, "47 h"), (49.0, "2 days")] {
            assert_eq!(ago(hours), words);
        }
    }
}
