use crate::sys::*;

pub(super) async fn memory() -> Known<Memory> {
    Err(Unknown::Unsupported("not built yet"))
}

pub(super) async fn processor() -> Known<Processor> {
    Err(Unknown::Unsupported("not built yet"))
}

pub(super) async fn pressure() -> Known<Pressure> {
    Err(Unknown::Unsupported("not built yet"))
}
