//! `fivetran_config(connection, slot_name, publication_name)`: `config` of a `fivetran_connection_config`, as JSON.

use serde_json::json;

use super::connection::Connection;
use super::refusal::{Result, named};

/// The configuration of service `postgres` with the update method `WAL_PGOUTPUT`.
pub fn fivetran_config(connection: &Connection, slot_name: &str, publication_name: &str) -> Result<String> {
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
