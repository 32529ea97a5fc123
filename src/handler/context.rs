//! What `configure` yields and every handler gets: the target and the policy of the checks.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use crate::checks::Policy;
use crate::target::Target;

/// The context of a handler's call.
pub(crate) type Context = tfplugin::Context<Data>;

/// One configuration of the provider.
#[derive(Debug)]
pub struct Data {
    pub(crate) target: Target,
    pub(crate) policy: Policy,
    said: Mutex<BTreeSet<String>>,
}

impl Data {
    pub(crate) fn new(target: Target, policy: Policy) -> Self {
        Self { target, policy, said: Mutex::default() }
    }

    /// Whether this is asked for the first time with that text: for what is said once, not by each resource.
    pub(crate) fn is_first(&self, what: &str) -> bool {
        self.said.lock().unwrap_or_else(PoisonError::into_inner).insert(what.to_owned())
    }
}
