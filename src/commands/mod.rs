//! The commands, one file each. `main` parses, `dispatch` reads like a table of contents.

mod explain;
mod generate;
mod handover;
mod library;
mod list;
mod packet;
mod plan;
mod playbook;
mod probe;
mod replay;
mod run;
mod schema;
mod settings;
mod trust;

use crate::cli::{Cli, Command, KeyFlags, RunFlags};
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::packet::redact::mask;
use crate::seal::signature::Password;
use crate::sys;
use crate::ui::person::ask_for_password;
use crate::ui::{self, Terminal};
use clap::Parser;
use clap::error::ErrorKind;
use std::process::ExitCode;

/// The whole program. Nothing is set up before the command line is read, so that `--help` comes at once.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return not_parsed(&error),
    };
    sorry_on_panic();
    sys::share_one_heap();
    match dispatch(cli) {
        Ok(exit) => exit.into(),
        Err(error) => {
            // It may repeat what somebody typed.
            ui::tell(&mask(&error.to_string()));
            Exit::Undecided.into()
        }
    }
}

fn dispatch(cli: Cli) -> Result<Exit> {
    let context = Context { terminal: Terminal::detect(cli.common.no_color), common: cli.common };
    match cli.command {
        None => run::triage(&context, &cli.run),
        Some(Command::Run { what, flags }) => run::one(&context, &what, &flags.over(cli.run)),
        Some(Command::Plan { what, flags }) => plan::plan(&context, &what, &flags.over(cli.run)),
        Some(command) => {
            refuse_run_flags(&cli.run)?;
            without_run(&context, command)
        }
    }
}

fn without_run(context: &Context, command: Command) -> Result<Exit> {
    match command {
        Command::Probe { kind, target, flags } => probe::probe(context, &kind, target.as_deref(), &flags),
        Command::List { what } => list::list(context, what),
        Command::Settings => settings::settings(context),
        Command::Explain { id } => explain::explain(context, &id),
        Command::Playbook(command) => playbook::playbook(context, &command),
        Command::Packet(command) => packet::packet(context, &command),
        Command::Replay { stored, playbook } => replay::replay(context, &stored, playbook.as_deref()),
        Command::Generate(command) => generate::generate(context, &command),
        Command::Run { .. } | Command::Plan { .. } => Err(Error::internal("a run came where no run is expected")),
    }
}

/// What every command knows.
pub(crate) struct Context {
    pub terminal: Terminal,
    pub common: crate::cli::Common,
}

impl Context {
    /// The chosen format, `text` where none was.
    pub fn format(&self) -> &str {
        self.common.format.as_deref().unwrap_or("text")
    }

    /// Whether standard output must be one JSON document.
    pub fn wants_json(&self) -> bool {
        self.format() == "json"
    }

    /// Writes the result.
    pub fn print(&self, text: &str) -> Result<()> {
        ui::print(text, &self.terminal)
    }

    /// Writes a value as the one JSON document.
    pub fn print_json(&self, value: &impl serde::Serialize) -> Result<()> {
        let mut text = serde_json::to_string_pretty(value)
            .map_err(|error| Error::internal("cannot write the result as JSON").because(&error))?;
        text.push('\n');
        self.print(&ui::escape_json(&text))
    }

    /// Where the password of a secret key comes from: the file that was named, else whoever sits at the terminal.
    pub fn password<'a>(&self, flags: &'a KeyFlags) -> Password<'a> {
        let ask: &dyn Fn(&str) -> Option<String> =
            if self.terminal.can_ask() { &|question| ask_for_password(question) } else { &|_| None };
        Password { file: flags.password_file.as_deref(), ask }
    }

    /// A line for the person at the terminal; unattended runs have a silent standard error.
    pub fn warn(&self, text: &str) {
        if self.terminal.stderr && !self.common.quiet {
            ui::tell(&format!("warning: {}", ui::escape(&mask(text))));
        }
    }
}

/// Help and version are results; anything else is bad usage, which must not look like a diagnosed fault (2).
fn not_parsed(error: &clap::Error) -> ExitCode {
    if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
        let _ = error.print();
        return Exit::Good.into();
    }
    let text = error.to_string();
    match mask(&text) {
        masked if masked == text => drop(error.print()),
        masked => ui::tell(masked.trim_end()),
    }
    Exit::Undecided.into()
}

fn refuse_run_flags(flags: &RunFlags) -> Result<()> {
    if *flags == RunFlags::default() {
        return Ok(());
    }
    Err(Error::usage("flags of a run stand before a command that runs nothing")
        .hint("`firstline --help` lists them under `Run`; put a command's own flags after it"))
}

/// A bug in this program must not look like a fault of the machine, and must not lose what was collected.
fn sorry_on_panic() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(|place| format!(" ({}:{})", place.file(), place.line())).unwrap_or_default();
        let what = panic
            .payload()
            .downcast_ref::<&str>()
            .map(|text| (*text).to_owned())
            .or_else(|| panic.payload().downcast_ref::<String>().cloned())
            .unwrap_or_else(|| "no message".to_owned());
        let mut text = format!("error in firstline itself: sorry, this is a bug{place}: {}", ui::escape(&mask(&what)));
        if let Some(folder) = crate::packet::spool::current() {
            text.push_str(&format!(
                "\n\nhint: what was seen until now is in {}",
                ui::escape(&folder.to_string_lossy())
            ));
        }
        ui::tell(&text);
        std::process::exit(Exit::Undecided.number().into());
    }));
}
