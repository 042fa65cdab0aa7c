//! What the system tells programs about the internet. Desktop programs obey that flag, and it is wrong behind VPNs,
//! filters and local resolvers, so it is reported beside our own measurements and never instead of them.

use super::argument::Nothing;
use super::{Burden, Contacts, Cost, Look, Probe, accepts, schema_of};
use crate::layer::Layer;
use crate::observation::Observation;
use crate::problem::Code;
use crate::sys::OnlineFlag;
use schemars::JsonSchema;
use serde::Serialize;

/// The probe.
pub const PROBE: Probe = Probe {
    name: "online",
    layer: Layer::Host,
    cost: Cost::Local,
    summary: "what the system tells programs about the internet",
    about: "Reads the connectivity that NetworkManager announces to programs (over D-Bus) and the online state of \
        systemd-networkd (from /run/systemd/netif/state). Many desktop programs do not even try where it says \
        offline. The flag is a report and no measurement: it blames nobody unless the measurements contradict it. \
        Sends nothing to the network. Needs no rights. Sources: NetworkManager D-Bus API (NMConnectivityState), \
        networkctl(1).",
    contacts: Contacts::NONE,
    burden: Burden::of("asks the network services of this machine; sends nothing"),
    codes: &[Code::HostSaysOffline],
    params: schema_of::<Nothing>,
    facts: schema_of::<OnlineFacts>,
    accepts: accepts::<Nothing>,
    run: |look| look.with(run),
};

/// Facts of the `online` probe, for each service that announces something.
#[derive(Debug, Default, Serialize, JsonSchema)]
pub struct OnlineFacts {
    /// The service: `NetworkManager` or `systemd-networkd`.
    source: Option<String>,
    /// Its own word: `full`, `limited`, `portal`, `none`, `unknown`; `online`, `partial`, `offline`.
    state: Option<String>,
    /// Whether programs read it as online; absent where the service does not say.
    online: Option<bool>,
}

async fn run(look: &Look<'_>, _: Nothing) -> Vec<Observation> {
    match look.world.machine.online_flags().await {
        Ok(flags) if flags.is_empty() => {
            vec![look.ok(None, "nothing here tells programs whether there is internet").facts(&OnlineFacts::default())]
        }
        Ok(flags) => flags.iter().map(|flag| judge(look, flag)).collect(),
        Err(why) => vec![look.unknown(None, &why.to_string())],
    }
}

fn judge(look: &Look<'_>, flag: &OnlineFlag) -> Observation {
    let (source, state) = (&flag.source, &flag.state);
    let subject = Some(source.as_str());
    let facts = OnlineFacts { source: Some(source.clone()), state: Some(state.clone()), online: flag.online };
    let observation = match flag.online {
        Some(true) => look.ok(subject, format!("{source} tells programs that there is internet ({state})")),
        Some(false) => {
            let words = format!("{source} tells programs that there is no internet ({state})");
            look.problem(subject, Code::HostSaysOffline, words)
        }
        None => look.ok(subject, format!("{source} does not know whether there is internet ({state})")),
    };
    observation.facts(&facts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observation::Outcome;
    use crate::probe::testing::look_at;
    use crate::sys::{Known, Machine};
    use async_trait::async_trait;
    use serde_json::json;

    struct Told(Vec<OnlineFlag>);

    #[async_trait(?Send)]
    impl Machine for Told {
        async fn online_flags(&self) -> Known<Vec<OnlineFlag>> {
            Ok(self.0.clone())
        }
    }

    #[tokio::test]
    async fn each_service_speaks_for_itself() {
        let flag =
            |source: &str, state: &str, online| OnlineFlag { source: source.into(), state: state.into(), online };
        let told = Told(vec![
            flag("NetworkManager", "limited", Some(false)),
            flag("systemd-networkd", "online", Some(true)),
            flag("other", "unknown", None),
        ]);
        let seen = look_at(&PROBE, told, json!({})).await;
        assert_eq!(seen[0].code, Some(Code::HostSaysOffline));
        assert_eq!((&seen[0].facts["source"], &seen[0].facts["state"]), (&json!("NetworkManager"), &json!("limited")));
        assert_eq!((seen[1].outcome, seen[2].outcome), (Outcome::Ok, Outcome::Ok));
        assert!(!seen[2].facts.contains_key("online"));
    }

    #[tokio::test]
    async fn silence_is_no_flag() {
        assert_eq!(look_at(&PROBE, Told(Vec::new()), json!({})).await[0].outcome, Outcome::Ok);
        struct Nothing;
        impl Machine for Nothing {}
        assert_eq!(look_at(&PROBE, Nothing, json!({})).await[0].outcome, Outcome::Unknown);
    }
}
