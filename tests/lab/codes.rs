//! Where each problem code is shown: by a world of the lab, or, for those listed here, elsewhere and why. The run of the
//! whole lab checks that this is so.

use firstline::problem::Code;

/// Where a code is shown.
#[derive(Clone, Copy)]
pub enum Shown {
    /// A world's observations have it.
    Lab,
    /// A test with a recorded or made-up state has it: the file, and why no world can.
    Fixture(&'static str, &'static str),
    /// It is a matter of devices that no lab has: the file with the recorded state, and which device.
    Hardware(&'static str, &'static str),
    /// No probe reports it yet: see "Reserved codes" in `docs/architecture.md`.
    Reserved(&'static str),
}

use Shown::{Fixture, Hardware, Reserved};

const ELSEWHERE: &[(Code, Shown)] = &[];

/// Where this code is shown.
pub fn shown(code: Code) -> Shown {
    ELSEWHERE.iter().find(|(other, _)| *other == code).map_or(Shown::Lab, |(_, shown)| *shown)
}
