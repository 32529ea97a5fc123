//! What Terraform would refuse of a handler's result (`internal/plans/objchange` of hashicorp/terraform), told as the
//! mistake that it is.
//!
//! Values are never shown: they may be secret.

use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::schema::{Attribute, Kind, Schema};
use crate::value::path::AttributePath;
use crate::value::{Value, agreement};

fn bug(type_name: &str, path: &AttributePath, problem: &str) -> Diagnostic {
    Diagnostic::bug(format!("A handler of `{type_name}` returned `{path}` {problem}.")).at(path.clone())
}

/// Whether a value is wholly known.
pub(super) fn known(schema: &Schema, type_name: &str, value: &Value) -> Diagnostics {
    let unknown = schema.attributes.keys().filter(|name| value.get(name).is_some_and(|it| !it.is_wholly_known()));
    unknown
        .map(|name| bug(type_name, &AttributePath::root().attribute(name), "with a value that is still unknown"))
        .collect()
}

/// Whether a value can be stored: wholly known, without write-only values.
pub(super) fn stored(schema: &Schema, type_name: &str, value: &Value) -> Diagnostics {
    let mut problems = known(schema, type_name, value);
    for (name, attribute) in &schema.attributes {
        let Some(value) = value.get(name) else { continue };
        let path = || AttributePath::root().attribute(name);
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
        // Terraform takes no write-only attributes in sets.
        other => inside(other),
    }
}

/// Whether a result keeps all that the plan said.
pub(super) fn kept(schema: &Schema, type_name: &str, planned: &Value, result: &Value) -> Diagnostics {
    let mut problems = Diagnostics::none();
    for name in schema.attributes.keys() {
        let (Some(planned), Some(result)) = (planned.get(name), result.get(name)) else { continue };
        for path in agreement::contradictions(planned, result, &AttributePath::root().attribute(name)) {
            problems.push(bug(type_name, &path, "other than it was planned"));
        }
    }
    problems
}

/// Whether a data source returned what configuration (with defaults) says.
pub(super) fn echoed(schema: &Schema, type_name: &str, config: &Value, result: &Value) -> Diagnostics {
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
