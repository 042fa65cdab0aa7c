//! The priority that follows from who is affected and how badly: ITIL's impact times urgency. The tool proposes, a person
//! confirms.

use super::{Case, Effect, Scope, Urgency};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Priority by impact (rows, 1 to 3) and urgency (columns, 1 to 3).
pub type Matrix = [[u8; 3]; 3];

/// ServiceNow's stock lookup: impact plus urgency minus one. Sites that count differently set their own.
pub const STOCK: Matrix = [[1, 2, 3], [2, 3, 4], [3, 4, 5]];

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
}

impl Priority {
    /// What follows from the case; none where nobody said who is affected, or how badly.
    pub fn propose(case: &Case, matrix: &Matrix) -> Option<Priority> {
        let (impact, who) = impact(case.scope?);
        let (urgency, why) = urgency(case)?;
        let priority = matrix[usize::from(impact - 1)][usize::from(urgency - 1)];
        Some(Priority { impact, urgency, priority, reason: format!("{who}; {why}") })
    }
}

fn impact(scope: Scope) -> (u8, &'static str) {
    let impact = match scope {
        Scope::Everyone => 1,
        Scope::Several | Scope::Site => 2,
        Scope::One => 3,
    };
    (impact, scope.meaning())
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
            let proposed = Priority::propose(&case, &STOCK);
            assert_eq!(proposed.map(|it| (it.impact, it.urgency, it.priority)), expected, "{case:?}");
        }
    }
}
