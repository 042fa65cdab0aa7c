//! What is said to mail servers, and how their answers are read. Servers write what they like behind the fixed words, so
//! that only those are compared, and everything is bounded.

use crate::probe::dialogue::{self, Wants};
use crate::probe::greeting::Protocol;
use crate::probe::way::printable;
use crate::world::{Failure, Stream};
use std::time::Duration;
use tokio::time::Instant;

/// A greeting or a list of abilities is a few hundred bytes; a server that says more is not listened to.
const MOST_BYTES: usize = 8 * 1024;
/// Characters of a refusal that are kept, and of one kind of sign-in; kinds that are kept.
const SHOWN: usize = 100;
const LONGEST_KIND: usize = 24;
const MOST_KINDS: usize = 16;
/// Upper bound of one answer; who waits for it bounds it by less.
const PATIENCE: Duration = Duration::from_secs(15);
/// A good-bye is not waited for longer than a good connection takes.
const FAREWELL: Duration = Duration::from_millis(300);
/// The tag of our commands in IMAP.
const TAG: &str = "firstline";

/// How an answer ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ends {
    /// With a line whose code is followed by a space (RFC 5321 section 4.2.1).
    LastReply,
    /// With a line that begins with our tag (RFC 9051 section 2.2.2).
    Tagged,
    /// With a line that is a single dot, or at once where the first one refuses (RFC 1939 section 3).
    Dot,
    /// With its first line.
    Line,
}

/// One protocol, as one scheme means it.
pub struct Speech {
    scheme: &'static str,
    pub(in crate::probe) protocol: &'static Protocol,
    /// Whether encryption comes before everything else.
    pub encrypted: bool,
    /// Whether people sign in there; servers hand mail on to each other without.
    pub people_sign_in: bool,
    pub starttls: &'static str,
    /// How the answers to what it can do, and to STARTTLS, end.
    lists: Ends,
    begins: Ends,
}

const fn smtp(scheme: &'static str, encrypted: bool, people_sign_in: bool) -> Speech {
    let (protocol, starttls) = (Protocol::SMTP, "STARTTLS\r\n");
    Speech { scheme, protocol, encrypted, people_sign_in, starttls, lists: Ends::LastReply, begins: Ends::LastReply }
}

const fn imap(scheme: &'static str, encrypted: bool) -> Speech {
    let (protocol, starttls) = (Protocol::IMAP, "firstline STARTTLS\r\n");
    Speech { scheme, protocol, encrypted, people_sign_in: true, starttls, lists: Ends::Tagged, begins: Ends::Tagged }
}

const fn pop3(scheme: &'static str, encrypted: bool) -> Speech {
    let (protocol, starttls) = (Protocol::POP3, "STLS\r\n");
    Speech { scheme, protocol, encrypted, people_sign_in: true, starttls, lists: Ends::Dot, begins: Ends::Line }
}

const SPEECHES: &[Speech] = &[
    smtp("smtp", false, false),
    smtp("submission", false, true),
    smtp("smtps", true, true),
    imap("imap", false),
    imap("imaps", true),
    pop3("pop3", false),
    pop3("pop3s", true),
];

/// What a server says that it can do.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Offer {
    pub starttls: bool,
    /// Kinds of sign-in in small letters; `password` where a protocol has a command of its own for it.
    pub sign_in: Vec<String>,
    pub largest_bytes: Option<u64>,
}

