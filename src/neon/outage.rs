//! What a client remembers of an API that it cannot use, so that a hundred resources do not find out one after another.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::budget::Budget;
use super::error::{Error, Kind};

/// How long after a failure an impatient caller is refused without another attempt.
const FRESH: Duration = Duration::from_secs(10);

/// The failures of one client.
#[derive(Debug, Default)]
pub(crate) struct Outage(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// Whether the API has answered at all.
    answered: bool,
    /// Failures that cannot pass while the settings stay: of all calls under the empty key, of a refused API key by project.
    lasting: BTreeMap<String, Error>,
    /// Since when the API has been unavailable or unreachable, and the last failure.
    passing: Option<Passing>,
}

#[derive(Clone, Debug)]
struct Passing {
    since: Instant,
    last: Instant,
    error: Error,
}

impl Outage {
    /// The failure that a call of this project would meet again, or that has used up the caller's patience a moment ago.
    pub(crate) fn known(&self, project: &str, budget: &Budget) -> Option<Error> {
        let state = self.state();
        if let Some(error) = state.lasting.get("").or_else(|| state.lasting.get(project)) {
            return Some(error.clone());
        }
        let passing = state.passing.as_ref()?;
        let now = Instant::now();
        let used_up = budget.patience_ends(passing.since) <= now && budget.ended().is_none();
        (used_up && now.duration_since(passing.last) < FRESH).then(|| passing.error.clone())
    }

    /// Since when the API has been unavailable or unreachable.
    pub(crate) fn since(&self) -> Option<Instant> {
        self.state().passing.as_ref().map(|passing| passing.since)
    }

    /// The error as it counts here: names and proxies that worked before fail for a moment only, in the middle of a long apply.
    pub(crate) fn weigh(&self, error: Error) -> Error {
        let passing = matches!(error.kind(), Kind::UnknownHost | Kind::ProxyRefused) && error.status().is_none();
        if passing && self.state().answered { error.with_kind(Kind::Network) } else { error }
    }

    /// Takes note of the result of an attempt that began then.
    pub(crate) fn note(&self, project: &str, begun: Instant, error: Option<&Error>) {
        let mut state = self.state();
        state.answered |= error.is_none_or(|error| error.status().is_some());
        match error {
            Some(error) if error.kind().is_lasting() => {
                // A key that is scoped to one project may be refused for another: the projects are told apart.
                let scope = if error.kind() == Kind::Unauthorized { project } else { "" };
                state.lasting.insert(scope.to_owned(), error.clone());
            }
            Some(error) if matches!(error.kind(), Kind::Network | Kind::Unavailable) => {
                let now = Instant::now();
                let since = state.passing.as_ref().map_or(begun, |passing| passing.since);
                state.passing = Some(Passing { since, last: now, error: error.clone() });
            }
            // A lost answer, or a change that met a server error, says nothing of the next call.
            Some(error) if error.status().is_none_or(|status| status >= 500) => {}
            _ => state.passing = None,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused() -> Error {
        Error::new(Kind::Network, "connection refused")
    }

    #[tokio::test(start_paused = true)]
    async fn a_plan_waits_once_for_an_api_that_cannot_be_reached() {
        let outage = Outage::default();
        let plan = Budget::lasting(Duration::from_mins(2)).planning();
        let apply = Budget::lasting(Duration::from_mins(10));
        outage.note("p", Instant::now(), Some(&refused()));
        tokio::time::advance(Duration::from_secs(19)).await;
        outage.note("p", Instant::now(), Some(&refused()));
        assert!(outage.known("q", &plan).is_none(), "a second is left");
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(outage.known("q", &plan).map(|error| error.kind()), Some(Kind::Network));
        assert!(outage.known("q", &apply).is_none(), "an apply goes on");
        tokio::time::advance(Duration::from_secs(10)).await;
        assert!(outage.known("q", &plan).is_none(), "after a while it is tried again");
        outage.note("q", Instant::now(), None);
        assert_eq!(outage.since(), None, "an answer ends the outage");
    }

    #[tokio::test]
    async fn what_cannot_pass_is_remembered_for_all_and_a_refused_key_for_its_project() {
        let budget = Budget::lasting(Duration::from_mins(1));
        let kind = |outage: &Outage, project: &str| outage.known(project, &budget).map(|error| error.kind());
        let key = Outage::default();
        key.note("p", Instant::now(), Some(&Error::new(Kind::Unauthorized, "no").with_status(401)));
        assert_eq!((kind(&key, "p"), kind(&key, "q")), (Some(Kind::Unauthorized), None));
        for lasting in [Kind::UntrustedServer, Kind::UnknownHost, Kind::ProxyRefused] {
            let outage = Outage::default();
            outage.note("p", Instant::now(), Some(&Error::new(lasting, "no")));
            outage.note("q", Instant::now(), None);
            assert_eq!((kind(&outage, "p"), kind(&outage, "q")), (Some(lasting), Some(lasting)));
        }
        for other in [Kind::Forbidden, Kind::NotFound, Kind::Rejected, Kind::AnswerLost] {
            let outage = Outage::default();
            outage.note("p", Instant::now(), Some(&Error::new(other, "no")));
            assert_eq!(kind(&outage, "p"), None);
        }
    }
}
