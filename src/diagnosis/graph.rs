//! The graph of checks: what stands on what.

use crate::playbook::Playbook;
use rustc_hash::FxHashMap;

/// A set of checks, by their position in the playbook.
#[derive(Debug, Clone, Default)]
pub struct Set {
    words: Vec<u64>,
}

impl Set {
    fn empty(words: usize) -> Set {
        Set { words: vec![0; words] }
    }

    fn insert(&mut self, position: usize) {
        self.words[position / 64] |= 1 << (position % 64);
    }

    fn add(&mut self, other: &Set) {
        self.words.iter_mut().zip(&other.words).for_each(|(mine, theirs)| *mine |= theirs);
    }

    /// Whether this check is in it.
    pub fn has(&self, position: usize) -> bool {
        self.words[position / 64] & (1 << (position % 64)) != 0
    }

    /// Whether the two have a check in common.
    pub fn meets(&self, other: &Set) -> bool {
        self.words.iter().zip(&other.words).any(|(mine, theirs)| mine & theirs != 0)
    }

    /// Its checks, lowest position first.
    pub fn iter(&self) -> impl Iterator<Item = usize> + '_ {
        self.words.iter().enumerate().flat_map(|(index, &word)| {
            let mut rest = word;
            std::iter::from_fn(move || {
                let bit = (rest != 0).then(|| rest.trailing_zeros() as usize)?;
                rest &= rest - 1;
                Some(index * 64 + bit)
            })
        })
    }
}

/// The closure of `after` over a playbook's checks, by their position.
pub struct Graph {
    positions: FxHashMap<String, usize>,
    /// For each check, the set of those beneath it.
    beneath: Vec<Set>,
}

impl Graph {
    /// Builds it. Unknown names are ignored (the linter refuses them), and a cycle ends where it closes.
    pub fn new(playbook: &Playbook) -> Graph {
        let positions: FxHashMap<String, usize> =
            playbook.checks.iter().enumerate().map(|(index, check)| (check.id.clone(), index)).collect();
        let edges: Vec<Vec<usize>> = playbook
            .checks
            .iter()
            .map(|check| check.after.iter().filter_map(|name| positions.get(name).copied()).collect())
            .collect();
        let words = playbook.checks.len().div_ceil(64);
        let mut beneath: Vec<Option<Set>> = vec![None; edges.len()];
        let mut open = vec![false; edges.len()];
        for start in 0..edges.len() {
            close(start, &edges, words, &mut beneath, &mut open);
        }
        Graph { positions, beneath: beneath.into_iter().map(|set| set.unwrap_or_else(|| Set::empty(words))).collect() }
    }

    /// The position of a check in the playbook.
    pub fn position(&self, check: &str) -> Option<usize> {
        self.positions.get(check).copied()
    }

    /// Whether `lower` is (somewhere) beneath `upper`.
    pub fn is_beneath(&self, lower: &str, upper: &str) -> bool {
        match (self.position(lower), self.position(upper)) {
            (Some(lower), Some(upper)) => self.bit(upper, lower),
            _ => false,
        }
    }

    /// The same by positions.
    pub fn bit(&self, upper: usize, lower: usize) -> bool {
        self.beneath[upper].has(lower)
    }

    /// What is (somewhere) beneath a check.
    pub fn beneath(&self, upper: usize) -> &Set {
        &self.beneath[upper]
    }

    /// These checks as a set; names that the playbook does not have are left out.
    pub fn set<'a>(&self, checks: impl IntoIterator<Item = &'a str>) -> Set {
        let mut set = Set::empty(self.beneath.len().div_ceil(64));
        checks.into_iter().filter_map(|check| self.position(check)).for_each(|position| set.insert(position));
        set
    }

    /// All that is (somewhere) beneath one of these.
    pub fn beneath_any(&self, uppers: &Set) -> Set {
        let mut set = Set::empty(uppers.words.len());
        uppers.iter().for_each(|upper| set.add(&self.beneath[upper]));
        set
    }
}

/// Depth-first without recursion, because a playbook may be a long chain.
fn close(start: usize, edges: &[Vec<usize>], words: usize, beneath: &mut [Option<Set>], open: &mut [bool]) {
    let mut stack = vec![(start, false)];
    while let Some((node, expanded)) = stack.pop() {
        if beneath[node].is_some() {
            continue;
        }
        if expanded {
            let mut set = Set::empty(words);
            for &child in &edges[node] {
                set.insert(child);
                if let Some(lower) = &beneath[child] {
                    set.add(lower);
                }
            }
            beneath[node] = Some(set);
            continue;
        }
        open[node] = true;
        stack.push((node, true));
        for &child in &edges[node] {
            if beneath[child].is_none() && !open[child] {
                stack.push((child, false));
            }
        }
    }
}
