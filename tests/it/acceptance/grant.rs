//! `neonrep_grant`: what a role may read, drift of it, who can give it, and nothing left behind.

mod concurrency;
mod held_before;

use serde_json::json;

use super::role::made_elsewhere;
use crate::support::on_every_postgres;
use crate::support::sql;
use crate::support::stand_in::StandIn;
use crate::support::terraform::Workspace;
use crate::support::versions::{oldest, since};

const ADDRESS: &str = "neonrep_grant.this";

/// A role, and a grant to it with these arguments.
fn grant(arguments: &str) -> String {
    let to_reader = grant_to("this", "neonrep_role.reader.name", arguments);
    format!("{READER}{to_reader}")
}

const READER: &str = r#"
resource "neonrep_role" "reader" {
  project_id = var.project_id
  name       = "reader"
}
"#;

fn grant_to(name: &str, role: &str, arguments: &str) -> String {
    format!(
        r#"
resource "neonrep_grant" "{name}" {{
  project_id = var.project_id
  database   = "neondb"
  role       = {role}
  {arguments}
}}
"#
    )
}

fn tables(stand_in: &StandIn) {
    stand_in
        .sql_as_owner(
            "CREATE TABLE t1 (i int PRIMARY KEY); CREATE TABLE t2 (i int PRIMARY KEY); CREATE VIEW v AS SELECT 1 AS i",
        )
        .unwrap_or_else(|error| panic!("{error}"));
}

fn started(arguments: &str) -> (StandIn, Workspace) {
    let stand_in = StandIn::start(oldest());
    tables(&stand_in);
    let workspace = Workspace::new(&stand_in);
    workspace.write(&grant(arguments));
    (stand_in, workspace)
}

/// What a role holds by entries of its own: `SELECT public.t1`, `USAGE public`, `CONNECT`, `future SELECT public`.
fn held(stand_in: &StandIn, role: &str) -> Vec<String> {
    let query = format!(
        "WITH r AS (SELECT oid FROM pg_roles WHERE rolname = {})
         SELECT a.privilege_type || ' ' || n.nspname || '.' || c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace,
                aclexplode(c.relacl) a, r WHERE a.grantee = r.oid
         UNION ALL SELECT a.privilege_type || ' ' || n.nspname FROM pg_namespace n, aclexplode(n.nspacl) a, r WHERE a.grantee = r.oid
         UNION ALL SELECT a.privilege_type FROM pg_database d, aclexplode(d.datacl) a, r WHERE a.grantee = r.oid
         UNION ALL SELECT 'future ' || a.privilege_type || ' ' || n.nspname FROM pg_default_acl d JOIN pg_namespace n ON n.oid = d.defaclnamespace,
                aclexplode(d.defaclacl) a, r WHERE a.grantee = r.oid
         ORDER BY 1",
        sql::literal(role)
    );
    let mut found = sql::column(&stand_in.sql(&query));
    found.sort();
    found
}

fn missing(workspace: &Workspace) -> Vec<String> {
    let changes = workspace.plan_json()["resource_changes"].as_array().cloned().unwrap_or_default();
    let change = changes.into_iter().find(|it| it["address"] == ADDRESS).expect("the grant in the plan");
    let before = change["change"]["before"]["missing"].as_array().cloned().unwrap_or_default();
    before.iter().filter_map(|it| it.as_str().map(str::to_owned)).collect()
}

fn id(stand_in: &StandIn, role: &str, members: &str) -> String {
    format!("{}/{members}", stand_in.id_of(role))
}

