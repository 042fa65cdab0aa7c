//! `firstline probe`: one check by hand, without a playbook and without a verdict.

use super::Context;
use super::run::block_on;
use super::schema::{Field, fields};
use crate::cli::{DEFAULT_DEADLINE, ProbeFlags};
use crate::error::{Error, Result, closest};
use crate::exit::Exit;
use crate::observation::{Facts, Observation, Outcome};
use crate::packet::redact::{self, Known, Level};
use crate::probe::{self, Look, PROBES, Probe};
use crate::report::observations_page;
use crate::sys::{self, LocalMachine};
use crate::target::Target;
use crate::ui::person::AtTerminal;
use crate::ui::progress::Progress;
use crate::world::real::RealNetwork;
use crate::world::{Nobody, Person, World};
use serde_json::{Value, json};
use std::net::IpAddr;
use std::rc::Rc;
use std::time::Duration;
use tokio::sync::Notify;

/// Names that the parameter for the target may have, the most telling first.
const TARGET_PARAMETERS: [&str; 8] = ["target", "url", "host", "name", "address", "addresses", "port", "server"];
/// How long the target's name may take to resolve before the probe starts: as long as a run waits for it.
const LOOKUP_WAIT: Duration = Duration::from_secs(3);
/// A probe ends within its deadline by contract; one that does not is cut off this much later.
const GRACE: Duration = Duration::from_secs(2);

pub(super) fn probe(context: &Context, kind: &str, target: Option<&str>, flags: &ProbeFlags) -> Result<Exit> {
    let probe = probe::find(kind).ok_or_else(|| unknown_probe(kind))?;
    let args = arguments(probe, target, &flags.set)?;
    (probe.accepts)(&args).map_err(|why| {
        Error::usage(format!("the probe `{kind}` cannot use its parameters: {why}"))
            .hint(format!("firstline explain probe:{kind}"))
    })?;
    let deadline = flags.deadline.unwrap_or(DEFAULT_DEADLINE);
    let seen = look(context, probe, args, deadline)?;
    // As with a run: what is piped goes on to somebody.
    let level = if context.terminal.stdout { Level::Secrets } else { Level::Standard };
    let observations = redact::observations(&seen, level, &Known::of_environment())?;
    if context.wants_json() {
        context.print_json(&json!({ "schema": "firstline.probe/1", "observations": observations }))?;
    } else {
        context.print(&observations_page(&observations, &context.terminal.style(context.common.verbose)))?;
    }
    Ok(exit(&observations))
}

fn unknown_probe(kind: &str) -> Error {
    let error = Error::usage(format!("there is no probe `{kind}`"));
    match closest(kind, PROBES.iter().map(|probe| probe.name)) {
        Some(name) => error.hint(format!("did you mean `firstline probe {name}`?")),
        None => error.hint("`firstline list probes` shows them"),
    }
}

fn exit(observations: &[Observation]) -> Exit {
    let any = |outcome: Outcome| observations.iter().any(|observation| observation.outcome == outcome);
    match (any(Outcome::Problem), any(Outcome::Ok)) {
        (true, _) => Exit::Fault,
        (false, true) => Exit::Good,
        _ => Exit::Undecided,
    }
}

fn look(context: &Context, probe: &'static Probe, args: Facts, deadline: Duration) -> Result<Vec<Observation>> {
    let interrupt = Rc::new(Notify::new());
    let person: Rc<dyn Person> = if context.terminal.can_ask() {
        Rc::new(AtTerminal::new(Progress::new(false), interrupt.clone()))
    } else {
        Rc::new(Nobody)
    };
    let world = World { machine: Rc::new(LocalMachine::default()), network: Rc::new(RealNetwork::default()), person };
    let looked = block_on(async {
        let mut args = args;
        resolve(&world, &mut args).await;
        let end = tokio::time::Instant::now() + deadline;
        let look = Look {
            probe,
            world: &world,
            check: probe.name,
            layer: probe.layer,
            args,
            deadline: end,
            emit: &|_| {},
            seen: &|_| Vec::new(),
            answered: &|_| false,
        };
        tokio::select! {
            observations = (probe.run)(&look) => Some(observations),
            () = tokio::time::sleep_until(end + GRACE) => Some(vec![look.unknown(None, "it did not end in time")]),
            () = interrupt.notified() => None,
            () = sys::interrupted() => None,
        }
    })?;
    looked.ok_or_else(|| Error::environment("interrupted"))
}

