use crate::sys::*;

pub(super) async fn links() -> Known<Vec<Link>> {
    Err(Unknown::Unsupported("not built yet"))
}
