//! The radio itself: blocked or not, its network, band and rate, and how often it must say everything again.

use super::argument::Interfaces;
use super::link::bounded;
use super::{Burden, Contacts, Cost, Look, Probe, accepts, schema_of};
use crate::layer::Layer;
use crate::observation::{Observation, Via};
use crate::problem::Code;
use crate::sys::{Link, LinkKind, Radio};
use schemars::JsonSchema;
use serde::Serialize;

/// The probe.
pub const PROBE: Probe = Probe {
    name: "wifi",
    layer: Layer::Link,
    cost: Cost::Local,
    summary: "each Wi-Fi radio: blocked or not, network, band, rate, retries and lost frames",
    about: "Asks the driver of each Wi-Fi interface (on Linux nl80211 and rfkill): whether a switch or airplane mode blocks \
            it, which network and access point it is joined to, band, signal, rates, and what share of the frames had to be \
            sent again since it joined. No scan is made, because it needs a right and disturbs what is measured. Needs no \
            rights. Sources: IEEE 802.11 clause 9.4.2, Documentation/driver-api/rfkill.rst.",
    contacts: Contacts::NONE,
    burden: Burden::READS,
    codes: &[Code::LinkWifiBlocked, Code::LinkWifiRetries, Code::LinkWifiSlowRate],
    params: schema_of::<Interfaces>,
    facts: schema_of::<WifiFacts>,
    accepts: accepts::<Interfaces>,
    run: |look| look.with(run),
};

/// A third of the frames sent twice is what stations show on a crowded channel or at the edge of the range; judgement.
const RETRIES_PERCENT: f64 = 30.0;
/// With fewer frames, shares and rates are luck: a station that is idle falls back to slow ones.
const LEAST_FRAMES: u64 = 2000;
/// The slowest rates that 802.11a/g and later speak (IEEE 802.11 clause 17.2.3.3): 6, 9 and 12 Mb/s.
const SLOW_MBPS: f64 = 12.0;

/// What is known about one radio.
#[derive(Debug, Default, Serialize, JsonSchema)]
pub struct WifiFacts {
    /// Interface name.
    pub interface: String,
    /// What blocks it: `hard` (a switch or key) or `soft` (a setting, airplane mode); absent where nothing does.
    pub blocked: Option<String>,
    /// Whether it is joined to a network.
    pub joined: bool,
    /// Name of the network.
    pub ssid: Option<String>,
    /// Hardware address of the access point.
    pub access_point: Option<String>,
    /// Signal strength.
    pub signal_dbm: Option<i32>,
    /// Frequency.
    pub frequency_mhz: Option<u32>,
    /// `2.4 GHz`, `5 GHz` or `6 GHz`.
    pub band: Option<String>,
    /// Rate of the last frame that was sent.
    pub transmit_mbps: Option<f64>,
    /// Rate of the last frame that was received.
    pub receive_mbps: Option<f64>,
    /// Share of sendings that were repetitions, since it joined.
    pub retries_percent: Option<f64>,
    /// Frames that were given up, since it joined.
    pub failed_frames: Option<u64>,
    /// Since it joined this access point.
    pub joined_s: Option<u64>,
}

async fn run(look: &Look<'_>, interfaces: Interfaces) -> Vec<Observation> {
    let machine = &look.world.machine;
    let links = match machine.links().await {
        Ok(links) => links,
        Err(why) => return vec![look.unknown(None, &why.to_string())],
    };
    let mut observations = Vec::new();
    for link in links.iter().filter(|link| link.kind == Some(LinkKind::Wifi) && interfaces.include(link)) {
        let via = Via { interface: Some(link.name.clone()), ..Via::default() };
        let observation = match machine.radio(&link.name).await {
            Ok(radio) => judge(look, link, &radio.unwrap_or_default()),
            Err(why) => look.unknown(Some(&link.name), &why.to_string()),
        };
        observations.push(observation.via(via));
    }
    if observations.is_empty() {
        observations.push(look.unknown(None, "this machine shows no Wi-Fi radio"));
    }
    observations
}

fn judge(look: &Look<'_>, link: &Link, radio: &Radio) -> Observation {
    let name = link.name.as_str();
    let facts = facts(link, radio);
    let mut problems = Vec::new();
    if let Some(blocked) = &facts.blocked {
        let how = if blocked == "hard" { "a switch or key of this computer" } else { "a setting (airplane mode)" };
        problems.push((Code::LinkWifiBlocked, format!("{name} is switched off by {how}")));
    }
    if let Some(share) = facts.retries_percent.filter(|share| *share >= RETRIES_PERCENT) {
        problems.push((Code::LinkWifiRetries, format!("{name} sends {share:.0} % of its frames again")));
    }
    let busy = radio.transmit_packets.is_some_and(|frames| frames >= LEAST_FRAMES);
    if let Some(rate) = facts.transmit_mbps.filter(|rate| *rate <= SLOW_MBPS && busy) {
        problems.push((Code::LinkWifiSlowRate, format!("{name} sends at {rate:.0} Mb/s only")));
    }
    let words = problems.iter().map(|(_, words)| words.as_str()).collect::<Vec<_>>().join("; ");
    match problems.first() {
        Some((code, _)) => {
            let also = problems.iter().skip(1).map(|(code, _)| *code);
            look.problem(Some(name), *code, words).also(also)
        }
        None => look.ok(Some(name), fine(&facts)),
    }
    .facts(&facts)
}

