//! Printers on the loopback interface that say what they are told.

use super::*;
use crate::observation::Outcome;
use crate::probe::testing::loopback::{Loopback, look, read_head, serve, world};
use crate::sys::ProxySettings;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Status and body for a path.
type Says = fn(&str) -> (u16, Vec<u8>);

async fn print_server(mut stream: TcpStream, says: Says) {
    let head = read_head(&mut stream).await;
    let length = head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    let _ = stream.read_exact(&mut body).await;
    let (status, answer) = says(head.split_whitespace().nth(1).unwrap_or_default());
    let start = format!("HTTP/1.1 {status} x\r\nContent-Length: {}\r\n\r\n", answer.len());
    let _ = stream.write_all(start.as_bytes()).await;
    let _ = stream.write_all(&answer).await;
    let _ = stream.shutdown().await;
}

async fn looked_at(path: &str, extra: Value, says: Says) -> Vec<Observation> {
    let served = serve(move |stream| print_server(stream, says)).await;
    let world = world(Loopback::default(), ProxySettings::default());
    let mut args = json!({ "url": format!("ipp://{}{path}", served.address) });
    for (key, value) in extra.as_object().unwrap() {
        args[key] = value.clone();
    }
    look(&PROBE, &world, args).await.0
}

async fn printer(says: Says) -> Observation {
    looked_at("/printers/office", json!({}), says).await.remove(0)
}

#[tokio::test]
async fn an_idle_printer_is_ok() {
    let seen = printer(|_| (200, message::tests::printer(3, true, 0, &["none"]))).await;
    assert_eq!(seen.outcome, Outcome::Ok, "{seen:#?}");
    assert_eq!((&seen.facts["state"], &seen.facts["queued_jobs"]), (&json!("idle"), &json!(0)));
    assert_eq!(seen.facts["device"], "ipp://printer.test/ipp/print");
    assert!(seen.via.peer.is_some());
    let seen = printer(|_| (200, message::tests::printer(4, true, 2, &["toner-low-report"]))).await;
    assert_eq!(seen.outcome, Outcome::Ok, "{seen:#?}");
}

#[tokio::test]
async fn what_is_in_the_way_is_named() {
    let cases: [(Says, Code, &[Code]); 5] = [
        (
            |_| (200, message::tests::printer(5, true, 3, &["media-empty-error"])),
            Code::PrintAttention,
            &[Code::PrintStopped],
        ),
        (|_| (200, message::tests::printer(5, true, 3, &["paused"])), Code::PrintStopped, &[]),
        (|_| (200, message::tests::printer(3, false, 0, &["none"])), Code::PrintRejects, &[]),
        (|_| (200, message::tests::printer(4, true, 1, &["offline-report"])), Code::PrintOffline, &[]),
        (|_| (200, message::tests::printer(5, false, 0, &["none"])), Code::PrintStopped, &[Code::PrintRejects]),
    ];
    for (says, code, also) in cases {
        let seen = printer(says).await;
        assert_eq!((seen.code, seen.also.as_slice()), (Some(code), also), "{seen:#?}");
    }
}

#[tokio::test]
async fn refusals_keep_their_kind() {
    let cases: [(Says, Code); 8] = [
        (|_| (200, message::tests::status(0x0406)), Code::AppUnknownName),
        (|_| (200, message::tests::status(0x0402)), Code::HttpAuthRequired),
        (|_| (200, message::tests::status(0x0507)), Code::HttpServerError),
        (|_| (200, message::tests::status(0x0400)), Code::AppRefused),
        (|_| (200, b"<html>welcome</html>".to_vec()), Code::AppWrongProtocol),
        (|_| (404, Vec::new()), Code::AppUnknownName),
        (|_| (403, Vec::new()), Code::HttpForbidden),
        (|_| (503, Vec::new()), Code::HttpServerError),
    ];
    for (says, code) in cases {
        let seen = printer(says).await;
        assert_eq!(seen.code, Some(code), "{seen:#?}");
    }
}

#[tokio::test]
async fn an_address_without_a_path_means_the_usual_one_and_then_the_root() {
    let says: Says = |path| match path {
        "/" => (200, message::tests::printer(3, true, 0, &["none"])),
        _ => (404, Vec::new()),
    };
    let seen = looked_at("", json!({}), says).await.remove(0);
    assert_eq!(seen.outcome, Outcome::Ok, "{seen:#?}");
    let seen = looked_at("", json!({}), |_| (404, Vec::new())).await.remove(0);
    assert_eq!(seen.code, Some(Code::AppUnknownName));
    assert!(seen.subject.as_deref().unwrap().ends_with("/ipp/print"), "{seen:#?}");
}

#[tokio::test]
async fn queues_say_where_they_lead() {
    let extra = json!({ "queues": true, "leads_to": ["printer.test", "10.0.0.9"] });
    let seen = looked_at("/", extra, |_| (200, message::tests::printer(5, true, 4, &["paused"]))).await;
    assert_eq!((seen[0].code, seen[0].subject.as_deref()), (Some(Code::PrintStopped), Some("office")), "{seen:#?}");
    assert_eq!((&seen[0].facts["leads_there"], &seen[0].facts["paused"]), (&json!(true), &json!(true)));
    let seen = looked_at("/", json!({ "queues": true }), |_| (200, message::tests::status(0x0406))).await;
    assert_eq!(seen[0].outcome, Outcome::Ok);
    let seen = looked_at("/", json!({ "queues": true }), |_| (404, Vec::new())).await;
    assert_eq!(seen[0].outcome, Outcome::Unknown);
}

#[tokio::test]
async fn what_cannot_be_asked_is_told_apart() {
    let world = world(Loopback::default(), ProxySettings::default());
    for (url, outcome, code) in [
        ("ipp://127.0.0.1:1/ipp/print", Outcome::Problem, Some(Code::TcpRefused)),
        ("lpd://127.0.0.1/x", Outcome::Unknown, None),
        ("", Outcome::Unknown, None),
        ("ipp://", Outcome::Unknown, None),
    ] {
        let seen = look(&PROBE, &world, json!({ "url": url })).await.0.remove(0);
        assert_eq!((seen.outcome, seen.code), (outcome, code), "{url}: {seen:#?}");
    }
    assert_eq!(shown_device("socket://ann:secret@10.0.0.9:9100/?x=y"), "socket://10.0.0.9:9100/");
}
