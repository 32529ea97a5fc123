//! Private state: what a resource remembers beside its attributes, unseen by the user.

use std::collections::BTreeMap;

use serde::Serialize;
use serde::de::DeserializeOwned;

/// Key and JSON value. Stored by Terraform as opaque bytes; another provider's bytes (after `moved`) are discarded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Private(BTreeMap<String, serde_json::Value>);

/// Under this key a plan hands the memory of an object that is replaced to its successor.
const REPLACED: &str = "replaced";

impl Private {
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

    /// What the successor of the object with this memory is planned with: nothing of its own.
    pub(super) fn for_successor(mut self) -> Self {
        self.0.remove(REPLACED);
        let mut successor = Self::default();
        if !self.0.is_empty() {
            successor.set(REPLACED, &self.0);
        }
        successor
    }

    /// The memory of an object that is changed or deleted. Core gives the deletion within a replacement what the plan of
    /// the successor answered, so it is taken out of there. Other bytes are left as they are.
    pub(super) fn of_predecessor(bytes: Vec<u8>) -> Vec<u8> {
        let mut private = Self::decode(&bytes);
        if private.0.contains_key(REPLACED) { private.take_replaced().encode() } else { bytes }
    }

    /// Takes out what the replaced object remembered; it is not kept any longer.
    pub(super) fn take_replaced(&mut self) -> Self {
        match self.0.remove(REPLACED) {
            Some(serde_json::Value::Object(memory)) => Self(memory.into_iter().collect()),
            _ => Self::default(),
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
    fn a_successor_is_told_once_what_was_remembered() {
        let mut old = Private::default();
        old.set("made", &true);
        let mut planned = old.clone().for_successor();
        assert_eq!(planned.get::<bool>("made"), None);
        assert_eq!(
            Private::of_predecessor(planned.encode()),
            old.encode(),
            "the deletion of the old object has it whole"
        );
        assert_eq!(Private::of_predecessor(old.encode()), old.encode());
        assert_eq!(Private::of_predecessor(b"of another".to_vec()), b"of another");
        assert_eq!(planned.take_replaced(), old);
        assert_eq!(planned, Private::default(), "it is not kept");
        assert_eq!(old.clone().for_successor().for_successor(), Private::default(), "nor handed on");
        assert_eq!(Private::default().for_successor().encode(), b"");
    }

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
