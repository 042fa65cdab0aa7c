//! A playbook as one SVG that needs nothing else: checks in columns by what they come after, and the causes at the right,
//! each with the checks that tell it. It has no scripts and loads nothing; it is light or dark as its reader's screen is.
//! Every box and cause carries its whole text as a title, for screen readers and for whoever points at it.

use super::layout::{Layout, arrange};
use super::{Graph, Join, Line, readable};
use crate::layer::Layer;
use crate::playbook::{Cause, Check, Playbook};
use crate::probe::Cost;
use crate::ui::{shorten, wrap};
use maud::{Markup, PreEscaped, html};

const STYLE: &str = include_str!("svg.css");

// Lengths in pixels at the picture's own size.

const MARGIN: f64 = 24.0;
/// Where the boxes begin: below the title and the legend.
const TOP: f64 = 104.0;
/// Of one kind of line in the legend, with its words.
const JOIN_WIDTH: f64 = 240.0;
/// Where the costs follow: the last kind of line has few words.
const COSTS_BEGIN: f64 = MARGIN + 3.0 * JOIN_WIDTH - 100.0;
/// Of one cost in the legend, with its word.
const COST_WIDTH: f64 = 84.0;
const COSTS: [Cost; 4] = [Cost::Local, Cost::Network, Cost::Slow, Cost::Person];
/// No picture is narrower than its legend.
const LEAST_WIDTH: f64 = COSTS_BEGIN + COSTS.len() as f64 * COST_WIDTH;
const BOX_WIDTH: f64 = 176.0;
/// Between two columns of boxes, where the lines run.
const LINES_WIDTH: f64 = 40.0;
const LINE_HEIGHT: f64 = 15.0;
const PADDING: f64 = 9.0;
const CAUSE_WIDTH: f64 = 330.0;
const CAUSE_HEIGHT: f64 = 38.0;
const HEADING_HEIGHT: f64 = 30.0;

// How many characters fit: 11 pixels of a common sans-serif are 5.7 wide on average, and 7.2 in 12 pixels of bold.

const BOX_CHARACTERS: usize = 25;
const BOX_NAME_CHARACTERS: usize = 21;
/// In a box with round ends, whose text begins further in and ends earlier.
const ROUND_BOX_CHARACTERS: usize = 20;
const CAUSE_CHARACTERS: usize = 51;

/// A list of causes that is longer than this, and than the boxes are high, stands beneath them in several columns.
const LONGEST_LIST: f64 = 700.0;

/// The whole playbook as an SVG.
pub fn svg(playbook: &Playbook) -> String {
    let graph = Graph::of(playbook);
    let checks: Vec<&Check> = graph.rounds.iter().flatten().copied().collect();
    let lines = essential(&graph, &checks);
    let texts: Vec<Vec<String>> = checks.iter().map(|check| texts(check)).collect();
    let heights: Vec<f64> = texts.iter().map(|lines| lines.len() as f64 * LINE_HEIGHT + 2.0 * PADDING).collect();
    let ends: Vec<(usize, usize)> = lines.iter().map(|(from, to, _)| (*from, *to)).collect();
    let layout = arrange(&heights, &ends);
    let columns = layout.columns.iter().max().map_or(0, |last| last + 1);
    let boxes_right = left(columns) - LINES_WIDTH;
    let rows = rows(&graph);
    // Few causes stand at the right; many would make the picture high and wide, and stand beneath.
    let are_few = rows.iter().map(Row::height).sum::<f64>() <= LONGEST_LIST.max(layout.height);
    let (x, y, many) = match are_few {
        true => (boxes_right + LINES_WIDTH + MARGIN, TOP, 1),
        false => {
            (MARGIN, TOP + layout.height + MARGIN, ((boxes_right.max(LEAST_WIDTH) - MARGIN) / CAUSE_WIDTH) as usize)
        }
    };
    let causes = in_columns(rows, many);
    let causes_height = causes.iter().map(|rows| rows.iter().map(Row::height).sum()).fold(0.0, f64::max);
    let width = rounded(boxes_right.max(x + causes.len() as f64 * CAUSE_WIDTH).max(LEAST_WIDTH) + MARGIN);
    let height = rounded((TOP + layout.height).max(y + causes_height) + MARGIN);
    let drawn = html! {
        svg xmlns="http://www.w3.org/2000/svg" width=(width) height=(height) viewBox={ "0 0 " (width) " " (height) }
            role="graphics-document" aria-labelledby="title" aria-describedby="about" {
            title id="title" { (playbook.title) }
            desc id="about" { (about(&graph)) }
            style { (PreEscaped(STYLE)) }
            rect.page width=(width) height=(height) {}
            text.h x=(MARGIN) y="38" { (playbook.title) }
            text.f x=(MARGIN) y="58" { (about(&graph)) }
            (legend())
            @for (line, lanes) in lines.iter().zip(&layout.lanes) { (way(*line, lanes, &layout)) }
            @for (index, check) in checks.iter().enumerate() {
                (boxed(check, &graph, &texts[index], left(layout.columns[index]), TOP + layout.middles[index] - heights[index] / 2.0, heights[index]))
            }
            @for (column, rows) in causes.iter().enumerate() {
                (listed(rows, x + column as f64 * CAUSE_WIDTH, y))
            }
        }
    };
    let mut text = drawn.into_string();
    text.push('\n');
    text
}

