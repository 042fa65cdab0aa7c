use crate::sys::*;

pub(super) async fn tunnels() -> Known<Vec<Tunnel>> {
    Err(Unknown::Unsupported("not built yet"))
}
