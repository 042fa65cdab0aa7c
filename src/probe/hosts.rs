//! Whether the hosts file holds a name that DNS should answer. A forgotten line outlives the move of a server by years,
//! and no resolver can be seen to be wrong.

use super::dns::{Words, is_same_host};
use super::{Burden, Contacts, Cost, Look, Probe, accepts, schema_of};
use crate::layer::Layer;
use crate::observation::Observation;
use crate::problem::Code;
use crate::sys::{HostsEntry, SYSTEM};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// Lines that are reported at most.
const MOST_LINES: usize = 20;

/// The probe.
pub const PROBE: Probe = Probe {
    name: "hosts",
    layer: Layer::Dns,
    cost: Cost::Local,
    summary: "looks for lines of the hosts file that override DNS for a name",
    about: "Reads the hosts file. Names that normally live there (localhost, this host's own, ip6-...) are no override, \
        and neither is a line that says what DNS says, where the playbook hands that in. Needs no rights.",
    contacts: Contacts::NONE,
    burden: Burden::READS,
    codes: &[Code::DnsHostsOverride],
    params: schema_of::<Params>,
    facts: schema_of::<HostsFacts>,
    accepts: accepts::<Params>,
    run: |look| look.with(run),
};

/// What is looked for.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Params {
    /// The name.
    pub name: String,
    /// What DNS says: with it, only a line that differs is a problem.
    pub dns_addresses: Option<Words>,
}

/// What the hosts file says.
#[derive(Debug, Clone, Default, Serialize, JsonSchema)]
pub struct HostsFacts {
    /// The name.
    pub name: String,
    /// The addresses that the file gives it.
    pub addresses: Option<Vec<IpAddr>>,
    /// Where: `/etc/hosts line 4`.
    pub lines: Option<Vec<String>>,
    /// Number of the first such line, from 1.
    pub line: Option<usize>,
    /// What DNS says, where that was handed in.
    pub dns_addresses: Option<Vec<IpAddr>>,
    /// Whether programs read the file at all (nsswitch); absent where that is not known.
    pub used: Option<bool>,
}

async fn run(look: &Look<'_>, params: Params) -> Vec<Observation> {
    let name = params.name.trim().trim_matches(['[', ']']).trim_end_matches('.').to_ascii_lowercase();
    if name.is_empty() {
        return vec![look.unknown(None, "there is no name to look for")];
    }
    if name.parse::<IpAddr>().is_ok() {
        return vec![look.ok(None, format!("{name} is an address and needs no hosts file"))];
    }
    let entries = match look.world.machine.hosts().await {
        Ok(entries) => entries,
        Err(why) => return vec![look.unknown(None, &format!("the hosts file: {why}"))],
    };
    let hostname = look.world.machine.identity().await.map(|identity| identity.hostname).unwrap_or_default();
    let nsswitch = look.world.machine.resolvers().await.map(|config| config.nsswitch).unwrap_or_default();
    let dns = params.dns_addresses.unwrap_or_default().0;
    let dns: Vec<IpAddr> = dns.iter().filter_map(|text| text.parse().ok()).collect();
    let used = (!nsswitch.is_empty()).then(|| nsswitch.iter().any(|source| source == "files"));
    vec![report(look, &name, &entries, &dns, used, lives_there(&name, &hostname))]
}

fn report(
    look: &Look<'_>,
    name: &str,
    entries: &[HostsEntry],
    dns: &[IpAddr],
    used: Option<bool>,
    lives_there: bool,
) -> Observation {
    let found: Vec<&HostsEntry> = entries
        .iter()
        .filter(|entry| entry.names.iter().any(|other| other.trim_end_matches('.').eq_ignore_ascii_case(name)))
        .take(MOST_LINES)
        .collect();
    let Some(first) = found.first() else {
        let facts = HostsFacts { name: name.to_owned(), used, ..HostsFacts::default() };
        return look.ok(None, format!("the hosts file does not name {name}")).facts(&facts);
    };
    let addresses: Vec<IpAddr> = found.iter().map(|entry| entry.address).collect();
    let lines: Vec<String> = found.iter().map(|entry| format!("{} line {}", path(), entry.line)).collect();
    let given: Vec<String> = addresses.iter().map(IpAddr::to_string).collect();
    let words = format!("{} gives {name} the address {}", lines.join(", "), given.join(", "));
    let differs = dns.is_empty() || addresses.iter().any(|address| !dns.contains(address));
    let facts = HostsFacts {
        name: name.to_owned(),
        line: Some(first.line),
        addresses: Some(addresses),
        lines: Some(lines),
        dns_addresses: (!dns.is_empty()).then(|| dns.to_vec()),
        used,
    };
    let observation = if lives_there {
        look.ok(None, format!("{words}, as usual for such a name"))
    } else if used == Some(false) {
        look.ok(None, format!("{words}, but programs do not read the file (nsswitch)"))
    } else if !differs {
        look.ok(None, format!("{words}, as DNS does"))
    } else {
        let says: Vec<String> = dns.iter().map(IpAddr::to_string).collect();
        let beside = if says.is_empty() { String::new() } else { format!(", while DNS says {}", says.join(", ")) };
        look.problem(None, Code::DnsHostsOverride, format!("{words}{beside}"))
    };
    observation.facts(&facts)
}

