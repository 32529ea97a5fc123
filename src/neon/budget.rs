//! The time that a caller has for its calls, and how much of it an API that cannot be reached may take.

use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::error::Kind;

/// How long a plan waits for an API that is unavailable or unreachable: someone looks at the screen.
const PLAN_PATIENCE: Duration = Duration::from_secs(20);

/// The longest wait that is believed. A server that asks for more has sent nonsense.
pub(crate) const LONGEST_WAIT: Duration = Duration::from_hours(24);

/// The time that a caller has: a deadline, and a token that ends it earlier.
#[derive(Clone, Debug)]
pub(crate) struct Budget {
    deadline: Instant,
    patience: Option<Duration>,
    cancel: CancellationToken,
}

/// Why the time is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// The deadline has passed.
    TimedOut,
    /// The caller gave up.
    Cancelled,
}

impl Ended {
    pub(crate) fn kind(self) -> Kind {
        match self {
            Self::TimedOut => Kind::TimedOut,
            Self::Cancelled => Kind::Cancelled,
        }
    }

    pub(crate) fn sentence(self) -> &'static str {
        match self {
            Self::TimedOut => "the time limit was reached",
            Self::Cancelled => "it was cancelled",
        }
    }
}

impl Budget {
    /// Until the deadline, or until the token is cancelled. An unavailable API is called again for all of that time, as an
    /// apply does.
    pub(crate) fn new(deadline: Instant, cancel: CancellationToken) -> Self {
        Self { deadline, patience: None, cancel }
    }

    /// That long from now, with a token that nobody cancels.
    pub(crate) fn lasting(time: Duration) -> Self {
        Self::new(after(time), CancellationToken::new())
    }

    /// For a plan or a refresh: an API that is unavailable or unreachable is waited for 20 seconds in all, counted from the
    /// first failure in this process and not for each call.
    #[must_use]
    pub(crate) fn planning(self) -> Self {
        self.with_patience(PLAN_PATIENCE)
    }

    /// Waits only this long for an API that is unavailable or unreachable.
    #[must_use]
    pub(crate) fn with_patience(mut self, patience: Duration) -> Self {
        self.patience = Some(patience);
        self
    }

    /// When the time is over at the latest.
    pub(crate) fn deadline(&self) -> Instant {
        self.deadline
    }

    /// How much is left until the deadline.
    pub(crate) fn remaining(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }

    /// Whether the time is over, and why.
    pub(crate) fn ended(&self) -> Option<Ended> {
        if self.cancel.is_cancelled() {
            Some(Ended::Cancelled)
        } else if self.remaining().is_zero() {
            Some(Ended::TimedOut)
        } else {
            None
        }
    }

    /// Waits for the end of the time.
    pub(crate) async fn over(&self) -> Ended {
        tokio::select! {
            () = self.cancel.cancelled() => Ended::Cancelled,
            () = tokio::time::sleep_until(self.deadline) => Ended::TimedOut,
        }
    }

    /// Runs the future unless the time is over first.
    pub(crate) async fn run<T>(&self, work: impl Future<Output = T>) -> Result<T, Ended> {
        if let Some(ended) = self.ended() {
            return Err(ended);
        }
        tokio::select! {
            biased;
            value = work => Ok(value),
            ended = self.over() => Err(ended),
        }
    }

    /// Waits that long.
    pub(crate) async fn sleep(&self, time: Duration) -> Result<(), Ended> {
        self.run(tokio::time::sleep(time)).await
    }

    /// A little time to find out what a call did whose answer was lost, even where the caller's own time is over.
    pub(crate) fn for_settling(&self) -> Self {
        let shortest = Duration::from_secs(20);
        if self.ended().is_none() && self.remaining() >= shortest { self.clone() } else { Self::lasting(shortest) }
    }

    /// Until when an API is called again that has been unavailable since `since`.
    pub(crate) fn patience_ends(&self, since: Instant) -> Instant {
        let end = self.patience.and_then(|patience| since.checked_add(patience));
        end.map_or(self.deadline, |end| end.min(self.deadline))
    }

    /// The part of the time that one answer may take at most, given that the API has been unavailable since `since`.
    pub(crate) fn limit_of_an_answer(&self, longest: Duration, since: Option<Instant>) -> Duration {
        let Some(patience) = self.patience else { return longest };
        let used = since.map_or(Duration::ZERO, |since| since.elapsed());
        patience.saturating_sub(used).max(Duration::from_secs(1)).min(longest)
    }
}

/// The moment so far from now. A wait that no clock can hold becomes a very long one.
pub(crate) fn after(time: Duration) -> Instant {
    let now = Instant::now();
    now.checked_add(time).or_else(|| now.checked_add(LONGEST_WAIT)).unwrap_or(now)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_cancelled_budget_is_over_and_settling_has_time_of_its_own() {
        let cancel = CancellationToken::new();
        let budget = Budget::new(Instant::now() + Duration::from_mins(10), cancel.clone());
        assert_eq!(budget.run(async { 1 }).await, Ok(1));
        cancel.cancel();
        assert_eq!(budget.run(async { 1 }).await, Err(Ended::Cancelled));
        assert_eq!(budget.for_settling().ended(), None);
        assert_eq!(Budget::lasting(Duration::ZERO).ended(), Some(Ended::TimedOut));
    }

    #[tokio::test(start_paused = true)]
    async fn a_plan_is_impatient_and_an_apply_waits_until_its_deadline() {
        let start = Instant::now();
        let seconds = |end: Instant| end.duration_since(start).as_secs();
        let apply = Budget::lasting(Duration::from_mins(10));
        let plan = apply.clone().planning();
        assert_eq!((seconds(apply.patience_ends(start)), seconds(plan.patience_ends(start))), (600, 20));
        let minute = Duration::from_mins(1);
        assert_eq!(apply.limit_of_an_answer(minute, Some(start)), minute);
        assert_eq!(plan.limit_of_an_answer(minute, None).as_secs(), 20);
        tokio::time::advance(Duration::from_secs(15)).await;
        assert_eq!(plan.limit_of_an_answer(minute, Some(start)).as_secs(), 5);
        assert_eq!(seconds(Budget::lasting(Duration::from_secs(1)).planning().patience_ends(start)), 16);
    }

    #[tokio::test]
    async fn no_time_is_too_long_to_add() {
        for any in [Duration::MAX, Duration::from_secs(u64::MAX), Duration::from_secs(1 << 63)] {
            assert!(after(any) > Instant::now(), "{any:?}");
        }
        let longest = Budget::lasting(Duration::MAX).with_patience(Duration::MAX);
        assert_eq!(longest.ended(), None);
        assert!(longest.patience_ends(Instant::now()) > Instant::now());
        assert_eq!(longest.limit_of_an_answer(Duration::from_mins(1), None), Duration::from_mins(1));
    }
}
