//! The program: everything is in the library, so that tests reach it.

use firstline::world::real::lookup;
use std::process::ExitCode;

fn main() -> ExitCode {
    // The child that looks a name up begins and ends here, before anything is set up.
    if let Some(name) = lookup::asked() {
        std::process::exit(lookup::lookup_main(&name));
    }
    firstline::commands::main()
}
