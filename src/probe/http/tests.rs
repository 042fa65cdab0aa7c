//! The probe against servers on the loopback that misbehave in one way each.

use super::answer::offset;
use super::*;
use crate::observation::{Certainty, Outcome};
use crate::probe::testing;
use crate::probe::testing::loopback::certificates::{Authority, Leaf};
use crate::probe::testing::loopback::{Loopback, Served, answers, look, look_for, read_head, serve, tls_server, world};
use crate::sys::{ProxySetting, ProxySettings};
use futures_util::future::join;
use serde_json::json;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::UNIX_EPOCH;
use tokio::io::AsyncWriteExt;

fn page_url(served: &Served, path: &str) -> String {
    format!("http://crm.test:{}{path}", served.address.port())
}

async fn get(served: &Served, args: serde_json::Value) -> Observation {
    get_in(served, Loopback::default().name("crm.test", &["127.0.0.1"]), ProxySettings::default(), args).await.0
}

async fn get_in(
    served: &Served,
    network: Loopback,
    settings: ProxySettings,
    args: serde_json::Value,
) -> (Observation, Vec<Observation>) {
    let world = world(network, settings);
    let mut all = json!({"url": page_url(served, "/page?token=secret")});
    for (key, value) in args.as_object().unwrap() {
        all[key] = value.clone();
    }
    let (mut seen, emitted) = look(&PROBE, &world, all).await;
    assert_eq!(seen.len(), 1);
    let seen = seen.remove(0);
    assert!(!serde_json::to_string(&seen).unwrap().contains("secret"), "{seen:?}");
    (seen, emitted)
}

#[tokio::test]
async fn a_page_that_works_is_measured_phase_by_phase() {
    let served = serve(answers(
        b"HTTP/1.1 200 OK\r\nServer: nginx\r\nContent-Type: text/html\r\nContent-Length: 5\r\n\r\nhello",
    ))
    .await;
    let seen = get(&served, json!({"expect_body": "hel", "expect_status": 200, "label": "goal"})).await;
    assert_eq!(seen.outcome, Outcome::Ok, "{}", seen.summary);
    for fact in ["lookup_ms", "connect_ms", "first_byte_ms", "total_ms"] {
        assert!(seen.facts[fact].is_number(), "{fact}");
    }
    assert_eq!(seen.facts["proxy_used"], "direct");
    assert_eq!(seen.facts["server"], "nginx");
    assert_eq!(seen.facts["body_start"], "hello");
    assert_eq!(seen.via.peer.as_deref(), Some(served.address.to_string().as_str()));
}

#[tokio::test]
async fn statuses_and_contents_have_their_codes() {
    let table: [(&'static [u8], serde_json::Value, Code); 10] = [
        (
            b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 5\r\n\r\nplain",
            json!({}),
            Code::HttpUnexpectedContent,
        ),
        (b"HTTP/1.1 401 x\r\nContent-Length: 0\r\n\r\n", json!({}), Code::HttpAuthRequired),
        (b"HTTP/1.1 403 x\r\nContent-Length: 0\r\n\r\n", json!({}), Code::HttpForbidden),
        (b"HTTP/1.1 404 x\r\nContent-Length: 0\r\n\r\n", json!({}), Code::HttpNotFound),
        (b"HTTP/1.1 429 x\r\nRetry-After: 5\r\nContent-Length: 0\r\n\r\n", json!({}), Code::HttpTooManyRequests),
        (b"HTTP/1.1 418 x\r\nContent-Length: 0\r\n\r\n", json!({}), Code::HttpClientError),
        (b"HTTP/1.1 503 x\r\nContent-Length: 0\r\n\r\n", json!({}), Code::HttpServerError),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nno", json!({"expect_body": "yes"}), Code::HttpUnexpectedContent),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nno", json!({"expect_status": 204}), Code::HttpUnexpectedContent),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nno", json!({}), Code::HttpCut),
    ];
    for (answer, args, code) in table {
        let served = serve(answers(answer)).await;
        let seen = get(&served, args).await;
        assert_eq!((seen.code, seen.certainty), (Some(code), Some(Certainty::Confirmed)), "{}", seen.summary);
    }
    for (answer, code) in [(b"".as_slice(), Code::HttpCut), (b"220 mail ready\r\n", Code::HttpNotHttp)] {
        let served = serve(answers(answer)).await;
        assert_eq!(get(&served, json!({})).await.code, Some(code));
    }
}

