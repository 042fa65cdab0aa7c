//! A stream that keeps back the last words of a handshake until there is something to ask, so that both go out in one
//! packet. Two small packets in a row cost a round trip more wherever somebody on the way (most proxies, many
//! programs) holds a small packet back until the one before it is acknowledged (RFC 896).

use super::tap::Tap;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};

/// A stream that sends what was written when an answer to it is awaited.
pub struct Hold {
    inner: Tap,
    held: Vec<u8>,
    /// The handshake goes on: each flight is held until the answer to it is read.
    shaking: bool,
}

impl Hold {
    /// Holds back what is written to `inner` during a handshake.
    pub fn on(inner: Tap) -> Hold {
        Hold { inner, held: Vec::new(), shaking: true }
    }

    /// The handshake is over. What is still held goes out with the next bytes that are written.
    pub fn go_on(&mut self) {
        self.shaking = false;
    }

    /// The handshake is over, and nothing follows: sends what is still held.
    pub async fn release(&mut self) -> io::Result<()> {
        self.shaking = false;
        self.flush().await
    }

    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.held.is_empty() {
            let sent = ready!(Pin::new(&mut self.inner).poll_write(cx, &self.held))?;
            if sent == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.held.drain(..sent);
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncRead for Hold {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        // Afterwards the first read may come before the question: HTTP looks whether the connection still stands.
        if self.shaking {
            ready!(self.poll_send(cx))?;
        }
        Pin::new(&mut self.inner).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Hold {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if self.shaking {
            self.held.extend_from_slice(bytes);
            return Poll::Ready(Ok(bytes.len()));
        }
        if self.held.is_empty() {
            return Pin::new(&mut self.inner).poll_write(cx, bytes);
        }
        self.held.extend_from_slice(bytes);
        // What does not go out now goes out with the flush or the next write.
        match self.poll_send(cx) {
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            _ => Poll::Ready(Ok(bytes.len())),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.shaking {
            return Poll::Ready(Ok(()));
        }
        ready!(self.poll_send(cx))?;
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_send(cx))?;
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;
    use std::cell::RefCell;
    use std::rc::Rc;
    use tokio::io::AsyncReadExt;

    /// Remembers each packet, and never says anything.
    #[derive(Default, Clone)]
    struct Wire(Rc<RefCell<Vec<String>>>);

    impl AsyncRead for Wire {
        fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, _: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
            Poll::Pending
        }
    }

    impl AsyncWrite for Wire {
        fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
            self.0.borrow_mut().push(String::from_utf8_lossy(bytes).into_owned());
            Poll::Ready(Ok(bytes.len()))
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    /// A handshake whose last words were written and flushed.
    async fn shaken() -> (Hold, Wire) {
        let wire = Wire::default();
        let mut hold = Hold::on(Tap::on(Box::new(wire.clone())).0);
        hold.write_all(b"hello").await.unwrap();
        hold.flush().await.unwrap();
        assert!(wire.0.borrow().is_empty());
        assert_eq!(hold.read_u8().now_or_never().map(drop), None, "nobody answers yet");
        assert_eq!(*wire.0.borrow(), ["hello"]);
        hold.write_all(b"finished").await.unwrap();
        hold.flush().await.unwrap();
        (hold, wire)
    }

    #[tokio::test]
    async fn the_last_words_go_out_with_the_question() {
        let (mut hold, wire) = shaken().await;
        hold.go_on();
        assert_eq!(hold.read_u8().now_or_never().map(drop), None, "HTTP looks whether the connection stands");
        assert_eq!(*wire.0.borrow(), ["hello"]);
        hold.write_all(b" question").await.unwrap();
        hold.write_all(b"more").await.unwrap();
        assert_eq!(*wire.0.borrow(), ["hello", "finished question", "more"]);
    }

    #[tokio::test]
    async fn without_a_question_they_go_out_at_once() {
        let (mut hold, wire) = shaken().await;
        hold.release().await.unwrap();
        assert_eq!(*wire.0.borrow(), ["hello", "finished"]);
    }
}
