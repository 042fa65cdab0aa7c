//! Who listens on a port, on which addresses, and whether the program can take connections.

use super::argument::{optional, words};
use super::process::program::{DESCRIPTORS_PERCENT, descriptors_percent, detail, is_stopped, label, same_name};
use super::{Burden, Contacts, Cost, Look, Probe, accepts, schema_of};
use crate::layer::Layer;
use crate::observation::Observation;
use crate::problem::Code;
use crate::sys::{Known, Listener, Machine, Process, Unknown};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::net::IpAddr;
use std::time::Duration;

/// The probe.
pub const PROBE: Probe = Probe {
    name: "socket",
    layer: Layer::Process,
    cost: Cost::Local,
    summary: "which program listens on a port, on which addresses, and whether it takes connections",
    about: "Reads the kernel's table of listening sockets (on Linux sock_diag(7), else /proc/net) and finds the process \
that holds the port; no packet is sent. An IPv6 socket that is not marked IPv6-only counts for IPv4 too. A queue of \
waiting connections that is full twice in a row means that the program does not accept. Processes of other users are \
seen by root only.",
    contacts: Contacts::NONE,
    burden: Burden::READS,
    codes: &[
        Code::ProcessNotListening,
        Code::ProcessLoopbackOnly,
        Code::ProcessWrongAddress,
        Code::ProcessPortTaken,
        Code::ProcessStopped,
        Code::ProcessBacklogFull,
        Code::ProcessDescriptors,
    ],
    params: schema_of::<Params>,
    facts: schema_of::<SocketFacts>,
    accepts: accepts::<Params>,
    run: |look| look.with(run),
};

/// A busy program fills its queue for a moment; one that accepts at all has taken some of it after so long.
const LOOK_AGAIN: Duration = Duration::from_millis(250);

/// Programs that share one port and are looked at. Judgement: servers start one for each processor.
const SHARING_LOOKED_AT: usize = 64;

/// Parameters of `socket`.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Params {
    /// The port.
    #[serde(deserialize_with = "optional")]
    pub port: Option<u16>,
    /// `tcp` or `udp`; `tcp` if not given.
    #[serde(deserialize_with = "optional")]
    pub protocol: Option<String>,
    /// The addresses of this machine on which it is wanted, such as those that the target's name resolves to.
    #[serde(deserialize_with = "words")]
    pub address: Vec<String>,
    /// The program that should listen there.
    #[serde(deserialize_with = "optional")]
    pub process: Option<String>,
}

/// Facts of `socket`.
#[derive(Debug, Clone, Default, Serialize, JsonSchema)]
pub struct SocketFacts {
    /// Whether any program listens on the port.
    pub listening: bool,
    /// Name of the program that holds it.
    pub process: Option<String>,
    /// Its process id.
    pub pid: Option<u32>,
    /// The user id that opened the socket.
    pub uid: Option<u32>,
    /// Name and process id together, `name[pid]`.
    pub holder: Option<String>,
    /// State of that process: `running`, `sleeping`, `stopped` ...
    pub state: Option<String>,
    /// Address and port that it listens on; the one that fits the wanted address best.
    pub address: Option<String>,
    /// All addresses with that port.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub addresses: Vec<String>,
    /// `ipv4`, `ipv6` or `both`, over all sockets with that port.
    pub family: Option<String>,
    /// It listens on loopback addresses only.
    pub loopback_only: Option<bool>,
    /// One IPv6 socket takes IPv4 connections too.
    pub dual_stack: Option<bool>,
    /// How many programs listen on that very address and port, each of which gets some of the connections.
    pub sharing: usize,
    /// Wanted addresses on which nobody listens.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<String>,
    /// Connections that wait to be accepted.
    pub backlog_now: Option<u32>,
    /// How many may wait.
    pub backlog_max: Option<u32>,
    /// Open file descriptors of the program.
    pub descriptors_open: Option<u64>,
    /// How many it may open.
    pub descriptors_limit: Option<u64>,
    /// Other ports that the same process listens on; where nobody listens on the port, those of the wanted program.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub others: Vec<u16>,
}