#[tokio::test]
async fn a_server_that_fails_once_is_only_suspected() {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let served = serve(|mut stream| async move {
        read_head(&mut stream).await;
        let status = if COUNT.fetch_add(1, Ordering::SeqCst) == 0 { 500 } else { 200 };
        let answer = format!("HTTP/1.1 {status} x\r\nContent-Length: 0\r\n\r\n");
        let _ = stream.write_all(answer.as_bytes()).await;
    })
    .await;
    let seen = get(&served, json!({})).await;
    assert_eq!((seen.code, seen.certainty), (Some(Code::HttpServerError), Some(Certainty::Suspected)));
    assert_eq!(seen.facts["server_errors"], 1);
}

#[tokio::test]
async fn redirects_are_walked_and_loops_named() {
    let served = serve(|mut stream| async move {
        let head = read_head(&mut stream).await;
        let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
        let answer = match path.as_str() {
            "/page?token=secret" => "HTTP/1.1 302 x\r\nLocation: /two?token=secret\r\n",
            "/two?token=secret" => "HTTP/1.1 301 x\r\nLocation: /three\r\n",
            "/loop" => "HTTP/1.1 302 x\r\nLocation: /loop\r\n",
            "/cookie" if !head.contains("seen=1") => {
                "HTTP/1.1 302 x\r\nSet-Cookie: seen=1; Path=/\r\nLocation: /cookie\r\n"
            }
            "/mail" => "HTTP/1.1 302 x\r\nLocation: mailto:a@b\r\n",
            _ => "HTTP/1.1 200 x\r\n",
        };
        let _ = stream.write_all(format!("{answer}Content-Length: 0\r\n\r\n").as_bytes()).await;
    })
    .await;
    let seen = get(&served, json!({})).await;
    assert_eq!(seen.outcome, Outcome::Ok, "{}", seen.summary);
    assert_eq!(seen.facts["redirects"].as_array().unwrap().len(), 2);
    assert_eq!(seen.facts["final_url"], page_url(&served, "/three"));
    let seen = get(&served, json!({"follow": false})).await;
    assert_eq!((seen.outcome, &seen.facts["status"]), (Outcome::Ok, &json!(302)));
    let seen = get(&served, json!({"url": page_url(&served, "/loop")})).await;
    assert_eq!(seen.code, Some(Code::HttpRedirectLoop), "{}", seen.summary);
    let seen = get(&served, json!({"url": page_url(&served, "/cookie")})).await;
    assert_eq!(seen.outcome, Outcome::Ok, "{}", seen.summary);
    let seen = get(&served, json!({"url": page_url(&served, "/mail")})).await;
    assert_eq!(seen.code, Some(Code::HttpUnexpectedContent), "{}", seen.summary);
}

