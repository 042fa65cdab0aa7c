//! State of a service: systemd over D-Bus, and where there is no bus `systemctl show`. Machines without systemd have no
//! service manager that could be asked for restarts, and the answer there is "unknown".

use super::command;
use crate::sys::*;
use std::collections::HashMap;
use std::path::Path;
use std::time::Duration;
use zbus::wire::{OwnedObjectPath, OwnedVariant};

/// A local call that takes under a millisecond; a bus that needs longer is stuck.
const BUS_WAIT: Duration = Duration::from_millis(500);
/// `systemctl` starts a process and asks the same; it is the second try.
const COMMAND_WAIT: Duration = Duration::from_millis(1500);

const MANAGER: &str = "org.freedesktop.systemd1";

pub(super) async fn service(name: &str) -> Known<Service> {
    // sd_booted(3): the folder exists exactly where systemd is process 1.
    if !Path::new("/run/systemd/system").exists() {
        return Err(Unknown::Unsupported("no systemd runs on this machine"));
    }
    let unit = unit_name(name).ok_or_else(|| Unknown::Failed(format!("`{name}` is no name of a service")))?;
    match tokio::time::timeout(BUS_WAIT, over_bus(&unit)).await {
        Ok(Ok(service)) => Ok(service),
        Ok(Err(_)) | Err(_) => over_command(&unit).await,
    }
}

/// The unit's full name; none where systemd would not take it (systemd.unit(5)), so that no option and no glob gets
/// through to `systemctl`.
fn unit_name(name: &str) -> Option<String> {
    let allowed = |letter: char| letter.is_ascii_alphanumeric() || ":-_.\\@".contains(letter);
    if name.is_empty() || name.len() > 255 || name.starts_with('-') || !name.chars().all(allowed) {
        return None;
    }
    const SUFFIXES: &[&str] = &[".service", ".socket", ".timer", ".target", ".mount", ".path"];
    let complete = SUFFIXES.iter().any(|suffix| name.ends_with(suffix));
    Some(if complete { name.to_owned() } else { format!("{name}.service") })
}

async fn over_bus(unit: &str) -> zbus::Result<Service> {
    let bus = zbus::connection::Builder::system().build().await?;
    let path = load_unit(&bus, unit).await?;
    let of_unit = properties(&bus, &path, "org.freedesktop.systemd1.Unit").await?;
    // Sockets and timers are no services and have no such properties.
    let of_service = properties(&bus, &path, "org.freedesktop.systemd1.Service").await.unwrap_or_default();
    let load: String = value(&of_unit, "LoadState").unwrap_or_default();
    let active: Option<String> = value(&of_unit, "ActiveState");
    let mut on_demand = false;
    for trigger in value::<Vec<String>>(&of_unit, "TriggeredBy").unwrap_or_default() {
        let of_trigger = properties(&bus, &load_unit(&bus, &trigger).await?, "org.freedesktop.systemd1.Unit").await?;
        on_demand |= value::<String>(&of_trigger, "ActiveState").is_some_and(|state| state == "active");
    }
    Ok(Service {
        name: unit.to_owned(),
        state: if load == "not-found" { load } else { active.unwrap_or_else(|| "unknown".to_owned()) },
        result: value(&of_service, "Result"),
        restarts: value(&of_service, "NRestarts"),
        main_pid: value(&of_service, "MainPID").filter(|pid: &u32| *pid != 0),
        active_s: value(&of_unit, "ActiveEnterTimestampMonotonic").and_then(active_seconds),
        on_demand,
    })
}

/// Where the unit is found. `LoadUnit` only reads the unit's file where it is not in memory; `GetUnit` would not find a
/// stopped one.
async fn load_unit(bus: &zbus::Connection, unit: &str) -> zbus::Result<OwnedObjectPath> {
    let arguments = (unit,);
    let interface = Some("org.freedesktop.systemd1.Manager");
    let answer = bus.call_method(Some(MANAGER), "/org/freedesktop/systemd1", interface, "LoadUnit", &arguments);
    answer.await?.body().deserialize()
}

fn value<T: TryFrom<OwnedVariant>>(properties: &Properties, name: &str) -> Option<T> {
    T::try_from(properties.get(name)?.try_clone().ok()?).ok()
}

type Properties = HashMap<String, OwnedVariant>;

async fn properties(bus: &zbus::Connection, path: &OwnedObjectPath, interface: &str) -> zbus::Result<Properties> {
    let arguments = (interface,);
    let answer =
        bus.call_method(Some(MANAGER), path.as_str(), Some("org.freedesktop.DBus.Properties"), "GetAll", &arguments);
    answer.await?.body().deserialize()
}

