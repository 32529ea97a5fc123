//! What this process created or adopted, by its natural key.
//!
//! With `create_before_destroy`, Terraform creates the new object and then deletes the old one. Where both have the same
//! natural key they are one object, which the delete must leave alone. A nonce in private state tells the two apart: a
//! process that lives long (`-debug`, Pulumi's bridge) may create an object and later really delete it.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use crate::postgres::marks::Nonce;

/// What makes an object the same object on the server, whatever Terraform calls it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct NaturalKey(Vec<String>);

impl NaturalKey {
    /// A key of a kind of object, such as `grant`, and the names that lead to it.
    pub(crate) fn new<S: Into<String>>(kind: &'static str, names: impl IntoIterator<Item = S>) -> Self {
        Self(std::iter::once(kind.to_owned()).chain(names.into_iter().map(Into::into)).collect())
    }
}

/// The keys of one process, each with the instance that holds it.
#[derive(Debug, Default)]
pub(crate) struct NaturalKeys(Mutex<BTreeMap<NaturalKey, Option<Nonce>>>);

impl NaturalKeys {
    /// Remembers which instance created or adopted an object.
    pub(crate) fn remember(&self, key: NaturalKey, by: Option<Nonce>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(key, by);
    }

    /// Whether another instance than `own` created or adopted the object in this process.
    pub(crate) fn is_held_by_another(&self, key: &NaturalKey, own: Option<&Nonce>) -> bool {
        let held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        held.get(key).is_some_and(|by| by.is_none() || by.as_ref() != own)
    }

    /// Forgets an object that was deleted.
    pub(crate) fn forget(&self, key: &NaturalKey) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nonce() -> Nonce {
        Nonce::random().unwrap()
    }

    #[test]
    fn keys_are_told_apart_by_kind_and_by_each_name() {
        let keys = NaturalKeys::default();
        keys.remember(NaturalKey::new("grant", ["p", "a/b"]), Some(nonce()));
        assert!(keys.is_held_by_another(&NaturalKey::new("grant", ["p", "a/b"]), None));
        assert!(!keys.is_held_by_another(&NaturalKey::new("grant", ["p/a", "b"]), None));
        assert!(!keys.is_held_by_another(&NaturalKey::new("role", ["p", "a/b"]), None));
    }

    #[test]
    fn an_instance_may_delete_what_it_created_itself() {
        let (keys, key) = (NaturalKeys::default(), NaturalKey::new("slot", ["p", "s"]));
        let (first, second) = (nonce(), nonce());
        assert_ne!(first, second);
        keys.remember(key.clone(), Some(first.clone()));
        assert!(!keys.is_held_by_another(&key, Some(&first)));
        assert!(keys.is_held_by_another(&key, Some(&second)));
        keys.remember(key.clone(), Some(second));
        assert!(keys.is_held_by_another(&key, Some(&first)), "the newer instance holds it");
        keys.forget(&key);
        assert!(!keys.is_held_by_another(&key, None));
    }
}
