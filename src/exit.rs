//! Exit codes: the status words as numbers (DESIGN section 6), for scripts and remote-management agents.

use crate::diagnosis::verdict::Status;
use std::process::ExitCode;

/// How the process ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// 0: healthy, or a command that does not diagnose did its work.
    Good,
    /// 1: it works, but not well.
    Degraded,
    /// 2: it does not work, or something was found wrong.
    Fault,
    /// 3: undecided, bad usage, or a failure of this program.
    Undecided,
}

impl Exit {
    /// The number.
    pub fn number(self) -> u8 {
        match self {
            Exit::Good => 0,
            Exit::Degraded => 1,
            Exit::Fault => 2,
            Exit::Undecided => 3,
        }
    }

    /// For commands that check a file: good or found wrong.
    pub fn found(good: bool) -> Self {
        if good { Exit::Good } else { Exit::Fault }
    }
}

impl From<Status> for Exit {
    fn from(status: Status) -> Self {
        match status {
            Status::Healthy => Exit::Good,
            Status::Degraded => Exit::Degraded,
            Status::Fault => Exit::Fault,
            Status::Undecided => Exit::Undecided,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        ExitCode::from(exit.number())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_are_an_interface() {
        let cases = [(Status::Healthy, 0), (Status::Degraded, 1), (Status::Fault, 2), (Status::Undecided, 3)];
        for (status, number) in cases {
            assert_eq!(Exit::from(status).number(), number);
        }
    }
}
