//! How fast calls are sent: below the rate limits that Neon documents, so that a large apply is slowed down here and not refused.
//!
//! Neon allows 700 calls a minute in all and 40 a second for one route (Neon docs, API reference, rate limits). Each limit is a
//! token bucket: a full bucket and what flows in within the window together stay below the limit.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::budget::{Budget, Ended};

/// All calls: at most 80 at once, and 680 in any minute.
const ALL: Rate = Rate { burst: 80, interval: Duration::from_millis(100) };

/// One route: at most 19 at once, and 38 in any second.
const ROUTE: Rate = Rate { burst: 19, interval: Duration::from_millis(50) };

/// A bucket of `burst` tokens into which one flows per `interval`.
#[derive(Clone, Copy, Debug)]
struct Rate {
    burst: u32,
    interval: Duration,
}

/// When the next token is due if all are taken one after another: the theoretical arrival time of the generic cell rate
/// algorithm, which is a token bucket without a counter.
#[derive(Clone, Copy, Debug)]
struct Bucket(Instant);

impl Bucket {
    /// How long to wait for a token, which is taken.
    fn take(&mut self, rate: Rate, now: Instant) -> Duration {
        let due = self.0.max(now);
        self.0 = due + rate.interval;
        let ahead = due.saturating_duration_since(now);
        ahead.saturating_sub(rate.interval * (rate.burst - 1))
    }
}

/// The buckets of one client.
#[derive(Debug, Default)]
pub(crate) struct Pace(Mutex<Buckets>);

#[derive(Debug, Default)]
struct Buckets {
    all: Option<Bucket>,
    routes: BTreeMap<String, Bucket>,
}

impl Pace {
    /// Waits until a call of the route may be sent.
    pub(crate) async fn wait(&self, route: &str, budget: &Budget) -> Result<(), Ended> {
        let wait = self.take(route, Instant::now());
        if wait.is_zero() {
            return Ok(());
        }
        tracing::debug!(
            route,
            milliseconds = wait.as_millis(),
            "Neon API call waits for its turn below the rate limit"
        );
        budget.sleep(wait).await
    }

    fn take(&self, route: &str, now: Instant) -> Duration {
        let mut buckets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let of_all = buckets.all.get_or_insert(Bucket(now)).take(ALL, now);
        let of_route = buckets.routes.entry(route.to_owned()).or_insert(Bucket(now)).take(ROUTE, now);
        of_all.max(of_route)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// When each of so many calls may go, asked for at once; the routes are used in turn.
    fn sent(calls: usize, routes: &[&str]) -> Vec<Duration> {
        let (pace, now) = (Pace::default(), Instant::now());
        (0..calls).map(|call| pace.take(routes[call % routes.len()], now)).collect()
    }

    /// The most calls in any window of that length.
    fn most_in(window: Duration, times: &[Duration]) -> usize {
        let within = |from: &Duration| times.iter().filter(|it| *from <= **it && **it < *from + window).count();
        times.iter().map(within).max().unwrap_or(0)
    }

    #[test]
    fn a_few_calls_do_not_wait() {
        assert!(sent(19, &["GET /a"]).iter().all(Duration::is_zero));
        assert!(sent(80, &["GET /a", "GET /b", "GET /c", "GET /d", "GET /e"]).iter().all(Duration::is_zero));
    }

    #[test]
    fn a_route_stays_below_forty_a_second() {
        let times = sent(75, &["GET /a"]);
        assert!((30..40).contains(&most_in(Duration::from_secs(1), &times)));
    }

    #[test]
    fn all_calls_stay_below_seven_hundred_a_minute() {
        let routes: Vec<String> = (0..100).map(|it| format!("GET /{it}")).collect();
        let times = sent(3000, &routes.iter().map(String::as_str).collect::<Vec<_>>());
        let most = most_in(Duration::from_mins(1), &times);
        assert!((600..700).contains(&most), "{most}");
    }

    #[test]
    fn a_pause_fills_the_bucket_again() {
        let (pace, start) = (Pace::default(), Instant::now());
        let waits = |at: Instant| (0..30).filter(|_| !pace.take("GET /a", at).is_zero()).count();
        assert_eq!(waits(start), 11);
        assert_eq!(waits(start + Duration::from_secs(10)), 11);
    }

    #[tokio::test(start_paused = true)]
    async fn a_wait_ends_with_the_callers_time() {
        let pace = Pace::default();
        for _ in 0..40 {
            pace.take("GET /a", Instant::now());
        }
        assert_eq!(pace.wait("GET /a", &Budget::lasting(Duration::from_millis(10))).await, Err(Ended::TimedOut));
        let begun = Instant::now();
        assert_eq!(pace.wait("GET /a", &Budget::lasting(Duration::from_mins(1))).await, Ok(()));
        assert!(begun.elapsed() > Duration::from_secs(1));
    }
}
