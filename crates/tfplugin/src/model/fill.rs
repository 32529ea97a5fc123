//! What a handler leaves to the framework, so that create, update and read can return the same observed model.
//!
//! Terraform requires that an apply returns each value that was known in the plan unchanged
//! (`AssertObjectCompatible` in `internal/plans/objchange/compatible.go` of hashicorp/terraform). A handler that
//! returns what it observed on the server would have to put the planned values back by hand: that is done here.

use std::collections::BTreeMap;

use crate::schema::{Attribute, Kind, Nesting, Schema};
use crate::value::path::AttributePath;
use crate::value::{SetValue, Value, agreement};

type Attributes = BTreeMap<String, Attribute>;

/// The result of a create or an update, filled from the plan.
///
/// - A planned value that was unknown is what the handler says.
/// - A computed attribute that was known in the plan keeps its planned value; the next read shows a difference.
/// - An argument that the handler left null or unknown has its planned value. One that says something else is left as
///   it is, for the caller to report.
pub(crate) fn applied(schema: &Schema, config: &Value, planned: &Value, result: Value) -> Value {
    object(&schema.attributes, config, planned, result)
}

fn object(attributes: &Attributes, config: &Value, planned: &Value, result: Value) -> Value {
    let (Value::Object(planned), Value::Object(mut result)) = (planned, result) else { return Value::Null };
    for (name, attribute) in attributes {
        let (Some(planned), Some(found)) = (planned.get(name), result.get_mut(name)) else { continue };
        let config = config.get(name).unwrap_or(&Value::Null);
        *found = value(attribute, config, planned, std::mem::replace(found, Value::Null));
    }
    Value::Object(result)
}

fn value(attribute: &Attribute, config: &Value, planned: &Value, result: Value) -> Value {
    if planned.is_unknown() {
        return result;
    }
    if result.is_null() || result.is_unknown() {
        return planned.clone();
    }
    if is_computed(attribute, config) && planned.is_wholly_known() {
        return planned.clone();
    }
    let Kind::Nested(nesting, attributes) = &attribute.kind else { return result };
    match (nesting, planned, result) {
        (Nesting::Single, planned @ Value::Object(_), result @ Value::Object(_)) => {
            object(attributes, config, planned, result)
        }
        (Nesting::List, Value::List(planned), Value::List(result)) if planned.len() == result.len() => {
            let config = |index: usize| match config {
                Value::List(items) => items.get(index).unwrap_or(&Value::Null),
                _ => &Value::Null,
            };
            let items = planned.iter().zip(result).enumerate();
            Value::List(items.map(|(index, (planned, it))| member(attributes, config(index), planned, it)).collect())
        }
        (Nesting::Map, Value::Map(planned), Value::Map(result)) => {
            let filled = result.into_iter().map(|(key, it)| match planned.get(&key) {
                Some(planned) => {
                    let filled = member(attributes, config.get(&key).unwrap_or(&Value::Null), planned, it);
                    (key, filled)
                }
                None => (key, it),
            });
            Value::Map(filled.collect())
        }
        (Nesting::Set, Value::Set(planned), Value::Set(result)) => set(attributes, planned, result),
        (_, _, result) => result,
    }
}

fn member(attributes: &Attributes, config: &Value, planned: &Value, result: Value) -> Value {
    if matches!((planned, &result), (Value::Object(_), Value::Object(_))) {
        object(attributes, config, planned, result)
    } else {
        result
    }
}

/// Members have no place by which they belong together: each is filled from a planned one that it does not contradict.
fn set(attributes: &Attributes, planned: &SetValue, result: SetValue) -> Value {
    let mut left: Vec<&Value> = planned.iter().collect();
    let filled = result.into_iter().map(|it| {
        let fitting = left.iter().enumerate().find_map(|(index, planned)| {
            // What configuration says of this member is not looked up: all that was planned counts as configured.
            let filled = member(attributes, planned, planned, it.clone());
            agreement::contradictions(planned, &filled, &AttributePath::root()).is_empty().then_some((index, filled))
        });
        match fitting {
            Some((index, filled)) => {
                left.remove(index);
                filled
            }
            None => it,
        }
    });
    Value::Set(filled.collect())
}

