//! The kinds of check. Each file holds one probe and describes itself in one constant; `PROBES` is the only list, and
//! `list`, `explain`, playbook validation, the schema and the reference pages are derived from it.
//!
//! The contract (DESIGN section 9.3): a probe returns observations, never an error, prints nothing, and ends within
//! its budget. What it could not see is `unknown` with the reason.

pub mod address;
pub mod argument;
pub mod ask;
mod asn;
pub mod attempt;
pub mod clock;
pub mod closed;
pub mod dhcp;
pub(crate) mod dialogue;
pub mod disk;
pub mod dns;
pub mod echo;
pub mod exec;
pub mod filter;
pub mod greeting;
pub mod hosts;
pub mod http;
pub mod ipp;
pub mod kerberos;
pub mod ldap;
pub mod lease;
pub mod link;
pub mod log;
pub mod lookup;
pub mod lpd;
pub mod mail;
pub mod mtu;
pub mod nat64;
pub mod neighbour;
pub mod online;
pub mod package;
pub mod person;
pub mod portal;
pub mod power;
pub mod process;
pub mod proxy;
pub mod rdp;
pub mod resolver;
pub mod resource;
pub mod route;
pub mod service;
pub mod smb;
pub mod socket;
pub mod stun;
pub mod supplicant;
pub mod tcp;
#[cfg(test)]
pub(crate) mod testing;
pub mod throughput;
pub mod tls;
pub mod trace;
pub mod udp;
pub mod vpn;
pub(crate) mod way;
pub mod wifi;

use crate::layer::Layer;
use crate::observation::{COULD_NOT_BE_CHECKED, Facts, Observation, Outcome, Skip, Via};
use crate::problem::Code;
use crate::world::World;
use futures_util::future::LocalBoxFuture;
use schemars::{JsonSchema, Schema, schema_for};
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::time::Instant;

/// What a check costs, which decides the order in which the suspects are halved (DESIGN section 5).
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Cost {
    /// Reading this machine: milliseconds.
    Local,
    /// A few round trips.
    Network,
    /// Seconds: traces, loss series, throughput.
    Slow,
    /// A question to a person: tens of seconds.
    Person,
}

impl Cost {
    /// Relative weight, in round trips; judgement, from the orders of magnitude in DESIGN section 5.
    pub fn weight(self) -> f64 {
        match self {
            Cost::Local => 0.1,
            Cost::Network => 1.0,
            Cost::Slow => 20.0,
            Cost::Person => 300.0,
        }
    }
}

/// Whom a probe opens connections to.
#[derive(Debug, Clone, Copy)]
pub struct Contacts {
    /// The parameters that name whom it talks to, or what it asks them for.
    pub named: &'static [&'static str],
    /// Who comes on top of them, as people would say it.
    pub others: Option<&'static str>,
    /// The parameter that, where it is given, takes the place of `others`.
    pub unless: Option<&'static str>,
}

impl Contacts {
    /// It stays on this machine.
    pub const NONE: Contacts = Contacts::named(&[]);

    /// Those whom these parameters name.
    pub const fn named(named: &'static [&'static str]) -> Self {
        Contacts { named, others: None, unless: None }
    }

    /// And these on top.
    pub const fn and(self, others: &'static str) -> Self {
        Contacts { others: Some(others), ..self }
    }

    /// And these on top, unless that parameter takes their place.
    pub const fn and_unless(self, parameter: &'static str, others: &'static str) -> Self {
        Contacts { others: Some(others), unless: Some(parameter), ..self }
    }
}

/// What a look takes, and what it leaves behind, for whoever has to allow it.
#[derive(Debug, Clone, Copy)]
pub struct Burden {
    /// How much it sends, reads or starts, with its limits; `{}` stands for each of the amounts.
    load: &'static str,
    /// The probe's own constants, so that nobody is told another limit than the one that holds.
    amounts: &'static [u64],
    /// What is different after it, or what somebody else notices of it; none where nothing is.
    pub side_effects: Option<&'static str>,
}

impl Burden {
    /// It reads this machine.
    pub const READS: Burden = Burden::of("reads this machine, and sends nothing");

    /// It takes this much, and leaves nothing behind.
    pub const fn of(load: &'static str) -> Self {
        Burden { load, amounts: &[], side_effects: None }
    }

