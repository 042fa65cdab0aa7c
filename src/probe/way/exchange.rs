//! One HTTP/1.1 question and its answer over a stream that stands, bounded in every direction: headers, body, silence
//! between bytes, and time. Redirects, proxies and verdicts are the callers'.

use super::tap::{Ear, Rewound, Tap};
use super::{Trouble, bounded, printable, said};
use crate::problem::Code;
use crate::world::Stream;
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1::{Builder, Connection, SendRequest};
use hyper::{HeaderMap, Method, Request, Response};
use hyper_util::rt::TokioIo;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;
use tokio::time::{Instant, sleep_until, timeout_at};
use url::Url;

/// A first byte that takes this long is felt by a person; no bound for a server's work exists (limits.md section 6).
pub const SLOW_FIRST_BYTE: Duration = Duration::from_secs(2);

/// Silence that is shown as a suspicion.
pub const SUSPECT_AFTER: Duration = Duration::from_secs(3);

/// "No answer in 10 s" is a fact that a ticket can hold.
pub const GIVE_UP_AFTER: Duration = Duration::from_secs(10);

/// A body without a byte for this long has stalled: three times what an unknown path may take to repeat a packet.
const STALL: Duration = Duration::from_secs(3);

/// A body that is still coming after this long has been seen enough of.
const BODY_WAIT: Duration = Duration::from_secs(10);

/// Programs accept 16 to 256 KiB of headers; endless ones end here.
const HEADER_LIMIT_BYTES: usize = 64 * 1024;

/// Header fields that are read.
const HEADER_LIMIT: usize = 200;

/// Bytes of a body that are kept, to compare and to show.
const KEPT_BYTES: usize = 4096;

/// What is shown of an answer that is no HTTP.
const GREETING_LIMIT: usize = 40;

/// What goes out with a request; most take nothing along.
pub type Sent = Full<Bytes>;

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Broken {
    /// Nothing, or not enough, came in this time; how many bytes did.
    Silent(Duration, u64),
    /// The other side ended the connection after this many bytes.
    Cut(u64),
    /// It answers with something else, which begins like this.
    NotHttp(String),
    /// It speaks HTTP/2 and nothing older.
    OnlyTwo,
    /// The headers have no end.
    TooLarge,
    /// The encryption was ended with this alert.
    Alert(String),
    /// Anything else.
    Other(String),
}

impl Broken {
    /// What it means for a web server.
    pub fn trouble(self, host: &str) -> Trouble {
        match self {
            Broken::Silent(wait, 0) => {
                let summary = format!("{host} took the request and sent no byte in {}", said(wait));
                Trouble::new(Code::HttpNoAnswer, summary).suspected(wait + Duration::from_millis(100) < GIVE_UP_AFTER)
            }
            Broken::Silent(wait, bytes) => {
                let summary = format!("{host} sent {bytes} bytes and no complete answer in {}", said(wait));
                Trouble::new(Code::HttpNoAnswer, summary).suspected(wait + Duration::from_millis(100) < GIVE_UP_AFTER)
            }
            Broken::Cut(0) => Trouble::new(Code::HttpCut, format!("{host} closed the connection without an answer")),
            Broken::Cut(bytes) => {
                Trouble::new(Code::HttpCut, format!("{host} closed the connection after {bytes} bytes of its answer"))
            }
            Broken::NotHttp(first) => {
                Trouble::new(Code::HttpNotHttp, format!("{host} does not speak HTTP here: it answers \"{first}\""))
            }
            Broken::OnlyTwo => only_two(host),
            Broken::TooLarge => Trouble::new(
                Code::HttpNotHttp,
                format!("{host} sends headers without an end (over {HEADER_LIMIT_BYTES} bytes)"),
            ),
            Broken::Alert(name) => {
                Trouble::new(Code::TlsAlert, format!("{host} ended the encryption with the alert {name}"))
            }
            Broken::Other(text) => Trouble::unknown(format!("the request to {host} failed: {text}")),
        }
    }
}

/// A server that speaks HTTP/2 and nothing older.
pub fn only_two(host: &str) -> Trouble {
    Trouble::new(Code::HttpOnlyTwo, format!("{host} speaks only HTTP/2, which programs of HTTP/1.1 cannot use"))
}

