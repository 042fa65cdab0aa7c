use crate::sys::*;

pub(super) async fn kernel_setting(_name: &str) -> Known<String> {
    Err(Unknown::Unsupported("not built yet"))
}
