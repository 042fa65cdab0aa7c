//! Work that may take long or hang, kept off the run's only thread.

use crate::sys::*;
use std::time::Duration;

/// Reading kernel tables takes milliseconds with thousands of entries; a machine that swaps may need far longer, and
/// then the run must go on without the fact.
pub(super) const TABLE_WAIT: Duration = Duration::from_secs(3);

/// Runs `work` on a thread of its own and waits for it at most `wait`.
///
/// Not `spawn_blocking`: tokio joins those threads when the runtime ends, so that one `statvfs` on a dead file server
/// would keep the whole program from ending. A plain thread is left behind and dies with the process.
pub(super) async fn off_thread<T: Send + 'static>(
    what: &str,
    wait: Duration,
    work: impl FnOnce() -> Known<T> + Send + 'static,
) -> Known<T> {
    let (sender, receiver) = tokio::sync::oneshot::channel();
    std::thread::Builder::new()
        .name(format!("read {what}"))
        .spawn(move || drop(sender.send(work())))
        .map_err(|error| Unknown::Failed(format!("no thread to read {what}: {error}")))?;
    match tokio::time::timeout(wait, receiver).await {
        Ok(Ok(known)) => known,
        Ok(Err(_)) => Err(Unknown::Failed(format!("reading {what} broke off"))),
        Err(_) => Err(Unknown::Failed(format!("{what} gave no answer in {} s", wait.as_secs_f64()))),
    }
}

/// A fact from a file or call that failed: a missing right, or the system's own words.
pub(super) fn refused(what: &str, right: &str, error: &std::io::Error) -> Unknown {
    match error.kind() {
        std::io::ErrorKind::PermissionDenied => Unknown::NeedsRight { what: what.to_owned(), right: right.to_owned() },
        _ => Unknown::Failed(format!("{what}: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn work_that_hangs_is_left_behind() {
        let hung = off_thread("a dead disk", Duration::from_millis(20), || {
            std::thread::sleep(Duration::from_secs(5));
            Ok(1)
        });
        assert_eq!(hung.await, Err(Unknown::Failed("a dead disk gave no answer in 0.02 s".into())));
        assert_eq!(off_thread("a number", Duration::from_secs(1), || Ok(2)).await, Ok(2));
    }
}
