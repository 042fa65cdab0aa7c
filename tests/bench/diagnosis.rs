//! How long the pure diagnosis takes: halving, choosing the next check, and judging, over worlds from a usual playbook
//! to one far larger than anybody writes. It fails where a limit of the table is passed, so it can stand in a gate.
//!
//!     cargo bench --bench diagnosis
//!
//! A plain program and no framework: what is wanted is one number for each world, the median of some dozen runs, beside
//! the number that it must not pass.

use firstline::diagnosis::evidence::Evidence;
use firstline::diagnosis::judge;
use firstline::diagnosis::suspects::{Reach, standing};
use firstline::layer::Layer;
use firstline::observation::{Certainty, Observation, Outcome, Via};
use firstline::packet::Case;
use firstline::playbook::condition::{Atom, Over, Test};
use firstline::playbook::{Cause, Check, Condition, Playbook, Prior};
use firstline::probe::Cost;
use firstline::problem::Code;
use serde_json::json;
use std::collections::HashSet;
use std::hint::black_box;
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// Runs of one world; the first is thrown away.
const ROUNDS: usize = 30;

/// How the checks of a world stand on each other.
#[derive(Clone, Copy, Debug)]
enum Shape {
    /// Each on the one before: the deepest graph.
    Chain,
    /// Ladders of eight beside each other, all beneath one goal: the usual one.
    Ladders,
    /// No goal and nothing beneath anything: `this-machine`.
    Flat,
}

/// What was seen in it.
#[derive(Clone, Copy, Debug)]
enum Seen {
    /// All works but the goal and one check beneath it.
    OneFault,
    /// Nothing works: the most to compare.
    AllBroken,
    /// All works.
    Healthy,
}

fn check(number: usize, size: usize, shape: Shape) -> Check {
    let goal = number + 1 == size && !matches!(shape, Shape::Flat);
    let after: Vec<usize> = match shape {
        Shape::Chain => number.checked_sub(1).into_iter().collect(),
        Shape::Ladders if goal => (0..number).filter(|lower| lower % 8 == 7 || lower + 1 == number).collect(),
        Shape::Ladders if number.is_multiple_of(8) => Vec::new(),
        Shape::Ladders => vec![number - 1],
        Shape::Flat => Vec::new(),
    };
    Check {
        id: id(number),
        probe: "tcp".to_owned(),
        layer: Layer::ALL[number * Layer::ALL.len() / size],
        cost: [Cost::Local, Cost::Network, Cost::Slow][number % 3],
        goal,
        after: after.into_iter().map(id).collect(),
        ..Check::default()
    }
}

fn id(number: usize) -> String {
    format!("check-{number}")
}

/// Several suspects for each check: its own code, the same with a fact, with another check, and with what was not seen.
fn cause(number: usize, checks: usize) -> Cause {
    const PRIORS: [Prior; 3] = [Prior::Rare, Prior::Occasional, Prior::Common];
    let of = number % checks;
    let atom = |check: usize, test: Test| Condition::Atom(Atom { check: id(check), over: Over::Any, test });
    let code = atom(of, Test::Code(Code::TcpTimeout));
    let more = match number / checks % 4 {
        0 => Vec::new(),
        1 => vec![atom(of, Test::Fact("port".to_owned(), firstline::playbook::condition::Compare::Is(json!(443))))],
        2 => vec![Condition::Any(vec![
            atom((of + 1) % checks, Test::Outcome(Outcome::Problem)),
            atom((of + 2) % checks, Test::Outcome(Outcome::Ok)),
        ])],
        _ => vec![Condition::None(vec![atom((of + 3) % checks, Test::Code(Code::TcpRefused))])],
    };
    Cause {
        id: format!("cause-{number}"),
        layer: Layer::ALL[of * Layer::ALL.len() / checks],
        prior: PRIORS[number % 3],
        title: format!("{{{{ check_{of}.address }}}} does not answer"),
        when: Condition::All(std::iter::once(code).chain(more).collect()),
        culprit: Some(format!("{{{{ check_{of}.address }}}}")),
        plain: "It does not answer.".to_owned(),
        technical: Some(format!("{{{{ check_{of}.address }}}} said nothing on port {{{{ check_{of}.port }}}}")),
        workaround: vec![format!("Ask for {{{{ check_{of}.address }}}}"), "Use another one".to_owned()],
        verify: Some(id(checks - 1)),
        ..Cause::default()
    }
}

