//! What statements say together: whether a condition can ever hold, and whether another one always holds with it.

use crate::observation::Outcome;
use crate::playbook::Condition;
use crate::playbook::condition::{Atom, Compare, Over, Test};
use std::hash::{DefaultHasher, Hash, Hasher};

/// Two statements of a condition that never hold together, and why; none where it can hold.
pub(super) fn contradiction(condition: &Condition) -> Option<(&Atom, &Atom, String)> {
    match condition {
        Condition::All(parts) => clash_among(parts).or_else(|| parts.iter().find_map(contradiction)),
        // One alternative that can hold is enough.
        Condition::Any(parts) => {
            let clashes: Option<Vec<_>> = parts.iter().map(contradiction).collect();
            clashes?.into_iter().next()
        }
        Condition::None(_) | Condition::Atom(_) => None,
    }
}

/// Statements about the same check in one list hold for the same subject, so that they can contradict each other; what
/// a subject shows cannot be what no subject shows.
fn clash_among(parts: &[Condition]) -> Option<(&Atom, &Atom, String)> {
    let stated: Vec<&Atom> = parts.iter().filter_map(some_subject).collect();
    for (index, right) in stated.iter().enumerate() {
        for left in stated[..index].iter().filter(|left| left.check == right.check) {
            if let Some(why) = clash(left, right).or_else(|| clash(right, left)) {
                return Some((left, right, why));
            }
        }
    }
    let denied = parts.iter().flat_map(|part| match part {
        Condition::None(parts) => parts.iter().filter_map(some_subject).collect(),
        Condition::Atom(atom) if atom.over == Over::None => vec![atom],
        _ => Vec::new(),
    });
    let denied: Vec<&Atom> = denied.collect();
    stated.iter().find_map(|left| {
        let right = denied.iter().find(|right| left.check == right.check && follows(&left.test, &right.test))?;
        Some((*left, *right, "it is stated and denied".to_owned()))
    })
}

fn some_subject(condition: &Condition) -> Option<&Atom> {
    match condition {
        Condition::Atom(atom) if atom.over == Over::Any => Some(atom),
        _ => None,
    }
}

/// Why no subject shows both.
fn clash(left: &Atom, right: &Atom) -> Option<String> {
    match (&left.test, &right.test) {
        (Test::Outcome(one), Test::Outcome(other)) if one != other => Some("a check ends in one way only".to_owned()),
        (Test::Outcome(outcome), Test::Code(_) | Test::Family(_)) if *outcome != Outcome::Problem => {
            Some("a check with a problem code ends as `problem`".to_owned())
        }
        (Test::Outcome(Outcome::Unknown | Outcome::Skipped), Test::Fact(..) | Test::Via(_)) => {
            Some("a check that was not made says nothing else".to_owned())
        }
        (Test::Fact(name, one), Test::Fact(other_name, other)) if name == other_name && never_both(one, other) => {
            Some(format!("no value of `{name}` is both"))
        }
        _ => None,
    }
}

fn never_both(one: &Compare, other: &Compare) -> bool {
    match (one, other) {
        (Compare::Is(value), other) => other.test(Some(value)) == Some(false),
        (Compare::OneOf(values), other) => values.iter().all(|value| other.test(Some(value)) == Some(false)),
        (Compare::Above(low), Compare::Below(high)) => low >= high,
        (Compare::Above(_) | Compare::Below(_), Compare::Known(false)) => true,
        _ => false,
    }
}

/// Whether the second statement about a subject holds wherever the first does.
fn follows(from: &Test, to: &Test) -> bool {
    let family = |word: &str| word.split('.').next().map(str::to_owned);
    match (from, to) {
        (from, to) if from == to => true,
        (Test::Code(_) | Test::Family(_), Test::Outcome(outcome)) => *outcome == Outcome::Problem,
        (Test::Code(code), Test::Family(name)) => family(code.word()).as_ref() == Some(name),
        (Test::Fact(name, one), Test::Fact(other_name, other)) => name == other_name && always_too(one, other),
        _ => false,
    }
}

fn always_too(one: &Compare, other: &Compare) -> bool {
    match (one, other) {
        (Compare::Is(value), other) => other.test(Some(value)) == Some(true),
        (Compare::OneOf(values), other) => values.iter().all(|value| other.test(Some(value)) == Some(true)),
        (Compare::Above(one), Compare::Above(other)) => one >= other,
        (Compare::Below(one), Compare::Below(other)) => one <= other,
        (Compare::Above(_) | Compare::Below(_), Compare::Known(known)) => *known,
        _ => false,
    }
}

/// What a condition states, ready to be compared with that of every other cause.
pub(super) struct Stated<'c> {
    parts: Vec<&'c Condition>,
    /// One bit for each check that a plain statement is about; several checks may share one. Most pairs of causes differ in
    /// these already, and a library has a hundred thousand pairs.
    checks: u64,
}

