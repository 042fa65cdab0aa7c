//! State of a service of the service manager.

use super::argument::optional;
use super::process::program::label;
use super::{Burden, Contacts, Cost, Look, Probe, accepts, schema_of};
use crate::layer::Layer;
use crate::observation::Observation;
use crate::problem::Code;
use crate::sys::Service;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The probe.
pub const PROBE: Probe = Probe {
    name: "service",
    layer: Layer::Process,
    cost: Cost::Local,
    summary: "whether a service runs, has failed, or keeps restarting",
    about: "Asks the service manager for the state of one service: on Linux systemd, over D-Bus or with `systemctl \
show`. Without a service manager, or where it knows no service of that name, the answer is `unknown`. A service that is \
inactive because a socket or timer starts it on demand is in order.",
    contacts: Contacts::NONE,
    burden: Burden::READS,
    codes: &[Code::ProcessServiceFailed, Code::ProcessRestarting, Code::ProcessNotRunning],
    params: schema_of::<Params>,
    facts: schema_of::<ServiceFacts>,
    accepts: accepts::<Params>,
    run: |look| look.with(run),
};

/// Automatic restarts from which a service counts as restarting, where it came up only a short time ago; judgement.
const RESTARTS: u32 = 3;
/// How long it must have been up to count as stable again: systemd's own limit counts starts within 10 s, and slower
/// loops with pauses of a minute are common; judgement.
const STABLE_S: u64 = 300;

/// Parameters of `service`.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Params {
    /// Name of the service; `.service` may be left out.
    #[serde(deserialize_with = "optional")]
    pub name: Option<String>,
}

/// Facts of `service`.
#[derive(Debug, Clone, Default, Serialize, JsonSchema)]
pub struct ServiceFacts {
    /// Full name of the service.
    pub name: String,
    /// `active`, `inactive`, `failed`, `activating` or `not-found`.
    pub state: String,
    /// Why it ended, in the service manager's word: `success`, `exit-code`, `oom-kill`, `signal`, `timeout` ...
    pub result: Option<String>,
    /// Automatic restarts since it was started by hand.
    pub restarts: Option<u32>,
    /// Its main process.
    pub pid: Option<u32>,
    /// Seconds since it became active.
    pub active_s: Option<u64>,
    /// Something starts it when it is wanted.
    pub on_demand: bool,
}

async fn run(look: &Look<'_>, params: Params) -> Vec<Observation> {
    let Some(name) = params.name else { return vec![look.unknown(None, "no service was named")] };
    vec![match look.world.machine.service(&name).await {
        Ok(service) => judge(look, &service),
        Err(why) => look.unknown(Some(&name), &why.to_string()),
    }]
}

fn judge(look: &Look<'_>, service: &Service) -> Observation {
    let name = service.name.as_str();
    let result = service.result.as_deref().unwrap_or("unknown");
    let restarts = service.restarts.unwrap_or(0);
    let who = service.main_pid.map_or_else(|| name.to_owned(), |pid| label(name, pid));
    let recent = service.active_s.is_none_or(|active_s| active_s < STABLE_S);
    let observation = match service.state.as_str() {
        "failed" => look.problem(
            Some(name),
            Code::ProcessServiceFailed,
            format!("{name} has failed ({result}) after {restarts} restarts"),
        ),
        "activating" if restarts > 0 => look.problem(
            Some(name),
            Code::ProcessRestarting,
            format!("{name} is starting again for the {} time ({result})", ordinal(restarts)),
        ),
        "active" if restarts >= RESTARTS && recent => look.problem(
            Some(name),
            Code::ProcessRestarting,
            format!("{who} has been restarted {restarts} times, last {} s ago", service.active_s.unwrap_or(0)),
        ),
        "active" | "reloading" | "activating" => look.ok(Some(name), format!("{who} is {}", service.state)),
        "inactive" | "deactivating" if service.on_demand => {
            look.ok(Some(name), format!("{name} is {} and is started when it is wanted", service.state))
        }
        "inactive" | "deactivating" => {
            look.problem(Some(name), Code::ProcessNotRunning, format!("{name} is {}", service.state))
        }
        "not-found" => look.unknown(Some(name), "the service manager knows no service of this name"),
        other => look.unknown(Some(name), &format!("the service manager calls its state `{other}`")),
    };
    observation.facts(&ServiceFacts {
        name: name.to_owned(),
        state: service.state.clone(),
        result: service.result.clone(),
        restarts: service.restarts,
        pid: service.main_pid,
        active_s: service.active_s,
        on_demand: service.on_demand,
    })
}

fn ordinal(number: u32) -> String {
    let ending = match (number % 100, number % 10) {
        (11..=13, _) => "th",
        (_, 1) => "st",
        (_, 2) => "nd",
        (_, 3) => "rd",
        _ => "th",
    };
    format!("{number}{ending}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observation::Outcome;
    use crate::probe::testing::look_at;
    use crate::sys::{Known, Machine, Unknown};
    use async_trait::async_trait;
    use serde_json::json;

    struct Managed(Known<Service>);

    #[async_trait(?Send)]
    impl Machine for Managed {
        async fn service(&self, _name: &str) -> Known<Service> {
            self.0.clone()
        }
    }

    fn service(state: &str, restarts: u32, active_s: Option<u64>, on_demand: bool) -> Known<Service> {
        Ok(Service {
            name: "app.service".into(),
            state: state.into(),
            restarts: Some(restarts),
            active_s,
            on_demand,
            ..Service::default()
        })
    }

    #[tokio::test]
    async fn states_are_told_apart() {
        for (service, outcome, code) in [
            (service("active", 0, Some(9), false), Outcome::Ok, None),
            (service("active", 5, Some(9), false), Outcome::Problem, Some(Code::ProcessRestarting)),
            (service("active", 5, Some(90_000), false), Outcome::Ok, None),
            (service("activating", 0, None, false), Outcome::Ok, None),
            (service("activating", 2, None, false), Outcome::Problem, Some(Code::ProcessRestarting)),
            (service("failed", 5, None, false), Outcome::Problem, Some(Code::ProcessServiceFailed)),
            (service("inactive", 0, None, false), Outcome::Problem, Some(Code::ProcessNotRunning)),
            (service("inactive", 0, None, true), Outcome::Ok, None),
            (service("not-found", 0, None, false), Outcome::Unknown, None),
            (service("odd", 0, None, false), Outcome::Unknown, None),
            (Err(Unknown::Unsupported("nothing")), Outcome::Unknown, None),
        ] {
            let what = format!("{service:?}");
            let seen = look_at(&PROBE, Managed(service), json!({ "name": "app" })).await.remove(0);
            assert_eq!((seen.outcome, seen.code), (outcome, code), "{what}");
        }
    }
}