/// What is looked for.
struct Wanted {
    port: u16,
    protocol: String,
    addresses: Vec<IpAddr>,
    process: Option<String>,
}

impl Wanted {
    fn fits(&self, listener: &Listener) -> bool {
        listener.local.port() == self.port && listener.protocol == self.protocol
    }
}

async fn run(look: &Look<'_>, params: Params) -> Vec<Observation> {
    let Some(port) = params.port else { return vec![look.unknown(None, "no port was given")] };
    let protocol = params.protocol.unwrap_or_else(|| "tcp".to_owned()).to_ascii_lowercase();
    if !["tcp", "udp"].contains(&protocol.as_str()) {
        return vec![look.unknown(None, "the protocol is neither `tcp` nor `udp`")];
    }
    let wanted = Wanted { port, protocol, addresses: addresses(&params.address), process: params.process };
    let machine = look.world.machine.as_ref();
    let mut listeners = match on_port(machine, port).await {
        Ok(listeners) => listeners,
        Err(why) => return vec![look.unknown(None, &why.to_string())],
    };
    if is_full(&listeners, &wanted) {
        tokio::time::sleep(look.within(LOOK_AGAIN)).await;
        // Where the second look fails, the first one still stands.
        listeners = on_port(machine, port).await.unwrap_or(listeners);
    }
    if !listeners.iter().any(|listener| wanted.fits(listener)) {
        return vec![nobody(look, &wanted, &listeners).await];
    }
    let (listener, holder) = worst_off(machine, &listeners, &wanted).await;
    vec![judge(look, &wanted, &listeners, listener, holder.as_ref())]
}

/// Wanted addresses as far as they are addresses; `localhost` stands for both loopbacks, and another name says nothing.
fn addresses(words: &[String]) -> Vec<IpAddr> {
    words
        .iter()
        .flat_map(|word| match word.as_str() {
            "localhost" => vec![IpAddr::from([127, 0, 0, 1]), IpAddr::from([0, 0, 0, 0, 0, 0, 0, 1])],
            word => word.trim_matches(['[', ']']).parse().into_iter().collect(),
        })
        .collect()
}

/// The listening sockets, with the processes of those on this port.
async fn on_port(machine: &dyn Machine, port: u16) -> Known<Vec<Listener>> {
    match machine.listeners_on(port).await {
        Err(Unknown::Unsupported(_)) => machine.listeners().await,
        known => known,
    }
}

/// The process that listens on this TCP port, and none where nobody does.
pub(super) async fn holder(machine: &dyn Machine, port: u16) -> Known<Option<u32>> {
    let listeners = on_port(machine, port).await?;
    let mut fitting = listeners.iter().filter(|one| one.local.port() == port && one.protocol == "tcp").peekable();
    if fitting.peek().is_none() {
        return Ok(None);
    }
    fitting.find_map(|listener| listener.pid).map(Some).ok_or_else(|| Unknown::NeedsRight {
        what: format!("which process listens on port {port}"),
        right: "root".to_owned(),
    })
}

/// Whether connections to this address reach that socket.
fn takes(listener: &Listener, address: IpAddr) -> bool {
    let local = listener.local.ip();
    if local.to_canonical() == address.to_canonical() {
        return true;
    }
    match local {
        IpAddr::V4(local) => local.is_unspecified() && address.is_ipv4(),
        // Where the kernel does not say, the default holds: an IPv6 wildcard takes both (pitfall 13).
        IpAddr::V6(local) => local.is_unspecified() && (address.is_ipv6() || listener.v6_only != Some(true)),
    }
}