impl Speech {
    pub fn of(scheme: &str) -> Option<&'static Speech> {
        SPEECHES.iter().find(|speech| speech.scheme.eq_ignore_ascii_case(scheme))
    }

    /// The question what the server can do; SMTP wants to know who asks (RFC 5321 section 4.1.3).
    pub fn question(&self, own_address: Option<&str>) -> String {
        match self.lists {
            Ends::Tagged => format!("{TAG} CAPABILITY\r\n"),
            Ends::Dot => "CAPA\r\n".to_owned(),
            _ => {
                let own = own_address.unwrap_or("127.0.0.1");
                let literal = if own.contains(':') { format!("[IPv6:{own}]") } else { format!("[{own}]") };
                format!("EHLO {literal}\r\n")
            }
        }
    }

    /// Reads the answer to that question.
    ///
    /// # Errors
    /// Where the server turns it down, with its words.
    pub fn read(&self, answer: &[u8]) -> Result<Offer, String> {
        if let Some(words) = self.turned_down(answer) {
            // A server of POP3 need not know the question, and takes a password all the same (RFC 2449 section 5).
            return if self.lists == Ends::Dot {
                Ok(Offer { sign_in: vec!["password".to_owned()], ..Offer::default() })
            } else {
                Err(words)
            };
        }
        let text = String::from_utf8_lossy(answer).to_ascii_uppercase();
        // `250-STARTTLS`: what counts stands behind the code.
        let code = if self.lists == Ends::LastReply { "250-".len() } else { 0 };
        let mut offer = Offer::default();
        let mut no_password = false;
        for line in text.lines() {
            let words: Vec<&str> = line.get(code..).unwrap_or_default().split_whitespace().collect();
            offer.starttls |= words.iter().any(|word| matches!(*word, "STARTTLS" | "STLS"));
            no_password |= words.contains(&"LOGINDISABLED");
            match words.as_slice() {
                ["AUTH" | "SASL", kinds @ ..] => offer.take(kinds.iter().copied()),
                ["SIZE", size, ..] => offer.largest_bytes = size.parse().ok().filter(|size| *size > 0),
                ["USER", ..] if self.lists == Ends::Dot => offer.take(["password"].into_iter()),
                all => offer.take(all.iter().filter_map(|word| word.strip_prefix("AUTH="))),
            }
        }
        // LOGIN needs no mention where it is allowed (RFC 9051 section 6.2.3).
        if self.lists == Ends::Tagged && !no_password {
            offer.take(["password"].into_iter());
        }
        Ok(offer)
    }

    /// The words of an answer that refuses; none where it agrees.
    pub fn turned_down(&self, answer: &[u8]) -> Option<String> {
        let agrees = |line: &&[u8]| match self.lists {
            Ends::LastReply => line.starts_with(b"2"),
            Ends::Tagged => {
                let tagged = line.strip_prefix(TAG.as_bytes()).map(<[u8]>::trim_ascii_start);
                tagged.is_some_and(|rest| rest.get(..2).is_some_and(|word| word.eq_ignore_ascii_case(b"OK")))
            }
            Ends::Dot | Ends::Line => line.starts_with(b"+OK"),
        };
        let mut lines = answer.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty());
        let deciding = match self.lists {
            Ends::Dot | Ends::Line => lines.next(),
            _ => lines.next_back(),
        };
        let deciding = deciding.unwrap_or_default();
        (!agrees(&deciding)).then(|| printable(deciding, SHOWN))
    }
}

impl Offer {
    fn take<'a>(&mut self, kinds: impl Iterator<Item = &'a str>) {
        for kind in kinds {
            let kind: String = kind.chars().take(LONGEST_KIND).collect::<String>().to_ascii_lowercase();
            let plain = kind.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '-' || letter == '_');
            if plain && !kind.is_empty() && self.sign_in.len() < MOST_KINDS && !self.sign_in.contains(&kind) {
                self.sign_in.push(kind);
            }
        }
    }
}

impl Ends {
    fn is_whole(self, bytes: &[u8]) -> bool {
        if !bytes.ends_with(b"\n") {
            return false;
        }
        let mut lines = bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        match self {
            Ends::Line => true,
            // What is no reply of this protocol will not become one.
            Ends::LastReply => !lines.next_back().is_some_and(goes_on),
            Ends::Tagged => lines.any(|line| line.starts_with(TAG.as_bytes())),
            Ends::Dot => bytes.starts_with(b"-") || lines.any(|line| line.trim_ascii() == b"."),
        }
    }
}

/// Whether a reply of SMTP has come to its end.
pub fn is_whole_reply(bytes: &[u8]) -> bool {
    Ends::LastReply.is_whole(bytes)
}

/// Whether a line of SMTP says that another one follows.
fn goes_on(line: &[u8]) -> bool {
    line.split_first_chunk::<3>()
        .is_some_and(|(code, rest)| code.iter().all(u8::is_ascii_digit) && rest.first() == Some(&b'-'))
}

/// A connection on which this is spoken.
pub struct Line {
    stream: Box<dyn Stream>,
    speech: &'static Speech,
}

impl Line {
    pub fn on(stream: Box<dyn Stream>, speech: &'static Speech) -> Line {
        Line { stream, speech }
    }

    pub fn into_stream(self) -> Box<dyn Stream> {
        self.stream
    }

