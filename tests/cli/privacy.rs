//! What leaves a whole run: two hundred made-up secrets of twenty kinds are planted wherever the program reads, and none
//! may be in anything that it writes.

#[path = "../fixtures/canary.rs"]
mod canary;

use crate::{Call, Ended, call};
use canary::{KINDS, canary, word};
use std::fmt::Write as _;
use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command};
use std::time::Duration;

/// Where each kind is planted.
const PLACES: usize = 10;
/// The longest that a server of this test waits for a request.
const WAIT: Duration = Duration::from_millis(500);

/// Everything that was planted, and what holds it up.
struct Planted {
    folder: tempfile::TempDir,
    secrets: Vec<String>,
    /// Inputs as arguments.
    inputs: Vec<String>,
    environment: Vec<(String, String)>,
    process: Child,
}

impl Drop for Planted {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The lines of one place, each on one line, and their secrets.
fn lines(place: usize, secrets: &mut Vec<String>) -> Vec<String> {
    let planted = (0..KINDS).map(|kind| canary(kind, place));
    planted
        .map(|(secret, line)| {
            secrets.push(secret);
            line.replace('\n', " ")
        })
        .collect()
}

/// A server that says this to everybody, after it has heard a line where it waits for one.
fn server(says: String, hears: bool) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let speak = move |mut stream: TcpStream| {
        let _ = stream.set_read_timeout(Some(WAIT));
        if hears {
            let _ = stream.read(&mut [0; 4096]);
        }
        let _ = stream.write_all(says.as_bytes());
    };
    std::thread::spawn(move || listener.incoming().flatten().for_each(speak));
    port
}

/// A page that does not work and says much.
fn page(headers: &[String], body: &[String]) -> String {
    let body = body.join("\n");
    let mut text = format!("HTTP/1.1 503 Unavailable\r\nContent-Length: {}\r\nConnection: close\r\n", body.len());
    for (number, line) in headers.iter().enumerate() {
        let _ = write!(text, "X-Line-{number}: {line}\r\n");
    }
    text + "Server: " + &headers[11] + "\r\n\r\n" + &body
}

fn case_file(symptom: &[String], error: &[String], changed: &[String], tried: &[String]) -> String {
    let text = |lines: &[String]| toml::Value::String(lines.join("\n"));
    let mut case = format!(
        "ticket = \"INC-1\"\nsymptom = {}\nerror = {}\nchanged = {}\n",
        text(symptom),
        text(error),
        text(changed)
    );
    for line in tried {
        let _ = write!(case, "[[tried]]\nwhat = {}\n", toml::Value::String(line.clone()));
    }
    case
}

fn plant() -> Planted {
    let folder = tempfile::tempdir().unwrap();
    let mut secrets = Vec::new();
    let mut places = (0..PLACES - 1).map(|place| lines(place, &mut secrets));
    let [symptom, error, changed, tried, inputs, banners, headers, body, arguments] =
        std::array::from_fn(|_| places.next().unwrap());
    drop(places);
    // What only the environment knows to be a secret, said aloud by a server.
    let tokens: Vec<String> = (0..KINDS).map(|kind| word(10_000 + kind, 24)).collect();
    secrets.extend(tokens.clone());
    let mut environment: Vec<(String, String)> =
        tokens.iter().enumerate().map(|(kind, token)| (format!("CANARY_{kind}_TOKEN"), token.clone())).collect();
    let proxy = server("HTTP/1.1 407 Go away\r\nContent-Length: 0\r\n\r\n".to_owned(), true);
    environment.push(("http_proxy".to_owned(), format!("http://svc:{}@127.0.0.1:{proxy}/", word(20_003, 12))));
    let spoken: Vec<String> = tokens.iter().map(|token| format!("hello {token}")).collect();

    let web = server(page(&headers, &body), true);
    let mut playbook = format!(
        "schema = 1\nid = \"canary\"\ntitle = \"Everything sings\"\n\
         [[check]]\nid = \"page\"\nprobe = \"http\"\nurl = \"http://svc:{}@127.0.0.1:{web}/x?token={}\"\ngoal = true\n\
         [[check]]\nid = \"proxy\"\nprobe = \"proxy\"\nurl = \"http://crm.test/\"\n\
         [[check]]\nid = \"through\"\nprobe = \"http\"\nurl = \"http://crm.test/\"\n\
         [[check]]\nid = \"hogs\"\nprobe = \"process\"\n",
        word(20_001, 12),
        word(20_002, 12)
    );
    for (number, banner) in banners.iter().chain(&spoken).enumerate() {
        let port = server(format!("220 {banner}\r\n"), false);
        let _ = write!(
            playbook,
            "[[check]]\nid = \"banner-{number}\"\nprobe = \"greeting\"\naddresses = [\"127.0.0.1\"]\nport = {port}\n\
             scheme = \"smtp\"\n"
        );
    }
    for number in 0..KINDS {
        let _ = write!(playbook, "[inputs.note-{number}]\nkind = \"text\"\nask = \"What does it say?\"\n");
    }
    secrets.extend([word(20_001, 12), word(20_002, 12), word(20_003, 12)]);
    fs::write(folder.path().join("canary.toml"), playbook).unwrap();
    fs::write(folder.path().join("case.toml"), case_file(&symptom, &error, &changed, &tried)).unwrap();
    let inputs = inputs.iter().enumerate().map(|(number, line)| format!("note-{number}={line}")).collect();
    let process = Command::new("/bin/sh").args(["-c", "exec sleep 60", "canary"]).args(arguments).spawn().unwrap();
    Planted { folder, secrets, inputs, environment, process }
}

