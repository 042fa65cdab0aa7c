use crate::sys::*;

pub(super) async fn service(_name: &str) -> Known<Service> {
    Err(Unknown::Unsupported("not built yet"))
}
