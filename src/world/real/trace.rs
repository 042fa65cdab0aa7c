use crate::world::{Failure, Hop, PathMtu};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

pub(super) async fn trace(_: IpAddr, _: u16, _: u8, _: Duration) -> Result<Vec<Hop>, String> {
    Err("not built yet".to_owned())
}

pub(super) async fn path_mtu(_: IpAddr, _: Duration) -> Result<PathMtu, String> {
    Err("not built yet".to_owned())
}

pub(super) async fn who_refuses(_: SocketAddr, _: Duration) -> Option<(Failure, IpAddr)> {
    None
}
