//! What leaves a whole run: two hundred made-up secrets of twenty kinds are planted wherever the program reads, and none
//! may be in anything that it writes.

#[path = "../fixtures/canary.rs"]
mod canary;
#[path = "../fixtures/told.rs"]
mod told;

use crate::{Call, Ended, call};
use canary::{KINDS, canary, word};
use std::fmt::Write as _;
use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio_rustls::rustls::{ServerConfig, ServerConnection};
use told::{everything, seen_so_far, singing};

/// Where each kind is planted.
const PLACES: usize = 12;
/// The longest that a server of this test waits for a request.
const WAIT: Duration = Duration::from_millis(500);

/// A run is killed when it has seen so much.
const SEEN_BY_THEN: usize = 12;
/// A run that has not seen that much by then never will.
const LONGEST: Duration = Duration::from_secs(20);

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

/// A server that shows a certificate with this in its names.
fn secure_server(line: &str) -> u16 {
    let key = rcgen::KeyPair::generate().unwrap();
    let mut params = rcgen::CertificateParams::new(vec!["crm.test".to_owned()]).unwrap();
    params.distinguished_name.push(rcgen::DnType::CommonName, line);
    params.distinguished_name.push(rcgen::DnType::OrganizationName, line);
    let chain = vec![params.self_signed(&key).unwrap().der().clone()];
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let _ = stream.set_read_timeout(Some(WAIT));
            let mut shown = ServerConnection::new(config.clone()).unwrap();
            while shown.is_handshaking() && shown.complete_io(&mut stream).is_ok() {}
        }
    });
    port
}

/// The desktop's settings in this home name a script for the choice of the proxy, which says much.
fn proxy_script(home: &Path, lines: &[String]) {
    let said: String = lines.iter().map(|line| format!("// {line}\n")).collect();
    let way = |(number, line): (usize, &String)| format!("if (host == \"h{number}.test\") return 'PROXY {line}';\n");
    let ways: String = lines.iter().enumerate().map(way).collect();
    let script = format!("{said}function FindProxyForURL(url, host) {{\n{ways}return \"DIRECT\";\n}}\n");
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", script.len());
    let port = server(head + &script, true);
    let settings = format!("[Proxy Settings]\nProxyType=2\nProxy Config Script=http://127.0.0.1:{port}/proxy.pac\n");
    fs::create_dir_all(home.join(".config")).unwrap();
    fs::write(home.join(".config/kioslaverc"), settings).unwrap();
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
    let [symptom, error, changed, tried, inputs, banners, headers, body, arguments, certificates, script] =
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
    for (number, line) in certificates.iter().enumerate() {
        let port = secure_server(line);
        let _ = write!(
            playbook,
            "[[check]]\nid = \"certificate-{number}\"\nprobe = \"tls\"\naddresses = [\"127.0.0.1\"]\nport = {port}\n\
             host = \"crm.test\"\n"
        );
    }
    for number in 0..KINDS {
        let _ = write!(playbook, "[inputs.note-{number}]\nkind = \"text\"\nask = \"What does it say?\"\n");
    }
    secrets.extend([word(20_001, 12), word(20_002, 12), word(20_003, 12)]);
    fs::write(folder.path().join("canary.toml"), playbook).unwrap();
    fs::write(folder.path().join("case.toml"), case_file(&symptom, &error, &changed, &tried)).unwrap();
    let inputs = inputs.iter().enumerate().map(|(number, line)| format!("note-{number}={line}")).collect();
    proxy_script(&folder.path().join("home"), &script);
    let process = Command::new("/bin/sh").args(["-c", "exec sleep 60", "canary"]).args(arguments).spawn().unwrap();
    Planted { folder, secrets, inputs, environment, process }
}

/// A run with everything that was planted, as a call that can be started.
fn prepare(planted: &Planted, more: &[&str]) -> Call {
    let path = |name: &str| planted.folder.path().join(name).to_string_lossy().into_owned();
    let (playbook, case, home) = (path("canary.toml"), path("case.toml"), path("home"));
    let mut arguments = vec!["run", &playbook, "--full", "--deadline", "30s", "--case", &case];
    for input in &planted.inputs {
        arguments.extend(["--set", input]);
    }
    arguments.extend(more);
    let mut call = Call::new(&arguments);
    call.command.envs(planted.environment.iter().cloned());
    call.command.env("HOME", home).env("XDG_CURRENT_DESKTOP", "KDE");
    call
}

fn run(planted: &Planted, level: &str, output: &Path) -> Ended {
    prepare(planted, &["--format", "json", "--redact", level, "--output", &output.to_string_lossy()]).end()
}

