//! A load that many ask for at once runs once: a map from keys to results that are there or under way.
//!
//! A failure is given to those who wait for it and is not kept. A load that began before a `forget` still serves those who
//! wait for it and is not kept either, so that a read after a change never sees what was before.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::OnceCell;

/// An error that those who wait for one load share.
pub(crate) trait Failure: Clone {
    /// Whether it concerns only the caller that ran the load, such as that caller's deadline: the others then load again.
    fn is_of_one_caller(&self) -> bool;
}

/// A load that is done or under way.
type Load<V, E> = Arc<OnceCell<Result<V, E>>>;

/// Shared loads of one kind of thing. `V` is cheap to clone, usually an `Arc`.
#[derive(Debug)]
pub(crate) struct SingleFlight<K, V, E>(Mutex<BTreeMap<K, Load<V, E>>>);

impl<K, V, E> Default for SingleFlight<K, V, E> {
    fn default() -> Self {
        Self(Mutex::new(BTreeMap::new()))
    }
}

impl<K: Ord + Clone + Send, V: Clone + Send + Sync, E: Failure + Send + Sync> SingleFlight<K, V, E> {
    /// The result for the key, loaded at most once at a time. If the caller that loads is dropped, one of those who wait
    /// loads in its place.
    pub(crate) async fn get<F>(&self, key: &K, load: impl Fn() -> F + Send + Sync) -> Result<V, E>
    where
        F: Future<Output = Result<V, E>> + Send,
    {
        loop {
            let cell = Arc::clone(self.loads().entry(key.clone()).or_default());
            let mut mine = false;
            let outcome = cell.get_or_init(|| {
                mine = true;
                load()
            });
            let error = match outcome.await {
                Ok(value) => return Ok(value.clone()),
                Err(error) => error.clone(),
            };
            self.drop_one(key, &cell);
            if mine || !error.is_of_one_caller() {
                return Err(error);
            }
        }
    }

    /// Whether it is loaded, or under way.
    pub(crate) fn has(&self, key: &K) -> bool {
        self.loads().contains_key(key)
    }

    /// Drops the keys for which `which` is true.
    pub(crate) fn forget(&self, which: impl Fn(&K) -> bool) {
        self.loads().retain(|key, _| !which(key));
    }

    /// Drops a failed load, unless another has taken its place.
    fn drop_one(&self, key: &K, cell: &Load<V, E>) {
        let mut loads = self.loads();
        if loads.get(key).is_some_and(|kept| Arc::ptr_eq(kept, cell)) {
            loads.remove(key);
        }
    }

    fn loads(&self) -> MutexGuard<'_, BTreeMap<K, Load<V, E>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::time::Duration;

    use super::*;

    #[derive(Clone, Debug, PartialEq, Eq)]
    enum Wrong {
        OfAll,
        OfOne,
    }

    impl Failure for Wrong {
        fn is_of_one_caller(&self) -> bool {
            *self == Self::OfOne
        }
    }

    type Numbers = Arc<SingleFlight<&'static str, u32, Wrong>>;

    /// Counts its runs and takes a second.
    async fn counted(runs: &AtomicU32) -> Result<u32, Wrong> {
        let run = runs.fetch_add(1, Ordering::Relaxed) + 1;
        tokio::time::sleep(Duration::from_secs(1)).await;
        Ok(run)
    }

    #[tokio::test(start_paused = true)]
    async fn many_ask_and_one_loads() {
        let (numbers, runs) = (Numbers::default(), AtomicU32::new(0));
        let get = |key| numbers.get(key, || counted(&runs));
        assert!(!numbers.has(&"a"));
        assert_eq!(tokio::join!(get(&"a"), get(&"a"), get(&"b")), (Ok(1), Ok(1), Ok(2)));
        assert!(numbers.has(&"a"));
        assert_eq!(get(&"a").await, Ok(1), "kept");
    }

    #[tokio::test(start_paused = true)]
    async fn a_failure_is_shared_by_those_who_wait_and_not_kept() {
        let (numbers, runs) = (Numbers::default(), AtomicU32::new(0));
        let fails = || async { counted(&runs).await.and(Err(Wrong::OfAll)) };
        let both = tokio::join!(numbers.get(&"a", fails), numbers.get(&"a", fails));
        assert_eq!(both, (Err(Wrong::OfAll), Err(Wrong::OfAll)));
        assert_eq!(runs.load(Ordering::Relaxed), 1);
        assert_eq!(numbers.get(&"a", || counted(&runs)).await, Ok(2));
    }

    #[tokio::test(start_paused = true)]
    async fn the_deadline_of_one_caller_does_not_end_the_others() {
        let (numbers, runs) = (Numbers::default(), AtomicU32::new(0));
        let late = || async { counted(&runs).await.and(Err(Wrong::OfOne)) };
        let both = tokio::join!(numbers.get(&"a", late), numbers.get(&"a", || counted(&runs)));
        assert_eq!(both, (Err(Wrong::OfOne), Ok(2)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_caller_that_is_dropped_is_replaced() {
        let (numbers, runs) = (Numbers::default(), AtomicU32::new(0));
        let short = tokio::time::timeout(Duration::from_millis(10), numbers.get(&"a", || counted(&runs)));
        let (dropped, waited) = tokio::join!(short, numbers.get(&"a", || counted(&runs)));
        assert!(dropped.is_err());
        assert_eq!(waited, Ok(2));
    }

    #[tokio::test(start_paused = true)]
    async fn a_load_that_began_before_a_forget_is_not_kept() {
        let (numbers, runs) = (Numbers::default(), AtomicU32::new(0));
        let forgotten = async {
            tokio::task::yield_now().await;
            numbers.forget(|key| *key == "a");
        };
        let (early, other, ()) =
            tokio::join!(numbers.get(&"a", || counted(&runs)), numbers.get(&"b", || counted(&runs)), forgotten);
        assert_eq!((early, other), (Ok(1), Ok(2)));
        assert_eq!(numbers.get(&"a", || counted(&runs)).await, Ok(3));
        assert_eq!(numbers.get(&"b", || counted(&runs)).await, Ok(2), "another key is kept");
    }
}
