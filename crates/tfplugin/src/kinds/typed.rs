//! Between untyped values and an author's model: what does not fit is told by where the value came from.

use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::kinds::resource::Model;
use crate::model::{self, Mismatch};
use crate::schema::Schema;
use crate::value::Value;
use crate::value::path::{AttributePath, Step};

/// Where a value came from, and so who can do something about one that does not fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// The user wrote it.
    Configuration,
    /// Terraform stored it.
    State,
    /// The planner made it from the two.
    Plan,
}

/// The typed form of a value, or what is wrong with it.
pub(crate) fn decode<M: Model>(what: &str, schema: &Schema, origin: Origin, value: &Value) -> Result<M, Diagnostics> {
    model::from_value(value).map_err(|error| misfit(what, schema, origin, &error).into())
}

fn misfit(what: &str, schema: &Schema, origin: Origin, error: &Mismatch) -> Diagnostic {
    // The message may repeat the value.
    let error_text =
        if is_secret(schema, &error.path) { format!("`{}` does not fit", error.path) } else { error.to_string() };
    let said = match origin {
        Origin::Configuration => Diagnostic::error("Invalid value", format!("The value does not fit: {error_text}.")),
        Origin::State => Diagnostic::error(
            "Stored state is damaged",
            format!(
                "The stored state of `{what}` has a value that the provider cannot use: {error_text}. Was the state edited, \
                 or written by another provider? Restore an earlier state, or remove the object with \
                 `terraform state rm` and import it again."
            ),
        ),
        Origin::Plan => Diagnostic::bug(format!("A planned value of `{what}` does not fit its model: {error_text}.")),
    };
    said.at(error.path.clone())
}

/// Whether the attribute that a path leads into hides its value.
fn is_secret(schema: &Schema, path: &AttributePath) -> bool {
    let Some(Step::Attribute(name)) = path.steps().first() else { return false };
    schema.attributes.get(name).is_some_and(|it| it.sensitive || it.write_only)
}

/// The untyped form of a model, with sets where the schema says so.
pub(crate) fn encode<M: Model>(what: &str, schema: &Schema, model: &M) -> Result<Value, Diagnostics> {
    let value = model::to_value(model).map_err(|error| {
        Diagnostic::bug(format!("A model of `{what}` cannot be written: {error}.")).at(error.path.clone())
    })?;
    schema.object_type().conform(value).map_err(|error| {
        Diagnostic::bug(format!("A model of `{what}` does not fit its schema: {error}.")).at(error.path.clone()).into()
    })
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;
    use serde::{Deserialize, Serialize};

    use super::*;
    use crate::model::attr::Attr;
    use crate::schema::number;

    #[derive(Clone, Debug, Serialize, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Slot {
        oid: Attr<u32>,
        pin: Attr<u16>,
    }

    fn told(origin: Origin, oid: i64, pin: i64) -> String {
        let schema =
            Schema::new("").attribute("oid", number().computed()).attribute("pin", number().optional().sensitive());
        let value = Value::object([("oid", Value::from(oid)), ("pin", Value::from(pin))]);
        let problems = decode::<Slot>("toy_slot", &schema, origin, &value).unwrap_err();
        let it = problems.iter().next().unwrap();
        format!("{} | {} | {}", it.path, it.summary, it.detail)
    }

    #[test]
    fn a_state_with_a_number_out_of_range_says_so() {
        assert_snapshot!(
            told(Origin::State, 4_294_967_296, 1),
            @"oid | Stored state is damaged | The stored state of `toy_slot` has a value that the provider cannot use: `oid`: invalid value: integer `4294967296`, expected u32. Was the state edited, or written by another provider? Restore an earlier state, or remove the object with `terraform state rm` and import it again."
        );
        assert_snapshot!(
            told(Origin::Configuration, -1, 1),
            @"oid | Invalid value | The value does not fit: `oid`: invalid value: integer `-1`, expected u32."
        );
        assert!(told(Origin::Plan, -1, 1).starts_with("oid | Bug in the provider"));
    }

    #[test]
    fn a_secret_value_is_not_repeated() {
        for origin in [Origin::State, Origin::Configuration, Origin::Plan] {
            let text = told(origin, 1, 123_456);
            assert!(text.starts_with("pin | ") && !text.contains("123456"), "{text}");
        }
    }
}
