//! What this process created or adopted, by its natural key.
//!
//! With `create_before_destroy`, Terraform creates the new object and then deletes the old one. Where both have the same
//! natural key they are one object, which the delete must leave alone. A nonce in private state tells the two apart: a
//! process that lives long (`-debug`, Pulumi's bridge) may create an object and later really delete it.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};

/// What makes an object the same object on the server, whatever Terraform calls it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct NaturalKey(Vec<String>);

impl NaturalKey {
    /// A key of a kind of object, such as `grant`, and the names that lead to it.
    pub(crate) fn new<S: Into<String>>(kind: &'static str, names: impl IntoIterator<Item = S>) -> Self {
        Self(std::iter::once(kind.to_owned()).chain(names.into_iter().map(Into::into)).collect())
    }
}

/// Which instance of a resource holds an object. Kept in private state, and in marks on the server.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Nonce(String);

impl Nonce {
    /// A new one: 128 random bits as hexadecimal digits.
    pub(crate) fn random() -> Self {
        let mut bytes = [0_u8; 16];
        if getrandom::fill(&mut bytes).is_err() {
            // Without a source of randomness no TLS connection can be made either: this is not reached in practice.
            tracing::warn!("the operating system gave no random bytes");
        }
        Self(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// The keys of one process, each with the instance that holds it.
#[derive(Debug, Default)]
pub(crate) struct NaturalKeys(Mutex<BTreeMap<NaturalKey, Nonce>>);

impl NaturalKeys {
    /// Remembers which instance created or adopted an object.
    pub(crate) fn remember(&self, key: NaturalKey, by: Nonce) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(key, by);
    }

    /// Whether another instance than `own` created or adopted the object in this process.
    pub(crate) fn is_held_by_another(&self, key: &NaturalKey, own: Option<&Nonce>) -> bool {
        let held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        held.get(key).is_some_and(|by| Some(by) != own)
    }

    /// Forgets an object that was deleted.
    pub(crate) fn forget(&self, key: &NaturalKey) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_told_apart_by_kind_and_by_each_name() {
        let keys = NaturalKeys::default();
        keys.remember(NaturalKey::new("grant", ["p", "a/b"]), Nonce::random());
        assert!(keys.is_held_by_another(&NaturalKey::new("grant", ["p", "a/b"]), None));
        assert!(!keys.is_held_by_another(&NaturalKey::new("grant", ["p/a", "b"]), None));
        assert!(!keys.is_held_by_another(&NaturalKey::new("role", ["p", "a/b"]), None));
    }

    #[test]
    fn an_instance_may_delete_what_it_created_itself() {
        let (keys, key) = (NaturalKeys::default(), NaturalKey::new("slot", ["p", "s"]));
        let (first, second) = (Nonce::random(), Nonce::random());
        assert_ne!(first, second);
        keys.remember(key.clone(), first.clone());
        assert!(!keys.is_held_by_another(&key, Some(&first)));
        assert!(keys.is_held_by_another(&key, Some(&second)));
        keys.remember(key.clone(), second);
        assert!(keys.is_held_by_another(&key, Some(&first)), "the newer instance holds it");
        keys.forget(&key);
        assert!(!keys.is_held_by_another(&key, None));
    }
}