fn observation(number: usize, check: &Check, broken: bool) -> Observation {
    let outcome = if broken { Outcome::Problem } else { Outcome::Ok };
    let summary = format!("{} is {outcome:?}", check.id);
    let address = format!("192.0.2.{}", number % 250);
    let mut seen = Observation::new("tcp", check.layer, &check.id, None, outcome, summary);
    if broken {
        seen.code = Some(Code::TcpTimeout);
        seen.certainty = Some(Certainty::Confirmed);
    }
    seen.facts.insert("address".to_owned(), json!(address));
    seen.facts.insert("port".to_owned(), json!(443));
    seen.facts.insert("attempts".to_owned(), json!([1.5, 2.5, 3.5]));
    seen.via = Via {
        interface: Some("eth0".to_owned()),
        family: Some("ipv4".to_owned()),
        peer: Some(format!("192.0.2.{}:{}", number % 250, number / 250)),
        ..Via::default()
    };
    seen
}

struct World {
    playbook: Playbook,
    observations: Vec<Observation>,
}

fn world(suspects: usize, checks: usize, shape: Shape, seen: Seen) -> World {
    let mut playbook = Playbook { id: "bench".to_owned(), ..Playbook::default() };
    playbook.checks = (0..checks).map(|number| check(number, checks, shape)).collect();
    playbook.causes = (0..suspects).map(|number| cause(number, checks)).collect();
    let broken = |number: usize| match seen {
        Seen::OneFault => number == checks / 2 || number + 1 == checks,
        Seen::AllBroken => true,
        Seen::Healthy => false,
    };
    let observations =
        playbook.checks.iter().enumerate().map(|(number, check)| observation(number, check, broken(number))).collect();
    World { playbook, observations }
}

/// One turn of a run: what still stands, which check is next, and what the verdict would be.
fn turn(world: &World) {
    let World { playbook, observations } = world;
    let half = observations.len() / 2;
    let finished: HashSet<String> = observations[..half].iter().map(|seen| seen.check.clone()).collect();
    let evidence = Evidence::new(playbook, &observations[..half], Some(&finished));
    let left: HashSet<usize> = standing(&evidence).into_iter().collect();
    let open: Vec<&str> =
        playbook.checks.iter().map(|check| check.id.as_str()).filter(|check| !finished.contains(*check)).collect();
    let reach = Reach::new(playbook, &evidence.graph);
    black_box(reach.best(playbook, &evidence.graph, &open, &left));
    black_box(judge(playbook, observations, &Case::default()));
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

fn main() -> ExitCode {
    const SIZES: [(usize, usize, Duration); 2] =
        [(40, 30, Duration::from_millis(1)), (10_000, 1_000, Duration::from_millis(100))];
    println!("suspects  checks  shape    seen          median ms  limit ms");
    let mut good = true;
    for (suspects, checks, limit) in SIZES {
        for shape in [Shape::Chain, Shape::Ladders, Shape::Flat] {
            for seen in [Seen::OneFault, Seen::AllBroken, Seen::Healthy] {
                let world = world(suspects, checks, shape, seen);
                turn(&world);
                let mut times = Vec::new();
                for _ in 0..ROUNDS {
                    let start = Instant::now();
                    turn(black_box(&world));
                    times.push(start.elapsed());
                }
                let took = median(times);
                let passed = took <= limit;
                good &= passed;
                println!(
                    "{suspects:>8}  {checks:>6}  {:<7}  {:<12}  {:>9.3}  {:>8}{}",
                    format!("{shape:?}"),
                    format!("{seen:?}"),
                    took.as_secs_f64() * 1e3,
                    limit.as_millis(),
                    if passed { "" } else { "  passed the limit" },
                );
            }
        }
    }
    if good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
