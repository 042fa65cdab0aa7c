//! The one rtnetlink socket of a machine. It belongs to the network namespace that the thread was in when it was
//! opened, so it lives in `LocalMachine` and not in a global.

use crate::sys::{Known, Unknown};
use futures_util::stream::{Stream, TryStreamExt};
use nix::net::if_::if_nameindex;
use rtnetlink::packet_route::link::{LinkAttribute, LinkExtentMask, LinkMessage};
use rtnetlink::{Error, Handle};
use std::collections::HashMap;
use std::sync::Arc;
use tokio::sync::{Mutex, OnceCell, OwnedMutexGuard};

/// Opened at the first question, then reused.
#[derive(Debug, Default)]
pub(super) struct Netlink {
    handle: OnceCell<Handle>,
    /// The kernel refuses a dump with EBUSY while another one runs on the same socket, so they take turns.
    turn: Arc<Mutex<()>>,
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
        let handle = self
            .handle
            .get_or_try_init(|| async {
                let (connection, handle, _) = rtnetlink::new_connection()
                    .map_err(|error| Unknown::Failed(format!("no netlink socket: {error}")))?;
                tokio::spawn(connection);
                Ok(handle)
            })
            .await
            .cloned()?;
        Ok(Turn { handle, _turn: Arc::clone(&self.turn).lock_owned().await })
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

/// Interface names by index: every other table names interfaces by number. Asked through the C library, because reading a
/// dump of whole links takes many times as long as the names in it are worth.
pub(super) fn names() -> Known<HashMap<u32, String>> {
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