    /// With these amounts, in the order in which the sentence has a place for them.
    pub const fn counting(self, amounts: &'static [u64]) -> Self {
        Burden { amounts, ..self }
    }

    /// And leaves this behind.
    pub const fn and_leaves(self, side_effects: &'static str) -> Self {
        Burden { side_effects: Some(side_effects), ..self }
    }

    /// How much it sends, reads or starts, as a sentence.
    pub fn load(&self) -> String {
        let mut parts = self.load.split("{}");
        let first = parts.next().unwrap_or_default().to_owned();
        self.amounts.iter().zip(parts).fold(first, |said, (amount, rest)| format!("{said}{amount}{rest}"))
    }
}

/// A kind of check that the binary knows.
pub struct Probe {
    /// One lower-case word, such as `dns`.
    pub name: &'static str,
    /// The layer that its observations belong to unless a code or the playbook says otherwise.
    pub layer: Layer,
    /// What it costs.
    pub cost: Cost,
    /// One line for `list`.
    pub summary: &'static str,
    /// What it does on the wire or on the machine, which rights it wants, and its sources. Text for `explain`.
    pub about: &'static str,
    /// Whom it opens connections to, for `firstline plan`.
    pub contacts: Contacts,
    /// What it takes and leaves behind, for the same.
    pub burden: Burden,
    /// The problem codes that it can report.
    pub codes: &'static [Code],
    /// JSON Schema of its parameters (a struct with doc comments that denies unknown fields).
    pub params: fn() -> Schema,
    /// JSON Schema of its facts.
    pub facts: fn() -> Schema,
    /// Tries to read parameters, for the linter; templates are left out.
    pub accepts: fn(&Facts) -> Result<(), String>,
    /// Looks.
    pub run: for<'a> fn(&'a Look<'a>) -> LocalBoxFuture<'a, Vec<Observation>>,
}

/// The schema of a parameter or fact type.
pub fn schema_of<T: JsonSchema>() -> Schema {
    schema_for!(T)
}

/// Whether these arguments can be read as `P`.
pub fn accepts<P: DeserializeOwned>(args: &Facts) -> Result<(), String> {
    serde_json::from_value::<P>(Value::Object(args.clone())).map(drop).map_err(|error| error.to_string())
}

/// One use of a probe: everything that it may know and touch.
pub struct Look<'a> {
    /// The probe that looks.
    pub probe: &'static Probe,
    /// The door to the outside.
    pub world: &'a World,
    /// The check's id in the playbook.
    pub check: &'a str,
    /// The layer that the playbook gives this check.
    pub layer: Layer,
    /// Arguments with all templates filled.
    pub args: Facts,
    /// When it must have ended.
    pub deadline: Instant,
    /// Takes observations before the end: a first subject that is done, or a suspicion (it is replaced by the later
    /// observation with the same id). The returned list must hold the final form of all of them.
    pub emit: &'a dyn Fn(Observation),
    /// What another check saw so far: the facts of its subjects that work. For a fallback that is worth having and not
    /// worth waiting for.
    pub seen: &'a dyn Fn(&str) -> Vec<Facts>,
    /// Whether anything answered over this way since the run began: the control that makes silence mean something, and
    /// makes it mean something sooner.
    pub answered: &'a dyn Fn(&Via) -> bool,
}

