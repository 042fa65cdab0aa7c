//! Runs the tests that a playbook carries: builds observations from what they give, lets a judge decide, and compares.
//! The judge is an argument, so that this file knows nothing of the diagnosis.

use super::{Check, Given, Playbook, Test};
use crate::diagnosis::evidence::is_told;
use crate::diagnosis::verdict::Verdict;
use crate::layer::Layer;
use crate::observation::{Certainty, Observation, Outcome, Skip};
use crate::packet::Case;
use crate::probe;
use serde::Serialize;
use serde_json::Value;
use std::fmt;

/// Untested causes that are named; a playbook that includes others has all of theirs, which are tested there.
const NAMES_SHOWN: usize = 12;

/// What a verdict that names no cause has in its place.
const NO_CAUSE: &str = "none";

/// What most authors forget where a cause does not win.
const UNLINKED: &str = "if its `when` holds, nothing links it to the complaint: name its check in `after` of the goal, or \
    state beside it that the goal has a problem";

/// Decides from observations, as the diagnosis does.
pub type Judge<'a> = &'a dyn Fn(&Playbook, &[Observation], &Case) -> Verdict;

/// How the verdict differs from what a test expects.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// `status`, `layer`, `cause` or `culprit`.
    pub field: &'static str,
    pub expected: String,
    pub got: String,
}

/// How one test ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TestResult {
    pub name: String,
    pub passed: bool,
    pub differences: Vec<Difference>,
    /// The verdict in one sentence, for whoever has to mend it.
    pub summary: String,
}

/// How all tests of a playbook ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    pub playbook: String,
    pub results: Vec<TestResult>,
    /// How many causes the playbook has.
    pub causes: usize,
    /// Causes that no test expects.
    pub untested: Vec<String>,
}

impl Report {
    /// Whether every test passed. A playbook without tests passes; see `untested`.
    pub fn passed(&self) -> bool {
        self.results.iter().all(|result| result.passed)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for result in &self.results {
            writeln!(f, "{} {}: {}", if result.passed { "ok    " } else { "FAILED" }, self.playbook, result.name)?;
            for difference in &result.differences {
                let Difference { field, expected, got } = difference;
                writeln!(f, "         {field}: expected `{expected}`, got `{got}`")?;
                if *field == "cause" && got == NO_CAUSE {
                    writeln!(f, "         {UNLINKED}")?;
                }
            }
            if !result.passed {
                writeln!(f, "         the verdict was: {}", result.summary)?;
            }
        }
        let good = self.results.iter().filter(|result| result.passed).count();
        let covered = self.causes - self.untested.len();
        write!(
            f,
            "{}: {good} of {} tests passed, {covered} of {} causes tested",
            self.playbook,
            self.results.len(),
            self.causes
        )?;
        if !self.untested.is_empty() {
            let shown = &self.untested[..self.untested.len().min(NAMES_SHOWN)];
            write!(f, "\nwithout a test: {}", shown.join(", "))?;
            if shown.len() < self.untested.len() {
                write!(f, " and {} more", self.untested.len() - shown.len())?;
            }
        }
        Ok(())
    }
}

/// Runs all tests of a playbook.
pub fn run(playbook: &Playbook, judge: Judge<'_>) -> Report {
    let results = playbook.tests.iter().map(|test| run_one(playbook, test, judge)).collect();
    let expected = |id: &str| playbook.tests.iter().any(|test| test.expect.cause.as_deref() == Some(id));
    let untested = playbook.causes.iter().filter(|cause| !expected(&cause.id)).map(|cause| cause.id.clone()).collect();
    Report { playbook: playbook.id.clone(), results, causes: playbook.causes.len(), untested }
}

fn run_one(playbook: &Playbook, test: &Test, judge: Judge<'_>) -> TestResult {
    let observations = observations(playbook, test);
    let mut case = case(test);
    case.hear(playbook, &observations);
    let verdict = judge(playbook, &observations, &case);
    let differences = differences(test, &verdict);
    TestResult { name: test.name.clone(), passed: differences.is_empty(), differences, summary: verdict.summary }
}

/// The observations that a test gives. Checks that it does not mention were not made.
pub fn observations(playbook: &Playbook, test: &Test) -> Vec<Observation> {
    test.given.iter().flat_map(|(id, given)| given.iter().filter_map(move |given| one(playbook, id, given))).collect()
}

fn one(playbook: &Playbook, id: &str, given: &Given) -> Option<Observation> {
    if is_told(id) {
        let summary = "given by the test".to_owned();
        let mut made = Observation::new(id, Layer::Host, id, None, Outcome::Ok, summary);
        made.facts = given.facts.clone();
        return Some(made);
    }
    playbook.check(id).map(|check| observation(check, given))
}

