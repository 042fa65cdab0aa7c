//! What strangers send: DNS messages, greetings, HTTP heads and bodies, TLS and certificates, proxy scripts and proxy
//! settings, time.

use crate::fuzz;
use crate::hostile::{Hostile, look};
use firstline::sys::{ProxySetting, ProxySettings};
use firstline::world::Network;
use firstline::world::real::RealNetwork;
use rcgen::{CertificateParams, KeyPair};
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio_rustls::rustls::server::{ClientHello, ResolvesServerCert};
use tokio_rustls::rustls::sign::CertifiedKey;

/// These inputs, each said in every manner of speaking.
fn in_all_manners(says: &[&[u8]]) -> Vec<Vec<u8>> {
    let manners = 0..8_u8;
    manners.flat_map(|manner| says.iter().map(move |says| [&[manner], *says].concat())).collect()
}

#[test]
fn dns() {
    // Headers and answer sections; number and question come from the query.
    let answer: &[u8] = b"\0\0\x81\x80\0\x01\0\x01\0\0\0\0\xc0\x0c\0\x01\0\x01\0\0\0\x3c\0\x04\x0a\0\0\x07";
    let missing: &[u8] = b"\0\0\x81\x83\0\x01\0\0\0\0\0\0";
    let cut: &[u8] = b"\0\0\x83\x80\0\x01\0\0\0\0\0\0\n%%%%\n\0\x1c\0\0\x81\x80\0\x01\0\x01\0\0\0\0";
    let alias: &[u8] = b"\0\0\x81\x80\0\x01\0\x02\0\0\0\0\xc0\x0c\0\x05\0\x01\0\0\0\x3c\0\x02\xc0\x0c\xc0\x0c\0\x1c\0\x01\0\0\0\x3c\0\x10\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01";
    let extended: &[u8] = b"\0\0\x81\x82\0\x01\0\0\0\0\0\x01\0\0\x29\x04\xd0\0\0\0\0\0\x08\0\x0f\0\x04\0\x06bad";
    let seeds = in_all_manners(&[answer, missing, cut, alias, extended]);
    let args = json!({ "servers": ["10.0.0.1"], "name": "www.example.test", "types": ["A", "AAAA"], "repeat": 1, "random_name": true, "control_name": "control.example.test" });
    fuzz("dns", &seeds, &["\u{0}\u{29}", "www", "example"], |input| look("dns", &args, Hostile::new(input)));
}

#[test]
fn greeting() {
    let seeds = in_all_manners(&[
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"notice\r\nSSH-1.99-x\r\n",
        b"220 mail.example.test ESMTP\r\n",
        b"554 5.7.1 no\r\n",
        b"* OK ready\r\n",
        b"\x4a\0\0\0\x0a8.0.36\0",
        b"\x17\0\0\x01\xff\x10\x04Too many connections",
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
    ]);
    let schemes = ["ssh", "smtp", "ftp", "imap", "pop3", "mysql"];
    let mut turn = 0;
    fuzz("greeting", &seeds, &["SSH-", "220-", "\r\n", "\n%%%%\n", "\u{1b}[2J"], |input| {
        turn += 1;
        let args = json!({ "addresses": ["10.0.0.7"], "port": 22, "scheme": schemes[turn % schemes.len()] });
        look("greeting", &args, Hostile::new(input));
    });
}

#[test]
fn mail() {
    let seeds = in_all_manners(&[
        b"220 mail.test ESMTP\r\n250-mail.test\r\n250-SIZE 1000\r\n250 STARTTLS\r\n220 go\r\n",
        b"220 mail.test\r\n250 AUTH PLAIN XOAUTH2\r\n221 bye\r\n",
        b"* OK ready\r\n* CAPABILITY IMAP4rev1 AUTH=PLAIN LOGINDISABLED\r\nfirstline OK\r\n",
        b"+OK\r\n+OK\r\nUSER\r\nSTLS\r\n.\r\n",
        b"554 no\r\n",
    ]);
    let schemes = ["submission", "smtp", "imap", "pop3"];
    let mut turn = 0;
    fuzz("mail", &seeds, &["250-", "AUTH", "firstline OK\r\n", "\r\n.\r\n", "\n%%%%\n"], |input| {
        turn += 1;
        let scheme = schemes[turn % schemes.len()];
        let args = json!({ "host": "mail.test", "addresses": ["10.0.0.7"], "port": 587, "scheme": scheme });
        look("mail", &args, Hostile::new(input));
    });
}

