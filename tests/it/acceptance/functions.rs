//! The provider functions, called by the real CLI: what consumers take, and the argument that an error names.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use tfplugin::Provider;

use crate::support::stand_in::StandIn;
use crate::support::terraform::Workspace;
use crate::support::versions::suite;

const CONNECTION: &str = r#"
data "neonrep_connection" "this" {
  project_id       = var.project_id
  database         = "neondb"
  username         = "neondb_owner"
  include_password = true
}
"#;

/// Each function by name, its arguments, and the result; `HOST`, `PORT` and `PASSWORD` stand for those of the server.
fn calls() -> Vec<(&'static str, &'static str, Value)> {
    vec![
        (
            "parse_id",
            r#""p/br-a/d/s/a%2Fb""#,
            json!({"project_id": "p", "branch_id": "br-a", "database": "d", "schema": "s", "name": "a/b"}),
        ),
        (
            "connection_uri",
            r#""h.example", 5433, "d", "r/1", null"#,
            json!("postgresql://r%2F1@h.example:5433/d?sslmode=require&channel_binding=require"),
        ),
        (
            "databricks_connection_options",
            "data.neonrep_connection.this",
            json!({"host": "HOST", "port": "PORT", "user": "neondb_owner", "password": "PASSWORD"}),
        ),
        ("databricks_slot_config", r#""s", "p""#, json!({"slot_name": "s", "publication_name": "p"})),
        (
            "airbyte_source_configuration",
            r#"data.neonrep_connection.this, "s", "p", ["public"], null"#,
            json!({
                "host": "HOST", "port": "PORT", "database": "neondb", "schemas": ["public"], "username": "neondb_owner",
                "password": "PASSWORD", "ssl_mode": {"mode": "require"}, "tunnel_method": {"tunnel_method": "NO_TUNNEL"},
                "replication_method": {
                    "method": "CDC", "plugin": "pgoutput", "replication_slot": "s", "publication": "p",
                    "heartbeat_action_query": "SELECT pg_logical_emit_message(true, 'airbyte', '')",
                    "lsn_commit_behaviour": "After loading Data in the destination",
                    "invalid_cdc_cursor_position_behavior": "Fail sync",
                },
            }),
        ),
        (
            "fivetran_config",
            r#"data.neonrep_connection.this, "s", "p""#,
            json!({
                "update_method": "WAL_PGOUTPUT", "connection_type": "Directly", "host": "HOST", "port": "PORT",
                "database": "neondb", "user": "neondb_owner", "password": "PASSWORD", "replication_slot": "s",
                "publication_name": "p", "always_encrypted": true,
            }),
        ),
        (
            "clickpipes_settings",
            r#""p", "cdc", null"#,
            json!({"replication_mode": "cdc", "publication_name": "p", "replication_slot_name": null}),
        ),
        (
            "debezium_config",
            r#"data.neonrep_connection.this, "s", "p", { "topic.prefix" = "shop" }"#,
            json!({
                "connector.class": "io.debezium.connector.postgresql.PostgresConnector", "plugin.name": "pgoutput",
                "database.hostname": "HOST", "database.port": "PORT", "database.dbname": "neondb",
                "database.user": "neondb_owner", "database.sslmode": "require", "topic.prefix": "shop", "slot.name": "s",
                "publication.name": "p", "publication.autocreate.mode": "disabled", "snapshot.mode": "initial",
                "lsn.flush.mode": "connector", "status.update.interval.ms": "5000", "heartbeat.interval.ms": "10000",
                "heartbeat.action.query": "SELECT pg_logical_emit_message(true, 'debezium', '')",
            }),
        ),
        (
            "estuary_config",
            r#"data.neonrep_connection.this, "p", { slot_name = "s" }"#,
            json!({
                "address": "HOST:PORT", "database": "neondb", "user": "neondb_owner",
                "credentials": {"auth_type": "UserPassword", "password": "PASSWORD"}, "historyMode": false,
                "advanced": {
                    "publicationName": "p", "slotName": "s", "watermarksTable": "public.flow_watermarks",
                    "sslmode": "require",
                },
            }),
        ),
        (
            "sequin_yaml",
            r#"data.neonrep_connection.this, "s", "p", "n""#,
            json!(
                r#"databases:
  - name: "n"
    hostname: "HOST"
    port: PORT
    database: "neondb"
    username: "neondb_owner"
    password: "PASSWORD"
    slot:
      name: "s"
      create_if_not_exists: false
    publication:
      name: "p"
      create_if_not_exists: false
"#
            ),
        ),
    ]
}

/// The value with the server's own host, port and password; a port that stands alone in JSON is a number.
fn of(stand_in: &StandIn, value: &Value, in_json: bool) -> Value {
    let ready = &stand_in.ready;
    let text = |it: &str| {
        let it = it.replace("HOST", &ready.host).replace("PASSWORD", &stand_in.password_of(&ready.owner_role));
        it.replace("PORT", &ready.port.to_string())
    };
    match value {
        Value::String(it) if it == "PORT" && in_json => json!(ready.port),
        Value::String(it) => json!(text(it)),
        Value::Object(members) => members.iter().map(|(name, it)| (name.clone(), of(stand_in, it, in_json))).collect(),
        other => other.clone(),
    }
}

#[test]
fn each_function_gives_what_its_consumer_takes() {
    let stand_in = StandIn::start(suite());
    let workspace = Workspace::new(&stand_in);
    let calls = calls();
    let named: BTreeSet<&str> = calls.iter().map(|(name, ..)| *name).collect();
    let all: BTreeSet<&str> = neonrep::Neonrep::functions().iter().map(|it| it.name()).collect();
    assert_eq!(named, all);
    let outputs = calls.iter().map(|(name, arguments, _)| {
        format!(
            r#"output "{name}" {{
  sensitive = true
  value     = provider::neonrep::{name}({arguments})
}}
"#
        )
    });
    workspace.write(&format!("{CONNECTION}{}", outputs.collect::<String>()));
    workspace.apply();
    let outputs = workspace.outputs();
    for (name, _, expected) in &calls {
        let found = &outputs[*name]["value"];
        let as_json = found.as_str().and_then(|it| serde_json::from_str::<Value>(it).ok());
        let expected = of(&stand_in, expected, as_json.is_some());
        assert_eq!(as_json.as_ref().unwrap_or(found), &expected, "{name}");
    }
}