/// Whether nobody but the provider says what the attribute is.
fn is_computed(attribute: &Attribute, config: &Value) -> bool {
    let argument = attribute.optional && (attribute.default.is_some() || !config.is_null());
    attribute.computed && !argument
}

/// The result of a read, with the defaults of optional arguments that are null in it and were null in the state: after
/// an import, and where the schema has grown since the state was written. What was there before and reads null now is
/// a difference for the plan to show.
pub(crate) fn read(schema: &Schema, state: &Value, found: Value) -> Value {
    defaults(&schema.attributes, Some(state), found)
}

/// `state` is none where there was no value.
fn defaults(attributes: &Attributes, state: Option<&Value>, found: Value) -> Value {
    let Value::Object(mut found) = found else { return found };
    for (name, attribute) in attributes {
        let Some(value) = found.get_mut(name) else { continue };
        let before = state.and_then(|it| it.get(name)).filter(|it| !it.is_null());
        if value.is_null() {
            let fills = attribute.optional && before.is_none() && !attribute.adopted_after_import;
            if let Some(default) = attribute.default.as_ref().filter(|_| fills) {
                *value = default.clone();
            }
            continue;
        }
        let Kind::Nested(nesting, inner) = &attribute.kind else { continue };
        // Elements are filled where there were none before: which of them is which is not known otherwise.
        let filled = |it| defaults(inner, None, it);
        *value = match (nesting, std::mem::replace(value, Value::Null)) {
            (Nesting::Single, it) => defaults(inner, before, it),
            (Nesting::List, Value::List(items)) if before.is_none() => {
                Value::List(items.into_iter().map(filled).collect())
            }
            (Nesting::Set, Value::Set(items)) if before.is_none() => {
                Value::Set(items.into_iter().map(filled).collect())
            }
            (Nesting::Map, Value::Map(items)) if before.is_none() => {
                Value::Map(items.into_iter().map(|(key, it)| (key, filled(it))).collect())
            }
            (_, other) => other,
        };
    }
    Value::Object(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::{boolean, number, set_of, set_of_objects, single, string};
    use crate::value::types::Type;

    fn schema() -> Schema {
        Schema::new("")
            .attribute("name", string().required())
            .attribute("size", number().default(1))
            .attribute("branch", string().optional().computed())
            .attribute("note", string().optional())
            .attribute("id", string().computed().keeps_prior())
            .attribute("missing", set_of(Type::String).computed().default(Value::string_set::<&str>([])))
            .attribute(
                "tables",
                set_of_objects([
                    ("name", string().required()),
                    ("schema", string().default("public")),
                    ("promise", string().optional()),
                    ("oid", number().computed()),
                ])
                .optional(),
            )
            .attribute("box", single([("deep", boolean().default(false)), ("kept", string().optional())]).optional())
    }

    fn of(items: &[(&str, Value)]) -> Value {
        let mut all: BTreeMap<String, Value> =
            schema().attributes.keys().map(|name| (name.clone(), Value::Null)).collect();
        all.extend(items.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
        Value::Object(all)
    }

    /// The one attribute of a result: configured, planned and found as given.
    fn filled(name: &str, config: Value, planned: Value, found: Value) -> Value {
        let all = |value| of(&[(name, value)]);
        applied(&schema(), &all(config), &all(planned), all(found)).get(name).unwrap().clone()
    }

    fn set(items: impl IntoIterator<Item = Value>) -> Value {
        Value::Set(items.into_iter().collect())
    }

    fn table(name: &str, promise: Value, oid: Value) -> Value {
        Value::object([("name", name.into()), ("schema", "public".into()), ("promise", promise), ("oid", oid)])
    }

    #[test]
    fn what_was_unknown_is_what_the_handler_says() {
        for found in [Value::from("found"), Value::Null, Value::Unknown] {
            assert_eq!(filled("id", Value::Null, Value::Unknown, found.clone()), found);
        }
    }

    #[test]
    fn a_computed_attribute_that_was_known_stays_as_planned() {
        assert_eq!(filled("id", Value::Null, "planned".into(), "found".into()), "planned".into());
        let none = || Value::string_set::<&str>([]);
        assert_eq!(filled("missing", Value::Null, none(), Value::string_set(["x"])), none());
        assert_eq!(filled("branch", Value::Null, "planned".into(), "found".into()), "planned".into());
        assert_eq!(filled("id", Value::Null, Value::Null, "found".into()), Value::Null);
    }

    #[test]
    fn an_argument_that_was_left_out_is_as_planned_and_a_contradiction_stays() {
        for left_out in [Value::Null, Value::Unknown] {
            assert_eq!(filled("name", "a".into(), "a".into(), left_out.clone()), "a".into());
            assert_eq!(filled("note", "n".into(), "n".into(), left_out.clone()), "n".into());
            assert_eq!(filled("size", Value::Null, 1.into(), left_out), 1.into());
        }
        assert_eq!(filled("name", "a".into(), "a".into(), "b".into()), "b".into());
        assert_eq!(filled("size", Value::Null, 1.into(), 2.into()), 2.into(), "a default is an argument");
        assert_eq!(filled("branch", "mine".into(), "mine".into(), "other".into()), "other".into());
    }

    #[test]
    fn members_of_a_set_find_what_was_planned_of_them() {
        let planned = set([table("a", "p".into(), Value::Unknown), table("b", Value::Null, 5.into())]);
        let found = set([table("a", Value::Null, 4.into()), table("b", Value::Null, 6.into())]);
        assert_eq!(
            filled("tables", planned.clone(), planned.clone(), found),
            set([table("a", "p".into(), 4.into()), table("b", Value::Null, 5.into())])
        );
        let other = set([table("c", Value::Null, 4.into())]);
        assert_eq!(filled("tables", planned.clone(), planned, other.clone()), other);
    }

    #[test]
    fn nested_objects_are_filled_inside() {
        let inner = |deep: Value, kept: Value| Value::object([("deep", deep), ("kept", kept)]);
        let planned = inner(false.into(), "k".into());
        assert_eq!(filled("box", planned.clone(), planned.clone(), inner(Value::Null, Value::Null)), planned);
        assert_eq!(filled("box", planned.clone(), planned.clone(), Value::Null), planned);
    }

    #[test]
    fn an_import_gets_the_defaults_of_what_the_server_does_not_hold() {
        let stub = of(&[("name", "a".into())]);
        let member = Value::object([
            ("name", "t".into()),
            ("schema", Value::Null),
            ("promise", Value::Null),
            ("oid", Value::Null),
        ]);
        let found = of(&[("name", "a".into()), ("id", "i".into()), ("tables", set([member]))]);
        let read = read(&schema(), &stub, found);
        assert_eq!(read.get("size"), Some(&1.into()));
        assert_eq!(read.get("tables"), Some(&set([table("t", Value::Null, Value::Null)])));
        assert_eq!(read.get("missing"), Some(&Value::Null), "only arguments have defaults to fill");
        assert_eq!((read.get("note"), read.get("box")), (Some(&Value::Null), Some(&Value::Null)));
    }

    #[test]
    fn what_was_there_and_reads_null_is_a_difference() {
        let state = of(&[("size", 1.into())]);
        assert_eq!(read(&schema(), &state, of(&[])).get("size"), Some(&Value::Null));
    }

    #[test]
    fn an_argument_that_the_first_apply_adopts_stays_null() {
        let schema = Schema::new("").attribute("size", number().default(1).adopted_after_import());
        let null = Value::object([("size", Value::Null)]);
        assert_eq!(read(&schema, &null, null.clone()), null);
    }
}