#[test]
fn rdp() {
    let seeds = in_all_manners(&[
        b"\x03\0\0\x13\x0e\xd0\0\0\x12\x34\0\x02\0\x08\0\x02\0\0\0",
        b"\x03\0\0\x13\x0e\xd0\0\0\x12\x34\0\x03\0\x08\0\x05\0\0\0",
        b"\x03\0\0\x0b\x06\xd0\0\0\x12\x34\0",
    ]);
    let args = json!({ "host": "desk.test", "addresses": ["10.0.0.7"], "port": 3389 });
    fuzz("rdp", &seeds, &["\u{3}\0\0", "\n%%%%\n"], |input| look("rdp", &args, Hostile::new(input)));
}

#[test]
fn kerberos() {
    let error = b"\0\0\0\x30\x7e\x2e\x30\x2c\xa0\x03\x02\x01\x05\xa1\x03\x02\x01\x1e\xa4\x11\x18\x0f20261122070000Z\xa6\x03\x02\x01\x19\xa9\x06\x1b\x04TEST";
    let seeds = in_all_manners(&[error, b"\0\0\0\x04\x6b\x02\x30\0", b"\0\0\0\0"]);
    let args = json!({ "addresses": ["10.0.0.7"], "port": 88, "realm": "TEST" });
    fuzz("kerberos", &seeds, &["\u{7e}", "2026", "\n%%%%\n"], |input| look("kerberos", &args, Hostile::new(input)));
}

#[test]
fn ldap() {
    let done = b"\x30\x0c\x02\x01\x01\x65\x07\x0a\x01\0\x04\0\x04\0";
    let entry = b"\x30\x29\x02\x01\x01\x64\x24\x04\0\x30\x20\x30\x1e\x04\x0bcurrentTime\x31\x0f\x04\x0d2026112207.0Z";
    let seeds = in_all_manners(&[&[&entry[..], done].concat(), done, b"\x30\x84\0\0\0\x05"]);
    let args = json!({ "addresses": ["10.0.0.7"], "port": 389 });
    fuzz("ldap", &seeds, &["\u{30}", "currentTime", "\n%%%%\n"], |input| look("ldap", &args, Hostile::new(input)));
}

#[test]
fn smb() {
    let mut good = b"\0\0\0\x80\xfeSMB\x40\0\0\0\0\0\0\0\0\0\x01\0\x01\0\0\0".to_vec();
    good.resize(68, 0);
    good.extend(b"\x41\0\x01\0\x11\x03\x02\0lab file server!\x41\0\0\0\0\0\x10\0\0\0\x10\0\0\0\x10\0");
    good.extend(b"\0\x80\x3e\xd5\xde\xb1\x9d\x01\0\0\0\0\0\0\0\0\x80\0\0\0\x80\0\0\0\x02\0\x04\0\0\0\0\0\x01\0\x02\0");
    let seeds = in_all_manners(&[&good, b"\0\0\0\x25\xffSMB\x72\0\0\0\0\x98\x53\xc8", b"\x83\0\0\x01\x82", b""]);
    let args = json!({ "addresses": ["10.0.0.7"], "port": 445 });
    fuzz("smb", &seeds, &["\u{0}\u{0}\u{0}", "SMB", "\n%%%%\n"], |input| look("smb", &args, Hostile::new(input)));
}

#[test]
fn ipp() {
    let head = b"HTTP/1.1 200 OK\r\nContent-Length: 90\r\n\r\n";
    let idle = b"\x01\x01\0\0\0\0\0\x01\x04\x23\0\x0dprinter-state\0\x04\0\0\0\x03\x44\0\x15printer-state-reasons\0\x04none\x03";
    let missing = b"\x01\x01\x04\x06\0\0\0\x01\x03";
    let seeds = in_all_manners(&[&[&head[..], idle].concat(), &[&head[..], missing].concat(), PAGES[0]]);
    let mut turn = 0;
    fuzz("ipp", &seeds, &["printer-state", "\u{4}", "\r\n\r\n", "\n%%%%\n"], |input| {
        turn += 1;
        let args = json!({ "url": "ipp://10.0.0.7/", "queues": turn % 2 == 0, "leads_to": "10.0.0.9" });
        look("ipp", &args, Hostile::new(input));
    });
}

#[test]
fn lpd() {
    let seeds = in_all_manners(&[
        b"Warning: lp is down: lp is ready and printing\nRank   Owner  Job  Files\nactive root  30  x  5 bytes\n",
        b"office is ready\nno entries\n",
        b"\x01lpd: lp: unknown printer\n",
        b"",
    ]);
    let args = json!({ "addresses": ["10.0.0.7"], "port": 515, "queue": "/office" });
    fuzz("lpd", &seeds, &["Rank", "is not ready", "(offline ?)", "\n%%%%\n"], |input| {
        look("lpd", &args, Hostile::new(input));
    });
}

