//! The one rtnetlink socket of a machine. It belongs to the network namespace that the thread was in when it was
//! opened, so it lives in `LocalMachine` and not in a global.
//!
//! The kernel answers a question while it is being sent, and lets whoever asks wait for its one lock of all networks
//! (rtnetlink(7), `rtnl_mutex`), which a machine that makes or ends containers holds for seconds. So questions are sent by
//! a thread of their own: if the run's only thread waited there, every server would look as slow as that lock.

use crate::sys::{Known, Unknown};
use futures_util::stream::{Stream, TryStreamExt};
use nix::net::if_::if_nameindex;
use rtnetlink::packet_route::link::{LinkAttribute, LinkExtentMask, LinkMessage};
use rtnetlink::{Error, Handle};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{Mutex, OnceCell, OwnedMutexGuard, oneshot};

/// Opened at the first question, then reused.
#[derive(Debug, Default)]
pub(super) struct Netlink {
    asker: OnceCell<Asker>,
    /// The kernel refuses a dump with EBUSY while another one runs on the same socket, so they take turns.
    turn: Arc<Mutex<()>>,
    /// The names that were read last, and when.
    names: Mutex<Option<(Instant, Rc<Names>)>>,
}

/// Interface names by index.
pub(super) type Names = HashMap<u32, String>;

/// How long names that were read stand. An index keeps its name until somebody renames the interface, and every table
/// that is read asks for them: in the first tenth of a second, fifty times. Judgement.
const NAMES_STAND: Duration = Duration::from_millis(100);

/// The thread that asks: for questions about the network as messages, and for work that asks in another way.
#[derive(Debug, Clone)]
struct Asker {
    handle: Handle,
    runtime: tokio::runtime::Handle,
}

impl Asker {
    /// Starts the thread, in the network namespace of the caller. It ends with the last handle.
    async fn start() -> Known<Asker> {
        let failed = |error: &dyn std::fmt::Display| Unknown::Failed(format!("no netlink socket: {error}"));
        let (sender, receiver) = oneshot::channel();
        let ask = move || {
            let runtime = match tokio::runtime::Builder::new_current_thread().enable_io().build() {
                Ok(runtime) => runtime,
                Err(error) => return drop(sender.send(Err(error))),
            };
            runtime.block_on(async {
                match rtnetlink::new_connection() {
                    Ok((connection, handle, _)) => {
                        let asker = Asker { handle, runtime: tokio::runtime::Handle::current() };
                        drop(sender.send(Ok(asker)));
                        connection.await;
                    }
                    Err(error) => drop(sender.send(Err(error))),
                }
            });
        };
        std::thread::Builder::new().name("netlink".to_owned()).spawn(ask).map_err(|error| failed(&error))?;
        receiver.await.map_err(|error| failed(&error))?.map_err(|error| failed(&error))
    }
}

/// The handle, for as long as it is this caller's turn. Not to be held while asking for another one.
pub(super) struct Turn {
    handle: Handle,
    _turn: OwnedMutexGuard<()>,
}

impl std::ops::Deref for Turn {
    type Target = Handle;

    fn deref(&self) -> &Handle {
        &self.handle
    }
}

impl Netlink {
    /// The handle; opens the socket at the first call.
    pub(super) async fn handle(&self) -> Known<Turn> {
        let handle = self.asker.get_or_try_init(Asker::start).await?.handle.clone();
        Ok(Turn { handle, _turn: Arc::clone(&self.turn).lock_owned().await })
    }

    /// What comes of work that may wait for the kernel as a question does.
    pub(super) async fn beside<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Known<T> {
        let runtime = &self.asker.get_or_try_init(Asker::start).await?.runtime;
        let done = runtime.spawn(async move { work() }).await;
        done.map_err(|error| Unknown::Failed(format!("asking the kernel broke off: {error}")))
    }

    /// Interface names by index: every other table names interfaces by number.
    pub(super) async fn names(&self) -> Known<Rc<Names>> {
        let mut last = self.names.lock().await;
        if let Some((_, names)) = last.as_ref().filter(|(read, _)| read.elapsed() < NAMES_STAND) {
            return Ok(Rc::clone(names));
        }
        let names = Rc::new(self.beside(names).await??);
        *last = Some((Instant::now(), Rc::clone(&names)));
        Ok(names)
    }

    /// All links as the kernel sends them.
    pub(super) async fn link_messages(&self) -> Known<Vec<LinkMessage>> {
        let turn = self.handle().await?;
        let mut wanted = turn.link().get();
        // The counters of IPv6 are half of such a message, and nobody here asks for them.
        wanted.message_mut().attributes.push(LinkAttribute::ExtMask(vec![LinkExtentMask::SkipStats]));
        all("links", wanted.execute()).await
    }
}

/// Interface names by index, asked through the C library, because reading a dump of whole links takes many times as long
/// as the names in it are worth. To be called where waiting for the kernel holds nobody up.
fn names() -> Known<Names> {
    let interfaces = if_nameindex()
        .map_err(|error| Unknown::Failed(format!("the kernel did not list the names of its interfaces: {error}")))?;
    Ok(interfaces.iter().map(|one| (one.index(), one.name().to_string_lossy().into_owned())).collect())
}

/// Collects a dump; `what` names it if it fails.
pub(super) async fn all<T>(what: &str, stream: impl Stream<Item = Result<T, Error>>) -> Known<Vec<T>> {
    stream
        .try_collect()
        .await
        .map_err(|error| Unknown::Failed(format!("the kernel did not list its {what}: {}", words(&error))))
}

/// The error in the system's words.
pub(super) fn words(error: &Error) -> String {
    match error {
        Error::NetlinkError(message) => message.to_io().to_string(),
        other => other.to_string(),
    }
}

/// A hardware address as people write it; nothing where there is none (tunnels).
pub(super) fn hardware_address(bytes: &[u8]) -> Option<String> {
    (bytes.len() == 6).then(|| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(":"))
}

/// The bytes of a hardware address that people wrote.
pub(super) fn hardware_bytes(address: &str) -> Option<[u8; 6]> {
    let bytes: Option<Vec<u8>> = address.split(':').map(|part| u8::from_str_radix(part, 16).ok()).collect();
    bytes?.try_into().ok()
}
