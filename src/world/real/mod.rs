//! The live network: sockets of this machine. Each file holds one way of measuring.

pub mod echo;
pub mod lookup;
pub mod mtu;
pub mod tcp;
pub mod time;
pub mod trace;
pub mod udp;

use super::{
    Connection, Dial, EchoSeries, Failure, Hop, LookupFailure, Network, PathMtu, Refusal, Reply, ServerTime, Volley,
};
use crate::sys::{self, LocalMachine, Machine};
use async_trait::async_trait;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// This machine's sockets.
#[derive(Debug, Default)]
pub struct RealNetwork {
    lookups: lookup::Lookups,
}

#[async_trait(?Send)]
impl Network for RealNetwork {
    async fn connect(&self, to: SocketAddr, dial: &Dial) -> Result<Connection, Failure> {
        tcp::connect(to, dial).await.map_err(|refusal| refusal.failure)
    }

    async fn try_connect(&self, to: SocketAddr, dial: &Dial) -> Result<Connection, Refusal> {
        tcp::connect(to, dial).await
    }

    async fn exchange(&self, to: SocketAddr, datagram: &[u8], dial: &Dial) -> Result<Reply, Failure> {
        udp::exchange(to, datagram, dial).await
    }

    async fn volley(
        &self,
        to: SocketAddr,
        datagrams: &[Vec<u8>],
        spacing: Duration,
        dial: &Dial,
    ) -> Result<Volley, Failure> {
        udp::volley(to, datagrams, spacing, dial).await
    }

    async fn echo(
        &self,
        to: IpAddr,
        count: u16,
        spacing: Duration,
        wait: Duration,
        size: usize,
    ) -> Result<EchoSeries, String> {
        echo::echo(to, count, spacing, wait, size).await
    }

    async fn trace(&self, to: IpAddr, port: u16, hops: u8, wait: Duration) -> Result<Vec<Hop>, String> {
        trace::trace(to, port, hops, wait).await
    }

    async fn path_mtu(&self, to: IpAddr, wait: Duration) -> Result<PathMtu, String> {
        mtu::path_mtu(to, wait).await
    }

    async fn who_refuses(&self, to: SocketAddr, wait: Duration) -> Option<(Failure, IpAddr)> {
        trace::who_refuses(to, wait).await
    }

    async fn time(&self, server: SocketAddr, wait: Duration) -> Result<ServerTime, Failure> {
        time::time(server, wait).await
    }

    async fn lookup(&self, name: &str, wait: Duration) -> Result<Vec<IpAddr>, LookupFailure> {
        lookup::lookup(name, wait).await
    }

    async fn shared_lookup(&self, name: &str, wait: Duration) -> Result<(Vec<IpAddr>, Duration), LookupFailure> {
        self.lookups.share(name, wait).await
    }

    fn ask_anew(&self) {
        self.lookups.forget();
    }
}

/// The address with the interface that a link-local one needs: the one whose route leads to it as a gateway, else the
/// only interface that could. Everything else is left as it is.
async fn scoped(to: SocketAddr) -> SocketAddr {
    let SocketAddr::V6(mut address) = to else { return to };
    if address.scope_id() != 0 || !address.ip().is_unicast_link_local() {
        return to;
    }
    let gateway = IpAddr::V6(*address.ip());
    let routes = LocalMachine::default().routes().await.unwrap_or_default();
    let interface = routes.into_iter().find(|route| route.gateway == Some(gateway)).and_then(|route| route.interface);
    let index = match interface {
        Some(name) => sys::interface_index(&name),
        None => only_link_local_interface(),
    };
    address.set_scope_id(index.unwrap_or(0));
    SocketAddr::V6(address)
}

/// The interface with a link-local IPv6 address, where there is just one.
fn only_link_local_interface() -> Option<u32> {
    let interfaces = if_addrs::get_if_addrs().ok()?;
    let mut indices = interfaces.iter().filter_map(|interface| match interface.ip() {
        IpAddr::V6(address) if address.is_unicast_link_local() => interface.index,
        _ => None,
    });
    let first = indices.next()?;
    indices.all(|index| index == first).then_some(first)
}
