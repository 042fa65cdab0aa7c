use crate::sys::*;
use std::time::Duration;

pub(super) async fn command(_arguments: &[String], _wait: Duration) -> Known<CommandOutput> {
    Err(Unknown::Unsupported("not built yet"))
}
