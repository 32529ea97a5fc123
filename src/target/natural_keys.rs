//! What this process made or took over, by its natural key.
//!
//! With `create_before_destroy`, Terraform makes the new object and then deletes the old one; where both have the same
//! natural key they are one object, which the delete must leave alone.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

/// What makes an object the same object in the database, whatever Terraform calls it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct NaturalKey(Vec<String>);

impl NaturalKey {
    /// A key of a kind of object, such as `grant`, and the names that lead to it.
    pub(crate) fn new<S: Into<String>>(kind: &'static str, names: impl IntoIterator<Item = S>) -> Self {
        Self(std::iter::once(kind.to_owned()).chain(names.into_iter().map(Into::into)).collect())
    }
}

/// The keys of one process.
#[derive(Debug, Default)]
pub(crate) struct NaturalKeys(Mutex<BTreeSet<NaturalKey>>);

impl NaturalKeys {
    /// Remembers an object that was made or taken over.
    pub(crate) fn remember(&self, key: NaturalKey) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(key);
    }

    /// Whether this process made the object or took it over.
    pub(crate) fn holds(&self, key: &NaturalKey) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).contains(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_told_apart_by_kind_and_by_each_name() {
        let keys = NaturalKeys::default();
        keys.remember(NaturalKey::new("grant", ["p", "a/b"]));
        assert!(keys.holds(&NaturalKey::new("grant", ["p", "a/b"])));
        assert!(!keys.holds(&NaturalKey::new("grant", ["p/a", "b"])));
        assert!(!keys.holds(&NaturalKey::new("role", ["p", "a/b"])));
    }
}
