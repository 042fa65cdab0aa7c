//! The priority that follows from who is affected and how badly: ITIL's impact times urgency. The tool proposes, a person
//! confirms. What nobody said is taken from the playbook, and the reason says so.

use super::{Case, Effect, Scope, Urgency};
use crate::playbook::Gravity;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Priority by impact (rows, 1 to 3) and urgency (columns, 1 to 3).
pub type Matrix = [[u8; 3]; 3];

/// ServiceNow's stock lookup: impact plus urgency minus one. Sites that count differently set their own.
pub const STOCK: Matrix = [[1, 2, 3], [2, 3, 4], [3, 4, 5]];

/// What the site promises for a priority: two clocks, because the person works again before the cause is mended.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ServiceLevel {
    /// Until somebody has taken the case: `15 min`.
    pub respond: Option<Within>,
    /// Until the person can work again: `4 h`.
    pub restore: Option<Within>,
}

/// A length of time as people write it: `15 min`, `4 h`, `2 days`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Within(String);

impl TryFrom<String> for Within {
    type Error = String;

    fn try_from(text: String) -> Result<Within, String> {
        match text.parse::<jiff::Span>() {
            Ok(span) if span.is_positive() => Ok(Within(text)),
            _ => Err(format!("`{text}` is no length of time; write it as `15 min`, `4 h` or `2 days`")),
        }
    }
}

impl From<Within> for String {
    fn from(within: Within) -> String {
        within.0
    }
}

/// Service levels by priority, `1` being the gravest.
pub type ServiceLevels = BTreeMap<String, ServiceLevel>;

/// A priority that is proposed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Priority {
    /// 1 high to 3 low.
    pub impact: u8,
    /// 1 high to 3 low.
    pub urgency: u8,
    /// By the site's matrix; 1 is the gravest.
    pub priority: u8,
    /// Why, in words.
    pub reason: String,
    /// How long until somebody takes it, where the site's settings say so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub respond: Option<String>,
    /// How long until the person can work again, where the site's settings say so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub restore: Option<String>,
}

impl Priority {
    /// What follows from the case, and from the playbook where nobody said; none where neither tells who is affected, or
    /// how badly.
    pub fn propose(case: &Case, gravity: Gravity, matrix: &Matrix, levels: &ServiceLevels) -> Option<Priority> {
        let (impact, who) = said_or_expected(case.scope.map(impact), gravity.impact.map(impact))?;
        let (urgency, why) = said_or_expected(urgency(case), gravity.urgency.map(expected_urgency))?;
        let priority = matrix[usize::from(impact - 1)][usize::from(urgency - 1)];
        let level = levels.get(&priority.to_string()).cloned().unwrap_or_default();
        let (respond, restore) = (level.respond.map(String::from), level.restore.map(String::from));
        Some(Priority { impact, urgency, priority, reason: format!("{who}; {why}"), respond, restore })
    }
}

/// What people said goes before what the playbook expects, and the reason tells them apart.
fn said_or_expected(said: Option<(u8, &str)>, expected: Option<(u8, &str)>) -> Option<(u8, String)> {
    let said = said.map(|(grade, words)| (grade, words.to_owned()));
    said.or_else(|| expected.map(|(grade, words)| (grade, format!("{words}, as the playbook expects"))))
}

fn impact(scope: Scope) -> (u8, &'static str) {
    let impact = match scope {
        Scope::Everyone => 1,
        Scope::Several | Scope::Site => 2,
        Scope::One => 3,
    };
    (impact, scope.meaning())
}

fn expected_urgency(urgency: Urgency) -> (u8, &'static str) {
    match urgency {
        Urgency::High => (1, "urgent"),
        Urgency::Medium => (2, "of medium urgency"),
        Urgency::Low => (3, "not urgent"),
    }
}

fn urgency(case: &Case) -> Option<(u8, &'static str)> {
    let said = case.urgency.map(|urgency| match urgency {
        Urgency::High => (1, "said to be urgent"),
        Urgency::Medium => (2, "said to be of medium urgency"),
        Urgency::Low => (3, "said not to be urgent"),
    });
    said.or_else(|| {
        Some(match (case.effect?, case.has_workaround()) {
            (Effect::Blocked, false) => (1, "the work is blocked, and no workaround is known"),
            (Effect::Blocked, true) => (2, "the work is blocked, but there is a workaround"),
            (Effect::Slowed, _) => (2, "the work is slowed down"),
            (Effect::Minor, _) => (3, "the work goes on"),
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_and_how_badly_give_a_proposal() {
        let case = |scope, effect, urgency, workaround: Option<&str>| Case {
            scope,
            effect,
            urgency,
            workaround: workaround.map(str::to_owned),
            ..Case::default()
        };
        let (blocked, slowed, minor) = (Some(Effect::Blocked), Some(Effect::Slowed), Some(Effect::Minor));
        let cases = [
            (case(Some(Scope::Everyone), blocked, None, None), Some((1, 1, 1))),
            (case(Some(Scope::Everyone), blocked, None, Some("none")), Some((1, 1, 1))),
            (case(Some(Scope::Everyone), blocked, None, Some("by phone")), Some((1, 2, 2))),
            (case(Some(Scope::Site), slowed, None, None), Some((2, 2, 3))),
            (case(Some(Scope::One), minor, None, None), Some((3, 3, 5))),
            (case(Some(Scope::One), minor, Some(Urgency::High), None), Some((3, 1, 3))),
            (case(Some(Scope::One), None, None, None), None),
            (case(None, blocked, None, None), None),
        ];
        for (case, expected) in cases {
            let proposed = Priority::propose(&case, Gravity::default(), &STOCK, &ServiceLevels::new());
            assert_eq!(proposed.map(|it| (it.impact, it.urgency, it.priority)), expected, "{case:?}");
        }
    }

    #[test]
    fn the_playbook_fills_what_nobody_said_and_the_settings_promise() {
        let gravity = Gravity { impact: Some(Scope::Everyone), urgency: Some(Urgency::High) };
        let levels: ServiceLevels =
            toml::from_str("1 = { respond = \"15 min\", restore = \"4 h\" }\n3.restore = \"3 days\"").unwrap();
        let proposed = Priority::propose(&Case::default(), gravity, &STOCK, &levels).unwrap();
        assert_eq!((proposed.priority, proposed.restore.as_deref()), (1, Some("4 h")));
        assert!(proposed.reason.ends_with("as the playbook expects; urgent, as the playbook expects"), "{proposed:?}");
        let one = Case { scope: Some(Scope::One), effect: Some(Effect::Minor), ..Case::default() };
        let said = Priority::propose(&one, gravity, &STOCK, &levels).unwrap();
        assert_eq!((said.priority, said.respond, said.reason.as_str()), (5, None, "one person; the work goes on"));
        let error = toml::from_str::<ServiceLevels>("1.restore = \"soon\"").unwrap_err().to_string();
        assert!(error.contains("`soon` is no length of time"), "{error}");
    }
}
