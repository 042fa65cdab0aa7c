//! What changed of late on this machine, collected beside the checks, and the observation that is made of it.

use crate::observation::Observation;
use crate::packet::Case;
use crate::playbook::change;
use crate::sys::{Change, local_zone};
use crate::world::World;
use jiff::Timestamp;
use jiff::civil;
use std::time::Duration;

/// How far back changes are collected, in days: what second line asks for (ecosystem.md F.3).
const DAYS: u32 = 14;

/// How long collecting them may take.
const WAIT: Duration = Duration::from_millis(400);

/// Everything that is known to have changed; nothing where it cannot be read in time.
pub(super) async fn changes(world: &World) -> Vec<Change> {
    match tokio::time::timeout(WAIT, world.machine.changes(DAYS)).await {
        Ok(Ok(changes)) => changes,
        _ => Vec::new(),
    }
}

/// What changed before the fault began, as far as the case tells when that was, else before now.
pub(super) fn observation(changes: &[Change], case: &Case) -> Option<Observation> {
    let began = case.since.as_deref().and_then(moment);
    change::observation(changes, began.unwrap_or_else(Timestamp::now))
}

/// A time that somebody wrote down so that it can be read: to the second, to the minute, or a day, which ends at its
/// midnight. Most people write "since lunch"; then the time of the run has to do.
fn moment(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    let local = |time: civil::DateTime| time.to_zoned(local_zone()).ok().map(|time| time.timestamp());
    text.parse::<Timestamp>()
        .ok()
        .or_else(|| local(civil::DateTime::strptime("%Y-%m-%d %H:%M", text).ok()?))
        .or_else(|| local(text.parse::<civil::Date>().ok()?.tomorrow().ok()?.at(0, 0, 0, 0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_changed_after_the_fault_began_did_not_make_it() {
        let change = |time: &str| Change {
            time: time.to_owned(),
            kind: "package".to_owned(),
            what: "openvpn upgraded".to_owned(),
            layer: Some(crate::layer::Layer::Vpn),
        };
        let since = |since: &str| Case { since: Some(since.to_owned()), ..Case::default() };
        let seen = |time: &str, case: &Case| observation(&[change(time)], case).is_some();
        assert!(seen("2026-11-20T09:00:00Z", &since("2026-11-20T10:00:00Z")));
        assert!(!seen("2026-11-20T11:00:00Z", &since("2026-11-20T10:00:00Z")));
        assert!(seen("2026-11-20T09:00:00Z", &since("2026-11-22")));
        assert!(!seen("2026-11-20T09:00:00Z", &since("2026-11-17 08:00")));
        assert!(seen("2026-11-20T09:00:00Z", &since("lunch")) || Timestamp::now().to_string().as_str() < "2026-11-20");
    }
}
