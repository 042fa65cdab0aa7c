//! What can be said on the command line. Only parsed text: what it means is decided in `request`.

use crate::packet::redact::Level;
use crate::report;
use clap::builder::PossibleValuesParser;
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;
use std::time::Duration;

/// The deadline where nobody sets one: remote-management agents kill after 60 to 90 seconds.
pub const DEFAULT_DEADLINE: Duration = Duration::from_secs(60);

/// Longest deadline that makes sense for one run; a fault that needs longer is one to wait for, not to look at.
const LONGEST_DEADLINE: Duration = Duration::from_secs(3600);

const EXAMPLES: &str = "\
Examples:
  firstline                                               triage this machine
  firstline run \"the crm is down\" https://crm.example     in the user's words
  firstline run dns crm.example --ticket INC-1042         one playbook, for a ticket
  firstline --format json                                 for scripts

Exit codes: 0 healthy, 1 degraded, 2 fault, 3 undecided, bad usage or own failure.";

const RUN_EXAMPLES: &str = "\
Examples:
  firstline run no-internet
  firstline run \"the crm is down\" https://crm.example
  firstline run dns crm.example --full --output /tmp
  firstline run one-site-fails crm.example --answer other-machine=yes --no-input";

const SEND_EXAMPLES: &str = "\
Examples:
  firstline packet send packet.zip --to zammad --ticket 1042 --set url=https://support.example --token-file token
  firstline packet send packet.zip --to zammad --ticket 1042 --set url=https://support.example --dry-run
  firstline explain connector:zammad                                         what it wants and does

Exit codes: 0 sent, 2 refused there or found wrong here, 3 bad usage or own failure.";

