//! The graph of checks: what stands on what.

use crate::playbook::Playbook;
use std::collections::HashMap;

/// The closure of `after` over a playbook's checks, by their position.
pub struct Graph {
    positions: HashMap<String, usize>,
    /// For each check, the set of those beneath it, as bits.
    beneath: Vec<Vec<u64>>,
}

impl Graph {
    /// Builds it. Unknown names are ignored (the linter refuses them), and a cycle ends where it closes.
    pub fn new(playbook: &Playbook) -> Graph {
        let positions: HashMap<String, usize> =
            playbook.checks.iter().enumerate().map(|(index, check)| (check.id.clone(), index)).collect();
        let edges: Vec<Vec<usize>> = playbook
            .checks
            .iter()
            .map(|check| check.after.iter().filter_map(|name| positions.get(name).copied()).collect())
            .collect();
        let words = playbook.checks.len().div_ceil(64);
        let mut beneath: Vec<Option<Vec<u64>>> = vec![None; edges.len()];
        for start in 0..edges.len() {
            close(start, &edges, words, &mut beneath);
        }
        Graph { positions, beneath: beneath.into_iter().map(|set| set.unwrap_or_else(|| vec![0; words])).collect() }
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
        self.beneath[upper][lower / 64] & (1 << (lower % 64)) != 0
    }
}

/// Depth-first without recursion, because a playbook may be a long chain.
fn close(start: usize, edges: &[Vec<usize>], words: usize, beneath: &mut [Option<Vec<u64>>]) {
    let mut stack = vec![(start, false)];
    let mut open = vec![false; edges.len()];
    while let Some((node, expanded)) = stack.pop() {
        if beneath[node].is_some() {
            continue;
        }
        if expanded {
            let mut set = vec![0u64; words];
            for &child in &edges[node] {
                set[child / 64] |= 1 << (child % 64);
                if let Some(lower) = &beneath[child] {
                    set.iter_mut().zip(lower).for_each(|(mine, theirs)| *mine |= theirs);
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