#[tokio::test]
async fn each_phase_that_fails_gives_its_own_layer() {
    let served = serve(answers(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")).await;
    let nobody = Loopback::default();
    let (seen, _) = get_in(&served, nobody, ProxySettings::default(), json!({})).await;
    assert_eq!((seen.code, seen.layer), (Some(Code::DnsLookupFailed), Layer::Dns));

    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let closed = Served { address: listener.local_addr().unwrap() };
    drop(listener);
    let seen = get(&closed, json!({})).await;
    assert_eq!((seen.code, seen.layer), (Some(Code::TcpRefused), Layer::Transport), "{}", seen.summary);

    let seen = get(&served, json!({"url": format!("https://crm.test:{}", served.address.port())})).await;
    assert_eq!((seen.code, seen.layer), (Some(Code::TlsNotTls), Layer::Tls), "{}", seen.summary);

    let seen = get(&served, json!({"family": "ipv6"})).await;
    assert_eq!(seen.outcome, Outcome::Unknown);
    let seen = get(&served, json!({"method": "POST"})).await;
    assert_eq!(seen.outcome, Outcome::Unknown);
}

#[tokio::test]
async fn a_lookup_without_an_answer_goes_on_with_known_addresses() {
    let served = serve(answers(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")).await;
    let args = json!({"fallback_addresses": ["127.0.0.1"]});
    let (seen, emitted) = get_in(&served, Loopback::default().hanging(), ProxySettings::default(), args).await;
    assert_eq!(seen.outcome, Outcome::Ok, "{}", seen.summary);
    assert_eq!(seen.facts["lookup_failed"], true);
    assert_eq!(emitted[0].code, Some(Code::DnsLookupTimeout));
}

#[test]
fn nobody_who_waits_gets_to_the_servers_behind_a_stub() {
    let facts = |value: serde_json::Value| value.as_object().cloned().unwrap();
    let seen = [
        facts(json!({"server": "127.0.0.53", "behind_stub": false})),
        facts(json!({"server": "10.0.0.53", "behind_stub": true, "addresses": ["192.0.2.7"]})),
    ];
    assert_eq!(walk::told(&seen, true), Vec::<std::net::IpAddr>::new());
    assert_eq!(walk::told(&seen, false).len(), 1, "a machine that cannot look up names at all");
    let second = [facts(json!({"server": "10.0.0.54", "behind_stub": false, "addresses": ["192.0.2.7"]}))];
    assert_eq!(walk::told(&second, true).len(), 1, "programs ask it after the first");
}

#[tokio::test]
async fn a_dead_first_address_is_remembered() {
    let served = serve(answers(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")).await;
    let dead = format!("192.0.2.1:{}", served.address.port());
    let network = Loopback::default().name("crm.test", &["192.0.2.1", "127.0.0.1"]).silent(&dead);
    let (seen, _) = get_in(&served, network, ProxySettings::default(), json!({})).await;
    assert_eq!(seen.outcome, Outcome::Ok);
    assert_eq!(seen.facts["fallback"], true);
    assert_eq!(seen.facts["failed_addresses"], json!(["192.0.2.1"]));
    assert_eq!(seen.facts["address"], "127.0.0.1");
}

#[tokio::test]
async fn slow_and_stalling_answers_are_told_apart() {
    let slow = serve(|mut stream| async move {
        read_head(&mut stream).await;
        tokio::time::sleep(Duration::from_millis(2200)).await;
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;
    })
    .await;
    let stalling = serve(|mut stream| async move {
        read_head(&mut stream).await;
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nbegin").await;
        tokio::time::sleep(Duration::from_secs(60)).await;
    })
    .await;
    let silent = serve(|stream| async move {
        tokio::time::sleep(Duration::from_secs(60)).await;
        drop(stream);
    })
    .await;
    let world = || world(Loopback::default().name("crm.test", &["127.0.0.1"]), ProxySettings::default());
    let (silent_world, silent_url) = (world(), json!({"url": page_url(&silent, "/")}));
    let silence = look_for(&PROBE, &silent_world, silent_url, Duration::from_millis(3500));
    let (slow, (stalling, (silence, suspicions))) =
        join(get(&slow, json!({})), join(get(&stalling, json!({})), silence)).await;
    assert_eq!(slow.code, Some(Code::HttpSlowFirstByte), "{}", slow.summary);
    assert_eq!(stalling.code, Some(Code::HttpBodyStalled), "{}", stalling.summary);
    assert_eq!(silence[0].code, Some(Code::HttpNoAnswer), "{}", silence[0].summary);
    assert_eq!(silence[0].certainty, Some(Certainty::Suspected));
    assert_eq!(suspicions[0].code, Some(Code::HttpNoAnswer));
}

fn proxied(url: &str) -> ProxySettings {
    let setting = |scheme: &str| ProxySetting {
        source: format!("environment {scheme}_proxy"),
        scheme: scheme.to_owned(),
        url: url.to_owned(),
        credentials: false,
        effective: true,
        error: None,
    };
    ProxySettings { settings: vec![setting("http"), setting("https")], ..ProxySettings::default() }
}

/// A proxy that connects everybody with `target`.
async fn proxy_to(target: SocketAddr) -> Served {
    serve(move |mut stream| async move {
        let head = read_head(&mut stream).await;
        let Ok(mut server) = tokio::net::TcpStream::connect(target).await else { return };
        if head.starts_with("CONNECT ") {
            let _ = stream.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await;
        } else {
            assert!(head.starts_with("GET http://crm.test"), "{head}");
            let _ = server.write_all(head.as_bytes()).await;
        }
        let _ = tokio::io::copy_bidirectional(&mut stream, &mut server).await;
    })
    .await
}

#[tokio::test]
async fn pages_come_through_the_proxy_that_programs_use() {
    let root = Authority::root("Example Root");
    let trust = Trust::in_roots(&[root.der()], &[]);
    let secure = tls_server(root.leaf(&Leaf::for_name("crm.test")), vec![]).await;
    let plain = serve(answers(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")).await;
    for (scheme, target) in [("https", &secure), ("http", &plain)] {
        let proxy = proxy_to(target.address).await;
        let shown = format!("http://127.0.0.1:{}", proxy.address.port());
        let world = world(Loopback::default(), proxied(&shown));
        let args = json!({"url": format!("{scheme}://crm.test/page")});
        let trust = Some(Arc::clone(&trust));
        let seen = testing::look_by(&PROBE, &world, args, testing::LONG, async |look| {
            look.with(|look, params| fetch(look, params, trust)).await
        })
        .await;
        let seen = &seen.last[0];
        assert_eq!(seen.outcome, Outcome::Ok, "{}", seen.summary);
        assert_eq!(seen.facts["proxy_used"], shown);
        assert_eq!(seen.facts["proxy_source"], format!("environment {scheme}_proxy"));
        assert_eq!(seen.via.proxy.as_deref(), Some(shown.as_str()));
    }
}

#[tokio::test]
async fn what_the_proxy_refuses_is_the_proxys() {
    let refusing =
        serve(answers(b"HTTP/1.1 407 x\r\nProxy-Authenticate: Negotiate\r\nContent-Length: 0\r\n\r\n")).await;
    let settings = proxied(&format!("http://127.0.0.1:{}", refusing.address.port()));
    for scheme in ["http", "https"] {
        let world = world(Loopback::default(), settings.clone());
        let (seen, _) = look(&PROBE, &world, json!({"url": format!("{scheme}://crm.test/")})).await;
        assert_eq!(seen[0].code, Some(Code::ProxyAuthRequired), "{}", seen[0].summary);
        assert_eq!(seen[0].facts["proxy_schemes"], json!(["Negotiate"]));
        assert_eq!(seen[0].layer, Layer::Proxy);
    }
}

#[test]
fn the_date_header_is_a_second_witness_of_the_clock() {
    let ours = UNIX_EPOCH + Duration::from_secs(784_111_777);
    assert_eq!(offset("Sun, 06 Nov 1994 08:49:37 GMT", ours), Some(0));
    assert_eq!(offset("Sun, 06 Nov 1994 08:49:37 GMT", ours + Duration::from_millis(900)), Some(0));
    assert_eq!(offset("Sun, 06 Nov 1994 09:49:37 GMT", ours), Some(3_600_000));
    assert_eq!(offset("yesterday", ours), None);
}

#[test]
fn what_is_no_page_is_said() {
    assert_eq!(target("crm.test").unwrap().as_str(), "https://crm.test/");
    assert_eq!(target("ipp://printer.test/ipp").unwrap().as_str(), "http://printer.test:631/ipp");
    assert!(target("ldap://x").is_err());
    assert!(target("http://").is_err());
}

#[test]
fn any_bytes_from_a_server_end_in_an_observation() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    proptest::proptest!(proptest::test_runner::Config::with_cases(60), |(bytes: Vec<u8>, head: bool)| {
        let start: &[u8] = if head { b"HTTP/1.1 200 OK\r\n" } else { b"" };
        let bytes: &'static [u8] = [start, &bytes].concat().leak();
        runtime.block_on(async {
            let served = serve(answers(bytes)).await;
            let seen = get(&served, json!({})).await;
            assert!(!seen.summary.is_empty());
        });
    });
}
