//! A connection to a service that stands, encrypted where the service begins with that: the way of the probes that
//! speak to one named service and not to each of its addresses.

use super::connect::again;
use super::dial::{self, dial};
use super::handshake::{self, TlsFacts, Wish, shake};
use super::trust::Trust;
use super::{Trouble, name};
use crate::probe::Look;
use crate::problem::Code;
use crate::world::Stream;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use tokio::time::Instant;

/// What it can end in.
pub const CODES: &[&[Code]] = &[name::CODES, dial::CODES, handshake::REFUSED, handshake::BROKEN];

/// What to connect to.
pub struct Service<'a> {
    /// The name that its certificate must be for.
    pub host: &'a str,
    pub port: u16,
    /// Its addresses; looked up where there are none.
    pub addresses: &'a [IpAddr],
    /// Whose certificates are trusted, where encryption comes first.
    pub tls: Option<&'a Arc<Trust>>,
    /// Whether the service speaks first: then the end of the handshake cannot wait for what is asked.
    pub greets: bool,
}

/// How far it came: what is known of the encryption, who was connected to, and the connection or what is wrong.
pub struct Opening {
    pub tls: Option<TlsFacts>,
    pub peer: Option<SocketAddr>,
    pub result: Result<Box<dyn Stream>, Trouble>,
}

/// Connects. `suspect` is told as soon as a fault shows.
pub async fn open(look: &Look<'_>, service: &Service<'_>, suspect: &dyn Fn(Trouble)) -> Opening {
    let network = look.world.network.as_ref();
    let failed = |peer, trouble| Opening { tls: None, peer, result: Err(trouble) };
    let start = Instant::now();
    let addresses = match service.addresses {
        [] => match name::addresses(network, service.host, look.deadline).await {
            Ok((addresses, _)) => addresses,
            Err(failure) => return failed(None, name::trouble(service.host, &failure, start.elapsed())),
        },
        given => given.to_vec(),
    };
    let peers: Vec<SocketAddr> = addresses.into_iter().map(|ip| SocketAddr::new(ip, service.port)).collect();
    let slow = |address, took| suspect(dial::suspicion(service.host, address, took));
    let dialled = match dial(network, &peers, look.deadline, &slow).await {
        Ok(dialled) => dialled,
        Err(failure) => {
            let here = look.world.via(failure.address.ip()).await.source.and_then(|source| source.parse().ok());
            return failed(Some(failure.address), dial::trouble(service.host, &failure, here));
        }
    };
    let (peer, round_trip) = (dialled.address, dialled.connection.took);
    let plain = dialled.connection.stream;
    let Some(trust) = service.tls else {
        return Opening { tls: None, peer: Some(peer), result: Ok(plain) };
    };
    let wish = Wish {
        host: service.host,
        alpn: &[],
        trust,
        clock_offset_ms: None,
        round_trip,
        until: look.deadline,
        asks: !service.greets,
    };
    let shaken = shake(plain, &again(network, peer), &wish, suspect).await;
    Opening { tls: Some(shaken.facts), peer: Some(peer), result: shaken.result }
}
