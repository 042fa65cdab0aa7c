//! A stream that remembers how the other side began: its first bytes, when they came, and how many came in all. What
//! answers with something else than expected is named by these bytes.

use crate::world::Stream;
use std::cell::RefCell;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

/// Enough to recognise a protocol by its greeting.
const KEPT_BYTES: usize = 96;

/// What came in so far.
#[derive(Debug, Default, Clone)]
pub struct Heard {
    /// The first bytes.
    pub first: Vec<u8>,
    /// When the first one came.
    pub at: Option<Instant>,
    /// How many came.
    pub bytes: u64,
}

/// A shared view of what a tapped stream heard.
pub type Ear = Rc<RefCell<Heard>>;

/// A stream with an ear on it.
pub struct Tap {
    inner: Box<dyn Stream>,
    ear: Ear,
}

impl Tap {
    /// Listens to what comes in on `inner`.
    pub fn on(inner: Box<dyn Stream>) -> (Tap, Ear) {
        let ear = Ear::default();
        (Tap { inner, ear: Rc::clone(&ear) }, ear)
    }

    /// The stream itself.
    pub fn into_inner(self) -> Box<dyn Stream> {
        self.inner
    }
}

impl AsyncRead for Tap {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let result = Pin::new(&mut self.inner).poll_read(cx, buffer);
        let new = &buffer.filled()[before..];
        if !new.is_empty() {
            let mut heard = self.ear.borrow_mut();
            heard.at.get_or_insert_with(Instant::now);
            heard.bytes += new.len() as u64;
            let room = KEPT_BYTES.saturating_sub(heard.first.len());
            heard.first.extend_from_slice(&new[..new.len().min(room)]);
        }
        match result {
            // An encrypted connection that ends without a farewell (close_notify, RFC 8446 section 6.1). Programs take
            // it for an end like any other, and know a page that was cut by its length (RFC 9112 section 9.8).
            Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::UnexpectedEof => Poll::Ready(Ok(())),
            result => result,
        }
    }
}

impl AsyncWrite for Tap {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

/// A stream whose first bytes were read already by somebody else.
pub struct Rewound {
    before: Vec<u8>,
    inner: Box<dyn Stream>,
}

impl Rewound {
    /// Puts `before` back in front of `inner`.
    pub fn in_front_of(before: Vec<u8>, inner: Box<dyn Stream>) -> Box<dyn Stream> {
        if before.is_empty() { inner } else { Box::new(Rewound { before, inner }) }
    }
}

impl AsyncRead for Rewound {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.before.is_empty() {
            return Pin::new(&mut self.inner).poll_read(cx, buffer);
        }
        let count = self.before.len().min(buffer.remaining());
        buffer.put_slice(&self.before[..count]);
        self.before.drain(..count);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Rewound {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::AsyncReadExt;

    /// Gives one byte, and then ends as TLS does without a farewell.
    struct Abrupt(bool);

    impl AsyncRead for Abrupt {
        fn poll_read(mut self: Pin<&mut Self>, _: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
            if std::mem::replace(&mut self.0, true) {
                return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
            }
            buffer.put_slice(b"x");
            Poll::Ready(Ok(()))
        }
    }

    impl AsyncWrite for Abrupt {
        fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
            Poll::Ready(Ok(bytes.len()))
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    #[tokio::test]
    async fn an_end_without_a_farewell_is_an_end() {
        let (mut tap, ear) = Tap::on(Box::new(Abrupt(false)));
        let mut heard = Vec::new();
        tap.read_to_end(&mut heard).await.expect("the end is no error");
        assert_eq!((heard.as_slice(), ear.borrow().bytes), (b"x".as_slice(), 1));
    }
}
