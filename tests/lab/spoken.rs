//! What servers say in the protocols of an office, written by hand from the specifications and not by the code that reads
//! it: a misreading shared by both would hide itself. Each function answers what was heard on a connection.

use crate::scene::Reply;
use std::time::{SystemTime, UNIX_EPOCH};

/// Seconds since 1970.
fn now_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_secs())
}

/// File servers (MS-SMB2, MS-CIFS).
pub mod smb {
    use super::*;

    /// Windows counts from 1601 in units of 100 ns.
    const FROM_1601_S: u64 = 11_644_473_600;

    /// SMB 3.0.2, signing possible, by a clock that is right.
    pub fn today(heard: &[u8]) -> Reply {
        negotiated(heard, 0)
    }

    /// The same by a clock that is twenty minutes ahead.
    pub fn twenty_minutes_ahead(heard: &[u8]) -> Reply {
        negotiated(heard, 20 * 60)
    }

    /// Hangs up on everything but SMB 1.
    pub fn only_old(heard: &[u8]) -> Reply {
        match heard.get(4..8) {
            None => Reply::Listen,
            Some(b"\xffSMB") => {
                // The first dialect of those that were offered: NT LM 0.12.
                let mut answer = b"\0\0\0\x25\xffSMB\x72\0\0\0\0\x98\x53\xc8".to_vec();
                answer.resize(4 + 32, 0);
                answer.extend(b"\x01\0\0\0\0");
                Reply::Say(answer)
            }
            Some(_) => Reply::HangUp,
        }
    }

    fn negotiated(heard: &[u8], ahead_s: u64) -> Reply {
        match heard.get(4..8) {
            None => return Reply::Listen,
            Some(b"\xfeSMB") => {}
            Some(_) => return Reply::HangUp,
        }
        let time = (now_s() + FROM_1601_S + ahead_s) * 10_000_000;
        let mut message = b"\xfeSMB\x40\0\0\0\0\0\0\0\0\0\x01\0\x01\0\0\0".to_vec();
        message.resize(64, 0);
        // Structure size 65, signing possible, dialect 3.0.2; the server's name for itself.
        message.extend(b"\x41\0\x01\0\x02\x03\0\0lab file server!");
        // Referrals and encryption; 1 MiB at a time.
        message.extend(b"\x41\0\0\0\0\0\x10\0\0\0\x10\0\0\0\x10\0");
        message.extend(time.to_le_bytes());
        message.extend([0; 8]);
        // No token of sign-ins, as MS-SMB2 allows.
        message.extend(b"\x80\0\0\0\0\0\0\0");
        let mut framed = (message.len() as u32).to_be_bytes().to_vec();
        framed.extend(message);
        Reply::Say(framed)
    }
}

/// Mail servers (RFC 5321, RFC 3207).
pub mod mail {
    use crate::scene::MailMood;
    use std::io::Result;
    use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
    use tokio::net::TcpStream;
    use tokio_rustls::TlsAcceptor;

    /// One connection, from the greeting to the end.
    pub async fn take(mut stream: TcpStream, mood: MailMood, tls: &TlsAcceptor) -> Result<()> {
        stream.write_all(b"220 mail.example.test ESMTP\r\n").await?;
        let Some(stream) = speak(stream, mood, false).await? else { return Ok(()) };
        if mood == MailMood::BreaksEncryption {
            return Ok(());
        }
        speak(tls.accept(stream).await?, mood, true).await.map(drop)
    }

    /// Speaks until the other side leaves, or gives the stream back where encryption is to begin.
    async fn speak<S: AsyncRead + AsyncWrite + Unpin>(stream: S, mood: MailMood, encrypted: bool) -> Result<Option<S>> {
        let mut stream = BufReader::new(stream);
        let mut line = String::new();
        while stream.read_line(&mut line).await? > 0 {
            let word = line.split_whitespace().next().unwrap_or_default().to_ascii_uppercase();
            line.clear();
            let answer = match word.as_str() {
                _ if mood == MailMood::MuteAfterGreeting => continue,
                "EHLO" => abilities(mood, encrypted),
                "STARTTLS" => "220 2.0.0 ready\r\n",
                "QUIT" => "221 2.0.0 bye\r\n",
                _ => "502 5.5.1 not here\r\n",
            };
            stream.write_all(answer.as_bytes()).await?;
            stream.flush().await?;
            if word == "STARTTLS" {
                return Ok(Some(stream.into_inner()));
            }
        }
        Ok(None)
    }

    fn abilities(mood: MailMood, encrypted: bool) -> &'static str {
        match mood {
            MailMood::InTheOpen => "250-mail.example.test\r\n250 AUTH PLAIN LOGIN\r\n",
            MailMood::ForServersOnly if encrypted => "250-mail.example.test\r\n250 SIZE 10240000\r\n",
            _ if encrypted => "250-mail.example.test\r\n250 AUTH PLAIN LOGIN\r\n",
            _ => "250-mail.example.test\r\n250 STARTTLS\r\n",
        }
    }
}

