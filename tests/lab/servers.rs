//! The servers beyond the gateway: web pages, TLS with every kind of certificate, a forward proxy, time, and services
//! that misbehave below any protocol.

use crate::certificates::Certificates;
use crate::dns;
use crate::network::Lab;
use crate::scene::{Handshake, Name, Page, ProxyMood, Reply, Scene, Service, Speaks};
use crate::spoken;
use std::collections::HashMap;
use std::io::Result;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio_rustls::TlsAcceptor;

/// The longest request head that a server reads.
const HEAD_LIMIT: usize = 65_536;

/// What all servers share.
struct Far {
    clock_ahead_s: i64,
    names: HashMap<String, IpAddr>,
}

/// Starts every resolver and service of the scene.
pub fn start(lab: &Lab, scene: &mut Scene, certificates: &Certificates) -> std::result::Result<(), String> {
    let addresses = scene.names.iter().filter_map(|(name, answer)| match answer {
        Name::Addresses(addresses) => addresses.first().map(|address| (name.clone(), *address)),
        _ => None,
    });
    let far = Arc::new(Far { clock_ahead_s: scene.clock_ahead_s, names: addresses.collect() });
    for resolver in scene.resolvers.drain(..) {
        let (names, address) = (scene.names.clone(), resolver.address);
        lab.host_of(address)
            .call(dns::serve(resolver, names))
            .map_err(|error| format!("resolver {address}: {error}"))?;
    }
    for service in scene.services.drain(..) {
        let tls = match &service.speaks {
            Speaks::Https(certificate, ..) | Speaks::Mail(certificate, _) | Speaks::Desktop(certificate, _) => {
                Some(TlsAcceptor::from(certificates.server(*certificate)))
            }
            _ => None,
        };
        let at = service.at;
        lab.host_of(at.ip()).call(serve(service, tls, far.clone())).map_err(|error| format!("server {at}: {error}"))?;
    }
    Ok(())
}

async fn serve(service: Service, tls: Option<TlsAcceptor>, far: Arc<Far>) -> Result<()> {
    let speaks = service.speaks;
    if matches!(speaks, Speaks::Time | Speaks::Echo | Speaks::Stun) {
        let socket = UdpSocket::bind(service.at).await?;
        tokio::spawn(datagrams(socket, speaks, far.clone()));
        return Ok(());
    }
    let listener = TcpListener::bind(service.at).await?;
    tokio::spawn(async move {
        let mut count = 0_usize;
        while let Ok((stream, _)) = listener.accept().await {
            count += 1;
            let speaks = match &speaks {
                Speaks::ResetsEvery(n) if count.is_multiple_of(*n) => Speaks::Reset,
                Speaks::ResetsEvery(_) => Speaks::Http(Page::Text("welcome to the lab")),
                other => other.clone(),
            };
            tokio::spawn(connection(stream, speaks, tls.clone(), far.clone()));
        }
    });
    Ok(())
}

async fn datagrams(socket: UdpSocket, speaks: Speaks, far: Arc<Far>) {
    let mut buffer = [0; 2048];
    loop {
        let Ok((length, peer)) = socket.recv_from(&mut buffer).await else { continue };
        if matches!(speaks, Speaks::Stun) {
            if let Some(answer) = binding_answer(&buffer[..length], peer) {
                let _ = socket.send_to(&answer, peer).await;
            }
            continue;
        }
        if matches!(speaks, Speaks::Echo) {
            let _ = socket.send_to(&buffer[..length], peer).await;
            continue;
        }
        if length < 48 {
            continue;
        }
        let answer = time_answer(&buffer[..48], far.clock_ahead_s);
        let _ = socket.send_to(&answer, peer).await;
    }
}

/// A STUN binding answer (RFC 8489 section 14.2) to a binding request.
fn binding_answer(question: &[u8], peer: SocketAddr) -> Option<Vec<u8>> {
    let (IpAddr::V4(address), [0, 1, _, _, cookie @ ..]) = (peer.ip(), question) else { return None };
    let masked_port = peer.port() ^ u16::from_be_bytes([*cookie.first()?, *cookie.get(1)?]);
    let masked_address = address.octets().into_iter().zip(cookie).map(|(octet, mask)| octet ^ mask);
    let mut answer = [&[1, 1, 0, 12], question.get(4..20)?].concat();
    answer.extend([0, 0x20, 0, 8, 0, 1]);
    answer.extend(masked_port.to_be_bytes());
    answer.extend(masked_address);
    Some(answer)
}

