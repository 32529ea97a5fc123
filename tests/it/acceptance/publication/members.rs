//! Column lists, row filters, schemas, and members that others add.

use super::{ADDRESS, owner, publication, with_tables};
use crate::support::terraform::Workspace;
use crate::support::versions::{since, suite};

const COLUMNS_AND_FILTER: &str = r#"tables = [{ name = "wide", columns = ["id", "v"], where = "id>10" }]"#;

fn with_wide(major: u16) -> crate::support::stand_in::StandIn {
    let stand_in = with_tables(major);
    owner(&stand_in, "CREATE TABLE wide(id int PRIMARY KEY, v text, secret text)");
    stand_in
}

fn published(stand_in: &crate::support::stand_in::StandIn) -> String {
    stand_in.value(
        "SELECT string_agg(tablename || attnames::text || coalesce(rowfilter, ''), ' ' ORDER BY tablename)
         FROM pg_publication_tables WHERE pubname = 'pub_one'",
    )
}

#[test]
fn columns_and_filters_are_declared_read_back_and_set_right() {
    for major in [15, 18] {
        let stand_in = with_wide(major);
        let workspace = Workspace::new(&stand_in);
        workspace.write(&publication(COLUMNS_AND_FILTER));
        workspace.apply();
        assert_eq!(published(&stand_in), "wide{id,v}(id > 10)");
        workspace.insist_on_empty_plan();

        // A change outside shows and is set right; the server's own spelling never shows.
        owner(&stand_in, "ALTER PUBLICATION pub_one SET TABLE wide (id, v, secret) WHERE (id > 11)");
        assert_eq!(workspace.plan().changes(), ["neonrep_publication.this update"]);
        workspace.apply();
        assert_eq!(published(&stand_in), "wide{id,v}(id > 10)");
        workspace.insist_on_empty_plan();

        // Without them the table is published whole.
        workspace.write(&publication(r#"tables = [{ name = "wide" }]"#));
        workspace.apply();
        assert_eq!(published(&stand_in), "wide{id,v,secret}");
        workspace.insist_on_empty_plan();

        // What would break the application's UPDATE is refused, and nothing is changed.
        workspace.write(&publication(r#"tables = [{ name = "wide", columns = ["v"] }]"#));
        workspace.apply_fails().insist_error("UPDATE");
        workspace.write(&publication(r#"tables = [{ name = "wide", where = "secret = 'x'" }]"#));
        workspace.apply_fails().insist_error("UPDATE");
        assert_eq!(published(&stand_in), "wide{id,v,secret}");
        owner(&stand_in, "INSERT INTO wide VALUES (1); UPDATE wide SET v = 'new'");

        // An import reads them into the state.
        workspace.write(&publication(r#"tables = [{ name = "wide" }]"#));
        workspace.run(&["state", "rm", ADDRESS]).expect_success();
        owner(&stand_in, "ALTER PUBLICATION pub_one SET TABLE wide (id, v) WHERE (id > 10)");
        workspace.import(ADDRESS, &stand_in.id_of("pub_one")).expect_success();
        assert_eq!(workspace.plan().changes(), ["neonrep_publication.this update"]);
        // The user's spelling is adopted in place: the server keeps its own.
        workspace.write(&publication(r#"tables = [{ name = "wide", columns = ["id", "v"], where = "id > 10" }]"#));
        workspace.apply();
        workspace.insist_on_empty_plan();
        assert_eq!(published(&stand_in), "wide{id,v}(id > 10)");
        workspace.destroy();
    }
}

#[test]
fn an_older_server_is_named_at_plan() {
    let stand_in = with_wide(14);
    let workspace = Workspace::new(&stand_in);
    workspace.write(&publication(COLUMNS_AND_FILTER));
    let outcome = workspace.plan_fails();
    outcome.insist_error("`columns` requires Postgres 15");
    outcome.insist_error("`where` requires Postgres 15");
}

#[test]
fn members_of_others_stay_with_at_least() {
    let stand_in = with_tables(suite());
    let workspace = Workspace::new(&stand_in);
    let at_least = |tables: &str| {
        publication(&format!(
            r#"tables = [{tables}]
  manage_tables = "at_least""#
        ))
    };
    workspace.write(&at_least(r#"{ name = "a" }"#));
    workspace.apply();
    owner(&stand_in, "ALTER PUBLICATION pub_one ADD TABLE b");
    workspace.insist_on_empty_plan();
    owner(&stand_in, "CREATE TABLE c(id int PRIMARY KEY)");
    workspace.write(&at_least(r#"{ name = "c" }"#));
    workspace.apply();
    assert_eq!(super::members(&stand_in), ["b", "c"], "what left the list is dropped, what others added stays");
    workspace.insist_on_empty_plan();
}

#[test]
fn schemas_are_published_whole() {
    let stand_in = with_tables(since(15));
    let workspace = Workspace::new(&stand_in);
    owner(&stand_in, "CREATE SCHEMA s; CREATE TABLE s.x(id int PRIMARY KEY); CREATE SCHEMA t");
    workspace.write(&publication(r#"schemas = ["s"]"#));
    workspace.apply();
    assert_eq!(published(&stand_in), "x{id}");
    workspace.insist_on_empty_plan();
    // Neon asks a superuser for one more schema.
    workspace.write(&publication(r#"schemas = ["s", "t"]"#));
    workspace.apply_fails().insist_error("allow_replace");
    workspace.write(&publication("schemas = [\"s\", \"t\"]\n  allow_replace = true"));
    workspace.apply();
    workspace.insist_on_empty_plan();
    workspace.destroy();
}
