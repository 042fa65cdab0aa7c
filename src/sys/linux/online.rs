//! What network services announce to programs: NetworkManager's connectivity over D-Bus, systemd-networkd's state file.

use crate::sys::*;
use std::path::Path;
use std::time::Duration;
use zbus::OwnedVariant;

/// A local call that takes under a millisecond; a bus that needs longer is stuck.
const BUS_WAIT: Duration = Duration::from_millis(500);

/// NetworkManager keeps its run-time files here exactly while it is installed and was started.
const MANAGER_FOLDER: &str = "/run/NetworkManager";
const MANAGER: &str = "org.freedesktop.NetworkManager";
const NETWORKD_STATE: &str = "/run/systemd/netif/state";

pub(super) async fn online_flags() -> Known<Vec<OnlineFlag>> {
    let mut flags = Vec::new();
    if Path::new(MANAGER_FOLDER).exists() {
        // One that was stopped leaves its folder behind; what cannot be asked announces nothing either.
        if let Ok(Ok(number)) = tokio::time::timeout(BUS_WAIT, manager()).await {
            flags.push(of_manager(number));
        }
    }
    if let Ok(text) = std::fs::read_to_string(NETWORKD_STATE) {
        flags.extend(of_networkd(&text));
    }
    Ok(flags)
}

/// The manager's `Connectivity`; an error where it does not run, because asking it would start it.
async fn manager() -> zbus::Result<u32> {
    let bus = zbus::Connection::system().await?;
    let name = "org.freedesktop.DBus";
    let owned = bus.call_method(Some(name), "/org/freedesktop/DBus", Some(name), "NameHasOwner", &MANAGER).await?;
    if !owned.body().deserialize::<bool>()? {
        return Err(zbus::Error::InterfaceNotFound);
    }
    let (properties, question) = (Some("org.freedesktop.DBus.Properties"), (MANAGER, "Connectivity"));
    let answer =
        bus.call_method(Some(MANAGER), "/org/freedesktop/NetworkManager", properties, "Get", &question).await?;
    answer.body().deserialize::<OwnedVariant>()?.try_into()
}

/// NMConnectivityState of the D-Bus API.
fn of_manager(number: u32) -> OnlineFlag {
    let (state, online) = match number {
        1 => ("none", Some(false)),
        2 => ("portal", Some(false)),
        3 => ("limited", Some(false)),
        4 => ("full", Some(true)),
        _ => ("unknown", None),
    };
    OnlineFlag { source: "NetworkManager".to_owned(), state: state.to_owned(), online }
}

/// `ONLINE_STATE` of the state file: of all links that are wanted online, all (`online`), some (`partial`) or none are.
fn of_networkd(text: &str) -> Option<OnlineFlag> {
    let state = text.lines().find_map(|line| line.strip_prefix("ONLINE_STATE="))?.trim();
    let online = match state {
        "online" | "partial" => Some(true),
        "offline" => Some(false),
        _ => None,
    };
    let state: String = state.chars().filter(char::is_ascii_alphanumeric).take(20).collect();
    Some(OnlineFlag { source: "systemd-networkd".to_owned(), state, online })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_the_manager_have_words() {
        let words: Vec<_> = (0..=5).map(of_manager).map(|flag| (flag.state, flag.online)).collect();
        let expected = [
            ("unknown", None),
            ("none", Some(false)),
            ("portal", Some(false)),
            ("limited", Some(false)),
            ("full", Some(true)),
            ("unknown", None),
        ];
        assert_eq!(words, expected.map(|(state, online)| (state.to_owned(), online)));
    }

    #[test]
    fn the_state_file_is_read() {
        let read = |text| of_networkd(text).map(|flag| (flag.state, flag.online));
        let file = "# This is private data.\nOPER_STATE=routable\nCARRIER_STATE=carrier\nONLINE_STATE=offline\n";
        assert_eq!(read(file), Some(("offline".to_owned(), Some(false))));
        assert_eq!(read("ONLINE_STATE=partial"), Some(("partial".to_owned(), Some(true))));
        assert_eq!(read("ONLINE_STATE=\x1b[31mwhat"), Some(("31mwhat".to_owned(), None)));
        assert_eq!(read("OPER_STATE=routable"), None);
    }
}
