//! Servers that mean harm: whatever they send, the program ends in time, and what it prints is safe on a screen.

use crate::{Call, Ended};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

/// A loaded machine included: far above what a run takes, and far below "never".
const LONGEST: Duration = Duration::from_secs(45);

/// A server on the loopback that greets every connection with `answer`, in a thread of its own each.
fn serve(answer: fn(&mut TcpStream) -> std::io::Result<()>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            std::thread::spawn(move || {
                let mut stream = stream;
                let _ = answer(&mut stream);
            });
        }
    });
    port
}

fn after_the_request(stream: &mut TcpStream) -> std::io::Result<()> {
    stream.read(&mut [0; 4096]).map(drop)
}

/// Runs the probe against the server, and holds what every ending must hold.
#[track_caller]
fn look(probe: &str, url: &str) -> Ended {
    look_with(probe, url, &[])
}

#[track_caller]
fn look_with(probe: &str, url: &str, more: &[&str]) -> Ended {
    let began = Instant::now();
    let ended = Call::new(&[&["probe", probe, url, "--deadline", "8s"], more].concat()).end();
    assert!(began.elapsed() < LONGEST, "{probe} took {:?}", began.elapsed());
    assert!((0..=3).contains(&ended.exit), "{}", ended.exit);
    assert_eq!(ended.stderr, "");
    let bad: String = ended.stdout.chars().filter(|c| *c != '\n' && (c.is_control() || *c == '\u{202e}')).collect();
    assert!(bad.is_empty(), "{bad:?} in {}", ended.stdout);
    ended
}

#[test]
fn headers_without_an_end() {
    let port = serve(|stream| {
        after_the_request(stream)?;
        stream.write_all(b"HTTP/1.1 200 OK\r\n")?;
        loop {
            stream.write_all(b"X-Filler: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n")?;
        }
    });
    let ended = look("http", &format!("http://127.0.0.1:{port}/"));
    assert_eq!(ended.exit, 2);
    assert!(ended.stdout.contains("headers without an end"), "{}", ended.stdout);
}

#[test]
fn a_body_of_a_gibibyte_is_not_read_to_its_end() {
    let port = serve(|stream| {
        after_the_request(stream)?;
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1073741824\r\n\r\n")?;
        loop {
            stream.write_all(&[b'x'; 65536])?;
        }
    });
    let ended = look("http", &format!("http://127.0.0.1:{port}/"));
    assert_eq!(ended.exit, 0, "{}", ended.stdout);
}

#[test]
fn a_byte_now_and_then_does_not_keep_the_run() {
    let port = serve(|stream| {
        after_the_request(stream)?;
        for byte in b"HTTP/1.1 200 OK\r\nX: ".iter().chain(std::iter::repeat(&b'a')) {
            stream.write_all(&[*byte])?;
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    });
    let ended = look("http", &format!("http://127.0.0.1:{port}/"));
    assert_eq!(ended.exit, 2, "{}", ended.stdout);
}

#[test]
fn control_characters_do_not_reach_the_screen() {
    let port = serve(|stream| {
        stream.write_all(b"\x1b[2J\x1b]0;title\x07\xe2\x80\xaegnp.exe\r\n\x9b31m\r\n")?;
        std::thread::sleep(Duration::from_secs(2));
        Ok(())
    });
    let greeting = look_with("greeting", &format!("127.0.0.1:{port}"), &["--set", "scheme=ssh"]);
    assert!(greeting.stdout.contains("gnp.exe"), "{}", greeting.stdout);
    let port = serve(|stream| {
        after_the_request(stream)?;
        stream.write_all(
            b"HTTP/1.1 503 \x1b[31m\xe2\x80\xae\r\nServer: \xe2\x80\xaeevil\r\nLocation: http://\x1b[2J/\r\n",
        )?;
        stream.write_all(b"Content-Length: 9\r\n\r\n\x1b[2J\x07\r\x9b1m")
    });
    look("http", &format!("http://127.0.0.1:{port}/"));
}
