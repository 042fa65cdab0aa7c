//! `--by-chance`: worlds that throw dice are run many times, and fail where they are diagnosed wrongly more often than
//! chance explains.

use crate::harness::{End, Mode};
use crate::publish::in_turn;
use crate::world::World;
use std::process::ExitCode;

/// The share of wrong verdicts that is allowed: what the lab allows of verdicts that change under load.
const WRONG_AT_MOST: f64 = 0.02;
/// How seldom a program that keeps to that share may be failed by bad luck.
const BAD_LUCK: f64 = 0.001;

/// Runs each world so many times.
pub fn run(chosen: Vec<World>, times: u32) -> ExitCode {
    let allowed = most_wrong(times, WRONG_AT_MOST, BAD_LUCK);
    let all: Vec<World> = chosen.iter().flat_map(|world| std::iter::repeat_n(*world, times as usize)).collect();
    let ends = in_turn(&all, Mode::Judge);
    let mut good = !chosen.is_empty();
    for world in &chosen {
        let of = |end: End| ends.iter().filter(move |(name, report)| *name == world.name && report.end == end);
        for (_, report) in of(End::Failed).chain(of(End::Broken)) {
            println!("\n---- {} ----\n{}", world.name, report.text.trim_end());
        }
        let (wrong, void) = (of(End::Failed).count() as u32, of(End::Broken).count() + of(End::Skipped).count());
        println!(
            "\n{}: {wrong} of {times} runs wrong, {void} without a result; {allowed} wrong would be chance (a share of \
             {WRONG_AT_MOST} gives more in less than {BAD_LUCK} of such series)",
            world.name
        );
        good &= wrong <= allowed && void == 0;
    }
    if good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The smallest count that is exceeded with less than this probability, where each of `runs` goes wrong independently
/// with probability `share`: the upper tail of the binomial distribution.
fn most_wrong(runs: u32, share: f64, probability: f64) -> u32 {
    let mut exactly = (1.0 - share).powi(runs as i32);
    let mut at_most = exactly;
    let mut count = 0;
    while 1.0 - at_most > probability && count < runs {
        exactly *= f64::from(runs - count) / f64::from(count + 1) * share / (1.0 - share);
        at_most += exactly;
        count += 1;
    }
    count
}