fn facts(link: &Link, radio: &Radio) -> WifiFacts {
    let frames = radio.transmit_packets.filter(|frames| *frames >= LEAST_FRAMES);
    let share = |(frames, retries): (u64, u64)| (1000.0 * retries as f64 / (frames + retries) as f64).round() / 10.0;
    WifiFacts {
        interface: link.name.clone(),
        blocked: radio.blocked.clone(),
        joined: radio.ssid.is_some() && link.carrier != Some(false) && link.up,
        ssid: radio.ssid.as_deref().map(bounded),
        access_point: radio.bssid.clone(),
        signal_dbm: radio.signal_dbm,
        frequency_mhz: radio.frequency_mhz,
        band: radio.frequency_mhz.and_then(band).map(str::to_owned),
        transmit_mbps: radio.transmit_mbps,
        receive_mbps: radio.receive_mbps,
        retries_percent: frames.zip(radio.transmit_retries).map(share),
        failed_frames: radio.transmit_failed,
        joined_s: radio.joined_s,
    }
}

/// The band of a frequency (IEEE 802.11 annex E).
fn band(mhz: u32) -> Option<&'static str> {
    match mhz {
        2400..=2500 => Some("2.4 GHz"),
        4900..=5924 => Some("5 GHz"),
        5925..=7125 => Some("6 GHz"),
        _ => None,
    }
}

fn fine(facts: &WifiFacts) -> String {
    let name = &facts.interface;
    let Some(ssid) = facts.ssid.as_ref().filter(|_| facts.joined) else {
        return format!("{name} is ready and joined to no network");
    };
    let band = facts.band.as_ref().map(|band| format!(" at {band}")).unwrap_or_default();
    let signal = facts.signal_dbm.map(|dbm| format!(", {dbm} dBm")).unwrap_or_default();
    let rate = facts.transmit_mbps.map(|rate| format!(", {rate:.0} Mb/s")).unwrap_or_default();
    format!("{name} is joined to {ssid}{band}{signal}{rate}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observation::Outcome;
    use crate::probe::testing::told::{Told, cable, look};
    use serde_json::json;

    async fn seen(radio: Radio) -> Observation {
        let link = Link { kind: Some(LinkKind::Wifi), ..cable("wlan0") };
        let told = Told { links: vec![cable("eth0"), link], radio: Some(radio), ..Told::default() };
        look(&PROBE, told, json!({})).await.1.remove(0)
    }

    fn joined(change: impl FnOnce(&mut Radio)) -> Radio {
        let mut radio = Radio {
            ssid: Some("office".into()),
            frequency_mhz: Some(5180),
            signal_dbm: Some(-55),
            transmit_mbps: Some(866.7),
            transmit_packets: Some(10_000),
            transmit_retries: Some(900),
            ..Radio::default()
        };
        change(&mut radio);
        radio
    }

    #[tokio::test]
    async fn blocks_retries_and_rates_are_told_apart() {
        for (radio, code) in [
            (joined(|_| {}), None),
            (joined(|radio| radio.blocked = Some("hard".into())), Some(Code::LinkWifiBlocked)),
            (joined(|radio| radio.transmit_retries = Some(9_000)), Some(Code::LinkWifiRetries)),
            (joined(|radio| radio.transmit_mbps = Some(6.0)), Some(Code::LinkWifiSlowRate)),
            // An idle station tells nothing.
            (joined(|radio| (radio.transmit_mbps, radio.transmit_packets) = (Some(1.0), Some(40))), None),
            (Radio::default(), None),
        ] {
            let seen = seen(radio).await;
            assert_eq!(seen.code, code, "{}", seen.summary);
        }
    }

    #[tokio::test]
    async fn the_network_and_its_band_are_facts() {
        let seen = seen(joined(|radio| radio.frequency_mhz = Some(2437))).await;
        assert_eq!((seen.outcome, &seen.facts["band"]), (Outcome::Ok, &json!("2.4 GHz")));
        assert_eq!((&seen.facts["joined"], &seen.facts["retries_percent"]), (&json!(true), &json!(8.3)));
        let none = look(&PROBE, Told { links: vec![cable("eth0")], ..Told::default() }, json!({})).await.1;
        assert_eq!(none[0].outcome, Outcome::Unknown);
    }
}
