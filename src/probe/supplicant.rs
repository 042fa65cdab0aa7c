//! How far signing on to the network got: 802.1X at a cable, joining a Wi-Fi network; and why it stopped there.

use super::argument::Interfaces;
use super::link::bounded;
use super::{Burden, Contacts, Cost, Look, Probe, accepts, schema_of};
use crate::layer::Layer;
use crate::observation::{Observation, Via};
use crate::problem::Code;
use crate::sys::{Known, Link, LinkKind, LogLine, SignOn};
use schemars::JsonSchema;
use serde::Serialize;

/// The probe.
pub const PROBE: Probe = Probe {
    name: "supplicant",
    layer: Layer::Link,
    cost: Cost::Local,
    summary: "how far signing on to the network got (802.1X, Wi-Fi), and why it stopped",
    about: "Asks wpa_supplicant for the state of each interface over its control socket, and reads what wpa_supplicant, \
            iwd and NetworkManager wrote into the log within the last minutes: a later success \
            makes an earlier failure history. The state where joining stops names the suspect. The control \
            socket needs root or its group; the journal needs root or a group such as `systemd-journal`. Neither keys \
            nor account names are read.",
    contacts: Contacts::NONE,
    burden: Burden::READS,
    codes: &[
        Code::LinkSignOnRefused,
        Code::LinkSignOnSilent,
        Code::LinkSignOnCertificate,
        Code::LinkWrongKey,
        Code::LinkNetworkNotFound,
        Code::LinkJoinRejected,
    ],
    params: schema_of::<Interfaces>,
    facts: schema_of::<SupplicantFacts>,
    accepts: accepts::<Interfaces>,
    run: |look| look.with(run),
};

/// Supplicants try again at least every five minutes (the longest pause of wpa_supplicant after repeated failures), so
/// that two of these rounds are in it.
const MINUTES: u32 = 10;

/// Programs whose lines tell how joining went.
const PROGRAMS: [&str; 3] = ["wpa_supplicant", "iwd", "NetworkManager"];

/// What a line means, by words in it (wpa_ctrl.h of wpa_supplicant; NetworkManager's device state reasons), the most
/// telling first. None stands for success, which makes what was before it history.
const EVENTS: [(&str, Option<Code>); 20] = [
    ("CTRL-EVENT-CONNECTED", None),
    ("CTRL-EVENT-EAP-SUCCESS", None),
    ("event: connected", None),
    ("ip-config -> ip-check", None),
    ("CTRL-EVENT-EAP-TLS-CERT-ERROR", Some(Code::LinkSignOnCertificate)),
    ("Certificate verification failed", Some(Code::LinkSignOnCertificate)),
    ("reason=WRONG_KEY", Some(Code::LinkWrongKey)),
    ("pre-shared key may be incorrect", Some(Code::LinkWrongKey)),
    ("reason 'no-secrets'", Some(Code::LinkWrongKey)),
    ("4-Way handshake failed", Some(Code::LinkWrongKey)),
    ("CTRL-EVENT-EAP-FAILURE", Some(Code::LinkSignOnRefused)),
    ("802.1X supplicant took too long to authenticate", Some(Code::LinkSignOnSilent)),
    ("CTRL-EVENT-EAP-TIMEOUT-FAILURE", Some(Code::LinkSignOnSilent)),
    ("CTRL-EVENT-ASSOC-REJECT", Some(Code::LinkJoinRejected)),
    ("CTRL-EVENT-AUTH-REJECT", Some(Code::LinkJoinRejected)),
    ("reason=CONN_FAILED", Some(Code::LinkJoinRejected)),
    ("association took too long", Some(Code::LinkJoinRejected)),
    ("CTRL-EVENT-NETWORK-NOT-FOUND", Some(Code::LinkNetworkNotFound)),
    ("reason 'ssid-not-found'", Some(Code::LinkNetworkNotFound)),
    ("no suitable network found", Some(Code::LinkNetworkNotFound)),
];

/// What is known about signing on at one interface.
#[derive(Debug, Default, Serialize, JsonSchema)]
pub struct SupplicantFacts {
    /// Interface name.
    pub interface: String,
    /// `wired` or `wifi`.
    pub kind: String,
    /// Whether a supplicant serves it.
    pub served: bool,
    /// The supplicant's own word: `completed`, `associating`, `4way_handshake`, `scanning`, `disconnected` ...
    pub state: Option<String>,
    /// The network.
    pub network: Option<String>,
    /// How the network wants to be signed on to.
    pub method: Option<String>,
    /// State of the 802.1X sign-on: `authenticated`, `connecting`, `held` ...
    pub port: Option<String>,
    /// Whether the port lets traffic through.
    pub authorised: Option<bool>,
    /// The most telling line of the log since joining last went well.
    pub line: Option<String>,
    /// How often joining failed since it last went well, within ten minutes.
    pub failures: usize,
}

