//! Heat and power: whether something holds the processors back, and what feeds the machine.

use super::argument::optional;
use super::{Burden, Contacts, Cost, Look, Probe, accepts, schema_of};
use crate::layer::Layer;
use crate::observation::Observation;
use crate::problem::Code;
use crate::sys::Power;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// The probe.
pub const PROBE: Probe = Probe {
    name: "power",
    layer: Layer::Host,
    cost: Cost::Local,
    summary: "whether heat or a power setting holds the processors back, and the state of the battery",
    about: "Reads three subjects: `heat` (thermometers against the temperature from which the machine slows down, what \
the kernel does against heat now, and whether processors count new slow-downs while the probe watches), `speed` (what the \
processors may run at, of what they can, and the power profile) and `supply` (mains and battery). On Linux this is sysfs \
(Documentation/ABI/testing/sysfs-class-thermal and -power); virtual machines mostly show none of it. Needs no rights.",
    contacts: Contacts::NONE,
    burden: Burden::READS,
    codes: &[Code::HostThrottled, Code::HostSpeedLimited, Code::HostBatteryLow],
    params: schema_of::<Params>,
    facts: schema_of::<PowerFacts>,
    accepts: accepts::<Params>,
    run: |look| look.with(run),
};

/// Processors count a slow-down when it begins, and under steady heat some begin within this time; judgement.
const WINDOW: Duration = Duration::from_millis(600);
/// Longest window that may be asked for.
const LONGEST_WINDOW: Duration = Duration::from_secs(10);
/// Processors that may run at less than this share of what they can are held back so that people feel it; judgement:
/// the step from base to boost speed, which settings of quiet machines leave out, is above it.
const LIMITED_PERCENT: f64 = 60.0;
/// Below this, systems begin to save power and to warn (UPower's `PercentageLow` is 20, `PercentageCritical` 5).
const BATTERY_LOW_PERCENT: f64 = 10.0;
/// Means against heat that hold back less than this are the usual play around the trip point; judgement.
const HELD_BACK_PERCENT: f64 = 10.0;

/// Parameters of `power`.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Params {
    /// Milliseconds between the two readings of the processors' counters; 600 if not given.
    #[serde(deserialize_with = "optional")]
    pub window_ms: Option<u64>,
}

/// Facts of `power`; each subject has its own of them.
#[derive(Debug, Clone, Default, Serialize, JsonSchema)]
pub struct PowerFacts {
    /// `heat`: the thermometer that is nearest to its limit, or the hottest where none has one.
    pub zone: Option<String>,
    /// `heat`: its temperature.
    pub celsius: Option<f64>,
    /// `heat`: the temperature from which the machine slows down.
    pub slows_at_celsius: Option<f64>,
    /// `heat`: how far the kernel holds processors back, of what it could.
    pub held_back_percent: Option<f64>,
    /// `heat`: slow-downs that processors counted since the start.
    pub throttles: Option<u64>,
    /// `heat`: slow-downs while the probe watched.
    pub throttles_now: Option<u64>,
    /// `speed`: what the fastest processor can, in megahertz.
    pub possible_mhz: Option<u32>,
    /// `speed`: what it may.
    pub allowed_mhz: Option<u32>,
    /// `speed`: the same as percent of what it can.
    pub allowed_percent: Option<f64>,
    /// `speed`: what it runs at.
    pub now_mhz: Option<u32>,
    /// `speed`: who chooses, in the kernel's word.
    pub governor: Option<String>,
    /// `speed`: the power profile, in the system's word.
    pub profile: Option<String>,
    /// `supply`: whether mains power is connected.
    pub mains: Option<bool>,
    /// `supply`: charge of the battery.
    pub charge_percent: Option<f64>,
    /// `supply`: `charging`, `discharging`, `full` ...
    pub state: Option<String>,
    /// `supply`: what the battery holds of what it was built for.
    pub health_percent: Option<f64>,
}

async fn run(look: &Look<'_>, params: Params) -> Vec<Observation> {
    let machine = look.world.machine.as_ref();
    let first = match machine.power().await {
        Ok(power) => power,
        Err(why) => return vec![look.unknown(None, &why.to_string())],
    };
    let mut second = None;
    if first.throttles.is_some() {
        let window = params.window_ms.map_or(WINDOW, Duration::from_millis).min(LONGEST_WINDOW);
        tokio::time::sleep(look.within(window)).await;
        second = machine.power().await.ok();
    }
    let now = second.as_ref().unwrap_or(&first);
    vec![heat(look, &first, now), speed(look, now), supply(look, now)]
}

