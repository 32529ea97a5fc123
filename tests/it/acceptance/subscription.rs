//! `neonrep_subscription`: rows of one project, or of any Postgres, arrive in another database.

mod branches;
mod options;
mod publisher;
mod refusals;
mod roles;
mod versions;

use serde_json::{Value, json};

use crate::support::second_project::SecondProject;
use crate::support::stand_in::StandIn;
use crate::support::terraform::Workspace;

const ADDRESS: &str = "neonrep_subscription.this";

/// What source and target both have.
const TABLES: &str = "CREATE TABLE t (id int PRIMARY KEY, name text); CREATE TABLE u (id int PRIMARY KEY)";

const PUBLISHED: &str = r#"
variable "target_id" { type = string }

resource "neonrep_publication" "t" {
  project_id = var.project_id
  database   = "neondb"
  name       = "pub_t"
  tables     = [{ name = "t" }]
}

resource "neonrep_publication" "u" {
  project_id = var.project_id
  database   = "neondb"
  name       = "pub_u"
  tables     = [{ name = "u" }]
}

ephemeral "neonrep_connection" "source" {
  project_id = var.project_id
  database   = "neondb"
  username   = "neondb_owner"
}
"#;

fn subscription(more: &str) -> String {
    let head = r#"
resource "neonrep_subscription" "this" {
  project_id    = var.target_id
  database      = "neondb"
  name          = "sub"
  connection_wo = ephemeral.neonrep_connection.source.uri
"#;
    format!("{PUBLISHED}{head}{more}\n}}\n")
}

fn workspace(stand_in: &StandIn, target: &SecondProject<'_>) -> Workspace {
    let workspace = Workspace::new(stand_in);
    workspace.set_env("TF_VAR_target_id", &target.id);
    workspace
}

fn at_source(stand_in: &StandIn, statements: &str) {
    stand_in.sql_as_owner(statements).unwrap_or_else(|error| panic!("{statements}: {error}"));
}

fn slots(stand_in: &StandIn) -> String {
    stand_in.value("SELECT count(*) FROM pg_replication_slots WHERE slot_type = 'logical'")
}

fn lives(major: u16) {
    let stand_in = source(major);
    let target = SecondProject::create(&stand_in);
    target.sql(TABLES);
    let workspace = workspace(&stand_in, &target);
    workspace.write(&subscription("  publications = [neonrep_publication.t.name]\n  connection_wo_version = 1"));
    let plan = workspace.plan();
    plan.insist_warning("copies rows, not tables");
    workspace.apply();
    let attributes = workspace.attributes(ADDRESS);
    assert_eq!(attributes["id"], target.id_of("sub"));
    assert_eq!((&attributes["publisher_slot"], &attributes["slot_name"]), (&json!("sub"), &Value::Null));
    assert_eq!(attributes["connection_wo"], Value::Null);
    assert_eq!(attributes["streaming"], if major < 18 { "off" } else { "parallel" });
    assert_eq!(attributes["origin"], if major < 16 { Value::Null } else { json!("any") });
    target.wait_for("SELECT count(*) FROM t", "2");
    at_source(&stand_in, "INSERT INTO t VALUES (3, 'c'); UPDATE t SET name = 'x' WHERE id = 1");
    target.wait_for("SELECT string_agg(name, ',' ORDER BY id) FROM t", "x,b,c");

    // In place: options, the list of publications, the connection string.
    let options = if major < 15 { "" } else { "disable_on_error = true" };
    workspace.write(&subscription(&format!(
        r#"  publications = [neonrep_publication.t.name, neonrep_publication.u.name]
  connection_wo_version = 2
  streaming = "on"
  binary    = true
  {options}"#
    )));
    assert_eq!(workspace.plan().changes(), ["neonrep_subscription.this update"]);
    workspace.apply();
    let flags = "SELECT concat(subbinary, substream, subenabled) FROM pg_subscription";
    assert_eq!(target.value(flags), "ttt");
    target.wait_for("SELECT count(*) FROM u", "1");
    at_source(&stand_in, "INSERT INTO u VALUES (2); INSERT INTO t VALUES (4, 'd')");
    target.wait_for("SELECT count(*) FROM u", "2");
    target.wait_for("SELECT count(*) FROM t", "4");

    // Changed outside: shows, and is changed back. A table that was added meanwhile is taken up.
    target.sql("ALTER SUBSCRIPTION sub DISABLE");
    assert_eq!(workspace.plan().changes(), ["neonrep_subscription.this update"]);
    workspace.apply();
    assert_eq!(target.value(flags), "ttt");

    workspace.forget(ADDRESS);
    workspace.import(ADDRESS, &target.id_of("sub")).expect_success();
    workspace.apply();
    at_source(&stand_in, "INSERT INTO t VALUES (5, 'e')");
    target.wait_for("SELECT count(*) FROM t", "5");

    let uri = stand_in.password_of("neondb_owner");
    workspace.plan_json();
    workspace.no_secret_anywhere(&[&uri, &stand_in.ready.api_key]);
    assert_eq!(slots(&stand_in), "1");
    workspace.destroy();
    assert_eq!(target.value("SELECT count(*) FROM pg_subscription"), "0");
    assert_eq!(slots(&stand_in), "0");
    workspace.no_secret_anywhere(&[&uri, &stand_in.ready.api_key]);
}

/// A source with rows.
fn source(major: u16) -> StandIn {
    let stand_in = StandIn::start_logical(major);
    at_source(&stand_in, TABLES);
    at_source(&stand_in, "INSERT INTO t VALUES (1, 'a'), (2, 'b'); INSERT INTO u VALUES (1)");
    stand_in
}

#[test]
fn rows_arrive_from_project_to_project_on_14() {
    lives(14);
}

#[test]
fn rows_arrive_from_project_to_project_on_17() {
    lives(17);
}

#[test]
fn rows_arrive_from_project_to_project_on_18() {
    lives(18);
}
