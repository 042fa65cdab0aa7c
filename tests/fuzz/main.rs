//! Feeds everything that reads foreign bytes with broken ones: nothing may panic, hang, or let a stranger's text out
//! unbounded. Inputs are made by changing good ones (`mutate.rs`); an input that once broke something lies in
//! `tests/fuzz/found/TARGET/` and is tried first for ever.
//!
//! ```text
//! cargo test --test fuzz                                        half a second for each target
//! FIRSTLINE_FUZZ_SECONDS=600 cargo test --release --test fuzz   ten minutes of processor time for each
//! FIRSTLINE_FUZZ_SEED=7 cargo test --test fuzz dns              other changes; one target
//! FIRSTLINE_FUZZ_SECONDS=1800 FIRSTLINE_FUZZ_SEED=$(date +%s) \
//!     cargo test --release --test fuzz -- --nocapture --exact texts::playbook texts::template
//!                                                               the language for an hour: both its readers
//! ```
//!
//! With `--nocapture` each target says how many inputs it was fed, and in how much processor time.
//! What breaks is written to the build folder and named; move it into `found/` together with the repair.

mod boxes;
#[path = "../fixtures/clock.rs"]
mod clock;
mod files;
mod hostile;
mod mutate;
mod network;
mod texts;

use clock::Clock;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::time::{Duration, Instant};

/// What each target gets in the gate.
const USUAL: Duration = Duration::from_millis(500);
/// An input that takes more processor time is a finding: the slowest honest one takes milliseconds.
const SLOWEST: Duration = Duration::from_secs(10);
/// Changed inputs that are kept to be changed further, beside the good ones.
const KEPT: usize = 64;

/// Tries the inputs that broke `name` before, the good ones, and changes of these until the time is up.
fn fuzz(name: &str, seeds: &[Vec<u8>], words: &[&str], mut eat: impl FnMut(&[u8])) {
    let found = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/found").join(name);
    for entry in fs::read_dir(found).into_iter().flatten().flatten() {
        try_one(name, &fs::read(entry.path()).expect("an input that was found can be read"), &mut eat);
    }
    for seed in seeds {
        try_one(name, seed, &mut eat);
    }
    let number = |variable: &str| std::env::var(variable).ok().and_then(|text| text.parse::<u64>().ok());
    let time = number("FIRSTLINE_FUZZ_SECONDS").map_or(USUAL, Duration::from_secs);
    let mut random = StdRng::seed_from_u64(number("FIRSTLINE_FUZZ_SEED").unwrap_or(0));
    let mut kept: Vec<Vec<u8>> = Vec::new();
    let (began, clock, mut tried) = (Instant::now(), Clock::start(), 0_u64);
    while clock.elapsed() < time {
        let from = if kept.is_empty() || random.random_bool(0.6) { seeds } else { &kept };
        let input = mutate::change(&mut random, from, words);
        try_one(name, &input, &mut eat);
        tried += 1;
        if kept.len() < KEPT {
            kept.push(input);
        } else if random.random_bool(0.1) {
            kept[random.random_range(0..KEPT)] = input;
        }
    }
    let (processor, wall) = (clock.elapsed().as_secs_f64(), began.elapsed().as_secs_f64());
    println!("{name}: {tried} inputs in {processor:.1} s of processor time ({wall:.1} s)");
}

fn try_one(name: &str, input: &[u8], eat: &mut impl FnMut(&[u8])) {
    let began = Clock::start();
    let whole = catch_unwind(AssertUnwindSafe(|| eat(input))).is_ok();
    let took = began.elapsed();
    if whole && took < SLOWEST {
        return;
    }
    let sum = input.iter().fold(5381_u64, |sum, byte| sum.wrapping_mul(33) ^ u64::from(*byte));
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{sum:016x}"));
    fs::write(&path, input).expect("the build folder can be written");
    let what = if whole { format!("took {:.1} s over", took.as_secs_f64()) } else { "broke at".to_owned() };
    panic!("{name} {what} {} bytes, kept as `{}`", input.len(), path.display());
}

/// A text or list that came from outside may be this long in what is told; what probes keep is far shorter.
const LONGEST: usize = 20_000;

/// The first text or list that is longer than it may be; none where all is within bounds.
fn unbounded(value: &serde_json::Value) -> Option<String> {
    let beneath = |name: String| move |inner: String| format!("{name}.{inner}");
    match value {
        serde_json::Value::String(text) => (text.len() > LONGEST).then(|| format!("{} bytes", text.len())),
        serde_json::Value::Array(list) if list.len() > LONGEST => Some(format!("{} items", list.len())),
        serde_json::Value::Array(list) => list.iter().find_map(unbounded).map(beneath("[]".to_owned())),
        serde_json::Value::Object(map) => {
            map.iter().find_map(|(key, value)| unbounded(value).map(beneath(key.chars().take(40).collect())))
        }
        _ => None,
    }
}