/// The left edge of a column of boxes.
fn left(column: usize) -> f64 {
    MARGIN + column as f64 * (BOX_WIDTH + LINES_WIDTH)
}

fn about(graph: &Graph<'_>) -> String {
    let goals: Vec<&str> = graph.playbook.goals().map(|check| check.id.as_str()).collect();
    let complaint = match goals[..] {
        [] => "each check is a complaint of its own".to_owned(),
        _ => format!("the complaint itself: {}", goals.join(", ")),
    };
    let (checks, causes) = (graph.playbook.checks.len(), graph.causes.len());
    format!("Playbook {}: {checks} checks, {causes} causes; {complaint}", graph.playbook.id)
}

/// What the marks mean, in one row.
fn legend() -> Markup {
    let joins = [Join::Stands, Join::Repeats, Join::Waits];
    html! {
        @for (index, join) in joins.into_iter().enumerate() {
            @let x = MARGIN + index as f64 * JOIN_WIDTH;
            path class=(class(join)) d={ "M" (x) " 78h36" } {}
            text.f x=(x + 42.0) y="82" { (said(join)) }
        }
        @for (index, cost) in COSTS.into_iter().enumerate() {
            @let x = COSTS_BEGIN + index as f64 * COST_WIDTH;
            rect class=(word(cost)) x=(x) y="71" width="5" height="14" {}
            text.f x=(x + 11.0) y="82" { (word(cost)) }
        }
    }
}

fn class(join: Join) -> &'static str {
    match join {
        Join::Stands => "stands",
        Join::Repeats => "repeats",
        Join::Waits => "waits",
    }
}

fn said(join: Join) -> &'static str {
    match join {
        Join::Stands => "must work first",
        Join::Repeats => "repeated with one thing swapped",
        Join::Waits => "waited for",
    }
}

fn word(cost: Cost) -> &'static str {
    match cost {
        Cost::Local => "local",
        Cost::Network => "network",
        Cost::Slow => "slow",
        Cost::Person => "person",
    }
}

/// The lines that are drawn, by the places of their ends: what a check stands on and repeats, and what it waits for where
/// it does neither. What follows from other lines is left out.
fn essential(graph: &Graph<'_>, checks: &[&Check]) -> Vec<(usize, usize, Join)> {
    let place = |id: &str| checks.iter().position(|check| check.id == id);
    let only_waits =
        |line: &Line<'_>| !graph.lines.iter().any(|other| other.to == line.to && other.join != Join::Waits);
    let lines: Vec<(usize, usize, Join)> = graph
        .lines
        .iter()
        .filter(|line| line.join != Join::Waits || only_waits(line))
        .filter_map(|line| Some((place(line.from)?, place(line.to)?, line.join)))
        .collect();
    let implied = |line: &(usize, usize, Join)| {
        let &(from, to, join) = line;
        let next = |at: usize| lines.iter().filter(move |other| other.0 == at && other.2 != Join::Repeats);
        let mut seen = vec![false; checks.len()];
        let mut open: Vec<usize> = next(from).map(|other| other.1).filter(|other| *other != to).collect();
        while let Some(at) = open.pop() {
            if !std::mem::replace(&mut seen[at], true) {
                open.extend(next(at).map(|other| other.1));
            }
        }
        join != Join::Repeats && seen[to]
    };
    lines.iter().filter(|line| !implied(line)).copied().collect()
}

/// What stands in a box: name, title, and what it costs.
fn texts(check: &Check) -> Vec<String> {
    let fits = if check.cost == Cost::Person { ROUND_BOX_CHARACTERS } else { BOX_CHARACTERS };
    let mut lines = vec![shorten(&check.id, BOX_NAME_CHARACTERS.min(fits)).into_owned()];
    let wrapped = wrap(title(check), fits);
    lines.extend(wrapped.iter().take(1).map(|line| shorten(line, fits).into_owned()));
    if wrapped.len() > 1 {
        lines.push(shorten(&wrapped[1..].join(" "), fits).into_owned());
    }
    let goal = if check.goal { ", the complaint" } else { "" };
    lines.push(shorten(&format!("{}{goal}", check.probe), fits).into_owned());
    lines
}

