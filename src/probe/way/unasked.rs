//! What a far end does with a connection on which nothing is said. Whether a cut answers what was said or comes whatever
//! is said decides whom it accuses; which of our steps meets it first is chance.

use super::handshake::{Open, is_cut};
use super::{Trouble, said};
use crate::problem::Code;
use crate::world::{Failure, Stream};
use std::cell::Cell;
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::time::{Instant, sleep_until, timeout_at};

/// How long a mute connection is watched: who cuts everything does it as soon as it accepts, which takes a round trip
/// and a busy machine's delay; with none known, the first timeout of RFC 6298 section 2.1. Who waits longer waits for
/// something to be said.
const WATCH: Duration = Duration::from_secs(1);

/// Whether the far end cuts a connection before anything was said on it.
pub async fn is_cut_unasked(open: &Open<'_>, until: Instant) -> bool {
    let watch = async {
        match open().await {
            Ok(stream) => ends(stream).await,
            // The kernel learns of a refused connection in another way: this one stood.
            Err(failure) => matches!(failure, Failure::Reset | Failure::Closed),
        }
    };
    timeout_at(until.min(Instant::now() + WATCH), watch).await.unwrap_or(false)
}

async fn ends(mut stream: Box<dyn Stream>) -> bool {
    match stream.read(&mut [0; 1]).await {
        Ok(count) => count == 0,
        Err(error) => is_cut(&error),
    }
}

/// Whether a far end that took a connection and fell silent takes another one: else it is not mute but out of reach.
/// Asks at `at`, and keeps the answer for when it is wanted.
pub struct StillThere {
    silent: Cell<bool>,
}

impl StillThere {
    /// Nothing is known yet.
    pub fn new() -> StillThere {
        StillThere { silent: Cell::new(false) }
    }

    /// Tries a connection at this moment; one that fails with anything but silence was answered.
    pub async fn ask(&self, open: &Open<'_>, at: Instant) {
        sleep_until(at).await;
        self.silent.set(matches!(open().await, Err(Failure::Timeout)));
    }

    /// Whether the far end did not answer any more.
    pub fn is_lost(&self) -> bool {
        self.silent.get()
    }
}

/// The far end cuts what it accepts, whatever is said.
pub fn cut(host: &str) -> Trouble {
    Trouble::new(Code::TcpReset, format!("{host} ends every connection at once, before anything is said on it"))
}

/// The far end took a connection, and then was out of reach.
pub fn lost(host: &str, silent: Duration) -> Trouble {
    let summary = format!("{host} took a connection, was silent for {} and takes no further one", said(silent));
    Trouble::new(Code::TcpTimeout, summary)
}

/// The far end took a connection, and never acknowledged what was asked on it.
pub fn unheard(host: &str, silent: Duration) -> Trouble {
    let summary = format!("{host} took a connection and acknowledged no request on it in {}", said(silent));
    Trouble::new(Code::HttpNoAnswer, summary)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probe::testing::loopback::{Loopback, serve};
    use crate::probe::way::connect::again;
    use std::net::SocketAddr;
    use tokio::io::AsyncWriteExt;

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(10)
    }

    async fn is_cut_at(address: SocketAddr) -> bool {
        is_cut_unasked(&again(&Loopback::default(), address), soon()).await
    }

    #[tokio::test]
    async fn only_a_cut_that_nothing_asked_for_counts() {
        let closing = serve(|stream| async move { drop(stream) }).await;
        assert!(is_cut_at(closing.address).await);
        let resetting = serve(|stream| async move {
            drop(socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO)));
        })
        .await;
        assert!(is_cut_at(resetting.address).await);
        // It waits for a word and cuts then.
        let answering = serve(|mut stream| async move { drop(stream.read(&mut [0; 9]).await) }).await;
        assert!(!is_cut_at(answering.address).await);
        let greeting = serve(|mut stream| async move { drop(stream.write_all(b"220 mail\r\n").await) }).await;
        assert!(!is_cut_at(greeting.address).await);
    }

    #[tokio::test(start_paused = true)]
    async fn only_silence_means_that_it_is_lost() {
        let address: SocketAddr = "192.0.2.1:80".parse().unwrap();
        let network = Loopback::default().silent("192.0.2.1:80");
        let still_there = StillThere::new();
        assert!(!still_there.is_lost(), "nothing is known yet");
        still_there.ask(&again(&network, address), Instant::now()).await;
        assert!(still_there.is_lost());
    }

    #[tokio::test]
    async fn who_accepts_or_refuses_is_there() {
        let mute = serve(|mut stream| async move { drop(stream.read(&mut [0; 9]).await) }).await;
        let free = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        for address in [mute.address, free] {
            let still_there = StillThere::new();
            still_there.ask(&again(&Loopback::default(), address), Instant::now()).await;
            assert!(!still_there.is_lost());
        }
    }
}
