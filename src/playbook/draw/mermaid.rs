//! A playbook in the Mermaid language, which wikis and code hosts draw.

use super::{Graph, Join};
use crate::playbook::template::variable;
use crate::playbook::{Cause, Check, Playbook};
use crate::probe::Cost;
use std::collections::BTreeMap;
use std::fmt::Write;

/// Causes that are named in one box; the rest is counted. A picture with all of a hundred causes shows nothing.
const CAUSES_NAMED: usize = 4;

/// The whole playbook as a Mermaid flowchart. A solid line leads from what must work to what stands on it, a dotted one
/// from a result to the check that waits for it or repeats it, and a thick one to the causes that it decides.
pub fn mermaid(playbook: &Playbook) -> String {
    let graph = Graph::of(playbook);
    let mut out = format!("---\ntitle: \"{}\"\n---\nflowchart TD\n", word(&playbook.title));
    for (index, round) in graph.rounds.iter().enumerate() {
        let asked = round.iter().all(|check| check.cost == Cost::Person);
        let title = if asked { "asked last".to_owned() } else { format!("round {}", index + 1) };
        let _ = writeln!(out, "  subgraph round_{} [\"{title}\"]", index + 1);
        for check in round {
            let _ = writeln!(out, "    {}", node(check));
        }
        out.push_str("  end\n");
    }
    for line in &graph.lines {
        let (from, to) = (name(line.from), name(line.to));
        let _ = match line.join {
            Join::Stands => writeln!(out, "  {from} --> {to}"),
            Join::Waits => writeln!(out, "  {from} -.-> {to}"),
            Join::Repeats => writeln!(out, "  {to} -. control .-> {from}"),
        };
    }
    causes(&mut out, &graph);
    out
}

/// The goal is a double box, a question a rhomb, all else a box.
fn node(check: &Check) -> String {
    let about = check.title.as_deref().unwrap_or(&check.probe);
    let label = format!("\"{}<br/><small>{}</small>\"", check.id, word(about));
    let (open, close) = match (check.goal, check.cost) {
        (true, _) => ("[[", "]]"),
        (_, Cost::Person) => ("{", "}"),
        _ => ("[", "]"),
    };
    format!("{}{open}{label}{close}", name(&check.id))
}

/// One box for all causes that the same checks tell.
fn causes(out: &mut String, graph: &Graph<'_>) {
    let mut groups: BTreeMap<&[&str], Vec<&Cause>> = BTreeMap::new();
    for (cause, checks) in &graph.causes {
        groups.entry(checks).or_default().push(cause);
    }
    for (index, (checks, causes)) in groups.iter().enumerate() {
        let mut lines: Vec<String> = causes.iter().take(CAUSES_NAMED).map(|cause| cause.id.clone()).collect();
        if causes.len() > CAUSES_NAMED {
            lines.push(format!("and {} more", causes.len() - CAUSES_NAMED));
        }
        let _ = writeln!(out, "  causes_{index}([\"{}\"])", lines.join("<br/>"));
        for check in *checks {
            let _ = writeln!(out, "  {} ==> causes_{index}", name(check));
        }
    }
}

/// The name of a check's box. Mermaid takes some words, such as `end`, for its own, so none stands alone.
fn name(id: &str) -> String {
    format!("check_{}", variable(id))
}

/// A text in a label: no quotes that end it, no marks that Mermaid or HTML would read.
fn word(text: &str) -> String {
    let plain = |letter: char| match letter {
        '"' | '`' => '\'',
        '<' | '>' | '{' | '}' | '[' | ']' | '#' | ';' | '&' | '|' | '\\' => ' ',
        letter if letter.is_control() => ' ',
        letter => letter,
    };
    text.chars().map(plain).collect::<String>().split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::playbook::builtin;
    use crate::playbook::draw::tests::small;

    #[test]
    fn shows_goal_question_trail_and_causes() {
        let drawn = mermaid(&small());
        for line in [
            "title: \"a 'b' c\"",
            "check_page[[\"page<br/><small>http</small>\"]]",
            "check_sure{\"sure<br/><small>ask</small>\"}",
            "check_end --> check_page",
            "check_page -.-> check_sure",
            "causes_0([\"unplugged\"])",
            "check_end ==> causes_0",
        ] {
            assert!(drawn.contains(line), "{line} is not in\n{drawn}");
        }
    }

    #[test]
    fn every_line_of_a_built_in_playbook_leads_from_box_to_box() {
        for (id, _) in builtin::BUILTIN {
            let drawn = mermaid(&builtin::playbook(id).unwrap().unwrap());
            let boxes: Vec<&str> = drawn
                .lines()
                .filter(|line| line.contains('"') && !line.contains("subgraph"))
                .map(|line| line.trim().split(['[', '{', '(']).next().unwrap())
                .collect();
            for line in drawn.lines().filter(|line| line.contains("->") || line.contains("=>")) {
                let (first, last) = (line.split_whitespace().next(), line.split_whitespace().last());
                assert!([first, last].iter().all(|end| boxes.contains(&end.unwrap())), "{id}: {line}");
            }
        }
    }
}
