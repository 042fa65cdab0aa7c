//! Mail servers on the loopback interface that follow a script.

use super::*;
use crate::observation::{Certainty, Outcome};
use crate::probe::testing::loopback::{Loopback, acceptor, certificates, serve, world};
use crate::probe::testing::{LONG, look_by};
use crate::sys::ProxySettings;
use certificates::{Authority, Leaf};
use serde_json::json;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio_rustls::TlsAcceptor;

/// What a server answers to each line; none closes, an empty text says nothing.
type Says = fn(&str) -> Option<&'static str>;

/// Speaks until encryption begins: then it gives the stream back.
async fn speak<S: AsyncRead + AsyncWrite + Unpin>(stream: S, greets: bool, says: Says) -> Option<S> {
    let mut stream = BufReader::new(stream);
    if greets {
        stream.write_all(says("")?.as_bytes()).await.ok()?;
    }
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await.ok()? == 0 {
            return None;
        }
        stream.write_all(says(line.trim())?.as_bytes()).await.ok()?;
        if line.contains("STARTTLS") || line.contains("STLS") {
            return Some(stream.into_inner());
        }
    }
}

async fn looked_at(scheme: &str, says: Says, root: &Authority, leaf: &Leaf) -> (Observation, Vec<Observation>) {
    let tls: TlsAcceptor = acceptor(&root.leaf(leaf), Vec::new());
    let from_start = ["smtps", "imaps", "pop3s"].contains(&scheme);
    let served = serve(move |stream| {
        let tls = tls.clone();
        async move {
            if from_start {
                let Ok(stream) = tls.accept(stream).await else { return };
                speak(stream, true, says).await;
            } else if let Some(stream) = speak(stream, true, says).await {
                let Ok(stream) = tls.accept(stream).await else { return };
                speak(stream, false, says).await;
            }
        }
    })
    .await;
    let world = world(Loopback::default(), ProxySettings::default());
    let (to, trust) = (served.address, Some(Trust::in_roots(&[root.der()], &[root.der()])));
    let args = json!({ "host": "mail.test", "port": to.port(), "addresses": [to.ip().to_string()], "scheme": scheme });
    let seen =
        look_by(&PROBE, &world, args, LONG, async |look| look.with(|look, params| run(look, params, trust)).await)
            .await;
    let (mut last, emitted) = seen.both();
    assert_eq!(last.len(), 1);
    (last.remove(0), emitted)
}

async fn visited(scheme: &str, says: Says) -> Observation {
    looked_at(scheme, says, &Authority::root("Example Root"), &Leaf::for_name("mail.test")).await.0
}

fn submission(line: &str) -> Option<&'static str> {
    match line {
        "" => Some("220 mail.test ESMTP\r\n"),
        "STARTTLS" => Some("220 go ahead\r\n"),
        "QUIT" => Some("221 bye\r\n"),
        line if line.starts_with("EHLO [127.0.0.1]") || line.starts_with("EHLO [") => {
            Some("250-mail.test\r\n250-SIZE 52428800\r\n250-STARTTLS\r\n250 AUTH PLAIN LOGIN\r\n")
        }
        _ => Some("500 what?\r\n"),
    }
}

#[tokio::test]
async fn encryption_that_begins_in_the_middle_is_gone_through() {
    let seen = visited("submission", submission).await;
    assert_eq!(seen.outcome, Outcome::Ok, "{seen:#?}");
    assert_eq!((&seen.facts["encryption"], &seen.facts["version"]), (&json!("starttls"), &json!("TLS 1.3")));
    assert_eq!(
        (&seen.facts["sign_in"], &seen.facts["largest_bytes"]),
        (&json!(["plain", "login"]), &json!(52_428_800))
    );
    assert_eq!(
        (&seen.facts["banner"], &seen.facts["only_modern_sign_in"]),
        (&json!("220 mail.test ESMTP"), &json!(false))
    );
    assert!(seen.via.peer.is_some() && seen.facts["days_left"].as_i64().unwrap() > 70, "{seen:#?}");
}

#[tokio::test]
async fn its_certificate_is_judged_as_any_other() {
    let root = Authority::root("Example Root");
    for (leaf, code) in
        [(Leaf::for_name("mail.test").days(-100, -10), Code::TlsExpired), (Leaf::for_name("other.test"), Code::TlsName)]
    {
        let (seen, _) = looked_at("submission", submission, &root, &leaf).await;
        assert_eq!((seen.code, &seen.facts["encryption"]), (Some(code), &json!("starttls")), "{seen:#?}");
    }
}

