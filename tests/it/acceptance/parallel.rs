//! Much at once, and little: many resources of one database work at -parallelism=50, and over a single connection too.

use crate::support::stand_in::StandIn;
use crate::support::terraform::Workspace;
use crate::support::versions::suite;

/// Of each kind.
const N: usize = 30;

fn started() -> StandIn {
    let stand_in = StandIn::start(suite());
    for at in 0..N {
        stand_in
            .sql_as_owner(&format!("CREATE TABLE t{at}(id int)"))
            .unwrap_or_else(|error| panic!("a table: {error}"));
    }
    stand_in
}

/// Identities, publications and grants on as many tables, four roles; slots for five of the publications.
fn everything(settings: &str) -> String {
    format!(
        r#"
provider "neonrep" {{
  {settings}
}}

variable "project_id" {{ type = string }}

resource "neonrep_logical_replication" "this" {{
  project_id = var.project_id
}}

resource "neonrep_role" "many" {{
  count      = 4
  project_id = neonrep_logical_replication.this.id
  name       = "many_${{count.index}}"
}}

resource "neonrep_grant" "many" {{
  count         = {N}
  project_id    = neonrep_logical_replication.this.id
  database      = "neondb"
  role          = neonrep_role.many[count.index % 4].name
  tables        = [{{ name = "t${{count.index}}" }}]
  future_tables = false
}}

resource "neonrep_grant" "whole" {{
  count      = 4
  project_id = neonrep_logical_replication.this.id
  database   = "neondb"
  role       = neonrep_role.many[count.index].name
  schemas    = ["public"]
  privileges = ["INSERT"]
}}

resource "neonrep_replica_identity" "many" {{
  count      = {N}
  project_id = neonrep_logical_replication.this.id
  database   = "neondb"
  table      = "t${{count.index}}"
  mode       = "full"
}}

resource "neonrep_publication" "many" {{
  count      = {N}
  project_id = neonrep_logical_replication.this.id
  database   = "neondb"
  name       = "many_${{count.index}}"
  tables = [{{
    name                = "t${{count.index}}"
    replica_identity_id = neonrep_replica_identity.many[count.index].id
  }}]
}}

resource "neonrep_slot" "many" {{
  count          = 5
  publication_id = neonrep_publication.many[count.index].id
  name           = "many_${{count.index}}"
}}
"#
    )
}

/// Counts of publications, slots, tables identified by all columns, roles, and entries in ACLs of those roles.
const COUNTS: &str = "SELECT concat_ws(' ', (SELECT count(*) FROM pg_publication), \
    (SELECT count(*) FROM pg_replication_slots WHERE slot_type = 'logical'), \
    (SELECT count(*) FROM pg_class WHERE relreplident = 'f'), \
    (SELECT count(*) FROM pg_roles WHERE rolname LIKE 'many%'), \
    (SELECT count(*) FROM pg_class c, aclexplode(c.relacl) a JOIN pg_roles r ON r.oid = a.grantee WHERE r.rolname LIKE 'many%'))";

fn lives(settings: &str, parallelism: u16) {
    let stand_in = started();
    let workspace = Workspace::new(&stand_in);
    workspace.set_parallelism(parallelism);
    workspace.write_with_provider(&everything(settings));
    workspace.apply();
    // One SELECT on a table each, INSERT on all of them for each of four roles.
    assert_eq!(stand_in.value(COUNTS), format!("{N} 5 {N} 4 {}", N + 4 * N));
    // Drift everywhere at once is set right at once.
    let drift: Vec<String> = (0..N)
        .map(|at| {
            format!(
                "REVOKE SELECT ON t{at} FROM many_{}; ALTER TABLE t{at} REPLICA IDENTITY DEFAULT; \
                 ALTER PUBLICATION many_{at} SET (publish = 'insert')",
                at % 4
            )
        })
        .collect();
    stand_in.sql(&drift.join(";"));
    assert_eq!(workspace.plan().changes().len(), 3 * N);
    workspace.apply();
    assert_eq!(stand_in.value(COUNTS), format!("{N} 5 {N} 4 {}", N + 4 * N));
    workspace.destroy();
    assert_eq!(stand_in.value(COUNTS), "0 0 0 0 0");
    let defaults = stand_in.value("SELECT count(*) FROM pg_default_acl WHERE defaclacl::text LIKE '%many%'");
    assert_eq!(defaults, "0");
}

