//! Promises of the diagnosis that hold for any stack: the search is a halving, a success proves its path, an unknown
//! never moves blame, and the order of the observations does not matter.

use firstline::diagnosis::elsewhere;
use firstline::diagnosis::evidence::Evidence;
use firstline::diagnosis::judge;
use firstline::diagnosis::open::Open;
use firstline::diagnosis::suspects::{Reach, standing};
use firstline::diagnosis::verdict::Status;
use firstline::layer::Layer;
use firstline::observation::{Certainty, Observation, Outcome, Via};
use firstline::packet::case::{Elsewhere, Scope};
use firstline::packet::{Case, Packet};
use firstline::playbook::condition::{Atom, Over, Test};
use firstline::playbook::testing;
use firstline::playbook::{self, Cause, Check, Condition, Playbook, Prior, builtin};
use firstline::probe::Cost;
use firstline::problem::{Class, Code};
use firstline::settings::Settings;
use proptest::prelude::*;
use std::collections::HashSet;
use std::sync::LazyLock;

/// A problem that a success above it disproves, seen without waiting.
const BROKEN: Code = Code::TcpRefused;

fn check(id: &str, after: &[String]) -> Check {
    Check {
        id: id.to_owned(),
        probe: "tcp".to_owned(),
        layer: Layer::Transport,
        cost: Cost::Network,
        after: after.to_vec(),
        ..Check::default()
    }
}

fn cause(id: &str, of: &str) -> Cause {
    Cause {
        id: id.to_owned(),
        layer: Layer::Transport,
        prior: Prior::Common,
        title: id.to_owned(),
        when: Condition::All(vec![Condition::Atom(Atom {
            check: of.to_owned(),
            over: Over::Any,
            test: Test::Code(BROKEN),
        })]),
        plain: id.to_owned(),
        ..Cause::default()
    }
}

#[test]
fn the_first_rule_that_applies_says_who_takes_it() {
    let playbook = |rules: &str, stop: bool| {
        let text = format!(
            "schema = 1\nid = 'x'\ntitle = 'x'\n[[check]]\nid = 'a'\nprobe = 'tcp'\ngoal = true\nhost = 'h.test'\n\
             port = 1\n[[cause]]\nid = 'c'\nlayer = 'transport'\ntitle = 't'\nplain = 'p'\nsecurity_stop = {stop}\n\
             when = [{{ check = 'a', code = 'tcp.refused' }}]\n{rules}"
        );
        playbook::parse("x", &text, &|_| None).unwrap_or_else(|mistakes| panic!("{mistakes}"))
    };
    let refused = |port: u16| {
        let mut seen = Observation::new("tcp", Layer::Transport, "a", None, Outcome::Problem, "refused".to_owned());
        (seen.code, seen.certainty) = (Some(Code::TcpRefused), Some(Certainty::Confirmed));
        seen.facts.insert("port".to_owned(), port.into());
        seen
    };
    let rules = "escalate = [\n{ to = 'web', when = 'w', if = [{ check = 'a', fact = 'port', is = 443 }] },\n\
                 { to = 'desk', when = 'it lasts' }]\n";
    for (rules, stop, port, expected) in [
        (rules, false, 443, Some(("web", true))),
        (rules, false, 25, Some(("desk", false))),
        (rules, true, 25, Some(("desk", true))),
        ("", true, 25, Some(("security team", true))),
        ("", false, 25, None),
    ] {
        let mut playbook = playbook(rules, stop);
        let next = judge(&playbook, &[refused(port)], &Case::default()).next;
        let escalate = next.escalate.as_ref().map(|escalate| (escalate.to.as_str(), escalate.now));
        assert_eq!((escalate, next.security_stop), (expected, stop), "{rules} {port}");
        playbook.name_teams(&[("web".to_owned(), "Web desk (WEB-2)".to_owned())].into());
        let named = judge(&playbook, &[refused(443)], &Case::default()).next.escalate;
        assert_eq!(
            named.map(|it| it.to == "Web desk (WEB-2)"),
            (!rules.is_empty()).then_some(true).or(stop.then_some(false))
        );
    }
}