#[test]
fn a_grant_lives_on_every_postgres() {
    on_every_postgres(|stand_in| {
        tables(stand_in);
        let workspace = Workspace::new(stand_in);
        workspace.write(&grant(r#"schemas = ["public"]"#));
        workspace.apply();
        assert_eq!(workspace.attributes(ADDRESS)["id"], stand_in.id_of("reader"));
        let all = [
            "CONNECT",
            "SELECT public.t1",
            "SELECT public.t2",
            "SELECT public.v",
            "USAGE public",
            "future SELECT public",
        ];
        assert_eq!(held(stand_in, "reader"), all);

        // A table that the owner makes later is covered.
        stand_in.sql_as_owner("CREATE TABLE t3 (i int)").unwrap_or_else(|error| panic!("{error}"));
        workspace.insist_on_empty_plan();

        // Drift, and what heals it: one readable difference in place.
        stand_in.sql("REVOKE SELECT ON t1, t3 FROM reader; REVOKE USAGE ON SCHEMA public FROM reader");
        assert_eq!(workspace.plan().changes(), [format!("{ADDRESS} update")]);
        assert_eq!(
            missing(&workspace),
            ["SELECT ON TABLE public.t1", "SELECT ON TABLE public.t3", "USAGE ON SCHEMA public"]
        );
        workspace.apply();

        // Another scope, in place: what is not declared any more is revoked.
        workspace.write(&grant(
            r#"tables = [{ name = "t1" }]
  privileges = ["SELECT", "INSERT"]"#,
        ));
        assert_eq!(workspace.plan().changes(), [format!("{ADDRESS} update")]);
        workspace.apply();
        assert_eq!(held(stand_in, "reader"), ["CONNECT", "INSERT public.t1", "SELECT public.t1", "USAGE public"]);

        workspace.forget(ADDRESS);
        workspace.import(ADDRESS, &id(stand_in, "reader", "public.t1")).expect_success();
        // A grant on tables says nothing of future ones: that argument's default is adopted in place.
        workspace.apply();

        // With its role, and gone.
        workspace.destroy();
        assert_eq!(stand_in.value("SELECT count(*) FROM pg_roles WHERE rolname = 'reader'"), "0");
    });
}

#[test]
fn an_imported_grant_is_whole() {
    let (stand_in, workspace) = started(r#"schemas = ["public"]"#);
    workspace.apply();
    workspace.forget(ADDRESS);
    workspace.import(ADDRESS, &id(&stand_in, "reader", "public")).expect_success();
    // Which privileges it stands for is adopted in place, and nothing is revoked.
    let before = held(&stand_in, "reader");
    assert_eq!(workspace.plan().changes(), [format!("{ADDRESS} update")]);
    workspace.apply();
    assert_eq!(held(&stand_in, "reader"), before);
    // What was imported is managed like what was made here.
    workspace.write(READER);
    workspace.apply();
    assert!(held(&stand_in, "reader").is_empty(), "{:?}", held(&stand_in, "reader"));
    // Nothing is held: there is nothing to import.
    workspace.write(&grant(r#"schemas = ["public"]"#));
    workspace.import(ADDRESS, &id(&stand_in, "reader", "public")).expect_failure();
    workspace.import(ADDRESS, &stand_in.id_of("reader")).expect_failure();
}

#[test]
fn two_grants_of_one_role_do_not_undo_each_other() {
    let (stand_in, workspace) = started(r#"tables = [{ name = "t1" }]"#);
    let both = format!(
        "{}{}",
        grant(r#"tables = [{ name = "t1" }]"#),
        grant_to("other", "neonrep_role.reader.name", r#"tables = [{ name = "t2" }]"#)
    );
    // Made in one run, then one taken away; and the same in two runs.
    for two_runs in [false, true] {
        if two_runs {
            workspace.apply();
        }
        workspace.write(&both);
        workspace.apply();
        workspace.write(&grant(r#"tables = [{ name = "t1" }]"#));
        workspace.apply();
        assert_eq!(held(&stand_in, "reader"), ["CONNECT", "SELECT public.t1", "USAGE public"]);
        workspace.write(READER);
        workspace.apply();
        assert!(held(&stand_in, "reader").is_empty(), "{:?}", held(&stand_in, "reader"));
        workspace.write(&grant(r#"tables = [{ name = "t1" }]"#));
    }
}

#[test]
fn views_of_an_extension_are_outside_of_a_schema() {
    let stand_in = StandIn::start(oldest());
    tables(&stand_in);
    stand_in.sql("CREATE EXTENSION pg_stat_statements");
    let workspace = Workspace::new(&stand_in);
    workspace.write(&grant(r#"schemas = ["public"]"#));
    workspace.apply();
    assert!(!held(&stand_in, "reader").iter().any(|it| it.contains("pg_stat")));
    // Named, they are wanted.
    workspace.write(&grant(
        r#"schemas = ["public"]
  tables = [{ name = "pg_stat_statements" }]"#,
    ));
    workspace.apply();
    assert!(held(&stand_in, "reader").contains(&"SELECT public.pg_stat_statements".to_owned()));
    workspace.destroy();
}

#[test]
fn a_foreign_table_in_a_schema_stays_missing_and_a_named_one_is_refused() {
    let (stand_in, workspace) = started(r#"schemas = ["public"]"#);
    // Of what `cloud_admin` makes, `neon_superuser` may give privileges; not of this one.
    stand_in.sql("CREATE TABLE theirs (i int); REVOKE ALL ON theirs FROM neon_superuser");
    workspace.plan().insist_warning("tables_grantable");
    let applied = workspace.apply_once(&[]);
    for part in ["SELECT ON TABLE public.theirs", "Run as `cloud_admin`", "GRANT SELECT ON TABLE"] {
        applied.insist_warning(part);
    }
    assert!(held(&stand_in, "reader").contains(&"SELECT public.t1".to_owned()), "everything else is granted");
    assert_eq!(missing(&workspace), ["SELECT ON TABLE public.theirs"]);
    // What the owner grants is left to the owner.
    stand_in.sql("GRANT SELECT ON theirs TO reader");
    workspace.insist_on_empty_plan();
    workspace.destroy_with(&["-target=neonrep_grant.this"]).insist_warning("granted by `cloud_admin`");
    assert_eq!(held(&stand_in, "reader"), ["CONNECT", "SELECT public.theirs", "USAGE public"]);

    stand_in.sql("REVOKE SELECT ON theirs FROM reader");
    workspace.write(&grant(r#"tables = [{ name = "theirs" }, { name = "t1" }]"#));
    let error = workspace.apply_fails().error();
    for part in ["SELECT ON TABLE public.theirs (owner: `cloud_admin`)", "connect_as"] {
        assert!(error.text().contains(part), "{part}: {error:?}");
    }
}

#[test]
fn a_table_that_was_renamed_is_not_left_behind() {
    let stand_in = StandIn::start(oldest());
    tables(&stand_in);
    stand_in.sql("CREATE ROLE app LOGIN");
    stand_in.sql_as_owner("CREATE SCHEMA archive").expect("a schema");
    let workspace = Workspace::new(&stand_in);
    workspace.write(&grant_to("this", r#""app""#, r#"tables = [{ name = "t1" }, { name = "t2" }]"#));
    workspace.apply();
    stand_in
        .sql_as_owner("ALTER TABLE t1 RENAME TO renamed; ALTER TABLE t2 SET SCHEMA archive; CREATE TABLE t2 (i int)")
        .expect("renamed");
    assert_eq!(missing(&workspace), ["SELECT ON TABLE public.t1", "SELECT ON TABLE public.t2"]);
    workspace.destroy();
    assert!(held(&stand_in, "app").is_empty(), "{:?}", held(&stand_in, "app"));
}

#[test]
fn an_authoritative_grant_revokes_what_is_not_declared() {
    // Up to Postgres 14 everybody may create in schema public.
    let stand_in = StandIn::start(since(15));
    tables(&stand_in);
    stand_in.sql("CREATE ROLE app LOGIN; CREATE ROLE giver; GRANT SELECT ON ALL TABLES IN SCHEMA public TO giver");
    stand_in
        .sql_as_owner(
            "GRANT INSERT ON t1 TO app; GRANT DELETE ON t2 TO app; GRANT UPDATE (i) ON t2 TO app; CREATE SCHEMA other;
             GRANT CREATE ON SCHEMA public, other TO app;
             CREATE TABLE other.t (i int); GRANT INSERT ON other.t TO app;
             ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT DELETE ON TABLES TO app",
        )
        .expect("granted");
    stand_in.sql("CREATE TABLE theirs (i int); GRANT SELECT, DELETE ON theirs TO app");
    let workspace = Workspace::new(&stand_in);
    let arguments = r#"schemas = ["public"]
  mode = "authoritative""#;
    workspace.write(&grant_to("this", r#""app""#, arguments));
    workspace.apply();
    let declared = [
        "CONNECT",
        "CREATE other",
        "DELETE public.theirs",
        "INSERT other.t",
        "SELECT public.t1",
        "SELECT public.t2",
        "SELECT public.theirs",
        "SELECT public.v",
        "USAGE public",
        "future SELECT public",
    ];
    assert_eq!(held(&stand_in, "app"), declared, "other schemas and other grantors are left alone");
    let column =
        "SELECT attacl::text LIKE '%app=w%' FROM pg_attribute WHERE attrelid = 't2'::regclass AND attname = 'i'";
    assert_eq!(stand_in.value(column), "t", "privileges on columns too");
    // Drift reads as one difference.
    stand_in.sql_as_owner("GRANT TRUNCATE ON t1 TO app; GRANT CREATE ON SCHEMA public TO app").expect("granted");
    let plan = workspace.plan_json();
    let change = plan["resource_changes"].as_array().and_then(|it| it.first()).expect("a change").clone();
    assert_eq!(
        change["change"]["before"]["surplus"],
        json!(["CREATE ON SCHEMA public", "TRUNCATE ON TABLE public.t1"])
    );
    assert_eq!(change["change"]["after"]["surplus"], json!([]));
    workspace.apply();
    assert_eq!(held(&stand_in, "app"), declared);
    let creates = |schema: &str| stand_in.value(&format!("SELECT has_schema_privilege('app', '{schema}', 'CREATE')"));
    assert_eq!((creates("public"), creates("other")), ("f".to_owned(), "t".to_owned()));
}

#[test]
fn a_role_of_postgres_itself_converges() {
    let stand_in = StandIn::start(oldest());
    tables(&stand_in);
    let workspace = Workspace::new(&stand_in);
    workspace.write(&grant_to("this", r#""pg_monitor""#, r#"tables = [{ name = "t1" }]"#));
    workspace.apply();
    workspace.destroy();
    assert_eq!(stand_in.value("SELECT count(*) FROM pg_class, aclexplode(relacl) a WHERE relname = 't1' AND a.grantee = 'pg_monitor'::regrole"), "0");
}

#[test]
fn maintain_is_refused_at_plan_where_the_server_does_not_have_it() {
    let stand_in = StandIn::start(16);
    tables(&stand_in);
    let workspace = Workspace::new(&stand_in);
    workspace.write(&grant(
        r#"schemas = ["public"]
  privileges = ["MAINTAIN"]"#,
    ));
    let error = workspace.plan_fails().error();
    assert!(error.is_on("privileges") && error.text().contains("Postgres 17"), "{error:?}");
}

#[test]
fn connect_as_writes_as_the_owner_of_the_tables() {
    let stand_in = StandIn::start(oldest());
    let password = made_elsewhere(&stand_in, "alice");
    stand_in.sql("CREATE SCHEMA hers AUTHORIZATION alice");
    stand_in.sql_as("alice", &password, "CREATE TABLE hers.t (i int)").unwrap_or_else(|error| panic!("{error}"));
    let workspace = Workspace::new(&stand_in);
    workspace.write(&grant(r#"schemas = ["hers"]"#));
    workspace.apply_fails().insist_error("`alice`");
    // CONNECT is the database owner's to give.
    stand_in.sql("GRANT CONNECT ON DATABASE neondb TO alice WITH GRANT OPTION");
    workspace.write(&grant(
        r#"schemas = ["hers"]
  connect_as = "alice""#,
    ));
    workspace.apply();
    stand_in.sql_as("alice", &password, "CREATE TABLE hers.later (i int)").unwrap_or_else(|error| panic!("{error}"));
    workspace.insist_on_empty_plan();
    workspace.write(&grant(
        r#"schemas = ["hers"]
  connect_as = "nobody""#,
    ));
    let error = workspace.apply_fails().error();
    assert!(error.is_on("connect_as"), "{error:?}");
    workspace.write(&grant(
        r#"schemas = ["hers"]
  connect_as = "alice""#,
    ));
    workspace.destroy();
}

#[test]
fn what_is_not_there_is_named() {
    let (stand_in, workspace) = started(r#"tables = [{ name = "nowhere" }]"#);
    workspace.plan().insist_warning("nowhere");
    let error = workspace.apply_fails().error();
    assert!(error.is_on("tables") && error.text().contains("nowhere"), "{error:?}");
    workspace.write(&grant(r#"schemas = ["nowhere"]"#));
    let error = workspace.apply_fails().error();
    assert!(error.is_on("schemas") && error.text().contains("nowhere"), "{error:?}");
    workspace.write(&grant_to("this", r#""nobody""#, r#"schemas = ["public"]"#));
    let error = workspace.apply_fails().error();
    assert!(error.is_on("role") && error.text().contains("nobody"), "{error:?}");
    workspace.write(&grant(
        r#"schemas = ["public"]
  future_table_owners = ["cloud_admin"]"#,
    ));
    workspace.apply_fails().insist_error("future_table_owners");
    workspace.write(&grant("schemas = []"));
    workspace.plan_fails().insist_error("Neither `schemas` nor `tables` is set");
    workspace.write(&grant(r#"tables = [{ name = "t1" }, { schema = "public", name = "t1" }]"#));
    workspace.plan_fails().insist_error("twice");
    assert!(held(&stand_in, "reader").is_empty());
}

#[test]
fn a_role_that_went_takes_its_privileges_along() {
    let (stand_in, workspace) = started(r#"schemas = ["public"]"#);
    workspace.apply();
    // Replaced under the same name.
    workspace.apply_once(&["-replace=neonrep_role.reader"]);
    assert!(missing(&workspace).contains(&"CONNECT ON DATABASE neondb".to_owned()));
    workspace.apply();
    // Gone: so is the grant, and its delete has nothing to do.
    stand_in.sql("DROP OWNED BY reader; DROP ROLE reader");
    let changes = workspace.plan().changes();
    assert_eq!(changes, [format!("{ADDRESS} create"), "neonrep_role.reader create".to_owned()]);
    workspace.destroy_with(&["-refresh=false"]);
}

#[test]
fn odd_names_work_through_import_too() {
    let stand_in = StandIn::start(oldest());
    let (schema, table, role) = (r#"s.1, "x"/%"#, "t'; DROP TABLE t1; -- .,", r#"r "1"/%"#);
    stand_in
        .sql_as_owner(&format!(
            "CREATE SCHEMA {0}; CREATE TABLE {0}.{1} (i int)",
            sql::identifier(schema),
            sql::identifier(table)
        ))
        .unwrap_or_else(|error| panic!("{error}"));
    made_elsewhere(&stand_in, role);
    let workspace = Workspace::new(&stand_in);
    workspace.write(&grant_to("this", &format!("{role:?}"), &format!("schemas = [{schema:?}]")));
    workspace.apply();
    assert!(held(&stand_in, role).contains(&format!("SELECT {schema}.{table}")), "{:?}", held(&stand_in, role));
    let id = workspace.attributes(ADDRESS)["id"].as_str().expect("an id").to_owned();
    workspace.forget(ADDRESS);
    workspace.import(ADDRESS, &format!(r#"{id}/s%2E1%2C "x"%2F%25"#)).expect_success();
    workspace.apply();
    workspace.write(&grant_to(
        "this",
        &format!("{role:?}"),
        &format!("tables = [{{ schema = {schema:?}, name = {table:?} }}]"),
    ));
    workspace.apply();
    workspace.destroy();
    assert!(held(&stand_in, role).is_empty(), "{:?}", held(&stand_in, role));
}
