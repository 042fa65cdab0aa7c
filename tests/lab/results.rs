//! The committed results: `results.jsonl`, one line for each world in the order of their names, and the ratchet that
//! they are. A world that was right may not become wrong.

use crate::measure::{Measured, Reference};
use crate::world::World;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// A published time stands as long as a new one differs by less than this share, so that a diff shows what changed and
/// not how busy a machine was. A judgement.
const SAME_SHARE: f64 = 0.3;
/// And by less than this many milliseconds: the noise of starting a process.
const SAME_MS: f64 = 250.0;

/// Under which conditions everything was measured.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Conditions {
    /// The day in UTC.
    pub date: String,
    pub machine: String,
    pub kernel: String,
    /// `debug` or `release`.
    pub build: String,
    /// How many worlds ran at once.
    pub workers: usize,
    /// Runs in the last minute that wanted a processor, when it began.
    pub load: String,
    /// Why the reference did not run; empty where it did.
    pub reference: String,
}

/// Everything that is published.
#[derive(Debug, Default, PartialEq)]
pub struct Results {
    pub conditions: Conditions,
    pub worlds: BTreeMap<String, Measured>,
}

fn path(of: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(of)
}

impl Results {
    /// Where the results lie, for messages.
    pub const FILE: &'static str = "tests/lab/results.jsonl";
    /// The page made from them.
    pub const PAGE: &'static str = "docs/reference/accuracy.md";

    /// The committed results; empty where there are none yet.
    pub fn read() -> Result<Results, String> {
        match std::fs::read_to_string(path(Results::FILE)) {
            Ok(text) => Results::parse(&text),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Results::default()),
            Err(error) => Err(format!("{}: {error}", Results::FILE)),
        }
    }

    fn parse(text: &str) -> Result<Results, String> {
        let mut lines = text.lines();
        let wrong = |error: serde_json::Error| format!("{}: {error}", Results::FILE);
        let conditions = serde_json::from_str(lines.next().unwrap_or("{}")).map_err(wrong)?;
        let worlds = lines.map(serde_json::from_str::<Measured>).collect::<Result<Vec<_>, _>>().map_err(wrong)?;
        Ok(Results { conditions, worlds: worlds.into_iter().map(|world| (world.world.clone(), world)).collect() })
    }

    fn text(&self) -> String {
        let line = |value: serde_json::Result<String>| value.unwrap_or_default() + "\n";
        let worlds = self.worlds.values().map(|world| line(serde_json::to_string(world)));
        line(serde_json::to_string(&self.conditions)) + &worlds.collect::<String>()
    }

    /// Writes results and page.
    pub fn write(&self) -> Result<(), String> {
        let write = |file: &str, text: String| {
            std::fs::write(path(file), text).map_err(|error| format!("{file} cannot be written ({error})"))
        };
        write(Results::FILE, self.text())?;
        write(Results::PAGE, crate::accuracy::page(self))
    }

    /// Whether the committed page is the one of these results.
    pub fn is_page_current(&self) -> bool {
        std::fs::read_to_string(path(Results::PAGE)).is_ok_and(|page| page == crate::accuracy::page(self))
    }

    /// Takes a new result in, unless something is lost by it; then the old one stands, and the losses are told.
    pub fn take(&mut self, mut new: Measured) -> Vec<String> {
        let Some(old) = self.worlds.get(&new.world) else {
            self.worlds.insert(new.world.clone(), new);
            return Vec::new();
        };
        let losses = losses(old, &new);
        if losses.is_empty() {
            new.keep_times_of(old);
            new.reference = new.reference.or_else(|| old.reference.clone());
            new.under_load = new.under_load.or_else(|| old.under_load.clone());
            self.worlds.insert(new.world.clone(), new);
        }
        losses
    }

    /// Forgets worlds that are no more.
    pub fn retain(&mut self, worlds: &[World]) {
        self.worlds.retain(|name, _| worlds.iter().any(|world| world.name == name));
    }
}

/// What was right before and is wrong now. A world that expects something else than before is a new one.
pub fn losses(old: &Measured, new: &Measured) -> Vec<String> {
    if old.expected != new.expected {
        return Vec::new();
    }
    let lost = |was: Option<bool>, is: Option<bool>| was == Some(true) && is == Some(false);
    let points = [
        ("layer", Some(old.right.layer), Some(new.right.layer)),
        ("cause", old.right.cause, new.right.cause),
        ("culprit", old.right.culprit, new.right.culprit),
        ("blame", Some(old.false_blame.is_empty()), Some(new.false_blame.is_empty())),
        ("verdict", Some(old.wrong.is_empty()), Some(new.wrong.is_empty())),
    ];
    points.into_iter().filter(|(_, was, is)| lost(*was, *is)).map(|(point, ..)| point.to_owned()).collect()
}

impl Measured {
    /// Leaves published times alone that are as good as the new ones.
    fn keep_times_of(&mut self, old: &Measured) {
        let keep = |new: &mut u64, old: u64| {
            let difference = new.abs_diff(old) as f64;
            if difference <= SAME_MS || difference <= SAME_SHARE * old as f64 {
                *new = old;
            }
        };
        keep(&mut self.work.took_ms, old.work.took_ms);
        for (new, old) in
            [(&mut self.work.suspected_ms, old.work.suspected_ms), (&mut self.work.decided_ms, old.work.decided_ms)]
        {
            if let (Some(new), Some(old)) = (new.as_mut(), old) {
                keep(new, old);
            }
        }
        if let (Some(Reference { took_ms, .. }), Some(old)) = (self.reference.as_mut(), &old.reference) {
            keep(took_ms, old.took_ms);
        }
    }
}