/// Printers and print servers (RFC 8010, RFC 8011).
pub mod ipp {
    use super::*;

    const IDLE: u8 = 3;
    const PROCESSING: u8 = 4;
    const STOPPED: u8 = 5;

    /// Has nothing to do.
    pub fn idle(heard: &[u8]) -> Reply {
        printer(heard, IDLE, &["none"], 0, true)
    }

    /// Stands still for want of paper, with two jobs before it.
    pub fn without_paper(heard: &[u8]) -> Reply {
        printer(heard, STOPPED, &["media-empty-error"], 2, true)
    }

    /// Was paused by somebody.
    pub fn paused(heard: &[u8]) -> Reply {
        printer(heard, STOPPED, &["paused"], 4, true)
    }

    /// A print server whose printer is off: one job is under way for ever.
    pub fn does_not_reach_its_device(heard: &[u8]) -> Reply {
        printer(heard, PROCESSING, &["connecting-to-device", "offline-report"], 1, true)
    }

    /// Is idle and takes no jobs.
    pub fn closed(heard: &[u8]) -> Reply {
        printer(heard, IDLE, &["none"], 0, false)
    }

    /// Holds three jobs and does nothing about them.
    pub fn holds(heard: &[u8]) -> Reply {
        printer(heard, IDLE, &["none"], 3, true)
    }

    /// client-error-not-found.
    pub fn knows_no_such_queue(heard: &[u8]) -> Reply {
        http(heard, b"\x01\x01\x04\x06\0\0\0\x01\x01\x47\0\x12attributes-charset\0\x05utf-8\x03")
    }

    fn printer(heard: &[u8], state: u8, reasons: &[&str], queued: u8, accepts: bool) -> Reply {
        let mut body = b"\x01\x01\0\0\0\0\0\x01\x01\x47\0\x12attributes-charset\0\x05utf-8\x04".to_vec();
        attribute(&mut body, 0x41, "printer-make-and-model", b"Lab Printer 3000");
        attribute(&mut body, 0x23, "printer-state", &[0, 0, 0, state]);
        for (place, reason) in reasons.iter().enumerate() {
            attribute(&mut body, 0x44, if place == 0 { "printer-state-reasons" } else { "" }, reason.as_bytes());
        }
        attribute(&mut body, 0x22, "printer-is-accepting-jobs", &[u8::from(accepts)]);
        attribute(&mut body, 0x21, "queued-job-count", &[0, 0, 0, queued]);
        body.push(3);
        http(heard, &body)
    }

    fn attribute(body: &mut Vec<u8>, tag: u8, name: &str, value: &[u8]) {
        body.push(tag);
        for text in [name.as_bytes(), value] {
            body.extend((text.len() as u16).to_be_bytes());
            body.extend(text);
        }
    }

    /// Answers a POST that has come whole, which a question in IPP has when its end tag is there.
    fn http(heard: &[u8], body: &[u8]) -> Reply {
        if !heard.ends_with(b"\x03") {
            return Reply::Listen;
        }
        let head =
            format!("HTTP/1.1 200 OK\r\nContent-Type: application/ipp\r\nContent-Length: {}\r\n\r\n", body.len());
        Reply::Say([head.as_bytes(), body].concat())
    }
}

/// Print servers that speak the line printer protocol (RFC 1179 section 5.3), in the words of CUPS.
pub mod lpd {
    use super::*;

    /// Prints.
    pub fn ready(heard: &[u8]) -> Reply {
        says(heard, "office is ready\nno entries\n")
    }

    /// Keeps two jobs and prints none.
    pub fn stopped(heard: &[u8]) -> Reply {
        says(
            heard,
            "office is not ready\nRank    Owner   Job     File(s)                         Total Size\n\
             1st     ann     12      report.pdf                      12288 bytes\n\
             2nd     ben     13      letter.pdf                      1024 bytes\n",
        )
    }

    fn says(heard: &[u8], text: &str) -> Reply {
        match heard {
            b"\x03office \n" => Reply::Say(text.as_bytes().to_vec()),
            [.., b'\n'] => Reply::Say(b"lpd: unknown printer\n".to_vec()),
            _ => Reply::Listen,
        }
    }
}

/// Remote desktops (MS-RDPBCGR section 2.2.1.2).
pub mod rdp {
    use super::*;
    use crate::scene::DesktopMood;
    use std::io::Result;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;
    use tokio_rustls::TlsAcceptor;

    /// A connection request without a cookie has this size.
    const REQUEST: usize = 19;
    /// The offer of NLA among the requested protocols, at this place.
    const OFFERS_AT: usize = 15;
    const NLA: u8 = 2;

