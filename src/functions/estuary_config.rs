//! `estuary_config(connection, publication_name, options)`: configuration of Estuary's `source-postgres`, as JSON.

use serde::Deserialize;
use serde_json::{Value, json};
use tfplugin::{Attr, Function, FunctionError, Parameter, Signature, Type};

use super::connection::{self, Connection};
use super::options::{self, Form, Options, values};
use super::refusal::{Result, given, named, refused};

/// What `advanced` takes, by the names of this provider; and its own name there.
const OPTIONS: &[(&str, Form)] = &[
    ("capture_as_partitions", Form::Boolean),
    ("discover_schemas", Form::List),
    ("feature_flags", Form::Text),
    ("history_mode", Form::Boolean),
    ("min_backfill_xid", Form::Text),
    ("read_only_capture", Form::Boolean),
    ("slot_name", Form::Text),
    ("sslmode", Form::One(&["require", "verify-ca", "verify-full"])),
    ("statement_timeout", Form::Text),
    ("watermarks_table", Form::Text),
];

/// The configuration; without `slot_name` the capture uses `flow_slot`, which it drops and recreates as it needs.
pub(crate) fn estuary_config(connection: &Connection, publication_name: &str, options: &Options) -> Result<String> {
    let connection = connection.direct()?;
    let mut options = values(options, OPTIONS)?;
    let is_on = |name: &str| options.get(name).and_then(Value::as_bool).unwrap_or(false);
    if is_on("read_only_capture") && options.contains_key("watermarks_table") {
        return refused(
            "options",
            "`watermarks_table` is of no use with `read_only_capture = true`, which writes nothing. Remove one of the two.",
        );
    }
    let read_only = is_on("read_only_capture");
    let history = options.remove("history_mode").unwrap_or(json!(false));
    let mut advanced = json!({
        "publicationName": named("publication_name", publication_name)?,
        "slotName": "flow_slot",
        "sslmode": "require",
    });
    if !read_only {
        advanced["watermarksTable"] = json!("public.flow_watermarks");
    }
    for (name, value) in options {
        let its_name = match name {
            "slot_name" => "slotName",
            "watermarks_table" => "watermarksTable",
            other => other,
        };
        advanced[its_name] = value;
    }
    let config = json!({
        "address": format!("{}:{}", connection.host, connection.port),
        "database": connection.database,
        "user": connection.username,
        "credentials": { "auth_type": "UserPassword", "password": connection.password()? },
        "historyMode": history,
        "advanced": advanced,
    });
    Ok(config.to_string())
}

/// `provider::neonrep::estuary_config`
pub(crate) struct EstuaryConfig;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Arguments {
    connection: Attr<Connection>,
    publication_name: Attr<String>,
    options: Attr<Options>,
}

impl Function for EstuaryConfig {
    const NAME: &'static str = "estuary_config";
    type Arguments = Arguments;
    type Result = String;

    fn signature() -> Signature {
        Signature::new("Configuration of an Estuary capture for Postgres.", "Gives the configuration of the connector `source-postgres` as JSON. The capture creates its slot, `flow_slot` by default.\n\nOptions are `capture_as_partitions`, `discover_schemas`, `feature_flags`, `history_mode`, `min_backfill_xid`, `read_only_capture`, `slot_name`, `sslmode`, `statement_timeout` and `watermarks_table`. A list has commas between its words.\n\nThe result contains the password, and Terraform hides it because `password` of `connection` is sensitive.", Type::String)
            .parameter(connection::parameter())
            .parameter(Parameter::new("publication_name", Type::String, "Name of the publication, such as `neonrep_publication.<name>.name`."))
            .parameter(options::parameter())
    }

    fn call(arguments: Arguments) -> std::result::Result<String, FunctionError> {
        Ok(estuary_config(
            &given("connection", arguments.connection)?,
            &given("publication_name", arguments.publication_name)?,
            &arguments.options.into_known().unwrap_or_default(),
        )?)
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples::connection;
    use super::*;

    fn options(given: &[(&str, &str)]) -> Options {
        given.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    fn config(given: &[(&str, &str)]) -> Result<Value> {
        estuary_config(&connection(), "flow_publication", &options(given)).map(|it| serde_json::from_str(&it).unwrap())
    }

    #[test]
    fn defaults_are_the_connectors_own_names() {
        let expected = json!({
            "address": "ep-cool-darkness-123456.us-east-2.aws.neon.tech:5432",
            "database": "neondb",
            "user": "consumer",
            "credentials": { "auth_type": "UserPassword", "password": "AbC123dEf" },
            "historyMode": false,
            "advanced": {
                "publicationName": "flow_publication",
                "slotName": "flow_slot",
                "watermarksTable": "public.flow_watermarks",
                "sslmode": "require",
            },
        });
        assert_eq!(config(&[]), Ok(expected));
    }

    #[test]
    fn options_take_their_places() {
        let found = config(&[
            ("slot_name", "other"),
            ("discover_schemas", "public, sales"),
            ("capture_as_partitions", "true"),
            ("history_mode", "true"),
        ])
        .unwrap();
        assert_eq!(found["advanced"]["slotName"], "other");
        assert_eq!(found["advanced"]["discover_schemas"], json!(["public", "sales"]));
        assert_eq!(found["advanced"]["capture_as_partitions"], true);
        assert_eq!(found["historyMode"], true);
    }

    #[test]
    fn a_read_only_capture_has_no_watermarks() {
        let found = config(&[("read_only_capture", "true")]).unwrap();
        assert_eq!(found["advanced"].get("watermarksTable"), None);
        assert_eq!(found["advanced"]["read_only_capture"], true);
        let both = [("read_only_capture", "true"), ("watermarks_table", "public.w")];
        assert_eq!(config(&both).unwrap_err().parameter, "options");
        assert!(config(&[("watermarks_table", "public.w")]).is_ok());
    }
}