/// An SNTP answer (RFC 4330) by a clock that is so many seconds ahead.
fn time_answer(query: &[u8], ahead_s: i64) -> Vec<u8> {
    const SECONDS_FROM_1900_TO_1970: u64 = 2_208_988_800;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let seconds = (now.as_secs() + SECONDS_FROM_1900_TO_1970).wrapping_add_signed(ahead_s) as u32;
    let fraction = ((u64::from(now.subsec_nanos()) << 32) / 1_000_000_000) as u32;
    let stamp = [seconds.to_be_bytes(), fraction.to_be_bytes()].concat();
    // Leap indicator 0, the version that was asked for, mode 4 (server); stratum 2; no root delay worth mentioning.
    let mut answer = vec![(query[0] & 0x38) | 4, 2, query[2], 0xec];
    answer.extend([0, 0, 0, 0, 0, 0, 0, 16]);
    answer.extend([198, 51, 100, 1]);
    answer.extend(&stamp);
    answer.extend(&query[40..48]);
    answer.extend(&stamp);
    answer.extend(&stamp);
    answer
}

async fn connection(mut stream: TcpStream, speaks: Speaks, tls: Option<TlsAcceptor>, far: Arc<Far>) {
    let _ = stream.set_nodelay(true);
    let _ = match speaks {
        Speaks::Http(page) => pages(&mut stream, &page, &far).await,
        Speaks::Https(_, handshake, page) => match tls {
            Some(tls) => secure(stream, handshake, &tls, &page, &far).await,
            None => Ok(()),
        },
        Speaks::Proxy(mood) => proxy(stream, mood, &far).await,
        Speaks::Nothing => hold(&mut stream).await,
        Speaks::Greeting(text) => greet(&mut stream, text).await,
        Speaks::Reset => reset(&stream),
        Speaks::HangsUp => stream.shutdown().await,
        Speaks::Mail(_, mood) => match tls {
            Some(tls) => spoken::mail::take(stream, mood, &tls).await,
            None => Ok(()),
        },
        Speaks::Desktop(_, mood) => match tls {
            Some(tls) => spoken::rdp::take(stream, mood, &tls).await,
            None => Ok(()),
        },
        Speaks::Replies(reply) => replies(&mut stream, reply).await,
        Speaks::Time | Speaks::Echo | Speaks::Stun | Speaks::ResetsEvery(_) => Ok(()),
    };
}

async fn greet(stream: &mut TcpStream, text: &str) -> Result<()> {
    stream.write_all(text.as_bytes()).await?;
    hold(stream).await
}

/// Answers all that came on this connection so far, until it has said something.
async fn replies(stream: &mut TcpStream, reply: fn(&[u8]) -> Reply) -> Result<()> {
    let (mut heard, mut block) = (Vec::new(), [0; 2048]);
    loop {
        let count = stream.read(&mut block).await?;
        heard.extend(&block[..count]);
        match reply(&heard) {
            Reply::Say(bytes) => {
                heard.clear();
                stream.write_all(&bytes).await?;
            }
            Reply::HangUp => return stream.shutdown().await,
            Reply::Listen if count == 0 => return Ok(()),
            Reply::Listen => {}
        }
        if count == 0 {
            return Ok(());
        }
    }
}

/// Keeps the connection open and silent until the other side closes it.
async fn hold(stream: &mut TcpStream) -> Result<()> {
    let mut sink = [0; 1024];
    while stream.read(&mut sink).await? > 0 {}
    Ok(())
}

/// Closes with a reset when the stream is dropped.
fn reset(stream: &TcpStream) -> Result<()> {
    socket2::SockRef::from(stream).set_linger(Some(Duration::ZERO))
}

