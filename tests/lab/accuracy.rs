//! The page `docs/reference/accuracy.md`: a pure function of the results, written so that a person wants to read it.

use crate::measure::Measured;
use crate::results::Results;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

/// Words of the confusion table in the order of the stack, as `firstline list layers` has them.
const ORDER: [&str; 17] = [
    "healthy",
    "link",
    "ip",
    "route",
    "path",
    "vpn",
    "dns",
    "proxy",
    "transport",
    "tls",
    "http",
    "application",
    "process",
    "host",
    "several",
    "undecided",
    "unclear",
];

/// The whole page.
pub fn page(results: &Results) -> String {
    let worlds: Vec<&Measured> = results.worlds.values().collect();
    let mut page = String::from(
        "# Accuracy\n\n\
         How often is the diagnosis right? Each world of the lab (`tests/lab`) is a small network of real kernel namespaces with a\n\
         known fault, or with none and a quirk that makes naive tools cry wolf. The program runs on its client and does not know\n\
         which world it is in. This page says what it answered.\n\n\
         `cargo test --test lab -- --accuracy` measures again and writes this page; nobody edits it. The numbers behind it are in\n\
         `tests/lab/results.jsonl`. The reference is `tests/lab/reference.sh`, a bottom-up script of ip, ping, dig and curl as a\n\
         careful administrator types it: it first looks whether the complaint shows, then blames the lowest rung that fails.\n\n",
    );
    summary(&mut page, results, &worlds);
    wrong_now(&mut page, &worlds);
    confusion(&mut page, "What was said of which fault", &worlds, |world| Some(world.said.word()));
    confusion(&mut page, "What the script said of which fault", &worlds, |world| {
        world.reference.as_ref().map(|reference| word_of_script(&reference.said))
    });
    under_load(&mut page, &worlds);
    all_worlds(&mut page, &worlds);
    conditions(&mut page, results);
    page
}

/// The script finds `nothing` where the program says `healthy`.
fn word_of_script(said: &str) -> String {
    if said == "nothing" { "healthy" } else { said }.to_owned()
}

/// `93 of 100 (93 %)`.
fn share(part: usize, of: usize) -> String {
    if of == 0 {
        return "-".to_owned();
    }
    // Rounded down: all but one is not 100 %.
    format!("{part} of {of} ({} %)", 100 * part / of)
}

fn of_known(answers: impl Iterator<Item = Option<bool>>) -> String {
    let known: Vec<bool> = answers.flatten().collect();
    share(known.iter().filter(|right| **right).count(), known.len())
}

/// The value in the middle and the one that nine in ten stay below.
fn middle_and_high(values: impl Iterator<Item = u64>) -> Option<(u64, u64)> {
    let mut values: Vec<u64> = values.collect();
    values.sort_unstable();
    let last = values.len().checked_sub(1)?;
    Some((values[last / 2], values[last * 9 / 10]))
}

fn seconds(ms: u64) -> String {
    format!("{:.1} s", ms as f64 / 1000.0)
}

fn times(values: impl Iterator<Item = u64>) -> String {
    let both = middle_and_high(values).map(|(middle, high)| format!("{}, {}", seconds(middle), seconds(high)));
    both.unwrap_or_else(|| "-".to_owned())
}

fn is_healthy(world: &Measured) -> bool {
    world.expected.word() == "healthy"
}