    /// One connection: the choice of a protection, and what follows of it.
    pub async fn take(mut stream: TcpStream, mood: DesktopMood, tls: &TlsAcceptor) -> Result<()> {
        let mut request = [0; REQUEST];
        stream.read_exact(&mut request).await?;
        let with_nla = request[OFFERS_AT] & NLA != 0;
        match mood {
            DesktopMood::NoCertificate => return stream.write_all(&confirm(3, 3)).await,
            DesktopMood::Old => return stream.write_all(b"\x03\0\0\x0b\x06\xd0\0\0\x12\x34\0").await,
            _ if !with_nla => return stream.write_all(&confirm(3, 5)).await,
            _ => stream.write_all(&confirm(2, u32::from(NLA))).await?,
        }
        if mood == DesktopMood::CutsEncryption {
            let mut hello = [0; 1024];
            let _ = stream.read(&mut hello).await?;
            return socket2::SockRef::from(&stream).set_linger(Some(std::time::Duration::ZERO));
        }
        let mut stream = tls.accept(stream).await?;
        let _ = stream.read(&mut request).await?;
        Ok(())
    }

    /// A connection confirm with what follows it: a choice (2) or a failure (3).
    fn confirm(kind: u8, value: u32) -> Vec<u8> {
        [&b"\x03\0\0\x13\x0e\xd0\0\0\x12\x34\0"[..], &[kind, 0, 8, 0], &value.to_le_bytes()].concat()
    }

    /// Answers nothing but this: a server that knows something else.
    pub fn is_a_web_server(heard: &[u8]) -> Reply {
        if heard.is_empty() { Reply::Listen } else { Reply::Say(b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec()) }
    }
}

/// Values of ASN.1 in DER, all of them shorter than 128 bytes.
fn value(tag: u8, content: &[u8]) -> Vec<u8> {
    [&[tag, content.len() as u8], content].concat()
}

/// The time so many seconds from now, as ASN.1 writes it.
fn time(ahead_s: i64) -> String {
    let seconds = (now_s() as i64).saturating_add(ahead_s);
    jiff::Timestamp::from_second(seconds).unwrap_or_default().strftime("%Y%m%d%H%M%S").to_string()
}

/// Key distribution centres (RFC 4120).
pub mod kerberos {
    use super::*;

    /// "Prove yourself first", which is the right answer, by a clock that is right.
    pub fn wants_a_proof(heard: &[u8]) -> Reply {
        error(heard, 25, 0)
    }

    /// The same by a clock that is half an hour behind.
    pub fn half_an_hour_behind(heard: &[u8]) -> Reply {
        error(heard, 25, -1_800)
    }

    /// "That is another realm's business."
    pub fn of_another_realm(heard: &[u8]) -> Reply {
        error(heard, 68, 0)
    }

    fn error(heard: &[u8], code: u8, ahead_s: i64) -> Reply {
        let Some((length, request)) = heard.split_first_chunk::<4>() else { return Reply::Listen };
        if request.len() < u32::from_be_bytes(*length) as usize {
            return Reply::Listen;
        }
        let body = [
            value(0xa0, b"\x02\x01\x05"),
            value(0xa1, b"\x02\x01\x1e"),
            value(0xa4, &value(0x18, format!("{}Z", time(ahead_s)).as_bytes())),
            value(0xa5, b"\x02\x01\x00"),
            value(0xa6, &[2, 1, code]),
            value(0xa9, &value(0x1b, b"EXAMPLE.TEST")),
        ]
        .concat();
        let message = value(0x7e, &value(0x30, &body));
        Reply::Say([&(message.len() as u32).to_be_bytes()[..], &message].concat())
    }
}

/// Directories (RFC 4511).
pub mod ldap {
    use super::*;

    /// Shows its root entry, by a clock that is right.
    pub fn directory(heard: &[u8]) -> Reply {
        root_entry(heard, 0)
    }

    /// The same by a clock that is an hour ahead.
    pub fn an_hour_ahead(heard: &[u8]) -> Reply {
        root_entry(heard, 3_600)
    }

    /// "I am busy."
    pub fn busy(heard: &[u8]) -> Reply {
        if heard.is_empty() { Reply::Listen } else { Reply::Say(done(51)) }
    }

    fn root_entry(heard: &[u8], ahead_s: i64) -> Reply {
        if heard.is_empty() {
            return Reply::Listen;
        }
        let attribute = |name: &str, text: &str| {
            value(0x30, &[value(4, name.as_bytes()), value(0x31, &value(4, text.as_bytes()))].concat())
        };
        let now = format!("{}.0Z", time(ahead_s));
        let attributes =
            [attribute("currentTime", &now), attribute("defaultNamingContext", "DC=example,DC=test")].concat();
        let entry = value(0x64, &[value(4, b""), value(0x30, &attributes)].concat());
        let message = value(0x30, &[&b"\x02\x01\x01"[..], &entry].concat());
        Reply::Say([message, done(0)].concat())
    }

    fn done(result: u8) -> Vec<u8> {
        value(0x30, &[&b"\x02\x01\x01"[..], &value(0x65, &[&[0x0a, 1, result][..], b"\x04\0\x04\0"].concat())].concat())
    }
}
