//! `databricks_connection_options(connection)`: `options` of a `databricks_connection` of type `POSTGRESQL`.

use serde_json::{Value, json};

use super::connection::Connection;
use super::refusal::Result;

/// `{ host, port, user, password }`, all texts: the argument is a map of strings.
pub fn databricks_connection_options(connection: &Connection) -> Result<Value> {
    let connection = connection.direct()?;
    Ok(json!({
        "host": connection.host,
        "port": connection.port.to_string(),
        "user": connection.username,
        "password": connection.password()?,
    }))
}

#[cfg(test)]
mod tests {
    use super::super::samples::connection;
    use super::*;

    #[test]
    fn the_options_are_texts() {
        let expected = json!({
            "host": "ep-cool-darkness-123456.us-east-2.aws.neon.tech",
            "port": "5432",
            "user": "consumer",
            "password": "AbC123dEf",
        });
        assert_eq!(databricks_connection_options(&connection()), Ok(expected));
        assert!(databricks_connection_options(&Connection { password: None, ..connection() }).is_err());
    }
}