async fn secure(mut stream: TcpStream, handshake: Handshake, tls: &TlsAcceptor, page: &Page, far: &Far) -> Result<()> {
    // ServerHello with version 3.1 (TLS 1.0), TLS_RSA_WITH_AES_128_CBC_SHA, no compression.
    const OLD_HELLO: &[u8] = b"\x16\x03\x01\x00\x2a\x02\x00\x00\x26\x03\x01\
        firstline lab, random bytes 32..\x00\x00\x2f\x00";
    if handshake == Handshake::Normal {
        return pages(&mut tls.accept(stream).await?, page, far).await;
    }
    if let Handshake::Late(milliseconds) = handshake {
        tokio::time::sleep(Duration::from_millis(milliseconds)).await;
        return pages(&mut tls.accept(stream).await?, page, far).await;
    }
    let mut hello = [0; 2048];
    if stream.read(&mut hello).await? == 0 {
        return Ok(());
    }
    match handshake {
        Handshake::PlainText => {
            stream.write_all(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").await
        }
        Handshake::Reset => reset(&stream),
        Handshake::Old => {
            stream.write_all(OLD_HELLO).await?;
            hold(&mut stream).await
        }
        // Fatal alert 40, handshake_failure.
        Handshake::Alert => stream.write_all(&[21, 3, 3, 0, 2, 2, 40]).await,
        Handshake::Silent | Handshake::Normal | Handshake::Late(_) => hold(&mut stream).await,
    }
}

/// The head of one request; none where the other side closed.
async fn head<S: AsyncRead + Unpin>(stream: &mut S) -> Result<Option<String>> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") && head.len() < HEAD_LIMIT {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => return Ok(None),
        }
    }
    Ok(Some(String::from_utf8_lossy(&head).into_owned()))
}

/// The path of a request head.
fn path(head: &str) -> &str {
    head.split_whitespace().nth(1).unwrap_or("/")
}

/// Serves pages until the other side closes.
async fn pages<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut S, page: &Page, far: &Far) -> Result<()> {
    const ANNOUNCED: usize = 1 << 20;
    while let Some(head) = head(stream).await? {
        let answer = match page {
            Page::Text(text) => response(200, &[], text, far),
            Page::Misnamed(text) => response(200, &[("Content-Encoding", "gzip")], text, far),
            Page::Login => response(200, &[], "<html><title>Sign in to GuestNet</title></html>", far),
            Page::Status(status) => response(*status, &[], "the lab says no", far),
            Page::Redirect(to) => response(302, &[("Location", to)], "", far),
            Page::Portal => response(302, &[("Location", "http://portal.guestnet.example/login")], "", far),
            Page::RedirectLoop => {
                let to = if path(&head).ends_with("/there") { "/here" } else { "/there" };
                response(302, &[("Location", to)], "", far)
            }
            Page::Slow(wait) => {
                tokio::time::sleep(Duration::from_millis(*wait)).await;
                response(200, &[], "welcome to the lab", far)
            }
            Page::Big(size) => response(200, &[], &"x".repeat(*size), far),
            // An empty SETTINGS frame, and GOAWAY with a protocol error, as such servers answer a request of HTTP/1.1.
            Page::OnlyTwo => "\0\0\0\u{4}\0\0\0\0\0\0\0\u{8}\u{7}\0\0\0\0\0\0\0\0\0\0\0\0\u{1}".to_owned(),
            Page::NotHttp => "SSH-2.0-OpenSSH_9.2\r\n".to_owned(),
            Page::Mute => std::future::pending().await,
            Page::Stalls(sent) | Page::Cuts(sent) => start_of(200, ANNOUNCED, far) + &"x".repeat(*sent),
        };
        let end = if head.starts_with("HEAD ") { answer.find("\r\n\r\n").map(|at| at + 4) } else { None };
        stream.write_all(&answer.as_bytes()[..end.unwrap_or(answer.len())]).await?;
        stream.flush().await?;
        match page {
            Page::Stalls(_) => std::future::pending().await,
            Page::Cuts(_) | Page::NotHttp | Page::OnlyTwo => return Ok(()),
            _ => {}
        }
        if head.to_ascii_lowercase().contains("\r\nconnection: close") {
            break;
        }
    }
    stream.shutdown().await
}

