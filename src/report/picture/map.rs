//! The map of the way: this machine, its gateway, resolver and proxy, the target, with the break marked. Wide pages get a
//! drawing, narrow ones the same as a list; both come from one tree.

use super::View;
use super::mark::Mark;
use super::places::{Kind, Place, places};
use crate::diagnosis::verdict::Status;
use crate::layer::Layer;
use crate::ui::shorten;
use maud::{Markup, html};

/// Width of the drawing, in its own units: what a page of paper has room for.
const WIDTH: u32 = 760;
const BOX_HEIGHT: u32 = 62;
const ROW_HEIGHT: u32 = 84;
/// Units that a letter of the names takes, on average.
const LETTER: u32 = 9;

/// A place with what lies behind it.
struct Spot {
    kind: &'static str,
    name: String,
    detail: String,
    mark: Mark,
    /// How it stands, in words.
    word: &'static str,
    /// The way that leads here.
    way: Mark,
    /// The interface by which this machine sends there.
    interface: Option<String>,
    /// The verdict blames the place itself.
    blamed: bool,
    /// The verdict blames the way here.
    way_blamed: bool,
    behind: Vec<Spot>,
}

pub(super) fn draw(view: &View) -> Option<Markup> {
    let places = places(&view.packet);
    if places.is_empty() {
        return None;
    }
    let tree = tree(view, &places);
    let break_words = broken(&tree);
    Some(html! {
        @if let Some(words) = &break_words { p.lead { (words) } }
        figure.map {
            (drawing(&tree, break_words.as_deref().unwrap_or("The way is not broken.")))
            ul.way { (listed(&tree)) }
        }
    })
}

/// Arranges the places: gateways behind this machine, the rest behind the gateway that leads there, or beside it.
fn tree(view: &View, places: &[Place<'_>]) -> Spot {
    let blame = Blame::of(view, places);
    let far = |kinds: &[Kind]| places.iter().filter(|place| kinds.contains(&place.kind)).collect::<Vec<_>>();
    let proxies = far(&[Kind::Proxy]);
    let target = far(&[Kind::Target]);
    let gateways = far(&[Kind::Gateway]);
    let first_gateway = gateways.first().map(|place| place.name.clone());
    let gateway_of = |place: &Place<'_>| match place.leads(|via| &via.gateway) {
        Some(gateway) => Some(gateway.to_owned()),
        // Nothing was sent there yet: it would go the usual way.
        None if place.leads(|via| &via.interface).is_none() => first_gateway.clone(),
        None => None,
    };
    let spot = |place: &Place<'_>| spot(place, &blame);
    let mut ends: Vec<(Option<String>, Spot)> = Vec::new();
    for place in far(&[Kind::Resolver]).into_iter().chain(proxies) {
        let mut own = spot(place);
        if place.kind == Kind::Proxy {
            let mine = target.iter().filter(|target| target.proxy == Some(&place.name));
            own.behind = mine.map(|target| Spot { interface: None, ..spot(target) }).collect();
        }
        ends.push((gateway_of(place), own));
    }
    let direct = target.iter().filter(|target| target.proxy.is_none()).copied();
    ends.extend(direct.chain(far(&[Kind::Elsewhere])).map(|place| (gateway_of(place), spot(place))));
    let mut near: Vec<Spot> = Vec::new();
    for gateway in gateways {
        let mut own = spot(gateway);
        let (behind, others) =
            ends.into_iter().partition::<Vec<_>, _>(|(by, _)| by.as_deref() == Some(gateway.name.as_str()));
        own.behind = behind.into_iter().map(|(_, spot)| Spot { interface: None, ..spot }).collect();
        ends = others;
        near.push(own);
    }
    near.extend(ends.into_iter().map(|(_, spot)| spot));
    this_machine(view, &blame, near)
}

fn this_machine(view: &View, blame: &Blame, behind: Vec<Spot>) -> Spot {
    let source = view.looked().filter_map(|seen| seen.via.source.as_deref());
    let source = source.filter(|source| !source.starts_with("127.") && *source != "::1").take(1).collect();
    let blamed = blame.place == Break::Machine;
    let mark = if blamed { blame.mark } else { Mark::Good };
    Spot {
        kind: "this machine",
        name: view.packet.host.name.clone(),
        detail: source,
        mark,
        word: word(mark, blamed),
        way: Mark::Good,
        interface: None,
        blamed,
        way_blamed: false,
        behind,
    }
}

