//! Which instances of one object this process has seen: the same object may be in a state under two addresses.
//!
//! With `create_before_destroy` and `adopt`, a replacement that fails half-way leaves the old instance in the state as a
//! deposed object, which the next run destroys: under the living one. Nothing on the server tells the two apart. The plan
//! sees both read, and so the destroy can be planned as a mere removal from the state.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::natural_keys::NaturalKey;
use crate::postgres::marks::Nonce;

#[derive(Debug, Default)]
pub(crate) struct Addresses(Mutex<BTreeMap<NaturalKey, Instances>>);

#[derive(Debug, Default)]
struct Instances {
    alive: BTreeSet<Nonce>,
    /// Planned to be destroyed for good.
    leaving: BTreeSet<Nonce>,
}

/// What a planned destroy does with the object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// No other instance was read so far.
    Destroyed,
    /// Another instance holds it: it is only removed from the state.
    Forgotten,
}

impl Addresses {
    /// Notes that an instance was read. False if the destroy of another instance was planned before, which would take the
    /// object away under this one.
    pub(crate) fn read(&self, key: &NaturalKey, instance: &Nonce) -> bool {
        let mut all = self.all();
        let instances = all.entry(key.clone()).or_default();
        instances.alive.insert(instance.clone());
        instances.leaving.iter().all(|leaving| leaving == instance)
    }

    /// Notes that the destroy of an instance is planned.
    pub(crate) fn plan_destroy(&self, key: &NaturalKey, instance: &Nonce) -> Fate {
        let mut all = self.all();
        let instances = all.entry(key.clone()).or_default();
        instances.alive.remove(instance);
        if instances.alive.is_empty() {
            instances.leaving.insert(instance.clone());
            return Fate::Destroyed;
        }
        Fate::Forgotten
    }

    fn all(&self) -> MutexGuard<'_, BTreeMap<NaturalKey, Instances>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn started() -> (Addresses, NaturalKey, Nonce, Nonce) {
        let nonce = || Nonce::random().unwrap();
        (Addresses::default(), NaturalKey::new("role", ["p", "r"]), nonce(), nonce())
    }

    #[test]
    fn what_another_instance_holds_is_forgotten_and_the_last_one_destroyed() {
        let (addresses, key, old, new) = started();
        assert!(addresses.read(&key, &old) && addresses.read(&key, &new));
        assert_eq!(addresses.plan_destroy(&key, &old), Fate::Forgotten);
        assert_eq!(addresses.plan_destroy(&key, &new), Fate::Destroyed);
    }

    #[test]
    fn a_destroy_that_was_planned_first_is_found_by_the_read_of_the_other() {
        let (addresses, key, old, new) = started();
        assert!(addresses.read(&key, &old));
        assert_eq!(addresses.plan_destroy(&key, &old), Fate::Destroyed);
        assert!(addresses.read(&key, &old), "its own");
        assert!(!addresses.read(&key, &new));
    }
}
