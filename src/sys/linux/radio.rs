use crate::sys::*;

pub(super) async fn radio(_interface: &str) -> Known<Option<Radio>> {
    Err(Unknown::Unsupported("not built yet"))
}
