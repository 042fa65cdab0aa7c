//! A world that is played from a scenario: facts of a machine and the behaviour of a network, written in TOML. Nothing
//! of the real machine is touched, and with tokio's paused clock a scenario takes no time.
//!
//! Facts have the shapes of `sys`. A fact that the scenario does not give is unknown; `tunnels = []` says that there
//! are none. The network's tables say how each far end behaves; what they do not name behaves as the routes say: no
//! route is "network unreachable", a closed port on this machine is refused, anything else is silent.
//!
//! ```toml
//! [[links]]
//! name = "eth0"
//! kind = "wired"
//! up = true
//!
//! [[routes]]
//! gateway = "10.0.0.1"
//! interface = "eth0"
//!
//! [unknown]
//! filter_rules = "needs root"              # or any other text
//!
//! [delay_ms]
//! "10.0.0.7" = 20                          # round trip; 1 ms where it is not given
//!
//! [tcp]
//! "10.0.0.7:443" = "refused"               # any failure's word, "open", "reset", "closed"
//! "10.0.0.7:25" = { says = "220 hello\r\n" }
//! "10.0.0.7:22" = { each = ["open", "timeout"] }    # in turn
//!
//! [udp]
//! "10.0.0.7:123" = { reply = "bytes" }     # or "echo", "silent", any failure's word
//!
//! [dns."10.0.0.53"]
//! "crm.test" = ["A 10.0.0.7", "CNAME app.test"]
//! "gone.test" = "NXDOMAIN"                 # any response code, "silent", "garbage", "wrong_id", "truncated"
//! "*" = "NXDOMAIN"                         # what is not listed; REFUSED where this is missing
//! "@tcp" = "refused"                       # TCP port 53; answers where this is missing
//! "@drop_every" = 3                        # every third query stays unanswered
//!
//! [http."10.0.0.7:80"]
//! "GET /" = "HTTP/1.1 200 OK\r\n..."       # or the path alone, or "*"; `http."10.0.0.7:80" = "..."` for all
//!
//! [lookup]
//! "crm.test" = ["10.0.0.7"]                # or "not_found", "try_again", "failed", "timeout"; "*" for the rest
//!
//! [echo]
//! "10.0.0.1" = 2.5                         # milliseconds; "silent", any failure's word, or { ms = 2, lose_every = 4 }
//! "*" = "denied"                           # no socket may be opened
//!
//! [answers]
//! other-machine = "only here"              # what the person says, by check
//! ```

mod far_end;
mod machine;
mod names;
mod network;
mod table;

use super::{Answer, Failure, Person, Question, World};
use crate::sys;
use async_trait::async_trait;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::rc::Rc;
use toml::{Table, Value};

pub use machine::FakeMachine;
pub use network::FakeNetwork;

/// The facts and behaviours of a scenario, as written.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Scenario {
    links: Option<Vec<sys::Link>>,
    addresses: Option<Vec<sys::Address>>,
    routes: Option<Vec<sys::Route>>,
    rules: Option<Vec<sys::Rule>>,
    neighbours: Option<Vec<sys::Neighbour>>,
    leases: Option<Vec<sys::Lease>>,
    /// By interface.
    dhcp_offers: Option<BTreeMap<String, Vec<sys::DhcpTerms>>>,
    sign_ons: Option<BTreeMap<String, sys::SignOn>>,
    radios: Option<BTreeMap<String, sys::Radio>>,
    tunnels: Option<Vec<sys::Tunnel>>,
    ipsec: Option<sys::Ipsec>,
    group_limits: Option<sys::GroupLimits>,
    filter_rules: Option<Vec<sys::FilterRule>>,
    resolvers: Option<sys::ResolverConfig>,
    hosts: Option<Vec<sys::HostsEntry>>,
    online_flags: Option<Vec<sys::OnlineFlag>>,
    proxies: Option<sys::ProxySettings>,
    proxies_of_people: Option<Vec<sys::PersonProxies>>,
    kernel_settings: Option<BTreeMap<String, String>>,
    account: Option<sys::Account>,
    identity: Option<sys::Identity>,
    processes: Option<Vec<sys::Process>>,
    listeners: Option<Vec<sys::Listener>>,
    socket_counts: Option<sys::SocketCounts>,
    memory: Option<sys::Memory>,
    processor: Option<sys::Processor>,
    pressure: Option<sys::Pressure>,
    packages: Option<sys::PackageState>,
    power: Option<sys::Power>,
    filesystems: Option<Vec<sys::Filesystem>>,
    log_lines: Option<Vec<sys::LogLine>>,
    changes: Option<Vec<sys::Change>>,
    clock: Option<sys::Clock>,
    /// By the command line, words joined with a space.
    commands: Option<BTreeMap<String, sys::CommandOutput>>,
    services: Option<BTreeMap<String, sys::Service>>,
    /// Why a fact cannot be read, by its name.
    unknown: BTreeMap<String, String>,
    answers: BTreeMap<String, String>,
    delay_ms: BTreeMap<String, f64>,
    tcp: Table,
    udp: Table,
    dns: Table,
    http: Table,
    lookup: Table,
    echo: Table,
    trace: Table,
    path_mtu: Table,
    who_refuses: Table,
    time: Table,
}

