//! `databricks_slot_config(slot_name, publication_name)`: `slot_config` of a `databricks_pipeline`.

use serde::Deserialize;
use serde_json::{Value, json};
use tfplugin::{Attr, Function, FunctionError, Parameter, Signature, Type};

use super::refusal::{Result, given, named, object};

/// `{ slot_name, publication_name }`
pub(crate) fn databricks_slot_config(slot_name: &str, publication_name: &str) -> Result<Value> {
    Ok(json!({
        "slot_name": named("slot_name", slot_name)?,
        "publication_name": named("publication_name", publication_name)?,
    }))
}

/// `provider::neonrep::databricks_slot_config`
pub(crate) struct DatabricksSlotConfig;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Arguments {
    slot_name: Attr<String>,
    publication_name: Attr<String>,
}

impl Function for DatabricksSlotConfig {
    const NAME: &'static str = "databricks_slot_config";
    type Arguments = Arguments;
    type Result = Value;

    fn signature() -> Signature {
        Signature::new(
            "`slot_config` of a `databricks_pipeline`.",
            "Gives `slot_config` of the Postgres source of a `databricks_pipeline`.",
            object(&[("slot_name", Type::String), ("publication_name", Type::String)]),
        )
        .parameter(Parameter::new(
            "slot_name",
            Type::String,
            "Name of the slot, such as `neonrep_slot.<name>.slot_name`.",
        ))
        .parameter(Parameter::new(
            "publication_name",
            Type::String,
            "Name of the publication, such as `neonrep_slot.<name>.publication_name`.",
        ))
    }

    fn call(arguments: Arguments) -> std::result::Result<Value, FunctionError> {
        Ok(databricks_slot_config(
            &given("slot_name", arguments.slot_name)?,
            &given("publication_name", arguments.publication_name)?,
        )?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_names_are_given() {
        assert_eq!(databricks_slot_config("s", "p"), Ok(json!({ "slot_name": "s", "publication_name": "p" })));
        assert_eq!(databricks_slot_config("", "p").unwrap_err().parameter, "slot_name");
        assert_eq!(databricks_slot_config("s", "").unwrap_err().parameter, "publication_name");
    }
}
