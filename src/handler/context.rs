//! What `configure` yields and every handler gets: the target and the policy of the checks.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tfplugin::Diagnostic;

use crate::checks::Policy;
use crate::postgres::marks::Nonce;
use crate::target::Target;

/// The context of a handler's call.
pub(crate) type Context = tfplugin::Context<Data>;

/// Neon's proxy is told of a changed list once more about 20 s later (neondatabase/neon, `proxy/src/redis`).
const IP_ALLOW_DELAY: Duration = Duration::from_secs(25);

/// One configuration of the provider.
#[derive(Debug)]
pub struct Data {
    pub(crate) target: Target,
    pub(crate) policy: Policy,
    said: Mutex<BTreeSet<String>>,
    not_to_stay: Mutex<BTreeMap<Nonce, Diagnostic>>,
    ip_allow_delay: Duration,
}

impl Data {
    pub(crate) fn new(target: Target, policy: Policy) -> Self {
        Self { target, policy, said: Mutex::default(), not_to_stay: Mutex::default(), ip_allow_delay: IP_ALLOW_DELAY }
    }

    /// The same with another delay, for tests that do not wait.
    #[must_use]
    pub(crate) fn with_ip_allow_delay(self, ip_allow_delay: Duration) -> Self {
        Self { ip_allow_delay, ..self }
    }

    /// How long Neon's proxy may go by an older list of addresses.
    pub(crate) fn ip_allow_delay(&self) -> Duration {
        self.ip_allow_delay
    }

    /// Refuses the plan of an instance, unless the plan destroys it.
    pub(crate) fn refuse_to_keep(&self, instance: Nonce, why: Diagnostic) {
        self.not_to_stay.lock().unwrap_or_else(PoisonError::into_inner).insert(instance, why);
    }

    /// Why the plan of an instance that stays is refused, if it is.
    pub(crate) fn refusal_to_keep(&self, instance: &Nonce) -> Option<Diagnostic> {
        self.not_to_stay.lock().unwrap_or_else(PoisonError::into_inner).get(instance).cloned()
    }

    /// Whether this is asked for the first time with that text: for what is said once, not by each resource.
    pub(crate) fn is_first(&self, what: &str) -> bool {
        self.said.lock().unwrap_or_else(PoisonError::into_inner).insert(what.to_owned())
    }
}
