//! What core would refuse of a handler's result (protocol.md C3, C4, C8), told as the mistake that it is.
//!
//! Values are never shown: they may be secret.

use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::schema::{Attribute, Kind, Schema};
use crate::value::path::AttributePath;
use crate::value::{SetValue, Value};

fn bug(type_name: &str, path: &AttributePath, problem: &str) -> Diagnostic {
    Diagnostic::bug(format!("A handler of `{type_name}` returned `{path}` {problem}.")).at(path.clone())
}

/// Whether a value can be stored: wholly known, without write-only values.
pub(crate) fn stored(schema: &Schema, type_name: &str, value: &Value) -> Diagnostics {
    let mut problems = Diagnostics::none();
    for (name, attribute) in &schema.attributes {
        let Some(value) = value.get(name) else { continue };
        let path = || AttributePath::root().attribute(name);
        if !value.is_wholly_known() {
            problems.push(bug(type_name, &path(), "with a value that is still unknown"));
        }
        if has_write_only(attribute, value) {
            problems.push(bug(type_name, &path(), "although it is write-only and must not be stored"));
        }
    }
    problems
}

fn has_write_only(attribute: &Attribute, value: &Value) -> bool {
    if attribute.write_only {
        return !value.is_null();
    }
    let Kind::Nested(_, attributes) = &attribute.kind else { return false };
    let inside = |object: &Value| {
        attributes.iter().any(|(name, it)| object.get(name).is_some_and(|value| has_write_only(it, value)))
    };
    match value {
        Value::List(items) => items.iter().any(inside),
        Value::Map(items) => items.values().any(inside),
        // There are no write-only attributes in sets (protocol.md C1).
        other => inside(other),
    }
}

/// Whether a result keeps all that the plan said.
pub(crate) fn kept(schema: &Schema, type_name: &str, planned: &Value, result: &Value) -> Diagnostics {
    let mut problems = Diagnostics::none();
    for name in schema.attributes.keys() {
        let (Some(planned), Some(result)) = (planned.get(name), result.get(name)) else { continue };
        let mut broken = Vec::new();
        contradictions(planned, result, &AttributePath::root().attribute(name), &mut broken);
        for path in broken {
            problems.push(bug(type_name, &path, "other than it was planned"));
        }
    }
    problems
}

/// Whether a data source returned what configuration (with defaults) says.
pub(crate) fn echoed(schema: &Schema, type_name: &str, config: &Value, result: &Value) -> Diagnostics {
    let mut problems = Diagnostics::none();
    for (name, attribute) in &schema.attributes {
        let (Some(config), Some(result)) = (config.get(name), result.get(name)) else { continue };
        // Null is what the source may fill in, where the schema says that it computes.
        if !(config == result || attribute.computed && config.is_null()) {
            let path = AttributePath::root().attribute(name);
            problems.push(bug(type_name, &path, "other than it is configured"));
        }
    }
    problems
}

/// Where a result says something else than the plan did.
fn contradictions(planned: &Value, result: &Value, path: &AttributePath, found: &mut Vec<AttributePath>) {
    match (planned, result) {
        (Value::Unknown, _) => {}
        (Value::Object(planned), Value::Object(result)) if planned.keys().eq(result.keys()) => {
            for ((name, planned), result) in planned.iter().zip(result.values()) {
                contradictions(planned, result, &path.clone().attribute(name), found);
            }
        }
        (Value::Map(planned), Value::Map(result)) if planned.keys().eq(result.keys()) => {
            for ((key, planned), result) in planned.iter().zip(result.values()) {
                contradictions(planned, result, &path.clone().key(key), found);
            }
        }
        (Value::List(planned), Value::List(result)) if planned.len() == result.len() => {
            for ((planned, result), index) in planned.iter().zip(result).zip(0..) {
                contradictions(planned, result, &path.clone().index(index), found);
            }
        }
        (Value::Set(planned), Value::Set(result)) => {
            if !set_agrees(planned, result) {
                found.push(path.clone());
            }
        }
        (Value::Dynamic(planned), Value::Dynamic(result)) => contradictions(&planned.1, &result.1, path, found),
        (planned, result) if planned == result => {}
        _ => found.push(path.clone()),
    }
}

/// Members may merge once they are known, but each planned one has a counterpart and the reverse.
fn set_agrees(planned: &SetValue, result: &SetValue) -> bool {
    let fits = |planned: &Value, result: &Value| {
        let mut found = Vec::new();
        contradictions(planned, result, &AttributePath::root(), &mut found);
        found.is_empty()
    };
    result.len() <= planned.len()
        && planned.iter().all(|it| result.iter().any(|result| fits(it, result)))
        && result.iter().all(|result| planned.iter().any(|it| fits(it, result)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(name: Value) -> Value {
        Value::object([("name", name)])
    }

    fn set(items: impl IntoIterator<Item = Value>) -> Value {
        Value::Set(items.into_iter().collect())
    }

    fn broken(planned: &Value, result: &Value) -> Vec<String> {
        let mut found = Vec::new();
        contradictions(planned, result, &AttributePath::root(), &mut found);
        found.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn unknown_may_become_anything_and_known_stays() {
        let planned = Value::object([("a", Value::Unknown), ("b", "x".into()), ("c", Value::Null)]);
        let good = Value::object([("a", Value::Null), ("b", "x".into()), ("c", Value::Null)]);
        assert!(broken(&planned, &good).is_empty());
        let bad = Value::object([("a", 1.into()), ("b", "y".into()), ("c", "".into())]);
        assert_eq!(broken(&planned, &bad), ["b", "c"]);
    }

    #[test]
    fn sequences_keep_their_length_and_places() {
        let list = |items: Vec<Value>| Value::object([("l", Value::List(items))]);
        assert!(broken(&list(vec![Value::Unknown, 1.into()]), &list(vec![2.into(), 1.into()])).is_empty());
        assert_eq!(broken(&list(vec![Value::Unknown, 1.into()]), &list(vec![2.into(), 3.into()])), ["l[1]"]);
        assert_eq!(broken(&list(vec![Value::Unknown]), &list(vec![])), ["l"]);
    }

    #[test]
    fn sets_may_shrink_but_not_grow() {
        let planned = set([member(Value::Unknown), member("a".into())]);
        assert!(broken(&planned, &set([member("a".into()), member("b".into())])).is_empty());
        assert!(broken(&planned, &set([member("a".into())])).is_empty());
        assert_eq!(broken(&planned, &set([member("b".into())])).len(), 1);
        assert_eq!(broken(&planned, &set(["a", "b", "c"].map(|it| member(it.into())))).len(), 1);
        assert_eq!(broken(&set(["a".into()]), &set([])).len(), 1);
    }
}
