//! A message to a mail server that takes them from people (RFC 6409), with the letter as its text and the packet attached.
//! Encryption comes first: nothing is said on an open line but to this machine itself. The words that servers answer are
//! read as the `mail` probe reads them.

use super::act::Failure;
use super::exchange::{Line, direct, secure};
use super::fill::Values;
use super::secret::Hidden;
use super::{Auth, AuthKind, Mail, Parcel, Secret};
use crate::probe::dialogue::{self, Wants};
use crate::probe::mail::speech::{Offer, Speech, is_whole_reply};
use crate::probe::way::{host_of, printable};
use crate::world::{Failure as Lost, Stream, World};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use futures_util::future::LocalBoxFuture;
use jiff::Timestamp;
use std::fmt::Write;
use std::time::Duration;
use tokio::time::Instant;
use url::Url;

/// The ports of RFC 8314 section 3.3 and RFC 6409 section 3.1, where the address names none.
const ENCRYPTED_PORT: u16 = 465;
const SUBMISSION_PORT: u16 = 587;

/// A connection stands within this or not at all.
const CONNECT_WAIT: Duration = Duration::from_secs(20);

/// RFC 5321 section 4.5.3.2 allows servers minutes; a person at a terminal is not kept that long. Judgement.
const REPLY_WAIT: Duration = Duration::from_secs(30);

/// Servers look a message through before they take it.
const TAKING_WAIT: Duration = Duration::from_secs(120);

/// The slowest line that is waited for, in bytes a second. Judgement, as with other requests.
const SLOWEST: u64 = 16 * 1024;

/// A reply is a few lines.
const LONGEST_REPLY: usize = 8 * 1024;

/// Characters of a server's own words that are repeated.
const SHOWN: usize = 300;

/// Characters of a line of base 64 (RFC 2045 section 6.8).
const COLUMNS: usize = 76;

/// Characters of a subject; it is the first line of the letter.
const LONGEST_SUBJECT: usize = 300;

/// A message, before it is bytes.
#[derive(Debug)]
pub struct Message {
    pub server: Url,
    from: String,
    to: String,
    subject: String,
    letter: String,
}

impl Message {
    /// Fills the templates.
    ///
    /// # Errors
    /// Where one cannot be filled, or gives no address.
    pub fn of(wish: &Mail, values: &Values) -> Result<Message, String> {
        let subject = values.text(&wish.subject)?;
        let one_line: String = subject.split_whitespace().collect::<Vec<_>>().join(" ");
        Ok(Message {
            server: values.url(&wish.server)?,
            from: mailbox(&values.text(&wish.from)?)?,
            to: mailbox(&values.text(&wish.to)?)?,
            subject: one_line.chars().filter(|letter| !letter.is_control()).take(LONGEST_SUBJECT).collect(),
            letter: values.text("{{ letter }}")?,
        })
    }

    /// As it would go out, with the packet only named.
    pub fn shown(&self, parcel: &Parcel) -> String {
        format!(
            "to {}\nMAIL FROM:<{}>\nRCPT TO:<{}>\n\nFrom: {}\nTo: {}\nSubject: {}\n\n{}\n\n{}\n",
            self.server,
            self.from,
            self.to,
            self.from,
            self.to,
            self.subject,
            self.letter.trim_end(),
            parcel.stand_in(),
        )
    }

