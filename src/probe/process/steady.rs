//! Whether a program that came up a moment ago stays up: one that ends and is started again for ever answers whenever it
//! happens to be up, so that a single look takes it for sound.

use super::ProcessFacts;
use super::program::{detail, label};
use crate::observation::Observation;
use crate::probe::{Look, socket};
use crate::problem::Code;
use crate::sys::{Machine, Process};
use std::collections::HashSet;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// A program that has been up for longer is not watched: what ends one again and again (a setting, a port that is taken)
/// is there when it starts; judgement.
const YOUNG_S: f64 = 10.0;
/// From one look to the next; starting a program takes no less.
const STEP: Duration = Duration::from_millis(50);
/// How long a successor is waited for: systemd starts a service again after 100 ms (`RestartSec=` of systemd.service(5)).
const SUCCESSOR_WAIT: Duration = Duration::from_millis(500);

/// Watches the process for at most so long, where it came up a moment ago.
pub(super) async fn steady(look: &Look<'_>, pid: u32, port: Option<u16>, watch: Duration) -> Observation {
    let machine = look.world.machine.as_ref();
    let before: HashSet<u32> = match machine.processes().await {
        Ok(all) => all.iter().map(|process| process.pid).collect(),
        Err(why) => return look.unknown(None, &why.to_string()),
    };
    let uptime_s = match machine.identity().await {
        Ok(identity) => identity.uptime_s as f64,
        Err(why) => return look.unknown(None, &why.to_string()),
    };
    let Ok(process) = detail(machine, pid).await else {
        return ended(look, None, &format!("process {pid}"), successor(machine, pid, port, &before).await);
    };
    let who = label(&process.name, pid);
    let age_s = (uptime_s - process.started_s).max(0.0);
    let facts = facts_of(&process, age_s);
    if age_s >= YOUNG_S {
        return look.ok(Some(&who), format!("{who} has been up for {age_s:.0} s")).facts(&facts);
    }
    let start = Instant::now();
    let watch = look.within(watch);
    while start.elapsed() < watch {
        sleep(STEP).await;
        if !is_alive(machine, &process).await {
            let age_s = age_s + start.elapsed().as_secs_f64();
            let successor = successor(machine, pid, port, &before).await;
            return ended(look, Some((&process, age_s)), &who, successor);
        }
    }
    let seen = start.elapsed().as_secs_f64();
    look.ok(Some(&who), format!("{who} came up {age_s:.0} s ago and was still up {seen:.1} s later")).facts(&facts)
}

fn facts_of(process: &Process, age_s: f64) -> ProcessFacts {
    ProcessFacts {
        running: Some(true),
        name: Some(process.name.clone()),
        pid: Some(process.pid),
        age_s: Some(age_s.round() as u64),
        ..ProcessFacts::default()
    }
}

/// Whether it still runs. What cannot be looked at has not ended.
async fn is_alive(machine: &dyn Machine, process: &Process) -> bool {
    match detail(machine, process.pid).await {
        Ok(now) => now.started_s == process.started_s && now.state != "zombie",
        Err(_) => match machine.processes().await {
            Ok(all) => all.iter().any(|other| other.pid == process.pid && other.started_s == process.started_s),
            Err(_) => true,
        },
    }
}

/// Who holds the port after it. A process that was there before is a child that took the socket over, as daemons do that
/// go into the background, and no second start.
async fn successor(machine: &dyn Machine, pid: u32, port: Option<u16>, before: &HashSet<u32>) -> Option<(u32, bool)> {
    let port = port?;
    let start = Instant::now();
    loop {
        if let Ok(Some(next)) = socket::holder(machine, port).await
            && next != pid
        {
            return Some((next, !before.contains(&next)));
        }
        if start.elapsed() >= SUCCESSOR_WAIT {
            return None;
        }
        sleep(STEP).await;
    }
}