fn spot(place: &Place<'_>, blame: &Blame) -> Spot {
    let (blamed, way_blamed) = (blame.is_at(place), blame.is_before(place));
    let mark = if blamed { blame.mark } else { place.mark() };
    Spot {
        kind: place.kind.word(),
        name: place.name.split_once("://").map_or(place.name.as_str(), |(_, host)| host).to_owned(),
        detail: place.detail.clone(),
        mark,
        word: word(mark, blamed),
        way: if way_blamed { blame.mark } else { place.way() },
        interface: place.leads(|via| &via.interface).map(str::to_owned),
        blamed,
        way_blamed,
        behind: Vec::new(),
    }
}

fn word(mark: Mark, blamed: bool) -> &'static str {
    match mark {
        Mark::Impaired if blamed => "the trouble is here",
        _ if blamed => "it breaks here",
        Mark::Good => "works",
        Mark::Bad => "does not work",
        Mark::Impaired => "works in part",
        Mark::Doubt => "not known",
        Mark::Idle => "not proven",
    }
}

/// What the verdict blames, and how badly.
struct Blame {
    place: Break,
    mark: Mark,
}

/// Where the verdict puts the break.
#[derive(Debug, PartialEq, Eq)]
enum Break {
    Nowhere,
    Machine,
    /// A place of this name.
    At(Kind, String),
    /// The way to places of this name.
    Before(Kind, String),
}

impl Blame {
    fn of(view: &View, places: &[Place<'_>]) -> Blame {
        let mark = if view.content.status == Status::Fault { Mark::Bad } else { Mark::Impaired };
        let layer = view.packet.verdict.layer.filter(|_| view.blames());
        let place = layer.map_or(Break::Nowhere, |layer| Break::of(layer, view, places));
        Blame { place, mark }
    }

    fn is_at(&self, place: &Place<'_>) -> bool {
        matches!(&self.place, Break::At(kind, name) if *kind == place.kind && *name == place.name)
    }

    fn is_before(&self, place: &Place<'_>) -> bool {
        matches!(&self.place, Break::Before(kind, name) if *kind == place.kind && *name == place.name)
    }
}

impl Break {
    fn of(layer: Layer, view: &View, places: &[Place<'_>]) -> Break {
        let verdict = &view.packet.verdict;
        let culprit = verdict.culprit.as_deref().unwrap_or_default();
        // The one that the verdict names, else the worst one.
        let one = |kind: Kind| {
            let of_kind = || places.iter().filter(move |place| place.kind == kind);
            let named = of_kind().find(|place| culprit.contains(place.name.as_str()));
            let rank = |place: &&Place<'_>| match place.mark() {
                Mark::Bad => 0,
                Mark::Impaired | Mark::Doubt => 1,
                Mark::Idle => 2,
                Mark::Good => 3,
            };
            named.or_else(|| of_kind().min_by_key(rank)).map(|place| place.name.clone())
        };
        let at = |kind: Kind| one(kind).map(|name| Break::At(kind, name));
        let before = |kind: Kind| one(kind).map(|name| Break::Before(kind, name));
        let is_here = |kind: Kind| one(kind).is_some_and(|name| name.starts_with("127.") || name == "localhost");
        let found = match layer {
            Layer::Link => before(Kind::Gateway).or_else(|| before(Kind::Target)),
            Layer::Route => at(Kind::Gateway),
            Layer::Path => before(Kind::Target).or_else(|| before(Kind::Elsewhere)),
            Layer::Dns => at(Kind::Resolver),
            Layer::Proxy => at(Kind::Proxy),
            Layer::Transport | Layer::Tls | Layer::Http | Layer::Application => at(Kind::Target),
            Layer::Process if is_here(Kind::Target) => at(Kind::Target),
            Layer::Ip | Layer::Vpn | Layer::Process | Layer::Host => None,
        };
        found.unwrap_or(Break::Machine)
    }
}

/// Where it breaks, in a sentence.
fn broken(spot: &Spot) -> Option<String> {
    let words = |mark: Mark| if mark == Mark::Bad { "It breaks" } else { "The trouble is" };
    if spot.blamed {
        return Some(format!("{} at {} ({}).", words(spot.mark), spot.name, spot.kind));
    }
    for next in &spot.behind {
        if next.way_blamed {
            let words = words(next.way);
            return Some(format!("{words} between {} and {} ({}).", spot.name, next.name, next.kind));
        }
        if let Some(words) = broken(next) {
            return Some(words);
        }
    }
    None
}

/// The same as a list: for narrow pages.
fn listed(spot: &Spot) -> Markup {
    html! {
        li {
            @if spot.way_blamed { p class={ "gap " (spot.way.class()) } { (spot.way.sign()) "on the way to this:" } }
            p.spot {
                (spot.mark.sign()) span.kind { (spot.kind) } " " strong { (spot.name) }
                @if !spot.detail.is_empty() { " " span.id { (spot.detail) } }
                " " span.word { "(" (spot.word) ")" }
            }
            @if !spot.behind.is_empty() { ul { @for next in &spot.behind { (listed(next)) } } }
        }
    }
}

/// Where boxes stand.
struct Grid {
    box_width: u32,
    step: u32,
}

impl Grid {
    fn of(columns: u32) -> Grid {
        let box_width = if columns > 3 { 158 } else { 196 };
        let step = if columns > 1 { (WIDTH - box_width - 4) / (columns - 1) } else { 0 };
        Grid { box_width, step }
    }

