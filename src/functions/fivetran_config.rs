//! `fivetran_config(connection, slot_name, publication_name)`: `config` of a `fivetran_connection_config`, as JSON.

use serde::Deserialize;
use serde_json::json;
use tfplugin::{Attr, Function, FunctionError, Signature, Type};

use super::connection::{self, Connection};
use super::refusal::{Result, given, named};
use super::replication;

/// The configuration of service `postgres` with the update method `WAL_PGOUTPUT`.
pub(crate) fn fivetran_config(connection: &Connection, slot_name: &str, publication_name: &str) -> Result<String> {
    let connection = connection.direct()?;
    let config = json!({
        "update_method": "WAL_PGOUTPUT",
        "connection_type": "Directly",
        "host": connection.host,
        "port": connection.port,
        "database": connection.database,
        "user": connection.username,
        "password": connection.password()?,
        "replication_slot": named("slot_name", slot_name)?,
        "publication_name": named("publication_name", publication_name)?,
        "always_encrypted": true,
    });
    Ok(config.to_string())
}

/// `provider::neonrep::fivetran_config`
pub(crate) struct FivetranConfig;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Arguments {
    connection: Attr<Connection>,
    slot_name: Attr<String>,
    publication_name: Attr<String>,
}

impl Function for FivetranConfig {
    const NAME: &'static str = "fivetran_config";
    type Arguments = Arguments;
    type Result = String;

    fn signature() -> Signature {
        Signature::new("`config` of a Fivetran connection for Postgres.", "Gives the configuration of the service `postgres` with the update method `WAL_PGOUTPUT` as JSON, as `config` of a `fivetran_connection_config` takes it.\n\nThe result contains the password, and Terraform hides it because `password` of `connection` is sensitive.", Type::String)
            .parameter(connection::parameter())
            .parameter(replication::slot_name())
            .parameter(replication::publication_name())
    }

    fn call(arguments: Arguments) -> std::result::Result<String, FunctionError> {
        Ok(fivetran_config(
            &given("connection", arguments.connection)?,
            &given("slot_name", arguments.slot_name)?,
            &given("publication_name", arguments.publication_name)?,
        )?)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::super::samples::connection;
    use super::*;

    #[test]
    fn the_port_is_a_number_and_the_method_is_pgoutput() {
        let config: Value = serde_json::from_str(&fivetran_config(&connection(), "s", "p").unwrap()).unwrap();
        let expected = json!({
            "update_method": "WAL_PGOUTPUT",
            "connection_type": "Directly",
            "host": "ep-cool-darkness-123456.us-east-2.aws.neon.tech",
            "port": 5432,
            "database": "neondb",
            "user": "consumer",
            "password": "AbC123dEf",
            "replication_slot": "s",
            "publication_name": "p",
            "always_encrypted": true,
        });
        assert_eq!(config, expected);
        assert_eq!(fivetran_config(&connection(), "", "p").unwrap_err().parameter, "slot_name");
    }
}