const PAGES: &[&[u8]] = &[
    b"HTTP/1.1 200 OK\r\nDate: Sun, 22 Nov 2026 03:00:00 GMT\r\nContent-Type: text/html\r\nContent-Length: 5\r\n\r\nhello",
    b"HTTP/1.1 302 Found\r\nLocation: /next\r\nSet-Cookie: a=b; Path=/\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    b"HTTP/1.1 511 Network Authentication Required\r\nContent-Length: 40\r\n\r\n<meta http-equiv=refresh content='0;url='>",
    b"HTTP/1.0 407 Proxy Authentication Required\r\nProxy-Authenticate: Negotiate\r\nProxy-Authenticate: Basic realm=\"x\"\r\n\r\n",
    b"HTTP/1.1 200 Connection established\r\n\r\n\x16\x03\x03\0\x02\x02\x28",
    b"HTTP/1.1 503 Unavailable\r\nX-Squid-Error: ERR_DNS_FAIL 0\r\nServer: squid\r\n\r\n",
];
const HTTP_WORDS: &[&str] = &[
    "\r\n",
    "\r\n\r\n",
    "HTTP/1.1 ",
    "Location: ",
    "//",
    "http://[",
    "Content-Length: ",
    "99999999999999999999",
    "chunked",
    "\n%%%%\n",
    "ffffffffffffffff\r\n",
    "Date: ",
    "Set-Cookie: ",
];

#[test]
fn http() {
    let args = json!({ "url": "http://www.example.test/", "proxy": "none" });
    fuzz("http", &in_all_manners(PAGES), HTTP_WORDS, |input| look("http", &args, Hostile::new(input)));
}

#[test]
fn http_through_a_proxy() {
    let args = json!({ "url": "https://www.example.test/", "proxy": "http://proxy.example.test:3128" });
    fuzz("http-through-a-proxy", &in_all_manners(PAGES), HTTP_WORDS, |input| look("http", &args, Hostile::new(input)));
}

#[test]
fn portal() {
    let args = json!({ "url": "http://control.example.test/", "expect_body": "hello" });
    fuzz("portal", &in_all_manners(PAGES), HTTP_WORDS, |input| look("portal", &args, Hostile::new(input)));
}

#[test]
fn udp() {
    let seeds =
        in_all_manners(&[b"\x24\x01\0\xec", b"\x01\x01\0\x0c\x21\x12\xa4\x42", b"\0\0\x81\x80\0\x01\0\0\0\0\0\0"]);
    let payloads = ["dns", "ntp", "stun", "00ff"];
    let mut turn = 0;
    fuzz("udp", &seeds, &[], |input| {
        turn += 1;
        let args = json!({ "addresses": ["10.0.0.7"], "port": 53, "payload": payloads[turn % payloads.len()] });
        look("udp", &args, Hostile::new(input));
    });
}

#[test]
fn tls_records() {
    let seeds = in_all_manners(&[
        b"\x15\x03\x03\0\x02\x02\x46",
        b"\x16\x03\x01\0\x2a\x02\0\0\x26\x03\x01firstline fuzz, random bytes ....\0\0\x2f\0",
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        b"\x16\x03\x03\0\x7a\x02\0\0\x76\x03\x03",
        b"\x80\x2e\x01\0\x02\0\x15\0\0\0\x10",
    ]);
    let args = json!({ "host": "www.example.test", "port": 443, "addresses": ["10.0.0.7"] });
    fuzz("tls-records", &seeds, &["\u{16}\u{3}", "\n%%%%\n"], |input| look("tls", &args, Hostile::new(input)));
}

/// A handshake that goes well, with a certificate that nobody has ever seen the like of.
#[test]
fn certificate() {
    let key = KeyPair::generate().expect("the ring provider makes keys");
    let params = CertificateParams::new(vec!["www.example.test".to_owned(), "10.0.0.7".to_owned()])
        .expect("the names are names");
    let good = params.self_signed(&key).expect("the parameters are good").der().to_vec();
    let der = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let signer = ring::sign::any_supported_type(&der).expect("the key can sign");
    let args = json!({ "host": "www.example.test", "port": 443, "addresses": ["10.0.0.7"] });
    fuzz("certificate", &[good], &["\u{30}\u{82}", "\u{6}\u{3}U\u{1d}\u{11}", "99991231235959Z"], |input| {
        let chain = vec![CertificateDer::from(input.to_vec())];
        let shown = CertifiedKey::new(chain, signer.clone());
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("the provider speaks TLS 1.2 and 1.3")
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(Always(Arc::new(shown))));
        look("tls", &args, Hostile::new(b"\x01").secured(config));
    });
}

