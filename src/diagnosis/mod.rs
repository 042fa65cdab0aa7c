//! The diagnosis: pure functions over values. It never touches the world, so every stored packet can be judged again.
//!
//! `evidence` arranges what was seen and applies rule 1, `frontier` finds the goal's state and the lowest problems,
//! `causes` names what explains them, `judge` puts the verdict together, `suspects` halves and picks the next check,
//! `elsewhere` says what people's words about other machines may narrow.

mod beside;
pub mod causes;
pub mod elsewhere;
pub mod evaluate;
pub mod evidence;
pub mod frontier;
pub mod graph;
mod judge;
mod ladder;
pub mod open;
mod remaining;
pub mod suspects;
pub mod verdict;
pub mod why;
mod words;

pub use judge::{Judgement, judge, judge_so_far};
