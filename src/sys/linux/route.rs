use crate::sys::*;

use std::net::IpAddr;

pub(super) async fn routes() -> Known<Vec<Route>> {
    Err(Unknown::Unsupported("not built yet"))
}

pub(super) async fn rules() -> Known<Vec<Rule>> {
    Err(Unknown::Unsupported("not built yet"))
}

pub(super) async fn route_to(_target: IpAddr) -> Known<Route> {
    Err(Unknown::Unsupported("not built yet"))
}
