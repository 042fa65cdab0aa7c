//! Whether the checks can be put in an order.

use super::Lint;
use crate::playbook::draft::{DraftCheck, Fill};
use crate::playbook::mistake::{At, Kind, Mistake};
use crate::playbook::template;
use std::collections::{BTreeMap, BTreeSet};

impl<'d> Lint<'d> {
    /// Checks that wait for each other: through `after`, through the checks that `when` looks at, and through templates.
    pub(super) fn cycles(&mut self) {
        let needs: BTreeMap<&'d str, Vec<(&'d str, At)>> =
            self.draft.checks.iter().map(|check| (check.check.id.as_str(), self.needs(check))).collect();
        let mut done: BTreeSet<&'d str> = BTreeSet::new();
        for check in &self.draft.checks {
            if done.contains(check.check.id.as_str()) {
                continue;
            }
            // A stack of its own instead of recursion: a hostile file can make a chain as long as it likes.
            let mut path: Vec<(&'d str, usize)> = vec![(check.check.id.as_str(), 0)];
            while let Some((id, next)) = path.last().copied() {
                let edge = needs.get(id).and_then(|edges| edges.get(next));
                match edge {
                    Some((to, at)) => {
                        if let Some((_, next)) = path.last_mut() {
                            *next += 1;
                        }
                        if let Some(start) = path.iter().position(|(on, _)| on == to) {
                            let ring: Vec<&str> = path[start..].iter().map(|(on, _)| *on).collect();
                            let mistake = ring_mistake(&ring, at);
                            self.mistakes.add(mistake);
                        } else if !done.contains(to) {
                            path.push((to, 0));
                        }
                    }
                    None => {
                        done.insert(id);
                        path.pop();
                    }
                }
            }
        }
    }

    fn needs(&self, check: &'d DraftCheck) -> Vec<(&'d str, At)> {
        let mut needs: Vec<(&'d str, At)> = Vec::new();
        for (id, at) in check.check.after.iter().zip(&check.after) {
            needs.push((id.as_str(), at.clone()));
        }
        for atom in &check.atoms {
            needs.extend(self.checks.get_key_value(atom.atom.check.as_str()).map(|(id, _)| (*id, atom.check.clone())));
        }
        for text in check.texts.iter().filter(|text| text.fill == Fill::Everything) {
            for path in template::named(&text.text).iter() {
                let id = template::check_of(path.split('.').next().unwrap_or_default());
                needs.extend(self.checks.get_key_value(id.as_str()).map(|(id, _)| (*id, text.at.clone())));
            }
        }
        needs.retain(|(id, _)| self.checks.contains_key(id));
        needs
    }
}

fn ring_mistake(ring: &[&str], at: &At) -> Mistake {
    let message = match ring {
        [one] => format!("the check `{one}` waits for itself"),
        _ => {
            let names: Vec<String> = ring.iter().chain(ring.first()).map(|id| format!("`{id}`")).collect();
            format!("checks wait for each other: {}", names.join(" needs "))
        }
    };
    let help = "a check needs what `after`, `when` and its templates name; none of them may lead back to it";
    Mistake::new(Kind::Cycle, at, message).label("this closes the circle").help(help)
}