fn summary(page: &mut String, results: &Results, worlds: &[&Measured]) {
    let referenced: Vec<(&Measured, String)> =
        worlds.iter().filter_map(|world| Some((*world, word_of_script(&world.reference.as_ref()?.said)))).collect();
    let layer = |wanted: bool| worlds.iter().filter(move |world| is_healthy(world) == wanted);
    let script_layer = |wanted: bool| {
        let answers = referenced.iter().filter(|(world, _)| is_healthy(world) == wanted);
        of_known(answers.map(|(world, said)| Some(world.expected.allows(said))))
    };
    let names_wrong = |world: &Measured, said: &str| {
        !world.expected.allows(said) && !matches!(said, "healthy" | "undecided" | "unclear" | "several")
    };
    let wrong_layer = share(worlds.iter().filter(|world| names_wrong(world, &world.said.word())).count(), worlds.len());
    let script_wrong =
        share(referenced.iter().filter(|(world, said)| names_wrong(world, said)).count(), referenced.len());
    let undecided = worlds.iter().filter(|world| world.said.status == "undecided").count();
    let unclear = referenced.iter().filter(|(_, said)| said == "unclear").count();
    let blamed = worlds.iter().filter(|world| !world.false_blame.is_empty()).count();
    let checks = middle_and_high(worlds.iter().map(|world| world.work.checks_used)).map_or(0, |(middle, _)| middle);
    let available =
        middle_and_high(worlds.iter().map(|world| world.work.checks_available)).map_or(0, |(middle, _)| middle);
    let struck: f64 =
        worlds.iter().map(|world| world.work.struck_per_check()).sum::<f64>() / worlds.len().max(1) as f64;
    let faults = || worlds.iter().filter(|world| !is_healthy(world));
    let rows = [
        ("worlds", worlds.len().to_string(), referenced.len().to_string()),
        (
            "right in every point",
            share(worlds.iter().filter(|world| world.wrong.is_empty()).count(), worlds.len()),
            String::new(),
        ),
        (
            "right layer where there is a fault",
            of_known(layer(false).map(|world| Some(world.right.layer))),
            script_layer(false),
        ),
        (
            "right cause (problem code) where there is a fault",
            of_known(layer(false).map(|world| world.right.cause)),
            String::new(),
        ),
        ("right culprit where one is expected", of_known(layer(false).map(|world| world.right.culprit)), String::new()),
        (
            "nothing blamed where nothing is wrong",
            of_known(layer(true).map(|world| Some(world.right.layer && world.false_blame.is_empty()))),
            script_layer(true),
        ),
        ("a wrong layer named", wrong_layer, script_wrong),
        ("anything innocent blamed, beside the verdict too", share(blamed, worlds.len()), String::new()),
        ("undecided", share(undecided, worlds.len()), share(unclear, referenced.len())),
        (
            "time to suspicion: median, nine in ten within",
            times(faults().filter_map(|world| world.work.suspected_ms)),
            String::new(),
        ),
        (
            "time to the verdict: median, nine in ten within",
            times(worlds.iter().map(|world| world.work.decided_ms.unwrap_or(world.work.took_ms))),
            String::new(),
        ),
        (
            "time to the end: median, nine in ten within",
            times(worlds.iter().map(|world| world.work.took_ms)),
            times(referenced.iter().filter_map(|(world, _)| Some(world.reference.as_ref()?.took_ms))),
        ),
        ("checks used of those available, median", format!("{checks} of {available}"), String::new()),
        ("suspects struck out per check, mean", format!("{struck:.1}"), String::new()),
    ];
    page.push_str("| | Firstline | the script |\n|---|---|---|\n");
    for (what, ours, script) in rows {
        let script = if script.is_empty() { "-" } else { &script };
        let _ = writeln!(page, "| {what} | {ours} | {script} |");
    }
    if !results.conditions.reference.is_empty() {
        let _ = writeln!(page, "\nThe script did not run when this was measured: {}.", results.conditions.reference);
    }
    page.push('\n');
}

fn wrong_now(page: &mut String, worlds: &[&Measured]) {
    page.push_str("## Diagnosed wrongly now\n\n");
    let wrong: Vec<_> = worlds.iter().filter(|world| !world.wrong.is_empty()).collect();
    if wrong.is_empty() {
        page.push_str("None.\n\n");
        return;
    }
    for world in wrong {
        let _ = writeln!(page, "- `{}`, \"{}\": {}", world.world, world.says, cell(&world.wrong.join("; ")));
    }
    page.push('\n');
}

