//! `debezium_config(connection, slot_name, publication_name, options)`: settings of Debezium's connector for Postgres.

use serde::Deserialize;
use serde_json::{Map, Value};
use tfplugin::{Attr, Function, FunctionError, Signature, Type};

use super::connection::{self, Connection};
use super::options::{self, Options};
use super::refusal::{Result, given, named, refused};
use super::replication;

/// Settings that the arguments give.
const GIVEN: &[&str] =
    &["database.hostname", "database.port", "database.dbname", "database.user", "slot.name", "publication.name"];

/// A map of strings without the password, which belongs into a sensitive argument or a secret of the connector's own.
///
/// Options are settings of the connector by their own names, and win over the defaults here. Those that would break the
/// prepared database are refused.
pub(crate) fn debezium_config(
    connection: &Connection,
    slot_name: &str,
    publication_name: &str,
    options: &Options,
) -> Result<Value> {
    let connection = connection.direct()?;
    let port = connection.port.to_string();
    let mut config: Map<String, Value> = [
        ("connector.class", "io.debezium.connector.postgresql.PostgresConnector"),
        // The default, decoderbufs, is not installed on Neon.
        ("plugin.name", "pgoutput"),
        ("database.hostname", &connection.host),
        ("database.port", &port),
        ("database.dbname", &connection.database),
        ("database.user", &connection.username),
        ("database.sslmode", "require"),
        ("topic.prefix", "neon"),
        ("slot.name", named("slot_name", slot_name)?),
        ("publication.name", named("publication_name", publication_name)?),
        // The default, all_tables, publishes tables without a key.
        ("publication.autocreate.mode", "disabled"),
        ("snapshot.mode", "initial"),
        ("lsn.flush.mode", "connector"),
        // wal_sender_timeout is 10 seconds on Neon, and so is the default of this.
        ("status.update.interval.ms", "5000"),
        ("heartbeat.interval.ms", "10000"),
        ("heartbeat.action.query", "SELECT pg_logical_emit_message(true, 'debezium', '')"),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value.into()))
    .collect();
    for (name, value) in options {
        if let Some(reason) = why_not(name, value) {
            return refused("options", reason);
        }
        config.insert(name.clone(), value.as_str().into());
    }
    Ok(config.into())
}

/// Why an option is refused.
fn why_not(name: &str, value: &str) -> Option<String> {
    match (name, value) {
        ("database.password", _) => Some(
            "`database.password` does not belong here: the result is not sensitive. Merge it where the connector takes secrets."
                .to_owned(),
        ),
        ("flush.lsn.source", _) => {
            Some("`flush.lsn.source` is deprecated. Set `lsn.flush.mode`, which is `connector` by default here.".to_owned())
        }
        ("plugin.name", other) if other != "pgoutput" => {
            Some(format!("`plugin.name` must be `pgoutput`, with which the slot was created, not `{other}`."))
        }
        ("publication.autocreate.mode", other) if other != "disabled" => Some(format!(
            "`publication.autocreate.mode` must be `disabled`, not `{other}`: the publication exists, and the role does not own it."
        )),
        ("slot.drop.on.stop", "true") => {
            Some("`slot.drop.on.stop` must not be `true`: it drops the slot that Terraform manages.".to_owned())
        }
        (given, _) if GIVEN.contains(&given) => Some(format!("`{given}` follows from the other parameters.")),
        _ => None,
    }
}

/// `provider::neonrep::debezium_config`
pub(crate) struct DebeziumConfig;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Arguments {
    connection: Attr<Connection>,
    slot_name: Attr<String>,
    publication_name: Attr<String>,
    options: Attr<Options>,
}

impl Function for DebeziumConfig {
    const NAME: &'static str = "debezium_config";
    type Arguments = Arguments;
    type Result = Value;

    fn signature() -> Signature {
        Signature::new("Settings of the Debezium connector for Postgres.", "Gives the settings of the Debezium connector for Postgres, by the names of the connector.\n\n`database.password` is not among them: merge it where the connector takes secrets. `options` are further settings by the names of the connector and win over the defaults. Those that contradict the prepared database are refused.", Type::Map(Box::new(Type::String)))
            .parameter(connection::parameter())
            .parameter(replication::slot_name())
            .parameter(replication::publication_name())
            .parameter(options::parameter())
    }

    fn call(arguments: Arguments) -> std::result::Result<Value, FunctionError> {
        Ok(debezium_config(
            &given("connection", arguments.connection)?,
            &given("slot_name", arguments.slot_name)?,
            &given("publication_name", arguments.publication_name)?,
            &arguments.options.into_known().unwrap_or_default(),
        )?)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::samples::connection;
    use super::*;

    fn config(options: &[(&str, &str)]) -> Result<Value> {
        let options = options.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        debezium_config(&connection(), "s", "p", &options)
    }

    #[test]
    fn defaults_are_those_that_work_on_neon() {
        let found = config(&[]).unwrap();
        let expected = json!({
            "connector.class": "io.debezium.connector.postgresql.PostgresConnector",
            "plugin.name": "pgoutput",
            "database.hostname": "ep-cool-darkness-123456.us-east-2.aws.neon.tech",
            "database.port": "5432",
            "database.dbname": "neondb",
            "database.user": "consumer",
            "database.sslmode": "require",
            "topic.prefix": "neon",
            "slot.name": "s",
            "publication.name": "p",
            "publication.autocreate.mode": "disabled",
            "snapshot.mode": "initial",
            "lsn.flush.mode": "connector",
            "status.update.interval.ms": "5000",
            "heartbeat.interval.ms": "10000",
            "heartbeat.action.query": "SELECT pg_logical_emit_message(true, 'debezium', '')",
        });
        assert_eq!(found, expected);
        assert!(!found.to_string().contains("AbC123dEf"), "no password");
    }

    #[test]
    fn options_win_unless_they_break_what_was_prepared() {
        let found = config(&[("topic.prefix", "shop"), ("table.include.list", "public.orders")]).unwrap();
        assert_eq!(
            (found["topic.prefix"].as_str(), found["table.include.list"].as_str()),
            (Some("shop"), Some("public.orders"))
        );
        for (name, value) in [
            ("database.password", "x"),
            ("flush.lsn.source", "true"),
            ("plugin.name", "decoderbufs"),
            ("publication.autocreate.mode", "filtered"),
            ("publication.autocreate.mode", "all_tables"),
            ("slot.drop.on.stop", "true"),
            ("slot.name", "other"),
            ("database.hostname", "other"),
        ] {
            let refusal = config(&[(name, value)]).unwrap_err();
            assert!(refusal.parameter == "options" && refusal.reason.contains(name), "{name}: {refusal:?}");
        }
        for (name, value) in
            [("plugin.name", "pgoutput"), ("publication.autocreate.mode", "disabled"), ("slot.drop.on.stop", "false")]
        {
            assert!(config(&[(name, value)]).is_ok(), "{name}");
        }
    }
}
