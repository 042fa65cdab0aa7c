use crate::sys::*;

pub(super) async fn filesystems() -> Known<Vec<Filesystem>> {
    Err(Unknown::Unsupported("not built yet"))
}
