//! The program from outside: what it prints, where, and how it exits. One binary, so that it links once.

mod bare;
mod generated;
mod hostile;
mod packets;
mod privacy;
mod run;
mod schema;
mod send;
mod trust;
mod usage;
mod vouched;

use std::path::Path;
use std::process::{Command, Stdio};

/// A playbook whose fault is found at once and without the network.
pub const NOTHING_LISTENS: &str = r#"
schema = 1
id = "nothing-there"
title = "Nothing listens"

[[check]]
id = "resolver"
probe = "dns"
servers = ["127.0.0.1:1"]
name = "crm.example.test"
goal = true

[[cause]]
id = "nothing-listens"
layer = "dns"
prior = "common"
title = "Nothing listens on the resolver's port"
when = [{ check = "resolver", code = "dns.port_closed" }]
plain = "The program that finds addresses is not running."
workaround = ["One"]
"#;

/// One call of the program in a world of its own: no settings, no home, no colour, nothing of the machine's proxies.
pub struct Call {
    pub command: Command,
    pub home: tempfile::TempDir,
}

/// What came of it.
pub struct Ended {
    pub stdout: String,
    pub stderr: String,
    pub exit: i32,
    /// The home folder, kept until the checks are done.
    pub home: tempfile::TempDir,
}

impl Call {
    pub fn new(arguments: &[&str]) -> Self {
        let home = tempfile::tempdir().unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_firstline"));
        command
            .args(arguments)
            .env_clear()
            .env("HOME", home.path())
            .env("TMPDIR", home.path())
            .env("PATH", "/usr/bin:/bin");
        command.stdin(Stdio::null()).current_dir(env!("CARGO_MANIFEST_DIR"));
        Call { command, home }
    }

    /// The same, started by `starter` with its own arguments first, such as `unshare`.
    pub fn behind(starter: &[&str], arguments: &[&str]) -> Self {
        let whole: Vec<&str> = starter[1..]
            .iter()
            .copied()
            .chain([env!("CARGO_BIN_EXE_firstline")])
            .chain(arguments.iter().copied())
            .collect();
        let mut call = Call::new(&[]);
        let mut command = Command::new(starter[0]);
        command.args(whole).env_clear().env("HOME", call.home.path()).env("TMPDIR", call.home.path());
        command.env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").stdin(Stdio::null());
        call.command = command;
        call
    }

    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.command.env(name, value);
        self
    }

    pub fn without_env(mut self, name: &str) -> Self {
        self.command.env_remove(name);
        self
    }

    pub fn within(mut self, folder: &Path) -> Self {
        self.command.current_dir(folder);
        self
    }

    #[track_caller]
    pub fn end(mut self) -> Ended {
        let output = self.command.output().unwrap();
        Ended {
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
            exit: output.status.code().expect("no signal ended it"),
            home: self.home,
        }
    }
}

impl Ended {
    /// Nothing on standard error, and this exit code.
    #[track_caller]
    pub fn silent(self, exit: i32) -> Self {
        assert_eq!((self.stderr.as_str(), self.exit), ("", exit), "{}", self.stdout);
        self
    }

    /// Nothing on standard output, exit 3, and exactly this message.
    #[track_caller]
    pub fn refuses(self, message: &str) {
        assert_eq!((self.stderr.trim_end(), self.stdout.as_str(), self.exit), (message, "", 3));
    }

    /// Standard output as exactly one JSON document.
    #[track_caller]
    pub fn document(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error} in {}", self.stdout))
    }
}

pub fn call(arguments: &[&str]) -> Ended {
    Call::new(arguments).end()
}