/// The socket that takes a wanted address, else the first with that port; one whose process is seen goes before.
fn best<'a>(listeners: &'a [Listener], wanted: &Wanted) -> Option<&'a Listener> {
    let rank = |listener: &&Listener| {
        let takes = wanted.addresses.iter().any(|address| takes(listener, *address));
        (!takes, listener.pid.is_none())
    };
    listeners.iter().filter(|listener| wanted.fits(listener)).min_by_key(rank)
}

/// Those that share the address and port of the best one (SO_REUSEPORT): the kernel gives each of them some of the
/// connections.
fn sharing<'a>(listeners: &'a [Listener], wanted: &Wanted) -> Vec<&'a Listener> {
    let Some(best) = best(listeners, wanted) else { return Vec::new() };
    let others = listeners.iter().filter(|one| wanted.fits(one) && one.local == best.local && one.pid != best.pid);
    let mut shared: Vec<&Listener> = std::iter::once(best).chain(others).collect();
    shared.truncate(SHARING_LOOKED_AT);
    shared
}

/// The socket to speak of, with its process: of several that share the port one whose process is suspended, because the
/// connections that it is given hang; else the one that takes a wanted address.
async fn worst_off<'a>(
    machine: &dyn Machine,
    listeners: &'a [Listener],
    wanted: &Wanted,
) -> (Option<&'a Listener>, Option<Process>) {
    let mut first = None;
    for listener in sharing(listeners, wanted) {
        let holder = match listener.pid {
            Some(pid) => detail(machine, pid).await.ok(),
            None => None,
        };
        if holder.as_ref().is_some_and(is_stopped) {
            return (Some(listener), holder);
        }
        first.get_or_insert((Some(listener), holder));
    }
    first.unwrap_or_default()
}

fn is_full(listeners: &[Listener], wanted: &Wanted) -> bool {
    let full = |listener: &Listener| listener.backlog.is_some_and(|(now, most)| now > most);
    best(listeners, wanted).is_some_and(full)
}

async fn nobody(look: &Look<'_>, wanted: &Wanted, listeners: &[Listener]) -> Observation {
    let Wanted { port, protocol, .. } = wanted;
    let mut facts = SocketFacts::default();
    let mut hint = String::new();
    if let Some(name) = &wanted.process {
        // The dear walk over everybody's descriptors, only where it can tell why: the program listens elsewhere.
        let all = look.world.machine.listeners().await.unwrap_or_default();
        facts.others = ports(&all, |listener| listener.process.as_deref().is_some_and(|held| same_name(held, name)));
        if !facts.others.is_empty() {
            hint = format!("; {name} listens on {}", list(&facts.others));
        }
    } else if let Some(other) = listeners.iter().find(|listener| listener.local.port() == *port) {
        hint = format!("; {} is in use on that port", other.protocol);
    }
    look.problem(None, Code::ProcessNotListening, format!("no program listens on {protocol} port {port}{hint}"))
        .facts(&facts)
}