async fn run(look: &Look<'_>, interfaces: Interfaces) -> Vec<Observation> {
    let machine = &look.world.machine;
    let links = match machine.links().await {
        Ok(links) => links,
        Err(why) => return vec![look.unknown(None, &why.to_string())],
    };
    let mut lines = Vec::new();
    for program in PROGRAMS {
        lines.extend(machine.lines_of(program, MINUTES).await.unwrap_or_default());
    }
    let signs_on = |link: &&Link| {
        matches!(link.kind, Some(LinkKind::Wired | LinkKind::Wifi)) && link.up && interfaces.include(link)
    };
    let mut observations = Vec::new();
    for link in links.iter().filter(signs_on) {
        let sign_on = machine.sign_on(&link.name).await;
        let via = Via { interface: Some(link.name.clone()), ..Via::default() };
        observations.push(judge(look, link, sign_on, &lines).via(via));
    }
    if observations.is_empty() {
        observations.push(look.unknown(None, "no cable or radio is switched on"));
    }
    observations
}

/// What the log says of an interface: the most telling failure since the last success, and how many there were. One
/// failure writes several lines, and what follows it is its consequence: no network is found while it is barred.
fn told(interface: &str, lines: &[LogLine]) -> (Option<(Code, String)>, usize) {
    let mut told: Option<(usize, Code, String)> = None;
    let mut failures = 0;
    for line in lines.iter().filter(|line| names(&line.text, interface)) {
        let Some(rank) = EVENTS.iter().position(|(words, _)| line.text.contains(words)) else { continue };
        let Some(code) = EVENTS[rank].1 else {
            told = None;
            failures = 0;
            continue;
        };
        failures += 1;
        if told.as_ref().is_none_or(|(best, ..)| rank <= *best) {
            told = Some((rank, code, bounded(&line.text)));
        }
    }
    (told.map(|(_, code, line)| (code, line)), failures)
}

/// Whether a line speaks of this interface: `wlan0: ...` or `device (wlan0): ...`.
fn names(text: &str, interface: &str) -> bool {
    let mut parts = text.split(|letter: char| !letter.is_ascii_alphanumeric() && !"-_.@".contains(letter));
    parts.any(|part| part == interface)
}

fn judge(look: &Look<'_>, link: &Link, sign_on: Known<Option<SignOn>>, lines: &[LogLine]) -> Observation {
    let name = link.name.as_str();
    let (told, failures) = told(name, lines);
    let refused = sign_on.as_ref().err().map(ToString::to_string);
    let sign_on = sign_on.ok().flatten();
    let facts = SupplicantFacts {
        interface: name.to_owned(),
        kind: super::link::kind_word(link.kind).to_owned(),
        served: sign_on.is_some() || told.is_some(),
        state: sign_on.as_ref().map(|one| one.state.clone()),
        network: sign_on.as_ref().and_then(|one| one.network.as_deref().map(bounded)),
        method: sign_on.as_ref().and_then(|one| one.method.clone()),
        port: sign_on.as_ref().and_then(|one| one.port.clone()),
        authorised: sign_on.as_ref().and_then(|one| one.authorised),
        line: told.as_ref().map(|(_, line)| line.clone()),
        failures,
    };
    // The state now counts before what was written: a port that lets traffic through was signed on to.
    let through = facts.authorised == Some(true) && facts.state.as_deref() == Some("completed");
    let problem = if through { None } else { told.or_else(|| stuck(name, &facts)) };
    match (problem, refused) {
        (Some((code, why)), _) => look.problem(Some(name), code, format!("{name}: {why}")).facts(&facts),
        (None, Some(why)) => look.unknown(Some(name), &why).facts(&facts),
        (None, None) => look.ok(Some(name), fine(&facts)).facts(&facts),
    }
}

