use crate::sys::*;

pub(super) async fn proxies() -> Known<ProxySettings> {
    Err(Unknown::Unsupported("not built yet"))
}
