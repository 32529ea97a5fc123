//! What `configure` yields and every handler gets: the session with Neon and Postgres, and the policy of the checks.

use crate::checks::Policy;
use crate::framework;
use crate::session::Session;

/// The context of a handler's call.
pub type Context = framework::context::Context<Data>;

/// What the provider's configuration makes.
#[derive(Debug)]
pub struct Data {
    /// Neon's API and Postgres.
    pub session: Session,
    /// Which plan-time checks may speak.
    pub policy: Policy,
}

impl Data {
    /// The data of one configuration.
    pub fn new(session: Session, policy: Policy) -> Self {
        Self { session, policy }
    }
}
