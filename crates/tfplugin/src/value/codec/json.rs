//! The JSON form of values, as in state files.

use serde_json::Value as Json;

use super::error::CodecError;
use crate::value::Value;
use crate::value::number::Number;
use crate::value::path::Step;
use crate::value::types::Type;

/// Reads a whole document. `serde_json` bounds the depth and keeps the digits of numbers.
pub(crate) fn decode(wanted: &Type, bytes: &[u8]) -> Result<Value, CodecError> {
    let json: Json = serde_json::from_slice(bytes).map_err(|error| CodecError::new(format!("not JSON: {error}")))?;
    value(wanted, json)
}

fn value(wanted: &Type, json: Json) -> Result<Value, CodecError> {
    match (wanted, json) {
        (_, Json::Null) => Ok(Value::Null),
        (Type::Bool, Json::Bool(it)) => Ok(Value::Bool(it)),
        (Type::Number, Json::Number(it)) => number(&it.to_string()),
        // Terraform reads numbers and bools from strings and the reverse; states of other providers hold such.
        (Type::Number, Json::String(it)) => number(&it),
        (Type::Bool, Json::String(it)) if it == "true" || it == "false" => Ok(Value::Bool(it == "true")),
        (Type::String, Json::String(it)) => Ok(Value::String(it)),
        (Type::String, Json::Bool(it)) => Ok(Value::String(it.to_string())),
        (Type::String, Json::Number(it)) => Ok(Value::String(it.to_string())),
        (Type::List(element), Json::Array(items)) => elements(element, items).map(Value::List),
        (Type::Set(element), Json::Array(items)) => {
            elements(element, items).map(|items| Value::Set(items.into_iter().collect()))
        }
        (Type::Map(element), Json::Object(items)) => items
            .into_iter()
            .map(|(key, item)| {
                let item = value(element, item).map_err(|error| error.inside(Step::Key(key.clone())))?;
                Ok((key, item))
            })
            .collect::<Result<_, _>>()
            .map(Value::Map),
        (Type::Object(attributes), Json::Object(mut items)) => attributes
            .iter()
            .map(|(name, wanted)| {
                let item = items.remove(name).unwrap_or(Json::Null);
                let item = value(wanted, item).map_err(|error| error.inside(Step::Attribute(name.clone())))?;
                Ok((name.clone(), item))
            })
            .collect::<Result<_, _>>()
            .map(Value::Object),
        (Type::Tuple(types), Json::Array(items)) if types.len() == items.len() => types
            .iter()
            .zip(items)
            .zip(0..)
            .map(|((wanted, item), index)| value(wanted, item).map_err(|error| error.inside(Step::Index(index))))
            .collect::<Result<_, _>>()
            .map(Value::List),
        (Type::Dynamic, Json::Object(mut pair)) => match (pair.remove("type"), pair.remove("value")) {
            (Some(of), Some(inner)) => {
                let of = Type::from_json(&of)?;
                let inner = value(&of, inner)?;
                Ok(Value::Dynamic(Box::new((of, inner))))
            }
            _ => Err(CodecError::new("a dynamic value is an object of `type` and `value`")),
        },
        (wanted, json) => Err(CodecError::wanted(wanted, name(&json))),
    }
}

fn elements(element: &Type, items: Vec<Json>) -> Result<Vec<Value>, CodecError> {
    items
        .into_iter()
        .zip(0..)
        .map(|(item, index)| value(element, item).map_err(|error| error.inside(Step::Index(index))))
        .collect()
}

fn number(text: &str) -> Result<Value, CodecError> {
    text.parse::<Number>().map(Value::Number).map_err(|error| CodecError::new(error.to_string()))
}

fn name(json: &Json) -> &'static str {
    match json {
        Json::Null => "null",
        Json::Bool(_) => "bool",
        Json::Number(_) => "number",
        Json::String(_) => "string",
        Json::Array(_) => "array",
        Json::Object(_) => "object",
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::value::codec::samples;

    /// The form in which Terraform stores a known value.
    fn write(value: &Value) -> Json {
        match value {
            Value::Null | Value::Unknown => Json::Null,
            Value::Bool(it) => json!(it),
            Value::Number(it) => serde_json::from_str(&it.to_string()).unwrap(),
            Value::String(it) => json!(it),
            Value::List(items) => items.iter().map(write).collect(),
            Value::Set(items) => items.iter().map(write).collect(),
            Value::Map(items) | Value::Object(items) => {
                Json::Object(items.iter().map(|(key, item)| (key.clone(), write(item))).collect())
            }
            Value::Dynamic(inner) => json!({"type": inner.0.to_json(), "value": write(&inner.1)}),
        }
    }

    fn object_type() -> Type {
        Type::Object([("a".to_owned(), Type::Number), ("b".to_owned(), Type::Set(Box::new(Type::String)))].into())
    }

    #[test]
    fn missing_attributes_are_null_and_unknown_ones_are_dropped() {
        let value = decode(&object_type(), br#"{"b":["y","x"],"c":{"d":1}}"#).unwrap();
        assert_eq!(value, Value::object([("a", Value::Null), ("b", Value::string_set(["x", "y"]))]));
    }

    #[test]
    fn numbers_keep_their_digits() {
        let value = decode(&object_type(), br#"{"a":123456789012345678901234567890.5}"#).unwrap();
        assert_eq!(format!("{:?}", value.get("a").unwrap()), "Number(123456789012345678901234567890.5)");
        assert_eq!(decode(&Type::Number, b"\"0.1\"").unwrap(), Value::Number("0.1".parse().unwrap()));
        assert!(decode(&Type::Number, b"1e999999999").is_err());
    }

    #[test]
    fn what_does_not_fit_is_named_with_its_place() {
        let message = |json: &[u8]| decode(&object_type(), json).unwrap_err().to_string();
        assert_eq!(message(br#"{"b":[[]]}"#), "`b[0]`: wanted string, found array");
        assert_eq!(message(b"7"), "wanted object, found number");
        assert!(message(b"{").starts_with("not JSON"));
        assert!(message("[".repeat(100_000).as_bytes()).starts_with("not JSON"));
    }

    proptest! {
        #[test]
        fn any_known_value_survives((of, value) in samples::typed_value(false)) {
            let json = serde_json::to_vec(&write(&value)).unwrap();
            prop_assert_eq!(decode(&of, &json).unwrap(), value);
        }

        #[test]
        fn no_text_makes_it_panic(of in samples::any_type(), text in r#"[\[\]{}":,a-e0-9tru.\-]{0,60}"#) {
            let _ = decode(&of, text.as_bytes());
        }
    }
}