    fn left(&self, column: u32) -> u32 {
        2 + column * self.step
    }
}

fn drawing(tree: &Spot, about: &str) -> Markup {
    let grid = Grid::of(columns(tree));
    let mut row = 0;
    let mut ways = Vec::new();
    let mut boxes = Vec::new();
    lay_out(tree, 0, &grid, &mut row, &mut ways, &mut boxes);
    let height = row * ROW_HEIGHT - (ROW_HEIGHT - BOX_HEIGHT) + 16;
    html! {
        svg.drawing viewBox=(format!("0 0 {WIDTH} {height}")) role="img" aria-labelledby="map-name map-about" {
            title id="map-name" { "Map of the way" }
            desc id="map-about" { (about) " " (told(tree)) }
            @for way in &ways { (way) }
            @for spot in &boxes { (spot) }
        }
    }
}

/// The whole tree in words, for those who do not see it.
fn told(spot: &Spot) -> String {
    let behind: Vec<String> = spot.behind.iter().map(told).collect();
    let own = format!("{} {}: {}", spot.kind, spot.name, spot.word);
    if behind.is_empty() { format!("{own}.") } else { format!("{own}. Behind it: {}", behind.join(" ")) }
}

fn columns(spot: &Spot) -> u32 {
    1 + spot.behind.iter().map(columns).max().unwrap_or(0)
}

/// Puts the boxes of a tree into rows, each beside the middle of what lies behind it, and returns its own middle.
fn lay_out(
    spot: &Spot,
    column: u32,
    grid: &Grid,
    row: &mut u32,
    ways: &mut Vec<Markup>,
    boxes: &mut Vec<Markup>,
) -> u32 {
    let middles: Vec<u32> = spot.behind.iter().map(|next| lay_out(next, column + 1, grid, row, ways, boxes)).collect();
    let middle = match (middles.first(), middles.last()) {
        (Some(first), Some(last)) => first.midpoint(*last),
        _ => {
            *row += 1;
            (*row - 1) * ROW_HEIGHT + BOX_HEIGHT / 2 + 8
        }
    };
    let from = grid.left(column) + grid.box_width;
    for (next, to) in spot.behind.iter().zip(&middles) {
        ways.push(way(next, (from, middle), (grid.left(column + 1), *to)));
    }
    boxes.push(boxed(spot, grid.left(column), middle - BOX_HEIGHT / 2, grid.box_width));
    middle
}

/// A curve from box to box; broken where the verdict says so.
fn way(spot: &Spot, (x1, y1): (u32, u32), (x2, y2): (u32, u32)) -> Markup {
    let bend = x1.midpoint(x2);
    let curve = format!("M{x1} {y1}C{bend} {y1} {bend} {y2} {x2} {y2}");
    html! {
        path class={ "edge " (spot.way.class()) } d=(curve) {}
        @if let Some(interface) = &spot.interface {
            text.interface x=(x2 - 8) y=(y2 - 8) text-anchor="end" { (shorten(interface, 10)) }
        }
        @if spot.way_blamed { (spot.way.sign_at(bend, y1.midpoint(y2))) }
    }
}

fn boxed(spot: &Spot, x: u32, y: u32, width: u32) -> Markup {
    let letters = |per_letter: u32| ((width - 24) / per_letter) as usize;
    let class = if spot.blamed { "box blamed" } else { "box" };
    html! {
        g class={ (class) " " (spot.mark.class()) } {
            title { (spot.name) " " (spot.detail) }
            rect x=(x) y=(y) width=(width) height=(BOX_HEIGHT) rx="8" {}
            text.kind x=(x + 14) y=(y + 19) { (spot.kind) }
            text.name x=(x + 14) y=(y + 37) { (shorten(&spot.name, letters(LETTER))) }
            text.detail x=(x + 14) y=(y + 53) {
                @if spot.detail.is_empty() { (spot.word) } @else { (shorten(&spot.detail, letters(LETTER - 2))) }
            }
            (spot.mark.sign_at(x + width - 16, y + 16))
        }
    }
}