fn ended(look: &Look<'_>, process: Option<(&Process, f64)>, who: &str, successor: Option<(u32, bool)>) -> Observation {
    let after = process.map_or_else(|| "meanwhile".to_owned(), |(_, age_s)| format!("{age_s:.0} s after its start"));
    let facts = process.map_or_else(ProcessFacts::default, |(process, age_s)| ProcessFacts {
        running: Some(false),
        ..facts_of(process, age_s)
    });
    let observation = match successor {
        Some((next, true)) => {
            let summary = format!("{who} ended {after}, and process {next} was started in its place");
            look.problem(Some(who), Code::ProcessRestarting, summary)
        }
        Some((next, false)) => look.ok(Some(who), format!("{who} has handed the port over to process {next}")),
        None => {
            let summary = format!("{who} ended {after}, and nothing has taken its place");
            look.problem(Some(who), Code::ProcessNotRunning, summary)
        }
    };
    observation.facts(&facts)
}

#[cfg(test)]
mod tests {
    use crate::observation::{Observation, Outcome};
    use crate::probe::process::PROBE;
    use crate::probe::testing::look_at;
    use crate::problem::Code;
    use crate::sys::{Identity, Known, Listener, Machine, Process};
    use async_trait::async_trait;
    use std::cell::Cell;

    const UPTIME_S: u64 = 1_000;

    /// A machine on which process 7 came up so many seconds ago and is gone after so many looks; process 8 holds the port
    /// afterwards, and may have been there before.
    struct Restarting {
        age_s: f64,
        looks: Cell<u32>,
        child: bool,
    }

    impl Restarting {
        fn up(&self) -> bool {
            self.looks.get() > 0
        }

        fn one(pid: u32, started_s: f64) -> Process {
            Process { pid, name: "reportd".into(), state: "sleeping".into(), started_s, ..Process::default() }
        }
    }

    #[async_trait(?Send)]
    impl Machine for Restarting {
        async fn identity(&self) -> Known<Identity> {
            Ok(Identity { uptime_s: UPTIME_S, ..Identity::default() })
        }

        async fn processes(&self) -> Known<Vec<Process>> {
            let first = self.up().then(|| Self::one(7, UPTIME_S as f64 - self.age_s));
            let next = (self.child || !self.up()).then(|| Self::one(8, UPTIME_S as f64));
            self.looks.set(self.looks.get().saturating_sub(1));
            Ok(first.into_iter().chain(next).collect())
        }

        async fn listeners(&self) -> Known<Vec<Listener>> {
            let pid = Some(if self.up() { 7 } else { 8 });
            let local = std::net::SocketAddr::from(([127, 0, 0, 1], 80));
            let rest =
                Listener { local, protocol: "tcp".into(), v6_only: None, backlog: None, pid, process: None, uid: None };
            Ok(vec![rest])
        }
    }

    async fn seen(age_s: f64, looks: u32, child: bool) -> Observation {
        let machine = Restarting { age_s, looks: Cell::new(looks), child };
        let args = serde_json::json!({ "pid": 7, "port": 80, "steady_ms": 400 });
        look_at(&PROBE, machine, args).await.remove(0)
    }

    #[tokio::test]
    async fn a_young_program_that_ends_and_is_started_again_is_no_steady_one() {
        let restarted = seen(2.0, 4, false).await;
        assert_eq!(restarted.code, Some(Code::ProcessRestarting), "{}", restarted.summary);
        assert_eq!(restarted.subject.as_deref(), Some("reportd[7]"));
    }

    #[tokio::test]
    async fn what_is_old_or_stays_or_goes_into_the_background_is_steady() {
        for (age_s, looks, child) in [(500.0, 4, false), (2.0, 1_000, false), (2.0, 4, true)] {
            let steady = seen(age_s, looks, child).await;
            assert_eq!(steady.outcome, Outcome::Ok, "{age_s} {looks} {child}: {}", steady.summary);
        }
    }
}