/// A stack of `size` checks, each on top of the one before, with one cause for each; the top is the goal.
fn stack(size: usize) -> Playbook {
    let mut playbook = Playbook { id: "stack".to_owned(), ..Playbook::default() };
    for level in 0..size {
        let after: Vec<String> = level.checked_sub(1).map(|lower| format!("level-{lower}")).into_iter().collect();
        let mut check = check(&format!("level-{level}"), &after);
        check.goal = level + 1 == size;
        playbook.checks.push(check);
        playbook.causes.push(cause(&format!("broken-{level}"), &format!("level-{level}")));
    }
    playbook
}

fn seen(check: &str, outcome: Outcome) -> Observation {
    let mut observation =
        Observation::new("tcp", Layer::Transport, check, None, outcome, format!("{check} is {outcome:?}"));
    if outcome == Outcome::Problem {
        observation.code = Some(BROKEN);
        observation.certainty = Some(Certainty::Confirmed);
    }
    observation
}

/// What a stack looks like when everything from `fault` upwards fails.
fn world(size: usize, fault: usize) -> Vec<Observation> {
    let outcome = |level| if level < fault { Outcome::Ok } else { Outcome::Problem };
    (0..size).map(|level| seen(&format!("level-{level}"), outcome(level))).collect()
}

/// Looks one check at a time, always at the best one, until one suspect stands.
fn search(playbook: &Playbook, world: &[Observation]) -> (usize, Vec<usize>) {
    let mut looked: Vec<Observation> = Vec::new();
    let mut finished = HashSet::new();
    loop {
        let evidence = Evidence::new(playbook, &looked, Some(&finished));
        let left = standing(&evidence);
        let open: Vec<&str> =
            playbook.checks.iter().map(|check| check.id.as_str()).filter(|check| !finished.contains(*check)).collect();
        if left.len() <= 1 || open.is_empty() {
            return (looked.len(), left);
        }
        let reach = Reach::new(playbook, &evidence.graph);
        let best = reach.best(playbook, &evidence.graph, &open, &left.iter().copied().collect()).expect("one is open");
        let observation = world.iter().find(|seen| seen.check == best).expect("the world knows every level").clone();
        finished.insert(best.to_owned());
        looked.push(observation);
    }
}

#[test]
fn a_single_fault_is_found_in_about_log2_checks() {
    for size in [1, 2, 3, 7, 13, 30, 100, 1000] {
        let playbook = stack(size);
        let bound = (size as f64).log2().ceil() as usize + 2;
        // Every place in small stacks, the ends and the middle of large ones.
        let step = if size <= 30 { 1 } else { size };
        for fault in (0..size).step_by(step).chain([size / 3, size / 2, size - 1]) {
            let (checks, left) = search(&playbook, &world(size, fault));
            assert!(checks <= bound, "{size} levels, fault at {fault}: {checks} checks, bound {bound}");
            assert_eq!(left, [fault], "{size} levels");
        }
    }
}

/// A packet that somebody kept, and its playbook.
static STORED: LazyLock<(Playbook, Packet)> = LazyLock::new(|| {
    let stored = std::fs::read_to_string("tests/packets/v1/stale-vpn-resolver.json").unwrap();
    let packet: Packet = serde_json::from_str(&stored).unwrap();
    (builtin::playbook(&packet.playbook.id).unwrap().unwrap(), packet)
});

fn not_seen(level: usize) -> Observation {
    let mut unknown = seen(&format!("level-{level}"), Outcome::Unknown);
    unknown.reason = Some("needs root".to_owned());
    unknown
}

/// The same conditions about a silence instead of a refusal, which would prove what lies beneath it.
fn about_silence(condition: &mut Condition) {
    match condition {
        Condition::All(parts) | Condition::Any(parts) | Condition::None(parts) => {
            parts.iter_mut().for_each(about_silence);
        }
        Condition::Atom(atom) => atom.test = Test::Code(Code::TcpTimeout),
    }
}

/// What a stack with one fault looks like, and the same in another order.
fn shuffled() -> impl Strategy<Value = (usize, Vec<Observation>, Vec<Observation>)> {
    (2usize..12, 0usize..12).prop_flat_map(|(size, fault)| {
        let before = world(size, fault % size);
        (Just(size), Just(before.clone()), Just(before).prop_shuffle())
    })
}

