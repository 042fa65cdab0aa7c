//! What the worlds must hold as a whole: enough of each kind, each with its right answer written down, and a world for
//! each problem code that a lab can produce.

use crate::codes::{self, Shown};
use crate::world::World;
use firstline::layer::Layer;
use firstline::problem::PROBLEMS;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;

/// So many worlds blame each layer.
const EACH_LAYER: usize = 6;
/// So many are healthy, with quirks.
const HEALTHY: usize = 12;
/// So many have two independent faults.
const SEVERAL: usize = 10;
/// In so many one fault hides another.
const HIDDEN: usize = 10;
/// Worlds in which two causes are right, because chance decides between them: whether a reset overtakes the client's first
/// words, what else the machine does while one program wants all of it, whether a rule for every fifth packet meets the
/// connections that are counted, and what a rule for a rate lets through first.
const EITHER: &[&str] = &[
    "target-resets",
    "processor-hog",
    "slow-computer-indexing",
    "filter-of-an-interface-drops-the-answers",
    "local-filter-drops-every-fifth-packet",
    "local-filter-limits-the-rate",
];
/// Worlds for which no cause is written, and the verdict rightly says so with layer and code (rule 6).
const WITHOUT_CAUSE: &[&str] = &["redirect-to-a-name-that-is-gone"];
/// The rules of DESIGN section 5.
const RULES: std::ops::RangeInclusive<u8> = 1..=8;

/// What is wrong with the list of worlds, one line for each.
pub fn of_worlds(worlds: &[World]) -> Vec<String> {
    let mut wrong: Vec<String> = worlds.iter().flat_map(of_world).collect();
    let mut names = BTreeSet::new();
    wrong.extend(worlds.iter().filter(|world| !names.insert(world.name)).map(|world| format!("{}: twice", world.name)));
    let mut enough = |what: &str, least: usize, wanted: &dyn Fn(&World) -> bool| {
        let count = worlds.iter().filter(|world| wanted(world)).count();
        if count < least {
            wrong.push(format!("{count} worlds {what}, {least} are wanted"));
        }
    };
    for layer in Layer::ALL {
        enough(&format!("blame {layer}"), EACH_LAYER, &|world| world.expect.layer.contains(&layer.name()));
    }
    enough("are healthy", HEALTHY, &|world| world.expect.status == "healthy");
    enough("have two independent faults", SEVERAL, &|world| !world.expect.also.is_empty());
    enough("have a fault that hides another", HIDDEN, &|world| !world.expect.hidden.is_empty());
    for rule in RULES {
        enough(&format!("are about rule {rule}"), 1, &|world| world.rule.0 == rule);
    }
    wrong
}

/// Whether a world says all that it has to say.
fn of_world(world: &World) -> Vec<String> {
    let expect = &world.expect;
    let found = matches!(expect.status, "fault" | "degraded");
    let sure = expect.certainty != "suspected";
    // What a real server does is compared in code and culprit; which check decides is for its own lab to say.
    let cannot_tell = EITHER.contains(&world.name) || world.name.starts_with("real-");
    let without = WITHOUT_CAUSE.contains(&world.name);
    let known = (RULES.contains(&world.rule.0), world.rule.1.is_empty());
    let wants = [
        (!world.says.is_empty(), "does not say what the user says"),
        (!expect.status.is_empty(), "has no status"),
        (!expect.innocent.is_empty() || world.name == "healthy", "names nobody who must not be blamed"),
        (!expect.decides.is_empty() || cannot_tell || expect.status == "undecided", "does not say which check decides"),
        (!found || !sure || cannot_tell || without || expect.cause.len() == 1, "does not state the one right cause"),
        (!found || !expect.layer.is_empty(), "states no layer"),
        (matches!(known, (true, false) | (false, true)), "names a rule without a reason, or the other way round"),
    ];
    wants.into_iter().filter(|(held, _)| !held).map(|(_, why)| format!("{} {why}", world.name)).collect()
}

/// What is wrong with the codes, given those that the worlds of a whole run showed and one that showed each.
pub fn of_codes(worlds: &[World], seen: &BTreeMap<String, &str>) -> Vec<String> {
    let mut wrong = Vec::new();
    for (code, problem) in PROBLEMS {
        let expected = worlds.iter().find(|world| world.expect.code.contains(&problem.code)).map(|world| world.name);
        let by = expected.or_else(|| seen.get(problem.code).copied());
        let shown = by.is_some();
        match codes::shown(*code) {
            Shown::Lab if !shown => wrong.push(format!("no world expects or shows {code}")),
            Shown::Fixture(..) | Shown::Hardware(..) | Shown::Reserved(_) if shown => {
                let by = by.unwrap_or_default();
                wrong.push(format!("the world {by} shows {code}, which is listed as {}", codes::shown(*code)));
            }
            Shown::Fixture(file, _) | Shown::Hardware(file, _)
                if !is_tested(file, &format!("{code:?}"), problem.code) =>
            {
                wrong.push(format!("the tests of {file} do not produce {code}"));
            }
            _ => {}
        }
    }
    wrong
}

/// Whether a playbook, a file of tests, or the tests at the end of a source file name the code.
fn is_tested(file: &str, variant: &str, word: &str) -> bool {
    // The lab may be started from anywhere, and the sources are where it was built from.
    let text = fs::read_to_string(format!("{}/{file}", env!("CARGO_MANIFEST_DIR"))).unwrap_or_default();
    let tests = text.split_once("#[cfg(test)]").map_or("", |(_, tests)| tests);
    let names = |text: &str| text.contains(&format!("Code::{variant}")) || text.contains(&format!("\"{word}\""));
    if file.ends_with(".toml") || file.ends_with("/tests.rs") { names(&text) } else { names(tests) }
}
