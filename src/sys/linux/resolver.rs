use crate::sys::*;

pub(super) async fn resolvers() -> Known<ResolverConfig> {
    Err(Unknown::Unsupported("not built yet"))
}

pub(super) async fn hosts() -> Known<Vec<HostsEntry>> {
    Err(Unknown::Unsupported("not built yet"))
}
