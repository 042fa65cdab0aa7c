//! The far end of a connection in a scenario: what it says, serves or swallows.

use super::table::{Names, TcpPort};
use std::collections::BTreeMap;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, ReadBuf};
use tokio::time::sleep;

/// A far end that reads longer request heads than this would be another scenario.
const LONGEST_HEAD: usize = 64 * 1024;

/// Our end of a connection: the far end's bytes, and its reset where it resets.
pub(super) struct Played {
    pub(super) inner: DuplexStream,
    pub(super) resets: bool,
}

impl AsyncRead for Played {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = into.filled().len();
        let polled = Pin::new(&mut self.inner).poll_read(context, into);
        match polled {
            Poll::Ready(Ok(())) if into.filled().len() == before && self.resets => {
                Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()))
            }
            polled => polled,
        }
    }
}

impl AsyncWrite for Played {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(context)
    }
}

/// The far end of a connection.
pub(super) async fn serve(mut stream: DuplexStream, port: TcpPort, delay: Duration) {
    match port {
        TcpPort::Says(words) => {
            sleep(delay).await;
            let _ = stream.write_all(&words).await;
            swallow(stream).await;
        }
        TcpPort::Http(pages) => serve_pages(stream, &pages, delay).await,
        TcpPort::Resets => {
            // Takes what was sent first, as a middlebox that dislikes it does.
            let _ = stream.read(&mut [0; 1024]).await;
        }
        TcpPort::Open => swallow(stream).await,
        TcpPort::Closes | TcpPort::Fails(_) | TcpPort::Each(_) => {}
    }
}

/// Reads and says nothing, until the other side goes.
async fn swallow(mut stream: DuplexStream) {
    let mut bytes = [0; 4096];
    while matches!(stream.read(&mut bytes).await, Ok(length) if length > 0) {}
}

/// One request, one answer, then the connection is closed: so an answer needs no length.
async fn serve_pages(mut stream: DuplexStream, pages: &BTreeMap<String, Vec<u8>>, delay: Duration) {
    let mut head = Vec::new();
    let mut bytes = [0; 4096];
    while !head.windows(4).any(|end| end == b"\r\n\r\n") && head.len() < LONGEST_HEAD {
        match stream.read(&mut bytes).await {
            Ok(length) if length > 0 => head.extend_from_slice(&bytes[..length]),
            _ => return,
        }
    }
    let head = String::from_utf8_lossy(&head);
    let mut words = head.split_whitespace();
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let page = pages.get(&format!("{method} {path}")).or_else(|| pages.get(path)).or_else(|| pages.get("*"));
    sleep(delay).await;
    if let Some(page) = page {
        let _ = stream.write_all(page).await;
        let _ = stream.shutdown().await;
    }
}

pub(super) async fn serve_names(mut stream: DuplexStream, names: Arc<Names>, delay: Duration) {
    let Names::Server(server) = names.as_ref() else { return };
    while let Ok(length) = stream.read_u16().await {
        let mut query = vec![0; usize::from(length)];
        if stream.read_exact(&mut query).await.is_err() {
            return;
        }
        let Some(answer) = server.answer(&query, true) else { return swallow(stream).await };
        sleep(delay).await;
        let framed = [&(answer.len() as u16).to_be_bytes()[..], &answer].concat();
        if stream.write_all(&framed).await.is_err() {
            return;
        }
    }
}