    /// Waits for the greeting.
    pub async fn greeting(&mut self) -> Result<Vec<u8>, Failure> {
        let ends = if self.speech.lists == Ends::LastReply { Ends::LastReply } else { Ends::Line };
        dialogue::listen(&mut self.stream, Instant::now() + PATIENCE, MOST_BYTES, wants(ends)).await
    }

    /// Says this and waits for the answer.
    pub async fn ask(&mut self, words: &str) -> Result<Vec<u8>, Failure> {
        let ends = if words == self.speech.starttls { self.speech.begins } else { self.speech.lists };
        let end = Instant::now() + PATIENCE;
        dialogue::ask(&mut self.stream, words.as_bytes(), end, MOST_BYTES, wants(ends)).await
    }

    /// Leaves as one should; what comes of it does not matter any more.
    pub async fn farewell(mut self) {
        let words = match self.speech.lists {
            Ends::Tagged => "firstline LOGOUT\r\n",
            _ => "QUIT\r\n",
        };
        let end = Instant::now() + FAREWELL;
        let _ = dialogue::ask(&mut self.stream, words.as_bytes(), end, MOST_BYTES, wants(Ends::Line)).await;
    }
}

fn wants(ends: Ends) -> impl Fn(&[u8]) -> Wants {
    move |bytes| if ends.is_whole(bytes) { Wants::Nothing } else { Wants::More }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(scheme: &str, answer: &str) -> Result<Offer, String> {
        Speech::of(scheme).unwrap().read(answer.as_bytes())
    }

    fn offer(starttls: bool, sign_in: &[&str], largest_bytes: Option<u64>) -> Offer {
        Offer { starttls, sign_in: sign_in.iter().map(|kind| (*kind).to_owned()).collect(), largest_bytes }
    }

    #[test]
    fn what_servers_can_do_is_read() {
        let cases = [
            ("smtp", "250-mail.test\r\n250-SIZE 1000\r\n250-STARTTLS\r\n250 HELP\r\n", offer(true, &[], Some(1000))),
            ("submission", "250-mail.test\r\n250 AUTH PLAIN LOGIN\r\n", offer(false, &["plain", "login"], None)),
            (
                "smtps",
                "250-mail.test\r\n250-AUTH=LOGIN\r\n250 auth xoauth2\r\n",
                offer(false, &["login", "xoauth2"], None),
            ),
            ("imap", "* CAPABILITY IMAP4rev1 STARTTLS LOGINDISABLED\r\nfirstline OK x\r\n", offer(true, &[], None)),
            (
                "imaps",
                "* CAPABILITY IMAP4rev1 AUTH=XOAUTH2\r\nfirstline OK\r\n",
                offer(false, &["xoauth2", "password"], None),
            ),
            ("pop3", "+OK\r\nUSER\r\nSTLS\r\nSASL PLAIN\r\n.\r\n", offer(true, &["password", "plain"], None)),
            ("pop3", "-ERR what?\r\n", offer(false, &["password"], None)),
        ];
        for (scheme, answer, expected) in cases {
            assert_eq!(read(scheme, answer), Ok(expected), "{answer}");
        }
        assert_eq!(read("smtp", "502 5.5.1 go away\r\n"), Err("502 5.5.1 go away".to_owned()));
        assert_eq!(read("imap", "* BYE\r\nfirstline BAD no\r\n"), Err("firstline BAD no".to_owned()));
        assert!(Speech::of("http").is_none());
    }

    #[test]
    fn an_answer_is_waited_for_to_its_end() {
        let cases = [
            (Ends::LastReply, "250-a\r\n", false),
            (Ends::LastReply, "250-a\r\n250 b\r\n", true),
            (Ends::LastReply, "HTTP/1.1 400\r\n", true),
            (Ends::LastReply, "SSH-2.0-x\r\n", true),
            (Ends::Tagged, "* OK\r\n", false),
            (Ends::Tagged, "* X\r\nfirstline OK\r\n", true),
            (Ends::Dot, "+OK\r\nUSER\r\n", false),
            (Ends::Dot, "+OK\r\n.\r\n", true),
            (Ends::Dot, "-ERR\r\n", true),
            (Ends::Line, "+OK", false),
        ];
        for (ends, bytes, whole) in cases {
            assert_eq!(ends.is_whole(bytes.as_bytes()), whole, "{bytes}");
        }
    }
}
