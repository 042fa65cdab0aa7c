//! A playbook as a picture, in the Mermaid language that wikis and code hosts draw: what is looked at, what stands on
//! what, what is asked when, and which causes are decided by what.

use super::order::{rounds, waits_for};
use super::template::variable;
use super::{Cause, Check, Playbook};
use crate::probe::Cost;
use std::collections::BTreeMap;
use std::fmt::Write;

/// Causes that are named in one box; the rest is counted. A picture with all of a hundred causes shows nothing.
const CAUSES_NAMED: usize = 4;

/// The whole playbook as a Mermaid flowchart. A solid line leads from what must work to what stands on it, a dotted one
/// from a result to the check that waits for it or repeats it, and a thick one to the causes that it decides.
pub fn mermaid(playbook: &Playbook) -> String {
    let mut out = format!("---\ntitle: \"{}\"\n---\nflowchart TD\n", word(&playbook.title));
    for (index, round) in rounds(playbook).iter().enumerate() {
        let asked = round.iter().all(|check| check.cost == Cost::Person);
        let title = if asked { "asked last".to_owned() } else { format!("round {}", index + 1) };
        let _ = writeln!(out, "  subgraph round_{} [\"{title}\"]", index + 1);
        for check in round {
            let _ = writeln!(out, "    {}", node(check));
        }
        out.push_str("  end\n");
    }
    for check in &playbook.checks {
        edges(&mut out, check, playbook);
    }
    causes(&mut out, playbook);
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

fn edges(out: &mut String, check: &Check, playbook: &Playbook) {
    let to = name(&check.id);
    for lower in &check.after {
        let _ = writeln!(out, "  {} --> {to}", name(lower));
    }
    for other in waits_for(check, playbook).iter().filter(|other| !check.after.contains(other)) {
        let _ = writeln!(out, "  {} -.-> {to}", name(other));
    }
    for other in &check.control_for {
        let _ = writeln!(out, "  {to} -. control .-> {}", name(other));
    }
}

/// One box for all causes that the same checks decide.
fn causes(out: &mut String, playbook: &Playbook) {
    let mut groups: BTreeMap<Vec<&str>, Vec<&Cause>> = BTreeMap::new();
    for cause in &playbook.causes {
        let mut checks = Vec::new();
        cause.when.wanted_checks(&mut checks);
        checks.retain(|check| playbook.check(check).is_some());
        checks.sort_unstable();
        checks.dedup();
        groups.entry(checks).or_default().push(cause);
    }
    for (index, (checks, causes)) in groups.iter().enumerate() {
        let mut lines: Vec<String> = causes.iter().take(CAUSES_NAMED).map(|cause| cause.id.clone()).collect();
        if causes.len() > CAUSES_NAMED {
            lines.push(format!("and {} more", causes.len() - CAUSES_NAMED));
        }
        let _ = writeln!(out, "  causes_{index}([\"{}\"])", lines.join("<br/>"));
        for check in checks {
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
    use crate::playbook::{builtin, parse};

    #[test]
    fn shows_goal_question_trail_and_causes() {
        let text = "schema = 1\nid = 'x'\ntitle = 'a \"b\" <c>'\n\
            [[check]]\nid = 'end'\nprobe = 'link'\n\
            [[check]]\nid = 'page'\nprobe = 'http'\nurl = 'http://a.test'\ngoal = true\nafter = ['end']\n\
            [[check]]\nid = 'sure'\nprobe = 'ask'\nquestion = '?'\nwhen = [{ check = 'page', outcome = 'problem' }]\n\
            [[cause]]\nid = 'unplugged'\nlayer = 'link'\ntitle = 't'\nplain = 'p'\n\
            when = [{ check = 'end', code = 'link.no_carrier' }]\n";
        let drawn = mermaid(&parse("x", text, &|_| None).unwrap());
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
