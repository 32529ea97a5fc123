//! What this process has changed on a server so recently that Neon's proxy may still answer as before.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::time::Instant;

use super::names::RoleName;
use super::neon_proxy::{ENDPOINT_CACHE, PASSWORD_CACHE};

/// What this process has changed on a server, so that an old answer may still come for a while. Clones share what they know.
#[derive(Clone, Debug, Default)]
pub(crate) struct Changes {
    computes: Arc<Mutex<Option<Instant>>>,
    passwords: Arc<Mutex<BTreeMap<RoleName, Instant>>>,
}

impl Changes {
    /// Changes of another server whose computes restart together with those of this one.
    pub(crate) fn of_neighbour(&self) -> Self {
        Self { computes: Arc::clone(&self.computes), passwords: Arc::default() }
    }

    /// Notes that the compute was started, enabled or restarted: for 35 s Neon's proxy may still answer as before, and connections are tried
    /// again meanwhile.
    pub(crate) fn compute_changed(&self) {
        *self.computes.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }

    /// Notes that the role was created or that its password was changed: for 4 minutes Neon's proxy may still know the old one, and a refused
    /// password is tried again meanwhile.
    pub(crate) fn password_changed(&self, user: &RoleName) {
        self.passwords.lock().unwrap_or_else(PoisonError::into_inner).insert(user.clone(), Instant::now());
    }

    /// Until when an answer that comes from a compute's former state may be wrong.
    pub(super) fn compute_settles(&self) -> Option<Instant> {
        let at = *self.computes.lock().unwrap_or_else(PoisonError::into_inner);
        at.map(|at| at + ENDPOINT_CACHE)
    }

    pub(super) fn password_settles(&self, user: &RoleName) -> Option<Instant> {
        self.passwords.lock().unwrap_or_else(PoisonError::into_inner).get(user).map(|at| *at + PASSWORD_CACHE)
    }
}
