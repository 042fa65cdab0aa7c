use crate::sys::*;

pub(super) async fn changes(_days: u32) -> Known<Vec<Change>> {
    Err(Unknown::Unsupported("not built yet"))
}
