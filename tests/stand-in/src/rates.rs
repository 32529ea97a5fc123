//! Neon's rate limits, on request: so many requests a minute in all, and so many a second on one route.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

const MINUTE: Duration = Duration::from_mins(1);
const SECOND: Duration = Duration::from_secs(1);

/// When requests were let in.
#[derive(Debug, Default)]
pub(crate) struct Rates {
    all: VecDeque<Instant>,
    routes: BTreeMap<String, VecDeque<Instant>>,
}

impl Rates {
    /// Whether one more is let in now; null is no limit.
    pub(crate) fn admit(
        &mut self,
        now: Instant,
        route: &str,
        per_minute: Option<usize>,
        per_second: Option<usize>,
    ) -> bool {
        if per_minute.is_none() && per_second.is_none() {
            return true;
        }
        let of_route = self.routes.entry(route.to_owned()).or_default();
        for (times, window) in [(&mut self.all, MINUTE), (&mut *of_route, SECOND)] {
            while times.front().is_some_and(|first| now.duration_since(*first) >= window) {
                times.pop_front();
            }
        }
        let full = |times: &VecDeque<Instant>, limit: Option<usize>| limit.is_some_and(|limit| times.len() >= limit);
        if full(&self.all, per_minute) || full(of_route, per_second) {
            return false;
        }
        self.all.push_back(now);
        of_route.push_back(now);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_windows_slide() {
        let mut rates = Rates::default();
        let start = Instant::now();
        let mut at =
            |after: u64, route: &str| rates.admit(start + Duration::from_millis(after), route, Some(4), Some(2));
        assert!(at(0, "a") && at(1, "a") && !at(2, "a"), "two a second on one route");
        assert!(at(3, "b"), "another route");
        assert!(at(1_001, "a") && !at(1_002, "b"), "four a minute in all");
        assert!(!at(59_999, "a") && at(60_000, "a"));
    }

    #[test]
    fn without_limits_nothing_is_counted() {
        let mut rates = Rates::default();
        assert!((0..1000).all(|_| rates.admit(Instant::now(), "a", None, None)));
        assert!(rates.all.is_empty());
    }
}
