//! The diagnosis: pure functions over values. It never touches the world, so every stored packet can be judged again.

pub mod verdict;