    /// The message as it travels. Both parts are in base 64, so that no line is too long and none begins with a dot
    /// (RFC 5321 section 4.5.2).
    fn bytes(&self, parcel: &Parcel, now: Timestamp) -> Vec<u8> {
        let boundary = format!("firstline-{}", &parcel.sha256[..32]);
        let domain = self.from.rsplit('@').next().unwrap_or_default();
        // RFC 5322 section 3.3.
        let date = now.strftime("%a, %d %b %Y %H:%M:%S +0000");
        let mut out = String::with_capacity(parcel.bytes.len() * 4 / 3 + 8192);
        let _ = write!(
            out,
            "Date: {date}\r\nFrom: <{}>\r\nTo: <{}>\r\nMessage-ID: <{}.{}@{domain}>\r\nSubject: {}\r\n\
             MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=\"{boundary}\"\r\n\r\n\
             --{boundary}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n",
            self.from,
            self.to,
            now.as_millisecond(),
            &parcel.sha256[..16],
            header_text(&self.subject),
        );
        in_lines(&mut out, self.letter.replace('\n', "\r\n").as_bytes());
        let _ = write!(
            out,
            "--{boundary}\r\nContent-Type: {}; name=\"{}\"\r\nContent-Disposition: attachment; filename=\"{}\"\r\n\
             Content-Transfer-Encoding: base64\r\n\r\n",
            parcel.media_type(),
            parcel.name,
            parcel.name,
        );
        in_lines(&mut out, &parcel.bytes);
        let _ = write!(out, "--{boundary}--\r\n");
        out.into_bytes()
    }
}

fn in_lines(out: &mut String, bytes: &[u8]) {
    let coded = BASE64.encode(bytes);
    for start in (0..coded.len()).step_by(COLUMNS) {
        out.push_str(&coded[start..coded.len().min(start + COLUMNS)]);
        out.push_str("\r\n");
    }
}

/// An address that says nothing else to a server (RFC 5321 section 4.1.2, without quotes).
fn mailbox(text: &str) -> Result<String, String> {
    let text = text.trim();
    let plain = |letter: char| letter.is_ascii_graphic() && !"<>()[]\\,;:\"".contains(letter);
    let parts: Vec<&str> = text.split('@').collect();
    match parts[..] {
        [local, domain] if !local.is_empty() && !domain.is_empty() && text.chars().all(plain) => Ok(text.to_owned()),
        _ => Err(format!("`{}` is no mail address", printable(text.as_bytes(), 80))),
    }
}

/// A text in a header: as it is, or in words of RFC 2047 that hold 45 bytes each where it has other letters or looks like
/// such words. Subjects are far below the longest line (RFC 5322 section 2.1.1: 998).
fn header_text(text: &str) -> String {
    const WORD: usize = 45;
    if text.is_ascii() && !text.contains("=?") {
        return text.to_owned();
    }
    let mut words: Vec<String> = vec![String::new()];
    for letter in text.chars() {
        if words.last().is_some_and(|word| word.len() + letter.len_utf8() > WORD) {
            words.push(String::new());
        }
        if let Some(word) = words.last_mut() {
            word.push(letter);
        }
    }
    let coded: Vec<String> = words.iter().map(|word| format!("=?UTF-8?B?{}?=", BASE64.encode(word))).collect();
    coded.join("\r\n ")
}

/// What goes with a message, and what must not come back.
pub struct Post<'a> {
    pub signing: Option<(&'a Auth, &'a Secret)>,
    pub values: &'a Values,
    pub parcel: &'a Parcel,
    pub hidden: &'a Hidden,
    /// An open line will do.
    pub weak: bool,
}

/// A conversation with a server.
struct Talk<'a> {
    stream: Box<dyn Stream>,
    host: &'a str,
    hidden: &'a Hidden,
}

