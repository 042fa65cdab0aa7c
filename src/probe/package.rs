//! The package manager: who holds its lock, what is half installed, where packages come from, and whether keys are there.

use super::argument::Nothing;
use super::process::program::label;
use super::{Burden, Contacts, Cost, Look, Probe, accepts, schema_of};
use crate::layer::Layer;
use crate::observation::Observation;
use crate::problem::Code;
use crate::sys::{PackageState, Process, Repository};
use schemars::JsonSchema;
use serde::Serialize;

/// The probe.
pub const PROBE: Probe = Probe {
    name: "package",
    layer: Layer::Host,
    cost: Cost::Local,
    summary: "the package manager: who holds its lock, what is half installed, its repositories and their keys",
    about: "Reads what apt, dnf, zypper or pacman left on the disk; their programs are not asked, because those wait for \
the very lock that may be the trouble. On Linux the holder of a lock comes from the kernel's table (proc_locks(5)), half \
installed packages from dpkg's status, repositories from sources.list(5) in both styles and from `.repo` files, and the \
manager's own proxy from its settings, without credentials. Needs no rights.",
    contacts: Contacts::NONE,
    burden: Burden::READS,
    codes: &[
        Code::PackageLocked,
        Code::PackageLockLeft,
        Code::PackageBroken,
        Code::PackageNoRepository,
        Code::PackageKeyMissing,
    ],
    params: schema_of::<Nothing>,
    facts: schema_of::<PackageFacts>,
    accepts: accepts::<Nothing>,
    run: |look| look.with(run),
};

/// Entries of the lists in the facts.
const MOST: usize = 10;

/// Facts of `package`.
#[derive(Debug, Clone, Default, Serialize, JsonSchema)]
pub struct PackageFacts {
    /// `apt`, `dnf`, `zypper` or `pacman`.
    pub manager: String,
    /// The locked file.
    pub lock: Option<String>,
    /// The program that holds the lock.
    pub locked_by: Option<String>,
    /// Its process.
    pub locked_by_pid: Option<u32>,
    /// How long that program has run.
    pub held_s: Option<u64>,
    /// Packages that are half installed or not configured.
    pub broken: Vec<String>,
    /// Whether the manager was stopped in the middle.
    pub interrupted: bool,
    /// Addresses of the repositories.
    pub repositories: Vec<String>,
    /// The list of the first repository on the web: what an update fetches first.
    pub index: Option<String>,
    /// How that list begins.
    pub index_begins: Option<String>,
    /// Signing keys that settings name and that are not there.
    pub missing_keys: Vec<String>,
    /// The settings that name the first of them.
    pub missing_key_named_by: Option<String>,
    /// The proxy of the manager's own settings; `direct` where they say to use none.
    pub proxy: Option<String>,
    /// Since the lists were last fetched.
    pub lists_age_s: Option<u64>,
    /// Whether an update waits for a restart.
    pub restart_pending: Option<bool>,
}

async fn run(look: &Look<'_>, _: Nothing) -> Vec<Observation> {
    let machine = &look.world.machine;
    let state = match machine.packages().await {
        Ok(state) => state,
        Err(why) => return vec![look.unknown(None, &why.to_string())],
    };
    let held = state.locks.iter().find_map(|lock| lock.pid);
    let holder = match held {
        Some(pid) => machine.process(pid).await.ok(),
        None => None,
    };
    let uptime_s = machine.identity().await.ok().map(|identity| identity.uptime_s);
    vec![judge(look, &state, holder.as_ref(), uptime_s)]
}

fn judge(look: &Look<'_>, state: &PackageState, holder: Option<&Process>, uptime_s: Option<u64>) -> Observation {
    let lock = state.locks.iter().find(|lock| lock.pid.is_some()).or(state.locks.first());
    let first = state.repositories.iter().find(|repository| repository.index.is_some());
    let keyless: Vec<&Repository> = state.repositories.iter().filter(|one| one.missing_key.is_some()).collect();
    let running_s = |holder: &Process| uptime_s.map(|uptime| uptime.saturating_sub(holder.started_s as u64));
    let facts = PackageFacts {
        manager: state.manager.clone(),
        lock: lock.map(|lock| lock.path.clone()),
        locked_by: holder.map(|holder| holder.name.clone()),
        locked_by_pid: lock.and_then(|lock| lock.pid),
        held_s: holder.and_then(running_s),
        broken: state.broken.iter().take(MOST).cloned().collect(),
        interrupted: state.interrupted,
        repositories: state.repositories.iter().take(MOST).map(|repository| repository.url.clone()).collect(),
        index: first.and_then(|repository| repository.index.clone()),
        index_begins: first.map(|repository| repository.begins.clone()).filter(|begins| !begins.is_empty()),
        missing_keys: keyless.iter().take(MOST).filter_map(|repository| repository.missing_key.clone()).collect(),
        missing_key_named_by: keyless.first().map(|repository| repository.source.clone()),
        proxy: state.proxy.clone(),
        lists_age_s: state.lists_age_s,
        restart_pending: state.restart_pending,
    };
    let mut problems = problems(&facts).into_iter();
    match problems.next() {
        Some((code, summary)) => look.problem(None, code, summary).also(problems.map(|(code, _)| code)),
        None => look.ok(None, format!("{} is ready, with {} repositories", facts.manager, state.repositories.len())),
    }
    .facts(&facts)
}