fn judge(
    look: &Look<'_>,
    wanted: &Wanted,
    listeners: &[Listener],
    listener: Option<&Listener>,
    holder: Option<&Process>,
) -> Observation {
    let Some(listener) = listener else { return look.unknown(None, "the socket has gone") };
    let facts = facts(wanted, listeners, listener, holder);
    let who = facts.holder.clone().unwrap_or_else(|| "a program that this account may not see".to_owned());
    let place = format!("{} port {}", wanted.protocol, wanted.port);
    let mut problems: Vec<(Code, String)> = Vec::new();
    if let (Some(expected), Some(process)) = (&wanted.process, &facts.process)
        && !listeners
            .iter()
            .any(|one| wanted.fits(one) && one.process.as_deref().is_some_and(|name| same_name(name, expected)))
    {
        problems.push((Code::ProcessPortTaken, format!("{place} is held by {who} and not by {expected} ({process})")));
    }
    if !wanted.addresses.is_empty() && facts.missing.len() == wanted.addresses.len() {
        let loopback_wanted = wanted.addresses.iter().all(IpAddr::is_loopback);
        let only_loopback = facts.loopback_only == Some(true) && !loopback_wanted;
        let code = if only_loopback { Code::ProcessLoopbackOnly } else { Code::ProcessWrongAddress };
        let summary =
            format!("{who} listens on {} only, not on {}", facts.addresses.join(" and "), facts.missing.join(" or "));
        problems.push((code, summary));
    }
    if holder.is_some_and(is_stopped) {
        let others = match facts.sharing {
            0 | 1 => String::new(),
            sharing => format!("; {sharing} programs share the port, and this one gets some of the connections"),
        };
        problems.push((Code::ProcessStopped, format!("{who}, which listens on {place}, is suspended{others}")));
    }
    if let Some((open, limit)) = holder.and_then(|process| process.descriptors)
        && holder.and_then(descriptors_percent).is_some_and(|percent| percent >= DESCRIPTORS_PERCENT)
    {
        let summary = format!("{who}, which listens on {place}, has {open} of at most {limit} file descriptors open");
        problems.push((Code::ProcessDescriptors, summary));
    }
    if is_full(listeners, wanted) {
        let (now, most) = listener.backlog.unwrap_or_default();
        let summary = format!("{who} does not accept: {now} connections wait on {place}, where {most} may");
        problems.push((Code::ProcessBacklogFull, summary));
    }
    let subject = facts.holder.clone();
    let mut problems = problems.into_iter();
    match problems.next() {
        Some((code, summary)) => {
            look.problem(subject.as_deref(), code, summary).also(problems.map(|(code, _)| code)).facts(&facts)
        }
        None => {
            let summary = format!("{who} listens on {place} at {}", facts.addresses.join(" and "));
            look.ok(subject.as_deref(), summary).facts(&facts)
        }
    }
}

fn facts(wanted: &Wanted, listeners: &[Listener], listener: &Listener, holder: Option<&Process>) -> SocketFacts {
    let fitting: Vec<&Listener> = listeners.iter().filter(|one| wanted.fits(one)).collect();
    let dual = |one: &Listener| one.local.is_ipv6() && one.local.ip().is_unspecified() && one.v6_only != Some(true);
    let v4 = fitting.iter().any(|one| one.local.is_ipv4() || dual(one));
    let v6 = fitting.iter().any(|one| one.local.is_ipv6());
    let mut addresses: Vec<String> = fitting.iter().map(|one| one.local.to_string()).collect();
    addresses.dedup();
    let process = listener.process.clone().or_else(|| holder.map(|process| process.name.clone()));
    SocketFacts {
        listening: true,
        holder: process.as_deref().zip(listener.pid).map(|(name, pid)| label(name, pid)),
        process,
        pid: listener.pid,
        uid: listener.uid,
        state: holder.map(|process| process.state.clone()),
        address: Some(listener.local.to_string()),
        addresses,
        family: Some(
            if v4 && v6 {
                "both"
            } else if v6 {
                "ipv6"
            } else {
                "ipv4"
            }
            .to_owned(),
        ),
        loopback_only: Some(fitting.iter().all(|one| one.local.ip().to_canonical().is_loopback())),
        dual_stack: Some(fitting.iter().any(|one| dual(one))),
        sharing: sharing(listeners, wanted).len(),
        missing: wanted
            .addresses
            .iter()
            .filter(|address| !fitting.iter().any(|one| takes(one, **address)))
            .map(IpAddr::to_string)
            .collect(),
        backlog_now: listener.backlog.map(|(now, _)| now),
        backlog_max: listener.backlog.map(|(_, most)| most),
        descriptors_open: holder.and_then(|process| Some(process.descriptors?.0)),
        descriptors_limit: holder.and_then(|process| Some(process.descriptors?.1)),
        others: match listener.pid {
            Some(pid) => ports(listeners, |one| one.pid == Some(pid) && one.local.port() != wanted.port),
            None => Vec::new(),
        },
    }
}

