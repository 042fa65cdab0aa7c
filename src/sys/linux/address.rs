use crate::sys::*;

pub(super) async fn addresses() -> Known<Vec<Address>> {
    Err(Unknown::Unsupported("not built yet"))
}