/// Whether a server began with HTTP/2 (RFC 9113 section 3.4): its first frame is SETTINGS (type 4), without flags, on
/// stream 0, and its payload is a few settings of six bytes.
fn is_http_two(first: &[u8]) -> bool {
    matches!(first, [0, high, low, 4, 0, 0, 0, 0, 0, ..] if u16::from_be_bytes([*high, *low]) % 6 == 0)
}

/// How a body ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyEnd {
    Complete,
    /// As much was read as was wanted, or for as long.
    Enough,
    Stalled,
    Cut,
}

/// What was read of a body.
#[derive(Debug, Clone)]
pub struct Body {
    /// Its beginning.
    pub start: Vec<u8>,
    pub bytes: u64,
    pub took: Duration,
    pub end: BodyEnd,
}

/// A stream on which HTTP is spoken.
pub struct Session {
    sender: SendRequest<Sent>,
    connection: Connection<TokioIo<Tap>, Sent>,
    ended: bool,
    ear: Ear,
}

/// Polls the connection beside `future`, which waits for what the connection does.
async fn drive<F: Future>(connection: &mut Connection<TokioIo<Tap>, Sent>, ended: &mut bool, future: F) -> F::Output {
    let mut future = pin!(future);
    poll_fn(|context| {
        if let Poll::Ready(output) = future.as_mut().poll(context) {
            return Poll::Ready(output);
        }
        // Its error reaches the waiting future too; here only its end matters.
        if !*ended && connection.poll_without_shutdown(context).is_ready() {
            *ended = true;
        }
        future.as_mut().poll(context)
    })
    .await
}

impl Session {
    /// Starts HTTP on a stream.
    pub async fn open(stream: Box<dyn Stream>) -> Result<Session, Broken> {
        let (tap, ear) = Tap::on(stream);
        let mut builder = Builder::new();
        builder.max_headers(HEADER_LIMIT).max_header_size(HEADER_LIMIT_BYTES);
        let opened = builder.handshake(TokioIo::new(tap)).await;
        let (sender, connection) = opened.map_err(|error| Broken::Other(bounded(&error.to_string())))?;
        Ok(Session { sender, connection, ended: false, ear })
    }

    /// Sends the request and waits for the answer's headers. `suspect` is told once where they do not come.
    pub async fn ask(
        &mut self,
        request: Request<Sent>,
        until: Instant,
        suspect: &dyn Fn(Duration),
    ) -> Result<Response<Incoming>, Broken> {
        let start = Instant::now();
        *self.ear.borrow_mut() = super::tap::Heard::default();
        let end = until.min(start + GIVE_UP_AFTER);
        let mut answer = pin!(self.sender.send_request(request));
        for (wait, last) in [(end.min(start + SUSPECT_AFTER), false), (end, true)] {
            let driven = drive(&mut self.connection, &mut self.ended, answer.as_mut());
            match timeout_at(wait, driven).await {
                Ok(Ok(response)) => return Ok(response),
                Ok(Err(error)) => return Err(broken(&error, &self.ear)),
                Err(_) if last || Instant::now() >= end => break,
                Err(_) => suspect(start.elapsed()),
            }
        }
        Err(Broken::Silent(start.elapsed(), self.ear.borrow().bytes))
    }

