//! Where a result says something else than the plan did, by Terraform's rule: what was known stays.

use crate::value::path::AttributePath;
use crate::value::{SetValue, Value};

/// The places in which a result contradicts what was planned. An unknown planned value may become anything.
pub(crate) fn contradictions(planned: &Value, result: &Value, path: &AttributePath) -> Vec<AttributePath> {
    let mut found = Vec::new();
    collect(planned, result, path, &mut found);
    found
}

fn collect(planned: &Value, result: &Value, path: &AttributePath, found: &mut Vec<AttributePath>) {
    match (planned, result) {
        (Value::Unknown, _) => {}
        (Value::Object(planned), Value::Object(result)) if planned.keys().eq(result.keys()) => {
            for ((name, planned), result) in planned.iter().zip(result.values()) {
                collect(planned, result, &path.clone().attribute(name), found);
            }
        }
        (Value::Map(planned), Value::Map(result)) if planned.keys().eq(result.keys()) => {
            for ((key, planned), result) in planned.iter().zip(result.values()) {
                collect(planned, result, &path.clone().key(key), found);
            }
        }
        (Value::List(planned), Value::List(result)) if planned.len() == result.len() => {
            for ((planned, result), index) in planned.iter().zip(result).zip(0..) {
                collect(planned, result, &path.clone().index(index), found);
            }
        }
        (Value::Set(planned), Value::Set(result)) => {
            if !set_agrees(planned, result) {
                found.push(path.clone());
            }
        }
        (Value::Dynamic(planned), Value::Dynamic(result)) => collect(&planned.1, &result.1, path, found),
        (planned, result) if planned == result => {}
        _ => found.push(path.clone()),
    }
}

/// Members may merge once they are known, but each planned one has a counterpart and the reverse.
fn set_agrees(planned: &SetValue, result: &SetValue) -> bool {
    let fits = |planned: &Value, result: &Value| contradictions(planned, result, &AttributePath::root()).is_empty();
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
        contradictions(planned, result, &AttributePath::root()).iter().map(ToString::to_string).collect()
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