fn run(planted: &Planted, level: &str, output: &Path) -> Ended {
    let path = |name: &str| planted.folder.path().join(name).to_string_lossy().into_owned();
    let (playbook, case) = (path("canary.toml"), path("case.toml"));
    let output = output.to_string_lossy();
    let mut arguments = vec!["run", &playbook, "--full", "--format", "json", "--deadline", "30s", "--redact", level];
    arguments.extend(["--case", &case, "--output", &output]);
    for input in &planted.inputs {
        arguments.extend(["--set", input]);
    }
    let mut call = Call::new(&arguments);
    call.command.envs(planted.environment.iter().cloned());
    call.end()
}

/// Every byte below a folder, archives unpacked.
fn everything(folder: &Path, into: &mut Vec<u8>) {
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        into.extend(path.file_name().unwrap().to_string_lossy().bytes());
        if path.is_dir() {
            everything(&path, into);
        } else if path.extension().is_some_and(|ending| ending == "zip") {
            let mut archive = zip::ZipArchive::new(fs::File::open(&path).unwrap()).unwrap();
            for index in 0..archive.len() {
                let mut file = archive.by_index(index).unwrap();
                into.extend(file.name().unwrap().bytes());
                file.read_to_end(into).unwrap();
            }
        } else {
            into.extend(fs::read(path).unwrap());
        }
    }
}

/// Which of the secrets are in these bytes: whole, or more of their ends than chance gives.
fn singing<'s>(bytes: &[u8], secrets: &'s [String]) -> Vec<&'s String> {
    let text = String::from_utf8_lossy(bytes);
    secrets.iter().filter(|secret| text.contains(&secret[secret.len() - 10..])).collect()
}

#[test]
fn none_of_two_hundred_secrets_leaves_a_run() {
    let planted = plant();
    assert!(planted.secrets.len() >= PLACES * KINDS);
    for level in ["standard", "strict"] {
        let output = tempfile::tempdir().unwrap();
        let ended = run(&planted, level, output.path());
        let document: serde_json::Value = serde_json::from_str(&ended.stdout).unwrap();
        assert_eq!(document["run"]["redaction"], level);
        assert_eq!(document["run"]["withheld"], serde_json::Value::Null, "the rules know every kind");
        let mut bytes = [ended.stdout.as_bytes(), ended.stderr.as_bytes()].concat();
        everything(output.path(), &mut bytes);
        let packet = document["run"]["packet_path"].as_str().unwrap();
        for format in ["text", "line", "block", "adf", "servicenow", "jira-wiki", "html"] {
            bytes.extend(call(&["packet", "render", packet, "--format", format]).silent(0).stdout.bytes());
        }
        assert_eq!(singing(&bytes, &planted.secrets), Vec::<&String>::new(), "at {level}");
    }
    // Where nothing is hidden they sing, so the test would hear them.
    let output = tempfile::tempdir().unwrap();
    let ended = run(&planted, "none", output.path());
    let mut bytes = ended.stdout.into_bytes();
    everything(output.path(), &mut bytes);
    let heard = singing(&bytes, &planted.secrets).len();
    // The rest stood in headers, pages and arguments that probes do not take in the first place.
    assert!(heard >= 130, "only {heard} canaries were heard where nothing is hidden");
    assert!(String::from_utf8_lossy(&bytes).contains("-unredacted.zip"), "the packet says so in its name");
}

/// What was hidden can be led back where the packet was made, and nowhere else.
#[test]
fn a_packet_is_redacted_again_and_led_back() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    let stored = "tests/packets/v1/stale-vpn-resolver.json";
    let here = |arguments: &[&str]| {
        let mut call = Call::new(arguments);
        call.command.env("XDG_STATE_HOME", &state);
        call.end()
    };
    let output = folder.path().to_string_lossy().into_owned();
    let ended = here(&["packet", "redact", stored, "--output", &output, "--format", "json"]);
    assert_eq!(ended.exit, 0, "{}", ended.stderr);
    let told: serde_json::Value = serde_json::from_str(&ended.stdout).unwrap();
    let path = told["packet"].as_str().unwrap();
    assert!(path.ends_with("-strict.zip") && told["redaction"] == "strict", "{told}");
    let rendered = here(&["packet", "render", path, "--format", "plain"]).stdout;
    assert!(!rendered.contains("10.8.0.1") && !rendered.contains("crm.example.test"), "{rendered}");
    let back = here(&["packet", "unmask", path, "--format", "plain"]).stdout;
    assert!(back.contains("10.8.0.1") && back.contains("crm.example.test"), "{back}");
    let elsewhere = call(&["packet", "unmask", path]);
    assert_eq!((elsewhere.exit, elsewhere.stdout.as_str()), (3, ""));
    assert!(elsewhere.stderr.contains("no map of pseudonyms"), "{}", elsewhere.stderr);
    let again = here(&["packet", "redact", path, "--level", "standard"]);
    assert_eq!(again.exit, 3);
    assert!(again.stderr.contains("redacted already: strict"), "{}", again.stderr);
}
