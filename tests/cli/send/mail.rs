//! A mail server on the loopback that insists on the order and the form of what it is told (RFC 5321, RFC 4954,
//! RFC 2045), and what is sent to it.

use super::{Desk, TOKEN, flat, holds_no_token, packet};
use crate::Ended;
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// What the server is like.
#[derive(Clone, Copy)]
struct Habits {
    /// How people sign in, as it says after EHLO.
    auth: &'static str,
    largest: usize,
    greeting: &'static str,
}

const USUAL: Habits = Habits { auth: "PLAIN LOGIN", largest: 10_000_000, greeting: "220 mail.test ESMTP" };

struct Server {
    url: String,
    /// Messages that were taken, without the dots that were added on the way.
    taken: Arc<Mutex<Vec<String>>>,
}

impl Server {
    fn with(habits: Habits) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("smtp://{}", listener.local_addr().unwrap());
        let taken = Arc::new(Mutex::new(Vec::new()));
        let kept = taken.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let _ = converse(stream, habits, &kept);
            }
        });
        Server { url, taken }
    }
}

/// One line with its proper end.
fn line(stream: &mut BufReader<TcpStream>) -> std::io::Result<String> {
    let mut line = String::new();
    if stream.read_line(&mut line)? == 0 {
        return Err(std::io::ErrorKind::UnexpectedEof.into());
    }
    assert!(line.ends_with("\r\n") && line.len() <= 1000, "{line:?}");
    Ok(line.trim_end().to_owned())
}

fn converse(stream: TcpStream, habits: Habits, taken: &Mutex<Vec<String>>) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    let right = |coded: &str| BASE64.decode(coded).unwrap() == format!("\0desk\0{TOKEN}").into_bytes();
    let (mut greeted, mut signed_in, mut from, mut to) = (false, habits.auth.is_empty(), false, false);
    write!(stream.get_mut(), "{}\r\n", habits.greeting)?;
    loop {
        let said = line(&mut stream)?;
        let (verb, rest) = said.split_once(' ').unwrap_or((&said, ""));
        let answer = match verb {
            "EHLO" => {
                greeted = true;
                let auth = if habits.auth.is_empty() { String::new() } else { format!("250-AUTH {}\r\n", habits.auth) };
                format!("250-mail.test\r\n{auth}250 SIZE {}", habits.largest)
            }
            "QUIT" => "221 bye".to_owned(),
            _ if !greeted => "503 say EHLO first".to_owned(),
            "AUTH" => match rest.split_once(' ') {
                Some(("PLAIN", coded)) => {
                    signed_in = right(coded);
                    if signed_in { "235 ok" } else { "535 5.7.8 authentication failed" }.to_owned()
                }
                None if rest == "LOGIN" => {
                    let mut asked = |question: &str| -> std::io::Result<String> {
                        write!(stream.get_mut(), "334 {}\r\n", BASE64.encode(question))?;
                        Ok(String::from_utf8(BASE64.decode(line(&mut stream)?).unwrap()).unwrap())
                    };
                    signed_in = (asked("Username:")?, asked("Password:")?) == ("desk".into(), TOKEN.into());
                    if signed_in { "235 ok" } else { "535 5.7.8 authentication failed" }.to_owned()
                }
                _ => "504 unknown".to_owned(),
            },
            _ if !signed_in => "530 5.7.0 authentication required".to_owned(),
            "MAIL" => {
                from = rest == "FROM:<me@site.example>";
                if from { "250 ok" } else { "550 5.1.0 who is that?" }.to_owned()
            }
            "RCPT" if from => {
                to = rest == "TO:<desk@site.example>";
                if to { "250 ok" } else { "550 5.1.1 no such mailbox" }.to_owned()
            }
            "DATA" if to => {
                write!(stream.get_mut(), "354 go on\r\n")?;
                let mut message = String::new();
                loop {
                    let line = line(&mut stream)?;
                    if line == "." {
                        break;
                    }
                    message.push_str(line.strip_prefix('.').unwrap_or(&line));
                    message.push('\n');
                }
                taken.lock().unwrap().push(message);
                "250 2.0.0 queued as 4BxYz".to_owned()
            }
            _ => "503 not now".to_owned(),
        };
        write!(stream.get_mut(), "{answer}\r\n")?;
        if verb == "QUIT" {
            return Ok(());
        }
    }
}

fn send(desk: &Desk, url: &str, more: &[&str]) -> Ended {
    let url = format!("url={url}");
    let words = ["--to", "smtp", "--set", &url, "--set", "from=me@site.example", "--yes"];
    desk.send(&[&words[..], more].concat()).end()
}

