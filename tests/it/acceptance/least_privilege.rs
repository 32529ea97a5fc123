//! A consumer that logs in as a role with no more than REPLICATION and SELECT: what Databricks and Airbyte read works, and nothing else.

use crate::support::consumer::Subscription;
use crate::support::sql;
use crate::support::stand_in::StandIn;
use crate::support::terraform::Workspace;

/// A guide, and what it calls its objects.
#[derive(Clone, Copy)]
struct Guide {
    main: &'static str,
    /// Before `_replication`, `_publication` and `_slot`.
    name: &'static str,
    identity: &'static str,
}

macro_rules! guide {
    ($folder:literal, $name:literal, $identity:literal) => {
        Guide {
            main: include_str!(concat!("../../../examples/guides/", $folder, "/main.tf")),
            name: $name,
            identity: $identity,
        }
    };
}

const LAKEFLOW: Guide = guide!("databricks-lakeflow", "databricks", "f");

/// With the major version of Postgres.
const CASES: [(u16, Guide); 6] = [
    (16, LAKEFLOW),
    (17, LAKEFLOW),
    (18, LAKEFLOW),
    (16, guide!("airbyte", "airbyte", "d")),
    (17, guide!("snowflake-airbyte", "airbyte", "d")),
    (18, guide!("databricks-airbyte", "airbyte", "d")),
];

impl Guide {
    /// The guide with the line in it that restricts the role, and a setting of its sessions.
    fn restricted(&self) -> String {
        let line = |it: &&str| it.trim_start().starts_with("# neon_superuser = false");
        let offered = self.main.lines().find(line).expect("the line");
        let restricted = "  neon_superuser = false\n  settings       = { wal_sender_timeout = \"60s\" }";
        self.main.replacen(offered, restricted, 1)
    }

    /// A text with the names of this guide.
    fn named(&self, text: &str) -> String {
        text.replace("NAME", self.name).replace("IDENTITY", self.identity)
    }
}

/// What the consumers ask before and while they copy tables and stream (Databricks: source setup of Lakeflow Connect for PostgreSQL;
/// Airbyte: `source-postgres` with CDC, and Debezium in it), with the answer where it is always the same.
const READS: [(&str, &str); 17] = [
    ("SHOW wal_level", "logical"),
    ("SHOW wal_sender_timeout", "1min"),
    ("SELECT rolreplication FROM pg_roles WHERE rolname = current_user", "t"),
    ("SELECT count(*) FROM pg_publication WHERE pubname = 'NAME_publication'", "1"),
    (
        "SELECT schemaname || '.' || tablename FROM pg_publication_tables WHERE pubname = 'NAME_publication'",
        "public.playing_with_neon",
    ),
    (
        "SELECT plugin || ' ' || (confirmed_flush_lsn IS NOT NULL) || ' ' || (restart_lsn IS NOT NULL) FROM pg_replication_slots
         WHERE slot_name = 'NAME_slot' AND database = current_database()",
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
    ("SELECT relreplident FROM pg_class WHERE oid = 'public.playing_with_neon'::regclass", "IDENTITY"),
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
    "DROP PUBLICATION NAME_publication",
    "SELECT * FROM elsewhere.secret",
];

fn the_consumer_reads_all_and_no_more(major: u16, guide: Guide) {
    let stand_in = StandIn::start(major);
    stand_in.sample_table();
    stand_in
        .sql_as_owner(
            "CREATE SCHEMA elsewhere; CREATE TABLE elsewhere.secret (i int); GRANT USAGE ON SCHEMA elsewhere TO PUBLIC",
        )
        .expect("a schema");
    let workspace = Workspace::new(&stand_in);
    workspace.write_file("main.tf", &guide.restricted());
    workspace.apply();
    let (role, slot, publication) =
        (guide.named("NAME_replication"), guide.named("NAME_slot"), guide.named("NAME_publication"));
    let (role, password) = (role.as_str(), stand_in.password_of(&role));
    let run = |statement: &str| stand_in.sql_as(role, &password, statement);
    for (statement, expected) in READS.map(|(statement, expected)| (guide.named(statement), guide.named(expected))) {
        let statement = statement.as_str();
        let found = run(statement).unwrap_or_else(|error| panic!("{major}: {statement}: {error}"));
        assert_eq!(sql::single(&found), expected, "{major}: {statement}");
    }
    for statement in REFUSED.map(|it| guide.named(it)) {
        let statement = statement.as_str();
        let error = run(statement).expect_err(statement);
        assert_eq!(error.state, "42501", "{major}: {statement}: {error}");
    }
    // Tables that the owner creates later, too.
    stand_in.sql_as_owner("CREATE TABLE later (i int); INSERT INTO later VALUES (5)").expect("a table");
    assert_eq!(run("SELECT i FROM later").map(|it| sql::single(&it)), Ok("5".to_owned()));

    // It decodes the slot, by function and as a walsender.
    stand_in.sql("INSERT INTO playing_with_neon(name, value) VALUES ('a', 1)");
    let changes = "SELECT count(*) > 0 FROM pg_logical_slot_peek_binary_changes('NAME_slot', NULL, NULL,
                   'proto_version', '1', 'publication_names', 'NAME_publication')";
    assert_eq!(run(&guide.named(changes)).map(|it| sql::single(&it)), Ok("t".to_owned()));
    let table = "CREATE TABLE playing_with_neon (id int PRIMARY KEY, name text, value real)";
    let login = stand_in.conninfo(role, &password);
    let consumer = Subscription::attach_as(&stand_in, &slot, &publication, table, &login);
    let user = format!("SELECT usename FROM pg_stat_activity WHERE pid = {}", consumer.pid());
    assert_eq!(stand_in.value(&user), role);
    consumer.wait_for("SELECT count(*) FROM playing_with_neon WHERE name = 'a'", "1");
    stand_in.sql("INSERT INTO playing_with_neon(name, value) VALUES ('b', 2)");
    consumer.wait_for("SELECT count(*) FROM playing_with_neon WHERE name = 'b'", "1");
    consumer.detach();

    workspace.insist_on_empty_plan();
    workspace.destroy();
    assert_eq!(stand_in.value(&guide.named("SELECT count(*) FROM pg_roles WHERE rolname = 'NAME_replication'")), "0");
}

#[test]
fn a_role_of_sql_reads_all_that_a_consumer_needs_on_16_to_18() {
    std::thread::scope(|scope| {
        let running = CASES.map(|(major, guide)| scope.spawn(move || the_consumer_reads_all_and_no_more(major, guide)));
        for it in running {
            it.join().expect("see above");
        }
    });
}