impl<'c> Stated<'c> {
    /// What this condition states.
    pub(super) fn of(condition: &'c Condition) -> Stated<'c> {
        let parts = conjuncts(condition);
        let checks = parts.iter().filter_map(|part| some_subject(part)).map(|atom| bit(&atom.check));
        Stated { checks: checks.fold(0, |all, bit| all | bit), parts }
    }

    /// How the two stand to each other, with this one as the first.
    pub(super) fn compare(&self, second: &Stated<'_>) -> Pair {
        // A statement follows only from one about the same check.
        if second.checks & !self.checks != 0 { Pair::Different } else { compare(&self.parts, &second.parts) }
    }
}

fn bit(check: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    check.hash(&mut hasher);
    1 << (hasher.finish() % 64)
}

/// A condition as the list of statements that must all hold.
fn conjuncts(condition: &Condition) -> Vec<&Condition> {
    match condition {
        Condition::All(parts) => parts.iter().flat_map(conjuncts).collect(),
        other => vec![other],
    }
}

/// Whether one more statement says nothing that these do not say already.
fn says_nothing_new(all: &[&Condition], one: &Condition) -> bool {
    all.contains(&one)
        || some_subject(one).is_some_and(|wanted| {
            let mut stated = all.iter().filter_map(|part| some_subject(part));
            stated.any(|atom| atom.check == wanted.check && follows(&atom.test, &wanted.test))
        })
}

/// How two conditions stand to each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pair {
    /// Both hold in the same cases, and neither is the more special one.
    Same,
    /// The second states all that the first does and something that follows from it: the second always wins.
    SecondWins,
    /// Anything else: there is a case that tells them apart.
    Different,
}

/// Compares the statements of two conditions.
fn compare(first: &[&Condition], second: &[&Condition]) -> Pair {
    let second_follows = second.iter().all(|part| says_nothing_new(first, part));
    let includes = |large: &[&Condition], small: &[&Condition]| {
        large.len() > small.len() && small.iter().all(|part| large.contains(part))
    };
    if !second_follows || includes(first, second) {
        Pair::Different
    } else if includes(second, first) {
        Pair::SecondWins
    } else if first.iter().all(|part| says_nothing_new(second, part)) {
        Pair::Same
    } else {
        Pair::Different
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn atom(check: &str, test: Test) -> Condition {
        Condition::Atom(Atom { check: check.to_owned(), over: Over::Any, test })
    }

    fn fact(compare: Compare) -> Condition {
        atom("a", Test::Fact("x".to_owned(), compare))
    }

    fn code(check: &str) -> Condition {
        atom(check, Test::Code(crate::problem::Code::DnsTimeout))
    }

    #[test]
    fn finds_what_can_never_hold_and_nothing_else() {
        let outcome = |outcome| atom("a", Test::Outcome(outcome));
        let never = [
            vec![outcome(Outcome::Ok), code("a")],
            vec![code("a"), outcome(Outcome::Unknown)],
            vec![outcome(Outcome::Ok), outcome(Outcome::Problem)],
            vec![fact(Compare::Above(5.0)), fact(Compare::Below(5.0))],
            vec![fact(Compare::Is(json!("p"))), fact(Compare::Is(json!("q")))],
            vec![fact(Compare::OneOf(vec![json!(1), json!(2)])), fact(Compare::Above(2.0))],
            vec![fact(Compare::Known(false)), fact(Compare::Is(json!("p")))],
            vec![code("a"), Condition::None(vec![outcome(Outcome::Problem)])],
            vec![Condition::Any(vec![Condition::All(vec![outcome(Outcome::Ok), code("a")])])],
        ];
        for parts in never {
            assert!(contradiction(&Condition::All(parts.clone())).is_some(), "{parts:?}");
        }
        let sometimes = [
            vec![outcome(Outcome::Problem), code("a")],
            vec![outcome(Outcome::Ok), code("b")],
            vec![fact(Compare::Above(4.0)), fact(Compare::Below(5.0))],
            vec![fact(Compare::Not(json!("p"))), fact(Compare::Is(json!("q")))],
            vec![Condition::Any(vec![Condition::All(vec![outcome(Outcome::Ok), code("a")]), code("b")])],
            vec![outcome(Outcome::Problem), Condition::None(vec![code("a")])],
        ];
        for parts in sometimes {
            assert_eq!(contradiction(&Condition::All(parts.clone())), None, "{parts:?}");
        }
    }

    #[test]
    fn knows_which_of_two_conditions_is_the_more_special() {
        let problem = atom("a", Test::Outcome(Outcome::Problem));
        let (a, b) = (code("a"), code("b"));
        let one = fact(Compare::Is(json!(1)));
        let list = fact(Compare::OneOf(vec![json!(1)]));
        for (first, second, pair) in [
            (vec![&a, &b], vec![&b, &a], Pair::Same),
            (vec![&one], vec![&list], Pair::Same),
            (vec![&a], vec![&a, &problem], Pair::SecondWins),
            (vec![&a, &problem], vec![&a], Pair::Different),
            (vec![&a], vec![&a, &b], Pair::Different),
            (vec![&a], vec![&problem], Pair::Different),
            (vec![&a], vec![&b], Pair::Different),
        ] {
            assert_eq!(compare(&first, &second), pair, "{first:?} {second:?}");
        }
    }
}
