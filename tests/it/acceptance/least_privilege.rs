//! A consumer that logs in as a role with no more than REPLICATION and SELECT: what Databricks and Airbyte read works, and nothing else.

use crate::support::consumer::Subscription;
use crate::support::sql;
use crate::support::stand_in::StandIn;
use crate::support::terraform::Workspace;

/// The guide with a role that is created with SQL, and a setting of its sessions.
fn guide() -> String {
    let guide = include_str!("../../../examples/guides/databricks-lakeflow/main.tf");
    let of_api = r#"name       = "databricks_replication""#;
    let of_sql = r#"name       = "databricks_replication"
  neon_superuser = false
  settings       = { wal_sender_timeout = "60s" }"#;
    assert!(guide.contains(of_api));
    guide.replacen(of_api, of_sql, 1)
}

/// What the consumers ask before and while they copy tables and stream (Databricks: source setup of Lakeflow Connect for PostgreSQL;
/// Airbyte: `source-postgres` with CDC, and Debezium in it), with the answer where it is always the same.
const READS: [(&str, &str); 17] = [
    ("SHOW wal_level", "logical"),
    ("SHOW wal_sender_timeout", "1min"),
    ("SELECT rolreplication FROM pg_roles WHERE rolname = current_user", "t"),
    ("SELECT count(*) FROM pg_publication WHERE pubname = 'databricks_publication'", "1"),
    (
        "SELECT schemaname || '.' || tablename FROM pg_publication_tables WHERE pubname = 'databricks_publication'",
        "public.playing_with_neon",
    ),
    (
        "SELECT plugin || ' ' || (confirmed_flush_lsn IS NOT NULL) || ' ' || (restart_lsn IS NOT NULL) FROM pg_replication_slots
         WHERE slot_name = 'databricks_slot' AND database = current_database()",
        "pgoutput true true",
    ),
    ("SELECT pg_current_wal_lsn() IS NOT NULL AND pg_current_snapshot() IS NOT NULL", "t"),
    (
        "SELECT count(*) FROM information_schema.tables WHERE table_schema = 'public' AND table_name = 'playing_with_neon'",
        "1",
    ),
    ("SELECT count(*) FROM information_schema.columns WHERE table_name = 'playing_with_neon'", "3"),
    ("SELECT count(*) FROM information_schema.role_table_grants WHERE grantee = current_user AND privilege_type = 'SELECT'", "1"),
    (
        "SELECT a.attname FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey)
         WHERE i.indrelid = 'public.playing_with_neon'::regclass AND i.indisprimary",
        "id",
    ),
    ("SELECT relreplident FROM pg_class WHERE oid = 'public.playing_with_neon'::regclass", "f"),
    ("SELECT pg_relation_size('public.playing_with_neon') > 0", "t"),
    ("SELECT count(*) FROM public.playing_with_neon", "10"),
    ("SELECT count(*) FROM public.playing_with_neon WHERE ctid >= '(0,0)'::tid AND xmin::text::bigint > 0", "10"),
    ("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SELECT pg_export_snapshot() IS NOT NULL; ROLLBACK", "t"),
    ("SELECT pg_logical_emit_message(true, 'airbyte', '') IS NOT NULL", "t"),
];

/// What it must not do: SQLSTATE 42501 each.
const REFUSED: [&str; 8] = [
    "INSERT INTO public.playing_with_neon(name) VALUES ('x')",
    "UPDATE public.playing_with_neon SET value = 0",
    "DELETE FROM public.playing_with_neon",
    "CREATE TABLE public.mine (i int)",
    "CREATE ROLE another",
    "CREATE DATABASE another",
    "DROP PUBLICATION databricks_publication",
    "SELECT * FROM elsewhere.secret",
];

fn the_consumer_reads_all_and_no_more(major: u16) {
    let stand_in = StandIn::start(major);
    stand_in.sample_table();
    stand_in
        .sql_as_owner(
            "CREATE SCHEMA elsewhere; CREATE TABLE elsewhere.secret (i int); GRANT USAGE ON SCHEMA elsewhere TO PUBLIC",
        )
        .expect("a schema");
    let workspace = Workspace::new(&stand_in);
    workspace.write_file("main.tf", &guide());
    workspace.apply();
    let outputs = workspace.outputs();
    let password =
        outputs["databricks_connection_options"]["value"]["password"].as_str().expect("a password").to_owned();
    let role = "databricks_replication";
    let run = |statement: &str| stand_in.sql_as(role, &password, statement);
    for (statement, expected) in READS {
        let found = run(statement).unwrap_or_else(|error| panic!("{major}: {statement}: {error}"));
        assert_eq!(sql::single(&found), expected, "{major}: {statement}");
    }
    for statement in REFUSED {
        let error = run(statement).expect_err(statement);
        assert_eq!(error.state, "42501", "{major}: {statement}: {error}");
    }
    // Tables that the owner creates later, too.
    stand_in.sql_as_owner("CREATE TABLE later (i int); INSERT INTO later VALUES (5)").expect("a table");
    assert_eq!(run("SELECT i FROM later").map(|it| sql::single(&it)), Ok("5".to_owned()));

    // It decodes the slot, by function and as a walsender.
    stand_in.sql("INSERT INTO playing_with_neon(name, value) VALUES ('a', 1)");
    let changes = "SELECT count(*) > 0 FROM pg_logical_slot_peek_binary_changes('databricks_slot', NULL, NULL,
                   'proto_version', '1', 'publication_names', 'databricks_publication')";
    assert_eq!(run(changes).map(|it| sql::single(&it)), Ok("t".to_owned()));
    let table = "CREATE TABLE playing_with_neon (id int PRIMARY KEY, name text, value real)";
    let login = stand_in.conninfo(role, &password);
    let consumer = Subscription::attach_as(&stand_in, "databricks_slot", "databricks_publication", table, &login);
    let user = format!("SELECT usename FROM pg_stat_activity WHERE pid = {}", consumer.pid());
    assert_eq!(stand_in.value(&user), role);
    consumer.wait_for("SELECT count(*) FROM playing_with_neon WHERE name = 'a'", "1");
    stand_in.sql("INSERT INTO playing_with_neon(name, value) VALUES ('b', 2)");
    consumer.wait_for("SELECT count(*) FROM playing_with_neon WHERE name = 'b'", "1");
    consumer.detach();

    workspace.insist_on_empty_plan();
    workspace.destroy();
    assert_eq!(stand_in.value("SELECT count(*) FROM pg_roles WHERE rolname = 'databricks_replication'"), "0");
}

#[test]
fn a_role_of_sql_reads_all_that_a_consumer_needs_on_16_to_18() {
    std::thread::scope(|scope| {
        let running = [16, 17, 18].map(|major| scope.spawn(move || the_consumer_reads_all_and_no_more(major)));
        for it in running {
            it.join().expect("see above");
        }
    });
}
