//! The lab: the program under test runs on a client in a small network made of real kernel namespaces, real sockets and
//! real servers, with one fault (or two) injected, and must name the right layer, cause and culprit. It needs no rights
//! beyond user namespaces and nothing installed, except for the worlds whose names begin with `real-`: there the servers
//! are the programs that the world has (dnsmasq, squid, nginx and others of `packages.txt`). What the kernel cannot do or
//! the machine does not have is skipped loudly.
//!
//! ```text
//! cargo test --test lab                    all worlds
//! cargo test --test lab -- resolver        those with `resolver` in their name
//! cargo test --test lab -- --list
//! cargo test --test lab -- --codes         by what each problem code is shown: a world, a fixture, recorded hardware
//! cargo test --test lab -- --prove         only what plain sockets must see; the program under test is not started
//! cargo test --test lab -- --accuracy      measures, and writes docs/reference/accuracy.md
//! cargo test --test lab -- --under-load 20 each world 20 times with busy processors, published there too
//! cargo test --test lab -- --by-chance 20  the worlds that throw dice, judged by how often they are diagnosed wrongly
//! cargo test --test lab -- --reference     what the reference script says, of one world or of many
//! cargo test --test lab -- --show NAME     the text report of one world
//! cargo test --test lab -- --picture NAME  its picture, a page of HTML, on standard output
//! cargo test --test lab -- --freeze NAME   its packet, an archive, on standard output (see tests/packets/README.md)
//! cargo test --test lab -- --shell NAME    a shell on the client of one world
//! ```
//!
//! `FIRSTLINE_LAB_NO_SKIP=1` makes a skip a failure, `FIRSTLINE_LAB_WORKERS` sets how many worlds run at once,
//! `FIRSTLINE_LAB_RESULTS` names a file for the verdicts as JSON, `FIRSTLINE_LAB_BINARY` names another binary to put
//! under test, and `FIRSTLINE_LAB_KEEP` a folder for the packets of runs whose verdict changed under load. A world is one value in `worlds/`.

#[cfg(target_os = "linux")]
mod accuracy;
#[cfg(target_os = "linux")]
#[path = "../fixtures/canary.rs"]
mod canary;
#[cfg(target_os = "linux")]
mod census;
#[cfg(target_os = "linux")]
mod certificates;
#[cfg(target_os = "linux")]
mod chance;
#[cfg(target_os = "linux")]
mod codes;
#[cfg(target_os = "linux")]
mod daemon;
#[cfg(target_os = "linux")]
mod dhcp;
#[cfg(target_os = "linux")]
mod dns;
#[cfg(target_os = "linux")]
mod harness;
#[cfg(target_os = "linux")]
mod inside;
#[cfg(target_os = "linux")]
mod installed;
#[cfg(target_os = "linux")]
mod leaks;
#[cfg(target_os = "linux")]
mod machine;
#[cfg(target_os = "linux")]
mod measure;
#[cfg(target_os = "linux")]
mod namespace;
#[cfg(target_os = "linux")]
mod network;
#[cfg(target_os = "linux")]
mod promises;
#[cfg(target_os = "linux")]
mod proof;
#[cfg(target_os = "linux")]
mod publish;
#[cfg(target_os = "linux")]
mod reference;
#[cfg(target_os = "linux")]
mod results;
#[cfg(target_os = "linux")]
mod scene;
#[cfg(target_os = "linux")]
mod servers;
#[cfg(target_os = "linux")]
mod spoken;
#[cfg(target_os = "linux")]
#[path = "../fixtures/told.rs"]
mod told;
#[cfg(target_os = "linux")]
mod wire;
#[cfg(target_os = "linux")]
mod world;
#[cfg(target_os = "linux")]
mod worlds;

#[cfg(target_os = "linux")]
fn main() -> std::process::ExitCode {
    harness::main()
}

#[cfg(not(target_os = "linux"))]
fn main() {
    println!("the lab needs the namespaces of Linux\n0 passed, 0 failed, 1 skipped");
    if std::env::var_os("FIRSTLINE_LAB_NO_SKIP").is_some() {
        std::process::exit(1);
    }
}
