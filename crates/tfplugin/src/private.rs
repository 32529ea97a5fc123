//! Private state: what a resource remembers beside its attributes, unseen by the user.

use std::collections::BTreeMap;

use serde::Serialize;
use serde::de::DeserializeOwned;

/// Key and JSON value. Stored by Terraform as opaque bytes; another provider's bytes (after `moved`) are discarded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Private(BTreeMap<String, serde_json::Value>);

/// Under this key a plan keeps what the creation of the new object is to find: beside it is the private state of the
/// object that it replaces, which the deletion of that one is given.
const PLANNED: &str = ".planned";

impl Private {
    /// What a plan hands to its apply. `prior` is what Terraform had: of the object, or of the one that a new object
    /// replaces. `after` is what the check of the plan left.
    pub(crate) fn planned(prior: &[u8], is_create: bool, after: &Self) -> Vec<u8> {
        let mut all = Self::decode(prior);
        if is_create {
            all.0.remove(PLANNED);
            if !after.0.is_empty() {
                all.set(PLANNED, &after.0);
            }
        } else {
            all = after.clone();
        }
        // Bytes of another form are handed on as they are where nothing was added to them.
        if all == Self::decode(prior) { prior.to_vec() } else { all.encode() }
    }

    /// What the apply of a plan finds.
    pub(crate) fn of_plan(bytes: &[u8], is_create: bool) -> Self {
        let mut all = Self::decode(bytes);
        let planned = all.0.remove(PLANNED);
        if !is_create {
            return all;
        }
        Self(planned.and_then(|it| serde_json::from_value(it).ok()).unwrap_or_default())
    }

    /// Reads what Terraform kept; bytes of another form are an empty state, not an error.
    pub fn decode(bytes: &[u8]) -> Self {
        Self(serde_json::from_slice(bytes).unwrap_or_default())
    }

    /// The bytes for Terraform to keep.
    pub fn encode(&self) -> Vec<u8> {
        if self.0.is_empty() { Vec::new() } else { serde_json::to_vec(&self.0).unwrap_or_default() }
    }

    /// The value under a key, if it is there and of that form.
    pub fn get<T: DeserializeOwned>(&self, key: &str) -> Option<T> {
        self.0.get(key).and_then(|value| serde_json::from_value(value.clone()).ok())
    }

    /// Keeps a value under a key. A value that has no JSON form is not kept.
    pub fn set<T: Serialize>(&mut self, key: &str, value: &T) {
        if let Ok(value) = serde_json::to_value(value) {
            self.0.insert(key.to_owned(), value);
        }
    }

    /// Forgets a key.
    pub fn remove(&mut self, key: &str) {
        self.0.remove(key);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn values_are_kept_by_key_and_in_order() {
        let mut private = Private::default();
        private.set("oids", &vec![1_u32, 2]);
        private.set("adopted", &true);
        assert_eq!(private.encode(), br#"{"adopted":true,"oids":[1,2]}"#);
        let back = Private::decode(&private.encode());
        assert_eq!(back, private);
        assert_eq!((back.get("oids"), back.get("adopted")), (Some(vec![1_u32, 2]), Some(true)));
        private.remove("oids");
        private.remove("adopted");
        assert_eq!(private.encode(), b"", "nothing to keep is no bytes");
    }

    #[test]
    fn a_plan_hands_on_what_each_half_of_a_replacement_is_to_find() {
        let mut noted = Private::default();
        noted.set("nonce", &7);
        let first = Private::planned(b"{\"old\":1}", true, &noted);
        // Terraform hands the answer to the first of its two calls to the second.
        let planned = Private::planned(&first, true, &noted);
        assert_eq!(Private::of_plan(&planned, true), noted);
        assert_eq!(Private::of_plan(&planned, false).encode(), b"{\"old\":1}");
        assert_eq!(Private::planned(&planned, true, &Private::default()), b"{\"old\":1}");
    }

    #[test]
    fn a_plan_of_an_object_that_stays_keeps_what_it_remembers() {
        let mut noted = Private::decode(b"{\"old\":1}");
        assert_eq!(Private::planned(b"{ \"old\":1 }", false, &noted), b"{ \"old\":1 }", "untouched");
        noted.set("forget", &true);
        let planned = Private::planned(b"{\"old\":1}", false, &noted);
        assert_eq!(Private::of_plan(&planned, false), noted);
        assert_eq!(Private::planned(b"foreign", false, &Private::default()), b"foreign");
    }

    #[test]
    fn what_is_not_there_or_of_another_form_is_none() {
        let private = Private::decode(br#"{"adopted":"yes"}"#);
        assert_eq!(private.get::<bool>("adopted"), None);
        assert_eq!(private.get::<bool>("other"), None);
    }

    proptest! {
        #[test]
        fn bytes_of_another_provider_are_an_empty_state(bytes in prop::collection::vec(any::<u8>(), 0..50)) {
            let private = Private::decode(&bytes);
            let may_be_an_object = bytes.contains(&b'{');
            prop_assert!(private == Private::default() || may_be_an_object);
        }
    }
}