#[tokio::test]
async fn a_mailbox_server_is_spoken_to_in_its_own_protocol() {
    let imap: Says = |line| match line {
        "" => Some("* OK [CAPABILITY IMAP4rev1] ready\r\n"),
        "firstline CAPABILITY" => Some("* CAPABILITY IMAP4rev1 AUTH=XOAUTH2 LOGINDISABLED\r\nfirstline OK done\r\n"),
        _ => None,
    };
    let seen = visited("imaps", imap).await;
    assert_eq!(seen.outcome, Outcome::Ok, "{seen:#?}");
    assert_eq!((&seen.facts["only_modern_sign_in"], &seen.facts["encryption"]), (&json!(true), &json!("from_start")));
    let pop3: Says = |line| match line {
        "" => Some("+OK ready\r\n"),
        "CAPA" => Some("+OK\r\nUSER\r\n.\r\n"),
        _ => None,
    };
    let seen = visited("pop3", pop3).await;
    assert_eq!((seen.code, &seen.facts["encryption"]), (Some(Code::AppNoEncryption), &json!("none")), "{seen:#?}");
    let seen = visited("pop3s", pop3).await;
    assert_eq!((seen.outcome, &seen.facts["sign_in"]), (Outcome::Ok, &json!(["password"])));
}

#[tokio::test]
async fn servers_among_themselves_need_no_encryption_and_no_sign_in() {
    let says: Says = |line| match line {
        "" => Some("220 mx.test ESMTP\r\n"),
        line if line.starts_with("EHLO") => Some("250 mx.test\r\n"),
        _ => Some("221 bye\r\n"),
    };
    let seen = visited("smtp", says).await;
    assert_eq!((seen.outcome, &seen.facts["encryption"]), (Outcome::Ok, &json!("none")), "{seen:#?}");
    let seen = visited("smtps", says).await;
    assert_eq!((seen.code, &seen.facts["takes_sign_in"]), (Some(Code::AppRefused), &json!(false)), "{seen:#?}");
}

#[tokio::test]
async fn what_a_server_says_against_it_is_kept() {
    let cases: [(Says, Code, &str); 4] = [
        (|_| Some("554 5.7.1 you are listed\r\n"), Code::AppRefused, "554 5.7.1 you are listed"),
        (|_| Some("SSH-2.0-x\r\n"), Code::AppWrongProtocol, ""),
        (|line| Some(if line.is_empty() { "220 mail.test\r\n" } else { "502 no\r\n" }), Code::AppRefused, "502 no"),
        (
            |line| match line {
                "" => Some("220 mail.test\r\n"),
                "STARTTLS" => Some("454 not now\r\n"),
                _ => Some("250 STARTTLS\r\n"),
            },
            Code::AppRefused,
            "454 not now",
        ),
    ];
    for (says, code, refusal) in cases {
        let seen = visited("submission", says).await;
        assert_eq!(seen.code, Some(code), "{seen:#?}");
        assert_eq!(seen.facts.get("refusal").and_then(|words| words.as_str()).unwrap_or_default(), refusal);
    }
}

#[tokio::test]
async fn silence_is_shown_after_three_seconds_and_told_after_ten() {
    let root = Authority::root("Example Root");
    let start = Instant::now();
    let (seen, emitted) = looked_at("imap", |_| Some(""), &root, &Leaf::for_name("mail.test")).await;
    assert_eq!((seen.code, seen.certainty), (Some(Code::AppNoGreeting), Some(Certainty::Confirmed)), "{seen:#?}");
    assert_eq!(emitted[0].certainty, Some(Certainty::Suspected));
    assert!((9.0..12.0).contains(&start.elapsed().as_secs_f64()));
    let (seen, _) = looked_at("imap", |_| None, &root, &Leaf::for_name("mail.test")).await;
    assert_eq!((seen.code, seen.certainty), (Some(Code::AppNoGreeting), Some(Certainty::Confirmed)));
    let mute: Says = |line| Some(if line.is_empty() { "* OK\r\n" } else { "" });
    let (seen, _) = looked_at("imap", mute, &root, &Leaf::for_name("mail.test")).await;
    assert_eq!(seen.code, Some(Code::AppNoAnswer));
}
