//! Which instances of one object this process has seen: the same object may be in a state under two addresses.
//!
//! With `create_before_destroy` and `adopt`, a replacement that fails half-way leaves the old instance in the state as a
//! deposed object, which the next run destroys: under the living one. Nothing on the server tells the two apart. The plan
//! reads both. Terraform plans the destroy of a deposed object once more within the apply, from the state that the read
//! left: so it is the read that must note the other instance, and a destroy that nothing was noted for is refused.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::Value as Json;

use super::natural_keys::NaturalKey;
use crate::postgres::marks::Nonce;

#[derive(Debug, Default)]
pub(crate) struct Addresses(Mutex<BTreeMap<NaturalKey, Instances>>);

/// Instances of one object, each with what of it it holds: null for an object that cannot be shared.
#[derive(Debug, Default)]
struct Instances {
    alive: BTreeMap<Nonce, Json>,
    /// Planned to be destroyed while no other instance held the same.
    leaving: BTreeMap<Nonce, Json>,
}

/// What the other instances of an object hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Others {
    /// Those that were read before.
    pub(crate) alive: Vec<Json>,
    /// Those whose destroy was planned before, which would take the object away under this one.
    pub(crate) leaving: Vec<Json>,
}

impl Addresses {
    /// Notes that an instance was read, and what it holds.
    pub(crate) fn read(&self, key: &NaturalKey, instance: &Nonce, holds: Json) -> Others {
        let mut all = self.all();
        let instances = all.entry(key.clone()).or_default();
        instances.alive.insert(instance.clone(), holds);
        let others = |of: &BTreeMap<Nonce, Json>| {
            of.iter().filter(|(other, _)| *other != instance).map(|(_, holds)| holds.clone()).collect()
        };
        Others { alive: others(&instances.alive), leaving: others(&instances.leaving) }
    }

    /// Notes that the destroy of an instance is planned. Returns what the other instances hold that were read before.
    pub(crate) fn plan_destroy(&self, key: &NaturalKey, instance: &Nonce, holds: Json) -> Vec<Json> {
        let mut all = self.all();
        let instances = all.entry(key.clone()).or_default();
        instances.alive.remove(instance);
        let others: Vec<Json> = instances.alive.values().cloned().collect();
        if !others.contains(&holds) {
            instances.leaving.insert(instance.clone(), holds);
        }
        others
    }

    fn all(&self) -> MutexGuard<'_, BTreeMap<NaturalKey, Instances>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn started() -> (Addresses, NaturalKey, Nonce, Nonce) {
        let nonce = || Nonce::random().unwrap();
        (Addresses::default(), NaturalKey::new("role", ["p", "r"]), nonce(), nonce())
    }

    fn others(alive: &[Json], leaving: &[Json]) -> Others {
        Others { alive: alive.to_vec(), leaving: leaving.to_vec() }
    }

    #[test]
    fn the_second_read_and_the_destroy_are_told_of_the_other_instance() {
        let (addresses, key, old, new) = started();
        assert_eq!(addresses.read(&key, &new, Json::Null), others(&[], &[]));
        assert_eq!(addresses.read(&key, &old, Json::Null), others(&[Json::Null], &[]));
        assert_eq!(addresses.plan_destroy(&key, &old, Json::Null), [Json::Null]);
        assert_eq!(addresses.read(&key, &new, Json::Null), others(&[], &[]), "that destroy takes nothing away");
        assert!(addresses.plan_destroy(&key, &new, Json::Null).is_empty());
    }

    #[test]
    fn a_destroy_that_was_planned_first_is_found_by_the_read_of_the_other() {
        let (addresses, key, old, new) = started();
        addresses.read(&key, &old, json!("a"));
        assert!(addresses.plan_destroy(&key, &old, json!("a")).is_empty());
        assert_eq!(addresses.read(&key, &old, json!("a")), others(&[], &[]), "its own");
        addresses.plan_destroy(&key, &old, json!("a"));
        assert_eq!(addresses.read(&key, &new, json!("b")), others(&[], &[json!("a")]));
    }

    #[test]
    fn who_holds_something_else_does_not_hide_a_destroy() {
        let (addresses, key, old, new) = started();
        addresses.read(&key, &new, json!("b"));
        assert_eq!(addresses.plan_destroy(&key, &old, json!("a")), [json!("b")]);
        let third = Nonce::random().unwrap();
        assert_eq!(addresses.read(&key, &third, json!("a")).leaving, [json!("a")]);
    }
}