    /// The same for a request that takes much along, which a slow line carries for long: `until` alone bounds it.
    pub async fn submit(&mut self, request: Request<Sent>, until: Instant) -> Result<Response<Incoming>, Broken> {
        let start = Instant::now();
        let answer = drive(&mut self.connection, &mut self.ended, self.sender.send_request(request));
        match timeout_at(until, answer).await {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(error)) => Err(broken(&error, &self.ear)),
            Err(_) => Err(Broken::Silent(start.elapsed(), self.ear.borrow().bytes)),
        }
    }

    /// When the first byte of the answer came.
    pub fn first_byte(&self) -> Option<Instant> {
        self.ear.borrow().at
    }

    /// Reads a body, at most `limit` bytes, and keeps its beginning.
    pub async fn body(&mut self, body: Incoming, limit: u64, until: Instant) -> Body {
        self.read(body, limit, KEPT_BYTES, until).await
    }

    /// Reads a body of at most `limit` bytes and keeps all of it.
    pub async fn text(&mut self, body: Incoming, limit: u64, until: Instant) -> (Vec<u8>, BodyEnd) {
        let read = self.read(body, limit, usize::try_from(limit).unwrap_or(KEPT_BYTES), until).await;
        (read.start, read.end)
    }

    async fn read(&mut self, mut body: Incoming, limit: u64, kept: usize, until: Instant) -> Body {
        let start = Instant::now();
        let end = until.min(start + BODY_WAIT);
        let mut read = Body { start: Vec::new(), bytes: 0, took: Duration::ZERO, end: BodyEnd::Enough };
        while read.bytes < limit {
            let stall = Instant::now() + STALL;
            let frame = drive(&mut self.connection, &mut self.ended, body.frame());
            let frame = tokio::select! {
                biased;
                frame = frame => frame,
                () = sleep_until(end.min(stall)) => {
                    read.end = if stall <= end { BodyEnd::Stalled } else { BodyEnd::Enough };
                    break;
                }
            };
            match frame {
                None => {
                    read.end = BodyEnd::Complete;
                    break;
                }
                Some(Err(_)) => {
                    read.end = BodyEnd::Cut;
                    break;
                }
                Some(Ok(frame)) => {
                    let Ok(data) = frame.into_data() else { continue };
                    read.bytes += data.len() as u64;
                    let room = kept.saturating_sub(read.start.len());
                    read.start.extend_from_slice(&data[..data.len().min(room)]);
                }
            }
        }
        read.took = start.elapsed();
        read
    }

    /// The stream behind an accepted CONNECT, from its first byte.
    pub async fn into_stream(mut self) -> Box<dyn Stream> {
        // The connection lets go of the stream once it knows that HTTP has ended on it, which needs no further byte.
        const TURNS: usize = 16;
        for _ in 0..TURNS {
            if self.ended {
                break;
            }
            drive(&mut self.connection, &mut self.ended, tokio::task::yield_now()).await;
        }
        let parts = self.connection.into_parts();
        Rewound::in_front_of(parts.read_buf.to_vec(), parts.io.into_inner().into_inner())
    }
}

fn broken(error: &hyper::Error, ear: &Ear) -> Broken {
    let heard = ear.borrow();
    // The library does not tell a head that is too large from one that is none, but only one of them is long.
    if error.is_parse() && heard.bytes >= HEADER_LIMIT_BYTES as u64 / 2 {
        return Broken::TooLarge;
    }
    if is_http_two(&heard.first) {
        return Broken::OnlyTwo;
    }
    if error.is_parse() {
        return Broken::NotHttp(printable(&heard.first, GREETING_LIMIT));
    }
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(inner) = cause {
        if let Some(io) = inner.downcast_ref::<std::io::Error>() {
            let tls = io.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
            return match tls {
                Some(rustls::Error::AlertReceived(alert)) => Broken::Alert(super::handshake::alert_name(*alert)),
                Some(other) => Broken::Other(bounded(&other.to_string())),
                None => Broken::Cut(heard.bytes),
            };
        }
        cause = inner.source();
    }
    if error.is_incomplete_message() || error.is_closed() || error.is_canceled() {
        return Broken::Cut(heard.bytes);
    }
    Broken::Other(bounded(&error.to_string()))
}

/// A request as browsers and command-line tools send it; `absolute` is the form for a proxy (RFC 9112 section 3.2.2).
pub fn request(method: &Method, url: &Url, absolute: bool) -> Result<Request<Sent>, String> {
    let authority = authority(url);
    let path = match url.query() {
        Some(query) => format!("{}?{query}", url.path()),
        None => url.path().to_owned(),
    };
    let target = if absolute { format!("{}://{authority}{path}", url.scheme()) } else { path };
    Request::builder()
        .method(method)
        .uri(target)
        .header("host", authority)
        .header("user-agent", USER_AGENT)
        .header("accept", "*/*")
        // One question for each connection (RFC 9112 section 9.6). Whoever answers closes, and a proxy that waits for more
        // to come (RFC 896) holds nothing back.
        .header("connection", "close")
        .body(Full::default())
        .map_err(|error| error.to_string())
}

/// A request that takes these bytes along.
pub fn post(url: &Url, content_type: &str, body: Vec<u8>) -> Result<Request<Sent>, String> {
    let authority = authority(url);
    Request::builder()
        .method(Method::POST)
        .uri(url.path())
        .header("host", authority)
        .header("user-agent", USER_AGENT)
        .header("content-type", content_type)
        .header("accept", content_type)
        .body(Full::from(body))
        .map_err(|error| error.to_string())
}

