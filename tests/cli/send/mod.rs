//! Sending packets, to servers on the loopback that insist on the documented rules of the real ones.

mod fake;
mod mail;
mod systems;
mod way;

use crate::{Call, Ended, NOTHING_LISTENS};
use fake::{Fake, Reply, reply};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::OnceLock;
use systems::{SYSTEMS, System, TOKEN, attachment_limit};

/// The bytes of a packet, made once for all tests, at a level of redaction.
fn packet(level: &'static str) -> &'static [u8] {
    static STANDARD: OnceLock<Vec<u8>> = OnceLock::new();
    static NONE: OnceLock<Vec<u8>> = OnceLock::new();
    let made = if level == "none" { &NONE } else { &STANDARD };
    made.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let playbook = folder.path().join("own.toml");
        fs::write(&playbook, NOTHING_LISTENS).unwrap();
        let output = folder.path().to_str().unwrap();
        let run = ["run", playbook.to_str().unwrap(), "--output", output, "--redact", level, "--format", "json"];
        let ended = Call::new(&run).end().silent(2);
        fs::read(ended.document()["run"]["packet_path"].as_str().unwrap()).unwrap()
    })
}

/// A folder with a packet and files with tokens.
struct Desk {
    folder: tempfile::TempDir,
}

impl Desk {
    fn new() -> Desk {
        Desk::with(packet("standard"))
    }

