use crate::sys::*;

pub(super) async fn account() -> Known<Account> {
    Err(Unknown::Unsupported("not built yet"))
}

pub(super) async fn identity() -> Known<Identity> {
    Err(Unknown::Unsupported("not built yet"))
}