fn start_of(status: u16, length: usize, far: &Far) -> String {
    let reason = match status {
        200 => "OK",
        302 => "Found",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        407 => "Proxy Authentication Required",
        429 => "Too Many Requests",
        500 => "Internal Server Error",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        _ => "Whatever",
    };
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let date = jiff::Timestamp::from_second(now.saturating_add_signed(far.clock_ahead_s) as i64).unwrap_or_default();
    let date = date.strftime("%a, %d %b %Y %H:%M:%S GMT");
    format!(
        "HTTP/1.1 {status} {reason}\r\nServer: lab\r\nDate: {date}\r\nContent-Type: text/plain\r\nContent-Length: {length}\r\n\r\n"
    )
}

fn response(status: u16, headers: &[(&str, &str)], body: &str, far: &Far) -> String {
    let mut text = start_of(status, body.len(), far);
    text.truncate(text.len() - 2);
    for (name, value) in headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    text + "\r\n" + body
}

async fn proxy(mut stream: TcpStream, mood: ProxyMood, far: &Far) -> Result<()> {
    let Some(request) = head(&mut stream).await? else { return Ok(()) };
    let refusal = match mood {
        ProxyMood::Works => None,
        ProxyMood::Mute => return hold(&mut stream).await,
        ProxyMood::Demands(schemes) => {
            let offers: Vec<_> = schemes.iter().map(|scheme| ("Proxy-Authenticate", *scheme)).collect();
            Some(response(407, &offers, "sign in first", far))
        }
        ProxyMood::Forbids => Some(response(403, &[], "blocked by policy: category games", far)),
        ProxyMood::BadGateway => Some(response(502, &[], "upstream unreachable", far)),
        ProxyMood::NotAProxy => Some(response(404, &[], "no such page", far)),
        ProxyMood::CutsTunnels if request.starts_with("CONNECT www.example.test:") => {
            stream.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await?;
            return stream.read(&mut [0; 2048]).await.map(drop);
        }
        ProxyMood::CutsTunnels => None,
        ProxyMood::Believes(address) => {
            let request = request.replacen("www.example.test", &address.to_string(), 1);
            return forward(stream, &request, far).await;
        }
        ProxyMood::Pretends => {
            if request.starts_with("CONNECT ") {
                stream.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await?;
                let _hello = stream.read(&mut [0; 2048]).await?;
            }
            Some(response(200, &[], "<html><title>Welcome to the gateway</title></html>", far))
        }
    };
    match refusal {
        Some(refusal) => stream.write_all(refusal.as_bytes()).await,
        None => forward(stream, &request, far).await,
    }
}

/// CONNECT to a tunnel, anything else to a request in origin form.
async fn forward(mut stream: TcpStream, request: &str, far: &Far) -> Result<()> {
    let mut words = request.split_whitespace();
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let authority = target.trim_start_matches("http://").split('/').next().unwrap_or_default();
    let Some(to) = address(authority, far) else {
        return stream.write_all(response(502, &[], "no such host", far).as_bytes()).await;
    };
    let Ok(mut upstream) = TcpStream::connect(to).await else {
        return stream.write_all(response(502, &[], "upstream refused", far).as_bytes()).await;
    };
    if method == "CONNECT" {
        stream.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await?;
    } else {
        let path = target.trim_start_matches("http://").trim_start_matches(authority);
        let path = if path.is_empty() { "/" } else { path };
        upstream.write_all(request.replacen(target, path, 1).as_bytes()).await?;
    }
    tokio::io::copy_bidirectional(&mut stream, &mut upstream).await.map(drop)
}

fn address(authority: &str, far: &Far) -> Option<SocketAddr> {
    let (host, port) = authority.rsplit_once(':').unwrap_or((authority, "80"));
    let ip = host.parse().ok().or_else(|| far.names.get(host).copied())?;
    Some(SocketAddr::new(ip, port.parse().ok()?))
}

/// Serves one page at an address of the calling namespace for ever; for programs on the client.
pub async fn serve_page(at: SocketAddr, page: Page, ready: impl FnOnce()) -> Result<()> {
    let listener = TcpListener::bind(at).await?;
    ready();
    let far = Arc::new(Far { clock_ahead_s: 0, names: HashMap::new() });
    loop {
        let (mut stream, _) = listener.accept().await?;
        let (far, page) = (far.clone(), page.clone());
        tokio::spawn(async move { pages(&mut stream, &page, &far).await });
    }
}