/// The problem that a status is, where it is one.
pub fn problem_of(status: u16) -> Option<Code> {
    match status {
        401 => Some(Code::HttpAuthRequired),
        403 | 451 => Some(Code::HttpForbidden),
        404 | 410 => Some(Code::HttpNotFound),
        429 => Some(Code::HttpTooManyRequests),
        400..=499 => Some(Code::HttpClientError),
        500.. => Some(Code::HttpServerError),
        _ => None,
    }
}

/// The request that opens a tunnel (RFC 9110 section 9.3.6).
pub fn connect_request(host: &str, port: u16) -> Result<Request<Sent>, String> {
    let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
    let authority = format!("{host}:{port}");
    Request::builder()
        .method(Method::CONNECT)
        .uri(&authority)
        .header("host", &authority)
        .header("user-agent", USER_AGENT)
        .body(Full::default())
        .map_err(|error| error.to_string())
}

/// Who asks.
pub const USER_AGENT: &str = concat!("firstline/", env!("CARGO_PKG_VERSION"));

fn authority(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port().map_or(host.to_owned(), |port| format!("{host}:{port}"))
}

/// A header's text, bounded.
pub fn header(headers: &HeaderMap, name: &str) -> Option<String> {
    let value = headers.get(name)?;
    Some(printable(value.as_bytes(), super::TEXT_LIMIT)).filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probe::testing::loopback::{answers, connect, serve};
    use tokio::io::AsyncWriteExt;

    fn url() -> Url {
        Url::parse("http://crm.test:8080/a?b=c").unwrap()
    }

    async fn get(answer: &'static [u8]) -> Result<(u16, Body), Broken> {
        let served = serve(answers(answer)).await;
        ask(served.address).await
    }

    async fn ask(address: std::net::SocketAddr) -> Result<(u16, Body), Broken> {
        let until = Instant::now() + Duration::from_secs(30);
        let mut session = Session::open(connect(address).await).await?;
        let request = request(&Method::GET, &url(), false).unwrap();
        let response = session.ask(request, until, &|_| {}).await?;
        let status = response.status().as_u16();
        let body = session.body(response.into_body(), 1 << 20, until).await;
        Ok((status, body))
    }

    #[tokio::test]
    async fn an_answer_is_read_to_its_end() {
        let (status, body) = get(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello").await.unwrap();
        assert_eq!((status, body.start.as_slice(), body.end), (200, b"hello".as_slice(), BodyEnd::Complete));
        let (_, body) = get(b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhello").await.unwrap();
        assert_eq!((body.bytes, body.end), (5, BodyEnd::Cut));
    }

    #[tokio::test]
    async fn what_is_no_answer_is_named() {
        assert_eq!(get(b"").await.unwrap_err(), Broken::Cut(0));
        assert_eq!(get(b"SSH-2.0-OpenSSH_9.9\r\n").await.unwrap_err(), Broken::NotHttp("SSH-2.0-OpenSSH_9.9".into()));
        assert_eq!(get(b"\0\0\x06\x04\0\0\0\0\0\0\x03\0\0\0\x80").await.unwrap_err(), Broken::OnlyTwo);
        let cut = get(b"HTTP/1.1 200 OK\r\nServ").await.unwrap_err();
        assert!(matches!(cut, Broken::Cut(_)), "{cut:?}");
    }

    #[tokio::test]
    async fn endless_headers_and_bodies_end() {
        let served = serve(|mut stream| async move {
            stream.write_all(b"HTTP/1.1 200 OK\r\n").await.unwrap();
            while stream.write_all(b"X-Filler: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n").await.is_ok() {}
        })
        .await;
        let error = ask(served.address).await.unwrap_err();
        assert!(matches!(error, Broken::TooLarge | Broken::NotHttp(_)), "{error:?}");

        let served = serve(|mut stream| async move {
            stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
            let block = [b'x'; 16384];
            while stream.write_all(&block).await.is_ok() {}
        })
        .await;
        let (_, body) = ask(served.address).await.unwrap();
        assert_eq!(body.end, BodyEnd::Enough);
        assert!(body.bytes >= 1 << 20 && body.start.len() == KEPT_BYTES);
    }
}
