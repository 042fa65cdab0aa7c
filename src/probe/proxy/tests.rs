//! The probe against proxies on the loopback that misbehave in one way each.

use super::*;
use crate::observation::{Certainty, Outcome};
use crate::probe::testing::loopback::{Loopback, Served, answers, look, look_for, read_head, serve, world};
use crate::sys::ProxySetting;
use serde_json::json;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

fn setting(source: &str, scheme: &str, url: &str) -> ProxySetting {
    ProxySetting {
        source: source.to_owned(),
        scheme: scheme.to_owned(),
        url: url.to_owned(),
        credentials: false,
        effective: true,
        error: None,
    }
}

fn using(url: &str) -> ProxySettings {
    let settings =
        vec![setting("environment http_proxy", "http", url), setting("environment https_proxy", "https", url)];
    ProxySettings { settings, ..ProxySettings::default() }
}

fn at(scheme: &str, served: &Served) -> String {
    format!("{scheme}://127.0.0.1:{}", served.address.port())
}

async fn seen(settings: ProxySettings, target: &str) -> Observation {
    let world = world(Loopback::default(), settings);
    let (mut seen, _) = look(&PROBE, &world, json!({"url": target})).await;
    assert_eq!(seen.len(), 1, "{seen:?}");
    seen.remove(0)
}

#[tokio::test]
async fn no_proxy_is_direct() {
    let seen = seen(ProxySettings::default(), "https://crm.test/").await;
    assert_eq!(seen.outcome, Outcome::Ok);
    assert_eq!(seen.facts["used"], "direct");
    assert!(seen.subject.is_none());
}

#[tokio::test]
async fn the_exclusion_list_is_honoured() {
    let mut settings = using("http://proxy.test:3128");
    settings.bypass = vec![(".test".to_owned(), "environment no_proxy".to_owned())];
    let seen = seen(settings, "https://crm.test/").await;
    assert_eq!((seen.outcome, &seen.facts["used"]), (Outcome::Ok, &json!("direct")));
    assert_eq!((&seen.facts["bypassed"], &seen.facts["bypass_entry"]), (&json!(true), &json!(".test")));
}

