//! The way to a system: encrypted to whom this machine trusts, and by the proxy that its programs use.

use super::fake::{self, Fake, reply};
use super::{Desk, flat, zammad};
use crate::{Call, Ended};
use rcgen::{CertificateParams, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use std::io::{BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// A server for `localhost` that takes what Zammad takes, and the certificate that must be trusted to believe it.
struct Encrypted {
    port: u16,
    certificate: String,
}

impl Encrypted {
    fn serve() -> Encrypted {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        let signed = params.self_signed(&key).unwrap();
        let chain = vec![CertificateDer::from(signed.der().to_vec())];
        let secret = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(chain, secret)
            .unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (port, config) = (listener.local_addr().unwrap().port(), Arc::new(config));
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let connection = rustls::ServerConnection::new(config.clone()).unwrap();
                let mut stream = BufReader::new(rustls::StreamOwned::new(connection, stream));
                // Who does not trust the certificate goes away.
                let Some(asked) = fake::read(&mut stream) else { continue };
                let answer = (zammad().answer)(&asked, super::packet("standard"));
                let _ = stream.get_mut().write_all(&fake::bytes(&answer));
                stream.get_mut().conn.send_close_notify();
                let _ = stream.get_mut().flush();
            }
        });
        Encrypted { port, certificate: signed.pem() }
    }

    fn call(&self, desk: &Desk) -> Call {
        let url = format!("https://localhost:{}", self.port);
        let words = desk.to(zammad(), &url, Some("7"));
        desk.send(&words.iter().map(String::as_str).collect::<Vec<_>>())
    }

    fn trusted(&self, desk: &Desk) -> Call {
        let path = desk.path("trusted.pem");
        std::fs::write(&path, &self.certificate).unwrap();
        self.call(desk).env("SSL_CERT_FILE", path.to_str().unwrap())
    }
}

#[track_caller]
fn is_sent(ended: Ended) {
    assert!(ended.exit == 0 && ended.stdout.starts_with("SENT: article 33"), "{} {}", ended.stdout, ended.stderr);
}

#[test]
fn only_a_server_that_this_machine_trusts_gets_anything() {
    let (desk, server) = (Desk::new(), Encrypted::serve());
    let ended = server.call(&desk).end();
    assert_eq!((ended.exit, ended.stdout.as_str()), (3, ""), "{}", ended.stderr);
    assert!(ended.stderr.contains("not sent: cannot add an internal note"), "{}", ended.stderr);
    assert!(ended.stderr.contains("certificate") || ended.stderr.contains("signed"), "{}", ended.stderr);
    is_sent(server.trusted(&desk).end());
}

/// A proxy that passes connections on; what it was asked.
fn tunnel() -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let asked = Arc::new(Mutex::new(Vec::new()));
    let kept = asked.clone();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let mut head = Vec::new();
            let mut byte = [0];
            while !head.ends_with(b"\r\n\r\n") && stream.read_exact(&mut byte).is_ok() {
                head.extend_from_slice(&byte);
            }
            let line = String::from_utf8_lossy(&head).lines().next().unwrap_or_default().to_owned();
            let target = line.split_whitespace().nth(1).unwrap_or_default().replace("localhost", "127.0.0.1");
            kept.lock().unwrap().push(line);
            let Ok(far) = TcpStream::connect(target) else { continue };
            stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").unwrap();
            copy(stream.try_clone().unwrap(), far.try_clone().unwrap());
            copy(far, stream);
        }
    });
    (url, asked)
}

fn copy(mut from: TcpStream, mut to: TcpStream) {
    std::thread::spawn(move || {
        let _ = std::io::copy(&mut from, &mut to);
        let _ = to.shutdown(Shutdown::Write);
    });
}

#[test]
fn the_proxy_of_this_machine_is_used_and_named() {
    let (desk, server) = (Desk::new(), Encrypted::serve());
    let (proxy, asked) = tunnel();
    let ended = server.trusted(&desk).env("https_proxy", &proxy).end();
    assert!(ended.stdout.contains(&format!("By proxy      {proxy}")), "{}", ended.stdout);
    is_sent(ended);
    let line = asked.lock().unwrap()[0].clone();
    assert_eq!(line, format!("CONNECT localhost:{} HTTP/1.1", server.port));

    let plain = Fake::answering(|asked| match asked.target.starts_with("http://127.0.0.1:9/api/v1/") {
        true => reply(201, r#"{"id":33}"#),
        false => reply(400, ""),
    });
    let words = desk.to(zammad(), "http://127.0.0.1:9", Some("7"));
    let call = desk.send(&words.iter().map(String::as_str).collect::<Vec<_>>());
    is_sent(call.env("http_proxy", &plain.url).end());

    let call = server.trusted(&desk).env("https_proxy", "http://127.0.0.1:1");
    let ended = call.end();
    assert!(ended.exit == 3 && flat(&ended.stderr).contains("the proxy http://127.0.0.1:1"), "{}", ended.stderr);
}