#[track_caller]
fn silent(what: &str, bytes: &[u8], planted: &Planted) {
    assert_eq!(singing(bytes, &planted.secrets), Vec::<&String>::new(), "{what}");
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
        silent(level, &bytes, &planted);
        let packet = document["run"]["packet_path"].as_str().unwrap();
        for format in firstline::report::names() {
            let ended = call(&["packet", "render", packet, "--format", format, "--verbose"]).silent(0);
            silent(&format!("{level}, {format}"), ended.stdout.as_bytes(), &planted);
        }
        let shown = call(&["packet", "show", packet]).silent(0).stdout;
        silent(level, shown.as_bytes(), &planted);
    }
    // Where nothing is hidden they sing, so the test would hear them.
    let output = tempfile::tempdir().unwrap();
    let ended = run(&planted, "none", output.path());
    let mut bytes = ended.stdout.into_bytes();
    everything(output.path(), &mut bytes);
    let heard = singing(&bytes, &planted.secrets).len();
    // The rest stood in headers, pages, scripts and arguments that probes do not take in the first place.
    assert!(heard >= 150, "only {heard} canaries were heard where nothing is hidden");
    assert!(String::from_utf8_lossy(&bytes).contains("-unredacted.zip"), "the packet says so in its name");
}

/// The other ways of telling: the terminal's text with all observations, a plan, and what was killed in the middle.
#[test]
fn no_other_way_of_telling_tells_more() {
    let planted = plant();
    let output = tempfile::tempdir().unwrap();
    let folder = output.path().to_string_lossy().into_owned();
    let told = prepare(&planted, &["--verbose", "--output", &folder]).end();
    assert!(told.stdout.len() > 1_000, "{}", told.stdout);
    silent("text", &[told.stdout, told.stderr].concat().into_bytes(), &planted);

    let playbook = planted.folder.path().join("canary.toml").to_string_lossy().into_owned();
    for format in ["text", "json"] {
        let mut words = vec!["plan", &playbook, "--format", format, "--verbose"];
        planted.inputs.iter().for_each(|input| words.extend(["--set", input]));
        silent("plan", call(&words).silent(0).stdout.as_bytes(), &planted);
    }

    let mut call = prepare(&planted, &["--output", &folder]);
    let mut running = call.command.stdout(Stdio::null()).spawn().unwrap();
    let state = planted.folder.path().join("home/.local/state/firstline");
    let began = Instant::now();
    while seen_so_far(&state) < SEEN_BY_THEN && began.elapsed() < LONGEST {
        std::thread::sleep(Duration::from_millis(2));
    }
    running.kill().unwrap();
    running.wait().unwrap();
    let home = planted.folder.path().join("home");
    let words = ["packet", "finish", "--output", &folder, "--format", "json"];
    let finished = Call::new(&words).env("HOME", &home.to_string_lossy()).end().silent(0);
    assert_eq!(finished.document().as_array().map(Vec::len), Some(1), "{}", finished.stdout);
    let mut bytes = finished.stdout.into_bytes();
    everything(output.path(), &mut bytes);
    everything(&home.join(".local"), &mut bytes);
    silent("finish", &bytes, &planted);
}

/// Whoever mistypes a command sees what is wrong with it, and whoever reads the screen over a shoulder sees no password.
#[test]
fn nothing_secret_is_said_in_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let put = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        path.to_string_lossy().into_owned()
    };
    let (mut bytes, mut secrets) = (Vec::new(), Vec::new());
    for kind in 0..KINDS {
        let (secret, line) = canary(kind, 40);
        let line = line.replace('\n', " ");
        let quoted = toml::Value::String(line.clone());
        let case = put("case.toml", &format!("sinse = {quoted}\n"));
        let playbook = put("playbook.toml", &format!("schema = 1\nid = \"x\"\ntitle = {quoted}\nsay = {quoted}\n"));
        let settings = put("settings.toml", &format!("control_ulr = {quoted}\n"));
        let said = format!("scope={line}");
        for words in [
            &["run", "dns", "--case", &case][..],
            &["run", &playbook],
            &["run", "dns", "--settings", &settings],
            &["run", "dns", "--set", &line],
            &["run", "dns", "--said", &said],
            &["run", "dns", "--answer", &line],
            &["run", "dns", "--deadline", &line],
            &["run", "one-site-fails", &line, "--no-input", "--deadline", &line],
            &["probe", "tcp", "--set", &line],
            &["packet", "show", &line],
            &["explain", &line],
        ] {
            let ended = call(words);
            assert_eq!((ended.exit, ended.stdout.as_str()), (3, ""), "{words:?}");
            bytes.extend(ended.stderr.bytes());
        }
        secrets.push(secret);
    }
    assert_eq!(singing(&bytes, &secrets), Vec::<&String>::new(), "{}", String::from_utf8_lossy(&bytes));
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
