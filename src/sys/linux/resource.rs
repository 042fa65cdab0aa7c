//! Memory, processors and pressure.

use super::bounded::{TABLE_WAIT, off_thread};
use crate::sys::*;
use procfs::{Current, CurrentSI};
use std::fs;

pub(super) async fn memory() -> Known<Memory> {
    // The kernel answers from counters, but a machine out of memory may not even page this program in.
    off_thread("memory", TABLE_WAIT, read_memory).await
}

fn read_memory() -> Known<Memory> {
    let mut system = sysinfo::System::new().map_err(|error| Unknown::Failed(format!("memory: {error}")))?;
    system.refresh_memory();
    if system.total_memory() == 0 {
        return Err(Unknown::Failed("/proc/meminfo cannot be read".to_owned()));
    }
    Ok(Memory {
        total_bytes: system.total_memory(),
        available_bytes: system.available_memory(),
        swap_total_bytes: system.total_swap(),
        swap_free_bytes: system.free_swap(),
        oom_kills: oom_kills(&fs::read_to_string("/proc/vmstat").unwrap_or_default()),
    })
}

fn oom_kills(vmstat: &str) -> Option<u64> {
    vmstat.lines().find_map(|line| line.strip_prefix("oom_kill "))?.trim().parse().ok()
}

pub(super) async fn processor() -> Known<Processor> {
    let stat = procfs::KernelStats::current().map_err(|error| Unknown::Failed(format!("/proc/stat: {error}")))?;
    let load = sysinfo::System::load_average().unwrap_or_default();
    let tick_ms = 1000 / procfs::ticks_per_second().max(1);
    let idle = stat.total.idle + stat.total.iowait.unwrap_or(0);
    let busy = stat.total.user
        + stat.total.nice
        + stat.total.system
        + stat.total.irq.unwrap_or(0)
        + stat.total.softirq.unwrap_or(0)
        + stat.total.steal.unwrap_or(0);
    Ok(Processor {
        count: stat.cpu_time.len() as u32,
        load1: load.one,
        load5: load.five,
        load15: load.fifteen,
        busy_ms: busy * tick_ms,
        total_ms: (busy + idle) * tick_ms,
    })
}

/// Kernels before 4.20, and those built or started without it, have no pressure information.
pub(super) async fn pressure() -> Known<Pressure> {
    let cpu = procfs::CpuPressure::current().ok();
    let memory = procfs::MemoryPressure::current().ok();
    let io = procfs::IoPressure::current().ok();
    if cpu.is_none() && memory.is_none() && io.is_none() {
        return Err(Unknown::Failed("this kernel keeps no pressure information".to_owned()));
    }
    Ok(Pressure {
        cpu_some_percent: cpu.map(|cpu| percent(cpu.some.avg10)),
        memory_some_percent: memory.as_ref().map(|memory| percent(memory.some.avg10)),
        memory_full_percent: memory.map(|memory| percent(memory.full.avg10)),
        io_some_percent: io.as_ref().map(|io| percent(io.some.avg10)),
        io_full_percent: io.map(|io| percent(io.full.avg10)),
    })
}

/// The kernel writes two decimals, which a wider number would show as many.
fn percent(average: f32) -> f64 {
    (f64::from(average) * 100.0).round() / 100.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn this_machine_has_memory_and_processors() {
        let memory = memory().await.expect("memory");
        assert!(memory.available_bytes > 0 && memory.available_bytes <= memory.total_bytes);
        let processor = processor().await.expect("processor");
        assert!(processor.count >= 1 && processor.busy_ms <= processor.total_ms && processor.total_ms > 0);
    }

    #[test]
    fn kills_are_counted_where_the_kernel_counts_them() {
        assert_eq!(oom_kills("nr_free_pages 1\noom_kill 3\nnuma_hit 4\n"), Some(3));
        assert_eq!(oom_kills("nr_free_pages 1\n"), None);
    }
}