/// What it is for: its title, or the question that it asks.
fn title(check: &Check) -> &str {
    let question = || check.args.get("question").and_then(|question| question.as_str());
    check.title.as_deref().or_else(question).unwrap_or_default()
}

fn boxed(check: &Check, graph: &Graph<'_>, lines: &[String], x: f64, y: f64, height: f64) -> Markup {
    let y = rounded(y);
    let corner = if check.cost == Cost::Person { height / 2.0 } else { 4.0 };
    let goal = check.goal.then_some("goal");
    let last = lines.len() - 1;
    // A box with round ends keeps its mark away from the curve.
    let inset = if check.cost == Cost::Person { 14.0 } else { 0.0 };
    html! {
        g {
            title { (whole(check, graph)) }
            rect.box.(goal.unwrap_or("plain")) x=(x) y=(y) width=(BOX_WIDTH) height=(height) rx=(corner) {}
            rect class=(word(check.cost)) x=(x + inset + 3.0) y=(y + PADDING) width="5" height=(height - 2.0 * PADDING) {}
            @for (index, line) in lines.iter().enumerate() {
                text class=[text_class(index, last)] x=(x + inset + 14.0) y=(y + PADDING + 11.0 + index as f64 * LINE_HEIGHT) { (line) }
            }
        }
    }
}

/// The name is bold, the last line faint.
fn text_class(index: usize, last: usize) -> Option<&'static str> {
    match index {
        0 => Some("b"),
        _ if index == last => Some("f"),
        _ => None,
    }
}

/// Everything about a check in one sentence.
fn whole(check: &Check, graph: &Graph<'_>) -> String {
    let mut parts = vec![check.id.clone()];
    parts.extend(Some(title(check)).filter(|title| !title.is_empty()).map(str::to_owned));
    parts.push(format!("probe {}, layer {}, {}", check.probe, check.layer, word(check.cost)));
    parts.extend(check.goal.then(|| "the complaint itself".to_owned()));
    let joined = [
        ("after", graph.before(&check.id, Join::Stands)),
        ("repeats", graph.before(&check.id, Join::Repeats)),
        ("waits for", graph.before(&check.id, Join::Waits)),
        ("may affect", check.may_affect.iter().map(String::as_str).collect()),
    ];
    parts.extend(
        joined.iter().filter(|(_, ids)| !ids.is_empty()).map(|(word, ids)| format!("{word} {}", ids.join(", "))),
    );
    parts.join("; ")
}

/// A line from the right of a box, through its lanes, to the left of another.
fn way(line: (usize, usize, Join), lanes: &[f64], layout: &Layout) -> Markup {
    let (from, to, join) = line;
    let mut at = (left(layout.columns[from]) + BOX_WIDTH, TOP + layout.middles[from]);
    let mut d = format!("M{} {}", at.0, rounded(at.1));
    for (index, lane) in lanes.iter().chain([&layout.middles[to]]).enumerate() {
        let x = left(layout.columns[from] + 1 + index);
        let (x, y) = if index == lanes.len() { (left(layout.columns[to]), TOP + lane) } else { (x, TOP + lane) };
        let half = (x - at.0) / 2.0;
        d.push_str(&format!("C{} {} {} {y} {x} {y}", at.0 + half, rounded(at.1), x - half, y = rounded(y)));
        at = (x, y);
        if index < lanes.len() {
            d.push_str(&format!("h{BOX_WIDTH}"));
            at.0 += BOX_WIDTH;
        }
    }
    html! { path class=(class(join)) d=(d) {} }
}

/// Whole pixels are enough, and keep the file small.
fn rounded(length: f64) -> f64 {
    length.round()
}

/// A row of the list of causes.
enum Row<'a> {
    Heading(Layer, usize),
    Cause(&'a Cause, &'a [&'a str]),
}

impl Row<'_> {
    fn height(&self) -> f64 {
        match self {
            Row::Heading(..) => HEADING_HEIGHT,
            Row::Cause(..) => CAUSE_HEIGHT,
        }
    }
}