fn heat(look: &Look<'_>, first: &Power, now: &Power) -> Observation {
    let subject = Some("heat");
    let room = |zone: &&crate::sys::ThermalZone| zone.slows_at_celsius.map_or(f64::MAX, |limit| limit - zone.celsius);
    let zone = now
        .zones
        .iter()
        .min_by(|one, other| room(one).total_cmp(&room(other)).then(other.celsius.total_cmp(&one.celsius)));
    if zone.is_none() && now.held_back_percent.is_none() && now.throttles.is_none() {
        return look.unknown(subject, "this machine shows no thermometer and counts no slow-downs");
    }
    let throttles_now = now.throttles.zip(first.throttles).map(|(now, first)| now.saturating_sub(first));
    let facts = PowerFacts {
        zone: zone.map(|zone| zone.name.clone()),
        celsius: zone.map(|zone| zone.celsius),
        slows_at_celsius: zone.and_then(|zone| zone.slows_at_celsius),
        held_back_percent: now.held_back_percent,
        throttles: now.throttles,
        throttles_now,
        ..PowerFacts::default()
    };
    let where_ = zone.map_or_else(String::new, |zone| match zone.slows_at_celsius {
        Some(limit) => {
            format!("{} has {:.0} °C, and the machine slows down from {limit:.0} °C", zone.name, zone.celsius)
        }
        None => format!("{} has {:.0} °C", zone.name, zone.celsius),
    });
    let held_back = now.held_back_percent.unwrap_or(0.0);
    let too_hot = zone.is_some_and(|zone| zone.slows_at_celsius.is_some_and(|limit| zone.celsius >= limit));
    let with = |what: String| if where_.is_empty() { what } else { format!("{what}: {where_}") };
    if throttles_now.is_some_and(|count| count > 0) {
        let count = throttles_now.unwrap_or(0);
        return look
            .problem(
                subject,
                Code::HostThrottled,
                with(format!("processors slowed down against heat {count} times while watched")),
            )
            .facts(&facts);
    }
    if held_back >= HELD_BACK_PERCENT {
        let what = format!("the kernel holds the processors back against heat, at {held_back:.0} % of what it can");
        return look.problem(subject, Code::HostThrottled, with(what)).facts(&facts);
    }
    if too_hot {
        return look.problem(subject, Code::HostThrottled, where_).suspected().facts(&facts);
    }
    look.ok(subject, if where_.is_empty() { "nothing slows down against heat".to_owned() } else { where_ })
        .facts(&facts)
}

fn speed(look: &Look<'_>, power: &Power) -> Observation {
    let subject = Some("speed");
    let Some(speed) = power.speed.as_ref().filter(|speed| speed.possible_mhz > 0) else {
        return look.unknown(subject, "this machine does not show what its processors run at");
    };
    let percent = (1000.0 * f64::from(speed.allowed_mhz) / f64::from(speed.possible_mhz)).round() / 10.0;
    let facts = PowerFacts {
        possible_mhz: Some(speed.possible_mhz),
        allowed_mhz: Some(speed.allowed_mhz),
        allowed_percent: Some(percent),
        now_mhz: speed.now_mhz,
        governor: speed.governor.clone(),
        profile: power.profile.clone(),
        ..PowerFacts::default()
    };
    let profile = power.profile.as_ref().map(|profile| format!(" (profile {profile})")).unwrap_or_default();
    let words = format!("processors may run at {} of {} MHz{profile}", speed.allowed_mhz, speed.possible_mhz);
    // `powersave` is the usual governor of processors that choose their speed themselves (intel_pstate), so it says
    // nothing; the limit and the profile do.
    if percent < LIMITED_PERCENT {
        return look.problem(subject, Code::HostSpeedLimited, words).facts(&facts);
    }
    if power.profile.as_deref() == Some("low-power") {
        return look.problem(subject, Code::HostSpeedLimited, words).suspected().facts(&facts);
    }
    look.ok(subject, words).facts(&facts)
}

