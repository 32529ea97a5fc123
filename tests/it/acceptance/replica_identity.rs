//! `neonrep_replica_identity`: set before the publication, given back after it.

use crate::support::on_every_postgres;
use crate::support::stand_in::StandIn;
use crate::support::terraform::Workspace;
use crate::support::versions::suite;

fn identity(table: &str, rest: &str) -> String {
    format!(
        r#"
resource "neonrep_replica_identity" "this" {{
  project_id = var.project_id
  database   = "neondb"
  table      = {table:?}
  {rest}
}}
"#
    )
}

/// `d`, `f`, `n` or `i`.
fn mode_of(stand_in: &StandIn, table: &str) -> String {
    stand_in.value(&format!("SELECT relreplident FROM pg_class WHERE relname = '{table}'"))
}

fn owner(stand_in: &StandIn, statements: &str) {
    stand_in.sql_as_owner(statements).unwrap_or_else(|error| panic!("{statements}: {error}"));
}

const ADDRESS: &str = "neonrep_replica_identity.this";

#[test]
fn its_life_on_every_postgres() {
    on_every_postgres(|stand_in| {
        owner(
            stand_in,
            "CREATE TABLE t(id int PRIMARY KEY, code text NOT NULL); CREATE UNIQUE INDEX t_code ON t(code);
             CREATE UNIQUE INDEX t_partial ON t(code) WHERE id > 5; CREATE INDEX t_plain ON t(code)",
        );
        let workspace = Workspace::new(stand_in);
        workspace.write(&identity("t", r#"mode = "full""#));
        workspace.apply();
        assert_eq!(mode_of(stand_in, "t"), "f");
        let attributes = workspace.attributes(ADDRESS);
        assert_eq!(attributes["original"]["mode"], "default");
        assert_eq!(attributes["id"], stand_in.id_of("public/t"));

        workspace.write(&identity(
            "t",
            r#"mode = "index"
  index_name = "t_code""#,
        ));
        workspace.apply();
        assert_eq!(mode_of(stand_in, "t"), "i");
        assert_eq!(workspace.attributes(ADDRESS)["original"]["mode"], "default");

        for unsuitable in ["t_partial", "t_plain", "not_there"] {
            workspace.write(&identity(
                "t",
                &format!(
                    r#"mode = "index"
  index_name = {unsuitable:?}"#
                ),
            ));
            let error = workspace.apply_fails().error();
            assert!(error.is_on("index_name"), "{error:?}");
        }

        // Changed outside: shows, and is set back.
        owner(stand_in, "ALTER TABLE t REPLICA IDENTITY NOTHING");
        workspace.write(&identity(
            "t",
            r#"mode = "index"
  index_name = "t_code""#,
        ));
        assert_eq!(workspace.plan().changes(), ["neonrep_replica_identity.this update"]);
        workspace.apply();
        assert_eq!(mode_of(stand_in, "t"), "i");

        workspace.destroy();
        assert_eq!(mode_of(stand_in, "t"), "d");
    });
}

#[test]
fn an_index_that_was_dropped_and_a_table_that_was_dropped_show() {
    let stand_in = StandIn::start(suite());
    owner(&stand_in, "CREATE TABLE t(code text NOT NULL); CREATE UNIQUE INDEX t_code ON t(code)");
    let workspace = Workspace::new(&stand_in);
    workspace.write(&identity(
        "t",
        r#"mode = "index"
  index_name = "t_code""#,
    ));
    workspace.apply();
    owner(&stand_in, "DROP INDEX t_code");
    assert_eq!(workspace.plan().changes(), ["neonrep_replica_identity.this update"]);
    workspace.apply_fails().insist_error("has no index `t_code`");
    owner(&stand_in, "CREATE UNIQUE INDEX t_code ON t(code)");
    workspace.apply();
    owner(&stand_in, "DROP TABLE t");
    let plan = workspace.plan();
    assert_eq!(plan.changes(), ["neonrep_replica_identity.this create"]);
    plan.insist_warning("`public.t` does not exist");
    let error = workspace.apply_fails().error();
    assert!(error.is_on("table") && error.text().contains("does not exist"), "{error:?}");
    workspace.destroy();
}

#[test]
fn keep_keeps_and_an_import_keeps_with_a_warning() {
    let stand_in = StandIn::start(suite());
    owner(&stand_in, r#"CREATE SCHEMA "a.b"; CREATE TABLE "a.b"."it's; ""odd"" ü"(id int)"#);
    let workspace = Workspace::new(&stand_in);
    let odd = r#"mode = "full"
  schema = "a.b"
  on_destroy = "keep""#;
    workspace.write(&identity(r#"it's; "odd" ü"#, odd));
    workspace.apply();
    let id = workspace.attributes(ADDRESS)["id"].as_str().expect("an id").to_owned();
    workspace.destroy();
    assert_eq!(stand_in.value("SELECT relreplident FROM pg_class WHERE relname LIKE 'it%'"), "f");

    workspace.write(&identity(
        r#"it's; "odd" ü"#,
        r#"mode = "full"
  schema = "a.b""#,
    ));
    workspace.import(ADDRESS, &id).expect_success();
    workspace.insist_on_empty_plan();
    workspace.destroy().insist_warning("keeps its replica identity");
    assert_eq!(stand_in.value("SELECT relreplident FROM pg_class WHERE relname LIKE 'it%'"), "f");
    let wrong = workspace.import(ADDRESS, "public/t");
    assert!(wrong.status != 0 && wrong.says("<project_id>/<branch_id>/<database>/<schema>/<table>"));
}

const PUBLISHED: &str = r#"
resource "neonrep_replica_identity" "this" {
  project_id = var.project_id
  database   = "neondb"
  table      = "keyless"
  mode       = "full"
}

resource "neonrep_publication" "this" {
  project_id = var.project_id
  database   = "neondb"
  name       = "pub_one"
  tables     = [{ name = "keyless", replica_identity_id = neonrep_replica_identity.this.id }]
}
"#;

#[test]
fn the_identity_is_set_first_and_given_back_last() {
    let stand_in = StandIn::start_logical(suite());
    owner(&stand_in, "CREATE TABLE keyless(a int); INSERT INTO keyless VALUES (1)");
    let workspace = Workspace::new(&stand_in);
    workspace.write(PUBLISHED);
    let applied = workspace.apply();
    let done = applied.position("apply_complete", "neonrep_replica_identity.this").expect("the identity was set");
    let begun = applied.position("apply_start", "neonrep_publication.this").expect("the publication was made");
    assert!(done < begun);
    // What the application does works.
    owner(&stand_in, "UPDATE keyless SET a = 2; DELETE FROM keyless");
    let destroyed = workspace.destroy();
    let done = destroyed.position("apply_complete", "neonrep_publication.this").expect("the publication was dropped");
    let begun =
        destroyed.position("apply_start", "neonrep_replica_identity.this").expect("the identity was given back");
    assert!(done < begun);
    assert_eq!(mode_of(&stand_in, "keyless"), "d");
}

#[test]
fn a_mode_that_a_publication_cannot_use_is_warned_of_and_refused() {
    let stand_in = StandIn::start_logical(suite());
    owner(&stand_in, "CREATE TABLE keyless(a int); INSERT INTO keyless VALUES (1)");
    let workspace = Workspace::new(&stand_in);
    workspace.write(PUBLISHED);
    workspace.apply();
    for mode in ["nothing", "default"] {
        workspace.write(&PUBLISHED.replace(r#""full""#, &format!("{mode:?}")));
        workspace.plan().insist_warning("mode_serves_publications");
        let error = workspace.apply_fails().error();
        assert!(error.is_on("mode") && error.text().contains("pub_one"), "{error:?}");
        assert_eq!(mode_of(&stand_in, "keyless"), "f");
    }
    // Without the reference nothing keeps the order: given back too early is refused, and nothing breaks.
    let loose = PUBLISHED.replace(", replica_identity_id = neonrep_replica_identity.this.id", "");
    workspace.write(&loose);
    workspace.apply();
    let outcome = workspace.try_destroy(&["-target=neonrep_replica_identity.this"]).expect_failure();
    outcome.insist_error("replica_identity_id");
    owner(&stand_in, "UPDATE keyless SET a = 3");
}

#[test]
fn mode_and_index_are_checked_before_anything_is_asked() {
    let stand_in = StandIn::start(suite());
    let workspace = Workspace::new(&stand_in);
    for (rest, argument) in [
        (r#"mode = "index""#, ""),
        (
            r#"mode = "full"
  index_name = "i""#,
            "index_name",
        ),
        (r#"mode = "FULL""#, "mode"),
    ] {
        workspace.write(&identity("t", rest));
        let error = workspace.plan_fails().error();
        assert!(argument.is_empty() || error.is_on(argument), "{rest}: {error:?}");
    }
    assert_eq!(stand_in.count_requests("GET", "/"), 0);
}

#[test]
fn a_table_leaves_the_publication_before_its_identity_is_given_back() {
    let stand_in = StandIn::start_logical(suite());
    owner(
        &stand_in,
        "CREATE TABLE keyless(a int); INSERT INTO keyless VALUES (1); CREATE TABLE keyed(id int PRIMARY KEY)",
    );
    let workspace = Workspace::new(&stand_in);
    let entry = r#"{ name = "keyless", replica_identity_id = neonrep_replica_identity.this.id }"#;
    let left = PUBLISHED.replace(entry, r#"{ name = "keyed" }"#);
    let publication = left
        .split_once(
            r#"
resource "neonrep_publication""#,
        )
        .expect("two resources")
        .1;
    let without = format!(r#"resource "neonrep_publication"{publication}"#);

    // Core removes before it changes: refused, and nothing breaks. In two runs it works.
    workspace.write(PUBLISHED);
    workspace.apply();
    workspace.write(&without);
    let outcome = workspace.apply_fails();
    for part in ["Remove the table from the publication", "create_before_destroy", "replica_identity_id"] {
        outcome.insist_error(part);
    }
    owner(&stand_in, "UPDATE keyless SET a = 2");
    workspace.write(&left);
    workspace.apply();
    workspace.write(&without);
    workspace.apply();
    assert_eq!(mode_of(&stand_in, "keyless"), "d");
    workspace.destroy();

    // With the order turned it is one run.
    let turned = r#"mode       = "full"
  lifecycle { create_before_destroy = true }"#;
    workspace.write(&PUBLISHED.replace(r#"mode       = "full""#, turned));
    workspace.apply();
    workspace.write(&without);
    workspace.apply();
    assert_eq!(mode_of(&stand_in, "keyless"), "d");
}

#[test]
fn an_import_takes_the_reference_over_in_place() {
    let stand_in = StandIn::start_logical(suite());
    owner(
        &stand_in,
        "CREATE TABLE keyless(a int); ALTER TABLE keyless REPLICA IDENTITY FULL; CREATE PUBLICATION pub_one FOR TABLE keyless",
    );
    let workspace = Workspace::new(&stand_in);
    workspace.write(PUBLISHED);
    let oid = stand_in.value("SELECT oid FROM pg_publication");
    workspace.import(ADDRESS, &stand_in.id_of("public/keyless")).expect_success();
    workspace.import("neonrep_publication.this", &stand_in.id_of("pub_one")).expect_success();
    assert_eq!(workspace.plan().changes(), ["neonrep_publication.this update"]);
    workspace.apply();
    assert_eq!(stand_in.value("SELECT oid FROM pg_publication"), oid);
    assert_eq!(
        workspace.attributes("neonrep_publication.this")["tables"][0]["replica_identity_id"],
        stand_in.id_of("public/keyless")
    );
}

#[test]
fn a_table_that_was_renamed_is_followed() {
    let stand_in = StandIn::start(suite());
    owner(&stand_in, "CREATE TABLE t(id int PRIMARY KEY)");
    let workspace = Workspace::new(&stand_in);
    workspace.write(&identity("t", r#"mode = "full""#));
    workspace.apply();
    owner(&stand_in, "ALTER TABLE t RENAME TO renamed");
    workspace.plan().insist_warning("was renamed");
    // The configuration follows: nothing changes, and what was there before is still known.
    workspace.write(&identity("renamed", r#"mode = "full""#));
    assert!(workspace.plan().changes().is_empty());
    workspace.apply();
    owner(&stand_in, "ALTER TABLE renamed RENAME TO again");
    workspace.try_destroy(&["-refresh=false"]).expect_success();
    assert_eq!(mode_of(&stand_in, "again"), "d");
}

#[test]
fn an_identity_that_was_lost_is_told_by_every_refresh() {
    let stand_in = StandIn::start_logical(suite());
    owner(&stand_in, "CREATE TABLE t(id int PRIMARY KEY); CREATE PUBLICATION p FOR TABLE t");
    let workspace = Workspace::new(&stand_in);
    workspace.write(&identity("t", r#"mode = "default""#));
    workspace.apply();
    owner(&stand_in, "ALTER TABLE t DROP CONSTRAINT t_pkey");
    let plan = workspace.plan();
    assert!(plan.changes().is_empty());
    plan.insist_warning("has lost its replica identity");
    // Nobody needs it.
    owner(&stand_in, "ALTER PUBLICATION p SET (publish = 'insert')");
    assert!(!workspace.plan().says("has lost its replica identity"));
}
