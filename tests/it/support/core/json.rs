//! Values as a test writes them and as a state file holds them: JSON, read by the schema's types.

use serde_json::{Value as Json, json};
use tfplugin::{Type, Value};

const UNKNOWN: &str = "$unknown";

/// What is known only after apply, within a configuration.
pub(crate) fn unknown() -> Json {
    json!({ UNKNOWN: true })
}

/// JSON as a value of the type; attributes that are left out are null. Panics on what is no such value.
pub(super) fn read(of: &Type, json: &Json) -> Value {
    match (of, json) {
        (_, Json::Null) => Value::Null,
        (_, Json::Object(items)) if items.contains_key(UNKNOWN) => Value::Unknown,
        (Type::Bool, Json::Bool(it)) => Value::Bool(*it),
        (Type::Number, Json::Number(it)) => Value::Number(it.to_string().parse().expect("a number")),
        (Type::String, Json::String(it)) => Value::String(it.clone()),
        (Type::List(element), Json::Array(items)) => Value::List(items.iter().map(|it| read(element, it)).collect()),
        (Type::Set(element), Json::Array(items)) => Value::Set(items.iter().map(|it| read(element, it)).collect()),
        (Type::Map(element), Json::Object(items)) => {
            Value::Map(items.iter().map(|(key, it)| (key.clone(), read(element, it))).collect())
        }
        (Type::Object(attributes), Json::Object(items)) => {
            for name in items.keys() {
                assert!(attributes.contains_key(name), "there is no attribute `{name}`");
            }
            let of = |name: &str| items.get(name).unwrap_or(&Json::Null);
            Value::Object(attributes.iter().map(|(name, it)| (name.clone(), read(it, of(name)))).collect())
        }
        (of, json) => panic!("{json} is not {}", of.name()),
    }
}

/// A known value as a state file holds it.
pub(crate) fn write(value: &Value) -> Json {
    match value {
        Value::Null => Json::Null,
        Value::Unknown => unknown(),
        Value::Bool(it) => json!(it),
        Value::Number(it) => serde_json::from_str(&it.to_string()).expect("a number"),
        Value::String(it) => json!(it),
        Value::List(items) => items.iter().map(write).collect(),
        Value::Set(items) => items.iter().map(write).collect(),
        Value::Map(items) | Value::Object(items) => {
            Json::Object(items.iter().map(|(name, it)| (name.clone(), write(it))).collect())
        }
        Value::Dynamic(inner) => json!({ "type": inner.0.to_json(), "value": write(&inner.1) }),
    }
}
