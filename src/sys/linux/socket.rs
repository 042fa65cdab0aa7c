use crate::sys::*;

pub(super) async fn listeners() -> Known<Vec<Listener>> {
    Err(Unknown::Unsupported("not built yet"))
}

pub(super) async fn socket_counts() -> Known<SocketCounts> {
    Err(Unknown::Unsupported("not built yet"))
}
