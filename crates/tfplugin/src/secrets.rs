//! Secrets that the process knows, so that no message and no log line repeats one: an API or a database may quote a key
//! or a password in its answer.
//!
//! The framework remembers the values of sensitive and write-only attributes by itself. A provider adds what it has from
//! elsewhere: an API key of the environment, a password that an API revealed.

use std::borrow::Cow;
use std::cmp::Reverse;
use std::sync::{PoisonError, RwLock};

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use crate::schema::{Attribute, Kind, Schema};
use crate::value::Value;

/// Shorter texts are words of messages too often.
const LEAST_BYTES: usize = 6;
/// A process that serves for days does not grow without bound.
const MOST: usize = 10_000;
/// What a reader sees in place of a secret. Terraform's own words.
const SHOWN: &str = "(sensitive value)";

/// The longest first, so that a secret within another leaves nothing of it.
static KNOWN: RwLock<Vec<String>> = RwLock::new(Vec::new());

/// Keeps a secret out of every diagnostic and log line of this process from now on, also where it is percent-encoded as
/// in a connection URI. Texts of fewer than six bytes are not looked for.
pub fn remember(secret: &str) {
    let encoded = utf8_percent_encode(secret, NON_ALPHANUMERIC).to_string();
    for text in [secret, encoded.as_str()] {
        if text.len() < LEAST_BYTES || is_known(text) {
            continue;
        }
        let mut known = KNOWN.write().unwrap_or_else(PoisonError::into_inner);
        let place = known.partition_point(|it| order(it) < order(text));
        if known.len() < MOST && known.get(place).is_none_or(|it| it != text) {
            known.insert(place, text.to_owned());
        }
    }
}

fn order(text: &str) -> (Reverse<usize>, &str) {
    (Reverse(text.len()), text)
}

fn is_known(text: &str) -> bool {
    let known = KNOWN.read().unwrap_or_else(PoisonError::into_inner);
    known.binary_search_by(|it| order(it).cmp(&order(text))).is_ok()
}

/// The text without the secrets that are known.
pub(crate) fn hidden(text: &str) -> Cow<'_, str> {
    without(&KNOWN.read().unwrap_or_else(PoisonError::into_inner), text)
}

fn without<'a>(known: &[String], text: &'a str) -> Cow<'a, str> {
    known.iter().fold(Cow::Borrowed(text), |text, secret| {
        if text.contains(secret.as_str()) { Cow::Owned(text.replace(secret.as_str(), SHOWN)) } else { text }
    })
}

/// Remembers the values of sensitive and write-only attributes.
pub(crate) fn remember_values(schema: &Schema, value: &Value) {
    if schema.has_secrets() {
        remember_attributes(&schema.attributes, value);
    }
}

fn remember_attributes(attributes: &std::collections::BTreeMap<String, Attribute>, value: &Value) {
    for (name, attribute) in attributes {
        let Some(value) = value.get(name) else { continue };
        if attribute.sensitive || attribute.write_only {
            remember_strings(value);
        } else if let Kind::Nested(_, inner) = &attribute.kind {
            match value {
                Value::List(items) => items.iter().for_each(|it| remember_attributes(inner, it)),
                Value::Set(items) => items.iter().for_each(|it| remember_attributes(inner, it)),
                Value::Map(items) => items.values().for_each(|it| remember_attributes(inner, it)),
                other => remember_attributes(inner, other),
            }
        }
    }
}

fn remember_strings(value: &Value) {
    match value {
        Value::String(text) => remember(text),
        Value::List(items) => items.iter().for_each(remember_strings),
        Value::Set(items) => items.iter().for_each(remember_strings),
        Value::Map(items) | Value::Object(items) => items.values().for_each(remember_strings),
        Value::Dynamic(inner) => remember_strings(&inner.1),
        Value::Null | Value::Unknown | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::{map_of, single, string};
    use crate::value::types::Type;

    #[test]
    fn a_secret_is_replaced_wherever_it_stands_and_the_longest_first() {
        let known = ["correct horse battery", "horse battery"].map(String::from);
        assert_eq!(without(&known, "a correct horse battery, a horse battery"), format!("a {SHOWN}, a {SHOWN}"));
        assert!(matches!(without(&known, "nothing here"), Cow::Borrowed("nothing here")));
    }

    #[test]
    fn what_is_remembered_is_hidden_in_uris_too() {
        remember("p@ss/of this test");
        remember("p@ss/of this test");
        assert_eq!(hidden("key p@ss/of this test!"), format!("key {SHOWN}!"));
        assert_eq!(hidden("postgresql://u:p%40ss%2Fof%20this%20test@h/d"), format!("postgresql://u:{SHOWN}@h/d"));
        remember("short");
        assert_eq!(hidden("a short text"), "a short text");
        let known = KNOWN.read().unwrap();
        assert!(known.is_sorted_by(|a, b| order(a) < order(b)), "sorted, each once");
    }

    #[test]
    fn values_of_sensitive_attributes_are_remembered() {
        let schema = Schema::new("")
            .attribute("plain", string().optional())
            .attribute("tokens", map_of(Type::String).optional().sensitive())
            .attribute("box", single([("once", string().optional().write_only())]).optional());
        let value = Value::object([
            ("plain", Value::from("a plain value of this test")),
            ("tokens", Value::Map([("k".to_owned(), Value::from("a token of this test"))].into())),
            ("box", Value::object([("once", Value::from("a password of this test"))])),
        ]);
        remember_values(&schema, &value);
        assert_eq!(
            hidden("a plain value of this test, a token of this test, a password of this test"),
            format!("a plain value of this test, {SHOWN}, {SHOWN}")
        );
    }
}