/// Sends a message; what comes back is the server's last word about it.
///
/// # Errors
/// Where the server cannot be reached or does not take it.
pub async fn send(world: &World, message: &Message, post: &Post<'_>) -> Result<String, Failure> {
    let lost = |why: String| Failure::NotReached(format!("cannot send the mail: {why}"));
    let url = &message.server;
    let (host, encrypted) = (host_of(url), url.scheme() == "smtps");
    let port = url.port().unwrap_or(if encrypted { ENCRYPTED_PORT } else { SUBMISSION_PORT });
    let until = Instant::now() + CONNECT_WAIT;
    let again = || -> LocalBoxFuture<'_, Result<Box<dyn Stream>, Lost>> {
        Box::pin(async { direct(world, &host, port, until).await.map(|line| line.stream).map_err(Lost::Other) })
    };
    let mut line = direct(world, &host, port, until).await.map_err(lost)?;
    let own = line.local.map(|address| address.ip().to_string());
    if encrypted {
        line = secure(line, &host, &again, true, until).await.map_err(lost)?;
    }
    let local = line.local;
    let mut talk = Talk { stream: line.stream, host: &host, hidden: post.hidden };
    let speech = Speech::of(url.scheme()).ok_or_else(|| lost(format!("{} is no mail server", url.scheme())))?;
    talk.greeting().await?;
    let mut offer = talk.hello(speech, own.as_deref()).await?;
    if !encrypted && offer.starttls {
        talk.say("STARTTLS", 220, "begin encryption").await?;
        let line = Line { stream: talk.stream, local, round_trip: Duration::ZERO };
        // A second connection would not be in the middle of this conversation.
        let none = || -> LocalBoxFuture<'_, Result<Box<dyn Stream>, Lost>> { Box::pin(async { Err(Lost::Closed) }) };
        let line = secure(line, &host, &none, false, Instant::now() + CONNECT_WAIT).await.map_err(lost)?;
        talk = Talk { stream: line.stream, host: &host, hidden: post.hidden };
        // What was said before encryption may be somebody else's (RFC 3207 section 4.2).
        offer = talk.hello(speech, own.as_deref()).await?;
    } else if !encrypted && !post.weak {
        return Err(lost(format!("{host} offers no encryption here, and nothing is sent without")));
    }
    let bytes = message.bytes(post.parcel, Timestamp::now());
    if let Some(most) = offer.largest_bytes.filter(|most| bytes.len() as u64 > *most) {
        let words = format!("{host} takes mails of at most {most} bytes, and this one has {}", bytes.len());
        return Err(Failure::Refused { status: 552, words });
    }
    if let Some((auth, secret)) = post.signing {
        talk.sign_in(&offer, auth, secret, post.values).await?;
    }
    talk.say(&format!("MAIL FROM:<{}>", message.from), 250, "take a mail from this sender").await?;
    talk.say(&format!("RCPT TO:<{}>", message.to), 250, "take a mail for this recipient").await?;
    talk.say("DATA", 354, "take the mail").await?;
    let reply = talk.hand_over(bytes).await?;
    // It is taken; whether the good-bye is heard does not matter.
    let _ = talk.say("QUIT", 221, "end").await;
    Ok(reply)
}

