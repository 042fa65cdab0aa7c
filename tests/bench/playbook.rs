//! How long the language takes: looking for mistakes in the whole library, reading one built-in playbook as every run
//! does, and planning a playbook far larger than anybody writes. It fails where a limit is passed.
//!
//!     cargo bench --bench playbook

#[path = "../fixtures/clock.rs"]
mod clock;

use clock::Clock;
use firstline::cli::{RunFlags, What};
use firstline::diagnosis::evidence::Evidence;
use firstline::diagnosis::graph::Graph;
use firstline::diagnosis::suspects::Reach;
use firstline::playbook::builtin::{self, BUILTIN};
use firstline::playbook::order::rounds;
use firstline::playbook::{Playbook, matching, parse};
use firstline::request::Request;
use firstline::run::plan::{Progress, next};
use firstline::settings::Settings;
use std::collections::{BTreeSet, HashSet};
use std::fmt::Write;
use std::hint::black_box;
use std::process::ExitCode;
use std::rc::Rc;
use std::time::{Duration, Instant};

/// Rounds of each; the first is thrown away.
const ROUNDS: usize = 20;
/// What one round takes at least.
const BATCH: Duration = Duration::from_millis(50);

/// The large playbook: issue 4 asks for these.
const CAUSES: usize = 200;
const CHECKS: usize = 100;

/// The library is read by editors and gates while somebody waits.
const LIBRARY: Duration = Duration::from_millis(50);
/// Planning stands before the first packet of every run.
const PLAN: Duration = Duration::from_millis(5);

/// Ladders of ten checks beneath one goal, every other one with a template and a condition.
fn large() -> String {
    let mut text = "schema = 1\nid = \"large\"\ntitle = \"Large\"\nsays = [\"large\"]\n\
        [inputs.target]\nkind = \"target\"\nask = \"Which?\"\n"
        .to_owned();
    let mut add = |part: std::fmt::Arguments<'_>| text.write_fmt(part).expect("a text takes everything");
    for number in 0..CHECKS - 1 {
        add(format_args!("[[check]]\nid = \"check-{number}\"\nprobe = \"lookup\"\nname = \"{{{{ target.host }}}}\"\n"));
        if number % 10 > 0 {
            let lower = number - 1;
            add(format_args!("after = [\"check-{lower}\"]\n"));
        }
        if number % 2 == 1 {
            add(format_args!("when = [{{ check = \"check-{}\", outcome = \"ok\" }}]\n", number - 1));
        }
    }
    let tops: Vec<String> =
        (0..CHECKS - 1).filter(|number| number % 10 == 9).map(|it| format!("\"check-{it}\"")).collect();
    add(format_args!(
        "[[check]]\nid = \"page\"\nprobe = \"http\"\nurl = \"{{{{ target.url }}}}\"\ngoal = true\nafter = [{}]\n",
        tops.join(", ")
    ));
    for number in 0..CAUSES {
        let of = number % (CHECKS - 1);
        let code = ["dns.lookup_failed", "dns.lookup_timeout"][number / (CHECKS - 1) % 2];
        let other = (of + 7) % (CHECKS - 1);
        add(format_args!(
            "[[cause]]\nid = \"cause-{number}\"\nlayer = \"dns\"\ntitle = \"Cause {number}\"\nplain = \"Wrong.\"\n\
             verify = \"page\"\nwhen = [{{ check = \"check-{of}\", code = \"{code}\" }}, \
             {{ none = [{{ check = \"check-{other}\", outcome = \"problem\" }}] }}]\n"
        ));
    }
    text
}

fn request(playbook: Playbook) -> Request {
    let what =
        What { playbook: playbook.id.clone(), target: Some("https://intranet.example".to_owned()), words: Vec::new() };
    Request::build(playbook, &what, &RunFlags::default(), Settings::default(), &|_| None).expect("it lacks nothing")
}

/// Everything between a playbook that was read and the start of its first checks.
fn plan(request: &Request) {
    black_box(rounds(&request.playbook));
    let graph = Rc::new(Graph::new(&request.playbook));
    let reach = Reach::new(&request.playbook, &graph);
    let nothing = HashSet::new();
    let evidence = Evidence::on(graph, &request.playbook, std::iter::empty(), Some(&nothing));
    let progress = Progress {
        started: &nothing,
        finished: &nothing,
        running: 0,
        questions_asked: 0,
        case: &request.case,
        settled: false,
        may_overrule: &BTreeSet::new(),
        account: None,
    };
    black_box(next(request, &evidence, &reach, &progress));
}

fn measure(what: &str, limit: Option<Duration>, mut work: impl FnMut()) -> bool {
    let once = Instant::now();
    work();
    // The system counts processor time in steps of some milliseconds, so what is short is done many times.
    let turns = (BATCH.as_nanos() / once.elapsed().as_nanos().max(1)).max(1) as u32;
    let mut times: Vec<Duration> = Vec::new();
    for _ in 0..ROUNDS {
        let start = Clock::start();
        (0..turns).for_each(|_| work());
        times.push(start.elapsed() / turns);
    }
    times.sort_unstable();
    let took = times[times.len() / 2];
    let passed = limit.is_none_or(|limit| took <= limit);
    let limit = limit.map_or("none".to_owned(), |limit| limit.as_millis().to_string());
    let verdict = if passed { "" } else { "  passed the limit" };
    println!("{what:<52} {:>9.3} {limit:>9}{verdict}", took.as_secs_f64() * 1e3);
    passed
}

fn main() -> ExitCode {
    let text = large();
    let playbook = parse("large.toml", &text, &|_| None).expect("the large playbook has no mistakes");
    assert_eq!((playbook.causes.len(), playbook.checks.len()), (CAUSES, CHECKS));
    let request = request(playbook);
    println!("{:<52} {:>9} {:>9}", "what", "median ms", "limit ms");
    let mut good = measure("mistakes of the whole library", Some(LIBRARY), || {
        for (id, _) in BUILTIN {
            black_box(builtin::lint(id));
        }
    });
    good &= measure("planning 200 causes and 100 checks", Some(PLAN), || plan(&request));
    measure("mistakes of one playbook, as an editor asks for them", None, || {
        black_box(builtin::lint("one-site-fails"));
    });
    measure("reading one built-in playbook, as each run does", None, || {
        black_box(builtin::without_tests("one-site-fails").map(|read| read.is_ok()));
    });
    measure("finding a playbook by the user's words", None, || {
        black_box(matching::best("the crm is down", &matching::headings()).is_ok());
    });
    measure("reading and checking 200 causes and 100 checks", None, || {
        black_box(parse("large.toml", &text, &|_| None).is_ok());
    });
    if good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