/// Probes of addresses take addresses; a person names hosts. What does not resolve is left to the probe to refuse.
async fn resolve(world: &World, args: &mut Facts) {
    let name = match args.get("addresses") {
        Some(Value::Array(items)) => items.first().and_then(Value::as_str),
        Some(Value::String(text)) => Some(text.as_str()),
        _ => None,
    };
    let Some(name) = name.filter(|name| name.parse::<IpAddr>().is_err()) else { return };
    if let Ok(addresses) = world.network.lookup(name, LOOKUP_WAIT).await {
        args.insert("addresses".to_owned(), json!(addresses));
    }
}

/// The parameters from `--set` and from the target, each as its type wants it.
fn arguments(probe: &Probe, target: Option<&str>, set: &[(String, String)]) -> Result<Facts> {
    let fields = fields(&(probe.params)());
    let mut args = Facts::new();
    for (name, text) in set {
        let field = fields.iter().find(|field| field.name == *name).ok_or_else(|| {
            let error = Error::usage(format!("the probe `{}` has no parameter `{name}`", probe.name));
            match closest(name, fields.iter().map(|field| field.name.as_str())) {
                Some(near) => error.hint(format!("did you mean `{near}`?")),
                None => error.hint(format!("firstline explain probe:{}", probe.name)),
            }
        })?;
        args.insert(name.clone(), typed(field, text));
    }
    if let Some(target) = target {
        let wanted: Vec<&Field> =
            fields.iter().filter(|field| TARGET_PARAMETERS.contains(&field.name.as_str())).collect();
        if wanted.is_empty() {
            return Err(Error::usage(format!("the probe `{}` takes no target", probe.name))
                .hint(format!("firstline explain probe:{}", probe.name)));
        }
        // One address is enough where the probe takes a list as well.
        let has_list = wanted.iter().any(|field| field.name == "addresses");
        for field in wanted.into_iter().filter(|field| !(has_list && field.name == "address")) {
            args.entry(field.name.clone()).or_insert(typed(field, &as_parameter(field, target)?));
        }
    }
    Ok(args)
}

/// The part of a target that a parameter of this name wants.
fn as_parameter(field: &Field, text: &str) -> Result<String> {
    let target = Target::parse(text).map_err(|error| {
        Error::usage(error.to_string())
            .hint("a target is a URL (https://crm.example), a host (crm.example) or host:port (10.0.0.7:3389)")
    })?;
    Ok(match field.name.as_str() {
        "host" | "name" | "address" | "addresses" => target.host,
        "port" => target.port.to_string(),
        "url" => target.url().unwrap_or_else(|| format!("https://{}/", target.host)),
        _ => target.text,
    })
}

/// A text from the command line as the value that the parameter takes; what does not fit is left to the probe to
/// refuse.
fn typed(field: &Field, text: &str) -> Value {
    let as_json = || serde_json::from_str::<Value>(text).ok();
    match field.kind.as_str() {
        "integer" | "number" | "boolean" => as_json().unwrap_or_else(|| text.into()),
        kind if kind.starts_with("list of") => match as_json() {
            Some(list @ Value::Array(_)) => list,
            _ => text.split(',').map(|item| item_of(kind, item.trim())).collect(),
        },
        "table" | "any" => as_json().unwrap_or_else(|| text.into()),
        _ => text.into(),
    }
}

fn item_of(kind: &str, item: &str) -> Value {
    match kind {
        "list of string" => item.into(),
        _ => serde_json::from_str(item).unwrap_or_else(|_| item.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(name: &str, kind: &str) -> Field {
        Field { name: name.into(), kind: kind.into(), default: None, about: String::new() }
    }

    #[test]
    fn texts_become_what_the_parameter_takes() {
        let cases = [
            ("integer", "3", json!(3)),
            ("boolean", "true", json!(true)),
            ("string", "3", json!("3")),
            ("list of string", "a, b", json!(["a", "b"])),
            ("list of integer", "1,2", json!([1, 2])),
            ("integer", "three", json!("three")),
            ("udp | tcp", "udp", json!("udp")),
        ];
        for (kind, text, expected) in cases {
            assert_eq!(typed(&field("x", kind), text), expected, "{kind} {text}");
        }
    }

    #[test]
    fn a_target_becomes_the_part_that_is_wanted() {
        let cases = [("host", "crm.test"), ("url", "https://crm.test/x"), ("target", "https://crm.test/x")];
        for (name, expected) in cases {
            assert_eq!(as_parameter(&field(name, "string"), "https://crm.test/x").unwrap(), expected);
        }
    }
}