impl Talk<'_> {
    async fn greeting(&mut self) -> Result<(), Failure> {
        let end = Instant::now() + REPLY_WAIT;
        let reply = dialogue::listen(&mut self.stream, end, LONGEST_REPLY, wants).await;
        self.judged(reply, 220, "greet").map(drop)
    }

    async fn hello(&mut self, speech: &Speech, own: Option<&str>) -> Result<Offer, Failure> {
        let question = speech.question(own);
        let reply = self.say(question.trim_end(), 250, "say what it can do").await?;
        speech.read(reply.as_bytes()).map_err(|words| Failure::Refused { status: 500, words })
    }

    /// Says a line and wants a reply with this code.
    async fn say(&mut self, words: &str, wanted: u16, what: &str) -> Result<String, Failure> {
        self.give(format!("{words}\r\n").as_bytes(), REPLY_WAIT, wanted, what).await
    }

    async fn give(&mut self, bytes: &[u8], wait: Duration, wanted: u16, what: &str) -> Result<String, Failure> {
        let reply = dialogue::ask(&mut self.stream, bytes, Instant::now() + wait, LONGEST_REPLY, wants).await;
        self.judged(reply, wanted, what)
    }

    async fn hand_over(&mut self, mut bytes: Vec<u8>) -> Result<String, Failure> {
        let wait = TAKING_WAIT + Duration::from_secs(bytes.len() as u64 / SLOWEST);
        bytes.extend_from_slice(b".\r\n");
        let reply = self.give(&bytes, wait, 250, "take the mail").await?;
        Ok(printable(reply.as_bytes(), SHOWN))
    }

    fn judged(&self, reply: Result<Vec<u8>, Lost>, wanted: u16, what: &str) -> Result<String, Failure> {
        let reply = reply.map_err(|failure| Failure::NotReached(format!("{} did not {what}: {failure}", self.host)))?;
        let text = self.hidden.clean(&String::from_utf8_lossy(&reply));
        match text.get(..3).and_then(|code| code.parse::<u16>().ok()) {
            // 251 is a recipient that is passed on (RFC 5321 section 4.3.2).
            Some(code) if code == wanted || (wanted == 250 && code == 251) => Ok(text),
            Some(code) => {
                let words = printable(text.as_bytes(), SHOWN);
                let meaning = meaning(code);
                let words = format!("{} does not {what}: {meaning} (it says: {words})", self.host);
                Err(Failure::Refused { status: code, words })
            }
            None => Err(Failure::NotReached(format!("{} does not speak as mail servers do", self.host))),
        }
    }

    async fn sign_in(&mut self, offer: &Offer, auth: &Auth, secret: &Secret, values: &Values) -> Result<(), Failure> {
        const WHAT: &str = "accept who is sending";
        let AuthKind::Basic { user, password } = &auth.kind else {
            return Err(Failure::NotReached("a mail server takes a name and a password only".to_owned()));
        };
        let known = values.with("token", secret.expose());
        let filled = known.text(user).and_then(|user| Ok((user, known.text(password)?)));
        let (user, password) = filled.map_err(Failure::NotReached)?;
        let offers = |kind: &str| offer.sign_in.iter().any(|offered| offered == kind);
        if offers("plain") {
            let coded = BASE64.encode(format!("\0{user}\0{password}"));
            return self.say(&format!("AUTH PLAIN {coded}"), 235, WHAT).await.map(drop);
        }
        if offers("login") {
            self.say("AUTH LOGIN", 334, WHAT).await?;
            self.say(&BASE64.encode(user), 334, WHAT).await?;
            return self.say(&BASE64.encode(password), 235, WHAT).await.map(drop);
        }
        let kinds = if offer.sign_in.is_empty() { "none".to_owned() } else { offer.sign_in.join(", ") };
        Err(Failure::NotReached(format!("{} offers no sign-in by password here (it offers: {kinds})", self.host)))
    }
}

fn wants(bytes: &[u8]) -> Wants {
    if is_whole_reply(bytes) { Wants::Nothing } else { Wants::More }
}

/// What the common refusals mean (RFC 5321 section 4.2, RFC 4954 section 6).
fn meaning(code: u16) -> &'static str {
    match code {
        421 | 450 | 451 => "not now, later perhaps",
        452 | 552 => "there is no room for it, or it is too large",
        530 => "it wants to know first who is sending",
        535 => "the name or the token is not accepted",
        550 | 553 => "the address is not one that it takes",
        554 => "it refuses the mail as a whole",
        _ => "it refuses",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_say_nothing_else() {
        for good in ["desk@site.example", "a.b+c@x"] {
            assert_eq!(mailbox(good).unwrap(), good);
        }
        for bad in ["", "desk", "a@b@c", "@x", "a@", "<a@b>", "a b@c", "a@b\r\nRCPT TO:<x@y>", "ä@b", "a@b,c@d"] {
            assert!(mailbox(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn subjects_with_other_letters_are_coded_in_short_words() {
        assert_eq!(header_text("FAULT in dns"), "FAULT in dns");
        assert!(header_text("=?x?= y").starts_with("=?UTF-8?B?"), "what looks coded is coded");
        let coded = header_text(&"Größe ".repeat(20));
        assert!(coded.split("\r\n ").all(|word| word.len() <= 75 && word.starts_with("=?UTF-8?B?")), "{coded}");
        let back: String = coded
            .split("\r\n ")
            .map(|word| word.trim_start_matches("=?UTF-8?B?").trim_end_matches("?="))
            .map(|word| String::from_utf8(BASE64.decode(word).unwrap()).unwrap())
            .collect();
        assert_eq!(back, "Größe ".repeat(20));
    }
}
