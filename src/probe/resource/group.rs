//! What the control group of a program may use. A service that is killed or held by its own group runs on a machine
//! that has memory enough.

use super::{Kill, ResourceFacts, TABLE_FULL_PERCENT, conclude, percent, recent_kill};
use crate::observation::Observation;
use crate::probe::Look;
use crate::probe::process::program::bytes;
use crate::problem::Code;
use crate::sys::GroupLimits;

const SUBJECT: &str = "group";

/// Looks at the group of this process, or of this program's own.
pub(super) async fn look(look: &Look<'_>, pid: Option<u32>) -> Observation {
    let machine = look.world.machine.as_ref();
    let limits = match machine.group_limits(pid).await {
        Ok(limits) => limits,
        Err(why) => return look.unknown(Some(SUBJECT), &why.to_string()),
    };
    // The counter goes back to when the group was made, so a kill counts only where the log or the start says "today".
    let kill = if limits.memory_kills.unwrap_or(0) > 0 { recent_kill(machine).await } else { None };
    judge(look, &limits, kill)
}

fn judge(look: &Look<'_>, limits: &GroupLimits, kill: Option<Kill>) -> Observation {
    let name: String = limits.name.chars().take(120).collect();
    let facts = ResourceFacts {
        group: (!name.is_empty()).then(|| name.clone()),
        group_memory_limit_bytes: limits.memory_limit_bytes,
        group_memory_used_bytes: limits.memory_used_bytes,
        group_kills: limits.memory_kills,
        group_processes_limit: limits.processes_limit,
        group_processes: limits.processes,
        group_processes_refused: limits.processes_refused,
        oom_victim: kill.as_ref().and_then(|kill| kill.victim.clone()),
        oom_time: kill.as_ref().and_then(|kill| kill.time.clone()),
        ..ResourceFacts::default()
    };
    let mut problems = Vec::new();
    if let (Some(_), Some(limit)) = (&kill, limits.memory_limit_bytes) {
        let kills = limits.memory_kills.unwrap_or(0);
        let times = if kills == 1 { "once".to_owned() } else { format!("{kills} times") };
        let victim = facts.oom_victim.as_deref().unwrap_or("a program");
        let limit = bytes(limit);
        let summary =
            format!("the group {name} may use {limit} of memory, and the kernel killed {victim} for it, {times}");
        problems.push((Code::HostGroupLimit, summary));
    }
    if let (Some(count), Some(limit)) = (limits.processes, limits.processes_limit)
        && percent(count as f64, limit as f64) >= TABLE_FULL_PERCENT
    {
        let summary = format!("the group {name} has {count} of the {limit} processes that it may have");
        problems.push((Code::HostGroupLimit, summary));
    }
    let mut said = Vec::new();
    if let Some(limit) = limits.memory_limit_bytes {
        said.push(format!("{} of memory", bytes(limit)));
    }
    if let Some(limit) = limits.processes_limit {
        said.push(format!("{limit} processes"));
    }
    let fine = match said.is_empty() {
        true => "no control group limits memory or processes".to_owned(),
        false => format!("the group {name} may use {}, and has enough", said.join(" and ")),
    };
    conclude(look, SUBJECT, problems, fine, &facts)
}