/// Finds out why this machine cannot do what its user needs, and hands the evidence on. Without a command: triage.
#[derive(Debug, Parser)]
#[command(name = "firstline", version, after_help = EXAMPLES, max_term_width = 100)]
pub struct Cli {
    #[command(flatten)]
    pub common: Common,
    #[command(flatten)]
    pub run: RunFlags,
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// Flags that every command takes.
#[derive(Debug, Clone, Default, Args)]
pub struct Common {
    /// How the result is written [default: text]
    #[arg(long, global = true, value_name = "FORMAT", value_parser = PossibleValuesParser::new(report::names()))]
    pub format: Option<String>,
    /// No progress and no warnings on standard error
    #[arg(long, short, global = true)]
    pub quiet: bool,
    /// Show every observation
    #[arg(long, short, global = true)]
    pub verbose: bool,
    /// Settings file to use instead of the usual places
    #[arg(long, global = true, value_name = "FILE")]
    pub settings: Option<PathBuf>,
    /// No colour (NO_COLOR does the same)
    #[arg(long, global = true)]
    pub no_color: bool,
}

/// Flags of whatever looks at the machine.
#[derive(Debug, Clone, Default, PartialEq, Args)]
pub struct RunFlags {
    /// Folder for the packet [default: current folder on a terminal, else the state folder]
    #[arg(long, short, value_name = "DIR", help_heading = "Run")]
    pub output: Option<PathBuf>,
    /// When to stop with what is known: 30, 90s, 2m [default: 60s]
    #[arg(long, value_name = "TIME", value_parser = duration, help_heading = "Run")]
    pub deadline: Option<Duration>,
    /// Look at everything, for the packet
    #[arg(long, conflicts_with = "one_by_one", help_heading = "Run")]
    pub full: bool,
    /// One check at a time: the pure binary search
    #[arg(long, help_heading = "Run")]
    pub one_by_one: bool,
    /// An input of the playbook, or a parameter of the probe
    #[arg(long, value_name = "NAME=VALUE", value_parser = pair, help_heading = "Run")]
    pub set: Vec<(String, String)>,
    /// The answer to a question, given beforehand
    #[arg(long, value_name = "CHECK=VALUE", value_parser = pair, help_heading = "Run")]
    pub answer: Vec<(String, String)>,
    /// Ask nothing
    #[arg(long, help_heading = "Run")]
    pub no_input: bool,
    /// Let a playbook that nobody vouches for start its programs; only at a terminal
    #[arg(long, help_heading = "Run")]
    pub allow_commands: bool,
    /// How much is hidden in the packet, and in what is piped [default: standard]
    #[arg(long, value_name = "LEVEL", value_enum, help_heading = "Run")]
    pub redact: Option<Level>,
    /// What people said, from a file (`firstline generate case` writes an empty one)
    #[arg(long, value_name = "FILE", help_heading = "Case")]
    pub case: Option<PathBuf>,
    /// Ticket that the packet belongs to
    #[arg(long, value_name = "ID", help_heading = "Case")]
    pub ticket: Option<String>,
    /// What the user says is wrong
    #[arg(long, value_name = "TEXT", help_heading = "Case")]
    pub symptom: Option<String>,
    /// The exact error text or code
    #[arg(long, value_name = "TEXT", help_heading = "Case")]
    pub error: Option<String>,
    /// Since when
    #[arg(long, value_name = "TEXT", help_heading = "Case")]
    pub since: Option<String>,
    /// A step that was taken before, and what came of it; several in their order
    #[arg(long, value_name = "WHAT = RESULT", help_heading = "Case")]
    pub tried: Vec<String>,
    /// Any other field of the case: user, contact, scope, effect, changed ... (`unknown` where nobody knows)
    #[arg(long, value_name = "FIELD=VALUE", value_parser = pair, help_heading = "Case")]
    pub said: Vec<(String, String)>,
}

impl RunFlags {
    /// The flags before the command together with those after it; the latter win.
    pub fn over(self, before: RunFlags) -> RunFlags {
        RunFlags {
            output: self.output.or(before.output),
            deadline: self.deadline.or(before.deadline),
            full: (self.full || before.full) && !self.one_by_one,
            one_by_one: (self.one_by_one || before.one_by_one) && !self.full,
            set: [before.set, self.set].concat(),
            answer: [before.answer, self.answer].concat(),
            no_input: self.no_input || before.no_input,
            allow_commands: self.allow_commands || before.allow_commands,
            case: self.case.or(before.case),
            ticket: self.ticket.or(before.ticket),
            symptom: self.symptom.or(before.symptom),
            redact: self.redact.or(before.redact),
            error: self.error.or(before.error),
            since: self.since.or(before.since),
            tried: [before.tried, self.tried].concat(),
            said: [before.said, self.said].concat(),
        }
    }
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run one playbook: an id, a file, or the user's words
    #[command(after_help = RUN_EXAMPLES)]
    Run {
        #[command(flatten)]
        what: What,
        #[command(flatten)]
        flags: RunFlags,
    },
    /// Show what would be checked, in which order, at which cost, and every connection
    Plan {
        #[command(flatten)]
        what: What,
        #[command(flatten)]
        flags: RunFlags,
    },
    /// Make one check by hand
    #[command(after_help = "Examples:\n  firstline probe dns crm.example\n  firstline probe tcp 10.0.0.7:3389\n  \
                            firstline explain probe:dns          which parameters --set takes")]
    Probe {
        /// Kind of check; `firstline list probes` shows them
        kind: String,
        /// What to look at: a URL, a host, or host:port
        target: Option<String>,
        #[command(flatten)]
        flags: ProbeFlags,
    },
    /// List probes, codes, causes, playbooks, connectors, or whose playbooks are trusted
    List {
        /// Only these
        #[arg(value_enum)]
        what: Option<Listing>,
    },
    /// Explain a probe, layer, problem code, cause, playbook or connector
    #[command(after_help = "Examples:\n  firstline explain dns.timeout\n  firstline explain probe:dns\n  \
                            firstline explain layer:dns")]
    Explain {
        /// Its id; `probe:`, `layer:`, `code:`, `cause:`, `playbook:` or `connector:` in front where it is ambiguous
        id: String,
    },
    /// Show the settings in force, what each is for, and where it comes from
    Settings,
    /// Check, test and show playbooks
    #[command(subcommand)]
    Playbook(PlaybookCommand),
    /// Show, verify and render stored packets
    #[command(subcommand)]
    Packet(PacketCommand),
    /// Judge a stored packet again
    Replay {
        #[command(flatten)]
        stored: Stored,
        /// Use this playbook instead of the one in the packet
        #[arg(long, value_name = "PLAYBOOK")]
        playbook: Option<String>,
    },
    /// Write completions, the man page, the schema or the reference pages
    #[command(subcommand)]
    Generate(GenerateCommand),
}

/// Which playbook, at what.
#[derive(Debug, Clone, Args)]
pub struct What {
    /// Playbook id, file, or the user's words
    pub playbook: String,
    /// What fails: a URL, a host, or host:port
    pub target: Option<String>,
    /// The symptom in the user's words
    pub words: Vec<String>,
}

/// Flags of one check by hand.
#[derive(Debug, Clone, Default, Args)]
pub struct ProbeFlags {
    /// A parameter of the probe
    #[arg(long, value_name = "NAME=VALUE", value_parser = pair)]
    pub set: Vec<(String, String)>,
    /// When to stop: 30, 90s, 2m [default: 60s]
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub deadline: Option<Duration>,
}

/// What can be listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Listing {
    Probes,
    Codes,
    Causes,
    Playbooks,
    Connectors,
    /// Whose playbooks may start programs, by the settings
    Trust,
}

/// How a playbook can be shown.
pub const PICTURES: [&str; 3] = ["text", "mermaid", "svg"];