#[tokio::test]
async fn answers_to_connect_are_told_apart() {
    let table: [(&'static [u8], Option<Code>); 8] = [
        (b"HTTP/1.1 200 Connection established\r\n\r\n", None),
        (
            b"HTTP/1.1 407 x\r\nProxy-Authenticate: NTLM\r\nProxy-Authenticate: Basic realm=x\r\n\r\n",
            Some(Code::ProxyAuthRequired),
        ),
        (b"HTTP/1.1 403 Forbidden\r\nVia: 1.1 squid\r\n\r\n", Some(Code::ProxyDenied)),
        (b"HTTP/1.1 502 Bad Gateway\r\n\r\n", Some(Code::ProxyUpstream)),
        (b"HTTP/1.1 405 x\r\nServer: nginx\r\n\r\n", Some(Code::ProxyNotAProxy)),
        (b"SSH-2.0-OpenSSH_9.9\r\n", Some(Code::ProxyNotAProxy)),
        (b"", Some(Code::ProxyReset)),
        (b"\x00\x01\x02\x03\r\n\r\n", Some(Code::ProxyNotAProxy)),
    ];
    for (answer, code) in table {
        let served = serve(answers(answer)).await;
        let seen = seen(using(&at("http", &served)), "https://crm.test/x?token=secret").await;
        assert_eq!(seen.code, code, "{}", seen.summary);
        assert_eq!(seen.subject.as_deref(), Some(at("http", &served).as_str()));
        assert_eq!(seen.facts["source"], "environment https_proxy");
        assert_eq!(seen.via.proxy, seen.subject);
        assert!(seen.via.peer.is_some());
        if code == Some(Code::ProxyAuthRequired) {
            assert_eq!(seen.facts["schemes"], json!(["NTLM", "Basic"]));
            assert_eq!(seen.facts["connect_status"], 407);
        }
    }
}

#[tokio::test]
async fn a_plain_page_is_asked_of_the_proxy() {
    let table: [(&'static [u8], Option<Code>); 4] = [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", None),
        (b"HTTP/1.1 404 x\r\nContent-Length: 0\r\n\r\n", None),
        (b"HTTP/1.1 407 x\r\nProxy-Authenticate: Basic\r\nContent-Length: 0\r\n\r\n", Some(Code::ProxyAuthRequired)),
        (b"HTTP/1.1 504 x\r\nContent-Length: 0\r\n\r\n", Some(Code::ProxyUpstream)),
    ];
    for (answer, code) in table {
        let served = serve(answers(answer)).await;
        let seen = seen(using(&at("http", &served)), "http://crm.test/").await;
        assert_eq!(seen.code, code, "{}", seen.summary);
    }
}

#[tokio::test]
async fn unreachable_proxies_are_told_apart() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let closed = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let closed = seen(using(&closed), "https://crm.test/").await;
    assert_eq!(closed.code, Some(Code::ProxyRefused), "{}", closed.summary);
    let unnamed = seen(using("http://proxy.test:3128"), "https://crm.test/").await;
    assert_eq!(unnamed.code, Some(Code::ProxyNameUnresolved), "{}", unnamed.summary);
    let mut bad = using("not a url");
    bad.settings[1].error = Some("it is not a proxy address".to_owned());
    let bad = seen(bad, "https://crm.test/").await;
    assert_eq!(bad.code, Some(Code::ProxyBadSetting), "{}", bad.summary);
}

#[tokio::test]
async fn a_silent_proxy_is_suspected_and_then_confirmed() {
    let network = Loopback::default().silent("192.0.2.9:3128");
    let silent_port = world(network, using("http://192.0.2.9:3128"));
    let holding = serve(|stream| async move {
        tokio::time::sleep(Duration::from_secs(60)).await;
        drop(stream);
    })
    .await;
    let silent_answer = world(Loopback::default(), using(&at("http", &holding)));
    let args = json!({"url": "https://crm.test/"});
    let start = Instant::now();
    let first = async {
        let (seen, early) = look(&PROBE, &silent_port, args.clone()).await;
        assert!(start.elapsed() < Duration::from_millis(3500));
        assert_eq!((seen[0].code, seen[0].certainty), (Some(Code::ProxyTimeout), Some(Certainty::Confirmed)));
        assert_eq!(early[0].certainty, Some(Certainty::Suspected));
        assert_eq!(early[0].id, seen[0].id);
    };
    let second = async {
        let (seen, early) = look_for(&PROBE, &silent_answer, args.clone(), Duration::from_secs(4)).await;
        assert_eq!(seen[0].code, Some(Code::ProxyNoAnswer), "{}", seen[0].summary);
        assert_eq!((early[0].code, early[0].certainty), (seen[0].code, Some(Certainty::Suspected)));
    };
    futures_util::future::join(first, second).await;
}

/// A SOCKS5 server that answers the method offer and the request with these bytes.
async fn socks(method: &'static [u8], reply: &'static [u8]) -> Served {
    serve(move |mut stream| async move {
        let mut buffer = [0; 512];
        let _ = stream.read(&mut buffer).await;
        let _ = stream.write_all(method).await;
        let _ = stream.read(&mut buffer).await;
        let _ = stream.write_all(reply).await;
        let _ = stream.read(&mut buffer).await;
    })
    .await
}

#[tokio::test]
async fn socks_servers_are_asked_too() {
    let table: [(&'static [u8], &'static [u8], Option<Code>); 5] = [
        (b"\x05\x00", b"\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00", None),
        (b"\x05\xff", b"", Some(Code::ProxyAuthRequired)),
        (b"\x05\x00", b"\x05\x02\x00\x01\x00\x00\x00\x00\x00\x00", Some(Code::ProxyDenied)),
        (b"\x05\x00", b"\x05\x04\x00\x01\x00\x00\x00\x00\x00\x00", Some(Code::ProxyUpstream)),
        (b"HT", b"", Some(Code::ProxyNotAProxy)),
    ];
    for (method, reply, code) in table {
        let served = socks(method, reply).await;
        let seen = seen(using(&at("socks5", &served)), "https://crm.test/").await;
        assert_eq!(seen.code, code, "{}", seen.summary);
        assert_eq!(seen.facts["scheme"], "socks5");
    }
}

fn script(url: &str) -> ProxySettings {
    ProxySettings { settings: vec![setting("GNOME", "pac", url)], ..ProxySettings::default() }
}

#[tokio::test]
async fn a_script_is_fetched_and_asked() {
    let proxy = serve(answers(b"HTTP/1.1 200 Connection established\r\n\r\n")).await;
    let body = format!(
        "function FindProxyForURL(url, host) {{ if (dnsDomainIs(host, '.corp.test')) return 'DIRECT'; \
         return 'PROXY 127.0.0.1:{}; DIRECT'; }}",
        proxy.address.port()
    );
    let served = serve(move |mut stream| {
        let body = body.clone();
        async move {
            read_head(&mut stream).await;
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
            let _ = stream.write_all((head + &body).as_bytes()).await;
        }
    })
    .await;
    let settings = script(&(at("http", &served) + "/proxy.pac"));
    let through = seen(settings.clone(), "https://crm.test/").await;
    assert_eq!(through.outcome, Outcome::Ok, "{}", through.summary);
    assert_eq!(through.facts["used"], at("http", &proxy));
    assert_eq!(through.facts["script_answer"], json!([at("http", &proxy), "direct"]));
    let past = seen(settings, "https://wiki.corp.test/").await;
    assert_eq!((past.outcome, &past.facts["used"]), (Outcome::Ok, &json!("direct")));
}

#[tokio::test]
async fn scripts_that_fail_are_told_apart() {
    let missing = serve(answers(b"HTTP/1.1 404 x\r\nContent-Length: 0\r\n\r\n")).await;
    let page = serve(answers(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n<html>")).await;
    let endless = b"HTTP/1.1 200 OK\r\nContent-Length: 44\r\n\r\nfunction FindProxyForURL(u, h) { while(1){} }";
    let endless = serve(answers(endless)).await;
    let nothing = "http://wpad.test/proxy.pac".to_owned();
    for (url, code) in [
        (at("http", &missing), Code::ProxyPacUnreachable),
        (at("http", &page), Code::ProxyPacInvalid),
        (at("http", &endless), Code::ProxyPacInvalid),
        (nothing, Code::ProxyPacUnreachable),
    ] {
        let seen = seen(script(&url), "https://crm.test/").await;
        assert_eq!(seen.code, Some(code), "{}", seen.summary);
        assert_eq!(seen.facts["scheme"], "pac");
    }
}

#[tokio::test]
async fn environment_and_desktop_that_differ_are_both_looked_at() {
    let one = serve(answers(b"HTTP/1.1 200 x\r\n\r\n")).await;
    let other = serve(answers(b"HTTP/1.1 403 x\r\n\r\n")).await;
    let mut settings = using(&at("http", &one));
    settings.settings.push(setting("GNOME", "https", &at("http", &other)));
    settings.settings.push(setting("KDE", "https", &at("http", &one)));
    let world = world(Loopback::default(), settings);
    let (seen, _) = look(&PROBE, &world, json!({"url": "crm.test"})).await;
    assert_eq!(seen.len(), 2);
    assert_eq!((seen[0].outcome, seen[1].code), (Outcome::Ok, Some(Code::ProxyDenied)));
    assert_eq!(seen[0].facts["source"], "environment https_proxy, KDE");
    assert!(seen.iter().all(|seen| seen.facts["conflict"] == true));
}

#[tokio::test]
async fn variables_that_contradict_each_other_are_a_problem() {
    let one = serve(answers(b"HTTP/1.1 200 x\r\n\r\n")).await;
    let mut settings = using(&at("http", &one));
    let mut upper = setting("environment HTTPS_PROXY", "https", "http://other.test:8080");
    upper.effective = false;
    settings.settings.push(upper);
    let seen = seen(settings, "https://crm.test/").await;
    assert_eq!(seen.code, Some(Code::ProxyConflict), "{}", seen.summary);
}

#[tokio::test]
async fn a_list_by_hand_replaces_the_settings() {
    let served = serve(answers(b"HTTP/1.1 200 x\r\n\r\n")).await;
    let world = world(Loopback::default(), using("http://proxy.test:3128"));
    let args = json!({"url": "https://crm.test", "settings": [at("http", &served), "direct"]});
    let (seen, _) = look(&PROBE, &world, args).await;
    assert_eq!(seen.len(), 2);
    assert!(seen.iter().all(|seen| seen.outcome == Outcome::Ok));
}

#[test]
fn any_bytes_from_a_proxy_end_in_an_observation() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    proptest::proptest!(proptest::test_runner::Config::with_cases(40), |(bytes: Vec<u8>, socks: bool)| {
        let bytes: &'static [u8] = bytes.leak();
        runtime.block_on(async {
            let served = serve(answers(bytes)).await;
            let world = world(Loopback::default(), using(&at(if socks { "socks5" } else { "http" }, &served)));
            let args = json!({"url": "https://crm.test/"});
            let (seen, _) = look_for(&PROBE, &world, args, Duration::from_millis(300)).await;
            assert_eq!(seen.len(), 1);
        });
    });
}