const TO: [&str; 2] = ["--set", "to=desk@site.example"];
const WHO: [&str; 4] = ["--set", "user=desk", "--token-file", "token"];

/// The decoded body of the part whose head has this line.
fn part(message: &str, mark: &str) -> Vec<u8> {
    let (_, after) = message.split_once("boundary=\"").unwrap();
    let boundary = format!("--{}", after.split('"').next().unwrap());
    let found = message.split(&boundary).find(|part| part.contains(mark)).expect("there is such a part");
    let (head, body) = found.split_once("\n\n").unwrap();
    assert!(head.contains("Content-Transfer-Encoding: base64"), "{head}");
    assert!(body.lines().all(|line| line.len() <= 76));
    BASE64.decode(body.replace('\n', "")).unwrap()
}

#[test]
fn a_mail_carries_the_letter_and_the_packet() {
    for auth in ["PLAIN LOGIN", "LOGIN", ""] {
        let (desk, server) = (Desk::new(), Server::with(Habits { auth, ..USUAL }));
        let who: &[&str] = if auth.is_empty() { &[] } else { &WHO };
        let ended = send(&desk, &server.url, &[&TO[..], who, &["--ticket", "[site #1042]"]].concat()).silent(0);
        assert!(ended.stdout.starts_with("SENT: 250 2.0.0 queued as 4BxYz"), "{}", ended.stdout);
        assert!(flat(&ended.stdout).contains("this goes to people outside"), "{}", ended.stdout);
        let taken = server.taken.lock().unwrap().clone();
        let [message] = &taken[..] else { panic!("one message") };
        for line in ["From: <me@site.example>", "To: <desk@site.example>", "MIME-Version: 1.0"] {
            assert!(message.contains(line), "{message}");
        }
        let subject = message.lines().find_map(|line| line.strip_prefix("Subject: ")).unwrap();
        assert!(subject.starts_with("[site #1042] FAULT in dns"), "{subject}");
        assert_eq!(part(message, "attachment; filename=\"firstline-x.zip\""), packet("standard"));
        let letter = String::from_utf8(part(message, "text/plain; charset=utf-8")).unwrap();
        assert!(letter.starts_with("FAULT in dns") && letter.contains("\r\n"), "{letter}");
        holds_no_token(&ended.stdout);
        assert_eq!(desk.record()[0]["answer"].as_str(), Some("250 2.0.0 queued as 4BxYz"));
    }
}

#[test]
fn what_a_mail_server_refuses_is_told() {
    let usual = Server::with(USUAL);
    let small = Server::with(Habits { largest: 1000, ..USUAL });
    let strange = Server::with(Habits { auth: "GSSAPI", ..USUAL });
    let full = Server::with(Habits { greeting: "421 too busy", ..USUAL });
    let (good, bad) = (TO.to_vec(), vec!["--set", "to=nobody@site.example"]);
    let who = WHO.to_vec();
    let cases: [(&Server, Vec<&str>, i32, &str); 6] = [
        (&usual, [good.clone(), vec!["--set", "user=other", "--token-file", "token"]].concat(), 2, "not accepted"),
        (&usual, good.clone(), 2, "it wants to know first who is sending"),
        (&usual, [bad, who.clone()].concat(), 2, "not one that it takes (it says: 550 5.1.1 no such mailbox)"),
        (&small, [good.clone(), who.clone()].concat(), 2, "takes mails of at most 1000 bytes"),
        (&strange, [good.clone(), who.clone()].concat(), 3, "it offers: gssapi"),
        (&full, [good, who].concat(), 2, "not now, later perhaps"),
    ];
    for (server, more, exit, words) in cases {
        let desk = Desk::new();
        let ended = send(&desk, &server.url, &more);
        let text = flat(&(ended.stdout.clone() + &ended.stderr));
        assert!(ended.exit == exit && text.contains(words), "{words}: {} {text}", ended.exit);
        assert!(server.taken.lock().unwrap().is_empty() && desk.record().is_empty());
        holds_no_token(&text);
    }
}

#[test]
fn nobody_writes_further_commands_into_an_address() {
    let (desk, server) = (Desk::new(), Server::with(USUAL));
    for to in ["to=a@b>\r\nDATA", "to=desk@site.example,other@site.example", "to=<desk@site.example>", "to=desk"] {
        let ended = send(&desk, &server.url, &["--set", to]);
        assert!(ended.exit == 3, "{to}: {} {}", ended.stdout, ended.stderr);
    }
    let shown = send(&desk, &server.url, &[&TO[..], &["--dry-run"]].concat()).silent(0).stdout;
    assert!(shown.contains("RCPT TO:<desk@site.example>") && shown.contains("Subject: FAULT in dns"), "{shown}");
}
