//! `clickpipes_settings(publication_name, mode, slot_name)`: `settings` of a `clickhouse_clickpipe` for Postgres.

use serde::Deserialize;
use serde_json::{Value, json};
use tfplugin::{Attr, Function, FunctionError, Parameter, Signature, Type};

use super::refusal::{Result, given, named, object, refused};

/// `{ replication_mode, publication_name, replication_slot_name }`, the last null where the pipe creates its slot.
///
/// A pipe that starts with a copy of the tables creates its slot, and refuses one that exists (`ErrSlotAlreadyExists` of
/// `PeerDB-io/peerdb`): so a slot goes with `cdc_only` alone.
pub(crate) fn clickpipes_settings(publication_name: &str, mode: &str, slot_name: Option<&str>) -> Result<Value> {
    let publication_name = named("publication_name", publication_name)?;
    match (mode, slot_name) {
        ("cdc_only", Some(slot)) => {
            named("slot_name", slot)?;
        }
        ("cdc" | "snapshot" | "cdc_only", None) => {}
        ("cdc", Some(slot)) => {
            return refused(
                "slot_name",
                format!(
                    "With mode `cdc` the pipe copies the tables first, creates its slot, and refuses `{slot}`, which exists. Set it \
                     to null, or use mode `cdc_only`, which copies nothing."
                ),
            );
        }
        ("snapshot", Some(_)) => {
            return refused("slot_name", "With mode `snapshot` the pipe uses no slot. Set it to null.");
        }
        (other, _) => {
            return refused("mode", format!("It must be `cdc`, `snapshot` or `cdc_only`, not `{other}`."));
        }
    }
    Ok(json!({
        "replication_mode": mode,
        "publication_name": publication_name,
        "replication_slot_name": slot_name,
    }))
}

/// `provider::neonrep::clickpipes_settings`
pub(crate) struct ClickpipesSettings;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Arguments {
    publication_name: Attr<String>,
    mode: Attr<String>,
    slot_name: Attr<String>,
}

impl Function for ClickpipesSettings {
    const NAME: &'static str = "clickpipes_settings";
    type Arguments = Arguments;
    type Result = Value;

    fn signature() -> Signature {
        Signature::new("`settings` of a `clickhouse_clickpipe` for Postgres.", "Gives replication mode, publication and slot of a `clickhouse_clickpipe` whose source is Postgres.\n\nA pipe with mode `cdc` copies the tables, creates its slot and refuses a slot that exists, so `slot_name` must be null. A slot can be given only with mode `cdc_only`, which copies nothing.", object(&[("replication_mode", Type::String), ("publication_name", Type::String), ("replication_slot_name", Type::String)]))
            .parameter(Parameter::new("publication_name", Type::String, "Name of the publication, such as `neonrep_publication.<name>.name`."))
            .parameter(Parameter::new("mode", Type::String, "`cdc`, `snapshot` or `cdc_only`."))
            .parameter(Parameter::new("slot_name", Type::String, "Name of the slot, with mode `cdc_only` only. Null lets the pipe create it.").nullable())
    }

    fn call(arguments: Arguments) -> std::result::Result<Value, FunctionError> {
        Ok(clickpipes_settings(
            &given("publication_name", arguments.publication_name)?,
            &given("mode", arguments.mode)?,
            arguments.slot_name.known().map(String::as_str),
        )?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_goes_with_cdc_only_alone() {
        let settings = |mode, slot| clickpipes_settings("p", mode, slot).map(|it| it["replication_slot_name"].clone());
        assert_eq!(settings("cdc", None), Ok(Value::Null));
        assert_eq!(settings("snapshot", None), Ok(Value::Null));
        assert_eq!(settings("cdc_only", None), Ok(Value::Null));
        assert_eq!(settings("cdc_only", Some("s")), Ok(json!("s")));
        for mode in ["cdc", "snapshot"] {
            assert_eq!(settings(mode, Some("s")).unwrap_err().parameter, "slot_name", "{mode}");
        }
        assert!(settings("cdc", Some("s")).unwrap_err().reason.contains("cdc_only"));
    }

    #[test]
    fn the_settings_are_those_of_the_provider() {
        let expected = json!({ "replication_mode": "cdc", "publication_name": "p", "replication_slot_name": null });
        assert_eq!(clickpipes_settings("p", "cdc", None), Ok(expected));
        assert_eq!(clickpipes_settings("p", "CDC", None).unwrap_err().parameter, "mode");
        assert_eq!(clickpipes_settings("", "cdc", None).unwrap_err().parameter, "publication_name");
    }
}
