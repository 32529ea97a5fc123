//! Stories of a partitioned table: what its identity does not reach.

use crate::support::stand_in::StandIn;
use crate::support::terraform::Workspace;
use crate::support::versions::suite;

#[test]
fn full_on_a_partitioned_table_does_not_reach_its_leaves_and_that_is_said() {
    let stand_in = StandIn::start_logical(suite());
    let tables = "CREATE TABLE part(id INT, v TEXT) PARTITION BY RANGE (id); \
                  CREATE TABLE part_one PARTITION OF part FOR VALUES FROM (0) TO (100)";
    stand_in.sql_as_owner(tables).expect("a partitioned table");
    let workspace = Workspace::new(&stand_in);
    let identity = |name: &str| {
        format!(
            r#"
resource "neonrep_replica_identity" "{name}" {{
  project_id = var.project_id
  database   = "neondb"
  table      = "{name}"
  mode       = "full"
}}
"#
        )
    };
    let publication = |more: &str| {
        format!(
            r#"
resource "neonrep_publication" "this" {{
  project_id = var.project_id
  database   = "neondb"
  name       = "pub_one"
  tables     = [{{ name = "part"{more} }}]
  publish_via_partition_root = true
}}
"#
        )
    };
    // Without a promise: refused at plan, and the leaf is named.
    workspace.write(&publication(""));
    let error = workspace.plan_fails().error();
    assert!(error.is_on("tables") && error.text().contains("part_one"), "{error:?}");
    // The parent's identity is no cure: the apply sees it in its own transaction, and the application goes on.
    let promised = publication(", replica_identity_id = neonrep_replica_identity.part.id");
    workspace.write(&format!("{}{promised}", identity("part")));
    workspace.apply_fails().insist_error("part_one");
    assert_eq!(stand_in.value("SELECT count(*) FROM pg_publication"), "0");
    stand_in
        .sql_as_owner("INSERT INTO part VALUES (1, 'a'); UPDATE part SET v = 'b'")
        .expect("the application's UPDATE");
    // The leaf's own identity is.
    let after_leaf = promised.replace("publish_via", "depends_on = [neonrep_replica_identity.part_one]\n  publish_via");
    workspace.write(&format!("{}{}{after_leaf}", identity("part"), identity("part_one")));
    workspace.apply();
    stand_in.sql_as_owner("UPDATE part SET v = 'c'").expect("the application's UPDATE");
    workspace.destroy();
    assert_eq!(stand_in.value("SELECT relreplident FROM pg_class WHERE relname = 'part_one'"), "d");
}
