//! The live network: sockets of this machine. Each file holds one way of measuring.

pub mod echo;
pub mod lookup;
pub mod tcp;
pub mod trace;
pub mod udp;

use super::{Connection, Dial, EchoSeries, Failure, Hop, LookupFailure, Network, PathMtu, Reply};
use async_trait::async_trait;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// This machine's sockets.
#[derive(Debug, Default)]
pub struct RealNetwork;

#[async_trait(?Send)]
impl Network for RealNetwork {
    async fn connect(&self, to: SocketAddr, dial: &Dial) -> Result<Connection, Failure> {
        tcp::connect(to, dial).await
    }

    async fn exchange(&self, to: SocketAddr, datagram: &[u8], dial: &Dial) -> Result<Reply, Failure> {
        udp::exchange(to, datagram, dial).await
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
        trace::path_mtu(to, wait).await
    }

    async fn who_refuses(&self, to: SocketAddr, wait: Duration) -> Option<(Failure, IpAddr)> {
        trace::who_refuses(to, wait).await
    }

    async fn lookup(&self, name: &str, wait: Duration) -> Result<Vec<IpAddr>, LookupFailure> {
        lookup::lookup(name, wait).await
    }
}
