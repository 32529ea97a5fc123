//! `neonrep_grant`: what a role may read, drift of it, who can give it, and nothing left behind.

use serde_json::json;

use super::role::made_elsewhere;
use crate::support::on_every_postgres;
use crate::support::sql;
use crate::support::stand_in::StandIn;
use crate::support::terraform::Workspace;

const ADDRESS: &str = "neonrep_grant.this";

/// A role, and a grant to it with these arguments.
fn grant(arguments: &str) -> String {
    format!(
        r#"
resource "neonrep_role" "reader" {{
  project_id = var.project_id
  name       = "reader"
}}

{}"#,
        grant_to("this", "neonrep_role.reader.name", arguments)
    )
}

fn grant_to(name: &str, role: &str, arguments: &str) -> String {
    format!(
        "resource \"neonrep_grant\" \"{name}\" {{\n  project_id = var.project_id\n  database = \"neondb\"\n  role = {role}\n  {arguments}\n}}\n"
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
    let stand_in = StandIn::start(17);
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
        workspace.write(&grant("schemas = [\"public\"]"));
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

        // Another scope, in place: what is not declared any more is taken back.
        workspace.write(&grant("tables = [{ name = \"t1\" }]\n  privileges = [\"SELECT\", \"INSERT\"]"));
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
    let (stand_in, workspace) = started("schemas = [\"public\"]");
    workspace.apply();
    workspace.forget(ADDRESS);
    workspace.import(ADDRESS, &id(&stand_in, "reader", "public")).expect_success();
    workspace.insist_on_empty_plan();
    // What was imported is managed like what was made here.
    workspace.write(
        &grant("schemas = [\"public\"]")
            .replace(&grant_to("this", "neonrep_role.reader.name", "schemas = [\"public\"]"), ""),
    );
    workspace.apply();
    assert!(held(&stand_in, "reader").is_empty(), "{:?}", held(&stand_in, "reader"));
    // Nothing is held: there is nothing to import.
    workspace.write(&grant("schemas = [\"public\"]"));
    workspace.import(ADDRESS, &id(&stand_in, "reader", "public")).expect_failure();
    workspace.import(ADDRESS, &stand_in.id_of("reader")).expect_failure();
}

#[test]
fn what_was_there_before_stays() {
    let stand_in = StandIn::start(17);
    tables(&stand_in);
    made_elsewhere(&stand_in, "reader");
    stand_in
        .sql_as_owner("GRANT SELECT ON t2 TO reader; GRANT USAGE ON SCHEMA public TO reader; GRANT CONNECT ON DATABASE neondb TO reader")
        .unwrap_or_else(|error| panic!("{error}"));
    let before = held(&stand_in, "reader");
    let workspace = Workspace::new(&stand_in);
    workspace.write(&grant_to("this", "\"reader\"", "schemas = [\"public\"]"));
    workspace.apply();
    workspace.destroy();
    assert_eq!(held(&stand_in, "reader"), before);
}

#[test]
fn what_was_there_before_stays_when_the_grant_is_replaced() {
    let stand_in = StandIn::start(17);
    tables(&stand_in);
    stand_in.sql("CREATE ROLE first; CREATE ROLE second");
    stand_in.sql_as_owner("GRANT SELECT ON t1 TO first").expect("granted");
    let workspace = Workspace::new(&stand_in);
    workspace.write(&grant_to("this", "\"first\"", "schemas = [\"public\"]"));
    workspace.apply();
    workspace.write(&grant_to("this", "\"second\"", "schemas = [\"public\"]"));
    assert_eq!(workspace.plan().changes(), ["neonrep_grant.this replace"]);
    workspace.apply();
    // The way to what the role still holds stays too.
    assert_eq!(held(&stand_in, "first"), ["CONNECT", "SELECT public.t1", "USAGE public"]);
}

#[test]
fn two_grants_of_one_role_do_not_undo_each_other() {
    let (stand_in, workspace) = started("tables = [{ name = \"t1\" }]");
    let both = format!(
        "{}{}",
        grant("tables = [{ name = \"t1\" }]"),
        grant_to("other", "neonrep_role.reader.name", "tables = [{ name = \"t2\" }]")
    );
    // Made in one run, then one taken away; and the same in two runs.
    for two_runs in [false, true] {
        if two_runs {
            workspace.apply();
        }
        workspace.write(&both);
        workspace.apply();
        workspace.write(&grant("tables = [{ name = \"t1\" }]"));
        workspace.apply();
        assert_eq!(held(&stand_in, "reader"), ["CONNECT", "SELECT public.t1", "USAGE public"]);
        workspace.write(
            &grant("tables = [{ name = \"t1\" }]")
                .replace(&grant_to("this", "neonrep_role.reader.name", "tables = [{ name = \"t1\" }]"), ""),
        );
        workspace.apply();
        assert!(held(&stand_in, "reader").is_empty(), "{:?}", held(&stand_in, "reader"));
        workspace.write(&grant("tables = [{ name = \"t1\" }]"));
    }
}

#[test]
fn views_of_an_extension_are_outside_of_a_schema() {
    let stand_in = StandIn::start(17);
    tables(&stand_in);
    stand_in.sql("CREATE EXTENSION pg_stat_statements");
    let workspace = Workspace::new(&stand_in);
    workspace.write(&grant("schemas = [\"public\"]"));
    workspace.apply();
    assert!(!held(&stand_in, "reader").iter().any(|it| it.contains("pg_stat")));
    // Named, they are wanted.
    workspace.write(&grant("schemas = [\"public\"]\n  tables = [{ name = \"pg_stat_statements\" }]"));
    workspace.apply();
    assert!(held(&stand_in, "reader").contains(&"SELECT public.pg_stat_statements".to_owned()));
    workspace.destroy();
}

#[test]
fn a_grant_that_does_nothing_names_who_can() {
    let (stand_in, workspace) = started("schemas = [\"public\"]");
    // Of what `cloud_admin` makes, `neon_superuser` may give privileges; not of this one.
    stand_in.sql("CREATE TABLE theirs (i int); REVOKE ALL ON theirs FROM neon_superuser");
    workspace.plan().insist_warning("tables_grantable");
    let error = workspace.apply_fails().error();
    for part in ["SELECT ON TABLE public.theirs", "`cloud_admin`", "connect_as"] {
        assert!(error.text().contains(part), "{part}: {error:?}");
    }
    // All or nothing.
    assert!(held(&stand_in, "reader").is_empty(), "{:?}", held(&stand_in, "reader"));
    stand_in.sql("ALTER TABLE theirs OWNER TO neondb_owner");
    workspace.apply();
    // The other owner comes back: what is missing stays missing, and the apply says so.
    stand_in.sql("ALTER TABLE theirs OWNER TO cloud_admin; REVOKE SELECT ON theirs FROM reader");
    assert_eq!(missing(&workspace), ["SELECT ON TABLE public.theirs"]);
    workspace.apply_fails().insist_error("`cloud_admin`");
    // What cannot be taken back is said, and does not stand in the way.
    stand_in.sql("GRANT SELECT ON theirs TO reader");
    workspace.destroy().insist_warning("SELECT ON TABLE public.theirs");
}

#[test]
fn connect_as_writes_as_the_owner_of_the_tables() {
    let stand_in = StandIn::start(17);
    let password = made_elsewhere(&stand_in, "alice");
    stand_in.sql("CREATE SCHEMA hers AUTHORIZATION alice");
    stand_in.sql_as("alice", &password, "CREATE TABLE hers.t (i int)").unwrap_or_else(|error| panic!("{error}"));
    let workspace = Workspace::new(&stand_in);
    workspace.write(&grant("schemas = [\"hers\"]"));
    workspace.apply_fails().insist_error("`alice`");
    // CONNECT is the database owner's to give.
    stand_in.sql("GRANT CONNECT ON DATABASE neondb TO alice WITH GRANT OPTION");
    workspace.write(&grant("schemas = [\"hers\"]\n  connect_as = \"alice\""));
    workspace.apply();
    stand_in.sql_as("alice", &password, "CREATE TABLE hers.later (i int)").unwrap_or_else(|error| panic!("{error}"));
    workspace.insist_on_empty_plan();
    workspace.write(&grant("schemas = [\"hers\"]\n  connect_as = \"nobody\""));
    let error = workspace.apply_fails().error();
    assert!(error.is_on("connect_as"), "{error:?}");
    workspace.write(&grant("schemas = [\"hers\"]\n  connect_as = \"alice\""));
    workspace.destroy();
}

#[test]
fn what_is_not_there_is_named() {
    let (stand_in, workspace) = started("tables = [{ name = \"nowhere\" }]");
    workspace.plan().insist_warning("nowhere");
    let error = workspace.apply_fails().error();
    assert!(error.is_on("tables") && error.text().contains("nowhere"), "{error:?}");
    workspace.write(&grant("schemas = [\"nowhere\"]"));
    let error = workspace.apply_fails().error();
    assert!(error.is_on("schemas") && error.text().contains("nowhere"), "{error:?}");
    workspace.write(&grant_to("this", "\"nobody\"", "schemas = [\"public\"]"));
    let error = workspace.apply_fails().error();
    assert!(error.is_on("role") && error.text().contains("nobody"), "{error:?}");
    workspace.write(&grant("schemas = [\"public\"]\n  future_table_owners = [\"cloud_admin\"]"));
    workspace.apply_fails().insist_error("future_table_owners");
    workspace.write(&grant("schemas = []"));
    workspace.plan_fails().insist_error("Nothing to grant on");
    workspace.write(&grant("tables = [{ name = \"t1\" }, { schema = \"public\", name = \"t1\" }]"));
    workspace.plan_fails().insist_error("twice");
    assert!(held(&stand_in, "reader").is_empty());
}

#[test]
fn a_role_that_went_takes_its_privileges_along() {
    let (stand_in, workspace) = started("schemas = [\"public\"]");
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
    let stand_in = StandIn::start(17);
    let (schema, table, role) = ("s.1, \"x\"/%", "t'; DROP TABLE t1; -- .,", "r \"1\"/%");
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
    workspace.import(ADDRESS, &format!("{id}/s%2E1%2C \"x\"%2F%25")).expect_success();
    workspace.insist_on_empty_plan();
    workspace.write(&grant_to(
        "this",
        &format!("{role:?}"),
        &format!("tables = [{{ schema = {schema:?}, name = {table:?} }}]"),
    ));
    workspace.apply();
    workspace.destroy();
    assert!(held(&stand_in, role).is_empty(), "{:?}", held(&stand_in, role));
}

#[test]
fn many_grants_at_once_do_not_trip_over_each_other() {
    let stand_in = StandIn::start(17);
    tables(&stand_in);
    let count = 12;
    let mut body = String::new();
    for at in 0..count {
        made_elsewhere(&stand_in, &format!("reader{at}"));
        body.push_str(&grant_to(&format!("g{at}"), &format!("\"reader{at}\""), "schemas = [\"public\"]"));
    }
    let workspace = Workspace::new(&stand_in);
    workspace.set_parallelism(50);
    workspace.write(&body);
    let done = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            // Somebody without our lock.
            let session = stand_in.session();
            while !done.load(std::sync::atomic::Ordering::Relaxed) {
                let _ = session.run("GRANT SELECT ON t1 TO neon_superuser; REVOKE SELECT ON t1 FROM neon_superuser");
            }
        });
        workspace.apply_once(&[]);
        done.store(true, std::sync::atomic::Ordering::Relaxed);
    });
    workspace.insist_on_empty_plan();
    workspace.destroy();
    assert!(held(&stand_in, "reader7").is_empty());
}

#[test]
fn a_server_that_goes_away_is_waited_for() {
    let (stand_in, workspace) = started("schemas = [\"public\"]");
    stand_in.settings(&json!({ "refuse_connections": "Couldn't connect to compute node", "refuse_times": 3 }));
    workspace.apply();
    stand_in.settings(
        &json!({ "refuse_times": null, "refuse_connections": "This IP address 192.0.2.1 is not allowed to connect to this endpoint." }),
    );
    let error = workspace.plan_fails().error();
    assert!(error.text().contains("IP Allow"), "{error:?}");
    stand_in.settings(&json!({ "refuse_connections": null }));
    workspace.insist_on_empty_plan();
}