/// A scenario that can be played.
#[derive(Debug, Clone)]
pub struct Fake {
    machine: Rc<FakeMachine>,
    network: Rc<FakeNetwork>,
    person: Rc<FakePerson>,
}

impl Fake {
    /// Reads a scenario.
    ///
    /// # Errors
    /// Where it is no TOML, has keys that mean nothing, or behaviours that are not known; the text says where.
    pub fn from_toml(text: &str) -> Result<Fake, String> {
        Fake::from_layers(&[text])
    }

    /// Reads several texts, each laid over the ones before: tables are merged, everything else is replaced. So one
    /// healthy machine serves many faults.
    ///
    /// # Errors
    /// As `from_toml`.
    pub fn from_layers(texts: &[&str]) -> Result<Fake, String> {
        let mut whole = Table::new();
        for text in texts {
            merge(&mut whole, text.parse::<Table>().map_err(|error| error.to_string())?);
        }
        let scenario: Scenario = whole.try_into().map_err(|error: toml::de::Error| error.to_string())?;
        let person = FakePerson(scenario.answers.clone());
        let machine = Rc::new(FakeMachine::new(&scenario));
        let network = Rc::new(FakeNetwork::new(&scenario, Rc::clone(&machine))?);
        Ok(Fake { machine, network, person: Rc::new(person) })
    }

    /// The world to hand to a run.
    pub fn world(&self) -> World {
        World { machine: self.machine.clone(), network: self.network.clone(), person: self.person.clone() }
    }

    /// Every far end that was contacted, in order and as `tcp 10.0.0.7:443`: what a test of "opens no other
    /// connections" looks at.
    pub fn contacts(&self) -> Vec<String> {
        self.network.contacts()
    }
}

fn merge(into: &mut Table, from: Table) {
    for (key, value) in from {
        match (into.get_mut(&key), value) {
            (Some(Value::Table(old)), Value::Table(new)) => merge(old, new),
            (_, value) => {
                into.insert(key, value);
            }
        }
    }
}

/// Somebody who says what the scenario says.
#[derive(Debug, Default)]
struct FakePerson(BTreeMap<String, String>);

#[async_trait(?Send)]
impl Person for FakePerson {
    async fn ask(&self, question: &Question) -> Answer {
        match self.0.get(&question.check).map(String::as_str) {
            None => Answer::Nobody,
            Some("refused") => Answer::Refused,
            Some(answer) => Answer::Given(answer.to_owned()),
        }
    }

    fn is_there(&self) -> bool {
        !self.0.is_empty()
    }
}

/// The failure with this word.
fn failure(word: &str) -> Option<Failure> {
    [
        Failure::Timeout,
        Failure::Refused,
        Failure::Reset,
        Failure::NetworkUnreachable,
        Failure::HostUnreachable,
        Failure::Prohibited,
        Failure::LocalDenied,
        Failure::NoSource,
        Failure::TooLarge,
        Failure::Closed,
        Failure::TimeExceeded,
    ]
    .into_iter()
    .find(|failure| failure.word() == word)
}

#[cfg(test)]
mod tests;