/// What keeps updates from working, the first that an update would meet first.
fn problems(facts: &PackageFacts) -> Vec<(Code, String)> {
    let manager = &facts.manager;
    let mut problems = Vec::new();
    match (&facts.lock, facts.locked_by_pid) {
        (Some(lock), Some(pid)) => {
            let who = facts.locked_by.as_ref().map_or_else(|| format!("process {pid}"), |name| label(name, pid));
            problems.push((Code::PackageLocked, format!("{who} holds the lock {lock} of {manager}")));
        }
        (Some(lock), None) => {
            problems.push((Code::PackageLockLeft, format!("{lock} bars {manager}, and nobody is named who holds it")));
        }
        (None, _) => {}
    }
    if facts.interrupted {
        problems.push((Code::PackageBroken, format!("{manager} was stopped in the middle of a change")));
    } else if !facts.broken.is_empty() {
        let names = facts.broken.join(", ");
        problems.push((Code::PackageBroken, format!("packages that are half installed or not configured: {names}")));
    }
    if facts.repositories.is_empty() && manager != "pacman" {
        problems.push((Code::PackageNoRepository, format!("{manager} has no repository to take updates from")));
    }
    if let Some(key) = facts.missing_keys.first() {
        let named_by = facts.missing_key_named_by.as_deref().unwrap_or_default();
        problems.push((Code::PackageKeyMissing, format!("{named_by} names the signing key {key}, which is not there")));
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observation::Outcome;
    use crate::probe::testing::look_at;
    use crate::sys::{Identity, Known, Machine, PackageLock};
    use async_trait::async_trait;
    use serde_json::json;

    struct Managed(PackageState);

    #[async_trait(?Send)]
    impl Machine for Managed {
        async fn packages(&self) -> Known<PackageState> {
            Ok(self.0.clone())
        }
        async fn process(&self, pid: u32) -> Known<Process> {
            Ok(Process { pid, name: "unattended-upgr".into(), started_s: 100.0, ..Process::default() })
        }
        async fn identity(&self) -> Known<Identity> {
            Ok(Identity { uptime_s: 5000, ..Identity::default() })
        }
    }

    fn state(change: impl FnOnce(&mut PackageState)) -> PackageState {
        let repository = Repository {
            source: "/etc/apt/sources.list".into(),
            url: "http://a.example/debian".into(),
            index: Some("http://a.example/debian/dists/stable/InRelease".into()),
            ..Repository::default()
        };
        let mut state =
            PackageState { manager: "apt".into(), repositories: vec![repository], ..PackageState::default() };
        change(&mut state);
        state
    }

    async fn seen(state: PackageState) -> Observation {
        look_at(&PROBE, Managed(state), json!({})).await.remove(0)
    }

    #[tokio::test]
    async fn what_bars_updates_is_told_apart() {
        let lock = |pid| vec![PackageLock { path: "/var/lib/dpkg/lock-frontend".into(), pid }];
        for (state, code) in [
            (state(|_| {}), None),
            (state(|state| state.locks = lock(Some(7))), Some(Code::PackageLocked)),
            (state(|state| state.locks = lock(None)), Some(Code::PackageLockLeft)),
            (state(|state| state.broken = vec!["libfoo".into()]), Some(Code::PackageBroken)),
            (state(|state| state.interrupted = true), Some(Code::PackageBroken)),
            (state(|state| state.repositories.clear()), Some(Code::PackageNoRepository)),
            (
                state(|state| state.repositories[0].missing_key = Some("/usr/share/keyrings/gone.gpg".into())),
                Some(Code::PackageKeyMissing),
            ),
        ] {
            let seen = seen(state).await;
            assert_eq!(seen.code, code, "{}", seen.summary);
        }
    }

    #[tokio::test]
    async fn who_holds_the_lock_is_named_with_its_time() {
        let seen = seen(state(|state| {
            state.locks = vec![PackageLock { path: "/var/lib/dpkg/lock".into(), pid: Some(7) }];
            state.broken = vec!["libfoo".into()];
        }))
        .await;
        assert_eq!(seen.outcome, Outcome::Problem);
        assert!(seen.summary.contains("unattended-upgr"), "{}", seen.summary);
        assert_eq!((&seen.facts["held_s"], seen.also.as_slice()), (&json!(4900), &[Code::PackageBroken][..]));
    }
}
