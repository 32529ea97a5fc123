//! `neonrep_signal_table`: a table that a consumer writes, created before it is published and granted.

use serde_json::json;

use crate::support::sql::{identifier, literal};
use crate::support::stand_in::StandIn;
use crate::support::terraform::Workspace;
use crate::support::versions::suite;

const ADDRESS: &str = "neonrep_signal_table.this";

/// The table, published and granted in the same run.
fn whole(schema: &str, name: &str, shape: &str) -> String {
    let (schema, name) = (json!(schema), json!(name));
    format!(
        r#"
resource "neonrep_role" "this" {{
  project_id = var.project_id
  name       = "consumer"
}}

resource "neonrep_signal_table" "this" {{
  project_id = var.project_id
  database   = "neondb"
  schema     = {schema}
  name       = {name}
  shape      = "{shape}"
}}

resource "neonrep_grant" "this" {{
  project_id = var.project_id
  database   = "neondb"
  role       = neonrep_role.this.name
  tables     = [neonrep_signal_table.this.table]
  privileges = ["SELECT", "INSERT", "UPDATE"]
}}

resource "neonrep_publication" "this" {{
  project_id = var.project_id
  database   = "neondb"
  name       = "consumer_publication"
  tables     = [{{ name = "orders" }}, neonrep_signal_table.this.table]
}}
"#
    )
}

/// The table alone.
fn alone(name: &str, shape: &str) -> String {
    format!(
        r#"
resource "neonrep_signal_table" "this" {{
  project_id = var.project_id
  database   = "neondb"
  name       = "{name}"
  shape      = "{shape}"
}}
"#
    )
}

fn owner(stand_in: &StandIn, statements: &str) {
    stand_in.sql_as_owner(statements).unwrap_or_else(|error| panic!("{statements}: {error}"));
}

/// What the consumer of each shape writes, as its documentation has it.
const WRITES: [(&str, &str, &str); 3] = [
    (
        "heartbeat",
        "INSERT INTO {} (id) VALUES (1) ON CONFLICT (id) DO UPDATE SET beat = now()",
        "id integer NOT NULL, beat timestamp with time zone NOT NULL",
    ),
    (
        "estuary_watermarks",
        "INSERT INTO {} (slot, watermark) VALUES ('flow_slot', 'x') ON CONFLICT (slot) DO UPDATE SET watermark = 'x'",
        "slot text NOT NULL, watermark text",
    ),
    (
        "debezium_signal",
        "INSERT INTO {} (id, type, data) VALUES ('ad-hoc', 'execute-snapshot', '{}')",
        "id character varying(42) NOT NULL, type character varying(32) NOT NULL, data character varying(2048)",
    ),
];