/// Text from a run in a cell of a table.
fn cell(text: &str) -> String {
    text.replace('\\', "\\\\").replace('|', "\\|").replace('<', "&lt;").replace(['\n', '\r'], " ")
}

fn place(word: &str) -> usize {
    ORDER.iter().position(|other| *other == word).unwrap_or(ORDER.len())
}

/// Expected down, said across; what is right stands in the diagonal.
fn confusion(page: &mut String, title: &str, worlds: &[&Measured], said: impl Fn(&Measured) -> Option<String>) {
    let mut counts: BTreeMap<(usize, usize), usize> = BTreeMap::new();
    let (mut rows, mut columns) = (BTreeSet::new(), BTreeSet::new());
    for world in worlds {
        let Some(said) = said(world) else { continue };
        // Where several layers are right and one of them was said, that is the row.
        let expected = if world.expected.allows(&said) { said.clone() } else { world.expected.word() };
        let (row, column) = (place(&expected), place(&said));
        rows.insert(row);
        columns.insert(column);
        *counts.entry((row, column)).or_default() += 1;
    }
    if rows.is_empty() {
        return;
    }
    let word = |place: usize| ORDER.get(place).copied().unwrap_or("other");
    let _ = writeln!(page, "## {title}\n\nDown what is right, across what was said.\n");
    let head: String = columns.iter().map(|column| format!(" {} |", word(*column))).collect();
    let _ = writeln!(page, "| |{head}\n|---|{}", "---|".repeat(columns.len()));
    for row in rows {
        let cells: String = columns
            .iter()
            .map(|column| match counts.get(&(row, *column)) {
                Some(count) if row == *column => format!(" **{count}** |"),
                Some(count) => format!(" {count} |"),
                None => " |".to_owned(),
            })
            .collect();
        let _ = writeln!(page, "| {} |{cells}", word(row));
    }
    page.push('\n');
}

fn under_load(page: &mut String, worlds: &[&Measured]) {
    let loaded: Vec<_> = worlds.iter().filter_map(|world| Some((*world, world.under_load.as_ref()?))).collect();
    page.push_str("## The same verdict while the processors are busy\n\n");
    if loaded.is_empty() {
        page.push_str("Not measured yet: `cargo test --test lab -- --under-load 20`.\n\n");
        return;
    }
    let runs: u32 = loaded.iter().map(|(_, noise)| noise.runs).sum();
    let softened = |what: &str| what == "undecided" || what.starts_with("suspected");
    let count = |soft: bool| -> u32 {
        let all = loaded.iter().flat_map(|(_, noise)| &noise.changed);
        all.filter(|(what, _)| softened(what) == soft).map(|(_, count)| count).sum()
    };
    let (soft, hard) = (count(true), count(false));
    let percent = |part: u32| 100.0 * f64::from(part) / f64::from(runs.max(1));
    let _ = writeln!(
        page,
        "`cargo test --test lab -- --under-load 20` runs each world again and again while every processor is kept busy (for the\n\
         client; servers, routers and lines are other machines, which go first where the lab may say so), and\n\
         compares each verdict (status, certainty, layer, cause, culprit) with the one above. Of {runs} runs in {} worlds\n\
         {soft} ({:.1} %) fell back to `undecided` or `suspected` (wanted: at most 2 %), and {hard} ({:.1} %) said something else\n\
         (wanted: none).\n",
        loaded.len(),
        percent(soft),
        percent(hard)
    );
    let changed: Vec<_> = loaded.iter().filter(|(_, noise)| !noise.changed.is_empty()).collect();
    if changed.is_empty() {
        return;
    }
    page.push_str("| World | Runs | Changed | To |\n|---|---|---|---|\n");
    for (world, noise) in changed {
        let total: u32 = noise.changed.values().sum();
        let to: Vec<String> = noise.changed.iter().map(|(what, count)| format!("{count} x {}", cell(what))).collect();
        let _ = writeln!(page, "| `{}` | {} | {total} | {} |", world.world, noise.runs, to.join("; "));
    }
    page.push('\n');
}