fn ports(listeners: &[Listener], is_meant: impl Fn(&Listener) -> bool) -> Vec<u16> {
    let mut ports: Vec<u16> =
        listeners.iter().filter(|one| is_meant(one)).map(|listener| listener.local.port()).collect();
    ports.sort_unstable();
    ports.dedup();
    ports
}

fn list(ports: &[u16]) -> String {
    ports.iter().map(u16::to_string).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probe::testing::look_at;
    use async_trait::async_trait;
    use serde_json::json;

    /// A machine with these listening sockets, all of one process.
    struct Listening(Vec<Listener>, Process);

    #[async_trait(?Send)]
    impl Machine for Listening {
        async fn listeners(&self) -> Known<Vec<Listener>> {
            Ok(self.0.clone())
        }

        async fn process(&self, _pid: u32) -> Known<Process> {
            Ok(self.1.clone())
        }
    }

    fn listener(local: &str, v6_only: Option<bool>) -> Listener {
        Listener {
            local: local.parse().expect("an address"),
            protocol: "tcp".into(),
            v6_only,
            backlog: Some((0, 128)),
            pid: Some(7),
            process: Some("app".into()),
            uid: Some(0),
        }
    }

    async fn seen(listeners: Vec<Listener>, process: Process, args: serde_json::Value) -> Observation {
        look_at(&PROBE, Listening(listeners, process), args).await.remove(0)
    }

    fn sleeping() -> Process {
        Process {
            pid: 7,
            name: "app".into(),
            state: "sleeping".into(),
            descriptors: Some((10, 1024)),
            ..Process::default()
        }
    }

    #[tokio::test]
    async fn addresses_are_compared_with_what_the_sockets_take() {
        let both = [listener("0.0.0.0:80", None), listener("[::]:80", Some(true))];
        for (listeners, address, code) in [
            (vec![listener("127.0.0.1:80", None)], json!("192.0.2.1"), Some(Code::ProcessLoopbackOnly)),
            (vec![listener("[::1]:80", None)], json!("192.0.2.1"), Some(Code::ProcessLoopbackOnly)),
            (vec![listener("127.0.0.1:80", None)], json!("127.0.0.1"), None),
            (vec![listener("127.0.0.1:80", None)], json!("localhost"), None),
            (vec![listener("127.0.0.1:80", None)], json!(["::1"]), Some(Code::ProcessWrongAddress)),
            (vec![listener("192.0.2.9:80", None)], json!("192.0.2.1"), Some(Code::ProcessWrongAddress)),
            (vec![listener("[::]:80", Some(false))], json!("192.0.2.1"), None),
            (vec![listener("[::]:80", None)], json!("127.0.0.1"), None),
            (vec![listener("[::]:80", Some(true))], json!("192.0.2.1"), Some(Code::ProcessWrongAddress)),
            (vec![listener("0.0.0.0:80", None)], json!("2001:db8::1"), Some(Code::ProcessWrongAddress)),
            (vec![listener("[::ffff:192.0.2.1]:80", None)], json!("192.0.2.1"), None),
            (both.to_vec(), json!(["192.0.2.1", "2001:db8::1"]), None),
            (vec![listener("127.0.0.1:80", None)], json!(""), None),
            (vec![listener("127.0.0.1:80", None)], json!("a-name"), None),
            (vec![listener("127.0.0.1:81", None)], json!(""), Some(Code::ProcessNotListening)),
            (vec![], json!(""), Some(Code::ProcessNotListening)),
        ] {
            let what = format!("{listeners:?} {address}");
            let observation = seen(listeners, sleeping(), json!({ "port": "80", "address": address })).await;
            assert_eq!(observation.code, code, "{what}: {}", observation.summary);
        }
    }

    #[tokio::test]
    async fn the_holder_is_judged_too() {
        let full = Listener { backlog: Some((129, 128)), ..listener("0.0.0.0:80", None) };
        let stopped = Process { state: "stopped".into(), ..sleeping() };
        let out_of = Process { descriptors: Some((1024, 1024)), ..sleeping() };
        for (listener, process, codes) in [
            (full.clone(), sleeping(), vec![Code::ProcessBacklogFull]),
            (full.clone(), stopped.clone(), vec![Code::ProcessStopped, Code::ProcessBacklogFull]),
            (full, out_of.clone(), vec![Code::ProcessDescriptors, Code::ProcessBacklogFull]),
            (listener("0.0.0.0:80", None), stopped, vec![Code::ProcessStopped]),
            (Listener { backlog: Some((0, 0)), ..listener("0.0.0.0:80", None) }, sleeping(), vec![]),
        ] {
            let observation = seen(vec![listener], process, json!({ "port": 80 })).await;
            assert_eq!(observation.codes().collect::<Vec<_>>(), codes, "{}", observation.summary);
            assert_eq!(observation.subject.as_deref(), Some("app[7]"));
            assert!(observation.summary.contains("app[7]"), "{}", observation.summary);
        }
    }

    #[tokio::test]
    async fn of_several_that_share_a_port_the_suspended_one_is_named() {
        struct Two(Vec<Listener>);
        #[async_trait(?Send)]
        impl Machine for Two {
            async fn listeners(&self) -> Known<Vec<Listener>> {
                Ok(self.0.clone())
            }
            async fn process(&self, pid: u32) -> Known<Process> {
                let state = if pid == 8 { "stopped" } else { "sleeping" };
                Ok(Process { pid, name: "app".into(), state: state.into(), ..Process::default() })
            }
        }
        let second = |local: &str| Listener { pid: Some(8), ..listener(local, None) };
        for (other, code, sharing) in
            [("127.0.0.1:80", Some(Code::ProcessStopped), 2), ("127.0.0.2:80", None, 1), ("127.0.0.1:81", None, 1)]
        {
            let machine = Two(vec![listener("127.0.0.1:80", None), second(other)]);
            let seen = look_at(&PROBE, machine, json!({ "port": 80, "address": "127.0.0.1" })).await.remove(0);
            assert_eq!((seen.code, &seen.facts["sharing"]), (code, &json!(sharing)), "{}", seen.summary);
        }
    }

    #[tokio::test]
    async fn another_program_on_the_port_is_named_and_a_wanted_one_elsewhere_too() {
        let listeners = vec![listener("0.0.0.0:80", None), listener("0.0.0.0:8080", None)];
        let taken = seen(listeners.clone(), sleeping(), json!({ "port": 80, "process": "nginx" })).await;
        assert_eq!(taken.code, Some(Code::ProcessPortTaken));
        assert_eq!(taken.facts["others"], json!([8080]));
        let elsewhere = seen(listeners, sleeping(), json!({ "port": 90, "process": "app" })).await;
        assert_eq!((elsewhere.code, &elsewhere.facts["others"]), (Some(Code::ProcessNotListening), &json!([80, 8080])));
    }

    #[tokio::test]
    async fn this_machine_is_read() {
        let socket = std::net::TcpListener::bind("127.0.0.1:0").expect("loopback");
        let port = socket.local_addr().expect("bound").port();
        let machine = crate::sys::LocalMachine::default();
        let observation = look_at(&PROBE, machine, json!({ "port": port, "address": "192.0.2.1" })).await.remove(0);
        assert_eq!(observation.code, Some(Code::ProcessLoopbackOnly), "{}", observation.summary);
        assert_eq!(observation.facts["pid"], json!(std::process::id()));
    }

    #[tokio::test]
    async fn bad_arguments_are_unknown() {
        for args in
            [json!({}), json!({ "port": 80, "protocol": "sctp" }), json!({ "port": 99999 }), json!({ "prot": 1 })]
        {
            let observation = seen(vec![], sleeping(), args).await;
            assert_eq!(observation.outcome, crate::observation::Outcome::Unknown);
        }
    }
}