fn observation(check: &Check, given: &Given) -> Observation {
    let outcome = given.outcome.unwrap_or(if given.code.is_some() { Outcome::Problem } else { Outcome::Ok });
    // A code stands on its own layer unless the playbook moved the check, as where a probe looks.
    let moved = probe::find(&check.probe).is_some_and(|probe| probe.layer != check.layer);
    let layer = given.code.filter(|_| !moved).map_or(check.layer, |code| code.problem().layer);
    let summary = match given.code {
        Some(code) => code.problem().title.to_owned(),
        None => format!("given by the test for `{}`", check.id),
    };
    let mut made = Observation::new(&check.probe, layer, &check.id, given.subject.as_deref(), outcome, summary);
    made.code = given.code;
    made.also = given.also.clone();
    made.facts = given.facts.clone();
    made.via = given.via.clone();
    match outcome {
        Outcome::Problem => made.certainty = Some(given.certainty.unwrap_or(Certainty::Confirmed)),
        Outcome::Unknown => made.reason = Some("the test says so".to_owned()),
        Outcome::Skipped => made.skip = Some(Skip::NotNeeded),
        Outcome::Ok => {}
    }
    made
}

fn case(test: &Test) -> Case {
    let answers = test.given.iter().filter_map(|(id, given)| {
        let answer = given.iter().find_map(|given| given.facts.get("answer").and_then(Value::as_str))?;
        Some((id.clone(), answer.to_owned()))
    });
    Case { symptom: test.symptom.clone(), answers: answers.collect(), ..Case::default() }
}

fn differences(test: &Test, verdict: &Verdict) -> Vec<Difference> {
    let none = || NO_CAUSE.to_owned();
    let expect = &test.expect;
    let compared = [
        ("status", expect.status.clone(), verdict.status.name().to_owned()),
        ("layer", expect.layer.map(|layer| layer.to_string()), verdict.layer.map_or_else(none, |it| it.to_string())),
        ("cause", expect.cause.clone(), verdict.cause.clone().unwrap_or_else(none)),
        ("culprit", expect.culprit.clone(), verdict.culprit.clone().unwrap_or_else(none)),
    ];
    compared
        .into_iter()
        .filter_map(|(field, expected, got)| Some(Difference { field, expected: expected?, got }))
        .filter(|difference| difference.expected != difference.got)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnosis::verdict::Status;
    use crate::playbook::{Cause, Expect, Prior};
    use crate::problem::Code;

    fn playbook() -> Playbook {
        let check =
            |id: &str, probe: &str, layer| Check { id: id.into(), probe: probe.into(), layer, ..Check::default() };
        let cause = |id: &str| Cause {
            id: id.into(),
            layer: Layer::Dns,
            prior: Prior::Common,
            title: "t".into(),
            plain: "p".into(),
            ..Cause::default()
        };
        let given = |code| Given { subject: Some("10.8.0.1".into()), code, ..Given::default() };
        let answer = Given {
            outcome: Some(Outcome::Ok),
            facts: [("answer".to_owned(), "yes".into())].into_iter().collect(),
            ..Given::default()
        };
        let test = |name: &str, expect| Test {
            name: name.into(),
            given: vec![
                ("resolver".into(), vec![given(Some(Code::DnsTimeout)), given(None)]),
                ("other".into(), vec![answer.clone()]),
                ("gone".into(), vec![given(None)]),
            ],
            expect,
            symptom: Some("it is down".into()),
        };
        Playbook {
            id: "p".into(),
            checks: vec![check("resolver", "dns", Layer::Dns), check("other", "ask", Layer::Host)],
            causes: vec![cause("stale"), cause("other-cause")],
            tests: vec![
                test(
                    "right",
                    Expect { cause: Some("stale".into()), status: Some("fault".into()), ..Expect::default() },
                ),
                test("wrong", Expect { layer: Some(Layer::Tls), culprit: Some("x".into()), ..Expect::default() }),
            ],
            ..Playbook::default()
        }
    }

    fn judge(_: &Playbook, observations: &[Observation], case: &Case) -> Verdict {
        assert_eq!(observations.len(), 3);
        assert_eq!(observations[0].id, "dns.resolver[10.8.0.1]");
        assert!(observations[0].has(Code::DnsTimeout));
        assert_eq!(observations[0].certainty, Some(Certainty::Confirmed));
        assert_eq!(observations[1].outcome, Outcome::Ok);
        assert_eq!(case.answers["other"], "yes");
        assert_eq!(case.symptom.as_deref(), Some("it is down"));
        Verdict {
            status: Status::Fault,
            layer: Some(Layer::Dns),
            layers: Vec::new(),
            cause: Some("stale".into()),
            code: None,
            title: String::new(),
            certainty: Certainty::Confirmed,
            culprit: None,
            summary: "a resolver is stale".into(),
            plain: String::new(),
            because: Vec::new(),
            ruled_out: Vec::new(),
            not_tested: Vec::new(),
            notes: Vec::new(),
            suspects: Vec::new(),
            also: Vec::new(),
            findings: Vec::new(),
        }
    }

    #[test]
    fn compares_what_a_test_expects_and_nothing_else() {
        let report = run(&playbook(), &judge);
        assert!(report.results[0].passed && !report.results[1].passed && !report.passed());
        assert_eq!(
            report.to_string(),
            "ok     p: right\nFAILED p: wrong\n         layer: expected `tls`, got `dns`\n         culprit: expected \
             `x`, got `none`\n         the verdict was: a resolver is stale\np: 1 of 2 tests passed, 1 of 2 causes \
             tested\nwithout a test: other-cause"
        );
    }
}
