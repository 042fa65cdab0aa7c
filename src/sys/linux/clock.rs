use crate::sys::*;

pub(super) async fn clock() -> Known<Clock> {
    Err(Unknown::Unsupported("not built yet"))
}
