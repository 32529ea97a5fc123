//! What `configure` yields and every handler gets: the session with Neon and Postgres, and the policy of the checks.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use crate::checks::Policy;
use crate::session::Session;

/// The context of a handler's call.
pub type Context = tfplugin::Context<Data>;

/// What the provider's configuration makes.
#[derive(Debug)]
pub struct Data {
    /// Neon's API and Postgres.
    pub session: Session,
    /// Which plan-time checks may speak.
    pub policy: Policy,
    said: Mutex<BTreeSet<String>>,
}

impl Data {
    /// The data of one configuration.
    pub fn new(session: Session, policy: Policy) -> Self {
        Self { session, policy, said: Mutex::default() }
    }

    /// Whether this is asked for the first time with that text: for what is to be said once, not by each resource.
    pub fn is_first(&self, what: &str) -> bool {
        self.said.lock().unwrap_or_else(PoisonError::into_inner).insert(what.to_owned())
    }
}
