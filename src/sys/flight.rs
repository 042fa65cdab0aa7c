//! One reading for all who ask while it goes on: checks start together, and many want the same.

use futures_util::FutureExt;
use futures_util::future::{LocalBoxFuture, Shared, WeakShared};
use std::cell::RefCell;
use std::fmt;
use std::future::Future;

/// Where a reading that goes on can be joined. It ends early when nobody waits for it any more.
pub struct Flight<T: Clone>(RefCell<Option<WeakShared<LocalBoxFuture<'static, T>>>>);

impl<T: Clone> Default for Flight<T> {
    fn default() -> Self {
        Flight(RefCell::default())
    }
}

impl<T: Clone> fmt::Debug for Flight<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Flight")
    }
}

impl<T: Clone + 'static> Flight<T> {
    /// The reading that goes on, else a new one. One that has ended is not joined: who asks later asks anew.
    pub fn join<F: Future<Output = T> + 'static>(
        &self,
        start: impl FnOnce() -> F,
    ) -> Shared<LocalBoxFuture<'static, T>> {
        let mut current = self.0.borrow_mut();
        let running = current.as_ref().and_then(WeakShared::upgrade).filter(|shared| shared.peek().is_none());
        running.unwrap_or_else(|| {
            let shared = start().boxed_local().shared();
            *current = shared.downgrade();
            shared
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;
    use std::rc::Rc;

    #[tokio::test]
    async fn who_asks_meanwhile_joins_and_who_asks_later_asks_anew() {
        let flight = Flight::default();
        let readings = Rc::new(Cell::new(0));
        let read = || {
            let readings = readings.clone();
            async move {
                readings.set(readings.get() + 1);
                tokio::task::yield_now().await;
                readings.get()
            }
        };
        let (one, two) = (flight.join(read), flight.join(read));
        assert_eq!(tokio::join!(one.clone(), two), (1, 1));
        assert_eq!(flight.join(read).await, 2, "the first one is over, though somebody still holds it");
        drop(one);
        drop(flight.join(read));
        assert_eq!(flight.join(read).await, 3, "one that nobody waited for was never made");
    }
}
