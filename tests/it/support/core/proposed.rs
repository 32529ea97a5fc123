//! Terraform's `proposed_new_state` (`ProposedNew` in `internal/plans/objchange/objchange.go` of hashicorp/terraform):
//! the configuration, and the prior state where that says nothing and the provider computes.

use std::collections::BTreeMap;

use tfplugin::Value;
use tfplugin::schema::{Attribute, Kind, Nesting, Schema};

type Attributes = BTreeMap<String, Attribute>;

/// What Terraform proposes. Both may be null; a null configuration proposes null.
pub(super) fn proposed(schema: &Schema, prior: &Value, config: &Value) -> Value {
    object(&schema.attributes, prior, config)
}

fn object(attributes: &Attributes, prior: &Value, config: &Value) -> Value {
    let Value::Object(configured) = config else { return config.clone() };
    let of = |name: &str| prior.get(name).cloned().unwrap_or(Value::Null);
    let merged = attributes.iter().map(|(name, it)| (name.clone(), attribute(it, &of(name), &configured[name])));
    Value::Object(merged.collect())
}

fn attribute(attribute: &Attribute, prior: &Value, config: &Value) -> Value {
    let Kind::Nested(nesting, attributes) = &attribute.kind else {
        return if config.is_null() && attribute.computed { prior.clone() } else { config.clone() };
    };
    match (nesting, config) {
        (_, Value::Null) if attribute.computed => {
            let was_configured = attribute.optional && members(prior).iter().any(|it| holds_configured(attributes, it));
            if was_configured { Value::Null } else { prior.clone() }
        }
        (Nesting::Single, Value::Object(_)) => object(attributes, prior, config),
        (Nesting::List, Value::List(items)) => {
            let before = members(prior);
            let at = |index: usize| before.get(index).copied().unwrap_or(&Value::Null);
            Value::List(items.iter().enumerate().map(|(index, it)| object(attributes, at(index), it)).collect())
        }
        (Nesting::Map, Value::Map(items)) => {
            let at = |key: &str| prior.get(key).unwrap_or(&Value::Null);
            Value::Map(items.iter().map(|(key, it)| (key.clone(), object(attributes, at(key), it))).collect())
        }
        (Nesting::Set, Value::Set(items)) => {
            let mut before = members(prior);
            let merged = items.iter().map(|item| {
                let found = before.iter().position(|it| could_come_from(attributes, it, item));
                let prior = found.map_or(&Value::Null, |at| before.remove(at));
                object(attributes, prior, item)
            });
            Value::Set(merged.collect())
        }
        (_, other) => other.clone(),
    }
}

fn members(value: &Value) -> Vec<&Value> {
    match value {
        Value::List(items) => items.iter().collect(),
        Value::Set(items) => items.iter().collect(),
        Value::Map(items) => items.values().collect(),
        Value::Object(_) => vec![value],
        _ => Vec::new(),
    }
}

/// Whether something in it can only have come from configuration.
fn holds_configured(attributes: &Attributes, object: &Value) -> bool {
    attributes.iter().any(|(name, it)| !it.computed && object.get(name).is_some_and(|value| !value.is_null()))
}

fn could_come_from(attributes: &Attributes, prior: &Value, config: &Value) -> bool {
    attributes.iter().all(|(name, it)| {
        let (prior, config) = (prior.get(name), config.get(name));
        prior == config || it.computed && config.is_none_or(Value::is_null)
    })
}