/// What the state alone says: an 802.1X port that is held was refused, and one that keeps asking gets no answer.
fn stuck(name: &str, facts: &SupplicantFacts) -> Option<(Code, String)> {
    let method = facts.method.as_deref()?;
    let enterprise = method.contains("802.1x") || method.contains("eap");
    let words = |what: &str| format!("the sign-on at {name} ({method}) {what}");
    match facts.port.as_deref() {
        Some("held") if enterprise => Some((Code::LinkSignOnRefused, words("was refused"))),
        Some("connecting" | "disconnected") if enterprise && facts.authorised == Some(false) => {
            Some((Code::LinkSignOnSilent, words("gets no answer")))
        }
        _ => None,
    }
}

fn fine(facts: &SupplicantFacts) -> String {
    let name = &facts.interface;
    match (&facts.state, &facts.network) {
        (Some(state), Some(network)) => format!("{name} is {state} with the network {network}"),
        (Some(state), None) => format!("{name} is {state}"),
        _ => format!("no supplicant serves {name}, so nothing is signed on to there"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observation::Outcome;
    use crate::probe::testing::told::{Told, cable, look};
    use crate::sys::parse::supplicant::status;
    use serde_json::json;

    async fn seen(answer: Option<&str>, lines: &[&'static str]) -> Observation {
        let radio = Link { kind: Some(LinkKind::Wifi), ..cable("wlan0") };
        let sign_on = answer.and_then(status);
        let told = Told { links: vec![radio], sign_on, supplicant_lines: lines.to_vec(), ..Told::default() };
        look(&PROBE, told, json!({})).await.1.remove(0)
    }

    const HELD: &str = include_str!("../../tests/fixtures/linux/wpa-status-held.txt");
    const JOINED: &str = include_str!("../../tests/fixtures/linux/wpa-status-joined.txt");
    const WRONG: &str =
        "wlan0: CTRL-EVENT-SSID-TEMP-DISABLED id=0 ssid=\"office\" auth_failures=2 duration=20 reason=WRONG_KEY";

    #[tokio::test]
    async fn the_most_telling_event_since_the_last_success_counts() {
        let connected = "wlan0: CTRL-EVENT-CONNECTED - Connection to 02:00:00:00:03:00 completed [id=0 id_str=]";
        let rejected = "wlan0: CTRL-EVENT-ASSOC-REJECT bssid=02:00:00:00:03:00 status_code=17";
        let missing = "wlan0: CTRL-EVENT-NETWORK-NOT-FOUND";
        for (lines, code) in [
            (&[WRONG][..], Some(Code::LinkWrongKey)),
            (&[WRONG, missing], Some(Code::LinkWrongKey)),
            (&[WRONG, connected], None),
            (&[connected, rejected], Some(Code::LinkJoinRejected)),
            (&[missing], Some(Code::LinkNetworkNotFound)),
            (&["wlan0: CTRL-EVENT-EAP-FAILURE EAP authentication failed"], Some(Code::LinkSignOnRefused)),
            (
                &[
                    "wlan0: CTRL-EVENT-EAP-TLS-CERT-ERROR reason=1 depth=0 subject='/CN=radius' err='unable to get local issuer'",
                ],
                Some(Code::LinkSignOnCertificate),
            ),
            (
                &[
                    "wlan0: CTRL-EVENT-EAP-TLS-CERT-ERROR reason=1 depth=0 subject='/CN=radius' err='expired'",
                    "wlan0: CTRL-EVENT-EAP-FAILURE EAP authentication failed",
                ],
                Some(Code::LinkSignOnCertificate),
            ),
            (&["wlan1: CTRL-EVENT-EAP-FAILURE EAP authentication failed"], None),
            (&["device (wlan0): state change: need-auth -> failed (reason 'no-secrets')"], Some(Code::LinkWrongKey)),
        ] {
            let seen = seen(None, lines).await;
            assert_eq!(seen.code, code, "{lines:?}: {}", seen.summary);
        }
    }

    #[tokio::test]
    async fn the_state_counts_where_the_log_is_silent() {
        let held = seen(Some(HELD), &[]).await;
        assert_eq!((held.code, &held.facts["authorised"]), (Some(Code::LinkSignOnRefused), &json!(false)));
        let joined = seen(Some(JOINED), &[WRONG]).await;
        assert_eq!((joined.outcome, &joined.facts["network"]), (Outcome::Ok, &json!("office")), "it got in meanwhile");
        let asking = HELD.replace("HELD", "CONNECTING");
        assert_eq!(seen(Some(&asking), &[]).await.code, Some(Code::LinkSignOnSilent));
        assert_eq!(seen(None, &[]).await.facts["served"], false);
    }
}
