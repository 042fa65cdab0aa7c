use crate::sys::*;

pub(super) async fn neighbours() -> Known<Vec<Neighbour>> {
    Err(Unknown::Unsupported("not built yet"))
}
