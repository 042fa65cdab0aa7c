//! A web server on the loopback that keeps what it was asked and answers as a test says.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// One request as it arrived.
#[derive(Debug, Clone, Default)]
pub struct Asked {
    pub method: String,
    /// Path and query, or the whole address where a proxy was asked.
    pub target: String,
    /// By names in small letters.
    pub headers: BTreeMap<String, String>,
    pub body: Vec<u8>,
}

impl Asked {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    pub fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }

    /// A parameter of the query, decoded.
    pub fn query(&self, name: &str) -> Option<String> {
        let query = self.target.split_once('?')?.1;
        let found = url::form_urlencoded::parse(query.as_bytes()).find(|(known, _)| known == name);
        found.map(|(_, value)| value.into_owned())
    }

    pub fn json(&self) -> serde_json::Value {
        assert_eq!(self.header("content-type"), "application/json");
        serde_json::from_slice(&self.body).unwrap()
    }

    /// The parts of a form, read strictly (RFC 7578, RFC 2046 section 5.1).
    pub fn form(&self) -> Vec<Part> {
        let boundary = self.header("content-type").strip_prefix("multipart/form-data; boundary=").expect("a form");
        assert!(boundary.len() <= 70 && !boundary.is_empty());
        let (open, close) = (format!("--{boundary}\r\n"), format!("--{boundary}--\r\n"));
        let inner = self.body.strip_prefix(open.as_bytes()).expect("it begins with its boundary");
        let inner = inner.strip_suffix(close.as_bytes()).expect("it ends with its boundary");
        split(inner, open.as_bytes()).into_iter().map(Part::read).collect()
    }
}

fn split<'a>(bytes: &'a [u8], mark: &[u8]) -> Vec<&'a [u8]> {
    let mut parts = Vec::new();
    let mut rest = bytes;
    while let Some(at) = rest.windows(mark.len()).position(|window| window == mark) {
        parts.push(&rest[..at]);
        rest = &rest[at + mark.len()..];
    }
    parts.push(rest);
    parts
}

/// One part of a form.
#[derive(Debug)]
pub struct Part {
    pub name: String,
    pub file: Option<String>,
    pub content_type: Option<String>,
    pub body: Vec<u8>,
}

impl Part {
    fn read(bytes: &[u8]) -> Part {
        let at = bytes.windows(4).position(|window| window == b"\r\n\r\n").expect("a part has a head");
        let head = std::str::from_utf8(&bytes[..at]).unwrap();
        let body = bytes[at + 4..].strip_suffix(b"\r\n").expect("a part ends with a line").to_vec();
        let line = |name: &str| head.split("\r\n").find_map(|line| line.strip_prefix(name));
        let disposition = line("Content-Disposition: form-data; ").expect("it says which part it is");
        let value = |name: &str| {
            let quoted = disposition.split("; ").find_map(|pair| pair.strip_prefix(name))?;
            Some(quoted.strip_prefix("=\"")?.strip_suffix('"')?.to_owned())
        };
        Part {
            name: value("name").expect("a part has a name"),
            file: value("filename"),
            content_type: line("Content-Type: ").map(str::to_owned),
            body,
        }
    }
}

/// What is answered.
pub struct Reply {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    pub body: String,
}

pub fn reply(status: u16, body: impl Into<String>) -> Reply {
    Reply { status, headers: Vec::new(), body: body.into() }
}

/// A server that runs as long as the tests do.
pub struct Fake {
    pub url: String,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Fake {
    pub fn answering(answer: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> Fake {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (kept, answer) = (asked.clone(), Arc::new(answer));
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (kept, answer) = (kept.clone(), answer.clone());
                std::thread::spawn(move || serve(stream, &kept, answer.as_ref()));
            }
        });
        Fake { url, asked }
    }

    /// Everything that was asked so far.
    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }
}

fn serve(stream: TcpStream, kept: &Mutex<Vec<Asked>>, answer: &(dyn Fn(&Asked) -> Reply + Sync)) {
    let mut stream = BufReader::new(stream);
    let Some(asked) = read(&mut stream) else { return };
    kept.lock().unwrap().push(asked.clone());
    let _ = stream.get_mut().write_all(&bytes(&answer(&asked)));
}

/// One request, from any kind of connection.
pub fn read(stream: &mut impl BufRead) -> Option<Asked> {
    let mut line = String::new();
    stream.read_line(&mut line).ok().filter(|count| *count > 0)?;
    let mut words = line.split_whitespace();
    let mut asked = Asked { method: words.next()?.to_owned(), target: words.next()?.to_owned(), ..Asked::default() };
    assert_eq!(words.next(), Some("HTTP/1.1"));
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        let before = asked.headers.insert(name.to_ascii_lowercase(), value.to_owned());
        assert_eq!(before, None, "{name} is said once");
    }
    let length = asked.header("content-length").parse().unwrap_or(0);
    asked.body = vec![0; length];
    stream.read_exact(&mut asked.body).ok()?;
    Some(asked)
}

/// An answer as it travels.
pub fn bytes(reply: &Reply) -> Vec<u8> {
    let headers: String = reply.headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let length = reply.body.len();
    format!(
        "HTTP/1.1 {} X\r\n{headers}content-length: {length}\r\nconnection: close\r\n\r\n{}",
        reply.status, reply.body
    )
    .into_bytes()
}