#[test]
fn fifty_at_once() {
    lives("", 50);
}

#[test]
fn fifty_at_once_over_one_connection() {
    lives("max_connections = 1", 50);
}

#[test]
fn one_connection_and_databases_in_turn() {
    let stand_in = StandIn::start_logical(suite());
    let databases = ["neondb", "db_b", "db_c"];
    for database in databases {
        if database != "neondb" {
            stand_in.admin("POST", "/databases", Some(&serde_json::json!({"name": database, "owner": "neondb_owner"})));
        }
        stand_in.sql_in(database, "SET ROLE neondb_owner; CREATE TABLE t(id int PRIMARY KEY)");
    }
    let workspace = Workspace::new(&stand_in);
    workspace.set_parallelism(50);
    workspace.write_with_provider(
        r#"
provider "neonrep" {
  max_connections = 1
}

variable "project_id" { type = string }

resource "neonrep_publication" "each" {
  for_each   = { for it in setproduct(["neondb", "db_b", "db_c"], range(5)) : join("_", it) => it[0] }
  project_id = var.project_id
  database   = each.value
  name       = each.key
  tables     = [{ name = "t" }]
}

resource "neonrep_slot" "each" {
  for_each       = toset(["neondb_0", "db_b_0", "db_c_0"])
  publication_id = neonrep_publication.each[each.key].id
  name           = each.key
}
"#,
    );
    workspace.apply();
    for database in databases {
        let count = stand_in.sql_in(database, "SELECT count(*) FROM pg_publication");
        assert_eq!(crate::support::sql::single(&count), "5", "{database}");
    }
    assert_eq!(stand_in.value("SELECT count(*) FROM pg_replication_slots WHERE slot_type = 'logical'"), "3");
    workspace.destroy();
}

#[test]
fn one_connection_is_enough_while_a_slot_waits() {
    // Whoever must wait for the connection says what holds it.
    let stand_in = StandIn::start_logical(suite());
    stand_in.sql_as_owner("CREATE TABLE t(id int PRIMARY KEY)").expect("a table");
    let workspace = Workspace::new(&stand_in);
    let body = |slots: &str| {
        format!(
            r#"
provider "neonrep" {{
  max_connections = 1
}}

variable "project_id" {{ type = string }}

resource "neonrep_publication" "a" {{
  project_id = var.project_id
  database   = "neondb"
  name       = "pub_a"
  tables     = [{{ name = "t" }}]
}}
{slots}
"#
        )
    };
    workspace.write_with_provider(&body(""));
    workspace.apply();
    let session = stand_in.session();
    session.run("BEGIN; INSERT INTO t VALUES (1)").expect("a transaction");
    workspace.write_with_provider(&body(
        r#"
resource "neonrep_slot" "a" {
  publication_id = neonrep_publication.a.id
  name           = "slot_a"
  timeouts       = { create = "25s" }
}

resource "neonrep_publication" "b" {
  project_id = var.project_id
  database   = "neondb"
  name       = "pub_b"
  tables     = [{ name = "t" }]
  timeouts   = { create = "6s" }
}
"#,
    ));
    let outcome = workspace.apply_fails();
    session.run("COMMIT").expect("a commit");
    let said: Vec<String> = outcome.errors().iter().map(crate::support::outcome::Message::text).collect();
    // The slot names who it waits for; the other, if it came second, names the slot.
    assert!(said.iter().any(|it| it.contains(&session.pid())), "{}", outcome.messages());
    for it in said.iter().filter(|it| it.contains("pub_b")) {
        assert!(it.contains("slot_a") && it.contains("max_connections"), "{it}");
    }
    workspace.apply();
    workspace.destroy();
}
