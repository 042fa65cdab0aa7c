//! The answer of wpa_supplicant to `STATUS` on its control socket: lines `name=value`.

use crate::sys::SignOn;

/// Longest name of a network (IEEE 802.11 section 9.4.2.2), each octet escaped as `\xNN`.
const LONGEST: usize = 128;

/// Reads the answer; none where it names no state.
pub fn status(text: &str) -> Option<SignOn> {
    let value = |name: &str| {
        let of_line =
            |line: &str| line.split_once('=').filter(|(key, _)| *key == name).map(|(_, value)| value.to_owned());
        text.lines().find_map(of_line).filter(|value| !value.is_empty())
    };
    let small = |name: &str| value(name).map(|word| word.to_lowercase().chars().take(LONGEST).collect::<String>());
    Some(SignOn {
        source: "wpa_supplicant".to_owned(),
        state: small("wpa_state")?,
        network: value("ssid").map(|name| name.chars().take(LONGEST).collect()),
        method: small("key_mgmt").filter(|method| method != "none"),
        port: small("Supplicant PAE state"),
        authorised: small("suppPortStatus").map(|status| status == "authorized"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recorded_answer_is_read() {
        let held = status(include_str!("../../../tests/fixtures/linux/wpa-status-held.txt")).expect("an answer");
        assert_eq!((held.state.as_str(), held.port.as_deref()), ("associated", Some("held")));
        assert_eq!((held.method.as_deref(), held.authorised), (Some("ieee 802.1x (no wpa)"), Some(false)));
        let joined = status(include_str!("../../../tests/fixtures/linux/wpa-status-joined.txt")).expect("an answer");
        assert_eq!((joined.state.as_str(), joined.network.as_deref()), ("completed", Some("office")));
        assert_eq!((joined.method.as_deref(), joined.authorised), (Some("wpa2-psk"), Some(true)));
        assert_eq!(status("UNKNOWN COMMAND\n"), None);
    }
}