async fn over_command(unit: &str) -> Known<Service> {
    let wanted = "LoadState,ActiveState,Result,NRestarts,MainPID,TriggeredBy,ActiveEnterTimestampMonotonic";
    let shown = show(wanted, &[unit]).await?;
    let triggers = match read_value(&shown, "TriggeredBy") {
        Some(triggers) => show("ActiveState", &triggers.split(' ').collect::<Vec<&str>>()).await?,
        None => String::new(),
    };
    Ok(read_show(unit, &shown, &triggers))
}

async fn show(properties: &str, units: &[&str]) -> Known<String> {
    let mut arguments = vec!["systemctl", "show", "--no-pager", "--property", properties, "--"];
    arguments.extend(units);
    let arguments: Vec<String> = arguments.into_iter().map(str::to_owned).collect();
    let output = command::command(&arguments, COMMAND_WAIT).await?;
    if output.timed_out {
        return Err(Unknown::Failed("the service manager does not answer".to_owned()));
    }
    if output.status != Some(0) {
        return Err(Unknown::Failed(format!("systemctl: {}", output.stderr.lines().next().unwrap_or("failed"))));
    }
    Ok(output.stdout)
}

/// One of the lines `Name=value` of `systemctl show`.
fn read_value<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let values = text.lines().filter_map(|line| line.split_once('='));
    values.filter(|(named, value)| *named == name && !value.is_empty()).map(|(_, value)| value).next_back()
}

/// Reads what `systemctl show` says of a unit, and of those that start it.
fn read_show(unit: &str, text: &str, triggers: &str) -> Service {
    let value = |name: &str| read_value(text, name);
    let number = |name: &str| value(name).and_then(|value| value.parse::<u32>().ok());
    let load = value("LoadState").unwrap_or_default();
    Service {
        name: unit.to_owned(),
        state: if load == "not-found" { load } else { value("ActiveState").unwrap_or("unknown") }.to_owned(),
        result: value("Result").map(str::to_owned),
        restarts: number("NRestarts"),
        main_pid: number("MainPID").filter(|pid| *pid != 0),
        active_s: value("ActiveEnterTimestampMonotonic").and_then(|value| active_seconds(value.parse().ok()?)),
        // A socket or timer that is stopped starts nothing.
        on_demand: triggers.lines().any(|line| line == "ActiveState=active"),
    }
}

/// Seconds since a monotonic stamp in microseconds; none for zero, which means "never".
fn active_seconds(since_us: u64) -> Option<u64> {
    let now_us = super::log::monotonic_us()?;
    (since_us > 0).then(|| now_us.saturating_sub(since_us) / 1_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_completed_or_refused() {
        for (name, unit) in [
            ("nginx", Some("nginx.service")),
            ("cups.socket", Some("cups.socket")),
            ("getty@tty1", Some("getty@tty1.service")),
            ("--version", None),
            ("a b", None),
            ("*", None),
            ("", None),
        ] {
            assert_eq!(unit_name(name).as_deref(), unit, "{name}");
        }
    }

    #[test]
    fn recorded_answers_of_systemctl_are_read() {
        let failed = read_show("app.service", include_str!("../../../tests/fixtures/linux/systemctl-failed.txt"), "");
        assert_eq!(
            (failed.state.as_str(), failed.result.as_deref(), failed.restarts),
            ("failed", Some("exit-code"), Some(5))
        );
        assert_eq!((failed.main_pid, failed.active_s, failed.on_demand), (None, None, false));
        let missing = read_show("x.service", "LoadState=not-found\nActiveState=inactive\nResult=success\n", "");
        assert_eq!(missing.state, "not-found");
        let socket = "ActiveState=inactive\nTriggeredBy=cups.socket cups.path\n";
        for (triggers, on_demand) in [
            ("ActiveState=active\n\nActiveState=inactive\n", true),
            ("ActiveState=inactive\n\nActiveState=failed\n", false),
        ] {
            assert_eq!(read_show("cups.service", socket, triggers).on_demand, on_demand);
        }
        assert_eq!(read_show("x", "garbage", "").state, "unknown");
    }

    #[tokio::test]
    async fn a_machine_without_systemd_is_unknown() {
        if !Path::new("/run/systemd/system").exists() {
            assert!(matches!(service("nginx").await, Err(Unknown::Unsupported(_))));
        }
    }
}