/// The causes by layer, each layer with a heading.
fn rows<'a>(graph: &'a Graph<'a>) -> Vec<Row<'a>> {
    let mut rows = Vec::new();
    for layer in Layer::ALL {
        let of_layer: Vec<_> = graph.causes.iter().filter(|(cause, _)| cause.layer == layer).collect();
        if !of_layer.is_empty() {
            rows.push(Row::Heading(layer, of_layer.len()));
            rows.extend(of_layer.into_iter().map(|(cause, checks)| Row::Cause(cause, checks)));
        }
    }
    rows
}

/// The rows in so many columns of about the same height. A heading goes to the next column rather than stand last in one.
fn in_columns(rows: Vec<Row<'_>>, many: usize) -> Vec<Vec<Row<'_>>> {
    let all: f64 = rows.iter().map(Row::height).sum();
    let limit = if many > 1 { all / many as f64 + HEADING_HEIGHT + CAUSE_HEIGHT } else { f64::INFINITY };
    let mut columns = vec![Vec::new()];
    let mut used = 0.0;
    for row in rows {
        let needed = if matches!(row, Row::Heading(..)) { HEADING_HEIGHT + CAUSE_HEIGHT } else { CAUSE_HEIGHT };
        if used + needed > limit {
            columns.push(Vec::new());
            used = 0.0;
        }
        used += row.height();
        if let Some(column) = columns.last_mut() {
            column.push(row);
        }
    }
    columns
}

/// Whether a line of a cause is shortened.
fn is_cut(line: &str) -> bool {
    line.chars().count() > CAUSE_CHARACTERS
}

fn listed(rows: &[Row<'_>], x: f64, top: f64) -> Markup {
    let mut y = top;
    let mut placed = Vec::with_capacity(rows.len());
    for row in rows {
        placed.push((y, row));
        y += row.height();
    }
    // One shift for the whole column, and not a place across for each of its hundreds of lines.
    html! {
        g transform=(format!("translate({x})")) {
            @for (y, row) in placed {
                @match row {
                    Row::Heading(layer, count) => {
                        text.b.f y=(rounded(y + 18.0)) { (layer) ", " (count) (if *count == 1 { " cause" } else { " causes" }) }
                    }
                    Row::Cause(cause, checks) => {
                        @let checks = checks.join(", ");
                        @let told = format!("{} \u{2190} {checks}", cause.id);
                        @let title = readable(&cause.title);
                        g {
                            // What is written in full needs no second look.
                            @if is_cut(&title) || is_cut(&told) {
                                title { (cause.id) ": " (title) @if is_cut(&told) { "; told by " (checks) } }
                            }
                            text y=(rounded(y + 12.0)) { (shorten(&title, CAUSE_CHARACTERS)) }
                            text.f y=(rounded(y + 26.0)) { (shorten(&told, CAUSE_CHARACTERS)) }
                        }
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::playbook::builtin;
    use crate::playbook::draw::tests::small;

    #[test]
    fn shows_everything_and_nothing_breaks_out() {
        let drawn = svg(&small());
        for part in [
            "<title id=\"title\">a &quot;b&quot; &lt;c&gt;</title>",
            ">page</text>",
            "t &lt;/svg&gt;&lt;script&gt;",
            "unplugged \u{2190} end",
            "class=\"repeats\"",
            "class=\"waits\"",
            "the complaint itself: page",
        ] {
            assert!(drawn.contains(part), "{part} is not in\n{drawn}");
        }
        assert!(!drawn.contains("<script"));
    }

    #[test]
    fn a_line_that_follows_from_others_is_left_out() {
        let playbook = small();
        let graph = Graph::of(&playbook);
        let checks: Vec<&Check> = playbook.checks.iter().collect();
        let lines = [("end", "page"), ("page", "sure"), ("end", "sure")];
        let lines = lines.into_iter().map(|(from, to)| Line { from, to, join: Join::Stands }).collect();
        let graph = Graph { lines, ..graph };
        assert_eq!(essential(&graph, &checks), [(0, 1, Join::Stands), (1, 2, Join::Stands)]);
    }

    #[test]
    fn every_built_in_playbook_fits_into_its_picture() {
        for (id, _) in builtin::BUILTIN {
            let playbook = builtin::playbook(id).unwrap().unwrap();
            let drawn = svg(&playbook);
            assert_eq!(drawn.matches("<rect class=\"box").count(), playbook.checks.len(), "{id}");
            assert!(drawn.len() < 100_000, "{id}: {} bytes", drawn.len());
            for cause in &playbook.causes {
                let shown = format!(">{} \u{2190}", cause.id);
                assert!(
                    drawn.contains(&shown) || drawn.contains(&format!("<title>{}: ", cause.id)),
                    "{id}: {}",
                    cause.id
                );
            }
        }
    }
}