/// Names that distributions write into the file themselves.
fn lives_there(name: &str, hostname: &str) -> bool {
    let usual = ["localhost", "localhost.localdomain", "localhost6", "localhost6.localdomain6", "broadcasthost"];
    usual.contains(&name)
        || name.ends_with(".localhost")
        || name.starts_with("ip6-")
        || name.starts_with("localhost4")
        || is_same_host(name, hostname)
}

/// Where people find the file; the same folder on every Unix.
fn path() -> &'static str {
    if SYSTEM == "windows" { r"C:\Windows\System32\drivers\etc\hosts" } else { "/etc/hosts" }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observation::Outcome;
    use crate::probe::testing::look_at;
    use crate::sys::{Identity, Known, Machine, ResolverConfig};
    use async_trait::async_trait;
    use serde_json::{Value, json};

    struct Desk(Vec<&'static str>);

    #[async_trait(?Send)]
    impl Machine for Desk {
        async fn hosts(&self) -> Known<Vec<HostsEntry>> {
            let lines =
                [("127.0.0.1", "localhost"), ("127.0.1.1", "desk7"), ("::1", "ip6-loopback"), ("10.0.0.9", "CRM.test")];
            let entry = |(index, (address, name)): (usize, &(&str, &str))| HostsEntry {
                address: address.parse().expect("an address"),
                names: vec![(*name).to_owned()],
                line: index + 1,
            };
            Ok(lines.iter().enumerate().map(entry).collect())
        }

        async fn identity(&self) -> Known<Identity> {
            Ok(Identity { hostname: "desk7".to_owned(), ..Identity::default() })
        }

        async fn resolvers(&self) -> Known<ResolverConfig> {
            let nsswitch = self.0.iter().map(|source| (*source).to_owned()).collect();
            Ok(ResolverConfig { nsswitch, ..ResolverConfig::default() })
        }
    }

    async fn look(machine: Desk, args: Value) -> Observation {
        look_at(&PROBE, machine, args).await.remove(0)
    }

    #[tokio::test]
    async fn a_line_is_an_override_only_where_it_is_one() {
        let both = || Desk(vec!["files", "dns"]);
        let table = [
            (both(), json!({ "name": "crm.test" }), true),
            (both(), json!({ "name": "crm.test.", "dns_addresses": [] }), true),
            (both(), json!({ "name": "crm.test", "dns_addresses": ["10.0.0.7"] }), true),
            (both(), json!({ "name": "crm.test", "dns_addresses": "10.0.0.9, fd00::9" }), false),
            (both(), json!({ "name": "other.test" }), false),
            (both(), json!({ "name": "localhost" }), false),
            (both(), json!({ "name": "desk7" }), false),
            (both(), json!({ "name": "ip6-loopback" }), false),
            (both(), json!({ "name": "10.0.0.9" }), false),
            (Desk(vec!["dns"]), json!({ "name": "crm.test" }), false),
            (Desk(vec![]), json!({ "name": "crm.test" }), true),
        ];
        for (machine, args, is_override) in table {
            let observation = look(machine, args.clone()).await;
            let wanted = is_override.then_some(Code::DnsHostsOverride);
            assert_eq!(observation.code, wanted, "{args} {observation:#?}");
            assert_ne!(observation.outcome, Outcome::Unknown);
        }
    }

    #[tokio::test]
    async fn the_line_is_named() {
        let args = json!({ "name": "crm.test", "dns_addresses": ["10.0.0.7"] });
        let observation = look(Desk(vec!["files", "dns"]), args).await;
        assert_eq!(observation.facts["line"], 4);
        assert_eq!(observation.facts["lines"], json!(["/etc/hosts line 4"]));
        assert_eq!(observation.facts["addresses"], json!(["10.0.0.9"]));
        assert_eq!(
            observation.summary,
            "/etc/hosts line 4 gives crm.test the address 10.0.0.9, while DNS says 10.0.0.7"
        );
    }
}