#[derive(Debug)]
struct Always(Arc<CertifiedKey>);

impl ResolvesServerCert for Always {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.clone())
    }
}

#[test]
fn proxy_script() {
    let script = |text: &str| format!("\x01HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{text}").into_bytes();
    let seeds = [
        script("function FindProxyForURL(url, host) { return 'PROXY 10.0.0.9:3128; DIRECT'; }"),
        script(
            "function FindProxyForURL(url, host) { if (isInNet(dnsResolve(host), '10.0.0.0', '255.0.0.0')) return 'SOCKS5 a:1'; return shExpMatch(url, '*x*') ? 'HTTPS b' : ''; }",
        ),
        script(
            "function FindProxyForURL(url, host) { return weekdayRange('MON', 'FRI') && localHostOrDomainIs(host, 'x.y') ? 'DIRECT' : 'PROXY [::1]:80'; }",
        ),
    ];
    let words = [
        "while(1);",
        "'x'.repeat(1e9)",
        "PROXY ",
        ";",
        "DIRECT",
        "function f(){f()} f();",
        "[].length=4294967295",
        "/(a+)+$/.test('aaaaaaaaaaaaaaaaaaaaaaaaaaaa!')",
        "null",
    ];
    let args = json!({ "url": "https://www.example.test/", "settings": ["pac+http://10.0.0.8/proxy.pac"] });
    fuzz("proxy-script", &seeds, &words, |input| look("proxy", &args, Hostile::new(input)));
}

#[test]
fn proxy_settings() {
    let seeds: Vec<Vec<u8>> = [
        "http://user:pass@proxy.example.test:3128",
        "socks5://[::1]:1080",
        "proxy:8080",
        "pac+http://x/",
        "direct",
        "wpad",
    ]
    .map(|text| text.as_bytes().to_vec())
    .to_vec();
    fuzz("proxy-settings", &seeds, &["://", "@", "[", "]", "%", ":", "*.", "\u{1b}", "é"], |input| {
        let text = String::from_utf8_lossy(input).into_owned();
        let setting = |scheme: &str| ProxySetting {
            source: "environment".to_owned(),
            scheme: scheme.to_owned(),
            url: text.clone(),
            credentials: false,
            effective: true,
            error: None,
        };
        let settings = ["http", "https", "all", "pac"].map(setting).to_vec();
        let proxies =
            ProxySettings { settings, bypass: vec![(text.clone(), "environment".to_owned())], unread: Vec::new() };
        let hostile = || Hostile::new(PAGES[4]).configured(proxies.clone());
        look("proxy", &json!({ "url": "https://www.example.test/" }), hostile());
        look("proxy", &json!({ "url": text.as_str() }), hostile());
        look("proxy", &json!({ "url": "https://www.example.test/", "settings": [text.as_str()] }), hostile());
        look("http", &json!({ "url": text.as_str(), "proxy": "auto" }), hostile());
    });
}

/// Over a real socket, because the library that reads the answer opens its own.
#[test]
fn time() {
    const WAIT: Duration = Duration::from_millis(200);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime can be made");
    let network = RealNetwork::default();
    let server = runtime.block_on(tokio::net::UdpSocket::bind("127.0.0.1:0")).expect("the loopback is there");
    let at = server.local_addr().expect("it is bound");
    let mut good = vec![0x24, 1, 0, 0xec];
    good.resize(48, 1);
    let kiss = [&b"\xe4\0\0\0\0\0\0\0\0\0\0\0RATE"[..], &[0; 32]].concat();
    fuzz("time", &[good, kiss], &[], |input| {
        runtime.block_on(async {
            let answer = async {
                let mut query = [0; 128];
                let Ok((length, from)) = server.recv_from(&mut query).await else { return };
                let mut bytes = input.to_vec();
                bytes.truncate(1_024);
                // The client's own stamp comes back, or it is no answer at all.
                if bytes.len() >= 32 && length >= 48 {
                    bytes[24..32].copy_from_slice(&query[40..48]);
                }
                let _ = server.send_to(&bytes, from).await;
            };
            let (told, ()) = tokio::join!(network.time(at, WAIT), answer);
            if let Ok(told) = told {
                assert!(told.offset_s.is_finite() && told.stratum > 0, "{told:?}");
            }
        });
    });
}
