//! `airbyte_source_configuration(…)`: `configuration` of an `airbyte_source` for Postgres, as JSON.

use serde::Deserialize;
use serde_json::{Value, json};
use tfplugin::{Attr, Function, FunctionError, Parameter, Signature, Type};

use super::connection::{self, Connection};
use super::options::{self, Form, Options, values};
use super::refusal::{Result, given, named, refused};
use super::replication;

/// Airbyte runs it while it reads, so that its saved position moves on a quiet database. It needs no table, on Postgres 14
/// and later.
const HEARTBEAT: &str = "SELECT pg_logical_emit_message(true, 'airbyte', '')";

/// What `replication_method` takes beside plugin, slot and publication; and `ssl_mode`.
const OPTIONS: &[(&str, Form)] = &[
    ("heartbeat_action_query", Form::Text),
    ("initial_load_timeout_hours", Form::Number),
    ("initial_waiting_seconds", Form::Number),
    ("invalid_cdc_cursor_position_behavior", Form::One(&["Fail sync", "Re-sync data"])),
    ("lsn_commit_behaviour", Form::One(&["After loading Data in the destination", "While reading Data"])),
    ("queue_size", Form::Number),
    ("ssl_mode", Form::One(&["require", "verify-ca", "verify-full"])),
];

/// The configuration of connector `source-postgres` with CDC.
pub(crate) fn airbyte_source_configuration(
    connection: &Connection,
    slot_name: &str,
    publication_name: &str,
    schemas: &[String],
    options: &Options,
) -> Result<String> {
    let connection = connection.direct()?;
    if schemas.is_empty() {
        return refused("schemas", "It must not be empty: Airbyte reads only tables of these schemas.");
    }
    let mut options = values(options, OPTIONS)?;
    let ssl_mode = options.remove("ssl_mode").unwrap_or_else(|| json!("require"));
    let mut method = json!({
        "method": "CDC",
        "plugin": "pgoutput",
        "replication_slot": named("slot_name", slot_name)?,
        "publication": named("publication_name", publication_name)?,
        "heartbeat_action_query": HEARTBEAT,
        "lsn_commit_behaviour": "After loading Data in the destination",
        "invalid_cdc_cursor_position_behavior": "Fail sync",
    });
    for (name, value) in options {
        method[name] = value;
    }
    let configuration: Value = json!({
        "host": connection.host,
        "port": connection.port,
        "database": connection.database,
        "schemas": schemas,
        "username": connection.username,
        "password": connection.password()?,
        "ssl_mode": { "mode": ssl_mode },
        "tunnel_method": { "tunnel_method": "NO_TUNNEL" },
        "replication_method": method,
    });
    Ok(configuration.to_string())
}

/// `provider::neonrep::airbyte_source_configuration`
pub(crate) struct AirbyteSourceConfiguration;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Arguments {
    connection: Attr<Connection>,
    slot_name: Attr<String>,
    publication_name: Attr<String>,
    schemas: Attr<Vec<String>>,
    options: Attr<Options>,
}

impl Function for AirbyteSourceConfiguration {
    const NAME: &'static str = "airbyte_source_configuration";
    type Arguments = Arguments;
    type Result = String;

    fn signature() -> Signature {
        Signature::new("`configuration` of an Airbyte source for Postgres.", "Gives the configuration of the connector `source-postgres` with CDC as JSON, as `configuration` of an `airbyte_source` takes it. The heartbeat is on: without it the slot does not advance while the tables are quiet.\n\nOptions are `heartbeat_action_query`, `initial_load_timeout_hours`, `initial_waiting_seconds`, `invalid_cdc_cursor_position_behavior`, `lsn_commit_behaviour`, `queue_size` and `ssl_mode`.\n\nThe result contains the password, and Terraform hides it because `password` of `connection` is sensitive.", Type::String)
            .parameter(connection::parameter())
            .parameter(replication::slot_name())
            .parameter(replication::publication_name())
            .parameter(Parameter::new("schemas", Type::List(Box::new(Type::String)), "Schemas to read. Must not be empty."))
            .parameter(options::parameter())
    }

    fn call(arguments: Arguments) -> std::result::Result<String, FunctionError> {
        Ok(airbyte_source_configuration(
            &given("connection", arguments.connection)?,
            &given("slot_name", arguments.slot_name)?,
            &given("publication_name", arguments.publication_name)?,
            &given("schemas", arguments.schemas)?,
            &arguments.options.into_known().unwrap_or_default(),
        )?)
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples::connection;
    use super::*;

    fn configuration(options: &[(&str, &str)]) -> Result<Value> {
        let options = options.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let text = airbyte_source_configuration(&connection(), "s", "p", &["public".to_owned()], &options)?;
        Ok(serde_json::from_str(&text).unwrap())
    }

    #[test]
    fn the_heartbeat_is_there_without_being_asked_for() {
        let found = configuration(&[]).unwrap();
        let expected = json!({
            "host": "ep-cool-darkness-123456.us-east-2.aws.neon.tech",
            "port": 5432,
            "database": "neondb",
            "schemas": ["public"],
            "username": "consumer",
            "password": "AbC123dEf",
            "ssl_mode": { "mode": "require" },
            "tunnel_method": { "tunnel_method": "NO_TUNNEL" },
            "replication_method": {
                "method": "CDC",
                "plugin": "pgoutput",
                "replication_slot": "s",
                "publication": "p",
                "heartbeat_action_query": "SELECT pg_logical_emit_message(true, 'airbyte', '')",
                "lsn_commit_behaviour": "After loading Data in the destination",
                "invalid_cdc_cursor_position_behavior": "Fail sync",
            },
        });
        assert_eq!(found, expected);
    }

    #[test]
    fn options_take_their_places() {
        let query = ("heartbeat_action_query", "UPDATE beat SET beat = now()");
        let found = configuration(&[query, ("initial_waiting_seconds", "600"), ("ssl_mode", "verify-full")]).unwrap();
        assert_eq!(found["replication_method"]["heartbeat_action_query"], "UPDATE beat SET beat = now()");
        assert_eq!(found["replication_method"]["initial_waiting_seconds"], 600);
        assert_eq!(found["ssl_mode"]["mode"], "verify-full");
    }

    #[test]
    fn what_airbyte_would_refuse_is_refused() {
        assert_eq!(configuration(&[("ssl_mode", "disable")]).unwrap_err().parameter, "options");
        assert_eq!(configuration(&[("plugin", "wal2json")]).unwrap_err().parameter, "options");
        assert_eq!(configuration(&[("heartbeat_action_query", "")]).unwrap_err().parameter, "options");
        let none = Options::new();
        assert_eq!(airbyte_source_configuration(&connection(), "s", "p", &[], &none).unwrap_err().parameter, "schemas");
    }
}
