use crate::sys::*;

pub(super) async fn filter_rules() -> Known<Vec<FilterRule>> {
    Err(Unknown::Unsupported("not built yet"))
}