fn mark(right: Option<bool>) -> &'static str {
    match right {
        Some(true) => "right",
        Some(false) => "**wrong**",
        None => "-",
    }
}

/// What a group is called: the layer to blame, or that there is none.
fn group(world: &Measured) -> &str {
    match world.expected.layers.first() {
        Some(layer) => layer,
        None if world.expected.status == "undecided" => "undecided",
        None => "healthy",
    }
}

fn all_worlds(page: &mut String, worlds: &[&Measured]) {
    page.push_str(
        "## World by world\n\nBy the layer that is to blame. A cause is compared by its problem code; `-` is what a world leaves open. Suspicion and\n\
         verdict are seconds since the start, checks are those used of those available, suspects those at the start and at the\n\
         end.\n\n",
    );
    let mut groups: BTreeMap<usize, Vec<&Measured>> = BTreeMap::new();
    for world in worlds {
        groups.entry(place(group(world))).or_default().push(world);
    }
    for (index, worlds) in groups {
        let title = match ORDER.get(index).copied().unwrap_or("other") {
            "healthy" => "nothing is wrong",
            "undecided" => "nothing can be decided",
            layer => layer,
        };
        let _ = writeln!(page, "### {title}\n");
        page.push_str("| World | The user says | Verdict | Layer | Cause | Culprit | False blame | Suspicion, verdict | Checks | Suspects | The script |\n");
        page.push_str("|---|---|---|---|---|---|---|---|---|---|---|\n");
        worlds.iter().for_each(|world| row(page, world));
        page.push('\n');
    }
}

fn row(page: &mut String, world: &Measured) {
    let (said, work) = (&world.said, &world.work);
    let mut verdict = said.status.clone();
    for word in [&said.layer, &said.code].into_iter().flatten() {
        let _ = write!(verdict, " {word}");
    }
    if matches!(said.status.as_str(), "fault" | "degraded") && said.certainty != "confirmed" {
        verdict.push_str(", suspected");
    }
    let time = |ms: Option<u64>| ms.map_or("-".to_owned(), |ms| format!("{:.1}", ms as f64 / 1000.0));
    let script = world.reference.as_ref().map_or("-".to_owned(), |reference| {
        let right = world.expected.allows(&word_of_script(&reference.said));
        format!("{}{}", reference.said, if right { "" } else { ", wrong" })
    });
    let blame = if world.false_blame.is_empty() { "none".to_owned() } else { cell(&world.false_blame.join(", ")) };
    let _ = writeln!(
        page,
        "| `{}` | {} | {} | {} | {} | {} | {blame} | {}, {} | {} of {} | {} to {}, {:.1} per check | {script} |",
        world.world,
        cell(&world.says),
        cell(&verdict),
        mark(Some(world.right.layer)),
        mark(world.right.cause),
        mark(world.right.culprit),
        time(work.suspected_ms),
        time(work.decided_ms),
        work.checks_used,
        work.checks_available,
        work.suspects,
        work.left,
        work.struck_per_check(),
    );
}

fn conditions(page: &mut String, results: &Results) {
    let on = &results.conditions;
    let _ = writeln!(
        page,
        "## How it was measured\n\nOn {}, {}, {}, {} build, {} worlds at a time, load {} when it began. A published time is replaced only when a new one\n\
         differs by more than 0.25 s and 30 %, so that a diff shows what changed and not how busy a machine was.\n\n\
         The results are a ratchet: a point that was right may not become wrong, neither in the gate nor by publishing. The limits\n\
         of the lab are those of its worlds: they were made by people who also made the program, and the share above is a share of\n\
         these worlds, not of the faults that help desks meet.",
        on.date, on.machine, on.kernel, on.build, on.workers, on.load
    );
}