/// Commands for playbooks.
#[derive(Debug, Subcommand)]
pub enum PlaybookCommand {
    /// Look for mistakes
    Lint {
        /// Playbook files or ids; all built-in ones where none is given
        playbooks: Vec<String>,
    },
    /// Run the tests that playbooks carry
    Test {
        /// Playbook files or ids; all built-in ones where none is given
        playbooks: Vec<String>,
    },
    /// Write a commented playbook to begin with, into ID.toml
    New {
        /// The new playbook's id, such as `leave-requests`
        id: String,
        /// File to write instead; `-` for standard output
        #[arg(long, short, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// Vouch for a playbook, so that it may start programs where the key is trusted
    #[command(after_help = "Examples:\n  firstline playbook sign wiki.toml --key ~/.minisign/minisign.key    writes \
                            wiki.toml.minisig\n  minisign -V -p minisign.pub -m wiki.toml                             the \
                            stock tool checks it, too")]
    Sign {
        /// Playbook file; what it includes from beside it is signed, too
        playbook: PathBuf,
        #[command(flatten)]
        key: KeyFlags,
    },
    /// Show what a playbook looks at in which order, and its causes
    Show {
        /// Playbook id, file, or the user's words
        playbook: String,
        /// `mermaid` draws it for wikis and code hosts, `svg` for a browser [default: text]
        #[arg(long, value_name = "FORMAT", value_parser = PossibleValuesParser::new(PICTURES))]
        format: Option<String>,
    },
}

/// A packet that somebody sent.
#[derive(Debug, Clone, Args)]
pub struct Stored {
    /// Packet, zip or JSON
    pub packet: PathBuf,
    /// age identity that opens it where it is encrypted
    #[arg(long, value_name = "FILE")]
    pub identity: Option<PathBuf>,
}

/// What goes where, and by whose leave.
#[derive(Debug, Clone, Args)]
pub struct Sending {
    #[command(flatten)]
    pub stored: Stored,
    /// Connector: an id of `firstline list connectors`, or a file
    #[arg(long, value_name = "CONNECTOR")]
    pub to: String,
    /// Ticket that it goes to [default: that of the packet]
    #[arg(long, value_name = "ID")]
    pub ticket: Option<String>,
    /// An input of the connector, such as url=https://support.example; a secret one is read from a file: NAME=@FILE
    #[arg(long, value_name = "NAME=VALUE", value_parser = pair)]
    pub set: Vec<(String, String)>,
    /// File with the token or password, which only its owner can read
    #[arg(long, value_name = "FILE", conflicts_with = "token_stdin")]
    pub token_file: Option<PathBuf>,
    /// Read the token or password from standard input
    #[arg(long)]
    pub token_stdin: bool,
    /// Show every request without the token, and send nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Send without asking
    #[arg(long)]
    pub yes: bool,
    /// Send without asking by leave of this policy, whose name the record carries
    #[arg(long, value_name = "NAME")]
    pub policy: Option<String>,
    /// Send also what hides no names and secrets
    #[arg(long)]
    pub unredacted: bool,
    /// It goes to people outside: warn of what they can read
    #[arg(long)]
    pub outside: bool,
    /// Allow http, and mail without encryption
    #[arg(long)]
    pub insecure_http: bool,
}

/// With what something is signed.
#[derive(Debug, Clone, Args)]
pub struct KeyFlags {
    /// minisign secret key
    #[arg(long, value_name = "FILE")]
    pub key: PathBuf,
    /// File with the password of the key, where it has one and nobody at a terminal can be asked; `-` for standard input
    #[arg(long, value_name = "FILE")]
    pub password_file: Option<PathBuf>,
}

/// Commands for packets.
#[derive(Debug, Subcommand)]
pub enum PacketCommand {
    /// Show what is in a packet
    Show {
        #[command(flatten)]
        stored: Stored,
    },
    /// Check that a packet is whole, and by whom it is
    Verify {
        #[command(flatten)]
        stored: Stored,
        /// minisign public key that must have signed it
        #[arg(long, value_name = "FILE")]
        key: Option<PathBuf>,
    },
    /// Sign a packet, for `packet verify` or `minisign -V`
    Sign {
        /// Packet
        packet: PathBuf,
        #[command(flatten)]
        key: KeyFlags,
    },
    /// Encrypt a packet to people, who open it with `age -d` or `--identity`
    Seal {
        /// Packet
        packet: PathBuf,
        /// File of age recipients, one a line
        #[arg(long, value_name = "FILE")]
        to: PathBuf,
    },
    /// Compare two packets of one machine
    Diff {
        /// The earlier packet
        before: PathBuf,
        /// The later packet
        after: PathBuf,
        /// age identity that opens them where they are encrypted
        #[arg(long, value_name = "FILE")]
        identity: Option<PathBuf>,
    },
    /// Make a packet of what a run left behind that was killed
    Finish {
        /// Spool of the run; all that were left behind where none is given
        spool: Option<PathBuf>,
        /// Folder for the packet [default: the state folder]
        #[arg(long, short, value_name = "DIR")]
        output: Option<PathBuf>,
    },
    /// Remove old packets and what killed runs left behind from the state folder
    ///
    /// Each run does the same at its end and says so. Packets in folders that somebody chose are never touched.
    Purge {
        /// Older than this [default: the setting `keep_days`, 30 days]
        #[arg(long, value_name = "DAYS")]
        older_than: Option<u32>,
        /// Only show what would be removed
        #[arg(long)]
        dry_run: bool,
    },
    /// Render the report of a packet
    Render {
        #[command(flatten)]
        stored: Stored,
    },
    /// Hide more in a packet, before it goes to somebody else
    #[command(
        after_help = "Examples:\n  firstline packet redact firstline-dns-20261122-080000-5f0c.zip            for \
                            a vendor\n  firstline packet redact unredacted.zip --level standard --output /tmp"
    )]
    Redact {
        #[command(flatten)]
        stored: Stored,
        /// How much is hidden
        #[arg(long, value_enum, default_value = "strict")]
        level: Level,
        /// Folder for the new packet [default: that of the old one]
        #[arg(long, short, value_name = "DIR")]
        output: Option<PathBuf>,
    },
    /// Send a packet to a ticket, a mailbox or a store: shows what goes where, and asks
    #[command(after_help = SEND_EXAMPLES)]
    Send(Sending),
    /// Show a packet, or an answer about it, with the names behind the pseudonyms
    Unmask {
        /// Packet, zip or JSON, or a text; `-` for standard input
        file: PathBuf,
        /// age identity that opens it where it is encrypted
        #[arg(long, value_name = "FILE")]
        identity: Option<PathBuf>,
        /// Map to use instead of those of this machine
        #[arg(long, value_name = "FILE")]
        map: Option<PathBuf>,
    },
}