    fn with(bytes: &[u8]) -> Desk {
        let desk = Desk { folder: tempfile::tempdir().unwrap() };
        fs::write(desk.path("firstline-x.zip"), bytes).unwrap();
        desk.secret("token", TOKEN);
        desk.secret("app-token", "app-secret-0815");
        desk
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn secret(&self, name: &str, text: &str) {
        fs::write(self.path(name), format!("{text}\n")).unwrap();
        fs::set_permissions(self.path(name), fs::Permissions::from_mode(0o600)).unwrap();
    }

    /// A call in the folder, to send the packet that lies there.
    fn send(&self, more: &[&str]) -> Call {
        Call::new(&[&["packet", "send", "firstline-x.zip"], more].concat()).within(self.folder.path())
    }

    fn record(&self) -> Vec<serde_json::Value> {
        let text = fs::read_to_string(self.path("firstline-x.zip.sent.jsonl")).unwrap_or_default();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// What is said to send to a system at this address.
    fn to(&self, system: &System, url: &str, ticket: Option<&str>) -> Vec<String> {
        let mut words = vec!["--to".to_owned(), system.connector.to_owned()];
        words.extend(["--set".to_owned(), format!("url={url}{}", system.root)]);
        words.extend(system.set.iter().flat_map(|(name, value)| ["--set".to_owned(), format!("{name}={value}")]));
        words.extend(ticket.into_iter().flat_map(|ticket| ["--ticket".to_owned(), ticket.to_owned()]));
        words.extend(["--token-file".to_owned(), "token".to_owned(), "--yes".to_owned()]);
        words
    }

    fn send_to(&self, system: &System, url: &str, ticket: Option<&str>) -> Ended {
        let words = self.to(system, url, ticket);
        self.send(&words.iter().map(String::as_str).collect::<Vec<_>>()).end()
    }
}

fn zammad() -> &'static System {
    SYSTEMS.iter().find(|system| system.connector == "zammad").unwrap()
}

impl System {
    fn serve(&self) -> Fake {
        let answer = self.answer;
        Fake::answering(move |asked| answer(asked, packet("standard")))
    }
}

/// The token in no form that it travels in.
#[track_caller]
fn holds_no_token(text: &str) {
    for form in [TOKEN, "tk-geheim", "dGstZ2VoZWlt", "tk-geheim%2F8f2", "app-secret-0815"] {
        assert!(!text.contains(form), "{form} in {text}");
    }
}

/// The words without the lines that they were broken into.
fn flat(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn every_connector_is_tried_here() {
    let listed = crate::call(&["list", "connectors", "--format", "json"]).silent(0).document();
    let mut listed: Vec<String> = listed["connectors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["id"].as_str().unwrap().to_owned())
        .filter(|id| id != "smtp")
        .collect();
    let mut tried: Vec<&str> = SYSTEMS.iter().map(|system| system.connector).collect();
    listed.sort();
    tried.sort_unstable();
    assert_eq!(listed, tried);
}

#[test]
fn each_system_takes_the_packet_and_the_letter() {
    for system in SYSTEMS {
        let (desk, fake) = (Desk::new(), system.serve());
        let before = fs::read(desk.path("firstline-x.zip")).unwrap();
        let ended = desk.send_to(system, &fake.url, system.ticket);
        let asked = fake.asked();
        assert_eq!((ended.exit, ended.stderr.as_str()), (0, ""), "{}: {}", system.connector, ended.stdout);
        assert!(ended.stdout.starts_with("SENT: ") && ended.stdout.contains(system.says), "{}", ended.stdout);
        assert_eq!(asked.len(), system.requests, "{}: {asked:?}", system.connector);
        let record = desk.record();
        assert_eq!(record.len(), 1);
        assert_eq!((&record[0]["connector"], &record[0]["whole"]), (&system.connector.into(), &true.into()));
        assert_eq!((&record[0]["consent"], &record[0]["redaction"]), (&"flag".into(), &"standard".into()));
        holds_no_token(&ended.stdout);
        holds_no_token(&record[0].to_string());
        assert_eq!(fs::read(desk.path("firstline-x.zip")).unwrap(), before, "the packet stays as it was");
    }
}

#[test]
fn each_system_refuses_a_wrong_token_and_a_wrong_ticket() {
    for system in SYSTEMS {
        let (desk, fake) = (Desk::new(), system.serve());
        desk.secret("token", "tk-geheim-but-wrong");
        let ended = desk.send_to(system, &fake.url, system.ticket);
        let status = if system.connector == "s3" { "403" } else { "401" };
        assert!(ended.exit == 2 && ended.stdout.starts_with("NOT SENT: "), "{}: {}", system.connector, ended.stdout);
        assert!(ended.stdout.contains(status), "{}: {}", system.connector, ended.stdout);
        holds_no_token(&(ended.stdout + &ended.stderr));
        assert!(desk.record().is_empty());

        let Some((ticket, words)) = system.missing else { continue };
        let (desk, fake) = (Desk::new(), system.serve());
        let ended = desk.send_to(system, &fake.url, Some(ticket));
        let text = flat(&ended.stdout);
        assert!(ended.exit == 2 && text.contains(words), "{}: {text}", system.connector);
        if system.connector == "glpi" {
            assert_eq!(fake.asked().last().unwrap().path(), "/apirest.php/killSession", "no session stays open");
        }
    }
}

/// What a server answers, and a word of what is said about it.
type Refusal = (fn() -> Reply, &'static str);

#[test]
fn each_system_is_understood_when_it_is_full_busy_or_elsewhere() {
    let busy = || Reply { headers: vec![("retry-after", "30".to_owned())], ..reply(429, "slow down") };
    let elsewhere = || Reply { headers: vec![("location", "https://elsewhere.example/".to_owned())], ..reply(302, "") };
    let refusals: [Refusal; 5] = [
        (|| reply(413, "<html>Request Entity Too Large</html>"), "answers 413: the packet is larger than"),
        (|| reply(422, "{\"error\":\"no\"}"), "answers 422:"),
        (|| reply(500, "oops"), "answers 500: the system itself has failed"),
        (busy, "again in 30 s"),
        (elsewhere, "the token is not carried along: https://elsewhere.example/"),
    ];
    for system in SYSTEMS {
        for (refusal, words) in refusals {
            let (desk, fake) = (Desk::new(), Fake::answering(move |_| refusal()));
            let ended = desk.send_to(system, &fake.url, system.ticket);
            let text = flat(&ended.stdout);
            assert!(ended.exit == 2 && text.contains(words), "{}: {words}: {text}", system.connector);
            assert_eq!(fake.asked().len(), 1, "{}: nothing is tried again", system.connector);
        }
    }
}

#[test]
fn a_system_that_says_how_much_it_takes_is_not_sent_more() {
    let fake = Fake::answering(|_| attachment_limit(10));
    let system = SYSTEMS.iter().find(|system| system.connector == "jira").unwrap();
    let ended = Desk::new().send_to(system, &fake.url, system.ticket);
    let text = flat(&ended.stdout);
    assert!(ended.exit == 2 && text.contains("says that it takes 10 bytes at most, and the packet has"), "{text}");
    assert!(text.contains("packet_bytes"), "{text}");
    assert_eq!(fake.asked().len(), 1, "the packet was not sent");
}

#[test]
fn a_far_end_that_repeats_the_token_is_not_repeated() {
    let fake = Fake::answering(|asked| {
        let said = ["authorization", "x-api-key", "app-token"].map(|name| asked.header(name));
        // Often enough that one stands where the far end's words are cut.
        reply(403, format!("\u{1b}[31myou said: {}", said.concat().repeat(20)))
    });
    // What S3 is sent proves the key and does not hold it.
    for system in SYSTEMS.iter().filter(|system| system.connector != "s3") {
        let ended = Desk::new().send_to(system, &fake.url, system.ticket);
        assert!(flat(&ended.stdout).contains("you said:") && ended.stdout.contains("***"), "{}", ended.stdout);
        assert!(!ended.stdout.contains('\u{1b}'));
        holds_no_token(&ended.stdout);
    }
}

#[test]
fn what_was_done_before_a_refusal_is_told_and_written_down() {
    let put = Fake::answering(|asked| if asked.path().ends_with(".txt") { reply(507, "") } else { reply(201, "") });
    let system = SYSTEMS.iter().find(|system| system.connector == "http-put").unwrap();
    let desk = Desk::new();
    let ended = desk.send_to(system, &put.url, None);
    assert!(ended.exit == 2 && ended.stdout.starts_with("PARTLY SENT: "), "{}", ended.stdout);
    assert!(ended.stdout.contains("put the packet there"), "{}", ended.stdout);
    assert_eq!(desk.record()[0]["whole"], false);

    // What was only looked up leaves nothing there.
    let system = SYSTEMS.iter().find(|system| system.connector == "servicenow").unwrap();
    let fake = Fake::answering(|asked| match asked.method.as_str() {
        "GET" => reply(200, r#"{"result":[{"sys_id":"1"}]}"#),
        _ => reply(403, ""),
    });
    let desk = Desk::new();
    let ended = desk.send_to(system, &fake.url, system.ticket);
    assert!(ended.exit == 2 && ended.stdout.starts_with("NOT SENT: "), "{}", ended.stdout);
    assert!(flat(&ended.stdout).contains("the user may not attach files to this record"), "{}", ended.stdout);
    assert!(desk.record().is_empty());
}

#[test]
fn a_rehearsal_shows_every_request_and_asks_nobody() {
    for system in SYSTEMS {
        let desk = Desk::new();
        let mut words = desk.to(system, "http://127.0.0.1:9", system.ticket);
        words.retain(|word| word != "--yes");
        words.push("--dry-run".to_owned());
        let ended = desk.send(&words.iter().map(String::as_str).collect::<Vec<_>>()).end().silent(0);
        assert!(ended.stdout.starts_with("NOT SENT: this is what would be"), "{}", ended.stdout);
        let shown = ended.stdout.matches("http://127.0.0.1:9").count();
        assert!(shown > system.requests, "{}: {}", system.connector, ended.stdout);
        assert!(ended.stdout.contains("***"), "{}: {}", system.connector, ended.stdout);
        holds_no_token(&ended.stdout);
        assert!(desk.record().is_empty());
        // What it would be can be looked at before there is a token.
        let at = words.iter().position(|word| word == "--token-file").unwrap();
        words.drain(at..at + 2);
        desk.send(&words.iter().map(String::as_str).collect::<Vec<_>>()).end().silent(0);
    }
}

#[test]
fn nobody_is_asked_and_nobody_said_yes() {
    let desk = Desk::new();
    let url = "url=https://desk.example";
    let words = ["--to", "zammad", "--ticket", "7", "--set", url, "--token-file", "token"];
    desk.send(&words).end().refuses(
        "error: nobody can be asked whether this may be sent\n\n\
         hint: --dry-run shows what would be sent; --yes sends it, and --policy NAME says by whose leave",
    );
    let fake = zammad().serve();
    let url = format!("url={}", fake.url);
    let words = ["--to", "zammad", "--ticket", "7", "--set", &url, "--token-file", "token", "--policy", "desk-2026"];
    desk.send(&words).end().silent(0);
    assert_eq!(desk.record()[0]["consent"], "policy desk-2026");
}

#[test]
fn a_token_comes_from_a_private_file_or_a_pipe_and_from_nowhere_else() {
    let (desk, fake) = (Desk::new(), zammad().serve());
    let url = format!("url={}", fake.url);
    let words = ["--to", "zammad", "--ticket", "7", "--set", &url, "--yes"];
    let without = desk.send(&words).end();
    assert!(without.exit == 3 && without.stderr.contains("wants a token (an access token"), "{}", without.stderr);

    fs::set_permissions(desk.path("token"), fs::Permissions::from_mode(0o640)).unwrap();
    let open = desk.send(&[&words[..], &["--token-file", "token"]].concat()).end();
    assert!(open.exit == 3 && open.stderr.contains("others can read the token file `token`"), "{}", open.stderr);
    assert!(open.stderr.contains("chmod 600 token"));

    fs::set_permissions(desk.path("token"), fs::Permissions::from_mode(0o600)).unwrap();
    let mut piped = desk.send(&[&words[..], &["--token-stdin"]].concat());
    piped.command.stdin(Stdio::from(fs::File::open(desk.path("token")).unwrap()));
    piped.end().silent(0);

    for (name, value) in [("app_token", "plain-secret"), ("app_token", "@nothing-there")] {
        let set = format!("{name}={value}");
        let words = ["--to", "glpi", "--ticket", "7", "--set", &url, "--set", &set, "--yes"];
        let ended = desk.send(&words).end();
        assert!(ended.exit == 3 && !ended.stderr.contains("plain-secret"), "{}", ended.stderr);
    }
}

#[test]
fn what_must_not_leave_stays() {
    let fake = zammad().serve();
    let url = format!("url={}", fake.url);
    let words = ["--to", "zammad", "--ticket", "7", "--set", &url, "--token-file", "token", "--yes"];

    let mut bytes = packet("standard").to_vec();
    let at = bytes.windows(11).position(|window| window == b"packet.json").unwrap() + 40;
    bytes[at] ^= 1;
    let ended = Desk::with(&bytes).send(&words).end();
    assert_eq!(ended.exit, if ended.stdout.is_empty() { 3 } else { 2 }, "{} {}", ended.stdout, ended.stderr);
    assert!(ended.stdout.starts_with("NOT SENT") || ended.stderr.contains("damaged"), "{}", ended.stdout);

    let open = Desk::with(packet("none"));
    let ended = open.send(&words).end();
    assert!(ended.exit == 3 && ended.stderr.contains("hides no names or secrets"), "{}", ended.stderr);
    assert!(ended.stderr.contains("packet redact") && ended.stderr.contains("--unredacted"), "{}", ended.stderr);
    assert!(fake.asked().is_empty(), "nothing went out");
}

#[test]
fn tokens_and_packets_do_not_travel_in_the_open() {
    let desk = Desk::new();
    let to = |url: &str| {
        let url = format!("url={url}");
        let words = ["--to", "zammad", "--ticket", "7", "--set", &url, "--token-file", "token", "--dry-run"];
        desk.send(&words).end()
    };
    let ended = to("http://desk.example");
    assert!(ended.exit == 3 && ended.stderr.contains("is not encrypted"), "{}", ended.stderr);
    assert!(ended.stderr.contains("--insecure-http"));
    assert_eq!(to("https://desk.example").exit, 0);
    assert_eq!(to("http://127.0.0.1:8080").exit, 0);
    assert_eq!(to("http://[::1]:8080").exit, 0);
    assert!(to("http://127.0.0.1.desk.example").exit == 3, "a name that begins like the loopback is not it");
}

#[test]
fn sending_twice_warns_and_so_does_what_outsiders_can_read() {
    let (desk, fake) = (Desk::new(), zammad().serve());
    let url = format!("url={}", fake.url);
    let words =
        ["--to", "zammad", "--ticket", "7", "--set", &url, "--token-file", "token", "--yes", "--format", "json"];
    let first = desk.send(&words).end().silent(0).document();
    assert_eq!((&first["sent"], &first["warnings"]), (&true.into(), &serde_json::json!([])));
    assert_eq!(first["answer"], "article 33");
    let second = desk.send(&[&words[..], &["--outside"]].concat()).end().silent(0).document();
    let warnings = second["warnings"].to_string();
    assert!(warnings.contains("the same packet was sent there before"), "{warnings}");
    assert!(warnings.contains("--level strict"), "{warnings}");
    assert_eq!(desk.record().len(), 2);
}

#[test]
fn one_that_is_not_there_is_no_refusal() {
    let desk = Desk::new();
    let url = "url=http://127.0.0.1:1";
    let ended = desk.send(&["--to", "zammad", "--ticket", "7", "--set", url, "--token-file", "token", "--yes"]).end();
    assert!(ended.exit == 3 && ended.stderr.contains("refused the connection"), "{}", ended.stderr);
    let silent = Fake::answering(|_| reply(200, "<html>Welcome</html>"));
    let url = format!("url={}", silent.url);
    let ended = desk.send(&["--to", "zammad", "--ticket", "7", "--set", &url, "--token-file", "token", "--yes"]).end();
    assert!(ended.exit == 2 && ended.stdout.contains("answers 200"), "{}", ended.stdout);
}

#[test]
fn an_own_connector_is_a_file_and_its_mistakes_have_a_place() {
    let (desk, fake) = (Desk::new(), Fake::answering(|_| reply(200, r#"{"number":"T-1"}"#)));
    let own = r#"
schema = 1
id = "ours"
title = "Our tickets"
about = "Opens a ticket."
docs = "https://tickets.example/api"
letter = "markdown"
answer = "ticket {{ number }}"
[inputs.url]
kind = "url"
ask = "where"
default = "URL"
[auth]
kind = "query"
name = "key"
ask = "the key"
[limit]
bytes = LIMIT
source = "our server"
[[step]]
id = "open"
does = "open a ticket"
method = "POST"
url = "{{ url }}/new"
json = { letter = "{{ letter }}" }
expect = [200]
keep = { number = "/number" }
"#;
    let text = own.replace("URL", &fake.url).replace("LIMIT", "50000000");
    fs::write(desk.path("ours.toml"), &text).unwrap();
    let words = ["--to", "ours.toml", "--token-file", "token", "--yes"];
    let ended = desk.send(&words).end().silent(0);
    assert!(ended.stdout.starts_with("SENT: ticket T-1"), "{}", ended.stdout);
    assert_eq!(fake.asked()[0].query("key").as_deref(), Some(TOKEN));

    fs::write(desk.path("ours.toml"), text.replace("50000000", "10")).unwrap();
    let ended = desk.send(&words).end();
    assert!(ended.exit == 2 && flat(&ended.stdout).contains("takes 10 at most (our server)"), "{}", ended.stdout);
    assert_eq!(fake.asked().len(), 1, "nothing was connected for it");

    fs::write(desk.path("ours.toml"), text.replace("{{ letter }}", "{{ leter }}")).unwrap();
    let ended = desk.send(&words).end();
    assert!(ended.exit == 3 && ended.stderr.contains("ours.toml:25"), "{}", ended.stderr);
    assert!(ended.stderr.contains("did you mean `letter`?"), "{}", ended.stderr);

    let ended = desk.send(&["--to", "zamad"]).end();
    assert!(ended.exit == 3 && ended.stderr.contains("did you mean `--to zammad`?"), "{}", ended.stderr);
}
