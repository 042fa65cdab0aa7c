//! All worlds, by what is wrong in them. A world is one value; a file of worlds is one line here.

mod healthy;

use crate::world::World;

const ALL: &[&[World]] = &[healthy::WORLDS];

/// Every world.
pub fn all() -> Vec<World> {
    ALL.iter().flat_map(|worlds| worlds.iter().copied()).collect()
}