#[test]
fn each_shape_lives_on_every_supported_server_and_its_consumer_writes_it() {
    for major in [14, 17, 18] {
        let stand_in = StandIn::start(major);
        owner(&stand_in, r#"CREATE TABLE orders(id int PRIMARY KEY); CREATE SCHEMA "it's; ""odd"".ü/%""#);
        for (at, (shape, write, columns)) in WRITES.iter().enumerate() {
            let (schema, name) = [("public", "signals"), (r#"it's; "odd".ü/%"#, r#"t""; --.a/b,%2e"#)][at % 2];
            let relation = format!("{}.{}", identifier(schema), identifier(name));
            let workspace = Workspace::new(&stand_in);
            workspace.write(&whole(schema, name, shape));
            let done = workspace.apply();
            let position = |event, address| done.position(event, address).expect("an event");
            for later in ["neonrep_grant.this", "neonrep_publication.this"] {
                assert!(position("apply_complete", ADDRESS) < position("apply_start", later), "{later}");
            }
            assert_eq!(workspace.attributes(ADDRESS)["table"], json!({ "schema": schema, "name": name }));
            let found = stand_in.value(&format!(
                "SELECT string_agg(attname || ' ' || format_type(atttypid, atttypmod) || CASE WHEN attnotnull THEN ' NOT NULL' ELSE '' END, ', '
                        ORDER BY attnum) FROM pg_attribute WHERE attrelid = {}::regclass AND attnum > 0",
                literal(&relation)
            ));
            assert_eq!(found, *columns);
            let published = format!(
                "SELECT count(*) FROM pg_publication_tables WHERE schemaname = {} AND tablename = {}",
                literal(schema),
                literal(name)
            );
            assert_eq!(stand_in.value(&published), "1");
            stand_in.sql(&format!("GRANT USAGE ON SCHEMA {} TO consumer", identifier(schema)));
            let password = stand_in.password_of("consumer");
            for _ in 0..2 {
                let write = write.replacen("{}", &relation, 1).replace("'ad-hoc'", "gen_random_uuid()::text");
                stand_in.sql_as("consumer", &password, &write).unwrap_or_else(|error| panic!("{write}: {error}"));
            }

            // Imported, its shape is read from its columns, and destroy drops it, with the rows of the consumer.
            let id = workspace.attributes(ADDRESS)["id"].as_str().expect("an id").to_owned();
            workspace.forget(ADDRESS);
            workspace.import(ADDRESS, &id).expect_success();
            assert_eq!(workspace.attributes(ADDRESS)["shape"], *shape);
            workspace.insist_on_empty_plan();
            workspace.destroy();
            assert_eq!(stand_in.value(&format!("SELECT to_regclass({})", literal(&relation))), "");
        }
    }
}

#[test]
fn an_existing_table_is_used_if_it_fits_and_never_dropped() {
    let stand_in = StandIn::start(suite());
    owner(
        &stand_in,
        "CREATE TABLE flow_watermarks(slot text PRIMARY KEY, watermark text, at timestamptz NOT NULL DEFAULT now());
         INSERT INTO flow_watermarks VALUES ('another', 'w')",
    );
    let workspace = Workspace::new(&stand_in);
    workspace.write(&alone("flow_watermarks", "estuary_watermarks"));
    workspace.apply().insist_warning("existed before");
    workspace.destroy().insist_warning("The table existed before this resource");
    assert_eq!(stand_in.value("SELECT slot FROM flow_watermarks"), "another");
}

#[test]
fn an_existing_table_of_another_shape_is_an_error_that_names_the_column() {
    let stand_in = StandIn::start(suite());
    let workspace = Workspace::new(&stand_in);
    workspace.write(&alone("signals", "debezium_signal"));
    for (statement, said) in [
        ("CREATE TABLE signals(id varchar(42) PRIMARY KEY, type varchar(32) NOT NULL)", "no column `data`"),
        (
            "CREATE TABLE signals(id varchar(42) PRIMARY KEY, type int NOT NULL, data text)",
            "column `type` has type integer, not character varying(32)",
        ),
        ("CREATE TABLE signals(id text, type text NOT NULL, data text)", "column `id` is not the primary key"),
        (
            "CREATE TABLE signals(id text PRIMARY KEY, type text NOT NULL, data text, tenant int NOT NULL)",
            "column `tenant` is NOT NULL without a default",
        ),
        ("CREATE UNLOGGED TABLE signals(id text PRIMARY KEY, type text NOT NULL, data text)", "unlogged"),
        ("CREATE VIEW signals AS SELECT 1 AS id", "it is a view"),
    ] {
        owner(&stand_in, statement);
        let error = workspace.apply_fails().error();
        assert!(error.is_on("name") && error.text().contains(said), "{statement}: {error:?}");
        assert!(workspace.addresses().is_empty());
        let kind = if statement.contains("VIEW") { "VIEW" } else { "TABLE" };
        owner(&stand_in, &format!("DROP {kind} signals"));
    }
    // Another shape under the same name: the old table is dropped first.
    workspace.apply();
    workspace.write(&alone("signals", "heartbeat"));
    assert_eq!(workspace.plan().changes(), ["neonrep_signal_table.this replace"]);
    workspace.apply();
    assert_eq!(
        stand_in.value("SELECT count(*) FROM pg_attribute WHERE attrelid = 'signals'::regclass AND attname = 'beat'"),
        "1"
    );
    workspace.destroy();
}

#[test]
fn what_happens_to_it_outside_is_told_and_a_table_of_others_is_kept() {
    let stand_in = StandIn::start(suite());
    let workspace = Workspace::new(&stand_in);
    workspace.write(&alone("beat", "heartbeat"));
    workspace.apply();

    // Dropped: created again.
    owner(&stand_in, "DROP TABLE beat");
    assert_eq!(workspace.plan().changes(), ["neonrep_signal_table.this create"]);
    workspace.apply();

    // A column was changed: told at each plan, and nothing is planned.
    owner(&stand_in, "ALTER TABLE beat RENAME beat TO last");
    let plan = workspace.plan();
    plan.insist_warning("no column `beat`");
    assert!(plan.is_empty_plan(), "{}", plan.messages());
    owner(&stand_in, "ALTER TABLE beat RENAME last TO beat");
    workspace.insist_on_empty_plan();

    // Renamed: followed, and the plan says what an apply would do.
    owner(&stand_in, "ALTER TABLE beat RENAME TO beat_before");
    let plan = workspace.plan();
    plan.insist_warning("was renamed");
    assert_eq!(plan.changes(), ["neonrep_signal_table.this replace"]);
    owner(&stand_in, "ALTER TABLE beat_before RENAME TO beat");

    // Something depends on it.
    owner(&stand_in, "CREATE VIEW watched AS SELECT beat FROM beat");
    let refused = workspace.try_destroy(&[]).expect_failure();
    refused.insist_error("depend");
    owner(&stand_in, "DROP VIEW watched");

    // Changed, or recreated by somebody else: kept.
    owner(
        &stand_in,
        "ALTER TABLE beat ADD tenant int; UPDATE beat SET tenant = 1; ALTER TABLE beat ALTER tenant SET NOT NULL",
    );
    workspace.destroy().insist_warning("may hold other data");
    owner(&stand_in, "DROP TABLE beat");
    workspace.apply();
    owner(
        &stand_in,
        "DROP TABLE beat; CREATE TABLE beat(id int PRIMARY KEY, beat timestamptz NOT NULL DEFAULT now()); INSERT INTO beat VALUES (7)",
    );
    workspace.insist_on_empty_plan();
    workspace.destroy().insist_warning("recreated outside");
    assert_eq!(stand_in.value("SELECT id FROM beat"), "7");

    let wrong = workspace.import(ADDRESS, &stand_in.id_of("public/pg_class"));
    assert_ne!(wrong.status, 0);
    owner(&stand_in, "CREATE TABLE other(id int PRIMARY KEY)");
    let wrong = workspace.import(ADDRESS, &stand_in.id_of("public/other")).expect_failure();
    assert!(wrong.says("no known shape"), "{}", wrong.all());
}

#[test]
fn a_replacement_that_creates_first_keeps_the_table() {
    let stand_in = StandIn::start(suite());
    let workspace = Workspace::new(&stand_in);
    let body = alone("beat", "heartbeat").replace("  shape ", "  lifecycle { create_before_destroy = true }\n  shape ");
    workspace.write(&body);
    workspace.apply();
    owner(&stand_in, "INSERT INTO beat VALUES (1)");
    let done = workspace.apply_with(&["-replace", ADDRESS]);
    done.insist_warning("existed before");
    done.insist_warning("Another resource of this run");
    assert_eq!(stand_in.value("SELECT count(*) FROM beat"), "1");
}

#[test]
fn it_lives_on_a_server_without_neon() {
    for major in [14, 18] {
        let stand_in = StandIn::start(major);
        stand_in.sql("CREATE ROLE plain LOGIN PASSWORD 'of-a-plain-owner'");
        stand_in.sql("CREATE DATABASE shop OWNER plain");
        stand_in.sql_in("shop", "ALTER SCHEMA public OWNER TO plain");
        let port = stand_in.superuser("neondb").get_ports().first().copied().expect("a port");
        let workspace = Workspace::bare();
        workspace.set_env("PGPASSWORD", "of-a-plain-owner");
        workspace.write_with_provider(&format!(
            r#"
provider "neonrep" {{
  sql = {{ host = "127.0.0.1", port = {port}, username = "plain", sslmode = "require" }}
}}

resource "neonrep_signal_table" "this" {{
  database = "shop"
  name     = "signals"
  shape    = "debezium_signal"
}}
"#
        ));
        workspace.apply();
        assert_eq!(workspace.attributes(ADDRESS)["id"], "sql/-/shop/public/signals");
        let there = "SELECT pg_get_userbyid(relowner) FROM pg_class WHERE relname = 'signals'";
        assert_eq!(stand_in.value_in("shop", there), "plain");
        workspace.forget(ADDRESS);
        workspace.import(ADDRESS, "sql/-/shop/public/signals").expect_success();
        workspace.insist_on_empty_plan();
        workspace.destroy();
        assert_eq!(stand_in.value_in("shop", "SELECT count(*) FROM pg_class WHERE relname = 'signals'"), "0");

        // Who may not create there is told so.
        stand_in.sql_in("shop", "ALTER SCHEMA public OWNER TO cloud_admin; REVOKE CREATE ON SCHEMA public FROM PUBLIC");
        let error = workspace.apply_fails().error();
        assert!(error.text().contains("42501") && error.text().contains("`connect_as`"), "{error:?}");
    }
}

#[test]
fn it_stays_in_a_database_that_was_renamed() {
    let stand_in = StandIn::start(suite());
    let workspace = Workspace::new(&stand_in);
    workspace.write(&alone("beat", "heartbeat"));
    workspace.apply();
    let (project, branch) = (&stand_in.ready.project_id, &stand_in.ready.branch_id);
    let path = format!("/projects/{project}/branches/{branch}/databases/neondb");
    let (status, answer) = stand_in.api("PATCH", &path, Some(&json!({"database": {"name": "renamed"}})));
    assert_eq!(status, 200, "{answer}");
    let there = "SELECT count(*) FROM pg_database WHERE datname = 'renamed'";
    while stand_in.value_in("postgres", there) != "1" {
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    workspace.write(&alone("beat", "heartbeat").replace("neondb", "renamed"));
    workspace.plan().insist_warning("was renamed");
    workspace.apply();
    assert_eq!(workspace.attributes(ADDRESS)["database"], "renamed");
    workspace.destroy();
    assert_eq!(stand_in.value_in("renamed", "SELECT to_regclass('public.beat')"), "");
}
