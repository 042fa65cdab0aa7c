//! A playbook as a graph: what is looked at, what stands on what, what repeats what, and which causes are told by which
//! checks. The text of `playbook show`, its Mermaid and its SVG are all drawn from this one structure.

mod layout;
mod mermaid;
mod svg;

pub use mermaid::mermaid;
pub use svg::svg;

use super::order::{rounds, waits_for};
use super::{Cause, Check, Playbook};
use crate::diagnosis::evidence::is_told;

/// What joins two checks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Join {
    /// The second cannot work unless the first does.
    Stands,
    /// The second repeats the first with one thing swapped.
    Repeats,
    /// The second waits for what the first says.
    Waits,
}

/// A line from one check to another that comes after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Line<'a> {
    pub from: &'a str,
    pub to: &'a str,
    pub join: Join,
}

/// A playbook, ready to be drawn.
#[derive(Debug)]
pub struct Graph<'a> {
    pub playbook: &'a Playbook,
    /// The checks by when they can be made; questions last.
    pub rounds: Vec<Vec<&'a Check>>,
    /// Every line, in the order of the checks that they lead to. What a check stands on it does not wait for as well.
    pub lines: Vec<Line<'a>>,
    /// Each cause with the checks that tell it, in the order of the alphabet.
    pub causes: Vec<(&'a Cause, Vec<&'a str>)>,
}

impl<'a> Graph<'a> {
    /// The graph of a playbook.
    pub fn of(playbook: &'a Playbook) -> Graph<'a> {
        let lines = playbook.checks.iter().flat_map(|check| lines_to(check, playbook)).collect();
        let causes = playbook.causes.iter().map(|cause| (cause, told_by(cause))).collect();
        Graph { playbook, rounds: rounds(playbook), lines, causes }
    }

    /// From which checks a check is reached in this way.
    pub fn before(&self, check: &str, join: Join) -> Vec<&'a str> {
        self.lines.iter().filter(|line| line.to == check && line.join == join).map(|line| line.from).collect()
    }
}

fn lines_to<'a>(check: &'a Check, playbook: &'a Playbook) -> Vec<Line<'a>> {
    let line = |from: &'a str, join| Line { from, to: &check.id, join };
    let waits = waits_for(check, playbook);
    let waits =
        playbook.checks.iter().map(|other| other.id.as_str()).filter(|other| waits.iter().any(|it| it == other));
    let mut lines: Vec<Line<'a>> = check.after.iter().map(|other| line(other, Join::Stands)).collect();
    lines.extend(waits.filter(|other| !check.after.iter().any(|it| it == other)).map(|other| line(other, Join::Waits)));
    lines.extend(check.control_for.iter().map(|other| line(other, Join::Repeats)));
    lines
}

fn told_by(cause: &Cause) -> Vec<&str> {
    let mut checks = Vec::new();
    cause.when.wanted_checks(&mut checks);
    checks.retain(|check| !is_told(check));
    checks.sort_unstable();
    checks.dedup();
    checks
}

/// A text with templates, for people: `{{ link.interface }}` reads `<interface>`.
pub fn readable(template: &str) -> String {
    let mut out = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once("{{") {
        let Some((inside, after)) = after.split_once("}}") else { break };
        // Of `a.b or c.d` and `a.b | filter` the first name tells enough.
        let name = inside.split_whitespace().next().unwrap_or_default();
        let name = name.rsplit('.').next().unwrap_or_default();
        out.push_str(&format!("{before}<{name}>"));
        rest = after;
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::playbook::parse;

    /// A goal on a check, a question, a control and a cause, with names that try to break out.
    pub fn small() -> Playbook {
        let text = "schema = 1\nid = 'x'\ntitle = 'a \"b\" <c>'\n\
            [[check]]\nid = 'end'\nprobe = 'link'\n\
            [[check]]\nid = 'page'\nprobe = 'http'\nurl = 'http://a.test'\ngoal = true\nafter = ['end']\n\
            [[check]]\nid = 'sure'\nprobe = 'ask'\nquestion = '?'\nwhen = [{ check = 'page', outcome = 'problem' }]\n\
            [[check]]\nid = 'other'\nprobe = 'http'\nurl = 'http://b.test'\ncontrol_for = ['page']\n\
            [[cause]]\nid = 'unplugged'\nlayer = 'link'\ntitle = 't </svg><script>'\nplain = 'p'\n\
            when = [{ check = 'end', code = 'link.no_carrier' }]\n";
        parse("x", text, &|_| None).unwrap()
    }

    #[test]
    fn every_line_has_its_reason() {
        let playbook = small();
        let graph = Graph::of(&playbook);
        assert_eq!(graph.before("page", Join::Stands), ["end"]);
        assert_eq!(graph.before("sure", Join::Waits), ["page"]);
        assert_eq!(graph.before("other", Join::Repeats), ["page"]);
        assert_eq!(graph.causes[0].1, ["end"]);
        assert_eq!(graph.lines.len(), 3);
    }

    #[test]
    fn templates_read_as_placeholders() {
        let cases = [
            ("No carrier on {{ link.interface }}", "No carrier on <interface>"),
            ("{{ a.b or none }} and {{ target }}", "<b> and <target>"),
            ("plain {{ unclosed", "plain {{ unclosed"),
        ];
        for (template, expected) in cases {
            assert_eq!(readable(template), expected);
        }
    }
}
