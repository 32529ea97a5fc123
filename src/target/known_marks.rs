//! Marks in comments of publications that this process knows to be ours: the publication's own resource has the nonce in its
//! private state, and a slot behind it has not.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use super::natural_keys::NaturalKey;
use crate::postgres::marks::Nonce;

/// Nonces by publication and OID: the OID tells a publication from another one of its name.
#[derive(Debug, Default)]
pub(crate) struct KnownMarks(Mutex<BTreeMap<(NaturalKey, u32), BTreeSet<Nonce>>>);

impl KnownMarks {
    /// Notes that the publication of that OID has a mark with the nonce.
    pub(crate) fn remember(&self, publication: NaturalKey, oid: u32, nonce: &Nonce) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.entry((publication, oid)).or_default().insert(nonce.clone());
    }

    /// The nonces of that publication.
    pub(crate) fn of(&self, publication: NaturalKey, oid: u32) -> BTreeSet<Nonce> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&(publication, oid)).cloned().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nonce_is_known_for_one_publication_alone() {
        let known = KnownMarks::default();
        let (nonce, key) = (Nonce::random().unwrap(), || NaturalKey::new("publication", ["p", "a"]));
        known.remember(key(), 1, &nonce);
        assert_eq!(known.of(key(), 1), [nonce].into());
        assert!(known.of(key(), 2).is_empty(), "another publication got the name and copied the comment");
        assert!(known.of(NaturalKey::new("publication", ["p", "b"]), 1).is_empty());
    }
}
