use crate::sys::*;

pub(super) async fn processes() -> Known<Vec<Process>> {
    Err(Unknown::Unsupported("not built yet"))
}