/// What is derived from the binary.
#[derive(Debug, Subcommand)]
pub enum GenerateCommand {
    /// Completions for a shell, on standard output
    Completions { shell: clap_complete::Shell },
    /// The man page, on standard output
    Man,
    /// An empty case file to fill, on standard output
    Case,
    /// JSON Schema of the packet, of its manifest, of playbooks (for editors), or of one probe's parameters, on standard
    /// output
    Schema {
        /// A probe, `manifest` or `playbook`
        of: Option<String>,
    },
    /// The reference pages, into a folder
    Reference {
        #[arg(default_value = "docs/reference")]
        folder: PathBuf,
    },
}

/// Reads `30`, `90s`, `2m`, `1500ms`.
fn duration(text: &str) -> Result<Duration, String> {
    const FORMS: &str = "expected a time such as 30, 90s or 2m";
    let digits = text.find(|character: char| !character.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().map_err(|_| FORMS.to_owned())?;
    let duration = match unit {
        "" | "s" => Duration::from_secs(number),
        "ms" => Duration::from_millis(number),
        "m" => Duration::from_secs(number.saturating_mul(60)),
        _ => return Err(FORMS.to_owned()),
    };
    match duration {
        Duration::ZERO => Err("a run needs some time".to_owned()),
        duration if duration > LONGEST_DEADLINE => Err("the longest deadline is 60m".to_owned()),
        duration => Ok(duration),
    }
}

/// Reads `name=value`; the value may be empty and may hold `=`.
fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.trim().is_empty() => Ok((name.trim().to_owned(), value.to_owned())),
        _ => Err("expected name=value".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_tree_of_commands_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn reads_times() {
        let cases = [("30", 30_000), ("90s", 90_000), ("2m", 120_000), ("1500ms", 1_500)];
        for (text, milliseconds) in cases {
            assert_eq!(duration(text), Ok(Duration::from_millis(milliseconds)), "{text}");
        }
        for text in ["", "s", "0", "-1", "1.5s", "2h", "61m", "99999999999999999999"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn reads_pairs() {
        assert_eq!(pair("a=b=c"), Ok(("a".into(), "b=c".into())));
        assert_eq!(pair("a="), Ok(("a".into(), String::new())));
        assert!(pair("a").is_err() && pair("=b").is_err());
    }

    #[test]
    fn flags_before_and_after_the_command_count() {
        let cli = Cli::parse_from(["firstline", "--deadline", "5", "--full", "run", "dns", "--deadline", "7"]);
        let Some(Command::Run { flags, .. }) = cli.command else { panic!("no run") };
        let flags = flags.over(cli.run);
        assert_eq!((flags.deadline, flags.full), (Some(Duration::from_secs(7)), true));
    }
}