fn supply(look: &Look<'_>, power: &Power) -> Observation {
    let subject = Some("supply");
    // The first one that runs low speaks for all.
    let charge = |battery: &&crate::sys::Battery| battery.charge_percent.unwrap_or(f64::MAX);
    let battery = power.batteries.iter().min_by(|one, other| charge(one).total_cmp(&charge(other)));
    let facts = PowerFacts {
        mains: power.mains,
        charge_percent: battery.and_then(|battery| battery.charge_percent),
        state: battery.map(|battery| battery.state.clone()),
        health_percent: battery.and_then(|battery| battery.health_percent),
        ..PowerFacts::default()
    };
    let Some(battery) = battery else {
        return look.ok(subject, "this machine has no battery").facts(&facts);
    };
    let left = battery.charge_percent.map_or_else(String::new, |charge| format!(" with {charge:.0} % left"));
    let words = format!("{} is {}{left}", battery.name, battery.state);
    let low = battery.charge_percent.is_some_and(|charge| charge < BATTERY_LOW_PERCENT);
    if low && battery.state == "discharging" {
        return look.problem(subject, Code::HostBatteryLow, words).facts(&facts);
    }
    look.ok(subject, words).facts(&facts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observation::{Certainty, Outcome};
    use crate::probe::testing::look_at;
    use crate::sys::{Battery, Known, Machine, ProcessorSpeed, ThermalZone};
    use async_trait::async_trait;
    use serde_json::json;
    use std::cell::RefCell;

    /// A machine that says one after the other.
    struct Fed(RefCell<Vec<Power>>);

    #[async_trait(?Send)]
    impl Machine for Fed {
        async fn power(&self) -> Known<Power> {
            let mut all = self.0.borrow_mut();
            Ok(if all.len() > 1 { all.remove(0) } else { all[0].clone() })
        }
    }

    async fn seen(readings: Vec<Power>) -> Vec<Observation> {
        look_at(&PROBE, Fed(RefCell::new(readings)), json!({ "window_ms": 1 })).await
    }

    fn zone(celsius: f64, limit: Option<f64>) -> ThermalZone {
        ThermalZone { name: "x86_pkg_temp".into(), celsius, slows_at_celsius: limit }
    }

    #[tokio::test]
    async fn heat_is_seen_in_counters_means_and_thermometers() {
        let counts = |throttles| Power { throttles: Some(throttles), ..Power::default() };
        for (readings, outcome, certainty) in [
            (vec![counts(5), counts(5)], Outcome::Ok, None),
            (vec![counts(5), counts(9)], Outcome::Problem, Some(Certainty::Confirmed)),
            (
                vec![Power { held_back_percent: Some(30.0), ..Power::default() }],
                Outcome::Problem,
                Some(Certainty::Confirmed),
            ),
            (vec![Power { held_back_percent: Some(0.0), ..Power::default() }], Outcome::Ok, None),
            (
                vec![Power { zones: vec![zone(70.0, None), zone(96.0, Some(95.0))], ..Power::default() }],
                Outcome::Problem,
                Some(Certainty::Suspected),
            ),
            (vec![Power { zones: vec![zone(60.0, Some(95.0))], ..Power::default() }], Outcome::Ok, None),
            (vec![Power::default()], Outcome::Unknown, None),
        ] {
            let heat = seen(readings).await.remove(0);
            assert_eq!((heat.outcome, heat.certainty), (outcome, certainty), "{}", heat.summary);
        }
    }

    #[tokio::test]
    async fn limits_and_profiles_hold_processors_back() {
        let speed = |allowed_mhz, profile: &str| Power {
            speed: Some(ProcessorSpeed { possible_mhz: 4000, allowed_mhz, ..ProcessorSpeed::default() }),
            profile: Some(profile.to_owned()),
            ..Power::default()
        };
        for (power, code) in [
            (speed(4000, "balanced"), None),
            (speed(3000, "balanced"), None),
            (speed(1200, "balanced"), Some(Code::HostSpeedLimited)),
            (speed(4000, "low-power"), Some(Code::HostSpeedLimited)),
        ] {
            let speed = seen(vec![power]).await.remove(1);
            assert_eq!(speed.code, code, "{}", speed.summary);
        }
    }

    #[tokio::test]
    async fn an_empty_battery_counts_while_it_feeds_the_machine() {
        let battery = |charge, state: &str| Power {
            batteries: vec![Battery {
                name: "BAT0".into(),
                state: state.into(),
                charge_percent: Some(charge),
                ..Battery::default()
            }],
            ..Power::default()
        };
        for (power, code) in [
            (battery(6.0, "discharging"), Some(Code::HostBatteryLow)),
            (battery(6.0, "charging"), None),
            (battery(60.0, "discharging"), None),
            (Power::default(), None),
        ] {
            let supply = seen(vec![power]).await.remove(2);
            assert_eq!(supply.code, code, "{}", supply.summary);
        }
    }
}