/// Some of the elements that a measurement can use, of two of each kind.
fn via() -> impl Strategy<Value = Via> {
    let one_of = |words: [&'static str; 2]| prop::option::of(prop::sample::select(words.map(str::to_owned).to_vec()));
    let interface = one_of(["eth0", "wlan0"]);
    let gateway = one_of(["192.0.2.1", "192.0.2.254"]);
    let peer = one_of(["198.51.100.10:443", "198.51.100.11:443"]);
    (interface, gateway, peer).prop_map(|(interface, gateway, peer)| Via { interface, gateway, peer, ..Via::default() })
}

/// A success, or a problem of one of the kinds that time tells apart.
fn timed_code() -> impl Strategy<Value = Option<Code>> {
    prop::option::of(prop::sample::select(vec![
        Code::RouteGatewaySilent,
        Code::TcpTimeout,
        Code::TcpRefused,
        Code::TcpFlapping,
        Code::HttpNoAnswer,
        Code::HttpServerError,
    ]))
}

/// What one level of a stack showed, and when.
fn timed(level: usize, (code, used, started_ms, took_ms): &(Option<Code>, Via, u64, u64)) -> Observation {
    let outcome = if code.is_some() { Outcome::Problem } else { Outcome::Ok };
    let mut seen = seen(&format!("level-{level}"), outcome).via(used.clone());
    seen.layer = code.map_or(Layer::Http, |code| code.problem().layer);
    seen.code = *code;
    (seen.started_ms, seen.took_ms) = (*started_ms, *took_ms);
    seen
}

proptest! {
    #[test]
    fn the_lowest_broken_level_is_blamed(size in 1usize..24, fault in 0usize..24) {
        let fault = fault % size;
        let verdict = judge(&stack(size), &world(size, fault), &Case::default()).verdict;
        prop_assert_eq!(verdict.status, Status::Fault);
        prop_assert_eq!(verdict.cause, Some(format!("broken-{fault}")));
    }

    #[test]
    fn the_order_of_observations_does_not_matter((size, before, after) in shuffled()) {
        let playbook = stack(size);
        let before = judge(&playbook, &before, &Case::default());
        let after = judge(&playbook, &after, &Case::default());
        prop_assert_eq!(before.verdict, after.verdict);
    }

    #[test]
    fn a_stored_packet_gives_the_same_verdict_in_any_order(order in Just((0..64).collect::<Vec<usize>>()).prop_shuffle()) {
        let (playbook, packet) = &*STORED;
        let mut mixed = packet.observations.clone();
        mixed.sort_by_key(|seen| order[packet.observations.iter().position(|other| other.id == seen.id).unwrap() % 64]);
        let words = |seen: &[Observation]| {
            let judgement = judge(playbook, seen, &packet.case);
            serde_json::to_string(&(judgement.verdict, judgement.next)).unwrap()
        };
        prop_assert_eq!(words(&packet.observations), words(&mixed));
    }

    #[test]
    fn an_unknown_never_moves_blame(size in 3usize..12, fault in 1usize..12, hidden in 0usize..12) {
        let fault = 1 + fault % (size - 1);
        let hidden = hidden % size;
        prop_assume!(hidden != fault);
        let playbook = stack(size);
        let mut observations = world(size, fault);
        observations[hidden] = seen(&format!("level-{hidden}"), Outcome::Unknown);
        observations[hidden].reason = Some("needs root".to_owned());
        let verdict = judge(&playbook, &observations, &Case::default()).verdict;
        prop_assert_eq!(verdict.cause, Some(format!("broken-{fault}")));
        let hidden = format!("level-{hidden}");
        prop_assert!(verdict.not_tested.iter().any(|untested| untested.check == hidden), "it is not named");
    }

    #[test]
    fn unknowns_anywhere_but_at_the_fault_leave_the_blame(size in 3usize..12, fault in 0usize..12, hidden in any::<u16>()) {
        let fault = fault % size;
        let playbook = stack(size);
        let mut observations = world(size, fault);
        let hides = |level: &usize| *level != fault && hidden & (1 << level) != 0;
        for level in (0..size).filter(hides) {
            observations[level] = not_seen(level);
        }
        let verdict = judge(&playbook, &observations, &Case::default()).verdict;
        prop_assert_eq!(verdict.cause, Some(format!("broken-{fault}")));
        prop_assert_eq!(verdict.not_tested.len(), (0..size).filter(hides).count());
    }

    #[test]
    fn an_unknown_in_the_place_of_the_fault_widens(size in 3usize..12, fault in 0usize..12) {
        // The level above shows the failure, so that it is blamed, but it is not alone any more.
        let fault = fault % (size - 1);
        let mut playbook = stack(size);
        for (level, check) in playbook.checks.iter_mut().enumerate() {
            check.layer = if level == fault { Layer::Route } else { Layer::Transport };
        }
        playbook.causes[fault].layer = Layer::Route;
        playbook.causes.iter_mut().for_each(|cause| about_silence(&mut cause.when));
        let mut observations = world(size, fault);
        observations.iter_mut().filter(|seen| seen.code.is_some()).for_each(|seen| seen.code = Some(Code::TcpTimeout));
        observations[fault] = not_seen(fault);
        let verdict = judge(&playbook, &observations, &Case::default()).verdict;
        prop_assert_eq!(verdict.layer, None);
        prop_assert_eq!(verdict.certainty, Certainty::Suspected);
        prop_assert!(verdict.layers.contains(&Layer::Route), "{:?}", verdict.layers);
    }

    #[test]
    fn a_success_clears_what_it_used_and_nothing_else(
        used in via(),
        broken in via(),
        code in prop::sample::select(vec![Code::RouteGatewaySilent, Code::PathLoss, Code::TlsExpired]),
    ) {
        let mut playbook = Playbook { id: "path".to_owned(), ..Playbook::default() };
        let mut lower = check("lower", &[]);
        lower.layer = Layer::Route;
        let mut upper = check("upper", &["lower".to_owned()]);
        upper.goal = true;
        playbook.checks = vec![lower, upper];
        let mut problem = Observation::new("echo", Layer::Route, "lower", None, Outcome::Problem, "broken".to_owned());
        problem.code = Some(code);
        problem.via = broken.clone();
        let success = seen("upper", Outcome::Ok).via(used.clone());
        let evidence = Evidence::new(&playbook, [&problem, &success], None);
        let cleared = evidence.disproof(0).is_some();
        let may_be = code.problem().class == Class::Reachability && broken.is_within(&used);
        prop_assert_eq!(cleared, may_be, "{:?} by {:?}", broken, used);
    }

    #[test]
    fn when_things_were_seen_counts_and_in_which_order_they_arrived_does_not(
        seen in prop::collection::vec((timed_code(), via(), 0u64..4_000, 0u64..4_000), 1..10),
        order in Just((0..10).collect::<Vec<usize>>()).prop_shuffle(),
    ) {
        let playbook = stack(seen.len());
        let observations: Vec<Observation> =
            seen.iter().enumerate().map(|(level, how)| timed(level, how)).collect();
        let mut mixed: Vec<Observation> = observations.clone();
        mixed.sort_by_key(|seen| order[observations.iter().position(|other| other.id == seen.id).unwrap()]);
        let verdict = judge(&playbook, &observations, &Case::default()).verdict;
        prop_assert_eq!(verdict, judge(&playbook, &mixed, &Case::default()).verdict);
    }

    #[test]
    fn time_takes_disproofs_away_and_adds_none(
        seen in prop::collection::vec((timed_code(), via(), 0u64..4_000, 0u64..4_000), 1..10),
        shift in 0u64..100_000,
    ) {
        let playbook = stack(seen.len());
        let observations: Vec<Observation> =
            seen.iter().enumerate().map(|(level, how)| timed(level, how)).collect();
        let disproved = |change: &dyn Fn(&mut Observation)| -> Vec<bool> {
            let mut changed = observations.clone();
            changed.iter_mut().for_each(change);
            let evidence = Evidence::new(&playbook, &changed, None);
            (0..changed.len()).map(|index| evidence.disproof(index).is_some()).collect()
        };
        let timed = disproved(&|_| {});
        let at_once = disproved(&|seen| (seen.started_ms, seen.took_ms) = (0, 0));
        prop_assert!(timed.iter().zip(&at_once).all(|(timed, at_once)| !timed || *at_once));
        prop_assert_eq!(timed, disproved(&|seen| seen.started_ms += shift), "only differences count");
    }

    #[test]
    fn every_verdict_cites_what_was_seen(size in 1usize..12, fault in 0usize..14) {
        let observations = world(size, fault);
        let verdict = judge(&stack(size), &observations, &Case::default()).verdict;
        for id in verdict.because.iter().chain(verdict.ruled_out.iter().flat_map(|ruled| &ruled.by)) {
            prop_assert!(observations.iter().any(|observation| observation.id == *id));
        }
    }
}

/// A gateway that does not answer pings, beneath a port that does.
fn gateway_and_port(port: Observation) -> (Playbook, Vec<Observation>) {
    let mut playbook = Playbook { id: "path".to_owned(), ..Playbook::default() };
    let mut gateway = check("gateway", &[]);
    gateway.layer = Layer::Route;
    let mut target = check("port", &["gateway".to_owned()]);
    target.goal = true;
    playbook.checks = vec![gateway, target];
    let mut silent = Observation::new("echo", Layer::Route, "gateway", None, Outcome::Problem, "no reply".to_owned());
    silent.code = Some(Code::RouteGatewaySilent);
    silent.certainty = Some(Certainty::Confirmed);
    silent.via = Via { gateway: Some("192.0.2.1".to_owned()), ..Via::default() };
    (playbook, vec![silent, port])
}

fn port(outcome: Outcome, gateway: &str) -> Observation {
    let mut port = seen("port", outcome);
    port.via = Via {
        gateway: Some(gateway.to_owned()),
        interface: Some("eth0".to_owned()),
        peer: Some("198.51.100.10:443".to_owned()),
        ..Via::default()
    };
    port
}

#[test]
fn a_success_clears_the_gateway_that_it_used() {
    let (playbook, observations) = gateway_and_port(port(Outcome::Ok, "192.0.2.1"));
    let verdict = judge(&playbook, &observations, &Case::default()).verdict;
    assert_eq!(verdict.status, Status::Healthy);
    assert_eq!(verdict.notes.len(), 1, "{:?}", verdict.notes);
}

#[test]
fn a_refusal_by_the_target_clears_the_gateway_too() {
    let (playbook, observations) = gateway_and_port(port(Outcome::Problem, "192.0.2.1"));
    let verdict = judge(&playbook, &observations, &Case::default()).verdict;
    assert_eq!((verdict.status, verdict.layer), (Status::Fault, Some(Layer::Transport)));
}

#[test]
fn a_refusal_over_another_gateway_clears_nothing() {
    let (playbook, observations) = gateway_and_port(port(Outcome::Problem, "192.0.2.254"));
    let verdict = judge(&playbook, &observations, &Case::default()).verdict;
    assert_eq!((verdict.status, verdict.layer), (Status::Fault, Some(Layer::Route)));
}

#[test]
fn a_complaint_that_does_not_show_is_not_solved() {
    let case = Case { symptom: Some("the crm is down".to_owned()), ..Case::default() };
    let verdict = judge(&stack(3), &world(3, 3), &case).verdict;
    assert_eq!((verdict.status, verdict.code), (Status::Undecided, Some(Code::CaseNotReproduced)));
}

/// A page that fails, and two causes of it that only people's words tell apart; a third check may speak for one of them.
const TWO_PLACES: &str = "schema = 1\nid = 'x'\ntitle = 'x'\n\
    [[check]]\nid = 'page'\nprobe = 'tls'\nhost = 'h.test'\ngoal = true\n\
    [[check]]\nid = 'other'\nprobe = 'ask'\nquestion = '?'\nanswers = { yes = 'a', no = 'b' }\n\
    case = { field = 'other_device', yes = 'works', no = 'fails' }\n\
    [[cause]]\nid = 'theirs'\nlayer = 'tls'\nplace = 'target'\ntitle = 't'\nplain = 'p'\n\
    when = [{ check = 'page', code = 'tls.expired' }]\n\
    [[cause]]\nid = 'ours'\nlayer = 'host'\ntitle = 't'\nplain = 'p'\n\
    when = [{ check = 'page', code = 'tls.expired' }]\n";

fn told(other_device: Option<Elsewhere>) -> Case {
    Case { other_device, ..Case::default() }
}

#[test]
fn what_is_said_of_another_device_chooses_among_what_is_left_open() {
    let playbook = playbook::parse("x", TWO_PLACES, &|_| None).unwrap();
    let mut page = Observation::new("tls", Layer::Tls, "page", None, Outcome::Problem, "expired".to_owned());
    page.code = Some(Code::TlsExpired);
    page.certainty = Some(Certainty::Confirmed);
    let judged = |case: &Case| judge(&playbook, std::slice::from_ref(&page), case).verdict;
    assert_eq!(judged(&told(None)).layers, [Layer::Tls, Layer::Host]);
    for (said, cause) in [(Elsewhere::Fails, "theirs"), (Elsewhere::Works, "ours")] {
        let verdict = judged(&told(Some(said)));
        assert_eq!((verdict.cause.as_deref(), verdict.layers.len()), (Some(cause), 0));
        assert_eq!(verdict.certainty, Certainty::Suspected, "words convict nobody");
    }
    // Whoever contradicts himself says nothing.
    let both = Case { scope: Some(Scope::Everyone), ..told(Some(Elsewhere::Works)) };
    assert_eq!(judged(&both).layers, [Layer::Tls, Layer::Host]);
}

#[test]
fn a_question_is_worth_asking_where_the_verdict_hangs_on_it() {
    let playbook = playbook::parse("x", TWO_PLACES, &|_| None).unwrap();
    let question = playbook.check("other").unwrap();
    let mut page = Observation::new("tls", Layer::Tls, "page", None, Outcome::Problem, "expired".to_owned());
    page.code = Some(Code::TlsExpired);
    let splits = |observations: &[Observation], case: &Case| {
        elsewhere::splits(question, &Evidence::new(&playbook, observations, None), case)
    };
    assert!(splits(std::slice::from_ref(&page), &told(None)));
    assert!(!splits(std::slice::from_ref(&page), &told(Some(Elsewhere::Works))), "it was said already");
    page.code = Some(Code::TlsAlert);
    assert!(!splits(&[page], &told(None)), "neither cause is left");
}

/// In every situation that the playbooks of the binary test themselves on: words about other devices, accounts and networks move
/// no blame to what the observations do not leave open, and change no status.
#[test]
fn what_people_say_of_elsewhere_only_narrows() {
    let said = [None, Some(Elsewhere::Works), Some(Elsewhere::Fails)];
    let mut narrowed = 0;
    for (id, _) in builtin::BUILTIN {
        let playbook = builtin::playbook(id).unwrap().unwrap();
        for test in &playbook.tests {
            let observations = testing::observations(&playbook, test);
            let case = Case { symptom: test.symptom.clone(), ..Case::default() };
            let plain = judge(&playbook, &observations, &case).verdict;
            let open: Vec<Layer> = plain.layers.iter().copied().chain(plain.layer).collect();
            let suspects: Vec<&str> =
                plain.suspects.iter().map(|suspect| suspect.cause.as_str()).chain(plain.cause.as_deref()).collect();
            let pairs = said.iter().flat_map(|left| said.map(|right| (*left, right)));
            for (other_device, other_network, other_account) in pairs.flat_map(|(a, b)| said.map(|c| (a, b, c))) {
                let case = Case { other_device, other_network, other_account, ..case.clone() };
                let verdict = judge(&playbook, &observations, &case).verdict;
                let what = format!("{id}: {}: {other_device:?} {other_network:?} {other_account:?}", test.name);
                assert_eq!(verdict.status, plain.status, "{what}");
                assert!(
                    verdict.layers.iter().copied().chain(verdict.layer).all(|layer| open.contains(&layer)),
                    "{what}"
                );
                assert!(verdict.cause.as_deref().is_none_or(|cause| suspects.contains(&cause)), "{what}");
                if verdict.layers != plain.layers || verdict.cause != plain.cause {
                    assert_eq!(verdict.certainty, Certainty::Suspected, "{what}");
                    narrowed += 1;
                }
            }
        }
    }
    assert!(narrowed > 0, "no test leaves anything open that words could narrow");
}

#[test]
fn a_silence_without_a_witness_stays_suspected() {
    let mut silent = seen("level-0", Outcome::Problem);
    silent.code = Some(Code::TcpTimeout);
    silent.via = Via { interface: Some("eth0".to_owned()), ..Via::default() };
    let verdict = judge(&stack(1), std::slice::from_ref(&silent), &Case::default()).verdict;
    assert_eq!(verdict.certainty, Certainty::Suspected);
}

/// A port beyond a gateway that is silent, and an echo of something else that left by this gateway or by none.
fn silent_port_and_echo(echo_gateway: Option<&str>) -> (Playbook, Vec<Observation>) {
    let (mut playbook, _) = gateway_and_port(port(Outcome::Ok, "192.0.2.1"));
    let mut echo = check("other-echo", &[]);
    (echo.probe, echo.layer) = ("echo".to_owned(), Layer::Path);
    playbook.checks.push(echo);
    let mut silent = port(Outcome::Problem, "192.0.2.1");
    silent.code = Some(Code::TcpTimeout);
    let mut answer = Observation::new("echo", Layer::Path, "other-echo", None, Outcome::Ok, "it answers".to_owned());
    answer.via = Via {
        interface: Some("eth0".to_owned()),
        gateway: echo_gateway.map(str::to_owned),
        peer: Some("192.0.2.53".to_owned()),
        ..Via::default()
    };
    (playbook, vec![silent, answer])
}

#[test]
fn an_answer_from_the_own_network_is_no_witness_for_what_lies_beyond() {
    for (gateway, certainty) in [(Some("192.0.2.1"), Certainty::Confirmed), (None, Certainty::Suspected)] {
        let (playbook, observations) = silent_port_and_echo(gateway);
        let verdict = judge(&playbook, &observations, &Case::default()).verdict;
        assert_eq!((verdict.code, verdict.certainty), (Some(Code::TcpTimeout), certainty), "{gateway:?}");
    }
}

/// Whether what this check has yet to say could change the verdict on these observations.
fn matters(playbook: &Playbook, observations: &[Observation], check: &str) -> Option<bool> {
    let verdict = judge(playbook, observations, &Case::default()).verdict;
    let finished = HashSet::new();
    let evidence = Evidence::new(playbook, observations, Some(&finished));
    Open::of(&verdict, &evidence).map(|open| open.matters(check))
}

#[test]
fn only_what_a_rival_wants_to_see_keeps_a_decided_run_going() {
    let mut playbook = stack(3);
    let mut beside = check("beside", &[]);
    playbook.checks.push(beside.clone());
    beside.id = "rivals-witness".to_owned();
    playbook.checks.push(beside);
    let mut rival = cause("rival", "level-1");
    let Condition::All(parts) = &mut rival.when else { unreachable!("a list of one") };
    let witness = Atom { check: "rivals-witness".to_owned(), over: Over::Any, test: Test::Outcome(Outcome::Ok) };
    parts.push(Condition::Atom(witness));
    playbook.causes.push(rival);
    let broken = [seen("level-1", Outcome::Problem)];
    assert_eq!(matters(&playbook, &broken, "level-0"), Some(false), "an answer came over what lies beneath it");
    let mut state = broken.clone();
    state[0].code = Some(Code::RouteNoDefault);
    assert_eq!(matters(&playbook, &state, "level-0"), Some(true), "it lies on the way, beneath");
    assert_eq!(matters(&playbook, &broken, "level-2"), Some(false), "it stands on what is blamed");
    assert_eq!(matters(&playbook, &broken, "rivals-witness"), Some(true));
    assert_eq!(matters(&playbook, &broken, "beside"), Some(false));
    let mut guess = broken.clone();
    guess[0].certainty = Some(Certainty::Suspected);
    assert_eq!(matters(&playbook, &guess, "beside"), None, "nothing is decided");
}

/// A complaint may be said in answer to a question of the run: the packet that holds it is judged again as it was.
#[test]
fn a_complaint_that_is_an_answer_is_judged_as_one() {
    let text = r#"
        schema = 1
        id = "page"
        title = "A page does not load"

        [[check]]
        id = "reproduce"
        probe = "tcp"
        addresses = ["192.0.2.1"]
        port = 80
        goal = true

        [[check]]
        id = "error"
        probe = "ask"
        question = "What does it say?"
        answers = { timeout = "it takes too long", nothing = "it says nothing" }
        case = "error"
    "#;
    let playbook =
        playbook::parse::parse("page.toml", text, &|_| None).unwrap_or_else(|it| panic!("{}", it.render(false)));
    let works = Observation::new("tcp", Layer::Transport, "reproduce", None, Outcome::Ok, "connected".to_owned());
    let mut answered = Observation::new("ask", Layer::Host, "error", None, Outcome::Ok, "timeout".to_owned());
    answered.facts.insert("answer".to_owned(), "timeout".into());
    answered.facts.insert("meaning".to_owned(), "it takes too long".into());
    let json = include_str!("packets/v1/healthy.json");
    let mut packet = Packet { case: Case::default(), ..serde_json::from_str(json).unwrap() };
    packet.close(&playbook, vec![works, answered], &Settings::default());
    assert_eq!(packet.case.error.as_deref(), Some("it takes too long"));
    assert_eq!((packet.verdict.status, packet.verdict.code), (Status::Undecided, Some(Code::CaseNotReproduced)));
    assert_eq!(judge(&playbook, &packet.observations, &packet.case).verdict, packet.verdict);
}