impl<'a> Look<'a> {
    /// Lets a probe's function look, with its arguments as the type that it takes; the observation says why where they
    /// cannot be read.
    pub fn with<P, F>(&'a self, run: impl FnOnce(&'a Look<'a>, P) -> F) -> LocalBoxFuture<'a, Vec<Observation>>
    where
        P: DeserializeOwned,
        F: Future<Output = Vec<Observation>> + 'a,
    {
        match serde_json::from_value(Value::Object(self.args.clone())) {
            Ok(params) => Box::pin(run(self, params)),
            Err(error) => {
                let unread = self.unknown(None, &format!("its arguments cannot be used: {error}"));
                Box::pin(std::future::ready(vec![unread]))
            }
        }
    }

    /// It works.
    pub fn ok(&self, subject: Option<&str>, summary: impl Into<String>) -> Observation {
        Observation::new(self.probe.name, self.layer, self.check, subject, Outcome::Ok, summary.into())
    }

    /// Something is wrong. The observation is placed on the code's own layer unless the playbook moved the check.
    /// Certainty starts as confirmed; a probe that saw it only once calls `suspected()`.
    pub fn problem(&self, subject: Option<&str>, code: Code, summary: impl Into<String>) -> Observation {
        let layer = if self.layer == self.probe.layer { code.problem().layer } else { self.layer };
        let mut observation =
            Observation::new(self.probe.name, layer, self.check, subject, Outcome::Problem, summary.into());
        observation.code = Some(code);
        observation.certainty = Some(crate::observation::Certainty::Confirmed);
        observation
    }

    /// It could not be looked at.
    pub fn unknown(&self, subject: Option<&str>, why: &str) -> Observation {
        let mut observation = Observation::new(
            self.probe.name,
            self.layer,
            self.check,
            subject,
            Outcome::Unknown,
            format!("{COULD_NOT_BE_CHECKED}{why}"),
        );
        observation.reason = Some(why.to_owned());
        observation
    }

    /// It was not looked at.
    pub fn skipped(&self, skip: Skip, why: &str) -> Observation {
        let mut observation =
            Observation::new(self.probe.name, self.layer, self.check, None, Outcome::Skipped, why.to_owned());
        observation.skip = Some(skip);
        observation
    }

    /// How long a wait may be: `wanted`, or less where the deadline is nearer.
    pub fn within(&self, wanted: std::time::Duration) -> std::time::Duration {
        wanted.min(self.deadline.saturating_duration_since(Instant::now()))
    }
}

/// Every kind of check. Adding one is its file and its line here.
pub const PROBES: &[&Probe] = &[
    // this machine's network
    &link::PROBE,
    &wifi::PROBE,
    &supplicant::PROBE,
    &address::PROBE,
    &lease::PROBE,
    &dhcp::PROBE,
    &route::PROBE,
    &neighbour::PROBE,
    &vpn::PROBE,
    &filter::PROBE,
    &resolver::PROBE,
    &online::PROBE,
    // names
    &dns::PROBE,
    &hosts::PROBE,
    &lookup::PROBE,
    &nat64::PROBE,
    // this host
    &process::PROBE,
    &socket::PROBE,
    &service::PROBE,
    &resource::PROBE,
    &disk::PROBE,
    &power::PROBE,
    &package::PROBE,
    &log::PROBE,
    // the way out
    &echo::PROBE,
    &mtu::PROBE,
    &trace::PROBE,
    &tcp::PROBE,
    &closed::PROBE,
    &udp::PROBE,
    &stun::PROBE,
    &throughput::PROBE,
    &clock::PROBE,
    // what is spoken
    &proxy::PROBE,
    &person::PROBE,
    &tls::PROBE,
    &http::PROBE,
    &portal::PROBE,
    &greeting::PROBE,
    &smb::PROBE,
    &ipp::PROBE,
    &lpd::PROBE,
    &mail::PROBE,
    &rdp::PROBE,
    &kerberos::PROBE,
    &ldap::PROBE,
    // people and commands
    &ask::PROBE,
    &exec::PROBE,
];

/// The probe with this name.
pub fn find(name: &str) -> Option<&'static Probe> {
    PROBES.iter().find(|probe| probe.name == name).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `firstline plan` promises to name every connection; `ask` and what only reads this machine open none.
    #[test]
    fn who_opens_connections_says_to_whom() {
        for probe in PROBES {
            let Contacts { named, others, unless } = probe.contacts;
            let silent = named.is_empty() && others.is_none();
            assert_eq!(silent, matches!(probe.cost, Cost::Local | Cost::Person), "{}", probe.name);
            assert!(silent || probe.burden.load != Burden::READS.load, "{} sends something", probe.name);
            let places = probe.burden.load.matches("{}").count();
            assert_eq!(places, probe.burden.amounts.len(), "{}: {}", probe.name, probe.burden.load);
            let params = (probe.params)().to_value();
            for name in named.iter().chain(&unless) {
                assert!(params["properties"].get(name).is_some(), "{} has no parameter `{name}`", probe.name);
            }
        }
    }
}
