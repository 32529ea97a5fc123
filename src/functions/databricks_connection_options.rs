//! `databricks_connection_options(connection)`: `options` of a `databricks_connection` of type `POSTGRESQL`.

use serde::Deserialize;
use serde_json::{Value, json};
use tfplugin::{Attr, Function, FunctionError, Signature, Type};

use super::connection::{self, Connection};
use super::refusal::{Result, given, object};

/// `{ host, port, user, password }`, all texts: the argument is a map of strings.
pub(crate) fn databricks_connection_options(connection: &Connection) -> Result<Value> {
    let connection = connection.direct()?;
    Ok(json!({
        "host": connection.host,
        "port": connection.port.to_string(),
        "user": connection.username,
        "password": connection.password()?,
    }))
}

/// `provider::neonrep::databricks_connection_options`
pub(crate) struct DatabricksConnectionOptions;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Arguments {
    connection: Attr<Connection>,
}

impl Function for DatabricksConnectionOptions {
    const NAME: &'static str = "databricks_connection_options";
    type Arguments = Arguments;
    type Result = Value;

    fn signature() -> Signature {
        Signature::new("`options` of a `databricks_connection`.", "Gives `options` of a `databricks_connection` with `connection_type = \"POSTGRESQL\"`. All values are strings, as that argument takes.\n\nThe result contains the password, and Terraform hides it because `password` of `connection` is sensitive.", object(&[("host", Type::String), ("port", Type::String), ("user", Type::String), ("password", Type::String)]))
            .parameter(connection::parameter())
    }

    fn call(arguments: Arguments) -> std::result::Result<Value, FunctionError> {
        Ok(databricks_connection_options(&given("connection", arguments.connection)?)?)
    }
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