#[test]
fn an_error_names_the_argument_and_a_password_stays_sensitive() {
    let stand_in = StandIn::start(suite());
    let workspace = Workspace::new(&stand_in);
    for (call, wanted) in [
        (r#"parse_id("p/br-a")"#, r#""id" parameter"#),
        (r#"connection_uri("h", 70000, "d", "r", null)"#, r#""port" parameter"#),
        (r#"clickpipes_settings("p", "cdc", "s")"#, r#""slot_name" parameter"#),
        (r#"databricks_slot_config("s", null)"#, "argument must not be null"),
        (r#"fivetran_config(data.neonrep_connection.this, "", "p")"#, r#""slot_name" parameter"#),
        (r#"estuary_config(data.neonrep_connection.this, "p", { nothing = "1" })"#, r#""options" parameter"#),
    ] {
        workspace.write(&format!(
            r#"{CONNECTION}output "it" {{
  sensitive = true
  value     = provider::neonrep::{call}
}}
"#
        ));
        let error = workspace.plan_fails().error();
        assert!(error.text().contains(wanted), "{call}: {error:?}");
    }
    // Terraform refuses an output that is not marked.
    let call = "provider::neonrep::databricks_connection_options(data.neonrep_connection.this)";
    workspace.write(&format!(
        r#"{CONNECTION}output "it" {{
  value = {call}
}}
"#
    ));
    let error = workspace.plan_fails().error();
    assert!(error.text().contains("sensitive"), "{error:?}");
}
